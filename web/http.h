#pragma once
/*
 * http - what a handler sees: a request, a reply, a row of the route table.
 *
 * A request passes four rooms: web/server.c, its handler, the domain, core/db.c.  The table says who
 * may, how large a body may be and on which thread it runs; server.c sees to all of it before the
 * first byte of the body is read.  A handler returns false with an err and never writes an error
 * itself: the one error exit is server.c's.
 *
 * A `struct req` is a talloc context: everything a request needs hangs on it and goes with it.
 */
#include <jansson.h>
#include "core/mem.h"

#define HTTP_TARGET_MAX		16384	/* bytes of path and query as sent */
#define HTTP_QUERY_MAX		64	/* fields of a query */
#define HTTP_FORM_MAX		1024	/* fields of a form: a page of devices, each with its box */
#define HTTP_PARAM_MAX		4	/* :names in a path */
#define HTTP_TEXT_MAX		(16u << 20)	/* largest body kept in memory: a device's report, beyond what is read of it */

enum method { METHOD_NONE, GET, POST, PUT, PATCH, DELETE, OPTIONS };	/* HEAD is answered as GET */
enum who { WHO_ANYONE, WHO_GRANT, WHO_LINK, WHO_DEVICE, WHO_OPERATOR, WHO_PERSON, WHO_PUBLISHER, WHO_ADMIN };
enum thread { ON_IO, ON_WORKER };

struct site;	/* web/site.h: what everything shares */
struct req;
struct reply;
struct err;

typedef bool handler(struct req *req, struct reply *reply, struct err *err);

/*
 * A body that is not kept in memory: opened on the headers (worker thread), fed as it comes (I/O
 * thread, never blocks; *pause asks the server to stop reading until req_unpause), then the route's
 * handler runs.  `cut` is called when the client went away or the body was refused.
 */
struct sink {
	bool (*open)(struct req *req, struct err *err);
	bool (*feed)(struct req *req, struct bytes bytes, bool *pause, struct err *err);
	void (*cut)(struct req *req);
};

struct route {
	enum method method;
	const char *path;		/* "/apps/:bundle" */
	enum who who;
	const char *body_max;		/* "0", "64K", or a configuration key such as "upload.max_mb" */
	enum thread thread;
	handler *handle;
	const struct sink *sink;	/* NULL: the body is kept in memory */
	const char *scope;		/* of a token: read, upload, devices, admin, "one|other"; NULL: none suffices */
	const char *what;		/* one line, for --routes and the API's description */
};

/* ---- request ---- */
struct req {
	struct site *site;
	const struct route *route;
	enum method method;
	bool head;			/* sent as HEAD */
	bool secure;			/* TLS, here or at a trusted proxy */
	bool browser;			/* prefers text/html to application/json */
	char id[17];			/* request id: in the log and X-Request-Id */
	const char *target;		/* as sent */
	const char *path;		/* decoded by us, dot segments refused */
	const char *address;		/* the client's, through trusted proxies only */
	bool proxied;			/* the peer is a trusted proxy: its headers may be believed */
	bool local;			/* somebody on this host, and no proxy here that speaks for others */
	int64_t length;			/* Content-Length, -1 when chunked or none */
	struct bytes body;		/* when kept in memory */
	struct person *person;		/* who is signed in, or whose token it is; NULL: nobody */
	const char *session_csrf;	/* set with a session, and with what a proxy vouches for */
	struct vouch *vouch;		/* vouch.c's: what a proxy says, once it was looked at */
	bool vouched;			/* by a trusted proxy, at each request */
	bool program;			/* HTTP Basic without anything of a browser: no page stands behind it */
	const char *language;		/* "en", "de", ... from Accept-Language */
	void *sink_state;
	struct server_req *server;	/* server.c's own */
};

const char *req_param(struct req *req, const char *name);	/* ":name" of the path; never NULL */
const char *req_query(struct req *req, const char *name);	/* NULL: not there */
const char *req_header(struct req *req, const char *name);	/* the only occurrence, or NULL */
bool req_has_header(struct req *req, const char *name);	/* once or several times */
const char *req_cookie(struct req *req, const char *name);
const char *req_form(struct req *req, const char *name);	/* of a form kept in memory */
struct bytes req_form_file(struct req *req, const char *name);	/* empty: none was sent */
const char *req_form_file_name(struct req *req, const char *name);	/* as it is called where it comes from; NULL: none was sent */
struct bytes req_form_files(struct req *req, const char *name, size_t n);	/* the n-th of several, from 0; p NULL: no more */
const char *req_form_nth(struct req *req, const char *name, size_t n);	/* a field sent several times */
bool req_client_cert(struct req *req, struct bytes *der);	/* as shown in TLS, not verified; false: none */
bool req_json(struct req *req, json_t **ret, struct err *err) CHECKED;	/* belongs to req */
void req_unpause(struct req *req);	/* from any thread, once for each pause */

/* ---- reply: exactly one of these a request ---- */
bool reply_text(struct reply *reply, int status, const char *type, const char *text);	/* copied */
bool reply_bytes(struct reply *reply, int status, const char *type, struct bytes bytes);	/* lent: of req, or for ever */
bool reply_json(struct reply *reply, int status, json_t *json);		/* takes the reference */
bool reply_json_as(struct reply *reply, int status, const char *type, json_t *json);
bool reply_empty(struct reply *reply, int status);	/* 304 costs its connection; reply_file's does not */
bool reply_see(struct reply *reply, const char *location);		/* 303 */
/*
 * A file with strong ETag, Range, If-Range, HEAD, 206 and 416; takes fd.  sendfile on plain
 * connections, 32 KB blocks on TLS.  *sent (may be NULL) is told the range that was asked.
 */
struct reply_range { int64_t from, length, size; };
bool reply_file(struct reply *reply, struct req *req, int fd, int64_t size, const char *etag,
		const char *type, struct reply_range *sent);
struct follow;	/* web/follow.h: to be told how much of it went out */
void reply_follow(struct reply *reply, struct follow *follow);
void reply_header(struct reply *reply, const char *name, const char *value);	/* replaces its like */
bool reply_has(const struct reply *reply, const char *name);
