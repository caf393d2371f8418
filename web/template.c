/*
 * A template becomes a flat list of nodes; a section knows the node behind its end.  Rendering walks
 * the list with a stack of what {{.}} is.  It ends: depth and steps are bounded, and so is `out`.
 *
 * Lines that hold nothing but a section's tag, a comment or a part leave no line behind, as the
 * mustache specification wants it.
 */
#include "web/template.h"
#include <string.h>

#define FRAMES_MAX 4	/* that a view brings along */

enum kind { NODE_TEXT, NODE_VALUE, NODE_SECTION, NODE_INVERTED, NODE_PART };

/* Small, since every page is compiled for every language: names stand in one place, one behind the other. */
struct node {
	enum kind kind;
	int line;
	int end;		/* of a section: the first node behind it */
	int path_n;		/* 0: {{.}} */
	struct bytes text;	/* of NODE_TEXT; the white space in front of a part that has its line alone */
	size_t name;		/* where in `names`: as written, and behind that its parts when there are several */
};

struct template {
	const char *name;
	struct node *nodes;
	char *names;
	size_t names_len;
	int nodes_n;
};

static const char *
name_of(const struct template *t, const struct node *node)
{
	return t->names + node->name;
}

static const char *
first_part(const struct template *t, const struct node *node)
{
	const char *name = name_of(t, node);

	return node->path_n == 1 ? name : name + strlen(name) + 1;
}

/* ---- compiling ---- */
struct compile {
	struct template *into;
	const char *p, *from, *to;
	int line;
	int open[TEMPLATE_DEPTH_MAX], open_n;
};

static struct node *
add_node(struct compile *c, enum kind kind)
{
	struct template *t = c->into;
	struct node *node;

	if ((t->nodes_n & (t->nodes_n + 1)) == 0)	/* grows at 0, 1, 3, 7 ... */
		t->nodes = mem_grow(t, t->nodes, struct node, (size_t)t->nodes_n * 2 + 1);
	node = &t->nodes[t->nodes_n++];
	*node = (struct node){ .kind = kind, .line = c->line };
	return node;
}

static void
add_text(struct compile *c, const char *from, const char *to)
{
	if (to > from)
		add_node(c, NODE_TEXT)->text = (struct bytes){ from, (size_t)(to - from) };
}

static bool
refuse(const struct compile *c, struct err *err, const char *why, const char *name)
{
	return err_set(err, ERR_INTERNAL, "%s:%d: %s%s", c->into->name, c->line, why, name);
}

static bool
is_name(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '-' || c == '.';
}

static char *
add_name(struct template *t, const char *from, size_t len)
{
	char *at;

	t->names = mem_grow(t, t->names, char, t->names_len + len + 1);
	at = t->names + t->names_len;
	memcpy(at, from, len);
	at[len] = '\0';
	t->names_len += len + 1;
	return at;
}

/* "a.b" into its parts; "." has none. */
static bool
set_name(struct compile *c, struct node *node, const char *from, const char *to, struct err *err)
{
	struct template *t = c->into;
	const char *name, *p;

	node->name = t->names_len;
	name = add_name(t, from, (size_t)(to - from));
	for (p = name; *p; p++)
		if (!is_name(*p))
			return refuse(c, err, "not a name: ", name);
	if (strcmp(name, ".") == 0)
		return true;
	for (p = from;; p++) {
		const char *dot = memchr(p, '.', (size_t)(to - p)), *end = dot ? dot : to;

		if (end == p || node->path_n == TEMPLATE_NAME_MAX)
			return refuse(c, err, "not a name: ", name_of(t, node));
		node->path_n++;
		if (dot || node->path_n > 1)
			add_name(t, p, (size_t)(end - p));
		if (!dot)
			return true;
		p = dot;
	}
}

/* Nothing but white space around [tag, behind) on its lines: *from and *next are then their edges. */
static bool
alone(const struct compile *c, const char *tag, const char *behind, const char **from, const char **next)
{
	while (tag > c->from && (tag[-1] == ' ' || tag[-1] == '\t'))
		tag--;
	while (behind < c->to && (*behind == ' ' || *behind == '\t'))
		behind++;
	if (behind < c->to && *behind == '\r')
		behind++;
	if ((tag > c->from && tag[-1] != '\n') || (behind < c->to && *behind != '\n'))
		return false;
	*from = tag;
	*next = behind < c->to ? behind + 1 : behind;
	return true;
}

static bool
close_section(struct compile *c, const char *from, const char *to, struct err *err)
{
	struct template *t = c->into;
	struct node *section;

	if (!c->open_n)
		return refuse(c, err, "closes what is not open: ", mem_textn(t, from, (size_t)(to - from)));
	section = &t->nodes[c->open[--c->open_n]];
	if (strlen(name_of(t, section)) != (size_t)(to - from) || memcmp(name_of(t, section), from, (size_t)(to - from)) != 0)
		return refuse(c, err, "another section is open: ", name_of(t, section));
	section->end = t->nodes_n;
	return true;
}

/* The tag [from, to) without its braces; `indent` is in front of a part on its own line. */
static bool
add_tag(struct compile *c, const char *from, const char *to, struct bytes indent, struct err *err)
{
	char sigil = from < to ? *from : '\0';
	struct node *node;

	if (sigil == '!')
		return true;
	if (sigil == '{' || sigil == '&' || sigil == '=')
		return refuse(c, err, "there is no unescaped form and no other delimiter", "");
	if (sigil == '#' || sigil == '^' || sigil == '/' || sigil == '>')
		from++;
	else
		sigil = '\0';
	while (from < to && strchr(" \t\r\n", *from))
		from++;
	while (to > from && strchr(" \t\r\n", to[-1]))
		to--;
	switch (sigil) {
	case '/':
		return close_section(c, from, to, err);
	case '#':
	case '^':
		if (c->open_n == TEMPLATE_DEPTH_MAX)
			return refuse(c, err, "too many sections inside each other", "");
		c->open[c->open_n++] = c->into->nodes_n;
		node = add_node(c, sigil == '#' ? NODE_SECTION : NODE_INVERTED);
		break;
	case '>':
		node = add_node(c, NODE_PART);
		node->text = indent;
		break;
	default:
		node = add_node(c, NODE_VALUE);
	}
	return set_name(c, node, from, to, err);
}

static bool
compile(struct compile *c, struct err *err)
{
	const char *open;

	while ((open = memmem(c->p, (size_t)(c->to - c->p), "{{", 2)) != NULL) {
		const char *close = memmem(open + 2, (size_t)(c->to - open - 2), "}}", 2);
		const char *text_to = open, *next;
		struct bytes indent = { "", 0 };

		for (const char *p = c->p; p < open; p++)
			c->line += *p == '\n';
		if (!close)
			return refuse(c, err, "a tag is not closed", "");
		next = close + 2;
		if (close > open + 2 && strchr("#^/!>", open[2]) && alone(c, open, next, &text_to, &next))
			indent = (struct bytes){ text_to, (size_t)(open - text_to) };
		add_text(c, c->p, text_to > c->p ? text_to : c->p);
		if (!add_tag(c, open + 2, close, indent, err))
			return false;
		for (const char *p = open; p < next; p++)
			c->line += *p == '\n';
		c->p = next;
	}
	add_text(c, c->p, c->to);
	if (c->open_n) {
		const struct node *section = &c->into->nodes[c->open[c->open_n - 1]];

		c->line = section->line;
		return refuse(c, err, "is not closed: ", name_of(c->into, section));
	}
	return true;
}

bool
template_compile(TALLOC_CTX *ctx, const char *name, struct bytes text, struct template **ret, struct err *err)
{
	struct template *t = mem_new(ctx, struct template);
	struct compile c = { .into = t, .line = 1 };

	t->name = mem_text(t, name);
	if (text.len > TEMPLATE_TEXT_MAX)
		return err_set(err, ERR_INTERNAL, "%s: longer than %u bytes", name, TEMPLATE_TEXT_MAX);
	c.p = c.from = mem_copy(t, text.p, text.len);
	c.to = c.p + text.len;
	if (!compile(&c, err)) {
		talloc_free(t);
		return false;
	}
	t->nodes = mem_grow(t, t->nodes, struct node, (size_t)t->nodes_n + 1);	/* what it grew beyond is given back */
	*ret = t;
	return true;
}

/* ---- rendering ---- */
struct render {
	const struct template_view *view;
	struct buf *out;
	const json_t *stack[TEMPLATE_DEPTH_MAX + FRAMES_MAX];
	size_t stack_n;
	int depth, steps;
	struct bytes indent;	/* of the part under way */
	bool line_start;	/* in that part */
};

/* The next step down a path; NULL: not known.  Below a list only "any" is, below a text that text. */
static const json_t *
below(const json_t *value, const char *name)
{
	if (json_is_object(value))
		return json_object_get(value, name);
	if (json_is_string(value))
		return json_boolean(strcmp(json_string_value(value), name) == 0);
	if (json_is_array(value) && strcmp(name, "any") == 0)
		return json_boolean(json_array_size(value) > 0);
	return json_is_null(value) ? value : NULL;
}

static const json_t *
look_up(const struct render *r, const struct template *t, const struct node *node)
{
	const char *part = first_part(t, node);
	const json_t *value = NULL;

	if (!node->path_n)
		return r->stack_n ? r->stack[r->stack_n - 1] : NULL;
	for (size_t i = r->stack_n; i > 0 && !value; i--)
		value = json_object_get(r->stack[i - 1], part);
	for (int i = 1; i < node->path_n && value; i++)
		value = below(value, part += strlen(part) + 1);
	return value;
}

static bool
is_there(const json_t *value)
{
	switch (value ? json_typeof(value) : JSON_NULL) {
	case JSON_NULL:
	case JSON_FALSE:	return false;
	case JSON_ARRAY:	return json_array_size(value) > 0;
	case JSON_STRING:	return json_string_length(value) > 0;
	case JSON_INTEGER:	return json_integer_value(value) != 0;
	default:		return true;
	}
}

static bool
unknown(const struct template *t, const struct node *node, const char *what, struct err *err)
{
	return err_set(err, ERR_INTERNAL, "%s:%d: %s is %s", t->name, node->line, name_of(t, node), what);
}

/* Template text: every line of a part that stood alone begins where its tag did. */
static void
put_text(struct render *r, struct bytes text)
{
	const char *p = text.p, *to = p + text.len;

	if (!r->indent.len) {
		buf_add(r->out, text.p, text.len);
		return;
	}
	while (p < to) {
		const char *end = memchr(p, '\n', (size_t)(to - p));

		end = end ? end + 1 : to;
		if (r->line_start)
			buf_add(r->out, r->indent.p, r->indent.len);
		buf_add(r->out, p, (size_t)(end - p));
		r->line_start = end[-1] == '\n';
		p = end;
	}
}

static bool
put_value(struct render *r, const struct template *t, const struct node *node, struct err *err)
{
	const json_t *value = look_up(r, t, node);
	char number[32];

	if (!value)
		return !r->view->strict || unknown(t, node, "not known", err);
	if (r->line_start && r->indent.len)
		buf_add(r->out, r->indent.p, r->indent.len);
	r->line_start = false;
	switch (json_typeof(value)) {
	case JSON_STRING:
		if (r->view->plain)
			buf_add(r->out, json_string_value(value), json_string_length(value));
		else
			buf_html(r->out, json_string_value(value), json_string_length(value));
		break;
	case JSON_INTEGER:
		buf_addf(r->out, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
		break;
	case JSON_REAL:
		snprintf(number, sizeof number, "%.15g", json_real_value(value));
		buf_text(r->out, number);
		break;
	case JSON_TRUE:
		buf_text(r->out, "true");
		break;
	case JSON_FALSE:
		buf_text(r->out, "false");
		break;
	case JSON_NULL:
		break;
	default:
		return !r->view->strict || unknown(t, node, "no single value", err);
	}
	return true;
}

static bool run(struct render *r, const struct template *t, int from, int to, struct err *err);

static bool
run_with(struct render *r, const struct template *t, int from, int to, const json_t *value, struct err *err)
{
	bool ok;

	r->stack[r->stack_n++] = value;
	ok = run(r, t, from, to, err);
	r->stack_n--;
	return ok;
}

static bool
run_section(struct render *r, const struct template *t, int at, struct err *err)
{
	const struct node *node = &t->nodes[at];
	const json_t *value = look_up(r, t, node);

	if (!value && r->view->strict)
		return unknown(t, node, "not known", err);
	if (node->kind == NODE_INVERTED)
		return is_there(value) || run(r, t, at + 1, node->end, err);
	if (!is_there(value))
		return true;
	if (!json_is_array(value))
		return run_with(r, t, at + 1, node->end, value, err);
	for (size_t i = 0; i < json_array_size(value); i++)
		if (!run_with(r, t, at + 1, node->end, json_array_get(value, i), err))
			return false;
	return true;
}

static bool
run_part(struct render *r, const struct template *t, const struct node *node, struct err *err)
{
	const struct template *part = r->view->part ? r->view->part(r->view->parts, name_of(t, node)) : NULL;
	struct bytes outer = r->indent;
	bool outer_start = r->line_start, ok;

	if (!part)
		return !r->view->strict || unknown(t, node, "no part", err);
	if (node->text.len) {
		r->indent = node->text;
		r->line_start = true;
	}
	ok = run(r, part, 0, part->nodes_n, err);
	r->indent = outer;
	r->line_start = node->text.len ? true : outer_start;
	return ok;
}

static bool
run(struct render *r, const struct template *t, int from, int to, struct err *err)
{
	bool ok = true;

	if (r->depth == TEMPLATE_DEPTH_MAX)
		return err_set(err, ERR_LIMIT, "%s: sections and parts deeper than %d", t->name,
			       TEMPLATE_DEPTH_MAX);
	r->depth++;
	for (int i = from; i < to && ok;) {
		const struct node *node = &t->nodes[i];

		if (++r->steps > TEMPLATE_STEPS_MAX) {
			ok = err_set(err, ERR_LIMIT, "%s: more than %d steps", t->name, TEMPLATE_STEPS_MAX);
			break;
		}
		switch (node->kind) {
		case NODE_TEXT:
			put_text(r, node->text);
			break;
		case NODE_VALUE:
			ok = put_value(r, t, node, err);
			break;
		case NODE_SECTION:
		case NODE_INVERTED:
			ok = run_section(r, t, i, err);
			break;
		case NODE_PART:
			ok = run_part(r, t, node, err);
			break;
		}
		i = node->kind == NODE_SECTION || node->kind == NODE_INVERTED ? node->end : i + 1;
	}
	r->depth--;
	return ok;
}

bool
template_render(const struct template *template, const struct template_view *view, struct buf *out,
		struct err *err)
{
	struct render r = { .view = view, .out = out };

	for (size_t i = 0; i < view->frames_n && i < FRAMES_MAX; i++)
		r.stack[r.stack_n++] = view->frames[i];
	return run(&r, template, 0, template->nodes_n, err) &&
	       (buf_ok(out, err) || err_at(err, "page %s", template->name));
}
