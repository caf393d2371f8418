#pragma once
/*
 * address - who is at the other end, and whose word about it is believed.
 *
 * X-Forwarded-For is a list that anybody may begin; only its right end was written by a proxy of
 * ours.  So we walk from the right and stop at the first address that is not a trusted proxy.
 */
#include <sys/socket.h>
#include "web/fields.h"

#define ADDRESS_TEXT_SIZE	46	/* INET6_ADDRSTRLEN */
#define ADDRESS_HOPS_MAX	32

struct address {
	unsigned char ip[16];	/* IPv4 as ::ffff:a.b.c.d */
	bool local;		/* a unix socket */
};

struct addresses;

/* "10.0.0.0/8 ::1 unix"; NULL and "" are nobody.  ERR_INVALID names what cannot be read. */
bool addresses_read(TALLOC_CTX *ctx, const char *text, struct addresses **ret, struct err *err) CHECKED;
bool addresses_have(const struct addresses *set, const struct address *address);
bool addresses_have_own(const struct addresses *set);	/* does a proxy speak from this host? */
bool address_is_own(const struct address *address);	/* loopback, or a unix socket */

void address_of(const struct sockaddr *peer, socklen_t len, struct address *ret);
const char *address_text(const struct address *address, char text[ADDRESS_TEXT_SIZE]);	/* "unix" if local */

/*
 * The client behind `peer`: peer itself unless it is trusted.  A hop that cannot be read ends the
 * walk at the one before it.
 */
void address_client(const struct addresses *trusted, const struct address *peer,
		    const struct field *headers, size_t headers_n, struct address *ret);

/* Did the nearest trusted proxy say that the client speaks TLS?  X-Forwarded-Proto, right end. */
bool address_forwarded_tls(const struct field *headers, size_t headers_n);
