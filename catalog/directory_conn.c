/*
 * Connections to directory servers.
 *
 * The socket is ours: resolved and connected within our time, and under ldap.tls = none only to this
 * very host, judged by the address and not by its name.  libldap would open a lost connection again by
 * itself; that one would begin with TLS (LDAP_OPT_X_TLS), and no connection is used after trouble.
 */
#include "catalog/directory_inner.h"
#include "core/clock.h"
#include "core/resolve.h"
#include "core/text.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openldap.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SYSTEM_CA	"/etc/ssl/certs/ca-certificates.crt"

void
call_say(struct call *call, enum directory_level level, const char *step, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	if (!call->say)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	call->say(call->arg, level, step, text);
}

/* ---- a socket ---- */

int
call_time_left(const struct call *call, int most)
{
	int64_t left = call->until_ms ? call->until_ms - clock_ms() : most;

	return left <= 0 ? 0 : left < most ? (int)left : most;
}

static bool
is_loopback(const struct sockaddr *address)
{
	const struct sockaddr_in *v4 = (const void *)address;
	const struct sockaddr_in6 *v6 = (const void *)address;

	if (address->sa_family == AF_INET)
		return ntohl(v4->sin_addr.s_addr) >> 24 == 127;
	return address->sa_family == AF_INET6 &&
	       (IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr) ||
		(IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr) && v6->sin6_addr.s6_addr[12] == 127));
}

/* A blocking socket whose reads and writes end in time: libldap reads the rest of a message without
 * asking first whether it is there. */
static int
connect_one(const struct addrinfo *to, int ms)
{
	struct timeval most = { DIRECTORY_OPERATION_MS / 1000, 0 };
	int fd = socket(to->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), yes = 1, why = 0;
	socklen_t size = sizeof why;
	struct pollfd wait = { .fd = fd, .events = POLLOUT };

	if (fd < 0)
		return -1;
	if (connect(fd, to->ai_addr, to->ai_addrlen) != 0) {
		if (errno == EINPROGRESS)
			why = poll(&wait, 1, ms) > 0 ? 0 : ETIMEDOUT;
		else
			why = errno;
		if (!why && getsockopt(fd, SOL_SOCKET, SO_ERROR, &why, &size) != 0)
			why = errno;
	}
	if (why) {
		close(fd);
		errno = why;
		return -1;
	}
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &most, sizeof most);
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &most, sizeof most);
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &yes, sizeof yes);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
	return fd;
}

static bool
connect_server(struct call *call, const struct directory_server *server, int *ret, struct err *err)
{
	int ms = call_time_left(call, DIRECTORY_CONNECT_MS), rc, fd = -1;
	int64_t until = clock_ms() + ms;
	char shown[INET6_ADDRSTRLEN] = "";
	struct addrinfo *list = NULL;

	rc = resolve(server->host, server->port, 0, ms, &list);
	if (rc != 0) {
		call_say(call, DIRECTORY_FAIL, "resolve", "%s: %s; is the name right, and the resolver reachable?",
			 server->host, gai_strerror(rc));
		return err_code(err, ERR_UPSTREAM, "directory_down", "%s: %s", server->host, gai_strerror(rc));
	}
	errno = ETIMEDOUT;
	for (const struct addrinfo *a = list; a && fd < 0 && clock_ms() < until; a = a->ai_next) {
		getnameinfo(a->ai_addr, a->ai_addrlen, shown, sizeof shown, NULL, 0, NI_NUMERICHOST);
		if (call->settings->tls == TLS_NONE && !is_loopback(a->ai_addr)) {
			freeaddrinfo(list);
			call_say(call, DIRECTORY_FAIL, "resolve", "%s is %s, which is not this host: passwords would "
				 "travel in the clear. Set ldap.tls to ldaps or starttls", server->host, shown);
			return err_code(err, ERR_UPSTREAM, "directory_plain", "ldap.tls is none, and %s (%s) is not "
					"this host", server->host, shown);
		}
		fd = connect_one(a, (int)(until - clock_ms()));
	}
	rc = errno;
	freeaddrinfo(list);
	if (*shown)
		call_say(call, DIRECTORY_OK, "resolve", "%s is %s", server->host, shown);
	if (fd < 0) {
		call_say(call, DIRECTORY_FAIL, "connect", "%s port %s: %s; is the server up, and no firewall between?",
			 shown, server->port, strerror(rc));
		return err_code(err, ERR_UPSTREAM, "directory_down", "connect %s port %s: %s", server->host,
				server->port, strerror(rc));
	}
	call_say(call, DIRECTORY_OK, "connect", "%s port %s", shown, server->port);
	*ret = fd;
	return true;
}

/* ---- libldap's words ---- */

static const char *
diagnostic(TALLOC_CTX *ctx, LDAP *ld)
{
	char *text = NULL, *copy;

	ldap_get_option(ld, LDAP_OPT_DIAGNOSTIC_MESSAGE, &text);
	copy = text && text_valid(text, strlen(text)) ? text_cut(ctx, text, 160) : mem_text(ctx, "");
	ldap_memfree(text);
	return copy;
}

bool
conn_trouble(struct conn *conn, const char *what, int rc, struct err *err)
{
	void *scratch SCOPED(mem) = talloc_new(NULL);
	const char *more = diagnostic(scratch, conn->ld);

	conn->broken = true;
	err_code(err, ERR_UPSTREAM, rc == LDAP_TIMEOUT ? "directory_slow" : "directory_down", "%s: %s: %s%s%s",
		 conn->server->host, what, rc == LDAP_TIMEOUT ? "no answer in time" : ldap_err2string(rc),
		 *more ? ": " : "", more);
	conn_lost(conn, rc == LDAP_TIMEOUT, err);
	return false;
}

bool
call_await(struct call *call, int id, const char *what, LDAPMessage **result, struct err *err)
{
	struct conn *conn = call->conn;
	/* While nothing has been heard of it and there are others, enough is left for those. */
	bool first = !conn->answered && call->settings->servers_n > 1;
	int ms = call_time_left(call, first ? DIRECTORY_CONNECT_MS : DIRECTORY_OPERATION_MS), rc;
	struct timeval most = { ms / 1000, ms % 1000 * 1000 };

	*result = NULL;
	rc = ms ? ldap_result(conn->ld, id, LDAP_MSG_ALL, &most, result) : 0;
	conn->answered = conn->answered || rc > 0;
	if (rc > 0)
		return true;
	if (rc == 0) {
		ldap_abandon_ext(conn->ld, id, NULL, NULL);
		return conn_trouble(conn, what, LDAP_TIMEOUT, err);
	}
	ldap_get_option(conn->ld, LDAP_OPT_RESULT_CODE, &rc);
	return conn_trouble(conn, what, rc, err);
}

/* ---- opening and closing ---- */

void
conn_close(struct conn *conn)
{
	if (conn->ld)
		ldap_unbind_ext(conn->ld, NULL, NULL);
	talloc_free(conn);
}

static void
set_options(struct conn *conn)
{
	const struct conf *conf = conn->settings->conf;
	struct timeval network = { DIRECTORY_CONNECT_MS / 1000, 0 }, operation = { DIRECTORY_OPERATION_MS / 1000, 0 };
	int version = LDAP_VERSION3, hard = LDAP_OPT_X_TLS_HARD, tls12 = LDAP_OPT_X_TLS_PROTOCOL_TLS1_2, client = 0;
	const char *ca = *conf->ldap_ca_file ? conf->ldap_ca_file : SYSTEM_CA;

	ldap_set_option(conn->ld, LDAP_OPT_PROTOCOL_VERSION, &version);
	ldap_set_option(conn->ld, LDAP_OPT_REFERRALS, LDAP_OPT_OFF);
	ldap_set_option(conn->ld, LDAP_OPT_RESTART, LDAP_OPT_ON);
	ldap_set_option(conn->ld, LDAP_OPT_NETWORK_TIMEOUT, &network);
	ldap_set_option(conn->ld, LDAP_OPT_TIMEOUT, &operation);
	if (conn->settings->tls == TLS_NONE)
		return;
	ldap_set_option(conn->ld, LDAP_OPT_X_TLS, &hard);
	ldap_set_option(conn->ld, LDAP_OPT_X_TLS_REQUIRE_CERT, &hard);
	ldap_set_option(conn->ld, LDAP_OPT_X_TLS_PROTOCOL_MIN, &tls12);
	ldap_set_option(conn->ld, LDAP_OPT_X_TLS_CACERTFILE, ca);
	if (*conf->ldap_client_cert) {
		ldap_set_option(conn->ld, LDAP_OPT_X_TLS_CERTFILE, conf->ldap_client_cert);
		ldap_set_option(conn->ld, LDAP_OPT_X_TLS_KEYFILE, conf->ldap_client_key);
	}
	ldap_set_option(conn->ld, LDAP_OPT_X_TLS_NEWCTX, &client);
}

static bool
start_tls(struct call *call, struct err *err)
{
	struct conn *conn = call->conn;
	void *scratch SCOPED(mem) = talloc_new(NULL);
	LDAPMessage *result = NULL;
	int id = 0, rc = LDAP_SUCCESS;

	if (conn->settings->tls == TLS_STARTTLS) {
		int said = LDAP_SUCCESS;

		rc = ldap_start_tls(conn->ld, NULL, NULL, &id);
		if (rc == LDAP_SUCCESS && !call_await(call, id, "StartTLS", &result, err)) {
			call_say(call, DIRECTORY_FAIL, "TLS", "StartTLS: %s", err->cause);
			return false;
		}
		if (rc == LDAP_SUCCESS)
			rc = ldap_parse_result(conn->ld, result, &said, NULL, NULL, NULL, NULL, 1);
		rc = rc == LDAP_SUCCESS ? said : rc;
	}
	if (rc == LDAP_SUCCESS)
		rc = ldap_install_tls(conn->ld);
	if (rc != LDAP_SUCCESS) {
		call_say(call, DIRECTORY_FAIL, "TLS", "%s: %s; the certificate must be for %s and come from the CA in "
			 "ldap.ca_file (%s)", ldap_err2string(rc), diagnostic(scratch, conn->ld), conn->server->host,
			 *conn->settings->conf->ldap_ca_file ? conn->settings->conf->ldap_ca_file : "empty: the system's");
		return conn_trouble(conn, "TLS", rc, err);
	}
	call_say(call, DIRECTORY_OK, "TLS", "%s, the certificate is good for %s",
		 conn->settings->tls == TLS_LDAPS ? "LDAPS" : "StartTLS", conn->server->host);
	return true;
}

bool
call_open(struct call *call, struct directory_server *server, struct err *err)
{
	struct conn *conn;
	LDAP *ld = NULL;
	int fd = -1, rc;

	if (!connect_server(call, server, &fd, err))
		return false;
	rc = ldap_init_fd(fd, LDAP_PROTO_TCP, server->url, &ld);
	if (rc != LDAP_SUCCESS) {
		if (!ld)
			close(fd);
		return err_set(err, ERR_INTERNAL, "libldap: %s", ldap_err2string(rc));
	}
	call->conn = conn = mem_new(NULL, struct conn);
	conn->directory = call->directory;
	conn->settings = call->settings;
	conn->server = server;
	conn->ld = ld;
	set_options(conn);
	if (call->settings->tls == TLS_NONE)
		call_say(call, DIRECTORY_WARN, "TLS", "none: only because the server is on this very host");
	else if (!start_tls(call, err)) {
		conn_close(conn);
		call->conn = NULL;
		return false;
	}
	return true;
}
