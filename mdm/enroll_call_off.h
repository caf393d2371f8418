#pragma once
/*
 * enroll_call_off - what is under way to an enrollment leads nowhere: who asked for it asks no more, or IT releases the device.
 *
 * Such sessions have failed: their challenges are void, what they brought is revoked, and a device that only began in one is
 * told to leave.  What is enrolled already stays.  *n: how many.
 */
#include "core/db.h"

/* Of this person, who was invited, by that invitation. */
bool enroll_call_off(struct db *tx, const char *person_id, const char *invitation_id, size_t *n, struct err *err) CHECKED;
/* Of this device, once it has said who it is: renewals of what it has end with that (enrollment_end). */
bool enroll_call_off_device(struct db *tx, const char *device_id, size_t *n, struct err *err) CHECKED;
