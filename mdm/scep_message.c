#include "mdm/scep_message.h"
#include "core/asn1.h"
#include "mdm/cms_thread.h"
#include "mdm/public_key.h"
#include <openssl/err.h>
#include <string.h>

#define DIGESTS_MAX	4
#define TAG_CRLS	0xa1

/* Never MD5; SHA-1 is what old clients know. */
static const int digests[] = { NID_sha1, NID_sha256, NID_sha384, NID_sha512 };
static const int signatures[] = {
	NID_rsaEncryption, NID_sha1WithRSAEncryption, NID_sha256WithRSAEncryption, NID_sha384WithRSAEncryption,
	NID_sha512WithRSAEncryption,
};

static const struct bytes
	oid_signed = { "\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02", 9 },
	oid_data = { "\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01", 9 };

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

/* ---- our own walk ---- */

static bool
is_oid(const struct asn1 *element, struct bytes oid)
{
	return element->tag == ASN1_TAG_OID && element->content.len == oid.len &&
	       memcmp(element->content.p, oid.p, oid.len) == 0;
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

/* SignedData { version, SET digests, { data, [0] content }, [0] certificates, [1] CRLs, SET of one signer } */
static bool
walk_signed(struct bytes rest, struct err *err)
{
	struct asn1 version, algorithms, content, type, inner, certs, signers;

	if (!asn1_next(&rest, &version) || version.tag != ASN1_TAG_INTEGER ||
	    !asn1_next(&rest, &algorithms) || algorithms.tag != ASN1_TAG_SET ||
	    count_elements(algorithms.content) > DIGESTS_MAX ||
	    !asn1_next(&rest, &content) || content.tag != ASN1_TAG_SEQUENCE)
		return garbage(err, "its SignedData is malformed");
	if (!asn1_next(&content.content, &type) || !is_oid(&type, oid_data) ||
	    !asn1_next(&content.content, &inner) || inner.tag != ASN1_TAG_CONTEXT_0)
		return garbage(err, "it signs no data");
	if (!asn1_next(&rest, &certs) || certs.tag != ASN1_TAG_CONTEXT_0 ||
	    count_elements(certs.content) > SCEP_CERTS_MAX)
		return garbage(err, "it has no certificates, or too many");
	if (!asn1_next(&rest, &signers) || (signers.tag == TAG_CRLS && !asn1_next(&rest, &signers)) ||
	    signers.tag != ASN1_TAG_SET || rest.len || count_elements(signers.content) != 1)
		return garbage(err, "it does not have exactly one signer");
	return true;
}

static bool
walk(struct bytes der, struct err *err)
{
	struct asn1 outer, type, explicit, inner;
	struct err none;
	size_t len;

	if (der.len > SCEP_BYTES_MAX)
		return err_code(err, ERR_LIMIT, "too_large", "a SCEP message of %zu bytes", der.len);
	if (!asn1_gate(der, &len, &none) || len != der.len)
		return garbage(err, "it is no whole ASN.1, or something follows it");
	if (!asn1_next(&der, &outer) || outer.tag != ASN1_TAG_SEQUENCE || !asn1_next(&outer.content, &type) ||
	    !is_oid(&type, oid_signed) || !asn1_next(&outer.content, &explicit) ||
	    explicit.tag != ASN1_TAG_CONTEXT_0 || !asn1_next(&explicit.content, &inner) ||
	    inner.tag != ASN1_TAG_SEQUENCE)
		return garbage(err, "it is no signed message");
	return walk_signed(inner.content, err);
}

/* ---- the signer and what it says ---- */

/* The one value of the one attribute of this kind. */
static bool
attribute(CMS_SignerInfo *info, const char *oid, int type, struct bytes *ret)
{
	ASN1_OBJECT *object = OBJ_txt2obj(oid, 1);
	ASN1_STRING *value = object ? CMS_signed_get0_data_by_OBJ(info, object, -3, type) : NULL;

	ASN1_OBJECT_free(object);
	if (!value)
		return false;
	*ret = (struct bytes){ ASN1_STRING_get0_data(value), (size_t)ASN1_STRING_length(value) };
	return true;
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
read_names(CMS_SignerInfo *info, struct scep_message *message, struct err *err)
{
	struct bytes id, nonce;

	if (!attribute(info, SCEP_TRANSACTION_ID, V_ASN1_PRINTABLESTRING, &id) || !is_printable(id) ||
	    id.len > SCEP_TRANSACTION_MAX)
		return garbage(err, "it has no one transactionID");
	if (!attribute(info, SCEP_SENDER_NONCE, V_ASN1_OCTET_STRING, &nonce) || !nonce.len ||
	    nonce.len > SCEP_NONCE_MAX)
		return garbage(err, "it has no one senderNonce");
	message->transaction_id = mem_textn(message, id.p, id.len);
	message->sender_nonce = (struct bytes){ mem_copy(message, nonce.p, nonce.len), nonce.len };
	return true;
}

static bool
is_one_of(const X509_ALGOR *algorithm, const int *nids, size_t n)
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

/* The types that do anything, and nothing else: CVE-2026-30836 was a type that somebody forgot. */
static bool
read_type(CMS_SignerInfo *info, enum scep_type *ret)
{
	static const struct { const char *text; enum scep_type type; } types[] = {
		{ "19", SCEP_PKCS_REQ }, { "17", SCEP_RENEWAL_REQ }, { "20", SCEP_CERT_POLL },
	};
	struct bytes text;

	if (!attribute(info, SCEP_MESSAGE_TYPE, V_ASN1_PRINTABLESTRING, &text) || text.len != 2)
		return false;
	for (size_t i = 0; i < sizeof types / sizeof *types; i++)
		if (memcmp(types[i].text, text.p, 2) == 0) {
			*ret = types[i].type;
			return true;
		}
	return false;
}

static bool
signs_data(CMS_SignerInfo *info)
{
	ASN1_OBJECT *type = CMS_signed_get0_data_by_OBJ(info, OBJ_nid2obj(NID_pkcs9_contentType), -3, V_ASN1_OBJECT);

	return type && OBJ_obj2nid(type) == NID_pkcs7_data &&
	       CMS_signed_get0_data_by_OBJ(info, OBJ_nid2obj(NID_pkcs9_messageDigest), -3, V_ASN1_OCTET_STRING);
}

static int
release_message(struct scep_message *message)
{
	X509_free(message->signer);
	return 0;
}

static bool
keep_signer(struct scep_message *message, X509 *signer)
{
	struct err none;

	x509_sha256(signer, message->signer_sha256);
	if (!certificate_key_sha256(X509_get0_pubkey(signer), message->signer_key_sha256, &none))
		return false;
	X509_up_ref(signer);
	message->signer = signer;
	return true;
}

/* Judges, in this order, what costs nothing; then the signature; then the envelope's shape. */
static bool
judge(CMS_ContentInfo *cms, CMS_SignerInfo *info, const struct scep_rules *rules, struct scep_message *message)
{
	X509_ALGOR *digest, *signature;
	ASN1_OCTET_STRING **content = CMS_get0_content(cms);
	const char *why;
	enum scep_fail fail;
	struct bytes bytes;
	struct err none;
	X509 *signer;

	CMS_SignerInfo_get0_algs(info, NULL, &signer, &digest, &signature);
	if (!read_type(info, &message->type))
		return refuse(message, SCEP_BAD_REQUEST, "its messageType is not taken here");
	if (!X509_get0_pubkey(signer) || !public_key_check(X509_get0_pubkey(signer), &none))
		return refuse(message, SCEP_BAD_ALG, "its signer's key is not RSA of 2048 to 4096 bits");
	if (!is_one_of(digest, digests, sizeof digests / sizeof *digests) ||
	    !is_one_of(signature, signatures, sizeof signatures / sizeof *signatures))
		return refuse(message, SCEP_BAD_ALG, "it is signed in a way that is not taken here");
	if (!signs_data(info) || !keep_signer(message, signer) ||
	    CMS_verify(cms, NULL, NULL, NULL, NULL, CMS_NO_SIGNER_CERT_VERIFY | CMS_BINARY) != 1)
		return refuse(message, SCEP_BAD_MESSAGE_CHECK, "its signature is wrong");
	bytes.len = (size_t)ASN1_STRING_length(*content);
	bytes.p = mem_copy(message, ASN1_STRING_get0_data(*content), bytes.len);
	fail = scep_envelope_read(message, bytes, rules, &message->envelope, &why);
	return fail == SCEP_FINE || refuse(message, fail, why);
}

static bool
read_cms(CMS_ContentInfo *cms, const struct scep_rules *rules, struct scep_message *message, struct err *err)
{
	CMS_SignerInfo *info = sk_CMS_SignerInfo_value(CMS_get0_SignerInfos(cms), 0);

	if (!info || !read_names(info, message, err))
		return info ? false : garbage(err, "it does not have exactly one signer");
	if (CMS_set1_signers_certs(cms, NULL, 0) != 1)
		return garbage(err, "its signer's certificate is not there");
	return judge(cms, info, rules, message);
}

bool
scep_message_read(TALLOC_CTX *ctx, struct bytes der, const struct scep_rules *rules, struct scep_message **ret,
		  struct err *err)
{
	SCOPED(cms) CMS_ContentInfo *cms = NULL;
	const unsigned char *p = der.p;
	struct scep_message *message;
	ASN1_OCTET_STRING **content;
	OSSL_LIB_CTX *lib;

	if (!walk(der, err) || !cms_thread_lib(&lib, err))
		return false;
	cms = CMS_ContentInfo_new_ex(lib, NULL);
	if (!cms)
		return err_openssl(err, ERR_INTERNAL, "read a SCEP message");
	if (!d2i_CMS_ContentInfo(&cms, &p, (long)der.len) || OBJ_obj2nid(CMS_get0_type(cms)) != NID_pkcs7_signed ||
	    !(content = CMS_get0_content(cms)) || !*content)
		return garbage(err, "it cannot be read");
	message = mem_new(ctx, struct scep_message);
	talloc_set_destructor(message, release_message);
	message->fail = SCEP_FINE;
	if (!read_cms(cms, rules, message, err)) {
		talloc_free(message);
		return false;
	}
	ERR_clear_error();
	*ret = message;
	return true;
}
