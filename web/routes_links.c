/*
 * Links to testers and what was observed of installs, for programs.
 *
 * A link is made, sent and written down in one transaction: one that was answered with 201 has its
 * messages on their way.
 */
#include "catalog/contact.h"
#include "core/clock.h"
#include "core/json.h"
#include "core/num.h"
#include "web/link_send.h"
#include "web/rooms.h"
#include <string.h>

#define SECONDS_MAX	((int64_t)400 * DAY_S)	/* a smaller number is seconds from now, a larger one since 1970 */

/* ---- making one ---- */

/* An ISO 8601 time, or a number: seconds from now, or since 1970. */
static bool
read_expires(struct req *req, const json_t *value, const char *channel, int64_t *ret, struct err *err)
{
	const struct conf *conf = site_conf(req->site);
	int64_t now = clock_now();
	time_t at;

	*ret = now + (channel ? conf->link_channel_days : conf->link_days) * DAY_S;
	if (!value || json_is_null(value))
		return true;
	if (json_is_integer(value)) {
		json_int_t n = json_integer_value(value);

		*ret = n >= 0 && n < SECONDS_MAX ? now + n : n;
		return true;
	}
	if (!json_is_string(value))
		return err_set(err, ERR_INVALID, "expires is an ISO 8601 time, or a number of seconds");
	if (!clock_parse(json_string_value(value), &at, err))
		return err_at(err, "expires");
	*ret = at;
	return true;
}

/* A text, or true: we make one. */
static bool
read_pin(struct req *req, const json_t *value, const char **ret, struct err *err)
{
	*ret = NULL;
	if (!value || json_is_null(value) || json_is_false(value))
		return true;
	if (json_is_true(value))
		*ret = link_pin(req);
	else if (json_is_string(value))
		*ret = json_string_value(value);
	else
		return err_set(err, ERR_INVALID, "pin is a text of six digits, or true");
	return true;
}

/* send: true (mail, or SMS for who has no address), "mail", "sms", or a list of them. */
static bool
read_send(const json_t *value, struct link_ways *ret, struct err *err)
{
	json_t *item;
	size_t i;

	*ret = (struct link_ways){ 0 };
	if (!value || json_is_null(value) || json_is_false(value))
		return true;
	if (json_is_true(value)) {
		ret->any = true;
		return true;
	}
	if (json_is_string(value)) {
		ret->mail = strcmp(json_string_value(value), "mail") == 0;
		ret->sms = strcmp(json_string_value(value), "sms") == 0;
		return ret->mail || ret->sms || err_set(err, ERR_INVALID, "send is true, \"mail\" or \"sms\"");
	}
	if (!json_is_array(value))
		return err_set(err, ERR_INVALID, "send is true, \"mail\", \"sms\" or a list of them");
	json_array_foreach(value, i, item) {
		struct link_ways one = { 0 };

		if (!json_is_string(item) || !read_send(item, &one, err))
			return err_set(err, ERR_INVALID, "send is a list of \"mail\" and \"sms\"");
		ret->mail |= one.mail;
		ret->sms |= one.sms;
	}
	return true;
}

/* A contact by id, or by an address or number: with the link it is made when there is none. */
static bool
read_contact(struct req *req, const char *id, struct contact *given, const struct contact **ret, struct err *err)
{
	struct contact *known;

	*ret = NULL;
	if (id) {
		if (!contact_get(req, req->site->db, id, &known, err))
			return false;
		*ret = known;
	} else if (given->email || given->phone) {
		if (!contact_check(req, given, err))
			return false;
		*ret = given;
	}
	return true;
}

static bool
api_new(struct req *req, struct reply *reply, struct err *err)
{
	struct link_terms terms = { .installs_max = site_conf(req->site)->link_installs };
	const struct contact *contact;
	struct contact given = { .name = NULL };
	const char *id = NULL;
	json_t *body, *expires = NULL, *pin = NULL, *send = NULL, *made, *link;
	struct link_ways ways;
	int sign_in = 0;

	if (!req_json(req, &body, err))
		return false;
	json_drop_nulls(body);
	if (!JSON_READ(body, err, { "build", JSON_IS_TEXT, &terms.build_id }, { "bundle_id", JSON_IS_TEXT, &terms.bundle_id },
		       { "channel", JSON_IS_TEXT, &terms.channel }, { "contact", JSON_IS_TEXT, &id },
		       { "email", JSON_IS_TEXT, &given.email }, { "phone", JSON_IS_TEXT, &given.phone }, { "expires", JSON_IS_ANY, &expires },
		       { "max_installs", JSON_IS_INT, &terms.installs_max }, { "pin", JSON_IS_ANY, &pin },
		       { "sign_in", JSON_IS_BOOL, &sign_in }, { "send", JSON_IS_ANY, &send }))
		return false;
	terms.sign_in = sign_in;
	if (!read_expires(req, expires, terms.channel, &terms.expires, err) || !read_pin(req, pin, &terms.pin, err) ||
	    !read_send(send, &ways, err) || !read_contact(req, id, &given, &contact, err) ||
	    !link_make(req, &terms, &contact, contact ? 1 : 0, &ways, &made, err))
		return false;
	link = json_incref(json_array_get(made, 0));
	json_decref(made);
	if (json_is_true(pin))
		json_object_set_new(link, "pin", json_string(terms.pin));
	return reply_json(reply, 201, link);
}

/* ---- what there is ---- */

static bool
api_list(struct req *req, struct reply *reply, struct err *err)
{
	struct link_filter filter = { req_query(req, "bundle_id"), req_query(req, "build"), req_query(req, "contact") };
	json_t *list;

	return link_list(req->site->db, req->person, &filter, req_query(req, "after"), query_limit(req, LINK_PAGE_MAX),
			 &list, err) && reply_json(reply, 200, list);
}

/* With its messages and its installs. */
static bool
api_show(struct req *req, struct reply *reply, struct err *err)
{
	json_t *link;

	return link_detail(req, req_param(req, "id"), &link, err) && reply_json(reply, 200, link);
}

static bool
api_send(struct req *req, struct reply *reply, struct err *err)
{
	struct link_ways ways = { .any = true };
	json_t *body, *send = NULL, *sent;

	if (req->body.len && (!req_json(req, &body, err) || !JSON_READ(body, err, { "send", JSON_IS_ANY, &send })))
		return false;
	return (!send || read_send(send, &ways, err)) && link_send_again(req, req_param(req, "id"), &ways, &sent, err) &&
	       reply_json(reply, 202, sent);
}

static bool
api_revoke(struct req *req, struct reply *reply, struct err *err)
{
	return link_revoke(req->site->db, req->person, req_param(req, "id"), err) && reply_empty(reply, 204);
}

static bool
api_rule(struct req *req, struct reply *reply, struct err *err)
{
	const char *bundle_id = req_param(req, "bundle");
	json_t *body;
	int sign_in = 0;

	return req_json(req, &body, err) && JSON_READ(body, err, { "sign_in", JSON_IS_BOOL, &sign_in, true }) &&
	       link_rule_set(req->site->db, req->person, bundle_id, sign_in, err) &&
	       reply_json(reply, 200, json_pack("{s:s, s:b}", "bundle_id", bundle_id, "sign_in", sign_in));
}

/* ---- installs ---- */

/* The person, who publishes the app, or who has the link: its token in X-Pomona-Link. */
static bool
api_install(struct req *req, struct reply *reply, struct err *err)
{
	const char *token = req_header(req, "X-Pomona-Link");
	struct install_viewer viewer = { .person = req->person };
	struct link *link;
	json_t *install;

	if (token && link_find(req, req->site->db, token, &link, err) && !link->revoked)
		viewer.link_id = link->id;
	return install_show(req->site->db, req->site->installs, &viewer, req_param(req, "id"), &install, err) &&
	       reply_json(reply, 200, install);
}

static bool
api_installs(struct req *req, struct reply *reply, struct err *err)
{
	struct install_filter filter = { req_query(req, "bundle_id"), req_query(req, "build"), req_query(req, "link"),
					 req_query(req, "person"), req_query(req, "contact") };
	json_t *list;

	return install_list(req->site->db, req->site->installs, req->person, &filter, req_query(req, "after"),
			    query_limit(req, INSTALL_PAGE_MAX), &list, err) && reply_json(reply, 200, list);
}

const struct route link_routes[] = {
	{ POST,   "/api/v1/links",               WHO_PUBLISHER, "16K", ON_WORKER, api_new,      NULL, "upload", "A link for a tester" },
	{ GET,    "/api/v1/links",               WHO_PUBLISHER, "0",   ON_WORKER, api_list,     NULL, "upload", "Links: ?bundle_id= &build= &contact=" },
	{ GET,    "/api/v1/links/:id",           WHO_PUBLISHER, "0",   ON_WORKER, api_show,     NULL, "upload", "A link, its messages and installs" },
	{ POST,   "/api/v1/links/:id/send",      WHO_PUBLISHER, "16K", ON_WORKER, api_send,     NULL, "upload", "Send it again: {send}" },
	{ DELETE, "/api/v1/links/:id",           WHO_PUBLISHER, "0",   ON_WORKER, api_revoke,   NULL, "upload", "Revoke a link" },
	{ PUT,    "/api/v1/apps/:bundle/links",  WHO_PUBLISHER, "16K", ON_WORKER, api_rule,     NULL, "upload", "Do its links ask for a sign-in: {sign_in}" },
	{ GET,    "/api/v1/installs",            WHO_PUBLISHER, "0",   ON_WORKER, api_installs, NULL, "upload", "Installs: ?bundle_id= &build= &link= &person= &contact=" },
	{ GET,    "/api/v1/installs/:id",        WHO_ANYONE,    "0",   ON_WORKER, api_install,  NULL, "read",   "What was observed of an install" },
	{ 0 }
};
