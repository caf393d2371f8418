#pragma once
/*
 * enroll_list - what a person's enrollments came to, for the page that shows it to them.
 */
#include <jansson.h>
#include "core/clock.h"
#include "core/db.h"

#define ENROLL_DEVICES_SHOWN	50
#define ENROLL_SHOWN_S		DAY_S	/* how long the last session is spoken of */

/*
 * The person's newest session that is not a renewal: {id, kind, state, why, device_name, product, identified,
 * created, changed, expires}; times in seconds, identified: it has its certificate.  NULL: none of today.
 */
bool enroll_list_newest(struct db *db, const char *person_id, json_t **ret, struct err *err) CHECKED;

/*
 * Devices that the person has set up, the newest first: [{id, name, product, version, state, why, enrolled, ended,
 * seen}]; state "enrolled", "removed" (by them), "retired" (by IT) or "came_back" (it knows us, and our database
 * is older than it is); times in seconds or null.
 */
bool enroll_list_devices(struct db *db, const char *person_id, json_t **ret, struct err *err) CHECKED;

/* {id, kind, state, person, udid, product, device_name, why, created, expires} of one session; ERR_MISSING. */
bool enroll_list_show(struct db *db, const char *id, json_t **ret, struct err *err) CHECKED;
