#pragma once
/*
 * signin - somebody says who they are: with a password, or with a trusted proxy's word.
 *
 * A local account wins over the directory's person of the same name, as long as it is there, enabled and
 * local accounts may sign in (signin.local_login); everybody else is asked for in the directory.  Wrong
 * passwords are counted by name, by person of the directory and by address (attempts.h), and refused
 * with ERR_RATE and the time to wait.
 *
 * May take as long as the directory does: never on an I/O thread.
 */
#include "catalog/people.h"
#include "catalog/people_rest.h"

struct signin {
	struct db *db;
	struct directory *directory;
	const struct conf *conf;
};

/*
 * ERR_SIGN_IN (wrong_password, password_expired, account_disabled), ERR_RATE, ERR_DENIED, or ERR_UPSTREAM
 * "directory_down" whose words are for the log.
 */
bool signin_password(TALLOC_CTX *ctx, const struct signin *signin, const char *name, const char *password,
		     const char *address, struct person **ret, struct err *err) CHECKED;

/* The password of who is signed in already: of their own local account alone. */
bool signin_again(TALLOC_CTX *ctx, const struct signin *signin, const struct person *person, const char *password,
		  const char *address, struct err *err) CHECKED;

/* By a name that a trusted proxy vouches for. */
bool signin_named(TALLOC_CTX *ctx, const struct signin *signin, const char *name, struct person **ret,
		  struct err *err) CHECKED;

/* Somebody came in without a session: a row of the audit now and then, as there is no one request that is the first. */
bool signin_vouched(struct db *db, const struct person *person, const char *how, struct err *err) CHECKED;

/* Could anybody sign in with these settings?  ERR_INVALID when not. */
bool signin_check_conf(const struct conf *conf, struct err *err) CHECKED;

/* Who was not confirmed for long rests (people_rest.h), as far as nobody looks them up; with each round of the check. */
struct people_rest signin_rest(const struct signin *signin);

/*
 * The hourly check: a page of the directory's people behind `after`.  *next is where it goes on, "" at
 * the end; *ended counts who was let in before and is not any more.  Of whom the directory cannot tell, they are left as
 * they are until the next round, and so is who cannot be written; the log says so.
 */
bool signin_check_page(TALLOC_CTX *ctx, const struct signin *signin, const char *after, char **next, int64_t *ended,
		       struct err *err) CHECKED;
