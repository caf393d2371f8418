#include "mdm/enroll.h"
#include "core/uuid.h"
#include "mdm/identity_renew.h"
#include "mdm/phase.h"

bool
enroll_service_write(const struct enroll_house *house, const char *token, struct buf *out, struct err *err)
{
	char challenge[SECRET_HASH_SIZE];
	const struct mobileconfig m = {
		.identifier = mobileconfig_identifier(out->ctx, house->base_url, "enroll"),
		.name = house->name, .description = house->what, .organization = house->organization,
	};

	return phase_service_write(&m, mem_printf(out->ctx, "%s/enroll/%s", house->base_url, token),
				   enroll_session_challenge(token, challenge), out, err);
}

/* ---- a SCEP payload ---- */

static struct phase_subject
subject_of(TALLOC_CTX *ctx, const struct enroll_house *house, const char *what, const char *session_id)
{
	return phase_subject(ctx, house->organization, mem_printf(ctx, "%s %s", what, session_id));
}

static bool
subject_good(TALLOC_CTX *ctx, const struct phase_subject *subject, struct err *err)
{
	return challenge_subject(payload_subject(ctx, subject->parts), err);
}

/* Inside the transaction that hands it out; the subject was found good before it. */
static bool
offer(TALLOC_CTX *ctx, struct db *tx, const struct enroll_house *house, const char *token, const char *session_id,
      const char *udid, enum ca_purpose purpose, const struct phase_subject *subject, struct scep_offer *ret, struct err *err)
{
	const struct challenge_wish wish = {
		.purpose = purpose, .subject = payload_subject(ctx, subject->parts), .session_id = session_id,
		.udid = udid, .created_by = "house",
	};

	return phase_offer(ctx, tx, &house->scep, token, &wish, ret, err);
}

/* ---- phase 1 ---- */

struct pass {
	TALLOC_CTX *ctx;
	const struct enroll_house *house;
	const char *token;
	const struct enroll_session *session;
	const struct device_answer *answer;
	struct phase_subject subject;
	struct scep_offer offered;
};

static bool
tx_pass(struct db *tx, void *arg, struct err *err)
{
	struct pass *p = arg;

	return enroll_session_answered(tx, p->session, p->answer, err) &&
	       offer(p->ctx, tx, p->house, p->token, p->session->id, p->answer->udid, CA_OTA, &p->subject, &p->offered, err);
}

bool
enroll_pass(TALLOC_CTX *ctx, struct db *db, const struct enroll_house *house, const char *token,
	    const struct enroll_session *session, const struct device_answer *answer, struct buf *out, struct err *err)
{
	struct pass p = { ctx, house, token, session, answer, subject_of(ctx, house, "enrollment", session->id), { 0 } };
	const char *identifier = mobileconfig_identifier(ctx, house->base_url, "enroll");
	const struct mobileconfig m = { identifier, house->name, house->what, house->organization };

	return subject_good(ctx, &p.subject, err) && db_tx(db, tx_pass, &p, err) &&
	       phase_pass_write(ctx, &m, &p.offered, &p.subject, out, err);
}

/* ---- the enrollment ---- */

struct issue {
	TALLOC_CTX *ctx;
	const struct enroll_house *house;
	const char *token, *session_id, *topic;
	const struct enroll_session *session;
	const struct device_answer *answer;	/* NULL: direct */
	struct phase_subject subject;
	struct scep_offer offered;
};

static bool
is_passing(TALLOC_CTX *ctx, struct db *tx, const struct issue *i, struct err *err)
{
	const struct phase_proof proof = { i->session->id, i->session->udid, i->session->serial };

	return phase_is_passing(ctx, tx, &proof, i->answer, err);
}

static bool
tx_issue(struct db *tx, void *arg, struct err *err)
{
	struct issue *i = arg;

	if (i->answer ? !is_passing(i->ctx, tx, i, err) || !enroll_session_issued(tx, i->session, i->topic, err) :
			!enroll_session_direct(tx, i->session, i->topic, err))
		return false;
	return offer(i->ctx, tx, i->house, i->token, i->session->id, i->answer ? i->answer->udid : "", CA_MDM,
		     &i->subject, &i->offered, err);
}

/* What an enrollment is made of; all names stay the same in a renewal, but the SCEP payload's own. */
struct enrollment_parts {
	const char *identifier, *topic, *url, *session_id;
	int64_t access_rights;
	const struct scep_offer *offered;
	const struct phase_subject *subject;
	struct bytes recipient;		/* DER; empty: not enveloped */
};

static bool
write_enrollment(TALLOC_CTX *ctx, const struct enroll_house *house, const struct enrollment_parts *e, struct buf *out,
		 struct err *err)
{
	const char *identity = mem_printf(ctx, "%s.identity", e->identifier);
	char uuid[UUID_SIZE];
	struct payload_scep scep = phase_scep(e->offered, e->subject);
	struct payload_mdm mdm = {
		.identity_uuid = uuid_of_name(mem_printf(ctx, "%s %s", identity, e->session_id), uuid),
		.topic = e->topic, .url = e->url, .access_rights = e->access_rights,
	};
	const struct mobileconfig m = { e->identifier, house->name, house->what, house->organization };
	const struct payload payloads[] = {
		{ PAYLOAD_SCEP, identity, house->name, payload_scep_write, &scep, uuid },
		{ PAYLOAD_MDM, mem_printf(ctx, "%s.management", e->identifier), house->name, payload_mdm_write, &mdm, NULL },
		{ PAYLOAD_ROOT, mem_printf(ctx, "%s.ca", e->identifier), house->organization, payload_root_write,
		  &house->root_der, NULL },
	};
	size_t n = house->root_der.len ? 3 : 2;

	return e->recipient.len ? mobileconfig_write_for(e->recipient, &m, payloads, n, out, err) :
				  mobileconfig_write(&m, payloads, n, out, err);
}

static bool
issue(TALLOC_CTX *ctx, struct db *db, const struct enroll_house *house, const char *token,
      const struct enroll_session *session, const struct device_answer *answer, const char *topic, struct buf *out,
      struct err *err)
{
	struct issue i = { .ctx = ctx, .house = house, .token = token, .session = session, .answer = answer,
			   .topic = topic, .subject = subject_of(ctx, house, ENROLL_IDENTITY, session->id) };
	struct enrollment_parts e = { session->identifier, topic, session->url, session->id, session->access_rights,
				      &i.offered, &i.subject, { 0 } };

	if (answer)
		e.recipient = answer->certificate;
	return subject_good(ctx, &i.subject, err) && db_tx(db, tx_issue, &i, err) && write_enrollment(ctx, house, &e, out, err);
}

bool
enroll_issue(TALLOC_CTX *ctx, struct db *db, const struct enroll_house *house, const char *token,
	     const struct enroll_session *session, const struct device_answer *answer, const char *topic,
	     struct buf *out, struct err *err)
{
	return issue(ctx, db, house, token, session, answer, topic, out, err);
}

bool
enroll_direct_outside(struct err *err)
{
	return err_code(err, ERR_CONFLICT, "outside_ca", "an outside CA gives out identities here (scep.external_url), and"
			" of such a one nothing but the Profile Service says whose it is: set up the device at /enroll");
}

bool
enroll_direct(TALLOC_CTX *ctx, struct db *db, const struct enroll_house *house, const char *token,
	      const struct enroll_session *session, const char *topic, struct buf *out, struct err *err)
{
	if (*house->scep.outside_url)
		return enroll_direct_outside(err);
	return issue(ctx, db, house, token, session, NULL, topic, out, err);
}

/* ---- renewal ---- */

struct renewal {
	TALLOC_CTX *ctx;
	const struct enroll_house *house;
	const struct enrollment *enrollment;
	const struct enroll_wish *wish;
	struct enroll_session *session;
	struct phase_subject subject;
	struct scep_offer offered;
	struct bytes current;		/* the identity that ends; empty: an outside CA's */
};

static bool
tx_renew(struct db *tx, void *arg, struct err *err)
{
	struct renewal *r = arg;
	char *id, *token;

	if (!enrollment_recipient(r->ctx, tx, r->enrollment, &r->current, err) ||
	    !enroll_session_renew(tx, r->ctx, r->enrollment->id, r->wish, &id, &token, err) ||
	    !enroll_session_get(r->ctx, tx, id, &r->session, err))
		return false;
	r->subject = subject_of(r->ctx, r->house, ENROLL_IDENTITY, id);
	return offer(r->ctx, tx, r->house, token, id, r->session->udid, CA_MDM, &r->subject, &r->offered, err);
}

bool
enroll_renewal(TALLOC_CTX *ctx, struct db *db, const struct enroll_house *house, const struct enrollment *enrollment,
	       const struct enroll_wish *wish, struct buf *out, struct err *err)
{
	struct renewal r = { .ctx = ctx, .house = house, .enrollment = enrollment, .wish = wish };
	struct enrollment_parts e;

	if (enrollment->spoken && identity_is_past(enrollment, enrollment->spoken))
		return err_code(err, ERR_CONFLICT, "old_identity", "it was asked for with the identity before its last renewal");
	r.subject = subject_of(ctx, house, ENROLL_IDENTITY, enrollment->id);	/* as the session's, which is not yet named */
	if (!subject_good(ctx, &r.subject, err) || !db_tx(db, tx_renew, &r, err))
		return false;
	e = (struct enrollment_parts){ r.session->identifier, r.session->topic, r.session->url, r.session->id,
				       r.session->access_rights, &r.offered, &r.subject, r.current };
	return write_enrollment(ctx, house, &e, out, err);
}
