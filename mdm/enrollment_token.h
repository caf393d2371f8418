#pragma once
/*
 * enrollment_token - enrollments as pushes see them: what APNs says of their tokens, their topics, whose they are.
 *
 * What it says is kept with the token (enrollment.token_bad).  A TokenUpdate, which mdm/enrollment_turn.c writes,
 * clears it: the token is new then, or the device says that the old one is good.
 */
#include "core/db.h"

/* *marked: it was so for the token that was pushed to; false when the device has given another one since. */
bool enrollment_token_bad(struct db *tx, const char *enrollment_id, struct bytes token, int64_t as_of, const char *reason, bool *marked,
			  struct err *err) CHECKED;

/* How many can be pushed under a topic, and how many under any other. */
bool enrollment_topics(struct db *db, const char *topic, int64_t *same, int64_t *other, struct err *err) CHECKED;
/* Is a device under management that we gave this topic?  What devices say is not asked. */
bool enrollment_topic_given(struct db *db, const char *topic, bool *ret, struct err *err) CHECKED;

/* The current enrollment of the device with this serial number, UDID, name or id; ERR_MISSING, ERR_CONFLICT "several". */
bool enrollment_find(TALLOC_CTX *ctx, struct db *db, const char *text, char **id, struct err *err) CHECKED;
/* "" both where there is none. */
bool enrollment_device(TALLOC_CTX *ctx, struct db *db, const char *enrollment_id, char **device_id, char **name,
		       struct err *err) CHECKED;
