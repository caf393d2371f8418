/*
 * Table `person`: local accounts, and what everybody's row says.  argon2 runs before the transaction, never inside: it takes longer than a thousand
 * commits.
 */
#include "catalog/person.h"
#include "catalog/attempts.h"
#include "catalog/audience.h"
#include "catalog/session.h"
#include "core/audit.h"
#include "core/count.h"
#include "core/secret.h"
#include "core/text.h"
#include <argon2.h>
#include <string.h>

#define ARGON_PASSES	2
#define ARGON_KIB	(19 * 1024)
#define ARGON_LANES	1
#define ARGON_SALT	16
#define ARGON_HASH	32
#define ARGON_TEXT_MAX	160

static const char *const roles[] = { "member", "publisher", "admin" };

const char *
role_name(enum role role)
{
	return roles[role];
}

bool
role_parse(const char *name, enum role *ret, struct err *err)
{
	for (size_t i = 0; i < sizeof roles / sizeof *roles; i++)
		if (strcmp(name, roles[i]) == 0) {
			*ret = (enum role)i;
			return true;
		}
	return err_set(err, ERR_INVALID, "\"%.20s\" is no role: member, publisher or admin", name);
}

static bool
hash_password(const char *password, char hash[ARGON_TEXT_MAX], struct err *err)
{
	unsigned char salt[ARGON_SALT];
	size_t len = strlen(password);
	int rc;

	if (len < PASSWORD_MIN || len > PASSWORD_MAX)
		return err_set(err, ERR_INVALID, "a password has %d to %d bytes", PASSWORD_MIN, PASSWORD_MAX);
	secret_random(salt, sizeof salt);
	rc = argon2id_hash_encoded(ARGON_PASSES, ARGON_KIB, ARGON_LANES, password, len, salt, sizeof salt,
				   ARGON_HASH, hash, ARGON_TEXT_MAX);
	return rc == ARGON2_OK || err_set(err, ERR_INTERNAL, "argon2: %s", argon2_error_message(rc));
}

bool
person_name_ok(const char *name, struct err *err)
{
	size_t len = strlen(name);

	if (!len || len > PERSON_NAME_MAX || !text_valid(name, len) || strpbrk(name, "/:\\\"<>\t\r\n"))
		return err_set(err, ERR_INVALID, "a name has 1 to %d bytes and none of / : \\ \" < >",
			       PERSON_NAME_MAX);
	return true;
}

struct change {
	const char *actor, *name, *folded, *hash;
	enum role role;
	bool once;
};

static bool
tx_add(struct db *tx, void *arg, struct err *err)
{
	struct change *c = arg;
	void *ctx SCOPED(mem) = talloc_new(NULL);
	const char *id = secret_id(ctx);

	if (!db_run(tx, err, "INSERT INTO person (id, name, folded, words, role, password, password_once, created)"
		    " VALUES ($1, $2, $3, $3, $4, $5, $6, $7) ON CONFLICT (folded) DO NOTHING",
		    db_text(id), db_text(c->name), db_text(c->folded),
		    db_text(role_name(c->role)), db_text(c->hash), db_bool(c->once), db_now()))
		return false;
	if (!db_changed(tx))
		return err_set(err, ERR_CONFLICT, "%s exists already; `pomona user passwd` changes the password",
			       c->name);
	return audience_refresh_person(tx, id, err) && audit_add(tx, c->actor, "person.add", c->name, role_name(c->role), err);
}

static bool
add(struct db *db, struct change *c, const char *password, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	char hash[ARGON_TEXT_MAX];

	c->folded = text_fold(ctx, c->name);
	c->hash = hash;
	return person_name_ok(c->name, err) && hash_password(password, hash, err) && db_tx(db, tx_add, c, err);
}

bool
person_add(struct db *db, const char *actor, const char *name, enum role role, const char *password,
	   struct err *err)
{
	struct change c = { .actor = actor, .name = name, .role = role };

	return add(db, &c, password, err);
}

bool
person_add_once(struct db *db, const char *actor, const char *name, enum role role, const char *password,
		struct err *err)
{
	struct change c = { .actor = actor, .name = name, .role = role, .once = true };

	return add(db, &c, password, err);
}

static bool
tx_password(struct db *tx, void *arg, struct err *err)
{
	struct change *c = arg;
	struct person *person;
	void *ctx SCOPED(mem) = talloc_new(NULL);

	if (!person_by_name(ctx, tx, c->name, &person, err))
		return false;
	if (strcmp(person->source, "local") != 0)
		return err_set(err, ERR_CONFLICT, "the password of %s is not kept here: %s", person->name,
			       strcmp(person->source, "proxy") == 0 ? "a proxy vouches for them" :
			       "it is the company directory's");
	if (!db_run(tx, err, "UPDATE person SET password = $1, password_once = $2, failures = 0, locked_until = 0"
		    " WHERE id = $3", db_text(c->hash), db_bool(c->once), db_text(person->id)) ||
	    !session_end_all(tx, person->id, err))
		return false;
	return audit_add(tx, c->actor, "person.password", c->name, c->once ? "for one sign-in" : NULL, err);
}

static bool
set_password(struct db *db, struct change *c, const char *password, struct err *err)
{
	char hash[ARGON_TEXT_MAX];

	c->hash = hash;
	return hash_password(password, hash, err) && db_tx(db, tx_password, c, err);
}

bool
person_set_password(struct db *db, const char *actor, const char *name, const char *password,
		    struct err *err)
{
	struct change c = { .actor = actor, .name = name };

	return set_password(db, &c, password, err);
}

bool
person_set_password_once(struct db *db, const char *actor, const char *name, const char *password,
			 struct err *err)
{
	struct change c = { .actor = actor, .name = name, .once = true };

	return set_password(db, &c, password, err);
}

/* The named apps of a publisher who has not all; an empty list is a publisher of nothing. */
static bool
read_apps(struct person *person, struct db *db, struct err *err)
{
	struct rows *rows = db_query(person, db, "SELECT bundle_id FROM publisher_app WHERE person_id = $1"
				     " ORDER BY bundle_id LIMIT $2", db_text(person->id), db_int(PERSON_APPS_MAX));
	const char **apps;
	size_t n;

	if (!rows_texts(person, rows, &apps, &n, err))
		return false;
	person->apps = apps;
	return true;
}

bool
person_from(TALLOC_CTX *ctx, struct db *db, struct rows *rows, int at, struct person **ret, struct err *err)
{
	struct person *person = mem_new(ctx, struct person);

	person->id = rows_text(person, rows, at);
	person->name = rows_text(person, rows, at + 1);
	person->source = rows_text(person, rows, at + 3);
	person->password_once = rows_bool(rows, at + 4);
	person->resting = rows_bool(rows, at + 6);
	if (!role_parse(rows_text(person, rows, at + 2), &person->role, err) ||
	    (person->role == ROLE_PUBLISHER && !rows_bool(rows, at + 5) && !read_apps(person, db, err)))
		return false;
	*ret = person;
	return true;
}

bool
person_is_local(struct db *db, const char *name, bool *ret, struct err *err)
{
	void *scratch SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(scratch, db, "SELECT 1 FROM person WHERE folded = $1 AND source = 'local'",
				     db_text(text_fold(scratch, name)));
	enum rows_step step = rows_next(rows, err);

	*ret = step == ROWS_ROW;
	rows_done(rows);
	return step != ROWS_FAILED;
}

bool
person_by_name(TALLOC_CTX *ctx, struct db *db, const char *name, struct person **ret, struct err *err)
{
	void *scratch SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(scratch, db, "SELECT " PERSON_COLUMNS " FROM person p WHERE p.folded = $1"
				     " AND NOT p.disabled", db_text(text_fold(scratch, name)));

	return (rows_one(rows, err, "no such person") || err_at(err, "%.64s", name)) &&
	       person_from(ctx, db, rows, 0, ret, err);
}

bool
person_by_id(TALLOC_CTX *ctx, struct db *db, const char *id, struct person **ret, struct err *err)
{
	void *scratch SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(scratch, db, "SELECT " PERSON_COLUMNS " FROM person p WHERE p.id = $1"
				     " AND NOT p.disabled", db_text(id));

	return rows_one(rows, err, "no such person") && person_from(ctx, db, rows, 0, ret, err);
}

bool
person_count(struct db *db, int64_t *ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, db, "SELECT count(*) FROM person");

	if (!rows_one(rows, err, "no count"))
		return false;
	*ret = rows_int(rows, 0);
	return true;
}

struct attempt {
	const char *id, *name, *hash;	/* hash: of the password that was compared */
	bool good;
	bool changed;			/* there is another password by now, or they are disabled: nothing was tried */
	int64_t wait;			/* > 0: others have locked the name meanwhile */
};

/* Comparing takes long, and others try at the same time: what was read before it is looked at again. */
static bool
look_again(struct db *tx, struct attempt *a, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, tx, "SELECT password, locked_until FROM person WHERE id = $1 AND NOT disabled", db_text(a->id));
	enum rows_step step = rows_next(rows, err);

	a->changed = step != ROWS_ROW || strcmp(rows_text(ctx, rows, 0), a->hash) != 0;
	a->wait = a->changed ? 0 : rows_int(rows, 1) - db_now().i;
	rows_done(rows);
	return step != ROWS_FAILED;
}

/*
 * Counts a wrong password, forgets them after a right one.  The audit hears of the first, and of each that
 * locks: those come at most so often that they cannot fill the disk.
 */
static bool
tx_attempt(struct db *tx, void *arg, struct err *err)
{
	struct attempt *a = arg;
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows;
	int64_t failures, lock;

	if (!look_again(tx, a, err))
		return false;
	if (a->changed || a->wait > 0)
		return true;
	if (a->good)
		return db_run(tx, err, "UPDATE person SET failures = 0, locked_until = 0 WHERE id = $1",
			      db_text(a->id));
	rows = db_query(ctx, tx, "UPDATE person SET failures = failures + 1 WHERE id = $1 RETURNING failures",
			db_text(a->id));
	if (!rows_one(rows, err, "no such person"))
		return false;
	failures = rows_int(rows, 0);
	rows_done(rows);
	lock = attempts_lock(failures);
	if (lock && !db_run(tx, err, "UPDATE person SET locked_until = $1 WHERE id = $2",
			    db_int(db_now().i + lock), db_text(a->id)))
		return false;
	return (failures != 1 && !lock) ||
	       audit_add(tx, a->name, "sign_in.refused", a->name,
			 mem_printf(ctx, "%lld wrong passwords in a row", (long long)failures), err);
}

static bool
locked(int64_t seconds, struct err *err)
{
	err_set(err, ERR_RATE, "too many wrong passwords; try again in %lld seconds", (long long)seconds);
	return err_retry(err, seconds);
}

/* What an unknown name is compared with, so that it takes as long as a wrong password. */
static const char nobody[] = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA"
			     "$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

static bool
compare(const char *hash, const char *password)
{
	return strlen(password) <= PASSWORD_MAX && *password &&
	       argon2id_verify(hash, password, strlen(password)) == ARGON2_OK;
}

bool
person_as_long(struct db *db, const char *password, struct err *err)
{
	(void)compare(nobody, password);
	return db_writable(db, err);
}

bool
person_sign_in(TALLOC_CTX *ctx, struct db *db, const char *name, const char *password,
	       struct person **ret, struct err *err)
{
	void *scratch SCOPED(mem) = talloc_new(NULL);
	const char *folded = text_fold(scratch, name), *hash = nobody;
	struct rows *rows = db_query(scratch, db, "SELECT " PERSON_COLUMNS ", p.password, p.locked_until FROM person p"
				     " WHERE p.folded = $1 AND p.source = 'local' AND NOT p.disabled", db_text(folded));
	struct person *person = NULL;
	struct attempt attempt = { 0 };
	int64_t wait = 0;
	bool good;

	switch (rows_next(rows, err)) {
	case ROWS_FAILED:
		return false;
	case ROWS_END:
		wait = attempts_wait(ATTEMPTS_NAME, folded);
		break;
	case ROWS_ROW:
		if (!person_from(ctx, db, rows, 0, &person, err))
			return false;
		attempt.id = person->id;
		attempt.name = person->name;
		attempt.hash = hash = person->password = rows_text(person, rows, PERSON_COLUMNS_N);
		wait = rows_int(rows, PERSON_COLUMNS_N + 1) - db_now().i;
	}
	rows_done(rows);
	good = compare(hash, password);
	if (wait > 0)
		return locked(wait, err);
	attempt.good = good && person;
	if (!person)
		attempts_failed(ATTEMPTS_NAME, folded);
	/* For a name that nobody has a write too, since a write takes its time. */
	if (!(person ? db_tx(db, tx_attempt, &attempt, err) : db_writable(db, err)))
		return false;
	if (attempt.wait > 0)
		return locked(attempt.wait, err);
	attempt.good = attempt.good && !attempt.changed;
	count_add(attempt.good ? COUNT_SIGN_INS : COUNT_SIGN_INS_REFUSED, 1);
	if (!attempt.good)
		return err_code(err, ERR_SIGN_IN, "wrong_password", "the name or the password is wrong");
	*ret = person;
	return true;
}

char *
person_actor(TALLOC_CTX *ctx, const struct person *person)
{
	if (!person)
		return mem_text(ctx, "system");
	return person->token_id ? mem_printf(ctx, "%s (token %s)", person->name, person->token_id)
				: mem_text(ctx, person->name);
}

bool
person_publishes(const struct person *person, const char *bundle_id)
{
	if (!person || person->role < ROLE_PUBLISHER)
		return false;
	if (person->scope && strcmp(person->scope, "upload") != 0 && strcmp(person->scope, "admin") != 0)
		return false;
	if (person->bundle_id && bundle_id && strcmp(person->bundle_id, bundle_id) != 0)
		return false;
	if (!person->apps)
		return true;
	for (const char *const *app = person->apps; *app; app++)
		if (!bundle_id || strcmp(*app, bundle_id) == 0)
			return true;
	return false;
}
