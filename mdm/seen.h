#pragma once
/*
 * seen - when a device was last heard of, and from where.
 *
 * Devices speak thousands of times a second and this is wanted to the minute, so it is kept in memory and
 * written behind, at most every SEEN_FLUSH_S seconds, in the order of ids.  A crash forgets that much.
 */
#include "core/db.h"

#define SEEN_FLUSH_S	10
#define SEEN_MAX	8192	/* devices in memory; one more, and they are written early */

struct seen;

/* Talloc child of ctx; freeing it writes what it has. */
bool seen_new(TALLOC_CTX *ctx, struct db *db, struct seen **ret, struct err *err) CHECKED;
void seen_note(struct seen *seen, const char *device_id, const char *address);	/* from any thread; never waits for the database */
void seen_flush(struct seen *seen);	/* now: as write-behind; for tests */
