/* Table `build`. */
#include "catalog/build.h"
#include "catalog/app.h"
#include "catalog/channel.h"
#include "catalog/notice.h"
#include "catalog/registration.h"
#include "core/audit.h"
#include "core/buf.h"
#include "core/clock.h"
#include "core/job.h"
#include "core/num.h"
#include "core/secret.h"
#include "core/text.h"
#include "ipa/verdict.h"
#include <string.h>

#define BUILD_LIST_MAX 200

/* ---- publish ---- */

struct publish {
	TALLOC_CTX *ctx;
	const struct blob_draft *draft;
	const struct build_fields *fields;
	const struct person *person;
	const json_t *read;	/* the facts; `facts` is their text */
	const char *bundle_id, *name, *version, *build, *minimum_os, *facts, *notes, *custom;
	char icons[ICON_SIZES][BLOB_NAME_SIZE];
	bool installable, fresh;
	int64_t expires, good_until;
	char *id;
};

static const char *
fact(const json_t *facts, const char *key)
{
	const char *text = json_string_value(json_object_get(facts, key));

	return text ? text : "";
}

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
		    " git_commit, ci_url, source, custom_fields, person_id, created, name, folded, good_until)"
		    " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19,"
		    " $20, $21, $22, $23, $24, $25)",
		    db_text(p->id), db_text(app), db_text(p->draft->name), db_int(p->draft->size),
		    db_text(p->version), db_text(p->build), db_text(p->minimum_os),
		    db_bool(p->installable), db_int(p->expires), db_text(p->facts),
		    db_text(p->draft->chunk_sha256s), db_text(p->icons[ICON_57]),
		    db_text(p->icons[ICON_120]), db_text(p->icons[ICON_512]),
		    db_text(p->notes), db_text(f->branch ? f->branch : ""),
		    db_text(f->git_commit ? f->git_commit : ""), db_text(f->ci_url ? f->ci_url : ""),
		    db_text(f->source ? f->source : ""), db_text(p->custom), db_text(p->person->id), db_int(created),
		    db_text(p->name), db_text(app_folded(ctx, p->name, p->bundle_id)), db_int(p->good_until)) ||
	    !channel_place(tx, app, f->channel ? f->channel : CHANNEL_DEFAULT, p->id, p->person->id, &placed, err) ||
	    !app_set_newest(tx, app, p->id, err) || !registration_published(tx, app, p->id, p->read, err) ||
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
	const char *text = fact(json_object_get(facts, "provision"), "expires");
	struct err err;
	time_t at;

	return *text && clock_parse(text, &at, &err) ? at : 0;
}

/* Until then a list shows it as good without a look at its facts. */
static int64_t
good_until(const json_t *facts, time_t expires)
{
	time_t now = clock_now();

	if (!json_is_true(json_object_get(json_object_get(facts, "verdict"), "installable")) ||
	    (expires && expires - now < VERDICT_EXPIRING_DAYS * DAY_S))
		return 0;
	return verdict_holds_until(facts, now);
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

bool
build_publish(TALLOC_CTX *ctx, struct db *db, struct blobs *blobs, struct blob_draft *draft,
	      const struct inspect *inspect, const struct build_fields *fields,
	      const struct person *person, char **id, bool *fresh, struct err *err)
{
	const json_t *facts = inspect->facts, *verdict = json_object_get(facts, "verdict");
	void *here SCOPED(mem) = talloc_new(NULL);
	const char *name = fact(facts, "name");
	char *dump;
	int kept = 0;
	struct publish p = {
		.ctx = ctx, .draft = draft, .fields = fields, .person = person, .read = facts,
		.bundle_id = fact(facts, "bundle_id"), .name = *name ? name : fact(facts, "bundle_id"),
		.version = fact(facts, "version"), .build = fact(facts, "build"),
		.minimum_os = fact(facts, "minimum_os"), .expires = provision_expires(facts),
		.installable = json_is_true(json_object_get(verdict, "installable")),
		.custom = fields->custom_fields && *fields->custom_fields ? fields->custom_fields : "{}",
		.notes = text_cut(here, fields->changelog ? fields->changelog : "", BUILD_NOTES_MAX),
	};
	bool ok;

	p.good_until = good_until(facts, p.expires);
	if (!person_publishes(person, p.bundle_id))
		return err_set(err, ERR_DENIED, "you may not publish %s", p.bundle_id);
	if (!check_fields(fields, err))
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
	if (!ok)
		return err_at(err, "publish %s", p.bundle_id);
	*id = p.id;
	*fresh = p.fresh;
	return true;
}

/* ---- read ---- */

#define BUILD_COLUMNS "b.id, a.bundle_id, b.name, b.version, b.build, b.sha256, b.size, b.minimum_os," \
	" b.installable, b.expires, b.created, b.notes, b.branch, b.git_commit, b.ci_url, b.source," \
	" b.custom_fields, p.name, "
#define BUILD_FROM " FROM build b JOIN app a ON a.id = b.app_id LEFT JOIN person p ON p.id = b.person_id"

/* Whose devices a provision lists is for publishers, who ask catalog/tester_device.h. */
static void
forget_udids(json_t *facts)
{
	json_t *extension;
	size_t i;

	json_object_del(json_object_get(facts, "provision"), "udids");
	json_array_foreach(json_object_get(facts, "extensions"), i, extension)
		json_object_del(json_object_get(extension, "provision"), "udids");
}

/* `channels`: names, or NULL for none. */
static bool
build_json(struct rows *rows, json_t *channels, bool with_facts, json_t **ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	const char *text = rows_text(ctx, rows, 18);
	json_t *facts = text ? json_loads(text, 0, NULL) : json_object(), *json;
	const char *id = rows_text(ctx, rows, 0);
	const json_t *verdict;

	if (!facts)
		return err_set(err, ERR_INTERNAL, "build %s: its facts cannot be read", id);
	if (text)
		verdict_add(facts, clock_now());	/* that of the upload does not know today */
	else
		json_object_set_new(facts, "verdict", json_pack("{s:b, s:[]}", "installable", 1, "reasons"));
	verdict = json_object_get(facts, "verdict");
	json = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:s, s:b, s:s*, s:s, s:s, s:s, s:s, s:s, s:s, s:o*, s:s*, s:O*, s:O*, s:o}",
		"id", id, "bundle_id", rows_text(ctx, rows, 1), "name", rows_text(ctx, rows, 2),
		"version", rows_text(ctx, rows, 3), "build", rows_text(ctx, rows, 4),
		"sha256", rows_text(ctx, rows, 5), "size", (json_int_t)rows_int(rows, 6),
		"minimum_os", rows_text(ctx, rows, 7), "installable",
		json_is_true(json_object_get(verdict, "installable")),
		"expires", rows_int(rows, 9) ? clock_text(ctx, rows_int(rows, 9)) : NULL,
		"created", clock_text(ctx, rows_int(rows, 10)), "notes", rows_text(ctx, rows, 11),
		"branch", rows_text(ctx, rows, 12), "git_commit", rows_text(ctx, rows, 13),
		"ci_url", rows_text(ctx, rows, 14), "source", rows_text(ctx, rows, 15),
		"custom_fields", json_loads(rows_text(ctx, rows, 16), 0, NULL),
		"by", rows_text(ctx, rows, 17), "verdict", verdict,
		"channel", json_array_get(channels, 0),
		"channels", channels ? json_incref(channels) : json_array());
	if (with_facts) {
		forget_udids(facts);
		json_object_set(json, "facts", facts);
	}
	json_decref(facts);
	*ret = json;
	return json || err_set(err, ERR_INTERNAL, "build %s: not made into JSON", id);
}

bool
build_show(struct db *db, struct viewer viewer, const char *id, bool facts, json_t **ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, db, "SELECT " BUILD_COLUMNS "b.facts" BUILD_FROM " WHERE b.id = $4 AND "
				     VIEWER_SEES_BUILD, VIEWER(viewer), db_text(id));
	json_t *channels;
	bool ok;

	if (!rows_one(rows, err, "no such build") || !channel_names(db, viewer, id, &channels, err))
		return false;
	ok = build_json(rows, channels, facts, ret, err);
	json_decref(channels);
	return ok;
}

/* `next` is created and id of the last item. */
static void
split_after(TALLOC_CTX *ctx, const char *after, int64_t *created, const char **id)
{
	char *cut, *text = mem_text(ctx, after ? after : "");
	struct err err;

	*created = INT64_MAX;
	*id = "";
	if ((cut = strchr(text, '.'))) {
		*cut = '\0';
		if (num_parse(text, 0, INT64_MAX, created, &err))
			*id = cut + 1;
	}
}

/*
 * A page of builds, newest first: over one app ($12) by the index build_app, over all by build_created.
 * While a verdict cannot have changed ($11 is before good_until) its facts need not be read.
 */
#define BUILD_PAGE(which) "(SELECT b.*, b.good_until > $11 AS good FROM build b JOIN app a ON a.id = b.app_id" \
	" WHERE (b.created, b.id) < ($4, $5)" which \
	" AND (CAST($6 AS TEXT) IS NULL OR b.version = $6)" \
	" AND (CAST($7 AS TEXT) IS NULL OR b.build = $7)" \
	" AND (CAST($8 AS TEXT) IS NULL OR b.git_commit = $8)" \
	" AND (CAST($9 AS TEXT) IS NULL OR EXISTS (SELECT 1 FROM placement l JOIN channel c" \
	" ON c.id = l.channel_id WHERE l.build_id = b.id AND c.name = $9 AND " VIEWER_SEES_CHANNEL "))" \
	" ORDER BY b.created DESC, b.id DESC LIMIT $10) b"
#define BUILD_LIST(which) "SELECT " BUILD_COLUMNS "CASE WHEN b.good THEN NULL ELSE b.facts END FROM " BUILD_PAGE(which) \
	" JOIN app a ON a.id = b.app_id LEFT JOIN person p ON p.id = b.person_id" \
	" ORDER BY b.created DESC, b.id DESC"
#define BUILD_CHANNELS(which) "SELECT b.id, c.name FROM " BUILD_PAGE(which) " JOIN app a ON a.id = b.app_id" \
	" JOIN placement l ON l.build_id = b.id JOIN channel c ON c.id = l.channel_id WHERE " VIEWER_SEES_CHANNEL \
	" ORDER BY b.id, c.name"
#define OF_APP " AND b.app_id = (SELECT id FROM app WHERE bundle_id = $12) AND " VIEWER_SEES_BUILD
/* All apps, or few: a look at each build as it comes, or at those of their apps. */
#define OF_OWNED " AND b.app_id || '' IN (SELECT a.id FROM app a WHERE " VIEWER_OWNS ")"
#define OF_FEW " AND b.app_id IN (SELECT a.id FROM app a WHERE " VIEWER_OWNS ")"
#define BUILD_SQL(what) (filter->bundle_id ? what(OF_APP) : viewer.few ? what(OF_FEW) : what(OF_OWNED))

/* {id: [names of its channels]} for all builds of the page. */
static bool
page_channels(struct db *db, const char *sql, const struct db_val *vals, json_t **ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_queryv(ctx, db, sql, vals);
	json_t *all = json_object(), *names;
	enum rows_step step;

	while ((step = rows_next(rows, err)) == ROWS_ROW) {
		const char *id = rows_text(ctx, rows, 0);

		if (!(names = json_object_get(all, id))) {
			names = json_array();
			json_object_set_new(all, id, names);
		}
		json_array_append_new(names, json_string(rows_text(ctx, rows, 1)));
	}
	if (step == ROWS_FAILED) {
		json_decref(all);
		return false;
	}
	*ret = all;
	return true;
}

bool
build_list(struct db *db, struct viewer viewer, const struct build_filter *filter, const char *after, int64_t limit,
	   json_t **ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	const char *from_id, *id = "";
	int64_t from, at = 0, n = 0;
	struct db_val vals[13];
	struct rows *rows;
	json_t *items, *list, *channels;
	enum rows_step step;

	if (limit < 1 || limit > BUILD_LIST_MAX)
		limit = BUILD_LIST_MAX;
	split_after(ctx, after, &from, &from_id);
	memcpy(vals, DB_VALS(VIEWER(viewer), db_int(from), db_text(from_id), db_text(filter->version), db_text(filter->build),
			     db_text(filter->commit), db_text(filter->channel), db_int(limit + 1),
			     db_int(filter->brief ? clock_now() : INT64_MAX), db_text(filter->bundle_id)),
	       sizeof vals);
	if (!filter->bundle_id)
		vals[11].type = DB_END;	/* the text has no $12 */
	if (!page_channels(db, BUILD_SQL(BUILD_CHANNELS), vals, &channels, err))
		return err_at(err, "list of builds");
	items = json_array();
	list = json_pack("{s:o, s:n}", "items", items, "next");
	rows = db_queryv(ctx, db, BUILD_SQL(BUILD_LIST), vals);
	while ((step = rows_next(rows, err)) == ROWS_ROW) {
		json_t *item;

		if (n++ == limit) {
			json_object_set_new(list, "next", json_string(mem_printf(ctx, "%lld.%s", (long long)at, id)));
			break;
		}
		id = rows_text(ctx, rows, 0);
		at = rows_int(rows, 10);
		if (!build_json(rows, json_object_get(channels, id), false, &item, err)) {
			json_decref(channels);
			json_decref(list);
			return false;
		}
		json_array_append_new(items, item);
	}
	json_decref(channels);
	if (step == ROWS_FAILED) {
		json_decref(list);
		return err_at(err, "list of builds");
	}
	*ret = list;
	return true;
}

bool
build_doubtful(struct db *db, struct viewer viewer, int64_t limit, json_t **ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, db, "SELECT " BUILD_COLUMNS "b.facts" BUILD_FROM
				     " WHERE b.good_until <= $4 AND b.id = a.newest_build_id AND " VIEWER_OWNS
				     " ORDER BY b.expires, b.created DESC LIMIT $5",
				     VIEWER(viewer), db_now(), db_int(limit));
	json_t *list = json_array(), *item;
	enum rows_step step;

	while ((step = rows_next(rows, err)) == ROWS_ROW) {
		if (!build_json(rows, NULL, false, &item, err)) {
			json_decref(list);
			return false;
		}
		json_array_append_new(list, item);
	}
	if (step == ROWS_FAILED) {
		json_decref(list);
		return err_at(err, "list of builds");
	}
	*ret = list;
	return true;
}

bool
build_count(struct db *db, struct viewer viewer, const char *bundle_id, int64_t *ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, db, "SELECT count(*) FROM build b JOIN app a ON a.id = b.app_id"
				     " WHERE a.bundle_id = $4 AND " VIEWER_SEES_BUILD, VIEWER(viewer),
				     db_text(bundle_id));

	if (!rows_one(rows, err, "no count"))
		return false;
	*ret = rows_int(rows, 0);
	return true;
}

bool
build_icon(TALLOC_CTX *ctx, struct db *db, struct viewer viewer, const char *bundle_id, enum icon_size size,
	   char **name, struct err *err)
{
	void *here SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(here, db, "SELECT b.icon57, b.icon120, b.icon512 FROM app a JOIN build b"
				     " ON b.id = " VIEWER_NEWEST " WHERE a.bundle_id = $4", VIEWER(viewer),
				     db_text(bundle_id));

	if (!rows_one(rows, err, "no such app"))
		return false;
	*name = rows_text(ctx, rows, (int)size);
	return true;
}

/* ---- change ---- */

struct change {
	const struct person *person;
	const char *id, *value;
};

/* The build's app, when this person may change it; what they do not see does not exist for them. */
static bool
own(TALLOC_CTX *ctx, struct db *tx, const struct change *c, char **app, char **what, struct err *err)
{
	void *here SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(here, tx, "SELECT a.id, a.bundle_id, b.version, b.build, " VIEWER_OWNS
				     " FROM build b JOIN app a ON a.id = b.app_id WHERE b.id = $4 AND "
				     VIEWER_SEES_BUILD, VIEWER(viewer_of(c->person)), db_text(c->id));
	const char *bundle_id;

	if (!rows_one(rows, err, "no such build"))
		return false;
	bundle_id = rows_text(here, rows, 1);
	if (!rows_bool(rows, 4) || !person_publishes(c->person, bundle_id))
		return err_set(err, ERR_DENIED, "you may not publish %s", bundle_id);
	*app = rows_text(ctx, rows, 0);
	*what = mem_printf(ctx, "%s %s (%s)", bundle_id, rows_text(here, rows, 2), rows_text(here, rows, 3));
	rows_done(rows);
	return true;
}

bool
build_own(struct db *db, const struct person *person, const char *id, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct change c = { person, id, NULL };
	char *app, *what;

	return own(ctx, db, &c, &app, &what, err);
}

struct promotion {
	struct change change;
	bool notify;
};

static bool
tx_promote(struct db *tx, void *arg, struct err *err)
{
	struct promotion *p = arg;
	struct change *c = &p->change;
	void *ctx SCOPED(mem) = talloc_new(NULL);
	char *app, *what;
	bool changed;

	if (!own(ctx, tx, c, &app, &what, err) ||
	    !channel_promote(tx, app, c->value, c->id, c->person->id, &changed, err) ||
	    (p->notify && !notice_landed(tx, c->id, c->value, err)))
		return false;
	return !changed || (app_set_newest(tx, app, c->id, err) && registration_offered(tx, app, err) &&
			    audit_add(tx, person_actor(ctx, c->person), "build.promote", c->id, c->value, err));
}

bool
build_promote(struct db *db, const struct person *person, const char *id, const char *channel, bool notify,
	      struct err *err)
{
	struct promotion p = { { person, id, channel }, notify };

	return db_tx(db, tx_promote, &p, err);
}

static bool
tx_notes(struct db *tx, void *arg, struct err *err)
{
	struct change *c = arg;
	void *ctx SCOPED(mem) = talloc_new(NULL);
	char *app, *what;

	return own(ctx, tx, c, &app, &what, err) &&
	       db_run(tx, err, "UPDATE build SET notes = $1 WHERE id = $2",
		      db_text(text_cut(ctx, c->value, BUILD_NOTES_MAX)), db_text(c->id)) &&
	       audit_add(tx, person_actor(ctx, c->person), "build.notes", c->id, what, err);
}

bool
build_set_notes(struct db *db, const struct person *person, const char *id, const char *notes,
		struct err *err)
{
	struct change c = { person, id, notes };

	return check_field("changelog", notes, SIZE_MAX, err) && db_tx(db, tx_notes, &c, err);
}

bool
build_take_away(TALLOC_CTX *ctx, struct db *tx, const char *app, const char *id, struct err *err)
{
	char *newest = NULL;

	if (!db_run(tx, err, "DELETE FROM build WHERE id = $1", db_text(id)) ||
	    !channel_refresh(tx, app, err) ||
	    (!channel_last(ctx, tx, app, &newest, err) && err->kind != ERR_MISSING))
		return false;
	return (newest ? app_set_newest(tx, app, newest, err) : app_remove(tx, app, err)) &&
	       job_add(tx, "blob_sweep", json_object(), 0, "blob_sweep", err);
}

static bool
tx_delete(struct db *tx, void *arg, struct err *err)
{
	struct change *c = arg;
	void *ctx SCOPED(mem) = talloc_new(NULL);
	char *app, *what;

	return own(ctx, tx, c, &app, &what, err) && build_take_away(ctx, tx, app, c->id, err) &&
	       audit_add(tx, person_actor(ctx, c->person), "build.delete", c->id, what, err);
}

bool
build_delete(struct db *db, const struct person *person, const char *id, struct err *err)
{
	struct change c = { person, id, NULL };

	return db_tx(db, tx_delete, &c, err);
}

bool
build_wants_blob(struct db *db, const char *name, bool *ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, db,
		"SELECT EXISTS (SELECT 1 FROM build WHERE sha256 = $1 OR icon57 = $1 OR icon120 = $1"
		" OR icon512 = $1)"
		" OR EXISTS (SELECT 1 FROM item WHERE icon = $1)"
		" OR EXISTS (SELECT 1 FROM setting WHERE value = $1)", db_text(name));

	if (!rows_one(rows, err, "no answer"))
		return false;
	*ret = rows_bool(rows, 0);
	return true;
}
