/* Tables `managed_app`, `device_mobileconfig`, `renewal` and `install_day`, read alone. */
#include "catalog/fleet.h"
#include "core/clock.h"
#include <string.h>

#define FAILED "(e.token_bad <> '' OR EXISTS (SELECT 1 FROM managed_app a WHERE a.device_id = d.id AND (a.state IN ('failed'," \
	" 'timed_out') OR (a.state = 'declined' AND a.cause <> 'asked'))) OR EXISTS (SELECT 1 FROM device_mobileconfig c" \
	" WHERE c.device_id = d.id AND c.state IN ('failed', 'blocked')) OR EXISTS (SELECT 1 FROM renewal r WHERE r.device_id = d.id" \
	" AND r.state = 'failed'))"
#define BUSY "(EXISTS (SELECT 1 FROM managed_app a WHERE a.device_id = d.id AND a.state IN ('wanted', 'queued', 'sent'," \
	" 'acknowledged', 'installing', 'removing')) OR EXISTS (SELECT 1 FROM device_mobileconfig c WHERE c.device_id = d.id" \
	" AND c.state IN ('wanted', 'queued', 'taken')) OR EXISTS (SELECT 1 FROM renewal r WHERE r.device_id = d.id" \
	" AND r.state IN ('wanted', 'sent', 'acknowledged')))"

const char *
fleet_condition(const char *state)
{
	static const char *const conditions[][2] = { { "attention", FAILED }, { "updating", "(NOT " FAILED " AND " BUSY ")" },
						     { "current", "(NOT " FAILED " AND NOT " BUSY ")" } };

	for (size_t i = 0; i < sizeof conditions / sizeof *conditions; i++)
		if (strcmp(conditions[i][0], state) == 0)
			return conditions[i][1];
	return NULL;
}

bool
fleet_count(struct db *db, int64_t silent_s, struct fleet_count *ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, db, "SELECT count(*) FILTER (WHERE state = 0), count(*) FILTER (WHERE state = 1),"
		" count(*) FILTER (WHERE state = 2), count(*) FILTER (WHERE state = 3) FROM (SELECT CASE WHEN COALESCE(d.seen, e.enrolled,"
		" d.created) < $1 THEN 0 WHEN " FAILED " THEN 1 WHEN " BUSY " THEN 2 ELSE 3 END AS state FROM device d JOIN enrollment e"
		" ON e.id = d.enrollment_id WHERE e.state = 'enrolled') AS s", db_int(clock_now() - silent_s));

	if (!rows_one(rows, err, "no count"))
		return err_at(err, "devices by state");
	*ret = (struct fleet_count){ .quiet = rows_int(rows, 0), .attention = rows_int(rows, 1), .updating = rows_int(rows, 2),
				     .current = rows_int(rows, 3) };
	return true;
}

bool
fleet_installs(TALLOC_CTX *ctx, struct db *db, int64_t first_day, struct fleet_day **ret, size_t *n, struct err *err)
{
	struct rows *rows = db_query(ctx, db, "SELECT a.bundle_id, s.day, s.fresh, s.again FROM install_day s JOIN app a ON a.id = s.app_id"
		" WHERE s.day >= $1 ORDER BY 2, 1", db_int(first_day));
	enum rows_step step;

	*ret = NULL;
	*n = 0;
	while ((step = rows_next(rows, err)) == ROWS_ROW) {
		*ret = mem_grow(ctx, *ret, struct fleet_day, *n + 1);
		(*ret)[(*n)++] = (struct fleet_day){ rows_text(ctx, rows, 0), rows_int(rows, 1), rows_int(rows, 2), rows_int(rows, 3) };
	}
	return step == ROWS_END || err_at(err, "installs by day");
}
