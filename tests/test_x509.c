/* Certificates: made, read back, and refused with words; the shape of ASN.1 from strangers. */
#include "tests/check.h"
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include "core/asn1.h"
#include "core/clock.h"
#include "core/x509.h"

#define DAY_S 86400

static struct bytes
text_bytes(const char *text)
{
	return (struct bytes){ text, strlen(text) };
}

static void
a_made_certificate_holds_for_its_names_alone(void **state)
{
	struct x509_made ca, made;
	struct err err = { 0 };
	SCOPED(x509_stack) STACK_OF(X509) *cas = NULL, *certs = NULL;
	SCOPED(x509_store) X509_STORE *store = X509_STORE_new();
	X509_STORE_CTX *check = X509_STORE_CTX_new();
	time_t expires = 0;
	X509 *cert;

	assert_ok(x509_make(*state, "Example CA", NULL, 3650, NULL, &ca, &err), &err);
	assert_ok(x509_make(*state, "pomona.example.com",
			    "pomona.example.com *.apps.example.com 192.0.2.7 2001:db8::7", 397, &ca, &made, &err),
		  &err);
	assert_ok(x509_read_pem(text_bytes(ca.cert_pem), &cas, &err), &err);
	assert_ok(x509_read_pem(text_bytes(made.cert_pem), &certs, &err), &err);
	cert = sk_X509_value(certs, 0);

	assert_int_equal(X509_check_host(cert, "pomona.example.com", 0, 0, NULL), 1);
	assert_int_equal(X509_check_host(cert, "a.apps.example.com", 0, 0, NULL), 1);
	assert_int_equal(X509_check_host(cert, "www.example.com", 0, 0, NULL), 0);
	assert_int_equal(X509_check_ip_asc(cert, "192.0.2.7", 0), 1);
	assert_int_equal(X509_check_ip_asc(cert, "2001:db8::7", 0), 1);
	assert_int_equal(X509_check_ip_asc(cert, "192.0.2.8", 0), 0);
	assert_int_equal(X509_check_ca(cert), 0);
	assert_int_equal(X509_check_ca(sk_X509_value(cas, 0)), 1);

	X509_STORE_add_cert(store, sk_X509_value(cas, 0));
	X509_STORE_set_purpose(store, X509_PURPOSE_SSL_SERVER);
	X509_STORE_set_flags(store, X509_V_FLAG_X509_STRICT);
	X509_STORE_CTX_init(check, store, cert, NULL);
	if (X509_verify_cert(check) != 1)
		fail_msg("%s", X509_verify_cert_error_string(X509_STORE_CTX_get_error(check)));
	X509_STORE_CTX_free(check);

	assert_true(x509_expires(cert, &expires));
	assert_true(labs((long)(expires - clock_now() - 397 * DAY_S)) < 60);
	assert_string_equal(x509_subject_cn(*state, cert), "pomona.example.com");
}

static void
names_that_are_none_are_refused(void **state)
{
	struct x509_made made;
	struct err err = { 0 };
	char *endless = mem_size(*state, 400);

	memset(endless, 'a', 399);
	endless[399] = '\0';
	assert_false(x509_make(*state, "x", endless, 1, NULL, &made, &err));
	assert_int_equal(err.kind, ERR_INVALID);
	assert_ok(x509_make(*state, "x", "", 1, NULL, &made, &err), &err);
}

static void
pem_is_read_whole_or_not_at_all(void **state)
{
	STACK_OF(X509) *certs = NULL;
	struct x509_made a, b;
	struct err err = { 0 };
	char *both;

	assert_ok(x509_make(*state, "a", NULL, 1, NULL, &a, &err), &err);
	assert_ok(x509_make(*state, "b", NULL, 1, NULL, &b, &err), &err);
	both = mem_printf(*state, "# a comment\n%s\n%s\n", a.cert_pem, b.cert_pem);
	assert_ok(x509_read_pem(text_bytes(both), &certs, &err), &err);
	assert_int_equal(sk_X509_num(certs), 2);
	scoped_x509_stack(&certs);
	certs = NULL;

	both[strlen(both) - 200] = '!';
	assert_false(x509_read_pem(text_bytes(both), &certs, &err));
	assert_int_equal(err.kind, ERR_INVALID);
	assert_null(certs);
	assert_false(x509_read_pem(text_bytes("no certificate"), &certs, &err));
	assert_false(x509_read_pem((struct bytes){ NULL, 0 }, &certs, &err));
	assert_int_equal(ERR_peek_error(), 0);	/* nothing left for whoever comes next */
}

static void
der_is_read_and_has_its_fingerprints(void **state)
{
	SCOPED(x509_stack) STACK_OF(X509) *certs = NULL;
	SCOPED(x509) X509 *again = NULL;
	char sha1[X509_FINGERPRINT_SIZE], sha256[X509_FINGERPRINT_SIZE];
	unsigned char *der = NULL;
	struct err err = { 0 };
	int len;

	assert_ok(x509_read_pem(test_data(*state, "provisions/root.pem"), &certs, &err), &err);
	len = i2d_X509(sk_X509_value(certs, 0), &der);
	assert_ok(x509_read_der((struct bytes){ der, (size_t)len }, &again, &err), &err);
	assert_int_equal(strlen(x509_sha1(again, sha1)), 40);
	assert_int_equal(strlen(x509_sha256(again, sha256)), 64);
	assert_string_equal(x509_sha256(sk_X509_value(certs, 0), sha1), sha256);
	assert_string_equal(x509_subject_cn(*state, again), "Example Root Authority");
	for (int i = 0; i < len; i++) {
		X509 *none = NULL;

		assert_false(x509_read_der((struct bytes){ der, (size_t)i }, &none, &err));
	}
	OPENSSL_free(der);
}

static void
asn1_is_judged_by_its_shape(void **state)
{
	static const struct {
		const char *text;
		size_t size;
		bool good;
	} cases[] = {
		{ "\x05\x00", 2, true },
		{ "\x30\x03\x02\x01\x07", 5, true },
		{ "\x30\x03\x02\x01\x07tail", 9, true },
		{ "\x30\x80\x02\x01\x07\x00\x00", 7, true },
		{ "\x30\x80\x24\x80\x04\x01x\x00\x00\x00\x00", 11, true },
		{ "\x1f\x81\x01\x00", 4, true },
		{ "\x30\x03\x02\x02\x07", 5, false },		/* longer than its parent */
		{ "\x30\x84\xff\xff\xff\xff", 6, false },
		{ "\x30\x89\1\1\1\1\1\1\1\1\1", 11, false },	/* nine bytes of length */
		{ "\x30\x80\x02\x01\x07", 5, false },		/* without its end */
		{ "\x30\x05\x24\x80\x04\x01x\x00\x00", 9, false },	/* its end lies outside */
		{ "\x04\x80\x00\x00", 4, false },		/* a plain value of no length */
		{ "\x1f\x81\x81\x81\x81\x81\x81\x00", 8, false },
		{ "\x30", 1, false },
		{ "", 0, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct err err = { 0 };
		size_t len;

		if (asn1_gate((struct bytes){ cases[i].text, cases[i].size }, &len, &err) != cases[i].good)
			fail_msg("case %zu: %s", i, err.cause);
	}
}

static void
asn1_ends_at_its_limits(void **state)
{
	static const struct {
		int depth;
		bool good;
	} cases[] = { { ASN1_DEPTH_MAX, true }, { ASN1_DEPTH_MAX + 1, false }, { 100000, false } };
	unsigned char *many = mem_size(*state, 2 * ASN1_ELEMENTS_MAX + 6);
	struct err err = { 0 };
	size_t len;

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		size_t size = 4 * (size_t)cases[i].depth;
		unsigned char *nested = mem_size(*state, size);

		memset(nested, 0, size);
		for (int k = 0; k < cases[i].depth; k++)
			memcpy(nested + 2 * k, "\x30\x80", 2);
		assert_int_equal(asn1_gate((struct bytes){ nested, size }, &len, &err), cases[i].good);
	}
	memcpy(many, "\x30\x82\x9c\x40", 4);	/* 40,000 bytes: all the elements there may be, and itself */
	for (size_t i = 0; i < ASN1_ELEMENTS_MAX; i++)
		memcpy(many + 4 + 2 * i, "\x05\x00", 2);
	assert_false(asn1_gate((struct bytes){ many, 2 * ASN1_ELEMENTS_MAX + 4 }, &len, &err));
	many[3] -= 2;
	assert_true(asn1_gate((struct bytes){ many, 2 * ASN1_ELEMENTS_MAX + 2 }, &len, &err));
	assert_int_equal(len, 2 * ASN1_ELEMENTS_MAX + 2);
}

static void
asn1_is_walked_one_by_one(void **state)
{
	static const unsigned char bytes[] = "\x30\x80\x02\x01\x07\x24\x80\x04\x01x\x00\x00\x05\x00\x00\x00";
	struct bytes rest = { bytes, sizeof bytes - 1 };
	struct asn1 outer, inner;

	(void)state;
	assert_true(asn1_next(&rest, &outer));
	assert_int_equal(outer.content.len, 12);
	assert_false(asn1_next(&rest, &inner));
	assert_true(asn1_next(&outer.content, &inner) && inner.tag == ASN1_TAG_INTEGER);
	assert_true(asn1_next(&outer.content, &inner) && inner.tag == 0x24);
	assert_int_equal(inner.content.len, 3);
	assert_true(asn1_next(&outer.content, &inner) && inner.tag == 0x05);
	assert_false(asn1_next(&outer.content, &inner));
}

TESTS(a_made_certificate_holds_for_its_names_alone, names_that_are_none_are_refused,
      pem_is_read_whole_or_not_at_all, der_is_read_and_has_its_fingerprints, asn1_is_judged_by_its_shape, asn1_ends_at_its_limits,
      asn1_is_walked_one_by_one)
