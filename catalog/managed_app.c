/* Table `managed_app`, with managed_app_send.c, managed_app_plan.c and managed_app_list.c: rows, and what is new of them. */
#include "catalog/managed_app_inner.h"
#include "catalog/install.h"
#include "catalog/renewal.h"
#include "core/clock.h"
#include "core/job.h"
#include "core/num.h"
#include "core/text.h"
#include "mdm/command_send.h"
#include <string.h>

#define DETAIL_MAX	300	/* bytes of what the device said */
#define BATCH		100	/* rows of one transaction of the sweep */

/* ---- rows ---- */

bool
managed_app_by_itself(const char *cause)
{
	return strcmp(cause, "required") == 0 || strcmp(cause, "current") == 0;
}

struct managed_app *
managed_app_of(TALLOC_CTX *ctx, struct rows *rows)
{
	struct managed_app *m = mem_new(ctx, struct managed_app);

	m->device_id = rows_text(m, rows, 0);
	m->bundle_id = rows_text(m, rows, 1);
	m->build_id = rows_text(m, rows, 2);
	m->cause = rows_text(m, rows, 3);
	m->install_id = rows_text(m, rows, 4);
	m->command_uuid = rows_text(m, rows, 5);
	m->row = (struct managed_row){ .state = managed_state_of(rows_text(m, rows, 6)), .going = !m->build_id,
		.kept = strcmp(m->cause, "required") == 0, .why = rows_text(m, rows, 7), .attempts = rows_int(rows, 8),
		.polls = rows_int(rows, 9), .began = rows_int(rows, 10), .itself = managed_app_by_itself(m->cause) };
	return m;
}

bool
managed_app_get(TALLOC_CTX *ctx, struct db *db, const char *device_id, const char *bundle_id, struct managed_app **ret,
		struct err *err)
{
	struct rows *rows = db_query(ctx, db, "SELECT " MANAGED_COLUMNS " FROM managed_app m WHERE m.device_id = $1"
				     " AND m.bundle_id = $2", db_text(device_id), db_text(bundle_id));
	enum rows_step step = rows_next(rows, err);

	*ret = step == ROWS_ROW ? managed_app_of(ctx, rows) : NULL;
	rows_done(rows);
	return step != ROWS_FAILED;
}

bool
managed_app_wake(struct db *tx, int64_t due, struct err *err)
{
	return job_add(tx, MANAGED_SWEEP_JOB, json_object(), due, MANAGED_SWEEP_JOB, err);
}

bool
managed_app_put(struct db *tx, const char *device_id, const char *bundle_id, const char *build_id, const char *cause,
		int64_t due, struct err *err)
{
	return db_run(tx, err, "INSERT INTO managed_app (device_id, bundle_id, build_id, cause, state, due, changed)"
		      " VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (device_id, bundle_id) DO UPDATE SET"
		      " build_id = excluded.build_id, cause = excluded.cause, state = excluded.state, why = '', detail = '', exact = FALSE,"
		      " attempts = 0, polls = 0, began = 0, due = excluded.due, changed = excluded.changed",
		      db_text(device_id), db_text(bundle_id), db_text(build_id), db_text(cause),
		      db_text(managed_state_name(build_id ? MANAGED_WANTED : MANAGED_REMOVING)),
		      due ? db_int(due) : db_null(), db_now()) &&
	       (!due || managed_app_wake(tx, due, err));
}

bool
managed_app_put_end(struct db *tx, const char *device_id, const char *bundle_id, const char *build_id,
		    const char *cause, enum managed_state state, const char *why, struct err *err)
{
	return db_run(tx, err, "INSERT INTO managed_app (device_id, bundle_id, build_id, cause, state, why, changed)"
		      " VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (device_id, bundle_id) DO UPDATE SET"
		      " build_id = excluded.build_id, cause = excluded.cause, state = excluded.state, why = excluded.why,"
		      " detail = '', exact = FALSE, attempts = 0, polls = 0, began = 0, due = NULL, changed = excluded.changed",
		      db_text(device_id), db_text(bundle_id), db_text(build_id), db_text(cause),
		      db_text(managed_state_name(state)), db_text(why), db_now());
}

bool
managed_app_put_exact(struct db *tx, const char *device_id, const char *bundle_id, struct err *err)
{
	return db_run(tx, err, "UPDATE managed_app SET exact = TRUE WHERE device_id = $1 AND bundle_id = $2", db_text(device_id),
		      db_text(bundle_id));
}

bool
managed_app_forget(struct db *tx, const char *device_id, const char *bundle_id, struct err *err)
{
	return db_run(tx, err, "DELETE FROM managed_app WHERE device_id = $1 AND bundle_id = $2", db_text(device_id),
		      db_text(bundle_id));
}

/* ---- what is new ---- */

static bool
tell_timeline(struct db *tx, const struct managed_app *m, const struct managed_step *step, const char *detail,
	      struct err *err)
{
	static const int kinds[MANAGED_STATES] = { [MANAGED_INSTALLED] = INSTALL_INSTALLED, [MANAGED_DECLINED] = INSTALL_DECLINED,
		[MANAGED_FAILED] = INSTALL_FAILED, [MANAGED_TIMED_OUT] = INSTALL_TIMED_OUT };

	if (!m->install_id || m->row.going || step->state == m->row.state || !kinds[step->state])
		return true;
	return install_ended(tx, m->install_id, (enum install_kind)kinds[step->state], detail && *detail ? detail : step->why, err);
}

static bool
write(struct db *tx, const struct managed_app *m, const struct managed_step *step, const char *detail, struct err *err)
{
	bool brought = step->state == MANAGED_INSTALLED && m->row.attempts > 0;
	bool this_one = brought && strcmp(step->why, "newer") != 0;

	if (!db_run(tx, err, "UPDATE managed_app SET state = $3, why = $4, attempts = $5, polls = $6, began = $7,"
		    " detail = CASE WHEN $8 THEN CAST($9 AS TEXT) ELSE detail END,"
		    " due = CASE WHEN CAST($10 AS BIGINT) < 0 THEN due WHEN CAST($10 AS BIGINT) = 0 THEN NULL ELSE CAST($10 AS BIGINT) END,"
		    " ours = ours OR $11, changed = CASE WHEN $12 THEN CAST($13 AS BIGINT) ELSE changed END,"
		    " brought = CASE WHEN $14 THEN coalesce(build_id, '') WHEN $15 THEN '' ELSE brought END"
		    " WHERE device_id = $1 AND bundle_id = $2", db_text(m->device_id), db_text(m->bundle_id),
		    db_text(managed_state_name(step->state)), db_text(step->why), db_int(step->attempts), db_int(step->polls),
		    db_int(step->began), db_bool(step->moved), db_text(detail ? detail : ""), db_int(step->due),
		    db_bool(brought), db_bool(step->moved), db_now(), db_bool(this_one),
		    db_bool(step->state == MANAGED_REMOVED || strcmp(step->why, "owner_removed") == 0)))
		return false;
	if (this_one && step->moved && !renewal_device(tx, m->device_id, err))	/* until when it runs is another by this */
		return false;
	return step->due <= 0 || managed_app_wake(tx, step->due, err);
}

/* Of several builds with its numbers the provisions may tell which is there: they are asked for before the apps. */
static bool
ask_lists(struct db *tx, const struct managed_app *m, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct enrollment *enrollment;
	bool twin = false;

	if (!enrollment_of_device(ctx, tx, m->device_id, &enrollment, err))
		return err->kind == ERR_MISSING;
	return (!m->build_id || managed_app_has_twin(tx, m->build_id, &twin, err)) &&
	       (!twin || command_refresh_after(tx, enrollment, "InstallProvisioningProfile", err)) &&
	       command_refresh_after(tx, enrollment, "InstallApplication", err);
}

static bool
is_end(enum managed_state state)
{
	return state == MANAGED_INSTALLED || state == MANAGED_DECLINED || state == MANAGED_FAILED || state == MANAGED_TIMED_OUT ||
	       state == MANAGED_REMOVED;
}

bool
managed_app_news(struct db *tx, struct managed_app *m, const struct managed_report *report, const char *detail,
		 struct err *err)
{
	struct managed_step step = managed_app_step(&m->row, report, clock_now());
	enum managed_state before = m->row.state;

	if (step.act == MANAGED_FORGET)
		return managed_app_forget(tx, m->device_id, m->bundle_id, err);
	if (!step.moved && step.due < 0 && step.act == MANAGED_REST)
		return true;
	if (!write(tx, m, &step, detail, err) || !tell_timeline(tx, m, &step, detail, err))
		return false;
	m->row.state = step.state;
	m->row.why = step.why;
	m->row.attempts = step.attempts;
	m->row.polls = step.polls;
	m->row.began = step.began;
	/* what came out meanwhile had to wait; and whoever left may be back */
	if ((managed_in_flight(before) || before == MANAGED_REMOVING) && is_end(step.state) && !managed_app_device_changed(tx, m->device_id, err))
		return false;
	return step.act == MANAGED_QUEUE ? managed_app_queue(tx, m, err) :
	       step.act != MANAGED_ASK || ask_lists(tx, m, err);
}

/* ---- what devices answer ---- */

bool
managed_app_answered(struct db *tx, const char *device_id, const char *bundle_id, const char *uuid, const char *status,
		     const char *reason, const char *detail, struct err *err)
{
	static const struct { const char *status; enum managed_news news; } all[] = {
		{ "Acknowledged", NEWS_TAKEN }, { "expired", NEWS_EXPIRED }, { "cancelled", NEWS_CANCELLED },
		{ QUEUE_CLEARED, NEWS_CLEARED }, { QUEUE_HELD, NEWS_HELD },
		{ "error", NEWS_UNMADE },
	};
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct managed_report report = { .news = reason ? NEWS_REJECTED : NEWS_REFUSED, .word = reason };
	const char *said = detail && *detail ? detail : reason;
	struct managed_app *m;

	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		if (strcmp(all[i].status, status) == 0)
			report.news = all[i].news;
	if (!managed_app_get(ctx, tx, device_id, bundle_id, &m, err))
		return false;
	if (!m || strcmp(m->command_uuid, uuid) != 0)
		return true;
	/* Of a removal that was taken back it says nothing of the configuration. */
	if (report.news == NEWS_UNMADE && !m->row.going && managed_waits(m->row.state) &&
	    !managed_app_unmade(tx, device_id, bundle_id, err))
		return false;
	return managed_app_news(tx, m, &report, said ? text_cut(ctx, said, DETAIL_MAX) : NULL, err);
}

/* What iOS tells of the copy that is there; without the right to ask for apps it is not told, and Managed has to do. */
static enum managed_copy
copy_of(TALLOC_CTX *ctx, struct rows *rows)
{
	int order;

	if (!rows_bool(rows, 16))
		return rows_bool(rows, 13) ? COPY_SAME : COPY_NONE;
	if (!rows_bool(rows, 12))
		return COPY_NONE;
	order = num_release_compare(rows_text(ctx, rows, 19), rows_text(ctx, rows, 14), rows_text(ctx, rows, 20), rows_text(ctx, rows, 15));
	if (order > 0 && rows_bool(rows, 18))	/* a newer one is just what is to go */
		return COPY_OLDER;
	return order < 0 ? COPY_OLDER : order > 0 ? COPY_NEWER : COPY_SAME;
}

/*
 * Of several builds with these numbers another may be there: for this one that is an older copy.  A Status of before
 * the fetch says "Managed" of the copy that was there then, although iOS has refused the new one since.
 */
static bool
tell_twins(struct db *tx, const struct managed_app *m, struct managed_report *report, struct err *err)
{
	enum managed_twin twin = TWIN_THIS;

	if (report->copy == COPY_SAME && m->build_id && m->row.state != MANAGED_INSTALLED &&
	    !managed_app_twin(tx, m->device_id, m->build_id, &twin, err))
		return false;
	if (twin != TWIN_THIS && (twin != TWIN_FETCHED || report->news != NEWS_LISTED))
		report->copy = COPY_OLDER;
	return true;
}

struct heard {
	struct managed_app *app;
	struct managed_report report;
};

bool
managed_app_listed(struct db *tx, const char *device_id, bool fresh, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, tx, "SELECT " MANAGED_COLUMNS ", i.state, i.installed, i.managed, i.version, b.build,"
		" EXISTS (SELECT 1 FROM device_report r WHERE r.device_id = m.device_id AND r.request_type ="
		" 'InstalledApplicationList'), i.installing, m.exact, i.short_version, b.version FROM managed_app m LEFT JOIN build b ON b.id = m.build_id"
		" LEFT JOIN installed_app i ON i.device_id = m.device_id AND i.bundle_id = m.bundle_id WHERE m.device_id = $1",
		db_text(device_id));
	struct heard *all = NULL;
	enum rows_step step;
	size_t n = 0;

	while ((step = rows_next(rows, err)) == ROWS_ROW) {
		all = mem_grow(ctx, all, struct heard, n + 1);
		all[n++] = (struct heard){ managed_app_of(ctx, rows), { fresh ? NEWS_LISTED : NEWS_LISTED_INSTALLED,
			rows_text(ctx, rows, 11), copy_of(ctx, rows), rows_bool(rows, 13), rows_bool(rows, 17) } };
	}
	rows_done(rows);
	if (step == ROWS_FAILED)
		return false;
	for (size_t i = 0; i < n; i++)
		if (!tell_twins(tx, all[i].app, &all[i].report, err) ||
		    !managed_app_news(tx, all[i].app, &all[i].report,
				      all[i].report.word && strcmp(all[i].report.word, "Managed") != 0 ? all[i].report.word : NULL, err))
			return err_at(err, "app %s", all[i].app->bundle_id);
	return true;
}

/* ---- what is due ---- */

struct due {
	const char *device_id, *bundle_id;
	int64_t later;		/* 0: now */
};

struct sweep {
	struct due *all;
	size_t n;
};

/* May it begin now?  0: yes.  What somebody waits for may, always. */
static int64_t
held_until(TALLOC_CTX *ctx, struct rows *rows, managed_when *when, void *arg)
{
	const char *zone = rows_text(ctx, rows, 7);
	json_t *name;
	int64_t at;

	if (!managed_app_by_itself(rows_text(ctx, rows, 3)) || rows_null(rows, 4))
		return 0;
	if (rows_bool(rows, 4))		/* paused: its end wakes what has not begun */
		return clock_now() + DAY_S;
	name = zone ? json_loads(zone, JSON_DECODE_ANY, NULL) : NULL;
	at = when(arg, rows_text(ctx, rows, 5), strcmp(rows_text(ctx, rows, 6), "device") == 0 ? json_string_value(name) : NULL);
	json_decref(name);
	return at;
}

/* Of what would begin with this. */
static int64_t
later(TALLOC_CTX *ctx, struct rows *rows, managed_when *when, void *arg)
{
	enum managed_state state = managed_state_of(rows_text(ctx, rows, 2));

	return state == MANAGED_WANTED || state == MANAGED_FAILED || state == MANAGED_TIMED_OUT || state == MANAGED_DECLINED ?
	       held_until(ctx, rows, when, arg) : 0;
}

#define HELD_COLUMNS "SELECT m.device_id, m.bundle_id, m.state, m.cause, o.paused, o.hours, o.zone, f.value" \
	" FROM managed_app m LEFT JOIN app a ON a.bundle_id = m.bundle_id LEFT JOIN rollout o ON o.app_id = a.id" \
	" LEFT JOIN device_fact f ON f.device_id = m.device_id AND f.name = 'time_zone'"
const char managed_app_due_sql[] = HELD_COLUMNS " WHERE m.due <= $1 ORDER BY m.due LIMIT $2";

bool
managed_app_goes(struct db *db, const char *device_id, const char *bundle_id, managed_when *when, void *arg, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, db, HELD_COLUMNS " WHERE m.device_id = $1 AND m.bundle_id = $2", db_text(device_id),
				     db_text(bundle_id));
	enum rows_step step = rows_next(rows, err);
	bool held = step == ROWS_ROW && held_until(ctx, rows, when, arg);

	rows_done(rows);
	if (step == ROWS_FAILED)
		return false;
	return !held || err_code(err, ERR_CONFLICT, QUEUE_HELD, "%s is paused, or this is not its hour", bundle_id);
}

static bool
read_due(TALLOC_CTX *ctx, struct db *db, managed_when *when, void *arg, struct sweep *s, struct err *err)
{
	struct rows *rows = db_query(ctx, db, managed_app_due_sql, db_now(), db_int(BATCH));
	enum rows_step step;

	s->all = mem_array(ctx, struct due, BATCH);
	s->n = 0;
	while ((step = rows_next(rows, err)) == ROWS_ROW)
		s->all[s->n++] = (struct due){ rows_text(ctx, rows, 0), rows_text(ctx, rows, 1), later(ctx, rows, when, arg) };
	rows_done(rows);
	return step != ROWS_FAILED;
}

/* Looked at again here: it may have gone on meanwhile. */
static bool
tx_due(struct db *tx, void *arg, struct err *err)
{
	static const struct managed_report report = { .news = NEWS_DUE };
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct sweep *s = arg;

	for (size_t i = 0; i < s->n; i++) {
		const struct due *d = &s->all[i];
		struct rows *rows = db_query(ctx, tx, "SELECT " MANAGED_COLUMNS " FROM managed_app m WHERE m.device_id = $1"
			" AND m.bundle_id = $2 AND m.due <= $3", db_text(d->device_id), db_text(d->bundle_id), db_now());
		enum rows_step step = rows_next(rows, err);
		struct managed_app *m = step == ROWS_ROW ? managed_app_of(ctx, rows) : NULL;

		rows_done(rows);
		if (step == ROWS_FAILED)
			return false;
		if (!m)
			continue;
		if (d->later ? !db_run(tx, err, "UPDATE managed_app SET due = $3 WHERE device_id = $1 AND bundle_id = $2",
				       db_text(d->device_id), db_text(d->bundle_id), db_int(d->later)) :
			       !managed_app_news(tx, m, &report, NULL, err))
			return err_at(err, "device %s: app %s", d->device_id, d->bundle_id);
	}
	return true;
}

static bool
tx_next(struct db *tx, void *arg, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, tx, "SELECT min(due) FROM managed_app WHERE due IS NOT NULL");
	int64_t due;

	(void)arg;
	if (!rows_one(rows, err, "no moment"))
		return false;
	due = rows_int(rows, 0);
	rows_done(rows);
	return !due || managed_app_wake(tx, due, err);
}

/* Written when the clock was ahead: no wait is that long, so it counts as due. */
static bool
tx_too_far(struct db *tx, void *arg, struct err *err)
{
	(void)arg;
	return db_run(tx, err, "UPDATE managed_app SET due = $1 WHERE due > $2", db_now(), db_int(clock_now() + MANAGED_DUE_MAX_S));
}

bool
managed_app_sweep(struct db *db, managed_when *when, void *arg, struct err *err)
{
	if (!db_tx(db, tx_too_far, NULL, err))
		return err_at(err, "apps on devices");
	for (size_t n = BATCH; n == BATCH;) {
		void *ctx SCOPED(mem) = talloc_new(NULL);
		struct sweep s;

		if (!read_due(ctx, db, when, arg, &s, err) || (s.n && !db_tx(db, tx_due, &s, err)))
			return err_at(err, "apps on devices");
		n = s.n;
	}
	return db_tx(db, tx_next, NULL, err);
}
