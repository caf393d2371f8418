#pragma once
/*
 * job - work that can wait, kept in table `job` until it is done.
 *
 * A job is written in the transaction that causes it (an outbox), leased by one worker at a time,
 * retried with back-off and jitter when it fails or its worker dies, and dead after attempts_max:
 * dead jobs stay in the table until someone looks.  Every kind must be safe to repeat.
 *
 * A job whose process died waits until its lease ends, unless one process owns the database: then
 * jobs_start knows that every lease it finds is that of a dead one.
 */
#include <jansson.h>
#include "core/db.h"

#define JOB_LEASE_S		300	/* renewed while the job runs */
#define JOB_BACKOFF_MIN_S	5
#define JOB_BACKOFF_MAX_S	3600
#define JOB_KINDS_MAX		48
#define JOB_THREADS_MAX		64

struct job {
	const char *id, *kind;
	json_t *args;
	int attempt;		/* 1 at the first try */
};

struct job_kind {
	const char *name;
	int attempts_max;
	bool (*run)(const struct job *job, TALLOC_CTX *ctx, void *site, struct err *err);
	/* In the transaction that marks it dead, so that whoever waits for its end is told; NULL: nobody
	 * does.  `why` is its last error, whose words may
	 * quote anything: err_text makes them fit to be kept.  As in any closure no file or network
	 * work; it is called until it succeeds, so it fails only as the database does. */
	bool (*on_dead)(const struct job *job, struct db *tx, void *site, const struct err *why,
			struct err *err);
	/* Takes as long as a file is large: of several threads one is always left for what is quick. */
	bool slow;
};

/*
 * Inside the causing transaction.  Takes `args` over, whatever happens.  With a dedupe_key, a waiting
 * job of the same kind and key is kept instead (its args too) and becomes due at the earlier time; one
 * that has begun does not count, since it may have read what has changed.
 */
bool job_add(struct db *tx, const char *kind, json_t *args, time_t not_before, const char *dedupe_key,
	     struct err *err) CHECKED;

struct jobs;
/*
 * Starts `threads` workers over the kinds (array ending with name NULL).  Jobs of other kinds are left
 * alone.  Freeing stops them.
 */
bool jobs_start(TALLOC_CTX *ctx, struct db *db, const struct job_kind *kinds, int threads, void *site,
		struct jobs **ret, struct err *err) CHECKED;
/* After a commit that added one; else they look every second.  NULL: they have not begun, and look when they do. */
void jobs_wake(struct jobs *jobs);
void jobs_stop(struct jobs *jobs);	/* finishes what runs */
