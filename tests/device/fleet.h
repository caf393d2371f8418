#pragma once
/*
 * fleet - the phones of one `device fleet`, and who wakes them.
 */
#include <pthread.h>
#include "tests/device/options.h"

struct fleet {
	struct world *world;
	struct handset **phones;
	const char **urls;
	int n, first, urls_n, poll_ms;
	bool drain;
	_Atomic bool over;
	pthread_mutex_t lock;		/* of due, busy and told of every phone */
	/* wake.c's own */
	pthread_mutex_t door_lock;
	pthread_t reader;
	int door_fd;			/* -1: no fake APNs */
};

void fleet_wake(struct fleet *f, struct handset *h);

/* ---- wake.c: pushes, by way of the fake APNs (apns.h) ---- */
void wake_begin(struct fleet *f, const char *dir);
void wake_end(struct fleet *f);
/* It is online, and its token known; detach: out of reach. */
void wake_attach(struct fleet *f, struct handset *h);
void wake_detach(struct fleet *f, struct handset *h);
