/* Tables `contact_group` and `contact_member`. */
#include "catalog/contact.h"
#include "core/audit.h"
#include "core/secret.h"
#include "core/text.h"
#include <string.h>

#define GROUPS_MAX 1000

struct change {
	const char *actor, *id, *name, *folded;
};

static bool
tx_group_add(struct db *tx, void *arg, struct err *err)
{
	struct change *c = arg;

	if (!db_run(tx, err, "INSERT INTO contact_group (id, name, folded, created) VALUES ($1, $2, $3, $4)"
		    " ON CONFLICT (folded) DO NOTHING", db_text(c->id), db_text(c->name), db_text(c->folded),
		    db_now()))
		return false;
	if (!db_changed(tx))
		return err_set(err, ERR_CONFLICT, "there is a group %s already", c->name);
	return audit_add(tx, c->actor, "contact_group.add", c->id, c->name, err);
}

bool
contact_group_add(TALLOC_CTX *ctx, struct db *db, const char *actor, const char *name, char **id, struct err *err)
{
	char *fresh = secret_id(ctx);
	struct change c = { actor, fresh, name, text_fold(ctx, name) };

	if (!contact_words_ok("a group's name", name, CONTACT_GROUP_MAX, err) || !db_tx(db, tx_group_add, &c, err))
		return false;
	*id = fresh;
	return true;
}

static bool
tx_group_remove(struct db *tx, void *arg, struct err *err)
{
	struct change *c = arg;

	if (!db_run(tx, err, "DELETE FROM contact_group WHERE id = $1", db_text(c->id)))
		return false;
	if (!db_changed(tx))
		return err_set(err, ERR_MISSING, "no such group");
	return audit_add(tx, c->actor, "contact_group.remove", c->id, NULL, err);
}

bool
contact_group_remove(struct db *db, const char *actor, const char *id, struct err *err)
{
	struct change c = { actor, id, NULL, NULL };

	return db_tx(db, tx_group_remove, &c, err);
}

struct put {
	const char *actor, *group, *contact;
	bool in;
};

static bool
tx_put(struct db *tx, void *arg, struct err *err)
{
	struct put *p = arg;
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, tx, "SELECT 1 FROM contact_group g, contact c WHERE g.id = $1 AND c.id = $2",
				     db_text(p->group), db_text(p->contact));

	if (!rows_one(rows, err, "no such group or contact"))
		return false;
	rows_done(rows);
	if (!(p->in ? db_run(tx, err, "INSERT INTO contact_member (group_id, contact_id) VALUES ($1, $2)"
			     " ON CONFLICT (group_id, contact_id) DO NOTHING", db_text(p->group), db_text(p->contact))
		    : db_run(tx, err, "DELETE FROM contact_member WHERE group_id = $1 AND contact_id = $2",
			     db_text(p->group), db_text(p->contact))))
		return false;
	return !db_changed(tx) || audit_add(tx, p->actor, p->in ? "contact_group.put" : "contact_group.take",
					    p->group, p->contact, err);
}

bool
contact_group_put(struct db *db, const char *actor, const char *group, const char *contact, bool in,
		  struct err *err)
{
	struct put p = { actor, group, contact, in };

	return db_tx(db, tx_put, &p, err);
}

bool
contact_in_group(struct db *db, const char *contact, const char *name, bool *ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	enum rows_step step = rows_next(db_query(ctx, db, "SELECT 1 FROM contact_member m JOIN contact_group g"
		" ON g.id = m.group_id WHERE m.contact_id = $1 AND g.folded = $2", db_text(contact),
		db_text(text_fold(ctx, name))), err);

	*ret = step == ROWS_ROW;
	return step != ROWS_FAILED;
}

struct named {
	const char *actor, *name, *contact;
};

static bool
tx_named(struct db *tx, void *arg, struct err *err)
{
	struct named *n = arg;
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, tx, "SELECT id FROM contact_group WHERE folded = $1",
				     db_text(text_fold(ctx, n->name)));
	enum rows_step step = rows_next(rows, err);
	char *id = step == ROWS_ROW ? rows_text(ctx, rows, 0) : NULL;

	rows_done(rows);
	return step != ROWS_FAILED && (id || contact_group_add(ctx, tx, n->actor, n->name, &id, err)) &&
	       contact_group_put(tx, n->actor, id, n->contact, true, err);
}

bool
contact_group_named(struct db *db, const char *actor, const char *name, const char *contact, struct err *err)
{
	struct named n = { actor, name, contact };

	return db_tx(db, tx_named, &n, err);
}

bool
contact_group_list(struct db *db, json_t **ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, db, "SELECT g.id, g.name, (SELECT count(*) FROM contact_member m"
				     " WHERE m.group_id = g.id) FROM contact_group g ORDER BY g.folded LIMIT $1",
				     db_int(GROUPS_MAX));
	json_t *list = json_array();
	enum rows_step step;

	while ((step = rows_next(rows, err)) == ROWS_ROW)
		json_array_append_new(list, json_pack("{s:s, s:s, s:I}", "id", rows_text(ctx, rows, 0), "name",
						      rows_text(ctx, rows, 1), "contacts", (json_int_t)rows_int(rows, 2)));
	if (step == ROWS_FAILED) {
		json_decref(list);
		return false;
	}
	*ret = list;
	return true;
}

/* ---- a choice of them ---- */

struct choice {
	const char **ids;
	size_t n;
};

static bool
choose(TALLOC_CTX *ctx, struct choice *choice, const char *id, struct err *err)
{
	for (size_t i = 0; i < choice->n; i++)
		if (strcmp(choice->ids[i], id) == 0)
			return true;
	if (choice->n == CONTACT_CHOICE_MAX)
		return err_set(err, ERR_LIMIT, "more than %d contacts at once", CONTACT_CHOICE_MAX);
	choice->ids[choice->n++] = mem_text(ctx, id);
	return true;
}

static bool
choose_group(TALLOC_CTX *ctx, struct db *db, struct choice *choice, const char *group, struct err *err)
{
	void *here SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(here, db, "SELECT m.contact_id FROM contact_member m JOIN contact c"
				     " ON c.id = m.contact_id WHERE m.group_id = $1 ORDER BY c.folded, c.id LIMIT $2",
				     db_text(group), db_int(CONTACT_CHOICE_MAX + 1));
	enum rows_step step;

	while ((step = rows_next(rows, err)) == ROWS_ROW)
		if (!choose(ctx, choice, rows_text(here, rows, 0), err))
			return false;
	return step == ROWS_END;
}

bool
contact_choice(TALLOC_CTX *ctx, struct db *db, const char *const *contacts, size_t contacts_n,
	       const char *const *groups, size_t groups_n, const char ***ret, size_t *n, struct err *err)
{
	struct choice choice = { mem_array(ctx, const char *, CONTACT_CHOICE_MAX), 0 };

	for (size_t i = 0; i < contacts_n; i++)
		if (!choose(ctx, &choice, contacts[i], err))
			return false;
	for (size_t i = 0; i < groups_n; i++)
		if (!choose_group(ctx, db, &choice, groups[i], err))
			return false;
	*ret = choice.ids;
	*n = choice.n;
	return true;
}
