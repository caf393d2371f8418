/*
 * Tables `people_group` and `group_person`.  Whatever changes who is in a group works out anew what they
 * see (audience_refresh_*), in the same transaction.
 */
#include "catalog/group.h"
#include "catalog/audience.h"
#include "catalog/directory.h"
#include "core/audit.h"
#include "core/log.h"
#include "core/secret.h"
#include "core/text.h"
#include <string.h>

/* ---- those of the directory ---- */

/* "Testers", or "Testers (2)" when another group has that name. */
static bool
free_name(TALLOC_CTX *ctx, struct db *tx, const char *id, const char *wanted, char **ret, struct err *err)
{
	for (int i = 1; i <= GROUP_NAMESAKES_MAX; i++) {
		char *try = i == 1 ? mem_text(ctx, wanted) : mem_printf(ctx, "%s (%d)", wanted, i);
		struct rows *rows = db_query(ctx, tx, "SELECT 1 FROM people_group WHERE folded = $1 AND id <> $2",
					     db_text(text_fold(ctx, try)), db_text(id));
		enum rows_step step = rows_next(rows, err);

		rows_done(rows);
		if (step == ROWS_FAILED)
			return false;
		if (step == ROWS_END) {
			*ret = try;
			return true;
		}
	}
	return err_set(err, ERR_CONFLICT, "%d groups have the name %.80s", GROUP_NAMESAKES_MAX, wanted);
}

struct directory_row {
	char *id, *name, *dn, *external_id;
};

/* The row that has this in `column`; *ret is NULL where none has. */
static bool
find_row(TALLOC_CTX *ctx, struct db *tx, const char *sql, const char *value, struct directory_row **ret, struct err *err)
{
	struct rows *rows = db_query(ctx, tx, sql, db_text(value));
	enum rows_step step = rows_next(rows, err);

	*ret = NULL;
	if (step == ROWS_ROW) {
		*ret = mem_new(ctx, struct directory_row);
		**ret = (struct directory_row){ rows_text(ctx, rows, 0), rows_text(ctx, rows, 1), rows_text(ctx, rows, 2),
						rows_text(ctx, rows, 3) };
	}
	rows_done(rows);
	return step != ROWS_FAILED;
}

#define ROW "SELECT id, name, coalesce(dn, ''), coalesce(external_id, '') FROM people_group WHERE "

/* The group as it was known: by its id, else by its DN, unless another id is known to have had that. */
static bool
find_group(TALLOC_CTX *ctx, struct db *tx, const struct group_of_directory *group, const char *folded,
	   struct directory_row **ret, struct err *err)
{
	*ret = NULL;
	if (group->external_id && !find_row(ctx, tx, ROW "external_id = $1", group->external_id, ret, err))
		return false;
	if (*ret)
		return true;
	if (!find_row(ctx, tx, ROW "dn = $1", folded, ret, err))
		return false;
	if (*ret && group->external_id && *(*ret)->external_id)
		*ret = NULL;
	return true;
}

/* What has the DN now is this group, whatever had it before: audiences that name that one name nobody, and say so nowhere else. */
static bool
take_dn(struct db *tx, const char *id, const char *folded, struct err *err)
{
	if (!db_run(tx, err, "UPDATE people_group SET dn = NULL WHERE dn = $1 AND id <> $2", db_text(folded), db_text(id)))
		return false;
	if (!db_changed(tx))
		return true;
	log_warn("another group of the directory has this DN now: audiences that name the one before, also with \"not\", do not mean it",
		 KV("group", folded));
	return audit_add(tx, "system", "group.replaced", folded, NULL, err);
}

static bool
make_group(TALLOC_CTX *ctx, struct db *tx, const struct group_of_directory *group, const char *folded, char **ret,
	   struct err *err)
{
	char *id = secret_id(ctx), *name;

	*ret = id;
	return free_name(ctx, tx, id, *group->name ? group->name : "?", &name, err) && take_dn(tx, id, folded, err) &&
	       db_run(tx, err, "INSERT INTO people_group (id, name, folded, source, dn, external_id, created)"
		      " VALUES ($1, $2, $3, 'directory', $4, $5, $6)", db_text(id), db_text(name), db_text(text_fold(ctx, name)),
		      db_text(folded), db_text(group->external_id), db_now());
}

/* Where it is now and what it is called; who sees what stays as it is, as audiences know it by our own id. */
static bool
update_group(TALLOC_CTX *ctx, struct db *tx, const struct group_of_directory *group, const char *folded,
	     const struct directory_row *row, struct err *err)
{
	char *name = row->name;

	if (!group->external_id)
		return true;	/* its DN is all that is known, and is the same */
	if (*group->name && strcmp(group->name, name) != 0 && !free_name(ctx, tx, row->id, group->name, &name, err))
		return false;
	if (strcmp(row->dn, folded) == 0 && *row->external_id && strcmp(name, row->name) == 0)
		return true;
	return take_dn(tx, row->id, folded, err) &&
	       db_run(tx, err, "UPDATE people_group SET dn = $1, external_id = $2, name = $3, folded = $4 WHERE id = $5",
		      db_text(folded), db_text(group->external_id), db_text(name), db_text(text_fold(ctx, name)),
		      db_text(row->id)) &&
	       (strcmp(name, row->name) == 0 || audit_add(tx, "system", "group.rename", row->name, name, err));
}

/* The id of a directory's group, its DN as directory_dn_fold has it; made when it is new. */
static bool
id_of(TALLOC_CTX *ctx, struct db *tx, const struct group_of_directory *group, const char *folded, char **ret, struct err *err)
{
	struct directory_row *row;

	if (!find_group(ctx, tx, group, folded, &row, err))
		return false;
	if (!row)
		return make_group(ctx, tx, group, folded, ret, err);
	*ret = row->id;
	return update_group(ctx, tx, group, folded, row, err);
}

struct member {
	const char *id;
	bool stays;
};

static bool
read_members(TALLOC_CTX *ctx, struct db *tx, const char *person_id, struct member **ret, size_t *n, struct err *err)
{
	struct rows *rows = db_query(ctx, tx, "SELECT g.id FROM group_person m JOIN people_group g ON g.id = m.group_id"
				     " WHERE m.person_id = $1 AND g.source = 'directory'", db_text(person_id));
	struct member *list = NULL;
	enum rows_step step;

	*n = 0;
	while ((step = rows_next(rows, err)) == ROWS_ROW) {
		list = mem_grow(ctx, list, struct member, *n + 1);
		list[(*n)++] = (struct member){ rows_text(ctx, rows, 0), false };
	}
	rows_done(rows);
	*ret = list;
	return step == ROWS_END;
}

bool
group_sync(struct db *tx, const char *person_id, const struct group_of_directory *groups, size_t n, bool *changed,
	   struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct member *before;
	size_t before_n;

	*changed = false;
	if (!read_members(ctx, tx, person_id, &before, &before_n, err))
		return false;
	for (size_t i = 0; i < n && i < GROUPS_OF_ONE_MAX; i++) {
		size_t k = 0;
		char *id;

		if (!id_of(ctx, tx, &groups[i], directory_dn_fold(ctx, groups[i].dn), &id, err))
			return false;
		while (k < before_n && strcmp(before[k].id, id) != 0)
			k++;
		if (k < before_n) {
			before[k].stays = true;
			continue;
		}
		if (!db_run(tx, err, "INSERT INTO group_person (group_id, person_id) VALUES ($1, $2)"
			    " ON CONFLICT (group_id, person_id) DO NOTHING", db_text(id), db_text(person_id)))
			return false;
		*changed = *changed || db_changed(tx);
	}
	for (size_t k = 0; k < before_n; k++) {
		if (before[k].stays)
			continue;
		*changed = true;
		if (!db_run(tx, err, "DELETE FROM group_person WHERE group_id = $1 AND person_id = $2",
			    db_text(before[k].id), db_text(person_id)))
			return false;
	}
	return true;
}

/* ---- those of ours ---- */

struct change {
	const char *actor, *id, *name, *person_id;
	bool in;
};

static bool
name_ok(const char *name, struct err *err)
{
	size_t len = strlen(name);

	return (len && len <= GROUP_NAME_MAX && text_valid(name, len) && !strpbrk(name, "\t\r\n")) ||
	       err_set(err, ERR_INVALID, "a group's name has 1 to %d bytes on one line", GROUP_NAME_MAX);
}

static bool
tx_add(struct db *tx, void *arg, struct err *err)
{
	struct change *c = arg;
	void *ctx SCOPED(mem) = talloc_new(NULL);

	if (!db_run(tx, err, "INSERT INTO people_group (id, name, folded, source, created)"
		    " VALUES ($1, $2, $3, 'local', $4) ON CONFLICT (folded) DO NOTHING", db_text(c->id),
		    db_text(c->name), db_text(text_fold(ctx, c->name)), db_now()))
		return false;
	if (!db_changed(tx))
		return err_set(err, ERR_CONFLICT, "there is a group named %s already", c->name);
	return audit_add(tx, c->actor, "group.add", c->name, NULL, err);
}

bool
group_add(struct db *db, const char *actor, const char *name, char **id, TALLOC_CTX *ctx, struct err *err)
{
	struct change c = { .actor = actor, .id = secret_id(ctx), .name = name };

	if (!name_ok(name, err) || !db_tx(db, tx_add, &c, err))
		return false;
	*id = (char *)(uintptr_t)c.id;
	return true;
}

/* Its name, and that it is one of ours. */
static bool
ours(TALLOC_CTX *ctx, struct db *tx, const char *id, bool *local, char **name, struct err *err)
{
	struct rows *rows = db_query(ctx, tx, "SELECT name, source FROM people_group WHERE id = $1", db_text(id));

	if (!rows_one(rows, err, "no such group"))
		return false;
	*name = rows_text(ctx, rows, 0);
	*local = strcmp(rows_text(ctx, rows, 1), "local") == 0;
	rows_done(rows);
	return true;
}

static bool
count_people(struct db *tx, const char *id, int64_t *ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, tx, "SELECT count(*) FROM group_person WHERE group_id = $1", db_text(id));

	if (!rows_one(rows, err, "no count"))
		return false;
	*ret = rows_int(rows, 0);
	return true;
}

static bool
tx_remove(struct db *tx, void *arg, struct err *err)
{
	struct change *c = arg;
	void *ctx SCOPED(mem) = talloc_new(NULL);
	bool local;
	char *name;
	int64_t n;

	if (!ours(ctx, tx, c->id, &local, &name, err) || !count_people(tx, c->id, &n, err))
		return false;
	if (!local && n)
		return err_set(err, ERR_CONFLICT, "%.80s is the directory's and has %lld people here: take them out of it there",
			       name, (long long)n);
	return db_run(tx, err, "DELETE FROM group_person WHERE group_id = $1", db_text(c->id)) &&
	       db_run(tx, err, "DELETE FROM people_group WHERE id = $1", db_text(c->id)) &&
	       audience_refresh_group(tx, c->id, err) && audit_add(tx, c->actor, "group.remove", name, NULL, err);
}

bool
group_remove(struct db *db, const char *actor, const char *id, struct err *err)
{
	struct change c = { .actor = actor, .id = id };

	return db_tx(db, tx_remove, &c, err);
}

/* Who is in it and what it sees stays as it is: audiences know it by its id. */
static bool
tx_rename(struct db *tx, void *arg, struct err *err)
{
	struct change *c = arg;
	void *ctx SCOPED(mem) = talloc_new(NULL);
	const char *folded = text_fold(ctx, c->name);
	bool local;
	char *name;

	if (!ours(ctx, tx, c->id, &local, &name, err))
		return false;
	if (!local)
		return err_set(err, ERR_CONFLICT, "%.80s is the directory's: its name is, too", name);
	if (!db_run(tx, err, "UPDATE people_group SET name = $1, folded = $2 WHERE id = $3 AND NOT EXISTS"
		    " (SELECT 1 FROM people_group o WHERE o.folded = $2 AND o.id <> $3)", db_text(c->name),
		    db_text(folded), db_text(c->id)))
		return false;
	if (!db_changed(tx))
		return err_set(err, ERR_CONFLICT, "there is a group named %s already", c->name);
	return audit_add(tx, c->actor, "group.rename", name, c->name, err);
}

bool
group_rename(struct db *db, const char *actor, const char *id, const char *name, struct err *err)
{
	struct change c = { .actor = actor, .id = id, .name = name };

	return name_ok(name, err) && db_tx(db, tx_rename, &c, err);
}

static bool
tx_put(struct db *tx, void *arg, struct err *err)
{
	struct change *c = arg;
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows;
	bool local, is_in;
	char *name, *who;

	if (!ours(ctx, tx, c->id, &local, &name, err))
		return false;
	if (!local)
		return err_set(err, ERR_CONFLICT, "%.80s is the directory's: who is in it is decided there", name);
	rows = db_query(ctx, tx, "SELECT p.name, (SELECT count(*) FROM group_person m WHERE m.group_id = $1 AND"
			" m.person_id = p.id) FROM person p WHERE p.id = $2", db_text(c->id), db_text(c->person_id));
	if (!rows_one(rows, err, "no such person"))
		return false;
	who = rows_text(ctx, rows, 0);
	is_in = rows_int(rows, 1) > 0;
	rows_done(rows);
	if (is_in == c->in)
		return true;
	if (!(c->in ? db_run(tx, err, "INSERT INTO group_person (group_id, person_id) VALUES ($1, $2)", db_text(c->id),
			     db_text(c->person_id))
		    : db_run(tx, err, "DELETE FROM group_person WHERE group_id = $1 AND person_id = $2", db_text(c->id),
			     db_text(c->person_id))))
		return false;
	return audience_refresh_person(tx, c->person_id, err) &&
	       audit_add(tx, c->actor, c->in ? "group.put" : "group.take", name, who, err);
}

bool
group_put_person(struct db *db, const char *actor, const char *id, const char *person_id, bool in, struct err *err)
{
	struct change c = { .actor = actor, .id = id, .person_id = person_id, .in = in };

	return db_tx(db, tx_put, &c, err);
}

/* ---- looking ---- */

bool
group_list(struct db *db, const char *search, const char *after, int64_t limit, json_t **ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	int64_t most = limit > 0 && limit < GROUP_PAGE_MAX ? limit : GROUP_PAGE_MAX;
	const char *pattern = text_like(ctx, search);
	struct rows *rows = db_query(ctx, db, "SELECT g.id, g.name, g.source, g.dn, g.folded,"
		" (SELECT count(*) FROM group_person m WHERE m.group_id = g.id) FROM people_group g"
		" WHERE g.folded > $1 AND g.folded LIKE $2 ESCAPE '!' ORDER BY g.folded LIMIT $3",
		db_text(after ? after : ""), db_text(pattern), db_int(most + 1));
	json_t *items = json_array(), *next = json_null();
	const char *last = "";
	enum rows_step step;

	while ((step = rows_next(rows, err)) == ROWS_ROW) {
		if ((int64_t)json_array_size(items) == most) {
			next = json_string(last);
			step = ROWS_END;
			break;
		}
		json_array_append_new(items, json_pack("{s:s, s:s, s:s, s:s?, s:I}", "id", rows_text(ctx, rows, 0),
			"name", rows_text(ctx, rows, 1), "source", rows_text(ctx, rows, 2), "dn", rows_text(ctx, rows, 3),
			"people", (json_int_t)rows_int(rows, 5)));
		last = rows_text(ctx, rows, 4);
	}
	*ret = json_pack("{s:o, s:o}", "items", items, "next", next);
	if (step == ROWS_FAILED)
		json_decref(*ret);
	return step == ROWS_END;
}

static bool
add_people(TALLOC_CTX *ctx, struct db *db, const char *id, json_t *group, struct err *err)
{
	struct rows *rows = db_query(ctx, db, "SELECT p.id, p.name, p.display, p.disabled FROM group_person m"
		" JOIN person p ON p.id = m.person_id WHERE m.group_id = $1 ORDER BY p.folded LIMIT $2", db_text(id),
		db_int(GROUP_PEOPLE_MAX));
	json_t *list = json_array();
	enum rows_step step;

	while ((step = rows_next(rows, err)) == ROWS_ROW)
		json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:b}", "id", rows_text(ctx, rows, 0), "name",
			rows_text(ctx, rows, 1), "display", rows_text(ctx, rows, 2), "disabled", rows_bool(rows, 3)));
	json_object_set_new(group, "persons", list);
	return step == ROWS_END;
}

bool
group_show(struct db *db, const char *id, json_t **ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, db, "SELECT g.name, g.source, g.dn, (SELECT count(*) FROM group_person m"
		" WHERE m.group_id = g.id) FROM people_group g WHERE g.id = $1", db_text(id));
	json_t *group;

	if (!rows_one(rows, err, "no such group"))
		return false;
	group = json_pack("{s:s, s:s, s:s, s:s?, s:I}", "id", id, "name", rows_text(ctx, rows, 0), "source",
			  rows_text(ctx, rows, 1), "dn", rows_text(ctx, rows, 2), "people", (json_int_t)rows_int(rows, 3));
	rows_done(rows);
	if (!add_people(ctx, db, id, group, err)) {
		json_decref(group);
		return false;
	}
	*ret = group;
	return true;
}

bool
group_of_person(struct db *db, const char *person_id, json_t **ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, db, "SELECT g.id, g.name, g.source FROM group_person m"
		" JOIN people_group g ON g.id = m.group_id WHERE m.person_id = $1 ORDER BY g.folded", db_text(person_id));
	json_t *list = json_array();
	enum rows_step step;

	while ((step = rows_next(rows, err)) == ROWS_ROW)
		json_array_append_new(list, json_pack("{s:s, s:s, s:s}", "id", rows_text(ctx, rows, 0), "name",
						      rows_text(ctx, rows, 1), "source", rows_text(ctx, rows, 2)));
	if (step == ROWS_FAILED) {
		json_decref(list);
		return false;
	}
	*ret = list;
	return true;
}
