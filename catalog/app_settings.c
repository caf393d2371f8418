/* Table `app` too: what a publisher says of an app, and which apps stand on the shelf. */
#include "catalog/app.h"
#include "catalog/category.h"
#include "core/audit.h"
#include "core/text.h"
#include <string.h>

struct change {
	const struct person *person;
	const char *bundle_id;
	const struct app_settings *settings;
	const json_t *featured;
};

static bool
text_ok(const char *what, const char *text, size_t most, bool lines, struct err *err)
{
	size_t len = text ? strlen(text) : 0;

	if (text && (!text_valid(text, len) || (!lines && strpbrk(text, "\t\r\n"))))
		return err_set(err, ERR_INVALID, "%s is text%s", what, lines ? "" : " on one line");
	return len <= most || err_set(err, ERR_INVALID, "%s has at most %zu bytes", what, most);
}

static bool
tx_set(struct db *tx, void *arg, struct err *err)
{
	struct change *c = arg;
	const struct app_settings *s = c->settings;
	void *ctx SCOPED(mem) = talloc_new(NULL);
	char *app;

	if (!app_own(ctx, tx, viewer_of(c->person), c->bundle_id, &app, err))
		return false;
	if (!db_run(tx, err, "UPDATE app SET subtitle = coalesce(CAST($1 AS TEXT), subtitle),"
		    " description = coalesce(CAST($2 AS TEXT), description),"
		    " link_sign_in = coalesce(CAST($3 AS BOOLEAN), link_sign_in) WHERE id = $4", db_text(s->subtitle),
		    db_text(s->description), s->link_sign_in < 0 ? db_null() : db_bool(s->link_sign_in), db_text(app)))
		return false;
	return (!s->categories || category_set_app(tx, app, s->categories, err)) &&
	       audit_add(tx, person_actor(ctx, c->person), "app.settings", c->bundle_id,
			 s->link_sign_in < 0 ? NULL : s->link_sign_in ? "links ask for a sign-in" : "links ask for no sign-in",
			 err);
}

bool
app_set(struct db *db, const struct person *person, const char *bundle_id, const struct app_settings *settings,
	struct err *err)
{
	struct change c = { .person = person, .bundle_id = bundle_id, .settings = settings };

	return text_ok("a subtitle", settings->subtitle, APP_SUBTITLE_MAX, false, err) &&
	       text_ok("a description", settings->description, APP_DESCRIPTION_MAX, true, err) &&
	       db_tx(db, tx_set, &c, err);
}

bool
app_settings(struct db *db, struct viewer viewer, const char *bundle_id, json_t **ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows;
	json_t *categories;
	char *app;

	if (!app_own(ctx, db, viewer, bundle_id, &app, err))
		return false;
	rows = db_query(ctx, db, "SELECT subtitle, description, link_sign_in, name FROM app WHERE id = $1", db_text(app));
	if (!rows_one(rows, err, "no such app") || !category_of_app(db, app, &categories, err))
		return false;
	*ret = json_pack("{s:s, s:s, s:b, s:s, s:o}", "subtitle", rows_text(ctx, rows, 0), "description",
			 rows_text(ctx, rows, 1), "link_sign_in", rows_bool(rows, 2), "name", rows_text(ctx, rows, 3),
			 "categories", categories);
	return true;
}

static bool
tx_featured(struct db *tx, void *arg, struct err *err)
{
	struct change *c = arg;
	void *ctx SCOPED(mem) = talloc_new(NULL);
	const char *names = "";
	json_t *id;
	size_t i;

	if (!db_run(tx, err, "UPDATE app SET featured = 0 WHERE featured > 0"))
		return false;
	json_array_foreach(c->featured, i, id) {
		const char *bundle_id = json_string_value(id);

		if (!bundle_id)
			return err_set(err, ERR_INVALID, "apps must be a list of bundle ids");
		if (!db_run(tx, err, "UPDATE app SET featured = $1 WHERE bundle_id = $2 AND featured = 0",
			    db_int((int64_t)i + 1), db_text(bundle_id)))
			return false;
		if (!db_changed(tx))
			return err_code(err, ERR_INVALID, "unknown_app", "no app is called \"%s\", or it was named twice",
					text_cut(ctx, bundle_id, 150));
		names = mem_printf(ctx, "%s%s%s", names, *names ? ", " : "", bundle_id);
	}
	return audit_add(tx, person_actor(ctx, c->person), "catalog.featured", "catalog", names, err);
}

bool
app_set_featured(struct db *db, const struct person *person, const json_t *bundle_ids, struct err *err)
{
	struct change c = { .person = person, .featured = bundle_ids };

	if (!json_is_array(bundle_ids) || json_array_size(bundle_ids) > APP_FEATURED_MAX)
		return err_set(err, ERR_INVALID, "apps: the shelf is a list of at most %d bundle ids", APP_FEATURED_MAX);
	return db_tx(db, tx_featured, &c, err);
}
