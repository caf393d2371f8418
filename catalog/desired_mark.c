/* Table `desired_due`: devices that are to be looked at, marked by one statement a cause. */
#include "catalog/desired_inner.h"
#include "core/clock.h"
#include "core/job.h"

#define MARK	"INSERT INTO desired_due (device_id, at) SELECT d.id, CAST($1 AS BIGINT) FROM device d" \
		" WHERE d.enrollment_id IS NOT NULL AND "
#define AGAIN	" ON CONFLICT (device_id) DO UPDATE SET at = excluded.at"

bool
desired_job(struct db *tx, int64_t due, struct err *err)
{
	return job_add(tx, DESIRED_JOB, json_object(), due, DESIRED_JOB, err);
}

/* Behind a statement that marks. */
static bool
marked(struct db *tx, bool ok, struct err *err)
{
	return ok && (!db_changed(tx) || desired_job(tx, 0, err));
}

bool
desired_person(struct db *tx, const char *person_id, struct err *err)
{
	return marked(tx, db_run(tx, err, MARK "d.person_id = $2" AGAIN, db_now(), db_text(person_id)), err);
}

bool
desired_audience(struct db *tx, const char *audience_id, struct err *err)
{
	return marked(tx, db_run(tx, err, MARK "d.person_id IN (SELECT p.person_id FROM audience_person p"
				 " WHERE p.audience_id = $2) AND EXISTS (SELECT 1 FROM assignment a WHERE a.audience_id = $2)"
				 AGAIN, db_now(), db_text(audience_id)), err);
}

bool
desired_mobileconfig(struct db *tx, const char *mobileconfig_id, struct err *err)
{
	return marked(tx, db_run(tx, err, MARK "(EXISTS (SELECT 1 FROM device_mobileconfig r WHERE r.device_id = d.id"
				 " AND r.mobileconfig_id = $2) OR EXISTS (SELECT 1 FROM assignment a WHERE a.mobileconfig_id = $2"
				 " AND (a.audience_id IS NULL OR EXISTS (SELECT 1 FROM audience_person p"
				 " WHERE p.audience_id = a.audience_id AND p.person_id = d.person_id)))"
				 " OR EXISTS (SELECT 1 FROM mobileconfig m WHERE m.id = $2 AND m.person_id = d.person_id))" AGAIN,
				 db_now(), db_text(mobileconfig_id)), err);
}

bool
desired_unmark(struct db *tx, const char *device_id, struct err *err)
{
	return db_run(tx, err, "DELETE FROM desired_due WHERE device_id = $1", db_text(device_id));
}

bool
desired_marked(TALLOC_CTX *ctx, struct db *db, size_t most, const char ***ret, size_t *n, struct err *err)
{
	struct rows *rows = db_query(ctx, db, "SELECT device_id FROM desired_due ORDER BY device_id LIMIT $1",
				     db_int((int64_t)most));

	return rows_texts(ctx, rows, ret, n, err);
}
