/* What is told of apps that end: real rows of builds, devices, provisions and certificates behind the real sources. */
#include "tests/check_apps.h"
#include "web/ending_sources.h"
#include <string.h>

static const struct ending_source of_apps[] = {
	{ "provision", ENDING_FOR_PUBLISHERS, ending_provisions },
	{ "distribution", ENDING_FOR_PUBLISHERS, ending_distribution },
	{ 0 }
};

static void
sweep(struct story *w)
{
	struct err err = { 0 };

	assert_ok(endings_sweep(w->site, of_apps, &err), &err);
}

/* What stands in the list, as lines "kind name days doing devices", who ends first first. */
static const char *
listed(struct story *w)
{
	struct endings *all;
	struct err err = { 0 };
	const char *text = "";

	assert_ok(endings_list(w->ctx, w->site, of_apps, clock_now() + 60 * DAY_S, &all, &err), &err);
	assert_int_equal(all->failed_n, 0);
	for (size_t i = 0; i < all->n; i++)
		text = mem_printf(w->ctx, "%s%s %s %lld %s %lld\n", text, all->list[i].source->kind, all->list[i].name,
				  (long long)ending_days_left(clock_now(), all->list[i].ends), all->list[i].doing,
				  (long long)all->list[i].devices);
	return text;
}

static void
an_end_that_devices_reach_by_several_provisions_is_one_ending_and_one_mail(void **state)
{
	struct story w = story_begin(*state, STORY_MAIL);
	struct endings *all;
	struct err err = { 0 };

	story_human(&w, "anna", ROLE_ADMIN, "anna@example.com");
	/* one certificate; one device has the newer provision, the other does not */
	apps_build(&w, "stock", "7", noon_of(300), noon_of(30));
	apps_holds(&w, "d1", "stock-7", (struct apps_end){ noon_of(30), "certificate", "old", "" });
	apps_holds(&w, "d2", "stock-7", (struct apps_end){ noon_of(30), "certificate", "new", "PlugIns/Share.appex" });
	/* one wildcard over app and extension: here the app lives by it, there the extension alone */
	apps_build(&w, "field", "3", noon_of(30), noon_of(400));
	apps_holds(&w, "d1", "field-3", (struct apps_end){ noon_of(30), "provision", "wild", "" });
	apps_holds(&w, "d2", "field-3", (struct apps_end){ noon_of(30), "provision", "wild", "PlugIns/Share.appex" });
	sweep(&w);
	assert_int_equal(story_number(&w, "SELECT count(*) FROM message"), 1);
	assert_int_equal(story_number(&w, "SELECT count(*) FROM ending_notice WHERE kind = 'provision' AND subject LIKE '% %'"), 2);
	assert_ok(endings_list(w.ctx, w.site, of_apps, clock_now() + 60 * DAY_S, &all, &err), &err);
	for (size_t i = 0; i < all->n; i++)
		for (size_t k = i + 1; k < all->n; k++)
			assert_true(all->list[i].ends != all->list[k].ends || strcmp(all->list[i].source->kind, all->list[k].source->kind) ||
				    strcmp(all->list[i].subject, all->list[k].subject));
	/* whatever a source lists twice is told once, and keeps nothing else from being told */
	assert_non_null(strstr(listed(&w), "provision Stock 30 resign 2\n"));
	assert_non_null(strstr(listed(&w), "provision Field 30 provision_none 2\n"));
}

static bool
twice(TALLOC_CTX *ctx, struct site *site, time_t until, ending_add *add, void *arg, struct err *err)
{
	struct ending e = { .subject = "the same", .name = "The same", .ends = noon_of(14), .devices = -1, .people = -1 };

	(void)ctx;
	(void)site;
	(void)until;
	return (add(arg, &e) && add(arg, &e)) || err_set(err, ERR_LIMIT, "full");
}

static void
what_a_source_lists_twice_is_told_once_and_keeps_nothing_else_back(void **state)
{
	static const struct ending_source sources[] = { { "push", ENDING_FOR_ADMINS, twice }, { "ca", ENDING_FOR_ADMINS, twice }, { 0 } };
	struct story w = story_begin(*state, STORY_MAIL);
	struct err err = { 0 };

	story_human(&w, "anna", ROLE_ADMIN, "anna@example.com");
	assert_ok(endings_sweep(w.site, sources, &err), &err);
	assert_int_equal(story_number(&w, "SELECT count(*) FROM ending_notice"), 2);
	assert_int_equal(story_number(&w, "SELECT count(*) FROM message"), 1);
}

TESTS(an_end_that_devices_reach_by_several_provisions_is_one_ending_and_one_mail,
      what_a_source_lists_twice_is_told_once_and_keeps_nothing_else_back)
