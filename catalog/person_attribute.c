/* Table `person_attribute`. */
#include "catalog/person_attribute.h"
#include "catalog/desired.h"
#include "catalog/managed_app.h"
#include "catalog/person.h"
#include "core/audit.h"
#include "core/json.h"
#include "core/text.h"
#include <string.h>

/* ---- names ---- */

bool
person_attribute_name_ok(const char *name, struct err *err)
{
	size_t len = strlen(name);

	return (len && len <= PERSON_ATTRIBUTE_NAME_MAX &&
		strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") == len) ||
	       err_set(err, ERR_INVALID, "\"%.80s\" is no name of an attribute: 1 to %d letters, digits, - and _", name,
		       PERSON_ATTRIBUTE_NAME_MAX);
}

/* ASCII alone: it has been checked, or comes from a form and then is merely not found. */
static char *
lower(TALLOC_CTX *ctx, const char *name)
{
	char *text = mem_text(ctx, name);

	for (char *c = text; *c; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c + 32);
	return text;
}

/* ---- keeping them ---- */

bool
person_attributes(struct db *db, const char *person_id, json_t **ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, db, "SELECT name, value FROM person_attribute WHERE person_id = $1 ORDER BY name",
				     db_text(person_id));
	json_t *all = json_object();
	enum rows_step step;

	while ((step = rows_next(rows, err)) == ROWS_ROW)
		json_object_set_new(all, rows_text(ctx, rows, 0), json_string(rows_text(ctx, rows, 1)));
	if (step == ROWS_FAILED) {
		json_decref(all);
		return false;
	}
	*ret = all;
	return true;
}

static bool
put(struct db *tx, const char *person_id, const char *name, const char *value, struct err *err)
{
	return db_run(tx, err, "INSERT INTO person_attribute (person_id, name, value) VALUES ($1, $2, $3)"
		      " ON CONFLICT (person_id, name) DO UPDATE SET value = excluded.value", db_text(person_id),
		      db_text(name), db_text(value));
}

/* Both are {name: value}; what is the same is not written again. */
static bool
write_all(struct db *tx, const char *person_id, const json_t *now, bool *changed, struct err *err)
{
	json_t *before, *value;
	const char *name;
	bool ok = true;

	if (!person_attributes(tx, person_id, &before, err))
		return false;
	*changed = !json_equal(before, now);
	json_object_foreach((json_t *)(uintptr_t)now, name, value)
		if (ok && !json_equal(json_object_get(before, name), value))
			ok = put(tx, person_id, name, json_string_value(value), err);
	json_object_foreach(before, name, value)
		if (ok && !json_object_get(now, name))
			ok = db_run(tx, err, "DELETE FROM person_attribute WHERE person_id = $1 AND name = $2",
				    db_text(person_id), db_text(name));
	json_decref(before);
	return ok && (!*changed || (desired_person(tx, person_id, err) && managed_app_values_changed(tx, person_id, err)));
}

bool
person_attributes_set(struct db *tx, const char *person_id, const struct person_attribute *list, size_t n,
		      bool *changed, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	json_t *now = json_object();
	bool ok;

	for (size_t i = 0; i < n && json_object_size(now) < PERSON_ATTRIBUTES_MAX; i++)
		if (*list[i].value)
			json_object_set_new(now, lower(ctx, list[i].name), json_string(list[i].value));
	ok = write_all(tx, person_id, now, changed, err);
	json_decref(now);
	return ok;
}

struct change {
	const char *actor, *person_id;
	const json_t *change;
};

static bool
apply(TALLOC_CTX *ctx, json_t *all, const json_t *change, struct err *err)
{
	const char *name, *text;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)change, name, value) {
		text = json_string_value(value);
		if (!person_attribute_name_ok(name, err))
			return false;
		if (!text && !json_is_null(value))
			return err_set(err, ERR_INVALID, "%s: a text, or null to take it away", name);
		if (text && (strlen(text) > PERSON_ATTRIBUTE_VALUE_MAX || !text_valid(text, strlen(text)) || strpbrk(text, "\r\n")))
			return err_set(err, ERR_INVALID, "%s has more than %d bytes, or several lines", name,
				       PERSON_ATTRIBUTE_VALUE_MAX);
		if (text && *text)
			json_object_set(all, lower(ctx, name), value);
		else
			json_object_del(all, lower(ctx, name));
	}
	return json_object_size(all) <= PERSON_ATTRIBUTES_MAX ||
	       err_set(err, ERR_INVALID, "a person has at most %d attributes", PERSON_ATTRIBUTES_MAX);
}

/* Their names: values may be private, and the audit is for ever. */
static const char *
names_of(TALLOC_CTX *ctx, const json_t *change)
{
	const char *all = "", *name;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)change, name, value)
		all = mem_printf(ctx, "%s%s%s", all, *all ? " " : "", name);
	return all;
}

static bool
tx_change(struct db *tx, void *arg, struct err *err)
{
	struct change *c = arg;
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, tx, "SELECT name, source FROM person WHERE id = $1", db_text(c->person_id));
	bool changed, ok;
	const char *who;
	json_t *all;

	if (!rows_one(rows, err, "no such person"))
		return false;
	who = rows_text(ctx, rows, 0);
	if (strcmp(rows_text(ctx, rows, 1), "directory") == 0)
		return err_code(err, ERR_CONFLICT, "directory_person", "%s is the directory's: it says their attributes"
				" (ldap.attributes)", who);
	rows_done(rows);
	if (!person_attributes(tx, c->person_id, &all, err))
		return false;
	ok = apply(ctx, all, c->change, err) && write_all(tx, c->person_id, all, &changed, err) &&
	     (!changed || audit_add(tx, c->actor, "person.attributes", who, names_of(ctx, c->change), err));
	json_decref(all);
	return ok;
}

bool
person_attributes_change(struct db *db, const char *actor, const char *person_id, const json_t *change, struct err *err)
{
	struct change c = { actor, person_id, change };

	if (!json_is_object(change) || json_object_size(change) > PERSON_ATTRIBUTES_MAX)
		return err_set(err, ERR_INVALID, "attributes are an object of at most %d names, each with a text",
			       PERSON_ATTRIBUTES_MAX);
	return db_tx(db, tx_change, &c, err);
}

/* $1: the variable, $2: the attribute that it may be, too.  As know_person below has them. */
#define KNOWN	"((CASE CAST($1 AS TEXT) WHEN 'username' THEN p.name WHEN 'full_name' THEN p.display WHEN 'email' THEN p.email" \
	" WHEN 'phone' THEN p.phone ELSE '' END) <> '' OR EXISTS (SELECT 1 FROM person_attribute a WHERE a.person_id = p.id" \
	" AND a.name IN ($1, $2)))"

static const char *
other_name(const char *key)
{
	return strcmp(key, "upn") == 0 ? "userprincipalname" : key;
}

bool
person_attribute_lacking(struct db *db, const char *name, int64_t *lacking, int64_t *people, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	const char *key = lower(ctx, name);
	struct rows *rows = db_query(ctx, db, "SELECT COUNT(*), COUNT(CASE WHEN " KNOWN " THEN 1 END) FROM person p WHERE "
		PERSON_IS_IN("p"), db_text(key), db_text(other_name(key)));

	if (!rows_one(rows, err, "nobody is counted"))
		return false;
	*people = rows_int(rows, 0);
	*lacking = *people - rows_int(rows, 1);
	rows_done(rows);
	return true;
}

bool
person_attribute_lackers(struct db *db, const char *name, int64_t limit, json_t **ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	const char *key = lower(ctx, name);
	struct rows *rows = db_query(ctx, db, "SELECT p.id, p.name FROM person p WHERE " PERSON_IS_IN("p") " AND NOT " KNOWN
		" ORDER BY p.name, p.id LIMIT $3", db_text(key), db_text(other_name(key)), db_int(limit));
	json_t *list = json_array();
	enum rows_step step;

	while ((step = rows_next(rows, err)) == ROWS_ROW)
		json_array_append_new(list, json_pack("{s:s, s:s}", "id", rows_text(ctx, rows, 0), "name", rows_text(ctx, rows, 1)));
	if (step == ROWS_END)
		*ret = list;
	else
		json_decref(list);
	return step == ROWS_END;
}

/* ---- values ---- */

struct values {
	json_t *known;		/* {name: text} */
	const char *source;	/* of the person; NULL: there is none */
};

static void
know(struct values *values, const char *name, const char *text)
{
	if (text && *text)
		json_object_set_new(values->known, name, json_string(text));
}

/* What the row says stands before what an attribute of the same name says. */
static bool
know_person(TALLOC_CTX *ctx, struct db *db, const char *person_id, struct values *values, struct err *err)
{
	static const char *const names[] = { "username", "full_name", "email", "phone" };
	json_t *attributes;
	struct rows *rows;
	enum rows_step step;

	if (!person_attributes(db, person_id, &attributes, err))
		return false;
	json_object_update(values->known, attributes);
	json_decref(attributes);
	rows = db_query(ctx, db, "SELECT name, display, email, phone, source FROM person WHERE id = $1", db_text(person_id));
	if ((step = rows_next(rows, err)) == ROWS_ROW) {
		for (int i = 0; i < 4; i++)
			know(values, names[i], rows_text(ctx, rows, i));
		values->source = rows_text(values, rows, 4);
	}
	rows_done(rows);
	if (json_object_get(values->known, "userprincipalname"))
		json_object_set(values->known, "upn", json_object_get(values->known, "userprincipalname"));
	return step != ROWS_FAILED;
}

static bool
know_device(TALLOC_CTX *ctx, struct db *db, const char *device_id, struct values *values, struct err *err)
{
	static const char *const names[] = { "serial", "udid", "product", "device_name", "os_version" };
	struct rows *rows = db_query(ctx, db, "SELECT serial, udid, product, name, os_version FROM device WHERE id = $1",
				     db_text(device_id));
	enum rows_step step = rows_next(rows, err);

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		json_object_del(values->known, names[i]);	/* nobody's attribute stands for a device */
		if (step == ROWS_ROW)
			know(values, names[i], rows_text(ctx, rows, (int)i));
	}
	rows_done(rows);
	return step != ROWS_FAILED;
}

bool
values_of(TALLOC_CTX *ctx, struct db *db, const char *person_id, const char *device_id, struct values **ret,
	  struct err *err)
{
	void *here SCOPED(mem) = talloc_new(NULL);
	struct values *values = mem_new(here, struct values);

	values->known = json_hold(values, json_object());
	if ((person_id && !know_person(here, db, person_id, values, err)) ||
	    !know_device(here, db, device_id ? device_id : "", values, err))
		return false;
	*ret = talloc_steal(ctx, values);
	return true;
}

const char *
values_get(void *arg, const char *name)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct values *values = arg;

	return json_string_value(json_object_get(values->known, lower(ctx, name)));
}

const char *
values_missing(TALLOC_CTX *ctx, struct values *values, const json_t *names)
{
	const char *all = "", *name;
	json_t *item;
	size_t i;

	json_array_foreach((json_t *)(uintptr_t)names, i, item)
		if ((name = json_string_value(item)) && !values_get(values, name))
			all = mem_printf(ctx, "%s%s%s", all, *all ? ", " : "", name);
	return all;
}
