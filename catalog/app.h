#pragma once
/*
 * app - one bundle id: what the catalog lists.
 */
#include "core/db.h"
#include <jansson.h>

#define APP_PAGE_MAX	200	/* items of one list */
#define APP_SEARCH_MAX	100

/* In the publishing transaction: makes or renames the app and points it at its newest build. */
bool app_upsert(TALLOC_CTX *ctx, struct db *tx, const char *bundle_id, const char *name, char **id,
		struct err *err) CHECKED;
bool app_set_newest(struct db *tx, const char *app_id, const char *build_id, struct err *err) CHECKED;
bool app_remove(struct db *tx, const char *app_id, struct err *err) CHECKED;

bool app_id(TALLOC_CTX *ctx, struct db *db, const char *bundle_id, char **id, struct err *err) CHECKED;

/*
 * {items[{bundle_id,name,build_id,version,build,size,minimum_os,installable,updated,expires_at,good_until}],
 * next}, times as seconds in the last two: in the
 * order of names, those whose name or bundle id holds `search` (NULL: all), from `after` (the `next`
 * of the page before; NULL: the first).
 */
bool app_list(struct db *db, const char *search, const char *after, int64_t limit, json_t **ret,
	      struct err *err) CHECKED;
bool app_list_one(struct db *db, const char *bundle_id, json_t **ret, struct err *err) CHECKED;	/* the same of one, or none */

/* {bundle_id,name,created,newest_build_id}; the newest is what was placed last in any channel; ERR_MISSING. */
bool app_show(struct db *db, const char *bundle_id, json_t **ret, struct err *err) CHECKED;
bool app_count(struct db *db, int64_t *ret, struct err *err) CHECKED;
