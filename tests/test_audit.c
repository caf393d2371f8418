/* The audit log: an act without its row does not happen, and no row changes unseen. */
#include "tests/check.h"
#include "core/audit.h"
#include "core/clock.h"
#include <stdio.h>
#include <stdlib.h>

static struct db *
open_db(TALLOC_CTX *ctx)
{
	struct err err = { 0 };
	struct db *db = NULL;

	assert_ok(db_open(ctx, test_dir(ctx), &db, &err), &err);
	return db;
}

static void
change(struct db *db, const char *sql)
{
	struct err err = { 0 };

	assert_ok(db_run(db, &err, sql), &err);
}

struct act {
	const char *actor, *object, *detail;
	bool fail;
};

static bool
do_act(struct db *tx, void *arg, struct err *err)
{
	struct act *act = arg;

	return db_run(tx, err, "INSERT INTO meta (key, value) VALUES ($1, 'done')", db_text(act->object)) &&
	       audit_add(tx, act->actor, "build.promote", act->object, act->detail, err) &&
	       (!act->fail || err_set(err, ERR_DENIED, "changed my mind"));
}

static void
add_rows(struct db *db, TALLOC_CTX *ctx, int n)
{
	struct err err = { 0 };

	for (int i = 1; i <= n; i++)
		assert_ok(db_tx(db, do_act, &(struct act){ "anna", mem_printf(ctx, "com.example.app%d", i),
							   i % 2 ? "channel=beta" : NULL }, &err), &err);
}

static int64_t
right_rows(struct db *db)
{
	struct err err = { 0 };
	int64_t rows;

	assert_ok(audit_verify(db, &rows, &err), &err);
	return rows;
}

static void
acts_and_their_rows_come_and_go_together(void **state)
{
	struct db *db = open_db(*state);
	char *large = mem_size(*state, AUDIT_TEXT_MAX + 2);
	struct err err = { 0 };
	struct rows *rows;

	memset(large, 'x', AUDIT_TEXT_MAX + 1);
	large[AUDIT_TEXT_MAX + 1] = '\0';
	assert_int_equal(right_rows(db), 0);
	add_rows(db, *state, 3);
	assert_int_equal(right_rows(db), 3);

	assert_false(db_tx(db, do_act, &(struct act){ "anna", "x", NULL, true }, &err));
	assert_int_equal(err.kind, ERR_DENIED);
	assert_false(db_tx(db, do_act, &(struct act){ "anna", "x", large }, &err));
	assert_int_equal(err.kind, ERR_LIMIT);
	assert_false(db_tx(db, do_act, &(struct act){ "anna \xff", "x", NULL }, &err));
	assert_int_equal(err.kind, ERR_INVALID);
	rows = db_query(*state, db, "SELECT count(*) FROM meta WHERE key = 'x'");
	assert_ok(rows_one(rows, &err, "a count"), &err);
	assert_int_equal(rows_int(rows, 0), 0);
	assert_int_equal(right_rows(db), 3);

	change(db, "DELETE FROM meta WHERE key = 'audit'");	/* nothing to continue from */
	assert_false(db_tx(db, do_act, &(struct act){ "anna", "y", NULL }, &err));
}

static void
every_sort_of_damage_names_its_row(void **state)
{
	static const struct {
		const char *damage, *repair, *words;
	} cases[] = {
		{ "UPDATE audit SET at = at + 1 WHERE id = 3", "UPDATE audit SET at = at - 1 WHERE id = 3",
		  "row 3: is not what" },
		{ "UPDATE audit SET detail = '' WHERE id = 2", "UPDATE audit SET detail = NULL WHERE id = 2",
		  "row 2: is not what" },
		{ "UPDATE audit SET actor = 'annab', act = 'uild.promote' WHERE id = 4",
		  "UPDATE audit SET actor = 'anna', act = 'build.promote' WHERE id = 4", "row 4: is not what" },
		{ "UPDATE audit SET id = 99 WHERE id = 3", "UPDATE audit SET id = 3 WHERE id = 99",
		  "row 3: is missing" },
		{ "UPDATE audit SET id = 0 WHERE id = 3", "UPDATE audit SET id = 3 WHERE id = 0",
		  "row 0: is out of place" },
		{ "UPDATE audit SET id = id + 1 WHERE id = 5", "UPDATE audit SET id = id - 1 WHERE id = 6",
		  "row 5: is missing" },
		{ "UPDATE audit SET id = CASE id WHEN 1 THEN -2 ELSE -1 END WHERE id < 3",
		  "UPDATE audit SET id = CASE id WHEN -2 THEN 1 ELSE 2 END WHERE id < 0", "row -2: is out of" },
		{ "UPDATE meta SET value = '4' || substr(value, 2) WHERE key = 'audit'",
		  "UPDATE meta SET value = '5' || substr(value, 2) WHERE key = 'audit'",
		  "row 4: is not the one" },
		{ "UPDATE meta SET value = '0 ' WHERE key = 'audit'",
		  "UPDATE meta SET value = '5 ' || (SELECT hash FROM audit WHERE id = 5) WHERE key = 'audit'",
		  "row 1: is newer" },
		{ "DELETE FROM audit WHERE id = 5", NULL, "row 5: is missing" },
		{ "DELETE FROM audit WHERE id = 1", NULL, "row 1: is missing" },
		{ "DELETE FROM audit", NULL, "row 1: is missing" },
	};
	struct db *db = open_db(*state);

	add_rows(db, *state, 5);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct err err = { 0 };
		int64_t rows;

		change(db, cases[i].damage);
		assert_false(audit_verify(db, &rows, &err));
		if (strncmp(err.cause, cases[i].words, strlen(cases[i].words)) != 0)
			fail_msg("%s: \"%s\"", cases[i].damage, err.cause);
		if (cases[i].repair) {
			change(db, cases[i].repair);
			assert_int_equal(right_rows(db), 5);
		}
	}
}

/* Every byte of every text of a row in the middle, to what it was xor 1. */
static void
no_byte_can_be_flipped_unseen(void **state)
{
	static const char *const columns[] = { "actor", "act", "object", "detail", "hash" };
	struct db *db = open_db(*state);
	int flips = 0;

	add_rows(db, *state, 5);
	for (size_t c = 0; c < sizeof columns / sizeof *columns; c++) {
		struct rows *rows = db_query(*state, db, mem_printf(*state, "SELECT %s FROM audit WHERE id = 3",
								    columns[c]));
		char *sql = mem_printf(*state, "UPDATE audit SET %s = $1 WHERE id = 3", columns[c]);
		struct err err = { 0 };
		char *text;
		int64_t right;

		assert_ok(rows_one(rows, &err, "row 3"), &err);
		text = rows_text(*state, rows, 0);
		rows_done(rows);
		for (size_t i = 0, len = strlen(text); i < len; i++, flips++) {
			text[i] ^= 1;
			assert_ok(db_run(db, &err, sql, db_text(text)), &err);
			assert_false(audit_verify(db, &right, &err));
			assert_string_equal(err.cause, "row 3: is not what was written");
			assert_int_equal(right, 2);
			text[i] ^= 1;
		}
		assert_ok(db_run(db, &err, sql, db_text(text)), &err);
	}
	assert_true(flips > 100);
	assert_int_equal(right_rows(db), 5);
}

/* The numbers of the rows that a filter finds, page by page: "9 8 | 5". */
static const char *
found(TALLOC_CTX *ctx, struct db *db, struct audit_filter filter, int64_t limit)
{
	const char *text = "", *next;
	struct err err;
	json_t *list, *item;
	size_t i;

	do {
		assert_ok(audit_list(db, &filter, limit, &list, &err), &err);
		json_array_foreach(json_object_get(list, "items"), i, item)
			text = mem_printf(ctx, "%s%s%lld", text, i ? " " : "",
					  (long long)json_integer_value(json_object_get(item, "id")));
		next = json_string_value(json_object_get(list, "next"));
		if (next) {
			filter.before = strtoll(next, NULL, 10);
			text = mem_printf(ctx, "%s | ", text);
		}
		json_decref(list);
	} while (next);
	return text;
}

static void
set_now(const char *path, const char *iso)
{
	FILE *file = fopen(path, "we");

	assert_non_null(file);
	fputs(iso, file);
	fclose(file);
	clock_follow(path);
}

static void
a_filter_finds_its_rows_newest_first_and_page_by_page(void **state)
{
	struct db *db = open_db(*state);
	const char *clock = mem_printf(*state, "%s/clock", test_dir(*state));
	struct err err;
	json_t *list, *row;
	time_t from, until;

	set_now(clock, "2026-11-22T10:00:00Z");
	add_rows(db, *state, 3);
	set_now(clock, "2026-11-23T10:00:00Z");
	assert_ok(db_tx(db, do_act, &(struct act){ "anna (token k3v9)", "a", "=1+2" }, &err), &err);
	assert_ok(db_tx(db, do_act, &(struct act){ "annabel", "b", NULL }, &err), &err);
	set_now(clock, "2026-11-22T09:00:00Z");	/* a clock may go back; numbers do not */
	assert_ok(db_tx(db, do_act, &(struct act){ "anna", "c", NULL }, &err), &err);
	assert_string_equal(found(*state, db, (struct audit_filter){ 0 }, 100), "6 5 4 3 2 1");
	assert_string_equal(found(*state, db, (struct audit_filter){ 0 }, 4), "6 5 4 3 | 2 1");
	assert_string_equal(found(*state, db, (struct audit_filter){ 0 }, 3), "6 5 4 | 3 2 1");
	assert_string_equal(found(*state, db, (struct audit_filter){ .actor = "anna" }, 2), "6 4 | 3 2 | 1");
	assert_string_equal(found(*state, db, (struct audit_filter){ .actor = "annabel" }, 2), "5");
	assert_string_equal(found(*state, db, (struct audit_filter){ .actor = "ann" }, 2), "");
	assert_string_equal(found(*state, db, (struct audit_filter){ .actor = "anna%" }, 2), "");
	assert_string_equal(found(*state, db, (struct audit_filter){ .object = "com.example.app2" }, 2), "2");
	assert_string_equal(found(*state, db, (struct audit_filter){ .act = "build.promote", .actor = "anna",
								     .object = "a" }, 2), "4");
	assert_string_equal(found(*state, db, (struct audit_filter){ .act = "build" }, 2), "");
	assert_ok(clock_parse("2026-11-22T10:00:00Z", &from, &err), &err);
	assert_ok(clock_parse("2026-11-23T10:00:00Z", &until, &err), &err);
	assert_string_equal(found(*state, db, (struct audit_filter){ .from = from }, 2), "5 4 | 3 2 | 1");
	assert_string_equal(found(*state, db, (struct audit_filter){ .from = from, .until = until }, 2), "3 2 | 1");
	assert_string_equal(found(*state, db, (struct audit_filter){ .until = from }, 2), "6");
	assert_ok(audit_list(db, &(struct audit_filter){ .before = 5 }, 1, &list, &err), &err);
	row = json_array_get(json_object_get(list, "items"), 0);
	assert_string_equal(json_string_value(json_object_get(row, "at")), "2026-11-23T10:00:00Z");
	assert_string_equal(json_string_value(json_object_get(row, "actor")), "anna (token k3v9)");
	assert_string_equal(json_string_value(json_object_get(row, "act")), "build.promote");
	assert_string_equal(json_string_value(json_object_get(row, "object")), "a");
	assert_string_equal(json_string_value(json_object_get(row, "detail")), "=1+2");
	assert_int_equal(json_string_length(json_object_get(row, "hash")), 64);
	json_decref(list);
}

static void
what_came_of_a_walk_is_remembered_and_a_lost_end_is_damage(void **state)
{
	static const struct {
		const char *damage, *broken;
		int64_t rows;
	} cases[] = {
		{ "UPDATE audit SET detail = 'x' WHERE id = 2", "row 2: is not what was written", 1 },
		{ "DELETE FROM audit WHERE id = 3", "row 3: is missing", 2 },
		{ "DELETE FROM meta WHERE key = 'audit'", "the newest row is not known: meta lacks it", 0 },
		{ "UPDATE meta SET value = 'nonsense' WHERE key = 'audit'",
		  "the newest row is not known: meta says \"nonsense\"", 0 },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct db *db = open_db(*state);
		struct audit_check check = { 0 }, again;
		struct err err;

		assert_ok(audit_checked(*state, db, &again, &err), &err);
		assert_int_equal(again.at, 0);
		add_rows(db, *state, 3);
		assert_ok(audit_check(*state, db, &check, &err), &err);
		assert_int_equal(check.rows, 3);
		assert_null(check.broken);
		assert_int_equal(strlen(check.newest), 64);
		change(db, cases[i].damage);
		assert_ok(audit_check(*state, db, &check, &err), &err);
		assert_string_equal(check.broken, cases[i].broken);
		assert_int_equal(check.rows, cases[i].rows);
		assert_ok(audit_checked(*state, db, &again, &err), &err);
		assert_int_equal(again.rows, check.rows);
		assert_string_equal(again.broken, check.broken);
		assert_true(again.at > 0);
		talloc_free(db);
	}
}

TESTS(acts_and_their_rows_come_and_go_together, every_sort_of_damage_names_its_row,
      no_byte_can_be_flipped_unseen,
      a_filter_finds_its_rows_newest_first_and_page_by_page,
      what_came_of_a_walk_is_remembered_and_a_lost_end_is_damage)
