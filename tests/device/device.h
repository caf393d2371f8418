#pragma once
/*
 * device - what the program `device` is made of: its commands, and HTTP as a phone speaks it.
 */
#include "tests/device/phone.h"

int cmd_register(int argc, char **argv);
int cmd_enroll(int argc, char **argv);
int cmd_eas(int argc, char **argv);
int cmd_remove(int argc, char **argv);
int cmd_key(int argc, char **argv);
int cmd_scep(int argc, char **argv);
int cmd_fleet(int argc, char **argv);
int cmd_load(int argc, char **argv);
int cmd_show(int argc, char **argv);
int cmd_apns(int argc, char **argv);
int cmd_apns_tell(int argc, char **argv);
int cmd_apns_cert(int argc, char **argv);

/* ---- http.c ---- */
struct http_way {
	const char *ca_file;	/* PEM; NULL: the system's */
	const char *connect;	/* "HOST:PORT" that every name leads to; NULL: as names are */
	const char *cookie;	/* NAME=VALUE, as Safari has it; NULL: none */
};

struct http_answer {
	long status;		/* 0: none came */
	const char *type, *location;
	bool cookie;		/* it wants to set one */
	struct bytes body;
};

/* body.p NULL: GET.  Redirects are not followed.  No answer ends the program. */
void http_ask(TALLOC_CTX *ctx, const struct http_way *way, const char *url, const char *agent, const char *type,
	      struct bytes body, struct http_answer *ret);

/* One connection that is kept alive, as a phone keeps it for a while; ends with its context. */
struct http_conn;
struct http_conn *http_open(TALLOC_CTX *ctx, const struct http_way *way);
/* Shown from now on to who asks for a client certificate. */
void http_identity(struct http_conn *conn, X509 *cert, EVP_PKEY *key);

/* How the network lets a phone down. */
enum http_fault {
	HTTP_FINE,
	HTTP_UNSENT,	/* no connection comes about */
	HTTP_HALF,	/* it breaks in the middle of the body */
	HTTP_DEAF,	/* all is sent, and the answer never arrives */
};

#define HTTP_HEADERS_MAX 4
struct http_request {
	const char *method, *url, *agent, *type;	/* type NULL: no Content-Type */
	const char *headers[HTTP_HEADERS_MAX];		/* "Name: value", the first NULL ends them */
	struct bytes body;				/* p NULL: none */
	enum http_fault fault;
};

/* False: no answer came; `why` of it in ret->type. */
bool http_send(TALLOC_CTX *ctx, struct http_conn *conn, const struct http_request *request, struct http_answer *ret);
