/* Table `renewal`: which rows there are to be, by what each device has (catalog/held.h). */
#include "catalog/renewal.h"
#include "catalog/held.h"
#include "catalog/managed_app.h"
#include "core/clock.h"
#include "core/job.h"
#include "ipa/provision.h"
#include "mdm/command_send.h"
#include <string.h>

struct plan {
	TALLOC_CTX *ctx;
	struct db *tx;
	const char *device_id;
	struct held held;
	const char **wanted;		/* uuids that are to be installed */
	size_t wanted_n;
	bool fresh;			/* something new waits for a wave */
	bool user;			/* a user enrollment: of the person's own apps it tells nothing */
};

/* ---- what is to come ---- */

static bool
is_wanted(const struct plan *plan, const char *uuid)
{
	for (size_t i = 0; i < plan->wanted_n; i++)
		if (strcmp(plan->wanted[i], uuid) == 0)
			return true;
	return false;
}

static bool
want(struct plan *plan, const char *uuid, int64_t ends, struct err *err)
{
	bool fresh;

	if (!renewal_want(plan->tx, plan->device_id, uuid, "install", ends, &fresh, err))
		return false;
	plan->fresh = plan->fresh || fresh;
	if (is_wanted(plan, uuid))
		return true;
	plan->wanted = mem_grow(plan->ctx, plan->wanted, const char *, plan->wanted_n + 1);
	plan->wanted[plan->wanted_n++] = uuid;
	return true;
}

/* No provision helps, and a build that outlives it is placed: near the end the plan of apps says whether it goes there. */
static bool
plan_anew(struct plan *plan, const struct held_app *app, struct err *err)
{
	struct rows *rows;
	enum rows_step step;

	if ((app->certificate && app->certificate < app->ends ? app->certificate : app->ends) >= clock_now() + RENEWAL_ANEW_S)
		return true;
	rows = db_query(plan->ctx, plan->tx, "SELECT 1 FROM held_app h JOIN build_bundle t ON t.build_id = h.build_id AND t.path = ''"
		" JOIN app a ON a.bundle_id = t.app_bundle_id JOIN channel c ON c.app_id = a.id JOIN build_bundle o ON o.build_id ="
		" c.newest_build_id AND o.path = '' AND o.build_id <> t.build_id AND (o.uploaded > t.uploaded OR o.build <> t.build"
		" OR o.version <> t.version) WHERE h.device_id = $1 AND h.bundle_id = $2 AND " RENEWAL_LASTS("o.build_id", "h.device_id", RENEWAL_LONGER) " LIMIT 1",
		db_text(plan->device_id), db_text(app->first->app));
	step = rows_next(rows, err);
	rows_done(rows);
	return step == ROWS_ROW ? managed_app_device_unhurried(plan->tx, plan->device_id, err) : step == ROWS_END;
}

static bool
plan_app(struct plan *plan, const struct held_app *app, struct err *err)
{
	int64_t now = clock_now();
	bool half = app->ends < now + RENEWAL_LAST_S;

	if (app->certificate && (app->certificate <= app->ends || app->certificate <= now))
		return plan_anew(plan, app, err);	/* no provision helps (MUST 67) */
	if (app->next < app->ends + RENEWAL_BETTER_S && !plan_anew(plan, app, err))
		return false;
	if (app->next < app->ends + RENEWAL_BETTER_S && !half)
		return true;
	for (const struct held_bundle *b = app->bundles; b < app->bundles + app->n; b++)
		if (b->best_uuid && b->best >= b->cover + RENEWAL_BETTER_S && !held_lists(&plan->held, b->best_uuid) &&
		    !want(plan, b->best_uuid, app->ends, err))
			return false;
	return true;
}

static bool
plan_apps(struct plan *plan, struct err *err)
{
	for (size_t i = 0; i < plan->held.apps_n; i++)
		if (!plan_app(plan, &plan->held.apps[i], err))
			return false;
	return true;
}

/* ---- what may go ---- */

/* An app of which we know nothing else may hold extensions, whose ids begin with its own. */
static bool
may_need(const struct held_provision *old, const char *bundle_id)
{
	const struct provision covers = { .app_id = old->app_id };
	const char *pattern = strchr(old->app_id, '.');
	size_t len = strlen(bundle_id);

	return provision_covers(&covers, bundle_id) || !pattern ||
	       (strncmp(pattern + 1, bundle_id, len) == 0 && pattern[1 + len] == '.');
}

/* Another one that fits the bundle is there, and lasts longer. */
static bool
is_followed(const struct held_bundle *b, const struct held_provision *old)
{
	int other = b->listed_uuid[0] && strcmp(b->listed_uuid[0], old->uuid) == 0;

	return b->sure && b->listed_uuid[other] && b->listed[other] > old->expires;
}

/*
 * How a device compares is not documented.  So while it is valid it stays until what follows it is known to fit, and
 * no other part of that app ends before it either: the set is whole.
 */
static bool
app_is_followed(const struct held_app *app, const struct held_provision *old)
{
	const struct provision covers = { .app_id = old->app_id };

	for (const struct held_bundle *b = app->bundles; b < app->bundles + app->n; b++)
		if (!b->signer || !(provision_covers(&covers, b->bundle_id) ? is_followed(b, old) : b->cover > old->expires))
			return false;
	return true;
}

/* Every bundle of the app that it covers has another one there that fits and lasts longer; a valid one asks for more. */
static bool
app_lets_go(const struct held_app *app, const struct held_provision *old, bool *covered)
{
	const struct provision covers = { .app_id = old->app_id };

	for (const struct held_bundle *b = app->bundles; b < app->bundles + app->n; b++) {
		if (!provision_covers(&covers, b->bundle_id))
			continue;
		if (!is_followed(b, old) || (old->expires > clock_now() && !app_is_followed(app, old)))
			return false;
		*covered = true;
	}
	return true;
}

static bool
may_go(const struct held *held, const struct held_provision *old)
{
	bool covered = false;

	for (size_t i = 0; i < held->unknown_n; i++)
		if (may_need(old, held->unknown[i]))
			return false;
	for (size_t i = 0; i < held->apps_n; i++)
		if (!app_lets_go(&held->apps[i], old, &covered))
			return false;
	return covered || old->expires <= clock_now();
}

/* The list of apps by which that is judged must be of today. */
static bool
apps_are_fresh(struct plan *plan, bool *ret, struct err *err)
{
	struct rows *rows = db_query(plan->ctx, plan->tx, "SELECT whole FROM device_report WHERE device_id = $1"
				     " AND request_type = 'InstalledApplicationList'", db_text(plan->device_id));
	enum rows_step step = rows_next(rows, err);

	*ret = step == ROWS_ROW && rows_int(rows, 0) >= clock_now() - RENEWAL_FRESH_S && rows_int(rows, 0) <= clock_now();
	rows_done(rows);
	return step != ROWS_FAILED;
}

static bool
ask_for_apps(struct plan *plan, struct err *err)
{
	struct enrollment *enrollment;

	return enrollment_of_device(plan->ctx, plan->tx, plan->device_id, &enrollment, err) &&
	       command_refresh_after(plan->tx, enrollment, "InstallApplication", err);
}

static bool
plan_removals(struct plan *plan, struct err *err)
{
	const struct held *held = &plan->held;
	bool fresh, stale = false;

	if (plan->user)
		return db_run(plan->tx, err, "DELETE FROM renewal WHERE device_id = $1 AND action = 'remove' AND state IN ('wanted',"
			      " 'failed')", db_text(plan->device_id));
	if (!apps_are_fresh(plan, &fresh, err))
		return false;
	for (size_t i = 0; i < held->provisions_n; i++) {
		const struct held_provision *old = &held->provisions[i];
		bool goes = old->app_id && may_go(held, old), added = false;

		stale = stale || (goes && !fresh);
		if (goes && fresh && !renewal_want(plan->tx, plan->device_id, old->uuid, "remove", 0, &added, err))
			return false;
		plan->fresh = plan->fresh || added;
		if (!goes && !db_run(plan->tx, err, "DELETE FROM renewal WHERE device_id = $1 AND uuid = $2 AND action = 'remove'"
				     " AND state IN ('wanted', 'failed')", db_text(plan->device_id), db_text(old->uuid)))
			return false;
	}
	return !stale || ask_for_apps(plan, err);
}

/* ---- what was planned before ---- */

/* By the lists: what was to come is there, what was to go is gone. */
static bool
settle(struct plan *plan, struct err *err)
{
	return db_run(plan->tx, err, "UPDATE renewal SET state = 'done', why = '', due = NULL, changed = $1 WHERE device_id = $2"
		      " AND action = 'install' AND state <> 'done' AND EXISTS (SELECT 1 FROM installed_provision ip WHERE"
		      " ip.device_id = renewal.device_id AND ip.uuid = renewal.uuid)", db_now(), db_text(plan->device_id)) &&
	       db_run(plan->tx, err, "UPDATE renewal SET state = 'done', why = '', due = NULL, changed = $1 WHERE device_id = $2"
		      " AND action = 'remove' AND state <> 'done' AND NOT EXISTS (SELECT 1 FROM installed_provision ip WHERE"
		      " ip.device_id = renewal.device_id AND ip.uuid = renewal.uuid)", db_now(), db_text(plan->device_id));
}

/* Not sent yet and not wanted any more: something better has come, or the app is gone. */
static bool
drop_unwanted(struct plan *plan, struct err *err)
{
	struct rows *rows = db_query(plan->ctx, plan->tx, "SELECT uuid FROM renewal WHERE device_id = $1 AND action = 'install'"
				     " AND state IN ('wanted', 'failed')", db_text(plan->device_id));
	const char **uuids;
	size_t n;

	if (!rows_texts(plan->ctx, rows, &uuids, &n, err))
		return false;
	for (size_t i = 0; i < n; i++)
		if (!is_wanted(plan, uuids[i]) &&
		    !db_run(plan->tx, err, "DELETE FROM renewal WHERE device_id = $1 AND uuid = $2 AND action = 'install'",
			    db_text(plan->device_id), db_text(uuids[i])))
			return false;
	return true;
}

static bool
is_managed(struct plan *plan, bool *ret, struct err *err)
{
	struct rows *rows = db_query(plan->ctx, plan->tx, "SELECT e.kind = 'user' FROM device d JOIN enrollment e ON e.id ="
				     " d.enrollment_id WHERE d.id = $1 AND e.state = 'enrolled'", db_text(plan->device_id));
	enum rows_step step = rows_next(rows, err);

	*ret = step == ROWS_ROW;
	plan->user = *ret && rows_bool(rows, 0);
	rows_done(rows);
	return step != ROWS_FAILED;
}

/* It has left management: nothing can be brought there, and what it holds is not known any more. */
static bool
forget(struct plan *plan, struct err *err)
{
	return held_forget(plan->tx, plan->device_id, err) &&
	       db_run(plan->tx, err, "DELETE FROM renewal WHERE device_id = $1", db_text(plan->device_id));
}

bool
renewal_device(struct db *tx, const char *device_id, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct plan plan = { .ctx = ctx, .tx = tx, .device_id = device_id };
	bool managed;

	if (!is_managed(&plan, &managed, err))
		return false;
	if (!managed)
		return forget(&plan, err);
	if (!held_read(ctx, tx, device_id, &plan.held, err) || !held_keep(tx, device_id, &plan.held, err) || !settle(&plan, err) ||
	    !plan_apps(&plan, err) || !drop_unwanted(&plan, err) || !plan_removals(&plan, err))
		return err_at(err, "provisions of device %s", device_id);
	return !plan.fresh || job_add(tx, RENEWAL_WAVE_JOB, json_object(), clock_now() + RENEWAL_GATHER_S, RENEWAL_WAVE_JOB, err);
}

/* ---- many devices ---- */

struct batch {
	TALLOC_CTX *ctx;
	const char *bundle_id, *after;
	char *next;
};

/* Those that hold the app, and those that held it when they were looked at last. */
static bool
tx_batch(struct db *tx, void *arg, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct batch *b = arg;
	struct rows *rows = db_query(ctx, tx, "SELECT d.id FROM device d WHERE d.id > $1 AND ((EXISTS (SELECT 1 FROM installed_app ia"
		" WHERE ia.device_id = d.id AND (ia.bundle_id = $2 OR ($2 = '' AND EXISTS (SELECT 1 FROM build_bundle bb WHERE"
		" bb.app_bundle_id = ia.bundle_id))))) OR EXISTS (SELECT 1 FROM held_app h WHERE h.device_id = d.id"
		" AND (h.bundle_id = $2 OR $2 = ''))) ORDER BY d.id LIMIT $3", db_text(b->after), db_text(b->bundle_id),
		db_int(RENEWAL_BATCH));
	const char **ids;
	size_t n;

	if (!rows_texts(ctx, rows, &ids, &n, err))
		return false;
	for (size_t i = 0; i < n; i++)
		if (!renewal_device(tx, ids[i], err))
			return false;
	b->next = mem_text(b->ctx, n == RENEWAL_BATCH ? ids[n - 1] : "");
	return true;
}

bool
renewal_plan(TALLOC_CTX *ctx, struct db *db, const char *bundle_id, const char *after, char **next, struct err *err)
{
	struct batch b = { ctx, bundle_id, after, NULL };

	if (!db_tx(db, tx_batch, &b, err))
		return err_at(err, "plan of renewals");
	*next = b.next;
	return true;
}

bool
renewal_plan_fits(struct db *tx, const char *uuid, const char *build_id, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, tx, "SELECT DISTINCT bb.app_bundle_id FROM build_bundle bb LEFT JOIN provision_fit f"
		" ON f.build_id = bb.build_id AND f.path = bb.path WHERE bb.build_id = $1 OR f.uuid = $2 OR f.uuid IN (SELECT"
		" x.provision_uuid FROM build_bundle x WHERE x.build_id = $1)", db_text(build_id ? build_id : ""),
		db_text(uuid ? uuid : ""));
	const char **apps;
	size_t n;

	if (!rows_texts(ctx, rows, &apps, &n, err))
		return false;
	for (size_t i = 0; i < n; i++)
		if (!job_add(tx, RENEWAL_PLAN_JOB, json_pack("{s:s, s:s}", "app", apps[i], "after", ""), 0, apps[i], err) ||
		    !managed_app_provided(tx, apps[i], err))
			return false;
	return true;
}
