/* The template engine against the mustache specification and our own promises, then every page. */
#include "tests/check.h"
#include <dirent.h>
#include <jansson.h>
#include <sys/stat.h>
#include "tests/check_pages.h"
#include "web/look.h"
#include "web/page.h"

/* ---- the specification ---- */
static bool
is_claimed(const char *template, json_t *parts)
{
	const char *key;
	json_t *part;

	if (strstr(template, "{{{") || strstr(template, "{{&"))
		return false;
	json_object_foreach(parts, key, part)
		if (strstr(json_string_value(part), "{{{"))
			return false;
	return true;
}

static void
the_engine_passes_the_mustache_specification(void **state)
{
	static const char *const files[] = { "interpolation", "sections", "inverted", "partials", "comments" };
	int run = 0, left_out = 0;

	for (size_t f = 0; f < sizeof files / sizeof *files; f++) {
		const char *path = test_shared(*state, mem_printf(*state, "mustache-spec/%s.json", files[f]));
		json_t *spec, *tests, *test;
		size_t i;

		if (!path)
			test_skip("the mustache specification is not beside this tree");
		spec = json_load_file(path, 0, NULL);
		tests = json_object_get(spec, "tests");
		assert_true(json_array_size(tests) > 0);
		json_array_foreach(tests, i, test) {
			const char *template = json_string_value(json_object_get(test, "template"));
			const char *name = json_string_value(json_object_get(test, "name"));
			json_t *parts = json_object_get(test, "partials");
			struct err err = { 0 };
			struct buf out;

			if (!is_claimed(template, parts)) {
				left_out++;
				continue;
			}
			buf_init(&out, *state, 10000);
			if (!page_render_text(*state, template, json_object_get(test, "data"), parts, &out, &err))
				fail_msg("%s: %s: %s", files[f], name, err.cause);
			if (strcmp(buf_str(&out), json_string_value(json_object_get(test, "expected"))) != 0)
				fail_msg("%s: %s: \"%s\"", files[f], name, buf_str(&out));
			run++;
		}
		json_decref(spec);
	}
	print_message("  %d cases, %d with an unescaped form left out\n", run, left_out);
	assert_true(run >= 99);
}

/* ---- our own cases ---- */
static const char *
rendered(TALLOC_CTX *ctx, const char *template, const char *json, struct err *err)
{
	json_t *data = json_loads(json, JSON_DECODE_ANY, NULL);
	struct buf out;
	bool ok;

	assert_non_null(data);
	buf_init(&out, ctx, 10000);
	ok = page_render_text(ctx, template, data, NULL, &out, err);
	json_decref(data);
	return ok ? buf_str(&out) : NULL;
}

static void
values_are_escaped_wherever_they_stand(void **state)
{
	struct err err = { 0 };

	assert_string_equal(rendered(*state, "<a title='{{x}}'>{{x}}</a>", "{\"x\":\"'><b>\\\"&\"}", &err),
			    "<a title='&#39;&gt;&lt;b&gt;&quot;&amp;'>&#39;&gt;&lt;b&gt;&quot;&amp;</a>");
}

static void
sections_know_lists_words_and_what_is_empty(void **state)
{
	static const struct {
		const char *template, *json, *expected;
	} cases[] = {
		{ "{{#n}}{{n}} left{{/n}}{{^n}}none{{/n}}", "{\"n\":0}", "none" },
		{ "{{#n}}{{n}} left{{/n}}{{^n}}none{{/n}}", "{\"n\":3}", "3 left" },
		{ "{{#q}}yes{{/q}}{{^q}}no{{/q}}", "{\"q\":\"\"}", "no" },
		{ "{{#l.any}}<ul>{{#l}}<li>{{.}}{{/l}}</ul>{{/l.any}}", "{\"l\":[1,2]}", "<ul><li>1<li>2</ul>" },
		{ "{{#l.any}}<ul>{{/l.any}}", "{\"l\":[]}", "" },
		{ "{{#level.error}}E{{/level.error}}{{#level.info}}I{{/level.info}}", "{\"level\":\"info\"}", "I" },
		{ "{{a.b.c}}|{{#a.b}}x{{/a.b}}", "{\"a\":null}", "|" },
	};

	page_strict = true;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct err err = { 0 };
		const char *text = rendered(*state, cases[i].template, cases[i].json, &err);

		assert_ok(text != NULL, &err);
		assert_string_equal(text, cases[i].expected);
	}
	page_strict = false;
}

static void
a_name_nobody_set_is_an_error_only_where_it_is_asked_for(void **state)
{
	struct err err = { 0 };

	assert_string_equal(rendered(*state, "[{{nmae}}]", "{\"name\":1}", &err), "[]");
	page_strict = true;
	assert_null(rendered(*state, "[\n{{nmae}}]", "{\"name\":1}", &err));
	assert_string_equal(err.cause, "text:2: nmae is not known");
	assert_null(rendered(*state, "{{#nmae}}{{/nmae}}", "{\"name\":1}", &err));
	assert_null(rendered(*state, "{{>part}}", "{}", &err));
	assert_null(rendered(*state, "{{name}}", "{\"name\":{}}", &err));
	assert_string_equal(rendered(*state, "[{{name}}]", "{\"name\":null}", &err), "[]");
	page_strict = false;
}

static void
what_is_not_claimed_is_refused_with_its_line(void **state)
{
	static const struct {
		const char *template, *cause;
	} cases[] = {
		{ "a\nb {{{raw}}}", "text:2: there is no unescaped form and no other delimiter" },
		{ "{{&raw}}", "text:1: there is no unescaped form and no other delimiter" },
		{ "{{=<% %>=}}", "text:1: there is no unescaped form and no other delimiter" },
		{ "{{#a}}\n\n", "text:1: is not closed: a" },
		{ "{{#a}}{{#b}}{{/a}}{{/b}}", "text:1: another section is open: b" },
		{ "{{/a}}", "text:1: closes what is not open: a" },
		{ "{{a", "text:1: a tag is not closed" },
		{ "{{}}", "text:1: not a name: " },
		{ "{{a..b}}", "text:1: not a name: a..b" },
		{ "{{a b}}", "text:1: not a name: a b" },
		{ "{{a.b.c.d.e.f.g.h.i}}", "text:1: not a name: a.b.c.d.e.f.g.h.i" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct err err = { 0 };

		assert_null(rendered(*state, cases[i].template, "{}", &err));
		assert_string_equal(err.cause, cases[i].cause);
	}
}

static void
a_template_that_would_not_end_is_stopped(void **state)
{
	json_t *data = json_pack("{s:[]}", "l"), *parts = json_pack("{s:s, s:s}", "loop", "{{>loop}}", "empty", "");
	struct buf nested, out;
	struct err err = { 0 };

	buf_init(&out, *state, 100);
	assert_false(page_render_text(*state, "{{>loop}}", data, parts, &out, &err));
	assert_int_equal(err.kind, ERR_LIMIT);
	buf_clear(&out);
	for (int i = 0; i < 1100; i++)
		json_array_append_new(json_object_get(data, "l"), json_integer(i));
	assert_false(page_render_text(*state, "{{#l}}{{#l}}{{>empty}}{{/l}}{{/l}}", data, parts, &out, &err));
	assert_string_equal(err.cause, "text: more than 1000000 steps");
	buf_clear(&out);
	assert_false(page_render_text(*state, "{{#l}}longer than the page{{/l}}", data, parts, &out, &err));
	assert_int_equal(err.kind, ERR_LIMIT);
	buf_init(&nested, *state, 10000);
	for (int i = 0; i <= TEMPLATE_DEPTH_MAX; i++)
		buf_text(&nested, "{{#a}}");
	assert_false(page_render_text(*state, buf_str(&nested), data, parts, &out, &err));
	assert_string_equal(err.cause, "text:1: too many sections inside each other");
	json_decref(data);
	json_decref(parts);
}

/* ---- the pages ---- */
static struct pages *
opened(TALLOC_CTX *ctx)
{
	struct pages *pages;
	struct err err = { 0 };

	assert_ok(pages_open(ctx, NULL, &pages, &err), &err);
	return pages;
}

static json_t *
sample(const char *name)
{
	char path[200];
	json_error_t why;
	json_t *json;

	snprintf(path, sizeof path, "tests/data/pages/%s", name);
	json = json_load_file(path, JSON_REJECT_DUPLICATES, &why);
	if (!json)
		fail_msg("%s:%d: %s", path, why.line, why.text);
	return json;
}

/* For eyes and for tests/browser: $POMONA_RENDER_DIR/de/app.html */
static void
keep(TALLOC_CTX *ctx, const char *language, const char *name, const struct buf *out)
{
	const char *dir = getenv("POMONA_RENDER_DIR");
	FILE *file;

	if (!dir)
		return;
	mkdir(dir, 0777);
	if (language)
		mkdir(mem_printf(ctx, "%s/%s", dir, language), 0777);
	file = fopen(language ? mem_printf(ctx, "%s/%s/%.*s.html", dir, language, (int)strcspn(name, "."), name) :
				mem_printf(ctx, "%s/%s", dir, name), "w");
	assert_non_null(file);
	fwrite(out->p, 1, out->len, file);
	fclose(file);
}

/* The stylesheet that the sample of "settings" previews. */
static void
keep_look(TALLOC_CTX *ctx)
{
	struct err err = { 0 };
	struct look look;
	struct buf css;

	assert_ok(look_from("#c2185b", &look, &err), &err);
	buf_init(&css, ctx, 4096);
	look_css(&look, &css);
	keep(ctx, NULL, "look.css", &css);
}

/* Every sample of tests/data/pages ("app.json", "catalog-empty.json"), page_strict, each language. */
static void
every_page_renders_in_every_language_with_every_name_known(void **state)
{
	struct pages *pages = opened(*state);
	json_t *all = sample("_everywhere.json");
	struct dirent *entry;
	DIR *dir = opendir("tests/data/pages");
	int n = 0;

	assert_non_null(dir);
	page_strict = true;
	while ((entry = readdir(dir)) != NULL) {
		json_t *data, *own;
		char page[40];

		if (*entry->d_name == '.' || *entry->d_name == '_')
			continue;
		own = sample(entry->d_name);
		data = json_copy(all);
		json_object_update(data, own);
		json_decref(own);
		snprintf(page, sizeof page, "%.*s", (int)strcspn(entry->d_name, "-."), entry->d_name);
		for (size_t i = 0; page_languages[i]; i++) {
			struct err err = { 0 };
			struct buf out;

			buf_init(&out, *state, PAGE_OUTPUT_MAX);
			if (!page_render(pages, page, page_languages[i], data, &out, &err))
				fail_msg("%s in %s: %s", entry->d_name, page_languages[i], err.cause);
			assert_memory_equal(out.p, "<!doctype html>\n", 16);
			assert_null(strstr(out.p, "{{"));
			assert_null(strstr(out.p, "}}"));
			assert_null(strstr(out.p, " style="));
			keep(*state, page_languages[i], entry->d_name, &out);
			n++;
		}
		json_decref(data);
	}
	page_strict = false;
	closedir(dir);
	json_decref(all);
	keep_look(*state);
	print_message("  %d pages\n", n);
}

/* ---- replies ---- */
static void
add_company(struct req *req, json_t *data)
{
	assert_string_equal(req->path, "/login");
	json_object_set_new(data, "company", json_pack("{s:s, s:n}", "name", "Example & Co", "logo_url"));
	json_object_set_new(data, "assets", json_string("/assets/1"));
}

static json_t *
login_data(void)
{
	return json_pack("{s:s, s:s, s:s, s:n, s:b, s:n, s:b}", "name", "", "next", "/", "csrf", "c5rf", "refused",
			 "down", 0, "wait", "form", 1);
}

static void
a_program_gets_the_data_alone_and_a_browser_the_page(void **state)
{
	struct req req = { .path = "/login", .language = "de" }, *r = mem_copy(*state, &req, sizeof req);
	struct reply *reply = mem_size(*state, 1);
	struct err err = { 0 };

	the_pages = opened(*state);
	pages_everywhere(the_pages, add_company);
	page_strict = true;
	assert_ok(reply_page_status(reply, r, 422, "login", login_data(), &err), &err);
	assert_int_equal(replied_status, 422);
	assert_string_equal(replied, "{\"csrf\":\"c5rf\",\"down\":false,\"form\":true,\"name\":\"\",\"next\":\"/\","
				     "\"refused\":null,\"wait\":null}");
	r->browser = true;
	assert_ok(reply_page(reply, r, "login", login_data(), &err), &err);
	assert_true(replied_page);
	assert_int_equal(replied_status, 200);
	assert_non_null(strstr(replied, "<html lang=\"de\">"));
	assert_non_null(strstr(replied, "<title>Anmelden · Example &amp; Co</title>"));
	assert_non_null(strstr(replied, "href=\"/assets/1/pomona.css\""));
	assert_non_null(strstr(replied, "name=\"csrf\" value=\"c5rf\""));
	assert_false(reply_page(reply, r, "no-such-page", login_data(), &err));
	assert_false(reply_page(reply, r, "_head", login_data(), &err));
	page_strict = false;
}

static void
a_page_holds_exactly_the_glyphs_it_refers_to(void **state)
{
	struct pages *pages = opened(*state);
	json_t *data = sample("login.json"), *all = sample("_everywhere.json");
	struct err err = { 0 };
	struct buf out;

	json_object_update_missing(data, all);
	buf_init(&out, *state, PAGE_OUTPUT_MAX);
	assert_ok(page_render(pages, "login", "en", data, &out, &err), &err);
	assert_non_null(strstr(out.p, "<symbol id=\"g-cross\""));
	assert_non_null(strstr(out.p, "<symbol id=\"m-company\""));
	assert_null(strstr(out.p, "<symbol id=\"g-gear\""));
	json_decref(data);
	json_decref(all);
}

/* Every reference to a glyph in web/pages has its symbol; every address comes from the server. */
static void
no_page_refers_to_a_glyph_or_an_address_that_is_not_ours(void **state)
{
	static const char *const addresses[] = { "url", "assets", "href", "contact", "ci_url", "itms_url", "icon_url",
						 "download_url", "company.logo_url", "catalog_url", "preview_css",
						 "get_url", "publish_url", "promote_url", "links_url", "delete_url",
						 "revoke_url", "retry_url", "next_url", "install_url", "udids_url", "txt_url",
						 "rename_url", "remove_url", "first_url", "csv_url", "register_url", "sign_in_url",
						 "pin_url", "stop_url", "link_url", "testers_url", "installs_url", "send_url",
						 "resend_url", "take_url", "edit_url", "builds_url", "decline_url", "apps_url", "begin_url", "new_url",
						 "invite_url", "invitations_url", "refuse_url", "cancel_url", "devices_url", "build_url", "provision_url",
						 "crl_url", "pem_url", "history_url", "device.url",
						 "approve_url", "refuse_url", "cancel_url",
						 "crl_url", "pem_url", "history_url", "device.url", "home", "manifest_url",
						 "open_url", "look_url", "get_link", "update_all_url", "back_url", "answer_url", "reveal_url", NULL };
	static const char *const attributes[] = { "href=\"{{", "src=\"{{", "action=\"{{" };
	char *glyphs = mem_textn(*state, test_file(*state, "web/pages/_glyphs.html").p,
				 test_file(*state, "web/pages/_glyphs.html").len);
	DIR *dir = opendir("web/pages");
	struct dirent *entry;

	while ((entry = readdir(dir)) != NULL) {
		struct bytes file;
		char *text;

		if (*entry->d_name == '.' || strcmp(entry->d_name, "_glyphs.html") == 0)
			continue;
		file = test_file(*state, mem_printf(*state, "web/pages/%s", entry->d_name));
		text = mem_textn(*state, file.p, file.len);
		for (const char *p = text; (p = strstr(p, "<use href=\"#")) != NULL;) {
			p += strlen("<use href=\"#");
			if (!strstr(glyphs, mem_printf(*state, "id=\"%.*s\"", (int)strcspn(p, "\""), p)))
				fail_msg("%s: no glyph %.20s", entry->d_name, p);
		}
		for (size_t a = 0; a < sizeof attributes / sizeof *attributes; a++)
			for (const char *p = text; (p = strstr(p, attributes[a])) != NULL;) {
				size_t i = 0;

				p += strlen(attributes[a]);
				while (addresses[i] && (strncmp(p, addresses[i], strlen(addresses[i])) != 0 ||
							p[strlen(addresses[i])] != '}'))
					i++;
				if (!addresses[i])
					fail_msg("%s: an address from {{%.20s", entry->d_name, p);
			}
	}
	closedir(dir);
}

/* A directory that is being worked in is read at each use. */
static void
a_changed_page_is_seen_at_once_in_development(void **state)
{
	struct pages *pages;
	struct err err = { 0 };
	struct buf out;
	json_t *data = login_data();

	assert_ok(pages_open(*state, ".", &pages, &err), &err);
	buf_init(&out, *state, PAGE_OUTPUT_MAX);
	assert_ok(page_render(pages, "login", "fr", data, &out, &err), &err);
	assert_non_null(strstr(out.p, "Mot de passe"));
	assert_false(pages_open(*state, test_dir(*state), &pages, &err));
	json_decref(data);
}

TESTS(every_page_renders_in_every_language_with_every_name_known, the_engine_passes_the_mustache_specification, values_are_escaped_wherever_they_stand,
      sections_know_lists_words_and_what_is_empty, a_name_nobody_set_is_an_error_only_where_it_is_asked_for,
      what_is_not_claimed_is_refused_with_its_line, a_template_that_would_not_end_is_stopped,
      a_program_gets_the_data_alone_and_a_browser_the_page, a_page_holds_exactly_the_glyphs_it_refers_to,
      no_page_refers_to_a_glyph_or_an_address_that_is_not_ours, a_changed_page_is_seen_at_once_in_development)
