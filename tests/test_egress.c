/* Where the server may connect to: URLs in every disguise, and names that answer differently twice. */
#include "tests/check.h"
#include <arpa/inet.h>
#include <dlfcn.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include "core/egress.h"
#include "core/num.h"

static pthread_mutex_t resolver = PTHREAD_MUTEX_INITIALIZER;	/* held: it is silent */
static atomic_bool answered;		/* in the end, to nobody any more */

/* In place of libc's, for the whole program. */
int
getaddrinfo(const char *host, const char *port, const struct addrinfo *want, struct addrinfo **ret)
{
	int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);

	if (host && strcmp(host, "silent.example.com") == 0 && !(want->ai_flags & AI_NUMERICHOST)) {
		pthread_mutex_lock(&resolver);
		pthread_mutex_unlock(&resolver);
		atomic_store(&answered, true);
		return EAI_FAIL;
	}
	*(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
	return real(host, port, want, ret);
}

/* What each name answers, one list a call; the last goes on. */
static const char *answers[4];
static int asked;

static bool
answer(const char *host, unsigned char ips[][16], size_t *n, struct err *err)
{
	const char *list = answers[asked < 3 && answers[asked + 1] ? asked++ : asked];

	*n = 0;
	for (const char *p = list; *p; p += strspn(p, " ")) {
		char one[NET_TEXT_SIZE];
		size_t len = strcspn(p, " ");

		snprintf(one, sizeof one, "%.*s", (int)len, p);
		if (!net_ip(one, ips[(*n)++]))
			fail_msg("%s", one);
		p += len;
	}
	return *n || err_set(err, ERR_UPSTREAM, "the name %s has no address", host);
}

/* As a person would type it into a form. */
static bool
typed(TALLOC_CTX *ctx, const char *url, const char *allow, struct egress **ret, struct err *err)
{
	struct egress_rules rules = { .schemes = "https http", .allow = allow, .resolve = answer };

	asked = 0;
	return egress_open(ctx, &rules, url, ret, err);
}

static void
answers_are(const char *first, const char *second)
{
	answers[0] = first;
	answers[1] = second;
	answers[2] = NULL;
	asked = 0;
}

static void
no_form_of_a_url_leads_inside(void **state)
{
	static const char *const urls[] = {
		/* loopback and friends, in every notation that some reader takes for an address */
		"https://127.0.0.1/", "https://127.1/", "https://127.0.1/", "https://2130706433/", "https://0x7f000001/",
		"https://0x7f.0.0.1/", "https://0x7f.1/", "https://0177.0.0.1/", "https://017700000001/",
		"https://127.0.0.01/", "https://127.000.000.001/", "https://0/", "https://0.0.0.0/", "https://00/",
		"https://1.2.3/", "https://1.2.3.4.5/", "https://256.1.1.1/", "https://4294967297/", "https://127.0.0.1./",
		"https://127.0.0.0x1/", "https://1.0x/",
		"https://[::1]/", "https://[::]/", "https://[0:0:0:0:0:0:0:1]/", "https://[::ffff:127.0.0.1]/",
		"https://[::ffff:7f00:1]/", "https://[::127.0.0.1]/", "https://[64:ff9b::7f00:1]/",
		"https://[64:ff9b::10.0.0.1]/", "https://[64:ff9b:1::1]/", "https://[2002:7f00:1::]/",
		"https://[2002:c0a8:101::1]/", "https://[2001:0:4136:e378:8000:63bf:3fff:fdd2]/",
		"https://[fe80::1]/", "https://[fe80::1%25eth0]/", "https://[fe80::1%eth0]/", "https://[fc00::1]/",
		"https://[fd00:ec2::254]/", "https://[ff02::1]/", "https://[2001:db8::1]/", "https://[3fff::1]/",
		"https://[fec0::1]/", "https://[100::1]/", "https://[::1]:443.example.com/", "https://[::1/",
		"https://::1/", "https://[127.0.0.1]/", "https://[]/",
		/* private, shared, link-local, metadata, multicast, documentation, reserved */
		"https://10.0.0.1/", "https://10.255.255.255/", "https://172.16.0.1/", "https://172.31.255.255/",
		"https://192.168.0.1/", "https://100.64.0.1/", "https://100.127.255.255/", "https://100.100.100.200/",
		"https://169.254.169.254/latest/meta-data/", "https://169.254.0.1/", "https://168.63.129.16/",
		"https://192.0.0.192/", "https://192.0.2.1/", "https://198.51.100.7/", "https://203.0.113.9/",
		"https://198.18.0.1/", "https://198.19.255.255/", "https://192.88.99.1/", "https://224.0.0.1/",
		"https://239.255.255.255/", "https://240.0.0.1/", "https://255.255.255.255/", "https://0.1.2.3/",
		/* who is the host? */
		"https://apps.example.com@10.0.0.1/", "https://10.0.0.1@apps.example.com/", "https://a:b@apps.example.com/",
		"https://apps.example.com:443@10.0.0.1/", "https://apps.example.com\\@10.0.0.1/",
		"https://apps.example.com#@10.0.0.1/", "https://apps.example.com%2f@10.0.0.1/",
		"https://apps.example.com%00.example.net/", "https://apps.example.com\t/", "https://apps.example.com\n.net/",
		"https:// apps.example.com/", "https://apps.example.com /", "https://apps_x.example.com/",
		"https://-apps.example.com/", "https://apps-.example.com/", "https://apps..example.com/",
		"https://.example.com/", "https://apps.example.com./", "https://", "https:///etc/passwd", "https:///",
		"https://?a", "https://1２7.0.0.1/", "https://①②⑦.⓪.⓪.①/", "https://bücher.example/",
		"https://apps.example.com:/", "https://apps.example.com:0/", "https://apps.example.com:65536/",
		"https://apps.example.com:44a/", "https://apps.example.com:-1/", "https://apps.example.com:443:443/",
		"https://apps.example.com:+443/",
		/* what is no https */
		"http://93.184.216.34/", "http://apps.example.com/", "ftp://apps.example.com/", "file:///etc/passwd",
		"gopher://apps.example.com/", "javascript:alert(1)", "smtp://apps.example.com", "//apps.example.com/",
		"apps.example.com", "https:apps.example.com", "https:/apps.example.com", "HTTPS:\\\\apps.example.com",
		"https//apps.example.com", "", " https://apps.example.com/", "dict://apps.example.com:11211/",
		"http+unix://apps.example.com/",
	};

	answers_are("93.184.216.34", NULL);
	for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
		struct egress *e;
		struct err err = { 0 };

		if (typed(*state, urls[i], NULL, &e, &err))
			fail_msg("%s leads to %s", urls[i], egress_url(*state, e));
		assert_int_equal(err.kind, ERR_INVALID);
	}
	print_message("  %zu forms\n", sizeof urls / sizeof *urls);
}

static void
what_is_public_is_reached_in_its_one_form(void **state)
{
	static const struct {
		const char *url, *is;
	} cases[] = {
		{ "https://apps.example.com", "https://apps.example.com:443" },
		{ "HTTPS://Apps.Example.COM:8443/a%20b?c=d", "https://apps.example.com:8443/a%20b?c=d" },
		{ "https://apps.example.com?x", "https://apps.example.com:443/?x" },
		{ "https://93.184.216.34/x", "https://93.184.216.34:443/x" },
		{ "https://[2606:2800:220:1::1]:444/", "https://[2606:2800:220:1::1]:444/" },
		{ "https://[64:ff9b::5db8:d822]/", "https://[64:ff9b::5db8:d822]:443/" },
		{ "https://172.32.0.1/", "https://172.32.0.1:443/" },
		{ "https://xn--bcher-kva.example/", "https://xn--bcher-kva.example:443/" },
		{ "https://kannel/", "https://kannel:443/" },
		{ "https://0x.example/", "https://0x.example:443/" },
		{ "https://1and1.example/", "https://1and1.example:443/" },
	};

	answers_are("93.184.216.34 2606:2800:220:1::1", NULL);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct egress *e;
		struct err err = { 0 };

		if (!typed(*state, cases[i].url, NULL, &e, &err))
			fail_msg("%s: %s", cases[i].url, err.cause);
		assert_string_equal(egress_url(*state, e), cases[i].is);
	}
}

static void
a_name_is_refused_whole_when_one_of_its_addresses_is(void **state)
{
	static const char *const inside[] = { "127.0.0.1", "10.1.2.3", "169.254.169.254", "::1", "fd00::1", "::ffff:10.0.0.1",
					      "64:ff9b::a00:1", "2002:a00:1::", "fe80::1", "0.0.0.0" };
	struct egress *e;
	struct err err = { 0 };

	for (size_t i = 0; i < sizeof inside / sizeof *inside; i++) {
		answers_are(mem_printf(*state, "93.184.216.34 %s", inside[i]), NULL);
		if (typed(*state, "https://hooks.example.com/", NULL, &e, &err))
			fail_msg("%s", inside[i]);
		assert_string_equal(err.code, "egress_refused");
		assert_string_equal(err.path, "hooks.example.com");
	}
	answers_are("10.1.2.3", NULL);
	assert_false(typed(*state, "https://hooks.example.com/", NULL, &e, &err));
	assert_string_equal(err.cause, "10.1.2.3 is an address of a private network, which this server does not call; "
			    "an operator may open it with egress.allow");
	answers_are("", NULL);
	assert_false(typed(*state, "https://hooks.example.com/", NULL, &e, &err));
	assert_int_equal(err.kind, ERR_UPSTREAM);
}

static bool
dials(const struct egress *e, const char *text)
{
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
	struct sockaddr_in v4 = { .sin_family = AF_INET };

	if (inet_pton(AF_INET, text, &v4.sin_addr) == 1)
		return egress_has(e, (struct sockaddr *)&v4, sizeof v4);
	assert_int_equal(inet_pton(AF_INET6, text, &v6.sin6_addr), 1);
	return egress_has(e, (struct sockaddr *)&v6, sizeof v6);
}

/* DNS rebinding: the first answer is judged, and it is the one that is dialled. */
static void
a_name_that_answers_differently_a_moment_later_gains_nothing(void **state)
{
	struct egress *e;
	struct err err = { 0 };

	answers_are("93.184.216.34", "127.0.0.1");
	assert_ok(typed(*state, "https://rebind.example.com/", NULL, &e, &err), &err);
	assert_int_equal(e->ips_n, 1);
	assert_true(dials(e, "93.184.216.34"));
	assert_true(dials(e, "::ffff:93.184.216.34"));
	assert_false(dials(e, "127.0.0.1"));
	assert_false(dials(e, "::1"));
	assert_false(egress_has(e, NULL, 0));
	answers_are("127.0.0.1", "93.184.216.34");
	assert_false(typed(*state, "https://rebind.example.com/", NULL, &e, &err));
}

static void
an_operator_opens_addresses_for_typed_words_plain_ones_too(void **state)
{
	struct egress *e;
	struct err err = { 0 };

	answers_are("127.0.0.1", NULL);
	assert_ok(typed(*state, "http://hooks.example.com:8080/", "10.0.0.0/8, 127.0.0.1", &e, &err), &err);
	assert_true(egress_loopback(e));
	assert_false(typed(*state, "http://hooks.example.com:8080/", "10.0.0.0/8", &e, &err));
	assert_ok(typed(*state, "https://[::1]/", "::1", &e, &err), &err);
	assert_false(typed(*state, "https://[::1]/", "127.0.0.0/8", &e, &err));
}

static void
the_settings_file_may_name_the_companys_own_hosts_and_no_metadata(void **state)
{
	static const struct {
		const char *url;
		bool taken;
	} cases[] = {
		{ "http://127.0.0.1:13013/x", true }, { "http://10.0.0.5/x", true }, { "http://[::1]/", true },
		{ "http://[fd12::1]/", true }, { "https://192.168.1.1/", true }, { "https://100.64.1.1/", true },
		{ "https://93.184.216.34/", true }, { "smtp://10.0.0.5", true }, { "smtp://93.184.216.34:587", true },
		{ "http://93.184.216.34/", false }, { "https://169.254.169.254/", false }, { "http://[fe80::1]/", false },
		{ "https://100.100.100.200/", false }, { "https://[fd00:ec2::254]/", false }, { "https://0.0.0.0/", false },
		{ "smtp://224.0.0.1", false }, { "smtps://10.0.0.5", false },
	};
	struct egress_rules rules = { .schemes = "https http smtp", .configured = true, .resolve = answer };

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct egress *e;
		struct err err = { 0 };

		if (egress_open(*state, &rules, cases[i].url, &e, &err) != cases[i].taken)
			fail_msg("%s: %s", cases[i].url, err.cause);
	}
}

static void
only_what_opens_more_than_own_networks_is_a_seam(void **state)
{
	struct err err = { 0 };

	(void)state;
	assert_false(egress_allow_seam(""));
	assert_false(egress_allow_seam("10.1.0.0/16 192.168.3.4, fd00::/8"));
	assert_true(egress_allow_seam("10.0.0.0/7"));
	assert_true(egress_allow_seam("10.1.0.0/16 127.0.0.1"));
	assert_true(egress_allow_seam("::1"));
	assert_true(egress_allow_seam("0.0.0.0/0"));
	assert_true(egress_allow_seam("93.184.216.34"));
	assert_ok(egress_allow_check("10.1.0.0/16 ::1", &err), &err);
	assert_false(egress_allow_check("10.1.0.0/33", &err));
	assert_false(egress_allow_check("localhost", &err));
	assert_string_equal(err.path, "egress.allow");
}

static void
a_resolver_that_is_silent_holds_nobody_for_longer_than_said(void **state)
{
	const struct egress_rules rules = { .schemes = "https", .resolve_ms = 1 };
	struct egress *e;
	struct err err;

	pthread_mutex_lock(&resolver);
	assert_false(egress_open(*state, &rules, "https://silent.example.com/", &e, &err));
	pthread_mutex_unlock(&resolver);
	assert_int_equal(err.kind, ERR_UPSTREAM);	/* a job tries again */
	assert_non_null(strstr(err.cause, "silent.example.com cannot be resolved"));
	while (!atomic_load(&answered))
		sched_yield();
	/* and the system's own answers are taken */
	assert_ok(egress_open(*state, &(struct egress_rules){ .schemes = "https", .configured = true }, "https://localhost/", &e, &err), &err);
	assert_true(egress_loopback(e));
}

TESTS(no_form_of_a_url_leads_inside, what_is_public_is_reached_in_its_one_form,
      a_name_is_refused_whole_when_one_of_its_addresses_is, a_name_that_answers_differently_a_moment_later_gains_nothing,
      an_operator_opens_addresses_for_typed_words_plain_ones_too,
      the_settings_file_may_name_the_companys_own_hosts_and_no_metadata, only_what_opens_more_than_own_networks_is_a_seam,
      a_resolver_that_is_silent_holds_nobody_for_longer_than_said)
