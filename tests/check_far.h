#pragma once
/*
 * check_far - a server of somebody else, as far as a test needs one: on loopback, it answers every
 * connection with the same bytes and keeps what it was asked.  Ends with its talloc context.
 */
#include <pthread.h>
#include "core/mem.h"

struct far {
	int fd, port;
	char *answer;
	size_t answer_len;
	char asked[16384];		/* the last request: its head, and as much body as that announces */
	_Atomic int connections;
	_Atomic bool first;		/* speaks before it is asked, as mail servers do */
	pthread_t thread;
};

struct far *far_new(TALLOC_CTX *ctx, const char *answer, size_t len);
struct far *far_text(TALLOC_CTX *ctx, const char *answer);
/* "HTTP/1.1 201 Created" and so on, with the body. */
struct far *far_http(TALLOC_CTX *ctx, int status, const char *body);
void far_says(struct far *far, int status, const char *body);	/* from the next connection on */
