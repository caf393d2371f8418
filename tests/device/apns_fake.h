#pragma once
/*
 * apns_fake - what the files of the fake APNs share (apns.h says what it is).  All on one thread.
 */
#include <jansson.h>
#include <nghttp2/nghttp2.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include "tests/device/apns.h"

#define APNS_WRONGS_MAX	10
#define APNS_BODY_MAX	5120	/* bytes; APNs takes 4096 */
#define APNS_OUT_MAX	(256u << 10)

struct apns_rule {
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
	struct apns_rule rule;
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
	char body[APNS_BODY_MAX];	/* the last: it is not cleared */
};

struct conn {
	struct conn *next;
	struct apns *apns;
	int fd;
	SSL *ssl;
	nghttp2_session *h2;
	bool ready, writable, ends;
	int streams;
	char topic[256];	/* UID of the client's certificate; "": it has none */
	char out[APNS_OUT_MAX];
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

struct apns {
	struct apns_opts opts;
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
	struct apns_rule rule;
	bool goaway, close, down;
	char goaway_reason[64];
	int64_t slow_ms, streams;
	/* what was seen */
	int64_t connections, requests, wrong, goaways, priorities, pings, resets, delivered, expired;
	int most_streams;
	json_t *answers, *wrongs, *topics;
};

/* ---- apns_h2.c ---- */
void apns_serve(struct apns *apns, struct conn *conn, uint32_t events);
struct conn *apns_accept(struct apns *apns);
void apns_answer(struct apns *apns, struct ask *ask);	/* its time has come */
void apns_flush(struct apns *apns, struct conn *conn);
void apns_end(struct apns *apns, struct conn *conn);

/* ---- apns_store.c ---- */
void apns_judge(struct apns *apns, struct ask *ask);	/* sets status and answer, stores, delivers */
struct seat *apns_seat(struct apns *apns, const char *topic, const char *token, bool make);
void apns_attach(struct apns *apns, struct door *phone, const char *topic, const char *token);
void apns_detach_all(struct apns *apns, struct door *phone);
json_t *apns_counts(struct apns *apns);
void apns_reset(struct apns *apns);

/* ---- apns_door.c ---- */
struct door *apns_door_accept(struct apns *apns);
bool apns_door_serve(struct apns *apns, struct door *door, uint32_t events);	/* false: it has ended */
void apns_door_say(struct apns *apns, struct door *door, const char *line);

/* ---- apns.c ---- */
void apns_watch(struct apns *apns, int fd, void *what, bool writing, bool again);
