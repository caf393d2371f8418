#pragma once
/*
 * scep - the SCEP client of iOS: RFC 8894 as Apple's open SecSCEP.c and scep.c do it, and as strictly.
 *
 * GetCACaps split at LF and compared whole, GetCACert by exact content type, RA certificates by key usage,
 * a throw-away self-signed signer, messageType 19 always, and of the reply everything of RFC 8894 section 3.3.2.
 */
#include "tests/device/device.h"
#include "tests/device/tree.h"

struct scep_caps {
	bool aes, des3, post, renewal, standard;
	const EVP_MD *digest;
};

struct scep_wish {
	struct http_conn *conn;
	plist_t payload;	/* PayloadContent of com.apple.security.scep */
	EVP_PKEY *key;
	bool get, des3;		/* although the server can do better */
	bool outside;		/* not ours: what iOS puts up with is enough */
	X509 *old;		/* signs with this identity instead of a throw-away one; NULL: none */
	EVP_PKEY *old_key;
	int retries_max;	/* of a PENDING request; < 0: as the payload says */
};

/* Refuses what iOS would; a FAILURE is a refusal that names the failInfo.  The certificate belongs to ctx. */
X509 *scep_enroll(TALLOC_CTX *ctx, const struct scep_wish *wish);

/* ---- scep_request.c, scep_reply.c: the two halves of it ---- */
enum scep_attribute { SCEP_TYPE = 2, SCEP_STATUS, SCEP_FAIL_INFO, SCEP_SENDER_NONCE, SCEP_RECIPIENT_NONCE, SCEP_TRANSACTION };
#define SCEP_NONCE_SIZE 16

struct scep_request {
	const char *type;		/* "19", "20" */
	const char *transaction;	/* 40 upper-case hex: SHA-1 of the public key */
	unsigned char nonce[SCEP_NONCE_SIZE];
	X509 *signer;			/* whose key the reply is enveloped to */
	EVP_PKEY *signer_key;
	EVP_PKEY *key;			/* what the certificate is to be for */
	const EVP_CIPHER *cipher;
	const EVP_MD *md;
	bool outside;			/* the reply may be in single DES, and bring the CA behind the certificate */
};

/* The CA as GetCACert shows it. */
struct scep_ca {
	X509 *sign, *encrypt;
};

ASN1_OBJECT *scep_oid(enum scep_attribute which);	/* lent */
struct bytes scep_csr(TALLOC_CTX *ctx, plist_t payload, EVP_PKEY *key);
X509 *scep_throwaway(TALLOC_CTX *ctx, EVP_PKEY *key);
const char *scep_transaction(TALLOC_CTX *ctx, EVP_PKEY *key);
struct bytes scep_poll_content(TALLOC_CTX *ctx, const struct scep_ca *ca, plist_t payload);
/* content: PKCS#10, or IssuerAndSubject of a poll.  Fills request->nonce. */
struct bytes scep_message(TALLOC_CTX *ctx, struct scep_request *request, const struct scep_ca *ca, struct bytes content);

/* NULL: PENDING. */
X509 *scep_read(TALLOC_CTX *ctx, const struct scep_request *request, const struct scep_ca *ca, struct bytes reply);
