/*
 * The fields of a payload, in the order of the facts: what is set or required first, the rest behind one
 * disclosure.  Groups are markers in a flat list, since a template has no recursion.
 */
#include "web/payload_form.h"
#include "core/json.h"
#include "mdm/mobileconfig_form.h"
#include "web/page.h"
#include "web/payload_inner.h"
#include <string.h>

#define ITEM_FIELDS 4	/* around one: its head and its end, a name and a kind */

static void add_fact(struct part *p, const struct apple_fact *fact, const char *name, const json_t *v);
static void add_items(struct part *p, const struct apple_fact *fact, const struct apple_fact *called, const char *name, const json_t *v);
static void add_free(struct part *p, const struct apple_fact *fact, const char *name, const json_t *v);

static json_t *
text_or_null(const char *text)
{
	return text ? json_string(text) : json_null();
}

static void
set_text(json_t *item, const char *key, const char *text)
{
	json_object_set_new(item, key, json_string(text));
}

static const char *
word(struct part *p, const char *key)
{
	const char *text = pages_word(site_pages(p->req->site), p->req->language, key);

	return text ? text : key;
}

static const char *
number(struct part *p, size_t n)
{
	return mem_printf(p->req, "%zu", n);
}

/* ---- how much would it be? ---- */

/* Never more than what the value takes when it is shown: a list that was offered one more item is still fields then. */
static int
fields_of(const struct apple_fact *fact, const json_t *v, int depth)
{
	enum payload_kind kind = payload_kind(fact);
	const json_t *item;
	const char *key;
	json_t *rest;
	size_t i;
	int n = 1;

	if (depth > PAYLOAD_DEPTH_MAX)
		return n;
	if (kind == KIND_GROUP)
		for (const struct apple_fact *f = fact->under; f; f = f->next) {
			rest = payload_is_rest(f) ? payload_rest(fact, v) : NULL;
			n += fields_of(rest ? payload_any("dictionary") : f, rest ? rest : json_object_get(v, f->name), depth + 1);
			json_decref(rest);
		}
	if (kind == KIND_LIST)
		json_array_foreach(v, i, item)
			n += 1 + fields_of(fact->under, item, depth + 1);
	if (kind == KIND_FREE || kind == KIND_ANY) {
		json_object_foreach((json_t *)v, key, item)
			n += ITEM_FIELDS + fields_of(payload_any("dictionary"), item, depth + 1);
		json_array_foreach(v, i, item)
			n += ITEM_FIELDS + fields_of(payload_any("dictionary"), item, depth + 1);
	}
	return n;
}

/* Would one more pass the limit, so that all of it were JSON? */
static bool
has_room(struct part *p, const struct apple_fact *item)
{
	return p->n + fields_of(item, NULL, 0) + ITEM_FIELDS <= PAYLOAD_FIELDS_MAX;
}

/* ---- dictionaries ---- */

/* Of a group: a key that Apple names, or the row of those that its admin does. */
static void
add_key(struct part *p, const struct apple_fact *group, const struct apple_fact *f, const char *name, const json_t *v)
{
	const char *inner = payload_field(p->req, name, f->name);
	json_t *rest;

	if (!payload_is_rest(f)) {
		add_fact(p, f, inner, json_object_get(v, f->name));
		return;
	}
	rest = payload_rest(group, v);
	add_free(p, payload_any("dictionary"), inner, rest);
	json_decref(rest);
}

static void
add_under(struct part *p, const struct apple_fact *fact, const char *name, const json_t *v)
{
	for (const struct apple_fact *f = fact->under; f; f = f->next)
		add_key(p, fact, f, name, v);
}

/* ---- lists ---- */

/* The button behind the last item; kinds: of value, where more than one can be added. */
static void
add_button(struct part *p, const struct apple_fact *item_fact, const char *name, const char *label)
{
	json_t *item = payload_item(p, "add", NULL, name);

	set_text(item, "value", mem_printf(p->req, "add %s", name));
	set_text(item, "label", label);
	for (size_t i = 0; item_fact && item_fact->type == APPLE_ANY && payload_any_words[i]; i++)
		payload_item_option(item, payload_any_words[i], word(p, mem_printf(p->req, "fact_of_%s", payload_any_words[i])), i == 0);
}

/* The value of an item, or behind a key that its admin named: no label is Apple's. */
static void
add_value(struct part *p, const struct apple_fact *fact, const char *name, const json_t *v)
{
	size_t at = json_array_size(p->items);

	add_fact(p, fact, name, v);
	set_text(json_array_get(p->items, at), "label", word(p, "fact_value"));
}

/* Below a key that sounds secret: all that has a value, and no fields of its own. */
static bool
is_hidden(struct part *p, const struct apple_fact *fact, const json_t *v, bool as_json)
{
	const char *of = payload_any_of(fact, v);

	if (!p->hidden || !v || form_is_empty(v) || json_object_get(v, DRAFT_OF))
		return false;
	return as_json || (strcmp(of, "dictionary") != 0 && strcmp(of, "list") != 0);
}

static void
add_hidden(struct part *p, const char *name, const json_t *v)
{
	size_t at;

	set_text(payload_item(p, "of", NULL, name), "value", "secret");
	at = json_array_size(p->items);
	payload_add_field(p, KIND_SECRET, payload_any("secret"), name, v);
	set_text(json_array_get(p->items, at), "label", word(p, "fact_value"));
}

static void
add_any(struct part *p, const struct apple_fact *fact, const char *name, const json_t *v)
{
	const char *of = json_string_value(json_object_get(v, DRAFT_OF));
	bool as_json = json_object_get(v, DRAFT_TYPED) || p->depth >= PAYLOAD_DEPTH_MAX || !payload_fits(p->form, KIND_ANY, fact, v);
	const struct apple_fact *as;

	if (is_hidden(p, fact, v, as_json)) {
		add_hidden(p, name, v);
		return;
	}
	if (of)
		v = NULL;
	else
		of = payload_any_of(fact, v);
	if (json_is_string(v) && !json_string_length(v))
		v = NULL;	/* an empty text */
	as = payload_any(of);
	if (as_json) {
		payload_add_field(p, KIND_JSON, fact, name, v);
		return;
	}
	set_text(payload_item(p, "of", NULL, name), "value", of);
	if (as->type == APPLE_ARRAY)
		add_items(p, as, as, name, v);
	else if (as->type == APPLE_DICTIONARY)
		add_free(p, as, name, v);
	else
		add_value(p, as, name, v);
}

static void
add_item(struct part *p, const struct apple_fact *fact, const char *name, const json_t *v)
{
	enum payload_kind kind = payload_kind(fact);

	if (json_is_null(v))
		v = NULL;
	if (kind == KIND_GROUP && (!v || payload_fits(p->form, kind, fact, v)))
		add_under(p, fact, name, v);
	else if (kind == KIND_LIST && (!v || payload_fits(p->form, kind, fact, v)))
		add_items(p, fact, fact->under, name, v);
	else if (kind == KIND_FREE && (!v || payload_fits(p->form, kind, fact, v)))
		add_free(p, fact, name, v);
	else if (kind == KIND_ANY)
		add_any(p, fact, name, v);
	else
		add_value(p, fact, name, v);
}

static const char *
label_of(struct part *p, const struct apple_fact *fact)
{
	bool nameless = strcmp(fact->name, "*") == 0 || !*fact->name;

	return nameless ? word(p, "fact_value") : payload_label(p->req, fact->name);
}

/*
 * Those that there are, and a button for one more.  What must have one has its first on the page.  They are called by
 * their list, "Relays 2", and those of a list in a list by what they are themselves.
 */
static void
add_items(struct part *p, const struct apple_fact *fact, const struct apple_fact *called, const char *name, const json_t *v)
{
	size_t n = json_array_size(v), shown = n > 0 || !fact->required || payload_kind(fact->under) != KIND_GROUP ? n : 1;
	const char *label = label_of(p, called), *inner;
	bool loose = p->loose;

	p->loose = loose || payload_kind(fact->under) != KIND_GROUP;
	p->depth++;
	for (size_t i = 0; i < shown; i++) {
		json_t *head;

		inner = payload_field(p->req, name, number(p, i));
		head = payload_item(p, "item", NULL, inner);
		set_text(head, "label", label);
		set_text(head, "value", number(p, i + 1));
		if (i > 0)
			set_text(head, "up", mem_printf(p->req, "up %s", inner));
		add_item(p, fact->under, inner, json_array_get(v, i));
		payload_item(p, "item_end", NULL, "");
	}
	if (n < PAYLOAD_ITEMS_MAX && has_room(p, fact->under))
		add_button(p, fact->under, name, label);
	p->loose = loose;
	p->depth--;
}

/* ---- keys that their admin names ---- */

static const char *
named(const char *key)
{
	return *key == DRAFT_OF[0] && strchr(key + 1, DRAFT_OF[0]) ? strchr(key + 1, DRAFT_OF[0]) + 1 : key;
}

static void
add_free(struct part *p, const struct apple_fact *fact, const char *name, const json_t *v)
{
	const struct apple_fact *value = fact->under ? fact->under : payload_any("dictionary")->under;
	bool loose = p->loose, top = strcmp(name, PAYLOAD_PREFIX) == 0;
	const char *key, *inner, *hidden = p->hidden;
	size_t i = 0;
	json_t *item;

	p->loose = true;
	p->depth++;
	json_object_foreach((json_t *)v, key, item) {
		if (top && payload_common(key))
			continue;	/* as with other payloads: it stays, and is not shown */
		inner = payload_field(p->req, name, number(p, i++));
		set_text(payload_item(p, "item", NULL, inner), "label", *named(key) ? named(key) : word(p, "payload_key"));
		set_text(payload_item(p, "key", NULL, payload_mark(p->req, inner, "key")), "value", named(key));
		p->hidden = hidden ? hidden : form_is_secret(value, named(key)) ? named(key) : NULL;
		add_any(p, value, inner, item);
		p->hidden = hidden;
		payload_item(p, "item_end", NULL, "");
	}
	if (i < PAYLOAD_ITEMS_MAX && has_room(p, value))
		add_button(p, value, name, word(p, "payload_key"));
	p->loose = loose;
	p->depth--;
}

/* ---- any of them ---- */

/* Around what has several fields. */
static void
add_opened(struct part *p, enum payload_kind kind, const struct apple_fact *fact, const char *name, const json_t *v)
{
	json_t *open = payload_item(p, "open", fact, name);
	size_t n = json_is_array(v) ? json_array_size(v) : json_object_size(v);

	/* in an item that somebody added, a list shows its button */
	json_object_set_new(open, "expanded", json_boolean(n > 0 || fact->required || (p->depth > 0 && kind == KIND_LIST)));
	if (kind != payload_kind(fact))
		set_text(open, "as", "list");
	if (kind == KIND_GROUP)
		add_under(p, fact, name, v);
	else if (kind == KIND_FREE)
		add_free(p, fact, name, v);
	else
		add_items(p, fact, fact, name, v);
	payload_item(p, "close", NULL, "");
}

/* A list that its own field cannot show has a field for each item; what no field can show is JSON. */
static enum payload_kind
kind_for(struct part *p, const struct apple_fact *fact, const json_t *v)
{
	enum payload_kind kind = payload_kind(fact);

	if (json_object_get(v, DRAFT_TYPED))
		return kind == KIND_SUBJECT || fact->secret ? kind : KIND_JSON;
	if (v && !payload_fits(p->form, kind, fact, v))
		kind = json_is_array(v) && fact->type == APPLE_ARRAY && payload_fits(p->form, KIND_LIST, fact, v) ? KIND_LIST : KIND_JSON;
	if (kind != KIND_LIST && kind != KIND_FREE && kind != KIND_ANY && !(kind == KIND_GROUP && apple_fact_find(fact->under, "*")))
		return kind;
	return p->depth < PAYLOAD_DEPTH_MAX && p->n + fields_of(fact, v, 0) <= PAYLOAD_FIELDS_MAX ? kind : KIND_JSON;
}

static void
add_fact(struct part *p, const struct apple_fact *fact, const char *name, const json_t *v)
{
	enum payload_kind kind;

	if (json_is_null(v))
		v = NULL;
	kind = kind_for(p, fact, v);
	if (kind == KIND_LIST || kind == KIND_FREE || kind == KIND_GROUP)
		add_opened(p, kind, fact, name, v);
	else if (kind == KIND_ANY)
		add_any(p, fact, name, v);
	else
		payload_add_field(p, kind, fact, name, v);
}

/* ---- the part ---- */

static void
add_all(struct part *p, const struct apple_fact *fact, const json_t *keys)
{
	size_t first = 0, rest = 0;

	for (int later = 0; later < 2; later++) {
		for (const struct apple_fact *f = fact->under; f; f = f->next) {
			json_t *more = payload_is_rest(f) ? payload_rest(fact, keys) : NULL;
			bool early = json_object_get(keys, f->name) || more || f->required;

			json_decref(more);
			if (early == (later == 1))
				continue;
			if (later && rest++ == 0)
				json_object_set_new(payload_item(p, "more", NULL, ""), "expanded", json_boolean(first == 0));
			first += !later;
			add_key(p, fact, f, PAYLOAD_PREFIX, keys);
		}
	}
	if (rest)
		payload_item(p, "more_end", NULL, "");
}

/* A type of which Apple names no key, or not all. */
static void
add_fact_of_all(struct part *p, const struct apple_fact *fact, const json_t *keys)
{
	enum payload_kind kind = payload_kind(fact);

	if (p->n + fields_of(fact, keys, 0) > PAYLOAD_FIELDS_MAX || json_object_get(keys, DRAFT_TYPED) ||
	    (json_object_size(keys) > 0 && !payload_fits(p->form, kind, fact, keys)))
		payload_add_field(p, KIND_JSON, NULL, PAYLOAD_PREFIX, keys);
	else if (kind == KIND_GROUP)
		add_all(p, fact, keys);
	else
		add_free(p, fact, PAYLOAD_PREFIX, keys);
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
payload_form_part(struct req *req, const json_t *form, const json_t *payload, const char *focus, json_t **ret, struct err *err)
{
	const char *type = text_of(payload, "type"), *id = text_of(payload, "id");
	bool foreign = json_is_true(json_object_get(payload, "foreign"));
	json_t *keys = json_object_get(payload, "keys");
	struct part p = { .req = req, .form = form, .payload = payload, .items = json_array(), .focus = focus };
	const struct apple_fact *fact = payload_form_fact(type, keys, json_object_get(payload, DRAFT_VARIANT));

	if (!fact && !foreign) {
		json_decref(p.items);
		return err_set(err, ERR_MISSING, "iOS has no payload type \"%.*s\"", PAYLOAD_FORM_NEW_MAX, type);
	}
	if (foreign)
		payload_add_field(&p, KIND_JSON, NULL, PAYLOAD_PREFIX, keys);
	else if (payload_kind(fact) == KIND_FREE || apple_fact_find(fact->under, "*"))
		add_fact_of_all(&p, fact, keys);
	else
		add_all(&p, fact, keys);
	if (!*id)
		id = mobileconfig_form_new_id(req, form, type);
	*ret = json_pack("{s:s, s:s, s:s, s:s, s:b, s:o, s:b}", "payload_id", id, "payload_type", type, "payload_label",
		payload_type_label(req, type), "payload_name", text_of(payload, "name"), "payload_new", !is_in(form, id),
		"payload_items", p.items, "payload_foreign", foreign);
	json_object_set_new(*ret, "payload_variant", json_integer(payload_form_variant(fact)));
	json_object_set_new(*ret, "payload_supervised", json_boolean(fact && fact->supervised));
	json_object_set_new(*ret, "payload_by_mdm", json_boolean(fact && fact->by_mdm));
	json_object_set_new(*ret, "payload_since", text_or_null(fact ? fact->since : NULL));
	json_object_set_new(*ret, "payload_until", text_or_null(fact ? fact->until : NULL));
	return true;
}
