/*
 * The certificate authority: its revocation lists for anyone, and for admins what there is, with every
 * certificate that was issued.
 */
#include "core/clock.h"
#include "core/json.h"
#include "core/num.h"
#include "core/text.h"
#include "mdm/ca_show.h"
#include "web/rooms.h"
#include <string.h>

#define CERTIFICATE_PAGE_ROWS	50
#define CERTIFICATE_PAGE_MAX	500	/* for the API */
#define SUBJECT_SHOWN_MAX	200
#define CERTIFICATES_CHANGED_MAX	1000000

static const char *const reasons[] = {
#define R(name, number) name,
	CERTIFICATE_REASONS(R)
#undef R
};

/* ---- for anyone ---- */

/* RFC 5280 4.2.1.13, RFC 2585 section 3.  A revocation is in it at once, so nobody is to keep it. */
static bool
get_crl(struct req *req, struct reply *reply, struct err *err)
{
	const char *key = req_param(req, "key");
	struct bytes der;

	if (!ca_crl(req, req->site->ca, *key ? key : NULL, &der, err))
		return false;
	reply_header(reply, "Cache-Control", "no-cache");
	return reply_bytes(reply, 200, "application/pkix-crl", der);
}

/* ---- the page ---- */

static json_t *
date_of(struct req *req, const json_t *json, const char *key)
{
	json_t *date = page_date_of(req, json, key);

	return date ? date : json_null();
}

/* "Example device CA" of "CN=Example device CA,O=Example". */
static const char *
common_name(struct req *req, const char *subject)
{
	if (strncmp(subject, "CN=", 3) != 0 || strchr(subject, '\\'))
		return subject;
	return mem_textn(req, subject + 3, strcspn(subject + 3, ","));
}

static const char *
level_of(int64_t days)
{
	return days < 0 ? "error" : days < CA_SOON_DAYS ? "warning" : "ok";
}

static json_t *
row_of(struct req *req, const json_t *a)
{
	return json_pack("{s:s, s:O, s:O, s:O, s:o}", "name", common_name(req, text_of(a, "subject")),
			 "role", json_object_get(a, "role"), "state", json_object_get(a, "state"),
			 "key", json_object_get(a, "key"), "until", date_of(req, a, "not_after"));
}

/* Of the one that issues; `all` as ca_show gives it. */
static json_t *
in_use(struct req *req, const json_t *all)
{
	bool single = true;
	json_t *a, *ca = NULL;
	size_t i;

	json_array_foreach(all, i, a) {
		const char *role = text_of(a, "role");

		if (strcmp(text_of(a, "state"), "retired") == 0 || strcmp(text_of(a, "state"), "next") == 0)
			continue;
		single = single && strncmp(role, "ra_", 3) != 0;
		if (!ca && strcmp(role, "ca") == 0)
			ca = a;
	}
	if (!ca)
		return json_null();
	return json_pack("{s:s, s:O, s:o, s:O, s:s, s:O, s:O, s:b}", "name", common_name(req, text_of(ca, "subject")),
			 "key", json_object_get(ca, "key"), "until", date_of(req, ca, "not_after"),
			 "days", json_object_get(ca, "days"),
			 "level", level_of(json_integer_value(json_object_get(ca, "days"))),
			 "sha256", json_object_get(ca, "sha256"), "url", json_object_get(ca, "crl_url"),
			 "single", single);
}

static json_t *
certificate_row(struct req *req, const json_t *c)
{
	return json_pack("{s:o, s:s, s:O, s:O, s:o, s:o, s:O}",
			 "url", json_sprintf("/admin/ca/certificates/%s", text_of(c, "sha256")),
			 "subject", text_cut(req, text_of(c, "subject"), SUBJECT_SHOWN_MAX),
			 "serial", json_object_get(c, "serial"), "purpose", json_object_get(c, "purpose"),
			 "issued", page_moment_of(req, c, "issued"), "until", date_of(req, c, "not_after"),
			 "state", json_object_get(c, "state"));
}

static bool
get_page(struct req *req, struct reply *reply, struct err *err)
{
	const char *q = req_query(req, "q") ? req_query(req, "q") : "";
	json_t *all, *list, *one, *counts, *rows, *certs, *data;
	size_t i;

	if (!whole_admin(req, err) || !ca_show(req->site->db, req->site->base_url, &all, err))
		return false;
	if (!certificate_list(req->site->db, q, req_query(req, "after"), CERTIFICATE_PAGE_ROWS, &list, err)) {
		json_decref(all);
		return false;
	}
	rows = json_array();
	certs = json_array();
	json_array_foreach(json_object_get(all, "authorities"), i, one)
		json_array_append_new(rows, row_of(req, one));
	json_array_foreach(json_object_get(list, "items"), i, one)
		json_array_append_new(certs, certificate_row(req, one));
	counts = json_object_get(all, "certificates");
	data = json_pack("{s:o, s:o, s:o, s:o, s:s, s:o, s:s?}",
			 "ca", in_use(req, json_object_get(all, "authorities")), "authorities", rows,
			 "purposes", json_incref(json_object_get(counts, "by_purpose")),
			 "total", json_pack("{s:O, s:O, s:O}", "valid", json_object_get(counts, "valid"), "revoked",
					    json_object_get(counts, "revoked"), "expired", json_object_get(counts, "expired")),
			 "q", q, "certificates", certs, "next_url", page_next(req, "/admin/ca", "q", list));
	json_decref(all);
	json_decref(list);
	return reply_page(reply, req, "authority", data, err);
}

/* ---- one certificate ---- */

static json_t *
reasons_of(void)
{
	json_t *list = json_array();

	for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
		json_array_append_new(list, json_pack("{s:s}", "reason", reasons[i]));
	return list;
}

static bool
certificate_page(struct req *req, struct reply *reply, const struct err *refused, struct err *err)
{
	const char *sha256 = req_param(req, "sha256");
	json_t *c, *data;
	char text[520];
	bool revoked;
	int64_t changed = 0;	/* how many */
	struct err none;

	if (refused || !req_query(req, "changed") || !num_parse(req_query(req, "changed"), 1, CERTIFICATES_CHANGED_MAX, &changed, &none))
		changed = 0;
	if (!certificate_show(req->site->db, sha256, &c, err))
		return false;
	revoked = json_is_string(json_object_get(c, "revoked"));
	data = json_pack("{s:O, s:O, s:O, s:O, s:O, s:o, s:o, s:o, s:o, s:O, s:o, s:o, s:b, s:o, s:s?}",
			 "subject", json_object_get(c, "subject"), "serial", json_object_get(c, "serial"),
			 "sha256", json_object_get(c, "sha256"), "purpose", json_object_get(c, "purpose"),
			 "state", json_object_get(c, "state"), "issued", page_moment_of(req, c, "issued"),
			 "begins", page_moment_of(req, c, "not_before"), "until", page_moment_of(req, c, "not_after"),
			 "revoked", revoked ? page_moment_of(req, c, "revoked") : json_null(),
			 "reason", json_object_get(c, "reason"), "reasons", reasons_of(),
			 "revoke_url", revoked ? json_null() : json_sprintf("/admin/ca/certificates/%s/revoke", sha256),
			 "changed", changed > 0, "also", changed > 1 ? json_integer(changed - 1) : json_null(),
			 "refused", refused ? err_text(refused, text, sizeof text) : NULL);
	json_decref(c);
	return reply_page_status(reply, req, refused ? 422 : 200, "certificate", data, err);
}

static bool
get_certificate(struct req *req, struct reply *reply, struct err *err)
{
	return whole_admin(req, err) && certificate_page(req, reply, NULL, err);
}

static bool
revoke(struct req *req, const char *reason, int64_t *also, struct err *err)
{
	return whole_admin(req, err) && certificate_revoke_by(req->site->db, person_actor(req, req->person),
							      req_param(req, "sha256"), reason, also, err);
}

static bool
post_revoke(struct req *req, struct reply *reply, struct err *err)
{
	const char *reason;
	int64_t also;
	struct err why;

	if (!form_text(req, "reason", &reason, err))
		return false;
	if (revoke(req, reason, &also, err))
		return reply_see(reply, mem_printf(req, "/admin/ca/certificates/%s?changed=%lld", req_param(req, "sha256"),
						   (long long)also + 1));
	why = *err;
	return req->browser && (why.kind == ERR_INVALID || why.kind == ERR_CONFLICT) &&
	       certificate_page(req, reply, &why, err);
}

static bool
get_pem(struct req *req, struct reply *reply, struct err *err)
{
	char *pem;

	if (!whole_admin(req, err) || !ca_pem(req, req->site->ca, &pem, err))
		return false;
	if (!*pem)
		return err_code(err, ERR_MISSING, "no_ca", "there is no certificate authority");
	reply_header(reply, "Content-Disposition", "attachment; filename=\"device-ca.pem\"");
	return reply_text(reply, 200, "application/x-pem-file", pem);
}

/* ---- for programs ---- */

static bool
api_ca(struct req *req, struct reply *reply, struct err *err)
{
	json_t *all;

	return whole_admin(req, err) && ca_show(req->site->db, req->site->base_url, &all, err) &&
	       reply_json(reply, 200, all);
}

static bool
api_list(struct req *req, struct reply *reply, struct err *err)
{
	json_t *list;

	return whole_admin(req, err) &&
	       certificate_list(req->site->db, req_query(req, "q"), req_query(req, "after"),
				query_limit(req, CERTIFICATE_PAGE_MAX), &list, err) &&
	       reply_json(reply, 200, list);
}

static bool
api_one(struct req *req, struct reply *reply, struct err *err)
{
	json_t *c;

	return whole_admin(req, err) && certificate_show(req->site->db, req_param(req, "sha256"), &c, err) &&
	       reply_json(reply, 200, c);
}

static bool
api_revoke(struct req *req, struct reply *reply, struct err *err)
{
	const char *reason = "unspecified";
	json_t *body, *c;
	int64_t also;

	if (!req_json(req, &body, err) || (json_drop_nulls(body), !JSON_READ(body, err, { "reason", JSON_IS_TEXT, &reason })) ||
	    !revoke(req, reason, &also, err) || !certificate_show(req->site->db, req_param(req, "sha256"), &c, err))
		return false;
	json_object_set_new(c, "also_revoked", json_integer(also));
	return reply_json(reply, 200, c);
}

/* ---- what Today says: that there is none; its end is the watch's (web/endings.h) ---- */

bool
authority_todo(struct req *req, json_t *todo, struct err *err)
{
	json_t *all, *ca;

	if (req->person->role != ROLE_ADMIN)
		return true;
	if (!ca_show(req->site->db, req->site->base_url, &all, err))
		return false;
	ca = in_use(req, json_object_get(all, "authorities"));
	json_decref(all);
	if (!json_is_object(ca))
		json_array_append_new(todo, json_pack("{s:s, s:s, s:s}", "kind", "ca_none", "level", "info", "url", "/admin/ca"));
	json_decref(ca);
	return true;
}

const struct route authority_routes[] = {
	{ GET,  "/crl",      WHO_ANYONE, "0", ON_WORKER, get_crl, NULL, NULL, "the revocation list of the first CA" },
	{ GET,  "/crl/:key", WHO_ANYONE, "0", ON_WORKER, get_crl, NULL, NULL, "the revocation list of the CA with this key" },
	{ GET,  "/admin/ca", WHO_ADMIN, "0", ON_WORKER, get_page, NULL, "admin", "the certificate authority; ?q= &after=" },
	{ GET,  "/admin/ca.pem", WHO_ADMIN, "0", ON_WORKER, get_pem, NULL, "admin", "its certificates, for a proxy" },
	{ GET,  "/admin/ca/certificates/:sha256", WHO_ADMIN, "0", ON_WORKER, get_certificate, NULL, "admin", "a certificate that was issued" },
	{ POST, "/admin/ca/certificates/:sha256/revoke", WHO_ADMIN, "64K", ON_WORKER, post_revoke, NULL, NULL, "revoke it" },
	{ GET,  "/api/v1/ca", WHO_ADMIN, "0", ON_WORKER, api_ca, NULL, "admin", "the certificate authority" },
	{ GET,  "/api/v1/certificates", WHO_ADMIN, "0", ON_WORKER, api_list, NULL, "admin", "certificates that were issued, the newest first; ?q= &after= &limit=" },
	{ GET,  "/api/v1/certificates/:sha256", WHO_ADMIN, "0", ON_WORKER, api_one, NULL, "admin", "one of them" },
	{ POST, "/api/v1/certificates/:sha256/revoke", WHO_ADMIN, "64K", ON_WORKER, api_revoke, NULL, "admin", "revoke it: {reason}" },
	{ 0 }
};
