/* The list of what ends on devices: one answer for all that are alike, the same as each of them gives, and for little. */
#include "tests/check_renewal.h"
#include "catalog/held_list.h"
#include "catalog/provision_keep.h"
#include "catalog/renewal.h"
#include "core/clock.h"
#include "web/rooms.h"
#include <stdlib.h>
#include <time.h>

static json_int_t
number(const json_t *item, const char *key)
{
	return json_integer_value(json_object_get(item, key));
}

static json_t *
endings(struct house *h, const char *cause)
{
	struct err err;
	json_t *list;

	assert_ok(renewal_endings(h->db, VIEWER_HOUSE, cause, INT64_MAX, &list, &err), &err);
	return list;
}

/* A newer build of the app, which lasts a year: placed, or only there. */
static void
build_anew(struct house *h, const char *app, const char *id, bool placed)
{
	struct err err;

	assert_ok(db_run(h->db, &err, "INSERT INTO build_bundle (build_id, path, app_bundle_id, version, build, uploaded, bundle_id,"
			 " provision_uuid, expires, certificate, certificate_name, certificate_expires) VALUES ($1, '', $2, '1.1', '8', 2,"
			 " $2, 'own', $3, 'cc', '', $4)", db_text(id), db_text(app), db_int(days(400)), db_int(days(900))), &err);
	assert_ok(db_run(h->db, &err, "INSERT INTO app (id, bundle_id, name, folded, created, newest_build_id) VALUES ($1, $1, $1, $1, 1,"
			 " $2) ON CONFLICT (id) DO NOTHING", db_text(app), db_text(placed ? id : app)), &err);
}

static void
goes_to(struct house *h, const char *device, const char *app, const char *build, const char *state)
{
	struct err err;

	assert_ok(db_run(h->db, &err, "INSERT INTO managed_app (device_id, bundle_id, build_id, cause, state, changed) VALUES ($1, $2, $3,"
			 " 'required', $4, 1)", db_text(device), db_text(app), db_text(build), db_text(state)), &err);
}

/* What the page of each device says, counted. */
static json_int_t
said_by_devices(struct house *h, int n, const char *build, const char *key)
{
	json_int_t count = 0;

	for (int i = 1; i <= n; i++) {
		struct err err;
		json_t *shown, *app;
		size_t k;

		assert_ok(renewal_of_device(h->db, mem_printf((void *)(uintptr_t)h->dir, "d%d", i), &shown, &err), &err);
		json_array_foreach(json_object_get(shown, "apps"), k, app)
			count += strcmp(json_string_value(json_object_get(app, "build_id")), build) == 0 && json_is_true(json_object_get(app, key));
		json_decref(shown);
	}
	return count;
}

static void
the_list_counts_what_each_device_says_of_itself(void **state)
{
	static const struct { const char *app; int anew, offered; } want[] = {
		{ "com.example.stock", 2, 2 },		/* a listed device has one that fits, the two others a build */
		{ "com.example.signed", 1, 4 },
		{ "com.example.alone", 0, 0 },
	};
	struct house h = stock_house(*state);
	json_t *list, *item;
	size_t i, seen = 0;

	provision(&h, "signed", "TEAM.com.example.signed", 300, NULL);
	provision(&h, "alone", "TEAM.com.example.alone", 40, NULL);
	bundle(&h, "com.example.signed", "", "signed", 300, 50);	/* its certificate ends first */
	bundle(&h, "com.example.alone", "", "alone", 40, 900);
	build_anew(&h, "com.example.stock", "stock-2", true);
	build_anew(&h, "com.example.signed", "signed-2", true);
	for (int d = 1; d <= 5; d++) {
		const char *id = mem_printf(*state, "d%d", d);

		if (d > 1) {
			device(&h, id);
			holds(&h, id, "com.example.stock");
		}
		holds(&h, id, "com.example.signed");
		holds(&h, id, "com.example.alone");
	}
	for (int d = 1; d <= 5; d++)
		plan(&h, mem_printf(*state, "d%d", d));
	sql(&h, "DELETE FROM managed_app");
	/* since they were planned: one that is for d5 alone, and builds on their way */
	provision(&h, "adhoc-app", "TEAM.com.example.stock", 365, "udid-d5");
	provision(&h, "adhoc-ext", "TEAM.com.example.stock.share", 365, "udid-d5");
	fits(&h, "com.example.stock", "", "adhoc-app");
	fits(&h, "com.example.stock", "com.example.stock.share", "adhoc-ext");
	goes_to(&h, "d1", "com.example.stock", "stock-2", "sent");
	goes_to(&h, "d2", "com.example.stock", "stock-2", "wanted");
	goes_to(&h, "d3", "com.example.stock", "stock-2", "declined");
	goes_to(&h, "d5", "com.example.stock", "stock-2", "sent");
	goes_to(&h, "d3", "com.example.signed", "signed-2", "installing");
	list = endings(&h, NULL);
	json_array_foreach(list, i, item) {
		const char *build = json_string_value(json_object_get(item, "build_id"));

		assert_int_equal(number(item, "devices"), 5);
		assert_int_equal(number(item, "anew"), said_by_devices(&h, 5, build, "anew"));
		assert_int_equal(number(item, "offered"), said_by_devices(&h, 5, build, "offered"));
		for (size_t k = 0; k < sizeof want / sizeof *want; k++)
			if (strcmp(build, want[k].app) == 0) {
				assert_int_equal(number(item, "anew"), want[k].anew);
				assert_int_equal(number(item, "offered"), want[k].offered);
				seen++;
			}
	}
	assert_int_equal(json_array_size(list), 3);
	assert_int_equal(seen, 3);
	json_decref(list);
}

static void
each_cause_is_asked_for_alone(void **state)
{
	struct house h = stock_house(*state);
	json_t *list;

	provision(&h, "signed", "TEAM.com.example.signed", 300, NULL);
	bundle(&h, "com.example.signed", "", "signed", 300, 50);
	holds(&h, "d1", "com.example.signed");
	plan(&h, "d1");
	list = endings(&h, "certificate");
	assert_int_equal(json_array_size(list), 1);
	assert_string_equal(json_string_value(json_object_get(json_array_get(list, 0), "build_id")), "com.example.signed");
	json_decref(list);
	list = endings(&h, "provision");
	assert_int_equal(json_array_size(list), 1);
	assert_string_equal(json_string_value(json_object_get(json_array_get(list, 0), "build_id")), "com.example.stock");
	json_decref(list);
}

/* ---- a fleet ---- */

#define APPS	3
#define NUMBERS	"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) "

/* n devices, with three apps each under provisions that nothing outlives, each of them in four channels. */
static struct house
big_fleet(TALLOC_CTX *ctx, int n)
{
	struct house h = house(ctx);

	sql(&h, mem_printf(ctx, "INSERT INTO device (id, udid, enrollment_id, created, changed) " NUMBERS
			   "SELECT 'd' || i, 'UDID-' || i, 'e' || i, 1, 1 FROM n", n));
	for (int a = 1; a <= APPS; a++) {
		const char *app = mem_printf(ctx, "com.example.app%d", a), *next = mem_printf(ctx, "com.example.app%d next", a);

		provision(&h, mem_printf(ctx, "p%d", a), "TEAM.*", 40, NULL);
		bundle(&h, app, "", mem_printf(ctx, "p%d", a), 40, 900);
		bundle(&h, app, "PlugIns/Share.appex", mem_printf(ctx, "p%d", a), 40, 900);
		sql(&h, mem_printf(ctx, "INSERT INTO build_bundle (build_id, path, app_bundle_id, version, build, uploaded, bundle_id,"
				   " provision_uuid, expires, certificate, certificate_name, certificate_expires) SELECT '%s', path, '%s', '1.1',"
				   " '8', 2, bundle_id, provision_uuid, expires, certificate, '', certificate_expires FROM build_bundle WHERE"
				   " build_id = '%s'", next, app, app));
		sql(&h, mem_printf(ctx, "INSERT INTO app (id, bundle_id, name, folded, created, newest_build_id) VALUES ('%s', '%s', 'App',"
				   " 'app', 1, '%s')", app, app, next));
		for (int c = 0; c < 4; c++)
			sql(&h, mem_printf(ctx, "INSERT INTO channel (id, app_id, name, created, newest_build_id) VALUES ('%s %d', '%s',"
					   " 'c%d', 1, '%s')", app, c, app, c, c ? next : app));
		sql(&h, mem_printf(ctx, "INSERT INTO held_app (device_id, bundle_id, build_id, ends, cause, uuid, path, next) SELECT d.id, '%s',"
				   " '%s', p.expires, 'provision', p.uuid, '', p.expires FROM device d JOIN provision p ON p.uuid = 'p%d'",
				   app, app, a));
		sql(&h, mem_printf(ctx, "INSERT INTO managed_app (device_id, bundle_id, build_id, cause, state, changed) SELECT id, '%s', '%s',"
				   " 'required', 'installed', 1 FROM device", app, app));
	}
	return h;
}

static double
cpu_s(void)
{
	struct timespec t;

	assert_int_equal(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t), 0);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* What it costs to read them and whose they are, whatever machine this is. */
static double
plain_s(struct house *h)
{
	double from = cpu_s();

	assert_int_equal(sql_int(h, "SELECT max(n) FROM (SELECT h.build_id, h.ends, h.cause, h.uuid, count(*) AS n, count(DISTINCT d.person_id),"
				 " min(h.next), min(h.path), min(p.name) FROM held_app h JOIN device d ON d.id = h.device_id JOIN provision p"
				 " ON p.uuid = h.uuid GROUP BY h.build_id, h.ends, h.cause, h.uuid) x"), sql_int(h, "SELECT count(*) FROM device"));
	return cpu_s() - from;
}

static void
the_list_of_a_fleet_costs_little_more_than_reading_it(void **state)
{
	int n = getenv("POMONA_WHOLE") ? 20000 : 2000;
	struct house h = big_fleet(*state, n);
	double plain = plain_s(&h), from = cpu_s(), took;
	json_t *list = endings(&h, "provision");
	json_t *other = endings(&h, "certificate");

	took = cpu_s() - from;
	print_message("%d devices with %d apps: %.3f s, to read them %.3f s\n", n, APPS, took, plain);
	assert_int_equal(json_array_size(list), APPS);
	assert_int_equal(json_array_size(other), 0);
	assert_int_equal(number(json_array_get(list, 0), "devices"), n);
	assert_true(took < 8 * plain);
	json_decref(list);
	json_decref(other);
}

static size_t
covered(struct house *h)
{
	struct err err;
	json_t *p;
	size_t n;

	assert_ok(provision_show(h->db, VIEWER_HOUSE, "new-app", &p, &err), &err);
	n = json_array_size(json_object_get(p, "covers"));
	json_decref(p);
	return n;
}

static void
what_a_provision_covers_is_here_or_on_a_device_though_more_is_known(void **state)
{
	struct house h = fleet(*state, 1);

	assert_int_equal(covered(&h), 1);
	sql(&h, "DELETE FROM held_app");
	assert_int_equal(sql_int(&h, "SELECT count(*) FROM provision_fit WHERE uuid = 'new-app'"), 1);
	assert_int_equal(covered(&h), 0);
}

/* ---- what was given up ---- */

static bool
tx_dead(struct db *tx, void *job, struct err *err)
{
	const struct job_kind *kind = site_jobs;

	while (kind->name && strcmp(kind->name, "provision_fit") != 0)
		kind++;
	assert_non_null(kind->on_dead);
	return kind->on_dead(job, tx, NULL, err, err);
}

static void
what_was_never_judged_because_the_server_died_each_time_is_tried_again_tomorrow(void **state)
{
	static const char *const what[] = { "{\"uuid\": \"p1\"}", "{\"build\": \"b1\"}" };
	struct house h = stock_house(*state);
	struct err err = { 0 };

	for (size_t i = 0; i < sizeof what / sizeof *what; i++) {
		struct job job = { .id = "j", .kind = "provision_fit", .args = json_loads(what[i], 0, NULL), .attempt = 11 };

		sql(&h, "DELETE FROM job");
		assert_ok(db_tx(h.db, tx_dead, &job, &err), &err);
		assert_ok(db_tx(h.db, tx_dead, &job, &err), &err);	/* written again after a crash */
		assert_int_equal(sql_int(&h, "SELECT count(*) FROM job WHERE kind = 'provision_fit'"), 1);
		assert_int_equal(sql_int(&h, "SELECT due FROM job") - clock_now(), DAY_S);
		assert_non_null(strstr(sql_text(*state, &h, "SELECT args FROM job"), i ? "b1" : "p1"));
		json_decref(job.args);
	}
}

TESTS(the_list_counts_what_each_device_says_of_itself, each_cause_is_asked_for_alone,
      the_list_of_a_fleet_costs_little_more_than_reading_it,
      what_was_never_judged_because_the_server_died_each_time_is_tried_again_tomorrow,
      what_a_provision_covers_is_here_or_on_a_device_though_more_is_known)
