/* Tables `channel` and `placement`. */
#include "catalog/channel.h"
#include "catalog/managed_app.h"
#include "catalog/rows.h"
#include "core/secret.h"
#include <string.h>

bool
channel_name_ok(const char *name, struct err *err)
{
	size_t len = strlen(name);

	if (!len || len > CHANNEL_NAME_MAX || *name == '.' ||
	    strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") != len)
		return err_set(err, ERR_INVALID, "a channel's name has 1 to %d letters, digits, - _ or .",
			       CHANNEL_NAME_MAX);
	return true;
}

/* Now, but after all that was placed in any channel of the app: the order must not hang on the second. */
#define NEXT_MOMENT "(SELECT CASE WHEN max(q.at) >= CAST($3 AS BIGINT) THEN max(q.at) + 1" \
	" ELSE CAST($3 AS BIGINT) END FROM placement q JOIN channel d ON d.id = q.channel_id WHERE d.app_id = $4)"

bool
channel_refresh(struct db *tx, const char *app_id, struct err *err)
{
	return managed_app_app_changed(tx, app_id, err) &&
	       db_run(tx, err, "UPDATE channel SET newest_build_id = (SELECT p.build_id FROM placement p"
		      " WHERE p.channel_id = channel.id ORDER BY p.at DESC, p.build_id DESC LIMIT 1),"
		      " newest_at = (SELECT coalesce(max(p.at), 0) FROM placement p WHERE p.channel_id = channel.id),"
		      " newest_folded = coalesce((SELECT b.folded FROM placement p JOIN build b ON b.id = p.build_id"
		      " WHERE p.channel_id = channel.id ORDER BY p.at DESC, p.build_id DESC LIMIT 1), '')"
		      " WHERE app_id = $1", db_text(app_id));
}

/* Makes it when it is new; a build that is there already keeps its place. */
static bool
place(struct db *tx, const char *app_id, const char *name, const char *build_id,
	      const char *person_id, bool *placed, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);

	if (!channel_name_ok(name, err) ||
	    !db_run(tx, err, "INSERT INTO channel (id, app_id, name, created) VALUES ($1, $2, $3, $4)"
		    " ON CONFLICT (app_id, name) DO NOTHING",
		    db_text(secret_id(ctx)), db_text(app_id), db_text(name), db_now()) ||
	    !db_run(tx, err, "INSERT INTO placement (channel_id, build_id, person_id, at)"
		    " SELECT id, $1, $2, " NEXT_MOMENT " FROM channel WHERE app_id = $4 AND name = $5"
		    " ON CONFLICT (channel_id, build_id) DO NOTHING",
		    db_text(build_id), db_text(person_id), db_now(), db_text(app_id), db_text(name)))
		return false;
	*placed = db_changed(tx) > 0;
	return true;
}

bool
channel_place(struct db *tx, const char *app_id, const char *name, const char *build_id,
	      const char *person_id, bool *placed, struct err *err)
{
	return place(tx, app_id, name, build_id, person_id, placed, err) &&
	       (!*placed || channel_refresh(tx, app_id, err));
}

bool
channel_promote(struct db *tx, const char *app_id, const char *name, const char *build_id,
		const char *person_id, bool *changed, struct err *err)
{
	if (!place(tx, app_id, name, build_id, person_id, changed, err))
		return false;
	if (*changed)
		return channel_refresh(tx, app_id, err);
	if (!db_run(tx, err, "UPDATE placement SET person_id = $2, at = " NEXT_MOMENT " WHERE build_id = $1"
		    " AND channel_id = (SELECT c.id FROM channel c WHERE c.app_id = $4 AND c.name = $5)"
		    " AND EXISTS (SELECT 1 FROM placement p WHERE p.channel_id = placement.channel_id"
		    " AND (p.at, p.build_id) > (placement.at, placement.build_id))",
		    db_text(build_id), db_text(person_id), db_now(), db_text(app_id), db_text(name)))
		return false;
	*changed = db_changed(tx) > 0;
	return !*changed || channel_refresh(tx, app_id, err);
}

bool
channel_last(TALLOC_CTX *ctx, struct db *db, const char *app_id, char **build_id, struct err *err)
{
	void *here SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(here, db, "SELECT p.build_id FROM placement p JOIN channel c"
				     " ON c.id = p.channel_id WHERE c.app_id = $1"
				     " ORDER BY p.at DESC, p.build_id DESC LIMIT 1", db_text(app_id));

	if (!rows_one(rows, err, "nothing of this app is in a channel"))
		return false;
	*build_id = rows_text(ctx, rows, 0);
	return true;
}

bool
channel_names(struct db *db, struct viewer viewer, const char *build_id, json_t **ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, db, "SELECT c.name FROM placement p JOIN channel c"
				     " ON c.id = p.channel_id JOIN app a ON a.id = c.app_id"
				     " WHERE p.build_id = $4 AND " VIEWER_SEES_CHANNEL " ORDER BY c.name",
				     VIEWER(viewer), db_text(build_id));

	return rows_list(rows, row_text, ret, err);
}

static json_t *
channel_json(TALLOC_CTX *ctx, struct rows *rows)
{
	return json_pack("{s:s, s:I, s:b}", "name", rows_text(ctx, rows, 0), "builds",
			 (json_int_t)rows_int(rows, 1), "required", rows_bool(rows, 2));
}

bool
channel_list(struct db *db, struct viewer viewer, const char *app_id, json_t **ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, db, "SELECT c.name, (SELECT count(*) FROM placement p"
				     " WHERE p.channel_id = c.id), c.required FROM channel c JOIN app a"
				     " ON a.id = c.app_id WHERE c.app_id = $4 AND " VIEWER_SEES_CHANNEL
				     " ORDER BY c.name", VIEWER(viewer), db_text(app_id));

	return rows_list(rows, channel_json, ret, err);
}

bool
channel_newest(TALLOC_CTX *ctx, struct db *db, struct viewer viewer, const char *app_id, const char *name,
	       char **build_id, struct err *err)
{
	void *here SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(here, db, "SELECT c.newest_build_id FROM channel c JOIN app a ON a.id = c.app_id"
				     " WHERE c.app_id = $4 AND c.name = $5 AND c.newest_build_id IS NOT NULL"
				     " AND " VIEWER_SEES_CHANNEL, VIEWER(viewer), db_text(app_id), db_text(name));

	if (!rows_one(rows, err, "nothing in this channel"))
		return false;
	*build_id = rows_text(ctx, rows, 0);
	return true;
}

bool
channel_surplus(struct db *db, const char *app_id, int64_t keep, json_t **ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, db,
		"SELECT r.build_id FROM (SELECT p.build_id AS build_id,"
		" row_number() OVER (PARTITION BY p.channel_id ORDER BY p.at DESC, p.build_id DESC) AS place"
		" FROM placement p JOIN channel c ON c.id = p.channel_id WHERE c.app_id = $1) r"
		" GROUP BY r.build_id HAVING min(r.place) > $2", db_text(app_id), db_int(keep));

	return rows_list(rows, row_text, ret, err);
}
