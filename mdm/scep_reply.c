#include "mdm/scep_reply.h"
#include "core/secret.h"
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

static bool
add(CMS_SignerInfo *info, const char *oid, int type, const void *p, size_t len)
{
	return CMS_signed_add1_attr_by_txt(info, oid, type, p, (int)len) == 1;
}

static bool
add_attributes(CMS_SignerInfo *info, const struct scep_message *request, const struct scep_reply *reply)
{
	const char status = (char)('0' + reply->status), fail = (char)('0' + reply->fail);
	unsigned char nonce[NONCE_SIZE];

	secret_random(nonce, sizeof nonce);
	return add(info, SCEP_MESSAGE_TYPE, V_ASN1_PRINTABLESTRING, "3", 1) &&
	       add(info, SCEP_PKI_STATUS, V_ASN1_PRINTABLESTRING, &status, 1) &&
	       (reply->status != SCEP_FAILURE || add(info, SCEP_FAIL_INFO, V_ASN1_PRINTABLESTRING, &fail, 1)) &&
	       add(info, SCEP_TRANSACTION_ID, V_ASN1_PRINTABLESTRING, request->transaction_id,
		   strlen(request->transaction_id)) &&
	       add(info, SCEP_RECIPIENT_NONCE, V_ASN1_OCTET_STRING, request->sender_nonce.p,
		   request->sender_nonce.len) &&
	       add(info, SCEP_SENDER_NONCE, V_ASN1_OCTET_STRING, nonce, sizeof nonce);
}

static bool
sign(TALLOC_CTX *ctx, OSSL_LIB_CTX *lib, const struct scep_message *request, const struct scep_reply *reply,
     const struct scep_signer *signer, struct bytes content, struct bytes *ret, struct err *err)
{
	const unsigned flags = CMS_PARTIAL | CMS_BINARY | CMS_NOSMIMECAP | (content.len ? 0 : CMS_DETACHED);
	SCOPED(bio) BIO *bio = BIO_new_mem_buf(content.len ? content.p : "", (int)content.len);
	SCOPED(cms) CMS_ContentInfo *cms = CMS_sign_ex(NULL, NULL, NULL, NULL, flags, lib, NULL);
	CMS_SignerInfo *info = cms ? CMS_add1_signer(cms, signer->cert, signer->key, EVP_sha256(), flags) : NULL;

	if (!bio || !info || !add_attributes(info, request, reply) || CMS_final(cms, bio, NULL, flags) != 1)
		return err_openssl(err, ERR_INTERNAL, "sign a SCEP reply");
	return copy_der(ctx, cms, ret, err);
}

bool
scep_reply_write(TALLOC_CTX *ctx, const struct scep_message *request, const struct scep_reply *reply,
		 const struct scep_signer *signer, struct bytes *ret, struct err *err)
{
	struct bytes certs, content = { 0 };
	OSSL_LIB_CTX *lib;

	if (!cms_thread_lib(&lib, err))
		return false;
	if (reply->status == SCEP_SUCCESS && (!degenerate(ctx, lib, reply->certificate, &certs, err) ||
					      !envelope(ctx, lib, request, certs, &content, err)))
		return false;
	return sign(ctx, lib, request, reply, signer, content, ret, err);
}
