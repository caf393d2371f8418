/*
 * What libmicrohttpd 0.9.75 demands and does not say:
 * - A response queued in the first call (the head) makes it close the connection.  That is right for
 *   a refused body and for the gate; every other answer waits for the call after the whole request.
 * - Suspended in the first call, it makes the first call again once resumed, and only then sends
 *   100 Continue: so a sink may be opened, and refused, before a byte is asked for.
 * - With a chunked body it may call again while suspended; such a call must take nothing.
 * - Only the connection's own thread may suspend it; any may resume it, also before that returns.
 * - Stopping while a connection is suspended aborts the process: we count them ourselves.
 */
#include "web/server.h"
#include <errno.h>
#include <microhttpd.h>
#include <unistd.h>
#include "core/clock.h"
#include "core/log.h"
#include "core/secret.h"
#include "web/conn.h"
#include "web/exchange.h"
#include "web/follow.h"
#include "web/listen.h"
#include "web/tls.h"

#define POOL_MEMORY	(32u << 10)	/* of a connection: a 16 KB request line passes */
#define TLS_BLOCK	32768		/* larger gains nothing, smaller costs half the speed */
#define WAIT_US		5000
#define STOP_MS		30000		/* for requests under way at server_stop */

struct server {
	struct exchanges all;
	struct MHD_Daemon *daemon;
	struct listener listener;
	struct conns *conns;
	struct tls *tls;		/* NULL: plain */
	atomic_bool closing;		/* stop has begun: no keep-alive */
};

static void
suspend(void *connection)
{
	MHD_suspend_connection(connection);
}

static void
resume(void *connection)
{
	MHD_resume_connection(connection);
}

/* ---- answering ---- */

struct part {
	int fd;
	int64_t from;
	struct follow *follow;	/* counts here; NULL: the kernel does, or nobody wants to know */
};

static ssize_t
read_part(void *cls, uint64_t at, char *to, size_t max)
{
	struct part *part = cls;
	ssize_t n;

	do
		n = pread(part->fd, to, max, part->from + (int64_t)at);
	while (n < 0 && errno == EINTR);
	if (n > 0 && part->follow)
		atomic_store_explicit(&part->follow->given, (int64_t)at + n, memory_order_relaxed);
	return n > 0 ? n : MHD_CONTENT_READER_END_WITH_ERROR;
}

static void
close_part(void *cls)
{
	struct part *part = cls;

	close(part->fd);
	free(part);
}

static ssize_t
read_nothing(void *cls, uint64_t at, char *to, size_t max)
{
	(void)cls, (void)at, (void)to, (void)max;
	return MHD_CONTENT_READER_END_OF_STREAM;
}

static struct MHD_Response *
make_response(struct exchange *ex)
{
	struct reply *reply = &ex->reply;
	struct MHD_Response *response;
	struct part *part;

	/*
	 * Without the file a 304 does not know the length that it would have to tell, and 0 is wrong.  The
	 * library would send it in chunks then, an empty one behind the head: the next answer would be
	 * looked for there.  As to an HTTP/1.0 client it sends the head alone, and closes.
	 */
	if (reply->status == 304 && reply->fd < 0) {
		response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 1024, read_nothing, NULL, NULL);
		if (response)
			MHD_set_response_options(response, MHD_RF_HTTP_1_0_COMPATIBLE_STRICT, MHD_RO_END);
		return response;
	}
	if (reply->fd >= 0 && reply->length == 0) {
		close(reply->fd);
		reply->fd = -1;
	}
	if (reply->fd < 0)
		return MHD_create_response_from_buffer(
			reply->body.len, (void *)(uintptr_t)reply->body.p, MHD_RESPMEM_PERSISTENT);
	if (ex->all->secure || (reply->follow && ex->acked < 0)) {
		/* From a descriptor it would read 4 KB at a time, a TLS record each. */
		part = mem_must(malloc(sizeof *part));
		*part = (struct part){ reply->fd, reply->from, ex->acked < 0 ? reply->follow : NULL };
		response = MHD_create_response_from_callback((uint64_t)reply->length, TLS_BLOCK,
							     read_part, part, close_part);
		if (!response)
			close_part(part);
	} else {
		response = MHD_create_response_from_fd_at_offset64((uint64_t)reply->length, reply->fd,
								   (uint64_t)reply->from);
		if (!response)
			close(reply->fd);
	}
	reply->fd = -1;
	return response;
}

/* `early`: the body was not read, so the connection ends, and is drained for the answer to arrive. */
static enum MHD_Result
answer(struct exchange *ex, bool early)
{
	struct reply *reply = &ex->reply;
	struct MHD_Response *response;
	enum MHD_Result queued;

	if (reply->fd >= 0)
		ex->acked = conn_acked(ex->conn);
	if (reply->follow)
		follow_begin(reply->follow, ex->conn->fd, ex->acked);
	response = make_response(ex);
	if (!response)
		return MHD_NO;
	for (size_t i = 0; i < reply->headers_n; i++)
		MHD_add_response_header(response, reply->headers[i].name, reply->headers[i].value);
	MHD_add_response_header(response, "X-Request-Id", ex->req.id);
	if (early || atomic_load_explicit(&ex->conn->server->closing, memory_order_relaxed))
		MHD_add_response_header(response, "Connection", "close");
	if (early)
		ex->conn->linger = true;
	deadline_enter(&ex->conn->deadline, DEADLINE_SEND, clock_ms());
	queued = MHD_queue_response(ex->connection, (unsigned)reply->status, response);
	MHD_destroy_response(response);
	return queued;
}

/* ---- what libmicrohttpd calls ---- */

struct gather {
	struct field fields[GATE_FIELDS_MAX + 1];	/* one too many is the gate's to refuse */
	size_t n;
};

static enum MHD_Result
gather_one(void *cls, enum MHD_ValueKind kind, const char *name, const char *value)
{
	struct gather *gather = cls;

	(void)kind;
	if (gather->n <= GATE_FIELDS_MAX)
		gather->fields[gather->n++] = (struct field){ name, value ? value : "" };
	return MHD_YES;
}

static enum next
on_head(struct exchange *ex, const char *method, const char *version)
{
	const union MHD_ConnectionInfo *size =
		MHD_get_connection_info(ex->connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
	struct gather gather;

	ex->conn->linger = false;
	gather.n = 0;
	MHD_get_connection_values(ex->connection, MHD_HEADER_KIND, gather_one, &gather);
	return exchange_head(ex, &(struct gate_head){ .method = method,
						      .version = version,
						      .fields = gather.fields,
						      .fields_n = gather.n,
						      .start = method,
						      .size = size ? size->header_size : 0 });
}

static enum MHD_Result
on_request(void *cls, struct MHD_Connection *connection, const char *url, const char *method,
	   const char *version, const char *data, size_t *size, void **req_cls)
{
	struct exchange *ex = *req_cls;
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_SUSPENDED);
	enum MHD_Result result = MHD_YES;
	enum next next;

	(void)cls, (void)url;
	if (info->suspended)
		return MHD_YES;
	log_request(ex->req.id);
	next = ex->stage == STAGE_HEAD ? on_head(ex, method, version) :
					 exchange_step(ex, (struct bytes){ data, *size });
	*size = 0;
	if (next == NEXT_ANSWER || next == NEXT_REFUSE)
		result = answer(ex, next == NEXT_REFUSE);
	else if (next == NEXT_CUT)
		result = MHD_NO;
	log_request(NULL);
	return result;
}

/* We decode the target ourselves, from on_target. */
static size_t
keep_escaped(void *cls, struct MHD_Connection *connection, char *text)
{
	(void)cls;
	(void)connection;
	return strlen(text);
}

static void *
on_target(void *cls, const char *target, struct MHD_Connection *connection)
{
	struct server *server = cls;
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	struct conn *conn = info->socket_context;

	conn->linger = true;	/* should the library refuse the head itself */
	return exchange_new(&server->all, conn, connection, target ? target : "");
}

static void
on_completed(void *cls, struct MHD_Connection *connection, void **req_cls,
	     enum MHD_RequestTerminationCode why)
{
	struct exchange *ex = *req_cls;
	const union MHD_ConnectionInfo *info;
	bool whole = why == MHD_REQUEST_TERMINATED_COMPLETED_OK;
	int64_t sent;

	(void)cls;
	if (!ex)
		return;
	*req_cls = NULL;
	/* What the client's system took since, our head and TLS with it: the library does not count. */
	sent = whole || ex->acked < 0 ? -1 : conn_acked(ex->conn) - ex->acked;
	info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_HTTP_STATUS);
	log_request(ex->req.id);
	exchange_end(ex, info ? (int)info->http_status : 0, whole, sent);
	log_request(NULL);
}

static void
on_connection(void *cls, struct MHD_Connection *connection, void **context,
	      enum MHD_ConnectionNotificationCode what)
{
	struct server *server = cls;
	int fd;

	if (what == MHD_CONNECTION_NOTIFY_CLOSED) {
		conn_end(*context);	/* the library closes the socket after this call */
		return;
	}
	fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
	*context = conn_begin(server->conns, server,
			     MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr, fd);
}

static enum MHD_Result
on_accept(void *cls, const struct sockaddr *peer, socklen_t len)
{
	struct server *server = cls;

	return !atomic_load_explicit(&server->closing, memory_order_relaxed) &&
	       conns_have_room(server->conns, peer, len) ? MHD_YES : MHD_NO;
}

static int
on_handshake(gnutls_session_t session, const gnutls_datum_t *names, int names_n,
	     const gnutls_pk_algorithm_t *algorithms, int algorithms_n, gnutls_pcert_st **chain,
	     unsigned *chain_n, gnutls_privkey_t *key)
{
	struct MHD_Connection *connection = gnutls_session_get_ptr(session);
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	struct conn *conn = info->socket_context;

	(void)names, (void)names_n, (void)algorithms, (void)algorithms_n;
	return tls_pick(conn->server->tls, chain, chain_n, key);
}

static void __attribute__((format(printf, 2, 0)))
on_message(void *cls, const char *fmt, va_list ap)
{
	char text[256];

	(void)cls;
	vsnprintf(text, sizeof text, fmt, ap);
	text[strcspn(text, "\r\n")] = '\0';
	log_debug("libmicrohttpd", KV("said", text));
}

bool
req_client_cert(struct req *req, struct bytes *der)
{
	struct exchange *ex = (struct exchange *)req;
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(ex->connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
	const gnutls_datum_t *certs;
	unsigned n = 0;

	certs = info ? gnutls_certificate_get_peers(info->tls_session, &n) : NULL;
	if (!certs || n == 0)
		return false;
	*der = (struct bytes){ certs[0].data, certs[0].size };
	return true;
}

/* ---- start and stop ---- */

static bool
start_daemon(struct server *server, const struct server_conf *conf, struct err *err)
{
	unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG;
	/* Options of one pointer have it in ptr_value; in the other slot it is silently lost. */
	struct MHD_OptionItem more[5] = { { 0 } };
	size_t n = 0;

	server->all.own_proxy = addresses_have_own(server->all.trusted);
	if (conf->io_threads > 1)
		more[n++] = (struct MHD_OptionItem){ MHD_OPTION_THREAD_POOL_SIZE, conf->io_threads,
						     NULL };
	if (server->tls) {
		flags |= MHD_USE_TLS;
		more[n++] = (struct MHD_OptionItem){ MHD_OPTION_HTTPS_PRIORITIES, 0, TLS_PRIORITIES };
		more[n++] = (struct MHD_OptionItem){ MHD_OPTION_HTTPS_CERT_CALLBACK, 0,
						     (void *)(uintptr_t)on_handshake };
		if (conf->client_ca)
			more[n++] = (struct MHD_OptionItem){ MHD_OPTION_HTTPS_MEM_TRUST, 0,
							     (void *)(uintptr_t)conf->client_ca };
	}
	more[n] = (struct MHD_OptionItem){ MHD_OPTION_END, 0, NULL };
	/* clang-format off: an option a line */
	server->daemon = MHD_start_daemon(flags, 0, on_accept, server, on_request, server,
		MHD_OPTION_EXTERNAL_LOGGER, on_message, NULL,
		MHD_OPTION_LISTEN_SOCKET, server->listener.fd,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)POOL_MEMORY,
		MHD_OPTION_CONNECTION_LIMIT, (unsigned)conf->connections_max,
		MHD_OPTION_CONNECTION_TIMEOUT, 0u,	/* deadline.c sees to that */
		MHD_OPTION_STRICT_FOR_CLIENT, 1,
		MHD_OPTION_URI_LOG_CALLBACK, on_target, server,
		MHD_OPTION_UNESCAPE_CALLBACK, keep_escaped, NULL,
		MHD_OPTION_NOTIFY_CONNECTION, on_connection, server,
		MHD_OPTION_NOTIFY_COMPLETED, on_completed, server,
		MHD_OPTION_ARRAY, more,
		MHD_OPTION_END);
	/* clang-format on */
	return server->daemon || err_set(err, ERR_INTERNAL, "libmicrohttpd did not start");
}

static void
wait_for_zero(atomic_int *count, int64_t until_ms)
{
	while (atomic_load(count) > 0 && clock_ms() < until_ms)
		usleep(WAIT_US);
}

/* What has begun, ended in the order that the library needs. */
static int
end(struct server *server)
{
	/* What is under way still is cut, but never while suspended: workers end what they have. */
	atomic_store(&server->all.draining, true);
	wait_for_zero(&server->all.suspended, INT64_MAX);
	if (server->daemon) {
		MHD_stop_daemon(server->daemon);
		server->listener.fd = -1;	/* it closed the listener too */
	}
	if (server->all.workers)
		workers_stop(server->all.workers);
	if (server->conns)
		conns_stop(server->conns);
	if (server->listener.fd >= 0)
		close(server->listener.fd);
	if (server->listener.unix_path)
		unlink(server->listener.unix_path);
	return 0;
}

bool
server_start(TALLOC_CTX *ctx, const struct server_conf *conf, struct server **ret, struct err *err)
{
	struct server *server = mem_new(ctx, struct server);
	uint64_t seed;

	server->listener.fd = -1;
	talloc_set_destructor(server, end);
	server->all.calls = *conf->calls;
	server->all.secure = conf->cert_file != NULL;
	server->all.suspend = suspend;
	server->all.resume = resume;
	server->all.site = conf->site;
	secret_random(&seed, sizeof seed);
	atomic_store(&server->all.ids, seed);
	if (!routes_new(server, conf->routes, &server->all.routes, err) ||
	    !addresses_read(server, conf->trusted_proxies, &server->all.trusted, err) ||
	    (conf->cert_file &&
	     !tls_open(server, conf->cert_file, conf->key_file, &server->tls, err)) ||
	    !listen_open(server, conf->listen, &server->listener, err) ||
	    !workers_start(server, conf->workers, &server->all.workers, err) ||
	    !conns_start(server, conf, server->all.trusted, &server->conns, err) ||
	    !start_daemon(server, conf, err)) {
		talloc_free(server);
		return err_at(err, "serve %s", conf->listen);
	}
	*ret = server;
	return true;
}

int
server_port(const struct server *server)
{
	return server->listener.port;
}

bool
server_reload_tls(struct server *server, struct err *err)
{
	return !server->tls || tls_reload(server->tls, err);
}

void
server_stop(struct server *server)
{
	/* Who connects now is turned away by on_accept.  MHD_quiesce_daemon of 0.9.75 takes the listener out of a
	 * thread's epoll set while that thread may be doing it too, and the second one ends the process. */
	atomic_store(&server->closing, true);
	conns_end_idle(server->conns);
	wait_for_zero(&server->all.under_way, clock_ms() + STOP_MS);
	talloc_free(server);
}
