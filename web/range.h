#pragma once
/*
 * range - which part of a file a request asks for (RFC 9110 sections 13 and 14).
 *
 * One range is served; several are answered with the whole, which the RFC allows and which spares us
 * many small overlapping ranges.  What cannot be read is ignored, as it demands.
 */
#include <stdint.h>
#include "core/mem.h"

enum range { RANGE_WHOLE, RANGE_PART, RANGE_OUTSIDE };	/* 200, 206, 416 */

/* `range` and `if_range` are header values or NULL; `etag` is strong and in quotes. */
enum range range_read(const char *range, const char *if_range, const char *etag, int64_t size,
		      int64_t *from, int64_t *length);

/* If-None-Match: is what the client has still right?  Weak comparison, "*" matches. */
bool range_none_match(const char *if_none_match, const char *etag);
