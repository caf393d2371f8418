/* Which provisions are planned for a device, and what is known of those that it holds. */
#include "tests/check_renewal.h"
#include "catalog/held_list.h"
#include "catalog/renewal.h"
#include "core/clock.h"
#include "core/json.h"
#include "mdm/queue.h"
#include <stdlib.h>
#include <time.h>

static void
must_65_a_set_goes_out_when_it_is_whole_and_not_before(void **state)
{
	struct house h = stock_house(*state);

	plan(&h, "d1");
	assert_string_equal(rows_of(*state, &h), "");
	newer(&h, "new-app", "TEAM.com.example.stock", "", 365);
	plan(&h, "d1");
	assert_string_equal(rows_of(*state, &h), "");
	newer(&h, "new-ext", "TEAM.com.example.stock.share", "com.example.stock.share", 365);
	plan(&h, "d1");
	plan(&h, "d1");
	assert_string_equal(rows_of(*state, &h), "install new-app wanted, install new-ext wanted");
	assert_string_equal(sql_text(*state, &h, "SELECT cause FROM held_app WHERE next > ends"), "provision");
}

static void
a_watch_app_s_provision_belongs_to_the_set_as_an_extension_s_does(void **state)
{
	struct house h = stock_house(*state);

	provision(&h, "old-watch", "TEAM.com.example.stock.watch", 40, NULL);
	bundle(&h, "com.example.stock", "Watch/Clock.app", "old-watch", 40, 900);
	sql(&h, "UPDATE build_bundle SET bundle_id = 'com.example.stock.watch' WHERE path = 'Watch/Clock.app'");
	lists(&h, "d1", "old-watch");
	newer(&h, "new-app", "TEAM.com.example.stock", "", 365);
	newer(&h, "new-ext", "TEAM.com.example.stock.share", "com.example.stock.share", 365);
	plan(&h, "d1");
	assert_string_equal(rows_of(*state, &h), "");
	newer(&h, "new-watch", "TEAM.com.example.stock.watch", "Watch/Clock.app", 365);
	plan(&h, "d1");
	assert_string_equal(rows_of(*state, &h), "install new-app wanted, install new-ext wanted, install new-watch wanted");
	/* and while it is not there, none of the old ones goes */
	lists(&h, "d1", "new-app");
	lists(&h, "d1", "new-ext");
	plan(&h, "d1");
	assert_string_equal(sql_text(*state, &h, "SELECT count(*) FROM renewal WHERE action = 'remove'"), "0");
	lists(&h, "d1", "new-watch");
	plan(&h, "d1");
	assert_string_equal(sql_text(*state, &h, "SELECT count(*) FROM renewal WHERE action = 'remove'"), "3");
}

static void
in_the_last_week_half_a_set_is_better_than_none(void **state)
{
	struct house h = stock_house(*state);

	newer(&h, "new-app", "TEAM.com.example.stock", "", 365);
	set_now(&h, "2026-12-26T12:00:00Z");
	plan(&h, "d1");
	assert_string_equal(rows_of(*state, &h), "install new-app wanted");
}

static void
of_several_that_fit_the_last_one_to_end_goes_and_a_plan_that_is_overtaken_is_dropped(void **state)
{
	struct house h = stock_house(*state);

	newer(&h, "new-app", "TEAM.com.example.stock", "", 365);
	newer(&h, "new-ext", "TEAM.com.example.stock.share", "com.example.stock.share", 365);
	plan(&h, "d1");
	newer(&h, "newer-app", "TEAM.com.example.stock", "", 500);
	plan(&h, "d1");
	assert_string_equal(rows_of(*state, &h), "install new-ext wanted, install newer-app wanted");
}

static void
must_67_a_certificate_that_ends_is_said_and_no_provision_is_sent(void **state)
{
	struct house h = stock_house(*state);

	newer(&h, "new-app", "TEAM.com.example.stock", "", 365);
	newer(&h, "new-ext", "TEAM.com.example.stock.share", "com.example.stock.share", 365);
	assert_true(db_run(h.db, &(struct err){ 0 }, "UPDATE build_bundle SET certificate_expires = $1", db_int(days(20))));
	plan(&h, "d1");
	assert_string_equal(rows_of(*state, &h), "");
	assert_string_equal(sql_text(*state, &h, "SELECT cause FROM held_app"), "certificate");
}

static void
ad_hoc_provisions_go_to_the_devices_they_list_alone(void **state)
{
	struct house h = stock_house(*state);

	sql(&h, "DELETE FROM build_bundle WHERE path <> ''");
	device(&h, "d2");
	holds(&h, "d2", "com.example.stock");
	provision(&h, "for-d2", "TEAM.com.example.stock", 365, "udid-d2");	/* whatever the case of its letters */
	fits(&h, "com.example.stock", "", "for-d2");
	plan(&h, "d1");
	plan(&h, "d2");
	assert_string_equal(sql_text(*state, &h, "SELECT device_id FROM renewal"), "d2");
	assert_string_equal(sql_text(*state, &h, "SELECT count(*) FROM renewal"), "1");
}

static void
must_66_an_old_one_goes_when_newer_ones_are_listed_and_nobody_else_needs_it(void **state)
{
	static const struct {
		const char *before, *old_goes;	/* what is so besides */
	} cases[] = {
		{ "", "remove old-app wanted, remove old-ext wanted" },
		/* the extension's newer one is not there yet */
		{ "DELETE FROM installed_provision WHERE uuid = 'new-ext'", "install new-ext wanted" },
		/* none is: the last valid one never goes */
		{ "DELETE FROM installed_provision WHERE uuid LIKE 'new%'", "install new-app wanted, install new-ext wanted" },
		/* an app whose insides are not known may live under it */
		{ "INSERT INTO installed_app (device_id, bundle_id, version, installed, managed, at) VALUES ('d1', 'com.example.other', '1',"
		  " TRUE, FALSE, 1)", "remove old-app wanted, remove old-ext wanted" },
		{ "UPDATE provision SET app_id = 'TEAM.com.example.*' WHERE uuid = 'old-app'", "remove old-app wanted, remove old-ext wanted" },
		/* another build of the app, which is not here */
		{ "UPDATE installed_app SET version = '6'", "" },
		/* the newer one is over by now: it goes, and the old ones stay */
		{ "UPDATE provision SET expires = 1000 WHERE uuid = 'new-app'", "remove new-app wanted" },
		/* who signed the extension is guessed: what seems to fit may not, so both stay while they are valid */
		{ "UPDATE build_bundle SET certificate = '' WHERE path <> ''", "" },
		{ "UPDATE provision SET expires = 1000 WHERE uuid LIKE 'old%'", "remove old-app wanted, remove old-ext wanted" },
		/* the person's own apps are not on the list of a user enrollment */
		{ "UPDATE enrollment SET kind = 'user'", "" },
		/* of all apps nothing was heard yet, of some alone just now */
		{ "UPDATE device_report SET whole = 0", "" },
		/* we do not know it: it is not ours */
		{ "DELETE FROM provision WHERE uuid = 'old-ext'", "remove old-app wanted" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		void *ctx = talloc_new(*state);
		struct house h = stock_house(ctx);

		newer(&h, "new-app", "TEAM.com.example.stock", "", 365);
		newer(&h, "new-ext", "TEAM.com.example.stock.share", "com.example.stock.share", 365);
		lists(&h, "d1", "new-app");
		lists(&h, "d1", "new-ext");
		if (*cases[i].before)
			sql(&h, cases[i].before);
		plan(&h, "d1");
		if (strcmp(rows_of(ctx, &h), cases[i].old_goes) != 0)
			fail_msg("%s: %s", cases[i].before, rows_of(ctx, &h));
		talloc_free(h.db);
		talloc_free(ctx);
	}
}

static void
a_wildcard_that_an_unknown_app_may_need_stays(void **state)
{
	struct house h = stock_house(*state);

	newer(&h, "new-app", "TEAM.com.example.stock", "", 365);
	newer(&h, "new-ext", "TEAM.com.example.stock.share", "com.example.stock.share", 365);
	lists(&h, "d1", "new-app");
	lists(&h, "d1", "new-ext");
	sql(&h, "UPDATE provision SET app_id = 'TEAM.com.example.*' WHERE uuid = 'old-app'");
	sql(&h, "INSERT INTO installed_app (device_id, bundle_id, version, installed, managed, at) VALUES ('d1', 'com.example.other', '1',"
	    " TRUE, FALSE, 1)");
	plan(&h, "d1");
	assert_string_equal(rows_of(*state, &h), "remove old-ext wanted");
	/* it is gone from the device: now it may */
	sql(&h, "DELETE FROM installed_app WHERE bundle_id = 'com.example.other'");
	plan(&h, "d1");
	assert_string_equal(rows_of(*state, &h), "remove old-app wanted, remove old-ext wanted");
}

static void
nothing_is_removed_by_a_list_of_apps_that_is_not_of_today(void **state)
{
	struct house h = stock_house(*state);

	newer(&h, "new-app", "TEAM.com.example.stock", "", 365);
	newer(&h, "new-ext", "TEAM.com.example.stock.share", "com.example.stock.share", 365);
	lists(&h, "d1", "new-app");
	lists(&h, "d1", "new-ext");
	set_now(&h, "2026-11-24T12:00:00Z");
	plan(&h, "d1");
	assert_string_equal(rows_of(*state, &h), "");
	assert_string_equal(sql_text(*state, &h, "SELECT count(*) FROM command WHERE request_type = 'InstalledApplicationList'"), "1");
}

static void
of_two_builds_with_the_same_numbers_the_worse_is_assumed(void **state)
{
	struct house h = stock_house(*state);
	struct err err;

	/* signed anew with a year more, and not what this device lists */
	provision(&h, "anew", "TEAM.com.example.stock", 400, NULL);
	assert_ok(db_run(h.db, &err, "INSERT INTO build_bundle (build_id, path, app_bundle_id, version, build, uploaded, bundle_id,"
			 " provision_uuid, expires, certificate, certificate_name, certificate_expires) VALUES ('anew', '', 'com.example.stock',"
			 " '1.0', '7', 2, 'com.example.stock', 'anew', $1, '', '', 0)", db_int(days(400))), &err);
	fits(&h, "anew", "", "anew");
	plan(&h, "d1");
	assert_string_equal(sql_text(*state, &h, "SELECT build_id FROM held_app"), "com.example.stock");
	assert_int_equal(atoll(sql_text(*state, &h, "SELECT ends FROM held_app")), days(40));
}

static void
of_two_builds_with_the_same_numbers_the_one_that_our_command_brought_is_there(void **state)
{
	struct house h = stock_house(*state);
	struct err err;

	provision(&h, "anew", "TEAM.com.example.stock", 400, NULL);
	assert_ok(db_run(h.db, &err, "INSERT INTO build_bundle (build_id, path, app_bundle_id, version, build, uploaded, bundle_id,"
			 " provision_uuid, expires, certificate, certificate_name, certificate_expires) VALUES ('anew', '', 'com.example.stock',"
			 " '1.0', '7', 2, 'com.example.stock', 'anew', $1, '', '', 0)", db_int(days(400))), &err);
	fits(&h, "anew", "", "anew");
	sql(&h, "INSERT INTO managed_app (device_id, bundle_id, build_id, cause, state, brought, changed) VALUES ('d1', 'com.example.stock',"
		" 'anew', 'asked', 'installed', 'anew', 1)");
	/* its embedded provision counts, whatever the list says */
	plan(&h, "d1");
	assert_string_equal(sql_text(*state, &h, "SELECT build_id FROM held_app"), "anew");
	assert_int_equal(atoll(sql_text(*state, &h, "SELECT ends FROM held_app")), days(400));
	/* and a listed provision of the newer one does not hide that the older one is there */
	sql(&h, "UPDATE managed_app SET brought = 'com.example.stock'");
	sql(&h, "DELETE FROM installed_provision");
	lists(&h, "d1", "anew");
	plan(&h, "d1");
	assert_string_equal(sql_text(*state, &h, "SELECT build_id FROM held_app"), "com.example.stock");
	assert_int_equal(atoll(sql_text(*state, &h, "SELECT ends FROM held_app")), days(40));
}

static void
where_certificate_and_provision_end_together_no_provision_is_said_to_help(void **state)
{
	struct house h = stock_house(*state);

	sql(&h, mem_printf(*state, "UPDATE build_bundle SET certificate_expires = %lld", (long long)days(40)));
	newer(&h, "new-app", "TEAM.com.example.stock", "", 365);
	plan(&h, "d1");
	assert_string_equal(sql_text(*state, &h, "SELECT cause FROM held_app"), "certificate");
	assert_string_equal(rows_of(*state, &h), "");
}

static void
where_a_build_signed_anew_is_placed_the_plan_of_apps_looks_at_whose_certificate_ends(void **state)
{
	struct house h = stock_house(*state);
	struct err err;

	sql(&h, mem_printf(*state, "UPDATE build_bundle SET certificate_expires = %lld", (long long)days(20)));
	plan(&h, "d1");
	assert_string_equal(sql_text(*state, &h, "SELECT cause FROM held_app"), "certificate");
	assert_ok(db_run(h.db, &err, "INSERT INTO build_bundle (build_id, path, app_bundle_id, version, build, uploaded, bundle_id,"
			 " provision_uuid, expires, certificate, certificate_name, certificate_expires) VALUES ('anew', '', 'com.example.stock',"
			 " '1.0', '7', 2, 'com.example.stock', 'anew', $1, 'x', '', $1)", db_int(days(400))), &err);
	plan(&h, "d1");
	assert_string_equal(sql_text(*state, &h, "SELECT count(*) FROM job WHERE kind = 'managed_app_device'"), "0");
	sql(&h, "INSERT INTO app (id, bundle_id, name, folded, created) VALUES ('a', 'com.example.stock', 'Stock', 'stock', 1)");
	sql(&h, "INSERT INTO build (id, app_id, sha256, size, version, build, minimum_os, installable, expires, facts, chunk_sha256s, icon57, icon120,"
		" icon512, notes, branch, git_commit, ci_url, source, custom_fields, created) VALUES ('anew', 'a', 'x', 1, '1.0', '7', '', TRUE, 0,"
		" '', '', '', '', '', '', '', '', '', '', '', 1)");
	sql(&h, "INSERT INTO channel (id, app_id, name, created, newest_build_id, newest_at) VALUES ('m', 'a', 'main', 1, 'anew', 1)");
	/* years before that, or where it is the older one, nothing is to be looked at */
	sql(&h, mem_printf(*state, "UPDATE build_bundle SET certificate_expires = %lld WHERE build_id <> 'anew'", (long long)days(61)));
	sql(&h, mem_printf(*state, "UPDATE provision SET expires = %lld", (long long)days(300)));
	plan(&h, "d1");
	assert_string_equal(sql_text(*state, &h, "SELECT count(*) FROM job WHERE kind = 'managed_app_device'"), "0");
	sql(&h, mem_printf(*state, "UPDATE build_bundle SET certificate_expires = %lld WHERE build_id <> 'anew'", (long long)days(20)));
	sql(&h, "UPDATE build_bundle SET uploaded = 0 WHERE build_id = 'anew'");
	plan(&h, "d1");
	assert_string_equal(sql_text(*state, &h, "SELECT count(*) FROM job WHERE kind = 'managed_app_device'"), "0");
	sql(&h, "UPDATE build_bundle SET uploaded = 2 WHERE build_id = 'anew'");
	plan(&h, "d1");
	assert_string_equal(sql_text(*state, &h, "SELECT count(*) FROM job WHERE kind = 'managed_app_device'"), "1");
	/* one with other numbers, too; and where it is the provision that ends, and no newer one is here */
	sql(&h, "DELETE FROM job");
	sql(&h, "UPDATE build_bundle SET build = '8' WHERE build_id = 'anew'");
	plan(&h, "d1");
	assert_string_equal(sql_text(*state, &h, "SELECT count(*) FROM job WHERE kind = 'managed_app_device'"), "1");
	sql(&h, "DELETE FROM job");
	sql(&h, mem_printf(*state, "UPDATE build_bundle SET certificate_expires = %lld WHERE build_id <> 'anew'", (long long)days(90)));
	sql(&h, mem_printf(*state, "UPDATE build_bundle SET expires = %lld WHERE build_id <> 'anew'", (long long)days(40)));
	sql(&h, mem_printf(*state, "UPDATE provision SET expires = %lld", (long long)days(40)));
	plan(&h, "d1");
	assert_string_equal(sql_text(*state, &h, "SELECT cause FROM held_app"), "provision");
	assert_string_equal(sql_text(*state, &h, "SELECT count(*) FROM job WHERE kind = 'managed_app_device'"), "1");
	sql(&h, "DELETE FROM job");
	newer(&h, "new-app", "TEAM.com.example.stock", "", 365);
	newer(&h, "new-ext", "TEAM.com.example.stock.share", "com.example.stock.share", 365);
	plan(&h, "d1");
	assert_string_equal(sql_text(*state, &h, "SELECT count(*) FROM job WHERE kind = 'managed_app_device'"), "0");
	sql(&h, "DELETE FROM renewal");
	sql(&h, "DELETE FROM provision_fit WHERE uuid LIKE 'new-%'");
	sql(&h, mem_printf(*state, "UPDATE build_bundle SET certificate_expires = %lld WHERE build_id <> 'anew'", (long long)days(20)));
	plan(&h, "d1");
	/* a look that waits for the first lists is not hurried */
	sql(&h, mem_printf(*state, "UPDATE job SET due = %lld", (long long)clock_now() + 3600));
	plan(&h, "d1");
	assert_int_equal(atoll(sql_text(*state, &h, "SELECT due FROM job WHERE kind = 'managed_app_device'")), clock_now() + 3600);
}

static bool
tx_before(struct db *tx, void *arg, struct err *err)
{
	(void)arg;
	return renewal_before_install(tx, "d1", "com.example.stock", err);
}

static void
behaviour_13_before_an_app_its_newer_provisions_are_sent(void **state)
{
	struct house h = stock_house(*state);
	struct err err;

	sql(&h, "DELETE FROM installed_app");
	newer(&h, "new-app", "TEAM.com.example.stock", "", 365);
	assert_ok(db_tx(h.db, tx_before, NULL, &err), &err);
	assert_string_equal(rows_of(*state, &h), "install new-app sent");
	assert_int_equal(atoll(sql_text(*state, &h, "SELECT priority FROM command_queue")), QUEUE_PRIORITY_PERSON + 1);
	/* there already: nothing is sent */
	lists(&h, "d1", "new-app");
	plan(&h, "d1");
	sql(&h, "DELETE FROM command_queue");
	assert_ok(db_tx(h.db, tx_before, NULL, &err), &err);
	assert_string_equal(sql_text(*state, &h, "SELECT count(*) FROM command_queue"), "0");
}

/* "d1 com.example.stock, ..." of a list, page by page. */
static const char *
held(TALLOC_CTX *ctx, struct house *h, struct held_filter filter, int64_t limit)
{
	const char *text = "", *after = NULL;
	json_t *list, *item;
	struct err err;
	size_t i;

	do {
		assert_ok(held_list(h->db, &filter, after, limit, &list, &err), &err);
		assert_true(json_array_size(json_object_get(list, "items")) <= (size_t)limit);
		json_array_foreach(json_object_get(list, "items"), i, item)
			text = mem_printf(ctx, "%s%s%s %s %s", text, *text ? ", " : "", text_of(item, "device_id"), text_of(item, "bundle_id"),
					  text_of(item, "doing"));
		after = mem_text(ctx, json_string_value(json_object_get(list, "next")));
		json_decref(list);
	} while (after);
	return text;
}

static void
the_list_says_which_device_has_which_app_under_which_provision_and_certificate_until_when(void **state)
{
	struct house h = fleet(*state, 3);
	json_t *list, *item, *names;
	struct err err;

	/* d2 has another app as well, whose certificate ends */
	provision(&h, "old-field", "TEAM.com.example.field", 300, NULL);
	bundle(&h, "com.example.field", "", "old-field", 300, 20);
	sql(&h, "UPDATE build_bundle SET certificate = 'bb', certificate_name = 'Old' WHERE build_id = 'com.example.field'");
	holds(&h, "d2", "com.example.field");
	for (int i = 1; i <= 3; i++)
		plan(&h, mem_printf(*state, "d%d", i));
	sql(&h, "UPDATE renewal SET state = 'failed' WHERE device_id = 'd3'");
	for (int limit = 1; limit <= 500; limit += 2)
		assert_string_equal(held(*state, &h, (struct held_filter){ 0 }, limit), "d2 com.example.field resign, d1 com.example.stock"
				    " renewing, d2 com.example.stock renewing, d3 com.example.stock failing");
	/* each of the ways to ask for some */
	assert_string_equal(held(*state, &h, (struct held_filter){ .build_id = "com.example.field" }, 2), "d2 com.example.field resign");
	assert_string_equal(held(*state, &h, (struct held_filter){ .certificate = "bb" }, 2), "d2 com.example.field resign");
	assert_string_equal(held(*state, &h, (struct held_filter){ .cause = "certificate" }, 2), "d2 com.example.field resign");
	assert_string_equal(held(*state, &h, (struct held_filter){ .ends = days(20) }, 2), "d2 com.example.field resign");
	assert_string_equal(held(*state, &h, (struct held_filter){ .uuid = "old-field" }, 2), "d2 com.example.field resign");
	assert_string_equal(held(*state, &h, (struct held_filter){ .bundle_id = "com.example.field", .build_id = "" }, 2),
			    "d2 com.example.field resign");
	assert_string_equal(held(*state, &h, (struct held_filter){ .bundle_id = "com.example.field", .cause = "provision" }, 2), "");
	assert_string_equal(held(*state, &h, (struct held_filter){ .build_id = "none" }, 2), "");
	/* and all that is joined */
	assert_ok(held_list(h.db, &(struct held_filter){ .certificate = "bb" }, NULL, 10, &list, &err), &err);
	item = json_array_get(json_object_get(list, "items"), 0);
	assert_string_equal(text_of(item, "device"), "UDID-d2");
	assert_string_equal(text_of(item, "build"), "7");
	assert_string_equal(text_of(item, "ends"), clock_text(*state, days(20)));
	assert_string_equal(text_of(json_object_get(item, "provision"), "uuid"), "old-field");
	assert_string_equal(text_of(json_object_get(item, "provision"), "expires"), clock_text(*state, days(300)));
	assert_string_equal(text_of(json_object_get(item, "certificate"), "name"), "Old");
	assert_string_equal(text_of(json_object_get(item, "certificate"), "expires"), clock_text(*state, days(20)));
	json_decref(list);
	assert_ok(held_names(h.db, &(struct held_filter){ .build_id = "com.example.field", .certificate = "bb", .uuid = "old-field" },
			     &names, &err), &err);
	assert_string_equal(text_of(names, "version"), "1.0");
	assert_string_equal(text_of(names, "certificate"), "Old");
	assert_string_equal(text_of(names, "provision"), "old-field");
	json_decref(names);
	assert_ok(held_names(h.db, &(struct held_filter){ .build_id = "none" }, &names, &err), &err);
	assert_true(json_is_null(json_object_get(names, "version")));
	json_decref(names);
}

static void
what_leaves_management_is_forgotten(void **state)
{
	struct house h = fleet(*state, 1);

	sql(&h, "UPDATE enrollment SET state = 'removed'");
	plan(&h, "d1");
	assert_string_equal(rows_of(*state, &h), "");
	assert_string_equal(sql_text(*state, &h, "SELECT count(*) FROM held_app"), "0");
}

/* Processor time of 20 plans. */
static clock_t
cost(struct house *h)
{
	clock_t begun = clock();

	for (int i = 0; i < 20; i++)
		plan(h, "d1");
	return clock() - begun;
}

static void
what_is_planned_for_one_device_costs_no_more_in_a_large_fleet(void **state)
{
	struct house h = fleet(*state, 2);
	clock_t alone = cost(&h), among;

	sql(&h, "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000) INSERT INTO renewal (device_id, uuid,"
	    " action, state, sent, changed) SELECT 'd2', 'p' || i, CASE i % 2 WHEN 0 THEN 'install' ELSE 'remove' END,"
	    " CASE i % 3 WHEN 0 THEN 'wanted' WHEN 1 THEN 'failed' ELSE 'done' END, i, i FROM n");
	among = cost(&h);
	if (among > 4 * alone + CLOCKS_PER_SEC / 10)
		fail_msg("%ld us alone, %ld us among 100,000 rows of others", (long)alone, (long)among);
}

TESTS(must_65_a_set_goes_out_when_it_is_whole_and_not_before,
      a_watch_app_s_provision_belongs_to_the_set_as_an_extension_s_does,
      in_the_last_week_half_a_set_is_better_than_none,
      of_several_that_fit_the_last_one_to_end_goes_and_a_plan_that_is_overtaken_is_dropped,
      must_67_a_certificate_that_ends_is_said_and_no_provision_is_sent,
      ad_hoc_provisions_go_to_the_devices_they_list_alone,
      must_66_an_old_one_goes_when_newer_ones_are_listed_and_nobody_else_needs_it,
      a_wildcard_that_an_unknown_app_may_need_stays, nothing_is_removed_by_a_list_of_apps_that_is_not_of_today,
      of_two_builds_with_the_same_numbers_the_worse_is_assumed,
      of_two_builds_with_the_same_numbers_the_one_that_our_command_brought_is_there,
      where_certificate_and_provision_end_together_no_provision_is_said_to_help,
      where_a_build_signed_anew_is_placed_the_plan_of_apps_looks_at_whose_certificate_ends,
      behaviour_13_before_an_app_its_newer_provisions_are_sent,
      the_list_says_which_device_has_which_app_under_which_provision_and_certificate_until_when,
      what_leaves_management_is_forgotten, what_is_planned_for_one_device_costs_no_more_in_a_large_fleet)
