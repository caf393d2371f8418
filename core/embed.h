#pragma once
/*
 * embed - the files that are part of the program: schema, pages, assets, words.
 *
 * CMakeLists.txt makes the table from core/schema, mdm, web/pages, web/assets and web/words.
 */
#include "core/mem.h"

struct embed {
	const char *path;	/* "web/pages/app.html" */
	const unsigned char *from, *to;
};

extern const struct embed embed_table[];	/* by path, ends with path NULL */

bool embed_find(const char *path, struct bytes *ret);
/* What was read at start and is seldom read again goes back to the page cache; whoever asks for it gets it all the same. */
void embed_rest(void);
const struct embed *embed_under(const char *prefix, const struct embed *after);	/* NULL at the end */
