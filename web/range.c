#include "web/range.h"
#include <strings.h>

/* Digits, at least one; what is beyond int64 is as far as int64 goes.  Moves *p behind them. */
static bool
number(const char **p, int64_t *ret)
{
	int64_t n = 0;

	if (**p < '0' || **p > '9')
		return false;
	for (; **p >= '0' && **p <= '9'; (*p)++)
		n = n > (INT64_MAX - 9) / 10 ? INT64_MAX / 2 : n * 10 + (**p - '0');
	*ret = n;
	return true;
}

enum range
range_read(const char *range, const char *if_range, const char *etag, int64_t size, int64_t *from,
	   int64_t *length)
{
	int64_t first, last = INT64_MAX / 2;
	const char *p = range;

	*from = 0;
	*length = size;
	if (!range || strncasecmp(range, "bytes=", 6) != 0)
		return RANGE_WHOLE;
	/* Strong comparison: a date or a weak tag never matches (section 13.1.5). */
	if (if_range && strcmp(if_range, etag) != 0)
		return RANGE_WHOLE;
	p += 6;
	p += strspn(p, " \t");
	if (*p == '-') {		/* the last n bytes */
		p++;
		if (!number(&p, &last) || p[strspn(p, " \t")])
			return RANGE_WHOLE;
		if (last == 0 || size == 0)
			return RANGE_OUTSIDE;
		*length = last < size ? last : size;
		*from = size - *length;
		return RANGE_PART;
	}
	if (!number(&p, &first) || *p++ != '-')
		return RANGE_WHOLE;
	if (*p >= '0' && *p <= '9' && (!number(&p, &last) || last < first))
		return RANGE_WHOLE;
	if (p[strspn(p, " \t")])
		return RANGE_WHOLE;
	if (first >= size)
		return RANGE_OUTSIDE;
	*from = first;
	*length = (last < size ? last + 1 : size) - first;
	return RANGE_PART;
}

bool
range_none_match(const char *if_none_match, const char *etag)
{
	size_t len = strlen(etag);

	for (const char *p = if_none_match ? if_none_match : ""; *p;) {
		p += strspn(p, " \t,");
		if (*p == '*')
			return true;
		if (strncmp(p, "W/", 2) == 0)
			p += 2;
		if (strncmp(p, etag, len) == 0 && strchr(" \t,", p[len]))
			return true;
		if (*p == '"')			/* a tag may hold commas */
			p += 1 + strcspn(p + 1, "\"");
		p += strcspn(p, ",");
	}
	return false;
}
