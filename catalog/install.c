/* Tables `install`, `install_event` and `install_day`. */
#include "catalog/install.h"
#include "catalog/cursor.h"
#include "catalog/install_stall.h"
#include "catalog/install_watch.h"
#include "catalog/link.h"
#include "catalog/viewer.h"
#include "catalog/rows.h"
#include "core/clock.h"
#include "core/json.h"
#include <string.h>

#define TAP_AGAIN_S 5
#define DAYS_KEPT 366	/* of numbers */

static const char *const names[] = { "opened", "tapped", "manifest", "icon", "ipa", "whole", "installed", "declined",
				     "failed", "timed_out" };

static enum install_kind
kind_of(const char *name)
{
	enum install_kind kind = INSTALL_OPENED;

	while (kind < INSTALL_TIMED_OUT && strcmp(names[kind], name) != 0)
		kind++;
	return kind;
}

/* ---- writing ---- */

static bool
add_event(struct db *tx, const char *id, enum install_kind kind, int64_t at, struct err *err)
{
	return db_run(tx, err, "INSERT INTO install_event (install_id, at, kind) SELECT id, CAST($2 AS BIGINT), $3"
		      " FROM install WHERE id = $1", db_text(id), db_int(at), db_text(names[kind]));
}

/* Also of a build that is not here any more. */
#define EARLIER(whose) "EXISTS (SELECT 1 FROM install p" INSTALL_BUILD("p", "o", "og") " WHERE p." whose " = i." whose \
	" AND p.id <> i.id AND " INSTALL_APP("o", "og") " = b.app_id AND p.state IN ('whole', 'installed'))"

/* Before that is recorded: it has come, and each is counted once. */
static bool
count_day(struct db *tx, const char *id, int64_t at, struct err *err)
{
	return db_run(tx, err, "INSERT INTO install_day (app_id, day, fresh, again) SELECT s.app_id, CAST($2 AS BIGINT), 1 - s.again, s.again"
		      " FROM (SELECT b.app_id, CASE WHEN " EARLIER("person_id") " OR " EARLIER("contact_id") " THEN 1 ELSE 0 END AS again"
		      " FROM install i JOIN build b ON b.id = i.build_id WHERE i.id = $1 AND NOT EXISTS (SELECT 1 FROM install_event e"
		      " WHERE e.install_id = i.id AND e.kind IN ('whole', 'installed'))) AS s WHERE TRUE ON CONFLICT (app_id, day) DO UPDATE"
		      " SET fresh = install_day.fresh + excluded.fresh, again = install_day.again + excluded.again", db_text(id),
		      db_int(at / DAY_S));
}

bool
install_put(struct db *tx, const struct install_start *s, struct err *err)
{
	int64_t now = clock_now();

	if (!db_run(tx, err, "INSERT INTO install (id, build_id, link_id, person_id, contact_id, state, created, changed, phone)"
		    " SELECT $1, b.id, $3, $4, $5, $6, CAST($7 AS BIGINT), CAST($7 AS BIGINT), $8 FROM build b WHERE b.id = $2", db_text(s->id),
		    db_text(s->build_id), db_text(s->link_id), db_text(s->person_id), db_text(s->contact_id),
		    db_text(names[s->tapped ? INSTALL_TAPPED : INSTALL_OPENED]), db_int(now), db_text(s->phone ? s->phone : "")))
		return false;
	if (!db_changed(tx))
		return err_set(err, ERR_MISSING, "no such build");
	return (!s->opened || add_event(tx, s->id, INSTALL_OPENED, s->opened, err)) &&
	       (!s->tapped || add_event(tx, s->id, INSTALL_TAPPED, now, err));
}

static bool
tx_tap(struct db *tx, void *arg, struct err *err)
{
	const char *id = arg;
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, tx, "SELECT (SELECT max(e.at) FROM install_event e WHERE e.install_id = i.id"
				     " AND e.kind = 'tapped') FROM install i WHERE i.id = $1", db_text(id));
	int64_t now = clock_now(), last;

	if (!rows_one(rows, err, "no such install"))
		return false;
	last = rows_int(rows, 0);
	rows_done(rows);
	return now - last < TAP_AGAIN_S ||
	       (add_event(tx, id, INSTALL_TAPPED, now, err) &&
		db_run(tx, err, "UPDATE install SET changed = $2, state = CASE WHEN state = 'opened' THEN 'tapped'"
		       " ELSE state END WHERE id = $1", db_text(id), db_int(now)));
}

bool
install_tap(struct db *db, const char *id, struct err *err)
{
	return db_tx(db, tx_tap, (void *)(uintptr_t)id, err);
}

bool
install_ended(struct db *tx, const char *id, enum install_kind kind, const char *detail, struct err *err)
{
	return (kind != INSTALL_INSTALLED || count_day(tx, id, clock_now(), err)) &&
	       db_run(tx, err, "INSERT INTO install_event (install_id, at, kind, detail) SELECT id, CAST($2 AS BIGINT), $3, $4"
		      " FROM install WHERE id = $1", db_text(id), db_now(), db_text(names[kind]), db_text(detail)) &&
	       db_run(tx, err, "UPDATE install SET state = $2, changed = $3 WHERE id = $1", db_text(id), db_text(names[kind]),
		      db_now());
}

bool
install_forget(struct db *tx, const char *id, struct err *err)
{
	return db_run(tx, err, "DELETE FROM install WHERE id = $1 AND link_id IS NULL AND state IN ('failed', 'timed_out')", db_text(id));
}

bool
install_use(struct db *tx, const char *id, const char *client, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, tx, "SELECT link_id, phone, person_id FROM install WHERE id = $1", db_text(id));
	struct link_user user = { .client = client };
	const char *link;

	if (!rows_one(rows, err, "no such install"))
		return false;
	link = rows_text(ctx, rows, 0);
	user.is_phone = *rows_text(ctx, rows, 1) != '\0';
	user.person_id = rows_text(ctx, rows, 2);
	rows_done(rows);
	return !link || link_use(tx, link, &user, err);
}

bool
install_link_over(struct db *db, const char *id, const char *client, bool *ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, db, "SELECT " LINK_REVOKED " OR l.expires <= $2 OR NOT "
				     LINK_IS_FOR("COALESCE(i.person_id, '')") " OR (i.person_id IS NULL AND " LINK_ASKS_SIGN_IN ") OR (l.installs_max > 0 AND"
				     " l.installs_max <= (SELECT count(*) FROM link_client k WHERE k.link_id = l.id)"
				     " AND NOT EXISTS (SELECT 1 FROM link_client k WHERE k.link_id = l.id AND k.client = $3))"
				     " FROM install i LEFT JOIN link l ON l.id = i.link_id WHERE i.id = $1",
				     db_text(id), db_now(), db_text(client));

	if (!rows_one(rows, err, "no such install"))
		return false;
	*ret = rows_bool(rows, 0);
	return true;
}

/* How far it has come; a step back is none. */
static bool
go_on(struct db *tx, const struct install_sight *s, struct err *err)
{
	static const char *const further[INSTALL_KINDS] = {
		[INSTALL_MANIFEST] = "UPDATE install SET state = 'manifest' WHERE id = $1 AND state IN ('opened', 'tapped')",
		[INSTALL_ICON] = "UPDATE install SET state = 'icon' WHERE id = $1"
				 " AND state IN ('opened', 'tapped', 'manifest')",
		[INSTALL_IPA] = "UPDATE install SET state = 'ipa' WHERE id = $1"
				" AND state IN ('opened', 'tapped', 'manifest', 'icon')",
		[INSTALL_WHOLE] = "UPDATE install SET state = 'whole' WHERE id = $1"
				  " AND state IN ('opened', 'tapped', 'manifest', 'icon', 'ipa')",
	};

	return !further[s->kind] || db_run(tx, err, further[s->kind], db_text(s->id));
}

static bool
write_one(struct db *tx, const struct install_sight *s, struct err *err)
{
	char ranges[RANGES_TEXT];

	return (!s->fresh ||
		db_run(tx, err, "INSERT INTO install (id, build_id, grant_id, created, changed)"
		       " SELECT $1, b.id, $3, CAST($4 AS BIGINT), CAST($4 AS BIGINT) FROM build b WHERE b.id = $2"
		       " ON CONFLICT (id) DO NOTHING", db_text(s->id), db_text(s->build_id), db_text(s->grant_id),
		       db_int(s->at))) &&
	       (s->kind != INSTALL_WHOLE || count_day(tx, s->id, s->at, err)) &&
	       (!s->event || add_event(tx, s->id, s->kind, s->at, err)) &&
	       db_run(tx, err, "UPDATE install SET changed = $2, model = CASE WHEN $3 <> '' THEN $3 ELSE model END,"
		      " os = CASE WHEN $4 <> '' THEN $4 ELSE os END,"
		      " ranges = CASE WHEN bytes < $5 THEN $6 ELSE ranges END,"
		      " bytes = CASE WHEN bytes < $5 THEN CAST($5 AS BIGINT) ELSE bytes END WHERE id = $1", db_text(s->id),
		      db_int(s->at), db_text(s->model), db_text(s->os), db_int(s->bytes), db_text(ranges_text(&s->ranges, ranges))) &&
	       go_on(tx, s, err);
}

bool
install_write(struct db *tx, const struct install_sight *sights, size_t n, struct err *err)
{
	for (size_t i = 0; i < n; i++)
		if (!write_one(tx, &sights[i], err))
			return err_at(err, "install %s", sights[i].id);
	return true;
}

bool
install_sweep(struct db *db, struct err *err)
{
	/* A managed device may take longer to answer: its grant lives. */
	if (!db_run(db, err, "DELETE FROM install_day WHERE day < $1", db_int(clock_now() / DAY_S - DAYS_KEPT)) ||
	    !db_run(db, err, "DELETE FROM install WHERE created < $1 AND (state = 'opened' OR (state = 'tapped'"
		      " AND NOT EXISTS (SELECT 1 FROM install_grant g WHERE g.install_id = install.id"
		      " AND g.manifest_until > $2)))", db_int(clock_now() - INSTALL_OPENED_KEPT_S), db_now()))
		return false;
	return db_run(db, err, "DELETE FROM install WHERE build_id IN (SELECT g.build_id FROM build_bundle g WHERE g.path = '' AND NOT EXISTS"
		      " (SELECT 1 FROM build b WHERE b.id = g.build_id) AND " INSTALL_ENDS("g.build_id", "0") " < $1)",
		      db_int(clock_now() - INSTALL_ENDED_KEPT_S));
}

/* What MDM installed has no link, is no person's own doing, and is seen to there. */
bool
install_outlives(struct db *tx, const char *build_id, struct err *err)
{
	return db_run(tx, err, "DELETE FROM install WHERE build_id = $1 AND NOT (state IN ('whole', 'installed') AND (contact_id IS NOT NULL OR"
		      " EXISTS (SELECT 1 FROM link l WHERE l.id = install.link_id AND l.contact_id IS NOT NULL)"
		      " OR (person_id IS NOT NULL AND state = 'whole')))", db_text(build_id));
}

/* ---- for its own page ---- */

bool
install_get(TALLOC_CTX *ctx, struct db *db, const char *id, const char *link_id, const char *person_id,
	    struct install **ret, struct err *err)
{
	struct install *i = mem_new(ctx, struct install);
	struct rows *rows = db_query(i, db, "SELECT i.id, i.build_id, i.link_id, i.person_id, i.state, i.created,"
				     " EXISTS (SELECT 1 FROM install_grant g WHERE g.install_id = i.id"
				     " AND g.manifest_until > $4) FROM install i WHERE i.id = $1"
				     " AND (i.link_id = $2 OR i.person_id = $3)", db_text(id), db_text(link_id),
				     db_text(person_id), db_now());

	if (!rows_one(rows, err, "no such install"))
		return false;
	i->id = rows_text(i, rows, 0);
	i->build_id = rows_text(i, rows, 1);
	i->link_id = rows_text(i, rows, 2);
	i->person_id = rows_text(i, rows, 3);
	i->state = kind_of(rows_text(i, rows, 4));
	i->created = rows_int(rows, 5);
	i->granted = rows_bool(rows, 6);
	rows_done(rows);
	*ret = i;
	return true;
}

bool
install_opened(TALLOC_CTX *ctx, struct db *db, const char *link_id, const char *build_id, const char *person_id,
	       const char *phone, char **id, struct err *err)
{
	void *here SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(here, db, "SELECT i.id, i.phone FROM install i WHERE i.link_id = $1 AND i.build_id = $2"
				     " AND i.state = 'opened' AND EXISTS (SELECT 1 FROM install_grant g"
				     " WHERE g.install_id = i.id AND g.manifest_until > $3)"
				     " AND COALESCE(i.person_id, '') = $5 ORDER BY i.created DESC, i.id DESC LIMIT $4",
				     db_text(link_id), db_text(build_id), db_now(), db_int(INSTALL_OPENED_MAX),
				     db_text(person_id ? person_id : ""));
	const char *newest = NULL;
	enum rows_step step;
	int n = 0;

	*id = NULL;
	while ((step = rows_next(rows, err)) == ROWS_ROW) {
		if (n++ == 0)
			newest = rows_text(here, rows, 0);
		if (!*id && strcmp(rows_text(here, rows, 1), phone) == 0)
			*id = rows_text(ctx, rows, 0);
	}
	rows_done(rows);
	if (step == ROWS_FAILED || *id || n < INSTALL_OPENED_MAX)
		return step != ROWS_FAILED;
	*id = mem_text(ctx, newest);
	return db_run(db, err, "UPDATE install SET phone = '' WHERE id = $1 AND state = 'opened'", db_text(newest));
}

/* ---- looking ---- */

/* Of a build that is gone the size is what was fetched of it: all. */
#define SELECT_INSTALL "SELECT i.id, a.bundle_id, coalesce(b.name, a.name), i.build_id, coalesce(b.version, g.version)," \
	" coalesce(b.build, g.build), coalesce(b.size, i.bytes), i.link_id," \
	" c.name, CASE WHEN p.display <> '' THEN p.display ELSE p.name END, i.model, i.os, i.bytes, i.state, i.created," \
	" i.changed, coalesce(b.minimum_os, ''), coalesce(b.ipad_only, FALSE), coalesce(b.expires, g.expires), (SELECT min(d.udid) FROM build_device d WHERE d.build_id = b.id" \
	" AND NOT EXISTS (SELECT 1 FROM install_grant t WHERE t.install_id = i.id AND t.enrollment_id IS NOT NULL)), b.id IS NULL" \
	" FROM install i" INSTALL_BUILD("i", "b", "g") " JOIN app a ON a.id = " INSTALL_APP("b", "g") \
	" LEFT JOIN contact c ON c.id = i.contact_id LEFT JOIN person p ON p.id = i.person_id WHERE "

static json_t *
or_null(TALLOC_CTX *ctx, struct rows *rows, int column)
{
	const char *text = rows_text(ctx, rows, column);

	return text && *text ? json_string(text) : json_null();
}

static json_t *
item_of(TALLOC_CTX *ctx, struct rows *rows)
{
	json_t *item = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:s, s:s, s:s}", "id", rows_text(ctx, rows, 0),
		"bundle_id", rows_text(ctx, rows, 1), "app", rows_text(ctx, rows, 2), "build_id", rows_text(ctx, rows, 3),
		"version", rows_text(ctx, rows, 4), "build", rows_text(ctx, rows, 5), "size", (json_int_t)rows_int(rows, 6),
		"bytes", (json_int_t)rows_int(rows, 12), "state", rows_text(ctx, rows, 13),
		"created", clock_text(ctx, rows_int(rows, 14)), "changed", clock_text(ctx, rows_int(rows, 15)));

	json_object_set_new(item, "link_id", or_null(ctx, rows, 7));
	json_object_set_new(item, "contact", or_null(ctx, rows, 8));
	json_object_set_new(item, "person", or_null(ctx, rows, 9));
	json_object_set_new(item, "model", or_null(ctx, rows, 10));
	json_object_set_new(item, "os", or_null(ctx, rows, 11));
	json_object_set_new(item, "minimum_os", json_string(rows_text(ctx, rows, 16)));
	json_object_set_new(item, "ipad_only", json_boolean(rows_bool(rows, 17)));
	json_object_set_new(item, "until", json_integer(rows_int(rows, 18)));
	json_object_set_new(item, "listed", or_null(ctx, rows, 19));
	json_object_set_new(item, "removed", json_boolean(rows_bool(rows, 20)));
	return item;
}

/* An event as it was recorded, with its moment as a number for what follows. */
static json_t *
event_of(TALLOC_CTX *ctx, struct rows *rows)
{
	const char *kind = rows_text(ctx, rows, 1);

	return json_pack("{s:s, s:s, s:b, s:s, s:I}", "at", clock_text(ctx, rows_int(rows, 0)), "kind", kind, "bad",
			 kind_of(kind) > INSTALL_INSTALLED, "detail", rows_text(ctx, rows, 2), "moment",
			 (json_int_t)rows_int(rows, 0));
}

/* By their moment; within one second in the order in which they happen. */
#define EVENTS "SELECT at, kind, detail FROM install_event WHERE install_id = $1 ORDER BY at, CASE kind" \
	" WHEN 'opened' THEN 0 WHEN 'tapped' THEN 1 WHEN 'manifest' THEN 2 WHEN 'icon' THEN 3 WHEN 'ipa' THEN 4" \
	" WHEN 'whole' THEN 5 ELSE 6 END LIMIT $2"

static int64_t
moment_of(const json_t *event)
{
	return json_integer_value(json_object_get(event, "moment"));
}

/* What the install and its events say, for what follows from it. */
static void
read_seen(const json_t *item, const json_t *events, struct install_seen *ret)
{
	size_t i;
	json_t *event;

	*ret = (struct install_seen){ .now = clock_now(), .model = text_of(item, "model"), .os = text_of(item, "os"),
		.minimum_os = text_of(item, "minimum_os"), .ipad_only = json_is_true(json_object_get(item, "ipad_only")),
		.listed = json_string_value(json_object_get(item, "listed")),
		.expires = json_integer_value(json_object_get(item, "until")) };
	json_array_foreach(events, i, event) {
		enum install_kind kind = kind_of(text_of(event, "kind"));

		ret->last[kind] = moment_of(event);
		ret->taps += kind == INSTALL_TAPPED;
	}
}

/* Adds events, percent and what stalls; the bytes of what is under way are known to the watch. */
static bool
add_events(struct db *db, struct install_watch *watch, json_t *item, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	const char *id = json_string_value(json_object_get(item, "id")), *why, *look;
	int64_t bytes = json_integer_value(json_object_get(item, "bytes")), live = 0, quiet_s = 0;
	int64_t size = json_integer_value(json_object_get(item, "size"));
	struct rows *rows = db_query(ctx, db, EVENTS, db_text(id), db_int(INSTALL_EVENTS_SHOWN));
	bool asked = false, watched = watch && install_bytes(watch, id, &live, &quiet_s);
	struct install_seen seen;
	json_t *events, *event;
	struct err none;
	time_t changed;
	size_t i;

	if (!rows_list(rows, event_of, &events, err))
		return false;
	if (watched && live > bytes)
		bytes = live;
	if (!watched && clock_parse(json_string_value(json_object_get(item, "changed")), &changed, &none))
		quiet_s = clock_now() - changed;
	read_seen(item, events, &seen);
	seen.quiet_s = quiet_s;
	why = install_stalled(&seen);
	look = install_look(&seen);
	json_array_foreach(events, i, event) {
		const char *kind = json_string_value(json_object_get(event, "kind"));

		json_object_del(event, "moment");
		if (strcmp(kind, "ipa") != 0)
			continue;
		asked = true;
		json_object_set_new(event, "detail", bytes ? json_sprintf("%d %%", (int)(bytes * 100 / size))
							   : json_string("asked"));
	}
	json_object_set_new(item, "bytes", json_integer(bytes));
	json_object_set_new(item, "percent", asked && bytes ? json_integer(bytes * 100 / size) : json_null());
	json_object_set_new(item, "stalled", why ? json_string(why) : json_null());
	json_object_set_new(item, "look", look ? json_string(look) : json_null());
	json_object_set_new(item, "events", events);
	json_object_del(item, "ipad_only");	/* of the build, for the two above alone */
	json_object_del(item, "until");
	json_object_del(item, "listed");
	return true;
}

bool
install_show(struct db *db, struct install_watch *watch, const struct install_viewer *viewer, const char *id,
	     json_t **ret, struct err *err)
{
	struct viewer who = viewer_of(viewer->person);
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, db, SELECT_INSTALL "i.id = $4 AND (i.link_id = $5 OR (i.person_id = $2 AND "
		VIEWER_TOKEN_ ") OR " VIEWER_OWNS ")", VIEWER(who), db_text(id), db_text(viewer->link_id));
	json_t *item;

	if (!rows_one(rows, err, "no such install"))
		return false;
	item = item_of(ctx, rows);
	rows_done(rows);
	if (!add_events(db, watch, item, err)) {
		json_decref(item);
		return false;
	}
	*ret = item;
	return true;
}

static const char *
or_any(const char *text)
{
	return text ? text : "";
}

bool
install_list(struct db *db, struct install_watch *watch, const struct person *person,
	     const struct install_filter *filter, const char *after, int64_t limit, json_t **ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows;
	json_t *page, *item;
	const char *id;
	int64_t from;
	size_t i;

	if (limit < 1 || limit > INSTALL_PAGE_MAX)
		limit = INSTALL_PAGE_MAX;
	from = cursor_take_number(ctx, after, INT64_MAX, &id);
	rows = db_query(ctx, db, SELECT_INSTALL VIEWER_OWNS " AND (i.created, i.id) < ($4, $5) AND ($6 = '' OR a.bundle_id = $6)"
			" AND ($7 = '' OR i.build_id = $7) AND ($8 = '' OR i.link_id = $8)"
			" AND ($9 = '' OR p.id = $9 OR p.name = $9) AND ($10 = '' OR i.contact_id = $10)"
			" ORDER BY i.created DESC, i.id DESC LIMIT $11", VIEWER(viewer_of(person)), db_int(from), db_text(id),
			db_text(or_any(filter->bundle_id)), db_text(or_any(filter->build_id)),
			db_text(or_any(filter->link_id)), db_text(or_any(filter->person)), db_text(or_any(filter->contact_id)),
			db_int(limit + 1));
	if (!rows_page(rows, item_of, 14, limit, &page, err))
		return err_at(err, "list of installs");
	json_array_foreach(json_object_get(page, "items"), i, item)
		if (!add_events(db, watch, item, err)) {
			json_decref(page);
			return err_at(err, "list of installs");
		}
	*ret = page;
	return true;
}
