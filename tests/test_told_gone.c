/* Who installed a build hears of its end also when the build was deleted meanwhile, by retention or by hand. */
#include "tests/check_house.h"
#include "catalog/build_jobs.h"
#include "catalog/install.h"
#include "catalog/provision_keep.h"
#include "catalog/renewal_told.h"
#include "core/clock.h"

#define MIA	"(SELECT id FROM person WHERE name = 'mia')"
#define APP_ID	"(SELECT id FROM app)"
#define CLEO	"INSERT INTO contact (id, name, folded, email, created) VALUES ('c1', 'Cleo', 'cleo', 'cleo@example.com', 1)"

/* Build 1 ends in twenty days; build 2 is newer. */
static struct house
two_builds(TALLOC_CTX *ctx, char **first)
{
	struct house h = house(ctx);

	*first = published(ctx, &h, (struct sent){ .build = "1", .expires = "2026-12-12T12:00:00Z" });
	published(ctx, &h, (struct sent){ .build = "2" });
	return h;
}

static void
installed(TALLOC_CTX *ctx, struct house *h, const char *id, const char *build_id, const char *state)
{
	sql(h, mem_printf(ctx, "INSERT INTO install (id, build_id, person_id, state, created, changed) VALUES ('%s', '%s', " MIA ", '%s', 1000, 1000)",
			  id, build_id, state));
}

/* By a link of paul's, to one build or to its channel. */
static void
installed_by_link(TALLOC_CTX *ctx, struct house *h, const char *build_id, bool to_channel)
{
	sql(h, CLEO);
	sql(h, mem_printf(ctx, "INSERT INTO link (id, hash, app_id, build_id, channel_id, contact_id, person_id, expires, installs_max, sign_in,"
			  " created) SELECT 'l1', 'h', " APP_ID ", %s, %s, 'c1', (SELECT id FROM person WHERE name = 'paul'), 2000000000, 3, TRUE, 1"
			  " FROM channel", to_channel ? "NULL" : mem_printf(ctx, "'%s'", build_id), to_channel ? "id" : "NULL"));
	sql(h, mem_printf(ctx, "INSERT INTO install (id, build_id, link_id, contact_id, state, created, changed) VALUES ('i1', '%s', 'l1', 'c1',"
			  " 'whole', 1000, 1000)", build_id));
}

static void
retained(TALLOC_CTX *ctx, struct house *h, int64_t left)
{
	struct err err;

	assert_ok(build_retain(h->db, sql_text(ctx, h, "SELECT id FROM app"), 1, &err), &err);
	assert_int_equal(sql_int(h, "SELECT count(*) FROM build"), 1);
	assert_int_equal(sql_int(h, "SELECT count(*) FROM install"), left);
}

static size_t
holders(TALLOC_CTX *ctx, struct house *h, struct renewal_holder **ret)
{
	struct err err;
	size_t n;

	assert_ok(renewal_holders(ctx, h->db, NULL, ret, &n, &err), &err);
	return n;
}

static size_t
testers(TALLOC_CTX *ctx, struct house *h, struct renewal_tells **ret)
{
	struct err err;
	size_t n;

	assert_ok(renewal_tells(ctx, h->db, NULL, ret, &n, &err), &err);
	return n;
}

static void
a_person_is_told_of_a_build_that_retention_or_somebody_deleted(void **state)
{
	for (int by_hand = 0; by_hand < 2; by_hand++) {
		char *first;
		struct house h = two_builds(*state, &first);
		struct renewal_holder *list;
		struct err err;

		installed(*state, &h, "i1", first, "whole");
		installed(*state, &h, "i2", first, "tapped");
		if (by_hand)
			assert_ok(build_delete(h.db, h.paul, first, &err), &err);
		else
			retained(*state, &h, 1);
		assert_int_equal(holders(*state, &h, &list), 1);
		assert_string_equal(list->ending_id, first);
		assert_string_equal(list->person_id, h.mia->id);
		assert_int_equal(list->ends - clock_now(), 20 * DAY_S);
		/* what they have installed since may be gone, too */
		published(*state, &h, (struct sent){ .build = "3" });
		installed(*state, &h, "i3", sql_text(*state, &h, "SELECT id FROM build WHERE build = '2'"), "whole");
		sql(&h, "UPDATE install SET created = 2000 WHERE id = 'i3'");
		retained(*state, &h, 2);
		assert_int_equal(holders(*state, &h, &list), 0);
		talloc_free(h.db);
	}
}

static void
a_tester_gets_a_link_like_the_one_to_the_build_that_is_gone(void **state)
{
	for (int to_channel = 0; to_channel < 2; to_channel++) {
		char *first;
		struct house h = two_builds(*state, &first);
		struct renewal_tells *list;
		struct link *link;
		struct err err;

		installed_by_link(*state, &h, first, to_channel);
		retained(*state, &h, 1);
		assert_int_equal(testers(*state, &h, &list), 1);
		assert_string_equal(list->ending_id, first);
		assert_string_equal(list->channel, sql_text(*state, &h, "SELECT name FROM channel"));
		assert_string_equal(list->due.contact_id, "c1");
		assert_string_equal(list->due.sender->name, "paul");
		assert_int_equal(list->due.installs_max, 3);
		assert_true(list->due.sign_in);
		/* one to the build leads nowhere any more, and another is made; one to the channel goes on */
		assert_int_equal(list->due.to_channel, to_channel);
		assert_int_equal(sql_int(&h, "SELECT count(*) FROM link WHERE NOT revoked"), to_channel);
		assert_false(link_open(*state, h.db, "h", &link, &err));
		talloc_free(h.db);
	}
}

static void
a_link_by_which_nobody_installed_goes_with_its_build(void **state)
{
	char *first;
	struct house h = two_builds(*state, &first);

	installed_by_link(*state, &h, first, false);
	sql(&h, "UPDATE install SET state = 'manifest'");
	retained(*state, &h, 0);
	assert_int_equal(sql_int(&h, "SELECT count(*) FROM link"), 0);
}

static void
the_timeline_says_which_build_it_was_and_that_it_is_gone(void **state)
{
	char *first;
	struct house h = two_builds(*state, &first);
	const struct install_viewer viewer = { .person = h.mia };
	struct install_filter filter = { .person = "mia" };
	struct err err;
	json_t *item;

	installed(*state, &h, "i1", first, "whole");
	sql(&h, "UPDATE install SET bytes = 5000");
	for (int gone = 0; gone < 2; gone++) {
		assert_ok(install_show(h.db, NULL, &viewer, "i1", &item, &err), &err);
		assert_string_equal(json_string_value(json_object_get(item, "build")), "1");
		assert_string_equal(json_string_value(json_object_get(item, "bundle_id")), "com.example.app");
		assert_int_equal(json_is_true(json_object_get(item, "removed")), gone);
		json_decref(item);
		assert_ok(install_list(h.db, NULL, h.paul, &filter, NULL, 10, &item, &err), &err);
		assert_int_equal(json_array_size(json_object_get(item, "items")), 1);
		json_decref(item);
		if (!gone)
			retained(*state, &h, 1);
	}
}

static void
swept(struct house *h)
{
	struct err err;

	assert_ok(install_sweep(h->db, &err), &err);
	assert_ok(provision_sweep(h->db, &err), &err);
}

static void
what_is_known_of_a_build_that_is_gone_stays_until_it_has_ended_everywhere(void **state)
{
	char *first;
	struct house h = two_builds(*state, &first);

	installed(*state, &h, "i1", first, "whole");
	/* one that was never read */
	sql(&h, "DELETE FROM build_bundle");
	retained(*state, &h, 1);
	swept(&h);
	assert_int_equal(sql_int(&h, "SELECT count(*) FROM build_bundle WHERE build = '1' AND path = ''"), 1);
	assert_int_equal(sql_int(&h, "SELECT count(*) FROM install"), 1);
	/* nobody has it by what is known, and a phone may be enrolled with it tomorrow */
	sql(&h, "DELETE FROM install");
	set_now(&h, "2026-12-31T12:00:00Z");
	swept(&h);
	assert_int_equal(sql_int(&h, "SELECT count(*) FROM build_bundle WHERE build = '1'"), 1);
	set_now(&h, "2027-01-14T12:00:00Z");
	swept(&h);
	assert_int_equal(sql_int(&h, "SELECT count(*) FROM build_bundle WHERE build = '1'"), 0);
}

static void
an_install_of_a_build_that_is_gone_goes_a_month_behind_its_end(void **state)
{
	char *first;
	struct house h = two_builds(*state, &first);
	struct renewal_holder *list;

	installed(*state, &h, "i1", first, "whole");
	retained(*state, &h, 1);
	set_now(&h, "2027-01-11T11:00:00Z");
	swept(&h);
	assert_int_equal(holders(*state, &h, &list), 1);
	set_now(&h, "2027-01-13T12:00:00Z");
	swept(&h);
	assert_int_equal(sql_int(&h, "SELECT count(*) FROM install"), 0);
	assert_int_equal(sql_int(&h, "SELECT count(*) FROM build_bundle WHERE build = '1'"), 0);
}

static bool
tx_put(struct db *tx, void *arg, struct err *err)
{
	return install_put(tx, arg, err);
}

static void
nothing_begins_of_a_build_that_is_gone(void **state)
{
	struct install_start start = { .id = "i1", .build_id = "gone" };
	struct house h = house(*state);
	struct err err;

	assert_false(db_tx(h.db, tx_put, &start, &err));
	assert_int_equal(err.kind, ERR_MISSING);
	assert_int_equal(sql_int(&h, "SELECT count(*) FROM install"), 0);
}

TESTS(a_person_is_told_of_a_build_that_retention_or_somebody_deleted, a_tester_gets_a_link_like_the_one_to_the_build_that_is_gone,
      a_link_by_which_nobody_installed_goes_with_its_build, the_timeline_says_which_build_it_was_and_that_it_is_gone,
      what_is_known_of_a_build_that_is_gone_stays_until_it_has_ended_everywhere,
      an_install_of_a_build_that_is_gone_goes_a_month_behind_its_end, nothing_begins_of_a_build_that_is_gone)
