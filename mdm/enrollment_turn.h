#pragma once
/*
 * enrollment_turn - what check-ins change of a device's enrollment, each in one transaction.
 *
 * Who speaks has been proven (mdm/proof.h); here its certificate is bound to the device that it says it is.
 * Refusals: ERR_MALFORMED "not_its_identity" for another device's identity, audited; ERR_BUSY "came_back" for
 * one that is enrolled as far as it knows, and not as far as we know.  A message whose signature is older than
 * the newest that counted, or that counted itself (mdm/counted.h), was recorded and changes nothing: that is no
 * refusal.
 */
#include "core/seal.h"
#include "mdm/checkin.h"
#include "mdm/inventory.h"
#include "mdm/proof.h"

#define ENROLLMENT_QUIET_S	3600	/* after a CheckOut: what still comes in is a straggler */

/*
 * Under one identity a device begins anew once in this time.  It may do so with every breath, and each beginning would
 * ask it everything, and write that down: what comes sooner changes its push token and what it says of itself, and is answered as
 * ever; what has become of it is looked at when the time is over (mdm/enrollment_settle.h).
 */
#define ENROLLMENT_RETURN_S	3600
/* A clock that was ahead when it last did is no reason. */
bool enrollment_too_soon(const struct enrollment *enrollment);

bool enrollment_authenticate(struct db *db, const struct identity *identity, const struct checkin *checkin,
			     const struct inventory *inventory, struct err *err) CHECKED;
/* sealer NULL: UnlockToken is not kept. */
bool enrollment_token_update(struct db *db, const struct sealer *sealer, const struct identity *identity,
			     const struct checkin *checkin, const struct inventory *inventory, struct err *err) CHECKED;
bool enrollment_check_out(struct db *db, const struct identity *identity, const struct checkin *checkin,
			  struct err *err) CHECKED;

/*
 * It speaks as an enrolled device: a renewed identity becomes its own, one that had left is back.  *ret NULL:
 * there is nothing for it to hear.  Belongs to ctx.
 */
bool enrollment_speaks(TALLOC_CTX *ctx, struct db *db, const struct identity *identity, const struct checkin_who *who,
		       struct enrollment **ret, struct err *err) CHECKED;

/* ---- for proof.c ---- */

struct shown {
	struct enrollment *enrollment;	/* bound to it; NULL */
	bool certificate;		/* has a row; the rest is of it */
	const char *purpose, *session_id;
	int64_t revoked, not_after;
	bool retired;			/* revoked when its enrollment was retired, before it was ever shown */
};
bool enrollment_shown(TALLOC_CTX *ctx, struct db *db, const char *sha256, struct shown *ret, struct err *err) CHECKED;
/* One that it had before; audited, once each. */
void enrollment_old_shown(struct db *db, const struct enrollment *enrollment, const char *sha256);
void enrollment_told(struct db *db, const struct enrollment *enrollment);	/* a retired one: it need not be pushed again */

/* ---- between enrollment.c, enrollment_turn.c and came_back.c ---- */

#define ENROLLMENT_COLUMNS \
	"e.id, e.device_id, d.udid, e.session_id, e.person_id, e.kind, e.state, e.identity, e.next_identity," \
	" e.access_rights, e.topic, e.push_magic, e.token, e.token_at, e.token_bad, e.supervised, e.again," \
	" e.authenticate_signed, e.token_signed, e.ended, e.old_identity, e.old_identity_until, e.old_speaks," \
	" e.returned, e.returns, e.enrolled"
#define ENROLLMENT_COLUMNS_N 26
#define ENROLLMENT_FROM	" FROM enrollment e JOIN device d ON d.id = e.device_id "
struct enrollment *enrollment_of_row(TALLOC_CTX *ctx, struct rows *rows);

/* Ends it, in whatever state it is: its queue, its pushes, for `replaced` and `retired` all its
 * certificates too, shown or not, and what could bring it another. */
bool enrollment_end(struct db *tx, const struct enrollment *enrollment, const char *state, const char *why,
		    struct err *err) CHECKED;
/* It has said that it erases itself, as IT wanted: ends as one that IT released.  Audited. */
bool enrollment_erased(struct db *tx, const struct enrollment *enrollment, struct err *err) CHECKED;
/* The same for all that only began on a device, but for `by` (NULL: all), which is what replaces them. */
bool enrollment_end_staged(struct db *tx, const char *device_id, const struct enrollment *by, const char *state,
			   const char *why, size_t *n, struct err *err) CHECKED;
/* NULL, or of an outside CA: there is no row, and nothing that we could revoke. */
bool enrollment_revoke(struct db *tx, const char *sha256, const char *reason, struct err *err) CHECKED;
/* Makes it the device's own, ends the one before it and those that only began, and tells the house. */
bool enrollment_begin(struct db *tx, const struct enrollment *enrollment, const char *act, struct err *err) CHECKED;
/*
 * The same for one that began anew under its identity a moment ago: it is current, and that is all.  What becomes
 * of it is looked at when the hour is over (mdm/enrollment_settle.h).  One row of the audit, and then a count.
 */
bool enrollment_begin_quietly(struct db *tx, const struct enrollment *enrollment, struct err *err) CHECKED;
const struct enrollment_hooks *enrollment_hooks_of(void **site);
