/* Requests to a server of the test's own: where they go, what they carry, what they do not follow. */
#include "tests/check.h"
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include "core/fetch.h"
#include "tests/check_far.h"

#define LONG_ANSWER (100u << 10)

static int resolved;

/* First this machine, then another: what a name with a short life does. */
static bool
rebinds(const char *host, unsigned char ips[][16], size_t *n, struct err *err)
{
	(void)err;
	assert_string_equal(host, "hooks.example.com");
	*n = 1;
	return net_ip(resolved++ ? "192.0.2.66" : "127.0.0.1", ips[0]);
}

static void
a_request_carries_what_was_asked_and_nothing_of_the_environment(void **state)
{
	static const char *const headers[] = { "X-One: 1", "Content-Type: text/plain", NULL };
	struct far *far = far_text(*state, "HTTP/1.1 201 Created\r\nSet-Cookie: a=b\r\nContent-Length: 4\r\n\r\ngood");
	struct far *proxy = far_text(*state, "HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n");
	struct fetch f = { .rules = { .configured = true }, .url = mem_printf(*state, "http://127.0.0.1:%d/a?b=c", far->port),
			   .headers = headers, .body = { "hello", 5 }, .user = "anna", .password = "secret" };
	struct fetched got;
	struct err err = { 0 };

	setenv("http_proxy", mem_printf(*state, "http://127.0.0.1:%d", proxy->port), 1);
	setenv("ALL_PROXY", mem_printf(*state, "http://127.0.0.1:%d", proxy->port), 1);
	assert_ok(fetch(*state, &f, &got, &err), &err);
	assert_int_equal(got.status, 201);
	assert_int_equal(got.reached, FETCH_ANSWERED);
	assert_string_equal(got.body.p, "good");
	assert_memory_equal(far->asked, "POST /a?b=c HTTP/1.1\r\n", 22);
	assert_non_null(strstr(far->asked, "\r\nX-One: 1\r\n"));
	assert_non_null(strstr(far->asked, "\r\nAuthorization: Basic YW5uYTpzZWNyZXQ=\r\n"));
	assert_non_null(strstr(far->asked, "\r\n\r\nhello"));
	assert_null(strstr(far->asked, "Expect"));
	assert_ok(fetch(*state, &f, &got, &err), &err);
	assert_null(strstr(far->asked, "Cookie"));
	assert_int_equal(proxy->connections, 0);
	unsetenv("http_proxy");
	unsetenv("ALL_PROXY");
}

static void
a_redirect_is_an_answer_and_is_not_followed(void **state)
{
	struct far *inner = far_text(*state, "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret");
	struct far *far = far_text(*state, mem_printf(*state,
		"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:%d/\r\nContent-Length: 0\r\n\r\n", inner->port));
	struct fetch f = { .rules = { .configured = true }, .url = mem_printf(*state, "http://127.0.0.1:%d/", far->port) };
	struct fetched got;
	struct err err = { 0 };

	assert_ok(fetch(*state, &f, &got, &err), &err);
	assert_int_equal(got.status, 302);
	assert_int_equal(inner->connections, 0);
}

static void
the_address_that_was_judged_is_the_one_that_is_dialled(void **state)
{
	struct far *far = far_text(*state, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
	struct fetch f = { .rules = { .allow = "127.0.0.1", .resolve = rebinds },
			   .url = mem_printf(*state, "http://hooks.example.com:%d/", far->port) };
	struct fetched got;
	struct err err = { 0 };

	resolved = 0;
	assert_ok(fetch(*state, &f, &got, &err), &err);
	assert_int_equal(got.status, 200);
	assert_int_equal(resolved, 1);
	assert_non_null(strstr(far->asked, mem_printf(*state, "\r\nHost: hooks.example.com:%d\r\n", far->port)));
	/* the second answer is refused before anything is dialled */
	assert_false(fetch(*state, &f, &got, &err));
	assert_string_equal(err.code, "egress_refused");
	assert_int_equal(got.reached, FETCH_NOTHING);
	assert_int_equal(far->connections, 1);
}

static void
an_answer_without_an_end_is_kept_up_to_its_bound(void **state)
{
	char *answer = mem_printf(*state, "HTTP/1.1 200 OK\r\n\r\n%*s", (int)LONG_ANSWER, "x");
	struct far *far = far_new(*state, answer, strlen(answer));
	struct fetch f = { .rules = { .configured = true }, .url = mem_printf(*state, "http://127.0.0.1:%d/", far->port) };
	struct fetched got;
	struct err err = { 0 };

	assert_ok(fetch(*state, &f, &got, &err), &err);
	assert_int_equal(got.body.len, FETCH_ANSWER_MAX);
	assert_int_equal(strlen(got.body.p), FETCH_ANSWER_MAX);
}

static void
what_failed_is_said_and_how_far_it_went(void **state)
{
	struct far *rude = far_text(*state, ""), *odd = far_text(*state, "220 mail.example.com ESMTP\r\n");
	struct fetch f = { .rules = { .configured = true } };
	struct fetched got;
	struct err err = { 0 };

	f.url = mem_printf(*state, "http://127.0.0.1:%d/", rude->port);
	assert_false(fetch(*state, &f, &got, &err));
	assert_int_equal(err.kind, ERR_UPSTREAM);
	assert_int_equal(got.reached, FETCH_CONNECTED);
	f.url = mem_printf(*state, "http://127.0.0.1:%d/", odd->port);
	assert_false(fetch(*state, &f, &got, &err));
	f.url = mem_printf(*state, "https://127.0.0.1:%d/", odd->port);
	assert_false(fetch(*state, &f, &got, &err));
	assert_string_equal(err.code, "tls");
	assert_int_equal(got.reached, FETCH_CONNECTED);
	shutdown(rude->fd, SHUT_RDWR);
	f.url = mem_printf(*state, "http://127.0.0.1:%d/", rude->port);
	assert_false(fetch(*state, &f, &got, &err));
	assert_string_equal(err.code, "unreachable");
	assert_int_equal(got.reached, FETCH_RESOLVED);
}

static void
being_there_can_be_asked_without_asking_anything(void **state)
{
	struct far *far = far_text(*state, "");
	struct fetch f = { .rules = { .configured = true }, .connect_only = true,
			   .url = mem_printf(*state, "http://127.0.0.1:%d/", far->port) };
	struct fetched got;
	struct err err = { 0 };

	assert_ok(fetch(*state, &f, &got, &err), &err);
	assert_int_equal(got.reached, FETCH_CONNECTED);
	assert_string_equal(far->asked, "");
}

TESTS(a_request_carries_what_was_asked_and_nothing_of_the_environment, a_redirect_is_an_answer_and_is_not_followed,
      the_address_that_was_judged_is_the_one_that_is_dialled, an_answer_without_an_end_is_kept_up_to_its_bound,
      what_failed_is_said_and_how_far_it_went, being_there_can_be_asked_without_asking_anything)
