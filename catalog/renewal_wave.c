/* Table `renewal`: what goes out now, of what is wanted. */
#include "catalog/renewal.h"
#include "core/clock.h"
#include "mdm/command.h"
#include "mdm/queue.h"
#include <string.h>

#define UUIDS_MAX 200	/* different provisions of one wave; what is beyond goes with the next */

struct target {
	const char *device_id, *enrollment_id;
	int64_t ends;
};

struct sending {
	TALLOC_CTX *ctx;
	struct db *tx;
	struct target *targets;
	size_t n;
	int64_t urgent;			/* what ends by then goes out, whatever is paused */
};

/* ---- whose turn it is ---- */

/* What was sent by a clock that was ahead does not count: $2 is now. */
static bool
count(struct db *db, const char *sql, int64_t since, int64_t *ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, db, sql, db_int(since), db_now());

	if (!rows_one(rows, err, "no count"))
		return false;
	*ret = rows_int(rows, 0);
	rows_done(rows);
	return true;
}

#define SENT_SINCE(action) "SELECT count(DISTINCT device_id) FROM renewal WHERE action = '" action "' AND sent > $1 AND sent <= $2"

bool
renewal_quota(struct db *db, const struct renewal_pace *pace, struct renewal_quota *ret, struct err *err)
{
	int64_t all, installs, removals, most;

	if (!count(db, "SELECT count(DISTINCT device_id) FROM renewal WHERE state <> 'done' OR (changed > $1 AND changed <= $2)",
		   clock_now() - 30 * DAY_S, &all, err) ||
	    !count(db, SENT_SINCE("install"), clock_now() - RENEWAL_WAVE_S, &installs, err) ||
	    !count(db, SENT_SINCE("remove"), clock_now() - RENEWAL_WAVE_S, &removals, err))
		return err_at(err, "wave of renewals");
	most = pace->paused ? 0 : (all * pace->percent + 99) / 100;
	if (pace->devices && most > pace->devices)
		most = pace->devices;
	*ret = (struct renewal_quota){ most > installs ? most - installs : 0, most > removals ? most - removals : 0 };
	return true;
}

/* A device that may not be sent provisions says so on its page, and is looked at again tomorrow. */
static bool
refuse(struct sending *s, const char *device_id, struct err *err)
{
	return db_run(s->tx, err, "UPDATE renewal SET state = 'failed', why = 'no_right', due = $1, changed = $2 WHERE device_id = $3"
		      " AND state = 'wanted'", db_int(clock_now() + RENEWAL_AGAIN_MAX_S), db_now(), db_text(device_id));
}

/* In the order of their ends: those near it all, those that had their turn in this hour, others while the quota lasts. */
static bool
choose(struct sending *s, const struct renewal_pace *pace, int64_t *left, bool *more, struct err *err)
{
	struct rows *rows = db_query(s->ctx, s->tx, "SELECT r.device_id, e.id, min(r.ends), e.access_rights, e.kind, EXISTS (SELECT 1"
		" FROM renewal x WHERE x.device_id = r.device_id AND x.action = 'install' AND x.sent > $2 AND x.sent <= $3) FROM renewal r"
		" JOIN device d ON d.id = r.device_id JOIN enrollment e ON e.id = d.enrollment_id WHERE r.state = 'wanted'"
		" AND r.action = 'install' AND e.state = 'enrolled' AND (r.ends <= $4 OR NOT " RENEWAL_PAUSED("r.uuid") ") GROUP BY r.device_id, e.id, e.access_rights, e.kind"
		" ORDER BY min(r.ends), r.device_id LIMIT $1", db_int(RENEWAL_WAVE_MAX + 1), db_int(clock_now() - RENEWAL_WAVE_S),
		db_now(), db_int(s->urgent));
	int64_t seen = 0;
	const char **refused = NULL;
	size_t refused_n = 0;
	enum rows_step step;
	struct err none;

	s->targets = mem_array(s->ctx, struct target, RENEWAL_WAVE_MAX);
	*more = false;
	while ((step = rows_next(rows, err)) == ROWS_ROW) {
		const struct target t = { rows_text(s->ctx, rows, 0), rows_text(s->ctx, rows, 1), rows_int(rows, 2) };
		const struct command_target may = { rows_int(rows, 3), rows_text(s->ctx, rows, 4), -1 };

		if (seen++ == RENEWAL_WAVE_MAX) {
			*more = t.ends <= s->urgent || *left > 0;
			break;
		}
		if (!command_may("InstallProvisioningProfile", NULL, &may, &none)) {
			refused = mem_grow(s->ctx, refused, const char *, refused_n + 1);
			refused[refused_n++] = t.device_id;
		} else if (t.ends <= s->urgent || (rows_bool(rows, 5) && !pace->paused) || *left > 0) {
			*left -= t.ends > s->urgent && !rows_bool(rows, 5);
			s->targets[s->n++] = t;
		}
	}
	rows_done(rows);
	for (size_t i = 0; step != ROWS_FAILED && i < refused_n; i++)
		if (!refuse(s, refused[i], err))
			return false;
	return step != ROWS_FAILED;
}

/* ---- sending ---- */

static bool
queue_one_kind(struct sending *s, const char *uuid, const char *action, const char *const *enrollments, size_t n,
	       enum queue_verdict *verdicts, int64_t priority, struct err *err)
{
	bool install = strcmp(action, "install") == 0;
	json_t *args = json_pack("{s:s}", "uuid", uuid);
	const struct queue_wish wish = {
		.kind = install ? RENEWAL_KIND_INSTALL : RENEWAL_KIND_REMOVE, .subject = uuid, .args = args,
		.request_type = install ? "InstallProvisioningProfile" : "RemoveProvisioningProfile",
		.dedupe_key = mem_printf(s->ctx, "provision %s %s", action, uuid), .priority = priority, .created_by = "house",
	};
	bool ok = queue_add(s->tx, s->ctx, &wish, enrollments, n, verdicts, NULL, err);

	json_decref(args);
	return ok;
}

/* What the queue did not take waits an hour, or it would stand before all that come after it. */
static bool
queued(struct sending *s, const char *device_id, const char *uuid, const char *action, enum queue_verdict verdict, struct err *err)
{
	if (verdict == QUEUE_ADDED || verdict == QUEUE_DUPLICATE)
		return renewal_sent(s->tx, device_id, uuid, action, err);
	return db_run(s->tx, err, "UPDATE renewal SET state = 'failed', why = $1, due = $2, changed = $3 WHERE device_id = $4"
		      " AND uuid = $5 AND action = $6", db_text(queue_verdict_name(verdict)), db_int(clock_now() + (verdict == QUEUE_NO_RIGHT ?
		      RENEWAL_AGAIN_MAX_S : RENEWAL_AGAIN_MIN_S)), db_now(), db_text(device_id), db_text(uuid), db_text(action));
}

/* One provision to those of the targets that want it. */
static bool
send(struct sending *s, const char *uuid, const bool *wants, struct err *err)
{
	const char **enrollments = mem_array(s->ctx, const char *, s->n), **devices = mem_array(s->ctx, const char *, s->n);
	enum queue_verdict *verdicts = mem_array(s->ctx, enum queue_verdict, s->n);
	size_t n = 0;

	for (size_t i = 0; i < s->n; i++)
		if (wants[i]) {
			devices[n] = s->targets[i].device_id;
			enrollments[n++] = s->targets[i].enrollment_id;
		}
	if (!n || !queue_one_kind(s, uuid, "install", enrollments, n, verdicts, QUEUE_PRIORITY_HOUSE, err))
		return !n;
	for (size_t i = 0; i < n; i++)
		if (!queued(s, devices[i], uuid, "install", verdicts[i], err))
			return false;
	return true;
}

struct wanted {
	const char *uuid;
	bool *wants;		/* by target */
};

static bool
send_all(struct sending *s, struct err *err)
{
	struct wanted *list = mem_array(s->ctx, struct wanted, UUIDS_MAX);
	size_t n = 0;

	for (size_t i = 0; i < s->n; i++) {
		struct rows *rows = db_query(s->ctx, s->tx, "SELECT uuid FROM renewal WHERE device_id = $1 AND state = 'wanted'"
					     " AND action = 'install' AND (ends <= $2 OR NOT " RENEWAL_PAUSED("renewal.uuid") ")",
					     db_text(s->targets[i].device_id), db_int(s->urgent));
		enum rows_step step;

		while ((step = rows_next(rows, err)) == ROWS_ROW) {
			const char *uuid = rows_text(s->ctx, rows, 0);
			size_t k = 0;

			while (k < n && strcmp(list[k].uuid, uuid) != 0)
				k++;
			if (k == UUIDS_MAX)
				continue;
			if (k == n)
				list[n++] = (struct wanted){ uuid, mem_array(s->ctx, bool, s->n) };
			list[k].wants[i] = true;
		}
		talloc_free(rows);
		if (step == ROWS_FAILED)
			return false;
	}
	for (size_t k = 0; k < n; k++)
		if (!send(s, list[k].uuid, list[k].wants, err))
			return false;
	return true;
}

/*
 * Removals have waves of their own and no haste: each follows a confirmation of its own device.  Who paused what came has a
 * reason, and then what was there before stays, too.
 */
static bool
send_removals(struct sending *s, int64_t *left, bool *more, struct err *err)
{
	struct rows *rows = db_query(s->ctx, s->tx, "SELECT r.device_id, e.id, r.uuid, EXISTS (SELECT 1 FROM renewal x WHERE"
		" x.device_id = r.device_id AND x.action = 'remove' AND x.sent > $2 AND x.sent <= $3) AS began FROM renewal r JOIN device d"
		" ON d.id = r.device_id JOIN enrollment e ON e.id = d.enrollment_id WHERE r.state = 'wanted' AND r.action = 'remove'"
		" AND e.state = 'enrolled' AND NOT " RENEWAL_PAUSED("r.uuid") " AND NOT EXISTS (SELECT 1 FROM renewal y WHERE y.device_id ="
		" r.device_id AND y.action = 'install' AND " RENEWAL_PAUSED("y.uuid") ") ORDER BY began DESC, r.device_id, r.uuid LIMIT $1", db_int(RENEWAL_WAVE_MAX),
		db_int(clock_now() - RENEWAL_WAVE_S), db_now());
	struct { const char *device_id, *enrollment_id, *uuid; } list[RENEWAL_WAVE_MAX];
	const char *last = "";
	enum rows_step step;
	size_t n = 0;

	while ((step = rows_next(rows, err)) == ROWS_ROW) {
		const char *device_id = rows_text(s->ctx, rows, 0);

		if (strcmp(device_id, last) != 0 && !rows_bool(rows, 3) && (*left)-- <= 0)
			break;
		last = list[n].device_id = device_id;
		list[n].enrollment_id = rows_text(s->ctx, rows, 1);
		list[n++].uuid = rows_text(s->ctx, rows, 2);
	}
	rows_done(rows);
	if (step == ROWS_FAILED)
		return false;
	*more = *more || n == RENEWAL_WAVE_MAX;
	for (size_t i = 0; i < n; i++) {
		enum queue_verdict verdict;

		if (!queue_one_kind(s, list[i].uuid, "remove", &list[i].enrollment_id, 1, &verdict, QUEUE_PRIORITY_HOUSE, err) ||
		    !queued(s, list[i].device_id, list[i].uuid, "remove", verdict, err))
			return false;
	}
	return true;
}

/* ---- when to look again ---- */

static bool
next_time(struct sending *s, int64_t *ret, struct err *err)
{
	struct rows *rows = db_query(s->ctx, s->tx, "SELECT (SELECT min(due) FROM renewal WHERE due IS NOT NULL), EXISTS (SELECT 1 FROM"
		" renewal r JOIN device d ON d.id = r.device_id JOIN enrollment e ON e.id = d.enrollment_id WHERE r.state = 'wanted'"
		" AND e.state = 'enrolled')");
	int64_t now = clock_now();

	if (!rows_one(rows, err, "no answer"))
		return false;
	*ret = rows_null(rows, 0) ? 0 : rows_int(rows, 0);
	if (rows_bool(rows, 1) && (!*ret || *ret > now + RENEWAL_WAVE_S))
		*ret = now + RENEWAL_WAVE_S;
	if (*ret && *ret <= now)
		*ret = now + 60;
	rows_done(rows);
	return true;
}

bool
renewal_wave(struct db *tx, const struct renewal_pace *pace, struct renewal_quota *left, bool *more, int64_t *next,
	     struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct sending s = { .ctx = ctx, .tx = tx, .urgent = clock_now() + pace->days_before * DAY_S };

	if (!renewal_due(tx, err) || !choose(&s, pace, &left->installs, more, err) || !send_all(&s, err) ||
	    (!pace->paused && !send_removals(&s, &left->removals, more, err)) || !next_time(&s, next, err))
		return err_at(err, "wave of renewals");
	return true;
}

/* ---- before an app ---- */

/* Of bundle bb, fit f and device d; $3 RENEWAL_BETTER_S, $4 now. */
#define GOES_BEFORE "p.uuid = f.uuid AND p.file IS NOT NULL AND p.expires > bb.expires + CAST($3 AS BIGINT) AND p.expires > $4" \
	" AND (p.kind = 'enterprise' OR EXISTS (SELECT 1 FROM provision_device pd WHERE pd.uuid = p.uuid AND pd.udid = lower(d.udid)))"

bool
renewal_covers(struct db *db, const char *device_id, const char *build_id, bool sends, bool *ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, db, "SELECT EXISTS (SELECT 1 FROM build_bundle bb WHERE bb.build_id = $2 AND bb.path = '') AND"
		" NOT EXISTS (SELECT 1 FROM build_bundle bb WHERE bb.build_id = $2 AND ((bb.certificate_expires > 0 AND"
		" bb.certificate_expires <= $4) OR (bb.provision_uuid <> '' AND bb.expires <= $4 AND NOT EXISTS (SELECT 1 FROM device d"
		" JOIN provision_fit f ON f.build_id = bb.build_id AND f.path = bb.path JOIN provision p ON " GOES_BEFORE
		" WHERE d.id = $1 AND ($5 OR EXISTS (SELECT 1 FROM installed_provision ip WHERE ip.device_id = d.id AND"
		" ip.uuid = p.uuid))))))", db_text(device_id), db_text(build_id), db_int(RENEWAL_BETTER_S), db_now(), db_bool(sends));

	if (!rows_one(rows, err, "no answer"))
		return false;
	*ret = rows_bool(rows, 0);
	rows_done(rows);
	return true;
}

static bool
send_before(struct sending *s, const char *uuid, struct err *err)
{
	const struct target *t = s->targets;
	enum queue_verdict verdict;
	bool fresh;

	/* ahead of what a person asks for: the app that follows is one of those */
	return renewal_want(s->tx, t->device_id, uuid, "install", t->ends, &fresh, err) &&
	       queue_one_kind(s, uuid, "install", &t->enrollment_id, 1, &verdict, QUEUE_PRIORITY_PERSON + 1, err) &&
	       queued(s, t->device_id, uuid, "install", verdict, err);
}

bool
renewal_before_install(struct db *tx, const char *device_id, const char *build_id, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct target t = { .device_id = device_id };
	struct sending s = { .ctx = ctx, .tx = tx, .targets = &t, .n = 1 };
	struct rows *rows = db_query(ctx, tx, "SELECT e.id, bb.path, p.uuid, bb.expires FROM device d JOIN enrollment e ON e.id ="
		" d.enrollment_id AND e.state = 'enrolled' JOIN build_bundle bb ON bb.build_id = $2 JOIN provision_fit f ON"
		" f.build_id = bb.build_id AND f.path = bb.path JOIN provision p ON " GOES_BEFORE " WHERE d.id = $1"
		" ORDER BY bb.path, p.expires DESC, p.uuid", db_text(device_id), db_text(build_id), db_int(RENEWAL_BETTER_S), db_now());
	struct { const char *path, *uuid; int64_t ends; } best[UUIDS_MAX];
	enum rows_step step;
	size_t n = 0;

	while (n < UUIDS_MAX && (step = rows_next(rows, err)) == ROWS_ROW) {
		const char *path = rows_text(ctx, rows, 1);

		t.enrollment_id = rows_text(ctx, rows, 0);
		if (n && strcmp(best[n - 1].path, path) == 0)
			continue;
		best[n].path = path;
		best[n].ends = rows_int(rows, 3);
		best[n++].uuid = rows_text(ctx, rows, 2);
	}
	rows_done(rows);
	if (n < UUIDS_MAX && step == ROWS_FAILED)
		return err_at(err, "provisions before build %s", build_id);
	for (size_t i = 0; i < n; i++) {
		struct rows *there = db_query(ctx, tx, "SELECT 1 FROM installed_provision WHERE device_id = $1 AND uuid = $2",
					      db_text(device_id), db_text(best[i].uuid));

		step = rows_next(there, err);
		talloc_free(there);
		t.ends = best[i].ends;
		if (step == ROWS_FAILED || (step == ROWS_END && !send_before(&s, best[i].uuid, err)))
			return err_at(err, "provisions before build %s", build_id);
	}
	return true;
}
