/*
 * What is due becomes commands, one row of the queue's table for all devices that get the same mobileconfig; and the
 * job that does so for those that are marked.
 */
#include "catalog/desired_inner.h"
#include "core/clock.h"
#include "core/job.h"
#include "mdm/command_send.h"
#include <stdlib.h>
#include <string.h>

#define FULL_AGAIN_S	HOUR_S
#define ROUNDS_MAX	50		/* transactions of one run of the job */
#define FAR_S		(2 * DAY_S)	/* no wait is as long: that was written by a clock that was ahead */

/* Of what is to be done now, and of enrolled devices alone: the others are looked at when they enroll. */
#define DUE	" FROM device_mobileconfig r JOIN device d ON d.id = r.device_id WHERE r.due IS NOT NULL AND EXISTS" \
		" (SELECT 1 FROM enrollment e WHERE e.id = d.enrollment_id AND e.state = 'enrolled')"
#define DUE_NOW	"SELECT r.mobileconfig_id, r.goal, r.identifier, r.state, r.device_id, d.enrollment_id" DUE
#define ALIKE	"r.mobileconfig_id, r.goal, r.device_id"

/*
 * Two texts, for a device that answers does not read what is due of the whole fleet; and the fleet's is read in the
 * order of the index, or each turn of the job would go through what is not due as well.
 */
const char desired_due_sql[] = DUE_NOW " AND r.due <= $1 ORDER BY r.due, " ALIKE " LIMIT $2";
const char desired_due_device_sql[] = DUE_NOW " AND r.due <= $1 AND r.device_id = $3 ORDER BY " ALIKE " LIMIT $2";

struct due {
	const char *mobileconfig_id, *goal, *identifier, *state, *device_id, *enrollment_id;
	enum queue_verdict verdict;
};

static int
by_crowd(const void *a, const void *b)
{
	const struct due *x = a, *y = b;
	int order = strcmp(x->mobileconfig_id, y->mobileconfig_id);

	if (!order)
		order = strcmp(x->goal, y->goal);
	return order ? order : strcmp(x->device_id, y->device_id);
}

static bool
find_due(TALLOC_CTX *ctx, struct db *tx, const char *device_id, struct due **ret, size_t *n, struct err *err)
{
	const struct db_val most = db_int(DESIRED_QUEUE);
	struct rows *rows = device_id
		? db_query(ctx, tx, desired_due_device_sql, db_now(), most, db_text(device_id))
		: db_query(ctx, tx, desired_due_sql, db_now(), most);
	enum rows_step step;

	*ret = NULL;
	*n = 0;
	while ((step = rows_next(rows, err)) == ROWS_ROW) {
		*ret = mem_grow(ctx, *ret, struct due, *n + 1);
		(*ret)[(*n)++] = (struct due){ rows_text(ctx, rows, 0), rows_text(ctx, rows, 1), rows_text(ctx, rows, 2),
			rows_text(ctx, rows, 3), rows_text(ctx, rows, 4), rows_text(ctx, rows, 5), QUEUE_ADDED };
	}
	rows_done(rows);
	if (*n)
		qsort(*ret, *n, sizeof **ret, by_crowd);
	return step != ROWS_FAILED;
}

/* Acknowledged, and no ProfileList since. */
static bool
ask_again(struct db *tx, const struct due *due, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct enrollment *e;

	return enrollment_get(ctx, tx, due->enrollment_id, &e, err) &&
	       command_refresh_after(tx, e, "InstallProfile", err) &&
	       db_run(tx, err, "UPDATE device_mobileconfig SET due = $1 WHERE device_id = $2 AND mobileconfig_id = $3",
		      db_int(clock_now() + DESIRED_ASK_S), db_text(due->device_id), db_text(due->mobileconfig_id));
}

/* The command that waits from before does as well: it is written when it goes. */
static bool
keep_verdict(struct db *tx, const struct due *due, struct err *err)
{
	bool waits = due->verdict == QUEUE_ADDED || due->verdict == QUEUE_DUPLICATE, may = due->verdict != QUEUE_NO_RIGHT;

	return db_run(tx, err, "UPDATE device_mobileconfig SET state = CASE WHEN $1 THEN 'queued' WHEN $6 THEN state ELSE 'blocked' END,"
		      " code = CASE WHEN $6 THEN code ELSE 'no_right' END, due = $2, changed = $3 WHERE device_id = $4"
		      " AND mobileconfig_id = $5", db_bool(waits), due->verdict == QUEUE_FULL ? db_int(clock_now() + FULL_AGAIN_S) : db_null(), db_now(),
		      db_text(due->device_id), db_text(due->mobileconfig_id), db_bool(may));
}

/* n of one mobileconfig and goal. */
static bool
queue_crowd(TALLOC_CTX *ctx, struct db *tx, struct due *due, size_t n, struct err *err)
{
	const char **ids = mem_array(ctx, const char *, n);
	enum queue_verdict *verdicts = mem_array(ctx, enum queue_verdict, n);
	json_t *args = json_pack("{s:s, s:s}", "mobileconfig", due->mobileconfig_id, "goal", due->goal);
	const struct queue_wish wish = {
		.kind = DESIRED_KIND, .request_type = strcmp(due->goal, "install") == 0 ? "InstallProfile" : "RemoveProfile",
		.subject = due->identifier, .args = args, .created_by = "house", .priority = QUEUE_PRIORITY_HOUSE,
		.dedupe_key = mem_printf(ctx, "mobileconfig:%s:%s", due->mobileconfig_id, due->goal),
	};
	bool ok;

	for (size_t i = 0; i < n; i++)
		ids[i] = due[i].enrollment_id;
	ok = queue_add(tx, ctx, &wish, ids, n, verdicts, NULL, err);
	json_decref(args);
	for (size_t i = 0; ok && i < n; i++) {
		due[i].verdict = verdicts[i];
		ok = keep_verdict(tx, &due[i], err);
	}
	return ok;
}

static bool
alike(const struct due *a, const struct due *b)
{
	return strcmp(a->mobileconfig_id, b->mobileconfig_id) == 0 && strcmp(a->goal, b->goal) == 0;
}

bool
desired_queue(struct db *tx, const char *device_id, int64_t *ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct due *due, *crowd;
	size_t n, many = 0;

	if (!find_due(ctx, tx, device_id, &due, &n, err))
		return false;
	crowd = mem_array(ctx, struct due, n + 1);
	for (size_t i = 0; i < n; i++) {
		if (strcmp(due[i].state, "taken") == 0) {
			if (!ask_again(tx, &due[i], err))
				return false;
			continue;
		}
		if (many && !alike(&crowd[0], &due[i])) {
			if (!queue_crowd(ctx, tx, crowd, many, err))
				return false;
			many = 0;
		}
		crowd[many++] = due[i];
	}
	*ret = (int64_t)n;
	return !many || queue_crowd(ctx, tx, crowd, many, err);
}

int64_t
desired_wait(int64_t times)
{
	int64_t wait = DESIRED_RETRY_MIN_S;

	for (int64_t i = 1; i < times && wait < DESIRED_RETRY_MAX_S; i++)
		wait *= 2;
	return wait < DESIRED_RETRY_MAX_S ? wait : DESIRED_RETRY_MAX_S;
}

/* ---- the job ---- */

struct part { int64_t n; };

static bool
tx_compare(struct db *tx, void *arg, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct part *part = arg;
	const char **ids;
	size_t n;

	if (!desired_marked(ctx, tx, DESIRED_CHUNK, &ids, &n, err))
		return false;
	for (size_t i = 0; i < n; i++)
		if (!desired_compare(tx, ids[i], err))
			return err_at(err, "mobileconfigs of device %s", ids[i]);
	part->n = (int64_t)n;
	return true;
}

static bool
tx_queue(struct db *tx, void *arg, struct err *err)
{
	struct part *part = arg;

	return db_run(tx, err, "UPDATE device_mobileconfig SET due = $1 WHERE due > $2", db_now(),
		      db_int(clock_now() + FAR_S)) &&
	       desired_queue(tx, NULL, &part->n, err);
}

/* When something is due next; 0: nothing is. */
static bool
next_due(struct db *tx, int64_t *ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, tx, "SELECT min(r.due)" DUE);

	if (!rows_one(rows, err, "no time"))
		return false;
	*ret = rows_int(rows, 0);
	rows_done(rows);
	return true;
}

static bool
tx_next(struct db *tx, void *arg, struct err *err)
{
	const bool *more = arg;
	int64_t due = 0;

	return (*more || next_due(tx, &due, err)) && (!(*more || due) || desired_job(tx, due, err));
}

bool
desired_work(struct db *db, bool *more, struct err *err)
{
	struct part marked = { 1 }, due = { 1 };
	int rounds = 0;

	while ((marked.n || due.n) && rounds++ < ROUNDS_MAX)
		if ((marked.n && !db_tx(db, tx_compare, &marked, err)) || !db_tx(db, tx_queue, &due, err))
			return err_at(err, "desired mobileconfigs");
	*more = marked.n || due.n;
	return db_tx(db, tx_next, more, err);
}
