#pragma once
/*
 * app_configuration - managed app configuration: what an app is told about company, server or person, by audience.
 *
 * JSON objects of texts, numbers, truths, lists and objects, sent as the Configuration dictionary with the install and
 * by Settings (ApplicationConfiguration) when it changes.  Of an app's configurations the first whose audience holds
 * the device's person counts; without one the app gets none.  In texts %username%, %email% and the like stand for
 * what is known of person and device (catalog/person_attribute.h), and when that changes, what a device got is another
 * configuration.  Kept sealed: they may hold keys of services.
 */
#include <jansson.h>
#include "catalog/person.h"
#include "core/buf.h"
#include "core/seal.h"

#define APP_CONFIGURATION_MAX	(64u << 10)	/* bytes as JSON */
#define APP_CONFIGURATION_DEPTH	12
#define APP_CONFIGURATION_NAME	80		/* bytes */
#define APP_CONFIGURATIONS_MAX	50		/* of one app */

/* ERR_INVALID "bad_configuration" names the key. */
bool app_configuration_check(const json_t *configuration, struct err *err) CHECKED;

struct app_configuration_wish {
	const char *name;
	const json_t *audience;		/* catalog/audience.h; NULL: everyone */
	const json_t *configuration;
	int64_t place;			/* 0: behind the others */
};

/* [{id, name, place, audience, version, created, changed}] in their order; one with its configuration. */
bool app_configuration_list(struct db *db, const struct person *person, const char *bundle_id, json_t **ret, struct err *err) CHECKED;
bool app_configuration_show(struct db *db, const struct sealer *sealer, const struct person *person, const char *bundle_id,
			    const char *id, json_t **ret, struct err *err) CHECKED;

/* For the app's publisher; audited without what stands in it.  id NULL: a new one; *ret is its id. */
bool app_configuration_put(TALLOC_CTX *ctx, struct db *db, const struct sealer *sealer, const struct person *person,
			   const char *bundle_id, const char *id, const struct app_configuration_wish *wish, char **ret,
			   struct err *err) CHECKED;
bool app_configuration_remove(struct db *db, const struct person *person, const char *bundle_id, const char *id,
			      struct err *err) CHECKED;

/* ---- app_configuration_fill.c: what a device gets ---- */

/*
 * Of "<id>:<version>", as managed_app_sending says it, filled in for this device and its person; *ret is the
 * caller's, NULL for "" and for one that has gone.  *wish is what it was filled in with: two of the same wish say the
 * same.  ERR_CONFLICT "missing_variable" names what is not known.
 */
bool app_configuration_fill(TALLOC_CTX *ctx, struct db *db, const struct sealer *sealer, const char *which,
			    const char *person_id, const char *device_id, json_t **ret, const char **wish,
			    struct err *err) CHECKED;
/* The wish that this would come to now; nothing is opened, so it may stand in a transaction. */
bool app_configuration_wish(TALLOC_CTX *ctx, struct db *db, const char *which, const char *person_id, const char *device_id,
			    const char **ret, struct err *err) CHECKED;

/* At start: the variables of those that were kept when nobody looked for them. */
bool app_configuration_read(struct db *db, const struct sealer *sealer, struct err *err) CHECKED;

/* As a dictionary under `key`. */
void app_configuration_write(struct buf *out, const char *key, const json_t *configuration);
