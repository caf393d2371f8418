#pragma once
/*
 * desired - which mobileconfigs each device ought to have, and how far that is.
 *
 * What a device ought to have follows from its person (audiences, a mobileconfig of their own), from the filters of
 * assignments and from the current versions.  Whoever changes one of these calls the matching function in the same
 * transaction: devices are marked (table desired_due), and a job looks at them; or, for one device, it is done at
 * once.  So nothing is lost by kill -9.  The rows of table device_mobileconfig are compared with what ProfileList says:
 * acknowledged is not installed.  What was taken off the device, or is not as it was left, is put back.
 *
 * Commands are of the kind "mobileconfig": written at delivery by web/mobileconfig_kinds.c from what is true then,
 * so that one that has waited for a month brings the device what it ought to have today.
 * docs/mobileconfigs.md; Apple: InstallProfile, RemoveProfile, ProfileList.
 */
#include <jansson.h>
#include "core/clock.h"
#include "mdm/queue.h"

#define DESIRED_KIND		"mobileconfig"	/* of commands */
#define DESIRED_JOB		"desired"
#define DESIRED_ATTEMPTS_MAX	8		/* then it is given up, until something changes */
#define DESIRED_RETRY_MIN_S	900		/* doubles with each attempt, and with each repair within a day */
#define DESIRED_RETRY_MAX_S	DAY_S
#define DESIRED_ASK_S		DAY_S		/* acknowledged, and ProfileList silent: it is asked again */
#define DESIRED_CHUNK		200		/* devices looked at in one transaction */
#define DESIRED_QUEUE		1000		/* commands queued in one */
#define DESIRED_WHY_MAX		500		/* bytes of a device's own words */
#define DESIRED_PAGE_MAX	200

/* ---- causes: devices are marked, in the transaction that changes something ---- */

bool desired_person(struct db *tx, const char *person_id, struct err *err) CHECKED;	/* groups, attributes, names */
/* Those whom an audience holds now: called before and after it changes.  Nothing when nothing is assigned to it. */
bool desired_audience(struct db *tx, const char *audience_id, struct err *err) CHECKED;
/* Those that it is assigned to, or is for, and those that have it: a new version, another assignment, its end. */
bool desired_mobileconfig(struct db *tx, const char *mobileconfig_id, struct err *err) CHECKED;

/* ---- one device, at once, in a transaction ---- */

/* What it ought to have is found out, and what is due is queued.  Nothing for one that is not enrolled. */
bool desired_now(struct db *tx, const char *device_id, struct err *err) CHECKED;
/* An enrollment has begun: what it had before is not relied on. */
bool desired_begin(struct db *tx, const struct enrollment *enrollment, struct err *err) CHECKED;
/* It has its next identity: what it refused under the one before is tried again. */
bool desired_renewed(struct db *tx, const char *device_id, struct err *err) CHECKED;
/* It is managed no more: nothing of it is due until it enrolls again. */
bool desired_left(struct db *tx, const char *device_id, struct err *err) CHECKED;
/* An answer of it was kept in the inventory. */
bool desired_reported(struct db *tx, const char *device_id, const char *request_type, struct err *err) CHECKED;

/* ---- commands ---- */

struct desired_order {
	const char *device_id, *mobileconfig_id, *identifier, *person_id;	/* person_id NULL: nobody's device */
	int64_t version;
	bool remove;
};

/* What a command is to do as things are now: ERR_CONFLICT "not_wanted" when nothing any more. */
bool desired_order(TALLOC_CTX *ctx, struct db *db, const struct queued *command, const char *device_id,
		   struct desired_order *ret, struct err *err) CHECKED;
/* It was written with these values, and goes out; outside of any transaction. */
bool desired_written(struct db *db, const struct desired_order *order, const char *wish, struct err *err) CHECKED;
/* It cannot be written: `why` is kept for people. */
bool desired_refused(struct db *db, const struct desired_order *order, const struct err *why, struct err *err) CHECKED;
/* The hash that tells whether what a device got is what it ought to have. */
struct values;
const char *desired_wish(TALLOC_CTX *ctx, int64_t version, const json_t *variables, struct values *values);

/* words: the device's own, of an error. */
bool desired_answered(struct db *tx, const struct queued *command, const struct enrollment *enrollment, bool right,
		      const char *words, struct err *err) CHECKED;
bool desired_ended(struct db *tx, const struct queued *command, const struct enrollment *enrollment, const char *state,
		   struct err *err) CHECKED;

/* ---- the job ---- */

/* A part of the work, a few transactions: *more says that something is due still.  It puts itself back in the table. */
bool desired_work(struct db *db, bool *more, struct err *err) CHECKED;

/* ---- looking ---- */

/*
 * Of a device: {installed, wanted, items[{mobileconfig, title, identifier, goal, state, version, sent_version, code,
 * why, keeper, attempts, repairs, due, changed}]}; mobileconfig is its name, null when it is gone.
 */
bool desired_of_device(struct db *db, const char *device_id, json_t **ret, struct err *err) CHECKED;
/* Of a mobileconfig: {items[{device, device_name, udid, person, ... as above}], next}. */
bool desired_of(struct db *db, const char *mobileconfig_id, const char *state, const char *after, int64_t limit,
		json_t **ret, struct err *err) CHECKED;
/* Tried again now, by an admin: of one device, or of all that failed (device_id NULL).  Audited. */
bool desired_retry(struct db *db, const char *actor, const char *mobileconfig_id, const char *device_id, int64_t *n,
		   struct err *err) CHECKED;
