/*
 * Reading property lists: the gate (plist_binary.c, plist_xml.c), then libplist, then small getters
 * that never assert.  libplist's own getters cut dates after 2069 and cannot tell a large unsigned
 * integer from a negative one, so those two are read from the leaf's binary form.
 */
#include "core/plist.h"
#include "core/buf.h"
#include "core/clock.h"
#include "core/plist_gate.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistr.h>

#define YEAR_2001	978307200	/* property lists count their seconds from there */
#define DATA_JSON_MAX	(8u << 20)
#define MARK_DATA	"$data"
#define MARK_DATE	"$date"

static struct bytes
without_mark(struct bytes bytes)
{
	if (bytes.len >= 3 && memcmp(bytes.p, "\xef\xbb\xbf", 3) == 0)
		return (struct bytes){ (const char *)bytes.p + 3, bytes.len - 3 };
	return bytes;
}

static bool
is_binary(struct bytes bytes)
{
	return bytes.len >= 8 && memcmp(bytes.p, "bplist00", 8) == 0;
}

bool
plist_gate(struct bytes bytes, size_t bytes_max, struct err *err)
{
	if (bytes.len == 0)
		return plist_bad(err, "the property list is empty");
	if (bytes.len > bytes_max || bytes.len > PLIST_BYTES_MAX)
		return plist_hostile(err, "a property list of %zu bytes is too large", bytes.len);
	return is_binary(bytes) ? plist_gate_binary(bytes, err) : plist_gate_xml(without_mark(bytes), err);
}

bool
plist_open(struct bytes bytes, size_t bytes_max, plist_t *ret, struct err *err)
{
	plist_t plist = NULL;

	if (!plist_gate(bytes, bytes_max, err))
		return false;
	if (is_binary(bytes)) {
		plist_from_bin(bytes.p, (uint32_t)bytes.len, &plist);
	} else {
		bytes = without_mark(bytes);
		plist_from_xml(bytes.p, (uint32_t)bytes.len, &plist);
	}
	if (!plist)
		return plist_bad(err, "the property list cannot be read");
	*ret = plist;
	return true;
}

void
scoped_plist(plist_t *plist)
{
	if (*plist)
		plist_free(*plist);
}

static bool
is_type(plist_t node, plist_type type)
{
	return node && plist_get_node_type(node) == type;
}

plist_t
plist_at(plist_t dict, const char *key)
{
	return is_type(dict, PLIST_DICT) ? plist_dict_get_item(dict, key) : NULL;
}

plist_t
plist_dict_at(plist_t dict, const char *key)
{
	plist_t node = plist_at(dict, key);

	return is_type(node, PLIST_DICT) ? node : NULL;
}

char *
plist_text_of(TALLOC_CTX *ctx, plist_t node)
{
	uint64_t len = 0;
	const char *text = is_type(node, PLIST_STRING) ? plist_get_string_ptr(node, &len) : NULL;

	if (!text || memchr(text, '\0', len) || u8_check((const uint8_t *)text, len))
		return NULL;
	return mem_textn(ctx, text, len);
}

char *
plist_text_at(TALLOC_CTX *ctx, plist_t dict, const char *key)
{
	return plist_text_of(ctx, plist_at(dict, key));
}

bool
plist_bool_at(plist_t dict, const char *key, bool *ret)
{
	plist_t node = plist_at(dict, key);
	uint8_t value = 0;

	if (!is_type(node, PLIST_BOOLEAN))
		return false;
	plist_get_bool_val(node, &value);
	*ret = value != 0;
	return true;
}

/* The object of a leaf in binary form: its first byte, and its value of up to 8 bytes. */
static bool
leaf(plist_t node, uint8_t *marker, uint64_t *value)
{
	char *bin = NULL;
	uint32_t len = 0;
	size_t size;
	bool ok;

	plist_to_bin(node, &bin, &len);
	ok = bin && len > 9;
	if (ok) {
		*marker = (uint8_t)bin[8];
		size = (size_t)1 << (*marker & 3);
		ok = len > 9 + size;
		*value = 0;
		for (size_t i = 0; ok && i < size; i++)
			*value = *value << 8 | (uint8_t)bin[9 + i];
	}
	free(bin);
	return ok;
}

static bool
int_of(plist_t node, int64_t *ret)
{
	uint64_t value = 0, again;
	uint8_t marker;

	if (!is_type(node, PLIST_UINT))
		return false;
	plist_get_uint_val(node, &value);
	/* 0x14: 16 bytes, a positive number that int64_t cannot hold */
	if (value > INT64_MAX && (!leaf(node, &marker, &again) || marker == 0x14))
		return false;
	*ret = (int64_t)value;
	return true;
}

bool
plist_int_at(plist_t dict, const char *key, int64_t *ret)
{
	return int_of(plist_at(dict, key), ret);
}

static bool
time_of(plist_t node, time_t *ret)
{
	uint64_t bits;
	uint8_t marker;
	double seconds;

	if (!is_type(node, PLIST_DATE) || !leaf(node, &marker, &bits) || marker != 0x33)
		return false;
	memcpy(&seconds, &bits, sizeof seconds);
	if (!isfinite(seconds) || fabs(seconds) > 1e12)
		return false;
	*ret = (time_t)floor(seconds) + YEAR_2001;
	return true;
}

bool
plist_time_at(plist_t dict, const char *key, time_t *ret)
{
	return time_of(plist_at(dict, key), ret);
}

struct bytes
plist_data_of(TALLOC_CTX *ctx, plist_t node)
{
	uint64_t len = 0;
	const char *p = is_type(node, PLIST_DATA) ? plist_get_data_ptr(node, &len) : NULL;

	return p ? (struct bytes){ mem_copy(ctx, p, len), len } : (struct bytes){ 0 };
}

size_t
plist_count_at(plist_t dict, const char *key)
{
	plist_t node = plist_at(dict, key);

	return is_type(node, PLIST_ARRAY) ? plist_array_get_size(node) : 0;
}

plist_t
plist_item_at(plist_t dict, const char *key, size_t index)
{
	plist_t node = plist_at(dict, key);

	if (!is_type(node, PLIST_ARRAY) || index >= plist_array_get_size(node))
		return NULL;
	return plist_array_get_item(node, (uint32_t)index);
}

/* By iterator: an index costs libplist a walk from the first item. */
const char **
plist_texts_at(TALLOC_CTX *ctx, plist_t dict, const char *key, size_t max, size_t *count)
{
	size_t room = plist_count_at(dict, key);
	const char **texts = mem_array(ctx, const char *, (room < max ? room : max) + 1);
	plist_array_iter iter = NULL;
	plist_t item = NULL;

	*count = 0;
	if (room == 0)
		return texts;
	plist_array_new_iter(plist_at(dict, key), &iter);
	for (plist_array_next_item(plist_at(dict, key), iter, &item); item && *count < max;
	     plist_array_next_item(plist_at(dict, key), iter, &item)) {
		char *text = plist_text_of(texts, item);

		if (text)
			texts[(*count)++] = text;
	}
	free(iter);
	return texts;
}

static json_t *
array_json(plist_t node)
{
	json_t *array = json_array();
	plist_array_iter iter = NULL;
	plist_t item = NULL;

	plist_array_new_iter(node, &iter);
	for (plist_array_next_item(node, iter, &item); item; plist_array_next_item(node, iter, &item))
		json_array_append_new(array, plist_json(item));
	free(iter);
	return array;
}

static json_t *
dict_json(plist_t node)
{
	json_t *object = json_object();
	plist_dict_iter iter = NULL;
	plist_t value = NULL;
	char *key = NULL;

	plist_dict_new_iter(node, &iter);
	for (plist_dict_next_item(node, iter, &key, &value); value;
	     plist_dict_next_item(node, iter, &key, &value)) {
		json_object_set_new(object, key, plist_json(value));
		free(key);
		key = NULL;
	}
	free(iter);
	return object;
}

static json_t *
leaf_json(plist_t node)
{
	SCOPED(mem) void *ctx = mem_must(talloc_new(NULL));
	char iso[CLOCK_ISO_SIZE];
	struct bytes data;
	struct buf base64;
	double real = 0;
	int64_t number;
	time_t at;

	switch (plist_get_node_type(node)) {
	case PLIST_UINT:
		return int_of(node, &number) ? json_integer(number) : json_null();
	case PLIST_REAL:
		plist_get_real_val(node, &real);
		return isfinite(real) ? json_real(real) : json_null();
	case PLIST_DATE:
		return time_of(node, &at) ? json_string(clock_iso(at, iso)) : json_null();
	case PLIST_DATA:
		data = plist_data_of(ctx, node);
		buf_init(&base64, ctx, DATA_JSON_MAX);
		buf_base64(&base64, data.p, data.len);
		return json_string(buf_str(&base64));
	default:
		return json_null();
	}
}

json_t *
plist_json(plist_t node)
{
	const char *text;
	uint64_t len = 0;
	uint8_t is_true = 0;
	json_t *json;

	switch (node ? plist_get_node_type(node) : PLIST_NONE) {
	case PLIST_DICT:
		json = dict_json(node);
		break;
	case PLIST_ARRAY:
		json = array_json(node);
		break;
	case PLIST_BOOLEAN:
		plist_get_bool_val(node, &is_true);
		json = json_boolean(is_true);
		break;
	case PLIST_STRING:
		text = plist_get_string_ptr(node, &len);
		json = text ? json_stringn(text, len) : json_string("");
		break;
	case PLIST_NONE:
		json = json_null();
		break;
	default:
		json = leaf_json(node);
	}
	return json ? json : json_null();
}

static json_t *marked(plist_t node, bool *clash);

static json_t *
array_marked(plist_t node, bool *clash)
{
	json_t *ret = json_array();
	plist_array_iter items = NULL;
	plist_t item = NULL;

	plist_array_new_iter(node, &items);
	for (plist_array_next_item(node, items, &item); item; plist_array_next_item(node, items, &item))
		json_array_append_new(ret, marked(item, clash));
	free(items);
	return ret;
}

static json_t *
dict_marked(plist_t node, bool *clash)
{
	json_t *ret = json_object();
	plist_dict_iter iter = NULL;
	plist_t item;
	char *key;

	plist_dict_new_iter(node, &iter);
	do {
		key = NULL;
		item = NULL;
		plist_dict_next_item(node, iter, &key, &item);
		if (key && item)
			json_object_set_new(ret, key, marked(item, clash));
		*clash |= key && (strcmp(key, MARK_DATA) == 0 || strcmp(key, MARK_DATE) == 0);
		free(key);
	} while (item);
	free(iter);
	return ret;
}

static json_t *
marked(plist_t node, bool *clash)
{
	switch (node ? plist_get_node_type(node) : PLIST_NONE) {
	case PLIST_DATA:	return json_pack("{s:o}", MARK_DATA, plist_json(node));
	case PLIST_DATE:	return json_pack("{s:o}", MARK_DATE, plist_json(node));
	case PLIST_ARRAY:	return array_marked(node, clash);
	case PLIST_DICT:	return dict_marked(node, clash);
	default:		return plist_json(node);
	}
}

json_t *
plist_json_marked(plist_t node)
{
	bool clash = false;
	json_t *ret = marked(node, &clash);

	if (!clash)
		return ret;
	json_decref(ret);
	return NULL;
}
