#pragma once
/*
 * deadline - absolute deadlines for connections, which libmicrohttpd does not have: its timeout only
 * counts silence, and one byte every few seconds keeps a connection for ever.
 *
 * Each connection has a `struct deadline` in a table; a thread sweeps the table and shuts late
 * sockets down (never closes them: the library does, and takes them from the table first, so a number
 * in the table is never another connection's).  The I/O threads only store a word on each change.
 *
 * deadline_late judges one connection at one moment, from nothing but its arguments.
 */
#include <stdatomic.h>
#include <stdint.h>
#include "core/mem.h"

enum deadline_phase {
	DEADLINE_HEAD,	/* accepted; the first head must be whole within head_ms, TLS handshake and all */
	DEADLINE_BODY,	/* at least rate_min bytes a second over each grace_ms */
	DEADLINE_OURS,	/* suspended by us, or a handler runs: no limit */
	DEADLINE_SEND,	/* the client must take rate_min bytes a second over each send_ms */
	DEADLINE_IDLE,	/* kept alive: idle_ms until the first byte, then head_ms for the head */
};

struct deadline_limits {
	int64_t head_ms, grace_ms, idle_ms, idle_trusted_ms;
	/* A phone in a tunnel may stop reading for a while - unless `crowded` connections are open. */
	int64_t send_ms, send_crowded_ms;
	int crowded;
	int64_t rate_min;	/* bytes a second */
};

struct deadline {
	_Atomic uint64_t word;	/* when << 3 | phase */
	_Atomic int64_t bytes;	/* of this body */
	bool trusted;		/* a proxy of ours: longer idle time */
	/* The table's own. */
	struct deadline *next, **at;
	int fd;
	bool ended;
	/* The sweep's own. */
	uint64_t seen;
	int64_t mark, mark_ms, begun_ms;
};

/* What the kernel counted on the socket; -1: it does not count. */
struct deadline_traffic {
	int64_t received, sent;		/* sent: and acknowledged */
};
void deadline_read_traffic(int fd, struct deadline_traffic *ret);

void deadline_enter(struct deadline *deadline, enum deadline_phase phase, int64_t now_ms);
void deadline_body(struct deadline *deadline, size_t bytes);
bool deadline_late(struct deadline *deadline, const struct deadline_limits *limits, int open,
		   int64_t now_ms, const struct deadline_traffic *traffic);

/*
 * Two sweeps that lie so far apart had no processor between them, nor had the I/O threads: what has come meanwhile is
 * read before anybody is called late.  True while that goes on; *until_ms is 0 at first.  Once in a while: a machine that
 * is always so loaded is one that has to end whoever is late.
 */
#define DEADLINE_STALL_MS	1000
#define DEADLINE_REST_MS	2000
#define DEADLINE_RESTED_MS	30000	/* from the end of one rest to the stall that begins another */
bool deadline_rests(int64_t *until_ms, int64_t last_ms, int64_t now_ms);

struct deadlines;

/* Limits are copied; the sweep runs every `every_ms`. */
bool deadlines_start(TALLOC_CTX *ctx, const struct deadline_limits *limits, int every_ms,
		     struct deadlines **ret, struct err *err) CHECKED;
void deadlines_add(struct deadlines *deadlines, struct deadline *deadline, int fd, int64_t now_ms);
void deadlines_remove(struct deadlines *deadlines, struct deadline *deadline);
void deadlines_end_idle(struct deadlines *deadlines);	/* from now on idle connections are ended */
void deadlines_stop(struct deadlines *deadlines);	/* the table must be empty */
