/* Reads table `came_back`, and what the records have of the devices in it. */
#include "mdm/came_back.h"
#include "core/clock.h"
#include <string.h>

#define LIST_MAX	1000

/* The enrollment whose place it would take. */
#define ROWS	" FROM came_back b LEFT JOIN device d ON d.udid = b.udid LEFT JOIN person p ON p.id = d.person_id LEFT JOIN enrollment e" \
	" ON e.id = d.enrollment_id AND e.identity <> b.sha256 AND b.state = 'waiting' "
#define COLUMNS	"b.sha256, b.subject, b.udid, b.serial, d.id, d.name, p.name, b.first_seen, b.last_seen, b.state, e.id"
#define COLUMNS_N	11

static json_t *
moment(int64_t at)
{
	char iso[CLOCK_ISO_SIZE];

	return at ? json_string(clock_iso(at, iso)) : json_null();
}

static json_t *
item_of(TALLOC_CTX *ctx, struct rows *rows)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:s?, s:s?, s:s?, s:o, s:o, s:s, s:s?}",
		"sha256", rows_text(ctx, rows, 0), "subject", rows_text(ctx, rows, 1), "udid", rows_text(ctx, rows, 2),
		"serial", rows_text(ctx, rows, 3), "device_id", rows_text(ctx, rows, 4), "name", rows_text(ctx, rows, 5),
		"person", rows_text(ctx, rows, 6), "first_seen", moment(rows_int(rows, 7)), "last_seen", moment(rows_int(rows, 8)),
		"state", rows_text(ctx, rows, 9), "managed", rows_text(ctx, rows, 10));
}

bool
came_back_list(struct db *db, json_t **ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, db, "SELECT " COLUMNS ROWS "ORDER BY CASE WHEN b.state = 'waiting' THEN 0 ELSE 1 END,"
		" b.last_seen DESC, b.sha256 LIMIT $1", db_int(LIST_MAX));
	json_t *items = json_array();
	enum rows_step step;

	while ((step = rows_next(rows, err)) == ROWS_ROW)
		json_array_append_new(items, item_of(ctx, rows));
	if (step == ROWS_FAILED) {
		json_decref(items);
		return false;
	}
	*ret = json_pack("{s:o, s:n}", "items", items, "next");
	return true;
}

bool
came_back_waiting(struct db *db, int64_t *n, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, db, "SELECT count(*) FROM came_back WHERE state = 'waiting'");

	if (!rows_one(rows, err, "no count"))
		return false;
	*n = rows_int(rows, 0);
	return true;
}

/* ---- one ---- */

/* Columns after COLUMNS. */
static json_t *
now_of(TALLOC_CTX *ctx, struct rows *rows)
{
	int at = COLUMNS_N;

	return rows_null(rows, COLUMNS_N - 1) ? json_null() :
	       json_pack("{s:s, s:s, s:s?, s:s, s:s, s:o, s:o, s:b}", "enrollment", rows_text(ctx, rows, COLUMNS_N - 1),
			 "identity", rows_text(ctx, rows, at), "person", rows_text(ctx, rows, at + 1), "product",
			 rows_text(ctx, rows, at + 2), "serial", rows_text(ctx, rows, at + 3), "enrolled",
			 moment(rows_int(rows, at + 4)), "seen", moment(rows_int(rows, at + 5)), "knows_magic",
			 rows_bool(rows, at + 6));
}

static bool
say_certificate(TALLOC_CTX *ctx, struct bytes der, json_t *item, struct err *err)
{
	X509 *cert SCOPED(x509) = NULL;
	time_t ends = 0;

	if (!x509_read_der(der, &cert, err))
		return false;
	if (!x509_expires(cert, &ends))
		ends = 0;
	json_object_set_new(item, "issuer", json_string(x509_name_text(ctx, X509_get_issuer_name(cert))));
	json_object_set_new(item, "issued", moment(x509_begins(cert)));
	json_object_set_new(item, "ends", moment(ends));
	return true;
}

bool
came_back_show(struct db *db, const char *sha256, json_t **ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, db, "SELECT " COLUMNS ", e.identity, o.name, d.product, d.serial, e.enrolled, d.seen,"
		" b.push_magic <> '' AND b.push_magic = e.push_magic, b.certificate" ROWS "LEFT JOIN person o ON o.id = e.person_id"
		" WHERE b.sha256 = $1", db_text(sha256));
	struct bytes der;
	json_t *item;

	if (!rows_one(rows, err, "no device came back with this certificate"))
		return false;
	item = item_of(ctx, rows);
	json_object_set_new(item, "now", now_of(ctx, rows));
	der = rows_bytes(ctx, rows, COLUMNS_N + 7);
	rows_done(rows);
	if (!say_certificate(ctx, der, item, err)) {
		json_decref(item);
		return false;
	}
	*ret = item;
	return true;
}
