/*
 * The catalog for people: the list, an app, one of its builds, the tap on Get; and apps in the API.
 */
#include "catalog/app.h"
#include "catalog/category.h"
#include "catalog/channel.h"
#include "core/buf.h"
#include "core/clock.h"
#include "core/num.h"
#include "ipa/manifest.h"
#include "web/page_install.h"
#include "web/rooms.h"
#include <string.h>
#include <unistd.h>

#define CATALOG_PAGE	60	/* apps on one page */
#define FRESH_S		(14 * DAY_S)	/* a build is new for so long */
#define HISTORY_MAX	30	/* builds under "earlier versions" */

/* ---- pages ---- */

static bool
show(struct req *req, const char *bundle_id, const char *id, json_t **ret, struct err *err)
{
	json_t *build;

	if (!build_show(req->site->db, viewer_of(req->person), id, true, &build, err))
		return false;
	if (strcmp(text_of(build, "bundle_id"), bundle_id) != 0) {
		json_decref(build);
		return err_set(err, ERR_MISSING, "a build of another app");
	}
	*ret = build;
	return true;
}

/* Where a list of apps goes on; NULL at its end. */
const char *
page_next(struct req *req, const char *path, const json_t *list)
{
	const char *q = req_query(req, "q"), *category = req_query(req, "category");
	struct buf url;

	if (!json_is_string(json_object_get(list, "next")))
		return NULL;
	buf_init(&url, req, 4 * HTTP_TARGET_MAX);
	buf_addf(&url, "%s?after=%s", path, text_of(list, "next"));
	if (q && *q) {
		buf_text(&url, "&q=");
		buf_url(&url, q, strlen(q));
	}
	if (category && *category) {
		buf_text(&url, "&category=");
		buf_url(&url, category, strlen(category));
	}
	return buf_str(&url);
}

/* As the list shows it: an app with its button, anything else with where it leads. */
static void
row_of_app(struct req *req, json_t *app)
{
	const char *bundle_id = text_of(app, "bundle_id");
	int64_t until = json_integer_value(json_object_get(app, "expires_at"));

	json_object_set_new(app, "elsewhere", json_boolean(!*bundle_id));
	if (!*bundle_id) {
		json_object_set_new(app, "icon_url", json_sprintf("/items/%s/icon.png", text_of(app, "id")));
		json_object_set_new(app, "required", json_false());
		return;
	}
	json_object_set_new(app, "needs_ios", json_null());
	json_object_set_new(app, "url", json_sprintf("/apps/%s", bundle_id));
	json_object_set_new(app, "icon_url", json_sprintf("/apps/%s/icon/120.png", bundle_id));
	json_object_set_new(app, "get_url", json_sprintf("/apps/%s/builds/%s/install", bundle_id, text_of(app, "build_id")));
	json_object_set_new(app, "size", json_string(page_size(req, req->language,
			    json_integer_value(json_object_get(app, "size")))));
	if (until && until <= clock_now())
		json_object_set_new(app, "installable", json_false());
}

static bool
shelf(struct req *req, json_t **ret, struct err *err)
{
	json_t *list, *app;
	size_t i;

	if (!app_featured(req->site->db, viewer_of(req->person), &list, err))
		return false;
	json_array_foreach(list, i, app) {
		struct err none;
		time_t at;

		json_object_set_new(app, "url", json_sprintf("/apps/%s", text_of(app, "bundle_id")));
		json_object_set_new(app, "icon_url", json_sprintf("/apps/%s/icon/512.png", text_of(app, "bundle_id")));
		json_object_set_new(app, "fresh", json_boolean(clock_parse(text_of(app, "updated"), &at, &none) &&
							       clock_now() - at < FRESH_S));
	}
	*ret = list;
	return true;
}

/* [{name, url, current}] of those that lead somewhere. */
static bool
chips(struct req *req, const char *chosen, json_t **ret, struct err *err)
{
	json_t *names, *name, *list;
	size_t i;

	if (!category_seen(req->site->db, viewer_of(req->person), &names, err))
		return false;
	list = json_array();
	json_array_foreach(names, i, name) {
		const char *text = json_string_value(name);
		struct buf url;

		buf_init(&url, req, 4 * CATEGORY_NAME_MAX + 32);
		buf_text(&url, "/?category=");
		buf_url(&url, text, strlen(text));
		json_array_append_new(list, json_pack("{s:s, s:s, s:b}", "name", text, "url", buf_str(&url), "current",
						      chosen && strcmp(chosen, text) == 0));
	}
	json_decref(names);
	*ret = list;
	return true;
}

static bool
get_catalog(struct req *req, struct reply *reply, struct err *err)
{
	const char *q = req_query(req, "q"), *category = req_query(req, "category"), *after = req_query(req, "after");
	struct app_filter filter = { .search = q, .category = category && *category ? category : NULL };
	bool filtered = (q && *q) || filter.category;
	json_t *list, *app, *data, *categories = NULL, *featured = NULL;
	size_t i;

	if (!chips(req, filter.category, &categories, err) ||
	    !(filtered || after ? (featured = json_array()) != NULL : shelf(req, &featured, err)) ||
	    !app_list(req->site->db, viewer_of(req->person), &filter, after, CATALOG_PAGE, &list, err)) {
		json_decref(categories);
		json_decref(featured);
		return false;
	}
	json_array_foreach(json_object_get(list, "items"), i, app)
		row_of_app(req, app);
	data = json_pack("{s:s, s:s?, s:b, s:o, s:o, s:O, s:s?}", "q", q ? q : "", "category", filter.category,
			 "filtered", filtered, "categories", categories, "featured", featured, "apps",
			 json_object_get(list, "items"), "next_url", page_next(req, "/", list));
	json_decref(list);
	return reply_page(reply, req, "catalog", data, err);
}

static bool
history(struct req *req, const char *bundle_id, const char *current, json_t **ret, struct err *err)
{
	struct build_filter filter = { .bundle_id = bundle_id };
	json_t *list, *build, *items = json_array();
	size_t i;

	if (!build_list(req->site->db, viewer_of(req->person), &filter, NULL, HISTORY_MAX, &list, err)) {
		json_decref(items);
		return false;
	}
	json_array_foreach(json_object_get(list, "items"), i, build) {
		json_t *item = page_build(req, build);

		json_object_set_new(item, "current", json_boolean(strcmp(text_of(build, "id"), current) == 0));
		json_array_append_new(items, item);
	}
	json_decref(list);
	*ret = items;
	return true;
}

/* What its publisher says of it, beside what the build is. */
static bool
add_words(struct req *req, const char *bundle_id, json_t *page, struct err *err)
{
	json_t *app, *categories;
	const char *subtitle, *about;

	if (!app_show(req->site->db, viewer_of(req->person), bundle_id, &app, err))
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

static bool
app_page(struct req *req, struct reply *reply, const char *bundle_id, const char *id, struct err *err)
{
	json_t *build, *page, *builds;

	if (!show(req, bundle_id, id, &build, err))
		return false;
	page = page_build(req, build);
	json_decref(build);
	if (!add_words(req, bundle_id, page, err) || !history(req, bundle_id, id, &builds, err)) {
		json_decref(page);
		return false;
	}
	json_object_set_new(page, "history", builds);
	return reply_page(reply, req, "app", page, err);
}

static bool
get_app(struct req *req, struct reply *reply, struct err *err)
{
	const char *bundle_id = req_param(req, "bundle");
	json_t *app;
	char *id;

	if (!app_show(req->site->db, viewer_of(req->person), bundle_id, &app, err))
		return false;
	id = mem_text(req, text_of(app, "newest_build_id"));
	json_decref(app);
	return app_page(req, reply, bundle_id, id, err);
}

/* The permanent link of one build. */
static bool
get_app_build(struct req *req, struct reply *reply, struct err *err)
{
	return app_page(req, reply, req_param(req, "bundle"), req_param(req, "id"), err);
}

/* The stable link to whatever is newest in a channel. */
static bool
get_app_channel(struct req *req, struct reply *reply, struct err *err)
{
	const char *bundle_id = req_param(req, "bundle");
	char *app, *build;

	return app_id(req, req->site->db, viewer_of(req->person), bundle_id, &app, err) &&
	       channel_newest(req, req->site->db, viewer_of(req->person), app, req_param(req, "channel"), &build, err) &&
	       app_page(req, reply, bundle_id, build, err);
}

/* The tap on Get: a grant for this one install, and the page whose button hands it to iOS. */
static bool
post_install(struct req *req, struct reply *reply, struct err *err)
{
	const char *id = req_param(req, "id"), *bundle_id = req_param(req, "bundle");
	struct install_view view;
	char *install, *token = NULL;
	json_t *build;
	bool ok;

	if (!show(req, bundle_id, id, &build, err))
		return false;
	install_view_init(&view, build, mem_printf(req, "%s/apps/%s/builds/%s", req->site->base_url, bundle_id, id));
	ok = true;
	if (strcmp(build_verdict_word(build), "cannot") != 0) {
		ok = install_tap_person(req, id, &install, &token, err);
		view.token = token;
		view.status_url = ok ? mem_printf(req, "/apps/%s/installs/%s", bundle_id, install) : NULL;
	}
	ok = ok && install_page(req, reply, 200, &view, err);
	json_decref(build);
	return ok;
}

/* How far an install of theirs is. */
static bool
get_install(struct req *req, struct reply *reply, struct err *err)
{
	const char *bundle_id = req_param(req, "bundle"), *id = req_param(req, "id");
	struct install_viewer viewer = { .person = req->person };
	struct install_view view;
	struct install *install;
	json_t *build, *shown = NULL;
	bool ok;

	if (!install_get(req, req->site->db, id, NULL, req->person->id, &install, err) ||
	    !show(req, bundle_id, install->build_id, &build, err))
		return false;
	install_view_init(&view, build, mem_printf(req, "%s/apps/%s/builds/%s", req->site->base_url, bundle_id,
						   install->build_id));
	view.status_url = mem_printf(req, "/apps/%s/installs/%s", bundle_id, id);
	if (install->granted)
		view.token = link_tap_token(req, &req->site->link_key, id);
	ok = install_show(req->site->db, req->site->installs, &viewer, id, &shown, err);
	view.install = shown;
	ok = ok && install_page(req, reply, 200, &view, err);
	json_decref(shown);
	json_decref(build);
	return ok;
}

static bool
get_app_icon(struct req *req, struct reply *reply, struct err *err)
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
	if (!build_icon(req, req->site->db, viewer_of(req->person), req_param(req, "bundle"), (enum icon_size)which, &name, err) ||
	    !blob_open(req->site->blobs, name, &fd, &size, err))
		return false;
	reply_header(reply, "Cache-Control", "private, max-age=3600");
	return reply_file(reply, req, fd, size, site_etag(req, name), "image/png", NULL);
}

/* ---- API ---- */

int64_t
query_limit(struct req *req, int64_t most)
{
	const char *text = req_query(req, "limit");
	struct err err;
	int64_t n;

	return text && num_parse(text, 1, most, &n, &err) ? n : most;
}

static bool
api_apps(struct req *req, struct reply *reply, struct err *err)
{
	struct app_filter filter = { .search = req_query(req, "q"), .category = req_query(req, "category") };
	json_t *list, *item;
	size_t i;

	if (!app_list(req->site->db, viewer_of(req->person), &filter, req_query(req, "after"),
		      query_limit(req, APP_PAGE_MAX), &list, err))
		return false;
	json_array_foreach(json_object_get(list, "items"), i, item)
		json_object_del(item, "expires_at"), json_object_del(item, "good_until");
	return reply_json(reply, 200, list);
}

static bool
api_app(struct req *req, struct reply *reply, struct err *err)
{
	const char *bundle_id = req_param(req, "bundle");
	json_t *app, *build = NULL, *channels = NULL, *categories = NULL;

	if (!app_show(req->site->db, viewer_of(req->person), bundle_id, &app, err))
		return false;
	if (!build_show(req->site->db, viewer_of(req->person), text_of(app, "newest_build_id"), false, &build, err) ||
	    !channel_list(req->site->db, viewer_of(req->person), text_of(app, "id"), &channels, err) ||
	    !category_of_app(req->site->db, text_of(app, "id"), &categories, err)) {
		json_decref(build);
		json_decref(channels);
		json_decref(app);
		return false;
	}
	json_object_del(app, "id");
	json_object_del(app, "newest_build_id");
	json_object_set_new(app, "newest", build);
	json_object_set_new(app, "channels", channels);
	json_object_set_new(app, "categories", categories);
	return reply_json(reply, 200, app);
}

const struct route catalog_routes[] = {
	{ GET,  "/",                                 WHO_PERSON, "0",   ON_WORKER, get_catalog,     NULL, NULL, "The catalog" },
	{ GET,  "/apps/:bundle",                     WHO_PERSON, "0",   ON_WORKER, get_app,         NULL, NULL, "An app, at its newest" },
	{ GET,  "/apps/:bundle/builds/:id",          WHO_PERSON, "0",   ON_WORKER, get_app_build,   NULL, NULL, "One build: the permanent link" },
	{ GET,  "/apps/:bundle/channels/:channel",   WHO_PERSON, "0",   ON_WORKER, get_app_channel, NULL, NULL, "The newest of a channel: the stable link" },
	{ POST, "/apps/:bundle/builds/:id/install",  WHO_PERSON, "16K", ON_WORKER, post_install,    NULL, NULL, "Get: a grant and the button that installs" },
	{ GET,  "/apps/:bundle/installs/:id",        WHO_PERSON, "0",   ON_WORKER, get_install,     NULL, NULL, "How far an install is" },
	{ GET,  "/apps/:bundle/icon/:size",          WHO_PERSON, "0",   ON_WORKER, get_app_icon,    NULL, "read", "57.png, 120.png or 512.png" },
	{ GET,  "/api/v1/apps",                      WHO_PERSON, "0",   ON_WORKER, api_apps,        NULL, "read", "Apps, web apps and App Store links: ?q= &category= &after= &limit=" },
	{ GET,  "/api/v1/apps/:bundle",              WHO_PERSON, "0",   ON_WORKER, api_app,         NULL, "read", "An app" },
	{ 0 }
};
