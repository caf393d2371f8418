#pragma once
/*
 * refusals - how often a device that was refused is written into the audit.
 *
 * A device may repeat itself for ever, and one with an identity that is not its own may claim one UDID after the other:
 * each UDID that an identity claims is written once in REFUSALS_S, REFUSALS_CLAIMS of them, and what comes after is counted
 * in one row when that time is over.  Identities beyond REFUSALS_IDENTITIES share one place, so that whoever has many of
 * them writes no more than (REFUSALS_IDENTITIES + 1) * (REFUSALS_CLAIMS + 1) rows in that time.
 *
 * In memory alone, of this process: a kill loses the count, which the last row of those written has announced.
 */
#include "core/clock.h"
#include "core/db.h"

#define REFUSALS_S		HOUR_S
#define REFUSALS_CLAIMS		10
#define REFUSALS_IDENTITIES	64

/*
 * Says that `identity` was refused as `claimed`, of `object` in the audit; `db` is the one outside of a transaction.  Written
 * behind, or counted.  True: it was written, so the log may have it too.
 */
bool refusals_note(struct db *db, const char *identity, const char *object, const char *claimed, const char *why);
void refusals_sweep(struct db *db);	/* counts whose time is over become rows, written behind */
void refusals_forget(void);		/* all of it, for tests */
