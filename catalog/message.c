/*
 * Table `message`.  Every change names the states it leaves, so a job that lost its turn, a late report and
 * a second click change nothing.
 */
#include "catalog/message.h"
#include "catalog/rows.h"
#include "core/audit.h"
#include "core/clock.h"
#include "core/job.h"
#include "core/json.h"
#include "core/mail.h"
#include "core/secret.h"
#include "core/sms.h"
#include "core/text.h"
#include <stdlib.h>
#include <string.h>

#define ERROR_MAX	500	/* bytes that are kept */
#define ABOUT_MAX	200

/* ---- the outbox ---- */

static bool
add_job(struct db *tx, const char *id, time_t not_before, struct err *err)
{
	return job_add(tx, MESSAGE_JOB, json_pack("{s:s}", "message", id), not_before, id, err);
}

/* Takes `body` over. */
static bool
insert(struct db *tx, const char *kind, const char *to, const char *subject, json_t *body,
       const char *about, char **id, TALLOC_CTX *ctx, struct err *err)
{
	char *text = body ? json_dumps(body, JSON_COMPACT) : NULL, *made = secret_id(ctx);
	bool ok;

	json_decref(body);
	if (!text)
		return err_set(err, ERR_INVALID, "the words of a message are no UTF-8");
	if (!about || strlen(about) > ABOUT_MAX)
		about = "";
	ok = db_run(tx, err, "INSERT INTO message (id, kind, recipient, subject, body, about, asked, created, changed)"
		    " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)", db_text(made), db_text(kind),
		    db_text(to), db_text(subject),
		    db_text(text), db_text(about), db_now(), db_now(), db_now()) && add_job(tx, made, 0, err);
	free(text);
	if (ok && id)
		*id = made;
	return ok;
}

static bool
check_text(const char *what, const char *text, size_t max, struct err *err)
{
	size_t len = strlen(text);

	if (len > max)
		return err_set(err, ERR_LIMIT, "%s is longer than %zu bytes", what, max);
	return text_valid(text, len) || err_set(err, ERR_INVALID, "%s is no UTF-8", what);
}

bool
message_mail(struct db *tx, const struct message_mail *mail, char **id, TALLOC_CTX *ctx, struct err *err)
{
	struct mail_address ignored;

	if (!mail_address(ctx, mail->to, &ignored, err) ||
	    (mail->reply_to && !mail_address(ctx, mail->reply_to, &ignored, err)) ||
	    !check_text("the subject", mail->subject, MESSAGE_SUBJECT_MAX, err) ||
	    !check_text("the text", mail->text, MESSAGE_TEXT_MAX, err) ||
	    !check_text("the HTML", mail->html ? mail->html : "", MESSAGE_TEXT_MAX, err))
		return err_at(err, "mail");
	return insert(tx, "mail", mail->to, mail->subject,
		      json_pack("{s:s, s:s*, s:s*, s:s*, s:s*}", "text", mail->text, "html", mail->html,
				"reply_to",
				mail->reply_to, "qr", mail->qr, "unsubscribe_url", mail->unsubscribe_url),
		      mail->about, id, ctx, err);
}

bool
message_sms(struct db *tx, const char *to, const char *text, const char *about, char **id, TALLOC_CTX *ctx,
	    struct err *err)
{
	char *number;

	if (!sms_number(ctx, to, &number, err) || !check_text("the text", text, SMS_TEXT_MAX, err))
		return err_at(err, "SMS");
	return insert(tx, "sms", number, "", json_pack("{s:s}", "text", text), about, id, ctx, err);
}

/* ---- lists ---- */

#define ITEM "id, kind, recipient, subject, about, state, attempts, error, provider_id, body <> '', created, changed"

static json_t *
item(TALLOC_CTX *ctx, struct rows *rows)
{
	const char *state = rows_text(ctx, rows, 5);
	bool failed = strcmp(state, "failed") == 0, waiting = strcmp(state, "waiting") == 0;

	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:s, s:s, s:b, s:s, s:s}",
		"id", rows_text(ctx, rows, 0), "kind", rows_text(ctx, rows, 1),
		"recipient", rows_text(ctx, rows, 2), "subject", rows_text(ctx, rows, 3),
		"about", rows_text(ctx, rows, 4), "state", state,
		"attempts", (json_int_t)rows_int(rows, 6), "error", rows_text(ctx, rows, 7),
		"provider_id", rows_text(ctx, rows, 8), "may_retry", waiting || (failed && rows_bool(rows, 9)),
		"created", clock_text(ctx, rows_int(rows, 10)), "changed", clock_text(ctx, rows_int(rows, 11)));
}

/* Where a list goes on: behind this one, by its time and id. */
static bool
place_of(struct db *db, const char *after, int64_t *created, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, db, "SELECT created FROM message WHERE id = $1", db_text(after));
	enum rows_step step = rows_next(rows, err);

	*created = step == ROWS_ROW ? rows_int(rows, 0) : INT64_MAX;
	return step != ROWS_FAILED;
}

static bool
list(struct db *db, const char *sql, const char *what, const char *after, int64_t limit, json_t **ret,
     struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	int64_t from = INT64_MAX;
	const char *next = NULL;
	json_t *items;

	if (limit < 1 || limit > MESSAGE_LIST_MAX)
		limit = MESSAGE_LIST_MAX;
	if ((after && !place_of(db, after, &from, err)) ||
	    !rows_list(db_query(ctx, db, sql, db_text(what), db_int(from),
				db_text(from < INT64_MAX ? after : ""),
				db_int(limit + 1)), item, &items, err))
		return err_at(err, "list of messages");
	if ((int64_t)json_array_size(items) > limit) {
		const json_t *last = json_array_get(items, (size_t)limit - 1);

		json_array_remove(items, (size_t)limit);
		next = mem_text(ctx, json_string_value(json_object_get(last, "id")));
	}
	*ret = json_pack("{s:o, s:s?}", "items", items, "next", next);
	return true;
}

#define LIST(where) "SELECT " ITEM " FROM message WHERE " where " AND (created, id) < ($2, $3)" \
	" ORDER BY created DESC, id DESC LIMIT $4"

bool
message_list(struct db *db, const char *about, const char *after, int64_t limit, json_t **ret,
	     struct err *err)
{
	return list(db, about ? LIST("about = $1") : LIST("CAST($1 AS TEXT) IS NULL"), about, after,
		    limit, ret, err);
}

bool
message_list_state(struct db *db, const char *state, const char *after, int64_t limit, json_t **ret,
		   struct err *err)
{
	return list(db, LIST("state = $1"), state, after, limit, ret, err);
}

bool
message_show(struct db *db, const char *id, json_t **ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, db, "SELECT " ITEM " FROM message WHERE id = $1", db_text(id));

	if (!rows_one(rows, err, "no such message"))
		return false;
	*ret = item(ctx, rows);
	return true;
}

/* ---- changes ---- */

struct change {
	const char *id, *job, *text, *actor;
	char hash[SECRET_HASH_SIZE];
	int64_t after_s;
	bool delivered, changed;
};

/* What is kept of an error or a gateway's words: valid and short. */
static char *
bound(TALLOC_CTX *ctx, const char *text)
{
	return text_cut(ctx, text_valid(text, strlen(text)) ? text : "words that are no UTF-8", ERROR_MAX);
}

bool
message_load(TALLOC_CTX *ctx, struct db *db, const char *id, struct message **ret, struct err *err)
{
	struct message *m = mem_new(ctx, struct message);
	struct rows *rows = db_query(m, db, "SELECT id, kind, recipient, subject, state, body, attempts, created, asked"
				     " FROM message WHERE id = $1", db_text(id));
	char *body;

	if (!rows_one(rows, err, "no such message"))
		return false;
	m->id = rows_text(m, rows, 0);
	m->kind = rows_text(m, rows, 1);
	m->recipient = rows_text(m, rows, 2);
	m->subject = rows_text(m, rows, 3);
	m->state = rows_text(m, rows, 4);
	body = rows_text(m, rows, 5);
	m->attempts = rows_int(rows, 6);
	m->created = rows_int(rows, 7);
	m->asked = rows_int(rows, 8);
	rows_done(rows);
	m->body = json_hold(m, *body ? json_loads(body, 0, NULL) : NULL);
	*ret = m;
	return true;
}

static bool
tx_begin(struct db *tx, void *arg, struct err *err)
{
	struct change *c = arg;

	if (!db_run(tx, err, "UPDATE message SET state = 'sending', job = $1, report_hash = $2, attempts = attempts + 1,"
		    " changed = $3 WHERE id = $4 AND (state = 'waiting' OR (state = 'sending' AND job = $1))",
		    db_text(c->job), *c->hash ? db_text(c->hash) : db_null(), db_now(), db_text(c->id)))
		return false;
	c->changed = db_changed(tx) > 0;
	return true;
}

bool
message_begin(struct db *db, const char *id, const char *job, const char *report_token, bool *mine,
	      struct err *err)
{
	struct change c = { .id = id, .job = job };

	if (report_token)
		secret_hash(report_token, c.hash);
	if (!db_tx(db, tx_begin, &c, err))
		return false;
	*mine = c.changed;
	return true;
}

bool
message_sent(struct db *db, const char *id, const char *provider_id, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);

	/* A report may have come before: what it said stays. */
	return db_run(db, err, "UPDATE message SET state = CASE state WHEN 'sending' THEN 'sent' ELSE state END, body = '',"
		      " error = CASE state WHEN 'sending' THEN '' ELSE error END, provider_id = $1, changed = $2"
		      " WHERE id = $3 AND state IN ('sending', 'delivered', 'failed')",
		      db_text(bound(ctx, provider_id)), db_now(),
		      db_text(id));
}

static bool
tx_later(struct db *tx, void *arg, struct err *err)
{
	struct change *c = arg;

	return db_run(tx, err, "UPDATE message SET state = 'waiting', error = $1, changed = $2 WHERE id = $3 AND"
		      " state IN ('waiting', 'sending')", db_text(c->text), db_now(), db_text(c->id)) &&
	       (!db_changed(tx) || add_job(tx, c->id, clock_now() + c->after_s, err));
}

bool
message_later(struct db *db, const char *id, const char *why, int64_t after_s, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct change c = { .id = id, .text = bound(ctx, why), .after_s = after_s };

	return db_tx(db, tx_later, &c, err);
}

bool
message_failed(struct db *db, const char *id, const char *why, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);

	return db_run(db, err, "UPDATE message SET state = 'failed', error = $1, changed = $2 WHERE id = $3 AND"
		      " state IN ('waiting', 'sending')", db_text(bound(ctx, why)), db_now(), db_text(id));
}

static bool
tx_retry(struct db *tx, void *arg, struct err *err)
{
	struct change *c = arg;

	if (!db_run(tx, err, "UPDATE message SET state = 'waiting', asked = $1, changed = $2 WHERE id = $3 AND"
		    " (state = 'waiting' OR (state = 'failed' AND body <> ''))", db_now(), db_now(),
		    db_text(c->id)))
		return false;
	if (!db_changed(tx))
		return err_set(err, ERR_CONFLICT, "this message is not waiting and has not failed before it was sent");
	return add_job(tx, c->id, 0, err) && audit_add(tx, c->actor, "message.retry", c->id, NULL, err);
}

bool
message_retry(struct db *db, const char *actor, const char *id, struct err *err)
{
	struct change c = { .id = id, .actor = actor };
	json_t *message;

	if (!message_show(db, id, &message, err))	/* ERR_MISSING */
		return false;
	json_decref(message);
	return db_tx(db, tx_retry, &c, err);
}

/* ---- what comes back ---- */

static bool
tx_report(struct db *tx, void *arg, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct change *c = arg;
	struct rows *rows = db_query(ctx, tx, "SELECT id FROM message WHERE report_hash = $1",
				     db_text(c->hash));
	char *id;

	if (!rows_one(rows, err, "no such report"))
		return false;
	id = rows_text(ctx, rows, 0);
	rows_done(rows);
	/* It may come before our own record of the gateway's answer (message_sent): then it is the record. */
	if (c->delivered)
		return db_run(tx, err, "UPDATE message SET state = 'delivered', body = '', error = '', changed = $1 WHERE id = $2"
			      " AND state IN ('sending', 'sent', 'failed')", db_now(), db_text(id));
	return db_run(tx, err, "UPDATE message SET state = 'failed', body = '', error = $1, changed = $2 WHERE id = $3"
		      " AND state IN ('sending', 'sent')", db_text(c->text), db_now(), db_text(id));
}

bool
message_report(struct db *db, const char *token, bool delivered, const char *why, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct change c = { .delivered = delivered, .text = bound(ctx, why) };

	secret_hash(token, c.hash);
	return db_tx(db, tx_report, &c, err);
}

bool
message_bounced(struct db *db, const char *id, const char *why, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	json_t *message;

	if (!message_show(db, id, &message, err))
		return false;
	json_decref(message);
	return db_run(db, err, "UPDATE message SET state = 'bounced', body = '', error = $1, changed = $2 WHERE id = $3"
		      " AND kind = 'mail' AND state IN ('sending', 'sent')", db_text(bound(ctx, why)),
		      db_now(), db_text(id));
}

bool
message_sweep(struct db *db, int64_t keep_days, struct err *err)
{
	return db_run(db, err, "DELETE FROM message WHERE changed < $1 AND state NOT IN ('waiting', 'sending')",
		      db_int(clock_now() - keep_days * DAY_S));
}
