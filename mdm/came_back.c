/* Table `came_back`, with came_back_list.c; what it takes in goes to `device` and `enrollment`. */
#include "mdm/came_back.h"
#include "core/audit.h"
#include "core/clock.h"
#include "core/secret.h"
#include "mdm/challenge.h"
#include "mdm/enrollment_bind.h"
#include "mdm/turn.h"
#include <openssl/bn.h>
#include <openssl/err.h>
#include <string.h>

#define NOTE_STEP_S	60

/* ---- writing it down ---- */

struct note {
	struct db *db;			/* outside of the transaction */
	const struct identity *identity;
	const struct checkin_who *who;
	const struct checkin *checkin;
	const char *subject;
};

/* Who is taken in is the one that an admin has looked at. */
static bool
another(const struct note *n, struct err *err)
{
	return enrollment_refuse(n->db, n->identity, n->who->udid, "it came back as another device before", err);
}

static bool
tx_note(struct db *tx, void *arg, struct err *err)
{
	const struct note *n = arg;
	const struct checkin *c = n->checkin;
	bool token = c && c->type == CHECKIN_TOKEN_UPDATE;

	if (!db_run(tx, err, "INSERT INTO came_back (sha256, subject, udid, serial, certificate, topic, push_magic, token,"
		      " first_seen, last_seen) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, CAST($9 AS BIGINT), CAST($9 AS BIGINT))"
		      " ON CONFLICT (sha256) DO UPDATE SET last_seen = excluded.last_seen,"
		      " serial = CASE WHEN excluded.serial = '' THEN came_back.serial ELSE excluded.serial END,"
		      " topic = CASE WHEN excluded.token IS NULL THEN came_back.topic ELSE excluded.topic END,"
		      " push_magic = CASE WHEN excluded.token IS NULL THEN came_back.push_magic ELSE excluded.push_magic END,"
		      " token = COALESCE(excluded.token, came_back.token) WHERE came_back.udid = excluded.udid",
		      db_text(n->identity->sha256), db_text(n->subject), db_text(n->who->udid), db_text(c ? c->serial : ""),
		      db_bytes(n->identity->proof.der), db_text(token ? c->topic : ""), db_text(token ? c->push_magic : ""),
		      token ? db_bytes(c->token) : db_null(), db_now()))
		return false;
	return db_changed(tx) || another(n, err);
}

/* What is there already: "" for nothing; fresh: it was written a moment ago. */
static bool
look(TALLOC_CTX *ctx, struct db *db, const char *sha256, const char **state, const char **udid, bool *fresh,
     struct err *err)
{
	struct rows *rows = db_query(ctx, db, "SELECT state, last_seen, udid FROM came_back WHERE sha256 = $1", db_text(sha256));
	enum rows_step step = rows_next(rows, err);

	*state = step == ROWS_ROW ? rows_text(ctx, rows, 0) : "";
	*fresh = step == ROWS_ROW && rows_int(rows, 1) > clock_now() - NOTE_STEP_S;
	*udid = step == ROWS_ROW ? rows_text(ctx, rows, 2) : "";
	rows_done(rows);
	return step != ROWS_FAILED;
}

/* Of an outside CA, and one more than there is room for. */
static bool
is_one_too_many(struct db *db, const struct identity *identity, bool *ret, struct err *err)
{
	int64_t n = 0;

	if (!identity->ours && identity->known && !came_back_waiting(db, &n, err))
		return false;
	*ret = n >= CAME_BACK_OUTSIDE_MAX;
	return true;
}

bool
came_back_note(struct db *db, const struct identity *identity, const struct checkin_who *who,
	       const struct checkin *checkin, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	X509 *cert SCOPED(x509) = NULL;
	struct note note = { db, identity, who, checkin, "" };
	const char *state, *udid;
	bool fresh, full = false;

	if (!look(ctx, db, identity->sha256, &state, &udid, &fresh, err))
		return false;
	if (strcmp(state, "refused") == 0)
		return err_code(err, ERR_DENIED, "retired", "a device that came back was refused");
	if (*udid && strcmp(udid, who->udid) != 0)
		return another(&note, err);
	if (!*state && !is_one_too_many(db, identity, &full, err))
		return false;
	if (!full && (!fresh || (checkin && checkin->type == CHECKIN_TOKEN_UPDATE))) {
		if (!x509_read_der(identity->proof.der, &cert, err))
			return false;
		note.subject = x509_subject_cn(ctx, cert);
		if (!db_tx(db, tx_note, &note, err))
			return false;
	}
	return err_code(err, ERR_BUSY, "came_back", "device %s is enrolled as far as it knows, and not as far as we know",
			who->udid);
}

/* ---- taking in ---- */

struct back {
	struct ca *ca;
	const struct came_back_terms *terms;
	const char *actor, *sha256, *udid, *serial, *topic, *push_magic;
	struct bytes token, der;
	int64_t first_seen;
	struct certificate certificate;	/* of an outside one: its session and its end alone */
	bool outside;
};

static bool
read_back(TALLOC_CTX *ctx, struct db *db, struct back *b, struct err *err)
{
	struct rows *rows = db_query(ctx, db, "SELECT udid, serial, topic, push_magic, token, certificate, first_seen FROM came_back"
		" WHERE sha256 = $1 AND state = 'waiting'", db_text(b->sha256));

	if (!rows_one(rows, err, "no device with this certificate waits to be taken in"))
		return false;
	b->udid = rows_text(ctx, rows, 0);
	b->serial = rows_text(ctx, rows, 1);
	b->topic = rows_text(ctx, rows, 2);
	b->push_magic = rows_text(ctx, rows, 3);
	b->token = rows_bytes(ctx, rows, 4);
	b->der = rows_bytes(ctx, rows, 5);
	b->first_seen = rows_int(rows, 6);
	rows_done(rows);
	return true;
}

static bool
find_authority(TALLOC_CTX *ctx, struct db *db, X509 *cert, const char **ret, struct err *err)
{
	struct rows *rows = db_query(ctx, db, "SELECT id, certificate FROM authority WHERE role IN ('ca', 'root')");
	enum rows_step step;

	while ((step = rows_next(rows, err)) == ROWS_ROW) {
		X509 *issuer SCOPED(x509) = NULL;

		if (!x509_read_der(rows_bytes(ctx, rows, 1), &issuer, err))
			return false;
		if (X509_check_issued(issuer, cert) == X509_V_OK && X509_verify(cert, X509_get0_pubkey(issuer)) == 1) {
			*ret = rows_text(ctx, rows, 0);
			rows_done(rows);
			return true;
		}
	}
	ERR_clear_error();
	return step == ROWS_FAILED ? false : err_set(err, ERR_CONFLICT, "its certificate is by no CA of ours");
}

/* The row that was lost, from the certificate itself. */
static bool
row_of(TALLOC_CTX *ctx, struct db *db, struct back *b, X509 *cert, struct err *err)
{
	struct certificate *c = &b->certificate;
	char *key = mem_size(ctx, X509_FINGERPRINT_SIZE), *serial;
	BIGNUM *number;

	if (!find_authority(ctx, db, cert, &c->authority_id, err) ||
	    !certificate_key_sha256(X509_get0_pubkey(cert), key, err))
		return false;
	number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(cert), NULL);
	serial = number ? BN_bn2hex(number) : NULL;
	c->serial = mem_text(ctx, serial ? serial : b->sha256);
	for (char *p = (char *)(uintptr_t)c->serial; *p; p++)
		*p |= *p >= 'A' && *p <= 'F' ? 0x20 : 0;
	OPENSSL_free(serial);
	BN_free(number);
	c->sha256 = b->sha256;
	c->purpose = "mdm";
	c->subject = x509_name_text(ctx, X509_get_subject_name(cert));
	c->key_sha256 = key;
	c->der = b->der;
	c->not_before = c->issued = x509_begins(cert);
	c->reason = "";
	return true;
}

/* That our records have, of one that brought nothing as far as they know. */
static bool
known_session(TALLOC_CTX *ctx, struct db *db, const struct back *b, X509 *cert, const char **ret, struct err *err)
{
	const char *named = proof_session_named(ctx, cert);
	struct rows *rows = db_query(ctx, db, "SELECT 1 FROM enroll_session WHERE id = $1 AND udid = $2 AND kind <> 'renewal'"
		" AND state IN ('issued', 'staged', 'expired')", db_text(named ? named : ""), db_text(b->udid));
	enum rows_step step = rows_next(rows, err);

	*ret = step == ROWS_ROW ? named : NULL;
	rows_done(rows);
	return step != ROWS_FAILED;
}

static bool
read_certificate(TALLOC_CTX *ctx, struct db *db, struct back *b, struct err *err)
{
	X509 *cert SCOPED(x509) = NULL;
	enum ca_whose whose = CA_NOBODYS;
	const char *session = NULL;
	time_t ends;

	if (!x509_read_der(b->der, &cert, err) || !ca_whose(b->ca, cert, &whose, err))
		return false;
	if (whose == CA_NOBODYS || !x509_expires(cert, &ends))
		return err_set(err, ERR_CONFLICT, "its certificate is by no CA that is believed");
	b->outside = whose == CA_TRUSTED;
	if (b->outside && !known_session(ctx, db, b, cert, &session, err))
		return false;
	b->certificate.not_after = ends;
	b->certificate.session_id = session ? session : secret_id(ctx);	/* the one that is lost; what renews it has it too */
	return b->outside || row_of(ctx, db, b, cert, err);
}

/* *session_id: what its enrollment is found by when it is renewed. */
static bool
keep_row(TALLOC_CTX *ctx, struct db *tx, const struct back *b, const char **session_id, struct err *err)
{
	struct certificate *found;

	*session_id = b->certificate.session_id;
	if (b->outside)
		return true;
	if (certificate_find(ctx, tx, b->sha256, &found, err)) {
		if (found->session_id)
			*session_id = found->session_id;
		return true;
	}
	return err->kind == ERR_MISSING && certificate_keep(tx, &b->certificate, err);
}

static bool
put_device(TALLOC_CTX *ctx, struct db *tx, const struct back *b, const char **id, struct err *err)
{
	struct rows *rows = db_query(ctx, tx, "INSERT INTO device (id, udid, serial, created, changed) VALUES ($1, $2, $3,"
		" CAST($4 AS BIGINT), CAST($4 AS BIGINT)) ON CONFLICT (udid) DO UPDATE SET changed = excluded.changed"
		" RETURNING id", db_text(secret_id(ctx)), db_text(b->udid), db_text(b->serial), db_now());

	if (!rows_one(rows, err, "no row came back"))
		return false;
	*id = rows_text(ctx, rows, 0);
	rows_done(rows);
	return true;
}

/* Of one that is in our records already, and is said to be another's. */
static bool
put_owner(struct db *tx, const struct back *b, struct err *err)
{
	return !b->terms->said || db_run(tx, err, "UPDATE enrollment SET person_id = $1 WHERE identity = $2",
					 db_text(b->terms->person_id), db_text(b->sha256));
}

/* Whom IT has sent away since it asked does not come in by asking. */
static bool
may_be_again(const struct enrollment *e, const struct back *b, struct err *err)
{
	return (!enrollment_is(e, "retired") && !enrollment_is(e, "replaced")) ||
	       err_code(err, ERR_CONFLICT, "ended", "the enrollment of device %s with this identity is %s", b->udid, e->state);
}

/* A staged one whose TokenUpdate came before the backup was put back is simply made true. */
static bool
put_enrollment(TALLOC_CTX *ctx, struct db *tx, const struct back *b, const char *device_id, const char *session_id,
	       struct enrollment **ret, struct err *err)
{
	int64_t turn;

	if (enrollment_by_identity(ctx, tx, b->sha256, ret, err))
		return may_be_again(*ret, b, err) && put_owner(tx, b, err) && enrollment_by_identity(ctx, tx, b->sha256, ret, err);
	return err->kind == ERR_MISSING && turn_next(tx, TURN_ENROLLMENT, &turn, err) &&
	       db_run(tx, err, "INSERT INTO enrollment (id, device_id, session_id, person_id, state, identity, access_rights,"
		      " created, turn, identity_ends) SELECT CAST($1 AS TEXT), d.id, CAST($2 AS TEXT), CASE WHEN $3 THEN CAST($4 AS TEXT) WHEN $5"
		      " THEN d.person_id ELSE (SELECT s.person_id FROM enroll_session s WHERE s.id = CAST($2 AS TEXT)) END,"
		      " 'staged', CAST($6 AS TEXT), CAST($7 AS BIGINT), CAST($8 AS BIGINT), CAST($10 AS BIGINT), CAST($11 AS BIGINT)"
		      " FROM device d WHERE d.id = $9", db_text(secret_id(ctx)), db_text(session_id),
		      db_bool(b->terms->said), db_text(b->terms->person_id), db_bool(b->terms->as_recorded), db_text(b->sha256),
		      db_int(b->terms->access_rights), db_now(), db_text(device_id), db_int(turn),
		      b->outside ? db_int(b->certificate.not_after) : db_null()) &&
	       enrollment_by_identity(ctx, tx, b->sha256, ret, err);
}

/*
 * The certificate is good, but that it is this device's was known to the rows that are lost.  A device does not
 * go back to an identity that it has renewed: one that is heard of under the one we know did not come back.  One that is
 * not heard of may sleep, and whoever claims its UDID would have its place: that is for somebody to say who looked at both.
 */
static bool
may_take(TALLOC_CTX *ctx, struct db *tx, const struct back *b, const char **other, struct err *err)
{
	struct rows *rows = db_query(ctx, tx, "SELECT e.id, COALESCE(d.seen >= $1, FALSE) FROM device d JOIN enrollment e"
		" ON e.id = d.enrollment_id WHERE d.udid = $2 AND e.identity <> $3", db_int(b->first_seen), db_text(b->udid),
		db_text(b->sha256));
	enum rows_step step = rows_next(rows, err);
	bool speaks = step == ROWS_ROW && rows_bool(rows, 1);

	*other = step == ROWS_ROW ? rows_text(ctx, rows, 0) : NULL;
	rows_done(rows);
	if (step != ROWS_ROW)
		return step == ROWS_END;
	if (speaks)
		return err_code(err, ERR_CONFLICT, "device_speaks", "device %s has been heard of under the identity that we know:"
				" this is not it", b->udid);
	return (b->terms->replaces && strcmp(b->terms->replaces, *other) == 0) ||
	       err_code(err, ERR_CONFLICT, "managed", "device %s is managed under another identity, whose place this one would"
			" take: look at both first, and say which it replaces", b->udid);
}

static bool
tx_take(struct db *tx, void *arg, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL), *site;
	const struct enrollment_hooks *hooks = enrollment_hooks_of(&site);
	const struct back *b = arg;
	struct enrollment *e;
	const char *device_id, *session_id, *other, *what = b->udid;

	if (!may_take(ctx, tx, b, &other, err) ||
	    !db_run(tx, err, "UPDATE came_back SET state = 'taken_in' WHERE sha256 = $1 AND state = 'waiting'",
		    db_text(b->sha256)))
		return false;
	if (!db_changed(tx))
		return err_set(err, ERR_CONFLICT, "it was decided meanwhile");
	if (!keep_row(ctx, tx, b, &session_id, err) || !put_device(ctx, tx, b, &device_id, err) ||
	    !put_enrollment(ctx, tx, b, device_id, session_id, &e, err))
		return false;
	if (b->token.len && !db_run(tx, err, "UPDATE enrollment SET token = $1, push_magic = $2, token_at = $4, topic = CASE"
				    " WHEN topic <> '' THEN topic ELSE COALESCE((SELECT s.topic FROM enroll_session s WHERE s.id ="
				    " enrollment.session_id AND s.topic <> ''), CAST($3 AS TEXT)) END WHERE id = $5",
				    db_bytes(b->token), db_text(b->push_magic), db_text(b->topic), db_now(), db_text(e->id)))
		return false;
	/* it is the same management on the device: what was made for it by itself goes on */
	if (other && (!certificate_bind_again(tx, other, e->id, err) || !challenge_bind_again(tx, other, e->id, err)))
		return false;
	if (other)
		what = mem_printf(ctx, "%s: identity %s takes the place of enrollment %s", b->udid, b->sha256, other);
	return enrollment_begin(tx, e, "enrollment.returned", err) &&
	       (b->token.len || !hooks->wants_token || hooks->wants_token(tx, site, e, err)) &&
	       audit_add(tx, b->actor, "came_back.taken_in", device_id, what, err);
}

bool
came_back_take(struct db *db, struct ca *ca, const char *actor, const char *sha256, const struct came_back_terms *terms,
	       struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct back b = { .ca = ca, .terms = terms, .actor = actor, .sha256 = sha256 };

	return read_back(ctx, db, &b, err) && read_certificate(ctx, db, &b, err) && db_tx(db, tx_take, &b, err);
}

bool
came_back_take_all(struct db *db, struct ca *ca, const char *actor, const struct came_back_terms *terms,
		   struct came_back_taken *ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, db, "SELECT sha256 FROM came_back b WHERE state = 'waiting' AND NOT EXISTS"
		" (SELECT 1 FROM came_back o WHERE o.udid = b.udid AND o.sha256 <> b.sha256 AND o.state = 'waiting')"
		" ORDER BY first_seen");
	const char **all;
	size_t count;

	*ret = (struct came_back_taken){ 0 };
	if (!rows_texts(ctx, rows, &all, &count, err))
		return false;
	for (size_t i = 0; i < count; i++)
		if (came_back_take(db, ca, actor, all[i], terms, err))
			ret->n++;
		else if (err->kind != ERR_CONFLICT && err->kind != ERR_MISSING)
			return err_at(err, "certificate %s", all[i]);
		else if (strcmp(err->code, "managed") == 0)
			ret->managed++;
	return true;
}

static bool
tx_refuse(struct db *tx, void *arg, struct err *err)
{
	const struct back *b = arg;

	if (!db_run(tx, err, "UPDATE came_back SET state = 'refused' WHERE sha256 = $1 AND state = 'waiting'",
		    db_text(b->sha256)))
		return false;
	if (!db_changed(tx))
		return err_set(err, ERR_MISSING, "no device with this certificate waits to be taken in");
	return audit_add(tx, b->actor, "came_back.refused", b->sha256, NULL, err);
}

bool
came_back_refuse(struct db *db, const char *actor, const char *sha256, struct err *err)
{
	struct back b = { .actor = actor, .sha256 = sha256 };

	return db_tx(db, tx_refuse, &b, err);
}
