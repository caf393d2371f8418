#include "tests/check_managed_app.h"
#include "catalog/managed_app.h"

const char *
planned(TALLOC_CTX *ctx, struct house *h)
{
	struct rows *rows;
	const char *ret = "";
	struct err err;

	assert_ok(managed_app_plan_device(h->db, "d1", &err), &err);
	rows = db_query(ctx, h->db, "SELECT state || ' ' || cause || ' ' || coalesce(build_id, 'gone') || ' ' || why FROM managed_app");
	if (rows_next(rows, &err) == ROWS_ROW)
		ret = rows_text(ctx, rows, 0);
	rows_done(rows);
	return ret;
}

struct house
with_app(TALLOC_CTX *ctx, char **build_id)
{
	struct house h = house(ctx);
	struct err err;

	*build_id = published(ctx, &h, (struct sent){ .channel = "main" });
	sql(&h, "INSERT INTO device (id, udid, person_id, enrollment_id, os_version, created, changed) SELECT 'd1', 'UDID-1', id, 'e1', '18.1', 1, 1"
		" FROM person WHERE name = 'mia'");
	sql(&h, "INSERT INTO enrollment (id, device_id, session_id, state, identity, access_rights, created)"
		" VALUES ('e1', 'd1', 's', 'enrolled', 'i', 8191, 1)");
	sql(&h, "INSERT INTO audience (id, tree, hash, created) VALUES ('them', '', 'them', 1)");
	sql(&h, "UPDATE channel SET audience_id = 'them'");
	sql(&h, "INSERT INTO audience_person (audience_id, person_id) SELECT 'them', id FROM person WHERE name = 'mia'");
	sql(&h, "INSERT INTO rollout (app_id, keep_current, pace, percent, paused, hours, zone, back, remove_on_leave, with_management,"
		" no_backup, changed) SELECT id, TRUE, 'step', 100, FALSE, '', 'server', FALSE, TRUE, TRUE, FALSE, 1 FROM app");
	sql(&h, "INSERT INTO installed_app (device_id, bundle_id, version, short_version, installed, managed, state, at)"
		" VALUES ('d1', '" APP "', '1', '1.0', TRUE, TRUE, 'Managed', 1)");
	assert_ok(db_run(h.db, &err, "INSERT INTO managed_app (device_id, bundle_id, build_id, cause, state, ours, changed)"
			 " VALUES ('d1', '" APP "', $1, 'asked', 'installed', TRUE, 1)", db_text(*build_id)), &err);
	return h;
}

int64_t
at_any_time(void *arg, const char *hours, const char *zone)
{
	(void)arg;
	(void)hours;
	(void)zone;
	return 0;
}
