/* Six languages that say the same: no word missing, no value lost, no name of ours mistranslated. */
#include "tests/check.h"
#include <dirent.h>
#include <jansson.h>
#include "core/clock.h"
#include "core/sms.h"
#include "tests/check_pages.h"

static struct pages *
opened(TALLOC_CTX *ctx)
{
	struct pages *pages;
	struct err err = { 0 };

	assert_ok(pages_open(ctx, NULL, &pages, &err), &err);
	return pages;
}

static json_t *
table(const char *language)
{
	char path[100];
	json_error_t why;
	json_t *words;

	snprintf(path, sizeof path, "web/words/%s.json", language);
	words = json_load_file(path, JSON_REJECT_DUPLICATES, &why);
	if (!words)
		fail_msg("%s:%d: %s", path, why.line, why.text);
	return words;
}

/* The {{names}} of a text, each once, in the order of the alphabet. */
static char *
values(TALLOC_CTX *ctx, const char *text)
{
	json_t *seen = json_object();
	char *sorted, *all;

	for (const char *p = text; (p = strstr(p, "{{")) != NULL; p += 2)
		json_object_set_new(seen, mem_textn(ctx, p, (size_t)(strstr(p, "}}") - p)), json_true());
	sorted = json_dumps(seen, JSON_SORT_KEYS);
	all = mem_text(ctx, sorted);
	free(sorted);
	json_decref(seen);
	return all;
}

static void
every_language_has_every_word_with_the_same_values(void **state)
{
	json_t *english = table("en");

	for (size_t i = 1; page_languages[i]; i++) {
		json_t *words = table(page_languages[i]), *word;
		const char *key;

		json_object_foreach(english, key, word) {
			const char *here = json_string_value(json_object_get(words, key));

			if (!here || !*here)
				fail_msg("%s has no word \"%s\"", page_languages[i], key);
			assert_string_equal(values(*state, here), values(*state, json_string_value(word)));
		}
		json_object_foreach(words, key, word)
			if (!json_object_get(english, key))
				fail_msg("%s has a word \"%s\" that English has not", page_languages[i], key);
		json_decref(words);
	}
	json_decref(english);
}

/* Words for handlers to say; all others stand on a page. */
static bool
is_for_handlers(const char *key)
{
	static const char *const prefixes[] = { "error_", "reason_", "scope_", "say_", "act_", "fact_", "cmd_", "ptype_", "ending_" };

	for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
		if (strncmp(key, prefixes[i], strlen(prefixes[i])) == 0)
			return true;
	return false;
}

static void
no_word_is_there_for_nothing(void **state)
{
	json_t *english = table("en"), *word;
	char *pages = mem_text(*state, "");
	DIR *dir = opendir("web/pages");
	struct dirent *entry;
	const char *key;

	while ((entry = readdir(dir)) != NULL)
		if (*entry->d_name != '.') {
			struct bytes file = test_file(*state, mem_printf(*state, "web/pages/%s", entry->d_name));

			pages = mem_printf(*state, "%s%.*s", pages, (int)file.len, (const char *)file.p);
		}
	closedir(dir);
	json_object_foreach(english, key, word)
		if (!is_for_handlers(key) && !strstr(pages, mem_printf(*state, "{{word:%s}}", key)))
			fail_msg("\"%s\" is on no page", key);
	json_decref(english);
}

/* Our own words in English; Apple's are theirs. */
static void
english_keeps_to_the_house_words(void **state)
{
	json_t *english = table("en"), *word;
	const char *key;

	(void)state;
	json_object_foreach(english, key, word) {
		const char *text = json_string_value(word);

		if (strncmp(key, "ios_", 4) != 0 && strcmp(key, "trust_allow") != 0 &&
		    (strstr(text, "rofile") || strstr(text, "udid")))
			fail_msg("%s: %s", key, text);
		if (strchr(text, '\'') || strchr(text, '<'))
			fail_msg("%s: straight quotes or markup: %s", key, text);
	}
	json_decref(english);
}

static void
a_browser_gets_the_best_of_our_languages(void **state)
{
	static const struct {
		const char *accept, *language;
	} cases[] = {
		{ NULL, "en" },
		{ "", "en" },
		{ "de", "de" },
		{ "de-CH,de;q=0.9,en;q=0.8", "de" },
		{ "it,fr;q=0.7,en;q=0.3", "fr" },
		{ "zh-CN", "zh-Hans" },
		{ "ZH-hans-SG, en;q=0.1", "zh-Hans" },
		{ "en;q=0.5, ja", "ja" },
		{ "es;q=0,en", "en" },
		{ "es;q=0", "en" },
		{ "desperate", "en" },
		{ "*", "en" },
		{ ",,,;;;q=,", "en" },
		{ "fr;q=0.001, de;q=0.01", "de" },
		{ " de ; q=1.000", "de" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_string_equal(pages_language(cases[i].accept), cases[i].language);
}

static void
a_date_is_written_as_people_write_it(void **state)
{
	static const struct {
		const char *language, *day, *minute;
	} cases[] = {
		{ "en", "22 November 2026", "22 November 2026, 02:46 UTC" },
		{ "de", "22. November 2026", "22. November 2026, 02:46 UTC" },
		{ "fr", "22 novembre 2026", "22 novembre 2026, 02:46 UTC" },
		{ "es", "22 de noviembre de 2026", "22 de noviembre de 2026, 02:46 UTC" },
		{ "ja", "2026年11月22日", "2026年11月22日 02:46 UTC" },
		{ "zh-Hans", "2026年11月22日", "2026年11月22日 02:46 UTC" },
	};
	struct err err = { 0 };
	time_t at;

	(void)state;
	assert_true(clock_parse("2026-11-22T02:46:49Z", &at, &err));
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		json_t *day = page_date(cases[i].language, at), *minute = page_moment(cases[i].language, at);

		assert_string_equal(json_string_value(json_object_get(day, "text")), cases[i].day);
		assert_string_equal(json_string_value(json_object_get(day, "iso")), "2026-11-22");
		assert_string_equal(json_string_value(json_object_get(minute, "text")), cases[i].minute);
		assert_string_equal(json_string_value(json_object_get(minute, "iso")), "2026-11-22T02:46:49Z");
		json_decref(day);
		json_decref(minute);
	}
	json_t *first = page_date("fr", at - 21 * 86400);

	assert_string_equal(json_string_value(json_object_get(first, "text")), "1er novembre 2026");
	json_decref(first);
}

static void
a_size_has_the_comma_and_the_unit_of_the_language(void **state)
{
	assert_string_equal(page_size(*state, "en", 1234567890), "1.2\u00a0GB");
	assert_string_equal(page_size(*state, "de", 1234567890), "1,2\u00a0GB");
	assert_string_equal(page_size(*state, "fr", 1234567890), "1,2\u00a0Go");
	assert_string_equal(page_size(*state, "fr", 1234), "1\u00a0ko");
	assert_string_equal(page_size(*state, "fr", 12), "12\u00a0octets");
	assert_string_equal(page_size(*state, "ja", 12), "12\u00a0バイト");
	assert_string_equal(page_size(*state, "zh-Hans", 48000000), "48\u00a0MB");
}

static void
a_sentence_is_said_as_plain_text_with_its_values(void **state)
{
	struct pages *pages = opened(*state);
	json_t *data = json_pack("{s:s, s:s}", "what", "R&D <b>", "size", "12 MB");

	assert_string_equal(page_say(*state, pages, "en", "say_added", data), "R&D <b> is new");
	assert_string_equal(page_say(*state, pages, "de", "say_less", data), "12 MB weniger");
	assert_string_equal(page_say(*state, pages, "xx", "say_less", data), "12 MB less");
	assert_string_equal(page_say(*state, pages, "en", "no_such_word", data), "no_such_word");
	assert_null(pages_word(pages, "en", "no_such_word"));
	json_decref(data);
}

static void
every_refusal_has_words_and_keeps_our_own_to_ourselves(void **state)
{
	struct pages *pages = opened(*state);

	for (size_t l = 0; page_languages[l]; l++)
		for (enum err_kind kind = ERR_INVALID; kind < ERR_KINDS; kind++) {
			struct err err = { 0 };
			json_t *problem;

			err_set(&err, kind, "the cause");
			problem = page_problem(pages, page_languages[l], &err, "8f31");
			assert_true(json_is_string(json_object_get(problem, "title")));
			assert_true(json_is_string(json_object_get(problem, "text")));
			assert_true(json_is_string(json_object_get(problem, "next")));
			assert_int_equal(json_integer_value(json_object_get(problem, "status")), err_http_status(kind));
			if (kind == ERR_INTERNAL || kind == ERR_UPSTREAM || kind == ERR_DENIED || kind == ERR_MISSING)
				assert_true(json_is_null(json_object_get(problem, "detail")));
			if (kind == ERR_INVALID)
				assert_string_equal(json_string_value(json_object_get(problem, "detail")), "the cause");
			json_decref(problem);
		}
}

static void
every_reason_of_a_verdict_has_a_title(void **state)
{
	static const char *const codes[] = { "store_signed",	   "wrong_platform",	   "no_provision",
					     "provision_expired",  "provision_expiring",   "certificate_expired",
					     "certificate_expiring", "extension_sooner",   "signature_other",
					     "signature_invalid",  "app_id_mismatch",	   "encrypted",
					     "signer_not_listed",  "bundle_version_missing" };
	struct pages *pages = opened(*state);
	json_t *reasons = json_array(), *said;

	for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
		json_array_append_new(reasons, json_pack("{s:s, s:s, s:s}", "code", codes[i], "level", "error",
							 "text", "in detail"));
	json_array_append_new(reasons, json_pack("{s:s, s:s, s:s}", "code", "quite_new", "level", "info", "text",
						 "in detail"));
	said = page_reasons(pages, "de", reasons);
	assert_int_equal(json_array_size(said), json_array_size(reasons));
	for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
		json_t *reason = json_array_get(said, i);

		assert_string_not_equal(json_string_value(json_object_get(reason, "title")), "in detail");
		assert_string_equal(json_string_value(json_object_get(reason, "text")), "in detail");
	}
	json_t *unknown = json_array_get(said, json_array_size(said) - 1);

	assert_string_equal(json_string_value(json_object_get(unknown, "title")), "in detail");
	assert_true(json_is_null(json_object_get(unknown, "text")));
	json_decref(reasons);
	json_decref(said);
}

static const char *
states(TALLOC_CTX *ctx, const char *events)
{
	json_t *json = json_loads(events, 0, NULL), *steps = page_steps("en", json);
	char *text = mem_text(ctx, "");

	assert_int_equal(json_array_size(steps), 4);
	for (size_t i = 0; i < 4; i++)
		text = mem_printf(ctx, "%s%s%s", text, i ? " " : "",
				  json_string_value(json_object_get(json_array_get(steps, i), "state")));
	json_t *percent = json_object_get(json_array_get(steps, 2), "percent");

	if (json_is_integer(percent))
		text = mem_printf(ctx, "%s %d%%", text, (int)json_integer_value(percent));
	json_decref(json);
	json_decref(steps);
	return text;
}

static void
an_install_shows_how_far_it_is_and_where_it_stopped(void **state)
{
#define E(kind)	"{\"at\":\"2026-11-23T10:42:07Z\",\"kind\":\"" kind "\",\"detail\":null}"
	assert_string_equal(states(*state, "[]"), "now wait wait wait");
	assert_string_equal(states(*state, "[" E("opened") "," E("tapped") "]"), "done now wait wait");
	assert_string_equal(states(*state, "[" E("tapped") "," E("manifest") "]"), "done done now wait");
	assert_string_equal(states(*state, "[" E("tapped") "," E("manifest")
				   ",{\"at\":\"2026-11-23T10:42:07Z\",\"kind\":\"ipa\",\"detail\":\"62 %\"}]"),
			    "done done now wait 62%");
	assert_string_equal(states(*state, "[" E("tapped") "," E("manifest") "," E("ipa") "," E("whole") "]"),
			    "done done done wait");
	assert_string_equal(states(*state, "[" E("whole") "," E("installed") "]"), "done done done done");
	assert_string_equal(states(*state, "[" E("tapped") "," E("timed_out") "]"), "done fail wait wait");
	assert_string_equal(states(*state, "[" E("manifest") "," E("failed") "]"), "done done fail wait");
	assert_string_equal(states(*state, "[" E("whole") "," E("declined") "]"), "done done done fail");
	assert_string_equal(states(*state, "[{}, 7, {\"kind\":\"ipa\",\"at\":\"never\",\"detail\":\"9999999\"}]"),
			    "done done now wait");
}

/* "https://", a host of 32 characters, "/i/" and a token of 22: the link of docs/sending.md. */
static void
with_the_longest_host_an_sms_still_says_something_beside_the_link(void **state)
{
	static const char *const keys[] = { "say_sms_link_short", "say_sms_new_short", "say_sms_listed_short",
					    "say_sms_invite_short" };
	const char *url = "https://apps.department.corp.example.com/i/0123456789abcdefghijAB";
	char *text;
	struct err err;

	assert_int_equal(strlen(url), 8 + 32 + 3 + 22);
	for (size_t l = 0; page_languages[l]; l++) {
		json_t *words = table(page_languages[l]);

		for (size_t k = 0; k < sizeof keys / sizeof *keys; k++) {
			const char *forms[] = { json_string_value(json_object_get(words, keys[k])), NULL };

			assert_ok(sms_fit(*state, forms, "App", url, &text, &err), &err);
			if (strcmp(text, url) == 0)
				fail_msg("%s: %s is longer than one SMS beside the link", page_languages[l], keys[k]);
		}
		json_decref(words);
	}
}

/* The longest date of each language; the name of the app and of who sent it do not fit everywhere. */
static void
an_sms_without_a_link_says_when_it_ends_in_every_language(void **state)
{
	char *text;
	struct err err;

	for (size_t l = 0; page_languages[l]; l++) {
		json_t *words = table(page_languages[l]), *date = page_date(page_languages[l], 1822003200);	/* 26 September 2027 */
		const char *word = json_string_value(json_object_get(words, "say_sms_ends_ask_short")), *place = strstr(word, "{{ends}}");
		const char *forms[] = { mem_printf(*state, "%.*s%s%s", (int)(place - word), word, json_string_value(json_object_get(date,
					"text")), place + strlen("{{ends}}")), NULL };

		assert_ok(sms_fit(*state, forms, "App", "", &text, &err), &err);
		assert_string_equal(text, forms[0]);
		json_decref(date);
		json_decref(words);
	}
}

TESTS(with_the_longest_host_an_sms_still_says_something_beside_the_link, an_sms_without_a_link_says_when_it_ends_in_every_language,
      every_language_has_every_word_with_the_same_values, no_word_is_there_for_nothing,
      english_keeps_to_the_house_words, a_browser_gets_the_best_of_our_languages,
      a_date_is_written_as_people_write_it, a_size_has_the_comma_and_the_unit_of_the_language,
      a_sentence_is_said_as_plain_text_with_its_values, every_refusal_has_words_and_keeps_our_own_to_ourselves,
      every_reason_of_a_verdict_has_a_title, an_install_shows_how_far_it_is_and_where_it_stopped)
