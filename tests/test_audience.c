/* Audiences: what is one, whom it comes to, and that it stays so whatever happens to people and groups. */
#include "tests/check.h"
#include <stdio.h>
#include <stdlib.h>
#include "catalog/audience.h"
#include "catalog/person.h"
#include "core/db.h"

#define FIRST	10	/* so that names sort as numbers do */
#define PEOPLE	24
#define GROUPS	6

static struct db *
open_db(TALLOC_CTX *ctx)
{
	struct err err = { 0 };
	struct db *db;

	assert_ok(db_open(ctx, test_dir(ctx), &db, &err), &err);
	return db;
}

static void
run(struct db *db, const char *sql)
{
	struct err err;

	assert_ok(db_runv(db, &err, sql, DB_VALS()), &err);
}

static bool
in_group(int person, int group)
{
	return (person * 7 + group * 13) % 5 < 2;
}

/* P10 ... P33, in groups g0 ... g5 as in_group says. */
static struct db *
company(TALLOC_CTX *ctx)
{
	struct db *db = open_db(ctx);

	for (int p = FIRST; p < FIRST + PEOPLE; p++)
		run(db, mem_printf(ctx, "INSERT INTO person (id, name, folded, role, password, created)"
				   " VALUES ('id-p%d', 'P%d', 'p%d', 'member', '', 0)", p, p, p));
	for (int g = 0; g < GROUPS; g++)
		run(db, mem_printf(ctx, "INSERT INTO people_group (id, name, folded, source, created)"
				   " VALUES ('id-g%d', 'G%d', 'g%d', 'local', 0)", g, g, g));
	for (int p = 0; p < PEOPLE; p++)
		for (int g = 0; g < GROUPS; g++)
			if (in_group(p, g))
				run(db, mem_printf(ctx, "INSERT INTO group_person (group_id, person_id)"
						   " VALUES ('id-g%d', 'id-p%d')", g, p + FIRST));
	return db;
}

static json_t *
json_of(const char *text)
{
	json_t *json = json_loads(text, JSON_DECODE_ANY, NULL);

	assert_non_null(json);
	return json;
}

struct keep { TALLOC_CTX *ctx; const json_t *tree; char *id; };

static bool
tx_keep(struct db *tx, void *arg, struct err *err)
{
	struct keep *k = arg;

	return audience_keep(k->ctx, tx, k->tree, &k->id, err);
}

static char *
kept(TALLOC_CTX *ctx, struct db *db, const json_t *tree)
{
	struct keep k = { ctx, tree, NULL };
	struct err err;

	assert_ok(audience_check(tree, &err), &err);
	assert_ok(db_tx(db, tx_keep, &k, &err), &err);
	return k.id;
}

static char *
kept_text(TALLOC_CTX *ctx, struct db *db, const char *text)
{
	json_t *tree = json_of(text);
	char *id = kept(ctx, db, tree);

	json_decref(tree);
	return id;
}

static bool
tx_person(struct db *tx, void *id, struct err *err)
{
	return audience_refresh_person(tx, id, err);
}

static bool
tx_group(struct db *tx, void *id, struct err *err)
{
	return audience_refresh_group(tx, id, err);
}

static bool
tx_sweep(struct db *tx, void *arg, struct err *err)
{
	(void)arg;
	return audience_sweep(tx, err);
}

static const char *
texts(TALLOC_CTX *ctx, struct db *db, const char *sql)
{
	struct rows *rows = db_query(ctx, db, sql);
	char *text = mem_text(ctx, "");
	struct err err;

	while (rows_next(rows, &err) == ROWS_ROW)
		text = mem_printf(ctx, "%s%s%s", text, *text ? " " : "", rows_text(ctx, rows, 0));
	rows_done(rows);
	return text;
}

/* "P1 P7": those an audience holds. */
static const char *
holds(TALLOC_CTX *ctx, struct db *db, const char *id)
{
	return texts(ctx, db, mem_printf(ctx, "SELECT p.name FROM audience_person a JOIN person p ON p.id = a.person_id"
					 " WHERE a.audience_id = '%s' ORDER BY p.id", id));
}

/* ---- */

static void
what_is_no_audience_is_refused_with_the_reason(void **state)
{
	static const struct { const char *text, *words; } cases[] = {
		{ "[]", "each part is an object with one of" },
		{ "{}", "each part is an object with one of" },
		{ "7", "each part is an object with one of" },
		{ "{\"any\": {}}", "\"any\" is followed by a list" },
		{ "{\"all\": \"qa\"}", "\"all\" is followed by a list" },
		{ "{\"all\": []}", "\"all\" of nothing" },
		{ "{\"everyone\": false}", "\"everyone\" is followed by true" },
		{ "{\"group\": 7}", "\"group\" is followed by a name" },
		{ "{\"person\": \"\"}", "\"person\" is followed by a name" },
		{ "{\"people\": \"anna\"}", "\"people\" is none of" },
		{ "{\"group\": \"qa\", \"person\": \"anna\"}", "each part is an object with one of" },
		{ "{\"group\": \"qa\", \"id\": \"x\"}", "each part is an object with one of" },
		{ "{\"any\": [{\"group\": \"qa\"}, {\"not\": []}]}", "audience: any 2: not: each part" },
	};
	struct err err;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		json_t *tree = json_loads(cases[i].text, JSON_DECODE_ANY, NULL);
		char text[520];

		assert_non_null(tree);
		assert_false(audience_check(tree, &err));
		assert_int_equal(err.kind, ERR_INVALID);
		if (!strstr(err_text(&err, text, sizeof text), cases[i].words))
			fail_msg("%s: %s", cases[i].text, text);
		json_decref(tree);
	}
}

static json_t *
nested(int levels)
{
	json_t *tree = json_pack("{s:s}", "group", "g0");

	while (--levels)
		tree = json_pack("{s:o}", "not", tree);
	return tree;
}

static json_t *
wide(int parts)
{
	json_t *list = json_array();

	while (--parts)
		json_array_append_new(list, json_pack("{s:s}", "group", "g0"));
	return json_pack("{s:o}", "any", list);
}

static bool
is_audience(json_t *tree)
{
	struct err err;
	bool ok = audience_check(tree, &err);

	json_decref(tree);
	return ok;
}

static void
depth_parts_and_bytes_are_bounded_at_their_limits(void **state)
{
	json_t *list = json_array();
	char name[1001];

	(void)state;
	assert_true(is_audience(json_pack("{s:[]}", "any")));	/* nobody */
	assert_true(is_audience(nested(AUDIENCE_DEPTH_MAX)));
	assert_false(is_audience(nested(AUDIENCE_DEPTH_MAX + 1)));
	assert_false(is_audience(nested(2000)));
	assert_true(is_audience(wide(AUDIENCE_NODES_MAX)));
	assert_false(is_audience(wide(AUDIENCE_NODES_MAX + 1)));
	memset(name, 'a', 1000);
	name[1000] = '\0';
	for (int i = 0; i < AUDIENCE_BYTES_MAX / 1000 + 1; i++)
		json_array_append_new(list, json_pack("{s:s}", "group", name));
	assert_false(is_audience(json_pack("{s:o}", "any", list)));
}

static void
a_group_or_person_that_is_not_there_is_named(void **state)
{
	struct db *db = company(*state);
	json_t *tree = json_of("{\"all\": [{\"group\": \"G0\"}, {\"not\": {\"person\": \"Otto\"}}]}");
	struct keep k = { *state, tree, NULL };
	struct err err;

	assert_false(db_tx(db, tx_keep, &k, &err));
	assert_int_equal(err.kind, ERR_INVALID);
	assert_string_equal(err.code, "unknown_person");
	assert_non_null(strstr(err.cause, "\"Otto\""));
	json_decref(tree);
	tree = json_of("{\"group\": \"qa\"}");
	k.tree = tree;
	assert_false(db_tx(db, tx_keep, &k, &err));
	assert_string_equal(err.code, "unknown_group");
	assert_string_equal(texts(*state, db, "SELECT id FROM audience"), "");
	json_decref(tree);
}

static void
everyone_is_no_row_at_all(void **state)
{
	struct db *db = company(*state);
	json_t *tree;
	struct err err;

	assert_null(kept(*state, db, NULL));
	assert_null(kept_text(*state, db, "null"));
	assert_null(kept_text(*state, db, "{\"everyone\": true}"));
	assert_string_equal(texts(*state, db, "SELECT id FROM audience"), "");
	assert_ok(audience_show(db, NULL, &tree, &err), &err);
	assert_true(json_is_true(json_object_get(tree, "everyone")));
	json_decref(tree);
}

/* ---- whom it comes to, by a second opinion ---- */

static bool
expected(const json_t *node, int person)
{
	const char *name;
	json_t *list, *child;
	size_t i;

	if ((name = json_string_value(json_object_get(node, "group"))))
		return in_group(person, (int)strtol(name + 1, NULL, 10));
	if ((name = json_string_value(json_object_get(node, "person"))))
		return person + FIRST == (int)strtol(name + 1, NULL, 10);
	if ((child = json_object_get(node, "not")))
		return !expected(child, person);
	json_array_foreach((list = json_object_get(node, "any")), i, child)
		if (expected(child, person))
			return true;
	if (list)
		return false;
	json_array_foreach(json_object_get(node, "all"), i, child)
		if (!expected(child, person))
			return false;
	return true;	/* of everyone, too */
}

static unsigned seed;

static int
dice(int sides)
{
	seed = seed * 1103515245u + 12345u;
	return (int)((seed >> 16) % (unsigned)sides);
}

static json_t *
random_tree(int depth)
{
	json_t *list;
	char name[8];
	int n;

	switch (depth <= 1 ? dice(7) : dice(12)) {
	case 0: case 1: case 2: case 3:
		snprintf(name, sizeof name, "g%d", dice(GROUPS));
		return json_pack("{s:s}", "group", name);
	case 4: case 5:
		snprintf(name, sizeof name, "P%d", FIRST + dice(PEOPLE));
		return json_pack("{s:s}", "person", name);
	case 6:
		return json_pack("{s:b}", "everyone", 1);
	case 7: case 8:
		return json_pack("{s:o}", "not", random_tree(depth - 1));
	}
	list = json_array();
	n = dice(4);
	for (int i = 0; i < n + 1; i++)
		json_array_append_new(list, random_tree(depth - 1));
	return json_pack("{s:o}", dice(2) ? "any" : "all", list);
}

static void
five_hundred_trees_of_any_shape_come_to_the_people_they_mean(void **state)
{
	struct db *db = company(*state);
	int wrong = 0, kinds[2] = { 0 };

	seed = 20261122;
	for (int i = 0; i < 500; i++) {
		void *ctx = talloc_new(*state);
		json_t *tree = random_tree(AUDIENCE_DEPTH_MAX - 1);
		const char *id = kept(ctx, db, tree), *got = id ? holds(ctx, db, id) : "";
		char *want = mem_text(ctx, "");
		int n = 0;

		for (int p = 0; p < PEOPLE; p++)
			if (expected(tree, p)) {
				want = mem_printf(ctx, "%s%sP%d", want, *want ? " " : "", p + FIRST);
				n++;
			}
		kinds[n > 0 && n < PEOPLE]++;
		if (!id ? n != PEOPLE : strcmp(want, got) != 0) {
			char *dump = json_dumps(tree, JSON_COMPACT);

			print_message("%s: %s, not %s\n", dump, got, want);
			free(dump);
			wrong++;
		}
		json_decref(tree);
		talloc_free(ctx);
	}
	assert_int_equal(wrong, 0);
	assert_true(kinds[1] > 200);	/* and most of them mean some, and not all */
}

static void
one_person_looked_at_again_comes_to_the_same_as_everybody(void **state)
{
	struct db *db = company(*state);
	const char *before;
	struct err err;

	seed = 7;
	for (int i = 0; i < 60; i++) {
		json_t *tree = random_tree(5);

		kept(*state, db, tree);
		json_decref(tree);
	}
	before = texts(*state, db, "SELECT audience_id || person_id FROM audience_person ORDER BY 1");
	assert_true(strlen(before) > 1000);
	for (int p = 0; p < PEOPLE; p++)
		assert_ok(db_tx(db, tx_person, mem_printf(*state, "id-p%d", p + FIRST), &err), &err);
	assert_string_equal(before, texts(*state, db, "SELECT audience_id || person_id FROM audience_person ORDER BY 1"));
	for (int g = 0; g < GROUPS; g++)
		assert_ok(db_tx(db, tx_group, mem_printf(*state, "id-g%d", g), &err), &err);
	assert_string_equal(before, texts(*state, db, "SELECT audience_id || person_id FROM audience_person ORDER BY 1"));
}

static void
who_joins_a_group_or_the_company_is_held_once_refreshed(void **state)
{
	struct db *db = company(*state);
	const char *any = kept_text(*state, db, "{\"any\": [{\"group\": \"g0\"}, {\"group\": \"g1\"}]}");
	const char *others = kept_text(*state, db, "{\"not\": {\"group\": \"g0\"}}");
	struct err err;

	run(db, "INSERT INTO person (id, name, folded, role, password, created) VALUES ('id-z', 'Zoe', 'zoe', 'member', '', 0)");
	assert_ok(db_tx(db, tx_person, (char []){ "id-z" }, &err), &err);
	assert_null(strstr(holds(*state, db, any), "Zoe"));
	assert_non_null(strstr(holds(*state, db, others), "Zoe"));
	run(db, "INSERT INTO group_person (group_id, person_id) VALUES ('id-g0', 'id-z')");
	assert_ok(db_tx(db, tx_person, (char []){ "id-z" }, &err), &err);
	assert_non_null(strstr(holds(*state, db, any), "Zoe"));
	assert_null(strstr(holds(*state, db, others), "Zoe"));
}

static void
a_new_name_changes_nothing_and_what_was_removed_is_nobody(void **state)
{
	struct db *db = company(*state);
	const char *id = kept_text(*state, db, "{\"any\": [{\"group\": \"g0\"}, {\"person\": \"p11\"}]}");
	const char *others = kept_text(*state, db, "{\"not\": {\"group\": \"g0\"}}");
	const char *before = holds(*state, db, id);
	json_t *tree;
	struct err err;

	run(db, "UPDATE people_group SET name = 'Testers', folded = 'testers' WHERE id = 'id-g0'");
	run(db, "UPDATE people_group SET name = 'G0', folded = 'g0' WHERE id = 'id-g5'");	/* another has its name */
	assert_ok(db_tx(db, tx_group, (char []){ "id-g0" }, &err), &err);
	assert_string_equal(before, holds(*state, db, id));
	assert_ok(audience_show(db, id, &tree, &err), &err);
	assert_string_equal("Testers", json_string_value(json_object_get(json_array_get(
			    json_object_get(tree, "any"), 0), "group")));
	assert_null(json_object_get(json_array_get(json_object_get(tree, "any"), 0), "id"));
	json_decref(tree);
	run(db, "DELETE FROM people_group WHERE id = 'id-g0'");
	assert_ok(db_tx(db, tx_group, (char []){ "id-g0" }, &err), &err);
	assert_string_equal(holds(*state, db, id), "P11");
	assert_int_equal(strlen(holds(*state, db, others)) > 60, 1);	/* all of them */
	run(db, "DELETE FROM person WHERE id = 'id-p11'");
	assert_string_equal(holds(*state, db, id), "");
	assert_ok(audience_show(db, id, &tree, &err), &err);	/* it still says whom it was for */
	assert_string_equal("P11", json_string_value(json_object_get(json_array_get(
			    json_object_get(tree, "any"), 1), "person")));
	json_decref(tree);
}

static void
the_same_audience_is_one_row_and_goes_with_its_last_use(void **state)
{
	struct db *db = company(*state);
	const char *id = kept_text(*state, db, "{\"any\": [{\"group\": \"g0\"}]}");
	struct err err;

	assert_string_equal(id, kept_text(*state, db, "{\"any\": [{\"group\": \"G0\"}]}"));
	run(db, "INSERT INTO app (id, bundle_id, name, folded, created) VALUES ('a', 'com.example.a', 'A', 'a', 0)");
	run(db, mem_printf(*state, "INSERT INTO channel (id, app_id, name, created, audience_id)"
			   " VALUES ('c', 'a', 'qa', 0, '%s')", id));
	assert_ok(db_tx(db, tx_sweep, NULL, &err), &err);
	assert_string_equal(texts(*state, db, "SELECT id FROM audience"), id);
	run(db, "DELETE FROM channel");
	assert_ok(db_tx(db, tx_sweep, NULL, &err), &err);
	assert_string_equal(texts(*state, db, "SELECT id FROM audience"), "");
	assert_string_equal(holds(*state, db, id), "");
}

TESTS(
	what_is_no_audience_is_refused_with_the_reason,
	depth_parts_and_bytes_are_bounded_at_their_limits,
	a_group_or_person_that_is_not_there_is_named,
	everyone_is_no_row_at_all,
	five_hundred_trees_of_any_shape_come_to_the_people_they_mean,
	one_person_looked_at_again_comes_to_the_same_as_everybody,
	who_joins_a_group_or_the_company_is_held_once_refreshed,
	a_new_name_changes_nothing_and_what_was_removed_is_nobody,
	the_same_audience_is_one_row_and_goes_with_its_last_use
)
