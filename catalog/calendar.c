/* Table `calendar`. */
#include "catalog/calendar.h"
#include "catalog/rows.h"
#include "core/audit.h"
#include "core/clock.h"
#include "core/secret.h"
#include <string.h>

struct change {
	const struct person *person;
	const char *id;
	char hash[SECRET_HASH_SIZE];
};

static bool
tx_new(struct db *tx, void *arg, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	const struct change *c = arg;

	if (!db_run(tx, err, "INSERT INTO calendar (id, token_hash, person_id, created) SELECT $1, $2, p.id, CAST($3 AS BIGINT)"
		    " FROM person p WHERE p.id = $4 AND (SELECT count(*) FROM calendar c WHERE c.person_id = p.id) < $5",
		    db_text(c->id), db_text(c->hash), db_now(), db_text(c->person->id), db_int(CALENDARS_MAX)))
		return false;
	if (!db_changed(tx))
		return err_set(err, ERR_LIMIT, "%s has %d feeds, more are not allowed; revoke one", c->person->name, CALENDARS_MAX);
	return audit_add(tx, person_actor(ctx, c->person), "calendar.new", c->id, NULL, err);
}

bool
calendar_new(TALLOC_CTX *ctx, struct db *db, const struct person *person, char **token, struct err *err)
{
	char *text = secret_token(ctx);
	struct change c = { .person = person, .id = secret_id(ctx) };

	secret_hash(text, c.hash);
	if (!db_tx(db, tx_new, &c, err))
		return false;
	*token = text;
	return true;
}

/* ---- reading it ---- */

struct used {
	char hash[SECRET_HASH_SIZE];
};

static bool
tx_used(struct db *tx, void *arg, struct err *err)
{
	const struct used *used = arg;

	return db_run(tx, err, "UPDATE calendar SET used = $1 WHERE token_hash = $2", db_now(), db_text(used->hash));
}

bool
calendar_open(TALLOC_CTX *ctx, struct db *db, const char *token, struct person **ret, struct err *err)
{
	void *scratch SCOPED(mem) = talloc_new(NULL);
	char hash[SECRET_HASH_SIZE];
	struct rows *rows = db_query(scratch, db, "SELECT c.used, " PERSON_COLUMNS " FROM calendar c JOIN person p"
				     " ON p.id = c.person_id WHERE c.token_hash = $1 AND " PERSON_IS_IN("p"),
				     db_text(secret_hash(token, hash)));

	if (!rows_one(rows, err, "no such calendar") || !person_from(ctx, db, rows, 1, ret, err))
		return false;
	if (clock_now() - rows_int(rows, 0) >= HOUR_S) {
		struct used *used = mem_new(NULL, struct used);

		memcpy(used->hash, hash, sizeof used->hash);
		db_later(db, tx_used, used);
	}
	return true;
}

/* ---- on the page ---- */

static json_t *
item(TALLOC_CTX *ctx, struct rows *rows)
{
	return json_pack("{s:s, s:s, s:s?}", "id", rows_text(ctx, rows, 0), "created", clock_text(ctx, rows_int(rows, 1)),
			 "used", rows_int(rows, 2) ? clock_text(ctx, rows_int(rows, 2)) : NULL);
}

bool
calendar_list(struct db *db, const struct person *person, json_t **ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);

	return rows_list(db_query(ctx, db, "SELECT id, created, used FROM calendar WHERE person_id = $1"
				  " ORDER BY created DESC, id", db_text(person->id)), item, ret, err);
}

static bool
tx_revoke(struct db *tx, void *arg, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	const struct change *c = arg;

	if (!db_run(tx, err, "DELETE FROM calendar WHERE id = $1 AND person_id = $2", db_text(c->id), db_text(c->person->id)))
		return false;
	if (!db_changed(tx))
		return err_set(err, ERR_MISSING, "no such feed");
	return audit_add(tx, person_actor(ctx, c->person), "calendar.revoke", c->id, NULL, err);
}

bool
calendar_revoke(struct db *db, const struct person *person, const char *id, struct err *err)
{
	struct change c = { .person = person, .id = id };

	return db_tx(db, tx_revoke, &c, err);
}
