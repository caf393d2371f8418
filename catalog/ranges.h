#pragma once
/*
 * ranges - which bytes of a file went out, each counted once.
 *
 * A bounded list of ranges that do not touch, in order.  What would need one more than RANGES_MAX is
 * left out: the sum may be too small, and is never too large.
 */
#include <stdint.h>

#define RANGES_MAX	16
#define RANGES_TEXT	(RANGES_MAX * 40 + 1)

struct ranges {
	int n;
	struct { int64_t from, to; } at[RANGES_MAX];
};

void ranges_add(struct ranges *ranges, int64_t from, int64_t to);	/* to: the first byte behind it */
int64_t ranges_bytes(const struct ranges *ranges);

/* "0-600 900-1000", to be kept; of what is no such text, what stands before. */
const char *ranges_text(const struct ranges *ranges, char text[RANGES_TEXT]);
void ranges_read(struct ranges *ranges, const char *text);
