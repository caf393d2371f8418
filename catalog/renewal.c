/* Table `renewal`: its rows' states.  Which rows there are to be is renewal_plan.c's, when they go out renewal_wave.c's. */
#include "catalog/renewal.h"
#include "core/clock.h"
#include "mdm/command_send.h"
#include <string.h>

/* 1, 2, 4 ... hours, a day at most; also for what a device has told us never.  `n`: how often before. */
#define AGAIN_S(n) "(CASE " n " WHEN 0 THEN 1 WHEN 1 THEN 2 WHEN 2 THEN 4 WHEN 3 THEN 8 WHEN 4 THEN 16 ELSE 24 END * 3600)"
_Static_assert(RENEWAL_AGAIN_MIN_S == 3600 && RENEWAL_AGAIN_MAX_S == 24 * 3600, "as AGAIN_S has it");

#define AT_ONCE "renewal.action = 'install' AND (renewal.attempts = 0 OR renewal.changed < $6)"

bool
renewal_want(struct db *tx, const char *device_id, const char *uuid, const char *action, int64_t ends, bool *fresh,
	     struct err *err)
{
	/* What was done and is undone since (an erased device; a provision that comes back by itself) begins anew; what is
	 * undone again and again does so ever later. */
	if (!db_run(tx, err, "INSERT INTO renewal (device_id, uuid, action, state, ends, changed) VALUES ($1, $2, $3, 'wanted', $4,"
		    " $5) ON CONFLICT (device_id, uuid, action) DO UPDATE SET state = CASE WHEN " AT_ONCE " THEN 'wanted' ELSE"
		    " 'failed' END, due = CASE WHEN " AT_ONCE " THEN NULL WHEN renewal.action = 'install' THEN excluded.changed + "
		    AGAIN_S("renewal.attempts") " ELSE excluded.changed + CAST($7 AS BIGINT) END, attempts = CASE WHEN"
		    " renewal.changed < $6 THEN 1 ELSE renewal.attempts + 1 END, why = CASE WHEN"
		    " renewal.action = 'install' AND NOT (" AT_ONCE ") THEN 'not_listed' ELSE '' END, changed = excluded.changed"
		    " WHERE renewal.state = 'done'", db_text(device_id), db_text(uuid), db_text(action), db_int(ends), db_now(),
		    db_int(clock_now() - RENEWAL_QUIET_S), db_int(RENEWAL_AGAIN_MAX_S)))
		return false;
	*fresh = db_changed(tx) > 0;
	return db_run(tx, err, "UPDATE renewal SET ends = $1 WHERE device_id = $2 AND uuid = $3 AND action = $4 AND ends <> $1",
		      db_int(ends), db_text(device_id), db_text(uuid), db_text(action));
}

bool
renewal_sent(struct db *tx, const char *device_id, const char *uuid, const char *action, struct err *err)
{
	return db_run(tx, err, "UPDATE renewal SET state = 'sent', sent = $1, due = $2, changed = $1 WHERE device_id = $3 AND uuid = $4"
		      " AND action = $5", db_now(), db_int(clock_now() + RENEWAL_LOST_S), db_text(device_id), db_text(uuid),
		      db_text(action));
}

static bool
is_open(struct db *tx, const char *device_id, const char *uuid, const char *action, bool *found, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, tx, "SELECT 1 FROM renewal WHERE device_id = $1 AND uuid = $2 AND action = $3"
				     " AND state IN ('sent', 'acknowledged', 'wanted', 'failed')", db_text(device_id), db_text(uuid),
				     db_text(action));
	enum rows_step step = rows_next(rows, err);

	*found = step == ROWS_ROW;
	return step != ROWS_FAILED;
}

bool
renewal_came(struct db *tx, const char *device_id, const char *uuid, const char *action, enum renewal_outcome outcome,
	     const char *why, struct err *err)
{
	bool found;

	if (!is_open(tx, device_id, uuid, action, &found, err))
		return false;
	if (!found)
		return true;	/* the lists were quicker, or it is not wanted any more */
	switch (outcome) {
	case RENEWAL_TAKEN:
		return db_run(tx, err, "UPDATE renewal SET state = 'acknowledged', why = '', asked = 0, due = $1, changed = $2 WHERE device_id = $3"
			      " AND uuid = $4 AND action = $5", db_int(clock_now() + RENEWAL_LISTED_S), db_now(), db_text(device_id),
			      db_text(uuid), db_text(action));
	case RENEWAL_LOST:
		return db_run(tx, err, "UPDATE renewal SET state = 'wanted', why = $1, due = NULL, changed = $2 WHERE device_id = $3"
			      " AND uuid = $4 AND action = $5", db_text(why), db_now(), db_text(device_id), db_text(uuid), db_text(action));
	case RENEWAL_REFUSED:
		break;
	}
	return db_run(tx, err, "UPDATE renewal SET state = 'failed', why = $1, attempts = attempts + 1, due = CAST($2 AS BIGINT) + " AGAIN_S("attempts")
		      ", changed = $2 WHERE device_id = $3 AND uuid = $4 AND action = $5", db_text(why), db_now(), db_text(device_id),
		      db_text(uuid), db_text(action));
}

#define WAITS_FOR_IT "EXISTS (SELECT 1 FROM device d JOIN command_queue q ON q.enrollment_id = d.enrollment_id WHERE" \
	" d.id = renewal.device_id AND q.dedupe_key = 'provision ' || renewal.action || ' ' || renewal.uuid)"

/* Taken, and no list has told so: it is asked for once more (the list that was to come has failed, say). */
static bool
ask_again(struct db *tx, const char *device_id, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct enrollment *enrollment;

	if (!enrollment_of_device(ctx, tx, device_id, &enrollment, err))
		return err->kind == ERR_MISSING;
	return command_refresh_after(tx, enrollment, "InstallProvisioningProfile", err) &&
	       db_run(tx, err, "UPDATE renewal SET asked = asked + 1, due = $1 WHERE due <= $2 AND state = 'acknowledged'"
		      " AND device_id = $3", db_int(clock_now() + RENEWAL_LISTED_S), db_now(), db_text(device_id));
}

static bool
ask_all_again(struct db *tx, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, tx, "SELECT DISTINCT device_id FROM renewal WHERE due <= $1 AND state = 'acknowledged' LIMIT $2",
				     db_now(), db_int(RENEWAL_WAVE_MAX));
	const char **ids;
	size_t n;

	if (!rows_texts(ctx, rows, &ids, &n, err))
		return false;
	for (size_t i = 0; i < n; i++)
		if (!ask_again(tx, ids[i], err))
			return false;
	return true;
}

#define LONGEST_WAIT_S RENEWAL_GIVEN_UP_S
_Static_assert(LONGEST_WAIT_S >= RENEWAL_LOST_S && LONGEST_WAIT_S >= RENEWAL_AGAIN_MAX_S, "it is");

/* What was given up: once a week, from so long before the end on once a day. */
#define GIVEN_UP_AGAIN "CASE WHEN action = 'install' AND ends - 30 * 86400 <= CAST($1 AS BIGINT) + 86400 THEN CAST($1 AS BIGINT) + 86400 WHEN" \
	" action = 'install' AND ends - 30 * 86400 < CAST($1 AS BIGINT) + 7 * 86400 THEN ends - 30 * 86400 ELSE CAST($1 AS BIGINT) + 7 * 86400 END"
_Static_assert(RENEWAL_GIVEN_UP_S == 7 * 86400, "as GIVEN_UP_AGAIN has it");

bool
renewal_due(struct db *tx, struct err *err)
{
	/* a clock that was ahead wrote what is beyond the longest wait */
	return db_run(tx, err, "UPDATE renewal SET due = $1 WHERE due > $2", db_now(), db_int(clock_now() + LONGEST_WAIT_S)) &&
	       /* sent, and the command is there: it waits for its device; else it was lost on the way (a queue that was emptied) */
	       db_run(tx, err, "UPDATE renewal SET due = $1 WHERE due <= $2 AND state = 'sent' AND " WAITS_FOR_IT,
		      db_int(clock_now() + RENEWAL_LOST_S), db_now()) &&
	       db_run(tx, err, "UPDATE renewal SET state = 'wanted', why = 'lost', due = NULL, changed = $1 WHERE due <= $1"
		      " AND state = 'sent'", db_now()) &&
	       db_run(tx, err, "UPDATE renewal SET state = 'wanted', due = NULL, changed = $1 WHERE due <= $1 AND state = 'failed'",
		      db_now()) &&
	       db_run(tx, err, "UPDATE renewal SET state = 'failed', why = CASE WHEN attempts + 1 < $2 THEN 'not_listed' ELSE"
		      " 'given_up' END, due = CASE WHEN attempts + 1 < $2 THEN CAST($1 AS BIGINT) + " AGAIN_S("attempts") " ELSE " GIVEN_UP_AGAIN " END, attempts = attempts + 1,"
		      " changed = $1 WHERE due <= $1 AND state = 'acknowledged' AND asked >= $3", db_now(),
		      db_int(RENEWAL_ATTEMPTS_MAX), db_int(RENEWAL_ASKED_MAX)) && ask_all_again(tx, err);
}

bool
renewal_sweep(struct db *db, struct err *err)
{
	return db_run(db, err, "DELETE FROM renewal WHERE state = 'done' AND changed < $1", db_int(clock_now() - RENEWAL_KEPT_S)) &&
	       /* given up before such were tried again */
	       db_run(db, err, "UPDATE renewal SET due = $1 WHERE state = 'failed' AND due IS NULL", db_now());
}
