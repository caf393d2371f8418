#include "web/pace.h"
#include "core/clock.h"
#include <pthread.h>
#include <stdint.h>

static struct place {
	int64_t since;
	int n;
} places[PACE_PLACES];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* FNV-1a. */
static uint32_t
place_of(const char *key)
{
	uint32_t hash = 2166136261u;

	for (; *key; key++)
		hash = (hash ^ (unsigned char)*key) * 16777619u;
	return hash % PACE_PLACES;
}

bool
pace_take(const char *key, int most, struct err *err)
{
	struct place *place = &places[place_of(key)];
	int64_t now = clock_now(), left;
	bool ok;

	pthread_mutex_lock(&lock);
	if (now < place->since || now - place->since >= PACE_S)
		*place = (struct place){ .since = now };
	ok = place->n < most;
	place->n += ok;
	left = place->since + PACE_S - now;
	pthread_mutex_unlock(&lock);
	if (ok)
		return true;
	err_set(err, ERR_RATE, "too often; try again in %lld seconds", (long long)left);
	return err_retry(err, left);
}
