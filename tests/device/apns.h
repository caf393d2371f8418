#pragma once
/*
 * apns - a fake of Apple's push service: HTTP/2 over TLS with client certificates, stores and forwards.
 *
 * As a program, `device apns DIR` (apns_main.c); in a test, fake_open.  DIR gets
 *
 *	ca.pem		what apns.ca_file names
 *	url		"https://127.0.0.1:PORT" for apns.url, once it listens
 *	door		a unix socket: phones come here, and whoever tells it how to answer
 *
 * The door takes lines, words parted by one space, tokens in hex.  A phone says
 *
 *	attach TOPIC TOKEN		from now on, and until the connection ends, it is online
 *	detach TOPIC TOKEN
 *
 * any number of them on one connection, without an answer, and is told, as soon as something was pushed
 * (or at once, when it was kept for it):
 *
 *	push TOPIC TOKEN MAGIC
 *
 * Of each topic and token only the last push is kept, until its apns-expiration.  A phone that re-enrolls
 * attaches its new token.  Whoever tests says, and reads one line, "ok" or "no: WHY", after each:
 *
 *	answer TOKEN|* STATUS [REASON [TIMESTAMP_MS [TIMES]]]	200 ends it; TIMES 0: until then
 *	goaway [REASON]		at the next request, which it then does not take
 *	close			ends every connection at the next request, without a word
 *	slow MS			answers come so much later
 *	streams N		SETTINGS_MAX_CONCURRENT_STREAMS of connections to come
 *	down | up		no connection is accepted; those that are there end
 *	reset			as at the start; what is kept and who is online stays
 *	counts			one line of JSON, below
 *
 * {connections, open, requests, answers{"200": n ...}, wrong, wrongs[], goaways, priority_frames, pings, resets,
 *  kept, delivered, expired, online, topics{topic: n}, most_streams}
 * `wrong` counts requests that Apple would not like: path not in lower-case hex, one
 * of the four headers missing or odd, a body that is not exactly {"mdm": text}, a topic that is not the
 * certificate's.  `wrongs` quotes the first ten.
 *
 * --keep DIR: the first requests, and what was answered, for judge.py.
 *
 * --fast: judges and counts, keeps nothing and delivers nothing, to measure who sends.
 */
#include "core/mem.h"
#include <stdint.h>

#define FAKE_TOKENS_MAX	1000000

struct fake;

struct fake_opts {
	const char *dir, *keep;	/* keep: NULL: nowhere */
	int port;		/* 0: any */
	bool fast;
};

/* Serves in a thread of its own until its talloc context ends. */
struct fake *fake_open(TALLOC_CTX *ctx, const struct fake_opts *opts);
const char *fake_url(const struct fake *fake);

/* Says a line at the door of `dir`, and gives the answer without its end. */
char *fake_tell(TALLOC_CTX *ctx, const char *dir, const char *line);

/*
 * What identity.apple.com would make: a push certificate for `topic` and a key of its own, or for the
 * request's (PEM, NULL: none).  PEM texts; key_pem NULL with a request.
 */
struct fake_cert { char *cert_pem, *key_pem; };
struct fake_cert fake_cert(TALLOC_CTX *ctx, const char *dir, const char *topic, const char *request_pem, int days);
