/* Column refresh_due of table `device`. */
#include "mdm/refresh.h"
#include "core/clock.h"
#include "mdm/command_send.h"
#include <zlib.h>
#include <string.h>

struct look {
	int64_t period, silent, asked, seen;	/* seen: rows that were looked at */
};

/* Those without a time, or with one of a longer period, are given one: somewhere in the period, the same each time. */
static int64_t
first_time(const char *id, int64_t period)
{
	return clock_now() + (int64_t)(crc32(0, (const unsigned char *)id, (uInt)strlen(id)) % (uint64_t)period);
}

struct row { const char *id, *enrollment; bool due; };

static bool
set_time(struct db *tx, const struct look *look, const struct row *row, struct err *err)
{
	return db_run(tx, err, "UPDATE device SET refresh_due = $1 WHERE id = $2",
		      db_int(row->due ? clock_now() + look->period : first_time(row->id, look->period)), db_text(row->id));
}

static bool
ask(TALLOC_CTX *ctx, struct db *tx, struct look *look, const struct row *rows, struct err *err)
{
	const struct enrollment *due[REFRESH_CHUNK];
	struct enrollment *e;

	for (int64_t i = 0; i < look->seen; i++) {
		if (!set_time(tx, look, &rows[i], err) || (rows[i].due && !enrollment_get(ctx, tx, rows[i].enrollment, &e, err)))
			return err_at(err, "device %s", rows[i].id);
		if (rows[i].due)
			due[look->asked++] = e;
	}
	return command_refresh_many(tx, due, (size_t)look->asked, err);
}

/* A transaction may be run again: what it counts begins anew. */
static bool
tx_chunk(struct db *tx, void *arg, struct err *err)
{
	void *ctx SCOPED(mem) = mem_must(talloc_new(NULL));
	struct look *look = arg;
	int64_t now = clock_now();
	struct row rows[REFRESH_CHUNK];
	struct rows *found = db_query(ctx, tx, "SELECT d.id, d.enrollment_id, d.refresh_due <= $1 FROM device d"
		" JOIN enrollment e ON e.id = d.enrollment_id WHERE e.state = 'enrolled' AND (d.refresh_due IS NULL OR d.refresh_due > $2"
		" OR (d.refresh_due <= $1 AND d.seen > $3)) ORDER BY d.refresh_due, d.id LIMIT $4",
		db_int(now), db_int(now + look->period), db_int(now - look->silent), db_int(REFRESH_CHUNK));
	enum rows_step step;

	look->seen = look->asked = 0;
	while ((step = rows_next(found, err)) == ROWS_ROW) {
		rows[look->seen].id = rows_text(ctx, found, 0);
		rows[look->seen].enrollment = rows_text(ctx, found, 1);
		rows[look->seen++].due = rows_bool(found, 2);
	}
	rows_done(found);
	return step != ROWS_FAILED && ask(ctx, tx, look, rows, err);
}

bool
refresh_due(struct db *db, int64_t period_s, int64_t silent_s, int64_t *asked, struct err *err)
{
	struct look look = { .period = period_s, .silent = silent_s, .seen = REFRESH_CHUNK };

	*asked = 0;
	for (int i = 0; period_s && i < REFRESH_ROUNDS && look.seen == REFRESH_CHUNK; i++) {
		if (!db_tx(db, tx_chunk, &look, err))
			return err_at(err, "periodic refresh");
		*asked += look.asked;
	}
	return true;
}
