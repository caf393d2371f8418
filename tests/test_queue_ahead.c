/* The queue of commands and a clock that was ahead for a while: what it has written waits for no day that has not come. */
#include "tests/check_mdm.h"
#include "core/clock.h"
#include "mdm/queue_sweep.h"
#include "mdm/queue_turn.h"

#define AHEAD_S	(40 * DAY_S)
#define FLEET	"WITH RECURSIVE k (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM k WHERE i < 5999) "

static void
after(struct mdm *m, int64_t s)
{
	mdm_at(m, clock_text(m->ctx, clock_now() + s));
}

static void
sweep(struct mdm *m)
{
	assert_ok(queue_sweep(m->db, 180, &m->err), &m->err);
}

static void
run(struct mdm *m, const char *sql)
{
	assert_ok(db_run(m->db, &m->err, sql), &m->err);
}

static int64_t
pushes_now(struct mdm *m)
{
	return mdm_number(m, mem_printf(m->ctx, "SELECT count(*) FROM push_due WHERE due <= %lld", (long long)clock_now()));
}

static void
what_it_has_ordered_goes_as_soon_as_the_clock_is_right(void **state)
{
	static const struct queue_wish of_the_house = { .request_type = "ProfileList", .dedupe_key = "lists" };
	struct mdm *m = mdm_new(*state);
	struct phone *p = phone_enrolled(m, UDID_A);
	char *a;

	run(m, "DELETE FROM push_due");
	after(m, AHEAD_S);
	assert_int_equal(mdm_wish(m, p, of_the_house, &a), QUEUE_ADDED);
	after(m, -AHEAD_S);
	assert_int_equal(mdm_wish(m, p, of_the_house, NULL), QUEUE_DUPLICATE);
	assert_int_equal(pushes_now(m), 0);
	sweep(m);
	assert_int_equal(pushes_now(m), 1);
	assert_int_equal(mdm_number(m, "SELECT expires FROM command_queue"), clock_now() + AHEAD_S + QUEUE_TTL_S);
	assert_int_equal(mdm_number(m, "SELECT not_before FROM command_queue"), clock_now());
	assert_int_equal(mdm_number(m, "SELECT created FROM command"), clock_now());
	assert_string_equal(phone_idle(p), a);
	assert_null(phone_says(p, "Acknowledged", a));
	assert_int_equal(mdm_wish(m, p, of_the_house, NULL), QUEUE_ADDED);
}

static void
a_clock_that_was_behind_ends_nothing_that_waits(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct phone *p = phone_enrolled(m, UDID_A);
	char *uuid;

	assert_int_equal(mdm_wish(m, p, (struct queue_wish){ .request_type = "ProfileList" }, &uuid), QUEUE_ADDED);
	after(m, -AHEAD_S);
	sweep(m);
	after(m, AHEAD_S);
	sweep(m);
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM command_queue"), 1);
	assert_string_equal(phone_idle(p), uuid);
}

static void
who_asked_for_a_time_of_their_own_keeps_it_by_whatever_clock_they_asked(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct phone *p = phone_enrolled(m, UDID_A);
	int64_t noon = clock_now(), far = noon + AHEAD_S + 10 * DAY_S;

	assert_int_equal(mdm_wish(m, p, (struct queue_wish){ .request_type = "ProfileList", .not_before = far }, NULL), QUEUE_ADDED);
	after(m, AHEAD_S);
	assert_int_equal(mdm_wish(m, p, (struct queue_wish){ .request_type = "ProfileList", .not_before = far }, NULL), QUEUE_ADDED);
	after(m, -AHEAD_S);
	for (int i = 0; i < 2; i++) {
		sweep(m);
		assert_null(phone_idle(p));
		assert_int_equal(mdm_number(m, "SELECT min(not_before) FROM command_queue"), far);
		assert_int_equal(mdm_number(m, "SELECT max(due) FROM command_queue"), far);
		assert_int_equal(mdm_number(m, "SELECT max(expires) FROM command_queue"), far + QUEUE_TTL_S);
	}
	assert_int_equal(mdm_number(m, "SELECT max(created) FROM command"), noon);	/* looked at once, not each minute */
}

/* A device that says NotNow without end is held for ten minutes, not until that day. */
static void
what_it_has_held_is_held_no_longer_than_anything_is(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct phone *p = phone_enrolled(m, UDID_A);
	const char *a = mdm_queue(m, p, "InstallProfile", 0);

	after(m, QUEUE_TTL_S / 2);
	for (int i = 0; i < QUEUE_NOT_NOW_FREE; i++) {
		assert_string_equal(phone_idle(p), a);
		assert_null(phone_says(p, "NotNow", a));
	}
	assert_null(phone_idle(p));
	after(m, -QUEUE_TTL_S / 2);
	assert_string_equal(phone_idle(p), a);
	/* and by the right clock it is held as before */
	assert_null(phone_says(p, "NotNow", a));
	assert_null(phone_idle(p));
	after(m, QUEUE_NOT_NOW_S);
	assert_string_equal(phone_idle(p), a);
}

/* More than a batch of rows, and more than a batch of orders. */
static void
a_whole_fleets_orders_are_mended_in_one_sweep(void **state)
{
	struct mdm *m = mdm_new(*state);
	int64_t now = clock_now(), ahead = now + AHEAD_S;

	run(m, FLEET "INSERT INTO device (id, udid, enrollment_id, created, changed) SELECT 'd' || i, 'u' || i, 'e' || i, 0, 0 FROM k");
	run(m, FLEET "INSERT INTO enrollment (id, device_id, session_id, state, identity, access_rights, push_magic, created) SELECT"
	       " 'e' || i, 'd' || i, 's', 'enrolled', 'i' || i, 8191, 'magic', 0 FROM k");
	run(m, mem_printf(m->ctx, FLEET "INSERT INTO command (id, uuid, kind, request_type, created_by, created) SELECT i + 1, i,"
			  " 'plain', 'ProfileList', 'house', %lld FROM k", (long long)ahead));
	run(m, mem_printf(m->ctx, FLEET "INSERT INTO command_queue (enrollment_id, command_id, state, priority, not_before, expires, due)"
			  " SELECT 'e' || i, i + c.id, 'ready', 0, %1$lld, %1$lld + 100, %1$lld + 900 FROM k, command c WHERE c.id <= 2 AND i + c.id <= 6000",
			  (long long)ahead));
	sweep(m);
	assert_int_equal(mdm_number(m, mem_printf(m->ctx, "SELECT count(*) FROM command WHERE created > %lld", (long long)now)), 0);
	assert_int_equal(mdm_number(m, "SELECT max(not_before) FROM command_queue"), now);
	assert_int_equal(mdm_number(m, "SELECT max(expires) FROM command_queue"), ahead + 100);
}

static void
its_orders_are_found_by_an_index_in_a_queue_of_a_million(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct rows *rows = db_queryv(*state, m->db, mem_printf(*state, "EXPLAIN QUERY PLAN %s", queue_ahead_sql),
				      DB_VALS(db_int(0), db_int(0), db_int(1)));
	int indices = 0;

	while (rows_next(rows, &m->err) == ROWS_ROW) {
		const char *plan = rows_text(*state, rows, 3);

		assert_null(strstr(plan, "SCAN"));
		indices += strstr(plan, "command_created (created>") || strstr(plan, "command_queue_command (command_id=");
	}
	assert_int_equal(indices, 2);
}

TESTS(what_it_has_ordered_goes_as_soon_as_the_clock_is_right,
      a_clock_that_was_behind_ends_nothing_that_waits, who_asked_for_a_time_of_their_own_keeps_it_by_whatever_clock_they_asked,
      what_it_has_held_is_held_no_longer_than_anything_is,
      a_whole_fleets_orders_are_mended_in_one_sweep,
      its_orders_are_found_by_an_index_in_a_queue_of_a_million)
