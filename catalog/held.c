/* Table `held_app`; what it says is computed here from what devices reported and what is known of builds and provisions. */
#include "catalog/held.h"
#include <string.h>

#define HELD "SELECT bb.app_bundle_id, bb.build_id, bb.path, bb.bundle_id, bb.expires, bb.certificate_expires, bb.provision_uuid," \
	" p.uuid, p.expires, ip.uuid IS NOT NULL, bb.certificate <> '', coalesce(m.brought = bb.build_id, FALSE)" \
	" FROM installed_app ia JOIN device d ON d.id = ia.device_id" \
	" JOIN build_bundle bb ON bb.app_bundle_id = ia.bundle_id AND bb.build = ia.version" \
	" AND (ia.short_version IS NULL OR bb.version = ia.short_version)" \
	" LEFT JOIN managed_app m ON m.device_id = ia.device_id AND m.bundle_id = ia.bundle_id" \
	" LEFT JOIN provision_fit f ON f.build_id = bb.build_id AND f.path = bb.path" \
	" LEFT JOIN provision p ON p.uuid = f.uuid AND p.expires > $2 AND p.file IS NOT NULL AND (p.kind = 'enterprise'" \
	" OR EXISTS (SELECT 1 FROM provision_device pd WHERE pd.uuid = p.uuid AND pd.udid = lower(d.udid)))" \
	" LEFT JOIN installed_provision ip ON ip.device_id = ia.device_id AND ip.uuid = f.uuid" \
	" WHERE ia.device_id = $1 AND ia.installed AND bb.provision_uuid <> ''" \
	" ORDER BY bb.app_bundle_id, coalesce(m.brought = bb.build_id, FALSE) DESC, EXISTS (SELECT 1 FROM provision_fit lf JOIN installed_provision x ON x.uuid = lf.uuid" \
	" AND x.device_id = ia.device_id WHERE lf.build_id = bb.build_id AND lf.path = '') DESC, bb.uploaded DESC, bb.build_id," \
	" bb.path, p.expires DESC, length(p.app_id) DESC, p.uuid"

static void
take_fit(TALLOC_CTX *ctx, struct held_bundle *b, struct rows *rows)
{
	const char *uuid = rows_text(ctx, rows, 7);
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
read_bundles(TALLOC_CTX *ctx, struct db *tx, const char *device_id, struct held *held, struct err *err)
{
	struct rows *rows = db_query(ctx, tx, HELD, db_text(device_id), db_now());
	struct held_bundle *b = NULL;
	enum rows_step step;

	while ((step = rows_next(rows, err)) == ROWS_ROW) {
		const char *app = rows_text(ctx, rows, 0), *build = rows_text(ctx, rows, 1), *path = rows_text(ctx, rows, 2);

		if (b && strcmp(b->app, app) == 0 && strcmp(b->build_id, build) != 0) {
			for (size_t i = held->bundles_n; i-- > 0 && strcmp(held->bundles[i].app, app) == 0; )
				held->bundles[i].sure = held->bundles[i].brought;
			continue;
		}
		if (!b || strcmp(b->app, app) != 0 || strcmp(b->path, path) != 0) {
			if (held->bundles_n == HELD_BUNDLES_MAX)
				continue;
			held->bundles = mem_grow(ctx, held->bundles, struct held_bundle, held->bundles_n + 1);
			b = &held->bundles[held->bundles_n++];
			*b = (struct held_bundle){ .app = app, .build_id = build, .path = path, .sure = true,
				.bundle_id = rows_text(ctx, rows, 3), .own_expires = rows_int(rows, 4),
				.certificate_expires = rows_int(rows, 5), .own = rows_text(ctx, rows, 6), .signer = rows_bool(rows, 10),
				.brought = rows_bool(rows, 11) };
		}
		take_fit(ctx, b, rows);
	}
	rows_done(rows);
	return step != ROWS_FAILED;
}

static bool
read_provisions(TALLOC_CTX *ctx, struct db *tx, const char *device_id, struct held *held, struct err *err)
{
	struct rows *rows = db_query(ctx, tx, "SELECT ip.uuid, p.app_id, p.expires FROM installed_provision ip"
		" LEFT JOIN provision p ON p.uuid = ip.uuid WHERE ip.device_id = $1 ORDER BY ip.uuid LIMIT $2",
		db_text(device_id), db_int(HELD_PROVISIONS_MAX));
	enum rows_step step;

	held->provisions = mem_array(ctx, struct held_provision, HELD_PROVISIONS_MAX);
	while ((step = rows_next(rows, err)) == ROWS_ROW)
		held->provisions[held->provisions_n++] = (struct held_provision){ rows_text(ctx, rows, 0),
										  rows_text(ctx, rows, 1), rows_int(rows, 2) };
	rows_done(rows);
	return step != ROWS_FAILED;
}

static bool
knows(const struct held *held, const char *bundle_id)
{
	for (size_t i = 0; i < held->bundles_n; i++)
		if (strcmp(held->bundles[i].app, bundle_id) == 0)
			return true;
	return false;
}

static bool
read_unknown(TALLOC_CTX *ctx, struct db *tx, const char *device_id, struct held *held, struct err *err)
{
	struct rows *rows = db_query(ctx, tx, "SELECT bundle_id FROM installed_app WHERE device_id = $1 ORDER BY bundle_id",
				     db_text(device_id));
	enum rows_step step;

	while ((step = rows_next(rows, err)) == ROWS_ROW) {
		const char *bundle_id = rows_text(ctx, rows, 0);

		if (knows(held, bundle_id))
			continue;
		held->unknown = mem_grow(ctx, held->unknown, const char *, held->unknown_n + 1);
		held->unknown[held->unknown_n++] = bundle_id;
	}
	rows_done(rows);
	return step != ROWS_FAILED;
}

bool
held_lists(const struct held *held, const char *uuid)
{
	for (size_t i = 0; i < held->provisions_n; i++)
		if (strcmp(held->provisions[i].uuid, uuid) == 0)
			return true;
	return false;
}

/* Until when it runs by what is on the device. */
static void
cover(const struct held *held, struct held_bundle *b)
{
	b->cover = b->listed[0];
	b->cover_uuid = b->listed_uuid[0] ? b->listed_uuid[0] : b->own;
	if (b->own_expires > b->cover && (b->sure || held_lists(held, b->own))) {
		b->cover = b->own_expires;
		b->cover_uuid = b->own;
	}
}

static struct held_app
app_of(const struct held_bundle *bundles, size_t n)
{
	struct held_app app = { bundles, bundles, n, INT64_MAX, INT64_MAX, 0 };

	for (const struct held_bundle *b = bundles; b < bundles + n; b++) {
		int64_t better = b->best > b->cover ? b->best : b->cover;

		if (b->cover < app.ends) {
			app.ends = b->cover;
			app.first = b;
		}
		if (better < app.next)
			app.next = better;
		if (b->certificate_expires && (!app.certificate || b->certificate_expires < app.certificate))
			app.certificate = b->certificate_expires;
	}
	return app;
}

static void
make_apps(TALLOC_CTX *ctx, struct held *held)
{
	for (size_t from = 0, to; from < held->bundles_n; from = to) {
		for (to = from; to < held->bundles_n && strcmp(held->bundles[to].app, held->bundles[from].app) == 0; to++)
			cover(held, &held->bundles[to]);
		held->apps = mem_grow(ctx, held->apps, struct held_app, held->apps_n + 1);
		held->apps[held->apps_n++] = app_of(&held->bundles[from], to - from);
	}
}

bool
held_read(TALLOC_CTX *ctx, struct db *tx, const char *device_id, struct held *ret, struct err *err)
{
	struct held held = { 0 };

	if (!read_bundles(ctx, tx, device_id, &held, err) || !read_provisions(ctx, tx, device_id, &held, err) ||
	    !read_unknown(ctx, tx, device_id, &held, err))
		return false;
	make_apps(ctx, &held);
	*ret = held;
	return true;
}

static bool
keep_app(struct db *tx, const char *device_id, const struct held_app *app, struct err *err)
{
	bool by_certificate = app->certificate && app->certificate <= app->ends;

	return db_run(tx, err, "INSERT INTO held_app (device_id, bundle_id, build_id, ends, cause, uuid, path, next) VALUES ($1, $2,"
		      " $3, $4, $5, $6, $7, $8)", db_text(device_id), db_text(app->first->app), db_text(app->first->build_id),
		      db_int(by_certificate ? app->certificate : app->ends), db_text(by_certificate ? "certificate" : "provision"),
		      db_text(app->first->cover_uuid), db_text(app->first->path),
		      db_int(app->certificate && app->certificate < app->next ? app->certificate : app->next));
}

bool
held_keep(struct db *tx, const char *device_id, const struct held *held, struct err *err)
{
	if (!held_forget(tx, device_id, err))
		return false;
	for (size_t i = 0; i < held->apps_n; i++)
		if (!keep_app(tx, device_id, &held->apps[i], err))
			return false;
	return true;
}

bool
held_forget(struct db *tx, const char *device_id, struct err *err)
{
	return db_run(tx, err, "DELETE FROM held_app WHERE device_id = $1", db_text(device_id));
}
