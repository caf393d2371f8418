/* People and groups as the directory, proxies and admins change them; and wrong passwords without a row. */
#include "tests/check.h"
#include <stdio.h>
#include "catalog/attempts.h"
#include "catalog/group.h"
#include "catalog/people.h"
#include "catalog/session.h"
#include "core/clock.h"

struct house {
	struct db *db;
	const char *clock;
};

static void
set_now(const struct house *h, const char *iso)
{
	FILE *file = fopen(h->clock, "we");

	assert_non_null(file);
	fputs(iso, file);
	fclose(file);
	clock_follow(h->clock);
}

static struct house
house(TALLOC_CTX *ctx)
{
	const char *dir = test_dir(ctx);
	struct house h = { .clock = mem_printf(ctx, "%s/clock", dir) };
	struct err err;

	attempts_forget_all();
	set_now(&h, "2026-11-22T12:00:00Z");
	assert_ok(db_open(ctx, dir, &h.db, &err), &err);
	return h;
}

static struct directory_person
somebody(const char *id, const char *name)
{
	return (struct directory_person){ .external_id = id, .dn = "uid=x,dc=example", .name = name, .display = "", .email = "",
					  .phone = "", .allowed = true };
}

static struct person *
arrives(TALLOC_CTX *ctx, struct house *h, struct directory_person from)
{
	struct person *person;
	struct err err;

	assert_ok(people_from_directory(ctx, h->db, &from, &person, &err), &err);
	return person;
}

static int64_t
number(const struct house *h, const char *sql)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, h->db, sql);
	struct err err;

	assert_ok(rows_one(rows, &err, "nothing"), &err);
	return rows_int(rows, 0);
}

/* ---- people ---- */

static void
two_people_never_share_a_name_and_one_is_known_by_the_id(void **state)
{
	struct house h = house(*state);
	struct person *first, *second, *again;
	struct err err;

	assert_ok(person_add(h.db, "test", "eva", ROLE_ADMIN, "a good password", &err), &err);
	first = arrives(*state, &h, somebody("01", "Eva"));
	assert_string_equal(first->name, "Eva (2)");
	assert_int_equal(first->role, ROLE_MEMBER);
	second = arrives(*state, &h, somebody("02", "EVA"));
	assert_string_equal(second->name, "EVA (3)");
	again = arrives(*state, &h, somebody("01", "Eva"));
	assert_string_equal(again->id, first->id);
	assert_string_equal(again->name, "Eva (2)");
	again = arrives(*state, &h, somebody("01", "eva.berg"));
	assert_string_equal(again->id, first->id);
	assert_string_equal(again->name, "eva.berg");
}

static void
names_of_other_directories_become_names_of_ours(void **state)
{
	static const struct {
		const char *theirs, *ours;
	} cases[] = {
		{ "CORP\\anna", "CORP_anna" }, { "a/b:c", "a_b_c" }, { "", "_" }, { "Zo\xc3\xab", "Zo\xc3\xab" },
		{ "a\tb", "a_b" },
	};
	struct house h = house(*state);
	char long_name[200] = "";

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_string_equal(arrives(*state, &h, somebody(mem_printf(*state, "%zu", i), cases[i].theirs))->name, cases[i].ours);
	for (size_t i = 0; i < 60; i++)
		memcpy(long_name + 2 * i, "\xc3\xab", 3);
	for (int i = 0; i < 12; i++) {
		const char *name = arrives(*state, &h, somebody(mem_printf(*state, "long%d", i), long_name))->name;
		struct err err;

		assert_ok(person_name_ok(name, &err), &err);
	}
}

static void
groups_decide_the_role_only_where_they_are_asked_to(void **state)
{
	struct house h = house(*state);
	struct directory_person eva = somebody("01", "eva");
	struct people_act act = { "test", NULL, true };
	struct person *person = arrives(*state, &h, eva);
	struct err err;

	act.id = person->id;
	assert_ok(people_set_role(h.db, &act, ROLE_PUBLISHER, &err), &err);
	assert_int_equal(arrives(*state, &h, eva)->role, ROLE_PUBLISHER);
	eva.has_role = true;
	eva.role = ROLE_MEMBER;
	assert_int_equal(arrives(*state, &h, eva)->role, ROLE_MEMBER);
}

static void
whom_the_directory_shuts_out_it_lets_in_again_but_not_whom_an_admin_did(void **state)
{
	const struct session_limits limits = { 1000000, 1000000, 1000000 };
	struct house h = house(*state);
	struct directory_person eva = somebody("01", "eva");
	struct person *person = arrives(*state, &h, eva), *found;
	struct people_act act = { "test", person->id, true };
	char *cookie, *csrf;
	struct err err;
	bool ended;

	assert_ok(session_new(*state, h.db, person, &cookie, &err), &err);
	assert_ok(people_checked(h.db, person->id, &eva, &ended, &err), &err);
	assert_false(ended);
	assert_ok(session_open(*state, h.db, cookie, &limits, &found, &csrf, &err), &err);
	/* gone once, there again, gone once more: twice in a row it takes */
	assert_ok(people_checked(h.db, person->id, NULL, &ended, &err), &err);
	assert_false(ended);
	assert_ok(people_missed(h.db, &ended, &err), &err);
	assert_true(ended);
	set_now(&h, "2026-11-22T12:05:00Z");
	assert_ok(people_checked(h.db, person->id, &eva, &ended, &err), &err);
	assert_ok(people_missed(h.db, &ended, &err), &err);
	assert_false(ended);
	set_now(&h, "2026-11-22T12:10:00Z");
	assert_ok(people_checked(h.db, person->id, NULL, &ended, &err), &err);
	assert_false(ended);
	assert_ok(people_checked(h.db, person->id, NULL, &ended, &err), &err);
	assert_false(ended);	/* the same check, done over after a crash */
	assert_ok(session_open(*state, h.db, cookie, &limits, &found, &csrf, &err), &err);
	set_now(&h, "2026-11-22T12:15:00Z");
	assert_ok(people_checked(h.db, person->id, NULL, &ended, &err), &err);
	assert_true(ended);
	assert_false(session_open(*state, h.db, cookie, &limits, &found, &csrf, &err));
	assert_ok(people_checked(h.db, person->id, NULL, &ended, &err), &err);
	assert_false(ended);	/* it was before */
	assert_ok(people_checked(h.db, person->id, &eva, &ended, &err), &err);
	assert_ok(person_by_name(*state, h.db, "eva", &found, &err), &err);
	assert_false(session_open(*state, h.db, cookie, &limits, &found, &csrf, &err));	/* that one has ended */
	eva.allowed = false;
	assert_ok(people_checked(h.db, person->id, &eva, &ended, &err), &err);
	assert_false(ended);
	set_now(&h, "2026-11-22T12:20:00Z");
	assert_ok(people_checked(h.db, person->id, &eva, &ended, &err), &err);
	assert_true(ended);
	eva.allowed = true;
	assert_ok(people_checked(h.db, person->id, &eva, &ended, &err), &err);
	eva.disabled = "shadowExpire";
	assert_ok(people_checked(h.db, person->id, &eva, &ended, &err), &err);
	assert_true(ended);	/* the directory says so itself */
	eva.disabled = NULL;
	assert_ok(people_set_disabled(h.db, &act, true, &err), &err);
	assert_ok(people_checked(h.db, person->id, &eva, &ended, &err), &err);
	assert_false(person_by_name(*state, h.db, "eva", &found, &err));
	assert_false(people_from_directory(*state, h.db, &eva, &found, &err));
	assert_string_equal(err.code, "account_disabled");
	assert_ok(people_set_disabled(h.db, &act, false, &err), &err);
	assert_ok(people_from_directory(*state, h.db, &eva, &found, &err), &err);
}

static void
whom_the_directory_turns_away_at_the_door_is_shut_out_too(void **state)
{
	const struct session_limits limits = { 1000000, 1000000, 1000000 };
	struct house h = house(*state);
	struct directory_person eva = somebody("01", "eva"), mia = somebody("02", "mia"), nobody = somebody("03", "nobody");
	struct directory_person refused = { .login = "MIA@corp", .disabled = DIRECTORY_SAYS_SO };
	char *evas, *mias, *csrf;
	struct person *found;
	struct err err;
	bool ended;

	assert_ok(session_new(*state, h.db, arrives(*state, &h, eva), &evas, &err), &err);
	mia.login = "mia@Corp";
	assert_ok(session_new(*state, h.db, arrives(*state, &h, mia), &mias, &err), &err);
	/* whoever is not known here: nothing */
	assert_ok(people_turned_away(h.db, &nobody, &ended, &err), &err);
	assert_false(ended);
	assert_ok(people_turned_away(h.db, &(struct directory_person){ .login = "nobody@corp", .disabled = DIRECTORY_SAYS_SO }, &ended, &err), &err);
	assert_false(ended);
	/* by the entry, and by the login alone where it refused the bind */
	eva.disabled = "shadowExpire";
	assert_ok(people_turned_away(h.db, &eva, &ended, &err), &err);
	assert_true(ended);
	assert_false(session_open(*state, h.db, evas, &limits, &found, &csrf, &err));
	assert_ok(session_open(*state, h.db, mias, &limits, &found, &csrf, &err), &err);
	assert_ok(people_turned_away(h.db, &refused, &ended, &err), &err);
	assert_true(ended);
	assert_false(session_open(*state, h.db, mias, &limits, &found, &csrf, &err));
	assert_ok(people_turned_away(h.db, &refused, &ended, &err), &err);
	assert_false(ended);	/* they were before */
	/* and the directory lets them in again */
	assert_string_equal(arrives(*state, &h, mia)->name, "mia");
}

/* Whose names here are as like as can be: a local anna, one who left, their namesake, and one who is called "anna (2)". */
static void
a_refused_bind_is_about_who_last_came_by_that_login_whatever_they_are_called_here(void **state)
{
	struct house h = house(*state);
	struct directory_person before = somebody("01", "anna"), now = somebody("02", "anna"), third = somebody("03", "anna (2)");
	struct directory_person refused = { .login = "anna@corp", .disabled = DIRECTORY_SAYS_SO };
	struct err err;
	bool ended;

	before.login = now.login = "anna@corp";
	third.login = "anna (2)@corp";
	assert_string_equal(arrives(*state, &h, before)->name, "anna");
	assert_string_equal(arrives(*state, &h, now)->name, "anna (2)");
	assert_string_equal(arrives(*state, &h, third)->name, "anna (2) (2)");
	assert_ok(people_turned_away(h.db, &refused, &ended, &err), &err);
	assert_true(ended);
	assert_int_equal(number(&h, "SELECT count(*) FROM person WHERE disabled"), 1);
	assert_int_equal(number(&h, "SELECT count(*) FROM person WHERE disabled AND external_id = '02'"), 1);
	/* a name here is no login: nobody has come by this one */
	refused.login = "anna";
	assert_ok(people_turned_away(h.db, &refused, &ended, &err), &err);
	assert_false(ended);
	refused.login = "anna (2)@corp";
	assert_ok(people_turned_away(h.db, &refused, &ended, &err), &err);
	assert_true(ended);
	assert_int_equal(number(&h, "SELECT count(*) FROM person WHERE disabled AND external_id <> '01'"), 2);
}

static void
a_proxy_names_the_person_of_that_name(void **state)
{
	struct house h = house(*state);
	struct person *person, *again;
	struct err err;

	assert_ok(people_from_proxy(*state, h.db, "Mia@Corp", true, &person, &err), &err);
	assert_string_equal(person->source, "proxy");
	assert_ok(people_from_proxy(*state, h.db, "mia@corp", true, &again, &err), &err);
	assert_string_equal(again->id, person->id);
	assert_false(people_from_proxy(*state, h.db, "a/b", true, &again, &err));
	assert_int_equal(err.kind, ERR_INVALID);
	/* none of them has a password here */
	assert_false(person_sign_in(*state, h.db, "mia@corp", "", &again, &err));
	assert_false(person_sign_in(*state, h.db, "mia@corp", "x", &again, &err));
	assert_false(person_set_password(h.db, "test", "mia@corp", "a good password", &err));
	assert_int_equal(err.kind, ERR_CONFLICT);
}

static void
a_proxy_means_a_local_account_by_its_very_name_alone(void **state)
{
	/* full-width letters, a ligature, another case: names of their own elsewhere, and alike here */
	static const char *const alike[] = { "\xef\xbd\x81nna.office", "anna.o\xef\xac\x83" "ce", "Anna.office" };
	struct house h = house(*state);
	struct directory_person eva = somebody("01", "eva");
	struct person *person;
	struct err err;

	assert_ok(person_add(h.db, "test", "anna.office", ROLE_ADMIN, "a good password", &err), &err);
	for (size_t i = 0; i < sizeof alike / sizeof *alike; i++) {
		assert_false(people_from_proxy(*state, h.db, alike[i], true, &person, &err));
		assert_int_equal(err.kind, ERR_DENIED);
	}
	assert_ok(people_from_proxy(*state, h.db, "anna.office", true, &person, &err), &err);
	assert_int_equal(person->role, ROLE_ADMIN);
	assert_false(people_from_proxy(*state, h.db, "anna.office", false, &person, &err));
	assert_int_equal(err.kind, ERR_DENIED);
	arrives(*state, &h, eva);
	assert_ok(people_from_proxy(*state, h.db, "EVA", false, &person, &err), &err);
	assert_string_equal(person->source, "directory");
	assert_false(people_from_proxy(*state, h.db, "\xef\xbd\x85va", false, &person, &err));
	assert_int_equal(err.kind, ERR_DENIED);
}

static void
somebody_who_can_sign_in_stays_admin(void **state)
{
	struct house h = house(*state);
	struct directory_person boss = somebody("01", "boss");
	struct people_act local = { "test", NULL, true }, directory = { "test", NULL, false };
	struct person *anna, *there;
	struct err err;

	assert_ok(person_add(h.db, "test", "anna", ROLE_ADMIN, "a good password", &err) &&
		  person_by_name(*state, h.db, "anna", &anna, &err), &err);
	boss.has_role = true;
	boss.role = ROLE_ADMIN;
	there = arrives(*state, &h, boss);
	local.id = directory.id = there->id;
	/* anna cannot sign in where local accounts may not */
	assert_false(people_set_disabled(h.db, &directory, true, &err));
	assert_string_equal(err.code, "last_admin");
	assert_ok(people_set_disabled(h.db, &local, true, &err), &err);
	local.id = anna->id;
	assert_false(people_set_role(h.db, &local, ROLE_MEMBER, &err));
	assert_string_equal(err.code, "last_admin");
}

static void
an_admin_sets_the_address_of_whom_the_directory_does_not_know(void **state)
{
	static const char *const wrong[] = { "zoe", "zoe@", "@example.com", "Zoe <zoe@example.com>", "zoe@example.com ",
					     "zoe@example.com\r\nBcc: all@example.com", "zo\xc3\xab@example.com" };
	struct house h = house(*state);
	struct directory_person eva = somebody("01", "eva");
	struct people_act act = { "anna", NULL, true };
	struct people_filter zoe = { .search = "ZOE.ONE@" };
	struct person *person;
	json_t *seen;
	struct err err;

	assert_ok(person_add(h.db, "test", "zoe", ROLE_MEMBER, "a good password", &err) &&
		  person_by_name(*state, h.db, "zoe", &person, &err), &err);
	act.id = person->id;
	assert_ok(people_set_email(h.db, &act, "zoe.one@example.com", &err), &err);
	/* the same once more changes nothing, so nobody hears of it */
	assert_ok(people_set_email(h.db, &act, "zoe.one@example.com", &err), &err);
	assert_int_equal(number(&h, "SELECT count(*) FROM audit WHERE act = 'person.email' AND actor = 'anna' AND object = 'zoe'"
				" AND detail = 'zoe.one@example.com'"), 1);
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		assert_false(people_set_email(h.db, &act, wrong[i], &err));
		assert_int_equal(err.kind, ERR_INVALID);
		assert_non_null(strstr(err.cause, "is no e-mail address"));
	}
	assert_false(people_set_email(h.db, &act, mem_printf(*state, "%0250d@example.com", 1), &err));
	assert_ok(people_list(h.db, &zoe, NULL, 10, &seen, &err), &err);
	assert_int_equal(json_array_size(json_object_get(seen, "items")), 1);
	json_decref(seen);
	assert_ok(people_set_email(h.db, &act, "", &err) && people_list(h.db, &zoe, NULL, 10, &seen, &err), &err);
	assert_int_equal(json_array_size(json_object_get(seen, "items")), 0);
	json_decref(seen);
	/* whom a proxy vouches for has nobody else who would know */
	assert_ok(people_from_proxy(*state, h.db, "mia@corp", true, &person, &err), &err);
	act.id = person->id;
	assert_ok(people_set_email(h.db, &act, "mia@example.com", &err), &err);
	eva.email = "eva@example.com";
	act.id = arrives(*state, &h, eva)->id;
	assert_false(people_set_email(h.db, &act, "other@example.com", &err));
	assert_int_equal(err.kind, ERR_CONFLICT);
	assert_string_equal(err.code, "email_of_directory");
	assert_int_equal(number(&h, "SELECT count(*) FROM person WHERE email = 'eva@example.com'"), 1);
	act.id = "nobody";
	assert_false(people_set_email(h.db, &act, "", &err));
	assert_int_equal(err.kind, ERR_MISSING);
}

static void
a_publisher_of_named_apps_publishes_those(void **state)
{
	static const char *const apps[] = { "com.example.a", "com.example.b" };
	struct house h = house(*state);
	struct people_act act = { "test", NULL, true };
	struct person *paul;
	struct err err;

	assert_ok(person_add(h.db, "test", "paul", ROLE_PUBLISHER, "a good password", &err) &&
		  person_by_name(*state, h.db, "paul", &paul, &err), &err);
	assert_true(person_publishes(paul, "com.example.z"));
	act.id = paul->id;
	assert_ok(people_set_apps(h.db, &act, false, apps, 2, &err) && person_by_name(*state, h.db, "paul", &paul, &err), &err);
	assert_true(person_publishes(paul, "com.example.b"));
	assert_false(person_publishes(paul, "com.example.z"));
	assert_true(person_publishes(paul, NULL));
	paul->scope = "upload";
	paul->bundle_id = "com.example.z";	/* a token for an app that is not theirs any more */
	assert_false(person_publishes(paul, "com.example.z"));
	assert_ok(people_set_apps(h.db, &act, false, NULL, 0, &err) && person_by_name(*state, h.db, "paul", &paul, &err), &err);
	assert_false(person_publishes(paul, NULL));
	assert_ok(people_set_role(h.db, &act, ROLE_ADMIN, &err) && person_by_name(*state, h.db, "paul", &paul, &err), &err);
	assert_true(person_publishes(paul, "com.example.z"));
}

/* ---- groups ---- */

struct sync {
	const char *person_id;
	const struct group_of_directory *groups;
	size_t n;
	bool changed;
};

static bool
tx_sync(struct db *tx, void *arg, struct err *err)
{
	struct sync *s = arg;

	return group_sync(tx, s->person_id, s->groups, s->n, &s->changed, err);
}

static const char *
groups_of(TALLOC_CTX *ctx, struct house *h, const char *person_id)
{
	const char *text = "";
	json_t *list, *item;
	struct err err;
	size_t i;

	assert_ok(group_of_person(h->db, person_id, &list, &err), &err);
	json_array_foreach(list, i, item)
		text = mem_printf(ctx, "%s%s%s", text, *text ? ", " : "", json_string_value(json_object_get(item, "name")));
	json_decref(list);
	return text;
}

static void
a_person_is_in_exactly_the_groups_that_the_directory_says(void **state)
{
	static const struct group_of_directory first[] = {
		{ "Testers", "cn=Testers,ou=a,dc=example" }, { "Testers", "cn=Testers,ou=b,dc=example" },
		{ "QA", "cn=QA,dc=example" },
	};
	static const struct group_of_directory second[] = {
		{ "testers", "CN=testers, OU=A, DC=example" }, { "", "cn=,dc=example" },
	};
	struct house h = house(*state);
	struct person *eva = arrives(*state, &h, somebody("01", "eva"));
	struct sync s = { eva->id, first, 3, false };
	json_t *list;
	struct err err;
	char *local;

	assert_ok(group_add(h.db, "test", "QA", &local, *state, &err), &err);
	assert_ok(group_put_person(h.db, "test", local, eva->id, true, &err), &err);
	assert_ok(db_tx(h.db, tx_sync, &s, &err), &err);
	assert_true(s.changed);
	assert_string_equal(groups_of(*state, &h, eva->id), "QA, QA (2), Testers, Testers (2)");
	assert_ok(db_tx(h.db, tx_sync, &s, &err), &err);
	assert_false(s.changed);
	s = (struct sync){ eva->id, second, 2, false };	/* the same first one, written otherwise */
	assert_ok(db_tx(h.db, tx_sync, &s, &err), &err);
	assert_true(s.changed);
	assert_string_equal(groups_of(*state, &h, eva->id), "?, QA, Testers");
	s.n = 0;
	assert_ok(db_tx(h.db, tx_sync, &s, &err), &err);
	assert_string_equal(groups_of(*state, &h, eva->id), "QA");
	assert_ok(group_list(h.db, "test", NULL, 10, &list, &err), &err);
	assert_int_equal(json_array_size(json_object_get(list, "items")), 2);	/* they stay, for audiences that name them */
	json_decref(list);
}

static void
local_groups_are_kept_by_admins_and_those_of_the_directory_are_not(void **state)
{
	static const struct group_of_directory theirs[] = { { "Theirs", "cn=Theirs,dc=example" } };
	struct house h = house(*state);
	struct person *eva = arrives(*state, &h, somebody("01", "eva"));
	struct sync s = { eva->id, theirs, 1, false };
	json_t *list, *group;
	const char *id;
	char *ours, *other;
	struct err err;

	assert_ok(db_tx(h.db, tx_sync, &s, &err) && group_add(h.db, "test", "Ours", &ours, *state, &err), &err);
	assert_false(group_add(h.db, "test", "OURS", &other, *state, &err));
	assert_int_equal(err.kind, ERR_CONFLICT);
	assert_false(group_add(h.db, "test", "", &other, *state, &err));
	assert_false(group_put_person(h.db, "test", ours, "nobody", true, &err));
	assert_int_equal(err.kind, ERR_MISSING);
	assert_ok(group_put_person(h.db, "test", ours, eva->id, true, &err), &err);
	assert_ok(group_put_person(h.db, "test", ours, eva->id, true, &err), &err);
	assert_ok(group_show(h.db, ours, &group, &err), &err);
	assert_int_equal(json_array_size(json_object_get(group, "persons")), 1);
	json_decref(group);
	assert_ok(group_list(h.db, "THEIRS", NULL, 10, &list, &err), &err);
	id = mem_text(*state, json_string_value(json_object_get(json_array_get(json_object_get(list, "items"), 0), "id")));
	json_decref(list);
	assert_false(group_put_person(h.db, "test", id, eva->id, false, &err));
	assert_int_equal(err.kind, ERR_CONFLICT);
	assert_false(group_remove(h.db, "test", id, &err));
	assert_int_equal(err.kind, ERR_CONFLICT);
	assert_ok(group_remove(h.db, "test", ours, &err), &err);
	assert_string_equal(groups_of(*state, &h, eva->id), "Theirs");
	s.n = 0;
	assert_ok(db_tx(h.db, tx_sync, &s, &err) && group_remove(h.db, "test", id, &err), &err);	/* nobody is in it */
	assert_false(group_remove(h.db, "test", id, &err));
	assert_int_equal(err.kind, ERR_MISSING);
}

/* ---- wrong passwords ---- */

static void
attempts_wait_as_their_kind_says(void **state)
{
	struct house h = house(*state);

	for (int i = 1; i <= ATTEMPTS_DIRECTORY_MAX; i++) {
		assert_int_equal(attempts_wait(ATTEMPTS_DIRECTORY, "eva"), 0);
		assert_int_equal(attempts_failed(ATTEMPTS_DIRECTORY, "eva"), i);
	}
	assert_int_equal(attempts_wait(ATTEMPTS_DIRECTORY, "eva"), ATTEMPTS_DIRECTORY_S);
	assert_int_equal(attempts_wait(ATTEMPTS_DIRECTORY, "otto"), 0);
	assert_int_equal(attempts_wait(ATTEMPTS_NAME, "eva"), 0);	/* another kind's */
	set_now(&h, "2026-11-22T12:29:59Z");
	assert_int_equal(attempts_wait(ATTEMPTS_DIRECTORY, "eva"), 1);
	set_now(&h, "2026-11-22T12:30:00Z");
	assert_int_equal(attempts_wait(ATTEMPTS_DIRECTORY, "eva"), 0);
	assert_int_equal(attempts_failed(ATTEMPTS_DIRECTORY, "eva"), 1);
	attempts_forget(ATTEMPTS_DIRECTORY, "eva");
	assert_int_equal(attempts_failed(ATTEMPTS_DIRECTORY, "eva"), 1);

	for (int i = 0; i < ATTEMPTS_ADDRESS_FREE; i++)
		attempts_failed(ATTEMPTS_ADDRESS, "192.0.2.1");
	assert_int_equal(attempts_wait(ATTEMPTS_ADDRESS, "192.0.2.1"), ATTEMPTS_ADDRESS_S);
	set_now(&h, "2026-11-22T12:30:20Z");
	assert_int_equal(attempts_wait(ATTEMPTS_ADDRESS, "192.0.2.1"), 0);
	attempts_failed(ATTEMPTS_ADDRESS, "192.0.2.1");
	assert_int_equal(attempts_wait(ATTEMPTS_ADDRESS, "192.0.2.1"), ATTEMPTS_ADDRESS_S);
	set_now(&h, "2026-11-22T13:30:00Z");
	assert_int_equal(attempts_failed(ATTEMPTS_ADDRESS, "192.0.2.1"), 1);
}

static void
of_many_tries_at_once_no_more_are_begun_than_may_fail(void **state)
{
	struct house h = house(*state);

	for (int i = 0; i < ATTEMPTS_DIRECTORY_MAX; i++)
		assert_int_equal(attempts_begin(ATTEMPTS_DIRECTORY, "eva"), 0);
	assert_int_equal(attempts_begin(ATTEMPTS_DIRECTORY, "eva"), ATTEMPTS_BUSY);
	assert_int_equal(attempts_begin(ATTEMPTS_DIRECTORY, "otto"), 0);
	/* one was right: it was none of them, and those under way still are */
	assert_int_equal(attempts_end(ATTEMPTS_DIRECTORY, "eva", false), 0);
	attempts_forget(ATTEMPTS_DIRECTORY, "eva");
	assert_int_equal(attempts_begin(ATTEMPTS_DIRECTORY, "eva"), 0);
	assert_int_equal(attempts_begin(ATTEMPTS_DIRECTORY, "eva"), ATTEMPTS_BUSY);
	for (int i = 1; i <= ATTEMPTS_DIRECTORY_MAX; i++)
		assert_int_equal(attempts_end(ATTEMPTS_DIRECTORY, "eva", true), i);
	assert_int_equal(attempts_begin(ATTEMPTS_DIRECTORY, "eva"), ATTEMPTS_DIRECTORY_S);
	set_now(&h, "2026-11-22T12:30:00Z");
	assert_int_equal(attempts_begin(ATTEMPTS_DIRECTORY, "eva"), 0);
}

static void
an_address_counts_as_what_one_customer_has(void **state)
{
	assert_string_equal(attempts_address(*state, "192.0.2.1"), "192.0.2.1");
	assert_string_equal(attempts_address(*state, "2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::/64");
	assert_string_equal(attempts_address(*state, "2001:db8:1:2::ffff"), "2001:db8:1:2::/64");
	assert_string_equal(attempts_address(*state, "unix"), "unix");
}

static void
a_flood_of_names_fills_no_memory_and_the_audit_hears_of_few(void **state)
{
	struct house h = house(*state);
	int notes = 0;

	for (int i = 0; i < 20000; i++) {
		attempts_failed(ATTEMPTS_NAME, mem_printf(*state, "name %d", i));
		notes += attempts_note(mem_printf(*state, "address %d", i));
	}
	assert_int_equal(notes, ATTEMPTS_NOTES_MAX);
	assert_false(attempts_note("address 1"));
	set_now(&h, "2026-11-22T13:00:00Z");
	assert_true(attempts_note("address 1"));
	assert_false(attempts_note("address 1"));
	/* the newest is remembered */
	for (int i = 0; i < PERSON_FAILURES_FREE; i++)
		attempts_failed(ATTEMPTS_NAME, "the newest");
	assert_int_equal(attempts_wait(ATTEMPTS_NAME, "the newest"), 1);
}

TESTS(two_people_never_share_a_name_and_one_is_known_by_the_id, names_of_other_directories_become_names_of_ours,
      groups_decide_the_role_only_where_they_are_asked_to,
      whom_the_directory_shuts_out_it_lets_in_again_but_not_whom_an_admin_did,
      whom_the_directory_turns_away_at_the_door_is_shut_out_too,
      a_refused_bind_is_about_who_last_came_by_that_login_whatever_they_are_called_here, a_proxy_names_the_person_of_that_name,
      a_proxy_means_a_local_account_by_its_very_name_alone, somebody_who_can_sign_in_stays_admin,
      an_admin_sets_the_address_of_whom_the_directory_does_not_know,
      a_publisher_of_named_apps_publishes_those, of_many_tries_at_once_no_more_are_begun_than_may_fail,
      a_person_is_in_exactly_the_groups_that_the_directory_says,
      local_groups_are_kept_by_admins_and_those_of_the_directory_are_not, attempts_wait_as_their_kind_says,
      an_address_counts_as_what_one_customer_has, a_flood_of_names_fills_no_memory_and_the_audit_hears_of_few)
