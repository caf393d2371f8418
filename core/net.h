#pragma once
/*
 * net - addresses and networks: "192.0.2.7", "2001:db8::/32".
 *
 * An address is 16 bytes, IPv4 as ::ffff:a.b.c.d, so that the same host has one form.
 */
#include "core/mem.h"
#include <sys/socket.h>

#define NET_TEXT_SIZE 46	/* INET6_ADDRSTRLEN */

struct net {
	unsigned char ip[16];
	int bits;	/* of 128 */
};

/* Four decimal numbers or IPv6, as they are written and nothing looser; no zone. */
bool net_ip(const char *text, unsigned char ip[16]) CHECKED;
bool net_of(const struct sockaddr *addr, socklen_t len, unsigned char ip[16]) CHECKED;	/* false: neither sort */
const char *net_text(const unsigned char ip[16], char text[NET_TEXT_SIZE]);

/* An address or CIDR of `len` bytes; ERR_INVALID names it. */
bool net_read(const char *text, size_t len, struct net *ret, struct err *err) CHECKED;
bool net_has(const struct net *net, const unsigned char ip[16]);
bool net_holds(const struct net *net, const struct net *other);	/* all of it */
