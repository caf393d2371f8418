/* People whom nobody can look up: what is theirs rests when nobody has confirmed them for long, and comes back by itself. */
#include "tests/check_link.h"
#include "tests/check_story.h"
#include <string.h>
#include "catalog/calendar.h"
#include "catalog/grant.h"
#include "catalog/people.h"
#include "catalog/people_rest.h"
#include "catalog/session.h"
#include "catalog/token.h"
#include "core/json.h"
#include "web/ending_sources.h"

static const struct people_rest blind = { .days = 30 }, looked = { .days = 30, .looked_up = true }, never_rests = { .days = 0 };

static int64_t
sweep(struct house *h, struct people_rest rest)
{
	struct err err = { 0 };
	int64_t n;

	assert_ok(people_rest_sweep(h->db, &rest, &n, &err), &err);
	return n;
}

static struct person *
from_directory(TALLOC_CTX *ctx, struct house *h, const char *id, const char *name, const char *email)
{
	const struct directory_person from = { .external_id = id, .dn = "uid=x,dc=example", .name = name, .display = "", .email = email,
					       .phone = "", .allowed = true, .has_role = true, .role = ROLE_PUBLISHER };
	struct person *ret;
	struct err err = { 0 };

	assert_ok(people_from_directory(ctx, h->db, &from, &ret, &err), &err);
	return ret;
}

static struct person *
from_proxy(TALLOC_CTX *ctx, struct house *h, const char *name)
{
	struct person *ret;
	struct err err = { 0 };

	assert_ok(people_from_proxy(ctx, h->db, name, true, &ret, &err), &err);
	return ret;
}

/* Everything that opens something for somebody. */
struct theirs {
	char *token, *cookie, *feed, *sent, *received, *ci;
};

static struct theirs
all_of(TALLOC_CTX *ctx, struct house *h, struct person *whose, const char *email)
{
	const struct token_wish wish = { .label = "ci", .scope = "upload" };
	const struct grant_terms terms = { .kind = GRANT_CI, .manifest_s = 365 * DAY_S, .ipa_s = DAY_S };
	struct theirs all;
	struct err err = { 0 };
	char *id;

	assert_ok(token_new(ctx, h->db, whose->name, whose, &wish, &all.token, &err), &err);
	assert_ok(session_new(ctx, h->db, whose, &all.cookie, &err), &err);
	assert_ok(calendar_new(ctx, h->db, whose, &all.feed, &err), &err);
	assert_ok(grant_new(ctx, h->db, &terms, h->build, whose->id, &all.ci, &err), &err);
	assert_ok(link_new(ctx, h->db, &h->key, whose, &(struct link_terms){ .build_id = h->build, .expires = clock_now() + 300 * DAY_S,
		  .installs_max = 9 }, &id, &all.sent, &err), &err);
	all.received = tester_link(ctx, h, (struct link_terms){ .contact_id = tester(ctx, h, whose->name, email, NULL),
								.expires = clock_now() + 300 * DAY_S }, &id);
	return all;
}

/* How many of them open: ALL_OPEN or REST_OPEN. */
static int
open_of(TALLOC_CTX *ctx, struct house *h, const struct theirs *all)
{
	const struct session_limits limits = { 1000 * DAY_S, 1000 * DAY_S, 1000 * DAY_S };
	struct person *p;
	struct grant *g;
	struct link *l;
	char *csrf;
	struct err err = { 0 };

	return token_open(ctx, h->db, all->token, &p, &err) + session_open(ctx, h->db, all->cookie, &limits, &p, &csrf, &err) +
	       calendar_open(ctx, h->db, all->feed, &p, &err) + link_open(ctx, h->db, all->sent, &l, &err) +
	       link_open(ctx, h->db, all->received, &l, &err) + grant_open(ctx, h->db, all->ci, GRANT_MANIFEST, "a phone", &g, &err);
}

#define ALL_OPEN 6
#define REST_OPEN 1	/* what somebody else sent them */

static void
what_is_theirs_rests_after_so_many_days_and_the_next_sign_in_brings_it_back(void **state)
{
	struct house h = house_with_build(*state);
	struct person *eva = from_directory(*state, &h, "01", "eva", "eva@example.com"), *zoe = from_proxy(*state, &h, "zoe");
	struct theirs evas = all_of(*state, &h, eva, "eva@example.com"), zoes, pauls = all_of(*state, &h, h.paul, "paul@example.com");
	char *refused;
	struct person *p;
	struct err err;

	sql(&h, "UPDATE person SET role = 'publisher', email = 'zoe@example.com' WHERE name = 'zoe'");
	zoe->role = ROLE_PUBLISHER;
	zoes = all_of(*state, &h, zoe, "zoe@example.com");
	set_now(&h, "2026-12-22T11:59:59Z");
	assert_int_equal(sweep(&h, blind), 0);
	assert_int_equal(open_of(*state, &h, &evas) + open_of(*state, &h, &zoes), 2 * ALL_OPEN);
	set_now(&h, "2026-12-22T12:00:01Z");
	assert_int_equal(sweep(&h, never_rests), 0);
	assert_int_equal(sweep(&h, blind), 2);
	assert_int_equal(sweep(&h, blind), 0);	/* once */
	assert_int_equal(open_of(*state, &h, &evas), REST_OPEN);
	assert_int_equal(open_of(*state, &h, &zoes), REST_OPEN);
	assert_int_equal(open_of(*state, &h, &pauls), ALL_OPEN);	/* a local account is known here */
	assert_string_equal(sql_text(*state, &h, "SELECT detail FROM audit WHERE act = 'person.rest' AND object = 'eva'"),
			    "not confirmed since 2026-11-22");
	/* refused as if it were revoked */
	assert_false(token_open(*state, h.db, evas.token, &p, &err));
	assert_int_equal(err.kind, ERR_SIGN_IN);
	refused = mem_text(*state, err.cause);
	assert_false(token_open(*state, h.db, "pom_of_nobody", &p, &err));
	assert_string_equal(refused, err.cause);
	/* and back: by a sign-in, and by the proxy's next word */
	from_directory(*state, &h, "01", "eva", "eva@example.com");
	assert_int_equal(open_of(*state, &h, &evas), ALL_OPEN);
	assert_int_equal(open_of(*state, &h, &zoes), REST_OPEN);
	from_proxy(*state, &h, "zoe");
	assert_int_equal(open_of(*state, &h, &zoes), ALL_OPEN);
	assert_int_equal(sql_int(&h, "SELECT count(*) FROM audit WHERE act = 'person.wake'"), 2);
	assert_int_equal(sweep(&h, blind), 0);
}

static void
whom_the_directory_is_asked_about_does_not_rest_however_long_it_is_down(void **state)
{
	struct house h = house_with_build(*state);
	struct person *eva = from_directory(*state, &h, "01", "eva", "eva@example.com");
	const struct directory_person said = { .external_id = "01", .dn = "uid=x,dc=example", .name = "eva", .display = "",
					       .email = "eva@example.com", .phone = "", .allowed = true };
	struct theirs evas = all_of(*state, &h, eva, "eva@example.com");
	struct err err;
	bool ended;

	set_now(&h, "2027-02-22T12:00:00Z");
	sql(&h, "UPDATE build SET expires = 2000000000, installs_until = 2000000000");
	assert_int_equal(sweep(&h, looked), 0);
	assert_int_equal(open_of(*state, &h, &evas), ALL_OPEN);
	/* the account is taken out of the settings; and put in again: it is the directory's word that wakes them */
	assert_int_equal(sweep(&h, blind), 1);
	assert_int_equal(sweep(&h, looked), 0);
	assert_int_equal(open_of(*state, &h, &evas), REST_OPEN);
	assert_ok(people_checked(h.db, eva->id, &said, &ended, &err), &err);
	assert_int_equal(open_of(*state, &h, &evas), ALL_OPEN);
}

static void
another_number_of_days_counts_at_once_and_an_older_database_from_its_update(void **state)
{
	struct house h = house_with_build(*state);

	from_directory(*state, &h, "01", "eva", "eva@example.com");
	set_now(&h, "2027-01-22T12:00:00Z");
	assert_int_equal(sweep(&h, blind), 1);
	assert_int_equal(sweep(&h, (struct people_rest){ .days = 90 }), 0);
	assert_int_equal(sql_int(&h, "SELECT count(*) FROM person WHERE resting"), 0);
	assert_int_equal(sweep(&h, blind), 1);
	assert_int_equal(sweep(&h, never_rests), 0);
	assert_int_equal(sql_int(&h, "SELECT count(*) FROM person WHERE resting"), 0);
	sql(&h, "UPDATE person SET confirmed = 0");
	assert_int_equal(sweep(&h, blind), 0);
	set_now(&h, "2027-02-21T12:00:01Z");
	assert_int_equal(sweep(&h, blind), 1);
	/* more than one batch of them */
	sql(&h, "INSERT INTO person (id, name, folded, role, password, source, created, confirmed) SELECT 'p' || p1.name || p2.name || p3.name ||"
		" p4.name || p5.name, p1.name || p2.name || p3.name || p4.name || p5.name, p1.name || p2.name || p3.name || p4.name || p5.name,"
		" 'member', '', 'proxy', 1, 1 FROM person p1, person p2, person p3, person p4, person p5");
	assert_int_equal(sweep(&h, blind), 4 * 4 * 4 * 4 * 4);
}

static void
its_owner_is_told_a_week_before_where_there_is_something_to_lose(void **state)
{
	static const struct ending_source rests[] = { { "rest", ENDING_FOR_OWNER, ending_rest, ending_rest_of }, { 0 } };
	struct story w = story_begin(*state, "ldap {\n\turls = \"ldaps://dc.example.com\"\n\tuser_bases = \"dc=example\"\n\tuser_bind_template ="
					     " \"%s@example.com\"\n}\n");
	const struct token_wish wish = { .label = "ci", .scope = "upload" };
	struct person *eva, *otto;
	struct endings *all;
	struct err err = { 0 };
	char *token;

	w.house.db = w.db;
	eva = from_directory(w.ctx, &w.house, "01", "eva", "eva@example.com");
	otto = from_directory(w.ctx, &w.house, "02", "otto", "otto@example.com");
	assert_ok(token_new(w.ctx, w.db, "eva", eva, &wish, &token, &err), &err);
	assert_ok(endings_list(w.ctx, w.site, rests, clock_now() + ENDING_EVER_S, &all, &err), &err);
	assert_int_equal(all->n, 1);	/* otto has nothing that would rest */
	assert_string_equal(all->list[0].name, "eva");
	assert_string_equal(all->list[0].person_id, eva->id);
	assert_int_equal(all->list[0].ends, clock_now() + 30 * DAY_S);
	assert_true(ending_tells(&all->list[0], eva));
	assert_false(ending_tells(&all->list[0], otto));
	assert_int_equal(ending_notice_at(clock_now() + 22 * DAY_S, all->list[0].begins, all->list[0].ends), 0);
	assert_int_equal(ending_notice_at(clock_now() + 23 * DAY_S, all->list[0].begins, all->list[0].ends), 7);
	story_day(&w, 23);
	from_directory(w.ctx, &w.house, "01", "eva", "eva@example.com");	/* they came */
	assert_ok(endings_list(w.ctx, w.site, rests, clock_now() + ENDING_EVER_S, &all, &err), &err);
	assert_int_equal(all->list[0].ends, clock_now() + 30 * DAY_S);
	/* for long: it is shown, and nobody is told any more */
	story_day(&w, 23 + 30 + ENDING_LATE + 1);
	assert_ok(endings_list(w.ctx, w.site, rests, clock_now() + ENDING_EVER_S, &all, &err), &err);
	assert_int_equal(all->n, 1);
	assert_true(all->list[0].quiet);
}

TESTS(what_is_theirs_rests_after_so_many_days_and_the_next_sign_in_brings_it_back,
      whom_the_directory_is_asked_about_does_not_rest_however_long_it_is_down,
      another_number_of_days_counts_at_once_and_an_older_database_from_its_update,
      its_owner_is_told_a_week_before_where_there_is_something_to_lose)
