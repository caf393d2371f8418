/*
 * The life of a request, all on its connection's I/O thread but for the steps marked *:
 *
 *	on_target	the request line is in; everything about the request hangs on one pool
 *	judge		gate, route, who may, how large: before a byte of the body is read
 *	open *		the sink, if the route has one
 *	take		the body as it comes, into memory or the sink
 *	handle *	the handler, or the words of a refusal
 *	answer		queue the response
 *	on_completed	access log, counters, the pool goes
 *
 * What libmicrohttpd 0.9.75 demands and does not say:
 * - A response queued in the first call (the head) makes it close the connection.  That is right for
 *   a refused body and for the gate; every other answer waits for the call after the whole request.
 * - Suspended in the first call, it makes the first call again once resumed, and only then sends
 *   100 Continue: so a sink may be opened, and refused, before a byte is asked for.
 * - With a chunked body it may call again while suspended; such a call must take nothing.
 * - Stopping while a connection is suspended aborts the process: we count them ourselves.
 */
#include "web/server.h"
#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <unistd.h>
#include "core/clock.h"
#include "core/count.h"
#include "core/log.h"
#include "core/secret.h"
#include "web/access.h"
#include "web/address.h"
#include "web/crowd.h"
#include "web/deadline.h"
#include "web/gate.h"
#include "web/linger.h"
#include "web/listen.h"
#include "web/request.h"
#include "web/routes.h"
#include "web/tls.h"
#include "web/workers.h"

#define POOL_MEMORY	(32u << 10)	/* of a connection: a 16 KB request line passes */
#define REQUEST_POOL	3072		/* of a request, beyond its struct; larger needs go to malloc */
#define SWALLOW_MAX	(256LL << 20)	/* read after a refusal found too late, so that it arrives */
#define BODIES_MAX	(256LL << 20)	/* bodies kept in memory, all together */
#define BODY_ROOM	4096		/* first allocation; a length alone allocates nothing */
#define TLS_BLOCK	32768		/* larger gains nothing, smaller costs half the speed */
#define METHOD_SIZE	16
#define SEND_WINDOW_MS	60000
#define SWEEP_MS	250
#define WAIT_US		5000
#define STOP_MS		30000		/* for requests under way at server_stop */

struct server {
	struct server_calls calls;
	struct site *site;
	struct MHD_Daemon *daemon;
	struct listener listener;
	struct routes *routes;
	struct addresses *trusted;
	struct crowd *crowd;
	struct workers *workers;
	struct deadlines *deadlines;
	struct lingering *linger;
	struct tls *tls;		/* NULL: plain */
	atomic_uint_fast64_t ids;
	atomic_int suspended, under_way;
	atomic_int_fast64_t bodies;
	atomic_bool closing;		/* stop has begun: no keep-alive */
	atomic_bool draining;		/* nothing may suspend any more */
};

struct conn {
	struct deadline deadline;
	struct server *server;
	struct address peer;
	char text[ADDRESS_TEXT_SIZE];
	int fd;
	bool linger;			/* drain it once it is closed */
};

enum stage { HEAD, OPENED, BODY, READY, HANDLED };

struct exchange {
	struct req req;			/* first: handlers use it as a talloc context */
	struct server_req in;
	struct reply reply;
	struct work work;
	struct err err;			/* set: the answer is a refusal */
	struct server *server;
	struct conn *conn;
	struct MHD_Connection *connection;
	enum stage stage;
	bool judged, has_body, suspended, opened, handled;
	atomic_int pause;		/* -1: suspended until req_unpause; 1: req_unpause came first */
	int64_t limit, got, began_ms;
	size_t room;
	int status;
	char method[METHOD_SIZE];	/* as sent, for the log */
};

/* ---- suspending ---- */

static void
resume(struct exchange *ex)
{
	MHD_resume_connection(ex->connection);	/* ex may be gone from here on */
}

/* The order of the two atomics against server_stop's: either it waits for us, or we see it. */
static bool
suspend(struct exchange *ex)
{
	atomic_fetch_add(&ex->server->suspended, 1);
	if (atomic_load(&ex->server->draining)) {
		atomic_fetch_sub(&ex->server->suspended, 1);
		return err_set(&ex->err, ERR_BUSY, "the server is stopping");
	}
	ex->suspended = true;
	deadline_enter(&ex->conn->deadline, DEADLINE_OURS, clock_ms());
	MHD_suspend_connection(ex->connection);
	return true;
}

static void
woken(struct exchange *ex)
{
	if (!ex->suspended)
		return;
	ex->suspended = false;
	atomic_fetch_sub(&ex->server->suspended, 1);
}

static bool
hand_over(struct exchange *ex, void (*run)(struct work *))
{
	if (workers_full(ex->server->workers))
		return err_set(&ex->err, ERR_BUSY, "too much is waiting");
	if (!suspend(ex))
		return false;
	ex->work.run = run;
	workers_add(ex->server->workers, &ex->work);
	return true;
}

static struct exchange *
exchange_of(struct work *work)
{
	return (struct exchange *)((char *)work - offsetof(struct exchange, work));
}

void
req_unpause(struct req *req)
{
	struct exchange *ex = (struct exchange *)req;

	if (atomic_fetch_add(&ex->pause, 1) == -1)
		resume(ex);
}

static bool
pause_body(struct exchange *ex)
{
	if (!suspend(ex))
		return false;
	if (atomic_fetch_sub(&ex->pause, 1) == 1)
		resume(ex);
	return true;
}

/* ---- handling ---- */

/* The one error exit. */
static void
refuse(struct exchange *ex)
{
	struct server *server = ex->server;

	if (ex->err.kind == ERR_INTERNAL)
		log_err("a request failed", &ex->err);
	reply_clear(&ex->reply);
	server->calls.refuse(&ex->req, &ex->reply, &ex->err);
	if (!ex->reply.status)
		reply_text(&ex->reply, err_http_status(ex->err.kind), "text/plain; charset=utf-8",
			   err_http_title(ex->err.kind));
	if (ex->err.kind == ERR_METHOD)
		reply_header(&ex->reply, "Allow", routes_allow(ex, ex->in.match.methods));
}

static void
handle(struct exchange *ex)
{
	struct req *req = &ex->req;

	if (!ex->err.kind) {
		bool (*check)(struct req *, struct err *) = ex->server->calls.check;

		ex->handled = true;
		if (check && !req->route->sink && !check(req, &ex->err)) {
			if (!ex->err.kind)
				err_set(&ex->err, ERR_INTERNAL, "%s was refused without words", req->route->path);
		} else if (!req->route->handle(req, &ex->reply, &ex->err)) {
			if (!ex->err.kind)
				err_set(&ex->err, ERR_INTERNAL, "%s failed without an error", req->route->path);
		} else if (!ex->reply.status) {
			err_set(&ex->err, ERR_INTERNAL, "%s gave no reply", req->route->path);
		}
	}
	if (ex->err.kind)
		refuse(ex);
	if (ex->server->calls.dress)
		ex->server->calls.dress(req, &ex->reply);
}

static void
work_handle(struct work *work)
{
	struct exchange *ex = exchange_of(work);

	log_request(ex->req.id);
	handle(ex);
	log_request(NULL);
	resume(ex);
}

static void
work_open(struct work *work)
{
	struct exchange *ex = exchange_of(work);

	log_request(ex->req.id);
	ex->opened = ex->req.route->sink->open(&ex->req, &ex->err);
	if (!ex->opened && !ex->err.kind)
		err_set(&ex->err, ERR_INTERNAL, "%s: no sink and no error", ex->req.route->path);
	log_request(NULL);
	resume(ex);
}

/* What a sink leaves behind may take time to remove: a draft's file, its thread. */
static void
work_end(struct work *work)
{
	struct exchange *ex = exchange_of(work);

	log_request(ex->req.id);
	if (!ex->handled && ex->req.route->sink->cut)
		ex->req.route->sink->cut(&ex->req);
	talloc_free(ex);
	log_request(NULL);
}

/* ---- answering ---- */

struct part {
	int fd;
	int64_t from;
};

static ssize_t
read_part(void *cls, uint64_t at, char *to, size_t max)
{
	struct part *part = cls;
	ssize_t n;

	do
		n = pread(part->fd, to, max, part->from + (int64_t)at);
	while (n < 0 && errno == EINTR);
	return n > 0 ? n : MHD_CONTENT_READER_END_WITH_ERROR;
}

static void
close_part(void *cls)
{
	struct part *part = cls;

	close(part->fd);
	free(part);
}

static struct MHD_Response *
make_response(struct exchange *ex)
{
	struct reply *reply = &ex->reply;
	struct MHD_Response *response;
	struct part *part;

	if (reply->fd >= 0 && reply->length == 0) {
		close(reply->fd);
		reply->fd = -1;
	}
	if (reply->fd < 0)
		return MHD_create_response_from_buffer(reply->body.len, (void *)(uintptr_t)reply->body.p,
						       MHD_RESPMEM_PERSISTENT);
	if (ex->server->tls) {
		/* From a descriptor it would read 4 KB at a time, a TLS record each. */
		part = mem_must(malloc(sizeof *part));
		*part = (struct part){ reply->fd, reply->from };
		response = MHD_create_response_from_callback((uint64_t)reply->length, TLS_BLOCK, read_part,
							     part, close_part);
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
	struct MHD_Response *response = make_response(ex);
	enum MHD_Result queued;

	if (!response)
		return MHD_NO;
	for (size_t i = 0; i < reply->headers_n; i++)
		MHD_add_response_header(response, reply->headers[i].name, reply->headers[i].value);
	MHD_add_response_header(response, "X-Request-Id", ex->req.id);
	if (early || atomic_load_explicit(&ex->server->closing, memory_order_relaxed))
		MHD_add_response_header(response, "Connection", "close");
	if (early)
		ex->conn->linger = true;
	ex->status = reply->status;
	deadline_enter(&ex->conn->deadline, DEADLINE_SEND, clock_ms());
	queued = MHD_queue_response(ex->connection, (unsigned)reply->status, response);
	MHD_destroy_response(response);
	return queued;
}

static enum MHD_Result
answer_early(struct exchange *ex)
{
	handle(ex);
	return answer(ex, true);
}

/* ---- judging the head ---- */

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

static void
gather_headers(struct exchange *ex)
{
	struct gather gather;

	gather.n = 0;
	MHD_get_connection_values(ex->connection, MHD_HEADER_KIND, gather_one, &gather);
	ex->in.headers = mem_copy(ex, gather.fields, gather.n * sizeof *gather.fields);
	ex->in.headers_n = gather.n;
}

static bool
pass_gate(struct exchange *ex, const char *method, const char *version)
{
	const union MHD_ConnectionInfo *size =
		MHD_get_connection_info(ex->connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
	struct gate_head head = { method, ex->req.target, version, ex->in.headers, ex->in.headers_n,
				  .start = method, .size = size ? size->header_size : 0 };
	struct gate_pass pass;

	if (!gate_check(ex, &head, &pass, &ex->err))
		return false;
	gate_trim(ex, ex->in.headers, ex->in.headers_n);
	ex->req.path = pass.path;
	ex->req.length = pass.length;
	ex->in.query_text = pass.query;
	ex->has_body = pass.chunked || pass.length > 0;
	return true;
}

static void
identify(struct exchange *ex)
{
	struct conn *conn = ex->conn;
	struct req *req = &ex->req;

	req->address = conn->text;
	req->secure = ex->server->tls != NULL;
	req->proxied = conn->deadline.trusted;
	if (req->proxied) {
		struct address client;
		char *text = mem_size(ex, ADDRESS_TEXT_SIZE);

		address_client(ex->server->trusted, &conn->peer, ex->in.headers, ex->in.headers_n, &client);
		req->address = address_text(&client, text);
		req->secure = req->secure || address_forwarded_tls(ex->in.headers, ex->in.headers_n);
	}
	req->browser = fields_prefers_html(req_header(req, "Accept"));
}

static int64_t
body_max(struct exchange *ex)
{
	const struct route *route = ex->req.route;
	int64_t max = ex->server->calls.body_max ? ex->server->calls.body_max(ex->server->site, route) : 0;

	return !route->sink && max > HTTP_TEXT_MAX ? HTTP_TEXT_MAX : max;
}

static bool
judge(struct exchange *ex)
{
	struct req *req = &ex->req;
	struct err *err = &ex->err;

	routes_find(ex->server->routes, ex, req->method, req->path, &ex->in.match);
	req->route = ex->in.match.route;
	if (!req->route)
		return ex->in.match.methods ?
			err_set(err, ERR_METHOD, "this path has other methods") :
			err_set(err, ERR_MISSING, "no such path");
	if (ex->server->calls.admit && !ex->server->calls.admit(req, err))
		return err->kind ? false : err_set(err, ERR_INTERNAL, "not admitted, without an error");
	ex->limit = body_max(ex);
	if (req->length > ex->limit)
		return err_set(err, ERR_LIMIT, "a body of %lld bytes; at most %lld are taken here",
			       (long long)req->length, (long long)ex->limit);
	return true;
}

static enum MHD_Result
on_head(struct exchange *ex, const char *method, const char *version)
{
	ex->judged = true;
	atomic_fetch_add(&ex->server->under_way, 1);
	ex->conn->linger = false;
	snprintf(ex->method, sizeof ex->method, "%s", method);
	ex->req.method = routes_method(method);
	ex->req.head = strcmp(method, "HEAD") == 0;
	gather_headers(ex);
	identify(ex);
	if (!pass_gate(ex, method, version)) {
		count_add(COUNT_GATE_REFUSED, 1);
		return answer_early(ex);
	}
	if (!judge(ex)) {
		if (ex->has_body)
			return answer_early(ex);
		ex->stage = READY;
	} else if (ex->req.route->sink) {
		ex->stage = OPENED;
		if (!hand_over(ex, work_open))
			return answer_early(ex);
	} else if (ex->has_body) {
		ex->stage = BODY;
		deadline_enter(&ex->conn->deadline, DEADLINE_BODY, clock_ms());
	} else {
		ex->stage = READY;
	}
	return MHD_YES;
}

/* ---- the body ---- */

static bool
keep(struct exchange *ex, struct bytes bytes)
{
	size_t need = ex->req.body.len + bytes.len;
	char *p = (char *)(uintptr_t)ex->req.body.p;

	if (need > ex->room) {
		size_t room = ex->room ? ex->room : BODY_ROOM;

		while (room < need)
			room *= 2;
		if (atomic_fetch_add(&ex->server->bodies, (int64_t)(room - ex->room)) > BODIES_MAX) {
			atomic_fetch_sub(&ex->server->bodies, (int64_t)(room - ex->room));
			return err_set(&ex->err, ERR_BUSY, "too many bodies at once");
		}
		p = mem_grow(ex, p, char, room);
		ex->room = room;
	}
	memcpy(p + ex->req.body.len, bytes.p, bytes.len);
	ex->req.body = (struct bytes){ p, need };
	return true;
}

static enum MHD_Result
take(struct exchange *ex, struct bytes bytes)
{
	bool pause = false;

	deadline_body(&ex->conn->deadline, bytes.len);
	ex->got += (int64_t)bytes.len;
	if (ex->err.kind)	/* refused already: the answer can be given only behind the whole body */
		return ex->got - ex->limit > SWALLOW_MAX ? MHD_NO : MHD_YES;
	if (ex->got > ex->limit)
		err_set(&ex->err, ERR_LIMIT, "the body is longer than %lld bytes", (long long)ex->limit);
	else if (!ex->req.route->sink)
		keep(ex, bytes);
	else if (!ex->req.route->sink->feed(&ex->req, bytes, &pause, &ex->err) && !ex->err.kind)
		err_set(&ex->err, ERR_INTERNAL, "%s refused its body without an error", ex->req.route->path);
	if (ex->err.kind)
		ex->limit = ex->got;	/* swallow from here */
	if (pause && !pause_body(ex))
		return MHD_NO;
	return MHD_YES;
}

static enum MHD_Result
on_whole(struct exchange *ex)
{
	deadline_enter(&ex->conn->deadline, DEADLINE_OURS, clock_ms());
	ex->stage = HANDLED;
	if (!ex->err.kind && !ex->req.route->sink)
		(void)!req_read_form(&ex->req, &ex->err);
	if (!ex->err.kind && ex->req.route->thread == ON_WORKER && hand_over(ex, work_handle))
		return MHD_YES;
	handle(ex);
	return answer(ex, false);
}

/* ---- what libmicrohttpd calls ---- */

static enum MHD_Result
on_request(void *cls, struct MHD_Connection *connection, const char *url, const char *method,
	   const char *version, const char *data, size_t *size, void **req_cls)
{
	struct exchange *ex = *req_cls;
	const union MHD_ConnectionInfo *info;
	enum MHD_Result result = MHD_YES;

	(void)cls;
	(void)url;
	info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_SUSPENDED);
	if (info->suspended)
		return MHD_YES;
	log_request(ex->req.id);
	if (ex->suspended && ex->stage <= BODY)
		deadline_enter(&ex->conn->deadline, DEADLINE_BODY, clock_ms());
	woken(ex);
	switch (ex->stage) {
	case HEAD:
		result = on_head(ex, method, version);
		break;
	case OPENED:
		ex->stage = BODY;
		if (ex->err.kind)
			result = answer_early(ex);
		break;
	case BODY:
		if (*size) {
			result = take(ex, (struct bytes){ data, *size });
			*size = 0;
			break;
		}
		/* fall through */
	case READY:
		result = on_whole(ex);
		break;
	case HANDLED:
		result = answer(ex, false);
		break;
	}
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
	struct exchange *ex = mem_must(talloc_pooled_object(NULL, struct exchange, 16, REQUEST_POOL));
	uint64_t id = atomic_fetch_add_explicit(&server->ids, 1, memory_order_relaxed);

	memset(ex, 0, sizeof *ex);
	ex->server = server;
	ex->conn = info->socket_context;
	ex->connection = connection;
	ex->began_ms = clock_ms();
	ex->req.site = server->site;
	ex->req.target = mem_text(ex, target ? target : "");
	ex->req.path = "";
	ex->req.language = "en";
	ex->req.length = -1;
	ex->req.server = &ex->in;
	ex->reply.req = &ex->req;
	ex->reply.fd = -1;
	/* Unique while the counter is; mixed so that ids do not look alike. */
	id = (id ^ id >> 31) * 0x9e3779b97f4a7c15u;
	snprintf(ex->req.id, sizeof ex->req.id, "%016llx", (unsigned long long)(id ^ id >> 32));
	ex->conn->linger = true;	/* should the library refuse the head itself */
	return ex;
}

static void
on_completed(void *cls, struct MHD_Connection *connection, void **req_cls,
	     enum MHD_RequestTerminationCode why)
{
	struct exchange *ex = *req_cls;
	struct server *server = cls;
	const union MHD_ConnectionInfo *info;
	static const enum count classes[] = { COUNT_REQUESTS_2XX, COUNT_REQUESTS_3XX, COUNT_REQUESTS_4XX,
					      COUNT_REQUESTS_5XX };

	if (!ex)
		return;
	log_request(ex->req.id);
	info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_HTTP_STATUS);
	if (!ex->judged) {	/* refused by the library itself */
		ex->status = info ? (int)info->http_status : 0;
		ex->req.address = ex->conn->text;
		count_add(COUNT_GATE_REFUSED, ex->status != 0);
	}
	if (ex->status >= 200 && ex->status < 600)
		count_add(classes[ex->status / 100 - 2], 1);
	access_log(&ex->req, &(struct access){ ex->method, ex->status, reply_length(&ex->reply),
					       clock_ms() - ex->began_ms, &ex->err,
					       why != MHD_REQUEST_TERMINATED_COMPLETED_OK });
	log_request(NULL);
	woken(ex);
	if (ex->room)
		atomic_fetch_sub(&server->bodies, (int64_t)ex->room);
	reply_clear(&ex->reply);
	if (ex->judged)
		atomic_fetch_sub(&server->under_way, 1);
	deadline_enter(&ex->conn->deadline, DEADLINE_IDLE, clock_ms());
	*req_cls = NULL;
	if (!ex->opened) {
		talloc_free(ex);
		return;
	}
	ex->in.headers_n = 0;	/* lent by the connection, which goes on without us */
	ex->work.run = work_end;
	workers_add(server->workers, &ex->work);
}

static void
on_connection(void *cls, struct MHD_Connection *connection, void **context,
	      enum MHD_ConnectionNotificationCode what)
{
	struct server *server = cls;
	const union MHD_ConnectionInfo *info;
	const struct sockaddr *peer;
	struct conn *conn = *context;

	if (what == MHD_CONNECTION_NOTIFY_CLOSED) {
		/* The library closes the socket after this call. */
		deadlines_remove(server->deadlines, &conn->deadline);
		if (conn->linger && !conn->deadline.ended)
			linger_add(server->linger, conn->fd);
		if (!conn->deadline.trusted)
			crowd_leave(server->crowd, &conn->peer);
		count_add(COUNT_CONNECTIONS, -1);
		talloc_free(conn);
		return;
	}
	*context = conn = mem_new(NULL, struct conn);
	conn->server = server;
	info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	conn->fd = info->connect_fd;
	info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	peer = info->client_addr;
	address_of(peer, peer && peer->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6) :
							      sizeof(struct sockaddr_in), &conn->peer);
	address_text(&conn->peer, conn->text);
	conn->deadline.trusted = addresses_have(server->trusted, &conn->peer);
	if (!conn->deadline.trusted)
		crowd_enter(server->crowd, &conn->peer);
	deadlines_add(server->deadlines, &conn->deadline, conn->fd, clock_ms());
	count_add(COUNT_CONNECTIONS, 1);
}

static enum MHD_Result
on_accept(void *cls, const struct sockaddr *peer, socklen_t len)
{
	struct server *server = cls;
	struct address address;

	address_of(peer, len, &address);
	return addresses_have(server->trusted, &address) || crowd_has_room(server->crowd, &address) ?
		MHD_YES : MHD_NO;
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

	if (conf->io_threads > 1)
		more[n++] = (struct MHD_OptionItem){ MHD_OPTION_THREAD_POOL_SIZE, conf->io_threads, NULL };
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
					  MHD_OPTION_ARRAY, more, MHD_OPTION_END);
	return server->daemon || err_set(err, ERR_INTERNAL, "libmicrohttpd did not start");
}

/* Ten thousand connections need as many descriptors. */
static void
raise_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
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
	/* What is under way still is cut, but never while it is suspended: workers end what they have. */
	atomic_store(&server->draining, true);
	wait_for_zero(&server->suspended, INT64_MAX);
	if (server->daemon)
		MHD_stop_daemon(server->daemon);
	if (server->workers)
		workers_stop(server->workers);
	if (server->linger)
		linger_stop(server->linger);
	if (server->deadlines)
		deadlines_stop(server->deadlines);
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
	struct deadline_limits limits = {
		.head_ms = conf->head_s * 1000LL, .grace_ms = conf->body_grace_s * 1000LL,
		.idle_ms = conf->idle_s * 1000LL, .idle_trusted_ms = conf->idle_trusted_s * 1000LL,
		.send_ms = SEND_WINDOW_MS, .rate_min = conf->body_rate_min,
	};
	uint64_t seed;

	server->listener.fd = -1;
	talloc_set_destructor(server, end);
	server->calls = *conf->calls;
	server->site = conf->site;
	secret_random(&seed, sizeof seed);
	atomic_store(&server->ids, seed);
	server->crowd = crowd_new(server, conf->connections_per_address_max);
	raise_limit();
	if (!routes_new(server, conf->routes, &server->routes, err) ||
	    !addresses_read(server, conf->trusted_proxies, &server->trusted, err) ||
	    (conf->cert_file && !tls_open(server, conf->cert_file, conf->key_file, &server->tls, err)) ||
	    !listen_open(server, conf->listen, &server->listener, err) ||
	    !workers_start(server, conf->workers, &server->workers, err) ||
	    !linger_start(server, &server->linger, err) ||
	    !deadlines_start(server, &limits, SWEEP_MS, &server->deadlines, err) ||
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
	atomic_store(&server->closing, true);
	MHD_quiesce_daemon(server->daemon);
	shutdown(server->listener.fd, SHUT_RDWR);	/* who connects now is told so */
	deadlines_end_idle(server->deadlines);
	wait_for_zero(&server->under_way, clock_ms() + STOP_MS);
	talloc_free(server);
}
