#include "mdm/ca_key.h"
#include "mdm/ca_set.h"
#include "mdm/scep_envelope.h"
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

bool
ca_key_sign_ocsp(OCSP_BASICRESP *basic, X509 *cert, EVP_PKEY *key, struct err *err)
{
	return OCSP_basic_sign(basic, cert, key, digest_of(key), NULL, OCSP_RESPID_KEY) == 1 ||
	       err_openssl(err, ERR_INTERNAL, "sign an OCSP response");
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
	SCOPED(bio) BIO *in = BIO_new_mem_buf(content && content->len ? content->p : "",
					      content ? (int)content->len : 0);
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

bool
ca_key_rsa(void *ca, struct bytes in, unsigned char *out)
{
	const struct ca_set *set;
	const struct ca_own *own;
	struct err none;

	return ca_set_ready(ca, &set, &none) && ca_own(set, &own, &none) && scep_rsa_key(own->decrypter.key, in, out);
}
