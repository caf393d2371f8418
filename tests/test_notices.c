/* Who is told of a build, by the jobs that tell: testers of a channel, and those who registered a device and wait. */
#include "tests/check_link.h"
#include "tests/check_story.h"
#include "catalog/contact.h"
#include "catalog/people.h"
#include "catalog/people_rest.h"
#include "catalog/registration.h"
#include "core/job.h"
#include "web/notices.h"
#include "web/rooms.h"
#include <string.h>

#define UDID	"00008120-001A2B3C4D5E801E"
#define OTHER	"00008120-00000000000000FF"

/* A site with Paul, who publishes. */
static struct story
pauls(TALLOC_CTX *ctx)
{
	struct story w = story_begin(ctx, STORY_MAIL);
	struct err err;

	assert_ok(blobs_open(ctx, mem_printf(ctx, "%s/blobs", test_dir(ctx)), 0, &w.house.blobs, &err), &err);
	w.house.paul = story_human(&w, "paul", ROLE_PUBLISHER, "paul@example.com");
	return w;
}

/* ---- testers of a channel ---- */

static void
nobody_is_left_out_because_others_have_many_links(void **state)
{
	struct story w = pauls(*state);
	char *next;

	published(*state, &w.house, (struct sent){ .build = "1" });
	sql(&w.house, "WITH RECURSIVE x(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM x WHERE i < 150) INSERT INTO contact (id, name, folded,"
	    " email, created) SELECT printf('c%05d', i), 't' || i, 't' || i, 't' || i || '@example.com', 1 FROM x");
	sql(&w.house, "WITH RECURSIVE x(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM x WHERE i < 30) INSERT INTO link (id, hash, app_id,"
	    " build_id, contact_id, person_id, pin, sign_in, expires, installs_max, created) SELECT c.id || '-' || i, c.id || '-' || i,"
	    " b.app_id, b.id, c.id, (SELECT id FROM person WHERE name = 'paul'), '', FALSE, 4000000000, 5, 1 + i FROM x, contact c, build b");
	story_day(&w, 0);
	next = published(*state, &w.house, (struct sent){ .build = "2" });
	for (int again = 0; again < 2; again++) {
		json_t *args = json_pack("{s:s, s:s}", "build", next, "channel", "main");
		struct err err = { 0 };

		assert_ok(notices_build(&(struct job){ .args = args }, *state, w.site, &err), &err);
		json_decref(args);
		assert_int_equal(story_number(&w, "SELECT count(DISTINCT recipient) FROM message WHERE kind = 'mail'"), 150);
		assert_int_equal(story_number(&w, "SELECT count(*) FROM message"), 150);
		assert_int_equal(story_number(&w, "SELECT count(*) FROM notice WHERE missed <> ''"), 0);
	}
}

/* ---- who waits with a device ---- */

struct waiting {
	struct story w;
	struct person *eva, *tom;	/* who sent the link, and whoever it is for: of the directory */
};

static void
lists(struct waiting *q, const char *number, const char *udid)
{
	json_t *facts = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:{s:b}, s:{s:s, s:s, s:s, s:s, s:[], s:i, s:[s]}, s:[], s:{s:b, s:[]}}",
		"bundle_id", "com.example.app", "name", "Demo", "version", "1.0", "build", number, "minimum_os", "15.0", "platform", "iphoneos",
		"binary", "signed", 1, "provision", "kind", "adhoc", "expires", "2028-11-22T12:00:00Z", "app_id", "A1B2C3D4E5.*", "signature",
		"apple", "certificates", "devices", 1, "udids", udid, "extensions", "verdict", "installable", 1, "reasons");
	struct err err;
	bool fresh;
	char *id;

	assert_ok(publish_facts(q->w.ctx, &q->w.house, facts, "main", q->w.house.paul, &id, &fresh, &err), &err);
}

/* A build that does not list Tom's device; he registers it by Eva's link. */
static struct waiting
tom_waits(TALLOC_CTX *ctx)
{
	const struct directory_person sender = { .external_id = "01", .dn = "uid=eva,dc=example", .name = "eva", .display = "", .phone = "",
						 .email = "eva@example.com", .allowed = true, .has_role = true, .role = ROLE_PUBLISHER };
	const struct directory_person tester = { .external_id = "02", .dn = "uid=tom,dc=example", .name = "tom", .display = "", .phone = "",
						 .email = "tom@example.com", .allowed = true };
	struct waiting q = { .w = pauls(ctx) };
	struct contact contact = { .name = "Tom", .email = "tom@example.com", .phone = "" };
	struct device_answer answer = { .udid = UDID, .product = "iPhone15,4", .version = "22B83", .name = "x", .serial = "" };
	struct link_terms terms = { .expires = 0 };
	struct link_key *key = &q.w.site->link_key;
	char *id, *token, *view, *challenge, *to;
	struct link *link;
	struct err err;

	assert_ok(people_from_directory(ctx, q.w.db, &sender, &q.eva, &err), &err);
	assert_ok(people_from_directory(ctx, q.w.db, &tester, &q.tom, &err), &err);
	sql(&q.w.house, "UPDATE person SET all_apps = TRUE WHERE role = 'publisher'");
	lists(&q, "1", OTHER);
	assert_ok(contact_check(ctx, &contact, &err), &err);
	assert_ok(contact_add(ctx, q.w.db, "paul", &contact, &to, &err), &err);
	terms.contact_id = to;
	terms.build_id = sql_text(ctx, &q.w.house, "SELECT id FROM build");
	terms.expires = clock_now() + 7 * DAY_S;
	assert_ok(link_new(ctx, q.w.db, key, q.eva, &terms, &id, &token, &err), &err);
	assert_ok(link_open(ctx, q.w.db, token, &link, &err), &err);
	assert_ok(registration_challenge(ctx, q.w.db, link, &challenge, &err), &err);
	answer.challenge = challenge;
	assert_ok(registration_take(ctx, q.w.db, link, &answer, &view, &err), &err);
	return q;
}

static void
invites(struct waiting *q)
{
	json_t *args = json_pack("{s:s}", "app", sql_text(q->w.ctx, &q->w.house, "SELECT id FROM app"));
	struct err err = { 0 };

	sql(&q->w.house, "DELETE FROM job WHERE kind = 'registration_invite'");
	assert_ok(job_registration_invite(&(struct job){ .args = args }, q->w.ctx, q->w.site, &err), &err);
	json_decref(args);
}

static void
expect_invited(struct waiting *q)
{
	const char *body;
	struct link *link;
	struct err err;

	assert_string_equal(story_text(&q->w, "SELECT state FROM device_app"), "invited");
	assert_int_equal(story_number(&q->w, "SELECT count(*) FROM message"), 1);
	body = strstr(story_text(&q->w, "SELECT body FROM message"), "/i/");
	assert_non_null(body);
	assert_ok(link_open(q->w.ctx, q->w.db, mem_textn(q->w.ctx, body + 3, LINK_TOKEN_SIZE - 1), &link, &err), &err);
}

static void
expect_waiting(struct waiting *q)
{
	assert_string_equal(story_text(&q->w, "SELECT state FROM device_app"), "waiting");
	assert_int_equal(story_number(&q->w, "SELECT count(*) FROM message"), 0);
}

static void
who_waits_gets_a_link_that_opens(void **state)
{
	struct waiting q = tom_waits(*state);

	lists(&q, "2", UDID);
	invites(&q);
	expect_invited(&q);
}

static bool
tx_confirm(struct db *tx, void *arg, struct err *err)
{
	return people_confirm(tx, arg, err);
}

static void
who_waits_by_the_link_of_one_who_rests_is_invited_when_that_one_is_back(void **state)
{
	struct waiting q = tom_waits(*state);
	struct err err;

	sql(&q.w.house, "UPDATE person SET resting = TRUE WHERE name = 'eva'");
	lists(&q, "2", UDID);
	invites(&q);
	expect_waiting(&q);
	assert_ok(db_tx(q.w.db, tx_confirm, (void *)(uintptr_t)q.eva->id, &err), &err);
	assert_int_equal(story_number(&q.w, "SELECT count(*) FROM job WHERE kind = 'registration_invite'"), 1);
	invites(&q);
	expect_invited(&q);
}

static void
who_may_not_come_in_is_not_invited_before_they_may_again(void **state)
{
	const struct directory_person tester = { .external_id = "02", .dn = "uid=tom,dc=example", .name = "tom", .display = "", .phone = "",
						 .email = "tom@example.com", .allowed = true };
	struct waiting q = tom_waits(*state);
	struct err err;

	sql(&q.w.house, "UPDATE person SET disabled = TRUE, disabled_by = 'directory' WHERE name = 'tom'");
	lists(&q, "2", UDID);
	invites(&q);
	expect_waiting(&q);
	assert_ok(people_from_directory(*state, q.w.db, &tester, &q.tom, &err), &err);
	assert_int_equal(story_number(&q.w, "SELECT count(*) FROM job WHERE kind = 'registration_invite'"), 1);
	invites(&q);
	expect_invited(&q);
}

TESTS(nobody_is_left_out_because_others_have_many_links, who_waits_gets_a_link_that_opens,
      who_waits_by_the_link_of_one_who_rests_is_invited_when_that_one_is_back, who_may_not_come_in_is_not_invited_before_they_may_again)
