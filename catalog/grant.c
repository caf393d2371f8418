/* Tables `install_grant` and `grant_client`. */
#include "catalog/grant.h"
#include "catalog/build.h"
#include "catalog/install.h"
#include "catalog/link.h"
#include "catalog/rows.h"
#include "catalog/viewer.h"
#include "core/audit.h"
#include "core/clock.h"
#include "core/conf.h"
#include "core/count.h"
#include "core/secret.h"
#include <string.h>

#define GRANT_TOKEN_MAX 64	/* longer ones are none of ours */
#define FOR_EVER	253402300799	/* the end of the year 9999: the enrollment ends before */
#define RENEW_STEP_S	60	/* a phone asks several times for one install: one write a minute */

static const char *const kinds[] = { "tap", "device", "ci" };

struct grant_terms
grant_terms_ci(const struct conf *conf)
{
	return (struct grant_terms){ .kind = GRANT_CI, .manifest_s = conf->grant_ci_days * DAY_S,
				     .ipa_s = conf->grant_tap_ipa_hours * HOUR_S,
				     .installs_max = conf->grant_ci_installs };
}

struct fresh {
	const struct grant_terms *terms;
	const char *build_id, *person_id, *id;
	char hash[SECRET_HASH_SIZE];
};

static bool
audit_new(struct db *tx, const struct fresh *f, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, tx, "SELECT name FROM person WHERE id = $1", db_text(f->person_id));
	enum rows_step step = rows_next(rows, err);
	const char *name = step == ROWS_ROW ? rows_text(ctx, rows, 0) : "system";

	rows_done(rows);
	return step != ROWS_FAILED && audit_add(tx, name, "grant.new", f->id, f->build_id, err);
}

static bool
tx_new(struct db *tx, void *arg, struct err *err)
{
	struct fresh *f = arg;
	const struct install_start *install = f->terms->install;

	if (!db_run(tx, err, "INSERT INTO install_grant (hash, id, kind, build_id, person_id, manifest_until,"
		    " ipa_seconds, installs_max, created, install_id)"
		    " SELECT $1, $2, $3, b.id, $4, CAST($5 AS BIGINT), CAST($6 AS BIGINT), CAST($7 AS BIGINT),"
		    " CAST($8 AS BIGINT), $10 FROM build b WHERE b.id = $9 AND " BUILD_INSTALLS("$8"),
		    db_text(f->hash), db_text(f->id), db_text(kinds[f->terms->kind]), db_text(f->person_id),
		    db_int(clock_now() + f->terms->manifest_s), db_int(f->terms->ipa_s),
		    db_int(f->terms->installs_max), db_now(), db_text(f->build_id),
		    db_text(install ? install->id : NULL)))
		return false;
	if (!db_changed(tx))
		return err_code(err, ERR_CONFLICT, "not_installable",
				"this build cannot be installed; its verdict says why");
	if (install && !install_put(tx, install, err))
		return false;
	return f->terms->kind != GRANT_CI || audit_new(tx, f, err);	/* a link that can be handed on */
}

bool
grant_new(TALLOC_CTX *ctx, struct db *db, const struct grant_terms *terms, const char *build_id,
	  const char *person_id, char **token, struct err *err)
{
	void *here SCOPED(mem) = talloc_new(NULL);
	char *text = terms->token ? mem_text(ctx, terms->token) : secret_token(ctx);
	struct fresh f = { terms, build_id, person_id, secret_id(here), "" };

	secret_hash(text, f.hash);
	if (!db_tx(db, tx_new, &f, err))
		return false;
	*token = text;
	return true;
}

struct for_device {
	const struct grant_device *wish;
	const char *id;
	char hash[SECRET_HASH_SIZE];
};

/* Who fetched what is forgotten with the build: one row a network that the phone was in, for each install. */
static bool
tx_for_device(struct db *tx, void *arg, struct err *err)
{
	struct for_device *f = arg;

	return db_run(tx, err, "DELETE FROM grant_client WHERE grant_hash = $1 AND EXISTS (SELECT 1 FROM install_grant g WHERE"
		      " g.hash = $1 AND g.build_id <> $2)", db_text(f->hash), db_text(f->wish->build_id)) &&
	       db_run(tx, err, "INSERT INTO install_grant (hash, id, kind, build_id, person_id, manifest_until, ipa_seconds,"
		      " installs_max, created, install_id, enrollment_id) VALUES ($1, $2, 'device', $3, $4, $5, $6, 0, $7, $8, $9)"
		      " ON CONFLICT (hash) DO UPDATE SET build_id = excluded.build_id, person_id = excluded.person_id,"
		      " install_id = excluded.install_id", db_text(f->hash), db_text(f->id), db_text(f->wish->build_id),
		      db_text(f->wish->person_id), db_int(FOR_EVER), db_int(DAY_S), db_now(), db_text(f->wish->install_id),
		      db_text(f->wish->enrollment_id));
}

bool
grant_for_device(struct db *db, const struct grant_device *wish, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct for_device f = { wish, secret_id(ctx), "" };

	secret_hash(wish->token, f.hash);
	return db_tx(db, tx_for_device, &f, err);
}

struct use {
	const char *hash, *client, *install_id;
};

/* Counted again inside the transaction: two phones at once do not share the last install.  Writing the
 * grant's own row locks it where there are many writers, so that the second one counts after the first. */
static bool
tx_use(struct db *tx, void *arg, struct err *err)
{
	struct use *use = arg;

	if (!db_run(tx, err, "UPDATE install_grant SET installs_max = installs_max WHERE hash = $1",
		    db_text(use->hash)))
		return false;
	if (!db_run(tx, err, "UPDATE grant_client SET at = $1 WHERE grant_hash = $2 AND client = $3", db_now(),
		    db_text(use->hash), db_text(use->client)))
		return false;
	if (db_changed(tx))
		return true;
	if (!db_run(tx, err, "INSERT INTO grant_client (grant_hash, client, at)"
		    " SELECT hash, $1, CAST($2 AS BIGINT) FROM install_grant g WHERE g.hash = $3"
		    " AND (g.installs_max = 0 OR g.installs_max >"
		    " (SELECT count(*) FROM grant_client c WHERE c.grant_hash = g.hash))",
		    db_text(use->client), db_now(), db_text(use->hash)))
		return false;
	if (!db_changed(tx))
		return err_set(err, ERR_MISSING, "used up");
	return !use->install_id || install_use(tx, use->install_id, use->client, err);
}

bool
grant_open(TALLOC_CTX *ctx, struct db *db, const char *token, enum grant_file file, const char *client,
	   struct grant **ret, struct err *err)
{
	struct grant *g = mem_new(ctx, struct grant);
	char hash[SECRET_HASH_SIZE];
	int64_t now = clock_now(), ipa_s, last, mine;
	struct rows *rows;
	const char *phone;
	bool known, live, fetching, used_up, allowed;

	if (!*token || strlen(token) > GRANT_TOKEN_MAX) {
		count_add(COUNT_GRANTS_REFUSED, 1);
		return err_set(err, ERR_MISSING, "no such grant");
	}
	rows = db_query(g, db,
		"SELECT g.id, g.manifest_until, g.ipa_seconds, g.installs_max, g.created,"
		" b.id, b.app_id, b.sha256, b.size, b.version, b.build, b.minimum_os, b.chunk_sha256s,"
		" b.chunk_md5s, b.icon57, b.icon512, a.bundle_id, b.name,"
		" (SELECT count(*) FROM grant_client c WHERE c.grant_hash = g.hash),"
		" (SELECT max(c.at) FROM grant_client c WHERE c.grant_hash = g.hash),"
		" (SELECT max(c.at) FROM grant_client c WHERE c.grant_hash = g.hash"
		" AND c.client = CASE WHEN n.phone <> '' THEN n.phone ELSE $2 END),"
		" g.install_id, n.phone, n.ranges FROM install_grant g JOIN build b ON b.id = g.build_id JOIN app a ON a.id = b.app_id"
		" LEFT JOIN person p ON p.id = g.person_id LEFT JOIN install n ON n.id = g.install_id"
		" WHERE g.hash = $1 AND (" BUILD_INSTALLS("$3") " OR (g.kind = 'device' AND b.installable))"
		" AND (p.id IS NULL OR " PERSON_IS_IN("p") " OR (g.enrollment_id IS NOT NULL AND NOT p.disabled))"
		" AND NOT EXISTS (SELECT 1 FROM install i JOIN link l ON l.id = i.link_id WHERE i.id = g.install_id AND " LINK_REVOKED ")"
		" AND (g.enrollment_id IS NULL"
		" OR EXISTS (SELECT 1 FROM enrollment e WHERE e.id = g.enrollment_id AND e.state = 'enrolled'))",
		db_text(secret_hash(token, hash)), db_text(client), db_int(now));
	if (!rows_one(rows, err, "no such grant")) {
		count_add(COUNT_GRANTS_REFUSED, 1);
		return false;
	}
	g->id = rows_text(g, rows, 0);
	g->manifest_until = rows_int(rows, 1);
	ipa_s = rows_int(rows, 2);
	g->installs_max = rows_int(rows, 3);
	g->created = rows_int(rows, 4);
	g->build_id = rows_text(g, rows, 5);
	g->app_id = rows_text(g, rows, 6);
	g->sha256 = rows_text(g, rows, 7);
	g->size = rows_int(rows, 8);
	g->version = rows_text(g, rows, 9);
	g->build = rows_text(g, rows, 10);
	g->minimum_os = rows_text(g, rows, 11);
	g->chunk_sha256s = rows_text(g, rows, 12);
	g->chunk_md5s = rows_text(g, rows, 13);
	g->icon57 = rows_text(g, rows, 14);
	g->icon512 = rows_text(g, rows, 15);
	g->bundle_id = rows_text(g, rows, 16);
	g->name = rows_text(g, rows, 17);
	g->installs = rows_int(rows, 18);
	last = rows_int(rows, 19);
	mine = rows_int(rows, 20);
	known = !rows_null(rows, 20);
	g->install_id = rows_text(g, rows, 21);
	phone = rows_text(g, rows, 22);
	g->ranges = rows_text(g, rows, 23);
	rows_done(rows);
	if (phone && *phone)
		client = phone;

	live = now < g->manifest_until;
	fetching = last && now < last + ipa_s;
	used_up = g->installs_max && g->installs >= g->installs_max;
	if (g->install_id && !known && !used_up && !install_link_over(db, g->install_id, client, &used_up, err))
		return false;
	switch (file) {
	case GRANT_PAGE:	allowed = live && !used_up; break;
	case GRANT_MANIFEST:
	case GRANT_MANIFEST_HEAD:
		allowed = live && (known || !used_up);
		break;
	default:		allowed = fetching || (live && !used_up); break;
	}
	if (!allowed) {
		count_add(COUNT_GRANTS_REFUSED, 1);
		return err_set(err, ERR_MISSING, "expired or used up");
	}
	/* The install is counted at its first manifest, and a later tap of the same phone begins its time
	 * for the .ipa anew. */
	if (file == GRANT_MANIFEST && (!known || now - mine >= RENEW_STEP_S)) {
		struct use use = { hash, client, g->install_id };

		if (!db_tx(db, tx_use, &use, err)) {
			count_add(COUNT_GRANTS_REFUSED, 1);
			return false;
		}
	}
	*ret = g;
	return true;
}

static json_t *
grant_json(TALLOC_CTX *ctx, struct rows *rows)
{
	return json_pack("{s:s, s:s, s:s, s:I, s:I, s:s, s:s*}",
		"id", rows_text(ctx, rows, 0), "kind", rows_text(ctx, rows, 1),
		"expires", clock_text(ctx, rows_int(rows, 2)), "installs_max", (json_int_t)rows_int(rows, 3),
		"installs", (json_int_t)rows_int(rows, 5), "created", clock_text(ctx, rows_int(rows, 4)),
		"by", rows_text(ctx, rows, 6));
}

bool
grant_list(struct db *db, const char *build_id, json_t **ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, db, "SELECT g.id, g.kind, g.manifest_until, g.installs_max, g.created,"
		" (SELECT count(*) FROM grant_client c WHERE c.grant_hash = g.hash), p.name"
		" FROM install_grant g LEFT JOIN person p ON p.id = g.person_id"
		" WHERE g.build_id = $1 AND g.manifest_until > $2 AND g.kind <> 'device' ORDER BY g.created DESC, g.id LIMIT 200",
		db_text(build_id), db_now());

	return rows_list(rows, grant_json, ret, err);
}

struct revoke {
	const struct person *person;
	const char *id;
};

static bool
tx_revoke(struct db *tx, void *arg, struct err *err)
{
	struct revoke *r = arg;
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, tx, "SELECT g.id FROM install_grant g JOIN build b ON b.id = g.build_id"
				     " JOIN app a ON a.id = b.app_id WHERE g.id = $4 AND " VIEWER_OWNS,
				     VIEWER(viewer_of(r->person)), db_text(r->id));

	if (!rows_one(rows, err, "no such grant, or one of another app"))
		return false;
	rows_done(rows);
	return db_run(tx, err, "DELETE FROM install_grant WHERE id = $1", db_text(r->id)) &&
	       audit_add(tx, person_actor(ctx, r->person), "grant.revoke", r->id, NULL, err);
}

bool
grant_revoke(struct db *db, const struct person *person, const char *id, struct err *err)
{
	struct revoke r = { person, id };

	return db_tx(db, tx_revoke, &r, err);
}

bool
grant_end_of_links(struct db *tx, const char *link_id, const char *contact_id, struct err *err)
{
	return db_run(tx, err, "DELETE FROM install_grant WHERE install_id IN (SELECT i.id FROM install i"
		      " JOIN link l ON l.id = i.link_id WHERE l.id = $1 OR l.contact_id = $2)", db_text(link_id),
		      db_text(contact_id));
}

bool
grant_sweep(struct db *db, struct err *err)
{
	return db_run(db, err, "DELETE FROM install_grant WHERE enrollment_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM"
		      " enrollment e WHERE e.id = install_grant.enrollment_id AND e.state IN ('staged', 'enrolled'))") &&
	       db_run(db, err, "DELETE FROM install_grant WHERE manifest_until + ipa_seconds < $1"
		      " AND NOT EXISTS (SELECT 1 FROM grant_client c WHERE c.grant_hash = install_grant.hash"
		      " AND c.at + install_grant.ipa_seconds > $2)", db_now(), db_now());
}
