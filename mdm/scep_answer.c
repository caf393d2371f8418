#include "mdm/scep_answer.h"
#include "core/clock.h"
#include "core/count.h"
#include "mdm/ca_key.h"
#include "mdm/challenge.h"
#include "mdm/csr.h"
#include "mdm/enrollment.h"
#include "mdm/guesses.h"
#include "mdm/identity_line.h"
#include "mdm/scep_renewal.h"
#include "mdm/scep_reply.h"
#include "mdm/scep_request.h"
#include <string.h>

#define LOST	"lost_race"	/* code of the err that undoes a transaction in which somebody else was quicker */

struct talk {
	TALLOC_CTX *ctx;
	const struct scep_server *server;
	const struct scep_call *call;
	struct scep_message *message;
	struct csr *csr;
	struct certificate *ours;	/* the signer's, when it is one of ours that lives; NULL */
	struct scep_answer *answer;
};

/* ---- the three answers ---- */

/*
 * Whose guesses are counted together: those at a session's URL, which is a secret itself, apart from all others, so
 * that who guesses behind a company's one address keeps no phone from its own enrollment.
 */
static const char *
guesser(const struct scep_call *call)
{
	return call->session_id && *call->session_id ? call->session_id : call->address;
}


static bool
say(struct talk *t, const struct scep_reply *reply, const char *result, struct err *err)
{
	t->answer->result = result;
	t->answer->transaction_id = t->message->transaction_id;
	return scep_reply_write(t->ctx, t->server->ca, t->message, reply, &t->answer->reply, err);
}

static bool
refuse(struct talk *t, enum scep_fail fail, const char *why, struct err *err)
{
	count_add(COUNT_SCEP_REFUSED, 1);
	t->answer->why = why;
	return say(t, &(struct scep_reply){ SCEP_FAILURE, fail, { 0 } }, "refused", err);
}

/* All that is wrong inside of the envelope, and each challenge that is not good: one answer for all. */
static bool
refuse_wrong(struct talk *t, const char *why, struct err *err)
{
	guesses_wrong(guesser(t->call));
	return refuse(t, SCEP_BAD_REQUEST, why, err);
}

static bool
pending(struct talk *t, struct err *err)
{
	count_add(COUNT_SCEP_PENDING, 1);
	return say(t, &(struct scep_reply){ SCEP_PENDING, SCEP_FINE, { 0 } }, "pending", err);
}

static bool
give(struct talk *t, const struct certificate *cert, const char *result, struct err *err)
{
	t->answer->certificate = cert->sha256;
	return say(t, &(struct scep_reply){ SCEP_SUCCESS, SCEP_FINE, cert->der }, result, err);
}

/* What it got before; not when that was revoked since. */
static bool
give_again(struct talk *t, const char *sha256, struct err *err)
{
	struct certificate *cert;

	if (!certificate_find(t->ctx, t->server->db, sha256, &cert, err))
		return false;
	if (cert->revoked)
		return refuse(t, SCEP_BAD_REQUEST, "its certificate was revoked", err);
	count_add(COUNT_SCEP_SAME, 1);
	return give(t, cert, "same", err);
}

/* ---- issuing ---- */

struct keeping {
	const struct certificate *cert;
	const struct challenge *challenge;	/* NULL: a renewal */
	const struct challenge_use *use;
	const struct scep_renewal *renewal;
};

/* *why NULL: it may.  The identity of one who left is good until it runs out (enrollment_end), and no longer. */
static bool
may_renew(struct db *db, const struct certificate *old, const char **why, struct err *err)
{
	bool left, may;

	*why = old->revoked ? "it is revoked" : NULL;
	if (*why || strcmp(old->purpose, ca_purpose_name(CA_MDM)) != 0)
		return true;
	if (!enrollment_has_left(db, old->sha256, old->session_id, &left, err) || !identity_may_renew(db, old, &may, err))
		return false;
	*why = left ? "its device is under management no more" : may ? NULL : "its device has replaced it";
	return true;
}

/* Once more in the transaction: its enrollment may have ended since the request was read, or have another identity. */
static bool
may_renew_still(struct db *tx, const char *sha256, bool *ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct certificate *cert;
	const char *why;

	if (!certificate_find(ctx, tx, sha256, &cert, err) || !may_renew(tx, cert, &why, err))
		return false;
	*ret = !why;
	return true;
}

static bool
lost(struct err *err)
{
	return err_code(err, ERR_CONFLICT, LOST, "somebody was quicker");
}

static bool
tx_keep(struct db *tx, void *arg, struct err *err)
{
	const struct keeping *k = arg;
	bool first, may;

	if (!certificate_keep(tx, k->cert, err))
		return false;
	if (k->challenge)
		return challenge_consume(tx, k->challenge, k->use, k->cert->sha256, &first, err) && (first || lost(err));
	if (!may_renew_still(tx, k->renewal->certificate, &may, err))
		return false;
	if (!may)
		return lost(err);
	return scep_renewal_put(tx, k->renewal, k->cert->sha256, &first, err) && (first || lost(err));
}

static bool by_challenge(struct talk *t, bool again, struct err *err);
static bool by_renewal(struct talk *t, bool again, struct err *err);

/* `again`: the race was lost once; whoever won it has left what is to be answered. */
static bool
issue(struct talk *t, const struct ca_wish *wish, struct keeping *k, bool again, struct err *err)
{
	struct certificate *cert;

	if (!ca_issue(t->ctx, t->server->ca, wish, &cert, err))
		return false;
	k->cert = cert;
	if (db_tx(t->server->db, tx_keep, k, err)) {
		count_add(k->challenge ? COUNT_SCEP_ISSUED : COUNT_SCEP_RENEWED, 1);
		return give(t, cert, k->challenge ? "issued" : "renewed", err);
	}
	if (strcmp(err->code, LOST) != 0)
		return false;
	if (again)
		return refuse(t, SCEP_BAD_REQUEST, "somebody else is at it", err);
	return k->challenge ? by_challenge(t, true, err) : by_renewal(t, true, err);
}

static bool
by_renewal(struct talk *t, bool again, struct err *err)
{
	const struct certificate *old = t->ours;
	struct scep_renewal renewal = { old->sha256, t->message->transaction_id, t->csr->key_sha256 };
	struct ca_wish wish = { .key = t->csr->key, .subject = old->subject, .session_id = old->session_id,
				.enrollment_id = old->enrollment_id };
	struct keeping k = { .renewal = &renewal };
	enum scep_renewal_state state;
	const char *why;
	char *next;

	if (!may_renew(t->server->db, old, &why, err))
		return false;
	if (why)
		return refuse(t, SCEP_BAD_REQUEST, why, err);
	if (!scep_renewal_look(t->ctx, t->server->db, &renewal, &state, &next, err))
		return false;
	if (state == SCEP_RENEWAL_AGAIN)
		return give_again(t, next, err);
	if (state == SCEP_RENEWAL_EARLY)
		return refuse(t, SCEP_BAD_REQUEST, "it was renewed a moment ago", err);
	if (state == SCEP_RENEWAL_OFTEN)
		return refuse(t, SCEP_BAD_REQUEST, "it was renewed too often within a day", err);
	if (!ca_purpose_read(old->purpose, &wish.purpose))
		return refuse(t, SCEP_BAD_REQUEST, "nothing like it is issued any more", err);
	return issue(t, &wish, &k, again, err);
}

static bool
has_own_key(const struct talk *t)
{
	return strcmp(t->message->signer_key_sha256, t->csr->key_sha256) == 0;
}

/*
 * Who overheard an envelope cannot open it, and could use up its challenge by signing it again: with any key, or with
 * an identity that we gave them.  So the signer has the key that is certified, or is the one who is renewed.
 */
static bool
may_use(const struct talk *t, const struct challenge *challenge)
{
	return has_own_key(t) || (t->ours && strcmp(t->ours->subject, challenge->subject) == 0);
}

/* SCEP does not say which device asks; who signs with an identity of a device, or with what was made for one, does. */
static bool
is_another_device(struct talk *t, const struct challenge *challenge, bool *ret, struct err *err)
{
	const char *signer = t->ours ? t->ours->enrollment_id : NULL;
	struct enrollment *e;

	*ret = false;
	if (!t->ours || !challenge->enrollment_id)
		return true;
	if (!signer && strcmp(t->ours->purpose, ca_purpose_name(CA_MDM)) == 0) {
		if (enrollment_by_identity(t->ctx, t->server->db, t->ours->sha256, &e, err))
			signer = e->id;
		else if (err->kind != ERR_MISSING)
			return false;
	}
	*ret = signer && strcmp(signer, challenge->enrollment_id) != 0;
	return true;
}

static bool
misused(struct talk *t, const struct challenge *challenge, const char *why, struct err *err)
{
	return challenge_misused(t->server->db, challenge, t->call->address, err) && refuse_wrong(t, why, err);
}

static bool
by_challenge(struct talk *t, bool again, struct err *err)
{
	struct challenge_use use = { t->csr->challenge, t->call->session_id, t->call->udid,
				     t->message->transaction_id, t->csr->key_sha256 };
	struct challenge challenge;
	struct keeping k = { .challenge = &challenge, .use = &use };
	bool others;

	if (!challenge_look(t->ctx, t->server->db, &use, &challenge, err))
		return false;
	/* certmonger sends its challenge for ever: who signs with the certificate has got it, and wants the next */
	if (challenge.state == CHALLENGE_AGAIN && (!t->ours || strcmp(t->ours->sha256, challenge.certificate) != 0))
		return give_again(t, challenge.certificate, err);
	if (challenge.state == CHALLENGE_GOOD && !may_use(t, &challenge))
		return refuse_wrong(t, "it is signed by another device than the one that its challenge is for", err);
	if (!is_another_device(t, &challenge, &others, err))
		return false;
	if (challenge.state == CHALLENGE_GOOD && others)
		return misused(t, &challenge, "its challenge is for another device", err);
	if (challenge.state == CHALLENGE_GOOD)
		return issue(t, &(struct ca_wish){
			.key = t->csr->key, .purpose = challenge.purpose, .subject = challenge.subject,
			.session_id = challenge.session_id, .enrollment_id = challenge.enrollment_id, .upn = challenge.upn, .email = challenge.email,
			.days = challenge.purpose == CA_PERSON ? t->server->conf->own_certificate_days : 0,
		}, &k, again, err);
	if (t->ours)
		return by_renewal(t, false, err);
	return challenge.state == CHALLENGE_UNKNOWN ? refuse_wrong(t, "its challenge is none of ours", err) :
		       misused(t, &challenge, "its challenge is used, expired or for somebody else", err);
}

/* ---- by hand ---- */

static bool
by_hand(struct talk *t, struct err *err)
{
	struct scep_asked asked = { { t->message->transaction_id, t->csr->key_sha256 }, csr_subject(t->ctx, t->csr),
				    t->call->address, t->csr->der };
	enum scep_request_state state;
	char *certificate;
	bool full;

	if (!scep_request_look(t->ctx, t->server->db, &asked.asker, &state, &certificate, err))
		return false;
	if (state == SCEP_REQUEST_APPROVED)
		return give_again(t, certificate, err);
	if (state == SCEP_REQUEST_REFUSED)
		return refuse(t, SCEP_BAD_REQUEST, "an admin refused it", err);
	if (state == SCEP_REQUEST_WAITING)
		return pending(t, err);
	if (!scep_request_add(t->server->db, &asked, &full, err))
		return false;
	guesses_wrong(guesser(t->call));	/* nobody fills the list alone */
	return full ? refuse(t, SCEP_BAD_REQUEST, "too many requests wait for an admin", err) : pending(t, err);
}

/* CertPoll: by the transaction and the key that signs; what its envelope says is not needed for that. */
static bool
poll(struct talk *t, struct err *err)
{
	struct scep_asker asker = { t->message->transaction_id, t->message->signer_key_sha256 };
	enum scep_request_state state;
	char *certificate;

	if (!scep_request_look(t->ctx, t->server->db, &asker, &state, &certificate, err))
		return false;
	switch (state) {
	case SCEP_REQUEST_APPROVED:	return give_again(t, certificate, err);
	case SCEP_REQUEST_WAITING:	return pending(t, err);
	case SCEP_REQUEST_REFUSED:	return refuse(t, SCEP_BAD_REQUEST, "an admin refused it", err);
	default:			return refuse(t, SCEP_BAD_CERT_ID, "it polls for what nobody asked", err);
	}
}

/* ---- requests ---- */

/*
 * Passing identities end with their enrollment and are never renewed; nor are people's, which come anew with
 * their mobileconfig: a copied key does not live on by itself.
 */
static bool
find_ours(struct talk *t, struct err *err)
{
	struct certificate *cert;
	struct err none;

	if (!certificate_find(t->ctx, t->server->db, t->message->signer_sha256, &cert, &none)) {
		if (none.kind == ERR_MISSING)
			return true;
		*err = none;
		return false;
	}
	if (!cert->revoked && cert->not_before <= clock_now() && clock_now() < cert->not_after &&
	    strcmp(cert->purpose, ca_purpose_name(CA_OTA)) != 0 &&
	    strcmp(cert->purpose, ca_purpose_name(CA_PERSON)) != 0)
		t->ours = cert;
	return true;
}

/* *csr NULL: wrong in one of many ways, of which nobody is told. */
static bool
open_request(struct talk *t, struct err *err)
{
	struct err none;
	struct bytes plain;
	bool good;

	if (!scep_envelope_open(t->ctx, &t->message->envelope, ca_key_rsa, t->server->ca, &plain,
				&good, err))
		return false;
	if (!csr_read(t->ctx, plain, &t->csr, &none)) {
		t->csr = NULL;
		if (none.kind == ERR_INTERNAL) {
			*err = none;
			return false;
		}
	}
	if (!good)
		t->csr = NULL;
	return true;
}

/* A stranger has nothing but the key; may_use says why it must be the same. */
static bool
is_their_own(const struct talk *t)
{
	return t->ours || has_own_key(t);
}

/*
 * Who changes an envelope that they overheard learns nothing by the time of the answer: the key is used once, all of
 * the content is deciphered, and a request is looked for in it, whichever part is wrong; then the answer is signed.
 * What comes later, such as the note that a challenge was misused, only somebody can meet who has that challenge.
 */
static bool
request(struct talk *t, struct err *err)
{
	if (!find_ours(t, err))
		return false;
	if (!t->ours && !guesses_left(guesser(t->call)))
		return refuse(t, SCEP_BAD_REQUEST, "too many wrong ones came from there within a minute", err);
	if (!open_request(t, err))
		return false;
	if (!t->csr)
		return refuse_wrong(t, "what its envelope holds is no good request", err);
	if (!is_their_own(t))
		return refuse_wrong(t, "it is signed by another key than it asks for", err);
	if (*t->csr->challenge)
		return by_challenge(t, false, err);
	if (t->ours)
		return by_renewal(t, false, err);
	if (t->server->conf->scep_manual_approval && !t->call->session_id)
		return by_hand(t, err);
	return refuse_wrong(t, "it has no challenge", err);
}

bool
scep_answer(TALLOC_CTX *ctx, const struct scep_server *server, const struct scep_call *call, struct scep_answer *ret,
	    struct err *err)
{
	struct scep_rules rules = { server->conf->scep_allow_single_des, ca_decrypter(server->ca) };
	struct scep_answer answer = { .result = "" };
	struct talk t = { .ctx = ctx, .server = server, .call = call, .answer = &answer };
	bool ok;

	if (!scep_message_read(ctx, call->message, &rules, &t.message, err))
		return false;
	if (t.message->fail != SCEP_FINE)
		ok = refuse(&t, t.message->fail, t.message->why, err);
	else if (t.message->type == SCEP_CERT_POLL)
		ok = poll(&t, err);
	else
		ok = request(&t, err);
	if (ok)
		*ret = answer;
	return ok;
}
