/*
 * Row n is hashed over the hash of row n - 1 and its own columns, each with its length in front, so
 * that no text can be moved from one column to the next.  Ids have no gap.  Table meta names the
 * newest row: without that, rows cut off at the end would leave a chain that looks whole.
 *
 * Who can write the database can forge a whole new chain; against that stands the newest hash, which
 * every audit_check tells, for a log that is kept where they cannot write.
 */
#include "core/audit.h"
#include <assert.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>
#include "core/buf.h"
#include "core/clock.h"

#define HASH_SIZE	(2 * SHA256_DIGEST_LENGTH + 1)
#define NO_HEAD		"audit_head"	/* code of the err */

struct entry {
	int64_t id, at;
	struct bytes actor, act, object, detail;	/* detail.p NULL: none */
};

static struct bytes
bytes_of(const char *text)
{
	return (struct bytes){ text, text ? strlen(text) : 0 };
}

static void
add_column(struct buf *buf, struct bytes column)
{
	if (column.p)
		buf_addf(buf, "%zu:", column.len);
	else
		buf_text(buf, "-:");
	buf_add(buf, column.p ? column.p : "", column.len);
}

static char *
hash_of(TALLOC_CTX *ctx, struct bytes before, const struct entry *e)
{
	unsigned char digest[SHA256_DIGEST_LENGTH];
	struct buf text, hex;
	struct err err;
	bool fits;

	buf_init(&text, ctx, 5 * (AUDIT_TEXT_MAX + 100));
	add_column(&text, before);
	buf_addf(&text, "%lld:%lld:", (long long)e->id, (long long)e->at);
	add_column(&text, e->actor);
	add_column(&text, e->act);
	add_column(&text, e->object);
	add_column(&text, e->detail);
	fits = buf_ok(&text, &err);
	buf_init(&hex, ctx, HASH_SIZE);
	if (fits) {
		SHA256((const unsigned char *)text.p, text.len, digest);
		buf_hex(&hex, digest, sizeof digest);
	}
	return hex.p ? hex.p : mem_text(ctx, "");	/* a row too large for audit_add has no hash */
}

/* Table meta's "17 <hash>".  Without it nothing can be recorded, and the chain has no end. */
static bool
read_head(TALLOC_CTX *ctx, struct rows *rows, int64_t *id, char **hash, struct err *err)
{
	enum rows_step step = rows_next(rows, err);
	char *head, *space;

	if (step == ROWS_FAILED)
		return false;
	if (step == ROWS_END)
		return err_code(err, ERR_INTERNAL, NO_HEAD, "the newest row is not known: meta lacks it");
	head = rows_text(ctx, rows, 0);
	rows_done(rows);
	*id = strtoll(head, &space, 10);
	if (*space != ' ')
		return err_code(err, ERR_INTERNAL, NO_HEAD, "the newest row is not known: meta says \"%.80s\"", head);
	*hash = space + 1;
	return true;
}

bool
audit_add(struct db *tx, const char *actor, const char *act, const char *object, const char *detail,
	  struct err *err)
{
	TALLOC_CTX *scratch SCOPED(mem) = talloc_new(NULL);
	struct entry e = { .at = clock_now(), .actor = bytes_of(actor), .act = bytes_of(act),
			   .object = bytes_of(object), .detail = bytes_of(detail) };
	char *before, *hash;

	assert(actor && *actor && act && *act && object);
	if (e.actor.len > AUDIT_TEXT_MAX || e.act.len > AUDIT_TEXT_MAX || e.object.len > AUDIT_TEXT_MAX ||
	    e.detail.len > AUDIT_TEXT_MAX)
		return err_set(err, ERR_LIMIT, "a text for the audit log is longer than %d bytes", AUDIT_TEXT_MAX);
	/* An update even to read: elsewhere it holds off others who would continue from the same row. */
	if (!read_head(scratch, db_query(scratch, tx, "UPDATE meta SET value = value WHERE key = 'audit'"
						      " RETURNING value"), &e.id, &before, err))
		return err_at(err, "audit");
	e.id++;
	hash = hash_of(scratch, bytes_of(before), &e);
	return (db_run(tx, err, "INSERT INTO audit (id, at, actor, act, object, detail, hash)"
				" VALUES ($1, $2, $3, $4, $5, $6, $7)",
		       db_int(e.id), db_int(e.at), db_text(actor), db_text(act), db_text(object),
		       db_text(detail), db_text(hash)) &&
		db_run(tx, err, "UPDATE meta SET value = $1 WHERE key = 'audit'",
		       db_text(mem_printf(scratch, "%lld %s", (long long)e.id, hash)))) ||
	       err_at(err, "audit");
}

static bool
broken(struct err *err, int64_t row, const char *how)
{
	return err_set(err, ERR_INVALID, "row %lld: %s", (long long)row, how);
}

/* The next row must be number `id` and continue `before`, whose place its own hash takes. */
static bool
check_row(TALLOC_CTX *ctx, struct rows *rows, int64_t id, char before[HASH_SIZE], struct err *err)
{
	struct entry e = { rows_int(rows, 0), rows_int(rows, 1), rows_bytes(ctx, rows, 2),
			   rows_bytes(ctx, rows, 3), rows_bytes(ctx, rows, 4), rows_bytes(ctx, rows, 5) };
	struct bytes stored = rows_bytes(ctx, rows, 6);
	char *hash = hash_of(ctx, bytes_of(before), &e);

	if (e.id != id)
		return broken(err, e.id < id ? e.id : id, e.id < id ? "is out of place" : "is missing");
	if (stored.len != HASH_SIZE - 1 || strlen(hash) != stored.len ||
	    memcmp(stored.p, hash, stored.len) != 0)
		return broken(err, id, "is not what was written");
	memcpy(before, hash, HASH_SIZE);
	return true;
}

/* While verifying, a lost head is damage like any other. */
static bool
find_head(TALLOC_CTX *ctx, struct db *db, int64_t *id, char **hash, struct err *err)
{
	if (read_head(ctx, db_query(ctx, db, "SELECT value FROM meta WHERE key = 'audit'"), id, hash, err))
		return true;
	if (strcmp(err->code, NO_HEAD) == 0)
		err->kind = ERR_INVALID;
	return false;
}

static bool
walk(struct db *db, int64_t *rows_right, char before[HASH_SIZE], struct err *err)
{
	TALLOC_CTX *scratch SCOPED(mem) = talloc_new(NULL);
	char *newest;
	struct rows *rows;
	enum rows_step step;
	int64_t head, n = 0;

	*rows_right = 0;
	*before = '\0';
	/* Read first: rows that are added meanwhile only make the walk longer. */
	if (!find_head(scratch, db, &head, &newest, err))
		return false;
	rows = db_query(scratch, db, "SELECT id, at, actor, act, object, detail, hash FROM audit ORDER BY id");
	while ((step = rows_next(rows, err)) == ROWS_ROW) {
		TALLOC_CTX *row SCOPED(mem) = talloc_new(scratch);

		if (!check_row(row, rows, n + 1, before, err))
			return false;
		n++;
		if (n == head && strcmp(before, newest) != 0)
			return broken(err, n, "is not the one that meta names as newest");
		*rows_right = n;
	}
	if (step == ROWS_FAILED)
		return false;
	if (n < head)
		return broken(err, n + 1, "is missing");
	if (!find_head(scratch, db, &head, &newest, err))
		return false;
	return n <= head || broken(err, head + 1, "is newer than the one that meta names as newest");
}

bool
audit_verify(struct db *db, int64_t *rows, struct err *err)
{
	char newest[HASH_SIZE];

	return walk(db, rows, newest, err);
}

/* ---- what came out last, in table meta ---- */

static bool
tx_remember(struct db *tx, void *text, struct err *err)
{
	return db_run(tx, err, "INSERT INTO meta (key, value) VALUES ('audit_check', $1)"
		      " ON CONFLICT (key) DO UPDATE SET value = excluded.value", db_text(text));
}

bool
audit_check(TALLOC_CTX *ctx, struct db *db, struct audit_check *ret, struct err *err)
{
	struct audit_check check = { .at = clock_now() };
	char newest[HASH_SIZE], *text;
	struct err why = { 0 };
	bool ok = walk(db, &check.rows, newest, &why);
	json_t *json;

	if (!ok && why.kind != ERR_INVALID) {
		*err = why;
		return false;
	}
	check.broken = ok ? NULL : mem_text(ctx, why.cause);
	check.newest = mem_text(ctx, newest);
	json = json_pack("{s:I, s:I, s:s?, s:s}", "at", (json_int_t)check.at, "rows", (json_int_t)check.rows,
			 "broken", check.broken, "newest", check.newest);
	text = json_dumps(json, JSON_COMPACT);
	ok = db_tx(db, tx_remember, text, err);
	free(text);
	json_decref(json);
	if (ok)
		*ret = check;
	return ok || err_at(err, "audit");
}

bool
audit_checked(TALLOC_CTX *ctx, struct db *db, struct audit_check *ret, struct err *err)
{
	TALLOC_CTX *scratch SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(scratch, db, "SELECT value FROM meta WHERE key = 'audit_check'");
	enum rows_step step = rows_next(rows, err);
	const char *broken = NULL, *newest = "";
	json_int_t at = 0, right = 0;
	json_t *json;

	if (step == ROWS_FAILED)
		return false;
	json = step == ROWS_ROW ? json_loads(rows_text(scratch, rows, 0), 0, NULL) : NULL;
	json_unpack(json, "{s:I, s:I, s:s?, s:s}", "at", &at, "rows", &right, "broken", &broken, "newest", &newest);
	*ret = (struct audit_check){ at, right, mem_text(ctx, broken), mem_text(ctx, newest) };
	json_decref(json);
	return true;
}

/* ---- reading ---- */

/*
 * By number, newest first.  `+at` keeps it so: by the index of times every page would be sorted anew.
 * Of a token the log knows "anna (token <id>)": that is anna, too.
 */
#define AUDIT_LIST(of_object) "SELECT id, at, actor, act, object, detail, hash FROM audit" \
	" WHERE id < $1 AND (CAST($2 AS TEXT) IS NULL OR actor = $2" \
	" OR substr(actor, 1, length(CAST($3 AS TEXT))) = $3)" \
	" AND (CAST($4 AS TEXT) IS NULL OR act = $4)" \
	" AND +at >= $5 AND +at < $6" of_object " ORDER BY id DESC LIMIT $7"

/* Somebody may have written what is no text; then at least that stands there. */
static json_t *
row_json(TALLOC_CTX *ctx, struct rows *rows)
{
	json_t *row = json_pack("{s:I, s:s, s:s, s:s, s:s, s:s?, s:s}", "id", (json_int_t)rows_int(rows, 0),
			 "at", clock_text(ctx, rows_int(rows, 1)), "actor", rows_text(ctx, rows, 2),
			 "act", rows_text(ctx, rows, 3), "object", rows_text(ctx, rows, 4),
			 "detail", rows_text(ctx, rows, 5), "hash", rows_text(ctx, rows, 6));

	return row ? row : json_pack("{s:I, s:s, s:s, s:s, s:s, s:n, s:s}", "id", (json_int_t)rows_int(rows, 0),
				     "at", clock_text(ctx, rows_int(rows, 1)), "actor", "?", "act", "?",
				     "object", "?", "detail", "hash", "");
}

bool
audit_list(struct db *db, const struct audit_filter *filter, int64_t limit, json_t **ret, struct err *err)
{
	TALLOC_CTX *scratch SCOPED(mem) = talloc_new(NULL);
	const char *tokens = filter->actor ? mem_printf(scratch, "%s (token ", filter->actor) : NULL;
	json_t *items = json_array(), *list = json_pack("{s:o, s:n}", "items", items, "next");
	struct db_val vals[9];
	struct rows *rows;
	enum rows_step step;
	int64_t n = 0;

	if (limit < 1 || limit > AUDIT_PAGE_MAX)
		limit = AUDIT_PAGE_MAX;
	memcpy(vals, DB_VALS(db_int(filter->before ? filter->before : INT64_MAX), db_text(filter->actor),
			     db_text(tokens), db_text(filter->act), db_int(filter->from),
			     db_int(filter->until ? filter->until : INT64_MAX), db_int(limit + 1),
			     db_text(filter->object)), sizeof vals);
	if (!filter->object)
		vals[7].type = DB_END;	/* the text has no $8 */
	rows = db_queryv(scratch, db, filter->object ? AUDIT_LIST(" AND object = $8") : AUDIT_LIST(""), vals);
	while ((step = rows_next(rows, err)) == ROWS_ROW) {
		TALLOC_CTX *row SCOPED(mem) = talloc_new(scratch);
		json_t *last = json_array_get(items, (size_t)limit - 1);

		if (n++ == limit) {
			json_object_set_new(list, "next", json_sprintf("%lld",
				(long long)json_integer_value(json_object_get(last, "id"))));
			break;
		}
		json_array_append_new(items, row_json(row, rows));
	}
	if (step == ROWS_FAILED) {
		json_decref(list);
		return err_at(err, "audit log");
	}
	*ret = list;
	return true;
}
