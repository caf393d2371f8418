#pragma once
/*
 * egress - the one guard in front of every connection that goes out (docs/sending.md).
 *
 * A URL is read strictly, its host is resolved once, every address that came back is judged, and the
 * connection goes to these addresses and no others: what the name answers a moment later changes
 * nothing.  A name of which one address is refused is refused whole.
 *
 * Two kinds of words name a host.  A URL that somebody types in the console or sends to the API is
 * guarded fully: https alone, public addresses alone.  What the operator wrote in the settings file
 * (smtp.url, sms.url) may also be in the company's own networks or on this machine, and plain there: a
 * relay on the LAN is the usual case.  Nobody reaches link-local addresses, a cloud's metadata service,
 * multicast and what is no host at all.  egress.allow opens addresses for both kinds, plain ones too.
 */
#include <sys/socket.h>
#include "core/net.h"

#define EGRESS_URL_MAX		8192	/* bytes: an SMS of several parts, escaped */
#define EGRESS_RESOLVE_MS	10000	/* a name: a first server that is silent for 5 s, and the next one's answer */
#define EGRESS_ADDRESSES_MAX	16	/* of one name; more are not looked at and not dialled */

enum egress_reach { EGRESS_NEVER, EGRESS_PRIVATE, EGRESS_PUBLIC };

/* Fills `ips` with at most EGRESS_ADDRESSES_MAX addresses of host; ERR_UPSTREAM when there are none. */
typedef bool egress_resolver(const char *host, unsigned char ips[][16], size_t *n, struct err *err);

struct egress_rules {
	const char *schemes;	/* "https http": those that are taken here, separated by spaces */
	const char *allow;	/* egress.allow; NULL is none */
	bool configured;	/* the operator's own words, from the settings file */
	egress_resolver *resolve;	/* NULL: the system's, within ... */
	int resolve_ms;			/* ... 0: EGRESS_RESOLVE_MS */
};

struct egress {
	const char *scheme, *host;	/* lower case; an IPv6 address without brackets */
	const char *path;		/* with its query; "" or begins with / or ? */
	int port;
	bool encrypted;			/* https, smtps */
	unsigned char ips[EGRESS_ADDRESSES_MAX][16];
	size_t ips_n;
};

/* Reads the URL alone: scheme://host[:port][/path][?query], no user, no fragment, ASCII. */
bool egress_read(TALLOC_CTX *ctx, const char *url, struct egress **ret, struct err *err) CHECKED;

/*
 * Reads, resolves (blocks, for EGRESS_RESOLVE_MS at most) and judges.  ERR_INVALID when it is refused, ERR_UPSTREAM when
 * nothing is found.
 */
bool egress_open(TALLOC_CTX *ctx, const struct egress_rules *rules, const char *url, struct egress **ret,
		 struct err *err) CHECKED;

char *egress_url(TALLOC_CTX *ctx, const struct egress *egress);	/* put together again from its parts */
bool egress_has(const struct egress *egress, const struct sockaddr *addr, socklen_t len);
bool egress_loopback(const struct egress *egress);	/* all of its addresses are this machine */

/* *what: "a private network", to be said after "is an address of". */
enum egress_reach egress_judge(const unsigned char ip[16], const char **what);

bool egress_allow_check(const char *allow, struct err *err) CHECKED;	/* can it be read? */
bool egress_allow_seam(const char *allow);	/* opens more than the company's own networks: for tests */
