/* Table `app` too: lists of what somebody sees, with the items between the apps. */
#include "catalog/app.h"
#include "catalog/cursor.h"
#include "catalog/item.h"
#include "catalog/rows.h"
#include "core/clock.h"

#define IN_CATEGORY " AND (CAST($8 AS TEXT) IS NULL OR EXISTS (SELECT 1 FROM app_category x" \
	" JOIN category k ON k.id = x.category_id WHERE x.app_id = a.id AND k.folded = $8))"
/* In the order of the names that they see: through the channel whose newest build it is (of several the first),
 * as that order has an index there.  Place and search know of no other build's name. */
#define APP_LIST(right) "SELECT a.id, c.newest_folded, a.bundle_id, b.name, a.subtitle, b.id, b.version, b.build," \
	" b.size, b.minimum_os, b.installs_until, b.created, b.expires, b.good_until, " VIEWER_REQUIRED ", b.ipad_only" \
	" FROM channel c JOIN app a ON a.id = c.app_id JOIN build b ON b.id = c.newest_build_id" \
	" WHERE (c.newest_folded, c.app_id) > ($4, $5) AND c.newest_folded LIKE $6 ESCAPE '!'" \
	" AND c.newest_build_id = " VIEWER_NEWEST " AND NOT EXISTS (SELECT 1 FROM channel d WHERE d.app_id = c.app_id" \
	" AND d.newest_build_id = c.newest_build_id AND d.id < c.id)" IN_CATEGORY right \
	" ORDER BY c.newest_folded, c.app_id LIMIT $7"

static json_t *
app_json(TALLOC_CTX *ctx, struct rows *rows)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:s, s:b, s:b, s:s, s:I, s:I, s:b}",
		"kind", "app", "id", rows_text(ctx, rows, 0), "folded", rows_text(ctx, rows, 1),
		"bundle_id", rows_text(ctx, rows, 2), "name", rows_text(ctx, rows, 3),
		"subtitle", rows_text(ctx, rows, 4), "build_id", rows_text(ctx, rows, 5),
		"version", rows_text(ctx, rows, 6), "build", rows_text(ctx, rows, 7),
		"size", (json_int_t)rows_int(rows, 8), "minimum_os", rows_text(ctx, rows, 9), "installable",
		rows_int(rows, 10) > clock_now(),
		"required", rows_bool(rows, 14), "updated", clock_text(ctx, rows_int(rows, 11)),
		"expires_at", (json_int_t)rows_int(rows, 12), "good_until", (json_int_t)rows_int(rows, 13),
		"ipad_only", rows_bool(rows, 15));
}

static const char *
text(const json_t *json, const char *key)
{
	return json_string_value(json_object_get(json, key));
}

/* Is a before b in the order of (folded, id)?  NULL comes last. */
static bool
before(const json_t *a, const json_t *b)
{
	int order;

	if (!a || !b)
		return a != NULL;
	order = strcmp(text(a, "folded"), text(b, "folded"));
	return order ? order < 0 : strcmp(text(a, "id"), text(b, "id")) < 0;
}

/* The first `limit` of both, each in order; what is only for the order is taken off. */
static json_t *
merge(TALLOC_CTX *ctx, json_t *apps, json_t *items, int64_t limit)
{
	size_t a = 0, i = 0;
	json_t *list = json_array(), *app, *item, *one, *next = json_null();
	const char *place = "", *id = "";

	for (;;) {
		app = json_array_get(apps, a);
		item = json_array_get(items, i);
		if (!app && !item)
			break;
		if ((int64_t)json_array_size(list) == limit) {
			next = json_string(cursor_put(ctx, place, id));
			break;
		}
		one = before(app, item) ? app : item;
		*(one == app ? &a : &i) += 1;
		place = mem_text(ctx, text(one, "folded"));
		id = mem_text(ctx, text(one, "id"));
		json_object_del(one, "folded");
		if (one == app)
			json_object_del(one, "id");
		json_array_append(list, one);
	}
	return json_pack("{s:o, s:o}", "items", list, "next", next);
}

bool
app_list(struct db *db, struct viewer viewer, const struct app_filter *filter, const char *after,
	 int64_t limit, json_t **ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct list_place place = {
		.pattern = text_like(ctx, filter->search),
		.category = filter->category && *filter->category ? text_fold(ctx, filter->category) : NULL,
	};
	json_t *apps, *items = NULL;

	if (limit < 1 || limit > APP_PAGE_MAX)
		limit = APP_PAGE_MAX;
	place.limit = limit + 1;
	cursor_take(ctx, after, &place.folded, &place.id);
	if (!rows_list(db_query(ctx, db, filter->owned ? APP_LIST(" AND " VIEWER_OWNS) : APP_LIST(""),
				VIEWER(viewer), LIST_PLACE(&place)), app_json, &apps, err))
		return err_at(err, "list of apps");
	if (!filter->owned && !item_list(db, viewer, &place, &items, err)) {
		json_decref(apps);
		return err_at(err, "list of items");
	}
	*ret = merge(ctx, apps, items, limit);
	json_decref(apps);
	json_decref(items);
	return true;
}

static json_t *
featured_json(TALLOC_CTX *ctx, struct rows *rows)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:b}", "bundle_id", rows_text(ctx, rows, 0), "name",
			 rows_text(ctx, rows, 1), "subtitle", rows_text(ctx, rows, 2), "build_id", rows_text(ctx, rows, 3),
			 "updated", clock_text(ctx, rows_int(rows, 4)), "required", rows_bool(rows, 5));
}

bool
app_featured(struct db *db, struct viewer viewer, json_t **ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, db, "SELECT a.bundle_id, b.name, a.subtitle, b.id, b.created, "
		VIEWER_REQUIRED " FROM app a JOIN build b ON b.id = " VIEWER_NEWEST
		" WHERE a.featured > 0 ORDER BY a.featured, a.id", VIEWER(viewer));

	return rows_list(rows, featured_json, ret, err) || err_at(err, "the featured apps");
}
