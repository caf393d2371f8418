/*
 * Table `person`.  argon2 runs before the transaction, never inside: it takes longer than a thousand
 * commits.
 */
#include "catalog/person.h"
#include "catalog/session.h"
#include "core/audit.h"
#include "core/count.h"
#include "core/secret.h"
#include "core/text.h"
#include <argon2.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define ARGON_PASSES	2
#define ARGON_KIB	(19 * 1024)
#define ARGON_LANES	1
#define ARGON_SALT	16
#define ARGON_HASH	32
#define ARGON_TEXT_MAX	160
#define STRANGERS	1024	/* names that nobody has and whose wrong passwords are counted */

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

static bool
name_ok(const char *name, struct err *err)
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
};

static bool
tx_add(struct db *tx, void *arg, struct err *err)
{
	struct change *c = arg;
	void *ctx SCOPED(mem) = talloc_new(NULL);

	if (!db_run(tx, err, "INSERT INTO person (id, name, folded, role, password, created)"
		    " VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (folded) DO NOTHING",
		    db_text(secret_id(ctx)), db_text(c->name), db_text(c->folded),
		    db_text(role_name(c->role)), db_text(c->hash), db_now()))
		return false;
	if (!db_changed(tx))
		return err_set(err, ERR_CONFLICT, "%s exists already; `pomona user passwd` changes the password",
			       c->name);
	return audit_add(tx, c->actor, "person.add", c->name, role_name(c->role), err);
}

bool
person_add(struct db *db, const char *actor, const char *name, enum role role, const char *password,
	   struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	char hash[ARGON_TEXT_MAX];
	struct change c = { actor, name, text_fold(ctx, name), hash, role };

	return name_ok(name, err) && hash_password(password, hash, err) && db_tx(db, tx_add, &c, err);
}

static bool
tx_password(struct db *tx, void *arg, struct err *err)
{
	struct change *c = arg;
	struct person *person;
	void *ctx SCOPED(mem) = talloc_new(NULL);

	if (!person_by_name(ctx, tx, c->name, &person, err) ||
	    !db_run(tx, err, "UPDATE person SET password = $1, password_once = FALSE, failures = 0, locked_until = 0 WHERE id = $2",
		    db_text(c->hash), db_text(person->id)) ||
	    !session_end_all(tx, person->id, err))
		return false;
	return audit_add(tx, c->actor, "person.password", c->name, NULL, err);
}

bool
person_set_password(struct db *db, const char *actor, const char *name, const char *password,
		    struct err *err)
{
	char hash[ARGON_TEXT_MAX];
	struct change c = { actor, name, NULL, hash, ROLE_MEMBER };

	return hash_password(password, hash, err) && db_tx(db, tx_password, &c, err);
}

static bool
tx_add_once(struct db *tx, void *arg, struct err *err)
{
	struct change *c = arg;

	return tx_add(tx, c, err) &&
	       db_run(tx, err, "UPDATE person SET password_once = TRUE WHERE folded = $1", db_text(c->folded));
}

bool
person_add_once(struct db *db, const char *actor, const char *name, enum role role, const char *password,
		struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	char hash[ARGON_TEXT_MAX];
	struct change c = { actor, name, text_fold(ctx, name), hash, role };

	return name_ok(name, err) && hash_password(password, hash, err) && db_tx(db, tx_add_once, &c, err);
}

bool
person_list(struct db *db, json_t **ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, db, "SELECT name, role, disabled, created FROM person ORDER BY folded");
	json_t *list = json_array();
	enum rows_step step;

	while ((step = rows_next(rows, err)) == ROWS_ROW)
		json_array_append_new(list, json_pack("{s:s, s:s, s:b, s:I}", "name", rows_text(ctx, rows, 0),
			"role", rows_text(ctx, rows, 1), "disabled", rows_bool(rows, 2),
			"created", (json_int_t)rows_int(rows, 3)));
	if (step == ROWS_FAILED) {
		json_decref(list);
		return false;
	}
	*ret = list;
	return true;
}

bool
person_by_name(TALLOC_CTX *ctx, struct db *db, const char *name, struct person **ret, struct err *err)
{
	struct person *person = mem_new(ctx, struct person);
	struct rows *rows = db_query(person, db,
		"SELECT id, name, role FROM person WHERE folded = $1 AND NOT disabled",
		db_text(text_fold(person, name)));

	if (!rows_one(rows, err, "no such person"))
		return err_at(err, "%.64s", name);
	person->id = rows_text(person, rows, 0);
	person->name = rows_text(person, rows, 1);
	if (!role_parse(rows_text(person, rows, 2), &person->role, err))
		return false;
	*ret = person;
	return true;
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

/* For how long a name is locked after so many wrong passwords in a row. */
static int64_t
lock_after(int64_t failures)
{
	int64_t over = failures - PERSON_FAILURES_FREE, lock;

	if (over < 0)
		return 0;
	lock = over >= 12 ? PERSON_LOCK_MAX_S : (int64_t)1 << over;
	return lock < PERSON_LOCK_MAX_S ? lock : PERSON_LOCK_MAX_S;
}

/*
 * A name that nobody has is locked like any other: else the sixth wrong password would tell who is
 * known.  In memory alone, and a newer name takes an older one's place, by a hash nobody can steer.
 */
static struct stranger {
	char hash[SECRET_HASH_SIZE];
	int64_t failures, locked_until;
} strangers[STRANGERS];
static pthread_mutex_t strangers_lock = PTHREAD_MUTEX_INITIALIZER;

/* Until when it is locked; with `failed`, counts a wrong password. */
static int64_t
stranger(const char *folded, bool failed)
{
	static char salt[SECRET_HASH_SIZE];
	void *ctx SCOPED(mem) = talloc_new(NULL);
	char hash[SECRET_HASH_SIZE];
	struct stranger *s;
	int64_t until;

	pthread_mutex_lock(&strangers_lock);
	if (!*salt)
		snprintf(salt, sizeof salt, "%s", secret_token(ctx));
	secret_hash(mem_printf(ctx, "%s\n%s", salt, folded), hash);
	s = &strangers[strtoul(mem_textn(ctx, hash, 8), NULL, 16) % STRANGERS];
	if (failed && strcmp(s->hash, hash) != 0) {
		*s = (struct stranger){ .failures = 0 };
		memcpy(s->hash, hash, sizeof hash);
	}
	if (failed)
		s->locked_until = db_now().i + lock_after(++s->failures);
	until = strcmp(s->hash, hash) == 0 ? s->locked_until : 0;
	pthread_mutex_unlock(&strangers_lock);
	return until;
}

struct attempt {
	const char *id, *name;
	bool good;
};

/* Counts a wrong password, forgets them after a right one. */
static bool
tx_attempt(struct db *tx, void *arg, struct err *err)
{
	struct attempt *a = arg;
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows;
	int64_t lock;

	if (a->good)
		return db_run(tx, err, "UPDATE person SET failures = 0, locked_until = 0 WHERE id = $1",
			      db_text(a->id));
	rows = db_query(ctx, tx, "UPDATE person SET failures = failures + 1 WHERE id = $1 RETURNING failures",
			db_text(a->id));
	if (!rows_one(rows, err, "no such person"))
		return false;
	lock = lock_after(rows_int(rows, 0));
	rows_done(rows);
	if (lock && !db_run(tx, err, "UPDATE person SET locked_until = $1 WHERE id = $2",
			    db_int(db_now().i + lock), db_text(a->id)))
		return false;
	return audit_add(tx, a->name, "sign_in.refused", a->name, NULL, err);
}

bool
person_sign_in(TALLOC_CTX *ctx, struct db *db, const char *name, const char *password,
	       struct person **ret, struct err *err)
{
	/* What an unknown name is compared with, so that it takes as long as a wrong password. */
	static const char nobody[] = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA"
				     "$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
	struct person *person = mem_new(ctx, struct person);
	const char *folded = text_fold(person, name);
	struct rows *rows = db_query(person, db,
		"SELECT id, name, role, password, locked_until FROM person WHERE folded = $1 AND NOT disabled",
		db_text(folded));
	const char *hash = nobody;
	struct attempt attempt = { 0 };
	int64_t locked = 0;
	bool good;

	switch (rows_next(rows, err)) {
	case ROWS_FAILED:
		return false;
	case ROWS_END:
		locked = stranger(folded, false);
		break;
	case ROWS_ROW:
		attempt.id = person->id = rows_text(person, rows, 0);
		attempt.name = person->name = rows_text(person, rows, 1);
		if (!role_parse(rows_text(person, rows, 2), &person->role, err))
			return false;
		hash = rows_text(person, rows, 3);
		locked = rows_int(rows, 4);
	}
	rows_done(rows);
	good = strlen(password) <= PASSWORD_MAX && *password &&
	       argon2id_verify(hash, password, strlen(password)) == ARGON2_OK;
	if (locked > db_now().i)
		return err_set(err, ERR_RATE, "too many wrong passwords; try again in %lld seconds",
			       (long long)(locked - db_now().i));
	attempt.good = good && person->id;
	if (!attempt.id)
		stranger(folded, true);
	/* For a name that nobody has a write too, since a write takes its time. */
	if (!(attempt.id ? db_tx(db, tx_attempt, &attempt, err) : db_writable(db, err)))
		return false;
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
person_sees(const struct person *person, const char *bundle_id)
{
	return !person->bundle_id || strcmp(person->bundle_id, bundle_id) == 0;
}

bool
person_publishes(const struct person *person, const char *bundle_id)
{
	if (!person || person->role < ROLE_PUBLISHER)
		return false;
	if (person->scope && strcmp(person->scope, "upload") != 0 && strcmp(person->scope, "admin") != 0)
		return false;
	return !person->bundle_id || !bundle_id || strcmp(person->bundle_id, bundle_id) == 0;
}
