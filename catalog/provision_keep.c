/* Tables `provision`, `provision_device` and `build_bundle`. */
#include "catalog/provision_keep.h"
#include "core/audit.h"
#include "core/clock.h"
#include "core/job.h"
#include "core/json.h"
#include "core/num.h"
#include "ipa/provision.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* A provision as it is written: the rows' values, made outside of the transaction. */
struct kept {
	const char *uuid, *name, *kind, *team_id, *app_id, *facts;
	time_t expires;
	struct bytes file;		/* empty: it was too much to be told */
	const char **udids;		/* lower case */
	size_t udids_n;
};

struct bundle {
	const char *path, *bundle_id, *uuid, *certificate, *certificate_name, *entitlements;
	time_t expires, certificate_expires;
	const struct kept *provision;	/* NULL: none, or none that is kept */
};

struct provision_bundles {
	const char *bundle_id, *version, *build;
	struct bundle *list;
	size_t n;
};

static time_t
time_of(const json_t *json, const char *key)
{
	struct err none;
	time_t at;

	return clock_parse(text_of(json, key), &at, &none) ? at : 0;
}

static char *
dump(TALLOC_CTX *ctx, const json_t *json)
{
	char *text = mem_must(json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS)), *ret = mem_text(ctx, text);

	free(text);
	return ret;
}

/* ---- from facts ---- */

static bool
is_uuid(const char *uuid)
{
	size_t len = strspn(uuid, "0123456789abcdefABCDEFghijklmnopqrstuvwxyzGHIJKLMNOPQRSTUVWXYZ-");

	return len > 0 && len <= PROVISION_UUID_MAX && !uuid[len];
}

static bool
is_signed(const json_t *provision)
{
	const char *signature = text_of(provision, "signature");

	return strcmp(signature, "apple") == 0 || strcmp(signature, "other:test") == 0;
}

static void
take_devices(struct kept *kept, json_t *provision)
{
	json_t *list = json_object_get(provision, "udids"), *udid;
	size_t i;

	kept->udids = mem_array(kept, const char *, json_array_size(list) + 1);
	json_array_foreach(list, i, udid) {
		char *text = mem_text(kept, json_string_value(udid) ? json_string_value(udid) : "");

		for (char *c = text; *c; c++)
			*c = (char)tolower((unsigned char)*c);
		kept->udids[kept->udids_n++] = text;
	}
}

/* `file` and the list of devices leave the facts: each has a place of its own. */
static struct kept *
kept_of(TALLOC_CTX *ctx, json_t *provision)
{
	struct kept *kept = mem_new(ctx, struct kept);
	const char *file = text_of(provision, "file");

	if (*file && !num_unbase64(kept, file, strlen(file), &kept->file))
		kept->file = (struct bytes){ 0 };
	json_object_del(provision, "file");
	if (!is_uuid(text_of(provision, "uuid")) || !is_signed(provision)) {
		talloc_free(kept);
		return NULL;
	}
	take_devices(kept, provision);
	kept->uuid = mem_text(kept, text_of(provision, "uuid"));
	kept->name = mem_text(kept, text_of(provision, "name"));
	kept->kind = mem_text(kept, text_of(provision, "kind"));
	kept->team_id = mem_text(kept, text_of(provision, "team_id"));
	kept->app_id = mem_text(kept, text_of(provision, "app_id"));
	kept->expires = time_of(provision, "expires");
	kept->facts = dump(kept, provision);
	return kept;
}

/* Who signed it: what the executable says; else what its provision leaves no doubt of. */
static void
take_certificate(struct bundle *b, TALLOC_CTX *ctx, const json_t *code, const json_t *provision)
{
	const json_t *said = json_object_get(code, "certificate"), *list = json_object_get(provision, "certificates");
	const json_t *certificate = json_is_object(said) ? said : json_array_size(list) == 1 ? json_array_get(list, 0) : NULL;
	size_t i;
	json_t *one;

	b->certificate = mem_text(ctx, text_of(certificate, "sha1"));
	b->certificate_name = mem_text(ctx, text_of(certificate, "subject"));
	b->certificate_expires = time_of(certificate, "expires");
	if (certificate)
		return;
	/* one of several: it is certain that it has run out only when all have */
	json_array_foreach((json_t *)(uintptr_t)list, i, one)
		if (time_of(one, "expires") > b->certificate_expires)
			b->certificate_expires = time_of(one, "expires");
}

static void
add_bundle(struct provision_bundles *all, const char *path, const char *bundle_id, json_t *of)
{
	struct bundle *b = &all->list[all->n++];
	json_t *provision = json_object_get(of, "provision"), *code = json_object_get(of, "code");
	const json_t *entitlements = json_object_get(code, "entitlements");

	*b = (struct bundle){ .path = mem_text(all, path), .bundle_id = mem_text(all, bundle_id), .uuid = "",
			      .entitlements = json_is_object(entitlements) ? dump(all, entitlements) : NULL };
	take_certificate(b, all, code, provision);
	if (!json_is_object(provision))
		return;
	b->uuid = mem_text(all, text_of(provision, "uuid"));
	b->expires = time_of(provision, "expires");
	b->provision = kept_of(all, provision);
}

bool
provision_bundles_of(TALLOC_CTX *ctx, json_t *facts, struct provision_bundles **ret, struct err *err)
{
	struct provision_bundles *all = mem_new(ctx, struct provision_bundles);
	json_t *extensions = json_object_get(facts, "extensions"), *extension;
	size_t i;

	(void)err;
	all->bundle_id = mem_text(all, text_of(facts, "bundle_id"));
	all->version = mem_text(all, text_of(facts, "version"));
	all->build = mem_text(all, text_of(facts, "build"));
	all->list = mem_array(all, struct bundle, json_array_size(extensions) + 1);
	add_bundle(all, "", all->bundle_id, facts);
	json_array_foreach(extensions, i, extension)
		add_bundle(all, text_of(extension, "path"), text_of(extension, "bundle_id"), extension);
	*ret = all;
	return true;
}

/* ---- writing ---- */

/* A file fills the row of one that was known without. */
static bool
put(struct db *tx, const struct kept *k, const char *source, const char *person_id, bool *fresh, struct err *err)
{
	if (!db_run(tx, err, "INSERT INTO provision (uuid, name, kind, team_id, app_id, expires, facts, source, person_id, created,"
		    " file) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT (uuid) DO UPDATE SET"
		    " file = excluded.file WHERE provision.file IS NULL AND excluded.file IS NOT NULL", db_text(k->uuid),
		    db_text(k->name), db_text(k->kind), db_text(k->team_id), db_text(k->app_id), db_int(k->expires),
		    db_text(k->facts), db_text(source), db_text(person_id), db_now(),
		    k->file.len ? db_bytes(k->file) : db_null()))
		return false;
	*fresh = db_changed(tx) > 0;
	for (size_t i = 0; *fresh && i < k->udids_n; i++)
		if (!db_run(tx, err, "INSERT INTO provision_device (uuid, udid) VALUES ($1, $2) ON CONFLICT DO NOTHING",
			    db_text(k->uuid), db_text(k->udids[i])))
			return false;
	return true;
}

bool
provision_keep_build(struct db *tx, const char *build_id, int64_t uploaded, const struct provision_bundles *all,
		     const char *person_id, struct err *err)
{
	bool fresh;

	for (size_t i = 0; i < all->n; i++) {
		const struct bundle *b = &all->list[i];

		if ((b->provision && !put(tx, b->provision, "build", person_id, &fresh, err)) ||
		    !db_run(tx, err, "INSERT INTO build_bundle (build_id, path, app_bundle_id, version, build, uploaded, bundle_id,"
			    " provision_uuid, expires, certificate, certificate_name, certificate_expires, entitlements)"
			    " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) ON CONFLICT (build_id, path) DO NOTHING",
			    db_text(build_id), db_text(b->path), db_text(all->bundle_id), db_text(all->version),
			    db_text(all->build), db_int(uploaded), db_text(b->bundle_id), db_text(b->uuid),
			    db_int(b->expires), db_text(b->certificate), db_text(b->certificate_name),
			    db_int(b->certificate_expires), db_text(b->entitlements)))
			return err_at(err, "bundles of build %s", build_id);
	}
	return job_add(tx, "provision_fit", json_pack("{s:s}", "build", build_id), 0, build_id, err);
}

bool
provision_unread(TALLOC_CTX *ctx, struct db *db, struct provision_unread **ret, size_t *n, struct err *err)
{
	struct provision_unread *list = mem_array(ctx, struct provision_unread, PROVISIONS_UNREAD_MAX);
	struct rows *rows = db_query(ctx, db, "SELECT b.id, b.sha256, b.created FROM build b WHERE NOT EXISTS (SELECT 1"
		" FROM build_bundle x WHERE x.build_id = b.id AND x.path = '') ORDER BY b.created DESC, b.id LIMIT $1",
		db_int(PROVISIONS_UNREAD_MAX));
	enum rows_step step = ROWS_END;

	*n = 0;
	while (*n < PROVISIONS_UNREAD_MAX && (step = rows_next(rows, err)) == ROWS_ROW)
		list[(*n)++] = (struct provision_unread){ rows_text(ctx, rows, 0), rows_text(ctx, rows, 1), rows_int(rows, 2) };
	rows_done(rows);
	*ret = list;
	return step != ROWS_FAILED || err_at(err, "builds whose bundles are not read");
}

bool
provision_outlives(struct db *tx, const char *build_id, struct err *err)
{
	return db_run(tx, err, "INSERT INTO build_bundle (build_id, path, app_bundle_id, version, build, uploaded, bundle_id, provision_uuid,"
		      " expires, certificate, certificate_name, certificate_expires) SELECT b.id, '', a.bundle_id, b.version, b.build, b.created,"
		      " a.bundle_id, '', b.expires, '', '', 0 FROM build b JOIN app a ON a.id = b.app_id WHERE b.id = $1"
		      " ON CONFLICT (build_id, path) DO NOTHING", db_text(build_id));
}

/* A phone that lists none of them today may be enrolled tomorrow with one. */
bool
provision_sweep(struct db *db, struct err *err)
{
	return db_run(db, err, "DELETE FROM build_bundle WHERE NOT EXISTS (SELECT 1 FROM build b WHERE b.id ="
		      " build_bundle.build_id) AND NOT EXISTS (SELECT 1 FROM installed_app i WHERE i.bundle_id ="
		      " build_bundle.app_bundle_id AND i.version = build_bundle.build) AND NOT EXISTS (SELECT 1 FROM build_bundle l"
		      " WHERE l.build_id = build_bundle.build_id AND l.expires > $1) AND NOT EXISTS (SELECT 1 FROM install n WHERE"
		      " n.build_id = build_bundle.build_id)", db_int(clock_now() - PROVISION_GONE_KEPT_S));
}

/* ---- uploaded alone ---- */

/* What its app id covers is what they may publish: for some apps alone, it must be for one of those, or inside it. */
static bool
may_add(const struct person *person, const char *app_id)
{
	const char *pattern = strchr(app_id, '.'), *dot;
	char id[PROVISION_TEXT_MAX + 1];

	if (!person || (!person->bundle_id && !person->apps && person_publishes(person, NULL)))
		return true;
	if (!pattern || strchr(pattern, '*'))
		return false;
	snprintf(id, sizeof id, "%s", pattern + 1);
	/* "com.example.app.share" belongs to "com.example.app" */
	for (;;) {
		if (person_publishes(person, id))
			return true;
		dot = strrchr(id, '.');
		if (!dot)
			return false;
		id[dot - id] = '\0';
	}
}

static bool
judge(const json_t *provision, struct err *err)
{
	const char *signature = text_of(provision, "signature");
	char day[11];

	if (!is_signed(provision))
		return err_code(err, ERR_INVALID, "provision_signature", strcmp(signature, "other") == 0 ?
				"it is signed, but not by Apple, and devices refuse it" : strcmp(signature, "unsigned") == 0 ?
				"nobody has signed it, and devices refuse it" :
				"it was changed after it was signed, and devices refuse it");
	if (!is_uuid(text_of(provision, "uuid")))
		return err_code(err, ERR_INVALID, "bad_provision", "its UUID is none");
	if (strcmp(text_of(provision, "kind"), "store") == 0)
		return err_code(err, ERR_INVALID, "provision_store", "it is for the App Store and TestFlight and admits no device");
	if (time_of(provision, "expires") <= clock_now())
		return err_code(err, ERR_INVALID, "provision_expired", "it ran out on %s",
				clock_day(time_of(provision, "expires"), day));
	return true;
}

struct adding {
	const struct kept *kept;
	const struct person *person;
	const char *actor;
	bool fresh;
};

static bool
tx_add(struct db *tx, void *arg, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct adding *a = arg;
	const struct kept *k = a->kept;
	char day[11];

	return put(tx, k, "upload", a->person ? a->person->id : NULL, &a->fresh, err) &&
	       job_add(tx, "provision_fit", json_pack("{s:s}", "uuid", k->uuid), 0, k->uuid, err) &&
	       (!a->fresh || audit_add(tx, a->actor, "provision.add", k->uuid,
				       mem_printf(ctx, "%s, for %s, until %s", k->name, k->app_id, clock_day(k->expires, day)), err));
}

bool
provision_add(TALLOC_CTX *ctx, struct db *db, const struct person *person, json_t *facts, char **uuid, bool *fresh,
	      struct err *err)
{
	json_t *provision = json_object_get(facts, "provision");
	struct adding a = { .person = person, .actor = person ? person_actor(ctx, person) : "cli" };

	if (!judge(provision, err))
		return false;
	if (!may_add(person, text_of(provision, "app_id")))
		return err_set(err, ERR_DENIED, "you may not publish what it covers: %s", text_of(provision, "app_id"));
	a.kept = kept_of(ctx, provision);
	if (!a.kept || !a.kept->file.len)
		return err_set(err, ERR_INTERNAL, "its file is not told");
	if (!db_tx(db, tx_add, &a, err))
		return false;
	*uuid = mem_text(ctx, a.kept->uuid);
	*fresh = a.fresh;
	return true;
}
