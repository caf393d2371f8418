/* Check-ins that were recorded: signed, by the right device, and said before.  What has counted counts no more. */
#include "tests/check_mdm.h"
#include "core/clock.h"
#include "mdm/counted.h"
#include "mdm/enrollment_turn.h"

static void
a_recorded_token_update_changes_nothing(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct phone *p = phone_enrolled(m, UDID_A);
	unsigned char old[32];

	p->by_signature = true;
	memcpy(old, p->token, 32);
	mdm_at(m, "2026-11-22T13:00:00Z");
	p->token[0] ^= 1;
	assert_ok(phone_token(p, ""), &m->err);
	p->token[0] ^= 1;
	p->signed_at = clock_now() - 1800;
	assert_ok(phone_token(p, ""), &m->err);
	assert_memory_not_equal(phone_enrollment(p)->token.p, old, 32);
	assert_ok(phone_check_out(p), &m->err);	/* recorded too */
	assert_string_equal(phone_state(p), "enrolled");
	p->signed_at = 0;
	assert_ok(phone_check_out(p), &m->err);
	assert_string_equal(phone_state(p), "removed");
	mdm_at(m, "2026-11-23T13:00:00Z");
	p->signed_at = clock_now() - DAY_S;	/* what it said before it left does not bring it back */
	assert_ok(phone_authenticate(p), &m->err);
	assert_ok(phone_token(p, ""), &m->err);
	assert_null(phone_idle(p));
	assert_string_equal(phone_state(p), "removed");
}

/* With the time that iOS signs along, and as it is without one. */
static void
a_recording_of_the_very_last_message_changes_nothing(void **state)
{
	for (int timeless = 0; timeless < 2; timeless++) {
		struct mdm *m = mdm_new(*state);
		struct phone *p = phone_ota(m, UDID_A, NULL), last;
		const char *a, *before;

		p->by_signature = true;
		p->signed_at = timeless ? MDM_NO_TIME : clock_now();
		assert_ok(phone_authenticate(p), &m->err);
		assert_ok(phone_token(p, "<key>UnlockToken</key><data>AQID</data>"), &m->err);
		last = *p;
		mdm_at(m, "2026-11-22T13:00:00Z");
		a = mdm_queue(m, p, "ProfileList", 0);
		assert_ok(db_run(m->db, &m->err, "UPDATE enrollment SET token_bad = 'Unregistered'"), &m->err);
		before = mdm_snapshot(m);
		assert_ok(phone_authenticate(&last), &m->err);
		assert_ok(phone_token(&last, "<key>UnlockToken</key><data>AQID</data>"), &m->err);
		assert_string_equal(mdm_snapshot(m), before);
		assert_string_equal(phone_enrollment(p)->token_bad, "Unregistered");
		assert_false(phone_enrollment(p)->again);
		p->signed_at = timeless ? MDM_NO_TIME : 0;	/* and so it loses nothing by its next one */
		p->token[0] ^= 1;
		assert_ok(phone_token(p, ""), &m->err);
		assert_memory_equal(phone_enrollment(p)->token.p, p->token, 32);
		assert_string_equal(phone_idle(p), a);
		mdm_at(m, "2026-11-22T12:00:00Z");
	}
}

static void
a_recording_that_says_no_time_does_not_roll_back_a_newer_token(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct phone *p = phone_enrolled(m, UDID_A), old;

	p->by_signature = true;
	p->signed_at = MDM_NO_TIME;
	assert_ok(phone_token(p, ""), &m->err);
	old = *p;
	for (int i = 0; i < 3; i++) {
		p->token[0]++;
		assert_ok(phone_token(p, ""), &m->err);
	}
	assert_ok(phone_token(&old, ""), &m->err);
	assert_memory_equal(phone_enrollment(p)->token.p, p->token, 32);
}

/* Of a phone whose clock is ahead no later message is newer for a while. */
static void
a_recording_from_a_clock_that_was_ahead_changes_nothing(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct phone *p = phone_enrolled(m, UDID_A), old;

	p->by_signature = true;
	p->signed_at = clock_now() + 7200;
	assert_ok(phone_token(p, ""), &m->err);
	old = *p;
	p->signed_at++;
	p->token[0] ^= 1;
	assert_ok(phone_token(p, ""), &m->err);
	assert_ok(phone_token(&old, ""), &m->err);
	assert_memory_equal(phone_enrollment(p)->token.p, p->token, 32);
}

static void
a_recording_of_a_departure_does_not_end_an_enrollment_that_is_back(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct phone *p = phone_enrolled(m, UDID_A), gone;

	p->by_signature = true;
	gone = *p;
	gone.signed_at = clock_now();
	assert_ok(phone_check_out(&gone), &m->err);
	assert_string_equal(phone_state(p), "removed");
	mdm_at(m, "2026-11-25T12:00:00Z");
	assert_null(phone_idle(p));
	assert_string_equal(phone_state(p), "enrolled");
	assert_ok(phone_check_out(&gone), &m->err);
	assert_string_equal(phone_state(p), "enrolled");
	assert_ok(phone_check_out(p), &m->err);
	assert_string_equal(phone_state(p), "removed");
}

static void
of_check_ins_that_counted_no_more_are_remembered_than_it_takes(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct phone *p = phone_enrolled(m, UDID_A);

	p->by_signature = true;
	p->signed_at = MDM_NO_TIME;
	for (int i = 0; i < COUNTED_MAX + 10; i++) {
		p->token[1] = (unsigned char)i;
		assert_ok(phone_token(p, ""), &m->err);
	}
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM checkin_counted"), COUNTED_MAX);
}

static void
a_clock_that_was_ahead_once_does_not_silence_a_device(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct phone *p = phone_enrolled(m, UDID_A);

	p->by_signature = true;
	p->signed_at = clock_now() + 400 * DAY_S;
	assert_ok(phone_token(p, ""), &m->err);
	mdm_at(m, "2026-11-22T12:10:00Z");
	p->signed_at = 0;
	p->token[0] ^= 1;
	assert_ok(phone_token(p, ""), &m->err);
	assert_memory_equal(phone_enrollment(p)->token.p, p->token, 32);
}

TESTS(a_recorded_token_update_changes_nothing,
      a_recording_of_the_very_last_message_changes_nothing,
      a_recording_that_says_no_time_does_not_roll_back_a_newer_token,
      a_recording_from_a_clock_that_was_ahead_changes_nothing,
      a_recording_of_a_departure_does_not_end_an_enrollment_that_is_back,
      of_check_ins_that_counted_no_more_are_remembered_than_it_takes,
      a_clock_that_was_ahead_once_does_not_silence_a_device)
