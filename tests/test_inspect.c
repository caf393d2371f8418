/*
 * Apps as tools really pack them, through the sandboxed child: what is told, and what is refused.
 *
 * The child is this program started anew, so main() sends it on its way.
 */
#include "tests/check_zip.h"
#include "core/clock.h"
#include "ipa/icon.h"
#include "ipa/inspect.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOW "2026-11-22T08:00:00Z"
#define ROOT "tests/data/ipas/root.pem"

static struct inspect_opts
opts_at(const char *now, const char *roots)
{
	struct inspect_opts opts = { .extra_roots = roots };
	struct err err;

	assert_ok(clock_parse(now, &opts.now, &err), &err);
	return opts;
}

static bool
inspect_path(void *ctx, const char *path, const struct inspect_opts *opts, struct inspect **ret,
	     struct err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	bool died, ok;

	if (fd < 0)
		fail_msg("open %s: %s", path, strerror(errno));
	ok = inspect_child(ctx, fd, opts, ret, &died, err);
	assert_false(died);
	close(fd);
	return ok;
}

/* "provision.kind" or "extensions.0.path" of the facts. */
static json_t *
at(json_t *json, const char *path)
{
	char part[64];

	while (json && *path) {
		size_t len = strcspn(path, ".");

		snprintf(part, sizeof part, "%.*s", (int)len, path);
		json = json_is_array(json) ? json_array_get(json, strtoul(part, NULL, 10))
					   : json_object_get(json, part);
		path += len + (path[len] == '.');
	}
	return json;
}

static void
assert_fact(const struct inspect *inspect, const char *path, const char *want)
{
	char *is = json_dumps(at(inspect->facts, path), JSON_ENCODE_ANY | JSON_COMPACT);

	if (!is || strcmp(is, want) != 0)
		fail_msg("%s is %s, not %s", path, is, want);
	free(is);
}

static void
a_good_app_tells_everything(void **state)
{
	struct inspect_opts opts = opts_at(NOW, ROOT);
	struct inspect *inspect;
	struct icon *icon;
	struct err err;

	assert_ok(inspect_path(*state, "tests/data/ipas/enterprise.ipa", &opts, &inspect, &err),
		  &err);
	assert_fact(inspect, "bundle_id", "\"com.example.app\"");
	assert_fact(inspect, "name", "\"Demo App\"");
	assert_fact(inspect, "localized_names",
		    "{\"de\":\"Vorf\xc3\xbchrung\",\"en\":\"Demonstration\"}");
	assert_fact(inspect, "version", "\"1.2\"");
	assert_fact(inspect, "build", "\"34\"");
	assert_fact(inspect, "minimum_os", "\"15.0\"");
	assert_fact(inspect, "platform", "\"iphoneos\"");
	assert_fact(inspect, "device_family", "[1,2]");
	assert_fact(inspect, "url_schemes", "[\"demo\",\"demo-sso\"]");
	assert_fact(inspect, "icon", "{\"width\":180,\"height\":180,\"source\":\"cgbi\"}");
	assert_fact(inspect, "provision.kind", "\"enterprise\"");
	assert_fact(inspect, "provision.signature", "\"other:test\"");
	assert_fact(inspect, "provision.expires", "\"2026-12-31T12:00:00Z\"");
	assert_fact(inspect, "binary",
		    "{\"architectures\":[\"arm64\"],\"encrypted\":false,\"signed\":true}");
	assert_fact(inspect, "extensions", "[]");
	assert_fact(inspect, "verdict.installable", "true");

	assert_ok(icon_read(*state, inspect->icons[ICON_57], &icon, &err), &err);
	assert_int_equal(icon->width, 57);
	assert_ok(icon_read(*state, inspect->icons[ICON_512], &icon, &err), &err);
	assert_int_equal(icon->width, 512);
	/* Red, though the file has blue where a PNG has red, and half transparent at its left. */
	assert_true(((const unsigned char *)icon->rgba.p)[4 * 300] > 190);
	assert_int_equal(((const unsigned char *)icon->rgba.p)[4 * 20 + 3], 128);
}

static const struct {
	const char *file, *now, *path, *want;
} told[] = {
	{ "adhoc", NOW, "provision.devices", "2" },
	{ "adhoc", NOW, "provision.kind", "\"adhoc\"" },
	{ "development", NOW, "provision.kind", "\"development\"" },
	{ "store", NOW, "verdict.reasons.0.code", "\"store_signed\"" },
	{ "store", NOW, "verdict.installable", "false" },
	{ "no-provision", NOW, "provision", "null" },
	{ "no-provision", NOW, "verdict.reasons.0.code", "\"no_provision\"" },
	{ "broken-provision", NOW, "provision", "null" },
	{ "bare-provision", NOW, "provision.signature", "\"unsigned\"" },
	{ "tampered-provision", NOW, "provision.signature", "\"invalid\"" },
	{ "encrypted", NOW, "verdict.reasons.0.code", "\"encrypted\"" },
	{ "simulator", NOW, "platform", "\"iphonesimulator\"" },
	{ "simulator", NOW, "verdict.reasons.0.code", "\"wrong_platform\"" },
	{ "tvos", NOW, "verdict.reasons.0.code", "\"wrong_platform\"" },
	{ "other-id", NOW, "verdict.reasons.1.code", "\"app_id_mismatch\"" },
	{ "unsigned", NOW, "binary.signed", "false" },
	{ "no-executable", NOW, "binary.architectures", "[]" },
	{ "enterprise", "2026-12-05T00:00:00Z", "verdict.reasons.1.code", "\"provision_expiring\"" },
	{ "enterprise", "2027-06-01T00:00:00Z", "verdict.reasons.1.code", "\"provision_expired\"" },
	{ "enterprise", "2027-06-01T00:00:00Z", "verdict.reasons.2.code", "\"certificate_expired\"" },
	{ "xml-info", NOW, "bundle_id", "\"com.example.app\"" },
	{ "png-icon", NOW, "icon", "{\"width\":120,\"height\":120,\"source\":\"png\"}" },
	{ "catalog-icon", NOW, "icon.source", "\"car\"" },
	{ "descriptors", NOW, "binary.signed", "true" },
	{ "zip64", NOW, "binary.signed", "true" },
	{ "names", NOW, "verdict.installable", "true" },
	{ "names-unannounced", NOW, "verdict.installable", "true" },
	{ "macosx", NOW, "verdict.installable", "true" },
	/* Bundles inside are never mistaken for the app, though they come first in the archive. */
	{ "watch-first", NOW, "bundle_id", "\"com.example.app\"" },
	{ "watch-first", NOW, "extensions.0.bundle_id", "\"com.example.app.watchkitapp\"" },
	{ "watch-first", NOW, "extensions.0.path", "\"Watch/Clock.app\"" },
	{ "watch-first", NOW, "extensions.0.provision.app_id", "\"A1B2C3D4E5.com.example.*\"" },
	{ "watch-first", NOW, "extensions.1.path", "\"Watch/Clock.app/PlugIns/Face.appex\"" },
	{ "watch-first", NOW, "extensions.2.path", "\"PlugIns/Share.appex\"" },
	{ "watch-first", NOW, "extensions.3.path", "\"Extensions/Note.appex\"" },
	{ "watch-first", NOW, "extensions.4.path", "\"AppClips/Try.app\"" },
	{ "watch-first", NOW, "extensions.5", NULL },
	{ "old-watch", NOW, "bundle_id", "\"com.example.app\"" },
	{ "old-watch", NOW, "extensions.1.path", "\"PlugIns/Old.appex/Old.app\"" },
};

static void
each_kind_of_app_is_told_for_what_it_is(void **state)
{
	for (size_t i = 0; i < sizeof told / sizeof *told; i++) {
		struct inspect_opts opts = opts_at(told[i].now, ROOT);
		struct inspect *inspect;
		struct err err;

		print_message("  %s: %s\n", told[i].file, told[i].path);
		assert_ok(inspect_path(*state,
				       mem_printf(*state, "tests/data/ipas/%s.ipa", told[i].file),
				       &opts, &inspect, &err),
			  &err);
		if (told[i].want)
			assert_fact(inspect, told[i].path, told[i].want);
		else
			assert_null(at(inspect->facts, told[i].path));
	}
}

static const struct {
	const char *file, *code;
} refused[] = {
	{ "bad-nested", "no_payload" },		{ "bad-top", "no_payload" },
	{ "bad-many", "many_apps" },		{ "bad-no-info", "no_info" },
	{ "bad-info", "bad_info" },		{ "bad-info-id", "bad_info" },
	{ "bad-extension-info", "bad_info" },	{ "bad-plist-bomb", "hostile_plist" },
	{ "bad-strings-bomb", "hostile_zip" },
};

static void
what_is_no_app_is_refused_with_its_code(void **state)
{
	struct inspect_opts opts = opts_at(NOW, ROOT);

	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
		struct inspect *inspect;
		struct err err;

		print_message("  %s\n", refused[i].file);
		assert_false(inspect_path(
			*state, mem_printf(*state, "tests/data/ipas/%s.ipa", refused[i].file),
			&opts, &inspect, &err));
		assert_int_equal(err.kind, ERR_INVALID);
		assert_string_equal(err.code, refused[i].code);
	}
}

static void
devices_are_named_only_when_asked_for(void **state)
{
	struct inspect_opts opts = opts_at(NOW, ROOT);
	struct inspect *inspect;
	struct err err;

	assert_ok(inspect_path(*state, "tests/data/ipas/adhoc.ipa", &opts, &inspect, &err), &err);
	assert_null(at(inspect->facts, "provision.udids"));
	opts.udids = true;
	assert_ok(inspect_path(*state, "tests/data/ipas/adhoc.ipa", &opts, &inspect, &err), &err);
	assert_int_equal(json_array_size(at(inspect->facts, "provision.udids")), 2);
}

static void
without_the_test_root_the_signature_is_a_strangers(void **state)
{
	struct inspect_opts opts = opts_at(NOW, NULL);
	struct inspect *inspect;
	struct err err;

	assert_ok(inspect_path(*state, "tests/data/ipas/enterprise.ipa", &opts, &inspect, &err),
		  &err);
	assert_fact(inspect, "provision.signature", "\"other\"");
	assert_fact(inspect, "verdict.installable", "false");
}

static void
the_hash_is_taken_over_when_it_is_known(void **state)
{
	struct inspect_opts opts = opts_at(NOW, ROOT);
	struct inspect *inspect;
	struct err err;

	opts.sha256 = "known";
	assert_ok(inspect_path(*state, "tests/data/ipas/enterprise.ipa", &opts, &inspect, &err),
		  &err);
	assert_fact(inspect, "file.sha256", "\"known\"");
}

static void
our_own_trouble_is_not_blamed_on_the_file(void **state)
{
	struct inspect_opts opts = opts_at(NOW, "tests/data/ipas/no-such.pem");
	struct inspect *inspect;
	struct err err;

	assert_false(inspect_path(*state, "tests/data/ipas/enterprise.ipa", &opts, &inspect, &err));
	assert_int_equal(err.kind, ERR_INTERNAL);
}

static void *
inspect_many(void *arg)
{
	TALLOC_CTX *ctx = talloc_new(NULL);
	struct inspect_opts opts = { .now = 1795334400, .extra_roots = ROOT };
	int fd = open("tests/data/ipas/adhoc.ipa", O_RDONLY | O_CLOEXEC), *good = arg;

	for (int i = 0; i < 5; i++) {
		struct inspect *inspect;
		struct err err;
		bool died;

		*good += inspect_child(ctx, fd, &opts, &inspect, &died, &err);
	}
	close(fd);
	talloc_free(ctx);
	return NULL;
}

static void
many_threads_inspect_at_once_and_leave_no_child_and_no_descriptor(void **state)
{
	pthread_t threads[4];
	int good[4] = { 0 }, before = open("/dev/null", O_RDONLY | O_CLOEXEC), after;

	(void)state;
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, inspect_many, &good[i]), 0);
	for (int i = 0; i < 4; i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(good[i], 5);
	}
	after = open("/dev/null", O_RDONLY | O_CLOEXEC);
	assert_int_equal(after, before + 1);
	close(before);
	close(after);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

/* What a child does that a file has taken over; chosen by the second it is told as now. */
static void
misbehave(int how)
{
	static const char garbage[] = "\xff\xff\xff\xff garbage", empty[16] = "",
			  no_facts[] = "\0\0\0\2{}\0\0\0\0\0\0\0\0\0\0\0";
	ssize_t n = 0;

	switch (how) {
	case 1:
		abort();
	case 2:
		_exit(0);
	case 3:
		n = write(STDOUT_FILENO, garbage, sizeof garbage);
		_exit(n < 0);
	case 4:
		n = write(STDOUT_FILENO, empty, sizeof empty);
		_exit(n < 0);
	case 5:
		n = write(STDOUT_FILENO, no_facts, sizeof no_facts);
		_exit(n < 0);
	case 6:
		while (n >= 0)
			n = write(STDOUT_FILENO, garbage, sizeof garbage);
		_exit(0);
	}
}

static void
a_child_that_dies_or_lies_is_one_refused_file(void **state)
{
	int fd = open("tests/data/ipas/adhoc.ipa", O_RDONLY | O_CLOEXEC);

	for (int how = 1; how <= 6; how++) {
		struct inspect_opts opts = { .now = how };
		struct inspect *inspect;
		struct err err;
		bool died;

		assert_false(inspect_child(*state, fd, &opts, &inspect, &died, &err));
		assert_true(died);
		assert_int_equal(err.kind, ERR_INVALID);
		assert_string_equal(err.code, "hostile_zip");
	}
	close(fd);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

/* ../shared/fixtures: what was found in them by other means. */

static void
assert_text_fact(const struct inspect *inspect, const char *path, json_t *expected)
{
	const char *is = json_string_value(at(inspect->facts, path));

	if (!is || strcmp(is, json_is_string(expected) ? json_string_value(expected) : "") != 0)
		fail_msg("%s is %s, not %s", path, is, json_string_value(expected));
}

static void
compare(const struct inspect *inspect, json_t *expected)
{
	json_t *prov = json_object_get(expected, "prov"), *name,
	       *size = json_object_get(expected, "size");
	size_t inner = json_array_size(json_object_get(expected, "appex")) +
		       json_array_size(json_object_get(expected, "watch"));
	const char *expires = json_string_value(json_object_get(prov, "exp"));

	assert_int_equal(json_integer_value(at(inspect->facts, "file.size")),
			 json_integer_value(size));
	assert_text_fact(inspect, "file.sha256", json_object_get(expected, "sha"));
	assert_text_fact(inspect, "bundle_id", json_object_get(expected, "CFBundleIdentifier"));
	assert_text_fact(inspect, "version",
			 json_object_get(expected, "CFBundleShortVersionString"));
	assert_text_fact(inspect, "build", json_object_get(expected, "CFBundleVersion"));
	assert_text_fact(inspect, "minimum_os", json_object_get(expected, "MinimumOSVersion"));
	name = json_object_get(expected, "CFBundleDisplayName");
	assert_text_fact(inspect, "name", name ? name : json_object_get(expected, "CFBundleName"));
	if (json_object_get(expected, "UIDeviceFamily"))
		assert_true(json_equal(at(inspect->facts, "device_family"),
				       json_object_get(expected, "UIDeviceFamily")));
	assert_int_equal(json_array_size(at(inspect->facts, "extensions")), inner);
	assert_int_equal(json_is_null(at(inspect->facts, "provision")), !prov);
	if (!prov)
		return;
	if (strcmp(json_string_value(json_object_get(prov, "kind")), "appstore") != 0)
		assert_text_fact(inspect, "provision.kind", json_object_get(prov, "kind"));
	assert_text_fact(inspect, "provision.name", json_object_get(prov, "name"));
	assert_text_fact(inspect, "provision.app_id", json_object_get(prov, "appid"));
	assert_text_fact(inspect, "provision.team_name", json_object_get(prov, "teamname"));
	assert_text_fact(inspect, "provision.team_id",
			 json_array_get(json_object_get(prov, "team"), 0));
	assert_int_equal(json_integer_value(at(inspect->facts, "provision.devices")),
			 json_integer_value(json_object_get(prov, "udids")));
	/* "2018-04-26 04:19:30" there, "2018-04-26T04:19:30Z" here */
	assert_memory_equal(json_string_value(at(inspect->facts, "provision.expires")), expires,
			    10);
	assert_memory_equal(json_string_value(at(inspect->facts, "provision.expires")) + 11,
			    expires + 11, 8);
}

static void
real_apps_agree_with_what_is_known_of_them(void **state)
{
	const char *list = test_shared(*state, "fixtures/expected.jsonl"), *line;
	struct inspect_opts opts = opts_at(NOW, NULL);
	int apps = 0, others = 0;

	if (!list)
		test_skip("no ../shared/fixtures");
	line = test_file(*state, list).p;
	for (const char *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
		json_t *expected = json_loadb(line, (size_t)(end - line), 0, NULL);
		const char *file = json_string_value(json_object_get(expected, "file"));
		struct inspect *inspect;
		struct err err;
		bool ok = inspect_path(
			*state, test_shared(*state, mem_printf(*state, "fixtures/ipa/%s", file)),
			&opts, &inspect, &err);

		print_message("  %s: %s\n", file, ok ? "an app" : err.code);
		if (json_array_size(json_object_get(expected, "apps")) == 1) {
			assert_ok(ok, &err);
			compare(inspect, expected);
			apps++;
		} else {
			assert_false(ok);
			assert_string_equal(err.code, json_object_get(expected, "err") ? "not_zip" :
					    strstr(file, "swift_twice") ? "no_info" : "no_payload");
			others++;
		}
		json_decref(expected);
	}
	assert_true(apps >= 12);
	assert_true(others >= 8);
}

#define T(f) cmocka_unit_test_setup_teardown(f, test_setup, test_teardown)

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		T(a_good_app_tells_everything),
		T(each_kind_of_app_is_told_for_what_it_is),
		T(what_is_no_app_is_refused_with_its_code),
		T(devices_are_named_only_when_asked_for),
		T(without_the_test_root_the_signature_is_a_strangers),
		T(the_hash_is_taken_over_when_it_is_known),
		T(our_own_trouble_is_not_blamed_on_the_file),
		T(a_child_that_dies_or_lies_is_one_refused_file),
		T(many_threads_inspect_at_once_and_leave_no_child_and_no_descriptor),
		T(real_apps_agree_with_what_is_known_of_them),
	};

	if (argc > 4 && strncmp(argv[4], "1970-01-01T00:00:0", 18) == 0)
		misbehave(argv[4][18] - '0');
	if (argc > 2 && strcmp(argv[1], "inspect") == 0)
		inspect_child_main(argc - 1, argv + 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
