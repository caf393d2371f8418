/*
 * What a refused sign-in costs: nobody can tell by it who is local, who is in the directory, and who is
 * nobody.  CPU of our own thread, so that a busy machine changes nothing.
 */
#include <math.h>
#include <stdlib.h>
#include <time.h>
#include "catalog/attempts.h"
#include "catalog/signin.h"
#include "tests/check_house.h"
#include "tests/check_ldap.h"

#define ROUNDS		60
#define ROUNDS_WHOLE	1000
#define T_MOST		2.58	/* p = 0.01 */
#define LOGIN	"eva@corp.example.com"	/* as ldap.user_bind_template has it */
#define EVA	"uid=eva,ou=people,dc=example"
#define WRONG	"a wrong password"

struct seen {
	atomic_int searches, binds;
	atomic_int typed;		/* of the binds: with a password that somebody typed */
	atomic_int mia;			/* searches for a name that is local */
	atomic_bool knows, disabled;	/* eva's password; and that she is, by Active Directory's own answer */
};

static void
answer(const struct fake_ask *ask)
{
	static const char *const eva[] = { "entryUUID", "01020304-0506-0708-090a-0b0c0d0e0f10", "uid", "eva", NULL };
	struct seen *seen = ask->arg;

	if (ask->op == LDAP_REQ_BIND && strcmp(ask->dn, "cn=us,dc=example") == 0) {
		fake_result(ask, LDAP_RES_BIND, 0, "");
	} else if (ask->op == LDAP_REQ_BIND) {
		atomic_fetch_add(&seen->binds, 1);
		atomic_fetch_add(&seen->typed, strcmp(ask->password, WRONG) == 0 || strcmp(ask->password, PASSWORD) == 0);
		if (atomic_load(&seen->knows) && (strcmp(ask->dn, LOGIN) == 0 || strcmp(ask->dn, EVA) == 0) &&
		    strcmp(ask->password, PASSWORD) == 0)
			fake_result(ask, LDAP_RES_BIND, atomic_load(&seen->disabled) ? LDAP_INVALID_CREDENTIALS : 0,
				    atomic_load(&seen->disabled) ? "80090308: LdapErr: DSID-0C090449, data 533, v4563" : "");
		else
			fake_result(ask, LDAP_RES_BIND, LDAP_INVALID_CREDENTIALS, "");
	} else if (ask->op == LDAP_REQ_SEARCH) {
		atomic_fetch_add(&seen->searches, *ask->dn != '\0');
		atomic_fetch_add(&seen->mia, fake_has(ask, "mia"));
		if (fake_has(ask, "eva"))
			fake_entry(ask, EVA, eva);
		fake_result(ask, LDAP_RES_SEARCH_RESULT, 0, "");
	}
}

struct world {
	struct house h;
	struct conf *conf;
	struct signin signin;
	struct seen seen;
};

/* `directory`: one that knows eva alone. */
static void
begin(TALLOC_CTX *ctx, struct world *w, bool directory)
{
	TALLOC_CTX *first = ctx;
	struct err err;

	*w = (struct world){ .h = house(ctx) };
	assert_ok(conf_read(ctx, NULL, &w->conf, &err), &err);
	if (directory) {
		struct fake_ldap *server = fake_ldap(ctx, answer, &w->seen);

		w->conf->ldap_urls = server->url;
		w->conf->ldap_tls = "none";
		w->conf->ldap_bind_dn = "cn=us,dc=example";
		w->conf->ldap_bind_password = "our secret";
		w->conf->ldap_user_bases = "ou=people,dc=example";
		w->conf->ldap_user_filter = "(uid=%s)";
		first = server;		/* a child of the server: it ends first */
	}
	w->signin = (struct signin){ .db = w->h.db, .conf = w->conf };
	assert_ok(directory_new(first, w->conf, &w->signin.directory, &err), &err);
	attempts_forget_all();
}

static int64_t
cpu_ns(void)
{
	struct timespec t;

	assert_int_equal(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t), 0);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* What one refusal costs us.  Nothing is left of it, so that the next one is the first again. */
static int64_t
refusal(TALLOC_CTX *ctx, struct world *w, const char *name)
{
	int64_t begun = cpu_ns(), cost;
	struct person *p;
	struct err err;

	assert_false(signin_password(ctx, &w->signin, name, WRONG, "192.0.2.1", &p, &err));
	cost = cpu_ns() - begun;
	assert_int_equal(err.kind, ERR_SIGN_IN);
	assert_string_equal(err.code, "wrong_password");
	assert_string_equal(err.cause, "the name or the password is wrong");
	attempts_forget_all();
	assert_ok(db_run(w->h.db, &err, "UPDATE person SET failures = 0, locked_until = 0"), &err);
	return cost;
}

static int
by_size(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* Welch's t of two rows of n: their means are apart by so many of what chance would make. */
static double
apart(const int64_t *a, const int64_t *b, size_t n)
{
	const int64_t *rows[] = { a, b };
	double mean[2] = { 0 }, square[2] = { 0 };

	for (size_t r = 0; r < 2; r++) {
		for (size_t i = 0; i < n; i++)
			mean[r] += (double)rows[r][i] / (double)n;
		for (size_t i = 0; i < n; i++)
			square[r] += ((double)rows[r][i] - mean[r]) * ((double)rows[r][i] - mean[r]) / (double)(n - 1);
	}
	return fabs(mean[0] - mean[1]) / sqrt((square[0] + square[1]) / (double)n);
}

/* By turns, so that what the machine does besides it does to all: the medians are within 15 %.  Returns the largest t;
 * its rows are without the dearest tenth, which is the machine's. */
static double
cost_alike(TALLOC_CTX *ctx, struct world *w, const char *const *names, size_t n, size_t rounds)
{
	size_t kept = rounds - rounds / 10;
	int64_t *cost[4], least = INT64_MAX, most = 0;
	double t = 0;

	for (size_t i = 0; i < n; i++) {
		cost[i] = talloc_array(ctx, int64_t, rounds);
		refusal(ctx, w, names[i]);	/* what only the first one pays */
	}
	for (size_t round = 0; round < rounds; round++)
		for (size_t k = 0; k < n; k++) {
			size_t i = (round + k) % n;	/* nobody is always first */

			cost[i][round] = refusal(ctx, w, names[i]);
		}
	for (size_t i = 0; i < n; i++) {
		int64_t median;

		qsort(cost[i], rounds, sizeof **cost, by_size);
		median = cost[i][rounds / 2];
		print_message("%s: %lld us\n", names[i], (long long)median / 1000);
		least = median < least ? median : least;
		most = median > most ? median : most;
		for (size_t k = 0; k < i; k++)
			t = fmax(t, apart(cost[i], cost[k], kept));
	}
	print_message("t = %.2f over %zu each\n", t, rounds);
	if (most * 100 > least * 115)
		fail_msg("one costs %lld ns and another %lld", (long long)least, (long long)most);
	return t;
}

static void
a_name_that_nobody_has_costs_what_a_wrong_password_costs(void **state)
{
	static const char *const names[] = { "mia", "nobody" };
	struct world w;

	begin(*state, &w, false);
	cost_alike(*state, &w, names, 2, ROUNDS);
	if (!getenv("POMONA_WHOLE"))
		return;
	/* Chance alone says so once in a hundred times, and not twice. */
	if (cost_alike(*state, &w, names, 2, ROUNDS_WHOLE) > T_MOST && cost_alike(*state, &w, names, 2, ROUNDS_WHOLE) > T_MOST)
		fail_msg("a thousand tries tell them apart");
}

static void
beside_a_directory_local_names_its_own_and_unknown_ones_cost_alike(void **state)
{
	static const char *const names[] = { "mia", "nobody", "eva" };
	struct world w;

	begin(*state, &w, true);
	cost_alike(*state, &w, names, 3, ROUNDS);	/* no t-test: an entry that is there is read, some 1 % more */
}

/* How often the directory was asked since the last time. */
static void
assert_asked(struct world *w, int searches, int binds, int typed)
{
	assert_int_equal(atomic_exchange(&w->seen.searches, 0), searches);
	assert_int_equal(atomic_exchange(&w->seen.binds, 0), binds);
	assert_int_equal(atomic_exchange(&w->seen.typed, 0), typed);
	assert_int_equal(w->seen.mia, 0);
}

static void
a_refused_local_name_asks_the_directory_as_often_as_others_and_tells_it_nothing(void **state)
{
	static const char *const names[] = { "mia", "nobody", "eva" };
	struct world w;
	struct person *p;
	struct err err;

	begin(*state, &w, true);
	for (size_t i = 0; i < 3; i++) {
		refusal(*state, &w, names[i]);
		assert_asked(&w, 1, 1, i > 0);
	}
	/* whoever is right is not looked for there, and an empty password is for no server */
	assert_ok(signin_password(*state, &w.signin, "mia", PASSWORD, "192.0.2.1", &p, &err), &err);
	assert_false(signin_password(*state, &w.signin, "mia", "", "192.0.2.1", &p, &err));
	assert_asked(&w, 0, 0, 0);
	/* nor does a locked one get to a password: one of the directory does not either */
	assert_ok(db_run(w.h.db, &err, "UPDATE person SET failures = 9, locked_until = $1 WHERE name = 'mia'",
			 db_int(db_now().i + 100)), &err);
	assert_false(signin_password(*state, &w.signin, "mia", PASSWORD, "192.0.2.1", &p, &err));
	assert_int_equal(err.kind, ERR_RATE);
	assert_asked(&w, 1, 0, 0);
	for (int i = 0; i < ATTEMPTS_DIRECTORY_MAX; i++)
		assert_false(signin_password(*state, &w.signin, "eva", WRONG, "192.0.2.1", &p, &err));
	assert_asked(&w, ATTEMPTS_DIRECTORY_MAX, ATTEMPTS_DIRECTORY_MAX, ATTEMPTS_DIRECTORY_MAX);
	assert_false(signin_password(*state, &w.signin, "eva", WRONG, "192.0.2.1", &p, &err));
	assert_int_equal(err.kind, ERR_RATE);
	assert_asked(&w, 1, 0, 0);
}

/* A proxy's eva has the name here, so that the directory's is "eva (2)": its answer is about her, and her alone. */
static void
whom_active_directory_says_is_disabled_is_shut_out_by_the_login_and_no_namesake(void **state)
{
	struct world w;
	struct person *p;
	struct err err;

	begin(*state, &w, true);
	w.conf->ldap_bind_dn = w.conf->ldap_bind_password = "";
	w.conf->ldap_user_bind_template = "%s@corp.example.com";
	atomic_store(&w.seen.knows, true);
	assert_ok(people_from_proxy(*state, w.h.db, "eva", true, &p, &err), &err);
	assert_ok(signin_password(*state, &w.signin, "eva", PASSWORD, "192.0.2.1", &p, &err), &err);
	assert_string_equal(p->name, "eva (2)");
	atomic_store(&w.seen.disabled, true);
	assert_false(signin_password(*state, &w.signin, "eva", PASSWORD, "192.0.2.1", &p, &err));
	assert_string_equal(err.code, "account_disabled");
	assert_string_equal(sql_text(*state, &w.h, "SELECT name FROM person WHERE disabled"), "eva (2)");
	assert_int_equal(sql_int(&w.h, "SELECT count(*) FROM person WHERE disabled"), 1);
	atomic_store(&w.seen.disabled, false);
	assert_ok(signin_password(*state, &w.signin, "eva", PASSWORD, "192.0.2.1", &p, &err), &err);
	assert_int_equal(sql_int(&w.h, "SELECT count(*) FROM person WHERE disabled"), 0);
}

TESTS(a_name_that_nobody_has_costs_what_a_wrong_password_costs,
      beside_a_directory_local_names_its_own_and_unknown_ones_cost_alike,
      a_refused_local_name_asks_the_directory_as_often_as_others_and_tells_it_nothing,
      whom_active_directory_says_is_disabled_is_shut_out_by_the_login_and_no_namesake)
