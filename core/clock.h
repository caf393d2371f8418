#pragma once
/*
 * clock - the time, which tests can replace.
 *
 * UTC seconds since 1970 everywhere in code, ISO 8601 at the edges.  `clock.file` names a file that
 * holds an ISO 8601 time which replaces now (a seam for tests, loud while it is set).
 * Deadlines and leases inside one process use clock_ms, which no seam and no clock change moves.
 */
#include <stdint.h>
#include <time.h>
#include "core/mem.h"

#define HOUR_S	3600
#define DAY_S	86400
#define CLOCK_BACK_S	60	/* further behind what was seen: the clock was set back */

#define CLOCK_ISO_SIZE 21	/* "2026-11-22T02:46:49Z" and NUL */

/* Follows `path` from now on (read at most once a second); NULL or "" ends it. */
void clock_follow(const char *path);

time_t clock_now(void);
int64_t clock_ms(void);		/* monotonic */

const char *clock_iso(time_t at, char text[CLOCK_ISO_SIZE]);	/* returns text */
char *clock_text(TALLOC_CTX *ctx, time_t at);
const char *clock_day(time_t at, char text[11]);		/* "2026-03-01"; returns text */

/* "2026-11-22T02:46:49Z", also without Z, or the day alone. */
bool clock_parse(const char *text, time_t *ret, struct err *err) CHECKED;

/* RFC 9110 section 5.6.7: "Sun, 22 Nov 2026 02:46:49 GMT"; returns text. */
const char *clock_http(time_t at, char text[32]);
