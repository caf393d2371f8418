#include "web/ending_sources.h"
#include "catalog/token.h"
#include "core/clock.h"
#include "core/file.h"
#include "core/json.h"
#include "mdm/authority.h"
#include "mdm/ca_sign.h"
#include "mdm/ends.h"
#include "mdm/push_certificate.h"
#include "web/rooms.h"
#include "web/signing.h"
#include <openssl/err.h>
#include <string.h>
#include <unistd.h>

#define PEM_FILE_MAX	(256u << 10)
#define PAGE_ROWS	1000	/* of what people own, held at a time */

static bool
full(struct err *err)
{
	return err_set(err, ERR_LIMIT, "more than %d things end", ENDINGS_MAX);
}

static bool
within(time_t ends, time_t until)
{
	return ends < until && ends > clock_now() - ENDING_PAST_S;
}

static time_t
time_of(const json_t *json, const char *key)
{
	struct err ignored;
	time_t at;

	return clock_parse(text_of(json, key), &at, &ignored) ? at : 0;
}

/* ---- push certificates ---- */

bool
ending_push(TALLOC_CTX *ctx, struct site *site, time_t until, ending_add *add, void *arg, struct err *err)
{
	json_t *show, *all, *c;
	bool ok = true;
	size_t i;

	(void)ctx;
	if (!push_certificate_show(site->db, &show, err))
		return false;
	all = json_object_get(show, "certificates");
	json_array_foreach(all, i, c) {
		struct ending ending = {
			.subject = text_of(c, "topic"), .name = json_array_size(all) > 1 ? text_of(c, "topic") : NULL,
			.ends = time_of(c, "expires"), .devices = json_integer_value(json_object_get(c, "devices")),
			.people = -1, .href = "/admin/push",
		};

		if (ok && within(ending.ends, until))
			ok = add(arg, &ending) || full(err);
	}
	json_decref(show);
	return ok;
}

/* ---- certificates ---- */

/* `e` says all but what the certificate itself does. */
static bool
add_certificate(TALLOC_CTX *ctx, X509 *cert, struct ending e, time_t until, ending_add *add, void *arg, struct err *err)
{
	const char *name = x509_subject_cn(ctx, cert);

	e.name = *name ? name : NULL;
	e.begins = x509_begins(cert);
	e.people = -1;
	if (!x509_expires(cert, &e.ends))
		return err_set(err, ERR_INVALID, "%s: its end cannot be read", e.subject);
	return !within(e.ends, until) || add(arg, &e) || full(err);
}

/* ---- the authority ---- */

struct chosen {
	enum authority_role role;
	bool retired;
};

/* Does it stand above the CA in use, or above one that does?  A root that was replaced may have the same name. */
static bool
is_above(const struct authorities *all, X509 *cert, bool *ret, struct err *err)
{
	*ret = false;
	for (size_t i = 0; i < all->n && !*ret; i++) {
		SCOPED(x509) X509 *below = NULL;
		bool counts = all->rows[i].role == ROLE_OF_ABOVE || (all->rows[i].role == ROLE_OF_CA && !all->rows[i].retired);

		if (!counts)
			continue;
		if (!authority_read_cert(&all->rows[i], NULL, &below, err))
			return false;
		*ret = X509_cmp(below, cert) != 0 &&
		       X509_NAME_cmp(X509_get_issuer_name(below), X509_get_subject_name(cert)) == 0 &&
		       X509_verify(below, X509_get0_pubkey(cert)) == 1;
	}
	ERR_clear_error();
	return true;
}

/* The next one is made, and takes over when somebody says so. */
static bool
any_staged(const struct authorities *all)
{
	for (size_t i = 0; i < all->n; i++)
		if (all->rows[i].staged && !all->rows[i].retired)
			return true;
	return false;
}

static bool
add_authority(TALLOC_CTX *ctx, struct site *site, const struct authorities *all, const struct authority *row, time_t until,
	      ending_add *add, void *arg, struct err *err)
{
	SCOPED(x509) X509 *cert = NULL;
	int64_t live = -1;
	bool above = true;

	if (!authority_read_cert(row, NULL, &cert, err) ||
	    (row->role == ROLE_OF_CA && !ends_live_certificates(site->db, row->id, &live, err)) ||
	    (row->role == ROLE_OF_ABOVE && !is_above(all, cert, &above, err)))
		return false;
	if (!above || (row->retired && live == 0))
		return true;
	return add_certificate(ctx, cert, (struct ending){ .subject = row->id, .href = "/admin/ca", .devices = live,
							   .doing = any_staged(all) ? "staged" : "nothing" }, until, add, arg, err);
}

static bool
list_authorities(TALLOC_CTX *ctx, struct site *site, struct chosen chosen, time_t until, ending_add *add, void *arg,
		 struct err *err)
{
	struct authorities all;

	if (!authority_list(ctx, site->db, &all, err))
		return false;
	for (size_t i = 0; i < all.n; i++) {
		const struct authority *row = &all.rows[i];
		bool ra = row->role == ROLE_OF_RA_SIGN || row->role == ROLE_OF_RA_DECRYPT;

		if ((ra ? ROLE_OF_RA_SIGN : row->role) == chosen.role && !row->retired == !chosen.retired &&
		    !row->staged && within(row->not_after, until) && !add_authority(ctx, site, &all, row, until, add, arg, err))
			return false;
	}
	return true;
}

bool
ending_ca(TALLOC_CTX *ctx, struct site *site, time_t until, ending_add *add, void *arg, struct err *err)
{
	return list_authorities(ctx, site, (struct chosen){ ROLE_OF_CA, false }, until, add, arg, err);
}

bool
ending_ca_above(TALLOC_CTX *ctx, struct site *site, time_t until, ending_add *add, void *arg, struct err *err)
{
	return list_authorities(ctx, site, (struct chosen){ ROLE_OF_ABOVE, false }, until, add, arg, err);
}

bool
ending_ca_before(TALLOC_CTX *ctx, struct site *site, time_t until, ending_add *add, void *arg, struct err *err)
{
	return list_authorities(ctx, site, (struct chosen){ ROLE_OF_CA, true }, until, add, arg, err);
}

bool
ending_ra(TALLOC_CTX *ctx, struct site *site, time_t until, ending_add *add, void *arg, struct err *err)
{
	return list_authorities(ctx, site, (struct chosen){ ROLE_OF_RA_SIGN, false }, until, add, arg, err);
}

/* ---- files that the settings name ---- */

/* A CA file may hold several, each an ending of its own; any other is a chain, which is good until the first of it ends. */
static bool
list_pem(TALLOC_CTX *ctx, struct bytes pem, const char *subject, bool each, time_t until, ending_add *add, void *arg,
	 struct err *err)
{
	SCOPED(x509_stack) STACK_OF(X509) *certs = NULL;
	char sha256[X509_FINGERPRINT_SIZE];

	if (!x509_read_pem(pem, &certs, err))
		return err_at(err, "%s", subject);
	for (int i = 0; i < (each ? sk_X509_num(certs) : 1); i++) {
		X509 *cert = each ? sk_X509_value(certs, i) : x509_first_to_end(certs);

		if (!cert)
			return err_set(err, ERR_INVALID, "%s: an end cannot be read", subject);
		if (!add_certificate(ctx, cert, (struct ending){ .subject = each ? x509_sha256(cert, sha256) : subject, .devices = -1 },
				     until, add, arg, err))
			return err_at(err, "%s", subject);
	}
	return true;
}

static bool
list_file(TALLOC_CTX *ctx, const char *path, const char *setting, bool each, time_t until, ending_add *add, void *arg,
	  struct err *err)
{
	struct bytes pem;

	if (!*path)
		return true;
	return file_read(ctx, path, PEM_FILE_MAX, &pem, err) ? list_pem(ctx, pem, setting, each, until, add, arg, err)
							      : err_at(err, "%s", setting);
}

bool
ending_tls(TALLOC_CTX *ctx, struct site *site, time_t until, ending_add *add, void *arg, struct err *err)
{
	const struct conf *conf = site_conf(site);

	return conf->server_plain || list_file(ctx, conf->server_tls_cert, "server.tls_cert", false, until, add, arg, err);
}

bool
ending_tls_ca(TALLOC_CTX *ctx, struct site *site, time_t until, ending_add *add, void *arg, struct err *err)
{
	const char *dir = site->data_dir ? site->data_dir : site_conf(site)->server_data;
	const char *path = mem_printf(ctx, "%s/tls/ca.pem", dir);

	return access(path, F_OK) != 0 || list_file(ctx, path, "tls/ca.pem", true, until, add, arg, err);
}

bool
ending_signing(TALLOC_CTX *ctx, struct site *site, time_t until, ending_add *add, void *arg, struct err *err)
{
	return list_file(ctx, site_conf(site)->registration_sign_cert, "registration.sign_cert", false, until, add, arg, err);
}

/* Renewed by itself (job_endings): nobody is told before that has failed for a while. */
bool
ending_signing_own(TALLOC_CTX *ctx, struct site *site, time_t until, ending_add *add, void *arg, struct err *err)
{
	struct ending e = { .subject = "signing_own", .devices = -1, .href = "/admin/ca", .doing = "itself" };
	SCOPED(x509_stack) STACK_OF(X509) *certs = NULL;
	struct ca_signing *own;

	if (signing_way(site) == SIGNING_FILE)
		return true;
	if (!ca_sign_find(ctx, site->db, &own, err))
		return false;
	if (!own)
		return true;
	e.quiet = own->not_after > clock_now() + ENDING_SOON * DAY_S;
	if (!e.quiet)
		e.doing = "nothing";
	return x509_read_pem((struct bytes){ own->chain, strlen(own->chain) }, &certs, err) &&
	       add_certificate(ctx, sk_X509_value(certs, 0), e, until, add, arg, err);
}

bool
ending_directory_certificate(TALLOC_CTX *ctx, struct site *site, time_t until, ending_add *add, void *arg, struct err *err)
{
	return list_file(ctx, site_conf(site)->ldap_client_cert, "ldap.client_cert", false, until, add, arg, err);
}

bool
ending_trusted_ca(TALLOC_CTX *ctx, struct site *site, time_t until, ending_add *add, void *arg, struct err *err)
{
	return list_file(ctx, site_conf(site)->scep_external_ca_file, "scep.external_ca_file", true, until, add, arg, err);
}

/* ---- certificates in people's own mobileconfigs ---- */

static bool
add_own(const struct ends_own *o, ending_add *add, void *arg)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);

	return add(arg, &(struct ending){
		.subject = o->id, .ends = o->ends, .begins = o->begins, .devices = -1, .people = -1,
		.name = mem_printf(ctx, *o->device ? "%s (%s, %s)" : "%s (%s)", o->title, o->person, o->device),
		.person_id = o->person_id, .href = "/eas",
	});
}

/* They are as many as people: a page at a time. */
typedef bool list_page(struct site *site, const char *person_id, struct ends_after *after, time_t until, ending_add *add,
		       void *arg, bool *more, struct err *err);

static bool
list_pages(struct site *site, list_page *page, const char *person_id, time_t until, ending_add *add, void *arg, struct err *err)
{
	struct ends_after after = { .ends = clock_now() - ENDING_PAST_S };
	bool more = true;

	while (more)
		if (!page(site, person_id, &after, until, add, arg, &more, err))
			return false;
	return true;
}

static bool
page_own(struct site *site, const char *person_id, struct ends_after *after, time_t until, ending_add *add, void *arg,
	 bool *more, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct ends_own *all;
	size_t n;

	if (!ends_own(ctx, site->db, person_id, after, until, PAGE_ROWS, &all, &n, err))
		return false;
	for (size_t i = 0; i < n; i++)
		if (!add_own(&all[i], add, arg))
			return full(err);
	*more = n == PAGE_ROWS;
	if (n)
		ends_after_set(after, all[n - 1].ends, all[n - 1].id);
	return true;
}

bool
ending_own(TALLOC_CTX *ctx, struct site *site, time_t until, ending_add *add, void *arg, struct err *err)
{
	(void)ctx;
	return list_pages(site, page_own, NULL, until, add, arg, err);
}

bool
ending_own_of(TALLOC_CTX *ctx, struct site *site, const char *person_id, time_t until, ending_add *add, void *arg, struct err *err)
{
	(void)ctx;
	return list_pages(site, page_own, person_id, until, add, arg, err);
}

/* ---- API tokens ---- */

static bool
add_token(const json_t *t, ending_add *add, void *arg)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	const char *label = text_of(t, "label");

	return add(arg, &(struct ending){
		.subject = text_of(t, "id"), .ends = time_of(t, "expires"), .begins = time_of(t, "created"),
		.name = mem_printf(ctx, "%s (%s)", *label ? label : text_of(t, "scope"), text_of(t, "person")),
		.devices = -1, .people = -1, .person_id = text_of(t, "person_id"), .href = "/account",
	});
}

static bool
page_tokens(struct site *site, const char *person_id, struct ends_after *after, time_t until, ending_add *add, void *arg,
	    bool *more, struct err *err)
{
	const struct token_page page = { person_id, after->ends, after->id, until, PAGE_ROWS };
	json_t *tokens, *t = NULL;
	bool ok = true;
	size_t i;

	if (!token_ending(site->db, &page, &tokens, err))
		return false;
	json_array_foreach(tokens, i, t)
		ok = ok && (add_token(t, add, arg) || full(err));
	*more = json_array_size(tokens) == PAGE_ROWS;
	if (*more) {
		t = json_array_get(tokens, PAGE_ROWS - 1);
		ends_after_set(after, time_of(t, "expires"), text_of(t, "id"));
	}
	json_decref(tokens);
	return ok;
}

bool
ending_tokens(TALLOC_CTX *ctx, struct site *site, time_t until, ending_add *add, void *arg, struct err *err)
{
	(void)ctx;
	return list_pages(site, page_tokens, NULL, until, add, arg, err);
}

bool
ending_tokens_of(TALLOC_CTX *ctx, struct site *site, const char *person_id, time_t until, ending_add *add, void *arg,
		 struct err *err)
{
	(void)ctx;
	return list_pages(site, page_tokens, person_id, until, add, arg, err);
}

/* ---- people whom nobody looks up, and what is theirs ---- */

/* Told to whose it is, as they alone can sign in; once they rest for long, it is shown and no more. */
static bool
add_rest(const json_t *p, ending_add *add, void *arg)
{
	struct ending ending = {
		.subject = text_of(p, "id"), .name = text_of(p, "name"), .ends = time_of(p, "ends"), .begins = time_of(p, "begins"),
		.devices = -1, .people = -1, .person_id = text_of(p, "id"), .href = "/account",
	};

	ending.quiet = ending.ends < clock_now() - ENDING_LATE * DAY_S;
	return add(arg, &ending);
}

static bool
page_rest(struct site *site, const char *person_id, struct ends_after *after, time_t until, ending_add *add, void *arg,
	  bool *more, struct err *err)
{
	const struct people_rest_page page = { person_id, after->ends, after->id, until, PAGE_ROWS };
	struct signin signin = site_signin(site);
	struct people_rest rest = signin_rest(&signin);
	json_t *people, *p = NULL;
	bool ok = true;
	size_t i;

	if (!people_rest_ending(site->db, &rest, &page, &people, err))
		return false;
	json_array_foreach(people, i, p)
		ok = ok && (add_rest(p, add, arg) || full(err));
	*more = json_array_size(people) == PAGE_ROWS;
	if (*more) {
		p = json_array_get(people, PAGE_ROWS - 1);
		ends_after_set(after, time_of(p, "ends"), text_of(p, "id"));
	}
	json_decref(people);
	return ok;
}

bool
ending_rest(TALLOC_CTX *ctx, struct site *site, time_t until, ending_add *add, void *arg, struct err *err)
{
	(void)ctx;
	return list_pages(site, page_rest, NULL, until, add, arg, err);
}

bool
ending_rest_of(TALLOC_CTX *ctx, struct site *site, const char *person_id, time_t until, ending_add *add, void *arg,
	       struct err *err)
{
	(void)ctx;
	return list_pages(site, page_rest, person_id, until, add, arg, err);
}

/* ---- our account in the directory ---- */

#define PASSWORD_KIND "directory_password"

bool
ending_directory_password(TALLOC_CTX *ctx, struct site *site, time_t until, ending_add *add, void *arg, struct err *err)
{
	struct ending_known *known;
	struct ending ending = { .devices = -1, .people = -1, .href = "/admin/directory" };

	if (!ending_knows(ctx, site->db, PASSWORD_KIND, &known, err))
		return false;
	if (!known || !within(known->ends, until) || strcmp(known->subject, site_conf(site)->ldap_bind_dn) != 0)
		return true;
	ending.subject = known->subject;
	ending.name = known->name;
	ending.ends = known->ends;
	return add(arg, &ending) || full(err);
}

bool
ending_ask_directory(struct site *site, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	const char *who = site_conf(site)->ldap_bind_dn;
	struct ending_known known = { .subject = who, .name = who }, *before;
	bool over;

	if (!site->directory || !directory_is_on(site->directory) || !*who)
		return ending_know(site->db, PASSWORD_KIND, NULL, err);
	if (!directory_password_ends(site->directory, &known.ends, &over, err) ||
	    !ending_knows(ctx, site->db, PASSWORD_KIND, &before, err))
		return false;
	/* Over today as yesterday: since then, and one ending. */
	if (over && before && strcmp(before->subject, who) == 0 && before->ends < known.ends)
		known.ends = before->ends;
	return ending_know(site->db, PASSWORD_KIND, known.ends ? &known : NULL, err);
}
