/* Values that a field can show, and bring back as they were; the rest is JSON. */
#include "core/json.h"
#include "web/payload_kind.h"
#include <stdio.h>
#include <string.h>

static bool
is_kept(const json_t *v)
{
	return json_object_get(v, "$kept");
}

static bool
is_line(const json_t *v)
{
	const char *text = json_string_value(v);

	return json_is_number(v) || (text && *text && !strpbrk(text, "\r\n"));
}

/* Blanks at the edges of a line are not read again. */
static bool
is_one_of_lines(const json_t *v)
{
	const char *text = json_string_value(v);

	return is_line(v) && !(text && (strchr(" \t", *text) || strchr(" \t", text[strlen(text) - 1])));
}

static bool
all_lines(const json_t *v)
{
	const json_t *item;
	size_t i;

	json_array_foreach(v, i, item)
		if (!is_one_of_lines(item))
			return false;
	return json_is_array(v);
}

static bool
is_subject(const json_t *v)
{
	const json_t *rdn, *pair;
	size_t i;

	json_array_foreach(v, i, rdn) {
		pair = json_array_get(rdn, 0);
		if (json_array_size(rdn) != 1 || json_array_size(pair) != 2 || !all_lines(pair) ||
		    !json_is_string(json_array_get(pair, 0)) || !json_is_string(json_array_get(pair, 1)) ||
		    strchr(json_string_value(json_array_get(pair, 0)), '='))
			return false;
	}
	return json_is_array(v);
}

/* Lines are one field; several make an area, whose lines a browser ends in its own way. */
static bool
is_text(const json_t *v)
{
	const char *text = json_string_value(v);

	return text && *text && !strchr(text, '\r');
}

/* What an item cannot show is told by the item. */
static bool
is_list(const struct apple_fact *fact, const json_t *v)
{
	const struct apple_fact *one = fact->under;
	const json_t *item;
	size_t i;

	json_array_foreach(v, i, item)
		if (!json_is_null(item) && ((one->type == APPLE_DICTIONARY && !json_is_object(item)) ||
					    (one->type == APPLE_ARRAY && !json_is_array(item))))
			return false;
	return json_is_array(v) && json_array_size(v) <= PAYLOAD_ITEMS_MAX;
}

static bool
is_free(const json_t *v)
{
	return json_is_object(v) && !is_kept(v) && json_object_size(v) <= PAYLOAD_ITEMS_MAX;
}

static bool
is_group(const struct apple_fact *fact, const json_t *v)
{
	json_t *rest = apple_fact_find(fact->under, "*") ? payload_rest(fact, v) : NULL;
	bool few = json_object_size(rest) <= PAYLOAD_ITEMS_MAX;

	json_decref(rest);
	return few && json_is_object(v) && !is_kept(v);
}

/* Boxes show what is among their values, in their order: a list in another order may mean it. */
static bool
are_values(const char *values, const json_t *v)
{
	const char *at, *last = NULL;
	const json_t *item;
	char number[32];
	size_t i;

	json_array_foreach(v, i, item) {
		snprintf(number, sizeof number, "%lld", (long long)json_integer_value(item));
		at = json_is_string(item) ? apple_values_at(values, json_string_value(item)) :
		     json_is_integer(item) ? apple_values_at(values, number) : NULL;
		if (!at || (last && at <= last))
			return false;
		last = at;
	}
	return json_is_array(v);
}

/* Payloads, in the order of the form. */
static bool
are_references(const json_t *form, const json_t *v)
{
	size_t next = 0, n = json_array_size(json_object_get(form, "payloads")), i;
	const json_t *item;

	json_array_foreach(v, i, item) {
		const char *id = text_of(item, "$payload");

		while (next < n && strcmp(text_of(json_array_get(json_object_get(form, "payloads"), next), "id"), id) != 0)
			next++;
		if (next++ >= n)
			return false;
	}
	return json_is_array(v);
}

static bool
are_words(const json_t *form, const struct apple_fact *fact, const json_t *v)
{
	return fact->under->values ? are_values(fact->under->values, v) : are_references(form, v);
}

bool
payload_fits(const json_t *form, enum payload_kind kind, const struct apple_fact *fact, const json_t *v)
{
	switch (kind) {
	case KIND_TEXT:		return is_text(v);
	case KIND_SECRET:	return is_kept(v) || json_is_string(v);
	case KIND_REFERENCE:	return json_object_get(v, "$payload");
	case KIND_CHOICE:	return is_line(v);
	case KIND_NUMBER:	return json_is_number(v) || is_line(v);	/* what was typed and is none */
	case KIND_YESNO:	return json_is_boolean(v);
	case KIND_DATE:		return json_object_get(v, "$date");
	case KIND_DATA:		return is_kept(v) || json_object_get(v, "$data");
	case KIND_LINES:	return all_lines(v) || (fact->list_too && is_one_of_lines(v));
	case KIND_WORDS:	return are_words(form, fact, v);
	case KIND_SUBJECT:	return is_subject(v);
	case KIND_LIST:		return is_list(fact, v);
	case KIND_GROUP:	return is_group(fact, v);
	case KIND_FREE:		return is_free(v);
	case KIND_ANY:		return json_object_size(v) <= PAYLOAD_ITEMS_MAX && json_array_size(v) <= PAYLOAD_ITEMS_MAX;
	default:		return false;
	}
}
