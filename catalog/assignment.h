#pragma once
/*
 * assignment - for whom a mobileconfig is: an audience (catalog/audience.h), and which of their devices.
 *
 * Several of one mobileconfig add up.  A change asks in the same transaction what the devices of both the people
 * before and those now ought to have (catalog/desired.h).
 */
#include <jansson.h>
#include "core/db.h"

#define ASSIGNMENTS_MAX		50	/* of one mobileconfig */
#define ASSIGNMENT_ID_MAX	64	/* bytes: as names of mobileconfigs */

struct assignment {
	const char *id;			/* NULL: a new one, with an id of ours */
	const char *mobileconfig;	/* its name */
	const json_t *audience;		/* NULL: everyone */
	const json_t *devices;		/* of catalog/assignment_filter.h; NULL: all */
};

/* Made, or replaced as a whole; audited.  *id belongs to ctx.  ERR_CONFLICT for one of another mobileconfig. */
bool assignment_put(TALLOC_CTX *ctx, struct db *db, const char *actor, const struct assignment *assignment, bool *created,
		    const char **id, struct err *err) CHECKED;
bool assignment_remove(struct db *db, const char *actor, const char *id, struct err *err) CHECKED;
/* In a transaction: its mobileconfig goes. */
bool assignment_remove_all(struct db *tx, const char *mobileconfig_id, struct err *err) CHECKED;

/* {id, mobileconfig, audience{}, people, devices{}, created} */
bool assignment_show(struct db *db, const char *id, json_t **ret, struct err *err) CHECKED;
/* Of one mobileconfig (its name), or all (NULL): a list of such. */
bool assignment_list(struct db *db, const char *mobileconfig, json_t **ret, struct err *err) CHECKED;
