/*
 * Table `managed_app`: what devices are to have by themselves - required apps, and apps that are kept current - and
 * what goes when its person does not see it any more.
 *
 * Computed by jobs, a part of the devices in one transaction, from what stands in the tables at that moment: run
 * twice it changes nothing, and a cause that came meanwhile has a job of its own.
 */
#include "catalog/managed_app_inner.h"
#include "catalog/app_configuration.h"
#include "catalog/renewal.h"
#include "catalog/rollout.h"
#include "catalog/viewer.h"
#include "core/clock.h"
#include "core/job.h"
#include "core/num.h"
#include "mdm/queue.h"
#include <stdio.h>
#include <string.h>

#define PART		200	/* devices in one transaction */
#define LIST_WAIT_S	3600	/* a new enrollment's first list of apps */
#define RENEW_LAST_S	(30 * DAY_S)	/* and so near the end no wave holds it back */
#define LEAVE_WAIT_S	3600	/* who left by mistake may be back by then, and nothing is wiped */
#define DISABLED_WAIT_S	DAY_S	/* who was disabled by mistake cannot say so here */

/* ---- causes ---- */

/* Without devices there is nothing to compute. */
static bool
any_device(struct db *tx, bool *ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	enum rows_step step = rows_next(db_query(ctx, tx, "SELECT 1 FROM device WHERE enrollment_id IS NOT NULL LIMIT 1"), err);

	*ret = step == ROWS_ROW;
	return step != ROWS_FAILED;
}

static bool
add_job(struct db *tx, const char *kind, const char *name, const char *id, int64_t due, struct err *err)
{
	char key[128];

	snprintf(key, sizeof key, "%s:%s", kind, id);
	return job_add(tx, kind, json_pack("{s:s}", name, id), due, key, err);
}

bool
managed_app_app_changed(struct db *tx, const char *app_id, struct err *err)
{
	bool any;

	return any_device(tx, &any, err) && (!any || add_job(tx, MANAGED_APP_JOB, "app", app_id, 0, err));
}

bool
managed_app_device_changed(struct db *tx, const char *device_id, struct err *err)
{
	return add_job(tx, MANAGED_DEVICE_JOB, "device", device_id, 0, err);
}

/* A job of its own: the lists that come until then do not hurry it. */
bool
managed_app_device_again(struct db *tx, const char *device_id, int64_t due, struct err *err)
{
	char key[128];

	snprintf(key, sizeof key, "%s again:%s", MANAGED_DEVICE_JOB, device_id);
	return job_add(tx, MANAGED_DEVICE_JOB, json_pack("{s:s}", "device", device_id), due, key, err);
}

/* One job for each row of one column. */
static bool
add_jobs(struct db *tx, TALLOC_CTX *ctx, struct rows *rows, bool (*changed)(struct db *, const char *, struct err *), struct err *err)
{
	const char **ids;
	size_t n;

	if (!rows_texts(ctx, rows, &ids, &n, err))
		return false;
	for (size_t i = 0; i < n; i++)
		if (!changed(tx, ids[i], err))
			return false;
	return true;
}

bool
managed_app_person_changed(struct db *tx, const char *person_id, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);

	return add_jobs(tx, ctx, db_query(ctx, tx, "SELECT id FROM device WHERE person_id = $1 AND enrollment_id IS NOT NULL",
					  db_text(person_id)), managed_app_device_changed, err);
}

bool
managed_app_values_changed(struct db *tx, const char *person_id, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);

	return add_jobs(tx, ctx, db_query(ctx, tx, "SELECT d.id FROM device d WHERE d.person_id = $1 AND d.enrollment_id IS NOT NULL"
		" AND EXISTS (SELECT 1 FROM managed_app m JOIN app a ON a.bundle_id = m.bundle_id JOIN app_configuration c ON"
		" c.app_id = a.id AND c.variables <> '[]' WHERE m.device_id = d.id)", db_text(person_id)), managed_app_device_changed, err);
}

/* Apps for which it matters who is in a group. */
bool
managed_app_people_changed(struct db *tx, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);

	return add_jobs(tx, ctx, db_query(ctx, tx, "SELECT c.app_id FROM channel c WHERE c.audience_id IS NOT NULL"
		" AND (c.required OR EXISTS (SELECT 1 FROM rollout o WHERE o.app_id = c.app_id AND (o.keep_current OR o.remove_on_leave)))"
		" UNION SELECT f.app_id FROM app_configuration f WHERE f.audience_id IS NOT NULL"), managed_app_app_changed, err);
}

/*
 * What the device had under another enrollment went with it, or is found by its lists.  Those are waited for, so that
 * nothing is sent over a newer copy; where we may not ask for them, for an hour.
 */
bool
managed_app_begins(struct db *tx, const char *device_id, struct err *err)
{
	/* not what was asked for since it is there: a device that came and went begins later (mdm/enrollment_settle.h) */
	return db_run(tx, err, "DELETE FROM managed_app WHERE device_id = $1 AND changed <= COALESCE((SELECT e.enrolled FROM device d"
		      " JOIN enrollment e ON e.id = d.enrollment_id WHERE d.id = $1), $2)", db_text(device_id), db_now()) &&
	       add_job(tx, MANAGED_DEVICE_JOB, "device", device_id, clock_now() + LIST_WAIT_S, err);
}

static enum rows_step
find_job(struct db *tx, const char *device_id, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);

	return rows_next(db_query(ctx, tx, "SELECT 1 FROM job WHERE dedupe_key = $1 AND owner = '' AND NOT dead LIMIT 1",
				  db_text(mem_printf(ctx, "%s:%s", MANAGED_DEVICE_JOB, device_id))), err);
}

bool
managed_app_first_list(struct db *tx, const char *device_id, struct err *err)
{
	enum rows_step step = find_job(tx, device_id, err);

	return step == ROWS_ROW ? managed_app_device_changed(tx, device_id, err) : step == ROWS_END;
}

bool
managed_app_device_unhurried(struct db *tx, const char *device_id, struct err *err)
{
	enum rows_step step = find_job(tx, device_id, err);

	return step == ROWS_END ? managed_app_device_changed(tx, device_id, err) : step == ROWS_ROW;
}

bool
managed_app_fits_again(struct db *tx, const char *device_id, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	enum rows_step step = rows_next(db_query(ctx, tx, "SELECT 1 FROM managed_app WHERE device_id = $1 AND state = 'failed'"
						 " AND why IN ('needs_ios', 'needs_ipad', 'not_listed', 'no_right', 'not_installable')"
						 " UNION SELECT 1 FROM managed_app WHERE device_id = $1"
						 " AND configuration LIKE '%:%:%' LIMIT 1", db_text(device_id)), err);

	return step == ROWS_ROW ? managed_app_device_changed(tx, device_id, err) : step == ROWS_END;
}

bool
managed_app_provided(struct db *tx, const char *bundle_id, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);

	return add_jobs(tx, ctx, db_query(ctx, tx, "SELECT a.id FROM app a WHERE a.bundle_id = $1 AND EXISTS (SELECT 1 FROM"
		" managed_app m WHERE m.bundle_id = $1 AND m.state = 'failed' AND m.why = 'not_installable')", db_text(bundle_id)),
		managed_app_app_changed, err);
}

bool
managed_app_held_back(struct db *tx, const char *bundle_id, struct err *err)
{
	return db_run(tx, err, "UPDATE managed_app SET due = $2 WHERE bundle_id = $1 AND state = 'wanted' AND due > $2"
		      " AND why <> 'owner_removed'", db_text(bundle_id), db_now()) &&
	       (!db_changed(tx) || managed_app_wake(tx, clock_now(), err));
}

#define BY_ITSELF "cause IN ('required', 'current') AND (state IN ('wanted', 'queued') OR (state IN ('failed', 'timed_out') AND due IS NOT NULL))"

/* The build that a device has by its lists: what it is left with. */
#define LISTED "FROM installed_app i JOIN app a ON a.bundle_id = i.bundle_id JOIN build k ON k.app_id = a.id AND k.build = i.version" \
	" WHERE i.device_id = managed_app.device_id AND i.bundle_id = managed_app.bundle_id AND i.managed"
#define THERE "coalesce((SELECT k.id " LISTED " AND k.id = managed_app.brought), (SELECT max(k.id) " LISTED "))"

bool
managed_app_stopped(struct db *tx, const char *bundle_id, const char *build_id, struct err *err)
{
	return db_run(tx, err, "DELETE FROM managed_app WHERE bundle_id = $1 AND build_id = $2 AND " BY_ITSELF
		      " AND (NOT ours OR " THERE " IS NULL)", db_text(bundle_id), db_text(build_id)) &&
	       db_run(tx, err, "UPDATE managed_app SET state = 'installed', why = '', due = NULL, changed = $3, build_id = " THERE
		      " WHERE bundle_id = $1 AND build_id = $2 AND " BY_ITSELF, db_text(bundle_id), db_text(build_id), db_now());
}

/* ---- one device and one app ---- */

/* What its person is offered as one of those a channel is for, not as its publisher. */
#define HELD "(vc.audience_id IS NULL OR EXISTS (SELECT 1 FROM audience_person w WHERE w.audience_id = vc.audience_id" \
	" AND w.person_id = d.person_id))"
#define TARGET "(SELECT vc.newest_build_id FROM channel vc WHERE vc.app_id = a.id AND vc.newest_build_id IS NOT NULL AND " HELD \
	" ORDER BY vc.newest_at DESC, vc.newest_build_id DESC LIMIT 1)"
/* The same where nothing stands in the channel just now: no reason to take anything away. */
#define OFFERED "EXISTS (SELECT 1 FROM channel vc WHERE vc.app_id = a.id AND " HELD ")"
/* The build that the device has, by its lists. */
#define PRESENT "coalesce((SELECT k.id FROM build k WHERE k.id = m.brought AND k.build = i.version), (SELECT max(k.id) FROM build k" \
	" WHERE k.app_id = a.id AND k.build = i.version))"
#define REQUIRED "EXISTS (SELECT 1 FROM channel vc WHERE vc.app_id = a.id AND vc.required AND vc.newest_build_id IS NOT NULL AND " HELD ")"
#define OWNER "EXISTS (SELECT 1 FROM person v WHERE v.id = d.person_id AND (v.role = 'admin' OR (v.role = 'publisher' AND (v.all_apps" \
	" OR EXISTS (SELECT 1 FROM publisher_app o WHERE o.person_id = v.id AND o.bundle_id = a.bundle_id)))))"
#define CONFIGURED "coalesce((SELECT c.id || ':' || c.version FROM app_configuration c WHERE c.app_id = a.id AND (c.audience_id IS NULL" \
	" OR EXISTS (SELECT 1 FROM audience_person w WHERE w.audience_id = c.audience_id AND w.person_id = d.person_id))" \
	" ORDER BY c.place, c.id LIMIT 1), '')"

#define PLAN_COLUMNS "a.id, a.bundle_id, d.id, d.enrollment_id, p.id IS NULL OR NOT p.disabled, " TARGET ", " REQUIRED ", " OWNER ", " \
	CONFIGURED ", m.build_id, m.cause, m.state, m.ours, m.configuration, i.installed, i.managed, i.version," \
	" (SELECT max(k.created) FROM build k WHERE k.app_id = a.id AND k.build = i.version), m.why, i.short_version, " OFFERED ", " PRESENT ", m.began, i.state," \
	" d.person_id, m.due, m.attempts"
#define PLAN_JOINS " LEFT JOIN person p ON p.id = d.person_id LEFT JOIN managed_app m ON m.device_id = d.id" \
	" AND m.bundle_id = a.bundle_id LEFT JOIN installed_app i ON i.device_id = d.id AND i.bundle_id = a.bundle_id"

struct plan {
	const char *app_id, *bundle_id, *device_id, *enrollment_id, *target, *configuration;
	bool able, required, owner;	/* able: its person may come in; a device of nobody is one of everyone's */
	const char *build_id, *cause, *was_configured;	/* of its row; cause NULL: it has none */
	enum managed_state state;
	bool ours, installed, managed;
	const char *version;
	int64_t version_created;	/* of the build with that version; 0: not known */
	const char *why, *short_version;
	bool offered;			/* a channel is for its person, whatever stands in it */
	const char *present;		/* the build that it has; NULL: not known */
	int64_t began;			/* when the device took the last command; 0: it has not */
	const char *status;		/* of its managed list; NULL: none */
	const char *person_id;		/* NULL: it belongs to nobody */
	bool given_up;			/* it has had its attempts */
	struct managed_older **older;	/* of its app */
};

static struct plan
plan_of(TALLOC_CTX *ctx, struct rows *rows)
{
	const char *state = rows_text(ctx, rows, 11);

	return (struct plan){ rows_text(ctx, rows, 0), rows_text(ctx, rows, 1), rows_text(ctx, rows, 2), rows_text(ctx, rows, 3),
		rows_text(ctx, rows, 5), rows_text(ctx, rows, 8), rows_bool(rows, 4), rows_bool(rows, 6), rows_bool(rows, 7),
		rows_text(ctx, rows, 9), rows_text(ctx, rows, 10), rows_text(ctx, rows, 13),
		state ? managed_state_of(state) : MANAGED_STATES, rows_bool(rows, 12), rows_bool(rows, 14), rows_bool(rows, 15),
		rows_text(ctx, rows, 16), rows_int(rows, 17), rows_text(ctx, rows, 18), rows_text(ctx, rows, 19),
		rows_bool(rows, 20), rows_text(ctx, rows, 21), rows_int(rows, 22), rows_text(ctx, rows, 23), rows_text(ctx, rows, 24),
		rows_null(rows, 25) && rows_int(rows, 26) >= MANAGED_ATTEMPTS_MAX };
}

struct target {
	const char *version, *build;
	int64_t created;
};

static bool
read_target(TALLOC_CTX *ctx, struct db *tx, const char *build_id, struct target *ret, struct err *err)
{
	struct rows *rows = db_query(ctx, tx, "SELECT version, build, created FROM build WHERE id = $1", db_text(build_id));

	if (!rows_one(rows, err, "no such build"))
		return false;
	*ret = (struct target){ rows_text(ctx, rows, 0), rows_text(ctx, rows, 1), rows_int(rows, 2) };
	rows_done(rows);
	return true;
}

/* It would be sent, or sent again. */
static bool
tries(const struct plan *p)
{
	return p->state == MANAGED_WANTED || p->state == MANAGED_QUEUED || p->state == MANAGED_FAILED || p->state == MANAGED_TIMED_OUT ||
	       (p->state == MANAGED_DECLINED && strcmp(p->cause, "required") == 0);
}

static bool
by_itself(const struct plan *p)
{
	return p->cause && managed_app_by_itself(p->cause);
}

/* It is not offered any more, or need not be there. */
static bool
not_wanted(struct db *tx, const struct plan *p, const struct rollout *r, struct err *err)
{
	if (!p->cause || (!p->able && !r->remove_on_leave) || !p->build_id || strcmp(p->cause, "admin") == 0 || p->state == MANAGED_REMOVING || p->state == MANAGED_REMOVED)
		return true;
	if (p->target && r->keep_current && strcmp(p->cause, "current") == 0)
		return true;	/* an update that failed: its row says so */
	if (tries(p) && (by_itself(p) || !(p->target || p->owner)) && !(p->ours && !p->offered && r->remove_on_leave))
		return p->ours && p->managed && p->installed ?
		       managed_app_put_end(tx, p->device_id, p->bundle_id, p->present ? p->present : p->build_id, p->cause,
					   MANAGED_INSTALLED, "", err) :
		       managed_app_forget(tx, p->device_id, p->bundle_id, err);
	if (p->offered || p->owner || !r->remove_on_leave || !(p->ours || managed_in_flight(p->state)))
		return true;
	return managed_app_put(tx, p->device_id, p->bundle_id, NULL, "required",
			       clock_now() + (p->able ? LEAVE_WAIT_S : DISABLED_WAIT_S), err);
}

/* Has the row said all there is to say of this build? */
static bool
is_settled(const struct plan *p, const char *build_id)
{
	if (!p->cause)
		return false;
	if (managed_in_flight(p->state))
		return true;
	if (p->state == MANAGED_FAILED && managed_app_unfit(p->why))
		return false;
	if (p->given_up && (p->state == MANAGED_FAILED || p->state == MANAGED_TIMED_OUT) && strcmp(p->why, "cancelled") != 0)
		return false;	/* somebody had asked for it, and now it is to be there by itself */
	if (p->required && strcmp(p->cause, "required") != 0 &&
	    (p->state == MANAGED_DECLINED || p->state == MANAGED_FAILED || p->state == MANAGED_TIMED_OUT))
		return false;	/* it was not required then */
	return p->build_id && strcmp(p->build_id, build_id) == 0 && p->state != MANAGED_INSTALLED && p->state != MANAGED_REMOVED;
}

/* Its command could not be made, and what it would say - of person, device or configuration - is another by now. */
static bool
may_be_made(TALLOC_CTX *ctx, struct db *tx, const struct plan *p, bool *ret, struct err *err)
{
	const char *now;

	*ret = false;
	if (!p->cause || p->state != MANAGED_FAILED || strcmp(p->why, "not_made") != 0)
		return true;
	if (!app_configuration_wish(ctx, tx, p->configuration, p->person_id, p->device_id, &now, err))
		return false;
	*ret = !managed_app_unmade_with(p->was_configured, now);
	return true;
}

/* An older build that was placed again goes out when that is allowed; one that was merely numbered lower does not. */
static bool
goes_back(const struct plan *p, const struct rollout *r, const struct target *t, int order, enum managed_twin twin)
{
	return r->back && p->managed && (order > 0 ? p->version_created > t->created : twin == TWIN_NEWER);
}

/* The newest is not for it yet, and it must have the app: an older one, until then. */
static bool
want_older(TALLOC_CTX *ctx, struct db *tx, const struct plan *p, const struct rollout *r, struct err *err)
{
	const char *build_id;

	if (!p->required || p->installed)
		return true;
	if (!managed_app_older(ctx, tx, p->app_id, p->device_id, r, p->older, &build_id, err))
		return false;
	/* what its owner removed comes back when its row says */
	if (!build_id || is_settled(p, build_id) || (p->cause && p->state == MANAGED_WANTED && strcmp(p->why, "owner_removed") == 0))
		return true;
	return managed_app_put(tx, p->device_id, p->bundle_id, build_id, "required", clock_now(), err);
}

static bool
want(TALLOC_CTX *ctx, struct db *tx, const struct plan *p, const struct rollout *r, bool back, bool urgent, struct err *err)
{
	const char *cause = p->required ? "required" : "current", *why;
	int64_t reached;

	if (!managed_app_fit(ctx, tx, p->device_id, p->target, &why, err))
		return false;
	if (why && p->cause && (p->state == MANAGED_INSTALLED || strcmp(why, p->why) == 0))
		return true;
	if (why)
		return managed_app_put_end(tx, p->device_id, p->bundle_id, p->target, cause, MANAGED_FAILED, why, err);
	if (!rollout_reached(tx, p->app_id, p->target, r, &reached, err))
		return false;
	if (r->paused)
		return true;
	if (!reached || (!urgent && rollout_number(p->device_id, p->target) >= reached))
		return want_older(ctx, tx, p, r, err);
	return managed_app_put(tx, p->device_id, p->bundle_id, p->target, cause, clock_now(), err) &&
	       (!back || managed_app_put_exact(tx, p->device_id, p->bundle_id, err));
}

/* What the device has, as far as it said so, is not what fits now. */
static bool
configure(TALLOC_CTX *ctx, struct db *tx, const struct plan *p, struct err *err)
{
	const struct queue_wish wish = { .kind = MANAGED_KIND_SETTING, .request_type = "Settings", .item = "ApplicationConfiguration", .subject = p->bundle_id,
		.dedupe_key = mem_printf(ctx, "%s:%s", MANAGED_KIND_SETTING, p->bundle_id), .ttl_s = MANAGED_TTL_S,
		.priority = QUEUE_PRIORITY_HOUSE, .created_by = "house" };
	enum queue_verdict verdict;
	const char *now;

	if (!p->cause || p->state != MANAGED_INSTALLED || !p->managed)
		return true;
	if (!app_configuration_wish(ctx, tx, p->configuration, p->person_id, p->device_id, &now, err))
		return false;
	if (strcmp(now, p->was_configured) == 0)
		return true;
	return queue_add(tx, ctx, &wish, &p->enrollment_id, 1, &verdict, NULL, err) &&
	       (verdict != QUEUE_NO_RIGHT || db_run(tx, err, "UPDATE managed_app SET why = 'no_right' WHERE device_id = $1"
						    " AND bundle_id = $2", db_text(p->device_id), db_text(p->bundle_id)));
}

/* It goes because its person left, and the device has not taken that yet. */
static bool
is_leaving(const struct plan *p)
{
	return p->cause && !p->build_id && strcmp(p->cause, "admin") != 0 && p->state != MANAGED_REMOVED &&
	       !(p->state == MANAGED_REMOVING && p->began);
}

/* Its person is back: it stays, and a removal that waits in the queue is refused when it is rendered. */
static bool
stays(struct db *tx, struct plan *p, struct err *err)
{
	const char *build_id = p->present ? p->present : p->target;

	p->why = "";
	if (!p->managed || !build_id) {
		p->cause = NULL;
		return managed_app_forget(tx, p->device_id, p->bundle_id, err);
	}
	p->build_id = build_id;
	p->cause = p->required ? "required" : "asked";
	p->state = MANAGED_INSTALLED;
	return managed_app_put_end(tx, p->device_id, p->bundle_id, build_id, p->cause, MANAGED_INSTALLED, "", err);
}

/* Its owner took it away, and need not have it: a newer build is no reason to bring it back. */
static bool
is_refused(const struct plan *p)
{
	return !p->required && !p->installed &&
	       ((p->cause && p->state == MANAGED_REMOVED && strcmp(p->why, "owner_removed") == 0) ||
		(p->status && strcmp(p->status, "ManagedButUninstalled") == 0));
}

/* *ends: when that stops which the target is to follow, for it outlives it and is no older; 0: it is not about that, or far away. */
static bool
find_renewal(TALLOC_CTX *ctx, struct db *tx, const struct plan *p, int64_t *ends, struct err *err)
{
	struct target t;

	*ends = 0;
	if (!p->target || !p->managed || !p->installed || !p->cause || !p->build_id || p->state == MANAGED_REMOVING)
		return true;
	if (!managed_app_renews(tx, p->device_id, p->target, ends, err))
		return false;
	if (!*ends)
		return true;
	if (!read_target(ctx, tx, p->target, &t, err))
		return false;
	if (*ends >= clock_now() + RENEWAL_ANEW_S || num_release_compare(p->short_version, p->version, t.version, t.build) > 0)
		*ends = 0;
	return true;
}

static bool
plan_wish(TALLOC_CTX *ctx, struct db *tx, const struct plan *p, const struct rollout *r, struct err *err)
{
	bool keep = p->required || (r->keep_current && p->managed && (!p->cause || p->build_id)), back, again, urgent;
	enum managed_twin twin = TWIN_THIS;
	struct target t;
	int64_t ends;
	int order;

	if (!find_renewal(ctx, tx, p, &ends, err))
		return false;
	urgent = ends && ends < clock_now() + RENEW_LAST_S;
	keep = keep || ends;
	if (!p->target || !keep)
		return not_wanted(tx, p, r, err) && configure(ctx, tx, p, err);
	if (!may_be_made(ctx, tx, p, &again, err))
		return false;
	if (!p->able || (is_settled(p, p->target) && !again) || is_refused(p))
		return true;
	if (!read_target(ctx, tx, p->target, &t, err))
		return false;
	if (!p->installed)	/* its owner removed it: the row says when it comes back */
		return p->cause && p->state == MANAGED_INSTALLED ? true : want(ctx, tx, p, r, false, false, err);
	order = num_release_compare(p->short_version, p->version, t.version, t.build);
	if (order == 0 && p->managed && !managed_app_twin(tx, p->device_id, p->target, &twin, err))
		return false;
	back = goes_back(p, r, &t, order, twin);
	if (order < 0 || back || (order == 0 && !p->managed) || twin == TWIN_OLDER)
		return want(ctx, tx, p, r, back, urgent, err);
	if (!p->cause && p->managed)	/* it was there before we were asked to see to it */
		return managed_app_put_end(tx, p->device_id, p->bundle_id, p->target, p->required ? "required" : "current", MANAGED_INSTALLED,
					   order > 0 ? "newer" : "", err);
	return configure(ctx, tx, p, err);
}

/* It is paused, and the device has not got the command: that goes back, and the row with it. */
static bool
hold(TALLOC_CTX *ctx, struct db *tx, struct plan *p, struct err *err)
{
	struct managed_app *m;
	struct enrollment *e;

	if (!managed_app_get(ctx, tx, p->device_id, p->bundle_id, &m, err) || !enrollment_get(ctx, tx, p->enrollment_id, &e, err))
		return false;
	if (m)
		p->state = MANAGED_WANTED;
	return !m || queue_hold(tx, e, m->command_uuid, "paused", err);
}

static bool
plan_one(TALLOC_CTX *ctx, struct db *tx, struct plan *p, const struct rollout *r, struct err *err)
{
	if (!p->able && r->remove_on_leave) {	/* as if they had left whomever it is for */
		p->target = NULL;
		p->offered = p->required = p->owner = false;
	}
	if (r->paused && by_itself(p) && p->state == MANAGED_QUEUED && !hold(ctx, tx, p, err))
		return false;
	return (!p->able || !(p->offered || p->owner) || !is_leaving(p) || stays(tx, p, err)) && plan_wish(ctx, tx, p, r, err);
}

/* ---- many ---- */

struct many {
	const char *app_id, *device_id, *after;
	char next[64];
};

static bool
plan_rows(TALLOC_CTX *ctx, struct db *tx, struct rows *rows, struct many *many, struct err *err)
{
	struct plan *all = mem_array(ctx, struct plan, PART);
	struct managed_older *older = NULL;
	struct rollout *r = NULL;
	enum rows_step step;
	size_t n = 0;

	while (n < PART && (step = rows_next(rows, err)) == ROWS_ROW)
		all[n++] = plan_of(ctx, rows);
	rows_done(rows);
	if (n < PART && step == ROWS_FAILED)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (!i || strcmp(all[i].app_id, all[i - 1].app_id) != 0) {
			older = NULL;
			if (!rollout_get(ctx, tx, all[i].app_id, &r, err))
				return false;
		}
		all[i].older = &older;
		if (!plan_one(ctx, tx, &all[i], r, err))
			return err_at(err, "device %s: app %s", all[i].device_id, all[i].bundle_id);
	}
	snprintf(many->next, sizeof many->next, "%s", n == PART ? many->app_id ? all[n - 1].device_id : all[n - 1].app_id : "");
	return true;
}

const char managed_app_plan_app_sql[] = "SELECT " PLAN_COLUMNS " FROM device d JOIN app a ON a.id = $1" PLAN_JOINS
	" WHERE d.id > $2 AND d.enrollment_id IS NOT NULL ORDER BY d.id LIMIT $3";

/* The same of an app that nobody must have: devices on which it is by us, or on its way. */
const char managed_app_plan_rows_sql[] = "SELECT " PLAN_COLUMNS " FROM app a JOIN managed_app x ON x.bundle_id = a.bundle_id"
	" JOIN device d ON d.id = x.device_id" PLAN_JOINS " WHERE a.id = $1 AND x.device_id > $2 AND d.enrollment_id IS NOT NULL"
	" ORDER BY x.device_id LIMIT $3";

/* Apps that somebody must have, and those that are on this device, or on their way, by us. */
const char managed_app_plan_device_sql[] = "SELECT " PLAN_COLUMNS " FROM device d JOIN app a ON a.id IN"
	" (SELECT c.app_id FROM channel c WHERE c.required UNION SELECT k.id FROM managed_app x JOIN app k ON k.bundle_id ="
	" x.bundle_id WHERE x.device_id = $1)" PLAN_JOINS " WHERE d.id = $1 AND d.enrollment_id IS NOT NULL AND a.id > $2"
	" ORDER BY a.id LIMIT $3";

/* May it be wanted where nothing of it is known? */
static bool
is_wide(TALLOC_CTX *ctx, struct db *tx, const char *app_id, bool *ret, struct err *err)
{
	struct rows *rows = db_query(ctx, tx, "SELECT EXISTS (SELECT 1 FROM channel c WHERE c.app_id = $1 AND c.required)"
				     " OR EXISTS (SELECT 1 FROM rollout o WHERE o.app_id = $1 AND o.keep_current)", db_text(app_id));

	if (!rows_one(rows, err, "no answer"))
		return false;
	*ret = rows_bool(rows, 0);
	rows_done(rows);
	return true;
}

static bool
tx_app(struct db *tx, void *arg, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct many *many = arg;
	bool wide;

	return is_wide(ctx, tx, many->app_id, &wide, err) &&
	       plan_rows(ctx, tx, db_query(ctx, tx, wide ? managed_app_plan_app_sql : managed_app_plan_rows_sql, db_text(many->app_id),
					   db_text(many->after), db_int(PART)), many, err);
}

bool
managed_app_plan_app(struct db *db, const char *app_id, const char *after, char next[64], struct err *err)
{
	struct many many = { .app_id = app_id, .after = after };

	if (!db_tx(db, tx_app, &many, err))
		return false;
	memcpy(next, many.next, sizeof many.next);
	return true;
}

static bool
tx_device(struct db *tx, void *arg, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct many *many = arg;

	return plan_rows(ctx, tx, db_query(ctx, tx, managed_app_plan_device_sql, db_text(many->device_id),
					       db_text(many->after), db_int(PART)), many, err);
}

bool
managed_app_plan_device(struct db *db, const char *device_id, struct err *err)
{
	struct many many = { .device_id = device_id };

	do {
		char after[64];

		memcpy(after, many.next, sizeof after);
		many.after = after;
		if (!db_tx(db, tx_device, &many, err))
			return false;
	} while (*many.next);
	return true;
}
