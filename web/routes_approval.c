/* Devices that wait for an admin before they come under management: the console, the API, and what Today says. */
#include "core/json.h"
#include "mdm/enroll_approval.h"
#include "mdm/model.h"
#include "web/rooms.h"
#include <string.h>

static bool
get_page(struct req *req, struct reply *reply, struct err *err)
{
	json_t *list, *item, *data;
	size_t i;

	if (!enroll_approval_list(req->site->db, &list, err))
		return false;
	json_array_foreach(json_object_get(list, "items"), i, item) {
		const char *id = text_of(item, "id"), *model = model_name(text_of(item, "product"));

		json_object_set_new(item, "model", json_string(model ? model : text_of(item, "product")));
		json_object_set_new(item, "since", page_moment_of(req, item, "since"));
		json_object_set_new(item, "approve_url", json_sprintf("/admin/enrollments/%s/approve", id));
		json_object_set_new(item, "refuse_url", json_sprintf("/admin/enrollments/%s/refuse", id));
	}
	data = json_pack("{s:O, s:b, s:s?}", "waiting", json_object_get(list, "items"), "on", site_conf(req->site)->enroll_approval,
			 "changed", req_query(req, "changed"));
	json_decref(list);
	return reply_page(reply, req, "approvals", data, err);
}

static bool
decide(struct req *req, bool yes, struct err *err)
{
	return enroll_approval_decide(req->site->db, person_actor(req, req->person), req_param(req, "id"), yes, err);
}

static bool
post_approve(struct req *req, struct reply *reply, struct err *err)
{
	return decide(req, true, err) && reply_see(reply, "/admin/enrollments?changed=approved");
}

static bool
post_refuse(struct req *req, struct reply *reply, struct err *err)
{
	return decide(req, false, err) && reply_see(reply, "/admin/enrollments?changed=refused");
}

static bool
api_list(struct req *req, struct reply *reply, struct err *err)
{
	json_t *list;

	return enroll_approval_list(req->site->db, &list, err) && reply_json(reply, 200, list);
}

static bool
api_approve(struct req *req, struct reply *reply, struct err *err)
{
	return decide(req, true, err) && reply_empty(reply, 204);
}

static bool
api_refuse(struct req *req, struct reply *reply, struct err *err)
{
	return decide(req, false, err) && reply_empty(reply, 204);
}

bool
approval_todo(struct req *req, json_t *todo, struct err *err)
{
	int64_t n = 0;

	if (req->person->role == ROLE_ADMIN && !enroll_approval_count(req->site->db, &n, err))
		return false;
	if (n)
		json_array_append_new(todo, json_pack("{s:s, s:s, s:s, s:I}", "kind", "enroll_waiting", "level", "info",
						      "url", "/admin/enrollments", "count", (json_int_t)n));
	return true;
}

const struct route approval_routes[] = {
	{ GET,  "/admin/enrollments",                     WHO_ADMIN, "0",   ON_WORKER, get_page,     NULL, NULL,      "Devices that wait for an approval" },
	{ POST, "/admin/enrollments/:id/approve",         WHO_ADMIN, "16K", ON_WORKER, post_approve, NULL, NULL,      "Let it in" },
	{ POST, "/admin/enrollments/:id/refuse",          WHO_ADMIN, "16K", ON_WORKER, post_refuse,  NULL, NULL,      "Turn it away" },
	{ GET,  "/api/v1/enroll/approvals",               WHO_ADMIN, "0",   ON_WORKER, api_list,     NULL, "devices", "Enrollments that wait for an approval" },
	{ POST, "/api/v1/enroll/approvals/:id/approve",   WHO_ADMIN, "16K", ON_WORKER, api_approve,  NULL, "devices", "Let it in" },
	{ POST, "/api/v1/enroll/approvals/:id/refuse",    WHO_ADMIN, "16K", ON_WORKER, api_refuse,   NULL, "devices", "Turn it away" },
	{ 0 }
};
