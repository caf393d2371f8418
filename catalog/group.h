#pragma once
/*
 * group - groups of people: kept by an admin (local), or the directory's.
 *
 * A directory's group is known by its DN and filled at sign-in and by the hourly check; its name is the
 * directory's, made unique by its DN where two share one.
 */
#include "catalog/person.h"

#define GROUP_NAME_MAX		100
#define GROUPS_OF_ONE_MAX	1000	/* of one person, nested ones too */

struct group_of_directory { const char *name, *dn; };

/* The person is in exactly these groups of the directory; groups that are new are made. */
bool group_sync(struct db *tx, const char *person_id, const struct group_of_directory *groups, size_t n,
		struct err *err) CHECKED;

bool group_add(struct db *db, const char *actor, const char *name, char **id, TALLOC_CTX *ctx, struct err *err) CHECKED;
bool group_remove(struct db *db, const char *actor, const char *id, struct err *err) CHECKED;	/* local ones alone */
bool group_put_person(struct db *db, const char *actor, const char *id, const char *person_id, bool in,
		      struct err *err) CHECKED;
bool group_list(struct db *db, const char *search, const char *after, int64_t limit, json_t **ret, struct err *err) CHECKED;
bool group_show(struct db *db, const char *id, json_t **ret, struct err *err) CHECKED;	/* with its people */
