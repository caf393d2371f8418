/* Reads table `own_mobileconfig`, for people and for IT. */
#include "core/clock.h"
#include "core/num.h"
#include "core/text.h"
#include "mdm/own_mobileconfig.h"
#include <string.h>

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

static json_t *
item_of(TALLOC_CTX *ctx, struct rows *rows)
{
	json_t *cert = rows_null(rows, 15) ? json_null() :
		json_pack("{s:o, s:o, s:o, s:o, s:o}", "sha256", text(ctx, rows, 15), "serial", text(ctx, rows, 16),
			  "not_after", number(rows, 17), "revoked", number(rows, 18), "issued", number(rows, 19));

	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:b, s:o, s:o, s:I, s:o, s:o, s:o}",
		"id", text(ctx, rows, 0), "person", text(ctx, rows, 1), "person_id", text(ctx, rows, 2),
		"mobileconfig_id", text(ctx, rows, 3), "title", text(ctx, rows, 4), "device", text(ctx, rows, 5),
		"product", text(ctx, rows, 6), "udid", text(ctx, rows, 7), "device_id", text(ctx, rows, 8),
		"managed", rows_bool(rows, 9), "state", text(ctx, rows, 10), "why", text(ctx, rows, 11),
		"old", (json_int_t)rows_int(rows, 14), "certificate", cert, "created", number(rows, 12),
		"changed", number(rows, 13));
}

/* "<changed>.<id>" of the last item; anything else begins the list anew. */
static int64_t
place(const char *after, const char **id)
{
	const char *dot = after ? strchr(after, '.') : NULL;
	char number_text[24];
	struct err none;
	int64_t at;

	*id = "";
	if (!dot || dot - after >= (int)sizeof number_text)
		return INT64_MAX;
	snprintf(number_text, sizeof number_text, "%.*s", (int)(dot - after), after);
	if (!num_parse(number_text, 0, INT64_MAX, &at, &none) || !text_valid(dot, strlen(dot)))
		return INT64_MAX;
	*id = dot + 1;
	return at;
}

/* `|| ''`: mdm/certificate.c. */
#define OF_IT	"FROM certificate c JOIN own_session s ON s.id = c.session_id WHERE s.own_id = o.id AND c.purpose || '' = 'person'"

bool
own_list(struct db *db, const struct own_filter *filter, int64_t limit, json_t **ret, struct err *err)
{
	void *ctx SCOPED(mem) = mem_must(talloc_new(NULL));
	json_t *items = json_array(), *page = json_pack("{s:o, s:n}", "items", items, "next");
	const char *search = filter->search && *filter->search ? text_like(ctx, filter->search) : NULL, *last;
	int64_t from = place(filter->after, &last), most = limit < OWN_PAGE_MAX ? limit : OWN_PAGE_MAX, changed = 0;
	struct rows *rows = db_query(ctx, db, "SELECT o.id, p.name, o.person_id, o.mobileconfig_id, o.title,"
		" COALESCE(NULLIF(d.name, ''), o.device_name), COALESCE(NULLIF(d.product, ''), o.product), o.udid, o.device_id,"
		" d.enrollment_id IS NOT NULL, o.state, o.why, o.created, o.changed,"
		" (SELECT count(*) " OF_IT " AND c.revoked IS NULL AND c.not_after > $1) - CASE WHEN n.revoked IS NULL"
		" AND n.not_after > $1 THEN 1 ELSE 0 END, n.sha256, n.serial, n.not_after, n.revoked, n.issued"
		" FROM own_mobileconfig o JOIN person p ON p.id = o.person_id LEFT JOIN device d ON d.id = o.device_id"
		" LEFT JOIN certificate n ON n.sha256 = (SELECT c.sha256 " OF_IT " ORDER BY c.turn DESC, c.sha256 LIMIT 1)"
		" WHERE (o.changed, o.id) < ($2, $3) AND (CAST($4 AS TEXT) IS NULL OR o.person_id = $4)"
		" AND (CAST($7 AS TEXT) IS NULL OR lower(p.name) = lower($7))"
		" AND (CAST($5 AS TEXT) IS NULL OR p.words LIKE lower($5) ESCAPE '!' OR lower(o.device_name) LIKE lower($5) ESCAPE '!')"
		" AND (CAST($9 AS BIGINT) = 0 OR (n.not_after >= $8 AND n.not_after < $9 AND n.revoked IS NULL))"
		" ORDER BY o.changed DESC, o.id DESC LIMIT $6", db_now(), db_int(from), db_text(last), db_text(filter->person_id),
		db_text(search), db_int(most + 1), db_text(filter->person),
		db_int(filter->ends_from), db_int(filter->ends_until));
	enum rows_step step;

	while ((step = rows_next(rows, err)) == ROWS_ROW) {
		if (json_array_size(items) == (size_t)most) {
			json_object_set_new(page, "next", json_sprintf("%lld.%s", (long long)changed, last));
			break;
		}
		last = rows_text(ctx, rows, 0);
		changed = rows_int(rows, 13);
		json_array_append_new(items, item_of(ctx, rows));
	}
	if (step == ROWS_FAILED) {
		json_decref(page);
		return false;
	}
	*ret = page;
	return true;
}

bool
own_devices(struct db *db, const char *person_id, json_t **ret, struct err *err)
{
	void *ctx SCOPED(mem) = mem_must(talloc_new(NULL));
	struct rows *rows = db_query(ctx, db, "SELECT d.id, e.id, d.name, d.product, d.os_version, d.udid FROM device d"
		" JOIN enrollment e ON e.id = d.enrollment_id WHERE e.person_id = $1 AND e.state = 'enrolled'"
		" ORDER BY d.name, d.id LIMIT $2", db_text(person_id), db_int(OWN_PAGE_MAX));
	json_t *list = json_array();
	enum rows_step step;

	while ((step = rows_next(rows, err)) == ROWS_ROW)
		json_array_append_new(list, json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "id", text(ctx, rows, 0),
			"enrollment_id", text(ctx, rows, 1), "name", text(ctx, rows, 2), "product", text(ctx, rows, 3),
			"version", text(ctx, rows, 4), "udid", text(ctx, rows, 5)));
	if (step == ROWS_FAILED) {
		json_decref(list);
		return false;
	}
	*ret = list;
	return true;
}
