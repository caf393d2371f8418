/* Testers, their links and what was observed of their installs, against a real SQLite. */
#include "tests/check.h"
#include "catalog/build.h"
#include "catalog/contact.h"
#include "catalog/grant.h"
#include "catalog/link.h"
#include "core/clock.h"
#include "core/secret.h"
#include <pthread.h>
#include <stdio.h>

#define DAY		86400
#define PASSWORD	"a good password"

struct house {
	const char *dir;
	struct db *db;
	struct blobs *blobs;
	struct link_key key;
	struct person *paul, *anna, *mia;	/* publisher, admin, member */
	char *build;
	int64_t now;
};

static void
set_now(struct house *h, const char *iso)
{
	char path[200];
	FILE *file;

	snprintf(path, sizeof path, "%s/clock", h->dir);
	file = fopen(path, "we");
	assert_non_null(file);
	fputs(iso, file);
	fclose(file);
	clock_follow(path);
	h->now = clock_now();
}

static struct person *
person(TALLOC_CTX *ctx, struct house *h, const char *name, enum role role)
{
	struct person *ret;
	struct err err;

	assert_ok(person_add(h->db, "test", name, role, PASSWORD, &err), &err);
	assert_ok(person_by_name(ctx, h->db, name, &ret, &err), &err);
	return ret;
}

static char *
publish(TALLOC_CTX *ctx, struct house *h, const char *bundle_id, const char *build, const char *channel)
{
	struct inspect *inspect = mem_new(ctx, struct inspect);
	struct build_fields fields = { .channel = channel };
	const char *bytes = mem_printf(ctx, "%s %s", bundle_id, build);
	struct blob_draft *draft;
	struct err err;
	bool fresh;
	char *id;

	inspect->facts = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:{s:b}, s:{s:s, s:s, s:s, s:s, s:[]}, s:{s:b, s:[]}}",
		"bundle_id", bundle_id, "name", "Demo", "version", "1.0", "build", build, "minimum_os", "15.0",
		"platform", "iphoneos", "binary", "signed", 1, "provision", "kind", "enterprise", "expires",
		"2027-11-22T12:00:00Z", "app_id", "A1B2C3D4E5.*", "signature", "apple", "certificates",
		"verdict", "installable", 1, "reasons");
	assert_ok(blob_draft_new(ctx, h->blobs, 0, &draft, &err), &err);
	assert_ok(blob_draft_write(draft, (struct bytes){ bytes, strlen(bytes) }, NULL, &err), &err);
	assert_ok(blob_draft_done(draft, &err), &err);
	assert_ok(build_publish(ctx, h->db, h->blobs, draft, inspect, &fields, h->paul, &id, &fresh, &err), &err);
	json_decref(inspect->facts);
	return id;
}

static struct house
house(TALLOC_CTX *ctx)
{
	struct house h = { .dir = test_dir(ctx) };
	struct err err;

	set_now(&h, "2026-11-22T12:00:00Z");
	assert_ok(db_open(ctx, h.dir, &h.db, &err), &err);
	assert_ok(blobs_open(ctx, mem_printf(ctx, "%s/blobs", h.dir), 0, &h.blobs, &err), &err);
	link_key_from((struct bytes){ "a master key", 12 }, &h.key);
	h.paul = person(ctx, &h, "paul", ROLE_PUBLISHER);
	h.anna = person(ctx, &h, "anna", ROLE_ADMIN);
	h.mia = person(ctx, &h, "mia", ROLE_MEMBER);
	h.build = publish(ctx, &h, "com.example.app", "1", NULL);
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
		t.expires = h->now + 7 * DAY;
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
						    "Anna <a@b.c>", "ä@b.c" };
	struct contact c;
	struct err err;
	char *phone;

	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
		assert_ok(contact_phone(*state, numbers[i].given, &phone, &err), &err);
		assert_string_equal(phone, numbers[i].kept);
	}
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		assert_false(contact_phone(*state, wrong[i], &phone, &err));
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
	struct house h = house(*state);
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
	assert_false(contact_change(h.db, "paul", &c, &err));
	assert_int_equal(err.kind, ERR_CONFLICT);
	c.phone = "+49151234568";
	assert_ok(contact_change(h.db, "paul", &c, &err), &err);
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
	struct house h = house(*state);
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
	struct house h = house(*state);
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
	struct house h = house(*state);
	char *used, *revoked, *used_token = link_of(*state, &h, (struct link_terms){ .installs_max = 1 }, &used);
	char *revoked_token = link_of(*state, &h, (struct link_terms){ 0 }, &revoked);
	char *expired_token = link_of(*state, &h, (struct link_terms){ .expires = h.now + DAY }, NULL);
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
	struct house h = house(*state);
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
	struct house h = house(*state);
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
	struct house h = house(*state);
	struct link_terms terms = { .bundle_id = "com.example.app", .channel = "main" };
	char *token = link_of(*state, &h, terms, NULL), *id;
	struct link *link;
	struct err err;

	assert_ok(link_open(*state, h.db, token, &link, &err), &err);
	assert_string_equal(link->build_id, h.build);
	assert_string_equal(link->channel, "main");
	id = publish(*state, &h, "com.example.app", "2", NULL);
	assert_ok(link_open(*state, h.db, token, &link, &err), &err);
	assert_string_equal(link->build_id, id);
	assert_ok(build_delete(h.db, h.paul, id, &err), &err);
	assert_ok(build_delete(h.db, h.paul, publish(*state, &h, "com.example.app", "3", "beta"), &err), &err);
	assert_ok(link_open(*state, h.db, token, &link, &err), &err);
	assert_string_equal(link->build_id, h.build);
	terms.channel = "none";
	terms.expires = h.now + DAY;
	assert_false(link_new(*state, h.db, &h.key, h.paul, &terms, &id, &token, &err));
	assert_int_equal(err.kind, ERR_MISSING);
}

static void
terms_that_make_no_sense_are_refused(void **state)
{
	struct house h = house(*state);
	const struct link_terms wrong[] = {
		{ .build_id = h.build, .expires = h.now },
		{ .build_id = h.build, .expires = h.now + 366 * DAY },
		{ .build_id = h.build, .expires = h.now + DAY, .installs_max = -1 },
		{ .build_id = h.build, .expires = h.now + DAY, .pin = "12345" },
		{ .build_id = h.build, .expires = h.now + DAY, .pin = "12345a" },
		{ .build_id = h.build, .expires = h.now + DAY, .bundle_id = "com.example.app", .channel = "main" },
		{ .bundle_id = "com.example.app", .expires = h.now + DAY },
		{ .expires = h.now + DAY },
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
	struct link_terms to_build = { .build_id = h->build, .expires = h->now + DAY };
	struct link_terms to_channel = { .bundle_id = "com.example.app", .channel = "main", .expires = h->now + DAY };
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
	assert_int_equal(err.kind, ERR_MISSING);
	assert_ok(link_list(h->db, who, &filter, NULL, 200, &json, &err), &err);
	assert_int_equal(json_array_size(json_object_get(json, "items")), 0);
	json_decref(json);
}

static void
links_of_apps_that_somebody_does_not_publish_are_missing(void **state)
{
	struct house h = house(*state);
	struct person *petra = person(*state, &h, "petra", ROLE_PUBLISHER), bound = *h.paul;
	char *id, *token = link_of(*state, &h, (struct link_terms){ 0 }, &id);
	struct err err;
	json_t *json;

	assert_ok(db_run(h.db, &err, "UPDATE person SET all_apps = FALSE WHERE id = $1", db_text(petra->id)), &err);
	assert_ok(db_run(h.db, &err, "INSERT INTO publisher_app (person_id, bundle_id) VALUES ($1, $2)",
			 db_text(petra->id), db_text("com.example.other")), &err);
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

static void
a_disabled_sender_leaves_the_link_and_a_removed_contact_takes_it_along(void **state)
{
	struct house h = house(*state);
	char *ben = contact(*state, &h, "Ben", "ben@example.com", "");
	char *token = link_of(*state, &h, (struct link_terms){ .contact_id = ben }, NULL);
	struct link *link;
	struct err err;

	assert_ok(db_run(h.db, &err, "UPDATE person SET disabled = TRUE, display = $2 WHERE id = $1",
			 db_text(h.paul->id), db_text("Paul Nair")), &err);
	assert_ok(link_open(*state, h.db, token, &link, &err), &err);
	assert_string_equal(link->from, "Paul Nair");
	assert_string_equal(link->contact_name, "Ben");
	assert_ok(contact_remove(h.db, "anna", ben, &err), &err);
	assert_int_equal(opens(*state, &h, token), ERR_MISSING);
	assert_false(contact_remove(h.db, "anna", ben, &err));
}

static void
an_app_can_ask_for_a_sign_in_on_all_of_its_links(void **state)
{
	struct house h = house(*state);
	char *token = link_of(*state, &h, (struct link_terms){ 0 }, NULL);
	struct link *link;
	struct err err;
	bool on;

	assert_ok(link_open(*state, h.db, token, &link, &err), &err);
	assert_false(link->sign_in);
	assert_ok(link_rule_set(h.db, h.paul, "com.example.app", true, &err), &err);
	assert_ok(link_rule_get(h.db, "com.example.app", &on, &err), &err);
	assert_true(on);
	assert_ok(link_open(*state, h.db, token, &link, &err), &err);
	assert_true(link->sign_in);
	assert_ok(link_rule_set(h.db, h.paul, "com.example.app", false, &err), &err);
	assert_ok(link_open(*state, h.db, token, &link, &err), &err);
	assert_false(link->sign_in);
}

static void
links_are_listed_newest_first_page_by_page_with_their_state(void **state)
{
	struct house h = house(*state);
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
      a_disabled_sender_leaves_the_link_and_a_removed_contact_takes_it_along,
      an_app_can_ask_for_a_sign_in_on_all_of_its_links,
      links_are_listed_newest_first_page_by_page_with_their_state)
