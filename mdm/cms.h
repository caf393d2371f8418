#pragma once
/*
 * cms - signed messages (RFC 5652): those of devices are opened, mobileconfigs are signed, and enveloped for
 * the one device that may read them.
 *
 * What comes from outside is judged by our own walk of its ASN.1 before OpenSSL reads it: SignedData
 * and nothing else, one signer, few certificates and digests.  Then the signer's chain, then its
 * signature: a stranger's key is not used for anything.  OpenSSL 3.0 gets slower with every thread
 * that shares its library context, so each thread has its own (struct cms_trust is shared by all).
 *
 * Refusals: ERR_MALFORMED "bad_cms" when it cannot be read, ERR_DENIED "bad_signature" when it was not
 * signed by whom we believe, or was changed since.
 */
#include <stdint.h>
#include "core/x509.h"

#define CMS_BYTES_MAX	(64u << 10)	/* of a message from outside */
#define CMS_CERTS_MAX	8		/* in a message */
#define CMS_DIGESTS_MAX	4		/* that a message announces */
#define CMS_TRUSTS_MAX	8		/* that one message is tried with */
#define CMS_CHAIN_MAX	4		/* certificates between a signer and its anchor */

/* ---- opening ---- */

/* Certificates that we believe.  Expired ones too: what devices are signed with has long run out. */
struct cms_trust;

enum cms_way {
	CMS_DIRECT,	/* signers come right from one of these certificates: others above or between do not count */
	CMS_CHAINED	/* the message may bring certificates that lead to one of them */
};

bool cms_trust_new(TALLOC_CTX *ctx, const STACK_OF(X509) *certs, enum cms_way way, struct cms_trust **ret,
		   struct err *err) CHECKED;

struct cms_opened {
	struct bytes content;		/* belongs to ctx */
	struct bytes signer;		/* its certificate, DER */
	size_t trust;			/* which of `trusts` vouches for it */
};

/* Attached content; `trusts` in order of preference, those that are NULL are left out. */
bool cms_open(TALLOC_CTX *ctx, struct bytes der, const struct cms_trust *const *trusts, size_t trusts_n,
	      struct cms_opened *ret, struct err *err) CHECKED;

struct cms_detached {
	struct bytes signer;		/* its certificate, DER; belongs to ctx */
	int64_t signed_at;		/* signingTime; 0: it does not say */
};

/*
 * A signature of `content`, which is not in it.  Whose certificate the signer's is, is the caller's to judge: only
 * that its key signed these bytes is proven.
 */
bool cms_open_detached(TALLOC_CTX *ctx, struct bytes der, struct bytes content, struct cms_detached *ret,
		       struct err *err) CHECKED;

/* ---- sealing ---- */

struct cms_signer;

/* PEM: a certificate with those above it, and its key.  ERR_INVALID when they do not belong together. */
bool cms_signer_read(TALLOC_CTX *ctx, struct bytes cert_pem, struct bytes key_pem, struct cms_signer **ret,
		     struct err *err) CHECKED;

bool cms_signer_expires(const struct cms_signer *signer, time_t *ret, struct err *err) CHECKED;

/* SignedData with the content inside and the chain, SHA-256, DER. */
bool cms_sign(TALLOC_CTX *ctx, const struct cms_signer *signer, struct bytes content, struct bytes *ret,
	      struct err *err) CHECKED;

/*
 * EnvelopedData for the key of one certificate (DER), which must be RSA: AES-256-CBC and PKCS #1 v1.5, DER.
 * iOS opens neither GCM nor OAEP.  ERR_INVALID for a certificate with another key.
 */
bool cms_envelope(TALLOC_CTX *ctx, struct bytes cert_der, struct bytes content, struct bytes *ret,
		  struct err *err) CHECKED;
