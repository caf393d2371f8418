#pragma once
/*
 * apns_fake - what the files of the fake APNs share (apns.h says what it is).  All on one thread.
 */
#include <jansson.h>
#include <nghttp2/nghttp2.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include "tests/device/apns.h"

#define FAKE_WRONGS_MAX	10
#define FAKE_BODY_MAX	5120	/* bytes; APNs takes 4096 */
#define FAKE_OUT_MAX	(256u << 10)

struct fake_rule {
	int status;		/* 0: none */
	char reason[64];
	int64_t timestamp;	/* ms */
	int64_t times;		/* 0: for ever */
};

/* One topic and token. */
struct seat {
	struct seat *next;	/* in its bucket */
	struct door *phone;	/* NULL: offline */
	char *magic;		/* kept push; NULL: none */
	int64_t expires;
	struct fake_rule rule;
	char key[];		/* "TOPIC TOKEN"; rules hang on "* TOKEN" */
};

/* A request, from its headers to its answer; talloc child of its connection. */
struct ask {
	struct ask *next;	/* waits for its time */
	struct conn *conn;
	int32_t stream;
	int64_t due;		/* ms */
	char method[8], path[600], topic[256], type[32], priority[8], expiration[24], id[64], odd[64];
	size_t body_len, sent;
	int status;
	char answer[200], apns_id[37];
	char body[FAKE_BODY_MAX];	/* the last: it is not cleared */
};

struct conn {
	struct conn *next;
	struct fake *fake;
	int fd;
	SSL *ssl;
	nghttp2_session *h2;
	bool ready, writable, ends;
	int streams;
	char topic[256];	/* UID of the client's certificate; "": it has none */
	char out[FAKE_OUT_MAX];
	size_t out_len, out_from;
};

struct door {
	struct door *next;
	int fd;
	char in[4096];
	size_t in_len;
	char *out;
	size_t out_len, out_from;
	bool writable;
};

struct fake {
	struct fake_opts opts;
	int listen_fd, door_fd, epoll, stop[2];
	SSL_CTX *ssl;
	char url[64];
	pthread_t thread;
	struct conn *conns;
	struct door *doors;
	struct seat **buckets;
	size_t seats;
	struct ask *waiting, **waiting_end;
	/* how to answer */
	struct fake_rule rule;
	bool goaway, close, down;
	char goaway_reason[64];
	int64_t slow_ms, streams;
	/* what was seen */
	int64_t connections, requests, wrong, goaways, priorities, pings, resets, delivered, expired;
	int most_streams, papers;
	json_t *answers, *wrongs, *topics;
};

/* ---- apns_h2.c ---- */
void fake_serve(struct fake *fake, struct conn *conn, uint32_t events);
struct conn *fake_accept(struct fake *fake);
void fake_answer(struct fake *fake, struct ask *ask);	/* its time has come */
void fake_flush(struct fake *fake, struct conn *conn);
void fake_end(struct fake *fake, struct conn *conn);

/* ---- apns_store.c ---- */
void fake_judge(struct fake *fake, struct ask *ask);	/* sets status and answer, stores, delivers */
struct seat *fake_seat(struct fake *fake, const char *topic, const char *token, bool make);
void fake_attach(struct fake *fake, struct door *phone, const char *topic, const char *token);
void fake_detach_all(struct fake *fake, struct door *phone);
json_t *fake_counts(struct fake *fake);
void fake_reset(struct fake *fake);

/* ---- apns_keep.c ---- */
void fake_keep(struct fake *fake, const struct ask *ask);	/* judged */

/* ---- apns_door.c ---- */
struct door *fake_door_accept(struct fake *fake);
bool fake_door_serve(struct fake *fake, struct door *door, uint32_t events);	/* false: it has ended */
void fake_door_say(struct fake *fake, struct door *door, const char *line);

/* ---- apns.c ---- */
void fake_watch(struct fake *fake, int fd, void *what, bool writing, bool again);
