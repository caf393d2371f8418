#pragma once
/*
 * apns - one connection to Apple's push service, kept for hours: HTTP/2, many pushes at once.
 *
 * Who sends opens it, sends as many pushes as there is room for, and runs it: answers come as they come, in
 * any order.  A connection that ends, by whatever, answers all that is under way with APNS_UNSENT: they are
 * sent again over the next one, which harms nobody, since Apple keeps one push a device.  After a GOAWAY
 * what was accepted is still waited for.  For one thread.
 *
 * It is nghttp2 over OpenSSL, not libcurl: libcurl 7.88 resets each stream that has ended, and servers that
 * guard against rapid resets (CVE-2023-44487; every nghttp2 does) end the connection after a thousand pushes.
 *
 * POST /3/device/<token in lower-case hex>, with apns-topic, apns-push-type: mdm, apns-priority: 10,
 * apns-expiration and apns-id; the body is {"mdm":"<PushMagic>"} and nothing else.  Apple: "Sending
 * notification requests to APNs", "Handling notification responses from APNs".
 */
#include "core/clock.h"
#include "core/x509.h"
#include <poll.h>
#include <stdint.h>

#define APNS_STREAMS_MAX	1000	/* pushes under way; fewer when the server says so */
#define APNS_CONNECT_S		15
#define APNS_ANSWER_S		30	/* a connection that answers nothing for so long is dead */
#define APNS_TOKEN_MAX		256	/* bytes; Apple's have 32 today */
#define APNS_MAGIC_MAX		256
#define APNS_REASON_SIZE	64
#define APNS_KEEP_S		(7 * DAY_S)	/* what a push says of how long Apple keeps it */

/* What an answer means for its push; the table is in apns_answer.c. */
enum apns_todo {
	APNS_TAKEN,		/* Apple has it */
	APNS_DROP_TOKEN,	/* never good for this topic: wait for a new one */
	APNS_GONE,		/* was good until `timestamp` */
	APNS_LATER,		/* too many for this device */
	APNS_RETRY,		/* Apple is in trouble */
	APNS_HALT,		/* the certificate is refused: nothing more with this topic */
	APNS_BUG,		/* our request was wrong: the same again would be, too */
	APNS_UNSENT,		/* no answer: over the next connection */
};

struct apns_answer {
	enum apns_todo todo;
	int status;			/* 0: none came */
	char reason[APNS_REASON_SIZE];	/* "" or letters and digits alone */
	int64_t timestamp;		/* ms, of APNS_GONE; 0: not said */
};

/* Judges a status and the body (or a GOAWAY's data, status 0); never fails. */
void apns_judge(int status, struct bytes body, struct apns_answer *ret);

struct apns_push {
	struct bytes token;
	const char *magic;
	int64_t expiration;		/* s since 1970 */
	void *tag;			/* whose it is; comes back with the answer */
};

struct apns_where {
	const char *url;		/* "https://api.push.apple.com:443" */
	const char *ca_file;		/* "" : the system's authorities */
	const char *allow;		/* egress.allow */
	bool configured;		/* url is the operator's (apns.url): it may be on this machine */
};

struct apns;

typedef void apns_answered(void *arg, void *tag, const struct apns_answer *answer);

/* `answered` is called in apns_run and apns_close alone. */
struct apns *apns_new(TALLOC_CTX *ctx, const char *topic, apns_answered *answered, void *arg);

/*
 * Resolves, connects, says who it is and waits for the server's settings; blocks for APNS_CONNECT_S at most,
 * or until *stop.  ERR_UPSTREAM "unreachable", "tls", "certificate" (Apple's is not accepted);
 * ERR_DENIED when Apple refuses ours: that is as a 403.
 */
bool apns_open(struct apns *apns, const struct apns_where *where, X509 *cert, EVP_PKEY *key, const _Atomic bool *stop,
	       struct err *err) CHECKED;
bool apns_is_open(const struct apns *apns);

size_t apns_room(const struct apns *apns);	/* 0: full, not open, or it ends */
size_t apns_under_way(const struct apns *apns);
void apns_send(struct apns *apns, const struct apns_push *push);	/* only where there is room; copied */

/*
 * Writes and reads what can be and does not wait.  False when the connection has ended: its answers have come.
 * ERR_DENIED as above.
 */
bool apns_run(struct apns *apns, struct err *err) CHECKED;
void apns_wants(const struct apns *apns, struct pollfd *ret);	/* what to wait for before it is run again */
void apns_close(struct apns *apns);
