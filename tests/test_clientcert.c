/* A device's certificate as proxies pass it on: both forms, and nothing that merely looks like one. */
#include "tests/check.h"
#include "core/buf.h"
#include "core/x509.h"
#include "web/clientcert.h"

struct forms {
	const char *field, *pem, *plain;	/* RFC 9440, escaped PEM, PEM as it is */
	struct bytes der;
};

static struct forms
forms(TALLOC_CTX *ctx)
{
	STACK_OF(X509) *certs SCOPED(x509_stack) = NULL;
	struct x509_made made;
	struct forms f = { 0 };
	unsigned char *der = NULL;
	struct err err;
	struct buf field, pem;
	int len;

	assert_ok(x509_make(ctx, "a device", "", 1, NULL, &made, &err), &err);
	assert_ok(x509_read_pem((struct bytes){ made.cert_pem, strlen(made.cert_pem) }, &certs, &err), &err);
	len = i2d_X509(sk_X509_value(certs, 0), &der);
	assert_true(len > 0);
	f.der = (struct bytes){ mem_copy(ctx, der, (size_t)len), (size_t)len };
	OPENSSL_free(der);
	buf_init(&field, ctx, 10000);
	buf_text(&field, ":");
	buf_base64(&field, f.der.p, f.der.len);
	buf_text(&field, ":");
	buf_init(&pem, ctx, 20000);
	buf_url(&pem, made.cert_pem, strlen(made.cert_pem));
	f.field = buf_str(&field);
	f.pem = buf_str(&pem);
	f.plain = made.cert_pem;
	return f;
}

static void
both_forms_give_the_same_certificate(void **state)
{
	struct forms f = forms(*state);
	const char *const texts[] = { f.field, f.pem, f.plain };
	char sha256[65] = "";

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		struct client_cert cert = { 0 };
		struct err err;

		assert_ok(clientcert_read(*state, texts[i], &cert, &err), &err);
		assert_int_equal(cert.der.len, f.der.len);
		assert_memory_equal(cert.der.p, f.der.p, f.der.len);
		assert_int_equal(strlen(cert.sha256), 64);
		if (i)
			assert_string_equal(cert.sha256, sha256);
		memcpy(sha256, cert.sha256, sizeof sha256);
	}
}

static void
what_merely_looks_like_a_certificate_is_refused(void **state)
{
	struct forms f = forms(*state);
	const char *const texts[] = {
		"", ":", "::", ":AAAA:", ":AAA:", ": :", "none", "%", "%0", "%00", "-----BEGIN CERTIFICATE-----",
		"-----BEGIN CERTIFICATE----------END CERTIFICATE-----",
		mem_printf(*state, "%s;a=1", f.field), mem_printf(*state, "%s, %s", f.field, f.field),
		mem_printf(*state, "%.*s", (int)strlen(f.field) - 1, f.field),	/* no colon at its end */
		mem_printf(*state, ":%s", f.field), mem_printf(*state, "%s%s", f.plain, f.plain),
		mem_printf(*state, ":%.*s====:", (int)strlen(f.field) - 2, f.field + 1),
		mem_printf(*state, ":%.*sAAAA:", (int)strlen(f.field) - 2, f.field + 1),	/* bytes behind it */
		mem_printf(*state, "%s%%00", f.pem), mem_printf(*state, "%s%%2", f.pem),
	};
	char *long_one = mem_size(*state, CLIENTCERT_TEXT_MAX + 2);
	struct client_cert cert = { 0 };
	struct err err;

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		if (clientcert_read(*state, texts[i], &cert, &err))
			fail_msg("taken for a certificate: %zu: %.60s", i, texts[i]);
		assert_int_equal(err.kind, ERR_MALFORMED);
	}
	memset(long_one, 'A', CLIENTCERT_TEXT_MAX + 1);
	long_one[CLIENTCERT_TEXT_MAX + 1] = '\0';
	assert_false(clientcert_read(*state, long_one, &cert, &err));
	assert_int_equal(cert.der.len, 0);
}

TESTS(both_forms_give_the_same_certificate, what_merely_looks_like_a_certificate_is_refused)
