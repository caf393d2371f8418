#pragma once
/*
 * device - what the program `device` is made of: its commands, and HTTP as a phone speaks it.
 */
#include "tests/device/phone.h"

int cmd_register(int argc, char **argv);
int cmd_apns(int argc, char **argv);
int cmd_apns_tell(int argc, char **argv);
int cmd_apns_cert(int argc, char **argv);

/* ---- http.c ---- */
struct http_way {
	const char *ca_file;	/* PEM; NULL: the system's */
	const char *connect;	/* "HOST:PORT" that every name leads to; NULL: as names are */
};

struct http_answer {
	long status;		/* 0: none came */
	const char *type, *location;
	bool cookie;		/* it wants to set one */
	struct bytes body;
};

/* body.p NULL: GET.  Redirects are not followed. */
void http_ask(TALLOC_CTX *ctx, const struct http_way *way, const char *url, const char *agent, const char *type,
	      struct bytes body, struct http_answer *ret);
