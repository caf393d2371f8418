#pragma once
/*
 * bounce - a mail server's notice that it could not deliver (RFC 3464), read for the few lines that matter.
 *
 * Anybody may write such a mail, so it is only bounded words about a message whose id its sender must have
 * seen.  Belongs to ctx.
 */
#include "core/mem.h"

#define BOUNCE_WHY_MAX 300	/* bytes */

struct bounce {
	const char *message;	/* the part of its Message-ID before the @ */
	bool failed;		/* Action: failed; else it was delayed, relayed ... */
	const char *why;	/* "550 5.1.1 no such user" */
};

/* The whole mail as it came; ERR_INVALID when it is no such notice. */
bool bounce_read(TALLOC_CTX *ctx, struct bytes mail, struct bounce *ret, struct err *err) CHECKED;
