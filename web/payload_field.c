/* One field of each kind, as an item of a page's flat list: a template has no recursion. */
#include "core/buf.h"
#include "core/json.h"
#include "mdm/mobileconfig_form.h"
#include "web/page.h"
#include "web/payload_inner.h"
#include <stdlib.h>
#include <string.h>

#define JSON_FLAGS	(JSON_INDENT(1) | JSON_ENCODE_ANY)

/* ---- what every item has ---- */

static json_t *
text_or_null(const char *text)
{
	return text ? json_string(text) : json_null();
}

/* The field that a page begins at: the first that stands in the item that was added. */
static bool
is_focus(struct part *p, const char *kind, const char *name)
{
	static const char *const none[] = { "open", "close", "item", "item_end", "more", "more_end", "add", "of", "words" };
	size_t len = p->focus ? strlen(p->focus) : 0;

	if (!len || strncmp(name, p->focus, len) != 0 || !strchr("/~", name[len]))
		return false;
	for (size_t i = 0; i < sizeof none / sizeof *none; i++)
		if (strcmp(none[i], kind) == 0)
			return false;
	p->focus = NULL;
	return true;
}

json_t *
payload_item(struct part *p, const char *kind, const struct apple_fact *fact, const char *name)
{
	json_t *item = json_pack("{s:s, s:s, s:s, s:s, s:s, s:b, s:b, s:s, s:s, s:s, s:[], s:b, s:b, s:n}",
		"kind", kind, "id", mem_printf(p->req, "pf-%d", p->n++), "name", name, "key", fact ? fact->name : "",
		"label", fact ? payload_label(p->req, fact->name) : "", "required", fact && fact->required,
		"again", 0, "value", "", "min", "", "max", "", "options", "as_text", 0, "expanded", 0, "size");

	json_object_set_new(item, "kept", json_null());
	json_object_set_new(item, "typed", json_null());
	json_object_set_new(item, "as", json_string(""));
	json_object_set_new(item, "up", json_string(""));
	json_object_set_new(item, "focus", json_boolean(is_focus(p, kind, name)));
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

void
payload_item_option(json_t *item, const char *value, const char *label, bool selected)
{
	json_array_append_new(json_object_get(item, "options"),
			      json_pack("{s:s, s:s, s:b}", "value", value, "label", label, "selected", selected));
}

/* ---- JSON, where nothing better fits ---- */

static void
add_json(struct part *p, const struct apple_fact *fact, const char *name, const json_t *v)
{
	json_t *item = payload_item(p, "json", fact, payload_mark(p->req, name, "json"));
	const char *typed = json_string_value(json_object_get(v, DRAFT_TYPED));
	char *text = typed ? strdup(typed) : v ? json_dumps(v, JSON_FLAGS) : NULL;

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
	const char *text = scalar(p, v);

	set_text(payload_item(p, strchr(text, '\n') ? "area" : "text", fact, name), "value", text);
}

static void
add_date(struct part *p, const struct apple_fact *fact, const char *name, const json_t *v)
{
	set_text(payload_item(p, "date", fact, name), "value", text_of(v, "$date"));
}

static void
add_number(struct part *p, const struct apple_fact *fact, const char *name, const json_t *v)
{
	json_t *item = payload_item(p, "number", fact, name);
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
	json_t *item = payload_item(p, "choice", fact, name);
	const char *chosen = v ? scalar(p, v) : "", *at = fact->values;
	bool found = !*chosen, selected;
	size_t len;

	for (; at; at = at[len] ? at + len + 1 : NULL) {
		const char *value = mem_textn(p->req, at, len = strcspn(at, "|"));

		selected = is_value(fact, value, chosen);
		found |= selected;
		payload_item_option(item, value, value, selected);
	}
	if (!found)	/* a variable, say */
		payload_item_option(item, chosen, chosen, true);
}

static void
add_yesno(struct part *p, const struct apple_fact *fact, const char *name, const json_t *v)
{
	json_t *item = payload_item(p, "yesno", fact, name);

	set_text(item, "value", !v ? "" : json_is_true(v) ? "yes" : "no");
	if (fact->preset)
		set_text(item, "preset", strcmp(fact->preset, "true") == 0 ? "yes" : "no");
}

static void
add_reference(struct part *p, const struct apple_fact *fact, const char *name, const json_t *v)
{
	json_t *item = payload_item(p, "reference", fact, name), *other;
	const char *chosen = text_of(v, "$payload"), *id;
	size_t i;

	json_array_foreach(json_object_get(p->form, "payloads"), i, other) {
		id = text_of(other, "id");
		if (payload_may_be(payload_reference(fact->name), text_of(other, "type")))
			payload_item_option(item, id, *text_of(other, "name") ? text_of(other, "name") : id, strcmp(id, chosen) == 0);
		if (strcmp(id, chosen) == 0)
			chosen = "";
	}
	if (*chosen)
		payload_item_option(item, chosen, chosen, true);
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
	json_t *item = payload_item(p, "words", fact, name), *other;
	size_t i, len;

	for (const char *at = one->values; at; at = at[len] ? at + len + 1 : NULL) {
		const char *value = mem_textn(p->req, at, len = strcspn(at, "|"));

		payload_item_option(item, value, name_of(fact, value), holds(v, NULL, value));
	}
	if (one->values)
		return;
	json_array_foreach(json_object_get(p->form, "payloads"), i, other) {
		const char *id = text_of(other, "id"), *called = text_of(other, "name");

		if (payload_may_be(payload_reference(one->name), text_of(other, "type")))
			payload_item_option(item, id, *called ? called : id, holds(v, "$payload", id));
	}
}

static void
add_lines(struct part *p, const struct apple_fact *fact, const char *name, const json_t *v)
{
	json_t *item = payload_item(p, "lines", fact, name);
	const json_t *line;
	struct buf out;
	size_t i;

	buf_init(&out, p->req, FORM_BYTES_MAX);
	if (json_is_string(v))
		buf_text(&out, json_string_value(v));
	json_array_foreach(v, i, line)
		buf_addf(&out, "%s\n", scalar(p, line));
	if (fact->list_too && json_array_size(v) == 1)	/* else a line alone is no list */
		set_text(item, "as", "lines");
	set_text(item, "value", buf_str(&out));
}

static void
add_subject(struct part *p, const struct apple_fact *fact, const char *name, const json_t *v)
{
	json_t *item = payload_item(p, "subject", fact, name);
	const json_t *rdn, *pair;
	struct buf out;
	size_t i;

	buf_init(&out, p->req, FORM_BYTES_MAX);
	buf_text(&out, text_of(v, DRAFT_TYPED));
	json_array_foreach(v, i, rdn) {
		pair = json_array_get(rdn, 0);
		buf_addf(&out, "%s=%s\n", json_string_value(json_array_get(pair, 0)), json_string_value(json_array_get(pair, 1)));
	}
	set_text(item, "value", buf_str(&out));
}

/* What was there and is not shown is told by its place; what was typed a moment ago goes along, or is typed again. */
static void
set_kept(struct part *p, json_t *item, const struct apple_fact *fact, const char *place, const json_t *v)
{
	const char *typed = place ? NULL : payload_typed(p, fact, v);

	json_object_set_new(item, "kept", text_or_null(place));
	json_object_set_new(item, "typed", text_or_null(typed));
	json_object_set_new(item, "again", json_boolean(v && !place && !typed));
}

static void
add_secret(struct part *p, const struct apple_fact *fact, const char *name, const json_t *v)
{
	set_kept(p, payload_item(p, "secret", fact, name), fact, json_string_value(json_object_get(v, "$kept")), v);
}

/* Data that is no secret is kept where the mobileconfig has the same at the same place. */
static const char *
place_of_data(struct part *p, const char *name, const json_t *v)
{
	const char *id = text_of(p->payload, "id"), *place = json_string_value(json_object_get(v, "$kept"));
	json_t *asked, *form, *found = NULL;
	struct err err;

	if (place || !v || !*id || p->loose)
		return place;
	place = mem_printf(p->req, "%s%s", id, name + strlen(PAYLOAD_PREFIX));
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
	json_t *item = payload_item(p, "data", fact, name);
	const char *base64 = text_of(v, "$data");

	set_kept(p, item, fact, place_of_data(p, name, v), v);
	json_object_set_new(item, "as_text", json_boolean(fact->secret && (strcasestr(fact->name, "password") ||
									   strcasestr(fact->name, "secret"))));
	if (*base64 && !json_is_true(json_object_get(item, "again")))
		json_object_set_new(item, "size", json_string(page_size(p->req, p->req->language, (int64_t)strlen(base64) * 3 / 4)));
}

void
payload_add_field(struct part *p, enum payload_kind kind, const struct apple_fact *fact, const char *name, const json_t *v)
{
	static void (*const add[])(struct part *, const struct apple_fact *, const char *, const json_t *) = {
		[KIND_TEXT] = add_text, [KIND_SECRET] = add_secret, [KIND_REFERENCE] = add_reference,
		[KIND_CHOICE] = add_choice, [KIND_NUMBER] = add_number, [KIND_YESNO] = add_yesno, [KIND_DATE] = add_date,
		[KIND_DATA] = add_data, [KIND_LINES] = add_lines, [KIND_WORDS] = add_words, [KIND_SUBJECT] = add_subject,
		[KIND_JSON] = add_json,
	};

	add[kind](p, fact, name, v);
}
