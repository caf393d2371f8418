#include "tests/device/tree.h"
#include <stdlib.h>
#include <string.h>

plist_t
tree_read(TALLOC_CTX *ctx, struct bytes xml, plist_type root, const char *what)
{
	plist_t ret = NULL;

	if (xml.len < 6 || memcmp(xml.p, "<?xml", 5) != 0)
		refuse("%s is no XML property list", what);
	if (xml.len > (8u << 20))
		refuse("%s is larger than a phone would read", what);
	plist_from_xml(xml.p, (uint32_t)xml.len, &ret);
	hold(ctx, ret, plist_free, mem_printf(ctx, "%s cannot be read", what));
	if (plist_get_node_type(ret) != root)
		refuse("%s has another root than it should", what);
	return ret;
}

plist_t
tree_new(TALLOC_CTX *ctx)
{
	return hold(ctx, plist_new_dict(), plist_free, "no memory");
}

struct bytes
tree_xml(TALLOC_CTX *ctx, plist_t tree)
{
	char *p = NULL;
	uint32_t len = 0;
	struct bytes ret;

	plist_to_xml(tree, &p, &len);
	if (!p)
		phone_die("write a property list");
	ret = (struct bytes){ mem_copy(ctx, p, len), len };
	free(p);
	return ret;
}

static const char *
type_name(plist_type type)
{
	switch (type) {
	case PLIST_BOOLEAN:	return "boolean";
	case PLIST_UINT:	return "integer";
	case PLIST_REAL:	return "real";
	case PLIST_STRING:	return "string";
	case PLIST_ARRAY:	return "array";
	case PLIST_DICT:	return "dictionary";
	case PLIST_DATE:	return "date";
	case PLIST_DATA:	return "data";
	default:		return "something else";
	}
}

plist_t
tree_at(plist_t dict, const char *key, plist_type type)
{
	plist_t node = dict ? plist_dict_get_item(dict, key) : NULL;

	if (node && plist_get_node_type(node) != type)
		refuse("%s is no %s", key, type_name(type));
	return node;
}

const char *
tree_text(plist_t dict, const char *key)
{
	plist_t node = tree_at(dict, key, PLIST_STRING);

	return node ? plist_get_string_ptr(node, NULL) : NULL;
}

int64_t
tree_int(plist_t dict, const char *key, int64_t fallback)
{
	plist_t node = tree_at(dict, key, PLIST_UINT);
	uint64_t value;

	if (!node)
		return fallback;
	plist_get_uint_val(node, &value);
	return (int64_t)value;
}

bool
tree_bool(plist_t dict, const char *key)
{
	plist_t node = tree_at(dict, key, PLIST_BOOLEAN);
	uint8_t value = 0;

	if (node)
		plist_get_bool_val(node, &value);
	return value;
}

struct bytes
tree_data(plist_t dict, const char *key)
{
	plist_t node = tree_at(dict, key, PLIST_DATA);
	uint64_t len = 0;
	const char *p = node ? plist_get_data_ptr(node, &len) : NULL;

	return (struct bytes){ p, (size_t)len };
}

const char *
tree_must_text(plist_t dict, const char *key, const char *what)
{
	const char *text = tree_text(dict, key);

	if (!text || !*text)
		refuse("%s has no %s", what, key);
	return text;
}

plist_t
tree_must(plist_t dict, const char *key, plist_type type, const char *what)
{
	plist_t node = tree_at(dict, key, type);

	if (!node)
		refuse("%s has no %s", what, key);
	return node;
}

void
tree_put(plist_t dict, const char *key, plist_t node)
{
	plist_dict_set_item(dict, key, node);
}

void
tree_put_text(plist_t dict, const char *key, const char *text)
{
	if (text)
		tree_put(dict, key, plist_new_string(text));
}

void
tree_put_int(plist_t dict, const char *key, int64_t value)
{
	tree_put(dict, key, plist_new_uint((uint64_t)value));
}

void
tree_put_bool(plist_t dict, const char *key, bool value)
{
	tree_put(dict, key, plist_new_bool(value));
}

void
tree_put_data(plist_t dict, const char *key, struct bytes data)
{
	tree_put(dict, key, plist_new_data(data.p, data.len));
}

plist_t
tree_put_new(plist_t dict, const char *key, plist_type type)
{
	plist_t node = type == PLIST_ARRAY ? plist_new_array() : plist_new_dict();

	tree_put(dict, key, node);
	return node;
}

void
tree_drop(plist_t dict, const char *key)
{
	if (plist_dict_get_item(dict, key))
		plist_dict_remove_item(dict, key);
}

void
tree_copy(plist_t to, const char *key, plist_t from)
{
	plist_t node = from ? plist_dict_get_item(from, key) : NULL;

	if (node)
		tree_put(to, key, plist_copy(node));
}

plist_t
tree_find(plist_t array, const char *key, const char *text, uint32_t *index)
{
	uint32_t n = array ? plist_array_get_size(array) : 0;

	for (uint32_t i = 0; i < n; i++) {
		plist_t item = plist_array_get_item(array, i);
		const char *is = tree_text(item, key);

		if (is && strcmp(is, text) == 0) {
			if (index)
				*index = i;
			return item;
		}
	}
	return NULL;
}

bool
tree_has_text(plist_t array, const char *text)
{
	uint32_t n = array ? plist_array_get_size(array) : 0;

	for (uint32_t i = 0; i < n; i++) {
		plist_t item = plist_array_get_item(array, i);

		if (plist_get_node_type(item) == PLIST_STRING && strcmp(plist_get_string_ptr(item, NULL), text) == 0)
			return true;
	}
	return false;
}
