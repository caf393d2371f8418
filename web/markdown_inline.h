#pragma once
/*
 * markdown_inline - the text of one block: strong, em, code, links (web/markdown.h says which).
 *
 * Inlines are appended to `into`; `ctx` is for what is needed meanwhile.
 */
#include <jansson.h>
#include "core/mem.h"

void markdown_inlines(TALLOC_CTX *ctx, struct bytes text, json_t *into);
void markdown_plain(struct bytes text, json_t *into);	/* one inline, nothing in it read */
