/* Inviting people to set up a device: who is, who is not and why, how far they are, and what they read. */
#include "tests/check_house.h"
#include "catalog/group.h"
#include "catalog/message.h"
#include "catalog/people.h"
#include "core/clock.h"
#include "core/secret.h"
#include "core/sms.h"
#include "mdm/enroll_session.h"
#include "web/enroll_house.h"
#include "web/invitation_send.h"
#include "web/rooms.h"
#include <pthread.h>
#include <stdio.h>

#define SILENT_S	(3 * DAY_S)

struct world {
	TALLOC_CTX *ctx;
	struct house house;
	struct site *site;
	struct db *db;
	const char *file;
};

static void
settle(struct world *w, const char *more)
{
	FILE *out = fopen(w->file, "we");
	struct err err = { 0 };
	struct conf *conf;

	assert_non_null(out);
	fprintf(out, "server {\n\tbase_url = \"https://apps.example.com\"\n\tlisten = \"127.0.0.1:0\"\n\tplain = true\n\tdata = \"%s\"\n}\n"
		"log {\n\tlevel = \"error\"\n}\ncompany {\n\tname = \"Example Corp\"\n}\n%s", w->house.dir, more);
	fclose(out);
	assert_ok(conf_read(w->ctx, w->file, &conf, &err), &err);
	assert_ok(site_open(w->ctx, w->house.dir, conf, &w->site, &err), &err);
	w->db = w->house.db = w->site->db;
	set_now(&w->house, "2026-11-22T12:00:00Z");
}

#define BOTH_WAYS "smtp {\n\turl = \"smtp://127.0.0.1:1\"\n\tfrom = \"apps@example.com\"\n}\n" \
	"sms {\n\tdriver = \"kannel\"\n\turl = \"http://127.0.0.1:1\"\n}\n"

static struct world
world_with(TALLOC_CTX *ctx, const char *more)
{
	struct world w = { .ctx = ctx };

	w.house.dir = test_dir(ctx);
	w.file = mem_printf(ctx, "%s/pomona.conf", w.house.dir);
	settle(&w, more);
	return w;
}

static struct world
world(TALLOC_CTX *ctx)
{
	return world_with(ctx, BOTH_WAYS);
}

static void
run(struct world *w, const char *sql)
{
	struct err err;

	assert_ok(db_run(w->db, &err, sql), &err);
}

static const char *
one_text(struct world *w, const char *sql)
{
	struct rows *rows = db_query(w->ctx, w->db, sql);
	struct err err;
	const char *text;

	assert_ok(rows_one(rows, &err, "no row"), &err);
	text = rows_text(w->ctx, rows, 0);
	rows_done(rows);
	return text;
}

/* A person with, or without ("") an address and a number. */
static const struct person *
human(struct world *w, const char *name, const char *email, const char *phone)
{
	struct person *person;
	struct err err;

	assert_ok(people_from_proxy(w->ctx, w->db, name, true, &person, &err), &err);
	assert_ok(db_run(w->db, &err, "UPDATE person SET email = $1, phone = $2 WHERE id = $3", db_text(email), db_text(phone),
			 db_text(person->id)), &err);
	return person;
}

static void
has_device(struct world *w, const struct person *person)
{
	struct err err;

	assert_ok(db_run(w->db, &err, "INSERT INTO device (id, udid, person_id, enrollment_id, created, changed)"
			 " VALUES ($1, $1, $1, $1, 1, 1)", db_text(person->id)), &err);
	assert_ok(db_run(w->db, &err, "INSERT INTO enrollment (id, device_id, session_id, person_id, state, identity,"
			 " access_rights, created) VALUES ($1, $1, 's', $1, 'enrolled', $1, 8191, 1)", db_text(person->id)), &err);
}

static struct invitation_order
to_people(const char *const *names, size_t n, const char *way)
{
	return (struct invitation_order){ .actor = "anna", .persons = names, .persons_n = n, .way = way };
}

static json_t *
made(struct world *w, const struct invitation_order *order)
{
	struct err err;
	json_t *ret;

	assert_ok(invitation_make(w->ctx, w->site, order, &ret, &err), &err);
	return ret;
}

/* Of one person; its id, and its token if asked for. */
static const char *
invited(struct world *w, const char *name, const char *way, const char **token)
{
	struct invitation_order order = to_people(&name, 1, way);
	json_t *all = made(w, &order), *item = json_array_get(json_object_get(all, "items"), 0);
	const char *id = mem_text(w->ctx, text_of(item, "id"));

	assert_non_null(item);
	if (token)
		*token = mem_text(w->ctx, strrchr(text_of(item, "url"), '/') + 1);
	json_decref(all);
	return id;
}

static const char *
state_of(struct world *w, const char *id)
{
	const char *state;
	struct err err;
	json_t *i;

	assert_ok(invitation_show(w->db, id, SILENT_S, &i, &err), &err);
	state = mem_text(w->ctx, text_of(i, "state"));
	json_decref(i);
	return state;
}

static const char *
why_left(struct world *w, const json_t *all, const char *name)
{
	json_t *out;
	size_t i;

	json_array_foreach(json_object_get(all, "left_out"), i, out)
		if (strcmp(text_of(out, "name"), name) == 0)
			return mem_text(w->ctx, text_of(out, "why"));
	return "";
}

static struct invitation *
opened(struct world *w, const char *token, struct err *err)
{
	struct invitation *i = NULL;

	return invitation_open(w->ctx, w->db, token, &i, err) ? i : NULL;
}

/* ---- who ---- */

static void
a_group_is_invited_at_once_and_who_is_not_is_named_with_why(void **state)
{
	static const char *const group = "sales", *const stranger = "zoe";
	struct world w = world(*state);
	const struct person *all[] = {
		human(&w, "ada", "ada@example.com", ""), human(&w, "ben", "", "+491701234567"), human(&w, "carl", "", ""),
		human(&w, "dora", "no address", ""), human(&w, "eli", "eli@example.com", ""), human(&w, "fay", "fay@example.com", ""),
		human(&w, "gus", "gus@example.com", ""),
	};
	struct invitation_order order = { .actor = "anna", .groups = &group, .groups_n = 1, .persons = &stranger, .persons_n = 1,
					  .way = "any" };
	struct err err;
	json_t *result;
	char *id;

	human(&w, "zoe", "zoe@example.com", "");
	assert_ok(group_add(w.db, "anna", "Sales", &id, *state, &err), &err);
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		assert_ok(group_put_person(w.db, "anna", id, all[i]->id, true, &err), &err);
	has_device(&w, all[4]);
	invited(&w, "fay", "link", NULL);
	run(&w, "UPDATE person SET disabled = TRUE WHERE name = 'gus'");
	result = made(&w, &order);
	assert_int_equal(json_array_size(json_object_get(result, "items")), 3);
	assert_string_equal(why_left(&w, result, "carl"), "no_way");
	assert_string_equal(why_left(&w, result, "dora"), "bad_address");
	assert_string_equal(why_left(&w, result, "eli"), "enrolled");
	assert_string_equal(why_left(&w, result, "fay"), "invited");
	assert_string_equal(why_left(&w, result, "gus"), "disabled");
	json_decref(result);
	assert_string_equal(one_text(&w, "SELECT kind FROM message WHERE recipient = 'ada@example.com'"), "mail");
	assert_string_equal(one_text(&w, "SELECT kind FROM message WHERE recipient = '+491701234567'"), "sms");
	assert_string_equal(one_text(&w, "SELECT CAST(count(*) AS TEXT) FROM message"), "3");
	assert_string_equal(one_text(&w, "SELECT CAST(count(*) AS TEXT) FROM audit WHERE act = 'invitation.new'"), "4");
}

static void
many_are_invited_in_several_transactions_and_nobody_twice(void **state)
{
	struct world w = world(*state);
	size_t n = 2 * INVITATION_CHUNK + 7;
	const char **names = mem_array(*state, const char *, n + 1);
	struct invitation_order order;
	json_t *result;

	for (size_t i = 0; i < n; i++) {
		names[i] = mem_printf(*state, "person %zu", i);
		human(&w, names[i], mem_printf(*state, "p%zu@example.com", i), "");
	}
	names[n] = names[0];	/* named twice */
	order = to_people(names, n + 1, "mail");
	result = made(&w, &order);
	assert_int_equal(json_array_size(json_object_get(result, "items")), n);
	assert_int_equal(json_array_size(json_object_get(result, "left_out")), 0);
	json_decref(result);
	result = made(&w, &order);
	assert_int_equal(json_array_size(json_object_get(result, "items")), 0);
	assert_int_equal(json_array_size(json_object_get(result, "left_out")), n);
	json_decref(result);
	assert_string_equal(one_text(&w, "SELECT CAST(count(*) AS TEXT) FROM message"), mem_printf(*state, "%zu", n));
}

#define AT_ONCE 8

struct racer {
	struct site *site;
	pthread_barrier_t *start;
	pthread_t thread;
	size_t made, left_out;
};

static void *
race(void *arg)
{
	static const char *const name = "ada";
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct invitation_order order = to_people(&name, 1, "mail");
	struct racer *r = arg;
	struct err err = { 0 };
	json_t *result;

	pthread_barrier_wait(r->start);
	if (!invitation_make(ctx, r->site, &order, &result, &err))
		return NULL;
	r->made = json_array_size(json_object_get(result, "items"));
	r->left_out = json_array_size(json_object_get(result, "left_out"));
	json_decref(result);
	return NULL;
}

static void
of_many_who_invite_the_same_person_at_once_one_does(void **state)
{
	struct world w = world(*state);
	struct racer racers[AT_ONCE];
	pthread_barrier_t start;
	size_t total = 0, left_out = 0;

	human(&w, "ada", "ada@example.com", "");
	pthread_barrier_init(&start, NULL, AT_ONCE);
	for (int i = 0; i < AT_ONCE; i++) {
		racers[i] = (struct racer){ .site = w.site, .start = &start };
		assert_int_equal(pthread_create(&racers[i].thread, NULL, race, &racers[i]), 0);
	}
	for (int i = 0; i < AT_ONCE; i++) {
		pthread_join(racers[i].thread, NULL);
		total += racers[i].made;
		left_out += racers[i].left_out;
	}
	pthread_barrier_destroy(&start);
	assert_int_equal(total, 1);
	assert_int_equal(left_out, AT_ONCE - 1);
	assert_string_equal(one_text(&w, "SELECT CAST(count(*) AS TEXT) FROM invitation"), "1");
	assert_string_equal(one_text(&w, "SELECT CAST(count(*) AS TEXT) FROM message"), "1");
}

static void
who_has_a_device_is_invited_only_for_another(void **state)
{
	static const char *const name = "ada";
	struct world w = world(*state);
	const struct person *ada = human(&w, name, "ada@example.com", "");
	struct invitation_order order = to_people(&name, 1, "any");
	json_t *result;

	has_device(&w, ada);
	result = made(&w, &order);
	assert_string_equal(why_left(&w, result, name), "enrolled");
	json_decref(result);
	order.another = true;
	result = made(&w, &order);
	assert_int_equal(json_array_size(json_object_get(result, "items")), 1);
	json_decref(result);
	result = made(&w, &order);
	assert_string_equal(why_left(&w, result, name), "invited");
	json_decref(result);
	/* what was removed is no device any more */
	run(&w, "DELETE FROM invitation");
	run(&w, "UPDATE enrollment SET state = 'removed'");
	order.another = false;
	result = made(&w, &order);
	assert_int_equal(json_array_size(json_object_get(result, "items")), 1);
	json_decref(result);
}

static void
what_cannot_be_asked_for_is_refused_in_words(void **state)
{
	static const char *const two[] = { "ada", "ben" };
	static const struct {
		const char *way, *to, *note;
		size_t n;
		const char *code, *says;
	} cases[] = {
		{ "pigeon", NULL, NULL, 1, "invalid", "by is any, mail, sms or link" },
		{ "any", NULL, NULL, 0, "nobody", "say who is invited: people or groups" },
		{ "any", "x@example.com", NULL, 2, "invalid", "an address or number of its own goes with one person" },
		{ "link", "x@example.com", NULL, 1, "invalid", "an address or number of its own goes with one person" },
		{ "mail", NULL, NULL, 1, "no_mail", "no mail server is set up" },
		{ "sms", NULL, NULL, 1, "no_sms", "no SMS gateway is set up" },
		{ "link", NULL, "\xff", 1, "invalid", "the note is a text of at most 500 bytes" },
	};
	struct world w = world_with(*state, "");

	human(&w, "ada", "", "");
	human(&w, "ben", "", "");
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct invitation_order order = to_people(two, cases[i].n, cases[i].way);
		struct err err = { 0 };
		json_t *result;

		order.to = cases[i].to;
		order.note = cases[i].note;
		assert_false(invitation_make(*state, w.site, &order, &result, &err));
		assert_string_equal(err.code, cases[i].code);
		assert_non_null(strstr(err.cause, cases[i].says));
	}
	assert_string_equal(one_text(&w, "SELECT CAST(count(*) AS TEXT) FROM invitation"), "0");
}

static void
an_invitation_whose_message_cannot_be_kept_is_not_made(void **state)
{
	static const char *const name = "ada";
	struct world w = world(*state);
	struct invitation_order order = to_people(&name, 1, "mail");
	struct err err = { 0 };
	json_t *result;

	human(&w, name, "ada@example.com", "");
	run(&w, "CREATE TRIGGER refuse BEFORE INSERT ON message BEGIN SELECT RAISE(ABORT, 'no'); END");
	assert_false(invitation_make(*state, w.site, &order, &result, &err));
	assert_string_equal(one_text(&w, "SELECT CAST(count(*) AS TEXT) FROM invitation"), "0");
	run(&w, "DROP TRIGGER refuse");
	result = made(&w, &order);
	json_decref(result);
	assert_string_equal(one_text(&w, "SELECT i.message_id = m.id AND m.about = 'invitation:' || i.id FROM invitation i, message m"), "1");
}

static void
who_is_missing_has_neither_a_device_nor_an_invitation(void **state)
{
	struct world w = world(*state);
	const struct person *ada = human(&w, "ada", "ada@example.com", "");
	const char *next;
	struct err err;
	json_t *list;

	human(&w, "ben", "", "");
	human(&w, "cleo", "cleo@example.com", "");
	human(&w, "dan", "", "");
	has_device(&w, ada);
	invited(&w, "ben", "link", NULL);
	run(&w, "UPDATE person SET disabled = TRUE WHERE name = 'dan'");
	assert_ok(invitation_missing(w.db, NULL, NULL, NULL, 10, &list, &err), &err);
	assert_int_equal(json_array_size(json_object_get(list, "items")), 1);
	assert_string_equal(text_of(json_array_get(json_object_get(list, "items"), 0), "name"), "cleo");
	json_decref(list);
	/* an invitation that has expired is none */
	set_now(&w.house, "2027-01-22T12:00:00Z");
	assert_ok(invitation_missing(w.db, NULL, NULL, NULL, 1, &list, &err), &err);
	assert_string_equal(text_of(json_array_get(json_object_get(list, "items"), 0), "name"), "ben");
	next = mem_text(*state, text_of(list, "next"));
	json_decref(list);
	assert_ok(invitation_missing(w.db, NULL, NULL, next, 1, &list, &err), &err);
	assert_string_equal(text_of(json_array_get(json_object_get(list, "items"), 0), "name"), "cleo");
	assert_true(json_is_null(json_object_get(list, "next")));
	json_decref(list);
}

/* ---- how far ---- */

static void
a_state_is_what_its_moments_and_its_message_say(void **state)
{
	/* Each is done on top of those before. */
	static const struct {
		const char *sql, *state;
	} steps[] = {
		{ "SELECT 1", "waiting" },
		{ "UPDATE message SET state = 'sending'", "waiting" },
		{ "UPDATE message SET state = 'sent'", "sent" },
		{ "UPDATE message SET state = 'bounced'", "failed" },
		{ "UPDATE message SET state = 'failed'", "failed" },
		{ "UPDATE message SET state = 'delivered'", "delivered" },
		{ "DELETE FROM message", "sent" },			/* swept: it had gone out */
		{ "UPDATE invitation SET opened = 1", "opened" },
		{ "UPDATE invitation SET signed_in = 1", "signed_in" },
		{ "UPDATE invitation SET began = 1", "began" },
		{ "UPDATE invitation SET step = step - 3 * 86400", "silent" },
		{ "UPDATE invitation SET expires = 1", "expired" },
		{ "UPDATE invitation SET declined = 1", "declined" },
		{ "UPDATE invitation SET revoked = 1", "revoked" },
		{ "UPDATE invitation SET enrolled = 1", "enrolled" },
	};
	struct world w = world(*state);
	struct invitation_filter filter = { .silent_s = SILENT_S };
	const char *id;
	struct err err;
	json_t *list;

	human(&w, "ada", "ada@example.com", "");
	id = invited(&w, "ada", "mail", NULL);
	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
		if (strncmp(steps[i].sql, "SELECT", 6) != 0)
			run(&w, steps[i].sql);
		assert_string_equal(state_of(&w, id), steps[i].state);
		filter.state = steps[i].state;
		assert_ok(invitation_list(w.db, &filter, NULL, 10, &list, &err), &err);
		assert_int_equal(json_array_size(json_object_get(list, "items")), 1);
		json_decref(list);
		assert_ok(invitation_counts(w.db, SILENT_S, &list, &err), &err);
		assert_int_equal(json_integer_value(json_object_get(list, steps[i].state)), 1);
		assert_int_equal(json_object_size(list), 1);
		json_decref(list);
	}
}

static void
a_link_that_is_unknown_expired_revoked_or_used_is_one_and_the_same(void **state)
{
	static const char *const ends[] = {
		"UPDATE invitation SET expires = 1", "UPDATE invitation SET revoked = 1", "UPDATE invitation SET enrolled = 1",
		"UPDATE invitation SET token_hash = 'another'",
	};
	struct world w = world(*state);
	const char *token;
	struct err err = { 0 }, first;

	human(&w, "ada", "ada@example.com", "");
	invited(&w, "ada", "mail", &token);
	assert_non_null(opened(&w, token, &err));
	assert_null(opened(&w, "AAAAAAAAAAAAAAAAAAAAAA", &err));
	assert_int_equal(err.kind, ERR_MISSING);
	first = err;
	assert_null(opened(&w, "x", &err));
	assert_string_equal(err.cause, first.cause);
	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
		run(&w, "UPDATE invitation SET expires = 9999999999, revoked = NULL, enrolled = NULL");
		run(&w, ends[i]);
		err = (struct err){ 0 };
		assert_null(opened(&w, token, &err));
		assert_int_equal(err.kind, ERR_MISSING);
		assert_string_equal(err.cause, first.cause);
	}
}

static void
the_token_is_in_no_row(void **state)
{
	struct world w = world(*state);
	const char *token;

	human(&w, "ada", "", "");
	invited(&w, "ada", "link", &token);
	assert_int_equal(strlen(token), LINK_TOKEN_SIZE - 1);
	assert_string_not_equal(one_text(&w, "SELECT token_hash FROM invitation"), token);
	assert_string_equal(one_text(&w, "SELECT CAST(count(*) AS TEXT) FROM message"), "0");
	assert_string_equal(one_text(&w, mem_printf(*state, "SELECT CAST(count(*) AS TEXT) FROM audit WHERE detail LIKE '%%%s%%'", token)), "0");
}

static bool
tx_began(struct db *tx, void *id, struct err *err)
{
	return invitation_began(tx, id, "session", err);
}

static bool
tx_enrolled(struct db *tx, void *session, struct err *err)
{
	return invitation_enrolled(tx, session, err);
}

static void
an_enrollment_that_came_of_an_invitation_ends_it(void **state)
{
	struct world w = world(*state);
	const char *id, *token;
	struct err err = { 0 };

	human(&w, "ada", "ada@example.com", "");
	id = invited(&w, "ada", "mail", &token);
	assert_ok(db_tx(w.db, tx_began, mem_text(*state, id), &err), &err);
	assert_string_equal(state_of(&w, id), "began");
	/* of no invitation of ours: nothing, and no error */
	assert_ok(db_tx(w.db, tx_enrolled, mem_text(*state, "other"), &err), &err);
	assert_string_equal(state_of(&w, id), "began");
	assert_ok(db_tx(w.db, tx_enrolled, mem_text(*state, "session"), &err), &err);
	assert_string_equal(state_of(&w, id), "enrolled");
	assert_null(opened(&w, token, &err));
	/* and nothing begins by it again */
	assert_false(db_tx(w.db, tx_began, mem_text(*state, id), &err));
	assert_int_equal(err.kind, ERR_MISSING);
}

struct begun {
	TALLOC_CTX *ctx;
	struct enroll_wish wish;
	char *id, *token;
};

static bool
tx_session(struct db *tx, void *arg, struct err *err)
{
	struct begun *b = arg;

	return enroll_session_begin(tx, b->ctx, &b->wish, &b->id, &b->token, err);
}

static void
the_session_that_ends_well_need_not_be_the_last_that_was_downloaded(void **state)
{
	struct begun first = { *state, { .actor = "ada", .identifier = "com.example.mdm", .url = "https://apps.example.com",
					 .access_rights = 8191, .devices_max = 5, .ttl_s = 3600 }, NULL, NULL };
	struct world w = world(*state);
	const char *id;
	struct err err;

	human(&w, "ada", "ada@example.com", "");
	id = invited(&w, "ada", "mail", NULL);
	first.wish.invitation_id = id;
	assert_ok(db_tx(w.db, tx_session, &first, &err), &err);
	assert_ok(db_tx(w.db, tx_began, mem_text(*state, id), &err), &err);	/* "session", later */
	assert_ok(db_tx(w.db, tx_enrolled, first.id, &err), &err);
	assert_string_equal(state_of(&w, id), "enrolled");
}

static void
whoever_declined_may_come_back_by_the_same_link(void **state)
{
	struct world w = world(*state);
	struct invitation *i;
	const char *id, *token;
	struct err err = { 0 };

	human(&w, "ada", "ada@example.com", "");
	id = invited(&w, "ada", "mail", &token);
	i = opened(&w, token, &err);
	assert_ok(invitation_declined(w.db, NULL, i, &err), &err);
	assert_ok(invitation_declined(w.db, NULL, i, &err), &err);	/* twice is once */
	assert_string_equal(state_of(&w, id), "declined");
	assert_string_equal(one_text(&w, "SELECT CAST(count(*) AS TEXT) FROM audit WHERE act = 'invitation.decline'"), "1");
	i = opened(&w, token, &err);
	assert_non_null(i);
	assert_true(i->declined > 0);
	assert_ok(invitation_signed_in(w.db, i, &err), &err);
	assert_string_equal(state_of(&w, id), "signed_in");
}

/* ---- once more ---- */

static void
sent_again_it_is_the_same_link_and_stands_anew(void **state)
{
	struct world w = world(*state);
	const char *id, *token, *again;
	struct err err = { 0 };
	json_t *sent;

	human(&w, "ada", "ada@example.com", "");
	id = invited(&w, "ada", "mail", &token);
	set_now(&w.house, "2027-03-01T12:00:00Z");
	assert_string_equal(state_of(&w, id), "expired");
	assert_ok(invitation_send_again(*state, w.site, "anna", id, &sent, &err), &err);
	again = strrchr(text_of(sent, "url"), '/') + 1;
	assert_string_equal(again, token);
	assert_non_null(opened(&w, token, &err));
	json_decref(sent);
	assert_string_equal(one_text(&w, "SELECT CAST(count(*) AS TEXT) FROM message"), "2");
	assert_ok(invitation_revoke(w.db, "anna", id, &err), &err);
	assert_ok(invitation_revoke(w.db, "anna", id, &err), &err);
	assert_string_equal(one_text(&w, "SELECT CAST(count(*) AS TEXT) FROM audit WHERE act = 'invitation.revoke'"), "1");
	assert_false(invitation_send_again(*state, w.site, "anna", id, &sent, &err));
	assert_string_equal(err.code, "invitation_over");
	assert_string_equal(one_text(&w, "SELECT CAST(count(*) AS TEXT) FROM message"), "2");
	assert_false(invitation_send_again(*state, w.site, "anna", "unknown", &sent, &err));
	assert_int_equal(err.kind, ERR_MISSING);
}

/* The key of links may be another after a move: then the new link works, and the old one ends. */
static void
sent_again_under_another_key_the_new_link_is_the_one_that_works(void **state)
{
	struct world w = world(*state);
	const char *id, *token, *again;
	struct err err = { 0 };
	json_t *sent;

	human(&w, "ada", "ada@example.com", "");
	id = invited(&w, "ada", "mail", &token);
	link_key_from((struct bytes){ "another", 7 }, &w.site->link_key);
	assert_ok(invitation_send_again(*state, w.site, "anna", id, &sent, &err), &err);
	again = strrchr(text_of(sent, "url"), '/') + 1;
	assert_string_not_equal(again, token);
	assert_non_null(opened(&w, again, &err));
	assert_null(opened(&w, token, &err));
	json_decref(sent);
}

static void
remind(struct world *w, const char *id)
{
	struct job job = { .id = "j", .kind = INVITATION_REMIND_JOB, .args = json_pack("{s:s}", "invitation", id), .attempt = 1 };
	struct err err;

	assert_ok(job_invitation_remind(&job, w->ctx, w->site, &err), &err);
	json_decref(job.args);
}

static void
the_silent_are_reminded_once_and_nobody_else_is(void **state)
{
	static const char *const names[] = { "silent", "declined", "enrolled", "revoked", "unasked" };
	struct world w = world(*state);
	const char *id[5];
	struct err err = { 0 };

	for (int i = 0; i < 5; i++) {
		struct invitation_order order = to_people(&names[i], 1, "mail");
		json_t *all;

		human(&w, names[i], mem_printf(*state, "%s@example.com", names[i]), "");
		order.remind = i != 4;
		all = made(&w, &order);
		id[i] = mem_text(*state, text_of(json_array_get(json_object_get(all, "items"), 0), "id"));
		json_decref(all);
	}
	assert_string_equal(one_text(&w, "SELECT CAST(count(*) AS TEXT) FROM job WHERE kind = 'invitation_remind'"), "4");
	assert_ok(db_run(w.db, &err, "UPDATE invitation SET declined = 1 WHERE id = $1", db_text(id[1])), &err);
	assert_ok(db_run(w.db, &err, "UPDATE invitation SET enrolled = 1 WHERE id = $1", db_text(id[2])), &err);
	assert_ok(db_run(w.db, &err, "UPDATE invitation SET revoked = 1 WHERE id = $1", db_text(id[3])), &err);
	run(&w, "DELETE FROM message");
	run(&w, "DELETE FROM job");
	set_now(&w.house, "2026-11-25T11:59:59Z");	/* a second too early: the job comes again */
	remind(&w, id[0]);
	assert_string_equal(one_text(&w, "SELECT CAST(count(*) AS TEXT) FROM message"), "0");
	assert_string_equal(one_text(&w, "SELECT CAST(count(*) AS TEXT) FROM job WHERE kind = 'invitation_remind'"), "1");
	set_now(&w.house, "2026-11-25T12:00:00Z");
	for (int round = 0; round < 2; round++)		/* a job may run twice */
		for (int i = 0; i < 5; i++)
			remind(&w, id[i]);
	remind(&w, "gone");
	assert_string_equal(one_text(&w, "SELECT CAST(count(*) AS TEXT) FROM message"), "1");
	assert_string_equal(one_text(&w, "SELECT recipient FROM message"), "silent@example.com");
	assert_string_equal(one_text(&w, "SELECT subject FROM message"), "Your iPhone is not set up for Example Corp yet");
	assert_string_equal(state_of(&w, id[0]), "silent");	/* a reminder is no step of theirs */
}

struct reminded { const char *id; const struct invitation_draft *draft; bool first; };

static bool
tx_reminded(struct db *tx, void *arg, struct err *err)
{
	struct reminded *r = arg;

	return invitation_reminded(tx, r->id, r->draft, &r->first, err);
}

/* Two workers may have the same job: what they read before tells them nothing. */
static void
only_the_first_of_two_reminders_counts(void **state)
{
	struct world w = world(*state);
	struct reminded r = { 0 };
	struct err err;

	human(&w, "ada", "ada@example.com", "");
	r.id = invited(&w, "ada", "mail", NULL);
	r.draft = invitation_draft(*state, &w.site->link_key, r.id);
	assert_ok(db_tx(w.db, tx_reminded, &r, &err), &err);
	assert_true(r.first);
	assert_ok(db_tx(w.db, tx_reminded, &r, &err), &err);
	assert_false(r.first);
}

static void
a_step_puts_the_reminder_off(void **state)
{
	struct world w = world(*state);
	struct invitation *i;
	const char *id, *token;
	struct err err = { 0 };

	human(&w, "ada", "ada@example.com", "");
	id = invited(&w, "ada", "mail", &token);
	run(&w, "UPDATE invitation SET remind = TRUE");
	set_now(&w.house, "2026-11-24T12:00:00Z");
	i = opened(&w, token, &err);
	assert_ok(invitation_signed_in(w.db, i, &err), &err);
	set_now(&w.house, "2026-11-25T12:00:00Z");
	remind(&w, id);
	assert_string_equal(one_text(&w, "SELECT CAST(count(*) AS TEXT) FROM message"), "1");
	set_now(&w.house, "2026-11-27T12:00:00Z");
	remind(&w, id);
	assert_string_equal(one_text(&w, "SELECT CAST(count(*) AS TEXT) FROM message"), "2");
}

static void
what_has_long_ended_is_forgotten_and_what_stands_is_not(void **state)
{
	struct world w = world(*state);
	struct err err;

	human(&w, "ada", "ada@example.com", "");
	invited(&w, "ada", "mail", NULL);
	set_now(&w.house, "2027-12-31T12:00:00Z");
	human(&w, "ben", "ben@example.com", "");
	invited(&w, "ben", "mail", NULL);
	assert_ok(invitation_sweep(w.db, &err), &err);
	assert_string_equal(one_text(&w, "SELECT CAST(count(*) AS TEXT) FROM invitation"), "2");
	set_now(&w.house, "2028-01-12T12:00:00Z");
	assert_ok(invitation_sweep(w.db, &err), &err);
	assert_string_equal(one_text(&w, "SELECT p.name FROM invitation i JOIN person p ON p.id = i.person_id"), "ben");
}

/* ---- what they read ---- */

static void
the_mail_says_who_invites_as_whom_to_sign_in_and_until_when(void **state)
{
	static const char *const name = "ada";
	struct world w = world(*state);
	struct invitation_order order = to_people(&name, 1, "mail");
	const struct person *priya = human(&w, "priya", "priya@example.com", "");
	const char *body, *token;
	json_t *all, *mail;

	human(&w, name, "ada@example.com", "");
	run(&w, "UPDATE person SET display = 'Priya <b>Nair' WHERE name = 'priya'");
	order.by = priya;
	order.note = "Before Friday, please: <script>";
	order.language = "de";
	all = made(&w, &order);
	token = strrchr(text_of(json_array_get(json_object_get(all, "items"), 0), "url"), '/') + 1;
	body = one_text(&w, "SELECT body FROM message");
	mail = json_loads(body, 0, NULL);
	assert_string_equal(one_text(&w, "SELECT subject FROM message"), "Richten Sie Ihr iPhone für Example Corp ein");
	assert_string_equal(text_of(mail, "reply_to"), "priya@example.com");
	assert_string_equal(text_of(mail, "qr"), mem_printf(*state, "https://apps.example.com/e/%s", token));
	assert_non_null(strstr(text_of(mail, "text"), "Priya <b>Nair lädt Sie ein"));
	assert_non_null(strstr(text_of(mail, "text"), "melden Sie sich als ada an"));
	assert_non_null(strstr(text_of(mail, "text"), "Before Friday, please: <script>"));
	assert_non_null(strstr(text_of(mail, "text"), "6. Dezember 2026"));
	assert_non_null(strstr(text_of(mail, "html"), "Priya &lt;b&gt;Nair"));
	assert_null(strstr(text_of(mail, "html"), "<script>"));
	json_decref(mail);
	json_decref(all);
}

static void
an_sms_is_one_message_in_every_language_and_its_link_is_whole(void **state)
{
	struct world w = world(*state);

	for (size_t l = 0; page_languages[l]; l++) {
		const char *name = mem_printf(*state, "ada %zu", l);
		struct invitation_order order = to_people(&name, 1, "sms");
		const char *text, *url;
		json_t *all, *body;

		human(&w, name, "", mem_printf(*state, "+4917012345%02zu", l));
		order.language = page_languages[l];
		all = made(&w, &order);
		url = text_of(json_array_get(json_object_get(all, "items"), 0), "url");
		body = json_loads(one_text(&w, "SELECT body FROM message"), 0, NULL);
		text = text_of(body, "text");
		assert_non_null(strstr(text, url));
		assert_true(sms_fits(text));
		assert_true(strlen(text) > strlen(url) + strlen("iPhone: ") - 1);
		json_decref(body);
		json_decref(all);
		run(&w, "DELETE FROM message");
	}
}

static void
what_the_pages_say_follows_from_the_rights_that_are_given(void **state)
{
	static const struct {
		int64_t rights;
		const char *says;
	} cases[] = {
		{ 8191, "apps device erase lock manage network security settings" },
		{ 8191 - 8, "apps device lock manage network security settings" },
		{ 16, "device" }, { 32, "network" }, { 256, "apps" }, { 1024, "security" }, { 512, "settings" }, { 4096, "manage" },
		{ 4, "lock" }, { 8, "erase" },
	};
	static const char *const names[] = { "apps", "device", "erase", "lock", "manage", "network", "security", "settings" };

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		json_t *rights = enroll_rights(cases[i].rights);
		const char *says = "";

		for (size_t n = 0; n < sizeof names / sizeof *names; n++)
			if (json_is_true(json_object_get(rights, names[n])))
				says = mem_printf(*state, "%s%s%s", says, *says ? " " : "", names[n]);
		assert_string_equal(says, cases[i].says);
		json_decref(rights);
	}
}

TESTS(a_group_is_invited_at_once_and_who_is_not_is_named_with_why, many_are_invited_in_several_transactions_and_nobody_twice,
      of_many_who_invite_the_same_person_at_once_one_does, only_the_first_of_two_reminders_counts,
      who_has_a_device_is_invited_only_for_another, what_cannot_be_asked_for_is_refused_in_words,
      an_invitation_whose_message_cannot_be_kept_is_not_made, who_is_missing_has_neither_a_device_nor_an_invitation,
      a_state_is_what_its_moments_and_its_message_say, a_link_that_is_unknown_expired_revoked_or_used_is_one_and_the_same,
      the_token_is_in_no_row, an_enrollment_that_came_of_an_invitation_ends_it,
      the_session_that_ends_well_need_not_be_the_last_that_was_downloaded, whoever_declined_may_come_back_by_the_same_link,
      sent_again_it_is_the_same_link_and_stands_anew, sent_again_under_another_key_the_new_link_is_the_one_that_works,
      the_silent_are_reminded_once_and_nobody_else_is, a_step_puts_the_reminder_off,
      what_has_long_ended_is_forgotten_and_what_stands_is_not,
      the_mail_says_who_invites_as_whom_to_sign_in_and_until_when, an_sms_is_one_message_in_every_language_and_its_link_is_whole,
      what_the_pages_say_follows_from_the_rights_that_are_given)
