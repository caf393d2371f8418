/* The request gate and the route table, without a socket. */
#include "tests/check.h"
#include "web/gate.h"
#include "web/http.h"
#include "web/routes.h"

#define FIELDS_MAX 200

/* Cuts a head apart in place, as the HTTP library does, and judges it. */
static bool
judge(TALLOC_CTX *ctx, const char *text, size_t len, struct gate_pass *ret, struct err *err)
{
	char *p = mem_copy(ctx, text, len), *end = p + len, *line = p, *stop;
	struct field fields[FIELDS_MAX];
	struct gate_head head = { .start = p, .size = len, .fields = fields, .method = p };

	stop = memchr(line, ' ', len);
	assert_non_null(stop);
	*stop = '\0';
	head.target = stop + 1;
	stop = memmem(stop + 1, (size_t)(end - stop - 1), " HTTP/", 6);
	assert_non_null(stop);
	*stop = '\0';
	head.version = stop + 1;
	for (line = stop + 1;;) {
		char *value;

		stop = memchr(line, '\n', (size_t)(end - line));
		assert_non_null(stop);
		*stop = '\0';
		if (stop[-1] == '\r')
			stop[-1] = '\0';
		line = stop + 1;
		if (line + 1 >= end || *line == '\r' || *line == '\n')
			break;
		value = memchr(line, ':', (size_t)(end - line));
		assert_non_null(value);
		*value++ = '\0';
		fields[head.fields_n++] = (struct field){ line, value + strspn(value, " \t") };
	}
	return gate_check(ctx, &head, ret, err);
}

#define HOST "Host: a.example.com\r\n"

static void
a_plain_head_passes_with_what_it_says(void **state)
{
	static const char get[] = "GET /apps/a%20b/%E2%82%AC?x=%41&y HTTP/1.1\r\n" HOST "X:\r\nY: \t z \r\n\r\n";
	static const char post[] = "POST / HTTP/1.1\r\n" HOST "content-length:42\r\n\r\n";
	static const char chunked[] = "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: CHUNKED\r\n\r\n";
	struct gate_pass pass;
	struct err err = { 0 };

	assert_ok(judge(*state, get, sizeof get - 1, &pass, &err), &err);
	assert_string_equal(pass.path, "/apps/a b/€");
	assert_int_equal(pass.query.len, 7);
	assert_memory_equal(pass.query.p, "x=%41&y", 7);
	assert_int_equal(pass.length, -1);
	assert_false(pass.chunked);
	assert_ok(judge(*state, post, sizeof post - 1, &pass, &err), &err);
	assert_int_equal(pass.length, 42);
	assert_ok(judge(*state, chunked, sizeof chunked - 1, &pass, &err), &err);
	assert_true(pass.chunked);
}

#define CASE(text) { text, sizeof(text) - 1 }

static void
whatever_can_be_read_in_two_ways_is_refused(void **state)
{
	static const struct bytes cases[] = {
		CASE("GET / HTTP/1.1\r\n\r\n"),
		CASE("GET / HTTP/1.1\r\n" HOST HOST "\r\n"),
		CASE("GET / HTTP/1.1\r\nHost: a b\r\n\r\n"),
		CASE("GET / HTTP/1.1\r\nHost: a,b\r\n\r\n"),
		CASE("GET / HTTP/2.0\r\n" HOST "\r\n"),
		CASE("GET / HTTP/1.1 \r\n" HOST "\r\n"),
		CASE("G\tT / HTTP/1.1\r\n" HOST "\r\n"),
		CASE("GET / HTTP/1.1\r\n" HOST "Content-Length: 1\r\nContent-Length: 1\r\n\r\n"),
		CASE("GET / HTTP/1.1\r\n" HOST "Content-Length: 1\r\nContent-length: 2\r\n\r\n"),
		CASE("GET / HTTP/1.1\r\n" HOST "Content-Length: 1, 1\r\n\r\n"),
		CASE("GET / HTTP/1.1\r\n" HOST "Content-Length: 1 \r\n\r\n"),
		CASE("GET / HTTP/1.1\r\n" HOST "Content-Length: -1\r\n\r\n"),
		CASE("GET / HTTP/1.1\r\n" HOST "Content-Length: 0x1\r\n\r\n"),
		CASE("GET / HTTP/1.1\r\n" HOST "Content-Length:\r\n\r\n"),
		CASE("GET / HTTP/1.1\r\n" HOST "Content-Length: 9223372036854775808\r\n\r\n"),
		CASE("GET / HTTP/1.1\r\n" HOST "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"),
		CASE("GET / HTTP/1.0\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"),
		CASE("GET / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked \r\n\r\n"),
		CASE("GET / HTTP/1.1\r\n" HOST "Transfer-Encoding: identity\r\n\r\n"),
		CASE("GET / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked, chunked\r\n\r\n"),
		CASE("GET / HTTP/1.1\r\n" HOST "Transfer-Encoding: \x0b" "chunked\r\n\r\n"),
		CASE("GET / HTTP/1.1\r\n" HOST "Transfer-Encoding:\r\n\r\n"),
		CASE("GET / HTTP/1.1\r\n" HOST "X : 1\r\n\r\n"),
		CASE("GET / HTTP/1.1\r\n" HOST " X: 1\r\n\r\n"),
		CASE("GET / HTTP/1.1\r\n" HOST ": 1\r\n\r\n"),
		CASE("GET / HTTP/1.1\r\n" HOST "X: a\rb\r\n\r\n"),
		CASE("GET / HTTP/1.1\r\n" HOST "X: a\0b\r\n\r\n"),
		CASE("GET / HTTP/1.1\r\n" HOST "X\0: ab\r\n\r\n"),
		CASE("GET / HTTP/1.1\r\n" HOST "X: a\x7f\r\n\r\n"),
		CASE("GET / HTTP/1.1\n" HOST "\r\n"),
		CASE("GET / HTTP/1.1\r\n" HOST "X: 1\n\r\n"),
		CASE("GET / HTTP/1.1\r\n" HOST "X: 1\r\n\n"),
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct gate_pass pass;
		struct err err = { 0 };

		if (judge(*state, cases[i].p, cases[i].len, &pass, &err))
			fail_msg("case %zu passed: %s", i, (const char *)cases[i].p);
		assert_int_equal(err.kind, ERR_MALFORMED);
	}
}

static void
targets_are_decoded_once_and_never_climb(void **state)
{
	static const struct {
		const char *target, *path;	/* NULL: refused */
	} cases[] = {
		{ "/", "/" }, { "/a/b", "/a/b" }, { "/a%2Db", "/a-b" }, { "/a+b", "/a+b" }, { "/%2541", "/%41" },
		{ "/...", "/..." }, { "/.a", "/.a" }, { "/a/", "/a/" }, { "//", "//" }, { "/a?../..", "/a" },
		{ "*", "*" }, { "http://H.example:80/x", "/x" }, { "HTTPS://h.example:80?q", "/" },
		{ "", NULL }, { "a", NULL }, { "http://evil/x", NULL }, { "http:///x", NULL }, { "ftp://h.example:80/", NULL },
		{ "/.", NULL }, { "/..", NULL }, { "/a/../b", NULL }, { "/a/.", NULL }, { "/%2e%2E/b", NULL },
		{ "/a/.%2e", NULL }, { "/a%2fb", NULL }, { "/a%2Fb", NULL }, { "/a%", NULL }, { "/a%4", NULL }, { "/a%zz", NULL },
		{ "/a%00", NULL }, { "/a?b=%00", NULL }, { "/a?b=%", NULL }, { "/a?%4", NULL }, { "/a%0a", NULL }, { "/a%7f", NULL },
		{ "/a b", NULL }, { "/a\tb", NULL }, { "/a#b", NULL }, { "/%ff", NULL }, { "/%c0%af", NULL }, { "/\xff", NULL },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct gate_pass pass = { 0 };
		struct err err = { 0 };
		bool ok = gate_target(*state, cases[i].target, "h.example:80", &pass, &err);

		if (ok != (cases[i].path != NULL) || (ok && strcmp(pass.path, cases[i].path) != 0))
			fail_msg("%s gives %s", cases[i].target, ok ? pass.path : "a refusal");
	}
}

static void
a_target_and_its_query_have_limits(void **state)
{
	char *target = mem_size(*state, HTTP_TARGET_MAX + 2);
	struct gate_pass pass;
	struct err err = { 0 };

	memset(target, 'a', HTTP_TARGET_MAX + 1);
	target[0] = '/';
	target[HTTP_TARGET_MAX + 1] = '\0';
	assert_false(gate_target(*state, target, NULL, &pass, &err));
	assert_int_equal(err.kind, ERR_LIMIT);
	target[HTTP_TARGET_MAX] = '\0';
	assert_ok(gate_target(*state, target, NULL, &pass, &err), &err);
	target[1] = '?';
	memset(target + 2, '&', HTTP_QUERY_MAX - 1);
	assert_ok(gate_target(*state, target, NULL, &pass, &err), &err);
	target[HTTP_QUERY_MAX + 1] = '&';
	assert_false(gate_target(*state, target, NULL, &pass, &err));
}

/* ---- routes ---- */

static bool
nothing(struct req *req, struct reply *reply, struct err *err)
{
	(void)req;
	(void)err;
	return reply_empty(reply, 204);
}

static const struct route rows[] = {
	{ GET, "/", WHO_ANYONE, "0", ON_IO, nothing },
	{ GET, "/apps/:bundle", WHO_ANYONE, "0", ON_IO, nothing },
	{ PUT, "/apps/:name/channels/:channel", WHO_ANYONE, "0", ON_IO, nothing },
	{ POST, "/apps/new", WHO_ANYONE, "0", ON_IO, nothing },
	{ GET, "/d/:grant/app.ipa", WHO_ANYONE, "0", ON_IO, nothing },
	{ OPTIONS, "/", WHO_ANYONE, "0", ON_IO, nothing },
	{ 0 }
};

static void
a_path_finds_its_row_segment_by_segment(void **state)
{
	static const struct {
		enum method method;
		const char *path;
		int row;		/* -1: none */
		const char *name, *value;
		const char *allow;
	} cases[] = {
		{ GET, "/", 0, NULL, NULL, NULL },
		{ PUT, "/", -1, NULL, NULL, "GET, HEAD, OPTIONS" },
		{ GET, "/apps/com.example.demo", 1, "bundle", "com.example.demo", NULL },
		{ POST, "/apps/new", 3, NULL, NULL, NULL },
		{ GET, "/apps/new", 1, "bundle", "new", NULL },
		{ DELETE, "/apps/new", -1, NULL, NULL, "GET, HEAD, POST" },
		{ PUT, "/apps/new/channels/beta", 2, "channel", "beta", NULL },
		{ PUT, "/apps/x/channels/beta", 2, "name", "x", NULL },
		{ GET, "/d/abc/app.ipa", 4, "grant", "abc", NULL },
		{ GET, "/d/abc/other", -1, NULL, NULL, "" },
		{ GET, "/d//app.ipa", -1, NULL, NULL, "" },
		{ GET, "/apps/", -1, NULL, NULL, "" },
		{ GET, "/apps", -1, NULL, NULL, "" },
		{ GET, "/apps/x/", -1, NULL, NULL, "" },
		{ GET, "//", -1, NULL, NULL, "" },
		{ GET, "*", -1, NULL, NULL, "" },
		{ METHOD_NONE, "/", -1, NULL, NULL, "GET, HEAD, OPTIONS" },
	};
	const struct route *const tables[] = { rows, NULL };
	struct routes *routes;
	struct err err = { 0 };

	assert_ok(routes_new(*state, tables, &routes, &err), &err);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct route_match match;

		routes_find(routes, *state, cases[i].method, cases[i].path, &match);
		if (match.route != (cases[i].row < 0 ? NULL : &rows[cases[i].row]))
			fail_msg("%s gives %s", cases[i].path, match.route ? match.route->path : "nothing");
		for (size_t p = 0; cases[i].name && p < match.params_n; p++)
			if (strcmp(match.params[p].name, cases[i].name) == 0)
				assert_string_equal(match.params[p].value, cases[i].value);
		if (cases[i].name)
			assert_true(match.params_n > 0);
		if (cases[i].allow)
			assert_string_equal(routes_allow(*state, match.methods), cases[i].allow);
	}
}

static void
a_table_that_cannot_be_right_is_refused(void **state)
{
	static const struct route same[] = { { GET, "/a/:x", WHO_ANYONE, "0", ON_IO, nothing },
					     { GET, "/a/:y", WHO_ANYONE, "0", ON_IO, nothing }, { 0 } };
	static const struct route many[] = { { GET, "/:a/:b/:c/:d/:e", WHO_ANYONE, "0", ON_IO, nothing }, { 0 } };
	static const struct route bare[] = { { GET, "/a", WHO_ANYONE, "0", ON_IO, NULL }, { 0 } };
	const struct route *const cases[][2] = { { same, NULL }, { many, NULL }, { bare, NULL } };
	struct routes *routes;

	for (size_t i = 0; i < 3; i++) {
		struct err err = { 0 };

		assert_false(routes_new(*state, cases[i], &routes, &err));
	}
}

TESTS(a_plain_head_passes_with_what_it_says,
      whatever_can_be_read_in_two_ways_is_refused,
      targets_are_decoded_once_and_never_climb,
      a_target_and_its_query_have_limits,
      a_path_finds_its_row_segment_by_segment,
      a_table_that_cannot_be_right_is_refused)
