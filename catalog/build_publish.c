/* Table `build`: a file that was uploaded becomes one, or is one already. */
#include "catalog/build.h"
#include "catalog/app.h"
#include "catalog/channel.h"
#include "catalog/family.h"
#include "catalog/notice.h"
#include "catalog/provision_keep.h"
#include "catalog/registration.h"
#include "core/audit.h"
#include "core/clock.h"
#include "core/job.h"
#include "core/json.h"
#include "core/log.h"
#include "core/secret.h"
#include "core/text.h"
#include "ipa/verdict.h"
#include <string.h>

struct publish {
	TALLOC_CTX *ctx;
	const struct blob_draft *draft;
	const struct build_fields *fields;
	const struct person *person;
	const json_t *read;	/* the facts; `facts` is their text */
	struct provision_bundles *bundles;
	const char *bundle_id, *name, *version, *build, *minimum_os, *facts, *notes, *custom;
	char icons[ICON_SIZES][BLOB_NAME_SIZE];
	bool installable, fresh;
	int64_t expires, good_until, installs_until;
	char *id;
};

/* The same bytes are here already: the same build, perhaps in one more channel. */
static bool
find_same(struct db *tx, struct publish *p, bool *found, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, tx, "SELECT id, app_id FROM build WHERE sha256 = $1",
				     db_text(p->draft->name));
	const char *app;
	bool placed = false;

	*found = false;
	switch (rows_next(rows, err)) {
	case ROWS_FAILED:	return false;
	case ROWS_END:		return true;
	case ROWS_ROW:		break;
	}
	*found = true;
	p->id = rows_text(p->ctx, rows, 0);
	app = rows_text(ctx, rows, 1);
	rows_done(rows);
	if (p->fields->channel && !channel_place(tx, app, p->fields->channel, p->id, p->person->id, &placed, err))
		return false;
	return !placed || (app_set_newest(tx, app, p->id, err) && registration_offered(tx, app, err) &&
			   (p->fields->silent || notice_landed(tx, p->id, p->fields->channel, err)) &&
			   audit_add(tx, person_actor(ctx, p->person), "build.promote", p->id,
				     p->fields->channel, err));
}

/* Now, but after every other build of the app: which is newest must not hang on the second. */
static bool
next_moment(struct db *tx, const char *app, int64_t *ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, tx, "SELECT max(created) FROM build WHERE app_id = $1", db_text(app));
	int64_t now = clock_now();

	if (!rows_one(rows, err, "no answer"))
		return false;
	*ret = rows_int(rows, 0) >= now ? rows_int(rows, 0) + 1 : now;
	return true;
}

static bool
tx_publish(struct db *tx, void *arg, struct err *err)
{
	struct publish *p = arg;
	void *ctx SCOPED(mem) = talloc_new(NULL);
	const struct build_fields *f = p->fields;
	int64_t created;
	char *app;
	bool may, found, placed;

	p->fresh = false;
	if (!app_publishes(tx, viewer_of(p->person), p->bundle_id, &may, err))
		return false;
	if (!may)
		return err_set(err, ERR_DENIED, "you may not publish %s", p->bundle_id);
	if (!find_same(tx, p, &found, err))
		return false;
	if (found)
		return true;
	p->fresh = true;
	p->id = secret_id(p->ctx);
	if (!app_upsert(ctx, tx, p->bundle_id, p->name, &app, err) ||
	    !next_moment(tx, app, &created, err) ||
	    !db_run(tx, err, "INSERT INTO build (id, app_id, sha256, size, version, build, minimum_os,"
		    " installable, expires, facts, chunk_sha256s, icon57, icon120, icon512, notes, branch,"
		    " git_commit, ci_url, source, custom_fields, person_id, created, name, folded, good_until, ipad_only, installs_until)"
		    " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19,"
		    " $20, $21, $22, $23, $24, $25, $26, $27)",
		    db_text(p->id), db_text(app), db_text(p->draft->name), db_int(p->draft->size),
		    db_text(p->version), db_text(p->build), db_text(p->minimum_os),
		    db_bool(p->installable), db_int(p->expires), db_text(p->facts),
		    db_text(p->draft->chunk_sha256s), db_text(p->icons[ICON_57]),
		    db_text(p->icons[ICON_120]), db_text(p->icons[ICON_512]),
		    db_text(p->notes), db_text(f->branch ? f->branch : ""),
		    db_text(f->git_commit ? f->git_commit : ""), db_text(f->ci_url ? f->ci_url : ""),
		    db_text(f->source ? f->source : ""), db_text(p->custom), db_text(p->person->id), db_int(created),
		    db_text(p->name), db_text(app_folded(ctx, p->name, p->bundle_id)), db_int(p->good_until),
		    db_bool(family_is_ipads(p->read)), db_int(p->installs_until)) ||
	    !channel_place(tx, app, f->channel ? f->channel : CHANNEL_DEFAULT, p->id, p->person->id, &placed, err) ||
	    !app_set_newest(tx, app, p->id, err) || !registration_published(tx, app, p->id, p->read, err) ||
	    !provision_keep_build(tx, p->id, created, p->bundles, p->person->id, err) ||
	    (!f->silent && !notice_landed(tx, p->id, f->channel ? f->channel : CHANNEL_DEFAULT, err)) ||
	    !job_add(tx, "build_md5s", json_pack("{s:s}", "build", p->id), 0, NULL, err) ||
	    !job_add(tx, "build_retain", json_pack("{s:s}", "app", app), 0, app, err))
		return false;
	return audit_add(tx, person_actor(ctx, p->person), "build.upload", p->id,
			 mem_printf(ctx, "%s %s (%s)", p->bundle_id, p->version, p->build), err);
}

static bool
check_field(const char *name, const char *value, size_t max, struct err *err)
{
	if (!value)
		return true;
	if (!text_valid(value, strlen(value)))
		return err_set(err, ERR_INVALID, "%s is no UTF-8 text", name);
	return strlen(value) <= max || err_set(err, ERR_LIMIT, "%s is longer than %zu bytes", name, max);
}

static bool
check_fields(const struct build_fields *f, struct err *err)
{
	json_t *custom;

	if ((f->channel && !channel_name_ok(f->channel, err)) ||
	    !check_field("changelog", f->changelog, SIZE_MAX, err) ||
	    !check_field("branch", f->branch, BUILD_FIELD_MAX, err) ||
	    !check_field("git_commit", f->git_commit, BUILD_FIELD_MAX, err) ||
	    !check_field("ci_url", f->ci_url, BUILD_FIELD_MAX, err) ||
	    !check_field("source", f->source, BUILD_FIELD_MAX, err) ||
	    !check_field("custom_fields", f->custom_fields, BUILD_CUSTOM_MAX, err))
		return false;
	if (f->ci_url && *f->ci_url && strncmp(f->ci_url, "https://", 8) != 0 &&
	    strncmp(f->ci_url, "http://", 7) != 0)
		return err_set(err, ERR_INVALID, "ci_url begins with https:// or http://");
	if (!f->custom_fields || !*f->custom_fields)
		return true;
	custom = json_loads(f->custom_fields, JSON_REJECT_DUPLICATES, NULL);
	if (!json_is_object(custom)) {
		json_decref(custom);
		return err_set(err, ERR_INVALID, "custom_fields is no JSON object");
	}
	json_decref(custom);
	return true;
}

static time_t
provision_expires(const json_t *facts)
{
	const char *text = text_of(json_object_get(facts, "provision"), "expires");
	struct err err;
	time_t at;

	return *text && clock_parse(text, &at, &err) ? at : 0;
}

void
build_judge(json_t *facts, int64_t *good_until, int64_t *installs_until)
{
	time_t now = clock_now(), expires = provision_expires(facts);

	*installs_until = verdict_installs_until(facts, now);
	*good_until = !*installs_until || (expires && expires - now < VERDICT_EXPIRING_DAYS * DAY_S)
			      ? 0 : verdict_holds_until(facts, now);
}

/* An app without an icon that can be read gets a plain one.  *kept are pinned. */
static bool
keep_icons(TALLOC_CTX *ctx, struct blobs *blobs, const struct inspect *inspect, struct publish *p, int *kept,
	   struct err *err)
{
	for (*kept = 0; *kept < ICON_SIZES; ++*kept) {
		struct bytes png = inspect->icons[*kept];

		if (!png.len && !icon_drawn(ctx, p->bundle_id, icon_sides[*kept], &png, err))
			return err_at(err, "draw an icon");
		if (!blob_put(blobs, png, p->icons[*kept], err))
			return err_at(err, "keep an icon");
	}
	return true;
}

static bool
tx_sweep(struct db *tx, void *arg, struct err *err)
{
	(void)arg;
	return job_add(tx, "blob_sweep", json_object(), 0, "blob_sweep", err);
}

/* What was kept for a build that has not come to be goes soon; where that cannot be written, at the next start. */
static void
sweep_soon(struct db *db)
{
	struct err none;

	if (!db_tx(db, tx_sweep, NULL, &none))
		log_err("the files of a build that was not published stay until the next start", &none);
}

bool
build_publish(TALLOC_CTX *ctx, struct db *db, struct blobs *blobs, struct blob_draft *draft,
	      const struct inspect *inspect, const struct build_fields *fields,
	      const struct person *person, char **id, bool *fresh, struct err *err)
{
	const json_t *facts = inspect->facts, *verdict = json_object_get(facts, "verdict");
	void *here SCOPED(mem) = talloc_new(NULL);
	const char *name = text_of(facts, "name");
	json_t *judged;
	char *dump;
	int kept = 0;
	struct publish p = {
		.ctx = ctx, .draft = draft, .fields = fields, .person = person, .read = facts,
		.bundle_id = text_of(facts, "bundle_id"), .name = *name ? name : text_of(facts, "bundle_id"),
		.version = text_of(facts, "version"), .build = text_of(facts, "build"),
		.minimum_os = text_of(facts, "minimum_os"), .expires = provision_expires(facts),
		.installable = json_is_true(json_object_get(verdict, "installable")),
		.custom = fields->custom_fields && *fields->custom_fields ? fields->custom_fields : "{}",
		.notes = text_cut(here, fields->changelog ? fields->changelog : "", BUILD_NOTES_MAX),
	};
	bool ok;

	judged = json_deep_copy(facts);
	build_judge(judged, &p.good_until, &p.installs_until);
	json_decref(judged);
	if (!person_publishes(person, p.bundle_id))
		return err_set(err, ERR_DENIED, "you may not publish %s", p.bundle_id);
	if (!check_fields(fields, err) || !provision_bundles_of(here, inspect->facts, &p.bundles, err))
		return false;
	dump = json_dumps(facts, JSON_COMPACT);
	p.facts = mem_text(here, dump);
	free(dump);
	if (!blob_keep(blobs, draft, err))
		return err_at(err, "keep %s", p.bundle_id);
	ok = keep_icons(here, blobs, inspect, &p, &kept, err) && db_tx(db, tx_publish, &p, err);
	while (kept > 0)
		blob_unpin(blobs, p.icons[--kept]);
	blob_unpin(blobs, draft->name);
	if (!ok) {
		sweep_soon(db);
		return err_at(err, "publish %s", p.bundle_id);
	}
	*id = p.id;
	*fresh = p.fresh;
	return true;
}
