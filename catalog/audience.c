/*
 * Tables `audience` and `audience_person`.
 *
 * The second follows from the first and from who is in which group.  It is filled by one statement an
 * audience (audience_tree.c), so that a hundred thousand people are the database's work and not ours.
 */
#include "catalog/audience.h"
#include "catalog/audience_tree.h"
#include "catalog/desired.h"
#include "catalog/managed_app.h"
#include "core/secret.h"
#include "core/text.h"
#include <stdlib.h>
#include <string.h>

/* ---- is it one? ---- */

static bool
check_node(const json_t *node, int depth, int *nodes, struct err *err);

static bool
check_list(const char *word, const json_t *list, int depth, int *nodes, struct err *err)
{
	json_t *child;
	size_t i;

	if (!json_is_array(list))
		return err_set(err, ERR_INVALID, "\"%s\" is followed by a list", word);
	if (strcmp(word, "all") == 0 && !json_array_size(list))
		return err_set(err, ERR_INVALID, "\"all\" of nothing is nobody's audience; {\"everyone\": true} "
			       "is everyone, {\"any\": []} nobody");
	json_array_foreach(list, i, child)
		if (!check_node(child, depth + 1, nodes, err))
			return err_at(err, "%s %zu", word, i + 1);
	return true;
}

static bool
check_node(const json_t *node, int depth, int *nodes, struct err *err)
{
	const char *word = json_object_iter_key(json_object_iter((json_t *)(uintptr_t)node));
	const json_t *value = word ? json_object_get(node, word) : NULL;
	const char *name = json_string_value(value);

	if (depth > AUDIENCE_DEPTH_MAX)
		return err_set(err, ERR_INVALID, "more than %d levels", AUDIENCE_DEPTH_MAX);
	if (++*nodes > AUDIENCE_NODES_MAX)
		return err_set(err, ERR_INVALID, "more than %d parts", AUDIENCE_NODES_MAX);
	if (json_object_size(node) != 1)
		return err_set(err, ERR_INVALID, "each part is an object with one of "
			       "any, all, not, group, person and everyone");
	if (strcmp(word, "any") == 0 || strcmp(word, "all") == 0)
		return check_list(word, value, depth, nodes, err);
	if (strcmp(word, "not") == 0)
		return check_node(value, depth + 1, nodes, err) || err_at(err, "not");
	if (strcmp(word, "everyone") == 0)
		return json_is_true(value) || err_set(err, ERR_INVALID, "\"everyone\" is followed by true");
	if (strcmp(word, "group") != 0 && strcmp(word, "person") != 0)
		return err_set(err, ERR_INVALID, "\"%.40s\" is none of any, all, not, group, person and everyone",
			       word);
	return (name && *name) || err_set(err, ERR_INVALID, "\"%s\" is followed by a name", word);
}

static bool
is_everyone(const json_t *tree)
{
	return !tree || json_is_null(tree) || json_is_true(json_object_get(tree, "everyone"));
}

bool
audience_check(const json_t *tree, struct err *err)
{
	int nodes = 0;

	if (!tree || json_is_null(tree))
		return true;
	if (!check_node(tree, 1, &nodes, err))
		return err_at(err, "audience");
	return json_dumpb(tree, NULL, 0, JSON_COMPACT) <= AUDIENCE_BYTES_MAX ||
	       err_set(err, ERR_INVALID, "an audience has at most %d bytes", AUDIENCE_BYTES_MAX);
}

/* ---- names and ids ---- */

/* One for each leaf, given its object; may change it. */
typedef bool leaf_fn(TALLOC_CTX *ctx, struct db *db, json_t *leaf, bool group, struct err *err);

static bool
each_leaf(TALLOC_CTX *ctx, struct db *db, json_t *node, leaf_fn *fn, struct err *err)
{
	json_t *list = json_object_get(node, "any"), *child;
	size_t i;

	if (json_object_get(node, "group") || json_object_get(node, "person"))
		return fn(ctx, db, node, json_object_get(node, "group") != NULL, err);
	if ((child = json_object_get(node, "not")))
		return each_leaf(ctx, db, child, fn, err);
	json_array_foreach(list ? list : json_object_get(node, "all"), i, child)
		if (!each_leaf(ctx, db, child, fn, err))
			return false;
	return true;
}

static bool
find_id(TALLOC_CTX *ctx, struct db *tx, json_t *leaf, bool group, struct err *err)
{
	const char *word = group ? "group" : "person", *name = json_string_value(json_object_get(leaf, word));
	struct rows *rows = db_query(ctx, tx, group ? "SELECT id, name FROM people_group WHERE folded = $1"
				     : "SELECT id, name FROM person WHERE folded = $1", db_text(text_fold(ctx, name)));

	switch (rows_next(rows, err)) {
	case ROWS_FAILED:
		return false;
	case ROWS_END:
		return err_code(err, ERR_INVALID, group ? "unknown_group" : "unknown_person",
				"no %s is called \"%s\"", word, text_cut(ctx, name, 100));
	case ROWS_ROW:
		break;
	}
	json_object_set_new(leaf, "id", json_string(rows_text(ctx, rows, 0)));
	json_object_set_new(leaf, word, json_string(rows_text(ctx, rows, 1)));
	rows_done(rows);
	return true;
}

/* The name of today takes the place of the id; what has gone keeps the name it had. */
static bool
find_name(TALLOC_CTX *ctx, struct db *db, json_t *leaf, bool group, struct err *err)
{
	const char *id = json_string_value(json_object_get(leaf, "id"));
	struct rows *rows = db_query(ctx, db, group ? "SELECT name FROM people_group WHERE id = $1"
				     : "SELECT name FROM person WHERE id = $1", db_text(id));
	enum rows_step step = rows_next(rows, err);

	if (step == ROWS_ROW)
		json_object_set_new(leaf, group ? "group" : "person", json_string(rows_text(ctx, rows, 0)));
	rows_done(rows);
	json_object_del(leaf, "id");
	return step != ROWS_FAILED;
}

/* ---- keeping them ---- */

static bool
fill(struct db *tx, const char *id, const char *tree, const char *person_id, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	json_t *json = json_loads(tree, 0, NULL);
	struct audience_sql sql;
	bool ok;

	if (!json)
		return err_set(err, ERR_INTERNAL, "audience %s cannot be read", id);
	audience_sql(ctx, json, id, person_id, &sql);
	ok = buf_ok(&sql.text, err) && db_runv(tx, err, buf_str(&sql.text), sql.vals);
	json_decref(json);
	return ok || err_at(err, "audience %s", id);
}

/* *id stays NULL when there is none. */
static bool
find(TALLOC_CTX *ctx, struct db *tx, const char *hash, char **id, struct err *err)
{
	struct rows *rows = db_query(ctx, tx, "SELECT id FROM audience WHERE hash = $1", db_text(hash));
	enum rows_step step = rows_next(rows, err);

	*id = step == ROWS_ROW ? rows_text(ctx, rows, 0) : NULL;
	rows_done(rows);
	return step != ROWS_FAILED;
}

static bool
make(TALLOC_CTX *ctx, struct db *tx, const char *tree, char **id, struct err *err)
{
	char hash[SECRET_HASH_SIZE];

	secret_hash(tree, hash);
	if (!find(ctx, tx, hash, id, err) || *id)
		return *id != NULL;
	*id = secret_id(ctx);
	if (!db_run(tx, err, "INSERT INTO audience (id, tree, hash, created) SELECT $1, $2, $3, CAST($4 AS BIGINT)"
		    " WHERE (SELECT count(*) FROM audience) < $5", db_text(*id), db_text(tree), db_text(hash),
		    db_now(), db_int(AUDIENCES_MAX)))
		return false;
	if (!db_changed(tx))
		return err_set(err, ERR_CONFLICT, "there are %d different audiences already; use one of them, "
			       "or a group", AUDIENCES_MAX);
	return fill(tx, *id, tree, NULL, err);
}

bool
audience_keep(TALLOC_CTX *ctx, struct db *tx, const json_t *tree, char **id, struct err *err)
{
	void *here SCOPED(mem) = talloc_new(NULL);
	json_t *json;
	char *dump;
	bool ok;

	*id = NULL;
	if (is_everyone(tree))
		return true;
	json = json_deep_copy(tree);
	ok = each_leaf(here, tx, json, find_id, err);
	if (ok) {
		dump = json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS);
		ok = make(here, tx, dump, id, err);
		free(dump);
	}
	json_decref(json);
	*id = ok ? mem_text(ctx, *id) : NULL;
	return ok || err_at(err, "audience");
}

bool
audience_sweep(struct db *tx, struct err *err)
{
	return db_run(tx, err, "DELETE FROM audience WHERE NOT EXISTS (SELECT 1 FROM channel c"
		      " WHERE c.audience_id = audience.id) AND NOT EXISTS (SELECT 1 FROM item i"
		      " WHERE i.audience_id = audience.id) AND NOT EXISTS (SELECT 1 FROM assignment a"
		      " WHERE a.audience_id = audience.id) AND NOT EXISTS (SELECT 1 FROM app_configuration f"
		      " WHERE f.audience_id = audience.id)");
}

bool
audience_show(struct db *db, const char *id, json_t **ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows;
	json_t *json;

	if (!id) {
		*ret = json_pack("{s:b}", "everyone", 1);
		return true;
	}
	rows = db_query(ctx, db, "SELECT tree FROM audience WHERE id = $1", db_text(id));
	if (!rows_one(rows, err, "no such audience"))
		return false;
	json = json_loads(rows_text(ctx, rows, 0), 0, NULL);
	rows_done(rows);
	if (!json)
		return err_set(err, ERR_INTERNAL, "audience %s cannot be read", id);
	if (!each_leaf(ctx, db, json, find_name, err)) {
		json_decref(json);
		return false;
	}
	*ret = json;
	return true;
}

bool
audience_count(struct db *db, const char *id, int64_t *ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = id ? db_query(ctx, db, "SELECT count(*) FROM audience_person WHERE audience_id = $1",
					  db_text(id))
			       : db_query(ctx, db, "SELECT count(*) FROM person");

	if (!rows_one(rows, err, "no count"))
		return false;
	*ret = rows_int(rows, 0);
	return true;
}

/* ---- when a cause changes ---- */

struct one { const char *id, *tree; };

/* All audiences, or those that name a group: ids are random, so a text that is found is that id. */
static bool
list(TALLOC_CTX *ctx, struct db *tx, const char *group_id, struct one **ret, size_t *n, struct err *err)
{
	struct rows *rows = db_query(ctx, tx, "SELECT id, tree FROM audience WHERE tree LIKE $1",
				     db_text(mem_printf(ctx, "%%%s%%", group_id ? group_id : "")));
	enum rows_step step;

	*ret = NULL;
	*n = 0;
	while ((step = rows_next(rows, err)) == ROWS_ROW) {
		*ret = mem_grow(ctx, *ret, struct one, *n + 1);
		(*ret)[(*n)++] = (struct one){ rows_text(ctx, rows, 0), rows_text(ctx, rows, 1) };
	}
	rows_done(rows);
	return step != ROWS_FAILED;
}

bool
audience_refresh_person(struct db *tx, const char *person_id, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct one *all;
	size_t n;

	if (!db_run(tx, err, "DELETE FROM audience_person WHERE person_id = $1", db_text(person_id)) ||
	    !list(ctx, tx, NULL, &all, &n, err))
		return false;
	for (size_t i = 0; i < n; i++)
		if (!fill(tx, all[i].id, all[i].tree, person_id, err))
			return false;
	return desired_person(tx, person_id, err) && managed_app_person_changed(tx, person_id, err);
}

bool
audience_refresh_group(struct db *tx, const char *group_id, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct one *all;
	size_t n;

	if (!list(ctx, tx, group_id, &all, &n, err))
		return false;
	for (size_t i = 0; i < n; i++)
		if (!desired_audience(tx, all[i].id, err) ||	/* those who were in it, and those who are */
		    !db_run(tx, err, "DELETE FROM audience_person WHERE audience_id = $1", db_text(all[i].id)) ||
		    !fill(tx, all[i].id, all[i].tree, NULL, err) || !desired_audience(tx, all[i].id, err))
			return false;
	return managed_app_people_changed(tx, err);
}
