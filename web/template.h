#pragma once
/*
 * template - a small logic-less template over json_t: the mustache subset that the pages need.
 *
 *	{{name}} {{a.b}} {{.}}		a value, always escaped
 *	{{#x}}..{{/x}}			for each of a list, or once when x is there
 *	{{^x}}..{{/x}}			when it is not
 *	{{>part}} {{! comment }}
 *
 * Not there: null, false, 0, "", [] and a name nobody set.  No unescaped form, no lambdas, no set
 * delimiters: each is refused when the template is compiled.
 *
 * Two additions.  Below a text, a name asks whether it is that text: {{#level.error}} holds where
 * level is "error", so that a word of the API serves the page as it is.  {{#list.any}} holds once
 * where the list has something in it.
 *
 * A compiled template is read-only and may be rendered by many threads at once.
 */
#include <jansson.h>
#include "core/buf.h"

#define TEMPLATE_TEXT_MAX	(256u << 10)	/* bytes of one template */
#define TEMPLATE_NAME_MAX	8		/* parts of a.b.c */
#define TEMPLATE_DEPTH_MAX	32		/* sections and parts inside each other */
#define TEMPLATE_STEPS_MAX	1000000		/* nodes of one rendering: ends what would not */

struct template;

struct template_view {
	const json_t *const *frames;	/* looked up from the last to the first */
	size_t frames_n;
	const struct template *(*part)(const void *parts, const char *name);	/* NULL: no such part */
	const void *parts;
	bool plain;	/* for mail and terminals: values are not escaped for HTML */
	bool strict;	/* a name or part that is not known is an error, else it is empty */
};

/* `name` and a line stand in front of every error.  The text is copied. */
bool template_compile(TALLOC_CTX *ctx, const char *name, struct bytes text, struct template **ret,
		      struct err *err) CHECKED;
bool template_render(const struct template *template, const struct template_view *view,
		     struct buf *out, struct err *err) CHECKED;
