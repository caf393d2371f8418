#pragma once
/*
 * resolve - getaddrinfo that ends in time.
 *
 * A resolver that does not answer keeps getaddrinfo for half a minute and longer, and nothing ends it: so it is asked by
 * a thread of its own, and whoever asked goes on without it.  The thread ends when the resolver does; RESOLVE_MAX of
 * them at most, and further names are refused meanwhile.  Addresses in digits need no thread.
 */
#include <netdb.h>

#define RESOLVE_MAX	32

/*
 * TCP addresses of host and port (a number, or NULL), for freeaddrinfo; within ms.  flags: AI_ADDRCONFIG, or 0.  Returns 0,
 * or what gai_strerror knows: EAI_AGAIN for no answer in time.
 */
int resolve(const char *host, const char *port, int flags, int ms, struct addrinfo **ret);
