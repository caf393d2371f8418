/*
 * Making the certificate authority of devices: by itself, under a new root whose key goes to a file apart, or
 * one that the company brings.
 */
#include "cli/ca_make.h"
#include "core/clock.h"
#include "core/file.h"
#include "core/seal.h"
#include "core/x509.h"
#include "mdm/ca_make.h"
#include "mdm/subject.h"
#include <libgen.h>
#include <openssl/crypto.h>
#include <string.h>
#include <unistd.h>

#define PEM_MAX		(256u << 10)

#define AT(field) offsetof(struct cli_ca, field)

enum { OPT_ROOT = CLI_NO_LETTER, OPT_CERT, OPT_KEY, OPT_CHAIN, OPT_ROOT_KEY, OPT_STAGE };

const struct cli_option cli_ca_rows[] = {
	{ "ca-root", OPT_ROOT, NULL, "A root whose key is kept offline, and an issuing CA under it", AT(root) },
	{ "root-key", OPT_ROOT_KEY, "FILE", "Where the root's key is written, or read when it is needed again; default: "
	  "root-ca.key beside the master key", AT(root_key) },
	{ "ca-cert", OPT_CERT, "FILE", "A CA of your own: its certificate, PEM", AT(cert) },
	{ "ca-key", OPT_KEY, "FILE", "Its private key, PEM without a passphrase", AT(key) },
	{ "stage", OPT_STAGE, NULL, "renew: the successor waits, clients and proxies are told of it, and `pomona ca switch` "
	  "lets it take over", AT(stage) },
	{ "ca-chain", OPT_CHAIN, "FILE", "The certificates above it, up to the root, PEM", AT(chain) },
	{ 0 }
};

const char *
cli_ca_wrong(const void *ca)
{
	const struct cli_ca *o = ca;

	if (!o->cert != !o->key || (o->chain && !o->cert))
		return "--ca-cert and --ca-key go together, and --ca-chain with them";
	return o->cert && (o->root || o->root_key) ? "--ca-root and --ca-cert exclude each other" : NULL;
}

bool
cli_ca_any(struct db *db, bool *ret, struct err *err)
{
	struct ca_make_wish wish = { 0 };

	if (!ca_make_look(db, &wish, err))
		return false;
	*ret = wish.before > 0;
	return true;
}

/* The company's, or else its host's. */
static const char *
name_of(TALLOC_CTX *ctx, const struct conf *conf)
{
	const char *host = strstr(conf->server_base_url, "://");

	if (*conf->company_name)
		return conf->company_name;
	return host ? mem_textn(ctx, host + 3, strcspn(host + 3, ":/")) : "Pomona";
}

static const char *
root_key_place(TALLOC_CTX *ctx, const struct conf *conf, const struct cli_ca *o)
{
	return o->root_key ? o->root_key
			   : mem_printf(ctx, "%s/root-ca.key", dirname(mem_text(ctx, conf->key_master_file)));
}

/* Before the database knows of what it signed: a root without its key would be good for nothing. */
static bool
write_root(TALLOC_CTX *ctx, const struct conf *conf, const struct cli_ca *o, const struct ca_made *made, struct err *err)
{
	const char *path = root_key_place(ctx, conf, o), *pem = mem_printf(ctx, "%s%s", made->root_cert_pem, made->root_key_pem);
	bool ok;

	if (!cli_outside(path, conf->server_data, "the root's key", "--root-key", err))
		return false;
	if (access(path, F_OK) == 0)
		return err_set(err, ERR_CONFLICT, "%s is there already; --root-key FILE names another place", path);
	ok = file_write(path, 0600, (struct bytes){ pem, strlen(pem) }, err);
	OPENSSL_cleanse((void *)(uintptr_t)pem, strlen(pem));
	return ok;
}

static void
say(const struct ca_made *made)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	char day[11];

	for (size_t i = 0; i < made->n; i++) {
		X509 *cert SCOPED(x509) = NULL;
		struct err none;

		if (made->rows[i]->role == ROLE_OF_CA && authority_read_cert(made->rows[i], NULL, &cert, &none))
			printf("device CA  %s, until %s\n", subject_write(ctx, X509_get_subject_name(cert)),
			       clock_day(made->rows[i]->not_after, day));
	}
}

static bool
keep(TALLOC_CTX *ctx, const struct conf *conf, struct db *db, const struct cli_ca *o, const char *act,
     const struct ca_make_wish *wish, const struct ca_made *made, struct err *err)
{
	bool root = made->root_key_pem;

	if (root && !write_root(ctx, conf, o, made, err))
		return false;
	if (!ca_make_keep(db, "cli", act, wish, made, err)) {
		if (root)
			unlink(root_key_place(ctx, conf, o));
		return false;
	}
	say(made);
	if (root) {
		printf("root key   %s\n", root_key_place(ctx, conf, o));
		fprintf(stderr, "pomona: take %s offline now, to two places that are safe, and delete it here; "
			"`pomona ca renew --root-key FILE` needs it again\n", root_key_place(ctx, conf, o));
	}
	return true;
}

static bool
read_pem(TALLOC_CTX *ctx, const char *path, struct bytes *ret, struct err *err)
{
	*ret = (struct bytes){ 0 };
	return !path || file_read(ctx, path, PEM_MAX, ret, err);
}

static bool
brought(TALLOC_CTX *ctx, const struct sealer *sealer, const struct ca_make_wish *wish, const struct cli_ca *o,
	struct ca_made *made, struct err *err)
{
	struct bytes cert, key, chain;
	bool ok;

	if (!read_pem(ctx, o->cert, &cert, err) || !read_pem(ctx, o->chain, &chain, err) ||
	    !read_pem(ctx, o->key, &key, err))
		return false;
	ok = ca_make_brought(ctx, sealer, wish, cert, key, chain, made, err);
	OPENSSL_cleanse((void *)(uintptr_t)key.p, key.len);
	return ok;
}

bool
cli_ca_make(const struct conf *conf, struct db *db, const struct cli_ca *o, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct ca_make_wish wish = { .name = name_of(ctx, conf), .base_url = conf->server_base_url };
	const struct bytes none = { 0 };
	struct sealer *sealer;
	struct ca_made made;

	if (!cli_sealer(ctx, conf, &sealer, err) || !ca_make_look(db, &wish, err))
		return false;
	if (wish.before)
		return err_set(err, ERR_CONFLICT, "there is a certificate authority; `pomona ca renew` makes its successor");
	return (o->cert ? brought(ctx, sealer, &wish, o, &made, err) :
		o->root ? ca_make_under_root(ctx, sealer, &wish, none, none, &made, err) :
			  ca_make_single(ctx, sealer, &wish, &made, err)) &&
	       keep(ctx, conf, db, o, "ca.make", &wish, &made, err);
}

/* As the one in use was made, unless something else is said. */
static bool
successor(TALLOC_CTX *ctx, const struct sealer *sealer, struct db *db, const struct ca_make_wish *wish,
	  const struct cli_ca *o, struct ca_made *made, struct err *err)
{
	struct bytes above, key;

	if (o->cert)
		return brought(ctx, sealer, wish, o, made, err);
	if (o->root)
		return ca_make_under_root(ctx, sealer, wish, (struct bytes){ 0 }, (struct bytes){ 0 }, made, err);
	if (!ca_make_above(ctx, db, &above, err))
		return false;
	if (!above.len)
		return ca_make_single(ctx, sealer, wish, made, err);
	if (!o->root_key)
		return err_set(err, ERR_INVALID, "the CA stands under another: --root-key FILE is that one's key, --ca-cert and "
			       "--ca-key bring a new CA, --ca-root makes a new root");
	return read_pem(ctx, o->root_key, &key, err) &&
	       ca_make_under_root(ctx, sealer, wish, above, key, made, err);
}

bool
cli_ca_renew(const struct conf *conf, struct db *db, const struct cli_ca *o, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct ca_make_wish wish = { .name = name_of(ctx, conf), .base_url = conf->server_base_url };
	struct sealer *sealer;
	struct ca_made made;

	if (!cli_sealer(ctx, conf, &sealer, err) || !ca_make_look(db, &wish, err))
		return false;
	if (!wish.before)
		return err_set(err, ERR_MISSING, "there is no certificate authority yet; `pomona ca make` makes one");
	if (!successor(ctx, sealer, db, &wish, o, &made, err))
		return false;
	made.staged = o->stage;
	return keep(ctx, conf, db, o, o->stage ? "ca.stage" : "ca.renew", &wish, &made, err);
}
