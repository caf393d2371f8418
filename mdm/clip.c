/*
 * Table `clip`.
 *
 * Whatever makes a web clip due only says so in its row, and calls for the job; the job alone puts commands into the
 * queue (but for an enrollment's first).  So a crash between cause and command loses nothing, and a change that
 * meets a command under way is seen when that one is answered: `sent_hash` is what it handed over.
 */
#include "mdm/clip.h"
#include "core/audit.h"
#include "core/clock.h"
#include "core/job.h"
#include "core/secret.h"
#include "mdm/command_send.h"
#include <string.h>

#define OPENED_S	3600	/* `opened` is as exact as that */
#define FAR_S		(64 * CLIP_AGAIN_S + DAY_S)	/* no wait is as long: that was written by a clock that was ahead */
_Static_assert(CLIP_ATTEMPTS == 5, "four times as long, three times");

/* ---- who shows a token ---- */

bool
clip_open(TALLOC_CTX *ctx, struct db *db, const char *token, struct clip **ret, struct err *err)
{
	char hash[SECRET_HASH_SIZE];
	struct clip *clip = mem_new(ctx, struct clip);
	struct rows *rows = db_query(clip, db, "SELECT e.id, e.device_id, e.person_id, e.kind, e.access_rights, d.name, d.product,"
		" d.os_version, c.opened FROM clip c JOIN enrollment e ON e.id = c.enrollment_id JOIN device d ON d.id = e.device_id"
		" WHERE c.token_hash = $1 AND e.state = 'enrolled'", db_text(secret_hash(token, hash)));

	if (!rows_one(rows, err, "no such web clip"))
		return false;
	clip->enrollment_id = rows_text(clip, rows, 0);
	clip->device_id = rows_text(clip, rows, 1);
	clip->person_id = rows_text(clip, rows, 2);
	clip->kind = rows_text(clip, rows, 3);
	clip->access_rights = rows_int(rows, 4);
	clip->device_name = rows_text(clip, rows, 5);
	clip->product = rows_text(clip, rows, 6);
	clip->os_version = rows_text(clip, rows, 7);
	clip->opened = rows_int(rows, 8);
	rows_done(rows);
	*ret = clip;
	return true;
}

struct opened {
	char id[64];
};

static bool
tx_opened(struct db *tx, void *arg, struct err *err)
{
	const struct opened *o = arg;

	return db_run(tx, err, "UPDATE clip SET opened = $1 WHERE enrollment_id = $2", db_now(), db_text(o->id));
}

void
clip_opened(struct db *db, const struct clip *clip)
{
	struct opened *o;

	if (clip->opened > clock_now() - OPENED_S)
		return;
	o = mem_new(NULL, struct opened);
	memcpy(o->id, clip->enrollment_id, strnlen(clip->enrollment_id, sizeof o->id - 1));
	db_later(db, tx_opened, o);
}

/* ---- to the queue ---- */

static struct queue_wish
wish_of(const struct clip_look *look)
{
	return (struct queue_wish){
		.kind = look->on ? CLIP_KIND : CLIP_KIND_REMOVE, .request_type = look->on ? "InstallProfile" : "RemoveProfile",
		.subject = look->on ? look->label : NULL, .dedupe_key = look->on ? CLIP_KIND : CLIP_KIND_REMOVE,
		.priority = QUEUE_PRIORITY_HOUSE, .created_by = "house",
	};
}

static bool
call_job(struct db *tx, struct err *err)
{
	return job_add(tx, CLIP_JOB, json_object(), 0, CLIP_JOB, err);
}

/* What waits in the queue is rendered when it is fetched, so that a row that is wanted already stays as it is. */
static bool
queued(struct db *tx, const char *id, const struct clip_look *look, struct err *err)
{
	return db_run(tx, err, "UPDATE clip SET attempts = CASE WHEN hash = $1 THEN attempts + 1 ELSE 1 END, hash = $1,"
		      " state = $2, why = '', due = NULL, changed = $3 WHERE enrollment_id = $4",
		      db_text(look->on ? look->hash : ""), db_text(look->on ? "wanted" : "going"), db_now(), db_text(id));
}

bool
clip_begin(struct db *tx, const struct enrollment *e, const char *token_hash, const struct clip_look *look,
	   struct err *err)
{
	void *ctx SCOPED(mem) = mem_must(talloc_new(NULL));
	struct queue_wish wish = wish_of(look);
	char *uuid;

	if (!look->on || !(e->access_rights & CLIP_RIGHT))
		return true;
	return db_run(tx, err, "INSERT INTO clip (enrollment_id, token_hash, hash, state, attempts, created, changed)"
		      " VALUES ($1, $2, $3, 'wanted', 1, $4, $4) ON CONFLICT (enrollment_id) DO UPDATE SET"
		      " token_hash = excluded.token_hash, hash = excluded.hash, sent_hash = '', state = 'wanted', why = '',"
		      " attempts = 1, due = NULL, changed = excluded.changed", db_text(e->id), db_text(token_hash),
		      db_text(look->hash), db_now()) &&
	       queue_add(tx, ctx, &wish, &e->id, 1, NULL, &uuid, err);
}

/* ---- what came of it ---- */

struct handed {
	const char *id, *token_hash, *hash;
};

static bool
tx_handed(struct db *tx, void *arg, struct err *err)
{
	const struct handed *h = arg;

	return db_run(tx, err, "UPDATE clip SET token_hash = $1, sent_hash = $2 WHERE enrollment_id = $3"
		      " AND (token_hash <> $1 OR sent_hash <> $2)", db_text(h->token_hash), db_text(h->hash), db_text(h->id));
}

bool
clip_handed(struct db *db, const char *enrollment_id, const char *token_hash, const struct clip_look *look, struct err *err)
{
	struct handed h = { enrollment_id, token_hash, look->hash };

	return db_tx(db, tx_handed, &h, err);
}

/* The first is tried again soon, then each later than the one before; the last is not. */
static bool
failed(struct db *tx, const char *id, const char *why, bool at_once, struct err *err)
{
	void *ctx SCOPED(mem) = mem_must(talloc_new(NULL));
	struct rows *rows = db_query(ctx, tx, "SELECT attempts FROM clip WHERE enrollment_id = $1", db_text(id));
	int64_t attempts, wait = CLIP_AGAIN_S;

	if (!rows_one(rows, err, "no web clip"))
		return err->kind == ERR_MISSING;
	attempts = rows_int(rows, 0);
	rows_done(rows);
	for (int64_t i = 1; i < attempts; i++)
		wait *= 4;
	if (at_once && attempts <= 1)
		wait = 0;
	return db_run(tx, err, "UPDATE clip SET state = 'failed', why = $1, due = $2, changed = $3 WHERE enrollment_id = $4",
		      db_text(why), attempts < CLIP_ATTEMPTS ? db_int(clock_now() + wait) : db_null(), db_now(), db_text(id)) &&
	       (wait || call_job(tx, err));
}

static bool
is_clip(const struct queued *command)
{
	return strcmp(command->kind, CLIP_KIND) == 0;
}

/* Of the web clip that is wanted: any other state was brought about by something newer than this command. */
static bool
is_wanted(struct db *tx, const char *id, bool *ret, bool *stale, struct err *err)
{
	void *ctx SCOPED(mem) = mem_must(talloc_new(NULL));
	struct rows *rows = db_query(ctx, tx, "SELECT state = 'wanted', hash <> sent_hash FROM clip WHERE enrollment_id = $1",
				     db_text(id));
	enum rows_step step = rows_next(rows, err);

	*ret = step == ROWS_ROW && rows_bool(rows, 0);
	*stale = step == ROWS_ROW && rows_bool(rows, 1);
	return step != ROWS_FAILED;
}

/* Acknowledged is not there: the list is asked for.  Looks another way since it was handed over: once more. */
static bool
installed(struct db *tx, const char *id, bool stale, struct err *err)
{
	return db_run(tx, err, "UPDATE clip SET state = 'sent', why = '', due = $1, changed = $2 WHERE enrollment_id = $3",
		      stale ? db_now() : db_null(), db_now(), db_text(id)) && (!stale || call_job(tx, err));
}

/* The list says whether it went; should none come, it is asked again. */
static bool
removed(struct db *tx, const char *id, struct err *err)
{
	return db_run(tx, err, "UPDATE clip SET due = CASE WHEN attempts < $1 THEN CAST($2 AS BIGINT) ELSE NULL END"
		      " WHERE enrollment_id = $3 AND state = 'going'", db_int(CLIP_ATTEMPTS), db_int(clock_now() + CLIP_AGAIN_S),
		      db_text(id));
}

bool
clip_answered(struct db *tx, const struct queued *command, const struct enrollment *e, const char *status,
	      const char *why, struct err *err)
{
	bool wanted, stale, good = strcmp(status, "Acknowledged") == 0;

	if (!command_refresh_after(tx, e, command->request_type, err))
		return false;
	if (!is_clip(command))
		return removed(tx, e->id, err);
	if (!is_wanted(tx, e->id, &wanted, &stale, err))
		return false;
	if (!wanted)
		return true;
	return good ? installed(tx, e->id, stale, err) : failed(tx, e->id, why, false, err);
}

bool
clip_ended(struct db *tx, const struct queued *command, const struct enrollment *e, const char *state, struct err *err)
{
	bool wanted, stale;

	/* the device was silent, or its queue was stuck: that says nothing of the web clip */
	if (strcmp(state, "expired") == 0 || strcmp(state, QUEUE_CLEARED) == 0)
		return db_run(tx, err, "UPDATE clip SET attempts = attempts - 1, due = $1, state = CASE WHEN state = 'wanted'"
			      " THEN 'failed' ELSE state END, why = $2 WHERE enrollment_id = $3 AND state = $4",
			      db_int(clock_now() + (strcmp(state, "expired") == 0 ? 0 : CLIP_CLEARED_S)), db_text(state),
			      db_text(e->id), db_text(is_clip(command) ? "wanted" : "going")) && call_job(tx, err);
	if (!is_clip(command))
		return true;
	if (!is_wanted(tx, e->id, &wanted, &stale, err))
		return false;
	if (!wanted)
		return true;
	if (strcmp(state, "cancelled") == 0)
		return db_run(tx, err, "UPDATE clip SET state = 'failed', why = 'cancelled', changed = $1 WHERE enrollment_id = $2",
			      db_now(), db_text(e->id));
	return failed(tx, e->id, "it could not be made", false, err);
}

/* ---- what the device lists ---- */

static bool
is_gone(struct db *tx, const char *id, const char *state, int64_t changed, struct err *err)
{
	if (strcmp(state, "going") == 0)
		return db_run(tx, err, "UPDATE clip SET state = 'gone', why = '', due = NULL, sent_hash = '', changed = $1"
			      " WHERE enrollment_id = $2", db_now(), db_text(id));
	if (strcmp(state, "installed") != 0 && strcmp(state, "sent") != 0)
		return true;
	if (clock_now() - changed >= CLIP_STEADY_S &&
	    !db_run(tx, err, "UPDATE clip SET attempts = 0 WHERE enrollment_id = $1", db_text(id)))
		return false;
	return failed(tx, id, "removed", true, err);
}

bool
clip_listed(struct db *tx, const char *device_id, const char *identifier, struct err *err)
{
	void *ctx SCOPED(mem) = mem_must(talloc_new(NULL));
	struct rows *rows = db_query(ctx, tx, "SELECT c.enrollment_id, c.state, c.changed, EXISTS (SELECT 1 FROM"
		" installed_mobileconfig i WHERE i.device_id = d.id AND i.identifier = $2) FROM device d"
		" JOIN clip c ON c.enrollment_id = d.enrollment_id WHERE d.id = $1", db_text(device_id), db_text(identifier));
	const char *id, *state;
	bool there;

	if (!rows_one(rows, err, "no web clip"))
		return err->kind == ERR_MISSING;
	id = rows_text(ctx, rows, 0);
	state = rows_text(ctx, rows, 1);
	there = rows_bool(rows, 3);
	if (!there)
		return is_gone(tx, id, state, rows_int(rows, 2), err);
	return strcmp(state, "sent") != 0 ||
	       db_run(tx, err, "UPDATE clip SET state = 'installed', changed = $1 WHERE enrollment_id = $2", db_now(), db_text(id));
}

/* ---- the job ---- */

#define MANAGED	" FROM enrollment e LEFT JOIN clip c ON c.enrollment_id = e.id WHERE e.state = 'enrolled' AND (e.access_rights & $1) <> 0"

bool
clip_round(TALLOC_CTX *ctx, struct db *db, const struct clip_look *look, struct clip_round *ret, struct err *err)
{
	void *here SCOPED(mem) = mem_must(talloc_new(NULL));
	struct db_val far = db_int(clock_now() + FAR_S);
	struct rows *rows = look->on ?
		db_query(here, db, "SELECT e.id, c.enrollment_id IS NULL" MANAGED " AND (c.enrollment_id IS NULL OR c.due <= $2"
			 " OR c.due > $5 OR c.hash <> $3) ORDER BY e.id LIMIT $4", db_int(CLIP_RIGHT), db_now(),
			 db_text(look->hash), db_int(CLIP_CHUNK), far) :
		db_query(here, db, "SELECT e.id, FALSE" MANAGED " AND c.state <> 'gone' AND (c.state <> 'going' OR c.due <= $2"
			 " OR c.due > $4) ORDER BY e.id LIMIT $3", db_int(CLIP_RIGHT), db_now(), db_int(CLIP_CHUNK), far);
	enum rows_step step;

	*ret = (struct clip_round){ .ids = mem_array(ctx, const char *, CLIP_CHUNK), .fresh = mem_array(ctx, bool, CLIP_CHUNK),
				    .token_hashes = mem_array(ctx, const char *, CLIP_CHUNK) };
	while ((step = rows_next(rows, err)) == ROWS_ROW) {
		ret->ids[ret->n] = rows_text(ctx, rows, 0);
		ret->fresh[ret->n++] = rows_bool(rows, 1);
	}
	return step == ROWS_END || err_at(err, "web clips");
}

struct round_tx {
	const struct clip_look *look;
	const struct clip_round *round;
};

static bool
make_fresh(struct db *tx, const struct clip_round *r, struct err *err)
{
	for (size_t i = 0; i < r->n; i++)
		if (r->fresh[i] && !db_run(tx, err, "INSERT INTO clip (enrollment_id, token_hash, state, created, changed)"
					   " VALUES ($1, $2, 'gone', $3, $3) ON CONFLICT (enrollment_id) DO NOTHING",
					   db_text(r->ids[i]), db_text(r->token_hashes[i]), db_now()))
			return false;
	return true;
}

/* What waits already is told the new look and no more; what never reached the device need not be taken away. */
static bool
settle(struct db *tx, const char *id, const struct clip_look *look, bool *wants, struct err *err)
{
	if (look->on ? !db_run(tx, err, "UPDATE clip SET hash = $1 WHERE enrollment_id = $2 AND state = 'wanted'",
			       db_text(look->hash), db_text(id)) :
		       !db_run(tx, err, "UPDATE clip SET state = 'gone', hash = '', why = '', due = NULL, changed = $1"
			       " WHERE enrollment_id = $2 AND sent_hash = '' AND state <> 'going'", db_now(), db_text(id)))
		return false;
	*wants = !db_changed(tx);
	return true;
}

static bool
tx_round(struct db *tx, void *arg, struct err *err)
{
	void *ctx SCOPED(mem) = mem_must(talloc_new(NULL));
	const struct round_tx *t = arg;
	struct queue_wish wish = wish_of(t->look);
	const char **ids = mem_array(ctx, const char *, t->round->n);
	enum queue_verdict *verdicts = mem_array(ctx, enum queue_verdict, t->round->n);
	size_t n = 0;
	bool wants;

	if (!make_fresh(tx, t->round, err))
		return false;
	for (size_t i = 0; i < t->round->n; i++) {
		if (!settle(tx, t->round->ids[i], t->look, &wants, err))
			return false;
		if (wants)
			ids[n++] = t->round->ids[i];
	}
	if (n && !queue_add(tx, ctx, &wish, ids, n, verdicts, NULL, err))
		return false;
	for (size_t i = 0; i < n; i++)
		if (verdicts[i] == QUEUE_FULL ?	/* not now, and not in a circle */
			    !db_run(tx, err, "UPDATE clip SET hash = $1, state = 'failed', why = 'full', due = $2 WHERE enrollment_id = $3",
				    db_text(t->look->hash), db_int(clock_now() + CLIP_AGAIN_S), db_text(ids[i])) :
			    !queued(tx, ids[i], t->look, err))
			return false;
	return true;
}

bool
clip_round_queue(struct db *db, const struct clip_look *look, const struct clip_round *round, struct err *err)
{
	struct round_tx t = { look, round };

	return db_tx(db, tx_round, &t, err) || err_at(err, "web clips");
}

/* ---- by hand, and to be seen ---- */

struct by_hand {
	const char *actor, *device_id;
};

static bool
tx_again(struct db *tx, void *arg, struct err *err)
{
	const struct by_hand *by = arg;

	if (!db_run(tx, err, "UPDATE clip SET state = 'failed', why = '', attempts = 0, due = $1 WHERE state <> 'wanted'"
		    " AND enrollment_id = (SELECT d.enrollment_id FROM device d WHERE d.id = $2)", db_now(), db_text(by->device_id)))
		return false;
	if (!db_changed(tx))
		return err_code(err, ERR_CONFLICT, "nothing_to_send", "its web clip is on its way already, or it cannot have one");
	return audit_add(tx, by->actor, "clip.send", by->device_id, NULL, err) && call_job(tx, err);
}

bool
clip_again(struct db *db, const char *actor, const char *device_id, const struct clip_look *look, struct err *err)
{
	struct by_hand by = { actor, device_id };

	if (!look->on)
		return err_code(err, ERR_CONFLICT, "clip_off", "the web clip is switched off");
	return db_tx(db, tx_again, &by, err);
}

bool
clip_show(struct db *db, const char *device_id, json_t **ret, struct err *err)
{
	void *ctx SCOPED(mem) = mem_must(talloc_new(NULL));
	struct rows *rows = db_query(ctx, db, "SELECT c.state, c.why, c.opened, c.changed FROM device d"
		" JOIN clip c ON c.enrollment_id = d.enrollment_id WHERE d.id = $1", db_text(device_id));
	enum rows_step step = rows_next(rows, err);

	if (step == ROWS_FAILED)
		return err_at(err, "web clip");
	*ret = step == ROWS_END ? json_null() :
	       json_pack("{s:s, s:s, s:s?, s:s}", "state", rows_text(ctx, rows, 0), "why", rows_text(ctx, rows, 1), "opened",
			 rows_null(rows, 2) ? NULL : clock_text(ctx, rows_int(rows, 2)), "changed", clock_text(ctx, rows_int(rows, 3)));
	return true;
}

bool
clip_count(struct db *db, json_t **ret, struct err *err)
{
	void *ctx SCOPED(mem) = mem_must(talloc_new(NULL));
	json_t *counts = json_pack("{s:i, s:i, s:i, s:i, s:i}", "wanted", 0, "sent", 0, "installed", 0, "failed", 0, "going", 0);
	struct rows *rows = db_query(ctx, db, "SELECT c.state, count(*) FROM clip c JOIN enrollment e ON e.id = c.enrollment_id"
		" WHERE e.state = 'enrolled' AND c.state <> 'gone' GROUP BY c.state");
	enum rows_step step;

	while ((step = rows_next(rows, err)) == ROWS_ROW)
		json_object_set_new(counts, rows_text(ctx, rows, 0), json_integer(rows_int(rows, 1)));
	if (step == ROWS_FAILED) {
		json_decref(counts);
		return err_at(err, "web clips");
	}
	*ret = counts;
	return true;
}
