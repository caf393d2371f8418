/*
 * What admins do about SCEP: challenges for clients that are no enrolled devices, and requests without a
 * challenge, where scep.manual_approval lets them wait.
 */
#include "core/clock.h"
#include "core/json.h"
#include "core/num.h"
#include "mdm/challenge.h"
#include "mdm/scep_request.h"
#include "web/rooms.h"
#include <string.h>

static const char *
actor(struct req *req)
{
	return person_actor(req, req->person);
}

/* ---- challenges ---- */

/* *device: whose it is to be; "" for nobody's in particular. */
static bool
read_wish(json_t *body, struct challenge_wish *wish, const char **device, struct err *err)
{
	const char *purpose = "";

	*device = wish->subject = "";
	json_drop_nulls(body);
	if (!JSON_READ(body, err, { "subject", JSON_IS_TEXT, &wish->subject }, { "ttl", JSON_IS_INT, &wish->ttl_s },
		       { "device", JSON_IS_TEXT, device }, { "purpose", JSON_IS_TEXT, &purpose }))
		return false;
	if (*purpose && !ca_purpose_read(purpose, &wish->purpose))
		return err_set(err, ERR_INVALID, "there is no purpose \"%.40s\"", purpose);
	return (wish->ttl_s >= 1 && wish->ttl_s <= CHALLENGE_TTL_MAX_S) ||
	       err_set(err, ERR_INVALID, "ttl must be seconds, 1 to %d", CHALLENGE_TTL_MAX_S);
}

static bool
api_challenge(struct req *req, struct reply *reply, struct err *err)
{
	struct challenge_wish wish = { .purpose = CA_CLIENT,
				       .ttl_s = site_conf(req->site)->scep_challenge_minutes * 60 };
	const char *device;
	json_t *body;
	char *text;

	return whole_admin(req, err) && req_json(req, &body, err) && read_wish(body, &wish, &device, err) &&
	       challenge_new_by(req->site->db, req, actor(req), *device ? device : NULL, &wish, &text, err) &&
	       reply_json(reply, 201, json_pack("{s:s, s:s, s:s}", "challenge", text, "url",
						mem_printf(req, "%s/scep", req->site->base_url), "expires",
						clock_text(req, clock_now() + (time_t)wish.ttl_s)));
}

/* ---- requests ---- */

static bool
get_page(struct req *req, struct reply *reply, struct err *err)
{
	json_t *list, *item, *data;
	size_t i;

	if (!scep_request_list(req->site->db, &list, err))
		return false;
	json_array_foreach(json_object_get(list, "items"), i, item) {
		const char *id = text_of(item, "id");
		bool waits = strcmp(text_of(item, "state"), "waiting") == 0;

		json_object_set_new(item, "created", page_moment_of(req, item, "created"));
		json_object_set_new(item, "changed", page_moment_of(req, item, "changed"));
		json_object_set_new(item, "approve_url", waits ? json_sprintf("/admin/scep-requests/%s/approve", id) : json_null());
		json_object_set_new(item, "refuse_url", waits ? json_sprintf("/admin/scep-requests/%s/refuse", id) : json_null());
	}
	data = json_pack("{s:O, s:b, s:s?}", "requests", json_object_get(list, "items"), "on",
			 site_conf(req->site)->scep_manual_approval, "changed", req_query(req, "changed"));
	json_decref(list);
	return reply_page(reply, req, "scep_requests", data, err);
}

static bool
post_approve(struct req *req, struct reply *reply, struct err *err)
{
	return scep_request_approve(req->site->db, req->site->ca, actor(req), req_param(req, "id"),
				    req_form(req, "subject"), err) &&
	       reply_see(reply, "/admin/scep-requests?changed=approved");
}

static bool
post_refuse(struct req *req, struct reply *reply, struct err *err)
{
	return scep_request_refuse(req->site->db, actor(req), req_param(req, "id"), err) &&
	       reply_see(reply, "/admin/scep-requests?changed=refused");
}

static bool
api_list(struct req *req, struct reply *reply, struct err *err)
{
	json_t *list;

	return whole_admin(req, err) && scep_request_list(req->site->db, &list, err) && reply_json(reply, 200, list);
}

static bool
api_approve(struct req *req, struct reply *reply, struct err *err)
{
	const char *subject = NULL;
	json_t *body;

	if (!whole_admin(req, err) ||
	    (req->body.len && (!req_json(req, &body, err) ||
			       (json_drop_nulls(body), !JSON_READ(body, err, { "subject", JSON_IS_TEXT, &subject })))))
		return false;
	return scep_request_approve(req->site->db, req->site->ca, actor(req), req_param(req, "id"), subject, err) &&
	       reply_empty(reply, 204);
}

static bool
api_refuse(struct req *req, struct reply *reply, struct err *err)
{
	return whole_admin(req, err) &&
	       scep_request_refuse(req->site->db, actor(req), req_param(req, "id"), err) && reply_empty(reply, 204);
}

bool
scep_todo(struct req *req, json_t *todo, struct err *err)
{
	int64_t n = 0;

	if (req->person->role == ROLE_ADMIN && !scep_request_waiting(req->site->db, &n, err))
		return false;
	if (n)
		json_array_append_new(todo, json_pack("{s:s, s:s, s:s, s:I}", "kind", "scep_waiting", "level", "info",
						      "url", "/admin/scep-requests", "count", (json_int_t)n));
	return true;
}

const struct route scep_console_routes[] = {
	{ POST, "/api/v1/challenges",                WHO_ADMIN, "16K", ON_WORKER, api_challenge, NULL, "admin", "A SCEP challenge: {subject, ttl, device, purpose}" },
	{ GET,  "/api/v1/scep-requests",             WHO_ADMIN, "0",   ON_WORKER, api_list,      NULL, "admin", "Certificate requests that wait for an admin, and what became of others" },
	{ POST, "/api/v1/scep-requests/:id/approve", WHO_ADMIN, "16K", ON_WORKER, api_approve,   NULL, "admin", "Issue the certificate: {subject}, or as it was asked" },
	{ POST, "/api/v1/scep-requests/:id/refuse",  WHO_ADMIN, "0",   ON_WORKER, api_refuse,    NULL, "admin", "Refuse it" },
	{ GET,  "/admin/scep-requests",              WHO_ADMIN, "0",   ON_WORKER, get_page,      NULL, NULL, "Certificate requests" },
	{ POST, "/admin/scep-requests/:id/approve",  WHO_ADMIN, "16K", ON_WORKER, post_approve,  NULL, NULL, "Issue the certificate" },
	{ POST, "/admin/scep-requests/:id/refuse",   WHO_ADMIN, "16K", ON_WORKER, post_refuse,   NULL, NULL, "Refuse it" },
	{ 0 }
};
