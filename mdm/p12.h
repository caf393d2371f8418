#pragma once
/*
 * p12 - an identity as the file that a phone takes into a mobileconfig: PKCS #12 (RFC 7292) with a password.
 *
 * What OpenSSL 3 makes by itself (PBES2 with AES-256, a MAC with SHA-256) is refused by older importers of
 * Apple: key and certificates are encrypted with pbeWithSHAAnd3-KeyTripleDES-CBC, and the MAC is HMAC-SHA-1.
 * That protects little; the file goes out inside an enveloped mobileconfig alone.
 */
#include "core/x509.h"

#define P12_NAME_MAX		120	/* bytes of the name that Settings shows */
#define P12_PASSWORD_MAX	100
#define P12_BYTES_MAX		(64u << 10)

/*
 * `above`: the certificates up to the root, may be NULL.  ERR_INVALID when key and certificate do not belong
 * together, or the password is empty (iOS asks for one then).  *ret belongs to ctx.
 */
bool p12_for_device(TALLOC_CTX *ctx, X509 *cert, EVP_PKEY *key, STACK_OF(X509) *above, const char *name,
		    const char *password, struct bytes *ret, struct err *err) CHECKED;
