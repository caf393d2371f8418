/*
 * Tables `ending_notice` and `ending_known`.
 *
 * What has been told is never told again: the key of a row is person, thing, date and notice, and a notice is refused
 * once a later one of the same has gone, whatever the clock does.
 */
#include "catalog/ending.h"
#include "catalog/message.h"
#include "core/clock.h"
#include <string.h>

#define KEEP_DAYS	90	/* after the end; longer than a notice can be late */

static const int notices[] = { 1, 7, 14, 30, 60 };	/* the nearest first */

/* ---- when ---- */

static int64_t
day_of(time_t at)
{
	return at >= 0 ? at / DAY_S : (at - DAY_S + 1) / DAY_S;
}

int64_t
ending_days_left(time_t now, time_t at)
{
	return day_of(at) - day_of(now);
}

int
ending_notice_at(time_t now, time_t begins, time_t ends)
{
	int64_t left = ending_days_left(now, ends), life = begins ? ending_days_left(begins, ends) : INT64_MAX / 3;

	if (left < -ENDING_LATE)
		return 0;
	for (size_t i = 0; i < sizeof notices / sizeof *notices; i++)
		if (left <= notices[i])
			return i == 0 || notices[i] * 3 <= life ? notices[i] : 0;
	return 0;
}

/* ---- what is owed ---- */

struct told {
	const char *kind, *subject;
	time_t ends;
	int64_t days;	/* the nearest that went */
};

static bool
read_told(TALLOC_CTX *ctx, struct db *db, const char *person_id, struct told **ret, size_t *n, struct err *err)
{
	struct rows *rows = db_query(ctx, db, "SELECT kind, subject, ends, min(days) FROM ending_notice WHERE person_id = $1"
				     " AND ends > $2 GROUP BY kind, subject, ends", db_text(person_id),
				     db_int(clock_now() - (ENDING_LATE + 2) * DAY_S));
	enum rows_step step;
	size_t room = 0;

	*ret = NULL;
	*n = 0;
	while ((step = rows_next(rows, err)) == ROWS_ROW) {
		if (*n == room)
			*ret = mem_grow(ctx, *ret, struct told, room = 2 * room + 16);
		(*ret)[(*n)++] = (struct told){ rows_text(ctx, rows, 0), rows_text(ctx, rows, 1), rows_int(rows, 2),
						rows_int(rows, 3) };
	}
	return step == ROWS_END;
}

/* Some hundreds of things, and as many rows, once a day. */
static bool
has_it(const struct told *told, size_t n, const struct ending_key *key, int days)
{
	for (size_t i = 0; i < n; i++)
		if (told[i].ends == key->ends && told[i].days <= days && strcmp(told[i].subject, key->subject) == 0 &&
		    strcmp(told[i].kind, key->kind) == 0)
			return true;
	return false;
}

bool
ending_owed(struct db *db, const char *person_id, const struct ending_key *keys, size_t n, int *ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	time_t now = clock_now();
	struct told *told;
	size_t told_n;

	if (!read_told(ctx, db, person_id, &told, &told_n, err))
		return err_at(err, "what was told");
	for (size_t i = 0; i < n; i++) {
		ret[i] = ending_notice_at(now, keys[i].begins, keys[i].ends);
		if (ret[i] && has_it(told, told_n, &keys[i], ret[i]))
			ret[i] = 0;
	}
	return true;
}

/* ---- telling ---- */

/* What a clock that was ahead has sent was not today. */
bool
ending_told_today(struct db *db, const char *person_id, bool *ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, db, "SELECT count(*) FROM ending_notice WHERE person_id = $1 AND at >= $2"
				     " AND at <= $3", db_text(person_id), db_int(day_of(clock_now()) * DAY_S), db_now());

	if (!rows_one(rows, err, "no count"))
		return false;
	*ret = rows_int(rows, 0) > 0;
	return true;
}

static bool
tell_one(struct db *tx, const struct ending_letter *l, size_t i, const char *message, struct err *err)
{
	const struct ending_key *key = &l->keys[i];

	if (!db_run(tx, err, "INSERT INTO ending_notice (person_id, kind, subject, ends, days, message_id, at)"
		    " SELECT p.id, $2, $3, CAST($4 AS BIGINT), CAST($5 AS BIGINT), $6, CAST($7 AS BIGINT) FROM person p"
		    " WHERE p.id = $1 AND NOT EXISTS (SELECT 1 FROM ending_notice n WHERE n.person_id = $1 AND n.kind = $2"
		    " AND n.subject = $3 AND n.ends = $4 AND n.days <= $5)", db_text(l->person_id), db_text(key->kind),
		    db_text(key->subject), db_int(key->ends), db_int(l->days[i]), db_text(message), db_now()))
		return false;
	return db_changed(tx) > 0 ||
	       err_set(err, ERR_CONFLICT, "they were told of %s %.80s meanwhile, or are gone", key->kind, key->subject);
}

static bool
tx_tell(struct db *tx, void *arg, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	const struct ending_letter *l = arg;
	char *message;
	bool today;

	if (!ending_told_today(tx, l->person_id, &today, err))
		return false;
	if (today)
		return err_set(err, ERR_CONFLICT, "they have had their mail of today");
	if (!message_mail(tx, l->mail, &message, ctx, err))
		return false;
	for (size_t i = 0; i < l->n; i++)
		if (!tell_one(tx, l, i, message, err))
			return false;
	return true;
}

bool
ending_tell(struct db *db, const struct ending_letter *letter, struct err *err)
{
	return db_tx(db, tx_tell, (void *)(uintptr_t)letter, err);
}

/*
 * A clock that is ahead finds all of it over, and when it is right again all would be told once more: what goes is old
 * by the days on which something was told, too, of which the last two may be such a clock's.
 */
bool
ending_sweep(struct db *db, struct err *err)
{
	return db_run(db, err, "DELETE FROM ending_notice WHERE ends < $1 AND at < $1 AND at < CAST($2 AS BIGINT) + 86400 * (SELECT DISTINCT"
		      " n.at / 86400 AS day FROM ending_notice n ORDER BY day DESC LIMIT 1 OFFSET 2)",
		      db_int(clock_now() - KEEP_DAYS * DAY_S), db_int(-KEEP_DAYS * DAY_S));
}

/* ---- what another system said ---- */

struct know {
	const char *kind;
	const struct ending_known *known;
};

static bool
tx_know(struct db *tx, void *arg, struct err *err)
{
	const struct know *k = arg;

	if (!db_run(tx, err, "DELETE FROM ending_known WHERE kind = $1", db_text(k->kind)))
		return false;
	return !k->known || db_run(tx, err, "INSERT INTO ending_known (kind, subject, name, ends, asked, begins) VALUES ($1, $2, $3, $4, $5, $6)",
				   db_text(k->kind), db_text(k->known->subject), db_text(k->known->name),
				   db_int(k->known->ends), db_now(), db_int(k->known->begins));
}

bool
ending_know(struct db *db, const char *kind, const struct ending_known *known, struct err *err)
{
	return db_tx(db, tx_know, &(struct know){ kind, known }, err);
}

bool
ending_knows(TALLOC_CTX *ctx, struct db *db, const char *kind, struct ending_known **ret, struct err *err)
{
	struct rows *rows = db_query(ctx, db, "SELECT subject, name, ends, begins FROM ending_known WHERE kind = $1", db_text(kind));
	enum rows_step step = rows_next(rows, err);

	*ret = NULL;
	if (step != ROWS_ROW)
		return step == ROWS_END;
	*ret = mem_new(ctx, struct ending_known);
	**ret = (struct ending_known){ rows_text(ctx, rows, 0), rows_text(ctx, rows, 1), rows_int(rows, 2), rows_int(rows, 3) };
	rows_done(rows);
	return true;
}
