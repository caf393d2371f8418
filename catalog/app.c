/* Table `app`. */
#include "catalog/app.h"
#include "catalog/audience.h"
#include "core/buf.h"
#include "core/clock.h"
#include "core/num.h"
#include "core/secret.h"
#include "core/text.h"
#include <string.h>

char *
app_folded(TALLOC_CTX *ctx, const char *name, const char *bundle_id)
{
	return text_fold(ctx, mem_printf(ctx, "%s\n%s", name, bundle_id));
}

bool
app_upsert(TALLOC_CTX *ctx, struct db *tx, const char *bundle_id, const char *name, char **id,
	   struct err *err)
{
	void *here SCOPED(mem) = talloc_new(NULL);
	const char *folded = app_folded(here, name, bundle_id);
	struct rows *rows = db_query(here, tx,
		"INSERT INTO app (id, bundle_id, name, folded, created) VALUES ($1, $2, $3, $4, $5)"
		" ON CONFLICT (bundle_id) DO UPDATE SET name = excluded.name, folded = excluded.folded"
		" RETURNING id",
		db_text(secret_id(here)), db_text(bundle_id), db_text(name), db_text(folded), db_now());

	if (!rows_one(rows, err, "no row came back"))
		return err_at(err, "app %s", bundle_id);
	*id = rows_text(ctx, rows, 0);
	return true;
}

bool
app_set_newest(struct db *tx, const char *app_id_, const char *build_id, struct err *err)
{
	return db_run(tx, err, "UPDATE app SET newest_build_id = $1 WHERE id = $2", db_text(build_id),
		      db_text(app_id_));
}

bool
app_remove(struct db *tx, const char *app_id_, struct err *err)
{
	return db_run(tx, err, "DELETE FROM app WHERE id = $1", db_text(app_id_)) && audience_sweep(tx, err);
}

bool
app_id(TALLOC_CTX *ctx, struct db *db, struct viewer viewer, const char *bundle_id, char **id, struct err *err)
{
	void *here SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(here, db, "SELECT a.id FROM app a WHERE a.bundle_id = $4 AND "
				     VIEWER_SEES_APP, VIEWER(viewer), db_text(bundle_id));

	if (!rows_one(rows, err, "no such app"))
		return false;
	*id = rows_text(ctx, rows, 0);
	return true;
}

bool
app_own(TALLOC_CTX *ctx, struct db *db, struct viewer viewer, const char *bundle_id, char **id, struct err *err)
{
	void *here SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(here, db, "SELECT a.id, " VIEWER_OWNS " FROM app a WHERE a.bundle_id = $4"
				     " AND " VIEWER_SEES_APP, VIEWER(viewer), db_text(bundle_id));

	if (!rows_one(rows, err, "no such app"))
		return false;
	if (!rows_bool(rows, 1))
		return err_set(err, ERR_DENIED, "you do not publish %s", bundle_id);
	*id = rows_text(ctx, rows, 0);
	return true;
}

bool
app_publishes(struct db *db, struct viewer viewer, const char *bundle_id, bool *ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, db, "SELECT " VIEWER_OWNS " FROM (SELECT CAST($4 AS TEXT) AS bundle_id) a",
				     VIEWER(viewer), db_text(bundle_id));

	if (!rows_one(rows, err, "no answer"))
		return false;
	*ret = rows_bool(rows, 0);
	return true;
}

/* LIKE with '!' as its escape: the searched text means itself. */
static const char *
pattern(TALLOC_CTX *ctx, const char *search)
{
	char *cut = text_fold(ctx, text_cut(ctx, search, APP_SEARCH_MAX));
	struct buf buf;

	buf_init(&buf, ctx, 8 * APP_SEARCH_MAX);
	buf_text(&buf, "%");
	for (const char *c = cut; *c; c++) {
		if (*c == '%' || *c == '_' || *c == '!')
			buf_text(&buf, "!");
		buf_add(&buf, c, 1);
	}
	buf_text(&buf, "%");
	return buf_str(&buf);
}

/* `next` is the folded name and the id of the last item, as base64url: opaque to the caller. */
static void
split_after(TALLOC_CTX *ctx, const char *after, const char **folded, const char **id)
{
	struct bytes raw = { 0 };
	char *text, *cut;

	*folded = *id = "";
	if (!after || strlen(after) > 2048 || !num_unbase64(ctx, after, strlen(after), &raw))
		return;
	text = mem_textn(ctx, raw.p, raw.len);
	if ((cut = strchr(text, '\t')) && text_valid(text, strlen(text))) {
		*cut = '\0';
		*folded = cut + 1;
		*id = text;
	}
}

/* $4 to $7: from where, the pattern and how many. */
#define APP_LIST(right) "SELECT a.id, a.folded, a.bundle_id, b.name, a.subtitle, b.id, b.version, b.build," \
	" b.size, b.minimum_os, b.installable, b.created, b.expires, " VIEWER_REQUIRED ", b.good_until" \
	" FROM app a JOIN build b ON b.id = " VIEWER_NEWEST \
	" WHERE (a.folded, a.id) > ($4, $5) AND b.folded LIKE $6 ESCAPE '!'" right \
	" ORDER BY a.folded, a.id LIMIT $7"

static json_t *
app_json(TALLOC_CTX *ctx, struct rows *rows)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:s, s:b, s:b, s:s, s:I, s:I}",
		"bundle_id", rows_text(ctx, rows, 2), "name", rows_text(ctx, rows, 3),
		"subtitle", rows_text(ctx, rows, 4), "build_id", rows_text(ctx, rows, 5),
		"version", rows_text(ctx, rows, 6), "build", rows_text(ctx, rows, 7),
		"size", (json_int_t)rows_int(rows, 8), "minimum_os", rows_text(ctx, rows, 9), "installable",
		rows_bool(rows, 10) && (!rows_int(rows, 12) || rows_int(rows, 12) > clock_now()),
		"required", rows_bool(rows, 13), "updated", clock_text(ctx, rows_int(rows, 11)),
		"expires_at", (json_int_t)rows_int(rows, 12), "good_until", (json_int_t)rows_int(rows, 14));
}

bool
app_list(struct db *db, struct viewer viewer, const struct app_filter *filter, const char *after,
	 int64_t limit, json_t **ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	const char *from_folded, *from_id, *folded = NULL, *id = NULL;
	struct rows *rows;
	json_t *page, *items = json_array();
	enum rows_step step;
	int64_t n = 0;

	if (limit < 1 || limit > APP_PAGE_MAX)
		limit = APP_PAGE_MAX;
	split_after(ctx, after, &from_folded, &from_id);
	rows = db_query(ctx, db, filter->owned ? APP_LIST(" AND " VIEWER_OWNS) : APP_LIST(""), VIEWER(viewer),
		db_text(from_folded), db_text(from_id),
		db_text(filter->search && *filter->search ? pattern(ctx, filter->search) : "%"), db_int(limit + 1));
	page = json_pack("{s:o, s:n}", "items", items, "next");
	while ((step = rows_next(rows, err)) == ROWS_ROW) {
		if (n++ == limit) {
			struct buf buf;
			const char *place = mem_printf(ctx, "%s\t%s", id, folded);

			buf_init(&buf, ctx, 4096);
			buf_base64url(&buf, place, strlen(place));
			json_object_set_new(page, "next", json_string(buf_str(&buf)));
			break;
		}
		id = rows_text(ctx, rows, 0);
		folded = rows_text(ctx, rows, 1);
		json_array_append_new(items, app_json(ctx, rows));
	}
	if (step == ROWS_FAILED) {
		json_decref(page);
		return err_at(err, "list of apps");
	}
	*ret = page;
	return true;
}

bool
app_show(struct db *db, struct viewer viewer, const char *bundle_id, json_t **ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, db, "SELECT a.id, a.bundle_id, b.name, a.subtitle, a.description, b.id,"
				     " a.created, " VIEWER_REQUIRED " FROM app a JOIN build b ON b.id = " VIEWER_NEWEST
				     " WHERE a.bundle_id = $4", VIEWER(viewer), db_text(bundle_id));

	if (!rows_one(rows, err, "no such app"))
		return false;
	*ret = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:b}", "id", rows_text(ctx, rows, 0), "bundle_id",
			 rows_text(ctx, rows, 1), "name", rows_text(ctx, rows, 2), "subtitle", rows_text(ctx, rows, 3),
			 "description", rows_text(ctx, rows, 4), "newest_build_id", rows_text(ctx, rows, 5),
			 "created", clock_text(ctx, rows_int(rows, 6)), "required", rows_bool(rows, 7));
	return true;
}

bool
app_count(struct db *db, int64_t *ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, db, "SELECT count(*) FROM app");

	if (!rows_one(rows, err, "no count"))
		return false;
	*ret = rows_int(rows, 0);
	return true;
}
