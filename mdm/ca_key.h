#pragma once
/*
 * ca_key - the four things that are done with private keys of the authority, and all of them: sign a
 * certificate, sign a CRL, sign a CMS message, open an envelope.
 *
 * A key is a handle of OpenSSL (EVP_PKEY), made in one place, authority_open_key: whether the number behind
 * it stands in this process, in a token (a PKCS#11 provider) or in another process is decided there.  All four
 * work on the calling thread's own handles.
 */
#include "mdm/ca.h"

/* Sets algorithm and signature: RSA and P-256 with SHA-256, P-384 with SHA-384. */
bool ca_key_sign_cert(X509 *cert, EVP_PKEY *key, struct err *err) CHECKED;
bool ca_key_sign_crl(X509_CRL *crl, EVP_PKEY *key, struct err *err) CHECKED;

/*
 * SignedData by what signs SCEP's answers (ca_signer): SHA-256, its certificate inside, these signed
 * attributes besides contentType, messageDigest and signingTime.  `content` NULL: without any (eContent absent).
 */
struct ca_key_attribute {
	const char *oid;	/* dotted */
	int type;		/* V_ASN1_PRINTABLESTRING, V_ASN1_OCTET_STRING ... */
	struct bytes value;
};
bool ca_key_sign_cms(TALLOC_CTX *ctx, struct ca *ca, const struct bytes *content,
		     const struct ca_key_attribute *attributes, size_t attributes_n, struct bytes *der,
		     struct err *err) CHECKED;

/*
 * EnvelopedData addressed to ca_decrypter, and to nobody else.  Every failure is the same ERR_INVALID
 * "bad_envelope", and a wrong padding takes the same work as a right one (RFC 3218).
 */
bool ca_key_open(TALLOC_CTX *ctx, struct ca *ca, CMS_ContentInfo *envelope, struct bytes *plain,
		 struct err *err) CHECKED;
