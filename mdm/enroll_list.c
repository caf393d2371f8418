/* Reads table `enroll_session`, and what came of it. */
#include "mdm/enroll_list.h"
#include "core/clock.h"

static json_t *
text(TALLOC_CTX *ctx, struct rows *rows, int column)
{
	const char *value = rows_text(ctx, rows, column);

	return value ? json_string(value) : json_null();
}

static json_t *
number(struct rows *rows, int column)
{
	return rows_null(rows, column) ? json_null() : json_integer(rows_int(rows, column));
}

bool
enroll_list_newest(struct db *db, const char *person_id, json_t **ret, struct err *err)
{
	void *ctx SCOPED(mem) = mem_must(talloc_new(NULL));
	struct rows *rows = db_query(ctx, db, "SELECT s.id, s.kind, CASE WHEN s.state IN ('offered', 'answered')"
		" AND s.expires <= $1 THEN 'expired' ELSE s.state END, s.why, s.device_name, s.product,"
		" EXISTS (SELECT 1 FROM certificate c WHERE c.session_id = s.id AND c.purpose = 'mdm'),"
		" s.created, s.changed, s.expires FROM enroll_session s WHERE s.person_id = $2 AND s.kind <> 'renewal'"
		" AND s.created > $3 ORDER BY s.turn DESC, s.id LIMIT 1", db_now(), db_text(person_id),
		db_int(clock_now() - ENROLL_SHOWN_S));
	enum rows_step step = rows_next(rows, err);

	if (step == ROWS_FAILED)
		return false;
	*ret = step == ROWS_END ? NULL :
		json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:b, s:o, s:o, s:o}", "id", text(ctx, rows, 0),
			  "kind", text(ctx, rows, 1), "state", text(ctx, rows, 2), "why", text(ctx, rows, 3),
			  "device_name", text(ctx, rows, 4), "product", text(ctx, rows, 5),
			  "identified", rows_bool(rows, 6), "created", number(rows, 7), "changed", number(rows, 8),
			  "expires", number(rows, 9));
	return true;
}

/* One row a device: the newest that it was with this person, unless it is with somebody else by now. */
bool
enroll_list_devices(struct db *db, const char *person_id, json_t **ret, struct err *err)
{
	void *ctx SCOPED(mem) = mem_must(talloc_new(NULL));
	struct rows *rows = db_query(ctx, db, "SELECT d.id, d.name, d.product, d.os_version,"
		" CASE WHEN EXISTS (SELECT 1 FROM came_back b WHERE b.udid = d.udid AND b.state = 'waiting') THEN 'came_back'"
		" ELSE e.state END, e.why, e.enrolled, e.ended, d.seen"
		" FROM enrollment e JOIN device d ON d.id = e.device_id"
		" WHERE e.person_id = $1 AND e.state IN ('enrolled', 'removed', 'retired') AND NOT EXISTS"
		" (SELECT 1 FROM enrollment n WHERE n.device_id = e.device_id AND n.id <> e.id AND n.state <> 'staged'"
		" AND (n.turn, n.id) > (e.turn, e.id)) ORDER BY e.turn DESC, e.id DESC LIMIT $2", db_text(person_id), db_int(ENROLL_DEVICES_SHOWN));
	json_t *list = json_array();
	enum rows_step step;

	while ((step = rows_next(rows, err)) == ROWS_ROW)
		json_array_append_new(list, json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
			"id", text(ctx, rows, 0), "name", text(ctx, rows, 1), "product", text(ctx, rows, 2),
			"version", text(ctx, rows, 3), "state", text(ctx, rows, 4), "why", text(ctx, rows, 5),
			"enrolled", number(rows, 6), "ended", number(rows, 7), "seen", number(rows, 8)));
	if (step == ROWS_FAILED) {
		json_decref(list);
		return false;
	}
	*ret = list;
	return true;
}

bool
enroll_list_show(struct db *db, const char *id, json_t **ret, struct err *err)
{
	void *ctx SCOPED(mem) = mem_must(talloc_new(NULL));
	struct rows *rows = db_query(ctx, db, "SELECT s.id, s.kind, s.state, p.name, s.udid, s.product, s.device_name,"
		" s.why, s.created, s.expires FROM enroll_session s LEFT JOIN person p ON p.id = s.person_id"
		" WHERE s.id = $1", db_text(id));

	if (!rows_one(rows, err, "no such enrollment session"))
		return false;
	*ret = json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "id", text(ctx, rows, 0),
			 "kind", text(ctx, rows, 1), "state", text(ctx, rows, 2), "person", text(ctx, rows, 3),
			 "udid", text(ctx, rows, 4), "product", text(ctx, rows, 5), "device_name", text(ctx, rows, 6),
			 "why", text(ctx, rows, 7), "created", number(rows, 8), "expires", number(rows, 9));
	return true;
}
