/* Tables `held_app` and `renewal`, for whoever looks: what stops, when, for whom, and what is being done. */
#include "catalog/cursor.h"
#include "catalog/renewal.h"
#include "catalog/rows.h"
#include "core/clock.h"
#include <string.h>

#define PAGE_MAX	500
#define ENDINGS_MAX	2000
#define USED_S		(365 * DAY_S)	/* no provision lives longer */

static json_t *
text_or_null(const char *text)
{
	return text && *text ? json_string(text) : json_null();
}

static json_t *
time_or_null(TALLOC_CTX *ctx, int64_t at)
{
	return at > 0 && at < INT64_MAX ? json_string(clock_text(ctx, at)) : json_null();
}

/* ---- what ends ---- */

static json_t *
ending_of(TALLOC_CTX *ctx, struct rows *rows)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:o, s:s, s:o, s:s, s:s, s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:s?, s:I, s:I, s:o}",
		"app", rows_text(ctx, rows, 0), "bundle_id", rows_text(ctx, rows, 1), "build_id", rows_text(ctx, rows, 2),
		"version", rows_text(ctx, rows, 3), "build", rows_text(ctx, rows, 4), "ends", time_or_null(ctx, rows_int(rows, 5)),
		"cause", rows_text(ctx, rows, 6), "next", time_or_null(ctx, rows_int(rows, 7)), "path", rows_text(ctx, rows, 8),
		"uuid", rows_text(ctx, rows, 9), "provision", text_or_null(rows_text(ctx, rows, 10)), "devices",
		(json_int_t)rows_int(rows, 11), "people", (json_int_t)rows_int(rows, 12), "waiting", (json_int_t)rows_int(rows, 13),
		"failed", (json_int_t)rows_int(rows, 14), "paused", (json_int_t)rows_int(rows, 15), "anew",
		(json_int_t)rows_int(rows, 16), "offered", (json_int_t)rows_int(rows, 18), "wanted",
		(json_int_t)rows_int(rows, 19), "paused_by", rows_int(rows, 15) ? rows_text(ctx, rows, 17) : NULL, "builds",
		(json_int_t)rows_int(rows, 20), "silent", (json_int_t)rows_int(rows, 21), "certificate", text_or_null(rows_text(ctx, rows, 22)));
}

#define STANDS	"EXISTS (SELECT 1 FROM renewal r JOIN renewal_pause z ON z.uuid = r.uuid JOIN provision_fit f ON f.uuid = r.uuid" \
	" AND f.build_id = h.build_id WHERE r.device_id = h.device_id AND r.action = 'install' AND r.state = 'wanted')"
#define YES(condition) "sum(CASE WHEN " condition " THEN 1 ELSE 0 END)"

/*
 * What ends is one thing for all who hold the build, or any build of the app: its certificate whatever covers them, a
 * provision wherever inside.  One of its builds stands for them.
 */
#define THING "CASE WHEN h.cause = 'certificate' THEN '' ELSE h.uuid END"
#define ASKED "h.ends < $4 AND (CAST($6 AS TEXT) IS NULL OR h.cause = $6)"

/* Whom it is about, and what is on its way to them. */
#define SILENT "coalesce(d.seen, d.created) < $7"
#define HELD(by) "SELECT min(h.build_id) AS build_id, count(DISTINCT h.build_id) AS builds, h.ends, h.cause, " THING " AS thing, min(h.next) AS next, min(h.path) AS path, min(h.uuid) AS uuid," \
	" min((SELECT p.name FROM provision p WHERE p.uuid = h.uuid)) AS provision, count(*) AS devices," \
	" count(DISTINCT d.person_id) AS people, " YES(RENEWAL_COMING("'wanted', 'sent', 'acknowledged'")) " AS waiting, " \
	YES(RENEWAL_COMING("'failed'")) " AS failed, " YES(RENEWAL_COMING("'wanted'")) " AS wanted, " YES(STANDS) " AS paused, " \
	YES(SILENT " AND " RENEWAL_COMING("'wanted', 'sent', 'acknowledged'")) " AS silent" \
	" FROM held_app h JOIN device d ON d.id = h.device_id WHERE " ASKED " GROUP BY " by ", h.ends, h.cause, " THING

/* Apps of which some provision is for some devices alone, and until when: of theirs each device is asked for itself. */
#define BY_DEVICE "SELECT b.app_bundle_id, max(p.expires) AS lasts FROM provision p JOIN provision_fit f ON f.uuid = p.uuid" \
	" JOIN build_bundle b ON b.build_id = f.build_id AND b.path = '' WHERE p.kind <> 'enterprise' AND p.file IS NOT NULL" \
	" GROUP BY b.app_bundle_id"
/* Of all other apps it is one answer for all n devices to which the same build goes, if any: a fleet has a few of them. */
#define ALIKE "SELECT h.bundle_id, h.build_id, h.ends, h.cause, " THING " AS thing, " RENEWAL_GOING " AS going," \
	" CASE WHEN o.lasts >= " RENEWAL_LONGER " THEN h.device_id ELSE '' END AS device_id, h.next < " RENEWAL_LONGER " AS stays," \
	" min(h.next) AS next, count(*) AS n FROM held_app h LEFT JOIN (" BY_DEVICE ") o ON o.app_bundle_id = h.bundle_id" \
	" WHERE " ASKED " GROUP BY 1, 2, 3, 4, 5, 6, 7, 8"
#define REMEDY_IS(which) "sum(CASE WHEN " RENEWAL_REMEDY("h.going") " = '" which "' THEN h.n ELSE 0 END)"
#define REMEDIES(by) "SELECT min(h.build_id) AS build_id, h.ends, h.cause, h.thing, " REMEDY_IS("anew") " AS anew, " REMEDY_IS("offered") " AS offered" \
	" FROM (" ALIKE ") h GROUP BY " by ", h.ends, h.cause, h.thing"

#define PAUSED_BY "(SELECT min(z.actor) FROM renewal_pause z JOIN provision_fit f ON f.uuid = z.uuid WHERE f.build_id = h.build_id" \
	" AND EXISTS (SELECT 1 FROM renewal y WHERE y.uuid = z.uuid AND y.action = 'install' AND y.state = 'wanted'))"

/* The one of its bundles that ends first. */
#define CERTIFICATE "(SELECT x.certificate FROM build_bundle x WHERE x.build_id = h.build_id AND x.certificate_expires > 0" \
	" ORDER BY x.certificate_expires, x.path LIMIT 1)"

#define ENDINGS(by) "SELECT coalesce(a.name, bb.app_bundle_id), bb.app_bundle_id, h.build_id, bb.version," \
	" bb.build, h.ends, h.cause, h.next, h.path, h.uuid, h.provision, h.devices, h.people, h.waiting, h.failed, h.paused," \
	" m.anew, " PAUSED_BY ", m.offered, h.wanted, h.builds, h.silent, " CERTIFICATE " FROM (" HELD(by) ") h JOIN (" REMEDIES(by) ")" \
	" m ON m.build_id = h.build_id AND m.ends = h.ends AND m.cause = h.cause AND m.thing = h.thing JOIN build_bundle bb" \
	" ON bb.build_id = h.build_id AND bb.path = '' LEFT JOIN app a ON a.bundle_id = bb.app_bundle_id WHERE (CAST($1 AS BOOLEAN)" \
	" OR " VIEWER_OWNS ") ORDER BY h.ends, bb.app_bundle_id, h.build_id LIMIT $5"

bool
renewal_endings(struct db *db, struct viewer viewer, const char *cause, int64_t until, json_t **ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);

	return rows_list(db_query(ctx, db, ENDINGS("h.build_id"), VIEWER(viewer), db_int(until), db_int(ENDINGS_MAX), db_text(cause),
				  db_int(0)), ending_of, ret, err) || err_at(err, "apps that end");
}

bool
renewal_app_endings(struct db *db, const char *cause, int64_t until, int64_t heard, json_t **ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);

	return rows_list(db_query(ctx, db, ENDINGS("h.bundle_id"), VIEWER(VIEWER_HOUSE), db_int(until), db_int(ENDINGS_MAX),
				  db_text(cause), db_int(heard)), ending_of, ret, err) || err_at(err, "apps that end");
}

/* Builds that people get here: the newest, what a channel offers, and what was installed within a year and nothing
 * offered outlives; whoever had the last of those would hear of no other. */
#define IN_USE(since) "(SELECT u.newest_build_id FROM app u UNION SELECT c.newest_build_id FROM channel c UNION SELECT b.id FROM build b" \
	" WHERE b.expires > 0 AND NOT EXISTS (SELECT 1 FROM channel o JOIN build n ON n.id = o.newest_build_id WHERE o.app_id = b.app_id" \
	" AND n.expires >= b.expires) AND EXISTS (SELECT 1 FROM install i WHERE i.build_id = b.id AND i.state IN ('whole', 'installed')" \
	" AND i.created > " since "))"

static json_t *
build_of(TALLOC_CTX *ctx, struct rows *rows)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:o, s:I}", "app", rows_text(ctx, rows, 0), "bundle_id", rows_text(ctx, rows, 1), "version",
			 rows_text(ctx, rows, 2), "build", rows_text(ctx, rows, 3), "ends", time_or_null(ctx, rows_int(rows, 4)), "builds",
			 (json_int_t)rows_int(rows, 5));
}

bool
renewal_builds(struct db *db, int64_t until, json_t **ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);

	return rows_list(db_query(ctx, db, "SELECT coalesce(min(a.name), e.app_bundle_id), e.app_bundle_id, min(e.version), min(e.build), e.ends,"
		" count(*) FROM (SELECT bb.app_bundle_id, min(bb.version) AS version, min(bb.build) AS build, min(bb.expires) AS ends"
		" FROM build_bundle bb WHERE bb.expires > 0 AND bb.build_id IN " IN_USE("$1") " GROUP BY bb.app_bundle_id, bb.build_id"
		" HAVING min(bb.expires) < $2) e LEFT JOIN app a ON a.bundle_id = e.app_bundle_id GROUP BY e.app_bundle_id, e.ends"
		" ORDER BY e.ends, e.app_bundle_id LIMIT $3", db_int(clock_now() - USED_S), db_int(until), db_int(ENDINGS_MAX)),
		build_of, ret, err) || err_at(err, "builds that end");
}

static json_t *
certificate_of(TALLOC_CTX *ctx, struct rows *rows)
{
	return json_pack("{s:s, s:s, s:o, s:I}", "sha1", rows_text(ctx, rows, 0), "name", rows_text(ctx, rows, 1), "ends",
			 time_or_null(ctx, rows_int(rows, 2)), "devices", (json_int_t)rows_int(rows, 3));
}

#define CERTIFICATES " FROM build_bundle bb LEFT JOIN held_app h ON h.build_id = bb.build_id WHERE bb.certificate <> '' AND" \
	" bb.certificate_expires > 0 AND (h.build_id IS NOT NULL OR bb.build_id IN " IN_USE("$1") ")"

static bool
add_signed(struct db *db, json_t *certificate, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	json_t *apps;

	if (!rows_list(db_query(ctx, db, "SELECT DISTINCT bb.app_bundle_id" CERTIFICATES " AND bb.certificate = $2 ORDER BY 1",
				db_int(clock_now() - USED_S), db_text(json_string_value(json_object_get(certificate, "sha1")))),
		       row_text, &apps, err))
		return false;
	json_object_set_new(certificate, "apps", apps);
	return true;
}

bool
renewal_certificates(struct db *db, int64_t until, json_t **ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	json_t *list, *certificate;
	bool ok = true;
	size_t i;

	if (!rows_list(db_query(ctx, db, "SELECT bb.certificate, min(bb.certificate_name), min(bb.certificate_expires),"
		" count(DISTINCT h.device_id)" CERTIFICATES " GROUP BY bb.certificate HAVING min(bb.certificate_expires) < $2"
		" ORDER BY 3, 1 LIMIT $3", db_int(clock_now() - USED_S), db_int(until), db_int(ENDINGS_MAX)), certificate_of, &list, err))
		return err_at(err, "certificates that end");
	json_array_foreach(list, i, certificate)
		ok = ok && add_signed(db, certificate, err);
	if (!ok) {
		json_decref(list);
		return err_at(err, "what certificates signed");
	}
	*ret = list;
	return true;
}

/* ---- who ---- */

static json_t *
device_of(TALLOC_CTX *ctx, struct rows *rows)
{
	return json_pack("{s:s, s:s, s:s, s:s?, s:o, s:o, s:s?, s:s?, s:I, s:o}", "device_id", rows_text(ctx, rows, 0), "name",
		rows_text(ctx, rows, 1), "product", rows_text(ctx, rows, 2), "person", rows_text(ctx, rows, 3), "ends",
		time_or_null(ctx, rows_int(rows, 4)), "next", time_or_null(ctx, rows_int(rows, 5)), "state", rows_text(ctx, rows, 6),
		"why", rows_text(ctx, rows, 7), "attempts", (json_int_t)rows_int(rows, 8), "seen", time_or_null(ctx, rows_int(rows, 9)));
}

bool
renewal_devices(struct db *db, const char *uuid, const char *build_id, const char *after, int64_t limit, json_t **ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	json_t *items = json_array(), *page = json_pack("{s:o, s:n}", "items", items, "next");
	const char *place, *id, *last = "";
	enum rows_step step;
	struct rows *rows;

	if (limit < 1 || limit > PAGE_MAX)
		limit = PAGE_MAX;
	cursor_take(ctx, after, &place, &id);
	/* of a provision: who is to get it, has it, or lives by it; of a build: who holds it */
	rows = db_query(ctx, db, "SELECT d.id, d.name, d.product, p.name, (SELECT min(h.ends) FROM held_app h WHERE h.device_id = d.id AND"
		" (h.uuid = $1 OR h.build_id = $2)), (SELECT min(h.next) FROM held_app h WHERE h.device_id = d.id AND (h.uuid = $1 OR"
		" h.build_id = $2)), CASE WHEN EXISTS (SELECT 1 FROM installed_provision ip WHERE ip.device_id = d.id AND ip.uuid = $1)"
		" AND r.state IS NULL THEN 'done' ELSE r.state END, r.why, coalesce(r.attempts, 0), d.seen FROM device d LEFT JOIN person p ON p.id = d.person_id LEFT"
		" JOIN renewal r ON r.device_id = d.id AND r.uuid = $1 AND r.action = 'install' WHERE d.id > $3 AND (r.uuid IS NOT NULL OR"
		" EXISTS (SELECT 1 FROM held_app h WHERE h.device_id = d.id AND (h.uuid = $1 OR h.build_id = $2)) OR EXISTS (SELECT 1"
		" FROM installed_provision ip WHERE ip.device_id = d.id AND ip.uuid = $1)) ORDER BY d.id LIMIT $4",
		db_text(uuid ? uuid : ""), db_text(build_id ? build_id : ""), db_text(id), db_int(limit + 1));
	while ((step = rows_next(rows, err)) == ROWS_ROW) {
		if (json_array_size(items) == (size_t)limit) {
			json_object_set_new(page, "next", json_string(cursor_put(ctx, "", last)));
			break;
		}
		last = rows_text(ctx, rows, 0);
		json_array_append_new(items, device_of(ctx, rows));
	}
	if (step == ROWS_FAILED) {
		json_decref(page);
		return err_at(err, "devices of a provision");
	}
	*ret = page;
	return true;
}

/* ---- one device ---- */

static json_t *
held_of(TALLOC_CTX *ctx, struct rows *rows)
{
	const char *remedy = rows_text(ctx, rows, 6);

	return json_pack("{s:s, s:s, s:s, s:o, s:s, s:o, s:b, s:b}", "bundle_id", rows_text(ctx, rows, 0), "name", rows_text(ctx, rows, 1),
		"build_id", rows_text(ctx, rows, 2), "ends", time_or_null(ctx, rows_int(rows, 3)), "cause", rows_text(ctx, rows, 4),
		"next", time_or_null(ctx, rows_int(rows, 5)), "anew", strcmp(remedy, "anew") == 0, "offered", strcmp(remedy, "offered") == 0);
}

static json_t *
provision_of(TALLOC_CTX *ctx, struct rows *rows)
{
	return json_pack("{s:s, s:s?, s:o, s:b, s:b, s:s?, s:s?, s:s?}", "uuid", rows_text(ctx, rows, 0), "name", rows_text(ctx, rows, 1),
		"expires", time_or_null(ctx, rows_int(rows, 2)), "listed", rows_bool(rows, 3), "known", rows_bool(rows, 4), "action",
		rows_text(ctx, rows, 5), "state", rows_text(ctx, rows, 6), "why", rows_text(ctx, rows, 7));
}

/* Which of the apps there it fits, by name. */
static bool
add_needed(struct db *db, const char *device_id, json_t *provision, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	json_t *needed;

	if (!rows_list(db_query(ctx, db, "SELECT DISTINCT coalesce(a.name, h.bundle_id) FROM held_app h JOIN provision_fit f ON f.build_id"
		" = h.build_id LEFT JOIN app a ON a.bundle_id = h.bundle_id WHERE h.device_id = $1 AND f.uuid = $2 ORDER BY 1",
		db_text(device_id), db_text(json_string_value(json_object_get(provision, "uuid")))), row_text, &needed, err))
		return false;
	json_object_set_new(provision, "needed", needed);
	return true;
}

bool
renewal_of_device(struct db *db, const char *device_id, json_t **ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	json_t *apps, *provisions, *one;
	bool ok = true;
	size_t i;

	if (!rows_list(db_query(ctx, db, "SELECT h.bundle_id, coalesce(a.name, h.bundle_id), h.build_id, h.ends, h.cause, h.next, "
		RENEWAL_REMEDY(RENEWAL_GOING) " FROM held_app h LEFT JOIN app a ON a.bundle_id = h.bundle_id WHERE h.device_id = $1 ORDER BY h.ends, h.bundle_id",
		db_text(device_id)), held_of, &apps, err))
		return err_at(err, "apps of a device");
	if (!rows_list(db_query(ctx, db, "SELECT x.uuid, coalesce(p.name, x.name), coalesce(p.expires, x.expires), x.listed, p.uuid IS NOT"
		" NULL, r.action, r.state, r.why FROM (SELECT ip.uuid, ip.name, ip.expires, 1 = 1 AS listed FROM installed_provision ip WHERE"
		" ip.device_id = $1 UNION SELECT i.uuid, NULL, NULL, 1 = 0 FROM renewal i WHERE i.device_id = $1 AND i.action = 'install' AND"
		" i.state <> 'done' AND NOT EXISTS (SELECT 1 FROM installed_provision n WHERE n.device_id = $1 AND n.uuid = i.uuid)) x LEFT"
		" JOIN provision p ON p.uuid = x.uuid LEFT JOIN renewal r ON r.device_id = $1 AND r.uuid = x.uuid AND r.state <> 'done' AND"
		" r.action = CASE WHEN x.listed THEN 'remove' ELSE 'install' END ORDER BY 3, 1", db_text(device_id)), provision_of,
		&provisions, err)) {
		json_decref(apps);
		return err_at(err, "provisions of a device");
	}
	json_array_foreach(provisions, i, one)
		ok = ok && add_needed(db, device_id, one, err);
	if (!ok) {
		json_decref(apps);
		json_decref(provisions);
		return err_at(err, "provisions of a device");
	}
	*ret = json_pack("{s:o, s:o}", "apps", apps, "provisions", provisions);
	return true;
}
