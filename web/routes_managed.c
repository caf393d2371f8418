/*
 * Managed devices for programs: the list, one with its four groups, tables of both, and the last answers as the
 * device sent them.
 */
#include "catalog/device_person.h"
#include "catalog/fleet.h"
#include "core/clock.h"
#include "core/json.h"
#include "mdm/enrollment.h"
#include "mdm/inventory.h"
#include "web/commanding.h"
#include "web/managed.h"
#include "web/rooms.h"
#include <string.h>

#define CSV_TYPE "text/csv; charset=utf-8; header=present"

struct device_filter
device_filter(struct req *req)
{
	const char *silent = req_query(req, "silent"), *state = req_query(req, "state");
	const char *also = state ? fleet_condition(state) : NULL;

	return (struct device_filter){ req_query(req, "q"), silent && !says_no(silent) ? "silent" : also ? "managed" : state,
				       req_query(req, "model"), req_query(req, "os"), req_query(req, "person"), req_query(req, "app"),
				       device_silent_s(req), also };
}

bool
device_whole(struct req *req, const char *id, json_t **ret, struct err *err)
{
	json_t *groups;

	if (!device_show(req->site->db, id, device_silent_s(req), ret, err))
		return false;
	if (!inventory_show(req->site->db, id, &groups, err)) {
		json_decref(*ret);
		return false;
	}
	json_object_update(*ret, groups);
	json_decref(groups);
	return true;
}

/* ---- for programs ---- */

static bool
api_list(struct req *req, struct reply *reply, struct err *err)
{
	struct device_filter filter = device_filter(req);
	json_t *list;

	return whole_admin(req, err) && device_list(req->site->db, &filter, req_query(req, "after"),
						    query_limit(req, DEVICE_PAGE_MAX), &list, err) &&
	       reply_json(reply, 200, list);
}

static bool
api_show(struct req *req, struct reply *reply, struct err *err)
{
	json_t *device;

	return whole_admin(req, err) && device_whole(req, req_param(req, "id"), &device, err) && reply_json(reply, 200, device);
}

static bool
reply_csv(struct req *req, struct reply *reply, const struct buf *out, const char *name)
{
	char day[11];

	reply_header(reply, "Content-Disposition", mem_printf(req, "attachment; filename=\"%s-%s.csv\"", name,
							      clock_day(clock_now(), day)));
	return reply_bytes(reply, 200, CSV_TYPE, (struct bytes){ out->p, out->len });
}

bool
device_list_csv(struct req *req, struct reply *reply, struct err *err)
{
	struct device_filter filter = device_filter(req);
	const char *next;
	struct buf out;

	buf_init(&out, req, DEVICE_CSV_MAX);
	if (!whole_admin(req, err) || !device_csv(req, req->site->db, &filter, req_query(req, "after"), &out, &next, err))
		return false;
	if (next)
		reply_header(reply, "Link", mem_printf(req, "<%s>; rel=\"next\"", page_url(req, req->path, DEVICE_FILTER, "after", next)));
	return reply_csv(req, reply, &out, "devices");
}

/* "network.csv" and the like. */
bool
device_table_csv(struct req *req, struct reply *reply, struct err *err)
{
	const char *file = req_param(req, "table"), *dot = strrchr(file, '.'), *id = req_param(req, "id");
	const char *table = dot ? mem_textn(req, file, (size_t)(dot - file)) : "";
	json_t *device;
	struct buf out;

	if (!whole_admin(req, err) || !device_show(req->site->db, id, device_silent_s(req), &device, err))
		return false;
	json_decref(device);
	if (!dot || strcmp(dot, ".csv") != 0)
		return err_set(err, ERR_MISSING, "no such table");
	buf_init(&out, req, INVENTORY_CSV_MAX);
	return inventory_csv(req->site->db, id, table, &out, err) && reply_csv(req, reply, &out, table);
}

static bool
api_raw(struct req *req, struct reply *reply, struct err *err)
{
	struct bytes raw;

	if (!whole_admin(req, err) ||
	    !inventory_raw(req, req->site->db, req_param(req, "id"), req_param(req, "type"), &raw, err))
		return false;
	return reply_bytes(reply, 200, "application/xml", raw);
}

/* From now on the device is told to leave; nobody asks it back. */
static bool
api_retire(struct req *req, struct reply *reply, struct err *err)
{
	const char *why = "";
	json_t *body;

	if (!whole_admin(req, err) || !req_json(req, &body, err) || !JSON_READ(body, err, { "reason", JSON_IS_TEXT, &why }))
		return false;
	if (!*why || strlen(why) > COMMAND_REASON_MAX)
		return err_code(err, ERR_INVALID, "reason_wanted", "retiring a device cannot be taken back: say why (reason)");
	return enrollment_retire(req->site->db, person_actor(req, req->person), req_param(req, "id"), why, err) &&
	       reply_empty(reply, 204);
}

static bool
api_person(struct req *req, struct reply *reply, struct err *err)
{
	const json_t *person;
	json_t *body;

	if (!whole_admin(req, err) || !req_json(req, &body, err))
		return false;
	person = json_object_get(body, "person");
	if (!json_is_string(person) && !json_is_null(person))
		return err_set(err, ERR_INVALID, "person: the name of whose device it is, or null");
	return device_person_set(req->site->db, person_actor(req, req->person), req_param(req, "id"), json_string_value(person),
				 err) && reply_empty(reply, 204);
}

const struct route managed_routes[] = {
	{ GET,  "/api/v1/devices",                WHO_ADMIN, "0",   ON_WORKER, api_list,         NULL, "devices", "Managed devices: ?q= &state= &model= &os= &person= &app= &silent=yes &after= &limit=" },
	{ GET,  "/api/v1/devices.csv",            WHO_ADMIN, "0",   ON_WORKER, device_list_csv,  NULL, "devices", "The same as a file" },
	{ GET,  "/api/v1/devices/:id",            WHO_ADMIN, "0",   ON_WORKER, api_show,         NULL, "devices", "A device: network, device, apps, compliance; null is not reported" },
	{ GET,  "/api/v1/devices/:id/:table",     WHO_ADMIN, "0",   ON_WORKER, device_table_csv, NULL, "devices", "One table of it: network.csv device.csv compliance.csv apps.csv provisions.csv mobileconfigs.csv certificates.csv" },
	{ GET,  "/api/v1/devices/:id/answers/:type", WHO_ADMIN, "0", ON_WORKER, api_raw,         NULL, "devices", "Its last answer to a request type, as it sent it" },
	{ POST, "/api/v1/devices/:id/retire",     WHO_ADMIN, "16K", ON_WORKER, api_retire,       NULL, "devices", "Release it from management: {reason}" },
	{ PUT,  "/api/v1/devices/:id/person",     WHO_ADMIN, "16K", ON_WORKER, api_person,       NULL, "devices", "Whose it is: {person}, a name or null" },
	{ 0 }
};
