#include "mdm/apns_link.h"
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "core/clock.h"

#define STEP_MS		200	/* how long is waited before *stop is looked at */
#define KEEPALIVE_IDLE_S 300	/* TCP's own, so that a firewall's forgetting is noticed; HTTP/2 PINGs are not needed */
#define SILENT_MS	20000	/* TCP_USER_TIMEOUT: sent and never acknowledged */

/* ---- TCP ---- */

static void
set_options(int fd)
{
	int one = 1, idle = KEEPALIVE_IDLE_S, silent = SILENT_MS;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
	setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &silent, sizeof silent);
}

/* Addresses are kept as IPv6; those that stand for IPv4 are dialled as such. */
static socklen_t
address(const unsigned char ip[16], int port, struct sockaddr_storage *ret)
{
	static const unsigned char v4[12] = { [10] = 0xff, [11] = 0xff };
	struct sockaddr_in *in = (void *)ret;
	struct sockaddr_in6 *in6 = (void *)ret;

	memset(ret, 0, sizeof *ret);
	if (memcmp(ip, v4, sizeof v4) == 0) {
		in->sin_family = AF_INET;
		in->sin_port = htons((uint16_t)port);
		memcpy(&in->sin_addr, ip + 12, 4);
		return sizeof *in;
	}
	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons((uint16_t)port);
	memcpy(&in6->sin6_addr, ip, 16);
	return sizeof *in6;
}

/* Until fd is ready; false at the deadline, or when *stop. */
static bool
wait_for(int fd, short events, int64_t deadline, const _Atomic bool *stop)
{
	struct pollfd p = { fd, events, 0 };

	while (!*stop && clock_ms() < deadline)
		if (poll(&p, 1, STEP_MS) > 0)
			return true;
	return false;
}

static bool
dial(const struct egress *e, size_t i, int64_t deadline, const _Atomic bool *stop, int *ret, int *why)
{
	struct sockaddr_storage at;
	socklen_t len = address(e->ips[i], e->port, &at), size = sizeof *why;
	int fd = socket(at.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	*why = errno;
	if (fd < 0)
		return false;
	if (connect(fd, (void *)&at, len) == 0) {
		*why = 0;
	} else if (errno != EINPROGRESS) {
		*why = errno;
	} else if (!wait_for(fd, POLLOUT, deadline, stop)) {
		*why = ETIMEDOUT;
	} else if (getsockopt(fd, SOL_SOCKET, SO_ERROR, why, &size) != 0) {
		*why = errno;
	}
	if (*why) {
		close(fd);
		return false;
	}
	set_options(fd);
	*ret = fd;
	return true;
}

static bool
dial_any(const struct egress *e, int64_t deadline, const _Atomic bool *stop, int *ret, struct err *err)
{
	int why = 0;

	for (size_t i = 0; i < e->ips_n; i++) {	/* each its share of the time, the last what is left */
		int64_t left = deadline - clock_ms(), until = clock_ms() + left / (int64_t)(e->ips_n - i);

		if (left > 0 && dial(e, i, until, stop, ret, &why))
			return true;
	}
	return err_code(err, ERR_UPSTREAM, "unreachable", "%s does not answer on port %d: %s", e->host, e->port,
			strerror(why));
}

/* ---- TLS ---- */

/* Alerts by which a server says that it does not want our certificate. */
static bool
refuses_ours(unsigned long code)
{
	static const int alerts[] = {
		SSL_R_SSLV3_ALERT_BAD_CERTIFICATE, SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE,
		SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED, SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED,
		SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN, SSL_R_TLSV1_ALERT_UNKNOWN_CA, SSL_R_TLSV1_ALERT_ACCESS_DENIED,
		SSL_R_TLSV1_ALERT_DECRYPT_ERROR, SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED,
	};

	for (size_t i = 0; i < sizeof alerts / sizeof *alerts; i++)
		if (ERR_GET_LIB(code) == ERR_LIB_SSL && ERR_GET_REASON(code) == alerts[i])
			return true;
	return false;
}

static bool
failed(struct apns_link *link, int why, struct err *err)
{
	unsigned long code = ERR_peek_last_error();
	long verified = SSL_get_verify_result(link->ssl);

	if (refuses_ours(code)) {
		err_openssl(err, ERR_DENIED, "our certificate is refused");
	} else if (verified != X509_V_OK) {
		err_code(err, ERR_UPSTREAM, "certificate", "its certificate is not accepted: %s",
			 X509_verify_cert_error_string(verified));
	} else if (why == SSL_ERROR_ZERO_RETURN || (why == SSL_ERROR_SYSCALL && !errno) ||
		   (why == SSL_ERROR_SSL && ERR_GET_REASON(code) == SSL_R_UNEXPECTED_EOF_WHILE_READING)) {
		err_code(err, ERR_UPSTREAM, "closed", "the connection was closed");
	} else if (why == SSL_ERROR_SYSCALL) {
		err_code(err, ERR_UPSTREAM, "closed", "the connection broke: %s", strerror(errno));
	} else {
		err_openssl(err, ERR_UPSTREAM, "no TLS");
	}
	ERR_clear_error();
	return false;
}

static SSL_CTX *
settings(const char *ca_file, X509 *cert, EVP_PKEY *key, struct err *err)
{
	static const unsigned char h2[] = "\x02h2";
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

	if (ctx && SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) == 1 &&
	    (*ca_file ? SSL_CTX_load_verify_file(ctx, ca_file) : SSL_CTX_set_default_verify_paths(ctx)) == 1 &&
	    SSL_CTX_use_certificate(ctx, cert) == 1 && SSL_CTX_use_PrivateKey(ctx, key) == 1 &&
	    SSL_CTX_set_alpn_protos(ctx, h2, sizeof h2 - 1) == 0) {
		SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
		SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
		return ctx;
	}
	SSL_CTX_free(ctx);
	err_openssl(err, ERR_UPSTREAM, "ready TLS for APNs");
	return NULL;
}

static bool
name_peer(SSL *ssl, const struct egress *e)
{
	unsigned char ip[16];

	if (net_ip(e->host, ip))
		return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), e->host) == 1;
	return SSL_set1_host(ssl, e->host) == 1 && SSL_set_tlsext_host_name(ssl, e->host) == 1;
}

static bool
shake_hands(struct apns_link *link, int64_t deadline, const _Atomic bool *stop, struct err *err)
{
	const unsigned char *chosen;
	unsigned len;

	for (;;) {
		int rc, why;

		ERR_clear_error();
		errno = 0;
		rc = SSL_connect(link->ssl);
		if (rc == 1)
			break;
		why = SSL_get_error(link->ssl, rc);
		if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE)
			return failed(link, why, err);
		if (!wait_for(link->fd, why == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT, deadline, stop))
			return err_code(err, ERR_UPSTREAM, "silent", "no TLS within %d seconds", APNS_CONNECT_S);
	}
	SSL_get0_alpn_selected(link->ssl, &chosen, &len);
	return (len == 2 && memcmp(chosen, "h2", 2) == 0) || err_code(err, ERR_UPSTREAM, "tls", "it does not speak HTTP/2");
}

bool
apns_link_open(struct apns_link *link, const struct egress *e, const char *ca_file, X509 *cert, EVP_PKEY *key,
	       const _Atomic bool *stop, struct err *err)
{
	int64_t deadline = clock_ms() + APNS_CONNECT_S * 1000;
	SSL_CTX *ctx = settings(ca_file, cert, key, err);

	link->fd = -1;
	link->ssl = NULL;
	if (!ctx)
		return false;
	link->ssl = SSL_new(ctx);
	SSL_CTX_free(ctx);	/* the connection holds it */
	if (!link->ssl || !name_peer(link->ssl, e)) {
		apns_link_close(link);
		return err_openssl(err, ERR_INTERNAL, "ready TLS for %s", e->host);
	}
	if (dial_any(e, deadline, stop, &link->fd, err) && SSL_set_fd(link->ssl, link->fd) == 1 &&
	    shake_hands(link, deadline, stop, err))
		return true;
	apns_link_close(link);
	return err_at(err, "%s", e->host);
}

void
apns_link_close(struct apns_link *link)
{
	SSL_free(link->ssl);
	link->ssl = NULL;
	if (link->fd >= 0)
		close(link->fd);
	link->fd = -1;
}

static int
result(struct apns_link *link, int n, struct err *err)
{
	int why;

	if (n > 0)
		return n;
	why = SSL_get_error(link->ssl, n);
	if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE)
		return 0;
	failed(link, why, err);
	return -1;
}

int
apns_link_read(struct apns_link *link, void *p, int size, struct err *err)
{
	ERR_clear_error();
	errno = 0;
	return result(link, SSL_read(link->ssl, p, size), err);
}

int
apns_link_write(struct apns_link *link, const void *p, int len, struct err *err)
{
	ERR_clear_error();
	errno = 0;
	return result(link, SSL_write(link->ssl, p, len), err);
}
