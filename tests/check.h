#pragma once
/*
 * check - what every unit test has: cmocka, a talloc context and a directory for each test.
 *
 * A test is `static void a_sentence_of_what_is_promised(void **state)`; *state is a talloc context
 * that ends with the test, and leaks are found by ASan.  List tests at the end with TESTS(...).
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "core/mem.h"

/* A file of tests/data; fails the test when it is not there. */
struct bytes test_data(TALLOC_CTX *ctx, const char *name);
struct bytes test_file(TALLOC_CTX *ctx, const char *path);

/* A path below ../shared, or NULL when the folder is absent: then call test_skip and return. */
const char *test_shared(TALLOC_CTX *ctx, const char *name);
#define test_skip(why) do { print_message("skipped: %s\n", why); skip(); } while (0)

/* A directory of this test alone, removed at its end. */
const char *test_dir(TALLOC_CTX *ctx);

/* Ends the test with the words of err when `ok` is false. */
#define assert_ok(ok, err) do { if (!(ok)) { char text_[520]; \
	fail_msg("%s", err_text((err), text_, sizeof text_)); } } while (0)

int test_setup(void **state);
int test_teardown(void **state);

#define TEST_1(f)	cmocka_unit_test_setup_teardown(f, test_setup, test_teardown),
#define TEST_EACH_(m, a, ...)	m(a) __VA_OPT__(TEST_AGAIN_ TEST_PARENS_ (m, __VA_ARGS__))
#define TEST_AGAIN_()	TEST_EACH_
#define TEST_PARENS_	()
#define TEST_X1_(...)	TEST_X2_(TEST_X2_(TEST_X2_(TEST_X2_(__VA_ARGS__))))
#define TEST_X2_(...)	TEST_X3_(TEST_X3_(TEST_X3_(TEST_X3_(__VA_ARGS__))))
#define TEST_X3_(...)	TEST_X4_(TEST_X4_(TEST_X4_(TEST_X4_(__VA_ARGS__))))
#define TEST_X4_(...)	__VA_ARGS__
#define TESTS(...) \
	int main(void) \
	{ \
		const struct CMUnitTest tests[] = { TEST_X1_(TEST_EACH_(TEST_1, __VA_ARGS__)) }; \
		return cmocka_run_group_tests(tests, NULL, NULL); \
	}
