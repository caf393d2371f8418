/*
 * Lines become blocks, a block's text becomes inlines (web/markdown_inline.c); neither can fail on any
 * text.
 *
 * A line break in a paragraph is one on the page: people write "Fixed this<newline>Fixed that".
 * Inside the point of a list it is not: there it comes from wrapping at some column.
 */
#include "web/markdown.h"
#include <ctype.h>
#include <string.h>
#include <unistr.h>
#include "core/buf.h"
#include "web/markdown_inline.h"

#define FENCE_MIN	3

enum kind { NONE, PARAGRAPH, QUOTE, BULLETS, NUMBERS };

struct blocks {
	TALLOC_CTX *ctx;
	json_t *into;
	enum kind kind;		/* what is under way */
	struct buf text;	/* its lines */
	json_t *items;		/* of the list under way */
};

static json_t *
add_block(struct blocks *b, const char *kind)
{
	json_t *block = json_pack("{s:s, s:[], s:[], s:n}", "kind", kind, "inlines", "items", "text");

	json_array_append_new(b->into, block);
	return block;
}

static void
end_text(struct blocks *b, json_t *holder)
{
	markdown_inlines(b->ctx, (struct bytes){ buf_str(&b->text), b->text.len }, json_object_get(holder, "inlines"));
	buf_clear(&b->text);
}

static void
end_item(struct blocks *b)
{
	json_t *item = json_pack("{s:[]}", "inlines");

	end_text(b, item);
	json_array_append_new(b->items, item);
}

static void
end_block(struct blocks *b)
{
	switch (b->kind) {
	case NONE:
		break;
	case PARAGRAPH:
	case QUOTE:
		end_text(b, add_block(b, b->kind == QUOTE ? "quote" : "p"));
		break;
	case BULLETS:
	case NUMBERS:
		end_item(b);
	}
	b->kind = NONE;
}

static void
add_line(struct blocks *b, enum kind kind, const char *p, const char *to)
{
	if (b->kind != kind) {
		end_block(b);
		b->kind = kind;
		if (kind == BULLETS || kind == NUMBERS)
			b->items = json_object_get(add_block(b, kind == BULLETS ? "ul" : "ol"), "items");
	}
	if (b->text.len)
		buf_text(&b->text, kind == BULLETS || kind == NUMBERS ? " " : "\n");
	buf_add(&b->text, p, (size_t)(to - p));
}

/* "- x" or "1. x": where x begins, else NULL. */
static const char *
list_item(const char *p, const char *to, enum kind *kind)
{
	const char *digits = p;

	if (p < to && strchr("-*+", *p)) {
		*kind = BULLETS;
		p++;
	} else {
		while (p < to && p - digits < 9 && isdigit((unsigned char)*p))
			p++;
		if (p == digits || p == to || (*p != '.' && *p != ')'))
			return NULL;
		*kind = NUMBERS;
		p++;
	}
	if (p < to && *p != ' ')
		return NULL;
	while (p < to && *p == ' ')
		p++;
	return p;
}

/* "## x": where x begins, else NULL. */
static const char *
heading(const char *p, const char *to)
{
	int level = 0;

	while (p < to && *p == '#' && level < 7) {
		p++;
		level++;
	}
	if (!level || level > 6 || (p < to && *p != ' '))
		return NULL;
	while (p < to && *p == ' ')
		p++;
	return p;
}

static bool
is_rule(const char *p, const char *to)
{
	int n = 0;

	for (const char *q = p; q < to; q++)
		if (*q == *p && strchr("-*_", *p))
			n++;
		else if (*q != ' ')
			return false;
	return n >= 3;
}

static size_t
fence(const char *p, const char *to)
{
	size_t n = 0;

	while (p + n < to && (p[n] == '`' || p[n] == '~') && p[n] == p[0])
		n++;
	return n >= FENCE_MIN ? n : 0;
}

/* Everything up to a fence that closes, or to the end; returns where to go on. */
static const char *
take_pre(struct blocks *b, const char *open, const char *line, const char *to)
{
	size_t marks = fence(open, to);
	json_t *block;

	end_block(b);
	while (line < to) {
		const char *end = memchr(line, '\n', (size_t)(to - line)), *p = line;

		end = end ? end : to;
		while (p < end && *p == ' ')
			p++;
		if (p < end && *p == *open && fence(p, end) >= marks) {
			line = end < to ? end + 1 : to;
			break;
		}
		if (b->text.len)
			buf_text(&b->text, "\n");
		buf_add(&b->text, line, (size_t)(end - line));
		line = end < to ? end + 1 : to;
	}
	block = add_block(b, "pre");
	json_object_set_new(block, "text", json_stringn(buf_str(&b->text), b->text.len));
	buf_clear(&b->text);
	return line;
}

/* One line; returns where the next begins. */
static const char *
take_line(struct blocks *b, const char *line, const char *to)
{
	const char *end = memchr(line, '\n', (size_t)(to - line)), *p = line, *next, *rest;
	enum kind kind;

	end = end ? end : to;
	next = end < to ? end + 1 : to;
	while (p < end && *p == ' ')
		p++;
	while (end > p && end[-1] == ' ')
		end--;
	if (p == end || is_rule(p, end)) {
		end_block(b);
	} else if (fence(p, end)) {
		return take_pre(b, p, next, to);
	} else if ((rest = heading(p, end)) != NULL) {
		end_block(b);
		for (p = end; p > rest && p[-1] == '#'; p--)
			;
		if (p == rest || p[-1] == ' ')	/* "## x ##", but not "C#" */
			for (end = p; end > rest && end[-1] == ' '; end--)
				;
		buf_add(&b->text, rest, (size_t)(end - rest));
		end_text(b, add_block(b, "h"));
	} else if (*p == '>') {
		p += p + 1 < end && p[1] == ' ' ? 2 : 1;
		add_line(b, QUOTE, p, end);
	} else if ((rest = list_item(p, end, &kind)) != NULL) {
		if (b->kind == kind)
			end_item(b);
		add_line(b, kind, rest, end);
	} else {
		add_line(b, b->kind ? b->kind : PARAGRAPH, p, end);
	}
	return next;
}

/* Line ends as \n, tabs as spaces, no other control characters. */
static void
clean(struct bytes text, struct buf *out)
{
	const char *p = text.p;

	for (size_t i = 0; i < text.len; i++)
		if (p[i] == '\t')
			buf_add(out, " ", 1);
		else if (p[i] == '\n' || (unsigned char)p[i] >= ' ')
			buf_add(out, &p[i], 1);
}

bool
markdown_blocks(struct bytes text, json_t **ret, struct err *err)
{
	SCOPED(mem) void *own = talloc_named_const(NULL, 0, "markdown");
	struct blocks b = { .ctx = own };
	struct buf plain;
	const char *p, *to;

	if (text.len > MARKDOWN_MAX)
		return err_set(err, ERR_LIMIT, "notes are at most %u KB", MARKDOWN_MAX >> 10);
	if (text.len && u8_check(text.p, text.len))
		return err_set(err, ERR_INVALID, "notes are not UTF-8");
	buf_init(&plain, own, MARKDOWN_MAX);
	buf_init(&b.text, own, MARKDOWN_MAX);
	clean(text, &plain);
	b.into = json_array();
	p = buf_str(&plain);
	to = p + plain.len;
	while (p < to && json_array_size(b.into) < MARKDOWN_BLOCKS_MAX)
		p = take_line(&b, p, to);
	end_block(&b);
	if (p < to)
		markdown_plain((struct bytes){ p, (size_t)(to - p) }, json_object_get(add_block(&b, "p"), "inlines"));
	*ret = b.into;
	return true;
}
