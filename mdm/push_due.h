#pragma once
/*
 * push_due - the rows of table push_due as the worker sees them (mdm/pusher.c); push.h is for all others.
 *
 * A row that is taken carries in `due` the end of its lease.  What is asked for meanwhile is kept in `again`.
 */
#include "mdm/apns.h"
#include "mdm/push.h"

#define PUSH_BATCH	2000	/* rows that are taken, or whose outcome is written, in one transaction */

struct push_row {
	const char *enrollment_id;
	struct bytes token;
	const char *magic;
	int64_t token_at;
	int64_t attempt;	/* how often APNs has put it off */
	int64_t due;		/* as it was found */
};

/*
 * Takes what is due for a topic, the oldest first; of those for many devices no more than bulk_max.  Rows of
 * enrollments that cannot be pushed go.  *n rows belong to ctx.
 */
bool push_take(TALLOC_CTX *ctx, struct db *db, const char *topic, size_t max, size_t bulk_max, struct push_row **ret,
	       size_t *n, size_t *bulk_n, struct err *err) CHECKED;	/* *bulk_n: how many of them are bulk */

bool push_is_due(struct db *db, const char *topic, bool *ret, struct err *err) CHECKED;	/* anything of this topic? */

/* What became of it, as mdm/apns.h says. */
struct push_outcome {
	const struct push_row *row;
	struct apns_answer answer;
};

/* All of them in one transaction; what the tokens and certificates have come to, too. */
bool push_record(struct db *db, const struct push_outcome *outcomes, size_t n, struct err *err) CHECKED;

/* At the start of a process that owns the database: leases of a dead one end. */
bool push_release_all(struct db *db, struct err *err) CHECKED;

/*
 * Asks for a push of those that were silent for a whole number of days, counted until `now` but not until
 * `before`; goes on behind *after ("" at first, and when it is through).  At most PUSH_BATCH at a time.  At first it
 * sees to what a clock that was ahead has put off.
 */
bool push_sweep(struct db *db, int64_t before, int64_t now, char after[64], struct err *err) CHECKED;
extern const char push_ahead_sql[];	/* for the test of its plan: $1 now, $2 what is beyond any wait */

bool push_count(struct db *db, int64_t *due, struct err *err) CHECKED;	/* how many wait or are under way */
