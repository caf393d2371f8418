#pragma once
/*
 * group - groups of people: kept by an admin (local), or the directory's.
 *
 * A directory's group is filled at sign-in and by the hourly check; its name is the directory's, made unique by a
 * number where two share one.  It is known by objectGUID or entryUUID, so that it stays what it is when it is moved or
 * renamed, and one made anew in its place is another.  Where the directory tells no id it is known by its DN.
 */
#include "catalog/person.h"

#define GROUP_NAME_MAX		100	/* bytes */
#define GROUPS_OF_ONE_MAX	1000	/* of one person, nested ones too */
#define GROUP_NAMESAKES_MAX	999
#define GROUP_PAGE_MAX		200
#define GROUP_PEOPLE_MAX	10000	/* shown of one group */

struct group_of_directory { const char *name, *dn, *external_id; };	/* external_id NULL: it tells none */

/*
 * The person is in exactly these groups of the directory; groups that are new are made.  *changed: they
 * were not before, so who sees what must be worked out again.
 */
bool group_sync(struct db *tx, const char *person_id, const struct group_of_directory *groups, size_t n,
		bool *changed, struct err *err) CHECKED;

/* ERR_CONFLICT when the name is taken. */
bool group_add(struct db *db, const char *actor, const char *name, char **id, TALLOC_CTX *ctx, struct err *err) CHECKED;
bool group_rename(struct db *db, const char *actor, const char *id, const char *name, struct err *err) CHECKED;	/* local ones alone */
/* Local ones, and those of the directory in which nobody is any more; else ERR_CONFLICT. */
bool group_remove(struct db *db, const char *actor, const char *id, struct err *err) CHECKED;
bool group_put_person(struct db *db, const char *actor, const char *id, const char *person_id, bool in,
		      struct err *err) CHECKED;	/* local ones alone */

/* {items[{id,name,source,dn,people}], next}, by name; `search` in the name, NULL or "": all. */
bool group_list(struct db *db, const char *search, const char *after, int64_t limit, json_t **ret, struct err *err) CHECKED;
/* The same of one, with persons[{id,name,display,disabled}]. */
bool group_show(struct db *db, const char *id, json_t **ret, struct err *err) CHECKED;
/* [{id,name,source}] */
bool group_of_person(struct db *db, const char *person_id, json_t **ret, struct err *err) CHECKED;
