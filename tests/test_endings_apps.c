/* What is told of apps that end: real rows of builds, devices, provisions and certificates behind the real sources. */
#include "tests/check_apps.h"
#include "web/ending_sources.h"
#include <string.h>

static const struct ending_source of_apps[] = {
	{ "provision", ENDING_FOR_PUBLISHERS, ending_provisions, .whose = ending_provision_devices },
	{ "signature", ENDING_FOR_PUBLISHERS, ending_signatures, .whose = ending_signature_devices },
	{ "build", ENDING_FOR_PUBLISHERS, ending_builds },
	{ "distribution", ENDING_FOR_PUBLISHERS, ending_distribution, .whose = ending_distribution_devices },
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
	assert_int_equal(story_number(&w, "SELECT count(*) FROM ending_notice WHERE kind IN ('provision', 'signature')"), 2);
	assert_ok(endings_list(w.ctx, w.site, of_apps, clock_now() + 60 * DAY_S, &all, &err), &err);
	for (size_t i = 0; i < all->n; i++)
		for (size_t k = i + 1; k < all->n; k++)
			assert_true(all->list[i].ends != all->list[k].ends || strcmp(all->list[i].source->kind, all->list[k].source->kind) ||
				    strcmp(all->list[i].subject, all->list[k].subject));
	/* whatever a source lists twice is told once, and keeps nothing else from being told */
	assert_non_null(strstr(listed(&w), "signature Stock 1.0 (7) 30 resign 2\n"));
	assert_non_null(strstr(listed(&w), "provision Field 30 provision_none 2\n"));
}

static void
an_admin_is_led_to_the_devices_that_a_certificate_touches_and_a_publisher_to_the_page_of_provisions(void **state)
{
	static const struct { const char *kind, *href; } hrefs[] = {
		{ "signature", "/admin/held?bundle_id=com.example.stock&cause=certificate&ends=2027-01-31T12:00:00Z" }, { "distribution", "/admin/held?certificate=cert-stock-7" },
	};
	const struct person admin = { .id = "a", .role = ROLE_ADMIN }, publisher = { .id = "p", .role = ROLE_PUBLISHER };
	const struct person of_one_app = { .id = "a", .role = ROLE_ADMIN, .bundle_id = "com.example.stock" };
	struct story w = story_begin(*state, STORY_MAIL);
	struct endings *all;
	struct err err = { 0 };
	size_t seen = 0;

	story_human(&w, "anna", ROLE_ADMIN, "anna@example.com");
	apps_build(&w, "stock", "7", noon_of(300), noon_of(30));
	apps_holds(&w, "d1", "stock-7", (struct apps_end){ noon_of(30), "certificate", "old", "" });
	assert_ok(endings_list(w.ctx, w.site, of_apps, clock_now() + 60 * DAY_S, &all, &err), &err);
	for (size_t i = 0; i < all->n; i++)
		for (size_t k = 0; k < 2; k++)
			if (strcmp(all->list[i].source->kind, hrefs[k].kind) == 0) {
				assert_string_equal(ending_href(w.ctx, &all->list[i], &admin), hrefs[k].href);
				assert_string_equal(ending_href(w.ctx, &all->list[i], &publisher), "/admin/provisions");
				assert_string_equal(ending_href(w.ctx, &all->list[i], &of_one_app), "/admin/provisions");
				seen |= 1u << k;
				all->list[i].devices = 0;	/* an empty list is of no use */
				assert_string_equal(ending_href(w.ctx, &all->list[i], &admin), "/admin/provisions");
			}
	assert_int_equal(seen, 3);
	apps_holds(&w, "d2", "stock-7", (struct apps_end){ noon_of(20), "provision", "old", "" });
	assert_ok(endings_list(w.ctx, w.site, of_apps, clock_now() + 60 * DAY_S, &all, &err), &err);
	for (size_t i = 0; i < all->n; i++)
		if (strcmp(all->list[i].source->kind, "provision") == 0) {
			assert_non_null(strstr(ending_href(w.ctx, &all->list[i], &admin), "/admin/held?bundle_id=com.example.stock&provision=old&cause=provision&ends=2"));
			assert_string_equal(ending_href(w.ctx, &all->list[i], &publisher), "/admin/provisions");
			seen |= 4;
		}
	assert_int_equal(seen, 7);
	/* and so does her mail */
	sweep(&w);
	assert_int_equal(story_number(&w, "SELECT count(*) FROM message WHERE body LIKE '%/admin/held?certificate=cert-stock-7%' AND body LIKE"
				      " '%/admin/held?bundle_id=com.example.stock&cause=certificate&%'"), 1);
}

/* The mail to one of them: its text and its HTML. */
static const char *
mail_to(struct story *w, const char *email)
{
	return story_text(w, mem_printf(w->ctx, "SELECT body FROM message WHERE recipient = '%s' ORDER BY created DESC LIMIT 1", email));
}

static size_t
times(const char *text, const char *what)
{
	size_t n = 0;

	for (const char *p = strstr(text, what); p; p = strstr(p + 1, what))
		n++;
	return n;
}

static void
an_admins_mail_names_the_first_ten_devices_and_a_publishers_only_their_number(void **state)
{
	struct story w = story_begin(*state, STORY_MAIL);
	const struct person *zoe;

	story_human(&w, "anna", ROLE_ADMIN, "anna@example.com");
	story_human(&w, "otto", ROLE_ADMIN, "otto@example.com");
	story_human(&w, "paul", ROLE_PUBLISHER, "paul@example.com");
	zoe = story_human(&w, "zoe", ROLE_MEMBER, "");
	apps_build(&w, "stock", "7", noon_of(300), noon_of(400));
	apps_build(&w, "field", "3", noon_of(300), noon_of(400));
	for (int i = 1; i <= 12; i++)
		apps_holds(&w, mem_printf(w.ctx, "d%02d", i), "stock-7", (struct apps_end){ noon_of(30), "provision", "old", "" });
	apps_holds(&w, "d01", "field-3", (struct apps_end){ noon_of(30), "provision", "old", "" });	/* another thing */
	apps_holds(&w, "d13", "stock-7", (struct apps_end){ noon_of(200), "provision", "old", "" });	/* later */
	apps_holds(&w, "d14", "stock-7", (struct apps_end){ noon_of(30), "provision", "other", "" });	/* by another one */
	story_run(&w, "UPDATE person SET display = 'Zo\xc3\xab Long' WHERE id = $1", db_text(zoe->id));
	story_run(&w, "UPDATE device SET person_id = $1, name = 'A <b>\nphone' WHERE id = 'd12'", db_text(zoe->id));
	sweep(&w);
	for (size_t i = 0; i < 2; i++) {
		const char *mail = mail_to(&w, i ? "otto@example.com" : "anna@example.com");
		const char *twelve = "d01, d02, d03, d04, d05, d06, d07, d08, d09 and 2 more";

		assert_int_equal(times(mail, twelve), 2);	/* as text and as HTML; who belongs to somebody first */
		assert_int_equal(times(mail, "Zo\xc3\xab Long (A <b> phone), d01,"), 1);
		assert_int_equal(times(mail, "(A &lt;b&gt; phone), d01,"), 1);
		assert_int_equal(times(mail, "d10"), 0);
		assert_int_equal(times(mail, "d13"), 0);
		assert_non_null(strstr(mail, "\\nd14\\n"));
		assert_non_null(strstr(mail, "/admin/held?bundle_id=com.example.stock&provision=old&cause=provision&ends="));
	}
	assert_non_null(strstr(mail_to(&w, "paul@example.com"), "Devices: 12"));
	assert_int_equal(times(mail_to(&w, "paul@example.com"), "d01"), 0);
}

static void
of_a_certificate_each_device_is_named_once_however_many_apps_it_has(void **state)
{
	struct story w = story_begin(*state, STORY_MAIL);

	story_human(&w, "anna", ROLE_ADMIN, "anna@example.com");
	story_human(&w, "lea", ROLE_ADMIN, "lea@example.com");
	story_run(&w, "INSERT INTO ending_reader (person_id, mails, email, language, changed) SELECT id, TRUE, '', 'de', 1 FROM person WHERE name = 'lea'");
	apps_build(&w, "stock", "7", noon_of(300), noon_of(30));
	apps_build(&w, "field", "3", noon_of(300), noon_of(30));
	story_run(&w, "UPDATE build_bundle SET certificate = 'both'");
	for (int i = 1; i <= 12; i++)
		apps_holds(&w, mem_printf(w.ctx, "d%02d", i), "stock-7", (struct apps_end){ noon_of(30), "certificate", "", "" });
	apps_holds(&w, "d01", "field-3", (struct apps_end){ noon_of(30), "certificate", "", "" });
	sweep(&w);
	/* of the build and of the certificate, in two forms each */
	assert_int_equal(times(mail_to(&w, "anna@example.com"), "d01, d02, d03, d04, d05, d06, d07, d08, d09, d10 and 2 more"), 4);
	assert_int_equal(times(mail_to(&w, "lea@example.com"), "d10 und 2 weitere"), 4);
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

static void
a_build_that_devices_were_saved_from_still_ends_for_who_installed_it_without_management(void **state)
{
	struct story w = story_begin(*state, STORY_MAIL);

	story_human(&w, "anna", ROLE_ADMIN, "anna@example.com");
	apps_build(&w, "stock", "7", noon_of(40), noon_of(900));
	apps_holds(&w, "d1", "stock-7", (struct apps_end){ noon_of(40), "provision", "old", "" });
	assert_string_equal(listed(&w), "build Stock 1.0 (7) 40 build -1\nprovision Stock 40 provision_none 1\n");
	/* the newer provision is there: no device stops, and the build does where no device gets it */
	apps_holds(&w, "d1", "stock-7", (struct apps_end){ noon_of(400), "provision", "new", "" });
	assert_string_equal(listed(&w), "build Stock 1.0 (7) 40 build -1\n");
	story_day(&w, 10);
	sweep(&w);
	assert_int_equal(story_number(&w, "SELECT count(*) FROM ending_notice WHERE kind = 'build' AND subject = 'com.example.stock' AND days = 30"), 1);
	/* a newer build ends it */
	apps_build(&w, "stock", "8", noon_of(400), noon_of(900));
	assert_string_equal(listed(&w), "");
}

static void
what_any_channel_offers_is_watched_and_of_what_was_installed_what_nothing_offered_outlives(void **state)
{
	struct story w = story_begin(*state, STORY_MAIL);

	apps_build(&w, "stock", "5", noon_of(20), noon_of(25));
	apps_build(&w, "stock", "9", noon_of(40), noon_of(45));
	apps_build(&w, "stock", "12", noon_of(300), noon_of(900));
	apps_channel(&w, "stock", "stable", "stock-9");
	apps_channel(&w, "stock", "beta", "stock-12");
	/* many have 5, and what replaces it is on offer: its testers are told, its publisher need not be */
	apps_installed(&w, "i1", "stock-5", noon_of(-100));
	assert_string_equal(listed(&w), "build Stock 1.0 (9) 40 build -1\ndistribution cert-stock-9 45 resign 0\n");
	/* nothing on offer lives longer: then who has it hears of nothing else */
	apps_channel(&w, "stock", "stable", NULL);
	apps_channel(&w, "stock", "beta", NULL);
	story_run(&w, "UPDATE app SET newest_build_id = NULL");
	assert_string_equal(listed(&w), "build Stock 1.0 (5) 20 build -1\ndistribution cert-stock-5 25 resign 0\n");
	story_run(&w, "UPDATE install SET created = $1", db_int(noon_of(-370)));
	assert_string_equal(listed(&w), "");
}

static void
a_certificate_that_ends_is_told_to_the_publishers_of_what_it_signed(void **state)
{
	struct story w = story_begin(*state, STORY_MAIL);
	const struct person *paul = story_human(&w, "paul", ROLE_PUBLISHER, "paul@example.com");
	const struct person *pia = story_human(&w, "pia", ROLE_PUBLISHER, "pia@example.com");

	story_human(&w, "anna", ROLE_ADMIN, "anna@example.com");
	story_human(&w, "karl", ROLE_MEMBER, "karl@example.com");
	story_run(&w, "UPDATE person SET all_apps = FALSE WHERE role = 'publisher'");
	story_run(&w, "INSERT INTO publisher_app (person_id, bundle_id) VALUES ($1, 'com.example.stock'), ($2, 'com.example.other')",
		  db_text(paul->id), db_text(pia->id));
	apps_build(&w, "beacon", "1", noon_of(300), noon_of(60));
	apps_build(&w, "stock", "7", noon_of(300), noon_of(60));
	apps_build(&w, "other", "2", noon_of(300), noon_of(600));
	/* one certificate for both, as it usually is; no device holds either */
	story_run(&w, "UPDATE build_bundle SET certificate = 'one' WHERE build_id IN ('beacon-1', 'stock-7')");
	sweep(&w);
	assert_string_equal(story_text(&w, "SELECT group_concat(name, ' ') FROM (SELECT p.name FROM ending_notice n JOIN person p"
			    " ON p.id = n.person_id WHERE n.kind = 'distribution' AND n.subject = 'one' AND n.days = 60 ORDER BY p.name)"),
			    "anna paul");
	assert_int_equal(story_number(&w, "SELECT count(*) FROM ending_notice"), 2);
}

TESTS(an_admins_mail_names_the_first_ten_devices_and_a_publishers_only_their_number,
      of_a_certificate_each_device_is_named_once_however_many_apps_it_has,
      an_admin_is_led_to_the_devices_that_a_certificate_touches_and_a_publisher_to_the_page_of_provisions,
      an_end_that_devices_reach_by_several_provisions_is_one_ending_and_one_mail,
      a_build_that_devices_were_saved_from_still_ends_for_who_installed_it_without_management,
      what_any_channel_offers_is_watched_and_of_what_was_installed_what_nothing_offered_outlives,
      a_certificate_that_ends_is_told_to_the_publishers_of_what_it_signed,
      what_a_source_lists_twice_is_told_once_and_keeps_nothing_else_back)
