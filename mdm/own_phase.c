#include "mdm/own_phase.h"
#include "core/audit.h"
#include <string.h>

bool
own_way_read(const char *name, enum own_way *ret)
{
	static const char *const names[] = { [OWN_NONE] = "none", [OWN_SCEP] = "scep", [OWN_PKCS12] = "pkcs12" };

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (strcmp(names[i], name) == 0) {
			*ret = (enum own_way)i;
			return true;
		}
	return false;
}

static struct mobileconfig
service_of(TALLOC_CTX *ctx, const struct enroll_house *house)
{
	return (struct mobileconfig){
		.identifier = mobileconfig_identifier(ctx, house->base_url, "eas"), .name = house->name,
		.description = house->what, .organization = house->organization,
	};
}

bool
own_service_write(const struct enroll_house *house, const char *token, struct buf *out, struct err *err)
{
	const struct mobileconfig m = service_of(out->ctx, house);
	char challenge[SECRET_HASH_SIZE];

	return phase_service_write(&m, mem_printf(out->ctx, "%s/eas/%s", house->base_url, token),
				   enroll_session_challenge(token, challenge), out, err);
}

/* ---- phase 1 ---- */

struct pass {
	TALLOC_CTX *ctx;
	const struct enroll_house *house;
	const char *token;
	const struct own_session *session;
	const struct device_answer *answer;
	struct phase_subject subject;
	struct scep_offer offered;
};

static bool
tx_pass(struct db *tx, void *arg, struct err *err)
{
	struct pass *p = arg;
	const struct challenge_wish wish = {
		.purpose = CA_OTA, .subject = payload_subject(p->ctx, p->subject.parts), .session_id = p->session->id,
		.udid = p->answer->udid, .created_by = "house",
	};

	return own_session_answered(tx, p->session, p->answer, err) &&
	       phase_offer(p->ctx, tx, &p->house->scep, p->token, &wish, &p->offered, err);
}

bool
own_pass(TALLOC_CTX *ctx, struct db *db, const struct enroll_house *house, const char *token,
	 const struct own_session *session, const struct device_answer *answer, struct buf *out, struct err *err)
{
	const struct mobileconfig m = service_of(ctx, house);
	struct pass p = { ctx, house, token, session, answer,
			  phase_subject(ctx, house->organization, mem_printf(ctx, "eas %s", session->id)), { 0 } };

	return db_tx(db, tx_pass, &p, err) && phase_pass_write(ctx, &m, &p.offered, &p.subject, out, err);
}

/* ---- given out ---- */

struct giving {
	TALLOC_CTX *ctx;
	const struct enroll_house *house;
	const char *token, *actor;
	const struct own_session *session;	/* NULL: a command */
	const struct device_answer *answer;
	struct own_gift *gift;
};

/* The identity is this session's; a PKCS#12's certificate was signed before, and is kept now. */
static bool
give_identity(struct db *tx, const struct giving *g, const char *token, struct err *err)
{
	struct own_gift *gift = g->gift;
	const struct challenge_wish wish = {
		.purpose = CA_PERSON, .subject = gift->subject, .session_id = gift->session_id, .udid = gift->put.udid,
		.created_by = "house", .upn = gift->upn, .email = gift->email,
	};

	if (gift->way == OWN_SCEP)
		return phase_offer(g->ctx, tx, &g->house->scep, token, &wish, &gift->offered, err);
	if (gift->way != OWN_PKCS12)
		return true;
	gift->cert->session_id = gift->session_id;
	return certificate_keep(tx, gift->cert, err) && own_session_embedded(tx, gift->session_id, err);
}

static bool
tx_issue(struct db *tx, void *arg, struct err *err)
{
	struct giving *g = arg;
	const struct phase_proof proof = { g->session->id, g->session->udid, g->session->serial };

	g->gift->session_id = mem_text(g->ctx, g->session->id);
	return phase_is_passing(g->ctx, tx, &proof, g->answer, err) && own_put(tx, g->ctx, &g->gift->put, &g->gift->own_id, err) &&
	       own_session_issued(tx, g->session, g->gift->own_id, err) && give_identity(tx, g, g->token, err);
}

bool
own_issue(TALLOC_CTX *ctx, struct db *db, const struct enroll_house *house, const char *token,
	  const struct own_session *session, const struct device_answer *answer, struct own_gift *gift, struct err *err)
{
	struct giving g = { ctx, house, token, "device", session, answer, gift };

	return db_tx(db, tx_issue, &g, err);
}

static bool
tx_command(struct db *tx, void *arg, struct err *err)
{
	struct giving *g = arg;
	struct own_gift *gift = g->gift;
	struct own_session_wish wish = {
		.person_id = gift->put.person_id, .mobileconfig_id = gift->put.mobileconfig_id, .actor = g->actor,
		.udid = gift->put.udid, .ttl_s = g->house->scep.challenge_s,
	};

	if (!own_put(tx, g->ctx, &gift->put, &gift->own_id, err) ||
	    !own_session_void(tx, gift->put.person_id, gift->own_id, err) || !own_delivered_again(tx, gift->own_id, err))
		return false;
	wish.own_id = gift->own_id;
	return own_session_begin(tx, g->ctx, &wish, &gift->session_id, &gift->token, err) &&
	       give_identity(tx, g, gift->token, err);
}

bool
own_command(TALLOC_CTX *ctx, struct db *db, const struct enroll_house *house, struct own_gift *gift, struct err *err)
{
	struct giving g = { ctx, house, NULL, "house", NULL, NULL, gift };

	return db_tx(db, tx_command, &g, err);
}

static bool
tx_plain(struct db *tx, void *arg, struct err *err)
{
	const struct giving *g = arg;

	return own_put(tx, g->ctx, &g->gift->put, &g->gift->own_id, err) &&
	       audit_add(tx, g->actor, "own.plain", g->gift->own_id, g->gift->put.title, err);
}

bool
own_plain(TALLOC_CTX *ctx, struct db *db, const char *actor, struct own_gift *gift, struct err *err)
{
	struct giving g = { .ctx = ctx, .actor = actor, .gift = gift };

	return db_tx(db, tx_plain, &g, err);
}
