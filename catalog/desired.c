/*
 * Table `device_mobileconfig`: what a device ought to have is compared with its rows, and the rows are made right.
 *
 * The secrets of a form are never looked at here: names of variables stand beside it, and the hash of their values
 * tells whether what a device got is what it ought to have.
 */
#include "catalog/assignment_filter.h"
#include "catalog/desired_inner.h"
#include "catalog/person_attribute.h"
#include "core/clock.h"
#include "core/secret.h"
#include "core/text.h"
#include "mdm/command.h"
#include "mdm/model.h"
#include <string.h>

/* ---- a device ---- */

/* An enrolled device; everything belongs to its ctx. */
struct enrolled {
	const char *id, *enrollment_id, *person_id;	/* person_id NULL: nobody's */
	int64_t access_rights;
	struct filter_facts facts;
	struct values *values;
};

/* *ret NULL: it is not under management. */
static bool
read_device(TALLOC_CTX *ctx, struct db *db, const char *id, struct enrolled **ret, struct err *err)
{
	struct enrolled *d = mem_new(ctx, struct enrolled);
	struct rows *rows = db_query(ctx, db, "SELECT d.person_id, e.id, e.access_rights, e.kind, e.supervised, d.product,"
		" d.name, d.serial, d.udid, d.os_version FROM device d JOIN enrollment e ON e.id = d.enrollment_id"
		" WHERE d.id = $1 AND e.state = 'enrolled'", db_text(id));
	enum rows_step step = rows_next(rows, err);
	const char *model;

	*ret = NULL;
	if (step == ROWS_ROW) {
		*d = (struct enrolled){ .id = id, .person_id = rows_text(d, rows, 0), .enrollment_id = rows_text(d, rows, 1),
			.access_rights = rows_int(rows, 2), .facts = { .kind = rows_text(d, rows, 3),
			.supervised = rows_null(rows, 4) ? -1 : rows_bool(rows, 4), .product = rows_text(d, rows, 5),
			.name = rows_text(d, rows, 6), .serial = rows_text(d, rows, 7), .udid = rows_text(d, rows, 8),
			.os_version = rows_text(d, rows, 9) } };
		model = model_name(d->facts.product);
		d->facts.model = model ? model : "";
		*ret = d;
	}
	rows_done(rows);
	return step != ROWS_FAILED && (!*ret || values_of(d, db, d->person_id, id, &d->values, err));
}

const char *
desired_wish(TALLOC_CTX *ctx, int64_t version, const json_t *variables, struct values *values)
{
	char *text = mem_printf(ctx, "%lld", (long long)version), *hash = mem_size(ctx, SECRET_HASH_SIZE);
	const char *name, *value;
	json_t *item;
	size_t i;

	json_array_foreach((json_t *)(uintptr_t)variables, i, item) {
		name = json_string_value(item);
		value = name ? values_get(values, name) : NULL;
		text = mem_printf(ctx, "%s\n%s%s%s", text, name ? name : "", value ? "=" : "", value ? value : "");
	}
	return secret_hash(text, hash);
}

/* ---- what it ought to have ---- */

struct want {
	const char *id, *identifier, *wish;
	int64_t version;
	const char *code, *why;		/* of what stands in the way; "" */
};

struct wants {
	struct want *all;
	size_t n;
};

static void
judge(TALLOC_CTX *ctx, const struct enrolled *d, const json_t *variables, struct want *want)
{
	const struct command_target target = { d->access_rights, d->facts.kind, d->facts.supervised };
	const char *missing = values_missing(ctx, d->values, variables);
	char text[520];
	struct err err;

	want->code = want->why = "";
	if (!command_may("InstallProfile", NULL, &target, &err)) {
		want->code = "no_right";
		want->why = mem_text(ctx, err_text(&err, text, sizeof text));
	} else if (*missing) {
		want->code = "missing_variable";
		want->why = text_cut(ctx, missing, DESIRED_WHY_MAX);
	}
}

static bool
fits(const char *devices, const struct filter_facts *facts)
{
	json_t *filter = devices ? json_loads(devices, 0, NULL) : NULL;
	bool ret = !devices || (filter && assignment_filter_fits(filter, facts));

	json_decref(filter);
	return ret;
}

static bool
is_among(const struct wants *wants, const char *id)
{
	for (size_t i = 0; i < wants->n; i++)
		if (strcmp(wants->all[i].id, id) == 0)
			return true;
	return false;
}

/*
 * Theirs alone, for everyone, and for audiences that hold them, each by its index: CROSS JOIN keeps the order, and what
 * is another person's, thousands perhaps, is never read.
 */
#define WANTED	"m.id, m.identifier, m.version, v.variables, "
#define CURRENT	"mobileconfig_version v WHERE v.mobileconfig_id = m.id AND v.version = m.version AND m.purpose = 'device'"
#define ASSIGNED " CROSS JOIN mobileconfig m CROSS JOIN " CURRENT " AND m.id = a.mobileconfig_id AND m.person_id IS NULL"

const char desired_wants_sql[] = "SELECT " WANTED "CAST(NULL AS TEXT) FROM mobileconfig m CROSS JOIN " CURRENT " AND m.person_id ="
	" CAST($1 AS TEXT) UNION ALL SELECT " WANTED "a.devices FROM assignment a" ASSIGNED " AND a.audience_id IS NULL"
	" UNION ALL SELECT " WANTED "a.devices FROM audience_person p CROSS JOIN assignment a" ASSIGNED
	" AND p.person_id = CAST($1 AS TEXT) AND a.audience_id = p.audience_id ORDER BY 1";

static bool
find_wants(TALLOC_CTX *ctx, struct db *tx, const struct enrolled *d, struct wants *ret, struct err *err)
{
	struct rows *rows = db_query(ctx, tx, desired_wants_sql, db_text(d->person_id));
	enum rows_step step;

	while ((step = rows_next(rows, err)) == ROWS_ROW) {
		const char *id = rows_text(ctx, rows, 0);
		struct want *want;
		json_t *variables;

		if (is_among(ret, id) || !fits(rows_text(ctx, rows, 4), &d->facts))
			continue;
		ret->all = mem_grow(ctx, ret->all, struct want, ret->n + 1);
		want = &ret->all[ret->n++];
		variables = json_loads(rows_text(ctx, rows, 3), 0, NULL);
		*want = (struct want){ .id = id, .identifier = rows_text(ctx, rows, 1), .version = rows_int(rows, 2) };
		want->wish = desired_wish(ctx, want->version, variables, d->values);
		judge(ctx, d, variables, want);
		json_decref(variables);
	}
	rows_done(rows);
	return step != ROWS_FAILED;
}

/* ---- its rows ---- */

struct row {
	const char *id, *goal, *state, *wish, *sent;
	bool foreign;			/* the device says that somebody else installed it */
	const char *code, *identifier;
};

static bool
find_rows(TALLOC_CTX *ctx, struct db *tx, const char *device_id, struct row **ret, size_t *n, struct err *err)
{
	struct rows *rows = db_query(ctx, tx, "SELECT r.mobileconfig_id, r.goal, r.state, r.wish, r.sent, r.code,"
		" coalesce(i.managed, TRUE), r.identifier FROM device_mobileconfig r LEFT JOIN installed_mobileconfig i"
		" ON i.device_id = r.device_id AND i.identifier = r.identifier WHERE r.device_id = $1", db_text(device_id));
	enum rows_step step;

	*ret = NULL;
	*n = 0;
	while ((step = rows_next(rows, err)) == ROWS_ROW) {
		*ret = mem_grow(ctx, *ret, struct row, *n + 1);
		(*ret)[(*n)++] = (struct row){ rows_text(ctx, rows, 0), rows_text(ctx, rows, 1), rows_text(ctx, rows, 2),
			rows_text(ctx, rows, 3), rows_text(ctx, rows, 4), !rows_bool(rows, 6), rows_text(ctx, rows, 5),
			rows_text(ctx, rows, 7) };
	}
	rows_done(rows);
	return step != ROWS_FAILED;
}

static bool
add_row(struct db *tx, const char *device_id, const struct want *w, struct err *err)
{
	return db_run(tx, err, "INSERT INTO device_mobileconfig (device_id, mobileconfig_id, identifier, goal, state, version,"
		      " wish, code, why, due, changed) VALUES ($1, $2, $3, 'install', $4, $5, $6, $7, $8, $9, $10)",
		      db_text(device_id), db_text(w->id), db_text(w->identifier), db_text(*w->code ? "blocked" : "wanted"),
		      db_int(w->version), db_text(w->wish), db_text(w->code), db_text(w->why),
		      *w->code ? db_null() : db_now(), db_now());
}

/* From the beginning: another wish, or what stood in the way does not any more. */
static bool
begin_row(struct db *tx, const char *device_id, const struct want *w, const struct row *row, struct err *err)
{
	/* A command that waits brings the newest; what is with the device is seen when it answers. */
	bool waits = strcmp(row->goal, "install") == 0 && strcmp(row->state, "queued") == 0 && !*w->code;
	const char *state = *w->code ? "blocked" : waits ? "queued" : "wanted";

	return db_run(tx, err, "UPDATE device_mobileconfig SET goal = 'install', state = $1, version = $2, wish = $3, code = $4,"
		      " why = $5, attempts = 0, repairs = 0, due = $6, changed = $7 WHERE device_id = $8"
		      " AND mobileconfig_id = $9", db_text(state), db_int(w->version), db_text(w->wish), db_text(w->code),
		      db_text(w->why), *w->code || waits ? db_null() : db_now(), db_now(), db_text(device_id), db_text(w->id));
}

static bool
keep_row(struct db *tx, const char *device_id, const struct want *w, const struct row *row, struct err *err)
{
	bool blocked = strcmp(row->state, "blocked") == 0;

	if (strcmp(row->goal, "install") != 0 || strcmp(row->wish, w->wish) != 0 ||
	    (blocked && strcmp(row->code, w->code) != 0))
		return begin_row(tx, device_id, w, row, err);
	if (blocked)
		return true;
	/* A right that it has lost does not undo what is there. */
	return !*w->code || strcmp(row->state, "installed") == 0 || begin_row(tx, device_id, w, row, err);
}

static bool
drop_row(struct db *tx, const char *device_id, const struct row *row, struct err *err)
{
	return db_run(tx, err, "DELETE FROM device_mobileconfig WHERE device_id = $1 AND mobileconfig_id = $2",
		      db_text(device_id), db_text(row->id));
}

/*
 * A mobileconfig that was deleted and came again has another id, and the PayloadIdentifier that the device knows: the
 * new one takes the place of the old, and a removal would take the new one off.  That something is there is handed
 * over, so that it goes when the new one goes.
 */
static bool
hand_over(struct db *tx, const char *device_id, const struct row *row, const struct want *to, struct err *err)
{
	return drop_row(tx, device_id, row, err) &&
	       (row->foreign || db_run(tx, err, "UPDATE device_mobileconfig SET sent = $1 WHERE device_id = $2"
				       " AND mobileconfig_id = $3 AND sent = ''", db_text(row->sent), db_text(device_id),
				       db_text(to->id)));
}

/* What was never written for it, or is not ours, is no concern of ours. */
static bool
lose_row(struct db *tx, const struct enrolled *d, const struct row *row, struct err *err)
{
	const struct command_target target = { d->access_rights, d->facts.kind, d->facts.supervised };
	bool goes = strcmp(row->goal, "remove") == 0;
	struct err why;

	if (!*row->sent || row->foreign)
		return drop_row(tx, d->id, row, err);
	if (goes && strcmp(row->state, "blocked") != 0)
		return true;
	if (!command_may("RemoveProfile", NULL, &target, &why))
		return goes || db_run(tx, err, "UPDATE device_mobileconfig SET goal = 'remove', state = 'blocked', code = 'no_right',"
				      " why = '', due = NULL, changed = $1 WHERE device_id = $2 AND mobileconfig_id = $3",
				      db_now(), db_text(d->id), db_text(row->id));
	return db_run(tx, err, "UPDATE device_mobileconfig SET goal = 'remove', state = 'wanted', code = '', why = '',"
		      " attempts = 0, repairs = 0, due = $1, changed = $2 WHERE device_id = $3 AND mobileconfig_id = $4",
		      db_now(), db_now(), db_text(d->id), db_text(row->id));
}

static const struct want *
want_as(const struct wants *wants, const char *identifier)
{
	for (size_t i = 0; i < wants->n; i++)
		if (strcmp(wants->all[i].identifier, identifier) == 0)
			return &wants->all[i];
	return NULL;
}

static const struct row *
row_of(const struct row *rows, size_t n, const char *id)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(rows[i].id, id) == 0)
			return &rows[i];
	return NULL;
}

static bool
compare(struct db *tx, const struct enrolled *d, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct wants wants = { NULL, 0 };
	struct row *rows;
	size_t n;

	if (!find_wants(ctx, tx, d, &wants, err) || !find_rows(ctx, tx, d->id, &rows, &n, err))
		return false;
	for (size_t i = 0; i < wants.n; i++) {
		const struct want *w = &wants.all[i];
		const struct row *row = row_of(rows, n, w->id);

		if (!(row ? keep_row(tx, d->id, w, row, err) : add_row(tx, d->id, w, err)))
			return false;
	}
	for (size_t i = 0; i < n; i++) {
		const struct want *same = want_as(&wants, rows[i].identifier);

		if (!is_among(&wants, rows[i].id) &&
		    !(same ? hand_over(tx, d->id, &rows[i], same, err) : lose_row(tx, d, &rows[i], err)))
			return false;
	}
	return true;
}

/* ---- causes of one device ---- */

/* Marked or not, it has been looked at. */
bool
desired_compare(struct db *tx, const char *device_id, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct enrolled *d;

	return desired_unmark(tx, device_id, err) && read_device(ctx, tx, device_id, &d, err) &&
	       (!d || compare(tx, d, err));
}

bool
desired_now(struct db *tx, const char *device_id, struct err *err)
{
	int64_t n;

	return (desired_compare(tx, device_id, err) && desired_queue(tx, device_id, &n, err)) ||
	       err_at(err, "mobileconfigs of device %s", device_id);
}

bool
desired_begin(struct db *tx, const struct enrollment *enrollment, struct err *err)
{
	return db_run(tx, err, "UPDATE device_mobileconfig SET state = 'wanted', code = '', why = '', listed = '', attempts = 0,"
		      " repairs = 0, due = $1, changed = $2 WHERE device_id = $3", db_now(), db_now(),
		      db_text(enrollment->device_id)) &&
	       desired_now(tx, enrollment->device_id, err);
}

/* Nor had one of an outside CA anybody to encrypt for. */
bool
desired_renewed(struct db *tx, const char *device_id, struct err *err)
{
	return db_run(tx, err, "UPDATE device_mobileconfig SET state = 'wanted', attempts = 0, due = $1, changed = $1"
		      " WHERE device_id = $2 AND state = 'failed' AND code IN ('device', 'needs_identity')", db_now(),
		      db_text(device_id)) &&
	       (!db_changed(tx) || desired_job(tx, 0, err));
}

bool
desired_left(struct db *tx, const char *device_id, struct err *err)
{
	return db_run(tx, err, "UPDATE device_mobileconfig SET due = NULL WHERE device_id = $1 AND due IS NOT NULL",
		      db_text(device_id));
}
