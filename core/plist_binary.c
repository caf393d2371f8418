/*
 * The gate for binary property lists: header, objects, offset table, trailer of 32 bytes.
 *
 * Objects refer to each other by number, so 148 bytes can describe a tree of ten million nodes: each
 * object is visited once and remembers how large it is when written out, and a parent adds up what
 * its children remember.  Offsets may overlap; the bytes looked at are counted too, so the walk is
 * linear in the limits whatever the file says.
 */
#include "core/plist.h"
#include "core/plist_gate.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define HEADER		8
#define TRAILER		32
#define DATE_MAX	2.6e11	/* seconds from 2001 to about the year 10000 */

enum state { NEW, OPEN, DONE };
enum kind { BOOL = 0x0, INT = 0x1, REAL = 0x2, DATE = 0x3, DATA = 0x4, ASCII = 0x5, UTF16 = 0x6,
	    UID = 0x8, ARRAY = 0xa, DICT = 0xd };

struct object {
	uint64_t at;		/* of its first value byte or reference */
	uint32_t count;		/* bytes, UTF-16 units or items */
	uint32_t nodes;		/* below and with this one, written out */
	uint32_t bytes;		/* of texts and data, written out */
	uint8_t kind, height, state;
};

struct walk {
	const uint8_t *p;
	uint64_t table;		/* offset of the offset table, where the objects end */
	uint64_t objects_count;
	unsigned offset_size, ref_size;
	struct object *objects;
	uint64_t refs_seen, bytes_seen;
	struct err *err;
};

static uint64_t
be(const uint8_t *p, unsigned size)
{
	uint64_t value = 0;

	while (size--)
		value = value << 8 | *p++;
	return value;
}

static bool
is_text(const struct object *object)
{
	return object->kind == ASCII || object->kind == UTF16;
}

static uint16_t
unit(const struct walk *walk, const struct object *text, uint32_t i)
{
	const uint8_t *p = walk->p + text->at;

	return text->kind == ASCII ? p[i] : (uint16_t)be(p + 2 * (uint64_t)i, 2);
}

/* libplist asserts that a text holds no NUL, and drops half surrogates in silence. */
static bool
text_is_whole(const struct walk *walk, const struct object *text)
{
	for (uint32_t i = 0; i < text->count; i++) {
		uint16_t u = unit(walk, text, i);

		if (u == 0 || (text->kind == ASCII && u > 0x7f) || (u >= 0xdc00 && u <= 0xdfff))
			return plist_bad(walk->err, "a text holds what no text can hold");
		if (u < 0xd800 || u > 0xdbff)
			continue;
		u = ++i < text->count ? unit(walk, text, i) : 0;
		if (u < 0xdc00 || u > 0xdfff)
			return plist_bad(walk->err, "a text ends in the middle of a character");
	}
	return true;
}

static bool
date_is_usable(const struct walk *walk, const struct object *object)
{
	uint64_t bits = be(walk->p + object->at, 8);
	double seconds;

	memcpy(&seconds, &bits, sizeof seconds);
	if (!isfinite(seconds) || fabs(seconds) > DATE_MAX)
		return plist_bad(walk->err, "a date is out of range");
	return true;
}

/* The count behind an object's first byte: in its low half, or an integer object that follows. */
static bool
read_count(const struct walk *walk, uint64_t *at, unsigned low, uint64_t *count)
{
	unsigned size;

	if (low != 0xf) {
		*count = low;
		return true;
	}
	if (*at >= walk->table || walk->p[*at] >> 4 != INT || (walk->p[*at] & 0xf) > 3)
		return plist_bad(walk->err, "an object has no readable size");
	size = 1u << (walk->p[*at] & 0xf);
	*at += 1;
	if (size > walk->table - *at)
		return plist_bad(walk->err, "an object ends outside of the file");
	*count = be(walk->p + *at, size);
	*at += size;
	return true;
}

/* Reads what stands at the object's offset; everything it needs lies before the offset table. */
static bool
read_object(struct walk *walk, uint64_t index, struct object *object)
{
	uint64_t at = be(walk->p + walk->table + index * walk->offset_size, walk->offset_size);
	uint64_t count = 0, width = 1;
	unsigned low;

	if (at < HEADER || at >= walk->table)
		return plist_bad(walk->err, "an object lies outside of the file");
	object->kind = walk->p[at] >> 4;
	low = walk->p[at++] & 0xf;
	switch (object->kind) {
	case BOOL:
		if (low != 8 && low != 9)	/* false and true; 0 is null, which no plist needs */
			return plist_bad(walk->err, "an object is of no known type");
		break;
	case INT:
		count = 1u << low;
		if (low > 4)
			return plist_bad(walk->err, "an integer is too long");
		break;
	case REAL:
		count = 1u << low;
		if (low != 2 && low != 3)
			return plist_bad(walk->err, "a real number is of no known size");
		break;
	case DATE:
		count = 8;
		if (low != 3)
			return plist_bad(walk->err, "a date is of no known size");
		break;
	case UID:
		count = low + 1;
		if (count > 8)
			return plist_bad(walk->err, "an identifier is too long");
		break;
	case ARRAY:
	case DICT:
		width = object->kind == DICT ? 2 * walk->ref_size : walk->ref_size;
		if (!read_count(walk, &at, low, &count))
			return false;
		break;
	case DATA:
	case ASCII:
	case UTF16:
		width = object->kind == UTF16 ? 2 : 1;
		if (!read_count(walk, &at, low, &count))
			return false;
		break;
	default:
		return plist_bad(walk->err, "an object is of no known type");
	}
	if (count > (walk->table - at) / width)
		return plist_bad(walk->err, "an object ends outside of the file");
	object->at = at;
	object->count = (uint32_t)count;	/* below PLIST_BYTES_MAX, since it fits */
	return true;
}

static bool
visit_leaf(struct walk *walk, struct object *object)
{
	object->nodes = 1;
	if (object->kind == DATA || is_text(object)) {
		object->bytes = object->count * (object->kind == UTF16 ? 3 : 1);
		walk->bytes_seen += object->bytes;
		if (walk->bytes_seen > PLIST_EXPANDED_MAX)
			return plist_hostile(walk->err, "its texts overlap");
	}
	if (object->kind == INT && object->count == 16 && be(walk->p + object->at, 8) != 0)
		return plist_bad(walk->err, "an integer is too large");
	if (object->kind == DATE && !date_is_usable(walk, object))
		return false;
	if (is_text(object) && !text_is_whole(walk, object))
		return false;
	object->state = DONE;
	return true;
}

static int
compare_keys(const void *a, const void *b, void *arg)
{
	const struct walk *walk = arg;
	uint32_t ai = *(const uint32_t *)a, bi = *(const uint32_t *)b;
	const struct object *x = &walk->objects[ai], *y = &walk->objects[bi];

	if (ai == bi)
		return 0;
	if (x->count != y->count)
		return x->count < y->count ? -1 : 1;
	for (uint32_t i = 0; i < x->count; i++) {
		uint16_t u = unit(walk, x, i), v = unit(walk, y, i);

		if (u != v)
			return u < v ? -1 : 1;
	}
	return 0;
}

static bool
keys_differ(struct walk *walk, uint32_t *keys, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct object *key = &walk->objects[keys[i]];

		if (!is_text(key))
			return plist_bad(walk->err, "a key is not a text");
		if (key->count > PLIST_KEY_MAX)
			return plist_hostile(walk->err, "a key is longer than %d characters",
					     PLIST_KEY_MAX);
	}
	qsort_r(keys, count, sizeof *keys, compare_keys, walk);
	for (size_t i = 1; i < count; i++)
		if (compare_keys(&keys[i - 1], &keys[i], walk) == 0)
			return plist_hostile(walk->err, "a key stands twice in one dictionary");
	return true;
}

static bool visit(struct walk *walk, uint64_t index, unsigned depth);

static bool
visit_children(struct walk *walk, struct object *object, unsigned depth, uint32_t *keys)
{
	uint64_t refs = object->kind == DICT ? 2 * (uint64_t)object->count : object->count;
	uint64_t nodes = 1, bytes = 0;

	for (uint64_t i = 0; i < refs; i++) {
		uint64_t index = be(walk->p + object->at + i * walk->ref_size, walk->ref_size);
		const struct object *child;

		if (index >= walk->objects_count)
			return plist_bad(walk->err, "a reference leads nowhere");
		if (!visit(walk, index, depth + 1))
			return false;
		if (keys && i < object->count)
			keys[i] = (uint32_t)index;
		child = &walk->objects[index];
		nodes += child->nodes;
		bytes += child->bytes;
		if (child->height >= object->height)
			object->height = (uint8_t)(child->height + 1);
		if (nodes > PLIST_NODES_MAX)
			return plist_hostile(walk->err, "more than %d values", PLIST_NODES_MAX);
		if (bytes > PLIST_EXPANDED_MAX)
			return plist_hostile(walk->err, "more than %u bytes when written out",
					     PLIST_EXPANDED_MAX);
	}
	object->nodes = (uint32_t)nodes;
	object->bytes = (uint32_t)bytes;
	return !keys || keys_differ(walk, keys, object->count);
}

/* `depth`: containers around this object. */
static bool
visit(struct walk *walk, uint64_t index, unsigned depth)
{
	struct object *object = &walk->objects[index];
	SCOPED(mem) uint32_t *keys = NULL;

	if (object->state == OPEN)
		return plist_hostile(walk->err, "an object contains itself");
	if (object->state == NEW && !read_object(walk, index, object))
		return false;
	if (object->kind != ARRAY && object->kind != DICT)
		return object->state == DONE || visit_leaf(walk, object);
	if (object->state == NEW)
		object->height = 1;
	if (depth + object->height > PLIST_DEPTH_MAX)
		return plist_hostile(walk->err, "deeper than %d levels", PLIST_DEPTH_MAX);
	if (object->state == DONE)
		return true;
	walk->refs_seen += object->kind == DICT ? 2 * (uint64_t)object->count : object->count;
	if (walk->refs_seen > PLIST_NODES_MAX)
		return plist_hostile(walk->err, "more than %d values", PLIST_NODES_MAX);
	if (object->kind == DICT) {
		if (object->count > PLIST_DICT_MAX)
			return plist_hostile(walk->err, "a dictionary of more than %d keys",
					     PLIST_DICT_MAX);
		keys = mem_array(walk->objects, uint32_t, object->count + 1);
	}
	object->state = OPEN;
	if (!visit_children(walk, object, depth, keys))
		return false;
	object->state = DONE;
	return true;
}

bool
plist_gate_binary(struct bytes bytes, struct err *err)
{
	const uint8_t *p = bytes.p, *trailer;
	struct walk walk = { .p = p, .err = err };
	SCOPED(mem) struct object *objects = NULL;
	uint64_t root;

	if (bytes.len < HEADER + TRAILER + 2)
		return plist_bad(err, "too short for a property list");
	trailer = p + bytes.len - TRAILER;
	walk.offset_size = trailer[6];
	walk.ref_size = trailer[7];
	walk.objects_count = be(trailer + 8, 8);
	root = be(trailer + 16, 8);
	walk.table = be(trailer + 24, 8);
	if (walk.offset_size < 1 || walk.offset_size > 8 || walk.ref_size < 1 || walk.ref_size > 8)
		return plist_bad(err, "its trailer names sizes that do not exist");
	if (walk.table <= HEADER || walk.table > bytes.len - TRAILER)
		return plist_bad(err, "its offset table lies outside of the file");
	if (walk.objects_count > (bytes.len - TRAILER - walk.table) / walk.offset_size)
		return plist_bad(err, "its offset table ends outside of the file");
	if (walk.objects_count > PLIST_NODES_MAX)
		return plist_hostile(err, "more than %d values", PLIST_NODES_MAX);
	if (root >= walk.objects_count)
		return plist_bad(err, "its first object does not exist");
	objects = mem_array(NULL, struct object, walk.objects_count);
	walk.objects = objects;
	return visit(&walk, root, 0);
}
