#include "mdm/apple_plist.h"
#include "core/clock.h"
#include "core/num.h"
#include "core/plist.h"
#include "core/plist_write.h"
#include <regex.h>
#include <string.h>

#define QUOTED_MAX	200	/* bytes of a key or text that are quoted */

#define BAD(...) err_code(err, ERR_INVALID, w->code, __VA_ARGS__)

static bool value(struct apple_writing *w, const struct apple_fact *fact, const char *key, const json_t *v,
		  struct err *err);
static bool any(struct apple_writing *w, const char *key, const json_t *v, struct err *err);

const char *
apple_json_type(const json_t *v)
{
	static const char *const names[] = { [JSON_OBJECT] = "a dictionary", [JSON_ARRAY] = "an array",
		[JSON_STRING] = "a string", [JSON_INTEGER] = "an integer", [JSON_REAL] = "a real number",
		[JSON_TRUE] = "true", [JSON_FALSE] = "false", [JSON_NULL] = "null" };

	return names[json_typeof(v)];
}

static const json_t *
mark_of(const json_t *v, const char *mark)
{
	return json_is_object(v) && json_object_size(v) == 1 ? json_object_get(v, mark) : NULL;
}

const char *
apple_marked(const json_t *v, const char *mark)
{
	return json_string_value(json_is_object(v) ? mark_of(v, mark) : v);
}

static bool
write_data(struct apple_writing *w, const char *key, const json_t *v, struct err *err)
{
	const char *text = apple_marked(v, "$data");

	if (!text || !num_unbase64(w->ctx, text, strlen(text), &w->data))
		return BAD("must be data in base64, and is %s", text ? "no base64" : apple_json_type(v));
	plist_write_data(w->out, key, w->data);
	return true;
}

#define YEAR_10000 253402300800

bool
apple_date(const char *text, time_t *ret)
{
	struct err why;

	return text && clock_parse(text, ret, &why) && *ret >= 0 && *ret < YEAR_10000;
}

static bool
write_date(struct apple_writing *w, const char *key, const json_t *v, struct err *err)
{
	const char *text = apple_marked(v, "$date");
	time_t at;

	if (!apple_date(text, &at))
		return BAD("must be a date such as 2026-11-22T08:30:00Z, and is %s", text ? "none" : apple_json_type(v));
	plist_write_time(w->out, key, at);
	return true;
}

/* {"$payload": id}; *none: it is not. */
static bool
write_reference(struct apple_writing *w, const char *name, const char *key, const json_t *v, bool *none, struct err *err)
{
	const char *id = w->refer ? json_string_value(mark_of(v, "$payload")) : NULL, *text;

	*none = !id;
	if (!id)
		return true;
	text = w->refer(w->arg, name, id, err);
	if (!text)
		return false;
	plist_write_text(w->out, key, text);
	return true;
}

/* ---- where any type may stand ---- */

static bool
any_array(struct apple_writing *w, const char *key, const json_t *v, struct err *err)
{
	const json_t *item;
	size_t i;

	plist_write_array(w->out, key);
	json_array_foreach(v, i, item)
		if (!any(w, NULL, item, err))
			return err_at(err, "[%zu]", i);
	plist_write_array_end(w->out);
	return true;
}

/* What XML cannot hold would be dropped, and two keys become one. */
static bool
key_fits(const struct apple_writing *w, const char *name, struct err *err)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < len; i++)
		if ((unsigned char)name[i] < ' ')
			return BAD("a key holds a control character");
	return (len > 0 && len <= PLIST_KEY_MAX) || BAD("a key of %zu bytes", len);
}

bool
apple_write_any_keys(struct apple_writing *w, const json_t *dict, struct err *err)
{
	const json_t *item;
	const char *name;

	json_object_foreach((json_t *)dict, name, item) {
		if (!key_fits(w, name, err))
			return false;
		if (!any(w, name, item, err))
			return err_at(err, "%.*s", QUOTED_MAX, name);
	}
	return true;
}

static bool
any_dict(struct apple_writing *w, const char *key, const json_t *v, struct err *err)
{
	bool none;

	if (mark_of(v, "$data"))
		return write_data(w, key, v, err);
	if (mark_of(v, "$date"))
		return write_date(w, key, v, err);
	if (!write_reference(w, key ? key : "", key, v, &none, err))
		return false;
	if (!none)
		return true;
	plist_write_dict(w->out, key);
	if (!apple_write_any_keys(w, v, err))
		return false;
	plist_write_dict_end(w->out);
	return true;
}

static bool
any(struct apple_writing *w, const char *key, const json_t *v, struct err *err)
{
	bool ok = true;

	if (++w->depth > w->depth_max)
		return BAD("deeper than %d", w->depth_max);
	switch (json_typeof(v)) {
	case JSON_OBJECT:	ok = any_dict(w, key, v, err); break;
	case JSON_ARRAY:	ok = any_array(w, key, v, err); break;
	case JSON_STRING:	plist_write_text(w->out, key, json_string_value(v)); break;
	case JSON_INTEGER:	plist_write_int(w->out, key, json_integer_value(v)); break;
	case JSON_REAL:		plist_write_real(w->out, key, json_real_value(v)); break;
	case JSON_NULL:		return BAD("a property list has no null");
	default:		plist_write_bool(w->out, key, json_is_true(v)); break;
	}
	w->depth--;
	return ok;
}

/* ---- by the facts ---- */

static const struct apple_fact *
item_fact(struct apple_writing *w, const struct apple_fact *array, const json_t *item, struct err *err)
{
	const char *name = json_string_value(json_object_get(item, "Item"));
	const struct apple_fact *fact = array->under;

	if (!fact->next)
		return fact;
	if (!json_is_object(item) || !name)
		BAD("must be a dictionary with an Item");
	else if (!(fact = apple_fact_under(array, name)))
		BAD("iOS has no Item \"%.*s\"", QUOTED_MAX, name);
	return name ? fact : NULL;
}

static bool
write_array(struct apple_writing *w, const struct apple_fact *fact, const char *key, const json_t *v, struct err *err)
{
	const struct apple_fact *below;
	const json_t *item;
	size_t i;

	if (!json_is_array(v))
		return BAD("must be an array, and is %s", apple_json_type(v));
	if (!apple_values_hold(fact->values, (double)json_array_size(v)))
		return BAD("must have %s items, and has %zu", fact->values, json_array_size(v));
	if (!fact->under)
		return any_array(w, key, v, err);
	plist_write_array(w->out, key);
	json_array_foreach(v, i, item) {
		below = item_fact(w, fact, item, err);
		if (!below || !value(w, below, NULL, item, err))
			return err_at(err, "[%zu]", i);
	}
	plist_write_array_end(w->out);
	return true;
}

bool
apple_write_keys(struct apple_writing *w, const struct apple_fact *fact, const json_t *v, struct err *err)
{
	const struct apple_fact *below;
	const json_t *item;
	const char *name;

	json_object_foreach((json_t *)v, name, item) {
		below = apple_fact_under(fact, name);
		if (!below)
			return BAD("iOS has no key \"%.*s\" here", QUOTED_MAX, name);
		if (!key_fits(w, name, err))
			return false;
		if (!value(w, below, name, item, err))
			return err_at(err, "%.*s", QUOTED_MAX, name);
	}
	for (below = fact->under; below; below = below->next)
		if (below->required && strcmp(below->name, "*") != 0 && !json_object_get(v, below->name))
			return BAD("the key %s is missing", below->name);
	return true;
}

static bool
write_dict(struct apple_writing *w, const struct apple_fact *fact, const char *key, const json_t *v, struct err *err)
{
	if (!json_is_object(v))
		return BAD("must be a dictionary, and is %s", apple_json_type(v));
	if (!fact->under)
		return any_dict(w, key, v, err);
	plist_write_dict(w->out, key);
	if (!apple_write_keys(w, fact, v, err))
		return false;
	plist_write_dict_end(w->out);
	return true;
}

static bool
matches(const char *format, const char *text)
{
	regex_t regex;
	bool ok;

	if (regcomp(&regex, format, REG_EXTENDED | REG_NOSUB) != 0)
		return false;
	ok = regexec(&regex, text, 0, NULL, 0) == 0;
	regfree(&regex);
	return ok;
}

static bool
judge_text(const struct apple_writing *w, const struct apple_fact *fact, const char *text, struct err *err)
{
	if (w->open && w->open(text))
		return true;
	if (fact->values && !apple_values_have(fact->values, text))
		return BAD("\"%.*s\" is none of %s", QUOTED_MAX, text, fact->values);
	if (fact->under && !apple_fact_under(fact, text))
		return BAD("iOS has no \"%.*s\" here", QUOTED_MAX, text);
	if (fact->format && !matches(fact->format, text))
		return BAD("\"%.*s\" is not of the form %s", QUOTED_MAX, text, fact->format);
	return true;
}

static bool
write_list_too(struct apple_writing *w, const struct apple_fact *fact, const char *key, const json_t *v, struct err *err)
{
	const json_t *item;
	size_t i;

	plist_write_array(w->out, key);
	json_array_foreach(v, i, item) {
		if (json_is_array(item))
			return BAD("[%zu]: must be a string, and is an array", i);
		if (!value(w, fact, NULL, item, err))
			return err_at(err, "[%zu]", i);
	}
	plist_write_array_end(w->out);
	return true;
}

static bool
write_text(struct apple_writing *w, const struct apple_fact *fact, const char *key, const json_t *v, struct err *err)
{
	const char *text = json_string_value(v);
	bool none;

	if (fact->list_too && json_is_array(v))
		return write_list_too(w, fact, key, v, err);
	if (!text) {
		if (!write_reference(w, fact->name, key, v, &none, err))
			return false;
		return !none || BAD("must be a string, and is %s", apple_json_type(v));
	}
	if (!judge_text(w, fact, text, err))
		return false;
	plist_write_text(w->out, key, text);
	return true;
}

static bool
write_number(struct apple_writing *w, const struct apple_fact *fact, const char *key, const json_t *v, struct err *err)
{
	if (fact->type == APPLE_INTEGER && !json_is_integer(v))
		return BAD("must be an integer, and is %s", apple_json_type(v));
	if (!json_is_number(v))
		return BAD("must be a number, and is %s", apple_json_type(v));
	if (!apple_values_hold(fact->values, json_number_value(v)))
		return BAD("%g is none of %s", json_number_value(v), fact->values);
	if (fact->type == APPLE_INTEGER)
		plist_write_int(w->out, key, json_integer_value(v));
	else
		plist_write_real(w->out, key, json_number_value(v));
	return true;
}

static bool
write_boolean(struct apple_writing *w, const char *key, const json_t *v, struct err *err)
{
	if (!json_is_boolean(v))
		return BAD("must be true or false, and is %s", apple_json_type(v));
	plist_write_bool(w->out, key, json_is_true(v));
	return true;
}

static bool
value(struct apple_writing *w, const struct apple_fact *fact, const char *key, const json_t *v, struct err *err)
{
	switch (fact->type) {
	case APPLE_WORD:
	case APPLE_STRING:	return write_text(w, fact, key, v, err);
	case APPLE_INTEGER:
	case APPLE_REAL:	return write_number(w, fact, key, v, err);
	case APPLE_DATE:	return write_date(w, key, v, err);
	case APPLE_DATA:	return write_data(w, key, v, err);
	case APPLE_ARRAY:	return write_array(w, fact, key, v, err);
	case APPLE_DICTIONARY:	return write_dict(w, fact, key, v, err);
	case APPLE_ANY:		return any(w, key, v, err);
	default:		return write_boolean(w, key, v, err);
	}
}
