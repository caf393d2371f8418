/*
 * The fields of a payload, in the order of the facts: what is set or required first, the rest behind one
 * disclosure.  Groups are markers in a flat list, since a template has no recursion.
 */
#include "web/payload_form.h"
#include "core/json.h"
#include "core/num.h"
#include "mdm/mobileconfig_form.h"
#include "web/page.h"
#include "web/payload_kind.h"
#include <stdlib.h>
#include <string.h>

#define PREFIX		"payload"
#define JSON_FLAGS	(JSON_INDENT(1) | JSON_ENCODE_ANY)

struct part {
	struct req *req;
	const json_t *form;	/* may be NULL */
	const json_t *payload;
	json_t *items;
	int n;			/* numbers the ids of a page */
};

static void add_fact(struct part *p, const struct apple_fact *fact, const char *name, const json_t *v);

/* ---- what every item has ---- */

static json_t *
text_or_null(const char *text)
{
	return text ? json_string(text) : json_null();
}

/* Each name is there, so that a template which asks for one that nobody set is found by its test. */
static json_t *
item_of(struct part *p, const char *kind, const struct apple_fact *fact, const char *name)
{
	json_t *item = json_pack("{s:s, s:s, s:s, s:s, s:s, s:b, s:b, s:s, s:s, s:s, s:[], s:b, s:b, s:n}",
		"kind", kind, "id", mem_printf(p->req, "pf-%d", p->n++), "name", name, "key", fact ? fact->name : "",
		"label", fact ? payload_label(p->req, fact->name) : "", "required", fact && fact->required,
		"again", 0, "value", "", "min", "", "max", "", "options", "as_text", 0, "expanded", 0, "size");

	json_object_set_new(item, "kept", json_null());
	json_object_set_new(item, "supervised", json_boolean(fact && fact->supervised && fact->depth > 0));
	json_object_set_new(item, "since", text_or_null(fact && fact->depth > 0 ? fact->since : NULL));
	json_object_set_new(item, "until", text_or_null(fact ? fact->until : NULL));
	json_object_set_new(item, "preset", text_or_null(fact ? fact->preset : NULL));
	json_object_set_new(item, "secret", json_boolean(fact && fact->secret));
	json_array_append_new(p->items, item);
	return item;
}

static void
set_text(json_t *item, const char *key, const char *text)
{
	json_object_set_new(item, key, json_string(text));
}

static void
add_option(json_t *item, const char *value, const char *label, bool selected)
{
	json_array_append_new(json_object_get(item, "options"),
			      json_pack("{s:s, s:s, s:b}", "value", value, "label", label, "selected", selected));
}

/* ---- JSON, where nothing better fits ---- */

static void
add_json(struct part *p, const struct apple_fact *fact, const char *name, const json_t *v)
{
	json_t *item = item_of(p, "json", fact, payload_mark(p->req, name, "json"));
	char *text = v ? json_dumps(v, JSON_FLAGS) : NULL;

	set_text(item, "value", text ? text : "");
	free(text);
}

/* ---- one field of each kind ---- */

static const char *
scalar(struct part *p, const json_t *v)
{
	if (json_is_string(v))
		return json_string_value(v);
	if (json_is_integer(v))
		return mem_printf(p->req, "%lld", (long long)json_integer_value(v));
	return json_is_real(v) ? mem_printf(p->req, "%.17g", json_real_value(v)) : "";
}

static void
add_text(struct part *p, const struct apple_fact *fact, const char *name, const json_t *v)
{
	set_text(item_of(p, "text", fact, name), "value", scalar(p, v));
}

static void
add_number(struct part *p, const struct apple_fact *fact, const char *name, const json_t *v)
{
	json_t *item = item_of(p, "number", fact, name);
	const char *dots = fact->values ? strstr(fact->values, "..") : NULL;

	set_text(item, "value", scalar(p, v));
	if (dots) {
		set_text(item, "min", mem_textn(p->req, fact->values, (size_t)(dots - fact->values)));
		set_text(item, "max", dots + 2);
	}
	json_object_set_new(item, "expanded", json_boolean(fact->type == APPLE_REAL));	/* any step */
}

/* Equal as numbers too: "1.0" of the facts is 1 of a form. */
static bool
is_value(const struct apple_fact *fact, const char *value, const char *chosen)
{
	if (fact->type == APPLE_STRING || !*chosen)
		return strcmp(value, chosen) == 0;
	return strtod(value, NULL) == strtod(chosen, NULL);
}

static void
add_choice(struct part *p, const struct apple_fact *fact, const char *name, const json_t *v)
{
	json_t *item = item_of(p, "choice", fact, name);
	const char *chosen = v ? scalar(p, v) : "", *at = fact->values;
	bool found = !*chosen, selected;
	size_t len;

	for (; at; at = at[len] ? at + len + 1 : NULL) {
		const char *value = mem_textn(p->req, at, len = strcspn(at, "|"));

		selected = is_value(fact, value, chosen);
		found |= selected;
		add_option(item, value, value, selected);
	}
	if (!found)	/* a variable, say */
		add_option(item, chosen, chosen, true);
}

static void
add_yesno(struct part *p, const struct apple_fact *fact, const char *name, const json_t *v)
{
	json_t *item = item_of(p, "yesno", fact, name);

	set_text(item, "value", !v ? "" : json_is_true(v) ? "yes" : "no");
	if (fact->preset)
		set_text(item, "preset", strcmp(fact->preset, "true") == 0 ? "yes" : "no");
}

static void
add_reference(struct part *p, const struct apple_fact *fact, const char *name, const json_t *v)
{
	json_t *item = item_of(p, "reference", fact, name), *other;
	const char *chosen = text_of(v, "$payload"), *id;
	size_t i;

	json_array_foreach(json_object_get(p->form, "payloads"), i, other) {
		id = text_of(other, "id");
		if (payload_may_be(payload_reference(fact->name), text_of(other, "type")))
			add_option(item, id, *text_of(other, "name") ? text_of(other, "name") : id, strcmp(id, chosen) == 0);
		if (strcmp(id, chosen) == 0)
			chosen = "";
	}
	if (*chosen)
		add_option(item, chosen, chosen, true);
}

static bool
holds(const json_t *list, const char *mark, const char *text)
{
	const json_t *item;
	size_t i;

	json_array_foreach(list, i, item)
		if (strcmp(mark ? text_of(item, mark) : json_is_string(item) ? json_string_value(item) : "", text) == 0 ||
		    (!mark && json_is_number(item) && json_number_value(item) == strtod(text, NULL)))
			return true;
	return false;
}

/* Numbers that have a name: EAP methods, as IANA lists them. */
static const struct { const char *key, *value, *label; } named[] = {
	{ "AcceptEAPTypes", "13", "EAP-TLS (13)" }, { "AcceptEAPTypes", "17", "LEAP (17)" },
	{ "AcceptEAPTypes", "18", "EAP-SIM (18)" }, { "AcceptEAPTypes", "21", "EAP-TTLS (21)" },
	{ "AcceptEAPTypes", "23", "EAP-AKA (23)" }, { "AcceptEAPTypes", "25", "PEAP (25)" },
	{ "AcceptEAPTypes", "43", "EAP-FAST (43)" },
};

static const char *
name_of(const struct apple_fact *fact, const char *value)
{
	for (size_t i = 0; i < sizeof named / sizeof *named; i++)
		if (strcmp(named[i].key, fact->name) == 0 && strcmp(named[i].value, value) == 0)
			return named[i].label;
	return value;
}

/* Boxes: the values that there are, or the payloads that may be meant. */
static void
add_words(struct part *p, const struct apple_fact *fact, const char *name, const json_t *v)
{
	const struct apple_fact *one = fact->under;
	json_t *item = item_of(p, "words", fact, name), *other;
	size_t i, len;

	for (const char *at = one->values; at; at = at[len] ? at + len + 1 : NULL) {
		const char *value = mem_textn(p->req, at, len = strcspn(at, "|"));

		add_option(item, value, name_of(fact, value), holds(v, NULL, value));
	}
	if (one->values)
		return;
	json_array_foreach(json_object_get(p->form, "payloads"), i, other) {
		const char *id = text_of(other, "id"), *called = text_of(other, "name");

		if (payload_may_be(payload_reference(one->name), text_of(other, "type")))
			add_option(item, id, *called ? called : id, holds(v, "$payload", id));
	}
}

static void
add_lines(struct part *p, const struct apple_fact *fact, const char *name, const json_t *v)
{
	json_t *item = item_of(p, "lines", fact, name);
	const json_t *line;
	struct buf out;
	size_t i;

	buf_init(&out, p->req, FORM_BYTES_MAX);
	json_array_foreach(v, i, line)
		buf_addf(&out, "%s\n", scalar(p, line));
	set_text(item, "value", buf_str(&out));
}

static void
add_subject(struct part *p, const struct apple_fact *fact, const char *name, const json_t *v)
{
	json_t *item = item_of(p, "subject", fact, name);
	const json_t *rdn, *pair;
	struct buf out;
	size_t i;

	buf_init(&out, p->req, FORM_BYTES_MAX);
	json_array_foreach(v, i, rdn) {
		pair = json_array_get(rdn, 0);
		buf_addf(&out, "%s=%s\n", json_string_value(json_array_get(pair, 0)), json_string_value(json_array_get(pair, 1)));
	}
	set_text(item, "value", buf_str(&out));
}

/*
 * What was there and is not shown is told by its place; what was typed a moment ago, on a page that was refused, must
 * be typed again.
 */
static void
set_kept(json_t *item, const char *place, bool there)
{
	json_object_set_new(item, "kept", text_or_null(place));
	json_object_set_new(item, "again", json_boolean(there && !place));
}

static void
add_secret(struct part *p, const struct apple_fact *fact, const char *name, const json_t *v)
{
	set_kept(item_of(p, "secret", fact, name), json_string_value(json_object_get(v, "$kept")), v);
}

/* Data that is no secret is kept where the mobileconfig has the same at the same place. */
static const char *
place_of_data(struct part *p, const char *name, const json_t *v)
{
	const char *id = text_of(p->payload, "id"), *place = json_string_value(json_object_get(v, "$kept"));
	json_t *asked, *form, *found = NULL;
	struct err err;

	if (place || !v || !*id)
		return place;
	place = mem_printf(p->req, "%s%s", id, name + strlen(PREFIX));
	asked = json_pack("{s:{s:s}}", strrchr(name, '/') + 1, "$kept", place);
	if (p->form && mobileconfig_form_kept(asked, p->form, &found, &err)) {
		form = json_object_get(found, strrchr(name, '/') + 1);
		if (!json_equal(form, v))
			place = NULL;
		json_decref(found);
	} else {
		place = NULL;
	}
	json_decref(asked);
	return place;
}

/* A secret that people know by heart is typed, in a key that Apple made data of. */
static void
add_data(struct part *p, const struct apple_fact *fact, const char *name, const json_t *v)
{
	json_t *item = item_of(p, "data", fact, name);
	const char *base64 = text_of(v, "$data");

	set_kept(item, place_of_data(p, name, v), v);
	json_object_set_new(item, "as_text", json_boolean(fact->secret && (strcasestr(fact->name, "password") ||
									   strcasestr(fact->name, "secret"))));
	if (*base64 && json_is_string(json_object_get(item, "kept")))
		json_object_set_new(item, "size", json_string(page_size(p->req, p->req->language, (int64_t)strlen(base64) * 3 / 4)));
}

/* ---- groups ---- */

static void
add_under(struct part *p, const struct apple_fact *fact, const char *name, const json_t *v)
{
	for (const struct apple_fact *f = fact->under; f; f = f->next)
		add_fact(p, f, payload_field(p->req, name, f->name), json_object_get(v, f->name));
}

static void
add_group(struct part *p, const struct apple_fact *fact, const char *name, const json_t *v)
{
	json_object_set_new(item_of(p, "open", fact, name), "expanded", json_boolean(v || fact->required));
	add_under(p, fact, name, v);
	item_of(p, "close", NULL, "");
}

/* Those that there are, and an empty one. */
static void
add_groups(struct part *p, const struct apple_fact *fact, const char *name, const json_t *v)
{
	size_t n = json_array_size(v);

	json_object_set_new(item_of(p, "open", fact, name), "expanded", json_boolean(n > 0 || fact->required));
	for (size_t i = 0; i <= n && i < PAYLOAD_GROUPS_MAX; i++) {
		const char *inner = payload_field(p->req, name, mem_printf(p->req, "%zu", i));
		json_t *head = item_of(p, "item", fact, inner);

		set_text(head, "value", mem_printf(p->req, "%zu", i + 1));
		json_object_set_new(head, "kept", json_boolean(i < n));
		add_under(p, fact->under, inner, json_array_get(v, i));
		item_of(p, "item_end", NULL, "");
	}
	item_of(p, "close", NULL, "");
}

static void
add_fact(struct part *p, const struct apple_fact *fact, const char *name, const json_t *v)
{
	static void (*const add[])(struct part *, const struct apple_fact *, const char *, const json_t *) = {
		[KIND_TEXT] = add_text, [KIND_SECRET] = add_secret, [KIND_REFERENCE] = add_reference,
		[KIND_CHOICE] = add_choice, [KIND_NUMBER] = add_number, [KIND_YESNO] = add_yesno,
		[KIND_DATE] = add_text, [KIND_DATA] = add_data, [KIND_LINES] = add_lines, [KIND_WORDS] = add_words,
		[KIND_SUBJECT] = add_subject, [KIND_GROUPS] = add_groups, [KIND_GROUP] = add_group,
		[KIND_JSON] = add_json,
	};
	enum payload_kind kind = payload_kind(fact);

	if (v && !payload_fits(p->form, kind, fact, v))
		kind = KIND_JSON;
	if (kind == KIND_DATE && v)
		v = json_object_get(v, "$date");
	add[kind](p, fact, name, v);
}

/* ---- the part ---- */

static void
add_all(struct part *p, const struct apple_fact *fact, const json_t *keys)
{
	size_t first = 0, rest = 0;

	for (int later = 0; later < 2; later++) {
		for (const struct apple_fact *f = fact->under; f; f = f->next) {
			const json_t *v = json_object_get(keys, f->name);
			bool early = v || f->required;

			if (strcmp(f->name, "*") == 0 || early == (later == 1))
				continue;
			if (later && rest++ == 0)
				json_object_set_new(item_of(p, "more", NULL, ""), "expanded", json_boolean(first == 0));
			first += !later;
			add_fact(p, f, payload_field(p->req, PREFIX, f->name), v);
		}
	}
	if (rest)
		item_of(p, "more_end", NULL, "");
}

static bool
is_in(const json_t *form, const char *id)
{
	const json_t *payload;
	size_t i;

	json_array_foreach(json_object_get(form, "payloads"), i, payload)
		if (strcmp(text_of(payload, "id"), id) == 0)
			return true;
	return false;
}

bool
payload_form_part(struct req *req, const json_t *form, const json_t *payload, json_t **ret, struct err *err)
{
	const char *type = text_of(payload, "type"), *id = text_of(payload, "id");
	bool foreign = json_is_true(json_object_get(payload, "foreign"));
	json_t *keys = json_object_get(payload, "keys");
	struct part p = { .req = req, .form = form, .payload = payload, .items = json_array() };
	const struct apple_fact *fact = payload_form_fact(type, keys);

	if (!fact && !foreign) {
		json_decref(p.items);
		return err_set(err, ERR_MISSING, "iOS has no payload type \"%.*s\"", PAYLOAD_FORM_NEW_MAX, type);
	}
	if (foreign || !fact->under || strcmp(fact->under->name, "*") == 0)
		add_json(&p, NULL, PREFIX, keys);
	else
		add_all(&p, fact, keys);
	if (!*id)
		id = mobileconfig_form_new_id(req, form, type);
	*ret = json_pack("{s:s, s:s, s:s, s:s, s:b, s:o, s:b}", "payload_id", id, "payload_type", type, "payload_label",
		payload_type_label(req, type), "payload_name", text_of(payload, "name"), "payload_new", !is_in(form, id),
		"payload_items", p.items, "payload_foreign", foreign);
	json_object_set_new(*ret, "payload_supervised", json_boolean(fact && fact->supervised));
	json_object_set_new(*ret, "payload_by_mdm", json_boolean(fact && fact->by_mdm));
	json_object_set_new(*ret, "payload_since", text_or_null(fact ? fact->since : NULL));
	json_object_set_new(*ret, "payload_until", text_or_null(fact ? fact->until : NULL));
	return true;
}
