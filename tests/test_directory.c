/* The directory: names in filters and DNs, settings, and answers that a real server cannot be made to give. */
#include "tests/check_ldap.h"
#include <dlfcn.h>
#include <netdb.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "catalog/directory.h"
#include "core/buf.h"
#include "core/resolve.h"

/* ---- a resolver that does not answer ---- */

static pthread_mutex_t resolver = PTHREAD_MUTEX_INITIALIZER;	/* held: it is silent */

/* In place of libc's, for the whole program. */
int
getaddrinfo(const char *host, const char *port, const struct addrinfo *want, struct addrinfo **ret)
{
	int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);

	if (host && strcmp(host, "silent.example.com") == 0 && !(want->ai_flags & AI_NUMERICHOST)) {
		pthread_mutex_lock(&resolver);
		pthread_mutex_unlock(&resolver);
		return EAI_FAIL;
	}
	*(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
	return real(host, port, want, ret);
}

/* ---- text ---- */

static const char *
escaped(TALLOC_CTX *ctx, void (*escape)(struct buf *, const char *), const char *text)
{
	struct buf buf;

	buf_init(&buf, ctx, 1000);
	escape(&buf, text);
	return buf_str(&buf);
}

static void
names_in_filters_and_dns_are_values_and_nothing_else(void **state)
{
	static const struct {
		const char *text, *filter, *dn;
	} cases[] = {
		{ "anna", "anna", "anna" },
		{ "*", "\\2a", "*" },
		{ "a)(uid=*", "a\\29\\28uid=\\2a", "a)(uid\\=*" },
		{ "we\\ird", "we\\5cird", "we\\\\ird" },
		{ " anna ", " anna ", "\\ anna\\ " },
		{ "#1", "#1", "\\#1" },
		{ "a,b+c\"d;e<f>g", "a,b+c\"d;e<f>g", "a\\,b\\+c\\\"d\\;e\\<f\\>g" },
		{ "Zo\xc3\xab", "Zo\xc3\xab", "Zo\xc3\xab" },
		{ "a\x01\x7f", "a\\01\\7f", "a\\01\\7f" },
		{ "", "", "" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		assert_string_equal(escaped(*state, directory_filter_value, cases[i].text), cases[i].filter);
		assert_string_equal(escaped(*state, directory_dn_value, cases[i].text), cases[i].dn);
	}
	assert_string_equal(directory_fill(*state, "(|(uid=%s)(mail=%s))", "a*", directory_filter_value),
			    "(|(uid=a\\2a)(mail=a\\2a))");
	assert_string_equal(directory_fill(*state, "%s@example.com", "a*", NULL), "a*@example.com");
	/* what the name says is not filled in again */
	assert_string_equal(directory_fill(*state, "(uid=%s)", "%s", directory_filter_value), "(uid=%s)");
}

static void
equal_dns_fold_to_equal_texts_and_others_do_not(void **state)
{
	static const struct {
		const char *a, *b;
		bool same;
	} cases[] = {
		{ "CN=Testers,OU=Groups,DC=example,DC=com", "cn=testers, ou=groups, dc=EXAMPLE, dc=com", true },
		{ "cn=Gro\xc3\x9f,dc=x", "cn=GROSS,dc=x", true },
		{ "cn=a\\,b,dc=x", "cn=a\\2cb,dc=x", true },
		{ "cn=a+ou=b,dc=x", "ou=b+cn=a,dc=x", true },
		{ "cn=a\\,b,dc=x", "cn=a,b=,dc=x", false },
		{ "cn=a,dc=x", "cn=a,dc=y", false },
		{ "cn=a\\00b,dc=x", "cn=a,dc=x", false },
		{ "cn=,dc=x", "cn=a,dc=x", false },
		{ "not a dn", "NOT A DN", true },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		bool same = strcmp(directory_dn_fold(*state, cases[i].a), directory_dn_fold(*state, cases[i].b)) == 0;

		if (same != cases[i].same)
			fail_msg("%s and %s", cases[i].a, cases[i].b);
	}
}

/* ---- settings ---- */

static struct conf *
settings(TALLOC_CTX *ctx, const char *url)
{
	struct conf *conf;
	struct err err;

	assert_ok(conf_read(ctx, NULL, &conf, &err), &err);
	conf->ldap_urls = url;
	conf->ldap_tls = "none";
	conf->ldap_bind_dn = "cn=us,dc=example";
	conf->ldap_bind_password = "our secret";
	conf->ldap_user_bases = "ou=people,dc=example";
	conf->ldap_user_filter = "(uid=%s)";
	return conf;
}

static void
settings_that_cannot_work_are_refused_by_name(void **state)
{
	struct conf *good = settings(*state, "ldap://127.0.0.1"), bad;
	struct directory *directory;
	struct err err;

#define REFUSED(field, value, words) do { \
		bad = *good; \
		bad.ldap_##field = value; \
		assert_false(directory_new(*state, &bad, &directory, &err)); \
		if (!strstr(err.cause, words)) \
			fail_msg("%s", err.cause); \
	} while (0)

	assert_ok(directory_new(*state, good, &directory, &err), &err);
	REFUSED(urls, "ldaps://127.0.0.1", "does not begin with ldap://");
	REFUSED(urls, "ldap:///", "is not like");
	REFUSED(urls, "http://127.0.0.1", "is not like");
	REFUSED(urls, "ldap://a ldap://b ldap://c ldap://d ldap://e ldap://f ldap://g ldap://h ldap://i", "more than 8");
	REFUSED(tls, "maybe", "not one of");
	REFUSED(nested, "maybe", "not one of");
	REFUSED(bind_password, "", "ldap.bind_password is empty");
	REFUSED(bind_dn, "", "ldap.bind_dn is empty");
	REFUSED(user_bases, "", "ldap.user_bases is empty");
	REFUSED(user_bases, "people", "is no DN");
	REFUSED(user_filter, "(uid=x)", "no %s");
	REFUSED(user_filter, "uid=%s", "is no filter");
	REFUSED(user_filter, "(uid=%s))(", "is no filter");
	REFUSED(user_filter, "(uid=%s)(cn=%s)", "is no filter");
	REFUSED(user_bind_template, "anna@example.com", "no %s");
	REFUSED(client_cert, "/dev/null", "go together");
	bad = *good;
	bad.ldap_admin_groups = " cn=a\\;b,dc=example ; cn=c,dc=example;;";
	assert_ok(directory_new(*state, &bad, &directory, &err), &err);
	/* without servers there is no directory, whatever else is set */
	bad.ldap_urls = "";
	bad.ldap_user_bases = "";
	assert_ok(directory_new(*state, &bad, &directory, &err), &err);
}

/* ---- a server that says what it likes ---- */

struct script {
	const char *user_words;		/* what the person's bind is refused with; NULL: it is right */
	const char *const *entry;	/* the person's; NULL: there is none */
	bool ad;
	atomic_int group_searches, user_binds, rule_1941;
	int people_code;		/* how the search of people ends */
	const char *nonsense;		/* sent instead of any answer */
	size_t nonsense_len;
};

#define ANNA	"CN=Anna (QA)*,OU=People,DC=example"
#define GUID	"hex:0102030405060708090a0b0c0d0e0f10"

static const char *const anna[] = { "objectGUID", GUID, "sAMAccountName", "anna", "userAccountControl", "512", NULL };

static void
answer_search(const struct fake_ask *ask, struct script *script)
{
	static const char *const caps[] = { "supportedCapabilities", "1.2.840.113556.1.4.800", NULL };
	static const char *const none[] = { "supportedCapabilities", "1.2.3", NULL };
	static const char *const testers[] = { "cn", "Testers", "objectGUID", "hex:f1f2f3f4f5f6f7f8f9fafbfcfdfeff00", NULL };
	static const char *const admins[] = { "cn", "Admins", NULL };
	int code = 0;

	if (!*ask->dn) {
		fake_entry(ask, "", script->ad ? caps : none);
	} else if (fake_has(ask, "uid") && !fake_has(ask, "member")) {
		if (script->entry)
			fake_entry(ask, ANNA, script->entry);
		code = script->people_code;
	} else {
		atomic_fetch_add(&script->group_searches, 1);
		/* the DN is in the request as bytes, whatever letters it has */
		if (fake_has(ask, "1.2.840.113556.1.4.1941") && fake_has(ask, ANNA)) {
			atomic_fetch_add(&script->rule_1941, 1);
			fake_entry(ask, "CN=Testers,OU=Groups,DC=example", testers);
			fake_entry(ask, "CN=Admins,OU=Groups,DC=example", admins);
		}
	}
	fake_result(ask, LDAP_RES_SEARCH_RESULT, code, "");
}

static void
answer(const struct fake_ask *ask)
{
	struct script *script = ask->arg;

	if (script->nonsense) {
		(void)!write(ask->fd, script->nonsense, script->nonsense_len);
	} else if (ask->op == LDAP_REQ_SEARCH) {
		answer_search(ask, script);
	} else if (ask->op == LDAP_REQ_BIND && strcmp(ask->dn, "cn=us,dc=example") == 0) {
		fake_result(ask, LDAP_RES_BIND, 0, "");
	} else if (ask->op == LDAP_REQ_BIND) {
		bool right = (strcmp(ask->dn, ANNA) == 0 || strcmp(ask->dn, "anna@corp.example.com") == 0) &&
			     strcmp(ask->password, "right") == 0;

		atomic_fetch_add(&script->user_binds, 1);
		fake_result(ask, LDAP_RES_BIND, right && !script->user_words ? 0 : LDAP_INVALID_CREDENTIALS,
			    script->user_words ? script->user_words : "");
	}
}

static bool
may(void *arg, const char *external_id, struct err *err)
{
	(void)arg, (void)external_id, (void)err;
	return true;
}

static struct directory *
asked(TALLOC_CTX *ctx, struct script *script, struct fake_ldap **server)
{
	struct directory *d;
	struct conf *conf;
	struct err err;

	*server = fake_ldap(ctx, answer, script);
	conf = settings(ctx, (*server)->url);
	conf->ldap_admin_groups = "cn=admins, ou=GROUPS, dc=example";
	/* a child of the server: it ends first */
	assert_ok(directory_new(*server, conf, &d, &err), &err);
	return d;
}

static void
active_directory_walks_nested_groups_itself(void **state)
{
	struct script script = { .ad = true, .entry = anna };
	struct fake_ldap *server;
	struct directory *d = asked(*state, &script, &server);
	struct directory_person *p;
	struct err err;

	assert_ok(directory_sign_in(*state, d, "anna", "right", may, NULL, &p, &err), &err);
	assert_string_equal(p->external_id, "0102030405060708090a0b0c0d0e0f10");
	assert_int_equal(p->groups_n, 2);
	assert_string_equal(p->groups[0].external_id, "f1f2f3f4f5f6f7f8f9fafbfcfdfeff00");
	assert_null(p->groups[1].external_id);
	assert_int_equal(p->role, ROLE_ADMIN);
	assert_int_equal(script.group_searches, 1);
	assert_int_equal(script.rule_1941, 1);
	/* the next one takes the same connection, and knows what the server is */
	assert_ok(directory_sign_in(*state, d, "anna", "right", may, NULL, &p, &err), &err);
	assert_int_equal(server->connections, 1);
}

static void
other_directories_are_walked_step_by_step(void **state)
{
	struct script script = { .ad = false, .entry = anna };
	struct fake_ldap *server;
	struct directory *d = asked(*state, &script, &server);
	struct directory_person *p;
	struct err err;

	assert_ok(directory_sign_in(*state, d, "anna", "right", may, NULL, &p, &err), &err);
	assert_int_equal(p->groups_n, 0);
	assert_int_equal(script.rule_1941, 0);
	assert_int_equal(script.group_searches, 1);
}

static void
active_directory_says_why_behind_the_right_password(void **state)
{
	static const struct {
		const char *data, *code;
	} cases[] = {
		{ "52e", "wrong_password" }, { "525", "wrong_password" }, { "775", "wrong_password" },
		{ "532", "password_expired" }, { "773", "password_expired" }, { "533", "account_disabled" },
		{ "701", "account_disabled" },
	};
	struct script script = { .ad = true, .entry = anna };
	struct fake_ldap *server;
	struct directory *d = asked(*state, &script, &server);
	struct directory_person *p;
	struct err err;

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		script.user_words = mem_printf(*state, "80090308: LdapErr: DSID-0C090449, comment: AcceptSecurityContext error, "
					       "data %s, v4563", cases[i].data);
		assert_false(directory_sign_in(*state, d, "anna", "right", may, NULL, &p, &err));
		assert_int_equal(err.kind, ERR_SIGN_IN);
		assert_string_equal(err.code, cases[i].code);
		/* who is disabled is told along: they are shut out here */
		if (strcmp(err.code, "account_disabled") == 0)
			assert_string_equal(p->disabled, DIRECTORY_SAYS_SO);
		else
			assert_null(p);
	}
}

static void
a_refused_bind_of_their_own_tells_as_whom_they_bound(void **state)
{
	struct script script = { .ad = true, .entry = anna };
	struct fake_ldap *server = fake_ldap(*state, answer, &script);
	struct conf *conf = settings(*state, server->url);
	struct directory *d;
	struct directory_person *p;
	struct err err;

	conf->ldap_user_bind_template = "%s@corp.example.com";
	assert_ok(directory_new(server, conf, &d, &err), &err);
	assert_ok(directory_sign_in(*state, d, "anna", "right", may, NULL, &p, &err), &err);
	assert_string_equal(p->login, "anna@corp.example.com");
	assert_non_null(p->external_id);
	script.user_words = "80090308: LdapErr: DSID-0C090449, comment: AcceptSecurityContext error, data 533, v4563";
	assert_false(directory_sign_in(*state, d, "anna", "right", may, NULL, &p, &err));
	assert_string_equal(err.code, "account_disabled");
	assert_string_equal(p->login, "anna@corp.example.com");
	assert_string_equal(p->disabled, DIRECTORY_SAYS_SO);
	assert_null(p->external_id);
	/* who only mistyped, or is to change a password, is not disabled */
	script.user_words = "80090308: LdapErr: DSID-0C090449, comment: AcceptSecurityContext error, data 773, v4563";
	assert_false(directory_sign_in(*state, d, "anna", "right", may, NULL, &p, &err));
	assert_null(p);
}

static void
accounts_that_the_entry_disables_stay_out(void **state)
{
	static const struct {
		const char *attribute, *value;
		bool in;
	} cases[] = {
		{ "userAccountControl", "514", false }, { "userAccountControl", "66048", true },
		{ "accountExpires", "132223104000000000", false }, { "accountExpires", "0", true },
		{ "accountExpires", "9223372036854775807", true }, { "accountExpires", "-1", true },
		{ "nsAccountLock", "TRUE", false }, { "nsAccountLock", "false", true },
		{ "loginDisabled", "true", false },
		{ "pwdAccountLockedTime", "000001010000Z", false },
		{ "pwdAccountLockedTime", "20261122120000Z", true },	/* passes by itself */
		{ "shadowExpire", "1", false }, { "shadowExpire", "-1", true }, { "shadowExpire", "999999", true },
		{ "shadowExpire", "perhaps", true },
	};
	struct script script = { .ad = true };
	struct fake_ldap *server;
	struct directory *d = asked(*state, &script, &server);

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const char *const entry[] = { "objectGUID", GUID, "cn", "anna", cases[i].attribute, cases[i].value, NULL };
		struct directory_person *p;
		struct err err = { 0 };
		bool in;

		script.entry = entry;
		in = directory_sign_in(*state, d, "anna", "right", may, NULL, &p, &err);
		if (in != cases[i].in)
			fail_msg("%s %s: %s", cases[i].attribute, cases[i].value, err.cause);
		if (!in) {
			assert_string_equal(err.code, "account_disabled");
			assert_string_equal(p->external_id, "0102030405060708090a0b0c0d0e0f10");
			assert_string_equal(p->disabled, cases[i].attribute);
		}
	}
}

static void
an_empty_password_and_a_name_that_is_none_reach_no_server(void **state)
{
	struct script script = { .entry = anna };
	struct fake_ldap *server;
	struct directory *d = asked(*state, &script, &server);
	struct directory_person *p;
	struct err err;
	char *long_name = mem_size(*state, DIRECTORY_NAME_MAX + 2);

	memset(long_name, 'a', DIRECTORY_NAME_MAX + 1);
	long_name[DIRECTORY_NAME_MAX + 1] = '\0';
	assert_false(directory_sign_in(*state, d, "anna", "", may, NULL, &p, &err));
	assert_string_equal(err.code, "wrong_password");
	assert_false(directory_sign_in(*state, d, "", "right", may, NULL, &p, &err));
	assert_false(directory_sign_in(*state, d, "\xff", "right", may, NULL, &p, &err));
	assert_false(directory_sign_in(*state, d, long_name, "right", may, NULL, &p, &err));
	assert_int_equal(server->connections, 0);
	/* a name that nobody has costs a bind like any other */
	script.entry = NULL;
	assert_false(directory_sign_in(*state, d, "nobody", "right", may, NULL, &p, &err));
	assert_string_equal(err.code, "wrong_password");
	assert_int_equal(script.user_binds, 1);
}

static void
an_entry_without_an_id_or_a_server_that_refers_elsewhere_is_trouble_and_not_absence(void **state)
{
	static const char *const nameless[] = { "cn", "anna", NULL };
	static const char *const odd_id[] = { "cn", "anna", "entryUUID", "no-uuid", "objectGUID", "hex:0102", NULL };
	static const int codes[] = { LDAP_REFERRAL, LDAP_NO_SUCH_OBJECT, LDAP_INSUFFICIENT_ACCESS, LDAP_BUSY,
				     LDAP_TIMELIMIT_EXCEEDED, LDAP_SIZELIMIT_EXCEEDED };
	struct script script = { .entry = nameless };
	struct fake_ldap *server;
	struct directory *d = asked(*state, &script, &server);
	const char *const ids[] = { "0102030405060708090a0b0c0d0e0f10" };
	size_t one = 1;
	struct directory_person *p;
	struct err err;

	assert_false(directory_sign_in(*state, d, "anna", "right", may, NULL, &p, &err));
	assert_int_equal(err.kind, ERR_UPSTREAM);
	script.entry = odd_id;
	assert_false(directory_sign_in(*state, d, "anna", "right", may, NULL, &p, &err));
	assert_int_equal(err.kind, ERR_UPSTREAM);
	script.entry = NULL;
	for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
		script.people_code = codes[i];
		assert_false(directory_sign_in(*state, d, "anna", "right", may, NULL, &p, &err));
		assert_int_equal(err.kind, ERR_UPSTREAM);
		/* nobody may be signed out because of it */
		assert_false(directory_check(*state, d, ids, &one, &p, &err));
		assert_int_equal(err.kind, ERR_UPSTREAM);
	}
}

static void
a_server_whose_name_is_not_resolved_in_time_is_passed_over(void **state)
{
	struct script script = { .ad = true, .entry = anna };
	struct fake_ldap *server = fake_ldap(*state, answer, &script);
	struct conf *conf = settings(*state, mem_printf(*state, "ldap://silent.example.com %s", server->url));
	struct directory *d;
	struct directory_person *p;
	struct addrinfo *list;
	struct err err;

	pthread_mutex_lock(&resolver);
	assert_ok(directory_new(server, conf, &d, &err), &err);
	assert_ok(directory_sign_in(*state, d, "anna", "right", may, NULL, &p, &err), &err);
	conf = settings(*state, "ldap://silent.example.com");
	assert_ok(directory_use(d, conf, &err), &err);
	assert_false(directory_sign_in(*state, d, "anna", "right", may, NULL, &p, &err));
	assert_string_equal(err.code, "directory_down");
	/* nor do those that wait grow without end */
	for (int i = 0; i < 2 * RESOLVE_MAX; i++)
		assert_int_equal(resolve("silent.example.com", "389", 0, 1, &list), EAI_AGAIN);
	assert_int_equal(resolve("localhost", "389", 0, 60000, &list), EAI_AGAIN);
	assert_int_equal(resolve("127.0.0.1", "389", 0, 0, &list), 0);
	freeaddrinfo(list);
	pthread_mutex_unlock(&resolver);
	while (resolve("localhost", "389", 0, 60000, &list) == EAI_AGAIN)
		usleep(1000);	/* they end once it has answered */
	freeaddrinfo(list);
}

static void
nonsense_ends_the_connection_and_nothing_else(void **state)
{
	static const struct {
		const char *p;
		size_t len;
		bool waits;	/* ten seconds, for the rest of it */
	} cases[] = {
		{ "HTTP/1.1 400 Bad Request\r\n\r\n", 28, true },
		{ "\x30\x80\x00\x00", 4 },
		{ "\x30\x84\x7f\xff\xff\xff", 6, true },		/* a message of two gigabytes */
		{ "\x30\x05\x02\x01\x01\x61\x00", 7 },		/* a bind response with nothing in it */
		{ "\x30\x0c\x02\x01\x01\x61\x07\x0a\x01\x00\x04\x7f\x04\x00", 14 },	/* lengths past its end */
		{ "\x00\x00\x00\x00", 4 },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		void *ctx = talloc_new(*state);
		struct script script = { .nonsense = cases[i].p, .nonsense_len = cases[i].len };
		struct fake_ldap *server;
		struct directory *d = asked(ctx, &script, &server);
		struct directory_person *p;
		struct err err;

		if (cases[i].waits && !getenv("POMONA_WHOLE")) {
			talloc_free(ctx);
			continue;
		}
		assert_false(directory_sign_in(ctx, d, "anna", "right", may, NULL, &p, &err));
		assert_int_equal(err.kind, ERR_UPSTREAM);
		talloc_free(ctx);
	}
}

/* ---- pages ---- */

#define PEOPLE	DIRECTORY_BATCH

static void
answer_pages(const struct fake_ask *ask)
{
	int *pages = ask->arg, from, to;

	if (ask->op != LDAP_REQ_SEARCH) {
		fake_result(ask, LDAP_RES_BIND, 0, "");
		return;
	}
	if (!*ask->dn || fake_has(ask, "member")) {
		fake_result(ask, LDAP_RES_SEARCH_RESULT, 0, "");
		return;
	}
	from = *pages * (PEOPLE / 5);
	to = from + PEOPLE / 5;
	for (int i = from; i < to; i++) {
		char id[40], dn[40];
		const char *const entry[] = { "cn", dn, "entryUUID", id, NULL };

		snprintf(dn, sizeof dn, "uid=p%d,ou=people,dc=example", i);
		snprintf(id, sizeof id, "%08X-0000-4000-8000-000000000000", (unsigned)i);
		fake_entry(ask, dn, entry);
	}
	++*pages;
	fake_page(ask, *pages < 5 ? "more" : "");
}

static void
every_page_of_an_answer_is_read(void **state)
{
	int pages = 0;
	struct fake_ldap *server = fake_ldap(*state, answer_pages, &pages);
	struct directory_person *people[PEOPLE];
	const char *ids[PEOPLE];
	size_t n = PEOPLE;
	struct directory *d;
	struct err err;

	assert_ok(directory_new(server, settings(*state, server->url), &d, &err), &err);
	for (int i = 0; i < PEOPLE; i++)
		ids[i] = mem_printf(*state, "%08x000040008000000000000000", (unsigned)i);
	assert_ok(directory_check(*state, d, ids, &n, people, &err), &err);
	assert_int_equal(pages, 5);
	for (int i = 0; i < PEOPLE; i++)
		assert_string_equal(people[i]->external_id, ids[i]);
}

TESTS(names_in_filters_and_dns_are_values_and_nothing_else, equal_dns_fold_to_equal_texts_and_others_do_not,
      settings_that_cannot_work_are_refused_by_name, active_directory_walks_nested_groups_itself,
      other_directories_are_walked_step_by_step, active_directory_says_why_behind_the_right_password,
      a_refused_bind_of_their_own_tells_as_whom_they_bound,
      accounts_that_the_entry_disables_stay_out, an_empty_password_and_a_name_that_is_none_reach_no_server,
      an_entry_without_an_id_or_a_server_that_refers_elsewhere_is_trouble_and_not_absence,
      a_server_whose_name_is_not_resolved_in_time_is_passed_over, nonsense_ends_the_connection_and_nothing_else, every_page_of_an_answer_is_read)
