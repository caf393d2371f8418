#include "check_ca.h"
#include "core/clock.h"
#include "core/db.h"
#include "core/file.h"
#include "mdm/ca_key.h"
#include "mdm/public_key.h"
#include "mdm/subject.h"
#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>

static struct db *
test_db(TALLOC_CTX *ctx)
{
	struct err err = { 0 };
	struct db *db;

	assert_ok(db_open(ctx, test_dir(ctx), &db, &err), &err);
	return db;
}

static EVP_PKEY *
rsa_key(unsigned bits)
{
	EVP_PKEY *key = EVP_RSA_gen(bits);

	assert_non_null(key);
	return key;
}

static struct certificate *
issue(TALLOC_CTX *ctx, struct ca *ca, EVP_PKEY *key, enum ca_purpose purpose, const char *subject)
{
	struct ca_wish wish = { key, purpose, subject, NULL };
	struct certificate *cert;
	struct err err = { 0 };

	assert_ok(ca_issue(ctx, ca, &wish, &cert, &err), &err);
	return cert;
}

static X509 *
x509_of(const struct certificate *cert)
{
	struct err err = { 0 };
	X509 *x509;

	assert_ok(x509_read_der(cert->der, &x509, &err), &err);
	return x509;
}

static bool
tx_keep(struct db *tx, void *arg, struct err *err)
{
	return certificate_keep(tx, arg, err);
}

static struct certificate *
issue_and_keep(TALLOC_CTX *ctx, struct db *db, struct ca *ca, EVP_PKEY *key, const char *subject)
{
	struct certificate *cert = issue(ctx, ca, key, CA_MDM, subject);
	struct err err = { 0 };

	assert_ok(db_tx(db, tx_keep, cert, &err), &err);
	return cert;
}

static const char *
put_file(TALLOC_CTX *ctx, const char *name, struct bytes bytes)
{
	const char *path = mem_printf(ctx, "%s/%s", test_dir(ctx), name);
	struct err err = { 0 };

	assert_ok(file_write(path, 0600, bytes, &err), &err);
	return path;
}

/* What another program prints, and whether it was content. */
static char *
ask(TALLOC_CTX *ctx, const char *command, int *status)
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

static char *
openssl_text(TALLOC_CTX *ctx, struct bytes der)
{
	int status;
	char *text = ask(ctx, mem_printf(ctx, "openssl x509 -inform DER -noout -text -in %s",
					 put_file(ctx, "cert.der", der)), &status);

	assert_int_equal(status, 0);
	return text;
}

static void
assert_says(const char *text, const char *words)
{
	if (!strstr(text, words))
		fail_msg("\"%s\" is not in:\n%s", words, text);
}

/* ---- names ---- */

static void
a_subject_is_what_was_wished_and_reads_back(void **state)
{
	static const char *const same[] = {
		"CN=device 42,O=Example", "CN=a", "CN=J\xc3\xbcrgen \\, Sohn,OU=Ger\xc3\xa4te,O=Example GmbH,C=DE",
		"CN=\\#1,O=\\ blank\\ ", "CN=\xe6\x97\xa5\xe6\x9c\xac,DC=example,DC=com", "UID=anna,CN=x",
		"SERIALNUMBER=DNQX1,CN=device", "CN=\\\"q\\\"\\+\\<\\>\\;\\\\", "CN=line\\0Afeed",
	};

	for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
		struct err err = { 0 };
		X509_NAME *name;

		assert_ok(subject_read(same[i], &name, &err), &err);
		assert_string_equal(subject_write(*state, name), same[i]);
		X509_NAME_free(name);
	}
}

static void
the_first_part_of_a_subject_is_the_last_of_the_name(void **state)
{
	struct err err = { 0 };
	X509_NAME *name;

	(void)state;
	assert_ok(subject_read("CN=device 42, O=Example", &name, &err), &err);
	assert_int_equal(X509_NAME_get_index_by_NID(name, NID_organizationName, -1), 0);
	assert_int_equal(X509_NAME_get_index_by_NID(name, NID_commonName, -1), 1);
	X509_NAME_free(name);
}

static void
what_is_no_subject_is_refused(void **state)
{
	static const char *const wrong[] = {
		"", " ", "device", "CN=", "=x", "CN=a,", "CN=a,,O=b", "CN=#0401", "CN=a+O=b", "WHAT=x", "CN=\xff", "CN=a\\",
		"CN=a\\4", "CN=a\\00b", "C=Germany", "CN=a;O=b", "1.2.banana=x",
		"CN=0123456789012345678901234567890123456789012345678901234567890123456789",
	};

	(void)state;
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		struct err err = { 0 };
		X509_NAME *name = NULL;

		if (subject_read(wrong[i], &name, &err))
			fail_msg("\"%s\" was read", wrong[i]);
		assert_int_equal(err.kind, ERR_INVALID);
	}
}

/* ---- what is issued ---- */

static void
a_certificate_is_what_its_template_says(void **state)
{
	struct ca *ca = test_ca(*state, test_db(*state));
	EVP_PKEY *key SCOPED(evp_pkey) = rsa_key(2048);
	struct certificate *cert = issue(*state, ca, key, CA_MDM, "CN=device 42,O=Example");
	char *text = openssl_text(*state, cert->der);

	assert_says(text, "Version: 3 (0x2)");
	assert_says(text, "Signature Algorithm: sha256WithRSAEncryption");
	assert_says(text, "Issuer: O = Example, CN = Example device CA\n");
	assert_says(text, "Subject: O = Example, CN = device 42\n");
	assert_says(text, "X509v3 Basic Constraints: critical\n                CA:FALSE\n");
	assert_says(text, "X509v3 Key Usage: critical\n                Digital Signature, Key Encipherment\n");
	assert_says(text, "X509v3 Extended Key Usage: \n                TLS Web Client Authentication\n");
	assert_says(text, "X509v3 Subject Key Identifier: ");
	assert_says(text, "X509v3 Authority Key Identifier: ");
	assert_says(text, "URI:" TEST_CA_URL "/crl\n");
	assert_null(strstr(text, "Subject Alternative Name"));
	assert_string_equal(cert->purpose, "mdm");
	assert_string_equal(cert->subject, "CN=device 42,O=Example");
	assert_int_equal(strlen(cert->serial), 40);
	assert_int_equal(cert->not_before, cert->issued - CA_SKEW_S);
	assert_int_equal(cert->not_after, cert->issued + 365 * DAY_S);
}

static void
the_row_says_what_the_certificate_says(void **state)
{
	struct ca *ca = test_ca(*state, test_db(*state));
	EVP_PKEY *key SCOPED(evp_pkey) = rsa_key(2048);
	struct certificate *cert = issue(*state, ca, key, CA_OTA, "CN=passing");
	X509 *x509 SCOPED(x509) = x509_of(cert);
	EVP_PKEY *inside = X509_get0_pubkey(x509);
	char sha256[X509_FINGERPRINT_SIZE], spki[CERTIFICATE_SHA256_SIZE];
	unsigned char *der = NULL;
	time_t ends;
	struct err err = { 0 };
	unsigned char digest[32];
	int len;

	assert_string_equal(cert->sha256, x509_sha256(x509, sha256));
	assert_true(x509_expires(x509, &ends));
	assert_int_equal(cert->not_after, ends);
	assert_int_equal(cert->not_after - cert->issued, DAY_S);
	assert_int_equal(EVP_PKEY_eq(inside, key), 1);
	/* our own bytes of the public key are those of OpenSSL */
	len = i2d_PUBKEY(inside, &der);
	assert_true(len > 0 && EVP_Digest(der, (size_t)len, digest, NULL, EVP_sha256(), NULL));
	OPENSSL_free(der);
	assert_ok(certificate_key_sha256(key, spki, &err), &err);
	for (int i = 0; i < 32; i++)
		assert_int_equal(strtol((char[]){ spki[2 * i], spki[2 * i + 1], '\0' }, NULL, 16), digest[i]);
	assert_string_equal(cert->key_sha256, spki);
}

static void
keys_that_are_too_small_or_no_rsa_are_refused(void **state)
{
	struct ca *ca = test_ca(*state, test_db(*state));
	EVP_PKEY *keys[] = { rsa_key(1024), EVP_EC_gen("P-256"), rsa_key(2047) };

	for (size_t i = 0; i < 3; i++) {
		struct ca_wish wish = { keys[i], CA_MDM, "CN=x", NULL };
		struct certificate *cert = NULL;
		struct err err = { 0 };

		assert_false(ca_issue(*state, ca, &wish, &cert, &err));
		assert_int_equal(err.kind, ERR_INVALID);
		assert_null(cert);
		EVP_PKEY_free(keys[i]);
	}
}

static void
serials_are_positive_random_and_never_the_same(void **state)
{
	enum { N = 200 };
	struct ca *ca = test_ca(*state, test_db(*state));
	EVP_PKEY *key SCOPED(evp_pkey) = rsa_key(2048);
	const char *serials[N];

	for (int i = 0; i < N; i++) {
		serials[i] = issue(*state, ca, key, CA_MDM, "CN=x")->serial;
		assert_int_equal(strlen(serials[i]), 40);
		assert_true(serials[i][0] >= '4' && serials[i][0] <= '7');
		for (int k = 0; k < i; k++)
			assert_string_not_equal(serials[i], serials[k]);
	}
}

static void
what_was_kept_is_found_and_revoked_once(void **state)
{
	struct db *db = test_db(*state);
	struct ca *ca = test_ca(*state, db);
	EVP_PKEY *key SCOPED(evp_pkey) = rsa_key(2048);
	struct certificate *cert = issue_and_keep(*state, db, ca, key, "CN=device 42"), *found;
	struct err err = { 0 };

	assert_ok(certificate_find(*state, db, cert->sha256, &found, &err), &err);
	assert_string_equal(found->serial, cert->serial);
	assert_int_equal(found->der.len, cert->der.len);
	assert_memory_equal(found->der.p, cert->der.p, cert->der.len);
	assert_int_equal(found->revoked, 0);
	assert_false(certificate_find(*state, db, "00", &found, &err));
	assert_int_equal(err.kind, ERR_MISSING);

	assert_false(certificate_revoke_by(db, "cli", cert->sha256, "because", &err));
	assert_int_equal(err.kind, ERR_INVALID);
	assert_false(certificate_revoke_by(db, "cli", "00", "superseded", &err));
	assert_int_equal(err.kind, ERR_MISSING);
	assert_ok(certificate_revoke_by(db, "cli", cert->sha256, "superseded", &err), &err);
	assert_ok(certificate_find(*state, db, cert->sha256, &found, &err), &err);
	assert_true(found->revoked > 0);
	assert_string_equal(found->reason, "superseded");
	assert_false(certificate_revoke_by(db, "cli", cert->sha256, "keyCompromise", &err));
	assert_int_equal(err.kind, ERR_CONFLICT);
}

TESTS(a_subject_is_what_was_wished_and_reads_back, the_first_part_of_a_subject_is_the_last_of_the_name,
      what_is_no_subject_is_refused, a_certificate_is_what_its_template_says, the_row_says_what_the_certificate_says,
      keys_that_are_too_small_or_no_rsa_are_refused, serials_are_positive_random_and_never_the_same,
      what_was_kept_is_found_and_revoked_once)
