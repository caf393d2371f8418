/* Testers, their links and what was observed of their installs, against a real SQLite. */
#include "tests/check_house.h"
#include "tests/check_link.h"
#include "catalog/build.h"
#include "catalog/contact.h"
#include "catalog/grant.h"
#include "catalog/install_watch.h"
#include "catalog/link.h"
#include "catalog/notice.h"
#include "catalog/ranges.h"
#include "core/clock.h"
#include "core/count.h"
#include "core/secret.h"
#include <pthread.h>
#include <stdio.h>

#define DAY		86400

static struct house
house_with_build(TALLOC_CTX *ctx)
{
	struct house h = house(ctx);

	h.build = published(ctx, &h, (struct sent){ 0 });
	return h;
}

/* A link as a tester gets it; what `t` leaves open has the usual value. */
static char *
link_of(TALLOC_CTX *ctx, struct house *h, struct link_terms t, char **id)
{
	struct err err;
	char *token, *ignored;

	if (!t.build_id && !t.channel)
		t.build_id = h->build;
	if (!t.expires)
		t.expires = clock_now() + 7 * DAY;
	assert_ok(link_new(ctx, h->db, &h->key, h->paul, &t, id ? id : &ignored, &token, &err), &err);
	return token;
}

static char *
contact(TALLOC_CTX *ctx, struct house *h, const char *name, const char *email, const char *phone)
{
	struct contact c = { .name = name, .email = email, .phone = phone };
	struct err err;
	char *id;

	assert_ok(contact_check(ctx, &c, &err), &err);
	assert_ok(contact_add(ctx, h->db, "paul", &c, &id, &err), &err);
	return id;
}

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

	return link_use(tx, of[0], of[1], err);
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
	char *anna = contact(*state, &h, "Anna", "anna@example.com", "+49151234567"), *id;
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
	char *ben = contact(*state, &h, "Ben", "ben@example.com", ""), *zoe = contact(*state, &h, "Zoe", "", "+49151234567");
	char *anna = contact(*state, &h, "Änne", "anna_x@example.com", ""), *qa, *all;
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
	char *id, *token = link_of(*state, &h, (struct link_terms){ .pin = "482913" }, &id), *again;
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
	char *used, *revoked, *used_token = link_of(*state, &h, (struct link_terms){ .installs_max = 1 }, &used);
	char *revoked_token = link_of(*state, &h, (struct link_terms){ 0 }, &revoked);
	char *expired_token = link_of(*state, &h, (struct link_terms){ .expires = clock_now() + DAY }, NULL);
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

	link_of(*state, &h, (struct link_terms){ .installs_max = 3 }, &id);
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
	char *token = link_of(*state, &h, (struct link_terms){ .pin = "482913" }, NULL);
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
	char *token = link_of(*state, &h, terms, NULL), *id;
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
	char *id, *token = link_of(*state, &h, (struct link_terms){ 0 }, &id);
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
	char *bob = contact(*state, &h, "Bob", "bob@example.com", ""), *id;
	char *token = link_of(*state, &h, (struct link_terms){ .contact_id = bob }, &id);
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
	char *ben = contact(*state, &h, "Ben", "ben@example.com", "");
	char *token = link_of(*state, &h, (struct link_terms){ .contact_id = ben }, NULL);
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

static void
an_app_can_ask_for_a_sign_in_on_all_of_its_links(void **state)
{
	struct house h = house_with_build(*state);
	char *token = link_of(*state, &h, (struct link_terms){ 0 }, NULL);
	struct link *link;
	struct err err;

	assert_ok(link_open(*state, h.db, token, &link, &err), &err);
	assert_false(link->sign_in);
	assert_ok(link_rule_set(h.db, h.paul, "com.example.app", true, &err), &err);
	assert_ok(link_open(*state, h.db, token, &link, &err), &err);
	assert_true(link->sign_in);
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
		link_of(*state, &h, (struct link_terms){ .installs_max = i }, &ids[i]);
	assert_ok(link_open(*state, h.db, link_of(*state, &h, to_channel, &ids[4]), &link, &err), &err);
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

/* ---- installs ---- */

static void
a_byte_that_went_out_twice_counts_once(void **state)
{
	struct ranges r = { 0 };
	static unsigned char bytes[4096];
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
	ranges_add(&r, 0, 1000);
	assert_int_equal(ranges_bytes(&r), 1000);
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
tapped(TALLOC_CTX *ctx, struct house *h, const char *link_id, const char *id)
{
	struct install_start start = { .id = id, .build_id = h->build, .link_id = link_id, .opened = clock_now(),
					.tapped = true };
	struct grant_terms terms = { .kind = GRANT_TAP, .manifest_s = 3600, .ipa_s = DAY, .install = &start };
	struct grant *grant;
	struct err err;
	char *token;

	assert_ok(grant_new(ctx, h->db, &terms, h->build, NULL, &token, &err), &err);
	assert_ok(grant_open(ctx, h->db, token, GRANT_PAGE, "safari", &grant, &err), &err);
	grant->size = 1000;
	assert_ok(db_run(h->db, &err, "UPDATE build SET size = 1000"), &err);
	return grant;
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

	link_of(*state, &h, (struct link_terms){ 0 }, &link);
	grant = tapped(*state, &h, link, "aaaaaaaaaaaaaaaa");
	assert_string_equal(story(*state, &h, watch, "aaaaaaaaaaaaaaaa"), "opened tapped");
	set_now(&h, "2026-11-22T12:01:00Z");
	assert_string_equal(story(*state, &h, watch, "aaaaaaaaaaaaaaaa"), "opened tapped; not_asked");
	for (int i = 0; i < 5; i++)	/* iOS asks several times */
		install_saw(watch, grant, "phone", DAEMON, INSTALL_MANIFEST);
	install_saw(watch, grant, "phone", DAEMON, INSTALL_ICON);
	assert_string_equal(story(*state, &h, watch, "aaaaaaaaaaaaaaaa"), "opened tapped manifest icon");
	set_now(&h, "2026-11-22T12:02:00Z");
	assert_string_equal(story(*state, &h, watch, "aaaaaaaaaaaaaaaa"), "opened tapped manifest icon; not_begun");
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
	const char *bob = contact(*state, &h, "Bob", "bob@example.com", "");
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

static void
installs_by_all_taps_of_a_link_count_for_the_link(void **state)
{
	struct house h = house_with_build(*state);
	struct install_start start = { .build_id = h.build };
	struct grant_terms terms = { .kind = GRANT_TAP, .manifest_s = 3600, .ipa_s = DAY, .install = &start };
	struct grant *grant;
	struct err err;
	char *link, *one, *two, *token = link_of(*state, &h, (struct link_terms){ .installs_max = 1 }, &link);

	start.link_id = link;
	start.id = "aaaaaaaaaaaaaaaa";
	assert_ok(grant_new(*state, h.db, &terms, h.build, NULL, &one, &err), &err);
	start.id = "bbbbbbbbbbbbbbbb";
	assert_ok(grant_new(*state, h.db, &terms, h.build, NULL, &two, &err), &err);
	assert_ok(grant_open(*state, h.db, one, GRANT_MANIFEST, "phone", &grant, &err), &err);
	assert_int_equal(opens(*state, &h, token), ERR_MISSING);
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

	link_of(*state, &h, (struct link_terms){ 0 }, &link);
	link_of(*state, &h, (struct link_terms){ 0 }, &other);
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

	link_of(*state, &h, (struct link_terms){ 0 }, &link);
	assert_ok(install_opened(*state, h.db, link, h.build, NULL, true, &id, &err), &err);
	assert_null(id);
	assert_ok(db_run(h.db, &err, "UPDATE install SET state = 'opened' WHERE id = $1",
			 db_text(tapped(*state, &h, link, "aaaaaaaaaaaaaaaa")->install_id)), &err);
	assert_ok(install_opened(*state, h.db, link, h.build, NULL, true, &id, &err), &err);
	assert_string_equal(id, "aaaaaaaaaaaaaaaa");
	assert_ok(install_opened(*state, h.db, link, h.build, NULL, false, &id, &err), &err);
	assert_null(id);	/* a link for many: each begins their own */
	assert_ok(install_opened(*state, h.db, link, h.build, h.mia->id, true, &id, &err), &err);
	assert_null(id);	/* and who signs in has nobody else's */
	assert_ok(db_run(h.db, &err, "UPDATE install SET person_id = $1", db_text(h.mia->id)), &err);
	assert_ok(install_opened(*state, h.db, link, h.build, h.mia->id, true, &id, &err), &err);
	assert_string_equal(id, "aaaaaaaaaaaaaaaa");
	assert_ok(install_opened(*state, h.db, link, h.build, h.anna->id, true, &id, &err), &err);
	assert_null(id);
	assert_ok(db_run(h.db, &err, "UPDATE install SET person_id = NULL"), &err);
	assert_ok(install_get(*state, h.db, "aaaaaaaaaaaaaaaa", link, NULL, &install, &err), &err);
	assert_true(install->granted);
	assert_int_equal(install->state, INSTALL_OPENED);
	assert_false(install_get(*state, h.db, "aaaaaaaaaaaaaaaa", "other", h.mia->id, &install, &err));
	set_now(&h, "2026-11-22T13:00:00Z");
	assert_ok(install_get(*state, h.db, "aaaaaaaaaaaaaaaa", link, NULL, &install, &err), &err);
	assert_false(install->granted);
	assert_ok(install_opened(*state, h.db, link, h.build, NULL, true, &id, &err), &err);
	assert_null(id);
	set_now(&h, "2026-12-22T12:00:01Z");
	assert_ok(install_sweep(h.db, &err), &err);
	assert_false(install_get(*state, h.db, "aaaaaaaaaaaaaaaa", link, NULL, &install, &err));

	/* One that was tapped goes like that, unless its grant lives. */
	link_of(*state, &h, (struct link_terms){ 0 }, &link);
	tapped(*state, &h, link, "bbbbbbbbbbbbbbbb");
	tapped(*state, &h, link, "cccccccccccccccc");
	assert_ok(db_run(h.db, &err, "UPDATE install_grant SET manifest_until = 4000000000 WHERE install_id = 'cccccccccccccccc'"),
		  &err);
	set_now(&h, "2027-01-21T12:00:02Z");
	assert_ok(install_sweep(h.db, &err), &err);
	assert_false(install_get(*state, h.db, "bbbbbbbbbbbbbbbb", link, NULL, &install, &err));
	assert_ok(install_get(*state, h.db, "cccccccccccccccc", link, NULL, &install, &err), &err);
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

	if (!notice_told(tx, told[0], told[1], &first, err))
		return false;
	told[2] = first ? "first" : "again";
	return true;
}

static void
told_are_those_whose_working_link_leads_to_the_channel_each_once(void **state)
{
	struct house h = house_with_build(*state);
	struct link_terms to_channel = { .bundle_id = "com.example.app", .channel = "main" };
	char *ann = contact(*state, &h, "ann", "ann@example.com", ""), *ben = contact(*state, &h, "ben", "ben@example.com", "");
	char *cid = contact(*state, &h, "cid", "cid@example.com", ""), *dan = contact(*state, &h, "dan", "dan@example.com", "");
	char *eve = contact(*state, &h, "eve", "eve@example.com", ""), *used, *revoked, *next;
	const char *told[3];
	struct rows *rows;
	struct err err;
	bool newest;

	to_channel.contact_id = ann;
	link_of(*state, &h, to_channel, NULL);
	link_of(*state, &h, (struct link_terms){ .contact_id = ann }, NULL);	/* a second link of hers */
	link_of(*state, &h, (struct link_terms){ .contact_id = ben }, NULL);
	link_of(*state, &h, (struct link_terms){ .contact_id = cid, .installs_max = 1 }, &used);
	link_of(*state, &h, (struct link_terms){ .contact_id = dan }, &revoked);
	to_channel.contact_id = eve;
	link_of(*state, &h, to_channel, NULL);
	link_of(*state, &h, (struct link_terms){ 0 }, NULL);		/* to nobody in particular */
	assert_true(use(&h, used, "phone"));
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
	assert_int_equal(strlen(all), strlen("ann:channel ben:build"));
	assert_string_equal(due(*state, &h, h.build, "main"), "ann:channel");	/* ben's link is that build's own */
	assert_string_equal(due(*state, &h, next, "other"), "");
	told[0] = next;
	told[1] = ann;
	assert_ok(db_tx(h.db, tx_told, told, &err), &err);
	assert_string_equal(told[2], "first");
	assert_ok(db_tx(h.db, tx_told, told, &err), &err);
	assert_string_equal(told[2], "again");
	assert_string_equal(due(*state, &h, next, "main"), "ben:build");
	assert_ok(notice_newest(h.db, next, "main", &newest, &err), &err);
	assert_true(newest);
	assert_ok(notice_newest(h.db, h.build, "main", &newest, &err), &err);
	assert_false(newest);
	assert_ok(notice_newest(h.db, "gone", "main", &newest, &err), &err);
	assert_false(newest);
	set_now(&h, "2026-11-29T12:00:00Z");	/* all links are over */
	assert_string_equal(due(*state, &h, next, "main"), "");
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

TESTS(a_number_is_kept_in_e164_and_an_address_in_lower_case,
      no_two_contacts_share_an_address_or_a_number,
      contacts_are_found_by_what_they_hold_and_groups_are_chosen_once,
      the_database_has_neither_the_token_nor_the_pin_of_a_link,
      unknown_expired_used_up_and_revoked_links_are_the_same,
      the_last_installs_of_a_link_are_not_shared_by_phones_at_once,
      after_five_wrong_pins_the_right_one_waits_for_fifteen_minutes,
      a_link_to_a_channel_leads_to_what_is_newest_there,
      terms_that_make_no_sense_are_refused,
      links_of_apps_that_somebody_does_not_publish_are_missing,
      a_contact_who_tests_apps_of_others_keeps_address_links_and_silence,
      a_link_rests_while_its_sender_is_disabled_and_a_removed_contact_takes_it_along,
      an_app_can_ask_for_a_sign_in_on_all_of_its_links,
      links_are_listed_newest_first_page_by_page_with_their_state,
      a_byte_that_went_out_twice_counts_once,
      of_a_device_only_what_its_daemon_says_is_known,
      an_install_tells_what_was_observed_and_no_more,
      a_tap_is_recorded_once_in_a_moment_and_again_later,
      each_client_of_a_grant_for_many_has_an_install_of_its_own,
      installs_are_listed_by_app_build_person_and_contact,
      a_flood_of_installs_is_written_in_few_commits_and_bounded_in_memory,
      installs_by_all_taps_of_a_link_count_for_the_link,
      an_install_is_shown_to_its_person_its_publisher_and_its_link_alone,
      who_opens_a_link_again_goes_on_with_the_install_that_was_opened,
      told_are_those_whose_working_link_leads_to_the_channel_each_once,
      a_build_in_a_channel_has_its_notice_written_with_it_unless_it_is_silent)
