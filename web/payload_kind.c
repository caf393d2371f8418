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

	if (!item)
		return KIND_JSON;
	if (is_subject(fact))
		return KIND_SUBJECT;
	switch (item->type) {
	case APPLE_DICTIONARY:	return KIND_GROUPS;
	case APPLE_STRING:	return item->values || payload_reference(item->name) != REFERS_NOTHING ? KIND_WORDS : KIND_LINES;
	case APPLE_INTEGER:
	case APPLE_REAL:	return item->values && !strstr(item->values, "..") ? KIND_WORDS : KIND_LINES;
	default:		return KIND_JSON;
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
	case APPLE_DICTIONARY:	return fact->under && strcmp(fact->under->name, "*") != 0 ? KIND_GROUP : KIND_JSON;
	default:		return KIND_JSON;
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
payload_form_fact(const char *type, const json_t *keys)
{
	const struct apple_fact *fact = payload_fact_of(type, keys), *next;

	while (fact && json_object_size(keys) == 0 && (next = payload_fact_next(fact)))
		fact = next;
	return fact;
}
