/* What the developer is told: each code, at its level, in words that name the thing and the day. */
#include "tests/check.h"
#include "core/clock.h"
#include "ipa/verdict.h"
#include <jansson.h>

#define NOW "2026-11-22T08:00:00Z"

/* A good enterprise app; each case changes one thing (RFC 7396: null removes). */
static const char good[] =
	"{\"bundle_id\":\"com.example.demo\",\"build\":\"34\",\"platform\":\"iphoneos\","
	"\"binary\":{\"architectures\":[\"arm64\"],\"encrypted\":false,\"signed\":true},"
	"\"provision\":{\"kind\":\"enterprise\",\"signature\":\"apple\",\"app_id\":\"A1B2C3D4E5.com.example.*\","
	"\"expires\":\"2027-10-01T00:00:00Z\","
	"\"certificates\":[{\"subject\":\"iPhone Distribution: Example\",\"expires\":\"2027-12-01T00:00:00Z\"}]},"
	"\"extensions\":[]}";

#define EXTENSION(more) "{\"extensions\":[{\"bundle_id\":\"com.example.demo.share\"," \
	"\"path\":\"PlugIns/Share.appex\",\"provision\":" more "}]}"
/* Signed by the first of two, by one that the provision does not have. */
#define TWO(first, second) "\"provision\":{\"certificates\":[{\"sha1\":\"aa\",\"subject\":\"Anna\",\"expires\":\"" first "\"}," \
	"{\"sha1\":\"bb\",\"subject\":\"Ben\",\"expires\":\"" second "\"}]}"
#define SIGNED(sha1, name, expires) "\"code\":{\"certificate\":{\"sha1\":\"" sha1 "\",\"subject\":\"" name "\",\"expires\":\"" expires "\"}}"
#define ITS(more) "{\"kind\":\"enterprise\",\"signature\":\"apple\",\"app_id\":\"A1B2C3D4E5.com.example.*\"," more "}"

static const struct {
	const char *change, *code, *level, *text;	/* code NULL: nothing is said */
} cases[] = {
	{ "{}", NULL },
	{ "{\"platform\":\"\"}", NULL },
	{ "{\"binary\":{\"encrypted\":true}}", "encrypted", "error",
	  "This is a copy from the App Store: it is encrypted for the Apple Account that bought it. "
	  "Upload the .ipa that was exported from Xcode instead." },
	{ "{\"binary\":{\"signed\":false}}", "signature_invalid", "error",
	  "The app's executable carries no code signature, and devices refuse it. "
	  "Sign the app and upload it once more." },
	{ "{\"platform\":\"appletvos\"}", "wrong_platform", "error",
	  "This app is made for Apple TV and cannot be installed on an iPhone or iPad. "
	  "Upload the build for iOS." },
	{ "{\"platform\":\"iphonesimulator\"}", "wrong_platform", "error",
	  "This build is for the simulator and runs on no device. Archive the app for \"Any iOS Device\", "
	  "export it and upload that .ipa." },
	{ "{\"provision\":null}", "no_provision", "error",
	  "The app carries no readable provision (embedded.mobileprovision), so no device may install it. "
	  "Export it with the method Ad Hoc, Enterprise or Development." },
	{ "{\"provision\":{\"kind\":\"store\"}}", "store_signed", "error",
	  "The app's provision is for the App Store and TestFlight and admits no device. "
	  "Export the app with the method Ad Hoc, Enterprise or Development." },
	{ "{\"provision\":{\"expires\":\"2026-11-20T23:00:00Z\"}}", "provision_expired", "error",
	  "The app's provision ran out on 20 November 2026. Sign it again with a current one and upload it "
	  "once more." },
	{ "{\"provision\":{\"expires\":\"" NOW "\"}}", "provision_expired", "error", NULL },
	{ "{\"provision\":{\"expires\":\"2026-12-05T00:00:00Z\"}}", "provision_expiring", "warning",
	  "The app's provision runs out on 5 December 2026, and the app then stops working. Renew it in "
	  "Apple's developer portal; uploading the new provision is enough." },
	{ "{\"provision\":{\"expires\":\"2026-12-22T08:00:00Z\"}}", "provision_expiring", "warning", NULL },
	{ "{\"provision\":{\"expires\":\"2026-12-22T08:00:01Z\"}}", NULL },
	{ "{\"provision\":{\"certificates\":[{\"subject\":\"Anna\",\"expires\":\"2026-01-02T00:00:00Z\"}]}}",
	  "certificate_expired", "error",
	  "The signing certificate \"Anna\" ran out on 2 January 2026, and devices refuse what it signed. "
	  "Make a new certificate and provision and sign the app again." },
	{ "{\"provision\":{\"certificates\":[{\"subject\":\"Anna\",\"expires\":\"2026-01-02T00:00:00Z\"},"
	  "{\"subject\":\"Ben\",\"expires\":\"2027-11-01T00:00:00Z\"}]}}", NULL },
	{ "{\"provision\":{\"certificates\":[{\"subject\":\"Anna\",\"expires\":\"2026-12-01T00:00:00Z\"}]}}",
	  "certificate_expiring", "warning",
	  "The signing certificate \"Anna\" runs out on 1 December 2026. Make a new one and sign the app again "
	  "before that day." },
	{ "{\"provision\":{\"certificates\":[{\"subject\":\"Anna\",\"expires\":\"2026-12-01T00:00:00Z\"},"
	  "{\"subject\":\"Ben\",\"expires\":\"2027-11-01T00:00:00Z\"}]}}", "certificate_expiring", "warning",
	  "The signing certificate \"Anna\" runs out on 1 December 2026; it is one of several that may have "
	  "signed the app. Make a new one and sign the app again before that day." },
	{ "{" TWO("2026-11-21T08:00:00Z", "2027-11-01T00:00:00Z") "," SIGNED("aa", "Anna", "2026-11-21T08:00:00Z") "}",
	  "certificate_expired", "error",
	  "The signing certificate \"Anna\" ran out on 21 November 2026, and devices refuse what it signed. "
	  "Make a new certificate and provision and sign the app again." },
	{ "{" TWO("2026-12-01T00:00:00Z", "2027-11-01T00:00:00Z") "," SIGNED("aa", "Anna", "2026-12-01T00:00:00Z") "}",
	  "certificate_expiring", "warning",
	  "The signing certificate \"Anna\" runs out on 1 December 2026. Make a new one and sign the app again "
	  "before that day." },
	{ "{" TWO("2026-11-21T08:00:00Z", "2027-11-01T00:00:00Z") "," SIGNED("bb", "Ben", "2027-11-01T00:00:00Z") "}", NULL },
	{ "{" TWO("2026-12-01T00:00:00Z", "2027-11-01T00:00:00Z") "," SIGNED("bb", "Ben", "2027-11-01T00:00:00Z") "}", NULL },
	{ "{" TWO("2027-10-01T00:00:00Z", "2027-11-01T00:00:00Z") "," SIGNED("cc", "Zoe", "2027-11-01T00:00:00Z") "}",
	  "signer_not_listed", "error",
	  "The signing certificate \"Zoe\" is none of the provision's, and devices refuse what it signed. "
	  "Sign with a certificate of the provision, or make a provision that has it." },
	{ "{\"code\":{\"certificate\":null}}", NULL },
	{ "{\"build\":\"\"}", "bundle_version_missing", "error",
	  "Info.plist has no CFBundleVersion, or one that is not a text, and devices refuse the app. Give it one "
	  "(CURRENT_PROJECT_VERSION in Xcode), a string such as \"42\", and build it again." },
	{ "{\"provision\":{\"signature\":\"other\"}}", "signature_other", "error",
	  "The app's provision is signed, but not by Apple, and devices refuse it. Use one from Apple's "
	  "developer portal and sign the app again." },
	{ "{\"provision\":{\"signature\":\"other:test\"}}", "signature_other", "warning",
	  "The app's provision is signed under a root that this server trusts for tests. Real devices refuse it." },
	{ "{\"provision\":{\"signature\":\"invalid\"}}", "signature_invalid", "error",
	  "The app's provision was changed after it was signed, and devices refuse it. Fetch it anew from "
	  "Apple's developer portal and sign the app again." },
	{ "{\"provision\":{\"signature\":\"unsigned\"}}", "signature_invalid", "error", NULL },
	{ "{\"provision\":{\"app_id\":\"A1B2C3D4E5.com.example.other\"}}", "app_id_mismatch", "error",
	  "The app's provision is for \"A1B2C3D4E5.com.example.other\" and does not cover the bundle id "
	  "\"com.example.demo\". Sign again with a provision for that id." },

	{ EXTENSION(ITS("\"expires\":\"2027-10-01T00:01:00Z\"")), NULL },
	{ EXTENSION(ITS("\"expires\":\"2027-09-30T23:59:00Z\"")), NULL },
	{ EXTENSION("null"), NULL },		/* the app's wildcard covers it */
	{ EXTENSION("null," SIGNED("dd", "Eve", "2027-12-01T00:00:00Z")), "signer_not_listed", "error",
	  "extension Share.appex: The signing certificate \"Eve\" is none of the provision's, and devices refuse what it "
	  "signed. Sign with a certificate of the provision, or make a provision that has it." },
	{ EXTENSION(ITS("\"expires\":\"2027-06-01T00:00:00Z\"")), "extension_sooner", "warning",
	  "extension Share.appex: its provision runs out on 1 June 2027, before the app's on 1 October 2027; "
	  "the app stops working on the earlier day." },
	{ EXTENSION(ITS("\"expires\":\"2026-11-01T00:00:00Z\"")), "provision_expired", "error",
	  "extension Share.appex: its provision ran out on 1 November 2026. Sign it again with a current one and "
	  "upload it once more." },
	{ "{\"extensions\":[{\"bundle_id\":\"org.example.demo\",\"path\":\"Watch/Clock.app\",\"provision\":null}]}",
	  "no_provision", "error",
	  "watch app Clock.app: it carries no provision, and the app's does not cover \"org.example.demo\". "
	  "Export the app again with a provision for it." },
};

static json_t *
judge(const char *change, const char *more)
{
	json_t *facts = json_loads(good, 0, NULL), *with = json_loads(change, 0, NULL);
	json_t *also = more ? json_loads(more, 0, NULL) : NULL;
	struct err err;
	time_t now;

	assert_non_null(facts);
	assert_non_null(with);
	json_object_update_recursive(facts, with);
	if (also)
		json_object_update_recursive(facts, also);
	json_decref(with);
	json_decref(also);
	assert_ok(clock_parse(NOW, &now, &err), &err);
	verdict_add(facts, now);
	return facts;
}

static void
each_case_has_its_code_level_and_words(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		json_t *facts = judge(cases[i].change, NULL), *verdict = json_object_get(facts, "verdict");
		json_t *reasons = json_object_get(verdict, "reasons"), *reason = json_array_get(reasons, 0);

		print_message("  %s\n", cases[i].change);
		assert_int_equal(json_array_size(reasons), cases[i].code ? 1 : 0);
		if (cases[i].code) {
			assert_string_equal(json_string_value(json_object_get(reason, "code")), cases[i].code);
			assert_string_equal(json_string_value(json_object_get(reason, "level")), cases[i].level);
		}
		if (cases[i].code && cases[i].text)
			assert_string_equal(json_string_value(json_object_get(reason, "text")), cases[i].text);
		assert_int_equal(json_is_true(json_object_get(verdict, "installable")),
				 !cases[i].code || strcmp(cases[i].level, "error") != 0);
		json_decref(facts);
	}
}

static void
several_reasons_stand_side_by_side(void **state)
{
	json_t *facts = judge("{\"platform\":\"appletvos\"}", "{\"provision\":{\"expires\":\"2024-07-01T04:18:21Z\"}}");
	json_t *reasons = json_object_get(json_object_get(facts, "verdict"), "reasons");

	(void)state;
	assert_int_equal(json_array_size(reasons), 2);
	json_decref(facts);
}

static void
an_unsigned_executable_under_a_test_root_stays_installable(void **state)
{
	json_t *facts = judge("{\"provision\":{\"signature\":\"other:test\"}}", "{\"binary\":{\"signed\":false}}");

	(void)state;
	assert_true(json_is_true(json_object_get(json_object_get(facts, "verdict"), "installable")));
	json_decref(facts);
}

static void
facts_that_are_missing_make_no_trouble(void **state)
{
	json_t *facts = json_object();

	(void)state;
	verdict_add(facts, 0);
	assert_false(json_is_true(json_object_get(json_object_get(facts, "verdict"), "installable")));
	json_decref(facts);
}

/* Codes of the verdict, "provision_expired certificate_expiring". */
static const char *
codes_at(TALLOC_CTX *ctx, json_t *facts, time_t now)
{
	const char *text = "";
	json_t *reason;
	size_t i;

	verdict_add(facts, now);
	json_array_foreach(json_object_get(json_object_get(facts, "verdict"), "reasons"), i, reason)
		text = mem_printf(ctx, "%s %s", text, json_string_value(json_object_get(reason, "code")));
	return text;
}

static bool
installs_at(json_t *facts, time_t now)
{
	verdict_add(facts, now);
	return json_is_true(json_object_get(json_object_get(facts, "verdict"), "installable"));
}

static void
a_verdict_holds_until_the_moment_that_is_told_and_no_longer(void **state)
{
	struct err err;
	time_t now, told;

	assert_ok(clock_parse(NOW, &now, &err), &err);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		json_t *facts = judge(cases[i].change, NULL);
		const char *first = codes_at(*state, facts, now);
		int64_t until = now;

		for (int changes = 0; (until = verdict_holds_until(facts, (time_t)until)) < INT64_MAX; changes++) {
			assert_string_equal(codes_at(*state, facts, (time_t)until - 1), first);
			first = codes_at(*state, facts, (time_t)until);
			assert_true(changes < 20);
		}
		assert_string_equal(codes_at(*state, facts, (time_t)4102444800), first);	/* 2100 */
		until = verdict_installs_until(facts, now);
		assert_int_equal(until > now, installs_at(facts, now));
		if (until && until < INT64_MAX) {
			assert_true(installs_at(facts, (time_t)until - 1));
			assert_false(installs_at(facts, (time_t)until));
		}
		json_decref(facts);
	}
	assert_ok(clock_parse("2027-09-01T00:00:00Z", &told, &err), &err);
	{
		json_t *facts = judge("{}", NULL);

		assert_int_equal(verdict_holds_until(facts, now), told);
		assert_string_equal(codes_at(*state, facts, told), " provision_expiring");
		json_decref(facts);
	}
}

TESTS(each_case_has_its_code_level_and_words, several_reasons_stand_side_by_side,
      an_unsigned_executable_under_a_test_root_stays_installable, facts_that_are_missing_make_no_trouble,
      a_verdict_holds_until_the_moment_that_is_told_and_no_longer)
