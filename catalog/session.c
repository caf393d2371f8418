/* Table `session`. */
#include "catalog/session.h"
#include "core/audit.h"
#include "core/clock.h"
#include "core/secret.h"
#include <string.h>

#define LIST_MAX	100	/* sessions shown of one person */
#define SEEN_STEP_S	60	/* `seen` is written at most once a minute for each session */

struct fresh {
	const struct person *person;
	char hash[SECRET_HASH_SIZE];
	const char *csrf;
};

static bool
tx_new(struct db *tx, void *arg, struct err *err)
{
	struct fresh *f = arg;

	/* They may have been disabled since they were looked at, or have another password. */
	if (!db_run(tx, err, "INSERT INTO session (hash, person_id, csrf, created, seen)"
		    " SELECT CAST($1 AS TEXT), id, CAST($2 AS TEXT), CAST($3 AS BIGINT), CAST($3 AS BIGINT) FROM person"
		    " WHERE id = $4 AND NOT disabled AND (CAST($5 AS TEXT) IS NULL OR password = $5)", db_text(f->hash), db_text(f->csrf), db_now(),
		    db_text(f->person->id), f->person->password ? db_text(f->person->password) : db_null()))
		return false;
	if (!db_changed(tx))
		return err_code(err, ERR_SIGN_IN, "wrong_password", "the account has changed meanwhile: sign in again");
	return db_run(tx, err, "DELETE FROM session WHERE person_id = $1 AND hash <> $2 AND hash NOT IN"
		      " (SELECT s.hash FROM session s WHERE s.person_id = $1 AND s.hash <> $2"
		      " ORDER BY s.seen DESC, s.created DESC, s.hash LIMIT $3)", db_text(f->person->id),
		      db_text(f->hash), db_int(SESSIONS_MAX - 1)) &&
	       audit_add(tx, f->person->name, "sign_in", f->person->name, *f->csrf ? NULL : "a proxy's word, for links", err);
}

static bool
begin(TALLOC_CTX *ctx, struct db *db, struct fresh *f, char **cookie, struct err *err)
{
	char *token = secret_token(ctx);

	secret_hash(token, f->hash);
	if (!db_tx(db, tx_new, f, err))
		return false;
	*cookie = token;
	return true;
}

bool
session_new(TALLOC_CTX *ctx, struct db *db, const struct person *person, char **cookie, struct err *err)
{
	return begin(ctx, db, &(struct fresh){ .person = person, .csrf = secret_token(ctx) }, cookie, err);
}

bool
session_new_vouched(TALLOC_CTX *ctx, struct db *db, const struct person *person, char **cookie, struct err *err)
{
	return begin(ctx, db, &(struct fresh){ .person = person, .csrf = "" }, cookie, err);
}

struct seen {
	char hash[SECRET_HASH_SIZE];
};

static bool
tx_seen(struct db *tx, void *arg, struct err *err)
{
	struct seen *seen = arg;

	return db_run(tx, err, "UPDATE session SET seen = $1 WHERE hash = $2", db_now(), db_text(seen->hash));
}

bool
session_open(TALLOC_CTX *ctx, struct db *db, const char *cookie, const struct session_limits *limits,
	     struct person **ret, char **csrf, struct err *err)
{
	void *scratch SCOPED(mem) = talloc_new(NULL);
	struct person *person;
	struct seen seen;
	struct rows *rows = db_query(scratch, db,
		"SELECT s.csrf, s.created, s.seen, " PERSON_COLUMNS " FROM session s"
		" JOIN person p ON p.id = s.person_id WHERE s.hash = $1 AND " PERSON_IS_IN("p"),
		db_text(secret_hash(cookie, seen.hash)));
	int64_t now = clock_now(), idle, last, most = limits->absolute_s;
	bool vouched;

	if (!rows_one(rows, err, "no such session"))
		return err->kind == ERR_MISSING ? err_set(err, ERR_SIGN_IN, "sign in first") : false;
	if (!person_from(ctx, db, rows, 3, &person, err))
		return false;
	idle = person->role == ROLE_MEMBER ? limits->idle_s : limits->admin_idle_s;
	last = rows_int(rows, 2);
	vouched = !*rows_text(scratch, rows, 0);
	if (vouched)
		most = most < SESSION_VOUCHED_S ? most : SESSION_VOUCHED_S;
	if ((vouched && !limits->link) || (limits->no_local && strcmp(person->source, "local") == 0))
		return err_set(err, ERR_SIGN_IN, "sign in first");
	if (now - last > idle + SEEN_STEP_S || now - rows_int(rows, 1) > most)
		return err_set(err, ERR_SIGN_IN, "the session has ended; sign in again");
	*csrf = rows_text(ctx, rows, 0);
	if (now - last >= SEEN_STEP_S)
		db_later(db, tx_seen, mem_copy(NULL, &seen, sizeof seen));
	*ret = person;
	return true;
}

bool
session_list(struct db *db, const char *person_id, const char *cookie, json_t **ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	char hash[SECRET_HASH_SIZE] = "";
	struct rows *rows = db_query(ctx, db, "SELECT hash, created, seen FROM session WHERE person_id = $1"
				     " AND (csrf <> '' OR created >= $3) ORDER BY seen DESC, created DESC, hash LIMIT $2",
				     db_text(person_id), db_int(LIST_MAX), db_int(clock_now() - SESSION_VOUCHED_S));
	json_t *list = json_array();
	enum rows_step step;

	if (cookie)
		secret_hash(cookie, hash);
	while ((step = rows_next(rows, err)) == ROWS_ROW)
		json_array_append_new(list, json_pack("{s:s, s:s, s:b}", "created", clock_text(ctx, rows_int(rows, 1)), "seen",
			clock_text(ctx, rows_int(rows, 2)), "here", strcmp(hash, rows_text(ctx, rows, 0)) == 0));
	if (step == ROWS_FAILED) {
		json_decref(list);
		return false;
	}
	*ret = list;
	return true;
}

static bool
tx_end(struct db *tx, void *arg, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	const char *hash = arg, *name;
	struct rows *rows = db_query(ctx, tx, "SELECT p.name FROM session s JOIN person p ON p.id = s.person_id"
				     " WHERE s.hash = $1", db_text(hash));
	enum rows_step step = rows_next(rows, err);

	name = step == ROWS_ROW ? rows_text(ctx, rows, 0) : NULL;
	rows_done(rows);
	return step != ROWS_FAILED &&
	       (!name || (db_run(tx, err, "DELETE FROM session WHERE hash = $1", db_text(hash)) &&
			  audit_add(tx, name, "person.sign_out", name, NULL, err)));
}

bool
session_end(struct db *db, const char *cookie, struct err *err)
{
	char hash[SECRET_HASH_SIZE];

	secret_hash(cookie, hash);
	return db_tx(db, tx_end, hash, err);
}

bool
session_end_all(struct db *db, const char *person_id, struct err *err)
{
	return db_run(db, err, "DELETE FROM session WHERE person_id = $1", db_text(person_id));
}

bool
session_sweep(struct db *db, const struct session_limits *limits, struct err *err)
{
	int64_t longest = limits->idle_s > limits->admin_idle_s ? limits->idle_s : limits->admin_idle_s;

	return db_run(db, err, "DELETE FROM session WHERE seen < $1 OR created < $2 OR (csrf = '' AND created < $3)",
		      db_int(clock_now() - longest - SEEN_STEP_S), db_int(clock_now() - limits->absolute_s),
		      db_int(clock_now() - SESSION_VOUCHED_S));
}
