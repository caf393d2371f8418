/* Mobileconfigs as forms: judged, completed, written, read; and each judged by Apple's schema. */
#include "tests/check.h"
#include <jansson.h>
#include "mdm/mobileconfig_form.h"

static json_t *
form_of(const char *text)
{
	json_error_t why;
	json_t *form = json_loads(text, JSON_REJECT_DUPLICATES, &why);

	if (!form)
		fail_msg("%s in %s", why.text, text);
	return form;
}

static void
what_ios_would_not_take_is_refused_with_the_place(void **state)
{
	static const struct { const char *form, *text; } rows[] = {
		{ "[]", "it must be a dictionary, and is an array" },
		{ "{\"name\":\"a\",\"payloads\":[{\"id\":\"w\",\"type\":\"com.apple.wifi\"}]}",
		  "w (com.apple.wifi): iOS has no payload type \"com.apple.wifi\"" },
	};
	char text[520];

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		json_t *form = form_of(rows[i].form);
		struct err err = { 0 };

		assert_false(mobileconfig_form_judge(form, &err));
		assert_string_equal(err_text(&err, text, sizeof text), rows[i].text);
		json_decref(form);
	}
}

static const char *
value_of(void *arg, const char *name)
{
	(void)arg;
	return strcmp(name, "username") == 0 ? "j<q>" : NULL;
}

static void
a_form_is_filled_and_written(void **state)
{
	json_t *form = form_of("{\"name\":\"Mail\",\"payloads\":[{\"id\":\"mail\",\"type\":\"com.apple.eas.account\",\"name\":\"Exchange\",\"keys\":"
			       "{\"Host\":\"mail.example.com\",\"UserName\":\"%username%\",\"SSL\":true}}]}"), *filled;
	struct buf out;
	struct err err;

	assert_ok(mobileconfig_form_judge(form, &err), &err);
	assert_ok(mobileconfig_form_fill(form, value_of, NULL, &filled, &err), &err);
	buf_init(&out, *state, FORM_OUT_MAX);
	assert_ok(mobileconfig_form_write(*state, filled, "com.example.mail", (struct bytes){ 0 }, &out, &err), &err);
	assert_non_null(strstr(buf_str(&out), "<key>UserName</key><string>j&lt;q&gt;</string>"));
	json_decref(form);
	json_decref(filled);
}

TESTS(what_ios_would_not_take_is_refused_with_the_place, a_form_is_filled_and_written)
