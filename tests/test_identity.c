/* Identities are renewed before they end, and nobody is lost by it: who is asked when, and what the old one is good for. */
#include "tests/check_mdm.h"
#include "core/clock.h"
#include "mdm/identity_renew.h"
#include <string.h>

#define OVERLAP_S	(72 * 3600)

static const struct identity_rules rules = { 45 * DAY_S, 30 * DAY_S };

static void
later(struct mdm *m, int64_t s)
{
	char iso[CLOCK_ISO_SIZE];

	mdm_at(m, clock_iso(clock_now() + s, iso));
}

static void
sweep(struct mdm *m)
{
	bool more;

	assert_ok(db_writable(m->db, &m->err), &m->err);	/* behind what was written behind */
	assert_ok(identity_sweep(m->db, &rules, &more, &m->err), &m->err);
}

static const char *
idle_xml(struct phone *p)
{
	return mdm_dict(p->mdm, mem_printf(p->mdm->ctx, "<key>UDID</key><string>%s</string><key>Status</key><string>Idle"
					   "</string>", p->udid));
}

static struct mdm *
renewing(TALLOC_CTX *ctx)
{
	struct mdm *m = mdm_new(ctx);

	identity_overlap(OVERLAP_S);
	return m;
}

/* An identity for the phone, as a renewal's mobileconfig brings it. */
static struct certificate *
renewed(struct mdm *m, struct phone *p)
{
	const char *session = mdm_session(m, "renewal", p->udid, NULL, NULL);

	assert_ok(db_run(m->db, &m->err, "UPDATE enroll_session SET enrollment_id = $1 WHERE id = $2",
			 db_text(phone_enrollment(p)->id), db_text(session)), &m->err);
	return mdm_issue(m, CA_MDM, session, true);
}

static bool
speaks_with(struct phone *p, const struct certificate *cert)
{
	struct phone same = *p;

	same.cert = (struct certificate *)(uintptr_t)cert;
	return phone_command(&same, idle_xml(&same));
}

static bool
is_revoked(struct mdm *m, const struct certificate *cert)
{
	return mdm_number(m, mem_printf(m->ctx, "SELECT count(*) FROM certificate WHERE sha256 = '%s' AND revoked IS NOT NULL",
					cert->sha256)) == 1;
}

static int64_t
waiting(struct mdm *m)
{
	return mdm_number(m, "SELECT count(*) FROM command_queue WHERE dedupe_key = 'renew_identity'");
}

/* ---- the old one ---- */

static void
behaviour_9_the_old_identity_is_served_for_the_overlap_and_revoked_then(void **state)
{
	struct mdm *m = renewing(*state);
	struct phone *p = phone_enrolled(m, UDID_A);
	struct certificate *old = p->cert;
	const char *a = mdm_queue(m, p, "ProfileList", 0);

	p->cert = renewed(m, p);
	assert_ok(phone_token(p, ""), &m->err);
	assert_true(speaks_with(p, old));
	assert_non_null(strstr(m->text, a));	/* one queue for both */
	assert_string_equal(phone_enrollment(p)->identity, p->cert->sha256);
	assert_string_equal(phone_idle(p), a);
	later(m, OVERLAP_S - 60);
	sweep(m);
	assert_false(is_revoked(m, old));
	assert_true(speaks_with(p, old));
	assert_string_equal(phone_idle(p), a);
	later(m, 60);
	assert_ok(db_writable(m->db, &m->err), &m->err);
	assert_false(speaks_with(p, old));	/* before the sweep has come, too */
	assert_int_equal(m->err.kind, ERR_MALFORMED);
	sweep(m);
	assert_true(is_revoked(m, old));
	assert_false(is_revoked(m, p->cert));
	assert_false(speaks_with(p, old));
	assert_int_equal(m->err.kind, ERR_MALFORMED);
	assert_string_equal(phone_idle(p), a);
}

/* Nobody is locked out because an answer was lost, however long the phone sleeps then. */
static void
an_old_identity_is_not_revoked_before_the_new_one_has_spoken_again(void **state)
{
	struct mdm *m = renewing(*state);
	struct phone *p = phone_enrolled(m, UDID_A);
	struct certificate *old = p->cert;

	p->cert = renewed(m, p);
	assert_ok(phone_token(p, ""), &m->err);	/* its answer is lost, and the phone goes back */
	later(m, 40 * DAY_S);
	sweep(m);
	assert_false(is_revoked(m, old));
	assert_true(speaks_with(p, old));
	sweep(m);
	assert_int_equal(waiting(m), 1);	/* it is asked again */
	later(m, 40 * DAY_S);
	sweep(m);
	assert_true(speaks_with(p, old));
	assert_false(is_revoked(m, old));
}

static void
who_went_back_to_its_old_identity_is_renewed_again_and_keeps_that_one_until_then(void **state)
{
	struct mdm *m = renewing(*state);
	struct phone *p = phone_enrolled(m, UDID_A);
	struct certificate *old = p->cert, *never = renewed(m, p);
	const char *a = mdm_queue(m, p, "ProfileList", 9), *id = phone_enrollment(p)->id;
	struct enrollment *e;
	struct err err;

	p->cert = never;
	assert_ok(phone_token(p, ""), &m->err);
	p->cert = old;
	assert_string_equal(phone_idle(p), a);
	/* What it is sent is written for the identity that it speaks with. */
	assert_ok(enrollment_get(*state, m->db, id, &e, &err), &err);
	assert_string_equal(e->identity, never->sha256);
	assert_string_equal(e->old_identity, old->sha256);
	sweep(m);
	assert_int_equal(waiting(m), 1);
	assert_ok(phone_token(p, ""), &m->err);	/* and a token that it sends under it counts */
	p->cert = renewed(m, p);
	assert_ok(phone_authenticate(p), &m->err);
	assert_ok(db_writable(m->db, &m->err), &m->err);
	assert_int_equal(mdm_number(m, "SELECT old_speaks FROM enrollment"), 1);	/* of two; this is a third */
	assert_ok(phone_token(p, ""), &m->err);
	assert_string_equal(phone_enrollment(p)->identity, p->cert->sha256);
	assert_string_equal(phone_enrollment(p)->old_identity, old->sha256);	/* not the one that it never took */
	assert_false(is_revoked(m, old));
	assert_true(is_revoked(m, never));
	assert_string_equal(phone_idle(p), a);
	later(m, OVERLAP_S + 1);
	sweep(m);
	assert_true(is_revoked(m, old));
	assert_string_equal(phone_idle(p), a);
}

/* The phone has its new identity, and uses it; somebody has a copy of the old one, and uses that. */
static void
an_old_identity_ends_with_its_overlap_once_the_new_one_was_used_whoever_speaks_with_it(void **state)
{
	struct mdm *m = renewing(*state);
	struct phone *p = phone_enrolled(m, UDID_A);
	struct certificate *stolen = p->cert;

	p->cert = renewed(m, p);
	assert_ok(phone_token(p, ""), &m->err);
	assert_true(speaks_with(p, stolen));	/* before the phone comes again: it could be the phone itself */
	mdm_settles(m);
	assert_null(phone_idle(p));		/* this is the phone */
	mdm_settles(m);
	assert_int_equal(mdm_audited(m, "enrollment.old_identity"), 0);
	for (int h = 0; h < OVERLAP_S / HOUR_S - 1; h++) {
		later(m, HOUR_S);
		assert_null(phone_idle(p));
		mdm_settles(m);
		assert_true(speaks_with(p, stolen));
		mdm_settles(m);
		sweep(m);
		assert_int_equal(waiting(m), 0);	/* nobody went back */
	}
	assert_int_equal(mdm_audited(m, "enrollment.old_identity"), 1);
	later(m, HOUR_S);
	assert_false(speaks_with(p, stolen));
	sweep(m);
	assert_true(is_revoked(m, stolen));
	assert_null(phone_idle(p));
}

/* A renewal in the overlap: the one that the phone has used is what it may go back to, and the stolen one is over. */
static void
a_renewal_gives_no_time_to_an_old_identity_once_the_new_one_was_used(void **state)
{
	struct mdm *m = renewing(*state);
	struct phone *p = phone_enrolled(m, UDID_A);
	struct certificate *stolen = p->cert, *second;

	p->cert = second = renewed(m, p);
	assert_ok(phone_token(p, ""), &m->err);
	assert_null(phone_idle(p));
	mdm_settles(m);
	assert_true(speaks_with(p, stolen));
	mdm_settles(m);
	p->cert = renewed(m, p);
	assert_ok(phone_token(p, ""), &m->err);
	assert_string_equal(phone_enrollment(p)->old_identity, second->sha256);
	assert_true(is_revoked(m, stolen));
	assert_false(is_revoked(m, second));
	/* of each renewal once */
	assert_null(phone_idle(p));
	mdm_settles(m);
	later(m, HOUR_S);
	assert_true(speaks_with(p, second));
	mdm_settles(m);
	assert_int_equal(mdm_audited(m, "enrollment.old_identity"), 2);
}

/* Its answers are lost, and it asks again: that is no use of the new identity yet. */
static void
a_device_that_repeats_its_token_update_may_go_back_still(void **state)
{
	struct mdm *m = renewing(*state);
	struct phone *p = phone_enrolled(m, UDID_A);
	struct certificate *old = p->cert;

	p->cert = renewed(m, p);
	for (int i = 0; i < 2; i++) {
		phone_enrolls(p);
		mdm_settles(m);
	}
	later(m, 40 * DAY_S);
	sweep(m);
	assert_false(is_revoked(m, old));
	assert_true(speaks_with(p, old));
	sweep(m);
	assert_int_equal(waiting(m), 1);
}

/* What it says then changes nothing: neither where the phone is pushed, nor that it is managed. */
static void
who_has_an_old_identity_neither_takes_the_push_token_nor_checks_out(void **state)
{
	struct mdm *m = renewing(*state);
	struct phone *p = phone_enrolled(m, UDID_A), thief;
	int64_t signed_at;

	thief = *p;
	memset(thief.magic, 'T', 8);
	p->cert = renewed(m, p);
	assert_ok(phone_token(p, ""), &m->err);
	assert_null(phone_idle(p));
	mdm_settles(m);
	later(m, HOUR_S);
	signed_at = mdm_number(m, "SELECT token_signed FROM enrollment");
	assert_ok(phone_token(&thief, ""), &m->err);
	assert_string_equal(phone_enrollment(p)->push_magic, p->magic);
	assert_int_equal(mdm_number(m, "SELECT token_signed FROM enrollment"), signed_at);
	assert_ok(phone_check_out(&thief), &m->err);
	assert_string_equal(phone_state(p), "enrolled");
	mdm_settles(m);
	assert_int_equal(mdm_audited(m, "enrollment.old_identity"), 1);
}

/* Which of the two the device speaks with is known by its own word alone, and what was refused is nobody's. */
static void
a_word_that_is_refused_does_not_say_that_the_device_went_back(void **state)
{
	struct mdm *m = renewing(*state);
	struct phone *p = phone_enrolled(m, UDID_A), other;
	struct certificate *old = p->cert;

	p->cert = renewed(m, p);
	assert_ok(phone_token(p, ""), &m->err);
	other = *p;
	other.udid = UDID_B;
	assert_false(speaks_with(&other, old));	/* as another device */
	assert_false(phone_token(&other, ""));
	assert_ok(certificate_revoke_by(m->db, "anna", old->sha256, "keyCompromise", NULL, &m->err), &m->err);
	assert_false(speaks_with(p, old));	/* whoever has it */
	assert_ok(db_writable(m->db, &m->err), &m->err);
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM enrollment WHERE old_speaks IS NOT NULL"), 0);
	sweep(m);
	assert_int_equal(waiting(m), 0);
}

/* It spoke with the old one, which IT revoked then: what it has instead is the one that it may go back to. */
static void
a_revoked_old_identity_is_not_the_one_that_a_renewal_may_go_back_to(void **state)
{
	struct mdm *m = renewing(*state);
	struct phone *p = phone_enrolled(m, UDID_A);
	struct certificate *old = p->cert, *second;

	p->cert = second = renewed(m, p);
	assert_ok(phone_token(p, ""), &m->err);
	assert_true(speaks_with(p, old));
	assert_ok(db_writable(m->db, &m->err), &m->err);
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM enrollment WHERE old_speaks"), 1);
	assert_ok(certificate_revoke_by(m->db, "anna", old->sha256, "keyCompromise", NULL, &m->err), &m->err);
	p->cert = renewed(m, p);
	assert_ok(phone_token(p, ""), &m->err);	/* its answer is lost */
	assert_string_equal(phone_enrollment(p)->old_identity, second->sha256);
	assert_true(speaks_with(p, second));
	assert_false(is_revoked(m, second));
}

/* Nor is one that has ended, the grace too: nobody can speak with it any more. */
static void
an_old_identity_that_has_ended_is_not_the_one_that_a_renewal_may_go_back_to(void **state)
{
	struct mdm *m = renewing(*state);
	struct phone *p = phone_enrolled(m, UDID_A);
	struct certificate *old = p->cert, *second;

	later(m, 365 * DAY_S);
	p->cert = second = renewed(m, p);
	assert_ok(phone_token(p, ""), &m->err);
	assert_true(speaks_with(p, old));	/* in the grace */
	assert_ok(db_writable(m->db, &m->err), &m->err);
	later(m, 31 * DAY_S);
	p->cert = renewed(m, p);
	assert_ok(phone_token(p, ""), &m->err);
	assert_string_equal(phone_enrollment(p)->old_identity, second->sha256);
	assert_false(is_revoked(m, second));
}

static void
an_authenticate_that_is_repeated_under_the_new_identity_loses_no_queue(void **state)
{
	struct mdm *m = renewing(*state);
	struct phone *p = phone_enrolled(m, UDID_A);
	const char *a = mdm_queue(m, p, "ProfileList", 0);
	struct certificate *old = p->cert;

	assert_ok(phone_token(p, "<key>UnlockToken</key><data>AQID</data>"), &m->err);
	p->cert = renewed(m, p);
	for (int i = 0; i < 2; i++) {	/* the answers of the first time were lost */
		phone_enrolls(p);
	}
	p->cert = old;
	phone_enrolls(p);
	assert_string_equal(phone_idle(p), a);
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM enrollment WHERE unlock_token IS NOT NULL AND NOT again"), 1);
}

static void
what_was_issued_for_a_renewal_and_never_shown_is_revoked_with_the_next_that_is(void **state)
{
	struct mdm *m = renewing(*state);
	struct phone *p = phone_enrolled(m, UDID_A), *other = phone_enrolled(m, UDID_B);
	struct certificate *old = p->cert, *unshown = renewed(m, p), *by_scep = mdm_issue(m, CA_MDM, p->session, true);

	p->cert = renewed(m, p);
	assert_null(phone_idle(p));
	assert_true(is_revoked(m, unshown));
	assert_true(is_revoked(m, by_scep));
	assert_false(is_revoked(m, old));
	assert_false(is_revoked(m, other->cert));
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM certificate WHERE revoked IS NOT NULL"), 2);
}

static void
who_is_retired_in_the_overlap_leaves_with_both_identities(void **state)
{
	struct mdm *m = renewing(*state);
	struct phone *p = phone_enrolled(m, UDID_A);
	struct certificate *old = p->cert;

	p->cert = renewed(m, p);
	assert_null(phone_idle(p));
	assert_ok(enrollment_retire(m->db, "anna", phone_enrollment(p)->device_id, "lost", &m->err), &m->err);
	assert_true(is_revoked(m, old));
	assert_true(is_revoked(m, p->cert));
	for (int i = 0; i < 2; i++) {
		assert_false(speaks_with(p, old));
		assert_int_equal(m->err.kind, ERR_DENIED);
		later(m, OVERLAP_S + 1);
		sweep(m);
	}
}

/* ---- who is asked ---- */

static void
behaviour_9_who_ends_soon_is_asked_once_a_day_and_one_waits_at_a_time(void **state)
{
	struct mdm *m = renewing(*state);
	struct phone *p = phone_enrolled(m, UDID_A);
	const char *first, *second;

	sweep(m);
	assert_int_equal(waiting(m), 0);	/* a year from now */
	later(m, 321 * DAY_S);
	sweep(m);
	assert_int_equal(waiting(m), 1);
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM push_due"), 1);
	sweep(m);
	later(m, 2 * DAY_S);
	sweep(m);
	assert_int_equal(waiting(m), 1);	/* asleep: what waits is enough */
	assert_int_equal(mdm_number(m, "SELECT renewal_tries FROM enrollment"), 1);
	/* An error: again on the next day, and not before. */
	first = mdm_text(m, "SELECT uuid FROM command WHERE kind = 'renew_identity'");
	assert_ok(db_run(m->db, &m->err, "UPDATE enrollment SET renewal_asked = $1", db_now()), &m->err);
	assert_null(phone_says(p, "Error", first));
	assert_int_equal(waiting(m), 0);
	later(m, DAY_S - 60);
	sweep(m);
	assert_int_equal(waiting(m), 0);
	later(m, 60);
	sweep(m);
	assert_int_equal(waiting(m), 1);
	second = mdm_text(m, "SELECT uuid FROM command WHERE kind = 'renew_identity' ORDER BY id DESC LIMIT 1");
	assert_string_not_equal(first, second);
	/* Not now: it stays where it is, and comes again at the next connection. */
	assert_null(phone_says(p, "NotNow", second));
	later(m, DAY_S);
	sweep(m);
	assert_int_equal(waiting(m), 1);
	/* Acknowledged and never shown: again on the next day. */
	assert_null(phone_says(p, "Acknowledged", second));
	later(m, DAY_S);
	sweep(m);
	assert_int_equal(waiting(m), 1);
	assert_int_equal(mdm_number(m, "SELECT renewal_tries FROM enrollment"), 3);
	/* Shown, and never acknowledged: that is all there is to it. */
	p->cert = renewed(m, p);
	assert_null(phone_idle(p));
	assert_int_equal(waiting(m), 0);
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM command_history WHERE state = 'acknowledged'"), 2);
	later(m, DAY_S);
	sweep(m);
	assert_int_equal(waiting(m), 0);
	assert_int_equal(mdm_number(m, "SELECT renewal_tries FROM enrollment"), 0);
}

static void
a_clock_that_was_ahead_does_not_put_off_the_renewal(void **state)
{
	struct mdm *m = renewing(*state);

	phone_enrolled(m, UDID_A);
	later(m, 321 * DAY_S);
	assert_ok(db_run(m->db, &m->err, "UPDATE enrollment SET renewal_asked = $1", db_int(clock_now() + 1000 * DAY_S)), &m->err);
	sweep(m);
	assert_int_equal(waiting(m), 1);
	sweep(m);
	assert_int_equal(mdm_number(m, "SELECT renewal_tries FROM enrollment"), 1);
}

static void
who_ran_out_is_asked_within_the_grace_and_then_no_more(void **state)
{
	struct mdm *m = renewing(*state);
	struct phone *p = phone_enrolled(m, UDID_A);
	json_t *list, *item;

	later(m, 370 * DAY_S);
	sweep(m);
	assert_int_equal(waiting(m), 1);
	assert_ok(identity_due_list(m->db, &rules, &list, &m->err), &m->err);
	item = json_array_get(json_object_get(list, "items"), 0);
	assert_string_equal(json_string_value(json_object_get(item, "why")), "ended");
	assert_true(json_is_true(json_object_get(item, "waits")));
	assert_int_equal(json_integer_value(json_object_get(item, "tries")), 1);
	json_decref(list);
	assert_true(phone_command(p, idle_xml(p)));	/* nobody is there who could write it */
	assert_ok(db_run(m->db, &m->err, "DELETE FROM command_queue"), &m->err);
	later(m, 30 * DAY_S);
	sweep(m);
	assert_int_equal(waiting(m), 0);
}

static void
a_fleet_is_asked_in_waves_those_first_that_end_first(void **state)
{
	struct mdm *m = renewing(*state);
	struct phone *p = phone_enrolled(m, UDID_A);
	bool more;

	/* As many again as one wave, each with an identity of its own that ends a second later. */
	assert_ok(db_run(m->db, &m->err, "INSERT INTO certificate (sha256, serial, authority_id, purpose, subject, key_sha256,"
		" der, not_before, not_after, issued) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1500)"
		" SELECT 'c' || i, 's' || i, authority_id, purpose, subject, key_sha256, der, not_before, not_after + i, issued"
		" FROM n, certificate WHERE sha256 = $1", db_text(p->cert->sha256)), &m->err);
	assert_ok(db_run(m->db, &m->err, "INSERT INTO device (id, udid, created, changed) SELECT sha256, sha256, 0, 0 FROM certificate"
		" WHERE sha256 LIKE 'c%' AND serial LIKE 's%'"), &m->err);
	assert_ok(db_run(m->db, &m->err, "INSERT INTO enrollment (id, device_id, session_id, state, identity, access_rights, topic,"
		" created) SELECT sha256, sha256, '', 'enrolled', sha256, 8191, 'x', 0 FROM certificate WHERE serial LIKE 's%'"
		" AND sha256 LIKE 'c%'"), &m->err);
	later(m, 330 * DAY_S);
	assert_ok(identity_sweep(m->db, &rules, &more, &m->err), &m->err);
	assert_true(more);
	assert_int_equal(waiting(m), IDENTITY_WAVE);
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM command_queue WHERE enrollment_id = 'c999'"), 1);
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM command_queue WHERE enrollment_id = 'c1000'"), 0);
	assert_ok(identity_sweep(m->db, &rules, &more, &m->err), &m->err);
	assert_false(more);
	assert_int_equal(waiting(m), 1501);
}

static void
devices_under_a_ca_that_is_retired_are_asked_to_move(void **state)
{
	struct mdm *m = renewing(*state);
	json_t *list;

	phone_enrolled(m, UDID_A);
	assert_ok(db_run(m->db, &m->err, "UPDATE authority SET retired = $1", db_now()), &m->err);
	sweep(m);
	assert_int_equal(waiting(m), 1);
	assert_ok(identity_due_list(m->db, &rules, &list, &m->err), &m->err);
	assert_string_equal(json_string_value(json_object_get(json_array_get(json_object_get(list, "items"), 0), "why")), "old_ca");
	json_decref(list);
}

static void
identities_of_an_outside_ca_are_renewed_by_what_they_say_of_their_end(void **state)
{
	struct mdm *m = renewing(*state);

	phone_enrolled(m, UDID_A);
	assert_ok(db_run(m->db, &m->err, "UPDATE enrollment SET identity = 'outside', identity_ends = $1",
			 db_int(clock_now() + 50 * DAY_S)), &m->err);
	sweep(m);
	assert_int_equal(waiting(m), 0);
	later(m, 6 * DAY_S);
	sweep(m);
	assert_int_equal(waiting(m), 1);
}

static void
who_left_is_not_asked(void **state)
{
	struct mdm *m = renewing(*state);
	struct phone *p = phone_enrolled(m, UDID_A);

	assert_ok(phone_check_out(p), &m->err);
	later(m, 340 * DAY_S);
	sweep(m);
	assert_int_equal(waiting(m), 0);
}

static void
who_gave_no_right_to_mobileconfigs_is_not_asked_and_listed(void **state)
{
	struct mdm *m = renewing(*state);
	json_t *list;

	phone_enrolled(m, UDID_A);
	assert_ok(db_run(m->db, &m->err, "UPDATE enrollment SET access_rights = 8191 - 2"), &m->err);
	later(m, 321 * DAY_S);
	sweep(m);
	assert_int_equal(waiting(m), 0);
	assert_int_equal(mdm_number(m, "SELECT renewal_tries FROM enrollment"), 0);
	assert_ok(identity_due_list(m->db, &rules, &list, &m->err), &m->err);
	assert_string_equal(json_string_value(json_object_get(json_array_get(json_object_get(list, "items"), 0), "why")), "no_right");
	json_decref(list);
}

TESTS(behaviour_9_the_old_identity_is_served_for_the_overlap_and_revoked_then,
      who_gave_no_right_to_mobileconfigs_is_not_asked_and_listed,
      an_old_identity_is_not_revoked_before_the_new_one_has_spoken_again,
      who_went_back_to_its_old_identity_is_renewed_again_and_keeps_that_one_until_then,
      an_old_identity_ends_with_its_overlap_once_the_new_one_was_used_whoever_speaks_with_it,
      a_renewal_gives_no_time_to_an_old_identity_once_the_new_one_was_used,
      a_device_that_repeats_its_token_update_may_go_back_still,
      who_has_an_old_identity_neither_takes_the_push_token_nor_checks_out,
      a_word_that_is_refused_does_not_say_that_the_device_went_back,
      a_revoked_old_identity_is_not_the_one_that_a_renewal_may_go_back_to,
      an_old_identity_that_has_ended_is_not_the_one_that_a_renewal_may_go_back_to,
      an_authenticate_that_is_repeated_under_the_new_identity_loses_no_queue,
      what_was_issued_for_a_renewal_and_never_shown_is_revoked_with_the_next_that_is,
      who_is_retired_in_the_overlap_leaves_with_both_identities,
      behaviour_9_who_ends_soon_is_asked_once_a_day_and_one_waits_at_a_time,
      a_clock_that_was_ahead_does_not_put_off_the_renewal,
      who_ran_out_is_asked_within_the_grace_and_then_no_more,
      a_fleet_is_asked_in_waves_those_first_that_end_first,
      devices_under_a_ca_that_is_retired_are_asked_to_move,
      identities_of_an_outside_ca_are_renewed_by_what_they_say_of_their_end,
      who_left_is_not_asked)
