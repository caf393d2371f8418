#pragma once
/*
 * proof - which device speaks: by Mdm-Signature over the exact body, or by the certificate that it has shown in
 * TLS, to us or to a trusted proxy.
 *
 * What is proven is the possession of a key; whose certificate it is, is judged by its row: of purpose "mdm",
 * not revoked, not expired for longer than the grace; or by the chain of an outside CA that is trusted.  A
 * certificate says nothing of itself here: neither its subject nor its dates are read when there is a row.  Of one
 * without a row the subject is what our SCEP payload asked for, and names its session; it is an identity's.
 *
 * Refusals: ERR_MALFORMED "no_identity" and "bad_identity" (400); ERR_DENIED "retired" (403: the device leaves, but for
 * those that `leaves` is set for, which are no refusal);
 * ERR_BUSY "came_back" (503) for a certificate of ours that we know nothing of, or of an outside CA for a session that
 * we know nothing of (mdm/came_back.h).  Never ERR_SIGN_IN.
 */
#include "mdm/ca.h"
#include "mdm/enrollment.h"

#define PROOF_SIGNATURE_MAX	(24u << 10)	/* characters of the header */

/* A key that was shown to be in its hands. */
struct proof {
	struct bytes der;		/* its certificate */
	bool live;			/* by the connection: it cannot be a recording */
	int64_t signed_at;		/* signingTime, 0: none or live */
};

/* `text`: the header Mdm-Signature, base64 of a detached CMS SignedData. */
bool proof_by_signature(TALLOC_CTX *ctx, const char *text, struct bytes body, struct proof *ret,
			struct err *err) CHECKED;

struct identity {
	char sha256[X509_FINGERPRINT_SIZE];
	struct proof proof;
	bool ours;			/* we issued it, and have its row */
	bool known;			/* we have its row, or it is of an outside CA that is trusted; false: came back */
	const char *session_id;		/* it was issued in; without a row: that its subject names; NULL: none */
	struct enrollment *enrollment;	/* it is bound to; NULL: to none yet */
	const char *leaves;		/* retired, and 403 says nothing to it: mdm/leaving.h; NULL: else */
	int64_t ends;			/* of one by a CA that is trusted: what the certificate says; 0: it has a row */
};

/* Belongs to ctx.  grace_s: how long an expired one of a current enrollment is accepted, so that it can be renewed. */
bool proof_judge(TALLOC_CTX *ctx, struct db *db, struct ca *ca, const struct proof *proof, int64_t grace_s,
		 struct identity **ret, struct err *err) CHECKED;

/* The session that its subject names; NULL: it is none that we give to identities, or ask an outside CA for. */
const char *proof_session_named(TALLOC_CTX *ctx, X509 *cert);
