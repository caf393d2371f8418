/* Table `item`. */
#include "catalog/item.h"
#include "catalog/app.h"
#include "catalog/audience.h"
#include "catalog/category.h"
#include "catalog/rows.h"
#include "core/audit.h"
#include "core/secret.h"
#include "core/text.h"
#include <string.h>

#define STORE		"https://apps.apple.com/"
#define STORE_ID_MIN	5	/* digits */
#define STORE_ID_MAX	12

struct change {
	const struct person *person;
	const struct item_fields *fields;
	const char *id, *url;
};

/* ---- fields ---- */

static bool
line_ok(const char *what, const char *text, size_t least, size_t most, struct err *err)
{
	size_t len = text ? strlen(text) : 0;

	return (len >= least && len <= most && (!text || (text_valid(text, len) && !strpbrk(text, "\t\r\n")))) ||
	       err_set(err, ERR_INVALID, "%s has %zu to %zu bytes on one line", what, least, most);
}

/* "1234567890", or where an address of the App Store has it: behind "/id". */
static size_t
store_id(const char *text, const char **digits)
{
	const char *at = strstr(text, "/id");
	size_t n;

	*digits = at ? at + 3 : text;
	n = strspn(*digits, "0123456789");
	return n >= STORE_ID_MIN && n <= STORE_ID_MAX && strchr("?/#", (*digits)[n]) ? n : 0;
}

bool
item_url(TALLOC_CTX *ctx, const char *kind, const char *url, const char **ret, struct err *err)
{
	const char *digits;
	size_t n, len = strlen(url);

	if (strcmp(kind, "store") == 0) {
		if (!(n = store_id(url, &digits)) ||
		    (digits != url && strncmp(url, STORE, strlen(STORE)) != 0 &&
		     strncmp(url, "https://itunes.apple.com/", 25) != 0))
			return err_set(err, ERR_INVALID, "an app's address in the App Store begins with " STORE
				       " and has /id and a number; the number alone will do");
		*ret = mem_printf(ctx, STORE "app/id%.*s", (int)n, digits);
		return true;
	}
	if (strcmp(kind, "web") != 0)
		return err_set(err, ERR_INVALID, "an item is a \"web\" or a \"store\" one");
	if (len > ITEM_URL_MAX || strncmp(url, "https://", 8) != 0 || !url[8] || strchr("/?#:@.", url[8]) ||
	    strcspn(url, "\\ \"<>`{|}^@") != len)
		return err_set(err, ERR_INVALID, "a web app's address begins with https:// and a host, and has at most %d"
			       " bytes", ITEM_URL_MAX);
	for (const char *c = url; *c; c++)
		if (*c <= 0x20 || *c == 0x7f)
			return err_set(err, ERR_INVALID, "a web app's address is written in ASCII, without blanks");
	*ret = mem_text(ctx, url);
	return true;
}

static bool
fields_ok(TALLOC_CTX *ctx, const struct item_fields *f, const char **url, struct err *err)
{
	return item_url(ctx, f->kind ? f->kind : "", f->url ? f->url : "", url, err) &&
	       line_ok("a name", f->name, 1, ITEM_NAME_MAX, err) &&
	       line_ok("a subtitle", f->subtitle, 0, ITEM_SUBTITLE_MAX, err) && audience_check(f->audience, err);
}

/* ---- change ---- */

static bool
set_places(struct db *tx, const struct change *c, const char *act, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);

	return category_set_item(tx, c->id, c->fields->categories, err) && audience_sweep(tx, err) &&
	       audit_add(tx, person_actor(ctx, c->person), act, c->fields->name, c->url, err);
}

static bool
tx_add(struct db *tx, void *arg, struct err *err)
{
	struct change *c = arg;
	const struct item_fields *f = c->fields;
	void *ctx SCOPED(mem) = talloc_new(NULL);
	char *audience;

	if (!audience_keep(ctx, tx, f->audience, &audience, err) ||
	    !db_run(tx, err, "INSERT INTO item (id, kind, name, folded, subtitle, url, icon, audience_id, created)"
		    " SELECT $1, $2, $3, $4, $5, $6, $7, $8, CAST($9 AS BIGINT)"
		    " WHERE (SELECT count(*) FROM item) < $10", db_text(c->id), db_text(f->kind), db_text(f->name),
		    db_text(app_folded(ctx, f->name, c->url)), db_text(f->subtitle ? f->subtitle : ""), db_text(c->url),
		    db_text(f->icon), db_text(audience), db_now(), db_int(ITEMS_MAX)))
		return false;
	if (!db_changed(tx))
		return err_set(err, ERR_CONFLICT, "there are %d items already", ITEMS_MAX);
	return set_places(tx, c, "item.add", err);
}

bool
item_add(TALLOC_CTX *ctx, struct db *db, const struct person *person, const struct item_fields *fields,
	 char **id, struct err *err)
{
	void *here SCOPED(mem) = talloc_new(NULL);
	struct change c = { person, fields, secret_id(ctx), NULL };

	if (!fields_ok(here, fields, &c.url, err) || !db_tx(db, tx_add, &c, err))
		return false;
	*id = (char *)(uintptr_t)c.id;
	return true;
}

static bool
tx_change(struct db *tx, void *arg, struct err *err)
{
	struct change *c = arg;
	const struct item_fields *f = c->fields;
	void *ctx SCOPED(mem) = talloc_new(NULL);
	char *audience;

	if (!audience_keep(ctx, tx, f->audience, &audience, err) ||
	    !db_run(tx, err, "UPDATE item SET kind = $1, name = $2, folded = $3, subtitle = $4, url = $5,"
		    " icon = coalesce(CAST($6 AS TEXT), icon), audience_id = $7 WHERE id = $8", db_text(f->kind),
		    db_text(f->name), db_text(app_folded(ctx, f->name, c->url)),
		    db_text(f->subtitle ? f->subtitle : ""), db_text(c->url), db_text(f->icon), db_text(audience),
		    db_text(c->id)))
		return false;
	if (!db_changed(tx))
		return err_set(err, ERR_MISSING, "no such item");
	return set_places(tx, c, "item.change", err);
}

bool
item_change(struct db *db, const struct person *person, const char *id, const struct item_fields *fields,
	    struct err *err)
{
	void *here SCOPED(mem) = talloc_new(NULL);
	struct change c = { person, fields, id, NULL };

	return fields_ok(here, fields, &c.url, err) && db_tx(db, tx_change, &c, err);
}

static bool
tx_remove(struct db *tx, void *arg, struct err *err)
{
	struct change *c = arg;
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, tx, "SELECT name FROM item WHERE id = $1", db_text(c->id));
	const char *name;

	if (!rows_one(rows, err, "no such item"))
		return false;
	name = rows_text(ctx, rows, 0);
	rows_done(rows);
	return db_run(tx, err, "DELETE FROM item WHERE id = $1", db_text(c->id)) && audience_sweep(tx, err) &&
	       audit_add(tx, person_actor(ctx, c->person), "item.remove", name, NULL, err);
}

bool
item_remove(struct db *db, const struct person *person, const char *id, struct err *err)
{
	struct change c = { .person = person, .id = id };

	return db_tx(db, tx_remove, &c, err);
}

static bool
tx_icon(struct db *tx, void *arg, struct err *err)
{
	struct change *c = arg;
	void *ctx SCOPED(mem) = talloc_new(NULL);

	if (!db_run(tx, err, "UPDATE item SET icon = $1 WHERE id = $2", db_text(c->fields->icon), db_text(c->id)))
		return false;
	if (!db_changed(tx))
		return err_set(err, ERR_MISSING, "no such item");
	return audit_add(tx, person_actor(ctx, c->person), "item.change", c->id, "icon", err);
}

bool
item_set_icon(struct db *db, const struct person *person, const char *id, const char *icon, struct err *err)
{
	struct item_fields fields = { .icon = icon };
	struct change c = { person, &fields, id, NULL };

	return db_tx(db, tx_icon, &c, err);
}

/* ---- looking ---- */

static json_t *
item_json(TALLOC_CTX *ctx, struct rows *rows)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:s}", "id", rows_text(ctx, rows, 0), "kind", rows_text(ctx, rows, 1),
			 "name", rows_text(ctx, rows, 2), "subtitle", rows_text(ctx, rows, 3), "url",
			 rows_text(ctx, rows, 4));
}

#define ITEM_LIST "SELECT i.id, i.kind, i.name, i.subtitle, i.url, i.folded FROM item i" \
	" WHERE (i.folded, i.id) > ($4, $5) AND i.folded LIKE $6 ESCAPE '!' AND (CAST($8 AS TEXT) IS NULL" \
	" OR EXISTS (SELECT 1 FROM item_category x JOIN category k ON k.id = x.category_id" \
	" WHERE x.item_id = i.id AND k.folded = $8)) AND " VIEWER_SEES_ITEM " ORDER BY i.folded, i.id LIMIT $7"

static json_t *
listed_json(TALLOC_CTX *ctx, struct rows *rows)
{
	json_t *item = item_json(ctx, rows);

	json_object_set_new(item, "folded", json_string(rows_text(ctx, rows, 5)));
	return item;
}

bool
item_list(struct db *db, struct viewer viewer, const struct list_place *place, json_t **ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, db, ITEM_LIST, VIEWER(viewer), LIST_PLACE(place));

	return rows_list(rows, listed_json, ret, err);
}

bool
item_edit(struct db *db, const char *id, json_t **ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, db, "SELECT id, kind, name, subtitle, url, audience_id FROM item"
				     " WHERE id = $1", db_text(id));
	json_t *item, *audience = NULL, *categories = NULL;
	int64_t people;

	if (!rows_one(rows, err, "no such item"))
		return false;
	item = item_json(ctx, rows);
	if (!audience_show(db, rows_text(ctx, rows, 5), &audience, err) ||
	    !audience_count(db, rows_text(ctx, rows, 5), &people, err) ||
	    !category_of_item(db, id, &categories, err)) {
		json_decref(audience);
		json_decref(item);
		return false;
	}
	json_object_set_new(item, "audience", audience);
	json_object_set_new(item, "categories", categories);
	json_object_set_new(item, "people", json_integer(people));
	*ret = item;
	return true;
}

bool
item_icon(TALLOC_CTX *ctx, struct db *db, struct viewer viewer, const char *id, char **name, struct err *err)
{
	void *here SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(here, db, "SELECT i.icon FROM item i WHERE i.id = $4 AND " VIEWER_SEES_ITEM,
				     VIEWER(viewer), db_text(id));

	if (!rows_one(rows, err, "no such item"))
		return false;
	*name = rows_text(ctx, rows, 0);
	return true;
}
