#pragma once
/*
 * server - the one place that speaks HTTP: libmicrohttpd behind a request gate, absolute deadlines,
 * limits judged on the headers, a worker pool, and one error exit.
 *
 * It knows routes and calls, nothing of the domain.
 */
#include "web/http.h"

struct server;

struct server_calls {
	/* Who is it, and may they?  On the headers, on the I/O thread; sets req->person and the rest. */
	bool (*admit)(struct req *req, struct err *err);
	/* Would that wait for others (a directory)?  Then it runs on a worker.  May be NULL: never. */
	bool (*admit_waits)(struct req *req);
	/* The words of a refusal: problem+json or a page. Must produce a reply. */
	void (*refuse)(struct req *req, struct reply *reply, const struct err *err);
	/* Headers that every answer carries. */
	void (*dress)(struct req *req, struct reply *reply);
	/* Bytes a body of this route may have; resolves route->body_max. */
	int64_t (*body_max)(struct site *site, const struct route *route);
	/* Once more when the body is here (a form's own proof); not for sinks.  May be NULL. */
	bool (*check)(struct req *req, struct err *err);
};

struct server_conf {
	const char *listen;		/* "127.0.0.1:8080", "[::]:8443", "unix:/run/pomona.sock" */
	const char *cert_file, *key_file;	/* NULL: plain */
	const char *client_ca;		/* PEM text: ask for a client certificate (the device listener) */
	int io_threads, workers;
	int connections_max, connections_per_address_max;	/* per address 0: no limit */
	int head_s, body_grace_s, idle_s, idle_trusted_s;	/* 10, 10, 15, 180 */
	int64_t body_rate_min;		/* bytes a second after body_grace_s: 1000 */
	const char *trusted_proxies;	/* addresses or CIDRs separated by spaces; "unix" for unix sockets */
	const struct route *const *routes;	/* tables, ends with NULL */
	const struct server_calls *calls;
	struct site *site;
};

bool server_start(TALLOC_CTX *ctx, const struct server_conf *conf, struct server **ret, struct err *err) CHECKED;
int server_port(const struct server *server);		/* the real one, when 0 was asked */
bool server_reload_tls(struct server *server, struct err *err) CHECKED;	/* re-reads the files */
void server_stop(struct server *server);		/* finishes what is under way */

/* The table as `pomona --routes` prints it. */
void routes_print(const struct route *const *tables);
