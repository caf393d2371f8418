/*
 * Migrations: core/schema/NNNN_name.sql, part of the program, in order, each in a transaction with
 * the row of meta that says it was done.  Numbers start at 1 and have no gap, so that the number of
 * the last one is the version.
 *
 * Several processes may start at once: who gets the lock second reads the version again and finds
 * the work done.
 */
#include "core/db_driver.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/embed.h"
#include "core/num.h"

#define SCHEMA_FOLDER	"core/schema/"
#define SCHEMA_MAX	9999

static bool
number(struct db_conn *conn, const char *sql, int64_t *ret, struct err *err)
{
	struct db_stmt *stmt;
	enum rows_step step;

	if (!conn_stmt(conn, sql, DB_VALS(), false, &stmt, err))
		return false;
	step = conn->driver->step(stmt->handle, err);
	*ret = step == ROWS_ROW ? conn->driver->get_int(stmt->handle, 0) : 0;
	conn_stmt_done(conn, stmt);
	return step != ROWS_FAILED;
}

/* 0: a new database. */
static bool
version_of(struct db_conn *conn, int64_t *ret, struct err *err)
{
	int64_t has_meta;

	*ret = 0;
	return number(conn, conn->driver->has_meta, &has_meta, err) &&
	       (!has_meta ||
		number(conn, "SELECT CAST(value AS BIGINT) FROM meta WHERE key = 'schema'", ret, err));
}

static const struct embed *
migration(int64_t version)
{
	for (const struct embed *e = NULL; (e = embed_under(SCHEMA_FOLDER, e));)
		if (strtol(e->path + strlen(SCHEMA_FOLDER), NULL, 10) == version)
			return e;
	return NULL;
}

static bool
migrate(struct db_conn *conn, const struct embed *e, int64_t version, struct err *err)
{
	TALLOC_CTX *scratch SCOPED(mem) = talloc_new(NULL);
	char *text = mem_textn(scratch, (const char *)e->from, (size_t)(e->to - e->from)), *sql;

	return conn_words(scratch, conn->driver, text, &sql, err) &&
	       conn_script(conn, sql, err) &&
	       conn_run(conn, "INSERT INTO meta (key, value) VALUES ('schema', $1)"
			      " ON CONFLICT (key) DO UPDATE SET value = excluded.value",
			DB_VALS(db_text(mem_printf(scratch, "%lld", (long long)version))), err);
}

/* One migration at most; *done when there is nothing left. */
static bool
step_up(struct db_conn *conn, bool *done, struct err *err)
{
	const struct embed *next = NULL;
	struct err ignored;
	int64_t version;
	bool ok;

	if (!conn_script(conn, conn->driver->begin, err))
		return false;
	ok = version_of(conn, &version, err);
	if (ok && (next = migration(version + 1)))
		ok = migrate(conn, next, version + 1, err) || err_at(err, "%s", next->path);
	*done = !next;
	if (ok && conn_script(conn, "COMMIT", err))
		return true;
	if (conn->driver->in_tx(conn->handle) && !conn_script(conn, "ROLLBACK", &ignored))
		return false;
	return false;
}

bool
schema_update(struct db_conn *conn, const char *where, int *version, struct err *err)
{
	int64_t newest = 0, here;
	bool done = false;

	while (newest < SCHEMA_MAX && migration(newest + 1))
		newest++;
	if (!version_of(conn, &here, err))
		return false;
	if (here > newest)
		return err_set(err, ERR_CONFLICT, "%s has schema %lld and this program knows %lld: start "
			       "the newer program again, or restore the backup from before the upgrade",
			       where, (long long)here, (long long)newest);
	if (here < newest)
		while (!done)
			if (!step_up(conn, &done, err))
				return false;
	*version = (int)newest;
	return true;
}
