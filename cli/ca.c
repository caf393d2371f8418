/*
 * pomona ca show [--json] | export [--crl] | make | renew [--stage] | switch | revoke SERIAL [--reason R]
 *
 * All of them also while the server runs: it looks every few seconds whether the authority has changed.
 */
#include "cli/ca_make.h"
#include "core/file.h"
#include "core/json.h"
#include "core/seal.h"
#include "core/x509.h"
#include "mdm/ca.h"
#include "mdm/ca_make.h"
#include "mdm/ca_show.h"
#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>

struct opts {
	struct cli_call call;
	struct cli_ca ca;
	const char *reason;
	bool json, crl;
};

/* ---- show ---- */

static void
print_one(const json_t *a)
{
	printf("%-10s %s (%s)\n", text_of(a, "role"), text_of(a, "subject"), text_of(a, "state"));
	printf("           %s, from %.10s until %.10s\n", text_of(a, "key"), text_of(a, "not_before"), text_of(a, "not_after"));
	printf("           serial %s\n           SHA-256 %s\n", text_of(a, "serial"), text_of(a, "sha256"));
	if (*text_of(a, "crl_url"))
		printf("           CRL %s\n", text_of(a, "crl_url"));
}

static void
print_counts(const char *name, const json_t *c)
{
	printf("%-10s %lld valid, %lld revoked, %lld expired\n", name,
	       (long long)json_integer_value(json_object_get(c, "valid")),
	       (long long)json_integer_value(json_object_get(c, "revoked")),
	       (long long)json_integer_value(json_object_get(c, "expired")));
}

static bool
show(struct cli_call *call, struct err *err)
{
	const json_t *counts;
	json_t *all, *a;
	size_t i;

	if (!ca_show(call->db, call->conf->server_base_url, &all, err))
		return false;
	counts = json_object_get(all, "certificates");
	if (((const struct opts *)call)->json) {
		cli_print(all);
	} else {
		if (!json_array_size(json_object_get(all, "authorities")))
			fputs("pomona: there is no certificate authority; `pomona ca make` makes one\n", stderr);
		json_array_foreach(json_object_get(all, "authorities"), i, a)
			print_one(a);
		json_array_foreach(json_object_get(counts, "by_purpose"), i, a)
			print_counts(text_of(a, "purpose"), a);
		print_counts("all", counts);
	}
	json_decref(all);
	return true;
}

/* ---- export ---- */

static bool
print_crl(struct ca *ca, const char *key_id, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	const unsigned char *p;
	struct bytes der;
	X509_CRL *crl;
	bool ok;

	if (!ca_crl(ctx, ca, key_id, &der, err))
		return false;
	p = der.p;
	crl = d2i_X509_CRL(NULL, &p, (long)der.len);
	ok = crl && PEM_write_X509_CRL(stdout, crl);
	X509_CRL_free(crl);
	return ok || err_openssl(err, ERR_INTERNAL, "write a CRL");
}

/* One for each key: a CA that was renewed with the same key has the same CRL. */
static bool
export_crls(const struct cli_call *call, const struct authorities *all, struct err *err)
{
	struct sealer *sealer;
	struct ca *ca;

	if (!cli_sealer(call->ctx, call->conf, &sealer, err) ||
	    !ca_open(call->ctx, call->db, sealer, call->conf->server_base_url, &ca, err))
		return false;
	for (size_t i = 0; i < all->n; i++) {
		bool again = all->rows[i].role != ROLE_OF_CA || !all->rows[i].sealed_key.len;

		for (size_t k = 0; k < i; k++)
			again = again || (all->rows[k].role == ROLE_OF_CA && strcmp(all->rows[k].key_id, all->rows[i].key_id) == 0);
		if (again || print_crl(ca, all->rows[i].key_id, err))
			continue;
		if (strcmp(err->code, "wrong_key") != 0)
			return false;
		fprintf(stderr, "pomona: no CRL of %s: %s\n", all->rows[i].key_id, err->cause);
	}
	return true;
}

static bool
export(struct cli_call *call, struct err *err)
{
	struct authorities all;
	char *pem;

	if (!authority_list(call->ctx, call->db, &all, err))
		return false;
	if (!all.n)
		return err_set(err, ERR_MISSING, "there is no certificate authority; `pomona ca make` makes one");
	if (((const struct opts *)call)->crl)
		return export_crls(call, &all, err);
	if (!authorities_pem(call->ctx, &all, &pem, err))
		return false;
	fputs(pem, stdout);
	return true;
}

/* ---- make and revoke ---- */

static bool
make(struct cli_call *call, struct err *err)
{
	return cli_ca_make(call->conf, call->db, &((const struct opts *)call)->ca, err);
}

static bool
renew(struct cli_call *call, struct err *err)
{
	return cli_ca_renew(call->conf, call->db, &((const struct opts *)call)->ca, err);
}

static bool
take_over(struct cli_call *call, struct err *err)
{
	return ca_make_switch(call->db, "cli", err);
}

static bool
revoke(struct cli_call *call, struct err *err)
{
	const char *sha256;
	int64_t also;

	if (!certificate_by_serial(call->ctx, call->db, call->words[0], &sha256, err) ||
	    !certificate_revoke_by(call->db, "cli", sha256, ((const struct opts *)call)->reason, &also, err))
		return false;
	if (also)
		printf("%lld that came of it by renewals are revoked too\n", (long long)also);
	return true;
}

#define AT(field) offsetof(struct opts, field)

static const struct cli_option options[] = {
	{ "json", 'j', NULL, "Print JSON", AT(json) },
	{ "crl", 'r', NULL, "Export the CRLs instead of the certificates", AT(crl) },
	{ "reason", 'R', "WORD", "Why it is revoked: keyCompromise, superseded, cessationOfOperation, affiliationChanged, "
	  "privilegeWithdrawn or unspecified (the default)", AT(reason) },
	{ 0 }
};
static const struct cli_options how = { cli_ca_rows, "For make and renew:", AT(ca), cli_ca_wrong };
static const struct cli_act acts[] = {
	{ "show", 0, 0, NULL, show },
	{ "export", 0, 0, NULL, export },
	{ "make", 0, 0, NULL, make },
	{ "renew", 0, 0, NULL, renew },
	{ "switch", 0, 0, NULL, take_over },
	{ "revoke", 1, 1, NULL, revoke },
	{ 0 }
};

int
cmd_ca(int argc, char **argv)
{
	static const struct cli_command ca = {
		.args = "show | export | make | renew | switch | revoke SERIAL",
		.doc = "The certificate authority that gives devices their identities.\v"
		       "export prints the certificates, PEM, that a proxy is to believe of devices. renew makes a successor as "
		       "the one in use was made; that one is believed as before, but issues no more.",
		.options = { options }, .also = &how, .acts = acts,
		.usage = "say show, export, make, renew, switch, or revoke SERIAL",
	};
	struct opts o = { .reason = "unspecified" };

	return cli_run(&ca, &o.call, argc, argv);
}
