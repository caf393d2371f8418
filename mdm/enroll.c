#include "mdm/enroll.h"
#include "core/clock.h"
#include "core/text.h"
#include "mdm/payload.h"
#include <string.h>

#define ORGANIZATION_MAX	64	/* characters of O, X.520 */
#define RETRIES			6	/* while an admin looks at a request */
#define RETRY_S			10

static const char *const attributes[] = {
	"UDID", "VERSION", "PRODUCT", "SERIAL", "DEVICE_NAME", "IMEI", "MEID", NULL
};

bool
enroll_service_write(const struct enroll_house *house, const char *token, struct buf *out, struct err *err)
{
	char challenge[SECRET_HASH_SIZE];
	const struct mobileconfig m = {
		.identifier = mobileconfig_identifier(out->ctx, house->base_url, "enroll"),
		.name = house->name, .description = house->what, .organization = house->organization,
	};
	const struct mobileconfig_service service = {
		.url = mem_printf(out->ctx, "%s/enroll/%s", house->base_url, token),
		.challenge = enroll_session_challenge(token, challenge), .attributes = attributes,
	};

	return mobileconfig_service_write(&m, &service, out, err);
}

/* ---- a SCEP payload ---- */

struct subject {
	struct payload_part parts[3];
};

/* What the certificate will say is this, whatever the request does. */
static struct subject
subject_of(TALLOC_CTX *ctx, const struct enroll_house *house, const char *what, const char *session_id)
{
	struct subject subject = { { { "O", text_cut(ctx, house->organization, ORGANIZATION_MAX) },
				     { "CN", mem_printf(ctx, "%s %s", what, session_id) } } };

	if (!*subject.parts[0].value) {
		subject.parts[0] = subject.parts[1];
		subject.parts[1].type = NULL;
	}
	return subject;
}

static bool
subject_good(TALLOC_CTX *ctx, const struct subject *subject, struct err *err)
{
	return challenge_subject(payload_subject(ctx, subject->parts), err);
}

/* Inside the transaction that hands it out; the subject was found good before it. */
static bool
offer(TALLOC_CTX *ctx, struct db *tx, const struct enroll_house *house, const char *token, const char *session_id,
      const char *udid, enum ca_purpose purpose, const struct subject *subject, struct scep_offer *ret, struct err *err)
{
	const struct challenge_wish wish = {
		.purpose = purpose, .subject = payload_subject(ctx, subject->parts), .session_id = session_id,
		.udid = udid, .created_by = "house",
	};

	return challenge_void(tx, session_id, purpose, err) &&
	       scep_offer_new(ctx, tx, &house->scep, token, &wish, ret, err);
}

static struct payload_scep
scep_of(const struct scep_offer *offered, const struct subject *subject)
{
	return (struct payload_scep){
		.url = offered->url, .name = *offered->name ? offered->name : NULL, .subject = subject->parts,
		.challenge = *offered->challenge ? offered->challenge : NULL, .ca_sha256 = offered->ca_sha256,
		.retries = RETRIES, .retry_s = RETRY_S,
	};
}

/* ---- phase 1 ---- */

struct pass {
	TALLOC_CTX *ctx;
	const struct enroll_house *house;
	const char *token;
	const struct enroll_session *session;
	const struct device_answer *answer;
	struct subject subject;
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
	struct payload_scep scep;
	struct payload payload = { PAYLOAD_SCEP, mem_printf(ctx, "%s.identity", identifier), house->name,
				   payload_scep_write, &scep, NULL };

	if (!subject_good(ctx, &p.subject, err) || !db_tx(db, tx_pass, &p, err))
		return false;
	scep = scep_of(&p.offered, &p.subject);
	return mobileconfig_write(&m, &payload, 1, out, err);
}

/* ---- the enrollment ---- */

struct issue {
	TALLOC_CTX *ctx;
	const struct enroll_house *house;
	const char *token, *session_id, *topic;
	const struct enroll_session *session;
	const struct device_answer *answer;	/* NULL: direct */
	char sha256[X509_FINGERPRINT_SIZE];	/* of who signed it */
	struct subject subject;
	struct scep_offer offered;
};

static bool
bad_identity(struct err *err, const char *why)
{
	return err_code(err, ERR_DENIED, "bad_identity", "%s", why);
}

/* This session's passing identity, alive, and on the device that Apple's certificate has proved. */
static bool
is_passing(TALLOC_CTX *ctx, struct db *tx, const struct issue *i, struct err *err)
{
	struct certificate *cert;

	if (!certificate_find(ctx, tx, i->sha256, &cert, err))
		return err->kind == ERR_MISSING ? bad_identity(err, "its signer's certificate is not known here") : false;
	if (strcmp(cert->purpose, ca_purpose_name(CA_OTA)) != 0)
		return bad_identity(err, "its signer is not a passing identity");
	if (!cert->session_id || strcmp(cert->session_id, i->session->id) != 0)
		return bad_identity(err, "its signer is another session's passing identity");
	if (cert->revoked || cert->not_after <= clock_now())
		return bad_identity(err, "its signer's certificate is not good any more");
	if (strcmp(i->answer->udid, i->session->udid) != 0 || strcmp(i->answer->serial, i->session->serial) != 0)
		return bad_identity(err, "it is another device than in phase 1");
	return true;
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
	const struct subject *subject;
	struct bytes recipient;		/* DER; empty: not enveloped */
};

static bool
write_enrollment(TALLOC_CTX *ctx, const struct enroll_house *house, const struct enrollment_parts *e, struct buf *out,
		 struct err *err)
{
	const char *identity = mem_printf(ctx, "%s.identity", e->identifier);
	char uuid[MOBILECONFIG_UUID_SIZE];
	struct payload_scep scep = scep_of(e->offered, e->subject);
	struct payload_mdm mdm = {
		.identity_uuid = mobileconfig_uuid(mem_printf(ctx, "%s %s", identity, e->session_id), uuid),
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

	if (answer) {
		x509_der_sha256(answer->certificate, i.sha256);
		e.recipient = answer->certificate;
	}
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
	struct subject subject;
	struct scep_offer offered;
	struct bytes current;		/* the identity that ends; empty: an outside CA's */
};

static bool
tx_renew(struct db *tx, void *arg, struct err *err)
{
	struct renewal *r = arg;
	struct certificate *cert;
	struct err missing;
	char *id, *token;

	if (certificate_find(r->ctx, tx, r->enrollment->identity, &cert, &missing)) {
		r->current = cert->der;
	} else if (missing.kind != ERR_MISSING) {
		*err = missing;
		return false;
	}
	if (!enroll_session_renew(tx, r->ctx, r->enrollment->id, r->wish, &id, &token, err) ||
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

	r.subject = subject_of(ctx, house, ENROLL_IDENTITY, enrollment->id);	/* as the session's, which is not yet named */
	if (!subject_good(ctx, &r.subject, err) || !db_tx(db, tx_renew, &r, err))
		return false;
	e = (struct enrollment_parts){ r.session->identifier, r.session->topic, r.session->url, r.session->id,
				       r.session->access_rights, &r.offered, &r.subject, r.current };
	return write_enrollment(ctx, house, &e, out, err);
}
