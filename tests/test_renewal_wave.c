/* When planned provisions go out, who holds them back, and how their rows move. */
#include "tests/check_renewal.h"
#include "catalog/provision_keep.h"
#include "catalog/renewal.h"
#include "core/clock.h"
#include "mdm/queue.h"
#include "web/rooms.h"
#include <stdlib.h>

struct waving { struct renewal_pace pace; struct renewal_quota left; bool more; int64_t next; };

static bool
tx_wave(struct db *tx, void *arg, struct err *err)
{
	struct waving *w = arg;

	return renewal_wave(tx, &w->pace, &w->left, &w->more, &w->next, err);
}

static int64_t
wave(struct house *h, struct renewal_pace pace)
{
	struct waving w = { .pace = pace };
	struct err err;

	assert_ok(renewal_quota(h->db, &pace, &w.left, &err), &err);
	assert_ok(db_tx(h->db, tx_wave, &w, &err), &err);
	return w.next;
}

#define ALL_AT_ONCE	((struct renewal_pace){ 100, 0, 30, false })

#define SENT "SELECT count(DISTINCT device_id) FROM renewal WHERE state = 'sent'"

static void
waves_go_by_percent_and_count_each_hour(void **state)
{
	struct house h = fleet(*state, 10);
	struct renewal_pace pace = { 30, 0, 30, false };

	wave(&h, pace);
	assert_string_equal(sql_text(*state, &h, SENT), "3");
	wave(&h, pace);			/* in the same hour nobody more */
	assert_string_equal(sql_text(*state, &h, SENT), "3");
	set_now(&h, "2026-11-22T13:01:00Z");
	pace.devices = 2;
	wave(&h, pace);
	assert_string_equal(sql_text(*state, &h, SENT), "5");
	pace.paused = true;
	set_now(&h, "2026-11-22T15:00:00Z");
	wave(&h, pace);
	assert_string_equal(sql_text(*state, &h, SENT), "5");
	/* both of a set go to a device together */
	assert_string_equal(sql_text(*state, &h, "SELECT count(*) FROM command_queue q JOIN command c ON c.id = q.command_id WHERE"
				" c.request_type = 'InstallProvisioningProfile'"), "10");
}

static void
removals_go_in_waves_too_and_stand_still_while_waves_are_paused(void **state)
{
	struct house h = fleet(*state, 10);
	struct renewal_pace pace = { 30, 0, 30, true };

	for (int i = 1; i <= 10; i++)
		for (size_t k = 0; k < 4; k++)
			if (i > 1 || k > 1)	/* the first lists the old ones from the beginning */
				lists(&h, mem_printf(*state, "d%d", i), (const char *[]){ "old-app", "old-ext", "new-app", "new-ext" }[k]);
	for (int i = 1; i <= 10; i++)
		plan(&h, mem_printf(*state, "d%d", i));
	wave(&h, pace);
	assert_string_equal(sql_text(*state, &h, SENT), "0");
	pace.paused = false;
	wave(&h, pace);
	wave(&h, pace);			/* in the same hour nobody more */
	assert_string_equal(sql_text(*state, &h, SENT), "3");
	assert_string_equal(sql_text(*state, &h, "SELECT count(*) FROM renewal WHERE state = 'sent' AND action = 'remove'"), "6");
	for (int i = 0; i < 3; i++) {
		set_now(&h, mem_printf(*state, "2026-11-22T%d:30:00Z", 13 + i));
		wave(&h, pace);
	}
	assert_string_equal(sql_text(*state, &h, SENT), "10");
}

static void
thirty_days_before_the_end_it_goes_to_everybody_whatever_the_pace(void **state)
{
	struct house h = fleet(*state, 10);

	set_now(&h, "2026-12-02T12:00:01Z");
	wave(&h, (struct renewal_pace){ 1, 1, 30, true });
	assert_string_equal(sql_text(*state, &h, SENT), "10");
}

/* ---- somebody pauses one ---- */

static void
paused(struct house *h, const char *uuid, bool is)
{
	struct err err;

	for (int i = 0; i < 2; i++)	/* twice is once */
		assert_ok(renewal_pause(h->db, h->anna, uuid, is, &err), &err);
}

static void
the_waves_of_a_provision_stand_still_until_they_are_let_go_on_and_others_do_not(void **state)
{
	struct house h = fleet(*state, 10);

	paused(&h, "new-app", true);
	wave(&h, ALL_AT_ONCE);
	assert_string_equal(sql_text(*state, &h, "SELECT count(*) FROM renewal WHERE state = 'sent' AND uuid = 'new-ext'"), "10");
	assert_string_equal(sql_text(*state, &h, "SELECT count(*) FROM renewal WHERE state = 'wanted' AND uuid = 'new-app'"), "10");
	sql(&h, "DELETE FROM job");
	paused(&h, "new-app", false);
	assert_string_equal(sql_text(*state, &h, "SELECT count(*) FROM job WHERE kind = 'renewal_wave' AND due <= created"), "1");
	wave(&h, ALL_AT_ONCE);
	assert_string_equal(sql_text(*state, &h, "SELECT count(*) FROM renewal WHERE state = 'sent'"), "20");
	assert_string_equal(sql_text(*state, &h, "SELECT count(*) FROM audit WHERE act = 'provision.pause' AND actor = 'anna'"), "1");
	assert_string_equal(sql_text(*state, &h, "SELECT count(*) FROM audit WHERE act = 'provision.resume' AND actor = 'anna'"), "1");
}

static void
what_is_paused_goes_out_thirty_days_before_the_end_all_the_same(void **state)
{
	struct house h = fleet(*state, 3);
	struct waving w = { .pace = ALL_AT_ONCE };
	struct err err;

	paused(&h, "new-app", true);
	paused(&h, "new-ext", true);
	set_now(&h, "2026-12-02T11:00:00Z");
	assert_ok(renewal_quota(h.db, &w.pace, &w.left, &err), &err);
	assert_ok(db_tx(h.db, tx_wave, &w, &err), &err);
	assert_string_equal(sql_text(*state, &h, SENT), "0");
	assert_int_equal(w.left.installs, 3);	/* and takes nobody's place */
	set_now(&h, "2026-12-02T12:00:01Z");
	wave(&h, ALL_AT_ONCE);
	assert_string_equal(sql_text(*state, &h, "SELECT count(*) FROM renewal WHERE state = 'sent'"), "6");
}

static void
where_a_paused_one_came_the_old_ones_stay(void **state)
{
	struct house h = fleet(*state, 2);

	for (size_t k = 0; k < 4; k++)
		for (size_t i = k < 2; i < 2; i++)	/* the first lists the old ones from the beginning */
			lists(&h, i ? "d2" : "d1", (const char *[]){ "old-app", "old-ext", "new-app", "new-ext" }[k]);
	plan(&h, "d1");
	plan(&h, "d2");
	paused(&h, "new-app", true);
	wave(&h, ALL_AT_ONCE);
	assert_string_equal(sql_text(*state, &h, SENT), "0");
	paused(&h, "new-app", false);
	wave(&h, ALL_AT_ONCE);
	assert_string_equal(sql_text(*state, &h, "SELECT count(*) FROM renewal WHERE state = 'sent' AND action = 'remove'"), "4");
}

static void
it_is_said_that_waves_stand_still_and_by_whom(void **state)
{
	struct house h = fleet(*state, 3);
	struct err err;
	json_t *list, *p;

	paused(&h, "new-app", true);
	assert_ok(renewal_endings(h.db, VIEWER_HOUSE, NULL, INT64_MAX, &list, &err), &err);
	assert_int_equal(json_integer_value(json_object_get(json_array_get(list, 0), "paused")), 3);
	assert_string_equal(json_string_value(json_object_get(json_array_get(list, 0), "paused_by")), "anna");
	json_decref(list);
	assert_ok(provision_show(h.db, VIEWER_HOUSE, "new-app", &p, &err), &err);
	assert_string_equal(json_string_value(json_object_get(json_object_get(p, "paused"), "by")), "anna");
	json_decref(p);
	paused(&h, "new-app", false);
	assert_ok(provision_show(h.db, VIEWER_HOUSE, "new-app", &p, &err), &err);
	assert_true(json_is_null(json_object_get(p, "paused")));
	json_decref(p);
}

static void
who_publishes_all_that_it_is_for_may_pause_it_and_any_of_it_let_it_go_on(void **state)
{
	const char *const stock[] = { "com.example.stock", NULL }, *const others[] = { "com.example.other", NULL };
	struct house h = fleet(*state, 1);
	struct person few = *h.paul, *other;
	struct err err;
	json_t *p;

	few.apps = stock;
	sql(&h, "UPDATE person SET all_apps = FALSE WHERE name = 'paul'");
	sql(&h, "INSERT INTO app (id, bundle_id, name, folded, created) VALUES ('stock', 'com.example.stock', 'Stock', 'stock', 1)");
	sql(&h, "INSERT INTO publisher_app (person_id, bundle_id) SELECT id, 'com.example.stock' FROM person WHERE name = 'paul'");
	assert_false(renewal_pause(h.db, h.mia, "new-app", true, &err));
	assert_int_equal(err.kind, ERR_MISSING);
	assert_false(renewal_pause(h.db, NULL, "nowhere", true, &err));
	assert_int_equal(err.kind, ERR_MISSING);
	assert_ok(renewal_pause(h.db, &few, "new-app", true, &err), &err);
	/* it is for that, too: its publisher did not pause it */
	bundle(&h, "com.example.other", "", "new-app", 365, 900);
	other = publisher_of(*state, &h, "olga", "com.example.other");
	other->apps = others;
	sql(&h, "INSERT INTO app (id, bundle_id, name, folded, created) VALUES ('other', 'com.example.other', 'Other', 'other', 1)");
	assert_ok(provision_show(h.db, VIEWER_HOUSE, "new-app", &p, &err), &err);
	assert_true(renewal_may_pause(other, p));
	json_decref(p);
	assert_ok(renewal_pause(h.db, other, "new-app", false, &err), &err);
	assert_ok(provision_show(h.db, VIEWER_HOUSE, "new-app", &p, &err), &err);
	assert_false(renewal_may_pause(other, p));
	assert_false(renewal_may_pause(&few, p));
	json_decref(p);
	assert_false(renewal_pause(h.db, &few, "new-app", true, &err));
	assert_int_equal(err.kind, ERR_DENIED);
	paused(&h, "new-app", true);
	/* it fits nothing, and may come to fit anything: who has uploaded it may not, and who publishes all may */
	sql(&h, "DELETE FROM provision_fit WHERE uuid = 'new-app'");
	sql(&h, "UPDATE provision SET person_id = (SELECT id FROM person WHERE name = 'paul') WHERE uuid = 'new-app'");
	assert_ok(renewal_pause(h.db, &few, "new-app", false, &err), &err);
	assert_false(renewal_pause(h.db, &few, "new-app", true, &err));
	assert_int_equal(err.kind, ERR_DENIED);
	assert_ok(renewal_pause(h.db, h.paul, "new-app", true, &err), &err);
	assert_ok(renewal_pause(h.db, NULL, "new-app", false, &err), &err);
	assert_string_equal(sql_text(*state, &h, "SELECT actor FROM audit WHERE act = 'provision.resume' ORDER BY id DESC LIMIT 1"), "cli");
}

static void
a_device_without_the_right_says_so_and_is_looked_at_again(void **state)
{
	struct house h = fleet(*state, 1);

	sql(&h, "UPDATE enrollment SET access_rights = 19");
	wave(&h, ALL_AT_ONCE);
	assert_string_equal(sql_text(*state, &h, "SELECT state || ' ' || why FROM renewal"), "failed no_right");
	sql(&h, "UPDATE enrollment SET access_rights = 8191");
	set_now(&h, "2026-11-23T13:00:00Z");
	wave(&h, ALL_AT_ONCE);
	assert_string_equal(sql_text(*state, &h, "SELECT state FROM renewal"), "sent");
}

/* ---- states ---- */

struct coming { enum renewal_outcome outcome; };

static bool
tx_came(struct db *tx, void *arg, struct err *err)
{
	const struct coming *c = arg;

	return renewal_came(tx, "d1", "new-app", "install", c->outcome, "why", err);
}

static void
came(struct house *h, enum renewal_outcome outcome)
{
	struct err err;

	assert_ok(db_tx(h->db, tx_came, &(struct coming){ outcome }, &err), &err);
}

#define STATE "SELECT state FROM renewal WHERE uuid = 'new-app' AND action = 'install'"

static void
no_state_is_without_an_exit(void **state)
{
	struct house h = fleet(*state, 1);

	wave(&h, ALL_AT_ONCE);
	assert_string_equal(sql_text(*state, &h, STATE), "sent");
	/* its command waits: so does the row */
	set_now(&h, "2026-11-24T12:00:00Z");
	wave(&h, ALL_AT_ONCE);
	assert_string_equal(sql_text(*state, &h, STATE), "sent");
	/* the command is gone, and nobody said a word: it is sent again */
	sql(&h, "DELETE FROM command_queue");
	set_now(&h, "2026-11-26T12:00:00Z");
	wave(&h, ALL_AT_ONCE);
	assert_string_equal(sql_text(*state, &h, STATE), "sent");
	assert_string_equal(sql_text(*state, &h, "SELECT count(*) FROM command_queue"), "2");
	/* taken, and on no list: the list is asked for three times, then it has failed, and is sent again */
	came(&h, RENEWAL_TAKEN);
	assert_string_equal(sql_text(*state, &h, STATE), "acknowledged");
	for (int i = 0; i < 3; i++) {
		set_now(&h, mem_printf(*state, "2026-11-26T%d:30:00Z", 13 + 2 * i));
		wave(&h, ALL_AT_ONCE);
		assert_string_equal(sql_text(*state, &h, STATE), "acknowledged");
	}
	assert_string_equal(sql_text(*state, &h, "SELECT count(*) FROM command WHERE request_type = 'ProvisioningProfileList'"), "1");
	set_now(&h, "2026-11-26T20:00:00Z");
	wave(&h, ALL_AT_ONCE);
	assert_string_equal(sql_text(*state, &h, STATE), "failed");
	set_now(&h, "2026-11-26T21:30:00Z");
	wave(&h, ALL_AT_ONCE);
	assert_string_equal(sql_text(*state, &h, STATE), "sent");
	/* its command expired with the device away: it waits anew */
	came(&h, RENEWAL_LOST);
	assert_string_equal(sql_text(*state, &h, STATE), "wanted");
	/* listed at last */
	lists(&h, "d1", "new-app");
	plan(&h, "d1");
	assert_string_equal(sql_text(*state, &h, STATE), "done");
	/* and gone again: the device was erased; what failed before waits as it did */
	sql(&h, "DELETE FROM installed_provision");
	plan(&h, "d1");
	assert_string_equal(sql_text(*state, &h, STATE), "failed");
	set_now(&h, "2026-11-27T00:00:00Z");
	wave(&h, ALL_AT_ONCE);
	assert_string_equal(sql_text(*state, &h, STATE), "sent");
}

#define SINCE "SELECT due - changed FROM renewal WHERE uuid = 'new-app'"

static void
what_is_taken_and_never_listed_is_sent_ever_later_and_then_given_up_with_its_reason(void **state)
{
	static const int hours[] = { 1, 2, 4, 8, 16, 24, 24 };
	struct house h = fleet(*state, 1);

	for (size_t i = 0; i <= sizeof hours / sizeof *hours; i++) {
		wave(&h, ALL_AT_ONCE);
		assert_string_equal(sql_text(*state, &h, STATE), "sent");
		sql(&h, "DELETE FROM command_queue");
		came(&h, RENEWAL_TAKEN);
		for (int k = 0; k < 4; k++) {
			set_now(&h, clock_text(*state, clock_now() + 3601));
			wave(&h, ALL_AT_ONCE);
		}
		assert_string_equal(sql_text(*state, &h, STATE), "failed");
		if (i == sizeof hours / sizeof *hours)
			break;
		assert_string_equal(sql_text(*state, &h, "SELECT why FROM renewal WHERE uuid = 'new-app'"), "not_listed");
		assert_int_equal(atoll(sql_text(*state, &h, SINCE)), hours[i] * 3600);
		set_now(&h, clock_text(*state, clock_now() + hours[i] * 3600 + 1));
	}
	assert_string_equal(sql_text(*state, &h, "SELECT why FROM renewal WHERE uuid = 'new-app'"), "given_up");
	/* the end is 36 days away: it is tried again within a week, 30 days before the end at the latest, and then each day */
	assert_int_equal(sql_int(&h, "SELECT due - (ends - 30 * 86400) FROM renewal WHERE uuid = 'new-app'"), 0);
	set_now(&h, clock_text(*state, days(5)));
	plan(&h, "d1");
	wave(&h, ALL_AT_ONCE);
	assert_string_equal(sql_text(*state, &h, STATE), "failed");
	for (int i = 0; i < 3; i++) {
		set_now(&h, clock_text(*state, days(2)));
		wave(&h, ALL_AT_ONCE);
		assert_string_equal(sql_text(*state, &h, STATE), "sent");
		sql(&h, "DELETE FROM command_queue");
		came(&h, RENEWAL_TAKEN);
		for (int k = 0; k < 4; k++) {
			set_now(&h, clock_text(*state, clock_now() + 3601));
			wave(&h, ALL_AT_ONCE);
		}
		assert_string_equal(sql_text(*state, &h, "SELECT why FROM renewal WHERE uuid = 'new-app'"), "given_up");
		assert_int_equal(sql_int(&h, SINCE), 86400);
	}
	sql(&h, "UPDATE renewal SET state = 'acknowledged', due = 1, asked = 3, ends = ends + 100 * 86400 WHERE uuid = 'new-app'");
	wave(&h, ALL_AT_ONCE);
	assert_int_equal(sql_int(&h, SINCE), 7 * 86400);
	/* a list has it after all */
	lists(&h, "d1", "new-app");
	plan(&h, "d1");
	assert_string_equal(sql_text(*state, &h, STATE), "done");
}

static void
what_is_listed_and_gone_again_and_again_is_sent_ever_later(void **state)
{
	static const int hours[] = { 0, 2, 4, 8 };
	struct house h = fleet(*state, 1);

	for (size_t i = 0; i < sizeof hours / sizeof *hours; i++) {
		lists(&h, "d1", "new-app");
		plan(&h, "d1");
		assert_string_equal(sql_text(*state, &h, STATE), "done");
		sql(&h, "DELETE FROM installed_provision WHERE uuid = 'new-app'");
		plan(&h, "d1");
		assert_string_equal(sql_text(*state, &h, STATE), hours[i] ? "failed" : "wanted");
		if (hours[i])
			assert_int_equal(atoll(sql_text(*state, &h, SINCE)), hours[i] * 3600);
	}
}

static void
a_queue_that_is_full_is_tried_again_in_an_hour_and_stands_in_nobody_s_way(void **state)
{
	struct house h = fleet(*state, 2);

	sql(&h, "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000) INSERT INTO command_queue"
	    " (enrollment_id, command_id, state, priority, not_before, expires, due) SELECT 'e-d1', 100000 + i, 'ready', 0, 0,"
	    " 4000000000, 4000000000 FROM n");
	wave(&h, ALL_AT_ONCE);
	assert_string_equal(rows_of(*state, &h), "install new-app failed, install new-ext failed, install new-app sent, install new-ext sent");
	assert_string_equal(sql_text(*state, &h, "SELECT why FROM renewal WHERE device_id = 'd1'"), "full");
	assert_string_equal(sql_text(*state, &h, "SELECT due - changed FROM renewal WHERE device_id = 'd1'"), "3600");
	sql(&h, "DELETE FROM command_queue WHERE enrollment_id = 'e-d1'");
	set_now(&h, "2026-11-22T13:00:01Z");
	wave(&h, ALL_AT_ONCE);
	assert_string_equal(rows_of(*state, &h), "install new-app sent, install new-ext sent, install new-app sent, install new-ext sent");
}

static void
a_clock_that_was_ahead_holds_nothing_back(void **state)
{
	struct house h = fleet(*state, 3);

	set_now(&h, "2028-11-22T12:00:00Z");
	wave(&h, (struct renewal_pace){ 30, 0, 30, false });
	assert_string_equal(sql_text(*state, &h, SENT), "3");
	came(&h, RENEWAL_REFUSED);
	set_now(&h, "2026-11-22T12:10:00Z");
	wave(&h, (struct renewal_pace){ 30, 0, 0, false });
	assert_string_equal(sql_text(*state, &h, STATE " AND device_id = 'd1'"), "sent");
	assert_string_equal(sql_text(*state, &h, "SELECT count(*) FROM renewal WHERE due > 1800000000"), "0");
}

static void
a_wave_s_quota_is_for_all_of_its_transactions_and_reports_are_gathered_for_one(void **state)
{
	struct house h = fleet(*state, 10);
	struct waving w = { .pace = { 30, 0, 30, false } };
	struct err err;

	assert_string_equal(sql_text(*state, &h, "SELECT due - created FROM job WHERE kind = 'renewal_wave'"), "60");
	assert_ok(renewal_quota(h.db, &w.pace, &w.left, &err), &err);
	assert_int_equal(w.left.installs, 3);
	for (int i = 0; i < 2; i++)
		assert_ok(db_tx(h.db, tx_wave, &w, &err), &err);
	assert_int_equal(w.left.installs, 0);
	assert_string_equal(sql_text(*state, &h, SENT), "3");
}

static void
refusals_are_tried_again_ever_later_and_at_least_once_a_day(void **state)
{
	static const int hours[] = { 1, 2, 4, 8, 16, 24, 24 };
	struct house h = fleet(*state, 1);

	for (size_t i = 0; i < sizeof hours / sizeof *hours; i++) {
		int64_t before = clock_now();

		wave(&h, ALL_AT_ONCE);
		assert_string_equal(sql_text(*state, &h, STATE), "sent");
		came(&h, RENEWAL_REFUSED);
		assert_int_equal(atoll(sql_text(*state, &h, "SELECT due FROM renewal WHERE uuid = 'new-app'")) - before, hours[i] * 3600);
		set_now(&h, clock_text(*state, before + hours[i] * 3600 + 1));
	}
}

#define QUEUED "SELECT coalesce(min(c.request_type), 'nothing') FROM command_queue q JOIN command c ON c.id = q.command_id"

static bool
tx_before(struct db *tx, void *arg, struct err *err)
{
	(void)arg;
	return renewal_before_install(tx, "d1", "com.example.stock", err);
}

static void
who_may_not_be_sent_provisions_is_sent_none_before_an_app_and_none_is_taken_off(void **state)
{
	struct house h = stock_house(*state);
	struct err err;

	newer(&h, "new-app", "TEAM.com.example.stock", "", 365);
	provision(&h, "over", "TEAM.com.example.gone", -3, NULL);
	lists(&h, "d1", "over");
	plan(&h, "d1");
	sql(&h, "UPDATE enrollment SET access_rights = 8191 - 128");
	assert_ok(db_tx(h.db, tx_before, NULL, &err), &err);
	assert_string_equal(sql_text(*state, &h, QUEUED), "nothing");
	wave(&h, ALL_AT_ONCE);
	assert_string_equal(sql_text(*state, &h, QUEUED), "nothing");
	assert_string_equal(sql_text(*state, &h, "SELECT min(state || ' ' || why) || ' ' || count(*) FROM renewal WHERE action = 'remove'"),
			    "failed no_right 1");
	/* with the right both go, a day later */
	sql(&h, "UPDATE enrollment SET access_rights = 8191");
	set_now(&h, "2026-11-23T12:01:00Z");
	wave(&h, ALL_AT_ONCE);
	assert_string_equal(sql_text(*state, &h, "SELECT count(*) FROM command_queue"), "2");
}

static void
a_queue_that_was_cleared_says_nothing_of_the_provisions_in_it(void **state)
{
	static const struct command_kind kinds[] = { { .name = RENEWAL_KIND_INSTALL, .ended = provision_ended }, { 0 } };
	struct house h = fleet(*state, 1);
	struct err err;
	int64_t n;

	queue_kinds(kinds, NULL);
	wave(&h, ALL_AT_ONCE);
	assert_string_equal(sql_text(*state, &h, STATE), "sent");
	assert_ok(queue_clear(h.db, "anna", "d1", &n, &err), &err);
	assert_string_equal(sql_text(*state, &h, STATE), "wanted");
	assert_string_equal(sql_text(*state, &h, "SELECT attempts FROM renewal WHERE uuid = 'new-app'"), "0");
	wave(&h, ALL_AT_ONCE);
	assert_string_equal(sql_text(*state, &h, STATE), "sent");
	queue_kinds(NULL, NULL);
}

TESTS(a_queue_that_was_cleared_says_nothing_of_the_provisions_in_it,
      who_may_not_be_sent_provisions_is_sent_none_before_an_app_and_none_is_taken_off,
      waves_go_by_percent_and_count_each_hour, removals_go_in_waves_too_and_stand_still_while_waves_are_paused,
      thirty_days_before_the_end_it_goes_to_everybody_whatever_the_pace,
      the_waves_of_a_provision_stand_still_until_they_are_let_go_on_and_others_do_not,
      what_is_paused_goes_out_thirty_days_before_the_end_all_the_same,
      where_a_paused_one_came_the_old_ones_stay, it_is_said_that_waves_stand_still_and_by_whom,
      who_publishes_all_that_it_is_for_may_pause_it_and_any_of_it_let_it_go_on,
      a_device_without_the_right_says_so_and_is_looked_at_again, no_state_is_without_an_exit,
      what_is_taken_and_never_listed_is_sent_ever_later_and_then_given_up_with_its_reason,
      what_is_listed_and_gone_again_and_again_is_sent_ever_later,
      a_queue_that_is_full_is_tried_again_in_an_hour_and_stands_in_nobody_s_way,
      a_clock_that_was_ahead_holds_nothing_back,
      a_wave_s_quota_is_for_all_of_its_transactions_and_reports_are_gathered_for_one,
      refusals_are_tried_again_ever_later_and_at_least_once_a_day)
