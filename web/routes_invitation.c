/*
 * Invitations to set up a device, for admins: who is invited, how far they are, who is missing.
 */
#include "catalog/group.h"
#include "catalog/people.h"
#include "core/clock.h"
#include "core/num.h"
#include "web/invitation_send.h"
#include "web/rooms.h"
#include <string.h>

#define HERE "/admin/invitations"

static const char *const states[] = {
	"waiting", "sent", "delivered", "failed", "opened", "signed_in", "began", "enrolled", "silent", "declined", "expired", "revoked",
};
#define STATES (sizeof states / sizeof *states)

static const char *
query_text(struct req *req, const char *name)
{
	const char *text = req_query(req, name);

	return text ? text : "";
}

struct invitation_filter
invitation_filter_of(struct req *req)
{
	const char *state = query_text(req, "state");
	struct invitation_filter filter = { .person_id = query_text(req, "person"), .group = query_text(req, "group"),
					    .search = query_text(req, "q"), .silent_s = invitation_silent_s(req->site) };

	for (size_t i = 0; i < STATES; i++)
		if (strcmp(state, states[i]) == 0)
			filter.state = states[i];
	return filter;
}

#define WHOSE "person group q"	/* what is asked, but for the state and the place */

/* ---- the list ---- */

static json_t *
chips(struct req *req, const char *state, const json_t *counts)
{
	json_t *list = json_array();

	json_array_append_new(list, json_pack("{s:s, s:s, s:b, s:n}", "state", "", "url",
					      page_url(req, HERE, WHOSE, NULL, NULL), "current", !*state, "count"));
	for (size_t i = 0; i < STATES; i++) {
		json_int_t n = json_integer_value(json_object_get(counts, states[i]));

		if (n || strcmp(state, states[i]) == 0)
			json_array_append_new(list, json_pack("{s:s, s:s, s:b, s:I}", "state", states[i], "url",
				page_url(req, HERE, WHOSE, "state", states[i]), "current", strcmp(state, states[i]) == 0, "count", n));
	}
	return list;
}

static bool
is(const json_t *i, const char *key)
{
	return json_is_string(json_object_get(i, key));
}

static void
dress(struct req *req, json_t *i)
{
	static const char *const moments[] = { "sent", "reminded", "opened", "signed_in", "declined", "began", "enrolled", "revoked",
					       "created", "expires" };
	const char *id = text_of(i, "id");
	json_t *person = json_object_get(i, "person");
	bool over = is(i, "enrolled") || is(i, "revoked");

	json_object_set_new(i, "url", json_sprintf("/admin/people/%s", text_of(person, "id")));
	json_object_set_new(i, "error", json_string(text_of(json_object_get(i, "message"), "error")));
	json_object_set_new(i, "resend_url", over || strcmp(text_of(i, "by"), "link") == 0 ? json_null()
			    : json_sprintf(HERE "/%s/resend", id));
	json_object_set_new(i, "revoke_url", over ? json_null() : json_sprintf(HERE "/%s/revoke", id));
	for (size_t n = 0; n < sizeof moments / sizeof *moments; n++)
		json_object_set_new(i, moments[n], page_moment_of(req, i, moments[n]));
}

static bool
group_choice(struct req *req, const char *selected, json_t **ret, struct err *err)
{
	json_t *list, *group;
	size_t i;

	if (!group_list(req->site->db, NULL, NULL, GROUP_PAGE_MAX, &list, err))
		return false;
	json_array_foreach(json_object_get(list, "items"), i, group)
		json_object_set_new(group, "selected", json_boolean(strcmp(text_of(group, "id"), selected) == 0 ||
								    strcmp(text_of(group, "name"), selected) == 0));
	*ret = json_incref(json_object_get(list, "items"));
	json_decref(list);
	return true;
}

static bool
invitations_page(struct req *req, struct reply *reply, int status, const struct err *refused, struct err *err)
{
	struct invitation_filter filter = invitation_filter_of(req);
	const char *state = filter.state ? filter.state : "";
	json_t *list = NULL, *counts = NULL, *groups = NULL, *data, *i;
	char text[520];
	size_t n;

	if (!invitation_list(req->site->db, &filter, req_query(req, "after"), INVITATION_PAGE_MAX / 2, &list, err) ||
	    !invitation_counts(req->site->db, filter.silent_s, &counts, err) || !group_choice(req, filter.group, &groups, err)) {
		json_decref(list);
		json_decref(counts);
		return false;
	}
	json_array_foreach(json_object_get(list, "items"), n, i)
		dress(req, i);
	data = json_pack("{s:O, s:o, s:o, s:s?, s:s, s:s, s:s, s:s?, s:I, s:s?}", "invitations", json_object_get(list, "items"),
		"filters", chips(req, state, counts), "groups", groups, "next_url", page_next(req, HERE, WHOSE " state", list),
		"q", filter.search, "csv_url", page_url(req, HERE ".csv", WHOSE, "state", state),
		"new_url", page_url(req, HERE "/new", WHOSE, NULL, NULL), "changed", req_query(req, "changed"), "days", (json_int_t)site_conf(req->site)->enroll_silent_days, "refused",
		refused ? err_text(refused, text, sizeof text) : NULL);
	json_decref(list);
	json_decref(counts);
	return reply_page_status(reply, req, status, "invitations", data, err);
}

static bool
get_invitations(struct req *req, struct reply *reply, struct err *err)
{
	return invitations_page(req, reply, 200, NULL, err);
}

/* Whatever is ours to mend goes to the error page; a refusal stands where it was asked for. */
static bool
shows(const struct err *err)
{
	return err->kind == ERR_INVALID || err->kind == ERR_CONFLICT || err->kind == ERR_LIMIT;
}

static bool
done(struct req *req, struct reply *reply, bool ok, const char *what, struct err *err)
{
	struct err refused = *err;

	if (ok)
		return reply_see(reply, mem_printf(req, HERE "?changed=%s", what));
	return shows(&refused) && invitations_page(req, reply, err_http_status(refused.kind), &refused, err);
}

static bool
post_resend(struct req *req, struct reply *reply, struct err *err)
{
	json_t *sent = NULL;
	bool ok = invitation_send_again(req, req->site, person_actor(req, req->person), req_param(req, "id"), &sent, err);

	json_decref(sent);
	return done(req, reply, ok, "sent", err);
}

static bool
post_revoke(struct req *req, struct reply *reply, struct err *err)
{
	return done(req, reply, invitation_revoke(req->site->db, person_actor(req, req->person), req_param(req, "id"), err), "revoked",
		    err);
}

/* ---- inviting ---- */

/* A field that was sent several times. */
static struct names
form_names(struct req *req, const char *field)
{
	struct names names = { 0 };
	const char *name;

	for (size_t i = 0; (name = req_form_nth(req, field, i)) != NULL; i++)
		if (*name)
			names_add(req, &names, name);
	return names;
}

static void
tick(json_t *list, const struct names *ticked)
{
	json_t *item;
	size_t i;

	json_array_foreach(list, i, item) {
		bool on = false;

		for (size_t n = 0; n < ticked->n; n++)
			on = on || strcmp(ticked->list[n], text_of(item, "id")) == 0 || strcmp(ticked->list[n], text_of(item, "name")) == 0;
		json_object_set_new(item, "checked", json_boolean(on));
	}
}

/* Somebody whom the page of a person leads here for. */
static bool
one_person(struct req *req, const struct names *persons, json_t **ret, struct err *err)
{
	const char *id = persons->n == 1 ? persons->list[0] : query_text(req, "person");
	json_t *p;

	*ret = json_null();
	if (!*id || (persons->n != 1 && persons->n))
		return true;
	if (!people_show(req->site->db, id, &p, err))
		return err->kind == ERR_MISSING;
	*ret = json_pack("{s:s, s:s, s:s, s:s}", "id", text_of(p, "id"), "name", *text_of(p, "display") ? text_of(p, "display") :
			 text_of(p, "name"), "email", text_of(p, "email"), "phone", text_of(p, "phone"));
	json_decref(p);
	return true;
}

/* `made`: as invitation_make tells it; NULL: nothing yet.  Takes it over. */
static bool
invite_page(struct req *req, struct reply *reply, int status, json_t *made, const struct err *refused, struct err *err)
{
	const struct conf *conf = site_conf(req->site);
	struct names persons = form_names(req, "person"), groups_ticked = form_names(req, "group");
	const char *q = query_text(req, "q"), *note = req_form(req, "note");
	json_t *missing = NULL, *groups = NULL, *one = NULL, *data;
	char text[520];

	if (*query_text(req, "group"))
		names_add(req, &groups_ticked, query_text(req, "group"));
	if (!one_person(req, &persons, &one, err) ||
	    !invitation_missing(req->site->db, q, req_query(req, "group"), req_query(req, "after"), INVITATION_PAGE_MAX, &missing, err) ||
	    !group_choice(req, "", &groups, err)) {
		json_decref(made);
		json_decref(one);
		json_decref(missing);
		return false;
	}
	tick(json_object_get(missing, "items"), &persons);
	tick(groups, &groups_ticked);
	data = json_pack("{s:o, s:O, s:s?, s:o, s:s, s:I, s:I, s:b, s:b, s:o, s:s, s:s?, s:b}", "one", one, "people",
		json_object_get(missing, "items"), "next_url", page_next(req, HERE "/new", WHOSE, missing), "groups", groups, "q", q,
		"days", (json_int_t)conf->enroll_invite_days, "silent_days", (json_int_t)conf->enroll_silent_days,
		"can_mail", *conf->smtp_url != '\0', "can_sms", *conf->sms_driver != '\0', "languages", page_language_choice(""),
		"note", note ? note : "", "refused", refused ? err_text(refused, text, sizeof text) : NULL, "done", made != NULL);
	json_object_set_new(data, "made", made ? json_incref(json_object_get(made, "items")) : json_array());
	json_object_set_new(data, "left_out", made ? json_incref(json_object_get(made, "left_out")) : json_array());
	json_object_set_new(data, "made_n", json_integer((json_int_t)json_array_size(json_object_get(data, "made"))));
	json_decref(made);
	json_decref(missing);
	return reply_page_status(reply, req, status, "invite", data, err);
}

static bool
get_new(struct req *req, struct reply *reply, struct err *err)
{
	return invite_page(req, reply, 200, NULL, NULL, err);
}

static const char *
form_or_null(struct req *req, const char *field)
{
	const char *text = req_form(req, field);

	return text && *text ? text : NULL;
}

static bool
post_new(struct req *req, struct reply *reply, struct err *err)
{
	struct names persons = form_names(req, "person"), groups = form_names(req, "group");
	struct invitation_order order = { .actor = person_actor(req, req->person), .by = req->person, .persons = persons.list,
		.persons_n = persons.n, .groups = groups.list, .groups_n = groups.n, .to = form_or_null(req, "to"),
		.language = form_or_null(req, "language"), .note = req_form(req, "note"), .another = req_form(req, "another") != NULL,
		.remind = req_form(req, "remind") != NULL };
	const char *days = form_or_null(req, "days");
	struct err refused;
	json_t *made;

	if (form_text(req, "way", &order.way, err) &&
	    (!days || num_parse(days, 1, LINK_DAYS_MAX, &order.days, err) || err_at(err, "days")) &&
	    invitation_make(req, req->site, &order, &made, err))
		return invite_page(req, reply, 201, made, NULL, err);
	refused = *err;
	return shows(&refused) && invite_page(req, reply, err_http_status(refused.kind), NULL, &refused, err);
}

const struct route invitation_routes[] = {
	{ GET,    "/admin/invitations",             WHO_ADMIN, "0",   ON_WORKER, get_invitations, NULL, NULL,      "Who is invited to set up a device, and how far they are" },
	{ GET,    "/admin/invitations/new",         WHO_ADMIN, "0",   ON_WORKER, get_new,         NULL, NULL,      "Whom to invite" },
	{ POST,   "/admin/invitations/new",         WHO_ADMIN, "256K", ON_WORKER, post_new,       NULL, NULL,      "Invite: person, group, way, to, note, language, days, another, remind" },
	{ POST,   "/admin/invitations/:id/resend",  WHO_ADMIN, "16K", ON_WORKER, post_resend,     NULL, NULL,      "Send an invitation again" },
	{ POST,   "/admin/invitations/:id/revoke",  WHO_ADMIN, "16K", ON_WORKER, post_revoke,     NULL, NULL,      "Revoke an invitation" },
	{ 0 }
};
