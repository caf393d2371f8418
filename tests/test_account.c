/* Accounts as the catalog keeps them: sessions, passwords and tokens, each with its end. */
#include "tests/check_house.h"
#include "catalog/session.h"
#include "catalog/token.h"
#include <pthread.h>

#define DAY		86400

static void
a_session_ends_when_idle_or_old_or_signed_out(void **state)
{
	struct house h = house(*state);
	struct session_limits limits = { .idle_s = 7200, .admin_idle_s = 3600, .absolute_s = 3 * 3600 };
	struct person *p;
	char *member, *admin, *csrf;
	struct rows *rows;
	struct err err;

	assert_ok(session_new(*state, h.db, h.mia, &member, &err), &err);
	assert_ok(session_new(*state, h.db, h.anna, &admin, &err), &err);
	assert_ok(session_open(*state, h.db, member, &limits, &p, &csrf, &err), &err);
	assert_string_equal(p->name, "mia");
	assert_true(strlen(csrf) >= 20);
	set_now(&h, "2026-11-22T13:30:00Z");
	assert_ok(session_open(*state, h.db, member, &limits, &p, &csrf, &err), &err);
	assert_false(session_open(*state, h.db, admin, &limits, &p, &csrf, &err));
	assert_int_equal(err.kind, ERR_SIGN_IN);
	set_now(&h, "2026-11-22T15:00:01Z");	/* used, but too old */
	assert_false(session_open(*state, h.db, member, &limits, &p, &csrf, &err));
	assert_int_equal(err.kind, ERR_SIGN_IN);
	assert_ok(session_new(*state, h.db, h.mia, &member, &err), &err);
	assert_ok(session_end(h.db, member, &err), &err);
	assert_ok(session_end(h.db, member, &err), &err);	/* has ended: one row */
	rows = db_query(*state, h.db, "SELECT count(*) FROM audit WHERE act = 'person.sign_out' AND actor = 'mia'");
	assert_ok(rows_one(rows, &err, ""), &err);
	assert_int_equal(rows_int(rows, 0), 1);
	rows_done(rows);
	assert_false(session_open(*state, h.db, member, &limits, &p, &csrf, &err));
	assert_false(session_open(*state, h.db, "", &limits, &p, &csrf, &err));
}

static void
a_session_of_a_proxys_word_is_for_links_and_half_a_day(void **state)
{
	struct house h = house(*state);
	struct session_limits pages = { .idle_s = DAY, .admin_idle_s = DAY, .absolute_s = DAY }, links = pages;
	struct person *p;
	char *cookie, *csrf;
	json_t *list;
	struct err err;

	links.link = true;
	assert_ok(session_new_vouched(*state, h.db, h.anna, &cookie, &err), &err);
	assert_false(session_open(*state, h.db, cookie, &pages, &p, &csrf, &err));
	assert_int_equal(err.kind, ERR_SIGN_IN);
	assert_ok(session_open(*state, h.db, cookie, &links, &p, &csrf, &err), &err);
	assert_string_equal(p->name, "anna");
	assert_string_equal(csrf, "");
	set_now(&h, "2026-11-22T23:59:59Z");
	assert_ok(session_open(*state, h.db, cookie, &links, &p, &csrf, &err), &err);
	assert_ok(session_sweep(h.db, &pages, &err), &err);
	assert_int_equal(sql_int(&h, "SELECT count(*) FROM session"), 1);
	set_now(&h, "2026-11-23T00:00:01Z");
	assert_false(session_open(*state, h.db, cookie, &links, &p, &csrf, &err));
	assert_ok(session_list(h.db, h.anna->id, cookie, &list, &err), &err);
	assert_int_equal(json_array_size(list), 0);
	json_decref(list);
	assert_ok(session_sweep(h.db, &pages, &err), &err);
	assert_int_equal(sql_int(&h, "SELECT count(*) FROM session"), 0);
}

static void
sessions_of_local_accounts_do_not_count_where_these_may_not_sign_in(void **state)
{
	struct house h = house(*state);
	struct session_limits limits = { .idle_s = DAY, .admin_idle_s = DAY, .absolute_s = DAY, .no_local = true };
	struct person *p;
	char *local, *proxys, *csrf;
	struct err err;

	sql(&h, "UPDATE person SET source = 'proxy' WHERE name = 'mia'");
	assert_ok(session_new(*state, h.db, h.anna, &local, &err), &err);
	assert_ok(session_new(*state, h.db, h.mia, &proxys, &err), &err);
	assert_false(session_open(*state, h.db, local, &limits, &p, &csrf, &err));
	assert_int_equal(err.kind, ERR_SIGN_IN);
	assert_ok(session_open(*state, h.db, proxys, &limits, &p, &csrf, &err), &err);
	limits.no_local = false;
	assert_ok(session_open(*state, h.db, local, &limits, &p, &csrf, &err), &err);
}

static void
a_new_password_ends_all_sessions(void **state)
{
	struct house h = house(*state);
	struct session_limits limits = { DAY, DAY, DAY };
	struct person *p;
	char *cookie, *csrf;
	struct err err;

	assert_ok(session_new(*state, h.db, h.mia, &cookie, &err), &err);
	assert_ok(person_set_password(h.db, "test", "Mia", "another password", &err), &err);
	assert_false(session_open(*state, h.db, cookie, &limits, &p, &csrf, &err));
	assert_false(person_sign_in(*state, h.db, "mia", PASSWORD, &p, &err));
	assert_ok(person_sign_in(*state, h.db, "MIA", "another password", &p, &err), &err);
}

static void
who_signs_in_while_their_password_is_changed_has_no_session(void **state)
{
	struct house h = house(*state);
	struct person *p;
	struct err err;
	char *cookie;

	assert_ok(person_sign_in(*state, h.db, "mia", PASSWORD, &p, &err), &err);
	assert_ok(person_set_password(h.db, "test", "mia", "another password", &err), &err);
	assert_false(session_new(*state, h.db, p, &cookie, &err));
	assert_int_equal(err.kind, ERR_SIGN_IN);
	assert_ok(person_sign_in(*state, h.db, "mia", "another password", &p, &err), &err);
	sql(&h, "UPDATE person SET disabled = TRUE WHERE name = 'mia'");
	assert_false(session_new(*state, h.db, p, &cookie, &err));
	assert_int_equal(err.kind, ERR_SIGN_IN);
	assert_int_equal(sql_int(&h, "SELECT count(*) FROM session"), 0);
}

static void *
guess(void *arg)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct person *p;
	struct err err;

	(void)!person_sign_in(ctx, arg, "mia", "a wrong password", &p, &err);
	return NULL;
}

static void
of_many_guesses_at_once_as_many_are_judged_as_are_due(void **state)
{
	struct house h = house(*state);
	pthread_t threads[8];
	struct person *p;
	struct err err;

	sql(&h, "UPDATE person SET failures = 16, locked_until = 0 WHERE name = 'mia'");	/* its hour is over: one more */
	for (size_t i = 0; i < 8; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, guess, h.db), 0);
	for (size_t i = 0; i < 8; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(sql_int(&h, "SELECT failures FROM person WHERE name = 'mia'"), 17);
	assert_false(person_sign_in(*state, h.db, "mia", PASSWORD, &p, &err));
	assert_int_equal(err.kind, ERR_RATE);
}

static void
wrong_passwords_lock_for_longer_each_time_and_a_right_one_forgets_them(void **state)
{
	struct house h = house(*state);
	struct person *p;
	struct err err;

	for (int i = 0; i < PERSON_FAILURES_FREE; i++) {
		assert_false(person_sign_in(*state, h.db, "mia", "wrong password", &p, &err));
		assert_int_equal(err.kind, ERR_SIGN_IN);
	}
	assert_false(person_sign_in(*state, h.db, "mia", PASSWORD, &p, &err));
	assert_int_equal(err.kind, ERR_RATE);
	set_now(&h, "2026-11-22T12:00:01Z");
	assert_false(person_sign_in(*state, h.db, "mia", "wrong password", &p, &err));
	assert_int_equal(err.kind, ERR_SIGN_IN);
	set_now(&h, "2026-11-22T12:00:02Z");	/* twice as long now */
	assert_false(person_sign_in(*state, h.db, "mia", PASSWORD, &p, &err));
	assert_int_equal(err.kind, ERR_RATE);
	set_now(&h, "2026-11-22T12:00:03Z");
	assert_ok(person_sign_in(*state, h.db, "mia", PASSWORD, &p, &err), &err);
	assert_false(person_sign_in(*state, h.db, "mia", "wrong password", &p, &err));
	assert_int_equal(err.kind, ERR_SIGN_IN);
	assert_ok(person_sign_in(*state, h.db, "mia", PASSWORD, &p, &err), &err);
	/* nobody is answered like a wrong password, and locked like somebody: the words tell nothing */
	for (int i = 0; i < PERSON_FAILURES_FREE; i++) {
		assert_false(person_sign_in(*state, h.db, "nobody", "wrong password", &p, &err));
		assert_int_equal(err.kind, ERR_SIGN_IN);
		assert_string_equal(err.code, "wrong_password");
	}
	assert_false(person_sign_in(*state, h.db, "nobody", "wrong password", &p, &err));
	assert_int_equal(err.kind, ERR_RATE);
}

static void
names_are_taken_whatever_their_case_and_passwords_have_eight_bytes(void **state)
{
	struct house h = house(*state);
	struct err err;

	assert_false(person_add(h.db, "test", "MIA", ROLE_ADMIN, PASSWORD, &err));
	assert_int_equal(err.kind, ERR_CONFLICT);
	assert_false(person_add(h.db, "test", "eva", ROLE_ADMIN, "1234567", &err));
	assert_int_equal(err.kind, ERR_INVALID);
	assert_false(person_add(h.db, "test", "", ROLE_ADMIN, PASSWORD, &err));
	assert_false(person_add(h.db, "test", "a/b", ROLE_ADMIN, PASSWORD, &err));
	assert_false(person_add(h.db, "test", "\xff", ROLE_ADMIN, PASSWORD, &err));
	assert_ok(person_add(h.db, "test", "Jürgen Groß", ROLE_MEMBER, PASSWORD, &err), &err);
}

static void
a_token_has_at_most_its_owners_rights_and_ends_when_revoked(void **state)
{
	struct house h = house(*state);
	struct person *p;
	struct err err;
	char *text;

	assert_false(token_new(*state, h.db, "test", h.mia, &(struct token_wish){ "", "upload", NULL }, &text, &err));
	assert_int_equal(err.kind, ERR_DENIED);
	assert_false(token_new(*state, h.db, "test", h.paul, &(struct token_wish){ "", "admin", NULL }, &text, &err));
	assert_int_equal(err.kind, ERR_DENIED);
	assert_false(token_new(*state, h.db, "test", h.anna, &(struct token_wish){ "", "everything", NULL }, &text, &err));
	assert_int_equal(err.kind, ERR_INVALID);
	assert_ok(token_new(*state, h.db, "test", h.paul, &(struct token_wish){ "CI", "upload", NULL }, &text, &err), &err);
	assert_ok(token_open(*state, h.db, text, &p, &err), &err);
	assert_string_equal(p->scope, "upload");
	assert_true(person_publishes(p, "com.example.app"));
	assert_false(token_revoke(h.db, h.mia, p->token_id, &err));	/* not hers */
	assert_int_equal(err.kind, ERR_MISSING);
	assert_ok(token_revoke(h.db, h.paul, p->token_id, &err), &err);
	assert_false(token_open(*state, h.db, text, &p, &err));
	assert_int_equal(err.kind, ERR_SIGN_IN);
	assert_false(token_open(*state, h.db, "pom_", &p, &err));
	assert_false(token_open(*state, h.db, "", &p, &err));
}

static int
tokens_of(struct house *h, const struct person *p)
{
	json_t *list;
	struct err err;
	int n;

	assert_ok(token_list(h->db, p, &list, &err), &err);
	n = (int)json_array_size(list);
	json_decref(list);
	return n;
}

static void
a_token_for_one_app_lists_and_revokes_only_those_for_it(void **state)
{
	struct house h = house(*state);
	struct person *bound, *free_one;
	struct err err;
	char *text, *all;

	assert_ok(token_new(*state, h.db, "test", h.anna, &(struct token_wish){ "CI", "admin", "com.example.app" }, &text, &err), &err);
	assert_ok(token_new(*state, h.db, "test", h.anna, &(struct token_wish){ "all", "admin", NULL }, &all, &err), &err);
	assert_ok(token_open(*state, h.db, text, &bound, &err), &err);
	assert_ok(token_open(*state, h.db, all, &free_one, &err), &err);
	assert_int_equal(tokens_of(&h, bound), 1);
	assert_int_equal(tokens_of(&h, free_one), 2);
	assert_int_equal(tokens_of(&h, h.anna), 2);
	assert_false(token_revoke(h.db, bound, free_one->token_id, &err));
	assert_int_equal(err.kind, ERR_MISSING);
	assert_ok(token_revoke(h.db, bound, bound->token_id, &err), &err);	/* itself */
	assert_ok(token_revoke(h.db, h.anna, free_one->token_id, &err), &err);
}

static void
a_person_has_so_many_tokens_and_no_more(void **state)
{
	struct house h = house(*state);
	char *text, app[TOKEN_APP_MAX + 2];
	struct err err;

	for (int i = 0; i < TOKENS_MAX; i++)
		assert_ok(token_new(*state, h.db, "test", h.paul, &(struct token_wish){ "CI", "upload", NULL }, &text, &err), &err);
	assert_false(token_new(*state, h.db, "test", h.paul, &(struct token_wish){ "CI", "upload", NULL }, &text, &err));
	assert_int_equal(err.kind, ERR_LIMIT);
	assert_int_equal(tokens_of(&h, h.paul), TOKENS_MAX);
	memset(app, 'a', sizeof app - 1);
	app[sizeof app - 1] = '\0';
	assert_false(token_new(*state, h.db, "test", h.anna, &(struct token_wish){ "CI", "upload", app }, &text, &err));
	assert_int_equal(err.kind, ERR_LIMIT);
	assert_ok(token_new(*state, h.db, "test", h.anna, &(struct token_wish){ "CI", "upload", app + 1 }, &text, &err), &err);
}

static void
a_person_has_so_many_sessions_and_the_one_unused_for_longest_goes(void **state)
{
	struct house h = house(*state);
	struct session_limits limits = { DAY, DAY, DAY };
	char *cookies[SESSIONS_MAX + 1], *other, *csrf;
	struct person *p;
	struct err err;

	assert_ok(session_new(*state, h.db, h.anna, &other, &err), &err);
	for (int i = 0; i <= SESSIONS_MAX; i++) {
		set_now(&h, mem_printf(*state, "2026-11-22T12:%02d:00Z", i));
		assert_ok(session_new(*state, h.db, h.mia, &cookies[i], &err), &err);
	}
	assert_false(session_open(*state, h.db, cookies[0], &limits, &p, &csrf, &err));
	assert_int_equal(err.kind, ERR_SIGN_IN);
	for (int i = 1; i <= SESSIONS_MAX; i++)
		assert_ok(session_open(*state, h.db, cookies[i], &limits, &p, &csrf, &err), &err);
	assert_ok(session_open(*state, h.db, other, &limits, &p, &csrf, &err), &err);
}

TESTS(a_session_ends_when_idle_or_old_or_signed_out, a_session_of_a_proxys_word_is_for_links_and_half_a_day,
      sessions_of_local_accounts_do_not_count_where_these_may_not_sign_in,
      a_new_password_ends_all_sessions, who_signs_in_while_their_password_is_changed_has_no_session,
      of_many_guesses_at_once_as_many_are_judged_as_are_due,
      wrong_passwords_lock_for_longer_each_time_and_a_right_one_forgets_them,
      names_are_taken_whatever_their_case_and_passwords_have_eight_bytes,
      a_token_has_at_most_its_owners_rights_and_ends_when_revoked,
      a_token_for_one_app_lists_and_revokes_only_those_for_it,
      a_person_has_so_many_tokens_and_no_more,
      a_person_has_so_many_sessions_and_the_one_unused_for_longest_goes)
