#pragma once
/*
 * audit - who did what, append-only and hash-chained.
 *
 * Written inside the transaction of the act itself: an act that cannot be recorded does not happen.
 * Each row's hash covers its content and the hash before it, so a changed, missing or moved row is
 * named by audit_verify.
 */
#include <jansson.h>
#include "core/db.h"

#define AUDIT_TEXT_MAX	(16 << 10)	/* bytes of one column; more is refused, and so is the act */
#define AUDIT_PAGE_MAX	1000		/* rows of one audit_list */

/* `actor` is a person's name, "anna (token <id>)", "cli" or "system"; `detail` may be NULL. */
bool audit_add(struct db *tx, const char *actor, const char *act, const char *object, const char *detail,
	       struct err *err) CHECKED;

/* ---- reading ---- */

struct audit_filter {
	const char *actor;	/* a person: what their tokens did, too; NULL: anybody */
	const char *act, *object;	/* NULL: any */
	int64_t from, until;	/* seconds; until is outside, 0: no end */
	int64_t before;		/* older than this row; 0: from the newest */
};

/* {items[{id,at,actor,act,object,detail,hash}], next}, newest first; at is ISO 8601, detail may be null. */
bool audit_list(struct db *db, const struct audit_filter *filter, int64_t limit, json_t **ret,
		struct err *err) CHECKED;

/* ---- verifying ---- */

/* Walks the chain; false with "row 17: ..." (ERR_INVALID) at the first break.  *rows: how many were right. */
bool audit_verify(struct db *db, int64_t *rows, struct err *err) CHECKED;

/* What came out when the chain was last walked. */
struct audit_check {
	int64_t at;		/* 0: never */
	int64_t rows;		/* right ones, from the first */
	const char *broken;	/* "row 17: ..."; NULL: all were right */
	const char *newest;	/* hash of the last right row, to be kept where no one here can write */
};

/* Walks and remembers; false only when it could not be walked or remembered. */
bool audit_check(TALLOC_CTX *ctx, struct db *db, struct audit_check *ret, struct err *err) CHECKED;
bool audit_checked(TALLOC_CTX *ctx, struct db *db, struct audit_check *ret, struct err *err) CHECKED;
