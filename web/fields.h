#pragma once
/*
 * fields - names and values as HTTP writes them: query, urlencoded form, cookies, Accept.
 *
 * Decoded by us, once: percent escapes must be whole, NUL is refused, text must be UTF-8.
 */
#include "core/mem.h"

#define FIELDS_COOKIES_MAX 32

struct field {
	const char *name, *value;
};

struct fields {
	struct field *items;
	size_t n;
};

/* "a=1&b=2" with + for blank; ERR_MALFORMED when an escape is broken or there are more than `max`. */
bool fields_read(TALLOC_CTX *ctx, struct bytes text, size_t max, struct fields *ret,
		 struct err *err) CHECKED;

/* Adds the pairs of one Cookie header; what is no pair is left out. */
void fields_add_cookies(TALLOC_CTX *ctx, const char *header, struct fields *fields);

/* The first of that name, or NULL; fields_nth: the n-th, from 0. */
const char *fields_get(const struct fields *fields, const char *name);
const char *fields_nth(const struct fields *fields, const char *name, size_t n);

/*
 * Percent-decodes into `to` (as long as `from` suffices, plus NUL); false when an escape is broken or
 * gives NUL.  Returns the length in *len.
 */
bool fields_unescape(char *to, const char *from, size_t from_len, bool plus_is_blank, size_t *len);

/* Does an Accept header prefer text/html to application/json?  NULL and a lone wildcard do not. */
bool fields_prefers_html(const char *accept);

/* Is a Content-Type header of this media type, whatever its parameters? */
bool fields_type_is(const char *content_type, const char *type);
