#pragma once
/*
 * check_client - who speaks to a server of the test's own: byte by byte, or a whole request by curl.
 */
#include "tests/check_cert.h"
#include "web/server.h"
#include <curl/curl.h>

int client_dial(struct server *server);		/* it hears for 20 s at most */
void client_say(int fd, const char *text, size_t len);
char *client_hear(TALLOC_CTX *ctx, int fd);	/* what comes until the server closes; and closes */
char *client_talk(TALLOC_CTX *ctx, struct server *server, const char *text, size_t len);	/* all three */
#define TALK(text) client_talk(*state, server, text, sizeof(text) - 1)

/* One request by curl; the body it sends is `len` bytes of a pattern. */
struct client_ask {
	const char *path, *method, *headers[4];
	int64_t len;
	bool chunked, tls, expect;
	const char *body, *unix_path;
	const struct test_cert *cert;
};

struct client_got {
	long status;
	char *head, *text;
	size_t len;
	CURLcode rc;
	TALLOC_CTX *ctx;
};

struct client_got client_ask(TALLOC_CTX *ctx, struct server *server, const struct client_ask *ask);
struct client_got client_ask_with(CURL *curl, TALLOC_CTX *ctx, int port, const struct client_ask *ask);
#define ASK(...) client_ask(*state, server, &(struct client_ask){ __VA_ARGS__ })
uint32_t client_pattern_sum(int64_t len);	/* of such a body */
