/* Names, templates, issuing, the four uses of private keys. */
#include "check_authority.h"
#include "core/clock.h"
#include "mdm/ca_key.h"
#include "mdm/subject.h"
#include <openssl/err.h>
#include <pthread.h>
#include <stdlib.h>

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
	struct ca_wish wish = { .key = key, .purpose = purpose, .subject = subject };
	struct certificate *cert;
	struct err err = { 0 };

	assert_ok(ca_issue(ctx, ca, &wish, &cert, &err), &err);
	return cert;
}

static const char *
openssl_text(TALLOC_CTX *ctx, const struct certificate *cert)
{
	X509 *x509 SCOPED(x509) = test_x509(cert);

	return test_cert_text(ctx, x509);
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
	const char *text = openssl_text(*state, cert);

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
	X509 *x509 SCOPED(x509) = test_x509(cert);
	EVP_PKEY *inside = X509_get0_pubkey(x509);
	char sha256[X509_FINGERPRINT_SIZE], spki[X509_FINGERPRINT_SIZE];
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
		struct ca_wish wish = { .key = keys[i], .purpose = CA_MDM, .subject = "CN=x" };
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
	struct certificate *cert = test_issue_and_keep(*state, db, ca, "CN=device 42"), *found;
	struct err err = { 0 };

	assert_ok(certificate_find(*state, db, cert->sha256, &found, &err), &err);
	assert_string_equal(found->serial, cert->serial);
	assert_int_equal(found->der.len, cert->der.len);
	assert_memory_equal(found->der.p, cert->der.p, cert->der.len);
	assert_int_equal(found->revoked, 0);
	assert_false(certificate_find(*state, db, "00", &found, &err));
	assert_int_equal(err.kind, ERR_MISSING);

	assert_false(certificate_revoke_by(db, "cli", cert->sha256, "because", NULL, &err));
	assert_int_equal(err.kind, ERR_INVALID);
	assert_false(certificate_revoke_by(db, "cli", "00", "superseded", NULL, &err));
	assert_int_equal(err.kind, ERR_MISSING);
	assert_ok(certificate_revoke_by(db, "cli", cert->sha256, "superseded", NULL, &err), &err);
	assert_ok(certificate_find(*state, db, cert->sha256, &found, &err), &err);
	assert_true(found->revoked > 0);
	assert_string_equal(found->reason, "superseded");
	assert_false(certificate_revoke_by(db, "cli", cert->sha256, "keyCompromise", NULL, &err));
	assert_int_equal(err.kind, ERR_CONFLICT);
}

/* ---- private keys ---- */

static void
rsa_is_done_with_the_decrypting_key_and_says_nothing_of_padding(void **state)
{
	struct ca *ca = test_ca_under_root(*state, test_db(*state));
	EVP_PKEY_CTX *encrypt = EVP_PKEY_CTX_new(X509_get0_pubkey(ca_decrypter(ca)), NULL);
	unsigned char plain[256] = { 0 }, wrapped[256], out[256];
	size_t len = sizeof wrapped;

	memset(plain + 1, 0x5a, sizeof plain - 1);	/* no padding that there is */
	assert_true(encrypt && EVP_PKEY_encrypt_init(encrypt) == 1 &&
		    EVP_PKEY_CTX_set_rsa_padding(encrypt, RSA_NO_PADDING) == 1 &&
		    EVP_PKEY_encrypt(encrypt, wrapped, &len, plain, sizeof plain) == 1);
	EVP_PKEY_CTX_free(encrypt);
	assert_true(ca_key_rsa(ca, (struct bytes){ wrapped, sizeof wrapped }, out));
	assert_memory_equal(out, plain, sizeof plain);
	memset(wrapped, 0xff, sizeof wrapped);		/* no number below the modulus */
	assert_false(ca_key_rsa(ca, (struct bytes){ wrapped, sizeof wrapped }, out));
	ERR_clear_error();
}

static void
a_message_is_signed_with_the_attributes_that_were_wished(void **state)
{
	struct ca *ca = test_ca_under_root(*state, test_db(*state));
	const struct ca_key_attribute attributes[] = {
		{ "2.16.840.1.113733.1.9.2", V_ASN1_PRINTABLESTRING, { "3", 1 } },
		{ "2.16.840.1.113733.1.9.5", V_ASN1_OCTET_STRING, { "0123456789abcdef", 16 } },
	};
	const struct bytes content = { "the content", 11 };
	struct err err = { 0 };
	struct bytes der;

	assert_ok(ca_key_sign_cms(*state, ca, &content, attributes, 2, &der, &err), &err);
	test_put_file(*state, "signed.der", der.p, der.len);
	assert_says(test_ask_ok(*state, mem_printf(*state, "cd %s && openssl cms -verify -inform DER -in signed.der -CAfile %s -purpose any",
					      test_here(*state), test_ca_file(*state, ca))), "the content");
	assert_says(test_ask_ok(*state, mem_printf(*state, "cd %s && openssl asn1parse -inform DER -in signed.der", test_here(*state))),
		    "2.16.840.1.113733.1.9.2");
	/* without content there is none, and not an empty one */
	assert_ok(ca_key_sign_cms(*state, ca, NULL, attributes, 2, &der, &err), &err);
	test_put_file(*state, "none.der", der.p, der.len);
	assert_null(strstr(test_ask_ok(*state, mem_printf(*state, "cd %s && openssl cms -cmsout -print -inform DER -in none.der",
						     test_here(*state))), "the content"));
	assert_says(test_ask_ok(*state, mem_printf(*state, "cd %s && openssl cms -cmsout -print -inform DER -in none.der",
					      test_here(*state))), "eContent: <ABSENT>");
}

/* ---- threads ---- */

enum { THREADS = 4, EACH = 40 };

struct issuing {
	struct ca *ca;
	TALLOC_CTX *ctx;
	struct certificate *certs[EACH];
	struct err err;
	bool ok;
};

static void *
issue_many(void *arg)
{
	struct issuing *i = arg;
	EVP_PKEY *key = EVP_RSA_gen(2048);
	struct ca_wish wish = { .key = key, .purpose = CA_MDM, .subject = "CN=device,O=Example" };

	i->ok = key;
	for (int n = 0; i->ok && n < EACH; n++)
		i->ok = ca_issue(i->ctx, i->ca, &wish, &i->certs[n], &i->err);
	EVP_PKEY_free(key);
	return NULL;
}

static void
threads_issue_side_by_side_while_the_authority_is_read_again(void **state)
{
	struct ca *ca = test_ca(*state, test_db(*state));
	struct issuing work[THREADS] = { 0 };
	pthread_t threads[THREADS];
	struct err err = { 0 };

	for (int i = 0; i < THREADS; i++) {
		work[i] = (struct issuing){ .ca = ca, .ctx = talloc_new(NULL) };
		assert_int_equal(pthread_create(&threads[i], NULL, issue_many, &work[i]), 0);
	}
	for (int i = 0; i < 20; i++)
		assert_ok(ca_reload(ca, &err), &err);
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		assert_ok(work[i].ok, &work[i].err);
		for (int n = 0; n < EACH; n++) {
			X509 *cert = test_x509(work[i].certs[n]);

			assert_int_equal(test_whose(ca, cert), CA_OURS);
			X509_free(cert);
		}
	}
	for (int i = 0; i < THREADS; i++)
		talloc_free(work[i].ctx);
}

TESTS(a_subject_is_what_was_wished_and_reads_back, the_first_part_of_a_subject_is_the_last_of_the_name,
      what_is_no_subject_is_refused, a_certificate_is_what_its_template_says,
      the_row_says_what_the_certificate_says, keys_that_are_too_small_or_no_rsa_are_refused,
      serials_are_positive_random_and_never_the_same, what_was_kept_is_found_and_revoked_once,
      rsa_is_done_with_the_decrypting_key_and_says_nothing_of_padding,
      a_message_is_signed_with_the_attributes_that_were_wished,
      threads_issue_side_by_side_while_the_authority_is_read_again)
