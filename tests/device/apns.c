/* The fake APNs' one thread: who comes in, what can be read, whose answer's time has come. */
#include "tests/device/apns_fake.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
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

const char *apns_papers(struct apns *apns);	/* apns_papers.c */

void
apns_watch(struct apns *apns, int fd, void *what, bool writing, bool again)
{
	struct epoll_event e = { EPOLLIN | (writing ? EPOLLOUT : 0), { .ptr = what } };

	epoll_ctl(apns->epoll, again ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &e);
}

/* ---- what is called for ---- */

static bool
is_door(const struct apns *apns, const void *what)
{
	for (const struct door *d = apns->doors; d; d = d->next)
		if (d == what)
			return true;
	return false;
}

static bool
is_conn(const struct apns *apns, const void *what)
{
	for (const struct conn *c = apns->conns; c; c = c->next)
		if (c == what)
			return true;
	return false;
}

static void
answer_late(struct apns *apns)
{
	int64_t now = clock_ms();

	while (apns->waiting && apns->waiting->due <= now) {
		struct ask *ask = apns->waiting;

		apns->waiting = ask->next;
		if (!apns->waiting)
			apns->waiting_end = &apns->waiting;
		apns_answer(apns, ask);
		apns_flush(apns, ask->conn);
	}
}

static void
end_those_that_end(struct apns *apns)
{
	for (struct conn *c = apns->conns, *next; c; c = next) {
		next = c->next;
		if (c->ends)
			apns_end(apns, c);
	}
}

static void *
loop(void *arg)
{
	struct apns *apns = arg;
	struct epoll_event events[EVENTS];

	for (;;) {
		int wait = apns->waiting ? 1 : -1, n = epoll_wait(apns->epoll, events, EVENTS, wait);

		for (int i = 0; i < n; i++) {
			void *what = events[i].data.ptr;

			if (what == &apns->stop)
				return NULL;
			if (what == &apns->listen_fd)
				apns_accept(apns);
			else if (what == &apns->door_fd)
				apns_door_accept(apns);
			else if (is_conn(apns, what))
				apns_serve(apns, what, events[i].events);
			else if (is_door(apns, what))
				apns_door_serve(apns, what, events[i].events);
		}
		answer_late(apns);
		end_those_that_end(apns);
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
open_tls(struct apns *apns)
{
	const char *dir = apns_papers(apns);
	const char *ca = mem_printf(apns, "%s/ca.pem", dir), *cert = mem_printf(apns, "%s/server.pem", dir);

	apns->ssl = mem_must(SSL_CTX_new(TLS_server_method()));
	SSL_CTX_set_min_proto_version(apns->ssl, TLS1_2_VERSION);
	SSL_CTX_set_mode(apns->ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_alpn_select_cb(apns->ssl, choose_h2, NULL);
	SSL_CTX_set_verify(apns->ssl, SSL_VERIFY_PEER, any_time);
	SSL_CTX_set_session_id_context(apns->ssl, (const unsigned char *)"apns", 4);
	if (SSL_CTX_use_certificate_chain_file(apns->ssl, cert) != 1 ||
	    SSL_CTX_use_PrivateKey_file(apns->ssl, cert, SSL_FILETYPE_PEM) != 1 ||
	    SSL_CTX_load_verify_locations(apns->ssl, ca, NULL) != 1)
		phone_die("the papers of the fake APNs in %s", dir);
}

static void
listen_tcp(struct apns *apns)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons((uint16_t)apns->opts.port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof at;

	apns->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	setsockopt(apns->listen_fd, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int));
	setsockopt(apns->listen_fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
	if (apns->listen_fd < 0 || bind(apns->listen_fd, (void *)&at, sizeof at) != 0 || listen(apns->listen_fd, 64) != 0 ||
	    getsockname(apns->listen_fd, (void *)&at, &len) != 0)
		phone_die("listen on port %d: %s", apns->opts.port, strerror(errno));
	snprintf(apns->url, sizeof apns->url, "https://127.0.0.1:%d", ntohs(at.sin_port));
}

static void
listen_door(struct apns *apns)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };

	if ((size_t)snprintf(at.sun_path, sizeof at.sun_path, "%s/door", apns->opts.dir) >= sizeof at.sun_path)
		phone_die("%s is too long for a socket", apns->opts.dir);
	unlink(at.sun_path);
	apns->door_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (apns->door_fd < 0 || bind(apns->door_fd, (void *)&at, sizeof at) != 0 || listen(apns->door_fd, 64) != 0)
		phone_die("listen on %s: %s", at.sun_path, strerror(errno));
}

static int
shut(struct apns *apns)
{
	ssize_t n = write(apns->stop[1], "x", 1);

	(void)n;
	pthread_join(apns->thread, NULL);
	while (apns->conns)
		apns_end(apns, apns->conns);
	for (struct door *d = apns->doors; d; d = d->next)
		close(d->fd);
	SSL_CTX_free(apns->ssl);
	json_decref(apns->answers);
	json_decref(apns->wrongs);
	json_decref(apns->topics);
	close(apns->listen_fd);
	close(apns->door_fd);
	close(apns->epoll);
	close(apns->stop[0]);
	close(apns->stop[1]);
	return 0;
}

struct apns *
apns_open(TALLOC_CTX *ctx, const struct apns_opts *opts)
{
	struct apns *apns = mem_new(ctx, struct apns);
	struct err err;
	const char *path;

	apns->opts = *opts;
	apns->opts.dir = mem_text(apns, opts->dir);
	apns->waiting_end = &apns->waiting;
	apns_reset(apns);
	open_tls(apns);
	listen_tcp(apns);
	listen_door(apns);
	apns->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (apns->epoll < 0 || pipe2(apns->stop, O_CLOEXEC) != 0)
		phone_die("%s", strerror(errno));
	apns_watch(apns, apns->stop[0], &apns->stop, false, false);
	apns_watch(apns, apns->listen_fd, &apns->listen_fd, false, false);
	apns_watch(apns, apns->door_fd, &apns->door_fd, false, false);
	if (pthread_create(&apns->thread, NULL, loop, apns) != 0)
		phone_die("start a thread");
	talloc_set_destructor(apns, shut);
	path = mem_printf(apns, "%s/url", opts->dir);
	if (!file_write(path, 0600, (struct bytes){ apns->url, strlen(apns->url) }, &err))
		phone_die("%s: %s", path, err.cause);
	return apns;
}

const char *
apns_url(const struct apns *apns)
{
	return apns->url;
}
