#pragma once
/*
 * request - what stands behind `struct req` and `struct reply` inside the server.
 *
 * Handlers see web/http.h; web/server.c fills these in and turns a reply into a response.  Free of
 * the HTTP library.
 */
#include "web/fields.h"
#include "web/http.h"
#include "web/routes.h"

#define REPLY_HEADERS_MAX 40

struct server_req {
	struct field *headers;		/* values lent by the connection; none any more once it is cut */
	size_t headers_n;
	struct bytes query_text;
	struct fields query, form, cookies;
	struct form_file {
		struct form_file *next;
		const char *field, *name;
		struct bytes bytes;
	} *files;			/* of a multipart form kept in memory */
	bool has_query, has_cookies;	/* read when first asked for */
	struct route_match match;
};

struct reply {
	struct req *req;
	int status;			/* 0: none yet */
	struct bytes body;		/* lives as long as req */
	int fd;				/* >= 0: this file instead */
	int64_t from, length;		/* part of the file */
	struct follow *follow;		/* NULL: nobody */
	struct field headers[REPLY_HEADERS_MAX];
	size_t headers_n;
};

/* Reads a form kept in memory (urlencoded or multipart), before the handler runs. */
bool req_read_form(struct req *req, struct err *err) CHECKED;

/* Is a query what fields can be read from, and its limit a number?  Else ERR_MALFORMED or ERR_INVALID. */
bool req_check_query(struct req *req, struct err *err) CHECKED;

void reply_clear(struct reply *reply);	/* as if none had been given; closes the file */
int64_t reply_length(const struct reply *reply);	/* bytes of content that the client is sent */
