#pragma once
/*
 * enrollment_welcome - whether a device may come into management, or come back into it, at this moment.
 *
 * Asked in the transaction that would let it in: at Authenticate, at the TokenUpdate that begins an enrollment, and
 * whenever one that has left is back.  Refusals: ERR_MALFORMED "not_its_identity", audited.  For enrollment_turn.c.
 */
#include "mdm/enrollment_bind.h"

struct comer {
	struct db *db;			/* outside of the transaction */
	const struct identity *identity;
	const char *udid;
};

/* By a session of its own: its person is let in, and a UDID that nobody has proven takes no device from another. */
bool enrollment_welcome(struct db *tx, const struct comer *comer, const struct enroll_session *session,
			struct err *err) CHECKED;

/* Which has begun and is to be true now. */
bool enrollment_welcome_begun(struct db *tx, const struct comer *comer, const struct enrollment *e, struct err *err) CHECKED;

/* Under the identity that it had: whoever has it, as IT says it now, is let in. */
bool enrollment_welcome_back(struct db *tx, const struct comer *comer, const struct enrollment *e, struct err *err) CHECKED;
