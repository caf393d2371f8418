/* Device registration against a real SQLite: challenges, who waits for which build, what publishers see. */
#include "tests/check_house.h"
#include "tests/check_link.h"
#include "catalog/build.h"
#include "catalog/contact.h"
#include "catalog/registration.h"
#include "catalog/tester_device.h"
#include "core/audit.h"
#include "core/clock.h"
#include <pthread.h>
#include <stdio.h>

#define DAY		86400
#define UDID_1		"00008120-001A2B3C4D5E801E"
#define UDID_2		"0123456789abcdef0123456789abcdef01234567"
#define UDID_3		"00008120-00000000000000FF"

/* What an upload is, as far as devices are concerned: UDIDs by spaces; kind NULL: adhoc. */
struct listing {
	const char *bundle_id, *build, *kind, *udids, *extension_udids, *watch_udids, *channel, *expires;
};

static json_t *
list_of(const char *words)
{
	json_t *list = json_array();

	for (const char *p = words; *(p += strspn(p, " ")); p += strcspn(p, " "))
		json_array_append_new(list, json_stringn(p, strcspn(p, " ")));
	return list;
}

static json_t *
provision(const struct listing *s, const char *udids)
{
	json_t *list = list_of(udids);

	return json_pack("{s:s, s:s, s:s, s:s, s:[], s:i, s:o}", "kind", s->kind ? s->kind : "adhoc", "expires",
			 s->expires ? s->expires : "2027-11-22T12:00:00Z", "app_id", "A1B2C3D4E5.*", "signature",
			 "apple", "certificates", "devices", (int)json_array_size(list), "udids", list);
}

static char *
lists(TALLOC_CTX *ctx, struct house *h, struct listing s)
{
	json_t *facts = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:{s:b}, s:o, s:[], s:{s:b, s:[]}}", "bundle_id",
		s.bundle_id ? s.bundle_id : "com.example.app", "name", "Demo", "version", "1.0", "build", s.build, "minimum_os",
		"15.0", "platform", "iphoneos", "binary", "signed", 1, "provision", provision(&s, s.udids ? s.udids : ""),
		"extensions", "verdict", "installable", 1, "reasons");
	json_t *extensions = json_object_get(facts, "extensions");
	struct err err;
	bool fresh;
	char *id;

	if (s.extension_udids)
		json_array_append_new(extensions, json_pack("{s:s, s:o}", "path", "PlugIns/Share.appex", "provision",
							    provision(&s, s.extension_udids)));
	if (s.watch_udids)
		json_array_append_new(extensions, json_pack("{s:s, s:o}", "path", "Watch/Demo.app", "provision",
							    provision(&s, s.watch_udids)));
	assert_ok(publish_facts(ctx, h, facts, s.channel, h->paul, &id, &fresh, &err), &err);
	return id;
}

static char *
contact(TALLOC_CTX *ctx, struct house *h, const char *name, const char *email)
{
	struct contact c = { .name = name, .email = email, .phone = "" };
	struct err err;
	char *id;

	assert_ok(contact_check(ctx, &c, &err), &err);
	assert_ok(contact_add(ctx, h->db, "paul", &c, &id, &err), &err);
	return id;
}

static struct link *
link_of(TALLOC_CTX *ctx, struct house *h, struct link_terms t)
{
	char *id, *token;
	struct link *link;
	struct err err;

	if (!t.expires)
		t.expires = clock_now() + 7 * DAY;
	assert_ok(link_new(ctx, h->db, &h->key, h->paul, &t, &id, &token, &err), &err);
	assert_ok(link_open(ctx, h->db, token, &link, &err), &err);
	return link;
}

static char *
challenge(TALLOC_CTX *ctx, struct house *h, const struct link *link)
{
	struct err err;
	char *text;

	assert_ok(registration_challenge(ctx, h->db, link, &text, &err), &err);
	return text;
}

/* The err's kind, or ERR_NONE and *view. */
static enum err_kind
take(TALLOC_CTX *ctx, struct house *h, const struct link *link, const char *udid, const char *with, char **view)
{
	struct device_answer answer = { .udid = udid, .product = "iPhone15,4", .version = "22B83",
					.name = "Anna's iPhone", .serial = "", .challenge = with };
	struct err err = { 0 };
	char *ignored;

	return registration_take(ctx, h->db, link, &answer, view ? view : &ignored, &err) ? ERR_NONE : err.kind;
}

static void
register_one(TALLOC_CTX *ctx, struct house *h, const struct link *link, const char *udid)
{
	assert_int_equal(take(ctx, h, link, udid, challenge(ctx, h, link), NULL), ERR_NONE);
}

static json_t *
devices(struct house *h, const struct person *person, bool udids)
{
	struct err err;
	json_t *list;

	assert_ok(tester_device_list(h->db, person, udids, NULL, 0, &list, &err), &err);
	return list;
}

static size_t
count_devices(struct house *h, const struct person *person)
{
	json_t *list = devices(h, person, false);
	size_t n = json_array_size(json_object_get(list, "items"));

	json_decref(list);
	return n;
}

/* ---- challenges ---- */

static void
a_challenge_is_for_one_answer_to_one_link(void **state)
{
	struct house h = house(*state);
	char *build = lists(*state, &h, (struct listing){ .build = "1" });
	struct link *mine = link_of(*state, &h, (struct link_terms){ .build_id = build });
	struct link *other = link_of(*state, &h, (struct link_terms){ .build_id = build });
	char *once = challenge(*state, &h, mine);

	assert_int_equal(take(*state, &h, other, UDID_1, once, NULL), ERR_DENIED);
	assert_int_equal(take(*state, &h, mine, UDID_1, "", NULL), ERR_DENIED);
	assert_int_equal(take(*state, &h, mine, UDID_1, "made up", NULL), ERR_DENIED);
	assert_int_equal(count_devices(&h, h.paul), 0);
	assert_int_equal(take(*state, &h, mine, UDID_1, once, NULL), ERR_NONE);
	assert_int_equal(take(*state, &h, mine, UDID_1, once, NULL), ERR_DENIED);
	assert_int_equal(take(*state, &h, mine, UDID_2, once, NULL), ERR_DENIED);
	assert_int_equal(count_devices(&h, h.paul), 1);
}

static void
a_challenge_ends_after_an_hour(void **state)
{
	struct house h = house(*state);
	char *build = lists(*state, &h, (struct listing){ .build = "1" });
	struct link *link = link_of(*state, &h, (struct link_terms){ .build_id = build });
	char *first = challenge(*state, &h, link), *second = challenge(*state, &h, link);

	set_now(&h, "2026-11-22T12:59:59Z");
	assert_int_equal(take(*state, &h, link, UDID_1, first, NULL), ERR_NONE);
	set_now(&h, "2026-11-22T13:00:00Z");
	assert_int_equal(take(*state, &h, link, UDID_1, second, NULL), ERR_DENIED);
}

static void
a_link_has_so_many_challenges_at_a_time(void **state)
{
	struct house h = house(*state);
	char *build = lists(*state, &h, (struct listing){ .build = "1" }), *text, *first;
	struct link *link = link_of(*state, &h, (struct link_terms){ .build_id = build });
	struct err err;

	first = challenge(*state, &h, link);
	for (int i = 1; i < CHALLENGES_MAX; i++)
		challenge(*state, &h, link);
	assert_false(registration_challenge(*state, h.db, link, &text, &err));
	assert_int_equal(err.kind, ERR_RATE);
	assert_int_equal(take(*state, &h, link, UDID_1, first, NULL), ERR_NONE);	/* one is used: one more */
	challenge(*state, &h, link);
	assert_false(registration_challenge(*state, h.db, link, &text, &err));
	set_now(&h, "2026-11-22T13:00:00Z");
	challenge(*state, &h, link);
}

struct racer {
	pthread_t thread;
	struct house *h;
	const struct link *link;
	const char *challenge;
	enum err_kind kind;
};

static void *
race(void *p)
{
	struct racer *r = p;
	void *ctx SCOPED(mem) = talloc_new(NULL);

	r->kind = take(ctx, r->h, r->link, UDID_1, r->challenge, NULL);
	return NULL;
}

static void
of_answers_at_once_one_is_taken(void **state)
{
	struct house h = house(*state);
	char *build = lists(*state, &h, (struct listing){ .build = "1" });
	struct link *link = link_of(*state, &h, (struct link_terms){ .build_id = build });
	const char *once = challenge(*state, &h, link);
	struct racer racers[8];
	int taken = 0;

	for (size_t i = 0; i < 8; i++) {
		racers[i] = (struct racer){ .h = &h, .link = link, .challenge = once };
		assert_int_equal(pthread_create(&racers[i].thread, NULL, race, &racers[i]), 0);
	}
	for (size_t i = 0; i < 8; i++) {
		pthread_join(racers[i].thread, NULL);
		taken += racers[i].kind == ERR_NONE;
	}
	assert_int_equal(taken, 1);
}

static void
the_page_after_it_opens_for_a_day_and_for_its_link(void **state)
{
	struct house h = house(*state);
	char *build = lists(*state, &h, (struct listing){ .build = "1" }), *view;
	char *anna = contact(*state, &h, "Anna Berg", "anna@example.com");
	struct link *link = link_of(*state, &h, (struct link_terms){ .build_id = build, .contact_id = anna });
	struct link *other = link_of(*state, &h, (struct link_terms){ .build_id = build });
	struct err err;
	json_t *device;

	assert_int_equal(take(*state, &h, link, UDID_1, challenge(*state, &h, link), &view), ERR_NONE);
	assert_ok(registration_view(h.db, link, view, &device, &err), &err);
	assert_string_equal(json_string_value(json_object_get(device, "contact")), "Anna Berg");
	assert_string_equal(json_string_value(json_object_get(device, "product")), "iPhone15,4");
	assert_string_equal(json_string_value(json_object_get(device, "state")), "waiting");
	json_decref(device);
	assert_false(registration_view(h.db, other, view, &device, &err));
	assert_false(registration_view(h.db, link, "", &device, &err));
	assert_int_equal(err.kind, ERR_MISSING);
	set_now(&h, "2026-11-23T12:00:00Z");
	assert_false(registration_view(h.db, link, view, &device, &err));
	set_now(&h, "2026-11-23T12:00:01Z");
	assert_ok(registration_sweep(h.db, &err), &err);
	assert_int_equal(sql_int(&h, "SELECT count(*) FROM registration_challenge"), 0);
	assert_int_equal(count_devices(&h, h.paul), 1);
}

static void
refused_answers_are_audited_and_at_last_not_looked_at(void **state)
{
	struct house h = house(*state);
	char *build = lists(*state, &h, (struct listing){ .build = "1" });
	struct link *link = link_of(*state, &h, (struct link_terms){ .build_id = build });
	struct link *other = link_of(*state, &h, (struct link_terms){ .build_id = build });
	struct err why, err;

	err_code(&why, ERR_DENIED, "bad_signature", "its signer is nobody we believe");
	for (int i = 0; i < REFUSALS_MAX; i++) {
		assert_ok(registration_may_answer(h.db, link, &err), &err);
		assert_ok(registration_refused(h.db, link, &why, &err), &err);
	}
	assert_int_equal(sql_int(&h, "SELECT count(*) FROM audit WHERE act = 'device.refused'"
				  " AND detail = 'its signer is nobody we believe'"), REFUSALS_MAX);
	assert_false(registration_may_answer(h.db, link, &err));
	assert_int_equal(err.kind, ERR_RATE);
	assert_ok(registration_may_answer(h.db, other, &err), &err);
	set_now(&h, "2026-11-22T13:00:00Z");
	assert_ok(registration_may_answer(h.db, link, &err), &err);
	assert_ok(registration_refused(h.db, link, &why, &err), &err);
	assert_ok(registration_may_answer(h.db, link, &err), &err);
}

/* ---- devices and builds ---- */

static void
a_device_is_known_again(void **state)
{
	struct house h = house(*state);
	char *build = lists(*state, &h, (struct listing){ .build = "1" });
	char *anna = contact(*state, &h, "Anna Berg", "anna@example.com"), *ben = contact(*state, &h, "Ben", "ben@example.com");
	struct link *of_anna = link_of(*state, &h, (struct link_terms){ .build_id = build, .contact_id = anna });
	struct link *of_ben = link_of(*state, &h, (struct link_terms){ .build_id = build, .contact_id = ben });
	struct link *of_nobody = link_of(*state, &h, (struct link_terms){ .build_id = build });
	static const char *const owners[] = { "Anna Berg", "Anna Berg", "Ben" };
	struct link *const links[] = { of_anna, of_nobody, of_ben };

	for (size_t i = 0; i < 3; i++) {
		json_t *list, *item;

		register_one(*state, &h, links[i], UDID_1);
		list = devices(&h, h.paul, false);
		assert_int_equal(json_array_size(json_object_get(list, "items")), 1);
		item = json_array_get(json_object_get(list, "items"), 0);
		assert_string_equal(json_string_value(json_object_get(json_object_get(item, "contact"), "name")), owners[i]);
		json_decref(list);
	}
}

static enum registration_fit
fit(struct house *h, const char *contact_id, const char *build)
{
	enum registration_fit ret;
	struct err err;

	assert_ok(registration_fit(h->db, contact_id, build, &ret, &err), &err);
	return ret;
}

static void
a_build_fits_the_devices_it_lists(void **state)
{
	struct house h = house(*state);
	char *anna = contact(*state, &h, "Anna Berg", "anna@example.com");
	char *with = lists(*state, &h, (struct listing){ .build = "1", .udids = "00008120-001a2b3c4d5e801e " UDID_2 });
	char *without = lists(*state, &h, (struct listing){ .build = "2", .udids = UDID_2 });
	char *development = lists(*state, &h, (struct listing){ .build = "3", .kind = "development", .udids = UDID_1 });
	char *any = lists(*state, &h, (struct listing){ .build = "4", .kind = "enterprise" });
	char *part = lists(*state, &h, (struct listing){ .build = "5", .udids = UDID_1, .extension_udids = UDID_2 });
	char *whole = lists(*state, &h, (struct listing){ .build = "6", .udids = UDID_1 " " UDID_2,
							 .extension_udids = UDID_1, .watch_udids = UDID_3 });
	struct link *link = link_of(*state, &h, (struct link_terms){ .build_id = with, .contact_id = anna });

	assert_int_equal(fit(&h, anna, with), FIT_UNKNOWN);
	assert_int_equal(fit(&h, anna, any), FIT_ANY);
	assert_int_equal(fit(&h, NULL, any), FIT_ANY);
	assert_int_equal(fit(&h, NULL, with), FIT_UNKNOWN);
	register_one(*state, &h, link, UDID_1);
	assert_int_equal(fit(&h, anna, with), FIT_LISTED);
	assert_int_equal(fit(&h, anna, without), FIT_WAITING);
	assert_int_equal(fit(&h, anna, development), FIT_LISTED);
	assert_int_equal(fit(&h, anna, part), FIT_WAITING);
	assert_int_equal(fit(&h, anna, whole), FIT_LISTED);
	assert_int_equal(fit(&h, NULL, with), FIT_UNKNOWN);
}

static void
builds_of_before_are_looked_at_once(void **state)
{
	struct house h = house(*state);
	char *anna = contact(*state, &h, "Anna Berg", "anna@example.com");
	char *build = NULL;
	struct err err;

	for (int i = 0; i < 45; i++)
		build = lists(*state, &h, (struct listing){ .build = mem_printf(*state, "%d", i), .udids = UDID_1 " " UDID_2 });
	register_one(*state, &h, link_of(*state, &h, (struct link_terms){ .build_id = build, .contact_id = anna }), UDID_1);
	assert_ok(db_run(h.db, &err, "DELETE FROM build_device"), &err);
	assert_int_equal(fit(&h, anna, build), FIT_WAITING);
	assert_ok(registration_fill(h.db, &err), &err);
	assert_ok(registration_fill(h.db, &err), &err);
	assert_int_equal(fit(&h, anna, build), FIT_LISTED);
	assert_int_equal(sql_int(&h, "SELECT count(*) FROM build_device"), 90);
}

/* ---- waiting ---- */

struct invitation {
	const struct registration_due *due;
	bool first;
};

static bool
tx_invite(struct db *tx, void *arg, struct err *err)
{
	struct invitation *it = arg;

	return registration_invite(tx, it->due, it->due->link_id, false, &it->first, err);
}

/* Builds that somebody is invited to now, "2 5"; they are not waiting any more. */
static const char *
invite(TALLOC_CTX *ctx, struct house *h, const char *bundle_id)
{
	struct rows *rows = db_query(ctx, h->db, "SELECT id FROM app WHERE bundle_id = $1", db_text(bundle_id));
	struct registration_due *due;
	const char *text = "";
	struct err err;
	char *app;
	size_t n;

	assert_ok(rows_one(rows, &err, "no app"), &err);
	app = rows_text(ctx, rows, 0);
	rows_done(rows);
	assert_ok(registration_due(ctx, h->db, app, &due, &n, &err), &err);
	for (size_t i = 0; i < n; i++) {
		struct invitation it = { &due[i], false };

		assert_ok(db_tx(h->db, tx_invite, &it, &err), &err);
		assert_true(it.first);
		assert_ok(db_tx(h->db, tx_invite, &it, &err), &err);
		assert_false(it.first);
		text = mem_printf(ctx, "%s%s%s", text, *text ? " " : "", due[i].build);
	}
	return text;
}

static void
who_waits_is_invited_to_the_build_that_lists_them(void **state)
{
	struct house h = house(*state);
	char *first = lists(*state, &h, (struct listing){ .build = "1", .udids = UDID_2 });
	struct link *link = link_of(*state, &h, (struct link_terms){ .build_id = first });

	register_one(*state, &h, link, UDID_1);
	assert_string_equal(invite(*state, &h, "com.example.app"), "");
	set_now(&h, "2026-11-22T12:10:00Z");
	lists(*state, &h, (struct listing){ .build = "2", .udids = UDID_3 });
	assert_string_equal(invite(*state, &h, "com.example.app"), "");
	lists(*state, &h, (struct listing){ .build = "3", .udids = UDID_1, .expires = "2026-11-22T12:05:00Z" });
	assert_string_equal(invite(*state, &h, "com.example.app"), "");
	lists(*state, &h, (struct listing){ .build = "4", .udids = UDID_1 " " UDID_2 });
	assert_string_equal(invite(*state, &h, "com.example.app"), "4");
	assert_string_equal(invite(*state, &h, "com.example.app"), "");
	assert_int_equal(sql_int(&h, "SELECT count(*) FROM job WHERE kind = 'registration_invite'"), 1);
}

static void
who_is_listed_already_does_not_wait(void **state)
{
	struct house h = house(*state);
	char *build = lists(*state, &h, (struct listing){ .build = "1", .udids = UDID_1 });
	struct link *link = link_of(*state, &h, (struct link_terms){ .build_id = build });
	struct err err;
	json_t *apps;

	register_one(*state, &h, link, UDID_1);
	assert_ok(tester_device_waiting(h.db, h.paul, &apps, &err), &err);
	assert_int_equal(json_array_size(apps), 0);
	json_decref(apps);
	register_one(*state, &h, link, UDID_3);
	assert_ok(tester_device_waiting(h.db, h.paul, &apps, &err), &err);
	assert_int_equal(json_integer_value(json_object_get(json_array_get(apps, 0), "waiting")), 1);
	json_decref(apps);
}

static void
a_newer_build_that_is_here_already_will_do(void **state)
{
	struct house h = house(*state);
	char *first = lists(*state, &h, (struct listing){ .build = "1", .udids = UDID_2 });
	struct link *link = link_of(*state, &h, (struct link_terms){ .build_id = first });

	set_now(&h, "2026-11-22T12:10:00Z");
	lists(*state, &h, (struct listing){ .build = "2", .udids = UDID_1 " " UDID_3 });
	assert_string_equal(invite(*state, &h, "com.example.app"), "");
	register_one(*state, &h, link, UDID_1);
	assert_string_equal(invite(*state, &h, "com.example.app"), "2");

	/* one that was there before its link is none that the link's sender meant */
	set_now(&h, "2026-11-22T12:20:00Z");
	register_one(*state, &h, link_of(*state, &h, (struct link_terms){ .build_id = first }), UDID_3);
	assert_string_equal(invite(*state, &h, "com.example.app"), "");
}

static void
with_a_contact_go_its_devices(void **state)
{
	struct house h = house(*state);
	char *anna = contact(*state, &h, "Anna Berg", "anna@example.com");
	char *build = lists(*state, &h, (struct listing){ .build = "1" });
	struct err err;

	register_one(*state, &h, link_of(*state, &h, (struct link_terms){ .build_id = build, .contact_id = anna }), UDID_1);
	register_one(*state, &h, link_of(*state, &h, (struct link_terms){ .build_id = build }), UDID_2);
	assert_ok(contact_remove(h.db, h.paul, anna, &err), &err);
	assert_int_equal(sql_int(&h, "SELECT count(*) FROM tester_device"), 1);
	assert_int_equal(sql_int(&h, "SELECT count(*) FROM device_app"), 1);
}

static void
a_link_to_a_channel_waits_for_that_channel(void **state)
{
	struct house h = house(*state);
	struct link *link;
	struct err err;
	char *good;

	lists(*state, &h, (struct listing){ .build = "1", .udids = UDID_2, .channel = "qa" });
	link = link_of(*state, &h, (struct link_terms){ .bundle_id = "com.example.app", .channel = "qa" });
	register_one(*state, &h, link, UDID_1);
	good = lists(*state, &h, (struct listing){ .build = "2", .udids = UDID_1 });
	assert_string_equal(invite(*state, &h, "com.example.app"), "");
	assert_ok(build_promote(h.db, h.paul, good, "qa", true, &err), &err);
	assert_string_equal(invite(*state, &h, "com.example.app"), "2");
}

static void
whose_link_is_revoked_waits_no_more(void **state)
{
	struct house h = house(*state);
	char *first = lists(*state, &h, (struct listing){ .build = "1", .udids = UDID_2 });
	struct link *anna = link_of(*state, &h, (struct link_terms){ .build_id = first });
	struct link *ben = link_of(*state, &h, (struct link_terms){ .build_id = first });
	struct err err;

	register_one(*state, &h, anna, UDID_1);
	register_one(*state, &h, ben, UDID_2);		/* is listed: invited */
	assert_ok(link_revoke(h.db, h.paul, anna->id, &err), &err);
	assert_ok(link_revoke(h.db, h.paul, ben->id, &err), &err);
	assert_int_equal(sql_int(&h, "SELECT count(*) FROM device_app"), 1);
	assert_int_equal(sql_int(&h, "SELECT count(*) FROM tester_device"), 1);
	lists(*state, &h, (struct listing){ .build = "2", .udids = UDID_1 " " UDID_2 });
	assert_string_equal(invite(*state, &h, "com.example.app"), "");
}

/* Only who is named sees what is in these. */
static void
keep_to_somebody(struct house *h, const char *channel)
{
	struct err err;

	assert_ok(db_run(h->db, &err, "INSERT INTO audience (id, tree, hash, created) VALUES ($1, 'null', $1, 0)",
			 db_text(channel)), &err);
	assert_ok(db_run(h->db, &err, "UPDATE channel SET audience_id = $1 WHERE name = $1", db_text(channel)), &err);
}

static void
a_link_to_a_build_waits_for_its_own_channel_and_for_those_of_everybody(void **state)
{
	struct house h = house(*state);
	char *first = lists(*state, &h, (struct listing){ .build = "1", .udids = UDID_2, .channel = "qa" });
	struct err err;

	lists(*state, &h, (struct listing){ .build = "2", .udids = UDID_3, .channel = "board" });
	keep_to_somebody(&h, "qa");
	keep_to_somebody(&h, "board");
	register_one(*state, &h, link_of(*state, &h, (struct link_terms){ .build_id = first }), UDID_1);
	lists(*state, &h, (struct listing){ .build = "3", .udids = UDID_1, .channel = "board" });
	assert_string_equal(invite(*state, &h, "com.example.app"), "");
	lists(*state, &h, (struct listing){ .build = "4", .udids = UDID_1, .channel = "qa" });
	assert_string_equal(invite(*state, &h, "com.example.app"), "4");
	assert_ok(db_run(h.db, &err, "UPDATE device_app SET state = 'waiting'"), &err);
	lists(*state, &h, (struct listing){ .build = "5", .udids = UDID_1, .channel = "everybody" });
	assert_string_equal(invite(*state, &h, "com.example.app"), "5");
}

static void
a_waiting_tester_outlives_the_link_and_its_build(void **state)
{
	struct house h = house(*state);
	char *anna = contact(*state, &h, "Anna Berg", "anna@example.com");
	char *first = lists(*state, &h, (struct listing){ .build = "1", .udids = UDID_2 }), *app;
	struct link *link = link_of(*state, &h, (struct link_terms){ .build_id = first, .contact_id = anna, .sign_in = true });
	struct registration_due *due;
	struct rows *rows;
	struct err err;
	size_t n;

	register_one(*state, &h, link, UDID_1);
	lists(*state, &h, (struct listing){ .build = "2", .udids = UDID_1 });
	assert_ok(build_delete(h.db, h.paul, first, &err), &err);
	rows = db_query(*state, h.db, "SELECT id FROM app");
	assert_ok(rows_one(rows, &err, "no app"), &err);
	app = rows_text(*state, rows, 0);
	assert_ok(registration_due(*state, h.db, app, &due, &n, &err), &err);
	assert_int_equal(n, 1);
	assert_null(due->link_id);
	assert_string_equal(due->contact_id, anna);
	assert_string_equal(due->sender->name, "paul");
	assert_string_equal(due->build, "2");
	assert_true(due->sign_in && !due->pin && !due->channel);
}

/* ---- what publishers see ---- */

static void
publishers_see_the_devices_of_their_apps(void **state)
{
	struct house h = house(*state);
	struct person *olga = publisher_of(*state, &h, "olga", "com.example.other");
	char *one = lists(*state, &h, (struct listing){ .build = "1" });
	char *two = lists(*state, &h, (struct listing){ .build = "1", .bundle_id = "com.example.other", .udids = UDID_2 });
	struct link *of_one = link_of(*state, &h, (struct link_terms){ .build_id = one });
	struct link *of_two = link_of(*state, &h, (struct link_terms){ .build_id = two });
	json_t *list, *item, *apps;
	struct err err;
	char *id;
	size_t i;

	register_one(*state, &h, of_one, UDID_1);
	assert_int_equal(count_devices(&h, h.paul), 1);
	assert_int_equal(count_devices(&h, olga), 0);
	list = devices(&h, h.paul, false);
	id = mem_text(*state, json_string_value(json_object_get(json_array_get(json_object_get(list, "items"), 0), "id")));
	json_decref(list);
	assert_false(tester_device_rename(h.db, olga, id, "x", &err));
	assert_int_equal(err.kind, ERR_MISSING);
	assert_false(tester_device_remove(h.db, olga, id, &err));
	register_one(*state, &h, of_two, UDID_1);
	register_one(*state, &h, of_two, UDID_2);
	assert_int_equal(count_devices(&h, h.paul), 2);
	assert_int_equal(count_devices(&h, olga), 2);
	list = devices(&h, olga, false);
	json_array_foreach(json_object_get(list, "items"), i, item) {
		apps = json_object_get(item, "apps");
		assert_int_equal(json_array_size(apps), 1);
		assert_string_equal(json_string_value(json_object_get(json_array_get(apps, 0), "bundle_id")), "com.example.other");
		assert_true(json_is_null(json_object_get(item, "udid")));
	}
	json_decref(list);

	/* it goes from her apps; from the others it does not */
	assert_ok(tester_device_remove(h.db, olga, id, &err), &err);
	assert_int_equal(count_devices(&h, olga), 1);
	assert_int_equal(count_devices(&h, h.paul), 2);
	assert_ok(tester_device_remove(h.db, h.paul, id, &err), &err);
	assert_int_equal(sql_int(&h, "SELECT count(*) FROM tester_device"), 1);
}

static void
udids_are_given_out_with_an_audit_row(void **state)
{
	struct house h = house(*state);
	char *build = lists(*state, &h, (struct listing){ .build = "1" });
	json_t *list;
	int64_t rows;
	struct err err;

	register_one(*state, &h, link_of(*state, &h, (struct link_terms){ .build_id = build }), UDID_1);
	list = devices(&h, h.paul, true);
	assert_string_equal(json_string_value(json_object_get(json_array_get(json_object_get(list, "items"), 0), "udid")), UDID_1);
	json_decref(list);
	assert_int_equal(sql_int(&h, "SELECT count(*) FROM audit WHERE act = 'device.udids' AND actor = 'paul'"
				  " AND detail = '1 devices'"), 1);
	assert_int_equal(sql_int(&h, "SELECT count(*) FROM audit WHERE detail LIKE '%001A2B3C%'"
				  " OR object LIKE '%001A2B3C%'"), 0);
	assert_ok(audit_verify(h.db, &rows, &err), &err);
}

static const char *
text_of_devices(TALLOC_CTX *ctx, struct house *h, const struct person *person, const char *bundle_id)
{
	struct err err;
	struct buf out;

	buf_init(&out, ctx, TESTER_DEVICES_TXT_MAX);
	assert_ok(tester_devices_txt(h->db, person, bundle_id, &out, &err), &err);
	return buf_str(&out);
}

static void
devices_txt_is_what_apples_site_takes(void **state)
{
	struct house h = house(*state);
	struct person *olga = publisher_of(*state, &h, "olga", "com.example.other");
	char *anna = contact(*state, &h, "Anna Berg", "anna@example.com");
	char *one = lists(*state, &h, (struct listing){ .build = "1", .udids = UDID_2 });
	char *two = lists(*state, &h, (struct listing){ .build = "1", .bundle_id = "com.example.other" });
	struct err err;
	json_t *list;
	char *id;

	assert_string_equal(text_of_devices(*state, &h, h.paul, NULL), "Device ID\tDevice Name\tDevice Platform\n");
	register_one(*state, &h, link_of(*state, &h, (struct link_terms){ .build_id = one, .contact_id = anna }), UDID_1);
	set_now(&h, "2026-11-22T12:00:01Z");
	register_one(*state, &h, link_of(*state, &h, (struct link_terms){ .build_id = one }), UDID_2);
	set_now(&h, "2026-11-22T12:00:02Z");
	register_one(*state, &h, link_of(*state, &h, (struct link_terms){ .build_id = two }), UDID_3);
	assert_string_equal(text_of_devices(*state, &h, h.paul, NULL), "Device ID\tDevice Name\tDevice Platform\n"
		UDID_1 "\tAnna Berg, iPhone 15\tios\n" UDID_2 "\tAnna's iPhone\tios\n" UDID_3 "\tAnna's iPhone\tios\n");
	assert_string_equal(text_of_devices(*state, &h, h.paul, "com.example.app"), "Device ID\tDevice Name\tDevice Platform\n"
		UDID_1 "\tAnna Berg, iPhone 15\tios\n");
	assert_string_equal(text_of_devices(*state, &h, olga, NULL), "Device ID\tDevice Name\tDevice Platform\n"
		UDID_3 "\tAnna's iPhone\tios\n");
	assert_string_equal(text_of_devices(*state, &h, olga, "com.example.app"), "Device ID\tDevice Name\tDevice Platform\n");

	list = devices(&h, olga, false);
	id = mem_text(*state, json_string_value(json_object_get(json_array_get(json_object_get(list, "items"), 0), "id")));
	json_decref(list);
	assert_false(tester_device_rename(h.db, olga, id, "a\tb", &err));
	assert_false(tester_device_rename(h.db, olga, id, "\xff", &err));
	assert_false(tester_device_rename(h.db, olga, id, "123456789012345678901234567890123456789012345678901", &err));
	assert_ok(tester_device_rename(h.db, olga, id, "12345678901234567890123456789012345678901234567890", &err), &err);
	assert_ok(tester_device_rename(h.db, olga, id, "Kühlhaus 7", &err), &err);
	assert_string_equal(text_of_devices(*state, &h, olga, NULL), "Device ID\tDevice Name\tDevice Platform\n"
		UDID_3 "\tKühlhaus 7\tios\n");
	assert_int_equal(sql_int(&h, "SELECT count(*) FROM audit WHERE act = 'devices.txt'"), 6);
}

static void
long_lists_go_on_where_they_ended(void **state)
{
	struct house h = house(*state);
	char *build = lists(*state, &h, (struct listing){ .build = "1" });
	const char *after = NULL;
	int seen = 0, pages = 0;
	struct err err;

	for (int i = 0; i < 7; i++)
		register_one(*state, &h, link_of(*state, &h, (struct link_terms){ .build_id = build }),
			     mem_printf(*state, "00008120-000000000000000%d", i));
	do {
		json_t *list;

		assert_ok(tester_device_list(h.db, h.paul, false, after, 3, &list, &err), &err);
		seen += (int)json_array_size(json_object_get(list, "items"));
		after = mem_text(*state, json_string_value(json_object_get(list, "next")));
		json_decref(list);
		pages++;
	} while (after);
	assert_int_equal(seen, 7);
	assert_int_equal(pages, 3);
}

TESTS(a_challenge_is_for_one_answer_to_one_link, a_challenge_ends_after_an_hour, a_link_has_so_many_challenges_at_a_time,
      of_answers_at_once_one_is_taken, the_page_after_it_opens_for_a_day_and_for_its_link,
      refused_answers_are_audited_and_at_last_not_looked_at, a_device_is_known_again, a_build_fits_the_devices_it_lists,
      builds_of_before_are_looked_at_once, who_waits_is_invited_to_the_build_that_lists_them,
      who_is_listed_already_does_not_wait, a_newer_build_that_is_here_already_will_do, with_a_contact_go_its_devices, a_link_to_a_channel_waits_for_that_channel,
      whose_link_is_revoked_waits_no_more, a_link_to_a_build_waits_for_its_own_channel_and_for_those_of_everybody,
      a_waiting_tester_outlives_the_link_and_its_build, publishers_see_the_devices_of_their_apps,
      udids_are_given_out_with_an_audit_row, devices_txt_is_what_apples_site_takes, long_lists_go_on_where_they_ended)
