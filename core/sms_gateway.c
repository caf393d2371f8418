/*
 * Gateways that take an SMS: Kannel, Twilio, and any that takes a GET or a POST with the number and the
 * text in it.  A new one is a row of `drivers`.
 *
 * What an answer means, in this order: the gateway's own words, then the HTTP status.
 */
#include "core/sms.h"
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "core/buf.h"
#include "core/fetch.h"
#include "core/num.h"

#define REQUEST_MAX	(32u << 10)	/* bytes of a URL or body that is put together */
#define SAID_MAX	160		/* bytes of an answer that are shown */
#define TWILIO_URL	"https://api.twilio.com"
#define KANNEL_REPORTS	"19"		/* delivered 1, not delivered 2, refused by the network 16 */

struct driver {
	const char *name;
	/* Sends, or with sms NULL asks as much as can be asked without sending. */
	bool (*ask)(const struct sms_gateway *g, const struct sms *sms, TALLOC_CTX *ctx,
		    struct sending *ret, struct err *err);
};

/* The first line of an answer, for people. */
static const char *
said(TALLOC_CTX *ctx, const struct fetched *got)
{
	size_t len = strcspn(got->body.p, "\r\n");
	char *text = mem_textn(ctx, got->body.p, len < SAID_MAX ? len : SAID_MAX);

	for (char *c = text; *c; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			*c = ' ';
	return *text ? text : "without a word";
}

/* False when there was no answer. */
static bool
ask(const struct fetch *f, TALLOC_CTX *ctx, struct fetched *got, struct sending *ret, struct err *err)
{
	static const enum sending_step steps[] = {
		[FETCH_NOTHING] = SENDING_RESOLVE, [FETCH_RESOLVED] = SENDING_CONNECT, [FETCH_CONNECTED] = SENDING_TLS,
		[FETCH_ENCRYPTED] = SENDING_ACCEPT, [FETCH_ANSWERED] = SENDING_ACCEPT,
	};
	/* A 2xx whose body broke off is their word all the same: asked again, they would take it twice. */
	bool ok = fetch(ctx, f, got, err) || (got->status >= 200 && got->status < 300);

	ret->encrypted = strncasecmp(f->url, "https", 5) == 0;
	ret->step = steps[got->reached];
	if (!ok && ret->step == SENDING_TLS && !ret->encrypted)
		ret->step = SENDING_ACCEPT;
	/* Whoever was asked may have taken it and not said so: again, but not the next moment. */
	ret->result = ok || ret->step < SENDING_ACCEPT ? SENDING_DOWN : SENDING_LATER;
	return ok;
}

/* What the status means when the words say nothing else; false with err unless it is a 2xx. */
static bool
judge(const struct fetched *got, const char *words, struct sending *ret, struct err *err)
{
	int status = got->status;

	ret->step = SENDING_ACCEPT;
	if (status >= 200 && status < 300) {
		ret->result = SENDING_TAKEN;
		return true;
	}
	ret->result = SENDING_NEVER;
	if (status == 401 || status == 403 || status == 407) {
		ret->result = SENDING_DOWN;
		ret->step = SENDING_SIGN_IN;
		return err_code(err, ERR_UPSTREAM, "account", "the gateway refuses the account: %d, %s",
				status, words);
	}
	if (status < 400 || status == 404 || status == 405 || status == 410) {
		ret->result = SENDING_DOWN;
		return err_code(err, ERR_UPSTREAM, "wrong_address", "the gateway answers %d at this address; "
				"see sms.url (no redirect is followed)", status);
	}
	if (status == 408 || status == 425 || status == 429 || (status >= 502 && status <= 504))
		ret->result = SENDING_DOWN;
	else if (status >= 500)
		ret->result = SENDING_LATER;
	return err_code(err, ERR_UPSTREAM, ret->result == SENDING_NEVER ? "refused" : "busy",
			"the gateway answers %d: %s", status, words);
}

static bool
missing(const char *what, struct err *err)
{
	return err_code(err, ERR_INVALID, "setting", "%s is not set", what);
}

static void
add_field(struct buf *out, const char *name, const char *value)
{
	if (!value || !*value)
		return;
	buf_addf(out, "%s%s=", out->len ? "&" : "", name);
	buf_url(out, value, strlen(value));
}

/* ---- Kannel: GET /cgi-bin/sendsms ---- */

static bool
kannel(const struct sms_gateway *g, const struct sms *sms, TALLOC_CTX *ctx, struct sending *ret,
       struct err *err)
{
	struct fetch f = { .rules = { .allow = g->allow, .configured = true } };
	struct fetched got;
	struct buf query;
	const char *words;

	if (!*g->url)
		return missing("sms.url", err);
	buf_init(&query, ctx, REQUEST_MAX);
	add_field(&query, "username", g->user);
	add_field(&query, "password", g->password);
	add_field(&query, "from", g->from);
	if (sms) {
		add_field(&query, "to", sms->to);
		add_field(&query, "charset", "UTF-8");
		add_field(&query, "coding", sms_septets(sms->text) >= 0 ? "0" : "2");
		add_field(&query, "text", sms->text);
		if (sms->report_url) {
			add_field(&query, "dlr-mask", KANNEL_REPORTS);
			add_field(&query, "dlr-url",
				  mem_printf(ctx, "%s?status=%%d&reason=%%A", sms->report_url));
		}
	}
	if (!buf_ok(&query, err))
		return false;
	f.url = mem_printf(ctx, "%s%c%s", g->url, strchr(g->url, '?') ? '&' : '?', buf_str(&query));
	ret->signed_in = *g->user;
	if (!ask(&f, ctx, &got, ret, err))
		return false;
	words = said(ctx, &got);
	/* So far it got: the account is known. */
	if (!sms && got.status == 400 && strstr(words, "Missing receiver")) {
		ret->step = SENDING_ACCEPT;
		return true;
	}
	if (got.status == 403 && !strstr(words, "Authorization")) {	/* "Not routable. Do not try again." */
		ret->result = SENDING_NEVER;
		ret->step = SENDING_ACCEPT;
		return err_code(err, ERR_UPSTREAM, "refused", "Kannel answers 403: %s", words);
	}
	if (!judge(&got, words, ret, err))
		return false;
	/* "0: Accepted for delivery", "3: Queued for later delivery"; other numbers are refusals */
	if (words[0] >= '1' && words[0] <= '9' && words[0] != '3' && words[1] == ':') {
		ret->result = SENDING_LATER;
		return err_code(err, ERR_UPSTREAM, "refused", "Kannel answers: %s", words);
	}
	sending_id(ret, words);
	return true;
}

/* ---- Twilio: POST /2010-04-01/Accounts/<SID>/Messages.json ---- */

/* {"code": 21211, "message": "..."}: said as it is, with its number, which their pages explain. */
static const char *
twilio_words(TALLOC_CTX *ctx, const struct fetched *got, struct sending *ret)
{
	json_t *json = json_loadb(got->body.p, got->body.len, 0, NULL);
	const char *message = json_string_value(json_object_get(json, "message"));
	const char *sid = json_string_value(json_object_get(json, "sid")), *words = NULL;
	json_int_t code = json_integer_value(json_object_get(json, "code"));

	if (sid)
		sending_id(ret, sid);
	if (message)
		words = mem_printf(ctx, "%.*s (Twilio error %lld)", SAID_MAX, message, (long long)code);
	json_decref(json);
	return words ? words : got->status < 300 ? "" : said(ctx, got);
}

static bool
twilio(const struct sms_gateway *g, const struct sms *sms, TALLOC_CTX *ctx, struct sending *ret,
       struct err *err)
{
	static const char *const headers[] = { "Content-Type: application/x-www-form-urlencoded", NULL };
	struct fetch f = { .rules = { .allow = g->allow, .configured = true }, .headers = headers,
			  .user = g->user,
			   .password = g->password };
	struct fetched got;
	struct buf url, body;

	if (!*g->user)
		return missing("sms.user, the Account SID,", err);
	if (!*g->from)
		return missing("sms.from", err);
	buf_init(&url, ctx, REQUEST_MAX);
	buf_init(&body, ctx, REQUEST_MAX);
	buf_text(&url, *g->url ? g->url : TWILIO_URL);
	buf_text(&url, "/2010-04-01/Accounts/");
	buf_url(&url, g->user, strlen(g->user));
	buf_text(&url, sms ? "/Messages.json" : ".json");
	if (sms) {
		add_field(&body, "To", sms->to);
		add_field(&body, strncmp(g->from, "MG", 2) == 0 ? "MessagingServiceSid" : "From", g->from);
		add_field(&body, "Body", sms->text);
		/* They refuse a message whose report could not reach anybody. */
		if (sms->report_url && strncmp(sms->report_url, "https://", 8) == 0)
			add_field(&body, "StatusCallback", sms->report_url);
		f.body = (struct bytes){ buf_str(&body), body.len };
	} else {
		f.headers = NULL;
	}
	if (!buf_ok(&url, err) || !buf_ok(&body, err))
		return false;
	f.url = buf_str(&url);
	ret->signed_in = true;
	return ask(&f, ctx, &got, ret, err) && judge(&got, twilio_words(ctx, &got, ret), ret, err);
}

/* ---- any other: a URL and perhaps a body with {to} {digits} {text} {from} ---- */

/* As it must stand where it is put. */
static void
put(struct buf *out, const char *value, const char *type)
{
	size_t len = strlen(value);

	if (strstr(type, "json")) {
		json_t *json = json_stringn(value, len);
		char *text = json_dumps(json, JSON_ENCODE_ANY);

		if (text)	/* without its quotes, which stand in the template */
			buf_add(out, text + 1, strlen(text) - 2);
		free(text);
		json_decref(json);
	} else if (strstr(type, "xml"))
		buf_xml(out, value, len);
	else if (strstr(type, "urlencoded"))
		buf_url(out, value, len);
	else
		buf_add(out, value, len);
}

static char *
fill(TALLOC_CTX *ctx, const char *template, const struct sms_gateway *g, const struct sms *sms,
     const char *type)
{
	const struct {
		const char *name, *value;
	} places[] = {
		{ "{to}", sms ? sms->to : "" }, { "{digits}", sms ? sms->to + (*sms->to == '+') : "" },
		{ "{text}", sms ? sms->text : "" }, { "{from}", g->from },
	};
	struct buf out;

	buf_init(&out, ctx, REQUEST_MAX);
	while (*template) {
		size_t plain = strcspn(template, "{"), i = 0, n = sizeof places / sizeof *places;

		buf_add(&out, template, plain);
		template += plain;
		while (i < n && strncmp(template, places[i].name, strlen(places[i].name)) != 0)
			i++;
		if (i < n) {
			put(&out, places[i].value, type);
			template += strlen(places[i].name);
		} else if (*template) {
			buf_add(&out, template++, 1);
		}
	}
	return out.overflow ? NULL : mem_text(ctx, buf_str(&out));
}

static bool
generic(const struct sms_gateway *g, const struct sms *sms, TALLOC_CTX *ctx, struct sending *ret,
	struct err *err)
{
	const char *const headers[] = { mem_printf(ctx, "Content-Type: %s", g->content_type), NULL };
	struct fetch f = { .rules = { .allow = g->allow, .configured = true }, .user = g->user,
			  .password = g->password,
			   .connect_only = !sms };
	struct fetched got;
	const char *body = NULL;

	if (!*g->url)
		return missing("sms.url", err);
	if (!strstr(g->url, "{text}") && !strstr(g->body, "{text}"))
		return err_code(err, ERR_INVALID, "setting",
				"neither sms.url nor sms.body says where {text} goes");
	if (strpbrk(g->content_type, "\r\n"))
		return err_code(err, ERR_INVALID, "setting", "sms.content_type has two lines");
	f.url = fill(ctx, g->url, g, sms, "urlencoded");
	if (*g->body && sms) {
		f.headers = headers;
		body = fill(ctx, g->body, g, sms, g->content_type);
		f.body = (struct bytes){ body, body ? strlen(body) : 0 };
	}
	if (!f.url || (*g->body && sms && !body))
		return err_set(err, ERR_LIMIT, "the message is too long for this gateway");
	ret->signed_in = g->user && *g->user;
	if (!ask(&f, ctx, &got, ret, err))
		return false;
	if (!sms)
		return true;
	if (!judge(&got, said(ctx, &got), ret, err))
		return false;
	if (got.body.len)
		sending_id(ret, said(ctx, &got));
	return true;
}

static const struct driver drivers[] = {
	{ "kannel", kannel }, { "twilio", twilio }, { "http", generic },
};

static bool
run(const struct sms_gateway *g, const struct sms *sms, struct sending *ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);

	*ret = (struct sending){ .result = SENDING_DOWN, .step = SENDING_SETTINGS };
	for (size_t i = 0; i < sizeof drivers / sizeof *drivers; i++)
		if (strcmp(drivers[i].name, g->driver) == 0)
			return drivers[i].ask(g, sms, ctx, ret, err);
	if (!*g->driver)
		return missing("sms.driver", err);
	return err_code(err, ERR_INVALID, "setting",
			"sms.driver is \"%.40s\", not kannel, twilio or http", g->driver);
}

bool
sms_send(const struct sms_gateway *gateway, const struct sms *sms, struct sending *ret, struct err *err)
{
	return run(gateway, sms, ret, err);
}

bool
sms_try(const struct sms_gateway *gateway, struct sending *ret, struct err *err)
{
	bool ok = run(gateway, NULL, ret, err);

	if (ok)
		ret->result = SENDING_TAKEN;
	return ok;
}

/* ---- reports ---- */

enum sms_report
sms_report(const char *status)
{
	struct err ignored;
	int64_t bits;

	if (strcmp(status, "delivered") == 0 || strcmp(status, "read") == 0)
		return SMS_REPORT_DELIVERED;
	if (strcmp(status, "undelivered") == 0 || strcmp(status, "failed") == 0)
		return SMS_REPORT_FAILED;
	if (!num_parse(status, 0, 255, &bits, &ignored))
		return SMS_REPORT_NONE;
	return bits & 1 ? SMS_REPORT_DELIVERED : bits & (2 | 16) ? SMS_REPORT_FAILED : SMS_REPORT_NONE;
}
