#pragma once
/*
 * conn - a client's connection: who is at its other end, its deadline, and how much of the crowd it is.
 *
 * On the I/O thread that has it, all but conns_start, conns_end_idle and conns_stop.
 */
#include "web/address.h"
#include "web/deadline.h"
#include "web/server.h"

struct conns;	/* all of a server */

struct conn {
	struct conns *all;
	struct server *server;
	struct deadline deadline;
	struct address peer;
	char text[ADDRESS_TEXT_SIZE];	/* the peer's address */
	int fd;
	bool linger;			/* drain it once it is closed */
};

bool conns_start(TALLOC_CTX *ctx, const struct server_conf *conf, const struct addresses *trusted, struct conns **ret,
		 struct err *err) CHECKED;
void conns_end_idle(struct conns *conns);	/* from now on idle connections are ended */
void conns_stop(struct conns *conns);		/* none is open any more */

/* Before it is accepted: may its address have one more? */
bool conns_have_room(struct conns *conns, const struct sockaddr *peer, socklen_t len);
/* `fd` stays the caller's, who closes it after conn_end. */
struct conn *conn_begin(struct conns *conns, struct server *server, const struct sockaddr *peer, int fd);
void conn_end(struct conn *conn);

int64_t conn_acked(const struct conn *conn);	/* bytes that its client has taken so far; -1: not known */
