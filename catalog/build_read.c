/* Table `build`, as whoever may see it is shown it. */
#include "catalog/build.h"
#include "catalog/app.h"
#include "catalog/channel.h"
#include "core/clock.h"
#include "core/num.h"
#include "ipa/verdict.h"
#include <string.h>

#define BUILD_LIST_MAX 200

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
				     " WHERE b.good_until <= $4 AND (b.id = a.newest_build_id OR EXISTS (SELECT 1 FROM"
				     " channel o WHERE o.newest_build_id = b.id)) AND " VIEWER_OWNS
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

bool
build_icon_of(TALLOC_CTX *ctx, struct db *db, const char *id, enum icon_size size, char **name, struct err *err)
{
	void *here SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(here, db, "SELECT icon57, icon120, icon512 FROM build WHERE id = $1", db_text(id));

	if (!rows_one(rows, err, "no such build"))
		return false;
	*name = rows_text(ctx, rows, (int)size);
	return true;
}
