/*
 * Strong and em are marks of a run and need not nest, so `**a *b** c*` is no special case.  No search
 * looks further than a named bound or the text's end, and none of the latter is repeated: the time is
 * linear.
 */
#include "web/markdown_inline.h"
#include <ctype.h>
#include <string.h>
#include <strings.h>
#include "core/buf.h"
#include "web/markdown.h"

#define LINK_TEXT_MAX	500
#define LINK_ADDRESS_MAX 2000

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

void
markdown_inlines(TALLOC_CTX *ctx, struct bytes text, json_t *into)
{
	parse_inlines(ctx, text.p, (const char *)text.p + text.len, false, into);
}

void
markdown_plain(struct bytes text, json_t *into)
{
	json_array_append_new(into, new_inline(text.p, text.len));
}
