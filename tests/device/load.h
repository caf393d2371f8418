#pragma once
/*
 * load - requests as fast as a server takes them, on a few kept-alive connections, from one thread.
 *
 * Plain HTTP/1.1 alone, and of an answer no more than status, Content-Length and body: what measures must cost
 * less than what is measured.
 */
#include "core/mem.h"
#include <stdint.h>

#define LOAD_CONNECTIONS_MAX	256
#define LOAD_BODY_MAX		(1u << 20)

/* What the engine asks of its user; `who` is the number of a connection. */
struct load_user {
	/* The next request, lent until it was answered; empty: this connection has done its work. */
	struct bytes (*next)(void *arg, int who);
	/* Says whether the answer is as it should be. */
	bool (*answered)(void *arg, int who, int status, struct bytes body);
	void *arg;
};

struct load_result {
	int64_t requests, wrong;
	double seconds, cpu_s;		/* of this program: user and system */
	double p50_ms, p99_ms, max_ms;
	int last_wrong;			/* status */
};

/* Until every connection has done its work, or for so long; 0: no limit. */
void load_run(const char *host, int port, int connections, double seconds, const struct load_user *user,
	      struct load_result *ret);
