/*
 * Signing in and out, one's own account and tokens.
 */
#include "catalog/token.h"
#include "core/json.h"
#include "core/log.h"
#include "core/num.h"
#include "core/secret.h"
#include "web/endings.h"
#include "web/pace.h"
#include "web/rooms.h"
#include <string.h>

#define LOGIN_COOKIE_S	3600	/* how long an open sign-in page can be used */
#define WORDS_MAX	20	/* sessions a minute that a proxy's word begins, of one person */
#define FORM_VALUE_LEN	27	/* of secret_token */

bool
form_text(struct req *req, const char *name, const char **ret, struct err *err)
{
	*ret = req_form(req, name);
	return *ret || err_set(err, ERR_INVALID, "the field %s is missing", name);
}

bool
says_no(const char *value)
{
	return value && (strcmp(value, "no") == 0 || strcmp(value, "false") == 0 || strcmp(value, "0") == 0 ||
			 strcmp(value, "off") == 0);
}

const char *
own_path(const char *path, const char *instead)
{
	if (!path || path[0] != '/' || path[1] == '/')
		return instead;
	/* Browsers take a backslash for a slash and drop tabs and line ends: "/<tab>/elsewhere". */
	for (const char *c = path; *c; c++)
		if (*c == '\\' || (unsigned char)*c < 0x20 || *c == 0x7f)
			return instead;
	return path;
}

/* Nobody is signed in yet, so the form's csrf value is repeated in a cookie of its own. */
static const char *
login_cookie_name(struct site *site)
{
	return site->secure ? "__Host-pomona-form" : "pomona-form";
}

/* What the sign-in page says of the last try. */
struct tried {
	const char *name, *next;
	const char *refused;	/* "wrong", "expired", "disabled", "not_allowed", or NULL */
	bool down;		/* the directory did not answer: nobody knows whether the password is right */
	int64_t wait_s;
};

/* "40 s", "3 min": upwards, so that whoever waits that long has waited long enough. */
static const char *
wait_text(struct req *req, int64_t seconds)
{
	bool minutes = seconds > 90;
	json_t *data = json_pack("{s:I}", "n", (json_int_t)(minutes ? (seconds + 59) / 60 : seconds));
	const char *text = page_say(req, req->site->pages, req->language, minutes ? "say_minutes" : "say_seconds", data);

	json_decref(data);
	return text;
}

/*
 * The form's own value, in a cookie of its own.  An open page of before keeps working: its value is taken
 * over, so that two of them may be open at once.
 */
static const char *
form_value(struct req *req)
{
	const char *cookie = req_cookie(req, login_cookie_name(req->site));

	if (cookie && strlen(cookie) == FORM_VALUE_LEN &&
	    strspn(cookie, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") == FORM_VALUE_LEN)
		return cookie;
	return secret_token(req);
}

static bool
login_page(struct req *req, struct reply *reply, int status, const struct tried *tried, struct err *err)
{
	const struct conf *conf = site_conf(req->site);
	const char *csrf = form_value(req);
	bool form = conf->signin_local_login || directory_is_on(req->site->directory);
	json_t *data = json_pack("{s:s, s:s, s:s, s:s?, s:b, s:b, s:s?}", "name", tried->name, "next", tried->next, "csrf", csrf,
				 "refused", tried->refused, "down", tried->down, "form", form, "wait",
				 tried->wait_s ? wait_text(req, tried->wait_s) : NULL);

	if (tried->wait_s)
		reply_header(reply, "Retry-After", mem_printf(req, "%lld", (long long)tried->wait_s));
	reply_header(reply, "Set-Cookie", mem_printf(req, "%s=%s; Path=/; HttpOnly; SameSite=Strict%s; Max-Age=%d",
		     login_cookie_name(req->site), csrf, req->site->secure ? "; Secure" : "", LOGIN_COOKIE_S));
	return reply_page_status(reply, req, status, "login", data, err);
}

/* A browser has one session: the one before ends with the new one. */
static bool
begin_session(struct req *req, struct reply *reply, const struct person *person, bool vouched, struct err *err)
{
	const char *before = req_cookie(req, session_cookie_name(req->site));
	struct db *db = req->site->db;
	char *session;

	if ((before && *before && !session_end(db, before, err)) ||
	    !(vouched ? session_new_vouched : session_new)(req, db, person, &session, err))
		return false;
	session_set_cookie(reply, req->site, session,
			   vouched ? SESSION_VOUCHED_S : site_session_limits(req->site).absolute_s);
	return true;
}

/*
 * Where a proxy's word is not heard: to a link that asks who is there it is carried by a session.  Of somebody who
 * goes there, that is: a picture or frame in another site's page begins none.
 */
static bool
carries_word(struct req *req, const char *next)
{
	static const char *const links[] = { "/i/", "/udid/", "/e/" };
	const char *for_what = req_header(req, "Sec-Fetch-Dest");

	if (!req->vouched || req->head || !req->browser || (for_what && strcmp(for_what, "document") != 0))
		return false;
	for (size_t i = 0; i < sizeof links / sizeof *links; i++)
		if (strncmp(next, links[i], strlen(links[i])) == 0)
			return true;
	return false;
}

/* By the session that the browser has already. */
static bool
carried(struct req *req)
{
	const char *cookie = req_cookie(req, session_cookie_name(req->site));
	struct session_limits limits = site_session_limits(req->site);
	struct person *person;
	struct err none;
	char *csrf;

	limits.link = true;
	return cookie && *cookie && session_open(req, req->site->db, cookie, &limits, &person, &csrf, &none) && !*csrf &&
	       strcmp(person->id, req->person->id) == 0;
}

static bool
get_login(struct req *req, struct reply *reply, struct err *err)
{
	const char *next = own_path(req_query(req, "next"), "/");

	if (req->person && !req->person->scope)
		return (!carries_word(req, next) || carried(req) ||
			(pace_take(mem_printf(req, "word %s", req->person->id), WORDS_MAX, err) &&
			 begin_session(req, reply, req->person, true, err))) && reply_see(reply, next);
	return login_page(req, reply, 200, &(struct tried){ .name = "", .next = next }, err);
}

/*
 * Comparing a password takes tens of milliseconds and 19 MB on purpose, and a directory takes its time: a
 * flood of guesses may keep at most half of the workers, and everybody else is still served.
 */
bool
turn_take(struct site *site, struct err *err)
{
	if (atomic_fetch_add(&site->comparing, 1) < (site_conf(site)->server_workers + 1) / 2)
		return true;
	atomic_fetch_sub(&site->comparing, 1);
	err_set(err, ERR_BUSY, "many people sign in at this moment; try again in a few seconds");
	return err_retry(err, 3);
}

void
turn_give(struct site *site)
{
	atomic_fetch_sub(&site->comparing, 1);
}

/* The log hears what is wrong with the directory; who signs in hears that it is not their doing. */
bool
signin_blame(struct err *err)
{
	if (err->kind != ERR_UPSTREAM)
		return false;
	log_err("sign-in", err);
	return err_code(err, ERR_UPSTREAM, "directory_down", "the company's directory does not answer as it should, so nobody "
			"can tell whether this password is right; try again in a while");
}

static bool
sign_in(struct req *req, const char *name, const char *password, struct person **ret, struct err *err)
{
	struct signin signin = site_signin(req->site);
	bool ok;

	if (!turn_take(req->site, err))
		return false;
	ok = signin_password(req, &signin, name, password, req->address, ret, err);
	turn_give(req->site);
	return ok || signin_blame(err);
}

/* The refusals that the page itself has words for. */
static bool
say_refused(struct req *req, struct reply *reply, const char *name, const char *next, struct err *err)
{
	static const struct {
		const char *code, *word;
	} words[] = {
		{ "wrong_password", "wrong" }, { "password_expired", "expired" }, { "account_disabled", "disabled" },
		{ "not_allowed", "not_allowed" },
	};
	struct tried tried = { .name = name, .next = next };
	int status = err_http_status(err->kind);

	if (!req->browser)
		return false;
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (strcmp(err->code, words[i].code) == 0)
			tried.refused = words[i].word;
	tried.down = strcmp(err->code, "directory_down") == 0;
	tried.wait_s = err->kind == ERR_RATE ? err->retry_s : 0;
	if (!tried.refused && !tried.down && !tried.wait_s)
		return false;
	return login_page(req, reply, status, &tried, err);
}

static bool
post_login(struct req *req, struct reply *reply, struct err *err)
{
	const char *name, *password, *csrf, *cookie = req_cookie(req, login_cookie_name(req->site));
	const char *next = own_path(req_form(req, "next"), "/");
	struct person *person;

	if (!form_text(req, "name", &name, err) || !form_text(req, "password", &password, err))
		return false;
	csrf = req_form(req, "csrf");
	if (!csrf || !cookie || !secret_equal(csrf, cookie))
		return err_code(err, ERR_DENIED, "stale_page",
				"this page is too old to be used; open the sign-in page again");
	if (!sign_in(req, name, password, &person, err))
		return say_refused(req, reply, name, next, err);
	return begin_session(req, reply, person, false, err) && reply_see(reply, next);
}

static bool
post_logout(struct req *req, struct reply *reply, struct err *err)
{
	const char *cookie = req_cookie(req, session_cookie_name(req->site));

	if (cookie && !session_end(req->site->db, cookie, err))
		return false;
	session_set_cookie(reply, req->site, "", 0);
	return reply_see(reply, page_url(req, "/login", "", "next", own_path(req_form(req, "next"), "")));
}

/* ---- account ---- */

static json_t *
scopes_of(struct req *req)
{
	static const struct {
		const char *name, *word;
		enum role least;
	} scopes[] = {
		{ "upload", "scope_upload", ROLE_PUBLISHER },
		{ "read", "scope_read", ROLE_MEMBER },
		{ "admin", "scope_admin", ROLE_ADMIN },
	};
	json_t *list = json_array();

	for (size_t i = 0; i < sizeof scopes / sizeof *scopes; i++) {
		const char *what = pages_word(req->site->pages, req->language, scopes[i].word);

		if (req->person->role >= scopes[i].least)
			json_array_append_new(list, json_pack("{s:s, s:s, s:b}", "name", scopes[i].name, "what",
				what ? what : scopes[i].name, "selected", json_array_size(list) == 0));
	}
	return list;
}

static bool
tokens_of(struct req *req, json_t **ret, struct err *err)
{
	json_t *tokens, *token;
	size_t i;

	if (!token_list(req->site->db, req->person, &tokens, err))
		return false;
	json_array_foreach(tokens, i, token) {
		json_t *app = json_object_get(token, "bundle_id");

		json_object_set_new(token, "revoke_url", json_sprintf("/account/tokens/%s/revoke",
				    json_string_value(json_object_get(token, "id"))));
		json_object_set_new(token, "app", app ? json_incref(app) : json_null());
		json_object_set_new(token, "last_used", page_moment_of(req, token, "used"));
		json_object_set_new(token, "created", page_moment_of(req, token, "created"));
		json_object_set_new(token, "expires", page_date_of(req, token, "expires"));
	}
	*ret = tokens;
	return true;
}

static bool
sessions_of(struct req *req, json_t **ret, struct err *err)
{
	json_t *sessions, *session;
	size_t i;

	if (!session_list(req->site->db, req->person->id, req_cookie(req, session_cookie_name(req->site)), &sessions, err))
		return false;
	json_array_foreach(sessions, i, session) {
		json_object_set_new(session, "created", page_moment_of(req, session, "created"));
		json_object_set_new(session, "seen", page_moment_of(req, session, "seen"));
	}
	*ret = sessions;
	return true;
}

/* Behind a proxy there is one after a link that asks for a sign-in. */
static bool
has_session(json_t *sessions)
{
	json_t *session;
	size_t i;

	json_array_foreach(sessions, i, session)
		if (json_is_true(json_object_get(session, "here")))
			return true;
	return false;
}

/* `refused`: "wrong", "short", "different"; made: a token just made, or NULL. */
static bool
account_page(struct req *req, struct reply *reply, int status, const char *refused, const char *label,
	     const char *made, struct err *err)
{
	json_t *tokens, *sessions, *data;

	if (!tokens_of(req, &tokens, err))
		return false;
	if (!sessions_of(req, &sessions, err)) {
		json_decref(tokens);
		return false;
	}
	data = json_pack("{s:s, s:b, s:s?, s:i, s:o, s:b, s:o, s:b, s:o, s:b}", "source", req->person->source,
		"changed", req_query(req, "changed") != NULL, "refused", refused, "password_min", PASSWORD_MIN,
		"scopes", scopes_of(req), "may_make", 1, "tokens", tokens, "once", req->person->password_once,
		"sessions", sessions, "vouched", req->vouched && !has_session(sessions));
	json_object_set_new(data, "new_token", made ? json_pack("{s:s, s:s}", "label", label, "token", made)
						   : json_null());
	if (!endings_account(req, data, err) || !own_account(req, data, err)) {
		json_decref(data);
		return false;
	}
	return reply_page_status(reply, req, status, "account", data, err);
}

static bool
get_account(struct req *req, struct reply *reply, struct err *err)
{
	return account_page(req, reply, 200, NULL, NULL, NULL, err);
}

static bool
right_password(struct req *req, const char *password, struct err *err)
{
	struct signin signin = site_signin(req->site);
	bool ok;

	if (!turn_take(req->site, err))
		return false;
	ok = signin_again(req, &signin, req->person, password, req->address, err);
	turn_give(req->site);
	return ok;
}

static bool
post_password(struct req *req, struct reply *reply, struct err *err)
{
	const char *old, *fresh, *again, *refused = NULL;

	if (!form_text(req, "old", &old, err) || !form_text(req, "new", &fresh, err) ||
	    !form_text(req, "again", &again, err))
		return false;
	if (strcmp(req->person->source, "local") != 0)
		return err_set(err, ERR_CONFLICT, "your password is not kept here; change it where you change it for "
			       "everything else");
	if (strcmp(fresh, again) != 0)
		refused = "different";
	else if (strlen(fresh) < PASSWORD_MIN)
		refused = "short";
	else if (!right_password(req, old, err)) {
		if (err->kind != ERR_SIGN_IN)
			return false;
		refused = "wrong";
	}
	if (refused)
		return account_page(req, reply, 422, refused, NULL, NULL, err);
	/* That ends every session, this one too: begin a new one here. */
	return person_set_password(req->site->db, req->person->name, req->person->name, fresh, err) &&
	       begin_session(req, reply, req->person, false, err) && reply_see(reply, "/account?changed=1");
}

/* Every session of theirs, this one too; tokens stay, and are withdrawn one by one. */
static bool
post_sign_out(struct req *req, struct reply *reply, struct err *err)
{
	struct people_act act = { person_actor(req, req->person), req->person->id, true };

	if (!people_sign_out(req->site->db, &act, err))
		return false;
	session_set_cookie(reply, req->site, "", 0);
	return reply_see(reply, "/login");
}

static bool
make_token(struct req *req, struct token_wish wish, char **text, struct err *err)
{
	if (wish.bundle_id && !*wish.bundle_id)
		wish.bundle_id = NULL;
	return token_new(req, req->site->db, person_actor(req, req->person), req->person, &wish, text, err);
}

static bool
post_token(struct req *req, struct reply *reply, struct err *err)
{
	struct token_wish wish = { .bundle_id = req_form(req, "app") };
	const char *days = req_form(req, "days");
	char *text;

	return form_text(req, "label", &wish.label, err) && form_text(req, "scope", &wish.scope, err) &&
	       (!days || !*days || num_parse(days, 0, TOKEN_DAYS_MAX, &wish.days, err)) &&
	       make_token(req, wish, &text, err) && account_page(req, reply, 201, NULL, wish.label, text, err);
}

static bool
post_token_revoke(struct req *req, struct reply *reply, struct err *err)
{
	return token_revoke(req->site->db, req->person, req_param(req, "id"), err) &&
	       reply_see(reply, "/account");
}

static bool
api_tokens(struct req *req, struct reply *reply, struct err *err)
{
	json_t *list;

	return token_list(req->site->db, req->person, &list, err) &&
	       reply_json(reply, 200, json_pack("{s:o, s:n}", "items", list, "next"));
}

static bool
api_new_token(struct req *req, struct reply *reply, struct err *err)
{
	struct token_wish wish = { .scope = "read", .label = "" };
	json_t *body;
	char *text;

	return req_json(req, &body, err) &&
	       JSON_READ(body, err, { "scope", JSON_IS_TEXT, &wish.scope }, { "bundle_id", JSON_IS_TEXT, &wish.bundle_id },
			 { "label", JSON_IS_TEXT, &wish.label }, { "days", JSON_IS_INT, &wish.days }) &&
	       make_token(req, wish, &text, err) &&
	       reply_json(reply, 201, json_pack("{s:s, s:s}", "token", text, "scope", wish.scope));
}

static bool
api_revoke_token(struct req *req, struct reply *reply, struct err *err)
{
	return token_revoke(req->site->db, req->person, req_param(req, "id"), err) && reply_empty(reply, 204);
}

const struct route people_routes[] = {
	{ GET,    "/login",                     WHO_ANYONE, "0",   ON_WORKER, get_login,         NULL, NULL, "Sign in" },
	{ POST,   "/login",                     WHO_ANYONE, "16K", ON_WORKER, post_login,        NULL, NULL, "Sign in: name, password, csrf" },
	{ POST,   "/logout",                    WHO_ANYONE, "16K", ON_WORKER, post_logout,       NULL, NULL, "Sign out: next" },
	{ GET,    "/account",                   WHO_PERSON, "0",   ON_WORKER, get_account,       NULL, NULL, "One's own account" },
	{ POST,   "/account/password",          WHO_PERSON, "16K", ON_WORKER, post_password,     NULL, NULL, "Change the password" },
	{ POST,   "/account/sign-out",          WHO_PERSON, "16K", ON_WORKER, post_sign_out,     NULL, NULL, "Sign out everywhere" },
	{ POST,   "/account/tokens",            WHO_PERSON, "16K", ON_WORKER, post_token,        NULL, NULL, "Make an API token" },
	{ POST,   "/account/tokens/:id/revoke", WHO_PERSON, "16K", ON_WORKER, post_token_revoke, NULL, NULL, "Revoke an API token" },
	{ GET,    "/api/v1/tokens",             WHO_PERSON, "0",   ON_WORKER, api_tokens,        NULL, "admin", "One's own tokens" },
	{ POST,   "/api/v1/tokens",             WHO_PERSON, "16K", ON_WORKER, api_new_token,     NULL, "admin", "Make a token: {scope, bundle_id, label, days}" },
	{ DELETE, "/api/v1/tokens/:id",         WHO_PERSON, "0",   ON_WORKER, api_revoke_token,  NULL, "admin", "Revoke a token" },
	{ 0 }
};
