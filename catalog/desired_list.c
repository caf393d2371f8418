/* Table `device_mobileconfig`, as people look at it; and tried again because one of them says so. */
#include "catalog/desired_inner.h"
#include "catalog/rows.h"
#include "core/audit.h"
#include "core/clock.h"
#include "core/text.h"
#include <string.h>

#define ITEM	"r.mobileconfig_id, m.name, coalesce(v.title, ''), r.identifier, r.goal, r.state, r.version, r.sent_version," \
		" r.code, r.why, r.attempts, r.repairs, r.due, r.changed, p.source"
#define ITEM_N	15
#define FROM	" FROM device_mobileconfig r JOIN device d ON d.id = r.device_id JOIN enrollment e" \
		" ON e.id = d.enrollment_id AND e.state = 'enrolled' LEFT JOIN mobileconfig m ON m.id = r.mobileconfig_id" \
		" LEFT JOIN mobileconfig_version v ON v.mobileconfig_id = m.id AND v.version = m.version" \
		" LEFT JOIN person p ON p.id = d.person_id "

/* Who can mend a missing value. */
static const char *
keeper(const char *source)
{
	return !source ? "device" : strcmp(source, "directory") == 0 ? "directory" : "admin";
}

static json_t *
item(TALLOC_CTX *ctx, struct rows *rows)
{
	const char *code = rows_text(ctx, rows, 8);

	return json_pack("{s:s?, s:s, s:s, s:s, s:s, s:I, s:I, s:s, s:s, s:s?, s:I, s:I, s:s?, s:s}",
		"mobileconfig", rows_text(ctx, rows, 1), "title", rows_text(ctx, rows, 2), "identifier", rows_text(ctx, rows, 3),
		"goal", rows_text(ctx, rows, 4), "state", rows_text(ctx, rows, 5), "version", (json_int_t)rows_int(rows, 6),
		"sent_version", (json_int_t)rows_int(rows, 7), "code", code, "why", rows_text(ctx, rows, 9),
		"keeper", strcmp(code, "missing_variable") == 0 ? keeper(rows_text(ctx, rows, 14)) : NULL,
		"attempts", (json_int_t)rows_int(rows, 10), "repairs", (json_int_t)rows_int(rows, 11),
		"due", rows_null(rows, 12) ? NULL : clock_text(ctx, rows_int(rows, 12)), "changed",
		clock_text(ctx, rows_int(rows, 13)));
}

bool
desired_of_device(struct db *db, const char *device_id, json_t **ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	json_int_t installed = 0, wanted = 0;
	json_t *items, *one;
	size_t i;

	if (!rows_list(db_query(ctx, db, "SELECT " ITEM FROM "WHERE r.device_id = $1 ORDER BY coalesce(m.name, r.identifier)",
				db_text(device_id)), item, &items, err))
		return false;
	json_array_foreach(items, i, one) {
		bool install = strcmp(json_string_value(json_object_get(one, "goal")), "install") == 0;

		wanted += install;
		installed += install && strcmp(json_string_value(json_object_get(one, "state")), "installed") == 0;
	}
	*ret = json_pack("{s:I, s:I, s:o}", "installed", installed, "wanted", wanted, "items", items);
	return true;
}

static json_t *
device_item(TALLOC_CTX *ctx, struct rows *rows)
{
	json_t *json = item(ctx, rows);

	json_object_set_new(json, "device", json_string(rows_text(ctx, rows, ITEM_N)));
	json_object_set_new(json, "device_name", json_string(rows_text(ctx, rows, ITEM_N + 1)));
	json_object_set_new(json, "udid", json_string(rows_text(ctx, rows, ITEM_N + 2)));
	json_object_set_new(json, "person", rows_null(rows, ITEM_N + 3) ? json_null()
							  : json_string(rows_text(ctx, rows, ITEM_N + 3)));
	return json;
}

bool
desired_of(struct db *db, const char *mobileconfig_id, const char *state, const char *after, int64_t limit,
	   json_t **ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	int64_t most = limit > 0 && limit < DESIRED_PAGE_MAX ? limit : DESIRED_PAGE_MAX;
	json_t *items, *next = json_null();
	size_t n;

	if (!rows_list(db_query(ctx, db, "SELECT " ITEM ", d.id, d.name, d.udid, p.name" FROM "WHERE r.mobileconfig_id = $1"
				" AND (CAST($2 AS TEXT) IS NULL OR r.state = $2) AND d.id > $3 ORDER BY d.id LIMIT $4",
				db_text(mobileconfig_id), db_text(state), db_text(after ? after : ""), db_int(most + 1)),
		       device_item, &items, err)) {
		json_decref(next);
		return false;
	}
	n = json_array_size(items);
	if ((int64_t)n > most) {
		json_array_remove(items, n - 1);
		json_decref(next);
		next = json_incref(json_object_get(json_array_get(items, n - 2), "device"));
	}
	*ret = json_pack("{s:o, s:o}", "items", items, "next", next);
	return true;
}

/* ---- again ---- */

struct again {
	const char *actor, *mobileconfig_id, *device_id;
	int64_t n;
};

static bool
tx_retry(struct db *tx, void *arg, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct again *a = arg;
	struct rows *rows = db_query(ctx, tx, "SELECT name FROM mobileconfig WHERE id = $1", db_text(a->mobileconfig_id));
	const char *name;

	if (!rows_one(rows, err, "no such mobileconfig"))
		return false;
	name = rows_text(ctx, rows, 0);
	rows_done(rows);
	if (!db_run(tx, err, "UPDATE device_mobileconfig SET state = 'wanted', attempts = 0, due = $1, changed = $2"
		    " WHERE mobileconfig_id = $3 AND state = 'failed' AND ($4 OR device_id = $5)", db_now(), db_now(),
		    db_text(a->mobileconfig_id), db_bool(!a->device_id), db_text(a->device_id ? a->device_id : "")))
		return false;
	a->n = db_changed(tx);
	return !a->n || (desired_job(tx, 0, err) &&
			 audit_add(tx, a->actor, "mobileconfig.retry", name, a->device_id ? a->device_id :
				   mem_printf(ctx, "%lld devices", (long long)a->n), err));
}

bool
desired_retry(struct db *db, const char *actor, const char *mobileconfig_id, const char *device_id, int64_t *n,
	      struct err *err)
{
	struct again a = { actor, mobileconfig_id, device_id, 0 };

	if (!db_tx(db, tx_retry, &a, err))
		return false;
	*n = a.n;
	return true;
}
