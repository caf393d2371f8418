#include "web/payload_kind.h"
#include "core/buf.h"
#include <string.h>

static enum payload_kind
text_kind(const struct apple_fact *fact)
{
	if (payload_reference(fact->name) != REFERS_NOTHING)
		return KIND_REFERENCE;
	if (fact->secret)
		return KIND_SECRET;
	if (fact->list_too)
		return KIND_LINES;
	return fact->values ? KIND_CHOICE : KIND_TEXT;
}

/* An X.500 name as SCEP and ACME want it: RDNs of pairs, three deep. */
static bool
is_subject(const struct apple_fact *fact)
{
	const struct apple_fact *rdn = fact->under, *pair = rdn ? rdn->under : NULL;

	return pair && rdn->type == APPLE_ARRAY && pair->type == APPLE_ARRAY && pair->under &&
	       pair->under->type == APPLE_STRING;
}

static enum payload_kind
array_kind(const struct apple_fact *fact)
{
	const struct apple_fact *item = fact->under;

	if (!item || item->next)
		return KIND_JSON;
	if (is_subject(fact))
		return KIND_SUBJECT;
	switch (item->type) {
	case APPLE_STRING:	return item->values || payload_reference(item->name) != REFERS_NOTHING ? KIND_WORDS : KIND_LINES;
	case APPLE_INTEGER:
	case APPLE_REAL:	return item->values && !strstr(item->values, "..") ? KIND_WORDS : KIND_LINES;
	default:		return KIND_LIST;
	}
}

enum payload_kind
payload_kind(const struct apple_fact *fact)
{
	switch (fact->type) {
	case APPLE_STRING:	return text_kind(fact);
	case APPLE_INTEGER:
	case APPLE_REAL:	return fact->values && !strstr(fact->values, "..") ? KIND_CHOICE : KIND_NUMBER;
	case APPLE_BOOLEAN:	return KIND_YESNO;
	case APPLE_DATE:	return KIND_DATE;
	case APPLE_DATA:	return KIND_DATA;
	case APPLE_ARRAY:	return array_kind(fact);
	case APPLE_PAYLOAD:
	case APPLE_DICTIONARY:	return fact->under && strcmp(fact->under->name, "*") != 0 ? KIND_GROUP : KIND_FREE;
	case APPLE_ANY:		return KIND_ANY;
	default:		return KIND_JSON;
	}
}

/* ---- keys beside those that Apple names ---- */

bool
payload_is_rest(const struct apple_fact *fact)
{
	return strcmp(fact->name, "*") == 0;
}

json_t *
payload_rest(const struct apple_fact *group, const json_t *v)
{
	json_t *rest = NULL, *item;
	const char *key;

	json_object_foreach((json_t *)v, key, item)
		if (!apple_fact_find(group->under, key) && !(group->type == APPLE_PAYLOAD && payload_common(key)))
			json_object_set(rest ? rest : (rest = json_object()), key, item);
	return rest;
}

/* ---- where any type may stand ---- */

static const struct apple_fact any = { .name = "*", .type = APPLE_ANY };

static const struct { const char *word; struct apple_fact fact; } anys[] = {
	{ "text", { .name = "", .type = APPLE_STRING } },
	/* a number that is written without a point is an integer, unless it was real before */
	{ "number", { .name = "", .type = APPLE_REAL } }, { "real", { .name = "", .type = APPLE_REAL } },
	{ "yesno", { .name = "", .type = APPLE_BOOLEAN } }, { "date", { .name = "", .type = APPLE_DATE } },
	{ "data", { .name = "", .type = APPLE_DATA } },
	{ "dictionary", { .name = "", .type = APPLE_DICTIONARY, .under = &any } },
	{ "list", { .name = "", .type = APPLE_ARRAY, .under = &any } },
	/* a key that refers to any payload of the mobileconfig */
	{ "payload", { .name = "certificateUUID", .type = APPLE_STRING } },
	{ "secret", { .name = "", .type = APPLE_STRING, .secret = true } },
};
#define ANYS (sizeof anys / sizeof *anys)

const char *const payload_any_words[] = { "text", "number", "yesno", "date", "data", "dictionary", "list", "payload", NULL };

const struct apple_fact *
payload_any(const char *word)
{
	for (size_t i = 0; word && i < ANYS; i++)
		if (strcmp(anys[i].word, word) == 0)
			return &anys[i].fact;
	return NULL;
}

const char *
payload_any_of(const struct apple_fact *fact, const json_t *v)
{
	if (fact->type == APPLE_STRING)	/* any key, but texts alone */
		return fact->secret ? "secret" : "text";
	switch (v ? json_typeof(v) : JSON_STRING) {
	case JSON_INTEGER:	return "number";
	case JSON_REAL:		return "real";
	case JSON_TRUE:
	case JSON_FALSE:	return "yesno";
	case JSON_ARRAY:	return "list";
	case JSON_OBJECT:	return json_object_get(v, "$kept") ? "secret" : json_object_get(v, "$data") ? "data" :
				       json_object_get(v, "$date") ? "date" : json_object_get(v, "$payload") ? "payload" : "dictionary";
	default:		return "text";
	}
}

const char *
payload_field(TALLOC_CTX *ctx, const char *above, const char *key)
{
	struct buf out;

	buf_init(&out, ctx, PAYLOAD_NAME_MAX);
	buf_addf(&out, "%s/", above);
	for (; *key; key++)
		if (*key == '~' || *key == '/')
			buf_text(&out, *key == '~' ? "~0" : "~1");
		else
			buf_add(&out, key, 1);
	return buf_str(&out);
}

const char *
payload_mark(TALLOC_CTX *ctx, const char *name, const char *mark)
{
	return mem_printf(ctx, "%s~%s", name, mark);
}

const struct apple_fact *
payload_form_fact(const char *type, const json_t *keys, const json_t *variant)
{
	const struct apple_fact *fact = variant ? payload_fact(type) : payload_fact_of(type, keys), *next;

	for (json_int_t n = json_integer_value(variant); n > 0 && fact && (next = payload_fact_next(fact)); n--)
		fact = next;
	while (!variant && fact && json_object_size(keys) == 0 && (next = payload_fact_next(fact)))
		fact = next;
	return fact;
}

int
payload_form_variant(const struct apple_fact *fact)
{
	int n = 0;

	for (const struct apple_fact *f = fact ? payload_fact(fact->name) : NULL; f && f != fact; f = payload_fact_next(f))
		n++;
	return n;
}
