/* The fake APNs' one thread: who comes in, what can be read, whose answer's time has come. */
#include "tests/device/apns_fake.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "core/clock.h"
#include "core/file.h"
#include "tests/device/phone.h"

#define EVENTS 64

const char *fake_papers(struct fake *fake);	/* apns_papers.c */

void
fake_watch(struct fake *fake, int fd, void *what, bool writing, bool again)
{
	struct epoll_event e = { EPOLLIN | (writing ? EPOLLOUT : 0), { .ptr = what } };

	epoll_ctl(fake->epoll, again ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &e);
}

/* ---- what is called for ---- */

static bool
is_door(const struct fake *fake, const void *what)
{
	for (const struct door *d = fake->doors; d; d = d->next)
		if (d == what)
			return true;
	return false;
}

static bool
is_conn(const struct fake *fake, const void *what)
{
	for (const struct conn *c = fake->conns; c; c = c->next)
		if (c == what)
			return true;
	return false;
}

static void
answer_late(struct fake *fake)
{
	int64_t now = clock_ms();

	while (fake->waiting && fake->waiting->due <= now) {
		struct ask *ask = fake->waiting;

		fake->waiting = ask->next;
		if (!fake->waiting)
			fake->waiting_end = &fake->waiting;
		fake_answer(fake, ask);
		fake_flush(fake, ask->conn);
	}
}

static void
end_those_that_end(struct fake *fake)
{
	for (struct conn *c = fake->conns, *next; c; c = next) {
		next = c->next;
		if (c->ends)
			fake_end(fake, c);
	}
}

static void *
loop(void *arg)
{
	struct fake *fake = arg;
	struct epoll_event events[EVENTS];
	sigset_t pipe_signal;

	sigemptyset(&pipe_signal);
	sigaddset(&pipe_signal, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &pipe_signal, NULL);
	for (;;) {
		int wait = fake->waiting ? 1 : -1, n = epoll_wait(fake->epoll, events, EVENTS, wait);

		for (int i = 0; i < n; i++) {
			void *what = events[i].data.ptr;

			if (what == &fake->stop)
				return NULL;
			if (what == &fake->listen_fd)
				fake_accept(fake);
			else if (what == &fake->door_fd)
				fake_door_accept(fake);
			else if (is_conn(fake, what))
				fake_serve(fake, what, events[i].events);
			else if (is_door(fake, what))
				fake_door_serve(fake, what, events[i].events);
		}
		answer_late(fake);
		end_those_that_end(fake);
	}
}

/* ---- start and stop ---- */

static int
choose_h2(SSL *ssl, const unsigned char **out, unsigned char *len, const unsigned char *in, unsigned in_len, void *arg)
{
	(void)ssl;
	(void)arg;
	return nghttp2_select_next_protocol((unsigned char **)(uintptr_t)out, len, in, in_len) == 1 ? SSL_TLSEXT_ERR_OK
												    : SSL_TLSEXT_ERR_ALERT_FATAL;
}

/* The clock of a test is not that of OpenSSL: who has expired is not refused here. */
static int
any_time(int ok, X509_STORE_CTX *store)
{
	int why = X509_STORE_CTX_get_error(store);

	return ok || why == X509_V_ERR_CERT_HAS_EXPIRED || why == X509_V_ERR_CERT_NOT_YET_VALID;
}

static void
open_tls(struct fake *fake)
{
	const char *dir = fake_papers(fake);
	const char *ca = mem_printf(fake, "%s/ca.pem", dir), *cert = mem_printf(fake, "%s/server.pem", dir);

	fake->ssl = mem_must(SSL_CTX_new(TLS_server_method()));
	SSL_CTX_set_min_proto_version(fake->ssl, TLS1_2_VERSION);
	SSL_CTX_set_mode(fake->ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_alpn_select_cb(fake->ssl, choose_h2, NULL);
	SSL_CTX_set_verify(fake->ssl, SSL_VERIFY_PEER, any_time);
	SSL_CTX_set_session_id_context(fake->ssl, (const unsigned char *)"apns", 4);
	if (SSL_CTX_use_certificate_chain_file(fake->ssl, cert) != 1 ||
	    SSL_CTX_use_PrivateKey_file(fake->ssl, cert, SSL_FILETYPE_PEM) != 1 ||
	    SSL_CTX_load_verify_locations(fake->ssl, ca, NULL) != 1)
		phone_die("the papers of the fake APNs in %s", dir);
}

static void
listen_tcp(struct fake *fake)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons((uint16_t)fake->opts.port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof at;

	fake->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	setsockopt(fake->listen_fd, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int));
	setsockopt(fake->listen_fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
	if (fake->listen_fd < 0 || bind(fake->listen_fd, (void *)&at, sizeof at) != 0 || listen(fake->listen_fd, 64) != 0 ||
	    getsockname(fake->listen_fd, (void *)&at, &len) != 0)
		phone_die("listen on port %d: %s", fake->opts.port, strerror(errno));
	snprintf(fake->url, sizeof fake->url, "https://127.0.0.1:%d", ntohs(at.sin_port));
}

static void
listen_door(struct fake *fake)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };

	if ((size_t)snprintf(at.sun_path, sizeof at.sun_path, "%s/door", fake->opts.dir) >= sizeof at.sun_path)
		phone_die("%s is too long for a socket", fake->opts.dir);
	unlink(at.sun_path);
	fake->door_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fake->door_fd < 0 || bind(fake->door_fd, (void *)&at, sizeof at) != 0 || listen(fake->door_fd, 64) != 0)
		phone_die("listen on %s: %s", at.sun_path, strerror(errno));
}

static int
shut(struct fake *fake)
{
	ssize_t n = write(fake->stop[1], "x", 1);

	(void)n;
	pthread_join(fake->thread, NULL);
	while (fake->conns)
		fake_end(fake, fake->conns);
	for (struct door *d = fake->doors; d; d = d->next)
		close(d->fd);
	SSL_CTX_free(fake->ssl);
	json_decref(fake->answers);
	json_decref(fake->wrongs);
	json_decref(fake->topics);
	close(fake->listen_fd);
	close(fake->door_fd);
	close(fake->epoll);
	close(fake->stop[0]);
	close(fake->stop[1]);
	return 0;
}

struct fake *
fake_open(TALLOC_CTX *ctx, const struct fake_opts *opts)
{
	struct fake *fake = mem_new(ctx, struct fake);
	struct err err;
	const char *path;

	fake->opts = *opts;
	fake->opts.dir = mem_text(fake, opts->dir);
	fake->opts.keep = opts->keep ? mem_text(fake, opts->keep) : NULL;
	fake->waiting_end = &fake->waiting;
	fake_reset(fake);
	open_tls(fake);
	listen_tcp(fake);
	listen_door(fake);
	fake->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (fake->epoll < 0 || pipe2(fake->stop, O_CLOEXEC) != 0)
		phone_die("%s", strerror(errno));
	fake_watch(fake, fake->stop[0], &fake->stop, false, false);
	fake_watch(fake, fake->listen_fd, &fake->listen_fd, false, false);
	fake_watch(fake, fake->door_fd, &fake->door_fd, false, false);
	if (pthread_create(&fake->thread, NULL, loop, fake) != 0)
		phone_die("start a thread");
	talloc_set_destructor(fake, shut);
	path = mem_printf(fake, "%s/url", opts->dir);
	if (!file_write(path, 0600, (struct bytes){ fake->url, strlen(fake->url) }, &err))
		phone_die("%s: %s", path, err.cause);
	return fake;
}

const char *
fake_url(const struct fake *fake)
{
	return fake->url;
}
