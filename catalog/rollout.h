#pragma once
/*
 * rollout - how an app is kept current on managed devices: by itself or not, in which waves, at which hours, and
 * what becomes of it when its person does not see it any more.
 *
 * A build goes out in waves: each device has a number of 100 for it (rollout_number), and it goes to those below
 * `reached`, which grows by `percent` a day, or when somebody says so.  A build that is wholly out (100) reaches
 * a device that enrolls later at once.  Required apps go out the same way.
 */
#include "catalog/person.h"
#include <jansson.h>

#define ROLLOUT_STEP_JOB	"rollout_step"		/* the next wave of a day */
#define ROLLOUT_HOURS_MAX	11			/* "22:00-05:00" */

struct rollout {
	bool keep_current, paused, back, remove_on_leave, with_management, no_backup;
	bool by_step;			/* a wave when somebody says so, else one a day */
	bool device_zone;		/* hours are those of the device */
	int64_t percent;		/* of one wave */
	const char *hours;		/* "": any time */
};
/* As somebody set it, or as it is where nobody did. */
bool rollout_get(TALLOC_CTX *ctx, struct db *db, const char *app_id, struct rollout **ret, struct err *err) CHECKED;

/*
 * {keep_current, pace "day"|"step", percent, paused, hours, zone "device"|"server", back, remove_on_leave,
 * with_management, no_backup, waves[{build_id, version, build, reached, stopped, began, changed}]}, for who may
 * change the app.
 */
bool rollout_show(struct db *db, const struct person *person, const char *bundle_id, json_t **ret, struct err *err) CHECKED;
/* Those of the fields that are given; audited.  ERR_INVALID names the one that is wrong. */
bool rollout_set(struct db *db, const struct person *person, const char *bundle_id, const json_t *fields, struct err *err) CHECKED;
/* The next wave now; or the build goes to no further device. */
bool rollout_step(struct db *db, const struct person *person, const char *bundle_id, const char *build_id, struct err *err) CHECKED;
bool rollout_stop(struct db *db, const struct person *person, const char *bundle_id, const char *build_id, struct err *err) CHECKED;

/* How far a build is out: its row is made when it is not there.  *reached 0: stopped. */
bool rollout_reached(struct db *tx, const char *app_id, const char *build_id, const struct rollout *rollout, int64_t *reached,
		     struct err *err) CHECKED;
int64_t rollout_number(const char *device_id, const char *build_id);	/* 0 to 99 */

/* The job of a day. */
bool rollout_next(struct db *db, const char *app_id, const char *build_id, struct err *err) CHECKED;

/* "22:00-05:00" at `local` (seconds of a local clock since 1970): how long until it may begin; 0: now. */
bool rollout_hours_ok(const char *hours, struct err *err) CHECKED;
int64_t rollout_wait(const char *hours, int64_t local);
