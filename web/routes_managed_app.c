/*
 * Apps on managed devices for programs: what a device is to have, rollouts, and managed app configuration.  The pages
 * are routes_managed_app_pages.c.
 */
#include "catalog/app_configuration.h"
#include "catalog/app.h"
#include "catalog/managed_app.h"
#include "catalog/rollout.h"
#include "core/json.h"
#include "web/commanding.h"
#include "web/managed_apps.h"
#include "web/rooms.h"
#include <string.h>

const char *
managed_app_actor(struct req *req)
{
	return mem_printf(req, "person:%s", req->person->name);
}

/* ---- on a device ---- */

static bool
is_device(struct req *req, struct err *err)
{
	json_t *device;

	if (!whole_admin(req, err) || !device_show(req->site->db, req_param(req, "id"), device_silent_s(req), &device, err))
		return false;
	json_decref(device);
	return true;
}

static bool
api_list(struct req *req, struct reply *reply, struct err *err)
{
	json_t *list;

	return is_device(req, err) && managed_app_list(req->site->db, req_param(req, "id"), &list, err) && reply_json(reply, 200, list);
}

static bool
show(struct req *req, struct reply *reply, const char *bundle_id, struct err *err)
{
	json_t *item;

	return managed_app_show(req->site->db, req_param(req, "id"), bundle_id, &item, err) && reply_json(reply, 202, item);
}

static bool
api_ask(struct req *req, struct reply *reply, struct err *err)
{
	const char *bundle_id = NULL;
	json_t *body;

	return is_device(req, err) && req_json(req, &body, err) &&
	       JSON_READ(body, err, { "bundle_id", JSON_IS_TEXT, &bundle_id, true }) &&
	       managed_app_ask(req->site->db, managed_app_actor(req), req_param(req, "id"), bundle_id, err) &&
	       show(req, reply, bundle_id, err);
}

static bool
api_remove(struct req *req, struct reply *reply, struct err *err)
{
	const char *bundle_id = req_param(req, "bundle");

	return is_device(req, err) && managed_app_remove(req->site->db, managed_app_actor(req), req_param(req, "id"), bundle_id, err) &&
	       show(req, reply, bundle_id, err);
}

/* ---- of an app ---- */

static bool
owned(struct req *req, struct err *err)
{
	char *app;

	return app_own(req, req->site->db, viewer_of(req->person), req_param(req, "bundle"), &app, err);
}

/* What devices have and how far the others are. */
static bool
api_devices(struct req *req, struct reply *reply, struct err *err)
{
	struct db *db = req->site->db;
	const char *bundle_id = req_param(req, "bundle");
	json_t *page, *versions, *states;

	if (!owned(req, err) || !managed_app_versions(db, bundle_id, &versions, err))
		return false;
	if (!managed_app_counts(db, bundle_id, &states, err)) {
		json_decref(versions);
		return false;
	}
	if (!managed_app_devices(db, bundle_id, req_query(req, "after"), query_limit(req, MANAGED_PAGE_MAX), &page, err)) {
		json_decref(versions);
		json_decref(states);
		return false;
	}
	json_object_set_new(page, "versions", versions);
	json_object_set_new(page, "states", states);
	return reply_json(reply, 200, page);
}

static bool
api_rollout(struct req *req, struct reply *reply, struct err *err)
{
	json_t *rollout;

	return rollout_show(req->site->db, req->person, req_param(req, "bundle"), &rollout, err) && reply_json(reply, 200, rollout);
}

static bool
api_set_rollout(struct req *req, struct reply *reply, struct err *err)
{
	json_t *body;

	if (!req_json(req, &body, err))
		return false;
	if (!json_is_object(body))
		return err_set(err, ERR_INVALID, "a rollout is an object of its fields");
	return rollout_set(req->site->db, req->person, req_param(req, "bundle"), body, err) && api_rollout(req, reply, err);
}

static bool
wave(struct req *req, struct reply *reply,
     bool (*act)(struct db *, const struct person *, const char *, const char *, struct err *), struct err *err)
{
	const char *build = NULL;
	json_t *body;

	return req_json(req, &body, err) && JSON_READ(body, err, { "build_id", JSON_IS_TEXT, &build, true }) &&
	       act(req->site->db, req->person, req_param(req, "bundle"), build, err) && api_rollout(req, reply, err);
}

static bool
api_step(struct req *req, struct reply *reply, struct err *err)
{
	return wave(req, reply, rollout_step, err);
}

static bool
api_stop(struct req *req, struct reply *reply, struct err *err)
{
	return wave(req, reply, rollout_stop, err);
}

/* ---- configuration ---- */

static bool
api_configurations(struct req *req, struct reply *reply, struct err *err)
{
	json_t *items;

	return app_configuration_list(req->site->db, req->person, req_param(req, "bundle"), &items, err) &&
	       reply_json(reply, 200, json_pack("{s:o}", "items", items));
}

static bool
reply_configuration(struct req *req, struct reply *reply, int status, const char *id, struct err *err)
{
	json_t *item;

	return app_configuration_show(req->site->db, req->site->sealer, req->person, req_param(req, "bundle"), id, &item, err) &&
	       reply_json(reply, status, item);
}

static bool
api_configuration(struct req *req, struct reply *reply, struct err *err)
{
	return reply_configuration(req, reply, 200, req_param(req, "id"), err);
}

static bool
put(struct req *req, struct reply *reply, int status, const char *id, struct err *err)
{
	struct app_configuration_wish wish = { 0 };
	json_t *body, *audience = NULL, *configuration = NULL;
	char *made;

	if (!owned(req, err) || !req_json(req, &body, err) ||
	    !JSON_READ(body, err, { "name", JSON_IS_TEXT, &wish.name, true }, { "audience", JSON_IS_ANY, &audience },
		       { "configuration", JSON_IS_ANY, &configuration, true }, { "place", JSON_IS_INT, &wish.place }))
		return false;
	wish.audience = json_is_null(audience) ? NULL : audience;
	wish.configuration = configuration;
	return app_configuration_put(req, req->site->db, req->site->sealer, req->person, req_param(req, "bundle"), id, &wish, &made, err) &&
	       reply_configuration(req, reply, status, made, err);
}

static bool
api_add_configuration(struct req *req, struct reply *reply, struct err *err)
{
	return put(req, reply, 201, NULL, err);
}

static bool
api_set_configuration(struct req *req, struct reply *reply, struct err *err)
{
	return put(req, reply, 200, req_param(req, "id"), err);
}

static bool
api_remove_configuration(struct req *req, struct reply *reply, struct err *err)
{
	return app_configuration_remove(req->site->db, req->person, req_param(req, "bundle"), req_param(req, "id"), err) &&
	       reply_empty(reply, 204);
}

const struct route managed_app_routes[] = {
	{ GET,    "/api/v1/devices/:id/apps",         WHO_ADMIN,     "0",   ON_WORKER, api_list,   NULL, "devices", "Apps that a device is to have, and how far each is" },
	{ POST,   "/api/v1/devices/:id/apps",         WHO_ADMIN,     "16K", ON_WORKER, api_ask,    NULL, "devices", "Install an app there: {bundle_id}" },
	{ DELETE, "/api/v1/devices/:id/apps/:bundle", WHO_ADMIN,     "0",   ON_WORKER, api_remove, NULL, "devices", "Remove a managed app" },
	{ GET,    "/api/v1/apps/:bundle/devices",     WHO_PUBLISHER, "0",   ON_WORKER, api_devices, NULL, "upload", "Managed devices that have an app, by version, and how far the others are" },
	{ GET,    "/api/v1/apps/:bundle/rollout",     WHO_PUBLISHER, "0",   ON_WORKER, api_rollout, NULL, "upload", "How an app is kept current on managed devices" },
	{ PUT,    "/api/v1/apps/:bundle/rollout",     WHO_PUBLISHER, "16K", ON_WORKER, api_set_rollout, NULL, "upload", "Say it: {keep_current, pace, percent, paused, hours, zone, back, remove_on_leave, with_management, no_backup}" },
	{ POST,   "/api/v1/apps/:bundle/rollout/step", WHO_PUBLISHER, "16K", ON_WORKER, api_step, NULL, "upload", "The next wave of a build, now: {build_id}" },
	{ POST,   "/api/v1/apps/:bundle/rollout/stop", WHO_PUBLISHER, "16K", ON_WORKER, api_stop, NULL, "upload", "A build goes to no further device: {build_id}" },
	{ GET,    "/api/v1/apps/:bundle/configurations",     WHO_PUBLISHER, "0",   ON_WORKER, api_configurations, NULL, "upload", "An app's managed configurations, in their order" },
	{ POST,   "/api/v1/apps/:bundle/configurations",     WHO_PUBLISHER, "80K", ON_WORKER, api_add_configuration, NULL, "upload", "One more: {name, audience, configuration, place}" },
	{ GET,    "/api/v1/apps/:bundle/configurations/:id", WHO_PUBLISHER, "0",   ON_WORKER, api_configuration, NULL, "upload", "One of them, with what stands in it" },
	{ PUT,    "/api/v1/apps/:bundle/configurations/:id", WHO_PUBLISHER, "80K", ON_WORKER, api_set_configuration, NULL, "upload", "Change it: {name, audience, configuration, place}" },
	{ DELETE, "/api/v1/apps/:bundle/configurations/:id", WHO_PUBLISHER, "0",   ON_WORKER, api_remove_configuration, NULL, "upload", "Remove it: devices forget it" },
	{ 0 }
};
