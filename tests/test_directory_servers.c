/* Several servers of a directory, of which the first takes connections and is of no use. */
#include "tests/check_ldap.h"
#include <sys/socket.h>
#include "catalog/directory.h"
#include "core/conf.h"

#define EVA	"uid=eva,ou=people,dc=example"
#define ID	"0102030405060708090a0b0c0d0e0f10"

/* What the first server does. */
struct fault {
	ber_tag_t op;		/* from this request on ... */
	int code;		/* ... it answers this; 0: it hangs up; -1: it is silent */
	atomic_bool on;
};

static void
answer(const struct fake_ask *ask)
{
	static const char *const eva[] = { "entryUUID", "01020304-0506-0708-090a-0b0c0d0e0f10", "uid", "eva", NULL };
	const struct fault *fault = ask->arg;

	if (fault && fault->on && (ask->op == fault->op || fault->op == LDAP_REQ_BIND)) {
		if (fault->code > 0)
			fake_result(ask, ask->op == LDAP_REQ_BIND ? LDAP_RES_BIND : LDAP_RES_SEARCH_RESULT, fault->code, "not now");
		else if (!fault->code)
			shutdown(ask->fd, SHUT_RDWR);
		return;
	}
	if (ask->op == LDAP_REQ_BIND) {
		fake_result(ask, LDAP_RES_BIND, 0, "");
	} else if (ask->op == LDAP_REQ_SEARCH) {
		if (*ask->dn && !fake_has(ask, "member"))
			fake_entry(ask, EVA, eva);
		fake_result(ask, LDAP_RES_SEARCH_RESULT, 0, "");
	}
}

struct servers {
	struct fault fault;
	struct fake_ldap *one, *two;
	struct directory *directory;
};

static struct servers *
servers(TALLOC_CTX *ctx, ber_tag_t op, int code, const char *template)
{
	struct servers *s = mem_new(ctx, struct servers);
	struct conf *conf;
	struct err err;

	s->fault = (struct fault){ op, code, true };
	s->one = fake_ldap(ctx, answer, &s->fault);
	s->two = fake_ldap(ctx, answer, NULL);
	assert_ok(conf_read(ctx, NULL, &conf, &err), &err);
	conf->ldap_urls = mem_printf(ctx, "%s %s", s->one->url, s->two->url);
	conf->ldap_tls = "none";
	conf->ldap_user_bases = "ou=people,dc=example";
	conf->ldap_user_filter = "(uid=%s)";
	if (template) {
		conf->ldap_user_bind_template = template;
	} else {
		conf->ldap_bind_dn = "cn=us,dc=example";
		conf->ldap_bind_password = "our secret";
	}
	assert_ok(directory_new(s->one, conf, &s->directory, &err), &err);	/* ends before the servers */
	return s;
}

static bool
may(void *arg, const char *external_id, struct err *err)
{
	(void)arg, (void)external_id, (void)err;
	return true;
}

static bool
is_in(TALLOC_CTX *ctx, struct servers *s, struct err *err)
{
	struct directory_person *p;

	return directory_sign_in(ctx, s->directory, "eva", "right", may, NULL, &p, err) && strcmp(p->external_id, ID) == 0;
}

static void
what_the_first_server_cannot_do_is_asked_of_the_second(void **state)
{
	static const struct {
		ber_tag_t op;
		int code;
		const char *template;
	} cases[] = {
		{ LDAP_REQ_BIND, 0, NULL }, { LDAP_REQ_BIND, LDAP_BUSY, NULL }, { LDAP_REQ_BIND, LDAP_UNAVAILABLE, NULL },
		{ LDAP_REQ_BIND, LDAP_OTHER, NULL }, { LDAP_REQ_BIND, -1, NULL },
		{ LDAP_REQ_SEARCH, 0, NULL }, { LDAP_REQ_SEARCH, LDAP_UNAVAILABLE, NULL },
		{ LDAP_REQ_BIND, 0, "uid=%s,ou=people,dc=example" },
		{ LDAP_REQ_BIND, LDAP_UNAVAILABLE, "uid=%s,ou=people,dc=example" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		void *ctx = talloc_new(*state);
		struct servers *s = servers(ctx, cases[i].op, cases[i].code, cases[i].template);
		const char *const ids[] = { ID };
		size_t one = 1;
		struct directory_person *p;
		struct err err = { 0 };

		if (!is_in(ctx, s, &err))
			fail_msg("case %zu: %s", i, err.cause);
		/* the first is not asked again soon */
		for (int n = 0; n < 3; n++)
			assert_ok(is_in(ctx, s, &err), &err);
		assert_int_equal(s->one->connections, 1);
		if (!cases[i].template)
			assert_ok(directory_check(ctx, s->directory, ids, &one, &p, &err), &err);
		talloc_free(ctx);
	}
}

static void
the_hourly_check_goes_on_to_the_second_server_by_itself(void **state)
{
	struct servers *s = servers(*state, LDAP_REQ_SEARCH, 0, NULL);
	const char *const ids[] = { ID };
	size_t one = 1;
	struct directory_person *p;
	struct err err;

	assert_ok(directory_check(*state, s->directory, ids, &one, &p, &err), &err);
	assert_string_equal(p->name, "eva");
}

static void
a_server_that_refuses_our_password_is_not_passed_over(void **state)
{
	struct servers *s = servers(*state, LDAP_REQ_BIND, LDAP_INVALID_CREDENTIALS, NULL);
	struct err err;

	for (int n = 0; n < 2; n++) {
		assert_false(is_in(*state, s, &err));
		assert_string_equal(err.code, "directory_refuses");
	}
	assert_int_equal(s->two->connections, 0);
}

static void
connections_that_were_kept_to_a_server_that_began_anew_are_not_its_fault(void **state)
{
	struct servers *s = servers(*state, LDAP_REQ_SEARCH, 0, NULL);
	struct err err = { 0 };

	s->fault.on = false;
	assert_ok(is_in(*state, s, &err), &err);
	assert_int_equal(s->one->connections, 1);
	s->fault.on = true;	/* it hangs up at the next search, and on the connection made for it as well */
	assert_ok(is_in(*state, s, &err), &err);
	assert_int_equal(s->one->connections, 2);
	assert_int_equal(s->two->connections, 1);
}

static void
where_no_server_works_the_last_words_are_said_and_each_was_asked_once(void **state)
{
	struct servers *s = servers(*state, LDAP_REQ_BIND, LDAP_UNAVAILABLE, NULL);
	struct fault other = { LDAP_REQ_BIND, 0, true };
	struct fake_ldap *two = fake_ldap(*state, answer, &other);
	struct conf *conf;
	struct err err = { 0 };

	assert_ok(conf_read(*state, NULL, &conf, &err), &err);
	conf->ldap_urls = mem_printf(*state, "%s %s", s->one->url, two->url);
	conf->ldap_tls = "none";
	conf->ldap_user_bases = "ou=people,dc=example";
	conf->ldap_user_filter = "(uid=%s)";
	conf->ldap_bind_dn = "cn=us,dc=example";
	conf->ldap_bind_password = "our secret";
	assert_ok(directory_use(s->directory, conf, &err), &err);
	assert_false(is_in(*state, s, &err));
	assert_int_equal(err.kind, ERR_UPSTREAM);
	assert_non_null(strstr(err.cause, "bind: "));
	assert_int_equal(s->one->connections, 1);
	assert_int_equal(two->connections, 1);
	/* they come back */
	s->fault.on = false;
	assert_ok(is_in(*state, s, &err), &err);
}

TESTS(what_the_first_server_cannot_do_is_asked_of_the_second, the_hourly_check_goes_on_to_the_second_server_by_itself,
      a_server_that_refuses_our_password_is_not_passed_over,
      connections_that_were_kept_to_a_server_that_began_anew_are_not_its_fault,
      where_no_server_works_the_last_words_are_said_and_each_was_asked_once)
