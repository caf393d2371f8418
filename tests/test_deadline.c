/* When a connection is late: judged from a moment and a count, no clock involved. */
#include "tests/check.h"
#include "web/deadline.h"

static const struct deadline_limits limits = {
	.head_ms = 10000, .grace_ms = 10000, .idle_ms = 15000, .idle_trusted_ms = 180000, .send_ms = 60000,
	.send_crowded_ms = 10000, .crowded = 100, .rate_min = 1000,
};

static bool
late(struct deadline *deadline, int64_t now_ms, int64_t received, int64_t sent)
{
	return deadline_late(deadline, &limits, 1, now_ms, &(struct deadline_traffic){ received, sent });
}

static void
the_first_head_has_ten_seconds_whatever_comes(void **state)
{
	struct deadline d = { 0 };

	(void)state;
	deadline_enter(&d, DEADLINE_HEAD, 5000);
	for (int64_t now = 5000; now < 15000; now += 250)
		assert_false(late(&d, now, now, 0));
	assert_true(late(&d, 15000, 15000, 0));
}

static void
a_later_head_has_ten_seconds_from_its_first_byte(void **state)
{
	struct deadline d = { 0 };

	(void)state;
	deadline_enter(&d, DEADLINE_IDLE, 0);
	assert_false(late(&d, 100, 500, 0));
	assert_false(late(&d, 14000, 500, 0));
	assert_false(late(&d, 14250, 501, 0));		/* the first byte, just in time */
	assert_false(late(&d, 24000, 510, 0));
	assert_true(late(&d, 24250, 511, 0));
}

/* The sweep has seen another phase, looks at no count for it, and meets the idle one: then too it is idle. */
static void
one_that_falls_idle_under_the_sweep_has_begun_no_head(void **state)
{
	struct deadline d = { .trusted = true };

	(void)state;
	deadline_enter(&d, DEADLINE_OURS, 0);
	assert_false(late(&d, 0, -1, -1));
	deadline_enter(&d, DEADLINE_IDLE, 10);
	assert_false(late(&d, 10, -1, -1));
	for (int64_t now = 250; now < 180000; now += 250)
		assert_false(late(&d, now, 700, 900));
	assert_true(late(&d, 180250, 700, 900));
}

static void
an_idle_connection_is_kept_longer_for_a_proxy(void **state)
{
	struct deadline d = { 0 }, proxy = { .trusted = true };

	(void)state;
	deadline_enter(&d, DEADLINE_IDLE, 0);
	deadline_enter(&proxy, DEADLINE_IDLE, 0);
	assert_false(late(&d, 14999, 500, 0));
	assert_true(late(&d, 15000, 500, 0));
	assert_false(late(&proxy, 179999, 500, 0));
	assert_true(late(&proxy, 180000, 500, 0));
}

static void
where_the_kernel_counts_nothing_a_head_is_bounded_still(void **state)
{
	struct deadline d = { .trusted = true };

	(void)state;
	deadline_enter(&d, DEADLINE_IDLE, 0);
	assert_false(late(&d, 189999, -1, -1));
	assert_true(late(&d, 190000, -1, -1));
	deadline_enter(&d, DEADLINE_SEND, 190000);
	assert_false(late(&d, 10000000, -1, -1));
}

static void
a_body_must_keep_its_rate_in_each_ten_seconds(void **state)
{
	struct deadline d = { 0 };

	(void)state;
	deadline_enter(&d, DEADLINE_BODY, 0);
	assert_false(late(&d, 9999, 0, 0));
	deadline_body(&d, 1000000);			/* quick at first ... */
	assert_false(late(&d, 10000, 0, 0));
	deadline_body(&d, 9999);			/* ... then just too slow */
	assert_false(late(&d, 19999, 0, 0));
	assert_true(late(&d, 20000, 0, 0));
}

static void
time_that_we_suspended_it_does_not_count(void **state)
{
	struct deadline d = { 0 };

	(void)state;
	deadline_enter(&d, DEADLINE_BODY, 0);
	assert_false(late(&d, 5000, 0, 0));
	deadline_enter(&d, DEADLINE_OURS, 9000);
	assert_false(late(&d, 900000, 0, 0));
	deadline_enter(&d, DEADLINE_BODY, 900000);
	assert_false(late(&d, 909999, 0, 0));
	assert_true(late(&d, 910000, 0, 0));
}

static void
who_stops_reading_is_ended_after_a_minute(void **state)
{
	struct deadline d = { 0 };

	(void)state;
	deadline_enter(&d, DEADLINE_SEND, 0);
	assert_false(late(&d, 250, 0, 1000000));
	assert_false(late(&d, 60000, 0, 1060000));
	assert_false(late(&d, 119999, 0, 1060001));
	assert_true(late(&d, 120000, 0, 1060001));
}

static void
who_stops_reading_is_ended_sooner_when_it_is_crowded(void **state)
{
	struct deadline d = { 0 };
	const struct deadline_traffic sent = { 0, 1000 };

	(void)state;
	deadline_enter(&d, DEADLINE_SEND, 0);
	assert_false(deadline_late(&d, &limits, 99, 10000, &sent));
	assert_true(deadline_late(&d, &limits, 100, 10000, &sent));
}

static void
nobody_is_late_for_time_in_which_we_did_not_run(void **state)
{
	int64_t until = 0;

	(void)state;
	assert_false(deadline_rests(&until, 0, 250));
	assert_false(deadline_rests(&until, 250, 1249));
	assert_true(deadline_rests(&until, 1249, 12249));	/* eleven seconds */
	assert_true(deadline_rests(&until, 12249, 12500));
	assert_true(deadline_rests(&until, 14000, 12249 + DEADLINE_REST_MS - 1));
	assert_false(deadline_rests(&until, 14248, 12249 + DEADLINE_REST_MS));
	assert_false(deadline_rests(&until, 14249, 14500));
	assert_true(deadline_rests(&until, 60000, 62000));	/* another one, later */
}

static void
a_server_that_is_always_starved_ends_who_is_late_all_the_same(void **state)
{
	int64_t until = 0, rested = 0;

	(void)state;
	/* ten minutes in which no sweep comes in time */
	for (int64_t now = 1000; now < 600000; now += 1200)
		rested += deadline_rests(&until, now, now + 1200) ? 1200 : 0;
	assert_in_range(rested, 1, 600000 / 8);
}

TESTS(the_first_head_has_ten_seconds_whatever_comes,
      a_later_head_has_ten_seconds_from_its_first_byte,
      one_that_falls_idle_under_the_sweep_has_begun_no_head,
      an_idle_connection_is_kept_longer_for_a_proxy,
      where_the_kernel_counts_nothing_a_head_is_bounded_still,
      a_body_must_keep_its_rate_in_each_ten_seconds,
      time_that_we_suspended_it_does_not_count,
      who_stops_reading_is_ended_after_a_minute,
      who_stops_reading_is_ended_sooner_when_it_is_crowded,
      nobody_is_late_for_time_in_which_we_did_not_run,
      a_server_that_is_always_starved_ends_who_is_late_all_the_same)
