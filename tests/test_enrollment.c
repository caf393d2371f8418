/* From Authenticate to the end of an enrollment: what check-ins change, and what they may not. */
#include "tests/check_mdm.h"
#include "mdm/push.h"
#include "mdm/push_due.h"
#include "core/clock.h"
#include "core/count.h"
#include "core/json.h"
#include "mdm/came_back.h"
#include "mdm/challenge.h"
#include "mdm/counted.h"
#include "mdm/enroll_session.h"
#include "mdm/enrollment_settle.h"
#include "mdm/enrollment_turn.h"
#include "mdm/escrow.h"
#include <openssl/x509.h>

/* ---- enrolling ---- */

static void
must_7_and_behaviour_5_authenticate_stages_and_the_first_token_update_enrolls(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct phone *p = phone_new(m, UDID_A, mdm_session(m, "ota", UDID_A, "F2LX1234", NULL));
	struct enrollment *e;

	assert_ok(phone_authenticate(p), &m->err);
	assert_string_equal(m->text, "");
	assert_string_equal(phone_state(p), "staged");
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM device WHERE enrollment_id IS NOT NULL"), 0);
	assert_int_equal(mdm_wish(m, p, (struct queue_wish){ .request_type = "ProfileList" }, NULL), QUEUE_NOT_ENROLLED);
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM push_due"), 0);	/* nobody who could be pushed */
	assert_ok(phone_token(p, ""), &m->err);
	e = phone_enrollment(p);
	assert_string_equal(e->state, "enrolled");
	assert_int_equal(e->token.len, 32);
	assert_memory_equal(e->token.p, p->token, 32);
	assert_string_equal(e->push_magic, p->magic);
	assert_string_equal(e->topic, TOPIC);
	assert_string_equal(mdm_text(m, "SELECT enrollment_id FROM device"), e->id);
	assert_string_equal(mdm_text(m, "SELECT os_version || os_build || product || serial FROM device"),
			    "18.122B83iPhone15,4F2LX1234");
	assert_string_equal(mdm_text(m, "SELECT state FROM enroll_session"), "done");
	assert_int_equal(mdm_audited(m, "enrollment.enrolled"), 1);
}

static void
a_token_update_before_authenticate_enrolls_nobody(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct phone *p = phone_ota(m, UDID_A, NULL);

	phone_is_refused(p, phone_token(p, ""), ERR_BUSY);
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM enrollment"), 0);
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM came_back"), 1);
}

static void
must_7_enrolling_again_swaps_queue_token_and_binding_in_one_step(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct phone *old = phone_enrolled(m, UDID_A), *new;
	const char *a = mdm_queue(m, old, "ProfileList", 0), *before = phone_enrollment(old)->id;

	new = phone_ota(m, UDID_A, NULL);
	assert_ok(phone_authenticate(new), &m->err);
	/* Only begun: what was before goes on. */
	assert_string_equal(phone_idle(old), a);
	assert_string_equal(mdm_text(m, "SELECT enrollment_id FROM device"), before);
	assert_ok(phone_token(new, ""), &m->err);
	assert_string_equal(mdm_text(m, "SELECT enrollment_id FROM device"), phone_enrollment(new)->id);
	assert_string_equal(phone_state(old), "replaced");
	assert_null(phone_idle(new));
	assert_string_equal(mdm_text(m, "SELECT state FROM command_history"), "cancelled");
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM command_queue"), 0);
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM enrollment WHERE token IS NOT NULL"), 1);
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM certificate WHERE reason = 'superseded'"), 1);
	phone_is_refused(old, phone_command(old, phone_idle_xml(old)), ERR_MALFORMED);
	phone_is_refused(old, phone_token(old, ""), ERR_MALFORMED);
	assert_int_equal(mdm_audited(m, "enrollment.old_identity"), 1);
}

static bool
hook_fails(struct db *tx, void *site, const struct enrollment *e, struct err *err)
{
	(void)tx, (void)site, (void)e;
	return err_set(err, ERR_INTERNAL, "the disk is gone");
}

static void
what_fails_on_the_way_leaves_all_as_it_was(void **state)
{
	static const struct enrollment_hooks hooks = { .enrolled = hook_fails };	/* the last step of all */
	struct mdm *m = mdm_new(*state);
	struct phone *old = phone_enrolled(m, UDID_A), *new;
	const char *a = mdm_queue(m, old, "ProfileList", 0);

	new = phone_ota(m, UDID_A, NULL);
	assert_ok(phone_authenticate(new), &m->err);
	enrollment_hooks(&hooks, NULL);
	phone_is_refused(new, phone_token(new, ""), ERR_INTERNAL);
	assert_string_equal(phone_state(old), "enrolled");
	assert_string_equal(phone_state(new), "staged");
	assert_string_equal(phone_idle(old), a);
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM enrollment WHERE token IS NOT NULL"), 1);
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM certificate WHERE revoked IS NOT NULL"), 0);
	enrollment_hooks(NULL, NULL);
	assert_ok(phone_token(new, ""), &m->err);
	assert_string_equal(phone_state(old), "replaced");
}

/* The database refuses this one statement, as a full disk or a kill would end it there. */
static void
break_at(struct mdm *m, const char *what)
{
	assert_ok(db_runv(m->db, &m->err, mem_printf(m->ctx, "CREATE TRIGGER broken BEFORE %s BEGIN SELECT RAISE(ABORT,"
						     " 'the disk is gone'); END", what), DB_VALS()), &m->err);
}

static void
mend(struct mdm *m)
{
	assert_ok(db_run(m->db, &m->err, "DROP TRIGGER broken"), &m->err);
}

static void
behaviour_4_wherever_it_breaks_the_state_is_the_old_or_the_new_and_never_mixed(void **state)
{
	static const char *const steps[] = {
		"UPDATE ON enrollment", "UPDATE OF state ON enrollment", "UPDATE OF token ON enrollment", "UPDATE ON device",
		"UPDATE ON certificate", "INSERT ON command_history", "DELETE ON command_queue", "DELETE ON push_due",
		"UPDATE ON enroll_session", "INSERT ON audit",
	};
	struct mdm *m = mdm_new(*state);
	struct phone *old = phone_enrolled(m, UDID_A), *new;
	const char *before;

	mdm_queue(m, old, "ProfileList", 0);
	new = phone_ota(m, UDID_A, NULL);
	assert_ok(phone_authenticate(new), &m->err);
	before = mdm_snapshot(m);
	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
		break_at(m, steps[i]);
		phone_is_refused(new, phone_token(new, ""), ERR_INTERNAL);
		mend(m);
		assert_string_equal(mdm_snapshot(m), before);
	}
	assert_ok(phone_token(new, ""), &m->err);
	assert_string_not_equal(mdm_snapshot(m), before);
	before = mdm_snapshot(m);
	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
		if (i == 2 || i == 4 || i == 8)
			continue;	/* of no concern to who leaves */
		mdm_queue(m, new, "ProfileList", 0);
		before = mdm_snapshot(m);
		break_at(m, steps[i]);
		phone_is_refused(new, phone_check_out(new), ERR_INTERNAL);
		mend(m);
		assert_string_equal(mdm_snapshot(m), before);
	}
	assert_ok(phone_check_out(new), &m->err);
	assert_string_equal(phone_state(new), "removed");
}

static void
authenticate_under_the_same_identity_resets_with_the_next_token_update(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct phone *p = phone_enrolled(m, UDID_A);
	const char *a = mdm_queue(m, p, "ProfileList", 0);

	assert_ok(phone_token(p, "<key>UnlockToken</key><data>AQID</data>"), &m->err);
	assert_ok(phone_authenticate(p), &m->err);
	assert_string_equal(phone_idle(p), a);	/* nothing is lost by what was only begun */
	assert_ok(phone_token(p, ""), &m->err);
	assert_null(phone_idle(p));
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM enrollment WHERE unlock_token IS NOT NULL"), 0);
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM enrollment"), 1);
	a = mdm_queue(m, p, "ProfileList", 0);
	assert_ok(phone_token(p, ""), &m->err);	/* once */
	assert_string_equal(phone_idle(p), a);
}

/* ---- whose ---- */

static void
behaviour_7_a_fresh_certificate_with_the_udid_of_another_takes_nothing_over_and_is_audited(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct phone *victim = phone_enrolled(m, UDID_A), *thief;
	const char *a = mdm_queue(m, victim, "ProfileList", 0);

	thief = phone_ota(m, UDID_B, NULL);
	thief->udid = UDID_A;
	phone_is_refused(thief, phone_authenticate(thief), ERR_MALFORMED);
	assert_string_equal(m->err.code, "not_its_identity");
	phone_is_refused(thief, phone_token(thief, ""), ERR_MALFORMED);
	phone_is_refused(thief, phone_command(thief, phone_idle_xml(thief)), ERR_MALFORMED);
	assert_string_equal(phone_idle(victim), a);
	assert_memory_equal(phone_enrollment(victim)->token.p, victim->token, 32);
	assert_int_equal(mdm_audited(m, "enrollment.refused"), 1);
	phone_is_refused(thief, phone_authenticate(thief), ERR_MALFORMED);
	assert_int_equal(mdm_audited(m, "enrollment.refused"), 1);	/* once an hour: it may repeat itself for ever */
}

static void
must_4_the_identity_of_one_device_does_not_speak_for_another_on_either_url(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct phone *a = phone_enrolled(m, UDID_A), *b = phone_enrolled(m, UDID_B);
	struct certificate *own = a->cert;
	const char *command = mdm_queue(m, b, "ProfileList", 0);

	b->cert = own;	/* says it is B, shows A's */
	phone_is_refused(b, phone_command(b, phone_idle_xml(b)), ERR_MALFORMED);
	phone_is_refused(b, phone_authenticate(b), ERR_MALFORMED);
	phone_is_refused(b, phone_token(b, ""), ERR_MALFORMED);
	phone_is_refused(b, phone_check_out(b), ERR_MALFORMED);
	phone_is_refused(b, phone_checkin(b, mdm_dict(m, "<key>MessageType</key><string>GetBootstrapToken</string><key>UDID</key>"
			  "<string>" UDID_B "</string>")), ERR_MALFORMED);
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM enrollment WHERE state = 'enrolled'"), 2);
	assert_string_equal(mdm_text(m, "SELECT c.uuid FROM command_queue q JOIN command c ON c.id = q.command_id"
				     " WHERE q.state = 'ready'"), command);
}

static void
a_serial_number_that_is_not_the_sessions_is_refused(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct phone *p = phone_new(m, UDID_A, mdm_session(m, "ota", UDID_A, "OTHER123", NULL));

	phone_is_refused(p, phone_authenticate(p), ERR_MALFORMED);
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM device"), 0);
}

static void
a_direct_session_takes_the_first_device_and_no_second(void **state)
{
	struct mdm *m = mdm_new(*state);
	const char *session = mdm_session(m, "direct", NULL, NULL, NULL);
	struct phone *p = phone_new(m, UDID_A, session), *q;

	assert_ok(phone_authenticate(p), &m->err);
	q = phone_new(m, UDID_B, session);
	phone_is_refused(q, phone_authenticate(q), ERR_MALFORMED);
	assert_ok(phone_token(p, ""), &m->err);
	phone_is_refused(q, phone_authenticate(q), ERR_MALFORMED);
	assert_string_equal(phone_state(p), "enrolled");
}

static void
a_direct_session_does_not_take_a_device_from_another_person(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct phone *anna, *mallory, *again;

	mdm_person(m, "1", "anna");
	mdm_person(m, "2", "mallory");
	anna = phone_ota(m, UDID_A, "1");
	phone_enrolls(anna);
	mallory = phone_direct(m, UDID_A, "2");
	phone_is_refused(mallory, phone_authenticate(mallory), ERR_MALFORMED);
	assert_null(phone_idle(anna));
	again = phone_direct(m, UDID_A, "1");
	phone_enrolls(again);
	assert_string_equal(phone_state(anna), "replaced");
	assert_string_equal(mdm_text(m, "SELECT person_id FROM device"), "1");
}

static void
what_only_began_does_not_take_a_device_that_is_somebody_elses_by_now(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct phone *anna, *mallory, *again;

	mdm_person(m, "1", "anna");
	mdm_person(m, "2", "mallory");
	anna = phone_ota(m, UDID_A, "1");
	phone_enrolls(anna);
	assert_ok(phone_check_out(anna), &m->err);
	mallory = phone_direct(m, UDID_A, "2");
	assert_ok(phone_authenticate(mallory), &m->err);	/* nobody's, at this moment */
	mdm_at(m, "2026-11-22T13:30:00Z");
	assert_null(phone_idle(anna));	/* from a backup */
	assert_string_equal(phone_state(anna), "enrolled");
	assert_string_equal(phone_state(mallory), "replaced");
	phone_is_refused(mallory, phone_token(mallory, ""), ERR_MALFORMED);
	assert_string_equal(phone_state(anna), "enrolled");
	/* And where it was not ended: the device is given to another person between the two messages. */
	again = phone_direct(m, UDID_A, "1");
	assert_ok(phone_authenticate(again), &m->err);
	assert_ok(db_run(m->db, &m->err, "UPDATE enrollment SET person_id = '2' WHERE state = 'enrolled'"), &m->err);
	phone_is_refused(again, phone_token(again, ""), ERR_MALFORMED);
	assert_string_equal(m->err.code, "not_its_identity");
	assert_string_equal(phone_state(anna), "enrolled");
	assert_null(phone_idle(anna));
}

/* The Profile Service has proven that it is anna's: a UDID that somebody claims does not push it aside. */
static void
what_somebody_else_has_staged_cannot_be_taken_over_by_a_direct_session(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct phone *anna, *mallory, *bert;

	mdm_person(m, "1", "anna");
	mdm_person(m, "2", "mallory");
	anna = phone_ota(m, UDID_A, "1");
	mallory = phone_direct(m, UDID_A, "2");
	assert_ok(phone_authenticate(anna), &m->err);
	phone_is_refused(mallory, phone_authenticate(mallory), ERR_MALFORMED);
	assert_string_equal(phone_state(anna), "staged");
	assert_ok(phone_token(anna, ""), &m->err);
	assert_string_equal(phone_state(anna), "enrolled");
	/* The other way round the proven one takes it, and what was pushed aside keeps no good certificate. */
	bert = phone_direct(m, UDID_B, "2");
	assert_ok(phone_authenticate(bert), &m->err);
	anna = phone_ota(m, UDID_B, "1");
	assert_ok(phone_authenticate(anna), &m->err);
	assert_string_equal(phone_state(bert), "replaced");
	phone_is_refused(bert, phone_token(bert, ""), ERR_MALFORMED);
	assert_string_equal(mdm_text(m, mem_printf(*state, "SELECT reason FROM certificate WHERE sha256 = '%s'",
						   bert->cert->sha256)), "superseded");
	assert_ok(phone_token(anna, ""), &m->err);
	/* And what anna never ended keeps nobody out for ever. */
	anna = phone_new(m, "00008120-00000000000000AA", mdm_session(m, "ota", "00008120-00000000000000AA", NULL, "1"));
	assert_ok(phone_authenticate(anna), &m->err);
	mdm_at(m, "2026-11-23T12:30:00Z");
	bert = phone_new(m, "00008120-00000000000000AA", mdm_session(m, "direct", NULL, NULL, "2"));
	assert_ok(phone_authenticate(bert), &m->err);
}

static void
who_was_disabled_after_the_mobileconfig_was_handed_out_enrolls_nothing(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct phone *p;

	mdm_person(m, "1", "anna");
	p = phone_ota(m, UDID_A, "1");
	assert_ok(db_run(m->db, &m->err, "UPDATE person SET disabled = TRUE"), &m->err);
	phone_is_refused(p, phone_authenticate(p), ERR_MALFORMED);
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM enrollment"), 0);
	assert_ok(db_run(m->db, &m->err, "UPDATE person SET disabled = FALSE"), &m->err);
	assert_ok(phone_authenticate(p), &m->err);
	assert_ok(db_run(m->db, &m->err, "UPDATE person SET disabled = TRUE"), &m->err);
	phone_is_refused(p, phone_token(p, ""), ERR_MALFORMED);
	assert_string_equal(phone_state(p), "staged");
	assert_ok(db_run(m->db, &m->err, "UPDATE person SET disabled = FALSE"), &m->err);
	assert_ok(phone_token(p, ""), &m->err);
	/* Whose device is managed stays under management: that is IT's to end. */
	assert_ok(db_run(m->db, &m->err, "UPDATE person SET disabled = TRUE"), &m->err);
	assert_null(phone_idle(p));
	assert_ok(phone_token(p, ""), &m->err);
	/* Nor does a device whose person is gone altogether come in. */
	mdm_person(m, "2", "bert");
	p = phone_ota(m, UDID_B, "2");
	assert_ok(phone_authenticate(p), &m->err);
	assert_ok(db_run(m->db, &m->err, "DELETE FROM person WHERE id = '2'"), &m->err);
	phone_is_refused(p, phone_token(p, ""), ERR_MALFORMED);
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM enrollment WHERE state = 'enrolled'"), 1);
}

static void
who_is_retired_does_not_come_in_by_what_was_under_way(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct phone *p = phone_enrolled(m, UDID_A), *again;
	const char *device = phone_enrollment(p)->device_id;

	again = phone_ota(m, UDID_A, NULL);
	assert_ok(phone_authenticate(again), &m->err);
	assert_ok(enrollment_retire(m->db, "anna", device, "lost", &m->err), &m->err);
	phone_is_refused(again, phone_token(again, ""), ERR_DENIED);
	phone_is_refused(p, phone_token(p, ""), ERR_DENIED);
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM enrollment WHERE state = 'retired'"), 2);
	assert_false(enrollment_retire(m->db, "anna", device, "lost", &m->err));
	assert_int_equal(m->err.kind, ERR_MISSING);
	/* Also one that has only begun. */
	p = phone_ota(m, UDID_B, NULL);
	assert_ok(phone_authenticate(p), &m->err);
	assert_ok(enrollment_retire(m->db, "anna", phone_enrollment(p)->device_id, "lost", &m->err), &m->err);
	phone_is_refused(p, phone_token(p, ""), ERR_DENIED);
}

static void
who_is_retired_does_not_come_in_by_an_identity_that_it_has_not_shown(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct phone *p = phone_enrolled(m, UDID_A), *again = phone_ota(m, UDID_A, NULL), *other = phone_ota(m, UDID_B, NULL);
	const char *device = phone_enrollment(p)->device_id;

	assert_ok(enrollment_retire(m->db, "anna", device, "lost", &m->err), &m->err);
	assert_false(phone_authenticate(again));
	assert_false(phone_token(again, ""));
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM enrollment WHERE state IN ('enrolled', 'staged')"), 0);
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM enroll_session WHERE state = 'failed' AND why = 'released'"), 1);
	phone_enrolls(other);
	/* what begins behind that is a new beginning */
	phone_enrolls(phone_ota(m, UDID_A, NULL));
}

static void
a_second_person_on_the_same_device_is_told_by_the_session(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct phone *anna, *bert, *nobody;

	mdm_person(m, "1", "anna");
	mdm_person(m, "2", "bert");
	anna = phone_ota(m, UDID_A, "1");
	phone_enrolls(anna);
	bert = phone_ota(m, UDID_A, "2");
	phone_enrolls(bert);
	assert_string_equal(mdm_text(m, "SELECT person_id FROM device"), "2");
	/* Enrolled for nobody it is nobody's: what was for bert must not reach who has it now. */
	nobody = phone_new(m, UDID_A, mdm_session(m, "ota", UDID_A, NULL, NULL));
	assert_ok(phone_authenticate(nobody), &m->err);
	assert_ok(phone_token(nobody, ""), &m->err);
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM device WHERE person_id IS NULL"), 1);
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM device"), 1);
}

static void
a_session_that_is_over_enrolls_nobody(void **state)
{
	struct mdm *m = mdm_new(*state);
	const char *session = mdm_session(m, "ota", UDID_A, NULL, NULL);
	struct phone *p = phone_new(m, UDID_A, session);

	assert_ok(db_run(m->db, &m->err, "UPDATE enroll_session SET state = 'failed'"), &m->err);
	phone_is_refused(p, phone_authenticate(p), ERR_MALFORMED);
}

static const char *
renewal_of(struct mdm *m, struct phone *p)
{
	const char *session = mdm_session(m, "renewal", p->udid, NULL, NULL);

	assert_ok(db_run(m->db, &m->err, "UPDATE enroll_session SET enrollment_id = $1 WHERE id = $2",
			 db_text(phone_enrollment(p)->id), db_text(session)), &m->err);
	return session;
}

/* ---- what it was offered ---- */

#define OTHER_TOPIC	"com.apple.mgmt.External.00000000-1111-4222-8333-444455556666"

/* A check-in of it: who is "UDID" or "EnrollmentID"; topic NULL: it says none. */
static bool
says_of_itself(struct phone *p, const char *type, const char *who, const char *topic)
{
	struct mdm *m = p->mdm;

	return phone_checkin(p, mdm_dict(m, mem_printf(m->ctx, "<key>MessageType</key><string>%s</string><key>%s</key>"
		"<string>%s</string>%s<key>PushMagic</key><string>m</string><key>Token</key><data>"
		"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=</data>", type, who, p->udid,
		topic ? mem_printf(m->ctx, "<key>Topic</key><string>%s</string>", topic) : "")));
}

static bool
reports_as(struct phone *p, const char *who)
{
	return phone_command(p, mdm_dict(p->mdm, mem_printf(p->mdm->ctx, "<key>%s</key><string>%s</string><key>Status</key>"
		"<string>Idle</string>", who, p->udid)));
}

static void
an_enrollment_of_a_user_was_not_offered_and_nothing_of_it_takes_effect(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct phone *all[] = { phone_direct(m, "A1B2C3D4-USER", NULL), phone_direct(m, UDID_A, NULL),
				phone_ota(m, UDID_A, NULL) };	/* the UDID itself, called so, would pass the session's check */
	int64_t counted = count_get(COUNT_MDM_OTHER_KIND);

	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		phone_is_refused(all[i], says_of_itself(all[i], "Authenticate", "EnrollmentID", TOPIC), ERR_MALFORMED);
		assert_string_equal(m->err.code, "not_its_identity");
		phone_is_refused(all[i], says_of_itself(all[i], "TokenUpdate", "EnrollmentID", TOPIC), ERR_MALFORMED);
		phone_is_refused(all[i], reports_as(all[i], "EnrollmentID"), ERR_MALFORMED);
	}
	assert_int_equal(count_get(COUNT_MDM_OTHER_KIND), counted + 9);
	assert_int_equal(mdm_number(m, "SELECT (SELECT count(*) FROM enrollment) + (SELECT count(*) FROM device)"
				       " + (SELECT count(*) FROM came_back)"), 0);
	mdm_settles(m);
	assert_int_equal(mdm_audited(m, "enrollment.refused"), 3);
	phone_enrolls(all[2]);	/* as it was offered */
	assert_string_equal(phone_enrollment(all[2])->kind, "device");
	assert_int_equal(phone_enrollment(all[2])->access_rights, 8191);
}

static void
no_later_message_changes_from_the_udid_to_an_enrollment_id_or_back(void **state)
{
	static const char *const messages[] = { "Authenticate", "TokenUpdate", "CheckOut" };
	struct mdm *m = mdm_new(*state);
	struct phone *p = phone_enrolled(m, UDID_A), *lost = phone_new(m, UDID_B, NULL);
	const char *before;

	phone_is_refused(p, reports_as(p, "EnrollmentID"), ERR_MALFORMED);	/* in the audit, once an hour */
	before = mdm_snapshot(m);
	for (size_t i = 0; i < 3; i++)
		phone_is_refused(p, says_of_itself(p, messages[i], "EnrollmentID", TOPIC), ERR_MALFORMED);
	phone_is_refused(p, reports_as(p, "EnrollmentID"), ERR_MALFORMED);
	assert_string_equal(mdm_snapshot(m), before);
	/* One that an older version has let begin so stays so. */
	assert_ok(db_run(m->db, &m->err, "UPDATE enrollment SET kind = 'user'"), &m->err);
	before = mdm_snapshot(m);
	for (size_t i = 0; i < 3; i++)
		phone_is_refused(p, says_of_itself(p, messages[i], "UDID", TOPIC), ERR_MALFORMED);
	phone_is_refused(p, reports_as(p, "UDID"), ERR_MALFORMED);
	assert_string_equal(mdm_snapshot(m), before);
	assert_ok(reports_as(p, "EnrollmentID"), &m->err);
	assert_ok(says_of_itself(p, "CheckOut", "EnrollmentID", TOPIC), &m->err);
	assert_string_equal(phone_state(p), "removed");
	/* Of which our records are lost: nobody is taken in as what we never offer. */
	assert_ok(db_run(m->db, &m->err, "DELETE FROM certificate WHERE sha256 = $1", db_text(lost->cert->sha256)), &m->err);
	phone_is_refused(lost, says_of_itself(lost, "TokenUpdate", "EnrollmentID", TOPIC), ERR_MALFORMED);
	phone_is_refused(lost, reports_as(lost, "EnrollmentID"), ERR_MALFORMED);
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM came_back"), 0);
	phone_is_refused(lost, says_of_itself(lost, "TokenUpdate", "UDID", TOPIC), ERR_BUSY);
}

/* ---- begun, and not over ---- */

static void
an_authenticate_that_is_repeated_before_the_first_token_is_no_return(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct phone *p;

	mdm_listens(m);
	p = phone_ota(m, UDID_A, NULL);
	assert_ok(phone_authenticate(p), &m->err);
	mdm_at(m, "2026-11-22T12:00:05Z");
	assert_ok(phone_authenticate(p), &m->err);	/* our answer was lost */
	assert_ok(phone_token(p, ""), &m->err);
	assert_int_equal(mdm_audited(m, "enrollment.enrolled"), 1);
	assert_int_equal(mdm_audited(m, "enrollment.returned"), 0);
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM enroll_session WHERE state = 'done' AND enrollment_id IS NOT NULL"), 1);
	assert_int_equal(mdm_number(m, "SELECT returned FROM enrollment"), 0);
}

static void
behaviour_5_who_leaves_before_the_first_token_has_not_been_enrolled(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct phone *p;
	int told;

	mdm_listens(m);
	p = phone_ota(m, UDID_A, NULL);
	assert_ok(phone_authenticate(p), &m->err);
	assert_ok(phone_check_out(p), &m->err);
	told = mdm_told.enrolled;
	mdm_at(m, "2026-11-22T14:00:05Z");
	phone_idle(p);
	assert_string_equal(phone_state(p), "removed");
	assert_int_equal(mdm_told.enrolled, told);
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM enroll_session WHERE state = 'staged'"), 1);

	/* and may begin once more by the same mobileconfig */
	mdm_at(m, "2026-11-22T14:00:10Z");
	assert_ok(phone_authenticate(p), &m->err);
	assert_ok(phone_token(p, ""), &m->err);
	assert_string_equal(phone_state(p), "enrolled");
	assert_int_equal(mdm_audited(m, "enrollment.enrolled"), 1);
}

/* ---- its token ---- */

static void
a_token_told_of_since_its_push_was_taken_is_not_dead_by_that_push(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct phone *p = phone_enrolled(m, UDID_A);
	struct apns_answer gone = { .todo = APNS_GONE, .status = 410 };
	struct push_outcome outcome;
	struct push_row *rows;
	size_t n, bulk;

	snprintf(gone.reason, sizeof gone.reason, "Unregistered");
	mdm_queue(m, p, "ProfileList", 0);
	for (int timed = 1; timed >= 0; timed--) {
		mdm_at(m, timed ? "2026-11-22T12:10:00Z" : "2026-11-22T12:20:00Z");
		assert_ok(push_take(m->ctx, m->db, TOPIC, 10, 10, &rows, &n, &bulk, &m->err), &m->err);
		assert_int_equal(n, 1);
		gone.timestamp = timed ? (clock_now() - 300) * 1000 : 0;	/* while the push is on its way, the device is back */
		mdm_at(m, timed ? "2026-11-22T12:10:01Z" : "2026-11-22T12:20:01Z");
		assert_ok(phone_token(p, ""), &m->err);
		outcome = (struct push_outcome){ rows, gone };
		assert_ok(push_record(m->db, &outcome, 1, &m->err), &m->err);
		assert_string_equal(mdm_text(m, "SELECT token_bad FROM enrollment"), "");
		assert_int_equal(mdm_number(m, "SELECT count(*) FROM push_due WHERE NOT taken"), 1);
	}
	/* and one that it has not told of since, is */
	mdm_at(m, "2026-11-22T12:30:00Z");
	assert_ok(push_take(m->ctx, m->db, TOPIC, 10, 10, &rows, &n, &bulk, &m->err), &m->err);
	gone.timestamp = clock_now() * 1000;
	outcome = (struct push_outcome){ rows, gone };
	assert_ok(push_record(m->db, &outcome, 1, &m->err), &m->err);
	assert_string_equal(mdm_text(m, "SELECT token_bad FROM enrollment"), "Unregistered");
}

static void
a_token_that_no_push_can_carry_is_shown_as_bad(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct phone *p = phone_enrolled(m, UDID_A);
	struct push_row *rows;
	size_t n, bulk;

	assert_ok(db_run(m->db, &m->err, "UPDATE enrollment SET token = CAST(printf('%300s', 'x') AS BLOB)"), &m->err);
	mdm_queue(m, p, "ProfileList", 0);
	mdm_at(m, "2026-11-22T12:10:00Z");
	assert_ok(push_take(m->ctx, m->db, TOPIC, 10, 10, &rows, &n, &bulk, &m->err), &m->err);
	assert_int_equal(n, 0);
	assert_string_equal(mdm_text(m, "SELECT token_bad FROM enrollment"), "BadDeviceToken");
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM push_due"), 0);
}

/* ---- what it was given ---- */

static struct phone *
given_a_topic(struct mdm *m, const char *udid)
{
	struct phone *p = phone_ota(m, udid, NULL);

	assert_ok(db_run(m->db, &m->err, "UPDATE enroll_session SET topic = '" TOPIC "' WHERE id = $1", db_text(p->session)), &m->err);
	return p;
}

static void
the_topic_is_the_one_that_a_device_was_given_whatever_it_says(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct phone *p = given_a_topic(m, UDID_A), *silent = given_a_topic(m, UDID_B), *early;
	int64_t counted = count_get(COUNT_MDM_OTHER_TOPIC);
	const char *before;

	phone_is_refused(p, says_of_itself(p, "Authenticate", "UDID", OTHER_TOPIC), ERR_MALFORMED);
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM enrollment"), 0);
	assert_ok(phone_authenticate(p), &m->err);
	phone_is_refused(p, says_of_itself(p, "TokenUpdate", "UDID", OTHER_TOPIC), ERR_MALFORMED);
	assert_string_equal(phone_state(p), "staged");
	assert_ok(phone_token(p, ""), &m->err);
	assert_string_equal(phone_enrollment(p)->topic, TOPIC);
	before = mdm_snapshot(m);
	phone_is_refused(p, says_of_itself(p, "TokenUpdate", "UDID", OTHER_TOPIC), ERR_MALFORMED);
	phone_is_refused(p, says_of_itself(p, "Authenticate", "UDID", OTHER_TOPIC), ERR_MALFORMED);
	assert_string_equal(mdm_snapshot(m), before);
	assert_int_equal(count_get(COUNT_MDM_OTHER_TOPIC), counted + 4);
	assert_int_equal(mdm_audited(m, "enrollment.refused"), 1);	/* once an hour */

	assert_ok(says_of_itself(silent, "Authenticate", "UDID", NULL), &m->err);
	assert_string_equal(phone_enrollment(silent)->topic, TOPIC);

	early = given_a_topic(m, "00008120-00000000000000AA");	/* nobody is to take it in with a Topic of its own */
	phone_is_refused(early, says_of_itself(early, "TokenUpdate", "UDID", OTHER_TOPIC), ERR_MALFORMED);
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM came_back"), 0);
}

static void
a_device_whose_records_are_lost_says_its_topic_once(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct phone *p = phone_enrolled(m, UDID_A), *known = given_a_topic(m, UDID_B);

	phone_enrolls(known);
	assert_ok(db_run(m->db, &m->err, "UPDATE enrollment SET topic = ''"), &m->err);
	phone_is_refused(known, says_of_itself(known, "TokenUpdate", "UDID", OTHER_TOPIC), ERR_MALFORMED);
	assert_ok(phone_token(known, ""), &m->err);	/* its session knows it */
	assert_string_equal(phone_enrollment(known)->topic, TOPIC);
	assert_ok(db_run(m->db, &m->err, "UPDATE enrollment SET session_id = 'lost' WHERE topic = ''"), &m->err);
	assert_ok(says_of_itself(p, "TokenUpdate", "UDID", OTHER_TOPIC), &m->err);
	assert_string_equal(phone_enrollment(p)->topic, OTHER_TOPIC);
	phone_is_refused(p, phone_token(p, ""), ERR_MALFORMED);
	assert_string_equal(phone_enrollment(p)->topic, OTHER_TOPIC);
}

static void
a_renewal_of_the_identity_keeps_the_topic(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct phone *p = given_a_topic(m, UDID_A);

	phone_enrolls(p);
	p->cert = mdm_issue(m, CA_MDM, renewal_of(m, p), true);
	phone_is_refused(p, says_of_itself(p, "TokenUpdate", "UDID", OTHER_TOPIC), ERR_MALFORMED);
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM enrollment WHERE old_identity IS NOT NULL"), 0);
	assert_ok(phone_token(p, ""), &m->err);
	assert_string_equal(phone_enrollment(p)->topic, TOPIC);
}

/* ---- tokens ---- */

static void
says_token_of(struct phone *p, size_t len)
{
	struct mdm *m = p->mdm;
	char *token = mem_size(m->ctx, len);
	struct buf base64;

	memset(token, (int)len, len);
	buf_init(&base64, m->ctx, 1u << 16);
	buf_base64(&base64, token, len);
	assert_ok(phone_checkin(p, mdm_dict(m, mem_printf(m->ctx, "<key>MessageType</key><string>TokenUpdate</string><key>Topic</key>"
		  "<string>" TOPIC "</string><key>UDID</key><string>%s</string><key>PushMagic</key><string>MAGIC</string><key>Token</key>"
		  "<data>%s</data>", p->udid, buf_str(&base64)))), &m->err);
	assert_int_equal(phone_enrollment(p)->token.len, len);
	assert_memory_equal(phone_enrollment(p)->token.p, token, len);
}

static void
must_8_a_token_of_any_length_from_32_bytes_is_kept_and_a_later_one_replaces_it(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct phone *p = phone_enrolled(m, UDID_A);

	says_token_of(p, 33);
	says_token_of(p, 100);
	says_token_of(p, 1000);
	p->token_len = 40;
	p->token[0] ^= 1;
	assert_ok(phone_token(p, ""), &m->err);
	assert_int_equal(phone_enrollment(p)->token.len, 40);
	assert_memory_equal(phone_enrollment(p)->token.p, p->token, 40);
	p->token_len = 31;
	phone_is_refused(p, phone_token(p, ""), ERR_MALFORMED);
	assert_int_equal(phone_enrollment(p)->token.len, 40);
	assert_ok(db_run(m->db, &m->err, "UPDATE enrollment SET token_bad = 'Unregistered'"), &m->err);
	p->token_len = 32;
	assert_ok(phone_token(p, ""), &m->err);
	assert_string_equal(phone_enrollment(p)->token_bad, "");
}

static void
must_8_and_behaviour_5_an_unlock_token_is_sealed_and_stays_when_the_next_update_has_none(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct phone *p = phone_enrolled(m, UDID_A);
	const char *id = phone_enrollment(p)->id;
	struct bytes token, kept;
	struct rows *rows;

	assert_false(escrow_unlock_get(*state, m->db, m->sealer, id, &token, &m->err));
	assert_int_equal(m->err.kind, ERR_MISSING);
	assert_ok(phone_token(p, "<key>UnlockToken</key><data>dW5sb2NrIG1l</data>"), &m->err);
	assert_ok(phone_token(p, ""), &m->err);
	assert_ok(phone_token(p, "<key>UnlockToken</key><data></data>"), &m->err);
	assert_ok(escrow_unlock_get(*state, m->db, m->sealer, id, &token, &m->err), &m->err);
	assert_int_equal(token.len, 9);
	assert_memory_equal(token.p, "unlock me", 9);
	rows = db_query(*state, m->db, "SELECT unlock_token FROM enrollment");
	assert_ok(rows_one(rows, &m->err, "row"), &m->err);
	kept = rows_bytes(*state, rows, 0);
	rows_done(rows);
	assert_null(memmem(kept.p, kept.len, "unlock me", 9));
}

/* ---- leaving ---- */

static void
must_9_a_device_that_checks_out_is_no_more_managed_and_not_pushed(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct phone *p;
	const char *device;

	mdm_listens(m);
	p = phone_enrolled(m, UDID_A);
	device = phone_enrollment(p)->device_id;
	assert_int_equal(mdm_told.enrolled, 1);
	mdm_queue(m, p, "ProfileList", 0);
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM push_due"), 1);
	assert_ok(phone_check_out(p), &m->err);
	assert_int_equal(m->status, 200);
	assert_string_equal(phone_state(p), "removed");
	assert_int_equal(mdm_told.ended, 1);
	assert_string_equal(mdm_told.state, "removed");
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM push_due"), 0);
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM command_queue"), 0);
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM enrollment WHERE token IS NOT NULL"), 0);
	assert_false(enrollment_of_device(*state, m->db, device, &(struct enrollment *){ NULL }, &m->err));
	assert_int_equal(m->err.kind, ERR_MISSING);
	assert_ok(phone_check_out(p), &m->err);	/* twice is once */
	assert_int_equal(mdm_told.ended, 1);
}

static void
must_3_who_was_retired_is_told_to_leave_whatever_it_says(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct phone *p = phone_enrolled(m, UDID_A);

	mdm_queue(m, p, "ProfileList", 0);
	assert_ok(enrollment_retire(m->db, "anna", phone_enrollment(p)->device_id, "lost", &m->err), &m->err);
	assert_int_equal(phone_enrollment(p)->token.len, 32);	/* so that it can be called to hear of it */
	phone_is_refused(p, phone_command(p, phone_idle_xml(p)), ERR_DENIED);
	mdm_settles(m);
	assert_int_equal(phone_enrollment(p)->token.len, 0);
	assert_string_equal(m->err.code, "retired");
	phone_is_refused(p, phone_token(p, ""), ERR_DENIED);
	phone_is_refused(p, phone_authenticate(p), ERR_DENIED);
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM command_queue"), 0);
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM certificate WHERE reason = 'cessationOfOperation'"), 1);
	assert_int_equal(mdm_audited(m, "enrollment.retired"), 1);
	/* It may enroll again, as any device. */
	p = phone_enrolled(m, UDID_A);
	assert_null(phone_idle(p));
}

static void
a_phone_restored_from_its_backup_is_back_when_it_says_so(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct phone *p;
	const char *a;

	mdm_listens(m);
	p = phone_enrolled(m, UDID_A);
	assert_ok(phone_check_out(p), &m->err);
	assert_null(phone_idle(p));	/* a straggler of before */
	assert_string_equal(phone_state(p), "removed");
	mdm_at(m, "2026-11-25T12:00:00Z");
	assert_null(phone_idle(p));
	assert_string_equal(phone_state(p), "enrolled");
	assert_int_equal(mdm_told.wants_token, 1);	/* there is none to push to */
	assert_int_equal(mdm_told.enrolled, 2);
	assert_int_equal(mdm_audited(m, "enrollment.returned"), 1);
	a = mdm_queue(m, p, "ProfileList", 0);
	assert_string_equal(phone_idle(p), a);
	assert_ok(phone_check_out(p), &m->err);
	assert_ok(phone_token(p, ""), &m->err);	/* says it is enrolled: at once */
	assert_string_equal(phone_state(p), "enrolled");
	assert_int_equal(phone_enrollment(p)->token.len, 32);
}

static void
a_device_that_begins_anew_with_each_breath_fills_nothing(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct phone *p;
	int64_t commands, history, audit;

	mdm_listens(m);
	p = phone_enrolled(m, UDID_A);
	mdm_queue(m, p, "ProfileList", 0);
	phone_enrolls(p);		/* the first one begins anew */
	assert_int_equal(mdm_told.enrolled, 2);
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM command_queue"), 0);
	assert_int_equal(mdm_audited(m, "enrollment.returned"), 1);
	mdm_queue(m, p, "ProfileList", 0);
	commands = mdm_number(m, "SELECT count(*) FROM command");
	history = mdm_number(m, "SELECT count(*) FROM command_history");
	audit = mdm_number(m, "SELECT count(*) FROM audit");
	for (int i = 0; i < 30; i++) {
		p->token[0]++;
		if (i % 3 == 2)
			assert_ok(phone_check_out(p), &m->err);
		phone_enrolls(p);
		assert_string_equal(phone_state(p), "enrolled");
		assert_memory_equal(phone_enrollment(p)->token.p, p->token, p->token_len);
	}
	assert_int_equal(mdm_told.enrolled, 2);
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM command"), commands);
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM command_history"), history + 1);	/* it left with it */
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM audit"), audit + 1);
	assert_int_equal(mdm_number(m, "SELECT returns FROM enrollment"), 30);
	/* it is heard as ever, and begins as anybody does when the hour is over */
	assert_string_equal(phone_idle(p), mdm_queue(m, p, "ProfileList", 0));
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM job WHERE kind = '" ENROLLMENT_SETTLE_JOB "' AND due = 1795352400"), 1);
	assert_ok(enrollment_settle(m->db, phone_enrollment(p)->id, &m->err), &m->err);
	assert_int_equal(mdm_told.enrolled, 2);
	mdm_at(m, "2026-11-22T13:00:01Z");
	assert_ok(enrollment_settle(m->db, phone_enrollment(p)->id, &m->err), &m->err);
	assert_ok(enrollment_settle(m->db, phone_enrollment(p)->id, &m->err), &m->err);
	assert_int_equal(mdm_told.enrolled, 3);
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM audit WHERE act = 'enrollment.returned' AND detail LIKE '%and 30 times%'"), 1);
	/* who has left by then is in the audit log, once */
	phone_enrolls(p);
	assert_ok(phone_check_out(p), &m->err);
	audit = mdm_audited(m, "enrollment.removed");
	mdm_at(m, "2026-11-22T14:00:02Z");
	for (int i = 0; i < 2; i++)
		assert_ok(enrollment_settle(m->db, mdm_text(m, "SELECT id FROM enrollment"), &m->err), &m->err);
	assert_int_equal(mdm_told.enrolled, 3);
	assert_int_equal(mdm_audited(m, "enrollment.removed"), audit + 1);
	phone_enrolls(p);
	assert_int_equal(mdm_told.enrolled, 4);
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM audit WHERE act = 'enrollment.returned' AND detail LIKE '% in between%'"), 1);
	/* a new identity is another thing */
	p = phone_enrolled(m, UDID_A);
	assert_int_equal(mdm_told.enrolled, 5);
}

static void
says_it_is(struct phone *p, const char *udid, const char *serial)
{
	const char *uuid = mdm_queue(p->mdm, p, "DeviceInformation", 0);

	assert_string_equal(phone_idle(p), uuid);
	phone_says_more(p, "Acknowledged", uuid, mem_printf(p->mdm->ctx, "<key>QueryResponses</key><dict><key>UDID</key>"
			"<string>%s</string><key>SerialNumber</key><string>%s</string></dict>", udid, serial));
	assert_int_equal(p->mdm->status, 200);
}

/* What the facts and the deviations of the phone are: "udid serial / udid serial". */
static void
shows(struct phone *p, const char *udid, const char *serial, const char *other_udid, const char *other_serial)
{
	struct mdm *m = p->mdm;
	const json_t *facts, *other;
	json_t *all;

	assert_ok(inventory_show(m->db, phone_enrollment(p)->device_id, &all, &m->err), &m->err);
	facts = json_object_get(all, "device");
	other = json_object_get(all, "deviations");
	assert_string_equal(text_of(facts, "udid"), udid);
	assert_string_equal(text_of(facts, "serial"), serial);
	assert_string_equal(text_of(other, "udid"), other_udid);
	assert_string_equal(text_of(other, "serial"), other_serial);
	json_decref(all);
	assert_string_equal(mdm_text(m, mem_printf(m->ctx, "SELECT serial FROM device WHERE udid = '%s'", udid)), serial);
}

static void
a_device_is_shown_as_the_one_that_it_is_whatever_it_says(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct phone *p = phone_new(m, UDID_A, mdm_session(m, "ota", UDID_A, "F2LX1234", NULL)), *q;

	phone_enrolls(p);
	says_it_is(p, "00008120-001a2b3c4d5e801e", p->serial);	/* in small letters */
	shows(p, UDID_A, p->serial, "", "");
	assert_int_equal(mdm_audited(m, "device.deviates"), 0);
	for (int i = 0; i < 3; i++) {
		says_it_is(p, UDID_B, "SOMEBODYS");
		shows(p, UDID_A, p->serial, UDID_B, "SOMEBODYS");
	}
	assert_int_equal(mdm_audited(m, "device.deviates"), 2);
	assert_ok(phone_checkin(p, mdm_dict(m, "<key>MessageType</key><string>Authenticate</string><key>UDID</key><string>" UDID_A
		  "</string><key>Topic</key><string>" TOPIC "</string><key>SerialNumber</key><string>SOMEBODYS</string>")), &m->err);
	assert_string_equal(mdm_text(m, "SELECT serial FROM device"), p->serial);
	says_it_is(p, UDID_A, p->serial);
	shows(p, UDID_A, p->serial, "", "");
	/* without the Profile Service its serial number is what it says; the UDID is not */
	q = phone_direct(m, UDID_B, NULL);
	phone_enrolls(q);
	says_it_is(q, UDID_A, "NEW0000001");
	shows(q, UDID_B, "NEW0000001", UDID_A, "");
	assert_int_equal(mdm_audited(m, "device.deviates"), 3);
}

static void
an_identity_of_before_does_not_take_a_device_back_that_has_enrolled_since(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct phone *old = phone_enrolled(m, UDID_A), *new;

	assert_ok(phone_check_out(old), &m->err);
	new = phone_enrolled(m, UDID_A);
	mdm_at(m, "2026-11-25T12:00:00Z");
	phone_is_refused(old, phone_command(old, phone_idle_xml(old)), ERR_MALFORMED);
	phone_is_refused(old, phone_authenticate(old), ERR_MALFORMED);
	phone_is_refused(old, phone_token(old, ""), ERR_MALFORMED);
	assert_string_equal(phone_state(old), "removed");
	assert_string_equal(phone_state(new), "enrolled");
	assert_null(phone_idle(new));
	assert_int_equal(mdm_audited(m, "enrollment.refused"), 1);
}

/* How the house ends one that acknowledged EraseDevice (web/device_kinds.c). */
static bool
tx_erased(struct db *tx, void *arg, struct err *err)
{
	return enrollment_erased(tx, arg, err);
}

static void
what_it_erased_does_not_come_back_by_itself(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct phone *left = phone_enrolled(m, UDID_A), *p;

	assert_ok(phone_check_out(left), &m->err);
	p = phone_enrolled(m, UDID_A);
	assert_ok(db_tx(m->db, tx_erased, phone_enrollment(p), &m->err), &m->err);
	assert_string_equal(phone_state(p), "retired");
	assert_int_equal(phone_enrollment(p)->token.len, 0);
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM push_due"), 0);
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM certificate WHERE revoked IS NULL"), 0);
	mdm_at(m, "2026-11-25T12:00:00Z");
	phone_is_refused(p, phone_command(p, phone_idle_xml(p)), ERR_DENIED);
	phone_is_refused(p, phone_authenticate(p), ERR_DENIED);
	phone_is_refused(p, phone_token(p, ""), ERR_DENIED);
	/* nor by what it was before */
	phone_is_refused(left, phone_command(left, phone_idle_xml(left)), ERR_DENIED);
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM device WHERE enrollment_id IS NOT NULL"), 0);
	p = phone_enrolled(m, UDID_A);	/* set up anew it is as any other */
	assert_null(phone_idle(p));
}

static void
who_left_and_is_not_let_in_any_more_does_not_come_back(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct phone *p;

	mdm_person(m, "1", "mia");
	p = phone_ota(m, UDID_A, "1");
	phone_enrolls(p);
	assert_ok(phone_check_out(p), &m->err);
	assert_ok(db_run(m->db, &m->err, "UPDATE person SET disabled = TRUE"), &m->err);
	mdm_at(m, "2026-11-25T12:00:00Z");
	phone_is_refused(p, phone_command(p, phone_idle_xml(p)), ERR_MALFORMED);
	phone_is_refused(p, phone_token(p, ""), ERR_MALFORMED);
	phone_is_refused(p, phone_authenticate(p), ERR_MALFORMED);
	assert_string_equal(phone_state(p), "removed");
	assert_ok(db_run(m->db, &m->err, "UPDATE person SET disabled = FALSE"), &m->err);
	assert_ok(phone_authenticate(p), &m->err);
	assert_ok(db_run(m->db, &m->err, "UPDATE person SET disabled = TRUE"), &m->err);
	phone_is_refused(p, phone_token(p, ""), ERR_MALFORMED);	/* disabled between the two */
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM device WHERE enrollment_id IS NOT NULL"), 0);
	assert_ok(db_run(m->db, &m->err, "UPDATE person SET disabled = FALSE"), &m->err);
	assert_ok(phone_token(p, ""), &m->err);
	assert_string_equal(phone_state(p), "enrolled");
}

static void
it_can_end_for_good_one_that_has_left(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct phone *p = phone_enrolled(m, UDID_A);
	const char *device = phone_enrollment(p)->device_id, *first;

	assert_ok(phone_check_out(p), &m->err);
	first = mdm_text(m, "SELECT why || ended FROM enrollment");
	mdm_at(m, "2026-11-23T12:00:00Z");
	assert_ok(enrollment_retire(m->db, "anna", device, "stolen", &m->err), &m->err);
	assert_string_equal(phone_state(p), "retired");
	/* that it left, and when, stays; what IT did is in the audit log */
	assert_string_equal(mdm_text(m, "SELECT why || ended FROM enrollment"), first);
	assert_string_equal(mdm_text(m, "SELECT detail FROM audit WHERE act = 'enrollment.retired'"), "stolen");
	mdm_at(m, "2026-11-25T12:00:00Z");
	phone_is_refused(p, phone_command(p, phone_idle_xml(p)), ERR_DENIED);
	phone_is_refused(p, phone_token(p, ""), ERR_DENIED);
	assert_int_equal(mdm_audited(m, "enrollment.retired"), 1);
	assert_false(enrollment_retire(m->db, "anna", device, "stolen", &m->err));	/* once */
	assert_int_equal(m->err.kind, ERR_MISSING);
}

/* ---- renewal ---- */

static void
behaviour_4_a_renewal_changes_the_identity_and_nothing_else(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct phone *p = phone_enrolled(m, UDID_A);
	const char *a = mdm_queue(m, p, "ProfileList", 0), *id = phone_enrollment(p)->id;
	const char *session = mdm_session(m, "renewal", UDID_A, NULL, NULL);
	struct certificate *old = p->cert;

	assert_ok(db_run(m->db, &m->err, "UPDATE enroll_session SET enrollment_id = $1 WHERE id = $2", db_text(id),
			 db_text(session)), &m->err);
	assert_ok(phone_token(p, "<key>UnlockToken</key><data>AQID</data>"), &m->err);
	p->cert = mdm_issue(m, CA_MDM, session, true);
	assert_ok(phone_authenticate(p), &m->err);
	assert_string_equal(phone_enrollment(p)->next_identity, p->cert->sha256);
	p->cert = old;	/* until it shows up with the new one, both are good */
	assert_string_equal(phone_idle(p), a);
	p->cert = mdm_issue(m, CA_MDM, session, true);	/* it failed, and was issued once more */
	assert_ok(phone_token(p, ""), &m->err);
	assert_string_equal(phone_enrollment(p)->id, id);
	assert_string_equal(phone_enrollment(p)->identity, p->cert->sha256);
	assert_string_equal(phone_idle(p), a);
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM enrollment WHERE unlock_token IS NOT NULL"), 1);
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM enrollment"), 1);
	/* The one that it tried in between is gone at once, the old one is good for the overlap (tests/test_identity.c). */
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM certificate WHERE reason = 'superseded'"), 1);
	assert_string_equal(phone_enrollment(p)->old_identity, old->sha256);
	assert_int_equal(mdm_audited(m, "enrollment.renewed"), 1);
}

static void
an_identity_renewed_by_scep_alone_is_taken_when_it_is_shown(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct phone *p = phone_enrolled(m, UDID_A);
	const char *a = mdm_queue(m, p, "ProfileList", 0), *id = phone_enrollment(p)->id;
	struct certificate *old = p->cert;

	p->cert = mdm_issue(m, CA_MDM, p->session, true);	/* the certificate of a renewal has the session of the old one */
	assert_string_equal(phone_idle(p), a);
	assert_string_equal(phone_enrollment(p)->id, id);
	assert_string_equal(phone_enrollment(p)->identity, p->cert->sha256);
	assert_string_equal(phone_enrollment(p)->old_identity, old->sha256);
}

static void
a_renewal_of_one_device_is_of_no_use_to_another(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct phone *a = phone_enrolled(m, UDID_A), *b = phone_enrolled(m, UDID_B);
	const char *session = mdm_session(m, "renewal", UDID_A, NULL, NULL);

	assert_ok(db_run(m->db, &m->err, "UPDATE enroll_session SET enrollment_id = $1 WHERE id = $2",
			 db_text(phone_enrollment(a)->id), db_text(session)), &m->err);
	b->cert = mdm_issue(m, CA_MDM, session, true);
	phone_is_refused(b, phone_authenticate(b), ERR_MALFORMED);
	phone_is_refused(b, phone_token(b, ""), ERR_MALFORMED);
	phone_is_refused(b, phone_command(b, phone_idle_xml(b)), ERR_MALFORMED);
	assert_string_equal(phone_state(a), "enrolled");
	assert_null(phone_enrollment(a)->next_identity);
}

static bool
tx_keep_certificate(struct db *tx, void *arg, struct err *err)
{
	return certificate_keep(tx, arg, err);
}

static bool
tx_challenge(struct db *tx, void *arg, struct err *err)
{
	const struct challenge_wish wish = { .purpose = CA_MDM, .subject = "CN=device", .session_id = arg };
	void *ctx SCOPED(mem) = talloc_new(NULL);
	char *text;

	return challenge_new(tx, ctx, &wish, &text, err);
}

/* A challenge that waits in each of these two. */
static void
ask_in(struct mdm *m, const char *a, const char *b)
{
	assert_ok(db_tx(m->db, tx_challenge, (void *)(uintptr_t)a, &m->err), &m->err);
	assert_ok(db_tx(m->db, tx_challenge, (void *)(uintptr_t)b, &m->err), &m->err);
}

static const char *
open_challenges(struct mdm *m)
{
	return mem_printf(m->ctx, "SELECT count(*) FROM challenge WHERE expires > %lld", (long long)clock_now());
}

static void
who_was_retired_keeps_no_certificate_that_it_renewed_and_never_showed(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct phone *p = phone_enrolled(m, UDID_A), *other = phone_enrolled(m, UDID_B);
	const char *session = renewal_of(m, p);
	struct certificate *by_scep = mdm_issue(m, CA_MDM, p->session, true), *by_us = mdm_issue(m, CA_MDM, session, true);

	ask_in(m, p->session, session);
	assert_ok(enrollment_retire(m->db, "anna", phone_enrollment(p)->device_id, "lost", &m->err), &m->err);
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM certificate WHERE reason = 'cessationOfOperation'"), 3);
	assert_int_equal(mdm_number(m, open_challenges(m)), 0);
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM enroll_session WHERE kind = 'renewal' AND state = 'expired'"), 1);
	p->cert = by_scep;
	phone_is_refused(p, phone_command(p, phone_idle_xml(p)), ERR_DENIED);
	assert_string_equal(m->err.code, "retired");
	phone_is_refused(p, phone_token(p, ""), ERR_DENIED);
	p->cert = by_us;
	phone_is_refused(p, phone_authenticate(p), ERR_DENIED);
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM came_back"), 0);
	assert_null(phone_idle(other));
}

/* By CheckOut, by being erased, replaced, released; or it begins anew under the identity that it has. */
static void
what_was_made_for_one_device_ends_however_its_enrollment_does(void **state)
{
	static const char *const ways[] = { "removed", "erased", "replaced", "retired", "again" };
	const struct challenge_wish wish = { .purpose = CA_CLIENT, .subject = "CN=VPN", .ttl_s = DAY_S };
	struct mdm *m = mdm_new(*state);
	struct phone *other = phone_enrolled(m, UDID_B);
	char *text;

	assert_ok(challenge_new_by(m->db, m->ctx, "anna", phone_enrollment(other)->device_id, &wish, &text, &m->err), &m->err);
	for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
		struct phone *p = phone_enrolled(m, mem_printf(m->ctx, "00008120-0000000000000A%02zu", i));
		struct enrollment *e = phone_enrollment(p);
		struct certificate *vpn = mdm_issue(m, CA_CLIENT, NULL, false);

		vpn->enrollment_id = e->id;
		assert_ok(db_tx(m->db, tx_keep_certificate, vpn, &m->err), &m->err);
		assert_ok(challenge_new_by(m->db, m->ctx, "anna", e->device_id, &wish, &text, &m->err), &m->err);
		assert_int_equal(mdm_number(m, open_challenges(m)), 2);
		if (strcmp(ways[i], "removed") == 0)
			assert_ok(phone_check_out(p), &m->err);
		else if (strcmp(ways[i], "erased") == 0)
			assert_ok(db_tx(m->db, tx_erased, e, &m->err), &m->err);
		else if (strcmp(ways[i], "replaced") == 0)
			phone_enrolled(m, p->udid);
		else if (strcmp(ways[i], "retired") == 0)
			assert_ok(enrollment_retire(m->db, "anna", e->device_id, "lost", &m->err), &m->err);
		else
			phone_enrolls(p);
		assert_int_equal(mdm_number(m, open_challenges(m)), 1);	/* the other device's */
		assert_string_equal(mdm_text(m, mem_printf(m->ctx, "SELECT reason FROM certificate WHERE sha256 = '%s'", vpn->sha256)),
				    strcmp(ways[i], "again") == 0 ? "" : strcmp(ways[i], "replaced") == 0 ? "superseded" :
				    "cessationOfOperation");
	}
	assert_null(phone_idle(other));
}

static void
who_was_replaced_keeps_no_certificate_and_the_new_one_keeps_all_of_its_own(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct phone *old = phone_enrolled(m, UDID_A), *new;
	const char *session = renewal_of(m, old);
	struct certificate *unshown = mdm_issue(m, CA_MDM, session, true), *twin = mdm_issue(m, CA_MDM, old->session, true),
			   *next;

	new = phone_ota(m, UDID_A, NULL);
	next = mdm_issue(m, CA_MDM, new->session, true);
	ask_in(m, session, new->session);
	phone_enrolls(new);
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM certificate WHERE reason = 'superseded'"), 3);
	assert_int_equal(mdm_number(m, open_challenges(m)), 1);
	old->cert = unshown;
	phone_is_refused(old, phone_command(old, phone_idle_xml(old)), ERR_MALFORMED);
	old->cert = twin;
	phone_is_refused(old, phone_authenticate(old), ERR_MALFORMED);
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM came_back"), 0);
	assert_null(phone_idle(new));
	new->cert = next;
	assert_null(phone_idle(new));
	assert_string_equal(phone_state(new), "enrolled");
}

/* As of a database that was left by one who did not know better. */
static void
a_good_certificate_of_an_enrollment_that_ended_is_not_one_that_came_back(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct phone *p = phone_enrolled(m, UDID_A);

	assert_ok(enrollment_retire(m->db, "anna", phone_enrollment(p)->device_id, "lost", &m->err), &m->err);
	p->cert = mdm_issue(m, CA_MDM, p->session, true);
	phone_is_refused(p, phone_command(p, phone_idle_xml(p)), ERR_DENIED);
	phone_is_refused(p, phone_authenticate(p), ERR_DENIED);
	assert_ok(db_run(m->db, &m->err, "UPDATE enrollment SET state = 'replaced'"), &m->err);
	phone_is_refused(p, phone_command(p, phone_idle_xml(p)), ERR_MALFORMED);
	phone_is_refused(p, phone_token(p, ""), ERR_MALFORMED);
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM came_back"), 0);
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM enrollment"), 1);
}

/* ---- last heard of ---- */

static void
when_a_device_was_heard_of_is_written_behind(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct phone *p = phone_enrolled(m, UDID_A);
	struct seen *seen;

	assert_ok(seen_new(*state, m->db, &seen, &m->err), &m->err);
	m->talk.seen = seen;
	mdm_at(m, "2026-11-22T15:00:00Z");
	for (int i = 0; i < 50; i++)
		phone_idle(p);
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM device WHERE seen IS NOT NULL"), 0);
	seen_flush(seen);
	mdm_settles(m);
	assert_int_equal(mdm_number(m, "SELECT seen FROM device"), clock_now());
	assert_string_equal(mdm_text(m, "SELECT address FROM device"), "192.0.2.7");
	for (int i = 0; i < SEEN_MAX + 10; i++)	/* more than fit: the first are written early */
		seen_note(seen, mem_printf(*state, "device%d", i), "192.0.2.8");
	seen_note(seen, phone_enrollment(p)->device_id, "192.0.2.9");
	talloc_free(seen);	/* the rest at the end */
	m->talk.seen = NULL;
	mdm_settles(m);
	assert_string_equal(mdm_text(m, "SELECT address FROM device"), "192.0.2.9");
}

/* ---- below iOS 17 ---- */

static struct phone *
retired_on(struct mdm *m, const char *udid, const char *version)
{
	struct phone *p = phone_enrolled(m, udid);

	assert_ok(db_run(m->db, &m->err, "UPDATE device SET os_version = $1 WHERE udid = $2", db_text(version), db_text(udid)),
		  &m->err);
	assert_ok(enrollment_retire(m->db, "anna", phone_enrollment(p)->device_id, "lost", &m->err), &m->err);
	return p;
}

static bool
may_be_pushed(struct phone *p)
{
	mdm_settles(p->mdm);
	return phone_enrollment(p)->token.len != 0;
}

static void
a_phone_older_than_ios_17_is_told_to_leave_by_a_command_until_it_says_that_it_has(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct phone *p = retired_on(m, UDID_A, "16.7.10"), *new = retired_on(m, UDID_B, "17.0");
	const char *uuid = phone_idle(p);

	assert_non_null(strstr(m->text, "<string>RemoveProfile</string>"));
	assert_non_null(strstr(m->text, mem_printf(*state, "<string>%s</string>", mdm_text(m, mem_printf(*state, "SELECT identifier"
			" FROM enroll_session WHERE id = '%s'", p->session)))));
	assert_null(phone_says(p, "NotNow", uuid));
	assert_null(phone_says(p, "Error", uuid));
	assert_true(may_be_pushed(p));
	assert_string_equal(phone_says(p, "Acknowledged", "a command of before"), uuid);	/* whatever it says */
	phone_is_refused(p, phone_token(p, ""), ERR_DENIED);
	assert_string_equal(m->err.code, "retired");
	phone_is_refused(p, phone_authenticate(p), ERR_DENIED);
	assert_true(may_be_pushed(p));
	assert_ok(db_run(m->db, &m->err, "DELETE FROM enroll_session"), &m->err);	/* as of one that came back */
	phone_is_refused(p, phone_command(p, phone_idle_xml(p)), ERR_DENIED);
	mdm_settles(m);
	assert_ok(db_run(m->db, &m->err, "UPDATE enrollment SET token = $1", db_bytes((struct bytes){ p->token, 32 })),
		  &m->err);
	assert_ok(db_run(m->db, &m->err, "INSERT INTO installed_mobileconfig (device_id, identifier, payloads, at) SELECT id,"
			 " 'com.example.listed', CAST($1 AS TEXT), 0 FROM device WHERE udid = $2",
			 db_text("[{\"type\": \"com.apple.mdm\"}]"), db_text(UDID_A)),
		  &m->err);
	assert_string_equal(phone_idle(p), uuid);
	assert_non_null(strstr(m->text, "<string>com.example.listed</string>"));
	p->udid = UDID_B;	/* nobody else's word counts */
	phone_is_refused(p, phone_command(p, phone_idle_xml(p)), ERR_DENIED);
	p->udid = UDID_A;
	assert_string_equal(phone_idle(p), uuid);
	assert_null(phone_says(p, "Acknowledged", uuid));
	assert_false(may_be_pushed(p));
	assert_string_equal(phone_state(p), "retired");
	assert_true(may_be_pushed(new));
	phone_is_refused(new, phone_command(new, phone_idle_xml(new)), ERR_DENIED);	/* 403 does it */
	assert_false(may_be_pushed(new));
}

static void
a_phone_older_than_ios_17_that_checks_out_after_it_was_retired_has_heard_of_it(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct phone *p = retired_on(m, UDID_A, "12.5.7"), *few;

	p->by_signature = true;
	p->signed_at = clock_now() - HOUR_S;	/* recorded before */
	assert_true(phone_check_out(p));
	assert_true(may_be_pushed(p));
	p->signed_at = 0;
	assert_true(phone_check_out(p));
	assert_false(may_be_pushed(p));
	assert_string_equal(phone_state(p), "retired");
	/* Without the right to remove mobileconfigs no such command is sent. */
	few = retired_on(m, UDID_B, "16.0");
	assert_ok(db_run(m->db, &m->err, "UPDATE enrollment SET access_rights = 16"), &m->err);
	phone_is_refused(few, phone_command(few, phone_idle_xml(few)), ERR_DENIED);
}

TESTS(an_authenticate_that_is_repeated_before_the_first_token_is_no_return,
      behaviour_5_who_leaves_before_the_first_token_has_not_been_enrolled,
      a_token_told_of_since_its_push_was_taken_is_not_dead_by_that_push, a_token_that_no_push_can_carry_is_shown_as_bad,
      must_7_and_behaviour_5_authenticate_stages_and_the_first_token_update_enrolls,
      a_token_update_before_authenticate_enrolls_nobody,
      must_7_enrolling_again_swaps_queue_token_and_binding_in_one_step,
      what_fails_on_the_way_leaves_all_as_it_was,
      behaviour_4_wherever_it_breaks_the_state_is_the_old_or_the_new_and_never_mixed,
      authenticate_under_the_same_identity_resets_with_the_next_token_update,
      behaviour_7_a_fresh_certificate_with_the_udid_of_another_takes_nothing_over_and_is_audited,
      must_4_the_identity_of_one_device_does_not_speak_for_another_on_either_url,
      a_serial_number_that_is_not_the_sessions_is_refused,
      a_direct_session_takes_the_first_device_and_no_second,
      a_direct_session_does_not_take_a_device_from_another_person,
      what_only_began_does_not_take_a_device_that_is_somebody_elses_by_now,
      what_somebody_else_has_staged_cannot_be_taken_over_by_a_direct_session,
      who_was_disabled_after_the_mobileconfig_was_handed_out_enrolls_nothing,
      who_is_retired_does_not_come_in_by_what_was_under_way,
      who_is_retired_does_not_come_in_by_an_identity_that_it_has_not_shown,
      a_second_person_on_the_same_device_is_told_by_the_session,
      a_session_that_is_over_enrolls_nobody,
      an_enrollment_of_a_user_was_not_offered_and_nothing_of_it_takes_effect,
      no_later_message_changes_from_the_udid_to_an_enrollment_id_or_back,
      the_topic_is_the_one_that_a_device_was_given_whatever_it_says,
      a_device_whose_records_are_lost_says_its_topic_once,
      a_renewal_of_the_identity_keeps_the_topic,
      must_8_a_token_of_any_length_from_32_bytes_is_kept_and_a_later_one_replaces_it,
      must_8_and_behaviour_5_an_unlock_token_is_sealed_and_stays_when_the_next_update_has_none,
      must_9_a_device_that_checks_out_is_no_more_managed_and_not_pushed,
      must_3_who_was_retired_is_told_to_leave_whatever_it_says,
      a_phone_restored_from_its_backup_is_back_when_it_says_so,
      a_device_that_begins_anew_with_each_breath_fills_nothing,
      a_device_is_shown_as_the_one_that_it_is_whatever_it_says,
      an_identity_of_before_does_not_take_a_device_back_that_has_enrolled_since,
      what_it_erased_does_not_come_back_by_itself,
      who_left_and_is_not_let_in_any_more_does_not_come_back,
      it_can_end_for_good_one_that_has_left,
      behaviour_4_a_renewal_changes_the_identity_and_nothing_else,
      an_identity_renewed_by_scep_alone_is_taken_when_it_is_shown,
      a_renewal_of_one_device_is_of_no_use_to_another,
      who_was_retired_keeps_no_certificate_that_it_renewed_and_never_showed,
      what_was_made_for_one_device_ends_however_its_enrollment_does,
      who_was_replaced_keeps_no_certificate_and_the_new_one_keeps_all_of_its_own,
      a_good_certificate_of_an_enrollment_that_ended_is_not_one_that_came_back,
      when_a_device_was_heard_of_is_written_behind,
      a_phone_older_than_ios_17_is_told_to_leave_by_a_command_until_it_says_that_it_has,
      a_phone_older_than_ios_17_that_checks_out_after_it_was_retired_has_heard_of_it)
