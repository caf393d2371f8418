/* Table `managed_app`, as pages and programs see it. */
#include "catalog/cursor.h"
#include "catalog/managed_app_inner.h"
#include "catalog/rows.h"
#include "core/clock.h"
#include <string.h>

static json_t *
or_null(TALLOC_CTX *ctx, struct rows *rows, int column)
{
	const char *text = rows_text(ctx, rows, column);

	return text && *text ? json_string(text) : json_null();
}

static json_t *
moment(TALLOC_CTX *ctx, struct rows *rows, int column)
{
	return rows_null(rows, column) ? json_null() : json_string(clock_text(ctx, rows_int(rows, column)));
}

#define ITEM_COLUMNS "m.bundle_id, coalesce(b.name, a.name, m.bundle_id), m.build_id, b.version, b.build, m.cause, m.state, m.why," \
	" m.detail, m.install_id, m.attempts, i.version, i.short_version, i.managed, m.due, m.changed"
#define ITEM_FROM " FROM managed_app m LEFT JOIN build b ON b.id = m.build_id LEFT JOIN app a ON a.bundle_id = m.bundle_id" \
	" LEFT JOIN installed_app i ON i.device_id = m.device_id AND i.bundle_id = m.bundle_id"

static json_t *
item_of(TALLOC_CTX *ctx, struct rows *rows)
{
	return json_pack("{s:s, s:s, s:o, s:o, s:o, s:s, s:s, s:s, s:s, s:o, s:I, s:o, s:o, s:b, s:o, s:o}",
		"bundle_id", rows_text(ctx, rows, 0), "name", rows_text(ctx, rows, 1), "build_id", or_null(ctx, rows, 2),
		"version", or_null(ctx, rows, 3), "build", or_null(ctx, rows, 4), "cause", rows_text(ctx, rows, 5),
		"state", rows_text(ctx, rows, 6), "why", rows_text(ctx, rows, 7), "detail", rows_text(ctx, rows, 8),
		"install_id", or_null(ctx, rows, 9), "attempts", (json_int_t)rows_int(rows, 10),
		"installed_version", or_null(ctx, rows, 11), "short_version", or_null(ctx, rows, 12), "managed", rows_bool(rows, 13),
		"due", moment(ctx, rows, 14), "changed", moment(ctx, rows, 15));
}

bool
managed_app_list(struct db *db, const char *device_id, json_t **ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	json_t *items;

	if (!rows_list(db_query(ctx, db, "SELECT " ITEM_COLUMNS ITEM_FROM " WHERE m.device_id = $1 ORDER BY m.bundle_id",
				db_text(device_id)), item_of, &items, err))
		return err_at(err, "apps of a device");
	*ret = json_pack("{s:o}", "items", items);
	return true;
}

bool
managed_app_show(struct db *db, const char *device_id, const char *bundle_id, json_t **ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, db, "SELECT " ITEM_COLUMNS ITEM_FROM " WHERE m.device_id = $1 AND m.bundle_id = $2",
				     db_text(device_id), db_text(bundle_id));

	if (!rows_one(rows, err, "nothing was asked of this app there"))
		return false;
	*ret = item_of(ctx, rows);
	rows_done(rows);
	return true;
}

/* ---- of an app ---- */

static json_t *
version_of(TALLOC_CTX *ctx, struct rows *rows)
{
	return json_pack("{s:o, s:o, s:I, s:I}", "version", or_null(ctx, rows, 0), "short_version", or_null(ctx, rows, 1),
			 "devices", (json_int_t)rows_int(rows, 2), "managed", (json_int_t)rows_int(rows, 3));
}

bool
managed_app_versions(struct db *db, const char *bundle_id, json_t **ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);

	return rows_list(db_query(ctx, db, "SELECT i.version, max(i.short_version), count(*), sum(CASE WHEN i.managed THEN 1 ELSE 0 END)"
		" FROM installed_app i JOIN device d ON d.id = i.device_id WHERE i.bundle_id = $1 AND i.installed"
		" AND d.enrollment_id IS NOT NULL GROUP BY i.version ORDER BY count(*) DESC, i.version LIMIT $2",
		db_text(bundle_id), db_int(MANAGED_PAGE_MAX)), version_of, ret, err);
}

static json_t *
count_of(TALLOC_CTX *ctx, struct rows *rows)
{
	return json_pack("{s:s, s:I}", "state", rows_text(ctx, rows, 0), "devices", (json_int_t)rows_int(rows, 1));
}

bool
managed_app_counts(struct db *db, const char *bundle_id, json_t **ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);

	return rows_list(db_query(ctx, db, "SELECT m.state, count(*) FROM managed_app m WHERE m.bundle_id = $1 GROUP BY m.state"
				  " ORDER BY m.state", db_text(bundle_id)), count_of, ret, err);
}

static json_t *
device_of(TALLOC_CTX *ctx, struct rows *rows)
{
	json_t *item = item_of(ctx, rows);

	json_object_set_new(item, "device_id", json_string(rows_text(ctx, rows, 16)));
	json_object_set_new(item, "device", json_string(rows_text(ctx, rows, 17)));
	json_object_set_new(item, "person", or_null(ctx, rows, 18));
	return item;
}

bool
managed_app_devices(struct db *db, const char *bundle_id, const char *after, int64_t limit, json_t **ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	json_t *items;

	if (limit < 1 || limit > MANAGED_PAGE_MAX)
		limit = MANAGED_PAGE_MAX;
	if (!rows_list(db_query(ctx, db, "SELECT " ITEM_COLUMNS ", m.device_id, d.name, coalesce(p.name, '')" ITEM_FROM
		" JOIN device d ON d.id = m.device_id LEFT JOIN person p ON p.id = d.person_id WHERE m.bundle_id = $1"
		" AND m.device_id > $2 ORDER BY m.device_id LIMIT $3", db_text(bundle_id), db_text(after ? after : ""),
		db_int(limit + 1)), device_of, &items, err))
		return err_at(err, "devices of %s", bundle_id);
	*ret = json_pack("{s:o, s:n}", "items", items, "next");
	if (json_array_size(items) > (size_t)limit) {
		json_array_remove(items, (size_t)limit);
		json_object_set(*ret, "next", json_object_get(json_array_get(items, (size_t)limit - 1), "device_id"));
	}
	return true;
}

/* ---- for a person ---- */

static json_t *
offer_of(TALLOC_CTX *ctx, struct rows *rows)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:o, s:b, s:o}", "id", rows_text(ctx, rows, 0), "name", rows_text(ctx, rows, 1),
		"state", rows_null(rows, 2) ? "" : rows_text(ctx, rows, 2), "why", rows_null(rows, 3) ? "" : rows_text(ctx, rows, 3),
		"installed_version", or_null(ctx, rows, 4), "managed", rows_bool(rows, 5), "install_id", or_null(ctx, rows, 6));
}

bool
managed_app_offers(struct db *db, const char *person_id, const char *bundle_id, const char *build_id, json_t **ret,
		   struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	json_t *list, *item;
	const char *why;
	size_t i;

	if (!rows_list(db_query(ctx, db, "SELECT d.id, CASE WHEN d.name <> '' THEN d.name WHEN d.product <> '' THEN d.product"
		" ELSE d.udid END, m.state, m.why, CASE WHEN i.installed THEN i.version END, i.managed, m.install_id FROM device d"
		" LEFT JOIN managed_app m ON m.device_id = d.id AND m.bundle_id = $2 LEFT JOIN installed_app i"
		" ON i.device_id = d.id AND i.bundle_id = $2 WHERE d.person_id = $1 AND d.enrollment_id IS NOT NULL"
		" ORDER BY d.name, d.id LIMIT 20", db_text(person_id), db_text(bundle_id)), offer_of, &list, err))
		return false;
	json_array_foreach(list, i, item) {
		if (!managed_app_fit(ctx, db, json_string_value(json_object_get(item, "id")), build_id, &why, err)) {
			json_decref(list);
			return false;
		}
		json_object_set_new(item, "unfit", why ? json_string(why) : json_null());
	}
	*ret = list;
	return true;
}
