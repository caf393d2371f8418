#pragma once
/*
 * calendar - addresses of feeds that a calendar program reads without signing in.
 *
 * The token is in the address, shown once and kept as a hash.  A feed shows what its person may see at that moment:
 * who is disabled, or has no part in it any more, has none.
 */
#include "catalog/person.h"

#define CALENDARS_MAX	10	/* of one person */

/* *token: 27 characters, for the only time.  ERR_LIMIT when the person has CALENDARS_MAX. */
bool calendar_new(TALLOC_CTX *ctx, struct db *db, const struct person *person, char **token, struct err *err) CHECKED;

/* Whose it is; ERR_MISSING for any other token, and for one of who is disabled. */
bool calendar_open(TALLOC_CTX *ctx, struct db *db, const char *token, struct person **ret, struct err *err) CHECKED;

/* [{id, created, used|null}] of a person, the newest first. */
bool calendar_list(struct db *db, const struct person *person, json_t **ret, struct err *err) CHECKED;
bool calendar_revoke(struct db *db, const struct person *person, const char *id, struct err *err) CHECKED;	/* one's own */
