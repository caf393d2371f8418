/* Table `token`. */
#include "catalog/token.h"
#include "catalog/rows.h"
#include "core/audit.h"
#include "core/clock.h"
#include "core/secret.h"
#include <string.h>

#define TOKEN_PREFIX	"pom_"	/* so that secret scanners see one */
#define USED_STEP_S	60

static const char *const scopes[] = { "read", "upload", "devices", "admin" };

static bool
token_scope_ok(const char *scope)
{
	for (size_t i = 0; i < sizeof scopes / sizeof *scopes; i++)
		if (strcmp(scope, scopes[i]) == 0)
			return true;
	return false;
}

struct change {
	const char *actor, *id;
	const struct token_wish *wish;
	const struct person *person;
	char hash[SECRET_HASH_SIZE];
};

static bool
tx_new(struct db *tx, void *arg, struct err *err)
{
	struct change *c = arg;

	if (!db_run(tx, err, "INSERT INTO token (id, hash, person_id, label, scope, bundle_id, created, expires)"
		    " SELECT $1, $2, p.id, $3, $4, $5, CAST($6 AS BIGINT), CAST($9 AS BIGINT) FROM person p WHERE p.id = $7"
		    " AND (SELECT count(*) FROM token t WHERE t.person_id = p.id) < $8",
		    db_text(c->id), db_text(c->hash), db_text(c->wish->label), db_text(c->wish->scope),
		    db_text(c->wish->bundle_id), db_now(), db_text(c->person->id), db_int(TOKENS_MAX),
		    c->wish->days ? db_int(clock_now() + c->wish->days * DAY_S) : db_null()))
		return false;
	if (!db_changed(tx))
		return err_set(err, ERR_LIMIT, "%s has %d tokens, more are not allowed; revoke one",
			       c->person->name, TOKENS_MAX);
	return audit_add(tx, c->actor, "token.new", c->person->name, c->wish->scope, err);
}

bool
token_new(TALLOC_CTX *ctx, struct db *db, const char *actor, const struct person *person,
	  const struct token_wish *wish, char **text, struct err *err)
{
	char *token = mem_printf(ctx, TOKEN_PREFIX "%s", secret_token(ctx));
	struct change c = { actor, secret_id(ctx), wish, person, "" };
	const char *scope = wish->scope, *bundle_id = wish->bundle_id;

	if (wish->days < 0 || wish->days > TOKEN_DAYS_MAX)
		return err_set(err, ERR_INVALID, "a token works for 1 to %d days, or until it is revoked", TOKEN_DAYS_MAX);
	if (strlen(wish->label) > TOKEN_LABEL_MAX)
		return err_set(err, ERR_LIMIT, "the label is longer than %d bytes", TOKEN_LABEL_MAX);
	if (bundle_id && strlen(bundle_id) > TOKEN_APP_MAX)
		return err_set(err, ERR_LIMIT, "the bundle id is longer than %d bytes", TOKEN_APP_MAX);
	if (person->bundle_id && (!bundle_id || strcmp(bundle_id, person->bundle_id) != 0))
		return err_set(err, ERR_DENIED, "a token for %s makes tokens for %s alone", person->bundle_id,
			       person->bundle_id);
	if (!token_scope_ok(scope))
		return err_set(err, ERR_INVALID, "\"%.20s\" is no scope: read, upload, devices or admin", scope);
	if ((strcmp(scope, "admin") == 0 || strcmp(scope, "devices") == 0) && person->role != ROLE_ADMIN)
		return err_set(err, ERR_DENIED, "%s is no admin, so a token of theirs cannot have the scope %s",
			       person->name, scope);
	if (strcmp(scope, "upload") == 0 && person->role < ROLE_PUBLISHER)
		return err_set(err, ERR_DENIED, "%s may not publish, so a token of theirs cannot either",
			       person->name);
	secret_hash(token, c.hash);
	if (!db_tx(db, tx_new, &c, err))
		return false;
	*text = token;
	return true;
}

struct used {
	char id[40];
};

static bool
tx_used(struct db *tx, void *arg, struct err *err)
{
	struct used *used = arg;

	return db_run(tx, err, "UPDATE token SET used = $1 WHERE id = $2", db_now(), db_text(used->id));
}

bool
token_open(TALLOC_CTX *ctx, struct db *db, const char *text, struct person **ret, struct err *err)
{
	void *scratch SCOPED(mem) = talloc_new(NULL);
	struct person *person;
	char hash[SECRET_HASH_SIZE];
	struct rows *rows;

	if (strncmp(text, TOKEN_PREFIX, strlen(TOKEN_PREFIX)) != 0)
		return err_set(err, ERR_SIGN_IN, "that is no token of ours: they begin with " TOKEN_PREFIX);
	rows = db_query(scratch, db, "SELECT t.id, t.scope, t.bundle_id, t.used, " PERSON_COLUMNS
			" FROM token t JOIN person p ON p.id = t.person_id WHERE t.hash = $1 AND " PERSON_IS_IN("p")
			" AND (t.expires IS NULL OR t.expires > $2)", db_text(secret_hash(text, hash)), db_now());
	if (!rows_one(rows, err, "unknown, revoked or expired token"))
		return err->kind == ERR_MISSING ? err_set(err, ERR_SIGN_IN, "unknown, revoked or expired token") : false;
	if (!person_from(ctx, db, rows, 4, &person, err))
		return false;
	person->password_once = false;	/* a token is no sign-in by that password */
	person->token_id = rows_text(person, rows, 0);
	person->scope = rows_text(person, rows, 1);
	person->bundle_id = rows_text(person, rows, 2);
	if (clock_now() - rows_int(rows, 3) >= USED_STEP_S) {
		struct used *used = mem_new(NULL, struct used);

		memcpy(used->id, person->token_id, strnlen(person->token_id, sizeof used->id - 1));
		db_later(db, tx_used, used);
	}
	*ret = person;
	return true;
}

static json_t *
token_json(TALLOC_CTX *ctx, struct rows *rows)
{
	return json_pack("{s:s, s:s, s:s, s:s*, s:s, s:s*, s:s?}", "id", rows_text(ctx, rows, 0),
			 "label", rows_text(ctx, rows, 5), "scope", rows_text(ctx, rows, 1),
			 "bundle_id", rows_text(ctx, rows, 2), "created", clock_text(ctx, rows_int(rows, 3)),
			 "used", rows_int(rows, 4) ? clock_text(ctx, rows_int(rows, 4)) : NULL,
			 "expires", rows_int(rows, 6) ? clock_text(ctx, rows_int(rows, 6)) : NULL);
}

bool
token_list(struct db *db, const struct person *person, json_t **ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, db, "SELECT id, scope, bundle_id, created, used, label, expires FROM token"
				     " WHERE person_id = $1 AND (CAST($2 AS TEXT) IS NULL OR bundle_id = $2)"
				     " ORDER BY created DESC, id", db_text(person->id), db_text(person->bundle_id));

	return rows_list(rows, token_json, ret, err);
}

static json_t *
ending_json(TALLOC_CTX *ctx, struct rows *rows)
{
	return json_pack("{s:s, s:s, s:s, s:s?, s:s, s:s, s:s, s:s}", "id", rows_text(ctx, rows, 0), "label", rows_text(ctx, rows, 1),
			 "scope", rows_text(ctx, rows, 2), "bundle_id", rows_text(ctx, rows, 3), "person", rows_text(ctx, rows, 4),
			 "person_id", rows_text(ctx, rows, 5), "created", clock_text(ctx, rows_int(rows, 6)),
			 "expires", clock_text(ctx, rows_int(rows, 7)));
}

bool
token_count_local(struct db *db, int64_t *n, int64_t *admins, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, db, "SELECT count(*), count(CASE WHEN t.scope = 'admin' THEN 1 END) FROM token t"
				     " JOIN person p ON p.id = t.person_id WHERE p.source = 'local' AND " PERSON_IS_IN("p")
				     " AND (t.expires IS NULL OR t.expires > $1)", db_now());

	if (!rows_one(rows, err, "no count"))
		return false;
	*n = rows_int(rows, 0);
	*admins = rows_int(rows, 1);
	return true;
}

#define ENDING " FROM token t JOIN person p ON p.id = t.person_id WHERE t.expires >= $1 AND t.expires < $2" \
	" AND (t.expires, t.id) > ($1, $3) AND NOT p.disabled"

bool
token_ending(struct db *db, const struct token_page *page, json_t **ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = page->person_id ?
		db_query(ctx, db, "SELECT t.id, t.label, t.scope, t.bundle_id, p.name, p.id, t.created, t.expires" ENDING
			 " AND t.person_id = $5 ORDER BY t.expires, t.id LIMIT $4", db_int(page->from), db_int(page->until),
			 db_text(page->after), db_int(page->limit), db_text(page->person_id)) :
		db_query(ctx, db, "SELECT t.id, t.label, t.scope, t.bundle_id, p.name, p.id, t.created, t.expires" ENDING
			 " ORDER BY t.expires, t.id LIMIT $4", db_int(page->from), db_int(page->until), db_text(page->after),
			 db_int(page->limit));

	return rows_list(rows, ending_json, ret, err);
}

static bool
tx_revoke(struct db *tx, void *arg, struct err *err)
{
	struct change *c = arg;

	if (!db_run(tx, err, "DELETE FROM token WHERE id = $1 AND (person_id = $2 OR $3)"
		    " AND (CAST($4 AS TEXT) IS NULL OR bundle_id = $4)", db_text(c->id), db_text(c->person->id),
		    db_bool(c->person->role == ROLE_ADMIN && !c->person->bundle_id), db_text(c->person->bundle_id)))
		return false;
	if (!db_changed(tx))
		return err_set(err, ERR_MISSING, "no such token");
	return audit_add(tx, c->actor, "token.revoke", c->id, NULL, err);
}

bool
token_revoke(struct db *db, const struct person *person, const char *id, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct change c = { .actor = person_actor(ctx, person), .id = id, .person = person };

	return db_tx(db, tx_revoke, &c, err);
}
