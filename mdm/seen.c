#include "mdm/seen.h"
#include "core/clock.h"
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS	(SEEN_MAX * 2)	/* a power of two */
#define CHUNK	1000		/* devices in one closure: it holds up other writers */

struct sight {
	char id[32], address[64];
	int64_t at;
};

struct seen {
	struct db *db;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool stopping;
	struct sight *slots;
	size_t n;
};

struct sights {
	size_t n;
	struct sight all[];
};

static bool
tx_write(struct db *tx, void *arg, struct err *err)
{
	const struct sights *sights = arg;

	for (size_t i = 0; i < sights->n; i++)
		if (!db_run(tx, err, "UPDATE device SET seen = $1, address = $2 WHERE id = $3", db_int(sights->all[i].at),
			    db_text(sights->all[i].address), db_text(sights->all[i].id)))
			return false;
	return true;
}

static int
by_id(const void *a, const void *b)
{
	const struct sight *const *x = a, *const *y = b;

	return strcmp((*x)->id, (*y)->id);
}

/* With the lock held. */
static void
flush(struct seen *seen)
{
	struct sight **sorted = mem_array(NULL, struct sight *, seen->n + 1);
	size_t n = 0;

	for (size_t i = 0; i < SLOTS && n < seen->n; i++)
		if (*seen->slots[i].id)
			sorted[n++] = &seen->slots[i];
	qsort(sorted, n, sizeof *sorted, by_id);
	for (size_t from = 0; from < n; from += CHUNK) {
		size_t count = n - from < CHUNK ? n - from : CHUNK;
		struct sights *sights = mem_size(NULL, sizeof *sights + count * sizeof *sights->all);

		sights->n = count;
		for (size_t i = 0; i < count; i++) {
			sights->all[i] = *sorted[from + i];
			*sorted[from + i]->id = '\0';
		}
		db_later(seen->db, tx_write, sights);
	}
	talloc_free(sorted);
	seen->n = 0;
}

static void *
seen_main(void *arg)
{
	struct seen *seen = arg;
	struct timespec due;

	pthread_mutex_lock(&seen->lock);
	while (!seen->stopping) {
		clock_gettime(CLOCK_MONOTONIC, &due);
		due.tv_sec += SEEN_FLUSH_S;
		while (!seen->stopping && pthread_cond_timedwait(&seen->wake, &seen->lock, &due) != ETIMEDOUT)
			;
		flush(seen);
	}
	pthread_mutex_unlock(&seen->lock);
	return NULL;
}

static int
end(struct seen *seen)
{
	pthread_mutex_lock(&seen->lock);
	seen->stopping = true;
	pthread_cond_signal(&seen->wake);
	pthread_mutex_unlock(&seen->lock);
	pthread_join(seen->thread, NULL);
	pthread_cond_destroy(&seen->wake);
	pthread_mutex_destroy(&seen->lock);
	free(seen->slots);
	return 0;
}

bool
seen_new(TALLOC_CTX *ctx, struct db *db, struct seen **ret, struct err *err)
{
	struct seen *seen = mem_new(ctx, struct seen);
	pthread_condattr_t attr;

	seen->db = db;
	seen->slots = mem_must(calloc(SLOTS, sizeof *seen->slots));	/* pages that nobody touches cost nothing */
	pthread_mutex_init(&seen->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&seen->wake, &attr);
	pthread_condattr_destroy(&attr);
	if ((errno = pthread_create(&seen->thread, NULL, seen_main, seen)) != 0) {
		free(seen->slots);
		talloc_free(seen);
		return err_errno(err, "start a thread");
	}
	pthread_setname_np(seen->thread, "seen");
	talloc_set_destructor(seen, end);
	*ret = seen;
	return true;
}

/* FNV-1a. */
static size_t
slot_of(const char *id)
{
	uint32_t hash = 2166136261u;

	for (; *id; id++)
		hash = (hash ^ (unsigned char)*id) * 16777619u;
	return hash & (SLOTS - 1);
}

void
seen_note(struct seen *seen, const char *device_id, const char *address)
{
	struct sight *sight;
	size_t at = slot_of(device_id);

	if (strlen(device_id) >= sizeof sight->id)
		return;
	pthread_mutex_lock(&seen->lock);
	if (seen->n == SEEN_MAX)
		flush(seen);
	for (; *seen->slots[at].id && strcmp(seen->slots[at].id, device_id) != 0; at = (at + 1) & (SLOTS - 1))
		;
	sight = &seen->slots[at];
	if (!*sight->id) {
		seen->n++;
		snprintf(sight->id, sizeof sight->id, "%s", device_id);
	}
	sight->at = clock_now();
	snprintf(sight->address, sizeof sight->address, "%s", address);
	pthread_mutex_unlock(&seen->lock);
}

void
seen_flush(struct seen *seen)
{
	pthread_mutex_lock(&seen->lock);
	flush(seen);
	pthread_mutex_unlock(&seen->lock);
}
