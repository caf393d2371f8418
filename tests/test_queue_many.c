/* The queue of commands when there are many: devices, commands, a long history, threads. */
#include "tests/check_mdm.h"
#include "mdm/command_send.h"
#include "mdm/queue_sweep.h"
#include "mdm/queue_turn.h"
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

/* Devices without a phone: rows alone.  Each hundredth of the ids is nobody's. */
static const char **
crowd(struct mdm *m, size_t n)
{
	const char **ids = mem_array(m->ctx, const char *, n);
	static const char count[] = "WITH RECURSIVE k (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM k WHERE i < $1 - 1) ";

	assert_ok(db_runv(m->db, &m->err, mem_printf(m->ctx, "%sINSERT INTO device (id, udid, enrollment_id, created, changed) SELECT"
			  " 'd' || i, 'u' || i, 'e' || i, 0, 0 FROM k", count), DB_VALS(db_int((int64_t)n))), &m->err);
	assert_ok(db_runv(m->db, &m->err, mem_printf(m->ctx, "%sINSERT INTO enrollment (id, device_id, session_id, state, identity,"
			  " access_rights, token, push_magic, created) SELECT 'e' || i, 'd' || i, 's', 'enrolled', 'i' || i, 8191,"
			  " 'a token', 'magic', 0 FROM k", count), DB_VALS(db_int((int64_t)n))), &m->err);
	for (size_t i = 0; i < n; i++)
		ids[i] = mem_printf(ids, i % 100 ? "d%zu" : "nobody%zu", i);
	return ids;
}

static void
behaviour_14_a_bulk_command_goes_in_chunks_with_a_verdict_for_each_device(void **state)
{
	struct mdm *m = mdm_new(*state);
	const size_t n = QUEUE_CHUNK + 300, strangers = n / 100;
	const char **ids = crowd(m, n);
	struct command_verdict *v = mem_array(m->ctx, struct command_verdict, n);
	const struct command_wish wish = { .request_type = "ProfileList", .dedupe_key = "bulk", .actor = "anna", .reason = "",
					   .priority = -1 };

	assert_ok(command_send(m->ctx, m->db, &wish, ids, n, v, &m->err), &m->err);
	for (size_t i = 0; i < n; i++) {
		assert_string_equal(v[i].device_id, ids[i]);
		assert_string_equal(v[i].verdict, i % 100 ? "added" : "unknown");
		if (i % 100)	/* each chunk has its own */
			assert_string_equal(v[i].uuid, strcmp(v[i].uuid, v[1].uuid) == 0 ? v[1].uuid : v[n - 1].uuid);
	}
	assert_string_not_equal(v[1].uuid, v[n - 1].uuid);
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM command"), 2);
	assert_int_equal(mdm_number(m, "SELECT max(n) FROM (SELECT count(*) AS n FROM command_queue GROUP BY command_id)"), QUEUE_CHUNK);
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM command_queue"), n - strangers);
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM push_due"), n - strangers);
	assert_ok(command_send(m->ctx, m->db, &wish, ids, n, v, &m->err), &m->err);
	assert_string_equal(v[1].verdict, "duplicate");
	assert_string_equal(v[n - 1].verdict, "duplicate");
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM command"), 2);
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM command_queue"), n - strangers);
}

static void
a_bulk_command_that_breaks_off_says_which_devices_have_it(void **state)
{
	struct mdm *m = mdm_new(*state);
	const size_t n = QUEUE_CHUNK + 300;
	const char **ids = crowd(m, n);
	struct command_verdict *v = mem_array(m->ctx, struct command_verdict, n), *again = mem_array(m->ctx, struct command_verdict, n);
	const struct command_wish wish = { .request_type = "ProfileList", .actor = "anna", .reason = "", .priority = -1 };
	int64_t added = 0, refused = 0;

	assert_ok(db_run(m->db, &m->err, "CREATE TRIGGER full BEFORE INSERT ON command_queue WHEN NEW.enrollment_id = 'e10250' BEGIN"
		" SELECT RAISE(FAIL, 'the disk is full'); END"), &m->err);
	assert_ok(command_send(m->ctx, m->db, &wish, ids, n, v, &m->err), &m->err);
	for (size_t i = 0; i < n; i++) {
		added += strcmp(v[i].verdict, "added") == 0;
		refused += strcmp(v[i].verdict, "refused") == 0;
		if (strcmp(v[i].verdict, "refused") == 0)
			assert_false(command_verdict_err(&v[i], &m->err));
	}
	assert_int_equal(added, mdm_number(m, "SELECT count(*) FROM command_queue"));
	assert_in_range(added, 1, QUEUE_CHUNK);
	assert_int_equal(added + refused, n - n / 100);
	assert_ok(db_run(m->db, &m->err, "CREATE TRIGGER fuller BEFORE INSERT ON command_queue BEGIN SELECT RAISE(FAIL, 'the disk is full'); END"),
		  &m->err);
	/* what was rolled back when all was said is none */
	assert_ok(db_run(m->db, &m->err, "DROP TRIGGER full"), &m->err);
	assert_ok(db_run(m->db, &m->err, "DROP TRIGGER fuller"), &m->err);
	assert_ok(db_run(m->db, &m->err, "CREATE TRIGGER no_audit BEFORE INSERT ON audit BEGIN SELECT RAISE(FAIL, 'the disk is full'); END"),
		  &m->err);
	assert_false(command_send(m->ctx, m->db, &wish, &ids[1], 1, again, &m->err));
	assert_int_equal(added, mdm_number(m, "SELECT count(*) FROM command_queue"));
	assert_ok(db_run(m->db, &m->err, "CREATE TRIGGER fuller BEFORE INSERT ON command_queue BEGIN SELECT RAISE(FAIL, 'the disk is full'); END"),
		  &m->err);
	/* and where nothing goes in, it is refused as a whole */
	assert_false(command_send(m->ctx, m->db, &wish, ids, n, again, &m->err));
	assert_int_equal(added, mdm_number(m, "SELECT count(*) FROM command_queue"));
}

static void
a_device_has_so_many_commands_waiting_and_no_more(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct phone *p = phone_enrolled(m, UDID_A);
	struct queue_wish wish = { .request_type = "ProfileList" };

	for (int i = 0; i < QUEUE_WAITING_MAX; i++)
		assert_int_equal(mdm_wish(m, p, wish, NULL), QUEUE_ADDED);
	assert_int_equal(mdm_wish(m, p, wish, NULL), QUEUE_FULL);
}

static void
behaviour_14_the_next_command_is_found_by_an_index_however_long_the_history(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct rows *rows = db_queryv(*state, m->db, mem_printf(*state, "EXPLAIN QUERY PLAN %s", queue_next_sql),
				      DB_VALS(db_text("e"), db_int(0), db_int(0), db_int(0)));
	bool index = false;

	while (rows_next(rows, &m->err) == ROWS_ROW) {
		const char *plan = rows_text(*state, rows, 3);

		assert_null(strstr(plan, "SCAN"));
		assert_null(strstr(plan, "TEMP B-TREE"));	/* nothing is sorted */
		assert_null(strstr(plan, "history"));
		index = index || strstr(plan, "command_queue_next");
	}
	assert_true(index);
}

static void
commands_that_nothing_refers_to_are_found_by_an_index(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct rows *rows = db_queryv(*state, m->db, mem_printf(*state, "EXPLAIN QUERY PLAN %s", queue_loose_sql), DB_VALS(db_int(1)));
	int indices = 0;

	while (rows_next(rows, &m->err) == ROWS_ROW) {
		const char *plan = rows_text(*state, rows, 3);

		/* but for the list itself, in its order */
		assert_true(!strstr(plan, "SCAN") || strstr(plan, "command_loose"));
		assert_null(strstr(plan, "TEMP B-TREE"));
		indices += strstr(plan, "command_queue_command") || strstr(plan, "command_history_command");
	}
	assert_int_equal(indices, 2);
}

/*
 * A device that loses connections, says NotNow, errs and repeats itself, while commands come in: each of them
 * ends exactly once, or still waits; none is lost, none recorded twice.
 */
static void
no_command_is_lost_and_none_recorded_twice_whatever_the_order_of_things(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct phone *phones[3] = { phone_enrolled(m, UDID_A), phone_enrolled(m, UDID_B),
				    phone_enrolled(m, "00008120-00000000000000AA") };
	const char *holds[3] = { NULL }, *before[3] = { NULL };
	int asked = 0, done = 0;
	unsigned seed = 20261122;

	for (int step = 0; step < 1500; step++) {
		int i = rand_r(&seed) % 3;
		struct phone *p = phones[i];

		switch (rand_r(&seed) % 8) {
		case 0: case 1:
			if (asked++ < 300)
				mdm_queue(m, p, "ProfileList", rand_r(&seed) % 3);
			break;
		case 2: case 3:
			holds[i] = phone_idle(p);
			break;
		case 4:	/* the connection is lost: what it was given never arrived */
			holds[i] = NULL;
			break;
		case 5:
			if (holds[i])
				holds[i] = phone_says(p, "NotNow", holds[i]);
			break;
		case 6:
			if (before[i])
				holds[i] = phone_says(p, "Acknowledged", before[i]);	/* again: no answer came */
			break;
		default:
			if (!holds[i])
				break;
			before[i] = holds[i];
			holds[i] = phone_says(p, rand_r(&seed) % 4 ? "Acknowledged" : "Error", holds[i]);
		}
	}
	asked = (int)mdm_number(m, "SELECT count(*) FROM command");
	done = (int)mdm_number(m, "SELECT count(*) FROM command_history");
	assert_int_equal(asked, done + mdm_number(m, "SELECT count(*) FROM command_queue"));
	assert_true(done > 50);
	for (int i = 0; i < 3; i++)
		for (const char *uuid = phone_idle(phones[i]); uuid;)
			uuid = phone_says(phones[i], "Acknowledged", uuid);
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM command_queue"), 0);
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM command_history"), asked);
}

#define CROWD	6
#define EACH	25

struct one {
	struct mdm mdm;
	struct phone phone;
	pthread_t thread;
};

static void *
live(void *arg)
{
	struct one *one = arg;

	for (int done = 0, empty = 0; done < EACH && empty < 60000;) {	/* a minute */
		const char *uuid = phone_idle(&one->phone);

		if (!uuid)
			usleep(1000), empty++;
		for (; uuid; done++)
			uuid = phone_says(&one->phone, done % 5 ? "Acknowledged" : "Error", uuid);
	}
	return NULL;
}

/* Devices answer while commands come in for all of them: no device sees a busy database, and the sums are right. */
static void
behaviour_14_many_devices_connect_while_commands_come_in_and_nothing_is_lost_or_doubled(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct one *all = mem_array(*state, struct one, CROWD);
	const struct command_wish wish = { .request_type = "ProfileList", .actor = "anna", .reason = "", .priority = -1 };
	struct command_verdict verdicts[CROWD];
	const char *ids[CROWD];

	for (int i = 0; i < CROWD; i++) {
		struct phone *p = phone_enrolled(m, mem_printf(*state, "00008120-00000000000002%02d", i));

		ids[i] = phone_enrollment(p)->device_id;
		all[i].mdm = *m;
		all[i].mdm.ctx = talloc_new(NULL);	/* a context is one thread's */
		all[i].phone = *p;
		all[i].phone.mdm = &all[i].mdm;
	}
	for (int i = 0; i < CROWD; i++)
		assert_int_equal(pthread_create(&all[i].thread, NULL, live, &all[i]), 0);
	for (int i = 0; i < EACH; i++)
		assert_ok(command_send(m->ctx, m->db, &wish, ids, CROWD, verdicts, &m->err), &m->err);
	for (int i = 0; i < CROWD; i++) {
		pthread_join(all[i].thread, NULL);
		for (const char *uuid = phone_idle(&all[i].phone); uuid;)
			uuid = phone_says(&all[i].phone, "Acknowledged", uuid);
		talloc_free(all[i].mdm.ctx);
	}
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM command_queue"), 0);
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM command_history"), CROWD * EACH);
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM command_history WHERE state = 'error'"), CROWD * EACH / 5);
}

TESTS(behaviour_14_a_bulk_command_goes_in_chunks_with_a_verdict_for_each_device,
      a_bulk_command_that_breaks_off_says_which_devices_have_it,
      a_device_has_so_many_commands_waiting_and_no_more,
      behaviour_14_the_next_command_is_found_by_an_index_however_long_the_history,
      commands_that_nothing_refers_to_are_found_by_an_index,
      no_command_is_lost_and_none_recorded_twice_whatever_the_order_of_things,
      behaviour_14_many_devices_connect_while_commands_come_in_and_nothing_is_lost_or_doubled)
