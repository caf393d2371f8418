/* Table `message`: from its cause to what became of it, and nothing twice. */
#include "tests/check.h"
#include "catalog/message.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/sms.h"
#include <stdio.h>

static void
set_now(const char *dir, const char *iso)
{
	char path[200];
	FILE *file;

	snprintf(path, sizeof path, "%s/clock", dir);
	file = fopen(path, "we");
	assert_non_null(file);
	fputs(iso, file);
	fclose(file);
	clock_follow(path);
}

static struct db *
opened(TALLOC_CTX *ctx, const char **dir)
{
	struct err err = { 0 };
	struct db *db;

	*dir = test_dir(ctx);
	log_setup(LOG_ERROR_ + 1, false);
	set_now(*dir, "2026-11-22T12:00:00Z");
	assert_ok(db_open(ctx, *dir, &db, &err), &err);
	return db;
}

struct cause {
	TALLOC_CTX *ctx;
	struct message_mail mail;
	const char *number, *text;	/* an SMS, if there is a number */
	bool fail;
	char *id;
};

static bool
tx_cause(struct db *tx, void *arg, struct err *err)
{
	struct cause *c = arg;

	if (c->number ? !message_sms(tx, c->number, c->text, "link:1", &c->id, c->ctx, err)
		      : !message_mail(tx, &c->mail, &c->id, c->ctx, err))
		return false;
	return !c->fail || err_set(err, ERR_DENIED, "changed my mind");
}

static char *
mail(TALLOC_CTX *ctx, struct db *db, const char *to)
{
	struct cause c = { .ctx = ctx, .mail = { .to = to, .subject = "New build", .text = "Hello", .html = "<p>Hello</p>",
						 .qr = "https://apps.example.com/i/x", .about = "link:1" } };
	struct err err = { 0 };

	assert_ok(db_tx(db, tx_cause, &c, &err), &err);
	return c.id;
}

static char *
sms(TALLOC_CTX *ctx, struct db *db, const char *number)
{
	struct cause c = { .ctx = ctx, .number = number, .text = "Hello" };
	struct err err = { 0 };

	assert_ok(db_tx(db, tx_cause, &c, &err), &err);
	return c.id;
}

static int64_t
count(TALLOC_CTX *ctx, struct db *db, const char *sql)
{
	struct rows *rows = db_query(ctx, db, sql);
	struct err err = { 0 };
	int64_t n;

	assert_int_equal(rows_next(rows, &err), ROWS_ROW);
	n = rows_int(rows, 0);
	rows_done(rows);
	return n;
}

static void
expect(struct db *db, const char *id, const char *state, const char *error)
{
	struct err err = { 0 };
	json_t *item;

	assert_ok(message_show(db, id, &item, &err), &err);
	assert_string_equal(json_string_value(json_object_get(item, "state")), state);
	assert_string_equal(json_string_value(json_object_get(item, "error")), error);
	json_decref(item);
}

static bool
begin(struct db *db, const char *id, const char *job, const char *token)
{
	struct err err = { 0 };
	bool mine = false;

	assert_ok(message_begin(db, id, job, token, &mine, &err), &err);
	return mine;
}

static void
a_message_and_its_job_are_there_with_their_cause_or_not_at_all(void **state)
{
	const char *dir;
	struct db *db = opened(*state, &dir);
	struct cause c = { .ctx = *state, .number = "+491701234567", .text = "Hello", .fail = true };
	struct message *m;
	struct err err = { 0 };
	char *id = mail(*state, db, "Anna <anna@example.com>");

	assert_false(db_tx(db, tx_cause, &c, &err));
	assert_int_equal(count(*state, db, "SELECT count(*) FROM message"), 1);
	assert_int_equal(count(*state, db, "SELECT count(*) FROM job WHERE kind = 'message_send'"), 1);
	err = (struct err){ 0 };
	assert_ok(message_load(*state, db, id, &m, &err), &err);
	assert_string_equal(m->recipient, "Anna <anna@example.com>");
	assert_string_equal(m->state, "waiting");
	assert_string_equal(json_string_value(json_object_get(m->body, "qr")), "https://apps.example.com/i/x");
	assert_null(json_object_get(m->body, "reply_to"));
	id = sms(*state, db, "+49 (170) 123-4567");
	assert_ok(message_load(*state, db, id, &m, &err), &err);
	assert_string_equal(m->recipient, "+491701234567");
	assert_false(message_load(*state, db, "nobody", &m, &err));
	assert_int_equal(err.kind, ERR_MISSING);
}

static void
what_could_reach_nobody_is_refused_at_its_cause(void **state)
{
	const char *dir;
	struct db *db = opened(*state, &dir);
	struct cause cases[] = {
		{ .mail = { .to = "anna", .subject = "x", .text = "x" } },
		{ .mail = { .to = "a@example.com, b@example.com", .subject = "x", .text = "x" } },
		{ .mail = { .to = "a@example.com", .subject = "\xff", .text = "x" } },
		{ .mail = { .to = "a@example.com", .subject = "x", .text = "\xff" } },
		{ .mail = { .to = "a@example.com", .subject = "x", .text = "x", .reply_to = "me" } },
		{ .mail = { .to = "a@example.com", .subject = "x", .text = "x", .html = mem_printf(*state, "%020001d", 1) } },
		{ .number = "0170 1234567", .text = "x" }, { .number = "+491701234567", .text = "\xff" },
		{ .number = "+491701234567", .text = mem_printf(*state, "%0*d", SMS_TEXT_MAX + 1, 1) },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct err err = { 0 };

		cases[i].ctx = *state;
		if (db_tx(db, tx_cause, &cases[i], &err))
			fail_msg("case %zu", i);
		assert_true(err.kind == ERR_INVALID || err.kind == ERR_LIMIT);
	}
	assert_int_equal(count(*state, db, "SELECT count(*) FROM job WHERE kind = 'message_send'"), 0);
}

static void
one_job_alone_has_a_message_and_what_was_sent_nobody(void **state)
{
	const char *dir;
	struct db *db = opened(*state, &dir);
	struct err err = { 0 };
	char *id = mail(*state, db, "anna@example.com");
	struct message *m;

	assert_true(begin(db, id, "job1", NULL));
	assert_false(begin(db, id, "job2", NULL));
	assert_true(begin(db, id, "job1", NULL));	/* its process died and it runs again */
	assert_ok(message_sent(db, id, "250 queued as Q1", &err), &err);
	expect(db, id, "sent", "");
	assert_false(begin(db, id, "job1", NULL));
	assert_false(begin(db, id, "job2", NULL));
	/* what comes too late changes nothing */
	assert_ok(message_later(db, id, "no answer", 5, &err), &err);
	assert_ok(message_failed(db, id, "no answer", &err), &err);
	expect(db, id, "sent", "");
	assert_ok(message_load(*state, db, id, &m, &err), &err);
	assert_null(m->body);	/* with its links */
	assert_false(message_retry(db, "anna", id, &err));
	assert_int_equal(err.kind, ERR_CONFLICT);
}

static void
one_put_off_has_a_new_job_and_one_that_failed_waits_for_somebody(void **state)
{
	const char *dir;
	struct db *db = opened(*state, &dir);
	struct err err = { 0 };
	char *id = mail(*state, db, "anna@example.com");
	struct message *m;

	assert_ok(db_run(db, &err, "DELETE FROM job"), &err);
	assert_true(begin(db, id, "job1", NULL));
	assert_ok(message_later(db, id, "mailbox full \xff", 60, &err), &err);
	expect(db, id, "waiting", "words that are no UTF-8");
	assert_int_equal(count(*state, db, "SELECT due FROM job WHERE kind = 'message_send'"), clock_now() + 60);
	/* now, please */
	assert_ok(message_retry(db, "anna", id, &err), &err);
	assert_int_equal(count(*state, db, "SELECT count(*) FROM job WHERE kind = 'message_send'"), 1);
	assert_int_equal(count(*state, db, "SELECT due FROM job WHERE kind = 'message_send'"), clock_now());
	assert_ok(db_run(db, &err, "DELETE FROM job"), &err);
	assert_true(begin(db, id, "job2", NULL));
	assert_ok(message_failed(db, id, "no such mailbox", &err), &err);
	expect(db, id, "failed", "no such mailbox");
	assert_false(begin(db, id, "job2", NULL));
	assert_int_equal(count(*state, db, "SELECT count(*) FROM job WHERE kind = 'message_send'"), 0);
	set_now(dir, "2026-11-23T12:00:00Z");
	assert_ok(message_retry(db, "anna", id, &err), &err);
	assert_ok(message_load(*state, db, id, &m, &err), &err);
	assert_string_equal(m->state, "waiting");
	assert_int_equal(m->asked - m->created, 86400);
	assert_non_null(m->body);
	assert_int_equal(count(*state, db, "SELECT count(*) FROM audit WHERE act = 'message.retry'"), 2);
	assert_false(message_retry(db, "anna", "nobody", &err));
	assert_int_equal(err.kind, ERR_MISSING);
}

static void
a_report_is_believed_by_its_token_whenever_it_comes(void **state)
{
	const char *dir;
	struct db *db = opened(*state, &dir);
	struct err err = { 0 };
	char *first = sms(*state, db, "+491701234567"), *second = sms(*state, db, "+491701234568");

	assert_true(begin(db, first, "j1", "token-1"));
	assert_false(message_report(db, "token-2", true, "", &err));
	assert_int_equal(err.kind, ERR_MISSING);
	/* before our own record */
	assert_ok(message_report(db, "token-1", true, "", &err), &err);
	expect(db, first, "delivered", "");
	assert_ok(message_sent(db, first, "SM1", &err), &err);
	expect(db, first, "delivered", "");
	assert_int_equal(count(*state, db, "SELECT count(*) FROM message WHERE provider_id = 'SM1'"), 1);
	/* what was delivered stays so */
	assert_ok(message_report(db, "token-1", false, "not delivered", &err), &err);
	expect(db, first, "delivered", "");
	assert_true(begin(db, second, "j2", "token-2"));
	assert_ok(message_sent(db, second, "SM2", &err), &err);
	assert_ok(message_report(db, "token-2", false, "not delivered", &err), &err);
	expect(db, second, "failed", "not delivered");
	assert_false(message_retry(db, "anna", second, &err));	/* it was sent: not by itself again */
	/* a second attempt has another token */
	assert_int_equal(count(*state, db, "SELECT count(*) FROM message WHERE report_hash LIKE '%token%'"), 0);
}

static void
a_mail_that_comes_back_is_marked_if_it_was_sent(void **state)
{
	const char *dir;
	struct db *db = opened(*state, &dir);
	struct err err = { 0 };
	char *id = mail(*state, db, "anna@example.com"), *number = sms(*state, db, "+491701234567");

	assert_ok(message_bounced(db, id, "550 gone", &err), &err);
	expect(db, id, "waiting", "");
	assert_true(begin(db, id, "j", NULL) && begin(db, number, "k", "t"));
	assert_ok(message_sent(db, id, "", &err), &err);
	assert_ok(message_sent(db, number, "", &err), &err);
	assert_ok(message_bounced(db, id, "550 gone", &err), &err);
	expect(db, id, "bounced", "550 gone");
	assert_ok(message_bounced(db, number, "550 gone", &err), &err);
	expect(db, number, "sent", "");
	assert_false(message_bounced(db, "nobody", "550 gone", &err));
	assert_int_equal(err.kind, ERR_MISSING);
}

static void
lists_go_on_where_they_ended_and_old_rows_leave(void **state)
{
	const char *dir;
	struct db *db = opened(*state, &dir);
	struct err err = { 0 };
	json_t *list, *seen = json_object();
	const char *after = NULL;
	char *done = NULL;

	for (int i = 0; i < 7; i++)
		done = mail(*state, db, mem_printf(*state, "tester%d@example.com", i));
	do {	/* all of one second, three at a time */
		json_t *item;
		size_t i;

		assert_ok(message_list(db, NULL, after, 3, &list, &err), &err);
		json_array_foreach(json_object_get(list, "items"), i, item)
			json_object_set_new(seen, json_string_value(json_object_get(item, "id")), json_true());
		after = mem_text(*state, json_string_value(json_object_get(list, "next")));
		json_decref(list);
	} while (after);
	assert_int_equal(json_object_size(seen), 7);
	json_decref(seen);
	assert_ok(message_list(db, "link:1", NULL, 0, &list, &err), &err);
	assert_int_equal(json_array_size(json_object_get(list, "items")), 7);
	json_decref(list);
	assert_ok(message_list(db, "link:2", NULL, 0, &list, &err), &err);
	assert_int_equal(json_array_size(json_object_get(list, "items")), 0);
	json_decref(list);
	assert_ok(message_list_state(db, "waiting", "nobody", 0, &list, &err), &err);
	assert_int_equal(json_array_size(json_object_get(list, "items")), 7);
	json_decref(list);
	assert_true(begin(db, done, "j", NULL));
	assert_ok(message_sent(db, done, "", &err), &err);
	set_now(dir, "2026-12-22T11:59:59Z");
	assert_ok(message_sweep(db, 30, &err), &err);
	assert_int_equal(count(*state, db, "SELECT count(*) FROM message"), 7);
	set_now(dir, "2026-12-22T12:00:01Z");
	assert_ok(message_sweep(db, 30, &err), &err);
	assert_int_equal(count(*state, db, "SELECT count(*) FROM message"), 6);	/* those that wait stay */
}

TESTS(a_message_and_its_job_are_there_with_their_cause_or_not_at_all, what_could_reach_nobody_is_refused_at_its_cause,
      one_job_alone_has_a_message_and_what_was_sent_nobody, one_put_off_has_a_new_job_and_one_that_failed_waits_for_somebody,
      a_report_is_believed_by_its_token_whenever_it_comes, a_mail_that_comes_back_is_marked_if_it_was_sent,
      lists_go_on_where_they_ended_and_old_rows_leave)
