/* The server over real sockets: what a client sees, and what it cannot do to us. */
#include "tests/check_client.h"
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include "core/clock.h"
#include "core/count.h"
#include "core/log.h"
#include "web/rooms.h"
#include "web/server.h"

/* ---- routes under test ---- */

static atomic_int cuts, fed;

static bool
get_hello(struct req *req, struct reply *reply, struct err *err)
{
	(void)req;
	(void)err;
	return reply_text(reply, 200, "text/plain", "hello");
}

static bool
get_where(struct req *req, struct reply *reply, struct err *err)
{
	(void)err;
	return reply_json(reply, 200, json_pack("{s:s, s:s, s:b, s:b, s:b, s:s, s:s*, s:s*}", "app", req_param(req, "app"),
						"address", req->address, "secure", req->secure, "browser",
						req->browser, "local", req->local, "id", req->id, "q", req_query(req, "q"), "cookie",
						req_cookie(req, "session")));
}

/* Addresses that keep of ?q= &group= &after= what they are told to. */
static bool
get_onward(struct req *req, struct reply *reply, struct err *err)
{
	json_t *more = json_pack("{s:s}", "next", "7 é"), *end = json_pack("{s:n}", "next");
	const char *all = "q group";

	(void)err;
	reply_json(reply, 200, json_pack("[s, s, s, s, s, s?]", page_next(req, "/list", all, more), page_next(req, "/list", "", more),
		page_url(req, "/list", all, "group", "a&b"), page_url(req, "/list?deep", all, "group", ""),
		page_url(req, "/list", all, NULL, NULL), page_next(req, "/list", all, end)));
	json_decref(more);
	json_decref(end);
	return true;
}

static bool
post_form(struct req *req, struct reply *reply, struct err *err)
{
	const char *name = req_form(req, "name");

	return name ? reply_text(reply, 200, "text/plain", name) : err_set(err, ERR_INVALID, "no name");
}

static bool
post_echo(struct req *req, struct reply *reply, struct err *err)
{
	(void)err;
	return reply_bytes(reply, 200, "application/octet-stream", req->body);
}

static bool
get_fail(struct req *req, struct reply *reply, struct err *err)
{
	(void)req;
	(void)reply;
	return err_set(err, ERR_INTERNAL, "the secret reason");
}

static bool
get_file(struct req *req, struct reply *reply, struct err *err)
{
	const char *path = (const char *)req->site;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int64_t size = lseek(fd, 0, SEEK_END);

	(void)err;
	return reply_file(reply, req, fd, size, "\"etag-1\"", "application/octet-stream", NULL);
}

static bool
get_cert(struct req *req, struct reply *reply, struct err *err)
{
	struct bytes der;

	(void)err;
	return reply_text(reply, 200, "text/plain", req_client_cert(req, &der) ?
			  mem_printf(req, "a certificate of %zu bytes", der.len) : "no certificate");
}

static bool
get_same(struct req *req, struct reply *reply, struct err *err)
{
	(void)req;
	(void)err;
	reply_header(reply, "ETag", "\"page-1\"");
	return reply_empty(reply, 304);
}

struct upload {
	int64_t bytes;
	uint32_t sum;
	pthread_t waker;
	bool waking;
};

static bool
upload_open(struct req *req, struct err *err)
{
	const char *mode = req_query(req, "mode");

	if (mode && strcmp(mode, "full") == 0)
		return err_set(err, ERR_NO_ROOM, "the disk is full");
	req->sink_state = mem_new(req, struct upload);
	return true;
}

static void *
wake(void *arg)
{
	usleep(1000);
	req_unpause(arg);
	return NULL;
}

static bool
upload_feed(struct req *req, struct bytes bytes, bool *pause, struct err *err)
{
	struct upload *upload = req->sink_state;
	const char *mode = req_query(req, "mode");

	upload->bytes += (int64_t)bytes.len;
	for (size_t i = 0; i < bytes.len; i++)
		upload->sum = upload->sum * 31 + ((const unsigned char *)bytes.p)[i];
	atomic_fetch_add(&fed, 1);
	if (mode && strcmp(mode, "bad") == 0 && upload->bytes > 100000)
		return err_set(err, ERR_INVALID, "this is no app");
	if (mode && strcmp(mode, "early") == 0) {	/* unpaused before the server could suspend */
		req_unpause(req);
		*pause = true;
	} else if (mode && strcmp(mode, "pause") == 0) {
		if (upload->waking)
			pthread_join(upload->waker, NULL);
		upload->waking = pthread_create(&upload->waker, NULL, wake, req) == 0;
		*pause = true;
	}
	return true;
}

static void
upload_cut(struct req *req)
{
	struct upload *upload = req->sink_state;

	if (upload->waking)
		pthread_join(upload->waker, NULL);
	atomic_fetch_add(&cuts, 1);
}

static bool
put_upload(struct req *req, struct reply *reply, struct err *err)
{
	struct upload *upload = req->sink_state;

	(void)err;
	if (upload->waking)
		pthread_join(upload->waker, NULL);
	return reply_json(reply, 201, json_pack("{s:I, s:I}", "bytes", (json_int_t)upload->bytes, "sum",
						(json_int_t)upload->sum));
}

static const struct sink upload_sink = { upload_open, upload_feed, upload_cut };

static const struct route test_routes[] = {
	{ GET, "/hello", WHO_ANYONE, "0", ON_IO, get_hello },
	{ GET, "/worker", WHO_ANYONE, "0", ON_WORKER, get_hello },
	{ GET, "/onward", WHO_ANYONE, "0", ON_IO, get_onward },
	{ GET, "/apps/:app", WHO_ANYONE, "0", ON_WORKER, get_where },
	{ GET, "/apps/new", WHO_ANYONE, "0", ON_IO, get_hello },
	{ POST, "/form", WHO_ANYONE, "64K", ON_IO, post_form },
	{ POST, "/echo", WHO_ANYONE, "64K", ON_WORKER, post_echo },
	{ GET, "/cert", WHO_ANYONE, "0", ON_WORKER, get_cert },
	{ GET, "/fail", WHO_ANYONE, "0", ON_WORKER, get_fail },
	{ GET, "/file", WHO_ANYONE, "0", ON_IO, get_file },
	{ GET, "/same", WHO_ANYONE, "0", ON_IO, get_same },
	{ GET, "/i/:token", WHO_ANYONE, "0", ON_IO, get_hello },
	{ PUT, "/upload", WHO_ANYONE, "64M", ON_WORKER, put_upload, &upload_sink },
	{ PUT, "/private", WHO_PERSON, "64M", ON_WORKER, put_upload, &upload_sink },
	{ OPTIONS, "/upload", WHO_ANYONE, "0", ON_IO, get_hello },
	{ 0 }
};
static const struct route *const tables[] = { test_routes, NULL };

static bool
admit(struct req *req, struct err *err)
{
	return req->route->who == WHO_ANYONE || err_set(err, ERR_SIGN_IN, "sign in first");
}

static void
say_no(struct req *req, struct reply *reply, const struct err *err)
{
	(void)req;
	reply_json(reply, err_http_status(err->kind),
		   json_pack("{s:s, s:s}", "code", err->code, "detail",
			     err->kind == ERR_INTERNAL ? "" : err->cause));
}

static void
dress(struct req *req, struct reply *reply)
{
	(void)req;
	reply_header(reply, "X-Content-Type-Options", "nosniff");
}

static int64_t
body_max(struct site *site, const struct route *route)
{
	(void)site;
	return strcmp(route->body_max, "64K") == 0 ? 65536 : strcmp(route->body_max, "64M") == 0 ? 64 << 20 : 0;
}

static const struct server_calls calls = { .admit = admit, .refuse = say_no, .dress = dress, .body_max = body_max };

/* ---- a server ---- */

static struct server_conf
test_conf(void)
{
	log_setup(LOG_ERROR_ + 1, false);
	return (struct server_conf){
		.listen = "127.0.0.1:0", .io_threads = 2, .workers = 2, .connections_max = 1000,
		.head_s = 10, .body_grace_s = 10, .idle_s = 15, .idle_trusted_s = 60, .body_rate_min = 1000,
		.routes = tables, .calls = &calls,
	};
}

static struct server *
start(TALLOC_CTX *ctx, const struct server_conf *conf)
{
	struct server *server = NULL;
	struct err err = { 0 };

	assert_ok(server_start(ctx, conf, &server, &err), &err);
	return server;
}

static int
count_of(const char *text, const char *what)
{
	int n = 0;

	for (text = strstr(text, what); text; text = strstr(text + 1, what))
		n++;
	return n;
}

/* ---- tests ---- */

static void
one_connection_carries_many_requests_of_both_kinds(void **state)
{
	struct server_conf conf = test_conf();
	struct server *server = start(*state, &conf);
	CURL *curl = curl_easy_init();
	long connects = 0, n;

	for (int i = 0; i < 50; i++) {
		struct client_got got = client_ask_with(curl, *state, server_port(server),
					  &(struct client_ask){ i % 2 ? "/hello" : "/worker" });

		assert_int_equal(got.status, 200);
		assert_string_equal(got.text, "hello");
		assert_non_null(strstr(got.head, "X-Request-Id: "));
		assert_non_null(strstr(got.head, "X-Content-Type-Options: nosniff"));
		curl_easy_getinfo(curl, CURLINFO_NUM_CONNECTS, &n);
		connects += n;
	}
	assert_int_equal(connects, 1);
	curl_easy_cleanup(curl);
	server_stop(server);
}

static void
a_handler_sees_path_query_cookies_and_what_the_client_prefers(void **state)
{
	struct server_conf conf = test_conf();
	struct server *server = start(*state, &conf);
	struct client_got got = ASK("/apps/com.example.d%65mo?q=a%20b+c&q=2",
			     .headers = { "Cookie: a=1; session=xyz", "Accept: text/html,*/*;q=0.8",
					  "X-Forwarded-For: 192.0.2.1", "X-Forwarded-Proto: https" });

	assert_int_equal(got.status, 200);
	assert_non_null(strstr(got.text, "\"app\":\"com.example.demo\""));
	assert_non_null(strstr(got.text, "\"q\":\"a b c\""));
	assert_non_null(strstr(got.text, "\"cookie\":\"xyz\""));
	assert_non_null(strstr(got.text, "\"browser\":true"));
	/* Nobody trusts this client's word about itself. */
	assert_non_null(strstr(got.text, "\"address\":\"127.0.0.1\""));
	assert_non_null(strstr(got.text, "\"secure\":false"));
	assert_string_equal(ASK("/apps/new").text, "hello");
	server_stop(server);
}

static void
an_address_keeps_what_was_asked_and_encodes_it(void **state)
{
	struct server_conf conf = test_conf();
	struct server *server = start(*state, &conf);

	assert_string_equal(ASK("/onward?q=caf%C3%A9+%26+bar&group=QA&after=3&state=x").text,
		"[\"/list?after=7%20%C3%A9&q=caf%C3%A9%20%26%20bar&group=QA\",\"/list?after=7%20%C3%A9\","
		"\"/list?group=a%26b&q=caf%C3%A9%20%26%20bar\",\"/list?deep&q=caf%C3%A9%20%26%20bar\","
		"\"/list?q=caf%C3%A9%20%26%20bar&group=QA\",null]");
	assert_string_equal(ASK("/onward?q=").text,
		"[\"/list?after=7%20%C3%A9\",\"/list?after=7%20%C3%A9\",\"/list?group=a%26b\",\"/list?deep\",\"/list\",null]");
	server_stop(server);
}

static void
refusals_have_one_exit_and_say_what_is_possible(void **state)
{
	struct server_conf conf = test_conf();
	struct server *server = start(*state, &conf);
	struct client_got got = ASK("/nothing");

	assert_int_equal(got.status, 404);
	assert_non_null(strstr(got.text, "\"code\":\"not_found\""));
	got = ASK("/upload");
	assert_int_equal(got.status, 405);
	assert_non_null(strstr(got.head, "Allow: PUT, OPTIONS"));
	assert_int_equal(ASK("/hello", .method = "OPTIONS").status, 405);
	assert_int_equal(ASK("/upload", .method = "OPTIONS").status, 200);
	got = ASK("/fail");
	assert_int_equal(got.status, 500);
	assert_null(strstr(got.text, "secret"));
	got = ASK("/hello", .method = "HEAD");
	assert_int_equal(got.status, 200);
	assert_int_equal(got.len, 0);
	assert_non_null(strstr(got.head, "Content-Length: 5"));
	server_stop(server);
}

static void
bodies_in_memory_are_whole_and_bounded(void **state)
{
	struct server_conf conf = test_conf();
	struct server *server = start(*state, &conf);
	struct client_got got = ASK("/form", .body = "name=a+%26+b&name=2");

	assert_int_equal(got.status, 200);
	assert_string_equal(got.text, "a & b");
	assert_int_equal(ASK("/form", .body = "name=%zz").status, 400);
	assert_int_equal(ASK("/form", .body = "other=1").status, 422);
	for (int chunked = 0; chunked < 2; chunked++) {
		got = ASK("/echo", .method = "POST", .len = 65536, .chunked = chunked);
		assert_int_equal(got.status, 200);
		assert_int_equal(got.len, 65536);
		assert_int_equal((unsigned char)got.text[0], 65536 % 251);
		assert_int_equal(ASK("/echo", .method = "POST", .len = 65537, .chunked = chunked).status, 413);
		assert_int_equal(ASK("/echo", .method = "POST", .len = 5000000, .chunked = chunked).status, 413);
	}
	assert_int_equal(ASK("/hello", .method = "GET", .body = "a body where none belongs").status, 413);
	server_stop(server);
}

static void
a_file_is_served_whole_in_part_or_not_at_all(void **state)
{
	const char *dir = test_dir(*state), *path = mem_printf(*state, "%s/file", dir);
	struct test_cert cert = test_cert(*state, dir, "a");
	FILE *file = fopen(path, "w");

	for (int i = 0; i < 200000; i++)
		fputc('a' + i % 26, file);
	fclose(file);
	for (int tls = 0; tls < 2; tls++) {
		struct server_conf conf = test_conf();
		struct server *server;
		struct client_got got;

		conf.site = (struct site *)(uintptr_t)path;
		conf.cert_file = tls ? cert.cert_file : NULL;
		conf.key_file = cert.key_file;
		server = start(*state, &conf);
		got = ASK("/file", .tls = tls);
		assert_int_equal(got.status, 200);
		assert_int_equal(got.len, 200000);
		assert_non_null(strstr(got.head, "ETag: \"etag-1\""));
		assert_non_null(strstr(got.head, "Accept-Ranges: bytes"));
		got = ASK("/file", .tls = tls, .headers = { "Range: bytes=26-151999" });
		assert_int_equal(got.status, 206);
		assert_int_equal(got.len, 151974);
		assert_int_equal(got.text[0], 'a');
		assert_int_equal(got.text[27], 'b');
		assert_non_null(strstr(got.head, "Content-Range: bytes 26-151999/200000"));
		got = ASK("/file", .tls = tls, .headers = { "Range: bytes=-3", "If-Range: \"etag-1\"" });
		assert_int_equal(got.status, 206);
		assert_int_equal(got.len, 3);
		assert_int_equal(ASK("/file", .tls = tls, .headers = { "Range: bytes=0-1", "If-Range: \"other\"" }).status,
				 200);
		got = ASK("/file", .tls = tls, .headers = { "Range: bytes=200000-" });
		assert_int_equal(got.status, 416);
		assert_non_null(strstr(got.head, "Content-Range: bytes */200000"));
		got = ASK("/file", .tls = tls, .headers = { "If-None-Match: \"etag-1\"" });
		assert_int_equal(got.status, 304);
		assert_null(strstr(got.head, "Content-Length: 0"));
		got = ASK("/file", .tls = tls, .method = "HEAD", .headers = { "Range: bytes=0-1" });
		assert_int_equal(got.status, 200);
		assert_non_null(strstr(got.head, "Content-Length: 200000"));
		assert_int_equal(got.len, 0);
		server_stop(server);
	}
}

static void
what_has_not_changed_is_said_by_the_head_alone(void **state)
{
	struct server_conf conf = test_conf();
	struct server *server = start(*state, &conf);

	for (int i = 0; i < 20; i++) {
		const char *text = TALK("GET /same HTTP/1.1\r\nHost: a\r\n\r\n");

		assert_true(strncmp(text, "HTTP/1.1 304 ", 13) == 0);
		assert_non_null(strstr(text, "ETag: \"page-1\""));
		assert_null(strstr(text, "Content-Length:"));
		assert_null(strstr(text, "Transfer-Encoding:"));
		assert_string_equal(strstr(text, "\r\n\r\n"), "\r\n\r\n");	/* nothing behind it */
	}
	server_stop(server);
}

/* ---- what the log says; it goes to stderr ---- */

static int
log_begin(TALLOC_CTX *ctx, char **path)
{
	int saved = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 10), fd;

	*path = mem_printf(ctx, "%s/log", test_dir(ctx));
	fd = open(*path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	log_setup(LOG_INFO_, false);
	dup2(fd, STDERR_FILENO);
	close(fd);
	return saved;
}

static char *
log_end(TALLOC_CTX *ctx, int saved, const char *path)
{
	FILE *file = fopen(path, "re");
	char *text = mem_size(ctx, 65536);

	dup2(saved, STDERR_FILENO);
	close(saved);
	log_setup(LOG_ERROR_ + 1, false);
	text[fread(text, 1, 65535, file)] = '\0';
	fclose(file);
	return text;
}

static void
a_download_that_was_cut_is_logged_with_what_went_out(void **state)
{
	enum { SIZE = 64 << 20, TAKEN = 100000 };
	static const char whole[] = "GET /file HTTP/1.1\r\nHost: a\r\n\r\n";
	static const char part[] = "GET /file HTTP/1.0\r\nHost: a\r\nRange: bytes=0-9\r\n\r\n";
	char *path = mem_printf(*state, "%s/file", test_dir(*state)), *log, *text;
	int file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	struct server_conf conf = test_conf();
	struct linger now = { 1, 0 };
	struct server *server;
	long long bytes;
	int saved, fd;
	char *at;

	assert_int_equal(ftruncate(file, SIZE), 0);
	close(file);
	conf.site = (struct site *)(uintptr_t)path;
	server = start(*state, &conf);
	saved = log_begin(*state, &log);
	fd = client_dial(server);
	client_say(fd, whole, sizeof whole - 1);
	at = mem_size(*state, TAKEN);
	assert_int_equal(recv(fd, at, TAKEN, MSG_WAITALL), TAKEN);
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
	close(fd);
	fd = client_dial(server);
	client_say(fd, part, sizeof part - 1);
	client_hear(*state, fd);
	server_stop(server);
	text = log_end(*state, saved, log);
	at = strstr(text, "end=cut");
	assert_non_null(at);
	while (at > text && at[-1] != '\n')
		at--;
	at = strstr(at, " bytes=");
	assert_non_null(at);
	bytes = strtoll(at + 7, NULL, 10);
	assert_true(bytes > 0);	/* what was acknowledged by then, and what stood in the buffers */
	assert_true(bytes < SIZE / 2);
	assert_non_null(strstr(text, " bytes=10 "));
}

static void
no_form_of_a_target_shows_its_token_in_the_log(void **state)
{
	static const char *const targets[] = {
		"/i/0123456789abcdefghijklm", "/%69/0123456789abcdefghijklm", "/%2569/0123456789abcdefghijklm",
		"http://a/i/0123456789abcdefghijklm", "http://other/i/0123456789abcdefghijklm",
		"//i/0123456789abcdefghijklm", "/x/../i/0123456789abcdefghijklm", "/i/0123456789abcdefghijklm%00",
		"/i/0123456789abcdefghijklm?x=%", "/hello?token=0123456789abcdefghijklm", "i/0123456789abcdefghijklm",
		"/nowhere?token=0123456789abcdefghijklm", "/i%2f0123456789abcdefghijklm", "/i/%30123456789abcdefghijklm",
		"/i/0123456789abcdefghijklm/more", "/I/0123456789abcdefghijklm",
	};
	struct server_conf conf = test_conf();
	struct server *server = start(*state, &conf);
	char *log, *text;
	int saved = log_begin(*state, &log);

	for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
		const char *ask = mem_printf(*state, "GET %s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
					     targets[i]);

		client_talk(*state, server, ask, strlen(ask));
	}
	server_stop(server);
	text = log_end(*state, saved, log);
	assert_int_equal(count_of(text, "request method="), sizeof targets / sizeof *targets);
	assert_null(strstr(text, "0123456"));
}

static void
an_upload_reaches_its_sink_whole_however_often_it_pauses(void **state)
{
	static const char *const modes[] = { "/upload", "/upload?mode=pause", "/upload?mode=early" };
	struct server_conf conf = test_conf();
	struct server *server = start(*state, &conf);
	char *expected = mem_printf(*state, "{\"bytes\":3000000,\"sum\":%u}", client_pattern_sum(3000000));

	for (size_t i = 0; i < 3; i++)
		for (int chunked = 0; chunked < 2; chunked++) {
			struct client_got got = ASK(modes[i], .len = 3000000, .chunked = chunked, .expect = i == 0);

			assert_int_equal(got.status, 201);
			assert_string_equal(got.text, expected);
		}
	assert_int_equal(ASK("/upload", .method = "PUT").status, 201);	/* an empty body is one too */
	server_stop(server);
}

static void
an_upload_refused_on_the_way_is_answered_behind_it_and_cut(void **state)
{
	struct server_conf conf = test_conf();
	struct server *server = start(*state, &conf);
	struct client_got got;

	atomic_store(&cuts, 0);
	for (int chunked = 0; chunked < 2; chunked++) {
		got = ASK("/upload?mode=bad", .len = 20000000, .chunked = chunked);
		assert_int_equal(got.status, 422);
		assert_non_null(strstr(got.text, "this is no app"));
	}
	got = ASK("/upload", .len = (64 << 20) + 1, .chunked = true);
	assert_int_equal(got.status, 413);
	server_stop(server);
	assert_int_equal(atomic_load(&cuts), 3);
}

static void
a_client_that_leaves_has_its_upload_cut(void **state)
{
	static const char head[] = "PUT /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\nsome";
	struct server_conf conf = test_conf();
	struct server *server = start(*state, &conf);
	int fd = client_dial(server);

	atomic_store(&cuts, 0);
	atomic_store(&fed, 0);
	client_say(fd, head, sizeof head - 1);
	while (!atomic_load(&fed))
		usleep(1000);
	close(fd);
	server_stop(server);
	assert_int_equal(atomic_load(&cuts), 1);
}

static void
a_refused_upload_sees_its_answer_every_time(void **state)
{
	static const struct {
		const char *path;
		int64_t len;
		long status;
	} cases[] = { { "/private", 30000000, 401 },
		      { "/upload", 80000000, 413 },
		      { "/upload?mode=full", 30000000, 507 },
		      { "/nothing", 30000000, 404 } };
	struct test_cert cert = test_cert(*state, test_dir(*state), "a");

	for (int tls = 0; tls < 2; tls++) {
		struct server_conf conf = test_conf();
		struct server *server;

		conf.cert_file = tls ? cert.cert_file : NULL;
		conf.key_file = cert.key_file;
		server = start(*state, &conf);
		for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
			for (int n = 0; n < 6; n++) {
				struct client_got got = ASK(cases[i].path, .len = cases[i].len, .tls = tls, .expect = n % 2);

				if (got.status != cases[i].status || got.rc)
					fail_msg("%s %s: status %ld, curl says %s", cases[i].path, tls ? "TLS" : "plain",
						 got.status, curl_easy_strerror(got.rc));
			}
		server_stop(server);
	}
}

/* ---- what is refused at the gate, and nothing behind it is taken for a request ---- */

#define HOST	"Host: a\r\n"
#define NEXT	"GET /hello HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n"
#define CASE(text) { text, sizeof(text) - 1 }

static void
an_ambiguous_request_ends_its_connection_with_one_refusal(void **state)
{
	static const struct {
		const char *text;
		size_t len;
	} cases[] = {
		CASE("POST /form HTTP/1.1\r\n" HOST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" NEXT),
		CASE("POST /form HTTP/1.1\r\n" HOST "Content-Length: 0\r\nContent-Length: 30\r\n\r\n" NEXT),
		CASE("POST /form HTTP/1.1\r\n" HOST "Content-Length: 0\r\ncontent-length: 0\r\n\r\n" NEXT),
		CASE("POST /form HTTP/1.1\r\n" HOST "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" NEXT),
		CASE("POST /form HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n" NEXT),
		CASE("POST /form HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" NEXT),
		CASE("POST /form HTTP/1.0\r\n" HOST "Transfer-Encoding: chunked\r\nConnection: keep-alive\r\n\r\n0\r\n\r\n" NEXT),
		CASE("POST /form HTTP/1.1\r\n" HOST "Content-Length: +5\r\n\r\nhello" NEXT),
		CASE("GET /hello HTTP/1.1\nHost: a\n\n" NEXT),
		CASE("GET /hello HTTP/1.1\r\nHost: a\nX: 1\r\n\r\n" NEXT),
		CASE("GET /hello HTTP/1.1\r\n" HOST "X : 1\r\n\r\n" NEXT),
		CASE("GET /hello HTTP/1.1\r\n" HOST "X: 1\r\n 2\r\n\r\n" NEXT),
		CASE("GET /hello HTTP/1.1\r\n " HOST "\r\n" NEXT),
		/* The library glues a folded line to the name: this one it takes for a Content-Length. */
		CASE("POST /form HTTP/1.1\r\n" HOST "Content-: 60\r\n Length\r\n\r\n" NEXT),
		CASE("GET /hello HTTP/1.1\r\n\r\n" NEXT),
		CASE("GET /hello HTTP/1.1\r\n" HOST "X: a\0b\r\n\r\n" NEXT),
		CASE("GET /hello HTTP/1.1\r\n" HOST "X\0: ab\r\n\r\n" NEXT),
		CASE("GET /hello\0x HTTP/1.1\r\n" HOST "\r\n" NEXT),
		CASE("GET /a/%2e%2e/%2e%2e/etc%00x HTTP/1.1\r\n" HOST "\r\n" NEXT),
		CASE("GET /apps/%2e%2e/hello HTTP/1.1\r\n" HOST "\r\n" NEXT),
		CASE("GET /apps/../hello HTTP/1.1\r\n" HOST "\r\n" NEXT),
		CASE("GET /apps/a%2fb HTTP/1.1\r\n" HOST "\r\n" NEXT),
		CASE("GET /hello%00 HTTP/1.1\r\n" HOST "\r\n" NEXT),
		CASE("GET /hello?a=%00 HTTP/1.1\r\n" HOST "\r\n" NEXT),
		CASE("GET  /hello HTTP/1.1\r\n" HOST "\r\n" NEXT),
		CASE("GET hello HTTP/1.1\r\n" HOST "\r\n" NEXT),
		CASE("GET http://evil/hello HTTP/1.1\r\n" HOST "\r\n" NEXT),
		CASE("GET /hello HTTP/1.1\r\n" HOST "Host: b\r\n\r\n" NEXT),
		CASE("GET /hello HTTP/1.1\r\nHost: a/b\r\n\r\n" NEXT),
		CASE("GET /hello HTTP/1.1\r\n" HOST "X: a\x01\r\n\r\n" NEXT),
		CASE("GET /hello HTTP/1.1\r\n" HOST "X: a\rb\r\n\r\n" NEXT),
		CASE("GET /hello HTTP/1.2\r\n" HOST "\r\n" NEXT),
	};
	struct server_conf conf = test_conf();
	struct server *server = start(*state, &conf);

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char *text = client_talk(*state, server, cases[i].text, cases[i].len);

		/* Refusing a Content-Length itself, the library writes its own head twice, then closes. */
		if (strncmp(text, "HTTP/1.1 4", 10) != 0 || strstr(text, "HTTP/1.1 2") || strstr(text, "hello"))
			fail_msg("case %zu (%.60s): %s", i, cases[i].text, text);
	}
	server_stop(server);
}

static void
what_is_odd_but_clear_is_answered(void **state)
{
	struct server_conf conf = test_conf();
	struct server *server = start(*state, &conf);
	char *text, *line;

	assert_int_equal(count_of(TALK("GET http://A/hello HTTP/1.1\r\n" HOST "\r\n" NEXT), "hello"), 2);
	assert_int_equal(count_of(TALK("\r\nGET /hello HTTP/1.1\r\nHost:a  \r\nX:\r\nY:\t \r\n\r\n" NEXT), "hello"), 2);
	assert_int_equal(count_of(TALK("GET /hello?%41&b HTTP/1.0\r\n\r\n"), "hello"), 1);
	/* Pipelined behind one that a worker answers: in order. */
	text = TALK("POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n3;x=y\r\none\r\n0\r\nT: r\r\n\r\n" NEXT);
	assert_non_null(strstr(text, "one"));
	assert_non_null(strstr(strstr(text, "one"), "hello"));
	/* A request line of 16 KB passes, as a query must be able to hold a manifest's URL and more. */
	line = mem_size(*state, 17000);
	snprintf(line, 17000, "GET /hello?q=%0*d HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n", 16300, 0);
	assert_int_equal(count_of(client_talk(*state, server, line, strlen(line)), "hello"), 1);
	snprintf(line, 17000, "GET /hello?q=%0*d HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n", 16500, 0);
	assert_non_null(strstr(client_talk(*state, server, line, strlen(line)), "HTTP/1.1 413"));
	server_stop(server);
}

/* ---- time ---- */

static struct server_conf
hasty_conf(void)
{
	struct server_conf conf = test_conf();

	conf.head_s = conf.body_grace_s = conf.idle_s = 1;
	conf.idle_trusted_s = 3600;
	return conf;
}

/* Sends a byte every 100 ms until the server ends it; returns how many it took, at most `max`. */
static int
drip(int fd, int max)
{
	int n = 0;
	char c;

	for (; n < max && send(fd, "x", 1, MSG_NOSIGNAL) == 1; n++) {
		usleep(100000);
		if (recv(fd, &c, 1, MSG_DONTWAIT | MSG_PEEK) == 0)
			break;
	}
	return n;
}

static void
a_head_that_drips_is_ended_on_a_new_and_on_a_kept_connection(void **state)
{
	struct server_conf conf = hasty_conf();
	struct server *server = start(*state, &conf);
	int64_t before = count_get(COUNT_REAPED);
	char text[1024];
	int fd = client_dial(server);

	client_say(fd, "GET /", 5);
	assert_true(drip(fd, 600) < 600);
	close(fd);
	fd = client_dial(server);
	client_say(fd, "GET /hello HTTP/1.1\r\n" HOST "\r\n", 32);
	assert_true(recv(fd, text, sizeof text, 0) > 0);
	client_say(fd, "GET /", 5);
	assert_true(drip(fd, 600) < 600);
	close(fd);
	assert_int_equal(count_get(COUNT_REAPED), before + 2);
	server_stop(server);
}

static void
a_body_that_drips_is_ended_and_cut(void **state)
{
	static const char head[] = "PUT /upload HTTP/1.1\r\n" HOST "Content-Length: 100000\r\n\r\n";
	struct server_conf conf = hasty_conf();
	struct server *server = start(*state, &conf);
	int fd = client_dial(server);

	atomic_store(&cuts, 0);
	client_say(fd, head, sizeof head - 1);
	assert_true(drip(fd, 600) < 600);
	close(fd);
	server_stop(server);
	assert_int_equal(atomic_load(&cuts), 1);
}

static void
an_idle_connection_is_ended_unless_a_proxy_holds_it(void **state)
{
	struct server_conf conf = hasty_conf();
	struct server *server = start(*state, &conf);
	char text[1024];
	int fd = client_dial(server);

	client_say(fd, "GET /hello HTTP/1.1\r\n" HOST "\r\n", 32);
	assert_true(recv(fd, text, sizeof text, 0) > 0);
	assert_int_equal(recv(fd, text, sizeof text, 0), 0);
	close(fd);
	server_stop(server);

	conf.trusted_proxies = "127.0.0.0/8";
	server = start(*state, &conf);
	fd = client_dial(server);
	client_say(fd, "GET /hello HTTP/1.1\r\n" HOST "\r\n", 32);
	assert_true(recv(fd, text, sizeof text, 0) > 0);
	usleep(2000000);
	assert_int_equal(recv(fd, text, 1, MSG_DONTWAIT), -1);
	server_stop(server);
	assert_int_equal(recv(fd, text, sizeof text, 0), 0);	/* idle ones do not keep us from stopping */
	close(fd);
}

/* ---- who it is ---- */

static void
a_trusted_proxy_is_believed_about_its_client(void **state)
{
	struct server_conf conf = test_conf();
	const char *path = mem_printf(*state, "%s/sock", test_dir(*state));
	struct server *server;
	struct client_got got;

	conf.trusted_proxies = "127.0.0.1 10.0.0.0/8 unix";
	for (int local = 0; local < 2; local++) {
		if (local)
			conf.listen = mem_printf(*state, "unix:%s", path);
		server = start(*state, &conf);
		got = ASK("/apps/x", .unix_path = local ? path : NULL,
			  .headers = { "X-Forwarded-For: 203.0.113.9, 198.51.100.7, 10.1.2.3", "X-Forwarded-Proto: https" });
		assert_non_null(strstr(got.text, "\"address\":\"198.51.100.7\""));
		assert_non_null(strstr(got.text, "\"secure\":true"));
		server_stop(server);
	}
	assert_int_equal(access(path, F_OK), -1);
}

static void
where_a_proxy_speaks_from_this_host_nobody_is_local_by_his_address(void **state)
{
	static const struct {
		const char *trusted, *header;
		bool local;
	} cases[] = {
		{ NULL, NULL, true }, { "10.0.0.0/8", NULL, true }, { "127.0.0.1", NULL, false },
		{ "unix", NULL, false }, { "::1", NULL, false }, { "0.0.0.0/0", NULL, false },
		{ NULL, "X-Forwarded-For: 127.0.0.1", false }, { "127.0.0.1", "X-Forwarded-For: 127.0.0.1", false },
		{ NULL, "Forwarded: for=127.0.0.1", false },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct server_conf conf = test_conf();
		struct server *server;

		conf.trusted_proxies = cases[i].trusted;
		server = start(*state, &conf);
		if (!strstr(ASK("/apps/x", .headers = { cases[i].header }).text,
			    cases[i].local ? "\"local\":true" : "\"local\":false"))
			fail_msg("%zu: %s %s", i, cases[i].trusted, cases[i].header);
		server_stop(server);
	}
}

static void
one_address_cannot_take_every_connection(void **state)
{
	struct server_conf conf = test_conf();
	struct server *server;
	int fds[3];
	char c;

	conf.connections_per_address_max = 2;
	server = start(*state, &conf);
	for (int i = 0; i < 3; i++) {
		fds[i] = client_dial(server);
		client_say(fds[i], "GET /hello HTTP/1.1\r\n" HOST "\r\n", 32);
		if (i < 2)
			assert_int_equal(recv(fds[i], &c, 1, 0), 1);
		else
			assert_true(recv(fds[i], &c, 1, 0) <= 0);
	}
	for (int i = 0; i < 3; i++)
		close(fds[i]);
	server_stop(server);
}

static void
a_socket_that_a_dead_server_left_is_replaced_and_a_living_one_is_not(void **state)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	const char *path = mem_printf(*state, "%s/sock", test_dir(*state));
	struct server_conf conf = test_conf();
	struct server *server, *second;
	struct err err = { 0 };
	struct stat st;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(at.sun_path, sizeof at.sun_path, "%s", path);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
	close(fd);
	conf.listen = mem_printf(*state, "unix:%s", path);
	server = start(*state, &conf);
	assert_int_equal(server_port(server), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0660);	/* the proxy's user is in our group */
	assert_false(server_start(*state, &conf, &second, &err));
	assert_int_equal(err.kind, ERR_CONFLICT);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof at), 0);
	client_say(fd, "GET /hello HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n", 51);
	assert_non_null(strstr(client_hear(*state, fd), "hello"));
	server_stop(server);
}

/* ---- certificates, stopping ---- */

static void
a_new_certificate_is_used_without_a_restart_and_a_broken_one_is_not(void **state)
{
	const char *dir = test_dir(*state);
	struct test_cert a = test_cert(*state, dir, "a"), b = test_cert(*state, dir, "b");
	struct server_conf conf = test_conf();
	struct err err = { 0 };
	struct server *server;
	CURL *curl = curl_easy_init();
	struct curl_certinfo *info;

	conf.cert_file = a.cert_file;
	conf.key_file = a.key_file;
	server = start(*state, &conf);
	for (int i = 0; i < 3; i++) {
		const char *expected = i == 0 ? "Subject:CN = a" : "Subject:CN = b";

		if (i == 1) {
			assert_int_equal(rename(b.key_file, a.key_file), 0);
			assert_false(server_reload_tls(server, &err));	/* b's key, a's certificate */
			assert_int_equal(rename(b.cert_file, a.cert_file), 0);
			assert_ok(server_reload_tls(server, &err), &err);
		} else if (i == 2) {
			assert_int_equal(truncate(a.cert_file, 100), 0);
			assert_false(server_reload_tls(server, &err));
		}
		curl_easy_setopt(curl, CURLOPT_URL, mem_printf(*state, "https://127.0.0.1:%d/hello", server_port(server)));
		curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L);
		curl_easy_setopt(curl, CURLOPT_CERTINFO, 1L);
		curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
		curl_easy_setopt(curl, CURLOPT_FRESH_CONNECT, 1L);
		assert_int_equal(curl_easy_perform(curl), CURLE_OK);
		curl_easy_getinfo(curl, CURLINFO_CERTINFO, &info);
		assert_string_equal(info->certinfo[0]->data, expected);
	}
	curl_easy_cleanup(curl);
	server_stop(server);
}

static void
the_device_listener_asks_for_a_certificate_and_takes_none_too(void **state)
{
	const char *dir = test_dir(*state);
	struct test_cert cert = test_cert(*state, dir, "server"), ca = test_cert(*state, dir, "ca");
	struct server_conf conf = test_conf();
	struct bytes pem = test_file(*state, ca.cert_file);
	struct server *server;

	conf.cert_file = cert.cert_file;
	conf.key_file = cert.key_file;
	conf.client_ca = mem_textn(*state, pem.p, pem.len);
	conf.io_threads = 1;
	server = start(*state, &conf);
	assert_string_equal(ASK("/cert", .tls = true).text, "no certificate");
	assert_non_null(strstr(ASK("/cert", .tls = true, .cert = &ca).text, "a certificate of "));
	server_stop(server);
}

static void *
ask_often(void *arg)
{
	const int *port = arg;
	TALLOC_CTX *ctx = talloc_named_const(NULL, 0, "client");
	CURL *curl = curl_easy_init();

	for (int i = 0; i < 1000; i++) {
		struct client_got got = client_ask_with(curl, ctx, *port,
					  i % 3 ? &(struct client_ask){ "/worker" } :
						  &(struct client_ask){ "/upload?mode=pause", .len = 100000 });

		if (got.rc)	/* stopping */
			break;
	}
	curl_easy_cleanup(curl);
	talloc_free(ctx);
	return NULL;
}

static void
stopping_under_load_finishes_what_is_under_way(void **state)
{
	for (int round = 0; round < 3; round++) {
		struct server_conf conf = test_conf();
		struct server *server = start(*state, &conf);
		pthread_t clients[4];
		int port = server_port(server);

		for (int i = 0; i < 4; i++)
			pthread_create(&clients[i], NULL, ask_often, &port);
		usleep(300000);
		server_stop(server);
		for (int i = 0; i < 4; i++)
			pthread_join(clients[i], NULL);
	}
	assert_int_equal(count_get(COUNT_CONNECTIONS), 0);
}

static void
a_server_that_cannot_start_says_why(void **state)
{
	static const struct route twice[] = { { GET, "/a", WHO_ANYONE, "0", ON_IO, get_hello },
					      { GET, "/a", WHO_ANYONE, "0", ON_IO, get_hello },
					      { 0 } };
	const struct route *const bad[] = { twice, NULL };
	struct server_conf conf = test_conf();
	struct server *server;
	struct err err = { 0 };

	conf.listen = "nonsense";
	assert_false(server_start(*state, &conf, &server, &err));
	conf = test_conf();
	conf.cert_file = conf.key_file = "/nowhere";
	assert_false(server_start(*state, &conf, &server, &err));
	assert_non_null(strstr(err.cause, "/nowhere"));
	conf = test_conf();
	conf.trusted_proxies = "10.0.0.0/33";
	assert_false(server_start(*state, &conf, &server, &err));
	conf = test_conf();
	conf.routes = bad;
	assert_false(server_start(*state, &conf, &server, &err));
	assert_non_null(strstr(err.cause, "twice"));
}

TESTS(one_connection_carries_many_requests_of_both_kinds,
      a_handler_sees_path_query_cookies_and_what_the_client_prefers,
      an_address_keeps_what_was_asked_and_encodes_it,
      refusals_have_one_exit_and_say_what_is_possible,
      bodies_in_memory_are_whole_and_bounded,
      a_file_is_served_whole_in_part_or_not_at_all,
      what_has_not_changed_is_said_by_the_head_alone,
      a_download_that_was_cut_is_logged_with_what_went_out, no_form_of_a_target_shows_its_token_in_the_log,
      an_upload_reaches_its_sink_whole_however_often_it_pauses,
      an_upload_refused_on_the_way_is_answered_behind_it_and_cut,
      a_client_that_leaves_has_its_upload_cut,
      a_refused_upload_sees_its_answer_every_time,
      an_ambiguous_request_ends_its_connection_with_one_refusal,
      what_is_odd_but_clear_is_answered,
      a_head_that_drips_is_ended_on_a_new_and_on_a_kept_connection,
      a_body_that_drips_is_ended_and_cut,
      an_idle_connection_is_ended_unless_a_proxy_holds_it,
      a_trusted_proxy_is_believed_about_its_client,
      where_a_proxy_speaks_from_this_host_nobody_is_local_by_his_address,
      one_address_cannot_take_every_connection,
      a_new_certificate_is_used_without_a_restart_and_a_broken_one_is_not,
      the_device_listener_asks_for_a_certificate_and_takes_none_too,
      a_socket_that_a_dead_server_left_is_replaced_and_a_living_one_is_not,
      stopping_under_load_finishes_what_is_under_way,
      a_server_that_cannot_start_says_why)
