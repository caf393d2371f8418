#include "mdm/signed_data.h"
#include <openssl/err.h>
#include <openssl/evp.h>
#include <string.h>

#define TAG_CRLS	0xa1
#define TAG_KEY_ID	0x80	/* [0] SubjectKeyIdentifier */
#define TAG_EXTENSIONS	0xa3
#define TAG_BOOLEAN	0x01
#define TAG_UTC_TIME	0x17
#define TAG_TIME	0x18

static const struct bytes
	oid_signed = { "\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02", 9 },
	oid_data = { "\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01", 9 },
	oid_content_type = { "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x03", 9 },
	oid_digest = { "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x04", 9 },
	oid_time = { "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x05", 9 },
	oid_rsa = { "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01", 9 },
	oid_key_usage = { "\x55\x1d\x0f", 3 },
	oid_constraints = { "\x55\x1d\x13", 3 };

/* Never MD5; SHA-1 is what old clients know.  `with_rsa`: some name the signature after the digest. */
static const struct {
	const char *name;
	struct bytes oid, with_rsa, with_ec;
} digests[] = {
	{ "SHA1",   { "\x2b\x0e\x03\x02\x1a", 5 },		    { "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x05", 9 }, { "", 0 } },
	{ "SHA256", { "\x60\x86\x48\x01\x65\x03\x04\x02\x01", 9 }, { "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b", 9 },
	  { "\x2a\x86\x48\xce\x3d\x04\x03\x02", 8 } },
	{ "SHA384", { "\x60\x86\x48\x01\x65\x03\x04\x02\x02", 9 }, { "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0c", 9 },
	  { "\x2a\x86\x48\xce\x3d\x04\x03\x03", 8 } },
	{ "SHA512", { "\x60\x86\x48\x01\x65\x03\x04\x02\x03", 9 }, { "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0d", 9 },
	  { "\x2a\x86\x48\xce\x3d\x04\x03\x04", 8 } },
};

static bool
take(struct bytes *rest, uint8_t tag, struct asn1 *ret)
{
	return asn1_take(rest, tag, ret, NULL);
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

static bool
same(struct bytes a, struct bytes b)
{
	return a.len == b.len && memcmp(a.p, b.p, a.len) == 0;
}

/* ---- its shape ---- */

/* SignerInfo { version, whom, digest, [0] attributes, algorithm, signature, [1] unsigned attributes } */
static bool
walk_signer(TALLOC_CTX *ctx, struct bytes info, struct signed_data *data)
{
	struct asn1 version, attributes, signature;
	struct bytes peek;

	if (!take(&info, ASN1_TAG_INTEGER, &version) || !asn1_next(&info, &data->whom) ||
	    !take(&info, ASN1_TAG_SEQUENCE, &data->digest))
		return false;
	peek = info;
	if ((data->has_attributes = take(&peek, ASN1_TAG_CONTEXT_0, &attributes))) {
		info = peek;
		data->attributes = attributes.content;
	}
	return take(&info, ASN1_TAG_SEQUENCE, &data->signature_algorithm) && asn1_next(&info, &signature) &&
	       asn1_string(ctx, &signature, ASN1_TAG_OCTETS, &data->signature) &&
	       count_elements(data->attributes) <= SIGNED_ATTRIBUTES_MAX;
}

/* { OID data, [0] content } */
static const char *
walk_content(TALLOC_CTX *ctx, struct bytes rest, bool attached, struct signed_data *data)
{
	struct asn1 type, explicit, content;

	if (!asn1_next(&rest, &type) || !asn1_is(&type, oid_data))
		return "what is signed is no plain data";
	if (!attached)
		return rest.len ? "it encloses what it is about" : NULL;
	return take(&rest, ASN1_TAG_CONTEXT_0, &explicit) && asn1_next(&explicit.content, &content) &&
	       asn1_string(ctx, &content, ASN1_TAG_OCTETS, &data->content) ? NULL : "it signs no data";
}

/* SignedData { version, SET digests, { data }, [0] certificates, [1] CRLs, SET of one signer } */
static const char *
walk_signed(TALLOC_CTX *ctx, struct bytes rest, bool attached, struct signed_data *data)
{
	struct asn1 version, algorithms, inner, certs, signers, signer;
	const char *why;

	if (!take(&rest, ASN1_TAG_INTEGER, &version) || !take(&rest, ASN1_TAG_SET, &algorithms) ||
	    count_elements(algorithms.content) > SIGNED_DIGESTS_MAX || !take(&rest, ASN1_TAG_SEQUENCE, &inner))
		return "its SignedData is malformed";
	if ((why = walk_content(ctx, inner.content, attached, data)))
		return why;
	if (!take(&rest, ASN1_TAG_CONTEXT_0, &certs) || count_elements(certs.content) > SIGNED_CERTS_MAX)
		return "it has no certificates, or too many";
	if (!asn1_next(&rest, &signers) || (signers.tag == TAG_CRLS && !asn1_next(&rest, &signers)) ||
	    signers.tag != ASN1_TAG_SET || rest.len || !take(&signers.content, ASN1_TAG_SEQUENCE, &signer) ||
	    signers.content.len)
		return "it does not have exactly one signer";
	data->certificates = certs.content;
	return walk_signer(ctx, signer.content, data) ? NULL : "its signer is malformed";
}

const char *
signed_data_read(TALLOC_CTX *ctx, struct bytes der, bool attached, struct signed_data *ret)
{
	struct asn1 outer, type, explicit, inner;
	struct err none;
	size_t len;

	*ret = (struct signed_data){ .content = { 0 } };
	if (!asn1_gate(der, &len, &none) || len != der.len)
		return "it is no whole ASN.1, or something follows it";
	if (!take(&der, ASN1_TAG_SEQUENCE, &outer) || !asn1_next(&outer.content, &type) || !asn1_is(&type, oid_signed) ||
	    !take(&outer.content, ASN1_TAG_CONTEXT_0, &explicit) || !take(&explicit.content, ASN1_TAG_SEQUENCE, &inner))
		return "it is no signed message";
	return walk_signed(ctx, inner.content, attached, ret);
}

/* ---- its signer's certificate ---- */

/* { { [0] version, serial, algorithm, issuer, validity, subject, key, [1], [2], [3] extensions } ... } */
static bool
walk_cert(struct bytes cert, struct signed_cert *ret)
{
	struct asn1 outer, tbs, element, list;
	struct bytes peek;

	if (!take(&cert, ASN1_TAG_SEQUENCE, &outer) || !take(&outer.content, ASN1_TAG_SEQUENCE, &tbs))
		return false;
	peek = tbs.content;
	if (take(&peek, ASN1_TAG_CONTEXT_0, &element))
		tbs.content = peek;
	if (!asn1_take(&tbs.content, ASN1_TAG_INTEGER, &element, &ret->serial) ||
	    !take(&tbs.content, ASN1_TAG_SEQUENCE, &element) ||
	    !asn1_take(&tbs.content, ASN1_TAG_SEQUENCE, &element, &ret->issuer) ||
	    !take(&tbs.content, ASN1_TAG_SEQUENCE, &element) || !take(&tbs.content, ASN1_TAG_SEQUENCE, &element) ||
	    !asn1_take(&tbs.content, ASN1_TAG_SEQUENCE, &element, &ret->key))
		return false;
	ret->extensions = (struct bytes){ 0 };
	while (asn1_next(&tbs.content, &element))
		if (element.tag == TAG_EXTENSIONS) {
			if (!take(&element.content, ASN1_TAG_SEQUENCE, &list))
				return false;
			ret->extensions = list.content;
		}
	return tbs.content.len == 0;
}

/* IssuerAndSerialNumber; a key's id only where there is no choice.  The signature says whether it was right. */
static bool
is_named(const struct asn1 *whom, const struct signed_cert *cert, bool alone)
{
	struct bytes rest = whom->content, issuer, serial;
	struct asn1 element;

	if (whom->tag == TAG_KEY_ID)
		return alone;
	return whom->tag == ASN1_TAG_SEQUENCE && asn1_take(&rest, ASN1_TAG_SEQUENCE, &element, &issuer) &&
	       asn1_take(&rest, ASN1_TAG_INTEGER, &element, &serial) && same(issuer, cert->issuer) &&
	       same(serial, cert->serial);
}

bool
signed_data_signer(const struct signed_data *data, struct signed_cert *ret)
{
	struct bytes rest = data->certificates;
	bool alone = count_elements(rest) == 1;
	struct signed_cert cert = { { 0 } };
	struct asn1 element;

	while (rest.len) {
		if (!asn1_take(&rest, ASN1_TAG_SEQUENCE, &element, &cert.der))
			return false;
		if (walk_cert(cert.der, &cert) && is_named(&data->whom, &cert, alone)) {
			*ret = cert;
			return true;
		}
	}
	return false;
}

/* Extension { OID, BOOLEAN critical, OCTET STRING of DER }: the element inside; false: there is none, or none whole. */
static bool
extension(const struct signed_cert *cert, struct bytes oid, struct asn1 *ret)
{
	struct bytes rest = cert->extensions;
	struct asn1 one, type, value;
	struct err none;
	size_t len;

	while (take(&rest, ASN1_TAG_SEQUENCE, &one)) {
		if (!asn1_next(&one.content, &type) || !asn1_is(&type, oid))
			continue;
		if (!asn1_next(&one.content, &value) || (value.tag == TAG_BOOLEAN && !asn1_next(&one.content, &value)) ||
		    value.tag != ASN1_TAG_OCTETS)
			return false;
		return asn1_gate(value.content, &len, &none) && len == value.content.len && asn1_next(&value.content, ret);
	}
	return false;
}

bool
signed_cert_may_sign(const struct signed_cert *cert)
{
	struct asn1 constraints, usage, flag;
	const unsigned char *bits;

	if (extension(cert, oid_constraints, &constraints) && constraints.tag == ASN1_TAG_SEQUENCE &&
	    take(&constraints.content, TAG_BOOLEAN, &flag) && flag.content.len &&
	    *(const unsigned char *)flag.content.p != 0)
		return false;
	if (!extension(cert, oid_key_usage, &usage))
		return true;	/* it says nothing of it: for everything */
	bits = usage.content.p;
	return usage.tag == ASN1_TAG_BIT_STRING && usage.content.len >= 2 && (bits[1] & 0x80);
}

/* ---- what it says ---- */

bool
signed_data_attribute(const struct signed_data *data, struct bytes oid, uint8_t tag, struct bytes *ret)
{
	struct bytes rest = data->attributes;
	struct asn1 one, type, values, value;
	bool found = false;

	while (rest.len) {
		if (!take(&rest, ASN1_TAG_SEQUENCE, &one) || !asn1_next(&one.content, &type) ||
		    !take(&one.content, ASN1_TAG_SET, &values))
			return false;
		if (!asn1_is(&type, oid))
			continue;
		if (found || !take(&values.content, tag, &value) || values.content.len)
			return false;
		found = true;
		*ret = value.content;
	}
	return found;
}

int64_t
signed_data_time(const struct signed_data *data)
{
	ASN1_STRING *time;
	struct bytes text;
	struct tm tm;
	int64_t ret = 0;
	int type = V_ASN1_UTCTIME;

	if (!signed_data_attribute(data, oid_time, TAG_UTC_TIME, &text)) {
		type = V_ASN1_GENERALIZEDTIME;
		if (!signed_data_attribute(data, oid_time, TAG_TIME, &text))
			return 0;
	}
	time = ASN1_STRING_type_new(type);
	if (time && text.len < 32 && ASN1_STRING_set(time, text.p, (int)text.len) && ASN1_TIME_to_tm(time, &tm))
		ret = timegm(&tm);
	ASN1_STRING_free(time);
	ERR_clear_error();
	return ret;
}

const char *
signed_data_digest(const struct signed_data *data, const char **kind)
{
	struct bytes rest = data->digest.content, signature = data->signature_algorithm.content;
	struct asn1 oid, with;

	if (!asn1_next(&rest, &oid) || !asn1_next(&signature, &with))
		return NULL;
	for (size_t i = 0; i < sizeof digests / sizeof *digests; i++) {
		if (!asn1_is(&oid, digests[i].oid))
			continue;
		*kind = digests[i].with_ec.len && asn1_is(&with, digests[i].with_ec) ? "EC" : "RSA";
		return **kind == 'E' || asn1_is(&with, oid_rsa) || asn1_is(&with, digests[i].with_rsa) ? digests[i].name : NULL;
	}
	return NULL;
}

/*
 * The content's digest is an attribute, and the attributes are signed: as the SET that they are in DER, whatever
 * encloses them here (section 5.4; they themselves must be sent as DER, section 5.3).
 */
static bool
attributes_say(const struct signed_data *data, struct bytes content, const char *digest, OSSL_LIB_CTX *lib)
{
	struct bytes type, sent;
	unsigned char hash[EVP_MAX_MD_SIZE];
	size_t len = 0;

	return signed_data_attribute(data, oid_content_type, ASN1_TAG_OID, &type) && same(type, oid_data) &&
	       signed_data_attribute(data, oid_digest, ASN1_TAG_OCTETS, &sent) &&
	       EVP_Q_digest(lib, digest, NULL, content.p ? content.p : "", content.len, hash, &len) == 1 &&
	       same(sent, (struct bytes){ hash, len });
}

bool
signed_data_verify(TALLOC_CTX *ctx, const struct signed_data *data, struct bytes content, const char *digest,
		   EVP_PKEY *key, OSSL_LIB_CTX *lib)
{
	struct bytes said = data->has_attributes ? ASN1_PUT(ctx, ASN1_TAG_SET, data->attributes) : content;
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	bool ok = md && (!data->has_attributes || attributes_say(data, content, digest, lib)) &&
		  EVP_DigestVerifyInit_ex(md, NULL, digest, lib, NULL, key, NULL) == 1 &&
		  EVP_DigestVerify(md, data->signature.p, data->signature.len, said.p ? said.p : (const void *)"", said.len) == 1;

	EVP_MD_CTX_free(md);
	ERR_clear_error();
	return ok;
}
