#pragma once
/*
 * public_key - public keys as bytes.  OpenSSL 3.0 takes longer over these than over an RSA verification, so
 * RSA is written here.  RFC 8017 A.1.1, RFC 5280 4.1.2.7.
 */
#include "core/x509.h"

#define PUBLIC_KEY_BITS_MIN	2048
#define PUBLIC_KEY_BITS_MAX	4096

/* RSA of a sound size and form, so that a certificate for it is worth something; else ERR_INVALID. */
bool public_key_check(EVP_PKEY *key, struct err *err) CHECKED;

bool public_key_rsa(TALLOC_CTX *ctx, EVP_PKEY *key, struct bytes *ret, struct err *err) CHECKED;	/* RSAPublicKey */
bool public_key_der(TALLOC_CTX *ctx, EVP_PKEY *key, struct bytes *ret, struct err *err) CHECKED;	/* SubjectPublicKeyInfo */

/* An RSA key of a SubjectPublicKeyInfo, checked as public_key_check does; the caller frees it.  `spki` passed asn1_gate. */
bool public_key_read(struct bytes spki, OSSL_LIB_CTX *lib, EVP_PKEY **ret, struct err *err) CHECKED;
