/* The hourly check of whom the directory cannot answer about: nobody else waits for them. */
#include <sys/socket.h>
#include "catalog/directory.h"
#include "catalog/people.h"
#include "catalog/session.h"
#include "catalog/signin.h"
#include "core/conf.h"
#include "tests/check_house.h"
#include "tests/check_ldap.h"

/* bad is the one it has trouble with, ever is well, and fired is gone. */
#define BAD	"01020304-0506-0708-090a-0b0c0d0e0f10"
#define EVER	"21020304-0506-0708-090a-0b0c0d0e0f10"

struct script {
	int code;		/* of the search for bad's groups; 0: it hangs up */
	bool long_dn, nameless, disabled;
	atomic_int broken;	/* times that it hung up */
};

static void
answer(const struct fake_ask *ask)
{
	struct script *script = ask->arg;
	const char *const bad[] = { script->nameless ? "x" : "entryUUID", BAD, "uid", "bad", "nsAccountLock",
				    script->disabled ? "TRUE" : "FALSE", NULL };
	static const char *const ever[] = { "entryUUID", EVER, "uid", "ever", "displayName", "Ever After", NULL };
	char dn[2200];

	if (ask->op == LDAP_REQ_BIND) {
		fake_result(ask, LDAP_RES_BIND, 0, "");
		return;
	}
	if (ask->op != LDAP_REQ_SEARCH)
		return;
	if (fake_has(ask, "uid=bad,ou=people")) {
		if (script->code) {
			fake_result(ask, LDAP_RES_SEARCH_RESULT, script->code, "");
		} else {
			atomic_fetch_add(&script->broken, 1);
			shutdown(ask->fd, SHUT_RDWR);
		}
		return;
	}
	if (fake_has(ask, BAD)) {
		snprintf(dn, sizeof dn, "uid=bad%.*d,ou=people,dc=example", script->long_dn ? 2048 : 1, 0);
		fake_entry(ask, script->long_dn ? dn : "uid=bad,ou=people,dc=example", bad);
	}
	if (fake_has(ask, EVER))
		fake_entry(ask, "uid=ever,ou=people,dc=example", ever);
	fake_result(ask, LDAP_RES_SEARCH_RESULT, 0, "");
}

struct scene {
	struct house house;
	struct signin signin;
	struct script script;
	char *cookie;
};

static struct person *
known(TALLOC_CTX *ctx, struct db *db, const char *id, const char *name)
{
	const struct directory_person from = { .external_id = id, .dn = "uid=x,dc=example", .name = name, .display = "", .email = "",
					       .phone = "", .allowed = true };
	struct person *ret;
	struct err err;

	assert_ok(people_from_directory(ctx, db, &from, &ret, &err), &err);
	return ret;
}

static struct scene *
scene(TALLOC_CTX *ctx, struct script script)
{
	struct scene *s = mem_new(ctx, struct scene);
	struct fake_ldap *server;
	struct conf *conf;
	struct err err;

	s->house = house(ctx);
	s->script = script;
	server = fake_ldap(ctx, answer, &s->script);
	assert_ok(conf_read(ctx, NULL, &conf, &err), &err);
	conf->ldap_urls = server->url;
	conf->ldap_tls = "none";
	conf->ldap_bind_dn = "cn=us,dc=example";
	conf->ldap_bind_password = "our secret";
	conf->ldap_user_bases = "ou=people,dc=example";
	conf->ldap_user_filter = "(uid=%s)";
	conf->ldap_nested = "off";
	s->signin = (struct signin){ .db = s->house.db, .conf = conf };
	assert_ok(directory_new(server, conf, &s->signin.directory, &err), &err);
	known(ctx, s->house.db, "0102030405060708090a0b0c0d0e0f10", "bad");
	known(ctx, s->house.db, "2102030405060708090a0b0c0d0e0f10", "ever");
	assert_ok(session_new(ctx, s->house.db, known(ctx, s->house.db, "11111111111111111111111111111111", "fired"), &s->cookie,
			      &err), &err);
	sql(&s->house, "UPDATE person SET id = CASE name WHEN 'bad' THEN '0a' WHEN 'ever' THEN '0b' ELSE id END WHERE name IN"
	    " ('bad', 'ever')");	/* the bad one comes first */
	return s;
}

/* A whole round; how many pages it took. */
static int
round_of(struct scene *s)
{
	void *ctx = talloc_new(NULL);
	char *next = mem_text(ctx, "");
	int64_t ended;
	struct err err;
	int n = 0;

	do {
		assert_true(n++ < 5);
		assert_ok(signin_check_page(ctx, &s->signin, next, &next, &ended, &err), &err);
	} while (*next);
	talloc_free(ctx);
	return n;
}

static bool
is_out(struct scene *s, const char *name)
{
	void *ctx = talloc_new(NULL);
	bool out = sql_int(&s->house, mem_printf(ctx, "SELECT disabled FROM person WHERE name = '%s'", name)) != 0;

	talloc_free(ctx);
	return out;
}

static void
whom_the_directory_cannot_answer_about_keeps_nobody_elses_check(void **state)
{
	static const struct script cases[] = {
		{ .code = LDAP_TIMELIMIT_EXCEEDED }, { .code = LDAP_SIZELIMIT_EXCEEDED }, { .code = LDAP_ADMINLIMIT_EXCEEDED },
		{ .code = LDAP_OTHER }, { .code = LDAP_UNAVAILABLE }, { .code = 0 }, { .long_dn = true }, { .nameless = true },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		void *ctx = talloc_new(*state);
		struct scene *s = scene(ctx, cases[i]);

		for (int hour = 0; hour < 2; hour++) {
			set_now(&s->house, mem_printf(ctx, "2026-11-22T%02d:30:00Z", 12 + hour));
			round_of(s);
		}
		assert_false(is_out(s, "bad"));
		assert_int_equal(sql_int(&s->house, "SELECT missed FROM person WHERE name = 'bad'"), 0);
		assert_string_equal(sql_text(ctx, &s->house, "SELECT display FROM person WHERE name = 'ever'"), "Ever After");
		/* an entry that nobody knows whose it is may be that of whoever was not found */
		assert_int_equal(is_out(s, "fired"), !cases[i].nameless);
		assert_int_equal(s->script.broken, cases[i].code || cases[i].long_dn || cases[i].nameless ? 0 : 2);
		talloc_free(ctx);
	}
}

static void
who_is_disabled_is_out_whatever_can_be_told_of_their_groups(void **state)
{
	static const struct script cases[] = {
		{ .code = LDAP_TIMELIMIT_EXCEEDED, .disabled = true }, { .long_dn = true, .disabled = true },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		void *ctx = talloc_new(*state);
		struct scene *s = scene(ctx, cases[i]);

		assert_int_equal(round_of(s), 1);
		assert_true(is_out(s, "bad"));
		talloc_free(ctx);
	}
}

/* A hundred people have the name, so that what the directory calls this one cannot be kept. */
static void
whoever_cannot_be_written_keeps_nobody_elses_check(void **state)
{
	struct scene *s = scene(*state, (struct script){ .code = LDAP_SUCCESS });

	s->script.code = LDAP_TIMELIMIT_EXCEEDED;	/* of bad's groups: not what this is about */
	sql(&s->house, "WITH RECURSIVE x(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM x WHERE i < 99) INSERT INTO person (id, name,"
	    " folded, words, role, password, source, created) SELECT 'n' || i, n, n, n, 'member', '', 'local', 0 FROM (SELECT i,"
	    " CASE i WHEN 1 THEN 'ever' ELSE 'ever (' || i || ')' END AS n FROM x WHERE i > 1)");
	sql(&s->house, "UPDATE person SET name = 'was', folded = 'was' WHERE name = 'ever'");
	sql(&s->house, "INSERT INTO person (id, name, folded, words, role, password, source, created) VALUES ('n1', 'ever', 'ever',"
	    " 'ever', 'member', '', 'local', 0)");
	round_of(s);
	set_now(&s->house, "2026-11-22T13:30:00Z");
	round_of(s);
	assert_string_equal(sql_text(*state, &s->house, "SELECT display FROM person WHERE name = 'was'"), "");
	assert_true(is_out(s, "fired"));
}

TESTS(whom_the_directory_cannot_answer_about_keeps_nobody_elses_check,
      who_is_disabled_is_out_whatever_can_be_told_of_their_groups, whoever_cannot_be_written_keeps_nobody_elses_check)
