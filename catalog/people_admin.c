/*
 * Tables `person` and `publisher_app`, as admins look at them and change them.
 *
 * Who could lock everybody out is asked inside the transaction: two admins who disable each other at
 * once cannot both succeed.
 */
#include "catalog/people_row.h"
#include "catalog/attempts.h"
#include "catalog/desired.h"
#include "catalog/managed_app.h"
#include "catalog/session.h"
#include "core/audit.h"
#include "core/clock.h"
#include "core/mail.h"
#include "core/secret.h"
#include "core/text.h"
#include <string.h>

/* ---- looking ---- */

static json_t *
item(TALLOC_CTX *ctx, struct rows *rows)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:b, s:s, s:I, s:b, s:s, s:b}", "id", rows_text(ctx, rows, 0),
			 "name", rows_text(ctx, rows, 1), "display", rows_text(ctx, rows, 2), "email", rows_text(ctx, rows, 3),
			 "source", rows_text(ctx, rows, 4), "role", rows_text(ctx, rows, 5), "disabled", rows_bool(rows, 6),
			 "disabled_by", rows_text(ctx, rows, 7), "groups", (json_int_t)rows_int(rows, 8), "all_apps",
			 rows_bool(rows, 9), "created", clock_text(ctx, rows_int(rows, 10)), "resting", rows_bool(rows, 11));
}

#define ITEM "p.id, p.name, p.display, p.email, p.source, p.role, p.disabled, p.disabled_by," \
	" (SELECT count(*) FROM group_person m WHERE m.person_id = p.id), p.all_apps, p.created, p.resting"
#define ITEM_N 12

bool
people_list(struct db *db, const struct people_filter *filter, const char *after, int64_t limit, json_t **ret,
	    struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	int64_t most = limit > 0 && limit < PEOPLE_PAGE_MAX ? limit : PEOPLE_PAGE_MAX;
	const char *pattern = text_like(ctx, filter->search), *last = "";
	struct rows *rows = db_query(ctx, db, "SELECT " ITEM ", p.folded FROM person p WHERE p.folded > $1"
		" AND p.words LIKE $2 ESCAPE '!' AND (CAST($3 AS TEXT) IS NULL OR p.source = $3)"
		" AND (p.disabled OR NOT CAST($4 AS BOOLEAN)) ORDER BY p.folded LIMIT $5", db_text(after ? after : ""),
		db_text(pattern), db_text(filter->source), db_bool(filter->disabled), db_int(most + 1));
	json_t *items = json_array(), *next = json_null();
	enum rows_step step;

	while ((step = rows_next(rows, err)) == ROWS_ROW) {
		if ((int64_t)json_array_size(items) == most) {
			next = json_string(last);
			step = ROWS_END;
			break;
		}
		json_array_append_new(items, item(ctx, rows));
		last = rows_text(ctx, rows, ITEM_N);
	}
	*ret = json_pack("{s:o, s:o}", "items", items, "next", next);
	if (step == ROWS_FAILED)
		json_decref(*ret);
	return step == ROWS_END;
}

static bool
add_apps(TALLOC_CTX *ctx, struct db *db, const char *id, json_t *person, struct err *err)
{
	struct rows *rows = db_query(ctx, db, "SELECT bundle_id FROM publisher_app WHERE person_id = $1 ORDER BY bundle_id",
				     db_text(id));
	json_t *list = json_array();
	enum rows_step step;

	while ((step = rows_next(rows, err)) == ROWS_ROW)
		json_array_append_new(list, json_string(rows_text(ctx, rows, 0)));
	json_object_set_new(person, "apps", list);
	return step == ROWS_END;
}

bool
people_show(struct db *db, const char *id, json_t **ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, db, "SELECT " ITEM ", p.phone, p.dn, p.locked_until, p.checked,"
		" (SELECT count(*) FROM session s WHERE s.person_id = p.id),"
		" (SELECT count(*) FROM token t WHERE t.person_id = p.id), p.external_id FROM person p WHERE p.id = $1",
		db_text(id));
	json_t *person, *groups;
	const char *external_id;
	int64_t locked;

	if (!rows_one(rows, err, "no such person"))
		return false;
	person = item(ctx, rows);
	locked = rows_int(rows, ITEM_N + 2);
	external_id = rows_text(ctx, rows, ITEM_N + 6);
	if (external_id && attempts_wait(ATTEMPTS_DIRECTORY, external_id))
		locked = clock_now() + attempts_wait(ATTEMPTS_DIRECTORY, external_id);
	json_object_set_new(person, "phone", json_string(rows_text(ctx, rows, ITEM_N)));
	json_object_set_new(person, "dn", json_string(rows_text(ctx, rows, ITEM_N + 1)));
	json_object_set_new(person, "locked_until", locked > clock_now() ? json_string(clock_text(ctx, locked)) : json_null());
	json_object_set_new(person, "checked", rows_int(rows, ITEM_N + 3)
			    ? json_string(clock_text(ctx, rows_int(rows, ITEM_N + 3))) : json_null());
	json_object_set_new(person, "sessions", json_integer(rows_int(rows, ITEM_N + 4)));
	json_object_set_new(person, "tokens", json_integer(rows_int(rows, ITEM_N + 5)));
	json_object_set_new(person, "external_id", external_id ? json_string(external_id) : json_null());
	rows_done(rows);
	if (!group_of_person(db, id, &groups, err) || !add_apps(ctx, db, id, person, err)) {
		json_decref(person);
		return false;
	}
	json_object_set_new(person, "groups", groups);
	*ret = person;
	return true;
}

/* ---- what admins do ---- */

struct act {
	const struct people_act *act;
	enum role role;
	bool on;
	const char *const *apps;
	size_t apps_n;
	const char *email;
};

/* Is there an admin besides, who can sign in? */
static bool
others_look_after(struct db *tx, const struct people_act *act, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, tx, "SELECT count(*) FROM person WHERE role = 'admin' AND NOT disabled"
				     " AND id <> $1 AND (source <> 'local' OR $2)", db_text(act->id),
				     db_bool(act->local_login));

	if (!rows_one(rows, err, "no count"))
		return false;
	return rows_int(rows, 0) > 0 ||
	       err_code(err, ERR_CONFLICT, "last_admin", "nobody else is admin: make somebody else one first");
}

static bool
tx_role(struct db *tx, void *arg, struct err *err)
{
	struct act *a = arg;
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct people_row row;

	if (!people_row(ctx, tx, a->act->id, &row, err))
		return false;
	if (row.role == a->role)
		return true;
	if (row.role == ROLE_ADMIN && !others_look_after(tx, a->act, err))
		return false;
	return db_run(tx, err, "UPDATE person SET role = $1 WHERE id = $2", db_text(role_name(a->role)), db_text(row.id)) &&
	       audit_add(tx, a->act->actor, "person.role", row.name, role_name(a->role), err);
}

bool
people_set_role(struct db *db, const struct people_act *act, enum role role, struct err *err)
{
	return db_tx(db, tx_role, &(struct act){ .act = act, .role = role }, err);
}

static bool
tx_disabled(struct db *tx, void *arg, struct err *err)
{
	struct act *a = arg;
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct people_row row;

	if (!people_row(ctx, tx, a->act->id, &row, err))
		return false;
	if (!a->on)
		return people_let_in(tx, &row, a->act->actor, NULL, err);
	if (row.disabled && strcmp(row.disabled_by, "admin") == 0)
		return true;
	if (!row.disabled && row.role == ROLE_ADMIN && !others_look_after(tx, a->act, err))
		return false;
	return people_shut_out(tx, &row, "admin", a->act->actor, NULL, err);
}

bool
people_set_disabled(struct db *db, const struct people_act *act, bool disabled, struct err *err)
{
	return db_tx(db, tx_disabled, &(struct act){ .act = act, .on = disabled }, err);
}

static bool
tx_sign_out(struct db *tx, void *arg, struct err *err)
{
	struct act *a = arg;
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct people_row row;

	return people_row(ctx, tx, a->act->id, &row, err) && session_end_all(tx, row.id, err) &&
	       audit_add(tx, a->act->actor, "person.sign_out", row.name, NULL, err);
}

bool
people_sign_out(struct db *db, const struct people_act *act, struct err *err)
{
	return db_tx(db, tx_sign_out, &(struct act){ .act = act }, err);
}

static bool
tx_unlock(struct db *tx, void *arg, struct err *err)
{
	struct act *a = arg;
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct people_row row;

	return people_row(ctx, tx, a->act->id, &row, err) &&
	       db_run(tx, err, "UPDATE person SET failures = 0, locked_until = 0 WHERE id = $1", db_text(row.id)) &&
	       audit_add(tx, a->act->actor, "person.unlock", row.name, NULL, err);
}

/* Those of the directory are counted in memory, by what it knows them by. */
bool
people_unlock(struct db *db, const struct people_act *act, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, db, "SELECT external_id FROM person WHERE id = $1", db_text(act->id));
	const char *external_id;

	if (!rows_one(rows, err, "no such person"))
		return false;
	external_id = rows_text(ctx, rows, 0);
	rows_done(rows);
	if (!db_tx(db, tx_unlock, &(struct act){ .act = act }, err))
		return false;
	if (external_id)
		attempts_forget(ATTEMPTS_DIRECTORY, external_id);
	return true;
}

static bool
tx_apps(struct db *tx, void *arg, struct err *err)
{
	struct act *a = arg;
	void *ctx SCOPED(mem) = talloc_new(NULL);
	const char *all = a->on ? "all" : "";
	struct people_row row;

	if (!people_row(ctx, tx, a->act->id, &row, err) ||
	    !db_run(tx, err, "DELETE FROM publisher_app WHERE person_id = $1", db_text(row.id)) ||
	    !db_run(tx, err, "UPDATE person SET all_apps = $1 WHERE id = $2", db_bool(a->on), db_text(row.id)))
		return false;
	for (size_t i = 0; i < a->apps_n && !a->on; i++) {
		if (!db_run(tx, err, "INSERT INTO publisher_app (person_id, bundle_id) VALUES ($1, $2)"
			    " ON CONFLICT (person_id, bundle_id) DO NOTHING", db_text(row.id), db_text(a->apps[i])))
			return false;
		if (strlen(all) < AUDIT_TEXT_MAX / 2)
			all = mem_printf(ctx, "%s%s%s", all, *all ? " " : "", a->apps[i]);
	}
	return audit_add(tx, a->act->actor, "person.apps", row.name, all, err);
}

bool
people_set_apps(struct db *db, const struct people_act *act, bool all, const char *const *bundle_ids, size_t n,
		struct err *err)
{
	struct act a = { .act = act, .on = all, .apps = bundle_ids, .apps_n = n };

	if (n > PERSON_APPS_MAX)
		return err_set(err, ERR_LIMIT, "%zu apps; %d at most", n, PERSON_APPS_MAX);
	for (size_t i = 0; i < n; i++)
		if (!*bundle_ids[i] || strlen(bundle_ids[i]) > 255 || strpbrk(bundle_ids[i], " \t\r\n/"))
			return err_set(err, ERR_INVALID, "\"%.80s\" is no bundle id", bundle_ids[i]);
	return db_tx(db, tx_apps, &a, err);
}

/* As it stands: a display name has no place here. */
static bool
email_ok(const char *email, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct mail_address address;
	struct err none;

	return (strlen(email) <= MAIL_ADDRESS_MAX && mail_address(ctx, email, &address, &none) &&
		strcmp(address.spec, email) == 0) ||
	       err_set(err, ERR_INVALID, "\"%.80s\" is no e-mail address such as anna@example.com", email);
}

static bool
tx_email(struct db *tx, void *arg, struct err *err)
{
	struct act *a = arg;
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct people_row row;
	struct rows *rows;
	const char *display, *before;

	if (!people_row(ctx, tx, a->act->id, &row, err))
		return false;
	rows = db_query(ctx, tx, "SELECT display, email FROM person WHERE id = $1", db_text(row.id));
	if (!rows_one(rows, err, "no such person"))
		return false;
	display = rows_text(ctx, rows, 0);
	before = rows_text(ctx, rows, 1);
	rows_done(rows);
	if (strcmp(before, a->email) == 0)
		return true;
	if (strcmp(row.source, "directory") == 0)
		return err_code(err, ERR_CONFLICT, "email_of_directory", "the e-mail address of %s is what the company's "
				"directory says: change it there", row.name);
	/* It stands for %email% too: their devices are looked at. */
	return db_run(tx, err, "UPDATE person SET email = $1, words = $2 WHERE id = $3", db_text(a->email),
		      db_text(people_words(ctx, row.name, display, a->email)), db_text(row.id)) &&
	       desired_person(tx, row.id, err) && managed_app_values_changed(tx, row.id, err) &&
	       audit_add(tx, a->act->actor, "person.email", row.name, *a->email ? a->email : "none", err);
}

bool
people_set_email(struct db *db, const struct people_act *act, const char *email, struct err *err)
{
	return (!*email || email_ok(email, err)) && db_tx(db, tx_email, &(struct act){ .act = act, .email = email }, err);
}

bool
people_new_password(TALLOC_CTX *ctx, struct db *db, const struct people_act *act, char **password, struct err *err)
{
	struct person *person;

	*password = secret_id(ctx);
	return person_by_id(ctx, db, act->id, &person, err) &&
	       person_set_password_once(db, act->actor, person->name, *password, err);
}
