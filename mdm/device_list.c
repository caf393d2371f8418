/* One query for list, page and file: the current enrollment, or the last that was. */
#include "mdm/device_list.h"
#include "core/clock.h"
#include "core/num.h"
#include "core/text.h"
#include "mdm/inventory.h"
#include "mdm/model.h"
#include <string.h>

/* ---- rows ---- */

#define COLUMNS "d.id, d.name, d.serial, d.udid, d.product, d.os_version, d.os_build, d.person_id, p.name, " STATE ", e.id," \
	" e.supervised, e.kind, d.seen, d.address, e.token_bad, e.enrolled, d.created, e.access_rights, e.topic, e.why, e.ended," \
	" (SELECT c.not_after FROM certificate c WHERE c.sha256 = e.identity), d.changed"
#define FROM " FROM device d LEFT JOIN enrollment e ON e.id = COALESCE(d.enrollment_id, (SELECT l.id FROM enrollment l" \
	" WHERE l.device_id = d.id ORDER BY l.turn DESC, l.id DESC LIMIT 1)) LEFT JOIN person p ON p.id = d.person_id"
/* $1: when somebody who was last heard of before is silent. */
#define SILENT	"(d.enrollment_id IS NOT NULL AND COALESCE(d.seen, e.enrolled, d.created) < $1)"
#define BROKEN	"(d.enrollment_id IS NOT NULL AND e.token_bad <> '')"
#define STATE	"CASE WHEN e.id IS NULL THEN 'none' WHEN d.enrollment_id IS NULL OR e.state <> 'enrolled' THEN e.state" \
	" WHEN " BROKEN " THEN 'push_broken' WHEN " SILENT " THEN 'silent' ELSE 'managed' END"

static json_t *
text(TALLOC_CTX *ctx, struct rows *r, int column)
{
	const char *found = rows_text(ctx, r, column);

	return found && *found ? json_string(found) : json_null();
}

static json_t *
moment(struct rows *r, int column)
{
	char iso[CLOCK_ISO_SIZE];

	return rows_null(r, column) ? json_null() : json_string(clock_iso(rows_int(r, column), iso));
}

static json_t *
item(TALLOC_CTX *ctx, struct rows *r)
{
	const char *product = rows_text(ctx, r, 4), *model = model_name(product);
	json_t *person = rows_null(r, 7) ? json_null() : json_pack("{s:o, s:o}", "id", text(ctx, r, 7), "name", text(ctx, r, 8));

	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:s?, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
		"id", text(ctx, r, 0), "name", text(ctx, r, 1), "serial", text(ctx, r, 2), "udid", text(ctx, r, 3),
		"product", text(ctx, r, 4), "model", model, "os_version", text(ctx, r, 5), "os_build", text(ctx, r, 6),
		"person", person, "state", text(ctx, r, 9), "enrollment_id", text(ctx, r, 10),
		"supervised", rows_null(r, 11) ? json_null() : json_boolean(rows_bool(r, 11)), "kind", text(ctx, r, 12),
		"seen", moment(r, 13), "address", text(ctx, r, 14), "push_bad", text(ctx, r, 15), "enrolled", moment(r, 16),
		"created", moment(r, 17));
}

/* ---- the list ---- */

static const char *
or_null(const char *value)
{
	return value && *value ? value : NULL;
}

/* "17" begins 17 and 17.5.1, not 170. */
static const char *
beginning(TALLOC_CTX *ctx, const char *value, const char *more)
{
	struct buf out;

	if (!or_null(value))
		return NULL;
	buf_init(&out, ctx, 1024);
	for (const char *c = value; *c && out.len < 200; c++)
		buf_addf(&out, "%s%c", strchr("!%_", *c) ? "!" : "", *c);
	buf_text(&out, more);
	return buf_str(&out);
}

static struct rows *
query(TALLOC_CTX *ctx, struct db *db, const struct device_filter *f, int64_t before, const char *before_id, int64_t limit)
{
	const char *state = or_null(f->state), *q = or_null(f->q);

	return db_query(ctx, db, mem_printf(ctx, "SELECT " COLUMNS FROM " WHERE (d.created < $2 OR (d.created = $2 AND d.id < $3))"
		" AND (CAST($4 AS TEXT) IS NULL OR lower(d.name) LIKE $4 ESCAPE '!' OR lower(d.serial) LIKE $4 ESCAPE '!'"
		" OR lower(d.udid) LIKE $4 ESCAPE '!' OR lower(d.product) LIKE $4 ESCAPE '!' OR p.words LIKE $4 ESCAPE '!')"
		" AND (CAST($5 AS TEXT) IS NULL OR $5 = " STATE " OR ($5 = 'managed' AND d.enrollment_id IS NOT NULL"
		" AND e.state = 'enrolled') OR ($5 = 'silent' AND " SILENT "))"
		" AND (CAST($6 AS TEXT) IS NULL OR d.product LIKE $6 ESCAPE '!')"
		" AND (CAST($7 AS TEXT) IS NULL OR d.os_version = $7 OR d.os_version LIKE $8 ESCAPE '!')"
		" AND (CAST($9 AS TEXT) IS NULL OR d.person_id = $9 OR p.folded = $10)"
		" AND (CAST($11 AS TEXT) IS NULL OR EXISTS (SELECT 1 FROM installed_app a WHERE a.device_id = d.id"
		" AND a.bundle_id = $11 AND a.installed))"
		"%s%s ORDER BY d.created DESC, d.id DESC LIMIT $12", f->also ? " AND NOT " SILENT " AND " : "", f->also ? f->also : ""),
		db_int(clock_now() - f->silent_s), db_int(before), db_text(before_id), db_text(q ? text_like(ctx, q) : NULL),
		db_text(state), db_text(beginning(ctx, f->model, "%")), db_text(or_null(f->os)),
		db_text(beginning(ctx, f->os, ".%")), db_text(or_null(f->person)),
		db_text(text_fold(ctx, f->person ? f->person : "")), db_text(or_null(f->app)), db_int(limit));
}

/* "<created>.<id>"; what nobody gave out begins the list anew. */
static void
cursor_read(TALLOC_CTX *ctx, const char *after, int64_t *created, const char **id)
{
	const char *dot = after ? strchr(after, '.') : NULL;
	struct err err;

	*created = INT64_MAX;
	*id = "";
	if (dot && num_parse(mem_textn(ctx, after, (size_t)(dot - after)), 0, INT64_MAX, created, &err))
		*id = dot + 1;
}

bool
device_list(struct db *db, const struct device_filter *filter, const char *after, int64_t limit, json_t **ret,
	    struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	int64_t most = limit > 0 && limit < DEVICE_PAGE_MAX ? limit : DEVICE_PAGE_MAX, created;
	json_t *items = json_array(), *next = json_null();
	const char *last = NULL, *id;
	struct rows *rows;
	enum rows_step step;

	cursor_read(ctx, after, &created, &id);
	rows = query(ctx, db, filter, created, id, most + 1);
	while ((step = rows_next(rows, err)) == ROWS_ROW) {
		if ((int64_t)json_array_size(items) == most) {
			next = json_string(last);
			step = ROWS_END;
			break;
		}
		json_array_append_new(items, item(ctx, rows));
		last = mem_printf(ctx, "%lld.%s", (long long)rows_int(rows, 17), rows_text(ctx, rows, 0));
	}
	*ret = json_pack("{s:o, s:o}", "items", items, "next", next);
	if (step == ROWS_FAILED)
		json_decref(*ret);
	return step == ROWS_END;
}

bool
device_show(struct db *db, const char *id, int64_t silent_s, json_t **ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, db, "SELECT " COLUMNS FROM " WHERE d.id = $2", db_int(clock_now() - silent_s),
				     db_text(id));

	if (!rows_one(rows, err, "no such device"))
		return false;
	*ret = item(ctx, rows);
	json_object_set_new(*ret, "access_rights", rows_null(rows, 18) ? json_null() : json_integer(rows_int(rows, 18)));
	json_object_set_new(*ret, "topic", text(ctx, rows, 19));
	json_object_set_new(*ret, "why", text(ctx, rows, 20));
	json_object_set_new(*ret, "ended", moment(rows, 21));
	json_object_set_new(*ret, "identity_expires", moment(rows, 22));
	return true;
}

/* ---- as a table ---- */

static void
csv_row(struct buf *out, const json_t *item)
{
	static const char *const columns[] = { "id", "name", "serial", "udid", "product", "model", "os_version", "os_build",
					       "person", "state", "supervised", "seen", "enrolled" };
	const json_t *v;
	const char *word;

	for (size_t i = 0; i < sizeof columns / sizeof *columns; i++) {
		v = item ? json_object_get(item, columns[i]) : NULL;
		if (json_is_object(v))
			v = json_object_get(v, "name");
		word = !item ? columns[i] : json_is_true(v) ? "true" : json_is_false(v) ? "false" : json_string_value(v);
		buf_text(out, i ? "," : "");
		buf_csv(out, word ? word : "", word ? strlen(word) : 0);
	}
}

bool
device_csv(TALLOC_CTX *ctx, struct db *db, const struct device_filter *filter, const char *after, struct buf *out,
	   const char **next, struct err *err)
{
	json_t *page, *device;
	bool ok = true;
	size_t i, n = 0;

	csv_row(out, NULL);
	inventory_csv_head(out);
	buf_text(out, "\r\n");
	do {
		if (!device_list(db, filter, after, DEVICE_PAGE_MAX, &page, err))
			return false;
		json_array_foreach(json_object_get(page, "items"), i, device) {
			csv_row(out, device);
			ok = ok && inventory_csv_row(db, json_string_value(json_object_get(device, "id")), out, err);
			buf_text(out, "\r\n");
		}
		n += i;
		after = mem_text(ctx, json_string_value(json_object_get(page, "next")));
		json_decref(page);
	} while (ok && after && n < DEVICE_CSV_ROWS && out->len < DEVICE_CSV_MAX / 2);
	*next = after;
	return ok && buf_ok(out, err);
}

/* ---- numbers, and one by its names ---- */

bool
device_counts(struct db *db, int64_t silent_s, json_t **ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, db, "SELECT count(*), count(*) FILTER (WHERE " SILENT "), count(*) FILTER (WHERE " BROKEN ")"
		" FROM device d JOIN enrollment e ON e.id = d.enrollment_id WHERE e.state = 'enrolled'",
		db_int(clock_now() - silent_s));

	if (!rows_one(rows, err, "no count"))
		return false;
	*ret = json_pack("{s:I, s:I, s:I}", "managed", (json_int_t)rows_int(rows, 0), "silent", (json_int_t)rows_int(rows, 1),
			 "push_broken", (json_int_t)rows_int(rows, 2));
	return true;
}

bool
device_find(TALLOC_CTX *ctx, struct db *db, const char *any, const char **ret, struct err *err)
{
	void *scratch SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(scratch, db, "SELECT id FROM device WHERE id = $1 OR udid = $1 OR (serial = $1 AND serial <> ''"
		" AND (SELECT count(*) FROM device o WHERE o.serial = $1) = 1) LIMIT 1", db_text(any));

	if (!rows_one(rows, err, "no such device"))
		return false;
	*ret = rows_text(ctx, rows, 0);
	return true;
}
