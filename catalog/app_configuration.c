/* Table `app_configuration`, with app_configuration_fill.c: what is kept. */
#include "catalog/app_configuration_inner.h"
#include "catalog/app.h"
#include "catalog/audience.h"
#include "catalog/managed_app.h"
#include "catalog/rows.h"
#include "core/audit.h"
#include "core/clock.h"
#include "core/secret.h"
#include "core/text.h"
#include <stdlib.h>
#include <string.h>

#define SEAL_NAME "app_configuration:"

/* ---- what may stand in one ---- */

static bool
check_value(const json_t *v, const char *key, int depth, struct err *err)
{
	const char *name;
	json_t *item;
	size_t i;

	if (depth > APP_CONFIGURATION_DEPTH)
		return err_code(err, ERR_INVALID, "bad_configuration", "%s: nested more than %d deep", key, APP_CONFIGURATION_DEPTH);
	if (json_is_null(v))
		return err_code(err, ERR_INVALID, "bad_configuration", "%s: a property list has no null", key);
	if (json_is_string(v) && !text_valid(json_string_value(v), json_string_length(v)))
		return err_code(err, ERR_INVALID, "bad_configuration", "%s: a text with characters that nobody can read", key);
	json_array_foreach(v, i, item)
		if (!check_value(item, key, depth + 1, err))
			return false;
	if (json_is_object(v))
		json_object_foreach((json_t *)(uintptr_t)v, name, item)
			if (!check_value(item, name, depth + 1, err))
				return false;
	return true;
}

static bool
dump(TALLOC_CTX *ctx, const json_t *configuration, const char **ret, struct err *err)
{
	char *text = json_dumps(configuration, JSON_COMPACT);

	*ret = mem_text(ctx, text ? text : "");
	free(text);
	return strlen(*ret) <= APP_CONFIGURATION_MAX ||
	       err_code(err, ERR_LIMIT, "bad_configuration", "more than %u bytes", APP_CONFIGURATION_MAX);
}

bool
app_configuration_check(const json_t *configuration, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	const char *text;

	if (!json_is_object(configuration))
		return err_code(err, ERR_INVALID, "bad_configuration", "configuration: an object of keys and values");
	return check_value(configuration, "configuration", 0, err) && dump(ctx, configuration, &text, err);
}

/* ---- kept ---- */

struct change {
	const struct person *person;
	const char *bundle_id, *id, *name, *variables;
	const json_t *audience;
	struct bytes sealed;
	int64_t place;
	bool fresh;
};

static bool
room(struct db *tx, const char *app, int64_t *last, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, tx, "SELECT count(*), coalesce(max(place), 0) FROM app_configuration WHERE app_id = $1",
				     db_text(app));

	if (!rows_one(rows, err, "no count"))
		return false;
	*last = rows_int(rows, 1);
	return rows_int(rows, 0) < APP_CONFIGURATIONS_MAX ||
	       err_set(err, ERR_LIMIT, "an app has %d configurations at most", APP_CONFIGURATIONS_MAX);
}

static bool
tx_put(struct db *tx, void *arg, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct change *c = arg;
	char *app, *audience = NULL;
	int64_t last = 0;

	if (!app_own(ctx, tx, viewer_of(c->person), c->bundle_id, &app, err) ||
	    (c->fresh && !room(tx, app, &last, err)) || !audience_keep(ctx, tx, c->audience, &audience, err))
		return false;
	if (c->fresh ? !db_run(tx, err, "INSERT INTO app_configuration (id, app_id, name, audience_id, place, configuration, version,"
			       " created, changed, variables) VALUES ($1, $2, $3, $4, $5, $6, 1, $7, $7, $8)", db_text(c->id), db_text(app),
			       db_text(c->name), db_text(audience), db_int(c->place ? c->place : last + 1), db_bytes(c->sealed), db_now(),
			       db_text(c->variables)) :
		       !db_run(tx, err, "UPDATE app_configuration SET name = $3, audience_id = $4, place = CASE WHEN $5 > 0 THEN"
			       " CAST($5 AS BIGINT) ELSE place END, configuration = $6, version = version + 1, changed = $7,"
			       " variables = $8 WHERE id = $1 AND app_id = $2", db_text(c->id), db_text(app), db_text(c->name), db_text(audience),
			       db_int(c->place), db_bytes(c->sealed), db_now(), db_text(c->variables)))
		return false;
	if (!db_changed(tx))
		return err_set(err, ERR_MISSING, "no such configuration");
	return audience_sweep(tx, err) && managed_app_app_changed(tx, app, err) &&
	       audit_add(tx, person_actor(ctx, c->person), "app.configuration", c->bundle_id, c->name, err);
}

bool
app_configuration_put(TALLOC_CTX *ctx, struct db *db, const struct sealer *sealer, const struct person *person,
		      const char *bundle_id, const char *id, const struct app_configuration_wish *wish, char **ret,
		      struct err *err)
{
	struct change c = { .person = person, .bundle_id = bundle_id, .id = id ? id : secret_id(ctx), .name = wish->name,
			    .audience = wish->audience, .place = wish->place, .fresh = !id };
	const char *text;

	if (!*wish->name || strlen(wish->name) > APP_CONFIGURATION_NAME || !text_valid(wish->name, strlen(wish->name)))
		return err_set(err, ERR_INVALID, "name: 1 to %d bytes", APP_CONFIGURATION_NAME);
	if (wish->place < 0 || wish->place > APP_CONFIGURATIONS_MAX)
		return err_set(err, ERR_INVALID, "place: 1 to %d", APP_CONFIGURATIONS_MAX);
	if (!sealer)
		return err_code(err, ERR_CONFLICT, "no_master_key", "key.master_file is not set: nothing can be sealed");
	if (!app_configuration_check(wish->configuration, err) || (wish->audience && !audience_check(wish->audience, err)) ||
	    !dump(ctx, wish->configuration, &text, err) ||
	    !seal(ctx, sealer, mem_printf(ctx, SEAL_NAME "%s", c.id), (struct bytes){ text, strlen(text) }, &c.sealed, err))
		return false;
	c.variables = app_configuration_variables(ctx, wish->configuration);
	*ret = mem_text(ctx, c.id);
	return db_tx(db, tx_put, &c, err);
}

static bool
tx_remove(struct db *tx, void *arg, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct change *c = arg;
	char *app;

	if (!app_own(ctx, tx, viewer_of(c->person), c->bundle_id, &app, err) ||
	    !db_run(tx, err, "DELETE FROM app_configuration WHERE id = $1 AND app_id = $2", db_text(c->id), db_text(app)))
		return false;
	if (!db_changed(tx))
		return err_set(err, ERR_MISSING, "no such configuration");
	return audience_sweep(tx, err) && managed_app_app_changed(tx, app, err) &&
	       audit_add(tx, person_actor(ctx, c->person), "app.configuration_remove", c->bundle_id, c->id, err);
}

bool
app_configuration_remove(struct db *db, const struct person *person, const char *bundle_id, const char *id, struct err *err)
{
	struct change c = { .person = person, .bundle_id = bundle_id, .id = id };

	return db_tx(db, tx_remove, &c, err);
}

/* ---- shown ---- */

#define COLUMNS "c.id, c.name, c.place, c.audience_id, c.version, c.created, c.changed"

static json_t *
item_of(TALLOC_CTX *ctx, struct rows *rows)
{
	return json_pack("{s:s, s:s, s:I, s:s?, s:I, s:s, s:s}", "id", rows_text(ctx, rows, 0), "name", rows_text(ctx, rows, 1), "place",
		(json_int_t)rows_int(rows, 2), "audience_id", rows_text(ctx, rows, 3), "version", (json_int_t)rows_int(rows, 4), "created",
		clock_text(ctx, rows_int(rows, 5)), "changed", clock_text(ctx, rows_int(rows, 6)));
}

static bool
add_audience(struct db *db, json_t *item, struct err *err)
{
	json_t *audience;

	if (!audience_show(db, json_string_value(json_object_get(item, "audience_id")), &audience, err))
		return false;
	json_object_set_new(item, "audience", audience);
	json_object_del(item, "audience_id");
	return true;
}

bool
app_configuration_list(struct db *db, const struct person *person, const char *bundle_id, json_t **ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	json_t *items, *item;
	char *app;
	size_t i;

	if (!app_own(ctx, db, viewer_of(person), bundle_id, &app, err) ||
	    !rows_list(db_query(ctx, db, "SELECT " COLUMNS " FROM app_configuration c WHERE c.app_id = $1 ORDER BY c.place, c.id",
				db_text(app)), item_of, &items, err))
		return false;
	json_array_foreach(items, i, item)
		if (!add_audience(db, item, err)) {
			json_decref(items);
			return false;
		}
	*ret = items;
	return true;
}

bool
app_configuration_open(TALLOC_CTX *ctx, const struct sealer *sealer, const char *id, struct bytes sealed, json_t **ret, struct err *err)
{
	struct bytes plain;

	if (!sealer)
		return err_code(err, ERR_CONFLICT, "no_master_key", "key.master_file is not set");
	if (!unseal(ctx, sealer, mem_printf(ctx, SEAL_NAME "%s", id), sealed, &plain, err))
		return false;
	*ret = json_loadb(plain.p, plain.len, 0, NULL);
	return *ret || err_set(err, ERR_INTERNAL, "app configuration %s is no JSON", id);
}

bool
app_configuration_show(struct db *db, const struct sealer *sealer, const struct person *person, const char *bundle_id,
		       const char *id, json_t **ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	json_t *item, *configuration;
	struct rows *rows;
	char *app;

	if (!app_own(ctx, db, viewer_of(person), bundle_id, &app, err))
		return false;
	rows = db_query(ctx, db, "SELECT " COLUMNS ", c.configuration FROM app_configuration c WHERE c.id = $1 AND c.app_id = $2",
			db_text(id), db_text(app));
	if (!rows_one(rows, err, "no such configuration") || !app_configuration_open(ctx, sealer, id, rows_bytes(ctx, rows, 7), &configuration, err))
		return false;
	item = item_of(ctx, rows);
	rows_done(rows);
	json_object_set_new(item, "configuration", configuration);
	if (!add_audience(db, item, err)) {
		json_decref(item);
		return false;
	}
	*ret = item;
	return true;
}
