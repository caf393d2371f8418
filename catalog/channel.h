#pragma once
/*
 * channel - where an app's builds are offered: the same build can be in several, by promotion.
 */
#include "core/db.h"
#include <jansson.h>

#define CHANNEL_DEFAULT		"main"	/* where an upload goes that names none */
#define CHANNEL_NAME_MAX	40

/* Letters, digits, '-', '_' and '.': it stands in URLs. */
bool channel_name_ok(const char *name, struct err *err) CHECKED;

/* Makes the channel when it is new; places the build after all others there, also within one second.  *placed: it was not there before. */
bool channel_place(struct db *tx, const char *app_id, const char *name, const char *build_id,
		   const char *person_id, bool *placed, struct err *err) CHECKED;

/* Names of the channels a build is in, sorted. */
bool channel_names(struct db *db, const char *build_id, json_t **ret, struct err *err) CHECKED;
bool channel_list(struct db *db, const char *app_id, json_t **ret, struct err *err) CHECKED;

/* The newest build of a channel; ERR_MISSING when there is none. */
bool channel_newest(TALLOC_CTX *ctx, struct db *db, const char *app_id, const char *name, char **build_id,
		    struct err *err) CHECKED;

/* Builds that are beyond the newest `keep` of every channel they are in (of all, when in none). */
bool channel_surplus(struct db *db, const char *app_id, int64_t keep, json_t **ret, struct err *err) CHECKED;
