#include "mdm/scep_message.h"
#include "core/asn1.h"
#include "mdm/cms_thread.h"
#include "mdm/public_key.h"
#include <openssl/err.h>
#include <string.h>

#define DIGESTS_MAX	4
#define ATTRIBUTES_MAX	32
#define TAG_CRLS	0xa1
#define TAG_KEY_ID	0x80	/* [0] SubjectKeyIdentifier */
#define TAG_PRINTABLE	0x13

static const struct bytes
	oid_signed = { "\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02", 9 },
	oid_data = { "\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01", 9 },
	oid_content_type = { "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x03", 9 },
	oid_digest = { "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x04", 9 },
	oid_rsa = { "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01", 9 };

/* 2.16.840.1.113733.1.9.N */
#define SCEP_OID(n) { "\x60\x86\x48\x01\x86\xf8\x45\x01\x09" n, 10 }
static const struct bytes oid_type = SCEP_OID("\x02"), oid_nonce = SCEP_OID("\x05"), oid_transaction = SCEP_OID("\x07");

/* Never MD5; SHA-1 is what old clients know.  `with_rsa`: some name the signature after the digest. */
static const struct {
	const char *name;
	struct bytes oid, with_rsa;
} digests[] = {
	{ "SHA1",   { "\x2b\x0e\x03\x02\x1a", 5 },		    { "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x05", 9 } },
	{ "SHA256", { "\x60\x86\x48\x01\x65\x03\x04\x02\x01", 9 }, { "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b", 9 } },
	{ "SHA384", { "\x60\x86\x48\x01\x65\x03\x04\x02\x02", 9 }, { "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0c", 9 } },
	{ "SHA512", { "\x60\x86\x48\x01\x65\x03\x04\x02\x03", 9 }, { "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0d", 9 } },
};

/* The parts of a message, each as it stands there. */
struct parts {
	struct bytes content;			/* what is signed: an envelope */
	struct bytes certificates;
	struct asn1 whom, digest, signature_algorithm;
	struct bytes attributes;		/* the content of signedAttrs */
	struct bytes signature;
	struct bytes key;			/* SubjectPublicKeyInfo of the signer */
};

static bool
garbage(struct err *err, const char *why)
{
	ERR_clear_error();
	return err_code(err, ERR_MALFORMED, "bad_message", "%s", why);
}

/* It can be answered: with a CertRep that says no. */
static bool
refuse(struct scep_message *message, enum scep_fail fail, const char *why)
{
	ERR_clear_error();
	message->fail = fail;
	message->why = why;
	return true;
}

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

/* ---- its shape, RFC 5652 section 5 ---- */

/* SignerInfo { version, whom, digest, [0] attributes, algorithm, signature, [1] unsigned attributes } */
static bool
walk_signer(TALLOC_CTX *ctx, struct bytes info, struct parts *parts)
{
	struct asn1 version, attributes, signature;

	if (!take(&info, ASN1_TAG_INTEGER, &version) || !asn1_next(&info, &parts->whom) ||
	    !take(&info, ASN1_TAG_SEQUENCE, &parts->digest) || !take(&info, ASN1_TAG_CONTEXT_0, &attributes) ||
	    !take(&info, ASN1_TAG_SEQUENCE, &parts->signature_algorithm) || !asn1_next(&info, &signature) ||
	    !asn1_string(ctx, &signature, ASN1_TAG_OCTETS, &parts->signature))
		return false;
	parts->attributes = attributes.content;
	return count_elements(parts->attributes) <= ATTRIBUTES_MAX;
}

/* SignedData { version, SET digests, { data, [0] content }, [0] certificates, [1] CRLs, SET of one signer } */
static bool
walk_signed(TALLOC_CTX *ctx, struct bytes rest, struct parts *parts, struct err *err)
{
	struct asn1 version, algorithms, inner, type, explicit, content, certs, signers, signer;

	if (!take(&rest, ASN1_TAG_INTEGER, &version) || !take(&rest, ASN1_TAG_SET, &algorithms) ||
	    count_elements(algorithms.content) > DIGESTS_MAX || !take(&rest, ASN1_TAG_SEQUENCE, &inner))
		return garbage(err, "its SignedData is malformed");
	if (!asn1_next(&inner.content, &type) || !asn1_is(&type, oid_data) ||
	    !take(&inner.content, ASN1_TAG_CONTEXT_0, &explicit) || !asn1_next(&explicit.content, &content) ||
	    !asn1_string(ctx, &content, ASN1_TAG_OCTETS, &parts->content))
		return garbage(err, "it signs no data");
	if (!take(&rest, ASN1_TAG_CONTEXT_0, &certs) || count_elements(certs.content) > SCEP_CERTS_MAX)
		return garbage(err, "it has no certificates, or too many");
	if (!asn1_next(&rest, &signers) || (signers.tag == TAG_CRLS && !asn1_next(&rest, &signers)) ||
	    signers.tag != ASN1_TAG_SET || rest.len || !take(&signers.content, ASN1_TAG_SEQUENCE, &signer) ||
	    signers.content.len)
		return garbage(err, "it does not have exactly one signer");
	parts->certificates = certs.content;
	return walk_signer(ctx, signer.content, parts) || garbage(err, "its signer is malformed");
}

static bool
walk(TALLOC_CTX *ctx, struct bytes der, struct parts *parts, struct err *err)
{
	struct asn1 outer, type, explicit, inner;
	struct err none;
	size_t len;

	if (!asn1_gate(der, &len, &none) || len != der.len)
		return garbage(err, "it is no whole ASN.1, or something follows it");
	if (!take(&der, ASN1_TAG_SEQUENCE, &outer) || !asn1_next(&outer.content, &type) || !asn1_is(&type, oid_signed) ||
	    !take(&outer.content, ASN1_TAG_CONTEXT_0, &explicit) || !take(&explicit.content, ASN1_TAG_SEQUENCE, &inner))
		return garbage(err, "it is no signed message");
	return walk_signed(ctx, inner.content, parts, err);
}

/* ---- its signer's certificate, RFC 5280 section 4.1 ---- */

/* { { [0] version, serial, algorithm, issuer, validity, subject, key ... } ... } */
static bool
walk_cert(struct bytes cert, struct scep_signer *signer, struct bytes *key)
{
	struct asn1 outer, tbs, element;
	struct bytes peek;

	if (!take(&cert, ASN1_TAG_SEQUENCE, &outer) || !take(&outer.content, ASN1_TAG_SEQUENCE, &tbs))
		return false;
	peek = tbs.content;
	if (take(&peek, ASN1_TAG_CONTEXT_0, &element))
		tbs.content = peek;
	return asn1_take(&tbs.content, ASN1_TAG_INTEGER, &element, &signer->serial) &&
	       take(&tbs.content, ASN1_TAG_SEQUENCE, &element) &&
	       asn1_take(&tbs.content, ASN1_TAG_SEQUENCE, &element, &signer->issuer) &&
	       take(&tbs.content, ASN1_TAG_SEQUENCE, &element) && take(&tbs.content, ASN1_TAG_SEQUENCE, &element) &&
	       asn1_take(&tbs.content, ASN1_TAG_SEQUENCE, &element, key);
}

static bool
same(struct bytes a, struct bytes b)
{
	return a.len == b.len && memcmp(a.p, b.p, a.len) == 0;
}

/* IssuerAndSerialNumber; a key's id only where there is no choice.  The signature says whether it was right. */
static bool
is_named(const struct asn1 *whom, const struct scep_signer *signer, bool alone)
{
	struct bytes rest = whom->content, issuer, serial;
	struct asn1 element;

	if (whom->tag == TAG_KEY_ID)
		return alone;
	return whom->tag == ASN1_TAG_SEQUENCE && asn1_take(&rest, ASN1_TAG_SEQUENCE, &element, &issuer) &&
	       asn1_take(&rest, ASN1_TAG_INTEGER, &element, &serial) && same(issuer, signer->issuer) &&
	       same(serial, signer->serial);
}

static bool
find_signer(struct parts *parts, struct scep_signer *ret)
{
	struct bytes rest = parts->certificates;
	bool alone = count_elements(rest) == 1;
	struct scep_signer signer = { 0 };
	struct asn1 cert;

	while (rest.len) {
		if (!asn1_take(&rest, ASN1_TAG_SEQUENCE, &cert, &signer.der))
			return false;
		if (walk_cert(signer.der, &signer, &parts->key) && is_named(&parts->whom, &signer, alone)) {
			*ret = signer;
			return true;
		}
	}
	return false;
}

/* ---- what it says ---- */

/* The one value, of this type, of the one attribute of this kind. */
static bool
attribute(const struct parts *parts, struct bytes oid, uint8_t tag, struct bytes *ret)
{
	struct bytes rest = parts->attributes;
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

static bool
is_printable(struct bytes text)
{
	const unsigned char *p = text.p;

	for (size_t i = 0; i < text.len; i++)
		if (p[i] < 0x20 || p[i] > 0x7e)
			return false;
	return text.len > 0;
}

/* transactionID and senderNonce: without them nothing can be answered. */
static bool
read_names(const struct parts *parts, struct scep_message *message, struct err *err)
{
	struct bytes id, nonce;

	if (!attribute(parts, oid_transaction, TAG_PRINTABLE, &id) || !is_printable(id) || id.len > SCEP_TRANSACTION_MAX)
		return garbage(err, "it has no one transactionID");
	if (!attribute(parts, oid_nonce, ASN1_TAG_OCTETS, &nonce) || !nonce.len || nonce.len > SCEP_NONCE_MAX)
		return garbage(err, "it has no one senderNonce");
	message->transaction_id = mem_textn(message, id.p, id.len);
	message->sender_nonce = nonce;
	return true;
}

/* The types that do anything, and nothing else: CVE-2026-30836 was a type that somebody forgot. */
static bool
read_type(const struct parts *parts, enum scep_type *ret)
{
	static const struct { const char *text; enum scep_type type; } types[] = {
		{ "19", SCEP_PKCS_REQ }, { "17", SCEP_RENEWAL_REQ }, { "20", SCEP_CERT_POLL },
	};
	struct bytes text;

	if (!attribute(parts, oid_type, TAG_PRINTABLE, &text) || text.len != 2)
		return false;
	for (size_t i = 0; i < sizeof types / sizeof *types; i++)
		if (memcmp(types[i].text, text.p, 2) == 0) {
			*ret = types[i].type;
			return true;
		}
	return false;
}

/* NULL: one that is not taken, or a signature that is named after another one. */
static const char *
read_digest(const struct parts *parts)
{
	struct bytes rest = parts->digest.content, signature = parts->signature_algorithm.content;
	struct asn1 oid, with;

	if (!asn1_next(&rest, &oid) || !asn1_next(&signature, &with))
		return NULL;
	for (size_t i = 0; i < sizeof digests / sizeof *digests; i++)
		if (asn1_is(&oid, digests[i].oid))
			return asn1_is(&with, oid_rsa) || asn1_is(&with, digests[i].with_rsa) ? digests[i].name : NULL;
	return NULL;
}

/*
 * The content's digest is an attribute, and the attributes are signed: as the SET that they are in DER, whatever
 * encloses them here (section 5.4; they themselves must be sent as DER, section 5.3).
 */
static bool
is_signed(TALLOC_CTX *ctx, const struct parts *parts, const char *digest, EVP_PKEY *key, OSSL_LIB_CTX *lib)
{
	struct bytes type, sent, set = ASN1_PUT(ctx, ASN1_TAG_SET, parts->attributes);
	unsigned char hash[EVP_MAX_MD_SIZE];
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	size_t len = 0;
	bool ok;

	ok = md && attribute(parts, oid_content_type, ASN1_TAG_OID, &type) && same(type, oid_data) &&
	     attribute(parts, oid_digest, ASN1_TAG_OCTETS, &sent) &&
	     EVP_Q_digest(lib, digest, NULL, parts->content.p, parts->content.len, hash, &len) == 1 &&
	     same(sent, (struct bytes){ hash, len }) &&
	     EVP_DigestVerifyInit_ex(md, NULL, digest, lib, NULL, key, NULL) == 1 &&
	     EVP_DigestVerify(md, parts->signature.p, parts->signature.len, set.p, set.len) == 1;
	EVP_MD_CTX_free(md);
	ERR_clear_error();
	return ok;
}

static int
release_message(struct scep_message *message)
{
	EVP_PKEY_free(message->signer.key);
	return 0;
}

static void
hash_of(struct bytes der, OSSL_LIB_CTX *lib, char hex[X509_FINGERPRINT_SIZE])
{
	unsigned char hash[EVP_MAX_MD_SIZE];
	size_t len = 0;

	if (EVP_Q_digest(lib, "SHA256", NULL, der.p, der.len, hash, &len) != 1)
		abort();
	for (size_t i = 0; i < len; i++)
		snprintf(hex + 2 * i, 3, "%02x", hash[i]);
}

/* Judges, in this order, what costs nothing; then the signature; then the envelope's shape. */
static bool
judge(struct parts *parts, const struct scep_signer *signer, const struct scep_rules *rules, OSSL_LIB_CTX *lib,
      struct scep_message *message)
{
	const char *digest = read_digest(parts), *why;
	enum scep_fail fail;
	struct err none;

	if (!read_type(parts, &message->type))
		return refuse(message, SCEP_BAD_REQUEST, "its messageType is not taken here");
	if (!digest)
		return refuse(message, SCEP_BAD_ALG, "it is signed in a way that is not taken here");
	message->signer = *signer;
	if (!public_key_read(parts->key, lib, &message->signer.key, &none))
		return refuse(message, SCEP_BAD_ALG, "its signer's key is not RSA of 2048 to 4096 bits");
	if (!is_signed(message, parts, digest, message->signer.key, lib) ||
	    !certificate_key_sha256(message->signer.key, message->signer_key_sha256, &none))
		return refuse(message, SCEP_BAD_MESSAGE_CHECK, "its signature is wrong");
	hash_of(signer->der, lib, message->signer_sha256);
	fail = scep_envelope_read(message, parts->content, rules, &message->envelope, &why);
	return fail == SCEP_FINE || refuse(message, fail, why);
}

static bool
read_all(struct scep_message *message, struct bytes der, const struct scep_rules *rules, struct err *err)
{
	struct scep_signer signer;
	struct parts parts = { 0 };
	OSSL_LIB_CTX *lib;

	if (!walk(message, der, &parts, err) || !read_names(&parts, message, err))
		return false;
	if (!find_signer(&parts, &signer))
		return garbage(err, "its signer's certificate is not there");
	return cms_thread_lib(&lib, err) && judge(&parts, &signer, rules, lib, message);
}

bool
scep_message_read(TALLOC_CTX *ctx, struct bytes der, const struct scep_rules *rules, struct scep_message **ret,
		  struct err *err)
{
	struct scep_message *message;
	struct bytes own;

	if (der.len > SCEP_BYTES_MAX)
		return err_code(err, ERR_LIMIT, "too_large", "a SCEP message of %zu bytes", der.len);
	message = mem_new(ctx, struct scep_message);
	talloc_set_destructor(message, release_message);
	message->fail = SCEP_FINE;
	own = (struct bytes){ mem_copy(message, der.p, der.len), der.len };	/* its parts point into it */
	if (!read_all(message, own, rules, err)) {
		talloc_free(message);
		return false;
	}
	*ret = message;
	return true;
}
