/* Apps on managed devices: the table of states, waves and hours. */
#include "tests/check_managed_app.h"
#include "catalog/managed_app_inner.h"
#include "catalog/rollout.h"
#include "core/clock.h"
#include "core/zone.h"

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
	k->row = (struct managed_row){ s.state, k->row.going, k->row.kept, s.why, s.attempts, s.polls, s.began, k->row.itself };
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

/* Nothing is ever heard of it again: it comes to an end, from which what is to be there by itself is tried once a day. */
static void
falls_silent(struct kept *k, int64_t now)
{
	static const struct managed_report due = { .news = NEWS_DUE };
	int64_t began = now;
	int steps = 0;

	while (!k->gone && k->due) {
		if (k->row.itself && !k->row.going && is_end(k->row.state) && k->commands > MANAGED_ATTEMPTS_MAX + 1) {
			assert_true(k->due <= now + DAY_S);
			return;
		}
		assert_true(steps++ < 200 + 200 * k->row.itself);
		assert_true(k->due - began < (k->row.itself ? 2 : 1) * 366 * DAY_S);
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
				      dice() % 12, NOW - dice() % DAY_S, dice() % 2 };
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
			for (int64_t attempts = 0; attempts <= MANAGED_ATTEMPTS_MAX; attempts++)
				for (int itself = 0; itself < 2; itself++) {
					struct kept k = { { s, going, false, "", attempts, 0, attempts ? NOW : 0, itself }, NOW, false, 0 };

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
what_is_to_be_there_by_itself_is_tried_once_a_day_without_end_unless_the_reason_stays(void **state)
{
	static const struct managed_report due = { .news = NEWS_DUE }, refused = { .news = NEWS_REFUSED };
	static const struct managed_report never = { .news = NEWS_REJECTED, .word = "NotSupported" }, back = { .news = NEWS_CANCELLED };
	struct kept k = { { MANAGED_WANTED, false, false, "", 0, 0, 0, true }, NOW, false, 0 }, asked = k, final;
	int64_t now = NOW;

	(void)state;
	asked.row.itself = false;
	for (int i = 1; i <= 100; i++) {
		now = k.due;
		k.due = 0;
		hear(&k, &due, now);
		assert_int_equal(k.commands, i);
		final = k;
		hear(&k, &refused, now);
		assert_int_equal(k.row.state, MANAGED_FAILED);
		assert_int_equal(k.row.attempts, i);
		assert_true(k.due > now && k.due <= now + DAY_S);
		assert_true(i < MANAGED_ATTEMPTS_MAX || k.due == now + DAY_S);
	}
	hear(&final, &never, now);
	assert_int_equal(final.due, 0);
	final = k;
	hear(&final, &due, now);
	hear(&final, &back, now);
	assert_int_equal(final.due, 0);
	while (asked.due) {
		now = asked.due;
		asked.due = 0;
		hear(&asked, &due, now);
		hear(&asked, &refused, now);
	}
	assert_int_equal(asked.commands, MANAGED_ATTEMPTS_MAX);
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
what_is_taken_back_before_the_device_had_it_is_no_attempt_and_comes_back_where_it_goes_by_itself(void **state)
{
	static const struct { enum managed_news news; const char *why; int64_t wait; } cases[] = {
		{ NEWS_CLEARED, "cleared", MANAGED_CLEARED_S }, { NEWS_HELD, "held", 0 },
	};
	static const struct managed_report due = { .news = NEWS_DUE };
	struct kept going = { { MANAGED_REMOVING, true, true, "", 1, 0, 0, true }, 0, false, 1 };

	(void)state;
	for (size_t i = 0; i < 2 * sizeof cases / sizeof *cases; i++) {
		const struct managed_report back = { .news = cases[i / 2].news };
		struct kept k = { { MANAGED_WANTED, false, true, "", 0, 0, 0, true }, NOW, false, 0 }, asked;
		int64_t now = NOW;

		for (int times = 1; times < 20; times++) {
			hear(&k, &due, now);
			assert_int_equal(k.commands, times);
			assert_int_equal(k.row.state, MANAGED_QUEUED);
			assert_int_equal(k.row.attempts, 1);
			assert_string_equal(k.row.why, "");
			if (i % 2)	/* it was handed out, and the device said NotNow */
				hear(&k, &(struct managed_report){ .news = NEWS_SENT }, now);
			asked = k;
			hear(&k, &back, now);
			assert_int_equal(k.row.state, MANAGED_WANTED);
			assert_string_equal(k.row.why, cases[i / 2].why);
			assert_int_equal(k.row.attempts, 0);
			assert_int_equal(k.due, now + cases[i / 2].wait);
			now = k.due;
		}
		/* of somebody's wish nothing is held, and who asked asks again */
		asked.row.itself = false;
		hear(&asked, &back, now);
		assert_string_equal(asked.row.why, back.news == NEWS_HELD ? "" : "cancelled");
		assert_int_equal(asked.row.state, back.news == NEWS_CLEARED ? MANAGED_FAILED : i % 2 ? MANAGED_SENT : MANAGED_QUEUED);
	}
	/* a removal because its person left */
	hear(&going, &(struct managed_report){ .news = NEWS_CLEARED }, NOW);
	assert_int_equal(going.row.state, MANAGED_REMOVING);
	assert_int_equal(going.due, NOW + MANAGED_CLEARED_S);
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
	assert_int_equal(sql_int(&h, "SELECT count(*) FROM managed_app WHERE state = 'queued'"), 1);
	for (int64_t now = NOW; k.due; now = k.due) {
		assert_true(k.due <= NOW + 2 * DAY_S);
		k.due = 0;
		hear(&k, &due, now);
		if (k.row.state == MANAGED_TIMED_OUT)
			return;
	}
	fail();
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

TESTS(behaviour_12_from_every_state_silence_leads_to_an_end,
      behaviour_12_whatever_a_device_says_silence_behind_it_leads_to_an_end,
      must_64_and_behaviour_12_only_the_lists_of_the_device_make_an_app_installed,
      who_declined_is_not_asked_again_until_somebody_asks,
      who_declines_what_must_be_there_is_asked_again_a_day_later_and_a_few_times, what_is_to_be_there_by_itself_is_tried_once_a_day_without_end_unless_the_reason_stays, silence_uses_up_no_attempt,
      what_is_taken_back_before_the_device_had_it_is_no_attempt_and_comes_back_where_it_goes_by_itself,
      each_word_of_a_device_has_its_meaning, lists_are_asked_for_less_and_less_often_and_for_a_day_at_most,
      what_was_written_when_the_clock_was_ahead_is_looked_at_and_ends,
      a_wave_takes_its_percent_of_the_devices_and_who_was_in_one_is_in_the_next,
      hours_are_those_of_a_clock_on_a_wall, a_zone_is_known_with_its_summer_and_nothing_else_is_read)
