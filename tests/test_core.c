/* The small tools: errors keep their path, escaping is whole, numbers and times are read strictly. */
#include "tests/check.h"
#include "core/buf.h"
#include "core/clock.h"
#include "core/count.h"
#include "core/file.h"
#include "core/json.h"
#include "core/num.h"
#include "core/secret.h"
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static void
an_error_keeps_its_cause_and_gains_a_path(void **state)
{
	struct err err = { 0 };
	char text[520];

	(void)state;
	assert_false(err_set(&err, ERR_INVALID, "its provisioning profile expired on %s", "2026-03-01"));
	assert_false(err_at(&err, "extension %s", "Share.appex"));
	assert_false(err_at(&err, "upload %s", "demo.ipa"));
	assert_string_equal(err_text(&err, text, sizeof text),
			    "upload demo.ipa: extension Share.appex: "
			    "its provisioning profile expired on 2026-03-01");
	assert_int_equal(err_http_status(err.kind), 422);
	assert_string_equal(err.code, "invalid");
}

static void
what_an_error_quotes_is_utf8_in_the_end(void **state)
{
	struct err err = { 0 };
	char text[520], long_name[300];

	(void)state;
	err_set(&err, ERR_INVALID, "not \"%.4s\"", "abc\xc3\xa9");	/* cut inside a character */
	assert_string_equal(err_text(&err, text, sizeof text), "not \"abc?\"");
	err_set(&err, ERR_INVALID, "\xff is none");
	assert_string_equal(err_text(&err, text, sizeof text), "? is none");
	memset(long_name, 'a', sizeof long_name);
	memcpy(long_name + 254, "\xc3\xa9", 3);
	err_set(&err, ERR_INVALID, "%s", long_name);
	assert_int_equal(err_text(&err, text, sizeof text)[254], '?');
}

static void
text_is_escaped_for_where_it_goes(void **state)
{
	static const struct {
		const char *text, *field;
	} csv[] = {
		{ "", "" }, { "plain", "plain" }, { "a,b", "\"a,b\"" }, { "say \"no\"", "\"say \"\"no\"\"\"" },
		{ "two\r\nlines", "\"two\r\nlines\"" }, { "=1+2", "'=1+2" }, { "+x", "'+x" }, { "-x", "'-x" },
		{ "@x", "'@x" }, { "\tx", "'\tx" }, { "a=1", "a=1" }, { "=a,\"b\"", "\"'=a,\"\"b\"\"\"" },
		{ "\n=1", "\"'\n=1\"" },
	};
	struct buf buf;
	const char nasty[] = "a&b<c>\"d'\x01\xc3\xa9";

	buf_init(&buf, *state, 1000);
	buf_html(&buf, nasty, sizeof nasty - 1);
	assert_string_equal(buf.p, "a&amp;b&lt;c&gt;&quot;d&#39;\x01\xc3\xa9");
	buf_clear(&buf);
	buf_xml(&buf, nasty, sizeof nasty - 1);
	assert_string_equal(buf.p, "a&amp;b&lt;c&gt;&quot;d&#39;\xc3\xa9");
	buf_clear(&buf);
	buf_url(&buf, "/d/a b?~", 8);
	assert_string_equal(buf.p, "%2Fd%2Fa%20b%3F~");
	for (size_t i = 0; i < sizeof csv / sizeof *csv; i++) {
		buf_clear(&buf);
		buf_csv(&buf, csv[i].text, strlen(csv[i].text));
		assert_string_equal(buf_str(&buf), csv[i].field);
	}
}

/* RFC 4648 section 10 */
static void
base64_follows_the_vectors_of_its_rfc(void **state)
{
	static const struct {
		const char *plain, *coded;
	} cases[] = { { "", "" }, { "f", "Zg==" }, { "fo", "Zm8=" }, { "foo", "Zm9v" },
		      { "foob", "Zm9vYg==" }, { "fooba", "Zm9vYmE=" }, { "foobar", "Zm9vYmFy" } };
	struct bytes back;

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct buf buf;

		buf_init(&buf, *state, 100);
		buf_base64(&buf, cases[i].plain, strlen(cases[i].plain));
		assert_string_equal(buf_str(&buf), cases[i].coded);
		assert_true(num_unbase64(*state, cases[i].coded, strlen(cases[i].coded), &back));
		assert_int_equal(back.len, strlen(cases[i].plain));
		assert_memory_equal(back.p, cases[i].plain, back.len);
	}
	assert_false(num_unbase64(*state, "Zg=", 3, &back));
	assert_false(num_unbase64(*state, "Z", 1, &back));
	assert_false(num_unbase64(*state, "Zg==x", 5, &back));
	assert_false(num_unbase64(*state, "Z*==", 4, &back));
}

static void
a_buffer_over_its_limit_says_so_and_stays_whole(void **state)
{
	struct buf buf;
	struct err err = { 0 };

	buf_init(&buf, *state, 5);
	buf_text(&buf, "12345");
	assert_true(buf_ok(&buf, &err));
	buf_text(&buf, "6");
	assert_false(buf_ok(&buf, &err));
	assert_int_equal(err.kind, ERR_LIMIT);
	assert_string_equal(buf.p, "12345");
}

static void
numbers_are_whole_and_within_bounds(void **state)
{
	static const char *const bad[] = { "", "-1", "+1", " 1", "1 ", "1x", "0x1", "11",
					   "99999999999999999999", NULL };
	struct err err = { 0 };
	int64_t n = 7;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_false(num_parse(bad[i], 0, 10, &n, &err));
	assert_int_equal(n, 7);
	assert_true(num_parse("10", 0, 10, &n, &err));
	assert_int_equal(n, 10);
	assert_true(num_parse("-3", -5, 0, &n, &err));
	assert_int_equal(n, -3);
}

static void
ios_versions_compare_by_number(void **state)
{
	(void)state;
	assert_true(num_version_compare("16.4", "16.10") < 0);
	assert_true(num_version_compare("17", "16.10.2") > 0);
	assert_int_equal(num_version_compare("16.0", "16"), 0);
	assert_int_equal(num_version_compare("", ""), 0);
}

static void
times_go_out_and_come_back(void **state)
{
	struct err err = { 0 };
	char text[32];
	time_t at;

	(void)state;
	assert_true(clock_parse("2026-11-22T02:46:49Z", &at, &err));
	assert_string_equal(clock_iso(at, text), "2026-11-22T02:46:49Z");
	assert_string_equal(clock_http(at, text), "Sun, 22 Nov 2026 02:46:49 GMT");
	assert_false(clock_parse("22.11.2026", &at, &err));
	assert_false(clock_parse("2026-11-22T02:46:49Zx", &at, &err));
}

static void
tokens_differ_and_their_hash_is_sha256(void **state)
{
	char hash[SECRET_HASH_SIZE];

	assert_string_not_equal(secret_token(*state), secret_token(*state));
	assert_int_equal(strlen(secret_token(*state)), 27);
	assert_string_equal(secret_hash("abc", hash),	/* FIPS 180-4 example */
			    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	assert_true(secret_equal("same", "same"));
	assert_false(secret_equal("same", "sane"));
	assert_false(secret_equal("same", "sam"));
}

static void
every_counter_is_in_the_metrics(void **state)
{
	struct buf buf;

	count_add(COUNT_UPLOADS_NEW, 2);
	buf_init(&buf, *state, 1 << 20);
	count_print(&buf);
	assert_non_null(strstr(buf.p, "pomona_uploads_total{result=\"new\"} 2\n"));
	assert_non_null(strstr(buf.p, "# TYPE pomona_http_connections gauge\n"));
}

static void
a_file_is_read_whole_within_its_bound_and_a_pipe_too(void **state)
{
	const char *path = mem_printf(*state, "%s/file", test_dir(*state));
	char *text = mem_size(*state, 100000);
	struct bytes bytes = { "untouched", 9 };
	struct err err = { 0 };
	int ends[2];

	memset(text, 'x', 100000);
	assert_false(file_read(*state, path, 100, &bytes, &err));
	assert_int_equal(err.kind, ERR_INTERNAL);
	assert_non_null(strstr(err.cause, path));
	assert_ok(file_write(path, 0600, (struct bytes){ text, 100000 }, &err), &err);
	assert_ok(file_read(*state, path, 100000, &bytes, &err), &err);
	assert_int_equal(bytes.len, 100000);
	assert_int_equal(((const char *)bytes.p)[100000], '\0');
	assert_false(file_read(*state, path, 99999, &bytes, &err));
	assert_int_equal(err.kind, ERR_LIMIT);
	assert_ok(file_write(path, 0600, (struct bytes){ "", 0 }, &err), &err);
	assert_ok(file_read(*state, path, 10, &bytes, &err), &err);
	assert_int_equal(bytes.len, 0);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);	/* knows no size */
	assert_int_equal(write(ends[1], text, 20000), 20000);
	close(ends[1]);
	assert_ok(file_read(*state, mem_printf(*state, "/dev/fd/%d", ends[0]), 20000, &bytes, &err), &err);
	assert_int_equal(bytes.len, 20000);
	close(ends[0]);
	assert_false(file_read(*state, "/", 100, &bytes, &err));
}

static void
a_file_is_replaced_and_never_half_there(void **state)
{
	const char *dir = test_dir(*state), *path = mem_printf(*state, "%s/file", dir);
	struct bytes bytes;
	struct err err = { 0 };
	struct stat st;

	assert_ok(file_write(path, 0600, (struct bytes){ "old", 3 }, &err), &err);
	assert_ok(file_write(mem_printf(*state, "%s.new", path), 0644, (struct bytes){ "of a crash", 10 }, &err), &err);
	assert_ok(file_write(path, 0640, (struct bytes){ "a\0b", 3 }, &err), &err);
	assert_ok(file_read(*state, path, 10, &bytes, &err), &err);
	assert_int_equal(bytes.len, 3);
	assert_memory_equal(bytes.p, "a\0b", 4);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_int_equal(access(mem_printf(*state, "%s.new", path), F_OK), -1);
	assert_false(file_write(mem_printf(*state, "%s/nowhere/file", dir), 0600, bytes, &err));
	assert_false(file_write(dir, 0600, bytes, &err));	/* a directory stays one */
	assert_int_equal(access(mem_printf(*state, "%s.new", dir), F_OK), -1);
}

static void
fields_of_an_object_are_read_by_their_types_and_a_wrong_one_is_named(void **state)
{
	static const struct { const char *body, *says; } wrong[] = {
		{ "[]", "the body must be an object such as {\"name\": ...}" },
		{ "{}", "name is missing: it must be a text" },
		{ "{\"name\": null}", "name must be a text, not null" },
		{ "{\"name\": \"a\", \"n\": 1.5}", "n must be a whole number, not a fraction" },
		{ "{\"name\": \"a\", \"n\": \"1\"}", "n must be a whole number, not a text" },
		{ "{\"name\": \"a\", \"on\": \"true\"}", "on must be true or false, not a text" },
		{ "{\"name\": \"a\", \"list\": {}}", "list must be a list, not an object" },
	};
	const char *name = "";
	json_t *list = NULL, *any = NULL, *body;
	int64_t n = 7;
	int on = -1;
	const struct json_field fields[] = { { "name", JSON_IS_TEXT, &name, true }, { "n", JSON_IS_INT, &n }, { "on", JSON_IS_BOOL, &on },
					     { "list", JSON_IS_LIST, &list }, { "any", JSON_IS_ANY, &any }, { NULL } };
	struct err err;

	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		err = (struct err){ 0 };
		body = json_hold(*state, json_loads(wrong[i].body, 0, NULL));
		assert_false(json_read(body, fields, &err));
		assert_string_equal(err.cause, wrong[i].says);
		assert_int_equal(err.kind, ERR_INVALID);
	}
	body = json_hold(*state, json_loads("{\"name\": \"b\", \"any\": null, \"other\": 1}", 0, NULL));
	assert_ok(json_read(body, fields, &err), &err);
	assert_true(strcmp(name, "b") == 0 && n == 7 && on == -1 && !list && json_is_null(any));
	body = json_hold(*state, json_loads("{\"name\": \"b\", \"n\": 9223372036854775807, \"on\": false, \"list\": []}", 0, NULL));
	assert_ok(json_read(body, fields, &err), &err);
	assert_true(n == INT64_MAX && on == 0 && list);
	json_drop_nulls(body = json_hold(*state, json_loads("{\"a\": null, \"b\": 0}", 0, NULL)));
	assert_int_equal(json_object_size(body), 1);
}

TESTS(an_error_keeps_its_cause_and_gains_a_path, what_an_error_quotes_is_utf8_in_the_end,
      text_is_escaped_for_where_it_goes,
      base64_follows_the_vectors_of_its_rfc, a_buffer_over_its_limit_says_so_and_stays_whole,
      numbers_are_whole_and_within_bounds, ios_versions_compare_by_number, times_go_out_and_come_back,
      tokens_differ_and_their_hash_is_sha256,
      a_file_is_read_whole_within_its_bound_and_a_pipe_too, a_file_is_replaced_and_never_half_there, every_counter_is_in_the_metrics,
      fields_of_an_object_are_read_by_their_types_and_a_wrong_one_is_named)
