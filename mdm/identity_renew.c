/* Reads and writes the renewal columns of `enrollment`. */
#include "mdm/identity_renew.h"
#include "core/audit.h"
#include "core/clock.h"
#include "mdm/enrollment_turn.h"
#include "mdm/queue.h"
#include <stdatomic.h>
#include <string.h>

/* Of the whole process: mdm.identity_overlap_hours, mdm.identity_grace_days. */
static _Atomic int64_t overlap_s = 72 * 3600, grace_s = 30 * DAY_S;

void
identity_overlap(int64_t s)
{
	atomic_store(&overlap_s, s);
}

void
identity_grace(int64_t s)
{
	atomic_store(&grace_s, s);
}

/* ---- the new one was seen ---- */

/* Has the device gone back to its old one, and may it still speak with that?  One of an outside CA says nothing of itself. */
static bool
is_back(struct db *tx, const struct enrollment *e, bool *ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct certificate *old;

	*ret = e->old_identity && e->old_speaks == 1;
	if (!*ret)
		return true;
	if (!certificate_find(ctx, tx, e->old_identity, &old, err))
		return err->kind == ERR_MISSING;
	*ret = !old->revoked && old->not_after + atomic_load(&grace_s) >= clock_now();
	return true;
}

bool
identity_renewed(struct db *tx, const struct enrollment *e, const char *sha256, int64_t ends, struct err *err)
{
	const char *old = e->identity, *gone = e->old_identity;
	const char *other = e->next_identity && strcmp(e->next_identity, sha256) != 0 ? e->next_identity : NULL;
	bool back;

	if (!is_back(tx, e, &back, err))
		return false;
	if (back) {	/* the one in between it never took */
		old = e->old_identity;
		gone = e->identity;
	}
	return enrollment_revoke(tx, gone, "superseded", err) && enrollment_revoke(tx, other, "superseded", err) &&
	       certificate_revoke_others(tx, e->id, e->session_id, sha256, old, "superseded", err) &&
	       db_run(tx, err, "UPDATE enrollment SET identity = $1, next_identity = NULL, old_identity = $2,"
		      " old_identity_until = $3, old_speaks = NULL, old_shown = NULL, identity_ends = $4, renewal_tries = 0"
		      " WHERE id = $5",
		      db_text(sha256), db_text(old), db_int(clock_now() + atomic_load(&overlap_s)),
		      ends ? db_int(ends) : db_null(), db_text(e->id)) &&
	       queue_done(tx, e, IDENTITY_KIND, err);
}

/* ---- which of the two ---- */

static bool
is_old(const struct enrollment *e, const char *sha256)
{
	return e->old_identity && strcmp(e->old_identity, sha256) == 0;
}

bool
identity_is_past(const struct enrollment *e, const char *sha256)
{
	return is_old(e, sha256) && e->old_speaks == 0;
}

struct spoke {
	char id[64], identity[X509_FINGERPRINT_SIZE], old_identity[X509_FINGERPRINT_SIZE];
	bool old;
};

/* Of these two, or it is not news any more.  Once the new one was used, nothing says otherwise. */
static bool
tx_spoke(struct db *tx, void *arg, struct err *err)
{
	const struct spoke *s = arg;

	return db_run(tx, err, "UPDATE enrollment SET old_speaks = $1 WHERE id = $2 AND identity = $3 AND old_identity = $4"
		      " AND (old_speaks IS NULL OR NOT CAST($1 AS BOOLEAN))", db_bool(s->old), db_text(s->id), db_text(s->identity),
		      db_text(s->old_identity));
}

void
identity_spoke(struct db *db, const struct enrollment *e, const char *sha256, bool begins)
{
	bool old = is_old(e, sha256);
	struct spoke *s;

	if (identity_is_past(e, sha256))
		enrollment_old_shown(db, e, sha256);
	/* A third one, which is about to renew them, says nothing of the two. */
	if (!e->old_identity || (!old && (begins || strcmp(e->identity, sha256) != 0)) || e->old_speaks == 0 || e->old_speaks == old)
		return;
	s = mem_new(NULL, struct spoke);
	snprintf(s->id, sizeof s->id, "%s", e->id);
	snprintf(s->identity, sizeof s->identity, "%s", e->identity);
	snprintf(s->old_identity, sizeof s->old_identity, "%s", e->old_identity);
	s->old = old;
	db_later(db, tx_spoke, s);
}

/* ---- asking ---- */

static const struct queue_wish renewal = {
	.kind = IDENTITY_KIND, .request_type = "InstallProfile", .dedupe_key = IDENTITY_KIND,
	.priority = QUEUE_PRIORITY_HOUSE, .created_by = "house",
};

static bool
asked(struct db *tx, const char *enrollment_id, struct err *err)
{
	return db_run(tx, err, "UPDATE enrollment SET renewal_asked = $1, renewal_tries = renewal_tries + 1 WHERE id = $2",
		      db_now(), db_text(enrollment_id));
}

bool
identity_renew(struct db *tx, TALLOC_CTX *ctx, const char *enrollment_id, const char *actor, char **uuid, struct err *err)
{
	struct queue_wish wish = renewal;
	enum queue_verdict verdict;

	wish.created_by = actor;
	return queue_add(tx, ctx, &wish, &enrollment_id, 1, &verdict, uuid, err) &&
	       (verdict != QUEUE_ADDED || asked(tx, enrollment_id, err));
}

/*
 * $1: ended before that, nothing helps any more; $2: ends before that; $3: now.  Each by an index of its own; the
 * third reads certificates only where a CA is retired and has not ended.
 */
#define ENROLLED " AND e.state = 'enrolled'"
#define ENROLLED_TOO " AND COALESCE(e.state, '') = 'enrolled'"	/* or its index, which names nearly all, would be read */
#define ENDS(at) " CASE WHEN " at " <= $3 THEN 'ended' ELSE 'ends' END AS why"
#define DUE "(SELECT e.id, c.not_after AS ends," ENDS("c.not_after") " FROM certificate c JOIN enrollment e" \
	" ON e.identity = c.sha256 WHERE c.purpose = 'mdm' AND c.not_after > $1 AND c.not_after < $2" ENROLLED \
	" UNION ALL SELECT e.id, e.identity_ends," ENDS("e.identity_ends") " FROM enrollment e WHERE e.identity_ends > $1" \
	" AND e.identity_ends < $2" ENROLLED_TOO \
	" UNION ALL SELECT e.id, c.not_after, 'old_ca' FROM authority a CROSS JOIN certificate c JOIN enrollment e" \
	" ON e.identity = c.sha256 WHERE a.retired IS NOT NULL AND a.role = 'ca' AND a.not_after > $3" \
	" AND c.authority_id = a.id AND c.purpose = 'mdm' AND c.not_after > $1" ENROLLED \
	" UNION ALL SELECT e.id, COALESCE(c.not_after, e.identity_ends, 0), 'went_back' FROM enrollment e LEFT JOIN" \
	" certificate c ON c.sha256 = e.old_identity WHERE e.old_identity IS NOT NULL AND e.old_speaks" ENROLLED_TOO ") d"
#define RULES(rules) db_int(clock_now() - (rules)->grace_s), db_int(clock_now() + (rules)->ahead_s), db_now()
#define WAITS "EXISTS (SELECT 1 FROM command_queue q WHERE q.enrollment_id = e.id AND q.dedupe_key = '" IDENTITY_KIND "')"

/* Who gave no right to mobileconfigs is not asked: it is listed, and sets up the device anew before the end. */
#define MAY "(e.kind = 'user' OR (e.access_rights & 2) <> 0)"

struct wave {
	TALLOC_CTX *ctx;
	const char **ids;
	size_t n;
};

static bool
read_due(struct db *db, const struct identity_rules *rules, struct wave *w, struct err *err)
{
	struct rows *rows = db_query(w->ctx, db, "SELECT d.id FROM " DUE " JOIN enrollment e ON e.id = d.id"
		" WHERE (e.renewal_asked IS NULL OR e.renewal_asked <= $4 OR e.renewal_asked > $3) AND NOT " WAITS " AND " MAY	/* a clock was ahead */
		" GROUP BY d.id ORDER BY min(d.ends), d.id LIMIT $5", RULES(rules), db_int(clock_now() - DAY_S),
		db_int(IDENTITY_WAVE));
	enum rows_step step;

	w->ids = mem_array(w->ctx, const char *, IDENTITY_WAVE);
	for (w->n = 0; (step = rows_next(rows, err)) == ROWS_ROW; w->n++)
		w->ids[w->n] = rows_text(w->ctx, rows, 0);
	return step != ROWS_FAILED;
}

/* Who left meanwhile, or was asked by hand, is passed over by the queue. */
static bool
tx_ask(struct db *tx, void *arg, struct err *err)
{
	const struct wave *w = arg;
	void *ctx SCOPED(mem) = talloc_new(NULL);
	enum queue_verdict *verdicts = mem_array(ctx, enum queue_verdict, w->n);

	if (!queue_add(tx, ctx, &renewal, w->ids, w->n, verdicts, NULL, err))
		return false;
	for (size_t i = 0; i < w->n; i++)
		if (verdicts[i] != QUEUE_UNKNOWN && !asked(tx, w->ids[i], err))
			return false;
	return true;
}

/* ---- the end of old ones ---- */

static bool
tx_forget_old(struct db *tx, void *arg, struct err *err)
{
	const struct identity_rules *rules = arg;
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, tx, "SELECT e.id, e.old_identity FROM enrollment e LEFT JOIN certificate c"
		" ON c.sha256 = e.old_identity WHERE e.old_identity_until <= $1 AND (NOT e.old_speaks OR e.state <> 'enrolled'"
		" OR c.not_after <= $2) LIMIT $3", db_now(), db_int(clock_now() - rules->grace_s), db_int(IDENTITY_WAVE));
	const char **ids = mem_array(ctx, const char *, IDENTITY_WAVE), **olds = mem_array(ctx, const char *, IDENTITY_WAVE);
	enum rows_step step;
	size_t n = 0;

	for (; (step = rows_next(rows, err)) == ROWS_ROW; n++) {
		ids[n] = rows_text(ctx, rows, 0);
		olds[n] = rows_text(ctx, rows, 1);
	}
	if (step == ROWS_FAILED)
		return false;
	for (size_t i = 0; i < n; i++)
		if (!enrollment_revoke(tx, olds[i], "superseded", err) ||
		    !db_run(tx, err, "UPDATE enrollment SET old_identity = NULL, old_identity_until = NULL, old_speaks = NULL"
			    " WHERE id = $1", db_text(ids[i])))
			return false;
	return true;
}

bool
identity_sweep(struct db *db, const struct identity_rules *rules, bool *more, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct wave w = { .ctx = ctx };

	if (!db_tx(db, tx_forget_old, (void *)(uintptr_t)rules, err) || !read_due(db, rules, &w, err) ||
	    (w.n && !db_tx(db, tx_ask, &w, err)))
		return err_at(err, "renewal of identities");
	*more = w.n == IDENTITY_WAVE;
	return true;
}

/* ---- what is shown ---- */

static json_t *
moment(struct rows *rows, int column)
{
	char text[CLOCK_ISO_SIZE];

	return rows_null(rows, column) || !rows_int(rows, column) ? json_null() :
								    json_string(clock_iso(rows_int(rows, column), text));
}

bool
identity_due_list(struct db *db, const struct identity_rules *rules, json_t **ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, db, "SELECT v.id, v.name, v.serial, p.name, min(d.ends), e.renewal_asked,"
		" e.renewal_tries, " WAITS ", CASE WHEN " MAY " THEN min(d.why) ELSE 'no_right' END FROM " DUE " JOIN enrollment e ON e.id = d.id JOIN device v"
		" ON v.id = e.device_id LEFT JOIN person p ON p.id = e.person_id GROUP BY d.id, e.id, v.id, v.name, v.serial,"
		" p.name, e.renewal_asked, e.renewal_tries, e.kind, e.access_rights ORDER BY min(d.ends), d.id LIMIT $4", RULES(rules),
		db_int(IDENTITY_LIST_MAX));
	json_t *items = json_array();
	enum rows_step step;

	while ((step = rows_next(rows, err)) == ROWS_ROW)
		json_array_append_new(items, json_pack("{s:s, s:s, s:s, s:s?, s:o, s:o, s:I, s:b, s:s}",
			"device", rows_text(ctx, rows, 0), "name", rows_text(ctx, rows, 1), "serial", rows_text(ctx, rows, 2),
			"person", rows_text(ctx, rows, 3), "ends", moment(rows, 4), "asked", moment(rows, 5),
			"tries", (json_int_t)rows_int(rows, 6), "waits", rows_bool(rows, 7), "why", rows_text(ctx, rows, 8)));
	if (step == ROWS_FAILED) {
		json_decref(items);
		return false;
	}
	*ret = json_pack("{s:o, s:n}", "items", items, "next");
	return true;
}
