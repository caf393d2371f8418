#include "catalog/signin.h"
#include "catalog/attempts.h"
#include "core/audit.h"
#include "core/count.h"
#include "core/log.h"
#include "core/text.h"
#include <string.h>
#include <strings.h>

/* ---- how often ---- */

static bool
too_often(int64_t seconds, struct err *err)
{
	err_set(err, ERR_RATE, "too many wrong passwords; try again in %lld seconds", (long long)seconds);
	return err_retry(err, seconds);
}

struct note {
	const char *object, *detail;
};

static bool
tx_note(struct db *tx, void *arg, struct err *err)
{
	const struct note *note = arg;

	return audit_add(tx, "system", "sign_in.refused", note->object, note->detail, err);
}

/* Worth a row of the audit, but not one for each try. */
static bool
note(struct db *db, const char *object, const char *detail, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct note n = { object, detail };

	return !attempts_note(mem_printf(ctx, "%s\n%s", object, detail)) || db_tx(db, tx_note, &n, err);
}

static bool
address_may(TALLOC_CTX *ctx, const char *address, struct err *err)
{
	int64_t wait = attempts_wait(ATTEMPTS_ADDRESS, attempts_address(ctx, address));

	return wait == 0 || too_often(wait, err);
}

/* Keeps `err`, which says how the sign-in was refused, unless the audit cannot be written. */
static bool
address_failed(TALLOC_CTX *ctx, struct db *db, const char *address, struct err *err)
{
	const char *key = attempts_address(ctx, address);
	struct err trouble = { 0 };

	if (err->kind != ERR_SIGN_IN || strcmp(err->code, "wrong_password") != 0)
		return false;
	if (attempts_failed(ATTEMPTS_ADDRESS, key) < ATTEMPTS_ADDRESS_FREE ||
	    note(db, key, mem_printf(ctx, "%d wrong passwords from one address", ATTEMPTS_ADDRESS_FREE), &trouble))
		return false;
	*err = trouble;
	return false;
}

/* ---- the directory ---- */

/* Before somebody's password goes to the directory: by what it knows them by, however their name was typed. */
struct gate {
	TALLOC_CTX *ctx;
	struct db *db;
	const char *name, *keys[2];	/* under way: of the name, where people bind as themselves, and of the person */
	size_t n;
};

/* Blanks mean as little to a directory as case does. */
static const char *
squeeze(char *text)
{
	char *to = text;

	for (const char *c = text; *c; c++)
		if (*c != ' ' && *c != '\t')
			*to++ = *c;
		else if (to > text && to[-1] != ' ')
			*to++ = ' ';
	if (to > text && to[-1] == ' ')
		to--;
	*to = '\0';
	return text;
}

static const char *
key_of(TALLOC_CTX *ctx, const char *name, const char *external_id)
{
	return external_id ? mem_text(ctx, external_id)
			   : mem_printf(ctx, "name:%s", squeeze(text_fold(ctx, name)));
}

static bool
may_bind(void *arg, const char *external_id, struct err *err)
{
	struct gate *gate = arg;
	const char *key = key_of(gate->ctx, gate->name, external_id);
	int64_t wait;

	if (gate->n == sizeof gate->keys / sizeof *gate->keys)
		return err_set(err, ERR_INTERNAL, "a sign-in binds too often");
	wait = attempts_begin(ATTEMPTS_DIRECTORY, key);
	if (wait == ATTEMPTS_BUSY) {
		err_set(err, ERR_BUSY, "several sign-ins with this name are under way; try again in a second");
		return err_retry(err, 1);
	}
	if (wait)
		return too_often(wait, err);
	gate->keys[gate->n++] = key;
	return true;
}

/* Keeps `err`, as address_failed does. */
static bool
refused_by_name(struct db *db, const char *name, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct err trouble = { 0 };

	if (!note(db, text_cut(ctx, name, DIRECTORY_NAME_MAX), mem_text(ctx, err->cause), &trouble))
		*err = trouble;
	return false;
}

/* The last one begun is the one that the directory has refused; says how many that makes. */
static int64_t
leave(struct gate *gate, bool wrong)
{
	int64_t n = 0;

	for (size_t i = 0; i < gate->n; i++)
		n = attempts_end(ATTEMPTS_DIRECTORY, gate->keys[i], wrong && i == gate->n - 1);
	return n;
}

static bool
refused(struct gate *gate, int64_t failed, struct err *err)
{
	struct err trouble = { 0 };

	count_add(COUNT_SIGN_INS_REFUSED, 1);
	if (failed < ATTEMPTS_DIRECTORY_MAX)
		return refused_by_name(gate->db, gate->name, err);
	if (!note(gate->db, text_cut(gate->ctx, gate->name, DIRECTORY_NAME_MAX),
		  mem_printf(gate->ctx, "%d wrong passwords for the directory in a row", ATTEMPTS_DIRECTORY_MAX), &trouble))
		*err = trouble;
	return false;
}

/*
 * Whom it turns away is shut out here as by the hourly check, which cannot ask where there is no account of ours.
 * Keeps `err` unless that cannot be written.
 */
static bool
turned_away(const struct signin *s, const char *name, const struct directory_person *found, struct err *err)
{
	struct err trouble = { 0 };
	bool ended = false;

	if (!found)
		return false;
	if (!people_turned_away(s->db, found, &ended, &trouble))
		*err = trouble;
	else if (ended)
		log_info("whom the directory turned away was signed out", KV("name", name));
	return false;
}

static bool
by_directory(TALLOC_CTX *ctx, const struct signin *s, const char *name, const char *password, struct person **ret,
	     struct err *err)
{
	void *scratch SCOPED(mem) = talloc_new(NULL);
	struct gate gate = { .ctx = scratch, .db = s->db, .name = name };
	struct directory_person *found;
	int64_t failed;
	bool in;

	in = directory_sign_in(scratch, s->directory, name, password, may_bind, &gate, &found, err);
	failed = leave(&gate, !in && err->kind == ERR_SIGN_IN && strcmp(err->code, "wrong_password") == 0);
	if (!in) {
		(void)turned_away(s, name, found, err);
		if (strcmp(err->code, "name_ambiguous") == 0) {
			log_warn("a name fits several people of the directory; ldap.user_filter must find one",
				 KV("name", name));
			err_code(err, ERR_SIGN_IN, "wrong_password", "the name or the password is wrong");
		}
		if (err->kind == ERR_DENIED)
			return refused_by_name(s->db, name, err);
		return err->kind == ERR_SIGN_IN ? refused(&gate, failed, err) : false;
	}
	attempts_forget(ATTEMPTS_DIRECTORY, found->external_id);
	attempts_forget(ATTEMPTS_DIRECTORY, key_of(scratch, name, NULL));
	if (!people_from_directory(ctx, s->db, found, ret, err))
		return false;
	count_add(COUNT_SIGN_INS, 1);
	return true;
}

/* ---- who of the two ---- */

static bool
is_local(const struct signin *s, const char *name, bool *ret, struct err *err)
{
	*ret = false;
	if (!s->conf->signin_local_login)
		return true;
	if (!directory_is_on(s->directory)) {
		*ret = true;
		return true;
	}
	return person_is_local(s->db, name, ret, err);
}

/*
 * Who is local is nobody's business outside: beside a directory each name that is refused costs what the other kind
 * costs, too.  The password of a local account never goes to the directory.
 */
static bool
as_long(const struct signin *s, bool local, const char *password, const struct err *refused, struct err *err)
{
	if (!directory_is_on(s->directory) || !s->conf->signin_local_login)
		return true;
	if (!local)
		return person_as_long(s->db, password, err);
	if (*password && strlen(password) <= DIRECTORY_PASSWORD_MAX)	/* else it would not be asked, either */
		directory_as_long(s->directory, refused->kind == ERR_RATE);
	return true;
}

bool
signin_password(TALLOC_CTX *ctx, const struct signin *s, const char *name, const char *password, const char *address,
		struct person **ret, struct err *err)
{
	void *scratch SCOPED(mem) = talloc_new(NULL);
	struct err trouble = { 0 };
	bool local, ok;

	if (!address_may(scratch, address, err) || !is_local(s, name, &local, err))
		return false;
	if (local)
		ok = person_sign_in(ctx, s->db, name, password, ret, err);
	else if (directory_is_on(s->directory))
		ok = by_directory(ctx, s, name, password, ret, err);
	else
		return err_set(err, ERR_DENIED, "nobody signs in with a password here: the proxy in front does that");
	if (!ok && !as_long(s, local, password, err, &trouble)) {
		*err = trouble;
		return false;
	}
	return ok || address_failed(scratch, s->db, address, err);
}

bool
signin_again(TALLOC_CTX *ctx, const struct signin *s, const struct person *person, const char *password,
	     const char *address, struct err *err)
{
	void *scratch SCOPED(mem) = talloc_new(NULL);
	struct person *again;

	if (!address_may(scratch, address, err))
		return false;
	return person_sign_in(ctx, s->db, person->name, password, &again, err) ||
	       address_failed(scratch, s->db, address, err);
}

/* ---- a proxy's word ---- */

static bool
by_name_there(TALLOC_CTX *ctx, const struct signin *s, const char *name, struct person **ret, struct err *err)
{
	void *scratch SCOPED(mem) = talloc_new(NULL);
	struct directory_person *found;
	struct person *person;

	/* A local account by its very name; whoever's name is like it, is whom the directory says. */
	if (person_by_name(scratch, s->db, name, &person, err)) {
		if (strcmp(person->source, "local") == 0 &&
		    people_is_named(person->source, person->name, name, s->conf->signin_local_login))
			return person_by_id(ctx, s->db, person->id, ret, err);
	} else if (err->kind != ERR_MISSING) {
		return false;
	}
	if (!directory_find(scratch, s->directory, name, &found, err)) {
		struct err down = *err;

		/* Whoever is known goes on while the directory is down: the proxy's word is what lets them in. */
		if (err->kind == ERR_UPSTREAM && person_by_name(ctx, s->db, name, ret, err) &&
		    strcmp((*ret)->source, "directory") == 0 && people_is_named("directory", (*ret)->name, name, false)) {
			log_err("a proxy names somebody whom the directory cannot be asked about", &down, KV("name", name));
			return true;
		}
		*err = down;
		return false;
	}
	if (!found)
		return err_set(err, ERR_DENIED, "the proxy says that you are %.64s, whom the company's directory does not have",
			       name);
	if (found->disabled)
		return err_code(err, ERR_DENIED, "account_disabled", "your account is disabled in the company's directory");
	if (!found->allowed)
		return err_set(err, ERR_DENIED, "your account is in none of the groups whose people use this server");
	return people_from_directory(ctx, s->db, found, ret, err);
}

bool
signin_named(TALLOC_CTX *ctx, const struct signin *s, const char *name, struct person **ret, struct err *err)
{
	bool ok;

	if (!directory_is_on(s->directory) || !directory_can_look(s->directory))
		ok = people_from_proxy(ctx, s->db, name, s->conf->signin_local_login, ret, err);
	else
		ok = by_name_there(ctx, s, name, ret, err);
	return ok || (err->kind == ERR_DENIED && refused_by_name(s->db, name, err));
}

struct vouched {
	const char *name, *how;
};

static bool
tx_vouched(struct db *tx, void *arg, struct err *err)
{
	const struct vouched *v = arg;

	return audit_add(tx, v->name, "sign_in", v->name, v->how, err);
}

bool
signin_vouched(struct db *db, const struct person *person, const char *how, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct vouched v = { person->name, how };

	return !attempts_note(mem_printf(ctx, "vouched\n%s\n%s", person->id, how)) || db_tx(db, tx_vouched, &v, err);
}

/* A header that only a proxy would set, and that means nothing else. */
static bool
check_header(const char *name, const char *setting, struct err *err)
{
	static const char *const taken[] = { "Authorization", "Cookie", "Host", "Origin", "Referer", "Accept", "User-Agent",
					     "Content-Type", "Content-Length", "X-Forwarded-For", "X-Forwarded-Proto",
					     "X-CSRF-Token" };

	if (strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") != strlen(name) || strlen(name) > 64)
		return err_set(err, ERR_INVALID, "%s: \"%.40s\" is no name of a header", setting, name);
	for (size_t i = 0; i < sizeof taken / sizeof *taken; i++)
		if (strcasecmp(name, taken[i]) == 0)
			return err_set(err, ERR_INVALID, "%s: %s means something else", setting, name);
	return true;
}

bool
signin_check_conf(const struct conf *conf, struct err *err)
{
	bool proxy = *conf->signin_proxy_header || conf->signin_proxy_basic || *conf->server_client_cert_header;

	if (!check_header(conf->signin_proxy_header, "signin.proxy_header", err) ||
	    !check_header(conf->server_client_cert_header, "server.client_cert_header", err))
		return false;
	if (proxy && !*conf->server_trusted_proxies)
		return err_set(err, ERR_INVALID, "signin.proxy_header, signin.proxy_basic and server.client_cert_header are of "
			       "use only with server.trusted_proxies: nobody else is believed");
	return conf->signin_local_login || *conf->ldap_urls || *conf->signin_proxy_header ||
	       err_set(err, ERR_INVALID, "signin.local_login is off, and there is neither ldap.urls nor "
		       "signin.proxy_header: nobody could sign in");
}

/* ---- the hourly check ---- */

struct people_rest
signin_rest(const struct signin *s)
{
	return (struct people_rest){ .days = s->conf->signin_rest_days,
				     .looked_up = directory_is_on(s->directory) && directory_can_look(s->directory) };
}

/* Of whom nothing can be told, or what is told not be kept. */
struct left {
	int64_t n;
	const char *name, *why;	/* of the first */
};

static void
leave_one(TALLOC_CTX *ctx, struct left *left, const struct people_known *who, const char *why)
{
	if (!left->n++)
		*left = (struct left){ 1, who->name, mem_text(ctx, why) };
}

bool
signin_check_page(TALLOC_CTX *ctx, const struct signin *s, const char *after, char **next, int64_t *ended,
		  struct err *err)
{
	void *scratch SCOPED(mem) = talloc_new(NULL);
	struct people_known known[DIRECTORY_BATCH];
	struct directory_person *people[DIRECTORY_BATCH];
	const char *ids[DIRECTORY_BATCH];
	struct left left = { 0 };
	struct err why;
	size_t n, done;

	*ended = 0;
	if (!people_known(scratch, s->db, after, known, DIRECTORY_BATCH, &n, err))
		return false;
	for (size_t i = 0; i < n; i++)
		ids[i] = known[i].external_id;
	done = n;
	if (n && !directory_check(scratch, s->directory, ids, &done, people, err))
		return false;
	for (size_t i = 0; i < done; i++) {
		const struct directory_person *p = people[i];
		bool one = false;

		if (p && p->unknown && !p->disabled)
			leave_one(scratch, &left, &known[i], p->unknown);
		else if (!people_checked(s->db, known[i].id, p, &one, &why)) {
			if (why.kind == ERR_INTERNAL || why.kind == ERR_BUSY || why.kind == ERR_NO_ROOM) {
				*err = why;	/* it is about our database, and not about them */
				return false;
			}
			leave_one(scratch, &left, &known[i], why.cause);
		}
		*ended += one;
	}
	if (left.n)
		log_warn("people were left as they are: the directory cannot tell what they are now, or it cannot be kept",
			 KVI("people", left.n), KV("first", left.name), KV("err", left.why));
	*next = mem_text(ctx, done < n || n == DIRECTORY_BATCH ? known[done - 1].id : "");
	return true;
}
