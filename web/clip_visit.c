#include "web/clip_visit.h"
#include "catalog/app.h"
#include "catalog/app_device.h"
#include "catalog/managed_app.h"
#include "core/clock.h"
#include "core/json.h"
#include "core/log.h"
#include <string.h>

#define INSTALL_RIGHT	4096	/* AccessRights: app management */
#define COOKIE_S	(400 * DAY_S)	/* as long as browsers keep any; anew at each launch */

static const char *
cookie_name(struct site *site)
{
	return site->secure ? "__Host-pomona-clip" : "pomona-clip";
}

void
clip_cookie_set(struct req *req, struct reply *reply, const char *token)
{
	char text[256];

	snprintf(text, sizeof text, "%s=%s; Path=/; HttpOnly; SameSite=Lax%s; Max-Age=%d", cookie_name(req->site), token,
		 req->site->secure ? "; Secure" : "", COOKIE_S);
	reply_header(reply, "Set-Cookie", text);
}

static bool
read_asked(struct req *req, struct clip_visit *visit, struct err *err)
{
	json_t *list, *item;
	size_t i;

	visit->asked = json_hold(visit, json_object());
	if (!managed_app_list(req->site->db, visit->clip->device_id, &list, err))
		return false;
	json_array_foreach(json_object_get(list, "items"), i, item)
		json_object_set(visit->asked, text_of(item, "bundle_id"), item);
	json_decref(list);
	return true;
}

/* Who was disabled sees nothing by their device either. */
static bool
read_person(struct req *req, struct clip_visit *visit, struct err *err)
{
	struct person *person;

	visit->viewer = viewer_of(NULL);
	if (!visit->clip->person_id)
		return true;
	if (!person_by_id(req, req->site->db, visit->clip->person_id, &person, err))
		return err->kind == ERR_MISSING;
	visit->viewer = viewer_of(person);
	return true;
}

bool
clip_visit(struct req *req, const char *token, struct clip_visit **ret, struct err *err)
{
	struct clip_visit *visit = mem_new(req, struct clip_visit);

	visit->token = token;
	if (strlen(token) != LINK_TOKEN_SIZE - 1 || !site_clip(req->site)->on)
		return err_set(err, ERR_MISSING, "no such web clip");
	if (!clip_open(visit, req->site->db, token, &visit->clip, err) || !read_person(req, visit, err) ||
	    !app_device_list(req->site->db, visit->viewer, visit->clip->device_id, &visit->here, err) ||
	    !json_hold(visit, visit->here) || !read_asked(req, visit, err))
		return false;
	visit->installs = (visit->clip->access_rights & INSTALL_RIGHT) != 0;
	*ret = visit;
	return true;
}

bool
clip_visit_signed_in(struct req *req, struct clip_visit **ret, struct err *err)
{
	const char *token = req_cookie(req, cookie_name(req->site));
	struct clip_visit *visit;

	*ret = NULL;
	if (!token || !*token || !req->person || req->person->scope)
		return true;
	if (!clip_visit(req, mem_text(req, token), &visit, err))
		return err->kind == ERR_MISSING;
	if (visit->installs && visit->viewer.person_id && strcmp(visit->viewer.person_id, req->person->id) == 0)
		*ret = visit;
	return true;
}

static const json_t *
clip_visit_here(const struct clip_visit *visit, const char *bundle_id)
{
	json_t *app;
	size_t i;

	json_array_foreach(visit->here, i, app)
		if (strcmp(text_of(app, "bundle_id"), bundle_id) == 0)
			return app;
	return NULL;
}

/* Its own provision may be over while a newer one goes before it: that only management can do. */
static bool
is_provided(struct req *req, const struct clip_visit *visit, const char *build_id)
{
	const char *why;
	struct err err;

	if (!visit->installs || !*build_id)
		return false;
	if (!managed_app_fit(req, req->site->db, visit->clip->device_id, build_id, &why, &err)) {
		log_err("an app for the device of a web clip", &err);	/* the rest of the page is right all the same */
		return false;
	}
	return !why;
}

void
clip_visit_state(struct req *req, const struct clip_visit *visit, json_t *app)
{
	const char *bundle_id = text_of(app, "bundle_id");
	const json_t *here = clip_visit_here(visit, bundle_id), *asked = json_object_get(visit->asked, bundle_id);
	const char *state, *note, *scheme = text_of(here, "scheme");
	bool opens;

	if (!json_is_true(json_object_get(app, "installable")) && is_provided(req, visit, text_of(app, "build_id")))
		json_object_set_new(app, "installable", json_true());
	state = app_device_state(app, here, asked, visit->clip->os_version, visit->clip->product);
	note = app_device_note(state, asked);
	opens = strcmp(state, "open") == 0 && *scheme;
	json_object_set_new(app, "state", json_string(strcmp(state, "open") == 0 && !opens ? "installed" : state));
	json_object_set_new(app, "note", *note ? json_string(note) : json_null());
	json_object_set_new(app, "open_url", opens ? json_sprintf("%s://", scheme) : json_null());
	json_object_set_new(app, "needs_ios", strcmp(state, "needs_ios") == 0 ? json_string(text_of(app, "minimum_os")) : json_null());
}

bool
clip_visit_ask(struct req *req, const struct clip_visit *visit, const char *actor, const char *bundle_id, struct err *err)
{
	json_t *app;

	if (!app_show(req->site->db, visit->viewer, bundle_id, &app, err))
		return false;
	json_decref(app);
	if (!visit->installs)
		return err_code(err, ERR_CONFLICT, "no_right", "this device's management may not install apps; sign in to the catalog instead");
	return managed_app_ask(req->site->db, actor, visit->clip->device_id, bundle_id, err);
}
