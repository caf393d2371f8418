#pragma once
/*
 * enrollment - a device under management, from Authenticate to its end.
 *
 * Authenticate only stages: under the certificate that its session issued, and with that session's UDID.
 * The first TokenUpdate under the new identity makes it current: queue, token, binding and declarative
 * state change in one transaction, and what the device had before is `replaced`.  A session of the kind
 * renewal changes the identity and nothing else.  protocol.md 1.3; Apple: Authenticate, TokenUpdate, CheckOut.
 */
#include <jansson.h>
#include "mdm/certificate.h"

struct enrollment {
	const char *id, *device_id, *udid, *session_id, *person_id;	/* person_id NULL: nobody */
	const char *kind;		/* "device", "user" */
	const char *state;		/* as in 0012_enrollment.sql */
	const char *identity;		/* sha256 */
	int64_t access_rights;
	const char *topic, *push_magic;
	struct bytes token;		/* empty: cannot be pushed */
	int64_t token_at;
	const char *token_bad;
	int supervised;			/* -1: not reported */
};

/* By a certificate that is bound to it, now or by a renewal under way; ERR_MISSING. */
bool enrollment_by_identity(TALLOC_CTX *ctx, struct db *db, const char *sha256, struct enrollment **ret,
			    struct err *err) CHECKED;
bool enrollment_get(TALLOC_CTX *ctx, struct db *db, const char *id, struct enrollment **ret, struct err *err) CHECKED;
bool enrollment_of_device(TALLOC_CTX *ctx, struct db *db, const char *device_id, struct enrollment **ret,
			  struct err *err) CHECKED;	/* the current one; ERR_MISSING: not managed */

/* By IT: from now on it is told to leave (403 unrecognized.device).  Audited. */
bool enrollment_retire(struct db *db, const char *actor, const char *device_id, const char *why,
		       struct err *err) CHECKED;
