#include "mdm/enrollment_token.h"

bool
enrollment_token_bad(struct db *tx, const char *enrollment_id, struct bytes token, int64_t as_of, const char *reason,
		     bool *marked, struct err *err)
{
	if (!db_run(tx, err, "UPDATE enrollment SET token_bad = $1 WHERE id = $2 AND token = $3 AND token_at <= $4",
		    db_text(*reason ? reason : "refused"), db_text(enrollment_id), db_bytes(token), db_int(as_of)))
		return err_at(err, "token");
	*marked = db_changed(tx) == 1;
	return true;
}

bool
enrollment_topics(struct db *db, const char *topic, int64_t *same, int64_t *other, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, db,
		"SELECT count(*) FILTER (WHERE topic = $1), count(*) FILTER (WHERE topic <> $2) FROM enrollment"
		" WHERE state IN ('staged', 'enrolled') AND topic <> ''", db_text(topic), db_text(topic));

	if (!rows_one(rows, err, "enrollments"))
		return false;
	*same = rows_int(rows, 0);
	*other = rows_int(rows, 1);
	return true;
}

bool
enrollment_topic_given(struct db *db, const char *topic, bool *ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, db, "SELECT 1 FROM enrollment e JOIN enroll_session s ON s.id = e.session_id"
				     " WHERE e.state IN ('staged', 'enrolled') AND s.topic = $1 LIMIT 1", db_text(topic));
	enum rows_step step = rows_next(rows, err);

	*ret = step == ROWS_ROW;
	rows_done(rows);
	return step != ROWS_FAILED;
}

bool
enrollment_find(TALLOC_CTX *ctx, struct db *db, const char *text, char **id, struct err *err)
{
	void *own SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(own, db,
		"SELECT e.id FROM device d JOIN enrollment e ON e.id = d.enrollment_id WHERE e.state = 'enrolled' AND"
		" (d.id = $1 OR d.udid = $2 OR d.serial = $3 OR d.name = $4) ORDER BY e.id LIMIT 2", db_text(text), db_text(text),
		db_text(text), db_text(text));

	if (!*text || !rows_one(rows, err, "enrolled device"))
		return *text ? false : err_set(err, ERR_MISSING, "no device was named");
	*id = rows_text(ctx, rows, 0);
	switch (rows_next(rows, err)) {
	case ROWS_ROW:
		return err_code(err, ERR_CONFLICT, "several", "several devices are called so: give the serial number or UDID");
	case ROWS_FAILED:
		return false;
	case ROWS_END:
		break;
	}
	return true;
}

bool
enrollment_device(TALLOC_CTX *ctx, struct db *db, const char *enrollment_id, char **device_id, char **name, struct err *err)
{
	void *own SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(own, db, "SELECT d.id, CASE WHEN d.name <> '' THEN d.name WHEN d.serial <> '' THEN d.serial"
		" ELSE d.product END FROM enrollment e JOIN device d ON d.id = e.device_id WHERE e.id = $1",
		db_text(enrollment_id));
	enum rows_step step = rows_next(rows, err);

	*device_id = step == ROWS_ROW ? rows_text(ctx, rows, 0) : mem_text(ctx, "");
	*name = step == ROWS_ROW ? rows_text(ctx, rows, 1) : mem_text(ctx, "");
	return step != ROWS_FAILED;
}
