#include "web/conn.h"
#include <netinet/in.h>
#include <sys/resource.h>
#include "core/clock.h"
#include "core/count.h"
#include "web/crowd.h"
#include "web/linger.h"

#define SEND_WINDOW_MS	60000
#define SEND_CROWDED_MS	10000
#define SWEEP_MS	250

struct conns {
	const struct addresses *trusted;
	struct crowd *crowd;
	struct deadlines *deadlines;
	struct lingering *linger;
};

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

bool
conns_start(TALLOC_CTX *ctx, const struct server_conf *conf, const struct addresses *trusted, struct conns **ret,
	    struct err *err)
{
	struct conns *conns = mem_new(ctx, struct conns);
	struct deadline_limits limits = {
		.head_ms = conf->head_s * 1000LL, .grace_ms = conf->body_grace_s * 1000LL,
		.idle_ms = conf->idle_s * 1000LL, .idle_trusted_ms = conf->idle_trusted_s * 1000LL,
		.send_ms = SEND_WINDOW_MS, .send_crowded_ms = SEND_CROWDED_MS,
		.crowded = conf->connections_max / 2, .rate_min = conf->body_rate_min,
	};

	raise_limit();
	conns->trusted = trusted;
	conns->crowd = crowd_new(conns, conf->connections_per_address_max);
	if (!linger_start(conns, &conns->linger, err))
		return false;
	if (!deadlines_start(conns, &limits, SWEEP_MS, &conns->deadlines, err)) {
		linger_stop(conns->linger);
		return false;
	}
	*ret = conns;
	return true;
}

void
conns_end_idle(struct conns *conns)
{
	deadlines_end_idle(conns->deadlines);
}

void
conns_stop(struct conns *conns)
{
	linger_stop(conns->linger);
	deadlines_stop(conns->deadlines);
}

bool
conns_have_room(struct conns *conns, const struct sockaddr *peer, socklen_t len)
{
	struct address address;

	address_of(peer, len, &address);
	return addresses_have(conns->trusted, &address) || crowd_has_room(conns->crowd, &address);
}

struct conn *
conn_begin(struct conns *conns, struct server *server, const struct sockaddr *peer, int fd)
{
	struct conn *conn = mem_new(NULL, struct conn);

	conn->all = conns;
	conn->server = server;
	conn->fd = fd;
	address_of(peer, peer && peer->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in),
		   &conn->peer);
	address_text(&conn->peer, conn->text);
	conn->deadline.trusted = addresses_have(conns->trusted, &conn->peer);
	if (!conn->deadline.trusted)
		crowd_enter(conns->crowd, &conn->peer);
	deadlines_add(conns->deadlines, &conn->deadline, fd, clock_ms());
	count_add(COUNT_CONNECTIONS, 1);
	return conn;
}

void
conn_end(struct conn *conn)
{
	struct conns *conns = conn->all;

	deadlines_remove(conns->deadlines, &conn->deadline);
	if (conn->linger && !conn->deadline.ended)
		linger_add(conns->linger, conn->fd);
	if (!conn->deadline.trusted)
		crowd_leave(conns->crowd, &conn->peer);
	count_add(COUNT_CONNECTIONS, -1);
	talloc_free(conn);
}

int64_t
conn_acked(const struct conn *conn)
{
	struct deadline_traffic traffic;

	deadline_read_traffic(conn->fd, &traffic);
	return traffic.sent;
}
