#pragma once
/*
 * access - the access log: one line a request, without the secrets that stand in paths.
 */
#include "web/http.h"

#define ACCESS_TOKEN_SHOWN 6	/* characters of a link or grant that are logged */

struct access {
	const char *method;	/* "": the library refused the head itself */
	int status;		/* 0: no answer was begun */
	int64_t bytes, ms;
	const struct err *err;	/* why it was refused, if it was */
	bool cut;		/* the connection ended before the answer was out */
};

void access_log(struct req *req, const struct access *access);

/* A path or target as it may be logged; belongs to ctx or is `path` itself. */
const char *access_path(TALLOC_CTX *ctx, const char *path);
