/* What ends of an app that has many builds, what is told of it before and after an update, and by a clock that was ahead. */
#include "tests/check_apps.h"
#include "core/embed.h"
#include "web/ending_sources.h"
#include <string.h>

static const struct ending_source of_apps[] = {
	{ "provision", ENDING_FOR_PUBLISHERS, ending_provisions, .whose = ending_provision_devices },
	{ "signature", ENDING_FOR_PUBLISHERS, ending_signatures, .whose = ending_signature_devices },
	{ "build", ENDING_FOR_PUBLISHERS, ending_builds },
	{ 0 }
};

#define BY_PROVISION(end, uuid) ((struct apps_end){ noon_of(end), "provision", uuid, "" })
#define BY_CERTIFICATE(end) ((struct apps_end){ noon_of(end), "certificate", "any", "" })
#define STOCK "com.example.stock"

static void
sweep(struct story *w)
{
	struct err err = { 0 };

	assert_ok(endings_sweep(w->site, of_apps, &err), &err);
}

/* Lines "kind subject name days devices builds", who ends first first. */
static const char *
listed(struct story *w)
{
	struct endings *all;
	struct err err = { 0 };
	const char *text = "";

	assert_ok(endings_list(w->ctx, w->site, of_apps, clock_now() + 60 * DAY_S, &all, &err), &err);
	assert_int_equal(all->failed_n, 0);
	for (size_t i = 0; i < all->n; i++) {
		const struct ending *e = &all->list[i];

		text = mem_printf(w->ctx, "%s%s %s %s %lld %lld %lld\n", text, e->source->kind, e->subject, e->name,
				  (long long)ending_days_left(clock_now(), e->ends), (long long)e->devices, (long long)e->builds);
	}
	return text;
}

static const char *
told(struct story *w)
{
	return story_text(w, "SELECT group_concat(kind || ' ' || days, ', ') FROM (SELECT kind, days FROM ending_notice ORDER BY days DESC, kind)");
}

static void
a_build_each_night_is_one_thing_and_its_notices_go_once(void **state)
{
	struct story w = story_begin(*state, STORY_MAIL);

	story_human(&w, "anna", ROLE_ADMIN, "anna@example.com");
	for (int day = 0; day < 50; day++) {
		const char *build = mem_printf(w.ctx, "%d", 100 + day);

		story_day(&w, day);
		apps_build(&w, "stock", build, noon_of(50), noon_of(900));
		apps_channel(&w, "stock", "main", mem_printf(w.ctx, "stock-%s", build));
		apps_holds(&w, day % 2 ? "d1" : "d2", mem_printf(w.ctx, "stock-%s", build), BY_PROVISION(50, "old"));
		sweep(&w);
	}
	assert_string_equal(told(&w), "build 60, provision 60, build 30, provision 30, build 14, provision 14, build 7, provision 7,"
			    " build 1, provision 1");
	assert_int_equal(story_number(&w, "SELECT count(*) FROM message"), 5);
	assert_string_equal(listed(&w), "build " STOCK " Stock 1.0 (149) 1 -1 1\nprovision " STOCK " old Stock 1 2 2\n");
}

static void
of_builds_alike_there_is_one_row_with_their_number_and_of_others_there_are_others(void **state)
{
	struct story w = story_begin(*state, STORY_MAIL);

	apps_build(&w, "stock", "7", noon_of(20), noon_of(30));
	apps_build(&w, "stock", "8", noon_of(20), noon_of(30));
	apps_build(&w, "stock", "9", noon_of(40), noon_of(900));
	apps_channel(&w, "stock", "stable", "stock-7");
	apps_channel(&w, "stock", "beta", "stock-8");
	for (int i = 1; i <= 5; i++)
		apps_holds(&w, mem_printf(w.ctx, "d%d", i), i < 3 ? "stock-7" : "stock-8", BY_PROVISION(20, "old"));
	apps_holds(&w, "d6", "stock-7", BY_CERTIFICATE(30));
	apps_holds(&w, "d7", "stock-9", BY_PROVISION(40, "newer"));
	assert_string_equal(listed(&w), "build " STOCK " Stock 20 -1 2\nprovision " STOCK " old Stock 20 5 2\n"
			    "signature " STOCK " cert-stock-7 Stock 1.0 (7) 30 1 1\n"
			    "build " STOCK " Stock 1.0 (9) 40 -1 1\nprovision " STOCK " newer Stock 40 1 1\n");
	/* and so do all their devices stand in the mail */
	story_human(&w, "anna", ROLE_ADMIN, "anna@example.com");
	sweep(&w);
	assert_non_null(strstr(story_text(&w, "SELECT body FROM message"), "d1, d2, d3, d4, d5"));
	assert_non_null(strstr(story_text(&w, "SELECT body FROM message"), "Devices: 5, People: 0, Builds: 2"));
}

/* The statements of the migration that move what was told. */
static void
update(struct story *w)
{
	const struct embed *e = NULL;
	char *text, *at;
	int n = 0;

	while ((e = embed_under("core/schema/", e)) && !strstr(e->path, "_mend.sql"))
		;
	assert_non_null(e);
	text = mem_textn(w->ctx, (const char *)e->from, (size_t)(e->to - e->from));
	for (char *one = strtok_r(text, ";", &at); one; one = strtok_r(NULL, ";", &at)) {
		struct err err;

		for (one += strspn(one, "\n"); strncmp(one, "--", 2) == 0; one = strchr(one, '\n') + 1)
			;
		if (strncmp(one, "INSERT", 6) != 0 && strncmp(one, "DELETE", 6) != 0)
			continue;
		assert_ok(db_runv(w->db, &err, one, DB_VALS()), &err);
		n++;
	}
	assert_int_equal(n, 5);
}

static void
who_was_told_before_the_update_is_not_told_again_by_it(void **state)
{
	static const struct { const char *kind, *subject; int ends; } before[] = {
		{ "provision", "stock-7 old", 20 }, { "provision", "stock-8 old", 20 }, { "provision", "gone-1 old", 20 },
		{ "signature", "stock-7", 30 }, { "signature", "stock-8", 30 }, { "build", "stock-7", 20 }, { "build", "stock-8", 20 },
		{ "build", "gone-1", 20 }, { "token", "stock-7", 20 },
	};
	struct story w = story_begin(*state, STORY_MAIL);
	const struct person *anna = story_human(&w, "anna", ROLE_ADMIN, "anna@example.com");

	for (int i = 7; i <= 8; i++) {
		const char *id = mem_printf(w.ctx, "stock-%d", i);

		apps_build(&w, "stock", mem_printf(w.ctx, "%d", i), noon_of(20), noon_of(30));
		apps_channel(&w, "stock", id, id);
		apps_holds(&w, mem_printf(w.ctx, "p%d", i), id, BY_PROVISION(20, "old"));
		apps_holds(&w, mem_printf(w.ctx, "c%d", i), id, BY_CERTIFICATE(30));
	}
	story_run(&w, "UPDATE build_bundle SET certificate = 'cert'");
	for (size_t i = 0; i < sizeof before / sizeof *before; i++)
		story_run(&w, "INSERT INTO ending_notice (person_id, kind, subject, ends, days, message_id, at) VALUES ($1, $2, $3, $4, 30, 'm', 1)",
			  db_text(anna->id), db_text(before[i].kind), db_text(before[i].subject), db_int(noon_of(before[i].ends)));
	update(&w);
	sweep(&w);
	assert_int_equal(story_number(&w, "SELECT count(*) FROM message"), 0);
	assert_string_equal(story_text(&w, "SELECT group_concat(kind || ' ' || subject, ', ') FROM (SELECT kind, subject FROM ending_notice"
				       " ORDER BY kind, subject)"), "build " STOCK ", build gone-1, provision " STOCK " old, provision gone-1 old,"
			    " signature " STOCK " cert, token stock-7");
	story_day(&w, 6);
	sweep(&w);
	assert_int_equal(story_number(&w, "SELECT count(*) FROM message"), 1);
}

/* For a day it was next year; and on that day something was told, too. */
static void
a_clock_that_was_ahead_once_brings_no_notice_twice(void **state)
{
	static const int days[] = { 0, 1, 120, 2, 3, 150, 4 };
	struct story w = story_begin(*state, STORY_MAIL);

	story_human(&w, "anna", ROLE_ADMIN, "anna@example.com");
	apps_build(&w, "stock", "7", noon_of(10), noon_of(900));
	apps_build(&w, "field", "3", noon_of(150), noon_of(900));
	for (size_t i = 0; i < sizeof days / sizeof *days; i++) {
		story_day(&w, days[i]);
		sweep(&w);
	}
	assert_string_equal(story_text(&w, "SELECT group_concat(subject || ' ' || days, ', ') FROM (SELECT subject, days FROM ending_notice"
				       " ORDER BY at)"), STOCK " 14, " STOCK " 7, com.example.field 30, com.example.field 1");
	assert_int_equal(story_number(&w, "SELECT count(*) FROM message"), 4);
}

/* What is over for months goes in the end. */
static void
what_was_told_long_ago_is_forgotten(void **state)
{
	struct story w = story_begin(*state, STORY_MAIL);

	story_human(&w, "anna", ROLE_ADMIN, "anna@example.com");
	apps_build(&w, "stock", "7", noon_of(10), noon_of(900));
	for (int day = 0; day < 400; day++) {
		story_day(&w, day);
		if (day % 50 == 0)
			apps_build(&w, "field", mem_printf(w.ctx, "%d", day), noon_of(day + 60), noon_of(900));
		sweep(&w);
	}
	assert_int_equal(story_number(&w, "SELECT count(*) FROM ending_notice WHERE subject = '" STOCK "'"), 0);
	assert_true(story_number(&w, mem_printf(w.ctx, "SELECT min(ends) >= %lld FROM ending_notice", (long long)noon_of(250))));
}

static void
what_is_on_its_way_to_a_device_that_is_silent_is_told_as_if_nothing_were(void **state)
{
	struct story w = story_begin(*state, STORY_MAIL);

	story_human(&w, "anna", ROLE_ADMIN, "anna@example.com");
	apps_build(&w, "stock", "7", noon_of(65), noon_of(900));
	apps_build(&w, "stock", "8", noon_of(600), noon_of(900));
	apps_holds(&w, "d1", "stock-7", BY_PROVISION(65, "old"));
	apps_holds(&w, "d2", "stock-7", BY_PROVISION(65, "old"));
	apps_coming(&w, "d1", "stock-7", "new", "sent");
	apps_coming(&w, "d2", "stock-7", "new", "wanted");
	apps_silent(&w, "d1", noon_of(16));
	for (int day = 0; day <= 30; day++) {	/* at 60 days it had spoken lately */
		story_day(&w, day);
		sweep(&w);
	}
	assert_null(told(&w));
	for (int day = 31; day <= 40; day++) {
		story_day(&w, day);
		sweep(&w);
	}
	assert_string_equal(told(&w), "provision 60, provision 30");
	assert_non_null(strstr(story_text(&w, "SELECT group_concat(body, ' ') FROM message"), "have not been heard of for long"));
}

TESTS(a_build_each_night_is_one_thing_and_its_notices_go_once,
      of_builds_alike_there_is_one_row_with_their_number_and_of_others_there_are_others,
      who_was_told_before_the_update_is_not_told_again_by_it, a_clock_that_was_ahead_once_brings_no_notice_twice,
      what_was_told_long_ago_is_forgotten, what_is_on_its_way_to_a_device_that_is_silent_is_told_as_if_nothing_were)
