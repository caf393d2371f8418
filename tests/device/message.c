#include "tests/device/message.h"
#include <openssl/provider.h>
#include <openssl/rsa.h>
#include <pthread.h>
#include <string.h>

static void
free_signers(STACK_OF(X509) *stack)
{
	sk_X509_free(stack);
}

static void
free_certs(STACK_OF(X509) *stack)
{
	sk_X509_pop_free(stack, X509_free);
}

struct bytes
message_der(TALLOC_CTX *ctx, X509 *cert)
{
	unsigned char *der = NULL;
	int len = i2d_X509(cert, &der);
	struct bytes ret;

	if (len <= 0)
		phone_die("write a certificate");
	ret = (struct bytes){ mem_copy(ctx, der, (size_t)len), (size_t)len };
	OPENSSL_free(der);
	return ret;
}

X509 *
message_cert(TALLOC_CTX *ctx, struct bytes der, const char *what)
{
	const unsigned char *p = der.p;
	X509 *cert = hold(ctx, d2i_X509(NULL, &p, (long)der.len), X509_free, mem_printf(ctx, "%s is no certificate", what));

	if (p != (const unsigned char *)der.p + der.len)
		refuse("%s has more behind it", what);
	return cert;
}

static struct bytes
sign(TALLOC_CTX *ctx, X509 *cert, EVP_PKEY *key, struct bytes content, unsigned flags)
{
	BIO *in = hold(ctx, BIO_new_mem_buf(content.p, (int)content.len), BIO_free_all, "no memory");
	BIO *out = hold(ctx, BIO_new(BIO_s_mem()), BIO_free_all, "no memory");
	CMS_ContentInfo *cms = hold(ctx, CMS_sign(NULL, NULL, NULL, NULL, flags | CMS_PARTIAL), CMS_ContentInfo_free,
				    "sign");

	if (!CMS_add1_signer(cms, cert, key, EVP_sha256(), flags | CMS_PARTIAL | CMS_NOSMIMECAP))
		phone_die("sign");
	if (flags & CMS_STREAM ? !i2d_CMS_bio_stream(out, cms, in, (int)flags) :
	    !CMS_final(cms, in, NULL, flags) || !i2d_CMS_bio(out, cms))
		phone_die("write what was signed");
	return hold_bio(ctx, out);
}

struct bytes
message_sign(TALLOC_CTX *ctx, X509 *cert, EVP_PKEY *key, struct bytes content)
{
	return sign(ctx, cert, key, content, CMS_BINARY | CMS_STREAM);
}

struct bytes
message_signature(TALLOC_CTX *ctx, X509 *cert, EVP_PKEY *key, struct bytes content)
{
	return sign(ctx, cert, key, content, CMS_BINARY | CMS_DETACHED);
}

/* `lib`: whose ciphers open it; NULL: the usual ones. */
static CMS_ContentInfo *
read_message(TALLOC_CTX *ctx, OSSL_LIB_CTX *lib, struct bytes der, int type, const char *what)
{
	const unsigned char *p = der.p;
	CMS_ContentInfo *cms = hold(ctx, CMS_ContentInfo_new_ex(lib, NULL), CMS_ContentInfo_free, "no memory");

	if (!d2i_CMS_ContentInfo(&cms, &p, (long)der.len))
		refuse("%s is no CMS message", what);
	if (p != (const unsigned char *)der.p + der.len)
		refuse("%s has %ld bytes more behind it", what,
		       (long)((const unsigned char *)der.p + der.len - p));
	if (OBJ_obj2nid(CMS_get0_type(cms)) != type)
		refuse("%s is %s", what, OBJ_nid2ln(OBJ_obj2nid(CMS_get0_type(cms))));
	return cms;
}

struct bytes
message_open(TALLOC_CTX *ctx, struct bytes der, X509 **signer, STACK_OF(X509) **certs, const char *what)
{
	CMS_ContentInfo *cms = read_message(ctx, NULL, der, NID_pkcs7_signed, what);
	BIO *out = hold(ctx, BIO_new(BIO_s_mem()), BIO_free_all, "no memory");
	STACK_OF(X509) *signers;

	if (CMS_verify(cms, NULL, NULL, NULL, out, CMS_NO_SIGNER_CERT_VERIFY | CMS_BINARY) != 1)
		refuse("%s is not rightly signed", what);
	signers = hold(ctx, CMS_get0_signers(cms), free_signers, "it has no signer");
	if (sk_X509_num(signers) != 1)
		refuse("%s has %d signers", what, sk_X509_num(signers));
	if (signer)
		*signer = sk_X509_value(signers, 0);
	if (certs)
		*certs = hold(ctx, CMS_get1_certs(cms), free_certs, "it brings no certificates");
	return hold_bio(ctx, out);
}

/* The one recipient: by issuer and serial, as a phone looks itself up, and no OAEP. */
static void
judge_recipient(CMS_ContentInfo *cms, X509 *cert, const char *what)
{
	STACK_OF(CMS_RecipientInfo) *infos = CMS_get0_RecipientInfos(cms);
	CMS_RecipientInfo *info = sk_CMS_RecipientInfo_num(infos) == 1 ? sk_CMS_RecipientInfo_value(infos, 0) : NULL;
	X509_ALGOR *algorithm;

	if (!info || CMS_RecipientInfo_type(info) != CMS_RECIPINFO_TRANS)
		refuse("%s is for %d recipients, not for one by RSA", what, sk_CMS_RecipientInfo_num(infos));
	if (CMS_RecipientInfo_ktri_cert_cmp(info, cert) != 0)
		refuse("%s is for somebody else", what);
	if (CMS_RecipientInfo_ktri_get0_algs(info, NULL, NULL, &algorithm) != 1 ||
	    OBJ_obj2nid(algorithm->algorithm) != NID_rsaEncryption)
		refuse("%s is not by RSA PKCS#1 v1.5", what);
}

/* The cipher stands behind the recipients: EncryptedContentInfo, which OpenSSL 3.0 does not show. */
static bool
names_cipher(struct bytes der, int nid)
{
	unsigned char oid[32], *p = oid;
	int len = i2d_ASN1_OBJECT(OBJ_nid2obj(nid), &p);

	return memmem(der.p, der.len, oid, (size_t)len);
}

static struct bytes
decrypt(TALLOC_CTX *ctx, OSSL_LIB_CTX *lib, struct bytes der, X509 *cert, EVP_PKEY *key, const char *what)
{
	CMS_ContentInfo *cms = read_message(ctx, lib, der, NID_pkcs7_enveloped, what);
	BIO *out = hold(ctx, BIO_new(BIO_s_mem()), BIO_free_all, "no memory");

	judge_recipient(cms, cert, what);
	if (CMS_decrypt(cms, key, cert, NULL, out, CMS_BINARY) != 1)
		refuse("%s cannot be decrypted", what);
	return hold_bio(ctx, out);
}

struct bytes
message_decrypt(TALLOC_CTX *ctx, struct bytes der, X509 *cert, EVP_PKEY *key, const char *what)
{
	if (!names_cipher(der, NID_aes_128_cbc) && !names_cipher(der, NID_aes_192_cbc) &&
	    !names_cipher(der, NID_aes_256_cbc) && !names_cipher(der, NID_des_ede3_cbc))
		refuse("%s is encrypted with a cipher that phones do not have", what);
	return decrypt(ctx, NULL, der, cert, key, what);
}

static OSSL_LIB_CTX *old_lib;

static void
make_old_lib(void)
{
	old_lib = OSSL_LIB_CTX_new();
	if (!old_lib || !OSSL_PROVIDER_load(old_lib, "default") || !OSSL_PROVIDER_load(old_lib, "legacy"))
		phone_die("OpenSSL has no legacy provider");
}

struct bytes
message_decrypt_old(TALLOC_CTX *ctx, struct bytes der, X509 *cert, EVP_PKEY *key, const char *what)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, make_old_lib);
	return decrypt(ctx, old_lib, der, cert, key, what);
}
