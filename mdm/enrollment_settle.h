#pragma once
/*
 * enrollment_settle - what a device has become that came and went within the hour (ENROLLMENT_RETURN_S).
 *
 * What it does in that time is answered, counted and no more.  When the hour is over a job looks once: who is there
 * begins as anybody does, with all that it is to have, and who has left is in the audit log.
 */
#include "mdm/enrollment.h"

#define ENROLLMENT_SETTLE_JOB "enrollment_settle"	/* args: {enrollment}, or none: enrollment_settle_all */

/* In the transaction of what was not looked at. */
bool enrollment_settle_later(struct db *tx, const struct enrollment *enrollment, struct err *err) CHECKED;

/* Safe to repeat; nothing when the hour is not over, or began anew. */
bool enrollment_settle(struct db *db, const char *id, struct err *err) CHECKED;

/* A job for each that came and went: those of a database that had none for them. */
bool enrollment_settle_all(struct db *db, struct err *err) CHECKED;
