/* Links as their publishers see them; and the rule of an app for all of its links. */
#include "catalog/cursor.h"
#include "catalog/link.h"
#include "catalog/app.h"
#include "catalog/viewer.h"
#include "catalog/rows.h"
#include "core/audit.h"
#include "core/clock.h"

static const char *
state_of(struct rows *rows, int64_t installs, int64_t installs_max)
{
	if (rows_bool(rows, 21))
		return "revoked";
	if (rows_int(rows, 14) <= clock_now())
		return "expired";
	if (installs_max && installs >= installs_max)
		return "used_up";
	return installs ? "used" : rows_int(rows, 20) ? "opened" : "not_opened";
}

static json_t *
item_of(TALLOC_CTX *ctx, struct rows *rows)
{
	int64_t installs = rows_int(rows, 16), most = rows_int(rows, 15), opened = rows_int(rows, 20);
	json_t *item = json_pack("{s:s, s:s, s:s, s:s?, s:s?, s:s?, s:s?, s:s?, s:s, s:s, s:I, s:I, s:b, s:b, s:s}",
		"id", rows_text(ctx, rows, 0), "bundle_id", rows_text(ctx, rows, 1), "app", rows_text(ctx, rows, 2),
		"build_id", rows_text(ctx, rows, 3), "version", rows_text(ctx, rows, 4),
		"build", rows_text(ctx, rows, 5), "channel", rows_text(ctx, rows, 6), "by", rows_text(ctx, rows, 11),
		"created", clock_text(ctx, rows_int(rows, 13)), "expires", clock_text(ctx, rows_int(rows, 14)),
		"installs", (json_int_t)installs, "installs_max", (json_int_t)most, "pin", rows_bool(rows, 18),
		"sign_in", rows_bool(rows, 19), "state", state_of(rows, installs, most));

	json_object_set_new(item, "opened", opened ? json_string(clock_text(ctx, opened)) : json_null());
	json_object_set_new(item, "contact", rows_null(rows, 7) ? json_null() : json_pack("{s:s, s:s, s:s, s:s}",
		"id", rows_text(ctx, rows, 7), "name", rows_text(ctx, rows, 8), "email", rows_text(ctx, rows, 9),
		"phone", rows_text(ctx, rows, 10)));
	return item;
}

#define SELECT_LINK "SELECT l.id, a.bundle_id, coalesce(b.name, a.name), l.build_id, b.version, b.build, ch.name, l.contact_id," \
	" c.name, c.email, c.phone, p.name, l.person_id, l.created, l.expires, l.installs_max," \
	" (SELECT count(*) FROM link_client k WHERE k.link_id = l.id), l.app_id, l.pin <> ''," \
	" l.sign_in OR a.link_sign_in, l.opened, " LINK_REVOKED \
	" FROM link l JOIN app a ON a.id = l.app_id LEFT JOIN build b ON b.id = l.build_id" \
	" LEFT JOIN channel ch ON ch.id = l.channel_id LEFT JOIN contact c ON c.id = l.contact_id" \
	" LEFT JOIN person p ON p.id = l.person_id WHERE " VIEWER_OWNS

bool
link_list(struct db *db, const struct person *person, const struct link_filter *filter, const char *after,
	  int64_t limit, json_t **ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows;
	const char *id;
	int64_t from;

	if (limit < 1 || limit > LINK_PAGE_MAX)
		limit = LINK_PAGE_MAX;
	from = cursor_take_number(ctx, after, INT64_MAX, &id);
	rows = db_query(ctx, db, SELECT_LINK " AND (l.created, l.id) < ($4, $5)"
		" AND ($6 = '' OR a.bundle_id = $6) AND ($7 = '' OR l.contact_id = $7)"
		" AND ($8 = '' OR l.build_id = $8 OR EXISTS (SELECT 1 FROM placement q WHERE q.channel_id = l.channel_id"
		" AND q.build_id = $8)) ORDER BY l.created DESC, l.id DESC LIMIT $9", VIEWER(viewer_of(person)), db_int(from),
		db_text(id), db_text(filter->bundle_id ? filter->bundle_id : ""),
		db_text(filter->contact_id ? filter->contact_id : ""), db_text(filter->build_id ? filter->build_id : ""),
		db_int(limit + 1));
	return rows_page(rows, item_of, 13, limit, ret, err) || err_at(err, "list of links");
}

bool
link_show(struct db *db, const struct person *person, const char *id, json_t **ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, db, SELECT_LINK " AND l.id = $4", VIEWER(viewer_of(person)), db_text(id));

	if (!rows_one(rows, err, "no such link"))
		return false;
	*ret = item_of(ctx, rows);
	return true;
}

bool
link_rule_set(struct db *db, const struct person *person, const char *bundle_id, bool sign_in, struct err *err)
{
	return app_set(db, person, bundle_id, &(struct app_settings){ .link_sign_in = sign_in }, err);
}
