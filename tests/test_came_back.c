/* Devices that know us better than we know them: after a backup of ours was restored. */
#include "tests/check_mdm.h"
#include "core/clock.h"
#include "core/json.h"
#include "core/secret.h"
#include "mdm/came_back.h"
#include "mdm/challenge.h"
#include "mdm/enroll_session.h"
#include "mdm/enrollment_turn.h"

static const struct came_back_terms unsaid = { .access_rights = 8191 }, recorded = { .access_rights = 8191, .as_recorded = true };

static void
must_3_our_certificate_without_a_row_is_listed_and_nobody_is_sent_away(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct phone *p = phone_new(m, UDID_A, NULL);
	const char *a;
	json_t *list;
	int64_t n;

	mdm_listens(m);
	p->cert = mdm_issue(m, CA_MDM, NULL, false);
	phone_is_refused(p, phone_command(p, phone_idle_xml(p)), ERR_BUSY);
	assert_string_equal(m->err.code, "came_back");
	phone_is_refused(p, phone_token(p, ""), ERR_BUSY);
	phone_is_refused(p, phone_command(p, phone_idle_xml(p)), ERR_BUSY);
	assert_ok(came_back_waiting(m->db, &n, &m->err), &m->err);
	assert_int_equal(n, 1);
	assert_ok(came_back_take(m->db, m->ca, "anna", p->cert->sha256, &unsaid, &m->err), &m->err);
	assert_string_equal(phone_state(p), "enrolled");
	assert_memory_equal(phone_enrollment(p)->token.p, p->token, 32);	/* it said so while it waited */
	assert_int_equal(mdm_told.wants_token, 0);
	assert_int_equal(mdm_told.enrolled, 1);
	a = mdm_queue(m, p, "ProfileList", 0);
	assert_string_equal(phone_idle(p), a);
	assert_ok(phone_token(p, ""), &m->err);
	assert_false(came_back_take(m->db, m->ca, "anna", p->cert->sha256, &unsaid, &m->err));
	assert_ok(came_back_list(m->db, &list, &m->err), &m->err);
	assert_string_equal(json_string_value(json_object_get(json_array_get(json_object_get(list, "items"), 0), "state")),
			    "taken_in");
	json_decref(list);
	assert_int_equal(mdm_audited(m, "came_back.taken_in"), 1);
}

/* It says to be a device that is managed, and somebody has looked at both. */
static void
takes_the_place_of(struct phone *p, struct phone *before)
{
	struct mdm *m = p->mdm;
	struct came_back_terms terms = { .access_rights = 8191, .replaces = phone_enrollment(before)->id };

	assert_ok(came_back_take(m->db, m->ca, "anna", p->cert->sha256, &terms, &m->err), &m->err);
	assert_string_equal(phone_state(before), "replaced");
}

static void
a_fleet_that_came_back_is_taken_in_at_once_and_asked_for_its_tokens(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct phone *before = phone_enrolled(m, UDID_A), *p[3];
	struct came_back_taken taken;

	mdm_listens(m);
	for (int i = 0; i < 3; i++) {	/* one of them is known, with an identity that it has renewed since */
		p[i] = phone_new(m, i ? mem_printf(*state, "00008120-00000000000001%02d", i) : UDID_A, NULL);
		p[i]->cert = mdm_issue(m, CA_MDM, "a session of later", false);
		assert_false(phone_command(p[i], phone_idle_xml(p[i])));
	}
	assert_ok(came_back_take_all(m->db, m->ca, "anna", &unsaid, &taken, &m->err), &m->err);
	assert_int_equal(taken.n, 2);
	assert_int_equal(taken.managed, 1);	/* nothing but its own word says that it is this device */
	assert_string_equal(phone_state(before), "enrolled");
	takes_the_place_of(p[0], before);
	assert_int_equal(mdm_told.wants_token, 3);
	for (int i = 0; i < 3; i++)
		assert_null(phone_idle(p[i]));
	assert_string_equal(phone_state(before), "replaced");
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM device WHERE enrollment_id IS NOT NULL"), 3);
}

static void
nobody_comes_back_as_a_device_that_is_still_heard_of(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct phone *victim = phone_enrolled(m, UDID_A), *thief = phone_new(m, UDID_A, NULL), *twin = phone_new(m, UDID_B, NULL),
		     *other = phone_new(m, UDID_B, NULL), *fresh;
	struct seen *seen;
	struct came_back_taken taken;

	assert_ok(seen_new(*state, m->db, &seen, &m->err), &m->err);
	m->talk.seen = seen;
	thief->cert = mdm_issue(m, CA_MDM, NULL, false);
	twin->cert = mdm_issue(m, CA_MDM, NULL, false);
	other->cert = mdm_issue(m, CA_MDM, NULL, false);
	phone_is_refused(thief, phone_command(thief, phone_idle_xml(thief)), ERR_BUSY);
	phone_is_refused(twin, phone_command(twin, phone_idle_xml(twin)), ERR_BUSY);
	phone_is_refused(other, phone_command(other, phone_idle_xml(other)), ERR_BUSY);
	mdm_at(m, "2026-11-22T12:30:00Z");
	assert_null(phone_idle(victim));
	seen_flush(seen);
	mdm_settles(m);
	assert_false(came_back_take(m->db, m->ca, "anna", thief->cert->sha256, &unsaid, &m->err));
	assert_int_equal(m->err.kind, ERR_CONFLICT);
	assert_ok(came_back_take_all(m->db, m->ca, "anna", &unsaid, &taken, &m->err), &m->err);
	assert_int_equal(taken.n, 0);	/* nor one of two that say to be the same */
	assert_null(phone_idle(victim));
	assert_ok(came_back_take(m->db, m->ca, "anna", twin->cert->sha256, &unsaid, &m->err), &m->err);
	/* Who may still choose a device, as in a direct session, is not listed at all. */
	fresh = phone_direct(m, UDID_A, NULL);
	phone_is_refused(fresh, phone_command(fresh, phone_idle_xml(fresh)), ERR_MALFORMED);
	phone_is_refused(fresh, phone_token(fresh, ""), ERR_MALFORMED);
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM came_back"), 3);
	talloc_free(seen);
	m->talk.seen = NULL;
}

/* *ret: what an admin is shown of it, besides. */
static const char *
shown(struct phone *p, const char *key, json_t **ret)
{
	struct mdm *m = p->mdm;
	json_t *item;

	assert_ok(came_back_show(m->db, p->cert->sha256, &item, &m->err), &m->err);
	json_hold(m->ctx, item);
	*ret = json_object_get(item, "now");
	return text_of(*ret, key);
}

static void
who_claims_to_be_a_sleeping_phone_has_its_place_only_from_one_who_has_looked_at_both(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct phone *sleeps = phone_enrolled(m, UDID_A), *thief = phone_new(m, UDID_A, NULL), *anew;
	struct came_back_terms terms = unsaid;
	struct came_back_taken taken;
	json_t *now;

	thief->cert = mdm_issue(m, CA_MDM, "a session of later", false);
	phone_is_refused(thief, phone_token(thief, ""), ERR_BUSY);
	assert_ok(came_back_take_all(m->db, m->ca, "anna", &recorded, &taken, &m->err), &m->err);
	assert_int_equal(taken.n, 0);
	assert_int_equal(taken.managed, 1);
	assert_false(came_back_take(m->db, m->ca, "anna", thief->cert->sha256, &unsaid, &m->err));
	assert_int_equal(m->err.kind, ERR_CONFLICT);
	assert_string_equal(m->err.code, "managed");
	terms.replaces = mem_text(*state, shown(thief, "enrollment", &now));
	assert_string_equal(terms.replaces, phone_enrollment(sleeps)->id);
	assert_string_equal(text_of(now, "identity"), sleeps->cert->sha256);
	assert_false(json_is_true(json_object_get(now, "knows_magic")));
	/* What was looked at is not what is there any more. */
	anew = phone_enrolled(m, UDID_A);
	assert_false(came_back_take(m->db, m->ca, "anna", thief->cert->sha256, &terms, &m->err));
	assert_string_equal(m->err.code, "managed");
	assert_null(phone_idle(anew));
	assert_int_equal(mdm_audited(m, "came_back.taken_in"), 0);
	takes_the_place_of(thief, anew);
	assert_null(phone_idle(thief));
	shown(thief, "enrollment", &now);
	assert_true(json_is_null(now));
	assert_string_equal(mdm_text(m, "SELECT detail FROM audit WHERE act = 'came_back.taken_in'"),
		mem_printf(*state, UDID_A ": identity %s takes the place of enrollment %s", thief->cert->sha256,
			   mdm_text(m, mem_printf(*state, "SELECT id FROM enrollment WHERE identity = '%s'", anew->cert->sha256))));
}

static void
a_device_that_has_renewed_its_identity_since_is_known_by_the_secret_of_its_pushes(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct phone *p = phone_enrolled(m, UDID_A), before = *p;
	json_t *now;

	p->cert = mdm_issue(m, CA_MDM, "a renewal of later", false);
	phone_is_refused(p, phone_command(p, phone_idle_xml(p)), ERR_BUSY);
	shown(p, "enrollment", &now);
	assert_false(json_is_true(json_object_get(now, "knows_magic")));	/* it has not said it yet */
	phone_is_refused(p, phone_token(p, ""), ERR_BUSY);
	shown(p, "enrollment", &now);
	assert_true(json_is_true(json_object_get(now, "knows_magic")));
	takes_the_place_of(p, &before);
	assert_null(phone_idle(p));
}

static void
who_came_back_cannot_become_another_device_under_the_admins_eyes(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct phone *victim = phone_enrolled(m, UDID_A), *p = phone_new(m, UDID_B, NULL);

	p->cert = mdm_issue(m, CA_MDM, NULL, false);
	phone_is_refused(p, phone_command(p, phone_idle_xml(p)), ERR_BUSY);
	p->udid = UDID_A;
	phone_is_refused(p, phone_command(p, phone_idle_xml(p)), ERR_MALFORMED);
	assert_string_equal(m->err.code, "not_its_identity");
	mdm_at(m, "2026-11-22T12:30:00Z");	/* when it is written anew */
	phone_is_refused(p, phone_command(p, phone_idle_xml(p)), ERR_MALFORMED);
	phone_is_refused(p, phone_token(p, ""), ERR_MALFORMED);
	assert_int_equal(mdm_audited(m, "enrollment.refused"), 1);
	assert_string_equal(mdm_text(m, "SELECT udid FROM came_back"), UDID_B);
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM came_back WHERE token IS NOT NULL"), 0);
	p->udid = UDID_B;
	phone_is_refused(p, phone_command(p, phone_idle_xml(p)), ERR_BUSY);
	assert_ok(came_back_take(m->db, m->ca, "anna", p->cert->sha256, &unsaid, &m->err), &m->err);
	assert_null(phone_idle(p));
	assert_null(phone_idle(victim));
}

static void
a_certificate_of_ours_for_something_else_comes_back_as_no_device(void **state)
{
	static const enum ca_purpose others[] = { CA_OTA, CA_CLIENT };
	struct mdm *m = mdm_new(*state);
	struct phone *p = phone_new(m, UDID_A, NULL);

	for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
		p->cert = mdm_issue(m, others[i], NULL, false);
		phone_is_refused(p, phone_command(p, phone_idle_xml(p)), ERR_MALFORMED);
		assert_string_equal(m->err.code, "bad_identity");
		phone_is_refused(p, phone_token(p, ""), ERR_MALFORMED);
	}
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM came_back"), 0);
}

static void
a_certificate_that_we_know_and_that_nothing_binds_comes_back_as_nobody(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct phone *victim = phone_enrolled(m, UDID_A), *thief = phone_new(m, UDID_A, NULL);

	phone_is_refused(thief, phone_command(thief, phone_idle_xml(thief)), ERR_MALFORMED);
	phone_is_refused(thief, phone_token(thief, ""), ERR_MALFORMED);
	thief->cert = mdm_issue(m, CA_MDM, "a session that was swept", true);
	phone_is_refused(thief, phone_command(thief, phone_idle_xml(thief)), ERR_MALFORMED);
	phone_is_refused(thief, phone_token(thief, ""), ERR_MALFORMED);
	phone_is_refused(thief, phone_authenticate(thief), ERR_MALFORMED);
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM came_back"), 0);
	assert_null(phone_idle(victim));
}

static void
a_session_of_which_an_identity_came_is_not_forgotten(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct phone *p = phone_ota(m, UDID_A, NULL);

	mdm_session(m, "ota", UDID_B, NULL, NULL);	/* nothing came of this one */
	assert_ok(db_run(m->db, &m->err, "UPDATE enroll_session SET state = 'failed'"), &m->err);
	mdm_at(m, "2027-02-22T12:00:00Z");
	assert_ok(enroll_session_sweep(m->db, &m->err), &m->err);
	assert_string_equal(mdm_text(m, "SELECT id FROM enroll_session"), p->session);
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM enroll_session"), 1);
}

static const char *
session_of_row(struct phone *p)
{
	return mdm_text(p->mdm, mem_printf(p->mdm->ctx, "SELECT session_id FROM certificate WHERE sha256 = '%s'", p->cert->sha256));
}

static void
who_was_taken_in_renews_its_identity_as_any_device(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct phone *p = phone_new(m, UDID_A, NULL), *q = phone_new(m, UDID_B, NULL);
	const char *id, *session;

	p->cert = mdm_issue(m, CA_MDM, NULL, false);
	q->cert = mdm_issue(m, CA_MDM, NULL, false);
	phone_is_refused(p, phone_token(p, ""), ERR_BUSY);
	phone_is_refused(q, phone_token(q, ""), ERR_BUSY);
	assert_ok(came_back_take(m->db, m->ca, "anna", p->cert->sha256, &unsaid, &m->err), &m->err);
	assert_ok(came_back_take(m->db, m->ca, "anna", q->cert->sha256, &unsaid, &m->err), &m->err);
	id = phone_enrollment(p)->id;
	session = session_of_row(p);
	assert_string_equal(phone_enrollment(p)->session_id, session);
	assert_string_not_equal(session, session_of_row(q));
	p->cert = mdm_issue(m, CA_MDM, session, true);	/* by SCEP: with the session of the old one */
	assert_null(phone_idle(p));
	assert_string_equal(phone_enrollment(p)->id, id);
	q->cert = mdm_issue(m, CA_MDM, session, true);	/* of no use to another */
	phone_is_refused(q, phone_command(q, phone_idle_xml(q)), ERR_MALFORMED);
	p->cert = mdm_issue(m, CA_MDM, session, true);
	assert_ok(enrollment_retire(m->db, "anna", mdm_text(m, mem_printf(*state, "SELECT device_id FROM enrollment WHERE"
				    " id = '%s'", id)), "lost", &m->err), &m->err);
	phone_is_refused(p, phone_command(p, phone_idle_xml(p)), ERR_DENIED);
}

static void
enrolled_as_far_as_it_knows_and_only_staged_here_came_back_too(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct phone *p = phone_ota(m, UDID_A, NULL);

	assert_ok(phone_authenticate(p), &m->err);
	phone_is_refused(p, phone_command(p, phone_idle_xml(p)), ERR_BUSY);
	assert_ok(came_back_take(m->db, m->ca, "anna", p->cert->sha256, &unsaid, &m->err), &m->err);
	assert_null(phone_idle(p));
	assert_string_equal(phone_state(p), "enrolled");
}

/* It said another while it waited; its session knows which one it was given. */
static void
who_came_back_is_pushed_under_the_topic_that_its_session_gave_it(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct phone *p = phone_ota(m, UDID_A, NULL);

	phone_is_refused(p, phone_token(p, ""), ERR_BUSY);
	assert_string_equal(mdm_text(m, "SELECT topic FROM came_back"), TOPIC);
	assert_ok(db_run(m->db, &m->err, "UPDATE enroll_session SET topic = 'com.apple.mgmt.External.given'"), &m->err);
	assert_ok(came_back_take(m->db, m->ca, "anna", p->cert->sha256, &unsaid, &m->err), &m->err);
	assert_string_equal(phone_enrollment(p)->topic, "com.apple.mgmt.External.given");
	assert_memory_equal(phone_enrollment(p)->token.p, p->token, 32);
}

static void
who_came_back_and_is_refused_is_told_to_leave(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct phone *p = phone_new(m, UDID_A, NULL);

	p->cert = mdm_issue(m, CA_MDM, NULL, false);
	phone_is_refused(p, phone_command(p, phone_idle_xml(p)), ERR_BUSY);
	assert_ok(came_back_refuse(m->db, "anna", p->cert->sha256, &m->err), &m->err);
	phone_is_refused(p, phone_command(p, phone_idle_xml(p)), ERR_DENIED);
	assert_string_equal(m->err.code, "retired");
	assert_false(came_back_take(m->db, m->ca, "anna", p->cert->sha256, &unsaid, &m->err));
}

#define UDID_C "00008120-0000000000000103"

/* By the device and by its enrollment: what follows goes by either. */
static const char *
whose(struct mdm *m, const char *udid)
{
	return mdm_text(m, mem_printf(m->ctx, "SELECT COALESCE(d.person_id, 'nobody') || ' ' || COALESCE(e.person_id, 'nobody')"
				      " FROM device d JOIN enrollment e ON e.id = d.enrollment_id WHERE d.udid = '%s'", udid));
}

static const char *
managed_as(struct mdm *m, const char *udid)
{
	return mdm_text(m, mem_printf(m->ctx, "SELECT enrollment_id FROM device WHERE udid = '%s'", udid));
}

/* In our records it is Anna's; it was set up again after the backup, under a certificate that we do not know. */
static struct phone *
changed_hands(struct mdm *m, const char *udid)
{
	struct phone *p = phone_new(m, udid, NULL);

	phone_enrolls(phone_ota(m, udid, "p-anna"));
	p->cert = mdm_issue(m, CA_MDM, "a session of later", false);
	phone_is_refused(p, phone_command(p, phone_idle_xml(p)), ERR_BUSY);
	return p;
}

static void
a_phone_that_may_have_changed_hands_comes_in_for_nobody_unless_an_admin_says_whose_it_is(void **state)
{
	struct came_back_terms ben = { .said = true, .person_id = "p-ben", .access_rights = 8191 },
			       nobody = { .said = true, .as_recorded = true, .access_rights = 8191 },
			       nothing = unsaid;
	struct mdm *m = mdm_new(*state);
	struct phone *a, *b, *c;
	struct came_back_taken taken;

	mdm_person(m, "p-anna", "anna");
	mdm_person(m, "p-ben", "ben");
	a = changed_hands(m, UDID_A);
	b = changed_hands(m, UDID_B);
	c = changed_hands(m, UDID_C);
	assert_string_equal(whose(m, UDID_A), "p-anna p-anna");
	ben.replaces = managed_as(m, UDID_A);
	nobody.replaces = managed_as(m, UDID_B);
	nothing.replaces = managed_as(m, UDID_C);
	assert_ok(came_back_take(m->db, m->ca, "admin", a->cert->sha256, &ben, &m->err), &m->err);
	assert_string_equal(whose(m, UDID_A), "p-ben p-ben");
	assert_null(phone_idle(a));
	assert_ok(came_back_take(m->db, m->ca, "admin", b->cert->sha256, &nobody, &m->err), &m->err);
	assert_string_equal(whose(m, UDID_B), "nobody nobody");
	assert_ok(came_back_take_all(m->db, m->ca, "admin", &unsaid, &taken, &m->err), &m->err);
	assert_int_equal(taken.n, 0);
	assert_int_equal(taken.managed, 1);
	assert_string_equal(whose(m, UDID_C), "p-anna p-anna");	/* it is managed under another identity */
	assert_ok(came_back_take(m->db, m->ca, "admin", c->cert->sha256, &nothing, &m->err), &m->err);
	assert_string_equal(whose(m, UDID_C), "nobody nobody");
	assert_null(phone_idle(c));
}

static void
a_fleet_where_no_phone_changed_hands_is_taken_in_for_whom_our_records_name(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct phone *fresh = phone_new(m, UDID_C, NULL), *staged;
	struct came_back_taken taken;

	mdm_person(m, "p-anna", "anna");
	changed_hands(m, UDID_A);
	/* in our records, and not managed: it had left before the backup */
	assert_ok(db_run(m->db, &m->err, "UPDATE device SET enrollment_id = NULL"), &m->err);
	assert_ok(db_run(m->db, &m->err, "UPDATE enrollment SET state = 'removed', ended = 1"), &m->err);
	fresh->cert = mdm_issue(m, CA_MDM, NULL, false);
	phone_is_refused(fresh, phone_command(fresh, phone_idle_xml(fresh)), ERR_BUSY);
	assert_ok(came_back_take_all(m->db, m->ca, "admin", &recorded, &taken, &m->err), &m->err);
	assert_int_equal(taken.n, 2);
	assert_string_equal(whose(m, UDID_A), "p-anna p-anna");
	assert_string_equal(whose(m, UDID_C), "nobody nobody");
	/* One whose session we know is its person's, whatever is asked of the others. */
	staged = phone_ota(m, UDID_B, "p-anna");
	assert_ok(phone_authenticate(staged), &m->err);
	phone_is_refused(staged, phone_command(staged, phone_idle_xml(staged)), ERR_BUSY);
	assert_ok(came_back_take_all(m->db, m->ca, "admin", &unsaid, &taken, &m->err), &m->err);
	assert_string_equal(whose(m, UDID_B), "p-anna p-anna");
}

/* ---- identities of an outside CA ---- */

/* A phone with one, of that name; *pem: the CAs so far, which are believed. */
static struct phone *
outside_named(struct mdm *m, const char *udid, const char *cn, const char **pem)
{
	struct phone *p = phone_new(m, udid, NULL);
	char *sha256 = mem_size(m->ctx, X509_FINGERPRINT_SIZE);
	struct bytes ca;

	p->cert = mem_new(m->ctx, struct certificate);
	p->cert->der = mdm_foreign(m, cn, &ca, 100);
	p->cert->sha256 = x509_der_sha256(p->cert->der, sha256);
	*pem = mem_printf(m->ctx, "%s%.*s", *pem, (int)ca.len, (const char *)ca.p);
	assert_ok(ca_trust(m->ca, (struct bytes){ *pem, strlen(*pem) }, &m->err), &m->err);
	return p;
}

static struct phone *
outside(struct mdm *m, const char *udid, const char *session, const char **pem)
{
	return outside_named(m, udid, mem_printf(m->ctx, "device %s", session), pem);
}

static void
must_3_a_fleet_with_identities_of_an_outside_ca_is_asked_to_wait_listed_and_taken_in(void **state)
{
	struct mdm *m = mdm_new(*state);
	const char *pem = "", *command;
	struct came_back_taken taken;
	struct phone *p[3], *sleeps = phone_enrolled(m, UDID_C);

	for (int i = 0; i < 3; i++)
		p[i] = outside(m, i == 2 ? UDID_C : i ? UDID_B : UDID_A, secret_id(*state), &pem);
	phone_is_refused(p[0], phone_command(p[0], phone_idle_xml(p[0])), ERR_BUSY);
	assert_string_equal(m->err.code, "came_back");
	phone_is_refused(p[0], phone_token(p[0], ""), ERR_BUSY);
	phone_is_refused(p[1], phone_authenticate(p[1]), ERR_BUSY);
	phone_is_refused(p[2], phone_command(p[2], phone_idle_xml(p[2])), ERR_BUSY);
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM enrollment"), 1);
	assert_int_equal(mdm_audited(m, "enrollment.refused"), 0);
	assert_ok(came_back_take_all(m->db, m->ca, "anna", &unsaid, &taken, &m->err), &m->err);
	assert_int_equal(taken.n, 2);
	assert_int_equal(taken.managed, 1);
	takes_the_place_of(p[2], sleeps);
	for (int i = 0; i < 3; i++)
		assert_null(phone_idle(p[i]));
	assert_memory_equal(phone_enrollment(p[0])->token.p, p[0]->token, 32);
	command = mdm_queue(m, p[0], "ProfileList", 0);
	assert_string_equal(phone_idle(p[0]), command);
	phone_enrolls(p[1]);
	assert_int_equal(mdm_number(m, mem_printf(*state, "SELECT count(*) FROM enrollment WHERE state = 'enrolled' AND identity_ends = %lld",
						  (long long)clock_now() + 100 * DAY_S)), 3);	/* so that they are renewed in time */
	assert_int_equal(mdm_number(m, mem_printf(*state, "SELECT count(*) FROM certificate WHERE sha256 = '%s'", p[0]->cert->sha256)), 0);
}

static void
an_outside_identity_whose_session_was_open_when_the_backup_was_made_comes_back_as_its_persons(void **state)
{
	struct mdm *m = mdm_new(*state);
	const char *pem = "", *late;
	struct phone *p, *thief;

	mdm_person(m, "p-anna", "anna");
	late = mdm_session(m, "ota", UDID_A, NULL, "p-anna");
	p = outside(m, UDID_A, late, &pem);
	thief = outside(m, UDID_B, late, &pem);
	mdm_at(m, "2026-11-24T13:00:00Z");	/* over, and no Authenticate of it as far as we know */
	phone_is_refused(thief, phone_command(thief, phone_idle_xml(thief)), ERR_MALFORMED);
	phone_is_refused(thief, phone_token(thief, ""), ERR_MALFORMED);
	phone_is_refused(p, phone_token(p, ""), ERR_BUSY);
	assert_ok(enroll_session_sweep(m->db, &m->err), &m->err);
	assert_string_equal(mdm_text(m, "SELECT state FROM enroll_session"), "expired");
	phone_is_refused(p, phone_command(p, phone_idle_xml(p)), ERR_BUSY);
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM came_back"), 1);
	assert_ok(came_back_take(m->db, m->ca, "anna", p->cert->sha256, &unsaid, &m->err), &m->err);
	assert_string_equal(whose(m, UDID_A), "p-anna p-anna");
	assert_null(phone_idle(p));
}

static void
an_outside_certificate_that_no_lost_session_asked_for_comes_back_as_nobody(void **state)
{
	struct mdm *m = mdm_new(*state);
	const char *pem = "";
	struct phone *victim = phone_enrolled(m, UDID_A), *gone = phone_enrolled(m, UDID_B), *p[4];

	p[0] = outside(m, UDID_A, victim->session, &pem);	/* that session brought another one */
	p[1] = outside(m, UDID_B, mdm_session(m, "renewal", UDID_B, NULL, NULL), &pem);
	assert_ok(db_run(m->db, &m->err, "UPDATE enroll_session SET enrollment_id = $1, expires = 0 WHERE kind = 'renewal'",
			 db_text(phone_enrollment(gone)->id)), &m->err);
	assert_ok(enrollment_retire(m->db, "anna", phone_enrollment(gone)->device_id, "lost", &m->err), &m->err);
	p[2] = outside_named(m, UDID_C, "a laptop of the company", &pem);
	p[3] = outside(m, UDID_C, "none of ours", &pem);
	for (int i = 0; i < 4; i++) {
		phone_is_refused(p[i], phone_command(p[i], phone_idle_xml(p[i])), ERR_MALFORMED);
		assert_string_equal(m->err.code, "not_its_identity");
		phone_is_refused(p[i], phone_token(p[i], ""), ERR_MALFORMED);
		phone_is_refused(p[i], phone_authenticate(p[i]), ERR_MALFORMED);
	}
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM came_back"), 0);
	assert_null(phone_idle(victim));
}

static void
who_came_back_by_a_ca_that_is_not_believed_any_more_is_not_taken_in(void **state)
{
	struct mdm *m = mdm_new(*state);
	const char *pem = "";
	struct phone *p = outside(m, UDID_A, secret_id(*state), &pem), *q = outside(m, UDID_B, secret_id(*state), &pem);

	phone_is_refused(p, phone_token(p, ""), ERR_BUSY);
	phone_is_refused(q, phone_token(q, ""), ERR_BUSY);
	assert_ok(came_back_refuse(m->db, "anna", q->cert->sha256, &m->err), &m->err);
	phone_is_refused(q, phone_command(q, phone_idle_xml(q)), ERR_DENIED);
	assert_string_equal(m->err.code, "retired");
	assert_ok(ca_trust(m->ca, (struct bytes){ 0 }, &m->err), &m->err);
	assert_false(came_back_take(m->db, m->ca, "anna", p->cert->sha256, &unsaid, &m->err));
	assert_int_equal(m->err.kind, ERR_CONFLICT);
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM came_back WHERE state = 'waiting'"), 1);
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM enrollment"), 0);
}

static void
whoever_has_the_challenge_of_an_outside_ca_does_not_fill_the_list(void **state)
{
	struct mdm *m = mdm_new(*state);
	const char *pem = "";
	struct phone *p = outside(m, UDID_A, secret_id(*state), &pem), *q = outside(m, UDID_B, secret_id(*state), &pem), *ours;

	phone_is_refused(p, phone_token(p, ""), ERR_BUSY);
	assert_ok(db_run(m->db, &m->err, "INSERT INTO came_back (sha256, subject, udid, certificate, first_seen, last_seen)"
			 " WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1) SELECT 'x' || i, '', 'y' || i,"
			 " $2, 1, 1 FROM n", db_int(CAME_BACK_OUTSIDE_MAX), db_bytes((struct bytes){ "z", 1 })), &m->err);
	phone_is_refused(q, phone_token(q, ""), ERR_BUSY);	/* it waits, and is not sent away */
	phone_is_refused(p, phone_token(p, ""), ERR_BUSY);
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM came_back"), CAME_BACK_OUTSIDE_MAX + 1);
	ours = phone_new(m, UDID_C, NULL);
	ours->cert = mdm_issue(m, CA_MDM, NULL, false);
	phone_is_refused(ours, phone_token(ours, ""), ERR_BUSY);
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM came_back"), CAME_BACK_OUTSIDE_MAX + 2);
	assert_ok(db_run(m->db, &m->err, "DELETE FROM came_back WHERE first_seen = 1"), &m->err);
	phone_is_refused(q, phone_token(q, ""), ERR_BUSY);
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM came_back"), 3);
}

TESTS(must_3_our_certificate_without_a_row_is_listed_and_nobody_is_sent_away,
      a_fleet_that_came_back_is_taken_in_at_once_and_asked_for_its_tokens,
      nobody_comes_back_as_a_device_that_is_still_heard_of,
      who_claims_to_be_a_sleeping_phone_has_its_place_only_from_one_who_has_looked_at_both,
      a_device_that_has_renewed_its_identity_since_is_known_by_the_secret_of_its_pushes,
      who_came_back_cannot_become_another_device_under_the_admins_eyes,
      a_certificate_of_ours_for_something_else_comes_back_as_no_device,
      a_certificate_that_we_know_and_that_nothing_binds_comes_back_as_nobody,
      a_session_of_which_an_identity_came_is_not_forgotten,
      who_was_taken_in_renews_its_identity_as_any_device,
      enrolled_as_far_as_it_knows_and_only_staged_here_came_back_too,
      who_came_back_is_pushed_under_the_topic_that_its_session_gave_it,
      who_came_back_and_is_refused_is_told_to_leave,
      a_phone_that_may_have_changed_hands_comes_in_for_nobody_unless_an_admin_says_whose_it_is,
      a_fleet_where_no_phone_changed_hands_is_taken_in_for_whom_our_records_name,
      must_3_a_fleet_with_identities_of_an_outside_ca_is_asked_to_wait_listed_and_taken_in,
      an_outside_identity_whose_session_was_open_when_the_backup_was_made_comes_back_as_its_persons,
      an_outside_certificate_that_no_lost_session_asked_for_comes_back_as_nobody,
      who_came_back_by_a_ca_that_is_not_believed_any_more_is_not_taken_in,
      whoever_has_the_challenge_of_an_outside_ca_does_not_fill_the_list)
