/* Jobs: each is done once by one worker, tried again with patience, and never lost. */
#include "tests/check.h"
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>
#include "core/clock.h"
#include "core/job.h"
#include "core/log.h"

#define LONG_ENOUGH 6000	/* looks, 10 ms apart, before a test gives up */
#define AT_START 1790000000

struct site {
	_Atomic int runs[256];		/* by argument n */
	_Atomic int begun, let_go;
	_Atomic int failures_left, last_attempt, deaths_failing;
	pthread_barrier_t gate;
	int told;			/* a pipe */
};

static bool
run_count(const struct job *job, TALLOC_CTX *ctx, void *arg, struct err *err)
{
	struct site *site = arg;

	(void)ctx;
	site->last_attempt = job->attempt;
	site->runs[json_integer_value(json_object_get(job->args, "n"))]++;
	if (site->failures_left > 0 && site->failures_left-- > 0)
		return err_set(err, ERR_UPSTREAM, "no answer, %.300s \xc3", "and many words of it");
	return true;
}

static bool
run_gate(const struct job *job, TALLOC_CTX *ctx, void *arg, struct err *err)
{
	struct site *site = arg;

	pthread_barrier_wait(&site->gate);	/* begun */
	pthread_barrier_wait(&site->gate);	/* may end */
	return run_count(job, ctx, arg, err);
}

static bool
run_for_ever(const struct job *job, TALLOC_CTX *ctx, void *arg, struct err *err)
{
	struct site *site = arg;

	(void)ctx;
	(void)err;
	while (write(site->told, &job->attempt, sizeof job->attempt) > 0)
		pause();
	return false;
}

static bool
run_slow(const struct job *job, TALLOC_CTX *ctx, void *arg, struct err *err)
{
	struct site *site = arg;

	site->begun++;
	for (int i = 0; i < LONG_ENOUGH && !site->let_go; i++)
		usleep(10000);
	return run_count(job, ctx, arg, err);
}

/* Fails at first, as a full disk would make it. */
static bool
tell_dead(const struct job *job, struct db *tx, void *arg, const struct err *why, struct err *err)
{
	char text[600];
	struct site *site = arg;
	const char *n = json_integer_value(json_object_get(job->args, "n")) == 9 ? "nine" : "another";

	if (!db_run(tx, err, "INSERT INTO meta (key, value) VALUES ($1, $2)", db_text(n),
		    db_text(err_text(why, text, sizeof text))))
		return false;
	return site->deaths_failing == 0 || site->deaths_failing-- == 0 || err_set(err, ERR_NO_ROOM, "no room");
}

static const struct job_kind kinds[] = {
	{ "count", 3, run_count, NULL }, { "gate", 3, run_gate, NULL }, { "told", 2, run_count, tell_dead },
	{ "slow", 3, run_slow, NULL, .slow = true }, { 0 },
};
static const struct job_kind deadly[] = { { "count", 3, run_for_ever, NULL }, { "told", 2, run_for_ever, NULL }, { 0 } };

struct add {
	const char *kind, *key;
	int n;
	time_t not_before;
	bool fail, bad_args;
};

static bool
add_job(struct db *tx, void *arg, struct err *err)
{
	struct add *add = arg;
	return job_add(tx, add->kind, add->bad_args ? NULL : json_pack("{s:i}", "n", add->n),
		       add->not_before, add->key, err) &&
	       (!add->fail || err_set(err, ERR_DENIED, "changed my mind"));
}

static struct db *
open_db(TALLOC_CTX *ctx, const char *dir)
{
	struct err err = { 0 };
	struct db *db = NULL;

	log_setup(LOG_ERROR_ + 1, false);	/* failing is the subject here */
	assert_ok(db_open(ctx, dir, &db, &err), &err);
	return db;
}

#define add(db, ...) add_it(db, (struct add){ __VA_ARGS__ })
static void
add_it(struct db *db, struct add job)
{
	struct err err = { 0 };

	assert_ok(db_tx(db, add_job, &job, &err), &err);
}

static struct jobs *
start(TALLOC_CTX *ctx, struct db *db, const struct job_kind *of, int threads, struct site *site)
{
	struct err err = { 0 };
	struct jobs *jobs = NULL;

	assert_ok(jobs_start(ctx, db, of, threads, site, &jobs, &err), &err);
	return jobs;
}

static int64_t
number(struct db *db, const char *sql)
{
	TALLOC_CTX *scratch SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(scratch, db, sql);
	struct err err = { 0 };

	assert_ok(rows_one(rows, &err, "a number"), &err);
	return rows_int(rows, 0);
}

/* Until the query gives n. */
static void
wait_for(struct db *db, const char *sql, int64_t n)
{
	for (int i = 0; number(db, sql) != n; i++) {
		if (i == LONG_ENOUGH)
			fail_msg("%s stays %lld", sql, (long long)number(db, sql));
		usleep(10000);
	}
}

static void
set_clock(const char *dir, time_t at)
{
	TALLOC_CTX *scratch SCOPED(mem) = talloc_new(NULL);
	char *path = mem_printf(scratch, "%s/clock", dir);
	FILE *file = fopen(path, "we");

	assert_non_null(file);
	fputs(clock_text(scratch, at), file);
	fclose(file);
	clock_follow(path);
}

static void
many_workers_do_each_job_once(void **state)
{
	struct db *db = open_db(*state, test_dir(*state));
	struct site site = { 0 };
	struct jobs *jobs = start(*state, db, kinds, 8, &site);

	for (int i = 0; i < 200; i++) {
		add(db, "count", .n = i);
		jobs_wake(jobs);
	}
	wait_for(db, "SELECT count(*) FROM job", 0);
	jobs_stop(jobs);
	for (int i = 0; i < 200; i++)
		assert_int_equal(site.runs[i], 1);
}

static void
however_many_slow_jobs_wait_one_worker_is_left_for_what_is_quick(void **state)
{
	struct db *db = open_db(*state, test_dir(*state));
	struct site site = { 0 };
	struct jobs *jobs;

	for (int n = 1; n <= 3; n++)
		add(db, "slow", .n = n);
	jobs = start(*state, db, kinds, 3, &site);
	for (int i = 0; i < LONG_ENOUGH && site.begun < 2; i++)
		usleep(10000);
	for (int n = 11; n <= 14; n++) {
		add(db, "count", .n = n);
		jobs_wake(jobs);
	}
	wait_for(db, "SELECT count(*) FROM job", 3);
	assert_int_equal(site.begun, 2);
	assert_int_equal(site.runs[11] + site.runs[12] + site.runs[13] + site.runs[14], 4);
	site.let_go = 1;
	wait_for(db, "SELECT count(*) FROM job", 0);
	jobs_stop(jobs);
	assert_int_equal(site.runs[1] + site.runs[2] + site.runs[3], 3);

	/* who works alone does those, too */
	jobs = start(*state, db, kinds, 1, &site);
	add(db, "slow", .n = 4);
	jobs_wake(jobs);
	wait_for(db, "SELECT count(*) FROM job", 0);
	jobs_stop(jobs);
	assert_int_equal(site.runs[4], 1);
}

static void
a_job_exists_when_its_cause_does(void **state)
{
	struct db *db = open_db(*state, test_dir(*state));
	struct add job = { .kind = "count", .fail = true };
	struct err err = { 0 };

	assert_false(db_tx(db, add_job, &job, &err));
	job = (struct add){ .kind = "count", .bad_args = true };
	assert_false(db_tx(db, add_job, &job, &err));
	assert_int_equal(err.kind, ERR_INTERNAL);
	assert_int_equal(number(db, "SELECT count(*) FROM job"), 0);
}

static void
what_fails_is_tried_again_later_and_is_dead_in_the_end(void **state)
{
	const char *dir = test_dir(*state);
	struct db *db = open_db(*state, dir);
	struct site site = { .failures_left = 3 };
	struct jobs *jobs;

	set_clock(dir, AT_START);
	jobs = start(*state, db, kinds, 2, &site);
	add(db, "count", .n = 7);
	jobs_wake(jobs);
	for (int attempt = 1; attempt < 3; attempt++) {
		int64_t due, base = JOB_BACKOFF_MIN_S << (attempt - 1);

		wait_for(db, mem_printf(*state, "SELECT count(*) FROM job WHERE owner = '' AND attempt = %d",
					attempt), 1);
		due = number(db, "SELECT due FROM job") - clock_now();
		assert_in_range(due, base / 2, base);
		assert_int_equal(site.runs[7], attempt);
		set_clock(dir, clock_now() + due);
		jobs_wake(jobs);
	}
	wait_for(db, "SELECT count(*) FROM job WHERE dead AND owner = '' AND attempt = 3 AND"
		     " last_error LIKE 'no answer%'", 1);
	set_clock(dir, AT_START + 10 * JOB_BACKOFF_MAX_S);
	add(db, "count", .n = 8);
	jobs_wake(jobs);
	wait_for(db, "SELECT count(*) FROM job", 1);
	assert_int_equal(site.runs[7], 3);
	assert_int_equal(site.runs[8], 1);
	talloc_free(jobs);
	clock_follow(NULL);
}

static void
a_job_waits_for_its_time_and_other_kinds_are_left_alone(void **state)
{
	const char *dir = test_dir(*state);
	struct db *db = open_db(*state, dir);
	struct site site = { 0 };
	struct jobs *jobs;

	set_clock(dir, AT_START);
	add(db, "count", .n = 1, .not_before = AT_START + 60);
	add(db, "from a newer program", .n = 2);
	add(db, "count", .n = 3);
	jobs = start(*state, db, kinds, 2, &site);
	wait_for(db, "SELECT count(*) FROM job", 2);
	assert_int_equal(site.runs[1], 0);
	set_clock(dir, AT_START + 60);
	jobs_wake(jobs);
	wait_for(db, "SELECT count(*) FROM job", 1);
	assert_int_equal(site.runs[1] + site.runs[3], 2);
	assert_int_equal(number(db, "SELECT attempt FROM job"), 0);
	talloc_free(jobs);
	clock_follow(NULL);
}

static void
a_waiting_job_of_the_same_key_is_kept_and_a_begun_one_is_not_enough(void **state)
{
	const char *dir = test_dir(*state);
	struct db *db = open_db(*state, dir);
	struct site site = { 0 };
	struct jobs *jobs;

	set_clock(dir, AT_START);
	pthread_barrier_init(&site.gate, NULL, 2);
	add(db, "gate", "same", 1, AT_START + 60);
	add(db, "gate", "same", 2, AT_START + 30);
	add(db, "gate", "same", 3, AT_START + 90);
	add(db, "count", "same", 4, AT_START + 90);
	assert_int_equal(number(db, "SELECT count(*) FROM job"), 2);
	assert_int_equal(number(db, "SELECT due FROM job WHERE kind = 'gate'"), AT_START + 30);

	set_clock(dir, AT_START + 30);
	jobs = start(*state, db, kinds, 1, &site);
	pthread_barrier_wait(&site.gate);
	add(db, "gate", "same", 5, 0);
	assert_int_equal(number(db, "SELECT count(*) FROM job WHERE kind = 'gate'"), 2);
	pthread_barrier_wait(&site.gate);
	pthread_barrier_wait(&site.gate);
	pthread_barrier_wait(&site.gate);
	wait_for(db, "SELECT count(*) FROM job", 1);
	assert_int_equal(site.runs[1] + site.runs[5], 2);
	talloc_free(jobs);
	pthread_barrier_destroy(&site.gate);
	clock_follow(NULL);
}

/* What goes to stderr while it lives. */
static int
said_to(const char *path, int was)
{
	fflush(stderr);
	if (was >= 0) {
		dup2(was, STDERR_FILENO);
		close(was);
		log_setup(LOG_ERROR_ + 1, false);
		return -1;
	}
	was = dup(STDERR_FILENO);
	assert_non_null(freopen(path, "w", stderr));
	log_setup(LOG_WARN_, false);
	return was;
}

static void
a_clock_that_was_set_back_is_mended_as_soon_as_that_goes_and_complained_of_once(void **state)
{
	const char *dir = test_dir(*state);
	const char *path = mem_printf(*state, "%s/said", dir);
	struct db *db = open_db(*state, dir);
	struct site site = { 0 };
	struct err err = { 0 };
	struct jobs *jobs;
	char line[1000];
	int was, complaints = 0;
	FILE *said;

	set_clock(dir, AT_START + 86400);
	jobs = start(*state, db, kinds, 1, &site);
	add(db, "count", .n = 1, .not_before = AT_START + 86400 + 3600);
	assert_ok(db_run(db, &err, "CREATE TRIGGER stuck BEFORE UPDATE OF due ON job BEGIN SELECT RAISE(ABORT, 'stuck'); END"), &err);
	was = said_to(path, -1);
	usleep(1500000);		/* it looks each second, and must have seen the wrong one */
	set_clock(dir, AT_START);
	usleep(4500000);
	said_to(NULL, was);
	said = fopen(path, "r");
	assert_non_null(said);
	while (fgets(line, sizeof line, said))
		complaints += strstr(line, "jobs of a clock that was ahead") != NULL;
	fclose(said);
	assert_int_equal(complaints, 1);
	assert_ok(db_run(db, &err, "DROP TRIGGER stuck"), &err);
	wait_for(db, mem_printf(*state, "SELECT count(*) FROM job WHERE due = %d", AT_START + 3600), 1);
	talloc_free(jobs);
	clock_follow(NULL);
}

/* An hour's job that a clock a month ahead has put back in the table waits its hour, not the month. */
static void
what_a_clock_that_was_ahead_has_written_waits_as_long_as_it_was_to_wait(void **state)
{
	const char *dir = test_dir(*state);
	struct db *db = open_db(*state, dir);
	struct site site = { .failures_left = 1 };
	struct err err = { 0 };
	struct jobs *jobs;
	time_t ahead = AT_START + 30 * 86400;

	set_clock(dir, AT_START);
	jobs = start(*state, db, kinds, 2, &site);
	add(db, "count", .n = 7);	/* fails under the clock that is ahead, and has its back-off from there */
	set_clock(dir, ahead);
	jobs_wake(jobs);
	wait_for(db, "SELECT count(*) FROM job WHERE owner = '' AND attempt = 1", 1);
	add(db, "count", .n = 8, .not_before = ahead + 3600);
	assert_ok(db_run(db, &err, "INSERT INTO job (id, kind, args, created, due, owner, lease, attempt) VALUES ('gone', 'count',"
			 " $3, $1, $1, 'a dead process', $2, 1)", db_int(AT_START), db_int(ahead + JOB_LEASE_S), db_text("{\"n\":9}")), &err);
	/* set right while the server runs: it looks at the clock each second, and must have seen the wrong one */
	for (int tries = 0; tries < 60 && number(db, mem_printf(*state, "SELECT count(*) FROM job WHERE due > %lld", (long long)AT_START + 9000));
	     tries++) {
		set_clock(dir, ahead);
		usleep(1200000);
		set_clock(dir, AT_START + 1000);
		usleep(1200000);
	}
	assert_int_equal(number(db, mem_printf(*state, "SELECT count(*) FROM job WHERE due = %lld", (long long)AT_START + 4600)), 1);
	set_clock(dir, AT_START + 1000 + JOB_LEASE_S);
	jobs_wake(jobs);
	wait_for(db, "SELECT count(*) FROM job", 1);
	assert_int_equal(site.runs[7], 2);
	assert_int_equal(site.runs[8], 0);
	assert_int_equal(site.runs[9], 1);
	jobs_stop(jobs);
	/* and while it did not */
	set_clock(dir, ahead);
	add(db, "count", .n = 10, .not_before = ahead + 60);
	set_clock(dir, AT_START + 2000);
	jobs = start(*state, db, kinds, 2, &site);
	assert_int_equal(number(db, mem_printf(*state, "SELECT count(*) FROM job WHERE due = %lld", (long long)AT_START + 2060)), 1);
	talloc_free(jobs);
	clock_follow(NULL);
}

static void
a_job_that_runs_here_is_not_taken_again_when_the_clock_jumps(void **state)
{
	const char *dir = test_dir(*state);
	struct db *db = open_db(*state, dir);
	struct site site = { 0 };
	struct jobs *jobs;

	set_clock(dir, AT_START);
	pthread_barrier_init(&site.gate, NULL, 2);
	jobs = start(*state, db, kinds, 3, &site);
	add(db, "gate", .n = 1);
	jobs_wake(jobs);
	pthread_barrier_wait(&site.gate);
	set_clock(dir, AT_START + 2 * JOB_LEASE_S);
	add(db, "count", .n = 2);	/* shows that the others have looked */
	jobs_wake(jobs);
	wait_for(db, "SELECT count(*) FROM job", 1);
	pthread_barrier_wait(&site.gate);
	jobs_stop(jobs);		/* finishes what runs */
	assert_int_equal(number(db, "SELECT count(*) FROM job"), 0);
	assert_int_equal(site.runs[1], 1);
	assert_int_equal(site.last_attempt, 1);
	pthread_barrier_destroy(&site.gate);
	clock_follow(NULL);
}

/* Runs workers in a child until they have begun the job, and kills it. */
static void
begin_and_kill(TALLOC_CTX *ctx, const char *dir, int expected_attempt)
{
	int told[2], attempt = 0, status;
	pid_t child;

	assert_int_equal(pipe(told), 0);
	if ((child = fork()) == 0) {
		struct site site = { .told = told[1] };
		struct jobs *jobs;
		struct db *db = NULL;
		struct err err;

		if (db_open(ctx, dir, &db, &err) && jobs_start(ctx, db, deadly, 2, &site, &jobs, &err))
			pause();
		_exit(1);
	}
	close(told[1]);
	assert_int_equal(read(told[0], &attempt, sizeof attempt), sizeof attempt);
	close(told[0]);
	assert_int_equal(attempt, expected_attempt);
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, &status, 0), child);
}

static void
what_a_killed_server_worked_at_is_taken_up_by_the_next_one_at_once(void **state)
{
	const char *dir = test_dir(*state);
	struct site site = { 0 };
	struct jobs *jobs;
	struct db *db;

	set_clock(dir, AT_START);
	db = open_db(*state, dir);
	add(db, "count", .n = 1);
	talloc_free(db);
	begin_and_kill(*state, dir, 1);

	db = open_db(*state, dir);
	jobs = start(*state, db, kinds, 2, &site);
	wait_for(db, "SELECT count(*) FROM job", 0);
	assert_int_equal(site.runs[1], 1);
	assert_int_equal(site.last_attempt, 2);
	talloc_free(jobs);
	clock_follow(NULL);
}

static void
a_job_of_another_process_is_taken_over_when_its_lease_has_ended(void **state)
{
	const char *dir = test_dir(*state);
	struct db *db = open_db(*state, dir);
	struct site site = { 0 };
	struct err err = { 0 };
	struct jobs *jobs;

	set_clock(dir, AT_START);
	jobs = start(*state, db, kinds, 2, &site);
	add(db, "count", .n = 1, .not_before = AT_START + 60);
	assert_ok(db_run(db, &err, "UPDATE job SET owner = 'another', lease = $1, due = $2, attempt = 1",
			 db_int(AT_START + JOB_LEASE_S), db_int(AT_START)), &err);
	add(db, "count", .n = 2);	/* shows that the workers have looked */
	jobs_wake(jobs);
	wait_for(db, "SELECT count(*) FROM job", 1);
	assert_int_equal(site.runs[1], 0);
	set_clock(dir, AT_START + JOB_LEASE_S);
	jobs_wake(jobs);
	wait_for(db, "SELECT count(*) FROM job", 0);
	assert_int_equal(site.runs[1], 1);
	talloc_free(jobs);
	clock_follow(NULL);
}

static void
a_job_that_kills_its_worker_each_time_is_dead_in_the_end_and_who_waits_is_told(void **state)
{
	const char *dir = test_dir(*state);
	struct site site = { 0 };
	struct jobs *jobs;
	struct db *db;

	set_clock(dir, AT_START);
	db = open_db(*state, dir);
	add(db, "told", .n = 9);
	talloc_free(db);
	begin_and_kill(*state, dir, 1);
	begin_and_kill(*state, dir, 2);
	db = open_db(*state, dir);
	jobs = start(*state, db, kinds, 2, &site);
	wait_for(db, "SELECT count(*) FROM job WHERE dead AND last_error LIKE '%died%'", 1);
	assert_int_equal(site.runs[9], 0);
	assert_int_equal(number(db, "SELECT count(*) FROM meta WHERE key = 'nine' AND value LIKE '%died%'"), 1);
	talloc_free(jobs);
	clock_follow(NULL);
}

static void
a_job_is_dead_when_who_waits_was_told_and_not_before(void **state)
{
	const char *dir = test_dir(*state);
	struct db *db = open_db(*state, dir);
	struct site site = { .failures_left = 2, .deaths_failing = 1 };
	struct jobs *jobs;

	set_clock(dir, AT_START);
	jobs = start(*state, db, kinds, 1, &site);
	add(db, "told", .n = 9);
	jobs_wake(jobs);
	wait_for(db, "SELECT count(*) FROM job WHERE owner = '' AND attempt = 1", 1);
	assert_int_equal(number(db, "SELECT count(*) FROM meta WHERE key = 'nine'"), 0);	/* it lives */
	set_clock(dir, AT_START + JOB_BACKOFF_MAX_S);
	jobs_wake(jobs);
	wait_for(db, "SELECT count(*) FROM job WHERE dead", 1);
	assert_int_equal(site.deaths_failing, 0);
	assert_int_equal(number(db, "SELECT count(*) FROM meta WHERE key = 'nine' AND value LIKE 'no answer%'"), 1);
	assert_int_equal(site.runs[9], 2);
	talloc_free(jobs);
	clock_follow(NULL);
}

TESTS(many_workers_do_each_job_once, however_many_slow_jobs_wait_one_worker_is_left_for_what_is_quick, a_job_exists_when_its_cause_does,
      what_fails_is_tried_again_later_and_is_dead_in_the_end,
      a_job_waits_for_its_time_and_other_kinds_are_left_alone,
      a_waiting_job_of_the_same_key_is_kept_and_a_begun_one_is_not_enough,
      a_clock_that_was_set_back_is_mended_as_soon_as_that_goes_and_complained_of_once,
      what_a_clock_that_was_ahead_has_written_waits_as_long_as_it_was_to_wait,
      a_job_that_runs_here_is_not_taken_again_when_the_clock_jumps,
      what_a_killed_server_worked_at_is_taken_up_by_the_next_one_at_once,
      a_job_of_another_process_is_taken_over_when_its_lease_has_ended,
      a_job_that_kills_its_worker_each_time_is_dead_in_the_end_and_who_waits_is_told,
      a_job_is_dead_when_who_waits_was_told_and_not_before)
