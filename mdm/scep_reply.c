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

/* SignedData that signs nothing and holds one certificate: RFC 8894 section 3.4. */
static bool
degenerate(TALLOC_CTX *ctx, OSSL_LIB_CTX *lib, struct bytes cert_der, struct bytes *ret, struct err *err)
{
	SCOPED(x509) X509 *cert = X509_new_ex(lib, NULL);
	SCOPED(x509_stack) STACK_OF(X509) *certs = sk_X509_new_null();
	SCOPED(cms) CMS_ContentInfo *cms = NULL;
	const unsigned char *p = cert_der.p;

	if (!cert || !certs || !d2i_X509(&cert, &p, (long)cert_der.len) || !sk_X509_push(certs, cert))
		return err_openssl(err, ERR_INTERNAL, "read the certificate that was issued");
	X509_up_ref(cert);	/* the stack has one of its own */
	cms = CMS_sign_ex(NULL, NULL, certs, NULL, CMS_PARTIAL | CMS_DETACHED | CMS_BINARY, lib, NULL);
	return cms ? copy_der(ctx, cms, ret, err) : err_openssl(err, ERR_INTERNAL, "write a SCEP reply");
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
	struct bytes certs, content;
	OSSL_LIB_CTX *lib;

	secret_random(nonce, sizeof nonce);
	if (reply->status != SCEP_SUCCESS)
		return ca_key_sign_cms(ctx, ca, NULL, attributes, n, ret, err);
	return cms_thread_lib(&lib, err) && degenerate(ctx, lib, reply->certificate, &certs, err) &&
	       envelope(ctx, lib, request, certs, &content, err) &&
	       ca_key_sign_cms(ctx, ca, &content, attributes, n, ret, err);
}
