#include "mdm/device_said.h"
#include "mdm/enrollment.h"

static bool
keep_supervised(struct db *tx, const char *device_id, int supervised, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, tx, "SELECT enrollment_id FROM device WHERE id = $1 AND enrollment_id IS NOT NULL",
				     db_text(device_id));

	switch (rows_next(rows, err)) {
	case ROWS_FAILED:
		return false;
	case ROWS_END:
		return true;
	case ROWS_ROW:
		break;
	}
	return enrollment_supervised(tx, rows_text(ctx, rows, 0), supervised, err);
}

bool
device_said(struct db *tx, const char *device_id, const struct device_said *said, struct err *err)
{
	if (!db_run(tx, err, "UPDATE device SET name = COALESCE($2, name), os_version = COALESCE($3, os_version),"
		    " os_build = COALESCE($4, os_build), product = COALESCE($5, product), serial = COALESCE($6, serial),"
		    " changed = $7 WHERE id = $1",
		    db_text(device_id), db_text(said->name), db_text(said->os_version), db_text(said->os_build),
		    db_text(said->product), db_text(said->serial), db_now()))
		return false;
	return said->supervised < 0 || keep_supervised(tx, device_id, said->supervised, err);
}

bool
device_proven(TALLOC_CTX *ctx, struct db *db, const char *device_id, const char **udid, const char **serial, struct err *err)
{
	void *own SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(own, db, "SELECT d.udid, COALESCE((SELECT s.serial FROM enrollment e JOIN enroll_session s"
		" ON s.id = e.session_id WHERE e.id = d.enrollment_id AND s.kind = 'ota'), '') FROM device d WHERE d.id = $1",
		db_text(device_id));

	if (!rows_one(rows, err, "no such device"))
		return false;
	*udid = rows_text(ctx, rows, 0);
	*serial = rows_text(ctx, rows, 1);
	return true;
}
