/* Apps on managed devices: the table of states, waves, hours, and that nothing is looked for row by row. */
#include "tests/check_ca.h"
#include "tests/check_house.h"
#include "catalog/app_configuration.h"
#include "catalog/managed_app_inner.h"
#include "catalog/renewal.h"
#include "catalog/person_attribute.h"
#include "catalog/rollout.h"
#include "core/clock.h"
#include "core/zone.h"
#include <stdlib.h>

#define NOW	1700000000

static const char *const words[] = { NULL, "", "Queued", "NeedsRedemption", "Redeeming", "Prompting", "PromptingForLogin",
	"ValidatingPurchase", "PromptingForUpdate", "PromptingForUpdateLogin", "PromptingForManagement", "ValidatingUpdate",
	"Updating", "Installing", "Managed", "ManagedButUninstalled", "Unknown", "UserInstalledApp", "UserRejected",
	"UpdateRejected", "ManagementRejected", "Failed", "AppAlreadyInstalled", "AppAlreadyQueued", "NotSupported",
	"CouldNotVerifyAppID", "\xc3\xa9t\xc3\xa9" };
#define WORDS (sizeof words / sizeof *words)

/* The same dice each time. */
static int
dice(void)
{
	static uint32_t seed = 7;

	seed = seed * 1664525u + 1013904223u;
	return (int)(seed >> 8);
}

/* One row as the database would keep it. */
struct kept {
	struct managed_row row;
	int64_t due;		/* 0: none */
	bool gone;
	int commands;		/* that went into the queue */
};

/* As managed_app_news writes it, with the command that it queues. */
static void
hear(struct kept *k, const struct managed_report *report, int64_t now)
{
	static const struct managed_report queued = { .news = NEWS_QUEUED };
	struct managed_step s = managed_app_step(&k->row, report, now);

	k->gone = s.act == MANAGED_FORGET;
	k->row = (struct managed_row){ s.state, k->row.going, k->row.kept, s.why, s.attempts, s.polls, s.began };
	if (s.due >= 0)
		k->due = s.due;
	if (s.act == MANAGED_QUEUE) {
		k->commands++;
		hear(k, &queued, now);
	}
}

static bool
is_end(enum managed_state state)
{
	return state == MANAGED_INSTALLED || state == MANAGED_DECLINED || state == MANAGED_FAILED ||
	       state == MANAGED_TIMED_OUT || state == MANAGED_REMOVED;
}

/* Nothing is ever heard of it again. */
static void
falls_silent(struct kept *k, int64_t now)
{
	static const struct managed_report due = { .news = NEWS_DUE };
	int64_t began = now;
	int steps = 0;

	while (!k->gone && k->due) {
		assert_true(steps++ < 200);
		assert_true(k->due - began < 366 * DAY_S);
		now = k->due > now ? k->due : now;
		k->due = 0;
		hear(k, &due, now);
	}
	assert_true(k->gone || is_end(k->row.state));
	assert_true(k->commands <= MANAGED_ATTEMPTS_MAX + 1);
}

static struct managed_report
any_report(void)
{
	return (struct managed_report){ dice() % NEWS_N, words[(size_t)dice() % WORDS], dice() % 4, dice() % 2, dice() % 2 };
}

static struct kept
any_row(void)
{
	struct kept k = { .due = NOW };

	k.row = (struct managed_row){ dice() % MANAGED_STATES, dice() % 4 == 0, dice() % 2, "", dice() % (MANAGED_ATTEMPTS_MAX + 1),
				      dice() % 12, NOW - dice() % DAY_S };
	if (k.row.going)
		k.row.state = dice() % 2 ? MANAGED_REMOVING : MANAGED_FAILED;
	return k;
}

static void
behaviour_12_from_every_state_silence_leads_to_an_end(void **state)
{
	(void)state;
	for (int going = 0; going < 2; going++)
		for (int s = 0; s < MANAGED_STATES; s++)
			for (int64_t attempts = 0; attempts <= MANAGED_ATTEMPTS_MAX; attempts++) {
				struct kept k = { { s, going, false, "", attempts, 0, attempts ? NOW : 0 }, NOW, false, 0 };

				falls_silent(&k, NOW);
			}
}

static void
behaviour_12_whatever_a_device_says_silence_behind_it_leads_to_an_end(void **state)
{
	(void)state;
	for (int walk = 0; walk < 20000; walk++) {
		struct kept k = any_row();
		int64_t now = NOW;

		for (int i = dice() % 12; i > 0 && !k.gone; i--) {
			struct managed_report report = any_report();

			now += dice() % 5000;
			hear(&k, &report, now);
			/* what is under way is looked at again */
			assert_true(k.gone || k.due || is_end(k.row.state));
		}
		k.commands = 0;
		if (!k.gone)
			falls_silent(&k, now);
	}
}

static void
must_64_and_behaviour_12_only_the_lists_of_the_device_make_an_app_installed(void **state)
{
	(void)state;
	for (int s = 0; s < MANAGED_STATES; s++)
		for (int news = 0; news < NEWS_N; news++)
			for (size_t w = 0; w < WORDS; w++)
				for (int copy = 0; copy < 4; copy++)
					for (int bits = 0; bits < 8; bits++) {
						struct kept k = { { s, false, bits & 4, "", 1, 0, NOW }, NOW, false, 0 };
						struct managed_report r = { news, words[w], copy, bits & 1, bits & 2 };
						bool proof = (news == NEWS_LISTED || news == NEWS_LISTED_INSTALLED) && words[w] &&
							     strcmp(words[w], "Managed") == 0 && copy >= COPY_SAME && r.managed && !r.installing;

						hear(&k, &r, NOW);
						if (s != MANAGED_INSTALLED && k.row.state == MANAGED_INSTALLED)
							assert_true(proof);
						if (s != MANAGED_INSTALLED && s != MANAGED_REMOVED && proof && news == NEWS_LISTED)
							assert_int_equal(k.row.state, MANAGED_INSTALLED);
					}
}

static void
who_declined_is_not_asked_again_until_somebody_asks(void **state)
{
	(void)state;
	for (int news = 0; news < NEWS_N; news++)
		for (size_t w = 0; w < WORDS; w++)
			for (int copy = 0; copy < 4; copy++) {
				struct kept k = { { MANAGED_DECLINED, false, false, "user", 1, 0, NOW }, NOW, false, 0 };
				struct managed_report r = { news, words[w], copy, true, false };

				if (news == NEWS_QUEUED)
					continue;
				hear(&k, &r, NOW);
				assert_int_equal(k.commands, news == NEWS_ASKED);
				assert_true(news == NEWS_ASKED || k.row.state == MANAGED_DECLINED || k.row.state == MANAGED_INSTALLED);
			}
}

static void
who_declines_what_must_be_there_is_asked_again_a_day_later_and_a_few_times(void **state)
{
	static const struct managed_report due = { .news = NEWS_DUE }, taken = { .news = NEWS_TAKEN };
	static const char *const answers[] = { "UserRejected", "UpdateRejected", "ManagementRejected", "ManagedButUninstalled" };

	(void)state;
	for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
		const struct managed_report no = { NEWS_LISTED, answers[i], COPY_OLDER, true, false };
		struct kept k = { { MANAGED_WANTED, false, true, "", 0, 0, 0 }, NOW, false, 0 };
		int64_t now = NOW;

		while (k.due) {
			assert_true(k.commands < MANAGED_ATTEMPTS_MAX);
			assert_int_equal(k.due, now + (k.commands ? MANAGED_AGAIN_S : 0));
			now = k.due;
			k.due = 0;
			hear(&k, &due, now);
			assert_int_equal(k.row.state, MANAGED_QUEUED);
			hear(&k, &taken, now);
			hear(&k, &no, now);
			assert_int_equal(k.row.state, MANAGED_DECLINED);
		}
		assert_int_equal(k.commands, MANAGED_ATTEMPTS_MAX);
	}
}

static void
silence_uses_up_no_attempt(void **state)
{
	static const struct managed_report due = { .news = NEWS_DUE }, expired = { .news = NEWS_EXPIRED };

	(void)state;
	for (int going = 0; going < 2; going++) {
		struct kept k = { { going ? MANAGED_REMOVING : MANAGED_WANTED, going, true, "", 0, 0, 0 }, NOW, false, 0 };
		int64_t now = NOW;

		for (int months = 0; months < 12; months++) {
			assert_true(k.due && k.due <= now + DAY_S);
			now = k.due;
			hear(&k, &due, now);
			assert_int_equal(k.commands, months + 1);
			assert_int_equal(k.row.attempts, 1);
			now += MANAGED_TTL_S;
			hear(&k, &expired, now);
			assert_int_equal(k.row.state, MANAGED_TIMED_OUT);
			assert_string_equal(k.row.why, "not_delivered");
		}
	}
}

static void
each_word_of_a_device_has_its_meaning(void **state)
{
	static const struct { const char *status; enum managed_state state; const char *why; } cases[] = {
		{ "Queued", MANAGED_INSTALLING, "" }, { "Installing", MANAGED_INSTALLING, "" }, { "Updating", MANAGED_INSTALLING, "" },
		{ "Prompting", MANAGED_ACKNOWLEDGED, "prompting" }, { "PromptingForManagement", MANAGED_ACKNOWLEDGED, "prompting" },
		{ "UserRejected", MANAGED_DECLINED, "user" }, { "UpdateRejected", MANAGED_DECLINED, "user" },
		{ "ManagementRejected", MANAGED_DECLINED, "user" }, { "Failed", MANAGED_FAILED, "device" },
		{ "ManagedButUninstalled", MANAGED_DECLINED, "owner_removed" }, { "Unknown", MANAGED_ACKNOWLEDGED, "" },
	};
	static const struct { const char *reason; enum managed_state state; bool again; } reasons[] = {
		{ "AppAlreadyQueued", MANAGED_ACKNOWLEDGED, true }, { "AppAlreadyInstalled", MANAGED_QUEUED, true },
		{ "CouldNotVerifyAppID", MANAGED_FAILED, true }, { "NotSupported", MANAGED_FAILED, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct kept k = { { MANAGED_ACKNOWLEDGED, false, false, "", 1, 0, NOW }, NOW + 30, false, 0 };
		struct managed_report r = { NEWS_LISTED, cases[i].status, COPY_NONE, true, false };

		hear(&k, &r, NOW);
		assert_int_equal(k.row.state, cases[i].state);
		assert_string_equal(k.row.why, cases[i].why);
	}
	for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++) {
		struct kept k = { { MANAGED_SENT, false, false, "", 1, 0, 0 }, NOW + 30, false, 0 };
		struct managed_report r = { NEWS_REJECTED, reasons[i].reason, COPY_NONE, false, false };

		hear(&k, &r, NOW);
		assert_int_equal(k.row.state, reasons[i].state);
		assert_int_equal(k.due != 0, reasons[i].again);
	}
}

static void
lists_are_asked_for_less_and_less_often_and_for_a_day_at_most(void **state)
{
	static const struct managed_report due = { .news = NEWS_DUE };
	struct kept k = { { MANAGED_ACKNOWLEDGED, false, false, "", 1, 0, NOW }, NOW + 30, false, 0 };
	int64_t now = NOW, last = 0;
	int polls = 0;

	(void)state;
	while (k.row.state == MANAGED_ACKNOWLEDGED) {
		assert_true(k.due == NOW + MANAGED_GIVE_UP_S || k.due - now >= last);
		last = k.due - now;
		now = k.due;
		hear(&k, &due, now);
		polls++;
	}
	assert_int_equal(k.row.state, MANAGED_TIMED_OUT);
	assert_string_equal(k.row.why, "silent");
	assert_int_equal(now, NOW + MANAGED_GIVE_UP_S);
	assert_true(polls > 8 && polls < 20);
}

/* ---- waves and hours ---- */

static void
a_wave_takes_its_percent_of_the_devices_and_who_was_in_one_is_in_the_next(void **state)
{
	int counts[10] = { 0 }, same = 0;

	for (int i = 0; i < 10000; i++) {
		char *id = mem_printf(*state, "device%d", i * 7919);
		int64_t n = rollout_number(id, "build1");

		assert_true(n >= 0 && n < 100);
		assert_int_equal(n, rollout_number(id, "build1"));
		counts[n / 10]++;
		same += n == rollout_number(id, "build2");
	}
	for (int i = 0; i < 10; i++)
		assert_in_range(counts[i], 850, 1150);
	assert_in_range(same, 0, 250);	/* another build, another order */
}

static void
hours_are_those_of_a_clock_on_a_wall(void **state)
{
	static const struct { const char *hours; int h, m; int64_t wait; } cases[] = {
		{ "", 12, 0, 0 }, { "22:00-05:00", 23, 30, 0 }, { "22:00-05:00", 4, 59, 0 }, { "22:00-05:00", 5, 0, 17 * 3600 },
		{ "22:00-05:00", 21, 59, 60 }, { "09:00-17:30", 9, 0, 0 }, { "09:00-17:30", 17, 29, 0 }, { "09:00-17:30", 17, 30, 15 * 3600 + 1800 },
		{ "09:00-17:30", 0, 0, 9 * 3600 },
	};
	static const char *const bad[] = { "22-5", "22:00-22:00", "24:00-05:00", "22:60-05:00", "22:00 05:00", "22:00-05:00 ", "xx:00-05:00",
					   "-1:00-05:00" };
	struct err err;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		assert_ok(rollout_hours_ok(cases[i].hours, &err), &err);
		assert_int_equal(rollout_wait(cases[i].hours, 100 * DAY_S + cases[i].h * 3600 + cases[i].m * 60), cases[i].wait);
	}
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_false(rollout_hours_ok(bad[i], &err));
}

static void
a_zone_is_known_with_its_summer_and_nothing_else_is_read(void **state)
{
	int64_t offset = 0;

	(void)state;
	if (!zone_offset("Europe/Berlin", 0, &offset)) {
		test_skip("no time zone files here");
		return;
	}
	assert_true(zone_offset("Europe/Berlin", 1784116800, &offset));		/* 2026-07-15 */
	assert_int_equal(offset, 7200);
	assert_true(zone_offset("Europe/Berlin", 1768478400, &offset));		/* 2026-01-15 */
	assert_int_equal(offset, 3600);
	assert_true(zone_offset("Asia/Kolkata", 1768478400, &offset));
	assert_int_equal(offset, 19800);
	assert_true(zone_offset("America/New_York", 1784116800, &offset));
	assert_int_equal(offset, -14400);
	assert_false(zone_offset("Mars/Olympus", 0, &offset));
	assert_false(zone_offset("../../../etc/passwd", 0, &offset));
	assert_false(zone_offset("/etc/passwd", 0, &offset));
	assert_false(zone_offset("", 0, &offset));
	assert_false(zone_offset("tzdata.zi", 0, &offset));
	assert_false(zone_offset(NULL, 0, &offset));
}

/* ---- what is planned for a device ---- */

#define APP	"com.example.app"

static void
sql(struct house *h, const char *text)
{
	struct err err;

	assert_ok(db_run(h->db, &err, text), &err);
}

/* "state cause build_id why" of mia's device; "": no row. */
static const char *
planned(TALLOC_CTX *ctx, struct house *h)
{
	struct rows *rows;
	const char *ret = "";
	struct err err;

	assert_ok(managed_app_plan_device(h->db, "d1", &err), &err);
	rows = db_query(ctx, h->db, "SELECT state || ' ' || cause || ' ' || coalesce(build_id, 'gone') || ' ' || why FROM managed_app");
	if (rows_next(rows, &err) == ROWS_ROW)
		ret = rows_text(ctx, rows, 0);
	rows_done(rows);
	return ret;
}

/* Mia's device has build 1 by us; the app is kept current, and goes when she leaves the audience. */
static struct house
with_app(TALLOC_CTX *ctx, char **build_id)
{
	struct house h = house(ctx);
	struct err err;

	*build_id = published(ctx, &h, (struct sent){ .channel = "main" });
	sql(&h, "INSERT INTO device (id, udid, person_id, enrollment_id, os_version, created, changed) SELECT 'd1', 'UDID-1', id, 'e1', '18.1', 1, 1"
		" FROM person WHERE name = 'mia'");
	sql(&h, "INSERT INTO enrollment (id, device_id, session_id, state, identity, access_rights, created)"
		" VALUES ('e1', 'd1', 's', 'enrolled', 'i', 8191, 1)");
	sql(&h, "INSERT INTO audience (id, tree, hash, created) VALUES ('them', '', 'them', 1)");
	sql(&h, "UPDATE channel SET audience_id = 'them'");
	sql(&h, "INSERT INTO audience_person (audience_id, person_id) SELECT 'them', id FROM person WHERE name = 'mia'");
	sql(&h, "INSERT INTO rollout (app_id, keep_current, pace, percent, paused, hours, zone, back, remove_on_leave, with_management,"
		" no_backup, changed) SELECT id, TRUE, 'step', 100, FALSE, '', 'server', FALSE, TRUE, TRUE, FALSE, 1 FROM app");
	sql(&h, "INSERT INTO installed_app (device_id, bundle_id, version, short_version, installed, managed, state, at)"
		" VALUES ('d1', '" APP "', '1', '1.0', TRUE, TRUE, 'Managed', 1)");
	assert_ok(db_run(h.db, &err, "INSERT INTO managed_app (device_id, bundle_id, build_id, cause, state, ours, changed)"
			 " VALUES ('d1', '" APP "', $1, 'asked', 'installed', TRUE, 1)", db_text(*build_id)), &err);
	return h;
}

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

static int64_t
count(TALLOC_CTX *ctx, struct house *h, const char *text)
{
	struct rows *rows = db_query(ctx, h->db, text);
	struct err err;
	int64_t n;

	assert_ok(rows_one(rows, &err, "no row"), &err);
	n = rows_int(rows, 0);
	rows_done(rows);
	return n;
}

static const char *
one(TALLOC_CTX *ctx, struct house *h, const char *text)
{
	struct rows *rows = db_query(ctx, h->db, text);
	const char *ret;
	struct err err;

	assert_ok(rows_one(rows, &err, "no row"), &err);
	ret = rows_text(ctx, rows, 0);
	rows_done(rows);
	return ret;
}

static bool
is_queued(TALLOC_CTX *ctx, struct house *h)
{
	struct rows *rows = db_query(ctx, h->db, "SELECT q.command_id FROM command_queue q JOIN command c ON c.id = q.command_id"
				     " WHERE c.request_type = 'Settings'");
	struct err err;
	bool ret = rows_next(rows, &err) == ROWS_ROW;

	rows_done(rows);
	return ret;
}

static void
a_configuration_is_there_when_the_device_has_taken_it_and_is_sent_again_until_then(void **state)
{
	static const char *const lost[] = { "Error", "expired", "error" };
	char *build_id;
	struct house h = with_app(*state, &build_id);
	struct err err;

	assert_ok(db_run(h.db, &err, "INSERT INTO app_configuration (id, app_id, name, place, configuration, version, created, changed)"
			 " VALUES ('c', (SELECT id FROM app), 'all', 1, $1, 7, 1, 1)", db_bytes((struct bytes){ "", 0 })), &err);
	for (size_t i = 0; i < sizeof lost / sizeof *lost; i++) {
		planned(*state, &h);
		assert_true(is_queued(*state, &h));
		assert_ok(managed_app_sent(h.db, "d1", APP, "u1", "c:7", &err), &err);
		sql(&h, "DELETE FROM command_queue");
		sql(&h, "DELETE FROM job");
		assert_ok(managed_app_configured(h.db, "d1", APP, "u1", lost[i], &err), &err);
		assert_int_equal(count(*state, &h, "SELECT count(*) FROM job WHERE kind = 'managed_app_device'"), 1);
	}
	planned(*state, &h);
	assert_true(is_queued(*state, &h));
	sql(&h, "DELETE FROM command_queue");
	/* of another command it says nothing */
	assert_ok(managed_app_sent(h.db, "d1", APP, "u2", "c:7", &err), &err);
	assert_ok(managed_app_configured(h.db, "d1", APP, "u1", "Acknowledged", &err), &err);
	planned(*state, &h);
	assert_true(is_queued(*state, &h));
	sql(&h, "DELETE FROM command_queue");
	assert_ok(managed_app_configured(h.db, "d1", APP, "u2", "Acknowledged", &err), &err);
	planned(*state, &h);
	assert_false(is_queued(*state, &h));
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
	assert_int_equal(count(*state, &h, "SELECT count(*) FROM managed_app WHERE due IS NOT NULL"), 0);
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
		assert_int_equal(count(*state, &h, "SELECT count(*) FROM job WHERE kind = 'managed_app_device'"), i < 4);
	}
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

static int64_t at_any_time(void *arg, const char *hours, const char *zone);

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
	assert_ok(db_run(h.db, &err, "UPDATE build SET expires = $1", db_int(clock_now() - DAY_S)), &err);
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
	assert_int_equal(count(*state, &h, "SELECT count(*) FROM job WHERE kind = 'managed_app_app'"), 1);
	assert_string_equal(planned(*state, &h), mem_printf(*state, "wanted required %s ", build_id));
	assert_ok(managed_app_sweep(h.db, at_any_time, NULL, &err), &err);
	assert_int_equal(count(*state, &h, "SELECT count(*) FROM managed_app WHERE state = 'queued'"), 1);
	assert_int_equal(count(*state, &h, "SELECT count(*) FROM command c JOIN command_queue q ON q.command_id = c.id WHERE c.request_type ="
			       " 'InstallProvisioningProfile' AND q.priority > (SELECT max(x.priority) FROM command_queue x JOIN command y ON"
			       " y.id = x.command_id WHERE y.request_type = 'InstallApplication')"), 2);
}

/* ---- builds with the same numbers ---- */

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
	assert_string_equal(one(ctx, h, "SELECT state FROM managed_app"), "queued");
	lists(h);		/* the copy of before has the numbers, and is not what is on its way */
	assert_string_equal(one(ctx, h, "SELECT state FROM managed_app"), "queued");
	assert_ok(db_tx(h->db, tx_taken, (void *)(uintptr_t)one(ctx, h, "SELECT command_uuid FROM managed_app"), &err), &err);
	lists(h);
	assert_string_equal(one(ctx, h, "SELECT state || ' ' || why FROM managed_app"), "acknowledged older");
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
	assert_string_equal(one(*state, &h, "SELECT brought FROM managed_app"), new_id);
	assert_string_equal(one(*state, &h, "SELECT build_id FROM held_app"), new_id);
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
	assert_string_equal(one(*state, &h, "SELECT build_id FROM managed_app"), new_id);
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
	assert_string_equal(one(*state, &h, "SELECT state FROM managed_app"), "acknowledged");
	says(*state, &h, "Failed");
	lists(&h);
	assert_string_equal(planned(*state, &h), mem_printf(*state, "failed current %s device", new_id));
	/* and is said of it again, as soon as the failure is forgotten */
	says(*state, &h, "Managed");
	lists_apps(&h);
	lists(&h);
	assert_string_equal(planned(*state, &h), mem_printf(*state, "failed current %s device", new_id));
	assert_string_equal(one(*state, &h, "SELECT brought FROM managed_app"), old_id);
	assert_ok(managed_app_ask(h.db, "device", "d1", APP, &err), &err);
	assert_string_equal(one(*state, &h, "SELECT state || ' ' || build_id FROM managed_app"), mem_printf(*state, "queued %s", new_id));
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
	assert_int_equal(count(*state, &h, "SELECT count(*) FROM command WHERE request_type = 'ProvisioningProfileList'"), 1);
	first = one(*state, &h, "SELECT install_id FROM managed_app");
	fetches_it(*state, &h);
	says(*state, &h, "Failed");
	lists(&h);
	assert_string_equal(one(*state, &h, "SELECT state FROM managed_app"), "failed");
	says(*state, &h, "Managed");
	sql(&h, "UPDATE managed_app SET due = 1");
	takes_the_command(*state, &h);	/* the fetch of before says nothing of this attempt */
	assert_string_not_equal(one(*state, &h, "SELECT install_id FROM managed_app"), first);
	fetches_it(*state, &h);
	lists(&h);
	assert_string_equal(one(*state, &h, "SELECT state || ' ' || brought FROM managed_app"), mem_printf(*state, "installed %s", new_id));
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
	assert_string_equal(one(*state, &h, "SELECT brought FROM managed_app"), old_id);
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
	assert_string_equal(one(*state, &h, "SELECT state FROM managed_app"), "acknowledged");
	sql(&h, "DELETE FROM renewal");
	/* nor when another app brought it */
	sql(&h, "INSERT INTO build_bundle (build_id, path, app_bundle_id, version, build, uploaded, bundle_id, provision_uuid, expires,"
		" certificate, certificate_name, certificate_expires) VALUES ('x', '', 'com.example.other', '1', '1', 1, 'com.example.other',"
		" '" NEW "', 9, 'c', '', 9)");
	sql(&h, "INSERT INTO installed_app (device_id, bundle_id, version, installed, managed, at) VALUES ('d1', 'com.example.other', '1', TRUE,"
		" TRUE, 1)");
	lists(&h);
	assert_string_equal(one(*state, &h, "SELECT state FROM managed_app"), "acknowledged");
	sql(&h, "DELETE FROM build_bundle WHERE build_id = 'x'");
	lists(&h);
	assert_string_equal(one(*state, &h, "SELECT state || ' ' || brought FROM managed_app"), mem_printf(*state, "installed %s", new_id));
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

/* ---- values ---- */

static void
configured(TALLOC_CTX *ctx, struct house *h, const char *json)
{
	const char *had = count(ctx, h, "SELECT count(*) FROM app_configuration") ? one(ctx, h, "SELECT id FROM app_configuration") : NULL;
	json_t *configuration = json_loads(json, 0, NULL);
	const struct app_configuration_wish wish = { .name = "all", .configuration = configuration };
	struct err err;
	char *id;

	assert_non_null(configuration);
	assert_ok(app_configuration_put(ctx, h->db, test_sealer(ctx), h->anna, APP, had, &wish, &id, &err), &err);
	json_decref(configuration);
	sql(h, "DELETE FROM job");
}

/* As at delivery; *wish is what it was made of. */
static const char *
filled_in(TALLOC_CTX *ctx, struct house *h, const char **wish)
{
	struct managed_sending *s;
	json_t *configuration;
	const char *ret;
	struct err err;
	char *text;

	assert_true(is_queued(ctx, h));
	assert_ok(managed_app_sending(ctx, h->db, "d1", APP, &s, &err), &err);
	assert_ok(app_configuration_fill(ctx, h->db, test_sealer(ctx), s->configuration, s->person_id, s->device_id, &configuration,
					 wish, &err), &err);
	assert_ok(managed_app_sent(h->db, "d1", APP, "u1", *wish, &err), &err);
	text = json_dumps(configuration, JSON_COMPACT | JSON_SORT_KEYS);
	ret = mem_text(ctx, text);
	free(text);
	json_decref(configuration);
	return ret;
}

static const char *
delivered(TALLOC_CTX *ctx, struct house *h)
{
	const char *wish, *ret = filled_in(ctx, h, &wish);
	struct err err;

	sql(h, "DELETE FROM command_queue");
	assert_ok(managed_app_configured(h->db, "d1", APP, "u1", "Acknowledged", &err), &err);
	return ret;
}

/* An attribute of mia is another; false: no device of hers is looked at for it. */
static bool
attribute(TALLOC_CTX *ctx, struct house *h, const char *name, const char *value)
{
	json_t *change = json_pack("{s:s}", name, value);
	struct err err;

	sql(h, "DELETE FROM job");
	assert_ok(person_attributes_change(h->db, "anna", h->mia->id, change, &err), &err);
	json_decref(change);
	return count(ctx, h, "SELECT count(*) FROM job WHERE kind = 'managed_app_device'") > 0;
}

static bool
goes_out(TALLOC_CTX *ctx, struct house *h)
{
	planned(ctx, h);
	return is_queued(ctx, h);
}

static void
an_attribute_that_changes_what_an_app_is_told_sends_it_again_and_another_one_does_not(void **state)
{
	char *build_id;
	struct house h = with_app(*state, &build_id);

	configured(*state, &h, "{\"site\":\"%department%\",\"list\":[{\"who\":\"%username% 5%%\"}]}");
	attribute(*state, &h, "department", "Sales");
	assert_true(goes_out(*state, &h));
	assert_string_equal(delivered(*state, &h), "{\"list\":[{\"who\":\"mia 5%\"}],\"site\":\"Sales\"}");
	assert_false(goes_out(*state, &h));
	/* another attribute, the same value once more, one that came back */
	assert_true(attribute(*state, &h, "office", "4"));
	assert_false(goes_out(*state, &h));
	assert_false(attribute(*state, &h, "department", "Sales"));
	attribute(*state, &h, "department", "Legal");
	attribute(*state, &h, "department", "Sales");
	assert_false(goes_out(*state, &h));
	/* the value */
	assert_true(attribute(*state, &h, "department", "Legal"));
	assert_true(goes_out(*state, &h));
	assert_string_equal(delivered(*state, &h), "{\"list\":[{\"who\":\"mia 5%\"}],\"site\":\"Legal\"}");
	assert_false(goes_out(*state, &h));
	/* without a variable no attribute counts */
	configured(*state, &h, "{\"site\":\"100 %\"}");
	assert_true(goes_out(*state, &h));
	assert_string_equal(delivered(*state, &h), "{\"site\":\"100 %\"}");
	assert_false(attribute(*state, &h, "department", "Sales"));
	assert_false(goes_out(*state, &h));
}

static void
what_changes_while_a_configuration_is_on_its_way_goes_out_behind_it(void **state)
{
	char *build_id;
	struct house h = with_app(*state, &build_id);
	const char *wish;
	struct err err;

	configured(*state, &h, "{\"site\":\"%department%\"}");
	attribute(*state, &h, "department", "Sales");
	assert_true(goes_out(*state, &h));
	assert_string_equal(filled_in(*state, &h, &wish), "{\"site\":\"Sales\"}");
	attribute(*state, &h, "department", "Legal");
	planned(*state, &h);		/* the one that is out is in the way */
	assert_int_equal(count(*state, &h, "SELECT count(*) FROM command_queue"), 1);
	sql(&h, "DELETE FROM job");
	sql(&h, "DELETE FROM command_queue");
	assert_ok(managed_app_configured(h.db, "d1", APP, "u1", "Acknowledged", &err), &err);
	assert_int_equal(count(*state, &h, "SELECT count(*) FROM job WHERE kind = 'managed_app_device'"), 1);
	assert_true(goes_out(*state, &h));
	sql(&h, "DELETE FROM job");
	assert_string_equal(delivered(*state, &h), "{\"site\":\"Legal\"}");
	assert_int_equal(count(*state, &h, "SELECT count(*) FROM job WHERE kind = 'managed_app_device'"), 0);
}

static void
an_app_is_told_what_its_device_is_by_now(void **state)
{
	char *build_id;
	struct house h = with_app(*state, &build_id);
	struct err err;

	configured(*state, &h, "{\"os\":\"%os_version%\"}");
	assert_true(goes_out(*state, &h));
	assert_string_equal(delivered(*state, &h), "{\"os\":\"18.1\"}");
	sql(&h, "UPDATE device SET os_version = '18.2'");
	sql(&h, "DELETE FROM job");
	assert_ok(managed_app_fits_again(h.db, "d1", &err), &err);
	assert_int_equal(count(*state, &h, "SELECT count(*) FROM job WHERE kind = 'managed_app_device'"), 1);
	assert_true(goes_out(*state, &h));
	assert_string_equal(delivered(*state, &h), "{\"os\":\"18.2\"}");
}

/* The fifth attempt at a required app: its command cannot be made, and nothing comes by itself any more. */
static void
could_not_be_made(TALLOC_CTX *ctx, struct house *h)
{
	struct err err;

	sql(h, "UPDATE managed_app SET state = 'queued', command_uuid = 'u9', attempts = 5, due = 1");
	assert_ok(managed_app_answered(h->db, "d1", APP, "u9", "error", NULL, NULL, &err), &err);
	sql(h, "DELETE FROM job");
	assert_int_equal(count(ctx, h, "SELECT count(*) FROM managed_app WHERE state = 'failed' AND why = 'not_made' AND due IS NULL"), 1);
}

static void
a_required_app_that_could_not_be_made_is_tried_again_when_what_it_lacked_is_known(void **state)
{
	char *build_id;
	struct house h = with_app(*state, &build_id);
	const char *failed = mem_printf(*state, "failed required %s not_made", build_id);
	const char *wanted = mem_printf(*state, "wanted required %s ", build_id);
	struct err err;

	sql(&h, "UPDATE channel SET required = TRUE");
	sql(&h, "DELETE FROM installed_app");
	sql(&h, "DELETE FROM managed_app");
	configured(*state, &h, "{\"site\":\"%department%\",\"phone\":\"%os_version%\"}");
	assert_string_equal(planned(*state, &h), wanted);
	could_not_be_made(*state, &h);
	/* what it lacks is lacking still, however often somebody looks */
	assert_string_equal(planned(*state, &h), failed);
	attribute(*state, &h, "office", "4");
	assert_string_equal(planned(*state, &h), failed);
	/* the directory tells it now */
	assert_true(attribute(*state, &h, "department", "Sales"));
	assert_string_equal(planned(*state, &h), wanted);
	assert_int_equal(count(*state, &h, "SELECT attempts FROM managed_app"), 0);
	/* the configuration is put anew */
	could_not_be_made(*state, &h);
	assert_string_equal(planned(*state, &h), failed);
	configured(*state, &h, "{\"phone\":\"%os_version%\"}");
	assert_string_equal(planned(*state, &h), wanted);
	/* the device says what was not known of it */
	could_not_be_made(*state, &h);
	assert_string_equal(planned(*state, &h), failed);
	sql(&h, "UPDATE device SET os_version = '18.2'");
	assert_ok(managed_app_fits_again(h.db, "d1", &err), &err);
	assert_int_equal(count(*state, &h, "SELECT count(*) FROM job WHERE kind = 'managed_app_device'"), 1);
	assert_string_equal(planned(*state, &h), wanted);
	/* it goes */
	could_not_be_made(*state, &h);
	sql(&h, "DELETE FROM app_configuration");
	assert_string_equal(planned(*state, &h), wanted);
	could_not_be_made(*state, &h);
	assert_string_equal(planned(*state, &h), failed);
	/* one of before, of which nobody kept what it could not be made with: once */
	sql(&h, "UPDATE managed_app SET configuration = ''");
	assert_string_equal(planned(*state, &h), wanted);
}

static void
who_comes_into_a_group_for_which_a_configuration_is_changes_it_though_the_app_is_for_everyone(void **state)
{
	char *build_id;
	struct house h = with_app(*state, &build_id);
	struct err err;

	configured(*state, &h, "{\"a\":1}");
	sql(&h, "UPDATE channel SET audience_id = NULL");
	assert_ok(managed_app_people_changed(h.db, &err), &err);
	assert_int_equal(count(*state, &h, "SELECT count(*) FROM job WHERE kind = 'managed_app_app'"), 0);
	sql(&h, "UPDATE app_configuration SET audience_id = 'them'");
	assert_ok(managed_app_people_changed(h.db, &err), &err);
	assert_int_equal(count(*state, &h, "SELECT count(*) FROM job WHERE kind = 'managed_app_app'"), 1);
}

static void
configurations_of_before_are_read_once_and_those_with_variables_go_out(void **state)
{
	char *build_id;
	struct house h = with_app(*state, &build_id);
	struct err err;

	configured(*state, &h, "{\"site\":\"%department%\"}");
	attribute(*state, &h, "department", "Sales");
	sql(&h, "UPDATE app_configuration SET variables = NULL");
	assert_true(goes_out(*state, &h));
	delivered(*state, &h);
	assert_false(goes_out(*state, &h));
	sql(&h, "DELETE FROM job");
	for (int i = 0; i < 2; i++)
		assert_ok(app_configuration_read(h.db, test_sealer(*state), &err), &err);
	assert_int_equal(count(*state, &h, "SELECT count(*) FROM app_configuration WHERE variables = '[\"department\"]'"), 1);
	assert_int_equal(count(*state, &h, "SELECT count(*) FROM job WHERE kind = 'managed_app_app'"), 1);
	assert_true(goes_out(*state, &h));
	delivered(*state, &h);
	assert_false(goes_out(*state, &h));
}

static int64_t
at_any_time(void *arg, const char *hours, const char *zone)
{
	(void)arg;
	(void)hours;
	(void)zone;
	return 0;
}

static void
what_was_written_when_the_clock_was_ahead_is_looked_at_and_ends(void **state)
{
	const struct managed_report due = { .news = NEWS_DUE };
	struct kept k = { { MANAGED_ACKNOWLEDGED, false, false, "", 1, 0, NOW + 400 * DAY_S }, NOW, false, 0 };
	char *build_id;
	struct house h = with_app(*state, &build_id);
	struct err err;

	sql(&h, "UPDATE managed_app SET state = 'wanted', due = 1893456000");		/* 2030 */
	assert_ok(managed_app_sweep(h.db, at_any_time, NULL, &err), &err);
	assert_int_equal(count(*state, &h, "SELECT count(*) FROM managed_app WHERE state = 'queued'"), 1);
	for (int64_t now = NOW; k.due; now = k.due) {
		assert_true(k.due <= NOW + 2 * DAY_S);
		k.due = 0;
		hear(&k, &due, now);
		if (k.row.state == MANAGED_TIMED_OUT)
			return;
	}
	fail();
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

static void
a_configuration_that_no_property_list_can_hold_is_refused(void **state)
{
	static const struct { const char *json; bool ok; } cases[] = {
		{ "{}", true }, { "{\"a\": [1, 2.5, true, \"x\", {\"b\": []}]}", true }, { "[]", false }, { "\"a\"", false },
		{ "{\"a\": null}", false }, { "{\"a\": [null]}", false },
		{ "{\"a\":[[[[[[[[[[[[[[1]]]]]]]]]]]]]]}", false },
	};
	struct err err;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		json_t *json = json_loads(cases[i].json, JSON_DECODE_ANY, NULL);

		assert_int_equal(app_configuration_check(json, &err), cases[i].ok);
		json_decref(json);
	}
}

TESTS(behaviour_12_from_every_state_silence_leads_to_an_end, behaviour_12_whatever_a_device_says_silence_behind_it_leads_to_an_end,
      must_64_and_behaviour_12_only_the_lists_of_the_device_make_an_app_installed, who_declined_is_not_asked_again_until_somebody_asks,
      who_declines_what_must_be_there_is_asked_again_a_day_later_and_a_few_times, a_decline_is_about_its_own_build_alone,
      silence_uses_up_no_attempt, each_word_of_a_device_has_its_meaning, lists_are_asked_for_less_and_less_often_and_for_a_day_at_most,
      a_wave_takes_its_percent_of_the_devices_and_who_was_in_one_is_in_the_next, hours_are_those_of_a_clock_on_a_wall,
      a_zone_is_known_with_its_summer_and_nothing_else_is_read, with_100000_devices_nothing_is_looked_for_row_by_row,
      a_configuration_that_no_property_list_can_hold_is_refused, who_left_by_mistake_and_is_back_keeps_the_app_and_its_data,
      a_removal_that_somebody_asked_for_or_that_was_taken_is_not_taken_back, a_channel_without_a_build_takes_nothing_away,
      what_its_owner_took_away_does_not_come_back_with_the_next_build_unless_it_is_required,
      an_app_for_the_ipad_alone_goes_to_no_iphone_though_it_is_required_and_the_row_says_why,
      a_configuration_is_there_when_the_device_has_taken_it_and_is_sent_again_until_then,
      a_device_of_nobody_is_one_of_everyones_and_one_of_a_disabled_person_gets_nothing,
      what_could_not_be_installed_is_looked_at_again_after_attempts_too, a_build_whose_own_provision_is_over_goes_to_a_new_device_behind_newer_ones,
      an_attribute_that_changes_what_an_app_is_told_sends_it_again_and_another_one_does_not,
      what_changes_while_a_configuration_is_on_its_way_goes_out_behind_it, an_app_is_told_what_its_device_is_by_now,
      configurations_of_before_are_read_once_and_those_with_variables_go_out,
      a_required_app_that_could_not_be_made_is_tried_again_when_what_it_lacked_is_known,
      who_comes_into_a_group_for_which_a_configuration_is_changes_it_though_the_app_is_for_everyone,
      a_build_signed_anew_with_the_same_numbers_goes_to_who_has_the_old_one_and_is_there_when_it_was_fetched,
      a_build_signed_anew_that_was_fetched_and_refused_is_not_there, an_older_build_with_the_same_numbers_does_not_go_out_unless_it_may_go_back,
      each_attempt_of_a_build_signed_anew_has_a_timeline_of_its_own_in_which_its_fetch_is_seen,
      without_a_fetch_the_provision_that_a_build_alone_brings_tells_that_it_is_there,
      of_which_of_two_builds_a_device_has_nobody_knows_the_newest_is_sent_once_unless_its_provision_is_there,
      against_the_end_of_a_certificate_what_is_signed_anew_goes_out_though_nobody_keeps_the_app_current,
      what_was_to_follow_a_certificate_and_is_not_placed_any_more_leaves_the_build_that_is_there,
      what_was_written_when_the_clock_was_ahead_is_looked_at_and_ends)
