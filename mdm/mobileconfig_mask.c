/* Forms without their secrets: a place stands for each, "<id of the payload>/key/0/key", as RFC 6901 escapes. */
#include "mdm/mobileconfig_inner.h"
#include "core/json.h"
#include "core/num.h"
#include <string.h>

#define PLACE_MAX	4096
#define REMOVAL		"removal_password"

/* ---- masking ---- */

/* What stands for a secret at its place. */
typedef json_t *covering(const json_t *secret, const char *place);

static json_t *
cover_kept(const json_t *secret, const char *place)
{
	(void)secret;
	return json_pack("{s:s}", "$kept", place);
}

#define VEIL "\u2022\u2022\u2022\u2022"

/* Of the same type, so that it can be written. */
static json_t *
cover_veil(const json_t *secret, const char *place)
{
	(void)place;
	if (json_object_get(secret, "$data"))
		return json_pack("{s:s}", "$data", "4oCi4oCi4oCi4oCi");	/* VEIL */
	return json_is_object(secret) ? json_pack("{s:s}", VEIL, VEIL) : json_string(VEIL);
}

static const char *
deeper(TALLOC_CTX *ctx, const char *place, const char *name)
{
	struct buf out;

	buf_init(&out, ctx, PLACE_MAX);
	buf_addf(&out, "%s/", place);
	for (; *name; name++)
		if (*name == '~' || *name == '/')
			buf_text(&out, *name == '~' ? "~0" : "~1");
		else
			buf_add(&out, name, 1);
	return buf_str(&out);
}

static json_t *
mask(TALLOC_CTX *ctx, const struct apple_fact *fact, const json_t *v, const char *place, covering *cover)
{
	const struct apple_fact *below;
	const char *name, *inner;
	json_t *made, *item;
	size_t i;

	if (json_is_array(v)) {
		made = json_array();
		json_array_foreach(v, i, item)
			json_array_append_new(made, mask(ctx, fact ? fact->under : NULL, item,
							 mem_printf(ctx, "%s/%zu", place, i), cover));
		return made;
	}
	if (!json_is_object(v))
		return json_incref((json_t *)v);
	made = json_object();
	json_object_foreach((json_t *)v, name, item) {
		below = fact ? apple_fact_under(fact, name) : NULL;
		inner = deeper(ctx, place, name);
		json_object_set_new(made, name, form_is_secret(below, name) && !form_is_empty(item) ?
				    cover(item, inner) : mask(ctx, below, item, inner, cover));
	}
	return made;
}

static json_t *
mask_form(const json_t *form, covering *cover)
{
	void *ctx SCOPED(mem) = mem_must(talloc_new(NULL));
	json_t *made = json_copy((json_t *)form), *payloads = json_array(), *payload, *copy;
	size_t i;

	json_array_foreach(json_object_get(form, "payloads"), i, payload) {
		const json_t *keys = json_object_get(payload, "keys");

		copy = json_copy(payload);
		if (keys)
			json_object_set_new(copy, "keys", mask(ctx, payload_fact_of(text_of(payload, "type"), keys), keys,
							       text_of(payload, "id"), cover));
		json_array_append_new(payloads, copy);
	}
	if (json_object_get(form, "payloads"))	/* a form without any is given back as it is */
		json_object_set(made, "payloads", payloads);
	json_decref(payloads);
	if (*text_of(form, REMOVAL))
		json_object_set_new(made, REMOVAL, cover(json_object_get(form, REMOVAL), REMOVAL));
	return made;
}

json_t *
mobileconfig_form_masked(const json_t *form)
{
	return mask_form(form, cover_kept);
}

json_t *
form_veiled(const json_t *form)
{
	return mask_form(form, cover_veil);
}

/* ---- and back ---- */

static json_t *restore(const json_t *v, const char *key, const json_t *before, struct err *err);

/* The next name of a place; NULL at its end. */
static char *
next_name(char **at)
{
	char *name = strsep(at, "/"), *to = name;

	for (char *from = name; from && *from; from++)
		if (*from == '~' && (from[1] == '0' || from[1] == '1'))
			*to++ = *++from == '0' ? '~' : '/';
		else
			*to++ = *from;
	if (to)
		*to = '\0';
	return name;
}

static const json_t *
inside(const json_t *v, const char *name)
{
	struct err err;
	int64_t i;

	if (json_is_object(v))
		return json_object_get(v, name);
	return num_parse(name, 0, FORM_BYTES_MAX, &i, &err) ? json_array_get(v, (size_t)i) : NULL;
}

/* A secret does not move to a key where it would be shown: the last name of its place is that key's. */
static json_t *
look_up(const char *place, const char *key, const json_t *before, struct err *err)
{
	void *ctx SCOPED(mem) = mem_must(talloc_new(NULL));
	char *at = mem_text(ctx, place), *name = next_name(&at), *last = name;
	const json_t *v = strcmp(name, REMOVAL) == 0 && !at ? json_object_get(before, REMOVAL) :
			  json_object_get(form_payload(before, name), "keys");

	while (v && (name = next_name(&at))) {
		v = inside(v, name);
		last = name;
	}
	if (!v || strcmp(last, key) != 0) {
		FORM_BAD("%.100s: nothing was kept from %.100s", key, place);
		return NULL;
	}
	return json_incref((json_t *)v);
}

static json_t *
restore_dict(const json_t *v, const char *key, const json_t *before, struct err *err)
{
	const char *place = json_object_size(v) == 1 ? json_string_value(json_object_get(v, "$kept")) : NULL, *name;
	json_t *made, *item, *restored;

	if (place)
		return look_up(place, key, before, err);
	made = json_object();
	json_object_foreach((json_t *)v, name, item) {
		restored = restore(item, name, before, err);
		if (!restored) {
			json_decref(made);
			return NULL;
		}
		json_object_set_new(made, name, restored);
	}
	return made;
}

static json_t *
restore(const json_t *v, const char *key, const json_t *before, struct err *err)
{
	json_t *made, *item, *restored;
	size_t i;

	if (json_is_object(v))
		return restore_dict(v, key, before, err);
	if (!json_is_array(v))
		return json_incref((json_t *)v);
	made = json_array();
	json_array_foreach(v, i, item) {
		restored = restore(item, key, before, err);
		if (!restored) {
			json_decref(made);
			return NULL;
		}
		json_array_append_new(made, restored);
	}
	return made;
}

bool
mobileconfig_form_kept(const json_t *form, const json_t *before, json_t **ret, struct err *err)
{
	json_t *made = restore(form, "", before, err);

	if (made)
		*ret = made;
	return made;
}
