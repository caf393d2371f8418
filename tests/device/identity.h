#pragma once
/*
 * identity - keys and certificates of the tests' own making, for phone.h's files alone.
 */
#include "tests/device/phone.h"

enum identity_use { IDENTITY_CA, IDENTITY_DEVICE, IDENTITY_CIPHER, IDENTITY_CRITICAL };

EVP_PKEY *identity_key(void);
char *identity_uuid(TALLOC_CTX *ctx);	/* a random one, in capitals as Apple writes them */

/* subject: O, OU, CN, each may be NULL; issuer NULL: self-signed.  The caller frees it. */
X509 *identity_cert(const char *const subject[3], EVP_PKEY *key, X509 *issuer, EVP_PKEY *issuer_key,
		    enum identity_use use);
