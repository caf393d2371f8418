/* Apps on managed devices: builds with the same numbers, of which one was signed anew. */
#include "tests/check_managed_app.h"
#include "catalog/managed_app_inner.h"
#include "catalog/rollout.h"
#include "core/clock.h"

#define OLD	"00000001-0000-4000-8000-000000000001"
#define NEW	"00000002-0000-4000-8000-000000000002"

/* Build 1 once more under another provision, placed. */
static char *
signed_anew(TALLOC_CTX *ctx, struct house *h)
{
	return published(ctx, h, (struct sent){ .channel = "main", .provision = NEW });
}

static bool
tx_listed(struct db *tx, void *arg, struct err *err)
{
	(void)arg;
	return managed_app_listed(tx, "d1", true, err);
}

/* The device lists both: apps as they are, and what we know of them. */
static void
lists(struct house *h)
{
	struct err err;

	assert_ok(db_tx(h->db, tx_listed, NULL, &err), &err);
}

static bool
tx_listed_apps(struct db *tx, void *arg, struct err *err)
{
	(void)arg;
	return managed_app_listed(tx, "d1", false, err);
}

/* InstalledApplicationList alone: the Statuses are those of before. */
static void
lists_apps(struct house *h)
{
	struct err err;

	assert_ok(db_tx(h->db, tx_listed_apps, NULL, &err), &err);
}

static void
says(TALLOC_CTX *ctx, struct house *h, const char *status)
{
	sql(h, mem_printf(ctx, "UPDATE installed_app SET state = '%s'", status));
}

static bool
tx_taken(struct db *tx, void *uuid, struct err *err)
{
	return managed_app_answered(tx, "d1", APP, uuid, "Acknowledged", NULL, NULL, err);
}

static void
takes_the_command(TALLOC_CTX *ctx, struct house *h)
{
	struct err err;

	assert_ok(managed_app_sweep(h->db, at_any_time, NULL, &err), &err);
	assert_string_equal(sql_text(ctx, h, "SELECT state FROM managed_app"), "queued");
	lists(h);		/* the copy of before has the numbers, and is not what is on its way */
	assert_string_equal(sql_text(ctx, h, "SELECT state FROM managed_app"), "queued");
	assert_ok(db_tx(h->db, tx_taken, (void *)(uintptr_t)sql_text(ctx, h, "SELECT command_uuid FROM managed_app"), &err), &err);
	lists(h);
	assert_string_equal(sql_text(ctx, h, "SELECT state || ' ' || why FROM managed_app"), "acknowledged older");
}

static void
fetches_it(TALLOC_CTX *ctx, struct house *h)
{
	sql(h, mem_printf(ctx, "INSERT INTO install_event (install_id, at, kind) SELECT install_id, %lld, 'whole' FROM managed_app",
			  (long long)clock_now()));
}

/* The device has build 1 by our command, and says what it has. */
static struct house
with_brought(TALLOC_CTX *ctx, char **build_id)
{
	struct house h = with_app(ctx, build_id);

	sql(&h, "UPDATE managed_app SET brought = build_id");
	sql(&h, "UPDATE build_bundle SET provision_uuid = '" OLD "', certificate = 'c', certificate_expires = expires");
	sql(&h, "INSERT INTO installed_provision (device_id, uuid, at) VALUES ('d1', '" OLD "', 1)");
	sql(&h, "INSERT INTO device_report (device_id, request_type, at, answer, whole) VALUES ('d1', 'InstalledApplicationList', 1, '', 1)");
	return h;
}

static void
a_build_signed_anew_with_the_same_numbers_goes_to_who_has_the_old_one_and_is_there_when_it_was_fetched(void **state)
{
	char *old_id, *new_id;
	struct house h = with_brought(*state, &old_id);
	const char *there;
	struct err err;

	assert_string_equal(planned(*state, &h), mem_printf(*state, "installed asked %s ", old_id));
	new_id = signed_anew(*state, &h);
	there = mem_printf(*state, "installed current %s ", new_id);
	assert_string_not_equal(old_id, new_id);
	assert_string_equal(planned(*state, &h), mem_printf(*state, "wanted current %s ", new_id));
	takes_the_command(*state, &h);
	fetches_it(*state, &h);
	lists(&h);
	assert_string_equal(planned(*state, &h), there);
	assert_string_equal(sql_text(*state, &h, "SELECT brought FROM managed_app"), new_id);
	assert_string_equal(sql_text(*state, &h, "SELECT build_id FROM held_app"), new_id);
	/* and once is enough */
	lists(&h);
	assert_string_equal(planned(*state, &h), there);
	assert_false(managed_app_ask(h.db, "device", "d1", APP, &err));
	assert_string_equal(err.code, "already_there");
	/* its owner may ask for it, too, where nobody keeps it current */
	sql(&h, "UPDATE rollout SET keep_current = FALSE");
	sql(&h, mem_printf(*state, "UPDATE managed_app SET brought = '%s', build_id = '%s'", old_id, old_id));
	assert_string_equal(planned(*state, &h), mem_printf(*state, "installed current %s ", old_id));
	assert_ok(managed_app_ask(h.db, "device", "d1", APP, &err), &err);
	assert_string_equal(sql_text(*state, &h, "SELECT build_id FROM managed_app"), new_id);
}

static void
a_build_signed_anew_that_was_fetched_and_refused_is_not_there(void **state)
{
	char *old_id, *new_id;
	struct house h = with_brought(*state, &old_id);
	struct err err;

	new_id = signed_anew(*state, &h);
	planned(*state, &h);
	takes_the_command(*state, &h);
	fetches_it(*state, &h);
	/* "Managed" was said of the old one */
	lists_apps(&h);
	assert_string_equal(sql_text(*state, &h, "SELECT state FROM managed_app"), "acknowledged");
	says(*state, &h, "Failed");
	lists(&h);
	assert_string_equal(planned(*state, &h), mem_printf(*state, "failed current %s device", new_id));
	/* and is said of it again, as soon as the failure is forgotten */
	says(*state, &h, "Managed");
	lists_apps(&h);
	lists(&h);
	assert_string_equal(planned(*state, &h), mem_printf(*state, "failed current %s device", new_id));
	assert_string_equal(sql_text(*state, &h, "SELECT brought FROM managed_app"), old_id);
	assert_ok(managed_app_ask(h.db, "device", "d1", APP, &err), &err);
	assert_string_equal(sql_text(*state, &h, "SELECT state || ' ' || build_id FROM managed_app"), mem_printf(*state, "queued %s", new_id));
}

static void
each_attempt_of_a_build_signed_anew_has_a_timeline_of_its_own_in_which_its_fetch_is_seen(void **state)
{
	char *old_id, *new_id;
	struct house h = with_brought(*state, &old_id);
	const char *first;

	new_id = signed_anew(*state, &h);
	planned(*state, &h);
	takes_the_command(*state, &h);
	assert_int_equal(sql_int(&h, "SELECT count(*) FROM command WHERE request_type = 'ProvisioningProfileList'"), 1);
	first = sql_text(*state, &h, "SELECT install_id FROM managed_app");
	fetches_it(*state, &h);
	says(*state, &h, "Failed");
	lists(&h);
	assert_string_equal(sql_text(*state, &h, "SELECT state FROM managed_app"), "failed");
	says(*state, &h, "Managed");
	sql(&h, "UPDATE managed_app SET due = 1");
	takes_the_command(*state, &h);	/* the fetch of before says nothing of this attempt */
	assert_string_not_equal(sql_text(*state, &h, "SELECT install_id FROM managed_app"), first);
	fetches_it(*state, &h);
	lists(&h);
	assert_string_equal(sql_text(*state, &h, "SELECT state || ' ' || brought FROM managed_app"), mem_printf(*state, "installed %s", new_id));
}

/* Each day it takes the command and fails, for two weeks: at most so many timelines, and things in one. */
static void
fails_for_two_weeks(TALLOC_CTX *ctx, struct house *h, int timelines, int events)
{
	for (int day = 0; day < 14; day++) {
		says(ctx, h, "Managed");
		sql(h, "UPDATE managed_app SET due = 1");
		takes_the_command(ctx, h);
		says(ctx, h, "Failed");
		lists(h);
		assert_string_equal(sql_text(ctx, h, "SELECT state FROM managed_app"), "failed");
	}
	assert_int_equal(sql_int(h, "SELECT attempts FROM managed_app"), 14);
	assert_in_range(sql_int(h, "SELECT count(*) FROM install"), 1, timelines);
	assert_in_range(sql_int(h, "SELECT max(n) FROM (SELECT count(*) AS n FROM install_event GROUP BY install_id) x"), 1, events);
	assert_int_equal(sql_int(h, "SELECT count(*) FROM managed_app m JOIN install i ON i.id = m.install_id WHERE i.state = 'failed'"), 1);
}

static void
what_fails_each_day_leaves_its_first_attempts_and_the_last(void **state)
{
	char *old_id;
	struct house h = with_brought(*state, &old_id);

	signed_anew(*state, &h);
	planned(*state, &h);
	sql(&h, "DELETE FROM install");
	fails_for_two_weeks(*state, &h, MANAGED_ATTEMPTS_MAX + 1, 2);
}

static void
so_it_does_where_no_other_build_has_its_numbers(void **state)
{
	char *old_id;
	struct house h = with_brought(*state, &old_id);

	signed_anew(*state, &h);
	sql(&h, mem_printf(*state, "UPDATE build_bundle SET build = '0' WHERE build_id = '%s'", old_id));
	sql(&h, "UPDATE installed_app SET version = '0'");
	planned(*state, &h);
	sql(&h, "DELETE FROM install");
	fails_for_two_weeks(*state, &h, 2, MANAGED_ATTEMPTS_MAX);
}

/* What came first is placed again, or is left when what followed it was deleted. */
static void
is_placed(TALLOC_CTX *ctx, struct house *h, const char *build_id)
{
	sql(h, mem_printf(ctx, "UPDATE channel SET newest_build_id = '%s'", build_id));
}

static void
an_older_build_with_the_same_numbers_does_not_go_out_unless_it_may_go_back(void **state)
{
	char *old_id, *new_id;
	struct house h = with_brought(*state, &old_id);
	const char *stays;
	struct err err;

	new_id = signed_anew(*state, &h);
	sql(&h, mem_printf(*state, "UPDATE build_bundle SET uploaded = uploaded + 1 WHERE build_id = '%s'", new_id));
	sql(&h, mem_printf(*state, "UPDATE managed_app SET brought = '%s', build_id = '%s'", new_id, new_id));
	stays = mem_printf(*state, "installed asked %s ", new_id);
	is_placed(*state, &h, old_id);
	assert_string_equal(planned(*state, &h), stays);
	sql(&h, "UPDATE channel SET required = TRUE");
	assert_string_equal(planned(*state, &h), stays);
	sql(&h, "UPDATE channel SET required = FALSE");
	assert_false(managed_app_ask(h.db, "device", "d1", APP, &err));
	assert_string_equal(err.code, "newer_there");
	/* nor where the newer one is all that is left to know of */
	sql(&h, "UPDATE managed_app SET brought = ''");
	assert_string_equal(planned(*state, &h), stays);
	sql(&h, mem_printf(*state, "UPDATE managed_app SET brought = '%s'", new_id));
	sql(&h, "UPDATE rollout SET back = TRUE");
	assert_string_equal(planned(*state, &h), mem_printf(*state, "wanted current %s ", old_id));
	takes_the_command(*state, &h);
	fetches_it(*state, &h);
	lists(&h);
	assert_string_equal(planned(*state, &h), mem_printf(*state, "installed current %s ", old_id));
	assert_string_equal(sql_text(*state, &h, "SELECT brought FROM managed_app"), old_id);
	assert_string_equal(planned(*state, &h), mem_printf(*state, "installed current %s ", old_id));
}

static void
without_a_fetch_the_provision_that_a_build_alone_brings_tells_that_it_is_there(void **state)
{
	char *old_id, *new_id;
	struct house h = with_brought(*state, &old_id);

	new_id = signed_anew(*state, &h);
	planned(*state, &h);
	takes_the_command(*state, &h);
	/* sent by a wave, it says nothing of the app */
	sql(&h, "INSERT INTO installed_provision (device_id, uuid, at) VALUES ('d1', '" NEW "', 1)");
	sql(&h, "INSERT INTO renewal (device_id, uuid, action, state, ends, attempts, due, changed) VALUES ('d1', '" NEW "', 'install', 'done',"
		" 0, 0, NULL, 1)");
	lists(&h);
	assert_string_equal(sql_text(*state, &h, "SELECT state FROM managed_app"), "acknowledged");
	sql(&h, "DELETE FROM renewal");
	/* nor when another app brought it */
	sql(&h, "INSERT INTO build_bundle (build_id, path, app_bundle_id, version, build, uploaded, bundle_id, provision_uuid, expires,"
		" certificate, certificate_name, certificate_expires) VALUES ('x', '', 'com.example.other', '1', '1', 1, 'com.example.other',"
		" '" NEW "', 9, 'c', '', 9)");
	sql(&h, "INSERT INTO installed_app (device_id, bundle_id, version, installed, managed, at) VALUES ('d1', 'com.example.other', '1', TRUE,"
		" TRUE, 1)");
	lists(&h);
	assert_string_equal(sql_text(*state, &h, "SELECT state FROM managed_app"), "acknowledged");
	sql(&h, "DELETE FROM build_bundle WHERE build_id = 'x'");
	lists(&h);
	assert_string_equal(sql_text(*state, &h, "SELECT state || ' ' || brought FROM managed_app"), mem_printf(*state, "installed %s", new_id));
}

static void
of_which_of_two_builds_a_device_has_nobody_knows_the_newest_is_sent_once_unless_its_provision_is_there(void **state)
{
	char *old_id, *new_id;
	struct house h = with_brought(*state, &old_id);

	sql(&h, "UPDATE managed_app SET brought = ''");
	assert_string_equal(planned(*state, &h), mem_printf(*state, "installed asked %s ", old_id));
	new_id = signed_anew(*state, &h);
	sql(&h, "INSERT INTO installed_provision (device_id, uuid, at) VALUES ('d1', '" NEW "', 1)");
	assert_string_equal(planned(*state, &h), mem_printf(*state, "installed asked %s ", old_id));
	sql(&h, "DELETE FROM installed_provision WHERE uuid = '" NEW "'");
	assert_string_equal(planned(*state, &h), mem_printf(*state, "wanted current %s ", new_id));
	takes_the_command(*state, &h);
	fetches_it(*state, &h);
	lists(&h);
	assert_string_equal(planned(*state, &h), mem_printf(*state, "installed current %s ", new_id));
}

static void
ends_by_certificate(TALLOC_CTX *ctx, struct house *h, const char *build_id, int days)
{
	sql(h, "DELETE FROM held_app");
	sql(h, "DELETE FROM rollout_wave");
	sql(h, mem_printf(ctx, "INSERT INTO held_app (device_id, bundle_id, build_id, ends, cause, uuid, path, next) VALUES ('d1', '" APP "', '%s',"
			  " %lld, 'certificate', '" OLD "', '', 9)", build_id, (long long)clock_now() + days * (long long)DAY_S));
	sql(h, mem_printf(ctx, "UPDATE managed_app SET state = 'installed', cause = 'asked', build_id = '%s', due = NULL", build_id));
}

static void
against_the_end_of_a_certificate_what_is_signed_anew_goes_out_though_nobody_keeps_the_app_current(void **state)
{
	char *old_id, *new_id;
	struct house h = with_brought(*state, &old_id);
	const char *stays = mem_printf(*state, "installed asked %s ", old_id), *goes;

	sql(&h, "UPDATE rollout SET keep_current = FALSE, percent = 1");
	new_id = signed_anew(*state, &h);
	goes = mem_printf(*state, "wanted current %s ", new_id);
	assert_true(rollout_number("d1", new_id) >= 1);		/* it is not among the first percent */
	/* far away there is no haste; later it goes by waves; in the last month at once */
	ends_by_certificate(*state, &h, old_id, 61);
	assert_string_equal(planned(*state, &h), stays);
	ends_by_certificate(*state, &h, old_id, 59);
	assert_string_equal(planned(*state, &h), stays);
	sql(&h, "UPDATE rollout_wave SET reached = 100");
	assert_string_equal(planned(*state, &h), goes);
	ends_by_certificate(*state, &h, old_id, 29);
	assert_string_equal(planned(*state, &h), goes);
	/* who paused or stopped it has a reason */
	sql(&h, "UPDATE rollout SET paused = TRUE");
	ends_by_certificate(*state, &h, old_id, 29);
	assert_string_equal(planned(*state, &h), stays);
	sql(&h, "UPDATE rollout SET paused = FALSE");
	planned(*state, &h);
	sql(&h, "UPDATE rollout_wave SET stopped = TRUE");
	sql(&h, mem_printf(*state, "UPDATE managed_app SET state = 'installed', cause = 'asked', build_id = '%s', due = NULL", old_id));
	assert_string_equal(planned(*state, &h), stays);
	/* one whose certificate ends as soon is no way out */
	ends_by_certificate(*state, &h, old_id, 29);
	sql(&h, mem_printf(*state, "UPDATE build_bundle SET certificate_expires = %lld WHERE build_id = '%s'", (long long)(clock_now() + 20 * DAY_S),
			   new_id));
	assert_string_equal(planned(*state, &h), stays);
}

/* The usual case: what a pipeline builds has a number of its own.  */
static char *
next_build(TALLOC_CTX *ctx, struct house *h, const char *build)
{
	return published(ctx, h, (struct sent){ .build = build, .channel = "main", .provision = NEW });
}

static void
against_the_end_of_a_certificate_a_build_with_higher_numbers_goes_out_and_no_older_one(void **state)
{
	char *old_id, *new_id;
	struct house h = with_brought(*state, &old_id);
	const char *stays = mem_printf(*state, "installed asked %s ", old_id), *goes;

	sql(&h, "UPDATE rollout SET keep_current = FALSE, percent = 1");
	new_id = next_build(*state, &h, "2");
	goes = mem_printf(*state, "wanted current %s ", new_id);
	assert_true(rollout_number("d1", new_id) >= 1);
	assert_string_equal(planned(*state, &h), stays);
	ends_by_certificate(*state, &h, old_id, 61);
	assert_string_equal(planned(*state, &h), stays);
	ends_by_certificate(*state, &h, old_id, 59);
	assert_string_equal(planned(*state, &h), stays);
	ends_by_certificate(*state, &h, old_id, 29);
	assert_string_equal(planned(*state, &h), goes);
	/* what its channel is not for does not get it */
	sql(&h, "DELETE FROM audience_person");
	ends_by_certificate(*state, &h, old_id, 29);
	sql(&h, "UPDATE rollout SET remove_on_leave = FALSE");
	assert_string_equal(planned(*state, &h), stays);
	sql(&h, "INSERT INTO audience_person (audience_id, person_id) SELECT 'them', id FROM person WHERE name = 'mia'");
	/* nor does one whose provision ends as soon, unless a newer one fits it */
	sql(&h, mem_printf(*state, "UPDATE build_bundle SET expires = %lld WHERE build_id = '%s'", (long long)(clock_now() + 29 * DAY_S), new_id));
	assert_string_equal(planned(*state, &h), stays);
	sql(&h, mem_printf(*state, "INSERT INTO provision (uuid, kind, team_id, app_id, name, expires, facts, file, source, created) VALUES ('later',"
			   " 'enterprise', 'TEAM', 'TEAM.*', 'Later', %lld, '', 'f', 'upload', 1)", (long long)(clock_now() + 300 * DAY_S)));
	sql(&h, mem_printf(*state, "INSERT INTO provision_fit (build_id, path, uuid) VALUES ('%s', '', 'later')", new_id));
	assert_string_equal(planned(*state, &h), goes);
	/* and never an older version */
	sql(&h, "UPDATE installed_app SET version = '3'");
	ends_by_certificate(*state, &h, old_id, 29);
	assert_string_equal(planned(*state, &h), stays);
}

static void
what_stops_by_its_provision_that_nothing_renews_gets_the_build_that_outlives_it(void **state)
{
	char *old_id, *new_id;
	struct house h = with_brought(*state, &old_id);
	const char *stays = mem_printf(*state, "installed asked %s ", old_id), *goes;

	sql(&h, "UPDATE rollout SET keep_current = FALSE");
	sql(&h, mem_printf(*state, "UPDATE build_bundle SET expires = %lld, certificate_expires = %lld", (long long)(clock_now() + 20 * DAY_S),
			   (long long)(clock_now() + 90 * DAY_S)));
	new_id = next_build(*state, &h, "2");
	goes = mem_printf(*state, "wanted current %s ", new_id);
	ends_by_certificate(*state, &h, old_id, 20);
	sql(&h, "UPDATE held_app SET cause = 'provision', next = ends");
	/* its own provisions may fit what is there: that is looked at first */
	assert_string_equal(planned(*state, &h), stays);
	sql(&h, "DELETE FROM job WHERE kind = 'provision_fit'");
	sql(&h, mem_printf(*state, "INSERT INTO provision (uuid, kind, team_id, app_id, name, expires, facts, file, source, created) VALUES ('later',"
			   " 'enterprise', 'TEAM', 'TEAM.*', 'Later', %lld, '', 'f', 'upload', 1)", (long long)(clock_now() + 300 * DAY_S)));
	sql(&h, mem_printf(*state, "INSERT INTO provision_fit (build_id, path, uuid) VALUES ('%s', '', 'later')", old_id));
	assert_string_equal(planned(*state, &h), stays);
	/* one for other devices is no help */
	sql(&h, "UPDATE provision SET kind = 'adhoc' WHERE uuid = 'later'");
	assert_string_equal(planned(*state, &h), goes);
}

static void
what_was_to_follow_a_certificate_and_is_not_placed_any_more_leaves_the_build_that_is_there(void **state)
{
	char *old_id, *new_id;
	struct house h = with_brought(*state, &old_id);

	sql(&h, "UPDATE rollout SET keep_current = FALSE");
	new_id = signed_anew(*state, &h);
	ends_by_certificate(*state, &h, old_id, 29);
	assert_string_equal(planned(*state, &h), mem_printf(*state, "wanted current %s ", new_id));
	is_placed(*state, &h, old_id);
	assert_string_equal(planned(*state, &h), mem_printf(*state, "installed current %s ", old_id));
}

TESTS(a_build_signed_anew_with_the_same_numbers_goes_to_who_has_the_old_one_and_is_there_when_it_was_fetched,
      a_build_signed_anew_that_was_fetched_and_refused_is_not_there,
      each_attempt_of_a_build_signed_anew_has_a_timeline_of_its_own_in_which_its_fetch_is_seen,
      what_fails_each_day_leaves_its_first_attempts_and_the_last, so_it_does_where_no_other_build_has_its_numbers,
      an_older_build_with_the_same_numbers_does_not_go_out_unless_it_may_go_back,
      without_a_fetch_the_provision_that_a_build_alone_brings_tells_that_it_is_there,
      of_which_of_two_builds_a_device_has_nobody_knows_the_newest_is_sent_once_unless_its_provision_is_there,
      against_the_end_of_a_certificate_what_is_signed_anew_goes_out_though_nobody_keeps_the_app_current,
      against_the_end_of_a_certificate_a_build_with_higher_numbers_goes_out_and_no_older_one,
      what_stops_by_its_provision_that_nothing_renews_gets_the_build_that_outlives_it,
      what_was_to_follow_a_certificate_and_is_not_placed_any_more_leaves_the_build_that_is_there)
