#pragma once
/*
 * audience - who sees something: everyone, people and groups, combined by any, all and not.
 *
 * As JSON, {"any": [{"group": "qa"}, {"person": "anna"}, {"all": [...]}, {"not": {...}}]}; no audience
 * (NULL) and {"everyone": true} are everybody who signs in.  The same tree is one row of `audience`,
 * however many channels and items are for it; audience_person holds what it comes to.
 *
 * Groups and people are found by name when an audience is given and kept by id: a new name changes
 * nothing, and one that was removed is nobody.  Whoever changes a cause (a person, a group) calls the
 * matching refresh in the same transaction.
 */
#include <jansson.h>
#include "core/db.h"

#define AUDIENCE_DEPTH_MAX	8
#define AUDIENCE_NODES_MAX	200
#define AUDIENCE_BYTES_MAX	12288	/* as compact JSON: it stands in the audit */
#define AUDIENCES_MAX		1000	/* different ones: each is looked at when somebody's groups change */

/* Is it one at all?  ERR_INVALID says what is wrong; whether its groups and people are there is not asked. */
bool audience_check(const json_t *tree, struct err *err) CHECKED;

/* In a transaction: its row, made and filled when it is new; *id NULL: everyone.  `tree` has been
 * checked (NULL: everyone).  ERR_INVALID names a group or person that is not there. */
bool audience_keep(TALLOC_CTX *ctx, struct db *tx, const json_t *tree, char **id, struct err *err) CHECKED;

/* After something is for others, or gone: rows that nothing is for any more. */
bool audience_sweep(struct db *tx, struct err *err) CHECKED;

/* As it was given, with the names of today.  id NULL: {"everyone": true}. */
bool audience_show(struct db *db, const char *id, json_t **ret, struct err *err) CHECKED;
bool audience_count(struct db *db, const char *id, int64_t *ret, struct err *err) CHECKED;	/* its people */

/* A person is new, or their groups have changed: every audience again, for them. */
bool audience_refresh_person(struct db *tx, const char *person_id, struct err *err) CHECKED;
/* A group has gone, or many of its people changed: every audience that names it again. */
bool audience_refresh_group(struct db *tx, const char *group_id, struct err *err) CHECKED;
