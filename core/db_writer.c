/*
 * One thread writes.  What waits when it is free becomes a group: one COMMIT makes it durable, and only
 * then are the callers woken.  Each closure runs under its own savepoint but the first, before which there
 * is nothing to keep: a savepoint costs a copy of each page, and a walk over them at each row.
 *
 * A closure that returns false takes back its own work alone.  When the engine ends the whole
 * transaction under a closure (a full disk), the innocent ones of its group are run again, each
 * alone.  When a COMMIT fails, the whole group fails.
 *
 * Write-behind uses the same queue, so it keeps its order among the transactions; with nothing else
 * to do it waits a little for company, since a commit costs the same for one and for many.
 */
#include "core/db_driver.h"
#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <string.h>
#include <time.h>
#include "core/clock.h"
#include "core/count.h"
#include "core/log.h"

struct work {
	db_fn *fn;
	void *arg;
	struct err *err;
	bool later, ran, ok;
	sem_t answered;		/* of a caller who waits; a write-behind has none */
	struct work *next;
};

struct db_writer {
	struct db tx;		/* what closures get */
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t work, room;
	struct work *first, **last;
	int waiting, laters;	/* in the queue, of either sort */
	struct timespec later_due;
	bool stopping;
};

bool
tx_nested(struct db *tx, db_fn *fn, void *arg, struct err *err)
{
	struct db_conn *conn = tx->conn;
	struct err ignored;
	bool ok;

	if (!conn_script(conn, "SAVEPOINT nested", err))
		return false;
	conn->depth++;
	ok = fn(tx, arg, err);
	conn->depth--;
	rows_orphan(conn, conn->depth);	/* a savepoint cannot end under a statement that writes */
	if (ok && conn->driver->in_tx(conn->handle))
		return conn_script(conn, "RELEASE nested", err);
	if (!conn->driver->in_tx(conn->handle))
		*err = conn->lost;
	else if (!conn_script(conn, "ROLLBACK TO nested", &ignored) ||
		 !conn_script(conn, "RELEASE nested", &ignored))
		log_err("a savepoint could not be rolled back", &ignored);
	return false;
}

static void
answer(struct work *work)
{
	if (!work->later) {
		sem_post(&work->answered);	/* from here on it is gone: it was the caller's */
		return;
	}
	if (!work->ok)
		log_err("a write-behind failed", work->err);
	talloc_free(work);
}

static void
answer_all(struct work *from, struct work *end)
{
	for (struct work *next; from != end; from = next) {
		next = from->next;
		answer(from);
	}
}

static void
fail_all(struct work *from, struct work *end, const struct err *err)
{
	for (; from != end; from = from->next) {
		*from->err = *err;
		from->ok = false;
	}
}

static void
take_back(struct db_conn *conn)
{
	struct err err;

	if (conn->driver->in_tx(conn->handle) && !conn_script(conn, "ROLLBACK", &err))
		log_err("a transaction could not be rolled back", &err);
}

static bool
run_first(struct db_writer *w, struct work *work)
{
	struct db_conn *conn = w->tx.conn;
	bool ok;

	conn->depth++;
	ok = work->fn(&w->tx, work->arg, work->err);
	conn->depth--;
	rows_orphan(conn, conn->depth);
	if (conn->driver->in_tx(conn->handle))
		return ok;
	*work->err = conn->lost;
	return false;
}

/*
 * Runs from..(at most) end in one transaction and sets what became of each; returns the first that
 * was not included.
 */
static struct work *
run_group(struct db_writer *w, struct work *from, struct work *end)
{
	struct db_conn *conn = w->tx.conn;
	int64_t began = clock_ms();
	struct work *work = from;
	struct err err = { 0 };
	int done = 0, n = 0;

	if (!conn_script(conn, conn->driver->begin, &err)) {
		fail_all(from, end, &err);
		return end;
	}
	err_set(&conn->lost, ERR_INTERNAL, "the database took the transaction back");
	for (; work != end && n < DB_GROUP_MAX && (n == 0 || clock_ms() - began < DB_GROUP_MS);) {
		n++;
		work->ran = true;
		work->ok = work == from ? run_first(w, work) : tx_nested(&w->tx, work->fn, work->arg, work->err);
		if (work == from && !work->ok) {
			take_back(conn);
			return work->next;
		}
		done += work->ok;
		work = work->next;
		if (!conn->driver->in_tx(conn->handle))
			break;
	}
	if (conn->driver->in_tx(conn->handle)) {
		if (!conn_script(conn, "COMMIT", &err)) {
			take_back(conn);
			fail_all(from, work, &err);
			return work;
		}
		count_add(COUNT_DB_COMMITS, done > 0);
		count_add(COUNT_DB_WRITES, done);
	} else {
		for (struct work *again = from; again != work; again = again->next)
			if (again->ok)
				run_group(w, again, again->next);
	}
	return work;
}

/* Waits for work; NULL when the writer stops and nothing is left. */
static struct work *
take(struct db_writer *w)
{
	struct work *all;

	pthread_mutex_lock(&w->lock);
	while (!w->waiting && !w->stopping && w->laters < DB_GROUP_MAX) {
		if (!w->laters)
			pthread_cond_wait(&w->work, &w->lock);
		else if (pthread_cond_timedwait(&w->work, &w->lock, &w->later_due) == ETIMEDOUT)
			break;
	}
	all = w->first;
	w->first = NULL;
	w->last = &w->first;
	w->waiting = w->laters = 0;
	pthread_cond_broadcast(&w->room);
	pthread_mutex_unlock(&w->lock);
	return all;
}

static void *
writer_main(void *arg)
{
	struct db_writer *w = arg;
	struct work *from, *end;

	while ((from = take(w)))
		for (; from; from = end) {
			end = run_group(w, from, NULL);
			answer_all(from, end);
			w->tx.conn->driver->settle(w->tx.conn->handle);
		}
	return NULL;
}

bool
writer_start(TALLOC_CTX *ctx, struct db *db, struct db_conn *conn, struct db_writer **ret, struct err *err)
{
	struct db_writer *w = mem_new(ctx, struct db_writer);
	pthread_condattr_t attr;

	w->tx = (struct db){ db->shared, conn };
	w->last = &w->first;
	pthread_mutex_init(&w->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&w->work, &attr);
	pthread_cond_init(&w->room, &attr);
	pthread_condattr_destroy(&attr);
	if ((errno = pthread_create(&w->thread, NULL, writer_main, w)) != 0)
		return err_errno(err, "start the writer thread");
	pthread_setname_np(w->thread, "db writer");
	*ret = w;
	return true;
}

void
writer_stop(struct db_writer *w)
{
	pthread_mutex_lock(&w->lock);
	w->stopping = true;
	pthread_cond_broadcast(&w->work);
	pthread_mutex_unlock(&w->lock);
	pthread_join(w->thread, NULL);
	pthread_cond_destroy(&w->work);
	pthread_cond_destroy(&w->room);
	pthread_mutex_destroy(&w->lock);
}

/* With the lock held. */
static void
append(struct db_writer *w, struct work *work)
{
	*w->last = work;
	w->last = &work->next;
	pthread_cond_signal(&w->work);
}

bool
writer_run(struct db_writer *w, db_fn *fn, void *arg, struct err *err)
{
	struct work work = { .fn = fn, .arg = arg, .err = err };

	/* A closure that uses the outer handle would wait for itself. */
	assert(!pthread_equal(pthread_self(), w->thread));
	sem_init(&work.answered, 0, 0);
	pthread_mutex_lock(&w->lock);
	while (w->waiting >= DB_WAITING_MAX)
		pthread_cond_wait(&w->room, &w->lock);
	w->waiting++;
	append(w, &work);
	pthread_mutex_unlock(&w->lock);
	while (sem_wait(&work.answered) != 0)
		;	/* EINTR */
	sem_destroy(&work.answered);
	return work.ok;
}

void
writer_later(struct db_writer *w, db_fn *fn, void *arg)
{
	struct work *work = mem_new(NULL, struct work);

	work->fn = fn;
	work->arg = arg ? talloc_steal(work, arg) : NULL;
	work->err = mem_new(work, struct err);
	work->later = true;
	pthread_mutex_lock(&w->lock);
	if (w->laters < DB_LATER_MAX) {
		if (w->laters++ == 0) {
			clock_gettime(CLOCK_MONOTONIC, &w->later_due);
			w->later_due.tv_nsec += DB_LATER_MS * 1000000;
			w->later_due.tv_sec += w->later_due.tv_nsec / 1000000000;
			w->later_due.tv_nsec %= 1000000000;
		}
		append(w, work);
		work = NULL;
	}
	pthread_mutex_unlock(&w->lock);
	if (work) {
		count_add(COUNT_DB_DROPPED, 1);
		talloc_free(work);
	}
}
