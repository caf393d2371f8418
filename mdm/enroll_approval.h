#pragma once
/*
 * enroll_approval - an admin looks at each device before it comes under management (enroll.approval).
 *
 * A session that wants it stops when its device has said, signed by Apple's certificate, which one it is; a direct one
 * when its mobileconfig is asked for.  iOS cannot be made to wait, so it is told no, the person's page says that IT
 * decides, and once IT has said yes they download again: the approval is for that person and that device, and is used
 * up by the first enrollment that it lets through.
 *
 * '' (none wanted) | wanted -> waiting -> approved | refused
 */
#include <jansson.h>
#include "core/clock.h"
#include "mdm/enroll_session.h"

#define APPROVAL_WAIT_S		(7 * DAY_S)	/* how long a device waits for an answer */
#define APPROVAL_GOOD_S		(2 * DAY_S)	/* and an approval for its device */
#define APPROVAL_LIST_MAX	200

/* In the transaction of its beginning. */
bool enroll_approval_want(struct db *tx, const char *session_id, struct err *err) CHECKED;

/*
 * May it go on?  ERR_DENIED "waits_for_approval", "not_approved".  answer: of phase 1, with the session's challenge;
 * NULL: the direct way.
 */
bool enroll_approval_pass(struct db *db, const struct enroll_session *session, const struct device_answer *answer,
			  struct err *err) CHECKED;

/* {items[{id, person, udid, serial, product, device_name, direct, since}]}: those that wait, the oldest first. */
bool enroll_approval_list(struct db *db, json_t **ret, struct err *err) CHECKED;
bool enroll_approval_count(struct db *db, int64_t *ret, struct err *err) CHECKED;
/* Audited.  ERR_MISSING: it does not wait (any more). */
bool enroll_approval_decide(struct db *db, const char *actor, const char *session_id, bool yes, struct err *err) CHECKED;

/* Of the newest session of a person that wanted one: "waiting", "approved", "refused"; "" none. */
bool enroll_approval_of(TALLOC_CTX *ctx, struct db *db, const char *person_id, const char **ret, struct err *err) CHECKED;
