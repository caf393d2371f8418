/* Tables `category`, `app_category` and `item_category`. */
#include "catalog/category.h"
#include "catalog/rows.h"
#include "core/audit.h"
#include "core/secret.h"
#include "core/text.h"
#include <string.h>

struct change {
	const struct person *person;
	const char *id, *name;
	int64_t place;
};

static bool
name_ok(const char *name, struct err *err)
{
	size_t len = strlen(name);

	return (len && len <= CATEGORY_NAME_MAX && text_valid(name, len) && !strpbrk(name, "\t\r\n")) ||
	       err_set(err, ERR_INVALID, "a category's name has 1 to %d bytes on one line", CATEGORY_NAME_MAX);
}

static bool
tx_add(struct db *tx, void *arg, struct err *err)
{
	struct change *c = arg;
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, tx, "SELECT count(*), coalesce(max(place), 0) + 1 FROM category");
	int64_t place;

	if (!rows_one(rows, err, "no count"))
		return false;
	if (rows_int(rows, 0) >= CATEGORIES_MAX)
		return err_set(err, ERR_CONFLICT, "there are %d categories already", CATEGORIES_MAX);
	place = rows_int(rows, 1);
	rows_done(rows);
	if (!db_run(tx, err, "INSERT INTO category (id, name, folded, place) VALUES ($1, $2, $3, $4)"
		    " ON CONFLICT (folded) DO NOTHING", db_text(c->id), db_text(c->name),
		    db_text(text_fold(ctx, c->name)), db_int(place)))
		return false;
	if (!db_changed(tx))
		return err_set(err, ERR_CONFLICT, "there is a category named %s already", c->name);
	return audit_add(tx, person_actor(ctx, c->person), "category.add", c->name, NULL, err);
}

bool
category_add(TALLOC_CTX *ctx, struct db *db, const struct person *person, const char *name, char **id,
	     struct err *err)
{
	struct change c = { .person = person, .id = secret_id(ctx), .name = name };

	if (!name_ok(name, err) || !db_tx(db, tx_add, &c, err))
		return false;
	*id = (char *)(uintptr_t)c.id;
	return true;
}

static bool
name_of(TALLOC_CTX *ctx, struct db *tx, const char *id, char **name, struct err *err)
{
	struct rows *rows = db_query(ctx, tx, "SELECT name FROM category WHERE id = $1", db_text(id));

	if (!rows_one(rows, err, "no such category"))
		return false;
	*name = rows_text(ctx, rows, 0);
	rows_done(rows);
	return true;
}

/* To the place'th from the front: the others keep their order. */
static bool
move(struct db *tx, const char *id, int64_t place, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, tx, "SELECT id FROM category WHERE id <> $1 ORDER BY place, folded",
				     db_text(id));
	const char **others;
	size_t n, at;

	if (!rows_texts(ctx, rows, &others, &n, err))
		return false;
	at = (size_t)place <= n ? (size_t)place - 1 : n;
	for (size_t i = 0; i <= n; i++)
		if (!db_run(tx, err, "UPDATE category SET place = $1 WHERE id = $2", db_int((int64_t)i + 1),
			    db_text(i == at ? id : others[i - (i > at)])))
			return false;
	return true;
}

static bool
tx_change(struct db *tx, void *arg, struct err *err)
{
	struct change *c = arg;
	void *ctx SCOPED(mem) = talloc_new(NULL);
	char *before;

	if (!name_of(ctx, tx, c->id, &before, err) || (c->place && !move(tx, c->id, c->place, err)))
		return false;
	if (c->name && !db_run(tx, err, "UPDATE category SET name = $1, folded = $2 WHERE id = $3 AND NOT EXISTS"
			       " (SELECT 1 FROM category o WHERE o.folded = $2 AND o.id <> $3)", db_text(c->name),
			       db_text(text_fold(ctx, c->name)), db_text(c->id)))
		return false;
	if (c->name && !db_changed(tx))
		return err_set(err, ERR_CONFLICT, "there is a category named %s already", c->name);
	return audit_add(tx, person_actor(ctx, c->person), "category.change", before, c->name, err);
}

bool
category_change(struct db *db, const struct person *person, const char *id, const char *name, int64_t place,
		struct err *err)
{
	struct change c = { .person = person, .id = id, .name = name, .place = place };

	if (place < 0 || place > CATEGORIES_MAX)
		return err_set(err, ERR_INVALID, "a category's place is 1 to %d", CATEGORIES_MAX);
	return (!name || name_ok(name, err)) && db_tx(db, tx_change, &c, err);
}

static bool
tx_remove(struct db *tx, void *arg, struct err *err)
{
	struct change *c = arg;
	void *ctx SCOPED(mem) = talloc_new(NULL);
	char *name;

	return name_of(ctx, tx, c->id, &name, err) &&
	       db_run(tx, err, "DELETE FROM category WHERE id = $1", db_text(c->id)) &&
	       audit_add(tx, person_actor(ctx, c->person), "category.remove", name, NULL, err);
}

bool
category_remove(struct db *db, const struct person *person, const char *id, struct err *err)
{
	struct change c = { .person = person, .id = id };

	return db_tx(db, tx_remove, &c, err);
}

/* ---- looking ---- */

static json_t *
category_json(TALLOC_CTX *ctx, struct rows *rows)
{
	return json_pack("{s:s, s:s, s:I, s:I, s:I}", "id", rows_text(ctx, rows, 0), "name", rows_text(ctx, rows, 1),
			 "place", (json_int_t)rows_int(rows, 2), "apps", (json_int_t)rows_int(rows, 3),
			 "items", (json_int_t)rows_int(rows, 4));
}

bool
category_list(struct db *db, json_t **ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, db, "SELECT k.id, k.name, row_number() OVER (ORDER BY k.place, k.folded),"
		" (SELECT count(*) FROM app_category x WHERE x.category_id = k.id),"
		" (SELECT count(*) FROM item_category x WHERE x.category_id = k.id)"
		" FROM category k ORDER BY k.place, k.folded");

	return rows_list(rows, category_json, ret, err);
}

bool
category_seen(struct db *db, struct viewer viewer, json_t **ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, db, "SELECT k.name FROM category k WHERE EXISTS (SELECT 1 FROM app_category x"
		" JOIN app a ON a.id = x.app_id WHERE x.category_id = k.id AND " VIEWER_SEES_APP ")"
		" OR EXISTS (SELECT 1 FROM item_category x JOIN item i ON i.id = x.item_id"
		" WHERE x.category_id = k.id AND " VIEWER_SEES_ITEM ") ORDER BY k.place, k.folded", VIEWER(viewer));

	return rows_list(rows, row_text, ret, err);
}

bool
category_of_app(struct db *db, const char *app_id, json_t **ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, db, "SELECT k.name FROM app_category x JOIN category k ON k.id = x.category_id"
		" WHERE x.app_id = $1 ORDER BY k.place, k.folded", db_text(app_id));

	return rows_list(rows, row_text, ret, err);
}

bool
category_of_item(struct db *db, const char *item_id, json_t **ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, db, "SELECT k.name FROM item_category x JOIN category k ON k.id = x.category_id"
		" WHERE x.item_id = $1 ORDER BY k.place, k.folded", db_text(item_id));

	return rows_list(rows, row_text, ret, err);
}

/* ---- who is in which ---- */

/* `clear` and `put` are the statements of an app's or an item's table: of $1, in the category $2. */
static bool
set(struct db *tx, const char *id, const json_t *names, const char *clear, const char *put, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	json_t *name;
	size_t i;

	if (json_array_size(names) > CATEGORIES_OF_ONE_MAX)
		return err_set(err, ERR_INVALID, "at most %d categories", CATEGORIES_OF_ONE_MAX);
	if (!db_run(tx, err, clear, db_text(id)))
		return false;
	json_array_foreach(names, i, name) {
		const char *text = json_string_value(name);

		if (!text)
			return err_set(err, ERR_INVALID, "categories must be a list of names");
		if (!db_run(tx, err, put, db_text(id), db_text(text_fold(ctx, text))))
			return false;
		if (!db_changed(tx))
			return err_code(err, ERR_INVALID, "unknown_category", "no category is called \"%s\", or it was "
					"named twice", text_cut(ctx, text, CATEGORY_NAME_MAX));
	}
	return true;
}

bool
category_set_app(struct db *tx, const char *app_id, const json_t *names, struct err *err)
{
	return set(tx, app_id, names, "DELETE FROM app_category WHERE app_id = $1",
		   "INSERT INTO app_category (app_id, category_id) SELECT $1, id FROM category WHERE folded = $2"
		   " ON CONFLICT (app_id, category_id) DO NOTHING", err);
}

bool
category_set_item(struct db *tx, const char *item_id, const json_t *names, struct err *err)
{
	return set(tx, item_id, names, "DELETE FROM item_category WHERE item_id = $1",
		   "INSERT INTO item_category (item_id, category_id) SELECT $1, id FROM category WHERE folded = $2"
		   " ON CONFLICT (item_id, category_id) DO NOTHING", err);
}
