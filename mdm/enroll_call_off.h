#pragma once
/*
 * enroll_call_off - who asked a person to set up a device asks no more: what began by that invitation leads nowhere.
 */
#include "core/db.h"

/*
 * The sessions of this person (who was invited) and invitation that are not done have failed: their challenges are void, what
 * they brought is revoked, and a device that only began in one is told to leave.  What is enrolled already stays.  *n: how many.
 */
bool enroll_call_off(struct db *tx, const char *person_id, const char *invitation_id, size_t *n, struct err *err) CHECKED;
