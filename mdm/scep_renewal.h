#pragma once
/*
 * scep_renewal - the last renewal of a certificate: at most one in SCEP_RENEWAL_S, and the same request again
 * (transaction and key) gets the same certificate again.  Each new one may be renewed at once (certmonger: resubmit,
 * then rekey), so of one that a challenge brought, and all that came of it, there are at most SCEP_RENEWALS_MAX in a day.
 * For mdm/scep_answer.c; what renewed what is for whoever judges identities, and for revoking.
 */
#include "core/db.h"

#define SCEP_RENEWAL_S		600
#define SCEP_RENEWALS_MAX	24	/* of a chain, in a day */

struct scep_renewal {
	const char *certificate;	/* sha256 of the one that is renewed */
	const char *transaction_id, *key_sha256;
};

enum scep_renewal_state { SCEP_RENEWAL_MAY, SCEP_RENEWAL_AGAIN, SCEP_RENEWAL_EARLY, SCEP_RENEWAL_OFTEN };

/* *next: sha256 of the certificate it got, when AGAIN. */
bool scep_renewal_look(TALLOC_CTX *ctx, struct db *db, const struct scep_renewal *renewal,
		       enum scep_renewal_state *ret, char **next, struct err *err) CHECKED;

/* In the transaction that keeps the new one.  *first false: somebody was quicker, keep nothing. */
bool scep_renewal_put(struct db *tx, const struct scep_renewal *renewal, const char *next, bool *first,
		      struct err *err) CHECKED;

/* *ret: the one that this one renewed; NULL: none, or it is not known. */
bool scep_renewal_of(TALLOC_CTX *ctx, struct db *db, const char *certificate, char **ret, struct err *err) CHECKED;
/* All that came of it and are not revoked yet; of those whose origin alone is known, what is no older than it. */
bool scep_renewal_after(TALLOC_CTX *ctx, struct db *db, const char *certificate, const char ***ret, size_t *n,
			struct err *err) CHECKED;
