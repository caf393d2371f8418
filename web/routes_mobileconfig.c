/* Mobileconfigs that the company keeps, and for whom they are: for programs.  Pages are web/routes_mobileconfig_pages.c. */
#include "catalog/assignment.h"
#include "catalog/desired.h"
#include "catalog/person_attribute.h"
#include "core/json.h"
#include "core/num.h"
#include "mdm/device_list.h"
#include "web/commanding.h"
#include "web/mobileconfig_show.h"
#include "web/rooms.h"
#include <string.h>

static const char *
actor(struct req *req)
{
	return person_actor(req, req->person);
}

static const char *
given(struct req *req, const char *name)
{
	const char *text = req_query(req, name);

	return text && *text ? text : NULL;
}

/* ---- mobileconfigs ---- */

static bool
api_list(struct req *req, struct reply *reply, struct err *err)
{
	json_t *list;

	return whole_admin(req, err) && mobileconfig_list(req->site->db, given(req, "purpose"), &list, err) &&
	       reply_json(reply, 200, list);
}

/* With its form, versions and assignments. */
static bool
whole(struct req *req, const struct kept_mobileconfig *m, json_t **ret, struct err *err)
{
	json_t *one, *form = NULL, *versions = NULL, *assignments = NULL;

	if (!mobileconfig_show(req->site->db, m->name, &one, err))
		return false;
	if (!mobileconfig_shown(req, m->id, 0, &form, err) || !mobileconfig_versions(req->site->db, m->id, &versions, err) ||
	    !assignment_list(req->site->db, m->name, &assignments, err)) {
		json_decref(form);
		json_decref(versions);
		json_decref(one);
		return false;
	}
	json_object_set_new(one, "form", form);
	json_object_set_new(one, "versions", versions);
	json_object_set_new(one, "assignments", assignments);
	*ret = one;
	return true;
}

static bool
answer(struct req *req, struct reply *reply, int status, const struct kept_mobileconfig *m, const char *signer,
       struct err *err)
{
	json_t *one;

	if (!whole(req, m, &one, err))
		return false;
	if (signer)
		json_object_set_new(one, "was_signed_by", json_string(signer));
	return reply_json(reply, status, one);
}

static bool
find(struct req *req, struct kept_mobileconfig **ret, struct err *err)
{
	return whole_admin(req, err) && mobileconfig_find(req, req->site->db, req_param(req, "name"), ret, err);
}

static bool
api_show(struct req *req, struct reply *reply, struct err *err)
{
	struct kept_mobileconfig *m;

	return find(req, &m, err) && answer(req, reply, 200, m, NULL, err);
}

/* A form begins with a brace; no property list does, nor a signature. */
static bool
is_json(struct req *req)
{
	const char *p = req->body.p;
	size_t at = 0;

	while (at < req->body.len && strchr(" \t\r\n", p[at]))
		at++;
	return at < req->body.len && p[at] == '{';
}

static bool
api_put(struct req *req, struct reply *reply, struct err *err)
{
	struct mobileconfig_sent sent = { .name = req_param(req, "name"), .purpose = given(req, "purpose"),
		.person = given(req, "person"), .note = given(req, "note"), .file = req->body };
	struct kept_mobileconfig *m;
	const char *signer;
	json_t *form = NULL;
	bool created;

	if (!whole_admin(req, err) || (is_json(req) && !req_json(req, &form, err)))
		return false;
	sent.form = form;
	return mobileconfig_take(req, &sent, &created, &m, &signer, err) &&
	       answer(req, reply, created ? 201 : 200, m, signer, err);
}

static bool
api_remove(struct req *req, struct reply *reply, struct err *err)
{
	return whole_admin(req, err) && mobileconfig_remove(req->site->db, actor(req), req_param(req, "name"), err) &&
	       reply_empty(reply, 204);
}

static bool
version_of(struct req *req, int64_t *ret, struct err *err)
{
	struct err why;

	return num_parse(req_param(req, "version"), 1, INT64_MAX, ret, &why) || err_set(err, ERR_MISSING, "no such version");
}

static bool
api_version(struct req *req, struct reply *reply, struct err *err)
{
	struct kept_mobileconfig *m;
	int64_t version;
	json_t *form;

	return find(req, &m, err) && version_of(req, &version, err) && mobileconfig_shown(req, m->id, version, &form, err) &&
	       reply_json(reply, 200, form);
}

static bool
api_back(struct req *req, struct reply *reply, struct err *err)
{
	struct kept_mobileconfig *m;
	int64_t version;

	return find(req, &m, err) && version_of(req, &version, err) &&
	       mobileconfig_back(req->site->db, actor(req), m->name, version, err) && find(req, &m, err) &&
	       answer(req, reply, 200, m, NULL, err);
}

static bool
api_preview(struct req *req, struct reply *reply, struct err *err)
{
	struct kept_mobileconfig *m;
	json_t *preview;

	return find(req, &m, err) &&
	       mobileconfig_preview(req, m, given(req, "device"), given(req, "person"), &preview, err) &&
	       reply_json(reply, 200, preview);
}

static bool
api_devices(struct req *req, struct reply *reply, struct err *err)
{
	struct kept_mobileconfig *m;
	json_t *list;

	return find(req, &m, err) && desired_of(req->site->db, m->id, given(req, "state"), req_query(req, "after"),
						query_limit(req, DESIRED_PAGE_MAX), &list, err) &&
	       reply_json(reply, 200, list);
}

static bool
api_retry(struct req *req, struct reply *reply, struct err *err)
{
	struct kept_mobileconfig *m;
	const char *device = "";
	json_t *body;
	int64_t n;

	if (!find(req, &m, err) ||
	    (req->body.len && (!req_json(req, &body, err) ||
			       (json_drop_nulls(body), !JSON_READ(body, err, { "device", JSON_IS_TEXT, &device })))))
		return false;
	return desired_retry(req->site->db, actor(req), m->id, *device ? device : NULL, &n, err) &&
	       reply_json(reply, 200, json_pack("{s:I}", "devices", (json_int_t)n));
}

static bool
api_of_device(struct req *req, struct reply *reply, struct err *err)
{
	const char *id = req_param(req, "id");
	json_t *device, *list;

	if (!whole_admin(req, err) || !device_show(req->site->db, id, device_silent_s(req), &device, err))
		return false;
	json_decref(device);
	return desired_of_device(req->site->db, id, &list, err) && reply_json(reply, 200, list);
}

/* ---- assignments ---- */

static bool
api_assignments(struct req *req, struct reply *reply, struct err *err)
{
	json_t *list;

	return whole_admin(req, err) && assignment_list(req->site->db, given(req, "mobileconfig"), &list, err) &&
	       reply_json(reply, 200, json_pack("{s:o, s:n}", "items", list, "next"));
}

static bool
show_assignment(struct req *req, struct reply *reply, int status, const char *id, struct err *err)
{
	json_t *one;

	return assignment_show(req->site->db, id, &one, err) && reply_json(reply, status, one);
}

static bool
api_assignment(struct req *req, struct reply *reply, struct err *err)
{
	return whole_admin(req, err) && show_assignment(req, reply, 200, req_param(req, "id"), err);
}

static bool
api_assign(struct req *req, struct reply *reply, struct err *err)
{
	struct assignment to = { .id = req_param(req, "id") };
	json_t *body, *audience = NULL, *devices = NULL;
	const char *id;
	bool created;

	if (!whole_admin(req, err) || !req_json(req, &body, err))
		return false;
	if (json_unpack(body, "{s:s, s:o, s?o !}", "mobileconfig", &to.mobileconfig, "audience", &audience, "devices", &devices) != 0)
		return err_set(err, ERR_INVALID, "say {\"mobileconfig\": NAME, \"audience\": {...}}, and \"devices\" for some of"
			       " their devices; {\"everyone\": true} is everyone");
	to.audience = audience;
	to.devices = devices;
	return assignment_put(req, req->site->db, actor(req), &to, &created, &id, err) &&
	       show_assignment(req, reply, created ? 201 : 200, id, err);
}

static bool
api_unassign(struct req *req, struct reply *reply, struct err *err)
{
	return whole_admin(req, err) && assignment_remove(req->site->db, actor(req), req_param(req, "id"), err) &&
	       reply_empty(reply, 204);
}

/* ---- attributes of people ---- */

static bool
show_attributes(struct req *req, struct reply *reply, struct err *err)
{
	struct person *person;
	json_t *all;

	return person_by_id(req, req->site->db, req_param(req, "id"), &person, err) &&
	       person_attributes(req->site->db, person->id, &all, err) && reply_json(reply, 200, all);
}

static bool
api_attributes(struct req *req, struct reply *reply, struct err *err)
{
	return whole_admin(req, err) && show_attributes(req, reply, err);
}

static bool
api_set_attributes(struct req *req, struct reply *reply, struct err *err)
{
	json_t *body;

	return whole_admin(req, err) && req_json(req, &body, err) &&
	       person_attributes_change(req->site->db, actor(req), req_param(req, "id"), body, err) &&
	       show_attributes(req, reply, err);
}

#define NAME "/api/v1/mobileconfigs/:name"

const struct route mobileconfig_routes[] = {
	{ GET,    "/api/v1/mobileconfigs",            WHO_ADMIN, "0",     ON_WORKER, api_list,           NULL, "devices", "Mobileconfigs: ?purpose=device|own" },
	{ GET,    NAME,                               WHO_ADMIN, "0",     ON_WORKER, api_show,           NULL, "devices", "One of them, with its form, versions and assignments; secrets are hidden" },
	{ PUT,    NAME,                               WHO_ADMIN, "1000K", ON_WORKER, api_put,            NULL, "devices", "A form as JSON, or a .mobileconfig; a name such as jqsmith.mobileconfig is for that person alone: ?purpose= &person= &note=" },
	{ DELETE, NAME,                               WHO_ADMIN, "0",     ON_WORKER, api_remove,         NULL, "devices", "Remove it, from devices too" },
	{ GET,    NAME "/versions/:version",          WHO_ADMIN, "0",     ON_WORKER, api_version,        NULL, "devices", "The form of a version" },
	{ POST,   NAME "/versions/:version/restore",  WHO_ADMIN, "16K",   ON_WORKER, api_back,           NULL, "devices", "Back to it: a new version with its form" },
	{ GET,    NAME "/preview",                    WHO_ADMIN, "0",     ON_WORKER, api_preview,        NULL, "devices", "As a device would get it, secrets left out: ?device= or ?person=" },
	{ GET,    NAME "/devices",                    WHO_ADMIN, "0",     ON_WORKER, api_devices,        NULL, "devices", "Which devices are to have it, and how far that is: ?state= &after= &limit=" },
	{ POST,   NAME "/retry",                      WHO_ADMIN, "16K",   ON_WORKER, api_retry,          NULL, "devices", "Try again now what failed: {device}, or all" },
	{ GET,    "/api/v1/devices/:id/mobileconfigs", WHO_ADMIN, "0",    ON_WORKER, api_of_device,      NULL, "devices", "The mobileconfigs that a device is to have, and how far that is" },
	{ GET,    "/api/v1/assignments",              WHO_ADMIN, "0",     ON_WORKER, api_assignments,    NULL, "devices", "Assignments: ?mobileconfig=" },
	{ GET,    "/api/v1/assignments/:id",          WHO_ADMIN, "0",     ON_WORKER, api_assignment,     NULL, "devices", "One of them" },
	{ PUT,    "/api/v1/assignments/:id",          WHO_ADMIN, "64K",   ON_WORKER, api_assign,         NULL, "devices", "For whom a mobileconfig is: {mobileconfig, audience, devices}" },
	{ DELETE, "/api/v1/assignments/:id",          WHO_ADMIN, "0",     ON_WORKER, api_unassign,       NULL, "devices", "Remove it: devices lose what they had because of it" },
	{ GET,    "/api/v1/people/:id/attributes",    WHO_ADMIN, "0",     ON_WORKER, api_attributes,     NULL, "admin", "What is known of a person for %variables%" },
	{ PATCH,  "/api/v1/people/:id/attributes",    WHO_ADMIN, "64K",   ON_WORKER, api_set_attributes, NULL, "admin", "Change it, of a person that is not the directory's: {name: value}, null takes one away" },
	{ 0 }
};
