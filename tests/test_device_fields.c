/*
 * Every field of the four groups, through every door: in the API, on the device's page, in its tables and in the list of
 * devices; as it was reported, when it was reported as nothing, and when it was not reported.
 */
#include "tests/check_asker.h"
#include "tests/field_rows.h"
#include <stdio.h>
#include <stdlib.h>
#include "core/json.h"
#include "core/x509.h"
#include "mdm/fact.h"
#include "mdm/inventory.h"
#include "web/page.h"

static struct asker *asker;	/* of all tests: its house takes a while to furnish */
static const char *device;
static char *certificate;	/* base64 */

/* ---- a report ---- */

static bool
keep(struct db *tx, void *arg, struct err *err)
{
	return inventory_keep(tx, device, arg, err);
}

/* As iOS answers, with these keys and values. */
static void
report(TALLOC_CTX *ctx, const char *request_type, const char *answer)
{
	char *text = mem_printf(ctx, "<plist version=\"1.0\"><dict><key>Status</key><string>Acknowledged</string>%s</dict></plist>", answer);
	struct bytes raw = { text, strlen(text) };
	SCOPED(plist) plist_t read = NULL;
	struct inventory *inventory;
	struct err err;

	assert_ok(plist_open(raw, PLIST_BYTES_MAX, &read, &err), &err);
	assert_ok(inventory_read(ctx, request_type, read, raw, &inventory, &err), &err);
	assert_non_null(inventory);
	assert_ok(db_tx(asker->site->db, keep, inventory, &err), &err);
}

/* ---- the doors ---- */

static const char *
got(TALLOC_CTX *ctx, const char *path, enum body_kind kind)
{
	int status = asker_send(asker, "GET", path, kind, (struct bytes){ 0 });

	if (status != 200)
		fail_msg("GET %s: %d %s", path, status, buf_str(&asker->got));
	return mem_text(ctx, buf_str(&asker->got));
}

/* What stands at "group.name" or "group.list.name" (of the one item), as JSON. */
static const char *
in_api(TALLOC_CTX *ctx, const char *path)
{
	json_t *all = json_loads(got(ctx, mem_printf(ctx, "/api/v1/devices/%s", device), AS_JSON), 0, NULL), *at = all;
	const char *ret, *part = path;
	char *made;

	for (; at && *part; part += strcspn(part, "."), part += *part == '.') {
		if (json_is_array(at))
			at = json_array_get(at, 0);
		at = json_object_get(at, mem_textn(ctx, part, strcspn(part, ".")));
	}
	made = at ? json_dumps(at, JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(9)) : NULL;
	ret = mem_text(ctx, made ? made : "there is no such key");
	free(made);
	json_decref(all);
	return ret;
}

/* The next cell as it is written, quotes and all; *at goes behind it. */
static const char *
cell(TALLOC_CTX *ctx, const char **at)
{
	const char *from = *at;
	bool quoted = false;

	for (; **at && (quoted || (**at != ',' && **at != '\r')); ++*at)
		quoted ^= **at == '"';
	return mem_textn(ctx, from, (size_t)(*at - from));
}

/* In the row that begins with `key`; NULL: there is no such row. */
static const char *
in_csv(TALLOC_CTX *ctx, const char *path, const char *key, const char *column)
{
	const char *at = got(ctx, path, AS_JSON), *word;
	int wanted = -1;

	for (int row = 0; *at; row++) {
		bool mine = false;

		for (int i = 0; *at; i++) {
			word = cell(ctx, &at);
			if (row == 0 && strcmp(word, column) == 0)
				wanted = i;
			mine |= i == 0 && row > 0 && strcmp(word, key) == 0;
			if (mine && i == wanted)
				return word;
			if (*at != ',')
				break;
			at++;
		}
		at += strspn(at, "\r\n");
		if (wanted < 0)
			fail_msg("%s has no column %s", path, column);
	}
	return NULL;
}

static const char *
in_table(TALLOC_CTX *ctx, const char *table, const char *key, const char *column)
{
	return in_csv(ctx, mem_printf(ctx, "/api/v1/devices/%s/%s.csv", device, table), key, column);
}

static const char *
in_list(TALLOC_CTX *ctx, const char *column)
{
	return in_csv(ctx, "/api/v1/devices.csv", device, column);
}

/* A section of the page, by the id of its heading; "": it is not there. */
static const char *
on_page(TALLOC_CTX *ctx, const char *heading)
{
	const char *page = got(ctx, mem_printf(ctx, "/admin/devices/%s", device), AS_FORM);
	const char *from = strstr(page, mem_printf(ctx, "aria-labelledby=\"%s\"", heading)), *to = from ? strstr(from, "</section>") : NULL;

	return to ? mem_textn(ctx, from, (size_t)(to - from)) : "";
}

/* What stands beside this word in it. */
static const char *
beside(TALLOC_CTX *ctx, const char *heading, const char *word)
{
	const char *label = pages_word(asker->site->pages, "en", word), *section = on_page(ctx, heading), *from, *to;

	assert_non_null(label);
	from = strstr(section, mem_printf(ctx, "<dt>%s</dt>", label));
	to = from ? strstr(from, "</dd>") : NULL;
	if (!to)
		fail_msg("%s has no %s: %s", heading, label, section);
	return mem_textn(ctx, from, (size_t)(to - from));
}

static void
assert_has(const char *text, const char *what)
{
	if (!strstr(text, what))
		fail_msg("%s does not stand in %s", what, text);
}

static void
assert_is(const char *found, const char *expected)
{
	if (!found || strcmp(found, expected) != 0)
		fail_msg("%s is not %s", found ? found : "nothing", expected);
}

/* A value of the API as a cell: a formula is none, and what is empty is not what is missing. */
static const char *
as_cell(TALLOC_CTX *ctx, const char *json)
{
	json_t *v = json_loads(json, JSON_DECODE_ANY, NULL);
	const char *text = json_is_string(v) ? json_string_value(v) : json_is_null(v) ? NULL : json, *ret;

	ret = !text ? "" : !*text ? "\"\"" : strchr("=+-@", *text) ? mem_printf(ctx, "'%s", text) :
	      strchr(text, ',') ? mem_printf(ctx, "\"%s\"", text) : mem_text(ctx, text);
	json_decref(v);
	return ret;
}

/* ---- facts ---- */

static const char *
heading_of(const char *group)
{
	return strcmp(group, "network") == 0 ? "f-net" : strcmp(group, "device") == 0 ? "f-dev" : "f-com";
}

/* The row of a device has these of its own, and goes on having them. */
static bool
is_of_the_row(const char *name)
{
	static const char *const own[] = { "name", "udid", "serial", "product", "os_version", "os_build", "supervised" };

	for (size_t i = 0; i < sizeof own / sizeof *own; i++)
		if (strcmp(own[i], name) == 0)
			return true;
	return false;
}

static void
assert_fact(TALLOC_CTX *ctx, struct field f, const char *expected, const char *shown)
{
	const char *word = mem_printf(ctx, "fact_%s", f.name);

	assert_is(in_api(ctx, mem_printf(ctx, "%s.%s", f.group, f.name)), expected);
	assert_is(in_table(ctx, f.group, f.name, "value"), as_cell(ctx, expected));
	if (!is_of_the_row(f.name) || strcmp(expected, f.expected) == 0)
		assert_is(in_list(ctx, f.name), as_cell(ctx, expected));
	assert_has(beside(ctx, heading_of(f.group), word), shown);
}

static void
check_fact(TALLOC_CTX *ctx, struct field f)
{
	asker_put_back(asker);
	report(ctx, f.request_type, mem_printf(ctx, "<key>%s</key><dict><key>%s</key>%s</dict>", f.from, f.key, f.value));
	assert_fact(ctx, f, f.expected, mem_printf(ctx, "<bdi>%s</bdi>", f.shown));
	if (strncmp(f.value, "<string>", 8) == 0) {
		report(ctx, f.request_type, mem_printf(ctx, "<key>%s</key><dict><key>%s</key><string/></dict>", f.from, f.key));
		assert_fact(ctx, f, "\"\"", "<bdi>(empty)</bdi>");
	}
	report(ctx, f.request_type, mem_printf(ctx, "<key>%s</key><dict/>", f.from));
	assert_fact(ctx, f, "null", "<dd class=\"none\">not reported");
}

#define R(group, name, ...) R_(group, name, __VA_ARGS__)
#define R_(group, name, type, from, key, value, expected, shown) \
	static void name##_is_in_the_api_on_the_page_and_in_the_tables(void **state) \
	{ \
		check_fact(*state, (struct field){ #group, #name, type, from, key, value, expected, shown }); \
	}
FIELDS(R)
#undef R

static void
every_fact_that_is_kept_has_its_row_here(void **state)
{
#define R(group, name, ...) #name,
	static const char *const rows[] = { FIELDS(R) };
#undef R

	(void)state;
	assert_int_equal(sizeof rows / sizeof *rows, fact_table_n);
	for (size_t i = 0; i < fact_table_n; i++) {
		bool found = false;

		for (size_t k = 0; k < fact_table_n; k++)
			found |= strcmp(rows[k], fact_table[i].name) == 0;
		if (!found)
			fail_msg("%s has no row", fact_table[i].name);
	}
}

static void
data_protection_is_in_the_api_on_the_page_and_in_the_tables(void **state)
{
	static const struct { const char *answer, *expected, *shown; } rows[] = {
		{ "<key>HardwareEncryptionCaps</key><integer>3</integer><key>PasscodePresent</key><true/>", "true", "<bdi>yes</bdi>" },
		{ "<key>HardwareEncryptionCaps</key><integer>3</integer><key>PasscodePresent</key><false/>", "false", "<bdi>no</bdi>" },
		{ "<key>HardwareEncryptionCaps</key><integer>3</integer>", "null", "<dd class=\"none\">not reported" },
	};

	asker_put_back(asker);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		report(*state, "SecurityInfo", mem_printf(*state, "<key>SecurityInfo</key><dict>%s</dict>", rows[i].answer));
		assert_is(in_api(*state, "compliance.data_protection"), rows[i].expected);
		assert_is(in_table(*state, "compliance", "data_protection", "value"), as_cell(*state, rows[i].expected));
		assert_is(in_list(*state, "data_protection"), as_cell(*state, rows[i].expected));
		assert_has(beside(*state, "f-com", "fact_data_protection"), rows[i].shown);
	}
}

static void
restrictions_are_in_the_api_on_the_page_and_in_the_tables(void **state)
{
	asker_put_back(asker);
	assert_is(in_api(*state, "compliance.restrictions"), "null");
	assert_is(in_table(*state, "compliance", "restrictions", "value"), "");
	assert_is(in_list(*state, "restrictions"), "");
	assert_has(beside(*state, "f-com", "mdm_restrictions"), "not reported");
	report(*state, "Restrictions", "<key>GlobalRestrictions</key><dict/>");
	assert_is(in_list(*state, "restrictions"), "0");
	assert_has(beside(*state, "f-com", "mdm_restrictions"), ">0</a>");
	report(*state, "Restrictions", "<key>GlobalRestrictions</key><dict><key>restrictedBool</key><dict><key>allowCamera</key><dict>"
	       "<key>value</key><false/></dict></dict><key>restrictedValue</key><dict><key>minLength</key><dict><key>value</key>"
	       "<integer>6</integer></dict></dict></dict>");
	assert_is(in_api(*state, "compliance.restrictions.restrictedBool.allowCamera.value"), "false");
	assert_has(in_table(*state, "compliance", "restrictions", "value"), "\"\"allowCamera\"\":{\"\"value\"\":false}");
	assert_is(in_list(*state, "restrictions"), "2");
	assert_has(on_page(*state, "h-rest"), "<bdi>allowCamera</bdi></dt><dd><bdi>no</bdi>");
	assert_has(on_page(*state, "h-rest"), "<bdi>minLength</bdi></dt><dd><bdi>6</bdi>");
}

static void
the_sims_are_in_the_api_and_in_the_tables(void **state)
{
	asker_put_back(asker);
	assert_is(in_table(*state, "network", "sims", "value"), "");
	report(*state, "DeviceInformation", "<key>QueryResponses</key><dict><key>ServiceSubscriptions</key><array><dict><key>ICCID</key>"
	       "<string>one</string></dict></array></dict>");
	assert_is(in_api(*state, "network.sims.iccid"), "\"one\"");
	assert_has(in_table(*state, "network", "sims", "value"), "\"\"iccid\"\":\"\"one\"\"");
	assert_is(in_list(*state, "iccid"), "one");
}

/* ---- lists ---- */

/* group, list, Apple's, and what an answer is around the one item: with the other keys that it always has. */
#define APPS	"apps", "apps", "InstalledApplicationList", "<key>Identifier</key><string>com.example.fieldbook</string>", \
	"com.example.fieldbook", "h-apps"
#define PROVISIONS "apps", "provisions", "ProvisioningProfileList", "<key>UUID</key><string>u-1</string>", "u-1", "h-prov"
#define CONFIGS	"compliance", "mobileconfigs", "ProfileList", "<key>PayloadIdentifier</key><string>com.example.wifi</string>", \
	"com.example.wifi", "h-conf"

struct list_field {
	const char *group, *list, *request_type, *always, *key, *heading;
	const char *name, *value, *expected, *shown, *missing;	/* on the page; NULL: it does not stand there; missing NULL: it always is */
};

/* name of the test, its list, its name there, as it is reported, in the API, on the page, on the page when it is not reported */
#define NONE(label) "data-label=\"" label "\"><span><span class=\"none\">not reported"
#define NONE_NUM(label) "data-label=\"" label "\" class=\"num\"><span><span class=\"none\">not reported"
#define LIST_FIELDS(L) \
	L(app_id, APPS, "bundle_id", "", "\"com.example.fieldbook\"", "<small class=\"muted\"><bdi>com.example.fieldbook</bdi>", NULL) \
	L(app_name, APPS, "name", "<key>Name</key><string>=Fieldbook</string>", "\"=Fieldbook\"", "<span><bdi>=Fieldbook</bdi><br>", \
	  "<span><bdi>com.example.fieldbook</bdi><br>") \
	L(app_build, APPS, "version", "<key>Version</key><string>412</string>", "\"412\"", "<bdi>412</bdi>", NONE("Version")) \
	L(app_version, APPS, "short_version", "<key>ShortVersion</key><string>4.1</string>", "\"4.1\"", "<bdi>4.1</bdi>", NONE("Version")) \
	L(app_size, APPS, "size", "<key>BundleSize</key><integer>48000000</integer>", "48000000", ">48\xc2\xa0MB<", NONE_NUM("Size")) \
	L(app_data_size, APPS, "data_size", "<key>DynamicSize</key><integer>5000000</integer>", "5000000", ">5\xc2\xa0MB<", NONE_NUM("Its data")) \
	L(app_installing, APPS, "installing", "<key>Installing</key><true/>", "true", NULL, NULL) \
	L(provision_id, PROVISIONS, "uuid", "", "\"u-1\"", "<bdi>u-1</bdi>", NULL) \
	L(provision_name, PROVISIONS, "name", "<key>Name</key><string>@Fieldbook, In-House</string>", "\"@Fieldbook, In-House\"", \
	  "<span><bdi>@Fieldbook, In-House</bdi><br>", "<span><bdi>u-1</bdi><br>") \
	L(provision_end, PROVISIONS, "expires", "<key>ExpiryDate</key><date>2027-08-02T10:00:00Z</date>", "\"2027-08-02T10:00:00Z\"", \
	  "2 August 2027", "<span class=\"none\">not reported") \
	L(mobileconfig_id, CONFIGS, "identifier", "", "\"com.example.wifi\"", "<bdi>com.example.wifi</bdi></small>", NULL) \
	L(mobileconfig_uuid, CONFIGS, "uuid", "<key>PayloadUUID</key><string>U</string>", "\"U\"", NULL, NULL) \
	L(mobileconfig_name, CONFIGS, "name", "<key>PayloadDisplayName</key><string>-Wi-Fi</string>", "\"-Wi-Fi\"", \
	  "<strong><bdi>-Wi-Fi</bdi>", "<strong><bdi>com.example.wifi</bdi>") \
	L(mobileconfig_organization, CONFIGS, "organization", "<key>PayloadOrganization</key><string>Example</string>", "\"Example\"", NULL, NULL) \
	L(mobileconfig_version, CONFIGS, "version", "<key>PayloadVersion</key><integer>3</integer>", "3", NULL, NULL) \
	L(mobileconfig_managed, CONFIGS, "managed", "<key>IsManaged</key><true/>", "true", "<span class=\"badge info\">managed", NULL) \
	L(mobileconfig_encrypted, CONFIGS, "encrypted", "<key>IsEncrypted</key><false/>", "false", NULL, NULL) \
	L(mobileconfig_removable, CONFIGS, "removable", "<key>PayloadRemovalDisallowed</key><true/>", "false", NULL, NULL)

static void
report_list(TALLOC_CTX *ctx, const char *request_type, const char *items)
{
	report(ctx, request_type, mem_printf(ctx, "<key>%s</key><array>%s</array>", request_type, items));
}

/* A list of which nothing was heard is not an empty one. */
static void
check_list(TALLOC_CTX *ctx, const struct list_field *f)
{
	const char *path = mem_printf(ctx, "%s.%s", f->group, f->list), *card = strcmp(f->group, "apps") == 0 ? "f-app" : "f-com";
	const char *word = mem_printf(ctx, "mdm_%s", f->list);

	asker_put_back(asker);
	assert_is(in_api(ctx, path), "null");
	assert_null(in_table(ctx, f->list, f->key, f->name));
	assert_is(in_list(ctx, f->list), "");
	assert_has(beside(ctx, card, word), "<dd class=\"none\">not reported");
	report_list(ctx, f->request_type, "");
	assert_is(in_api(ctx, path), "[]");
	assert_is(in_list(ctx, f->list), "0");
	assert_has(beside(ctx, card, word), ">0</a>");
}

static void
check_list_field(TALLOC_CTX *ctx, struct list_field f)
{
	const char *path = mem_printf(ctx, "%s.%s.%s", f.group, f.list, f.name);

	check_list(ctx, &f);
	report_list(ctx, f.request_type, mem_printf(ctx, "<dict>%s%s</dict>", f.always, f.value));
	assert_is(in_api(ctx, path), f.expected);
	assert_is(in_table(ctx, f.list, f.key, f.name), strchr(f.expected, ',') ? "\"'@Fieldbook, In-House\"" : as_cell(ctx, f.expected));
	assert_is(in_list(ctx, f.list), "1");
	if (f.shown)
		assert_has(on_page(ctx, f.heading), f.shown);
	if (!*f.value)
		return;
	report_list(ctx, f.request_type, mem_printf(ctx, "<dict>%s</dict>", f.always));
	assert_is(in_api(ctx, path), "null");
	assert_is(in_table(ctx, f.list, f.key, f.name), "");
	if (f.missing)
		assert_has(on_page(ctx, f.heading), f.missing);
	else if (f.shown)
		assert_null(strstr(on_page(ctx, f.heading), f.shown));
}

#define L(test, list, ...) L_(test, list, __VA_ARGS__)
#define L_(test, group, list, type, always, key, heading, name, value, expected, shown, missing) \
	static void test##_is_in_the_api_on_the_page_and_in_the_tables(void **state) \
	{ \
		check_list_field(*state, (struct list_field){ group, list, type, always, key, heading, name, value, expected, shown, missing }); \
	}
LIST_FIELDS(L)
#undef L

/* Not reported is not empty: of an app, too. */
static void
an_app_whose_version_is_an_empty_text_has_reported_it(void **state)
{
	asker_put_back(asker);
	report_list(*state, "InstalledApplicationList", "<dict><key>Identifier</key><string>com.example.fieldbook</string><key>ShortVersion</key>"
		    "<string/></dict>");
	assert_is(in_api(*state, "apps.apps.short_version"), "\"\"");
	assert_is(in_table(*state, "apps", "com.example.fieldbook", "short_version"), "\"\"");
	assert_has(on_page(*state, "h-apps"), "<bdi>(empty)</bdi>");
}

static void
app_managed_and_state_are_in_the_api_on_the_page_and_in_the_tables(void **state)
{
	asker_put_back(asker);
	report(*state, "ManagedApplicationList", "<key>ManagedApplicationList</key><dict><key>com.example.fieldbook</key><dict><key>Status</key>"
	       "<string>Prompting</string></dict></dict>");
	assert_is(in_api(*state, "apps.apps.managed"), "true");
	assert_is(in_api(*state, "apps.apps.installed"), "false");
	assert_is(in_api(*state, "apps.apps.state"), "\"Prompting\"");
	assert_is(in_table(*state, "apps", "com.example.fieldbook", "managed"), "true");
	assert_is(in_table(*state, "apps", "com.example.fieldbook", "installed"), "false");
	assert_is(in_table(*state, "apps", "com.example.fieldbook", "state"), "Prompting");
	assert_is(in_list(*state, "apps"), "0");	/* what is installed */
	assert_has(on_page(*state, "h-apps"), "managed</span> <span class=\"badge warn\">not installed</span> <small class=\"muted\">Prompting");
}

static void
when_the_first_provision_ends_is_in_the_list(void **state)
{
	asker_put_back(asker);
	assert_is(in_list(*state, "provisions_end"), "");
	report_list(*state, "ProvisioningProfileList", "<dict><key>UUID</key><string>u-1</string></dict>");
	assert_is(in_list(*state, "provisions_end"), "");
	report_list(*state, "ProvisioningProfileList", "<dict><key>UUID</key><string>u-1</string><key>ExpiryDate</key><date>2027-08-02T10:00:00Z</date>"
		    "</dict><dict><key>UUID</key><string>u-2</string><key>ExpiryDate</key><date>2027-03-02T10:00:00Z</date></dict>");
	assert_is(in_list(*state, "provisions_end"), "2027-03-02T10:00:00Z");
	assert_is(in_list(*state, "provisions"), "2");
}

/* ---- certificates ---- */

static const char *
sha256_of(TALLOC_CTX *ctx)
{
	const char *json = in_api(ctx, "compliance.certificates.sha256");

	assert_int_equal(strlen(json), 66);
	return mem_textn(ctx, json + 1, 64);
}

static void
certificates_have_name_end_and_whether_they_are_an_identity_everywhere(void **state)
{
	struct list_field f = { "compliance", "certificates", "CertificateList", "", "", "h-cert", "expires", "", "", "", NULL };
	const char *sha256, *expires;

	check_list(*state, &f);
	assert_is(in_list(*state, "certificates_end"), "");
	report_list(*state, "CertificateList", mem_printf(*state, "<dict><key>CommonName</key><string>An identity</string><key>IsIdentity</key><true/>"
		    "<key>Data</key><data>%s</data></dict>", certificate));
	sha256 = sha256_of(*state);
	expires = in_api(*state, "compliance.certificates.expires");
	assert_has(expires, "2026-12-22T");
	assert_is(in_api(*state, "compliance.certificates.name"), "\"An identity\"");
	assert_is(in_api(*state, "compliance.certificates.identity"), "true");
	assert_is(in_table(*state, "certificates", sha256, "name"), "An identity");
	assert_is(in_table(*state, "certificates", sha256, "identity"), "true");
	assert_is(in_table(*state, "certificates", sha256, "expires"), as_cell(*state, expires));
	assert_is(in_list(*state, "certificates"), "1");
	assert_is(in_list(*state, "certificates_end"), as_cell(*state, expires));
	assert_has(on_page(*state, "h-cert"), "<bdi>An identity</bdi> <span class=\"badge\">");
	assert_has(on_page(*state, "h-cert"), "22 December 2026");
	report_list(*state, "CertificateList", mem_printf(*state, "<dict><key>Data</key><data>%s</data></dict>", certificate));
	assert_is(in_api(*state, "compliance.certificates.name"), "null");
	assert_is(in_api(*state, "compliance.certificates.identity"), "null");
	assert_is(in_table(*state, "certificates", sha256, "name"), "");
	assert_is(in_table(*state, "certificates", sha256, "identity"), "");
	assert_has(on_page(*state, "h-cert"), mem_printf(*state, "<dt><bdi>%s</bdi></dt>", sha256));
}

/* ---- around ---- */

static int
furnish(void **state)
{
	TALLOC_CTX *ctx = talloc_new(NULL);
	SCOPED(x509_stack) STACK_OF(X509) *certs = NULL;
	unsigned char *der = NULL;
	struct x509_made made;
	struct buf base64;
	struct err err;
	int len;

	*state = ctx;
	asker = asker_new(ctx);
	device = text_of(asker->things, "device");
	if (!x509_make(ctx, "An identity", "a.example", 30, NULL, &made, &err) ||
	    !x509_read_pem((struct bytes){ made.cert_pem, strlen(made.cert_pem) }, &certs, &err) ||
	    (len = i2d_X509(sk_X509_value(certs, 0), &der)) <= 0)
		return -1;
	buf_init(&base64, ctx, 1u << 16);
	buf_base64(&base64, der, (size_t)len);
	OPENSSL_free(der);
	certificate = mem_text(ctx, buf_str(&base64));
	return 0;
}

static int
leave(void **state)
{
	asker_end(asker);
	talloc_free(*state);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define R(group, name, ...) TEST_1(name##_is_in_the_api_on_the_page_and_in_the_tables)
		FIELDS(R)
#undef R
		TEST_1(every_fact_that_is_kept_has_its_row_here)
		TEST_1(data_protection_is_in_the_api_on_the_page_and_in_the_tables)
		TEST_1(restrictions_are_in_the_api_on_the_page_and_in_the_tables)
		TEST_1(the_sims_are_in_the_api_and_in_the_tables)
#define L(test, ...) TEST_1(test##_is_in_the_api_on_the_page_and_in_the_tables)
		LIST_FIELDS(L)
#undef L
		TEST_1(an_app_whose_version_is_an_empty_text_has_reported_it)
		TEST_1(app_managed_and_state_are_in_the_api_on_the_page_and_in_the_tables)
		TEST_1(when_the_first_provision_ends_is_in_the_list)
		TEST_1(certificates_have_name_end_and_whether_they_are_an_identity_everywhere)
	};

	return cmocka_run_group_tests(tests, furnish, leave);
}
