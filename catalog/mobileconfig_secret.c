/*
 * Which keys are secrets is a fact of mdm/mobileconfig_form.h, which says it of a form.  So each value is asked about
 * by itself, in a form that holds nothing else.
 */
#include "catalog/mobileconfig.h"
#include "mdm/mobileconfig_form.h"
#include <string.h>

#define PATH_MAX_	256
#define HIDDEN		"$hidden"

static bool
is_hidden(const json_t *value)
{
	return json_is_true(json_object_get(value, HIDDEN));
}

/* ---- asking ---- */

struct at {			/* where a value stands: a key, or a place in a list, and what it stands in */
	const struct at *up;
	const char *key;	/* NULL: a place in a list */
	const char *type;	/* of the payload, at the top */
};

static bool
secret(const struct at *at, json_t *value)
{
	json_t *inner = json_incref(value), *form;
	bool ret;

	for (; at->up; at = at->up)
		inner = at->key ? json_pack("{s:o}", at->key, inner) : json_pack("[o]", inner);
	form = json_pack("{s:[{s:s, s:s, s:o}]}", "payloads", "id", "p", "type", at->type, "keys", inner);
	ret = mobileconfig_form_secret(form);
	json_decref(form);
	return ret;
}

static bool
is_leaf(const json_t *value)
{
	const char *first = json_object_iter_key(json_object_iter((json_t *)(uintptr_t)value));

	return (!json_is_object(value) && !json_is_array(value)) || (first && *first == '$');
}

struct hiding {
	bool without;
	json_t *paths;		/* NULL: nobody asks */
};

static void
note(const struct hiding *h, const char *path)
{
	if (h->paths)
		json_array_append_new(h->paths, json_string(path));
}

static json_t *
hide_value(const struct hiding *h, const struct at *at, const char *path, json_t *value);

static json_t *
hide_inside(const struct hiding *h, const struct at *at, const char *path, json_t *value)
{
	json_t *ret = json_is_array(value) ? json_array() : json_object(), *item, *done;
	char below[PATH_MAX_];
	const char *key;
	size_t i;

	json_array_foreach(value, i, item) {
		snprintf(below, sizeof below, "%s[%zu]", path, i);
		if ((done = hide_value(h, &(struct at){ .up = at }, below, item)))
			json_array_append_new(ret, done);
	}
	json_object_foreach(value, key, item) {
		snprintf(below, sizeof below, "%s.%s", path, key);
		if ((done = hide_value(h, &(struct at){ .up = at, .key = key }, below, item)))
			json_object_set_new(ret, key, done);
	}
	return ret;
}

/* NULL: it is left out. */
static json_t *
hide_value(const struct hiding *h, const struct at *at, const char *path, json_t *value)
{
	if (!secret(at, value))
		return json_deep_copy(value);
	if (!is_leaf(value))
		return hide_inside(h, at, path, value);
	note(h, path);
	return h->without ? NULL : json_pack("{s:b}", HIDDEN, 1);
}

static void
hide_payload(const struct hiding *h, json_t *payload)
{
	const char *type = json_string_value(json_object_get(payload, "type"));
	const char *id = json_string_value(json_object_get(payload, "id"));
	json_t *keys = json_object_get(payload, "keys"), *done = json_object(), *value, *one;
	struct at top = { .type = type ? type : "" };
	char path[PATH_MAX_];
	const char *key;

	json_object_foreach(keys, key, value) {
		snprintf(path, sizeof path, "%s.%s", id ? id : "?", key);
		if ((one = hide_value(h, &(struct at){ .up = &top, .key = key }, path, value)))
			json_object_set_new(done, key, one);
	}
	json_object_set_new(payload, "keys", done);
}

json_t *
mobileconfig_hide(const json_t *form, bool without, json_t **paths)
{
	struct hiding h = { without, paths ? (*paths = json_array()) : NULL };
	json_t *copy = json_deep_copy(form), *payload;
	size_t i;

	json_array_foreach(json_object_get(copy, "payloads"), i, payload)
		hide_payload(&h, payload);
	if (json_string_length(json_object_get(copy, "removal_password"))) {
		note(&h, "removal_password");
		if (without)
			json_object_del(copy, "removal_password");
		else
			json_object_set_new(copy, "removal_password", json_pack("{s:b}", HIDDEN, 1));
	}
	return copy;
}

/* ---- and back ---- */

static bool
lost(struct err *err, const char *path)
{
	return err_code(err, ERR_INVALID, "bad_mobileconfig", "%s is hidden, and the version before has nothing there", path);
}

static bool
unhide(json_t *value, const json_t *before, const char *path, struct err *err)
{
	char below[PATH_MAX_];
	const char *key;
	json_t *item;
	void *next;
	size_t i;

	json_array_foreach(value, i, item) {
		json_t *old = json_array_get(before, i);

		snprintf(below, sizeof below, "%s[%zu]", path, i);
		if (is_hidden(item) ? !old || is_hidden(old) : !unhide(item, old, below, err))
			return is_hidden(item) ? lost(err, below) : false;
		if (is_hidden(item))
			json_array_set(value, i, old);
	}
	json_object_foreach_safe(value, next, key, item) {
		json_t *old = json_object_get(before, key);

		snprintf(below, sizeof below, "%s.%s", path, key);
		if (is_hidden(item) ? !old || is_hidden(old) : !unhide(item, old, below, err))
			return is_hidden(item) ? lost(err, below) : false;
		if (is_hidden(item))
			json_object_set(value, key, old);
	}
	return true;
}

/* Its secrets stay its own: those of another type are not put into it. */
static const json_t *
payload_of(const json_t *form, const json_t *like)
{
	const char *id = json_string_value(json_object_get(like, "id")), *type = json_string_value(json_object_get(like, "type"));
	json_t *payload;
	size_t i;

	json_array_foreach(json_object_get(form, "payloads"), i, payload) {
		const char *its_id = json_string_value(json_object_get(payload, "id"));
		const char *its_type = json_string_value(json_object_get(payload, "type"));

		if (id && type && its_id && its_type && strcmp(id, its_id) == 0 && strcmp(type, its_type) == 0)
			return payload;
	}
	return NULL;
}

bool
mobileconfig_unhide(const json_t *form, const json_t *before, json_t **ret, struct err *err)
{
	json_t *copy = json_deep_copy(form), *payload, *password = json_object_get(copy, "removal_password");
	const json_t *old = json_object_get(before, "removal_password");
	bool ok = true;
	size_t i;

	if (is_hidden(password)) {
		ok = old || lost(err, "removal_password");
		if (ok)
			json_object_set(copy, "removal_password", (json_t *)(uintptr_t)old);
	}
	json_array_foreach(json_object_get(copy, "payloads"), i, payload) {
		const char *id = json_string_value(json_object_get(payload, "id"));

		ok = ok && unhide(json_object_get(payload, "keys"), json_object_get(payload_of(before, payload), "keys"),
				  id ? id : "?", err);
	}
	if (!ok)
		json_decref(copy);
	else
		*ret = copy;
	return ok;
}
