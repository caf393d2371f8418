#include "mdm/ca_form.h"
#include "core/secret.h"
#include <openssl/bn.h>
#include <openssl/x509v3.h>
#include <string.h>

static bool
set_serial(X509 *cert)
{
	unsigned char bytes[CA_SERIAL_BYTES];
	BIGNUM *number;
	bool ok;

	secret_random(bytes, sizeof bytes);
	bytes[0] = (bytes[0] & 0x7f) | 0x40;	/* positive, and always of the same length */
	number = BN_bin2bn(bytes, sizeof bytes, NULL);
	ok = number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(cert));
	BN_free(number);
	return ok;
}

bool
ca_form_basics(X509 *cert, const X509_NAME *subject, const X509_NAME *issuer, int64_t from, int64_t until)
{
	return X509_set_version(cert, X509_VERSION_3) && set_serial(cert) && X509_set_subject_name(cert, subject) &&
	       X509_set_issuer_name(cert, issuer) && ASN1_TIME_set(X509_getm_notBefore(cert), from) &&
	       ASN1_TIME_set(X509_getm_notAfter(cert), until);
}

X509_EXTENSION *
ca_form_extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;

	X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
	return X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
}

static X509_EXTENSION *
key_id(struct bytes id)
{
	AUTHORITY_KEYID *value = AUTHORITY_KEYID_new();
	X509_EXTENSION *extension = NULL;

	if (value && (value->keyid = ASN1_OCTET_STRING_new()) && ASN1_OCTET_STRING_set(value->keyid, id.p, (int)id.len))
		extension = X509V3_EXT_i2d(NID_authority_key_identifier, 0, value);
	AUTHORITY_KEYID_free(value);
	return extension;
}

/* A CA that was brought may have no key id of its own: then the one that it would have. */
X509_EXTENSION *
ca_form_issuer_key(X509 *issuer)
{
	const ASN1_OCTET_STRING *id = X509_get0_subject_key_id(issuer);
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned len = 0;

	if (id)
		return key_id((struct bytes){ ASN1_STRING_get0_data(id), (size_t)ASN1_STRING_length(id) });
	return X509_pubkey_digest(issuer, EVP_sha1(), digest, &len) ? key_id((struct bytes){ digest, len }) : NULL;
}

/* RFC 5280 4.2.1.2 (1): SHA-1, which is no security here but a name. */
X509_EXTENSION *
ca_form_own_key(struct bytes key)
{
	ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
	unsigned char digest[EVP_MAX_MD_SIZE];
	X509_EXTENSION *extension = NULL;
	unsigned len = 0;

	if (value && EVP_Digest(key.p, key.len, digest, &len, EVP_sha1(), NULL) &&
	    ASN1_OCTET_STRING_set(value, digest, (int)len))
		extension = X509V3_EXT_i2d(NID_subject_key_identifier, 0, value);
	ASN1_OCTET_STRING_free(value);
	return extension;
}

static bool
set_url(DIST_POINT *point, const char *url)
{
	GENERAL_NAME *name = GENERAL_NAME_new();
	ASN1_IA5STRING *text = ASN1_IA5STRING_new();

	if (!name || !text || !ASN1_STRING_set(text, url, -1) || !(point->distpoint = DIST_POINT_NAME_new()) ||
	    !(point->distpoint->name.fullname = sk_GENERAL_NAME_new_null()) ||
	    !sk_GENERAL_NAME_push(point->distpoint->name.fullname, name)) {
		GENERAL_NAME_free(name);
		ASN1_IA5STRING_free(text);
		return false;
	}
	point->distpoint->type = 0;	/* fullname */
	GENERAL_NAME_set0_value(name, GEN_URI, text);
	return true;
}

X509_EXTENSION *
ca_form_crl_url(const char *url)
{
	CRL_DIST_POINTS *points = sk_DIST_POINT_new_null();
	DIST_POINT *point = DIST_POINT_new();
	X509_EXTENSION *extension = NULL;

	if (points && point && sk_DIST_POINT_push(points, point)) {
		if (set_url(point, url))
			extension = X509V3_EXT_i2d(NID_crl_distribution_points, 0, points);
		point = NULL;
	}
	DIST_POINT_free(point);
	sk_DIST_POINT_pop_free(points, DIST_POINT_free);
	return extension;
}

static bool
add_upn(GENERAL_NAMES *names, const char *upn)
{
	GENERAL_NAME *name = GENERAL_NAME_new();
	ASN1_UTF8STRING *text = ASN1_UTF8STRING_new();
	ASN1_TYPE *value = ASN1_TYPE_new();

	if (name && text && value && ASN1_STRING_set(text, upn, -1)) {
		ASN1_TYPE_set(value, V_ASN1_UTF8STRING, text);
		text = NULL;
		if (GENERAL_NAME_set0_othername(name, OBJ_nid2obj(NID_ms_upn), value)) {
			value = NULL;
			if (sk_GENERAL_NAME_push(names, name))
				return true;
		}
	}
	GENERAL_NAME_free(name);
	ASN1_UTF8STRING_free(text);
	ASN1_TYPE_free(value);
	return false;
}

static bool
add_email(GENERAL_NAMES *names, const char *email)
{
	GENERAL_NAME *name = GENERAL_NAME_new();
	ASN1_IA5STRING *text = ASN1_IA5STRING_new();

	if (name && text && ASN1_STRING_set(text, email, -1)) {
		GENERAL_NAME_set0_value(name, GEN_EMAIL, text);
		text = NULL;
		if (sk_GENERAL_NAME_push(names, name))
			return true;
	}
	GENERAL_NAME_free(name);
	ASN1_IA5STRING_free(text);
	return false;
}

X509_EXTENSION *
ca_form_person(const char *upn, const char *email)
{
	GENERAL_NAMES *names = sk_GENERAL_NAME_new_null();
	X509_EXTENSION *extension = NULL;

	if (names && add_upn(names, upn) && add_email(names, email))
		extension = X509V3_EXT_i2d(NID_subject_alt_name, 0, names);
	sk_GENERAL_NAME_pop_free(names, GENERAL_NAME_free);
	return extension;
}

bool
ca_form_add(X509 *cert, X509_EXTENSION *extension)
{
	bool ok = extension && X509_add_ext(cert, extension, -1);

	X509_EXTENSION_free(extension);
	return ok;
}
