/* Tables `registration_challenge`, `registration_refusal`, `tester_device` and `device_app`. */
#include "catalog/registration.h"
#include "core/audit.h"
#include "core/clock.h"
#include "core/secret.h"
#include <string.h>

#define TOKEN_MAX	64	/* characters of a challenge or view; longer ones are none of ours */

/* ---- challenges ---- */

struct fresh {
	const struct link *link;
	char hash[SECRET_HASH_SIZE];
};

static bool
tx_challenge(struct db *tx, void *arg, struct err *err)
{
	struct fresh *f = arg;

	if (!db_run(tx, err, "INSERT INTO registration_challenge (hash, link_id, expires, created)"
		    " SELECT $1, id, CAST($2 AS BIGINT), CAST($3 AS BIGINT) FROM link WHERE id = $4"
		    " AND (SELECT count(*) FROM registration_challenge c WHERE c.link_id = $4 AND c.view = ''"
		    " AND c.expires > $3) < $5",
		    db_text(f->hash), db_int(clock_now() + CHALLENGE_S), db_now(), db_text(f->link->id),
		    db_int(CHALLENGES_MAX)))
		return false;
	return db_changed(tx) || err_set(err, ERR_RATE, "this link was used to begin %d registrations within the"
					 " hour; try again later", CHALLENGES_MAX);
}

bool
registration_challenge(TALLOC_CTX *ctx, struct db *db, const struct link *link, char **challenge, struct err *err)
{
	char *text = secret_token(ctx);
	struct fresh f = { link, "" };

	secret_hash(text, f.hash);
	if (!db_tx(db, tx_challenge, &f, err))
		return false;
	*challenge = text;
	return true;
}

/* ---- answers that are refused ---- */

bool
registration_may_answer(struct db *db, const struct link *link, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, db, "SELECT count(*) FROM registration_refusal WHERE link_id = $1"
				     " AND since > $2 AND count >= $3", db_text(link->id),
				     db_int(clock_now() - HOUR_S), db_int(REFUSALS_MAX));

	if (!rows_one(rows, err, "no answer"))
		return false;
	return !rows_int(rows, 0) || err_set(err, ERR_RATE, "%d answers to this link were refused within the hour",
					     REFUSALS_MAX);
}

struct refusal {
	const struct link *link;
	const char *why;
};

static bool
tx_refused(struct db *tx, void *arg, struct err *err)
{
	struct refusal *r = arg;

	return db_run(tx, err, "INSERT INTO registration_refusal (link_id, since, count)"
		      " VALUES ($1, CAST($2 AS BIGINT), 1) ON CONFLICT (link_id) DO UPDATE SET"
		      " count = CASE WHEN registration_refusal.since > $3 THEN registration_refusal.count + 1 ELSE 1 END,"
		      " since = CASE WHEN registration_refusal.since > $3 THEN registration_refusal.since"
		      " ELSE excluded.since END", db_text(r->link->id), db_now(), db_int(clock_now() - HOUR_S)) &&
	       audit_add(tx, "device", "device.refused", r->link->id, r->why, err);
}

bool
registration_refused(struct db *db, const struct link *link, const struct err *why, struct err *err)
{
	char text[sizeof why->path + sizeof why->cause + 2];
	struct refusal r = { link, err_text(why, text, sizeof text) };

	return db_tx(db, tx_refused, &r, err);
}

/* ---- answers that are taken ---- */

struct take {
	TALLOC_CTX *ctx;
	const struct link *link;
	const struct device_answer *answer;
	char challenge[SECRET_HASH_SIZE], view[SECRET_HASH_SIZE];
	const char *id;		/* of a device that is new */
};

/* A device keeps the contact it had when a link to nobody in particular brings it again. */
static bool
put_device(TALLOC_CTX *ctx, struct db *tx, const struct take *t, const char **id, struct err *err)
{
	struct rows *rows = db_query(ctx, tx, "INSERT INTO tester_device (id, udid, product, version, name, contact_id,"
		" created, changed) VALUES ($1, $2, $3, $4, $5, $6, CAST($7 AS BIGINT), CAST($7 AS BIGINT))"
		" ON CONFLICT (udid) DO UPDATE SET product = excluded.product, version = excluded.version,"
		" name = excluded.name, contact_id = COALESCE(excluded.contact_id, tester_device.contact_id),"
		" changed = excluded.changed RETURNING id",
		db_text(t->id), db_text(t->answer->udid), db_text(t->answer->product), db_text(t->answer->version),
		db_text(t->answer->name), db_text(t->link->contact_id), db_now());

	if (!rows_one(rows, err, "no row came back"))
		return false;
	*id = rows_text(ctx, rows, 0);
	rows_done(rows);
	return true;
}

#define LISTS_IT "EXISTS (SELECT 1 FROM build_device d WHERE d.build_id = $2 AND (d.udid = $3 OR d.udid = '*'))"

static bool
put_app(struct db *tx, const struct take *t, const char *id, struct err *err)
{
	return db_run(tx, err, "INSERT INTO device_app (device_id, app_id, link_id, channel_id, person_id, pin, sign_in, since,"
		      " state, build_id, created, changed) SELECT $1, l.app_id, l.id, l.channel_id, l.person_id,"
		      " l.pin <> '', l.sign_in, l.created, CASE WHEN " LISTS_IT " THEN 'invited' ELSE 'waiting' END,"
		      " CASE WHEN " LISTS_IT " THEN $2 END, CAST($4 AS BIGINT), CAST($4 AS BIGINT)"
		      " FROM link l WHERE l.id = $5 ON CONFLICT (device_id, app_id) DO UPDATE SET"
		      " link_id = excluded.link_id, channel_id = excluded.channel_id, person_id = excluded.person_id,"
		      " pin = excluded.pin, sign_in = excluded.sign_in, since = excluded.since, state = excluded.state,"
		      " build_id = excluded.build_id, told = FALSE, changed = excluded.changed",
		      db_text(id), db_text(t->link->build_id ? t->link->build_id : ""), db_text(t->answer->udid),
		      db_now(), db_text(t->link->id));
}

static bool
tx_take(struct db *tx, void *arg, struct err *err)
{
	struct take *t = arg;
	void *ctx SCOPED(mem) = talloc_new(NULL);
	const char *id;

	if (!db_run(tx, err, "UPDATE registration_challenge SET view = $1 WHERE hash = $2 AND link_id = $3"
		    " AND view = '' AND expires > $4", db_text(t->view), db_text(t->challenge), db_text(t->link->id),
		    db_now()))
		return false;
	if (!db_changed(tx))
		return err_code(err, ERR_DENIED, "bad_challenge",
				"its challenge is unknown, used, expired or another link's");
	return put_device(ctx, tx, t, &id, err) && put_app(tx, t, id, err) &&
	       registration_offered(tx, t->link->app_id, err) &&	/* perhaps a build that is here lists it */
	       db_run(tx, err, "UPDATE registration_challenge SET device_id = $1 WHERE hash = $2", db_text(id),
		      db_text(t->challenge)) &&
	       audit_add(tx, "device", "device.register", id, mem_printf(ctx, "%s for %s by link %s, signature %s",
			 t->answer->product, t->link->bundle_id, t->link->id,
			 device_signer_name(t->answer->signer)), err);
}

bool
registration_take(TALLOC_CTX *ctx, struct db *db, const struct link *link, const struct device_answer *answer,
		  char **view, struct err *err)
{
	void *here SCOPED(mem) = talloc_new(NULL);
	struct take t = { .link = link, .answer = answer, .id = secret_id(here) };
	char *text = secret_token(ctx);

	secret_hash(strlen(answer->challenge) <= TOKEN_MAX ? answer->challenge : "", t.challenge);
	secret_hash(text, t.view);
	if (!db_tx(db, tx_take, &t, err))
		return false;
	*view = text;
	return true;
}

bool
registration_view(struct db *db, const struct link *link, const char *view, json_t **ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	char hash[SECRET_HASH_SIZE];
	struct rows *rows = db_query(ctx, db, "SELECT t.name, t.product, t.version, c.name, x.state"
		" FROM registration_challenge r JOIN tester_device t ON t.id = r.device_id"
		" JOIN link l ON l.id = r.link_id JOIN device_app x ON x.device_id = t.id AND x.app_id = l.app_id"
		" LEFT JOIN contact c ON c.id = t.contact_id WHERE r.view = $1 AND r.link_id = $2 AND r.created > $3",
		db_text(secret_hash(strlen(view) <= TOKEN_MAX ? view : "", hash)), db_text(link->id),
		db_int(clock_now() - REGISTRATION_VIEW_S));

	if (!rows_one(rows, err, "nothing was registered so"))
		return false;
	*ret = json_pack("{s:s, s:s, s:s, s:s?, s:s}", "name", rows_text(ctx, rows, 0), "product", rows_text(ctx, rows, 1),
			 "version", rows_text(ctx, rows, 2), "contact", rows_text(ctx, rows, 3),
			 "state", rows_text(ctx, rows, 4));
	return true;
}

bool
registration_fit(struct db *db, const char *contact_id, const char *build_id, enum registration_fit *ret,
		 struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, db, "SELECT EXISTS (SELECT 1 FROM build_device d WHERE d.build_id = $1"
		" AND d.udid = '*'), (SELECT count(*) FROM tester_device t WHERE t.contact_id = $2),"
		" EXISTS (SELECT 1 FROM tester_device t JOIN build_device d ON d.udid = t.udid AND d.build_id = $1"
		" WHERE t.contact_id = $2)", db_text(build_id), db_text(contact_id ? contact_id : ""));

	if (!rows_one(rows, err, "no answer"))
		return false;
	*ret = rows_bool(rows, 0) ? FIT_ANY : rows_bool(rows, 2) ? FIT_LISTED :
	       rows_int(rows, 1) ? FIT_WAITING : FIT_UNKNOWN;
	return true;
}

/* A device that is registered for no other app goes as well: nobody would see it. */
bool
registration_revoked(struct db *tx, const char *link_id, struct err *err)
{
	return db_run(tx, err, "DELETE FROM tester_device WHERE EXISTS (SELECT 1 FROM device_app w"
		      " WHERE w.device_id = tester_device.id AND w.link_id = $1 AND w.state = 'waiting') AND NOT EXISTS"
		      " (SELECT 1 FROM device_app w WHERE w.device_id = tester_device.id"
		      " AND (w.link_id IS NULL OR w.link_id <> $1 OR w.state <> 'waiting'))", db_text(link_id)) &&
	       db_run(tx, err, "DELETE FROM device_app WHERE link_id = $1 AND state = 'waiting'", db_text(link_id));
}

bool
registration_sweep(struct db *db, struct err *err)
{
	int64_t now = clock_now();

	return db_run(db, err, "DELETE FROM registration_challenge WHERE created < $1",
		      db_int(now - REGISTRATION_VIEW_S)) &&
	       db_run(db, err, "DELETE FROM registration_refusal WHERE since < $1", db_int(now - HOUR_S));
}
