/* Facts are asked for again once a day: spread over it, coalesced with what waits, and not of who is silent. */
#include "tests/check_mdm.h"
#include "core/clock.h"
#include "mdm/refresh.h"

#define PERIOD	DAY_S
#define SILENT	(14 * DAY_S)

static void
later(struct mdm *m, int64_t seconds)
{
	char iso[CLOCK_ISO_SIZE];

	mdm_at(m, clock_iso(clock_now() + seconds, iso));
}

static void
run(struct mdm *m, const char *sql)
{
	struct err err;

	assert_ok(db_run(m->db, &err, sql), &err);
}

static int64_t
look(struct mdm *m)
{
	struct err err;
	int64_t asked;

	assert_ok(refresh_due(m->db, PERIOD, SILENT, &asked, &err), &err);
	return asked;
}

static void
fleet(struct mdm *m, int n)
{
	struct err err;

	assert_ok(db_run(m->db, &err, "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < $1)"
		" INSERT INTO device (id, udid, enrollment_id, seen, created, changed) SELECT 'd' || i, 'u' || i, 'e' || i, $2, 1, 1 FROM c",
		db_int(n), db_now()), &err);
	run(m, "INSERT INTO enrollment (id, device_id, session_id, state, identity, access_rights, created)"
		" SELECT enrollment_id, id, 's', 'enrolled', 'i' || id, 8191, 1 FROM device");
}

static void
each_device_is_asked_once_a_day_and_not_all_at_once(void **state)
{
	enum { FLEET = 300, LOOKS = DAY_S / REFRESH_LOOK_S };
	struct mdm *m = mdm_new(*state);
	int64_t asked = 0, most = 0, now;

	fleet(m, FLEET);
	assert_int_equal(look(m), 0);		/* they have just been asked: nobody is at once */
	for (int i = 0; i < LOOKS; i++) {
		later(m, REFRESH_LOOK_S);
		run(m, "DELETE FROM command_queue");
		now = look(m);
		asked += now;
		most = now > most ? now : most;
		run(m, mem_printf(*state, "UPDATE device SET seen = %lld", (long long)clock_now()));
	}
	assert_int_equal(asked, FLEET);
	assert_in_range(most, 1, FLEET / 10);
	asked = 0;
	for (int i = 0; i < LOOKS; i++) {
		later(m, REFRESH_LOOK_S);
		asked += look(m);
	}
	assert_in_range(asked, FLEET * 9 / 10, FLEET);	/* nobody twice in a day */
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM device WHERE refresh_due IS NULL"), 0);
}

static void
what_waits_already_is_not_asked_twice(void **state)
{
	struct mdm *m = mdm_new(*state);
	int64_t n;

	fleet(m, 1);
	run(m, "UPDATE device SET refresh_due = 1");
	assert_int_equal(look(m), 1);
	n = mdm_number(m, "SELECT count(*) FROM command_queue");
	assert_true(n > 3);
	run(m, "UPDATE device SET refresh_due = 1");
	assert_int_equal(look(m), 1);
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM command_queue"), n);
}

static void
devices_that_are_asked_at_once_share_the_commands(void **state)
{
	struct mdm *m = mdm_new(*state);
	int64_t kinds, all;

	fleet(m, 20);
	run(m, "UPDATE device SET refresh_due = 1");
	run(m, "UPDATE enrollment SET access_rights = 16 WHERE id = 'e7'");	/* it may be asked for less */
	assert_int_equal(look(m), 20);
	kinds = mdm_number(m, "SELECT count(*) FROM command_queue WHERE enrollment_id = 'e1'");
	all = mdm_number(m, "SELECT count(*) FROM command_queue WHERE enrollment_id = 'e7'");
	assert_true(kinds > 3);
	assert_in_range(all, 1, kinds - 1);
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM command"), kinds + all);
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM command_queue"), 19 * kinds + all);
}

static void
who_is_silent_is_left_alone_until_they_are_back(void **state)
{
	struct mdm *m = mdm_new(*state);

	fleet(m, 1);
	run(m, "UPDATE device SET refresh_due = 1");
	later(m, SILENT + DAY_S);
	assert_int_equal(look(m), 0);
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM command_queue"), 0);
	run(m, mem_printf(*state, "UPDATE device SET seen = %lld", (long long)clock_now()));
	assert_int_equal(look(m), 1);
	assert_int_equal(look(m), 0);
}

static void
who_left_is_asked_nothing_and_nobody_is_where_it_is_switched_off(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct err err;
	int64_t asked;

	fleet(m, 2);
	run(m, "UPDATE device SET refresh_due = 1");
	run(m, "UPDATE enrollment SET state = 'removed' WHERE id = 'e1'");
	assert_ok(refresh_due(m->db, 0, SILENT, &asked, &err), &err);
	assert_int_equal(asked, 0);
	assert_int_equal(look(m), 1);
}

TESTS(each_device_is_asked_once_a_day_and_not_all_at_once, what_waits_already_is_not_asked_twice,
      devices_that_are_asked_at_once_share_the_commands,
      who_is_silent_is_left_alone_until_they_are_back, who_left_is_asked_nothing_and_nobody_is_where_it_is_switched_off)
