#pragma once
/*
 * linger - makes a refusal arrive.
 *
 * When an upload is refused on its headers and the socket closed with its bytes unread, the kernel
 * sends a reset, and the client may lose the answer that was already on its way.  So a duplicate of
 * the socket is drained here until the client has seen the answer and closes.
 */
#include "core/mem.h"

#define LINGER_MAX		256		/* sockets; beyond, the most silent is let go */
#define LINGER_SILENT_MS	5000		/* without a byte */
#define LINGER_MS		120000		/* in all: a slow client sends a large app first */
#define LINGER_BYTES_MAX	(8LL << 30)

struct lingering;

bool linger_start(TALLOC_CTX *ctx, struct lingering **ret, struct err *err) CHECKED;
void linger_add(struct lingering *linger, int fd);	/* duplicates fd; nothing more is written to it */
void linger_stop(struct lingering *linger);
