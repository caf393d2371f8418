#pragma once
/*
 * enrollment_bind - which enrollment a certificate belongs to, and whether the device that shows it may.
 *
 * Decided by the session that the certificate was issued in, never by guesswork: a new enrollment, the renewal of
 * an identity and a second person on the same device are told apart by it alone.  For enrollment_turn.c.
 */
#include "mdm/enroll_session.h"
#include "mdm/enrollment_turn.h"

enum binding {
	BOUND_CURRENT,	/* the identity that the enrollment has */
	BOUND_NEXT,	/* its next one */
	BOUND_OLD,	/* the one before its last renewal: served, and changes nothing of who it is */
	BOUND_RENEWAL,	/* its next one, shown for the first time: of a renewal's session, or renewed by SCEP itself */
	BOUND_NEW,	/* of a session that has no enrollment yet */
	BOUND_NOT	/* of none */
};

struct bound {
	enum binding how;
	struct enrollment *enrollment;	/* NULL for BOUND_NEW, BOUND_NOT */
	bool lost;			/* BOUND_NOT, of an outside CA: its session is not in our records, and they may be old */
	struct enroll_session *session;	/* NULL for BOUND_CURRENT, BOUND_NEXT, BOUND_OLD, BOUND_NOT, and when it is forgotten */
};

bool enrollment_bind(TALLOC_CTX *ctx, struct db *db, const struct identity *identity, const char *udid,
		     struct bound *ret, struct err *err) CHECKED;

/* The device that the certificate was issued to is the one that speaks.  `db` is the one outside of a transaction. */
bool enrollment_same_device(struct db *db, const struct identity *identity, const struct bound *b,
			    const struct checkin_who *who, struct err *err) CHECKED;

/* One who left may be back, unless the device is under management by another identity. */
bool enrollment_may_return(struct db *db, struct db *tx, const struct identity *identity, const struct bound *b,
			   const struct checkin_who *who, struct err *err) CHECKED;

/* It speaks as if it were enrolled: nobody who may still choose which device to be is listed as come back. */
bool enrollment_may_come_back(struct db *db, const struct identity *identity, const struct bound *b,
			      const struct checkin_who *who, struct err *err) CHECKED;

/* Always false: ERR_MALFORMED "not_its_identity"; audited as mdm/refusals.h says. */
bool enrollment_refuse(struct db *db, const struct identity *identity, const char *udid, const char *why,
		       struct err *err) CHECKED;

bool enrollment_is(const struct enrollment *enrollment, const char *state);
