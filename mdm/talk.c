#include "mdm/talk.h"
#include "core/count.h"
#include "core/log.h"
#include "core/pack.h"
#include "mdm/enrollment_turn.h"
#include "mdm/escrow.h"
#include "mdm/identity_renew.h"
#include "mdm/leaving.h"
#include "mdm/queue_secret.h"
#include "mdm/report.h"
#include <string.h>

static void
seen(const struct talk *talk, const struct enrollment *e)
{
	if (talk->seen && e)
		seen_note(talk->seen, e->device_id, talk->address);
}

/* What it said was believed, and is this device's word: one that was refused says nothing of it. */
static void
spoke(const struct talk *talk, const struct identity *identity, bool begins)
{
	if (identity->enrollment && !identity->leaves)
		identity_spoke(talk->db, identity->enrollment, identity->sha256, begins);
}

/* What cannot be read is kept raw and shown so: no reason to let the device repeat it for ever. */
static struct inventory *
inventory_of(TALLOC_CTX *ctx, const char *request_type, plist_t plist, struct bytes raw)
{
	struct inventory *inventory = NULL;
	struct err err = { 0 };

	if (!inventory_read(ctx, request_type, plist, raw, &inventory, &err)) {
		log_err("an answer of a device is not in the inventory", &err, KV("type", request_type));
		return NULL;
	}
	return inventory;
}

/* ---- check-in ---- */

static bool
bootstrap(TALLOC_CTX *ctx, const struct talk *talk, const struct identity *identity, const struct checkin *c,
	  struct bytes *token, struct err *err)
{
	struct enrollment *e = NULL;

	if (!enrollment_speaks(ctx, talk->db, identity, &c->who, &e, err))
		return false;
	if (!e || identity_is_past(e, identity->sha256))
		return true;
	return c->type == CHECKIN_SET_BOOTSTRAP ?
		       escrow_bootstrap_set(talk->db, talk->sealer, e, c->bootstrap_token, err) :
		       escrow_bootstrap_get(ctx, talk->db, talk->sealer, e, token, err);
}

static bool
act(TALLOC_CTX *ctx, const struct talk *talk, const struct identity *identity, const struct checkin *c,
    struct bytes *token, struct err *err)
{
	struct inventory *inventory;
	struct enrollment *e;

	/* Another channel of the same device: nobody of it is managed here. */
	if (c->who.user_id || (c->type != CHECKIN_AUTHENTICATE && c->type != CHECKIN_TOKEN_UPDATE &&
			       c->type != CHECKIN_CHECK_OUT && c->type != CHECKIN_SET_BOOTSTRAP &&
			       c->type != CHECKIN_GET_BOOTSTRAP))
		return enrollment_speaks(ctx, talk->db, identity, &c->who, &e, err);
	if (c->type == CHECKIN_CHECK_OUT)
		return enrollment_check_out(talk->db, identity, c, err);
	if (c->type == CHECKIN_SET_BOOTSTRAP || c->type == CHECKIN_GET_BOOTSTRAP)
		return bootstrap(ctx, talk, identity, c, token, err);
	inventory = inventory_of(ctx, checkin_name(c->type), c->plist, c->raw);
	return c->type == CHECKIN_AUTHENTICATE ?
		       enrollment_authenticate(talk->db, identity, c, inventory, err) :
		       enrollment_token_update(talk->db, talk->sealer, identity, c, inventory, err);
}

bool
talk_checkin(TALLOC_CTX *ctx, const struct talk *talk, const struct proof *proof, struct bytes body,
	     struct checkin_answer *ret, struct err *err)
{
	struct bytes token = { 0 };
	struct identity *identity;
	struct checkin *c;

	if (body.len > CHECKIN_MAX)
		return err_set(err, ERR_LIMIT, "a check-in of %zu bytes; at most %u are taken", body.len, CHECKIN_MAX);
	if (!proof_judge(ctx, talk->db, talk->ca, proof, talk->grace_s, &identity, err) ||
	    !checkin_read(ctx, body, &c, err) ||
	    !(identity->leaves ? leaving_checkin(talk->db, identity, c, err) : act(ctx, talk, identity, c, &token, err)))
		return false;
	count_add(COUNT_MDM_CHECKINS, 1);
	spoke(talk, identity, c->type == CHECKIN_AUTHENTICATE || c->type == CHECKIN_TOKEN_UPDATE);
	seen(talk, identity->enrollment);
	if (c->type == CHECKIN_SET_BOOTSTRAP || (c->who.user_id && c->type != CHECKIN_USER_AUTHENTICATE &&
						 c->type != CHECKIN_GET_TOKEN && c->type != CHECKIN_DECLARATIVE)) {
		*ret = (struct checkin_answer){ .status = 200 };
		return true;
	}
	return checkin_answer(ctx, c, token, ret, err);
}

/* ---- commands ---- */

struct also {
	const char *device_id;
	const struct inventory *inventory;
};

static bool
tx_keep(struct db *tx, void *arg, struct err *err)
{
	const struct also *also = arg;

	return inventory_keep(tx, also->device_id, also->inventory, err);
}

static void
count_report(const struct report *r)
{
	static const struct { const char *status; enum count count; } rows[] = {
		{ "Idle", COUNT_MDM_IDLE }, { "Acknowledged", COUNT_MDM_ACKNOWLEDGED }, { "NotNow", COUNT_MDM_NOT_NOW },
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (strcmp(r->status, rows[i].status) == 0) {
			count_add(rows[i].count, 1);
			return;
		}
	count_add(COUNT_MDM_ERRORS, 1);
}

/* The device's command, read before its transaction: only when it says more than how it went. */
static bool
read_answer(TALLOC_CTX *ctx, const struct talk *talk, const struct enrollment *e, const struct report *r,
	    struct queue_report *report, struct inventory **ret, struct err *err)
{
	struct queued *command = NULL;

	*ret = NULL;
	if (r->uuid && strcmp(r->status, "NotNow") != 0)
		report->packed = pack(ctx, r->raw);
	if (!r->uuid || r->bare || strcmp(r->status, "Acknowledged") != 0)
		return true;
	if (!queue_find(ctx, talk->db, e->id, r->uuid, &command, err))
		return false;
	if (command && (*ret = inventory_of(ctx, command->request_type, r->plist, r->raw)))
		inventory_asked(*ret, command->payload);
	return !command || queue_seal_answer(ctx, command->request_type, report, err);
}

static bool
hand_over(TALLOC_CTX *ctx, const struct talk *talk, const struct enrollment *e, struct queued *next, struct checkin_answer *ret,
	  struct err *err)
{
	if (!queue_deliver(ctx, talk->db, e, next, &ret->body, err))
		return false;
	if (ret->body.len) {
		ret->type = "application/xml";
		count_add(COUNT_MDM_COMMANDS, 1);
	}
	return true;
}

static bool
take_report(TALLOC_CTX *ctx, const struct talk *talk, const struct enrollment *e, const struct report *r,
	    struct checkin_answer *ret, struct err *err)
{
	struct inventory *inventory = NULL;
	struct also also = { e->device_id, NULL };
	struct queue_report report = { .enrollment = e, .status = r->status, .uuid = r->uuid, .answer = r->plist,
				       .error = r->error };
	struct queue_reported reported;

	if (!read_answer(ctx, talk, e, r, &report, &inventory, err))
		return false;
	if ((also.inventory = inventory)) {
		report.also = tx_keep;
		report.arg = &also;
	}
	if (!queue_turn(ctx, talk->db, &report, &reported, err))
		return false;
	if (r->uuid && !reported.known)
		log_debug("a device answered a command that does not wait for it", KV("device", e->device_id),
			 KV("command", r->uuid), KV("status", r->status));
	return hand_over(ctx, talk, e, reported.next, ret, err);
}

/*
 * An answer that cannot be read comes again with each delivery, and is the same then.  Its command ends, and the device
 * goes on; false with the refusal when it is not known which that is, or what came is readable and no report.
 */
static bool
take_unreadable(TALLOC_CTX *ctx, const struct talk *talk, const struct identity *identity, struct bytes body,
		struct checkin_answer *ret, struct err *err)
{
	const struct enrollment *e = identity->enrollment;
	const char *uuid = report_uuid_of(ctx, body);
	struct queue_reported reported;
	const struct err why = *err;

	if (strcmp(why.code, "hostile_plist") != 0 && (!uuid || strcmp(why.code, "bad_plist") != 0))
		return false;
	if (identity->leaves || !e || strcmp(e->state, "enrolled") != 0)
		return false;
	if (!queue_unreadable(ctx, talk->db, e, uuid, &why, &reported, err))
		return false;
	if (!reported.known) {
		*err = why;
		return false;
	}
	count_add(COUNT_MDM_ERRORS, 1);
	seen(talk, e);
	return hand_over(ctx, talk, e, reported.next, ret, err);
}

static bool
take_leave(TALLOC_CTX *ctx, const struct talk *talk, const struct identity *identity, const struct report *r,
	   struct checkin_answer *ret, struct err *err)
{
	if (!leaving_report(ctx, talk->db, identity, r, &ret->body, err))
		return false;
	count_report(r);
	seen(talk, identity->enrollment);
	if (ret->body.len) {
		ret->type = "application/xml";
		count_add(COUNT_MDM_COMMANDS, 1);
	}
	return true;
}

bool
talk_command(TALLOC_CTX *ctx, const struct talk *talk, const struct proof *proof, struct bytes body,
	     struct checkin_answer *ret, struct err *err)
{
	struct enrollment *e = NULL;
	struct identity *identity;
	struct report *r;

	*ret = (struct checkin_answer){ .status = 200 };
	if (!proof_judge(ctx, talk->db, talk->ca, proof, talk->grace_s, &identity, err))
		return false;
	if (!report_read(ctx, body, &r, err))
		return take_unreadable(ctx, talk, identity, body, ret, err);
	if (identity->leaves)
		return take_leave(ctx, talk, identity, r, ret, err);
	if (!enrollment_speaks(ctx, talk->db, identity, &r->who, &e, err))
		return false;
	count_report(r);
	spoke(talk, identity, false);
	seen(talk, e);
	return !e || r->who.user_id || take_report(ctx, talk, e, r, ret, err);
}
