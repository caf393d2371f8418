#pragma once
/*
 * db_driver - what differs from one database engine to the next.  For core/db*.c alone.
 *
 *	db.c		values, rows, transactions, the readers' pool
 *	db_conn.c	a connection: its prepared statements, the words in braces
 *	db_writer.c	the one writer thread, group commit, write-behind
 *	db_schema.c	migrations
 *	db_sqlite.c	SQLite: one `struct db_driver`
 *
 * A second engine is a second table of this type.  Only two things above it would have to ask:
 * db_open (which table) and db_tx (an engine with many writers runs the closure on the caller's
 * thread, on a connection of its own; db_later keeps the thread).
 *
 * A connection is used by one thread at a time and is a talloc tree of its own, so that threads
 * which open one at the same time share no parent.
 */
#include "core/db.h"

#define DB_PARAMS_MAX		64	/* $1 ... $64 */
#define DB_STATEMENTS_MAX	128	/* prepared statements kept on a connection */
#define DB_READERS_IDLE_MAX	32	/* connections kept for the next query */
#define DB_BUSY_MS		5000	/* another process may hold the database so long */
#define DB_GROUP_MAX		256	/* transactions that share a commit */
#define DB_GROUP_MS		50	/* a group is committed after that even when more wait */
#define DB_LATER_MS		100	/* write-behind waits so long for company */

enum db_role { DB_WRITER, DB_READER };

struct db_driver {
	/* What stands for {id}, {blob} and {skip_locked}. */
	const char *id, *blob, *skip_locked;
	/* A query: does table meta exist? */
	const char *has_meta;
	const char *begin;
	bool alone;	/* no second server can serve the same database */

	/* `handle` is a talloc child of ctx whose destructor closes. */
	bool (*open)(TALLOC_CTX *ctx, const char *dir, enum db_role role, void **handle, struct err *err);
	/* Any number of statements without values: BEGIN, SAVEPOINT, a migration. */
	bool (*script)(void *handle, const char *sql, struct err *err);
	bool (*in_tx)(void *handle);
	/* The writer calls it after each group, when its callers have been answered. */
	void (*settle)(void *handle);

	/* One statement; `stmt` is a talloc child of ctx. Says how many values it takes. */
	bool (*prepare)(TALLOC_CTX *ctx, void *handle, const char *sql, void **stmt, int *params,
			struct err *err);
	/* `copy`: the values may be gone before the last step. */
	bool (*bind)(void *stmt, const struct db_val *vals, bool copy, struct err *err);
	enum rows_step (*step)(void *stmt, struct err *err);
	int64_t (*changed)(void *handle);
	void (*reset)(void *stmt);	/* ends it and lets go of its values */
	bool (*is_null)(void *stmt, int column);
	int64_t (*get_int)(void *stmt, int column);
	struct bytes (*get_bytes)(void *stmt, int column);	/* until the next step */
};

extern const struct db_driver db_sqlite;

/* One statement of a connection, prepared once for each SQL text. */
struct db_stmt {
	void *handle;
	char *sql;
	int params;
	uint32_t hash;
	uint64_t used;		/* the connection's count of uses when it was last taken */
	bool busy, kept;
};

struct db_conn {
	const struct db_driver *driver;
	void *handle;
	struct db_stmt *stmts[DB_STATEMENTS_MAX];
	uint32_t hashes[DB_STATEMENTS_MAX];
	int stmts_n;
	uint64_t uses;
	struct rows *rows;	/* open on this connection */
	int depth;		/* of savepoints */
	int64_t changed;
	struct err lost;	/* why the engine itself ended the transaction under a closure */
	struct db_conn *next;	/* among the idle readers */
};

bool conn_open(const struct db_driver *driver, const char *dir, enum db_role role, struct db_conn **ret,
	       struct err *err) CHECKED;
bool conn_script(struct db_conn *conn, const char *sql, struct err *err) CHECKED;
/* Takes a statement with its values bound; conn_stmt_done gives it back. */
bool conn_stmt(struct db_conn *conn, const char *sql, const struct db_val *vals, bool copy,
	       struct db_stmt **ret, struct err *err) CHECKED;
void conn_stmt_done(struct db_conn *conn, struct db_stmt *stmt);
bool conn_run(struct db_conn *conn, const char *sql, const struct db_val *vals, struct err *err) CHECKED;
/* The SQL with its words replaced; ERR_INTERNAL names a word that is not on the list. */
bool conn_words(TALLOC_CTX *ctx, const struct db_driver *driver, const char *sql, char **ret,
		struct err *err) CHECKED;

/* Ends what was left open below this depth; the rows then say that their transaction is over. */
void rows_orphan(struct db_conn *conn, int depth);

bool schema_update(struct db_conn *conn, const char *where, int *version, struct err *err) CHECKED;

struct db_writer;
bool writer_start(TALLOC_CTX *ctx, struct db *db, struct db_conn *conn, struct db_writer **ret,
		  struct err *err) CHECKED;
void writer_stop(struct db_writer *writer);	/* runs what is queued, then joins the thread */
bool writer_run(struct db_writer *writer, db_fn *fn, void *arg, struct err *err) CHECKED;
void writer_later(struct db_writer *writer, db_fn *fn, void *arg);

/* The handle of callers (conn NULL), or what a closure gets: a transaction on conn. */
struct db {
	struct db_shared *shared;
	struct db_conn *conn;
};

/* Runs fn on conn under a savepoint, which is rolled back when fn or the release fails. */
bool tx_nested(struct db *tx, db_fn *fn, void *arg, struct err *err) CHECKED;
