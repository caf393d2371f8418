/* Table `provision`, for whoever looks. */
#include "catalog/cursor.h"
#include "catalog/provision_keep.h"
#include "catalog/rows.h"
#include "core/clock.h"
#include "core/json.h"
#include "ipa/fit.h"
#include "ipa/provision.h"
#include <string.h>

bool
provision_file(TALLOC_CTX *ctx, struct db *db, const char *uuid, struct bytes *ret, struct err *err)
{
	struct rows *rows = db_query(ctx, db, "SELECT file FROM provision WHERE uuid = $1 AND file IS NOT NULL", db_text(uuid));

	if (!rows_one(rows, err, "no such provision"))
		return false;
	*ret = rows_bytes(ctx, rows, 0);
	rows_done(rows);
	return true;
}

/* ---- lists ---- */

/* They may change an app that it is for, have uploaded it, or keep the house. */
#define SEES "(CAST($1 AS BOOLEAN) OR (CAST($3 AS TEXT) IS NULL AND (EXISTS (SELECT 1 FROM person v WHERE v.id = $2" \
	" AND NOT v.disabled AND v.role = 'admin') OR p.person_id = $2)) OR EXISTS (SELECT 1 FROM provision_fit f JOIN" \
	" build_bundle bb ON bb.build_id = f.build_id AND bb.path = f.path JOIN app a ON a.bundle_id = bb.app_bundle_id" \
	" WHERE f.uuid = p.uuid AND " VIEWER_OWNS "))"

#define ON_THE_WAY(states) "(SELECT count(*) FROM renewal r WHERE r.uuid = p.uuid AND r.action = 'install' AND r.state IN (" states "))"
#define ITEM "SELECT p.uuid, p.name, p.kind, p.team_id, p.app_id, p.expires, p.created, p.source, w.name, p.facts," \
	" (SELECT count(*) FROM installed_provision ip JOIN device d ON d.id = ip.device_id JOIN enrollment e ON" \
	" e.id = d.enrollment_id AND e.state = 'enrolled' WHERE ip.uuid = p.uuid), " \
	ON_THE_WAY("'wanted', 'sent', 'acknowledged'") ", " ON_THE_WAY("'failed'") \
	", z.actor, z.at FROM provision p LEFT JOIN person w ON w.id = p.person_id LEFT JOIN renewal_pause z ON z.uuid = p.uuid"

static json_t *
item_of(TALLOC_CTX *ctx, struct rows *rows)
{
	json_t *facts = json_loads(rows_text(ctx, rows, 9), 0, NULL), *list = json_object_get(facts, "certificates");
	json_t *item = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s?, s:O?, s:O?, s:I, s:I, s:I}", "uuid", rows_text(ctx, rows, 0),
		"name", rows_text(ctx, rows, 1), "kind", rows_text(ctx, rows, 2), "team_id", rows_text(ctx, rows, 3), "app_id",
		rows_text(ctx, rows, 4), "expires", clock_text(ctx, rows_int(rows, 5)), "created", clock_text(ctx, rows_int(rows, 6)),
		"source", rows_text(ctx, rows, 7), "by", rows_text(ctx, rows, 8), "certificates", list, "devices_listed",
		json_object_get(facts, "devices"), "devices", (json_int_t)rows_int(rows, 10), "waiting", (json_int_t)rows_int(rows, 11),
		"failed", (json_int_t)rows_int(rows, 12));

	json_object_set_new(item, "paused", rows_null(rows, 13) ? json_null() : json_pack("{s:s, s:s}", "by", rows_text(ctx, rows, 13),
			    "at", clock_text(ctx, rows_int(rows, 14))));
	json_decref(facts);
	return item;
}

/* The apps that it is for: of any build that it fits. */
static bool
add_apps(struct db *db, json_t *item, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	json_t *apps;

	if (!rows_list(db_query(ctx, db, "SELECT DISTINCT bb.app_bundle_id FROM provision_fit f JOIN build_bundle bb ON bb.build_id ="
				" f.build_id AND bb.path = f.path WHERE f.uuid = $1 ORDER BY bb.app_bundle_id",
				db_text(text_of(item, "uuid"))), row_text, &apps, err))
		return false;
	json_object_set_new(item, "apps", apps);
	return true;
}

bool
provision_list(struct db *db, struct viewer viewer, const char *after, int64_t limit, json_t **ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	json_t *page, *item;
	struct rows *rows;
	const char *id;
	int64_t from;
	size_t i;

	if (limit < 1 || limit > PROVISIONS_PAGE_MAX)
		limit = PROVISIONS_PAGE_MAX;
	from = cursor_take_number(ctx, after, 0, &id);
	rows = db_query(ctx, db, ITEM " WHERE " SEES " AND (p.expires, p.uuid) > ($4, $5) ORDER BY p.expires, p.uuid LIMIT $6",
			VIEWER(viewer), db_int(from), db_text(id), db_int(limit + 1));
	if (!rows_page(rows, item_of, 5, limit, &page, err))
		return err_at(err, "list of provisions");
	json_array_foreach(json_object_get(page, "items"), i, item)
		if (!add_apps(db, item, err)) {
			json_decref(page);
			return err_at(err, "list of provisions");
		}
	*ret = page;
	return true;
}

static json_t *
cover_of(TALLOC_CTX *ctx, struct rows *rows)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:b, s:I}", "app", rows_text(ctx, rows, 0), "version", rows_text(ctx, rows, 1),
			 "build", rows_text(ctx, rows, 2), "path", rows_text(ctx, rows, 3), "bundle_id", rows_text(ctx, rows, 4),
			 "build_id", rows_text(ctx, rows, 5), "own", rows_bool(rows, 6), "devices", (json_int_t)rows_int(rows, 7));
}

bool
provision_show(struct db *db, struct viewer viewer, const char *uuid, json_t **ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, db, ITEM " WHERE " SEES " AND p.uuid = $4", VIEWER(viewer), db_text(uuid));
	json_t *item, *covers;

	if (!rows_one(rows, err, "no such provision"))
		return false;
	item = item_of(ctx, rows);
	rows_done(rows);
	if (!add_apps(db, item, err) ||
	    !rows_list(db_query(ctx, db, "SELECT bb.app_bundle_id, bb.version, bb.build, bb.path, bb.bundle_id, bb.build_id,"
				" bb.provision_uuid = f.uuid, (SELECT count(*) FROM held_app h WHERE h.build_id = bb.build_id) FROM"
				" provision_fit f JOIN build_bundle bb ON bb.build_id = f.build_id AND bb.path = f.path WHERE f.uuid = $1"
				" AND (EXISTS (SELECT 1 FROM build k WHERE k.id = bb.build_id) OR EXISTS (SELECT 1 FROM held_app g WHERE"
				" g.build_id = bb.build_id)) ORDER BY bb.app_bundle_id, bb.uploaded DESC, bb.path LIMIT $2", db_text(uuid),
				db_int(PROVISIONS_PAGE_MAX)), cover_of, &covers, err)) {
		json_decref(item);
		return err_at(err, "provision %s", uuid);
	}
	json_object_set_new(item, "covers", covers);
	*ret = item;
	return true;
}

bool
provision_near(struct db *db, const char *uuid, json_t **ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, db, "SELECT bb.app_bundle_id, bb.version, bb.build, bb.build_id, bb.bundle_id, p.app_id FROM"
		" provision p JOIN build_bundle bb ON bb.provision_uuid <> p.uuid JOIN provision own ON own.uuid = bb.provision_uuid AND"
		" own.team_id = p.team_id WHERE p.uuid = $1 AND p.expires > own.expires AND NOT EXISTS (SELECT 1 FROM provision_fit f WHERE"
		" f.build_id = bb.build_id AND f.path = bb.path AND f.uuid = p.uuid) AND (EXISTS (SELECT 1 FROM held_app h WHERE"
		" h.build_id = bb.build_id) OR EXISTS (SELECT 1 FROM app a WHERE a.newest_build_id = bb.build_id)) ORDER BY bb.build_id,"
		" bb.path", db_text(uuid));
	json_t *list = json_array();
	const char *last = "";
	enum rows_step step;

	while ((step = rows_next(rows, err)) == ROWS_ROW) {
		const struct provision covers = { .app_id = rows_text(ctx, rows, 5) };
		const char *build_id = rows_text(ctx, rows, 3);

		if (strcmp(last, build_id) == 0 || !provision_covers(&covers, rows_text(ctx, rows, 4)))
			continue;
		last = build_id;
		json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s}", "app", rows_text(ctx, rows, 0), "version",
			rows_text(ctx, rows, 1), "build", rows_text(ctx, rows, 2), "build_id", build_id));
	}
	if (step == ROWS_FAILED) {
		json_decref(list);
		return err_at(err, "what provision %s nearly fits", uuid);
	}
	*ret = list;
	return true;
}

/* ---- what is missing ---- */

struct missing {
	const char *path, *bundle_id;
	int64_t expires, certificate_expires;
	const char *certificate_name;
	json_t *own, *entitlements;
	const char *certificate;
};

static const char *
what_of(TALLOC_CTX *ctx, const char *path)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	size_t len = strlen(name);

	if (!*path)
		return "";
	return mem_printf(ctx, "%s %s: ", strncmp(path, "AppClips/", 9) == 0 ? "app clip" : len > 4 && strcmp(name + len - 4, ".app") == 0 ?
			  "watch app" : "extension", name);
}

/* In the words of the house: what it is that no newer provision does. */
static const char *
words_of(TALLOC_CTX *ctx, const struct missing *m, enum fit_verdict verdict, const char *detail)
{
	const char *what = what_of(ctx, m->path);

	switch (verdict) {
	case FIT_CERTIFICATE:
		return mem_printf(ctx, "%sno newer provision names its certificate%s%s", what, *m->certificate_name ? ", " : "",
				  m->certificate_name);
	case FIT_ENTITLEMENT:
		return mem_printf(ctx, "%sthe newer provision does not grant its entitlement %s", what, detail);
	default:
		return mem_printf(ctx, "%sno newer provision is for %s", what, m->bundle_id);
	}
}

/* The nearest miss of those that end later: certificate and entitlement come after app id. */
static bool
nearest(struct db *db, const struct missing *m, enum fit_verdict *verdict, char *detail, bool *fits, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, db, "SELECT p.facts FROM provision p WHERE p.team_id = $1 AND p.expires >= $2 AND p.expires > $3"
				     " AND p.kind <> 'store' AND p.file IS NOT NULL ORDER BY p.expires DESC, p.uuid LIMIT 500",
				     db_text(text_of(m->own, "team_id")), db_int(m->expires + DAY_S), db_now());
	const struct fit_bundle bundle = { m->bundle_id, m->certificate, m->entitlements, m->own };
	char why[FIT_DETAIL_MAX];
	enum rows_step step;

	*verdict = FIT_APP_ID;
	*fits = false;
	while (!*fits && (step = rows_next(rows, err)) == ROWS_ROW) {
		json_t *facts = json_loads(rows_text(ctx, rows, 0), 0, NULL);
		enum fit_verdict v = fit(facts, &bundle, why);

		json_decref(facts);
		*fits = v == FIT_YES;
		if ((v == FIT_CERTIFICATE || v == FIT_ENTITLEMENT) && (*verdict == FIT_APP_ID || v == FIT_ENTITLEMENT)) {
			*verdict = v;
			memcpy(detail, why, sizeof why);
		}
	}
	return *fits || step != ROWS_FAILED;
}

static bool
add_missing(TALLOC_CTX *ctx, struct db *db, json_t *list, const struct missing *m, struct err *err)
{
	enum fit_verdict verdict;
	char detail[FIT_DETAIL_MAX] = "";
	bool fits;

	if (!nearest(db, m, &verdict, detail, &fits, err))
		return false;
	if (!fits)
		json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "path", m->path, "bundle_id", m->bundle_id,
			"expires", clock_text(ctx, m->expires), "why", verdict == FIT_APP_ID ? "none" : fit_name(verdict), "detail",
			detail, "certificate", m->certificate_name, "text", words_of(ctx, m, verdict, detail)));
	return true;
}

bool
provision_missing(struct db *db, const char *build_id, json_t **ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, db, "SELECT bb.path, bb.bundle_id, bb.expires, bb.certificate, bb.certificate_name,"
		" bb.entitlements, own.facts FROM build_bundle bb JOIN provision own ON own.uuid = bb.provision_uuid WHERE"
		" bb.build_id = $1 ORDER BY bb.path", db_text(build_id));
	json_t *list = json_array();
	enum rows_step step;
	bool ok = true;

	while (ok && (step = rows_next(rows, err)) == ROWS_ROW) {
		const char *claimed = rows_text(ctx, rows, 5);
		struct missing m = { .path = rows_text(ctx, rows, 0), .bundle_id = rows_text(ctx, rows, 1), .expires = rows_int(rows, 2),
			.certificate = rows_text(ctx, rows, 3), .certificate_name = rows_text(ctx, rows, 4),
			.entitlements = claimed ? json_loads(claimed, 0, NULL) : NULL, .own = json_loads(rows_text(ctx, rows, 6), 0, NULL) };

		ok = add_missing(ctx, db, list, &m, err);
		json_decref(m.entitlements);
		json_decref(m.own);
	}
	if (!ok || step == ROWS_FAILED) {
		json_decref(list);
		return err_at(err, "what build %s lacks", build_id);
	}
	*ret = list;
	return true;
}
