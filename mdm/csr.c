#include "mdm/csr.h"
#include "core/asn1.h"
#include "core/text.h"
#include "mdm/cms_thread.h"
#include "mdm/public_key.h"
#include "mdm/subject.h"
#include <openssl/err.h>
#include <string.h>

#define ATTRIBUTES_MAX	16

static const int signatures[] = {
	NID_sha1WithRSAEncryption, NID_sha256WithRSAEncryption, NID_sha384WithRSAEncryption,
	NID_sha512WithRSAEncryption,
};

static bool
bad(struct err *err, const char *why)
{
	ERR_clear_error();
	return err_code(err, ERR_INVALID, "bad_request", "the certificate request %s", why);
}

static int
release_csr(struct csr *csr)
{
	EVP_PKEY_free(csr->key);
	X509_REQ_free(csr->req);
	return 0;
}

/* One attribute with one value, of the types that clients use; none is no mistake. */
static bool
read_challenge(struct csr *csr, struct err *err)
{
	int at = X509_REQ_get_attr_by_NID(csr->req, NID_pkcs9_challengePassword, -1);
	X509_ATTRIBUTE *attribute = at < 0 ? NULL : X509_REQ_get_attr(csr->req, at);
	const ASN1_TYPE *value;
	const ASN1_STRING *text;
	size_t len;

	csr->challenge = "";
	if (!attribute)
		return true;
	if (X509_REQ_get_attr_by_NID(csr->req, NID_pkcs9_challengePassword, at) >= 0 ||
	    X509_ATTRIBUTE_count(attribute) != 1 || !(value = X509_ATTRIBUTE_get0_type(attribute, 0)))
		return bad(err, "has several challenges");
	if (value->type != V_ASN1_PRINTABLESTRING && value->type != V_ASN1_UTF8STRING &&
	    value->type != V_ASN1_IA5STRING && value->type != V_ASN1_T61STRING)
		return bad(err, "has a challenge that is no text");
	text = value->value.asn1_string;
	len = (size_t)ASN1_STRING_length(text);
	if (len > CSR_CHALLENGE_MAX || !text_valid((const char *)ASN1_STRING_get0_data(text), len))
		return bad(err, "has a challenge that is no text");
	csr->challenge = mem_textn(csr, (const char *)ASN1_STRING_get0_data(text), len);
	return true;
}

static bool
is_taken(int nid)
{
	for (size_t i = 0; i < sizeof signatures / sizeof *signatures; i++)
		if (signatures[i] == nid)
			return true;
	return false;
}

static bool
check(struct csr *csr, OSSL_LIB_CTX *lib, struct err *err)
{
	struct err none;

	if (X509_REQ_get_version(csr->req) != X509_REQ_VERSION_1 || X509_REQ_get_attr_count(csr->req) > ATTRIBUTES_MAX)
		return bad(err, "is malformed");
	csr->key = X509_REQ_get_pubkey(csr->req);
	if (!csr->key || !public_key_check(csr->key, &none) || !certificate_key_sha256(csr->key, csr->key_sha256, &none))
		return bad(err, "is not for an RSA key of 2048 to 4096 bits");
	if (!is_taken(X509_REQ_get_signature_nid(csr->req)) || X509_REQ_verify_ex(csr->req, csr->key, lib, NULL) != 1)
		return bad(err, "is not signed by its key");
	return read_challenge(csr, err);
}

bool
csr_read(TALLOC_CTX *ctx, struct bytes der, struct csr **ret, struct err *err)
{
	const unsigned char *p = der.p;
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
	csr->req = X509_REQ_new_ex(lib, NULL);
	if (!csr->req || !d2i_X509_REQ(&csr->req, &p, (long)der.len)) {
		talloc_free(csr);
		return bad(err, "is malformed");
	}
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
	return subject_write(ctx, X509_REQ_get_subject_name(csr->req));
}
