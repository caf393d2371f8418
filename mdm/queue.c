/* Tables `command`, `command_queue` and `command_history`, with queue_turn.c, queue_list.c and queue_sweep.c. */
#include "core/audit.h"
#include "core/clock.h"
#include "core/plist.h"
#include "core/uuid.h"
#include "mdm/command.h"
#include "mdm/push.h"
#include "mdm/queue_secret.h"
#include "mdm/verb.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

const char *
queue_verdict_name(enum queue_verdict verdict)
{
	static const char *const names[] = { [QUEUE_ADDED] = "added", [QUEUE_DUPLICATE] = "duplicate",
					     [QUEUE_NOT_ENROLLED] = "not_enrolled", [QUEUE_FULL] = "full",
					     [QUEUE_UNKNOWN] = "unknown", [QUEUE_NO_RIGHT] = "no_right" };

	return names[verdict];
}

/* ---- adding ---- */

struct adding {
	TALLOC_CTX *ctx;
	const struct queue_wish *wish;
	const char *const *ids;
	size_t n, *order;		/* places in ids, by id */
	enum queue_verdict *verdicts;	/* NULL: nobody asks */
	char *uuid;			/* NULL: none made yet */
	int64_t command_id, right;
	size_t added, fresh;		/* by all chunks; by this one */
	char *twin;			/* uuid of what the one that there is met, a duplicate */
};

static bool
right_wish(const struct queue_wish *wish, struct err *err)
{
	SCOPED(plist) plist_t payload = NULL;

	if (wish->not_before > clock_now() + QUEUE_AHEAD_MAX_S || wish->ttl_s < 0 || wish->ttl_s > QUEUE_AHEAD_MAX_S)
		return err_set(err, ERR_INVALID, "a command waits for a year at most");
	if (!wish->payload.len)
		return wish->kind || err_set(err, ERR_INVALID, "a command without payload or kind");
	if (wish->payload.len > QUEUE_PAYLOAD_MAX)
		return err_set(err, ERR_LIMIT, "a command of %zu bytes; at most %u are taken", wish->payload.len,
			       QUEUE_PAYLOAD_MAX);
	if (wish->sealed)
		return true;
	if (queue_wants_seal(wish))	/* not here, where the transaction holds up others */
		return err_set(err, ERR_INTERNAL, "its payload was not sealed before the transaction");
	if (!plist_open(wish->payload, QUEUE_PAYLOAD_MAX, &payload, err))
		return false;
	return plist_get_node_type(payload) == PLIST_DICT || err_set(err, ERR_INVALID, "a command is a dictionary");
}

static bool
put_command(struct db *tx, struct adding *a, struct err *err)
{
	const struct queue_wish *wish = a->wish;
	char *args = wish->args ? json_dumps(wish->args, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY) : NULL;
	struct rows *rows;
	bool ok;

	a->uuid = uuid_random(mem_size(a->ctx, UUID_SIZE));
	rows = db_query(a->ctx, tx, "INSERT INTO command (uuid, kind, request_type, subject, payload, args, created_by,"
		" created, sealed) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING id", db_text(a->uuid),
		db_text(wish->kind ? wish->kind : "plain"), db_text(wish->request_type),
		db_text(wish->subject ? wish->subject : ""),
		wish->payload.len ? db_bytes(wish->payload) : db_null(), db_text(args ? args : ""),
		db_text(wish->created_by), db_now(), db_bool(wish->sealed));
	ok = rows_one(rows, err, "no row came back");
	a->command_id = rows_int(rows, 0);
	talloc_free(rows);
	free(args);
	return ok;
}

/* Of an enrollment `e`; iOS knows no rights where a person enrolled their own account. */
#define HAS_RIGHT(right) "(e.kind = 'user' OR (e.access_rights & CAST(" right " AS BIGINT)) = CAST(" right " AS BIGINT))"

/* Why it was not added. */
static bool
judge(struct db *tx, struct adding *a, const char *enrollment_id, enum queue_verdict *ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, tx, "SELECT e.state = 'enrolled', (SELECT c.uuid FROM command_queue q"
		" JOIN command c ON c.id = q.command_id WHERE q.enrollment_id = e.id AND q.dedupe_key = $1), "
		HAS_RIGHT("$3") " FROM enrollment e WHERE e.id = $2", db_text(a->wish->dedupe_key), db_text(enrollment_id),
		db_int(a->right));

	switch (rows_next(rows, err)) {
	case ROWS_FAILED:
		return false;
	case ROWS_END:
		*ret = QUEUE_UNKNOWN;
		return true;
	case ROWS_ROW:
		break;
	}
	*ret = !rows_bool(rows, 0) ? QUEUE_NOT_ENROLLED : !rows_null(rows, 1) ? QUEUE_DUPLICATE :
	       !rows_bool(rows, 2) ? QUEUE_NO_RIGHT : QUEUE_FULL;
	if (a->n == 1)
		a->twin = rows_text(a->ctx, rows, 1);
	return true;
}

static bool
add_one(struct db *tx, struct adding *a, const char *enrollment_id, enum queue_verdict *ret, struct err *err)
{
	const struct queue_wish *wish = a->wish;
	int64_t now = clock_now(), from = wish->not_before > now ? wish->not_before : now;
	int64_t expires = from + (wish->ttl_s ? wish->ttl_s : QUEUE_TTL_S);

	if (!db_run(tx, err, "INSERT INTO command_queue (enrollment_id, command_id, state, priority, not_before, expires,"
		    " due, dedupe_key) SELECT id, CAST($1 AS BIGINT), 'ready', CAST($2 AS BIGINT), CAST($3 AS BIGINT),"
		    " CAST($4 AS BIGINT), CAST($5 AS BIGINT), CAST($6 AS TEXT) FROM enrollment e WHERE id = $7"
		    " AND state = 'enrolled' AND " HAS_RIGHT("$9") " AND (SELECT count(*) FROM command_queue q WHERE q.enrollment_id = $7) < $8"
		    " ON CONFLICT DO NOTHING", db_int(a->command_id), db_int(wish->priority), db_int(from),
		    db_int(expires), db_int(from > now || expires < now + QUEUE_PUSH_AGAIN_S ?
					    (from > now ? from : expires) : now + QUEUE_PUSH_AGAIN_S),
		    db_text(wish->dedupe_key), db_text(enrollment_id), db_int(QUEUE_WAITING_MAX), db_int(a->right)))
		return false;
	if (!db_changed(tx))
		return judge(tx, a, enrollment_id, ret, err);
	*ret = QUEUE_ADDED;
	return true;
}

/* What is put off is pushed by the sweep when its time comes; a crowd is pushed when all of it is in. */
static bool
push_added(struct db *tx, struct adding *a, const char *const *ids, size_t n, struct err *err)
{
	int64_t now = clock_now();

	if (!n || a->wish->not_before > now)
		return true;
	return a->n == 1 ? push_ask(tx, *ids, now, "command", err) :
			   push_ask_many(tx, ids, n, now + (int64_t)(a->n / QUEUE_CROWD), "command", err);
}

static bool
add_chunk(struct db *tx, struct adding *a, size_t from, size_t to, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	const char **added = mem_array(ctx, const char *, to - from);
	enum queue_verdict verdict;
	bool made = false;

	a->fresh = 0;
	if (!a->uuid && !(made = put_command(tx, a, err)))
		return false;
	for (size_t k = from; k < to; k++) {
		size_t i = a->order[k];

		if (!add_one(tx, a, a->ids[i], &verdict, err))
			return err_at(err, "enrollment %s", a->ids[i]);
		if (a->verdicts)
			a->verdicts[i] = verdict;
		if (verdict == QUEUE_ADDED)
			added[a->fresh++] = a->ids[i];
	}
	if (!push_added(tx, a, added, a->fresh, err))
		return false;
	if (!made || a->fresh)
		return true;
	a->uuid = NULL;
	return db_run(tx, err, "DELETE FROM command WHERE id = $1", db_int(a->command_id));
}

static int
by_id(const void *a, const void *b, void *ids)
{
	const char *const *texts = ids;

	return strcmp(texts[*(const size_t *)a], texts[*(const size_t *)b]);
}

/* In the order of the keys, which are random: neighbours share their pages. */
static void
sort(struct adding *a)
{
	a->order = mem_array(a->ctx, size_t, a->n);
	for (size_t i = 0; i < a->n; i++)
		a->order[i] = i;
	qsort_r(a->order, a->n, sizeof *a->order, by_id, (void *)(uintptr_t)a->ids);
}

static char *
uuid_of(struct adding *a)
{
	return a->added ? a->uuid : a->twin;
}

bool
queue_add(struct db *tx, TALLOC_CTX *ctx, const struct queue_wish *wish, const char *const *enrollment_ids,
	  size_t n, enum queue_verdict *verdicts, char **uuid, struct err *err)
{
	struct adding a = { .ctx = ctx, .wish = wish, .ids = enrollment_ids, .n = n, .verdicts = verdicts,
			    .right = wish->payload.len ? 0 : command_right(wish->request_type, wish->item) };

	sort(&a);
	if (n > QUEUE_CHUNK)
		return err_set(err, ERR_LIMIT, "%zu devices at once; at most %d", n, QUEUE_CHUNK);
	if (!right_wish(wish, err) || !add_chunk(tx, &a, 0, n, err))
		return err_at(err, "queue %s", wish->request_type);
	a.added = a.fresh;
	if (uuid)
		*uuid = uuid_of(&a);
	return true;
}

/* ---- by hand ---- */

/* One, with `uuid`; or all.  word: for their kinds; NULL: that they are cancelled. */
static bool
end_all(struct db *tx, const struct enrollment *enrollment, const char *uuid, const char *word, const char *why, int64_t *n,
	struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, tx, "SELECT " QUEUED_COLUMNS " FROM command_queue q JOIN command c"
		" ON c.id = q.command_id WHERE q.enrollment_id = $1 AND (c.uuid = $2 OR $3)", db_text(enrollment->id),
		db_text(uuid ? uuid : ""), db_bool(!uuid));
	json_t *words = json_string(why);
	char *error = json_dumps(words, JSON_ENCODE_ANY);
	struct queue_end end = { .state = "cancelled", .error = error, .word = word };
	struct queued **all = NULL;
	enum rows_step step;
	size_t count = 0;
	bool ok;

	while ((step = rows_next(rows, err)) == ROWS_ROW) {
		all = mem_grow(ctx, all, struct queued *, count + 1);
		all[count++] = queued_of(ctx, rows);
	}
	ok = step != ROWS_FAILED;
	for (size_t i = 0; ok && i < count; i++)
		ok = queue_end(tx, all[i], enrollment, &end, err);
	json_decref(words);
	free(error);
	*n = (int64_t)count;
	return ok;
}

bool
queue_drop(struct db *tx, const struct enrollment *enrollment, const char *why, int64_t *n, struct err *err)
{
	int64_t count;

	return end_all(tx, enrollment, NULL, NULL, why, n ? n : &count, err);
}

bool
queue_hold(struct db *tx, const struct enrollment *enrollment, const char *uuid, const char *why, struct err *err)
{
	int64_t n;

	return end_all(tx, enrollment, uuid, QUEUE_HELD, why, &n, err);
}

bool
queue_done(struct db *tx, const struct enrollment *enrollment, const char *dedupe_key, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, tx, "SELECT " QUEUED_COLUMNS " FROM command_queue q JOIN command c"
		" ON c.id = q.command_id WHERE q.enrollment_id = $1 AND q.dedupe_key = $2", db_text(enrollment->id),
		db_text(dedupe_key));
	struct queue_end end = { .state = "acknowledged" };
	enum rows_step step = rows_next(rows, err);
	struct queued *queued = step == ROWS_ROW ? queued_of(ctx, rows) : NULL;

	rows_done(rows);
	return step != ROWS_FAILED && (!queued || queue_end(tx, queued, enrollment, &end, err));
}

struct by_hand {
	const char *actor, *device_id, *uuid;
	int64_t n;
	struct bytes sealed;	/* to be sent again: what was kept open; empty: it was not */
};

static bool
tx_cancel(struct db *tx, void *arg, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct by_hand *by = arg;
	struct enrollment *enrollment;

	if (!enrollment_of_device(ctx, tx, by->device_id, &enrollment, err) ||
	    !end_all(tx, enrollment, by->uuid, by->uuid ? NULL : QUEUE_CLEARED, mem_printf(ctx, "cancelled by %s", by->actor), &by->n, err))
		return false;
	if (by->uuid && !by->n)
		return err_set(err, ERR_MISSING, "this command does not wait for this device");
	if (!by->n)
		return true;
	return by->uuid ? audit_add(tx, by->actor, "command.cancel", by->device_id, by->uuid, err) :
			  audit_add(tx, by->actor, "command.clear", by->device_id,
				    mem_printf(ctx, "%lld commands", (long long)by->n), err);
}

bool
queue_cancel(struct db *db, const char *actor, const char *device_id, const char *uuid, struct err *err)
{
	struct by_hand by = { actor, device_id, strlen(uuid) <= QUEUE_UUID_MAX ? uuid : "", 0, { 0 } };

	return db_tx(db, tx_cancel, &by, err);
}

bool
queue_clear(struct db *db, const char *actor, const char *device_id, int64_t *n, struct err *err)
{
	struct by_hand by = { actor, device_id, NULL, 0, { 0 } };

	if (!db_tx(db, tx_cancel, &by, err))
		return false;
	*n = by.n;
	return true;
}

/* Its own payload; empty where it is sealed already, or no secret. */
static bool
seal_again(TALLOC_CTX *ctx, struct db *db, const char *uuid, struct bytes *ret, struct err *err)
{
	struct rows *rows = db_query(ctx, db, "SELECT request_type, payload FROM command WHERE uuid = $1 AND NOT sealed"
				     " AND payload IS NOT NULL", db_text(uuid));
	enum rows_step step = rows_next(rows, err);
	struct queue_wish wish;

	*ret = (struct bytes){ 0 };
	if (step != ROWS_ROW)
		return step == ROWS_END;
	wish = (struct queue_wish){ .request_type = rows_text(ctx, rows, 0), .payload = rows_bytes(ctx, rows, 1) };
	rows_done(rows);
	if (!queue_seal(ctx, &wish, err))
		return false;
	if (wish.sealed)
		*ret = wish.payload;
	return true;
}

/*
 * Of what has ended: the same wish again, by whoever asks for it, to the enrollment that it was judged for.  What
 * cannot be taken back wants a new reason, and what is made at delivery is made for one order: both are ordered anew.
 */
static bool
add_again(struct db *tx, void *ctx, const struct by_hand *by, const struct enrollment *enrollment, struct err *err)
{
	struct rows *rows = db_query(ctx, tx, "SELECT c.id, c.uuid, c.kind, c.request_type, c.subject, c.args, c.payload, 0, c.sealed"
		" FROM command c JOIN command_history q ON q.command_id = c.id WHERE q.enrollment_id = $1 AND c.uuid = $2",
		db_text(enrollment->id), db_text(by->uuid));
	enum queue_verdict verdict;
	const struct verb *verb;
	struct queued *queued;

	if (!rows_one(rows, err, "this device has no such command"))
		return false;
	queued = queued_of(ctx, rows);
	rows_done(rows);
	verb = verb_of(queued->request_type);
	if ((verb && verb->grave) || !queued->payload.len)
		return err_code(err, ERR_CONFLICT, "order_anew", "%s is not sent again; order it anew", queued->request_type);
	if (by->sealed.len && !queued->sealed) {
		queued->payload = by->sealed;
		queued->sealed = true;
	}
	if (!queue_add(tx, ctx, &(struct queue_wish){
			.kind = strcmp(queued->kind, "plain") == 0 ? NULL : queued->kind, .request_type = queued->request_type,
			.subject = queued->subject, .payload = queued->payload, .sealed = queued->sealed, .args = queued->args,
			.priority = QUEUE_PRIORITY_PERSON, .created_by = mem_printf(ctx, "person:%s", by->actor) },
		       (const char *[]){ enrollment->id }, 1, &verdict, NULL, err))
		return false;
	return verdict == QUEUE_ADDED || err_set(err, ERR_CONFLICT, "the device does not get it: %s",
						 queue_verdict_name(verdict));
}

static bool
tx_resend(struct db *tx, void *arg, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct by_hand *by = arg;
	struct enrollment *enrollment;

	if (!enrollment_of_device(ctx, tx, by->device_id, &enrollment, err) ||
	    !db_run(tx, err, "UPDATE command_queue SET state = 'ready', turn = 0, not_before = $1 WHERE enrollment_id = $2"
		    " AND command_id = (SELECT id FROM command WHERE uuid = $3)", db_now(), db_text(enrollment->id),
		    db_text(by->uuid)))
		return false;
	if (db_changed(tx) ? !push_ask(tx, enrollment->id, clock_now(), "command", err) :
			     !add_again(tx, ctx, by, enrollment, err))
		return false;
	return audit_add(tx, by->actor, "command.resend", by->device_id, by->uuid, err);
}

bool
queue_resend(struct db *db, const char *actor, const char *device_id, const char *uuid, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct by_hand by = { .actor = actor, .device_id = device_id, .uuid = strlen(uuid) <= QUEUE_UUID_MAX ? uuid : "" };

	return seal_again(ctx, db, by.uuid, &by.sealed, err) && db_tx(db, tx_resend, &by, err);
}
