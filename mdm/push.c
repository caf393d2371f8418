/*
 * The table of pushes that are due.
 *
 * A row that is under way is not touched by who asks again: `again` remembers it, and the row is due then
 * instead of being done.  Otherwise a command that was queued between the push and its answer would wait for
 * the next day's sweep.
 */
#include "mdm/push_due.h"
#include "core/clock.h"
#include "core/secret.h"
#include "mdm/enrollment_token.h"
#include <string.h>

/* An enrollment that can be pushed; e is the enrollment.  One that was retired hears so when it comes, and then its token
 * goes. */
#define MAY_HEAR "e.state IN ('enrolled', 'retired') AND e.token IS NOT NULL AND e.token_bad = ''"

/* ---- to ask ---- */

static bool
ask(struct db *tx, const char *enrollment_id, bool bulk, int64_t due, const char *reason, struct err *err)
{
	return db_run(tx, err,
		"INSERT INTO push_due (enrollment_id, topic, bulk, due, reason)"
		" SELECT e.id, e.topic, CAST($2 AS BOOLEAN), CAST($3 AS BIGINT), CAST($4 AS TEXT) FROM enrollment e"
		" WHERE e.id = $1 AND " MAY_HEAR
		" ON CONFLICT (enrollment_id) DO UPDATE SET"
		" again = CASE WHEN push_due.taken AND (push_due.again IS NULL OR push_due.again > excluded.due)"
		" THEN excluded.due ELSE push_due.again END,"
		" due = CASE WHEN push_due.taken OR push_due.attempt > 0 OR push_due.due <= excluded.due"
		" THEN push_due.due ELSE excluded.due END,"
		" bulk = push_due.bulk AND excluded.bulk"
		" WHERE push_due.taken OR (push_due.bulk AND NOT excluded.bulk)"	/* nothing to change is the usual case */
		" OR (push_due.attempt = 0 AND push_due.due > excluded.due)",
		db_text(enrollment_id), db_bool(bulk), db_int(due), db_text(reason));
}

bool
push_ask(struct db *tx, const char *enrollment_id, int64_t due, const char *reason, struct err *err)
{
	return ask(tx, enrollment_id, false, due, reason, err) || err_at(err, "push");
}

bool
push_ask_many(struct db *tx, const char *const *enrollment_ids, size_t n, int64_t due, const char *reason, struct err *err)
{
	for (size_t i = 0; i < n; i++)
		if (!ask(tx, enrollment_ids[i], true, due, reason, err))
			return err_at(err, "push");
	return true;
}

bool
push_forget(struct db *tx, const char *enrollment_id, struct err *err)
{
	return db_run(tx, err, "DELETE FROM push_due WHERE enrollment_id = $1", db_text(enrollment_id)) || err_at(err, "push");
}

/* ---- to take ---- */

struct found {
	struct push_row row;
	enum { USABLE, UNREACHABLE, ODD } what;
	bool bulk, mine;
};

struct take {
	TALLOC_CTX *ctx;
	struct found *found;
	size_t n;
	int64_t now;
};

/* Those of one kind that are due; read outside of the writer. */
static bool
find(struct take *t, struct db *db, const char *topic, bool bulk, size_t max, struct err *err)
{
	struct rows *rows = db_query(t->ctx, db,
		"SELECT d.enrollment_id, e.token, e.push_magic, e.token_at, d.attempt, d.due, " MAY_HEAR
		" FROM push_due d JOIN enrollment e ON e.id = d.enrollment_id"
		" WHERE d.topic = $1 AND d.bulk = $2 AND d.due <= $3 ORDER BY d.due LIMIT $4",
		db_text(topic), db_bool(bulk), db_int(t->now), db_int((int64_t)max));
	enum rows_step step;

	while ((step = rows_next(rows, err)) == ROWS_ROW) {
		struct found *f = &t->found[t->n++];

		*f = (struct found){ .bulk = bulk, .row = {
			.enrollment_id = rows_text(t->ctx, rows, 0), .token = rows_bytes(t->ctx, rows, 1),
			.magic = rows_text(t->ctx, rows, 2), .token_at = rows_int(rows, 3),
			.attempt = rows_int(rows, 4), .due = rows_int(rows, 5),
		} };
		f->what = !rows_bool(rows, 6) ? UNREACHABLE : USABLE;
		if (f->what == USABLE && (!f->row.token.len || f->row.token.len > APNS_TOKEN_MAX ||
					  strlen(f->row.magic) > APNS_MAGIC_MAX))
			f->what = ODD;
	}
	rows_done(rows);
	return step == ROWS_END;
}

static bool
take_one(struct db *tx, const struct take *t, struct found *f, struct err *err)
{
	const struct db_val id = db_text(f->row.enrollment_id);
	bool marked;

	f->mine = false;
	switch (f->what) {
	case ODD:		/* seen on its page, and until another one comes */
		return enrollment_token_bad(tx, f->row.enrollment_id, f->row.token, f->row.token_at, "BadDeviceToken", &marked, err) &&
		       db_run(tx, err, "DELETE FROM push_due WHERE enrollment_id = $1", id);
	case UNREACHABLE:	/* still: a new token asks anew, and that must not be lost */
		return db_run(tx, err, "DELETE FROM push_due WHERE enrollment_id = $1 AND NOT EXISTS"
			      " (SELECT 1 FROM enrollment e WHERE e.id = $1 AND " MAY_HEAR ")", id);
	case USABLE:		/* as it was found: somebody else may have been faster */
		if (!db_run(tx, err, "UPDATE push_due SET taken = TRUE, due = $1 WHERE enrollment_id = $2 AND due = $3",
			    db_int(t->now + PUSH_LEASE_S), id, db_int(f->row.due)))
			return false;
		f->mine = db_changed(tx) == 1;
	}
	return true;
}

static bool
tx_take(struct db *tx, void *arg, struct err *err)
{
	struct take *t = arg;

	for (size_t i = 0; i < t->n; i++)
		if (!take_one(tx, t, &t->found[i], err))
			return false;
	return true;
}

bool
push_take(TALLOC_CTX *ctx, struct db *db, const char *topic, size_t max, size_t bulk_max, struct push_row **ret,
	  size_t *n, size_t *bulk_n, struct err *err)
{
	struct take t = { .ctx = ctx, .now = clock_now() };

	*n = *bulk_n = 0;
	*ret = NULL;
	if (max > PUSH_BATCH)
		max = PUSH_BATCH;
	t.found = mem_array(ctx, struct found, max);
	if (!find(&t, db, topic, false, max, err))
		return err_at(err, "pushes that are due");
	if (bulk_max > max - t.n)
		bulk_max = max - t.n;
	if (bulk_max && !find(&t, db, topic, true, bulk_max, err))
		return err_at(err, "pushes that are due");
	if (!t.n)
		return true;
	if (!db_tx(db, tx_take, &t, err))
		return err_at(err, "take pushes");
	*ret = mem_array(ctx, struct push_row, t.n);
	for (size_t i = 0; i < t.n; i++)
		if (t.found[i].mine) {
			(*ret)[(*n)++] = t.found[i].row;
			*bulk_n += t.found[i].bulk;
		}
	return true;
}

bool
push_is_due(struct db *db, const char *topic, bool *ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, db, "SELECT 1 FROM push_due WHERE topic = $1 AND bulk IN (FALSE, TRUE) AND due <= $2"
				     " LIMIT 1", db_text(topic), db_now());
	enum rows_step step = rows_next(rows, err);

	*ret = step == ROWS_ROW;
	return step != ROWS_FAILED || err_at(err, "pushes that are due");
}

/* ---- what became of it ---- */

/* Doubles with each attempt; by chance in the upper half, so that what was put off together comes back apart. */
static int64_t
back_off(int64_t attempt, int64_t least, int64_t most)
{
	int64_t delay = least;
	uint32_t chance;

	while (attempt-- > 0 && delay < most)
		delay *= 2;
	if (delay > most)
		delay = most;
	secret_random(&chance, sizeof chance);
	return delay - chance % (delay / 2);
}

static bool
put_off(struct db *tx, const struct push_row *row, int64_t delay, struct err *err)
{
	return db_run(tx, err, "UPDATE push_due SET taken = FALSE, again = NULL, due = $1, attempt = attempt + 1"
		      " WHERE enrollment_id = $2 AND taken", db_int(clock_now() + delay), db_text(row->enrollment_id));
}

/* It is done, unless it was asked for again meanwhile. */
static bool
done(struct db *tx, const struct push_row *row, struct err *err)
{
	const struct db_val id = db_text(row->enrollment_id);

	if (!db_run(tx, err, "DELETE FROM push_due WHERE enrollment_id = $1 AND again IS NULL", id))
		return false;
	return db_changed(tx) == 1 ||
	       db_run(tx, err, "UPDATE push_due SET taken = FALSE, due = again, again = NULL, attempt = 0"
		      " WHERE enrollment_id = $1 AND again IS NOT NULL", id);
}

/* Nothing came of it, and it is nobody's fault: due as it was. */
static bool
release(struct db *tx, const struct push_row *row, struct err *err)
{
	return db_run(tx, err, "UPDATE push_due SET taken = FALSE, again = NULL, due = $1 WHERE enrollment_id = $2 AND taken",
		      db_int(row->due), db_text(row->enrollment_id));
}

/*
 * Its token is dead, unless the device has given us another one meanwhile; then it is pushed to that.  A
 * token that was stored after it was seen dead (Apple's `timestamp`) is a new life of the same token.
 */
static bool
token_dead(struct db *tx, const struct push_row *row, const struct apns_answer *answer, struct err *err)
{
	int64_t as_of = answer->todo == APNS_GONE && answer->timestamp ? answer->timestamp / 1000 : row->token_at;
	bool marked;

	if (!enrollment_token_bad(tx, row->enrollment_id, row->token, as_of, answer->reason, &marked, err))
		return false;
	if (marked)
		return push_forget(tx, row->enrollment_id, err);
	return as_of < row->token_at ? put_off(tx, row, back_off(row->attempt, PUSH_BACKOFF_MIN_S, PUSH_BACKOFF_MAX_S), err)
				     : release(tx, row, err);	/* it has told us of its token since this push was taken */
}

static bool
record(struct db *tx, const struct push_outcome *o, struct err *err)
{
	switch (o->answer.todo) {
	case APNS_TAKEN:
	case APNS_BUG:		/* the same again would fail the same way; the worker has raised the alarm */
		return done(tx, o->row, err);
	case APNS_DROP_TOKEN:
	case APNS_GONE:
		return token_dead(tx, o->row, &o->answer, err);
	case APNS_LATER:
		return put_off(tx, o->row, back_off(o->row->attempt, PUSH_BACKOFF_MIN_S, PUSH_BACKOFF_MAX_S), err);
	case APNS_RETRY:
		return put_off(tx, o->row, back_off(o->row->attempt, PUSH_RETRY_MIN_S, PUSH_RETRY_MAX_S), err);
	case APNS_HALT:		/* they wait for another certificate */
	case APNS_UNSENT:
		return release(tx, o->row, err);
	}
	return err_set(err, ERR_INTERNAL, "a push ended in a way that is not known");
}

struct batch {
	const struct push_outcome *outcomes;
	size_t n;
};

static bool
tx_record(struct db *tx, void *arg, struct err *err)
{
	const struct batch *b = arg;

	for (size_t i = 0; i < b->n; i++)
		if (!record(tx, &b->outcomes[i], err))
			return false;
	return true;
}

bool
push_record(struct db *db, const struct push_outcome *outcomes, size_t n, struct err *err)
{
	struct batch b = { outcomes, n };

	return n == 0 || db_tx(db, tx_record, &b, err) || err_at(err, "record pushes");
}

bool
push_release_all(struct db *db, struct err *err)
{
	return db_run(db, err, "UPDATE push_due SET taken = FALSE, again = NULL, due = $1 WHERE taken", db_now());
}

/* ---- of a clock that was ahead ---- */

/* None of ours waits as long, and who asks again does not shorten a back-off. */
const char push_ahead_sql[] = "UPDATE push_due SET due = $1 WHERE topic IN (SELECT topic FROM push_certificate)"
	" AND bulk IN (FALSE, TRUE) AND due > $2";

static bool
mend_ahead(struct db *db, int64_t now, struct err *err)
{
	return db_runv(db, err, push_ahead_sql, DB_VALS(db_int(now), db_int(now + PUSH_BACKOFF_MAX_S + HOUR_S)));
}

/* ---- the silent ---- */

struct sweep {
	const char *ids[PUSH_BATCH];
	size_t n;
	int64_t now;
};

static bool
tx_sweep(struct db *tx, void *arg, struct err *err)
{
	const struct sweep *s = arg;

	return push_ask_many(tx, s->ids, s->n, s->now, "sweep", err);
}

bool
push_sweep(struct db *db, int64_t before, int64_t now, char after[64], struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct sweep *s = mem_new(ctx, struct sweep);
	enum rows_step step;
	struct rows *rows;

	if (!*after && !mend_ahead(db, now, err))
		return err_at(err, "pushes of a clock that was ahead");
	rows = db_query(ctx, db,
		"SELECT e.id FROM enrollment e JOIN device d ON d.id = e.device_id WHERE e.id > $1 AND " MAY_HEAR
		" AND (e.state = 'enrolled' OR (d.enrollment_id IS NULL AND e.ended > $8))"
		" AND COALESCE(d.seen, e.enrolled, e.created) <= $2"
		" AND ($3 - COALESCE(d.seen, e.enrolled, e.created)) / $4 > ($5 - COALESCE(d.seen, e.enrolled, e.created)) / $6"
		" ORDER BY e.id LIMIT $7", db_text(after), db_int(now - PUSH_SILENT_S), db_int(now), db_int(PUSH_SILENT_S),
		db_int(before), db_int(PUSH_SILENT_S), db_int(PUSH_BATCH), db_int(now - PUSH_RETIRED_S));
	s->now = now;
	while ((step = rows_next(rows, err)) == ROWS_ROW)
		s->ids[s->n++] = rows_text(ctx, rows, 0);
	rows_done(rows);
	if (step == ROWS_FAILED || (s->n && !db_tx(db, tx_sweep, s, err)))
		return err_at(err, "silent devices");
	snprintf(after, 64, "%s", s->n == PUSH_BATCH ? s->ids[s->n - 1] : "");
	return true;
}

bool
push_count(struct db *db, int64_t *due, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, db, "SELECT count(*) FROM push_due");

	if (!rows_one(rows, err, "pushes"))
		return false;
	*due = rows_int(rows, 0);
	return true;
}
