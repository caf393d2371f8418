/*
 * Two passes, neither of which can fail on any text: lines become blocks, a block's text becomes
 * inlines.  Strong and em are marks of a run and need not nest, so `**a *b** c*` is no special case.
 * No search looks further than a named bound or the block's end, and none of the latter is repeated:
 * the time is linear.
 *
 * A line break in a paragraph is one on the page: people write "Fixed this<newline>Fixed that".
 * Inside the point of a list it is not: there it comes from wrapping at some column.
 */
#include "web/markdown.h"
#include <ctype.h>
#include <string.h>
#include <strings.h>
#include <unistr.h>
#include "core/buf.h"

#define LINK_TEXT_MAX	500
#define LINK_ADDRESS_MAX 2000
#define FENCE_MIN	3

/* ---- inlines ---- */
enum { MARK_EM, MARK_STRONG, MARKS };

struct inlines {
	const char *from, *to;
	json_t *into;
	int count;
	struct buf text;	/* of the run under way */
	bool on[MARKS], br;
	bool in_link;
	const char *last_close[2][MARKS];	/* of * and of _: nothing closes behind it */
};

static json_t *
new_inline(const char *text, size_t len)
{
	return json_pack("{s:s%, s:b, s:b, s:b, s:b, s:n, s:[]}", "text", text, len, "strong", 0, "em", 0, "code",
			 0, "br", 0, "href", "inlines");
}

static void
append(struct inlines *in, json_t *inl)
{
	json_object_set_new(inl, "strong", json_boolean(in->on[MARK_STRONG]));
	json_object_set_new(inl, "em", json_boolean(in->on[MARK_EM]));
	json_object_set_new(inl, "br", json_boolean(in->br));
	in->br = false;
	json_array_append_new(in->into, inl);
	in->count++;
}

static void
end_run(struct inlines *in)
{
	if (in->text.len)
		append(in, new_inline(in->text.p, in->text.len));
	buf_clear(&in->text);
}

static bool
is_word(unsigned char c)
{
	return isalnum(c) || c >= 0x80;
}

static char
before(const struct inlines *in, const char *p)
{
	return p > in->from ? p[-1] : ' ';
}

static char
at(const struct inlines *in, const char *p)
{
	return p < in->to ? *p : ' ';
}

static bool
may_close(const struct inlines *in, const char *p, size_t len)
{
	return !isspace((unsigned char)before(in, p)) && (*p == '*' || !is_word((unsigned char)at(in, p + len)));
}

static bool
may_open(const struct inlines *in, const char *p, size_t len)
{
	return !isspace((unsigned char)at(in, p + len)) && (*p == '*' || !is_word((unsigned char)before(in, p)));
}

/* ** and __ are strong, * and _ alone are em. */
static size_t
mark_len(const struct inlines *in, const char *p)
{
	return at(in, p + 1) == *p ? 2 : 1;
}

static void
find_last_closers(struct inlines *in)
{
	for (const char *p = in->from; p < in->to; p++)
		if (*p == '*' || *p == '_') {
			size_t len = mark_len(in, p);

			if (may_close(in, p, len))
				in->last_close[*p == '_'][len == 2 ? MARK_STRONG : MARK_EM] = p;
			p += len - 1;
		}
}

/* Turns strong or em on or off; false: these characters are text. */
static bool
take_mark(struct inlines *in, const char **pp)
{
	const char *p = *pp;
	size_t len = mark_len(in, p);
	int mark = len == 2 ? MARK_STRONG : MARK_EM;
	const char *last = in->last_close[*p == '_'][mark];

	if (in->on[mark] ? !may_close(in, p, len) : !(may_open(in, p, len) && last && last > p))
		return false;
	end_run(in);
	in->on[mark] = !in->on[mark];
	*pp = p + len;
	return true;
}

/* http, https or mailto, and nothing in it that could end an attribute or a line. */
static bool
is_address(const char *p, size_t len)
{
	static const char *const schemes[] = { "https://", "http://", "mailto:" };

	if (len > LINK_ADDRESS_MAX)
		return false;
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)p[i] <= ' ' || strchr("<>\"'`", p[i]) || p[i] == 0x7f)
			return false;
	for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
		if (len > strlen(schemes[i]) && strncasecmp(p, schemes[i], strlen(schemes[i])) == 0)
			return true;
	return false;
}

static void parse_inlines(TALLOC_CTX *ctx, const char *p, const char *to, bool in_link, json_t *into);

static void
add_link(struct inlines *in, const char *text, size_t text_len, const char *address, size_t address_len,
	 bool plain)
{
	json_t *link = new_inline("", 0), *inner = json_object_get(link, "inlines");

	end_run(in);
	json_object_set_new(link, "href", json_stringn(address, address_len));
	if (plain)
		json_array_append_new(inner, new_inline(text, text_len));
	else
		parse_inlines(in->text.ctx, text, text + text_len, true, inner);
	append(in, link);
}

/* [text](address) */
static bool
take_link(struct inlines *in, const char **pp)
{
	const char *text = *pp + 1, *end, *address, *close;
	size_t room = (size_t)(in->to - text) < LINK_TEXT_MAX ? (size_t)(in->to - text) : LINK_TEXT_MAX;
	int open = 0;

	end = memchr(text, ']', room);
	if (in->in_link || !end || at(in, end + 1) != '(')
		return false;
	address = end + 2;
	for (close = address; close < in->to && close - address <= LINK_ADDRESS_MAX; close++)
		if (*close == '(')
			open++;
		else if (*close == ')' && open-- == 0)
			break;
	if (close >= in->to || *close != ')' || !is_address(address, (size_t)(close - address)))
		return false;
	add_link(in, text, (size_t)(end - text), address, (size_t)(close - address), false);
	*pp = close + 1;
	return true;
}

/* An address as it stands, also inside < >; what ends a sentence is not part of it. */
static bool
take_address(struct inlines *in, const char **pp)
{
	const char *p = *pp, *end;
	bool angle = *p == '<';
	size_t len;

	p += angle;
	if (in->in_link || (!angle && (is_word((unsigned char)before(in, p)) || in->to - p < 8 ||
				       strncasecmp(p, "http", 4) != 0)))
		return false;
	for (end = p; end < in->to && end - p <= LINK_ADDRESS_MAX && (unsigned char)*end > ' ' &&
		      !strchr("<>\"`", *end); end++)
		;
	if (angle && at(in, end) != '>')
		return false;
	while (!angle && end > p && strchr(".,;:!?)'*_", end[-1]))
		end--;
	len = (size_t)(end - p);
	if (!is_address(p, len))
		return false;
	add_link(in, p, len, p, len, true);
	*pp = end + angle;
	return true;
}

/* `code`, with as many ticks on both sides */
static bool
take_code(struct inlines *in, const char **pp)
{
	size_t ticks = 0;
	const char *p = *pp;

	while (at(in, p) == '`') {
		p++;
		ticks++;
	}
	for (const char *end = p; (end = memchr(end, '`', (size_t)(in->to - end))) != NULL;) {
		const char *behind = end;
		json_t *code;

		while (at(in, behind) == '`')
			behind++;
		if ((size_t)(behind - end) == ticks) {
			end_run(in);
			code = new_inline(p, (size_t)(end - p));
			append(in, code);
			json_object_set_new(code, "code", json_true());
			*pp = behind;
			return true;
		}
		end = behind;
	}
	/* None closes: all of these ticks are text, and the next ones look for their own. */
	buf_add(&in->text, *pp, ticks);
	*pp = p;
	return true;
}

static void
parse_inlines(TALLOC_CTX *ctx, const char *p, const char *to, bool in_link, json_t *into)
{
	struct inlines in = { .from = p, .to = to, .into = into, .in_link = in_link };

	buf_init(&in.text, ctx, MARKDOWN_MAX);
	find_last_closers(&in);
	while (p < to) {
		bool taken = false;

		if (in.count >= MARKDOWN_INLINES_MAX) {
			buf_add(&in.text, p, (size_t)(to - p));
			break;
		}
		switch (*p) {
		case '\\':
			if (ispunct((unsigned char)at(&in, p + 1)))
				p++;
			break;
		case '`':
			taken = take_code(&in, &p);
			break;
		case '*':
		case '_':
			taken = take_mark(&in, &p);
			break;
		case '[':
			taken = take_link(&in, &p);
			break;
		case '<':
		case 'h':
		case 'H':
			taken = take_address(&in, &p);
			break;
		case '\n':
			if (in_link)
				break;
			end_run(&in);
			in.br = json_array_size(into) > 0;
			p++;
			taken = true;
			break;
		}
		if (!taken && p < to) {
			/* A mark that is text is text as a whole: "**" is not a "*" behind a "*". */
			size_t len = *p == '*' || *p == '_' ? mark_len(&in, p) : 1;

			buf_add(&in.text, p, len);
			p += len;
		}
	}
	end_run(&in);
	talloc_free(in.text.p);
}

/* ---- blocks ---- */
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
	parse_inlines(b->ctx, buf_str(&b->text), buf_str(&b->text) + b->text.len, false,
		      json_object_get(holder, "inlines"));
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
		json_array_append_new(json_object_get(add_block(&b, "p"), "inlines"), new_inline(p, (size_t)(to - p)));
	*ret = b.into;
	return true;
}
