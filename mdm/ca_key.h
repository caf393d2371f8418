#pragma once
/*
 * ca_key - the five things that are done with private keys of the authority, and all of them: sign a
 * certificate, sign a CRL, sign an OCSP response, sign a CMS message, and RSA on the key of an envelope.
 *
 * A key is a handle of OpenSSL (EVP_PKEY), made in one place, authority_open_key: whether the number behind
 * it stands in this process, in a token (a PKCS#11 provider) or in another process is decided there.  All five
 * work on the calling thread's own handles.
 */
#include "mdm/ca.h"
#include <openssl/ocsp.h>

/* Sets algorithm and signature: RSA and P-256 with SHA-256, P-384 with SHA-384. */
bool ca_key_sign_cert(X509 *cert, EVP_PKEY *key, struct err *err) CHECKED;
bool ca_key_sign_crl(X509_CRL *crl, EVP_PKEY *key, struct err *err) CHECKED;
/* The responder is named by its key, and its certificate goes along. */
bool ca_key_sign_ocsp(OCSP_BASICRESP *basic, X509 *cert, EVP_PKEY *key, struct err *err) CHECKED;

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
 * RSA with the key of ca_decrypter and nothing else, no padding looked at: `out` has in.len bytes.  What comes out
 * is judged by mdm/scep_envelope.c, in a way that tells nobody (RFC 3218).  `ca` is a struct ca: a scep_rsa.
 */
bool ca_key_rsa(void *ca, struct bytes in, unsigned char *out);
