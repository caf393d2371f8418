/*
 * Property lists: the good ones say the same in both formats, and every file that libplist 2.2.0
 * would die of, or read in another way than we do, is refused with little memory and at once.
 */
#include "tests/check.h"
#include "core/buf.h"
#include "core/clock.h"
#include "core/plist.h"
#include "core/plist_gate.h"
#include <dirent.h>
#include <stdlib.h>

#define PLISTS "tests/data/plists"

static struct bytes
text_bytes(const char *text)
{
	return (struct bytes){ text, strlen(text) };
}

static bool
opens(struct bytes bytes, struct err *err)
{
	SCOPED(plist) plist_t plist = NULL;

	*err = (struct err){ 0 };
	return plist_open(bytes, PLIST_BYTES_MAX, &plist, err);
}

/* The beginning of every file's name says what must become of it; what a fuzzer found just ends. */
static void
behaviour_15_every_file_is_judged_as_its_name_says(void **state)
{
	DIR *dir = opendir(PLISTS);
	struct dirent *entry;
	int judged = 0;

	assert_non_null(dir);
	while ((entry = readdir(dir))) {
		struct err err = { 0 };
		int64_t from = clock_ms();
		struct bytes bytes;
		bool ok;

		if (!strstr(entry->d_name, ".plist"))
			continue;
		bytes = test_file(*state, mem_printf(*state, PLISTS "/%s", entry->d_name));
		ok = opens(bytes, &err);
		if (strncmp(entry->d_name, "found-", 6) == 0)
			continue;
		if (strncmp(entry->d_name, "good", 4) == 0 ? !ok :
		    strncmp(entry->d_name, "bad-", 4) == 0 ? ok || strcmp(err.code, "bad_plist") != 0 :
							     ok || strcmp(err.code, "hostile_plist") != 0)
			fail_msg("%s: %s %s", entry->d_name, ok ? "ok" : err.code, err.cause);
		assert_true(clock_ms() - from < 500);
		judged++;
	}
	closedir(dir);
	assert_true(judged > 90);
}

static json_t *
json_of(void **state, const char *name)
{
	SCOPED(plist) plist_t plist = NULL;
	struct err err = { 0 };

	assert_ok(plist_open(test_data(*state, name), PLIST_BYTES_MAX, &plist, &err), &err);
	return plist_json(plist);
}

static void
both_formats_say_what_was_written(void **state)
{
	json_t *expected = json_load_file(PLISTS "/good.json", 0, NULL);
	json_t *binary = json_of(state, "plists/good.binary.plist");
	json_t *xml = json_of(state, "plists/good.xml.plist");

	assert_non_null(expected);
	assert_true(json_equal(expected, binary));
	assert_true(json_equal(expected, xml));
	json_decref(expected);
	json_decref(binary);
	json_decref(xml);
}

static void
markup_reads_as_xml_says(void **state)
{
	json_t *comments = json_of(state, "plists/good-comments.xml.plist");
	json_t *spaces = json_of(state, "plists/good-spaces.xml.plist");

	assert_string_equal(json_string_value(json_object_get(comments, "ab")), "x<y>&amp;🍎\n");
	assert_int_equal(json_integer_value(json_array_get(spaces, 1)), 31);
	assert_string_equal(json_string_value(json_array_get(spaces, 2)), "2026-11-22T02:46:49Z");
	json_decref(comments);
	json_decref(spaces);
}

static void
getters_ask_for_the_type(void **state)
{
	SCOPED(plist) plist_t plist = NULL;
	struct err err = { 0 };
	char iso[CLOCK_ISO_SIZE];
	int64_t number = 77;
	bool yes = false;
	time_t at = 0;
	size_t count;
	const char **texts;

	assert_ok(plist_open(test_data(*state, "plists/good.binary.plist"), PLIST_BYTES_MAX, &plist, &err),
		  &err);
	assert_string_equal(plist_text_at(*state, plist, "ascii"), "plain");
	assert_null(plist_text_at(*state, plist, "int"));
	assert_null(plist_text_at(*state, plist, "absent"));
	assert_null(plist_text_at(*state, NULL, "ascii"));
	assert_true(plist_bool_at(plist, "true", &yes) && yes);
	assert_true(plist_bool_at(plist, "false", &yes) && !yes);
	assert_false(plist_bool_at(plist, "int", &yes));
	assert_false(plist_int_at(plist, "unsigned", &number));	/* 2^64 - 1 is not -1 */
	assert_int_equal(number, 77);
	assert_true(plist_int_at(plist, "smallest", &number) && number == INT64_MIN);
	assert_true(plist_time_at(plist, "late", &at));		/* libplist's getter ends in 2069 */
	assert_string_equal(clock_iso(at, iso), "2117-01-04T13:44:01Z");
	assert_false(plist_time_at(plist, "int", &at));
	assert_int_equal(plist_data_of(*state, plist_at(plist, "data")).len, 256);
	assert_int_equal(plist_data_of(*state, plist_at(plist, "text")).len, 0);
	assert_int_equal(plist_count_at(plist, "many"), 300);
	assert_int_equal(plist_count_at(plist, "dict"), 0);
	assert_null(plist_item_at(plist, "many", 300));
	assert_non_null(plist_dict_at(plist, "dict"));
	assert_null(plist_dict_at(plist, "list"));
	texts = plist_texts_at(*state, plist, "list", 10, &count);
	assert_int_equal(count, 1);
	assert_string_equal(texts[0], "a");
	assert_null(texts[1]);
}

static char *
xml_of(void **state, const char *from, int times, const char *what, const char *to)	/* # is a number */
{
	const char *number = strchr(what, '#');
	struct buf buf;

	buf_init(&buf, *state, 64u << 20);
	buf_text(&buf, "<?xml version=\"1.0\"?><plist version=\"1.0\">");
	buf_text(&buf, from);
	for (int i = 0; i < times; i++) {
		buf_add(&buf, what, number ? (size_t)(number - what) : strlen(what));
		if (number)
			buf_addf(&buf, "%d%s", i, number + 1);
	}
	buf_addf(&buf, "%s</plist>", to);
	return buf.p;
}

static void
limits_hold_to_the_last_value(void **state)
{
	static const struct {
		const char *from, *what, *to;
		int most;
	} cases[] = {
		{ "<array>", "<true/>", "</array>", PLIST_NODES_MAX - 1 },
		{ "<dict>", "<key>#</key><true/>", "</dict>", PLIST_DICT_MAX },
		{ "<dict><key>", "k", "</key><true/></dict>", PLIST_KEY_MAX },
	};
	struct err err;

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char *most = xml_of(state, cases[i].from, cases[i].most, cases[i].what, cases[i].to);
		char *more = xml_of(state, cases[i].from, cases[i].most + 1, cases[i].what, cases[i].to);

		assert_ok(opens(text_bytes(most), &err), &err);
		assert_false(opens(text_bytes(more), &err));
		assert_string_equal(err.code, "hostile_plist");
	}
}

static void
what_is_too_large_is_not_even_looked_at(void **state)
{
	static const char zeros[PLIST_BYTES_MAX + 1];
	struct err err = { 0 };

	(void)state;
	assert_false(plist_gate((struct bytes){ zeros, sizeof zeros }, SIZE_MAX, &err));
	assert_string_equal(err.code, "hostile_plist");
	assert_false(plist_gate((struct bytes){ zeros, 11 }, 10, &err));
	assert_string_equal(err.code, "hostile_plist");
	assert_false(plist_gate((struct bytes){ NULL, 0 }, 10, &err));
	assert_string_equal(err.code, "bad_plist");
}

/* Every way to cut or damage a good file ends in an answer. */
static void
damaged_files_are_read_or_refused(void **state)
{
	static const char *const names[] = { "plists/good-comments.xml.plist",
					     "plists/good-shared.binary.plist",
					     "provisions/enterprise-bare-binary.mobileprovision" };
	struct err err;

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		struct bytes bytes = test_data(*state, names[i]);

		for (size_t len = 0; len < bytes.len; len++) {
			struct bytes cut = { mem_copy(*state, bytes.p, len), len };

			assert_false(opens(cut, &err) && len + 1 < bytes.len);
			talloc_free((void *)cut.p);
		}
		for (size_t at = 0; at < bytes.len; at++) {
			char *copy = mem_copy(*state, bytes.p, bytes.len);

			for (int bit = 0; bit < 8; bit++) {
				copy[at] ^= (char)(1 << bit);
				(void)!opens((struct bytes){ copy, bytes.len }, &err);
				copy[at] ^= (char)(1 << bit);
			}
			talloc_free(copy);
		}
	}
}

TESTS(behaviour_15_every_file_is_judged_as_its_name_says, both_formats_say_what_was_written, markup_reads_as_xml_says,
      getters_ask_for_the_type, limits_hold_to_the_last_value, what_is_too_large_is_not_even_looked_at,
      damaged_files_are_read_or_refused)
