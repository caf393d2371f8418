/* Table `upload`. */
#include "catalog/upload.h"
#include "core/clock.h"
#include "core/job.h"
#include "core/json.h"
#include "core/secret.h"
#include <stdlib.h>
#include <string.h>

struct fresh {
	const struct upload *upload;
	const struct person *person;
	const char *fields;
	int64_t unfinished_max;
};

/* Counted where it is added: creations at the same time do not share the last place. */
static bool
tx_new(struct db *tx, void *arg, struct err *err)
{
	const struct fresh *f = arg;
	const struct upload *u = f->upload;

	if (!db_run(tx, err, "INSERT INTO upload (id, person_id, bundle_id, length, fields, expires, created)"
		    " SELECT $1, p.id, $2, CAST($3 AS BIGINT), $4, CAST($5 AS BIGINT), CAST($6 AS BIGINT)"
		    " FROM person p WHERE p.id = $7 AND (SELECT count(*) FROM upload o WHERE o.person_id = p.id"
		    " AND o.status < 2 AND o.expires > $6) < $8",
		    db_text(u->id), db_text(f->person->bundle_id), db_int(u->length), db_text(f->fields),
		    db_int(u->expires), db_now(), db_text(f->person->id), db_int(f->unfinished_max)))
		return false;
	return db_changed(tx) || err_set(err, ERR_RATE, "%lld uploads of yours are unfinished; end or delete one",
					 (long long)f->unfinished_max);
}

bool
upload_new(TALLOC_CTX *ctx, struct db *db, const struct person *person, int64_t length, json_t *fields,
	   int64_t live_s, int64_t unfinished_max, struct upload **ret, struct err *err)
{
	struct upload *u = mem_new(ctx, struct upload);
	struct fresh f = { u, person, NULL, unfinished_max };
	char *text;
	bool ok;

	u->fields = json_hold(u, json_incref(fields));
	u->id = secret_token(u);
	u->length = length;
	u->expires = clock_now() + live_s;
	u->proved = -1;
	text = json_dumps(fields, JSON_COMPACT);
	if (!text || strlen(text) > UPLOAD_FIELDS_MAX) {
		free(text);
		return err_set(err, ERR_LIMIT, "Upload-Metadata is longer than %d bytes", UPLOAD_FIELDS_MAX);
	}
	f.fields = text;
	ok = db_tx(db, tx_new, &f, err);
	free(text);
	if (!ok)
		return false;
	*ret = u;
	return true;
}

bool
upload_open(TALLOC_CTX *ctx, struct db *db, const struct person *person, const char *id,
	    struct upload **ret, struct err *err)
{
	struct upload *u = mem_new(ctx, struct upload);
	struct rows *rows = db_query(u, db, "SELECT length, status, answer, expires, fields, proved FROM upload"
		" WHERE id = $1 AND person_id = $2 AND expires > $3 AND bundle_id IS NOT DISTINCT FROM $4",
		db_text(id), db_text(person->id), db_now(), db_text(person->bundle_id));

	if (!rows_one(rows, err, "no such upload"))
		return false;
	u->id = mem_text(u, id);
	u->length = rows_int(rows, 0);
	u->status = rows_int(rows, 1);
	u->answer = rows_text(u, rows, 2);
	u->expires = rows_int(rows, 3);
	u->fields = json_hold(u, json_loads(rows_text(u, rows, 4), 0, NULL));
	u->proved = rows_int(rows, 5);
	rows_done(rows);
	*ret = u;
	return true;
}

bool
upload_claim(TALLOC_CTX *ctx, struct db *db, const char *id, struct upload **ret, struct person **person,
	     struct err *err)
{
	struct upload *u = mem_new(ctx, struct upload);
	struct person *p = mem_new(ctx, struct person);
	struct rows *rows = db_query(u, db, "SELECT u.length, u.status, u.fields, u.bundle_id, p.id, p.name, p.role,"
		" p.disabled FROM upload u JOIN person p ON p.id = u.person_id WHERE u.id = $1", db_text(id));

	*person = NULL;
	switch (rows_next(rows, err)) {
	case ROWS_FAILED:	return false;
	case ROWS_END:		return true;
	case ROWS_ROW:		break;
	}
	u->id = mem_text(u, id);
	u->length = rows_int(rows, 0);
	u->status = rows_int(rows, 1);
	u->fields = json_hold(u, json_loads(rows_text(u, rows, 2), 0, NULL));
	p->bundle_id = rows_text(p, rows, 3);
	p->id = rows_text(p, rows, 4);
	p->name = rows_text(p, rows, 5);
	if (!role_parse(rows_text(p, rows, 6), &p->role, err))
		return false;
	*ret = u;
	if (u->status != UPLOAD_READING)
		return true;
	if (rows_bool(rows, 7))
		return err_set(err, ERR_DENIED, "the account of %s is disabled", p->name);
	*person = p;
	return true;
}

bool
upload_set_proved(struct db *db, const char *id, int64_t proved, struct err *err)
{
	return db_run(db, err, "UPDATE upload SET proved = $1 WHERE id = $2", db_int(proved), db_text(id));
}

static bool
tx_whole(struct db *tx, void *arg, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	const char *id = arg;

	if (!db_run(tx, err, "UPDATE upload SET status = $1 WHERE id = $2 AND status = $3",
		    db_int(UPLOAD_READING), db_text(id), db_int(UPLOAD_RECEIVING)))
		return false;
	if (db_changed(tx))
		return job_add(tx, "upload_finish", json_pack("{s:s}", "upload", id), 0, id, err);
	/* Somebody said so before, or it ran out of time meanwhile. */
	return rows_one(db_query(ctx, tx, "SELECT status FROM upload WHERE id = $1", db_text(id)), err,
			"this upload has expired");
}

bool
upload_whole(struct db *db, const char *id, struct err *err)
{
	return db_tx(db, tx_whole, (void *)(uintptr_t)id, err);
}

bool
upload_set(struct db *db, const char *id, int64_t status, const char *answer, struct err *err)
{
	return db_run(db, err, "UPDATE upload SET status = $1, answer = $2 WHERE id = $3", db_int(status),
		      db_text(answer), db_text(id));
}

bool
upload_remove(struct db *db, const char *id, struct err *err)
{
	return db_run(db, err, "DELETE FROM upload WHERE id = $1", db_text(id));
}

bool
upload_exists(struct db *db, const char *id, bool *ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, db, "SELECT EXISTS (SELECT 1 FROM upload WHERE id = $1 AND status < 2)",
				     db_text(id));

	if (!rows_one(rows, err, "no answer"))
		return false;
	*ret = rows_bool(rows, 0);
	return true;
}

bool
upload_promised(struct db *db, int64_t (*missing)(void *arg, const char *id, int64_t length), void *arg, int64_t *ret,
		struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, db, "SELECT id, length FROM upload WHERE status = $1 AND expires > $2",
				     db_int(UPLOAD_RECEIVING), db_now());
	int64_t sum = 0;
	enum rows_step got;

	while ((got = rows_next(rows, err)) == ROWS_ROW)
		sum += missing(arg, rows_text(ctx, rows, 0), rows_int(rows, 1));
	*ret = sum;
	return got == ROWS_END;
}

bool
upload_sweep(struct db *db, struct err *err)
{
	return db_run(db, err, "DELETE FROM upload WHERE expires < $1", db_now());
}
