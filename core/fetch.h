#pragma once
/*
 * fetch - one HTTP request to somebody else's server, through core/egress.
 *
 * No redirects, no proxy of the environment, no cookies, no .netrc; each on a connection of its own, so
 * that nothing is sent twice by itself: libcurl repeats a request when a connection that it kept was
 * closed under it.  Blocks: for job workers and slow handlers alone.
 */
#include "core/egress.h"

#define FETCH_CONNECT_S		10
#define FETCH_TOTAL_S		30
#define FETCH_ANSWER_MAX	(64u << 10)	/* bytes of an answer's body that are kept */

struct fetch {
	struct egress_rules rules;	/* schemes NULL: https and http */
	const char *method, *url;	/* method NULL: GET, or POST with a body */
	const char *const *headers;	/* "Name: value", ends with NULL; NULL is none */
	struct bytes body;
	const char *user, *password;	/* Basic; user NULL or "": none */
	const char *ca_file;		/* NULL or "": the system's authorities */
	bool connect_only;		/* nothing is asked: is it there, and who it says it is? */
};

enum fetch_reached { FETCH_NOTHING, FETCH_RESOLVED, FETCH_CONNECTED, FETCH_ENCRYPTED, FETCH_ANSWERED };

struct fetched {
	enum fetch_reached reached;	/* set on failure too */
	int status;
	struct bytes body;		/* ends with a NUL that does not count */
};

/*
 * The certificates that a TLS server shows, its own first, in PEM: nothing is asked of it and none is judged, since it
 * is they who are looked at.
 */
bool fetch_certificates(TALLOC_CTX *ctx, const struct fetch *fetch, struct bytes *pem, struct err *err) CHECKED;

/* False when there is no answer: ERR_INVALID when it may not be asked, ERR_UPSTREAM else.  A 4xx is an answer. */
bool fetch(TALLOC_CTX *ctx, const struct fetch *fetch, struct fetched *ret, struct err *err) CHECKED;
