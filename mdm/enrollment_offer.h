#pragma once
/*
 * enrollment_offer - what a device says of how it is managed, held against what we gave it.
 *
 * Kind and Topic stand in the enrollment mobileconfig: a device repeats them and chooses neither.  We offer enrollments
 * of devices alone (com.apple.mdm without EnrollmentMode), so whoever speaks by EnrollmentID in place of the UDID has
 * not been offered that: nothing of it takes effect, neither what such an enrollment may not be told nor that nobody
 * finds its UDID.  Refusals are those of enrollment_refuse (400: the installation fails, and nobody is unenrolled by it),
 * and counted.  Apple: Authenticate, TokenUpdate.
 */
#include "mdm/enrollment_bind.h"

/* It speaks by the kind of id that its enrollment has.  Of one that is not known: by its UDID. */
bool enrollment_as_offered(struct db *db, const struct identity *identity, const struct bound *b,
			   const struct checkin_who *who, struct err *err) CHECKED;

/*
 * *ret: the Topic that it is pushed under, whatever it says; another one is refused.  Only of one whose records are lost
 * (came_back.h) is believed what it says, once.  `db` is the one outside of the transaction.
 */
bool enrollment_topic(TALLOC_CTX *ctx, struct db *db, struct db *tx, const struct identity *identity, const struct bound *b,
		      const struct checkin *checkin, const char **ret, struct err *err) CHECKED;
