/* Range, If-Range, If-None-Match by the letter of RFC 9110. */
#include "tests/check.h"
#include "web/range.h"

static void
one_range_is_served_and_the_rest_is_the_whole(void **state)
{
	static const struct {
		const char *range, *if_range;
		int64_t size;
		enum range verdict;
		int64_t from, length;
	} cases[] = {
		{ NULL, NULL, 100, RANGE_WHOLE, 0, 100 },
		{ "bytes=0-0", NULL, 100, RANGE_PART, 0, 1 },
		{ "bytes=10-19", NULL, 100, RANGE_PART, 10, 10 },
		{ "Bytes= 10-19 ", NULL, 100, RANGE_PART, 10, 10 },
		{ "bytes=90-", NULL, 100, RANGE_PART, 90, 10 },
		{ "bytes=90-1000", NULL, 100, RANGE_PART, 90, 10 },
		{ "bytes=0-99999999999999999999999", NULL, 100, RANGE_PART, 0, 100 },
		{ "bytes=-10", NULL, 100, RANGE_PART, 90, 10 },
		{ "bytes=-1000", NULL, 100, RANGE_PART, 0, 100 },
		{ "bytes=-0", NULL, 100, RANGE_OUTSIDE, 0, 100 },
		{ "bytes=100-", NULL, 100, RANGE_OUTSIDE, 0, 100 },
		{ "bytes=99999999999999999999999-", NULL, 100, RANGE_OUTSIDE, 0, 100 },
		{ "bytes=0-", NULL, 0, RANGE_OUTSIDE, 0, 0 },
		{ "bytes=-5", NULL, 0, RANGE_OUTSIDE, 0, 0 },
		/* Several, unknown or unreadable: the whole. */
		{ "bytes=0-1,5-6", NULL, 100, RANGE_WHOLE, 0, 100 },
		{ "bytes=-1,5-6", NULL, 100, RANGE_WHOLE, 0, 100 },
		{ "bytes=5-1", NULL, 100, RANGE_WHOLE, 0, 100 },
		{ "bytes=", NULL, 100, RANGE_WHOLE, 0, 100 },
		{ "bytes=-", NULL, 100, RANGE_WHOLE, 0, 100 },
		{ "bytes=a-b", NULL, 100, RANGE_WHOLE, 0, 100 },
		{ "bytes=1", NULL, 100, RANGE_WHOLE, 0, 100 },
		{ "bytes=1-2x", NULL, 100, RANGE_WHOLE, 0, 100 },
		{ "items=0-1", NULL, 100, RANGE_WHOLE, 0, 100 },
		/* If-Range compares strongly. */
		{ "bytes=0-1", "\"tag\"", 100, RANGE_PART, 0, 2 },
		{ "bytes=0-1", "\"other\"", 100, RANGE_WHOLE, 0, 100 },
		{ "bytes=0-1", "W/\"tag\"", 100, RANGE_WHOLE, 0, 100 },
		{ "bytes=0-1", "Sun, 22 Nov 2026 03:32:57 GMT", 100, RANGE_WHOLE, 0, 100 },
		{ "bytes=200-", "\"other\"", 100, RANGE_WHOLE, 0, 100 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		int64_t from = -1, length = -1;
		enum range verdict = range_read(cases[i].range, cases[i].if_range, "\"tag\"", cases[i].size,
						&from, &length);

		if (verdict != cases[i].verdict || from != cases[i].from || length != cases[i].length)
			fail_msg("%s: %d, %lld+%lld", cases[i].range, verdict, (long long)from, (long long)length);
	}
}

static void
a_tag_that_the_client_has_is_found_in_its_list(void **state)
{
	(void)state;
	assert_true(range_none_match("\"tag\"", "\"tag\""));
	assert_true(range_none_match("W/\"tag\"", "\"tag\""));
	assert_true(range_none_match("\"a,\\\", \"b\" , \"tag\"", "\"tag\""));
	assert_true(range_none_match("*", "\"tag\""));
	assert_false(range_none_match("\"tagg\", \"ta\"", "\"tag\""));
	assert_false(range_none_match("\"a,\"tag\"", "\"tagx\""));
	assert_false(range_none_match("", "\"tag\""));
	assert_false(range_none_match(NULL, "\"tag\""));
	assert_false(range_none_match("\"unended", "\"tag\""));
}

TESTS(one_range_is_served_and_the_rest_is_the_whole,
      a_tag_that_the_client_has_is_found_in_its_list)
