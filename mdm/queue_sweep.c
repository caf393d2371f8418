#include "mdm/queue_sweep.h"
#include "core/clock.h"
#include "core/log.h"
#include "mdm/push.h"
#include "mdm/queue_secret.h"

#define BATCH		500
#define HISTORY_BATCH	5000
#define AHEAD_BATCH	5000
#define BATCHES_MAX	20	/* of old rows in one run: what is due waits for it */

/* ---- of a clock that was ahead ---- */

/*
 * Who asked for a time of their own keeps it, by whatever clock they asked.  When it ends stays as it is: for a clock that is
 * behind now it looks the same, and what waits would be over as soon as that is put right.
 */
const char queue_ahead_sql[] = "UPDATE command_queue SET not_before = CAST($1 AS BIGINT), due = CAST($1 AS BIGINT)"
	" WHERE (enrollment_id, command_id) IN (SELECT q.enrollment_id,"
	" q.command_id FROM command c JOIN command_queue q ON q.command_id = c.id WHERE c.created > CAST($1 AS BIGINT) + $2"
	" AND q.not_before > CAST($1 AS BIGINT) AND (q.not_before <= c.created + $2 OR q.sent IS NOT NULL) LIMIT $3)";

struct ahead {
	int64_t n;
	bool more;
};

/*
 * What it has ordered waits for a day that has not come, and whoever orders the same is told that it waits already.
 * The time of the orders themselves is put right when none of their rows is left.
 */
static bool
tx_ahead(struct db *tx, void *arg, struct err *err)
{
	struct ahead *a = arg;
	struct db_val now = db_now(), least = db_int(CLOCK_BACK_S), batch = db_int(AHEAD_BATCH);
	int64_t rows;

	if (!db_runv(tx, err, queue_ahead_sql, DB_VALS(now, least, batch)))
		return false;
	a->n += rows = db_changed(tx);
	a->more = rows == AHEAD_BATCH;
	if (a->more)
		return true;
	if (!db_run(tx, err, "UPDATE command SET created = CAST($1 AS BIGINT) WHERE id IN (SELECT id FROM command"
		    " WHERE created > CAST($1 AS BIGINT) + $2 LIMIT $3)", now, least, batch))
		return false;
	a->more = db_changed(tx) == AHEAD_BATCH;
	return true;
}

static bool
mend_ahead(struct db *db, struct err *err)
{
	struct ahead a = { 0, true };

	while (a.more)
		if (!db_tx(db, tx_ahead, &a, err))
			return err_at(err, "commands of a clock that was ahead");
	if (a.n)
		log_warn("commands of a clock that was ahead go now", KVI("commands", a.n));
	return true;
}

/* ---- what is due ---- */

struct due {
	const char *enrollment_id;
	struct queued *queued;
	bool expired;
};

struct batch {
	void *ctx;
	struct due *all;
	size_t n;
};

static bool
read_due(struct db *tx, struct batch *b, struct err *err)
{
	int64_t now = clock_now();
	struct rows *rows = db_query(b->ctx, tx, "SELECT " QUEUED_COLUMNS ", q.enrollment_id, q.expires <= $1"
		" FROM command_queue q JOIN command c ON c.id = q.command_id WHERE q.due <= $2 ORDER BY q.due LIMIT $3",
		db_int(now), db_int(now), db_int(BATCH));
	enum rows_step step;

	while ((step = rows_next(rows, err)) == ROWS_ROW) {
		b->all = mem_grow(b->ctx, b->all, struct due, b->n + 1);
		b->all[b->n++] = (struct due){ rows_text(b->ctx, rows, 9), queued_of(b->ctx, rows), rows_bool(rows, 10) };
	}
	return step != ROWS_FAILED;
}

static bool
expire(struct db *tx, const struct batch *b, const struct due *due, struct err *err)
{
	struct queue_end end = { .state = "expired" };
	struct enrollment *enrollment;

	return enrollment_get(b->ctx, tx, due->enrollment_id, &enrollment, err) &&
	       queue_end(tx, due->queued, enrollment, &end, err);
}

/* Pushes are coalesced, one an enrollment, so the next look is soon enough for all of its commands. */
static bool
push_again(struct db *tx, const struct due *due, struct err *err)
{
	int64_t now = clock_now();

	return db_run(tx, err, "UPDATE command_queue SET due = CASE WHEN expires < $1 THEN expires ELSE CAST($1 AS BIGINT)"
		      " END WHERE enrollment_id = $2 AND command_id = $3", db_int(now + QUEUE_PUSH_AGAIN_MAX_S),
		      db_text(due->enrollment_id), db_int(due->queued->id)) &&
	       push_ask(tx, due->enrollment_id, now, "command", err);
}

static bool
tx_due(struct db *tx, void *arg, struct err *err)
{
	struct batch *b = arg;

	b->n = 0;
	if (!read_due(tx, b, err))
		return false;
	for (size_t i = 0; i < b->n; i++)
		if (!(b->all[i].expired ? expire(tx, b, &b->all[i], err) : push_again(tx, &b->all[i], err)))
			return err_at(err, "command %s", b->all[i].queued->uuid);
	return true;
}

/* ---- what is old ---- */

struct old {
	int64_t before;
	bool more;
};

/* The commands of what goes may be without anything by now: they are looked at behind it, in parts of their own. */
static bool
tx_old(struct db *tx, void *arg, struct err *err)
{
	struct old *old = arg;

	if (!db_run(tx, err, "INSERT INTO command_loose (command_id) SELECT DISTINCT command_id FROM (SELECT command_id"
		    " FROM command_history WHERE ended < $1 ORDER BY ended, enrollment_id, command_id LIMIT $2) o WHERE TRUE"
		    " ON CONFLICT DO NOTHING", db_int(old->before), db_int(HISTORY_BATCH)) ||
	    !db_run(tx, err, "DELETE FROM command_history WHERE (enrollment_id, command_id) IN (SELECT enrollment_id,"
		    " command_id FROM command_history WHERE ended < $1 ORDER BY ended, enrollment_id, command_id LIMIT $2)",
		    db_int(old->before), db_int(HISTORY_BATCH)))
		return false;
	old->more = db_changed(tx) == HISTORY_BATCH;
	return true;
}

const char queue_loose_sql[] = "DELETE FROM command WHERE id IN (SELECT command_id FROM command_loose ORDER BY command_id"
	" LIMIT $1) AND NOT EXISTS (SELECT 1 FROM command_queue q WHERE q.command_id = command.id)"
	" AND NOT EXISTS (SELECT 1 FROM command_history h WHERE h.command_id = command.id)";

/*
 * A command and its first rows of the queue are written in one transaction, and a row of the history in that which
 * takes the row out of the queue: one that neither has is never referred to again.
 */
static bool
tx_loose(struct db *tx, void *arg, struct err *err)
{
	bool *more = arg;

	if (!db_runv(tx, err, queue_loose_sql, DB_VALS(db_int(HISTORY_BATCH))) ||
	    !db_run(tx, err, "DELETE FROM command_loose WHERE command_id IN (SELECT command_id FROM command_loose"
		    " ORDER BY command_id LIMIT $1)", db_int(HISTORY_BATCH)))
		return false;
	*more = db_changed(tx) == HISTORY_BATCH;
	return true;
}

bool
queue_sweep(struct db *db, int64_t history_days, struct err *err)
{
	struct old old = { clock_now() - history_days * DAY_S, true };
	bool loose = true;
	int batches = 0;

	if (!mend_ahead(db, err))
		return false;
	for (size_t n = BATCH; n == BATCH;) {
		void *ctx SCOPED(mem) = talloc_new(NULL);
		struct batch b = { .ctx = ctx };

		if (!db_tx(db, tx_due, &b, err))
			return err_at(err, "clean-up of the command queue");
		n = b.n;
	}
	if (!queue_seal_old(db, err))
		return false;
	while (old.more && batches++ < BATCHES_MAX)
		if (!db_tx(db, tx_old, &old, err))
			return err_at(err, "clean-up of the command history");
	while (loose && batches++ < BATCHES_MAX)
		if (!db_tx(db, tx_loose, &loose, err))
			return err_at(err, "clean-up of commands");
	return true;
}
