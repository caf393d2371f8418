#include "core/lane.h"
#include <stdio.h>

void
lane_init(struct lane *lane, const char *name)
{
	*lane = (struct lane){ .name = name };
	pthread_mutex_init(&lane->lock, NULL);
}

int64_t
lane_enter(struct lane *lane, int64_t now, char *why, size_t size)
{
	int64_t wait;

	pthread_mutex_lock(&lane->lock);
	wait = lane->closed_until > now ? lane->closed_until - now : 0;
	if (!wait && lane->failures)
		lane->closed_until = now + LANE_TRY_MS;
	snprintf(why, size, "%s", lane->why);
	pthread_mutex_unlock(&lane->lock);
	return wait > LANE_PAUSE_MAX_MS ? LANE_PAUSE_MIN_MS : wait;	/* while one tries: look again soon */
}

bool
lane_works(struct lane *lane)
{
	bool before;

	pthread_mutex_lock(&lane->lock);
	before = lane->failures > 0;
	lane->failures = 0;
	lane->closed_until = 0;
	pthread_mutex_unlock(&lane->lock);
	return before;
}

int64_t
lane_broken(struct lane *lane, int64_t now, const char *why)
{
	int64_t pause = LANE_PAUSE_MIN_MS;

	pthread_mutex_lock(&lane->lock);
	for (int i = 0; i < lane->failures && pause < LANE_PAUSE_MAX_MS; i++)
		pause *= 2;
	if (pause > LANE_PAUSE_MAX_MS)
		pause = LANE_PAUSE_MAX_MS;
	lane->failures++;
	lane->closed_until = now + pause;
	snprintf(lane->why, sizeof lane->why, "%.*s", (int)sizeof lane->why - 1, why);
	pthread_mutex_unlock(&lane->lock);
	return pause;
}

void
lane_untried(struct lane *lane)
{
	pthread_mutex_lock(&lane->lock);
	if (lane->failures)
		lane->closed_until = 0;
	pthread_mutex_unlock(&lane->lock);
}

bool
lane_is_broken(struct lane *lane, char *why, size_t size)
{
	bool broken;

	pthread_mutex_lock(&lane->lock);
	broken = lane->failures > 0;
	snprintf(why, size, "%s", lane->why);
	pthread_mutex_unlock(&lane->lock);
	return broken;
}

int64_t
lane_turn(struct lane *lane, int64_t now, int64_t per_minute)
{
	int64_t turn = now;

	if (per_minute <= 0)
		return now;
	pthread_mutex_lock(&lane->lock);
	if (lane->next > now)
		turn = lane->next;
	lane->next = turn + 60000 / per_minute;
	pthread_mutex_unlock(&lane->lock);
	return turn;
}
