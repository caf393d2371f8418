/* Table `app_configuration`: its variables, and what one comes to on a device. */
#include "catalog/app_configuration_inner.h"
#include "catalog/desired.h"
#include "catalog/managed_app.h"
#include "catalog/person_attribute.h"
#include "core/log.h"
#include "core/plist_write.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VALUE_NAME_MAX	64	/* bytes of a variable's name */
#define NO_VARIABLES	"[]"

/* ---- variables ---- */

/* A text is a row of these: what stands for itself, and behind it a variable. */
struct piece {
	const char *plain;
	size_t plain_len;
	char name[VALUE_NAME_MAX];	/* "": none */
};

/* Where it goes on; NULL: there is nothing more.  %% is a percent sign, and so is one that begins no name. */
static const char *
next_piece(const char *p, struct piece *piece)
{
	const char *mark = strchr(p, '%'), *end;

	if (!*p)
		return NULL;
	*piece = (struct piece){ .plain = p, .plain_len = mark ? (size_t)(mark - p) : strlen(p) };
	if (!mark)
		return p + piece->plain_len;
	end = mark + 1 + strspn(mark + 1, "abcdefghijklmnopqrstuvwxyz_0123456789");
	if (*end != '%' || end == mark + 1 || (size_t)(end - mark) > sizeof piece->name) {
		piece->plain_len++;
		return end == mark + 1 && *end == '%' ? end + 1 : mark + 1;
	}
	snprintf(piece->name, sizeof piece->name, "%.*s", (int)(end - mark - 1), mark + 1);
	return end + 1;
}

static void
name_variables(const json_t *v, json_t *names)
{
	struct piece piece;
	const char *key;
	json_t *item;
	size_t i;

	for (const char *p = json_is_string(v) ? json_string_value(v) : ""; (p = next_piece(p, &piece)); )
		if (*piece.name)
			json_object_set_new(names, piece.name, json_true());
	json_array_foreach(v, i, item)
		name_variables(item, names);
	if (json_is_object(v))
		json_object_foreach((json_t *)(uintptr_t)v, key, item)
			name_variables(item, names);
}

const char *
app_configuration_variables(TALLOC_CTX *ctx, const json_t *configuration)
{
	json_t *names = json_object(), *list = json_array(), *value;
	const char *name, *ret;
	char *text;

	name_variables(configuration, names);
	json_object_foreach(names, name, value)
		json_array_append_new(list, json_string(name));
	text = json_dumps(list, JSON_COMPACT);
	ret = mem_text(ctx, text ? text : NO_VARIABLES);
	free(text);
	json_decref(names);
	json_decref(list);
	return ret;
}

/* ---- what a device gets ---- */

static bool
has_variables(const char *variables)
{
	return variables && strcmp(variables, NO_VARIABLES) != 0;
}

/* "<id>:<version>", and with variables what they come to: another text is another configuration. */
static const char *
wish_of(TALLOC_CTX *ctx, const char *id, int64_t version, const char *variables, struct values *values)
{
	json_t *names = has_variables(variables) ? json_loads(variables, 0, NULL) : NULL;
	const char *ret = mem_printf(ctx, "%s:%lld", id, (long long)version);

	if (names)
		ret = mem_printf(ctx, "%s:%s", ret, desired_wish(ctx, version, names, values));
	json_decref(names);
	return ret;
}

bool
app_configuration_wish(TALLOC_CTX *ctx, struct db *db, const char *which, const char *person_id, const char *device_id,
		       const char **ret, struct err *err)
{
	const char *id = mem_textn(ctx, which, strcspn(which, ":"));
	struct values *values = NULL;
	const char *variables;
	enum rows_step step;
	struct rows *rows;
	int64_t version;

	*ret = which;
	if (!*id)
		return true;
	rows = db_query(ctx, db, "SELECT version, variables FROM app_configuration WHERE id = $1", db_text(id));
	step = rows_next(rows, err);
	if (step != ROWS_ROW)
		return step == ROWS_END;
	version = rows_int(rows, 0);
	variables = rows_text(ctx, rows, 1);
	rows_done(rows);
	if (has_variables(variables) && !values_of(ctx, db, person_id, device_id, &values, err))
		return false;
	*ret = wish_of(ctx, id, version, variables, values);
	return true;
}

/* ---- rows of before: what is in them was not looked at ---- */

struct unread {
	const char *id, *app_id, *variables;
	struct bytes sealed;
};

static bool
tx_read(struct db *tx, void *arg, struct err *err)
{
	const struct unread *u = arg;

	return db_run(tx, err, "UPDATE app_configuration SET variables = $1 WHERE id = $2 AND variables IS NULL", db_text(u->variables),
		      db_text(u->id)) &&
	       (!has_variables(u->variables) || managed_app_app_changed(tx, u->app_id, err));
}

bool
app_configuration_read(struct db *db, const struct sealer *sealer, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, db, "SELECT id, app_id, configuration FROM app_configuration WHERE variables IS NULL ORDER BY id");
	struct unread *all = NULL;
	enum rows_step step;
	size_t n = 0;

	while ((step = rows_next(rows, err)) == ROWS_ROW) {
		all = mem_grow(ctx, all, struct unread, n + 1);
		all[n++] = (struct unread){ rows_text(ctx, rows, 0), rows_text(ctx, rows, 1), NULL, rows_bytes(ctx, rows, 2) };
	}
	rows_done(rows);
	for (size_t i = 0; step != ROWS_FAILED && i < n; i++) {
		struct err why = { 0 };
		json_t *configuration;

		if (!app_configuration_open(ctx, sealer, all[i].id, all[i].sealed, &configuration, &why)) {
			log_err("an app configuration cannot be read", &why, KV("configuration", all[i].id));
			continue;
		}
		all[i].variables = app_configuration_variables(ctx, configuration);
		json_decref(configuration);
		if (!db_tx(db, tx_read, &all[i], err))
			return false;
	}
	return step != ROWS_FAILED;
}

/* ---- filled in ---- */

struct filling {
	TALLOC_CTX *ctx;
	struct values *values;
	struct err *err;
};

static json_t *
filled_text(struct filling *f, const char *text)
{
	struct piece piece;
	const char *value;
	struct buf out;

	buf_init(&out, f->ctx, 2 * APP_CONFIGURATION_MAX);
	for (const char *p = text; (p = next_piece(p, &piece)); ) {
		buf_add(&out, piece.plain, piece.plain_len);
		if (!*piece.name)
			continue;
		value = values_get(f->values, piece.name);
		if (!value) {
			err_code(f->err, ERR_CONFLICT, "missing_variable", "%%%s%% is not known of this person or device", piece.name);
			return NULL;
		}
		buf_text(&out, value);
	}
	return buf_ok(&out, f->err) ? json_string(buf_str(&out)) : NULL;
}

/* NULL: f->err says why. */
static json_t *
filled(struct filling *f, const json_t *v)
{
	json_t *ret, *item, *one;
	const char *key;
	size_t i;

	if (json_is_string(v))
		return filled_text(f, json_string_value(v));
	if (!json_is_array(v) && !json_is_object(v))
		return json_deep_copy(v);
	ret = json_is_array(v) ? json_array() : json_object();
	json_array_foreach(v, i, item) {
		if (!(one = filled(f, item)))
			goto missing;
		json_array_append_new(ret, one);
	}
	if (json_is_object(v))
		json_object_foreach((json_t *)(uintptr_t)v, key, item) {
			if (!(one = filled(f, item)))
				goto missing;
			json_object_set_new(ret, key, one);
		}
	return ret;
missing:
	json_decref(ret);
	return NULL;
}

bool
app_configuration_fill(TALLOC_CTX *ctx, struct db *db, const struct sealer *sealer, const char *which, const char *person_id,
		       const char *device_id, json_t **ret, const char **wish, struct err *err)
{
	struct filling f = { .ctx = ctx, .err = err };
	const char *id = mem_textn(ctx, which, strcspn(which, ":"));
	json_t *configuration;
	struct rows *rows;
	enum rows_step step;

	*ret = NULL;
	*wish = which;
	if (!*id)
		return true;
	rows = db_query(ctx, db, "SELECT configuration, version, variables FROM app_configuration WHERE id = $1", db_text(id));
	step = rows_next(rows, err);
	if (step != ROWS_ROW)
		return step == ROWS_END;
	if (!values_of(ctx, db, person_id, device_id, &f.values, err) ||
	    !app_configuration_open(ctx, sealer, id, rows_bytes(ctx, rows, 0), &configuration, err))
		return false;
	*wish = wish_of(ctx, id, rows_int(rows, 1), rows_text(ctx, rows, 2), f.values);
	rows_done(rows);
	*ret = filled(&f, configuration);
	json_decref(configuration);
	return *ret != NULL;
}

/* ---- written ---- */

static void
write_value(struct buf *out, const char *key, const json_t *v)
{
	const char *name;
	json_t *item;
	size_t i;

	switch (json_typeof(v)) {
	case JSON_OBJECT:
		plist_write_dict(out, key);
		json_object_foreach((json_t *)(uintptr_t)v, name, item)
			write_value(out, name, item);
		plist_write_dict_end(out);
		break;
	case JSON_ARRAY:
		plist_write_array(out, key);
		json_array_foreach(v, i, item)
			write_value(out, NULL, item);
		plist_write_array_end(out);
		break;
	case JSON_STRING:
		plist_write_text(out, key, json_string_value(v));
		break;
	case JSON_INTEGER:
		plist_write_int(out, key, json_integer_value(v));
		break;
	case JSON_REAL:
		plist_write_real(out, key, json_real_value(v));
		break;
	default:
		plist_write_bool(out, key, json_is_true(v));
		break;
	}
}

void
app_configuration_write(struct buf *out, const char *key, const json_t *configuration)
{
	write_value(out, key, configuration);
}
