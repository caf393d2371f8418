/* Certificates by a CA that is not ours. */
#include "tests/check_mdm.h"
#include "core/clock.h"
#include <openssl/pem.h>
#include <openssl/x509v3.h>

struct bytes
mdm_foreign(struct mdm *m, const char *cn, struct bytes *ca_pem, int days)
{
	X509 *ca = X509_new(), *cert = X509_new();
	EVP_PKEY *ca_key = EVP_RSA_gen(2048);
	BIO *pem SCOPED(bio) = BIO_new(BIO_s_mem());
	X509V3_CTX v3;
	struct bytes ret;
	unsigned char *der = NULL;
	char *p;
	int len;
	static int serial;
	const char *ca_name = mem_printf(m->ctx, "Another CA %d", ++serial);
	time_t now = clock_now(), from = now - 400 * DAY_S, end = now + days * DAY_S;

	for (int i = 0; i < 2; i++) {
		X509 *x = i ? cert : ca;

		X509_set_version(x, 2);
		ASN1_INTEGER_set(X509_get_serialNumber(x), 7 + i);
		ASN1_TIME_set(X509_getm_notBefore(x), from);
		ASN1_TIME_set(X509_getm_notAfter(x), i ? end : now + 4000 * DAY_S);
		X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC,
					   (const unsigned char *)(i ? cn : ca_name), -1, -1, 0);
		X509_set_issuer_name(x, X509_get_subject_name(ca));
		X509_set_pubkey(x, i ? mdm_key() : ca_key);
		X509V3_set_ctx(&v3, ca, x, NULL, NULL, 0);
		for (int k = 0; k < 2; k++) {
			X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &v3, k ? NID_key_usage : NID_basic_constraints,
				k ? (i ? "critical,digitalSignature,keyEncipherment" : "critical,keyCertSign") :
				    (i ? "critical,CA:FALSE" : "critical,CA:TRUE"));

			X509_add_ext(x, e, -1);
			X509_EXTENSION_free(e);
		}
		if (i) {
			X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &v3, NID_ext_key_usage, "clientAuth");

			X509_add_ext(x, e, -1);
			X509_EXTENSION_free(e);
		}
		assert_true(X509_sign(x, ca_key, EVP_sha256()) > 0);
	}
	PEM_write_bio_X509(pem, ca);
	len = (int)BIO_get_mem_data(pem, &p);
	*ca_pem = (struct bytes){ mem_copy(m->ctx, p, (size_t)len), (size_t)len };
	len = i2d_X509(cert, &der);
	ret = (struct bytes){ mem_copy(m->ctx, der, (size_t)len), (size_t)len };
	OPENSSL_free(der);
	X509_free(ca);
	X509_free(cert);
	EVP_PKEY_free(ca_key);
	return ret;
}
