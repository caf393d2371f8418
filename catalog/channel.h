#pragma once
/*
 * channel - where an app's builds are offered: the same build can be in several, by promotion.
 */
#include "catalog/viewer.h"

#define CHANNEL_DEFAULT		"main"	/* where an upload goes that names none */
#define CHANNEL_NAME_MAX	40

/* Letters, digits, '-', '_' and '.': it stands in URLs. */
bool channel_name_ok(const char *name, struct err *err) CHECKED;

/*
 * Makes the channel when it is new and puts the build there, after all that is in any channel of the
 * app, also within one second.  *placed: it was not there before; if it was, it keeps its place, so
 * that an upload which is sent again does not roll back what came since.
 */
bool channel_place(struct db *tx, const char *app_id, const char *name, const char *build_id,
		   const char *person_id, bool *placed, struct err *err) CHECKED;

/* The same on somebody's wish: a build that is there already becomes its newest again (a roll-back).
 * *changed: false when it is the newest there. */
bool channel_promote(struct db *tx, const char *app_id, const char *name, const char *build_id,
		     const char *person_id, bool *changed, struct err *err) CHECKED;

/* What was placed last in any channel: what the catalog shows of the app.  ERR_MISSING when there is none. */
bool channel_last(TALLOC_CTX *ctx, struct db *db, const char *app_id, char **build_id,
		  struct err *err) CHECKED;

/* After a build was taken away: what is newest in the app's channels now. */
bool channel_refresh(struct db *tx, const char *app_id, struct err *err) CHECKED;

/* Of the channels they see: names of those a build is in, sorted; {name, builds, required} of an app's. */
bool channel_names(struct db *db, struct viewer viewer, const char *build_id, json_t **ret,
		   struct err *err) CHECKED;
bool channel_list(struct db *db, struct viewer viewer, const char *app_id, json_t **ret,
		  struct err *err) CHECKED;

/* The newest build of a channel; ERR_MISSING when there is none, or none for them. */
bool channel_newest(TALLOC_CTX *ctx, struct db *db, struct viewer viewer, const char *app_id, const char *name,
		    char **build_id, struct err *err) CHECKED;

/* Builds that are beyond the newest `keep` of every channel they are in (of all, when in none). */
bool channel_surplus(struct db *db, const char *app_id, int64_t keep, json_t **ret, struct err *err) CHECKED;

/* ---- channel_audience.c: for the app's publisher, else ERR_DENIED or ERR_MISSING; audited ---- */

/* `tree`: catalog/audience.h.  A channel that is not there is made, so that nobody sees its first build
 * who should not. */
bool channel_set_audience(struct db *db, const struct person *person, const char *bundle_id, const char *name,
			  const json_t *tree, struct err *err) CHECKED;
bool channel_audience(struct db *db, struct viewer viewer, const char *bundle_id, const char *name,
		      json_t **ret, int64_t *people, struct err *err) CHECKED;

/* Whom the channel is for must have the app: shown to them, and kept for managed installs. */
bool channel_set_required(struct db *db, const struct person *person, const char *bundle_id, const char *name,
			  bool required, struct err *err) CHECKED;
