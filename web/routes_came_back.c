/*
 * Devices that know us better than we know them, for admins: after a backup was put back they are taken in
 * again here, or told to leave.
 */
#include "catalog/device_person.h"
#include "mdm/came_back.h"
#include "web/rooms.h"
#include <string.h>

#define HERE "/admin/devices/came-back"

bool
came_back_todo(struct req *req, json_t *todo, struct err *err)
{
	int64_t n;

	if (req->person->role < ROLE_ADMIN)
		return true;
	if (!came_back_waiting(req->site->db, &n, err))
		return false;
	if (n)
		json_array_append_new(todo, json_pack("{s:s, s:s, s:s, s:I}", "kind", "came_back", "level", "warning", "url", HERE,
						      "count", (json_int_t)n));
	return true;
}

static const char *
actor(struct req *req)
{
	return person_actor(req, req->person);
}

static bool
take(struct req *req, struct came_back_terms *terms, struct err *err)
{
	terms->access_rights = site_conf(req->site)->enroll_access_rights;
	return came_back_take(req->site->db, req->site->ca, actor(req), req_param(req, "id"), terms, err);
}

static bool
take_all(struct req *req, bool as_recorded, struct came_back_taken *taken, struct err *err)
{
	const struct came_back_terms terms = { .as_recorded = as_recorded,
					       .access_rights = site_conf(req->site)->enroll_access_rights };

	return came_back_take_all(req->site->db, req->site->ca, actor(req), &terms, taken, err);
}

/* ---- the pages ---- */

static bool
came_back_page(struct req *req, struct reply *reply, int status, const struct err *refused, struct err *err)
{
	json_t *list, *item, *items;
	json_int_t waiting = 0, managed = 0;
	char text[520];
	size_t i;

	if (!came_back_list(req->site->db, &list, err))
		return false;
	items = json_object_get(list, "items");
	json_array_foreach(items, i, item) {
		const char *sha256 = text_of(item, "sha256");
		bool waits = strcmp(text_of(item, "state"), "waiting") == 0, other = json_is_string(json_object_get(item, "managed"));

		waiting += waits && !other;
		managed += other;
		json_object_set_new(item, "first_seen", page_moment_of(req, item, "first_seen"));
		json_object_set_new(item, "last_seen", page_moment_of(req, item, "last_seen"));
		json_object_set_new(item, "url", json_is_string(json_object_get(item, "device_id"))
				    ? json_sprintf("/admin/devices/%s", text_of(item, "device_id")) : json_null());
		json_object_set_new(item, "take_url", waits && !other ? json_sprintf(HERE "/%s/take", sha256) : json_null());
		json_object_set_new(item, "look_url", other ? json_sprintf(HERE "/%s", sha256) : json_null());
		json_object_set_new(item, "refuse_url", waits ? json_sprintf(HERE "/%s/refuse", sha256) : json_null());
	}
	item = json_pack("{s:O, s:I, s:I, s:s?, s:s?}", "devices", items, "waiting", waiting, "managed", managed, "changed", req_query(req, "changed"),
			 "refused", refused ? err_text(refused, text, sizeof text) : NULL);
	json_decref(list);
	return reply_page_status(reply, req, status, "cameback", item, err);
}

static bool
get_came_back(struct req *req, struct reply *reply, struct err *err)
{
	return came_back_page(req, reply, 200, NULL, err);
}

static bool
done(struct req *req, struct reply *reply, bool ok, const char *what, struct err *err)
{
	struct err refused = *err;

	if (ok)
		return reply_see(reply, mem_printf(req, HERE "?changed=%s", what));
	return (refused.kind == ERR_CONFLICT || refused.kind == ERR_MISSING || refused.kind == ERR_INVALID) &&
	       came_back_page(req, reply, err_http_status(refused.kind), &refused, err);
}

/* Of one whose device is managed under another identity: who it is now, and who asks. */
static bool
look_page(struct req *req, struct reply *reply, int status, const struct err *refused, struct err *err)
{
	static const char *const moments[] = { "first_seen", "last_seen", "issued", "ends" };
	json_t *item, *now;
	char text[520];

	if (!came_back_show(req->site->db, req_param(req, "id"), &item, err))
		return false;
	now = json_object_get(item, "now");
	for (size_t i = 0; i < sizeof moments / sizeof *moments; i++)
		json_object_set_new(item, moments[i], page_moment_of(req, item, moments[i]));
	if (json_is_object(now)) {
		const char *ours = text_of(now, "serial"), *theirs = text_of(item, "serial");

		json_object_set_new(now, "enrolled", page_moment_of(req, now, "enrolled"));
		json_object_set_new(now, "seen", page_moment_of(req, now, "seen"));
		json_object_set_new(now, "url", json_sprintf("/admin/devices/%s", text_of(item, "device_id")));
		json_object_set_new(now, "other_serial", json_boolean(*ours && *theirs && strcmp(ours, theirs) != 0));
	}
	json_object_set_new(item, "take_url", json_sprintf(HERE "/%s/take", text_of(item, "sha256")));
	json_object_set_new(item, "refuse_url", json_sprintf(HERE "/%s/refuse", text_of(item, "sha256")));
	item = json_pack("{s:o, s:s?}", "asks", item, "refused", refused ? err_text(refused, text, sizeof text) : NULL);
	return reply_page_status(reply, req, status, "cametake", item, err);
}

static bool
get_one(struct req *req, struct reply *reply, struct err *err)
{
	return look_page(req, reply, 200, NULL, err);
}

static bool
post_take(struct req *req, struct reply *reply, struct err *err)
{
	const char *name = req_form(req, "person");
	struct came_back_terms terms = { .said = name != NULL, .replaces = req_form(req, "replaces") };
	bool ok = device_person_find(req, req->site->db, name, &terms.person_id, err) && take(req, &terms, err);
	struct err refused = *err;

	if (!ok && (strcmp(refused.code, "managed") == 0 || (terms.replaces && refused.kind == ERR_INVALID)))
		return look_page(req, reply, err_http_status(refused.kind), &refused, err);
	return done(req, reply, ok, "taken_in", err);
}

static bool
post_take_all(struct req *req, struct reply *reply, struct err *err)
{
	struct came_back_taken taken;
	bool ok = take_all(req, req_form(req, "as_recorded") != NULL, &taken, err);

	return ok && !taken.n ? reply_see(reply, HERE) : done(req, reply, ok, "taken_in", err);
}

static bool
post_refuse(struct req *req, struct reply *reply, struct err *err)
{
	return done(req, reply, came_back_refuse(req->site->db, actor(req), req_param(req, "id"), err), "refused", err);
}

/* ---- the API ---- */

static bool
api_list(struct req *req, struct reply *reply, struct err *err)
{
	json_t *list;

	return came_back_list(req->site->db, &list, err) && reply_json(reply, 200, list);
}

static bool
api_show(struct req *req, struct reply *reply, struct err *err)
{
	json_t *item;

	return came_back_show(req->site->db, req_param(req, "id"), &item, err) && reply_json(reply, 200, item);
}

/* {person, as_recorded, replaces}, any may be left out, and so may the body. */
static bool
read_terms(struct req *req, bool one, struct came_back_terms *ret, struct err *err)
{
	const json_t *recorded, *person, *replaces;
	json_t *body = NULL;

	*ret = (struct came_back_terms){ 0 };
	if (!req->body.len)
		return true;
	if (!req_json(req, &body, err))
		return false;
	recorded = json_object_get(body, "as_recorded");
	person = json_object_get(body, "person");
	replaces = json_object_get(body, "replaces");
	if (!json_is_object(body) || (recorded && !json_is_boolean(recorded)))
		return err_set(err, ERR_INVALID, "as_recorded must be true or false");
	if (person && !(one && (json_is_string(person) || json_is_null(person))))
		return err_set(err, ERR_INVALID, one ? "person: the name of whose device it is, or null" :
			       "person is said of one device: take them in one by one");
	if (replaces && !(one && json_is_string(replaces)))
		return err_set(err, ERR_INVALID, "replaces is said of one device: the id of the enrollment whose place it takes");
	ret->replaces = json_string_value(replaces);
	ret->as_recorded = json_is_true(recorded);
	ret->said = person != NULL;
	return device_person_find(req, req->site->db, json_string_value(person), &ret->person_id, err);
}

static bool
api_take(struct req *req, struct reply *reply, struct err *err)
{
	struct came_back_terms terms;

	return read_terms(req, true, &terms, err) && take(req, &terms, err) && reply_empty(reply, 204);
}

static bool
api_take_all(struct req *req, struct reply *reply, struct err *err)
{
	struct came_back_terms terms;
	struct came_back_taken taken;

	return read_terms(req, false, &terms, err) && take_all(req, terms.as_recorded, &taken, err) &&
	       reply_json(reply, 200, json_pack("{s:I, s:I}", "taken_in", (json_int_t)taken.n, "left_managed",
						(json_int_t)taken.managed));
}

static bool
api_refuse(struct req *req, struct reply *reply, struct err *err)
{
	return came_back_refuse(req->site->db, actor(req), req_param(req, "id"), err) && reply_empty(reply, 204);
}

const struct route came_back_routes[] = {
	{ GET,  HERE,                               WHO_ADMIN, "0",   ON_WORKER, get_came_back, NULL, NULL,      "Devices that came back after a backup was put back" },
	{ POST, HERE "/take",                       WHO_ADMIN, "16K", ON_WORKER, post_take_all, NULL, NULL,      "Take all of them in again" },
	{ GET,  HERE "/:id",                    WHO_ADMIN, "0",   ON_WORKER, get_one,       NULL, NULL,      "One whose device is managed under another identity" },
	{ POST, HERE "/:id/take",               WHO_ADMIN, "16K", ON_WORKER, post_take,     NULL, NULL,      "Take one in again" },
	{ POST, HERE "/:id/refuse",             WHO_ADMIN, "16K", ON_WORKER, post_refuse,   NULL, NULL,      "Tell it to leave" },
	{ GET,  "/api/v1/came-back",                WHO_ADMIN, "0",   ON_WORKER, api_list,      NULL, "devices", "Devices that came back after a backup was put back" },
	{ POST, "/api/v1/came-back/take",           WHO_ADMIN, "16K", ON_WORKER, api_take_all,  NULL, "devices", "Take all of them in again: {as_recorded}" },
	{ GET,  "/api/v1/came-back/:id",        WHO_ADMIN, "0",   ON_WORKER, api_show,      NULL, "devices", "One of them, and whose place it would take" },
	{ POST, "/api/v1/came-back/:id/take",   WHO_ADMIN, "16K", ON_WORKER, api_take,      NULL, "devices", "Take one in again: {person, as_recorded, replaces}" },
	{ POST, "/api/v1/came-back/:id/refuse", WHO_ADMIN, "16K", ON_WORKER, api_refuse,    NULL, "devices", "Tell it to leave" },
	{ 0 }
};
