/* How often a device that was refused is in the audit: each UDID that it claims, and no flood. */
#include "tests/check_mdm.h"
#include "mdm/refusals.h"

#define REFUSED	"enrollment.refused"

static void
says_to_be(struct phone *p, const char *udid)
{
	p->udid = udid;
	phone_is_refused(p, phone_authenticate(p), ERR_MALFORMED);
	phone_is_refused(p, phone_command(p, phone_idle_xml(p)), ERR_MALFORMED);
}

static int64_t
rows_about(struct mdm *m, const char *words)
{
	mdm_settles(m);
	return mdm_number(m, mem_printf(m->ctx, "SELECT count(*) FROM audit WHERE act = '" REFUSED "' AND detail LIKE '%%%s%%'", words));
}

static void
each_device_that_a_fresh_certificate_claims_to_be_is_an_event_of_its_own(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct phone *a = phone_enrolled(m, UDID_A), *b = phone_enrolled(m, UDID_B), *thief = phone_ota(m, "00008120-0000000000000777", NULL);

	says_to_be(thief, UDID_A);
	assert_int_equal(mdm_audited(m, REFUSED), 1);
	says_to_be(thief, UDID_B);	/* a second victim, a moment later */
	says_to_be(thief, UDID_A);
	assert_int_equal(mdm_audited(m, REFUSED), 2);
	assert_int_equal(rows_about(m, UDID_A), 1);
	assert_int_equal(rows_about(m, UDID_B), 1);
	mdm_at(m, "2026-11-22T13:00:00Z");
	says_to_be(thief, UDID_A);
	assert_int_equal(rows_about(m, UDID_A), 2);
	assert_int_equal(rows_about(m, "more"), 0);
	assert_null(phone_idle(a));
	assert_null(phone_idle(b));
}

static void
who_claims_one_device_after_the_other_is_counted_in_one_row_when_the_hour_is_over(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct phone *thief = phone_ota(m, UDID_A, NULL), *other = phone_ota(m, UDID_B, NULL);

	for (int i = 0; i < REFUSALS_CLAIMS + 13; i++) {
		thief->udid = mem_printf(*state, "00008120-00000000000009%02d", i);
		phone_is_refused(thief, phone_authenticate(thief), ERR_MALFORMED);
	}
	says_to_be(thief, "00008120-0000000000000900");		/* is written already */
	assert_int_equal(mdm_audited(m, REFUSED), REFUSALS_CLAIMS);
	assert_int_equal(rows_about(m, "what it claims besides in this hour is counted"), 1);
	says_to_be(other, UDID_A);	/* its flood hides nobody else */
	assert_int_equal(mdm_audited(m, REFUSED), REFUSALS_CLAIMS + 1);
	refusals_sweep(m->db);
	assert_int_equal(rows_about(m, "not written one by one"), 0);
	mdm_at(m, "2026-11-22T13:00:00Z");
	refusals_sweep(m->db);
	refusals_sweep(m->db);
	assert_int_equal(rows_about(m, "not written one by one"), 1);
	assert_int_equal(rows_about(m, "13 more of it from 2026-11-22T12:00:00Z on"), 1);
	assert_string_equal(mdm_text(m, "SELECT object FROM audit WHERE detail LIKE '13 more%'"), thief->cert->sha256);
	says_to_be(thief, UDID_B);	/* a new hour */
	assert_int_equal(mdm_audited(m, REFUSED), REFUSALS_CLAIMS + 3);
}

static void
many_identities_that_claim_many_devices_do_not_fill_the_audit(void **state)
{
	enum { THIEVES = 4 * REFUSALS_IDENTITIES, CLAIMS = 2 * REFUSALS_CLAIMS, BOUND = (REFUSALS_IDENTITIES + 1) * REFUSALS_CLAIMS };
	struct mdm *m = mdm_new(*state);
	int64_t written = 0;

	for (int round = 0; round < 2; round++)		/* the second time all of it is known, or counted */
		for (int i = 0; i < THIEVES; i++)
			for (int k = 0; k < CLAIMS; k++)
				written += refusals_note(m->db, mem_printf(*state, "identity %d", i), "object",
							 mem_printf(*state, "UDID-%d", k), "a test");
	assert_int_equal(written, BOUND);
	assert_int_equal(mdm_audited(m, REFUSED), BOUND);
	mdm_at(m, "2026-11-22T13:00:00Z");
	refusals_sweep(m->db);
	mdm_settles(m);
	assert_int_equal(mdm_audited(m, REFUSED), BOUND + REFUSALS_IDENTITIES + 1);
	assert_int_equal(rows_about(m, "of several identities"), 1);
	/* each claim was written once, is known from then on, or counted each time */
	assert_int_equal(mdm_number(m, "SELECT sum(CAST(substr(detail, 1, instr(detail, ' more') - 1) AS INTEGER)) FROM audit"
				    " WHERE detail LIKE '%not written one by one'"), 2 * THIEVES * CLAIMS - 2 * BOUND);
}

static void
a_clock_that_goes_back_silences_nobody(void **state)
{
	struct mdm *m = mdm_new(*state);

	assert_true(refusals_note(m->db, "identity", "object", UDID_A, "a test"));
	assert_false(refusals_note(m->db, "identity", "object", UDID_A, "a test"));
	mdm_at(m, "2026-11-21T12:00:00Z");
	assert_true(refusals_note(m->db, "identity", "object", UDID_A, "a test"));
	mdm_settles(m);
}

TESTS(each_device_that_a_fresh_certificate_claims_to_be_is_an_event_of_its_own,
      who_claims_one_device_after_the_other_is_counted_in_one_row_when_the_hour_is_over,
      many_identities_that_claim_many_devices_do_not_fill_the_audit,
      a_clock_that_goes_back_silences_nobody)
