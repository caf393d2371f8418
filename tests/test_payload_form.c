/*
 * Payloads as pages show them and forms bring them back: what a browser would send of the page, untouched, is the
 * payload that was there.
 */
#include <stdlib.h>
#include <time.h>
#include "tests/check_authority.h"
#include "tests/check_payload.h"
#include "core/buf.h"
#include "core/json.h"
#include "core/num.h"
#include "core/seal.h"
#include "core/x509.h"
#include "mdm/mobileconfig_form.h"
#include "web/page.h"
#include "web/payload_inner.h"
#include "web/request.h"
#include "web/site.h"

struct browser {
	struct site *site;
	struct person *person;	/* who sits before it; NULL: nobody */
	json_t *parts;
	const char *page;
};

/* The part with its parts; words are their keys. */
static const char *
part_text(TALLOC_CTX *ctx, const char *name)
{
	struct bytes file = test_file(ctx, mem_printf(ctx, "web/pages/_%s.html", name));
	char *text = mem_textn(ctx, file.p, file.len), *at;

	while ((at = strstr(text, "{{word:"))) {
		memmove(at, at + 7, strlen(at + 7) + 1);
		at = strstr(at, "}}");
		memmove(at, at + 2, strlen(at + 2) + 1);
	}
	return text;
}

static struct browser
browser(TALLOC_CTX *ctx)
{
	struct browser b = { .site = mem_new(ctx, struct site), .page = part_text(ctx, "payload-form") };
	struct err err;

	assert_ok(pages_open(ctx, NULL, &b.site->pages, &err), &err);
	b.parts = json_pack("{s:s, s:s}", "payload-facts", part_text(ctx, "payload-facts"), "payload-kept", part_text(ctx, "payload-kept"));
	page_strict = true;
	return b;
}

static struct req *
req_of(TALLOC_CTX *ctx, struct browser *b)
{
	struct req *req = mem_new(ctx, struct req);

	req->site = b->site;
	req->language = "en";
	req->person = b->person;
	req->server = mem_new(req, struct server_req);
	return req;
}

/* ---- what a browser makes of a page ---- */

static char *
unescape(TALLOC_CTX *ctx, const char *from, size_t len)
{
	static const char *const marks[][2] = { { "&amp;", "&" }, { "&lt;", "<" }, { "&gt;", ">" }, { "&quot;", "\"" }, { "&#39;", "'" } };
	char *text = mem_textn(ctx, from, len), *to = text;

	for (char *p = text; *p;) {
		size_t i = 0;

		while (i < 5 && strncmp(p, marks[i][0], strlen(marks[i][0])) != 0)
			i++;
		*to++ = i < 5 ? *marks[i][1] : *p;
		p += i < 5 ? strlen(marks[i][0]) : 1;
	}
	*to = '\0';
	return text;
}

static char *
attribute(TALLOC_CTX *ctx, const char *tag, const char *name)
{
	const char *end = strchr(tag, '>'), *at = strstr(tag, mem_printf(ctx, " %s=\"", name));

	if (!at || at > end)
		return NULL;
	at += strlen(name) + 3;
	return unescape(ctx, at, strcspn(at, "\""));
}

static bool
has_flag(TALLOC_CTX *ctx, const char *tag, const char *flag)
{
	const char *at = strstr(tag, mem_printf(ctx, " %s", flag));

	return at && at < strchr(tag, '>');
}

static void
send(struct req *req, const char *name, const char *value)
{
	struct fields *form = &req->server->form;

	form->items = mem_grow(req, form->items, struct field, form->n + 1);
	form->items[form->n++] = (struct field){ name, value };
}

static void
send_select(struct req *req, const char *tag)
{
	const char *end = strstr(tag, "</select>"), *first = NULL, *chosen = NULL;

	for (const char *at = tag; (at = strstr(at, "<option ")) && at < end; at++) {
		first = first ? first : attribute(req, at, "value");
		if (has_flag(req, at, "selected"))
			chosen = attribute(req, at, "value");
	}
	send(req, attribute(req, tag, "name"), chosen ? chosen : first);
}

static void
send_input(struct req *req, const char *tag)
{
	const char *type = attribute(req, tag, "type"), *value = attribute(req, tag, "value");

	if (type && strcmp(type, "file") == 0)
		return;
	if (!type || strcmp(type, "checkbox") != 0 || has_flag(req, tag, "checked"))
		send(req, attribute(req, tag, "name"), value ? value : "");
}

static void
send_page(struct req *req, const char *html)
{
	for (const char *at = html; (at = strchr(at, '<')); at++) {
		if (strncmp(at, "<input ", 7) == 0)
			send_input(req, at);
		else if (strncmp(at, "<select ", 8) == 0)
			send_select(req, at);
		else if (strncmp(at, "<textarea ", 10) == 0) {
			const char *from = strchr(at, '>') + 1;

			from += *from == '\n';	/* the first line's end is none of its text */
			send(req, attribute(req, at, "name"), unescape(req, from, (size_t)(strstr(from, "</textarea>") - from)));
		}
	}
}

static char *
shown_at(TALLOC_CTX *ctx, struct browser *b, const json_t *form, const json_t *payload, const char *focus)
{
	struct req *req = req_of(ctx, b);
	struct err err;
	struct buf out;
	json_t *part;

	assert_ok(payload_form_part(req, form, payload, focus, &part, &err), &err);
	buf_init(&out, ctx, PAGE_OUTPUT_MAX);
	assert_ok(page_render_text(ctx, b->page, part, b->parts, &out, &err), &err);
	json_decref(part);
	assert_ok(buf_ok(&out, &err), &err);
	return mem_text(ctx, buf_str(&out));
}

static char *
shown(TALLOC_CTX *ctx, struct browser *b, const json_t *form, const json_t *payload)
{
	return shown_at(ctx, b, form, payload, NULL);
}

/* A form of one payload alone, as a browser has it open. */
struct open_page {
	struct browser *b;
	json_t *form, *payload, *draft;		/* draft NULL: as it was; payload NULL: a new one */
	struct req *req;			/* its fields, to be changed */
	char *html;
};

static void
open_page(TALLOC_CTX *ctx, struct open_page *p, const char *focus)
{
	p->html = shown_at(ctx, p->b, p->form, p->draft ? p->draft : p->payload, focus);
	p->req = req_of(ctx, p->b);
	send_page(p->req, p->html);
}

/* Types into a field that the page has. */
static void
type_in(struct open_page *p, const char *name, const char *value)
{
	struct fields *form = &p->req->server->form;

	for (size_t i = 0; i < form->n; i++)
		if (strcmp(form->items[i].name, name) == 0) {
			form->items[i].value = value;
			return;
		}
	fail_msg("the page has no field %s", name);
}

/* A button of the page, which keeps nothing. */
static void
press(TALLOC_CTX *ctx, struct open_page *p, const char *act)
{
	const char *focus;
	json_t *draft;
	struct err err;

	send(p->req, "payload~do", act);
	assert_int_equal(payload_form_acts(p->req, "payload"), *act != 0);
	assert_ok(payload_form_draft(p->req, "payload", p->payload, &draft, &focus, &err), &err);
	json_decref(p->draft);
	p->draft = draft;
	open_page(ctx, p, focus);
}

static json_t *
saved(struct open_page *p)
{
	json_t *read, *alone, *whole, *ret;
	struct err err;

	assert_ok(payload_form_read(p->req, "payload", p->payload, &read, &err), &err);
	json_decref(p->draft);
	alone = json_pack("{s:[o]}", "payloads", read);
	assert_ok(mobileconfig_form_kept(alone, p->form, &whole, &err), &err);
	ret = json_incref(json_object_get(json_array_get(json_object_get(whole, "payloads"), 0), "keys"));
	json_decref(whole);
	json_decref(alone);
	return ret;
}

/* Sent back as it came, with what `change` does to the fields; the secrets are put in again. */
static json_t *
sent_back(TALLOC_CTX *ctx, struct browser *b, const json_t *form, const json_t *payload, const struct field *changes)
{
	struct req *req = req_of(ctx, b);
	json_t *masked = mobileconfig_form_masked(form), *read, *alone, *whole, *ret;
	struct err err;
	size_t at = 0;

	while (strcmp(json_string_value(json_object_get(json_array_get(json_object_get(form, "payloads"), at), "id")),
		      json_string_value(json_object_get(payload, "id"))) != 0)
		at++;
	payload = json_array_get(json_object_get(masked, "payloads"), at);
	send_page(req, shown(ctx, b, masked, payload));
	for (; changes && changes->name; changes++)
		for (size_t i = 0; i <= req->server->form.n; i++) {
			if (i == req->server->form.n) {
				send(req, changes->name, changes->value);
				break;
			}
			if (strcmp(req->server->form.items[i].name, changes->name) == 0) {
				req->server->form.items[i].value = changes->value;
				break;
			}
		}
	assert_ok(payload_form_read(req, "payload", payload, &read, &err), &err);
	alone = json_pack("{s:[o]}", "payloads", read);
	assert_ok(mobileconfig_form_kept(alone, form, &whole, &err), &err);
	ret = json_incref(json_array_get(json_object_get(whole, "payloads"), 0));
	json_decref(whole);
	json_decref(alone);
	json_decref(masked);
	return ret;
}

/* A form has nothing for what is there and empty. */
static json_t *
without_empty(const json_t *v)
{
	json_t *made, *item, *inner;
	const char *key;
	size_t i;

	if (!json_is_object(v) && !json_is_array(v))
		return json_incref((json_t *)v);
	made = json_is_object(v) ? json_object() : json_array();
	json_object_foreach((json_t *)v, key, item) {
		inner = without_empty(item);
		if (!(json_is_object(inner) || json_is_array(inner)) || json_object_size(inner) + json_array_size(inner) > 0)
			json_object_set(made, key, inner);
		json_decref(inner);
	}
	json_array_foreach(v, i, item) {
		inner = without_empty(item);
		if (!json_is_object(inner) || json_object_size(inner) > 0)
			json_array_append(made, inner);
		json_decref(inner);
	}
	return made;
}

static void
assert_same(const json_t *was, const json_t *is, const char *what)
{
	json_t *a = without_empty(was), *b = without_empty(is);

	if (!json_equal(a, b)) {
		char *one = json_dumps(a, JSON_SORT_KEYS), *two = json_dumps(b, JSON_SORT_KEYS);

		print_message("%s\nbecame %s\n", one, two);
		free(one);
		free(two);
		fail_msg("%s is not what it was", what);
	}
	json_decref(a);
	json_decref(b);
}

static void
every_payload_type_comes_back_from_its_page_as_it_was(void **state)
{
	struct browser b = browser(*state);

	for (const struct apple_fact *f = payload_facts(); f; f = f->next) {
		void *ctx SCOPED(mem) = mem_must(talloc_new(*state));
		json_t *form = test_payload_form(ctx, f, NULL), *payload = json_array_get(json_object_get(form, "payloads"), 2), *back;

		assert_null(strstr(shown(ctx, &b, form, payload), "~json\""));
		back = sent_back(ctx, &b, form, payload, NULL);
		assert_same(payload, back, f->name);
		json_decref(back);
		json_decref(form);
	}
	json_decref(b.parts);
}

/* ---- from an empty page to every key, by its buttons and fields alone ---- */

static void enter(TALLOC_CTX *ctx, struct open_page *p, const struct apple_fact *fact, const char *name, const json_t *v);

static const char *
text_for(TALLOC_CTX *ctx, const json_t *v)
{
	static const char *const marks[] = { "$date", "$payload" };

	for (size_t i = 0; i < 2; i++)
		if (json_object_get(v, marks[i]))
			return json_string_value(json_object_get(v, marks[i]));
	if (json_is_boolean(v))
		return json_is_true(v) ? "yes" : "no";
	if (json_is_integer(v))
		return mem_printf(ctx, "%lld", (long long)json_integer_value(v));
	return json_is_real(v) ? mem_printf(ctx, "%g", json_real_value(v)) : json_string_value(v);
}

/* A file is chosen; its field is on the page, and sends nothing until then. */
static void
choose_file(TALLOC_CTX *ctx, struct open_page *p, const char *name, const json_t *v)
{
	const char *text = json_string_value(json_object_get(v, "$data"));
	struct form_file *file = mem_new(p->req, struct form_file);

	assert_non_null(strstr(p->html, mem_printf(ctx, "name=\"%s\" type=\"file\"", name)));
	file->field = name;
	assert_true(num_unbase64(file, text, strlen(text), &file->bytes));
	file->next = p->req->server->files;
	p->req->server->files = file;
}

/* Every item is on the page before anything is typed: what a browser shows again it has, but not yet what was chosen. */
static void
make_room(TALLOC_CTX *ctx, struct open_page *p, const struct apple_fact *fact, const char *name, const json_t *v)
{
	enum payload_kind kind = payload_kind(fact);
	const char *key, *of;
	size_t i = 0, n = kind == KIND_LIST ? json_array_size(v) : kind == KIND_FREE ? json_object_size(v) : 0;
	json_t *item;

	if (kind == KIND_GROUP)
		for (const struct apple_fact *f = fact->under; f; f = f->next) {
			json_t *rest = payload_is_rest(f) ? payload_rest(fact, v) : NULL;

			make_room(ctx, p, rest ? payload_any("dictionary") : f, payload_field(ctx, name, f->name),
				  rest ? rest : json_object_get(v, f->name));
			json_decref(rest);
		}
	if (kind == KIND_ANY)
		make_room(ctx, p, payload_any(payload_any_of(fact, v)), name, v);
	for (; i < n; i++) {
		const char *inner = payload_field(ctx, name, mem_printf(ctx, "%zu", i));
		const struct apple_fact *one = fact->under;

		item = json_array_get(v, i);
		if (kind == KIND_FREE) {
			void *at = json_object_iter((json_t *)v);

			for (size_t k = 0; k < i; k++)
				at = json_object_iter_next((json_t *)v, at);
			key = json_object_iter_key(at);
			item = json_object_get(v, key);
		}
		if (!strstr(p->html, mem_printf(ctx, "name=\"%s~item\"", inner))) {
			of = one->type == APPLE_ANY ? payload_any_of(one, item) : NULL;
			if (of)
				type_in(p, mem_printf(ctx, "%s~new", name), strcmp(of, "real") == 0 ? "number" : of);
			assert_non_null(strstr(p->html, mem_printf(ctx, "value=\"add %s\"", name)));
			press(ctx, p, mem_printf(ctx, "add %s", name));
			if (!strstr(p->html, mem_printf(ctx, "name=\"%s~item\"", inner)))
				fail_msg("no item %s was added", inner);
		}
		make_room(ctx, p, one, inner, item);
	}
}

static void
enter_items(TALLOC_CTX *ctx, struct open_page *p, const struct apple_fact *fact, const char *name, const json_t *v)
{
	const char *key, *inner;
	json_t *item;
	size_t i;

	json_array_foreach(v, i, item)
		enter(ctx, p, fact->under, payload_field(ctx, name, mem_printf(ctx, "%zu", i)), item);
	i = 0;
	json_object_foreach((json_t *)v, key, item) {
		inner = payload_field(ctx, name, mem_printf(ctx, "%zu", i++));
		type_in(p, payload_mark(ctx, inner, "key"), key);
		enter(ctx, p, fact->under, inner, item);
	}
}

static void
enter_lines(TALLOC_CTX *ctx, struct open_page *p, const char *name, const json_t *v)
{
	const char *text = json_is_string(v) ? json_string_value(v) : "";
	const json_t *line, *pair;
	size_t i;

	json_array_foreach(v, i, line) {
		pair = json_array_get(line, 0);	/* of a subject */
		text = pair ? mem_printf(ctx, "%s%s=%s\r\n", text, json_string_value(json_array_get(pair, 0)),
					 json_string_value(json_array_get(pair, 1)))
			    : mem_printf(ctx, "%s%s\r\n", text, text_for(ctx, line));
	}
	type_in(p, name, text);
}

static void
enter_words(TALLOC_CTX *ctx, struct open_page *p, const char *name, const json_t *v)
{
	const json_t *one;
	size_t i;

	json_array_foreach(v, i, one) {
		assert_non_null(strstr(p->html, mem_printf(ctx, "type=\"checkbox\" name=\"%s\" value=\"%s\"", name, text_for(ctx, one))));
		send(p->req, name, text_for(ctx, one));
	}
}

static void
enter(TALLOC_CTX *ctx, struct open_page *p, const struct apple_fact *fact, const char *name, const json_t *v)
{
	switch (payload_kind(fact)) {
	case KIND_GROUP:
		for (const struct apple_fact *f = fact->under; f; f = f->next)
			if (payload_is_rest(f))
				enter_items(ctx, p, payload_any("dictionary"), payload_field(ctx, name, f->name),
					    json_hold(ctx, payload_rest(fact, v)));
			else if (json_object_get(v, f->name))
				enter(ctx, p, f, payload_field(ctx, name, f->name), json_object_get(v, f->name));
		break;
	case KIND_ANY:		enter(ctx, p, payload_any(payload_any_of(fact, v)), name, v); break;
	case KIND_LIST:
	case KIND_FREE:		enter_items(ctx, p, fact, name, v); break;
	case KIND_DATA:		choose_file(ctx, p, name, v); break;
	case KIND_LINES:
	case KIND_SUBJECT:	enter_lines(ctx, p, name, v); break;
	case KIND_WORDS:	enter_words(ctx, p, name, v); break;
	case KIND_JSON:		fail_msg("%s is edited as JSON", name); break;
	default:		type_in(p, name, text_for(ctx, v));
	}
}

/* The whole table: no key of any type, however deep, is without a field. */
static void
every_key_of_every_payload_type_is_made_from_an_empty_page_by_its_fields_alone(void **state)
{
	struct browser b = browser(*state);
	size_t types = 0;

	for (const struct apple_fact *f = payload_facts(); f; f = f->next) {
		void *ctx SCOPED(mem) = mem_must(talloc_new(*state));
		json_t *form = test_payload_form(ctx, f, NULL), *keys, *back;
		json_t *wanted = json_incref(json_object_get(json_array_get(json_object_get(form, "payloads"), 2), "keys"));
		struct open_page p = { .b = &b, .form = form };

		keys = json_object();
		p.payload = json_pack("{s:s, s:s, s:o}", "id", "it", "type", f->name, "keys", keys);
		p.draft = json_copy(p.payload);
		json_object_set_new(p.draft, DRAFT_VARIANT, json_integer(payload_form_variant(f)));
		open_page(ctx, &p, NULL);
		make_room(ctx, &p, f, "payload", wanted);
		enter(ctx, &p, f, "payload", wanted);
		assert_null(strstr(p.html, "~json\""));
		back = saved(&p);
		assert_same(wanted, back, f->name);
		types++;
		json_decref(back);
		json_decref(wanted);
		json_decref(p.payload);
		json_decref(form);
	}
	assert_true(types >= 47);
	json_decref(b.parts);
}

static void
so_does_any_payload_at_random(void **state)
{
	const char *given = getenv("POMONA_SEED"), *whole = getenv("POMONA_WHOLE");
	unsigned seed = given ? (unsigned)strtoul(given, NULL, 10) : (unsigned)time(NULL), n = whole && *whole ? 500 : given ? 1 : 20;
	struct browser b = browser(*state);

	print_message("  %u forms from POMONA_SEED=%u on\n", n, seed);
	for (unsigned i = 0; i < n; i++) {
		void *ctx SCOPED(mem) = mem_must(talloc_new(*state));
		unsigned dice = seed + i;
		json_t *form = test_form_at_random(ctx, &dice), *payload, *back;
		size_t at;

		json_array_foreach(json_object_get(form, "payloads"), at, payload) {
			back = sent_back(ctx, &b, form, payload, NULL);
			assert_same(payload, back, mem_printf(ctx, "seed %u: payload %zu", seed + i, at));
			json_decref(back);
		}
		json_decref(form);
	}
	json_decref(b.parts);
}

static json_t *
form_of(const char *keys, const char *type, const char *more)
{
	json_t *inner = json_loads(keys, 0, NULL);

	assert_non_null(inner);
	return json_pack("{s:s, s:[{s:s, s:s, s:b, s:o}]}", "name", "a", "payloads", "id", "it", "type", type, "foreign", more != NULL, "keys", inner);
}

static void
a_secret_is_never_in_the_page_and_stays_unless_it_is_replaced_or_taken_out(void **state)
{
	static const struct field replaced[] = { { "payload/Password", "new" }, { NULL, NULL } };
	static const struct field taken[] = { { "payload/Password~clear", "yes" }, { NULL, NULL } };
	json_t *form = form_of("{\"SSID_STR\":\"a\",\"Password\":\"sesame\"}", "com.apple.wifi.managed", NULL);
	json_t *payload = json_array_get(json_object_get(form, "payloads"), 0), *back, *masked;
	struct browser b = browser(*state);
	const char *html;

	assert_null(strstr(shown(*state, &b, form, payload), "sesame"));
	back = sent_back(*state, &b, form, payload, NULL);
	assert_string_equal(json_string_value(json_object_get(json_object_get(back, "keys"), "Password")), "sesame");
	json_decref(back);
	back = sent_back(*state, &b, form, payload, replaced);
	assert_string_equal(json_string_value(json_object_get(json_object_get(back, "keys"), "Password")), "new");
	json_decref(back);
	back = sent_back(*state, &b, form, payload, taken);
	assert_null(json_object_get(json_object_get(back, "keys"), "Password"));
	json_decref(back);
	json_decref(form);

	/* Nor in the JSON of one that was made elsewhere. */
	form = form_of("{\"deep\":[{\"apiToken\":\"sesame\",\"colour\":\"red\"}]}", "com.example.custom", "foreign");
	payload = json_array_get(json_object_get(form, "payloads"), 0);
	masked = mobileconfig_form_masked(form);
	html = shown(*state, &b, masked, json_array_get(json_object_get(masked, "payloads"), 0));
	assert_null(strstr(html, "sesame"));
	assert_non_null(strstr(html, "red"));
	json_decref(masked);
	back = sent_back(*state, &b, form, payload, NULL);
	assert_true(json_equal(back, payload));
	json_decref(back);
	json_decref(form);
	json_decref(b.parts);
}

static json_t *
first_of(json_t *form)
{
	return json_array_get(json_object_get(form, "payloads"), 0);
}

/* One payload of this type, open in a browser. */
static struct open_page
opened(TALLOC_CTX *ctx, struct browser *b, json_t *form, json_t *masked)
{
	struct open_page p = { .b = b, .form = form, .payload = first_of(masked) };

	open_page(ctx, &p, NULL);
	return p;
}

static void
assert_becomes(struct open_page *p, const char *text)
{
	json_t *wanted = json_loads(text, 0, NULL), *is;

	assert_non_null(wanted);
	is = saved(p);
	assert_same(wanted, is, text);
	json_decref(is);
	json_decref(wanted);
}

static void
items_are_added_and_taken_away_without_their_neighbours_losing_a_secret(void **state)
{
	json_t *form = form_of("{\"Passwords\":[{\"DeviceName\":\"first\",\"Password\":\"s1\"},{\"DeviceName\":\"second\",\"Password\":\"s2\"}]}",
			       "com.apple.airplay", NULL), *masked = mobileconfig_form_masked(form);
	struct browser b = browser(*state);
	struct open_page p = opened(*state, &b, form, masked);

	type_in(&p, "payload/Passwords/1/DeviceName", "another");
	press(*state, &p, "add payload/Passwords");
	assert_non_null(strstr(p.html, "autofocus name=\"payload/Passwords/2/DeviceName\""));
	type_in(&p, "payload/Passwords/2/DeviceName", "third");
	type_in(&p, "payload/Passwords/2/Password", "s3");
	send(p.req, "payload/Passwords/0~remove", "yes");
	assert_becomes(&p, "{\"Passwords\":[{\"DeviceName\":\"another\",\"Password\":\"s2\"},{\"DeviceName\":\"third\",\"Password\":\"s3\"}]}");
	json_decref(masked);
	json_decref(form);
	json_decref(b.parts);
}

/* A page of icons, and a folder with pages of its own: lists in lists. */
#define ICON(id) "{\"Type\":\"App\",\"BundleID\":\"com.example." id "\"}"

static void
pages_of_the_home_screen_are_fields_and_what_is_in_them_moves(void **state)
{
	json_t *form = form_of("{\"Pages\":[[" ICON("a") "," ICON("b") "],[" ICON("c") "]]}", "com.apple.homescreenlayout", NULL);
	struct browser b = browser(*state);
	struct open_page p = opened(*state, &b, form, form);

	assert_null(strstr(p.html, "~json\""));
	press(*state, &p, "up payload/Pages/0/1");
	press(*state, &p, "up payload/Pages/1");
	/* into the page that is first now: a folder with one page and one icon */
	press(*state, &p, "add payload/Pages/0");
	type_in(&p, "payload/Pages/0/1/Type", "Folder");
	type_in(&p, "payload/Pages/0/1/DisplayName", "More");
	press(*state, &p, "add payload/Pages/0/1/Pages");
	press(*state, &p, "add payload/Pages/0/1/Pages/0");
	type_in(&p, "payload/Pages/0/1/Pages/0/0/Type", "App");
	type_in(&p, "payload/Pages/0/1/Pages/0/0/BundleID", "com.example.d");
	assert_becomes(&p, "{\"Pages\":[[" ICON("c") ",{\"Type\":\"Folder\",\"DisplayName\":\"More\",\"Pages\":[[" ICON("d") "]]}],["
		       ICON("b") "," ICON("a") "]]}");
	json_decref(form);
	json_decref(b.parts);
}

static void
what_the_fields_of_a_list_cannot_show_has_a_field_for_each_item(void **state)
{
	static const struct { const char *type, *keys; } rows[] = {
		/* two parts in one step of a name; a blank at the edge of a line; boxes in another order */
		{ "com.apple.security.scep", "{\"PayloadContent\":{\"URL\":\"https://apps.example.com/scep\",\"Subject\":[[[\"O\",\"Example\"]],"
		  "[[\"CN\",\"a\"],[\"UID\",\"b\"]]]}}" },
		{ "com.apple.SetupAssistant.managed", "{\"SkipSetupItems\":[\" Location\",\"Siri\"]}" },
		{ "com.apple.wifi.managed", "{\"EAPClientConfiguration\":{\"AcceptEAPTypes\":[25,13]}}" },
		{ "com.apple.security.scep", "{\"PayloadContent\":{\"SubjectAltName\":{\"dNSName\":[\"one.example.com\"]}}}" },
		{ "com.apple.security.scep", "{\"PayloadContent\":{\"SubjectAltName\":{\"dNSName\":\"one.example.com\"}}}" },
		{ "com.apple.shareddeviceconfiguration", "{\"LockScreenFootnote\":\"Two\\nlines\"}" },
		{ "com.apple.webcontent-filter", "{\"VendorConfig\":{\"a\":[[1,[2.0,{\"b\":\"\"}]],{\"c\":true}],\"e\":1e300,\"token\":\"t\"}}" },
	};
	struct browser b = browser(*state);

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		json_t *form = form_of(rows[i].keys, rows[i].type, NULL), *back;

		assert_null(strstr(shown(*state, &b, form, first_of(form)), "~json\""));
		back = sent_back(*state, &b, form, first_of(form), NULL);
		if (!json_equal(back, first_of(form)))
			fail_msg("row %zu is not what it was", i);
		json_decref(back);
		json_decref(form);
	}
	json_decref(b.parts);
}

static void
what_passes_the_limits_of_a_page_is_json_and_comes_back(void **state)
{
	struct browser b = browser(*state);
	json_t *many = json_array(), *deep = json_integer(1), *form, *back;

	for (int i = 0; i <= PAYLOAD_ITEMS_MAX; i++)
		json_array_append_new(many, json_pack("{s:s}", "DeviceName", "x"));
	form = json_pack("{s:s, s:[{s:s, s:s, s:{s:o}}]}", "name", "a", "payloads", "id", "it", "type", "com.apple.airplay", "keys", "Passwords", many);
	assert_non_null(strstr(shown(*state, &b, form, first_of(form)), "name=\"payload/Passwords~json\""));
	back = sent_back(*state, &b, form, first_of(form), NULL);
	assert_true(json_equal(back, first_of(form)));
	json_decref(back);
	json_decref(form);
	for (int i = 0; i < PAYLOAD_DEPTH_MAX + 1; i++)
		deep = json_pack("[o]", deep);
	form = json_pack("{s:s, s:[{s:s, s:s, s:{s:{s:o}}}]}", "name", "a", "payloads", "id", "it", "type", "com.apple.webcontent-filter", "keys",
			 "VendorConfig", "a", deep);
	back = sent_back(*state, &b, form, first_of(form), NULL);
	assert_true(json_equal(back, first_of(form)));
	json_decref(back);
	json_decref(form);
	json_decref(b.parts);
}

static void
a_list_offers_one_more_as_long_as_a_page_has_room_for_it(void **state)
{
	struct browser b = browser(*state);
	bool offered = true;

	for (int n = 100; n <= 125; n++) {
		json_t *items = json_array(), *form;
		const char *html;

		for (int i = 0; i < n; i++)
			json_array_append_new(items, json_pack("{s:s}", "BundleIdentifier", "com.example.app"));
		form = json_pack("{s:s, s:[{s:s, s:s, s:{s:o}}]}", "name", "a", "payloads", "id", "it", "type", "com.apple.notificationsettings",
				 "keys", "NotificationSettings", items);
		html = shown(*state, &b, form, first_of(form));
		if (offered && strstr(html, "~json\""))
			fail_msg("one more than %d is JSON, and was offered", n - 1);
		offered = strstr(html, "add payload/NotificationSettings\"");
		json_decref(form);
	}
	assert_false(offered);
	json_decref(b.parts);
}

static void
what_was_typed_as_a_secret_goes_along_sealed_for_who_typed_it_and_for_nobody_else(void **state)
{
	json_t *form = form_of("{}", "com.apple.airplay", NULL), *seen;
	struct browser b = browser(*state);
	struct person anna = { .id = "p1" }, mia = { .id = "p2" };
	struct open_page p;
	struct err err;

	assert_ok(sealer_new(*state, (struct bytes){ "0123456789abcdef0123456789abcdef", 32 }, &b.site->sealer, &err), &err);
	b.person = &anna;
	p = opened(*state, &b, form, form);
	press(*state, &p, "add payload/Passwords");
	type_in(&p, "payload/Passwords/0/DeviceName", "first");
	type_in(&p, "payload/Passwords/0/Password", "sesame");
	press(*state, &p, "add payload/Passwords");
	assert_null(strstr(p.html, "sesame"));
	assert_null(strstr(p.html, "payload_again"));
	/* on another's page it is nothing, and said to be lost */
	p.req->person = &mia;
	assert_false(payload_form_read(p.req, "payload", p.payload, &seen, &err));
	assert_string_equal(err.code, "bad_mobileconfig");
	p.req->person = &anna;
	assert_becomes(&p, "{\"Passwords\":[{\"DeviceName\":\"first\",\"Password\":\"sesame\"}]}");
	json_decref(form);
	json_decref(b.parts);
}

/* A page that lies about, and the session of who typed into it. */
static void
what_is_sealed_opens_in_no_field_that_is_shown_and_not_for_ever(void **state)
{
	json_t *form = form_of("{}", "com.apple.wifi.managed", NULL), *clip = form_of("{}", "com.apple.webClip.managed", NULL), *none;
	json_t *free = form_of("{}", "com.apple.webcontent-filter", NULL);
	struct browser b = browser(*state);
	struct person anna = { .id = "p1" };
	struct open_page p, q;
	char *sealed, *at;
	struct err err;

	assert_ok(sealer_new(*state, (struct bytes){ "0123456789abcdef0123456789abcdef", 32 }, &b.site->sealer, &err), &err);
	b.person = &anna;
	p = opened(*state, &b, form, form);
	type_in(&p, "payload/SSID_STR", "office");
	type_in(&p, "payload/Password", "sesame");
	press(*state, &p, "");
	at = strstr(p.html, "name=\"payload/Password~typed\"");
	assert_non_null(at);
	sealed = attribute(*state, at - 7, "value");
	assert_null(strstr(p.html, "sesame"));
	/* in a file that is no secret */
	q = opened(*state, &b, clip, clip);
	send(q.req, "payload/Icon~typed", sealed);
	assert_false(payload_form_read(q.req, "payload", q.payload, &none, &err));
	press(*state, &q, "");
	assert_null(strstr(q.html, "sesame"));
	json_decref(q.draft);
	/* under a key whose name is chosen, which is said to be a secret and is none */
	q = opened(*state, &b, free, free);
	press(*state, &q, "add payload/VendorConfig");
	type_in(&q, "payload/VendorConfig/0~key", "colour");
	type_in(&q, "payload/VendorConfig/0~of", "secret");
	send(q.req, "payload/VendorConfig/0~typed", sealed);
	assert_false(payload_form_read(q.req, "payload", q.payload, &none, &err));
	press(*state, &q, "");
	assert_null(strstr(q.html, "sesame"));
	json_decref(q.draft);
	/* a day later it is asked for again */
	test_clock(*state, clock_now() + DAY_S);
	assert_false(payload_form_read(p.req, "payload", p.payload, &none, &err));
	assert_non_null(strstr(err.cause, "payload/Password"));
	press(*state, &p, "");
	assert_non_null(strstr(p.html, "payload_again"));
	clock_follow("");
	json_decref(p.draft);
	json_decref(free);
	json_decref(clip);
	json_decref(form);
	json_decref(b.parts);
}

static void
what_was_typed_under_a_key_that_sounds_secret_never_comes_back_in_clear(void **state)
{
	static const struct { const char *key, *of, *value, *becomes; bool shown; } rows[] = {
		{ "Password", "text", "sesame", "{\"VendorConfig\":{\"Password\":\"sesame\"}}", false },
		{ "apiToken", "number", "731294", "{\"VendorConfig\":{\"apiToken\":731294}}", false },
		{ "clientSecret", "data", "c2VzYW1l", "{\"VendorConfig\":{\"clientSecret\":{\"$data\":\"c2VzYW1l\"}}}", false },
		{ "colour", "text", "sesame", "{\"VendorConfig\":{\"colour\":\"sesame\"}}", true },
		{ "colour", "data", "c2VzYW1l", "{\"VendorConfig\":{\"colour\":{\"$data\":\"c2VzYW1l\"}}}", true },
	};
	struct person anna = { .id = "p1" };
	struct err err;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct browser b = browser(*state);
		json_t *form = form_of("{}", "com.apple.webcontent-filter", NULL), *file = json_pack("{s:s}", "$data", rows[i].value);
		struct open_page p;

		assert_ok(sealer_new(*state, (struct bytes){ "0123456789abcdef0123456789abcdef", 32 }, &b.site->sealer, &err), &err);
		b.person = &anna;
		p = opened(*state, &b, form, form);
		type_in(&p, "payload/VendorConfig~new", rows[i].of);
		press(*state, &p, "add payload/VendorConfig");
		type_in(&p, "payload/VendorConfig/0~key", rows[i].key);
		if (strcmp(rows[i].of, "data") == 0)
			choose_file(*state, &p, "payload/VendorConfig/0", file);
		else
			type_in(&p, "payload/VendorConfig/0", rows[i].value);
		for (int twice = 0; twice < 2; twice++) {
			press(*state, &p, "");
			if (!strstr(p.html, rows[i].value) == rows[i].shown)
				fail_msg("%s as %s is %sshown", rows[i].key, rows[i].of, rows[i].shown ? "not " : "");
			assert_null(strstr(p.html, "payload_again"));
		}
		assert_becomes(&p, rows[i].becomes);
		json_decref(file);
		json_decref(form);
		json_decref(b.parts);
	}
}

/* In a dictionary and a list, whatever the keys in it are called. */
static void
all_that_stands_below_such_a_key_is_hidden_too(void **state)
{
	json_t *form = form_of("{}", "com.apple.webcontent-filter", NULL);
	struct browser b = browser(*state);
	struct person anna = { .id = "p1" };
	struct open_page p;
	struct err err;

	assert_ok(sealer_new(*state, (struct bytes){ "0123456789abcdef0123456789abcdef", 32 }, &b.site->sealer, &err), &err);
	b.person = &anna;
	p = opened(*state, &b, form, form);
	type_in(&p, "payload/VendorConfig~new", "dictionary");
	press(*state, &p, "add payload/VendorConfig");
	type_in(&p, "payload/VendorConfig/0~key", "credentials");
	press(*state, &p, "add payload/VendorConfig/0");
	type_in(&p, "payload/VendorConfig/0/0~key", "colour");
	type_in(&p, "payload/VendorConfig/0/0", "sesame");
	type_in(&p, "payload/VendorConfig/0~new", "list");
	press(*state, &p, "add payload/VendorConfig/0");
	type_in(&p, "payload/VendorConfig/0/1~key", "more");
	press(*state, &p, "add payload/VendorConfig/0/1");
	type_in(&p, "payload/VendorConfig/0/1/0", "sesame");
	press(*state, &p, "add payload/VendorConfig/0/1");
	type_in(&p, "payload/VendorConfig/0/1/1", "open");
	assert_null(strstr(p.html, "sesame"));
	assert_becomes(&p, "{\"VendorConfig\":{\"credentials\":{\"colour\":\"sesame\",\"more\":[\"sesame\",\"open\"]}}}");
	json_decref(form);
	json_decref(b.parts);
}

static void
a_file_that_was_chosen_goes_along_too(void **state)
{
	json_t *form = form_of("{}", "com.apple.webClip.managed", NULL), *file = json_pack("{s:s}", "$data", "MAMCAQE=");
	struct browser b = browser(*state);
	struct open_page p = opened(*state, &b, form, form);

	choose_file(*state, &p, "payload/Icon", file);
	type_in(&p, "payload/Label", "House");
	press(*state, &p, "add nothing");
	assert_becomes(&p, "{\"Icon\":{\"$data\":\"MAMCAQE=\"},\"Label\":\"House\"}");
	json_decref(file);
	json_decref(form);
	json_decref(b.parts);
}

/* Keys without a name, and two of one name, come back as they were typed; kept they are not. */
static void
keys_that_an_admin_names_want_a_name_each_and_one_alone(void **state)
{
	json_t *form = form_of("{}", "com.apple.webcontent-filter", NULL), *read;
	struct browser b = browser(*state);
	struct open_page p = opened(*state, &b, form, form);
	struct err err;

	press(*state, &p, "add payload/VendorConfig");
	press(*state, &p, "add payload/VendorConfig");
	type_in(&p, "payload/VendorConfig/0~key", "colour");
	type_in(&p, "payload/VendorConfig/0", "red");
	type_in(&p, "payload/VendorConfig/1~key", "colour");
	type_in(&p, "payload/VendorConfig/1", "blue");
	assert_false(payload_form_read(p.req, "payload", p.payload, &read, &err));
	assert_string_equal(err.code, "bad_mobileconfig");
	press(*state, &p, "");
	assert_non_null(strstr(p.html, "value=\"blue\""));
	type_in(&p, "payload/VendorConfig/1~key", "");
	assert_false(payload_form_read(p.req, "payload", p.payload, &read, &err));
	type_in(&p, "payload/VendorConfig/1~key", "other");
	assert_becomes(&p, "{\"VendorConfig\":{\"colour\":\"red\",\"other\":\"blue\"}}");
	json_decref(form);
	json_decref(b.parts);
}

/* VendorConfig of a VPN: Apple names four keys of it, and its maker has others. */
static void
what_an_admin_names_stands_beside_the_keys_that_apple_names(void **state)
{
	static const char keys[] = "{\"VendorConfig\":{\"Group\":\"staff\",\"colour\":\"red\",\"apiToken\":\"sesame\"}}";
	json_t *form = form_of(keys, "com.apple.vpn.managed", NULL), *masked = mobileconfig_form_masked(form), *read;
	struct browser b = browser(*state);
	struct open_page p = opened(*state, &b, form, masked);
	struct err err;

	assert_null(strstr(p.html, "~json\""));
	assert_null(strstr(p.html, "sesame"));
	assert_non_null(strstr(p.html, "name=\"payload/VendorConfig/Group\""));
	assert_non_null(strstr(p.html, "name=\"payload/VendorConfig/Realm\""));
	press(*state, &p, "add payload/VendorConfig/*");
	type_in(&p, "payload/VendorConfig/*/2~key", "Group");
	type_in(&p, "payload/VendorConfig/*/2", "others");
	assert_false(payload_form_read(p.req, "payload", p.payload, &read, &err));
	assert_string_equal(err.code, "bad_mobileconfig");
	press(*state, &p, "");
	assert_non_null(strstr(p.html, "value=\"others\""));
	type_in(&p, "payload/VendorConfig/*/2~key", "PortalHost");
	assert_becomes(&p, "{\"VendorConfig\":{\"Group\":\"staff\",\"colour\":\"red\",\"apiToken\":\"sesame\",\"PortalHost\":\"others\"}}");
	json_decref(masked);
	json_decref(form);
	json_decref(b.parts);
}

static void
the_headers_of_a_relay_are_fields_with_their_names_shown_and_their_values_kept(void **state)
{
	static const char keys[] = "{\"Relays\":[{\"HTTP2RelayURL\":\"https://relay.example.com\",\"AdditionalHTTPHeaderFields\":"
				   "{\"Authorization\":\"sesame\"}}]}";
	json_t *form = form_of(keys, "com.apple.relay.managed", NULL), *masked = mobileconfig_form_masked(form);
	struct browser b = browser(*state);
	struct open_page p = opened(*state, &b, form, masked);

	assert_true(mobileconfig_form_secret(form));
	assert_null(strstr(p.html, "sesame"));
	assert_non_null(strstr(p.html, "value=\"Authorization\""));
	press(*state, &p, "add payload/Relays/0/AdditionalHTTPHeaderFields");
	assert_becomes(&p, keys);
	json_decref(masked);
	json_decref(form);
	json_decref(b.parts);
}

/* What was typed on a page that was refused is neither shown, nor taken for what was there before. */
static void
a_page_that_was_refused_asks_for_a_new_secret_again(void **state)
{
	json_t *form = form_of("{\"Passwords\":[{\"DeviceName\":\"first\",\"Password\":\"s1\"},{\"DeviceName\":\"second\",\"Password\":\"s2\"}]}",
			       "com.apple.airplay", NULL);
	/* The first was removed, and a third one added. */
	json_t *tried = form_of("{\"Passwords\":[{\"DeviceName\":\"second\",\"Password\":{\"$kept\":\"it/Passwords/1/Password\"}},"
				"{\"DeviceName\":\"third\",\"Password\":\"sesame\"}]}", "com.apple.airplay", NULL);
	json_t *wanted = json_loads("{\"Passwords\":[{\"DeviceName\":\"second\",\"Password\":\"s2\"},{\"DeviceName\":\"third\"}]}", 0, NULL);
	json_t *payload = json_array_get(json_object_get(tried, "payloads"), 0), *masked = mobileconfig_form_masked(form), *read, *alone, *whole;
	struct browser b = browser(*state);
	struct req *req = req_of(*state, &b);
	struct err err;
	const char *html = shown(*state, &b, masked, payload);

	assert_null(strstr(html, "sesame"));
	assert_non_null(strstr(html, "payload_again"));
	send_page(req, html);
	assert_ok(payload_form_read(req, "payload", payload, &read, &err), &err);
	alone = json_pack("{s:[o]}", "payloads", read);
	assert_ok(mobileconfig_form_kept(alone, form, &whole, &err), &err);
	assert_same(wanted, json_object_get(json_array_get(json_object_get(whole, "payloads"), 0), "keys"), "airplay");
	json_decref(whole);
	json_decref(alone);
	json_decref(wanted);
	json_decref(masked);
	json_decref(tried);
	json_decref(form);
	json_decref(b.parts);
}

static void
a_new_payload_is_made_of_what_is_typed(void **state)
{
	static const struct { const char *name, *value; } typed[] = {
		{ "payload~type", "com.apple.security.scep" }, { "payload~id", "scep" }, { "payload~name", "Identity" },
		{ "payload/PayloadContent/URL", "https://apps.example.com/scep" }, { "payload/PayloadContent/Keysize", "2048" },
		{ "payload/PayloadContent/Key Usage", "5" }, { "payload/PayloadContent/Subject", "O=Example\r\n\r\n CN=%username% \r\n" },
		{ "payload/PayloadContent/KeyIsExtractable", "no" },
	};
	struct browser b = browser(*state);
	struct req *req = req_of(*state, &b);
	json_t *read, *wanted = json_loads("{\"id\":\"scep\",\"type\":\"com.apple.security.scep\",\"name\":\"Identity\",\"keys\":{\"PayloadContent\":{\"URL\":"
		"\"https://apps.example.com/scep\",\"Keysize\":2048,\"Key Usage\":5,\"Subject\":[[[\"O\",\"Example\"]],[[\"CN\",\"%username%\"]]],"
		"\"KeyIsExtractable\":false}}}", 0, NULL), *form;
	struct err err;

	for (size_t i = 0; i < sizeof typed / sizeof *typed; i++)
		send(req, typed[i].name, typed[i].value);
	assert_ok(payload_form_read(req, "payload", NULL, &read, &err), &err);
	assert_same(wanted, read, "scep");
	form = json_pack("{s:s, s:[o]}", "name", "a", "payloads", read);
	assert_ok(mobileconfig_form_judge(form, &err), &err);
	json_decref(form);
	json_decref(wanted);

	req = req_of(*state, &b);
	send(req, "payload~type", "com.apple.nothing");
	send(req, "payload~id", "x");
	assert_false(payload_form_read(req, "payload", NULL, &read, &err));
	assert_int_equal(err.kind, ERR_MISSING);
	req = req_of(*state, &b);
	send(req, "payload~type", "com.apple.vpn.managed");
	send(req, "payload~id", "x");
	send(req, "payload/VendorConfig~json", "{no");
	assert_false(payload_form_read(req, "payload", NULL, &read, &err));
	assert_string_equal(err.code, "bad_mobileconfig");
	json_decref(b.parts);
}

static void
a_new_payload_has_a_short_name_to_begin_with_that_no_other_has(void **state)
{
	json_t *form = json_loads("{\"payloads\":[{\"id\":\"wifi-1\",\"type\":\"com.apple.wifi.managed\"}]}", 0, NULL);
	json_t *fresh = json_pack("{s:s}", "type", "com.apple.wifi.managed"), *read;
	struct browser b = browser(*state);
	struct req *req = req_of(*state, &b);
	struct err err;

	send_page(req, shown(*state, &b, form, fresh));
	assert_ok(payload_form_read(req, "payload", NULL, &read, &err), &err);
	assert_string_equal(json_string_value(json_object_get(read, "id")), "wifi-2");
	assert_int_equal(json_object_size(json_object_get(read, "keys")), 0);
	json_decref(read);
	json_decref(fresh);
	json_decref(form);
	json_decref(b.parts);
}

static void
a_certificate_that_comes_as_pem_is_taken_as_der(void **state)
{
	struct browser b = browser(*state);
	struct req *req = req_of(*state, &b);
	struct form_file *file = mem_new(req, struct form_file);
	struct x509_made made;
	struct err err;
	json_t *read, *form;

	assert_ok(x509_make(*state, "Example CA", NULL, 30, NULL, &made, &err), &err);
	*file = (struct form_file){ .field = "payload/PayloadContent", .bytes = { made.cert_pem, strlen(made.cert_pem) } };
	req->server->files = file;
	send(req, "payload~type", "com.apple.security.root");
	send(req, "payload~id", "root");
	assert_ok(payload_form_read(req, "payload", NULL, &read, &err), &err);
	form = json_pack("{s:s, s:[o]}", "name", "a", "payloads", read);
	assert_ok(mobileconfig_form_judge(form, &err), &err);
	json_decref(form);
	json_decref(b.parts);
}

static void
labels_are_made_of_apples_keys(void **state)
{
	static const struct { const char *key, *label; } rows[] = {
		{ "allowEnterpriseAppTrust", "Allow enterprise app trust" }, { "SSID_STR", "SSID STR" }, { "Key Usage", "Key usage" },
		{ "URL", "URL" }, { "CalDAVUseSSL", "CalDAV use SSL" }, { "IKEv2", "IKEv2" }, { "APNs", "APNs" }, { "allowiTunes", "Allow iTunes" },
		{ "OverridePrimary", "Override primary" }, { "EAPFASTUsePAC", "EAPFAST use PAC" }, { "TLSMinimumVersion", "TLS minimum version" }, { "PayloadCertificateUUID", "Payload certificate UUID" },
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_string_equal(payload_label(*state, rows[i].key), rows[i].label);
}

TESTS(every_payload_type_comes_back_from_its_page_as_it_was,
      every_key_of_every_payload_type_is_made_from_an_empty_page_by_its_fields_alone,
      pages_of_the_home_screen_are_fields_and_what_is_in_them_moves,
      what_the_fields_of_a_list_cannot_show_has_a_field_for_each_item, what_passes_the_limits_of_a_page_is_json_and_comes_back,
      a_list_offers_one_more_as_long_as_a_page_has_room_for_it,
      what_was_typed_as_a_secret_goes_along_sealed_for_who_typed_it_and_for_nobody_else,
      what_is_sealed_opens_in_no_field_that_is_shown_and_not_for_ever, what_was_typed_under_a_key_that_sounds_secret_never_comes_back_in_clear,
      all_that_stands_below_such_a_key_is_hidden_too, a_file_that_was_chosen_goes_along_too,
      the_headers_of_a_relay_are_fields_with_their_names_shown_and_their_values_kept,
      keys_that_an_admin_names_want_a_name_each_and_one_alone,
      what_an_admin_names_stands_beside_the_keys_that_apple_names, so_does_any_payload_at_random,
      a_secret_is_never_in_the_page_and_stays_unless_it_is_replaced_or_taken_out,
      items_are_added_and_taken_away_without_their_neighbours_losing_a_secret, a_page_that_was_refused_asks_for_a_new_secret_again,
      a_new_payload_is_made_of_what_is_typed,
      a_new_payload_has_a_short_name_to_begin_with_that_no_other_has,
      a_certificate_that_comes_as_pem_is_taken_as_der, labels_are_made_of_apples_keys)
