#pragma once
/*
 * counted - the check-ins of an enrollment that counted: a recording of one changes nothing.
 *
 * Not every iOS signs a time along, and a time alone cannot tell the last message from its recording.  So each
 * that changed something is remembered by its body and the time that was signed with it, and not by its signature:
 * who has a recording may write the same signature in other bytes (BER; the two forms of an ECDSA one).  The last
 * COUNTED_MAX of an enrollment are remembered; those with a time need no longer memory, since older ones are stale.
 */
#include "core/db.h"
#include "mdm/certificate.h"

#define COUNTED_MAX	64

/* NULL for what cannot be a recording.  Outside of a transaction. */
char *counted_name(TALLOC_CTX *ctx, struct bytes body, int64_t signed_at);

/* name NULL: never, and nothing is kept. */
bool counted_before(struct db *tx, const char *enrollment_id, const char *name, bool *ret, struct err *err) CHECKED;
bool counted_keep(struct db *tx, const char *enrollment_id, const char *name, struct err *err) CHECKED;
