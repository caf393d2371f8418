/*
 * pomona ca show [--json] | export [--crl] | make | renew [--stage] | switch | revoke SERIAL [--reason R]
 *
 * All of them also while the server runs: it looks every few seconds whether the authority has changed.
 */
#include "cli/cli.h"
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
	struct cli_place place;
	struct cli_ca ca;
	const char *act, *serial, *reason;
	bool json, crl;
};

static const struct argp_option options[] = {
	{ "json", 'j', NULL, 0, "Print JSON", 0 },
	{ "crl", 'r', NULL, 0, "Export the CRLs instead of the certificates", 0 },
	{ "reason", 'R', "WORD", 0, "Why it is revoked: keyCompromise, superseded, cessationOfOperation, affiliationChanged, "
	  "privilegeWithdrawn or unspecified (the default)", 0 },
	{ 0 }
};

static error_t
parse(int key, char *arg, struct argp_state *state)
{
	struct opts *o = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &o->place;
		state->child_inputs[1] = &o->ca;
		o->reason = "unspecified";
		break;
	case 'j':	o->json = true; break;
	case 'r':	o->crl = true; break;
	case 'R':	o->reason = arg; break;
	case ARGP_KEY_ARG:
		if (state->arg_num > 1)
			return ARGP_ERR_UNKNOWN;
		*(state->arg_num ? &o->serial : &o->act) = arg;
		break;
	case ARGP_KEY_END:
		if (!o->act || !o->serial != (strcmp(o->act, "revoke") != 0))
			argp_error(state, "say show, export, make, renew, switch, or revoke SERIAL");
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

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
show(const struct conf *conf, struct db *db, bool as_json, struct err *err)
{
	json_t *all, *a;
	size_t i;

	if (!ca_show(db, conf->server_base_url, &all, err))
		return false;
	if (as_json) {
		json_dumpf(all, stdout, JSON_INDENT(2));
		putchar('\n');
	} else {
		const json_t *counts = json_object_get(all, "certificates");

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
export_crls(TALLOC_CTX *ctx, const struct conf *conf, struct db *db, const struct authorities *all, struct err *err)
{
	struct sealer *sealer;
	struct ca *ca;

	if (!cli_sealer(ctx, conf, &sealer, err) || !ca_open(ctx, db, sealer, conf->server_base_url, &ca, err))
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
export_all(TALLOC_CTX *ctx, const struct conf *conf, struct db *db, bool crl, struct err *err)
{
	struct authorities all;
	char *pem;

	if (!authority_list(ctx, db, &all, err))
		return false;
	if (!all.n)
		return err_set(err, ERR_MISSING, "there is no certificate authority; `pomona ca make` makes one");
	if (crl)
		return export_crls(ctx, conf, db, &all, err);
	if (!authorities_pem(ctx, &all, &pem, err))
		return false;
	fputs(pem, stdout);
	return true;
}

/* ---- revoke ---- */

static bool
revoke(struct db *db, const struct opts *o, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	const char *sha256;

	return certificate_by_serial(ctx, db, o->serial, &sha256, err) &&
	       certificate_revoke_by(db, "cli", sha256, o->reason, err);
}

int
cmd_ca(int argc, char **argv)
{
	static const struct argp_child children[] = {
		{ &cli_place_argp, 0, NULL, 0 }, { &cli_ca_argp, 0, "For make and renew:", 1 }, { 0 }
	};
	static const struct argp argp = { options, parse, "show | export | make | renew | switch | revoke SERIAL",
		"The certificate authority that gives devices their identities.\v"
		"export prints the certificates, PEM, that a proxy is to believe of devices. renew makes a successor as "
		"the one in use was made; that one is believed as before, but issues no more.", children, NULL, NULL };
	void *ctx SCOPED(mem) = NULL;
	struct opts o = { 0 };
	struct err err = { 0 };
	struct conf *conf;
	struct db *db;
	bool ok;

	if (argp_parse(&argp, argc, argv, 0, NULL, &o) != 0)
		return EXIT_USAGE_;
	ctx = talloc_new(NULL);	/* not before: argp may leave by itself */
	if (!cli_db(ctx, &o.place, &conf, &db, &err))
		return cli_fail(&err);
	if (strcmp(o.act, "show") == 0) {
		ok = show(conf, db, o.json, &err);
	} else if (strcmp(o.act, "export") == 0) {
		ok = export_all(ctx, conf, db, o.crl, &err);
	} else if (strcmp(o.act, "make") == 0) {
		ok = cli_ca_make(conf, db, &o.ca, &err);
	} else if (strcmp(o.act, "renew") == 0) {
		ok = cli_ca_renew(conf, db, &o.ca, &err);
	} else if (strcmp(o.act, "switch") == 0) {
		ok = ca_make_switch(db, "cli", &err);
	} else if (strcmp(o.act, "revoke") == 0) {
		ok = revoke(db, &o, &err);
	} else {
		fprintf(stderr, "pomona ca: say show, export, make, renew, switch or revoke, not \"%s\"\n", o.act);
		return EXIT_USAGE_;
	}
	return ok ? EXIT_OK : cli_fail(&err);
}
