#include "check_authority.h"
#include "core/clock.h"
#include "core/file.h"
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

static char *dir_of_test;

static int
forget_dir(char *dir)
{
	(void)dir;
	dir_of_test = NULL;
	return 0;
}

/* The directory of this test. */
const char *
test_here(TALLOC_CTX *ctx)
{
	if (!dir_of_test) {
		dir_of_test = mem_text(ctx, test_dir(ctx));
		talloc_set_destructor(dir_of_test, forget_dir);
	}
	return dir_of_test;
}

struct db *
test_db_at(TALLOC_CTX *ctx, const char *name)
{
	const char *dir = mem_printf(ctx, "%s/%s", test_here(ctx), name);
	struct err err = { 0 };
	struct db *db;

	assert_int_equal(mkdir(dir, 0700), 0);
	assert_ok(db_open(ctx, dir, &db, &err), &err);
	return db;
}

struct db *
test_db(TALLOC_CTX *ctx)
{
	return test_db_at(ctx, "data");
}

void
test_clock(TALLOC_CTX *ctx, time_t at)
{
	const char *path = mem_printf(ctx, "%s/clock", test_here(ctx));
	char text[CLOCK_ISO_SIZE];
	struct err err;

	clock_iso(at, text);
	assert_ok(file_write(path, 0600, (struct bytes){ text, strlen(text) }, &err), &err);
	clock_follow(path);
}

EVP_PKEY *
test_rsa_key(void)
{
	static EVP_PKEY *key;	/* lives as long as the program does */

	if (!key)
		key = EVP_RSA_gen(2048);
	assert_non_null(key);
	return key;
}

struct certificate *
test_issue(TALLOC_CTX *ctx, struct ca *ca, const char *subject)
{
	struct ca_wish wish = { .key = test_rsa_key(), .purpose = CA_MDM, .subject = subject };
	struct certificate *cert;
	struct err err = { 0 };

	assert_ok(ca_issue(ctx, ca, &wish, &cert, &err), &err);
	return cert;
}

static bool
tx_keep(struct db *tx, void *arg, struct err *err)
{
	return certificate_keep(tx, arg, err);
}

struct certificate *
test_issue_and_keep(TALLOC_CTX *ctx, struct db *db, struct ca *ca, const char *subject)
{
	struct certificate *cert = test_issue(ctx, ca, subject);
	struct err err = { 0 };

	assert_ok(db_tx(db, tx_keep, cert, &err), &err);
	return cert;
}

const char *
test_put_file(TALLOC_CTX *ctx, const char *name, const void *p, size_t len)
{
	const char *path = mem_printf(ctx, "%s/%s", test_here(ctx), name);
	struct err err = { 0 };

	assert_ok(file_write(path, 0600, (struct bytes){ p, len }, &err), &err);
	return path;
}

/* What another program prints, and whether it was content. */
char *
test_ask(TALLOC_CTX *ctx, const char *command, int *status)
{
	FILE *pipe = popen(mem_printf(ctx, "( %s ) 2>&1", command), "r");
	char *text = mem_size(ctx, 65536);
	size_t n;

	assert_non_null(pipe);
	n = fread(text, 1, 65535, pipe);
	text[n] = '\0';
	*status = pclose(pipe);
	return text;
}

char *
test_ask_ok(TALLOC_CTX *ctx, const char *command)
{
	int status;
	char *text = test_ask(ctx, command, &status);

	if (status)
		fail_msg("%s: %s", command, text);
	return text;
}

void
assert_says(const char *text, const char *words)
{
	if (!strstr(text, words))
		fail_msg("\"%s\" is not in:\n%s", words, text);
}

const char *
test_cert_text(TALLOC_CTX *ctx, X509 *cert)
{
	unsigned char *der = NULL;
	int len = i2d_X509(cert, &der);
	const char *path = test_put_file(ctx, "x.der", der, (size_t)len);

	OPENSSL_free(der);
	return test_ask_ok(ctx, mem_printf(ctx, "openssl x509 -inform DER -noout -text -in %s", path));
}

/* The CRL as the world gets it, as a PEM file. */
const char *
test_crl_file(TALLOC_CTX *ctx, struct ca *ca, const char *key_id, const char *name)
{
	struct err err = { 0 };
	struct bytes der;
	const char *path, *pem = mem_printf(ctx, "%s/%s", test_here(ctx), name);

	assert_ok(ca_crl(ctx, ca, key_id, &der, &err), &err);
	path = test_put_file(ctx, "crl.der", der.p, der.len);
	test_ask_ok(ctx, mem_printf(ctx, "openssl crl -inform DER -in %s -out %s", path, pem));
	return pem;
}

const char *
test_cert_file(TALLOC_CTX *ctx, const struct certificate *cert, const char *name)
{
	const char *der = test_put_file(ctx, "cert.der", cert->der.p, cert->der.len);
	const char *pem = mem_printf(ctx, "%s/%s", test_here(ctx), name);

	test_ask_ok(ctx, mem_printf(ctx, "openssl x509 -inform DER -in %s -out %s", der, pem));
	return pem;
}

const char *
test_ca_file(TALLOC_CTX *ctx, struct ca *ca)
{
	struct err err = { 0 };
	char *pem;

	assert_ok(ca_pem(ctx, ca, &pem, &err), &err);
	return test_put_file(ctx, "ca.pem", pem, strlen(pem));
}

X509 *
test_x509(const struct certificate *cert)
{
	struct err err = { 0 };
	X509 *x509;

	assert_ok(x509_read_der(cert->der, &x509, &err), &err);
	return x509;
}

enum ca_whose
test_whose(struct ca *ca, X509 *cert)
{
	struct err err = { 0 };
	enum ca_whose ret;

	assert_ok(ca_whose(ca, cert, &ret, &err), &err);
	return ret;
}
