#include "mdm/device_said.h"

bool
device_said(struct db *tx, const char *device_id, const struct device_said *said, struct err *err)
{
	if (!db_run(tx, err, "UPDATE device SET name = COALESCE($2, name), os_version = COALESCE($3, os_version),"
		    " os_build = COALESCE($4, os_build), product = COALESCE($5, product), serial = COALESCE($6, serial),"
		    " changed = $7 WHERE id = $1",
		    db_text(device_id), db_text(said->name), db_text(said->os_version), db_text(said->os_build),
		    db_text(said->product), db_text(said->serial), db_now()))
		return false;
	return said->supervised < 0 ||
	       db_run(tx, err, "UPDATE enrollment SET supervised = $2 WHERE id = (SELECT d.enrollment_id FROM device d WHERE d.id = $1)",
		      db_text(device_id), db_bool(said->supervised == 1));
}
