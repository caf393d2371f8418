/* Invitations as admins see them, and who has none. */
#include "catalog/cursor.h"
#include "catalog/invitation_row.h"
#include "catalog/rows.h"
#include "core/clock.h"
#include "core/text.h"

#define MOMENTS 8	/* columns from `reminded` on, in the order of moment_names */

static const char *const moment_names[MOMENTS] = {
	"sent", "reminded", "opened", "signed_in", "declined", "began", "enrolled", "revoked",
};

#define ITEM "SELECT i.id, p.id, p.name, " INVITATION_SHOWN("p") ", p.email, p.phone, i.by_kind, i.recipient, i.note," \
	" CASE WHEN b.id IS NULL THEN NULL ELSE " INVITATION_SHOWN("b") " END, i.another, i.remind, m.state, m.error, i.created, i.expires," \
	" i.sent, i.reminded, i.opened, i.signed_in, i.declined, i.began, i.enrolled, i.revoked, " \
	INVITATION_STATE("$1", "$2") " AS shown" INVITATION_JOINS

static json_t *
item_of(TALLOC_CTX *ctx, struct rows *rows)
{
	json_t *item = json_pack("{s:s, s:{s:s, s:s, s:s, s:s, s:s}, s:s, s:s, s:s, s:s?, s:b, s:b, s:s, s:s, s:s}",
		"id", rows_text(ctx, rows, 0), "person", "id", rows_text(ctx, rows, 1), "name", rows_text(ctx, rows, 2),
		"display", rows_text(ctx, rows, 3), "email", rows_text(ctx, rows, 4), "phone", rows_text(ctx, rows, 5),
		"by", rows_text(ctx, rows, 6), "recipient", rows_text(ctx, rows, 7), "note", rows_text(ctx, rows, 8),
		"from", rows_text(ctx, rows, 9), "another", rows_bool(rows, 10), "remind", rows_bool(rows, 11),
		"created", clock_text(ctx, rows_int(rows, 14)), "expires", clock_text(ctx, rows_int(rows, 15)),
		"state", rows_text(ctx, rows, 16 + MOMENTS));

	json_object_set_new(item, "message", rows_null(rows, 12) ? json_null() :
			    json_pack("{s:s, s:s}", "state", rows_text(ctx, rows, 12), "error", rows_text(ctx, rows, 13)));
	for (int n = 0; n < MOMENTS; n++)
		json_object_set_new(item, moment_names[n], rows_null(rows, 16 + n) ? json_null() :
				    json_string(clock_text(ctx, rows_int(rows, 16 + n))));
	return item;
}

#define IN_GROUP(name) "(" name " = '' OR EXISTS (SELECT 1 FROM group_person gp JOIN people_group g ON g.id = gp.group_id" \
	" WHERE gp.person_id = p.id AND (g.id = " name " OR g.folded = " name ")))"

bool
invitation_list(struct db *db, const struct invitation_filter *f, const char *after, int64_t limit, json_t **ret,
		struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	int64_t from, now = clock_now();
	struct rows *rows;
	const char *id;

	if (limit < 1 || limit > INVITATION_PAGE_MAX)
		limit = INVITATION_PAGE_MAX;
	from = cursor_take_number(ctx, after, INT64_MAX, &id);
	rows = db_query(ctx, db, "SELECT * FROM (" ITEM " WHERE (i.created, i.id) < ($3, $4) AND ($5 = '' OR p.id = $5)"
		" AND " IN_GROUP("$6") " AND p.words LIKE $7 ESCAPE '!') AS page WHERE ($8 = '' OR page.shown = $8)"
		" ORDER BY 15 DESC, 1 DESC LIMIT $9", db_int(now), db_int(now - f->silent_s), db_int(from), db_text(id),
		db_text(f->person_id ? f->person_id : ""), db_text(f->group ? text_fold(ctx, f->group) : ""),
		db_text(text_like(ctx, f->search)), db_text(f->state ? f->state : ""), db_int(limit + 1));
	return rows_page(rows, item_of, 14, limit, ret, err) || err_at(err, "list of invitations");
}

bool
invitation_show(struct db *db, const char *id, int64_t silent_s, json_t **ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, db, ITEM " WHERE i.id = $3", db_now(), db_int(clock_now() - silent_s), db_text(id));

	if (!rows_one(rows, err, "no such invitation"))
		return false;
	*ret = item_of(ctx, rows);
	return true;
}

bool
invitation_counts(struct db *db, int64_t silent_s, json_t **ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, db, "SELECT shown, count(*) FROM (SELECT " INVITATION_STATE("$1", "$2") " AS shown"
				     INVITATION_JOINS ") AS each_one GROUP BY shown", db_now(), db_int(clock_now() - silent_s));
	json_t *counts = json_object();
	enum rows_step step;

	while ((step = rows_next(rows, err)) == ROWS_ROW)
		json_object_set_new(counts, rows_text(ctx, rows, 0), json_integer(rows_int(rows, 1)));
	if (step == ROWS_FAILED) {
		json_decref(counts);
		return err_at(err, "invitations by state");
	}
	*ret = counts;
	return true;
}

bool
invitation_missing(struct db *db, const char *search, const char *group, const char *after, int64_t limit,
		   json_t **ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	const char *place, *id, *last_id = "", *last = "";
	json_t *items = json_array(), *page = json_pack("{s:o, s:n}", "items", items, "next");
	enum rows_step step;
	struct rows *rows;

	if (limit < 1 || limit > INVITATION_PAGE_MAX)
		limit = INVITATION_PAGE_MAX;
	cursor_take(ctx, after, &place, &id);
	rows = db_query(ctx, db, "SELECT p.id, p.name, " INVITATION_SHOWN("p") ", p.email, p.phone, p.folded FROM person p"
		" WHERE NOT p.disabled AND (p.folded, p.id) > ($2, $3) AND " IN_GROUP("$4") " AND p.words LIKE $5 ESCAPE '!'"
		" AND NOT " INVITATION_HAS_DEVICE " AND NOT EXISTS (SELECT 1 FROM invitation i WHERE i.person_id = p.id AND "
		INVITATION_STANDS("$1") ") ORDER BY p.folded, p.id LIMIT $6", db_now(), db_text(place), db_text(id),
		db_text(group ? text_fold(ctx, group) : ""), db_text(text_like(ctx, search)), db_int(limit + 1));
	while ((step = rows_next(rows, err)) == ROWS_ROW) {
		if (json_array_size(items) == (size_t)limit) {
			json_object_set_new(page, "next", json_string(cursor_put(ctx, last, last_id)));
			break;
		}
		last_id = rows_text(ctx, rows, 0);
		last = rows_text(ctx, rows, 5);
		json_array_append_new(items, json_pack("{s:s, s:s, s:s, s:s, s:s}", "id", last_id, "name", rows_text(ctx, rows, 1),
			"display", rows_text(ctx, rows, 2), "email", rows_text(ctx, rows, 3), "phone", rows_text(ctx, rows, 4)));
	}
	if (step == ROWS_FAILED) {
		json_decref(page);
		return err_at(err, "list of people without a device");
	}
	*ret = page;
	return true;
}
