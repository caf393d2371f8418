/*
 * Mail and SMS: what was sent, what waits and why, trying the settings, and what gateways and mail servers
 * report afterwards.
 */
#include "catalog/message.h"
#include "core/audit.h"
#include "core/bounce.h"
#include "core/clock.h"
#include "core/json.h"
#include "core/secret.h"
#include "web/mail_page.h"
#include "web/outbox.h"
#include "web/qr.h"
#include "web/rooms.h"
#include <string.h>

#define PAGE_MESSAGES	50
#define REASON_MAX	200	/* bytes of a gateway's reason that are kept */

/* Messages are nobody's app: a token for one app has no part in them. */
static bool
whole(struct req *req, struct err *err)
{
	const char *bundle_id = req->person->bundle_id;

	return !bundle_id || err_set(err, ERR_DENIED, "a token for %s alone may not do this", bundle_id);
}

/* ---- the list ---- */

static const char *const states[] = { "waiting", "sending", "sent", "delivered", "failed", "bounced", NULL };

/* ?state=, if it is one; NULL: all. */
static const char *
wanted(struct req *req)
{
	const char *state = req_query(req, "state");

	for (size_t i = 0; state && states[i]; i++)
		if (strcmp(states[i], state) == 0)
			return states[i];
	return NULL;
}

static bool
find(struct req *req, json_t **ret, struct err *err)
{
	const char *state = wanted(req), *about = req_query(req, "about"), *after = req_query(req, "after");
	int64_t limit = query_limit(req, PAGE_MESSAGES);

	if (state)
		return message_list_state(req->site->db, state, after, limit, ret, err);
	return message_list(req->site->db, about && *about ? about : NULL, after, limit, ret, err);
}

static json_t *
page_message(struct req *req, const json_t *message)
{
	json_t *item = json_deep_copy(message);
	bool may_retry = json_is_true(json_object_get(message, "may_retry"));

	json_object_set_new(item, "created", page_moment_of(req, message, "created"));
	json_object_set_new(item, "changed", page_moment_of(req, message, "changed"));
	json_object_set_new(item, "retry_url", !may_retry ? json_null()
			    : json_sprintf("/admin/messages/%s/retry", text_of(message, "id")));
	return item;
}

static json_t *
filters(const char *current)
{
	json_t *list = json_array();

	json_array_append_new(list, json_pack("{s:s, s:s, s:b}", "state", "", "url", "/admin/messages",
					      "current", !*current));
	for (size_t i = 0; states[i]; i++)
		if (strcmp(states[i], "sending") != 0 || strcmp(current, "sending") == 0)
			json_array_append_new(list, json_pack("{s:s, s:o, s:b}", "state", states[i], "url",
				json_sprintf("/admin/messages?state=%s", states[i]), "current",
				strcmp(states[i], current) == 0));
	return list;
}

static bool
get_messages(struct req *req, struct reply *reply, struct err *err)
{
	const char *state = wanted(req);
	json_t *list, *message, *items = json_array(), *data;
	size_t i;

	if (!find(req, &list, err)) {
		json_decref(items);
		return false;
	}
	json_array_foreach(json_object_get(list, "items"), i, message)
		json_array_append_new(items, page_message(req, message));
	data = json_pack("{s:o, s:o, s:b, s:s?}", "messages", items, "filters", filters(state ? state : ""),
			 "retried", req_query(req, "retried") != NULL, "next_url",
			 page_next(req, "/admin/messages", "state about", list));
	json_decref(list);
	return reply_page(reply, req, "messages", data, err);
}

void
messages_todo(struct req *req, json_t *todo)
{
	json_t *stuck, *way;
	size_t i;

	if (req->person->role != ROLE_ADMIN)
		return;
	stuck = outbox_stuck(req->site);
	json_array_foreach(stuck, i, way)
		json_array_append_new(todo, json_pack("{s:o, s:s, s:s, s:s}",
			"kind", json_sprintf("%s_stuck", text_of(way, "kind")), "level", "warning",
			"url", "/admin/messages?state=waiting", "why", text_of(way, "why")));
	json_decref(stuck);
}

static bool
retry(struct req *req, struct err *err)
{
	if (!message_retry(req->site->db, person_actor(req, req->person), req_param(req, "id"), err))
		return false;
	outbox_wake(req->site);
	return true;
}

static bool
post_retry(struct req *req, struct reply *reply, struct err *err)
{
	return retry(req, err) && reply_see(reply, "/admin/messages?retried=1");
}

static bool
api_messages(struct req *req, struct reply *reply, struct err *err)
{
	json_t *list;

	return whole(req, err) && find(req, &list, err) && reply_json(reply, 200, list);
}

static bool
api_message(struct req *req, struct reply *reply, struct err *err)
{
	json_t *message;

	return whole(req, err) && message_show(req->site->db, req_param(req, "id"), &message, err) &&
	       reply_json(reply, 200, message);
}

static bool
api_retry(struct req *req, struct reply *reply, struct err *err)
{
	return whole(req, err) && retry(req, err) && api_message(req, reply, err);
}

/* ---- trying the settings ---- */

/* A test that was made: how far it went, and what to do when it did not arrive. */
struct trial {
	const char *kind, *to;
	bool made, ok;
	struct sending sending;
	struct err why;
};

static bool
tx_audit(struct db *tx, void *arg, struct err *err)
{
	const struct trial *t = arg;

	return audit_add(tx, t->to, "message.test", t->kind, NULL, err);
}

static bool
try_mail(struct req *req, struct trial *t, struct err *err)
{
	const struct conf *conf = site_conf(req->site);
	struct pages *pages = req->site->pages;
	const char *const paragraphs[] = { pages_word(pages, req->language, "say_test_mail"), NULL };
	struct mail_notice notice = {
		.language = req->language, .title = pages_word(pages, req->language, "say_test_title"),
		.paragraphs = paragraphs, .button = pages_word(pages, req->language, "say_test_button"),
		.url = req->site->base_url, .qr = true,
	};
	struct mail mail = {
		.id = mem_printf(req, "test.%s@%s", secret_id(req), outbox_host(req, conf)),
		.from = conf->smtp_from, .to = t->to, .reply_to = conf->smtp_reply_to,
		.subject = notice.title, .date = clock_now(),
	};
	char *html, *text;

	if (!mail_page(req, req->site, &notice, &html, &text, err) || !qr_png(req, notice.url, &mail.qr, err))
		return false;
	mail.html = html;
	mail.text = text;
	t->ok = outbox_test_mail(req->site, &mail, &t->sending, &t->why);
	return true;
}

static bool
try_sms(struct req *req, struct trial *t, struct err *err)
{
	const char *const forms[] = { pages_word(req->site->pages, req->language, "say_test_sms"), NULL };
	char *number, *text;
	struct sms sms = { 0 };

	if (!sms_number(req, t->to, &number, &t->why))
		return true;
	if (!sms_fit(req, forms, site_name(req->site), req->site->base_url, &text, err))
		return false;
	sms.to = number;
	sms.text = text;
	t->ok = outbox_test_sms(req->site, &sms, &t->sending, &t->why);
	return true;
}

/* ERR_BUSY goes to the caller: nothing was tried. */
static bool
make_trial(struct req *req, struct trial *t, struct err *err)
{
	struct trial record = { .kind = t->kind, .to = person_actor(req, req->person) };

	t->made = true;
	if (!db_tx(req->site->db, tx_audit, &record, err) ||
	    !(strcmp(t->kind, "mail") == 0 ? try_mail(req, t, err) : try_sms(req, t, err)))
		return false;
	if (!t->ok && t->why.kind == ERR_BUSY) {
		*err = t->why;
		return false;
	}
	return true;
}

/* [{step, state}]: what was not asked for is left out. */
static json_t *
steps_of(const struct trial *t)
{
	static const char *const names[] = { "settings", "resolve", "connect", "tls", "sign_in", "accept" };
	json_t *steps = json_array();
	int failed = t->ok ? SENDING_ACCEPT + 1 : (int)t->sending.step;

	for (int i = SENDING_SETTINGS; i <= SENDING_ACCEPT; i++) {
		if ((i == SENDING_TLS && !t->sending.encrypted && failed != i) ||
		    (i == SENDING_SIGN_IN && !t->sending.signed_in && failed != i))
			continue;
		json_array_append_new(steps, json_pack("{s:s, s:s}", "step", names[i], "state",
			i < failed ? "done" : i == failed ? "fail" : "wait"));
	}
	return steps;
}

static json_t *
result_of(TALLOC_CTX *ctx, const struct trial *t)
{
	char *text = mem_size(ctx, sizeof t->why.path + sizeof t->why.cause + 2);

	return json_pack("{s:b, s:s, s:o, s:s?, s:s}", "ok", t->ok, "to", t->to, "steps", steps_of(t),
		"error", t->ok ? NULL : err_text(&t->why, text, sizeof t->why.path + sizeof t->why.cause + 2),
		"said", t->sending.id);
}

static bool
sending_page(struct req *req, struct reply *reply, const struct trial *t, struct err *err)
{
	const struct conf *conf = site_conf(req->site);
	bool twilio = strcmp(conf->sms_driver, "twilio") == 0;
	struct egress *e = NULL;
	struct err none;
	json_t *data = json_pack("{s:{s:b, s:s, s:s, s:s, s:s, s:n}, s:{s:b, s:s, s:s, s:s, s:s, s:s, s:n}}",
		"mail", "configured", *conf->smtp_url != '\0', "server", conf->smtp_url, "from",
		conf->smtp_from,
		"account", conf->smtp_user, "to", t && strcmp(t->kind, "mail") == 0 ? t->to : "", "result",
		"sms", "configured", *conf->sms_driver != '\0', "driver", conf->sms_driver, "server",
		"", "from", conf->sms_from,
		"account", conf->sms_user, "to", t && strcmp(t->kind, "sms") == 0 ? t->to : "", "result");

	/* Of a URL that may hold a key, the host. */
	if (egress_read(req, conf->sms_url, &e, &none))
		json_object_set_new(json_object_get(data, "sms"), "server", json_string(e->host));
	else if (twilio)
		json_object_set_new(json_object_get(data, "sms"), "server", json_string("api.twilio.com"));
	if (t && t->made)
		json_object_set_new(json_object_get(data, t->kind), "result", result_of(req, t));
	return reply_page(reply, req, "sending", data, err);
}

static bool
get_sending(struct req *req, struct reply *reply, struct err *err)
{
	return sending_page(req, reply, NULL, err);
}

static bool
post_sending(struct req *req, struct reply *reply, const char *kind, struct err *err)
{
	struct trial t = { .kind = kind };

	return form_text(req, "to", &t.to, err) && make_trial(req, &t, err) &&
	       sending_page(req, reply, &t, err);
}

static bool
post_test_mail(struct req *req, struct reply *reply, struct err *err)
{
	return post_sending(req, reply, "mail", err);
}

static bool
post_test_sms(struct req *req, struct reply *reply, struct err *err)
{
	return post_sending(req, reply, "sms", err);
}

static bool
api_test(struct req *req, struct reply *reply, struct err *err)
{
	struct trial t = { 0 };
	json_t *body;

	if (!whole(req, err) || !req_json(req, &body, err) ||
	    !JSON_READ(body, err, { "kind", JSON_IS_TEXT, &t.kind, true }, { "to", JSON_IS_TEXT, &t.to, true }))
		return false;
	if (strcmp(t.kind, "mail") != 0 && strcmp(t.kind, "sms") != 0)
		return err_set(err, ERR_INVALID, "kind is \"mail\" or \"sms\"");
	return make_trial(req, &t, err) && reply_json(reply, 200, result_of(req, &t));
}

/* ---- what comes back ---- */

/* Kannel asks with a query, Twilio with a form; only who was sent the message knows the token. */
static bool
report(struct req *req, struct reply *reply, const char *status, const char *reason, struct err *err)
{
	enum sms_report what = sms_report(status ? status : "");

	if (what == SMS_REPORT_NONE)
		return reply_empty(reply, 204);
	return message_report(req->site->db, req_param(req, "token"), what == SMS_REPORT_DELIVERED,
			      mem_printf(req, "the network reports: not delivered (%s%s%.*s)", status,
					 reason && *reason ? ", " : "",
					 REASON_MAX, reason ? reason : ""), err) && reply_empty(reply, 204);
}

static bool
get_report(struct req *req, struct reply *reply, struct err *err)
{
	return report(req, reply, req_query(req, "status"), req_query(req, "reason"), err);
}

static bool
post_report(struct req *req, struct reply *reply, struct err *err)
{
	return report(req, reply, req_form(req, "MessageStatus"), req_form(req, "ErrorCode"), err);
}

static bool
api_bounce(struct req *req, struct reply *reply, struct err *err)
{
	struct bounce bounce;

	return whole(req, err) && bounce_read(req, req->body, &bounce, err) &&
	       (!bounce.failed || message_bounced(req->site->db, bounce.message, bounce.why, err)) &&
	       reply_empty(reply, 204);
}

const struct route message_routes[] = {
	{ GET,  "/admin/messages",           WHO_ADMIN, "0",   ON_WORKER, get_messages,   NULL, NULL, "Mail and SMS: what was sent, what waits" },
	{ POST, "/admin/messages/:id/retry", WHO_ADMIN, "16K", ON_WORKER, post_retry,     NULL, NULL, "Send a message again" },
	{ GET,  "/admin/sending",            WHO_ADMIN, "0",   ON_WORKER, get_sending,    NULL, NULL, "Mail server and SMS gateway" },
	{ POST, "/admin/sending/mail",       WHO_ADMIN, "16K", ON_WORKER, post_test_mail, NULL, NULL, "Send a test mail" },
	{ POST, "/admin/sending/sms",        WHO_ADMIN, "16K", ON_WORKER, post_test_sms,  NULL, NULL, "Send a test SMS" },
	{ GET,  "/api/v1/messages",          WHO_ADMIN, "0",   ON_WORKER, api_messages,   NULL, "admin", "Mail and SMS: ?state= or ?about=" },
	{ GET,  "/api/v1/messages/:id",      WHO_ADMIN, "0",   ON_WORKER, api_message,    NULL, "admin", "One of them" },
	{ POST, "/api/v1/messages/:id/retry", WHO_ADMIN, "16K", ON_WORKER, api_retry,     NULL, "admin", "Send one that failed again" },
	{ POST, "/api/v1/messages/test",     WHO_ADMIN, "16K", ON_WORKER, api_test,       NULL, "admin", "Send a test: {kind, to}" },
	{ POST, "/api/v1/messages/bounces",  WHO_ADMIN, "256K", ON_WORKER, api_bounce,    NULL, "admin", "A mail server's notice (RFC 3464) that a mail came back, as it is" },
	{ GET,  "/hooks/sms/:token",         WHO_LINK,  "0",   ON_WORKER, get_report,     NULL, NULL, "Kannel tells what became of an SMS" },
	{ POST, "/hooks/sms/:token",         WHO_LINK,  "16K", ON_WORKER, post_report,    NULL, NULL, "Twilio tells it" },
	{ 0 }
};
