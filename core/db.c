#include "core/db.h"
#include <assert.h>
#include <pthread.h>
#include <string.h>
#include "core/clock.h"
#include "core/db_driver.h"

struct db_shared {
	const struct db_driver *driver;
	char *dir;
	int version;
	struct db_conn *conn;		/* the writer's */
	struct db_writer *writer;
	pthread_mutex_t lock;		/* over what follows */
	struct db_conn *idle;		/* readers, the last used first: its statements are warm */
	int idle_n, lent;
};

/*
 * A reader's connection is lent until the rows end, not for the life of a thread: rows may move
 * to another thread with their request, and an idle thread keeps nothing open.
 */
struct rows {
	struct db_shared *shared;
	struct db_conn *conn;
	struct db_stmt *stmt;		/* NULL: ended, or could not start */
	bool lent, at_row;
	int depth;			/* of savepoints when it began */
	struct err err;			/* why it could not start, or ended early */
	struct rows *next, **self;	/* among those open on conn */
};

struct db_val
db_text(const char *text)
{
	return text ? (struct db_val){ DB_TEXT, 0, text, strlen(text) } : db_null();
}

struct db_val
db_now(void)
{
	return db_int(clock_now());
}

static int
close_shared(struct db_shared *shared)
{
	if (shared->writer)
		writer_stop(shared->writer);
	assert(!shared->lent);	/* rows that outlive their database */
	for (struct db_conn *conn; (conn = shared->idle);) {
		shared->idle = conn->next;
		talloc_free(conn);
	}
	talloc_free(shared->conn);
	pthread_mutex_destroy(&shared->lock);
	return 0;
}

bool
db_open(TALLOC_CTX *ctx, const char *dir, struct db **ret, struct err *err)
{
	struct db *db = mem_new(ctx, struct db);
	struct db_shared *shared = db->shared = mem_new(db, struct db_shared);

	shared->driver = &db_sqlite;
	shared->dir = mem_text(shared, dir);
	pthread_mutex_init(&shared->lock, NULL);
	talloc_set_destructor(shared, close_shared);
	if (!conn_open(shared->driver, dir, DB_WRITER, &shared->conn, err) ||
	    !schema_update(shared->conn, dir, &shared->version, err) ||
	    !writer_start(shared, db, shared->conn, &shared->writer, err)) {
		talloc_free(db);
		return false;
	}
	*ret = db;
	return true;
}

int
db_schema_version(struct db *db)
{
	return db->shared->version;
}

bool
db_alone(struct db *db)
{
	return db->shared->driver->alone;
}

/* Inside a closure: an engine that ended the transaction must not run the rest of it bare. */
static bool
alive(struct db *tx, struct err *err)
{
	if (tx->conn->driver->in_tx(tx->conn->handle))
		return true;
	*err = tx->conn->lost;
	return false;
}

static void
note_lost(struct db_conn *conn, const struct err *err)
{
	if (!conn->driver->in_tx(conn->handle))
		conn->lost = *err;
}

bool
db_tx(struct db *db, db_fn *fn, void *arg, struct err *err)
{
	if (!db->conn)
		return writer_run(db->shared->writer, fn, arg, err);
	return alive(db, err) && tx_nested(db, fn, arg, err);
}

void
db_later(struct db *db, db_fn *fn, void *arg)
{
	writer_later(db->shared->writer, fn, arg);
}

struct run {
	const char *sql;
	const struct db_val *vals;
};

static bool
run_alone(struct db *tx, void *arg, struct err *err)
{
	struct run *run = arg;

	return db_runv(tx, err, run->sql, run->vals);
}

bool
db_runv(struct db *db, struct err *err, const char *sql, const struct db_val *vals)
{
	if (!db->conn)
		return db_tx(db, run_alone, &(struct run){ sql, vals }, err);
	if (!alive(db, err))
		return false;
	if (conn_run(db->conn, sql, vals, err))
		return true;
	note_lost(db->conn, err);
	return false;
}

int64_t
db_changed(struct db *tx)
{
	assert(tx->conn);
	return tx->conn->changed;
}

bool
db_writable(struct db *db, struct err *err)
{
	char at[CLOCK_ISO_SIZE];

	return db_run(db, err, "INSERT INTO meta (key, value) VALUES ('written', $1)"
			       " ON CONFLICT (key) DO UPDATE SET value = excluded.value",
		      db_text(clock_iso(clock_now(), at)));
}

static bool
lend(struct db_shared *shared, struct db_conn **ret, struct err *err)
{
	struct db_conn *conn;

	pthread_mutex_lock(&shared->lock);
	if ((conn = shared->idle)) {
		shared->idle = conn->next;
		shared->idle_n--;
	}
	shared->lent++;
	pthread_mutex_unlock(&shared->lock);
	if (conn || conn_open(shared->driver, shared->dir, DB_READER, &conn, err)) {
		*ret = conn;
		return true;
	}
	pthread_mutex_lock(&shared->lock);
	shared->lent--;
	pthread_mutex_unlock(&shared->lock);
	return false;
}

static void
give_back(struct db_shared *shared, struct db_conn *conn)
{
	pthread_mutex_lock(&shared->lock);
	shared->lent--;
	if (shared->idle_n < DB_READERS_IDLE_MAX) {
		conn->next = shared->idle;
		shared->idle = conn;
		shared->idle_n++;
		conn = NULL;
	}
	pthread_mutex_unlock(&shared->lock);
	talloc_free(conn);
}

void
rows_done(struct rows *rows)
{
	if (!rows->stmt)
		return;
	conn_stmt_done(rows->conn, rows->stmt);
	rows->stmt = NULL;
	rows->at_row = false;
	*rows->self = rows->next;
	if (rows->next)
		rows->next->self = rows->self;
	if (rows->lent)
		give_back(rows->shared, rows->conn);
}

static int
end_rows(struct rows *rows)
{
	rows_done(rows);
	return 0;
}

void
rows_orphan(struct db_conn *conn, int depth)
{
	for (struct rows *rows = conn->rows, *next; rows; rows = next) {
		next = rows->next;
		if (rows->depth <= depth)
			continue;
		rows_done(rows);
		err_set(&rows->err, ERR_INTERNAL, "the transaction of these rows is over");
	}
}

struct rows *
db_queryv(TALLOC_CTX *ctx, struct db *db, const char *sql, const struct db_val *vals)
{
	struct rows *rows = mem_new(ctx, struct rows);

	rows->shared = db->shared;
	rows->conn = db->conn;
	rows->lent = !db->conn;
	if (rows->lent ? !lend(rows->shared, &rows->conn, &rows->err) : !alive(db, &rows->err))
		return rows;
	if (!conn_stmt(rows->conn, sql, vals, true, &rows->stmt, &rows->err)) {
		rows->stmt = NULL;
		if (rows->lent)
			give_back(rows->shared, rows->conn);
		return rows;
	}
	rows->depth = rows->conn->depth;
	rows->self = &rows->conn->rows;
	if ((rows->next = *rows->self))
		rows->next->self = &rows->next;
	*rows->self = rows;
	talloc_set_destructor(rows, end_rows);
	return rows;
}

enum rows_step
rows_next(struct rows *rows, struct err *err)
{
	enum rows_step step;

	if (!rows->stmt) {
		if (rows->err.kind == ERR_NONE)
			return ROWS_END;
		*err = rows->err;
		return ROWS_FAILED;
	}
	step = rows->conn->driver->step(rows->stmt->handle, err);
	rows->at_row = step == ROWS_ROW;
	if (step == ROWS_FAILED) {
		rows->err = *err;
		if (!rows->lent)
			note_lost(rows->conn, err);
	}
	if (step != ROWS_ROW)	/* no reader holds a snapshot for longer than it needs one */
		rows_done(rows);
	return step;
}

bool
rows_one(struct rows *rows, struct err *err, const char *what)
{
	switch (rows_next(rows, err)) {
	case ROWS_ROW:
		return true;
	case ROWS_END:
		return err_set(err, ERR_MISSING, "%s", what);
	case ROWS_FAILED:
		break;
	}
	return false;
}

bool
rows_texts(TALLOC_CTX *ctx, struct rows *rows, const char ***ret, size_t *n, struct err *err)
{
	enum rows_step step;

	*n = 0;
	*ret = mem_grow(ctx, NULL, const char *, 1);
	while ((step = rows_next(rows, err)) == ROWS_ROW) {
		(*ret)[(*n)++] = rows_text(ctx, rows, 0);
		*ret = mem_grow(ctx, *ret, const char *, *n + 1);
	}
	(*ret)[*n] = NULL;
	rows_done(rows);
	return step != ROWS_FAILED;
}

bool
rows_null(struct rows *rows, int column)
{
	return !rows->at_row || rows->conn->driver->is_null(rows->stmt->handle, column);
}

int64_t
rows_int(struct rows *rows, int column)
{
	return rows->at_row ? rows->conn->driver->get_int(rows->stmt->handle, column) : 0;
}

bool
rows_bool(struct rows *rows, int column)
{
	return rows_int(rows, column) != 0;
}

char *
rows_text(TALLOC_CTX *ctx, struct rows *rows, int column)
{
	struct bytes bytes;

	if (rows_null(rows, column))
		return NULL;
	bytes = rows->conn->driver->get_bytes(rows->stmt->handle, column);
	return mem_textn(ctx, bytes.p ? bytes.p : "", bytes.len);
}

struct bytes
rows_bytes(TALLOC_CTX *ctx, struct rows *rows, int column)
{
	struct bytes bytes;

	if (rows_null(rows, column))
		return (struct bytes){ NULL, 0 };
	bytes = rows->conn->driver->get_bytes(rows->stmt->handle, column);
	return (struct bytes){ mem_copy(ctx, bytes.p, bytes.len), bytes.len };
}
