#pragma once
/*
 * token - an API token: `pom_` and 160 random bits, shown once and kept as a hash.
 */
#include "catalog/person.h"

#define TOKEN_LABEL_MAX	100	/* bytes */
#define TOKEN_APP_MAX	255	/* bytes of a bundle id */
#define TOKENS_MAX	100	/* of one person */
#define TOKEN_DAYS_MAX	3650

struct token_wish {
	const char *label, *scope;
	const char *bundle_id;	/* NULL: for all apps */
	int64_t days;		/* how long it works, 1 to TOKEN_DAYS_MAX; 0: until it is revoked */
};

/* *text is the whole token, for the only time.  ERR_LIMIT when the person has TOKENS_MAX. */
bool token_new(TALLOC_CTX *ctx, struct db *db, const char *actor, const struct person *person,
	       const struct token_wish *wish, char **text, struct err *err) CHECKED;

/* ERR_SIGN_IN for anything but a live token, one whose time is over too; *ret has scope, token_id and bundle_id set. */
bool token_open(TALLOC_CTX *ctx, struct db *db, const char *text, struct person **ret, struct err *err) CHECKED;

/* The tokens of a person; for a caller whose token is for one app only those for that app. */
bool token_list(struct db *db, const struct person *person, json_t **ret, struct err *err) CHECKED;
/* One's own, or as an admin anybody's; by a token for one app only one's own for that app. */
bool token_revoke(struct db *db, const struct person *person, const char *id, struct err *err) CHECKED;
/* Those that work of local accounts, and how many of them may do what an admin may. */
bool token_count_local(struct db *db, int64_t *n, int64_t *admins, struct err *err) CHECKED;
/* [{id, label, scope, bundle_id, person, person_id, created, expires}] of people who are let in, who ends first, first. */
struct token_page {
	const char *person_id;	/* NULL: everybody's */
	time_t from;		/* behind this end and this id; at first "" */
	const char *after;
	time_t until;
	int limit;
};
bool token_ending(struct db *db, const struct token_page *page, json_t **ret, struct err *err) CHECKED;
