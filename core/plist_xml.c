/*
 * The gate for XML property lists: a strict scanner of the little XML that plists are made of.
 *
 * Prolog (declaration, DOCTYPE without a subset), one <plist>, one value.  No attributes but
 * plist's version, no processing instructions, no entities but the five of XML and characters by
 * number.  libplist is looser in every one of these, so what passes here it reads the same way;
 * where it is stricter (numbers of more than eight characters) it refuses.
 */
#include "core/buf.h"
#include "core/plist.h"
#include "core/plist_gate.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistr.h>

#define TAG_MAX	8	/* "integer" */
#define ENTITY_MAX	8	/* "#x10FFFF" */
#define NUMBER_MAX	64
#define KEYS_AT_FIRST	64

struct key {
	size_t at, len;
};

struct level {
	bool is_dict, has_key;
	size_t keys_from, texts_from;	/* its keys are the last of scan.keys */
};

struct scan {
	const char *p, *end;
	struct level levels[PLIST_DEPTH_MAX];
	size_t depth, nodes;
	struct key *keys;	/* of all open dictionaries */
	size_t key_count, key_room;
	struct buf texts;	/* what the keys say */
	struct err *err;
};

static bool
is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool
starts(const struct scan *scan, const char *text)
{
	size_t len = strlen(text);

	return (size_t)(scan->end - scan->p) >= len && memcmp(scan->p, text, len) == 0;
}

/* Moves behind the next `text`. */
static bool
skip_past(struct scan *scan, const char *text)
{
	const char *found = memmem(scan->p, (size_t)(scan->end - scan->p), text, strlen(text));

	if (!found)
		return plist_bad(scan->err, "\"%s\" is missing", text);
	scan->p = found + strlen(text);
	return true;
}

static void
skip_space(struct scan *scan)
{
	while (scan->p < scan->end && is_space(*scan->p))
		scan->p++;
}

/* White space and comments, as between elements. */
static bool
skip_between(struct scan *scan)
{
	for (;;) {
		skip_space(scan);
		if (!starts(scan, "<!--"))
			return true;
		scan->p += 4;
		if (!skip_past(scan, "-->"))
			return false;
	}
}

/* <?xml version="1.0" encoding="UTF-8"?>: libplist looks for its end outside of quotes only. */
static bool
scan_declaration(struct scan *scan)
{
	const char *from = scan->p, *encoding;
	size_t quotes = 0, len;

	if (!starts(scan, "<?xml") || !skip_past(scan, "?>"))
		return plist_bad(scan->err, "not an XML property list");
	len = (size_t)(scan->p - from) - 2;
	for (size_t i = 0; i < len; i++)
		quotes += from[i] == '"';
	if (quotes % 2 || memchr(from + 1, '<', len - 1))
		return plist_bad(scan->err, "its XML declaration is malformed");
	encoding = memmem(from, len, "encoding", 8);
	if (!encoding)
		return true;
	for (encoding += 8; encoding < from + len && (is_space(*encoding) || strchr("=\"'", *encoding));)
		encoding++;
	if (from + len - encoding < 5 || strncasecmp(encoding, "utf-8", 5) != 0)
		return plist_bad(scan->err, "its encoding is not UTF-8");
	return true;
}

static bool
scan_doctype(struct scan *scan)
{
	const char *from = scan->p;
	size_t quotes = 0;

	if (!skip_past(scan, ">"))
		return false;
	for (const char *p = from + 1; p < scan->p - 1; p++) {
		if (*p == '[' || *p == ']' || *p == '<')
			return plist_hostile(scan->err, "it brings its own XML declarations");
		quotes += *p == '"';
	}
	if (quotes % 2)
		return plist_bad(scan->err, "its DOCTYPE is malformed");
	return true;
}

static bool
scan_prolog(struct scan *scan)
{
	skip_space(scan);
	if (starts(scan, "<?") && !scan_declaration(scan))
		return false;
	if (!skip_between(scan))
		return false;
	if (starts(scan, "<!DOCTYPE") && (!scan_doctype(scan) || !skip_between(scan)))
		return false;
	return true;
}

/* The name of a tag at "<" or "</"; leaves the cursor behind it. */
static bool
scan_name(struct scan *scan, char name[TAG_MAX])
{
	size_t len = 0;

	while (scan->p < scan->end && *scan->p >= 'a' && *scan->p <= 'z' && len < TAG_MAX - 1)
		name[len++] = *scan->p++;
	name[len] = '\0';
	return len > 0 || plist_bad(scan->err, "a tag is expected");
}

static bool
scan_close(struct scan *scan, const char *name)
{
	char found[TAG_MAX];

	if (!starts(scan, "</"))
		return plist_bad(scan->err, "</%s> is missing", name);
	scan->p += 2;
	if (!scan_name(scan, found))
		return false;
	skip_space(scan);
	if (strcmp(found, name) != 0 || !starts(scan, ">"))
		return plist_bad(scan->err, "</%s> is missing", name);
	scan->p++;
	return true;
}

/* <plist version="1.0"> */
static bool
scan_plist_tag(struct scan *scan)
{
	char quote;

	if (!starts(scan, "<plist"))
		return plist_bad(scan->err, "it has no <plist>");
	scan->p += 6;
	skip_space(scan);
	if (starts(scan, "version=")) {
		scan->p += 8;
		quote = scan->p < scan->end ? *scan->p++ : '\0';
		while (scan->p < scan->end && (*scan->p == '.' || (*scan->p >= '0' && *scan->p <= '9')))
			scan->p++;
		if ((quote != '"' && quote != '\'') || scan->p == scan->end || *scan->p++ != quote)
			return plist_bad(scan->err, "its version is malformed");
		skip_space(scan);
	}
	if (!starts(scan, ">"))
		return plist_bad(scan->err, "its <plist> is malformed");
	scan->p++;
	return true;
}

/* &lt; or &#x1F34E; at the cursor, into `into` when there is one. */
static bool
scan_entity(struct scan *scan, struct buf *into)
{
	static const struct {
		const char *name;
		ucs4_t is;
	} names[] = { { "amp", '&' }, { "lt", '<' }, { "gt", '>' }, { "quot", '"' }, { "apos", '\'' } };
	const char *from = scan->p + 1;
	const char *end = memchr(from, ';', (size_t)(scan->end - from) < ENTITY_MAX + 1 ?
				 (size_t)(scan->end - from) : ENTITY_MAX + 1);
	size_t len = end ? (size_t)(end - from) : 0;
	char text[ENTITY_MAX + 1] = "", *stop = NULL;
	uint8_t utf8[6];
	ucs4_t c = 0;

	memcpy(text, from, len);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (strcmp(text, names[i].name) == 0)
			c = names[i].is;
	if (text[0] == '#') {
		int base = text[1] == 'x' ? 16 : 10;
		const char *digits = text + (base == 16 ? 2 : 1);
		const char *allowed = base == 16 ? "0123456789abcdefABCDEF" : "0123456789";

		if (*digits && strspn(digits, allowed) == strlen(digits))
			c = (ucs4_t)strtoul(digits, &stop, base);
		if (c < 0x20 && c != '\t' && c != '\n' && c != '\r')
			c = 0;
	}
	if (c == 0 || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return plist_bad(scan->err, "a character reference is malformed");
	if (into)
		buf_add(into, utf8, (size_t)u8_uctomb(utf8, c, sizeof utf8));
	scan->p = end + 1;
	return true;
}

/* The content of <key> and <string> up to "</", into `into` when there is one. */
static bool
scan_text(struct scan *scan, struct buf *into)
{
	while (!starts(scan, "</")) {
		const char *from = scan->p;

		if (scan->p == scan->end)
			return plist_bad(scan->err, "it ends in the middle of a text");
		if (starts(scan, "<![CDATA[")) {
			from = scan->p += 9;
			if (!skip_past(scan, "]]>"))
				return false;
			if (into)
				buf_add(into, from, (size_t)(scan->p - 3 - from));
		} else if (starts(scan, "<!--")) {
			scan->p += 4;
			if (!skip_past(scan, "-->"))
				return false;
		} else if (*scan->p == '<') {
			return plist_bad(scan->err, "a tag stands inside of a text");
		} else if (*scan->p == '&') {
			if (!scan_entity(scan, into))
				return false;
		} else {
			while (scan->p < scan->end && *scan->p != '<' && *scan->p != '&')
				scan->p++;
			if (into)
				buf_add(into, from, (size_t)(scan->p - from));
		}
	}
	return true;
}

/* <integer>, <real> and <date>: a short word without markup.  An empty one is 0 to libplist. */
static bool
scan_word(struct scan *scan, const char *name)
{
	char text[NUMBER_MAX + 1];
	const char *from, *to;

	skip_space(scan);
	from = scan->p;
	while (scan->p < scan->end && *scan->p != '<')
		scan->p++;
	for (to = scan->p; to > from && is_space(to[-1]);)
		to--;
	if (to - from > NUMBER_MAX)
		return plist_bad(scan->err, "<%s> is too long", name);
	memcpy(text, from, (size_t)(to - from));
	text[to - from] = '\0';
	if (!plist_word_is(name, text))
		return plist_bad(scan->err, "\"%.40s\" is no %s", text, name);
	return true;
}

static int
compare_keys(const void *a, const void *b, void *arg)
{
	const char *texts = arg;
	const struct key *x = a, *y = b;

	if (x->len != y->len)
		return x->len < y->len ? -1 : 1;
	return memcmp(texts + x->at, texts + y->at, x->len);
}

/* Ends the innermost dictionary or array. */
static bool
close_level(struct scan *scan)
{
	struct level *level = &scan->levels[--scan->depth];
	struct key *keys = scan->keys + level->keys_from;
	size_t count = scan->key_count - level->keys_from;

	if (level->has_key)
		return plist_bad(scan->err, "a key has no value");
	if (count > 1)
		qsort_r(keys, count, sizeof *keys, compare_keys, scan->texts.p);
	for (size_t i = 1; i < count; i++)
		if (compare_keys(&keys[i - 1], &keys[i], scan->texts.p) == 0)
			return plist_hostile(scan->err, "\"%.*s\" stands twice in one dictionary",
					     keys[i].len > 60 ? 60 : (int)keys[i].len,
					     scan->texts.p + keys[i].at);
	scan->key_count = level->keys_from;
	scan->texts.len = level->texts_from;
	return true;
}

static bool
scan_key(struct scan *scan)
{
	struct level *level = scan->depth ? &scan->levels[scan->depth - 1] : NULL;
	size_t from = scan->texts.len;

	if (!level || !level->is_dict || level->has_key)
		return plist_bad(scan->err, "a key stands where a value is expected");
	if (scan->key_count - level->keys_from == PLIST_DICT_MAX)
		return plist_hostile(scan->err, "a dictionary of more than %d keys", PLIST_DICT_MAX);
	if (!scan_text(scan, &scan->texts) || !scan_close(scan, "key"))
		return false;
	if (scan->texts.len - from > PLIST_KEY_MAX)
		return plist_hostile(scan->err, "a key is longer than %d characters", PLIST_KEY_MAX);
	if (scan->key_count == scan->key_room) {
		scan->key_room *= 2;
		scan->keys = mem_grow(scan->texts.ctx, scan->keys, struct key, scan->key_room);
	}
	scan->keys[scan->key_count++] = (struct key){ from, scan->texts.len - from };
	level->has_key = true;
	return true;
}

/* A value may stand here: the first, an array's next, or the one that a key waits for. */
static bool
begin_value(struct scan *scan)
{
	struct level *level = scan->depth ? &scan->levels[scan->depth - 1] : NULL;

	if (level && level->is_dict && !level->has_key)
		return plist_bad(scan->err, "a value has no key");
	if (level)
		level->has_key = false;
	return true;
}

static bool
scan_value(struct scan *scan, const char *name, bool empty)
{
	bool is_dict = strcmp(name, "dict") == 0;

	if (!begin_value(scan))
		return false;
	if (is_dict || strcmp(name, "array") == 0) {
		if (empty)
			return true;
		if (scan->depth == PLIST_DEPTH_MAX)
			return plist_hostile(scan->err, "deeper than %d levels", PLIST_DEPTH_MAX);
		scan->levels[scan->depth++] = (struct level){
			.is_dict = is_dict, .keys_from = scan->key_count, .texts_from = scan->texts.len };
		return true;
	}
	if (strcmp(name, "string") == 0)
		return empty || (scan_text(scan, NULL) && scan_close(scan, name));
	if (strcmp(name, "true") == 0 || strcmp(name, "false") == 0) {
		skip_space(scan);
		return empty || scan_close(scan, name);
	}
	if (strcmp(name, "data") == 0) {
		while (!empty && scan->p < scan->end && *scan->p != '<')
			scan->p++;
		return empty || scan_close(scan, name);
	}
	if (strcmp(name, "integer") == 0 || strcmp(name, "real") == 0 || strcmp(name, "date") == 0)
		return !empty ? scan_word(scan, name) && scan_close(scan, name) :
				plist_bad(scan->err, "<%s/> says nothing", name);
	return plist_bad(scan->err, "<%s> is no part of a property list", name);
}

static bool
scan_element(struct scan *scan)
{
	char name[TAG_MAX];
	bool empty;

	if (++scan->nodes > PLIST_NODES_MAX)
		return plist_hostile(scan->err, "more than %d values", PLIST_NODES_MAX);
	if (!starts(scan, "<"))
		return plist_bad(scan->err, "text stands between its tags");
	scan->p++;
	if (!scan_name(scan, name))
		return false;
	skip_space(scan);
	empty = starts(scan, "/>");
	if (!empty && !starts(scan, ">"))
		return plist_bad(scan->err, "<%s is malformed", name);
	scan->p += empty ? 2 : 1;
	if (strcmp(name, "key") != 0)
		return scan_value(scan, name, empty);
	return empty ? plist_bad(scan->err, "a key is empty") : scan_key(scan);
}

static bool
scan_file(struct scan *scan)
{
	if (!scan_prolog(scan) || !scan_plist_tag(scan) || !skip_between(scan) || !scan_element(scan))
		return false;
	while (scan->depth > 0) {
		if (!skip_between(scan))
			return false;
		if (!starts(scan, "</")) {
			if (!scan_element(scan))
				return false;
		} else if (!scan_close(scan, scan->levels[scan->depth - 1].is_dict ? "dict" : "array") ||
			   !close_level(scan)) {
			return false;
		}
	}
	if (!skip_between(scan) || !scan_close(scan, "plist") || !skip_between(scan))
		return false;
	return scan->p == scan->end || plist_bad(scan->err, "something follows its end");
}

bool
plist_gate_xml(struct bytes bytes, struct err *err)
{
	SCOPED(mem) void *ctx = mem_must(talloc_new(NULL));
	struct scan scan = { .p = bytes.p, .end = (const char *)bytes.p + bytes.len, .err = err };

	for (const char *p = scan.p; p < scan.end; p++)
		if ((unsigned char)*p < 0x20 && !is_space(*p))
			return plist_bad(err, "not an XML property list: it holds control characters");
	if (u8_check(bytes.p, bytes.len))
		return plist_bad(err, "not an XML property list in UTF-8");
	buf_init(&scan.texts, ctx, PLIST_BYTES_MAX);
	buf_text(&scan.texts, "");
	scan.key_room = KEYS_AT_FIRST;
	scan.keys = mem_array(ctx, struct key, scan.key_room);
	return scan_file(&scan);
}
