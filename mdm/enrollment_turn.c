/*
 * What is bound to whom is decided by the certificate's session alone (0012_enrollment.sql), looked up again in
 * each transaction: nothing that was read outside is relied on.
 */
#include "mdm/enrollment_welcome.h"
#include "core/audit.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/secret.h"
#include "mdm/came_back.h"
#include "mdm/challenge.h"
#include "mdm/counted.h"
#include "mdm/enrollment_offer.h"
#include "mdm/escrow.h"
#include "mdm/identity_line.h"
#include "mdm/identity_renew.h"
#include "mdm/push.h"
#include "mdm/queue.h"
#include "mdm/turn.h"
#include <string.h>

/* Never ahead of us, or a clock that was wrong once would silence the device for ever. */
static int64_t
signed_at(const struct identity *identity)
{
	int64_t now = clock_now();

	return identity->proof.signed_at < now ? identity->proof.signed_at : now;
}

struct turn {
	struct db *db;			/* outside of the transaction */
	const struct identity *identity;
	const struct checkin *checkin;
	const struct checkin_who *who;
	const struct inventory *inventory;
	const char *message;		/* counted_name of it; NULL: it cannot be a recording */
	const char *unlock_for;		/* the enrollment that unlock_token was sealed for */
	struct bytes unlock_token;
	const char *topic;		/* that it is pushed under: ours, whatever it says */
	bool came_back;
	struct enrollment *speaks;	/* enrollment_speaks' answer */
	TALLOC_CTX *ctx;
};

/* Recorded: signed before one that has counted, or before it left; or the one that has counted.  Or by what it had before. */
static bool
is_stale(struct db *tx, const struct turn *t, const struct enrollment *e, int64_t newest, bool *ret, struct err *err)
{
	const struct proof *proof = &t->identity->proof;

	if ((*ret = identity_is_past(e, t->identity->sha256)))
		return true;
	*ret = !proof->live && (enrollment_is(e, "removed") ? proof->signed_at <= e->ended :
				proof->signed_at && proof->signed_at < newest);
	return *ret || counted_before(tx, e->id, t->message, ret, err);
}

/* Whoever has a copy of what the device has replaced may have renewed that: what came of it is not the device's. */
static bool
may_follow(struct db *tx, const struct turn *t, const struct bound *b, struct err *err)
{
	bool may = true;

	if ((b->how == BOUND_RENEWAL || b->how == BOUND_NEXT) &&
	    !identity_may_follow(tx, b->enrollment, t->identity->sha256, &may, err))
		return false;
	return may || enrollment_refuse(t->db, t->identity, t->who->udid, "it came of an identity that the device has replaced", err);
}

/* Whose certificate it is, and that it speaks as that device and as it was offered. */
static bool
is_who_it_says(struct db *tx, const struct turn *t, const struct bound *b, struct err *err)
{
	return enrollment_same_device(t->db, t->identity, b, t->who, err) &&
	       enrollment_as_offered(t->db, t->identity, b, t->who, err) &&
	       enrollment_may_return(t->db, tx, t->identity, b, t->who, err) && may_follow(tx, t, b, err);
}

/* We know nothing of it. */
static bool
note_back(struct db *db, const struct identity *identity, const struct checkin_who *who, const struct checkin *checkin,
	  struct err *err)
{
	const struct bound none = { .how = BOUND_NOT };

	return enrollment_as_offered(db, identity, &none, who, err) && came_back_note(db, identity, who, checkin, err);
}

static const char *
message_of(TALLOC_CTX *ctx, const struct identity *identity, const struct checkin *checkin)
{
	return identity->proof.live ? NULL : counted_name(ctx, checkin->raw, identity->proof.signed_at);
}

/* ---- Authenticate ---- */

static bool
put_device(TALLOC_CTX *ctx, struct db *tx, const struct checkin *c, const char **id, struct err *err)
{
	struct rows *rows = db_query(ctx, tx, "INSERT INTO device (id, udid, serial, product, name, os_version, os_build,"
		" created, changed) VALUES ($1, $2, $3, $4, $5, $6, $7, CAST($8 AS BIGINT), CAST($8 AS BIGINT))"
		" ON CONFLICT (udid) DO UPDATE SET serial = CASE WHEN excluded.serial = '' THEN device.serial ELSE"
		" excluded.serial END, product = CASE WHEN excluded.product = '' THEN device.product ELSE excluded.product END,"
		" name = CASE WHEN excluded.name = '' THEN device.name ELSE excluded.name END,"
		" os_version = CASE WHEN excluded.os_version = '' THEN device.os_version ELSE excluded.os_version END,"
		" os_build = CASE WHEN excluded.os_build = '' THEN device.os_build ELSE excluded.os_build END,"
		" changed = excluded.changed RETURNING id", db_text(secret_id(ctx)), db_text(c->who.udid), db_text(c->serial),
		db_text(c->product), db_text(c->device_name), db_text(c->os_version), db_text(c->os_build), db_now());

	if (!rows_one(rows, err, "no row came back"))
		return false;
	*id = rows_text(ctx, rows, 0);
	rows_done(rows);
	return true;
}

static struct comer
comer(const struct turn *t)
{
	return (struct comer){ t->db, t->identity, t->who->udid };
}

static bool
may_take(struct db *tx, const struct turn *t, const struct bound *b, struct err *err)
{
	const struct enroll_session *s = b->session;
	const struct comer c = comer(t);

	if (strcmp(s->state, "issued") != 0 && strcmp(s->state, "staged") != 0)
		return enrollment_refuse(t->db, t->identity, t->who->udid, "its enrollment is over", err);
	if (*s->serial && *t->checkin->serial && strcmp(s->serial, t->checkin->serial) != 0)
		return enrollment_refuse(t->db, t->identity, t->who->udid, "its serial number is another device's", err);
	return enrollment_welcome(tx, &c, s, err);
}

static bool
stage(TALLOC_CTX *ctx, struct db *tx, const struct turn *t, const struct bound *b, struct err *err)
{
	const char *device_id, *id = secret_id(ctx);
	size_t none;
	const struct enroll_session *s = b->session;
	int64_t turn;

	return may_take(tx, t, b, err) && put_device(ctx, tx, t->checkin, &device_id, err) &&
	       /* what began and was not ended is given up, with its certificates */
	       enrollment_end_staged(tx, device_id, &(struct enrollment){ .id = id, .session_id = s->id }, "replaced",
				     "it never ended", &none, err) &&
	       turn_next(tx, TURN_ENROLLMENT, &turn, err) &&
	       db_run(tx, err, "INSERT INTO enrollment (id, device_id, session_id, person_id, state, identity,"
		      " access_rights, topic, authenticate_signed, created, identity_ends, turn) VALUES ($1, $2, $3, $4,"
		      " 'staged', $5, $6, $7, $8, $9, $10, $11)", db_text(id), db_text(device_id), db_text(s->id), db_text(s->person_id),
		      db_text(t->identity->sha256), db_int(s->access_rights), db_text(t->topic), db_int(signed_at(t->identity)), db_now(),
		      t->identity->ends ? db_int(t->identity->ends) : db_null(), db_int(turn)) &&
	       enroll_session_staged(tx, s->id, t->who->udid, err) && counted_keep(tx, id, t->message, err);
}

/* Its first TokenUpdate has not come, and is waited for: an Authenticate that it repeats is no new beginning. */
static bool
is_first(struct db *tx, const struct enrollment *e, bool *ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct enroll_session *s;

	*ret = false;
	if (e->enrolled)
		return true;
	if (!enroll_session_get(ctx, tx, e->session_id, &s, err))
		return err->kind == ERR_MISSING;
	*ret = strcmp(s->state, "staged") == 0;
	return true;
}

/* Under an identity that it has already: a new beginning, which the next TokenUpdate makes true. */
static bool
stage_again(TALLOC_CTX *ctx, struct db *tx, const struct turn *t, const struct enrollment *e, struct err *err)
{
	const struct comer c = comer(t);
	const char *device_id;
	bool first;

	return is_first(tx, e, &first, err) && enrollment_welcome_back(tx, &c, e, err) && put_device(ctx, tx, t->checkin, &device_id, err) &&
	       db_run(tx, err, "UPDATE device SET serial = s.serial FROM enroll_session s WHERE device.id = $1 AND s.id = $2"
		      " AND s.kind = 'ota' AND s.serial <> ''", db_text(device_id), db_text(e->session_id)) &&
	       db_run(tx, err, "UPDATE enrollment SET again = $1, authenticate_signed = $2, state = CASE WHEN state ="
		      " 'removed' THEN 'staged' ELSE state END WHERE id = $3", db_bool(!first), db_int(signed_at(t->identity)),
		      db_text(e->id)) &&
	       counted_keep(tx, e->id, t->message, err);
}

static bool
set_next(struct db *tx, const struct turn *t, const struct enrollment *e, struct err *err)
{
	return db_run(tx, err, "UPDATE enrollment SET next_identity = $1 WHERE id = $2", db_text(t->identity->sha256),
		      db_text(e->id));
}

static bool
keep(struct db *tx, const struct turn *t, const char *device_id, struct err *err)
{
	return !t->inventory || inventory_keep(tx, device_id, t->inventory, err);
}

/* A device that is only staged has its row by now. */
static bool
keep_of_udid(void *ctx, struct db *tx, const struct turn *t, struct err *err)
{
	struct rows *rows = db_query(ctx, tx, "SELECT id FROM device WHERE udid = $1", db_text(t->who->udid));
	const char *id;

	if (!t->inventory)
		return true;
	if (!rows_one(rows, err, "no device"))
		return false;
	id = rows_text(ctx, rows, 0);
	rows_done(rows);
	return keep(tx, t, id, err);
}

static bool
tx_authenticate(struct db *tx, void *arg, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct turn *t = arg;
	struct bound b;
	bool ok = true, stale = false;

	t->came_back = false;
	if (!enrollment_bind(ctx, tx, t->identity, t->who->udid, &b, err) ||
	    !is_who_it_says(tx, t, &b, err))
		return false;
	if (b.how == BOUND_NOT && (t->came_back = b.lost))
		return true;
	if (b.how == BOUND_NOT)
		return enrollment_refuse(t->db, t->identity, t->who->udid, "its identity belongs to no enrollment that began here", err);
	if (!enrollment_topic(ctx, t->db, tx, t->identity, &b, t->checkin, &t->topic, err))
		return false;
	if (b.how == BOUND_CURRENT && !is_stale(tx, t, b.enrollment, b.enrollment->authenticate_signed, &stale, err))
		return false;
	/* While the identity before is still good this is a renewal that is not sure of itself, and no new beginning. */
	if (stale || b.how == BOUND_OLD || (b.how == BOUND_CURRENT && b.enrollment->old_identity &&
					    enrollment_is(b.enrollment, "enrolled")))
		return true;
	if (b.how == BOUND_NEW)
		ok = stage(ctx, tx, t, &b, err);
	else if (b.how == BOUND_CURRENT)
		ok = stage_again(ctx, tx, t, b.enrollment, err);
	else if (b.how == BOUND_RENEWAL)
		ok = set_next(tx, t, b.enrollment, err);
	return ok && keep_of_udid(ctx, tx, t, err);
}

bool
enrollment_authenticate(struct db *db, const struct identity *identity, const struct checkin *checkin,
			const struct inventory *inventory, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct turn t = { db, identity, checkin, &checkin->who, inventory, message_of(ctx, identity, checkin) };

	if (!identity->known)
		return note_back(db, identity, &checkin->who, checkin, err);
	if (!db_tx(db, tx_authenticate, &t, err))
		return err_at(err, "Authenticate");
	return !t.came_back || note_back(db, identity, &checkin->who, checkin, err);
}

/* ---- renewal of the identity ---- */

/* The device shows up with the new one: the old one is good for the overlap, and then it has done its work. */
static bool
promote(struct db *tx, const struct turn *t, const struct bound *b, struct err *err)
{
	const struct enrollment *e = b->enrollment;
	void *site;
	const struct enrollment_hooks *hooks = enrollment_hooks_of(&site);

	return identity_renewed(tx, e, t->identity->sha256, t->identity->ends, err) &&
	       enroll_session_renewed(tx, b->session ? b->session->id : t->identity->session_id, e->id, err) &&
	       (!hooks->renewed || hooks->renewed(tx, site, e, err)) &&
	       audit_add(tx, "device", "enrollment.renewed", e->device_id, NULL, err);
}

/* Already, or still. */
static bool
is_its_own(const struct bound *b)
{
	return b->how == BOUND_CURRENT || b->how == BOUND_OLD;
}

/* ---- TokenUpdate ---- */

static bool
set_token(struct db *tx, const struct turn *t, const struct enrollment *e, struct err *err)
{
	const struct checkin *c = t->checkin;

	if (!db_run(tx, err, "UPDATE enrollment SET token = $1, push_magic = $2, topic = $3, token_at = $4, token_bad = '',"
		    " token_signed = CASE WHEN token_signed > $5 THEN token_signed ELSE CAST($5 AS BIGINT) END WHERE id = $6",
		    db_bytes(c->token), db_text(c->push_magic), db_text(t->topic), db_now(),
		    db_int(signed_at(t->identity)), db_text(e->id)) || !counted_keep(tx, e->id, t->message, err))
		return false;
	return !t->unlock_token.len || strcmp(t->unlock_for, e->id) != 0 || escrow_unlock_set(tx, e->id, t->unlock_token, err);
}

/* It begins anew under the identity that it has: what was, is over, and nothing of it stays. */
static bool
reset(struct db *tx, const struct enrollment *e, struct err *err)
{
	return queue_drop(tx, e, "the device enrolled again", NULL, err) && push_forget(tx, e->id, err) &&
	       escrow_forget(tx, e->id, err) && challenge_void_bound(tx, e->id, err);
}

bool
enrollment_too_soon(const struct enrollment *e)
{
	int64_t now = clock_now();

	return e->returned && now >= e->returned && now < e->returned + ENROLLMENT_RETURN_S;
}

static bool
begin_again(struct db *tx, const struct turn *t, const struct enrollment *e, struct err *err)
{
	if (enrollment_too_soon(e))
		return set_token(tx, t, e, err) && enrollment_begin_quietly(tx, e, err);
	return reset(tx, e, err) && set_token(tx, t, e, err) && enrollment_begin(tx, e, "enrollment.returned", err) &&
	       db_run(tx, err, "UPDATE enrollment SET returned = $1, returns = 0 WHERE id = $2", db_now(), db_text(e->id));
}

static bool
begin(struct db *tx, const struct turn *t, const struct enrollment *e, struct err *err)
{
	const struct comer c = comer(t);

	if (!enrollment_is(e, "staged") || e->again)
		return enrollment_welcome_back(tx, &c, e, err) && begin_again(tx, t, e, err);
	return enrollment_welcome_begun(tx, &c, e, err) && set_token(tx, t, e, err) &&
	       enroll_session_done(tx, e->session_id, e->id, err) && enrollment_begin(tx, e, "enrollment.enrolled", err);
}

static bool
tx_token_update(struct db *tx, void *arg, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct turn *t = arg;
	const struct enrollment *e;
	struct bound b;
	bool ok, stale = false;

	t->came_back = false;
	if (!enrollment_bind(ctx, tx, t->identity, t->who->udid, &b, err) ||
	    !is_who_it_says(tx, t, &b, err))
		return false;
	if (!enrollment_topic(ctx, t->db, tx, t->identity, &b, t->checkin, &t->topic, err))
		return false;
	if (!(e = b.enrollment)) {
		t->came_back = true;
		return enrollment_may_come_back(t->db, t->identity, &b, t->who, err);
	}
	if (is_its_own(&b) && !is_stale(tx, t, e, e->token_signed, &stale, err))
		return false;
	if (stale)
		return true;
	if (!is_its_own(&b) && !promote(tx, t, &b, err))
		return false;
	if (enrollment_is(e, "enrolled") && !e->again)	/* what could not be pushed meanwhile is pushed now */
		ok = set_token(tx, t, e, err) && (!*e->token_bad || push_ask(tx, e->id, clock_now(), "command", err));
	else
		ok = begin(tx, t, e, err);
	return ok && keep(tx, t, e->device_id, err);
}

static bool
seal_unlock(TALLOC_CTX *ctx, const struct sealer *sealer, struct turn *t, struct err *err)
{
	const struct checkin *c = t->checkin;
	struct bound b;

	if (!c->unlock_token.len)
		return true;
	if (!sealer) {
		log_warn("an UnlockToken is not kept: key.master_file is not set");
		return true;
	}
	if (!enrollment_bind(ctx, t->db, t->identity, t->who->udid, &b, err))
		return false;
	if (!b.enrollment)
		return true;
	t->unlock_for = b.enrollment->id;
	return escrow_unlock_seal(ctx, sealer, t->unlock_for, c->unlock_token, &t->unlock_token, err);
}

bool
enrollment_token_update(struct db *db, const struct sealer *sealer, const struct identity *identity,
			const struct checkin *checkin, const struct inventory *inventory, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct turn t = { db, identity, checkin, &checkin->who, inventory, message_of(ctx, identity, checkin) };

	if (!identity->known)
		return note_back(db, identity, &checkin->who, checkin, err);
	if (!seal_unlock(ctx, sealer, &t, err) || !db_tx(db, tx_token_update, &t, err))
		return err_at(err, "TokenUpdate");
	return !t.came_back || note_back(db, identity, &checkin->who, checkin, err);
}

/* ---- CheckOut ---- */

static bool
tx_check_out(struct db *tx, void *arg, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct turn *t = arg;
	struct bound b;
	bool stale;

	if (!enrollment_bind(ctx, tx, t->identity, t->who->udid, &b, err) ||
	    !is_who_it_says(tx, t, &b, err))
		return false;
	if (!b.enrollment || (!enrollment_is(b.enrollment, "enrolled") && !enrollment_is(b.enrollment, "staged")))
		return true;
	if (!is_stale(tx, t, b.enrollment, b.enrollment->token_signed, &stale, err))
		return false;
	if (stale)
		return true;
	return enrollment_end(tx, b.enrollment, "removed", "the device left", err) &&
	       counted_keep(tx, b.enrollment->id, t->message, err) &&
	       /* who comes and goes is in the audit when it began to, and as it ended (mdm/enrollment_settle.h) */
	       ((enrollment_too_soon(b.enrollment) && b.enrollment->returns) ||
		audit_add(tx, "device", "enrollment.removed", b.enrollment->device_id, "CheckOut", err));
}

bool
enrollment_check_out(struct db *db, const struct identity *identity, const struct checkin *checkin, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct turn t = { db, identity, checkin, &checkin->who, NULL, message_of(ctx, identity, checkin) };

	if (!identity->known)
		return note_back(db, identity, &checkin->who, checkin, err);
	return db_tx(db, tx_check_out, &t, err) || err_at(err, "CheckOut");
}

/* ---- anything else ---- */

/* It left, and is back as if it had not: from a backup of the phone. */
static bool
come_home(struct db *tx, const struct turn *t, const struct enrollment *e, bool *home, struct err *err)
{
	int64_t said = t->identity->proof.live ? clock_now() : t->identity->proof.signed_at;
	void *site;
	const struct enrollment_hooks *hooks = enrollment_hooks_of(&site);
	const struct comer c = comer(t);

	/* what never began has no home here, and an identity that the device had replaced before it left brings nobody */
	*home = e->enrolled && !identity_is_past(e, t->identity->sha256) && said > e->ended + ENROLLMENT_QUIET_S;
	return !*home || (enrollment_welcome_back(tx, &c, e, err) &&
			  enrollment_begin(tx, e, "enrollment.returned", err) &&
			  (!hooks->wants_token || hooks->wants_token(tx, site, e, err)));
}

static bool
tx_speaks(struct db *tx, void *arg, struct err *err)
{
	struct turn *t = arg;
	struct bound b;
	bool home = true;

	t->came_back = false;
	t->speaks = NULL;
	if (!enrollment_bind(t->ctx, tx, t->identity, t->who->udid, &b, err) ||
	    !is_who_it_says(tx, t, &b, err))
		return false;
	if (!b.enrollment || enrollment_is(b.enrollment, "staged")) {
		t->came_back = true;
		return enrollment_may_come_back(t->db, t->identity, &b, t->who, err);
	}
	if (!is_its_own(&b) && !promote(tx, t, &b, err))
		return false;
	if (enrollment_is(b.enrollment, "removed") && !come_home(tx, t, b.enrollment, &home, err))
		return false;
	if (home && !enrollment_get(t->ctx, tx, b.enrollment->id, &t->speaks, err))
		return false;
	if (t->speaks)
		t->speaks->spoken = t->identity->sha256;
	return true;
}

bool
enrollment_speaks(TALLOC_CTX *ctx, struct db *db, const struct identity *identity, const struct checkin_who *who,
		  struct enrollment **ret, struct err *err)
{
	struct turn t = { .db = db, .identity = identity, .who = who, .ctx = ctx };
	struct enrollment *e = identity->enrollment;
	struct bound b = { BOUND_CURRENT, e, NULL };

	/* As almost always: nothing changes, and nothing is written. */
	if (e && enrollment_is(e, "enrolled") && (strcmp(e->identity, identity->sha256) == 0 ||
						  (e->old_identity && strcmp(e->old_identity, identity->sha256) == 0))) {
		e->spoken = identity->sha256;
		*ret = e;
		return enrollment_same_device(db, identity, &b, who, err) && enrollment_as_offered(db, identity, &b, who, err);
	}
	if (!identity->known)
		return note_back(db, identity, who, NULL, err);
	if (!db_tx(db, tx_speaks, &t, err))
		return false;
	*ret = t.speaks;
	return !t.came_back || note_back(db, identity, who, NULL, err);
}
