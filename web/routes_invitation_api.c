/*
 * Invitations to set up a device, for programs; and as a file.
 */
#include "catalog/people.h"
#include "core/buf.h"
#include "core/json.h"
#include "web/invitation_send.h"
#include "web/rooms.h"
#include <string.h>

#define CSV_ROWS	20000
#define CSV_BUF		(16u << 20)

/* ---- the file ---- */

static void
add_cell(struct buf *out, const char *text)
{
	if (out->len && out->p[out->len - 1] != '\n')
		buf_text(out, ",");
	buf_csv(out, text, strlen(text));
}

static void
add_row(struct buf *out, const json_t *i)
{
	static const char *const moments[] = { "created", "sent", "reminded", "opened", "signed_in", "declined", "began", "enrolled",
					       "revoked", "expires" };
	static const char *const of_person[] = { "name", "display", "email", "phone" };
	static const char *const of_it[] = { "state", "by", "recipient", "from" };

	for (size_t n = 0; n < sizeof of_person / sizeof *of_person; n++)
		add_cell(out, text_of(json_object_get(i, "person"), of_person[n]));
	for (size_t n = 0; n < sizeof of_it / sizeof *of_it; n++)
		add_cell(out, text_of(i, of_it[n]));
	for (size_t n = 0; n < sizeof moments / sizeof *moments; n++)
		add_cell(out, text_of(i, moments[n]));
	add_cell(out, text_of(json_object_get(i, "message"), "error"));
	buf_text(out, "\r\n");
}

static bool
get_csv(struct req *req, struct reply *reply, struct err *err)
{
	struct invitation_filter filter = invitation_filter_of(req);
	const char *after = NULL;
	struct buf out;
	size_t rows = 0;

	buf_init(&out, req, CSV_BUF);
	buf_text(&out, "account,name,email,phone,state,by,recipient,from,created,sent,reminded,opened,signed_in,declined,began,"
		 "enrolled,revoked,expires,error\r\n");
	do {
		json_t *list, *i;
		size_t n;

		if (!invitation_list(req->site->db, &filter, after, INVITATION_PAGE_MAX, &list, err))
			return false;
		json_array_foreach(json_object_get(list, "items"), n, i)
			add_row(&out, i);
		rows += json_array_size(json_object_get(list, "items"));
		after = json_is_string(json_object_get(list, "next")) ? mem_text(req, text_of(list, "next")) : NULL;
		json_decref(list);
	} while (after && rows < CSV_ROWS);
	if (!buf_ok(&out, err))
		return false;
	reply_header(reply, "Content-Disposition", "attachment; filename=\"invitations.csv\"");
	return reply_bytes(reply, 200, "text/csv; charset=utf-8; header=present", (struct bytes){ out.p, out.len });
}

/* ---- the API ---- */

static bool
api_list(struct req *req, struct reply *reply, struct err *err)
{
	struct invitation_filter filter = invitation_filter_of(req);
	const char *state = req_query(req, "state");
	json_t *list;

	if (state && *state && !filter.state)
		return err_set(err, ERR_INVALID, "there is no state \"%.40s\"", state);
	return invitation_list(req->site->db, &filter, req_query(req, "after"), query_limit(req, INVITATION_PAGE_MAX), &list, err) &&
	       reply_json(reply, 200, list);
}

static bool
api_missing(struct req *req, struct reply *reply, struct err *err)
{
	json_t *list;

	return invitation_missing(req->site->db, req_query(req, "q"), req_query(req, "group"), req_query(req, "after"),
				  query_limit(req, INVITATION_PAGE_MAX), &list, err) && reply_json(reply, 200, list);
}

static bool
api_show(struct req *req, struct reply *reply, struct err *err)
{
	json_t *i;

	return invitation_show(req->site->db, req_param(req, "id"), invitation_silent_s(req->site), &i, err) &&
	       reply_json(reply, 200, i);
}

/* A text, or a list of them; NULL is none. */
static bool
json_names(struct req *req, const json_t *value, const char *field, struct names *names, struct err *err)
{
	json_t *item;
	size_t i;

	if (json_is_string(value)) {
		names_add(req, names, json_string_value(value));
		return true;
	}
	if (value && !json_is_array(value))
		return err_set(err, ERR_INVALID, "%s must be a list of names or ids", field);
	json_array_foreach(value, i, item) {
		if (!json_is_string(item))
			return err_set(err, ERR_INVALID, "%s must be a list of names or ids", field);
		names_add(req, names, json_string_value(item));
	}
	return true;
}

static bool
api_new(struct req *req, struct reply *reply, struct err *err)
{
	struct invitation_order order = { .actor = person_actor(req, req->person), .by = req->person, .way = "any" };
	struct names persons = { 0 }, groups = { 0 };
	json_t *body, *person = NULL, *people = NULL, *group = NULL, *several = NULL, *made;
	int another = 0, remind = 1;

	if (!req_json(req, &body, err) ||
	    !JSON_READ(body, err, { "person", JSON_IS_ANY, &person }, { "persons", JSON_IS_ANY, &people }, { "group", JSON_IS_ANY, &group },
		       { "groups", JSON_IS_ANY, &several }, { "by", JSON_IS_TEXT, &order.way }, { "to", JSON_IS_TEXT, &order.to },
		       { "language", JSON_IS_TEXT, &order.language }, { "note", JSON_IS_TEXT, &order.note },
		       { "another", JSON_IS_BOOL, &another }, { "remind", JSON_IS_BOOL, &remind }, { "days", JSON_IS_INT, &order.days }))
		return false;
	if (!json_names(req, person, "person", &persons, err) || !json_names(req, people, "persons", &persons, err) ||
	    !json_names(req, group, "group", &groups, err) || !json_names(req, several, "groups", &groups, err))
		return false;
	order.persons = persons.list;
	order.persons_n = persons.n;
	order.groups = groups.list;
	order.groups_n = groups.n;
	order.another = another;
	order.remind = remind;
	if (!invitation_make(req, req->site, &order, &made, err))
		return false;
	return reply_json(reply, json_array_size(json_object_get(made, "items")) ? 201 : 200, made);
}

static bool
api_resend(struct req *req, struct reply *reply, struct err *err)
{
	json_t *sent;

	return invitation_send_again(req, req->site, person_actor(req, req->person), req_param(req, "id"), &sent, err) && reply_json(reply, 202, sent);
}

static bool
api_revoke(struct req *req, struct reply *reply, struct err *err)
{
	return invitation_revoke(req->site->db, person_actor(req, req->person), req_param(req, "id"), err) &&
	       reply_empty(reply, 204);
}

const struct route invitation_api_routes[] = {
	{ GET,    "/admin/invitations.csv",         WHO_ADMIN, "0",   ON_WORKER, get_csv,         NULL, "devices", "The same as a file" },
	{ GET,    "/api/v1/invitations",            WHO_ADMIN, "0",   ON_WORKER, api_list,        NULL, "devices", "Invitations: ?state= &person= &group= &q= &after= &limit=" },
	{ POST,   "/api/v1/invitations",            WHO_ADMIN, "512K",  ON_WORKER, api_new,         NULL, "devices", "Invite: {persons, groups, by, to, note, language, days, another, remind}" },
	{ GET,    "/api/v1/invitations/missing",    WHO_ADMIN, "0",   ON_WORKER, api_missing,     NULL, "devices", "People without a device or an invitation: ?q= &group=" },
	{ GET,    "/api/v1/invitations/:id",        WHO_ADMIN, "0",   ON_WORKER, api_show,        NULL, "devices", "One invitation" },
	{ POST,   "/api/v1/invitations/:id/resend", WHO_ADMIN, "16K", ON_WORKER, api_resend,      NULL, "devices", "Send it again" },
	{ DELETE, "/api/v1/invitations/:id",        WHO_ADMIN, "0",   ON_WORKER, api_revoke,      NULL, "devices", "Revoke it" },
	{ 0 }
};
