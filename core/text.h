#pragma once
/*
 * text - Unicode: what is valid, and what is the same word.
 */
#include "core/mem.h"

/* UTF-8 without NUL, as databases and property lists want it. */
bool text_valid(const char *text, size_t len);

/* Case folded and NFKC: equal for people means equal bytes.  Invalid UTF-8 comes back empty. */
char *text_fold(TALLOC_CTX *ctx, const char *text);

/* At most `max` bytes, cut between characters. */
char *text_cut(TALLOC_CTX *ctx, const char *text, size_t max);

/*
 * A pattern for `folded LIKE $1 ESCAPE '!'` that finds `search` anywhere; NULL and "" find everything.
 * At most TEXT_SEARCH_MAX bytes of it are looked at.
 */
#define TEXT_SEARCH_MAX 200
char *text_like(TALLOC_CTX *ctx, const char *search);
