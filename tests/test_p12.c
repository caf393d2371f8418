/* Identities for phones: what openssl says of the file, and that it holds what went in. */
#include "tests/check.h"
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include "mdm/p12.h"
#include "tests/check_authority.h"

#define PASSWORD "pässword 7"

static struct bytes
bytes_of(const char *text)
{
	return (struct bytes){ text, strlen(text) };
}

static struct bytes
der_of(TALLOC_CTX *ctx, const char *pem)
{
	STACK_OF(X509) *certs SCOPED(x509_stack) = NULL;
	unsigned char *der = NULL;
	struct err err;
	int len;

	assert_ok(x509_read_pem(bytes_of(pem), &certs, &err), &err);
	len = i2d_X509(sk_X509_value(certs, 0), &der);
	assert_true(len > 0);
	return (struct bytes){ mem_copy(ctx, der, (size_t)len), (OPENSSL_free(der), (size_t)len) };
}

/* The same of PEM and DER: the key as PEM, the certificate as DER, those above it as PEM (may be empty). */
static bool
packed(TALLOC_CTX *ctx, struct bytes cert_der, struct bytes key_pem, struct bytes above_pem, const char *password,
       struct bytes *ret, struct err *err)
{
	BIO *bio SCOPED(bio) = BIO_new_mem_buf(key_pem.p, (int)key_pem.len);
	EVP_PKEY *key SCOPED(evp_pkey) = PEM_read_bio_PrivateKey(bio, NULL, NULL, (void *)"");
	STACK_OF(X509) *above SCOPED(x509_stack) = NULL;
	X509 *cert SCOPED(x509) = NULL;

	assert_non_null(key);
	assert_ok(x509_read_der(cert_der, &cert, err), err);
	if (above_pem.len)
		assert_ok(x509_read_pem(above_pem, &above, err), err);
	return p12_for_device(ctx, cert, key, above, "J. Q. Smith", password, ret, err);
}

static struct bytes
make(TALLOC_CTX *ctx, struct x509_made *ca, struct x509_made *leaf)
{
	struct bytes p12;
	struct err err;

	assert_ok(x509_make(ctx, "Example CA", NULL, 30, NULL, ca, &err), &err);
	assert_ok(x509_make(ctx, "j.q", "j.q", 30, ca, leaf, &err), &err);
	assert_ok(packed(ctx, der_of(ctx, leaf->cert_pem), bytes_of(leaf->key_pem), bytes_of(ca->cert_pem), PASSWORD, &p12, &err), &err);
	return p12;
}

static void
key_certificate_and_those_above_it_come_out_again(void **state)
{
	STACK_OF(X509) *above SCOPED(x509_stack) = NULL;
	X509 *cert SCOPED(x509) = NULL;
	EVP_PKEY *key SCOPED(evp_pkey) = NULL;
	struct x509_made ca, leaf;
	struct bytes p12 = make(*state, &ca, &leaf);
	const unsigned char *p = p12.p;
	PKCS12 *box = d2i_PKCS12(NULL, &p, (long)p12.len);

	assert_non_null(box);
	assert_int_equal(PKCS12_parse(box, "another", &key, &cert, &above), 0);
	assert_int_equal(PKCS12_parse(box, PASSWORD, &key, &cert, &above), 1);
	PKCS12_free(box);
	assert_string_equal(x509_subject_cn(*state, cert), "j.q");
	assert_int_equal(X509_check_private_key(cert, key), 1);
	assert_int_equal(sk_X509_num(above), 1);
}

static void
older_importers_can_read_it_3des_and_a_mac_with_sha_1(void **state)
{
	struct x509_made ca, leaf;
	struct bytes p12 = make(*state, &ca, &leaf);
	const char *file = mem_printf(*state, "%s/id.p12", test_dir(*state)), *said;
	FILE *out = fopen(file, "we");

	assert_non_null(out);
	assert_int_equal(fwrite(p12.p, 1, p12.len, out), p12.len);
	fclose(out);
	said = test_ask_ok(*state, mem_printf(*state, "openssl pkcs12 -in %s -info -nodes -passin 'pass:" PASSWORD "' 2>&1", file));
	assert_non_null(strstr(said, "MAC: sha1, Iteration 2048"));
	assert_non_null(strstr(said, "Shrouded Keybag: pbeWithSHA1And3-KeyTripleDES-CBC, Iteration 2048"));
	assert_non_null(strstr(said, "PKCS7 Encrypted data: pbeWithSHA1And3-KeyTripleDES-CBC, Iteration 2048"));
	assert_non_null(strstr(said, "friendlyName: J. Q. Smith"));
}

static void
what_does_not_fit_is_refused(void **state)
{
	struct x509_made ca, leaf;
	struct bytes p12, cert;
	struct err err;

	make(*state, &ca, &leaf);
	cert = der_of(*state, leaf.cert_pem);
	assert_false(packed(*state, cert, bytes_of(ca.key_pem), bytes_of(""), PASSWORD, &p12, &err));
	assert_non_null(strstr(err.cause, "do not belong together"));
	assert_false(packed(*state, cert, bytes_of(leaf.key_pem), bytes_of(""), "", &p12, &err));
	assert_non_null(strstr(err.cause, "password"));
}

TESTS(key_certificate_and_those_above_it_come_out_again, older_importers_can_read_it_3des_and_a_mac_with_sha_1,
      what_does_not_fit_is_refused)
