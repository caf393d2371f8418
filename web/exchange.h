#pragma once
/*
 * exchange - the life of one request, free of the HTTP library.
 *
 *	exchange_new	the request line is in; everything about the request hangs on one pool
 *	exchange_head	gate, route, who may (* where that waits for others), how large: before a byte of
 *			the body is read
 *	exchange_step	the rest: open the sink *, take the body, run the handler *
 *	exchange_end	access log, counters; the pool goes
 *
 * All on the connection's I/O thread but for what is marked *, which may run on a worker while the
 * connection is suspended.  Each step says what the HTTP library is to do next.
 */
#include <stdatomic.h>
#include "web/conn.h"
#include "web/gate.h"
#include "web/request.h"
#include "web/workers.h"

#define EXCHANGE_POOL		3072		/* of a request, beyond its struct; more goes to malloc */
/* Read after a refusal found too late, so that it arrives: a body of announced length to its end, any other
 * so far, as linger.h does.  What bounds its time is what bounds every body's: deadline.h. */
#define EXCHANGE_SWALLOW_MAX	(8LL << 30)	/* where uploads go; */
#define EXCHANGE_SWALLOW_KEPT	(256LL << 20)	/* where bodies are kept */
#define EXCHANGE_BODIES_MAX	(256LL << 20)	/* bodies kept in memory, all together */
#define EXCHANGE_LARGE		(4LL << 20)	/* a body beyond this is large, ... */
#define EXCHANGE_LARGE_MAX	(64LL << 20)	/* ... and is taken while all together are below this: a few keep nobody out */
#define EXCHANGE_METHOD_SIZE	16

enum next {
	NEXT_READ,	/* go on reading, or wait to be woken */
	NEXT_ANSWER,	/* send ex->reply */
	NEXT_REFUSE,	/* send ex->reply before the body is read; the connection ends */
	NEXT_CUT,	/* end the connection */
};

struct exchange;

/* What all exchanges of a server share. */
struct exchanges {
	struct server_calls calls;
	struct site *site;
	struct routes *routes;
	struct addresses *trusted;
	struct workers *workers;
	bool secure;			/* TLS */
	bool own_proxy;			/* a trusted proxy speaks from this host: nobody here is local */
	void (*suspend)(void *connection);	/* I/O thread only */
	void (*resume)(void *connection);	/* any thread */
	atomic_uint_fast64_t ids;
	atomic_int suspended;		/* connections; the library must not be stopped with any */
	atomic_int under_way;
	atomic_int_fast64_t bodies;	/* bytes kept in memory */
	atomic_bool draining;		/* nothing may suspend any more */
};

enum stage { STAGE_HEAD, STAGE_JUDGED, STAGE_OPENED, STAGE_BODY, STAGE_WHOLE, STAGE_HANDLED };

struct exchange {
	struct req req;			/* first: handlers use it as a talloc context */
	struct server_req in;
	struct reply reply;
	struct work work;
	struct err err;			/* set: the answer is a refusal */
	struct exchanges *all;
	struct conn *conn;
	void *connection;		/* the HTTP library's */
	enum stage stage;
	bool judged, has_body, suspended, opened, handled;
	atomic_int pause;		/* -1: suspended until req_unpause; 1: req_unpause came first */
	int64_t limit, got, began_ms;
	int64_t acked;			/* by the connection's client, before this answer; -1: not known */
	size_t room;
	int status;
	char method[EXCHANGE_METHOD_SIZE];	/* as sent, for the log */
};

struct exchange *exchange_new(struct exchanges *all, struct conn *conn, void *connection, const char *target);

/* `head` as the library shows it; its fields are copied, their texts are not. */
enum next exchange_head(struct exchange *ex, const struct gate_head *head);

/* At each further call of the library: with a piece of the body, or empty when the rest is read. */
enum next exchange_step(struct exchange *ex, struct bytes bytes);

/* `status` is what was sent, 0: nothing.  `sent`: how much of a cut answer went out; -1: not known. */
void exchange_end(struct exchange *ex, int status, bool whole, int64_t sent);
