#pragma once
/*
 * cursor - where a list goes on: the last item's place in the order and its id, opaque to the caller.
 *
 * What nobody gave out begins the list anew.
 */
#include <string.h>
#include "core/buf.h"
#include "core/num.h"
#include "core/text.h"

#define CURSOR_MAX 2048

static inline const char *
cursor_put(TALLOC_CTX *ctx, const char *place, const char *id)
{
	const char *text = mem_printf(ctx, "%s\t%s", id, place);
	struct buf buf;

	buf_init(&buf, ctx, 2 * CURSOR_MAX);
	buf_base64url(&buf, text, strlen(text));
	return buf_str(&buf);
}

/* Both "" for NULL. */
static inline void
cursor_take(TALLOC_CTX *ctx, const char *after, const char **place, const char **id)
{
	struct bytes raw = { 0 };
	char *text, *cut;

	*place = *id = "";
	if (!after || strlen(after) > CURSOR_MAX || !num_unbase64(ctx, after, strlen(after), &raw))
		return;
	text = mem_textn(ctx, raw.p, raw.len);
	cut = strchr(text, '\t');
	if (!cut || !text_valid(text, raw.len))
		return;
	*cut = '\0';
	*id = text;
	*place = cut + 1;
}

/* Where the place is a number; `first` at the beginning. */
static inline int64_t
cursor_take_number(TALLOC_CTX *ctx, const char *after, int64_t first, const char **id)
{
	const char *place;
	struct err none;
	int64_t ret;

	cursor_take(ctx, after, &place, id);
	return num_parse(place, 0, INT64_MAX, &ret, &none) ? ret : first;
}
