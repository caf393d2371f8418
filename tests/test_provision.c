/* Provisions: every kind, every worth of a signature, and every way a bad one is refused. */
#include "tests/check.h"
#include "core/clock.h"
#include "ipa/apple_roots.h"
#include "ipa/provision.h"

#define UDID	"00008101-000000000000001E"
#define UDID_40	"0123456789abcdef0123456789abcdef01234567"

static struct provision_roots *
test_roots(void **state)
{
	struct provision_roots *roots = NULL;
	struct err err = { 0 };

	assert_ok(provision_roots_open(*state, test_data(*state, "provisions/root.pem"), &roots, &err),
		  &err);
	return roots;
}

static struct provision *
read_file(void **state, const char *path, const struct provision_roots *roots)
{
	struct provision *provision = NULL;
	struct err err = { 0 };

	if (!provision_read(*state, test_file(*state, path), roots, &provision, &err))
		fail_msg("%s: %s", path, err.cause);
	return provision;
}

static struct provision *
read_ours(void **state, const char *name)
{
	return read_file(state, mem_printf(*state, "tests/data/provisions/%s.mobileprovision", name),
			 test_roots(state));
}

static const struct {
	const char *file;
	enum provision_kind kind;
	enum provision_signature signature;
	size_t devices;
} good[] = {
	{ "enterprise",			PROVISION_ENTERPRISE,	PROVISION_OTHER_TEST,	0 },
	{ "enterprise-indefinite",	PROVISION_ENTERPRISE,	PROVISION_OTHER_TEST,	0 },
	{ "enterprise-tail",		PROVISION_ENTERPRISE,	PROVISION_OTHER_TEST,	0 },
	{ "enterprise-bare",		PROVISION_ENTERPRISE,	PROVISION_UNSIGNED,	0 },
	{ "enterprise-bare-binary",	PROVISION_ENTERPRISE,	PROVISION_UNSIGNED,	0 },
	{ "tampered",			PROVISION_ENTERPRISE,	PROVISION_INVALID,	0 },
	{ "adhoc",			PROVISION_ADHOC,	PROVISION_OTHER_TEST,	2 },
	{ "adhoc-binary",		PROVISION_ADHOC,	PROVISION_OTHER_TEST,	2 },
	{ "wildcard",			PROVISION_ADHOC,	PROVISION_OTHER_TEST,	2 },
	{ "certificate-odd",		PROVISION_ADHOC,	PROVISION_OTHER_TEST,	2 },
	{ "signer-expired",		PROVISION_ADHOC,	PROVISION_OTHER_TEST,	2 },
	{ "signer-alone",		PROVISION_ADHOC,	PROVISION_OTHER,	2 },
	{ "signer-named-apple",		PROVISION_ADHOC,	PROVISION_OTHER_TEST,	2 },
	{ "chain-missing",		PROVISION_ADHOC,	PROVISION_OTHER,	2 },
	{ "signer-nobody",		PROVISION_STORE,	PROVISION_INVALID,	0 },
	{ "development",		PROVISION_DEVELOPMENT,	PROVISION_OTHER_TEST,	2 },
	{ "store",			PROVISION_STORE,	PROVISION_OTHER_TEST,	0 },
	{ "late",			PROVISION_STORE,	PROVISION_OTHER_TEST,	0 },
};

static void
every_kind_and_signature_is_told_apart(void **state)
{
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		struct provision *provision = read_ours(state, good[i].file);

		if (provision->kind != good[i].kind || provision->signature != good[i].signature ||
		    provision->udid_count != good[i].devices)
			fail_msg("%s is %s, %s, %zu devices", good[i].file,
				 provision_kind_name(provision->kind), provision_signature_name(provision->signature), provision->udid_count);
		assert_string_equal(provision->team_id, "A1B2C3D4E5");
		assert_int_equal(provision->cert_count, 1);
	}
}

static void
without_the_test_root_nothing_of_it_is_trusted(void **state)
{
	struct provision_roots *roots = NULL;
	struct err err = { 0 };

	assert_ok(provision_roots_open(*state, (struct bytes){ 0 }, &roots, &err), &err);
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		const char *path = mem_printf(*state, "tests/data/provisions/%s.mobileprovision",
					      good[i].file);
		enum provision_signature signature = read_file(state, path, roots)->signature;

		assert_int_not_equal(signature, PROVISION_APPLE);
		assert_int_not_equal(signature, PROVISION_OTHER_TEST);
	}
}

static void
bad_ones_are_refused_with_a_reason(void **state)
{
	static const struct {
		const char *file, *code, *cause;
	} cases[] = {
		{ "bad-empty",		"invalid", "not a provisioning profile" },
		{ "bad-text",		"invalid", "not a provisioning profile" },
		{ "bad-truncated",	"invalid", "not a provisioning profile" },
		{ "bad-deep",		"invalid", "not a provisioning profile" },
		{ "bad-digests",	"invalid", "not a provisioning profile" },
		{ "bad-inside",		"invalid", "not a provisioning profile" },
		{ "bad-detached",	"invalid", "its signature encloses nothing" },
		{ "bad-list",		"invalid", "not a provisioning profile: it has no UUID" },
		{ "bad-no-uuid",	"invalid", "not a provisioning profile: it has no UUID" },
		{ "bad-no-expiry",	"invalid", "not a provisioning profile: it has no ExpirationDate" },
		{ "bad-expiry-text",	"invalid", "not a provisioning profile: it has no ExpirationDate" },
		{ "bad-bomb-inside",	"hostile_plist", "more than 100000 values" },
	};
	struct provision_roots *roots = test_roots(state);

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const char *name = mem_printf(*state, "provisions/%s.mobileprovision", cases[i].file);
		struct provision *provision = NULL;
		struct err err = { 0 };

		if (provision_read(*state, test_data(*state, name), roots, &provision, &err))
			fail_msg("%s was read", name);
		assert_null(provision);
		assert_int_equal(err.kind, ERR_INVALID);
		assert_string_equal(err.code, cases[i].code);
		assert_string_equal(err.cause, cases[i].cause);
	}
}

static void
facts_are_read_as_they_were_written(void **state)
{
	struct provision *provision = read_ours(state, "adhoc");
	char iso[CLOCK_ISO_SIZE];

	assert_string_equal(provision->uuid, "0f8fad5b-d9cb-469f-a165-70867728950e");
	assert_string_equal(provision->name, "Example adhoc");
	assert_string_equal(provision->team_name, "Example GmbH");
	assert_string_equal(provision->app_id, "A1B2C3D4E5.com.example.app");
	assert_string_equal(provision->platform, "iOS");
	assert_string_equal(clock_iso(provision->created, iso), "2026-01-31T00:00:00Z");
	assert_string_equal(clock_iso(provision->expires, iso), "2026-12-31T12:00:00Z");
	assert_string_equal(provision->certs[0].subject, "iPhone Distribution: Example GmbH (A1B2C3D4E5)");
	assert_string_equal(clock_iso(provision->certs[0].expires, iso), "2027-01-01T00:00:00Z");
	assert_int_equal(strlen(provision->certs[0].sha1), 40);
	assert_true(json_is_false(json_object_get(provision->entitlements, "get-task-allow")));
	assert_string_equal(clock_iso(read_ours(state, "late")->expires, iso), "2117-01-04T00:00:00Z");

	provision = read_ours(state, "names-odd");	/* texts that people will see */
	assert_string_equal(provision->name, "evil name");
	assert_string_equal(provision->team_name, "");
	assert_string_equal(provision->platform, "");
}

static void
an_app_id_covers_its_bundle_ids(void **state)
{
	static const struct {
		const char *app_id, *bundle_id;
		bool covers;
	} cases[] = {
		{ "A1B2C3D4E5.com.example.app", "com.example.app", true },
		{ "A1B2C3D4E5.com.example.app", "com.example.app.share", false },
		{ "A1B2C3D4E5.com.example.app", "com.example.App", false },
		{ "A1B2C3D4E5.com.example.*", "com.example.app", true },
		{ "A1B2C3D4E5.com.example.*", "com.example.app.share", true },
		{ "A1B2C3D4E5.com.example.*", "com.example", false },
		{ "A1B2C3D4E5.com.example.*", "com.example.", false },
		{ "A1B2C3D4E5.com.example.*", "com.examples.app", false },
		{ "A1B2C3D4E5.*", "com.example.app", true },
		{ "A1B2C3D4E5.*", "", false },
		{ "A1B2C3D4E5.", "", false },
		{ "", "com.example.app", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct provision provision = { .app_id = cases[i].app_id };

		if (provision_covers(&provision, cases[i].bundle_id) != cases[i].covers)
			fail_msg("%s and %s", cases[i].app_id, cases[i].bundle_id);
	}
}

static void
json_counts_devices_and_lists_them_when_asked(void **state)
{
	struct provision *provision = read_ours(state, "development");
	json_t *json = provision_json(provision, false), *with = provision_json(provision, true);

	assert_string_equal(json_string_value(json_object_get(json, "kind")), "development");
	assert_string_equal(json_string_value(json_object_get(json, "signature")), "other:test");
	assert_string_equal(json_string_value(json_object_get(json, "expires")), "2026-12-31T12:00:00Z");
	assert_int_equal(json_integer_value(json_object_get(json, "devices")), 2);
	assert_null(json_object_get(json, "udids"));
	assert_int_equal(json_integer_value(json_object_get(with, "devices")), 2);
	assert_string_equal(json_string_value(json_array_get(json_object_get(with, "udids"), 1)), UDID_40);
	assert_true(json_is_true(json_object_get(json_object_get(json, "entitlements"), "get-task-allow")));
	assert_string_equal(json_string_value(json_object_get(
		json_array_get(json_object_get(json, "certificates"), 0), "expires")), "2027-01-01T00:00:00Z");
	json_decref(json);
	json_decref(with);
}

static void
apples_root_is_the_one_that_apple_published(void **state)
{
	SCOPED(x509_stack) STACK_OF(X509) *roots = NULL;
	struct err err = { 0 };

	assert_ok(apple_roots_read(&roots, &err), &err);
	assert_true(sk_X509_num(roots) >= 1);
	assert_string_equal(x509_subject_cn(*state, sk_X509_value(roots, 0)), "Apple Root CA");
}

static void
roots_that_cannot_be_read_are_refused(void **state)
{
	struct provision_roots *roots = NULL;
	struct err err = { 0 };
	char text[520];

	assert_false(provision_roots_open(*state, (struct bytes){ "no PEM", 6 }, &roots, &err));
	assert_null(roots);
	assert_non_null(strstr(err_text(&err, text, sizeof text), "extra provision roots"));
}

/* "exp=2019-11-26 09:27:50; udids=1": one of them, or "". */
static char *
field(void **state, const char *facts, const char *name)
{
	const char *at = strstr(facts, mem_printf(*state, "%s=", name));

	at = at ? at + strlen(name) + 1 : "";
	return mem_textn(*state, at, strcspn(at, ";\t\n"));
}

/* One line of the list: file, ..., contents as another reader saw them. */
static void
compare_with_line(void **state, const char *dir, const char *line, const struct provision_roots *roots,
		  int signatures[])
{
	const char *path = mem_printf(*state, "%s/%.*s", dir, (int)strcspn(line, "\t"), line);
	const char *how = field(state, line, "how"), *kind = field(state, line, "kind"), *bare = strstr(line, "\tbare ");
	struct provision *provision = NULL;
	char iso[CLOCK_ISO_SIZE];
	struct err err = { 0 };

	if (!*how && !bare) {
		assert_false(provision_read(*state, test_file(*state, path), roots, &provision, &err));
		return;
	}
	provision = read_file(state, path, roots);
	signatures[provision->signature]++;
	assert_int_equal(provision->signature == PROVISION_UNSIGNED, bare != NULL);
	assert_int_equal(provision->signature == PROVISION_INVALID, strcmp(how, "cms-FAIL") == 0);
	if (!*how)
		return;		/* the other reader gave up on odd base64 */
	assert_string_equal(provision_kind_name(provision->kind),
			    strcmp(kind, "appstore") == 0 ? "store" : kind);
	assert_string_equal(provision->app_id, field(state, line, "appid"));
	assert_string_equal(provision->name, field(state, line, "name"));
	assert_string_equal(mem_printf(*state, "%zu", provision->udid_count), field(state, line, "udids"));
	clock_iso(provision->expires, iso);
	iso[10] = ' ';
	iso[19] = '\0';
	assert_string_equal(iso, field(state, line, "exp"));
}

/* ../shared/fixtures: provisions that developers published, outside of this project. */
static void
published_provisions_are_read_as_the_list_says(void **state)
{
	const char *dir = test_shared(*state, "fixtures");
	struct provision_roots *roots = test_roots(state);
	int signatures[PROVISION_UNSIGNED + 1] = { 0 };
	struct bytes list;

	if (!dir)
		test_skip("no ../shared/fixtures");
	list = test_file(*state, mem_printf(*state, "%s/MANIFEST.tsv", dir));
	for (char *line = mem_textn(*state, list.p, list.len); line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, "mobileprovision/", 16) == 0)
			compare_with_line(state, dir, mem_textn(*state, line, strcspn(line, "\n")), roots,
					  signatures);
	}
	assert_int_equal(signatures[PROVISION_APPLE], 10);
	assert_int_equal(signatures[PROVISION_OTHER], 2);
	assert_int_equal(signatures[PROVISION_OTHER_TEST], 0);
	assert_int_equal(signatures[PROVISION_INVALID], 1);
	assert_int_equal(signatures[PROVISION_UNSIGNED], 5);
}

TESTS(every_kind_and_signature_is_told_apart, without_the_test_root_nothing_of_it_is_trusted,
      bad_ones_are_refused_with_a_reason, facts_are_read_as_they_were_written,
      an_app_id_covers_its_bundle_ids,
      json_counts_devices_and_lists_them_when_asked, apples_root_is_the_one_that_apple_published,
      roots_that_cannot_be_read_are_refused, published_provisions_are_read_as_the_list_says)
