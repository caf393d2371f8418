#pragma once
/*
 * enrollment - a device under management, from Authenticate to its end.
 *
 * Authenticate only stages: under the certificate that its session issued, and with that session's UDID.
 * The first TokenUpdate under the new identity makes it current: queue, token, binding and declarative
 * state change in one transaction, and what the device had before is `replaced`.  A session of the kind
 * renewal changes the identity and nothing else.  Apple: Authenticate, TokenUpdate, CheckOut.
 * What devices send is mdm/enrollment_turn.h.
 */
#include "mdm/certificate.h"

struct enrollment {
	const char *id, *device_id, *udid, *session_id, *person_id;	/* person_id NULL: nobody */
	const char *kind;		/* "device", "user" */
	const char *state;		/* as in 0012_enrollment.sql */
	const char *identity;		/* sha256 */
	const char *next_identity;	/* of a renewal under way; NULL: none */
	const char *old_identity;	/* before the last renewal, while it is still accepted; NULL: none */
	int64_t old_identity_until;
	int old_speaks;			/* 0: the new one was used since, for good; 1: only the old one was; -1: neither */
	const char *spoken;		/* the one that it speaks with right now; NULL: not known */
	int64_t access_rights;
	const char *topic, *push_magic;
	struct bytes token;		/* empty: cannot be pushed */
	int64_t token_at;
	const char *token_bad;
	int supervised;			/* -1: not reported */
	bool again;			/* Authenticate came anew; its TokenUpdate has not */
	int64_t authenticate_signed, token_signed, enrolled, ended;	/* 0: none */
	int64_t returned, returns;	/* its last new beginning under this identity, 0: none; those that were none since */
};

/* By a certificate that is bound to it: now, by a renewal under way, or until a moment ago; ERR_MISSING. */
bool enrollment_by_identity(TALLOC_CTX *ctx, struct db *db, const char *sha256, struct enrollment **ret,
			    struct err *err) CHECKED;
bool enrollment_get(TALLOC_CTX *ctx, struct db *db, const char *id, struct enrollment **ret, struct err *err) CHECKED;
bool enrollment_of_device(TALLOC_CTX *ctx, struct db *db, const char *device_id, struct enrollment **ret,
			  struct err *err) CHECKED;	/* the current one; ERR_MISSING: not managed */

/*
 * For whom a secret of its own is enveloped: the identity that it speaks with, since another one it may never have
 * taken.  *der empty: that is of an outside CA, and not kept here.
 */
bool enrollment_recipient(TALLOC_CTX *ctx, struct db *db, const struct enrollment *enrollment, struct bytes *der,
			  struct err *err) CHECKED;

/*
 * Has the device left for whose management this certificate was issued, in this session (NULL: none is known)?  Also of one
 * that it never showed.
 */
bool enrollment_has_left(struct db *db, const char *sha256, const char *session_id, bool *ret, struct err *err) CHECKED;

/*
 * By IT: from now on it is told to leave (403 unrecognized.device), by whichever identity it ever had, also when it
 * has left already and could be back.  ERR_MISSING when there is nothing to end.  Audited.
 */
bool enrollment_retire(struct db *db, const char *actor, const char *device_id, const char *why,
		       struct err *err) CHECKED;

/*
 * Whose a device under management is from now on, as IT says; person_id NULL: nobody's.  ERR_MISSING; ERR_CONFLICT
 * "not_enrolled".  What hangs on its person is the caller's (catalog/device_person.h).
 */
bool enrollment_person(struct db *tx, const char *device_id, const char *person_id, bool *changed, struct err *err) CHECKED;

/* As the inventory finds it: -1 not known. */
bool enrollment_supervised(struct db *tx, const char *id, int supervised, struct err *err) CHECKED;

/*
 * What the house above does inside the transaction that changes an enrollment: first commands, the invitation,
 * what hangs on a device (its web clip).  Of the whole process, before anything is served; any may be NULL.
 */
struct enrollment_hooks {
	bool (*enrolled)(struct db *tx, void *site, const struct enrollment *enrollment, struct err *err);
	/* state: "removed", "retired", "replaced" */
	bool (*ended)(struct db *tx, void *site, const struct enrollment *enrollment, const char *state,
		      struct err *err);
	/* It has shown its next identity: what it could not open may have been for another. */
	bool (*renewed)(struct db *tx, void *site, const struct enrollment *enrollment, struct err *err);
	/* We have no token of it: a command that brings a TokenUpdate (its enrollment mobileconfig anew). */
	bool (*wants_token)(struct db *tx, void *site, const struct enrollment *enrollment, struct err *err);
};
void enrollment_hooks(const struct enrollment_hooks *hooks, void *site);
