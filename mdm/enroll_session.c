/* Table `enroll_session`. */
#include "mdm/enroll_session.h"
#include "core/audit.h"
#include "core/clock.h"
#include "mdm/challenge.h"
#include "mdm/turn.h"
#include <string.h>

/* ---- how it begins ---- */

const char *
enroll_session_challenge(const char *token, char challenge[SECRET_HASH_SIZE])
{
	return secret_mac((struct bytes){ token, strlen(token) }, "Profile Service", challenge);
}

/* Those that were handed out count too, until a device authenticates: the direct way hands out at once. */
static bool
too_many(struct db *tx, TALLOC_CTX *ctx, const char *person_id, struct err *err)
{
	int64_t max = person_id ? ENROLL_OPEN_MAX : ENROLL_OPEN_NOBODY_MAX;
	struct rows *rows = person_id ?
		db_query(ctx, tx, "SELECT count(*) FROM enroll_session WHERE person_id = $1 AND expires > $2"
			 " AND kind <> 'renewal' AND state IN ('offered', 'answered', 'issued')", db_text(person_id), db_now()) :
		db_query(ctx, tx, "SELECT count(*) FROM enroll_session WHERE person_id IS NULL AND expires > $1"
			 " AND kind <> 'renewal' AND state IN ('offered', 'answered', 'issued')", db_now());

	if (!rows_one(rows, err, "no answer"))
		return false;
	return rows_int(rows, 0) < max || err_code(err, ERR_RATE, "too_many_sessions", "%lld enrollments were begun"
						   " and not ended within the hour; try again later", (long long)max);
}

static bool
insert(struct db *tx, const char *id, const char *token, const char *kind, const char *state, const char *enrollment_id,
       const struct enroll_wish *wish, struct err *err)
{
	char hash[SECRET_HASH_SIZE], challenge[SECRET_HASH_SIZE], challenge_hash[SECRET_HASH_SIZE];
	int64_t turn;

	secret_hash(enroll_session_challenge(token, challenge), challenge_hash);
	return turn_next(tx, TURN_ENROLL_SESSION, &turn, err) &&
	       db_run(tx, err, "INSERT INTO enroll_session (id, token_hash, kind, person_id, invitation_id,"
		      " enrollment_id, state, challenge_hash, devices_max, access_rights, identifier, url, created_by,"
		      " created, expires, changed, turn)"
		      " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $14,"
		      " $16)", db_text(id),
		      db_text(secret_hash(token, hash)), db_text(kind), db_text(wish->person_id),
		      db_text(wish->invitation_id), db_text(enrollment_id), db_text(state), db_text(challenge_hash),
		      db_int(wish->devices_max), db_int(wish->access_rights), db_text(wish->identifier),
		      db_text(wish->url), db_text(wish->actor), db_now(), db_int(clock_now() + wish->ttl_s), db_int(turn));
}

bool
enroll_session_begin(struct db *tx, TALLOC_CTX *ctx, const struct enroll_wish *wish, char **id, char **token,
		     struct err *err)
{
	char *name = secret_id(ctx), *text = secret_token(ctx);

	if (!too_many(tx, ctx, wish->person_id, err) ||
	    !insert(tx, name, text, "ota", "offered", NULL, wish, err) ||
	    !audit_add(tx, wish->actor, "enroll.begin", name, wish->invitation_id ? "by invitation" : "", err))
		return false;
	*id = name;
	*token = text;
	return true;
}

/* ---- who is it ---- */

#define COLUMNS "id, kind, state, person_id, invitation_id, enrollment_id, udid, serial, product, version," \
		" device_name, imei, devices_max, access_rights, identifier, url, topic, refusals, created, expires"

static bool
from_rows(TALLOC_CTX *ctx, struct rows *rows, struct enroll_session **ret, struct err *err)
{
	struct enroll_session *s = mem_new(ctx, struct enroll_session);
	const char **texts[] = { &s->id, &s->kind, &s->state, &s->person_id, &s->invitation_id, &s->enrollment_id,
				 &s->udid, &s->serial, &s->product, &s->version, &s->device_name, &s->imei };

	if (!rows_one(rows, err, "no such enrollment session")) {
		talloc_free(s);
		return false;
	}
	for (int i = 0; i < 12; i++)
		*texts[i] = rows_text(s, rows, i);
	s->devices_max = rows_int(rows, 12);
	s->access_rights = rows_int(rows, 13);
	s->identifier = rows_text(s, rows, 14);
	s->url = rows_text(s, rows, 15);
	s->topic = rows_text(s, rows, 16);
	s->refusals = rows_int(rows, 17);
	s->created = rows_int(rows, 18);
	s->expires = rows_int(rows, 19);
	rows_done(rows);
	*ret = s;
	return true;
}

bool
enroll_session_get(TALLOC_CTX *ctx, struct db *db, const char *id, struct enroll_session **ret, struct err *err)
{
	return from_rows(ctx, db_query(ctx, db, "SELECT " COLUMNS " FROM enroll_session WHERE id = $1", db_text(id)),
			 ret, err);
}

bool
enroll_session_find(TALLOC_CTX *ctx, struct db *db, const char *token, struct enroll_session **ret, struct err *err)
{
	char hash[SECRET_HASH_SIZE];

	return from_rows(ctx, db_query(ctx, db, "SELECT " COLUMNS " FROM enroll_session WHERE token_hash = $1",
				       db_text(secret_hash(strlen(token) <= ENROLL_TOKEN_MAX ? token : "", hash))), ret, err);
}

bool
enroll_session_open(const struct enroll_session *s, struct err *err)
{
	bool ended = strcmp(s->state, "done") == 0 || strcmp(s->state, "failed") == 0 ||
		     strcmp(s->state, "expired") == 0;

	if (ended)
		return err_set(err, ERR_MISSING, "its enrollment session has ended: %s", s->state);
	return s->expires > clock_now() || err_set(err, ERR_MISSING, "its enrollment session has expired");
}

bool
enroll_session_by_token(TALLOC_CTX *ctx, struct db *db, const char *token, struct enroll_session **ret, struct err *err)
{
	struct enroll_session *s;

	if (!enroll_session_find(ctx, db, token, &s, err) || !enroll_session_open(s, err))
		return false;
	*ret = s;
	return true;
}

/* ---- the steps ---- */

/* Devices of the session's person beside this one: what is enrolled, and what is about to be. */
static bool
has_room(struct db *tx, const char *id, const char *udid, struct err *err)
{
	void *ctx SCOPED(mem) = mem_must(talloc_new(NULL));
	struct rows *rows = db_query(ctx, tx, "SELECT s.devices_max, (SELECT count(DISTINCT e.device_id) FROM enrollment e"
		" JOIN device d ON d.id = e.device_id WHERE e.person_id = s.person_id AND d.udid <> $1"
		" AND (e.state = 'enrolled' OR (e.state = 'staged' AND e.created > $2)))"
		" FROM enroll_session s WHERE s.id = $3 AND s.person_id IS NOT NULL", db_text(udid),
		db_int(clock_now() - DAY_S), db_text(id));
	enum rows_step step = rows_next(rows, err);

	if (step != ROWS_ROW)
		return step == ROWS_END;	/* nobody's: no limit */
	return rows_int(rows, 1) < rows_int(rows, 0) ||
	       err_code(err, ERR_CONFLICT, "too_many_devices", "this person has set up %lld devices already",
			(long long)rows_int(rows, 1));
}

/* Nothing is given again once a certificate of this purpose came of it. */
#define NO_CERTIFICATE(purpose) " AND NOT EXISTS (SELECT 1 FROM certificate c WHERE c.session_id = enroll_session.id" \
				" AND c.purpose = '" purpose "')"
#define STEP " changed = CAST($2 AS BIGINT), expires = CASE WHEN expires < $3 THEN CAST($3 AS BIGINT) ELSE expires END"

/* A device may change hands, and so may a stolen UDID: that it was with somebody else is said. */
static bool
audit_answered(struct db *tx, const struct enroll_session *s, const struct device_answer *a, struct err *err)
{
	void *ctx SCOPED(mem) = mem_must(talloc_new(NULL));
	struct rows *rows = db_query(ctx, tx, "SELECT p.name FROM device d JOIN enrollment e ON e.id = d.enrollment_id"
		" JOIN person p ON p.id = e.person_id WHERE d.udid = $1 AND e.state = 'enrolled' AND e.person_id <> $2",
		db_text(a->udid), db_text(s->person_id ? s->person_id : ""));
	enum rows_step step = rows_next(rows, err);
	const char *whose = step == ROWS_ROW ? rows_text(ctx, rows, 0) : NULL;

	rows_done(rows);
	return step != ROWS_FAILED && audit_add(tx, "device", "enroll.answered", s->id, whose ?
		mem_printf(ctx, "%s, enrolled by %s until now", a->product, whose) : a->product, err);
}

bool
enroll_session_answered(struct db *tx, const struct enroll_session *s, const struct device_answer *a, struct err *err)
{
	char hash[SECRET_HASH_SIZE], by[X509_FINGERPRINT_SIZE];

	if (!has_room(tx, s->id, a->udid, err) ||
	    !db_run(tx, err, "UPDATE enroll_session SET repeats = CASE WHEN state = 'offered' THEN 0 ELSE repeats + 1 END,"
		    " state = 'answered', answered_by = $4, udid = $5, serial = $6, product = $7, version = $8,"
		    " device_name = $9, imei = $10," STEP " WHERE id = $1 AND expires > $2 AND challenge_hash = $11"
		    " AND kind = 'ota' AND (state = 'offered' OR (state = 'answered' AND answered_by = $4 AND udid = $5"
		    " AND repeats < $12))" NO_CERTIFICATE("ota"), db_text(s->id), db_now(),
		    db_int(clock_now() + ENROLL_STEP_S), db_text(x509_der_sha256(a->certificate, by)), db_text(a->udid), db_text(a->serial),
		    db_text(a->product), db_text(a->version), db_text(a->name), db_text(*a->imei ? a->imei : a->meid),
		    db_text(secret_hash(a->challenge, hash)), db_int(ENROLL_REPEATS_MAX)))
		return false;
	if (!db_changed(tx))
		return err_code(err, ERR_DENIED, "bad_challenge",
				"its challenge is unknown, used, expired or another session's");
	return audit_answered(tx, s, a, err);
}

static bool
not_now(struct err *err)
{
	return err_code(err, ERR_DENIED, "not_now", "this is not the next step of its enrollment session");
}

bool
enroll_session_issued(struct db *tx, const struct enroll_session *s, const char *topic, struct err *err)
{
	if (!has_room(tx, s->id, s->udid, err) ||
	    !db_run(tx, err, "UPDATE enroll_session SET repeats = CASE WHEN state = 'answered' THEN 0 ELSE repeats + 1 END,"
		    " state = 'issued', topic = $4," STEP " WHERE id = $1 AND expires > $2 AND kind = 'ota'"
		    " AND approval IN ('', 'approved') AND (state = 'answered' OR (state = 'issued' AND repeats < $5))" NO_CERTIFICATE("mdm"),
		    db_text(s->id), db_now(), db_int(clock_now() + ENROLL_STEP_S), db_text(topic),
		    db_int(ENROLL_REPEATS_MAX)))
		return false;
	return db_changed(tx) ? audit_add(tx, "device", "enroll.issued", s->id, s->product, err) : not_now(err);
}

bool
enroll_session_direct(struct db *tx, const struct enroll_session *s, const char *topic, struct err *err)
{
	if (!has_room(tx, s->id, "", err) ||
	    !db_run(tx, err, "UPDATE enroll_session SET repeats = CASE WHEN state = 'offered' THEN 0 ELSE repeats + 1 END,"
		    " state = 'issued', kind = 'direct', topic = $4," STEP " WHERE id = $1 AND expires > $2"
		    " AND approval IN ('', 'approved') AND (state = 'offered' OR (state = 'issued' AND kind = 'direct' AND repeats < $5))"
		    NO_CERTIFICATE("mdm"), db_text(s->id), db_now(), db_int(clock_now() + ENROLL_STEP_S),
		    db_text(topic), db_int(ENROLL_REPEATS_MAX)))
		return false;
	return db_changed(tx) ? audit_add(tx, "device", "enroll.issued", s->id, "direct", err) : not_now(err);
}

struct refusal {
	const struct enroll_session *session;
	const char *code, *why;
};

static bool
tx_refused(struct db *tx, void *arg, struct err *err)
{
	const struct refusal *r = arg;

	return db_run(tx, err, "UPDATE enroll_session SET refusals = refusals + 1, why = $2, changed = CAST($3 AS BIGINT),"
		      " state = CASE WHEN refusals + 1 >= $4 AND state IN ('offered', 'answered', 'issued') THEN 'failed'"
		      " ELSE state END WHERE id = $1", db_text(r->session->id), db_text(r->code), db_now(),
		      db_int(ENROLL_REFUSALS_MAX)) &&
	       audit_add(tx, "device", "enroll.refused", r->session->id, r->why, err);
}

bool
enroll_session_refused(struct db *db, const struct enroll_session *s, const struct err *why, struct err *err)
{
	char text[sizeof why->path + sizeof why->cause + 2];
	struct refusal r = { s, why->code, err_text(why, text, sizeof text) };

	return db_tx(db, tx_refused, &r, err);
}

/* ---- check-in ---- */

/* Behind the end of the session too: its certificate is the proof, and iOS may have been slow. */
bool
enroll_session_staged(struct db *tx, const char *id, const char *udid, struct err *err)
{
	if (!has_room(tx, id, udid, err) ||
	    !db_run(tx, err, "UPDATE enroll_session SET state = CASE WHEN state = 'issued' THEN 'staged' ELSE state END,"
		    " udid = $2, changed = CAST($3 AS BIGINT) WHERE id = $1 AND state IN ('issued', 'staged', 'done')"
		    " AND (udid = '' OR udid = $2)", db_text(id), db_text(udid), db_now()))
		return false;
	return db_changed(tx) || err_code(err, ERR_DENIED, "other_device",
					  "its enrollment session is another device's, or did not come so far");
}

bool
enroll_session_done(struct db *tx, const char *id, const char *enrollment_id, struct err *err)
{
	if (!db_run(tx, err, "UPDATE enroll_session SET state = 'done', enrollment_id = $2, changed = CAST($3 AS BIGINT)"
		    " WHERE id = $1 AND (state IN ('staged', 'done') OR (state = 'issued' AND kind = 'renewal'))",
		    db_text(id), db_text(enrollment_id), db_now()))
		return false;
	return db_changed(tx) || not_now(err);
}

/* ---- renewal ---- */

static bool
wish_of_enrollment(struct db *tx, TALLOC_CTX *ctx, const char *enrollment_id, const struct enroll_wish *wish,
		   struct enroll_wish *ret, const char **device_udid_, struct err *err)
{
	struct rows *rows = db_query(ctx, tx, "SELECT e.person_id, e.access_rights, d.udid, s.identifier, s.url, e.topic"
		" FROM enrollment e JOIN device d ON d.id = e.device_id LEFT JOIN enroll_session s ON s.id = e.session_id"
		" WHERE e.id = $1 AND e.state = 'enrolled'", db_text(enrollment_id));

	if (!rows_one(rows, err, "no such enrollment"))
		return false;
	*ret = *wish;
	ret->person_id = rows_text(ctx, rows, 0);
	ret->access_rights = rows_int(rows, 1);
	*device_udid_ = rows_text(ctx, rows, 2);
	if (!rows_null(rows, 3)) {
		ret->identifier = rows_text(ctx, rows, 3);
		ret->url = rows_text(ctx, rows, 4);
	}
	rows_done(rows);
	return true;
}

bool
enroll_session_renew(struct db *tx, TALLOC_CTX *ctx, const char *enrollment_id, const struct enroll_wish *wish,
		     char **id, char **token, struct err *err)
{
	char *name = secret_id(ctx), *text = secret_token(ctx);
	struct enroll_wish same;
	const char *udid;

	if (!wish_of_enrollment(tx, ctx, enrollment_id, wish, &same, &udid, err) ||
	    !db_run(tx, err, "UPDATE enroll_session SET state = 'expired', changed = CAST($2 AS BIGINT)"
		    " WHERE enrollment_id = $1 AND kind = 'renewal' AND state = 'issued'" NO_CERTIFICATE("mdm"),
		    db_text(enrollment_id), db_now()) ||
	    !insert(tx, name, text, "renewal", "issued", enrollment_id, &same, err) ||
	    !db_run(tx, err, "UPDATE enroll_session SET udid = $2, topic = (SELECT CASE WHEN e.topic = '' THEN CAST($4 AS TEXT)"
		    " ELSE e.topic END FROM enrollment e WHERE e.id = $3) WHERE id = $1", db_text(name), db_text(udid),
		    db_text(enrollment_id), db_text(wish->topic ? wish->topic : "")) ||
	    !audit_add(tx, wish->actor, "enroll.renew", name, enrollment_id, err))
		return false;
	*id = name;
	*token = text;
	return true;
}

bool
enroll_session_renewed(struct db *tx, const char *id, const char *enrollment_id, struct err *err)
{
	return !id || db_run(tx, err, "UPDATE enroll_session SET state = 'done', changed = CAST($1 AS BIGINT) WHERE id = $2"
			     " AND kind = 'renewal' AND enrollment_id = $3 AND state IN ('issued', 'expired')", db_now(),
			     db_text(id), db_text(enrollment_id));
}

bool
enroll_session_void(struct db *tx, const char *enrollment_id, const char *session_id, const char *but, struct err *err)
{
	void *ctx SCOPED(mem) = mem_must(talloc_new(NULL));
	struct rows *rows = db_query(ctx, tx, "SELECT id FROM enroll_session WHERE (id = $1 OR enrollment_id = $2)"
		" AND id <> $3", db_text(session_id ? session_id : ""), db_text(enrollment_id), db_text(but ? but : ""));
	const char **all;
	size_t n;

	if (!rows_texts(ctx, rows, &all, &n, err))
		return false;
	for (size_t i = 0; i < n; i++)
		if (!challenge_void(tx, all[i], CA_MDM, err))
			return false;
	return db_run(tx, err, "UPDATE enroll_session SET state = 'expired', changed = CAST($1 AS BIGINT)"
		      " WHERE enrollment_id = $2 AND kind = 'renewal' AND state IN ('issued', 'staged') AND id <> $3",
		      db_now(), db_text(enrollment_id), db_text(but ? but : ""));
}

/* ---- what led nowhere ---- */

bool
enroll_session_sweep(struct db *db, struct err *err)
{
	int64_t now = clock_now();

	return db_run(db, err, "UPDATE enroll_session SET state = 'expired', changed = CAST($1 AS BIGINT)"
		      " WHERE state IN ('offered', 'answered') AND expires <= $1", db_int(now)) &&
	       db_run(db, err, "UPDATE enroll_session SET state = 'expired', changed = CAST($1 AS BIGINT)"
		      " WHERE state IN ('issued', 'staged') AND expires <= $2", db_int(now), db_int(now - ENROLL_LATE_S)) &&
	       db_run(db, err, "DELETE FROM enroll_session WHERE state IN ('expired', 'failed') AND changed < $1"
		      NO_CERTIFICATE("mdm"), db_int(now - ENROLL_KEEP_S));
}
