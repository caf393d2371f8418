#pragma once
/*
 * app - one bundle id: what the catalog lists.
 */
#include "catalog/viewer.h"

#define APP_PAGE_MAX	200	/* items of one list */
#define APP_SEARCH_MAX	100

/* What a search looks in. */
char *app_folded(TALLOC_CTX *ctx, const char *name, const char *bundle_id);

/* In the publishing transaction: makes the app; points it at its newest build, whose name is the app's for its publishers. */
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
	const char *category;	/* by name; NULL: any */
	bool owned;		/* apps they may change, and no others that they see, nor items */
};

/*
 * {items[], next}: what they see, in the order of names, from `after` (the `next` of the page before;
 * NULL: the first).  Of an app, at the newest build they see, {kind "app",bundle_id,name,subtitle,build_id,
 * version,build,size,minimum_os,installable,required,updated,expires_at,good_until,ipad_only}, times as seconds
 * in expires_at and good_until; of an item what item_list says.
 */
bool app_list(struct db *db, struct viewer viewer, const struct app_filter *filter, const char *after,
	      int64_t limit, json_t **ret, struct err *err) CHECKED;
/* The shelf: [{bundle_id,name,subtitle,build_id,updated}] of the featured apps that they see, in their order. */
bool app_featured(struct db *db, struct viewer viewer, json_t **ret, struct err *err) CHECKED;

/* {id,bundle_id,name,subtitle,description,created,newest_build_id,required}; ERR_MISSING. */
bool app_show(struct db *db, struct viewer viewer, const char *bundle_id, json_t **ret, struct err *err) CHECKED;

/* ---- app_settings.c: what its publisher says of it, besides its builds; audited ---- */

#define APP_SUBTITLE_MAX	120	/* bytes, one line */
#define APP_DESCRIPTION_MAX	5000	/* bytes, a little Markdown */
#define APP_FEATURED_MAX	6

struct app_settings {
	const char *subtitle, *description;	/* NULL: stays */
	const json_t *categories;		/* [name, ...]; NULL: stay */
	int link_sign_in;			/* links to it ask for a sign-in: 1, 0, or -1: stays */
};
bool app_set(struct db *db, const struct person *person, const char *bundle_id, const struct app_settings *settings,
	     struct err *err) CHECKED;
/* {subtitle, description, link_sign_in, categories[]}: for who may change it. */
bool app_settings(struct db *db, struct viewer viewer, const char *bundle_id, json_t **ret, struct err *err) CHECKED;

/* The whole shelf, in its order, by bundle id; for admins (the route says so). */
bool app_set_featured(struct db *db, const struct person *person, const json_t *bundle_ids, struct err *err) CHECKED;
