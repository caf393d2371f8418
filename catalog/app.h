#pragma once
/*
 * app - one bundle id: what the catalog lists.
 */
#include "catalog/viewer.h"

#define APP_PAGE_MAX	200	/* items of one list */
#define APP_SEARCH_MAX	100

/* What a search looks in. */
char *app_folded(TALLOC_CTX *ctx, const char *name, const char *bundle_id);

/* In the publishing transaction: makes or renames the app and points it at its newest build. */
bool app_upsert(TALLOC_CTX *ctx, struct db *tx, const char *bundle_id, const char *name, char **id,
		struct err *err) CHECKED;
bool app_set_newest(struct db *tx, const char *app_id, const char *build_id, struct err *err) CHECKED;
bool app_remove(struct db *tx, const char *app_id, struct err *err) CHECKED;

/* Of an app they see: ERR_MISSING for any other; app_own: that they may change, too (ERR_DENIED). */
bool app_id(TALLOC_CTX *ctx, struct db *db, struct viewer viewer, const char *bundle_id, char **id,
	    struct err *err) CHECKED;
bool app_own(TALLOC_CTX *ctx, struct db *db, struct viewer viewer, const char *bundle_id, char **id,
	     struct err *err) CHECKED;

/* May they publish builds of it, whether it is here or not? */
bool app_publishes(struct db *db, struct viewer viewer, const char *bundle_id, bool *ret, struct err *err) CHECKED;

struct app_filter {
	const char *search;	/* in name or bundle id; NULL: all */
	bool owned;		/* those they may change, and no others that they see */
};

/*
 * {items[{bundle_id,name,subtitle,build_id,version,build,size,minimum_os,installable,required,updated,
 * expires_at,good_until}], next}, times as seconds in the last two: what they see, each app at the newest
 * build they see, in the order of names, from `after` (the `next` of the page before; NULL: the first).
 */
bool app_list(struct db *db, struct viewer viewer, const struct app_filter *filter, const char *after,
	      int64_t limit, json_t **ret, struct err *err) CHECKED;

/* {id,bundle_id,name,subtitle,description,created,newest_build_id,required}; ERR_MISSING. */
bool app_show(struct db *db, struct viewer viewer, const char *bundle_id, json_t **ret, struct err *err) CHECKED;
bool app_count(struct db *db, int64_t *ret, struct err *err) CHECKED;
