#include "mdm/cms.h"
#include "core/asn1.h"
#include "mdm/cms_thread.h"
#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>

/* Old iPhones answer with SHA-1, and all of them have certificates signed with it. */
static const int digests[] = { NID_sha1, NID_sha256, NID_sha384, NID_sha512 };
static const int signatures[] = {
	NID_rsaEncryption, NID_sha1WithRSAEncryption, NID_sha256WithRSAEncryption, NID_sha384WithRSAEncryption,
	NID_sha512WithRSAEncryption, NID_ecdsa_with_SHA256, NID_ecdsa_with_SHA384, NID_ecdsa_with_SHA512,
};

static const unsigned char oid_signed_data[] = { 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02 };
static const unsigned char oid_data[] = { 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x01 };

#define TAG_CRLS	0xa1	/* [1] of SignedData */

static bool
malformed(struct err *err, const char *why)
{
	ERR_clear_error();
	return err_code(err, ERR_MALFORMED, "bad_cms", "%s", why);
}

static bool
denied(struct err *err, const char *why)
{
	ERR_clear_error();
	return err_code(err, ERR_DENIED, "bad_signature", "%s", why);
}

/* ---- our own walk ---- */

static bool
is_oid(const struct asn1 *element, const unsigned char *oid, size_t len)
{
	return element->tag == ASN1_TAG_OID && element->content.len == len && memcmp(element->content.p, oid, len) == 0;
}

static size_t
count_elements(struct bytes list)
{
	struct asn1 element;
	size_t n = 0;

	while (asn1_next(&list, &element))
		n++;
	return n;
}

/*
 * ContentInfo { OID, [0] SignedData { version, SET digests, { OID data, [0] content }, [0] certificates,
 * SET signers } }, RFC 5652 sections 3 and 5.1.
 */
static bool
walk_signed_data(struct bytes rest, struct err *err)
{
	struct asn1 version, algorithms, content, type, inner, certs, signers;

	if (!asn1_next(&rest, &version) || version.tag != ASN1_TAG_INTEGER ||
	    !asn1_next(&rest, &algorithms) || algorithms.tag != ASN1_TAG_SET ||
	    !asn1_next(&rest, &content) || content.tag != ASN1_TAG_SEQUENCE)
		return malformed(err, "its SignedData is malformed");
	if (count_elements(algorithms.content) > CMS_DIGESTS_MAX)
		return malformed(err, "it announces too many digests");
	if (!asn1_next(&content.content, &type) || !is_oid(&type, oid_data, sizeof oid_data))
		return malformed(err, "what is signed is no plain data");
	if (!asn1_next(&content.content, &inner) || inner.tag != ASN1_TAG_CONTEXT_0)
		return malformed(err, "it encloses nothing");
	if (!asn1_next(&rest, &certs) || certs.tag != ASN1_TAG_CONTEXT_0)
		return malformed(err, "it has no certificates");
	if (count_elements(certs.content) > CMS_CERTS_MAX)
		return malformed(err, "it has too many certificates");
	if (!asn1_next(&rest, &signers) || (signers.tag == TAG_CRLS && !asn1_next(&rest, &signers)) ||
	    signers.tag != ASN1_TAG_SET || asn1_next(&rest, &inner))
		return malformed(err, "its signers are malformed");
	return count_elements(signers.content) == 1 || malformed(err, "it does not have exactly one signer");
}

static bool
walk(struct bytes der, struct err *err)
{
	struct asn1 outer, type, explicit, signed_data;
	size_t len;

	if (der.len > CMS_BYTES_MAX)
		return err_code(err, ERR_LIMIT, "too_large", "a signed message of %zu bytes", der.len);
	if (!asn1_gate(der, &len, err))
		return malformed(err, "it is no whole ASN.1");
	if (len != der.len || !asn1_next(&der, &outer) || outer.tag != ASN1_TAG_SEQUENCE ||
	    !asn1_next(&outer.content, &type))
		return malformed(err, "it is no CMS message, or something follows it");
	if (!is_oid(&type, oid_signed_data, sizeof oid_signed_data))
		return malformed(err, "it is no signed message");
	if (!asn1_next(&outer.content, &explicit) || explicit.tag != ASN1_TAG_CONTEXT_0 ||
	    !asn1_next(&explicit.content, &signed_data) || signed_data.tag != ASN1_TAG_SEQUENCE)
		return malformed(err, "its SignedData is malformed");
	return walk_signed_data(signed_data.content, err);
}

/* ---- the signer ---- */

static bool
is_of(const X509_ALGOR *algorithm, const int *nids, size_t n)
{
	const ASN1_OBJECT *oid;
	int nid;

	X509_ALGOR_get0(&oid, NULL, NULL, algorithm);
	nid = OBJ_obj2nid(oid);
	for (size_t i = 0; i < n; i++)
		if (nids[i] == nid)
			return true;
	return false;
}

/* A certificate that signs messages, and does not make other certificates. */
static bool
may_sign(X509 *cert)
{
	return X509_check_ca(cert) != 1 && (X509_get_key_usage(cert) & KU_DIGITAL_SIGNATURE);
}

static bool
find_signer(CMS_ContentInfo *cms, X509 **ret, struct err *err)
{
	CMS_SignerInfo *info = sk_CMS_SignerInfo_value(CMS_get0_SignerInfos(cms), 0);
	X509_ALGOR *digest, *signature;
	X509 *cert;

	if (!info || CMS_set1_signers_certs(cms, NULL, 0) != 1)
		return malformed(err, "its signer's certificate is not there");
	CMS_SignerInfo_get0_algs(info, NULL, &cert, &digest, &signature);
	if (!is_of(digest, digests, sizeof digests / sizeof *digests) ||
	    !is_of(signature, signatures, sizeof signatures / sizeof *signatures))
		return denied(err, "it is signed in a way that is not taken here");
	if (!may_sign(cert))
		return denied(err, "its signer's certificate is not for signing");
	*ret = cert;
	return true;
}

static bool
copy_der(TALLOC_CTX *ctx, X509 *cert, struct bytes *ret, struct err *err)
{
	unsigned char *der = NULL;
	int len = i2d_X509(cert, &der);

	if (len <= 0)
		return err_openssl(err, ERR_INTERNAL, "encode a certificate");
	*ret = (struct bytes){ mem_copy(ctx, der, (size_t)len), (size_t)len };
	OPENSSL_free(der);
	return true;
}

/* The first that vouches. */
static bool
find_trust(CMS_ContentInfo *cms, X509 *signer, const struct cms_trust *const *trusts, size_t trusts_n, size_t *ret,
	   struct err *err)
{
	SCOPED(x509_stack) STACK_OF(X509) *certs = CMS_get1_certs(cms);
	bool vouched;

	for (size_t i = 0; i < trusts_n; i++) {
		if (!trusts[i])
			continue;
		if (!cms_trust_vouches(trusts[i], signer, certs, &vouched, err))
			return false;
		if (vouched) {
			*ret = i;
			return true;
		}
	}
	return denied(err, "its signer is nobody we believe");
}

bool
cms_open(TALLOC_CTX *ctx, struct bytes der, const struct cms_trust *const *trusts, size_t trusts_n,
	 struct cms_opened *ret, struct err *err)
{
	SCOPED(cms) CMS_ContentInfo *cms = NULL;
	const unsigned char *p = der.p;
	struct cms_opened opened;
	ASN1_OCTET_STRING **content;
	OSSL_LIB_CTX *lib;
	X509 *signer = NULL;

	if (!walk(der, err) || !cms_thread_lib(&lib, err))
		return false;
	cms = CMS_ContentInfo_new_ex(lib, NULL);
	if (!cms)
		return err_openssl(err, ERR_INTERNAL, "read a signed message");
	if (!d2i_CMS_ContentInfo(&cms, &p, (long)der.len) || OBJ_obj2nid(CMS_get0_type(cms)) != NID_pkcs7_signed ||
	    !(content = CMS_get0_content(cms)) || !*content)
		return malformed(err, "it cannot be read");
	if (!find_signer(cms, &signer, err) ||
	    !find_trust(cms, signer, trusts, trusts_n, &opened.trust, err))
		return false;
	if (CMS_verify(cms, NULL, NULL, NULL, NULL, CMS_NO_SIGNER_CERT_VERIFY | CMS_BINARY) != 1)
		return denied(err, "it was changed after it was signed");
	opened.content.len = (size_t)ASN1_STRING_length(*content);
	opened.content.p = mem_copy(ctx, ASN1_STRING_get0_data(*content), opened.content.len);
	if (!copy_der(ctx, signer, &opened.signer, err))
		return false;
	ERR_clear_error();
	*ret = opened;
	return true;
}

/* ---- sealing ---- */

struct cms_signer {
	X509 *cert;
	EVP_PKEY *key;
	STACK_OF(X509) *above;
};

static int
release_signer(struct cms_signer *signer)
{
	X509_free(signer->cert);
	EVP_PKEY_free(signer->key);
	sk_X509_pop_free(signer->above, X509_free);
	return 0;
}

bool
cms_signer_read(TALLOC_CTX *ctx, struct bytes cert_pem, struct bytes key_pem, struct cms_signer **ret,
		struct err *err)
{
	struct cms_signer *signer = mem_new(ctx, struct cms_signer);
	SCOPED(bio) BIO *bio = BIO_new_mem_buf(key_pem.p ? key_pem.p : "", (int)key_pem.len);
	bool ok = true;

	talloc_set_destructor(signer, release_signer);
	if (!x509_read_pem(cert_pem, &signer->above, err))
		ok = false;
	else if (!(signer->key = bio ? PEM_read_bio_PrivateKey(bio, NULL, NULL, (void *)"") : NULL))
		ok = err_openssl(err, ERR_INVALID, "no private key in PEM form, or one with a password");
	else if (!(signer->cert = sk_X509_shift(signer->above)) || !X509_check_private_key(signer->cert, signer->key))
		ok = err_openssl(err, ERR_INVALID, "certificate and key do not belong together");
	if (!ok) {
		talloc_free(signer);
		return false;
	}
	*ret = signer;
	return true;
}

bool
cms_signer_expires(const struct cms_signer *signer, time_t *ret, struct err *err)
{
	return x509_expires(signer->cert, ret) || err_set(err, ERR_INVALID, "its certificate says no right end");
}

bool
cms_sign(TALLOC_CTX *ctx, const struct cms_signer *signer, struct bytes content, struct bytes *ret,
	 struct err *err)
{
	const unsigned flags = CMS_BINARY | CMS_NOSMIMECAP | CMS_PARTIAL;
	SCOPED(bio) BIO *bio = BIO_new_mem_buf(content.p, (int)content.len);
	SCOPED(cms) CMS_ContentInfo *cms = bio ? CMS_sign(NULL, NULL, signer->above, NULL, flags) : NULL;
	unsigned char *der = NULL;
	int len;

	if (!cms || !CMS_add1_signer(cms, signer->cert, signer->key, EVP_sha256(), flags) ||
	    !CMS_final(cms, bio, NULL, flags) || (len = i2d_CMS_ContentInfo(cms, &der)) <= 0)
		return err_openssl(err, ERR_INTERNAL, "sign");
	*ret = (struct bytes){ mem_copy(ctx, der, (size_t)len), (size_t)len };
	OPENSSL_free(der);
	return true;
}

/* Its certificate and key live in the thread's own library context, as everything that is done often. */
static bool
read_recipient(OSSL_LIB_CTX *lib, struct bytes der, X509 **ret, struct err *err)
{
	SCOPED(x509) X509 *cert = X509_new_ex(lib, NULL);
	const unsigned char *p = der.p;

	if (!cert || !d2i_X509(&cert, &p, (long)der.len))
		return err_openssl(err, ERR_INVALID, "envelope: the recipient's certificate cannot be read");
	if (EVP_PKEY_get_base_id(X509_get0_pubkey(cert)) != EVP_PKEY_RSA)
		return err_set(err, ERR_INVALID, "envelope: the recipient's key is not RSA");
	*ret = cert;
	cert = NULL;
	return true;
}

bool
cms_envelope(TALLOC_CTX *ctx, struct bytes cert_der, struct bytes content, struct bytes *ret, struct err *err)
{
	SCOPED(bio) BIO *bio = BIO_new_mem_buf(content.p, (int)content.len);
	SCOPED(cms) CMS_ContentInfo *cms = NULL;
	SCOPED(x509) X509 *cert = NULL;
	STACK_OF(X509) *to = NULL;
	unsigned char *der = NULL;
	OSSL_LIB_CTX *lib;
	int len = 0;

	if (!cms_thread_lib(&lib, err) || !read_recipient(lib, cert_der, &cert, err))
		return false;
	to = sk_X509_new_null();
	if (bio && to && sk_X509_push(to, cert) > 0)
		cms = CMS_encrypt_ex(to, bio, EVP_aes_256_cbc(), CMS_BINARY, lib, NULL);
	sk_X509_free(to);
	if (!cms || (len = i2d_CMS_ContentInfo(cms, &der)) <= 0)
		return err_openssl(err, ERR_INTERNAL, "envelope");
	*ret = (struct bytes){ mem_copy(ctx, der, (size_t)len), (size_t)len };
	OPENSSL_free(der);
	return true;
}
