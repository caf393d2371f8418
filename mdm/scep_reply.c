#include "mdm/scep_reply.h"
#include "core/secret.h"
#include "mdm/ca_key.h"
#include "mdm/cms_thread.h"
#include <openssl/err.h>
#include <string.h>

#define NONCE_SIZE 16

static bool
copy_der(TALLOC_CTX *ctx, CMS_ContentInfo *cms, struct bytes *ret, struct err *err)
{
	unsigned char *der = NULL;
	int len = i2d_CMS_ContentInfo(cms, &der);

	if (len <= 0)
		return err_openssl(err, ERR_INTERNAL, "encode a SCEP reply");
	*ret = (struct bytes){ mem_copy(ctx, der, (size_t)len), (size_t)len };
	OPENSSL_free(der);
	return true;
}

/*
 * SignedData that signs nothing and holds one certificate (RFC 8894 section 3.4), written out: OpenSSL would read
 * the certificate and decode its key, which takes it longer than anything else here but RSA.
 */
static struct bytes
degenerate(TALLOC_CTX *ctx, struct bytes cert)
{
	static const unsigned char id_signed_data[] = { 0x06, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02 };
	static const unsigned char head[] = {	/* version 1, no digests, of data there is none */
		0x02, 1, 1, 0x31, 0, 0x30, 11, 0x06, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x01 };
	static const unsigned char no_signers[] = { 0x31, 0 };
	int certs = ASN1_object_size(1, (int)cert.len, 0);
	int body = (int)sizeof head + certs + (int)sizeof no_signers, sequence = ASN1_object_size(1, body, 0);
	int info = (int)sizeof id_signed_data + ASN1_object_size(1, sequence, 0);
	unsigned char *der = mem_size(ctx, (size_t)ASN1_object_size(1, info, 0)), *p = der;

#define PUT(bytes, len) (memcpy(p, bytes, len), p += (len))
	ASN1_put_object(&p, 1, info, V_ASN1_SEQUENCE, V_ASN1_UNIVERSAL);
	PUT(id_signed_data, sizeof id_signed_data);
	ASN1_put_object(&p, 1, sequence, 0, V_ASN1_CONTEXT_SPECIFIC);
	ASN1_put_object(&p, 1, body, V_ASN1_SEQUENCE, V_ASN1_UNIVERSAL);
	PUT(head, sizeof head);
	ASN1_put_object(&p, 1, (int)cert.len, 0, V_ASN1_CONTEXT_SPECIFIC);
	PUT(cert.p, cert.len);
	PUT(no_signers, sizeof no_signers);
#undef PUT
	return (struct bytes){ der, (size_t)(p - der) };
}

/* What was read with single DES is answered with triple: any client that has the one has the other. */
static const EVP_CIPHER *
cipher_of(const struct scep_message *request)
{
	switch (request->envelope.cipher) {
	case SCEP_AES128:	return EVP_aes_128_cbc();
	case SCEP_AES192:	return EVP_aes_192_cbc();
	case SCEP_AES256:	return EVP_aes_256_cbc();
	default:		return EVP_des_ede3_cbc();
	}
}

static bool
envelope(TALLOC_CTX *ctx, OSSL_LIB_CTX *lib, const struct scep_message *request, struct bytes plain,
	 struct bytes *ret, struct err *err)
{
	SCOPED(bio) BIO *bio = BIO_new_mem_buf(plain.p, (int)plain.len);
	STACK_OF(X509) *to = sk_X509_new_null();
	SCOPED(cms) CMS_ContentInfo *cms = NULL;
	bool ok = bio && to && sk_X509_push(to, request->signer) &&
		  (cms = CMS_encrypt_ex(to, bio, cipher_of(request), CMS_BINARY, lib, NULL));

	sk_X509_free(to);
	return ok ? copy_der(ctx, cms, ret, err) : err_openssl(err, ERR_INTERNAL, "envelope a certificate");
}

bool
scep_reply_write(TALLOC_CTX *ctx, struct ca *ca, const struct scep_message *request, const struct scep_reply *reply,
		 struct bytes *ret, struct err *err)
{
	const char status = (char)('0' + reply->status), fail = (char)('0' + reply->fail);
	unsigned char nonce[NONCE_SIZE];
	const struct ca_key_attribute attributes[] = {
		{ SCEP_MESSAGE_TYPE, V_ASN1_PRINTABLESTRING, { "3", 1 } },
		{ SCEP_PKI_STATUS, V_ASN1_PRINTABLESTRING, { &status, 1 } },
		{ SCEP_TRANSACTION_ID, V_ASN1_PRINTABLESTRING, { request->transaction_id, strlen(request->transaction_id) } },
		{ SCEP_RECIPIENT_NONCE, V_ASN1_OCTET_STRING, request->sender_nonce },
		{ SCEP_SENDER_NONCE, V_ASN1_OCTET_STRING, { nonce, sizeof nonce } },
		{ SCEP_FAIL_INFO, V_ASN1_PRINTABLESTRING, { &fail, 1 } },	/* last: of FAILURE alone */
	};
	size_t n = sizeof attributes / sizeof *attributes - (reply->status != SCEP_FAILURE);
	struct bytes content;
	OSSL_LIB_CTX *lib;

	secret_random(nonce, sizeof nonce);
	if (reply->status != SCEP_SUCCESS)
		return ca_key_sign_cms(ctx, ca, NULL, attributes, n, ret, err);
	return cms_thread_lib(&lib, err) && envelope(ctx, lib, request, degenerate(ctx, reply->certificate), &content, err) &&
	       ca_key_sign_cms(ctx, ca, &content, attributes, n, ret, err);
}
