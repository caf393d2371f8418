/*
 * Tables `held_app` and `renewal`: what a device has, and what is to be done.
 *
 * Which build an installed app is, is told by its two version numbers; where several builds have the same (one signed
 * anew, say), by the provisions that the device lists, and then the embedded provision counts only when it is listed,
 * too: what cannot be told is taken for the worse.
 */
#include "catalog/managed_app.h"
#include "catalog/renewal.h"
#include "core/clock.h"
#include "core/job.h"
#include "ipa/provision.h"
#include "mdm/command_send.h"
#include <string.h>

#define BUNDLES_MAX	2000	/* on one device; what is beyond is left alone */
#define LISTED_MAX	1000

/* The app, or an extension or watch app in it, on this device. */
struct bundle {
	const char *app, *build_id, *path, *bundle_id, *own;
	int64_t own_expires, certificate_expires;
	bool sure;			/* no other build has these numbers */
	bool signer;			/* its executable says who signed it: what fits is known, not guessed */
	int64_t cover, best;		/* until when by what is there; by the best that fits */
	const char *cover_uuid, *best_uuid;
	int64_t listed[2];		/* the two that last longest of those that are there and fit */
	const char *listed_uuid[2];
};

struct listed {
	const char *uuid, *app_id;	/* app_id NULL: we do not know it */
	int64_t expires;
};

struct plan {
	TALLOC_CTX *ctx;
	struct db *tx;
	const char *device_id;
	struct bundle *bundles;
	struct listed *listed;
	const char **unknown;		/* bundle ids of apps whose insides we do not know */
	size_t bundles_n, listed_n, unknown_n;
	const char **wanted;		/* uuids that are to be installed */
	size_t wanted_n;
	bool fresh;			/* something new waits for a wave */
	bool user;			/* a user enrollment: of the person's own apps it tells nothing */
};

/* ---- what is there ---- */

#define HELD "SELECT bb.app_bundle_id, bb.build_id, bb.path, bb.bundle_id, bb.expires, bb.certificate_expires, bb.provision_uuid," \
	" p.uuid, p.expires, ip.uuid IS NOT NULL, bb.certificate <> ''" \
	" FROM installed_app ia JOIN device d ON d.id = ia.device_id" \
	" JOIN build_bundle bb ON bb.app_bundle_id = ia.bundle_id AND bb.build = ia.version" \
	" AND (ia.short_version IS NULL OR bb.version = ia.short_version)" \
	" LEFT JOIN provision_fit f ON f.build_id = bb.build_id AND f.path = bb.path" \
	" LEFT JOIN provision p ON p.uuid = f.uuid AND p.expires > $2 AND p.file IS NOT NULL AND (p.kind = 'enterprise'" \
	" OR EXISTS (SELECT 1 FROM provision_device pd WHERE pd.uuid = p.uuid AND pd.udid = lower(d.udid)))" \
	" LEFT JOIN installed_provision ip ON ip.device_id = ia.device_id AND ip.uuid = f.uuid" \
	" WHERE ia.device_id = $1 AND ia.installed AND bb.provision_uuid <> ''" \
	" ORDER BY bb.app_bundle_id, EXISTS (SELECT 1 FROM provision_fit lf JOIN installed_provision x ON x.uuid = lf.uuid" \
	" AND x.device_id = ia.device_id WHERE lf.build_id = bb.build_id AND lf.path = '') DESC, bb.uploaded DESC, bb.build_id," \
	" bb.path, p.expires DESC, length(p.app_id) DESC, p.uuid"

static void
take_fit(struct plan *plan, struct bundle *b, struct rows *rows)
{
	const char *uuid = rows_text(plan->ctx, rows, 7);
	int64_t expires = rows_int(rows, 8);
	bool there = rows_bool(rows, 9);

	if (!uuid)
		return;
	if (expires > b->best) {
		b->best = expires;
		b->best_uuid = uuid;
	}
	for (int i = 0; there && i < 2; i++)
		if (!b->listed_uuid[i]) {	/* they come by their end, the last one first */
			b->listed[i] = expires;
			b->listed_uuid[i] = uuid;
			break;
		}
}

static bool
read_bundles(struct plan *plan, struct err *err)
{
	struct rows *rows = db_query(plan->ctx, plan->tx, HELD, db_text(plan->device_id), db_now());
	struct bundle *b = NULL;
	enum rows_step step;

	while ((step = rows_next(rows, err)) == ROWS_ROW) {
		const char *app = rows_text(plan->ctx, rows, 0), *build = rows_text(plan->ctx, rows, 1);
		const char *path = rows_text(plan->ctx, rows, 2);

		if (b && strcmp(b->app, app) == 0 && strcmp(b->build_id, build) != 0) {
			for (size_t i = plan->bundles_n; i-- > 0 && strcmp(plan->bundles[i].app, app) == 0; )
				plan->bundles[i].sure = false;
			continue;
		}
		if (!b || strcmp(b->app, app) != 0 || strcmp(b->path, path) != 0) {
			if (plan->bundles_n == BUNDLES_MAX)
				continue;
			plan->bundles = mem_grow(plan->ctx, plan->bundles, struct bundle, plan->bundles_n + 1);
			b = &plan->bundles[plan->bundles_n++];
			*b = (struct bundle){ .app = app, .build_id = build, .path = path, .sure = true,
				.bundle_id = rows_text(plan->ctx, rows, 3), .own_expires = rows_int(rows, 4),
				.certificate_expires = rows_int(rows, 5), .own = rows_text(plan->ctx, rows, 6), .signer = rows_bool(rows, 10) };
		}
		take_fit(plan, b, rows);
	}
	rows_done(rows);
	return step != ROWS_FAILED;
}

static bool
read_listed(struct plan *plan, struct err *err)
{
	struct rows *rows = db_query(plan->ctx, plan->tx, "SELECT ip.uuid, p.app_id, p.expires FROM installed_provision ip"
		" LEFT JOIN provision p ON p.uuid = ip.uuid WHERE ip.device_id = $1 ORDER BY ip.uuid LIMIT $2",
		db_text(plan->device_id), db_int(LISTED_MAX));
	enum rows_step step;

	plan->listed = mem_array(plan->ctx, struct listed, LISTED_MAX);
	while ((step = rows_next(rows, err)) == ROWS_ROW)
		plan->listed[plan->listed_n++] = (struct listed){ rows_text(plan->ctx, rows, 0), rows_text(plan->ctx, rows, 1),
								  rows_int(rows, 2) };
	rows_done(rows);
	return step != ROWS_FAILED;
}

static bool
knows(const struct plan *plan, const char *bundle_id)
{
	for (size_t i = 0; i < plan->bundles_n; i++)
		if (strcmp(plan->bundles[i].app, bundle_id) == 0)
			return true;
	return false;
}

static bool
read_unknown(struct plan *plan, struct err *err)
{
	struct rows *rows = db_query(plan->ctx, plan->tx, "SELECT bundle_id FROM installed_app WHERE device_id = $1 ORDER BY bundle_id",
				     db_text(plan->device_id));
	enum rows_step step;

	while ((step = rows_next(rows, err)) == ROWS_ROW) {
		const char *bundle_id = rows_text(plan->ctx, rows, 0);

		if (knows(plan, bundle_id))
			continue;
		plan->unknown = mem_grow(plan->ctx, plan->unknown, const char *, plan->unknown_n + 1);
		plan->unknown[plan->unknown_n++] = bundle_id;
	}
	rows_done(rows);
	return step != ROWS_FAILED;
}

static bool
is_listed(const struct plan *plan, const char *uuid)
{
	for (size_t i = 0; i < plan->listed_n; i++)
		if (strcmp(plan->listed[i].uuid, uuid) == 0)
			return true;
	return false;
}

/* Until when it runs by what is on the device. */
static void
cover(const struct plan *plan, struct bundle *b)
{
	b->cover = b->listed[0];
	b->cover_uuid = b->listed_uuid[0] ? b->listed_uuid[0] : b->own;
	if (b->own_expires > b->cover && (b->sure || is_listed(plan, b->own))) {
		b->cover = b->own_expires;
		b->cover_uuid = b->own;
	}
}

/* ---- what it holds, and what is to come ---- */

static bool
want(struct plan *plan, const char *uuid, int64_t ends, struct err *err)
{
	bool fresh;

	if (!renewal_want(plan->tx, plan->device_id, uuid, "install", ends, &fresh, err))
		return false;
	plan->fresh = plan->fresh || fresh;
	for (size_t i = 0; i < plan->wanted_n; i++)
		if (strcmp(plan->wanted[i], uuid) == 0)
			return true;
	plan->wanted = mem_grow(plan->ctx, plan->wanted, const char *, plan->wanted_n + 1);
	plan->wanted[plan->wanted_n++] = uuid;
	return true;
}

static bool
put_held(struct plan *plan, const struct bundle *first, int64_t ends, int64_t next, int64_t certificate, struct err *err)
{
	bool by_certificate = certificate && certificate < ends;

	return db_run(plan->tx, err, "INSERT INTO held_app (device_id, bundle_id, build_id, ends, cause, uuid, path, next) VALUES ($1, $2,"
		      " $3, $4, $5, $6, $7, $8)", db_text(plan->device_id), db_text(first->app), db_text(first->build_id),
		      db_int(by_certificate ? certificate : ends), db_text(by_certificate ? "certificate" : "provision"),
		      db_text(first->cover_uuid), db_text(first->path), db_int(certificate && certificate < next ? certificate : next));
}

/* The bundles of one app: [from, to). */
static bool
plan_app(struct plan *plan, size_t from, size_t to, struct err *err)
{
	const struct bundle *first = &plan->bundles[from];
	int64_t ends = INT64_MAX, next = INT64_MAX, certificate = 0, now = clock_now();
	bool half;

	for (size_t i = from; i < to; i++) {
		struct bundle *b = &plan->bundles[i];
		int64_t better = b->best > b->cover ? b->best : b->cover;

		if (b->cover < ends) {
			ends = b->cover;
			first = b;
		}
		if (better < next)
			next = better;
		if (b->certificate_expires && (!certificate || b->certificate_expires < certificate))
			certificate = b->certificate_expires;
	}
	half = ends < now + RENEWAL_LAST_S;
	if (!put_held(plan, first, ends, next, certificate, err))
		return false;
	if (certificate && (certificate <= ends || certificate <= now))
		return true;	/* no provision helps: the app has to be signed anew (MUST 67) */
	if (next < ends + RENEWAL_BETTER_S && !half)
		return true;
	for (size_t i = from; i < to; i++) {
		const struct bundle *b = &plan->bundles[i];

		if (b->best_uuid && b->best >= b->cover + RENEWAL_BETTER_S && !is_listed(plan, b->best_uuid) &&
		    !want(plan, b->best_uuid, ends, err))
			return false;
	}
	return true;
}

static bool
plan_apps(struct plan *plan, struct err *err)
{
	if (!db_run(plan->tx, err, "DELETE FROM held_app WHERE device_id = $1", db_text(plan->device_id)))
		return false;
	for (size_t from = 0, to; from < plan->bundles_n; from = to) {
		for (to = from; to < plan->bundles_n && strcmp(plan->bundles[to].app, plan->bundles[from].app) == 0; to++)
			cover(plan, &plan->bundles[to]);
		if (!plan_app(plan, from, to, err))
			return false;
	}
	return true;
}

/* ---- what may go ---- */

/* An app of which we know nothing else may hold extensions, whose ids begin with its own. */
static bool
may_need(const struct listed *old, const char *bundle_id)
{
	const struct provision covers = { .app_id = old->app_id };
	const char *pattern = strchr(old->app_id, '.');
	size_t len = strlen(bundle_id);

	return provision_covers(&covers, bundle_id) || !pattern ||
	       (strncmp(pattern + 1, bundle_id, len) == 0 && pattern[1 + len] == '.');
}

/* Another one that fits the bundle is there, and lasts longer. */
static bool
is_followed(const struct bundle *b, const struct listed *old)
{
	int other = b->listed_uuid[0] && strcmp(b->listed_uuid[0], old->uuid) == 0;

	return b->sure && b->listed_uuid[other] && b->listed[other] > old->expires;
}

/*
 * How a device compares is not documented.  So while it is valid it stays until what follows it is known to fit, and
 * no other part of that app ends before it either: the set is whole.
 */
static bool
app_is_followed(const struct plan *plan, const char *app, const struct listed *old)
{
	const struct provision covers = { .app_id = old->app_id };

	for (size_t i = 0; i < plan->bundles_n; i++) {
		const struct bundle *b = &plan->bundles[i];

		if (strcmp(b->app, app) == 0 &&
		    (!b->signer || !(provision_covers(&covers, b->bundle_id) ? is_followed(b, old) : b->cover > old->expires)))
			return false;
	}
	return true;
}

/* Every bundle that it covers has another one there that fits and lasts longer; a valid one asks for more. */
static bool
may_go(const struct plan *plan, const struct listed *old)
{
	const struct provision covers = { .app_id = old->app_id };
	bool followed = false;

	for (size_t i = 0; i < plan->unknown_n; i++)
		if (may_need(old, plan->unknown[i]))
			return false;
	for (size_t i = 0; i < plan->bundles_n; i++) {
		const struct bundle *b = &plan->bundles[i];

		if (!provision_covers(&covers, b->bundle_id))
			continue;
		if (!is_followed(b, old) || (old->expires > clock_now() && !app_is_followed(plan, b->app, old)))
			return false;
		followed = true;
	}
	return followed || old->expires <= clock_now();
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
	bool fresh, stale = false;

	if (plan->user)
		return db_run(plan->tx, err, "DELETE FROM renewal WHERE device_id = $1 AND action = 'remove' AND state IN ('wanted',"
			      " 'failed')", db_text(plan->device_id));
	if (!apps_are_fresh(plan, &fresh, err))
		return false;
	for (size_t i = 0; i < plan->listed_n; i++) {
		const struct listed *old = &plan->listed[i];
		bool goes = old->app_id && may_go(plan, old), added = false;

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
	const char **drop = NULL;
	enum rows_step step;
	size_t n = 0;

	while ((step = rows_next(rows, err)) == ROWS_ROW) {
		const char *uuid = rows_text(plan->ctx, rows, 0);
		bool wanted = false;

		for (size_t i = 0; i < plan->wanted_n; i++)
			wanted = wanted || strcmp(plan->wanted[i], uuid) == 0;
		if (wanted)
			continue;
		drop = mem_grow(plan->ctx, drop, const char *, n + 1);
		drop[n++] = uuid;
	}
	rows_done(rows);
	for (size_t i = 0; step != ROWS_FAILED && i < n; i++)
		if (!db_run(plan->tx, err, "DELETE FROM renewal WHERE device_id = $1 AND uuid = $2 AND action = 'install'",
			    db_text(plan->device_id), db_text(drop[i])))
			return false;
	return step != ROWS_FAILED;
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
	return db_run(plan->tx, err, "DELETE FROM held_app WHERE device_id = $1", db_text(plan->device_id)) &&
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
	if (!read_bundles(&plan, err) || !read_listed(&plan, err) || !read_unknown(&plan, err) || !settle(&plan, err) ||
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
	const char *ids[RENEWAL_BATCH];
	enum rows_step step;
	size_t n = 0;

	while ((step = rows_next(rows, err)) == ROWS_ROW)
		ids[n++] = rows_text(ctx, rows, 0);
	rows_done(rows);
	if (step == ROWS_FAILED)
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
	const char **apps = NULL;
	enum rows_step step;
	size_t n = 0;

	while ((step = rows_next(rows, err)) == ROWS_ROW) {
		apps = mem_grow(ctx, apps, const char *, n + 1);
		apps[n++] = rows_text(ctx, rows, 0);
	}
	rows_done(rows);
	for (size_t i = 0; step != ROWS_FAILED && i < n; i++)
		if (!job_add(tx, RENEWAL_PLAN_JOB, json_pack("{s:s, s:s}", "app", apps[i], "after", ""), 0, apps[i], err) ||
		    !managed_app_provided(tx, apps[i], err))
			return false;
	return step != ROWS_FAILED;
}
