/* Table `own_mobileconfig`: what happens to it.  Its certificates are those of its sessions. */
#include "mdm/own_mobileconfig.h"
#include "core/audit.h"
#include "core/clock.h"
#include "core/secret.h"
#include "mdm/certificate.h"
#include "mdm/command.h"
#include "mdm/own_session.h"
#include "mdm/queue.h"
#include "mdm/verb.h"
#include <string.h>

#define SWEEP_MAX	500	/* in one transaction; the rest an hour later */
#define SUPERSEDED	"superseded"

/* ---- given out ---- */

bool
own_put(struct db *tx, TALLOC_CTX *ctx, const struct own_put *put, char **id, struct err *err)
{
	struct rows *rows;

	if (!db_run(tx, err, "INSERT INTO own_mobileconfig (id, person_id, mobileconfig_id, identifier, title, udid, device_id,"
		    " product, device_name, state, created, changed) VALUES ($1, $2, $3, $4, $5, $6,"
		    " (SELECT d.id FROM device d WHERE d.udid = $6 AND d.enrollment_id IS NOT NULL), $7, $8, 'offered', $9, $9)"
		    " ON CONFLICT (person_id, mobileconfig_id, udid) DO UPDATE SET identifier = excluded.identifier,"
		    " title = excluded.title, device_id = excluded.device_id, why = '', changed = excluded.changed,"
		    " product = excluded.product, device_name = excluded.device_name,"
		    " state = CASE WHEN own_mobileconfig.state = 'installed' THEN 'installed' ELSE 'offered' END",
		    db_text(secret_id(ctx)), db_text(put->person_id), db_text(put->mobileconfig_id), db_text(put->identifier),
		    db_text(put->title), db_text(put->udid), db_text(put->product), db_text(put->device_name), db_now()))
		return false;
	rows = db_query(ctx, tx, "SELECT id FROM own_mobileconfig WHERE person_id = $1 AND mobileconfig_id = $2 AND udid = $3",
			db_text(put->person_id), db_text(put->mobileconfig_id), db_text(put->udid));
	if (!rows_one(rows, err, "it was not kept"))
		return false;
	*id = rows_text(ctx, rows, 0);
	rows_done(rows);
	return true;
}

bool
own_get(TALLOC_CTX *ctx, struct db *db, const char *id, struct own_mobileconfig **ret, struct err *err)
{
	struct own_mobileconfig *own = mem_new(ctx, struct own_mobileconfig);
	struct rows *rows = db_query(own, db, "SELECT id, person_id, mobileconfig_id, identifier, title, udid, device_id, state"
				     " FROM own_mobileconfig WHERE id = $1", db_text(id));
	const char **texts[] = { &own->id, &own->person_id, &own->mobileconfig_id, &own->identifier, &own->title, &own->udid,
				 &own->device_id, &own->state };

	if (!rows_one(rows, err, "no such mobileconfig")) {
		talloc_free(own);
		return false;
	}
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		*texts[i] = rows_text(own, rows, (int)i);
	rows_done(rows);
	*ret = own;
	return true;
}

/* ---- its certificates ---- */

struct cert {
	const char *sha256, *subject, *serial;
	int64_t issued;
	bool listed;		/* on its managed device */
	bool command;		/* came there as a command */
	bool embedded;		/* inside the mobileconfig, not by SCEP */
};
struct certs {
	struct cert *all;	/* those that are good, the newest first */
	size_t n;
};

static bool
read_certs(TALLOC_CTX *ctx, struct db *tx, const char *id, struct certs *ret, struct err *err)
{
	struct rows *rows = db_query(ctx, tx, "SELECT c.sha256, c.subject, c.serial, c.issued, EXISTS (SELECT 1 FROM"
		" installed_certificate i WHERE i.device_id = o.device_id AND i.sha256 = c.sha256), s.way = 'command', s.embedded"
		" FROM own_mobileconfig o"
		" JOIN own_session s ON s.own_id = o.id JOIN certificate c ON c.session_id = s.id"
		" WHERE o.id = $1 AND c.purpose || '' = 'person' AND c.revoked IS NULL ORDER BY c.turn DESC, c.sha256", db_text(id));
	enum rows_step step;

	*ret = (struct certs){ 0 };
	while ((step = rows_next(rows, err)) == ROWS_ROW) {
		ret->all = mem_grow(ctx, ret->all, struct cert, ret->n + 1);
		ret->all[ret->n++] = (struct cert){ rows_text(ctx, rows, 0), rows_text(ctx, rows, 1), rows_text(ctx, rows, 2),
						    rows_int(rows, 3), rows_bool(rows, 4), rows_bool(rows, 5), rows_bool(rows, 6) };
	}
	rows_done(rows);
	return step != ROWS_FAILED;
}

static bool
revoke_one(struct db *tx, TALLOC_CTX *ctx, const char *actor, const struct cert *cert, const char *reason, struct err *err)
{
	return certificate_revoke(tx, cert->sha256, reason, err) &&
	       audit_add(tx, actor, "certificate.revoke", cert->subject,
			 mem_printf(ctx, "serial %s, %s", cert->serial, reason), err);
}

/* All that came before `seen`, which is one of them. */
static bool
revoke_behind(struct db *tx, TALLOC_CTX *ctx, const char *actor, const struct certs *certs, const struct cert *seen,
	      struct err *err)
{
	for (const struct cert *cert = seen + 1; cert < certs->all + certs->n; cert++)
		if (!revoke_one(tx, ctx, actor, cert, SUPERSEDED, err))
			return false;
	return true;
}

static bool
revoke_all(struct db *tx, TALLOC_CTX *ctx, const char *actor, const char *id, const char *reason, struct err *err)
{
	struct certs certs;

	if (!read_certs(ctx, tx, id, &certs, err))
		return false;
	for (size_t i = 0; i < certs.n; i++)
		if (!revoke_one(tx, ctx, actor, &certs.all[i], reason, err))
			return false;
	return true;
}

static bool
set_state(struct db *tx, const char *id, const char *state, struct err *err)
{
	return db_run(tx, err, "UPDATE own_mobileconfig SET state = $2, why = '', changed = CAST($3 AS BIGINT) WHERE id = $1",
		      db_text(id), db_text(state), db_now());
}

/* ---- by people ---- */

struct act {
	const char *actor, *id, *person_id, *reason;
	bool (*fn)(struct db *, TALLOC_CTX *, const struct act *, const struct own_mobileconfig *, struct err *);
};

static bool
tx_act(struct db *tx, void *arg, struct err *err)
{
	void *ctx SCOPED(mem) = mem_must(talloc_new(NULL));
	const struct act *a = arg;
	struct own_mobileconfig *own;

	if (!own_get(ctx, tx, a->id, &own, err))
		return false;
	if (a->person_id && strcmp(own->person_id, a->person_id) != 0)
		return err_set(err, ERR_MISSING, "no such mobileconfig");
	return a->fn(tx, ctx, a, own, err);
}

static bool
works(struct db *tx, TALLOC_CTX *ctx, const struct act *a, const struct own_mobileconfig *own, struct err *err)
{
	struct certs certs;

	return read_certs(ctx, tx, own->id, &certs, err) &&
	       (!certs.n || revoke_behind(tx, ctx, a->actor, &certs, &certs.all[0], err)) &&
	       set_state(tx, own->id, "installed", err) && audit_add(tx, a->actor, "own.works", own->id, own->title, err);
}

bool
own_works(struct db *db, const char *actor, const char *id, const char *person_id, struct err *err)
{
	return db_tx(db, tx_act, &(struct act){ actor, id, person_id, NULL, works }, err);
}

static bool
removed(struct db *tx, TALLOC_CTX *ctx, const struct act *a, const struct own_mobileconfig *own, struct err *err)
{
	(void)ctx;
	return set_state(tx, own->id, "removed", err) && audit_add(tx, a->actor, "own.removed", own->id, own->title, err);
}

bool
own_removed(struct db *db, const char *actor, const char *id, const char *person_id, struct err *err)
{
	return db_tx(db, tx_act, &(struct act){ actor, id, person_id, NULL, removed }, err);
}

/* A way that is under way would bring the next certificate: it ends too. */
static bool
revoked(struct db *tx, TALLOC_CTX *ctx, const struct act *a, const struct own_mobileconfig *own, struct err *err)
{
	return own_session_void(tx, own->person_id, own->id, err) &&
	       own_session_void_begun(tx, own->person_id, own->mobileconfig_id, own->udid, err) && revoke_all(tx, ctx, a->actor, own->id, a->reason, err) &&
	       set_state(tx, own->id, "revoked", err) && audit_add(tx, a->actor, "own.revoke", own->id, own->title, err);
}

bool
own_revoke(struct db *db, const char *actor, const char *id, const char *person_id, const char *reason, struct err *err)
{
	if (certificate_reason(reason) < 0)
		return err_set(err, ERR_INVALID, "\"%.40s\" is no reason for revoking", reason);
	return db_tx(db, tx_act, &(struct act){ actor, id, person_id, reason, revoked }, err);
}

/* ---- seen ---- */

struct seen {
	TALLOC_CTX *ctx;
	const char *sha256, *id;
};

static bool
tx_seen(struct db *tx, void *arg, struct err *err)
{
	const struct seen *s = arg;
	struct certs certs;

	if (!read_certs(s->ctx, tx, s->id, &certs, err))
		return false;
	for (size_t i = 0; i < certs.n; i++)
		if (strcmp(certs.all[i].sha256, s->sha256) == 0)
			return revoke_behind(tx, s->ctx, "house", &certs, &certs.all[i], err) &&
			       db_run(tx, err, "UPDATE own_mobileconfig SET state = 'installed', changed = CAST($2 AS BIGINT)"
				      " WHERE id = $1 AND state <> 'installed'", db_text(s->id), db_now());
	return true;
}

bool
own_seen(TALLOC_CTX *ctx, struct db *db, const char *sha256, const char **whose, struct err *err)
{
	struct rows *rows = db_query(ctx, db, "SELECT o.id, o.person_id, o.state, (SELECT count(*) FROM certificate x"
		" JOIN own_session y ON y.id = x.session_id WHERE y.own_id = o.id AND x.purpose || '' = 'person' AND x.revoked IS NULL),"
		" c.revoked FROM certificate c JOIN own_session s ON s.id = c.session_id JOIN own_mobileconfig o ON o.id = s.own_id"
		" WHERE c.sha256 = $1 AND c.purpose = 'person'", db_text(sha256));
	enum rows_step step = rows_next(rows, err);
	struct seen s = { ctx, sha256, NULL };
	bool news;

	*whose = NULL;
	if (step != ROWS_ROW)
		return step == ROWS_END;
	s.id = rows_text(ctx, rows, 0);
	*whose = rows_text(ctx, rows, 1);
	news = rows_null(rows, 4) && (strcmp(rows_text(ctx, rows, 2), "installed") != 0 || rows_int(rows, 3) > 1);
	rows_done(rows);
	return !news || db_tx(db, tx_seen, &s, err);
}

bool
own_whose(TALLOC_CTX *ctx, struct db *db, const char *sha256, const char **whose, bool *revoked_, struct err *err)
{
	struct rows *rows = db_query(ctx, db, "SELECT s.person_id, c.revoked FROM certificate c JOIN own_session s"
				     " ON s.id = c.session_id WHERE c.sha256 = $1 AND c.purpose = 'person'", db_text(sha256));
	enum rows_step step = rows_next(rows, err);

	*whose = step == ROWS_ROW ? rows_text(ctx, rows, 0) : NULL;
	*revoked_ = step == ROWS_ROW && !rows_null(rows, 1);
	rows_done(rows);
	return step != ROWS_FAILED;
}

/* ---- what a managed device lists ---- */

/* Ids of rows, all read before any is changed; ends with NULL. */
static bool
read_ids(TALLOC_CTX *ctx, struct rows *rows, const char ***ret, struct err *err)
{
	size_t n;

	return rows_texts(ctx, rows, ret, &n, err);
}

static bool
all_removed(struct db *tx, const char *const *ids, struct err *err)
{
	for (; *ids; ids++)
		if (!set_state(tx, *ids, "removed", err) || !audit_add(tx, "device", "own.removed", *ids, NULL, err))
			return false;
	return true;
}

static bool
listed_mobileconfigs(struct db *tx, TALLOC_CTX *ctx, const char *device_id, struct err *err)
{
	const char **gone;

	if (!db_run(tx, err, "UPDATE own_mobileconfig SET state = 'installed', why = '', changed = CAST($2 AS BIGINT)"
		    " WHERE device_id = $1 AND state IN ('offered', 'removed') AND EXISTS (SELECT 1 FROM"
		    " installed_mobileconfig i WHERE i.device_id = $1 AND i.identifier = own_mobileconfig.identifier)",
		    db_text(device_id), db_now()) ||
	    !read_ids(ctx, db_query(ctx, tx, "SELECT o.id FROM own_mobileconfig o WHERE o.device_id = $1 AND o.state = 'installed'"
		      " AND NOT EXISTS (SELECT 1 FROM installed_mobileconfig i WHERE i.device_id = $1"
		      " AND i.identifier = o.identifier)", db_text(device_id)), &gone, err))
		return false;
	return all_removed(tx, gone, err);
}

/* The newest that is there; what came before it is good no more, and what is newer may still be on its way. */
static bool
listed_certificates(struct db *tx, TALLOC_CTX *ctx, const char *device_id, struct err *err)
{
	const char **ids;

	if (!read_ids(ctx, db_query(ctx, tx, "SELECT id FROM own_mobileconfig WHERE device_id = $1", db_text(device_id)), &ids,
		      err))
		return false;
	for (; *ids; ids++) {
		const struct cert *seen = NULL;
		struct certs certs;

		if (!read_certs(ctx, tx, *ids, &certs, err))
			return false;
		for (size_t i = 0; i < certs.n && !seen; i++)
			seen = certs.all[i].listed ? &certs.all[i] : NULL;
		if (seen && !revoke_behind(tx, ctx, "house", &certs, seen, err))
			return false;
	}
	return true;
}

bool
own_listed(struct db *tx, const char *device_id, const char *request_type, struct err *err)
{
	void *ctx SCOPED(mem) = mem_must(talloc_new(NULL));

	return strcmp(request_type, "ProfileList") == 0 ? listed_mobileconfigs(tx, ctx, device_id, err) :
	       strcmp(request_type, "CertificateList") == 0 ? listed_certificates(tx, ctx, device_id, err) : true;
}

#define BY_COMMAND "'command' = (SELECT s.way FROM own_session s WHERE s.own_id = o.id ORDER BY s.turn DESC, s.id LIMIT 1)"

bool
own_device_ended(struct db *tx, const char *device_id, struct err *err)
{
	void *ctx SCOPED(mem) = mem_must(talloc_new(NULL));
	const char **ids;

	return read_ids(ctx, db_query(ctx, tx, "SELECT o.id FROM own_mobileconfig o WHERE o.device_id = $1"
				      " AND o.state = 'installed' AND " BY_COMMAND, db_text(device_id)), &ids, err) &&
	       all_removed(tx, ids, err);
}

/* Where the house may; what it brought as a command alone, since a device gives up nothing else. */
static bool
take_off(struct db *tx, TALLOC_CTX *ctx, const struct enrollment *e, const struct own_mobileconfig *own, struct err *err)
{
	const struct command_target target = { e->access_rights, e->kind, e->supervised };
	struct queue_wish wish = { .kind = VERB_KIND_CHANGES, .request_type = "RemoveProfile", .subject = own->title,
				   .priority = QUEUE_PRIORITY_PERSON, .created_by = "house",
				   .dedupe_key = mem_printf(ctx, "own_gone %s", own->id) };
	json_t *params = json_pack("{s:s}", "Identifier", own->identifier);
	struct err may;
	char *uuid;
	bool ok = !command_may(wish.request_type, params, &target, &may) ||
		  (command_write(ctx, wish.request_type, params, &wish.payload, err) &&
		   queue_add(tx, ctx, &wish, &e->id, 1, NULL, &uuid, err));

	json_decref(params);
	return ok;
}

bool
own_device_person(struct db *tx, const struct enrollment *e, const char *person_id, const char *actor, struct err *err)
{
	const struct act act = { .actor = actor, .reason = "affiliationChanged" };
	void *ctx SCOPED(mem) = mem_must(talloc_new(NULL));
	struct own_mobileconfig *own;
	const char **all, **there;

	if (!read_ids(ctx, db_query(ctx, tx, "SELECT o.id FROM own_mobileconfig o WHERE o.device_id = $1 AND o.state = 'installed'"
		      " AND o.person_id IS DISTINCT FROM $2 AND " BY_COMMAND, db_text(e->device_id), db_text(person_id)),
		      &there, err) ||
	    !read_ids(ctx, db_query(ctx, tx, "SELECT id FROM own_mobileconfig WHERE device_id = $1 AND state <> 'revoked'"
		      " AND person_id IS DISTINCT FROM $2", db_text(e->device_id), db_text(person_id)), &all, err))
		return false;
	for (; *there; there++)
		if (!own_get(ctx, tx, *there, &own, err) || !take_off(tx, ctx, e, own, err))
			return false;
	for (; *all; all++)
		if (!own_get(ctx, tx, *all, &own, err) || !revoked(tx, ctx, &act, own, err))
			return false;
	return true;
}

bool
own_not_taken(struct db *tx, const char *id, const char *why, struct err *err)
{
	return db_run(tx, err, "UPDATE own_mobileconfig SET why = $2, changed = CAST($3 AS BIGINT) WHERE id = $1", db_text(id),
		      db_text(why), db_now());
}

bool
own_delivered_again(struct db *tx, const char *id, struct err *err)
{
	void *ctx SCOPED(mem) = mem_must(talloc_new(NULL));
	const struct cert *last = NULL;
	struct certs certs;

	if (!read_certs(ctx, tx, id, &certs, err))
		return false;
	for (size_t i = 0; i < certs.n; i++) {
		const struct cert *cert = &certs.all[i];

		if (!cert->command || cert->listed)
			continue;
		if (last && !revoke_one(tx, ctx, "house", cert, SUPERSEDED, err))
			return false;
		last = cert;
	}
	return true;
}

/* ---- its person, and time ---- */

bool
own_person_ended(struct db *tx, const char *person_id, const char *actor, struct err *err)
{
	void *ctx SCOPED(mem) = mem_must(talloc_new(NULL));
	const char **ids;

	if (!own_session_void(tx, person_id, NULL, err) ||
	    !read_ids(ctx, db_query(ctx, tx, "SELECT id FROM own_mobileconfig WHERE person_id = $1 AND state <> 'revoked'",
				    db_text(person_id)), &ids, err))
		return false;
	for (; *ids; ids++)
		if (!revoke_all(tx, ctx, actor, *ids, "affiliationChanged", err) || !set_state(tx, *ids, "revoked", err) ||
		    !audit_add(tx, actor, "own.revoke", *ids, "its person may not sign in any more", err))
			return false;
	return true;
}

/*
 * Nobody says that the new one works: that it was asked for by SCEP a week ago says so, since iOS does that only while
 * it installs.  One that went out as PKCS #12 may have been declined in Settings: the old one is not ended by it.
 */
static bool
tx_sweep(struct db *tx, void *arg, struct err *err)
{
	void *ctx SCOPED(mem) = mem_must(talloc_new(NULL));
	int64_t before = clock_now() - OWN_OVERLAP_S;
	const char **ids;

	(void)arg;
	if (!read_ids(ctx, db_query(ctx, tx, "SELECT DISTINCT o.id FROM own_mobileconfig o JOIN own_session s ON s.own_id = o.id"
		" JOIN certificate c ON c.session_id = s.id JOIN own_session os ON os.own_id = o.id"
		" JOIN certificate oc ON oc.session_id = os.id AND oc.sha256 <> c.sha256"
		" WHERE c.purpose = 'person' AND c.revoked IS NULL AND c.issued < $1 AND NOT s.embedded"
		" AND oc.purpose = 'person' AND oc.revoked IS NULL AND oc.turn < c.turn"
		" AND NOT EXISTS (SELECT 1 FROM device d WHERE d.id = o.device_id AND d.enrollment_id IS NOT NULL) LIMIT $2",
		db_int(before), db_int(SWEEP_MAX)), &ids, err))
		return false;
	for (; *ids; ids++) {
		const struct cert *seen = NULL;
		struct certs certs;

		if (!read_certs(ctx, tx, *ids, &certs, err))
			return false;
		for (size_t i = 0; i < certs.n && !seen; i++)
			seen = !certs.all[i].embedded && certs.all[i].issued < before ? &certs.all[i] : NULL;
		if (seen && !revoke_behind(tx, ctx, "house", &certs, seen, err))
			return false;
	}
	return true;
}

bool
own_sweep(struct db *db, struct err *err)
{
	return db_tx(db, tx_sweep, NULL, err) && own_session_sweep(db, err);
}
