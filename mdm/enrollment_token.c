#include "mdm/enrollment_token.h"

bool
enrollment_token_bad(struct db *tx, const char *enrollment_id, struct bytes token, const char *reason, bool *marked,
		     struct err *err)
{
	if (!db_run(tx, err, "UPDATE enrollment SET token_bad = $1 WHERE id = $2 AND token = $3",
		    db_text(*reason ? reason : "refused"), db_text(enrollment_id), db_bytes(token)))
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
