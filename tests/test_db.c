/* The database: what was acknowledged is durable, what failed left nothing, and many share a commit. */
#include "tests/check.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "core/count.h"
#include "core/db.h"
#include "core/embed.h"

static struct db *
open_db(TALLOC_CTX *ctx, const char *dir)
{
	struct err err = { 0 };
	struct db *db = NULL;

	assert_ok(db_open(ctx, dir, &db, &err), &err);
	return db;
}

static struct db *
item_db(TALLOC_CTX *ctx, const char *dir)
{
	struct db *db = open_db(ctx, dir);
	struct err err = { 0 };

	assert_ok(db_run(db, &err, "CREATE TABLE IF NOT EXISTS thing (id BIGINT PRIMARY KEY, text TEXT,"
				   " raw {blob}, yes BOOLEAN)"), &err);
	return db;
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

static int64_t
items(struct db *db)
{
	return number(db, "SELECT count(*) FROM thing");
}

static void
every_type_goes_in_and_comes_back(void **state)
{
	struct db *db = item_db(*state, test_dir(*state));
	struct err err = { 0 };
	struct rows *rows;
	struct bytes raw = { "a\0b", 3 };

	assert_ok(db_run(db, &err, "INSERT INTO thing (id, text, raw, yes) VALUES ($1, $2, $3, $4)",
			 db_int(INT64_MIN), db_text("Äpfel"), db_bytes(raw), db_bool(true)), &err);
	assert_ok(db_run(db, &err, "INSERT INTO thing (id, text, raw, yes) VALUES ($1, $2, $3, $4)",
			 db_int(1), db_text(NULL), db_null(), db_bool(false)), &err);
	assert_ok(db_run(db, &err, "INSERT INTO thing (id, text, raw) VALUES (2, $1, $2)",
			 db_text(""), db_bytes((struct bytes){ NULL, 0 })), &err);

	rows = db_query(*state, db, "SELECT id, text, raw, yes FROM thing ORDER BY id");
	assert_int_equal(rows_next(rows, &err), ROWS_ROW);
	assert_true(rows_int(rows, 0) == INT64_MIN);
	assert_string_equal(rows_text(*state, rows, 1), "Äpfel");
	assert_int_equal(rows_bytes(*state, rows, 2).len, 3);
	assert_memory_equal(rows_bytes(*state, rows, 2).p, raw.p, 3);
	assert_true(rows_bool(rows, 3));
	assert_int_equal(rows_next(rows, &err), ROWS_ROW);
	assert_null(rows_text(*state, rows, 1));
	assert_true(rows_null(rows, 2));
	assert_null(rows_bytes(*state, rows, 2).p);
	assert_false(rows_bool(rows, 3));
	assert_int_equal(rows_next(rows, &err), ROWS_ROW);
	assert_string_equal(rows_text(*state, rows, 1), "");
	assert_false(rows_null(rows, 2));
	assert_int_equal(rows_bytes(*state, rows, 2).len, 0);
	assert_int_equal(rows_next(rows, &err), ROWS_END);
	assert_int_equal(rows_next(rows, &err), ROWS_END);
	assert_true(rows_null(rows, 0));
}

static void
parameters_are_bound_by_their_number_not_by_their_order(void **state)
{
	struct db *db = open_db(*state, test_dir(*state));
	struct err err = { 0 };
	struct rows *rows = db_query(*state, db, "SELECT $2 || $1 || $2", db_text("a"), db_text("b"));

	assert_ok(rows_one(rows, &err, "a row"), &err);
	assert_string_equal(rows_text(*state, rows, 0), "bab");
}

static void
bad_sql_and_bad_text_are_refused_with_a_reason(void **state)
{
	static const struct {
		const char *sql, *text;
		enum err_kind kind;
		const char *words;
	} cases[] = {
		{ "SELECT $1", "bad \xff", ERR_INVALID, "text is not UTF-8 without NUL" },
		{ "SELECT $1, $2", "one", ERR_INTERNAL, "takes $2 and got 1" },
		{ "SELECT 'none'", "one", ERR_INTERNAL, "takes $0 and got 1" },
		{ "SELECT $2", "one", ERR_INTERNAL, "skip a number" },
		{ "SELECT $1, $3", "one", ERR_INTERNAL, "skip a number" },
		{ "SELECT ?1", "", ERR_INTERNAL, "parameters are $1" },
		{ "SELECT :name", "", ERR_INTERNAL, "parameters are $1" },
		{ "SELECT $65", "", ERR_INTERNAL, "parameters are $1" },
		{ "SELECT '{json}'", "", ERR_INTERNAL, "no known word: {json}" },
		{ "SELECT 1; SELECT 2", "", ERR_INTERNAL, "not one statement" },
		{ "", "", ERR_INTERNAL, "not one statement" },
		{ "SELECT \"text\"", "", ERR_INTERNAL, "no such column: text" },
		{ "SELECT * FROM nowhere", "", ERR_INTERNAL, "no such table: nowhere" },
		{ "INSERT INTO meta (key, value) VALUES ('x', 'y')", "", ERR_INTERNAL, "readonly" },
	};
	struct db *db = open_db(*state, test_dir(*state));

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct err err = { 0 };
		struct rows *rows = *cases[i].text ? db_query(*state, db, cases[i].sql, db_text(cases[i].text))
						   : db_query(*state, db, cases[i].sql);

		assert_int_equal(rows_next(rows, &err), ROWS_FAILED);
		assert_int_equal(err.kind, cases[i].kind);
		if (!strstr(err.cause, cases[i].words))
			fail_msg("\"%s\" does not say \"%s\"", err.cause, cases[i].words);
		assert_int_equal(rows_next(rows, &err), ROWS_FAILED);
	}
}

static void
a_second_row_of_the_same_key_is_a_conflict(void **state)
{
	struct db *db = item_db(*state, test_dir(*state));
	struct err err = { 0 };

	assert_ok(db_run(db, &err, "INSERT INTO thing (id) VALUES (1)"), &err);
	assert_false(db_run(db, &err, "INSERT INTO thing (id) VALUES (1)"));
	assert_int_equal(err.kind, ERR_CONFLICT);
	assert_false(rows_one(db_query(*state, db, "SELECT id FROM thing WHERE id = 9"), &err, "thing 9"));
	assert_int_equal(err.kind, ERR_MISSING);
	assert_string_equal(err.cause, "thing 9");
}

struct plan {
	int64_t id;
	bool fail, fail_inner, collapse;
	int ran;
	struct rows *rows;
};

static bool
insert_item(struct db *tx, void *arg, struct err *err)
{
	struct plan *plan = arg;

	plan->ran++;
	if (!db_run(tx, err, "INSERT INTO thing (id, text) VALUES ($1, 'x')", db_int(plan->id)))
		return false;
	assert_int_equal(db_changed(tx), 1);
	if (plan->collapse)	/* as the engine does when the disk is full */
		return db_run(tx, err, "ROLLBACK");
	return !plan->fail || err_set(err, ERR_DENIED, "changed my mind");
}

static bool
insert_two(struct db *tx, void *arg, struct err *err)
{
	struct plan *plan = arg, inner = { .id = plan->id + 1, .fail = plan->fail_inner };
	struct err inner_err = { 0 };
	bool ok;

	if (!insert_item(tx, plan, err))
		return false;
	ok = db_tx(tx, insert_item, &inner, &inner_err);
	assert_int_equal(ok, !plan->fail_inner);
	return true;
}

static void
a_transaction_that_fails_leaves_nothing(void **state)
{
	struct db *db = item_db(*state, test_dir(*state));
	struct err err = { 0 };

	assert_false(db_tx(db, insert_item, &(struct plan){ .id = 1, .fail = true }, &err));
	assert_int_equal(err.kind, ERR_DENIED);
	assert_int_equal(items(db), 0);
	assert_ok(db_tx(db, insert_item, &(struct plan){ .id = 1 }, &err), &err);
	assert_int_equal(items(db), 1);
}

static void
an_inner_transaction_fails_alone(void **state)
{
	struct db *db = item_db(*state, test_dir(*state));
	struct err err = { 0 };

	assert_ok(db_tx(db, insert_two, &(struct plan){ .id = 1, .fail_inner = true }, &err), &err);
	assert_int_equal(number(db, "SELECT sum(id) FROM thing"), 1);
	assert_ok(db_tx(db, insert_two, &(struct plan){ .id = 2 }, &err), &err);
	assert_int_equal(number(db, "SELECT sum(id) FROM thing"), 1 + 2 + 3);
}

static bool
keep_rows_open(struct db *tx, void *arg, struct err *err)
{
	struct plan *plan = arg;

	plan->rows = db_query(plan->rows, tx, "UPDATE thing SET text = 'y' RETURNING id");
	return rows_one(plan->rows, err, "an thing") && rows_int(plan->rows, 0) == 1;
}

static void
rows_of_a_transaction_end_with_it(void **state)
{
	struct db *db = item_db(*state, test_dir(*state));
	struct plan plan = { .id = 1, .rows = *state };
	struct err err = { 0 };

	assert_ok(db_run(db, &err, "INSERT INTO thing (id) VALUES (1), (2)"), &err);
	assert_ok(db_tx(db, keep_rows_open, &plan, &err), &err);
	assert_int_equal(rows_next(plan.rows, &err), ROWS_FAILED);
	assert_string_equal(err.cause, "the transaction of these rows is over");
	assert_int_equal(number(db, "SELECT count(*) FROM thing WHERE text = 'y'"), 2);
}

static void
a_query_may_run_inside_itself_and_a_reader_keeps_its_view(void **state)
{
	static const char sql[] = "SELECT id FROM thing ORDER BY id";
	struct db *db = item_db(*state, test_dir(*state));
	struct rows *outer, *inner;
	struct err err = { 0 };
	int outers = 0, inners = 0;

	assert_ok(db_run(db, &err, "INSERT INTO thing (id) VALUES (1), (2), (3)"), &err);
	outer = db_query(*state, db, sql);
	while (rows_next(outer, &err) == ROWS_ROW) {
		outers++;
		assert_ok(db_run(db, &err, "INSERT INTO thing (id) VALUES ($1)", db_int(10 + outers)), &err);
		inner = db_query(*state, db, sql);
		while (rows_next(inner, &err) == ROWS_ROW)
			inners++;
	}
	assert_int_equal(outers, 3);
	assert_int_equal(inners, 4 + 5 + 6);
}

/* More texts than a connection keeps, some of them at one and the same address. */
static void
statements_come_and_go_without_being_mixed_up(void **state)
{
	struct db *db = open_db(*state, test_dir(*state));
	char sql[40];

	for (int round = 0; round < 2; round++)
		for (int i = 0; i < 200; i++) {
			snprintf(sql, sizeof sql, "SELECT %d", i);
			assert_int_equal(number(db, sql), i);
		}
}

#define CROWD		16
#define CROWD_EACH	50

struct member {
	struct db *db;
	pthread_barrier_t *start;
	int64_t from;
	int failed;
	bool collapse;		/* else the tenth fails in an orderly way */
};

static void *
insert_many(void *arg)
{
	struct member *member = arg;
	struct err err;

	pthread_barrier_wait(member->start);
	for (int i = 0; i < CROWD_EACH; i++) {
		bool tenth = i % 10 == 9;
		struct plan plan = { .id = member->from + i, .fail = tenth && !member->collapse,
				     .collapse = tenth && member->collapse };

		member->failed += !db_tx(member->db, insert_item, &plan, &err);
	}
	return NULL;
}

static void
run_crowd(TALLOC_CTX *ctx, bool collapse)
{
	struct db *db = item_db(ctx, test_dir(ctx));
	struct member members[CROWD];
	pthread_t threads[CROWD];
	pthread_barrier_t start;
	int64_t commits = count_get(COUNT_DB_COMMITS), writes = count_get(COUNT_DB_WRITES);
	int64_t expected = CROWD * CROWD_EACH * 9 / 10;

	pthread_barrier_init(&start, NULL, CROWD);
	for (int i = 0; i < CROWD; i++) {
		members[i] = (struct member){ db, &start, i * 1000, 0, collapse };
		assert_int_equal(pthread_create(&threads[i], NULL, insert_many, &members[i]), 0);
	}
	for (int i = 0; i < CROWD; i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(members[i].failed, CROWD_EACH / 10);
	}
	pthread_barrier_destroy(&start);
	commits = count_get(COUNT_DB_COMMITS) - commits;
	writes = count_get(COUNT_DB_WRITES) - writes;
	print_message("  %lld transactions in %lld commits\n", (long long)writes, (long long)commits);
	assert_int_equal(items(db), expected);
	assert_int_equal(writes, expected);
	assert_true(commits < writes);
}

static void
many_writers_share_commits_and_each_row_is_there_once(void **state)
{
	run_crowd(*state, false);
}

static void
when_the_engine_ends_a_group_only_the_culprit_fails(void **state)
{
	run_crowd(*state, true);
}

static bool
later_item(struct db *tx, void *arg, struct err *err)
{
	return db_run(tx, err, "INSERT INTO thing (id, text) VALUES ($1, $2)", db_int(*(int64_t *)arg),
		      db_text("later"));
}

static bool
wait_in_writer(struct db *tx, void *arg, struct err *err)
{
	(void)tx;
	(void)err;
	pthread_barrier_wait(arg);	/* the writer is busy */
	pthread_barrier_wait(arg);	/* and goes on */
	return true;
}

static void *
hold_writer(void *arg)
{
	struct member *member = arg;
	struct err err = { 0 };

	member->failed = !db_tx(member->db, wait_in_writer, member->start, &err);
	return NULL;
}

static void
write_behind_is_bounded_counted_and_finished_at_close(void **state)
{
	const char *dir = test_dir(*state);
	struct db *db = item_db(*state, dir);
	int64_t dropped = count_get(COUNT_DB_DROPPED);
	pthread_barrier_t gate;
	struct member member = { .db = db, .start = &gate };
	pthread_t holder;

	pthread_barrier_init(&gate, NULL, 2);
	assert_int_equal(pthread_create(&holder, NULL, hold_writer, &member), 0);
	pthread_barrier_wait(&gate);
	for (int64_t i = 0; i < DB_LATER_MAX + 7; i++) {
		int64_t *id = mem_new(*state, int64_t);

		*id = i;
		db_later(db, later_item, id);
	}
	pthread_barrier_wait(&gate);
	pthread_join(holder, NULL);
	pthread_barrier_destroy(&gate);
	assert_int_equal(member.failed, 0);
	assert_int_equal(count_get(COUNT_DB_DROPPED) - dropped, 7);
	talloc_free(db);
	db = open_db(*state, dir);
	assert_int_equal(items(db), DB_LATER_MAX);
}

static void
a_reader_in_the_middle_of_its_rows_does_not_hold_up_the_writer(void **state)
{
	struct db *db = item_db(*state, test_dir(*state));
	struct rows *rows;
	struct err err = { 0 };

	assert_ok(db_run(db, &err, "INSERT INTO thing (id) VALUES (1), (2)"), &err);
	rows = db_query(*state, db, "SELECT id FROM thing");
	assert_int_equal(rows_next(rows, &err), ROWS_ROW);
	for (int i = 0; i < 100; i++)
		assert_ok(db_run(db, &err, "INSERT INTO thing (id) VALUES ($1)", db_int(10 + i)), &err);
	assert_int_equal(items(db), 102);
	assert_int_equal(rows_next(rows, &err), ROWS_ROW);
	assert_int_equal(rows_next(rows, &err), ROWS_END);
}

/* In a child, since a fork must not touch its parent's connections. */
static void
another_process_may_write_meanwhile(void **state)
{
	const char *dir = test_dir(*state);
	struct db *db = item_db(*state, dir);
	struct err err = { 0 };
	int status;
	pid_t child = fork();

	if (child == 0) {
		bool ok = db_open(*state, dir, &db, &err);

		for (int i = 0; ok && i < 50; i++)
			ok = db_run(db, &err, "INSERT INTO thing (id) VALUES ($1)", db_int(1000 + i));
		_exit(ok ? 0 : 1);
	}
	for (int i = 0; i < 50; i++)
		assert_ok(db_run(db, &err, "INSERT INTO thing (id) VALUES ($1)", db_int(i)), &err);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(items(db), 100);
}

static void
the_schema_is_made_once_and_a_newer_one_is_refused(void **state)
{
	const char *dir = test_dir(*state);
	struct db *db = open_db(*state, dir);
	struct err err = { 0 };
	struct stat st;
	int version = db_schema_version(db);

	assert_true(version >= 1);
	assert_int_equal(stat(mem_printf(*state, "%s/pomona.db", dir), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_ok(db_writable(db, &err), &err);
	talloc_free(db);

	db = open_db(*state, dir);
	assert_int_equal(db_schema_version(db), version);
	assert_ok(db_run(db, &err, "UPDATE meta SET value = '9000' WHERE key = 'schema'"), &err);
	talloc_free(db);

	assert_false(db_open(*state, dir, &db, &err));
	assert_int_equal(err.kind, ERR_CONFLICT);
	assert_non_null(strstr(err.cause, "start the newer program"));
}

/* A migration with a foreign word, or a file out of order, would only fail at an upgrade. */
static void
migrations_are_numbered_without_a_gap_and_use_only_known_words(void **state)
{
	int n = 0;

	(void)state;
	for (const struct embed *e = NULL; (e = embed_under("core/schema/", e));) {
		assert_int_equal(strtol(e->path + strlen("core/schema/"), NULL, 10), ++n);
		assert_null(memmem(e->from, (size_t)(e->to - e->from), "AUTOINCREMENT", 13));
	}
	assert_true(n > 0);
}

/* Inserts without end and tells through the pipe what was acknowledged. */
static void
insert_until_killed(const char *dir, int told, int64_t from)
{
	struct err err = { 0 };
	struct db *db = NULL;

	for (bool ok = db_open(NULL, dir, &db, &err); ok; from++) {
		ok = db_run(db, &err, "INSERT INTO thing (id, text) VALUES ($1, $2)", db_int(from),
			    db_text("whole")) &&
		     write(told, &from, sizeof from) == sizeof from;
	}
	_exit(1);
}

static void
what_was_acknowledged_survives_kill_9(void **state)
{
	const char *dir = test_dir(*state);
	struct err err = { 0 };
	int64_t acknowledged = 0, last = 0;

	talloc_free(item_db(*state, dir));
	for (int round = 0; round < 8; round++) {
		int told[2], status;
		int64_t id, until = acknowledged + 1 + (int64_t)(random() % 40);
		struct db *db;
		pid_t child;

		assert_int_equal(pipe(told), 0);
		if ((child = fork()) == 0)
			insert_until_killed(dir, told[1], (round + 1) * 100000);
		close(told[1]);
		while (acknowledged < until && read(told[0], &id, sizeof id) == sizeof id) {
			acknowledged++;
			last = id;
		}
		kill(child, SIGKILL);
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFSIGNALED(status));
		while (read(told[0], &id, sizeof id) == sizeof id) {
			acknowledged++;
			last = id;
		}
		close(told[0]);

		db = open_db(*state, dir);
		assert_true(items(db) >= acknowledged);
		assert_int_equal(number(db, "SELECT count(*) FROM thing WHERE text IS DISTINCT FROM 'whole'"), 0);
		assert_int_equal(number(db, mem_printf(*state, "SELECT count(*) FROM thing WHERE id = %lld",
						       (long long)last)), 1);
		assert_ok(db_run(db, &err, "UPDATE meta SET value = value WHERE key = 'schema'"), &err);
		acknowledged = items(db);
		talloc_free(db);
	}
}

static bool
insert_large(struct db *tx, void *arg, struct err *err)
{
	struct plan *plan = arg;
	struct bytes raw = { mem_array(plan->rows, char, 100000), 100000 };

	return db_run(tx, err, "INSERT INTO thing (id, raw) VALUES ($1, $2)", db_int(plan->id), db_bytes(raw));
}

static bool
insert_huge(struct db *tx, void *arg, struct err *err)
{
	struct plan *plan = arg;
	struct err ignored;

	for (int64_t i = 0; i < 400; i++)
		if (!insert_large(tx, &(struct plan){ .id = plan->id + i, .rows = plan->rows }, &ignored))
			break;
	/* A closure that overlooks the failure must not go on outside its transaction. */
	if (db_run(tx, err, "INSERT INTO thing (id) VALUES (-1)"))
		return err_set(err, ERR_CONFLICT, "it all fitted");
	return true;
}

static void
a_full_disk_is_said_loses_nothing_and_heals(void **state)
{
	const char *dir = test_dir(*state);
	char *ballast = mem_printf(*state, "%s/ballast", dir);
	struct err err = { 0 };
	struct db *db;
	int64_t kept;
	int fd;

	if (mount("tmpfs", dir, "tmpfs", 0, "size=12m") != 0) {
		test_skip("no right to mount a tmpfs");
		return;
	}
	db = item_db(*state, dir);
	fd = open(ballast, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(posix_fallocate(fd, 0, 6 << 20), 0);
	close(fd);

	for (kept = 0; kept < 200; kept++)
		if (!db_tx(db, insert_large, &(struct plan){ .id = kept, .rows = *state }, &err))
			break;
	assert_true(kept > 0 && kept < 200);
	assert_int_equal(err.kind, ERR_NO_ROOM);
	assert_false(db_tx(db, insert_huge, &(struct plan){ .id = 1000, .rows = *state }, &err));
	assert_int_equal(err.kind, ERR_NO_ROOM);
	assert_int_equal(items(db), kept);

	assert_int_equal(unlink(ballast), 0);
	assert_ok(db_tx(db, insert_large, &(struct plan){ .id = kept, .rows = *state }, &err), &err);
	assert_int_equal(items(db), kept + 1);
	assert_int_equal(number(db, "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check = 'ok'"), 1);
	talloc_free(db);
	assert_int_equal(umount(dir), 0);
}

TESTS(every_type_goes_in_and_comes_back, parameters_are_bound_by_their_number_not_by_their_order,
      bad_sql_and_bad_text_are_refused_with_a_reason, a_second_row_of_the_same_key_is_a_conflict,
      a_transaction_that_fails_leaves_nothing, an_inner_transaction_fails_alone,
      rows_of_a_transaction_end_with_it, a_query_may_run_inside_itself_and_a_reader_keeps_its_view,
      statements_come_and_go_without_being_mixed_up,
      many_writers_share_commits_and_each_row_is_there_once,
      when_the_engine_ends_a_group_only_the_culprit_fails,
      write_behind_is_bounded_counted_and_finished_at_close,
      a_reader_in_the_middle_of_its_rows_does_not_hold_up_the_writer,
      another_process_may_write_meanwhile, the_schema_is_made_once_and_a_newer_one_is_refused,
      migrations_are_numbered_without_a_gap_and_use_only_known_words,
      what_was_acknowledged_survives_kill_9, a_full_disk_is_said_loses_nothing_and_heals)
