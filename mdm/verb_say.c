/* Fields of verbs as people type them: on the command line, in a form. */
#include "core/num.h"
#include "mdm/verb.h"
#include <string.h>

#define BAD(...) err_code(err, ERR_INVALID, "bad_command", __VA_ARGS__)
#define BLANK	" \t\r\n"

static bool
say_truth(const char *name, const char *text, json_t **ret, struct err *err)
{
	static const char *const words[] = { "no", "yes", "false", "true", "off", "on", "0", "1" };

	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (strcasecmp(words[i], text) == 0) {
			*ret = json_boolean(i % 2);
			return true;
		}
	return BAD("%s is yes or no, and not \"%.100s\"", name, text);
}

static bool
say_number(const char *name, const char *text, json_t **ret, struct err *err)
{
	struct err none;
	int64_t n;

	if (!num_parse(text, INT64_MIN, INT64_MAX, &n, &none))
		return BAD("%s is a whole number, and not \"%.100s\"", name, text);
	*ret = json_integer(n);
	return true;
}

static bool
say_text(const char *name, const char *text, size_t len, json_t **ret, struct err *err)
{
	return (*ret = json_stringn(text, len)) || BAD("%s is no text in UTF-8", name);
}

/* Whether it is a dictionary, and what stands in it, is judged with the command. */
static bool
say_json(const char *name, const char *text, json_t **ret, struct err *err)
{
	json_error_t why;

	*ret = json_loads(text, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &why);
	return *ret || BAD("%s is no JSON: line %d: %s", name, why.line, why.text);
}

static bool
say_items(const char *name, const char *text, json_t *list, struct err *err)
{
	json_t *v;
	size_t len;

	for (; *(text += strspn(text, BLANK ",;")); text += len) {
		len = strcspn(text, BLANK ",;");
		if (!say_text(name, text, len, &v, err))
			return false;
		json_array_append_new(list, v);
	}
	return true;
}

static bool
say_list(const char *name, const char *text, json_t *list, struct err *err)
{
	json_t *v;

	text += strspn(text, BLANK);
	if (*text != '[' && *text != '{')
		return say_items(name, text, list, err);
	if (!say_json(name, text, &v, err))
		return false;
	if (json_is_array(v))
		json_array_extend(list, v);
	else
		json_array_append(list, v);
	json_decref(v);
	return true;
}

static bool
say(const char *name, const char *text, enum apple_type type, json_t **ret, struct err *err)
{
	switch (type) {
	case APPLE_BOOLEAN:	return say_truth(name, text, ret, err);
	case APPLE_INTEGER:	return say_number(name, text, ret, err);
	case APPLE_REAL:
	case APPLE_ANY:
	case APPLE_DICTIONARY:	return say_json(name, text, ret, err);
	default:		return say_text(name, text, strlen(text), ret, err);
	}
}

bool
verb_say(const struct verb *verb, json_t *fields, const char *name, const char *text, struct err *err)
{
	json_t *v = json_object_get(fields, name);
	enum apple_type type;

	if (!verb_type(verb, name, &type))
		return BAD("%s takes no %.100s", verb->name, name);
	if (type == APPLE_ARRAY) {
		if (!v)
			json_object_set_new(fields, name, v = json_array());
		return say_list(name, text, v, err);
	}
	if (v)
		return BAD("%s is said twice", name);
	if (!say(name, text, type, &v, err))
		return false;
	json_object_set_new(fields, name, v);
	return true;
}
