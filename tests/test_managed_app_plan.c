/* Apps on managed devices: what is planned for a device, and that nothing is looked for row by row. */
#include "tests/check_managed_app.h"
#include "catalog/managed_app_inner.h"
#include "catalog/renewal.h"
#include "catalog/rollout.h"
#include "core/clock.h"
#include "mdm/queue_turn.h"
#include "web/managed_apps.h"

static void leaves(struct house *h) { sql(h, "DELETE FROM audience_person"); }
static void
comes_back(struct house *h)
{
	sql(h, "INSERT INTO audience_person (audience_id, person_id) SELECT 'them', id FROM person WHERE name = 'mia'");
}

static void
who_left_by_mistake_and_is_back_keeps_the_app_and_its_data(void **state)
{
	static const char *const since[] = { "", "UPDATE managed_app SET attempts = 1", "UPDATE managed_app SET state = 'failed', why = 'not_removed'",
					     "UPDATE managed_app SET state = 'timed_out', began = 5", "UPDATE channel SET required = TRUE" };
	char *build_id;
	struct house h = with_app(*state, &build_id);
	struct err err;

	for (size_t i = 0; i < sizeof since / sizeof *since; i++) {
		struct rows *rows;

		leaves(&h);
		assert_string_equal(planned(*state, &h), "removing required gone ");
		/* not at once */
		rows = db_query(*state, h.db, "SELECT due FROM managed_app");
		assert_ok(rows_one(rows, &err, "no row"), &err);
		assert_true(rows_int(rows, 0) >= clock_now() + 1800);
		rows_done(rows);
		assert_ok(managed_app_removing(h.db, "d1", APP, &err), &err);
		if (*since[i])
			sql(&h, since[i]);
		comes_back(&h);
		assert_string_equal(planned(*state, &h), mem_printf(*state, "installed %s %s ", i == 4 ? "required" : "asked", build_id));
		/* one that waits in the queue is refused at its delivery */
		assert_false(managed_app_removing(h.db, "d1", APP, &err));
	}
}

static void
a_removal_that_somebody_asked_for_or_that_was_taken_is_not_taken_back(void **state)
{
	char *build_id;
	struct house h = with_app(*state, &build_id);

	sql(&h, "UPDATE managed_app SET build_id = NULL, cause = 'admin', state = 'removing'");
	assert_string_equal(planned(*state, &h), "removing admin gone ");
	sql(&h, "UPDATE managed_app SET cause = 'required', began = 5");
	assert_string_equal(planned(*state, &h), "removing required gone ");
}

static void
a_channel_without_a_build_takes_nothing_away(void **state)
{
	char *build_id;
	struct house h = with_app(*state, &build_id);

	sql(&h, "UPDATE channel SET newest_build_id = NULL");
	assert_string_equal(planned(*state, &h), mem_printf(*state, "installed asked %s ", build_id));
	leaves(&h);
	assert_string_equal(planned(*state, &h), "removing required gone ");
	comes_back(&h);
	assert_string_equal(planned(*state, &h), mem_printf(*state, "installed asked %s ", build_id));
}

static void
what_its_owner_took_away_does_not_come_back_with_the_next_build_unless_it_is_required(void **state)
{
	char *build_id, *newer;
	struct house h = with_app(*state, &build_id);
	struct err err;

	newer = published(*state, &h, (struct sent){ .channel = "main", .build = "2" });
	sql(&h, "UPDATE installed_app SET installed = FALSE, state = 'ManagedButUninstalled'");
	assert_ok(managed_app_listed(h.db, "d1", true, &err), &err);
	assert_string_equal(planned(*state, &h), mem_printf(*state, "removed asked %s owner_removed", build_id));
	/* after a month its row is gone, and the device still says so */
	sql(&h, "DELETE FROM managed_app");
	assert_string_equal(planned(*state, &h), "");
	sql(&h, "UPDATE channel SET required = TRUE");
	assert_string_equal(planned(*state, &h), mem_printf(*state, "wanted required %s ", newer));
}

static void
made_for_ipad_alone(struct house *h, bool alone)
{
	struct err err;

	assert_ok(db_run(h->db, &err, "UPDATE build SET ipad_only = $1", db_bool(alone)), &err);
}

static void
an_app_for_the_ipad_alone_goes_to_no_iphone_though_it_is_required_and_the_row_says_why(void **state)
{
	char *build_id;
	struct house h = with_app(*state, &build_id);

	sql(&h, "DELETE FROM managed_app");
	sql(&h, "DELETE FROM installed_app");
	sql(&h, "UPDATE channel SET required = TRUE");
	made_for_ipad_alone(&h, true);
	sql(&h, "UPDATE device SET product = 'iPhone15,4'");
	assert_string_equal(planned(*state, &h), mem_printf(*state, "failed required %s needs_ipad", build_id));
	/* a device is what it reports */
	sql(&h, "UPDATE device SET product = 'iPad13,4'");
	assert_string_equal(planned(*state, &h), mem_printf(*state, "wanted required %s ", build_id));
	sql(&h, "DELETE FROM managed_app");
	made_for_ipad_alone(&h, false);
	assert_string_equal(planned(*state, &h), mem_printf(*state, "wanted required %s ", build_id));
}

static void
a_decline_is_about_its_own_build_alone(void **state)
{
	static const char *const causes[] = { "asked", "current", "required" };
	char *build_id, *newer;
	struct house h = with_app(*state, &build_id);

	sql(&h, "UPDATE managed_app SET state = 'declined', why = 'user', attempts = 1");
	assert_string_equal(planned(*state, &h), mem_printf(*state, "declined asked %s user", build_id));
	newer = published(*state, &h, (struct sent){ .channel = "main", .build = "2" });
	for (size_t i = 0; i < sizeof causes / sizeof *causes; i++) {
		const char *then = strcmp(causes[i], "required") == 0 ? "required" : "current";

		/* the update to build 1 was declined, and build 2 is here */
		sql(&h, mem_printf(*state, "UPDATE channel SET required = %s", strcmp(then, "required") == 0 ? "TRUE" : "FALSE"));
		sql(&h, mem_printf(*state, "UPDATE managed_app SET build_id = '%s', cause = '%s', state = 'declined', why = 'user', attempts = 1,"
				   " due = NULL", build_id, causes[i]));
		assert_string_equal(planned(*state, &h), mem_printf(*state, "wanted %s %s ", then, newer));
		/* and that one, too: nobody asks for it by a plan */
		sql(&h, "UPDATE managed_app SET state = 'declined', why = 'user', attempts = 1, due = NULL");
		assert_string_equal(planned(*state, &h), mem_printf(*state, "declined %s %s user", then, newer));
	}
	/* what somebody asked for and declined, and only then is required, is asked for as that */
	sql(&h, "UPDATE managed_app SET cause = 'asked', state = 'declined', why = 'user', attempts = 1, due = NULL");
	assert_string_equal(planned(*state, &h), mem_printf(*state, "wanted required %s ", newer));
	sql(&h, "UPDATE managed_app SET state = 'declined', why = 'user', attempts = 1");
	/* it need not be there any more: nobody asks again tomorrow */
	sql(&h, "UPDATE managed_app SET due = 2000000000");
	sql(&h, "UPDATE rollout SET keep_current = FALSE");
	sql(&h, "UPDATE channel SET required = FALSE");
	planned(*state, &h);
	assert_int_equal(sql_int(&h, "SELECT count(*) FROM managed_app WHERE due IS NOT NULL"), 0);
}

static void
a_device_of_nobody_is_one_of_everyones_and_one_of_a_disabled_person_gets_nothing(void **state)
{
	char *build_id, *newer;
	struct house h = with_app(*state, &build_id);
	struct err err;

	/* a kiosk: the app is for an audience, then for everyone */
	sql(&h, "DELETE FROM installed_app");
	sql(&h, "DELETE FROM managed_app");
	sql(&h, "UPDATE channel SET required = TRUE");
	sql(&h, "UPDATE device SET person_id = NULL");
	assert_string_equal(planned(*state, &h), "");
	sql(&h, "UPDATE channel SET audience_id = NULL");
	assert_string_equal(planned(*state, &h), mem_printf(*state, "wanted required %s ", build_id));
	assert_false(managed_app_remove(h.db, "anna", "d1", APP, &err));
	assert_string_equal(err.code, "required");
	/* what an admin put there by hand is kept current */
	sql(&h, "UPDATE channel SET required = FALSE");
	sql(&h, "UPDATE managed_app SET state = 'installed', cause = 'admin', ours = TRUE, due = NULL");
	sql(&h, "INSERT INTO installed_app (device_id, bundle_id, version, short_version, installed, managed, state, at)"
		" VALUES ('d1', '" APP "', '1', '1.0', TRUE, TRUE, 'Managed', 1)");
	newer = published(*state, &h, (struct sent){ .channel = "main", .build = "2" });
	assert_string_equal(planned(*state, &h), mem_printf(*state, "wanted current %s ", newer));
	sql(&h, "DELETE FROM managed_app");
	sql(&h, "UPDATE device SET person_id = (SELECT id FROM person WHERE name = 'mia')");
	sql(&h, "UPDATE person SET disabled = TRUE WHERE name = 'mia'");
	assert_string_equal(planned(*state, &h), "");
}

static void
what_could_not_be_installed_is_looked_at_again_after_attempts_too(void **state)
{
	static const char *const whys[] = { "needs_ios", "not_listed", "no_right", "not_installable", "rejected" };
	char *build_id;
	struct house h = with_app(*state, &build_id);
	struct err err;

	for (size_t i = 0; i < sizeof whys / sizeof *whys; i++) {
		sql(&h, mem_printf(*state, "UPDATE managed_app SET state = 'failed', why = '%s', attempts = 2", whys[i]));
		sql(&h, "DELETE FROM job");
		assert_ok(managed_app_fits_again(h.db, "d1", &err), &err);
		assert_int_equal(sql_int(&h, "SELECT count(*) FROM job WHERE kind = 'managed_app_device'"), i < 4);
	}
}

static void
what_was_given_up_as_somebodys_wish_goes_on_once_it_is_to_be_there_by_itself(void **state)
{
	char *build_id, *newer;
	struct house h = with_app(*state, &build_id);
	struct err err;

	newer = published(*state, &h, (struct sent){ .channel = "main", .build = "2" });
	sql(&h, mem_printf(*state, "UPDATE managed_app SET build_id = '%s', state = 'failed', why = 'device', attempts = 5, due = NULL", newer));
	assert_string_equal(planned(*state, &h), mem_printf(*state, "wanted current %s ", newer));
	/* not what somebody took back */
	sql(&h, "UPDATE managed_app SET state = 'failed', why = 'cancelled', attempts = 5, due = NULL");
	assert_string_equal(planned(*state, &h), mem_printf(*state, "failed current %s cancelled", newer));
	/* it goes on once a day, but not for who is disabled, nor while it is paused */
	sql(&h, "UPDATE managed_app SET state = 'failed', why = 'device', attempts = 9, due = 1");
	sql(&h, "UPDATE rollout SET paused = TRUE");
	assert_ok(managed_app_sweep(h.db, at_any_time, NULL, &err), &err);
	assert_string_equal(sql_text(*state, &h, "SELECT state FROM managed_app"), "failed");
	sql(&h, "UPDATE rollout SET paused = FALSE");
	sql(&h, "UPDATE person SET disabled = TRUE WHERE name = 'mia'");
	sql(&h, "UPDATE managed_app SET due = 1");
	assert_ok(managed_app_sweep(h.db, at_any_time, NULL, &err), &err);
	assert_string_equal(sql_text(*state, &h, "SELECT state FROM managed_app"), "wanted");
	sql(&h, "UPDATE person SET disabled = FALSE WHERE name = 'mia'");
	sql(&h, "UPDATE managed_app SET due = 1");
	assert_ok(managed_app_sweep(h.db, at_any_time, NULL, &err), &err);
	assert_string_equal(sql_text(*state, &h, "SELECT state || ' ' || attempts FROM managed_app"), "queued 10");
	/* a wave that was stopped ends it */
	sql(&h, "UPDATE managed_app SET state = 'failed', why = 'device', due = 1");
	assert_ok(managed_app_stopped(h.db, APP, newer, &err), &err);
	assert_string_equal(sql_text(*state, &h, "SELECT state || ' ' || build_id FROM managed_app"), mem_printf(*state, "installed %s", build_id));
}

/* ---- a device without a required app, while its newest build is not for it ---- */

static void
wave(struct house *h, const char *build_id, int64_t reached, bool stopped)
{
	struct err err;

	assert_ok(db_run(h->db, &err, "DELETE FROM rollout_wave WHERE build_id = $1", db_text(build_id)), &err);
	assert_ok(db_run(h->db, &err, "INSERT INTO rollout_wave (app_id, build_id, reached, stopped, began, changed) SELECT id, $1, $2, $3, 1, 1"
			 " FROM app", db_text(build_id), db_int(reached), db_bool(stopped)), &err);
}

/* Erased, and mia must have the app. */
static struct house
without_app(TALLOC_CTX *ctx, char **build_id)
{
	struct house h = with_app(ctx, build_id);

	sql(&h, "UPDATE channel SET required = TRUE");
	sql(&h, "DELETE FROM managed_app");
	sql(&h, "DELETE FROM installed_app");
	return h;
}

static void
a_new_device_gets_the_newest_build_of_a_required_app_whose_wave_has_reached_it(void **state)
{
	char *one;
	struct house h = without_app(*state, &one);
	const char *first = mem_printf(*state, "wanted required %s ", one);
	char *two = published(*state, &h, (struct sent){ .channel = "main", .build = "2" });
	char *three = published(*state, &h, (struct sent){ .channel = "main", .build = "3" });

	/* the newest was stopped, or has not come to this device */
	wave(&h, three, 100, true);
	wave(&h, two, 0, false);
	wave(&h, one, 100, false);
	assert_string_equal(planned(*state, &h), first);
	wave(&h, three, 0, false);
	assert_string_equal(planned(*state, &h), first);
	/* of before its waves */
	sql(&h, mem_printf(*state, "DELETE FROM rollout_wave WHERE build_id = '%s'", one));
	sql(&h, "DELETE FROM managed_app");
	assert_string_equal(planned(*state, &h), first);
	/* one that is stopped goes to nobody; one in its wave, to who is in it alone */
	wave(&h, one, 100, true);
	sql(&h, "DELETE FROM managed_app");
	assert_string_equal(planned(*state, &h), "");
	wave(&h, two, rollout_number("d1", two), false);
	assert_string_equal(planned(*state, &h), "");
	wave(&h, two, rollout_number("d1", two) + 1, false);
	assert_string_equal(planned(*state, &h), mem_printf(*state, "wanted required %s ", two));
	wave(&h, three, rollout_number("d1", three) + 1, false);
	assert_string_equal(planned(*state, &h), mem_printf(*state, "wanted required %s ", three));
}

static void
who_has_the_app_keeps_it_until_the_wave_comes_and_a_pause_holds_everything(void **state)
{
	char *one;
	struct house h = without_app(*state, &one);
	char *two = published(*state, &h, (struct sent){ .channel = "main", .build = "2" });

	wave(&h, two, 0, false);
	sql(&h, "UPDATE rollout SET paused = TRUE");
	assert_string_equal(planned(*state, &h), "");
	sql(&h, "UPDATE rollout SET paused = FALSE");
	/* nobody must have it */
	sql(&h, "UPDATE channel SET required = FALSE");
	assert_string_equal(planned(*state, &h), "");
	sql(&h, "UPDATE channel SET required = TRUE");
	assert_string_equal(planned(*state, &h), mem_printf(*state, "wanted required %s ", one));
	sql(&h, "INSERT INTO installed_app (device_id, bundle_id, version, short_version, installed, managed, state, at)"
		" VALUES ('d1', '" APP "', '0', '0.9', TRUE, TRUE, 'Managed', 1)");
	sql(&h, "UPDATE managed_app SET state = 'installed', due = NULL");
	assert_string_equal(planned(*state, &h), mem_printf(*state, "installed required %s ", one));
	wave(&h, two, 100, false);
	assert_string_equal(planned(*state, &h), mem_printf(*state, "wanted required %s ", two));
}

static void
an_older_build_that_is_on_its_way_is_asked_for_once(void **state)
{
	static const char *const still[] = { "state = 'queued', attempts = 1", "state = 'failed', why = 'device', attempts = 3, due = 2000000000",
					     "state = 'declined', why = 'user', attempts = 1", "state = 'acknowledged'",
					     "state = 'wanted', why = 'owner_removed', due = 2000000000" };
	char *one;
	struct house h = without_app(*state, &one);
	char *two = published(*state, &h, (struct sent){ .channel = "main", .build = "2" });

	wave(&h, two, 0, false);
	assert_string_equal(planned(*state, &h), mem_printf(*state, "wanted required %s ", one));
	for (size_t i = 0; i < sizeof still / sizeof *still; i++) {
		const char *before;

		sql(&h, mem_printf(*state, "UPDATE managed_app SET why = '', due = NULL, changed = 5, %s", still[i]));
		before = sql_text(*state, &h, "SELECT state || why || attempts || coalesce(due, 0) || changed FROM managed_app");
		planned(*state, &h);
		assert_string_equal(sql_text(*state, &h, "SELECT state || why || attempts || coalesce(due, 0) || changed FROM managed_app"), before);
	}
}

static void
an_older_build_goes_to_no_device_that_would_not_take_it_or_whose_person_is_not_offered_it(void **state)
{
	char *one;
	struct house h = without_app(*state, &one);
	char *two = published(*state, &h, (struct sent){ .channel = "beta", .build = "2" });
	char *three = published(*state, &h, (struct sent){ .channel = "main", .build = "3" });

	wave(&h, three, 0, false);
	wave(&h, two, 100, false);
	sql(&h, "INSERT INTO audience (id, tree, hash, created) VALUES ('others', '', 'others', 1)");
	sql(&h, "UPDATE channel SET audience_id = 'others' WHERE name = 'beta'");
	assert_string_equal(planned(*state, &h), mem_printf(*state, "wanted required %s ", one));
	/* mia is of both, and this one is too new for the phone */
	sql(&h, "UPDATE channel SET audience_id = 'them'");
	sql(&h, mem_printf(*state, "UPDATE build SET minimum_os = '99.0' WHERE id = '%s'", two));
	assert_string_equal(planned(*state, &h), mem_printf(*state, "wanted required %s ", one));
	sql(&h, mem_printf(*state, "UPDATE build SET minimum_os = '12.0' WHERE id = '%s'", two));
	assert_string_equal(planned(*state, &h), mem_printf(*state, "wanted required %s ", two));
	/* what that channel offers first is not out because nobody has come to it yet */
	sql(&h, "DELETE FROM managed_app");
	sql(&h, mem_printf(*state, "DELETE FROM rollout_wave WHERE build_id = '%s'", two));
	sql(&h, "UPDATE rollout SET percent = 0");
	assert_string_equal(planned(*state, &h), mem_printf(*state, "wanted required %s ", one));
}

/* ---- what waits in a device's queue ---- */

static const struct command_kind kinds[] = { { .name = MANAGED_KIND, .ended = managed_app_ended }, { 0 } };

/* A newer build waits for the device, which it goes to by itself. */
static struct house
with_one_that_waits(TALLOC_CTX *ctx, char **newer)
{
	char *build_id;
	struct house h = with_app(ctx, &build_id);
	struct err err;

	queue_kinds(kinds, NULL);
	*newer = published(ctx, &h, (struct sent){ .channel = "main", .build = "2" });
	assert_string_equal(planned(ctx, &h), mem_printf(ctx, "wanted current %s ", *newer));
	assert_ok(managed_app_sweep(h.db, at_any_time, NULL, &err), &err);
	assert_string_equal(sql_text(ctx, &h, "SELECT state || ' ' || attempts FROM managed_app"), "queued 1");
	return h;
}

static int64_t waiting(struct house *h) { return sql_int(h, "SELECT count(*) FROM command_queue"); }

static bool
tx_held_back(struct db *tx, void *arg, struct err *err)
{
	(void)arg;
	return managed_app_held_back(tx, APP, err);
}

static int64_t
at_night(void *arg, const char *hours, const char *zone)
{
	(void)arg;
	(void)zone;
	assert_string_equal(hours, "22:00-05:00");
	return clock_now() + 7200;
}

static void
a_pause_takes_back_what_waits_and_its_end_sends_it_as_the_same_attempt(void **state)
{
	char *newer;
	struct house h = with_one_that_waits(*state, &newer);
	const char *timeline = sql_text(*state, &h, "SELECT install_id FROM managed_app");
	struct err err;

	sql(&h, "UPDATE rollout SET paused = TRUE");
	assert_string_equal(planned(*state, &h), mem_printf(*state, "wanted current %s held", newer));
	assert_int_equal(waiting(&h), 0);
	assert_ok(managed_app_sweep(h.db, at_any_time, NULL, &err), &err);
	assert_string_equal(planned(*state, &h), mem_printf(*state, "wanted current %s held", newer));
	assert_int_equal(waiting(&h), 0);
	sql(&h, "UPDATE rollout SET paused = FALSE");
	assert_ok(db_tx(h.db, tx_held_back, NULL, &err), &err);
	assert_ok(managed_app_sweep(h.db, at_any_time, NULL, &err), &err);
	assert_string_equal(planned(*state, &h), mem_printf(*state, "queued current %s ", newer));
	assert_int_equal(sql_int(&h, "SELECT attempts FROM managed_app"), 1);
	assert_string_equal(sql_text(*state, &h, "SELECT install_id FROM managed_app"), timeline);
	assert_int_equal(waiting(&h), 1);
	/* what somebody asked for waits on */
	sql(&h, "UPDATE rollout SET paused = TRUE");
	sql(&h, "UPDATE managed_app SET cause = 'asked'");
	assert_string_equal(planned(*state, &h), mem_printf(*state, "queued asked %s ", newer));
	assert_int_equal(waiting(&h), 1);
	queue_kinds(NULL, NULL);
}

static void
what_waited_past_its_hours_or_into_a_pause_does_not_go_when_the_device_comes(void **state)
{
	char *newer;
	struct house h = with_one_that_waits(*state, &newer);
	struct err err;

	assert_ok(managed_app_goes(h.db, "d1", APP, at_any_time, NULL, &err), &err);
	sql(&h, "UPDATE rollout SET hours = '22:00-05:00'");
	assert_false(managed_app_goes(h.db, "d1", APP, at_night, NULL, &err));
	assert_string_equal(err.code, QUEUE_HELD);
	sql(&h, "UPDATE managed_app SET cause = 'asked'");
	assert_ok(managed_app_goes(h.db, "d1", APP, at_night, NULL, &err), &err);
	sql(&h, "UPDATE managed_app SET cause = 'required'");
	sql(&h, "UPDATE rollout SET hours = '', paused = TRUE");
	assert_false(managed_app_goes(h.db, "d1", APP, at_any_time, NULL, &err));
	assert_string_equal(err.code, QUEUE_HELD);
	queue_kinds(NULL, NULL);
}

static void
a_queue_that_was_cleared_says_nothing_of_the_apps_in_it(void **state)
{
	char *newer;
	struct house h = with_one_that_waits(*state, &newer);
	int64_t n;
	struct err err;

	assert_ok(queue_clear(h.db, "anna", "d1", &n, &err), &err);
	assert_int_equal(n, 1);
	assert_string_equal(planned(*state, &h), mem_printf(*state, "wanted current %s cleared", newer));
	assert_true(sql_int(&h, "SELECT due FROM managed_app") <= clock_now() + HOUR_S);
	sql(&h, "UPDATE managed_app SET due = 1");
	assert_ok(managed_app_sweep(h.db, at_any_time, NULL, &err), &err);
	assert_string_equal(planned(*state, &h), mem_printf(*state, "queued current %s ", newer));
	/* one that is taken back by itself is */
	assert_ok(queue_cancel(h.db, "anna", "d1", sql_text(*state, &h, "SELECT command_uuid FROM managed_app"), &err), &err);
	assert_string_equal(planned(*state, &h), mem_printf(*state, "failed current %s cancelled", newer));
	queue_kinds(NULL, NULL);
}

static void
without_the_right_to_manage_apps_nothing_is_sent_and_it_is_said(void **state)
{
	char *build_id;
	struct house h = with_app(*state, &build_id);
	struct err err;

	sql(&h, "UPDATE enrollment SET access_rights = 8191 - 4096");
	assert_false(managed_app_remove(h.db, "anna", "d1", APP, &err));
	assert_string_equal(err.code, "no_right");
	/* it goes by itself, since she left */
	leaves(&h);
	assert_string_equal(planned(*state, &h), "removing required gone ");
	sql(&h, "UPDATE managed_app SET due = 1");
	assert_ok(managed_app_sweep(h.db, at_any_time, NULL, &err), &err);
	assert_string_equal(sql_text(*state, &h, "SELECT state || ' ' || why FROM managed_app"), "failed no_right");
	assert_int_equal(waiting(&h), 0);
	/* a configuration */
	comes_back(&h);
	sql(&h, mem_printf(*state, "UPDATE managed_app SET state = 'installed', why = '', cause = 'asked', build_id = '%s',"
			   " configuration = 'another'", build_id));
	assert_string_equal(planned(*state, &h), mem_printf(*state, "installed asked %s no_right", build_id));
	assert_int_equal(waiting(&h), 0);
}

/* ---- a build whose own provision is over ---- */

static void
bundle(struct house *h, const char *build_id, const char *path, int64_t ends)
{
	struct err err;

	assert_ok(db_run(h->db, &err, "DELETE FROM build_bundle WHERE build_id = $1 AND path = $2", db_text(build_id), db_text(path)), &err);
	assert_ok(db_run(h->db, &err, "INSERT INTO build_bundle (build_id, path, app_bundle_id, version, build, uploaded, bundle_id,"
			 " provision_uuid, expires, certificate, certificate_name, certificate_expires) VALUES ($1, $2, '" APP "', '1.0', '1', 1,"
			 " '" APP "', 'old', $3, 'c', '', $4)", db_text(build_id), db_text(path), db_int(ends),
			 db_int(clock_now() + 900 * DAY_S)), &err);
}

/* It fits the app itself (path ""), or an extension; listed: ad hoc, for this device. */
static void
newer(struct house *h, const char *uuid, const char *build_id, const char *path, const char *listed)
{
	struct err err;

	assert_ok(db_run(h->db, &err, "INSERT INTO provision (uuid, name, kind, team_id, app_id, expires, facts, source, created, file)"
			 " VALUES ($1, $1, $2, 'TEAM', 'TEAM.*', $3, '', 'upload', 1, $4)", db_text(uuid),
			 db_text(listed ? "adhoc" : "enterprise"), db_int(clock_now() + 365 * DAY_S), db_bytes((struct bytes){ "file", 4 })), &err);
	assert_ok(db_run(h->db, &err, "INSERT INTO provision_fit (build_id, path, uuid) VALUES ($1, $2, $3)", db_text(build_id),
			 db_text(path), db_text(uuid)), &err);
	if (listed)
		assert_ok(db_run(h->db, &err, "INSERT INTO provision_device (uuid, udid) VALUES ($1, $2)", db_text(uuid), db_text(listed)), &err);
}

static bool
tx_fits(struct db *tx, void *build_id, struct err *err)
{
	return renewal_plan_fits(tx, NULL, build_id, err);
}

static void
a_build_whose_own_provision_is_over_goes_to_a_new_device_behind_newer_ones(void **state)
{
	char *build_id;
	struct house h = with_app(*state, &build_id);
	const char *refused = mem_printf(*state, "failed required %s not_installable", build_id);
	struct err err;

	/* erased: it has nothing, and must have the app, whose provisions ended yesterday and were renewed since */
	sql(&h, "DELETE FROM installed_app");
	sql(&h, "DELETE FROM managed_app");
	sql(&h, "UPDATE channel SET required = TRUE");
	assert_ok(db_run(h.db, &err, "UPDATE build SET expires = $1, installs_until = $1", db_int(clock_now() - DAY_S)), &err);
	bundle(&h, build_id, "", clock_now() - DAY_S);
	bundle(&h, build_id, "PlugIns/Share.appex", clock_now() - DAY_S);
	assert_string_equal(planned(*state, &h), refused);
	/* half a set, and one that is for another device, are none */
	newer(&h, "new-app", build_id, "", NULL);
	newer(&h, "new-other", build_id, "PlugIns/Share.appex", "udid-2");
	assert_string_equal(planned(*state, &h), refused);
	newer(&h, "new-ext", build_id, "PlugIns/Share.appex", "udid-1");
	/* nor does any help when the certificate is over */
	sql(&h, "UPDATE build_bundle SET certificate_expires = 5 WHERE path = ''");
	assert_string_equal(planned(*state, &h), refused);
	sql(&h, "UPDATE build_bundle SET certificate_expires = 0");
	sql(&h, "DELETE FROM job");
	/* the device is looked at because they came */
	assert_ok(db_tx(h.db, tx_fits, build_id, &err), &err);
	assert_int_equal(sql_int(&h, "SELECT count(*) FROM job WHERE kind = 'managed_app_app'"), 1);
	/* nor a device that may be sent none, unless they are there */
	sql(&h, "UPDATE enrollment SET access_rights = 8191 - 128");
	assert_string_equal(planned(*state, &h), mem_printf(*state, "failed required %s no_right", build_id));
	sql(&h, "INSERT INTO installed_provision (device_id, uuid, name, at) VALUES ('d1', 'new-app', '', 1), ('d1', 'new-ext', '', 1)");
	assert_string_equal(planned(*state, &h), mem_printf(*state, "wanted required %s ", build_id));
	sql(&h, "DELETE FROM installed_provision");
	sql(&h, "DELETE FROM managed_app");
	sql(&h, "UPDATE enrollment SET access_rights = 8191");
	assert_string_equal(planned(*state, &h), mem_printf(*state, "wanted required %s ", build_id));
	assert_ok(managed_app_sweep(h.db, at_any_time, NULL, &err), &err);
	assert_int_equal(sql_int(&h, "SELECT count(*) FROM managed_app WHERE state = 'queued'"), 1);
	assert_int_equal(sql_int(&h, "SELECT count(*) FROM command c JOIN command_queue q ON q.command_id = c.id WHERE c.request_type ="
			       " 'InstallProvisioningProfile' AND q.priority > (SELECT max(x.priority) FROM command_queue x JOIN command y ON"
			       " y.id = x.command_id WHERE y.request_type = 'InstallApplication')"), 2);
}

/* ---- what runs for many devices ---- */

static void
by_index_alone(TALLOC_CTX *ctx, struct db *db, const char *sql, const struct db_val *vals, bool constant_scans)
{
	struct rows *rows = db_queryv(ctx, db, mem_printf(ctx, "EXPLAIN QUERY PLAN %s", sql), vals);
	struct err err;
	int n = 0;

	while (rows_next(rows, &err) == ROWS_ROW) {
		const char *plan = rows_text(ctx, rows, 3);

		n++;
		if (strncmp(plan, "SCAN", 4) == 0 && !(constant_scans && strstr(plan, "USING")))
			fail_msg("%s", plan);
	}
	assert_true(n > 3);
}

static void
with_100000_devices_nothing_is_looked_for_row_by_row(void **state)
{
	struct house h = house(*state);

	by_index_alone(*state, h.db, managed_app_due_sql, DB_VALS(db_int(0), db_int(1)), false);
	by_index_alone(*state, h.db, managed_app_plan_app_sql, DB_VALS(db_text("a"), db_text(""), db_int(200)), false);
	by_index_alone(*state, h.db, managed_app_plan_rows_sql, DB_VALS(db_text("a"), db_text(""), db_int(200)), false);
	by_index_alone(*state, h.db, managed_app_plan_device_sql, DB_VALS(db_text("d"), db_text(""), db_int(200)), true);
}

TESTS(who_left_by_mistake_and_is_back_keeps_the_app_and_its_data,
      a_removal_that_somebody_asked_for_or_that_was_taken_is_not_taken_back,
      a_channel_without_a_build_takes_nothing_away,
      what_its_owner_took_away_does_not_come_back_with_the_next_build_unless_it_is_required,
      an_app_for_the_ipad_alone_goes_to_no_iphone_though_it_is_required_and_the_row_says_why,
      a_decline_is_about_its_own_build_alone,
      a_device_of_nobody_is_one_of_everyones_and_one_of_a_disabled_person_gets_nothing,
      what_could_not_be_installed_is_looked_at_again_after_attempts_too,
      what_was_given_up_as_somebodys_wish_goes_on_once_it_is_to_be_there_by_itself,
      a_new_device_gets_the_newest_build_of_a_required_app_whose_wave_has_reached_it,
      who_has_the_app_keeps_it_until_the_wave_comes_and_a_pause_holds_everything,
      an_older_build_that_is_on_its_way_is_asked_for_once,
      an_older_build_goes_to_no_device_that_would_not_take_it_or_whose_person_is_not_offered_it,
      a_pause_takes_back_what_waits_and_its_end_sends_it_as_the_same_attempt,
      what_waited_past_its_hours_or_into_a_pause_does_not_go_when_the_device_comes,
      a_queue_that_was_cleared_says_nothing_of_the_apps_in_it, without_the_right_to_manage_apps_nothing_is_sent_and_it_is_said,
      a_build_whose_own_provision_is_over_goes_to_a_new_device_behind_newer_ones,
      with_100000_devices_nothing_is_looked_for_row_by_row)
