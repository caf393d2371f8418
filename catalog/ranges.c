#include "catalog/ranges.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
ranges_add(struct ranges *r, int64_t from, int64_t to)
{
	int first = 0, end;

	if (from < 0 || to <= from)
		return;
	while (first < r->n && r->at[first].to < from)
		first++;
	for (end = first; end < r->n && r->at[end].from <= to; end++) {
		from = r->at[end].from < from ? r->at[end].from : from;
		to = r->at[end].to > to ? r->at[end].to : to;
	}
	if (first == end && r->n == RANGES_MAX)
		return;
	memmove(&r->at[first + 1], &r->at[end], (size_t)(r->n - end) * sizeof r->at[0]);
	r->n += 1 - (end - first);
	r->at[first].from = from;
	r->at[first].to = to;
}

int64_t
ranges_bytes(const struct ranges *r)
{
	int64_t sum = 0;

	for (int i = 0; i < r->n; i++)
		sum += r->at[i].to - r->at[i].from;
	return sum;
}

const char *
ranges_text(const struct ranges *r, char text[RANGES_TEXT])
{
	int at = 0;

	*text = '\0';
	for (int i = 0; i < r->n; i++)
		at += snprintf(text + at, (size_t)(RANGES_TEXT - at), "%s%" PRId64 "-%" PRId64, i ? " " : "", r->at[i].from, r->at[i].to);
	return text;
}

void
ranges_read(struct ranges *r, const char *text)
{
	r->n = 0;
	for (char *end; *text; text = end + (*end == ' ')) {
		int64_t from = strtoll(text, &end, 10);

		if (end == text || *end != '-')
			return;
		text = end + 1;
		ranges_add(r, from, strtoll(text, &end, 10));
		if (end == text || (*end && *end != ' '))
			return;
	}
}
