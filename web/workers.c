#include "web/workers.h"
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>

struct workers {
	pthread_mutex_t mutex;
	pthread_cond_t wake;
	struct work *first, **last;
	atomic_int waiting;
	bool stopping;
	int n;
	pthread_t threads[];
};

static void *
work_on(void *arg)
{
	struct workers *workers = arg;

	pthread_mutex_lock(&workers->mutex);
	for (;;) {
		struct work *work = workers->first;

		if (work) {
			workers->first = work->next;
			if (!workers->first)
				workers->last = &workers->first;
			atomic_fetch_sub_explicit(&workers->waiting, 1, memory_order_relaxed);
			pthread_mutex_unlock(&workers->mutex);
			work->run(work);	/* may be gone afterwards */
			pthread_mutex_lock(&workers->mutex);
		} else if (workers->stopping) {
			break;
		} else {
			pthread_cond_wait(&workers->wake, &workers->mutex);
		}
	}
	pthread_mutex_unlock(&workers->mutex);
	return NULL;
}

bool
workers_start(TALLOC_CTX *ctx, int threads, struct workers **ret, struct err *err)
{
	struct workers *workers;

	if (threads < 1 || threads > WORKERS_MAX)
		return err_set(err, ERR_INVALID, "%d worker threads: not between 1 and %d", threads,
			       WORKERS_MAX);
	workers = talloc_zero_size(ctx, sizeof *workers + (size_t)threads * sizeof *workers->threads);
	mem_must(workers);
	pthread_mutex_init(&workers->mutex, NULL);
	pthread_cond_init(&workers->wake, NULL);
	workers->last = &workers->first;
	for (; workers->n < threads; workers->n++) {
		errno = pthread_create(&workers->threads[workers->n], NULL, work_on, workers);
		if (errno) {
			err_errno(err, "start worker thread %d", workers->n + 1);
			workers_stop(workers);
			return false;
		}
		pthread_setname_np(workers->threads[workers->n], "worker");
	}
	*ret = workers;
	return true;
}

void
workers_add(struct workers *workers, struct work *work)
{
	work->next = NULL;
	pthread_mutex_lock(&workers->mutex);
	*workers->last = work;
	workers->last = &work->next;
	atomic_fetch_add_explicit(&workers->waiting, 1, memory_order_relaxed);
	pthread_cond_signal(&workers->wake);
	pthread_mutex_unlock(&workers->mutex);
}

bool
workers_full(struct workers *workers)
{
	return atomic_load_explicit(&workers->waiting, memory_order_relaxed) >= WORKERS_WAITING_MAX;
}

void
workers_stop(struct workers *workers)
{
	pthread_mutex_lock(&workers->mutex);
	workers->stopping = true;
	pthread_cond_broadcast(&workers->wake);
	pthread_mutex_unlock(&workers->mutex);
	for (int i = 0; i < workers->n; i++)
		pthread_join(workers->threads[i], NULL);
	pthread_cond_destroy(&workers->wake);
	pthread_mutex_destroy(&workers->mutex);
	talloc_free(workers);
}
