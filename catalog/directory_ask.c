/*
 * What a directory server is asked: is this their password, who fits this filter?
 */
#include "catalog/directory_inner.h"
#include "core/text.h"
#include <string.h>

#define AD_OID		"1.2.840.113556.1.4.800"	/* supportedCapabilities: Active Directory */
#define PAGES_MAX	200

/* ---- binding ---- */

bool
call_bind(TALLOC_CTX *ctx, struct call *call, const char *dn, const char *password, int *code,
	  const char **detail, struct err *err)
{
	struct conn *conn = call->conn;
	struct berval secret = { strlen(password), (char *)(uintptr_t)password };
	LDAPMessage *result = NULL;
	char *text = NULL;
	int id = 0, rc;

	conn->ours = false;
	rc = ldap_sasl_bind(conn->ld, dn, LDAP_SASL_SIMPLE, &secret, NULL, NULL, &id);
	if (rc != LDAP_SUCCESS)
		return conn_trouble(conn, "bind", rc, err);
	if (!call_await(call, id, "bind", &result, err))
		return false;
	rc = ldap_parse_result(conn->ld, result, code, NULL, &text, NULL, NULL, 1);
	if (rc == LDAP_SUCCESS && *code != LDAP_BUSY && *code != LDAP_UNAVAILABLE)
		atomic_store(&conn->server->failed_ms, 0);
	if (rc == LDAP_SUCCESS)
		*detail = text && text_valid(text, strlen(text)) ? text_cut(ctx, text, 200) : mem_text(ctx, "");
	ldap_memfree(text);
	return rc == LDAP_SUCCESS || conn_trouble(conn, "bind", rc, err);
}

const char *
bind_refusal(const char *detail)
{
	static const struct {
		const char *data, *code;
	} words[] = {
		{ "data 532", "password_expired" }, { "data 773", "password_expired" },
		{ "data 533", "account_disabled" }, { "data 701", "account_disabled" },
	};

	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (strstr(detail, words[i].data))
			return words[i].code;
	return NULL;
}

static bool
is_over(const char *detail)
{
	const char *refusal = bind_refusal(detail);

	return refusal && strcmp(refusal, "password_expired") == 0;
}

bool
call_bind_ours(struct call *call, struct err *err)
{
	const struct conf *conf = call->settings->conf;
	void *scratch SCOPED(mem) = talloc_new(NULL);
	const char *who = *conf->ldap_bind_dn ? conf->ldap_bind_dn : "anonymous", *detail = "";
	int code = 0;

	if (call->conn->ours)
		return true;
	if (!call_bind(scratch, call, conf->ldap_bind_dn, conf->ldap_bind_password, &code, &detail, err))
		return false;
	if (code != LDAP_SUCCESS) {
		bool over = is_over(detail);

		call_say(call, DIRECTORY_FAIL, "bind", over ? "%s: %s %s; its password ran out or must be changed: give it a new "
			 "one there, and to ldap.bind_password" : "%s: %s %s; check ldap.bind_dn and ldap.bind_password", who,
			 ldap_err2string(code), detail);
		err_code(err, ERR_UPSTREAM, over ? CALL_PASSWORD_OVER : "directory_refuses", "%s refuses our account %.80s: %s %s",
			 call->conn->server->host, who, ldap_err2string(code), detail);
		return conn_unwell(call->conn, code, err);
	}
	call_say(call, DIRECTORY_OK, "bind", "%s", who);
	call->conn->ours = true;
	return true;
}

/* ---- searching ---- */

/* Takes the entries of one page; false with an err, or when enough is enough (*n passes most). */
static bool
take_entries(struct conn *conn, LDAPMessage *result, size_t most, size_t *n, entry_fn *each, void *arg, struct err *err)
{
	for (LDAPMessage *e = ldap_first_entry(conn->ld, result); e && *n <= most; e = ldap_next_entry(conn->ld, e)) {
		++*n;
		if (!each(conn->ld, e, arg, err))
			return false;
	}
	return true;
}

/* How the page ended; *cookie is where the next begins, empty at the end. */
static bool
page_end(struct conn *conn, LDAPMessage *result, bool enough, struct berval *cookie, struct err *err)
{
	LDAPControl **controls = NULL, *control;
	int code = LDAP_OTHER, rc;
	ber_int_t size;

	ber_memfree(cookie->bv_val);
	*cookie = (struct berval){ 0, NULL };
	rc = ldap_parse_result(conn->ld, result, &code, NULL, NULL, NULL, &controls, 0);
	if (rc != LDAP_SUCCESS)
		return conn_trouble(conn, "search", rc, err);
	control = ldap_control_find(LDAP_CONTROL_PAGEDRESULTS, controls, NULL);
	if (control && code == LDAP_SUCCESS &&
	    ldap_parse_pageresponse_control(conn->ld, control, &size, cookie) != LDAP_SUCCESS)
		*cookie = (struct berval){ 0, NULL };
	ldap_controls_free(controls);
	if (code == LDAP_SUCCESS || (code == LDAP_SIZELIMIT_EXCEEDED && enough))
		return true;
	if (code == LDAP_REFERRAL)
		return err_code(err, ERR_UPSTREAM, "directory_search", "%s refers us elsewhere, where we do not go; is the "
				"base its own? A forest has its global catalog at port 3269", conn->server->host);
	err_code(err, ERR_UPSTREAM, "directory_search", "%s: search: %s", conn->server->host, ldap_err2string(code));
	/* The server said so, mostly of this search alone: then the connection is well. */
	return code == LDAP_OTHER ? false : conn_unwell(conn, code, err);
}

bool
call_search(struct call *call, const char *base, int scope, const char *filter, const char *const *attributes,
	    size_t most, entry_fn *each, void *arg, struct err *err)
{
	struct conn *conn = call->conn;
	struct berval cookie = { 0, NULL };
	struct timeval limit = { DIRECTORY_SEARCH_S, 0 };
	size_t n = 0, pages = 0;
	bool ok = true;

	do {
		LDAPControl *page = NULL, *controls[2] = { NULL, NULL };
		LDAPMessage *result = NULL;
		int id = 0, rc;

		/* Not critical: a server that knows no pages gives all at once. */
		if (most >= DIRECTORY_PAGE &&
		    ldap_create_page_control(conn->ld, DIRECTORY_PAGE, &cookie, 0, &page) == LDAP_SUCCESS)
			controls[0] = page;
		rc = ldap_search_ext(conn->ld, base, scope, filter, (char **)(uintptr_t)attributes, 0,
				     page ? controls : NULL, NULL, &limit, page ? 0 : (int)most + 1, &id);
		if (page)
			ldap_control_free(page);
		ok = rc == LDAP_SUCCESS || conn_trouble(conn, "search", rc, err);
		ok = ok && call_await(call, id, "search", &result, err) &&
		     take_entries(conn, result, most, &n, each, arg, err) &&
		     page_end(conn, result, n > most, &cookie, err);
		ldap_msgfree(result);
	} while (ok && cookie.bv_len && n <= most && ++pages < PAGES_MAX);
	if (cookie.bv_len && ok)
		conn->broken = true;	/* it holds the rest of a search for us: no longer */
	ber_memfree(cookie.bv_val);
	return ok;
}

char *
entry_text(TALLOC_CTX *ctx, LDAP *ld, LDAPMessage *entry, const char *attribute, size_t max)
{
	struct berval **values = ldap_get_values_len(ld, entry, attribute);
	char *text = NULL;

	if (values && values[0] && values[0]->bv_len && text_valid(values[0]->bv_val, values[0]->bv_len))
		text = text_cut(ctx, mem_textn(ctx, values[0]->bv_val, values[0]->bv_len), max);
	ldap_value_free_len(values);
	return text;
}

char *
entry_dn(TALLOC_CTX *ctx, LDAP *ld, LDAPMessage *entry)
{
	char *dn = ldap_get_dn(ld, entry), *copy = NULL;

	if (dn && strlen(dn) <= DIRECTORY_DN_MAX && text_valid(dn, strlen(dn)))
		copy = mem_text(ctx, dn);
	ldap_memfree(dn);
	return copy;
}

static bool
see_ad(LDAP *ld, LDAPMessage *entry, void *arg, struct err *err)
{
	struct berval **values = ldap_get_values_len(ld, entry, "supportedCapabilities");
	bool *ad = arg;

	(void)err;
	for (size_t i = 0; values && values[i]; i++)
		*ad = *ad || (values[i]->bv_len == strlen(AD_OID) && memcmp(values[i]->bv_val, AD_OID, strlen(AD_OID)) == 0);
	ldap_value_free_len(values);
	return true;
}

bool
call_is_ad(struct call *call, bool *ret, struct err *err)
{
	static const char *const attributes[] = { "supportedCapabilities", NULL };
	int known = atomic_load(&call->conn->server->ad);

	*ret = known == 2;
	if (known)
		return true;
	if (!call_search(call, "", LDAP_SCOPE_BASE, "(objectClass=*)", attributes, 1, see_ad, ret, err))
		return false;
	atomic_store(&call->conn->server->ad, *ret ? 2 : 1);
	return true;
}
