/* Table `own_session`. */
#include "mdm/own_session.h"
#include "core/audit.h"
#include "core/clock.h"
#include "mdm/challenge.h"
#include "mdm/enroll_session.h"
#include "mdm/turn.h"
#include <string.h>

/* ---- how it begins ---- */

static bool
has_room(struct db *tx, TALLOC_CTX *ctx, const char *person_id, struct err *err)
{
	struct rows *rows = db_query(ctx, tx, "SELECT count(*) FROM own_session WHERE person_id = $1 AND expires > $2"
				     " AND way = 'phases' AND state IN ('offered', 'answered')", db_text(person_id), db_now());

	if (!rows_one(rows, err, "no answer"))
		return false;
	return rows_int(rows, 0) < OWN_OPEN_MAX || err_code(err, ERR_RATE, "too_many_sessions", "%d were begun and not"
							    " ended within the hour; try again later", OWN_OPEN_MAX);
}

bool
own_session_begin(struct db *tx, TALLOC_CTX *ctx, const struct own_session_wish *wish, char **id, char **token,
		  struct err *err)
{
	char *name = secret_id(ctx), *text = secret_token(ctx);
	char hash[SECRET_HASH_SIZE], challenge[SECRET_HASH_SIZE], challenge_hash[SECRET_HASH_SIZE];
	bool command = wish->own_id;
	int64_t turn;

	if ((!command && !has_room(tx, ctx, wish->person_id, err)) || !turn_next(tx, TURN_OWN_SESSION, &turn, err))
		return false;
	secret_hash(enroll_session_challenge(text, challenge), challenge_hash);
	if (!db_run(tx, err, "INSERT INTO own_session (id, token_hash, way, person_id, mobileconfig_id, own_id, state,"
		    " challenge_hash, udid, created, expires, changed, turn) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11,"
		    " $10, $12)",
		    db_text(name), db_text(secret_hash(text, hash)), db_text(command ? "command" : "phases"),
		    db_text(wish->person_id), db_text(wish->mobileconfig_id), db_text(wish->own_id),
		    db_text(command ? "issued" : "offered"), db_text(challenge_hash), db_text(command ? wish->udid : ""),
		    db_now(), db_int(clock_now() + wish->ttl_s), db_int(turn)) ||
	    !audit_add(tx, wish->actor, "own.begin", name, command ? "as a command" : "", err))
		return false;
	*id = name;
	*token = text;
	return true;
}

/* ---- who is it ---- */

bool
own_session_find(TALLOC_CTX *ctx, struct db *db, const char *token, struct own_session **ret, struct err *err)
{
	struct own_session *s = mem_new(ctx, struct own_session);
	const char **texts[] = { &s->id, &s->way, &s->state, &s->person_id, &s->mobileconfig_id, &s->own_id, &s->udid,
				 &s->serial, &s->product, &s->version, &s->device_name };
	const int n = sizeof texts / sizeof *texts;
	char hash[SECRET_HASH_SIZE];
	struct rows *rows = db_query(s, db, "SELECT id, way, state, person_id, mobileconfig_id, own_id, udid, serial,"
				     " product, version, device_name, refusals, created, expires FROM own_session"
				     " WHERE token_hash = $1", db_text(secret_hash(strlen(token) <= ENROLL_TOKEN_MAX ? token : "", hash)));

	if (!rows_one(rows, err, "no such session")) {
		talloc_free(s);
		return false;
	}
	for (int i = 0; i < n; i++)
		*texts[i] = rows_text(s, rows, i);
	s->refusals = rows_int(rows, n);
	s->created = rows_int(rows, n + 1);
	s->expires = rows_int(rows, n + 2);
	rows_done(rows);
	*ret = s;
	return true;
}

bool
own_session_open(const struct own_session *s, struct err *err)
{
	if (strcmp(s->state, "failed") == 0)
		return err_set(err, ERR_MISSING, "its session has failed");
	return s->expires > clock_now() || err_set(err, ERR_MISSING, "its session has expired");
}

/* ---- the steps ---- */

/* Nothing is given again once a certificate of this purpose came of it. */
#define NO_CERTIFICATE(purpose) " AND NOT EXISTS (SELECT 1 FROM certificate c WHERE c.session_id = own_session.id" \
				" AND c.purpose = '" purpose "')"
#define STEP " changed = CAST($2 AS BIGINT), expires = CASE WHEN expires < $3 THEN CAST($3 AS BIGINT) ELSE expires END"

bool
own_session_answered(struct db *tx, const struct own_session *s, const struct device_answer *a, struct err *err)
{
	char hash[SECRET_HASH_SIZE], by[X509_FINGERPRINT_SIZE];

	if (!db_run(tx, err, "UPDATE own_session SET repeats = CASE WHEN state = 'offered' THEN 0 ELSE repeats + 1 END,"
		    " state = 'answered', answered_by = $4, udid = $5, serial = $6, product = $7, version = $8,"
		    " device_name = $9," STEP " WHERE id = $1 AND expires > $2 AND challenge_hash = $10 AND way = 'phases'"
		    " AND (state = 'offered' OR (state = 'answered' AND answered_by = $4 AND udid = $5 AND repeats < $11))"
		    NO_CERTIFICATE("ota"), db_text(s->id), db_now(), db_int(clock_now() + OWN_STEP_S),
		    db_text(x509_der_sha256(a->certificate, by)), db_text(a->udid), db_text(a->serial), db_text(a->product),
		    db_text(a->version), db_text(a->name), db_text(secret_hash(a->challenge, hash)), db_int(OWN_REPEATS_MAX)))
		return false;
	if (!db_changed(tx))
		return err_code(err, ERR_DENIED, "bad_challenge",
				"its challenge is unknown, used, expired or another session's");
	return audit_add(tx, "device", "own.answered", s->id, a->product, err);
}

bool
own_session_issued(struct db *tx, const struct own_session *s, const char *own_id, struct err *err)
{
	if (!db_run(tx, err, "UPDATE own_session SET repeats = CASE WHEN state = 'answered' THEN 0 ELSE repeats + 1 END,"
		    " state = 'issued', own_id = $4," STEP " WHERE id = $1 AND expires > $2 AND way = 'phases'"
		    " AND (state = 'answered' OR (state = 'issued' AND repeats < $5))" NO_CERTIFICATE("person"),
		    db_text(s->id), db_now(), db_int(clock_now() + OWN_STEP_S), db_text(own_id), db_int(OWN_REPEATS_MAX)))
		return false;
	return db_changed(tx) ? audit_add(tx, "device", "own.issued", s->id, s->product, err) :
		err_code(err, ERR_DENIED, "not_now", "this is not the next step of its session");
}

bool
own_session_embedded(struct db *tx, const char *id, struct err *err)
{
	return db_run(tx, err, "UPDATE own_session SET embedded = TRUE WHERE id = $1", db_text(id));
}

struct refusal {
	const struct own_session *session;
	const char *code, *why;
};

static bool
tx_refused(struct db *tx, void *arg, struct err *err)
{
	const struct refusal *r = arg;

	return db_run(tx, err, "UPDATE own_session SET refusals = refusals + 1, why = $2, changed = CAST($3 AS BIGINT),"
		      " state = CASE WHEN refusals + 1 >= $4 THEN 'failed' ELSE state END WHERE id = $1",
		      db_text(r->session->id), db_text(r->code), db_now(), db_int(OWN_REFUSALS_MAX)) &&
	       audit_add(tx, "device", "own.refused", r->session->id, r->why, err);
}

bool
own_session_refused(struct db *db, const struct own_session *s, const struct err *why, struct err *err)
{
	char text[sizeof why->path + sizeof why->cause + 2];
	struct refusal r = { s, why->code, err_text(why, text, sizeof text) };

	return db_tx(db, tx_refused, &r, err);
}

/* ---- how it ends ---- */

static bool
void_all(struct db *tx, TALLOC_CTX *ctx, struct rows *rows, struct err *err)
{
	const char **all;
	size_t n;

	if (!rows_texts(ctx, rows, &all, &n, err))
		return false;
	for (size_t i = 0; i < n; i++)
		if (!challenge_void(tx, all[i], CA_OTA, err) || !challenge_void(tx, all[i], CA_PERSON, err) ||
		    !db_run(tx, err, "UPDATE own_session SET expires = CAST($2 AS BIGINT), changed = CAST($2 AS BIGINT)"
			    " WHERE id = $1", db_text(all[i]), db_now()))
			return false;
	return true;
}

bool
own_session_void(struct db *tx, const char *person_id, const char *own_id, struct err *err)
{
	void *ctx SCOPED(mem) = mem_must(talloc_new(NULL));

	return void_all(tx, ctx, db_query(ctx, tx, "SELECT id FROM own_session WHERE person_id = $1 AND expires > $2"
		" AND (CAST($3 AS TEXT) IS NULL OR own_id = $3)", db_text(person_id), db_now(), db_text(own_id)), err);
}

bool
own_session_void_begun(struct db *tx, const char *person_id, const char *mobileconfig_id, const char *udid, struct err *err)
{
	void *ctx SCOPED(mem) = mem_must(talloc_new(NULL));

	return void_all(tx, ctx, db_query(ctx, tx, "SELECT id FROM own_session WHERE person_id = $1 AND expires > $2"
		" AND own_id IS NULL AND mobileconfig_id = $3 AND udid IN ('', $4)", db_text(person_id), db_now(),
		db_text(mobileconfig_id), db_text(udid)), err);
}

bool
own_session_newest(struct db *db, const char *person_id, json_t **ret, struct err *err)
{
	void *ctx SCOPED(mem) = mem_must(talloc_new(NULL));
	struct rows *rows = db_query(ctx, db, "SELECT state, why, device_name, product, created, expires FROM own_session"
				     " WHERE person_id = $1 AND way = 'phases' ORDER BY turn DESC, id LIMIT 1",
				     db_text(person_id));
	enum rows_step step = rows_next(rows, err);

	if (step == ROWS_FAILED)
		return false;
	*ret = step == ROWS_END ? json_null() :
		json_pack("{s:s, s:s, s:s, s:s, s:I, s:I}", "state", rows_text(ctx, rows, 0), "why", rows_text(ctx, rows, 1),
			  "device", rows_text(ctx, rows, 2), "product", rows_text(ctx, rows, 3),
			  "created", (json_int_t)rows_int(rows, 4), "expires", (json_int_t)rows_int(rows, 5));
	return true;
}

/* Those that a certificate came of are remembered for as long as it: they say whose it is. */
bool
own_session_sweep(struct db *db, struct err *err)
{
	return db_run(db, err, "DELETE FROM own_session WHERE expires < $1"
		      " AND NOT EXISTS (SELECT 1 FROM certificate c WHERE c.session_id = own_session.id)",
		      db_int(clock_now() - OWN_KEEP_S));
}
