/* What was observed of installs: the bytes that went out, the steps, whose they are; against a real SQLite. */
#include "tests/check_house.h"
#include "tests/check_link.h"
#include "catalog/build.h"
#include "catalog/contact.h"
#include "catalog/fleet.h"
#include "catalog/grant.h"
#include "catalog/install_stall.h"
#include "catalog/install_watch.h"
#include "catalog/link.h"
#include "catalog/ranges.h"
#include "core/clock.h"
#include "core/count.h"
#include "core/secret.h"
#include <stdio.h>
#include <unistd.h>

#define DAY		86400

static void
a_byte_that_went_out_twice_counts_once(void **state)
{
	struct ranges r = { 0 }, back = { 0 };
	static unsigned char bytes[4096];
	char text[RANGES_TEXT];
	unsigned seed = 7;

	(void)state;
	ranges_add(&r, 0, 100);
	ranges_add(&r, 50, 150);
	ranges_add(&r, 150, 160);
	ranges_add(&r, 300, 310);
	ranges_add(&r, 20, 10);
	ranges_add(&r, -5, 10);
	assert_int_equal(r.n, 2);
	assert_int_equal(ranges_bytes(&r), 170);
	ranges_add(&r, 90, 305);
	assert_int_equal(r.n, 1);
	assert_int_equal(ranges_bytes(&r), 310);
	for (int round = 0; round < 2000; round++) {	/* against a list of every byte, few enough ranges */
		int64_t sum = 0;

		r = (struct ranges){ 0 };
		memset(bytes, 0, sizeof bytes);
		for (int i = 0; i < RANGES_MAX; i++) {
			int64_t from = (seed = seed * 1103515245 + 12345) / 65536 % 4000, to = from + seed / 7 % 96;

			ranges_add(&r, from, to);
			memset(bytes + from, 1, (size_t)(to - from));
		}
		for (size_t i = 0; i < sizeof bytes; i++)
			sum += bytes[i];
		assert_int_equal(ranges_bytes(&r), sum);
	}
	r = (struct ranges){ 0 };
	for (int i = 0; i < 100; i++)	/* too many: fewer are counted, never more */
		ranges_add(&r, 10 * i, 10 * i + 5);
	assert_int_equal(ranges_bytes(&r), 5 * RANGES_MAX);
	assert_int_equal(r.n, RANGES_MAX);
	ranges_read(&back, ranges_text(&r, text));
	assert_memory_equal(&back, &r, sizeof r);
	ranges_add(&r, 0, 1000);
	assert_int_equal(ranges_bytes(&r), 1000);
}

static void
ranges_are_kept_as_text_and_what_is_none_is_read_as_far_as_it_is(void **state)
{
	static const struct { const char *text; int64_t bytes; } cases[] = {
		{ "", 0 }, { "0-600", 600 }, { "0-600 900-1000", 700 }, { "0-600 x", 600 }, { "0-600 900", 600 }, { "0-", 0 }, { "600-0", 0 },
		{ "0-600x", 600 }, { "-5-10", 0 }, { " ", 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct ranges r;

		ranges_read(&r, cases[i].text);
		assert_int_equal(ranges_bytes(&r), cases[i].bytes);
	}
}

static void
of_a_device_only_what_its_daemon_says_is_known(void **state)
{
	static const struct { const char *agent, *model, *os; } agents[] = {
		{ "com.apple.appstored/1.0 iOS/18.1 model/iPhone15,4 hwp/t8130 build/22B83 (6; dt:311)", "iPhone15,4", "18.1" },
		{ "com.apple.appstored/1.0 iOS/14.4.2 model/iPhone13,1 hwp/t8101 build/18D70 (6; dt:228) AMS/1", "iPhone13,1", "14.4.2" },
		{ "itunesstored/1.0 iOS/9.3.5 model/iPad3,4 hwp/s5l8955x build/13G36 (6; dt:77)", "iPad3,4", "9.3.5" },
		{ "com.apple.appstored/1.0 iPadOS/17.0 model/iPad13,4", "iPad13,4", "17.0" },
		{ "com.apple.appstored/1.0 model/iPhone15,4", "iPhone15,4", "" },
		{ "com.apple.appstored/1.0 iOS/<b> model/iPhone15,4;x", "", "" },
		{ "com.apple.appstored/1.0 iOS/1234567890123456789 model/", "", "" },
		{ "com.apple.appstored/1.0 xiOS/18.1 submodel/iPhone15,4", "", "" },
		{ "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) model/iPhone15,4 iOS/18.1", "", "" },
		{ "", "", "" }, { NULL, "", "" },
	};
	char model[INSTALL_MODEL_SIZE], os[INSTALL_OS_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof agents / sizeof *agents; i++) {
		install_agent(agents[i].agent, model, os);
		assert_string_equal(model, agents[i].model);
		assert_string_equal(os, agents[i].os);
	}
}

/* What a tester's page makes: an install of a link, and the grant that moves it. */
static struct grant *
tapped_as(TALLOC_CTX *ctx, struct house *h, const char *link_id, const char *id, char **token)
{
	struct install_start start = { .id = id, .build_id = h->build, .link_id = link_id, .opened = clock_now(),
					.tapped = true };
	struct grant_terms terms = { .kind = GRANT_TAP, .manifest_s = 3600, .ipa_s = DAY, .install = &start };
	struct grant *grant;
	struct err err;

	assert_ok(db_run(h->db, &err, "UPDATE build SET size = 1000"), &err);
	assert_ok(grant_new(ctx, h->db, &terms, h->build, NULL, token, &err), &err);
	assert_ok(grant_open(ctx, h->db, *token, GRANT_PAGE, "safari", &grant, &err), &err);
	return grant;
}

static struct grant *
tapped(TALLOC_CTX *ctx, struct house *h, const char *link_id, const char *id)
{
	char *token;

	return tapped_as(ctx, h, link_id, id, &token);
}

static bool
tx_nothing(struct db *tx, void *arg, struct err *err)
{
	(void)tx, (void)arg, (void)err;
	return true;
}

static bool
tx_put(struct db *tx, void *arg, struct err *err)
{
	return install_put(tx, arg, err);
}

/* "opened tapped manifest ipa 62 %; not_asked": the events, percent and what stalls. */
static const char *
story(TALLOC_CTX *ctx, struct house *h, struct install_watch *watch, const char *id)
{
	struct install_viewer viewer = { .person = h->anna };
	const char *text = "";
	json_t *install, *event;
	struct err err;
	size_t i;

	assert_ok(db_tx(h->db, tx_nothing, NULL, &err), &err);	/* behind all that was written behind */
	assert_ok(install_show(h->db, watch, &viewer, id, &install, &err), &err);
	json_array_foreach(json_object_get(install, "events"), i, event) {
		const char *detail = json_string_value(json_object_get(event, "detail"));

		text = mem_printf(ctx, "%s%s%s%s%s", text, *text ? " " : "", json_string_value(json_object_get(event, "kind")),
				  *detail ? " " : "", detail);
	}
	if (json_is_string(json_object_get(install, "stalled")))
		text = mem_printf(ctx, "%s; %s", text, json_string_value(json_object_get(install, "stalled")));
	json_decref(install);
	return text;
}

static int64_t
out_of(void *arg)
{
	return *(int64_t *)arg;
}

#define DAEMON "com.apple.appstored/1.0 iOS/18.1 model/iPhone15,4 hwp/t8130 build/22B83 (6; dt:311)"

static void
a_download_that_goes_on_after_a_restart_is_whole_when_it_is_and_what_was_not_seen_is_no_stall(void **state)
{
	struct house h = house_with_build(*state);
	struct install_watch *watch = install_watch_new(h.db);
	struct install_part *part;
	int64_t out = 0, bytes, quiet_s;
	struct grant *grant;
	struct err err;
	char *link, *token;

	tester_link(*state, &h, (struct link_terms){ 0 }, &link);
	grant = tapped_as(*state, &h, link, "aaaaaaaaaaaaaaaa", &token);
	part = install_sends(watch, grant, "phone", DAEMON, 0, 1000, out_of, &out);
	install_sent(part, 600);
	talloc_free(watch);			/* the server stops, and all is written */
	watch = install_watch_new(h.db);
	assert_string_equal(story(*state, &h, watch, "aaaaaaaaaaaaaaaa"), "opened tapped ipa 60 %");
	assert_ok(grant_open(*state, h.db, token, GRANT_PAGE, "phone", &grant, &err), &err);
	part = install_sends(watch, grant, "phone", DAEMON, 600, 400, out_of, &out);
	install_sent(part, 400);
	assert_string_equal(story(*state, &h, watch, "aaaaaaaaaaaaaaaa"), "opened tapped ipa 100 % ipa 100 % whole");

	/* killed, it has no record of the beginning: nobody knows whether it stands still */
	talloc_free(watch);
	watch = install_watch_new(h.db);
	grant = tapped(*state, &h, link, "bbbbbbbbbbbbbbbb");
	part = install_sends(watch, grant, "phone", DAEMON, 600, 400, out_of, &out);
	install_sent(part, 400);
	usleep(1100000);
	assert_true(install_bytes(watch, "bbbbbbbbbbbbbbbb", &bytes, &quiet_s));
	assert_int_equal(bytes, 400);
	assert_int_equal(quiet_s, 0);
	grant = tapped(*state, &h, link, "cccccccccccccccc");
	part = install_sends(watch, grant, "phone", DAEMON, 0, 1000, out_of, &out);
	install_sent(part, 400);
	usleep(1100000);
	assert_true(install_bytes(watch, "cccccccccccccccc", &bytes, &quiet_s));
	assert_in_range(quiet_s, 1, 1000);
}

static void
an_install_tells_what_was_observed_and_no_more(void **state)
{
	struct house h = house_with_build(*state);
	struct install_watch *watch = install_watch_new(h.db);
	struct install_viewer viewer = { .person = h.anna };
	struct install_part *part, *again;
	struct grant *grant;
	int64_t out = 300, none = -1;
	struct err err;
	json_t *install;
	char *link;

	tester_link(*state, &h, (struct link_terms){ 0 }, &link);
	grant = tapped(*state, &h, link, "aaaaaaaaaaaaaaaa");
	assert_string_equal(story(*state, &h, watch, "aaaaaaaaaaaaaaaa"), "opened tapped");
	set_now(&h, "2026-11-22T12:01:00Z");
	assert_string_equal(story(*state, &h, watch, "aaaaaaaaaaaaaaaa"), "opened tapped; not_asked");
	for (int i = 0; i < 5; i++)	/* iOS asks several times */
		install_saw(watch, grant, "phone", DAEMON, INSTALL_MANIFEST);
	install_saw(watch, grant, "phone", DAEMON, INSTALL_ICON);
	assert_string_equal(story(*state, &h, watch, "aaaaaaaaaaaaaaaa"), "opened tapped manifest icon");
	set_now(&h, "2026-11-22T12:02:00Z");
	assert_string_equal(story(*state, &h, watch, "aaaaaaaaaaaaaaaa"), "opened tapped manifest icon; not_loading");
	part = install_sends(watch, grant, "phone", DAEMON, 0, 1000, out_of, &out);
	assert_string_equal(story(*state, &h, watch, "aaaaaaaaaaaaaaaa"), "opened tapped manifest icon ipa 30 %");
	out = 2000;	/* with the head it is more than the file: the end alone says that it was whole */
	assert_string_equal(story(*state, &h, watch, "aaaaaaaaaaaaaaaa"), "opened tapped manifest icon ipa 99 %");
	install_sent(part, 620);
	assert_string_equal(story(*state, &h, NULL, "aaaaaaaaaaaaaaaa"), "opened tapped manifest icon ipa 62 %");
	part = install_sends(watch, grant, "other address", DAEMON, 0, 620, out_of, &none);
	again = install_sends(watch, grant, "other address", DAEMON, 620, 380, out_of, &none);
	install_sent(part, 620);	/* twice, counted once */
	assert_string_equal(story(*state, &h, NULL, "aaaaaaaaaaaaaaaa"), "opened tapped manifest icon ipa 62 %");
	install_sent(again, 380);
	assert_string_equal(story(*state, &h, watch, "aaaaaaaaaaaaaaaa"), "opened tapped manifest icon ipa 100 % whole");
	assert_ok(install_show(h.db, watch, &viewer, "aaaaaaaaaaaaaaaa", &install, &err), &err);
	assert_string_equal(json_string_value(json_object_get(install, "model")), "iPhone15,4");
	assert_string_equal(json_string_value(json_object_get(install, "os")), "18.1");
	assert_string_equal(json_string_value(json_object_get(install, "state")), "whole");
	json_decref(install);
}

static bool
tx_whole(struct db *tx, void *id, struct err *err)
{
	struct install_sight sight = { .kind = INSTALL_WHOLE, .event = true, .at = clock_now() };

	snprintf(sight.id, sizeof sight.id, "%s", (const char *)id);
	return install_write(tx, &sight, 1, err);
}

static bool
tx_installed(struct db *tx, void *id, struct err *err)
{
	return install_ended(tx, id, INSTALL_INSTALLED, "", err);
}

/* "20779 2 1": each day with its first ones and those after them. */
static const char *
days_of(TALLOC_CTX *ctx, struct house *h)
{
	struct fleet_day *days;
	const char *text = "";
	struct err err;
	size_t n;

	assert_ok(fleet_installs(ctx, h->db, 0, &days, &n, &err), &err);
	for (size_t i = 0; i < n; i++)
		text = mem_printf(ctx, "%s%s%lld %lld %lld", text, i ? ", " : "", (long long)days[i].day, (long long)days[i].first,
				  (long long)days[i].again);
	return text;
}

static void
an_install_that_has_come_is_counted_once_on_that_day_and_who_had_one_before_is_an_update(void **state)
{
	struct house h = house_with_build(*state);
	const char *bob = tester(*state, &h, "Bob", "bob@example.com", "");
	const struct install_start starts[] = {
		{ .id = "anna-1", .build_id = h.build, .person_id = h.anna->id }, { .id = "anna-2", .build_id = h.build, .person_id = h.anna->id },
		{ .id = "bob-1", .build_id = h.build, .contact_id = bob }, { .id = "bob-2", .build_id = h.build, .contact_id = bob },
		{ .id = "who-1", .build_id = h.build }, { .id = "who-2", .build_id = h.build },
	};
	struct err err;

	for (size_t i = 0; i < sizeof starts / sizeof *starts; i++)
		assert_ok(db_tx(h.db, tx_put, (void *)(uintptr_t)&starts[i], &err), &err);
	assert_string_equal(days_of(*state, &h), "");
	for (int i = 0; i < 2; i++)	/* what is seen twice, and first by the daemon, then by the list */
		assert_ok(db_tx(h.db, tx_whole, (void *)(uintptr_t)"anna-1", &err), &err);
	assert_ok(db_tx(h.db, tx_installed, (void *)(uintptr_t)"anna-1", &err), &err);
	assert_string_equal(days_of(*state, &h), "20779 1 0");
	assert_ok(db_tx(h.db, tx_whole, (void *)(uintptr_t)"bob-1", &err), &err);
	assert_ok(db_tx(h.db, tx_whole, (void *)(uintptr_t)"who-1", &err), &err);
	set_now(&h, "2026-11-23T00:00:01Z");
	assert_ok(db_tx(h.db, tx_installed, (void *)(uintptr_t)"anna-2", &err), &err);
	assert_ok(db_tx(h.db, tx_whole, (void *)(uintptr_t)"bob-2", &err), &err);
	assert_ok(db_tx(h.db, tx_whole, (void *)(uintptr_t)"who-2", &err), &err);	/* nobody knows whether they had it */
	assert_string_equal(days_of(*state, &h), "20779 3 0, 20780 1 2");
	set_now(&h, "2028-01-01T00:00:00Z");
	assert_ok(install_sweep(h.db, &err), &err);
	assert_string_equal(days_of(*state, &h), "");
}

/* Nothing is said that was not seen: the word of each story, by what is known of it. */
static void
a_reason_is_given_where_what_was_observed_supports_it(void **state)
{
#define SEEN(...) { .minimum_os = "17.0", .now = 1000, __VA_ARGS__ }
#define LAST(...) .last = { __VA_ARGS__ }
	static const struct { struct install_seen seen; const char *stalled, *look; } stories[] = {
		{ SEEN(LAST([INSTALL_OPENED] = 1)), NULL, NULL },
		{ SEEN(LAST([INSTALL_TAPPED] = 941), .taps = 1), NULL, NULL },
		{ SEEN(LAST([INSTALL_TAPPED] = 940), .taps = 1), "not_asked", NULL },
		{ SEEN(LAST([INSTALL_TAPPED] = 940), .taps = 3), "again", NULL },
		{ SEEN(LAST([INSTALL_TAPPED] = 900, [INSTALL_MANIFEST] = 941), .taps = 1), NULL, NULL },
		{ SEEN(LAST([INSTALL_TAPPED] = 900, [INSTALL_MANIFEST] = 940), .taps = 3), "not_begun", NULL },
		{ SEEN(LAST([INSTALL_MANIFEST] = 800, [INSTALL_ICON] = 941)), NULL, NULL },
		{ SEEN(LAST([INSTALL_MANIFEST] = 800, [INSTALL_ICON] = 940)), "not_loading", NULL },
		{ SEEN(LAST([INSTALL_MANIFEST] = 800, [INSTALL_IPA] = 900), .quiet_s = 59), NULL, NULL },
		{ SEEN(LAST([INSTALL_MANIFEST] = 800, [INSTALL_IPA] = 900), .quiet_s = 60), "slow", NULL },
		/* what its daemon said of the device: at once, and before what is guessed */
		{ SEEN(LAST([INSTALL_MANIFEST] = 999), .os = "16.7.2"), "old", NULL },
		{ SEEN(LAST([INSTALL_MANIFEST] = 999), .os = "17.0"), NULL, NULL },
		{ SEEN(LAST([INSTALL_MANIFEST] = 999), .os = "18.1"), NULL, NULL },
		{ SEEN(LAST([INSTALL_MANIFEST] = 900), .os = "9.3.5", .quiet_s = 100), "old", NULL },
		{ SEEN(LAST([INSTALL_MANIFEST] = 999), .ipad_only = true, .model = "iPhone15,4"), "family", NULL },
		{ SEEN(LAST([INSTALL_MANIFEST] = 999), .ipad_only = true, .model = "iPad13,4"), NULL, NULL },
		{ SEEN(LAST([INSTALL_MANIFEST] = 999), .ipad_only = true), NULL, NULL },
		/* all of it was fetched: where to look, and nothing is claimed */
		{ SEEN(LAST([INSTALL_WHOLE] = 100), .os = "16.7.2"), NULL, NULL },
		{ SEEN(LAST([INSTALL_WHOLE] = 100), .listed = "*"), NULL, "trust" },
		{ SEEN(LAST([INSTALL_WHOLE] = 100), .listed = "00008110-000A"), NULL, "listed" },
		{ SEEN(LAST([INSTALL_WHOLE] = 100), .listed = "*", .expires = 1001), NULL, "trust" },
		{ SEEN(LAST([INSTALL_WHOLE] = 100), .listed = "*", .expires = 1000), NULL, "expired" },
		{ SEEN(LAST([INSTALL_IPA] = 100), .quiet_s = 900, .listed = "*", .expires = 1), "slow", NULL },
		/* and where the end is known there is nothing to explain */
		{ SEEN(LAST([INSTALL_WHOLE] = 100, [INSTALL_INSTALLED] = 110), .listed = "*"), NULL, NULL },
		{ SEEN(LAST([INSTALL_MANIFEST] = 100, [INSTALL_FAILED] = 110), .os = "9.0"), NULL, NULL },
		{ SEEN(LAST([INSTALL_TAPPED] = 100, [INSTALL_DECLINED] = 110), .taps = 2), NULL, NULL },
		{ SEEN(LAST([INSTALL_TAPPED] = 100, [INSTALL_TIMED_OUT] = 110), .taps = 2), NULL, NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof stories / sizeof *stories; i++) {
		struct install_seen seen = stories[i].seen;
		const char *stalled, *look;

		seen.os = seen.os ? seen.os : "";
		seen.model = seen.model ? seen.model : "";
		stalled = install_stalled(&seen);
		look = install_look(&seen);
		if (strcmp(stalled ? stalled : "", stories[i].stalled ? stories[i].stalled : "") != 0 ||
		    strcmp(look ? look : "", stories[i].look ? stories[i].look : "") != 0)
			fail_msg("story %zu: %s, %s", i, stalled ? stalled : "goes on", look ? look : "nothing to look at");
	}
}

/* What install_show says of an install, with its build and device as they are here. */
static const char *
reason_of(TALLOC_CTX *ctx, struct house *h, struct install_watch *watch, const char *what)
{
	struct install_viewer viewer = { .person = h->anna };
	const char *text;
	json_t *install;
	struct err err;

	assert_ok(db_tx(h->db, tx_nothing, NULL, &err), &err);
	assert_ok(install_show(h->db, watch, &viewer, "aaaaaaaaaaaaaaaa", &install, &err), &err);
	text = mem_text(ctx, json_string_value(json_object_get(install, what)));
	assert_null(json_object_get(install, "listed"));	/* no device of others */
	json_decref(install);
	return text ? text : "";
}

static void
the_build_and_the_device_of_an_install_give_its_reason(void **state)
{
	struct house h = house_with_build(*state);
	struct install_watch *watch = install_watch_new(h.db);
	struct grant *grant = tapped(*state, &h, NULL, "aaaaaaaaaaaaaaaa");
	struct install_part *part;
	int64_t out = 0;
	struct err err;

	install_saw(watch, grant, "phone", DAEMON, INSTALL_MANIFEST);
	assert_string_equal(reason_of(*state, &h, watch, "stalled"), "");
	assert_ok(db_run(h.db, &err, "UPDATE build SET minimum_os = '18.2'"), &err);
	assert_string_equal(reason_of(*state, &h, watch, "stalled"), "old");
	assert_ok(db_run(h.db, &err, "UPDATE build SET minimum_os = '16.0', ipad_only = TRUE"), &err);
	assert_string_equal(reason_of(*state, &h, watch, "stalled"), "family");
	assert_ok(db_run(h.db, &err, "UPDATE build SET ipad_only = FALSE"), &err);
	part = install_sends(watch, grant, "phone", DAEMON, 0, 1000, out_of, &out);
	install_sent(part, 1000);
	assert_string_equal(reason_of(*state, &h, watch, "stalled"), "");
	assert_ok(db_run(h.db, &err, "DELETE FROM build_device"), &err);
	assert_string_equal(reason_of(*state, &h, watch, "look"), "");
	assert_ok(db_run(h.db, &err, "INSERT INTO build_device (build_id, udid) VALUES ($1, '00008110-000A')", db_text(h.build)), &err);
	assert_string_equal(reason_of(*state, &h, watch, "look"), "listed");
	assert_ok(db_run(h.db, &err, "UPDATE build_device SET udid = '*'"), &err);
	assert_string_equal(reason_of(*state, &h, watch, "look"), "trust");
	assert_ok(db_run(h.db, &err, "UPDATE build SET expires = $1", db_int(clock_now())), &err);
	assert_string_equal(reason_of(*state, &h, watch, "look"), "expired");
}

static void
a_tap_is_recorded_once_in_a_moment_and_again_later(void **state)
{
	struct house h = house_with_build(*state);
	struct err err;

	tapped(*state, &h, NULL, "aaaaaaaaaaaaaaaa");
	assert_ok(install_tap(h.db, "aaaaaaaaaaaaaaaa", &err), &err);
	assert_string_equal(story(*state, &h, NULL, "aaaaaaaaaaaaaaaa"), "opened tapped");
	set_now(&h, "2026-11-22T12:00:05Z");
	assert_ok(install_tap(h.db, "aaaaaaaaaaaaaaaa", &err), &err);
	assert_string_equal(story(*state, &h, NULL, "aaaaaaaaaaaaaaaa"), "opened tapped tapped");
	assert_false(install_tap(h.db, "bbbbbbbbbbbbbbbb", &err));
	assert_int_equal(err.kind, ERR_MISSING);
}

static void
each_client_of_a_grant_for_many_has_an_install_of_its_own(void **state)
{
	struct house h = house_with_build(*state);
	struct install_watch *watch = install_watch_new(h.db);
	struct install_filter filter = { .build_id = h.build };
	struct grant_terms terms = { .kind = GRANT_CI, .manifest_s = DAY, .ipa_s = DAY };
	struct grant *grant;
	struct err err;
	json_t *page;
	char *token;

	assert_ok(grant_new(*state, h.db, &terms, h.build, h.paul->id, &token, &err), &err);
	assert_ok(grant_open(*state, h.db, token, GRANT_PAGE, "safari", &grant, &err), &err);
	for (int i = 0; i < 40; i++)
		install_saw(watch, grant, i & 1 ? "one phone" : "another", DAEMON, INSTALL_MANIFEST);
	assert_ok(db_tx(h.db, tx_nothing, NULL, &err), &err);
	assert_ok(install_list(h.db, watch, h.paul, &filter, NULL, 200, &page, &err), &err);
	assert_int_equal(json_array_size(json_object_get(page, "items")), 2);
	json_decref(page);
	assert_ok(build_delete(h.db, h.paul, h.build, &err), &err);
	install_saw(watch, grant, "a third", DAEMON, INSTALL_MANIFEST);	/* of a build that is gone: nothing */
	install_saw(watch, grant, "one phone", DAEMON, INSTALL_ICON);
	assert_ok(db_tx(h.db, tx_nothing, NULL, &err), &err);
	assert_int_equal(count_get(COUNT_SIGHTS_DROPPED), 0);
}

/* "aa bb": the ids that a list has, in its order. */
static const char *
listed(TALLOC_CTX *ctx, struct house *h, const struct person *who, struct install_filter filter)
{
	const char *ids = "";
	json_t *page, *item;
	struct err err;
	size_t i;

	assert_ok(install_list(h->db, NULL, who, &filter, NULL, 200, &page, &err), &err);
	json_array_foreach(json_object_get(page, "items"), i, item)
		ids = mem_printf(ctx, "%s%s%.2s", ids, i ? " " : "", json_string_value(json_object_get(item, "id")));
	json_decref(page);
	return ids;
}

static void
installs_are_listed_by_app_build_person_and_contact(void **state)
{
	struct house h = house_with_build(*state);
	const char *bob = tester(*state, &h, "Bob", "bob@example.com", "");
	const struct install_start starts[] = {
		{ .id = "aaaaaaaaaaaaaaaa", .build_id = h.build, .person_id = h.anna->id, .tapped = true },
		{ .id = "bbbbbbbbbbbbbbbb", .build_id = h.build, .contact_id = bob, .tapped = true },
		{ .id = "cccccccccccccccc", .build_id = h.build, .person_id = h.paul->id, .contact_id = bob, .tapped = true },
		{ .id = "dddddddddddddddd", .build_id = h.build, .tapped = true },
	};
	struct err err;

	for (size_t i = 0; i < 4; i++)
		assert_ok(db_tx(h.db, tx_put, (void *)(uintptr_t)&starts[i], &err), &err);
	assert_string_equal(listed(*state, &h, h.anna, (struct install_filter){ 0 }), "dd cc bb aa");
	assert_string_equal(listed(*state, &h, h.anna, (struct install_filter){ .person = "" }), "dd cc bb aa");
	assert_string_equal(listed(*state, &h, h.anna, (struct install_filter){ .person = h.anna->id }), "aa");
	assert_string_equal(listed(*state, &h, h.anna, (struct install_filter){ .person = "paul" }), "cc");
	assert_string_equal(listed(*state, &h, h.anna, (struct install_filter){ .person = "nobody" }), "");
	assert_string_equal(listed(*state, &h, h.anna, (struct install_filter){ .contact_id = bob }), "cc bb");
	assert_string_equal(listed(*state, &h, h.anna, (struct install_filter){ .contact_id = bob, .person = "paul" }), "cc");
	assert_string_equal(listed(*state, &h, h.anna, (struct install_filter){ .build_id = h.build, .person = "anna" }), "aa");
	assert_string_equal(listed(*state, &h, h.anna, (struct install_filter){ .bundle_id = "com.example.none", .person = "anna" }), "");
	/* a name opens nothing of what somebody else publishes */
	assert_string_equal(listed(*state, &h, h.mia, (struct install_filter){ .person = "anna" }), "");
}

static void
a_flood_of_installs_is_written_in_few_commits_and_bounded_in_memory(void **state)
{
	struct house h = house_with_build(*state);
	struct install_watch *watch = install_watch_new(h.db);
	struct grant_terms terms = { .kind = GRANT_CI, .manifest_s = DAY, .ipa_s = DAY };
	int64_t commits = count_get(COUNT_DB_COMMITS), dropped, bytes, quiet_s;
	struct rows *rows;
	struct grant *grant;
	struct err err;
	char *token, name[24], client[SECRET_HASH_SIZE];	/* as the site names clients: ids are mixed from all of it */
	int n = 2 * WATCHED_MAX;

	assert_ok(grant_new(*state, h.db, &terms, h.build, h.paul->id, &token, &err), &err);
	assert_ok(grant_open(*state, h.db, token, GRANT_PAGE, "safari", &grant, &err), &err);
	for (int i = 0; i < n; i++) {
		snprintf(name, sizeof name, "phone %d", i);
		install_saw(watch, grant, secret_hash(name, client), DAEMON, INSTALL_MANIFEST);
	}
	for (int i = 0; i < 4 * SIGHTS_MAX / SIGHTS_AT_ONCE; i++)
		assert_ok(db_tx(h.db, tx_nothing, NULL, &err), &err);
	rows = db_query(*state, h.db, "SELECT count(*), count(DISTINCT id) FROM install");
	assert_ok(rows_one(rows, &err, "count"), &err);
	dropped = count_get(COUNT_SIGHTS_DROPPED);
	assert_int_equal(rows_int(rows, 0) + dropped, n);
	assert_true(rows_int(rows, 0) >= SIGHTS_MAX);
	assert_true(count_get(COUNT_DB_COMMITS) - commits < n / 50);
	assert_false(install_bytes(watch, "none", &bytes, &quiet_s));
	assert_true(talloc_total_blocks(watch) <= WATCHED_MAX + 1);
}

/* A tap on the link's page by a browser: the grant behind its button. */
static char *
tap_of(TALLOC_CTX *ctx, struct house *h, const char *link, const char *id, const char *phone)
{
	struct install_start start = { .id = id, .build_id = h->build, .link_id = link, .phone = phone };
	struct grant_terms terms = { .kind = GRANT_TAP, .manifest_s = 3600, .ipa_s = DAY, .install = &start };
	struct err err;
	char *token;

	assert_ok(grant_new(ctx, h->db, &terms, h->build, NULL, &token, &err), &err);
	return token;
}

static bool
fetches(TALLOC_CTX *ctx, struct house *h, const char *token, enum grant_file file, const char *client)
{
	struct grant *grant;
	struct err err = { 0 };

	return grant_open(ctx, h->db, token, file, client, &grant, &err) || (assert_int_equal(err.kind, ERR_MISSING), false);
}

static void
a_phone_is_the_browser_that_tapped_whatever_address_its_daemon_has(void **state)
{
	struct house h = house_with_build(*state);
	char *link, *token = tester_link(*state, &h, (struct link_terms){ .installs_max = 2 }, &link);
	char *one = tap_of(*state, &h, link, "aaaaaaaaaaaaaaaa", "one"), *again = tap_of(*state, &h, link, "bbbbbbbbbbbbbbbb", "one");
	char *two = tap_of(*state, &h, link, "cccccccccccccccc", "two"), *third = tap_of(*state, &h, link, "dddddddddddddddd", "third");
	struct err err;
	struct link *opened;
	bool counted;

	/* looking uses up nothing; each address of one phone is that phone, at a second tap too */
	assert_true(fetches(*state, &h, one, GRANT_MANIFEST_HEAD, "wifi"));
	assert_ok(link_has_phone(h.db, link, "one", &counted, &err), &err);
	assert_false(counted);
	for (int i = 0; i < 5; i++) {
		assert_true(fetches(*state, &h, one, GRANT_MANIFEST, mem_printf(*state, "privacy address %d", i)));
		assert_true(fetches(*state, &h, again, GRANT_MANIFEST, mem_printf(*state, "LTE %d", i)));
	}
	assert_ok(link_has_phone(h.db, link, "one", &counted, &err), &err);
	assert_true(counted);
	assert_ok(link_open(*state, h.db, token, &opened, &err), &err);
	assert_int_equal(opened->installs, 1);

	/* others of the same model behind the same address are others */
	assert_true(fetches(*state, &h, two, GRANT_MANIFEST, "LTE 0"));
	assert_false(fetches(*state, &h, third, GRANT_MANIFEST, "LTE 0"));
	assert_false(fetches(*state, &h, third, GRANT_MANIFEST_HEAD, "wifi"));
	assert_true(fetches(*state, &h, one, GRANT_MANIFEST, "another network"));
	assert_true(fetches(*state, &h, one, GRANT_IPA, "another network"));

	/* and what was counted before there were phones goes on counting */
	tester_link(*state, &h, (struct link_terms){ .installs_max = 2 }, &link);
	assert_ok(db_run(h.db, &err, "INSERT INTO link_client (link_id, client, at) VALUES ($1, 'address and agent', 0)",
			 db_text(link)), &err);
	one = tap_of(*state, &h, link, "eeeeeeeeeeeeeeee", NULL);
	two = tap_of(*state, &h, link, "ffffffffffffffff", "two");
	assert_true(fetches(*state, &h, one, GRANT_MANIFEST, "address and agent"));
	assert_true(fetches(*state, &h, two, GRANT_MANIFEST, "address and agent"));
	assert_false(fetches(*state, &h, one, GRANT_MANIFEST, "another address"));
}

static void
installs_by_all_taps_of_a_link_count_for_the_link(void **state)
{
	struct house h = house_with_build(*state);
	struct install_start start = { .build_id = h.build };
	struct grant_terms terms = { .kind = GRANT_TAP, .manifest_s = 3600, .ipa_s = DAY, .install = &start };
	struct grant *grant;
	struct link *opened;
	struct err err;
	char *link, *one, *two, *token = tester_link(*state, &h, (struct link_terms){ .installs_max = 1 }, &link);

	start.link_id = link;
	start.id = "aaaaaaaaaaaaaaaa";
	assert_ok(grant_new(*state, h.db, &terms, h.build, NULL, &one, &err), &err);
	start.id = "bbbbbbbbbbbbbbbb";
	assert_ok(grant_new(*state, h.db, &terms, h.build, NULL, &two, &err), &err);
	assert_ok(grant_open(*state, h.db, one, GRANT_MANIFEST, "phone", &grant, &err), &err);
	assert_false(link_open(*state, h.db, token, &opened, &err));
	assert_int_equal(err.kind, ERR_MISSING);
	assert_ok(grant_open(*state, h.db, one, GRANT_MANIFEST, "phone", &grant, &err), &err);
	assert_ok(grant_open(*state, h.db, one, GRANT_IPA, "phone", &grant, &err), &err);
	assert_ok(grant_open(*state, h.db, two, GRANT_MANIFEST, "phone", &grant, &err), &err);	/* the same phone again */
	for (int file = GRANT_MANIFEST; file <= GRANT_MANIFEST_HEAD; file++) {
		assert_false(grant_open(*state, h.db, one, (enum grant_file)file, "other phone", &grant, &err));
		assert_int_equal(err.kind, ERR_MISSING);
		assert_false(grant_open(*state, h.db, two, (enum grant_file)file, "other phone", &grant, &err));
	}
	assert_ok(link_revoke(h.db, h.paul, link, &err), &err);
	for (int file = GRANT_MANIFEST; file <= GRANT_IPA; file++)
		assert_false(grant_open(*state, h.db, one, (enum grant_file)file, "phone", &grant, &err));
}

static void
an_install_is_shown_to_its_person_its_publisher_and_its_link_alone(void **state)
{
	struct house h = house_with_build(*state);
	struct person bound = *h.mia, *petra = person(*state, &h, "petra", ROLE_PUBLISHER);
	struct install_start start = { .id = "aaaaaaaaaaaaaaaa", .build_id = h.build, .person_id = h.mia->id };
	struct grant_terms terms = { .kind = GRANT_TAP, .manifest_s = 3600, .ipa_s = DAY, .install = &start };
	struct err err;
	char *token, *link, *other;

	tester_link(*state, &h, (struct link_terms){ 0 }, &link);
	tester_link(*state, &h, (struct link_terms){ 0 }, &other);
	start.link_id = link;
	assert_ok(grant_new(*state, h.db, &terms, h.build, h.mia->id, &token, &err), &err);
	assert_ok(db_run(h.db, &err, "UPDATE person SET all_apps = FALSE WHERE id = $1", db_text(petra->id)), &err);
	bound.bundle_id = "com.example.other";
	const struct { struct install_viewer viewer; bool sees; } viewers[] = {
		{ { h.mia, NULL }, true }, { { h.paul, NULL }, true }, { { h.anna, NULL }, true }, { { NULL, link }, true },
		{ { &bound, NULL }, false }, { { petra, NULL }, false }, { { NULL, other }, false }, { { NULL, NULL }, false },
	};

	for (size_t i = 0; i < sizeof viewers / sizeof *viewers; i++) {
		json_t *install = NULL;

		assert_int_equal(install_show(h.db, NULL, &viewers[i].viewer, start.id, &install, &err), viewers[i].sees);
		json_decref(install);
		assert_true(viewers[i].sees || err.kind == ERR_MISSING);
	}
}

static void
who_opens_a_link_again_goes_on_with_the_install_that_was_opened(void **state)
{
	struct house h = house_with_build(*state);
	struct install *install;
	struct err err;
	char *link, *id;

	tester_link(*state, &h, (struct link_terms){ 0 }, &link);
	assert_ok(install_opened(*state, h.db, link, h.build, NULL, "mine", &id, &err), &err);
	assert_null(id);
	assert_ok(db_run(h.db, &err, "UPDATE install SET state = 'opened', phone = 'mine' WHERE id = $1",
			 db_text(tapped(*state, &h, link, "aaaaaaaaaaaaaaaa")->install_id)), &err);
	assert_ok(install_opened(*state, h.db, link, h.build, NULL, "mine", &id, &err), &err);
	assert_string_equal(id, "aaaaaaaaaaaaaaaa");
	assert_ok(install_opened(*state, h.db, link, h.build, NULL, "yours", &id, &err), &err);
	assert_null(id);	/* each browser begins its own */
	assert_ok(install_opened(*state, h.db, link, h.build, h.mia->id, "mine", &id, &err), &err);
	assert_null(id);	/* and who signs in has nobody else's */
	assert_ok(db_run(h.db, &err, "UPDATE install SET person_id = $1", db_text(h.mia->id)), &err);
	assert_ok(install_opened(*state, h.db, link, h.build, h.mia->id, "mine", &id, &err), &err);
	assert_string_equal(id, "aaaaaaaaaaaaaaaa");
	assert_ok(install_opened(*state, h.db, link, h.build, h.anna->id, "mine", &id, &err), &err);
	assert_null(id);
	assert_ok(db_run(h.db, &err, "UPDATE install SET person_id = NULL"), &err);
	assert_ok(install_get(*state, h.db, "aaaaaaaaaaaaaaaa", link, NULL, &install, &err), &err);
	assert_true(install->granted);
	assert_int_equal(install->state, INSTALL_OPENED);
	assert_false(install_get(*state, h.db, "aaaaaaaaaaaaaaaa", "other", h.mia->id, &install, &err));
	set_now(&h, "2026-11-22T13:00:00Z");
	assert_ok(install_get(*state, h.db, "aaaaaaaaaaaaaaaa", link, NULL, &install, &err), &err);
	assert_false(install->granted);
	assert_ok(install_opened(*state, h.db, link, h.build, NULL, "mine", &id, &err), &err);
	assert_null(id);
	set_now(&h, "2026-12-22T12:00:01Z");
	assert_ok(install_sweep(h.db, &err), &err);
	assert_false(install_get(*state, h.db, "aaaaaaaaaaaaaaaa", link, NULL, &install, &err));

	/* Of many that were only opened the newest stands for all, and is no browser's any more. */
	tester_link(*state, &h, (struct link_terms){ .installs_max = 1, .expires = clock_now() + DAY }, &link);
	for (int i = 0; i < INSTALL_OPENED_MAX; i++)
		tap_of(*state, &h, link, mem_printf(*state, "x%015d", i), mem_printf(*state, "browser %d", i));
	assert_ok(install_opened(*state, h.db, link, h.build, NULL, "one more", &id, &err), &err);
	assert_string_equal(id, mem_printf(*state, "x%015d", INSTALL_OPENED_MAX - 1));
	assert_ok(install_opened(*state, h.db, link, h.build, NULL, "browser 7", &id, &err), &err);
	assert_string_equal(id, "x000000000000007");
	assert_ok(install_opened(*state, h.db, link, h.build, NULL,
				 mem_printf(*state, "browser %d", INSTALL_OPENED_MAX - 1), &id, &err), &err);
	assert_string_equal(id, mem_printf(*state, "x%015d", INSTALL_OPENED_MAX - 1));

	/* One that was tapped goes like that, unless its grant lives. */
	tester_link(*state, &h, (struct link_terms){ 0 }, &link);
	tapped(*state, &h, link, "bbbbbbbbbbbbbbbb");
	tapped(*state, &h, link, "cccccccccccccccc");
	assert_ok(db_run(h.db, &err, "UPDATE install_grant SET manifest_until = 4000000000 WHERE install_id = 'cccccccccccccccc'"),
		  &err);
	set_now(&h, "2027-01-21T12:00:02Z");
	assert_ok(install_sweep(h.db, &err), &err);
	assert_false(install_get(*state, h.db, "bbbbbbbbbbbbbbbb", link, NULL, &install, &err));
	assert_ok(install_get(*state, h.db, "cccccccccccccccc", link, NULL, &install, &err), &err);
}

TESTS(a_byte_that_went_out_twice_counts_once, ranges_are_kept_as_text_and_what_is_none_is_read_as_far_as_it_is,
      a_download_that_goes_on_after_a_restart_is_whole_when_it_is_and_what_was_not_seen_is_no_stall,
      an_install_that_has_come_is_counted_once_on_that_day_and_who_had_one_before_is_an_update,
      of_a_device_only_what_its_daemon_says_is_known,
      an_install_tells_what_was_observed_and_no_more,
      a_reason_is_given_where_what_was_observed_supports_it,
      the_build_and_the_device_of_an_install_give_its_reason,
      a_tap_is_recorded_once_in_a_moment_and_again_later,
      each_client_of_a_grant_for_many_has_an_install_of_its_own,
      installs_are_listed_by_app_build_person_and_contact,
      a_flood_of_installs_is_written_in_few_commits_and_bounded_in_memory,
      a_phone_is_the_browser_that_tapped_whatever_address_its_daemon_has,
      installs_by_all_taps_of_a_link_count_for_the_link,
      an_install_is_shown_to_its_person_its_publisher_and_its_link_alone,
      who_opens_a_link_again_goes_on_with_the_install_that_was_opened)
