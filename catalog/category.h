#pragma once
/*
 * category - the chips of the catalog page: an admin keeps the list, an app's publisher says which of
 * them it is in.
 */
#include "catalog/viewer.h"

#define CATEGORY_NAME_MAX	40	/* bytes */
#define CATEGORIES_MAX		30
#define CATEGORIES_OF_ONE_MAX	5

/* ERR_CONFLICT when the name is taken. */
bool category_add(TALLOC_CTX *ctx, struct db *db, const struct person *person, const char *name, char **id,
		  struct err *err) CHECKED;
/* name NULL: stays; place: 1 is first, 0 stays. */
bool category_change(struct db *db, const struct person *person, const char *id, const char *name,
		     int64_t place, struct err *err) CHECKED;
bool category_remove(struct db *db, const struct person *person, const char *id, struct err *err) CHECKED;

/* [{id, name, place, apps, items}] in their order: all of them, for who keeps them. */
bool category_list(struct db *db, json_t **ret, struct err *err) CHECKED;
/* [name, ...] of those that hold something they see. */
bool category_seen(struct db *db, struct viewer viewer, json_t **ret, struct err *err) CHECKED;

/* [name, ...] of an app or an item, in their order. */
bool category_of_app(struct db *db, const char *app_id, json_t **ret, struct err *err) CHECKED;
bool category_of_item(struct db *db, const char *item_id, json_t **ret, struct err *err) CHECKED;

/* In a transaction: it is in exactly these, by name; ERR_INVALID names one that is not there. */
bool category_set_app(struct db *tx, const char *app_id, const json_t *names, struct err *err) CHECKED;
bool category_set_item(struct db *tx, const char *item_id, const json_t *names, struct err *err) CHECKED;
