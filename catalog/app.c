/* Table `app`. */
#include "catalog/app.h"
#include "catalog/audience.h"
#include "core/clock.h"
#include "core/secret.h"
#include "core/text.h"

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
	return db_run(tx, err, "UPDATE app SET newest_build_id = $1, name = (SELECT b.name FROM build b WHERE b.id = $1),"
		      " folded = (SELECT b.folded FROM build b WHERE b.id = $1) WHERE id = $2", db_text(build_id),
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
