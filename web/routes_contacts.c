/*
 * Testers: contacts, their groups and tables of them, for programs.
 *
 * Addresses of people outside of the house are for its publishers: a token for one app alone sees none.
 */
#include "catalog/contact_import.h"
#include "core/json.h"
#include "web/rooms.h"
#include <string.h>

static bool
may(struct req *req, struct err *err)
{
	return !req->person->bundle_id ||
	       err_set(err, ERR_DENIED, "a token for one app sees no contacts; make links by address or number");
}

static const char *
actor(struct req *req)
{
	return person_actor(req, req->person);
}

/* ---- API ---- */

static bool
api_list(struct req *req, struct reply *reply, struct err *err)
{
	json_t *list;

	return may(req, err) &&
	       contact_list(req->site->db, req_query(req, "q"), req_query(req, "group"), req_query(req, "after"),
			    query_limit(req, CONTACT_PAGE_MAX), &list, err) &&
	       reply_json(reply, 200, list);
}

static bool
read_contact(struct req *req, struct contact *contact, struct err *err)
{
	json_t *body;
	int quiet = contact->quiet;

	if (!req_json(req, &body, err) ||
	    !JSON_READ(body, err, { "name", JSON_IS_TEXT, &contact->name }, { "email", JSON_IS_TEXT, &contact->email },
		       { "phone", JSON_IS_TEXT, &contact->phone }, { "language", JSON_IS_TEXT, &contact->language },
		       { "quiet", JSON_IS_BOOL, &quiet }))
		return false;
	contact->quiet = quiet;
	return contact_check(req, contact, err);
}

static bool
api_add(struct req *req, struct reply *reply, struct err *err)
{
	struct contact contact = { .name = NULL };
	json_t *json;
	char *id;

	return may(req, err) && read_contact(req, &contact, err) &&
	       contact_add(req, req->site->db, actor(req), &contact, &id, err) &&
	       contact_show(req->site->db, id, &json, err) && reply_json(reply, 201, json);
}

static bool
api_show(struct req *req, struct reply *reply, struct err *err)
{
	json_t *json;

	return may(req, err) && contact_show(req->site->db, req_param(req, "id"), &json, err) &&
	       reply_json(reply, 200, json);
}

static bool
api_change(struct req *req, struct reply *reply, struct err *err)
{
	struct contact *contact;
	json_t *json;

	return may(req, err) && contact_get(req, req->site->db, req_param(req, "id"), &contact, err) &&
	       read_contact(req, contact, err) && contact_change(req->site->db, req->person, contact, err) &&
	       contact_show(req->site->db, contact->id, &json, err) && reply_json(reply, 200, json);
}

static bool
api_remove(struct req *req, struct reply *reply, struct err *err)
{
	return may(req, err) && contact_remove(req->site->db, req->person, req_param(req, "id"), err) &&
	       reply_empty(reply, 204);
}

static bool
api_groups(struct req *req, struct reply *reply, struct err *err)
{
	json_t *list;

	return may(req, err) && contact_group_list(req->site->db, &list, err) &&
	       reply_json(reply, 200, json_pack("{s:o, s:n}", "items", list, "next"));
}

static bool
api_group_add(struct req *req, struct reply *reply, struct err *err)
{
	const char *name = NULL;
	json_t *body;
	char *id;

	return may(req, err) && req_json(req, &body, err) && JSON_READ(body, err, { "name", JSON_IS_TEXT, &name, true }) &&
	       contact_group_add(req, req->site->db, actor(req), name, &id, err) &&
	       reply_json(reply, 201, json_pack("{s:s, s:s}", "id", id, "name", name));
}

static bool
api_group_remove(struct req *req, struct reply *reply, struct err *err)
{
	return may(req, err) && contact_group_remove(req->site->db, actor(req), req_param(req, "id"), err) &&
	       reply_empty(reply, 204);
}

static bool
api_group_put(struct req *req, struct reply *reply, struct err *err)
{
	return may(req, err) && contact_group_put(req->site->db, actor(req), req_param(req, "id"),
						  req_param(req, "contact"), req->method == PUT, err) &&
	       reply_empty(reply, 204);
}

/* ---- a table of them ---- */

static json_t *
import_json(const struct import *import)
{
	json_t *items = json_array(), *counts = json_object();
	size_t n[4] = { 0 };

	for (size_t i = 0; i < import->n; i++) {
		const struct import_row *row = &import->rows[i];
		const struct contact *c = &row->contact;
		bool bad = row->state == IMPORT_BAD;
		json_t *groups = json_array();

		n[row->state]++;
		for (size_t g = 0; !bad && g < row->groups_n; g++)
			json_array_append_new(groups, json_string(row->groups[g]));
		json_array_append_new(items, json_pack("{s:i, s:s, s:s, s:s, s:s, s:s, s:s?, s:o}", "line", row->line, "state",
			import_states[row->state], "name", bad || !c->name ? "" : c->name, "email", bad ? "" : c->email,
			"phone", bad ? "" : c->phone, "language", bad ? "" : c->language, "reason", row->reason,
			"groups", groups));
	}
	for (int s = 0; s < 4; s++)
		json_object_set_new(counts, import_states[s], json_integer((json_int_t)n[s]));
	return json_pack("{s:o, s:o}", "items", items, "counts", counts);
}

/* Reads it, and keeps the good rows only when told so. */
bool
contacts_take_table(struct req *req, struct bytes text, const char *group, bool keep, json_t **ret, struct err *err)
{
	struct import *import;

	if (!import_read(req, text, &import, err) || !import_match(req, req->site->db, req->person, import, err) ||
	    (keep && !import_apply(req->site->db, req->person, import, group, err)))
		return false;
	*ret = import_json(import);
	json_object_set_new(*ret, "kept", json_boolean(keep));
	return true;
}

static bool
api_import(struct req *req, struct reply *reply, struct err *err)
{
	const char *keep = req_query(req, "keep");
	json_t *json;

	return may(req, err) &&
	       contacts_take_table(req, req->body, req_query(req, "group"), keep && strcmp(keep, "yes") == 0, &json, err) &&
	       reply_json(reply, 200, json);
}

const struct route contact_routes[] = {
	{ GET,    "/api/v1/contacts",             WHO_PUBLISHER, "0",    ON_WORKER, api_list,         NULL, "upload", "Testers: ?q= &group=" },
	{ POST,   "/api/v1/contacts",             WHO_PUBLISHER, "16K",  ON_WORKER, api_add,          NULL, "upload", "A tester: {name, email, phone, language}" },
	{ POST,   "/api/v1/contacts/import",      WHO_PUBLISHER, "256K", ON_WORKER, api_import,       NULL, "upload", "A CSV of testers: ?keep=yes &group=" },
	{ GET,    "/api/v1/contacts/:id",         WHO_PUBLISHER, "0",    ON_WORKER, api_show,         NULL, "upload", "One tester" },
	{ PUT,    "/api/v1/contacts/:id",         WHO_PUBLISHER, "16K",  ON_WORKER, api_change,       NULL, "upload", "Change a tester" },
	{ DELETE, "/api/v1/contacts/:id",         WHO_PUBLISHER, "0",    ON_WORKER, api_remove,       NULL, "upload", "Remove a tester and their links" },
	{ GET,    "/api/v1/contact-groups",       WHO_PUBLISHER, "0",    ON_WORKER, api_groups,       NULL, "upload", "Groups of testers" },
	{ POST,   "/api/v1/contact-groups",       WHO_PUBLISHER, "16K",  ON_WORKER, api_group_add,    NULL, "upload", "A group: {name}" },
	{ DELETE, "/api/v1/contact-groups/:id",   WHO_PUBLISHER, "0",    ON_WORKER, api_group_remove, NULL, "upload", "Remove a group; its testers stay" },
	{ PUT,    "/api/v1/contact-groups/:id/contacts/:contact", WHO_PUBLISHER, "0", ON_WORKER, api_group_put, NULL, "upload", "Put a tester in a group" },
	{ DELETE, "/api/v1/contact-groups/:id/contacts/:contact", WHO_PUBLISHER, "0", ON_WORKER, api_group_put, NULL, "upload", "Take a tester out of a group" },
	{ 0 }
};
