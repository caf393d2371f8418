#pragma once
/*
 * access - the access log: one line a request, without the secrets that stand in paths.
 */
#include "web/http.h"

#define ACCESS_TOKEN_SHOWN	6	/* characters of a link or grant that are logged, and at most a quarter */
#define ACCESS_TOKEN_MIN	20	/* in a refused target, what is as long may be one; ids have 16 */

struct access {
	const char *method;	/* "": the library refused the head itself */
	int status;		/* 0: no answer was begun */
	int64_t bytes;		/* of content; of a cut file what the client's system took; -1: not known */
	int64_t ms;
	const struct err *err;	/* why it was refused, if it was */
	bool cut;		/* the connection ended before the answer was out */
};

void access_log(struct req *req, const struct access *access);

/* As they may be logged, without their query; belong to ctx. */
const char *access_path(TALLOC_CTX *ctx, const char *path);	/* decoded, and it led to a route */
const char *access_target(TALLOC_CTX *ctx, const char *target);	/* as sent, or a path that leads nowhere */
