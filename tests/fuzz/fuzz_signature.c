/*
 * Mdm-Signature: base64, ASN.1, CMS, over a body.
 *
 * '<': an honest signature with bytes of it changed (two of place, one of value, and so on).  'd': what follows
 * is the DER.  Else it is the header as it came.  Only the honest one proves anything, and only for its body.
 */
#include <assert.h>
#include <openssl/cms.h>
#include <openssl/rsa.h>
#include <stdlib.h>
#include <string.h>
#include "core/buf.h"
#include "mdm/proof.h"
#include "tests/fuzz/fuzz.h"

#define BODY "<plist version=\"1.0\"><dict><key>Status</key><string>Idle</string></dict></plist>"

static struct bytes honest;

static void
begin(void)
{
	EVP_PKEY *key = EVP_RSA_gen(2048);
	X509 *cert = X509_new();
	BIO *body = BIO_new_mem_buf(BODY, -1);
	unsigned char *der = NULL;
	CMS_ContentInfo *cms;
	int len;

	X509_set_version(cert, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
	X509_gmtime_adj(X509_getm_notBefore(cert), 0);
	X509_gmtime_adj(X509_getm_notAfter(cert), 86400);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC, (const unsigned char *)"device", -1, -1, 0);
	X509_set_issuer_name(cert, X509_get_subject_name(cert));
	X509_set_pubkey(cert, key);
	if (!X509_sign(cert, key, EVP_sha256()) || !(cms = CMS_sign(cert, key, NULL, body, CMS_DETACHED | CMS_BINARY)))
		abort();
	len = i2d_CMS_ContentInfo(cms, &der);
	honest = (struct bytes){ der, (size_t)len };
	CMS_ContentInfo_free(cms);
	BIO_free(body);
	X509_free(cert);
	EVP_PKEY_free(key);
}

static const char *
text_of(TALLOC_CTX *ctx, struct bytes der)
{
	struct buf text;

	buf_init(&text, ctx, 1 << 22);
	buf_base64(&text, der.p, der.len);
	return buf_str(&text);
}

static const char *
header_of(TALLOC_CTX *ctx, const uint8_t *p, size_t len)
{
	unsigned char *der;

	if (len && *p == 'd')
		return text_of(ctx, (struct bytes){ p + 1, len - 1 });
	if (!len || *p != '<')
		return mem_textn(ctx, (const char *)p, len);
	der = mem_copy(ctx, honest.p, honest.len);
	for (p++, len--; len >= 3; p += 3, len -= 3)
		der[(size_t)(p[0] << 8 | p[1]) % honest.len] = p[2];
	return text_of(ctx, (struct bytes){ der, honest.len });
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	TALLOC_CTX *ctx = talloc_new(NULL);
	const struct bytes body = { BODY, strlen(BODY) };
	const char *header;
	struct err err = { 0 };
	struct proof proof;

	if (!honest.p)
		begin();
	header = header_of(ctx, p, len);
	if (proof_by_signature(ctx, header, body, &proof, &err)) {
		/* Nobody else has its key: whatever was changed, the certificate's key has signed this body. */
		assert(proof.der.len && !proof.live);
		assert(!proof_by_signature(ctx, header, (struct bytes){ BODY, strlen(BODY) - 1 }, &proof, &err));
	}
	assert(err.kind == ERR_NONE || err.kind == ERR_MALFORMED);
	talloc_free(ctx);
	return 0;
}
