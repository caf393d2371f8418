/* A way out of the house: open, closed for a while, tried by one. */
#include "tests/check.h"
#include "core/lane.h"

static char why[64];

static void
an_open_lane_lets_everyone_through(void **state)
{
	struct lane lane;

	(void)state;
	lane_init(&lane, "mail");
	for (int i = 0; i < 100; i++)
		assert_int_equal(lane_enter(&lane, 1000 + i, why, sizeof why), 0);
	assert_false(lane_works(&lane));
}

static void
a_broken_one_is_closed_twice_as_long_each_time_and_a_minute_at_most(void **state)
{
	static const int64_t pauses[] = { 5000, 10000, 20000, 40000, 60000, 60000, 60000 };
	struct lane lane;
	int64_t now = 1000;

	(void)state;
	lane_init(&lane, "mail");
	for (size_t i = 0; i < sizeof pauses / sizeof *pauses; i++) {
		assert_int_equal(lane_broken(&lane, now, "no answer"), pauses[i]);
		assert_int_equal(lane_enter(&lane, now + 1000, why, sizeof why), pauses[i] - 1000);
		assert_string_equal(why, "no answer");
		assert_int_equal(lane_enter(&lane, now + pauses[i] - 1, why, sizeof why), 1);
		now += pauses[i];
		assert_int_equal(lane_enter(&lane, now, why, sizeof why), 0);
	}
	assert_true(lane_works(&lane));
	assert_int_equal(lane_broken(&lane, now, "no answer"), LANE_PAUSE_MIN_MS);
}

static void
one_tries_while_the_others_wait_and_then_all_go(void **state)
{
	struct lane lane;

	(void)state;
	lane_init(&lane, "sms");
	lane_broken(&lane, 0, "x");
	assert_int_equal(lane_enter(&lane, 5000, why, sizeof why), 0);
	assert_int_equal(lane_enter(&lane, 5000, why, sizeof why), LANE_PAUSE_MIN_MS);
	assert_int_equal(lane_enter(&lane, 9000, why, sizeof why), LANE_PAUSE_MIN_MS);
	lane_untried(&lane);	/* it came to nothing: the next may */
	assert_int_equal(lane_enter(&lane, 9000, why, sizeof why), 0);
	assert_int_equal(lane_enter(&lane, 9000, why, sizeof why), LANE_PAUSE_MIN_MS);
	/* whoever tried never came back */
	assert_int_equal(lane_enter(&lane, 9000 + LANE_TRY_MS, why, sizeof why), 0);
	assert_true(lane_works(&lane));
	assert_int_equal(lane_enter(&lane, 9001 + LANE_TRY_MS, why, sizeof why), 0);
	assert_int_equal(lane_enter(&lane, 9001 + LANE_TRY_MS, why, sizeof why), 0);
}

static void
turns_are_as_far_apart_as_so_many_a_minute(void **state)
{
	struct lane lane;

	(void)state;
	lane_init(&lane, "mail");
	assert_int_equal(lane_turn(&lane, 1000, 0), 1000);
	assert_int_equal(lane_turn(&lane, 1000, 60), 1000);
	assert_int_equal(lane_turn(&lane, 1000, 60), 2000);
	assert_int_equal(lane_turn(&lane, 1500, 60), 3000);
	assert_int_equal(lane_turn(&lane, 90000, 60), 90000);	/* what was not used is not saved up */
	assert_int_equal(lane_turn(&lane, 90000, 60), 91000);
	assert_int_equal(lane_turn(&lane, 90000, 100000), 92000);
}

TESTS(an_open_lane_lets_everyone_through, a_broken_one_is_closed_twice_as_long_each_time_and_a_minute_at_most,
      one_tries_while_the_others_wait_and_then_all_go, turns_are_as_far_apart_as_so_many_a_minute)
