/* Table `challenge`. */
#include "mdm/challenge.h"
#include "core/audit.h"
#include "core/clock.h"
#include "core/secret.h"
#include "mdm/enrollment.h"
#include "mdm/subject.h"
#include <string.h>

#define KEEP_S	(7 * DAY_S)	/* after its end: a late second use is still known as one */

bool
challenge_subject(const char *subject, struct err *err)
{
	SCOPED(x509_name) X509_NAME *name = NULL;

	return subject_read(subject, &name, err) || err_at(err, "subject");
}

bool
challenge_new(struct db *tx, TALLOC_CTX *ctx, const struct challenge_wish *wish, char **ret, struct err *err)
{
	int64_t ttl = wish->ttl_s ? wish->ttl_s : CHALLENGE_TTL_S;
	char hash[SECRET_HASH_SIZE], *text;

	if (!wish->session_id && wish->purpose != CA_CLIENT)
		return err_set(err, ERR_INVALID, "an %s certificate is issued within an enrollment alone",
			       ca_purpose_name(wish->purpose));
	if (ttl < 1 || ttl > CHALLENGE_TTL_MAX_S)
		return err_set(err, ERR_INVALID, "a challenge lives from a second to %d days",
			       CHALLENGE_TTL_MAX_S / DAY_S);
	text = secret_token(ctx);
	if (!db_run(tx, err, "INSERT INTO challenge (hash, purpose, subject, session_id, udid, created_by, created,"
		    " expires, upn, email, enrollment_id) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
		    db_text(secret_hash(text, hash)), db_text(ca_purpose_name(wish->purpose)), db_text(wish->subject),
		    db_text(wish->session_id), db_text(wish->udid ? wish->udid : ""),
		    db_text(wish->created_by ? wish->created_by : ""), db_now(), db_int(clock_now() + ttl),
		    db_text(wish->upn ? wish->upn : ""), db_text(wish->email ? wish->email : ""),
		    db_text(wish->enrollment_id)))
		return false;
	*ret = text;
	return true;
}

struct order {
	const char *actor, *device_id;
	struct challenge_wish wish;
	TALLOC_CTX *ctx;
	char *text;
};

/* Its enrollment of now: whoever has the device after that is not meant. */
static bool
order_device(struct db *tx, struct order *o, struct err *err)
{
	struct enrollment *enrollment;
	struct rows *rows;
	struct err none;

	if (enrollment_of_device(o->ctx, tx, o->device_id, &enrollment, err)) {
		o->wish.udid = enrollment->udid;
		o->wish.enrollment_id = enrollment->id;
		return true;
	}
	if (err->kind == ERR_MISSING) {
		rows = db_query(o->ctx, tx, "SELECT 1 FROM device WHERE id = $1", db_text(o->device_id));
		if (!rows_one(rows, &none, "there is none with this id"))
			*err = none;
		rows_done(rows);
	}
	return err_at(err, "device %.64s", o->device_id);
}

static bool
tx_order(struct db *tx, void *arg, struct err *err)
{
	struct order *o = arg;

	if (o->device_id && !order_device(tx, o, err))
		return false;
	return challenge_new(tx, o->ctx, &o->wish, &o->text, err) &&
	       audit_add(tx, o->actor, "challenge.new", o->wish.subject, o->device_id, err);
}

bool
challenge_new_by(struct db *db, TALLOC_CTX *ctx, const char *actor, const char *device_id,
		 const struct challenge_wish *wish, char **ret, struct err *err)
{
	struct order o = { actor, device_id, *wish, ctx, NULL };

	o.wish.created_by = actor;
	if (!challenge_subject(wish->subject, err) || !db_tx(db, tx_order, &o, err))
		return false;
	*ret = o.text;
	return true;
}

static bool
same(const char *a, const char *b)
{
	return (!a && !b) || (a && b && strcmp(a, b) == 0);
}

/* Is it for this door?  Columns are those of challenge_look. */
static bool
fits(TALLOC_CTX *ctx, struct rows *rows, const struct challenge_use *use, const struct challenge *c)
{
	const char *udid = rows_text(ctx, rows, 3);

	if (!same(c->session_id, use->session_id) || (!use->session_id && c->purpose != CA_CLIENT))
		return false;
	/* Of a device: while it is under management as it was when that was said. */
	if (!use->session_id && *udid && !(c->enrollment_id && same(rows_text(ctx, rows, 11), "enrolled")))
		return false;
	return !*udid || !use->udid || !*use->udid || strcmp(udid, use->udid) == 0;
}

bool
challenge_look(TALLOC_CTX *ctx, struct db *db, const struct challenge_use *use, struct challenge *ret,
	       struct err *err)
{
	struct challenge c = { .state = CHALLENGE_UNKNOWN };
	struct rows *rows;
	enum rows_step step;

	if (strlen(use->challenge) > CHALLENGE_TEXT_MAX) {
		*ret = c;
		return true;
	}
	secret_hash(use->challenge, c.hash);
	rows = db_query(ctx, db, "SELECT purpose, subject, session_id, udid, used, transaction_id, key_sha256,"
			" certificate, upn, email, enrollment_id, (SELECT e.state FROM enrollment e WHERE e.id ="
			" challenge.enrollment_id) FROM challenge WHERE hash = $1 AND expires > $2", db_text(c.hash), db_now());
	step = rows_next(rows, err);
	if (step == ROWS_ROW) {
		c.subject = rows_text(ctx, rows, 1);
		c.session_id = rows_text(ctx, rows, 2);
		c.certificate = rows_text(ctx, rows, 7);
		c.upn = rows_text(ctx, rows, 8);
		c.email = rows_text(ctx, rows, 9);
		c.enrollment_id = rows_text(ctx, rows, 10);
		c.state = CHALLENGE_WRONG;
		if (!ca_purpose_read(rows_text(ctx, rows, 0), &c.purpose) || !fits(ctx, rows, use, &c))
			;
		else if (rows_null(rows, 4))
			c.state = CHALLENGE_GOOD;
		else if (c.certificate && same(rows_text(ctx, rows, 5), use->transaction_id) &&
			 same(rows_text(ctx, rows, 6), use->key_sha256))
			c.state = CHALLENGE_AGAIN;
	} else if (step == ROWS_END) {
		rows_done(rows);
		rows = db_query(ctx, db, "SELECT 1 FROM challenge WHERE hash = $1", db_text(c.hash));
		step = rows_next(rows, err);
		c.state = step == ROWS_ROW ? CHALLENGE_WRONG : CHALLENGE_UNKNOWN;
	}
	rows_done(rows);
	if (step == ROWS_FAILED)
		return false;
	*ret = c;
	return true;
}

bool
challenge_consume(struct db *tx, const struct challenge *challenge, const struct challenge_use *use,
		  const char *certificate, bool *consumed, struct err *err)
{
	if (!db_run(tx, err, "UPDATE challenge SET used = $1, transaction_id = $2, key_sha256 = $3, certificate = $4"
		    " WHERE hash = $5 AND used IS NULL AND expires > $1", db_now(), db_text(use->transaction_id),
		    db_text(use->key_sha256), db_text(certificate), db_text(challenge->hash)))
		return false;
	*consumed = db_changed(tx) == 1;
	return true;
}

struct misuse {
	const char *hash, *address;
};

static bool
tx_misused(struct db *tx, void *arg, struct err *err)
{
	const struct misuse *m = arg;

	if (!db_run(tx, err, "UPDATE challenge SET misused = $1 WHERE hash = $2 AND misused IS NULL", db_now(),
		    db_text(m->hash)))
		return false;
	return !db_changed(tx) || audit_add(tx, "device", "challenge.misused", m->hash, m->address, err);
}

bool
challenge_misused(struct db *db, const struct challenge *challenge, const char *address, struct err *err)
{
	struct misuse m = { challenge->hash, address };

	return db_tx(db, tx_misused, &m, err);
}

bool
challenge_sweep(struct db *db, struct err *err)
{
	return db_run(db, err, "DELETE FROM challenge WHERE expires < $1", db_int(clock_now() - KEEP_S));
}

bool
challenge_void(struct db *tx, const char *session_id, enum ca_purpose purpose, struct err *err)
{
	return db_run(tx, err, "UPDATE challenge SET expires = CAST($1 AS BIGINT) WHERE session_id = $2 AND purpose = $3"
		      " AND used IS NULL AND expires > $1", db_now(), db_text(session_id),
		      db_text(ca_purpose_name(purpose)));
}

bool
challenge_void_bound(struct db *tx, const char *enrollment_id, struct err *err)
{
	return db_run(tx, err, "UPDATE challenge SET expires = CAST($1 AS BIGINT) WHERE enrollment_id = $2 AND used IS NULL"
		      " AND expires > $1", db_now(), db_text(enrollment_id));
}

bool
challenge_bind_again(struct db *tx, const char *from, const char *to, struct err *err)
{
	return db_run(tx, err, "UPDATE challenge SET enrollment_id = $1 WHERE enrollment_id = $2", db_text(to), db_text(from));
}
