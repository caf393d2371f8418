/*
 * The catalog for people: the list, an app, one of its builds, the tap on Get; and apps in the API.
 */
#include "catalog/app.h"
#include "catalog/category.h"
#include "catalog/channel.h"
#include "core/clock.h"
#include "core/num.h"
#include "ipa/manifest.h"
#include "web/page_catalog.h"
#include "web/page_install.h"
#include "web/rooms.h"
#include <string.h>

/* ---- pages ---- */

/* Whoever has signed in; on a device of theirs that we manage it is known which. */
static bool
view_of(struct req *req, struct catalog_view *view, struct err *err)
{
	struct clip_visit *visit;

	if (!clip_visit_signed_in(req, &visit, err))
		return false;
	*view = (struct catalog_view){ .viewer = viewer_of(req->person), .home = "", .visit = visit };
	return true;
}

static bool
get_catalog(struct req *req, struct reply *reply, struct err *err)
{
	struct catalog_view view;

	return view_of(req, &view, err) && catalog_page(req, reply, &view, err);
}

static bool
app_page(struct req *req, struct reply *reply, const char *bundle_id, const char *id, struct err *err)
{
	struct catalog_view view;

	return view_of(req, &view, err) && catalog_app_page(req, reply, &view, bundle_id, id, err);
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

/* By management, where the device that asks is theirs and this is the build that it would get. */
static bool
installs_by_mdm(struct req *req, const char *bundle_id, const char *id, bool *done, struct err *err)
{
	struct clip_visit *visit;
	json_t *app;
	bool newest;

	*done = false;
	if (!clip_visit_signed_in(req, &visit, err) || (visit && !app_show(req->site->db, visit->viewer, bundle_id, &app, err)))
		return false;
	if (!visit)
		return true;
	newest = strcmp(text_of(app, "newest_build_id"), id) == 0;
	json_decref(app);
	if (!newest)
		return true;
	*done = clip_visit_ask(req, visit, person_actor(req, req->person), bundle_id, err);
	if (*done || err->kind != ERR_CONFLICT)
		return *done;
	*err = (struct err){ .kind = ERR_NONE };	/* then as without management */
	return true;
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

	if (!installs_by_mdm(req, bundle_id, id, &ok, err))
		return false;
	if (ok)
		return reply_see(reply, mem_printf(req, "/apps/%s", bundle_id));
	if (!catalog_build(req, viewer_of(req->person), bundle_id, id, &build, err))
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
	    !catalog_build(req, viewer_of(req->person), bundle_id, install->build_id, &build, err))
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
	return catalog_icon(req, reply, viewer_of(req->person), err);
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
