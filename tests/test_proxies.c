/*
 * The server directly and behind real proxies: no request is ever read where the proxy saw a body,
 * and none of them makes the next client's answer another one's.
 *
 * nginx and HAProxy run with a configuration of this test's own on ports of its own; where one is
 * not installed its test is skipped.
 */
#include "tests/check.h"
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "core/log.h"
#include "web/server.h"

static atomic_int smuggled;

static bool
get_victim(struct req *req, struct reply *reply, struct err *err)
{
	(void)err;
	return reply_text(reply, 200, "text/plain", mem_printf(req, "you are %s from %s%s", req_param(req, "name"),
							     req->address, req->secure ? " by TLS" : ""));
}

static bool
get_smuggled(struct req *req, struct reply *reply, struct err *err)
{
	(void)req;
	(void)err;
	atomic_fetch_add(&smuggled, 1);
	return reply_text(reply, 200, "text/plain", "smuggled");
}

static bool
post_any(struct req *req, struct reply *reply, struct err *err)
{
	(void)err;
	return reply_text(reply, 200, "text/plain", mem_printf(req, "%zu bytes", req->body.len));
}

static const struct route rows[] = {
	{ GET, "/victim/:name", WHO_ANYONE, "0", ON_IO, get_victim },
	{ GET, "/slow/:name", WHO_ANYONE, "0", ON_WORKER, get_victim },
	{ GET, "/smuggled", WHO_ANYONE, "0", ON_IO, get_smuggled },
	{ POST, "/any", WHO_ANYONE, "64K", ON_WORKER, post_any },
	{ PUT, "/private", WHO_PERSON, "64K", ON_WORKER, post_any },
	{ 0 }
};
static const struct route *const tables[] = { rows, NULL };

static bool
admit(struct req *req, struct err *err)
{
	return req->route->who == WHO_ANYONE || err_set(err, ERR_SIGN_IN, "sign in first");
}

static void
say_no(struct req *req, struct reply *reply, const struct err *err)
{
	(void)req;
	reply_text(reply, err_http_status(err->kind), "text/plain", err->cause);
}

static int64_t
body_max(struct site *site, const struct route *route)
{
	(void)site;
	return strcmp(route->body_max, "64K") == 0 ? 65536 : 0;
}

static const struct server_calls calls = { .admit = admit, .refuse = say_no, .body_max = body_max };

static struct server *
start(TALLOC_CTX *ctx, const char *listen)
{
	struct server_conf conf = {
		.listen = listen, .io_threads = 2, .workers = 2, .connections_max = 1000,
		.head_s = 10, .body_grace_s = 10, .idle_s = 15, .idle_trusted_s = 60, .body_rate_min = 1000,
		.trusted_proxies = "127.0.0.1 unix", .routes = tables, .calls = &calls,
	};
	struct server *server = NULL;
	struct err err = { 0 };

	log_setup(LOG_ERROR_ + 1, false);
	assert_ok(server_start(ctx, &conf, &server, &err), &err);
	return server;
}

/* ---- a proxy of this test's own ---- */

static int
free_port(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof at;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
	close(fd);
	return ntohs(at.sin_port);
}

static int
dial(int port)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct timeval wait = { .tv_sec = 3 };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
	if (connect(fd, (struct sockaddr *)&at, sizeof at) == 0)
		return fd;
	close(fd);
	return -1;
}

static void
write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

/* Runs it and waits until it answers on `port`; 0 when it is not installed. */
static pid_t
run(char *const argv[], int port)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		int null = open("/dev/null", O_RDWR | O_CLOEXEC);

		dup2(null, 1);
		dup2(null, 2);
		execvp(argv[0], argv);
		_exit(127);
	}
	for (int i = 0; i < 1000; i++) {
		int fd;

		if (waitpid(pid, &status, WNOHANG) == pid) {
			if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
				return 0;
			fail_msg("%s ended with status %d", argv[0], status);
		}
		fd = dial(port);
		if (fd >= 0) {
			close(fd);
			return pid;
		}
		usleep(10000);
	}
	fail_msg("%s does not answer", argv[0]);
	return 0;
}

static void
end(pid_t pid)
{
	kill(pid, SIGTERM);
	waitpid(pid, NULL, 0);
}

static pid_t
run_nginx(TALLOC_CTX *ctx, const char *dir, const char *upstream, int port)
{
	char *conf = mem_printf(ctx, "%s/nginx.conf", dir);
	char *const argv[] = { "nginx", "-e", "/dev/null", "-p", (char *)(uintptr_t)dir, "-c", conf, NULL };

	write_file(conf, mem_printf(ctx,
		"daemon off; master_process off; pid %s/pid; error_log /dev/null;\n"
		"events { worker_connections 256; }\n"
		"http { access_log off; client_body_temp_path %s/b; proxy_temp_path %s/p; fastcgi_temp_path %s/f;\n"
		" uwsgi_temp_path %s/u; scgi_temp_path %s/s; client_max_body_size 0;\n"
		" upstream pomona { server %s; keepalive 4; }\n"
		" server { listen 127.0.0.1:%d; location / { proxy_pass http://pomona; proxy_http_version 1.1;\n"
		"  proxy_request_buffering off; proxy_set_header Connection \"\"; proxy_set_header Host $host;\n"
		"  proxy_set_header X-Forwarded-Proto https;\n"
		"  proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; } } }\n",
		dir, dir, dir, dir, dir, dir, upstream, port));
	return run(argv, port);
}

static pid_t
run_haproxy(TALLOC_CTX *ctx, const char *dir, int upstream, int port)
{
	char *conf = mem_printf(ctx, "%s/haproxy.cfg", dir);
	char *const argv[] = { "haproxy", "-db", "-f", conf, NULL };

	write_file(conf, mem_printf(ctx,
		"defaults\n mode http\n timeout connect 5s\n timeout client 30s\n timeout server 30s\n"
		" option forwardfor\n http-reuse always\n"
		"frontend f\n bind 127.0.0.1:%d\n http-request set-header X-Forwarded-Proto https\n default_backend b\n"
		"backend b\n server s 127.0.0.1:%d\n", port, upstream));
	return run(argv, port);
}

/* ---- attacks ---- */

#define HOST	"Host: a\r\n"
#define EVIL	"GET /smuggled HTTP/1.1\r\n" HOST "\r\n"	/* 35 bytes, hexadecimal 23 */
#define CASE(text) { text, sizeof(text) - 1 }

/* In each, EVIL stands where it is body, or behind something that must be refused. */
static const struct bytes attacks[] = {
	CASE("POST /any HTTP/1.1\r\n" HOST "Content-Length: 35\r\n\r\n" EVIL),
	CASE("POST /any HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n23\r\n" EVIL "\r\n0\r\n\r\n"),
	CASE("POST /any HTTP/1.1\r\n" HOST "Content-Length: 40\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" EVIL),
	CASE("POST /any HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n23\r\n" EVIL "\r\n0\r\n\r\n"),
	CASE("POST /any HTTP/1.1\r\n" HOST "Content-Length: 0\r\nContent-Length: 35\r\n\r\n" EVIL),
	CASE("POST /any HTTP/1.1\r\n" HOST "Content-Length: 35\r\nContent-Length: 0\r\n\r\n" EVIL),
	CASE("POST /any HTTP/1.1\r\n" HOST "Content-Length: 0, 35\r\n\r\n" EVIL),
	CASE("POST /any HTTP/1.1\r\n" HOST "Content-Length: +35\r\n\r\n" EVIL),
	CASE("POST /any HTTP/1.1\r\n" HOST "Content-Length : 35\r\n\r\n" EVIL),
	CASE("POST /any HTTP/1.1\r\n" HOST "Content-Length\t: 35\r\n\r\n" EVIL),
	CASE("POST /any HTTP/1.1\r\n" HOST "Content-Length:\v35\r\n\r\n" EVIL),
	CASE("POST /any HTTP/1.1\r\n" HOST "Content-Length: 35\0\r\n\r\n" EVIL),
	CASE("POST /any HTTP/1.1\r\n" HOST "Content-Length: 3\0" "5\r\n\r\n" EVIL),
	CASE("POST /any HTTP/1.1\r\n" HOST "Content-Length\0: 35\r\n\r\n" EVIL),
	CASE("POST /any HTTP/1.1\r\n" HOST "X: a\0\r\nContent-Length: 35\r\n\r\n" EVIL),
	CASE("POST /any HTTP/1.1\r\n" HOST "Transfer-Encoding: xchunked\r\n\r\n23\r\n" EVIL "\r\n0\r\n\r\n"),
	CASE("POST /any HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked, identity\r\nContent-Length: 35\r\n\r\n" EVIL),
	CASE("POST /any HTTP/1.1\r\n" HOST "Transfer-Encoding : chunked\r\nContent-Length: 35\r\n\r\n" EVIL),
	CASE("POST /any HTTP/1.1\r\n" HOST "Transfer-Encoding:\v chunked\r\nContent-Length: 35\r\n\r\n" EVIL),
	CASE("POST /any HTTP/1.1\r\n" HOST "X: 1\r\n Transfer-Encoding: chunked\r\nContent-Length: 35\r\n\r\n" EVIL),
	CASE("POST /any HTTP/1.1\r\n" HOST "Transfer-Encoding:\r\n chunked\r\nContent-Length: 35\r\n\r\n" EVIL),
	CASE("POST /any HTTP/1.1\r\n" HOST "Content-Length:\r\n 35\r\n\r\n" EVIL),
	CASE("POST /any HTTP/1.1\r\n" HOST "Content-Length: 3\r\n 5\r\n\r\n" EVIL),
	CASE("POST /any HTTP/1.1\r\n" HOST "Content-: 0\r\n Length\r\nContent-Length: 35\r\n\r\n" EVIL),
	CASE("POST /any HTTP/1.1\r\n" HOST "X: 1\nContent-Length: 35\r\n\r\n" EVIL),
	CASE("POST /any HTTP/1.1\nHost: a\nContent-Length: 35\n\n" EVIL),
	CASE("POST /any HTTP/1.1\r\n" HOST "X: 1\rContent-Length: 0\r\nContent-Length: 35\r\n\r\n" EVIL),
	CASE("POST /any HTTP/1.0\r\n" HOST "Transfer-Encoding: chunked\r\nContent-Length: 35\r\nConnection: keep-alive\r\n\r\n" EVIL),
	CASE("POST /any HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n23;\n\n\r\n" EVIL "\r\n0\r\n\r\n"),
	CASE("POST /any HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n23;a=\"\n" EVIL "\r\n0\r\n\r\n"),
	CASE("POST /any HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n23\r\n" EVIL "\r\n0\r\nContent-Length: 35\r\n\r\n"),
	CASE("GET /victim/x HTTP/1.1\r\n" HOST "Content-Length: 35\r\n\r\n" EVIL),
	CASE("GET /nothing HTTP/1.1\r\n" HOST "Content-Length: 35\r\n\r\n" EVIL),
	CASE("PUT /private HTTP/1.1\r\n" HOST "Content-Length: 35\r\n\r\n" EVIL),
	CASE("PUT /private HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 35\r\n\r\n" EVIL),
	CASE("POST /any HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 35\r\n\r\n" EVIL),
	CASE("HEAD /victim/x HTTP/1.1\r\n" HOST "Content-Length: 35\r\n\r\n" EVIL),
	CASE("POST /any/%2e%2e/x%00 HTTP/1.1\r\n" HOST "Content-Length: 35\r\n\r\n" EVIL),
	CASE("POST http://b/any HTTP/1.1\r\n" HOST "Content-Length: 35\r\n\r\n" EVIL),
};

static char *
hear_until(TALLOC_CTX *ctx, int fd, const char *what)
{
	char *text = mem_size(ctx, 65536);
	size_t len = 0;
	ssize_t n;

	text[0] = '\0';
	while (len < 65535 && !strstr(text, what) && (n = recv(fd, text + len, 65535 - len, 0)) > 0) {
		len += (size_t)n;
		text[len] = '\0';
	}
	return text;
}

/* Honest clients on connections of their own: each must get the answer to its own question. */
static void
ask_victims(TALLOC_CTX *ctx, int port, size_t attack)
{
	for (int i = 0; i < 4; i++) {
		int fd = dial(port);
		char *name = mem_printf(ctx, "v%zu-%d", attack, i), *text;
		char *ask = mem_printf(ctx, "GET /%s/%s HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n",
				       i % 2 ? "slow" : "victim", name);

		assert_true(fd >= 0);
		assert_int_equal(send(fd, ask, strlen(ask), MSG_NOSIGNAL), strlen(ask));
		text = hear_until(ctx, fd, "you are ");
		close(fd);
		if (!strstr(text, mem_printf(ctx, "you are %s from", name)))
			fail_msg("after attack %zu %s was told: %s", attack, name, text);
	}
}

static void
attack_all(TALLOC_CTX *ctx, int port)
{
	for (size_t i = 0; i < sizeof attacks / sizeof *attacks; i++) {
		TALLOC_CTX *one = talloc_new(ctx);
		struct timeval wait = { .tv_usec = 50000 };
		int fd = dial(port);

		atomic_store(&smuggled, 0);
		assert_true(fd >= 0);
		/* What comes is of no interest; the upstream connection's state is. */
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
		send(fd, attacks[i].p, attacks[i].len, MSG_NOSIGNAL);
		hear_until(one, fd, "HTTP/1.1 ");
		ask_victims(one, port, i);
		close(fd);
		ask_victims(one, port, i);
		if (atomic_load(&smuggled))
			fail_msg("attack %zu was smuggled: %s", i, (const char *)attacks[i].p);
		talloc_free(one);
	}
}

static void
believe_the_proxy_and_not_its_client(TALLOC_CTX *ctx, int port)
{
	static const char ask[] = "GET /victim/x HTTP/1.1\r\n" HOST "X-Forwarded-For: 192.0.2.7\r\n"
				  "X-Forwarded-Proto: http\r\nConnection: close\r\n\r\n";
	int fd = dial(port);

	send(fd, ask, sizeof ask - 1, MSG_NOSIGNAL);
	/* 127.0.0.1 is the proxy's client, and a trusted proxy itself: so its word is taken, too. */
	assert_non_null(strstr(hear_until(ctx, fd, "by TLS"), "from 192.0.2.7 by TLS"));
	close(fd);
}

/* A refusal on the headers reaches the client through the proxy, whatever it goes on sending. */
static void
refuse_an_upload_through(TALLOC_CTX *ctx, int port)
{
	static const char head[] = "PUT /private HTTP/1.1\r\n" HOST "Content-Length: 5000000\r\n\r\n";
	static const char block[50000];

	for (int i = 0; i < 20; i++) {
		int fd = dial(port);
		char *text;

		send(fd, head, sizeof head - 1, MSG_NOSIGNAL);
		for (int n = 0; n < 100; n++)
			if (send(fd, block, sizeof block, MSG_NOSIGNAL) <= 0)
				break;
		text = hear_until(ctx, fd, "sign in first");
		close(fd);
		if (!strstr(text, "HTTP/1.1 401"))
			fail_msg("try %d: %s", i, text);
	}
}

static void
nothing_is_smuggled_directly(void **state)
{
	struct server *server = start(*state, "127.0.0.1:0");

	assert_int_equal(strlen(EVIL), 35);
	attack_all(*state, server_port(server));
	server_stop(server);
}

static void
nothing_is_smuggled_through_nginx(void **state)
{
	const char *dir = test_dir(*state);
	char *path = mem_printf(*state, "unix:%s/sock", dir);
	struct server *server = start(*state, path);
	int port = free_port();
	pid_t pid = run_nginx(*state, dir, path, port);

	if (pid) {
		attack_all(*state, port);
		believe_the_proxy_and_not_its_client(*state, port);
		refuse_an_upload_through(*state, port);
		end(pid);
	}
	server_stop(server);
	if (!pid)
		test_skip("nginx is not installed");
}

static void
nothing_is_smuggled_through_haproxy(void **state)
{
	struct server *server = start(*state, "127.0.0.1:0");
	int port = free_port();
	pid_t pid = run_haproxy(*state, test_dir(*state), server_port(server), port);

	if (pid) {
		attack_all(*state, port);
		believe_the_proxy_and_not_its_client(*state, port);
		refuse_an_upload_through(*state, port);
		end(pid);
	}
	server_stop(server);
	if (!pid)
		test_skip("haproxy is not installed");
}

TESTS(nothing_is_smuggled_directly,
      nothing_is_smuggled_through_nginx,
      nothing_is_smuggled_through_haproxy)
