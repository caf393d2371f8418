#include "tests/check_renewal.h"
#include "catalog/renewal.h"
#include "core/clock.h"

#define CERT	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

int64_t
days(int n)
{
	return clock_now() + n * (int64_t)DAY_S;
}

void
device(struct house *h, const char *id)
{
	struct err err;

	assert_ok(db_run(h->db, &err, "INSERT INTO device (id, udid, enrollment_id, created, changed) VALUES ($1, $2, $3, 1, 1)",
			 db_text(id), db_text(mem_printf((void *)(uintptr_t)h->dir, "UDID-%s", id)),
			 db_text(mem_printf((void *)(uintptr_t)h->dir, "e-%s", id))), &err);
	assert_ok(db_run(h->db, &err, "INSERT INTO enrollment (id, device_id, session_id, state, identity, access_rights, created)"
			 " VALUES ($1, $2, 's', 'enrolled', $3, 8191, 1)", db_text(mem_printf((void *)(uintptr_t)h->dir, "e-%s", id)),
			 db_text(id), db_text(id)), &err);
	assert_ok(db_run(h->db, &err, "INSERT INTO device_report (device_id, request_type, at, answer, whole) VALUES ($1,"
			 " 'InstalledApplicationList', $2, $3, $2)", db_text(id), db_now(), db_bytes((struct bytes){ "", 0 })), &err);
}

void
provision(struct house *h, const char *uuid, const char *app_id, int ends, const char *udid)
{
	struct err err;

	assert_ok(db_run(h->db, &err, "INSERT INTO provision (uuid, name, kind, team_id, app_id, expires, facts, source, created, file)"
			 " VALUES ($1, $1, $2, 'TEAM', $3, $4, '', 'upload', 1, $5)", db_text(uuid), db_text(udid ? "adhoc" : "enterprise"),
			 db_text(app_id), db_int(days(ends)), db_bytes((struct bytes){ "file", 4 })), &err);
	if (udid)
		assert_ok(db_run(h->db, &err, "INSERT INTO provision_device (uuid, udid) VALUES ($1, $2)", db_text(uuid), db_text(udid)), &err);
}

void
fits(struct house *h, const char *build, const char *path, const char *uuid)
{
	struct err err;

	assert_ok(db_run(h->db, &err, "INSERT INTO provision_fit (build_id, path, uuid) VALUES ($1, $2, $3)", db_text(build), db_text(path),
			 db_text(uuid)), &err);
}

void
bundle(struct house *h, const char *app, const char *path, const char *own, int ends, int certificate)
{
	struct err err;

	assert_ok(db_run(h->db, &err, "INSERT INTO build_bundle (build_id, path, app_bundle_id, version, build, uploaded, bundle_id,"
			 " provision_uuid, expires, certificate, certificate_name, certificate_expires) VALUES ($1, $2, $1, '1.0', '7', 1,"
			 " $3, $4, $5, $7, '', $6)", db_text(app), db_text(path), db_text(*path ? path : app), db_text(own),
			 db_int(days(ends)), db_int(days(certificate)), db_text(CERT)), &err);
	fits(h, app, path, own);
}

void
holds(struct house *h, const char *id, const char *app)
{
	struct err err;

	assert_ok(db_run(h->db, &err, "INSERT INTO installed_app (device_id, bundle_id, version, short_version, installed, managed, at)"
			 " VALUES ($1, $2, '7', '1.0', TRUE, TRUE, 1)", db_text(id), db_text(app)), &err);
}

void
lists(struct house *h, const char *id, const char *uuid)
{
	struct err err;

	assert_ok(db_run(h->db, &err, "INSERT INTO installed_provision (device_id, uuid, at) VALUES ($1, $2, 1)", db_text(id),
			 db_text(uuid)), &err);
}

struct house
stock_house(TALLOC_CTX *ctx)
{
	struct house h = house(ctx);

	device(&h, "d1");
	provision(&h, "old-app", "TEAM.com.example.stock", 40, NULL);
	provision(&h, "old-ext", "TEAM.com.example.stock.share", 40, NULL);
	bundle(&h, "com.example.stock", "", "old-app", 40, 900);
	bundle(&h, "com.example.stock", "com.example.stock.share", "old-ext", 40, 900);
	holds(&h, "d1", "com.example.stock");
	lists(&h, "d1", "old-app");
	lists(&h, "d1", "old-ext");
	return h;
}

void
newer(struct house *h, const char *uuid, const char *app_id, const char *path, int ends)
{
	provision(h, uuid, app_id, ends, NULL);
	fits(h, "com.example.stock", path, uuid);
}

static bool
tx_plan(struct db *tx, void *id, struct err *err)
{
	return renewal_device(tx, id, err);
}

void
plan(struct house *h, const char *id)
{
	struct err err;

	assert_ok(db_tx(h->db, tx_plan, (void *)(uintptr_t)id, &err), &err);
}

const char *
rows_of(TALLOC_CTX *ctx, struct house *h)
{
	struct rows *rows = db_query(ctx, h->db, "SELECT action, uuid, state FROM renewal ORDER BY device_id, action, uuid");
	const char *text = "";
	struct err err;

	while (rows_next(rows, &err) == ROWS_ROW)
		text = mem_printf(ctx, "%s%s%s %s %s", text, *text ? ", " : "", rows_text(ctx, rows, 0), rows_text(ctx, rows, 1),
				  rows_text(ctx, rows, 2));
	return text;
}

struct house
fleet(TALLOC_CTX *ctx, int n)
{
	struct house h = stock_house(ctx);

	newer(&h, "new-app", "TEAM.com.example.stock", "", 365);
	newer(&h, "new-ext", "TEAM.com.example.stock.share", "com.example.stock.share", 365);
	for (int i = 2; i <= n; i++) {
		const char *id = mem_printf(ctx, "d%d", i);

		device(&h, id);
		holds(&h, id, "com.example.stock");
		plan(&h, id);
	}
	plan(&h, "d1");
	return h;
}
