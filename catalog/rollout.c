/* Tables `rollout` and `rollout_wave`. */
#include "catalog/rollout.h"
#include "catalog/app.h"
#include "catalog/managed_app.h"
#include "catalog/rows.h"
#include "core/audit.h"
#include "core/clock.h"
#include "core/job.h"
#include "core/json.h"
#include <stdio.h>
#include <string.h>

#define WAVES_SHOWN 10

/* ---- hours ---- */

static bool
read_hours(const char *hours, int *from, int *to)
{
	int a, b, c, d, end = 0;

	if (strlen(hours) != ROLLOUT_HOURS_MAX || sscanf(hours, "%2d:%2d-%2d:%2d%n", &a, &b, &c, &d, &end) != 4 ||
	    end != ROLLOUT_HOURS_MAX || a < 0 || a > 23 || c < 0 || c > 23 || b < 0 || b > 59 || d < 0 || d > 59)
		return false;
	*from = a * 60 + b;
	*to = c * 60 + d;
	return *from != *to;
}

bool
rollout_hours_ok(const char *hours, struct err *err)
{
	int from, to;

	return !*hours || read_hours(hours, &from, &to) ||
	       err_set(err, ERR_INVALID, "hours: \"%.20s\" is not like 22:00-05:00", hours);
}

int64_t
rollout_wait(const char *hours, int64_t local)
{
	int64_t second = (local % DAY_S + DAY_S) % DAY_S, minute = second / 60;
	int from, to;

	if (!*hours || !read_hours(hours, &from, &to))
		return 0;
	if (from < to ? minute >= from && minute < to : minute >= from || minute < to)
		return 0;
	return (from * 60 - second + DAY_S) % DAY_S;
}

/* ---- waves ---- */

/* FNV-1a of both: for another build the devices come in another order. */
int64_t
rollout_number(const char *device_id, const char *build_id)
{
	uint32_t hash = 2166136261u;
	const char *parts[] = { device_id, "/", build_id };

	for (size_t i = 0; i < 3; i++)
		for (const char *p = parts[i]; *p; p++)
			hash = (hash ^ (unsigned char)*p) * 16777619u;
	hash ^= hash >> 15;
	hash *= 0x2c1b3c6du;
	hash ^= hash >> 12;
	return hash % 100;
}

static bool
wake(struct db *tx, const char *app_id, const char *build_id, struct err *err)
{
	char key[128];

	snprintf(key, sizeof key, "%s:%s", ROLLOUT_STEP_JOB, build_id);
	return job_add(tx, ROLLOUT_STEP_JOB, json_pack("{s:s, s:s}", "app", app_id, "build", build_id), clock_now() + DAY_S, key, err);
}

bool
rollout_reached(struct db *tx, const char *app_id, const char *build_id, const struct rollout *rollout, int64_t *reached,
		struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, tx, "SELECT reached, stopped FROM rollout_wave WHERE app_id = $1 AND build_id = $2",
				     db_text(app_id), db_text(build_id));
	enum rows_step step = rows_next(rows, err);

	*reached = step != ROWS_ROW ? rollout->percent : rows_bool(rows, 1) ? 0 : rows_int(rows, 0);
	rows_done(rows);
	if (step != ROWS_END)
		return step == ROWS_ROW;
	if (!db_run(tx, err, "INSERT INTO rollout_wave (app_id, build_id, reached, began, changed) VALUES ($1, $2, $3, $4, $4)"
		    " ON CONFLICT (app_id, build_id) DO NOTHING", db_text(app_id), db_text(build_id), db_int(rollout->percent), db_now()))
		return false;
	return rollout->percent >= 100 || rollout->by_step || wake(tx, app_id, build_id, err);
}

static bool
advance(struct db *tx, const char *app_id, const char *build_id, int64_t percent, struct err *err)
{
	return db_run(tx, err, "UPDATE rollout_wave SET reached = CASE WHEN reached + $3 > 100 THEN 100 ELSE reached + $3 END,"
		      " changed = $4 WHERE app_id = $1 AND build_id = $2 AND NOT stopped", db_text(app_id), db_text(build_id),
		      db_int(percent), db_now()) &&
	       (!db_changed(tx) || managed_app_app_changed(tx, app_id, err));
}

struct next {
	const char *app_id, *build_id;
};

/* A wave that is paused stays where it is, and is looked at again a day later. */
static bool
tx_next(struct db *tx, void *arg, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	const struct next *n = arg;
	struct rollout *rollout;
	struct rows *rows = db_query(ctx, tx, "SELECT w.reached, w.changed FROM rollout_wave w WHERE w.app_id = $1 AND w.build_id = $2"
				     " AND NOT w.stopped AND w.reached < 100", db_text(n->app_id), db_text(n->build_id));
	enum rows_step step = rows_next(rows, err);
	int64_t reached = rows_int(rows, 0), changed = rows_int(rows, 1);

	rows_done(rows);
	if (step != ROWS_ROW)
		return step == ROWS_END;
	if (!rollout_get(ctx, tx, n->app_id, &rollout, err))
		return false;
	if (rollout->by_step)
		return true;
	/* a job that is run twice steps once; what is ahead was written by a clock that was */
	if (!rollout->paused && (changed + DAY_S / 2 <= clock_now() || changed > clock_now() + DAY_S / 2)) {
		if (!advance(tx, n->app_id, n->build_id, rollout->percent, err))
			return false;
		reached += rollout->percent;
	}
	return reached >= 100 || wake(tx, n->app_id, n->build_id, err);
}

bool
rollout_next(struct db *db, const char *app_id, const char *build_id, struct err *err)
{
	struct next n = { app_id, build_id };

	return db_tx(db, tx_next, &n, err);
}

/* ---- what was set ---- */

bool
rollout_get(TALLOC_CTX *ctx, struct db *db, const char *app_id, struct rollout **ret, struct err *err)
{
	struct rollout *r = mem_new(ctx, struct rollout);
	struct rows *rows = db_query(ctx, db, "SELECT keep_current, paused, back, remove_on_leave, with_management, no_backup,"
				     " pace = 'step', zone = 'device', percent, hours FROM rollout WHERE app_id = $1", db_text(app_id));

	*r = (struct rollout){ .with_management = true, .percent = 100, .device_zone = true, .hours = "" };
	*ret = r;
	switch (rows_next(rows, err)) {
	case ROWS_FAILED:
		return false;
	case ROWS_END:
		return true;
	case ROWS_ROW:
		break;
	}
	*r = (struct rollout){ rows_bool(rows, 0), rows_bool(rows, 1), rows_bool(rows, 2), rows_bool(rows, 3), rows_bool(rows, 4),
			       rows_bool(rows, 5), rows_bool(rows, 6), rows_bool(rows, 7), rows_int(rows, 8), rows_text(r, rows, 9) };
	rows_done(rows);
	return true;
}

static bool
take_bool(const json_t *fields, const char *name, bool *ret, struct err *err)
{
	const json_t *v = json_object_get(fields, name);

	if (!v)
		return true;
	*ret = json_is_true(v);
	return json_is_boolean(v) || err_set(err, ERR_INVALID, "%s: true or false", name);
}

static bool
take_word(const json_t *fields, const char *name, const char *yes, const char *no, bool *ret, struct err *err)
{
	const char *word = json_string_value(json_object_get(fields, name));

	if (!json_object_get(fields, name))
		return true;
	*ret = word && strcmp(word, yes) == 0;
	return *ret || (word && strcmp(word, no) == 0) || err_set(err, ERR_INVALID, "%s: \"%s\" or \"%s\"", name, yes, no);
}

static bool
take(const json_t *fields, struct rollout *r, struct err *err)
{
	const json_t *percent = json_object_get(fields, "percent"), *hours = json_object_get(fields, "hours");

	if (percent) {
		r->percent = json_integer_value(percent);
		if (r->percent < 1 || r->percent > 100)
			return err_set(err, ERR_INVALID, "percent: 1 to 100");
	}
	if (hours) {
		r->hours = json_is_null(hours) ? "" : json_string_value(hours);
		if (!r->hours)
			return err_set(err, ERR_INVALID, "hours: a text like 22:00-05:00, or none");
	}
	return rollout_hours_ok(r->hours, err) && take_bool(fields, "keep_current", &r->keep_current, err) &&
	       take_bool(fields, "paused", &r->paused, err) && take_bool(fields, "back", &r->back, err) &&
	       take_bool(fields, "remove_on_leave", &r->remove_on_leave, err) &&
	       take_bool(fields, "with_management", &r->with_management, err) &&
	       take_bool(fields, "no_backup", &r->no_backup, err) && take_word(fields, "pace", "step", "day", &r->by_step, err) &&
	       take_word(fields, "zone", "device", "server", &r->device_zone, err);
}

struct change {
	const struct person *person;
	const char *bundle_id, *build_id;
	const json_t *fields;
	bool stop;
};

static bool
wake_waves(struct db *tx, const char *app_id, const struct rollout *r, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, tx, "SELECT build_id FROM rollout_wave WHERE app_id = $1 AND NOT stopped AND reached < 100",
				     db_text(app_id));
	enum rows_step step;

	while ((step = rows_next(rows, err)) == ROWS_ROW)
		if (!r->by_step && !wake(tx, app_id, rows_text(ctx, rows, 0), err))
			return false;
	return step != ROWS_FAILED;
}

/* What paused or hours held back is looked at again. */
static bool
tx_set(struct db *tx, void *arg, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct change *c = arg;
	struct rollout *r;
	char *app, detail[200];

	if (!app_own(ctx, tx, viewer_of(c->person), c->bundle_id, &app, err) || !rollout_get(ctx, tx, app, &r, err) ||
	    !take(c->fields, r, err))
		return false;
	snprintf(detail, sizeof detail, "keep_current %d, %lld %% a %s%s, hours %s", r->keep_current, (long long)r->percent,
		 r->by_step ? "step" : "day", r->paused ? ", paused" : "", *r->hours ? r->hours : "any");
	return db_run(tx, err, "INSERT INTO rollout (app_id, keep_current, pace, percent, paused, hours, zone, back,"
		      " remove_on_leave, with_management, no_backup, changed) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10,"
		      " $11, $12) ON CONFLICT (app_id) DO UPDATE SET keep_current = excluded.keep_current, pace = excluded.pace,"
		      " percent = excluded.percent, paused = excluded.paused, hours = excluded.hours, zone = excluded.zone,"
		      " back = excluded.back, remove_on_leave = excluded.remove_on_leave,"
		      " with_management = excluded.with_management, no_backup = excluded.no_backup, changed = excluded.changed",
		      db_text(app), db_bool(r->keep_current), db_text(r->by_step ? "step" : "day"), db_int(r->percent),
		      db_bool(r->paused), db_text(r->hours), db_text(r->device_zone ? "device" : "server"), db_bool(r->back),
		      db_bool(r->remove_on_leave), db_bool(r->with_management), db_bool(r->no_backup), db_now()) &&
	       wake_waves(tx, app, r, err) && managed_app_held_back(tx, c->bundle_id, err) &&
	       audit_add(tx, person_actor(ctx, c->person), "rollout.set", c->bundle_id, detail, err) &&
	       managed_app_app_changed(tx, app, err);
}

bool
rollout_set(struct db *db, const struct person *person, const char *bundle_id, const json_t *fields, struct err *err)
{
	struct change c = { .person = person, .bundle_id = bundle_id, .fields = fields };

	return db_tx(db, tx_set, &c, err) || err_at(err, "rollout of %s", bundle_id);
}

static bool
tx_wave(struct db *tx, void *arg, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct change *c = arg;
	struct rollout *r;
	bool found;
	char *app;

	if (!app_own(ctx, tx, viewer_of(c->person), c->bundle_id, &app, err) || !rollout_get(ctx, tx, app, &r, err) ||
	    !(c->stop ? db_run(tx, err, "UPDATE rollout_wave SET stopped = TRUE, changed = $3 WHERE app_id = $1 AND build_id = $2",
			       db_text(app), db_text(c->build_id), db_now()) :
			db_run(tx, err, "UPDATE rollout_wave SET stopped = FALSE, reached = CASE WHEN stopped THEN reached"
			       " WHEN reached + $3 > 100 THEN 100 ELSE reached + $3 END, changed = $4 WHERE app_id = $1 AND build_id = $2",
			       db_text(app), db_text(c->build_id), db_int(r->percent), db_now())))
		return false;
	found = db_changed(tx) > 0;
	if (!found)
		return err_set(err, ERR_MISSING, "this build is not on its way");
	return (!c->stop || managed_app_stopped(tx, c->bundle_id, c->build_id, err)) && wake_waves(tx, app, r, err) &&
	       audit_add(tx, person_actor(ctx, c->person), c->stop ? "rollout.stop" : "rollout.step", c->bundle_id, c->build_id, err) &&
	       managed_app_app_changed(tx, app, err);
}

bool
rollout_step(struct db *db, const struct person *person, const char *bundle_id, const char *build_id, struct err *err)
{
	struct change c = { .person = person, .bundle_id = bundle_id, .build_id = build_id };

	return db_tx(db, tx_wave, &c, err);
}

bool
rollout_stop(struct db *db, const struct person *person, const char *bundle_id, const char *build_id, struct err *err)
{
	struct change c = { .person = person, .bundle_id = bundle_id, .build_id = build_id, .stop = true };

	return db_tx(db, tx_wave, &c, err);
}

static json_t *
wave_of(TALLOC_CTX *ctx, struct rows *rows)
{
	return json_pack("{s:s, s:s, s:s, s:I, s:b, s:s, s:s}", "build_id", rows_text(ctx, rows, 0), "version", rows_text(ctx, rows, 1),
			 "build", rows_text(ctx, rows, 2), "reached", (json_int_t)rows_int(rows, 3), "stopped", rows_bool(rows, 4),
			 "began", clock_text(ctx, rows_int(rows, 5)), "changed", clock_text(ctx, rows_int(rows, 6)));
}

bool
rollout_show(struct db *db, const struct person *person, const char *bundle_id, json_t **ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rollout *r;
	json_t *waves;
	char *app;

	if (!app_own(ctx, db, viewer_of(person), bundle_id, &app, err) || !rollout_get(ctx, db, app, &r, err) ||
	    !rows_list(db_query(ctx, db, "SELECT w.build_id, b.version, b.build, w.reached, w.stopped, w.began, w.changed"
				" FROM rollout_wave w JOIN build b ON b.id = w.build_id WHERE w.app_id = $1"
				" ORDER BY w.began DESC, w.build_id LIMIT $2", db_text(app), db_int(WAVES_SHOWN)), wave_of, &waves, err))
		return false;
	*ret = json_pack("{s:b, s:s, s:I, s:b, s:s, s:s, s:b, s:b, s:b, s:b, s:o}", "keep_current", r->keep_current, "pace",
		r->by_step ? "step" : "day", "percent", (json_int_t)r->percent, "paused", r->paused, "hours", r->hours, "zone",
		r->device_zone ? "device" : "server", "back", r->back, "remove_on_leave", r->remove_on_leave, "with_management",
		r->with_management, "no_backup", r->no_backup, "waves", waves);
	return true;
}
