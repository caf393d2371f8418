#include "web/deadline.h"
#include <errno.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/socket.h>
#include "core/clock.h"
#include "core/count.h"

/* Accepting and closing wait for the sweep of one shard only. */
#define SHARDS 16

struct deadlines {
	struct deadline_limits limits;
	int every_ms;
	atomic_bool end_idle;
	struct shard {
		pthread_mutex_t mutex;
		struct deadline *first;
	} shards[SHARDS];
	pthread_t thread;
	pthread_mutex_t mutex;
	pthread_cond_t wake;
	bool stopping;
	int open;		/* connections, at the last sweep */
};

void
deadline_enter(struct deadline *deadline, enum deadline_phase phase, int64_t now_ms)
{
	if (phase == DEADLINE_BODY)
		atomic_store_explicit(&deadline->bytes, 0, memory_order_relaxed);
	atomic_store_explicit(&deadline->word, (uint64_t)now_ms << 3 | phase, memory_order_release);
}

void
deadline_body(struct deadline *deadline, size_t bytes)
{
	atomic_fetch_add_explicit(&deadline->bytes, (int64_t)bytes, memory_order_relaxed);
}

/* Did too few bytes pass in the window that ends now?  Begins the next window when it did well. */
static bool
too_slow(struct deadline *deadline, int64_t count, int64_t window_ms, int64_t rate_min,
	 int64_t now_ms)
{
	int64_t ms = now_ms - deadline->mark_ms;

	if (ms < window_ms)
		return false;
	if (count - deadline->mark < rate_min * ms / 1000)
		return true;
	deadline->mark = count;
	deadline->mark_ms = now_ms;
	return false;
}

bool
deadline_late(struct deadline *deadline, const struct deadline_limits *limits, int open,
	      int64_t now_ms, const struct deadline_traffic *traffic)
{
	uint64_t word = atomic_load_explicit(&deadline->word, memory_order_acquire);
	int64_t bytes = atomic_load_explicit(&deadline->bytes, memory_order_relaxed);
	enum deadline_phase phase = word & 7;
	int64_t since = (int64_t)(word >> 3);

	if (word != deadline->seen) {
		deadline->seen = word;
		deadline->mark_ms = since;
		deadline->begun_ms = -1;
		deadline->mark = phase == DEADLINE_SEND ? traffic->sent :
				 phase == DEADLINE_IDLE ? traffic->received : 0;
	}
	switch (phase) {
	case DEADLINE_HEAD:
		return now_ms - since >= limits->head_ms;
	case DEADLINE_BODY:
		return too_slow(deadline, bytes, limits->grace_ms, limits->rate_min, now_ms);
	case DEADLINE_SEND:
		return traffic->sent >= 0 &&
		       too_slow(deadline, traffic->sent,
				open < limits->crowded ? limits->send_ms : limits->send_crowded_ms,
				limits->rate_min, now_ms);
	case DEADLINE_IDLE:
		/* The phase may have begun behind the look at the socket: then nobody has counted yet. */
		if (deadline->mark < 0)
			deadline->mark = traffic->received;
		since += deadline->trusted ? limits->idle_trusted_ms : limits->idle_ms;
		if (traffic->received < 0)	/* a head may have begun; it must be whole by then */
			return now_ms >= since + limits->head_ms;
		if (deadline->begun_ms < 0 && traffic->received != deadline->mark)
			deadline->begun_ms = now_ms;
		return deadline->begun_ms < 0 ? now_ms >= since :
						now_ms - deadline->begun_ms >= limits->head_ms;
	case DEADLINE_OURS:
		break;
	}
	return false;
}

void
deadline_read_traffic(int fd, struct deadline_traffic *ret)
{
	struct tcp_info info;
	socklen_t len = sizeof info;

	*ret = (struct deadline_traffic){ -1, -1 };
	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) != 0 ||
	    len < offsetof(struct tcp_info, tcpi_bytes_received) + sizeof info.tcpi_bytes_received)
		return;
	ret->received = (int64_t)info.tcpi_bytes_received;
	ret->sent = (int64_t)info.tcpi_bytes_acked;
}

bool
deadline_rests(int64_t *until_ms, int64_t last_ms, int64_t now_ms)
{
	if (now_ms - last_ms >= DEADLINE_STALL_MS && (!*until_ms || last_ms - *until_ms >= DEADLINE_RESTED_MS))
		*until_ms = now_ms + DEADLINE_REST_MS;
	return now_ms < *until_ms;
}

static void
sweep_one(struct deadlines *deadlines, struct deadline *deadline, bool rest, int64_t now_ms)
{
	enum deadline_phase phase = atomic_load_explicit(&deadline->word, memory_order_relaxed) & 7;
	struct deadline_traffic traffic = { -1, -1 };
	bool ended;

	if (deadline->ended)
		return;
	if (phase == DEADLINE_IDLE || phase == DEADLINE_SEND)
		deadline_read_traffic(deadline->fd, &traffic);
	ended = phase == DEADLINE_IDLE && atomic_load(&deadlines->end_idle);
	if (!ended && (rest || !deadline_late(deadline, &deadlines->limits, deadlines->open, now_ms, &traffic)))
		return;
	deadline->ended = true;
	shutdown(deadline->fd, SHUT_RDWR);
	if (phase != DEADLINE_IDLE || deadline->begun_ms >= 0)
		count_add(COUNT_REAPED, 1);
}

static void *
sweep(void *arg)
{
	struct deadlines *deadlines = arg;
	int64_t last = clock_ms(), rest_until = 0;

	pthread_mutex_lock(&deadlines->mutex);
	while (!deadlines->stopping) {
		struct timespec next;
		int64_t now;
		bool rest;
		int open = 0;

		clock_gettime(CLOCK_MONOTONIC, &next);
		next.tv_nsec += deadlines->every_ms % 1000 * 1000000L;
		next.tv_sec += deadlines->every_ms / 1000 + next.tv_nsec / 1000000000L;
		next.tv_nsec %= 1000000000L;
		pthread_cond_timedwait(&deadlines->wake, &deadlines->mutex, &next);
		pthread_mutex_unlock(&deadlines->mutex);
		now = clock_ms();	/* of the whole sweep: it may stall in the middle too */
		rest = deadline_rests(&rest_until, last, now);
		last = now;
		for (int i = 0; i < SHARDS; i++) {
			struct shard *shard = &deadlines->shards[i];

			pthread_mutex_lock(&shard->mutex);
			for (struct deadline *d = shard->first; d; d = d->next, open++)
				sweep_one(deadlines, d, rest, now);
			pthread_mutex_unlock(&shard->mutex);
		}
		deadlines->open = open;
		pthread_mutex_lock(&deadlines->mutex);
	}
	pthread_mutex_unlock(&deadlines->mutex);
	return NULL;
}

bool
deadlines_start(TALLOC_CTX *ctx, const struct deadline_limits *limits, int every_ms,
		struct deadlines **ret, struct err *err)
{
	struct deadlines *deadlines = mem_new(ctx, struct deadlines);
	pthread_condattr_t attr;

	deadlines->limits = *limits;
	deadlines->every_ms = every_ms;
	for (int i = 0; i < SHARDS; i++)
		pthread_mutex_init(&deadlines->shards[i].mutex, NULL);
	pthread_mutex_init(&deadlines->mutex, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&deadlines->wake, &attr);
	pthread_condattr_destroy(&attr);
	errno = pthread_create(&deadlines->thread, NULL, sweep, deadlines);
	if (errno)
		return err_errno(err, "start the deadline thread");
	pthread_setname_np(deadlines->thread, "deadlines");
	*ret = deadlines;
	return true;
}

static struct shard *
shard_of(struct deadlines *deadlines, int fd)
{
	return &deadlines->shards[(unsigned)fd % SHARDS];
}

void
deadlines_add(struct deadlines *deadlines, struct deadline *deadline, int fd, int64_t now_ms)
{
	struct shard *shard = shard_of(deadlines, fd);

	deadline->fd = fd;
	deadline_enter(deadline, DEADLINE_HEAD, now_ms);
	pthread_mutex_lock(&shard->mutex);
	deadline->next = shard->first;
	deadline->at = &shard->first;
	if (deadline->next)
		deadline->next->at = &deadline->next;
	shard->first = deadline;
	pthread_mutex_unlock(&shard->mutex);
}

void
deadlines_remove(struct deadlines *deadlines, struct deadline *deadline)
{
	struct shard *shard = shard_of(deadlines, deadline->fd);

	pthread_mutex_lock(&shard->mutex);
	*deadline->at = deadline->next;
	if (deadline->next)
		deadline->next->at = deadline->at;
	pthread_mutex_unlock(&shard->mutex);
}

void
deadlines_end_idle(struct deadlines *deadlines)
{
	atomic_store(&deadlines->end_idle, true);
	pthread_mutex_lock(&deadlines->mutex);
	pthread_cond_signal(&deadlines->wake);
	pthread_mutex_unlock(&deadlines->mutex);
}

void
deadlines_stop(struct deadlines *deadlines)
{
	pthread_mutex_lock(&deadlines->mutex);
	deadlines->stopping = true;
	pthread_cond_signal(&deadlines->wake);
	pthread_mutex_unlock(&deadlines->mutex);
	pthread_join(deadlines->thread, NULL);
	for (int i = 0; i < SHARDS; i++)
		pthread_mutex_destroy(&deadlines->shards[i].mutex);
	pthread_cond_destroy(&deadlines->wake);
	pthread_mutex_destroy(&deadlines->mutex);
	talloc_free(deadlines);
}
