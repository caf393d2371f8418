/* Tables `mobileconfig` and `mobileconfig_version`, read. */
#include "catalog/mobileconfig.h"
#include "catalog/rows.h"
#include "core/clock.h"
#include "core/json.h"
#include <string.h>

/* ---- one ---- */

#define KEPT	"SELECT m.id, m.name, m.purpose, m.identifier, m.person_id, p.name, m.version FROM mobileconfig m" \
		" LEFT JOIN person p ON p.id = m.person_id WHERE "

static bool
find(TALLOC_CTX *ctx, struct rows *rows, struct kept_mobileconfig **ret, struct err *err)
{
	struct kept_mobileconfig *m = mem_new(ctx, struct kept_mobileconfig);

	if (!rows_one(rows, err, "no such mobileconfig"))
		return false;
	*m = (struct kept_mobileconfig){ rows_text(m, rows, 0), rows_text(m, rows, 1), rows_text(m, rows, 2),
		rows_text(m, rows, 3), rows_text(m, rows, 4), rows_text(m, rows, 5), rows_int(rows, 6) };
	rows_done(rows);
	*ret = m;
	return true;
}

bool
mobileconfig_find(TALLOC_CTX *ctx, struct db *db, const char *name, struct kept_mobileconfig **ret, struct err *err)
{
	return find(ctx, db_query(ctx, db, KEPT "m.name = $1", db_text(strlen(name) <= MOBILECONFIG_NAME_MAX ? name : "")),
		    ret, err);
}

bool
mobileconfig_by_id(TALLOC_CTX *ctx, struct db *db, const char *id, struct kept_mobileconfig **ret, struct err *err)
{
	return find(ctx, db_query(ctx, db, KEPT "m.id = $1", db_text(id)), ret, err);
}

/* ---- a form ---- */

bool
mobileconfig_read(TALLOC_CTX *ctx, struct db *db, const struct sealer *sealer, const char *id, int64_t version,
		  json_t **form, json_t **variables, struct err *err)
{
	void *here SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(here, db, "SELECT v.form, v.sealed, v.variables FROM mobileconfig_version v"
		" JOIN mobileconfig m ON m.id = v.mobileconfig_id WHERE m.id = $1 AND v.version ="
		" CASE WHEN CAST($2 AS BIGINT) = 0 THEN m.version ELSE CAST($2 AS BIGINT) END", db_text(id), db_int(version));
	struct bytes bytes;
	const char *names;
	json_t *json;
	bool sealed;

	if (!rows_one(rows, err, "no such version"))
		return false;
	bytes = rows_bytes(here, rows, 0);
	sealed = rows_bool(rows, 1);
	names = rows_text(here, rows, 2);
	rows_done(rows);
	if (sealed && !sealer)
		return err_set(err, ERR_BUSY, "it is sealed, and key.master_file is not set");
	if (sealed && !unseal(here, sealer, mem_printf(here, "mobileconfig:%s", id), bytes, &bytes, err))
		return false;
	if (!(json = json_loadb(bytes.p, bytes.len, 0, NULL)))
		return err_set(err, ERR_INTERNAL, "the form of mobileconfig %s cannot be read", id);
	*form = json_hold(ctx, json);
	if (variables)
		*variables = json_hold(ctx, json_loads(names, 0, NULL));
	return true;
}

/* ---- lists ---- */

#define COUNT(what) "(SELECT count(*) FROM device_mobileconfig r JOIN device d ON d.id = r.device_id JOIN enrollment e" \
	" ON e.id = d.enrollment_id AND e.state = 'enrolled' WHERE r.mobileconfig_id = m.id AND r.goal = 'install' AND " what ")"
#define ITEM	"SELECT m.name, v.title, m.purpose, m.identifier, m.version, p.name, m.created, m.changed," \
	" (SELECT count(*) FROM assignment a WHERE a.mobileconfig_id = m.id), " COUNT("r.state = 'installed'") ", " \
	COUNT("r.state IN ('wanted', 'queued', 'taken')") ", " COUNT("r.state = 'failed'") ", " \
	COUNT("r.state = 'blocked'") " FROM mobileconfig m JOIN mobileconfig_version v ON v.mobileconfig_id = m.id" \
	" AND v.version = m.version LEFT JOIN person p ON p.id = m.person_id WHERE "

static json_t *
item(TALLOC_CTX *ctx, struct rows *rows)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:I, s:s?, s:s, s:s, s:I, s:{s:I, s:I, s:I, s:I}}", "name", rows_text(ctx, rows, 0),
		"title", rows_text(ctx, rows, 1), "purpose", rows_text(ctx, rows, 2), "identifier", rows_text(ctx, rows, 3),
		"version", (json_int_t)rows_int(rows, 4), "person", rows_text(ctx, rows, 5), "created",
		clock_text(ctx, rows_int(rows, 6)), "changed", clock_text(ctx, rows_int(rows, 7)), "assignments",
		(json_int_t)rows_int(rows, 8), "devices", "installed", (json_int_t)rows_int(rows, 9), "waiting",
		(json_int_t)rows_int(rows, 10), "failed", (json_int_t)rows_int(rows, 11), "blocked", (json_int_t)rows_int(rows, 12));
}

bool
mobileconfig_list(struct db *db, const char *purpose, json_t **ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	json_t *items;

	if (!rows_list(db_query(ctx, db, ITEM "(CAST($1 AS TEXT) IS NULL OR m.purpose = $1) ORDER BY m.name",
				db_text(purpose)), item, &items, err))
		return false;
	*ret = json_pack("{s:o, s:n}", "items", items, "next");
	return true;
}

bool
mobileconfig_show(struct db *db, const char *name, json_t **ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, db, ITEM "m.name = $1", db_text(strlen(name) <= MOBILECONFIG_NAME_MAX ? name : ""));

	if (!rows_one(rows, err, "no such mobileconfig"))
		return false;
	*ret = item(ctx, rows);
	rows_done(rows);
	return true;
}

static json_t *
version_item(TALLOC_CTX *ctx, struct rows *rows)
{
	return json_pack("{s:I, s:s, s:s, s:s, s:s, s:b, s:o}", "version", (json_int_t)rows_int(rows, 0), "title",
		rows_text(ctx, rows, 1), "note", rows_text(ctx, rows, 2), "created_by", rows_text(ctx, rows, 3), "created",
		clock_text(ctx, rows_int(rows, 4)), "sealed", rows_bool(rows, 5), "variables",
		json_loads(rows_text(ctx, rows, 6), 0, NULL));
}

bool
mobileconfig_versions(struct db *db, const char *id, json_t **ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);

	return rows_list(db_query(ctx, db, "SELECT version, title, note, created_by, created, sealed, variables"
				  " FROM mobileconfig_version WHERE mobileconfig_id = $1 ORDER BY version DESC", db_text(id)),
			 version_item, ret, err);
}

static json_t *
own_item(TALLOC_CTX *ctx, struct rows *rows)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:I}", "id", rows_text(ctx, rows, 0), "name", rows_text(ctx, rows, 1), "title",
		rows_text(ctx, rows, 2), "identifier", rows_text(ctx, rows, 3), "version", (json_int_t)rows_int(rows, 4));
}

bool
mobileconfig_own(struct db *db, const char *person_id, json_t **ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);

	return rows_list(db_query(ctx, db, "SELECT m.id, m.name, v.title, m.identifier, m.version FROM mobileconfig m"
		" JOIN mobileconfig_version v ON v.mobileconfig_id = m.id AND v.version = m.version WHERE m.purpose = 'own'"
		" AND (m.person_id = $1 OR (m.person_id IS NULL AND EXISTS (SELECT 1 FROM assignment a"
		" WHERE a.mobileconfig_id = m.id AND (a.audience_id IS NULL OR EXISTS (SELECT 1 FROM audience_person q"
		" WHERE q.audience_id = a.audience_id AND q.person_id = $1))))) ORDER BY m.name", db_text(person_id)),
		own_item, ret, err);
}

bool
mobileconfig_own_all(TALLOC_CTX *ctx, struct db *db, const char ***ret, size_t *n, struct err *err)
{
	return rows_texts(ctx, db_query(ctx, db, "SELECT m.id FROM mobileconfig m WHERE m.purpose = 'own' AND (m.person_id IS"
		" NOT NULL OR EXISTS (SELECT 1 FROM assignment a WHERE a.mobileconfig_id = m.id)) ORDER BY m.name LIMIT $1",
		db_int(MOBILECONFIGS_MAX)), ret, n, err);
}
