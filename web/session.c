/*
 * Who is it, and may they?  The one policy for every route, called on the headers before a byte of
 * the body is read; and the one place where a refusal gets its words.
 *
 * A signed-in browser has a cookie; programs have a bearer token; a trusted proxy may say who it is
 * (web/vouch.h), with every request of a browser behind it, as if it were a cookie.  A request that
 * changes something with either must come from our own pages: Sec-Fetch-Site or Origin say so
 * (session_admit), and a form repeats the session's csrf value (session_check).
 */
#include "web/site.h"
#include "catalog/attempts.h"
#include "catalog/token.h"
#include "core/buf.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/secret.h"
#include "web/request.h"
#include "web/vouch.h"
#include <stdlib.h>
#include <string.h>

#define CSRF_FIELD	"csrf"
#define RETRY_S		10LL	/* when nobody knows better */
#define NEXT_MAX	2048	/* of a path to go on to; a reply's head must fit the connection's pool */

const char *
session_cookie_name(struct site *site)
{
	return site->secure ? "__Host-pomona" : "pomona";
}

/*
 * SameSite=Lax, also for admins: they come from links in mails (what ends, whom to approve), and with Strict such a
 * link would find them signed out.  Lax sends the cookie along with a GET from elsewhere, and no GET changes anything;
 * whatever does is guarded by the headers and the value above, whoever sends the cookie along.
 */
void
session_set_cookie(struct reply *reply, struct site *site, const char *value, int64_t max_age_s)
{
	char text[256];

	snprintf(text, sizeof text, "%s=%s; Path=/; HttpOnly; SameSite=Lax%s; Max-Age=%lld",
		 session_cookie_name(site), value, site->secure ? "; Secure" : "", (long long)max_age_s);
	reply_header(reply, "Set-Cookie", text);
}

const char *
site_client(struct req *req, char hash[SECRET_HASH_SIZE])
{
	const char *agent = req_header(req, "User-Agent");

	return secret_hash(mem_printf(req, "%s\n%s", attempts_address(req, req->address), agent ? agent : ""), hash);
}

/* What a token may do is its scope; admin holds all, upload and devices hold read. */
static bool
scope_holds(const char *scope, const char *needed)
{
	size_t len = strlen(scope);

	if (!needed)
		return false;
	if (strcmp(scope, "admin") == 0 || strcmp(needed, "read") == 0)
		return true;
	for (; strncmp(needed, scope, len) != 0 || (needed[len] && needed[len] != '|'); needed++) {
		needed += strcspn(needed, "|");
		if (!*needed)
			return false;
	}
	return true;
}

/* From our own pages?  Browsers say so themselves; those that say nothing send no cookie of ours
 * across sites either (SameSite=Lax), but one of the two headers must be there to change anything. */
bool
session_from_our_pages(struct req *req)
{
	const char *fetch_site = req_header(req, "Sec-Fetch-Site");
	const char *origin = req_header(req, "Origin");

	if (fetch_site && strcmp(fetch_site, "same-origin") != 0 && strcmp(fetch_site, "none") != 0)
		return false;
	if (origin && strcmp(origin, req->site->base_url) != 0)
		return false;
	return fetch_site || origin;
}

static bool
changes(const struct req *req)
{
	return req->method != GET && req->method != OPTIONS;
}

/* A session that a proxy's word began counts on the pages of links, for as long as such a word is heard at all. */
static bool
session_hears_word(const struct req *req)
{
	const struct conf *conf = site_conf(req->site);

	return req->route->who == WHO_LINK && (*conf->signin_proxy_header || conf->signin_proxy_basic);
}

static bool
identify(struct req *req, struct err *err)
{
	const char *bearer = req_header(req, "Authorization");
	const char *cookie = req_cookie(req, session_cookie_name(req->site));
	struct session_limits limits = site_session_limits(req->site);
	struct err gone;

	limits.link = session_hears_word(req);
	if (bearer && strncasecmp(bearer, "Bearer ", 7) == 0)
		return token_open(req, req->site->db, bearer + 7, &req->person, err);
	if (!vouch_read(req, err))
		return false;
	if (req->person || !cookie || !*cookie)
		return true;
	if (!session_open(req, req->site->db, cookie, &limits, &req->person, (char **)&req->session_csrf, &gone)) {
		if (gone.kind == ERR_SIGN_IN)
			return true;	/* an old cookie is nobody */
		*err = gone;
		return false;
	}
	if (!*req->session_csrf)	/* a proxy's word began it: a form of it may go where that word is heard */
		req->session_csrf = vouch_csrf(req);
	return true;
}

static bool
operator_may(struct req *req, struct err *err)
{
	const char *bearer = req_header(req, "Authorization");
	const char *token = site_conf(req->site)->metrics_token;

	if (req->local || (req->person && req->person->role == ROLE_ADMIN && !req->person->scope))
		return true;
	if (*token && bearer && strncasecmp(bearer, "Bearer ", 7) == 0 && secret_equal(bearer + 7, token))
		return true;
	return err_set(err, ERR_MISSING, "only from this host or with metrics.token");
}

bool
session_admit(struct req *req, struct err *err)
{
	enum who who = req->route->who;
	const struct person *p;

	req->language = pages_language(req_header(req, "Accept-Language"));
	vouch_note_spoof(req, site_conf(req->site)->signin_proxy_header);
	vouch_note_spoof(req, site_conf(req->site)->server_client_cert_header);
	vouch_note_forwarded(req);
	if (who == WHO_GRANT || who == WHO_LINK || who == WHO_DEVICE)
		return true;
	if (who == WHO_OPERATOR) {
		struct err ignored = { 0 };

		return (identify(req, &ignored) || true) && operator_may(req, err);
	}
	if (!identify(req, err)) {
		if (who != WHO_ANYONE || err->kind == ERR_INTERNAL)
			return false;
		*err = (struct err){ .kind = ERR_NONE };	/* what is for anyone is for them too */
	}
	p = req->person;
	if (p && !p->scope && !req->program && changes(req) && !session_from_our_pages(req))
		return err_code(err, ERR_DENIED, "cross_site", "this request did not come from our own pages");
	if (who == WHO_ANYONE)
		return true;
	if (!p)
		return err_set(err, ERR_SIGN_IN, "sign in first");
	if (p->password_once && strcmp(req->path, "/account") != 0 && strcmp(req->path, "/account/password") != 0)
		return err_code(err, ERR_DENIED, "change_password",
				"this password was for one sign-in; change it first, under your account");
	if (p->scope && !scope_holds(p->scope, req->route->scope))
		return err_set(err, ERR_DENIED, "this token has the scope %s; this needs %s", p->scope,
			       req->route->scope ? req->route->scope : "a signed-in browser");
	if ((who == WHO_PUBLISHER && p->role < ROLE_PUBLISHER) || (who == WHO_ADMIN && p->role < ROLE_ADMIN))
		return err_set(err, ERR_DENIED, "%s has the role %s, which may not do this", p->name,
			       role_name(p->role));
	if (who == WHO_ADMIN && p->bundle_id)	/* what is for admins is about all apps, or none */
		return err_set(err, ERR_DENIED, "this token is for %s alone", p->bundle_id);
	return true;
}

bool
session_look(struct req *req, struct err *err)
{
	if (!identify(req, err) && err->kind != ERR_SIGN_IN)
		return false;
	if (req->person && req->person->scope)
		req->person = NULL;
	return true;
}

bool
session_check(struct req *req, struct err *err)
{
	/* The sign-in page has a proof of its own, also for who has signed in meanwhile in another tab. */
	return strcmp(req->route->path, "/login") == 0 || session_proof(req, req_form(req, CSRF_FIELD), err);
}

bool
session_proof(struct req *req, const char *field, struct err *err)
{
	const char *header = req_header(req, "X-CSRF-Token");

	if (!changes(req) || !req->person || req->person->scope || req->program)
		return true;
	if (header)
		field = header;
	if (!field || !req->session_csrf || !secret_equal(field, req->session_csrf))
		return err_code(err, ERR_DENIED, "stale_page",
				"this page is too old to be used; reload it and try again");
	return true;
}

/* Nothing that the caller may not know: a 404 is the same for all, a 500 stays in the log. */
static const char *
words(const struct err *err, char *text, size_t size)
{
	switch (err->kind) {
	case ERR_MISSING:
		return "Not found";
	case ERR_INTERNAL:
		return "The operator finds it in the log by the request id.";
	default:
		return err_text(err, text, size);
	}
}

json_t *
problem_json(const struct err *err, const char *instance)
{
	char text[sizeof err->path + sizeof err->cause + 2];
	const char *detail = words(err, text, sizeof text);

	return json_pack("{s:s, s:s, s:i, s:s, s:s, s:s, s:{s:s, s:s}}", "type", "about:blank", "title",
			 err_http_title(err->kind), "status", err_http_status(err->kind), "detail", detail, "code",
			 err->code, "instance", instance, "error", "code", err->code, "text", detail);
}

static void
refuse(struct req *req, struct reply *reply, const struct err *err)
{
	int status = err_http_status(err->kind);
	char text[sizeof err->path + sizeof err->cause + 2];
	json_t *problem;

	if (err->kind == ERR_SIGN_IN && req->browser && req->method == GET) {
		size_t len = strlen(req->target);
		struct buf next;

		buf_init(&next, req, 4 * NEXT_MAX);
		buf_text(&next, "/login?next=");
		buf_url(&next, req->target, len <= NEXT_MAX ? len : 0);
		reply_see(reply, buf_str(&next));
		return;
	}
	if (strcmp(err->code, "change_password") == 0 && req->browser && req->method == GET) {
		reply_see(reply, "/account?once=1");
		return;
	}
	if (err->kind == ERR_SIGN_IN)
		reply_header(reply, "WWW-Authenticate", "Bearer realm=\"Pomona\"");
	if (err->kind == ERR_BUSY || err->kind == ERR_RATE)
		reply_header(reply, "Retry-After", mem_printf(req, "%lld", err->retry_s > 0 ? err->retry_s : RETRY_S));
	if (req->browser && !(req->route && req->route->who == WHO_GRANT)) {
		struct err trouble = { 0 };

		/* Whatever was wrong with a link, it is the same page to the byte. */
		if (err->kind == ERR_MISSING && req->route && req->route->who == WHO_LINK &&
		    reply_page_status(reply, req, status, "gone", json_object(), &trouble))
			return;
		problem = page_problem(req->site->pages, req->language, err, req->id);
		if (err->kind == ERR_DENIED && strcmp(err->code, "not_allowed") != 0)	/* a page too old, say */
			json_object_set_new(problem, "detail", json_string(words(err, text, sizeof text)));
		if (reply_page_status(reply, req, status, "error", problem, &trouble))
			return;
		log_err("error page", &trouble);
	}
	reply_json_as(reply, status, "application/problem+json", problem_json(err, req->id));
}

/* Headers that every answer carries.  /d/ is read by a daemon, not a browser, and stays bare. */
static void
dress(struct req *req, struct reply *reply)
{
	reply_header(reply, "X-Content-Type-Options", "nosniff");
	if (req->route && req->route->who == WHO_GRANT)
		return;
	reply_header(reply, "Content-Security-Policy",
		     "default-src 'none'; style-src 'self'; img-src 'self' data:; script-src 'self'; "
		     "connect-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'");
	reply_header(reply, "Referrer-Policy", "same-origin");
	reply_header(reply, "Cross-Origin-Opener-Policy", "same-origin");
	if (req->site->secure)
		reply_header(reply, "Strict-Transport-Security", "max-age=31536000");
	if (!reply_has(reply, "Cache-Control"))
		reply_header(reply, "Cache-Control", "private, no-store");
}

/* "0", "64K", "1M", or the name of a setting in MB. */
static int64_t
body_max(struct site *site, const struct route *route)
{
	int64_t mb;

	if (conf_number(site_conf(site), route->body_max, &mb))
		return mb * 1000000;
	return strtoll(route->body_max, NULL, 10) * (strchr(route->body_max, 'M') ? 1 << 20 :
						     strchr(route->body_max, 'K') ? 1024 : 1);
}

const struct server_calls site_calls = {
	.admit = session_admit, .admit_waits = vouch_waits, .check = session_check, .refuse = refuse, .dress = dress, .body_max = body_max,
};
