/*
 * The turn of a device.  Its queue is short and read by one index in order; nothing here looks at the history.
 *
 * What is offered counts as sent in the transaction that chose it, before a byte of it leaves: when the answer
 * is lost, or we are, it is offered again.  So no command is lost, and a device may get one twice.
 */
#include "mdm/queue_turn.h"
#include "core/clock.h"
#include "core/json.h"
#include "core/log.h"
#include "core/plist_write.h"
#include "mdm/push.h"
#include "mdm/queue_secret.h"
#include <stdlib.h>
#include <string.h>

#define SILENT_MAX	3	/* deliveries without an answer, then fresh commands go first */
#define RENDER_TRIES	8	/* commands that cannot be rendered, in one answer */
#define RENDER_AGAIN_S	60
#define DOUBLINGS_MAX	7

static const struct command_kind *all_kinds;
static void *kinds_site;

void
queue_kinds(const struct command_kind *kinds, void *site)
{
	all_kinds = kinds;
	kinds_site = site;
}

static const struct command_kind *
queue_kind(const char *name)
{
	for (const struct command_kind *kind = all_kinds; kind && kind->name; kind++)
		if (strcmp(kind->name, name) == 0)
			return kind;
	return NULL;
}

/* ---- rows ---- */

struct queued *
queued_of(TALLOC_CTX *ctx, struct rows *rows)
{
	struct queued *queued = mem_new(ctx, struct queued);
	const char *args = rows_text(queued, rows, 5);

	queued->id = rows_int(rows, 0);
	queued->uuid = rows_text(queued, rows, 1);
	queued->kind = rows_text(queued, rows, 2);
	queued->request_type = rows_text(queued, rows, 3);
	queued->subject = rows_text(queued, rows, 4);
	queued->args = *args ? json_hold(queued, json_loads(args, JSON_DECODE_ANY, NULL)) : NULL;
	queued->payload = rows_bytes(queued, rows, 6);
	queued->unanswered = rows_int(rows, 7);
	queued->sealed = rows_bool(rows, 8);
	return queued;
}

/* The first row, or NULL. */
static bool
first(TALLOC_CTX *ctx, struct rows *rows, struct queued **ret, struct err *err)
{
	enum rows_step step = rows_next(rows, err);

	*ret = step == ROWS_ROW ? queued_of(ctx, rows) : NULL;
	rows_done(rows);
	return step != ROWS_FAILED;
}

bool
queue_find(TALLOC_CTX *ctx, struct db *db, const char *enrollment_id, const char *uuid, struct queued **ret,
	   struct err *err)
{
	return first(ctx, db_query(ctx, db, "SELECT " QUEUED_COLUMNS " FROM command c JOIN command_queue q"
		     " ON q.enrollment_id = $1 AND q.command_id = c.id WHERE c.uuid = $2", db_text(enrollment_id),
		     db_text(uuid)), ret, err);
}

/* ---- what the report ends ---- */

bool
queue_end(struct db *tx, const struct queued *command, const struct enrollment *enrollment,
	  const struct queue_end *end, struct err *err)
{
	const struct command_kind *kind = queue_kind(command->kind);

	if (!db_run(tx, err, "INSERT INTO command_history (enrollment_id, command_id, state, status, sent, sent_count,"
		    " not_now_count, ended, error, answer, sealed) SELECT enrollment_id, command_id, CAST($1 AS TEXT),"
		    " CAST($2 AS TEXT), sent, sent_count, not_now_count, CAST($3 AS BIGINT), CAST($4 AS TEXT), $5, $6"
		    " FROM command_queue WHERE enrollment_id = $7 AND command_id = $8",
		    db_text(end->state), db_text(end->status ? end->status : ""), db_now(),
		    db_text(end->error ? end->error : ""), end->packed.len ? db_bytes(end->packed) : db_null(),
		    db_bool(end->sealed), db_text(enrollment->id), db_int(command->id)) ||
	    !db_run(tx, err, "DELETE FROM command_queue WHERE enrollment_id = $1 AND command_id = $2",
		    db_text(enrollment->id), db_int(command->id)))
		return false;
	return end->status || !kind || !kind->ended ||
	       kind->ended(tx, kinds_site, command, enrollment, end->word ? end->word : end->state, err);
}

static int64_t
later(int64_t first_s, int64_t times)
{
	int64_t s = first_s << (times < 1 ? 0 : times - 1 < DOUBLINGS_MAX ? times - 1 : DOUBLINGS_MAX);

	return s < QUEUE_PUSH_AGAIN_MAX_S ? s : QUEUE_PUSH_AGAIN_MAX_S;
}

static bool
not_nows(struct db *tx, const char *enrollment_id, int64_t command_id, int64_t *ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, tx, "SELECT not_now_count FROM command_queue WHERE enrollment_id = $1 AND command_id = $2",
				     db_text(enrollment_id), db_int(command_id));

	if (!rows_one(rows, err, "no count"))
		return false;
	*ret = rows_int(rows, 0);
	return true;
}

/*
 * The device asks again by itself when this was its last word; the sweep sees to it should it not.  A device that is
 * locked for days loses nothing: a NotNow is an answer, so this delivery does not count among those in vain.  It is one
 * answer to one delivery, however often a device repeats it.  Some commands make a key and a session each time they
 * are delivered: who says it over and over is not offered them with each breath.
 */
static bool
not_now(struct db *tx, const struct queued *command, const struct enrollment *enrollment, struct err *err)
{
	int64_t before, now = clock_now();

	return not_nows(tx, enrollment->id, command->id, &before, err) &&
	       db_run(tx, err, "UPDATE command_queue SET state = 'not_now', turn = turn + 1, not_now_count = CASE WHEN"
		      " not_now_count < sent_count THEN not_now_count + 1 ELSE not_now_count END, not_before = CASE WHEN $1"
		      " THEN CAST($2 AS BIGINT) ELSE not_before END, due = CASE WHEN expires < $3 THEN expires"
		      " ELSE CAST($3 AS BIGINT) END WHERE enrollment_id = $4 AND command_id = $5",
		      db_bool(before + 1 >= QUEUE_NOT_NOW_FREE), db_int(now + QUEUE_NOT_NOW_S),
		      db_int(now + later(QUEUE_NOT_NOW_LAST_S, before + 1)), db_text(enrollment->id), db_int(command->id));
}

static bool
answered(struct db *tx, const struct queue_report *report, const struct queued *command, struct err *err)
{
	bool right = strcmp(report->status, "Acknowledged") == 0;
	const struct command_kind *kind = queue_kind(command->kind);
	struct queue_end end = { right ? "acknowledged" : "error", report->status, report->error, report->packed,
				 report->sealed };

	return queue_end(tx, command, report->enrollment, &end, err) &&
	       (!kind || !kind->answered || kind->answered(tx, kinds_site, command, report->enrollment, report->status,
							   report->answer, err)) &&
	       (!report->also || report->also(tx, report->arg, err));
}

/* ---- what comes next ---- */

/* What was delivered is held for a little: what is held for longer was so by a clock that was ahead. */
#define ITS_TIME_HAS_COME "(q.not_before <= $2 OR (q.sent IS NOT NULL AND q.not_before > CAST($2 AS BIGINT) + $3))"
_Static_assert(QUEUE_NOT_NOW_S >= RENDER_AGAIN_S, "the longest that a command is held");

const char queue_next_sql[] = "SELECT " QUEUED_COLUMNS " FROM command_queue q JOIN command c"
	" ON c.id = q.command_id WHERE q.enrollment_id = $1 AND q.state <> 'not_now' AND " ITS_TIME_HAS_COME
	" AND q.expires > $4 ORDER BY q.turn, q.priority DESC, q.command_id LIMIT 1";

static bool
choose(TALLOC_CTX *ctx, struct db *tx, const char *enrollment_id, struct queued **ret, struct err *err)
{
	int64_t now = clock_now();

	if (!first(ctx, db_queryv(ctx, tx, queue_next_sql, DB_VALS(db_text(enrollment_id), db_int(now),
			db_int(QUEUE_NOT_NOW_S), db_int(now))), ret, err))
		return false;
	if (!*ret)
		return true;
	(*ret)->unanswered++;
	return db_run(tx, err, "UPDATE command_queue SET state = 'sent', sent = $1, sent_count = sent_count + 1,"
		      " turn = CASE WHEN sent_count - not_now_count >= $2 THEN turn + 1 ELSE turn END,"
		      " due = CASE WHEN expires < $3 THEN expires ELSE CAST($3 AS BIGINT) END"
		      " WHERE enrollment_id = $4 AND command_id = $5", db_int(now), db_int(SILENT_MAX - 1),
		      db_int(now + later(QUEUE_PUSH_AGAIN_S, (*ret)->unanswered)), db_text(enrollment_id),
		      db_int((*ret)->id));
}

/* The connection ends with NotNows in it, and something else was said behind them: we must push. */
static bool
push_not_nows(struct db *tx, const char *enrollment_id, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, tx, "SELECT min(not_now_count) FROM command_queue WHERE enrollment_id = $1"
				     " AND state = 'not_now'", db_text(enrollment_id));
	int64_t times;

	if (!rows_one(rows, err, "no count"))
		return false;
	times = rows_int(rows, 0);	/* NULL: there is none */
	rows_done(rows);
	return !times || push_ask(tx, enrollment_id, clock_now() + later(QUEUE_NOT_NOW_S, times), "not_now", err);
}

struct turn {
	TALLOC_CTX *ctx;
	const struct queue_report *report;
	struct queue_reported ret;
};

static bool
tx_idle(struct db *tx, void *arg, struct err *err)
{
	struct turn *t = arg;
	const char *id = t->report->enrollment->id;

	/* one that it has said NotNow to too often is held for a while: then it is pushed, should it be unlocked by now */
	return db_run(tx, err, "UPDATE command_queue SET state = 'ready', due = CASE WHEN not_before > $2 AND not_before < due"
		      " THEN not_before ELSE due END WHERE enrollment_id = $1 AND state = 'not_now'", db_text(id), db_now()) &&
	       choose(t->ctx, tx, id, &t->ret.next, err);
}

static bool
tx_report(struct db *tx, void *arg, struct err *err)
{
	struct turn *t = arg;
	const struct queue_report *report = t->report;
	const struct enrollment *e = report->enrollment;
	bool is_not_now = strcmp(report->status, "NotNow") == 0;
	struct queued *command;

	if (!queue_find(t->ctx, tx, e->id, report->uuid, &command, err))
		return false;
	t->ret.known = command != NULL;
	if (command && !(is_not_now ? not_now(tx, command, e, err) : answered(tx, report, command, err)))
		return false;
	return choose(t->ctx, tx, e->id, &t->ret.next, err) &&
	       (t->ret.next || is_not_now || push_not_nows(tx, e->id, err));
}

/* Anything that could be offered now?  Mostly not, and then nothing is written. */
static bool
something_waits(struct db *db, const char *enrollment_id, bool *ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, db, "SELECT 1 FROM command_queue q WHERE q.enrollment_id = $1 AND ("
				     ITS_TIME_HAS_COME " OR q.state = 'not_now') LIMIT 1", db_text(enrollment_id), db_now(),
				     db_int(QUEUE_NOT_NOW_S));
	enum rows_step step = rows_next(rows, err);

	*ret = step == ROWS_ROW;
	return step != ROWS_FAILED;
}

bool
queue_turn(TALLOC_CTX *ctx, struct db *db, const struct queue_report *report, struct queue_reported *ret,
	   struct err *err)
{
	struct turn t = { .ctx = ctx, .report = report };
	bool waits = true;

	if (!report->uuid && !something_waits(db, report->enrollment->id, &waits, err))
		return false;
	if (waits && !db_tx(db, report->uuid ? tx_report : tx_idle, &t, err))
		return false;
	*ret = t.ret;
	return true;
}

/* ---- delivery ---- */

static bool
inner_of(struct bytes payload, struct bytes *ret)
{
	const char *from = memmem(payload.p, payload.len, "<plist", 6), *end = (const char *)payload.p + payload.len;
	const char *to = NULL;

	from = from ? memchr(from, '>', (size_t)(end - from)) : NULL;
	for (const char *p = from; p && (p = memmem(p, (size_t)(end - p), "</plist>", 8)); p++)
		to = p;
	if (!to)
		return false;
	*ret = (struct bytes){ from + 1, (size_t)(to - from - 1) };
	return true;
}

static bool
render(TALLOC_CTX *ctx, const struct queued *command, const struct enrollment *enrollment, struct bytes *body,
       struct err *err)
{
	const struct command_kind *kind = queue_kind(command->kind);
	struct bytes payload, inner;
	struct buf out;

	if (!queue_payload(ctx, command, &payload, err))
		return false;
	if (!payload.len) {
		if (!kind || !kind->render)
			return err_set(err, ERR_INVALID, "nobody here writes commands of the kind %s", command->kind);
		if (!kind->render(ctx, kinds_site, command, enrollment, &payload, err))
			return false;
	}
	if (!inner_of(payload, &inner))
		return err_set(err, ERR_INVALID, "its payload is no property list");
	buf_init(&out, ctx, inner.len + 1024);
	plist_write_begin(&out);
	plist_write_dict(&out, NULL);
	buf_text(&out, "<key>Command</key>");
	buf_add(&out, inner.p, inner.len);
	plist_write_text(&out, "CommandUUID", command->uuid);
	plist_write_dict_end(&out);
	plist_write_end(&out);
	*body = (struct bytes){ out.p, out.len };
	return buf_ok(&out, err);
}

struct unrendered {
	struct turn turn;
	const struct enrollment *enrollment;
	const struct queued *command;
	const struct err *why;
	bool last;	/* no more of them in this answer: what is chosen counts as sent */
};

static bool
choose_another(struct unrendered *u, struct db *tx, struct err *err)
{
	u->turn.ret.next = NULL;
	return u->last || choose(u->turn.ctx, tx, u->enrollment->id, &u->turn.ret.next, err);
}

static bool
is_held(const struct err *why)
{
	return why->kind == ERR_CONFLICT && strcmp(why->code, QUEUE_HELD) == 0;
}

static bool
tx_unrendered(struct db *tx, void *arg, struct err *err)
{
	struct unrendered *u = arg;
	bool again = u->why->kind == ERR_INTERNAL || u->why->kind == ERR_BUSY || u->why->kind == ERR_UPSTREAM ||
		     u->why->kind == ERR_NO_ROOM;
	char text[sizeof u->why->path + sizeof u->why->cause + 2];
	bool held = is_held(u->why);
	struct queue_end end = { .state = held ? "cancelled" : "error", .word = held ? QUEUE_HELD : NULL };
	json_t *words;
	char *json;
	bool ok;

	if (again)
		return db_run(tx, err, "UPDATE command_queue SET state = 'ready', sent_count = sent_count - 1, not_before = $1,"
			      " due = $2"
			      " WHERE enrollment_id = $3 AND command_id = $4", db_int(clock_now() + RENDER_AGAIN_S),
			      db_int(clock_now() + RENDER_AGAIN_S), db_text(u->enrollment->id), db_int(u->command->id)) &&
		       choose_another(u, tx, err);
	words = json_string(err_text(u->why, text, sizeof text));
	json = json_dumps(words, JSON_ENCODE_ANY);
	json_decref(words);
	end.error = json;
	ok = queue_end(tx, u->command, u->enrollment, &end, err) && choose_another(u, tx, err);
	free(json);
	return ok;
}

static bool
sent_last(TALLOC_CTX *ctx, struct db *db, const char *enrollment_id, struct queued **ret, struct err *err)
{
	return first(ctx, db_query(ctx, db, "SELECT " QUEUED_COLUMNS " FROM command_queue q JOIN command c ON c.id = q.command_id"
		     " WHERE q.enrollment_id = $1 AND q.state = 'sent' ORDER BY q.sent DESC, q.command_id LIMIT 1",
		     db_text(enrollment_id)), ret, err);
}

static bool
tx_unreadable(struct db *tx, void *arg, struct err *err)
{
	struct unrendered *u = arg;
	const char *id = u->enrollment->id, *uuid = u->turn.report->uuid;
	struct queued *command;

	u->turn.ret = (struct queue_reported){ 0 };
	if (!(uuid ? queue_find(u->turn.ctx, tx, id, uuid, &command, err) : sent_last(u->turn.ctx, tx, id, &command, err)))
		return false;
	if (!command && uuid)	/* it has ended: its 200 was lost, or nobody knows it */
		return (u->turn.ret.known = choose_another(u, tx, err));
	if (!command || command->unanswered < (uuid ? 0 : QUEUE_UNREADABLE_MAX))
		return true;
	u->command = command;
	u->turn.ret.known = true;
	return tx_unrendered(tx, u, err);
}

bool
queue_unreadable(TALLOC_CTX *ctx, struct db *db, const struct enrollment *enrollment, const char *uuid, const struct err *why,
		 struct queue_reported *ret, struct err *err)
{
	const struct queue_report report = { .enrollment = enrollment, .uuid = uuid };
	struct unrendered u = { { .ctx = ctx, .report = &report }, enrollment, NULL, why, false };

	if (!db_tx(db, tx_unreadable, &u, err))
		return false;
	*ret = u.turn.ret;
	return true;
}

bool
queue_deliver(TALLOC_CTX *ctx, struct db *db, const struct enrollment *enrollment, struct queued *next,
	      struct bytes *body, struct err *err)
{
	*body = (struct bytes){ 0 };
	for (int tries = 0; next && tries < RENDER_TRIES; tries++) {
		struct err why = { 0 };
		struct unrendered u = { { .ctx = ctx }, enrollment, next, &why, tries + 1 == RENDER_TRIES };

		if (render(ctx, next, enrollment, body, &why))
			return true;
		*body = (struct bytes){ 0 };
		if (is_held(&why))	/* nothing is wrong with it, and it has left the queue */
			tries--;
		else
			log_err("a command could not be written for its device", &why, KV("command", next->uuid),
				KV("type", next->request_type), KV("enrollment", enrollment->id));
		if (!db_tx(db, tx_unrendered, &u, err))
			return false;
		next = u.turn.ret.next;
	}
	return true;
}
