/*
 * A lease is a row's owner and a time ahead of now, renewed while the job runs.  Whoever finds a
 * lease that has run out takes the job over, except its own owner: if the clock jumps, this process
 * still runs what it runs.  A worker that has lost its lease finds so when it reports, and changes
 * nothing.
 *
 * The attempt is counted when the job is handed out, so a job that kills its worker each time ends
 * among the dead as well.
 */
#include "core/job.h"
#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include "core/clock.h"
#include "core/count.h"
#include "core/log.h"
#include "core/secret.h"

#define JOB_POLL_MS	1000

struct jobs {
	struct db *db;
	const struct job_kind *kinds;
	void *site;
	char *me;
	char *due_sql, *lease_sql;
	pthread_t workers[JOB_THREADS_MAX], keeper;
	int workers_n;
	bool keeping;
	pthread_mutex_t lock;	/* over what follows */
	pthread_cond_t wake, stop;
	uint64_t wakes;
	int running;
	int slow, slow_max;	/* how many run a slow job, or look for any */
	bool stopping;
};

bool
job_add(struct db *tx, const char *kind, json_t *args, time_t not_before, const char *dedupe_key,
	struct err *err)
{
	TALLOC_CTX *scratch SCOPED(mem) = talloc_new(NULL);
	char *text = json_dumps(args, JSON_COMPACT | JSON_SORT_KEYS);
	time_t now = clock_now(), due = not_before > now ? not_before : now;
	bool ok = true;

	json_decref(args);
	if (!text)	/* json_pack could not make them, and gave NULL */
		return err_set(err, ERR_INTERNAL, "the arguments of a job of kind %s are no JSON", kind);
	if (dedupe_key)	/* one that has failed before keeps its back-off */
		ok = db_run(tx, err, "UPDATE job SET due = $1 WHERE kind = $2 AND dedupe_key = $3 AND"
				     " owner = '' AND NOT dead AND attempt = 0 AND due > $1",
			    db_int(due), db_text(kind), db_text(dedupe_key));
	ok = ok && db_run(tx, err,
		"INSERT INTO job (id, kind, args, dedupe_key, created, due)"
		" SELECT CAST($1 AS TEXT), CAST($2 AS TEXT), CAST($3 AS TEXT), CAST($4 AS TEXT),"
		" CAST($5 AS BIGINT), CAST($6 AS BIGINT)"
		" WHERE NOT EXISTS (SELECT 1 FROM job WHERE kind = $2 AND dedupe_key = $4 AND"
		" owner = '' AND NOT dead)",
		db_text(secret_id(scratch)), db_text(kind), db_text(text), db_text(dedupe_key), db_int(now),
		db_int(due));
	free(text);
	return ok || err_at(err, "job %s", kind);
}

/* $1 now, $2 me, $3... the kinds; after them, for the lease alone, its end. */
static void
write_sql(struct jobs *jobs)
{
	char *kinds = mem_text(jobs, "");
	char *due;
	int n = 0;

	for (; jobs->kinds[n].name; n++) {
		assert(n < JOB_KINDS_MAX);
		kinds = mem_printf(jobs, "%s%s$%d", kinds, n ? ", " : "", n + 3);
	}
	due = mem_printf(jobs, "SELECT id FROM job WHERE NOT dead AND due <= $1 AND lease <= $1 AND"
			       " owner <> $2 AND kind IN (%s) ORDER BY due, id LIMIT 1", kinds);
	jobs->due_sql = due;
	/* The condition stands outside again: elsewhere two may have found the same row. */
	jobs->lease_sql = mem_printf(jobs,
		"UPDATE job SET owner = $2, lease = $%d, attempt = attempt + 1 WHERE id = (%s {skip_locked})"
		" AND lease <= $1 AND owner <> $2 AND NOT dead RETURNING id, kind, args, attempt", n + 3, due);
}

struct values {
	struct db_val vals[JOB_KINDS_MAX + 4];
};

static const struct db_val *
fill(const struct jobs *jobs, bool slow, bool lease, struct values *v)
{
	time_t now = clock_now();
	int n = 0;

	v->vals[n++] = db_int(now);
	v->vals[n++] = db_text(jobs->me);
	for (const struct job_kind *kind = jobs->kinds; kind->name; kind++)
		v->vals[n++] = db_text(kind->slow && !slow ? "" : kind->name);	/* no job is of kind "" */
	if (lease)
		v->vals[n++] = db_int(now + JOB_LEASE_S);
	v->vals[n] = (struct db_val){ .type = DB_END };
	return v->vals;
}

struct lease {
	struct jobs *jobs;
	TALLOC_CTX *ctx;
	struct job *job;	/* NULL: somebody else was faster */
	char *args;
	bool slow;		/* may it be a slow one? */
};

static bool
take_lease(struct db *tx, void *arg, struct err *err)
{
	struct lease *lease = arg;
	struct values v;
	struct rows *rows = db_queryv(lease->ctx, tx, lease->jobs->lease_sql, fill(lease->jobs, lease->slow, true, &v));

	lease->job = NULL;
	switch (rows_next(rows, err)) {
	case ROWS_FAILED:
		return false;
	case ROWS_END:
		return true;
	case ROWS_ROW:
		break;
	}
	lease->job = mem_new(lease->ctx, struct job);
	lease->job->id = rows_text(lease->ctx, rows, 0);
	lease->job->kind = rows_text(lease->ctx, rows, 1);
	lease->args = rows_text(lease->ctx, rows, 2);
	lease->job->attempt = (int)rows_int(rows, 3);
	rows_done(rows);
	return true;
}

/* *any: is there something to take?  Asked first, since a reader costs the writer nothing. */
static bool
is_due(struct jobs *jobs, TALLOC_CTX *ctx, bool slow, bool *any, struct err *err)
{
	struct values v;
	struct rows *rows = db_queryv(ctx, jobs->db, jobs->due_sql, fill(jobs, slow, false, &v));
	enum rows_step step = rows_next(rows, err);

	rows_done(rows);
	*any = step == ROWS_ROW;
	return step != ROWS_FAILED;
}

/* Doubles with each attempt up to the limit; the upper half of it by chance, so that what failed
 * together does not come back together. */
static time_t
back_off(int attempt)
{
	int64_t delay = JOB_BACKOFF_MIN_S;
	uint32_t chance;

	while (--attempt > 0 && delay < JOB_BACKOFF_MAX_S)
		delay *= 2;
	if (delay > JOB_BACKOFF_MAX_S)
		delay = JOB_BACKOFF_MAX_S;
	secret_random(&chance, sizeof chance);
	return delay - chance % (delay / 2 + 1);
}

enum outcome { JOB_DONE, JOB_RETRIED, JOB_DEAD };

struct report {
	const struct jobs *jobs;
	const struct job_kind *kind;
	const struct job *job;
	enum outcome outcome;
	const struct err *why;	/* NULL: done */
	int64_t changed;
};

static bool
write_report(struct db *tx, void *arg, struct err *err)
{
	struct report *r = arg;
	char text[sizeof r->why->path + sizeof r->why->cause + 2];
	struct db_val id = db_text(r->job->id), me = db_text(r->jobs->me);
	struct db_val why = db_text(r->why ? err_text(r->why, text, sizeof text) : NULL);
	bool ok = false;

	switch (r->outcome) {
	case JOB_DONE:
		ok = db_run(tx, err, "DELETE FROM job WHERE id = $1 AND owner = $2", id, me);
		break;
	case JOB_RETRIED:
		ok = db_run(tx, err, "UPDATE job SET owner = '', lease = 0, due = $3, last_error = $4"
				     " WHERE id = $1 AND owner = $2",
			    id, me, db_int(clock_now() + back_off(r->job->attempt)), why);
		break;
	case JOB_DEAD:
		ok = db_run(tx, err, "UPDATE job SET owner = '', lease = 0, dead = TRUE, last_error = $3"
				     " WHERE id = $1 AND owner = $2", id, me, why);
		break;
	}
	r->changed = db_changed(tx);
	if (ok && r->changed && r->outcome == JOB_DEAD && r->kind->on_dead)
		ok = r->kind->on_dead(r->job, tx, r->jobs->site, r->why, err) ||
		     err_at(err, "what follows the death of a job %s", r->job->kind);
	return ok;
}

/* True: the workers stop. */
static bool
pause_a_little(struct jobs *jobs)
{
	struct timespec until;
	bool stopping;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec++;
	pthread_mutex_lock(&jobs->lock);
	while (!jobs->stopping && pthread_cond_timedwait(&jobs->stop, &jobs->lock, &until) != ETIMEDOUT)
		;
	stopping = jobs->stopping;
	pthread_mutex_unlock(&jobs->lock);
	return stopping;
}

/* What became of the job must reach the table; if it never does, the lease runs out one day. */
static void
report(struct jobs *jobs, const struct job_kind *kind, const struct job *job, enum outcome outcome,
       const struct err *why)
{
	static const enum count counts[] = { [JOB_DONE] = COUNT_JOBS_DONE, [JOB_RETRIED] = COUNT_JOBS_RETRIED,
					     [JOB_DEAD] = COUNT_JOBS_DEAD };
	struct report r = { jobs, kind, job, outcome, why, 0 };
	struct err err = { 0 };

	while (!db_tx(jobs->db, write_report, &r, &err)) {
		log_err("the outcome of a job could not be written", &err, KV("job", job->id),
			KV("kind", job->kind));
		if (pause_a_little(jobs))
			return;
	}
	count_add(counts[outcome], 1);
	if (!r.changed)
		log_warn("a job lost its lease while it ran", KV("job", job->id), KV("kind", job->kind));
}

static const struct job_kind *
kind_of(const struct jobs *jobs, const struct job *job)
{
	const struct job_kind *kind = jobs->kinds;

	while (kind->name && strcmp(kind->name, job->kind) != 0)
		kind++;
	assert(kind->name);
	return kind;
}

static void
run(struct jobs *jobs, const struct job_kind *kind, struct job *job, const char *args, TALLOC_CTX *ctx)
{
	struct err err = { 0 };
	bool ok = false, dead;

	log_request(job->id);
	job->args = json_loads(args, 0, NULL);
	if (job->attempt > kind->attempts_max)
		err_set(&err, ERR_INTERNAL, "its worker died each time");
	else if (!job->args)
		err_set(&err, ERR_INTERNAL, "its arguments are no JSON");
	else
		ok = kind->run(job, ctx, jobs->site, &err);
	if (ok) {
		report(jobs, kind, job, JOB_DONE, NULL);
	} else {
		dead = job->attempt >= kind->attempts_max;
		log_err(dead ? "a job is dead" : "a job failed and will be tried again", &err,
			KV("kind", job->kind), KVI("attempt", job->attempt));
		report(jobs, kind, job, dead ? JOB_DEAD : JOB_RETRIED, &err);
	}
	json_decref(job->args);
	log_request(NULL);
}

static void
count_running(struct jobs *jobs, int change)
{
	pthread_mutex_lock(&jobs->lock);
	jobs->running += change;
	pthread_mutex_unlock(&jobs->lock);
}

/* Whoever looks for slow jobs counts as running one until they have found another. */
static bool
enter_slow(struct jobs *jobs)
{
	bool entered;

	pthread_mutex_lock(&jobs->lock);
	entered = jobs->slow < jobs->slow_max;
	jobs->slow += entered;
	pthread_mutex_unlock(&jobs->lock);
	return entered;
}

static void
leave_slow(struct jobs *jobs, bool entered)
{
	pthread_mutex_lock(&jobs->lock);
	jobs->slow -= entered;
	pthread_mutex_unlock(&jobs->lock);
}

/* True when there was a job. */
static bool
work_once(struct jobs *jobs)
{
	TALLOC_CTX *ctx SCOPED(mem) = talloc_new(NULL);
	struct lease lease = { .jobs = jobs, .ctx = ctx, .slow = enter_slow(jobs) };
	const struct job_kind *kind;
	struct err err = { 0 };
	bool any;

	if (!is_due(jobs, ctx, lease.slow, &any, &err) || (any && !db_tx(jobs->db, take_lease, &lease, &err))) {
		log_err("looking for jobs", &err);
		leave_slow(jobs, lease.slow);
		return false;
	}
	kind = lease.job ? kind_of(jobs, lease.job) : NULL;
	if (!kind || !kind->slow)
		leave_slow(jobs, lease.slow);
	if (!kind)
		return any;	/* taken by another worker: look again */
	count_running(jobs, 1);
	jobs_wake(jobs);	/* there may be more, and others sleep */
	run(jobs, kind, lease.job, lease.args, ctx);
	count_running(jobs, -1);
	leave_slow(jobs, kind->slow);
	return true;
}

static void *
worker_main(void *arg)
{
	struct jobs *jobs = arg;

	pthread_mutex_lock(&jobs->lock);
	while (!jobs->stopping) {
		uint64_t wakes = jobs->wakes;
		struct timespec until;
		bool worked;

		pthread_mutex_unlock(&jobs->lock);
		worked = work_once(jobs);
		clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_sec += JOB_POLL_MS / 1000;
		pthread_mutex_lock(&jobs->lock);
		while (!worked && !jobs->stopping && wakes == jobs->wakes)
			if (pthread_cond_timedwait(&jobs->wake, &jobs->lock, &until) == ETIMEDOUT)
				break;
	}
	pthread_mutex_unlock(&jobs->lock);
	return NULL;
}

/*
 * What a clock that was ahead has written waits as long as it was to wait, from now on.  Where there are other servers
 * the wrong clock may be this one: of their leases, without which work is done twice, those alone are shortened that
 * are a day ahead: where clocks go right within a day, no living one's.
 */
static bool
tx_mend(struct db *tx, void *arg, struct err *err)
{
	const struct jobs *jobs = arg;
	struct db_val now = db_int(clock_now());

	return db_run(tx, err, "UPDATE job SET due = CASE WHEN due > created THEN due - created + CAST($1 AS BIGINT) ELSE CAST($1 AS"
		      " BIGINT) END, created = $1 WHERE NOT dead AND created > CAST($1 AS BIGINT) + $2", now, db_int(CLOCK_BACK_S)) &&
	       db_run(tx, err, "UPDATE job SET due = $1 WHERE NOT dead AND attempt > 0 AND owner = '' AND due > CAST($1 AS BIGINT) + $2",
		      now, db_int(JOB_BACKOFF_MAX_S)) &&
	       db_run(tx, err, "UPDATE job SET lease = CAST($1 AS BIGINT) + $2 WHERE lease > CAST($1 AS BIGINT) + $2 AND"
		      " (owner = $3 OR CAST($4 AS BOOLEAN) OR lease > CAST($1 AS BIGINT) + $5)", now, db_int(JOB_LEASE_S),
		      db_text(jobs->me), db_bool(db_alone(jobs->db)), db_int(JOB_LEASE_S + DAY_S));
}

/* *owed until it is done; why not is said once. */
static void
mend(struct jobs *jobs, bool *owed, bool *said)
{
	struct err err = { 0 };

	if (db_tx(jobs->db, tx_mend, jobs, &err))
		*owed = false;
	else if (!*said)
		log_err("jobs of a clock that was ahead", &err);
	*said = *owed;
}

/* Renews what runs here, three times in the length of a lease; and sees when the clock was set back. */
static void *
keeper_main(void *arg)
{
	struct jobs *jobs = arg;
	int64_t renewed = clock_ms();
	time_t seen = clock_now();
	bool owed = false, said = false;

	while (!pause_a_little(jobs)) {
		struct err err = { 0 };
		time_t now = clock_now();
		bool any;

		if (now < seen - CLOCK_BACK_S) {
			log_warn("the clock was set back: what was to wait waits from now on", KVI("seconds", seen - now));
			owed = true;
		}
		seen = now;
		if (owed)
			mend(jobs, &owed, &said);
		pthread_mutex_lock(&jobs->lock);
		any = jobs->running > 0;
		pthread_mutex_unlock(&jobs->lock);
		if (!any || clock_ms() - renewed < JOB_LEASE_S * 1000 / 3)
			continue;
		if (db_run(jobs->db, &err, "UPDATE job SET lease = $1 WHERE owner = $2",
			   db_int(clock_now() + JOB_LEASE_S), db_text(jobs->me)))
			renewed = clock_ms();
		else
			log_err("the leases of jobs could not be renewed", &err);
	}
	return NULL;
}

void
jobs_wake(struct jobs *jobs)
{
	if (!jobs)
		return;
	pthread_mutex_lock(&jobs->lock);
	jobs->wakes++;
	pthread_cond_signal(&jobs->wake);
	pthread_mutex_unlock(&jobs->lock);
}

void
jobs_stop(struct jobs *jobs)
{
	pthread_mutex_lock(&jobs->lock);
	jobs->stopping = true;
	pthread_cond_broadcast(&jobs->wake);
	pthread_cond_broadcast(&jobs->stop);
	pthread_mutex_unlock(&jobs->lock);
	while (jobs->workers_n > 0)
		pthread_join(jobs->workers[--jobs->workers_n], NULL);
	if (jobs->keeping)
		pthread_join(jobs->keeper, NULL);
	jobs->keeping = false;
}

static int
end_jobs(struct jobs *jobs)
{
	jobs_stop(jobs);
	pthread_cond_destroy(&jobs->wake);
	pthread_cond_destroy(&jobs->stop);
	pthread_mutex_destroy(&jobs->lock);
	return 0;
}

static bool
tx_free(struct db *tx, void *arg, struct err *err)
{
	const struct jobs *jobs = arg;

	for (const struct job_kind *kind = jobs->kinds; kind->name; kind++)
		if (!db_run(tx, err, "UPDATE job SET owner = '', lease = 0 WHERE owner <> '' AND kind = $1",
			    db_text(kind->name)))
			return false;
	return true;
}

/* What an earlier process was at when it died is taken up at once; of other kinds others run here. */
static bool
free_leases(struct jobs *jobs, struct err *err)
{
	return !db_alone(jobs->db) || db_tx(jobs->db, tx_free, jobs, err) ||
	       err_at(err, "free what a dead process worked at");
}

bool
jobs_start(TALLOC_CTX *ctx, struct db *db, const struct job_kind *kinds, int threads, void *site,
	   struct jobs **ret, struct err *err)
{
	struct jobs *jobs = mem_new(ctx, struct jobs);
	pthread_condattr_t attr;

	assert(threads > 0 && threads <= JOB_THREADS_MAX && kinds->name);
	jobs->db = db;
	jobs->kinds = kinds;
	jobs->site = site;
	jobs->slow_max = threads > 1 ? threads - 1 : 1;
	jobs->me = secret_id(jobs);
	write_sql(jobs);
	if (!free_leases(jobs, err) || !db_tx(db, tx_mend, jobs, err)) {
		talloc_free(jobs);
		return false;
	}
	pthread_mutex_init(&jobs->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&jobs->wake, &attr);
	pthread_cond_init(&jobs->stop, &attr);
	pthread_condattr_destroy(&attr);
	talloc_set_destructor(jobs, end_jobs);
	if ((errno = pthread_create(&jobs->keeper, NULL, keeper_main, jobs)) == 0)
		jobs->keeping = true;
	while (errno == 0 && jobs->workers_n < threads)
		if ((errno = pthread_create(&jobs->workers[jobs->workers_n], NULL, worker_main, jobs)) == 0)
			pthread_setname_np(jobs->workers[jobs->workers_n++], "job");
	if (jobs->keeping)
		pthread_setname_np(jobs->keeper, "job keeper");
	if (errno) {
		err_errno(err, "start the job workers");
		talloc_free(jobs);
		return false;
	}
	*ret = jobs;
	return true;
}
