/* Testers, their links and the notices of new builds, against a real SQLite. */
#include "tests/check_house.h"
#include "tests/check_link.h"
#include "catalog/build.h"
#include "catalog/contact.h"
#include "catalog/grant.h"
#include "catalog/install.h"
#include "catalog/link.h"
#include "catalog/notice.h"
#include "core/clock.h"
#include <pthread.h>
#include <stdio.h>

#define DAY		86400

static enum err_kind
opens(TALLOC_CTX *ctx, struct house *h, const char *token)
{
	struct link *link;
	struct err err = { 0 };

	return link_open(ctx, h->db, token, &link, &err) ? ERR_NONE : err.kind;
}

static bool
tx_use(struct db *tx, void *arg, struct err *err)
{
	const char *const *of = arg;
	struct link_user user = { .client = of[1], .is_phone = strncmp(of[1], "phone", 5) == 0 };

	return link_use(tx, of[0], &user, err);
}

static bool
use(struct house *h, const char *id, const char *client)
{
	const char *of[] = { id, client };
	struct err err;

	return db_tx(h->db, tx_use, of, &err);
}

static const char *
state_of(TALLOC_CTX *ctx, struct house *h, const char *id)
{
	const char *state;
	struct err err;
	json_t *link;

	assert_ok(link_show(h->db, h->paul, id, &link, &err), &err);
	state = mem_text(ctx, json_string_value(json_object_get(link, "state")));
	json_decref(link);
	return state;
}

/* ---- contacts ---- */

static void
a_number_is_kept_in_e164_and_an_address_in_lower_case(void **state)
{
	static const struct { const char *given, *kept; } numbers[] = {
		{ "+49 151 234-567", "+49151234567" }, { "+1 (202) 555.0142", "+12025550142" },
		{ "  +442071838750", "+442071838750" }, { "+81/90/1234/5678", "+819012345678" },
	};
	static const char *const wrong[] = { "0151 234567", "+0 151 234567", "+49 151 23456x", "+491", "+4915123456789012",
					     "", "+", "49151234567", "++49151234567" };
	static const char *const addresses[] = { "a@b.example", "Anna.Nair+test@Example.COM", "o'neil@x-y.example" };
	static const char *const no_addresses[] = { "anna", "@example.com", "anna@", "a b@example.com", "a@b@c", ".a@b.c",
						    "a..b@c.d", "a@-b.c", "a@b.c.", "\"a\"@b.c", "a@b.c\r\nBcc: d@e.f",
						    "Anna <a@b.c>", "ä@b.c", "a@b-.c", "a@b.-c",
						    "a@" "0123456789012345678901234567890123456789012345678901234567890123.c" };
	struct contact c;
	struct err err;

	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
		c = (struct contact){ .name = "x", .phone = numbers[i].given };
		assert_ok(contact_check(*state, &c, &err), &err);
		assert_string_equal(c.phone, numbers[i].kept);
	}
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		c = (struct contact){ .name = "x", .phone = wrong[i] };
		assert_false(contact_check(*state, &c, &err));
		assert_int_equal(err.kind, ERR_INVALID);
	}
	for (size_t i = 0; i < sizeof addresses / sizeof *addresses; i++) {
		c = (struct contact){ .name = "x", .email = addresses[i] };
		assert_ok(contact_check(*state, &c, &err), &err);
	}
	for (size_t i = 0; i < sizeof no_addresses / sizeof *no_addresses; i++) {
		c = (struct contact){ .name = "x", .email = no_addresses[i] };
		assert_false(contact_check(*state, &c, &err));
	}
	c = (struct contact){ .email = "Anna@Example.COM", .phone = "+49 151 234 567" };
	assert_ok(contact_check(*state, &c, &err), &err);
	assert_string_equal(c.email, "anna@example.com");
	assert_string_equal(c.name, "anna@example.com");
	assert_string_equal(c.phone, "+49151234567");
	c = (struct contact){ .name = "Anna" };
	assert_false(contact_check(*state, &c, &err));
}

static void
no_two_contacts_share_an_address_or_a_number(void **state)
{
	struct house h = house_with_build(*state);
	struct contact c = { .name = "Other", .email = "ANNA@example.com" };
	char *anna = tester(*state, &h, "Anna", "anna@example.com", "+49151234567"), *id;
	struct err err;

	assert_ok(contact_check(*state, &c, &err), &err);
	assert_false(contact_add(*state, h.db, "paul", &c, &id, &err));
	assert_int_equal(err.kind, ERR_CONFLICT);
	assert_ok(contact_take(*state, h.db, "paul", &c, &id, &err), &err);
	assert_string_equal(id, anna);
	c = (struct contact){ .name = "Other", .phone = "+49 151 234567" };
	assert_ok(contact_check(*state, &c, &err), &err);
	assert_false(contact_add(*state, h.db, "paul", &c, &id, &err));
	c = (struct contact){ .name = "Ben", .email = "ben@example.com" };
	assert_ok(contact_check(*state, &c, &err), &err);
	assert_ok(contact_take(*state, h.db, "paul", &c, &id, &err), &err);
	assert_string_not_equal(id, anna);
	c.id = id;
	c.phone = "+49151234567";
	assert_false(contact_change(h.db, h.paul, &c, &err));
	assert_int_equal(err.kind, ERR_CONFLICT);
	c.phone = "+49151234568";
	assert_ok(contact_change(h.db, h.paul, &c, &err), &err);
}

static const char *
names(TALLOC_CTX *ctx, struct house *h, const char *search, const char *group, int64_t limit)
{
	const char *text = "", *after = NULL;
	struct err err;

	for (;;) {
		json_t *page, *item;
		size_t i;

		assert_ok(contact_list(h->db, search, group, after, limit, &page, &err), &err);
		json_array_foreach(json_object_get(page, "items"), i, item)
			text = mem_printf(ctx, "%s%s%s", text, *text ? " " : "", json_string_value(json_object_get(item, "name")));
		after = mem_text(ctx, json_string_value(json_object_get(page, "next")));
		json_decref(page);
		if (!after)
			return text;
	}
}

static void
contacts_are_found_by_what_they_hold_and_groups_are_chosen_once(void **state)
{
	struct house h = house_with_build(*state);
	char *ben = tester(*state, &h, "Ben", "ben@example.com", ""), *zoe = tester(*state, &h, "Zoe", "", "+49151234567");
	char *anna = tester(*state, &h, "Änne", "anna_x@example.com", ""), *qa, *all;
	const char **chosen, *both[] = { ben, zoe }, *groups[2];
	struct err err;
	json_t *list;
	size_t n;

	assert_string_equal(names(*state, &h, NULL, NULL, 1), "Ben Zoe Änne");
	assert_string_equal(names(*state, &h, "ÄNN", NULL, 200), "Änne");
	assert_string_equal(names(*state, &h, "_", NULL, 200), "Änne");
	assert_string_equal(names(*state, &h, "%", NULL, 200), "");
	assert_string_equal(names(*state, &h, "1512", NULL, 200), "Zoe");
	assert_ok(contact_group_add(*state, h.db, "paul", "QA", &qa, &err), &err);
	assert_false(contact_group_add(*state, h.db, "paul", "qa", &all, &err));
	assert_int_equal(err.kind, ERR_CONFLICT);
	assert_ok(contact_group_add(*state, h.db, "paul", "All", &all, &err), &err);
	assert_ok(contact_group_put(h.db, "paul", qa, ben, true, &err), &err);
	assert_ok(contact_group_put(h.db, "paul", qa, anna, true, &err), &err);
	assert_ok(contact_group_put(h.db, "paul", all, anna, true, &err), &err);
	assert_ok(contact_group_put(h.db, "paul", all, anna, true, &err), &err);
	assert_false(contact_group_put(h.db, "paul", all, "none", true, &err));
	assert_int_equal(err.kind, ERR_MISSING);
	assert_string_equal(names(*state, &h, NULL, qa, 200), "Ben Änne");
	groups[0] = qa;
	groups[1] = all;
	assert_ok(contact_choice(*state, h.db, both, 2, groups, 2, &chosen, &n, &err), &err);
	assert_int_equal(n, 3);
	assert_ok(contact_group_put(h.db, "paul", qa, ben, false, &err), &err);
	assert_ok(contact_group_list(h.db, &list, &err), &err);
	assert_int_equal(json_array_size(list), 2);
	assert_int_equal(json_integer_value(json_object_get(json_array_get(list, 1), "contacts")), 1);
	json_decref(list);
	assert_ok(contact_group_remove(h.db, "paul", qa, &err), &err);
	assert_string_equal(names(*state, &h, NULL, NULL, 200), "Ben Zoe Änne");
}

/* ---- links ---- */

static void
the_database_has_neither_the_token_nor_the_pin_of_a_link(void **state)
{
	struct house h = house_with_build(*state);
	char *id, *token = tester_link(*state, &h, (struct link_terms){ .pin = "482913" }, &id), *again;
	struct bytes db, wal;
	struct link_key other;
	struct err err;

	assert_int_equal(strlen(token), LINK_TOKEN_SIZE - 1);
	db = test_file(*state, mem_printf(*state, "%s/pomona.db", h.dir));
	wal = test_file(*state, mem_printf(*state, "%s/pomona.db-wal", h.dir));
	assert_null(memmem(db.p, db.len, token, strlen(token)));
	assert_null(memmem(wal.p, wal.len, token, strlen(token)));
	assert_null(memmem(wal.p, wal.len, "482913", 6));
	assert_non_null(memmem(wal.p, wal.len, id, strlen(id)));	/* the search finds what is there */
	assert_ok(link_token(*state, h.db, &h.key, id, &again, &err), &err);
	assert_string_equal(again, token);
	link_key_from((struct bytes){ "another master key", 18 }, &other);
	assert_false(link_token(*state, h.db, &other, id, &again, &err));
	assert_int_equal(err.kind, ERR_CONFLICT);
	assert_int_equal(opens(*state, &h, token), ERR_NONE);	/* needs no key */
}

static void
unknown_expired_used_up_and_revoked_links_are_the_same(void **state)
{
	struct house h = house_with_build(*state);
	char *used, *revoked, *used_token = tester_link(*state, &h, (struct link_terms){ .installs_max = 1 }, &used);
	char *revoked_token = tester_link(*state, &h, (struct link_terms){ 0 }, &revoked);
	char *expired_token = tester_link(*state, &h, (struct link_terms){ .expires = clock_now() + DAY }, NULL);
	struct err err, each[4] = { 0 };
	struct link *link;

	assert_true(use(&h, used, "phone"));
	assert_ok(link_revoke(h.db, h.paul, revoked, &err), &err);
	set_now(&h, "2026-11-23T12:00:00Z");
	assert_false(link_open(*state, h.db, "AAAAAAAAAAAAAAAAAAAAAA", &link, &each[0]));
	assert_false(link_open(*state, h.db, used_token, &link, &each[1]));
	assert_false(link_open(*state, h.db, revoked_token, &link, &each[2]));
	assert_false(link_open(*state, h.db, expired_token, &link, &each[3]));
	for (int i = 0; i < 4; i++) {
		assert_int_equal(each[i].kind, ERR_MISSING);
		assert_string_equal(each[i].code, each[0].code);
		assert_string_equal(each[i].cause, each[0].cause);
		assert_string_equal(each[i].path, "");
	}
	assert_int_equal(opens(*state, &h, ""), ERR_MISSING);
	assert_ok(link_find(*state, h.db, used_token, &link, &err), &err);
	assert_true(link->over);
	assert_string_equal(state_of(*state, &h, used), "used_up");
	assert_string_equal(state_of(*state, &h, revoked), "revoked");
}

struct racer {
	struct house *h;
	const char *id;
	int n;
	bool ok;
	pthread_t thread;
};

static void *
race(void *arg)
{
	struct racer *r = arg;
	char client[16];

	snprintf(client, sizeof client, "phone %d", r->n);
	r->ok = use(r->h, r->id, client);
	return NULL;
}

static void
the_last_installs_of_a_link_are_not_shared_by_phones_at_once(void **state)
{
	struct house h = house_with_build(*state);
	struct racer racers[16];
	char *id;
	int won = 0;

	tester_link(*state, &h, (struct link_terms){ .installs_max = 3 }, &id);
	for (int i = 0; i < 16; i++) {
		racers[i] = (struct racer){ &h, id, i, false, 0 };
		assert_int_equal(pthread_create(&racers[i].thread, NULL, race, &racers[i]), 0);
	}
	for (int i = 0; i < 16; i++) {
		pthread_join(racers[i].thread, NULL);
		won += racers[i].ok;
	}
	assert_int_equal(won, 3);
	for (int i = 0; i < 16; i++)	/* a phone that was counted asks again */
		if (racers[i].ok)
			assert_true(use(&h, id, mem_printf(*state, "phone %d", i)));
}

static void
after_five_wrong_pins_the_right_one_waits_for_fifteen_minutes(void **state)
{
	struct house h = house_with_build(*state);
	char *token = tester_link(*state, &h, (struct link_terms){ .pin = "482913" }, NULL);
	struct link *link;
	struct err err;
	int left;

	assert_ok(link_open(*state, h.db, token, &link, &err), &err);
	assert_true(link->pin);
	assert_ok(link_try_pin(h.db, link, token, "482913", &left, &err), &err);
	for (int i = 4; i >= 0; i--) {
		assert_false(link_try_pin(h.db, link, token, i & 1 ? "482914" : "", &left, &err));
		assert_string_equal(err.code, "wrong_pin");
		assert_int_equal(left, i);
	}
	assert_false(link_try_pin(h.db, link, token, "482913", &left, &err));
	assert_int_equal(err.kind, ERR_RATE);
	set_now(&h, "2026-11-22T12:14:59Z");
	assert_false(link_try_pin(h.db, link, token, "482913", &left, &err));
	set_now(&h, "2026-11-22T12:15:00Z");
	assert_false(link_try_pin(h.db, link, token, "000000", &left, &err));
	assert_int_equal(left, 4);
	assert_ok(link_try_pin(h.db, link, token, "482913", &left, &err), &err);
	assert_false(link_try_pin(h.db, link, token, "000000", &left, &err));
	assert_int_equal(left, 4);	/* a right one forgets the wrong ones */
}

static void
a_link_to_a_channel_leads_to_what_is_newest_there(void **state)
{
	struct house h = house_with_build(*state);
	struct link_terms terms = { .bundle_id = "com.example.app", .channel = "main" };
	char *token = tester_link(*state, &h, terms, NULL), *id;
	struct link *link;
	struct err err;

	assert_ok(link_open(*state, h.db, token, &link, &err), &err);
	assert_string_equal(link->build_id, h.build);
	assert_string_equal(link->channel, "main");
	id = published(*state, &h, (struct sent){ .build = "2" });
	assert_ok(link_open(*state, h.db, token, &link, &err), &err);
	assert_string_equal(link->build_id, id);
	assert_ok(build_delete(h.db, h.paul, id, &err), &err);
	assert_ok(build_delete(h.db, h.paul, published(*state, &h, (struct sent){ .build = "3", .channel = "beta" }), &err), &err);
	assert_ok(link_open(*state, h.db, token, &link, &err), &err);
	assert_string_equal(link->build_id, h.build);
	terms.channel = "none";
	terms.expires = clock_now() + DAY;
	assert_false(link_new(*state, h.db, &h.key, h.paul, &terms, &id, &token, &err));
	assert_int_equal(err.kind, ERR_MISSING);
}

/* What a tester reads of a link, its grant and its install. */
static void
says(TALLOC_CTX *ctx, struct house *h, const char *token, const char *tap, const char *install, const char *name)
{
	struct install_viewer viewer = { 0 };
	struct grant *grant;
	struct link *link;
	json_t *shown;
	struct err err;

	assert_ok(link_open(ctx, h->db, token, &link, &err), &err);
	assert_string_equal(link->app_name, name);
	assert_ok(grant_open(ctx, h->db, tap, GRANT_MANIFEST, "phone", &grant, &err), &err);
	assert_string_equal(grant->name, name);
	viewer.link_id = link->id;
	assert_ok(install_show(h->db, NULL, &viewer, install, &shown, &err), &err);
	assert_string_equal(json_string_value(json_object_get(shown, "app")), name);
	json_decref(shown);
}

static void
a_link_says_the_name_of_its_own_build_whatever_was_uploaded_beside_it(void **state)
{
	struct house h = house_with_build(*state);	/* "Demo" */
	struct link_terms of_build = { .build_id = h.build, .expires = clock_now() + DAY };
	struct link_terms of_channel = { .bundle_id = "com.example.app", .channel = "main", .expires = clock_now() + DAY };
	char *ids[2], *token = tester_link(*state, &h, of_build, &ids[0]), *other = tester_link(*state, &h, of_channel, &ids[1]);
	struct install_start start = { .id = "install", .build_id = h.build, .link_id = ids[0], .opened = clock_now() };
	struct install_start second = { .id = "second", .build_id = h.build, .link_id = ids[1], .opened = clock_now() };
	struct grant_terms terms = { .kind = GRANT_TAP, .manifest_s = DAY, .ipa_s = DAY, .install = &start };
	struct link_aim *aim;
	struct link *link;
	char *tap, *taps, *rebrand;
	struct err err;

	assert_ok(grant_new(*state, h.db, &terms, h.build, NULL, &tap, &err), &err);
	terms.install = &second;
	assert_ok(grant_new(*state, h.db, &terms, h.build, NULL, &taps, &err), &err);
	rebrand = published(*state, &h, (struct sent){ .build = "2", .name = "Rebrand", .channel = "secret" });
	for (int gone = 0; gone < 2; gone++) {
		says(*state, &h, token, tap, "install", "Demo");
		says(*state, &h, other, taps, "second", "Demo");
		assert_ok(link_aim(*state, h.db, h.paul, &of_build, &aim, &err), &err);
		assert_string_equal(aim->app_name, "Demo");
		assert_ok(link_aim(*state, h.db, h.paul, &of_channel, &aim, &err), &err);
		assert_string_equal(aim->app_name, "Demo");
		if (!gone)
			assert_ok(build_delete(h.db, h.paul, rebrand, &err), &err);
	}
	/* of a channel with nothing in it no name is known */
	published(*state, &h, (struct sent){ .build = "3", .name = "Rebrand", .channel = "secret" });
	assert_ok(build_delete(h.db, h.paul, h.build, &err), &err);
	assert_ok(link_open(*state, h.db, other, &link, &err), &err);
	assert_null(link->build_id);
	assert_string_equal(link->app_name, "com.example.app");
}

static void
terms_that_make_no_sense_are_refused(void **state)
{
	struct house h = house_with_build(*state);
	const struct link_terms wrong[] = {
		{ .build_id = h.build, .expires = clock_now() },
		{ .build_id = h.build, .expires = clock_now() + 366 * DAY },
		{ .build_id = h.build, .expires = clock_now() + DAY, .installs_max = -1 },
		{ .build_id = h.build, .expires = clock_now() + DAY, .pin = "12345" },
		{ .build_id = h.build, .expires = clock_now() + DAY, .pin = "12345a" },
		{ .build_id = h.build, .expires = clock_now() + DAY, .bundle_id = "com.example.app", .channel = "main" },
		{ .bundle_id = "com.example.app", .expires = clock_now() + DAY },
		{ .expires = clock_now() + DAY },
	};
	char *id, *token;
	struct err err;

	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		assert_false(link_new(*state, h.db, &h.key, h.paul, &wrong[i], &id, &token, &err));
		assert_int_equal(err.kind, ERR_INVALID);
	}
}

/* Somebody who publishes, but not this app: each of their ways to it. */
static void
assert_knows_nothing(TALLOC_CTX *ctx, struct house *h, const struct person *who, const char *id)
{
	struct link_filter filter = { 0 };
	struct link_terms to_build = { .build_id = h->build, .expires = clock_now() + DAY };
	struct link_terms to_channel = { .bundle_id = "com.example.app", .channel = "main", .expires = clock_now() + DAY };
	struct err err;
	json_t *json;
	char *text, *token;

	assert_false(link_new(ctx, h->db, &h->key, who, &to_build, &text, &token, &err));
	assert_int_equal(err.kind, ERR_MISSING);
	assert_false(link_new(ctx, h->db, &h->key, who, &to_channel, &text, &token, &err));
	assert_int_equal(err.kind, ERR_MISSING);
	assert_false(link_show(h->db, who, id, &json, &err));
	assert_int_equal(err.kind, ERR_MISSING);
	assert_false(link_revoke(h->db, who, id, &err));
	assert_int_equal(err.kind, ERR_MISSING);
	assert_false(link_rule_set(h->db, who, "com.example.app", true, &err));
	assert_true(err.kind == ERR_MISSING || err.kind == ERR_DENIED);	/* the app may be one they see */
	assert_ok(link_list(h->db, who, &filter, NULL, 200, &json, &err), &err);
	assert_int_equal(json_array_size(json_object_get(json, "items")), 0);
	json_decref(json);
}

static void
links_of_apps_that_somebody_does_not_publish_are_missing(void **state)
{
	struct house h = house_with_build(*state);
	struct person *petra = publisher_of(*state, &h, "petra", "com.example.other"), bound = *h.paul;
	char *id, *token = tester_link(*state, &h, (struct link_terms){ 0 }, &id);
	struct err err;
	json_t *json;

	bound.bundle_id = "com.example.other";
	assert_knows_nothing(*state, &h, petra, id);
	assert_knows_nothing(*state, &h, &bound, id);
	assert_knows_nothing(*state, &h, h.mia, id);
	assert_int_equal(opens(*state, &h, token), ERR_NONE);	/* nor have they revoked it */
	assert_ok(db_run(h.db, &err, "INSERT INTO publisher_app (person_id, bundle_id) VALUES ($1, $2)",
			 db_text(petra->id), db_text("com.example.app")), &err);
	assert_ok(link_show(h.db, petra, id, &json, &err), &err);
	json_decref(json);
	assert_ok(link_show(h.db, h.anna, id, &json, &err), &err);
	json_decref(json);
	assert_ok(link_revoke(h.db, h.anna, id, &err), &err);
	assert_int_equal(opens(*state, &h, token), ERR_MISSING);
}

static int64_t
audited(TALLOC_CTX *ctx, struct house *h, const char *act, const char *detail)
{
	struct rows *rows = db_query(ctx, h->db, "SELECT count(*) FROM audit WHERE act = $1 AND detail = $2", db_text(act),
				     db_text(detail));
	struct err err;
	int64_t n;

	assert_ok(rows_one(rows, &err, "no count"), &err);
	n = rows_int(rows, 0);
	rows_done(rows);
	return n;
}

static enum err_kind
changes(struct house *h, const struct person *who, const struct contact *c)
{
	struct err err = { 0 };

	return contact_change(h->db, who, c, &err) ? ERR_NONE : err.kind;
}

static void
a_contact_who_tests_apps_of_others_keeps_address_links_and_silence(void **state)
{
	struct house h = house_with_build(*state);
	struct person *petra = publisher_of(*state, &h, "petra", "com.example.other");
	char *bob = tester(*state, &h, "Bob", "bob@example.com", ""), *id;
	char *token = tester_link(*state, &h, (struct link_terms){ .contact_id = bob }, &id);
	struct contact hers = { .id = bob, .name = "Bob", .email = "petra@example.com", .phone = "", .language = "" };
	struct contact number = hers, renamed = hers;
	struct err err;

	number.email = renamed.email = "bob@example.com";
	number.phone = "+49151234567";
	renamed.name = "Robert";
	assert_int_equal(changes(&h, petra, &hers), ERR_DENIED);
	assert_int_equal(changes(&h, petra, &number), ERR_DENIED);
	assert_false(contact_may_change(h.db, petra, &hers, &err));
	assert_false(contact_remove(h.db, petra, bob, &err));
	assert_int_equal(err.kind, ERR_DENIED);
	assert_non_null(strstr(err.cause, "apps of other publishers"));
	assert_int_equal(opens(*state, &h, token), ERR_NONE);
	assert_int_equal(changes(&h, petra, &renamed), ERR_NONE);
	assert_int_equal(audited(*state, &h, "contact.change", "name"), 1);
	assert_int_equal(changes(&h, h.anna, &number), ERR_NONE);
	assert_int_equal(audited(*state, &h, "contact.change", "name, phone"), 1);
	assert_int_equal(changes(&h, h.paul, &renamed), ERR_NONE);	/* he publishes all apps */

	/* once the link is over, nothing of others hangs on it; a registered device of their app does */
	assert_ok(link_revoke(h.db, h.anna, id, &err), &err);
	assert_ok(db_run(h.db, &err, "INSERT INTO tester_device (id, udid, product, version, name, contact_id, created, changed)"
			 " VALUES ('d', 'u', '', '', '', $1, 0, 0)", db_text(bob)), &err);
	assert_ok(db_run(h.db, &err, "INSERT INTO device_app (device_id, app_id, pin, sign_in, since, state, created, changed)"
			 " SELECT 'd', id, FALSE, FALSE, 0, 'waiting', 0, 0 FROM app"), &err);
	assert_int_equal(changes(&h, petra, &hers), ERR_DENIED);
	assert_ok(db_run(h.db, &err, "DELETE FROM device_app"), &err);
	assert_ok(contact_set_quiet(h.db, bob, true, &err), &err);
	assert_int_equal(changes(&h, petra, &renamed), ERR_DENIED);
	assert_int_equal(changes(&h, h.paul, &renamed), ERR_DENIED);
	hers.quiet = true;
	assert_int_equal(changes(&h, petra, &hers), ERR_NONE);
	hers.quiet = false;
	assert_int_equal(changes(&h, h.anna, &hers), ERR_NONE);
	assert_ok(contact_remove(h.db, petra, bob, &err), &err);
}

static void
a_link_rests_while_its_sender_is_disabled_and_a_removed_contact_takes_it_along(void **state)
{
	struct house h = house_with_build(*state);
	char *ben = tester(*state, &h, "Ben", "ben@example.com", "");
	char *token = tester_link(*state, &h, (struct link_terms){ .contact_id = ben }, NULL);
	struct install_start start = { .id = "aaaaaaaaaaaaaaaa", .build_id = h.build };
	struct grant_terms terms = { .kind = GRANT_TAP, .manifest_s = 3600, .ipa_s = DAY, .install = &start };
	struct grant *grant;
	struct link *link;
	struct err err;
	char *tap;

	assert_ok(db_run(h.db, &err, "UPDATE person SET disabled = TRUE, display = $2 WHERE id = $1",
			 db_text(h.paul->id), db_text("Paul Nair")), &err);
	assert_int_equal(opens(*state, &h, token), ERR_MISSING);
	assert_ok(db_run(h.db, &err, "UPDATE person SET disabled = FALSE"), &err);
	assert_ok(link_open(*state, h.db, token, &link, &err), &err);
	assert_string_equal(link->from, "Paul Nair");
	assert_string_equal(link->contact_name, "Ben");

	/* A phone that fetched before rests with it, for each file. */
	start.link_id = link->id;
	assert_ok(grant_new(*state, h.db, &terms, h.build, NULL, &tap, &err), &err);
	assert_ok(grant_open(*state, h.db, tap, GRANT_MANIFEST, "phone", &grant, &err), &err);
	assert_ok(db_run(h.db, &err, "UPDATE person SET disabled = TRUE"), &err);
	for (int file = GRANT_MANIFEST; file <= GRANT_PAGE; file++)
		assert_false(grant_open(*state, h.db, tap, (enum grant_file)file, "phone", &grant, &err));
	assert_ok(db_run(h.db, &err, "UPDATE person SET disabled = FALSE"), &err);
	assert_ok(grant_open(*state, h.db, tap, GRANT_IPA, "phone", &grant, &err), &err);
	assert_ok(contact_remove(h.db, h.anna, ben, &err), &err);
	assert_int_equal(opens(*state, &h, token), ERR_MISSING);
	assert_false(contact_remove(h.db, h.anna, ben, &err));
}

/* May they have the link? Looking and tapping say the same. */
static bool
is_theirs(TALLOC_CTX *ctx, struct house *h, const char *token, const struct person *person, bool tapped)
{
	struct link *link;
	struct err err = { 0 };

	assert_ok(link_open(ctx, h->db, token, &link, &err), &err);
	if (tapped ? link_take(h->db, link, person->id, &err) : link_is_for(h->db, link, person->id, &err))
		return true;
	assert_int_equal(err.kind, ERR_DENIED);
	assert_string_equal(err.code, "not_recipient");
	assert_non_null(strstr(err.cause, "ask paul for your own"));
	return false;
}

/* A page of the link that this person (NULL: nobody) opened while signed in: may its manifest be fetched? */
static char *
page_of(TALLOC_CTX *ctx, struct house *h, const char *link, const char *id, const struct person *person)
{
	struct install_start start = { .id = id, .build_id = h->build, .link_id = link, .phone = id,
				       .person_id = person ? person->id : NULL };
	struct grant_terms terms = { .kind = GRANT_TAP, .manifest_s = 3600, .ipa_s = DAY, .install = &start };
	struct err err;
	char *token;

	assert_ok(grant_new(ctx, h->db, &terms, h->build, start.person_id, &token, &err), &err);
	return token;
}

static bool
fetches(TALLOC_CTX *ctx, struct house *h, const char *token)
{
	struct grant *grant;
	struct err err;

	return grant_open(ctx, h->db, token, GRANT_MANIFEST, "phone", &grant, &err);
}

static void
a_link_that_asks_who_it_is_belongs_to_whom_it_was_sent_or_to_the_first_who_taps(void **state)
{
	struct house h = house_with_build(*state);
	const char *by_mail = tester(*state, &h, "Anna", "anna@example.com", ""), *by_number = tester(*state, &h, "Mia", "", "+49151234567");
	const char *nobodys = tester(*state, &h, "Zoe", "zoe@example.org", "+4917111111");
	char *link, *mail = tester_link(*state, &h, (struct link_terms){ .contact_id = by_mail, .sign_in = true }, &link), *page;
	char *number = tester_link(*state, &h, (struct link_terms){ .contact_id = by_number, .sign_in = true }, NULL);
	char *open = tester_link(*state, &h, (struct link_terms){ .contact_id = nobodys }, NULL), *first, *lost, *asked;
	struct err err;

	assert_ok(db_run(h.db, &err, "UPDATE person SET email = 'Anna@Example.COM' WHERE id = $1", db_text(h.anna->id)), &err);
	assert_ok(db_run(h.db, &err, "UPDATE person SET phone = '+49 (151) 23-4.567' WHERE id = $1", db_text(h.mia->id)), &err);
	assert_true(is_theirs(*state, &h, mail, h.anna, false));
	assert_true(is_theirs(*state, &h, mail, h.anna, true));
	assert_false(is_theirs(*state, &h, mail, h.mia, false));
	assert_false(is_theirs(*state, &h, mail, h.mia, true));
	assert_true(is_theirs(*state, &h, number, h.mia, true));
	assert_false(is_theirs(*state, &h, number, h.anna, true));
	assert_false(fetches(*state, &h, page_of(*state, &h, link, "aaaaaaaaaaaaaaaa", h.mia)));
	assert_false(fetches(*state, &h, page_of(*state, &h, link, "bbbbbbbbbbbbbbbb", NULL)));
	assert_true(fetches(*state, &h, page_of(*state, &h, link, "cccccccccccccccc", h.anna)));

	/* Nobody has the address: looking binds nobody, the first tap does, and so does the first manifest. */
	first = tester_link(*state, &h, (struct link_terms){ .contact_id = nobodys, .sign_in = true }, &link);
	assert_true(is_theirs(*state, &h, first, h.anna, false));
	lost = page_of(*state, &h, link, "dddddddddddddddd", h.anna);
	assert_true(is_theirs(*state, &h, first, h.mia, true));
	assert_false(is_theirs(*state, &h, first, h.anna, false));
	assert_false(is_theirs(*state, &h, first, h.anna, true));
	assert_true(is_theirs(*state, &h, first, h.mia, true));
	assert_false(fetches(*state, &h, lost));
	tester_link(*state, &h, (struct link_terms){ .contact_id = nobodys, .sign_in = true }, &link);
	lost = page_of(*state, &h, link, "eeeeeeeeeeeeeeee", h.anna);
	assert_true(fetches(*state, &h, page_of(*state, &h, link, "ffffffffffffffff", h.mia)));
	assert_false(fetches(*state, &h, lost));

	/* What asks nobody is for whoever has it, and becomes somebody's when its app asks. */
	assert_true(is_theirs(*state, &h, open, h.mia, true));
	assert_true(is_theirs(*state, &h, open, h.anna, true));
	assert_ok(link_rule_set(h.db, h.paul, "com.example.app", true, &err), &err);
	assert_true(is_theirs(*state, &h, open, h.anna, true));
	assert_false(is_theirs(*state, &h, open, h.mia, true));
	assert_ok(link_rule_set(h.db, h.paul, "com.example.app", false, &err), &err);

	/* It ends with the account: of whom it was sent to, of who took it; and with none of the same address that goes on. */
	page = page_of(*state, &h, link, "gggggggggggggggg", h.mia);
	assert_true(fetches(*state, &h, page));
	assert_ok(db_run(h.db, &err, "UPDATE person SET disabled = TRUE WHERE id = $1", db_text(h.mia->id)), &err);
	assert_int_equal(opens(*state, &h, number), ERR_MISSING);
	assert_int_equal(opens(*state, &h, first), ERR_MISSING);
	assert_int_equal(opens(*state, &h, mail), ERR_NONE);
	assert_false(fetches(*state, &h, page));
	asked = tester_link(*state, &h, (struct link_terms){ .contact_id = by_number }, NULL);	/* asks nobody, and is over too */
	assert_int_equal(opens(*state, &h, asked), ERR_MISSING);
	assert_ok(db_run(h.db, &err, "UPDATE person SET phone = '+49151234567' WHERE id = $1", db_text(h.anna->id)), &err);
	assert_int_equal(opens(*state, &h, asked), ERR_NONE);
	assert_ok(db_run(h.db, &err, "UPDATE person SET disabled = FALSE"), &err);
	assert_int_equal(opens(*state, &h, number), ERR_NONE);
	assert_int_equal(opens(*state, &h, first), ERR_NONE);
	assert_true(fetches(*state, &h, page));
}

static void
an_app_can_ask_for_a_sign_in_on_all_of_its_links(void **state)
{
	struct house h = house_with_build(*state);
	char *id, *token = tester_link(*state, &h, (struct link_terms){ 0 }, &id), *open_page, *theirs;
	struct link *link;
	struct err err;

	assert_ok(link_open(*state, h.db, token, &link, &err), &err);
	assert_false(link->sign_in);
	open_page = page_of(*state, &h, id, "aaaaaaaaaaaaaaaa", NULL);
	theirs = page_of(*state, &h, id, "bbbbbbbbbbbbbbbb", h.mia);
	assert_ok(link_rule_set(h.db, h.paul, "com.example.app", true, &err), &err);
	assert_ok(link_open(*state, h.db, token, &link, &err), &err);
	assert_true(link->sign_in);
	/* also what it has opened to nobody in particular before */
	assert_false(fetches(*state, &h, open_page));
	assert_true(fetches(*state, &h, theirs));
	assert_ok(link_rule_set(h.db, h.paul, "com.example.app", false, &err), &err);
	assert_ok(link_open(*state, h.db, token, &link, &err), &err);
	assert_false(link->sign_in);
}

static void
links_are_listed_newest_first_page_by_page_with_their_state(void **state)
{
	struct house h = house_with_build(*state);
	struct link_terms to_channel = { .bundle_id = "com.example.app", .channel = "main" };
	const char *after = NULL, *text = "";
	char *ids[5];
	struct link *link;
	struct err err;

	for (int i = 0; i < 4; i++)
		tester_link(*state, &h, (struct link_terms){ .installs_max = i }, &ids[i]);
	assert_ok(link_open(*state, h.db, tester_link(*state, &h, to_channel, &ids[4]), &link, &err), &err);
	assert_string_equal(state_of(*state, &h, ids[4]), "not_opened");
	link_opened(h.db, link);
	assert_true(use(&h, ids[2], "phone"));	/* and what was written behind is there */
	assert_string_equal(state_of(*state, &h, ids[4]), "opened");
	assert_string_equal(state_of(*state, &h, ids[2]), "used");
	for (int pages = 1;; pages++) {
		struct link_filter filter = { .build_id = h.build };
		json_t *page, *item;
		size_t i;

		assert_ok(link_list(h.db, h.paul, &filter, after, 2, &page, &err), &err);
		json_array_foreach(json_object_get(page, "items"), i, item)
			text = mem_printf(*state, "%s %s", text, json_string_value(json_object_get(item, "id")));
		after = mem_text(*state, json_string_value(json_object_get(page, "next")));
		json_decref(page);
		assert_true(pages <= 3);
		if (!after)
			break;
	}
	for (int i = 0; i < 5; i++)
		assert_non_null(strstr(text, ids[i]));
	assert_int_equal(strlen(text), 5 * 17);
}

/* ---- notices ---- */

/* Whom a build in a channel is told: "ben:channel zoe:build". */
static const char *
due(TALLOC_CTX *ctx, struct house *h, const char *build, const char *channel)
{
	const char *text = "";
	struct notice_due *list;
	struct err err;
	size_t n;

	assert_ok(notice_due(ctx, h->db, build, channel, "", &list, &n, &err), &err);
	for (size_t i = 0; i < n; i++) {
		struct contact *contact;

		assert_ok(contact_get(ctx, h->db, list[i].contact_id, &contact, &err), &err);
		text = mem_printf(ctx, "%s%s%s:%s", text, *text ? " " : "", contact->name,
				  list[i].to_channel ? "channel" : "build");
		assert_string_equal(list[i].sender ? list[i].sender->name : "", "paul");
	}
	return text;
}

static bool
tx_told(struct db *tx, void *arg, struct err *err)
{
	const char **told = arg;
	bool first;

	if (!notice_told(tx, told[0], told[1], MISS_NONE, &first, err))
		return false;
	told[2] = first ? "first" : "again";
	return true;
}

static bool
tx_missed_pin(struct db *tx, void *arg, struct err *err)
{
	const char **told = arg;
	bool first;

	if (!notice_told(tx, told[0], told[1], MISS_PIN, &first, err))
		return false;
	told[2] = first ? "first" : "again";
	return true;
}

static void
told_are_those_whose_link_lasts_and_leads_to_the_channel_each_once(void **state)
{
	struct house h = house_with_build(*state);
	struct link_terms to_channel = { .bundle_id = "com.example.app", .channel = "main" };
	char *ann = tester(*state, &h, "ann", "ann@example.com", ""), *ben = tester(*state, &h, "ben", "ben@example.com", "");
	char *cid = tester(*state, &h, "cid", "cid@example.com", ""), *dan = tester(*state, &h, "dan", "dan@example.com", "");
	char *eve = tester(*state, &h, "eve", "eve@example.com", ""), *used, *revoked, *next;
	char *fay = tester(*state, &h, "fay", "fay@example.com", ""), *theirs, *old;
	const char *told[3];
	struct rows *rows;
	struct err err;
	bool newest;

	to_channel.contact_id = ann;
	tester_link(*state, &h, to_channel, NULL);
	tester_link(*state, &h, (struct link_terms){ .contact_id = ann }, NULL);	/* a second link of hers */
	tester_link(*state, &h, (struct link_terms){ .contact_id = ben }, NULL);
	tester_link(*state, &h, (struct link_terms){ .contact_id = cid, .installs_max = 1 }, &used);
	tester_link(*state, &h, (struct link_terms){ .contact_id = dan }, &revoked);
	to_channel.contact_id = eve;
	tester_link(*state, &h, to_channel, NULL);
	tester_link(*state, &h, (struct link_terms){ 0 }, NULL);		/* to nobody in particular */
	assert_true(use(&h, used, "phone"));	/* used up, by their own phone: it may install the next build too */
	to_channel.contact_id = fay;
	to_channel.installs_max = 1;
	tester_link(*state, &h, to_channel, &theirs);
	assert_true(use(&h, theirs, "phone"));
	to_channel.contact_id = tester(*state, &h, "gil", "gil@example.com", "");
	tester_link(*state, &h, to_channel, &old);
	assert_true(use(&h, old, "an address, from before there were phones"));
	assert_ok(link_revoke(h.db, h.paul, revoked, &err), &err);
	assert_ok(contact_set_quiet(h.db, eve, true, &err), &err);
	assert_ok(contact_set_quiet(h.db, eve, true, &err), &err);	/* changes nothing: one row */
	rows = db_query(*state, h.db, "SELECT count(*) FROM audit WHERE detail = 'no more notices, by their link'");
	assert_ok(rows_one(rows, &err, ""), &err);
	assert_int_equal(rows_int(rows, 0), 1);
	rows_done(rows);
	next = published(*state, &h, (struct sent){ .build = "2" });
	const char *all = due(*state, &h, next, "main");

	assert_non_null(strstr(all, "ann:channel"));
	assert_non_null(strstr(all, "ben:build"));
	assert_non_null(strstr(all, "cid:build"));
	assert_non_null(strstr(all, "fay:channel"));
	assert_int_equal(strlen(all), strlen("ann:channel ben:build cid:build fay:channel"));
	all = due(*state, &h, h.build, "main");		/* ben's and cid's links are that build's own */
	assert_non_null(strstr(all, "ann:channel"));
	assert_int_equal(strlen(all), strlen("ann:channel fay:channel"));
	assert_string_equal(due(*state, &h, next, "other"), "");
	told[0] = next;
	told[1] = ann;
	assert_ok(db_tx(h.db, tx_told, told, &err), &err);
	assert_string_equal(told[2], "first");
	assert_ok(db_tx(h.db, tx_told, told, &err), &err);
	assert_string_equal(told[2], "again");
	assert_null(strstr(due(*state, &h, next, "main"), "ann:"));
	assert_ok(notice_newest(h.db, next, "main", &newest, &err), &err);
	assert_true(newest);
	assert_ok(notice_newest(h.db, h.build, "main", &newest, &err), &err);
	assert_false(newest);
	assert_ok(notice_newest(h.db, "gone", "main", &newest, &err), &err);
	assert_false(newest);
	set_now(&h, "2026-11-29T12:00:00Z");	/* all links are over */
	assert_string_equal(due(*state, &h, next, "main"), "");
}

/* "2 told, expired 3, sender 1" */
static const char *
counted(TALLOC_CTX *ctx, struct house *h, const char *build)
{
	const char *text;
	json_t *counts, *miss;
	struct err err;
	size_t i;

	assert_ok(notice_counts(h->db, build, &counts, &err), &err);
	text = mem_printf(ctx, "%d told", (int)json_integer_value(json_object_get(counts, "told")));
	json_array_foreach(json_object_get(counts, "missed"), i, miss)
		text = mem_printf(ctx, "%s, %s %d", text, json_string_value(json_object_get(miss, "why")),
				  (int)json_integer_value(json_object_get(miss, "n")));
	json_decref(counts);
	return text;
}

static void
who_of_a_channel_is_not_told_is_counted_with_the_reason(void **state)
{
	struct house h = house_with_build(*state);
	struct link_terms week = { .bundle_id = "com.example.app", .channel = "main", .expires = clock_now() + 7 * DAY };
	struct link_terms quarter = week;
	int64_t n[MISS_KINDS] = { 0 };
	char *ids[7], *used, *revoked, *next;
	const char *told[3];
	struct err err;

	quarter.expires = clock_now() + 90 * DAY;
	for (int i = 0; i < 7; i++)
		ids[i] = tester(*state, &h, mem_printf(*state, "t%d", i), mem_printf(*state, "t%d@example.com", i), "");
	for (int i = 0; i < 3; i++) {		/* their links will have expired */
		week.contact_id = ids[i];
		tester_link(*state, &h, week, NULL);
	}
	quarter.contact_id = ids[2];		/* but for this one: they have another */
	tester_link(*state, &h, quarter, NULL);
	quarter.contact_id = ids[3];
	quarter.installs_max = 1;
	tester_link(*state, &h, quarter, &used);
	assert_true(use(&h, used, "an address"));
	week.contact_id = ids[4];		/* withdrawn on purpose: nobody wonders */
	tester_link(*state, &h, week, &revoked);
	assert_ok(link_revoke(h.db, h.paul, revoked, &err), &err);
	week.contact_id = ids[5];		/* and who wants no notices gets none */
	tester_link(*state, &h, week, NULL);
	assert_ok(contact_set_quiet(h.db, ids[5], true, &err), &err);
	tester_link(*state, &h, (struct link_terms){ .contact_id = ids[6], .pin = "482913", .expires = quarter.expires }, NULL);
	set_now(&h, "2026-11-30T12:00:00Z");
	next = published(*state, &h, (struct sent){ .build = "2" });
	assert_string_equal(counted(*state, &h, next), "0 told");
	told[0] = next;
	told[1] = ids[2];
	assert_ok(db_tx(h.db, tx_told, told, &err), &err);
	told[1] = ids[6];
	assert_ok(db_tx(h.db, tx_missed_pin, told, &err), &err);
	assert_string_equal(told[2], "first");
	assert_ok(db_tx(h.db, tx_missed_pin, told, &err), &err);
	assert_string_equal(told[2], "again");
	assert_ok(notice_missed(h.db, next, "main", n, &err), &err);
	assert_int_equal(n[MISS_EXPIRED], 2);
	assert_int_equal(n[MISS_USED_UP], 1);
	assert_int_equal(n[MISS_SENDER], 0);
	assert_string_equal(counted(*state, &h, next), "1 told, expired 2, used_up 1, pin 1");
	assert_ok(notice_missed(h.db, next, "main", n, &err), &err);	/* said once */
	assert_int_equal(n[MISS_EXPIRED], 2);

	/* who gets a link after all is told after all */
	quarter.contact_id = ids[0];
	tester_link(*state, &h, quarter, NULL);
	assert_non_null(strstr(due(*state, &h, next, "main"), "t0:channel"));
	assert_int_equal(strlen(due(*state, &h, next, "main")), strlen("t0:channel t6:build"));
	told[1] = ids[0];
	assert_ok(db_tx(h.db, tx_told, told, &err), &err);
	assert_string_equal(told[2], "first");
	assert_string_equal(counted(*state, &h, next), "2 told, expired 1, used_up 1, pin 1");

	/* the sender is gone for all of them; and whose link has expired a year ago is no tester any more */
	next = published(*state, &h, (struct sent){ .build = "3" });
	assert_ok(db_run(h.db, &err, "UPDATE person SET disabled = TRUE WHERE name = 'paul'"), &err);
	memset(n, 0, sizeof n);
	assert_ok(notice_missed(h.db, next, "main", n, &err), &err);
	assert_int_equal(n[MISS_SENDER], 4);
	assert_int_equal(n[MISS_EXPIRED], 1);
	set_now(&h, "2028-03-01T12:00:00Z");
	assert_ok(db_run(h.db, &err, "DELETE FROM notice"), &err);
	memset(n, 0, sizeof n);
	assert_ok(notice_missed(h.db, next, "main", n, &err), &err);
	assert_int_equal(n[MISS_EXPIRED] + n[MISS_SENDER], 0);
}

static void
a_build_in_a_channel_has_its_notice_written_with_it_unless_it_is_silent(void **state)
{
	struct house h = house_with_build(*state);
	struct rows *rows;
	struct err err;

	rows = db_query(*state, h.db, "SELECT args FROM job WHERE kind = 'notice_build'");
	assert_ok(rows_one(rows, &err, "no job"), &err);
	assert_string_equal(rows_text(*state, rows, 0), mem_printf(*state, "{\"build\":\"%s\",\"channel\":\"main\"}", h.build));
	rows_done(rows);
	assert_ok(db_run(h.db, &err, "DELETE FROM job"), &err);
	assert_ok(build_promote(h.db, h.paul, h.build, "beta", false, &err), &err);
	rows = db_query(*state, h.db, "SELECT args FROM job WHERE kind = 'notice_build'");
	assert_false(rows_one(rows, &err, "no job"));
	assert_ok(build_promote(h.db, h.paul, h.build, "beta", true, &err), &err);	/* it is there, and now told */
	rows = db_query(*state, h.db, "SELECT args FROM job WHERE kind = 'notice_build'");
	assert_ok(rows_one(rows, &err, "no job"), &err);
}

static void
who_is_not_told_of_a_build_is_found_by_the_links_of_its_app_and_not_among_all_contacts(void **state)
{
	struct house h = house(*state);
	int found = 0, n = 0;
	struct err err;

	for (const struct notice_over *over = notice_overs; over->sql; over++, n++) {
		struct rows *rows = db_query(*state, h.db, mem_printf(*state, "EXPLAIN QUERY PLAN %s", over->sql), db_text("b"),
					     db_text("main"), db_int(2), db_text("expired"), db_int(1));

		while (rows_next(rows, &err) == ROWS_ROW) {
			const char *plan = rows_text(*state, rows, 3);

			if (strncmp(plan, "SCAN", 4) == 0)
				fail_msg("%s", plan);
			found += strstr(plan, "SEARCH l USING INDEX link_app") != NULL;
		}
		rows_done(rows);
	}
	assert_int_equal(n, 3);
	assert_int_equal(found, 3);
}

TESTS(a_number_is_kept_in_e164_and_an_address_in_lower_case,
      no_two_contacts_share_an_address_or_a_number,
      contacts_are_found_by_what_they_hold_and_groups_are_chosen_once,
      the_database_has_neither_the_token_nor_the_pin_of_a_link,
      unknown_expired_used_up_and_revoked_links_are_the_same,
      the_last_installs_of_a_link_are_not_shared_by_phones_at_once,
      after_five_wrong_pins_the_right_one_waits_for_fifteen_minutes,
      a_link_to_a_channel_leads_to_what_is_newest_there,
      a_link_says_the_name_of_its_own_build_whatever_was_uploaded_beside_it,
      terms_that_make_no_sense_are_refused,
      links_of_apps_that_somebody_does_not_publish_are_missing,
      a_contact_who_tests_apps_of_others_keeps_address_links_and_silence,
      a_link_rests_while_its_sender_is_disabled_and_a_removed_contact_takes_it_along,
      a_link_that_asks_who_it_is_belongs_to_whom_it_was_sent_or_to_the_first_who_taps,
      an_app_can_ask_for_a_sign_in_on_all_of_its_links,
      links_are_listed_newest_first_page_by_page_with_their_state,
      told_are_those_whose_link_lasts_and_leads_to_the_channel_each_once,
      who_of_a_channel_is_not_told_is_counted_with_the_reason,
      who_is_not_told_of_a_build_is_found_by_the_links_of_its_app_and_not_among_all_contacts,
      a_build_in_a_channel_has_its_notice_written_with_it_unless_it_is_silent)
