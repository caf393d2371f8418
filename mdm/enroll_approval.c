/* Columns approval, approved_by of table `enroll_session`. */
#include "mdm/enroll_approval.h"
#include "core/audit.h"
#include "core/clock.h"
#include <string.h>

#define OPEN	" state = 'offered' AND expires > $1"

bool
enroll_approval_want(struct db *tx, const char *session_id, struct err *err)
{
	return db_run(tx, err, "UPDATE enroll_session SET approval = 'wanted' WHERE id = $1 AND state = 'offered'",
		      db_text(session_id));
}

struct pass {
	const struct enroll_session *session;
	const struct device_answer *answer;	/* NULL: direct */
	const char *approval;			/* afterwards */
	TALLOC_CTX *ctx;
};

static const char *
udid_of(const struct pass *p)
{
	return p->answer ? p->answer->udid : "";
}

/* An approval of this person for this device that was not used: it is now, by this session. */
static bool
inherit(struct db *tx, const struct pass *p, struct err *err)
{
	bool given;

	if (!db_run(tx, err, "UPDATE enroll_session SET approval = 'approved', approved_by = (SELECT max(o.approved_by) FROM"
		    " enroll_session o WHERE o.person_id = $2 AND o.udid = $3 AND o.approval = 'approved' AND o.state = 'offered'"
		    " AND o.expires > $1) WHERE id = $4 AND approval IN ('wanted', 'waiting') AND EXISTS (SELECT 1 FROM enroll_session o"
		    " WHERE o.person_id = $2 AND o.udid = $3 AND o.approval = 'approved' AND o.state = 'offered' AND o.expires > $1"
		    " AND o.id <> $4)", db_now(), db_text(p->session->person_id), db_text(udid_of(p)), db_text(p->session->id)))
		return false;
	given = db_changed(tx) > 0;
	/* one device of one person waits once, and an approval lets one through */
	return db_run(tx, err, "UPDATE enroll_session SET state = 'expired', changed = CAST($1 AS BIGINT) WHERE person_id = $2"
		      " AND udid = $3 AND id <> $4 AND state = 'offered' AND (approval = 'waiting' OR (approval = 'approved' AND CAST($5 AS BOOLEAN)))",
		      db_now(), db_text(p->session->person_id), db_text(udid_of(p)), db_text(p->session->id), db_bool(given));
}

/* Another device than the one that waits, or was approved, begins to wait itself. */
static bool
note_device(struct db *tx, const struct pass *p, struct err *err)
{
	const struct device_answer *a = p->answer;
	char hash[SECRET_HASH_SIZE];

	if (!a)
		return true;
	if (!db_run(tx, err, "UPDATE enroll_session SET approval = CASE WHEN udid <> $2 AND udid <> '' THEN 'wanted' ELSE approval END,"
		    " udid = $2, serial = $3, product = $4, version = $5, device_name = $6 WHERE id = $7 AND challenge_hash = $8 AND" OPEN,
		    db_now(), db_text(a->udid), db_text(a->serial), db_text(a->product), db_text(a->version), db_text(a->name),
		    db_text(p->session->id), db_text(secret_hash(a->challenge, hash))))
		return false;
	return db_changed(tx) || err_code(err, ERR_DENIED, "bad_challenge",
					  "its challenge is unknown, used, expired or another session's");
}

static bool
tx_pass(struct db *tx, void *arg, struct err *err)
{
	void *ctx SCOPED(mem) = mem_must(talloc_new(NULL));
	struct pass *p = arg;
	struct rows *rows;

	if (!note_device(tx, p, err) || !inherit(tx, p, err))
		return false;
	if (!db_run(tx, err, "UPDATE enroll_session SET approval = 'waiting', changed = CAST($1 AS BIGINT), expires = CAST($2 AS BIGINT)"
		    " WHERE id = $3 AND approval = 'wanted' AND" OPEN, db_now(), db_int(clock_now() + APPROVAL_WAIT_S),
		    db_text(p->session->id)))
		return false;
	if (db_changed(tx) && !audit_add(tx, "device", "enroll.waits", p->session->id, p->answer ? p->answer->product : "direct", err))
		return false;
	rows = db_query(ctx, tx, "SELECT approval FROM enroll_session WHERE id = $1", db_text(p->session->id));
	if (!rows_one(rows, err, "no such enrollment session"))
		return false;
	p->approval = rows_text(p->ctx, rows, 0);
	return true;
}

static bool
wants_one(struct db *db, const char *session_id, bool *ret, struct err *err)
{
	void *ctx SCOPED(mem) = mem_must(talloc_new(NULL));
	struct rows *rows = db_query(ctx, db, "SELECT approval <> '' AND state = 'offered' FROM enroll_session WHERE id = $1",
				     db_text(session_id));

	if (!rows_one(rows, err, "no such enrollment session"))
		return false;
	*ret = rows_bool(rows, 0);
	return true;
}

bool
enroll_approval_pass(struct db *db, const struct enroll_session *session, const struct device_answer *answer, struct err *err)
{
	void *ctx SCOPED(mem) = mem_must(talloc_new(NULL));
	struct pass p = { .session = session, .answer = answer, .ctx = ctx };
	bool wants;

	if (!wants_one(db, session->id, &wants, err))
		return false;
	if (!wants)	/* later steps, and those that want none */
		return true;
	if (!db_tx(db, tx_pass, &p, err))
		return false;
	if (strcmp(p.approval, "approved") == 0)
		return true;
	return strcmp(p.approval, "refused") == 0 ?
	       err_code(err, ERR_DENIED, "not_approved", "IT does not want this device under management") :
	       err_code(err, ERR_DENIED, "waits_for_approval", "IT approves each device first; download again once it has");
}

/* ---- for admins ---- */

#define WAITING	" FROM enroll_session s LEFT JOIN person p ON p.id = s.person_id WHERE s.approval = 'waiting'" \
	" AND s.state = 'offered' AND s.expires > $1"

bool
enroll_approval_list(struct db *db, json_t **ret, struct err *err)
{
	void *ctx SCOPED(mem) = mem_must(talloc_new(NULL));
	struct rows *rows = db_query(ctx, db, "SELECT s.id, p.name, s.udid, s.serial, s.product, s.device_name, s.changed" WAITING
		" ORDER BY s.changed, s.id LIMIT $2", db_now(), db_int(APPROVAL_LIST_MAX));
	json_t *items = json_array();
	enum rows_step step;

	while ((step = rows_next(rows, err)) == ROWS_ROW)
		json_array_append_new(items, json_pack("{s:s, s:s?, s:s, s:s, s:s, s:s, s:b, s:s}", "id", rows_text(ctx, rows, 0),
			"person", rows_text(ctx, rows, 1), "udid", rows_text(ctx, rows, 2), "serial", rows_text(ctx, rows, 3),
			"product", rows_text(ctx, rows, 4), "device_name", rows_text(ctx, rows, 5), "direct", !*rows_text(ctx, rows, 2),
			"since", clock_text(ctx, rows_int(rows, 6))));
	if (step == ROWS_FAILED) {
		json_decref(items);
		return err_at(err, "approvals");
	}
	*ret = json_pack("{s:o}", "items", items);
	return true;
}

bool
enroll_approval_count(struct db *db, int64_t *ret, struct err *err)
{
	void *ctx SCOPED(mem) = mem_must(talloc_new(NULL));
	struct rows *rows = db_query(ctx, db, "SELECT count(*)" WAITING, db_now());

	if (!rows_one(rows, err, "no answer"))
		return false;
	*ret = rows_int(rows, 0);
	return true;
}

struct decision {
	const char *actor, *id;
	bool yes;
};

static bool
tx_decide(struct db *tx, void *arg, struct err *err)
{
	const struct decision *d = arg;

	if (!db_run(tx, err, "UPDATE enroll_session SET approval = $2, approved_by = $3, state = $4, why = $5,"
		    " changed = CAST($1 AS BIGINT), expires = CAST($6 AS BIGINT) WHERE id = $7 AND approval = 'waiting' AND" OPEN,
		    db_now(), db_text(d->yes ? "approved" : "refused"), db_text(d->actor), db_text(d->yes ? "offered" : "failed"),
		    db_text(d->yes ? "" : "not_approved"), db_int(clock_now() + APPROVAL_GOOD_S), db_text(d->id)))
		return false;
	if (!db_changed(tx))
		return err_set(err, ERR_MISSING, "no such enrollment waits");
	return d->yes ? audit_add(tx, d->actor, "enroll.approve", d->id, NULL, err) :
			audit_add(tx, d->actor, "enroll.refuse", d->id, NULL, err);
}

bool
enroll_approval_decide(struct db *db, const char *actor, const char *session_id, bool yes, struct err *err)
{
	struct decision d = { actor, session_id, yes };

	return db_tx(db, tx_decide, &d, err);
}

bool
enroll_approval_of(TALLOC_CTX *ctx, struct db *db, const char *person_id, const char **ret, struct err *err)
{
	void *here SCOPED(mem) = mem_must(talloc_new(NULL));
	struct rows *rows = db_query(here, db, "SELECT approval FROM enroll_session WHERE person_id = $2 AND ((approval IN ('waiting',"
		" 'approved') AND state = 'offered' AND expires > $1) OR (approval = 'refused' AND changed > $3))"
		" ORDER BY changed DESC, turn DESC, id LIMIT 1", db_now(), db_text(person_id), db_int(clock_now() - DAY_S));
	enum rows_step step = rows_next(rows, err);

	if (step == ROWS_FAILED)
		return err_at(err, "approval");
	*ret = step == ROWS_ROW ? rows_text(ctx, rows, 0) : "";
	return true;
}
