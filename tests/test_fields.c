/* Query, form, cookies, Accept: decoded once, strictly. */
#include "tests/check.h"
#include "web/access.h"
#include "web/fields.h"

static void
fields_are_decoded_once_and_kept_in_order(void **state)
{
	static const char text[] = "a=1&b=%2B+%25&&=x&c&a=%C3%A9&d=e=f&";
	struct fields fields;
	struct err err = { 0 };

	assert_ok(fields_read(*state, (struct bytes){ text, sizeof text - 1 }, 64, &fields, &err), &err);
	assert_int_equal(fields.n, 6);
	assert_string_equal(fields_get(&fields, "a"), "1");
	assert_string_equal(fields_nth(&fields, "a", 1), "é");
	assert_null(fields_nth(&fields, "a", 2));
	assert_string_equal(fields_get(&fields, "b"), "+ %");
	assert_string_equal(fields_get(&fields, "c"), "");
	assert_string_equal(fields_get(&fields, ""), "x");
	assert_string_equal(fields_get(&fields, "d"), "e=f");
	assert_null(fields_get(&fields, "e"));
}

static void
broken_escapes_nul_and_what_is_not_utf8_are_refused(void **state)
{
	static const char *const cases[] = { "a=%", "a=%4", "a=%4g", "a=%g4", "a=%00", "%00=a", "a=%ff", "a=%c3", "a=\xff" };
	struct fields fields;

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct err err = { 0 };

		assert_false(fields_read(*state, (struct bytes){ cases[i], strlen(cases[i]) }, 64, &fields, &err));
		assert_int_equal(err.kind, ERR_MALFORMED);
	}
}

static void
there_are_at_most_so_many_fields(void **state)
{
	struct fields fields;
	struct err err = { 0 };

	assert_true(fields_read(*state, (struct bytes){ "a&b", 3 }, 2, &fields, &err));
	assert_false(fields_read(*state, (struct bytes){ "a&b&c", 5 }, 2, &fields, &err));
}

static void
cookies_are_taken_as_they_stand(void **state)
{
	struct fields cookies = { 0 };

	fields_add_cookies(*state, "a=1; b=\"two\" ;c=x=y;; nonsense; =z; d=", &cookies);
	fields_add_cookies(*state, "e=5", &cookies);
	assert_int_equal(cookies.n, 5);
	assert_string_equal(fields_get(&cookies, "a"), "1");
	assert_string_equal(fields_get(&cookies, "b"), "two");
	assert_string_equal(fields_get(&cookies, "c"), "x=y");
	assert_string_equal(fields_get(&cookies, "d"), "");
	assert_string_equal(fields_get(&cookies, "e"), "5");
}

static void
browsers_are_told_from_programs(void **state)
{
	static const struct {
		const char *accept;
		bool html;
	} cases[] = {
		{ NULL, false },
		{ "", false },
		{ "*/*", false },						/* curl */
		{ "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", true },
		{ "text/html, */*", true },
		{ "text/*", true },
		{ "application/json", false },
		{ "application/json, text/html;q=0.9", false },
		{ "application/json;q=0.5, text/html", true },
		{ "application/json, text/html", false },
		{ "text/html;q=0", false },
		{ "text/html;level=1;q=0.4, application/json;q=0.7", false },
		{ "TEXT/HTML", true },
		{ ";;,,;q=,q=1", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		if (fields_prefers_html(cases[i].accept) != cases[i].html)
			fail_msg("%s", cases[i].accept);
}

static void
a_content_type_is_compared_without_its_parameters(void **state)
{
	(void)state;
	assert_true(fields_type_is("application/json", "application/json"));
	assert_true(fields_type_is("Application/JSON;charset=utf-8", "application/json"));
	assert_true(fields_type_is("application/json ; x=y", "application/json"));
	assert_false(fields_type_is("application/jsonx", "application/json"));
	assert_false(fields_type_is(NULL, "application/json"));
}

static void
the_access_log_shows_no_whole_token_and_no_query(void **state)
{
	static const struct {
		const char *path, *shown;
	} cases[] = {
		{ "/d/0123456789abcdefghijklmnopq/app.ipa", "/d/012345.../app.ipa" },
		{ "/i/0123456789abcdefghijklm", "/i/01234..." },
		{ "/i/short", "/i/s..." },
		{ "/udid/0123456789abcdefghijklm", "/udid/01234..." },
		{ "/hooks/sms/0123456789abcdefghijklm", "/hooks/sms/01234..." },
		{ "/c/0123456789abcdefghijklm/", "/c/01234.../" },
		{ "/d/0123456789abcdefghijklmnopq?x=0123456789", "/d/012345..." },
		{ "/apps/com.example.demo?token=x", "/apps/com.example.demo" },
		{ "/apps", "/apps" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_string_equal(access_path(*state, cases[i].path), cases[i].shown);
}

#define TOKEN "0123456789abcdefghijklm"

static void
a_refused_target_shows_no_token_in_whatever_form_it_came(void **state)
{
	static const struct {
		const char *target, *shown;
	} cases[] = {
		{ "/%69/" TOKEN, "/i/01234..." },
		{ "/%2569/" TOKEN "%00", "/i/012345..." },
		{ "/%252569/short-one", "/i/sh..." },
		{ "http://apps.example.com/i/" TOKEN "?token=secret", "http://apps.example.com/i/01234..." },
		{ "HTTPS://apps.example.com//D//" TOKEN "/app.ipa", "HTTPS://apps.example.com//D//01234.../app.ipa" },
		{ "//c/./" TOKEN, "//c/./01234..." },
		{ "/udid/../udid/" TOKEN, "/udid/../u.../01234..." },
		{ "/i%2f" TOKEN, "/i/01234..." },
		{ "/i\\" TOKEN, "/i\\01234..." },
		{ "/c%5c" TOKEN, "/c\\01234..." },
		{ "/x" TOKEN, "/x01234..." },
		{ "/a;" TOKEN ";b", "/a;01234...;b" },
		{ "/%30123456789%61bcdefghijklm%zz", "/012345..." },
		{ "/login%3Ftoken=" TOKEN, "/login" },
		{ "i/" TOKEN, "i/01234..." },
		{ "/?token=" TOKEN, "/" },
		{ "/apps/com.example.demo%", "/apps/com.example.demo%" },
		{ "*", "*" },
		{ "", "" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_string_equal(access_target(*state, cases[i].target), cases[i].shown);
	assert_true(strlen(access_target(*state, mem_printf(*state, "/%0*d", 15000, 0))) < 20);
	assert_true(strlen(access_target(*state, mem_printf(*state, "%*s", 15000, "/"))) < 300);
}

TESTS(fields_are_decoded_once_and_kept_in_order,
      broken_escapes_nul_and_what_is_not_utf8_are_refused,
      there_are_at_most_so_many_fields,
      cookies_are_taken_as_they_stand,
      browsers_are_told_from_programs,
      a_content_type_is_compared_without_its_parameters,
      the_access_log_shows_no_whole_token_and_no_query,
      a_refused_target_shows_no_token_in_whatever_form_it_came)
