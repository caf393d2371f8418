/* Who installed from the catalog by themselves, on a phone that nobody manages, is told when that ends. */
#include "tests/check_house.h"
#include "catalog/renewal_told.h"
#include "core/clock.h"
#include <stdlib.h>

#define MIA	"(SELECT id FROM person WHERE name = 'mia')"
#define BUILD(number) "(SELECT id FROM build WHERE build = '" number "')"
#define INSTALLED(id, number, created) "INSERT INTO install (id, build_id, person_id, state, created, changed) VALUES" \
	" ('" id "', " BUILD(number) ", " MIA ", 'whole', " created ", " created ")"
#define MANAGED_PHONE(state) "INSERT INTO device (id, udid, enrollment_id, person_id, created, changed) VALUES ('d1', 'UDID-1', 'e1', " \
	MIA ", 1, 1); INSERT INTO enrollment (id, device_id, session_id, state, identity, access_rights, created) VALUES ('e1', 'd1'," \
	" 's', '" state "', 'd1', 8191, 1)"
#define LISTS_IT(installed) "; INSERT INTO installed_app (device_id, bundle_id, version, short_version, installed, managed, at) VALUES" \
	" ('d1', 'com.example.app', '1', '1.0', " installed ", TRUE, 1)"
#define CONTACT "INSERT INTO contact (id, name, folded, email, created) VALUES ('c1', 'Cleo', 'cleo', 'cleo@example.com', 1)"
#define AUDIENCE "INSERT INTO audience (id, tree, hash, created) VALUES ('a1', '', 'a1', 1); UPDATE channel SET audience_id = 'a1'"

/* Mia's phone has build 1, which ends in twenty days; build 2 is newer. */
static struct house
told_house(TALLOC_CTX *ctx)
{
	struct house h = house(ctx);

	published(ctx, &h, (struct sent){ .build = "1", .expires = "2026-12-12T12:00:00Z" });
	sql(&h, INSTALLED("i1", "1", "1000"));
	published(ctx, &h, (struct sent){ .build = "2" });
	return h;
}

/* One statement after the other. */
static void
statements(TALLOC_CTX *ctx, struct house *h, const char *text)
{
	char *all = mem_text(ctx, text), *rest = NULL;

	for (char *one = strtok_r(all, ";", &rest); one; one = strtok_r(NULL, ";", &rest))
		sql(h, one);
}

static size_t
holders(TALLOC_CTX *ctx, struct house *h, const struct renewal_holder *after, struct renewal_holder **ret)
{
	struct err err;
	size_t n;

	assert_ok(renewal_holders(ctx, h->db, after, ret, &n, &err), &err);
	return n;
}

static void
who_is_told_is_who_has_it_unmanaged_sees_a_newer_one_and_wants_to_know(void **state)
{
	static const struct {
		const char *so;		/* what is so besides */
		bool told;
	} cases[] = {
		{ "", true },
		/* fetched by halves, or by MDM, which tells how it ended */
		{ "UPDATE install SET state = 'ipa'", false },
		{ "UPDATE install SET state = 'installed'", false },
		/* installed again, or another one since */
		{ INSTALLED("i2", "1", "2000"), true },
		{ INSTALLED("i2", "2", "2000"), false },
		{ INSTALLED("i2", "2", "500"), true },
		{ INSTALLED("i2", "2", "2000") "; UPDATE install SET state = 'tapped' WHERE id = 'i2'", true },
		{ "UPDATE person SET disabled = TRUE WHERE name = 'mia'", false },
		/* they do not see the app any more; others do */
		{ AUDIENCE, false },
		{ AUDIENCE "; INSERT INTO audience_person (audience_id, person_id) SELECT 'a1', id FROM person WHERE name = 'paul'", false },
		{ AUDIENCE "; INSERT INTO audience_person (audience_id, person_id) VALUES ('a1', " MIA ")", true },
		/* its publisher sees it, whoever the channel is for */
		{ AUDIENCE "; UPDATE install SET person_id = (SELECT id FROM person WHERE name = 'paul')", true },
		/* nothing newer */
		{ "UPDATE build SET installs_until = 0 WHERE build = '2'", false },
		{ "UPDATE build SET expires = (SELECT expires FROM build WHERE build = '1') WHERE build = '2'", false },
		{ "UPDATE build SET expires = expires + 20 * 86400 WHERE build = '1'", false },	/* in 40 days */
		{ "UPDATE build SET expires = expires - 49 * 86400 WHERE build = '1'", true },	/* 29 days ago */
		{ "UPDATE build SET expires = expires - 51 * 86400 WHERE build = '1'", false },
		/* as they wish */
		{ "INSERT INTO ending_reader (person_id, mails, email, language, changed) VALUES (" MIA ", FALSE, '', '', 1)", false },
		{ "INSERT INTO ending_reader (person_id, mails, email, language, changed) VALUES (" MIA ", TRUE, '', '', 1)", true },
		/* MDM sees to it */
		{ MANAGED_PHONE("enrolled") LISTS_IT("TRUE"), false },
		{ MANAGED_PHONE("enrolled"), true },
		{ MANAGED_PHONE("enrolled") LISTS_IT("FALSE"), true },
		{ MANAGED_PHONE("removed") LISTS_IT("TRUE"), true },
		/* by the link of a contact, who is told */
		{ CONTACT "; UPDATE install SET contact_id = 'c1'", false },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		void *ctx = talloc_new(*state);
		struct house h = told_house(ctx);
		struct renewal_holder *list;
		size_t n;

		statements(ctx, &h, cases[i].so);
		n = holders(ctx, &h, NULL, &list);
		if (n != cases[i].told)
			fail_msg("%s: %zu", cases[i].so, n);
		talloc_free(h.db);
		talloc_free(ctx);
	}
}

static bool
tx_told(struct db *tx, void *arg, struct err *err)
{
	const struct renewal_holder *holder = arg;
	bool first;

	if (!renewal_holder_told(tx, holder, &first, err))
		return false;
	assert_true(first);
	if (!renewal_holder_told(tx, holder, &first, err))
		return false;
	assert_false(first);
	return true;
}

static void
they_are_told_once_of_each_ending(void **state)
{
	struct house h = told_house(*state);
	struct renewal_holder *list;
	struct err err;

	assert_int_equal(holders(*state, &h, NULL, &list), 1);
	assert_string_equal(list->person_id, h.mia->id);
	assert_int_equal(list->ends - clock_now(), 20 * DAY_S);
	assert_ok(db_tx(h.db, tx_told, list, &err), &err);
	assert_int_equal(holders(*state, &h, NULL, &list), 0);
	/* the next one, a year later, is another ending */
	sql(&h, INSTALLED("i2", "2", "2000"));
	published(*state, &h, (struct sent){ .build = "3", .expires = "2028-11-22T12:00:00Z" });
	set_now(&h, "2027-11-01T12:00:00Z");
	assert_int_equal(holders(*state, &h, NULL, &list), 1);
}

static void
many_of_them_come_a_part_at_a_time_and_each_once(void **state)
{
	struct house h = told_house(*state);
	struct renewal_holder *list;
	size_t n;

	sql(&h, "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 150) INSERT INTO person (id, name, folded, role,"
	    " password, created) SELECT 'p' || i, 'p' || i, 'p' || i, 'member', '', 1 FROM n");
	sql(&h, "INSERT INTO install (id, build_id, person_id, state, created, changed) SELECT 'x' || id, " BUILD("1") ", id, 'whole', 1, 1"
	    " FROM person WHERE name LIKE 'p%' AND name <> 'paul'");
	n = holders(*state, &h, NULL, &list);
	assert_int_equal(n, RENEWAL_TELLS);
	n = holders(*state, &h, &list[n - 1], &list);
	assert_int_equal(n, 51);
	assert_int_equal(holders(*state, &h, &list[n - 1], &list), 0);
}

static void
two_installs_within_a_second_at_the_end_of_a_part_are_both_told(void **state)
{
	struct house h = told_house(*state);
	struct renewal_holder *list, *behind;
	struct err err;
	size_t n;

	/* 99 before mia, who fetched two apps in the same second */
	sql(&h, "DELETE FROM install");
	sql(&h, "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 99) INSERT INTO person (id, name, folded, role,"
	    " password, created) SELECT ' p' || i, 'p' || i, 'p' || i, 'member', '', 1 FROM n");
	sql(&h, "INSERT INTO install (id, build_id, person_id, state, created, changed) SELECT 'x' || id, " BUILD("1") ", id, 'whole', 1, 1"
	    " FROM person WHERE name LIKE 'p%' AND name <> 'paul'");
	published(*state, &h, (struct sent){ .bundle_id = "com.example.other", .build = "1", .expires = "2026-12-12T12:00:00Z" });
	published(*state, &h, (struct sent){ .bundle_id = "com.example.other", .build = "2", .expires = "2027-11-22T12:00:00Z" });
	assert_ok(db_run(h.db, &err, "INSERT INTO install (id, build_id, person_id, state, created, changed) SELECT 'y' || b.id, b.id, $1, 'whole',"
			 " 1000, 1000 FROM build b WHERE b.build = '1'", db_text(h.mia->id)), &err);
	n = holders(*state, &h, NULL, &list);
	assert_int_equal(n, RENEWAL_TELLS);
	assert_string_equal(list[n - 1].person_id, h.mia->id);
	assert_int_equal(holders(*state, &h, &list[n - 1], &behind), 1);
	assert_string_equal(behind->person_id, h.mia->id);
	assert_string_not_equal(behind->ending_id, list[n - 1].ending_id);
}

static void
people_are_found_by_the_index_of_their_installs_from_where_the_last_part_ended(void **state)
{
	struct house h = told_house(*state);
	struct rows *rows = db_query(*state, h.db, mem_printf(*state, "EXPLAIN QUERY PLAN %s", renewal_holders_sql), db_int(0), db_int(0),
				     db_int(0), db_text(""), db_int(0), db_text(""), db_int(1), db_int(0));
	struct err err;
	int indexes = 0;

	while (rows_next(rows, &err) == ROWS_ROW) {
		const char *plan = rows_text(*state, rows, 3);

		if (strstr(plan, "SCAN ") || (!rows_int(rows, 1) && strstr(plan, "TEMP B-TREE")))	/* no people are sorted */
			fail_msg("%s", plan);
		indexes += strstr(plan, "SEARCH i USING INDEX install_person") != NULL;
		indexes += strstr(plan, "SEARCH d USING INDEX device_person") != NULL;
	}
	assert_int_equal(indexes, 2);
}

TESTS(who_is_told_is_who_has_it_unmanaged_sees_a_newer_one_and_wants_to_know, they_are_told_once_of_each_ending,
      many_of_them_come_a_part_at_a_time_and_each_once,
      two_installs_within_a_second_at_the_end_of_a_part_are_both_told,
      people_are_found_by_the_index_of_their_installs_from_where_the_last_part_ended)
