#include "web/managed_apps.h"
#include "web/page_catalog.h"
#include "catalog/app.h"
#include "catalog/app_device.h"
#include "catalog/category.h"
#include "core/clock.h"
#include "core/secret.h"
#include "web/rooms.h"
#include <string.h>

#define CATALOG_PAGE	60	/* apps on one page */
#define FRESH_S		(14 * DAY_S)	/* a build is new for so long */
#define HISTORY_MAX	30	/* builds under "earlier versions" */
#define LOOK_AGAIN_S	15	/* without a script, while something is under way */
#define MARK_SIZE	12

/* ---- the device that asks ---- */

static const char *
home_of(const struct catalog_view *view)
{
	return *view->home ? view->home : "/";
}

/* Where the button of an app leads, and how: a form that posts, or a link. */
static void
set_button(struct req *req, const struct catalog_view *view, json_t *app)
{
	const char *bundle_id = text_of(app, "bundle_id");

	json_object_set_new(app, "get_link", json_null());
	if (!view->by_clip)
		json_object_set_new(app, "get_url", json_sprintf("/apps/%s/builds/%s/install", bundle_id, text_of(app, "build_id")));
	else if (view->visit->installs)
		json_object_set_new(app, "get_url", json_sprintf("%s/apps/%s", view->home, bundle_id));
	else
		json_object_set_new(app, "get_link", json_sprintf("/apps/%s", bundle_id));	/* asks for a sign-in */
	if (view->visit) {
		clip_visit_state(req, view->visit, app);
		return;
	}
	json_object_set_new(app, "state", json_string(json_is_true(json_object_get(app, "installable")) ? "get" : "not_now"));
	json_object_set_new(app, "note", json_null());
	json_object_set_new(app, "open_url", json_null());
	json_object_set_new(app, "needs_ios", json_null());
}

static bool
is_moving(const json_t *app)
{
	const char *state = text_of(app, "state");

	return strcmp(state, "waiting") == 0 || strcmp(state, "installing") == 0 || strcmp(state, "leaving") == 0;
}

/* What a page says of the device: null without one.  `mark` changes with what is shown. */
static json_t *
device_of(struct req *req, const struct catalog_view *view, bool moving)
{
	char hash[SECRET_HASH_SIZE];
	char *here, *asked;
	json_t *device;

	if (!view->visit)
		return json_null();
	here = json_dumps(view->visit->here, JSON_COMPACT | JSON_SORT_KEYS);
	asked = json_dumps(view->visit->asked, JSON_COMPACT | JSON_SORT_KEYS);
	secret_hash(mem_printf(req, "%s\n%s", here, asked), hash);
	free(here);
	free(asked);
	device = json_pack("{s:s, s:b, s:b, s:b, s:o}", "name", view->visit->clip->device_name, "installs",
			   view->visit->installs, "nobody", view->visit->viewer.person_id == NULL, "by_clip", view->by_clip,
			   "refresh", moving ? json_integer(LOOK_AGAIN_S) : json_null());
	json_object_set_new(device, "mark", moving ? json_sprintf("%.*s", MARK_SIZE, hash) : json_null());
	return device;
}

/* Links of every page of the catalog.  Behind a web clip the manifest is that clip's own. */
static void
add_place(const struct catalog_view *view, json_t *page)
{
	json_object_set_new(page, "home", json_string(home_of(view)));
	if (view->by_clip)
		json_object_set_new(page, "manifest_url", json_sprintf("%s/manifest.webmanifest", view->home));
}

/* ---- the list ---- */

/* As the list shows it: an app with its button, anything else with where it leads. */
static void
row_of_app(struct req *req, const struct catalog_view *view, json_t *app)
{
	const char *bundle_id = text_of(app, "bundle_id");
	int64_t until = json_integer_value(json_object_get(app, "expires_at"));

	json_object_set_new(app, "elsewhere", json_boolean(!*bundle_id));
	if (!*bundle_id) {
		json_object_set_new(app, "icon_url", json_sprintf("%s/items/%s/icon.png", view->home, text_of(app, "id")));
		json_object_set_new(app, "required", json_false());
		return;
	}
	if (until && until <= clock_now())
		json_object_set_new(app, "installable", json_false());
	json_object_set_new(app, "url", json_sprintf("%s/apps/%s", view->home, bundle_id));
	json_object_set_new(app, "icon_url", json_sprintf("%s/apps/%s/icon/120.png", view->home, bundle_id));
	json_object_set_new(app, "size", json_string(page_size(req, req->language,
			    json_integer_value(json_object_get(app, "size")))));
	set_button(req, view, app);
}

static bool
shelf(struct req *req, const struct catalog_view *view, json_t **ret, struct err *err)
{
	json_t *list, *app;
	size_t i;

	if (!app_featured(req->site->db, view->viewer, &list, err))
		return false;
	json_array_foreach(list, i, app) {
		struct err none;
		time_t at;

		json_object_set_new(app, "url", json_sprintf("%s/apps/%s", view->home, text_of(app, "bundle_id")));
		json_object_set_new(app, "icon_url", json_sprintf("%s/apps/%s/icon/512.png", view->home, text_of(app, "bundle_id")));
		json_object_set_new(app, "fresh", json_boolean(clock_parse(text_of(app, "updated"), &at, &none) &&
							       clock_now() - at < FRESH_S));
	}
	*ret = list;
	return true;
}

/* [{name, url, current}] of those that lead somewhere. */
static bool
chips(struct req *req, const struct catalog_view *view, const char *chosen, json_t **ret, struct err *err)
{
	json_t *names, *name, *list;
	size_t i;

	if (!category_seen(req->site->db, view->viewer, &names, err))
		return false;
	list = json_array();
	json_array_foreach(names, i, name) {
		const char *text = json_string_value(name);

		json_array_append_new(list, json_pack("{s:s, s:s, s:b}", "name", text, "url",
			page_url(req, home_of(view), "", "category", text), "current", chosen && strcmp(chosen, text) == 0));
	}
	json_decref(names);
	*ret = list;
	return true;
}

/* Apps of the device that are older here than in the catalog, and those that are on their way to be newer. */
static json_t *
updates(struct req *req, const struct catalog_view *view)
{
	json_t *list = json_array(), *app;
	size_t i;

	if (!view->visit)
		return list;
	json_array_foreach(view->visit->here, i, app) {
		json_t *row = json_deep_copy(app);

		row_of_app(req, view, row);
		if (strcmp(text_of(row, "state"), "update") == 0 || is_moving(row))
			json_array_append(list, row);
		json_decref(row);
	}
	return list;
}

static bool
any_moves(const json_t *apps)
{
	const json_t *app;
	size_t i;

	json_array_foreach(apps, i, app)
		if (is_moving(app))
			return true;
	return false;
}

static size_t
count_updates(const json_t *apps)
{
	const json_t *app;
	size_t i, n = 0;

	json_array_foreach(apps, i, app)
		n += strcmp(text_of(app, "state"), "update") == 0;
	return n;
}

bool
catalog_page(struct req *req, struct reply *reply, const struct catalog_view *view, struct err *err)
{
	const char *q = req_query(req, "q"), *category = req_query(req, "category"), *after = req_query(req, "after");
	struct app_filter filter = { .search = q, .category = category && *category ? category : NULL };
	bool filtered = (q && *q) || filter.category;
	json_t *list, *app, *data, *categories = NULL, *featured = NULL, *newer;
	size_t i, n;

	if (!chips(req, view, filter.category, &categories, err) ||
	    !(filtered || after ? (featured = json_array()) != NULL : shelf(req, view, &featured, err)) ||
	    !app_list(req->site->db, view->viewer, &filter, after, CATALOG_PAGE, &list, err)) {
		json_decref(categories);
		json_decref(featured);
		return false;
	}
	json_array_foreach(json_object_get(list, "items"), i, app)
		row_of_app(req, view, app);
	newer = filtered || after ? json_array() : updates(req, view);
	n = count_updates(newer);
	data = json_pack("{s:s, s:s?, s:b, s:o, s:o, s:O, s:o, s:i, s:s?, s:s?}", "q", q ? q : "", "category", filter.category,
			 "filtered", filtered, "categories", categories, "featured", featured, "apps",
			 json_object_get(list, "items"), "updates", newer, "updates_count", (int)n,
			 "update_all_url", n && view->by_clip && view->visit->installs ? mem_printf(req, "%s/updates", view->home) : NULL,
			 "next_url", page_next(req, home_of(view), "q category", list));
	json_object_set_new(data, "device", device_of(req, view, any_moves(newer) || any_moves(json_object_get(list, "items"))));
	add_place(view, data);
	json_decref(list);
	return reply_page(reply, req, "catalog", data, err);
}

/* ---- an app ---- */

bool
catalog_build(struct req *req, struct viewer viewer, const char *bundle_id, const char *id, json_t **ret, struct err *err)
{
	json_t *build;

	if (!build_show(req->site->db, viewer, id, true, &build, err))
		return false;
	if (strcmp(text_of(build, "bundle_id"), bundle_id) != 0) {
		json_decref(build);
		return err_set(err, ERR_MISSING, "a build of another app");
	}
	*ret = build;
	return true;
}

static bool
history(struct req *req, const struct catalog_view *view, const char *bundle_id, const char *current, json_t **ret,
	struct err *err)
{
	struct build_filter filter = { .bundle_id = bundle_id };
	json_t *list, *build, *items = json_array();
	size_t i;

	*ret = items;
	if (view->by_clip)	/* a device gets what is current */
		return true;
	if (!build_list(req->site->db, view->viewer, &filter, NULL, HISTORY_MAX, &list, err)) {
		json_decref(items);
		return false;
	}
	json_array_foreach(json_object_get(list, "items"), i, build) {
		json_t *item = page_build(req, build);

		json_object_set_new(item, "current", json_boolean(strcmp(text_of(build, "id"), current) == 0));
		json_array_append_new(items, item);
	}
	json_decref(list);
	return true;
}

/* What its publisher says of it, beside what the build is. */
static bool
add_words(struct req *req, struct viewer viewer, const char *bundle_id, json_t *page, struct err *err)
{
	json_t *app, *categories;
	const char *subtitle, *about;

	if (!app_show(req->site->db, viewer, bundle_id, &app, err))
		return false;
	if (!category_of_app(req->site->db, text_of(app, "id"), &categories, err)) {
		json_decref(app);
		return false;
	}
	subtitle = text_of(app, "subtitle");
	about = text_of(app, "description");
	json_object_set_new(page, "subtitle", *subtitle ? json_string(subtitle) : json_null());
	json_object_set_new(page, "about", *about ? json_pack("{s:o}", "notes", page_markdown(about)) : json_null());
	json_object_set(page, "required", json_object_get(app, "required"));
	json_object_set_new(page, "category", json_array_size(categories) ? json_string(names_joined(req, categories))
									  : json_null());
	json_decref(categories);
	json_decref(app);
	return true;
}

/* A device is told what an app is, and nothing of the people behind it. */
static void
without_people(json_t *page)
{
	static const char *const names[] = { "publisher", "contact", "channel", "trust", NULL },
		*const gone[] = { "by", "from", "channels", "url", "sha256", NULL };

	for (size_t i = 0; names[i]; i++)
		json_object_set_new(page, names[i], json_null());
	for (size_t i = 0; gone[i]; i++)
		json_object_del(page, gone[i]);
}

bool
catalog_app_page(struct req *req, struct reply *reply, const struct catalog_view *view, const char *bundle_id,
		 const char *id, struct err *err)
{
	json_t *build, *page, *builds;

	if (!catalog_build(req, view->viewer, bundle_id, id, &build, err))
		return false;
	page = page_build(req, build);
	json_decref(build);
	if (!add_words(req, view->viewer, bundle_id, page, err) || !history(req, view, bundle_id, id, &builds, err)) {
		json_decref(page);
		return false;
	}
	json_object_set_new(page, "history", builds);
	json_object_set_new(page, "build_id", json_string(id));
	json_object_set_new(page, "icon_url", json_sprintf("%s/apps/%s/icon/512.png", view->home, bundle_id));
	set_button(req, view, page);
	json_object_set_new(page, "device", device_of(req, view, is_moving(page)));
	if (!managed_app_yours(req, bundle_id, id, &builds, err)) {
		json_decref(page);
		return false;
	}
	json_object_set_new(page, "yours", builds);
	if (view->by_clip)
		without_people(page);
	add_place(view, page);
	return reply_page(reply, req, "app", page, err);
}

bool
catalog_icon(struct req *req, struct reply *reply, struct viewer viewer, struct err *err)
{
	const char *file = req_param(req, "size");
	char *name;
	int64_t size;
	int fd, which = ICON_SIZES;

	for (int i = 0; i < ICON_SIZES; i++)
		if (strcmp(file, mem_printf(req, "%d.png", icon_sides[i])) == 0)
			which = i;
	if (which == ICON_SIZES)
		return err_set(err, ERR_MISSING, "no such size");
	if (!build_icon(req, req->site->db, viewer, req_param(req, "bundle"), (enum icon_size)which, &name, err) ||
	    !blob_open(req->site->blobs, name, &fd, &size, err))
		return false;
	reply_header(reply, "Cache-Control", "private, max-age=3600");
	return reply_file(reply, req, fd, size, site_etag(req, name), "image/png", NULL);
}
