#pragma once
/*
 * csr - a PKCS#10 request from inside a SCEP envelope (RFC 2986; challengePassword: RFC 2985 section 5.4.1).
 *
 * Of what it asks for only the public key counts, and the challenge that goes with it: subject and extensions
 * are not looked at (but for an admin who decides by hand).  Its own signature proves that the sender has the
 * key.
 *
 * Belongs to the thread that read it.  ERR_INVALID "bad_request" for all that can be wrong with one.
 */
#include "mdm/certificate.h"

#define CSR_BYTES_MAX		(16u << 10)
#define CSR_CHALLENGE_MAX	255	/* bytes */
#define CSR_ATTRIBUTES_MAX	16

struct csr {
	EVP_PKEY *key;			/* ends with the request */
	char key_sha256[X509_FINGERPRINT_SIZE];
	const char *challenge;		/* "": none */
	struct bytes der, subject;	/* as sent, the subject a Name */
};

bool csr_read(TALLOC_CTX *ctx, struct bytes der, struct csr **ret, struct err *err) CHECKED;

/* What it asks to be called, RFC 4514, for people; "" when that cannot be written. */
char *csr_subject(TALLOC_CTX *ctx, const struct csr *csr);
