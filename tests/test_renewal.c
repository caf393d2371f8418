/* Which provision may stand in for which, what is planned for a device, and how its rows move. */
#include "tests/check_house.h"
#include "catalog/held_list.h"
#include "catalog/provision_keep.h"
#include "catalog/renewal.h"
#include "core/clock.h"
#include "core/json.h"
#include "ipa/fit.h"
#include "mdm/queue.h"
#include <stdlib.h>
#include <time.h>

#define NOW	"2026-11-22T12:00:00Z"
#define CERT	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

/* ---- what fits ---- */

#define OWN(more) "{\"uuid\":\"own\",\"kind\":\"enterprise\",\"signature\":\"apple\",\"app_id\":\"TEAM.com.example.app\"," \
	"\"expires\":\"2026-12-31T00:00:00Z\",\"certificates\":[{\"sha1\":\"" CERT "\"}],\"entitlements\":{\"application-identifier\":" \
	"\"TEAM.com.example.app\",\"get-task-allow\":false,\"groups\":[\"TEAM.a\",\"TEAM.b\"]}" more "}"

static void
must_65_a_provision_fits_by_app_id_certificate_and_entitlements_or_it_is_said_what_does_not(void **state)
{
	static const struct {
		const char *change;	/* merged into a newer provision that fits */
		const char *certificate, *claims;
		enum fit_verdict verdict;
		const char *detail;
	} cases[] = {
		{ "{}", CERT, NULL, FIT_YES, "" },
		{ "{}", "", NULL, FIT_YES, "" },
		{ "{\"kind\":\"adhoc\"}", CERT, NULL, FIT_YES, "" },
		{ "{\"kind\":\"store\"}", CERT, NULL, FIT_STORE, "" },
		{ "{\"signature\":\"other\"}", CERT, NULL, FIT_SIGNATURE, "" },
		{ "{\"signature\":\"invalid\"}", CERT, NULL, FIT_SIGNATURE, "" },
		{ "{\"signature\":\"other:test\"}", CERT, NULL, FIT_YES, "" },
		{ "{\"app_id\":\"TEAM.com.example.*\"}", CERT, NULL, FIT_YES, "" },
		{ "{\"app_id\":\"TEAM.*\"}", CERT, NULL, FIT_YES, "" },
		{ "{\"app_id\":\"TEAM.com.example.ap\"}", CERT, NULL, FIT_APP_ID, "" },
		{ "{\"app_id\":\"TEAM.com.example.app.share\"}", CERT, NULL, FIT_APP_ID, "" },
		{ "{\"app_id\":\"OTHER.com.example.app\"}", CERT, NULL, FIT_APP_ID, "" },
		{ "{\"certificates\":[{\"sha1\":\"bb\"}]}", CERT, NULL, FIT_CERTIFICATE, "" },
		{ "{\"certificates\":[{\"sha1\":\"bb\"}]}", "", NULL, FIT_CERTIFICATE, "" },
		{ "{\"certificates\":[{\"sha1\":\"bb\"},{\"sha1\":\"" CERT "\"}]}", CERT, NULL, FIT_YES, "" },
		{ "{}", "bb", NULL, FIT_CERTIFICATE, "" },
		{ "{\"expires\":\"2026-12-30T00:00:00Z\"}", CERT, NULL, FIT_ENDED, "" },
		{ "{\"entitlements\":{\"groups\":[\"TEAM.*\"],\"application-identifier\":\"TEAM.*\"}}", CERT, NULL, FIT_YES, "" },
		{ "{\"entitlements\":{\"groups\":[\"TEAM.a\"],\"application-identifier\":\"TEAM.*\"}}", CERT, NULL, FIT_ENTITLEMENT, "groups" },
		{ "{\"entitlements\":{}}", CERT, "{\"aps\":\"production\"}", FIT_ENTITLEMENT, "aps" },
		{ "{\"entitlements\":{\"aps\":\"development\"}}", CERT, "{\"aps\":\"production\"}", FIT_ENTITLEMENT, "aps" },
		{ "{\"entitlements\":{\"aps\":\"production\"}}", CERT, "{\"aps\":\"production\"}", FIT_YES, "" },
		{ "{\"entitlements\":{}}", CERT, "{\"debug\":false,\"list\":[]}", FIT_YES, "" },
		{ "{\"entitlements\":{\"debug\":false}}", CERT, "{\"debug\":true}", FIT_ENTITLEMENT, "debug" },
		{ "{\"entitlements\":{\"domains\":\"*\"}}", CERT, "{\"domains\":[\"applinks:example.com\"]}", FIT_YES, "" },
		{ "{\"entitlements\":{\"n\":1}}", CERT, "{\"n\":2}", FIT_ENTITLEMENT, "n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		json_t *own = json_loads(OWN(""), 0, NULL), *newer = json_deep_copy(own), *change = json_loads(cases[i].change, 0, NULL);
		json_t *claims = cases[i].claims ? json_loads(cases[i].claims, 0, NULL) : NULL;
		const struct fit_bundle bundle = { "com.example.app", cases[i].certificate, claims, own };
		char detail[FIT_DETAIL_MAX];
		enum fit_verdict v;

		json_object_set_new(newer, "uuid", json_string("newer"));
		json_object_set_new(newer, "expires", json_string("2027-12-31T00:00:00Z"));
		json_object_update(newer, change);
		v = fit(newer, &bundle, detail);
		if (v != cases[i].verdict || strcmp(detail, cases[i].detail) != 0)
			fail_msg("%s: %s %s", cases[i].change, fit_name(v), detail);
		assert_int_equal(fit(own, &bundle, NULL), strcmp(cases[i].certificate, "bb") == 0 ? FIT_CERTIFICATE :
				 cases[i].claims && cases[i].verdict == FIT_ENTITLEMENT ? FIT_ENTITLEMENT :
				 cases[i].claims && !strstr(cases[i].claims, "false") ? FIT_ENTITLEMENT : FIT_YES);
		json_decref(own);
		json_decref(newer);
		json_decref(change);
		json_decref(claims);
	}
	assert_int_equal(fit(NULL, &(struct fit_bundle){ "com.example.app", "", NULL, NULL }, NULL), FIT_UNKNOWN);
}

/* ---- a house with devices ---- */

static void
sql(struct house *h, const char *text)
{
	struct err err;

	assert_ok(db_run(h->db, &err, text), &err);
}

static int64_t
days(int n)
{
	return clock_now() + n * (int64_t)DAY_S;
}

static void
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

static void
provision(struct house *h, const char *uuid, const char *app_id, int ends, const char *udid)
{
	struct err err;

	assert_ok(db_run(h->db, &err, "INSERT INTO provision (uuid, name, kind, team_id, app_id, expires, facts, source, created, file)"
			 " VALUES ($1, $1, $2, 'TEAM', $3, $4, '', 'upload', 1, $5)", db_text(uuid), db_text(udid ? "adhoc" : "enterprise"),
			 db_text(app_id), db_int(days(ends)), db_bytes((struct bytes){ "file", 4 })), &err);
	if (udid)
		assert_ok(db_run(h->db, &err, "INSERT INTO provision_device (uuid, udid) VALUES ($1, $2)", db_text(uuid), db_text(udid)), &err);
}

static void
fits(struct house *h, const char *build, const char *path, const char *uuid)
{
	struct err err;

	assert_ok(db_run(h->db, &err, "INSERT INTO provision_fit (build_id, path, uuid) VALUES ($1, $2, $3)", db_text(build), db_text(path),
			 db_text(uuid)), &err);
}

/* A bundle of build "1.0 (7)" of `app`, under its own provision. */
static void
bundle(struct house *h, const char *app, const char *path, const char *own, int ends, int certificate)
{
	struct err err;

	assert_ok(db_run(h->db, &err, "INSERT INTO build_bundle (build_id, path, app_bundle_id, version, build, uploaded, bundle_id,"
			 " provision_uuid, expires, certificate, certificate_name, certificate_expires) VALUES ($1, $2, $1, '1.0', '7', 1,"
			 " $3, $4, $5, $7, '', $6)", db_text(app), db_text(path), db_text(*path ? path : app), db_text(own),
			 db_int(days(ends)), db_int(days(certificate)), db_text(CERT)), &err);
	fits(h, app, path, own);
}

static void
holds(struct house *h, const char *id, const char *app)
{
	struct err err;

	assert_ok(db_run(h->db, &err, "INSERT INTO installed_app (device_id, bundle_id, version, short_version, installed, managed, at)"
			 " VALUES ($1, $2, '7', '1.0', TRUE, TRUE, 1)", db_text(id), db_text(app)), &err);
}

static void
lists(struct house *h, const char *id, const char *uuid)
{
	struct err err;

	assert_ok(db_run(h->db, &err, "INSERT INTO installed_provision (device_id, uuid, at) VALUES ($1, $2, 1)", db_text(id),
			 db_text(uuid)), &err);
}

/* One app with an extension, under provisions that end in 40 days. */
static struct house
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

static void
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

static void
plan(struct house *h, const char *id)
{
	struct err err;

	assert_ok(db_tx(h->db, tx_plan, (void *)(uintptr_t)id, &err), &err);
}

/* "install new-app wanted, ..." of all rows. */
static const char *
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

static const char *
one(TALLOC_CTX *ctx, struct house *h, const char *query)
{
	struct rows *rows = db_query(ctx, h->db, query);
	struct err err;

	return rows_next(rows, &err) == ROWS_ROW ? rows_text(ctx, rows, 0) : "none";
}

struct waving { struct renewal_pace pace; struct renewal_quota left; bool more; int64_t next; };

static bool
tx_wave(struct db *tx, void *arg, struct err *err)
{
	struct waving *w = arg;

	return renewal_wave(tx, &w->pace, &w->left, &w->more, &w->next, err);
}

static int64_t
wave(struct house *h, struct renewal_pace pace)
{
	struct waving w = { .pace = pace };
	struct err err;

	assert_ok(renewal_quota(h->db, &pace, &w.left, &err), &err);
	assert_ok(db_tx(h->db, tx_wave, &w, &err), &err);
	return w.next;
}

#define ALL_AT_ONCE	((struct renewal_pace){ 100, 0, 30, false })

/* ---- plans ---- */

static void
must_65_a_set_goes_out_when_it_is_whole_and_not_before(void **state)
{
	struct house h = stock_house(*state);

	plan(&h, "d1");
	assert_string_equal(rows_of(*state, &h), "");
	newer(&h, "new-app", "TEAM.com.example.stock", "", 365);
	plan(&h, "d1");
	assert_string_equal(rows_of(*state, &h), "");
	newer(&h, "new-ext", "TEAM.com.example.stock.share", "com.example.stock.share", 365);
	plan(&h, "d1");
	plan(&h, "d1");
	assert_string_equal(rows_of(*state, &h), "install new-app wanted, install new-ext wanted");
	assert_string_equal(one(*state, &h, "SELECT cause FROM held_app WHERE next > ends"), "provision");
}

static void
a_watch_app_s_provision_belongs_to_the_set_as_an_extension_s_does(void **state)
{
	struct house h = stock_house(*state);

	provision(&h, "old-watch", "TEAM.com.example.stock.watch", 40, NULL);
	bundle(&h, "com.example.stock", "Watch/Clock.app", "old-watch", 40, 900);
	sql(&h, "UPDATE build_bundle SET bundle_id = 'com.example.stock.watch' WHERE path = 'Watch/Clock.app'");
	lists(&h, "d1", "old-watch");
	newer(&h, "new-app", "TEAM.com.example.stock", "", 365);
	newer(&h, "new-ext", "TEAM.com.example.stock.share", "com.example.stock.share", 365);
	plan(&h, "d1");
	assert_string_equal(rows_of(*state, &h), "");
	newer(&h, "new-watch", "TEAM.com.example.stock.watch", "Watch/Clock.app", 365);
	plan(&h, "d1");
	assert_string_equal(rows_of(*state, &h), "install new-app wanted, install new-ext wanted, install new-watch wanted");
	/* and while it is not there, none of the old ones goes */
	lists(&h, "d1", "new-app");
	lists(&h, "d1", "new-ext");
	plan(&h, "d1");
	assert_string_equal(one(*state, &h, "SELECT count(*) FROM renewal WHERE action = 'remove'"), "0");
	lists(&h, "d1", "new-watch");
	plan(&h, "d1");
	assert_string_equal(one(*state, &h, "SELECT count(*) FROM renewal WHERE action = 'remove'"), "3");
}

static void
in_the_last_week_half_a_set_is_better_than_none(void **state)
{
	struct house h = stock_house(*state);

	newer(&h, "new-app", "TEAM.com.example.stock", "", 365);
	set_now(&h, "2026-12-26T12:00:00Z");
	plan(&h, "d1");
	assert_string_equal(rows_of(*state, &h), "install new-app wanted");
}

static void
of_several_that_fit_the_last_one_to_end_goes_and_a_plan_that_is_overtaken_is_dropped(void **state)
{
	struct house h = stock_house(*state);

	newer(&h, "new-app", "TEAM.com.example.stock", "", 365);
	newer(&h, "new-ext", "TEAM.com.example.stock.share", "com.example.stock.share", 365);
	plan(&h, "d1");
	newer(&h, "newer-app", "TEAM.com.example.stock", "", 500);
	plan(&h, "d1");
	assert_string_equal(rows_of(*state, &h), "install new-ext wanted, install newer-app wanted");
}

static void
must_67_a_certificate_that_ends_is_said_and_no_provision_is_sent(void **state)
{
	struct house h = stock_house(*state);

	newer(&h, "new-app", "TEAM.com.example.stock", "", 365);
	newer(&h, "new-ext", "TEAM.com.example.stock.share", "com.example.stock.share", 365);
	assert_true(db_run(h.db, &(struct err){ 0 }, "UPDATE build_bundle SET certificate_expires = $1", db_int(days(20))));
	plan(&h, "d1");
	assert_string_equal(rows_of(*state, &h), "");
	assert_string_equal(one(*state, &h, "SELECT cause FROM held_app"), "certificate");
}

static void
ad_hoc_provisions_go_to_the_devices_they_list_alone(void **state)
{
	struct house h = stock_house(*state);

	sql(&h, "DELETE FROM build_bundle WHERE path <> ''");
	device(&h, "d2");
	holds(&h, "d2", "com.example.stock");
	provision(&h, "for-d2", "TEAM.com.example.stock", 365, "udid-d2");	/* whatever the case of its letters */
	fits(&h, "com.example.stock", "", "for-d2");
	plan(&h, "d1");
	plan(&h, "d2");
	assert_string_equal(one(*state, &h, "SELECT device_id FROM renewal"), "d2");
	assert_string_equal(one(*state, &h, "SELECT count(*) FROM renewal"), "1");
}

static void
must_66_an_old_one_goes_when_newer_ones_are_listed_and_nobody_else_needs_it(void **state)
{
	static const struct {
		const char *before, *old_goes;	/* what is so besides */
	} cases[] = {
		{ "", "remove old-app wanted, remove old-ext wanted" },
		/* the extension's newer one is not there yet */
		{ "DELETE FROM installed_provision WHERE uuid = 'new-ext'", "install new-ext wanted" },
		/* none is: the last valid one never goes */
		{ "DELETE FROM installed_provision WHERE uuid LIKE 'new%'", "install new-app wanted, install new-ext wanted" },
		/* an app whose insides are not known may live under it */
		{ "INSERT INTO installed_app (device_id, bundle_id, version, installed, managed, at) VALUES ('d1', 'com.example.other', '1',"
		  " TRUE, FALSE, 1)", "remove old-app wanted, remove old-ext wanted" },
		{ "UPDATE provision SET app_id = 'TEAM.com.example.*' WHERE uuid = 'old-app'", "remove old-app wanted, remove old-ext wanted" },
		/* another build of the app, which is not here */
		{ "UPDATE installed_app SET version = '6'", "" },
		/* the newer one is over by now: it goes, and the old ones stay */
		{ "UPDATE provision SET expires = 1000 WHERE uuid = 'new-app'", "remove new-app wanted" },
		/* who signed the extension is guessed: what seems to fit may not, so both stay while they are valid */
		{ "UPDATE build_bundle SET certificate = '' WHERE path <> ''", "" },
		{ "UPDATE provision SET expires = 1000 WHERE uuid LIKE 'old%'", "remove old-app wanted, remove old-ext wanted" },
		/* the person's own apps are not on the list of a user enrollment */
		{ "UPDATE enrollment SET kind = 'user'", "" },
		/* of all apps nothing was heard yet, of some alone just now */
		{ "UPDATE device_report SET whole = 0", "" },
		/* we do not know it: it is not ours */
		{ "DELETE FROM provision WHERE uuid = 'old-ext'", "remove old-app wanted" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		void *ctx = talloc_new(*state);
		struct house h = stock_house(ctx);

		newer(&h, "new-app", "TEAM.com.example.stock", "", 365);
		newer(&h, "new-ext", "TEAM.com.example.stock.share", "com.example.stock.share", 365);
		lists(&h, "d1", "new-app");
		lists(&h, "d1", "new-ext");
		if (*cases[i].before)
			sql(&h, cases[i].before);
		plan(&h, "d1");
		if (strcmp(rows_of(ctx, &h), cases[i].old_goes) != 0)
			fail_msg("%s: %s", cases[i].before, rows_of(ctx, &h));
		talloc_free(h.db);
		talloc_free(ctx);
	}
}

static void
a_wildcard_that_an_unknown_app_may_need_stays(void **state)
{
	struct house h = stock_house(*state);

	newer(&h, "new-app", "TEAM.com.example.stock", "", 365);
	newer(&h, "new-ext", "TEAM.com.example.stock.share", "com.example.stock.share", 365);
	lists(&h, "d1", "new-app");
	lists(&h, "d1", "new-ext");
	sql(&h, "UPDATE provision SET app_id = 'TEAM.com.example.*' WHERE uuid = 'old-app'");
	sql(&h, "INSERT INTO installed_app (device_id, bundle_id, version, installed, managed, at) VALUES ('d1', 'com.example.other', '1',"
	    " TRUE, FALSE, 1)");
	plan(&h, "d1");
	assert_string_equal(rows_of(*state, &h), "remove old-ext wanted");
	/* it is gone from the device: now it may */
	sql(&h, "DELETE FROM installed_app WHERE bundle_id = 'com.example.other'");
	plan(&h, "d1");
	assert_string_equal(rows_of(*state, &h), "remove old-app wanted, remove old-ext wanted");
}

static void
nothing_is_removed_by_a_list_of_apps_that_is_not_of_today(void **state)
{
	struct house h = stock_house(*state);

	newer(&h, "new-app", "TEAM.com.example.stock", "", 365);
	newer(&h, "new-ext", "TEAM.com.example.stock.share", "com.example.stock.share", 365);
	lists(&h, "d1", "new-app");
	lists(&h, "d1", "new-ext");
	set_now(&h, "2026-11-24T12:00:00Z");
	plan(&h, "d1");
	assert_string_equal(rows_of(*state, &h), "");
	assert_string_equal(one(*state, &h, "SELECT count(*) FROM command WHERE request_type = 'InstalledApplicationList'"), "1");
}

static void
of_two_builds_with_the_same_numbers_the_worse_is_assumed(void **state)
{
	struct house h = stock_house(*state);
	struct err err;

	/* signed anew with a year more, and not what this device lists */
	provision(&h, "anew", "TEAM.com.example.stock", 400, NULL);
	assert_ok(db_run(h.db, &err, "INSERT INTO build_bundle (build_id, path, app_bundle_id, version, build, uploaded, bundle_id,"
			 " provision_uuid, expires, certificate, certificate_name, certificate_expires) VALUES ('anew', '', 'com.example.stock',"
			 " '1.0', '7', 2, 'com.example.stock', 'anew', $1, '', '', 0)", db_int(days(400))), &err);
	fits(&h, "anew", "", "anew");
	plan(&h, "d1");
	assert_string_equal(one(*state, &h, "SELECT build_id FROM held_app"), "com.example.stock");
	assert_int_equal(atoll(one(*state, &h, "SELECT ends FROM held_app")), days(40));
}

static void
of_two_builds_with_the_same_numbers_the_one_that_our_command_brought_is_there(void **state)
{
	struct house h = stock_house(*state);
	struct err err;

	provision(&h, "anew", "TEAM.com.example.stock", 400, NULL);
	assert_ok(db_run(h.db, &err, "INSERT INTO build_bundle (build_id, path, app_bundle_id, version, build, uploaded, bundle_id,"
			 " provision_uuid, expires, certificate, certificate_name, certificate_expires) VALUES ('anew', '', 'com.example.stock',"
			 " '1.0', '7', 2, 'com.example.stock', 'anew', $1, '', '', 0)", db_int(days(400))), &err);
	fits(&h, "anew", "", "anew");
	sql(&h, "INSERT INTO managed_app (device_id, bundle_id, build_id, cause, state, brought, changed) VALUES ('d1', 'com.example.stock',"
		" 'anew', 'asked', 'installed', 'anew', 1)");
	/* its embedded provision counts, whatever the list says */
	plan(&h, "d1");
	assert_string_equal(one(*state, &h, "SELECT build_id FROM held_app"), "anew");
	assert_int_equal(atoll(one(*state, &h, "SELECT ends FROM held_app")), days(400));
	/* and a listed provision of the newer one does not hide that the older one is there */
	sql(&h, "UPDATE managed_app SET brought = 'com.example.stock'");
	sql(&h, "DELETE FROM installed_provision");
	lists(&h, "d1", "anew");
	plan(&h, "d1");
	assert_string_equal(one(*state, &h, "SELECT build_id FROM held_app"), "com.example.stock");
	assert_int_equal(atoll(one(*state, &h, "SELECT ends FROM held_app")), days(40));
}

static void
where_certificate_and_provision_end_together_no_provision_is_said_to_help(void **state)
{
	struct house h = stock_house(*state);

	sql(&h, mem_printf(*state, "UPDATE build_bundle SET certificate_expires = %lld", (long long)days(40)));
	newer(&h, "new-app", "TEAM.com.example.stock", "", 365);
	plan(&h, "d1");
	assert_string_equal(one(*state, &h, "SELECT cause FROM held_app"), "certificate");
	assert_string_equal(rows_of(*state, &h), "");
}

static void
where_a_build_signed_anew_is_placed_the_plan_of_apps_looks_at_whose_certificate_ends(void **state)
{
	struct house h = stock_house(*state);
	struct err err;

	sql(&h, mem_printf(*state, "UPDATE build_bundle SET certificate_expires = %lld", (long long)days(20)));
	plan(&h, "d1");
	assert_string_equal(one(*state, &h, "SELECT cause FROM held_app"), "certificate");
	assert_ok(db_run(h.db, &err, "INSERT INTO build_bundle (build_id, path, app_bundle_id, version, build, uploaded, bundle_id,"
			 " provision_uuid, expires, certificate, certificate_name, certificate_expires) VALUES ('anew', '', 'com.example.stock',"
			 " '1.0', '7', 2, 'com.example.stock', 'anew', $1, 'x', '', $1)", db_int(days(400))), &err);
	plan(&h, "d1");
	assert_string_equal(one(*state, &h, "SELECT count(*) FROM job WHERE kind = 'managed_app_device'"), "0");
	sql(&h, "INSERT INTO app (id, bundle_id, name, folded, created) VALUES ('a', 'com.example.stock', 'Stock', 'stock', 1)");
	sql(&h, "INSERT INTO build (id, app_id, sha256, size, version, build, minimum_os, installable, expires, facts, chunk_sha256s, icon57, icon120,"
		" icon512, notes, branch, git_commit, ci_url, source, custom_fields, created) VALUES ('anew', 'a', 'x', 1, '1.0', '7', '', TRUE, 0,"
		" '', '', '', '', '', '', '', '', '', '', '', 1)");
	sql(&h, "INSERT INTO channel (id, app_id, name, created, newest_build_id, newest_at) VALUES ('m', 'a', 'main', 1, 'anew', 1)");
	/* years before that, or where it is the older one, nothing is to be looked at */
	sql(&h, mem_printf(*state, "UPDATE build_bundle SET certificate_expires = %lld WHERE build_id <> 'anew'", (long long)days(61)));
	sql(&h, mem_printf(*state, "UPDATE provision SET expires = %lld", (long long)days(300)));
	plan(&h, "d1");
	assert_string_equal(one(*state, &h, "SELECT count(*) FROM job WHERE kind = 'managed_app_device'"), "0");
	sql(&h, mem_printf(*state, "UPDATE build_bundle SET certificate_expires = %lld WHERE build_id <> 'anew'", (long long)days(20)));
	sql(&h, "UPDATE build_bundle SET uploaded = 0 WHERE build_id = 'anew'");
	plan(&h, "d1");
	assert_string_equal(one(*state, &h, "SELECT count(*) FROM job WHERE kind = 'managed_app_device'"), "0");
	sql(&h, "UPDATE build_bundle SET uploaded = 2 WHERE build_id = 'anew'");
	plan(&h, "d1");
	assert_string_equal(one(*state, &h, "SELECT count(*) FROM job WHERE kind = 'managed_app_device'"), "1");
	/* a look that waits for the first lists is not hurried */
	sql(&h, mem_printf(*state, "UPDATE job SET due = %lld", (long long)clock_now() + 3600));
	plan(&h, "d1");
	assert_int_equal(atoll(one(*state, &h, "SELECT due FROM job WHERE kind = 'managed_app_device'")), clock_now() + 3600);
}

/* ---- waves ---- */

static struct house
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

#define SENT "SELECT count(DISTINCT device_id) FROM renewal WHERE state = 'sent'"

static void
waves_go_by_percent_and_count_each_hour(void **state)
{
	struct house h = fleet(*state, 10);
	struct renewal_pace pace = { 30, 0, 30, false };

	wave(&h, pace);
	assert_string_equal(one(*state, &h, SENT), "3");
	wave(&h, pace);			/* in the same hour nobody more */
	assert_string_equal(one(*state, &h, SENT), "3");
	set_now(&h, "2026-11-22T13:01:00Z");
	pace.devices = 2;
	wave(&h, pace);
	assert_string_equal(one(*state, &h, SENT), "5");
	pace.paused = true;
	set_now(&h, "2026-11-22T15:00:00Z");
	wave(&h, pace);
	assert_string_equal(one(*state, &h, SENT), "5");
	/* both of a set go to a device together */
	assert_string_equal(one(*state, &h, "SELECT count(*) FROM command_queue q JOIN command c ON c.id = q.command_id WHERE"
				" c.request_type = 'InstallProvisioningProfile'"), "10");
}

static void
removals_go_in_waves_too_and_stand_still_while_waves_are_paused(void **state)
{
	struct house h = fleet(*state, 10);
	struct renewal_pace pace = { 30, 0, 30, true };

	for (int i = 1; i <= 10; i++)
		for (size_t k = 0; k < 4; k++)
			if (i > 1 || k > 1)	/* the first lists the old ones from the beginning */
				lists(&h, mem_printf(*state, "d%d", i), (const char *[]){ "old-app", "old-ext", "new-app", "new-ext" }[k]);
	for (int i = 1; i <= 10; i++)
		plan(&h, mem_printf(*state, "d%d", i));
	wave(&h, pace);
	assert_string_equal(one(*state, &h, SENT), "0");
	pace.paused = false;
	wave(&h, pace);
	wave(&h, pace);			/* in the same hour nobody more */
	assert_string_equal(one(*state, &h, SENT), "3");
	assert_string_equal(one(*state, &h, "SELECT count(*) FROM renewal WHERE state = 'sent' AND action = 'remove'"), "6");
	for (int i = 0; i < 3; i++) {
		set_now(&h, mem_printf(*state, "2026-11-22T%d:30:00Z", 13 + i));
		wave(&h, pace);
	}
	assert_string_equal(one(*state, &h, SENT), "10");
}

static void
thirty_days_before_the_end_it_goes_to_everybody_whatever_the_pace(void **state)
{
	struct house h = fleet(*state, 10);

	set_now(&h, "2026-12-02T12:00:01Z");
	wave(&h, (struct renewal_pace){ 1, 1, 30, true });
	assert_string_equal(one(*state, &h, SENT), "10");
}

/* ---- somebody pauses one ---- */

static void
paused(struct house *h, const char *uuid, bool is)
{
	struct err err;

	for (int i = 0; i < 2; i++)	/* twice is once */
		assert_ok(renewal_pause(h->db, h->anna, uuid, is, &err), &err);
}

static void
the_waves_of_a_provision_stand_still_until_they_are_let_go_on_and_others_do_not(void **state)
{
	struct house h = fleet(*state, 10);

	paused(&h, "new-app", true);
	wave(&h, ALL_AT_ONCE);
	assert_string_equal(one(*state, &h, "SELECT count(*) FROM renewal WHERE state = 'sent' AND uuid = 'new-ext'"), "10");
	assert_string_equal(one(*state, &h, "SELECT count(*) FROM renewal WHERE state = 'wanted' AND uuid = 'new-app'"), "10");
	sql(&h, "DELETE FROM job");
	paused(&h, "new-app", false);
	assert_string_equal(one(*state, &h, "SELECT count(*) FROM job WHERE kind = 'renewal_wave' AND due <= created"), "1");
	wave(&h, ALL_AT_ONCE);
	assert_string_equal(one(*state, &h, "SELECT count(*) FROM renewal WHERE state = 'sent'"), "20");
	assert_string_equal(one(*state, &h, "SELECT count(*) FROM audit WHERE act = 'provision.pause' AND actor = 'anna'"), "1");
	assert_string_equal(one(*state, &h, "SELECT count(*) FROM audit WHERE act = 'provision.resume' AND actor = 'anna'"), "1");
}

static void
what_is_paused_goes_out_thirty_days_before_the_end_all_the_same(void **state)
{
	struct house h = fleet(*state, 3);
	struct waving w = { .pace = ALL_AT_ONCE };
	struct err err;

	paused(&h, "new-app", true);
	paused(&h, "new-ext", true);
	set_now(&h, "2026-12-02T11:00:00Z");
	assert_ok(renewal_quota(h.db, &w.pace, &w.left, &err), &err);
	assert_ok(db_tx(h.db, tx_wave, &w, &err), &err);
	assert_string_equal(one(*state, &h, SENT), "0");
	assert_int_equal(w.left.installs, 3);	/* and takes nobody's place */
	set_now(&h, "2026-12-02T12:00:01Z");
	wave(&h, ALL_AT_ONCE);
	assert_string_equal(one(*state, &h, "SELECT count(*) FROM renewal WHERE state = 'sent'"), "6");
}

static void
where_a_paused_one_came_the_old_ones_stay(void **state)
{
	struct house h = fleet(*state, 2);

	for (size_t k = 0; k < 4; k++)
		for (size_t i = k < 2; i < 2; i++)	/* the first lists the old ones from the beginning */
			lists(&h, i ? "d2" : "d1", (const char *[]){ "old-app", "old-ext", "new-app", "new-ext" }[k]);
	plan(&h, "d1");
	plan(&h, "d2");
	paused(&h, "new-app", true);
	wave(&h, ALL_AT_ONCE);
	assert_string_equal(one(*state, &h, SENT), "0");
	paused(&h, "new-app", false);
	wave(&h, ALL_AT_ONCE);
	assert_string_equal(one(*state, &h, "SELECT count(*) FROM renewal WHERE state = 'sent' AND action = 'remove'"), "4");
}

static void
it_is_said_that_waves_stand_still_and_by_whom(void **state)
{
	struct house h = fleet(*state, 3);
	struct err err;
	json_t *list, *p;

	paused(&h, "new-app", true);
	assert_ok(renewal_endings(h.db, VIEWER_HOUSE, INT64_MAX, &list, &err), &err);
	assert_int_equal(json_integer_value(json_object_get(json_array_get(list, 0), "paused")), 3);
	assert_string_equal(json_string_value(json_object_get(json_array_get(list, 0), "paused_by")), "anna");
	json_decref(list);
	assert_ok(provision_show(h.db, VIEWER_HOUSE, "new-app", &p, &err), &err);
	assert_string_equal(json_string_value(json_object_get(json_object_get(p, "paused"), "by")), "anna");
	json_decref(p);
	paused(&h, "new-app", false);
	assert_ok(provision_show(h.db, VIEWER_HOUSE, "new-app", &p, &err), &err);
	assert_true(json_is_null(json_object_get(p, "paused")));
	json_decref(p);
}

static void
who_publishes_all_that_it_is_for_may_pause_it_and_any_of_it_let_it_go_on(void **state)
{
	const char *const stock[] = { "com.example.stock", NULL }, *const others[] = { "com.example.other", NULL };
	struct house h = fleet(*state, 1);
	struct person few = *h.paul, *other;
	struct err err;
	json_t *p;

	few.apps = stock;
	sql(&h, "UPDATE person SET all_apps = FALSE WHERE name = 'paul'");
	sql(&h, "INSERT INTO app (id, bundle_id, name, folded, created) VALUES ('stock', 'com.example.stock', 'Stock', 'stock', 1)");
	sql(&h, "INSERT INTO publisher_app (person_id, bundle_id) SELECT id, 'com.example.stock' FROM person WHERE name = 'paul'");
	assert_false(renewal_pause(h.db, h.mia, "new-app", true, &err));
	assert_int_equal(err.kind, ERR_MISSING);
	assert_false(renewal_pause(h.db, NULL, "nowhere", true, &err));
	assert_int_equal(err.kind, ERR_MISSING);
	assert_ok(renewal_pause(h.db, &few, "new-app", true, &err), &err);
	/* it is for that, too: its publisher did not pause it */
	bundle(&h, "com.example.other", "", "new-app", 365, 900);
	other = publisher_of(*state, &h, "olga", "com.example.other");
	other->apps = others;
	sql(&h, "INSERT INTO app (id, bundle_id, name, folded, created) VALUES ('other', 'com.example.other', 'Other', 'other', 1)");
	assert_ok(provision_show(h.db, VIEWER_HOUSE, "new-app", &p, &err), &err);
	assert_true(renewal_may_pause(other, p));
	json_decref(p);
	assert_ok(renewal_pause(h.db, other, "new-app", false, &err), &err);
	assert_ok(provision_show(h.db, VIEWER_HOUSE, "new-app", &p, &err), &err);
	assert_false(renewal_may_pause(other, p));
	assert_false(renewal_may_pause(&few, p));
	json_decref(p);
	assert_false(renewal_pause(h.db, &few, "new-app", true, &err));
	assert_int_equal(err.kind, ERR_DENIED);
	paused(&h, "new-app", true);
	/* it fits nothing, and may come to fit anything: who has uploaded it may not, and who publishes all may */
	sql(&h, "DELETE FROM provision_fit WHERE uuid = 'new-app'");
	sql(&h, "UPDATE provision SET person_id = (SELECT id FROM person WHERE name = 'paul') WHERE uuid = 'new-app'");
	assert_ok(renewal_pause(h.db, &few, "new-app", false, &err), &err);
	assert_false(renewal_pause(h.db, &few, "new-app", true, &err));
	assert_int_equal(err.kind, ERR_DENIED);
	assert_ok(renewal_pause(h.db, h.paul, "new-app", true, &err), &err);
	assert_ok(renewal_pause(h.db, NULL, "new-app", false, &err), &err);
	assert_string_equal(one(*state, &h, "SELECT actor FROM audit WHERE act = 'provision.resume' ORDER BY id DESC LIMIT 1"), "cli");
}

static void
a_device_without_the_right_says_so_and_is_looked_at_again(void **state)
{
	struct house h = fleet(*state, 1);

	sql(&h, "UPDATE enrollment SET access_rights = 19");
	wave(&h, ALL_AT_ONCE);
	assert_string_equal(one(*state, &h, "SELECT state || ' ' || why FROM renewal"), "failed no_right");
	sql(&h, "UPDATE enrollment SET access_rights = 8191");
	set_now(&h, "2026-11-23T13:00:00Z");
	wave(&h, ALL_AT_ONCE);
	assert_string_equal(one(*state, &h, "SELECT state FROM renewal"), "sent");
}

/* ---- states ---- */

struct coming { enum renewal_outcome outcome; };

static bool
tx_came(struct db *tx, void *arg, struct err *err)
{
	const struct coming *c = arg;

	return renewal_came(tx, "d1", "new-app", "install", c->outcome, "why", err);
}

static void
came(struct house *h, enum renewal_outcome outcome)
{
	struct err err;

	assert_ok(db_tx(h->db, tx_came, &(struct coming){ outcome }, &err), &err);
}

#define STATE "SELECT state FROM renewal WHERE uuid = 'new-app' AND action = 'install'"

static void
no_state_is_without_an_exit(void **state)
{
	struct house h = fleet(*state, 1);

	wave(&h, ALL_AT_ONCE);
	assert_string_equal(one(*state, &h, STATE), "sent");
	/* its command waits: so does the row */
	set_now(&h, "2026-11-24T12:00:00Z");
	wave(&h, ALL_AT_ONCE);
	assert_string_equal(one(*state, &h, STATE), "sent");
	/* the command is gone, and nobody said a word: it is sent again */
	sql(&h, "DELETE FROM command_queue");
	set_now(&h, "2026-11-26T12:00:00Z");
	wave(&h, ALL_AT_ONCE);
	assert_string_equal(one(*state, &h, STATE), "sent");
	assert_string_equal(one(*state, &h, "SELECT count(*) FROM command_queue"), "2");
	/* taken, and on no list: the list is asked for three times, then it has failed, and is sent again */
	came(&h, RENEWAL_TAKEN);
	assert_string_equal(one(*state, &h, STATE), "acknowledged");
	for (int i = 0; i < 3; i++) {
		set_now(&h, mem_printf(*state, "2026-11-26T%d:30:00Z", 13 + 2 * i));
		wave(&h, ALL_AT_ONCE);
		assert_string_equal(one(*state, &h, STATE), "acknowledged");
	}
	assert_string_equal(one(*state, &h, "SELECT count(*) FROM command WHERE request_type = 'ProvisioningProfileList'"), "1");
	set_now(&h, "2026-11-26T20:00:00Z");
	wave(&h, ALL_AT_ONCE);
	assert_string_equal(one(*state, &h, STATE), "failed");
	set_now(&h, "2026-11-26T21:30:00Z");
	wave(&h, ALL_AT_ONCE);
	assert_string_equal(one(*state, &h, STATE), "sent");
	/* its command expired with the device away: it waits anew */
	came(&h, RENEWAL_LOST);
	assert_string_equal(one(*state, &h, STATE), "wanted");
	/* listed at last */
	lists(&h, "d1", "new-app");
	plan(&h, "d1");
	assert_string_equal(one(*state, &h, STATE), "done");
	/* and gone again: the device was erased; what failed before waits as it did */
	sql(&h, "DELETE FROM installed_provision");
	plan(&h, "d1");
	assert_string_equal(one(*state, &h, STATE), "failed");
	set_now(&h, "2026-11-27T00:00:00Z");
	wave(&h, ALL_AT_ONCE);
	assert_string_equal(one(*state, &h, STATE), "sent");
}

#define SINCE "SELECT due - changed FROM renewal WHERE uuid = 'new-app'"

static void
what_is_taken_and_never_listed_is_sent_ever_later_and_then_given_up_with_its_reason(void **state)
{
	static const int hours[] = { 1, 2, 4, 8, 16, 24, 24 };
	struct house h = fleet(*state, 1);

	for (size_t i = 0; i <= sizeof hours / sizeof *hours; i++) {
		wave(&h, ALL_AT_ONCE);
		assert_string_equal(one(*state, &h, STATE), "sent");
		sql(&h, "DELETE FROM command_queue");
		came(&h, RENEWAL_TAKEN);
		for (int k = 0; k < 4; k++) {
			set_now(&h, clock_text(*state, clock_now() + 3601));
			wave(&h, ALL_AT_ONCE);
		}
		assert_string_equal(one(*state, &h, STATE), "failed");
		if (i == sizeof hours / sizeof *hours)
			break;
		assert_string_equal(one(*state, &h, "SELECT why FROM renewal WHERE uuid = 'new-app'"), "not_listed");
		assert_int_equal(atoll(one(*state, &h, SINCE)), hours[i] * 3600);
		set_now(&h, clock_text(*state, clock_now() + hours[i] * 3600 + 1));
	}
	assert_string_equal(one(*state, &h, "SELECT why FROM renewal WHERE uuid = 'new-app'"), "given_up");
	set_now(&h, clock_text(*state, days(5)));
	plan(&h, "d1");
	wave(&h, ALL_AT_ONCE);
	assert_string_equal(one(*state, &h, STATE), "failed");
	/* a list has it after all */
	lists(&h, "d1", "new-app");
	plan(&h, "d1");
	assert_string_equal(one(*state, &h, STATE), "done");
}

static void
what_is_listed_and_gone_again_and_again_is_sent_ever_later(void **state)
{
	static const int hours[] = { 0, 2, 4, 8 };
	struct house h = fleet(*state, 1);

	for (size_t i = 0; i < sizeof hours / sizeof *hours; i++) {
		lists(&h, "d1", "new-app");
		plan(&h, "d1");
		assert_string_equal(one(*state, &h, STATE), "done");
		sql(&h, "DELETE FROM installed_provision WHERE uuid = 'new-app'");
		plan(&h, "d1");
		assert_string_equal(one(*state, &h, STATE), hours[i] ? "failed" : "wanted");
		if (hours[i])
			assert_int_equal(atoll(one(*state, &h, SINCE)), hours[i] * 3600);
	}
}

static void
a_queue_that_is_full_is_tried_again_in_an_hour_and_stands_in_nobody_s_way(void **state)
{
	struct house h = fleet(*state, 2);

	sql(&h, "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000) INSERT INTO command_queue"
	    " (enrollment_id, command_id, state, priority, not_before, expires, due) SELECT 'e-d1', 100000 + i, 'ready', 0, 0,"
	    " 4000000000, 4000000000 FROM n");
	wave(&h, ALL_AT_ONCE);
	assert_string_equal(rows_of(*state, &h), "install new-app failed, install new-ext failed, install new-app sent, install new-ext sent");
	assert_string_equal(one(*state, &h, "SELECT why FROM renewal WHERE device_id = 'd1'"), "full");
	assert_string_equal(one(*state, &h, "SELECT due - changed FROM renewal WHERE device_id = 'd1'"), "3600");
	sql(&h, "DELETE FROM command_queue WHERE enrollment_id = 'e-d1'");
	set_now(&h, "2026-11-22T13:00:01Z");
	wave(&h, ALL_AT_ONCE);
	assert_string_equal(rows_of(*state, &h), "install new-app sent, install new-ext sent, install new-app sent, install new-ext sent");
}

static void
a_clock_that_was_ahead_holds_nothing_back(void **state)
{
	struct house h = fleet(*state, 3);

	set_now(&h, "2028-11-22T12:00:00Z");
	wave(&h, (struct renewal_pace){ 30, 0, 30, false });
	assert_string_equal(one(*state, &h, SENT), "3");
	came(&h, RENEWAL_REFUSED);
	set_now(&h, "2026-11-22T12:10:00Z");
	wave(&h, (struct renewal_pace){ 30, 0, 0, false });
	assert_string_equal(one(*state, &h, STATE " AND device_id = 'd1'"), "sent");
	assert_string_equal(one(*state, &h, "SELECT count(*) FROM renewal WHERE due > 1800000000"), "0");
}

static void
a_wave_s_quota_is_for_all_of_its_transactions_and_reports_are_gathered_for_one(void **state)
{
	struct house h = fleet(*state, 10);
	struct waving w = { .pace = { 30, 0, 30, false } };
	struct err err;

	assert_string_equal(one(*state, &h, "SELECT due - created FROM job WHERE kind = 'renewal_wave'"), "60");
	assert_ok(renewal_quota(h.db, &w.pace, &w.left, &err), &err);
	assert_int_equal(w.left.installs, 3);
	for (int i = 0; i < 2; i++)
		assert_ok(db_tx(h.db, tx_wave, &w, &err), &err);
	assert_int_equal(w.left.installs, 0);
	assert_string_equal(one(*state, &h, SENT), "3");
}

static void
refusals_are_tried_again_ever_later_and_at_least_once_a_day(void **state)
{
	static const int hours[] = { 1, 2, 4, 8, 16, 24, 24 };
	struct house h = fleet(*state, 1);

	for (size_t i = 0; i < sizeof hours / sizeof *hours; i++) {
		int64_t before = clock_now();

		wave(&h, ALL_AT_ONCE);
		assert_string_equal(one(*state, &h, STATE), "sent");
		came(&h, RENEWAL_REFUSED);
		assert_int_equal(atoll(one(*state, &h, "SELECT due FROM renewal WHERE uuid = 'new-app'")) - before, hours[i] * 3600);
		set_now(&h, clock_text(*state, before + hours[i] * 3600 + 1));
	}
}

static bool
tx_before(struct db *tx, void *arg, struct err *err)
{
	(void)arg;
	return renewal_before_install(tx, "d1", "com.example.stock", err);
}

static void
behaviour_13_before_an_app_its_newer_provisions_are_sent(void **state)
{
	struct house h = stock_house(*state);
	struct err err;

	sql(&h, "DELETE FROM installed_app");
	newer(&h, "new-app", "TEAM.com.example.stock", "", 365);
	assert_ok(db_tx(h.db, tx_before, NULL, &err), &err);
	assert_string_equal(rows_of(*state, &h), "install new-app sent");
	assert_int_equal(atoll(one(*state, &h, "SELECT priority FROM command_queue")), QUEUE_PRIORITY_PERSON + 1);
	/* there already: nothing is sent */
	lists(&h, "d1", "new-app");
	plan(&h, "d1");
	sql(&h, "DELETE FROM command_queue");
	assert_ok(db_tx(h.db, tx_before, NULL, &err), &err);
	assert_string_equal(one(*state, &h, "SELECT count(*) FROM command_queue"), "0");
}

/* "d1 com.example.stock, ..." of a list, page by page. */
static const char *
held(TALLOC_CTX *ctx, struct house *h, struct held_filter filter, int64_t limit)
{
	const char *text = "", *after = NULL;
	json_t *list, *item;
	struct err err;
	size_t i;

	do {
		assert_ok(held_list(h->db, &filter, after, limit, &list, &err), &err);
		assert_true(json_array_size(json_object_get(list, "items")) <= (size_t)limit);
		json_array_foreach(json_object_get(list, "items"), i, item)
			text = mem_printf(ctx, "%s%s%s %s %s", text, *text ? ", " : "", text_of(item, "device_id"), text_of(item, "bundle_id"),
					  text_of(item, "doing"));
		after = mem_text(ctx, json_string_value(json_object_get(list, "next")));
		json_decref(list);
	} while (after);
	return text;
}

static void
the_list_says_which_device_has_which_app_under_which_provision_and_certificate_until_when(void **state)
{
	struct house h = fleet(*state, 3);
	json_t *list, *item, *names;
	struct err err;

	/* d2 has another app as well, whose certificate ends */
	provision(&h, "old-field", "TEAM.com.example.field", 300, NULL);
	bundle(&h, "com.example.field", "", "old-field", 300, 20);
	sql(&h, "UPDATE build_bundle SET certificate = 'bb', certificate_name = 'Old' WHERE build_id = 'com.example.field'");
	holds(&h, "d2", "com.example.field");
	for (int i = 1; i <= 3; i++)
		plan(&h, mem_printf(*state, "d%d", i));
	sql(&h, "UPDATE renewal SET state = 'failed' WHERE device_id = 'd3'");
	for (int limit = 1; limit <= 500; limit += 2)
		assert_string_equal(held(*state, &h, (struct held_filter){ 0 }, limit), "d2 com.example.field resign, d1 com.example.stock"
				    " renewing, d2 com.example.stock renewing, d3 com.example.stock failing");
	/* each of the ways to ask for some */
	assert_string_equal(held(*state, &h, (struct held_filter){ .build_id = "com.example.field" }, 2), "d2 com.example.field resign");
	assert_string_equal(held(*state, &h, (struct held_filter){ .certificate = "bb" }, 2), "d2 com.example.field resign");
	assert_string_equal(held(*state, &h, (struct held_filter){ .cause = "certificate" }, 2), "d2 com.example.field resign");
	assert_string_equal(held(*state, &h, (struct held_filter){ .ends = days(20) }, 2), "d2 com.example.field resign");
	assert_string_equal(held(*state, &h, (struct held_filter){ .uuid = "old-field" }, 2), "d2 com.example.field resign");
	assert_string_equal(held(*state, &h, (struct held_filter){ .bundle_id = "com.example.field", .build_id = "" }, 2),
			    "d2 com.example.field resign");
	assert_string_equal(held(*state, &h, (struct held_filter){ .bundle_id = "com.example.field", .cause = "provision" }, 2), "");
	assert_string_equal(held(*state, &h, (struct held_filter){ .build_id = "none" }, 2), "");
	/* and all that is joined */
	assert_ok(held_list(h.db, &(struct held_filter){ .certificate = "bb" }, NULL, 10, &list, &err), &err);
	item = json_array_get(json_object_get(list, "items"), 0);
	assert_string_equal(text_of(item, "device"), "UDID-d2");
	assert_string_equal(text_of(item, "build"), "7");
	assert_string_equal(text_of(item, "ends"), clock_text(*state, days(20)));
	assert_string_equal(text_of(json_object_get(item, "provision"), "uuid"), "old-field");
	assert_string_equal(text_of(json_object_get(item, "provision"), "expires"), clock_text(*state, days(300)));
	assert_string_equal(text_of(json_object_get(item, "certificate"), "name"), "Old");
	assert_string_equal(text_of(json_object_get(item, "certificate"), "expires"), clock_text(*state, days(20)));
	json_decref(list);
	assert_ok(held_names(h.db, &(struct held_filter){ .build_id = "com.example.field", .certificate = "bb", .uuid = "old-field" },
			     &names, &err), &err);
	assert_string_equal(text_of(names, "version"), "1.0");
	assert_string_equal(text_of(names, "certificate"), "Old");
	assert_string_equal(text_of(names, "provision"), "old-field");
	json_decref(names);
	assert_ok(held_names(h.db, &(struct held_filter){ .build_id = "none" }, &names, &err), &err);
	assert_true(json_is_null(json_object_get(names, "version")));
	json_decref(names);
}

static void
what_leaves_management_is_forgotten(void **state)
{
	struct house h = fleet(*state, 1);

	sql(&h, "UPDATE enrollment SET state = 'removed'");
	plan(&h, "d1");
	assert_string_equal(rows_of(*state, &h), "");
	assert_string_equal(one(*state, &h, "SELECT count(*) FROM held_app"), "0");
}

/* Processor time of 20 plans. */
static clock_t
cost(struct house *h)
{
	clock_t begun = clock();

	for (int i = 0; i < 20; i++)
		plan(h, "d1");
	return clock() - begun;
}

static void
what_is_planned_for_one_device_costs_no_more_in_a_large_fleet(void **state)
{
	struct house h = fleet(*state, 2);
	clock_t alone = cost(&h), among;

	sql(&h, "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000) INSERT INTO renewal (device_id, uuid,"
	    " action, state, sent, changed) SELECT 'd2', 'p' || i, CASE i % 2 WHEN 0 THEN 'install' ELSE 'remove' END,"
	    " CASE i % 3 WHEN 0 THEN 'wanted' WHEN 1 THEN 'failed' ELSE 'done' END, i, i FROM n");
	among = cost(&h);
	if (among > 4 * alone + CLOCKS_PER_SEC / 10)
		fail_msg("%ld us alone, %ld us among 100,000 rows of others", (long)alone, (long)among);
}

TESTS(must_65_a_provision_fits_by_app_id_certificate_and_entitlements_or_it_is_said_what_does_not,
      must_65_a_set_goes_out_when_it_is_whole_and_not_before,
      a_watch_app_s_provision_belongs_to_the_set_as_an_extension_s_does, in_the_last_week_half_a_set_is_better_than_none,
      of_several_that_fit_the_last_one_to_end_goes_and_a_plan_that_is_overtaken_is_dropped,
      must_67_a_certificate_that_ends_is_said_and_no_provision_is_sent, ad_hoc_provisions_go_to_the_devices_they_list_alone,
      must_66_an_old_one_goes_when_newer_ones_are_listed_and_nobody_else_needs_it, a_wildcard_that_an_unknown_app_may_need_stays,
      nothing_is_removed_by_a_list_of_apps_that_is_not_of_today, of_two_builds_with_the_same_numbers_the_worse_is_assumed,
      of_two_builds_with_the_same_numbers_the_one_that_our_command_brought_is_there,
      where_certificate_and_provision_end_together_no_provision_is_said_to_help,
      where_a_build_signed_anew_is_placed_the_plan_of_apps_looks_at_whose_certificate_ends,
      waves_go_by_percent_and_count_each_hour, removals_go_in_waves_too_and_stand_still_while_waves_are_paused,
      thirty_days_before_the_end_it_goes_to_everybody_whatever_the_pace,
      the_waves_of_a_provision_stand_still_until_they_are_let_go_on_and_others_do_not,
      what_is_paused_goes_out_thirty_days_before_the_end_all_the_same, where_a_paused_one_came_the_old_ones_stay,
      it_is_said_that_waves_stand_still_and_by_whom, who_publishes_all_that_it_is_for_may_pause_it_and_any_of_it_let_it_go_on,
      a_device_without_the_right_says_so_and_is_looked_at_again, no_state_is_without_an_exit,
      what_is_taken_and_never_listed_is_sent_ever_later_and_then_given_up_with_its_reason,
      what_is_listed_and_gone_again_and_again_is_sent_ever_later,
      a_queue_that_is_full_is_tried_again_in_an_hour_and_stands_in_nobody_s_way, a_clock_that_was_ahead_holds_nothing_back,
      a_wave_s_quota_is_for_all_of_its_transactions_and_reports_are_gathered_for_one, refusals_are_tried_again_ever_later_and_at_least_once_a_day, behaviour_13_before_an_app_its_newer_provisions_are_sent,
      the_list_says_which_device_has_which_app_under_which_provision_and_certificate_until_when,
      what_is_planned_for_one_device_costs_no_more_in_a_large_fleet, what_leaves_management_is_forgotten)
