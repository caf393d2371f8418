/* What devices report: a test for each field, and what becomes of what they do not report. */
#include "tests/check_house.h"
#include "tests/field_rows.h"
#include "core/pack.h"
#include "core/x509.h"
#include "mdm/inventory.h"
#include <stdio.h>

#define DEVICE "device-1"

static struct house
device_house(TALLOC_CTX *ctx)
{
	struct house h = house(ctx);
	struct err err;

	assert_ok(db_run(h.db, &err, "INSERT INTO device (id, udid, enrollment_id, created, changed) VALUES ($1, '00008120-001A2B3C4D5E801E', 'e-1', 1, 1)",
			 db_text(DEVICE)), &err);
	assert_ok(db_run(h.db, &err, "INSERT INTO enrollment (id, device_id, session_id, state, identity, access_rights, created)"
			 " VALUES ('e-1', $1, 's-1', 'enrolled', 'f00', 8191, 1)", db_text(DEVICE)), &err);
	return h;
}

/* ---- a report ---- */

struct said { const char *request_type, *answer, *command; };	/* answer: keys and values; command NULL: the whole was asked */

static bool
keep(struct db *tx, void *arg, struct err *err)
{
	return inventory_keep(tx, DEVICE, arg, err);
}

static struct inventory *
read_it(TALLOC_CTX *ctx, struct said s)
{
	char *text = mem_printf(ctx, "<plist version=\"1.0\"><dict><key>Status</key><string>Acknowledged</string>%s</dict></plist>",
				s.answer);
	struct bytes raw = { text, strlen(text) };
	SCOPED(plist) plist_t answer = NULL;
	struct inventory *inventory;
	struct err err;

	assert_ok(plist_open(raw, PLIST_BYTES_MAX, &answer, &err), &err);
	assert_ok(inventory_read(ctx, s.request_type, answer, raw, &inventory, &err), &err);
	if (inventory && s.command) {
		text = mem_printf(ctx, "<plist version=\"1.0\"><dict>%s</dict></plist>", s.command);
		inventory_asked(inventory, (struct bytes){ text, strlen(text) });
	}
	return inventory;
}

static void
report(TALLOC_CTX *ctx, struct house *h, struct said s)
{
	struct inventory *inventory = read_it(ctx, s);
	struct err err;

	assert_non_null(inventory);
	assert_ok(db_tx(h->db, keep, inventory, &err), &err);
}

static json_t *
show(struct house *h)
{
	json_t *all;
	struct err err;

	assert_ok(inventory_show(h->db, DEVICE, &all, &err), &err);
	return all;
}

static void
assert_json(const json_t *found, const char *expected)
{
	char *text = json_dumps(found, JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(9));

	if (!text || strcmp(text, expected) != 0)
		fail_msg("%s is not %s", text ? text : "nothing", expected);
	free(text);
}

static void
assert_fact(struct house *h, const char *group, const char *name, const char *expected)
{
	json_t *all = show(h);

	assert_json(json_object_get(json_object_get(all, group), name), expected);
	json_decref(all);
}

/* ---- one test a field: as reported; empty stays empty; left out later, it is not reported any more ---- */

static void
check_field(TALLOC_CTX *ctx, struct field f)
{
	struct house h = device_house(ctx);
	const char *nothing = mem_printf(ctx, "<key>%s</key><dict/>", f.from);

	assert_fact(&h, f.group, f.name, "null");
	report(ctx, &h, (struct said){ f.request_type, mem_printf(ctx, "<key>%s</key><dict><key>%s</key>%s</dict>", f.from, f.key, f.value), NULL });
	assert_fact(&h, f.group, f.name, f.expected);
	/* of another type: a device's mistake */
	report(ctx, &h, (struct said){ f.request_type, mem_printf(ctx, "<key>%s</key><dict><key>%s</key><array/></dict>", f.from, f.key), NULL });
	assert_fact(&h, f.group, f.name, "null");
	if (strncmp(f.value, "<string>", 8) == 0) {
		report(ctx, &h, (struct said){ f.request_type, mem_printf(ctx, "<key>%s</key><dict><key>%s</key><string/></dict>", f.from, f.key), NULL });
		assert_fact(&h, f.group, f.name, "\"\"");
	} else {
		report(ctx, &h, (struct said){ f.request_type, mem_printf(ctx, "<key>%s</key><dict><key>%s</key>%s</dict>", f.from, f.key, f.value), NULL });
	}
	report(ctx, &h, (struct said){ f.request_type, nothing, NULL });
	assert_fact(&h, f.group, f.name, "null");
}

#define R(group, name, ...) R_(group, name, __VA_ARGS__)
#define R_(group, name, type, from, key, value, expected, shown) \
	static void name##_is_as_reported_and_null_when_it_is_not(void **state) \
	{ \
		check_field(*state, (struct field){ #group, #name, type, from, key, value, expected, shown }); \
	}
FIELDS(R)
#undef R

/* ---- iOS 16 and later: the SIMs ---- */

#define SIMS "<key>QueryResponses</key><dict><key>ServiceSubscriptions</key><array>" \
	"<dict><key>Slot</key><string>CTSubscriptionSlotOne</string><key>ICCID</key><string>one</string>" \
	"<key>PhoneNumber</key><string>+491</string><key>IsDataPreferred</key><false/></dict>" \
	"<dict><key>Slot</key><string>CTSubscriptionSlotTwo</string><key>ICCID</key><string>two</string><key>IMEI</key>" \
	"<string>imei</string><key>CurrentCarrierNetwork</key><string>Now</string><key>SubscriberCarrierNetwork</key>" \
	"<string>Home</string><key>CarrierSettingsVersion</key><string>1.2</string><key>IsRoaming</key><true/>" \
	"<key>IsDataPreferred</key><true/></dict></array>%s</dict>"

static void
what_newer_phones_say_for_each_sim_stands_for_the_phone_by_the_sim_for_data(void **state)
{
	struct house h = device_house(*state);
	json_t *all;

	assert_fact(&h, "network", "sims", "null");
	report(*state, &h, (struct said){ "DeviceInformation", mem_printf(*state, SIMS, ""), NULL });
	assert_fact(&h, "network", "iccid", "\"two\"");
	assert_fact(&h, "network", "current_carrier", "\"Now\"");
	assert_fact(&h, "network", "sim_carrier", "\"Home\"");
	assert_fact(&h, "network", "carrier_settings", "\"1.2\"");
	assert_fact(&h, "network", "roaming", "true");
	assert_fact(&h, "network", "phone_number", "null");	/* the other SIM's is not this one's */
	assert_fact(&h, "device", "imei", "\"imei\"");
	all = show(&h);
	assert_json(json_object_get(json_array_get(json_object_get(json_object_get(all, "network"), "sims"), 0), "phone_number"), "\"+491\"");
	json_decref(all);
	report(*state, &h, (struct said){ "DeviceInformation", mem_printf(*state, SIMS, "<key>ICCID</key><string>old way</string>"), NULL });
	assert_fact(&h, "network", "iccid", "\"old way\"");
}

static void
the_model_number_of_older_phones_is_their_model(void **state)
{
	struct house h = device_house(*state);

	report(*state, &h, (struct said){ "DeviceInformation", "<key>QueryResponses</key><dict><key>Model</key><string>MC319LL</string></dict>", NULL });
	assert_fact(&h, "device", "model_number", "\"MC319LL\"");
}

static void
data_protection_is_known_from_the_hardware_and_the_passcode_together(void **state)
{
	static const struct { const char *answer, *expected; } rows[] = {
		{ "<key>HardwareEncryptionCaps</key><integer>3</integer><key>PasscodePresent</key><true/>", "true" },
		{ "<key>HardwareEncryptionCaps</key><integer>3</integer><key>PasscodePresent</key><false/>", "false" },
		{ "<key>HardwareEncryptionCaps</key><integer>1</integer><key>PasscodePresent</key><true/>", "false" },
		{ "<key>HardwareEncryptionCaps</key><integer>3</integer>", "null" }, { "<key>PasscodePresent</key><true/>", "null" },
	};
	struct house h = device_house(*state);

	assert_fact(&h, "compliance", "data_protection", "null");
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		report(*state, &h, (struct said){ "SecurityInfo", mem_printf(*state, "<key>SecurityInfo</key><dict>%s</dict>", rows[i].answer), NULL });
		assert_fact(&h, "compliance", "data_protection", rows[i].expected);
	}
}

static void
restrictions_in_effect_are_as_reported(void **state)
{
	struct house h = device_house(*state);

	assert_fact(&h, "compliance", "restrictions", "null");
	report(*state, &h, (struct said){ "Restrictions", "<key>GlobalRestrictions</key><dict><key>restrictedBool</key><dict><key>allowCamera</key>"
		"<dict><key>value</key><false/></dict></dict></dict><key>ProfileRestrictions</key><dict/>", NULL });
	assert_fact(&h, "compliance", "restrictions", "{\"restrictedBool\":{\"allowCamera\":{\"value\":false}}}");
	report(*state, &h, (struct said){ "Restrictions", "<key>GlobalRestrictions</key><dict/>", NULL });
	assert_fact(&h, "compliance", "restrictions", "{}");
}

/* ---- lists ---- */

#define APPS(items) "<key>InstalledApplicationList</key><array>" items "</array>"
#define APP(id, more) "<dict><key>Identifier</key><string>" id "</string>" more "</dict>"
#define FIELDBOOK APP("com.example.fieldbook", "<key>Name</key><string>Fieldbook</string><key>Version</key><string>412</string>" \
	"<key>ShortVersion</key><string>4.1</string><key>BundleSize</key><integer>48000000</integer>" \
	"<key>DynamicSize</key><integer>1200</integer><key>Installing</key><false/>")

static void
apps_have_id_name_version_and_the_size_of_themselves_and_of_their_data(void **state)
{
	struct house h = device_house(*state);

	assert_fact(&h, "apps", "apps", "null");
	report(*state, &h, (struct said){ "InstalledApplicationList", APPS(FIELDBOOK APP("com.example.bare", "")), NULL });
	assert_fact(&h, "apps", "apps",
		"[{\"bundle_id\":\"com.example.bare\",\"name\":null,\"version\":null,\"short_version\":null,\"size\":null,"
		"\"data_size\":null,\"installed\":true,\"managed\":false,\"state\":null,\"installing\":null},"
		"{\"bundle_id\":\"com.example.fieldbook\",\"name\":\"Fieldbook\",\"version\":\"412\",\"short_version\":\"4.1\","
		"\"size\":48000000,\"data_size\":1200,\"installed\":true,\"managed\":false,\"state\":null,\"installing\":false}]");
	report(*state, &h, (struct said){ "InstalledApplicationList", APPS(""), NULL });
	assert_fact(&h, "apps", "apps", "[]");
}

static json_t *
app_of(struct house *h, const char *bundle_id)
{
	json_t *all = show(h), *app, *found = NULL;
	size_t i;

	json_array_foreach(json_object_get(json_object_get(all, "apps"), "apps"), i, app)
		if (strcmp(json_string_value(json_object_get(app, "bundle_id")), bundle_id) == 0)
			found = json_incref(app);
	json_decref(all);
	return found;
}

static void
assert_app(struct house *h, const char *bundle_id, const char *installed, const char *managed, const char *state)
{
	json_t *app = app_of(h, bundle_id);

	assert_non_null(app);
	assert_json(json_object_get(app, "installed"), installed);
	assert_json(json_object_get(app, "managed"), managed);
	assert_json(json_object_get(app, "state"), state);
	json_decref(app);
}

#define MANAGED(id, status) "<key>" id "</key><dict><key>Status</key><string>" status "</string></dict>"

static void
an_app_is_known_by_both_lists_and_gone_when_neither_has_it(void **state)
{
	struct house h = device_house(*state);

	report(*state, &h, (struct said){ "InstalledApplicationList", APPS(FIELDBOOK), NULL });
	report(*state, &h, (struct said){ "ManagedApplicationList", "<key>ManagedApplicationList</key><dict>"
		MANAGED("com.example.fieldbook", "Managed") MANAGED("com.example.stockroom", "Installing") "</dict>", NULL });
	assert_app(&h, "com.example.fieldbook", "true", "true", "\"Managed\"");
	assert_app(&h, "com.example.stockroom", "false", "true", "\"Installing\"");
	report(*state, &h, (struct said){ "InstalledApplicationList", APPS(APP("com.example.stockroom", "")), NULL });
	assert_app(&h, "com.example.fieldbook", "false", "true", "\"Managed\"");
	assert_app(&h, "com.example.stockroom", "true", "true", "\"Installing\"");
	report(*state, &h, (struct said){ "ManagedApplicationList", "<key>ManagedApplicationList</key><dict/>", NULL });
	assert_null(app_of(&h, "com.example.fieldbook"));
	assert_app(&h, "com.example.stockroom", "true", "false", "null");
}

static void
a_question_about_a_part_changes_that_part_alone(void **state)
{
	struct house h = device_house(*state);
	struct rows *rows;
	struct err err;

	report(*state, &h, (struct said){ "InstalledApplicationList", APPS(FIELDBOOK APP("com.example.other", "")), NULL });
	report(*state, &h, (struct said){ "InstalledApplicationList", APPS(APP("com.example.other", "<key>Version</key><string>2</string>")),
		"<key>Identifiers</key><array><string>com.example.other</string></array>" });
	assert_app(&h, "com.example.fieldbook", "true", "false", "null");
	set_now(&h, "2026-11-23T12:00:00Z");
	report(*state, &h, (struct said){ "InstalledApplicationList", APPS(""), "<key>ManagedAppsOnly</key><true/>" });
	/* the time of the last whole list is not that of a part */
	rows = db_query(*state, h.db, "SELECT at - whole FROM device_report");
	assert_ok(rows_one(rows, &err, "no report"), &err);
	assert_int_equal(rows_int(rows, 0), 24 * 3600);
	talloc_free(rows);
	assert_app(&h, "com.example.fieldbook", "true", "false", "null");

	report(*state, &h, (struct said){ "DeviceInformation", "<key>QueryResponses</key><dict><key>DeviceName</key><string>A</string>"
		"<key>WiFiMAC</key><string>00:00:5e:00:53:2a</string></dict>", NULL });
	report(*state, &h, (struct said){ "DeviceInformation", "<key>QueryResponses</key><dict/>",
		"<key>Queries</key><array><string>WiFiMAC</string></array>" });
	assert_fact(&h, "device", "name", "\"A\"");
	assert_fact(&h, "network", "wifi_mac", "null");
}

static void
provisions_have_their_expiry(void **state)
{
	struct house h = device_house(*state);

	assert_fact(&h, "apps", "provisions", "null");
	report(*state, &h, (struct said){ "ProvisioningProfileList", "<key>ProvisioningProfileList</key><array>"
		"<dict><key>Name</key><string>Fieldbook In-House</string><key>UUID</key><string>u-1</string><key>ExpiryDate</key>"
		"<date>2027-08-02T10:00:00Z</date></dict><dict><key>UUID</key><string>u-2</string></dict></array>", NULL });
	assert_fact(&h, "apps", "provisions", "[{\"uuid\":\"u-1\",\"name\":\"Fieldbook In-House\",\"expires\":\"2027-08-02T10:00:00Z\"},"
		"{\"uuid\":\"u-2\",\"name\":null,\"expires\":null}]");
	report(*state, &h, (struct said){ "ProvisioningProfileList", "<key>ProvisioningProfileList</key><array/>", NULL });
	assert_fact(&h, "apps", "provisions", "[]");
}

static void
mobileconfigs_have_their_payloads_and_who_manages_them(void **state)
{
	struct house h = device_house(*state);

	assert_fact(&h, "compliance", "mobileconfigs", "null");
	report(*state, &h, (struct said){ "ProfileList", "<key>ProfileList</key><array><dict><key>PayloadIdentifier</key><string>com.example.wifi</string>"
		"<key>PayloadUUID</key><string>U</string><key>PayloadDisplayName</key><string>Wi-Fi</string><key>PayloadVersion</key>"
		"<integer>1</integer><key>IsManaged</key><true/><key>IsEncrypted</key><false/><key>PayloadRemovalDisallowed</key><true/>"
		"<key>PayloadContent</key><array><dict><key>PayloadType</key><string>com.apple.wifi.managed</string><key>PayloadIdentifier</key>"
		"<string>com.example.wifi.1</string></dict></array></dict></array>", NULL });
	assert_fact(&h, "compliance", "mobileconfigs",
		"[{\"identifier\":\"com.example.wifi\",\"uuid\":\"U\",\"name\":\"Wi-Fi\",\"organization\":null,\"version\":1,\"managed\":true,"
		"\"encrypted\":false,\"removable\":false,\"payloads\":[{\"type\":\"com.apple.wifi.managed\","
		"\"identifier\":\"com.example.wifi.1\",\"name\":null}]}]");
}

static void
certificates_have_their_expiry_from_their_bytes(void **state)
{
	struct house h = device_house(*state);
	SCOPED(x509_stack) STACK_OF(X509) *certs = NULL;
	unsigned char *der = NULL;
	struct x509_made made;
	struct buf base64;
	json_t *all, *cert;
	struct err err;
	int len;

	assert_ok(x509_make(*state, "An identity", "a.example", 30, NULL, &made, &err), &err);
	assert_ok(x509_read_pem((struct bytes){ made.cert_pem, strlen(made.cert_pem) }, &certs, &err), &err);
	len = i2d_X509(sk_X509_value(certs, 0), &der);
	assert_true(len > 0);
	buf_init(&base64, *state, 1u << 16);
	buf_base64(&base64, der, (size_t)len);
	OPENSSL_free(der);
	assert_fact(&h, "compliance", "certificates", "null");
	report(*state, &h, (struct said){ "CertificateList", mem_printf(*state, "<key>CertificateList</key><array><dict><key>CommonName</key>"
		"<string>An identity</string><key>IsIdentity</key><true/><key>Data</key><data>%s</data></dict><dict><key>CommonName</key>"
		"<string>garbage</string><key>IsIdentity</key><false/><key>Data</key><data>AQID</data></dict></array>", buf_str(&base64)), NULL });
	all = show(&h);
	assert_int_equal(json_array_size(json_object_get(json_object_get(all, "compliance"), "certificates")), 1);
	cert = json_array_get(json_object_get(json_object_get(all, "compliance"), "certificates"), 0);
	assert_json(json_object_get(cert, "name"), "\"An identity\"");
	assert_json(json_object_get(cert, "identity"), "true");
	assert_true(json_is_string(json_object_get(cert, "expires")));
	json_decref(all);
}

/* ---- around ---- */

static void
the_device_s_own_row_follows_what_it_reports(void **state)
{
	struct house h = device_house(*state);
	struct rows *rows;
	struct err err;

	report(*state, &h, (struct said){ "DeviceInformation", "<key>QueryResponses</key><dict><key>DeviceName</key><string>New</string>"
		"<key>OSVersion</key><string>18.1</string><key>IsSupervised</key><true/></dict>", NULL });
	report(*state, &h, (struct said){ "DeviceInformation", "<key>QueryResponses</key><dict><key>OSVersion</key><string>18.2</string></dict>", NULL });
	rows = db_query(*state, h.db, "SELECT d.name, d.os_version, e.supervised FROM device d JOIN enrollment e ON e.id = d.enrollment_id");
	assert_ok(rows_one(rows, &err, "no device"), &err);
	assert_string_equal(rows_text(*state, rows, 0), "New");	/* lists go on calling it so */
	assert_string_equal(rows_text(*state, rows, 1), "18.2");
	assert_true(rows_bool(rows, 2));
}

static void
what_an_enrolling_device_says_of_itself_is_known_at_once(void **state)
{
	struct house h = device_house(*state);

	report(*state, &h, (struct said){ "DeviceInformation", "<key>QueryResponses</key><dict><key>DeviceName</key><string>A</string></dict>", NULL });
	report(*state, &h, (struct said){ "Authenticate", "<key>OSVersion</key><string>17.5</string><key>SerialNumber</key><string>EXA</string>"
		"<key>IMEI</key><string>imei</string><key>Topic</key><string>t</string>", NULL });
	assert_fact(&h, "device", "os_version", "\"17.5\"");
	assert_fact(&h, "device", "serial", "\"EXA\"");
	assert_fact(&h, "device", "imei", "\"imei\"");
	assert_fact(&h, "device", "name", "\"A\"");	/* of that it says nothing */
}

static void
the_raw_answer_is_kept_as_it_came(void **state)
{
	struct house h = device_house(*state);
	struct bytes raw;
	struct err err;

	assert_false(inventory_raw(*state, h.db, DEVICE, "SecurityInfo", &raw, &err));
	assert_int_equal(err.kind, ERR_MISSING);
	report(*state, &h, (struct said){ "SecurityInfo", "<key>SecurityInfo</key><dict><key>Unheard</key><string>of</string></dict>", NULL });
	assert_ok(inventory_raw(*state, h.db, DEVICE, "SecurityInfo", &raw, &err), &err);
	assert_non_null(strstr(mem_textn(*state, raw.p, raw.len), "<key>Unheard</key><string>of</string>"));
}

static void
what_holds_nothing_for_the_inventory_is_left_alone(void **state)
{
	static const struct said nothing[] = {
		{ "DeviceLock", "<key>MessageResult</key><string>Success</string>", NULL }, { "SecurityInfo", "", NULL },
		{ "SecurityInfo", "<key>SecurityInfo</key><array/>", NULL }, { "InstalledApplicationList", "<key>InstalledApplicationList</key><dict/>", NULL },
	};

	for (size_t i = 0; i < sizeof nothing / sizeof *nothing; i++)
		assert_null(read_it(*state, nothing[i]));
}

static void
a_phone_that_lists_more_than_we_keep_is_believed_up_to_there(void **state)
{
	struct house h = device_house(*state);
	struct buf out;
	json_t *all;

	buf_init(&out, *state, 4u << 20);
	buf_text(&out, "<key>ProvisioningProfileList</key><array>");
	for (int i = 0; i < INVENTORY_PROVISIONS_MAX + 5; i++)
		buf_addf(&out, "<dict><key>UUID</key><string>u-%d</string></dict>", i);
	buf_text(&out, "</array>");
	report(*state, &h, (struct said){ "ProvisioningProfileList", buf_str(&out), NULL });
	all = show(&h);
	assert_int_equal(json_array_size(json_object_get(json_object_get(all, "apps"), "provisions")), INVENTORY_PROVISIONS_MAX);
	json_decref(all);
}

static void
groups_and_lists_are_tables_for_spreadsheets(void **state)
{
	struct house h = device_house(*state);
	struct buf out;
	struct err err;

	report(*state, &h, (struct said){ "InstalledApplicationList", APPS(FIELDBOOK), NULL });
	report(*state, &h, (struct said){ "DeviceInformation", "<key>QueryResponses</key><dict><key>DeviceName</key><string>=1+1</string>"
		"<key>ModemFirmwareVersion</key><string></string></dict>", NULL });
	buf_init(&out, *state, INVENTORY_CSV_MAX);
	assert_ok(inventory_csv(h.db, DEVICE, "apps", &out, &err), &err);
	assert_string_equal(buf_str(&out), "bundle_id,name,version,short_version,size,data_size,installed,managed,state,installing\r\n"
		"com.example.fieldbook,Fieldbook,412,4.1,48000000,1200,true,false,,false\r\n");
	buf_clear(&out);
	assert_ok(inventory_csv(h.db, DEVICE, "device", &out, &err), &err);
	assert_non_null(strstr(buf_str(&out), "name,'=1+1\r\n"));	/* no formula */
	assert_non_null(strstr(buf_str(&out), "\r\nserial,\r\n"));	/* not reported is not empty */
	assert_non_null(strstr(buf_str(&out), "\r\nmodem_firmware,\"\"\r\n"));
	assert_false(inventory_csv(h.db, DEVICE, "reported", &out, &err));
	assert_false(inventory_csv(h.db, DEVICE, "nothing", &out, &err));
	assert_int_equal(err.kind, ERR_MISSING);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define R(group, name, ...) TEST_1(name##_is_as_reported_and_null_when_it_is_not)
		FIELDS(R)
#undef R
		TEST_1(what_newer_phones_say_for_each_sim_stands_for_the_phone_by_the_sim_for_data)
		TEST_1(the_model_number_of_older_phones_is_their_model)
		TEST_1(data_protection_is_known_from_the_hardware_and_the_passcode_together)
		TEST_1(restrictions_in_effect_are_as_reported)
		TEST_1(apps_have_id_name_version_and_the_size_of_themselves_and_of_their_data)
		TEST_1(an_app_is_known_by_both_lists_and_gone_when_neither_has_it)
		TEST_1(a_question_about_a_part_changes_that_part_alone)
		TEST_1(provisions_have_their_expiry)
		TEST_1(mobileconfigs_have_their_payloads_and_who_manages_them)
		TEST_1(certificates_have_their_expiry_from_their_bytes)
		TEST_1(the_device_s_own_row_follows_what_it_reports)
		TEST_1(what_an_enrolling_device_says_of_itself_is_known_at_once)
		TEST_1(the_raw_answer_is_kept_as_it_came)
		TEST_1(what_holds_nothing_for_the_inventory_is_left_alone)
		TEST_1(a_phone_that_lists_more_than_we_keep_is_believed_up_to_there)
		TEST_1(groups_and_lists_are_tables_for_spreadsheets)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
