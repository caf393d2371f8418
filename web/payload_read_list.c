/* Lists and dictionaries, read again from a form; and what a button of the form does to them. */
#include "core/json.h"
#include "core/num.h"
#include "mdm/mobileconfig_form.h"
#include "web/payload_inner.h"
#include <stdlib.h>
#include <string.h>

#define BAD(...) err_code(err, ERR_INVALID, "bad_mobileconfig", __VA_ARGS__)

static const char *
inner_of(struct reading *r, const char *name, size_t i)
{
	return payload_field(r->req, name, mem_printf(r->req, "%zu", i));
}

/* "add payload/Relays": is the button that was pressed this list's? */
static bool
acts(struct reading *r, const char *what, const char *name)
{
	size_t len = strlen(what);

	return r->act && strncmp(r->act, what, len) == 0 && r->act[len] == ' ' && strcmp(r->act + len + 1, name) == 0;
}

/* The kind of value that is added under a key that its admin names, or to a list of such. */
static json_t *
blank_any(struct reading *r, const struct apple_fact *fact, const char *name)
{
	const char *of = payload_field_mark(r, name, "new");

	if (fact->type != APPLE_ANY || !payload_any(of))
		of = "text";
	return json_pack("{s:s}", DRAFT_OF, of);
}

/* The keys that an admin named, beside Apple's: one that has a field of its own is not named again. */
static bool
add_rest(struct reading *r, const char *name, json_t *made, struct err *err)
{
	const char *inner = payload_field(r->req, name, "*"), *key;
	json_t *rest, *v;
	size_t i = PAYLOAD_ITEMS_MAX;
	bool ok = true;

	if (!payload_read_free(r, payload_any("dictionary"), inner, &rest, err))
		return false;
	json_object_foreach(rest, key, v) {
		bool again = json_object_get(made, key);

		if (again && !r->act)
			ok = BAD("%.200s: two keys are called \"%.100s\"", inner, key);
		json_object_set(made, again ? mem_printf(r->req, DRAFT_KEY, i++, key) : key, v);
	}
	json_decref(rest);
	return ok;
}

bool
payload_read_group(struct reading *r, const struct apple_fact *fact, const char *name, json_t **ret, struct err *err)
{
	json_t *made = json_object(), *v = NULL;
	bool ok = true, rest = false;

	for (const struct apple_fact *f = fact->under; f && ok; f = f->next, v = NULL) {
		if (payload_is_rest(f))
			rest = true;
		else if ((ok = payload_read_fact(r, f, payload_field(r->req, name, f->name), &v, err)) && v)
			json_object_set_new(made, f->name, v);
	}
	if (!ok || (rest && !add_rest(r, name, made, err))) {
		json_decref(made);
		return false;
	}
	*ret = made;
	if (json_object_size(made) == 0) {
		json_decref(made);
		*ret = NULL;
	}
	return true;
}

/* ---- lists ---- */

/* As long as nothing is kept, an item that is on the page stays there, whatever is in it. */
static json_t *
or_blank(struct reading *r, const struct apple_fact *fact, json_t *v)
{
	if (v)
		return v;
	if (fact->type == APPLE_ARRAY)
		return json_array();	/* a page of the home screen with nothing on it is one */
	if (!r->act)
		return NULL;
	return fact->type == APPLE_DICTIONARY ? json_object() : json_null();
}

static void
append_blank(struct reading *r, const struct apple_fact *fact, const char *name, json_t *list)
{
	const struct apple_fact *one = fact->under;

	if (json_array_size(list) >= PAYLOAD_ITEMS_MAX)
		return;
	r->focus = inner_of(r, name, json_array_size(list));
	json_array_append_new(list, one->type == APPLE_ANY ? blank_any(r, one, name) : or_blank(r, one, NULL));
}

/* The last goes one up. */
static void
swap_last(struct reading *r, const char *name, json_t *list)
{
	size_t n = json_array_size(list);
	json_t *last;

	if (n < 2)
		return;
	last = json_incref(json_array_get(list, n - 1));
	json_array_remove(list, n - 1);
	json_array_insert_new(list, n - 2, last);
	r->focus = inner_of(r, name, n - 2);
}

static bool
read_items(struct reading *r, const struct apple_fact *fact, const char *name, json_t *list, struct err *err)
{
	json_t *v;

	for (size_t i = 0; i < PAYLOAD_ITEMS_MAX; i++) {
		const char *inner = inner_of(r, name, i);

		if (!payload_field_mark(r, inner, "item"))
			break;
		if (payload_field_mark(r, inner, "remove"))
			continue;
		if (!payload_read_fact(r, fact->under, inner, &v, err))
			return false;
		if (!(v = or_blank(r, fact->under, v)))
			continue;
		json_array_append_new(list, v);
		if (acts(r, "up", inner))
			swap_last(r, name, list);
	}
	if (acts(r, "add", name))
		append_blank(r, fact, name, list);
	return true;
}

bool
payload_read_list(struct reading *r, const struct apple_fact *fact, const char *name, json_t **ret, struct err *err)
{
	json_t *list = json_array();
	bool ok;

	if (++r->depth > PAYLOAD_DEPTH_MAX + 1) {
		json_decref(list);
		return BAD("%.200s: deeper than %d", name, PAYLOAD_DEPTH_MAX);
	}
	ok = read_items(r, fact, name, list, err);
	r->depth--;
	if (!ok || json_array_size(list) == 0) {
		json_decref(list);
		list = NULL;
	}
	*ret = list;
	return ok;
}

/* ---- keys that their admin names ---- */

static bool
set_named(struct reading *r, json_t *made, size_t i, const char *inner, json_t *v, struct err *err)
{
	const char *key = payload_field_mark(r, inner, "key");

	if (key && !json_object_get(made, key) && *key != DRAFT_OF[0]) {
		json_object_set_new(made, key, v);
		return true;
	}
	if (r->act) {
		json_object_set_new(made, mem_printf(r->req, DRAFT_KEY, i, key && *key != DRAFT_OF[0] ? key : ""), v);
		return true;
	}
	json_decref(v);
	return key ? BAD("%.200s: two keys are called \"%.100s\"", inner, key) : BAD("%.200s: a value wants the name of its key", inner);
}

static bool
read_named(struct reading *r, const struct apple_fact *fact, const char *name, json_t *made, struct err *err)
{
	const struct apple_fact *one = fact->under ? fact->under : payload_any("dictionary")->under;
	const char *hidden = r->hidden;
	json_t *v;
	size_t i;

	for (i = 0; i < PAYLOAD_ITEMS_MAX; i++) {
		const char *inner = inner_of(r, name, i), *key = payload_field_mark(r, inner, "key");
		bool ok;

		if (!payload_field_mark(r, inner, "item"))
			break;
		if (payload_field_mark(r, inner, "remove"))
			continue;
		if (!hidden && key && form_is_secret(one, key))
			r->hidden = key;
		ok = payload_read_any(r, one, inner, &v, err);
		r->hidden = hidden;
		if (!ok || (v && !set_named(r, made, i, inner, v, err)))
			return false;
	}
	if (acts(r, "add", name) && json_object_size(made) < PAYLOAD_ITEMS_MAX) {
		r->focus = inner_of(r, name, json_object_size(made));
		json_object_set_new(made, mem_printf(r->req, DRAFT_KEY, i, ""), blank_any(r, one, name));
	}
	return true;
}

bool
payload_read_free(struct reading *r, const struct apple_fact *fact, const char *name, json_t **ret, struct err *err)
{
	json_t *made = json_object();
	bool ok;

	if (++r->depth > PAYLOAD_DEPTH_MAX + 1) {
		json_decref(made);
		return BAD("%.200s: deeper than %d", name, PAYLOAD_DEPTH_MAX);
	}
	ok = read_named(r, fact, name, made, err);
	r->depth--;
	if (!ok || json_object_size(made) == 0) {
		json_decref(made);
		made = NULL;
	}
	*ret = made;
	return ok;
}

/* Without a point and an exponent it is an integer. */
static json_t *
number_or_text(const json_t *v, const char *text)
{
	struct err err;
	int64_t n;

	return text && num_parse(text, INT64_MIN, INT64_MAX, &n, &err) ? json_integer(n) : json_incref((json_t *)v);
}

bool
payload_read_any(struct reading *r, const struct apple_fact *fact, const char *name, json_t **ret, struct err *err)
{
	const char *said = payload_field_mark(r, name, "of");
	/* a text is a secret, too, under a key that sounds like one */
	const char *of = fact->type == APPLE_ANY || (said && strcmp(said, "secret") == 0) ? said : payload_any_of(fact, NULL);
	const struct apple_fact *as = payload_any(of);
	json_t *v, *was;

	*ret = NULL;
	if (!as && !payload_field_mark(r, name, "json"))
		return true;
	if (!payload_read_fact(r, as ? as : payload_any("text"), name, &v, err))
		return false;
	if (as && strcmp(of, "number") == 0 && v) {
		was = v;
		v = number_or_text(was, payload_field_text(r, name));
		json_decref(was);
	}
	if (!v && as && as->type == APPLE_ARRAY)
		v = json_array();
	else if (!v && as && as->type == APPLE_DICTIONARY)
		v = json_object();
	else if (!v && as && r->act)
		v = json_pack("{s:s}", DRAFT_OF, of);
	else if (!v && as && strcmp(of, "text") == 0 && payload_field_mark(r, name, "key"))
		v = json_string("");	/* an empty text that has a name is meant */
	*ret = v;
	return true;
}
