/* Signing in: who is known is not told, not by words, status or locks; sessions end when they must. */
#include "tests/check.h"
#include <stdio.h>
#include "catalog/person.h"
#include "catalog/session.h"
#include "catalog/token.h"
#include "core/clock.h"

#define PASSWORD "correct horse"

static struct db *
open_db(TALLOC_CTX *ctx)
{
	struct err err = { 0 };
	struct db *db;

	assert_ok(db_open(ctx, test_dir(ctx), &db, &err), &err);
	return db;
}

static void
a_name_that_nobody_has_is_refused_and_locked_like_any_other(void **state)
{
	struct db *db = open_db(*state);
	struct err known = { 0 }, unknown = { 0 };
	const char *clock = mem_printf(*state, "%s/clock", test_dir(*state));
	struct person *person;
	FILE *file;

	assert_non_null(file = fopen(clock, "we"));	/* argon2 may take longer than the first lock */
	fputs("2026-03-01T12:00:00Z\n", file);
	fclose(file);
	clock_follow(clock);
	assert_ok(person_add(db, "test", "anna", ROLE_MEMBER, PASSWORD, &known), &known);
	for (int i = 0; i < PERSON_FAILURES_FREE + 1; i++) {
		assert_false(person_sign_in(*state, db, "anna", "wrong", &person, &known));
		assert_false(person_sign_in(*state, db, "nobody", "wrong", &person, &unknown));
		assert_int_equal(known.kind, unknown.kind);
		assert_string_equal(known.code, unknown.code);
	}
	assert_int_equal(known.kind, ERR_RATE);
	clock_follow("");
}

static void
a_token_for_one_app_revokes_no_token_of_others(void **state)
{
	struct db *db = open_db(*state);
	struct err err = { 0 };
	struct person *root, *anna, *bound;
	json_t *tokens;
	const char *id;
	char *text;

	assert_ok(person_add(db, "test", "root", ROLE_ADMIN, PASSWORD, &err) &&
		  person_add(db, "test", "anna", ROLE_MEMBER, PASSWORD, &err) &&
		  person_by_name(*state, db, "root", &root, &err) &&
		  person_by_name(*state, db, "anna", &anna, &err) &&
		  token_new(*state, db, "test", anna, &(struct token_wish){ "hers", "read", NULL }, &text, &err) &&
		  token_list(db, anna, &tokens, &err) &&
		  token_new(*state, db, "test", root, &(struct token_wish){ "bound", "admin", "com.example.app" }, &text, &err) &&
		  token_open(*state, db, text, &bound, &err), &err);
	id = json_string_value(json_object_get(json_array_get(tokens, 0), "id"));
	assert_false(token_revoke(db, bound, id, &err));
	assert_int_equal(err.kind, ERR_MISSING);
	assert_ok(token_revoke(db, root, id, &err), &err);
	json_decref(tokens);
}

static void
a_session_ends_after_its_idle_time_and_after_its_longest(void **state)
{
	const struct session_limits long_ones = { 3600, 3600, 3600 }, over = { 3600, 3600, -1 };
	struct db *db = open_db(*state);
	struct err err = { 0 };
	struct person *anna, *found;
	char *cookie, *csrf;

	assert_ok(person_add(db, "test", "anna", ROLE_MEMBER, PASSWORD, &err) &&
		  person_sign_in(*state, db, "anna", PASSWORD, &anna, &err) &&
		  session_new(*state, db, anna, &cookie, &err) &&
		  session_open(*state, db, cookie, &long_ones, &found, &csrf, &err), &err);
	assert_string_equal(found->name, "anna");
	assert_false(session_open(*state, db, cookie, &over, &found, &csrf, &err));
	assert_int_equal(err.kind, ERR_SIGN_IN);
	assert_ok(person_set_password(db, "test", "anna", "another one", &err), &err);
	assert_false(session_open(*state, db, cookie, &long_ones, &found, &csrf, &err));
	assert_int_equal(err.kind, ERR_SIGN_IN);
}

TESTS(a_name_that_nobody_has_is_refused_and_locked_like_any_other,
      a_token_for_one_app_revokes_no_token_of_others, a_session_ends_after_its_idle_time_and_after_its_longest)
