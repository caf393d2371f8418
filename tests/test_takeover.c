/* Who has a copy of an identity that its device has replaced gets no other by it: neither by SCEP, nor by showing one. */
#include "tests/check_mdm.h"
#include "tests/device/craft_known.h"
#include "core/clock.h"
#include "core/conf.h"
#include "mdm/guesses.h"
#include "mdm/identity_renew.h"
#include "mdm/refusals.h"
#include "mdm/scep_answer.h"
#include <string.h>

static struct mdm *
house(TALLOC_CTX *ctx)
{
	struct mdm *m = mdm_new(ctx);

	guesses_forget();
	refusals_forget();
	identity_overlap(72 * HOUR_S);
	return m;
}

static void
later(struct mdm *m, int64_t s)
{
	char iso[CLOCK_ISO_SIZE];

	mdm_settles(m);
	mdm_at(m, clock_iso(clock_now() + s, iso));
}

/* By SCEP, signed with this identity, without a challenge; NULL: it is refused. */
static struct certificate *
scep_renewed_as(struct mdm *m, const struct certificate *cert, const char *transaction)
{
	struct craft c = { .type = "17", .key = mdm_key(), .signer_key = mdm_key(), .transaction = transaction,
			   .to = ca_decrypter(m->ca) };
	struct scep_server server = { m->db, m->ca, NULL };
	struct scep_call call = { .address = "203.0.113.9", .udid = "" };
	struct scep_answer answer;
	struct certificate *next;
	struct conf *conf;

	assert_ok(conf_read(m->ctx, NULL, &conf, &m->err), &m->err);
	server.conf = conf;
	assert_ok(x509_read_der(cert->der, &c.signer, &m->err), &m->err);
	call.message = craft(m->ctx, &c);
	X509_free(c.signer);
	assert_ok(scep_answer(m->ctx, &server, &call, &answer, &m->err), &m->err);
	if (!answer.certificate)
		return NULL;
	assert_ok(certificate_find(m->ctx, m->db, answer.certificate, &next, &m->err), &m->err);
	return next;
}

static struct certificate *
scep_renewed(struct mdm *m, const struct certificate *cert)
{
	static int n;

	return scep_renewed_as(m, cert, mem_printf(m->ctx, "t%d", n++));
}

/* As the mobileconfig of a renewal brings it, by a challenge. */
static struct certificate *
sent(struct mdm *m, struct phone *p)
{
	const char *session = mdm_session(m, "renewal", p->udid, NULL, NULL);

	assert_ok(db_run(m->db, &m->err, "UPDATE enroll_session SET enrollment_id = $1 WHERE id = $2",
			 db_text(phone_enrollment(p)->id), db_text(session)), &m->err);
	return mdm_issue(m, CA_MDM, session, true);
}

static struct phone
thief_of(const struct phone *p, struct certificate *cert)
{
	struct phone thief = *p;

	thief.cert = cert;
	memset(thief.magic, 'T', 8);
	return thief;
}

/* Whatever it says with it is refused, and the phone has what it had. */
static void
takes_nothing(struct phone *p, struct certificate *cert)
{
	struct phone thief = thief_of(p, cert);
	static const char has[] = "SELECT identity || COALESCE(next_identity, '') || state || push_magic || again FROM enrollment";
	const char *before = mdm_text(p->mdm, has);

	phone_is_refused(&thief, phone_authenticate(&thief), ERR_MALFORMED);
	phone_is_refused(&thief, phone_command(&thief, phone_idle_xml(&thief)), ERR_MALFORMED);
	phone_is_refused(&thief, phone_token(&thief, ""), ERR_MALFORMED);
	phone_is_refused(&thief, phone_check_out(&thief), ERR_MALFORMED);
	assert_string_equal(mdm_text(p->mdm, has), before);
	assert_string_equal(phone_enrollment(p)->identity, p->cert->sha256);
}

static void
an_identity_that_its_device_has_replaced_renews_itself_no_more(void **state)
{
	struct mdm *m = house(*state);
	struct phone *p = phone_enrolled(m, UDID_A);
	struct certificate *stolen = p->cert;

	p->cert = sent(m, p);
	assert_ok(phone_token(p, ""), &m->err);
	assert_null(phone_idle(p));
	later(m, HOUR_S);
	assert_null(scep_renewed(m, stolen));
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM certificate WHERE purpose = 'mdm'"), 2);
	p->cert = scep_renewed(m, p->cert);	/* its own it renews as ever */
	assert_non_null(p->cert);
	assert_null(phone_idle(p));
	assert_string_equal(phone_enrollment(p)->identity, p->cert->sha256);
}

/* Until the phone comes again by its new one, nobody knows that it did not go back. */
static void
what_a_replaced_identity_got_before_it_was_known_to_be_replaced_is_worth_nothing_then(void **state)
{
	struct mdm *m = house(*state);
	struct phone *p = phone_enrolled(m, UDID_A), thief;
	struct certificate *stolen = p->cert, *got, *next;

	p->cert = sent(m, p);
	assert_ok(phone_token(p, ""), &m->err);
	got = scep_renewed(m, stolen);
	assert_non_null(got);
	later(m, 600);
	next = scep_renewed(m, stolen);
	assert_non_null(next);
	thief = thief_of(p, next);
	assert_ok(phone_authenticate(&thief), &m->err);
	assert_string_equal(phone_enrollment(p)->next_identity, next->sha256);
	assert_null(phone_idle(p));		/* this is the phone */
	later(m, 600);
	takes_nothing(p, got);
	takes_nothing(p, next);
	assert_null(scep_renewed(m, got));
	assert_null(scep_renewed(m, next));
	later(m, 80 * HOUR_S);
	takes_nothing(p, got);
	assert_null(phone_idle(p));
	assert_int_equal(mdm_number(m, "SELECT count(*) >= 2 FROM audit WHERE act = 'enrollment.refused'"), 1);
}

/* The same where the phone has renewed itself by SCEP: all of them are of one session. */
static void
an_identity_that_its_device_has_renewed_by_scep_takes_nothing_over_either(void **state)
{
	struct mdm *m = house(*state);
	struct phone *p = phone_enrolled(m, UDID_A);
	struct certificate *stolen = p->cert, *got;

	p->cert = scep_renewed(m, stolen);
	assert_ok(phone_token(p, ""), &m->err);
	later(m, 600);
	got = scep_renewed(m, stolen);
	assert_non_null(got);
	assert_null(phone_idle(p));
	later(m, 600);
	takes_nothing(p, got);
	assert_null(scep_renewed(m, got));
	assert_null(scep_renewed(m, stolen));
}

/* Nor is what is settled while it is renewed: between the look at it and the transaction. */
static void
an_identity_that_is_replaced_while_it_is_renewed_brings_nothing(void **state)
{
	static const char *const ends[] = { "old_speaks = FALSE", "state = 'removed'" };
	struct mdm *m = house(*state);
	struct phone *p = phone_enrolled(m, UDID_A);
	struct certificate *stolen = p->cert;

	p->cert = sent(m, p);
	assert_ok(phone_token(p, ""), &m->err);
	for (int i = 0; i < 2; i++) {
		assert_ok(db_run(m->db, &m->err, mem_printf(*state, "CREATE TRIGGER ends BEFORE INSERT ON certificate BEGIN"
				 " UPDATE enrollment SET %s; END", ends[i])), &m->err);
		assert_null(scep_renewed(m, stolen));
		assert_ok(db_run(m->db, &m->err, "DROP TRIGGER ends"), &m->err);
		assert_int_equal(mdm_number(m, "SELECT count(*) FROM certificate WHERE purpose = 'mdm'"), 2);
	}
	assert_non_null(scep_renewed(m, stolen));	/* undone with its transaction: so far it may have gone back */
}

/* It was renewed before IT heard of it, and what it was renewed to never shown. */
static void
a_stolen_identity_is_revoked_with_what_the_thief_has_renewed_it_to(void **state)
{
	struct mdm *m = house(*state);
	struct phone *p = phone_enrolled(m, UDID_A);
	struct certificate *got = scep_renewed(m, p->cert);
	int64_t also;

	assert_ok(certificate_revoke_by(m->db, "anna", p->cert->sha256, "keyCompromise", &also, &m->err), &m->err);
	assert_int_equal(also, 1);
	takes_nothing(p, got);
	assert_null(scep_renewed(m, got));
}

/* ---- what phones do ---- */

static void
who_went_back_to_its_old_identity_renews_that_by_scep_and_is_taken(void **state)
{
	struct mdm *m = house(*state);
	struct phone *p = phone_enrolled(m, UDID_A);
	struct certificate *old = p->cert, *never = sent(m, p);

	p->cert = never;
	assert_ok(phone_token(p, ""), &m->err);	/* its answer is lost */
	p->cert = old;
	assert_null(phone_idle(p));
	later(m, 40 * DAY_S);
	p->cert = scep_renewed(m, old);
	assert_non_null(p->cert);
	assert_ok(phone_token(p, ""), &m->err);
	assert_string_equal(phone_enrollment(p)->identity, p->cert->sha256);
	assert_string_equal(phone_enrollment(p)->old_identity, old->sha256);
	assert_null(phone_idle(p));
	later(m, 60);
	takes_nothing(p, never);
}

static void
a_renewal_by_scep_whose_answer_is_lost_is_asked_for_again(void **state)
{
	struct mdm *m = house(*state);
	struct phone *p = phone_enrolled(m, UDID_A);
	struct certificate *old = p->cert, *first = scep_renewed_as(m, old, "mine"), *again = scep_renewed_as(m, old, "mine");

	assert_string_equal(first->sha256, again->sha256);
	p->cert = first;
	assert_ok(phone_token(p, ""), &m->err);
	again = scep_renewed_as(m, old, "mine");	/* it has not got this one either */
	assert_non_null(again);
	assert_string_equal(first->sha256, again->sha256);
	assert_null(phone_idle(p));
	assert_string_equal(phone_enrollment(p)->identity, first->sha256);
}

static void
one_that_was_renewed_twice_before_it_was_shown_is_taken(void **state)
{
	struct mdm *m = house(*state);
	struct phone *p = phone_enrolled(m, UDID_A);
	struct certificate *old = p->cert;

	p->cert = scep_renewed(m, scep_renewed(m, old));
	assert_ok(phone_authenticate(p), &m->err);
	assert_ok(phone_token(p, ""), &m->err);
	assert_null(phone_idle(p));
	later(m, HOUR_S);
	p->cert = scep_renewed(m, sent(m, p));	/* and of one that it was sent */
	assert_non_null(p->cert);
	assert_ok(phone_token(p, ""), &m->err);
	assert_string_equal(phone_enrollment(p)->identity, p->cert->sha256);
}

/* Renewals of before are not known by what they renewed; their session is. */
static void
one_whose_renewal_is_older_than_our_account_of_it_is_taken_by_its_session(void **state)
{
	struct mdm *m = house(*state);
	struct phone *p = phone_enrolled(m, UDID_A);
	struct certificate *old = p->cert, *got;

	p->cert = scep_renewed(m, old);
	assert_ok(db_run(m->db, &m->err, "UPDATE scep_chain SET renewed = NULL"), &m->err);
	assert_ok(phone_token(p, ""), &m->err);
	assert_string_equal(phone_enrollment(p)->identity, p->cert->sha256);
	got = scep_renewed(m, p->cert);
	assert_ok(db_run(m->db, &m->err, "UPDATE scep_chain SET renewed = NULL"), &m->err);
	p->cert = sent(m, p);
	assert_ok(db_run(m->db, &m->err, "DELETE FROM enroll_session WHERE id = $1", db_text(got->session_id)), &m->err);
	assert_null(phone_idle(p));
	assert_null(phone_idle(p));
	mdm_settles(m);
	assert_ok(db_run(m->db, &m->err, "UPDATE certificate SET revoked = NULL"), &m->err);	/* not known then either */
	takes_nothing(p, got);
}

TESTS(an_identity_that_its_device_has_replaced_renews_itself_no_more,
      what_a_replaced_identity_got_before_it_was_known_to_be_replaced_is_worth_nothing_then,
      an_identity_that_its_device_has_renewed_by_scep_takes_nothing_over_either,
      an_identity_that_is_replaced_while_it_is_renewed_brings_nothing,
      a_stolen_identity_is_revoked_with_what_the_thief_has_renewed_it_to,
      who_went_back_to_its_old_identity_renews_that_by_scep_and_is_taken,
      a_renewal_by_scep_whose_answer_is_lost_is_asked_for_again,
      one_that_was_renewed_twice_before_it_was_shown_is_taken,
      one_whose_renewal_is_older_than_our_account_of_it_is_taken_by_its_session)
