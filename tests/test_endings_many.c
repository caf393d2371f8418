/* Certificates of 25,000 people: what admins see and hear of them is short, each person hears of theirs, and nothing fails. */
#include "tests/check_story.h"
#include "core/buf.h"
#include "core/clock.h"
#include "core/json.h"
#include "mdm/ends.h"
#include "web/ending_sources.h"
#include "web/endings_owned.h"
#include <string.h>

#define PEOPLE		25000
#define DUE		300	/* end in 14 days, and mail reaches their people */
#define UNHEARD		2000	/* end in the week of the day behind 30, and none does */
#define SOON_DAY	14
#define UNHEARD_DAY	34	/* a Thursday; day 0 is a Friday */
#define LATER_DAY	100	/* the others, over five weeks from there */

static const struct ending_source of_people[] = {
	{ "own", ENDING_FOR_OWNER, ending_own, ending_own_of, "/admin/own?ends=" },
	{ "token", ENDING_FOR_OWNER, ending_tokens, ending_tokens_of },
	{ 0 }
};

#define NUMBERS "WITH RECURSIVE i (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM i WHERE n + 1 < $1) "

static void
people(struct story *w)
{
	story_run(w, "INSERT INTO authority (id, role, key_id, certificate, sha256, not_after, made) VALUES ('ca', 'ca', 'k', $1, 'a', $2, 1)",
		  db_bytes((struct bytes){ "x", 1 }), db_int(noon_of(30000)));
	story_run(w, NUMBERS "INSERT INTO person (id, name, folded, role, password, created, email) SELECT 'p' || n, 'p' || n, 'p' || n,"
		  " 'member', '', 1, CASE WHEN n >= $2 AND n < $3 THEN '' ELSE 'p' || n || '@example.com' END FROM i",
		  db_int(PEOPLE), db_int(DUE), db_int(DUE + UNHEARD));
	story_run(w, NUMBERS "INSERT INTO own_mobileconfig (id, person_id, mobileconfig_id, identifier, title, udid, device_name, state,"
		  " created, changed) SELECT 'o' || n, 'p' || n, 'eas', 'com.example.eas', 'Exchange', 'u' || n, 'iPhone', 'installed', 1, 1 FROM i",
		  db_int(PEOPLE));
	story_run(w, NUMBERS "INSERT INTO own_session (id, token_hash, way, person_id, mobileconfig_id, own_id, state, challenge_hash, created,"
		  " expires, changed) SELECT 's' || n, 's' || n, 'phases', 'p' || n, 'eas', 'o' || n, 'issued', 's' || n, 1, 1, 1 FROM i",
		  db_int(PEOPLE));
	story_run(w, NUMBERS "INSERT INTO certificate (sha256, serial, authority_id, purpose, subject, key_sha256, der, session_id, not_before,"
		  " not_after, issued, turn) SELECT 'c' || n, 'c' || n, 'ca', 'person', 'c', 'c' || n, $2, 's' || n, $3,"
		  " CASE WHEN n < $4 THEN $5 WHEN n < $6 THEN $7 ELSE $8 + n % 35 * 86400 END, 1, n + 1 FROM i", db_int(PEOPLE),
		  db_bytes((struct bytes){ "x", 1 }), db_int(noon_of(-265)), db_int(DUE), db_int(noon_of(SOON_DAY)),
		  db_int(DUE + UNHEARD), db_int(noon_of(UNHEARD_DAY)), db_int(noon_of(LATER_DAY)));
}

static size_t
weeks_of(const struct endings *all, int64_t *sum)
{
	size_t n = 0;

	*sum = 0;
	for (size_t i = 0; i < all->n; i++)
		if (strcmp(all->list[i].source->kind, "own") == 0) {
			*sum += all->list[i].many;
			n++;
		}
	return n;
}

static void
certificates_of_any_number_of_people_are_a_line_a_week_to_admins_and_fit(void **state)
{
	struct story w = story_begin(*state, STORY_MAIL);
	const struct person *anna = story_human(&w, "anna", ROLE_ADMIN, "anna@example.com");
	struct endings *all, *mine;
	struct err err = { 0 };
	struct buf metrics;
	int64_t sum, needs;
	size_t alone = 0;

	people(&w);
	assert_ok(endings_list_for(*state, w.site, anna->id, clock_now() + ENDING_EVER_S, &all, &err), &err);
	assert_int_equal(all->failed_n, 0);
	assert_in_range(weeks_of(all, &sum), 7, 8);
	assert_int_equal(sum, PEOPLE);
	assert_in_range(talloc_total_size(all), 1, 64 << 10);
	assert_ok(endings_count(w.site, anna, &needs, &err), &err);
	assert_in_range(needs, 1, 3);	/* the week that is near; the others' people are told */
	buf_init(&metrics, *state, 64u << 10);
	assert_ok(endings_print(w.site, &metrics, &err), &err);
	assert_non_null(strstr(buf_str(&metrics), "pomona_endings{kind=\"own\",days=\"14\"} 300\n"));
	assert_non_null(strstr(buf_str(&metrics), "pomona_endings{kind=\"own\",days=\"60\"} 2300\n"));
	/* by the day, though they are held by the week */
	assert_non_null(strstr(buf_str(&metrics), "pomona_endings{kind=\"own\",days=\"7\"} 0\n"));
	story_day(&w, SOON_DAY - 1);
	endings_forget(w.site);
	buf_init(&metrics, *state, 64u << 10);
	assert_ok(endings_print(w.site, &metrics, &err), &err);
	assert_non_null(strstr(buf_str(&metrics), "pomona_endings{kind=\"own\",days=\"0\"} 0\n"));
	assert_non_null(strstr(buf_str(&metrics), "pomona_endings{kind=\"own\",days=\"1\"} 300\n"));
	/* whose it is sees their own among them */
	assert_ok(endings_list_for(*state, w.site, "p7", clock_now() + ENDING_EVER_S, &mine, &err), &err);
	for (size_t i = 0; i < mine->n; i++)
		if (mine->list[i].person_id) {
			assert_string_equal(mine->list[i].subject, "o7");
			alone++;
		}
	assert_int_equal(alone, 1);
}

static void
each_of_them_is_told_once_and_admins_by_the_week_of_whom_no_mail_reaches(void **state)
{
	struct story w = story_begin(*state, STORY_MAIL);
	struct err err = { 0 };

	story_human(&w, "anna", ROLE_ADMIN, "anna@example.com");
	people(&w);
	for (int i = 0; i < 2; i++) {	/* the job came twice */
		assert_ok(endings_sweep(w.site, of_people, &err), &err);
		assert_int_equal(story_number(&w, "SELECT count(*) FROM message"), DUE + 1);
		assert_int_equal(story_number(&w, "SELECT count(DISTINCT recipient) FROM message"), DUE + 1);
		assert_int_equal(story_number(&w, "SELECT count(*) FROM ending_notice WHERE kind = 'own' AND days = 14"), DUE);
	}
	assert_string_equal(story_text(&w, "SELECT group_concat(n.kind || ' ' || n.subject || ' ' || n.days) FROM ending_notice n JOIN person p"
			    " ON p.id = n.person_id WHERE p.name = 'anna'"), "own 2027-02-01 60");
	assert_string_equal(story_text(&w, "SELECT subject FROM message WHERE recipient = 'anna@example.com'"),
			    "Certificates of people: 2000 end in the week of 1 February 2027");
	/* somebody comes to that week: it is the same one; and its next notice names their number */
	story_run(&w, "UPDATE person SET email = '' WHERE id IN ('p4000')");
	story_run(&w, "UPDATE certificate SET not_after = $1 WHERE sha256 = 'c4000'", db_int(noon_of(UNHEARD_DAY + 1)));
	story_day(&w, 1);	/* 30 days before its Monday */
	assert_ok(endings_sweep(w.site, of_people, &err), &err);
	assert_int_equal(story_number(&w, "SELECT count(*) FROM message WHERE recipient = 'anna@example.com'"), 2);
	assert_string_equal(story_text(&w, "SELECT subject FROM message WHERE recipient = 'anna@example.com' ORDER BY created DESC LIMIT 1"),
			    "Certificates of people: 2001 end in the week of 1 February 2027");
	assert_int_equal(story_number(&w, "SELECT count(*) FROM message"), DUE + 2);
}

TESTS(certificates_of_any_number_of_people_are_a_line_a_week_to_admins_and_fit,
      each_of_them_is_told_once_and_admins_by_the_week_of_whom_no_mail_reaches)
