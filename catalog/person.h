#pragma once
/*
 * person - who may do what: accounts and roles, kept here, in the company's directory, or vouched for
 * by a proxy.
 *
 * Passwords of local accounts are argon2id (m=19 MiB, t=2, p=1).  A wrong name costs the same time and
 * gives the same words as a wrong password.  After PERSON_FAILURES_FREE wrong ones in a row each further
 * one locks the name for twice as long, up to an hour, whether anybody has it or not.
 */
#include <jansson.h>
#include "core/db.h"

#define PERSON_NAME_MAX		64
#define PERSON_APPS_MAX		1000	/* named apps of one publisher */
#define PASSWORD_MIN		8
#define PASSWORD_MAX		1024
#define PERSON_FAILURES_FREE	5
#define PERSON_LOCK_MAX_S	3600

enum role { ROLE_MEMBER, ROLE_PUBLISHER, ROLE_ADMIN };

struct person {
	const char *id, *name;
	enum role role;
	const char *source;		/* "local", "directory" or "proxy": who knows the password */
	const char *const *apps;	/* a publisher's, by bundle id, ends with NULL; NULL: every app */
	const char *password;		/* the hash of the one that they have just signed in by; NULL: they have not */
	bool password_once;		/* signed in by a password that must be changed first */
	bool resting;			/* not confirmed for long (people_rest.h): nothing of theirs opens anything */
	const char *token_id;		/* NULL: a session */
	const char *scope;		/* the token's; NULL: a session */
	const char *bundle_id;		/* the only app the token may touch; NULL: all */
};

const char *role_name(enum role role);
bool role_parse(const char *name, enum role *ret, struct err *err) CHECKED;

/* ---- reading: by whoever joins table person as p ---- */
/* May what is theirs open anything?  Of the person of this alias. */
#define PERSON_IS_IN(p)		"(NOT " p ".disabled AND NOT " p ".resting)"
#define PERSON_COLUMNS		"p.id, p.name, p.role, p.source, p.password_once, p.all_apps, p.resting"
#define PERSON_COLUMNS_N	7
/* From the row that has PERSON_COLUMNS from column `at` on. */
bool person_from(TALLOC_CTX *ctx, struct db *db, struct rows *rows, int at, struct person **ret,
		 struct err *err) CHECKED;

/* Also of who is disabled: no directory is ever told a password of theirs. */
bool person_is_local(struct db *db, const char *name, bool *ret, struct err *err) CHECKED;

/* ERR_MISSING for who is disabled, too. */
bool person_by_name(TALLOC_CTX *ctx, struct db *db, const char *name, struct person **ret,
		    struct err *err) CHECKED;
bool person_by_id(TALLOC_CTX *ctx, struct db *db, const char *id, struct person **ret, struct err *err) CHECKED;
bool person_count(struct db *db, int64_t *ret, struct err *err) CHECKED;

/* ---- local accounts ---- */

/* ERR_CONFLICT when the name is taken, ERR_INVALID when name or password are no good. */
bool person_add(struct db *db, const char *actor, const char *name, enum role role, const char *password,
		struct err *err) CHECKED;
/* Also ends the person's sessions and forgets wrong passwords; ERR_CONFLICT for who has none of ours. */
bool person_set_password(struct db *db, const char *actor, const char *name, const char *password,
			 struct err *err) CHECKED;
/* The same with a password that is good for one sign-in and must be changed then. */
bool person_add_once(struct db *db, const char *actor, const char *name, enum role role, const char *password,
		     struct err *err) CHECKED;
bool person_set_password_once(struct db *db, const char *actor, const char *name, const char *password,
			      struct err *err) CHECKED;
bool person_name_ok(const char *name, struct err *err) CHECKED;

/* Takes tens of milliseconds on purpose.  ERR_SIGN_IN, or ERR_RATE while locked. */
bool person_sign_in(TALLOC_CTX *ctx, struct db *db, const char *name, const char *password,
		    struct person **ret, struct err *err) CHECKED;
/* As long as a refusal by person_sign_in takes, for a name that was refused elsewhere. */
bool person_as_long(struct db *db, const char *password, struct err *err) CHECKED;

/* "anna", or "anna (token <id>)", for the audit. */
char *person_actor(TALLOC_CTX *ctx, const struct person *person);

/* May this person (or token) upload, promote and delete builds of this app? NULL: of any at all. */
bool person_publishes(const struct person *person, const char *bundle_id);
