#pragma once
/*
 * lane - one way out of the house: so many a minute, and closed for a while when what it leads to is out of
 * order.
 *
 * After a failure of the way itself it is closed, 5 seconds at first and twice as long each time, 60 at
 * most; then one may try, and until it is known how that went the others go on waiting.  Times are
 * clock_ms.  For many threads.
 */
#include <pthread.h>
#include <stdint.h>
#include "core/err.h"

#define LANE_PAUSE_MIN_MS	5000
#define LANE_PAUSE_MAX_MS	60000
#define LANE_TRY_MS		200000	/* longer than any try takes */

struct lane {
	pthread_mutex_t lock;
	const char *name;
	int failures;			/* in a row */
	int64_t closed_until, next;
	char why[512];
};

void lane_init(struct lane *lane, const char *name);

/* 0: go, and say with one of the next three how it was.  Else how long to wait, with the words of the last failure. */
int64_t lane_enter(struct lane *lane, int64_t now, char *why, size_t size);
bool lane_works(struct lane *lane);	/* true: it did not, before */
int64_t lane_broken(struct lane *lane, int64_t now, const char *why);	/* how long it is closed */
void lane_untried(struct lane *lane);	/* it came to nothing */

bool lane_is_broken(struct lane *lane, char *why, size_t size);	/* for people: with the words of the last failure */

int64_t lane_turn(struct lane *lane, int64_t now, int64_t per_minute);	/* when it is one's turn; 0 per minute: now */
