/* Managed devices: lists, commands to one and to many, and what stands in the audit afterwards. */
#include "tests/check_house.h"
#include "core/audit.h"
#include "core/clock.h"
#include "mdm/command_send.h"
#include "mdm/device_list.h"
#include "mdm/inventory.h"
#include <stdio.h>

#define DAY 86400
#define SILENT (14 * DAY)

/* What an enrollment is, as far as commands are concerned. */
struct device {
	const char *id, *name, *serial, *product, *os, *state, *kind, *token_bad;
	int64_t rights, seen_ago;
	int supervised;		/* -1: not known */
	bool ended;
	const struct person *of;
};

static void
add_device(struct house *h, struct device d)
{
	int64_t now = clock_now();
	struct err err;

	assert_ok(db_run(h->db, &err, "INSERT INTO device (id, udid, serial, product, name, os_version, person_id, enrollment_id, seen,"
		" created, changed) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10)", db_text(d.id),
		db_text(mem_printf(h->db, "udid-%s", d.id)), db_text(d.serial ? d.serial : ""), db_text(d.product ? d.product : ""),
		db_text(d.name ? d.name : ""), db_text(d.os ? d.os : ""), d.of ? db_text(d.of->id) : db_null(),
		d.ended ? db_null() : db_text(mem_printf(h->db, "e-%s", d.id)), db_int(now - d.seen_ago), db_int(now)), &err);
	assert_ok(db_run(h->db, &err, "INSERT INTO enrollment (id, device_id, session_id, kind, state, identity, access_rights, token_bad,"
		" supervised, enrolled, created) VALUES ($1, $2, 's', $3, $4, $1, $5, $6, $7, $8, $8)",
		db_text(mem_printf(h->db, "e-%s", d.id)), db_text(d.id), db_text(d.kind ? d.kind : "device"),
		db_text(d.state ? d.state : "enrolled"), db_int(d.rights ? d.rights : 8191), db_text(d.token_bad ? d.token_bad : ""),
		d.supervised < 0 ? db_null() : db_bool(d.supervised), db_int(now)), &err);
}

static json_t *
body(const char *text)
{
	json_error_t why;
	json_t *json = json_loads(text, 0, &why);

	if (!json)
		fail_msg("%s: %s", text, why.text);
	return json;
}

static bool
order(TALLOC_CTX *ctx, struct house *h, const char *text, const char *const *ids, size_t n, struct command_verdict *verdicts,
      struct err *err)
{
	json_t *json = body(text);
	struct command_wish wish;
	bool ok = command_wish_json(ctx, json, &wish, err);

	wish.actor = "anna";
	ok = ok && command_send(ctx, h->db, &wish, ids, n, verdicts, err);
	json_decref(json);
	return ok;
}

static struct command_verdict
order_one(TALLOC_CTX *ctx, struct house *h, const char *text, const char *id)
{
	struct command_verdict verdict;
	struct err err;

	assert_ok(order(ctx, h, text, &id, 1, &verdict, &err), &err);
	return verdict;
}

static json_t *
waiting(struct house *h, const char *id)
{
	json_t *list, *items;
	struct err err;

	assert_ok(queue_list(h->db, id, &list, &err), &err);
	items = json_incref(json_object_get(list, "items"));
	json_decref(list);
	return items;
}

static size_t
waiting_n(struct house *h, const char *id)
{
	json_t *items = waiting(h, id);
	size_t n = json_array_size(items);

	json_decref(items);
	return n;
}

static json_t *
audit_of(struct house *h, const char *act)
{
	const struct audit_filter filter = { .act = act };
	json_t *list, *items;
	struct err err;

	assert_ok(audit_list(h->db, &filter, 100, &list, &err), &err);
	items = json_incref(json_object_get(list, "items"));
	json_decref(list);
	return items;
}

/* ---- one device ---- */

static void
a_command_waits_and_the_audit_says_who_and_why(void **state)
{
	struct house h = house(*state);
	struct command_verdict v;
	json_t *items, *row;

	add_device(&h, (struct device){ .id = "d1", .supervised = -1 });
	v = order_one(*state, &h, "{\"verb\":\"lock\",\"params\":{\"message\":\"Call us\",\"phone\":\"+49\"},\"reason\":\"left in a taxi\"}", "d1");
	assert_string_equal(v.verdict, "added");
	items = waiting(&h, "d1");
	assert_int_equal(json_array_size(items), 1);
	row = json_array_get(items, 0);
	assert_string_equal(json_string_value(json_object_get(row, "request_type")), "DeviceLock");
	assert_string_equal(json_string_value(json_object_get(row, "uuid")), v.uuid);
	assert_string_equal(json_string_value(json_object_get(row, "created_by")), "person:anna");
	json_decref(items);
	items = audit_of(&h, "device.lock");
	assert_int_equal(json_array_size(items), 1);
	row = json_array_get(items, 0);
	assert_string_equal(json_string_value(json_object_get(row, "actor")), "anna");
	assert_string_equal(json_string_value(json_object_get(row, "object")), "d1");
	assert_string_equal(json_string_value(json_object_get(row, "detail")), mem_printf(*state, "lock %s: left in a taxi", v.uuid));
	json_decref(items);
}

static void
what_cannot_be_taken_back_wants_a_reason_however_it_is_said(void **state)
{
	static const char *const bodies[] = { "{\"verb\":\"erase\"}", "{\"request_type\":\"EraseDevice\"}", "{\"verb\":\"clear-passcode\"}",
					      "{\"request_type\":\"ClearPasscode\",\"params\":{}}", "{\"verb\":\"erase\",\"reason\":\"\"}" };
	struct house h = house(*state);
	struct command_verdict v;
	const char *id = "d1";
	struct err err;

	add_device(&h, (struct device){ .id = "d1", .supervised = -1 });
	for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
		assert_false(order(*state, &h, bodies[i], &id, 1, &v, &err));
		assert_string_equal(err.code, "reason_wanted");
	}
	assert_int_equal(waiting_n(&h, "d1"), 0);
	assert_string_equal(order_one(*state, &h, "{\"verb\":\"erase\",\"reason\":\"lost\"}", "d1").verdict, "added");
	assert_string_equal(order_one(*state, &h, "{\"request_type\":\"ClearPasscode\",\"reason\":\"forgotten\"}", "d1").verdict, "added");
	assert_int_equal(waiting_n(&h, "d1"), 2);
}

static void
an_unlock_token_is_never_given_with_the_command(void **state)
{
	struct house h = house(*state);
	struct command_verdict v;
	const char *id = "d1";
	struct err err;

	add_device(&h, (struct device){ .id = "d1", .supervised = -1 });
	assert_false(order(*state, &h, "{\"request_type\":\"ClearPasscode\",\"params\":{\"UnlockToken\":\"AQID\"},\"reason\":\"r\"}", &id, 1, &v, &err));
	assert_string_equal(err.code, "bad_command");
}

static void
the_same_twice_waits_once(void **state)
{
	struct house h = house(*state);
	struct command_verdict a, b;

	add_device(&h, (struct device){ .id = "d1", .supervised = -1 });
	a = order_one(*state, &h, "{\"verb\":\"erase\",\"reason\":\"lost\"}", "d1");
	b = order_one(*state, &h, "{\"verb\":\"erase\",\"reason\":\"lost\"}", "d1");
	assert_string_equal(b.verdict, "duplicate");
	assert_string_equal(a.uuid, b.uuid);	/* of the one that waits */
	assert_int_equal(waiting_n(&h, "d1"), 1);
	a = order_one(*state, &h, "{\"request_type\":\"ProfileList\",\"dedupe_key\":\"mine\"}", "d1");
	b = order_one(*state, &h, "{\"request_type\":\"ProfileList\",\"dedupe_key\":\"mine\"}", "d1");
	assert_string_equal(a.uuid, b.uuid);
	assert_int_equal(waiting_n(&h, "d1"), 2);
}

static void
a_refresh_asks_for_every_list_and_twice_for_none(void **state)
{
	struct house h = house(*state);
	json_t *items;

	add_device(&h, (struct device){ .id = "d1", .supervised = -1 });
	order_one(*state, &h, "{\"verb\":\"refresh\"}", "d1");
	order_one(*state, &h, "{\"verb\":\"refresh\"}", "d1");
	items = waiting(&h, "d1");
	assert_int_equal(json_array_size(items), 8);
	for (size_t i = 0; i < 8; i++)
		assert_string_equal(json_string_value(json_object_get(json_array_get(items, i), "request_type")), verb_refresh[i]);
	json_decref(items);
}

static void
a_refresh_leaves_out_what_the_enrollment_gives_no_right_to(void **state)
{
	struct house h = house(*state);
	json_t *items;

	add_device(&h, (struct device){ .id = "d1", .supervised = -1, .rights = 256 | 16 });
	order_one(*state, &h, "{\"verb\":\"refresh\"}", "d1");
	items = waiting(&h, "d1");
	assert_int_equal(json_array_size(items), 2);
	assert_string_equal(json_string_value(json_object_get(json_array_get(items, 1), "request_type")), "InstalledApplicationList");
	json_decref(items);
}

static void
what_is_said_wrongly_is_refused_in_words_that_help(void **state)
{
	static const struct { const char *body, *text; } rows[] = {
		{ "{}", "a command is an object with a verb, or with a request_type" },
		{ "[]", "a command is an object with a verb, or with a request_type" },
		{ "{\"verb\":\"lock\",\"request_type\":\"DeviceLock\"}", "a command is an object with a verb, or with a request_type" },
		{ "{\"verb\":\"explode\"}", "there is no verb \"explode\"" },
		{ "{\"verb\":\"lock\",\"params\":{\"Message\":\"a\"}}", "lock takes no Message" },
		{ "{\"verb\":\"lock\",\"params\":{\"messag\":\"a\"}}", "lock takes no messag" },
		{ "{\"verb\":\"lock\",\"message\":\"a\"}", "a command has no \"message\"" },
		{ "{\"verb\":\"lock\",\"params\":[]}", "params must be an object" },
		{ "{\"request_type\":\"DeviceLok\"}", "iOS has no command \"DeviceLok\"" },
		{ "{\"request_type\":\"DeviceLock\",\"priority\":10}", "priority must be a number from 0 to 9" },
		{ "{\"request_type\":\"DeviceLock\",\"not_before\":\"soon\"}", "not_before must be a moment" },
		{ "{\"request_type\":\"DeviceLock\",\"dedupe_key\":5}", "dedupe_key must be a text" },
		{ "{\"verb\":\"remove-app\"}", "RemoveApplication: the key Identifier is missing" },
		{ "{\"verb\":\"configure-app\",\"params\":{}}", "bundle_id is missing" },
	};
	struct house h = house(*state);
	struct command_verdict v;
	const char *id = "d1";
	struct err err;
	char text[520];

	add_device(&h, (struct device){ .id = "d1", .supervised = -1 });
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		err = (struct err){ 0 };
		assert_false(order(*state, &h, rows[i].body, &id, 1, &v, &err));
		assert_int_equal(err.kind, ERR_INVALID);
		err_text(&err, text, sizeof text);
		if (strncmp(text, rows[i].text, strlen(rows[i].text)) != 0)
			fail_msg("\"%s\" is not \"%s\"", text, rows[i].text);
	}
	assert_int_equal(waiting_n(&h, "d1"), 0);
}

/* Every verb: its fields become Apple's keys, and the command is one that iOS has. */
static void
every_verb_becomes_its_command(void **state)
{
	static const struct { const char *body, *request_type, *subject, *payload; } rows[] = {
		{ "{\"verb\":\"lock\",\"params\":{\"message\":\"m\",\"phone\":\"p\"}}", "DeviceLock", "",
		  "<key>Message</key><string>m</string>\n<key>PhoneNumber</key><string>p</string>" },
		{ "{\"verb\":\"erase\",\"params\":{\"preserve_data_plan\":true},\"reason\":\"r\"}", "EraseDevice", "", "<key>PreserveDataPlan</key><true/>" },
		{ "{\"verb\":\"restart\"}", "RestartDevice", "", "" }, { "{\"verb\":\"shut-down\"}", "ShutDownDevice", "", "" },
		{ "{\"verb\":\"lost-mode-on\",\"params\":{\"message\":\"m\",\"phone\":\"p\",\"footnote\":\"f\"}}", "EnableLostMode", "",
		  "<key>Footnote</key><string>f</string>" },
		{ "{\"verb\":\"lost-mode-off\"}", "DisableLostMode", "", "" }, { "{\"verb\":\"locate\"}", "DeviceLocation", "", "" },
		{ "{\"verb\":\"lost-mode-sound\"}", "PlayLostModeSound", "", "" },
		{ "{\"verb\":\"install-mobileconfig\",\"params\":{\"mobileconfig\":\"MAMCAQE=\"}}", "InstallProfile", "", "<key>Payload</key><data>MAMCAQE=</data>" },
		{ "{\"verb\":\"remove-mobileconfig\",\"params\":{\"identifier\":\"com.example.wifi\"}}", "RemoveProfile", "com.example.wifi", "<key>Identifier</key><string>com.example.wifi</string>" },
		{ "{\"verb\":\"install-provision\",\"params\":{\"provision\":\"MAMCAQE=\"}}", "InstallProvisioningProfile", "", "<key>ProvisioningProfile</key>" },
		{ "{\"verb\":\"remove-provision\",\"params\":{\"uuid\":\"u-1\"}}", "RemoveProvisioningProfile", "u-1", "<key>UUID</key><string>u-1</string>" },
		{ "{\"verb\":\"install-app\",\"params\":{\"manifest_url\":\"https://a.example/m\",\"flags\":1,\"configuration\":{\"k\":[1]}}}", "InstallApplication",
		  "https://a.example/m", "<key>ManagementFlags</key><integer>1</integer>" },
		{ "{\"verb\":\"remove-app\",\"params\":{\"bundle_id\":\"com.example.a\"}}", "RemoveApplication", "com.example.a", "<key>Identifier</key>" },
		{ "{\"verb\":\"configure-app\",\"params\":{\"bundle_id\":\"com.example.a\",\"configuration\":{\"server\":\"s\"}}}", "Settings", "com.example.a",
		  "<key>Item</key><string>ApplicationConfiguration</string>" },
		{ "{\"verb\":\"app-configuration\",\"params\":{\"bundle_ids\":\"com.example.a\"}}", "ManagedApplicationConfiguration", "", "<array>\n<string>com.example.a</string>" },
		{ "{\"verb\":\"app-feedback\",\"params\":{\"bundle_ids\":[\"com.example.a\"],\"delete\":true}}", "ManagedApplicationFeedback", "", "<key>DeleteFeedback</key><true/>" },
		{ "{\"verb\":\"settings\",\"params\":{\"settings\":[{\"Item\":\"DataRoaming\",\"Enabled\":false}]}}", "Settings", "", "<string>DataRoaming</string>" },
		{ "{\"verb\":\"validate-apps\",\"params\":{\"bundle_ids\":[\"com.example.a\"]}}", "ValidateApplications", "", "<string>com.example.a</string>" },
		{ "{\"verb\":\"clear-passcode\",\"reason\":\"r\"}", "ClearPasscode", "", NULL },
	};
	struct house h = house(*state);
	struct command_verdict v;
	struct rows *found;
	struct bytes payload;
	struct err err;
	size_t n = 0;

	add_device(&h, (struct device){ .id = "d1", .supervised = 1 });
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		v = order_one(*state, &h, rows[i].body, "d1");
		assert_string_equal(v.verdict, "added");
		found = db_query(*state, h.db, "SELECT request_type, subject, payload, kind FROM command WHERE uuid = $1", db_text(v.uuid));
		assert_ok(rows_one(found, &err, "no command"), &err);
		assert_string_equal(rows_text(*state, found, 0), rows[i].request_type);
		assert_string_equal(rows_text(*state, found, 1), rows[i].subject);
		payload = rows_bytes(*state, found, 2);
		if (rows[i].payload && !strstr(mem_textn(*state, payload.p, payload.len), rows[i].payload))
			fail_msg("%.*s has no %s", (int)payload.len, (const char *)payload.p, rows[i].payload);
		if (!rows[i].payload)
			assert_string_equal(rows_text(*state, found, 3), VERB_KIND_CLEAR_PASSCODE);
		rows_done(found);
	}
	for (const struct verb *verb = verbs; verb->name; verb++)
		n++;
	assert_int_equal(sizeof rows / sizeof *rows + 1, n);	/* and refresh */
}

/* As on the command line and in a form: name, then what is said of it. */
static void
what_is_typed_becomes_what_the_field_wants(void **state)
{
	static const struct { const char *verb, *said[6], *fields; } rows[] = {
		{ "lock", { "message", "7", "phone", "true" }, "{\"message\":\"7\",\"phone\":\"true\"}" },
		{ "erase", { "preserve_data_plan", "Yes", "disallow_proximity_setup", "off" },
		  "{\"disallow_proximity_setup\":false,\"preserve_data_plan\":true}" },
		{ "install-app", { "flags", "4", "store_id", "281796108", "manifest_url", "https://a.example/1" },
		  "{\"flags\":4,\"manifest_url\":\"https://a.example/1\",\"store_id\":281796108}" },
		{ "install-app", { "configuration", "{\"a\":[1,true]}" }, "{\"configuration\":{\"a\":[1,true]}}" },
		{ "configure-app", { "bundle_id", "com.example.a", "configuration", "{\"n\":1}" },
		  "{\"bundle_id\":\"com.example.a\",\"configuration\":{\"n\":1}}" },
		{ "app-feedback", { "bundle_ids", "com.example.a, com.example.b", "bundle_ids", "com.example.c", "delete", "1" },
		  "{\"bundle_ids\":[\"com.example.a\",\"com.example.b\",\"com.example.c\"],\"delete\":true}" },
		{ "validate-apps", { "bundle_ids", " [\"com.example.a\"]", "bundle_ids", "\ncom.example.b\r\n" },
		  "{\"bundle_ids\":[\"com.example.a\",\"com.example.b\"]}" },
		{ "settings", { "settings", "{\"Item\":\"Wallpaper\"}", "settings", "[{\"Item\":\"DataRoaming\",\"Enabled\":true}]" },
		  "{\"settings\":[{\"Item\":\"Wallpaper\"},{\"Enabled\":true,\"Item\":\"DataRoaming\"}]}" },
		{ "install-provision", { "provision", "MAMCAQE=" }, "{\"provision\":\"MAMCAQE=\"}" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const struct verb *verb = verb_find(rows[i].verb);
		json_t *fields = json_object();
		struct err err;
		char *text;

		for (size_t f = 0; f < 6 && rows[i].said[f]; f += 2)
			assert_ok(verb_say(verb, fields, rows[i].said[f], rows[i].said[f + 1], &err), &err);
		text = json_dumps(fields, JSON_COMPACT | JSON_SORT_KEYS);
		assert_string_equal(text, rows[i].fields);
		free(text);
		json_decref(fields);
	}
}

static void
what_is_typed_wrongly_is_refused_with_the_name_of_the_field(void **state)
{
	static const struct { const char *verb, *name, *text, *why; } rows[] = {
		{ "lock", "messag", "m", "lock takes no messag" },
		{ "lock", "", "m", "lock takes no " },
		{ "lock", "Message", "m", "lock takes no Message" },
		{ "install-app", "flags", "one", "flags is a whole number, and not \"one\"" },
		{ "install-app", "flags", "1.5", "flags is a whole number, and not \"1.5\"" },
		{ "install-app", "flags", "9223372036854775808", "flags is a whole number, and not \"9223372036854775808\"" },
		{ "erase", "preserve_data_plan", "maybe", "preserve_data_plan is yes or no, and not \"maybe\"" },
		{ "configure-app", "configuration", "{\"n\":}", "configuration is no JSON: line 1: " },
		{ "configure-app", "configuration", "{\"n\":1,\"n\":2}", "configuration is no JSON: line 1: " },
		{ "settings", "settings", "[{}", "settings is no JSON: line 1: " },
		{ "app-feedback", "bundle_ids", "com.\xff", "bundle_ids is no text in UTF-8" },
		{ "lock", "message", "\xff", "message is no text in UTF-8" },
	};
	json_t *fields = json_object();
	struct err err;
	char text[520];

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		err = (struct err){ 0 };
		assert_false(verb_say(verb_find(rows[i].verb), fields, rows[i].name, rows[i].text, &err));
		assert_int_equal(err.kind, ERR_INVALID);
		assert_string_equal(err.code, "bad_command");
		if (strncmp(err_text(&err, text, sizeof text), rows[i].why, strlen(rows[i].why)) != 0)
			fail_msg("\"%s\" is not \"%s\"", text, rows[i].why);
	}
	assert_ok(verb_say(verb_find("lock"), fields, "message", "a", &err), &err);
	assert_false(verb_say(verb_find("lock"), fields, "message", "b", &err));
	assert_string_equal(json_string_value(json_object_get(fields, "message")), "a");
	json_decref(fields);
}

static void
a_property_list_is_a_command_too(void **state)
{
	static const char text[] = "<plist version=\"1.0\"><dict><key>CommandUUID</key><string>theirs</string><key>Command</key><dict>"
		"<key>RequestType</key><string>RemoveApplication</string><key>Identifier</key><string>com.example.a</string></dict></dict></plist>";
	struct command_wish wish;
	struct command_verdict v;
	struct house h = house(*state);
	const char *id = "d1";
	struct err err;

	add_device(&h, (struct device){ .id = "d1", .supervised = -1 });
	assert_ok(command_wish_plist(*state, (struct bytes){ text, sizeof text - 1 }, &wish, &err), &err);
	wish.actor = "anna";
	assert_ok(command_send(*state, h.db, &wish, &id, 1, &v, &err), &err);
	assert_string_equal(v.verdict, "added");
	assert_string_not_equal(v.uuid, "theirs");
}

/* ---- what stands in the way ---- */

static void
must_22_what_stands_in_the_way_of_a_device_is_its_verdict(void **state)
{
	static const char *const ids[] = { "good", "nobody", "gone", "retired", "staged", "few", "user", "plain", "good" };
	static const char *const expected[] = { "added", "unknown", "not_enrolled", "not_enrolled", "not_enrolled", "refused", "refused",
						"refused", "duplicate" };
	static const char *const codes[] = { NULL, NULL, NULL, NULL, NULL, "no_right", "user_enrollment", "not_supervised", NULL };
	struct house h = house(*state);
	struct command_verdict v[9];
	struct err err;
	json_t *items;

	add_device(&h, (struct device){ .id = "good", .supervised = 1 });
	add_device(&h, (struct device){ .id = "gone", .state = "removed", .ended = true, .supervised = 1 });
	add_device(&h, (struct device){ .id = "retired", .state = "retired", .supervised = 1 });
	add_device(&h, (struct device){ .id = "staged", .state = "staged", .supervised = 1 });
	add_device(&h, (struct device){ .id = "few", .rights = 8191 & ~4, .supervised = 1 });
	add_device(&h, (struct device){ .id = "user", .kind = "user", .supervised = 1 });
	add_device(&h, (struct device){ .id = "plain", .supervised = 0 });
	assert_ok(order(*state, &h, "{\"verb\":\"restart\"}", ids, 9, v, &err), &err);
	for (size_t i = 0; i < 9; i++) {
		assert_string_equal(v[i].device_id, ids[i]);
		if (strcmp(v[i].verdict, expected[i]) != 0)
			fail_msg("%s is %s, not %s", ids[i], v[i].verdict, expected[i]);
		if (codes[i])
			assert_string_equal(v[i].err->code, codes[i]);
		assert_true(!v[i].uuid == (i != 0));
	}
	assert_int_equal(waiting_n(&h, "good"), 1);
	items = audit_of(&h, "device.command");
	assert_int_equal(json_array_size(items), 1);
	json_decref(items);
}

static void
must_23_nothing_is_queued_that_would_erase_what_a_person_enrolled(void **state)
{
	static const char *const bodies[] = { "{\"verb\":\"erase\",\"reason\":\"lost\"}", "{\"request_type\":\"EraseDevice\",\"reason\":\"lost\"}",
		"{\"verb\":\"clear-passcode\",\"reason\":\"r\"}", "{\"request_type\":\"ClearPasscode\",\"reason\":\"r\"}" };
	struct house h = house(*state);
	struct command_verdict v;

	add_device(&h, (struct device){ .id = "user", .kind = "user", .supervised = 1 });
	for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
		v = order_one(*state, &h, bodies[i], "user");
		assert_string_equal(v.verdict, "refused");
		assert_string_equal(v.err->code, "user_enrollment");
	}
	assert_int_equal(waiting_n(&h, "user"), 0);
}

static void
the_verdict_of_one_device_is_an_error_of_its_kind(void **state)
{
	static const struct { const char *verdict; enum err_kind kind; } rows[] = {
		{ "unknown", ERR_MISSING }, { "not_enrolled", ERR_CONFLICT }, { "full", ERR_CONFLICT },
	};
	struct err err;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		assert_false(command_verdict_err(&(struct command_verdict){ .verdict = rows[i].verdict }, &err));
		assert_int_equal(err.kind, rows[i].kind);
	}
	assert_true(command_verdict_err(&(struct command_verdict){ .verdict = "duplicate", .uuid = "u" }, &err));
}

static void
a_crowd_gets_one_command_and_few_rows_in_the_audit(void **state)
{
	enum { N = COMMAND_AUDIT_EACH + 50 };
	struct house h = house(*state);
	struct command_verdict *v = mem_array(*state, struct command_verdict, N);
	const char **ids = mem_array(*state, const char *, N);
	struct err err;
	json_t *items;

	for (size_t i = 0; i < N; i++) {
		ids[i] = mem_printf(*state, "d%zu", i);
		add_device(&h, (struct device){ .id = ids[i], .supervised = -1 });
	}
	assert_ok(order(*state, &h, "{\"verb\":\"lock\"}", ids, N, v, &err), &err);
	for (size_t i = 0; i < N; i++)
		assert_string_equal(v[i].uuid, v[0].uuid);
	items = audit_of(&h, "device.lock");
	assert_int_equal(json_array_size(items), 1);
	assert_string_equal(json_string_value(json_object_get(json_array_get(items, 0), "object")), "250 devices");
	json_decref(items);
	assert_false(order(*state, &h, "{\"verb\":\"erase\",\"reason\":\"r\"}", ids, N, v, &err));	/* never so many */
	assert_int_equal(err.kind, ERR_INVALID);
	assert_ok(order(*state, &h, "{\"verb\":\"lock\"}", ids, COMMAND_AUDIT_EACH, v, &err), &err);
	items = audit_of(&h, "device.lock");
	assert_int_equal(json_array_size(items), 100);	/* a page of one each */
	json_decref(items);
}

/* ---- the list ---- */

static json_t *
list(struct house *h, struct device_filter f)
{
	json_t *ret;
	struct err err;

	f.silent_s = SILENT;
	assert_ok(device_list(h->db, &f, NULL, 0, &ret, &err), &err);
	return ret;
}

/* Their ids in the order of the list, by spaces. */
static void
assert_listed(struct house *h, struct device_filter f, const char *expected)
{
	json_t *page = list(h, f), *device;
	char text[200] = "";
	size_t i, len;

	json_array_foreach(json_object_get(page, "items"), i, device) {
		len = strlen(text);
		snprintf(text + len, sizeof text - len, "%s%s", i ? " " : "", json_string_value(json_object_get(device, "id")));
	}
	json_decref(page);
	assert_string_equal(text, expected);
}

static struct house
fleet(TALLOC_CTX *ctx)
{
	struct house h = house(ctx);
	struct err err;

	add_device(&h, (struct device){ .id = "a", .name = "Anna\xe2\x80\x99s iPhone", .serial = "EXA", .product = "iPhone14,5", .os = "17.5.1", .of = h.anna, .supervised = -1 });
	add_device(&h, (struct device){ .id = "b", .name = "Spare", .serial = "EXB", .product = "iPhone15,4", .os = "170", .seen_ago = SILENT + 5, .supervised = 1 });
	add_device(&h, (struct device){ .id = "c", .name = "50%_off", .serial = "EXC", .product = "iPad13,1", .os = "17", .token_bad = "Unregistered", .of = h.mia, .supervised = 0 });
	add_device(&h, (struct device){ .id = "d", .name = "Old", .state = "removed", .ended = true, .supervised = -1 });
	add_device(&h, (struct device){ .id = "e", .name = "Retired", .state = "retired", .supervised = -1 });
	assert_ok(db_run(h.db, &err, "INSERT INTO installed_app (device_id, bundle_id, installed, managed, at) VALUES ('a', 'com.example.app', TRUE, FALSE, 1),"
			 " ('b', 'com.example.app', FALSE, TRUE, 1)"), &err);
	return h;
}

static void
the_list_is_found_in_by_name_serial_person_state_model_system_and_app(void **state)
{
	struct house h = fleet(*state);

	assert_listed(&h, (struct device_filter){ 0 }, "e d c b a");
	assert_listed(&h, (struct device_filter){ .q = "spare" }, "b");
	assert_listed(&h, (struct device_filter){ .q = "exc" }, "c");
	assert_listed(&h, (struct device_filter){ .q = "udid-d" }, "d");
	assert_listed(&h, (struct device_filter){ .q = "mia" }, "c");
	assert_listed(&h, (struct device_filter){ .q = "50%_" }, "c");	/* no pattern */
	assert_listed(&h, (struct device_filter){ .q = "' OR 1=1" }, "");
	assert_listed(&h, (struct device_filter){ .state = "managed" }, "c b a");
	assert_listed(&h, (struct device_filter){ .state = "silent" }, "b");
	assert_listed(&h, (struct device_filter){ .state = "push_broken" }, "c");
	assert_listed(&h, (struct device_filter){ .state = "removed" }, "d");
	assert_listed(&h, (struct device_filter){ .state = "retired" }, "e");
	assert_listed(&h, (struct device_filter){ .model = "iPhone" }, "b a");
	assert_listed(&h, (struct device_filter){ .model = "iPhone14,5" }, "a");
	assert_listed(&h, (struct device_filter){ .os = "17" }, "c a");	/* not 170 */
	assert_listed(&h, (struct device_filter){ .os = "17.5" }, "a");
	assert_listed(&h, (struct device_filter){ .person = "Anna" }, "a");
	assert_listed(&h, (struct device_filter){ .person = h.mia->id }, "c");
	assert_listed(&h, (struct device_filter){ .app = "com.example.app" }, "a");
	assert_listed(&h, (struct device_filter){ .q = "", .state = "", .model = "", .os = "", .person = "", .app = "" }, "e d c b a");
}

static void
a_long_list_comes_in_pages_and_none_is_lost(void **state)
{
	struct house h = fleet(*state);
	const struct device_filter any = { .silent_s = SILENT };
	const char *after = NULL;
	char seen[20] = "";
	json_t *page;
	struct err err;

	do {
		assert_ok(device_list(h.db, &any, after, 2, &page, &err), &err);
		for (size_t i = 0; i < json_array_size(json_object_get(page, "items")); i++)
			seen[strlen(seen)] = *json_string_value(json_object_get(json_array_get(json_object_get(page, "items"), i), "id"));
		after = mem_text(*state, json_string_value(json_object_get(page, "next")));
		json_decref(page);
	} while (after);
	assert_string_equal(seen, "edcba");
	assert_ok(device_list(h.db, &any, "garbage", 2, &page, &err), &err);
	json_decref(page);
}

static void
a_device_has_its_person_its_state_and_what_it_may_be_sent(void **state)
{
	struct house h = fleet(*state);
	json_t *device;
	struct err err;

	assert_ok(device_show(h.db, "a", SILENT, &device, &err), &err);
	assert_string_equal(json_string_value(json_object_get(device, "model")), "iPhone 13");
	assert_string_equal(json_string_value(json_object_get(json_object_get(device, "person"), "name")), "anna");
	assert_string_equal(json_string_value(json_object_get(device, "state")), "managed");
	assert_int_equal(json_integer_value(json_object_get(device, "access_rights")), 8191);
	assert_true(json_is_null(json_object_get(device, "supervised")));
	json_decref(device);
	assert_false(device_show(h.db, "nobody", SILENT, &device, &err));
	assert_int_equal(err.kind, ERR_MISSING);
}

static void
devices_are_counted_by_what_needs_somebody(void **state)
{
	struct house h = fleet(*state);
	json_t *n;
	struct err err;

	assert_ok(device_counts(h.db, SILENT, &n, &err), &err);
	assert_int_equal(json_integer_value(json_object_get(n, "managed")), 3);
	assert_int_equal(json_integer_value(json_object_get(n, "silent")), 1);
	assert_int_equal(json_integer_value(json_object_get(n, "push_broken")), 1);
	json_decref(n);
}

static void
one_is_found_by_its_id_udid_or_serial_number(void **state)
{
	struct house h = fleet(*state);
	const char *id;
	struct err err;

	assert_ok(device_find(*state, h.db, "a", &id, &err), &err);
	assert_string_equal(id, "a");
	assert_ok(device_find(*state, h.db, "udid-b", &id, &err), &err);
	assert_string_equal(id, "b");
	assert_ok(device_find(*state, h.db, "EXC", &id, &err), &err);
	assert_string_equal(id, "c");
	assert_false(device_find(*state, h.db, "", &id, &err));
	assert_int_equal(err.kind, ERR_MISSING);
}

static void
the_list_is_a_table_for_spreadsheets(void **state)
{
	struct house h = fleet(*state);
	const struct device_filter one = { .q = "spare", .silent_s = SILENT };
	const char *next;
	struct buf out;
	struct err err;

	buf_init(&out, *state, DEVICE_CSV_MAX);
	assert_ok(device_csv(*state, h.db, &one, NULL, &out, &next, &err), &err);
	assert_null(next);
	assert_string_equal(buf_str(&out), "id,name,serial,udid,product,model,os_version,os_build,person,state,supervised,seen,enrolled,bluetooth_mac,"
		"wifi_mac,iccid,current_carrier,sim_carrier,carrier_settings,phone_number,data_roaming,roaming,hotspot,imei,model_name,"
		"model_number,os_extra,modem_firmware,capacity_gb,free_gb,battery,time_zone,lost_mode,find_my,cloud_backup,"
		"last_cloud_backup,hardware_encryption,passcode_present,passcode_compliant,passcode_compliant_with_mobileconfigs,"
		"passcode_grace_s,auto_lock_s,user_enrollment,data_protection,restrictions,apps,provisions,provisions_end,mobileconfigs,"
		"certificates,certificates_end\r\n"
		"b,Spare,EXB,udid-b,\"iPhone15,4\",iPhone 15,170,,,silent,true,2026-11-08T11:59:55Z,2026-11-22T12:00:00Z,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,\r\n");
}

TESTS(a_command_waits_and_the_audit_says_who_and_why, what_cannot_be_taken_back_wants_a_reason_however_it_is_said,
      an_unlock_token_is_never_given_with_the_command, the_same_twice_waits_once, a_refresh_asks_for_every_list_and_twice_for_none,
      a_refresh_leaves_out_what_the_enrollment_gives_no_right_to, what_is_said_wrongly_is_refused_in_words_that_help, every_verb_becomes_its_command,
      what_is_typed_becomes_what_the_field_wants, what_is_typed_wrongly_is_refused_with_the_name_of_the_field,
      a_property_list_is_a_command_too, must_22_what_stands_in_the_way_of_a_device_is_its_verdict,
      must_23_nothing_is_queued_that_would_erase_what_a_person_enrolled,
      the_verdict_of_one_device_is_an_error_of_its_kind, a_crowd_gets_one_command_and_few_rows_in_the_audit,
      the_list_is_found_in_by_name_serial_person_state_model_system_and_app, a_long_list_comes_in_pages_and_none_is_lost,
      a_device_has_its_person_its_state_and_what_it_may_be_sent, devices_are_counted_by_what_needs_somebody,
      one_is_found_by_its_id_udid_or_serial_number, the_list_is_a_table_for_spreadsheets)
