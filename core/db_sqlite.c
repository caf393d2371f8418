/*
 * SQLite: DIR/pomona.db in WAL mode, each commit synced before it is answered.
 *
 * The file, its WAL and its shared memory are 0600: SQLite gives the latter two the mode of the
 * first.  The writer checkpoints after it has answered its callers, not inside their commit.
 */
#include "core/db_driver.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "core/clock.h"
#include "core/num.h"

#define CHECKPOINT_FRAMES	1000	/* pages the WAL may gain before they move to the database */
#define WAL_MAX			(64 << 20)	/* then readers are waited for, so that it starts anew */
#define WAL_RETRY		(16 << 20)	/* growth before they are waited for again */
#define WAL_WAIT_MS		20	/* how long: the writer stands still meanwhile */
#define PAGE_SIZE		4096

struct sqlite {
	sqlite3 *db;
	int frames;		/* in the WAL, by the last commit */
	int settled;		/* frames at the last checkpoint */
	int64_t wal_limit;
};

struct sqlite_stmt {
	sqlite3 *db;
	sqlite3_stmt *stmt;
	int index[DB_PARAMS_MAX + 1];	/* SQLite numbers $N by first appearance: index[N] */
};

static bool
fail(sqlite3 *db, struct err *err)
{
	int code = sqlite3_extended_errcode(db), os = sqlite3_system_errno(db);
	enum err_kind kind = ERR_INTERNAL;

	switch (code & 0xff) {
	case SQLITE_FULL:
		kind = ERR_NO_ROOM;
		break;
	case SQLITE_IOERR:
		if (os == ENOSPC || os == EDQUOT || os == EFBIG)
			kind = ERR_NO_ROOM;
		break;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		kind = ERR_BUSY;
		break;
	case SQLITE_CONSTRAINT:
		if (code == SQLITE_CONSTRAINT_UNIQUE || code == SQLITE_CONSTRAINT_PRIMARYKEY)
			kind = ERR_CONFLICT;
		break;
	}
	return err_set(err, kind, "database: %s (%d)", sqlite3_errmsg(db), code);
}

/* While another process changes the journal mode or recovers, SQLite does not wait by itself. */
static bool
patiently(sqlite3 *db, const char *sql, struct err *err)
{
	int64_t until = clock_ms() + DB_BUSY_MS;
	int code;

	while ((code = sqlite3_exec(db, sql, NULL, NULL, NULL)) == SQLITE_BUSY && clock_ms() < until)
		usleep(10000);
	return code == SQLITE_OK || fail(db, err);
}

static int
on_commit(void *arg, sqlite3 *db, const char *name, int frames)
{
	struct sqlite *lite = arg;

	(void)db;
	(void)name;
	lite->frames = frames;
	return SQLITE_OK;
}

static int
close_db(struct sqlite *lite)
{
	int code = sqlite3_close(lite->db);

	if (code != SQLITE_OK)	/* a statement still open: a bug here */
		abort();
	return 0;
}

static bool
set_up(struct sqlite *lite, enum db_role role, struct err *err)
{
	static const struct { int option, value; } options[] = {
		{ SQLITE_DBCONFIG_DEFENSIVE, 1 },
		{ SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0 },
		{ SQLITE_DBCONFIG_ENABLE_FKEY, 1 },
		{ SQLITE_DBCONFIG_DQS_DML, 0 },		/* "x" is a name, as in PostgreSQL */
		{ SQLITE_DBCONFIG_DQS_DDL, 0 },
		{ SQLITE_DBCONFIG_ENABLE_QPSG, 1 },	/* else each new value of a LIKE is compiled anew */
	};

	sqlite3_extended_result_codes(lite->db, 1);
	sqlite3_busy_timeout(lite->db, DB_BUSY_MS);
	for (size_t i = 0; i < sizeof options / sizeof *options; i++)
		if (sqlite3_db_config(lite->db, options[i].option, options[i].value, NULL) != SQLITE_OK)
			return err_set(err, ERR_INTERNAL, "SQLite lacks option %d", options[i].option);
	if (!patiently(lite->db, "PRAGMA temp_store = MEMORY; PRAGMA mmap_size = 0", err))
		return false;
	if (role == DB_READER)
		return true;
	sqlite3_wal_hook(lite->db, on_commit, lite);
	return patiently(lite->db, "PRAGMA journal_mode = WAL", err) &&
	       patiently(lite->db, "PRAGMA synchronous = FULL; PRAGMA cache_size = -8000;"
				   " PRAGMA journal_size_limit = 67108864", err);
}

/* The counts of memory that SQLite keeps by itself cost a lock that all threads share. */
static void
set_up_once(void)
{
	sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

static bool
sqlite_open(TALLOC_CTX *ctx, const char *dir, enum db_role role, void **handle, struct err *err)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct sqlite *lite = mem_new(ctx, struct sqlite);
	char *path = mem_printf(lite, "%s/pomona.db", dir);
	int mode = role == DB_WRITER ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY;

	pthread_once(&once, set_up_once);
	lite->wal_limit = WAL_MAX;
	if (role == DB_WRITER) {
		int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

		if (fd < 0)
			return err_errno(err, "open %s", path);
		close(fd);
	}
	if (sqlite3_open_v2(path, &lite->db, mode | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK) {
		fail(lite->db, err);
		sqlite3_close(lite->db);
		return err_at(err, "%s", path);
	}
	talloc_set_destructor(lite, close_db);
	if (!set_up(lite, role, err))
		return err_at(err, "%s", path);
	talloc_free(path);
	*handle = lite;
	return true;
}

static bool
sqlite_script(void *handle, const char *sql, struct err *err)
{
	struct sqlite *lite = handle;

	return sqlite3_exec(lite->db, sql, NULL, NULL, NULL) == SQLITE_OK || fail(lite->db, err);
}

static bool
sqlite_in_tx(void *handle)
{
	return !sqlite3_get_autocommit(((struct sqlite *)handle)->db);
}

/*
 * A passive checkpoint never waits.  Readers that overlap without end would still keep the WAL from
 * starting anew, so that it grows for ever: beyond WAL_MAX they are waited for, briefly.
 */
static void
sqlite_settle(void *handle)
{
	struct sqlite *lite = handle;
	int64_t bytes = (int64_t)lite->frames * PAGE_SIZE;

	if (lite->frames < lite->settled)
		lite->settled = 0;
	if (bytes >= lite->wal_limit) {
		sqlite3_busy_timeout(lite->db, WAL_WAIT_MS);
		lite->wal_limit = sqlite3_wal_checkpoint_v2(lite->db, NULL, SQLITE_CHECKPOINT_TRUNCATE,
							    NULL, NULL) == SQLITE_OK
				  ? WAL_MAX : bytes + WAL_RETRY;
		sqlite3_busy_timeout(lite->db, DB_BUSY_MS);
		lite->settled = lite->frames;
	} else if (lite->frames - lite->settled >= CHECKPOINT_FRAMES) {
		sqlite3_wal_checkpoint_v2(lite->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
		lite->settled = lite->frames;
	}
}

static int
finalize(struct sqlite_stmt *s)
{
	sqlite3_finalize(s->stmt);
	return 0;
}

static bool
sqlite_prepare(TALLOC_CTX *ctx, void *handle, const char *sql, void **stmt, int *params, struct err *err)
{
	struct sqlite *lite = handle;
	struct sqlite_stmt *s = mem_new(ctx, struct sqlite_stmt);
	const char *rest;
	int most = 0;

	s->db = lite->db;
	if (sqlite3_prepare_v3(lite->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &s->stmt, &rest) != SQLITE_OK) {
		fail(lite->db, err);
		return err_at(err, "%.100s", sql);
	}
	talloc_set_destructor(s, finalize);
	if (!s->stmt || rest[strspn(rest, " \t\r\n;")])
		return err_set(err, ERR_INTERNAL, "not one statement: %.100s", sql);
	for (int i = 1; i <= sqlite3_bind_parameter_count(s->stmt); i++) {
		const char *name = sqlite3_bind_parameter_name(s->stmt, i);
		struct err ignored;
		int64_t n;

		if (!name || *name != '$' || !num_parse(name + 1, 1, DB_PARAMS_MAX, &n, &ignored))
			return err_set(err, ERR_INTERNAL, "parameters are $1 ... $%d: %.100s",
				       DB_PARAMS_MAX, sql);
		s->index[n] = i;
		if (n > most)
			most = (int)n;
	}
	if (most != sqlite3_bind_parameter_count(s->stmt))	/* elsewhere the type of the missing one is unknown */
		return err_set(err, ERR_INTERNAL, "its parameters skip a number: %.100s", sql);
	*params = most;
	*stmt = s;
	return true;
}

static bool
sqlite_bind(void *stmt, const struct db_val *vals, bool copy, struct err *err)
{
	struct sqlite_stmt *s = stmt;
	sqlite3_destructor_type keep = copy ? SQLITE_TRANSIENT : SQLITE_STATIC;

	for (int n = 1; vals->type != DB_END && n <= DB_PARAMS_MAX; n++, vals++) {
		int i = s->index[n], code = SQLITE_OK;

		if (!i)
			continue;
		switch (vals->type) {
		case DB_NULL:	code = sqlite3_bind_null(s->stmt, i); break;
		case DB_BOOL:
		case DB_INT:	code = sqlite3_bind_int64(s->stmt, i, vals->i); break;
		case DB_TEXT:	code = sqlite3_bind_text64(s->stmt, i, vals->p, vals->len, keep, SQLITE_UTF8); break;
		case DB_BYTES:	code = sqlite3_bind_blob64(s->stmt, i, vals->len ? vals->p : "", vals->len, keep); break;
		case DB_END:	break;
		}
		if (code != SQLITE_OK)
			return fail(s->db, err);
	}
	return true;
}

static enum rows_step
sqlite_step(void *stmt, struct err *err)
{
	struct sqlite_stmt *s = stmt;

	switch (sqlite3_step(s->stmt)) {
	case SQLITE_ROW:
		return ROWS_ROW;
	case SQLITE_DONE:
		return ROWS_END;
	}
	fail(s->db, err);
	return ROWS_FAILED;
}

static int64_t
sqlite_changed(void *handle)
{
	return sqlite3_changes64(((struct sqlite *)handle)->db);
}

static void
sqlite_reset(void *stmt)
{
	struct sqlite_stmt *s = stmt;

	sqlite3_reset(s->stmt);
	sqlite3_clear_bindings(s->stmt);
}

static bool
sqlite_is_null(void *stmt, int column)
{
	return sqlite3_column_type(((struct sqlite_stmt *)stmt)->stmt, column) == SQLITE_NULL;
}

static int64_t
sqlite_get_int(void *stmt, int column)
{
	return sqlite3_column_int64(((struct sqlite_stmt *)stmt)->stmt, column);
}

static struct bytes
sqlite_get_bytes(void *stmt, int column)
{
	struct sqlite_stmt *s = stmt;
	const void *p = sqlite3_column_blob(s->stmt, column);

	return (struct bytes){ p, (size_t)sqlite3_column_bytes(s->stmt, column) };
}

const struct db_driver db_sqlite = {
	.id = "INTEGER PRIMARY KEY AUTOINCREMENT",	/* as elsewhere, a number is never used twice */
	.blob = "BLOB",
	.skip_locked = "",		/* one writer: nothing is ever locked */
	.has_meta = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'meta'",
	.begin = "BEGIN IMMEDIATE",
	.alone = true,
	.open = sqlite_open,
	.script = sqlite_script,
	.in_tx = sqlite_in_tx,
	.settle = sqlite_settle,
	.prepare = sqlite_prepare,
	.bind = sqlite_bind,
	.step = sqlite_step,
	.changed = sqlite_changed,
	.reset = sqlite_reset,
	.is_null = sqlite_is_null,
	.get_int = sqlite_get_int,
	.get_bytes = sqlite_get_bytes,
};
