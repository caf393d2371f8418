#include "core/json.h"

static int
let_go(json_t **json)
{
	json_decref(*json);
	return 0;
}

json_t *
json_hold(TALLOC_CTX *ctx, json_t *json)
{
	json_t **held = mem_new(ctx, json_t *);

	*held = json;
	talloc_set_destructor(held, let_go);
	return json;
}

/* ---- fields ---- */

static const char *const wanted[] = { "a text", "a whole number", "true or false", "a list", "a value" };

static const char *
type_name(const json_t *value)
{
	switch (json_typeof(value)) {
	case JSON_OBJECT:	return "an object";
	case JSON_ARRAY:	return "a list";
	case JSON_STRING:	return "a text";
	case JSON_INTEGER:	return "a number";
	case JSON_REAL:		return "a fraction";
	case JSON_NULL:		return "null";
	default:		return "true or false";
	}
}

static bool
read_one(json_t *value, const struct json_field *f)
{
	switch (f->kind) {
	case JSON_IS_TEXT:
		if (json_is_string(value))
			*(const char **)f->ret = json_string_value(value);
		return json_is_string(value);
	case JSON_IS_INT:
		if (json_is_integer(value))
			*(int64_t *)f->ret = json_integer_value(value);
		return json_is_integer(value);
	case JSON_IS_BOOL:
		if (json_is_boolean(value))
			*(int *)f->ret = json_is_true(value);
		return json_is_boolean(value);
	case JSON_IS_LIST:
		if (json_is_array(value))
			*(json_t **)f->ret = value;
		return json_is_array(value);
	default:
		*(json_t **)f->ret = value;
		return true;
	}
}

void
json_drop_nulls(json_t *object)
{
	const char *key;
	json_t *value;
	void *next;

	json_object_foreach_safe(object, next, key, value)
		if (json_is_null(value))
			json_object_del(object, key);
}

bool
json_read(const json_t *object, const struct json_field *fields, struct err *err)
{
	if (!json_is_object(object))
		return err_set(err, ERR_INVALID, "the body must be an object such as {\"%s\": ...}", fields->name);
	for (const struct json_field *f = fields; f->name; f++) {
		json_t *value = json_object_get(object, f->name);

		if (!value && f->must)
			return err_set(err, ERR_INVALID, "%s is missing: it must be %s", f->name, wanted[f->kind]);
		if (value && !read_one(value, f))
			return err_set(err, ERR_INVALID, "%s must be %s, not %s", f->name, wanted[f->kind], type_name(value));
	}
	return true;
}
