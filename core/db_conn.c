/*
 * Statements are found again by their text, hashed: most are string literals, but a text that was
 * built may stand where another one stood, so the address proves nothing.  A statement that is in
 * use (the same query inside its own loop) is prepared a second time and not kept.
 */
#include "core/db_driver.h"
#include <string.h>
#include <unistr.h>

bool
conn_open(const struct db_driver *driver, const char *dir, enum db_role role, struct db_conn **ret,
	  struct err *err)
{
	struct db_conn *conn = mem_new(NULL, struct db_conn);

	conn->driver = driver;
	if (!driver->open(conn, dir, role, &conn->handle, err)) {
		talloc_free(conn);
		return false;
	}
	*ret = conn;
	return true;
}

bool
conn_script(struct db_conn *conn, const char *sql, struct err *err)
{
	return conn->driver->script(conn->handle, sql, err);
}

bool
conn_words(TALLOC_CTX *ctx, const struct db_driver *driver, const char *sql, char **ret, struct err *err)
{
	const struct { const char *word, *means; } words[] = {
		{ "{id}", driver->id }, { "{blob}", driver->blob }, { "{skip_locked}", driver->skip_locked },
	};
	char *text = mem_text(ctx, "");

	for (;;) {
		size_t plain = strcspn(sql, "{}"), i;

		text = mem_must(talloc_strndup_append_buffer(text, sql, plain));
		sql += plain;
		if (!*sql)
			break;
		for (i = 0; i < sizeof words / sizeof *words; i++)
			if (strncmp(sql, words[i].word, strlen(words[i].word)) == 0)
				break;
		if (i == sizeof words / sizeof *words)
			return err_set(err, ERR_INTERNAL, "SQL has a brace that is no known word: %.40s", sql);
		text = mem_must(talloc_strdup_append_buffer(text, words[i].means));
		sql += strlen(words[i].word);
	}
	*ret = text;
	return true;
}

/* As FNV-1a, but of eight bytes at a step: the texts are up to a thousand long. */
static uint32_t
hash_of(const char *text)
{
	uint64_t hash = 14695981039346656037u, word;

	for (size_t len = strlen(text); len; ) {
		size_t n = len < sizeof word ? len : sizeof word;

		word = 0;
		memcpy(&word, text, n);
		hash = (hash ^ word) * 1099511628211u;
		text += n;
		len -= n;
	}
	return (uint32_t)(hash ^ hash >> 32);
}

static bool
prepare(struct db_conn *conn, const char *sql, uint32_t hash, struct db_stmt **ret, struct err *err)
{
	struct db_stmt *stmt = mem_new(conn, struct db_stmt);
	char *text;

	stmt->hash = hash;
	if (!conn_words(stmt, conn->driver, sql, &text, err) ||
	    !conn->driver->prepare(stmt, conn->handle, text, &stmt->handle, &stmt->params, err)) {
		talloc_free(stmt);
		return false;
	}
	talloc_free(text);
	stmt->sql = mem_text(stmt, sql);
	*ret = stmt;
	return true;
}

/* A place for one more: a free one, else that of the statement unused for longest; -1: all busy. */
static int
place(struct db_conn *conn)
{
	int oldest = -1;

	if (conn->stmts_n < DB_STATEMENTS_MAX)
		return conn->stmts_n++;
	for (int i = 0; i < conn->stmts_n; i++)
		if (!conn->stmts[i]->busy &&
		    (oldest < 0 || conn->stmts[i]->used < conn->stmts[oldest]->used))
			oldest = i;
	if (oldest >= 0)
		talloc_free(conn->stmts[oldest]);
	return oldest;
}

static bool
find(struct db_conn *conn, const char *sql, struct db_stmt **ret, struct err *err)
{
	uint32_t hash = hash_of(sql);
	bool busy = false;
	int i;

	for (i = 0; i < conn->stmts_n; i++)
		if (conn->hashes[i] == hash && strcmp(conn->stmts[i]->sql, sql) == 0) {
			*ret = conn->stmts[i];
			if (!(*ret)->busy)
				return true;
			busy = true;
		}
	if (!prepare(conn, sql, hash, ret, err))
		return false;
	if (busy || (i = place(conn)) < 0)
		return true;
	conn->stmts[i] = *ret;
	conn->hashes[i] = hash;
	(*ret)->kept = true;
	return true;
}

/* What PostgreSQL would refuse is refused here too: a value too many as well. */
static bool
check(const struct db_val *vals, int params, struct err *err)
{
	int n = 0;

	for (; vals[n].type != DB_END; n++)
		if (vals[n].type == DB_TEXT && (memchr(vals[n].p, '\0', vals[n].len) ||
						u8_check(vals[n].p, vals[n].len)))
			return err_set(err, ERR_INVALID, "text is not UTF-8 without NUL");
	if (n != params)
		return err_set(err, ERR_INTERNAL, "the statement takes $%d and got %d values", params, n);
	return true;
}

bool
conn_stmt(struct db_conn *conn, const char *sql, const struct db_val *vals, bool copy,
	  struct db_stmt **ret, struct err *err)
{
	struct db_stmt *stmt;

	if (!find(conn, sql, &stmt, err))
		return false;
	stmt->busy = true;
	stmt->used = ++conn->uses;
	if (!check(vals, stmt->params, err) ||
	    !conn->driver->bind(stmt->handle, vals, copy, err)) {
		conn_stmt_done(conn, stmt);
		return false;
	}
	*ret = stmt;
	return true;
}

void
conn_stmt_done(struct db_conn *conn, struct db_stmt *stmt)
{
	conn->driver->reset(stmt->handle);
	stmt->busy = false;
	if (!stmt->kept)
		talloc_free(stmt);
}

bool
conn_run(struct db_conn *conn, const char *sql, const struct db_val *vals, struct err *err)
{
	struct db_stmt *stmt;
	enum rows_step step;

	if (!conn_stmt(conn, sql, vals, false, &stmt, err))
		return false;
	do
		step = conn->driver->step(stmt->handle, err);
	while (step == ROWS_ROW);
	conn->changed = step == ROWS_END ? conn->driver->changed(conn->handle) : 0;
	conn_stmt_done(conn, stmt);
	return step == ROWS_END;
}
