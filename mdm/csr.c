#include "mdm/csr.h"
#include "core/asn1.h"
#include "core/text.h"
#include "mdm/cms_thread.h"
#include "mdm/public_key.h"
#include "mdm/subject.h"
#include <openssl/err.h>
#include <string.h>

#define TAG_UTF8	0x0c
#define TAG_PRINTABLE	0x13
#define TAG_T61		0x14
#define TAG_IA5		0x16

static const struct bytes oid_challenge = { "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x07", 9 };

/* Never MD5; all with RSA, 1.2.840.113549.1.1.N. */
static const struct {
	unsigned char arc;
	const char *digest;
} signatures[] = { { 5, "SHA1" }, { 11, "SHA256" }, { 12, "SHA384" }, { 13, "SHA512" } };

/* The parts of it, each as it stands there. */
struct parts {
	struct bytes info;		/* what is signed */
	struct bytes subject, key;	/* Name, SubjectPublicKeyInfo */
	struct bytes attributes;	/* the content of [0]; may be empty */
	const char *digest;
	struct bytes signature;
};

static bool
bad(struct err *err, const char *why)
{
	ERR_clear_error();
	return err_code(err, ERR_INVALID, "bad_request", "the certificate request %s", why);
}

static const char *
digest_of(struct bytes algorithm)
{
	static const unsigned char rsa[] = { 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01 };
	const unsigned char *p;
	struct asn1 oid;

	if (!asn1_next(&algorithm, &oid) || oid.tag != ASN1_TAG_OID || oid.content.len != sizeof rsa + 1 ||
	    memcmp(oid.content.p, rsa, sizeof rsa) != 0)
		return NULL;
	p = oid.content.p;
	for (size_t i = 0; i < sizeof signatures / sizeof *signatures; i++)
		if (signatures[i].arc == p[sizeof rsa])
			return signatures[i].digest;
	return NULL;
}

/* SEQUENCE { info SEQUENCE { 0, subject, key, [0] attributes }, algorithm, BIT STRING } */
static bool
take_apart(struct bytes der, struct parts *parts)
{
	struct asn1 request, info, version, element, attributes = { 0 }, algorithm, signature;
	const unsigned char *bits;

	if (!asn1_take(&der, ASN1_TAG_SEQUENCE, &request, NULL) ||
	    !asn1_take(&request.content, ASN1_TAG_SEQUENCE, &info, &parts->info) ||
	    !asn1_take(&request.content, ASN1_TAG_SEQUENCE, &algorithm, NULL) ||
	    !asn1_take(&request.content, ASN1_TAG_BIT_STRING, &signature, NULL) || request.content.len)
		return false;
	if (!asn1_take(&info.content, ASN1_TAG_INTEGER, &version, NULL) || version.content.len != 1 ||
	    *(const unsigned char *)version.content.p != 0 ||
	    !asn1_take(&info.content, ASN1_TAG_SEQUENCE, &element, &parts->subject) ||
	    !asn1_take(&info.content, ASN1_TAG_SEQUENCE, &element, &parts->key) ||
	    (info.content.len && !asn1_take(&info.content, ASN1_TAG_CONTEXT_0, &attributes, NULL)) || info.content.len)
		return false;
	bits = signature.content.p;
	if (signature.content.len < 2 || bits[0] != 0)
		return false;
	parts->attributes = attributes.content;
	parts->digest = digest_of(algorithm.content);
	parts->signature = (struct bytes){ bits + 1, signature.content.len - 1 };
	return true;
}

/* ---- the challenge ---- */

static bool
is_text(uint8_t tag)
{
	return tag == TAG_UTF8 || tag == TAG_PRINTABLE || tag == TAG_T61 || tag == TAG_IA5;
}

/* One attribute with one value, of the types that clients use; none is no mistake. */
static bool
read_challenge(struct csr *csr, struct bytes attributes, struct err *err)
{
	struct asn1 attribute, oid, values, value;
	bool found = false;
	size_t n = 0;

	csr->challenge = "";
	while (attributes.len) {
		if (n++ == CSR_ATTRIBUTES_MAX || !asn1_next(&attributes, &attribute) ||
		    attribute.tag != ASN1_TAG_SEQUENCE || !asn1_next(&attribute.content, &oid) ||
		    oid.tag != ASN1_TAG_OID || !asn1_next(&attribute.content, &values) || values.tag != ASN1_TAG_SET)
			return bad(err, "has malformed attributes");
		if (!asn1_is(&oid, oid_challenge))
			continue;
		if (found || !asn1_next(&values.content, &value) || values.content.len)
			return bad(err, "has several challenges");
		if (!is_text(value.tag) || value.content.len > CSR_CHALLENGE_MAX ||
		    !text_valid(value.content.p, value.content.len))
			return bad(err, "has a challenge that is no text");
		csr->challenge = mem_textn(csr, value.content.p, value.content.len);
		found = true;
	}
	return true;
}

/* ---- the key ---- */

static bool
is_signed(const struct parts *parts, EVP_PKEY *key, OSSL_LIB_CTX *lib)
{
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	bool ok = md && parts->digest && EVP_DigestVerifyInit_ex(md, NULL, parts->digest, lib, NULL, key, NULL) == 1 &&
		  EVP_DigestVerify(md, parts->signature.p, parts->signature.len, parts->info.p, parts->info.len) == 1;

	EVP_MD_CTX_free(md);
	ERR_clear_error();
	return ok;
}

static bool
check(struct csr *csr, OSSL_LIB_CTX *lib, struct err *err)
{
	struct parts parts;
	struct err none;

	if (!take_apart(csr->der, &parts))
		return bad(err, "is malformed");
	csr->subject = parts.subject;
	if (!public_key_read(parts.key, lib, &csr->key, &none) ||
	    !certificate_key_sha256(csr->key, csr->key_sha256, &none))
		return bad(err, "is not for an RSA key of 2048 to 4096 bits");
	if (!is_signed(&parts, csr->key, lib))
		return bad(err, "is not signed by its key");
	return read_challenge(csr, parts.attributes, err);
}

static int
release_csr(struct csr *csr)
{
	EVP_PKEY_free(csr->key);
	return 0;
}

bool
csr_read(TALLOC_CTX *ctx, struct bytes der, struct csr **ret, struct err *err)
{
	OSSL_LIB_CTX *lib;
	struct err none;
	struct csr *csr;
	size_t len;

	if (der.len > CSR_BYTES_MAX || !asn1_gate(der, &len, &none) || len != der.len)
		return bad(err, "is malformed");
	if (!cms_thread_lib(&lib, err))
		return false;
	csr = mem_new(ctx, struct csr);
	talloc_set_destructor(csr, release_csr);
	csr->der = (struct bytes){ mem_copy(csr, der.p, der.len), der.len };
	if (!check(csr, lib, err)) {
		talloc_free(csr);
		return false;
	}
	ERR_clear_error();
	*ret = csr;
	return true;
}

char *
csr_subject(TALLOC_CTX *ctx, const struct csr *csr)
{
	const unsigned char *p = csr->subject.p;
	SCOPED(x509_name) X509_NAME *name = d2i_X509_NAME(NULL, &p, (long)csr->subject.len);
	char *text = name ? subject_write(ctx, name) : mem_text(ctx, "");

	ERR_clear_error();
	return text;
}
