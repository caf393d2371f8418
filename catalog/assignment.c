/* Table `assignment`. */
#include "catalog/assignment.h"
#include "catalog/assignment_filter.h"
#include "catalog/audience.h"
#include "catalog/desired.h"
#include "catalog/mobileconfig.h"
#include "core/audit.h"
#include "core/clock.h"
#include "core/secret.h"
#include <stdlib.h>
#include <string.h>

#define LISTED_MAX	5000

struct change {
	TALLOC_CTX *ctx;
	const char *actor, *id;
	const struct assignment *to;
	bool created;
};

/* ---- change ---- */

/* *mobileconfig_id stays NULL when there is no such assignment. */
static bool
find(TALLOC_CTX *ctx, struct db *db, const char *id, char **mobileconfig_id, char **name, struct err *err)
{
	struct rows *rows = db_query(ctx, db, "SELECT m.id, m.name FROM assignment a JOIN mobileconfig m"
		" ON m.id = a.mobileconfig_id WHERE a.id = $1", db_text(strlen(id) <= ASSIGNMENT_ID_MAX ? id : ""));
	enum rows_step step = rows_next(rows, err);

	*mobileconfig_id = step == ROWS_ROW ? rows_text(ctx, rows, 0) : NULL;
	*name = step == ROWS_ROW ? rows_text(ctx, rows, 1) : NULL;
	rows_done(rows);
	return step != ROWS_FAILED;
}

static bool
room_for_one(struct db *tx, const char *mobileconfig_id, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, tx, "SELECT count(*) FROM assignment WHERE mobileconfig_id = $1",
				     db_text(mobileconfig_id));

	if (!rows_one(rows, err, "no count"))
		return false;
	return rows_int(rows, 0) < ASSIGNMENTS_MAX ||
	       err_set(err, ERR_CONFLICT, "a mobileconfig has at most %d assignments; use a group", ASSIGNMENTS_MAX);
}

static bool
write_audit(struct db *tx, const struct change *c, const char *name, struct err *err)
{
	json_t *detail = json_pack("{s:O?, s:O?}", "audience", c->to->audience, "devices", c->to->devices);
	char *dump = json_dumps(detail, JSON_COMPACT);
	bool ok = audit_add(tx, c->actor, "assignment.set", name, dump, err);

	json_decref(detail);
	free(dump);
	return ok;
}

/* Those who had it and those who are to have it are looked at: before the change, and after. */
static bool
tx_put(struct db *tx, void *arg, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct change *c = arg;
	struct kept_mobileconfig *m;
	char *audience, *before, *name, *devices;
	bool ok;

	if (!mobileconfig_find(ctx, tx, c->to->mobileconfig, &m, err) || !find(ctx, tx, c->id, &before, &name, err))
		return false;
	c->created = !before;
	if (m->person_id)
		return err_set(err, ERR_CONFLICT, "%s is for %s alone", m->name, m->person);
	if (before && strcmp(before, m->id) != 0)
		return err_set(err, ERR_CONFLICT, "assignment %s is of the mobileconfig %s", c->id, name);
	if ((!before && !room_for_one(tx, m->id, err)) || !desired_mobileconfig(tx, m->id, err) ||
	    !audience_keep(ctx, tx, c->to->audience, &audience, err))
		return false;
	devices = c->to->devices ? json_dumps(c->to->devices, JSON_COMPACT | JSON_SORT_KEYS) : strdup("{}");
	ok = db_run(tx, err, "INSERT INTO assignment (id, mobileconfig_id, audience_id, devices, created)"
		    " VALUES ($1, $2, $3, $4, $5) ON CONFLICT (id) DO UPDATE SET audience_id = excluded.audience_id,"
		    " devices = excluded.devices", db_text(c->id), db_text(m->id), db_text(audience), db_text(devices), db_now());
	free(devices);
	return ok && audience_sweep(tx, err) && desired_mobileconfig(tx, m->id, err) && write_audit(tx, c, m->name, err);
}

bool
assignment_put(TALLOC_CTX *ctx, struct db *db, const char *actor, const struct assignment *assignment, bool *created,
	       const char **id, struct err *err)
{
	struct change c = { .ctx = ctx, .actor = actor, .to = assignment,
			    .id = assignment->id ? mem_text(ctx, assignment->id) : secret_id(ctx) };

	if (strlen(c.id) > ASSIGNMENT_ID_MAX || !mobileconfig_name_ok(c.id, err))
		return err_set(err, ERR_INVALID, "\"%.64s\" is no id of an assignment: small letters, digits, . - and _", c.id);
	if (!audience_check(assignment->audience, err) ||
	    (assignment->devices && !assignment_filter_check(assignment->devices, err)) || !db_tx(db, tx_put, &c, err))
		return err_at(err, "assignment %s", c.id);
	*created = c.created;
	*id = c.id;
	return true;
}

static bool
tx_remove(struct db *tx, void *arg, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct change *c = arg;
	char *mobileconfig_id, *name;

	if (!find(ctx, tx, c->id, &mobileconfig_id, &name, err))
		return false;
	if (!mobileconfig_id)
		return err_set(err, ERR_MISSING, "no such assignment");
	return desired_mobileconfig(tx, mobileconfig_id, err) &&
	       db_run(tx, err, "DELETE FROM assignment WHERE id = $1", db_text(c->id)) && audience_sweep(tx, err) &&
	       audit_add(tx, c->actor, "assignment.remove", name, c->id, err);
}

bool
assignment_remove(struct db *db, const char *actor, const char *id, struct err *err)
{
	return db_tx(db, tx_remove, &(struct change){ .actor = actor, .id = id }, err);
}

bool
assignment_remove_all(struct db *tx, const char *mobileconfig_id, struct err *err)
{
	return db_run(tx, err, "DELETE FROM assignment WHERE mobileconfig_id = $1", db_text(mobileconfig_id)) &&
	       audience_sweep(tx, err);
}

/* ---- looking ---- */

struct found { const char *id, *mobileconfig, *audience, *devices, *created; };

static bool
show(struct db *db, const struct found *f, json_t **ret, struct err *err)
{
	json_t *audience;
	int64_t people;

	if (!audience_show(db, f->audience, &audience, err))
		return false;
	if (!audience_count(db, f->audience, &people, err)) {
		json_decref(audience);
		return false;
	}
	*ret = json_pack("{s:s, s:s, s:o, s:I, s:o, s:s}", "id", f->id, "mobileconfig", f->mobileconfig, "audience", audience,
			 "people", (json_int_t)people, "devices", json_loads(f->devices, 0, NULL), "created", f->created);
	return true;
}

static bool
list(struct db *db, const char *mobileconfig, const char *id, json_t **ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, db, "SELECT a.id, m.name, a.audience_id, a.devices, a.created FROM assignment a"
		" JOIN mobileconfig m ON m.id = a.mobileconfig_id WHERE (CAST($1 AS TEXT) IS NULL OR m.name = $1)"
		" AND (CAST($2 AS TEXT) IS NULL OR a.id = $2) ORDER BY m.name, a.created, a.id LIMIT $3", db_text(mobileconfig),
		db_text(id), db_int(LISTED_MAX));
	json_t *items = json_array(), *one;
	struct found *all = NULL;
	enum rows_step step;
	size_t n = 0;

	while ((step = rows_next(rows, err)) == ROWS_ROW) {
		all = mem_grow(ctx, all, struct found, n + 1);
		all[n++] = (struct found){ rows_text(ctx, rows, 0), rows_text(ctx, rows, 1), rows_text(ctx, rows, 2),
					   rows_text(ctx, rows, 3), clock_text(ctx, rows_int(rows, 4)) };
	}
	rows_done(rows);
	for (size_t i = 0; i < n && step != ROWS_FAILED; i++) {
		if (show(db, &all[i], &one, err))
			json_array_append_new(items, one);
		else
			step = ROWS_FAILED;
	}
	if (step == ROWS_FAILED)
		json_decref(items);
	else
		*ret = items;
	return step != ROWS_FAILED;
}

bool
assignment_list(struct db *db, const char *mobileconfig, json_t **ret, struct err *err)
{
	return list(db, mobileconfig, NULL, ret, err);
}

bool
assignment_show(struct db *db, const char *id, json_t **ret, struct err *err)
{
	json_t *items;

	if (!list(db, NULL, strlen(id) <= ASSIGNMENT_ID_MAX ? id : "", &items, err))
		return false;
	*ret = json_incref(json_array_get(items, 0));
	json_decref(items);
	return *ret || err_set(err, ERR_MISSING, "no such assignment");
}
