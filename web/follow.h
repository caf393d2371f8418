#pragma once
/*
 * follow - how much of a file has gone out, for who wants to know while it goes.
 *
 * Where the kernel counts what the other side has taken (TCP) its count is asked; elsewhere what was
 * handed to the socket counts.  Made by a handler, of its request; `end` is called exactly once, on the
 * I/O thread, when the answer is over in whatever way, and must not wait for anything.
 */
#include <stdatomic.h>
#include <stdint.h>
#include "core/mem.h"

struct follow {
	void (*end)(struct follow *follow, bool whole, int64_t sent);	/* sent: of one that is not whole, at least */
	_Atomic int fd;			/* -1: not begun */
	_Atomic int64_t acked;		/* by the connection before this answer; -1: the kernel does not count */
	_Atomic int64_t given;		/* to the socket */
};

void follow_init(struct follow *follow, void (*end)(struct follow *follow, bool whole, int64_t sent));
void follow_begin(struct follow *follow, int fd, int64_t acked);	/* the server's, on the I/O thread */
void follow_over(struct follow *follow, bool whole);			/* and so is this */
int64_t follow_out(struct follow *follow);	/* so far, our head with it; any thread, before `end` */
