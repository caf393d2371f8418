#include "web/crowd.h"
#include <pthread.h>
#include <stdint.h>

#define BUCKETS 4096

struct visitor {
	struct visitor *next;
	unsigned char key[16];
	int n;
};

struct crowd {
	pthread_mutex_t mutex;
	int each_max;
	struct visitor *buckets[BUCKETS];
};

static int
crowd_free(struct crowd *crowd)
{
	pthread_mutex_destroy(&crowd->mutex);
	return 0;
}

struct crowd *
crowd_new(TALLOC_CTX *ctx, int each_max)
{
	struct crowd *crowd = mem_new(ctx, struct crowd);

	crowd->each_max = each_max;
	pthread_mutex_init(&crowd->mutex, NULL);
	talloc_set_destructor(crowd, crowd_free);
	return crowd;
}

static struct visitor **
find(struct crowd *crowd, const struct address *address, unsigned char key[16])
{
	static const unsigned char mapped[12] = { [10] = 0xff, [11] = 0xff };
	size_t len = memcmp(address->ip, mapped, sizeof mapped) == 0 ? 16 : 8;
	uint32_t hash = 2166136261u;	/* FNV-1a */
	struct visitor **at;

	memset(key, 0, 16);
	memcpy(key, address->ip, len);
	for (size_t i = 0; i < 16; i++)
		hash = (hash ^ key[i]) * 16777619u;
	for (at = &crowd->buckets[hash % BUCKETS]; *at; at = &(*at)->next)
		if (memcmp((*at)->key, key, 16) == 0)
			break;
	return at;
}

bool
crowd_has_room(struct crowd *crowd, const struct address *address)
{
	unsigned char key[16];
	struct visitor **at;
	bool room;

	if (!crowd->each_max)
		return true;
	pthread_mutex_lock(&crowd->mutex);
	at = find(crowd, address, key);
	room = !*at || (*at)->n < crowd->each_max;
	pthread_mutex_unlock(&crowd->mutex);
	return room;
}

void
crowd_enter(struct crowd *crowd, const struct address *address)
{
	unsigned char key[16];
	struct visitor **at;

	if (!crowd->each_max)
		return;
	pthread_mutex_lock(&crowd->mutex);
	at = find(crowd, address, key);
	if (!*at) {
		*at = mem_new(crowd, struct visitor);
		memcpy((*at)->key, key, 16);
	}
	(*at)->n++;
	pthread_mutex_unlock(&crowd->mutex);
}

void
crowd_leave(struct crowd *crowd, const struct address *address)
{
	unsigned char key[16];
	struct visitor **at, *gone;

	if (!crowd->each_max)
		return;
	pthread_mutex_lock(&crowd->mutex);
	at = find(crowd, address, key);
	gone = *at;
	if (gone && --gone->n == 0) {
		*at = gone->next;
		talloc_free(gone);
	}
	pthread_mutex_unlock(&crowd->mutex);
}
