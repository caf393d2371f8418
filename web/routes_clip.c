/*
 * The catalog behind the web clip, /c/<token>: 200 at every launch and no redirect, whatever the device sends.
 *
 * The token in the path is the proof, of a device and never of a person; a cookie tells a browser on the device, in
 * which its person signs in, that it is that device.  What changes something must come from our own pages.  A token
 * that is unknown, or whose enrollment is over, is one and the same 404.
 */
#include "catalog/app.h"
#include "catalog/item.h"
#include "core/json.h"
#include "core/log.h"
#include "web/clip_visit.h"
#include "web/pace.h"
#include "web/page_catalog.h"
#include "web/rooms.h"
#include <string.h>

#define TAPS_MAX	60	/* a minute, of one device */
#define MISSES_MAX	240	/* a minute, of one address: many devices may share one */
#define MANIFEST_TYPE	"application/manifest+json"

static bool
open_visit(struct req *req, struct clip_visit **visit, struct catalog_view *view, struct err *err)
{
	const char *token = req_param(req, "token");

	if (!clip_visit(req, token, visit, err)) {
		struct err slow;

		if (err->kind == ERR_MISSING && !pace_take(mem_printf(req, "miss %s", req->address), MISSES_MAX, &slow))
			*err = slow;
		return false;
	}
	*view = (struct catalog_view){ .viewer = (*visit)->viewer, .home = mem_printf(req, "/c/%s", token), .visit = *visit,
				       .by_clip = true };
	return true;
}

static bool
may_change(struct req *req, const struct clip_visit *visit, struct err *err)
{
	if (!session_from_our_pages(req))
		return err_code(err, ERR_DENIED, "cross_site", "this request did not come from our own pages");
	return pace_take(mem_printf(req, "tap %s", visit->clip->enrollment_id), TAPS_MAX, err);
}

/* ---- pages ---- */

static bool
get_clip(struct req *req, struct reply *reply, struct err *err)
{
	struct catalog_view view;
	struct clip_visit *visit;

	if (!open_visit(req, &visit, &view, err))
		return false;
	if (!req->head)
		clip_opened(req->site->db, visit->clip);
	clip_cookie_set(req, reply, visit->token);
	return catalog_page(req, reply, &view, err);
}

static bool
get_app(struct req *req, struct reply *reply, struct err *err)
{
	const char *bundle_id = req_param(req, "bundle");
	struct catalog_view view;
	struct clip_visit *visit;
	json_t *app;
	char *id;

	if (!open_visit(req, &visit, &view, err) || !app_show(req->site->db, view.viewer, bundle_id, &app, err))
		return false;
	id = mem_text(req, text_of(app, "newest_build_id"));
	json_decref(app);
	return catalog_app_page(req, reply, &view, bundle_id, id, err);
}

/* ---- taps ---- */

/* A page that is older than the device's last report offers what is there by now: that is no mistake of who taps. */
static bool
is_there_already(const struct err *err)
{
	return strcmp(err->code, "already_there") == 0 || strcmp(err->code, "newer_there") == 0;
}

/* Back to where it was tapped. */
static bool
post_app(struct req *req, struct reply *reply, struct err *err)
{
	const char *bundle_id = req_param(req, "bundle"), *from = req_form(req, "from");
	struct catalog_view view;
	struct clip_visit *visit;

	if (!open_visit(req, &visit, &view, err) || !may_change(req, visit, err))
		return false;
	if (!clip_visit_ask(req, visit, "device", bundle_id, err) && !(req->browser && is_there_already(err)))
		return false;
	return reply_see(reply, from && strcmp(from, "list") == 0 ? view.home : mem_printf(req, "%s/apps/%s", view.home, bundle_id));
}

/* What stands in the way of one does not keep the others. */
static bool
post_updates(struct req *req, struct reply *reply, struct err *err)
{
	struct catalog_view view;
	struct clip_visit *visit;
	json_t *app;
	size_t i;

	if (!open_visit(req, &visit, &view, err) || !may_change(req, visit, err))
		return false;
	json_array_foreach(visit->here, i, app) {
		struct err one = { 0 };
		json_t *state = json_copy(app);
		bool wanted;

		clip_visit_state(req, visit, state);
		wanted = strcmp(text_of(state, "state"), "update") == 0;
		json_decref(state);
		if (!wanted || clip_visit_ask(req, visit, "device", text_of(app, "bundle_id"), &one))
			continue;
		if (one.kind == ERR_INTERNAL || one.kind == ERR_BUSY) {
			*err = one;
			return false;
		}
		log_err("an update that was tapped", &one);
	}
	return reply_see(reply, view.home);
}

/* ---- what stands beside it ---- */

static bool
get_icon(struct req *req, struct reply *reply, struct err *err)
{
	struct catalog_view view;
	struct clip_visit *visit;

	return open_visit(req, &visit, &view, err) && catalog_icon(req, reply, view.viewer, err);
}

static bool
get_item_icon(struct req *req, struct reply *reply, struct err *err)
{
	struct catalog_view view;
	struct clip_visit *visit;
	int64_t size;
	char *name;
	int fd;

	if (!open_visit(req, &visit, &view, err) ||
	    !item_icon(req, req->site->db, view.viewer, req_param(req, "id"), &name, err) ||
	    !blob_open(req->site->blobs, name, &fd, &size, err))
		return false;
	reply_header(reply, "Cache-Control", "private, max-age=3600");
	return reply_file(reply, req, fd, size, site_etag(req, name), "image/png", NULL);
}

static bool
get_manifest(struct req *req, struct reply *reply, struct err *err)
{
	struct catalog_view view;
	struct clip_visit *visit;

	return open_visit(req, &visit, &view, err) &&
	       reply_json_as(reply, 200, MANIFEST_TYPE, web_manifest(req, view.home));
}

const struct route clip_routes[] = {
	{ GET,  "/c/:token",                         WHO_LINK, "0",   ON_WORKER, get_clip,      NULL, NULL, "The catalog behind a device's web clip" },
	{ GET,  "/c/:token/apps/:bundle",            WHO_LINK, "0",   ON_WORKER, get_app,       NULL, NULL, "An app, for that device" },
	{ POST, "/c/:token/apps/:bundle",            WHO_LINK, "16K", ON_WORKER, post_app,      NULL, NULL, "Get or update it, on that device alone" },
	{ POST, "/c/:token/updates",                 WHO_LINK, "16K", ON_WORKER, post_updates,  NULL, NULL, "Update all that is older there" },
	{ GET,  "/c/:token/apps/:bundle/icon/:size", WHO_LINK, "0",   ON_WORKER, get_icon,      NULL, NULL, "57.png, 120.png or 512.png" },
	{ GET,  "/c/:token/items/:id/icon.png",      WHO_LINK, "0",   ON_WORKER, get_item_icon, NULL, NULL, "The icon of a web app or App Store link" },
	{ GET,  "/c/:token/manifest.webmanifest",    WHO_LINK, "0",   ON_WORKER, get_manifest,  NULL, NULL, "The web app manifest of that catalog" },
	{ 0 }
};
