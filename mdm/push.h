#pragma once
/*
 * push - wakes devices through APNs: a push that is due is a row, and a worker sends it.
 *
 * One due row an enrollment, so pushes coalesce.  Who changes something that a device should hear of asks for
 * a push in the same transaction; the row stays until APNs has taken it, so that kill -9 loses none.  One
 * thread (mdm/pusher.h) takes due rows in batches, sends them over one HTTP/2 connection (mdm/apns.h) and writes
 * what came of them, many in one transaction.  Apple: Sending notification requests to APNs.
 */
#include "core/clock.h"
#include "core/db.h"

#define PUSH_LEASE_S		120	/* of a batch under way: then another worker may take it */
#define PUSH_BACKOFF_MIN_S	900	/* of a device for which APNs says 429; doubles */
#define PUSH_BACKOFF_MAX_S	DAY_S
#define PUSH_RETRY_MIN_S	30	/* of one that APNs could not take: 500, 503 */
#define PUSH_RETRY_MAX_S	3600
#define PUSH_RETIRED_S		(400 * DAY_S)	/* and one that was retired and has not heard of it, no longer than so */
#define PUSH_SILENT_S		DAY_S	/* a device that was not heard of for so long is pushed, once in so long */

/* ---- to ask for one ---- */

/*
 * In the transaction of its cause, for an enrollment of any state: when it cannot be pushed, because it is not
 * enrolled, has no token or APNs refused that, nothing is sent and nothing is kept.  Ask again when it has a
 * new token.  What is due already keeps the earlier time; what APNs has put off keeps its back-off.
 */
bool push_ask(struct db *tx, const char *enrollment_id, int64_t due, const char *reason, struct err *err) CHECKED;
/* The same for many devices: they go in waves of apns.per_second, after those that are asked for one by one. */
bool push_ask_many(struct db *tx, const char *const *enrollment_ids, size_t n, int64_t due, const char *reason,
		   struct err *err) CHECKED;
/* The enrollment has ended, or its token is not the one that was pushed to: what is due is for nobody. */
bool push_forget(struct db *tx, const char *enrollment_id, struct err *err) CHECKED;

/* The topic of the certificate in use; ERR_MISSING "no_push_certificate". */
bool push_topic(TALLOC_CTX *ctx, struct db *db, char **ret, struct err *err) CHECKED;
