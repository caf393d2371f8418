#include "web/linger.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>
#include "core/clock.h"
#include "core/count.h"

#define BLOCK		65536
#define BLOCKS_A_TURN	16	/* then it is the next socket's turn */
#define TICK_MS		500

struct drain {
	int fd;
	int64_t since_ms, last_ms, bytes;
};

struct lingering {
	pthread_t thread;
	pthread_mutex_t mutex;
	int wake;		/* eventfd */
	bool stopping;
	int added[LINGER_MAX];	/* handed over, not yet in drains */
	size_t added_n;
	/* The thread's own. */
	struct drain drains[LINGER_MAX];
	size_t n;
	char block[BLOCK];
};

static void
let_go(struct lingering *linger, size_t i)
{
	close(linger->drains[i].fd);
	linger->n--;
	memmove(&linger->drains[i], &linger->drains[i + 1], (linger->n - i) * sizeof *linger->drains);
	count_add(COUNT_LINGERING, -1);
}

/* Reads what is there; false when it is over: end, error, or a limit. */
static bool
drain(struct lingering *linger, struct drain *drain, bool ready, int64_t now_ms)
{
	for (int i = 0; ready && i < BLOCKS_A_TURN; i++) {
		ssize_t n = recv(drain->fd, linger->block, BLOCK, MSG_DONTWAIT);

		if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
			return false;
		if (n < 0)
			break;
		drain->bytes += n;
		drain->last_ms = now_ms;
	}
	return now_ms - drain->last_ms < LINGER_SILENT_MS && now_ms - drain->since_ms < LINGER_MS &&
	       drain->bytes < LINGER_BYTES_MAX;
}

static size_t
most_silent(const struct lingering *linger)
{
	size_t found = 0;

	for (size_t i = 1; i < linger->n; i++)
		if (linger->drains[i].last_ms < linger->drains[found].last_ms)
			found = i;
	return found;
}

static bool
take_over(struct lingering *linger)
{
	int64_t now_ms = clock_ms();
	uint64_t count;
	ssize_t got = read(linger->wake, &count, sizeof count);
	bool stopping;

	(void)got;	/* only a bell */
	pthread_mutex_lock(&linger->mutex);
	for (size_t i = 0; i < linger->added_n; i++) {
		if (linger->n == LINGER_MAX)
			let_go(linger, most_silent(linger));
		linger->drains[linger->n++] = (struct drain){ linger->added[i], now_ms, now_ms, 0 };
		count_add(COUNT_LINGERING, 1);
	}
	linger->added_n = 0;
	stopping = linger->stopping;
	pthread_mutex_unlock(&linger->mutex);
	return !stopping;
}

static void *
drain_all(void *arg)
{
	struct lingering *linger = arg;
	struct pollfd polls[LINGER_MAX + 1];

	while (take_over(linger)) {
		int64_t now_ms;
		size_t n = linger->n;

		for (size_t i = 0; i < n; i++)
			polls[i] = (struct pollfd){ .fd = linger->drains[i].fd, .events = POLLIN };
		polls[n] = (struct pollfd){ .fd = linger->wake, .events = POLLIN };
		poll(polls, n + 1, n ? TICK_MS : -1);
		now_ms = clock_ms();
		for (size_t i = n; i-- > 0;)
			if (!drain(linger, &linger->drains[i], polls[i].revents != 0, now_ms))
				let_go(linger, i);
	}
	while (linger->n)
		let_go(linger, 0);
	return NULL;
}

bool
linger_start(TALLOC_CTX *ctx, struct lingering **ret, struct err *err)
{
	struct lingering *linger = mem_new(ctx, struct lingering);

	linger->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (linger->wake < 0)
		return err_errno(err, "eventfd");
	pthread_mutex_init(&linger->mutex, NULL);
	errno = pthread_create(&linger->thread, NULL, drain_all, linger);
	if (errno)
		return err_errno(err, "start the linger thread");
	pthread_setname_np(linger->thread, "linger");
	*ret = linger;
	return true;
}

static void
ring(struct lingering *linger)
{
	ssize_t n = write(linger->wake, &(uint64_t){ 1 }, sizeof(uint64_t));

	(void)n;
}

void
linger_add(struct lingering *linger, int fd)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);

	if (copy < 0)
		return;
	/* TLS ends with its own goodbye and leaves this to us; the client must see an end. */
	shutdown(copy, SHUT_WR);
	pthread_mutex_lock(&linger->mutex);
	if (linger->added_n < LINGER_MAX && !linger->stopping) {
		linger->added[linger->added_n++] = copy;
		copy = -1;
	}
	pthread_mutex_unlock(&linger->mutex);
	if (copy >= 0)
		close(copy);
	else
		ring(linger);
}

void
linger_stop(struct lingering *linger)
{
	pthread_mutex_lock(&linger->mutex);
	linger->stopping = true;
	pthread_mutex_unlock(&linger->mutex);
	ring(linger);
	pthread_join(linger->thread, NULL);
	close(linger->wake);
	pthread_mutex_destroy(&linger->mutex);
	talloc_free(linger);
}
