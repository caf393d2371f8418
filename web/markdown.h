#pragma once
/*
 * markdown - release notes as people write them, as blocks for the part {{>notes}}.
 *
 * A subset of CommonMark: paragraphs, # headings, lists (one level), > quotes, ``` code, **strong**,
 * *em*, `code`, [text](address), bare https addresses, \ escapes.  No HTML: a < is a <.  Links lead
 * to http, https and mailto; any other stays text.  Text never gets lost: what is not understood is
 * shown as it was written.  Time is linear in the length.
 */
#include <jansson.h>
#include "core/mem.h"

#define MARKDOWN_MAX		(64u << 10)	/* bytes taken: ERR_LIMIT beyond */
#define MARKDOWN_BLOCKS_MAX	1000		/* the rest becomes one paragraph of plain text */
#define MARKDOWN_INLINES_MAX	4000		/* in one block; the rest of it is plain */

/*
 * A list of blocks, none for empty text:
 *	{"kind": "p"|"h"|"quote", "inlines": [...], "items": [], "text": null}
 *	{"kind": "ul"|"ol", "inlines": [], "items": [{"inlines": [...]}], "text": null}
 *	{"kind": "pre", "inlines": [], "items": [], "text": "..."}
 * and inlines, where a link holds its own:
 *	{"text": "...", "strong": false, "em": false, "code": false, "br": false, "href": null, "inlines": []}
 */
bool markdown_blocks(struct bytes text, json_t **ret, struct err *err) CHECKED;
