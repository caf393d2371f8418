/*
 * Tables `mobileconfig` and `mobileconfig_version`, as they change.  Forms are judged and sealed before the
 * transaction; in it only what others may have changed meanwhile is asked again.
 */
#include "catalog/mobileconfig.h"
#include "catalog/assignment.h"
#include "catalog/desired.h"
#include "core/audit.h"
#include "core/clock.h"
#include "core/json.h"
#include "core/secret.h"
#include "core/text.h"
#include "mdm/mobileconfig.h"
#include "mdm/mobileconfig_form.h"
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- names ---- */

bool
mobileconfig_name_ok(const char *name, struct err *err)
{
	size_t len = strlen(name);

	return (len && len <= MOBILECONFIG_NAME_MAX && *name != '.' && *name != '-' &&
		strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789.-_") == len) ||
	       err_set(err, ERR_INVALID, "\"%.80s\" is no name of a mobileconfig: 1 to %d small letters, digits, . - and _", name,
		       MOBILECONFIG_NAME_MAX);
}

/* What this server gives out besides: one with such an identifier would take its place on a device. */
static bool
is_ours(const char *identifier, const char *base_url)
{
	static const char *const words[] = { "mdm", "enroll", "clip", "eas", "udid", "mobileconfig" };
	void *ctx SCOPED(mem) = talloc_new(NULL);

	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		const char *ours = mobileconfig_identifier(ctx, base_url, words[i]);
		size_t len = strlen(ours);

		if (strncasecmp(identifier, ours, len) == 0 && strchr(".", identifier[len]))
			return true;
	}
	return false;
}

static bool
identifier_ok(const char *identifier, const char *base_url, struct err *err)
{
	size_t len = strlen(identifier);

	if (!len || len > MOBILECONFIG_IDENTIFIER_MAX || !text_valid(identifier, len) || strpbrk(identifier, "\t\r\n "))
		return err_code(err, ERR_INVALID, "bad_mobileconfig", "PayloadIdentifier is empty, or no identifier");
	return !is_ours(identifier, base_url) ||
	       err_code(err, ERR_INVALID, "bad_mobileconfig", "PayloadIdentifier %.100s is one of this server's own", identifier);
}

/* ---- what is put ---- */

struct put {
	const struct mobileconfig_put *put;
	const char *id, *identifier, *person_id;
	struct kept_mobileconfig *before;	/* NULL: it is new */
	const char *title, *variables;
	struct bytes form;
	bool sealed;
	int64_t version;
	const char *act, *detail;
};

static bool
changed_meanwhile(struct err *err)
{
	return err_set(err, ERR_CONFLICT, "somebody else has changed it at this moment; look at it and try again");
}

/* An enrollment is not given out beside the enrollment: it would take its place, or be refused. */
static bool
no_enrollment(const json_t *form, struct err *err)
{
	json_t *payload;
	size_t i;

	json_array_foreach(json_object_get(form, "payloads"), i, payload)
		if (strcmp(text_of(payload, "type"), "com.apple.mdm") == 0)
			return err_code(err, ERR_INVALID, "bad_mobileconfig", "it holds a com.apple.mdm payload: devices enroll at /enroll");
	return true;
}

static bool
seal_form(TALLOC_CTX *ctx, const struct sealer *sealer, const json_t *form, struct put *p, struct err *err)
{
	char *dump = json_dumps(form, JSON_COMPACT | JSON_SORT_KEYS);
	struct bytes plain = { mem_text(ctx, dump), strlen(dump) };

	free(dump);
	p->sealed = mobileconfig_form_secret(form);
	p->form = plain;
	if (plain.len > FORM_BYTES_MAX)
		return err_set(err, ERR_LIMIT, "a mobileconfig has at most %u bytes", FORM_BYTES_MAX);
	if (!p->sealed)
		return true;
	if (!sealer)
		return err_set(err, ERR_BUSY, "it holds a secret, which cannot be kept: key.master_file is not set");
	return seal(ctx, sealer, mem_printf(ctx, "mobileconfig:%s", p->id), plain, &p->form, err);
}

static bool
find_person(TALLOC_CTX *ctx, struct db *db, const char *name, const char **id, struct err *err)
{
	struct rows *rows = db_query(ctx, db, "SELECT id FROM person WHERE folded = $1", db_text(text_fold(ctx, name)));
	enum rows_step step = rows_next(rows, err);

	if (step == ROWS_ROW)
		*id = rows_text(ctx, rows, 0);
	rows_done(rows);
	return step == ROWS_ROW || (step == ROWS_END && err_code(err, ERR_INVALID, "unknown_person", "no person is called \"%s\"",
								 text_cut(ctx, name, 100)));
}

static bool
same_kind(const struct put *p, struct err *err)
{
	const struct kept_mobileconfig *before = p->before;

	if (p->put->purpose && strcmp(p->put->purpose, before->purpose) != 0)
		return err_set(err, ERR_CONFLICT, "%s has the purpose \"%s\"; make another one", before->name, before->purpose);
	if (p->put->person && (!before->person_id || strcmp(before->person_id, p->person_id) != 0))
		return err_set(err, ERR_CONFLICT, "%s is for %s; make another one", before->name,
			       before->person_id ? "somebody else" : "its assignments");
	return true;
}

static bool
insert(struct db *tx, const struct put *p, struct err *err)
{
	const char *purpose = p->put->purpose ? p->put->purpose : "device";

	if (!db_run(tx, err, "INSERT INTO mobileconfig (id, name, purpose, identifier, version, person_id, created, changed)"
		    " SELECT $1, $2, $3, $4, 1, $5, CAST($6 AS BIGINT), CAST($6 AS BIGINT) WHERE NOT EXISTS (SELECT 1"
		    " FROM mobileconfig m WHERE m.name = $2) AND (SELECT count(*) FROM mobileconfig) < $7", db_text(p->id),
		    db_text(p->put->name), db_text(purpose), db_text(p->identifier), db_text(p->person_id), db_now(),
		    db_int(MOBILECONFIGS_MAX)))
		return false;
	return db_changed(tx) || err_set(err, ERR_CONFLICT, "there are %d mobileconfigs already, or one of this name",
					 MOBILECONFIGS_MAX);
}

/* The identifier is what iOS knows it by: two of them would replace each other on a device. */
static bool
free_identifier(struct db *tx, const char *identifier, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, tx, "SELECT name FROM mobileconfig WHERE identifier = $1 UNION ALL"
		" SELECT 'an enrollment' FROM enroll_session WHERE identifier = $1 LIMIT 1", db_text(identifier));
	enum rows_step step = rows_next(rows, err);

	if (step == ROWS_ROW)
		err_code(err, ERR_CONFLICT, "identifier_taken", "%s has the PayloadIdentifier %.100s already",
			 rows_text(ctx, rows, 0), identifier);
	rows_done(rows);
	return step == ROWS_END;
}

static bool
bump(struct db *tx, const struct put *p, struct err *err)
{
	if (!db_run(tx, err, "UPDATE mobileconfig SET version = $1, changed = $2 WHERE id = $3 AND version = $4",
		    db_int(p->version), db_now(), db_text(p->id), db_int(p->before->version)))
		return false;
	return db_changed(tx) ? db_run(tx, err, "DELETE FROM mobileconfig_version WHERE mobileconfig_id = $1 AND version <= $2",
				       db_text(p->id), db_int(p->version - MOBILECONFIG_VERSIONS_MAX))
			      : changed_meanwhile(err);
}

static bool
tx_put(struct db *tx, void *arg, struct err *err)
{
	const struct put *p = arg;

	if (!(p->before ? bump(tx, p, err) : free_identifier(tx, p->identifier, err) && insert(tx, p, err)))
		return false;
	return db_run(tx, err, "INSERT INTO mobileconfig_version (mobileconfig_id, version, title, variables, form, sealed, note,"
		      " created_by, created) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)", db_text(p->id), db_int(p->version),
		      db_text(p->title), db_text(p->variables), db_bytes(p->form), db_bool(p->sealed),
		      db_text(p->put->note ? p->put->note : ""), db_text(p->put->actor), db_now()) &&
	       desired_mobileconfig(tx, p->id, err) && audit_add(tx, p->put->actor, p->act, p->put->name, p->detail, err);
}

/* p->id and what stands in the form, beside it. */
static bool
prepare(TALLOC_CTX *ctx, const struct sealer *sealer, const json_t *form, struct put *p, struct err *err)
{
	json_t *variables;
	char *dump;

	if (!mobileconfig_form_judge(form, err) || !no_enrollment(form, err) || !seal_form(ctx, sealer, form, p, err))
		return false;
	variables = mobileconfig_form_variables(form);
	dump = json_dumps(variables, JSON_COMPACT);
	p->variables = mem_text(ctx, dump);
	free(dump);
	json_decref(variables);
	p->title = *text_of(form, "name") ? mem_text(ctx, text_of(form, "name")) : p->put->name;
	p->version = p->before ? p->before->version + 1 : 1;
	p->detail = mem_printf(ctx, "version %lld", (long long)p->version);
	return true;
}

static bool
right_put(const struct mobileconfig_put *put, struct err *err)
{
	const char *note = put->note ? put->note : "";

	if (!mobileconfig_name_ok(put->name, err))
		return false;
	if (put->purpose && strcmp(put->purpose, "device") != 0 && strcmp(put->purpose, "own") != 0)
		return err_set(err, ERR_INVALID, "purpose is \"device\" or \"own\"");
	if (strlen(note) > MOBILECONFIG_NOTE_MAX || !text_valid(note, strlen(note)))
		return err_set(err, ERR_INVALID, "a note has at most %d bytes", MOBILECONFIG_NOTE_MAX);
	return json_is_object(put->form) || err_code(err, ERR_INVALID, "bad_mobileconfig", "a form is an object");
}

/* *same: it says what the current version says. */
static bool
put_form(TALLOC_CTX *ctx, struct db *db, const struct sealer *sealer, struct put *p, bool *same, struct err *err)
{
	json_t *before = NULL, *form = NULL;
	bool ok = (p->before ? mobileconfig_read(ctx, db, sealer, p->id, 0, &before, NULL, err) : (before = json_object()) != NULL) &&
		  mobileconfig_form_kept(p->put->form, before, &form, err);

	*same = ok && p->before && json_equal(before, form);
	if (ok && !*same)
		ok = prepare(ctx, sealer, form, p, err) && db_tx(db, tx_put, p, err);
	if (!p->before)
		json_decref(before);
	json_decref(form);
	return ok;
}

bool
mobileconfig_put(TALLOC_CTX *ctx, struct db *db, const struct sealer *sealer, const struct mobileconfig_put *put,
		 bool *created, struct kept_mobileconfig **ret, struct err *err)
{
	void *here SCOPED(mem) = talloc_new(NULL);
	struct put p = { .put = put };
	bool same;

	if (!right_put(put, err) || (put->person && !find_person(here, db, put->person, &p.person_id, err)))
		return false;
	if (!mobileconfig_find(here, db, put->name, &p.before, err) && err->kind != ERR_MISSING)
		return false;
	if (p.before) {
		p.id = p.before->id;
		p.act = "mobileconfig.version";
		if (!same_kind(&p, err))
			return false;
	} else {
		p.id = secret_id(here);
		p.act = "mobileconfig.add";
		p.identifier = put->identifier ? put->identifier
			: mobileconfig_identifier(here, put->base_url, mem_printf(here, "mobileconfig.%s", p.id));
		if (put->identifier && !identifier_ok(p.identifier, put->base_url, err))
			return false;
	}
	*created = !p.before;
	return (put_form(here, db, sealer, &p, &same, err) && mobileconfig_by_id(ctx, db, p.id, ret, err)) ||
	       err_at(err, "mobileconfig %s", put->name);
}

/* ---- back, and away ---- */

struct act {
	const char *actor, *name;
	int64_t version;
};

static bool
tx_back(struct db *tx, void *arg, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	const struct act *a = arg;
	struct kept_mobileconfig *m;

	if (!mobileconfig_find(ctx, tx, a->name, &m, err))
		return false;
	if (a->version == m->version)
		return true;
	if (!db_run(tx, err, "INSERT INTO mobileconfig_version (mobileconfig_id, version, title, variables, form, sealed, note,"
		    " created_by, created) SELECT mobileconfig_id, CAST($1 AS BIGINT), title, variables, form, sealed, note,"
		    " CAST($2 AS TEXT), CAST($3 AS BIGINT) FROM mobileconfig_version WHERE mobileconfig_id = $4 AND version = $5",
		    db_int(m->version + 1), db_text(a->actor), db_now(), db_text(m->id), db_int(a->version)))
		return false;
	if (!db_changed(tx))
		return err_set(err, ERR_MISSING, "no such version");
	return db_run(tx, err, "UPDATE mobileconfig SET version = $1, changed = $2 WHERE id = $3", db_int(m->version + 1),
		      db_now(), db_text(m->id)) &&
	       desired_mobileconfig(tx, m->id, err) &&
	       audit_add(tx, a->actor, "mobileconfig.back", m->name, mem_printf(ctx, "to version %lld, as %lld",
			 (long long)a->version, (long long)m->version + 1), err);
}

bool
mobileconfig_back(struct db *db, const char *actor, const char *name, int64_t version, struct err *err)
{
	return db_tx(db, tx_back, &(struct act){ actor, name, version }, err) || err_at(err, "mobileconfig %s", name);
}

static bool
tx_remove(struct db *tx, void *arg, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	const struct act *a = arg;
	struct kept_mobileconfig *m;

	return mobileconfig_find(ctx, tx, a->name, &m, err) && desired_mobileconfig(tx, m->id, err) &&
	       assignment_remove_all(tx, m->id, err) &&
	       db_run(tx, err, "DELETE FROM mobileconfig_version WHERE mobileconfig_id = $1", db_text(m->id)) &&
	       db_run(tx, err, "DELETE FROM mobileconfig WHERE id = $1", db_text(m->id)) &&
	       audit_add(tx, a->actor, "mobileconfig.remove", m->name, m->identifier, err);
}

bool
mobileconfig_remove(struct db *db, const char *actor, const char *name, struct err *err)
{
	return db_tx(db, tx_remove, &(struct act){ actor, name, 0 }, err) || err_at(err, "mobileconfig %s", name);
}
