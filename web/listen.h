#pragma once
/*
 * listen - the socket we answer on: "127.0.0.1:8080", "[::]:8443", "unix:/run/pomona.sock".
 */
#include "core/mem.h"

#define LISTEN_BACKLOG 4096
#define LISTEN_UNIX_MODE 0660

struct listener {
	int fd;
	int port;		/* the real one; 0 for a unix socket */
	char *unix_path;	/* NULL: TCP */
};

/*
 * Port 0 lets the system choose.  A unix socket that nobody answers on is replaced; its owner and the
 * group of this process may connect to it, nobody else.
 */
bool listen_open(TALLOC_CTX *ctx, const char *where, struct listener *ret, struct err *err) CHECKED;
