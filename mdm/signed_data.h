#pragma once
/*
 * signed_data - a SignedData with one signer, read by our own walk (RFC 5652 section 5), and its signature.
 *
 * Of it there is little to read, OpenSSL's decoders take several times as long as the check of a signature, and so
 * hostile bytes meet nothing but the walk and the arithmetic.  BER with indefinite lengths and strings in pieces is
 * read (iOS makes it); what DER says of signed attributes and of certificates is taken at its word: in another form
 * they are other bytes, and no signature fits.
 *
 * Nothing is copied but strings that came in pieces: all points into the message.
 */
#include "core/asn1.h"
#include "core/x509.h"

#define SIGNED_CERTS_MAX	8
#define SIGNED_DIGESTS_MAX	4	/* that it announces */
#define SIGNED_ATTRIBUTES_MAX	32

struct signed_data {
	struct bytes content;			/* what is signed, where it is enclosed */
	struct bytes certificates;
	struct asn1 whom, digest, signature_algorithm;
	bool has_attributes;
	struct bytes attributes;		/* the content of signedAttrs */
	struct bytes signature;
};

/* NULL; or why not, in words for the log.  `attached`: whether the content is to be in it, or not. */
const char *signed_data_read(TALLOC_CTX *ctx, struct bytes der, bool attached, struct signed_data *ret);

/* The certificate of the signer, RFC 5280 section 4.1; its parts with their heads. */
struct signed_cert {
	struct bytes der, issuer, serial, key;	/* key: SubjectPublicKeyInfo */
	struct bytes extensions;		/* the SEQUENCE's content; empty: none */
};
bool signed_data_signer(const struct signed_data *data, struct signed_cert *ret);

/* Does it sign messages, and make no other certificates? */
bool signed_cert_may_sign(const struct signed_cert *cert);

/* The one value, of this tag, of the one attribute of this kind. */
bool signed_data_attribute(const struct signed_data *data, struct bytes oid, uint8_t tag, struct bytes *ret);

/* signingTime, RFC 5652 section 11.3; 0 without one, or with one that is no time. */
int64_t signed_data_time(const struct signed_data *data);

/*
 * "SHA256" and so on, never MD5, and in `kind` the key that it wants: "RSA" or "EC".  NULL: one that is not taken, or a
 * signature that is named after another one.
 */
const char *signed_data_digest(const struct signed_data *data, const char **kind);

/* By this key, over this content; attributes, where there are any, say so and are signed instead of it. */
bool signed_data_verify(TALLOC_CTX *ctx, const struct signed_data *data, struct bytes content, const char *digest,
			EVP_PKEY *key, OSSL_LIB_CTX *lib);
