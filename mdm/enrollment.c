/* Tables `device` and `enrollment`, with those that docs/tables.md names. */
#include "core/audit.h"
#include "core/clock.h"
#include "mdm/challenge.h"
#include "mdm/enroll_call_off.h"
#include "mdm/enroll_session.h"
#include "mdm/enrollment_settle.h"
#include "mdm/enrollment_turn.h"
#include "mdm/identity_renew.h"
#include "mdm/push.h"
#include "mdm/queue.h"
#include <string.h>

static const struct enrollment_hooks no_hooks, *all_hooks = &no_hooks;
static void *hooks_site;

void
enrollment_hooks(const struct enrollment_hooks *hooks, void *site)
{
	all_hooks = hooks ? hooks : &no_hooks;
	hooks_site = site;
}

const struct enrollment_hooks *
enrollment_hooks_of(void **site)
{
	*site = hooks_site;
	return all_hooks;
}

/* ---- reading ---- */

struct enrollment *
enrollment_of_row(TALLOC_CTX *ctx, struct rows *rows)
{
	struct enrollment *e = mem_new(ctx, struct enrollment);

	*e = (struct enrollment){
		.id = rows_text(e, rows, 0), .device_id = rows_text(e, rows, 1), .udid = rows_text(e, rows, 2),
		.session_id = rows_text(e, rows, 3), .person_id = rows_text(e, rows, 4), .kind = rows_text(e, rows, 5),
		.state = rows_text(e, rows, 6), .identity = rows_text(e, rows, 7),
		.next_identity = rows_text(e, rows, 8), .access_rights = rows_int(rows, 9),
		.topic = rows_text(e, rows, 10), .push_magic = rows_text(e, rows, 11), .token = rows_bytes(e, rows, 12),
		.token_at = rows_int(rows, 13), .token_bad = rows_text(e, rows, 14),
		.supervised = rows_null(rows, 15) ? -1 : rows_bool(rows, 15), .again = rows_bool(rows, 16),
		.authenticate_signed = rows_int(rows, 17), .token_signed = rows_int(rows, 18),
		.ended = rows_int(rows, 19), .old_identity = rows_text(e, rows, 20),
		.old_identity_until = rows_int(rows, 21), .old_speaks = rows_null(rows, 22) ? -1 : rows_bool(rows, 22),
		.returned = rows_int(rows, 23), .returns = rows_int(rows, 24),
		.enrolled = rows_int(rows, 25),
	};
	return e;
}

#define BOUND_TO "e.identity = $1 OR e.next_identity = $1 OR e.old_identity = $1"	/* each has its index */

static bool
one(TALLOC_CTX *ctx, struct rows *rows, struct enrollment **ret, const char *missing, struct err *err)
{
	if (!rows_one(rows, err, missing))
		return false;
	*ret = enrollment_of_row(ctx, rows);
	rows_done(rows);
	return true;
}

bool
enrollment_by_identity(TALLOC_CTX *ctx, struct db *db, const char *sha256, struct enrollment **ret, struct err *err)
{
	return one(ctx, db_query(ctx, db, "SELECT " ENROLLMENT_COLUMNS ENROLLMENT_FROM
		   "WHERE " BOUND_TO, db_text(sha256)), ret,
		   "no enrollment has this identity", err);
}

bool
enrollment_get(TALLOC_CTX *ctx, struct db *db, const char *id, struct enrollment **ret, struct err *err)
{
	return one(ctx, db_query(ctx, db, "SELECT " ENROLLMENT_COLUMNS ENROLLMENT_FROM "WHERE e.id = $1", db_text(id)),
		   ret, "no such enrollment", err);
}

bool
enrollment_of_device(TALLOC_CTX *ctx, struct db *db, const char *device_id, struct enrollment **ret, struct err *err)
{
	return one(ctx, db_query(ctx, db, "SELECT " ENROLLMENT_COLUMNS " FROM device d JOIN enrollment e"
		   " ON e.id = d.enrollment_id WHERE d.id = $1", db_text(device_id)), ret,
		   "this device is not under management", err);
}

bool
enrollment_recipient(TALLOC_CTX *ctx, struct db *db, const struct enrollment *e, struct bytes *der, struct err *err)
{
	/* one that the device has replaced reads nothing that is new, whoever has its key */
	const char *has = e->spoken && !identity_is_past(e, e->spoken) ? e->spoken : e->identity;
	struct certificate *cert;
	struct err missing;

	*der = (struct bytes){ 0 };
	if (certificate_find(ctx, db, has, &cert, &missing))
		*der = cert->der;
	else if (missing.kind != ERR_MISSING)
		return (*err = missing, false);
	return true;
}

/* `|| ''` keeps SQLite from looking through all who have left. */
bool
enrollment_has_left(struct db *db, const char *sha256, const char *session_id, bool *ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, db, "SELECT 1 FROM enrollment e WHERE e.state || '' = 'removed' AND (" BOUND_TO
		" OR e.session_id = $2 OR e.id = (SELECT s.enrollment_id FROM enroll_session s WHERE s.id = $2"
		" AND s.kind = 'renewal')) LIMIT 1", db_text(sha256), db_text(session_id ? session_id : ""));
	enum rows_step step = rows_next(rows, err);

	*ret = step == ROWS_ROW;
	rows_done(rows);
	return step != ROWS_FAILED;
}

bool
enrollment_shown(TALLOC_CTX *ctx, struct db *db, const char *sha256, struct shown *ret, struct err *err)
{
	struct rows *rows = db_query(ctx, db, "SELECT " ENROLLMENT_COLUMNS ", c.purpose, c.session_id, c.revoked,"
		" c.not_after" ENROLLMENT_FROM "LEFT JOIN certificate c ON c.sha256 = $1"
		" WHERE " BOUND_TO, db_text(sha256));
	enum rows_step step = rows_next(rows, err);
	struct shown shown = { 0 };
	int at = ENROLLMENT_COLUMNS_N;

	if (step == ROWS_ROW) {
		shown.enrollment = enrollment_of_row(ctx, rows);
	} else if (step == ROWS_END) {
		rows = db_query(ctx, db, "SELECT c.purpose, c.session_id, c.revoked, c.not_after, EXISTS (SELECT 1 FROM"
				" enrollment e WHERE e.state = 'retired' AND c.revoked IS NOT NULL AND (e.session_id ="
				" c.session_id OR e.id IN (SELECT s.enrollment_id FROM enroll_session s WHERE s.id ="
				" c.session_id))) FROM certificate c WHERE c.sha256 = $1", db_text(sha256));
		step = rows_next(rows, err);
		at = 0;
	}
	if (step == ROWS_FAILED)
		return false;
	shown.certificate = step == ROWS_ROW && !rows_null(rows, at);
	if (shown.certificate) {
		shown.purpose = rows_text(ctx, rows, at);
		shown.session_id = rows_text(ctx, rows, at + 1);
		shown.revoked = rows_int(rows, at + 2);
		shown.not_after = rows_int(rows, at + 3);
		shown.retired = !shown.enrollment && rows_bool(rows, at + 4);
	}
	rows_done(rows);
	*ret = shown;
	return true;
}

/* ---- beginning and ending ---- */

bool
enrollment_revoke(struct db *tx, const char *sha256, const char *reason, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, tx, "SELECT 1 FROM certificate WHERE sha256 = $1 AND revoked IS NULL",
				     db_text(sha256));
	enum rows_step step = sha256 ? rows_next(rows, err) : ROWS_END;

	rows_done(rows);
	return step == ROWS_END || (step == ROWS_ROW && certificate_revoke(tx, sha256, reason, err));
}

/* A certificate that was renewed by SCEP and not yet shown is in no row of ours: it is found by its session. */
static bool
end_identities(struct db *tx, const struct enrollment *e, const struct enrollment *by, const char *reason,
	       struct err *err)
{
	const char *but = by ? by->session_id : NULL;

	return enrollment_revoke(tx, e->identity, reason, err) && enrollment_revoke(tx, e->next_identity, reason, err) &&
	       enrollment_revoke(tx, e->old_identity, reason, err) &&
	       certificate_revoke_all(tx, e->id, e->session_id, but, reason, err) &&
	       enroll_session_void(tx, e->id, e->session_id, but, err);
}

/* What was made for the device by itself: iOS takes off all that management has brought, whoever ends it. */
static bool
end_bound(struct db *tx, const struct enrollment *e, const char *reason, struct err *err)
{
	return challenge_void_bound(tx, e->id, err) && certificate_revoke_bound(tx, e->id, reason, err);
}

/* `by`: the one that replaces it; what is of that one's session stays as it is. */
static bool
end(struct db *tx, const struct enrollment *e, const struct enrollment *by, const char *state, const char *why,
    struct err *err)
{
	bool is_retired = strcmp(state, "retired") == 0, is_removed = strcmp(state, "removed") == 0;
	const char *reason = is_retired || is_removed ? "cessationOfOperation" : "superseded";

	/* One who left may be back, from a backup of the phone: its identity stays good until it runs out. */
	if ((!is_removed && !end_identities(tx, e, by, reason, err)) || !end_bound(tx, e, reason, err))
		return false;
	return queue_drop(tx, e, why, NULL, err) &&
	       (is_retired ? true : push_forget(tx, e->id, err)) &&
	       /* when and why one left stays, whatever is done about it later */
	       db_run(tx, err, "UPDATE enrollment SET state = $1, why = CASE WHEN state = 'removed' THEN why ELSE CAST($2 AS TEXT) END,"
		      " ended = CASE WHEN state = 'removed' THEN ended ELSE CAST($3 AS BIGINT) END, again = FALSE,"
		      " bootstrap_token = NULL, unlock_token = NULL WHERE id = $4", db_text(state), db_text(why), db_now(),
		      db_text(e->id)) &&
	       (is_retired || db_run(tx, err, "UPDATE enrollment SET token = NULL, push_magic = '' WHERE id = $1",
				     db_text(e->id))) &&
	       db_run(tx, err, "UPDATE device SET enrollment_id = NULL, changed = $1 WHERE id = $2 AND enrollment_id = $3",
		      db_now(), db_text(e->device_id), db_text(e->id)) &&
	       (!all_hooks->ended || all_hooks->ended(tx, hooks_site, e, state, err));
}

bool
enrollment_end(struct db *tx, const struct enrollment *e, const char *state, const char *why, struct err *err)
{
	return end(tx, e, NULL, state, why, err);
}

/* What the device has now, if it is another. */
static bool
end_before(struct db *tx, const struct enrollment *e, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct enrollment *before;

	if (!enrollment_of_device(ctx, tx, e->device_id, &before, err))
		return err->kind == ERR_MISSING;
	return strcmp(before->id, e->id) == 0 || end(tx, before, e, "replaced", "the device enrolled again", err);
}

/* Of the device, all that are in the state `was`. */
static bool
end_those(struct db *tx, const char *device_id, const char *was, const struct enrollment *by, const char *state,
	  const char *why, size_t *ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	/* `|| ''`: by the device, not by all that ever left */
	struct rows *rows = db_query(ctx, tx, "SELECT " ENROLLMENT_COLUMNS ENROLLMENT_FROM "WHERE e.device_id = $1"
		" AND e.state || '' = $2 AND e.id <> $3", db_text(device_id), db_text(was), db_text(by ? by->id : ""));
	struct enrollment **all = NULL;
	enum rows_step step;
	size_t n = 0;

	while ((step = rows_next(rows, err)) == ROWS_ROW) {
		all = mem_grow(ctx, all, struct enrollment *, n + 1);
		all[n++] = enrollment_of_row(ctx, rows);
	}
	if (step == ROWS_FAILED)
		return false;
	for (size_t i = 0; i < n; i++)
		if (!end(tx, all[i], by, state, why, err))
			return false;
	*ret = n;
	return true;
}

bool
enrollment_end_staged(struct db *tx, const char *device_id, const struct enrollment *by, const char *state,
		      const char *why, size_t *ret, struct err *err)
{
	return end_those(tx, device_id, "staged", by, state, why, ret, err);
}

/* No push tells it: it has nothing left that would hear one. */
bool
enrollment_erased(struct db *tx, const struct enrollment *e, struct err *err)
{
	static const char why[] = "it was erased";
	size_t left;

	return end_those(tx, e->device_id, "removed", NULL, "retired", why, &left, err) && end(tx, e, NULL, "retired", why, err) &&
	       db_run(tx, err, "UPDATE enrollment SET token = NULL, push_magic = '' WHERE id = $1", db_text(e->id)) &&
	       push_forget(tx, e->id, err) && audit_add(tx, "device", "enrollment.removed", e->device_id, "EraseDevice", err);
}

static bool
make_current(struct db *tx, const struct enrollment *e, struct err *err)
{
	size_t n;

	/* what only began there would take it from this one with its first TokenUpdate */
	return end_before(tx, e, err) &&
	       enrollment_end_staged(tx, e->device_id, e, "replaced", "another enrollment of the device was quicker", &n, err) &&
	       db_run(tx, err, "UPDATE enrollment SET state = 'enrolled', why = '', again = FALSE, ended = NULL,"
		      " enrolled = $1 WHERE id = $2", db_now(), db_text(e->id)) &&
	       db_run(tx, err, "UPDATE device SET enrollment_id = $1, person_id = $2, changed = $3"
		      " WHERE id = $4", db_text(e->id), db_text(e->person_id), db_now(), db_text(e->device_id));
}

bool
enrollment_begin(struct db *tx, const struct enrollment *e, const char *act, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	const char *more = e->returns ? mem_printf(ctx, ", and %lld times in between", (long long)e->returns) : "";
	struct enrollment *now;

	return make_current(tx, e, err) &&
	       audit_add(tx, "device", act, e->device_id, mem_printf(ctx, "%s%s", e->session_id, more), err) &&
	       enrollment_get(ctx, tx, e->id, &now, err) &&
	       (!all_hooks->enrolled || all_hooks->enrolled(tx, hooks_site, now, err));
}

bool
enrollment_begin_quietly(struct db *tx, const struct enrollment *e, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);

	return make_current(tx, e, err) &&
	       db_run(tx, err, "UPDATE enrollment SET returns = returns + 1 WHERE id = $1", db_text(e->id)) &&
	       enrollment_settle_later(tx, e, err) &&
	       (e->returns || audit_add(tx, "device", "enrollment.returned", e->device_id, mem_printf(ctx, "%s: again within %d"
					" minutes; until then it is asked nothing, and how often is counted", e->session_id,
					ENROLLMENT_RETURN_S / 60), err));
}

struct by_it {
	const char *actor, *device_id, *why;
};

static bool
tx_by_it(struct db *tx, void *arg, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	const struct by_it *by = arg;
	struct enrollment *e;
	bool current = enrollment_of_device(ctx, tx, by->device_id, &e, err);
	struct err missing = *err;
	size_t begun = 0, left = 0, under_way = 0;

	if (!current && err->kind != ERR_MISSING)
		return false;
	/* Whom IT sends away does not come in again by what was under way, nor by what it had before it left. */
	if (!enrollment_end_staged(tx, by->device_id, NULL, "retired", by->why, &begun, err) ||
	    !end_those(tx, by->device_id, "removed", NULL, "retired", by->why, &left, err) ||
	    !enroll_call_off_device(tx, by->device_id, &under_way, err))
		return false;
	if (!current && !begun && !left && !under_way) {
		*err = missing;
		return false;
	}
	/* While it still may be pushed: it hears that it is to leave when it comes. */
	return (!current || (push_ask(tx, e->id, clock_now(), "asked", err) &&
			     enrollment_end(tx, e, "retired", by->why, err))) &&
	       audit_add(tx, by->actor, "enrollment.retired", by->device_id, by->why, err);
}

bool
enrollment_retire(struct db *db, const char *actor, const char *device_id, const char *why, struct err *err)
{
	struct by_it by = { actor, device_id, why };

	return db_tx(db, tx_by_it, &by, err);
}

/* ---- whose it is ---- */

static bool
read_person(TALLOC_CTX *ctx, struct db *tx, const char *device_id, const char *person_id, const char **enrollment_id,
	    bool *same, struct err *err)
{
	struct rows *rows = db_query(ctx, tx, "SELECT d.enrollment_id, d.person_id IS NOT DISTINCT FROM $1 AND e.person_id IS NOT"
		" DISTINCT FROM $1 FROM device d LEFT JOIN enrollment e ON e.id = d.enrollment_id WHERE d.id = $2",
		db_text(person_id), db_text(device_id));

	if (!rows_one(rows, err, "no such device"))
		return false;
	*enrollment_id = rows_text(ctx, rows, 0);
	*same = rows_bool(rows, 1);
	rows_done(rows);
	return true;
}

bool
enrollment_person(struct db *tx, const char *device_id, const char *person_id, bool *changed, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	const char *id;
	bool same;

	if (!read_person(ctx, tx, device_id, person_id, &id, &same, err))
		return false;
	if (!id)
		return err_code(err, ERR_CONFLICT, "not_enrolled", "the device is not under management: whoever sets it up says"
				" whose it is");
	*changed = !same;
	return same || (db_run(tx, err, "UPDATE device SET person_id = $1, changed = $2 WHERE id = $3", db_text(person_id),
			       db_now(), db_text(device_id)) &&
			db_run(tx, err, "UPDATE enrollment SET person_id = $1 WHERE id = $2", db_text(person_id), db_text(id)));
}

/* ---- the rest ---- */

bool
enrollment_supervised(struct db *tx, const char *id, int supervised, struct err *err)
{
	return db_run(tx, err, "UPDATE enrollment SET supervised = $1 WHERE id = $2",
		      supervised < 0 ? db_null() : db_bool(supervised), db_text(id));
}
