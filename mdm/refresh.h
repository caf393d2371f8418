#pragma once
/*
 * refresh - facts are asked for again once a period (mdm.refresh_hours), spread over it: each device has a time of its
 * own (device.refresh_due), the first one by its id.
 *
 * What waits already is not asked twice (the queue's dedupe keys).  A device that is silent is left alone until it is
 * back, and asked then; so is one that leaves.
 */
#include "core/db.h"

#define REFRESH_LOOK_S	600	/* how often somebody looks who is due */
#define REFRESH_CHUNK	200	/* devices in one transaction */
#define REFRESH_ROUNDS	50	/* of them in one look: the rest is next */

/* *asked: how many were.  period_s 0: nobody is. */
bool refresh_due(struct db *db, int64_t period_s, int64_t silent_s, int64_t *asked, struct err *err) CHECKED;
