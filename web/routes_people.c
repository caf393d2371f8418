/*
 * Signing in and out, one's own account and tokens.
 */
#include "catalog/token.h"
#include "core/clock.h"
#include "core/secret.h"
#include "web/rooms.h"
#include <string.h>

#define LOGIN_COOKIE_S 3600	/* how long an open sign-in page can be used */

bool
form_text(struct req *req, const char *name, const char **ret, struct err *err)
{
	*ret = req_form(req, name);
	return *ret || err_set(err, ERR_INVALID, "the field %s is missing", name);
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

static bool
login_page(struct req *req, struct reply *reply, int status, const char *name, const char *next,
	   bool refused, int64_t wait_minutes, struct err *err)
{
	const char *csrf = secret_token(req);
	json_t *data = json_pack("{s:s, s:s, s:s, s:b, s:n}", "name", name, "next", next, "csrf", csrf,
				 "refused", refused, "wait_minutes");

	if (wait_minutes)
		json_object_set_new(data, "wait_minutes", json_integer(wait_minutes));
	reply_header(reply, "Set-Cookie", mem_printf(req, "%s=%s; Path=/; HttpOnly; SameSite=Strict%s; Max-Age=%d",
		     login_cookie_name(req->site), csrf, req->site->secure ? "; Secure" : "", LOGIN_COOKIE_S));
	return reply_page_status(reply, req, status, "login", data, err);
}

static bool
get_login(struct req *req, struct reply *reply, struct err *err)
{
	const char *next = own_path(req_query(req, "next"), "/");

	if (req->person && !req->person->scope)
		return reply_see(reply, next);
	return login_page(req, reply, 200, "", next, false, 0, err);
}

/*
 * Comparing a password takes tens of milliseconds and 19 MB on purpose: a flood of guesses may keep at
 * most half of the workers, and everybody else is still served.
 */
static bool
sign_in(struct req *req, const char *name, const char *password, struct person **ret, struct err *err)
{
	static _Atomic int64_t comparing;
	int64_t most = (site_conf(req->site)->server_workers + 1) / 2;
	bool ok = atomic_fetch_add(&comparing, 1) < most;

	if (!ok)
		err_set(err, ERR_BUSY, "many people sign in at this moment; try again in a few seconds");
	else
		ok = person_sign_in(req, req->site->db, name, password, ret, err);
	atomic_fetch_sub(&comparing, 1);
	return ok;
}

static bool
post_login(struct req *req, struct reply *reply, struct err *err)
{
	const char *name, *password, *csrf, *cookie = req_cookie(req, login_cookie_name(req->site));
	const char *next = own_path(req_form(req, "next"), "/");
	struct person *person;
	char *session;

	if (!form_text(req, "name", &name, err) || !form_text(req, "password", &password, err))
		return false;
	csrf = req_form(req, "csrf");
	if (!csrf || !cookie || !secret_equal(csrf, cookie))
		return err_code(err, ERR_DENIED, "stale_page",
				"this page is too old to be used; open the sign-in page again");
	if (!sign_in(req, name, password, &person, err)) {
		if ((err->kind != ERR_SIGN_IN && err->kind != ERR_RATE) || !req->browser)
			return false;
		return login_page(req, reply, err_http_status(err->kind), name, next,
				  err->kind == ERR_SIGN_IN, err->kind == ERR_RATE ? 1 : 0, err);
	}
	if (!session_new(req, req->site->db, person, &session, err))
		return false;
	session_set_cookie(reply, req->site, session, site_session_limits(req->site).absolute_s);
	return reply_see(reply, next);
}

static bool
post_logout(struct req *req, struct reply *reply, struct err *err)
{
	const char *cookie = req_cookie(req, session_cookie_name(req->site));

	if (cookie && !session_end(req->site->db, cookie, err))
		return false;
	session_set_cookie(reply, req->site, "", 0);
	return reply_see(reply, "/login");
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
		json_object_set_new(token, "expires", json_null());
	}
	*ret = tokens;
	return true;
}

/* `refused`: "wrong", "short", "different"; made: a token just made, or NULL. */
static bool
account_page(struct req *req, struct reply *reply, int status, const char *refused, const char *label,
	     const char *made, struct err *err)
{
	json_t *tokens, *data;

	if (!tokens_of(req, &tokens, err))
		return false;
	data = json_pack("{s:b, s:b, s:s?, s:i, s:o, s:b, s:o, s:b}", "directory", 0,
		"changed", req_query(req, "changed") != NULL, "refused", refused, "password_min", PASSWORD_MIN,
		"scopes", scopes_of(req), "may_make", 1, "tokens", tokens, "once", req->person->password_once);
	json_object_set_new(data, "new_token", made ? json_pack("{s:s, s:s}", "label", label, "token", made)
						   : json_null());
	return reply_page_status(reply, req, status, "account", data, err);
}

static bool
get_account(struct req *req, struct reply *reply, struct err *err)
{
	return account_page(req, reply, 200, NULL, NULL, NULL, err);
}

static bool
post_password(struct req *req, struct reply *reply, struct err *err)
{
	const char *old, *fresh, *again, *refused = NULL;
	struct person *person;
	char *session;

	if (!form_text(req, "old", &old, err) || !form_text(req, "new", &fresh, err) ||
	    !form_text(req, "again", &again, err))
		return false;
	if (strcmp(fresh, again) != 0)
		refused = "different";
	else if (strlen(fresh) < PASSWORD_MIN)
		refused = "short";
	else if (!sign_in(req, req->person->name, old, &person, err)) {
		if (err->kind != ERR_SIGN_IN)
			return false;
		refused = "wrong";
	}
	if (refused)
		return account_page(req, reply, 422, refused, NULL, NULL, err);
	/* That ends every session, this one too: begin a new one here. */
	if (!person_set_password(req->site->db, req->person->name, req->person->name, fresh, err) ||
	    !session_new(req, req->site->db, person, &session, err))
		return false;
	session_set_cookie(reply, req->site, session, site_session_limits(req->site).absolute_s);
	return reply_see(reply, "/account?changed=1");
}

static bool
make_token(struct req *req, const char *label, const char *scope, const char *bundle_id, char **text,
	   struct err *err)
{
	return token_new(req, req->site->db, person_actor(req, req->person), req->person, label, scope,
			 bundle_id && *bundle_id ? bundle_id : NULL, text, err);
}

static bool
post_token(struct req *req, struct reply *reply, struct err *err)
{
	const char *scope, *label;
	char *text;

	return form_text(req, "label", &label, err) && form_text(req, "scope", &scope, err) &&
	       make_token(req, label, scope, req_form(req, "app"), &text, err) &&
	       account_page(req, reply, 201, NULL, label, text, err);
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
	const char *scope = "read", *bundle_id = NULL, *label = "";
	json_t *body;
	char *text;

	if (!req_json(req, &body, err))
		return false;
	if (json_unpack(body, "{s?s, s?s, s?s}", "scope", &scope, "bundle_id", &bundle_id, "label", &label) != 0)
		return err_set(err, ERR_INVALID, "scope, bundle_id and label are texts");
	return make_token(req, label, scope, bundle_id, &text, err) &&
	       reply_json(reply, 201, json_pack("{s:s, s:s}", "token", text, "scope", scope));
}

static bool
api_revoke_token(struct req *req, struct reply *reply, struct err *err)
{
	return token_revoke(req->site->db, req->person, req_param(req, "id"), err) && reply_empty(reply, 204);
}

const struct route people_routes[] = {
	{ GET,    "/login",                     WHO_ANYONE, "0",   ON_WORKER, get_login,         NULL, NULL, "Sign in" },
	{ POST,   "/login",                     WHO_ANYONE, "16K", ON_WORKER, post_login,        NULL, NULL, "Sign in: name, password, csrf" },
	{ POST,   "/logout",                    WHO_ANYONE, "16K", ON_WORKER, post_logout,       NULL, NULL, "Sign out" },
	{ GET,    "/account",                   WHO_PERSON, "0",   ON_WORKER, get_account,       NULL, NULL, "One's own account" },
	{ POST,   "/account/password",          WHO_PERSON, "16K", ON_WORKER, post_password,     NULL, NULL, "Change the password" },
	{ POST,   "/account/tokens",            WHO_PERSON, "16K", ON_WORKER, post_token,        NULL, NULL, "Make an API token" },
	{ POST,   "/account/tokens/:id/revoke", WHO_PERSON, "16K", ON_WORKER, post_token_revoke, NULL, NULL, "Revoke an API token" },
	{ GET,    "/api/v1/tokens",             WHO_PERSON, "0",   ON_WORKER, api_tokens,        NULL, "admin", "One's own tokens" },
	{ POST,   "/api/v1/tokens",             WHO_PERSON, "16K", ON_WORKER, api_new_token,     NULL, "admin", "Make a token: {scope, bundle_id}" },
	{ DELETE, "/api/v1/tokens/:id",         WHO_PERSON, "0",   ON_WORKER, api_revoke_token,  NULL, "admin", "Revoke a token" },
	{ 0 }
};
