#pragma once
/* endings_page - what ends as pages show it: a row each, and the calendar of twelve weeks. */
#include "web/endings.h"
#include "web/http.h"

#define WEEKS_SHOWN	12
#define ENDING_ROWS_MAX	500	/* of one list on a page */

/* What of all this the one who asks may see; in their order.  Lent by `all`. */
size_t endings_seen(struct req *req, const struct endings *all, const struct ending **ret);

/* {kind, what, title, why, name|null, at{iso, text}, left, touches, doing, level, url|null} */
json_t *page_ending(struct req *req, const struct ending *ending, time_t now);

/* A day without its year, as it fits into a box: "23 Nov". */
char *page_short_day(TALLOC_CTX *ctx, const char *language, time_t at);

/* [{at{iso, text}, count, level, what, url}], from the Monday of this week on; text is short: "23 Nov". */
json_t *page_weeks(struct req *req, const struct ending *const *list, size_t n, time_t now);

/* ---- expiry_feed.c: a handler ---- */
#define EXPIRY_FEED_SUFFIX ".ics"
bool expiry_feed(struct req *req, struct reply *reply, struct err *err) CHECKED;
