/* Commands: every one that iOS takes is written with every key and judged from outside; and who may be sent what. */
#include "tests/check.h"
#include "core/buf.h"
#include "core/plist.h"
#include "mdm/command.h"
#include "mdm/command_fact.h"
#include "mdm/mobileconfig.h"
#include <stdio.h>
#include <sys/wait.h>

#define ALL_RIGHTS 8191
#define TOKENS "{\"SyncTokens\":{\"Timestamp\":\"2026-11-22T00:00:00Z\",\"DeclarationsToken\":\"t\"}}"

static const struct command_target full = { ALL_RIGHTS, "device", 1 };

static json_t *
base64(TALLOC_CTX *ctx, const void *p, size_t len)
{
	struct buf b;

	buf_init(&b, ctx, 1u << 20);
	buf_base64(&b, p, len);
	return json_string(buf_str(&b));
}

static json_t *
a_mobileconfig(TALLOC_CTX *ctx)
{
	const struct mobileconfig m = { "com.example.apps.test", "Test", NULL, NULL };
	struct buf out;
	struct err err;

	buf_init(&out, ctx, MOBILECONFIG_MAX);
	assert_ok(mobileconfig_write(&m, NULL, 0, &out, &err), &err);
	return base64(ctx, out.p, out.len);
}

/* ---- a value of each kind that the facts name ---- */

static json_t *value_of(TALLOC_CTX *ctx, const struct apple_fact *fact);

static json_t *
dict_of(TALLOC_CTX *ctx, const struct apple_fact *fact)
{
	json_t *ret = json_object();

	for (const struct apple_fact *f = fact->under; f; f = f->next)
		json_object_set_new(ret, strcmp(f->name, "*") == 0 ? "anything" : f->name, value_of(ctx, f));
	return ret;
}

static json_t *
array_of(TALLOC_CTX *ctx, const struct apple_fact *fact)
{
	json_t *ret = json_array();

	for (const struct apple_fact *f = fact->under; f; f = f->next) {
		for (const struct apple_fact *word = f->under; word && word->type == APPLE_WORD; word = word->next)
			json_array_append_new(ret, json_string(word->name));
		if (!f->under || f->under->type != APPLE_WORD)
			json_array_append_new(ret, value_of(ctx, f));
	}
	return ret;
}

static json_t *
first_of(const char *values)
{
	size_t len = values ? strcspn(values, "|") : 1;

	return json_stringn(values ? values : "x", len);
}

static json_t *
value_of(TALLOC_CTX *ctx, const struct apple_fact *fact)
{
	switch (fact->type) {
	case APPLE_ARRAY:		return array_of(ctx, fact);
	case APPLE_DICTIONARY:	return dict_of(ctx, fact);
	case APPLE_BOOLEAN:		return json_true();
	case APPLE_INTEGER:		return json_integer(fact->values ? strtoll(fact->values, NULL, 10) : 3);
	case APPLE_DATA:
		if (strcmp(fact->name, "Payload") == 0)
			return a_mobileconfig(ctx);
		if (strcmp(fact->name, "Data") == 0)
			return base64(ctx, TOKENS, strlen(TOKENS));
		return base64(ctx, "\x30\x03\x02\x01\x01", 5);
	case APPLE_DATE:		return json_string("2026-11-22T08:30:00Z");
	case APPLE_ANY:		return json_pack("{s:s, s:[i,f,b], s:{s:s}}", "a", "b", "c", 1, 1.5, 1, "d", "$data", "AQID");
	default:
		return strcmp(fact->name, "ManifestURL") == 0 ? json_string("https://apps.example.com/m.plist") :
								first_of(fact->values);
	}
}

static json_t *
params_of(TALLOC_CTX *ctx, const struct apple_fact *fact)
{
	json_t *params = dict_of(ctx, fact);

	if (strcmp(fact->name, "InstallApplication") == 0) {
		json_object_del(params, "iTunesStoreID");
		json_object_del(params, "Identifier");
	}
	return params;
}

/* What goes over the wire: the Command in its envelope. */
static void
put_envelope(TALLOC_CTX *ctx, const char *path, struct bytes payload)
{
	const char *text = mem_textn(ctx, payload.p, payload.len), *dict = strstr(text, "<dict>"), *end = strstr(text, "</plist>");
	FILE *file = fopen(path, "we");

	assert_non_null(file);
	assert_true(dict && end);
	fprintf(file, "%.*s<dict><key>CommandUUID</key><string>1</string><key>Command</key>%.*s</dict></plist>", (int)(dict - text),
		text, (int)(end - dict), dict);
	fclose(file);
}

#define JUDGE "import sys, glob; sys.path.insert(0, sys.argv[1]); import check_plist as c; s = c.Store(); c.Store = lambda: s\n" \
	"bad = 0\n" \
	"for f in sorted(glob.glob(sys.argv[2] + '/*.plist')):\n" \
	"    sys.argv[1:] = ['--quiet', '--enrollment', 'supervised', 'command', f]; bad += c.main()\n" \
	"sys.exit(min(bad, 9))"

static void
must_14_every_command_with_every_key_passes_the_judge_of_apples_schema(void **state)
{
	const char *shared = test_shared(*state, "apple-schema/check_plist.py"), *dir = test_dir(*state);
	struct bytes payload;
	struct err err;
	json_t *params;
	int n = 0;

	if (!shared)
		test_skip("no apple-schema to judge by");
	for (const struct apple_fact *f = command_facts(); f; f = f->next, n++) {
		params = params_of(*state, f);
		assert_ok(command_write(*state, f->name, params, &payload, &err), &err);
		assert_ok(command_may(f->name, params, &full, &err), &err);
		put_envelope(*state, mem_printf(*state, "%s/%s.plist", dir, f->name), payload);
		json_decref(params);
	}
	assert_int_equal(n, 46);
	assert_int_equal(system(mem_printf(*state, "python3 -B -c \"%s\" '%.*s' '%s'", JUDGE,
					   (int)(strlen(shared) - strlen("/check_plist.py")), shared, dir)), 0);
}

static void
what_was_written_is_read_again(void **state)
{
	const char *type;
	struct bytes payload;
	struct err err;
	json_t *params = json_loads("{\"Settings\":[{\"Item\":\"ApplicationConfiguration\",\"Identifier\":\"com.example.a\","
				    "\"Configuration\":{\"k\":{\"$data\":\"AQID\"},\"n\":[1,2.5,true,{\"$date\":\"2026-11-22T08:30:00Z\"}]}}]}", 0, NULL);
	json_t *again;

	assert_ok(command_write(*state, "Settings", params, &payload, &err), &err);
	assert_ok(command_read(*state, payload, &type, &again, &err), &err);
	assert_string_equal(type, "Settings");
	assert_true(json_equal(params, again));
	json_decref(again);
	json_decref(params);
}

/* ---- refusals ---- */

static void
what_ios_would_not_take_is_refused_with_the_place(void **state)
{
	static const struct { const char *type, *params, *text; } rows[] = {
		{ "EraseDevices", "{}", "iOS has no command \"EraseDevices\"" },
		{ "EnableRemoteDesktop", "{}", "iOS has no command \"EnableRemoteDesktop\"" },
		{ "EraseDevice", "{\"PIN\":\"123456\"}", "EraseDevice: iOS has no key \"PIN\" here" },
		{ "DeviceLock", "{\"Message\":5}", "DeviceLock: Message: must be a string, and is an integer" },
		{ "DeviceLock", "{\"Messag\":\"a\"}", "DeviceLock: iOS has no key \"Messag\" here" },
		{ "DeviceLock", "{\"Message\":null}", "DeviceLock: Message: must be a string, and is null" },
		{ "DeviceLock", "[]", "params must be an object, and is an array" },
		{ "RemoveApplication", "{}", "RemoveApplication: the key Identifier is missing" },
		{ "DeviceInformation", "{\"Queries\":[\"UDID\",\"Colour\"]}", "DeviceInformation: Queries: [1]: iOS has no \"Colour\" here" },
		{ "DeviceInformation", "{\"Queries\":\"UDID\"}", "DeviceInformation: Queries: must be an array, and is a string" },
		{ "InstallApplication", "{\"ManifestURL\":\"http://a.example/m\"}", "InstallApplication: ManifestURL must begin with https:" },
		{ "InstallApplication", "{}", "InstallApplication: one of ManifestURL, iTunesStoreID and Identifier is wanted, not 0" },
		{ "InstallApplication", "{\"ManifestURL\":\"https://a.example/m\",\"Identifier\":\"a\"}",
		  "InstallApplication: one of ManifestURL, iTunesStoreID and Identifier is wanted, not 2" },
		{ "InstallApplication", "{\"ManifestURL\":\"https://a.example/m\",\"ManagementFlags\":2}",
		  "InstallApplication: ManagementFlags: 2 is none of 1|4|5" },
		{ "InstallApplication", "{\"ManifestURL\":\"https://a.example/m\",\"ChangeManagementState\":\"managed\"}",
		  "InstallApplication: ChangeManagementState: \"managed\" is none of Managed" },
		{ "Settings", "{\"Settings\":[{\"Enabled\":true}]}", "Settings: Settings: [0]: must be a dictionary with an Item" },
		{ "Settings", "{\"Settings\":[{\"Item\":\"Colour\"}]}", "Settings: Settings: [0]: iOS has no Item \"Colour\"" },
		{ "Settings", "{\"Settings\":[{\"Item\":\"Bluetooth\",\"Enabled\":1}]}",
		  "Settings: Settings: [0]: Enabled: must be true or false, and is an integer" },
		{ "InstallProfile", "{\"Payload\":\"***\"}", "InstallProfile: Payload: must be data in base64, and is no base64" },
		{ "InstallProfile", "{\"Payload\":\"AQID\"}", "InstallProfile: Payload: no mobileconfig: " },
		{ "InstallProvisioningProfile", "{\"ProvisioningProfile\":\"AQID\"}",
		  "InstallProvisioningProfile: ProvisioningProfile: must be the .mobileprovision file itself, and is no DER" },
	};
	struct bytes payload;
	json_t *params;
	struct err err;
	char text[520];

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		params = json_loads(rows[i].params, 0, NULL);
		assert_non_null(params);
		err = (struct err){ 0 };
		assert_false(command_write(*state, rows[i].type, params, &payload, &err));
		assert_int_equal(err.kind, ERR_INVALID);
		assert_string_equal(err.code, "bad_command");
		err_text(&err, text, sizeof text);
		if (strncmp(text, rows[i].text, strlen(rows[i].text)) != 0)
			fail_msg("\"%s\" is not \"%s\"", text, rows[i].text);
		json_decref(params);
	}
}

static void
params_without_an_end_are_refused(void **state)
{
	json_t *deep = json_object(), *params;
	struct bytes payload;
	struct err err;

	for (int i = 0; i < COMMAND_DEPTH_MAX + 1; i++)
		deep = json_pack("{s:o}", "a", deep);
	params = json_pack("{s:s, s:o}", "ManifestURL", "https://a.example/m", "Configuration", deep);
	assert_false(command_write(*state, "InstallApplication", params, &payload, &err));
	assert_string_equal(err.code, "bad_command");
	json_decref(params);
}

static void
a_property_list_without_a_request_type_is_no_command(void **state)
{
	static const char none[] = "<plist version=\"1.0\"><dict><key>Command</key><dict/></dict></plist>";
	const char *type;
	json_t *params;
	struct err err;

	assert_false(command_read(*state, (struct bytes){ none, sizeof none - 1 }, &type, &params, &err));
	assert_string_equal(err.code, "bad_command");
	assert_false(command_read(*state, (struct bytes){ "garbage", 7 }, &type, &params, &err));
}

/* ---- who may ---- */

/* Every bit: with it alone the command may be sent, without it alone not. */
static void
must_22_no_command_goes_out_without_its_access_right(void **state)
{
	static const struct { const char *type, *params; int64_t right; } rows[] = {
		{ "ProfileList", "{}", 1 }, { "CertificateList", "{}", 1 }, { "InstallProfile", "{}", 2 }, { "RemoveProfile", "{}", 2 },
		{ "DeviceLock", "{\"Message\":\"a\"}", 4 }, { "ClearPasscode", "{}", 4 }, { "RestartDevice", "{}", 4 },
		{ "ShutDownDevice", "{}", 4 }, { "EraseDevice", "{}", 8 },
		{ "DeviceInformation", "{\"Queries\":[\"DeviceName\"]}", 16 }, { "DeviceInformation", "{\"Queries\":[\"WiFiMAC\"]}", 32 },
		{ "DeviceInformation", "{\"Queries\":[\"UDID\",\"DeviceName\",\"WiFiMAC\"]}", 48 },
		{ "ProvisioningProfileList", "{}", 64 }, { "InstallProvisioningProfile", "{}", 128 },
		{ "RemoveProvisioningProfile", "{}", 128 }, { "InstalledApplicationList", "{}", 256 }, { "Restrictions", "{}", 512 },
		{ "SecurityInfo", "{}", 1024 },
		{ "Settings", "{\"Settings\":[{\"Item\":\"DataRoaming\",\"Enabled\":true}]}", 2048 },
		{ "Settings", "{\"Settings\":[{\"Item\":\"ApplicationConfiguration\",\"Identifier\":\"a\"}]}", 4096 },
		{ "InstallApplication", "{}", 4096 }, { "RemoveApplication", "{}", 4096 }, { "ManagedApplicationList", "{}", 4096 },
		{ "ManagedApplicationConfiguration", "{}", 4096 }, { "ManagedApplicationFeedback", "{}", 4096 },
		{ "ValidateApplications", "{}", 4096 },
	};
	struct command_target target = full;
	json_t *params;
	struct err err;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		params = json_loads(rows[i].params, 0, NULL);
		target.access_rights = rows[i].right;
		assert_ok(command_may(rows[i].type, params, &target, &err), &err);
		for (int64_t bit = 1; bit <= 4096; bit <<= 1) {
			if (!(bit & rows[i].right))
				continue;
			target.access_rights = ALL_RIGHTS & ~bit;
			assert_false(command_may(rows[i].type, params, &target, &err));
			assert_int_equal(err.kind, ERR_DENIED);
			assert_string_equal(err.code, "no_right");
			assert_non_null(strstr(err.cause, command_right_name(bit)));
		}
		json_decref(params);
	}
}

static void
must_23_a_device_that_a_person_enrolled_is_never_erased_and_its_passcode_never_cleared(void **state)
{
	static const char *const never[] = { "EraseDevice", "ClearPasscode", "Restrictions", "RestartDevice", "EnableLostMode" };
	const struct command_target user = { ALL_RIGHTS, "user", 1 };
	struct err err;

	(void)state;
	for (size_t i = 0; i < sizeof never / sizeof *never; i++) {
		assert_false(command_may(never[i], NULL, &user, &err));
		assert_int_equal(err.kind, ERR_DENIED);
		assert_string_equal(err.code, "user_enrollment");
	}
	assert_ok(command_may("DeviceLock", NULL, &user, &err), &err);
}

static void
what_needs_supervision_waits_until_the_device_says_that_it_is_supervised(void **state)
{
	static const char *const only[] = { "RestartDevice", "ShutDownDevice", "EnableLostMode", "DisableLostMode",
					    "DeviceLocation", "PlayLostModeSound" };
	struct command_target target = full;
	struct err err;

	(void)state;
	for (size_t i = 0; i < sizeof only / sizeof *only; i++) {
		target.supervised = 1;
		assert_ok(command_may(only[i], NULL, &target, &err), &err);
		for (target.supervised = -1; target.supervised < 1; target.supervised++) {
			assert_false(command_may(only[i], NULL, &target, &err));
			assert_string_equal(err.code, "not_supervised");
		}
	}
}

static void
a_device_is_asked_only_what_its_enrollment_lets_us_ask(void **state)
{
	static const char *const names[] = { "UDID", "DeviceName", "WiFiMAC", "IMEI", "Colour" };
	const struct command_target no_network = { ALL_RIGHTS & ~32, "device", -1 }, user = { 0, "user", -1 };
	json_t *asked = command_queries(names, 5, &no_network), *of_user = command_queries(names, 5, &user);

	(void)state;
	assert_int_equal(json_array_size(asked), 3);
	assert_string_equal(json_string_value(json_array_get(asked, 2)), "IMEI");
	assert_int_equal(json_array_size(of_user), 1);
	assert_string_equal(json_string_value(json_array_get(of_user, 0)), "DeviceName");
	json_decref(asked);
	json_decref(of_user);
}

TESTS(must_14_every_command_with_every_key_passes_the_judge_of_apples_schema, what_was_written_is_read_again,
      what_ios_would_not_take_is_refused_with_the_place, params_without_an_end_are_refused,
      a_property_list_without_a_request_type_is_no_command, must_22_no_command_goes_out_without_its_access_right,
      must_23_a_device_that_a_person_enrolled_is_never_erased_and_its_passcode_never_cleared,
      what_needs_supervision_waits_until_the_device_says_that_it_is_supervised,
      a_device_is_asked_only_what_its_enrollment_lets_us_ask)
