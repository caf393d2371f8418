#pragma once
/*
 * db - SQL against SQLite or (later) PostgreSQL, the same text for both.
 *
 * Parameters are $1, $2 ... bound by name, never pasted; a number that is skipped, or a value too many
 * or too few, is ERR_INTERNAL, as it would be with PostgreSQL.  The driver replaces a closed list of
 * words: {id} (a generated integer key), {blob} (the binary type), {skip_locked}; any other brace
 * is refused by a test.
 *
 * Reads run on the calling thread's own connection.  Writes run in transactions: on SQLite one
 * writer thread runs queued closures, each under a savepoint, and commits many with one fsync.
 * db_tx returns when its commit is durable.  A closure may be run again from the start and holds up
 * everyone else: no cryptography, network or file work inside; prepare outside, check again inside.
 *
 * A `struct db` handed to a closure is the transaction; the same domain function serves both.  Rows
 * opened in a closure end with it, and rows must not outlive their database.  Before a db_tx inside a
 * closure, end rows of INSERT, UPDATE or DELETE ... RETURNING with rows_done: nothing may be half
 * written at a savepoint.  Such statements need a transaction: outside one, db_query can only read.
 */
#include <stdint.h>
#include "core/mem.h"

#define DB_WAITING_MAX	4096	/* queued transactions; beyond it callers wait */
#define DB_LATER_MAX	4096	/* queued write-behind closures; beyond it they are dropped and counted */

struct db;
struct rows;

struct db_val {
	enum { DB_END, DB_NULL, DB_INT, DB_BOOL, DB_TEXT, DB_BYTES } type;
	int64_t i;
	const void *p;
	size_t len;
};

static inline struct db_val db_int(int64_t i)		{ return (struct db_val){ DB_INT, i, NULL, 0 }; }
static inline struct db_val db_bool(bool b)		{ return (struct db_val){ DB_BOOL, b, NULL, 0 }; }
static inline struct db_val db_null(void)		{ return (struct db_val){ DB_NULL, 0, NULL, 0 }; }
static inline struct db_val db_bytes(struct bytes b)	{ return (struct db_val){ DB_BYTES, 0, b.p, b.len }; }
struct db_val db_text(const char *text);	/* NULL is NULL; must be UTF-8 without NUL */
struct db_val db_now(void);			/* seconds since 1970, from the injectable clock */

#define DB_VALS(...) (const struct db_val[]){ __VA_ARGS__ __VA_OPT__(,) { DB_END, 0, NULL, 0 } }
#define db_run(db, err, sql, ...)    db_runv(db, err, sql, DB_VALS(__VA_ARGS__))
#define db_query(ctx, db, sql, ...)  db_queryv(ctx, db, sql, DB_VALS(__VA_ARGS__))

/*
 * Opens DIR/pomona.db (made when missing) with WAL and synchronous=FULL and brings the schema up to
 * date.  A schema newer than this program is ERR_CONFLICT: it refuses to start.  Talloc child of ctx;
 * freeing it finishes the queue, then closes.
 */
bool db_open(TALLOC_CTX *ctx, const char *dir, struct db **ret, struct err *err) CHECKED;

/* Runs fn inside a transaction; true only when it returned true and the commit is durable. */
typedef bool db_fn(struct db *tx, void *arg, struct err *err);
bool db_tx(struct db *db, db_fn *fn, void *arg, struct err *err) CHECKED;

/*
 * Write-behind, for events whose loss in a crash harms nobody: returns at once, keeps `arg`
 * (stolen from its talloc parent, freed after the run); failures are logged.
 */
void db_later(struct db *db, db_fn *fn, void *arg);

/* One statement; outside a transaction it is a transaction of its own. */
bool db_runv(struct db *db, struct err *err, const char *sql, const struct db_val *vals) CHECKED;
int64_t db_changed(struct db *tx);	/* rows changed by the last db_run inside this transaction */

/* A query that could not start still returns rows; rows_next then says why.  Ends with its ctx. */
struct rows *db_queryv(TALLOC_CTX *ctx, struct db *db, const char *sql, const struct db_val *vals);
enum rows_step { ROWS_ROW, ROWS_END, ROWS_FAILED };
enum rows_step rows_next(struct rows *rows, struct err *err) CHECKED;
void rows_done(struct rows *rows);	/* before its ctx ends: gives the statement back early */
int64_t rows_int(struct rows *rows, int column);			/* NULL is 0 */
bool rows_bool(struct rows *rows, int column);
bool rows_null(struct rows *rows, int column);
char *rows_text(TALLOC_CTX *ctx, struct rows *rows, int column);	/* NULL is NULL */
struct bytes rows_bytes(TALLOC_CTX *ctx, struct rows *rows, int column);

/* The first column of all of them, ended by NULL and counted, before any row is changed; the rows are done. */
bool rows_texts(TALLOC_CTX *ctx, struct rows *rows, const char ***ret, size_t *n, struct err *err) CHECKED;

/* The first row, when there must be one: ERR_MISSING with `what` when there is none. */
bool rows_one(struct rows *rows, struct err *err, const char *what) CHECKED;

int db_schema_version(struct db *db);
bool db_alone(struct db *db);	/* one server process owns it: what another one left behind is nobody's */
bool db_writable(struct db *db, struct err *err) CHECKED;	/* for /readyz: commits one row */
