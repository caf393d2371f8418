#pragma once
/*
 * certificate - every certificate that we issued, for as long as somebody could show it.
 *
 * Revoking is for ever: a second time changes nothing.  It is in the CRL (mdm/ca.h) from the commit on.
 */
#include <jansson.h>
#include "core/db.h"
#include "core/x509.h"


/* RFC 5280 section 5.3.1; those that a CA of devices has a use for. */
#define CERTIFICATE_REASONS(R) \
	R("unspecified", 0) R("keyCompromise", 1) R("affiliationChanged", 3) R("superseded", 4) \
	R("cessationOfOperation", 5) R("privilegeWithdrawn", 9)

struct certificate {
	const char *sha256, *serial, *authority_id, *purpose, *subject, *key_sha256;
	const char *session_id;		/* NULL: none */
	const char *enrollment_id;	/* of the device that it was made for by itself (mdm/challenge.h); NULL: none */
	const char *device_id;		/* that device's, when it was read from here; NULL */
	struct bytes der;
	int64_t not_before, not_after, issued;
	int64_t revoked;		/* 0: is not */
	const char *reason;
};

bool certificate_keep(struct db *tx, const struct certificate *cert, struct err *err) CHECKED;
bool certificate_find(TALLOC_CTX *ctx, struct db *db, const char *sha256, struct certificate **ret,
		      struct err *err) CHECKED;	/* ERR_MISSING */
/* ERR_MISSING; ERR_INVALID for a reason that is not in the table above. */
bool certificate_revoke(struct db *tx, const char *sha256, const char *reason, struct err *err) CHECKED;
/*
 * Those of management that were issued for this enrollment, whether they were ever shown or not: in its own session
 * (NULL: none is known) and in those that renewed it.  Not those of the session `but` (NULL: of all).
 */
bool certificate_revoke_all(struct db *tx, const char *enrollment_id, const char *session_id, const char *but,
			    const char *reason, struct err *err) CHECKED;
/* Those that were made for this device by themselves, and what renewed them: they end with its enrollment. */
bool certificate_revoke_bound(struct db *tx, const char *enrollment_id, const char *reason, struct err *err) CHECKED;
/* The same management of the same device, by another enrollment: came_back.h. */
bool certificate_bind_again(struct db *tx, const char *from, const char *to, struct err *err) CHECKED;
/* The same as certificate_revoke_all but for these two (`also` may be NULL): a device has shown the one, and had the other before. */
bool certificate_revoke_others(struct db *tx, const char *enrollment_id, const char *session_id, const char *sha256,
			       const char *also, const char *reason, struct err *err) CHECKED;
/* A serial as people write it: hex, colons and capitals do not matter.  ERR_MISSING. */
bool certificate_by_serial(TALLOC_CTX *ctx, struct db *db, const char *serial, const char **sha256,
			   struct err *err) CHECKED;
int certificate_reason(const char *name);	/* its number; -1: none */

/* Of the SubjectPublicKeyInfo, as in the row: the same for the same key, wherever it comes from. */
bool certificate_key_sha256(EVP_PKEY *key, char hex[X509_FINGERPRINT_SIZE], struct err *err) CHECKED;

/* ---- by an admin; audited ---- */

/*
 * A certificate renews itself: whoever has a key that is stolen has what it was renewed to, too.  So with it goes all that
 * came of it by renewals, unless the reason says that it was replaced, or nothing.  *also (may be NULL): how many those were.
 */
bool certificate_revoke_by(struct db *db, const char *actor, const char *sha256, const char *reason, int64_t *also,
			   struct err *err) CHECKED;

/*
 * Newest first.  `search`: a part of the subject, or how a serial or fingerprint begins; NULL or "": all.
 * {items[{sha256, serial, subject, purpose, device, issued, not_before, not_after, revoked, reason, state}], next};
 * device: the id of the one that it was made for by itself, or null.
 */
bool certificate_list(struct db *db, const char *search, const char *after, int64_t limit, json_t **ret,
		      struct err *err) CHECKED;
bool certificate_show(struct db *db, const char *sha256, json_t **ret, struct err *err) CHECKED;	/* one such item */
/* [{purpose, valid, revoked, expired}], by purpose; and {valid, revoked, expired} of all. */
bool certificate_counts(struct db *db, json_t **by_purpose, json_t **all, struct err *err) CHECKED;

/* ---- for the CRL: of all authorities with this key, not expired ---- */
typedef bool certificate_revoked_fn(void *arg, const char *serial, int64_t at, const char *reason, struct err *err);
bool certificate_each_revoked(struct db *db, const char *key_id, int64_t now, certificate_revoked_fn *fn, void *arg,
			      struct err *err) CHECKED;
