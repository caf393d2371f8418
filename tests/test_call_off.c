/* Whoever revokes an invitation wants no device by it: also where its person has begun. */
#include "tests/check_mdm.h"
#include "catalog/invitation.h"
#include "core/clock.h"
#include "mdm/challenge.h"
#include "mdm/enroll_session.h"
#include <string.h>

static bool
enrolled(struct db *tx, void *site, const struct enrollment *e, struct err *err)
{
	(void)site;
	return invitation_enrolled(tx, e->session_id, err);
}

/* Mia is invited by `i1`, and has begun. */
static struct mdm *
house(TALLOC_CTX *ctx)
{
	static const struct enrollment_hooks hooks = { .enrolled = enrolled };	/* as the server's */
	struct mdm *m = mdm_new(ctx);

	mdm_person(m, "1", "mia");
	enrollment_hooks(&hooks, NULL);
	assert_ok(db_run(m->db, &m->err, "INSERT INTO invitation (id, token_hash, person_id, by_kind, sent, step, created, expires)"
			 " VALUES ('i1', 'h', '1', 'link', 1, 1, 1, $1)", db_int(clock_now() + DAY_S)), &m->err);
	return m;
}

static void
by_invitation(struct mdm *m, const struct phone *p)
{
	assert_ok(db_run(m->db, &m->err, "UPDATE enroll_session SET invitation_id = 'i1' WHERE id = $1", db_text(p->session)), &m->err);
	assert_ok(db_run(m->db, &m->err, "UPDATE invitation SET session_id = $1, began = 1", db_text(p->session)), &m->err);
}

static void
revoke(struct mdm *m)
{
	assert_ok(invitation_revoke(m->db, "anna", "i1", &m->err), &m->err);
}

static int64_t
certificates_left(struct mdm *m, const struct phone *p)
{
	return mdm_number(m, mem_printf(m->ctx, "SELECT count(*) FROM certificate WHERE revoked IS NULL AND session_id = '%s'", p->session));
}

static void
what_an_invitation_began_ends_when_it_is_revoked(void **state)
{
	struct mdm *m = house(*state);
	struct phone *p = phone_ota(m, UDID_A, "1"), *staged = phone_ota(m, UDID_B, "1");

	by_invitation(m, p);
	by_invitation(m, staged);
	assert_ok(phone_authenticate(staged), &m->err);
	revoke(m);
	phone_is_refused(p, phone_authenticate(p), ERR_MALFORMED);
	phone_is_refused(p, phone_token(p, ""), ERR_MALFORMED);
	phone_is_refused(staged, phone_token(staged, ""), ERR_DENIED);	/* it leaves, as one that IT released */
	assert_string_equal(m->err.code, "retired");
	assert_int_equal(certificates_left(m, p) + certificates_left(m, staged), 0);
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM enrollment WHERE state IN ('staged', 'enrolled')"), 0);
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM invitation WHERE revoked IS NOT NULL AND enrolled IS NULL"), 1);
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM audit WHERE act = 'invitation.revoke' AND detail LIKE 'with 2 %'"), 1);
	enrollment_hooks(NULL, NULL);
}

static bool
tx_challenge(struct db *tx, void *arg, struct err *err)
{
	struct challenge_wish wish = { .purpose = CA_MDM, .subject = "CN=device", .session_id = arg };
	void *ctx SCOPED(mem) = talloc_new(NULL);
	char *text;

	if (!challenge_new(tx, ctx, &wish, &text, err))
		return false;
	wish.purpose = CA_OTA;
	return challenge_new(tx, ctx, &wish, &text, err);
}

static void
no_challenge_of_it_is_good_and_its_page_is_closed(void **state)
{
	static const char *const states[] = { "offered", "answered", "issued" };
	struct mdm *m = house(*state);
	struct enroll_session *s;

	for (int i = 0; i < 3; i++) {
		struct phone *p = phone_ota(m, UDID_A, "1");

		by_invitation(m, p);
		assert_ok(db_run(m->db, &m->err, "UPDATE enroll_session SET state = $1 WHERE id = $2", db_text(states[i]),
				 db_text(p->session)), &m->err);
		assert_ok(db_tx(m->db, tx_challenge, (void *)(uintptr_t)p->session, &m->err), &m->err);
		assert_ok(db_run(m->db, &m->err, "UPDATE invitation SET revoked = NULL"), &m->err);
		revoke(m);
		assert_ok(enroll_session_get(*state, m->db, p->session, &s, &m->err), &m->err);
		assert_false(enroll_session_open(s, &m->err));
		assert_int_equal(m->err.kind, ERR_MISSING);
	}
	assert_int_equal(mdm_number(m, mem_printf(*state, "SELECT count(*) FROM challenge WHERE used IS NULL AND expires > %lld",
						  (long long)clock_now())), 0);
	enrollment_hooks(NULL, NULL);
}

/* Its session was done, or is another invitation's or nobody's. */
static void
who_is_enrolled_and_who_began_otherwise_stays(void **state)
{
	struct mdm *m = house(*state);
	struct phone *done = phone_ota(m, UDID_A, "1"), *other = phone_ota(m, UDID_B, "1");

	by_invitation(m, done);
	phone_enrolls(done);
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM invitation WHERE enrolled IS NOT NULL"), 1);
	assert_ok(db_run(m->db, &m->err, "UPDATE invitation SET enrolled = NULL"), &m->err);	/* one of before that was not noted */
	revoke(m);
	assert_null(phone_idle(done));
	assert_string_equal(phone_state(done), "enrolled");
	phone_enrolls(other);
	assert_string_equal(phone_state(other), "enrolled");
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM invitation WHERE enrolled IS NOT NULL"), 0);
	/* A used one is not revoked, and nothing ends by that. */
	assert_ok(db_run(m->db, &m->err, "UPDATE invitation SET revoked = NULL, enrolled = 1"), &m->err);
	revoke(m);
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM invitation WHERE revoked IS NOT NULL"), 0);
	assert_null(phone_idle(done));
	enrollment_hooks(NULL, NULL);
}

TESTS(what_an_invitation_began_ends_when_it_is_revoked,
      no_challenge_of_it_is_good_and_its_page_is_closed,
      who_is_enrolled_and_who_began_otherwise_stays)
