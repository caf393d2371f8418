/*
 * Devices for publishers: those that testers registered, who waits for a build, and devices.txt for
 * Apple's site.  UDIDs are shown when asked for, and that is audited.
 */
#include "catalog/tester_device.h"
#include "web/rooms.h"
#include <string.h>

static bool
wants_udids(struct req *req)
{
	const char *asked = req_query(req, "udids");

	return asked && strcmp(asked, "yes") == 0;
}

/* ---- the page ---- */

static const char *
txt_url(struct req *req, const char *bundle_id)
{
	return bundle_id ? mem_printf(req, "/api/v1/devices.txt?app=%s", bundle_id) : "/api/v1/devices.txt";
}

static json_t *
device_item(struct req *req, const json_t *device)
{
	const char *id = text_of(device, "id"), *key;
	json_t *item = json_deep_copy(device), *apps = json_object_get(item, "apps"), *app, *value;
	size_t i;

	json_object_set_new(item, "system", json_string(device_system(req, text_of(device, "version"))));
	json_object_set_new(item, "registered", page_moment_of(req, device, "created"));
	json_object_set_new(item, "rename_url", json_sprintf("/admin/test-devices/%s/name", id));
	json_object_set_new(item, "remove_url", json_sprintf("/admin/test-devices/%s/remove", id));
	json_array_foreach(apps, i, app) {
		key = text_of(app, "build_id");
		value = *key ? json_sprintf("/admin/apps/%s/builds/%s", text_of(app, "bundle_id"), key) : json_null();
		json_object_set_new(app, "url", value);
		json_object_set_new(app, "waiting", json_boolean(strcmp(text_of(app, "state"), "waiting") == 0));
	}
	return item;
}

static bool
get_page(struct req *req, struct reply *reply, struct err *err)
{
	const char *changed = req_query(req, "changed");
	json_t *list, *waiting, *app, *device, *devices = json_array(), *data;
	bool udids = wants_udids(req);
	size_t i;

	if (!tester_device_waiting(req->site->db, req->person, &waiting, err)) {
		json_decref(devices);
		return false;
	}
	if (!tester_device_list(req->site->db, req->person, udids, req_query(req, "after"), TESTER_DEVICE_PAGE_MAX,
				&list, err)) {
		json_decref(devices);
		json_decref(waiting);
		return false;
	}
	json_array_foreach(waiting, i, app)
		json_object_set_new(app, "txt_url", json_string(txt_url(req, text_of(app, "bundle_id"))));
	json_array_foreach(json_object_get(list, "items"), i, device)
		json_array_append_new(devices, device_item(req, device));
	data = json_pack("{s:o, s:o, s:b, s:s, s:s, s:s?, s:s?}", "waiting", waiting, "devices", devices, "udids", udids,
			 "udids_url", "/admin/test-devices?udids=yes", "txt_url", txt_url(req, NULL), "next_url",
			 page_next(req, "/admin/test-devices", "", list), "changed", changed);
	json_decref(list);
	return reply_page(reply, req, "testdevices", data, err);
}

static bool
post_name(struct req *req, struct reply *reply, struct err *err)
{
	const char *label = req_form(req, "label");

	return tester_device_rename(req->site->db, req->person, req_param(req, "id"), label ? label : "", err) &&
	       reply_see(reply, "/admin/test-devices?changed=renamed");
}

static bool
post_remove(struct req *req, struct reply *reply, struct err *err)
{
	return tester_device_remove(req->site->db, req->person, req_param(req, "id"), err) &&
	       reply_see(reply, "/admin/test-devices?changed=removed");
}

/* ---- today ---- */

bool
devices_todo(struct req *req, json_t *todo, struct err *err)
{
	json_t *waiting, *app;
	size_t i;

	if (!tester_device_waiting(req->site->db, req->person, &waiting, err))
		return false;
	json_array_foreach(waiting, i, app)
		json_array_append_new(todo, json_pack("{s:s, s:s, s:s, s:s, s:O}", "kind", "testers_waiting", "level", "info",
			"url", "/admin/test-devices", "app_name", text_of(app, "name"), "count", json_object_get(app, "waiting")));
	json_decref(waiting);
	return true;
}

/* ---- for programs ---- */

static bool
get_txt(struct req *req, struct reply *reply, struct err *err)
{
	struct buf out;

	buf_init(&out, req, TESTER_DEVICES_TXT_MAX);
	if (!tester_devices_txt(req->site->db, req->person, req_query(req, "app"), &out, err))
		return false;
	reply_header(reply, "Content-Disposition", "attachment; filename=\"devices.txt\"");
	return reply_text(reply, 200, "text/plain; charset=utf-8", buf_str(&out));
}

static bool
api_list(struct req *req, struct reply *reply, struct err *err)
{
	json_t *list;

	return tester_device_list(req->site->db, req->person, wants_udids(req), req_query(req, "after"),
				  query_limit(req, TESTER_DEVICE_PAGE_MAX), &list, err) &&
	       reply_json(reply, 200, list);
}

static bool
api_rename(struct req *req, struct reply *reply, struct err *err)
{
	const char *label = NULL;
	json_t *body;

	return req_json(req, &body, err) && JSON_READ(body, err, { "label", JSON_IS_TEXT, &label, true }) &&
	       tester_device_rename(req->site->db, req->person, req_param(req, "id"), label, err) &&
	       reply_empty(reply, 204);
}

static bool
api_remove(struct req *req, struct reply *reply, struct err *err)
{
	return tester_device_remove(req->site->db, req->person, req_param(req, "id"), err) && reply_empty(reply, 204);
}

const struct route device_routes[] = {
	{ GET,    "/admin/test-devices",             WHO_PUBLISHER, "0",   ON_WORKER, get_page,    NULL, NULL, "Registered test devices, and who waits for a build" },
	{ POST,   "/admin/test-devices/:id/name",    WHO_PUBLISHER, "16K", ON_WORKER, post_name,   NULL, NULL, "Name a test device" },
	{ POST,   "/admin/test-devices/:id/remove",  WHO_PUBLISHER, "16K", ON_WORKER, post_remove, NULL, NULL, "Remove a test device" },
	{ GET,    "/api/v1/devices.txt",        WHO_PUBLISHER, "0",   ON_WORKER, get_txt,     NULL, "devices|upload", "Registered test devices as Apple's site takes them: ?app= for those that wait for its build" },
	{ GET,    "/api/v1/test-devices",       WHO_PUBLISHER, "0",   ON_WORKER, api_list,    NULL, "devices", "Registered test devices: ?udids=yes&after=&limit=" },
	{ PUT,    "/api/v1/test-devices/:id",   WHO_PUBLISHER, "16K", ON_WORKER, api_rename,  NULL, "devices", "Name a test device: {label}" },
	{ DELETE, "/api/v1/test-devices/:id",   WHO_PUBLISHER, "0",   ON_WORKER, api_remove,  NULL, "devices", "Remove a test device" },
	{ 0 }
};
