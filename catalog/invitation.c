/*
 * Table `invitation`: making them, and the steps of the invited person.
 *
 * Each change names what it leaves, so that a second click, a late job or a job that runs twice changes
 * nothing.  Looking at a link is written behind; everything else is in the transaction of its cause.
 */
#include "catalog/invitation_row.h"
#include "core/audit.h"
#include "core/clock.h"
#include "core/job.h"
#include "core/secret.h"
#include "core/text.h"
#include "mdm/enroll_call_off.h"
#include <string.h>

/* ---- who ---- */

struct choice {
	struct invitee *list;
	size_t n;
	json_t *seen;		/* by person id */
};

static bool
take_rows(TALLOC_CTX *ctx, struct choice *c, struct rows *rows, bool another, size_t *found, struct err *err)
{
	enum rows_step step;

	*found = 0;
	while ((step = rows_next(rows, err)) == ROWS_ROW) {
		struct invitee *one;

		++*found;
		c->list = mem_grow(ctx, c->list, struct invitee, c->n + 1);
		one = &c->list[c->n];
		one->person_id = rows_text(c->list, rows, 0);
		if (json_object_get(c->seen, one->person_id))
			continue;
		if (c->n == INVITATION_CHOICE_MAX)
			return err_set(err, ERR_LIMIT, "more than %d people at once", INVITATION_CHOICE_MAX);
		json_object_set_new(c->seen, one->person_id, json_true());
		one->name = rows_text(c->list, rows, 1);
		one->display = rows_text(c->list, rows, 2);
		one->email = rows_text(c->list, rows, 3);
		one->phone = rows_text(c->list, rows, 4);
		one->why = rows_bool(rows, 5) ? "disabled" : !another && rows_bool(rows, 6) ? "enrolled" :
			   rows_bool(rows, 7) ? "invited" : NULL;
		c->n++;
	}
	rows_done(rows);
	return step != ROWS_FAILED;
}

#define INVITEE "SELECT p.id, p.name, " INVITATION_SHOWN("p") ", p.email, p.phone, p.disabled, " INVITATION_HAS_DEVICE \
	", EXISTS (SELECT 1 FROM invitation i WHERE i.person_id = p.id AND " INVITATION_STANDS("$1") ") FROM person p"

/* One person or group after the other. */
static bool
take_each(TALLOC_CTX *ctx, struct db *db, struct choice *c, const char *const *names, size_t n, bool groups,
	  bool another, struct err *err)
{
	for (size_t i = 0; i < n; i++) {
		void *here SCOPED(mem) = talloc_new(NULL);
		const char *folded = text_fold(here, names[i]);
		size_t found;
		struct rows *rows = groups
			? db_query(here, db, INVITEE " JOIN group_person gp ON gp.person_id = p.id JOIN people_group g"
				   " ON g.id = gp.group_id WHERE g.id = $2 OR g.folded = $3 ORDER BY p.name, p.id",
				   db_now(), db_text(names[i]), db_text(folded))
			: db_query(here, db, INVITEE " WHERE p.id = $2 OR p.folded = $3 ORDER BY CASE WHEN p.id = $2 THEN 0 ELSE 1 END"
				   " LIMIT 1", db_now(), db_text(names[i]),
				   db_text(folded));

		if (!take_rows(ctx, c, rows, another, &found, err))
			return false;
		if (!found && !groups)
			return err_set(err, ERR_INVALID, "there is no person \"%.64s\"", names[i]);
		if (!found && !rows_one(db_query(here, db, "SELECT 1 FROM people_group WHERE id = $1 OR folded = $2",
						 db_text(names[i]), db_text(folded)), err, "no such group"))
			return err->kind == ERR_MISSING ? err_set(err, ERR_INVALID, "there is no group \"%.64s\"", names[i]) : false;
	}
	return true;
}

bool
invitation_choice(TALLOC_CTX *ctx, struct db *db, const char *const *persons, size_t persons_n,
		  const char *const *groups, size_t groups_n, bool another, struct invitee **ret, size_t *n,
		  struct err *err)
{
	struct choice c = { .seen = json_object() };
	bool ok = take_each(ctx, db, &c, persons, persons_n, false, another, err) &&
		  take_each(ctx, db, &c, groups, groups_n, true, another, err);

	json_decref(c.seen);
	*ret = c.list;
	*n = c.n;
	return ok;
}

bool
invitation_sender(TALLOC_CTX *ctx, struct db *db, const char *person_id, const char **from, const char **reply_to,
		  struct err *err)
{
	struct rows *rows = db_query(ctx, db, "SELECT " INVITATION_SHOWN("p") ", p.email FROM person p WHERE p.id = $1",
				     db_text(person_id));

	if (!rows_one(rows, err, "no such person"))
		return false;
	*from = rows_text(ctx, rows, 0);
	*reply_to = rows_text(ctx, rows, 1);
	rows_done(rows);
	return true;
}

/* ---- making one ---- */

bool
invitation_terms_ok(const struct invitation_terms *t, struct err *err)
{
	size_t len = strlen(t->note);

	if (len > INVITATION_NOTE_MAX || !text_valid(t->note, len))
		return err_set(err, ERR_INVALID, "the note is a text of at most %d bytes", INVITATION_NOTE_MAX);
	if (t->expires <= clock_now())
		return err_set(err, ERR_INVALID, "an invitation expires in the future");
	return true;
}

struct invitation_draft *
invitation_draft(TALLOC_CTX *ctx, const struct link_key *key, const char *id)
{
	struct invitation_draft *d = mem_new(ctx, struct invitation_draft);
	char hash[SECRET_HASH_SIZE];

	d->id = id ? mem_text(d, id) : secret_id(d);
	d->token = link_derive(d, key, mem_printf(d, "invitation %s", d->id));
	d->hash = mem_text(d, secret_hash(d->token, hash));
	return d;
}

bool
invitation_remind_at(struct db *tx, const char *id, int64_t at, struct err *err)
{
	return job_add(tx, INVITATION_REMIND_JOB, json_pack("{s:s}", "invitation", id), at, NULL, err);
}

/* Of the moment: two who invite the same person at once make one invitation. */
static bool
still_missing(TALLOC_CTX *ctx, struct db *tx, const char *person_id, bool another, struct invitee *ret, struct err *err)
{
	struct invitee *one;
	size_t n;

	if (!invitation_choice(ctx, tx, &person_id, 1, NULL, 0, another, &one, &n, err))
		return false;
	*ret = *one;
	return true;
}

bool
invitation_put(struct db *tx, const char *actor, const struct person *by, const char *person_id,
	       const struct invitation_terms *t, const struct invitation_draft *d, const char **why, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct invitee one;

	*why = NULL;
	if (!still_missing(ctx, tx, person_id, t->another, &one, err))
		return false;
	if ((*why = one.why) != NULL)
		return true;
	return db_run(tx, err, "INSERT INTO invitation (id, token_hash, person_id, by_kind, recipient, language, note, another,"
		      " remind, created_by, sent, step, created, expires)"
		      " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11, $11, $12)", db_text(d->id), db_text(d->hash),
		      db_text(person_id), db_text(t->by), db_text(t->recipient), db_text(t->language), db_text(t->note),
		      db_bool(t->another), db_bool(t->remind), db_text(by ? by->id : NULL), db_now(), db_int(t->expires)) &&
	       (!t->remind || invitation_remind_at(tx, d->id, t->remind, err)) &&
	       audit_add(tx, actor, "invitation.new", one.name, t->by, err);
}

bool
invitation_message(struct db *tx, const char *id, const char *message_id, struct err *err)
{
	return db_run(tx, err, "UPDATE invitation SET message_id = $1 WHERE id = $2", db_text(message_id), db_text(id));
}

/* For the audit, which names people and no ids. */
static bool
name_of(TALLOC_CTX *ctx, struct db *tx, const char *id, char **ret, char **person_id, struct err *err)
{
	struct rows *rows = db_query(ctx, tx, "SELECT p.name, p.id FROM invitation i JOIN person p ON p.id = i.person_id WHERE i.id = $1",
				     db_text(id));

	if (!rows_one(rows, err, "no such invitation"))
		return false;
	*ret = rows_text(ctx, rows, 0);
	if (person_id)
		*person_id = rows_text(ctx, rows, 1);
	rows_done(rows);
	return true;
}

bool
invitation_sent_again(struct db *tx, const char *actor, const char *id, const struct invitation_draft *draft,
		      int64_t expires, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	char *name;

	if (!name_of(ctx, tx, id, &name, NULL, err) ||
	    !db_run(tx, err, "UPDATE invitation SET token_hash = $1, sent = $2, step = $2, declined = NULL, expires = $3"
		    " WHERE id = $4 AND revoked IS NULL AND enrolled IS NULL", db_text(draft->hash), db_now(),
		    db_int(expires), db_text(id)))
		return false;
	if (!db_changed(tx))
		return err_code(err, ERR_CONFLICT, "invitation_over", "this invitation is revoked or used; make a new one");
	return audit_add(tx, actor, "invitation.send", name, NULL, err);
}

struct change {
	const char *id, *actor;
};

static bool
tx_revoke(struct db *tx, void *arg, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct change *c = arg;
	char *name, *person_id;
	size_t begun;

	if (!name_of(ctx, tx, c->id, &name, &person_id, err) ||
	    !db_run(tx, err, "UPDATE invitation SET revoked = $1 WHERE id = $2 AND revoked IS NULL AND enrolled IS NULL",
		    db_now(), db_text(c->id)))
		return false;
	if (!db_changed(tx))
		return true;
	return enroll_call_off(tx, person_id, c->id, &begun, err) &&
	       audit_add(tx, c->actor, "invitation.revoke", name, begun ?
			 mem_printf(ctx, "with %zu that had begun and not ended", begun) : NULL, err);
}

bool
invitation_revoke(struct db *db, const char *actor, const char *id, struct err *err)
{
	struct change c = { id, actor };

	return db_tx(db, tx_revoke, &c, err);
}

/* ---- reminding ---- */

int64_t
invitation_remind_due(const struct invitation *i, int64_t silent_s)
{
	if (!i->stands || !i->remind || i->reminded || i->declined)
		return 0;
	return i->step + silent_s;	/* a step, or being sent again, puts it off */
}

bool
invitation_reminded(struct db *tx, const char *id, const struct invitation_draft *draft, bool *first, struct err *err)
{
	if (!db_run(tx, err, "UPDATE invitation SET token_hash = $1, reminded = $2, sent = $2 WHERE id = $3 AND reminded IS NULL"
		    " AND declined IS NULL AND enrolled IS NULL AND revoked IS NULL AND expires > $2", db_text(draft->hash),
		    db_now(), db_text(id)))
		return false;
	*first = db_changed(tx) > 0;
	return true;
}

/* ---- reading one ---- */

#define ROW "SELECT i.id, i.person_id, p.name, " INVITATION_SHOWN("p") ", p.email, p.phone, i.by_kind, i.recipient," \
	" i.language, i.note, CASE WHEN b.id IS NULL THEN NULL ELSE " INVITATION_SHOWN("b") " END, b.email, i.another," \
	" i.remind, i.expires, i.sent, i.step, i.reminded, i.opened, i.signed_in, i.declined, i.began, i.enrolled," \
	" i.revoked, " INVITATION_STATE("$1", "$2") INVITATION_JOINS

static bool
read_one(TALLOC_CTX *ctx, struct rows *rows, struct invitation **ret, struct err *err)
{
	struct invitation *i = mem_new(ctx, struct invitation);
	const char **const texts[] = { &i->id, &i->person_id, &i->name, &i->display, &i->email, &i->phone, &i->by,
				       &i->recipient, &i->language, &i->note, &i->from, &i->reply_to };
	int64_t *const moments[] = { &i->expires, &i->sent, &i->step, &i->reminded, &i->opened, &i->signed_in, &i->declined,
				     &i->began, &i->enrolled, &i->revoked };
	int at = 0;

	if (!rows_one(rows, err, "no such invitation"))
		return false;
	for (size_t n = 0; n < sizeof texts / sizeof *texts; n++)
		*texts[n] = rows_text(i, rows, at++);
	i->another = rows_bool(rows, at++);
	i->remind = rows_bool(rows, at++);
	for (size_t n = 0; n < sizeof moments / sizeof *moments; n++)
		*moments[n] = rows_int(rows, at++);
	i->state = rows_text(i, rows, at);
	i->stands = !i->enrolled && !i->revoked && i->expires > clock_now();
	rows_done(rows);
	*ret = i;
	return true;
}

bool
invitation_get(TALLOC_CTX *ctx, struct db *db, const char *id, int64_t silent_s, struct invitation **ret, struct err *err)
{
	void *here SCOPED(mem) = talloc_new(NULL);

	return read_one(ctx, db_query(here, db, ROW " WHERE i.id = $3", db_now(), db_int(clock_now() - silent_s),
				      db_text(id)), ret, err);
}

bool
invitation_open(TALLOC_CTX *ctx, struct db *db, const char *token, struct invitation **ret, struct err *err)
{
	void *here SCOPED(mem) = talloc_new(NULL);
	char hash[SECRET_HASH_SIZE];
	struct invitation *i;

	if (strlen(token) != LINK_TOKEN_SIZE - 1)
		return err_set(err, ERR_MISSING, "no such invitation");
	if (!read_one(ctx, db_query(here, db, ROW " WHERE i.token_hash = $3", db_now(), db_int(0),
				    db_text(secret_hash(token, hash))), &i, err))
		return false;
	if (!i->stands)
		return err_set(err, ERR_MISSING, "no such invitation");
	*ret = i;
	return true;
}

bool
invitation_of_person(TALLOC_CTX *ctx, struct db *db, const char *person_id, struct invitation **ret, struct err *err)
{
	void *here SCOPED(mem) = talloc_new(NULL);
	struct err none = { 0 };

	*ret = NULL;
	if (read_one(ctx, db_query(here, db, ROW " WHERE i.person_id = $3 AND " INVITATION_STANDS("$1")
				   " ORDER BY i.created DESC, i.id DESC LIMIT 1", db_now(), db_int(0), db_text(person_id)), ret, &none))
		return true;
	if (none.kind != ERR_MISSING)
		*err = none;
	return none.kind == ERR_MISSING;
}

/* ---- the steps of the invited person ---- */

struct looked {
	char id[40];
};

static bool
tx_opened(struct db *tx, void *arg, struct err *err)
{
	struct looked *o = arg;

	return db_run(tx, err, "UPDATE invitation SET opened = $1, step = $1 WHERE id = $2 AND opened IS NULL", db_now(),
		      db_text(o->id));
}

void
invitation_opened(struct db *db, const struct invitation *i)
{
	struct looked *o;

	if (i->opened)
		return;
	o = mem_new(NULL, struct looked);
	memcpy(o->id, i->id, strnlen(i->id, sizeof o->id - 1));
	db_later(db, tx_opened, o);
}

bool
invitation_signed_in(struct db *db, const struct invitation *i, struct err *err)
{
	if (i->signed_in && !i->declined)
		return true;
	return db_run(db, err, "UPDATE invitation SET opened = COALESCE(opened, $1), signed_in = COALESCE(signed_in, $1),"
		      " declined = NULL, step = $1 WHERE id = $2", db_now(), db_text(i->id));
}

static bool
tx_declined(struct db *tx, void *arg, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct change *c = arg;
	char *name;

	if (!name_of(ctx, tx, c->id, &name, NULL, err) ||
	    !db_run(tx, err, "UPDATE invitation SET declined = $1, step = $1 WHERE id = $2 AND declined IS NULL"
		    " AND enrolled IS NULL AND revoked IS NULL", db_now(), db_text(c->id)))
		return false;
	return !db_changed(tx) || audit_add(tx, c->actor ? c->actor : name, "invitation.decline", name,
					    c->actor ? NULL : "by the link, without a sign-in", err);
}

bool
invitation_declined(struct db *db, const char *actor, const struct invitation *i, struct err *err)
{
	struct change c = { i->id, actor };

	return db_tx(db, tx_declined, &c, err);
}

bool
invitation_began(struct db *tx, const char *id, const char *session_id, struct err *err)
{
	if (!db_run(tx, err, "UPDATE invitation SET session_id = $1, began = COALESCE(began, $2), step = $2, declined = NULL"
		    " WHERE id = $3 AND enrolled IS NULL AND revoked IS NULL AND expires > $2", db_text(session_id), db_now(),
		    db_text(id)))
		return false;
	return db_changed(tx) || err_set(err, ERR_MISSING, "no such invitation");
}

/* By either side: whoever downloads twice has two sessions, and any of them may be the one that ends well. */
bool
invitation_enrolled(struct db *tx, const char *session_id, struct err *err)
{
	return db_run(tx, err, "UPDATE invitation SET enrolled = $1, step = $1 WHERE enrolled IS NULL AND revoked IS NULL"
		      " AND (session_id = $2"
		      " OR id = (SELECT s.invitation_id FROM enroll_session s WHERE s.id = $2))", db_now(), db_text(session_id));
}

bool
invitation_sweep(struct db *db, struct err *err)
{
	return db_run(db, err, "DELETE FROM invitation WHERE expires < $1 AND step < $1",
		      db_int(clock_now() - INVITATION_KEEP_DAYS * (int64_t)DAY_S));
}
