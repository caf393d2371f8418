#include "mdm/ca_key.h"
#include "mdm/ca_set.h"
#include <limits.h>
#include <openssl/err.h>
#include <string.h>

#define P384_BITS 384

static const EVP_MD *
digest_of(EVP_PKEY *key)
{
	return EVP_PKEY_is_a(key, "EC") && EVP_PKEY_get_bits(key) >= P384_BITS ? EVP_sha384() : EVP_sha256();
}

bool
ca_key_sign_cert(X509 *cert, EVP_PKEY *key, struct err *err)
{
	return X509_sign(cert, key, digest_of(key)) > 0 || err_openssl(err, ERR_INTERNAL, "sign a certificate");
}

bool
ca_key_sign_crl(X509_CRL *crl, EVP_PKEY *key, struct err *err)
{
	return X509_CRL_sign(crl, key, digest_of(key)) > 0 || err_openssl(err, ERR_INTERNAL, "sign a CRL");
}

static bool
add_attributes(CMS_SignerInfo *signer, const struct ca_key_attribute *attributes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (attributes[i].value.len > INT_MAX ||
		    CMS_signed_add1_attr_by_txt(signer, attributes[i].oid, attributes[i].type, attributes[i].value.p,
						(int)attributes[i].value.len) != 1)
			return false;
	return true;
}

bool
ca_key_sign_cms(TALLOC_CTX *ctx, struct ca *ca, const struct bytes *content, const struct ca_key_attribute *attributes,
		size_t attributes_n, struct bytes *der, struct err *err)
{
	unsigned flags = CMS_PARTIAL | CMS_BINARY | CMS_NOSMIMECAP | (content ? 0 : CMS_DETACHED);
	SCOPED(bio) BIO *in = BIO_new_mem_buf(content && content->len ? content->p : "", content ? (int)content->len : 0);
	SCOPED(cms) CMS_ContentInfo *cms = NULL;
	unsigned char *out = NULL;
	const struct ca_set *set;
	const struct ca_own *own;
	CMS_SignerInfo *signer;
	OSSL_LIB_CTX *lib;
	int len;

	if (!ca_set_ready(ca, &set, err) || !ca_own(set, &own, err) || !cms_thread_lib(&lib, err))
		return false;
	cms = in ? CMS_sign_ex(NULL, NULL, NULL, NULL, flags, lib, NULL) : NULL;
	signer = cms ? CMS_add1_signer(cms, own->signer.cert, own->signer.key, EVP_sha256(), flags) : NULL;
	if (!signer || !add_attributes(signer, attributes, attributes_n) || CMS_final(cms, in, NULL, flags) != 1)
		return err_openssl(err, ERR_INTERNAL, "sign a message");
	len = i2d_CMS_ContentInfo(cms, &out);
	if (len <= 0)
		return err_openssl(err, ERR_INTERNAL, "encode a signed message");
	*der = (struct bytes){ mem_copy(ctx, out, (size_t)len), (size_t)len };
	OPENSSL_free(out);
	return true;
}

static bool
bad_envelope(struct err *err)
{
	ERR_clear_error();
	return err_code(err, ERR_INVALID, "bad_envelope", "the envelope cannot be opened");
}

static bool
addressed_to(CMS_ContentInfo *envelope, X509 *cert)
{
	STACK_OF(CMS_RecipientInfo) *list = CMS_get0_RecipientInfos(envelope);
	CMS_RecipientInfo *one = list ? sk_CMS_RecipientInfo_value(list, 0) : NULL;

	return one && sk_CMS_RecipientInfo_num(list) == 1 && CMS_RecipientInfo_type(one) == CMS_RECIPINFO_TRANS &&
	       CMS_RecipientInfo_ktri_cert_cmp(one, cert) == 0;
}

/* Without a certificate OpenSSL goes on with a random key when the padding is wrong, and fails only later. */
bool
ca_key_open(TALLOC_CTX *ctx, struct ca *ca, CMS_ContentInfo *envelope, struct bytes *plain, struct err *err)
{
	SCOPED(bio) BIO *out = BIO_new(BIO_s_mem());
	const struct ca_set *set;
	const struct ca_own *own;
	char *p;
	long len;

	if (!ca_set_ready(ca, &set, err) || !ca_own(set, &own, err))
		return false;
	if (OBJ_obj2nid(CMS_get0_type(envelope)) != NID_pkcs7_enveloped || !addressed_to(envelope, own->decrypter.cert) ||
	    !out || CMS_decrypt_set1_pkey(envelope, own->decrypter.key, NULL) != 1 ||
	    CMS_decrypt(envelope, NULL, NULL, NULL, out, CMS_BINARY) != 1)
		return bad_envelope(err);
	len = BIO_get_mem_data(out, &p);
	*plain = (struct bytes){ mem_copy(ctx, len > 0 ? p : "", (size_t)len), (size_t)len };
	OPENSSL_cleanse(p, (size_t)len);
	ERR_clear_error();
	return true;
}
