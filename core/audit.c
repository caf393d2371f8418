/*
 * Row n is hashed over the hash of row n - 1 and its own columns, each with its length in front, so
 * that no text can be moved from one column to the next.  Ids have no gap.  Table meta names the
 * newest row: without that, rows cut off at the end would leave a chain that looks whole.
 *
 * Who can write the database can forge a whole new chain; against that stands the newest hash,
 * which is logged from time to time to where they cannot write.
 */
#include "core/audit.h"
#include <assert.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>
#include "core/buf.h"
#include "core/clock.h"

#define HASH_SIZE	(2 * SHA256_DIGEST_LENGTH + 1)

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

/* Table meta's "17 <hash>". */
static bool
read_head(TALLOC_CTX *ctx, struct rows *rows, int64_t *id, char **hash, struct err *err)
{
	char *head, *space;

	if (!rows_one(rows, err, "the newest row of the audit log is not known: meta lacks it"))
		return false;
	head = rows_text(ctx, rows, 0);
	rows_done(rows);
	*id = strtoll(head, &space, 10);
	if (*space != ' ')
		return err_set(err, ERR_INTERNAL, "the newest row of the audit log is not known: \"%.80s\"", head);
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

bool
audit_verify(struct db *db, int64_t *rows_right, struct err *err)
{
	static const char head_sql[] = "SELECT value FROM meta WHERE key = 'audit'";
	TALLOC_CTX *scratch SCOPED(mem) = talloc_new(NULL);
	char before[HASH_SIZE] = "", *newest;
	struct rows *rows;
	enum rows_step step;
	int64_t head, n = 0;

	*rows_right = 0;
	/* Read first: rows that are added meanwhile only make the walk longer. */
	if (!read_head(scratch, db_query(scratch, db, head_sql), &head, &newest, err))
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
	if (!read_head(scratch, db_query(scratch, db, head_sql), &head, &newest, err))
		return false;
	return n <= head || broken(err, head + 1, "is newer than the one that meta names as newest");
}
