/*
 * InfoPlist.strings: a property list when Xcode compiled it, else the older text
 *	"CFBundleDisplayName" = "Pomona";	// a comment
 * in UTF-8 or UTF-16.  One pass, no nesting; whatever cannot be read has no names.
 */
#include "ipa/info.h"
#include "core/buf.h"
#include <ctype.h>
#include <string.h>
#include <unistr.h>

#define WORD_BYTES_MAX	4096	/* bytes of one key or value; longer ones are skipped */

struct strings {
	const char *p, *end;
};

/* Comments and white space. */
static void
skip_blank(struct strings *strings)
{
	while (strings->p < strings->end) {
		size_t left = (size_t)(strings->end - strings->p);
		const char *stop;

		if (isspace((unsigned char)*strings->p)) {
			strings->p++;
			continue;
		}
		if (left < 2 || strings->p[0] != '/' || (strings->p[1] != '*' && strings->p[1] != '/'))
			return;
		stop = strings->p[1] == '*' ? memmem(strings->p + 2, left - 2, "*/", 2) :
					      memchr(strings->p, '\n', left);
		if (!stop)
			strings->p = strings->end;
		else
			strings->p = stop + (strings->p[1] == '*' ? 2 : 1);
	}
}

static bool
take(struct strings *strings, char c)
{
	skip_blank(strings);
	if (strings->p == strings->end || *strings->p != c)
		return false;
	strings->p++;
	return true;
}

/* \n \t \" \\ \U1F34 (a UTF-16 unit; halves of a pair are dropped) */
static void
take_escape(struct strings *strings, struct buf *into)
{
	char c = *strings->p++;
	uint8_t utf8[6];
	ucs4_t unit = 0;
	int digits = 0;

	if (c != 'U' && c != 'u') {
		c = c == 'n' ? '\n' : c == 't' ? '\t' : c == 'r' ? '\r' : c;
		buf_add(into, &c, 1);
		return;
	}
	for (; digits < 4 && strings->p < strings->end && isxdigit((unsigned char)*strings->p); digits++) {
		int d = tolower((unsigned char)*strings->p++);

		unit = unit << 4 | (ucs4_t)(d <= '9' ? d - '0' : d - 'a' + 10);
	}
	if (digits == 4 && unit != 0 && (unit < 0xd800 || unit > 0xdfff))
		buf_add(into, utf8, (size_t)u8_uctomb(utf8, unit, sizeof utf8));
}

static bool
take_word(struct strings *strings, struct buf *into)
{
	char quote;

	skip_blank(strings);
	buf_clear(into);
	if (strings->p == strings->end)
		return false;
	quote = *strings->p;
	if (quote != '"' && quote != '\'') {
		while (strings->p < strings->end && (isalnum((unsigned char)*strings->p) ||
						     strchr("_.-$:/", *strings->p)) && *strings->p)
			buf_add(into, strings->p++, 1);
		return into->len > 0 || into->overflow;
	}
	for (strings->p++; strings->p < strings->end; ) {
		char c = *strings->p++;

		if (c == quote)
			return true;
		if (c == '\\' && strings->p < strings->end)
			take_escape(strings, into);
		else
			buf_add(into, &c, 1);
	}
	return false;
}

static char *
name_in_text(TALLOC_CTX *ctx, const char *text, size_t len)
{
	SCOPED(mem) void *scratch = mem_must(talloc_new(NULL));
	struct strings strings = { text, text + len };
	const char *display = NULL, *name = NULL;
	struct buf key, value;

	buf_init(&key, scratch, WORD_BYTES_MAX);
	buf_init(&value, scratch, WORD_BYTES_MAX);
	take(&strings, '{');	/* the braces of a dictionary are optional */
	while (take_word(&strings, &key)) {
		if (!take(&strings, '=') || !take_word(&strings, &value) || !take(&strings, ';'))
			break;
		if (value.overflow || u8_check((const uint8_t *)buf_str(&value), value.len))
			continue;
		if (!display && strcmp(buf_str(&key), "CFBundleDisplayName") == 0)
			display = mem_text(scratch, buf_str(&value));
		if (!name && strcmp(buf_str(&key), "CFBundleName") == 0)
			name = mem_text(scratch, buf_str(&value));
	}
	if (!display)
		display = name;
	return display ? info_clean(ctx, display, INFO_TEXT_MAX) : NULL;
}

static char *
name_in_plist(TALLOC_CTX *ctx, struct bytes bytes)
{
	SCOPED(plist) plist_t plist = NULL;
	SCOPED(mem) char *text = NULL;
	struct err ignored = { 0 };

	if (!plist_open(bytes, INFO_BYTES_MAX, &plist, &ignored))
		return NULL;
	text = plist_text_at(NULL, plist, "CFBundleDisplayName");
	if (!text)
		text = plist_text_at(NULL, plist, "CFBundleName");
	return text ? info_clean(ctx, text, INFO_TEXT_MAX) : NULL;
}

/* UTF-16 is known by its mark, or by the zero byte that every ASCII character has. */
static bool
to_utf8(TALLOC_CTX *ctx, struct bytes *bytes)
{
	const uint8_t *p = bytes->p;
	bool little = bytes->len >= 2 && (p[0] == 0xff ? p[1] == 0xfe : p[0] && !p[1]);
	bool big = bytes->len >= 2 && (p[0] == 0xfe ? p[1] == 0xff : !p[0] && p[1]);
	size_t units = bytes->len / 2, len = 0;
	uint16_t *text;
	uint8_t *utf8;

	if (!little && !big)
		return true;
	text = mem_array(ctx, uint16_t, units);
	for (size_t i = 0; i < units; i++)
		text[i] = (uint16_t)(little ? p[2 * i] | p[2 * i + 1] << 8 : p[2 * i] << 8 | p[2 * i + 1]);
	if (u16_check(text, units))
		return false;
	utf8 = mem_size(ctx, 3 * units + 1);
	len = 3 * units;
	if (!u16_to_u8(text, units, utf8, &len))
		return false;
	*bytes = (struct bytes){ utf8, len };
	return true;
}

char *
info_localized_name(TALLOC_CTX *ctx, struct bytes bytes)
{
	SCOPED(mem) void *scratch = mem_must(talloc_new(NULL));
	char *name;

	if (bytes.len == 0 || bytes.len > INFO_BYTES_MAX)
		return NULL;
	if (bytes.len >= 8 && memcmp(bytes.p, "bplist00", 8) == 0) {
		name = name_in_plist(ctx, bytes);
	} else {
		const char *p;

		if (!to_utf8(scratch, &bytes))
			return NULL;
		if (bytes.len >= 3 && memcmp(bytes.p, "\xef\xbb\xbf", 3) == 0)
			bytes = (struct bytes){ (const char *)bytes.p + 3, bytes.len - 3 };
		p = bytes.p;
		name = bytes.len && *p == '<' ? name_in_plist(ctx, bytes) : name_in_text(ctx, p, bytes.len);
	}
	return name && *name ? name : NULL;
}
