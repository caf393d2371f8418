#pragma once
/*
 * session - a signed-in browser.  The cookie is kept as a hash; it ends when idle, after its absolute
 * time, at sign-out, and when the password changes.
 *
 * One that a proxy's word began is for the pages of links alone, which that word does not reach: it counts
 * nowhere else and ends after SESSION_VOUCHED_S.  Its csrf value is "": the word has one of its own.
 */
#include "catalog/person.h"

#define SESSIONS_MAX	50	/* of one person; a new one ends the one unused for longest */
#define SESSION_VOUCHED_S	(12 * HOUR_S)

struct session_limits {
	int64_t idle_s, admin_idle_s, absolute_s;
	bool no_local;		/* those of local accounts do not count: they may not sign in */
	bool link;		/* a page of a link asks: those that a proxy's word began count, too */
};

/* *cookie and *csrf belong to ctx.  ERR_SIGN_IN when they are disabled meanwhile, or have another password than the one they
 * signed in by. */
bool session_new(TALLOC_CTX *ctx, struct db *db, const struct person *person, char **cookie,
		 struct err *err) CHECKED;
/* By a proxy's word, for the pages of links. */
bool session_new_vouched(TALLOC_CTX *ctx, struct db *db, const struct person *person, char **cookie,
			 struct err *err) CHECKED;

/* ERR_SIGN_IN when there is none (any more).  Reads only; being used is written behind. */
bool session_open(TALLOC_CTX *ctx, struct db *db, const char *cookie, const struct session_limits *limits,
		  struct person **person, char **csrf, struct err *err) CHECKED;

/* [{created, seen, here}] of a person, the newest first; `cookie` is the one that asks. */
bool session_list(struct db *db, const char *person_id, const char *cookie, json_t **ret, struct err *err) CHECKED;

bool session_end(struct db *db, const char *cookie, struct err *err) CHECKED;
bool session_end_all(struct db *db, const char *person_id, struct err *err) CHECKED;
bool session_sweep(struct db *db, const struct session_limits *limits, struct err *err) CHECKED;
