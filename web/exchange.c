#include "web/exchange.h"
#include <malloc.h>
#include <stdio.h>
#include <strings.h>
#include "core/clock.h"
#include "core/count.h"
#include "core/log.h"
#include "web/access.h"
#include "web/follow.h"

#define BODY_ROOM 4096	/* first allocation; a length alone allocates nothing */
#define TRIM_ROOM (128u << 10)	/* a body of which much was made: what that took is given back */
#define TRIM_MS 500		/* not more often */

struct exchange *
exchange_new(struct exchanges *all, struct conn *conn, void *connection, const char *target)
{
	struct exchange *ex =
		mem_must(talloc_pooled_object(NULL, struct exchange, 16, EXCHANGE_POOL));
	uint64_t id = atomic_fetch_add_explicit(&all->ids, 1, memory_order_relaxed);

	memset(ex, 0, sizeof *ex);
	ex->all = all;
	ex->conn = conn;
	ex->connection = connection;
	ex->began_ms = clock_ms();
	ex->req.site = all->site;
	ex->req.target = mem_text(ex, target);
	ex->req.path = "";
	ex->req.address = conn->text;
	ex->req.language = "en";
	ex->req.length = -1;
	ex->req.server = &ex->in;
	ex->reply.req = &ex->req;
	ex->reply.fd = -1;
	ex->acked = -1;
	/* Unique while the counter is; mixed so that ids do not look alike. */
	id = (id ^ id >> 31) * 0x9e3779b97f4a7c15u;
	snprintf(ex->req.id, sizeof ex->req.id, "%016llx", (unsigned long long)(id ^ id >> 32));
	return ex;
}

/* ---- suspending ---- */

static void
resume(struct exchange *ex)
{
	ex->all->resume(ex->connection);	/* ex may be gone from here on */
}

/* The order of the two atomics against the stopping server's: either it waits for us, or we see it. */
static bool
suspend(struct exchange *ex)
{
	atomic_fetch_add(&ex->all->suspended, 1);
	if (atomic_load(&ex->all->draining)) {
		atomic_fetch_sub(&ex->all->suspended, 1);
		return err_set(&ex->err, ERR_BUSY, "the server is stopping");
	}
	ex->suspended = true;
	deadline_enter(&ex->conn->deadline, DEADLINE_OURS, clock_ms());
	ex->all->suspend(ex->connection);
	return true;
}

static void
woken(struct exchange *ex)
{
	if (!ex->suspended)
		return;
	ex->suspended = false;
	atomic_fetch_sub(&ex->all->suspended, 1);
}

static bool
hand_over(struct exchange *ex, void (*run)(struct work *))
{
	if (workers_full(ex->all->workers))
		return err_set(&ex->err, ERR_BUSY, "too much is waiting");
	if (!suspend(ex))
		return false;
	ex->work.run = run;
	workers_add(ex->all->workers, &ex->work);
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
	if (ex->err.kind == ERR_INTERNAL)
		log_err("a request failed", &ex->err);
	reply_clear(&ex->reply);
	ex->all->calls.refuse(&ex->req, &ex->reply, &ex->err);
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
		bool (*check)(struct req *, struct err *) = ex->all->calls.check;

		ex->handled = true;
		if (check && !req->route->sink && !check(req, &ex->err)) {
			if (!ex->err.kind)
				err_set(&ex->err, ERR_INTERNAL, "%s was refused without words",
					req->route->path);
		} else if (!req->route->handle(req, &ex->reply, &ex->err)) {
			if (!ex->err.kind)
				err_set(&ex->err, ERR_INTERNAL, "%s failed without an error",
					req->route->path);
		} else if (!ex->reply.status) {
			err_set(&ex->err, ERR_INTERNAL, "%s gave no reply", req->route->path);
		} else {
			ex->err.kind = ERR_NONE;	/* the handler met one and had an answer to it */
		}
	}
	if (ex->err.kind)
		refuse(ex);
	if (ex->all->calls.dress)
		ex->all->calls.dress(req, &ex->reply);
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

/* ---- judging the head ---- */

static bool
pass_gate(struct exchange *ex, const struct gate_head *head)
{
	struct gate_pass pass;

	if (!gate_check(ex, head, &pass, &ex->err))
		return false;
	gate_trim(ex, ex->in.headers, ex->in.headers_n);
	ex->req.path = pass.path;
	ex->req.length = pass.length;
	ex->in.query_text = pass.query;
	ex->has_body = pass.chunked || pass.length > 0;
	return true;
}

/* A proxy that nobody told us of says at least that it is one. */
static bool
is_local(const struct exchange *ex)
{
	for (size_t i = 0; i < ex->in.headers_n; i++)
		if (strcasecmp(ex->in.headers[i].name, "X-Forwarded-For") == 0 ||
		    strcasecmp(ex->in.headers[i].name, "Forwarded") == 0)
			return false;
	return !ex->all->own_proxy && address_is_own(&ex->conn->peer);
}

static void
identify(struct exchange *ex)
{
	struct conn *conn = ex->conn;
	struct req *req = &ex->req;

	req->address = conn->text;
	req->secure = ex->all->secure;
	req->proxied = conn->deadline.trusted;
	req->local = is_local(ex);
	if (req->proxied) {
		struct address client;
		char *text = mem_size(ex, ADDRESS_TEXT_SIZE);

		address_client(ex->all->trusted, &conn->peer, ex->in.headers, ex->in.headers_n,
			       &client);
		req->address = address_text(&client, text);
		req->secure = req->secure || address_forwarded_tls(ex->in.headers, ex->in.headers_n);
	}
	req->browser = fields_prefers_html(req_header(req, "Accept"));
}

static int64_t
body_max(struct exchange *ex)
{
	const struct route *route = ex->req.route;
	int64_t max = ex->all->calls.body_max ? ex->all->calls.body_max(ex->all->site, route) : 0;

	return !route->sink && max > HTTP_TEXT_MAX ? HTTP_TEXT_MAX : max;
}

static bool
find_route(struct exchange *ex)
{
	struct req *req = &ex->req;

	routes_find(ex->all->routes, ex, req->method, req->path, &ex->in.match);
	req->route = ex->in.match.route;
	if (req->route)
		return true;
	return ex->in.match.methods ? err_set(&ex->err, ERR_METHOD, "this path has other methods") :
				      err_set(&ex->err, ERR_MISSING, "no such path");
}

static bool
judge(struct exchange *ex)
{
	struct req *req = &ex->req;
	struct err *err = &ex->err;

	if (ex->all->calls.admit && !ex->all->calls.admit(req, err))
		return err->kind ? false
				 : err_set(err, ERR_INTERNAL, "not admitted, without an error");
	err->kind = ERR_NONE;	/* admitted, whatever was met on the way */
	if (req->route->who >= WHO_PERSON && !req_check_query(req, err))
		return false;
	ex->limit = body_max(ex);
	if (req->length > ex->limit)
		return err_set(err, ERR_LIMIT, "a body of %lld bytes; at most %lld are taken here",
			       (long long)req->length, (long long)ex->limit);
	return true;
}

static enum next
refuse_early(struct exchange *ex)
{
	handle(ex);
	return NEXT_REFUSE;
}

static void
work_judge(struct work *work)
{
	struct exchange *ex = exchange_of(work);

	log_request(ex->req.id);
	judge(ex);
	log_request(NULL);
	resume(ex);
}

/* Behind the judgement, which left an err or none. */
static enum next
judged(struct exchange *ex)
{
	if (ex->err.kind) {
		if (ex->has_body)
			return refuse_early(ex);
		ex->stage = STAGE_WHOLE;
	} else if (ex->req.route->sink) {
		ex->stage = STAGE_OPENED;
		if (!hand_over(ex, work_open))
			return refuse_early(ex);
	} else if (ex->has_body) {
		ex->stage = STAGE_BODY;
		deadline_enter(&ex->conn->deadline, DEADLINE_BODY, clock_ms());
	} else {
		ex->stage = STAGE_WHOLE;
	}
	return NEXT_READ;
}

enum next
exchange_head(struct exchange *ex, const struct gate_head *given)
{
	struct gate_head head = *given;

	ex->judged = true;
	atomic_fetch_add(&ex->all->under_way, 1);
	snprintf(ex->method, sizeof ex->method, "%s", head.method);
	ex->req.method = routes_method(head.method);
	ex->req.head = strcmp(head.method, "HEAD") == 0;
	ex->in.headers = mem_copy(ex, head.fields, head.fields_n * sizeof *head.fields);
	ex->in.headers_n = head.fields_n;
	head.target = ex->req.target;
	identify(ex);
	if (!pass_gate(ex, &head)) {
		count_add(COUNT_GATE_REFUSED, 1);
		return refuse_early(ex);
	}
	if (find_route(ex)) {
		bool (*waits)(struct req *) = ex->all->calls.admit_waits;

		ex->stage = STAGE_JUDGED;
		if (waits && waits(&ex->req) && hand_over(ex, work_judge))
			return NEXT_READ;
		if (!ex->err.kind)
			judge(ex);
	}
	return judged(ex);
}

/* ---- the body ---- */

static bool
keep(struct exchange *ex, struct bytes bytes)
{
	size_t need = ex->req.body.len + bytes.len;
	char *p = (char *)(uintptr_t)ex->req.body.p;

	if (need > ex->room) {
		size_t room = ex->room ? ex->room : BODY_ROOM;
		int64_t grow;

		while (room < need)
			room *= 2;
		grow = (int64_t)(room - ex->room);
		if (atomic_fetch_add(&ex->all->bodies, grow) + grow >
		    (room > EXCHANGE_LARGE ? EXCHANGE_LARGE_MAX : EXCHANGE_BODIES_MAX)) {
			atomic_fetch_sub(&ex->all->bodies, grow);
			return err_set(&ex->err, ERR_BUSY, "too many bodies at once");
		}
		p = mem_grow(ex, p, char, room);
		ex->room = room;
	}
	memcpy(p + ex->req.body.len, bytes.p, bytes.len);
	ex->req.body = (struct bytes){ p, need };
	return true;
}

static enum next
take(struct exchange *ex, struct bytes bytes)
{
	bool pause = false;

	deadline_body(&ex->conn->deadline, bytes.len);
	ex->got += (int64_t)bytes.len;
	if (ex->err.kind) /* refused already: the answer can be given only behind the whole body */
		return ex->req.length < 0 && ex->got - ex->limit > (ex->req.route->sink ? EXCHANGE_SWALLOW_MAX : EXCHANGE_SWALLOW_KEPT)
			       ? NEXT_CUT : NEXT_READ;
	if (ex->got > ex->limit)
		err_set(&ex->err, ERR_LIMIT, "the body is longer than %lld bytes",
			(long long)ex->limit);
	else if (!ex->req.route->sink)
		keep(ex, bytes);
	else if (!ex->req.route->sink->feed(&ex->req, bytes, &pause, &ex->err) && !ex->err.kind)
		err_set(&ex->err, ERR_INTERNAL, "%s refused its body without an error",
			ex->req.route->path);
	if (ex->err.kind)
		ex->limit = ex->got;	/* swallow from here */
	if (pause && !pause_body(ex))
		return NEXT_CUT;
	return NEXT_READ;
}

static enum next
whole(struct exchange *ex)
{
	deadline_enter(&ex->conn->deadline, DEADLINE_OURS, clock_ms());
	ex->stage = STAGE_HANDLED;
	if (!ex->err.kind && !ex->req.route->sink)
		(void)!req_read_form(&ex->req, &ex->err);
	if (!ex->err.kind && ex->req.route->thread == ON_WORKER && hand_over(ex, work_handle))
		return NEXT_READ;
	handle(ex);
	return NEXT_ANSWER;
}

enum next
exchange_step(struct exchange *ex, struct bytes bytes)
{
	if (ex->suspended && ex->stage <= STAGE_BODY)
		deadline_enter(&ex->conn->deadline, DEADLINE_BODY, clock_ms());
	woken(ex);
	switch (ex->stage) {
	case STAGE_JUDGED:
		return judged(ex);
	case STAGE_OPENED:
		ex->stage = STAGE_BODY;
		return ex->err.kind ? refuse_early(ex) : NEXT_READ;
	case STAGE_BODY:
		return bytes.len ? take(ex, bytes) : whole(ex);
	case STAGE_WHOLE:
		return whole(ex);
	case STAGE_HANDLED:
		return NEXT_ANSWER;
	case STAGE_HEAD:
		break;
	}
	return NEXT_CUT;
}

/* An order to 100,000 devices takes 40 MB for a moment, which the threads' heaps would keep for ever. */
static void
give_back_memory(void)
{
	static atomic_llong last;
	long long now = clock_ms(), then = atomic_load(&last);

	if (now - then >= TRIM_MS && atomic_compare_exchange_strong(&last, &then, now))
		malloc_trim(0);
}

void
exchange_end(struct exchange *ex, int status, bool whole, int64_t sent)
{
	static const enum count classes[] = { COUNT_REQUESTS_2XX, COUNT_REQUESTS_3XX,
					      COUNT_REQUESTS_4XX, COUNT_REQUESTS_5XX };
	struct exchanges *all = ex->all;
	int64_t bytes = reply_length(&ex->reply);
	bool big = ex->room >= TRIM_ROOM;

	if (!whole && bytes > 0 && sent < bytes)
		bytes = sent;
	if (ex->reply.follow)
		follow_over(ex->reply.follow, whole && (status == 200 || status == 206));
	if (!ex->judged)	/* refused by the library itself */
		count_add(COUNT_GATE_REFUSED, status != 0);
	if (status >= 200 && status < 600)
		count_add(classes[status / 100 - 2], 1);
	access_log(&ex->req, &(struct access){ ex->method, status, bytes, clock_ms() - ex->began_ms,
					       &ex->err, !whole });
	woken(ex);
	atomic_fetch_sub(&all->bodies, (int64_t)ex->room);
	reply_clear(&ex->reply);
	deadline_enter(&ex->conn->deadline, DEADLINE_IDLE, clock_ms());
	if (ex->judged)
		atomic_fetch_sub(&all->under_way, 1);
	ex->in.headers_n = 0;	/* lent by the connection, which goes on without us */
	if (ex->opened) {
		ex->work.run = work_end;
		workers_add(all->workers, &ex->work);
	} else {
		talloc_free(ex);
	}
	if (big)
		give_back_memory();
}
