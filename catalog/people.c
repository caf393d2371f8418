/*
 * Table `person`, as the directory and proxies change it.
 */
#include "catalog/people_row.h"
#include "catalog/audience.h"
#include "catalog/desired.h"
#include "catalog/managed_app.h"
#include "catalog/people_rest.h"
#include "catalog/registration.h"
#include "catalog/person_attribute.h"
#include "catalog/session.h"
#include "core/audit.h"
#include "core/clock.h"
#include "core/secret.h"
#include "core/text.h"
#include "mdm/own_mobileconfig.h"
#include <string.h>
#include <strings.h>

#define BACK "the directory has them again"

/* ---- a row, whoever it is ---- */

bool
people_row(TALLOC_CTX *ctx, struct db *tx, const char *id, struct people_row *ret, struct err *err)
{
	struct rows *rows = db_query(ctx, tx, "SELECT name, source, disabled_by, role, disabled FROM person WHERE id = $1",
				     db_text(id));

	if (!rows_one(rows, err, "no such person"))
		return false;
	*ret = (struct people_row){ .id = id, .name = rows_text(ctx, rows, 0), .source = rows_text(ctx, rows, 1),
				    .disabled_by = rows_text(ctx, rows, 2), .disabled = rows_bool(rows, 4) };
	if (!role_parse(rows_text(ctx, rows, 3), &ret->role, err))
		return false;
	rows_done(rows);
	return true;
}

bool
people_shut_out(struct db *tx, const struct people_row *row, const char *by, const char *actor, const char *why,
		struct err *err)
{
	return db_run(tx, err, "UPDATE person SET disabled = TRUE, disabled_by = $1 WHERE id = $2", db_text(by),
		      db_text(row->id)) &&
	       session_end_all(tx, row->id, err) && own_person_ended(tx, row->id, actor, err) &&
	       managed_app_person_changed(tx, row->id, err) && audit_add(tx, actor, "person.disable", row->name, why, err);
}

bool
people_let_in(struct db *tx, const struct people_row *row, const char *actor, const char *why, struct err *err)
{
	return !row->disabled ||
	       (db_run(tx, err, "UPDATE person SET disabled = FALSE, disabled_by = '' WHERE id = $1", db_text(row->id)) &&
		managed_app_person_changed(tx, row->id, err) && registration_again(tx, err) &&
		audit_add(tx, actor, "person.enable", row->name, why, err));
}

/* Letters of other directories that our names have not become "_"; never empty, never too long. */
static char *
clean_name(TALLOC_CTX *ctx, const char *name)
{
	char *clean = text_cut(ctx, name, PERSON_NAME_MAX - sizeof " (99)");

	for (char *c = clean; *c; c++)
		if (strchr("/:\\\"<>", *c) || (unsigned char)*c < 0x20)
			*c = '_';
	return *clean ? clean : mem_text(ctx, "_");
}

/* "anna", or "anna (2)" when somebody else has it. */
static bool
free_name(TALLOC_CTX *ctx, struct db *tx, const char *id, const char *wanted, char **ret, struct err *err)
{
	for (int i = 1; i <= PEOPLE_NAMESAKES_MAX; i++) {
		char *name = i == 1 ? mem_text(ctx, wanted) : mem_printf(ctx, "%s (%d)", wanted, i);
		struct rows *rows = db_query(ctx, tx, "SELECT id FROM person WHERE folded = $1 AND id <> $2",
					     db_text(text_fold(ctx, name)), db_text(id));
		enum rows_step step = rows_next(rows, err);

		rows_done(rows);
		if (step == ROWS_FAILED)
			return false;
		if (step == ROWS_END) {
			*ret = name;
			return true;
		}
	}
	return err_set(err, ERR_CONFLICT, "%d people have the name %.64s", PEOPLE_NAMESAKES_MAX, wanted);
}

const char *
people_words(TALLOC_CTX *ctx, const char *name, const char *display, const char *email)
{
	return text_fold(ctx, mem_printf(ctx, "%s\n%s\n%s", name, display, email));
}

/* ---- from the directory ---- */

struct arrival {
	TALLOC_CTX *ctx;
	const struct directory_person *from;
	const char *name;		/* a proxy's */
	bool local_login;
	const char *id;			/* of the row: known before, or found and told here */
	bool ended, check;
	struct person *person;
};

static bool
find_external(TALLOC_CTX *ctx, struct db *tx, const char *external_id, const char **ret, struct err *err)
{
	struct rows *rows = db_query(ctx, tx, "SELECT id FROM person WHERE external_id = $1", db_text(external_id));

	*ret = NULL;
	switch (rows_next(rows, err)) {
	case ROWS_FAILED:
		return false;
	case ROWS_ROW:
		*ret = rows_text(ctx, rows, 0);
		break;
	case ROWS_END:
		break;
	}
	rows_done(rows);
	return true;
}

static bool
make_row(struct db *tx, const char *id, const char *name, const char *source, const char *external_id, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	const char *folded = text_fold(ctx, name);

	return db_run(tx, err, "INSERT INTO person (id, name, folded, words, role, password, source, external_id, created,"
		      " confirmed) VALUES ($1, $2, $3, $3, 'member', '', $4, $5, $6, $7)", db_text(id), db_text(name), db_text(folded),
		      db_text(source), db_text(external_id), db_now(), db_now()) &&
	       audience_refresh_person(tx, id, err) && audit_add(tx, "system", "person.add", name, source, err);
}

/* What stands for %variables%, and has changed: their devices are looked at. */
static bool
set_values(struct db *tx, const char *id, const struct directory_person *p, bool other, struct err *err)
{
	bool changed;

	return person_attributes_set(tx, id, p->attributes, p->attributes_n, &changed, err) &&
	       (!other || (desired_person(tx, id, err) && managed_app_values_changed(tx, id, err)));
}

/* Is what stands in the row of theirs not what it was? */
static bool
is_other(struct db *tx, const char *id, const struct directory_person *p, const char *name, bool *ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, tx, "SELECT 1 FROM person WHERE id = $1 AND name = $2 AND display = $3"
				     " AND email = $4 AND phone = $5", db_text(id), db_text(name), db_text(p->display),
				     db_text(p->email), db_text(p->phone));
	enum rows_step step = rows_next(rows, err);

	*ret = step == ROWS_END;
	rows_done(rows);
	return step != ROWS_FAILED;
}

/* What the directory says now, and what became of the role. */
static bool
update_row(struct db *tx, const struct directory_person *p, const struct people_row *row, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	char *name = clean_name(ctx, p->name);
	enum role role = p->has_role ? p->role : row->role;
	bool other;

	/* One who is "anna (2)" stays so while the first anna is there. */
	if (!free_name(ctx, tx, row->id, name, &name, err) || !is_other(tx, row->id, p, name, &other, err) ||
	    !db_run(tx, err, "UPDATE person SET name = $1, folded = $2, words = $3, dn = $4, display = $5, email = $6,"
		    " phone = $7, role = $8, checked = $9 WHERE id = $10", db_text(name), db_text(text_fold(ctx, name)),
		    db_text(people_words(ctx, name, p->display, p->email)), db_text(p->dn), db_text(p->display),
		    db_text(p->email), db_text(p->phone), db_text(role_name(role)), db_now(), db_text(row->id)) ||
	    !set_values(tx, row->id, p, other, err))
		return false;
	if (strcmp(name, row->name) != 0 && !audit_add(tx, "system", "person.rename", row->name, name, err))
		return false;
	return role == row->role || audit_add(tx, "system", "person.role", name, role_name(role), err);
}

static bool
set_groups(struct db *tx, const char *id, const struct directory_person *p, struct err *err)
{
	bool changed;

	return group_sync(tx, id, p->groups, p->groups_n, &changed, err) &&
	       (!changed || audience_refresh_person(tx, id, err));
}

static bool
set_missed(struct db *tx, const char *id, int64_t when, struct err *err)
{
	return db_run(tx, err, "UPDATE person SET missed = $1 WHERE id = $2", db_int(when), db_text(id));
}

/* Who has the login now, had it last: one that went to somebody else in the directory means whoever came by it since. */
static bool
set_login(struct db *tx, const char *id, const struct directory_person *p, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	const char *login = p->login ? text_fold(ctx, p->login) : "";

	return !*login ||
	       (db_run(tx, err, "UPDATE person SET login = '' WHERE login = $1 AND id <> $2", db_text(login), db_text(id)) &&
		db_run(tx, err, "UPDATE person SET login = $1 WHERE id = $2 AND login <> $1", db_text(login), db_text(id)));
}

static bool
tx_arrive(struct db *tx, void *arg, struct err *err)
{
	struct arrival *a = arg;
	void *ctx SCOPED(mem) = talloc_new(NULL);
	const char *id;
	struct people_row row;
	char *name;

	if (!find_external(ctx, tx, a->from->external_id, &id, err))
		return false;
	if (!id) {
		id = secret_id(ctx);
		if (!free_name(ctx, tx, id, clean_name(ctx, a->from->name), &name, err) ||
		    !make_row(tx, id, name, "directory", a->from->external_id, err))
			return false;
	}
	if (!people_row(ctx, tx, id, &row, err))
		return false;
	if (row.disabled && strcmp(row.disabled_by, "directory") != 0)
		return err_code(err, ERR_DENIED, "account_disabled", "your account has been disabled here");
	return people_let_in(tx, &row, "system", BACK, err) && set_missed(tx, id, 0, err) && update_row(tx, a->from, &row, err) &&
	       set_groups(tx, id, a->from, err) && set_login(tx, id, a->from, err) && people_confirm(tx, id, err) &&
	       person_by_id(a->ctx, tx, id, &a->person, err);
}

bool
people_from_directory(TALLOC_CTX *ctx, struct db *db, const struct directory_person *person, struct person **ret,
		      struct err *err)
{
	struct arrival a = { .ctx = ctx, .from = person };

	if (!db_tx(db, tx_arrive, &a, err))
		return false;
	*ret = a.person;
	return true;
}

/* ---- from a proxy ---- */

bool
people_is_named(const char *source, const char *name, const char *vouched, bool local_login)
{
	if (strcmp(source, "local") == 0)
		return local_login && strcmp(name, vouched) == 0;
	return strcasecmp(name, vouched) == 0;
}

static bool
tx_proxy(struct db *tx, void *arg, struct err *err)
{
	struct arrival *a = arg;
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, tx, "SELECT id, disabled, source, name FROM person WHERE folded = $1",
				     db_text(text_fold(ctx, a->name)));
	const char *id = secret_id(ctx);
	bool disabled = false, same;

	switch (rows_next(rows, err)) {
	case ROWS_FAILED:
		return false;
	case ROWS_ROW:
		id = rows_text(ctx, rows, 0);
		disabled = rows_bool(rows, 1);
		same = people_is_named(rows_text(ctx, rows, 2), rows_text(ctx, rows, 3), a->name, a->local_login);
		rows_done(rows);
		if (!same)
			return err_set(err, ERR_DENIED, "the proxy says that you are %.64s, and somebody else here has a name "
				       "that is taken for the same", a->name);
		break;
	case ROWS_END:
		rows_done(rows);
		if (!make_row(tx, id, a->name, "proxy", NULL, err))
			return false;
	}
	if (disabled)
		return err_code(err, ERR_DENIED, "account_disabled", "your account has been disabled here");
	return people_confirm(tx, id, err) && person_by_id(a->ctx, tx, id, &a->person, err);
}

bool
people_from_proxy(TALLOC_CTX *ctx, struct db *db, const char *name, bool local_login, struct person **ret,
		  struct err *err)
{
	struct arrival a = { .ctx = ctx, .name = name, .local_login = local_login };

	if (!person_name_ok(name, err) || !db_tx(db, tx_proxy, &a, err))
		return false;
	*ret = a.person;
	return true;
}

/* ---- the hourly check ---- */

bool
people_known(TALLOC_CTX *ctx, struct db *db, const char *after, struct people_known *ret, size_t most, size_t *n,
	     struct err *err)
{
	void *scratch SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(scratch, db, "SELECT id, external_id, name FROM person WHERE source = 'directory'"
				     " AND external_id IS NOT NULL AND id > $1 ORDER BY id LIMIT $2", db_text(after),
				     db_int((int64_t)most));
	enum rows_step step;

	*n = 0;
	while ((step = rows_next(rows, err)) == ROWS_ROW && *n < most)
		ret[(*n)++] = (struct people_known){ rows_text(ctx, rows, 0), rows_text(ctx, rows, 1), rows_text(ctx, rows, 2) };
	return step != ROWS_FAILED;
}

/* The first time is noted: a directory that shows a part of itself for a moment revokes nobody's certificates. */
static bool
missed_again(struct db *tx, const char *id, bool *again, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, tx, "SELECT missed FROM person WHERE id = $1", db_text(id));
	int64_t first;

	if (!rows_one(rows, err, "no such person"))
		return false;
	first = rows_int(rows, 0);
	rows_done(rows);
	*again = first && clock_now() - first >= PEOPLE_MISSED_S;
	return first || set_missed(tx, id, clock_now(), err);
}

bool
people_missed(struct db *db, bool *ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, db, "SELECT 1 FROM person WHERE source = 'directory' AND external_id IS NOT NULL"
				     " AND missed > 0 AND NOT disabled LIMIT 1");
	enum rows_step step = rows_next(rows, err);

	*ret = step == ROWS_ROW;
	return step != ROWS_FAILED;
}

static bool
tx_checked(struct db *tx, void *arg, struct err *err)
{
	struct arrival *a = arg;
	const struct directory_person *p = a->from;
	const char *why = !p ? "the directory does not have them any more"
			     : p->disabled ? mem_printf(a->ctx, "disabled in the directory by %s", p->disabled)
			     : "in none of the groups whose people may sign in";
	struct people_row row;
	bool again = true;

	a->ended = false;
	if (!people_row(a->ctx, tx, a->id, &row, err))
		return err->kind == ERR_MISSING;	/* taken away meanwhile */
	if (!p || p->disabled || !p->allowed) {
		if (!db_run(tx, err, "UPDATE person SET checked = $1 WHERE id = $2", db_now(), db_text(row.id)) ||
		    (!row.disabled && !(p && p->disabled) && !missed_again(tx, row.id, &again, err)))
			return false;
		a->ended = !row.disabled && again;
		return !a->ended || (set_missed(tx, row.id, 0, err) &&
				     people_shut_out(tx, &row, "directory", "system", why, err));
	}
	return set_missed(tx, row.id, 0, err) && update_row(tx, p, &row, err) && set_groups(tx, row.id, p, err) && people_confirm(tx, row.id, err) &&
	       (strcmp(row.disabled_by, "directory") != 0 || people_let_in(tx, &row, "system", BACK, err));
}

bool
people_checked(struct db *db, const char *id, const struct directory_person *person, bool *ended, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct arrival a = { .ctx = ctx, .from = person, .id = id };

	if (!db_tx(db, tx_checked, &a, err))
		return false;
	*ended = a.ended;
	return true;
}

/* Never by the name here: two people's names are told apart by a "(2)", of which the directory knows nothing. */
static bool
find_login(TALLOC_CTX *ctx, struct db *tx, const char *login, const char **ret, struct err *err)
{
	struct rows *rows = db_query(ctx, tx, "SELECT id FROM person WHERE login = $1 AND source = 'directory'",
				     db_text(text_fold(ctx, login)));
	enum rows_step step = rows_next(rows, err);

	*ret = step == ROWS_ROW ? rows_text(ctx, rows, 0) : NULL;
	rows_done(rows);
	return step != ROWS_FAILED;
}

static bool
tx_turned_away(struct db *tx, void *arg, struct err *err)
{
	struct arrival *asked = arg, a = *asked;
	bool ok = a.from->external_id ? find_external(a.ctx, tx, a.from->external_id, &a.id, err)
				      : find_login(a.ctx, tx, a.from->login, &a.id, err);

	ok = ok && (!a.id || tx_checked(tx, &a, err));
	asked->ended = ok && a.id && a.ended;
	return ok;
}

bool
people_turned_away(struct db *db, const struct directory_person *person, bool *ended, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct arrival a = { .ctx = ctx, .from = person };

	if (!db_tx(db, tx_turned_away, &a, err))
		return false;
	*ended = a.ended;
	return true;
}
