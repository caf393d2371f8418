#pragma once
/*
 * audit - who did what, append-only and hash-chained.
 *
 * Written inside the transaction of the act itself: an act that cannot be recorded does not happen.
 * Each row's hash covers its content and the hash before it, so a changed, missing or moved row is
 * named by audit_verify.
 */
#include "core/db.h"

#define AUDIT_TEXT_MAX	(16 << 10)	/* bytes of one column; more is refused, and so is the act */

/* `actor` is a person's name, "token:<id>", "cli" or "system"; `detail` may be NULL. */
bool audit_add(struct db *tx, const char *actor, const char *act, const char *object, const char *detail,
	       struct err *err) CHECKED;

/* Walks the chain; false with "row 17: ..." at the first break.  *rows: how many were right. */
bool audit_verify(struct db *db, int64_t *rows, struct err *err) CHECKED;
