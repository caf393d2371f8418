/* Table `held_app`, joined with what its rows are about. */
#include "catalog/held_list.h"
#include "catalog/cursor.h"
#include "catalog/renewal.h"
#include "catalog/rows.h"
#include "core/clock.h"
#include <stdlib.h>

static json_t *
text_or_null(TALLOC_CTX *ctx, struct rows *rows, int column)
{
	const char *text = rows_text(ctx, rows, column);

	return text && *text ? json_string(text) : json_null();
}

static json_t *
moment(TALLOC_CTX *ctx, struct rows *rows, int column)
{
	int64_t at = rows_int(rows, column);

	return at > 0 && at < INT64_MAX ? json_string(clock_text(ctx, at)) : json_null();
}

/* What ends of it, and by which name it is known. */
static json_t *
paper(TALLOC_CTX *ctx, struct rows *rows, const char *key, int column)
{
	return json_pack("{s:o, s:o, s:o}", key, text_or_null(ctx, rows, column), "name", text_or_null(ctx, rows, column + 1),
			 "expires", moment(ctx, rows, column + 2));
}

static json_t *
item_of(TALLOC_CTX *ctx, struct rows *rows)
{
	return json_pack("{s:s, s:s, s:s, s:o, s:o, s:s, s:s, s:s, s:s, s:s, s:o, s:s, s:o, s:s, s:o, s:o, s:s}",
		"device_id", rows_text(ctx, rows, 0), "device", rows_text(ctx, rows, 1), "product", rows_text(ctx, rows, 2),
		"person", text_or_null(ctx, rows, 3), "seen", moment(ctx, rows, 4), "bundle_id", rows_text(ctx, rows, 5),
		"app", rows_text(ctx, rows, 6), "build_id", rows_text(ctx, rows, 7), "version", rows_text(ctx, rows, 8),
		"build", rows_text(ctx, rows, 9), "ends", moment(ctx, rows, 10), "cause", rows_text(ctx, rows, 11),
		"next", moment(ctx, rows, 12), "part", rows_text(ctx, rows, 13), "provision", paper(ctx, rows, "uuid", 14),
		"certificate", paper(ctx, rows, "sha1", 17), "doing", rows_text(ctx, rows, 20));
}

#define LIST "SELECT d.id, CASE WHEN d.name <> '' THEN d.name ELSE d.udid END, d.product, w.name, d.seen, h.bundle_id," \
	" coalesce(a.name, h.bundle_id), h.build_id, bb.version, bb.build, h.ends, h.cause, h.next, h.path, h.uuid, p.name, p.expires," \
	" cb.certificate, cb.certificate_name, cb.certificate_expires, CASE " RENEWAL_REMEDY(RENEWAL_GOING) \
	" WHEN 'anew' THEN 'renewing' WHEN 'offered' THEN 'offered' ELSE CASE WHEN h.cause = 'certificate' THEN 'resign' WHEN " RENEWAL_COMING("'failed'") " THEN 'failing' WHEN " \
	RENEWAL_COMING("'wanted', 'sent', 'acknowledged'") " THEN 'renewing' ELSE '' END END" \
	" FROM held_app h JOIN device d ON d.id = h.device_id JOIN build_bundle bb ON bb.build_id = h.build_id AND bb.path = ''" \
	" LEFT JOIN app a ON a.bundle_id = h.bundle_id LEFT JOIN person w ON w.id = d.person_id LEFT JOIN provision p ON p.uuid = h.uuid" \
	" LEFT JOIN build_bundle cb ON cb.build_id = h.build_id AND cb.path = (SELECT x.path FROM build_bundle x WHERE x.build_id =" \
	" h.build_id AND x.certificate_expires > 0 ORDER BY x.certificate_expires, x.path LIMIT 1)" \
	" WHERE (h.ends > $1 OR (h.ends = $1 AND (h.device_id > $2 OR (h.device_id = $2 AND h.bundle_id > $3))))" \
	" AND (CAST($4 AS TEXT) IS NULL OR h.build_id = $4) AND (CAST($5 AS TEXT) IS NULL OR h.bundle_id = $5)" \
	" AND (CAST($6 AS TEXT) IS NULL OR EXISTS (SELECT 1 FROM build_bundle s WHERE s.build_id = h.build_id AND s.certificate = $6))" \
	" AND (CAST($7 AS TEXT) IS NULL OR h.uuid = $7) AND (CAST($8 AS TEXT) IS NULL OR h.cause = $8)" \
	" AND (CAST($9 AS BIGINT) = 0 OR h.ends = $9) ORDER BY h.ends, h.device_id, h.bundle_id LIMIT $10"

static const char *
or_null(const char *value)
{
	return value && *value ? value : NULL;
}

bool
held_list(struct db *db, const struct held_filter *f, const char *after, int64_t limit, json_t **ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	json_t *items = json_array(), *page = json_pack("{s:o, s:n}", "items", items, "next");
	const char *place, *id, *bundle_id, *last = NULL;
	enum rows_step step;
	struct rows *rows;

	if (limit < 1 || limit > HELD_PAGE_MAX)
		limit = HELD_PAGE_MAX;
	cursor_take(ctx, after, &place, &id);		/* "<end> <bundle id>", device */
	bundle_id = strchr(place, ' ');
	rows = db_query(ctx, db, LIST, db_int(strtoll(place, NULL, 10)), db_text(id), db_text(bundle_id ? bundle_id + 1 : ""),
			db_text(or_null(f->build_id)), db_text(or_null(f->bundle_id)), db_text(or_null(f->certificate)),
			db_text(or_null(f->uuid)), db_text(or_null(f->cause)), db_int(f->ends), db_int(limit + 1));
	while ((step = rows_next(rows, err)) == ROWS_ROW) {
		if (json_array_size(items) == (size_t)limit) {
			json_object_set_new(page, "next", json_string(last));
			break;
		}
		json_array_append_new(items, item_of(ctx, rows));
		last = cursor_put(ctx, mem_printf(ctx, "%lld %s", (long long)rows_int(rows, 10), rows_text(ctx, rows, 5)),
				  rows_text(ctx, rows, 0));
	}
	if (step == ROWS_FAILED) {
		json_decref(page);
		return err_at(err, "apps on devices");
	}
	*ret = page;
	return true;
}

static json_t *
whose(TALLOC_CTX *ctx, struct rows *rows)
{
	return json_pack("{s:s, s:o}", "device", rows_text(ctx, rows, 0), "person", text_or_null(ctx, rows, 1));
}

/* From the builds, which are few. */
bool
held_devices(struct db *db, const struct held_filter *f, int64_t most, json_t **ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);

	return rows_list(db_query(ctx, db, "SELECT CASE WHEN d.name <> '' THEN d.name ELSE d.udid END, CASE WHEN w.display <> '' THEN"
		" w.display ELSE w.name END FROM device d LEFT JOIN person w ON w.id = d.person_id WHERE d.id IN (SELECT h.device_id"
		" FROM held_app h WHERE h.build_id IN (SELECT s.build_id FROM build_bundle s WHERE s.build_id = $1 OR s.certificate = $2"
		" OR s.app_bundle_id = $7)"
		" AND (CAST($3 AS TEXT) IS NULL OR h.cause = $3) AND (CAST($4 AS TEXT) IS NULL OR h.uuid = $4)"
		" AND (CAST($5 AS BIGINT) = 0 OR h.ends = $5)) ORDER BY w.id IS NULL, 2, 1, d.id LIMIT $6", db_text(or_null(f->build_id)),
		db_text(or_null(f->certificate)), db_text(or_null(f->cause)), db_text(or_null(f->uuid)), db_int(f->ends), db_int(most),
		db_text(or_null(f->bundle_id))), whose, ret, err) || err_at(err, "devices by name");
}

bool
held_names(struct db *db, const struct held_filter *f, json_t **ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, db, "SELECT coalesce((SELECT a.name FROM app a WHERE a.bundle_id = coalesce(b.app_bundle_id, $2)),"
		" b.app_bundle_id), b.version, b.build, (SELECT min(s.certificate_name) FROM build_bundle s WHERE s.certificate = $3),"
		" (SELECT p.name FROM provision p WHERE p.uuid = $4) FROM (SELECT 1 AS one) o LEFT JOIN build_bundle b ON b.build_id = $1"
		" AND b.path = ''", db_text(or_null(f->build_id)), db_text(or_null(f->bundle_id)), db_text(or_null(f->certificate)),
		db_text(or_null(f->uuid)));

	if (!rows_one(rows, err, "no names"))
		return false;
	*ret = json_pack("{s:o, s:o, s:o, s:o, s:o}", "app", text_or_null(ctx, rows, 0), "version", text_or_null(ctx, rows, 1), "build",
			 text_or_null(ctx, rows, 2), "certificate", text_or_null(ctx, rows, 3), "provision", text_or_null(ctx, rows, 4));
	rows_done(rows);
	return true;
}
