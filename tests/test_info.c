/* Info.plist: what is there is read, what is odd is left out, and people see clean texts. */
#include "tests/check.h"
#include "core/buf.h"
#include "ipa/info.h"

static struct info *
read_info(void **state, const char *name)
{
	struct info *info = NULL;
	struct err err = { 0 };

	name = mem_printf(*state, "infos/%s", name);
	assert_ok(info_read(*state, test_data(*state, name), &info, &err), &err);
	return info;
}

static const char *
joined(void **state, const char *const *texts, size_t count)
{
	struct buf buf;

	buf_init(&buf, *state, 10000);
	for (size_t i = 0; i < count; i++)
		buf_addf(&buf, "%s%s", i ? " " : "", texts[i]);
	return buf_str(&buf);
}

static void
an_iphone_app_says_everything(void **state)
{
	static const char *const names[] = { "iphone.plist", "iphone.binary.plist" };

	for (size_t i = 0; i < 2; i++) {
		struct info *info = read_info(state, names[i]);

		assert_string_equal(info->bundle_id, "com.example.app");
		assert_string_equal(info->name, "Obstgarten 🍎");
		assert_string_equal(info->version, "1.2.3");
		assert_string_equal(info->build, "45");
		assert_string_equal(info->minimum_os, "16.4");
		assert_string_equal(info->platform, "iphoneos");
		assert_string_equal(info->executable, "App");
		assert_string_equal(info->package_type, "APPL");
		assert_int_equal(info->device_family_count, 2);
		assert_int_equal(info->device_family[0], 1);
		assert_int_equal(info->device_family[1], 2);
		assert_string_equal(joined(state, info->url_schemes, info->url_scheme_count),
				    "example example-2 com.example+x");
		assert_string_equal(joined(state, info->icons, info->icon_count),
				    "AppIcon60x60 AppIcon40x40 AppIcon20x20 AppIcon83.5x83.5 AppIcon76x76");
		assert_true(info->icon_in_catalog);
	}
}

static void
old_apps_name_their_icons_elsewhere(void **state)
{
	struct info *info = read_info(state, "old.plist");

	assert_string_equal(info->name, "old");
	assert_string_equal(info->version, "");
	assert_string_equal(info->platform, "iphoneos");
	assert_int_equal(info->device_family_count, 1);
	assert_int_equal(info->device_family[0], 1);
	assert_string_equal(joined(state, info->icons, info->icon_count), "Icon@2x.png Icon.png Icon-72.png");
	assert_false(info->icon_in_catalog);
}

static void
a_tv_app_has_a_text_where_others_have_icons(void **state)
{
	struct info *info = read_info(state, "tv.plist");

	assert_string_equal(info->platform, "appletvos");
	assert_int_equal(info->device_family[0], 3);
	assert_int_equal(info->icon_count, 0);
	assert_true(info->icon_in_catalog);
}

static void
values_of_another_type_are_left_out(void **state)
{
	struct info *info = read_info(state, "odd.plist");

	assert_string_equal(info->name, "odd");
	assert_string_equal(info->version, "");
	assert_string_equal(info->platform, "");
	assert_string_equal(info->executable, "");
	assert_int_equal(strlen(info->minimum_os), INFO_TEXT_MAX);
	assert_int_equal(info->device_family_count, 1);
	assert_int_equal(info->device_family[0], 2);
	assert_int_equal(info->url_scheme_count, 0);
	assert_int_equal(info->icon_count, 0);
}

static void
a_bundle_version_is_a_text_or_there_is_none(void **state)
{
	static const struct { const char *node, *read; } cases[] = {
		{ "<key>CFBundleVersion</key><string>42</string>", "42" }, { "<key>CFBundleVersion</key><integer>42</integer>", "" },
		{ "<key>CFBundleVersion</key><string> </string>", "" }, { "", "" },
	};
	struct info *info;
	struct err err;

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char *xml = mem_printf(*state, "<plist version=\"1.0\"><dict><key>CFBundleIdentifier</key><string>com.example.app"
				       "</string>%s</dict></plist>", cases[i].node);

		assert_ok(info_read(*state, (struct bytes){ xml, strlen(xml) }, &info, &err), &err);
		assert_string_equal(info->build, cases[i].read);
	}
}

static void
a_bundle_id_is_required_and_plain(void **state)
{
	static const char *const bad[] = { "", ".", "com..example", ".com", "com.", "com.example/../x",
					   "com.example app", "com.exämple", "<b>", NULL };
	char *longest = mem_size(*state, 157);
	struct info *info = NULL;
	struct err err = { 0 };

	memset(longest, 'a', 156);
	longest[156] = '\0';
	for (size_t i = 0; i < sizeof bad / sizeof *bad + 1; i++) {
		const char *id = i < sizeof bad / sizeof *bad ? bad[i] : longest;
		char *xml = mem_printf(*state, "<plist version=\"1.0\"><dict><key>CFBundleIdentifier</key>"
				       "%s%s%s</dict></plist>", id ? "<string><![CDATA[" : "<true/>", id ? id : "",
				       id ? "]]></string>" : "");

		assert_false(info_read(*state, (struct bytes){ xml, strlen(xml) }, &info, &err));
		assert_string_equal(err.code, "bad_info");
		assert_null(info);
	}
}

static void
refusals_tell_malice_from_accident(void **state)
{
	static const struct {
		const char *file, *code;
	} cases[] = {
		{ "plists/hostile-dag-8.binary.plist", "hostile_plist" },
		{ "plists/hostile-key-twice.xml.plist", "hostile_plist" },
		{ "plists/bad-html.xml.plist", "bad_info" },
		{ "plists/good-spaces.xml.plist", "bad_info" },		/* an array */
		{ "provisions/enterprise.mobileprovision", "bad_info" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct info *info = NULL;
		struct err err = { 0 };

		assert_false(info_read(*state, test_data(*state, cases[i].file), &info, &err));
		assert_int_equal(err.kind, ERR_INVALID);
		assert_string_equal(err.code, cases[i].code);
	}
}

static void
localized_names_are_read_from_every_kind_of_strings(void **state)
{
	static const char *const names[] = { "utf8", "utf8-mark", "utf16le-mark", "utf16be-mark",
					     "utf16le", "xml", "binary", "braces" };

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		const char *file = mem_printf(*state, "infos/%s.strings", names[i]);
		char *name = info_localized_name(*state, test_data(*state, file));

		print_message("  %s\n", names[i]);
		assert_non_null(name);
		assert_string_equal(name, "Obst garten 🍎");
	}
}

static void
strings_without_a_name_have_none(void **state)
{
	static const struct {
		const char *text, *name;
	} cases[] = {
		{ "", NULL },
		{ "\"CFBundleDisplayName\" = \"\";", NULL },
		{ "\"CFBundleDisplayName\" = \"open", NULL },
		{ "\"CFBundleDisplayName\" = ", NULL },
		{ "\"CFBundleDisplayName\"", NULL },
		{ "/* never closed \"CFBundleName\" = \"x\";", NULL },
		{ "// one line", NULL },
		{ "\"a\" = \"b\\", NULL },
		{ "\"CFBundleName\" = \"\xc3\";", NULL },
		{ "{ \"CFBundleName\" = { a = b; }; }", NULL },
		{ "CFBundleName = App;", "App" },
		{ "CFBundleName = 'It''s'", NULL },
		{ "\"CFBundleName\"=\"a\\U0041\\ud83c\\n\\tb\";", "aA b" },
		{ "<plist/>", NULL },
		{ "bplist00", NULL },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct bytes text = { cases[i].text, strlen(cases[i].text) };
		char *name = info_localized_name(*state, text);

		if (!name != !cases[i].name || (name && strcmp(name, cases[i].name) != 0))
			fail_msg("%s gave %s", cases[i].text, name ? name : "nothing");
	}
}

static void
texts_from_strangers_are_cleaned(void **state)
{
	static const struct {
		const char *text;
		size_t max;
		const char *clean;
	} cases[] = {
		{ "plain", 100, "plain" },
		{ "  two \t\r\n words\u00a0", 100, "two words" },
		{ "gnp.\u202eexe\u202c", 100, "gnp.exe" },
		{ "\u2066a\u2069\u200f\ufeff\u200b\x01\x7f\xc2\x85", 100, "a" },
		{ "\U000e0041tag", 100, "tag" },
		{ "👩\u200d👧", 100, "👩\u200d👧" },	/* a family is held together by ZWJ */
		{ "a\xff\xc3" "b", 100, "ab" },
		{ "äöü", 5, "äö" },
		{ "ab cd", 3, "ab" },
		{ "🍎🍎", 7, "🍎" },
		{ "x", 0, "" },
		{ "", 10, "" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_string_equal(info_clean(*state, cases[i].text, cases[i].max), cases[i].clean);
}

TESTS(an_iphone_app_says_everything, old_apps_name_their_icons_elsewhere,
      a_tv_app_has_a_text_where_others_have_icons, values_of_another_type_are_left_out,
      a_bundle_version_is_a_text_or_there_is_none, a_bundle_id_is_required_and_plain, refusals_tell_malice_from_accident,
      localized_names_are_read_from_every_kind_of_strings, strings_without_a_name_have_none,
      texts_from_strangers_are_cleaned)
