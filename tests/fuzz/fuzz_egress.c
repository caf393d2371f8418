/*
 * The guard of what goes out, over any bytes as a URL.
 *
 * What it reads another reader of URLs (libcurl's) must read as the same host and port, put together again it
 * must be the same; and what it opens has public addresses alone.
 */
#include <assert.h>
#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>
#include "core/egress.h"
#include "tests/fuzz/fuzz.h"

static bool
answer(const char *host, unsigned char ips[][16], size_t *n, struct err *err)
{
	(void)err;
	*n = 1;
	/* some names lead inside */
	return net_ip(strstr(host, "in") ? "10.0.0.1" : "93.184.216.34", ips[0]);
}

static void
check_same(TALLOC_CTX *ctx, const struct egress *e)
{
	CURLU *url = curl_url();
	char *host = NULL, *port = NULL, *scheme = NULL;
	const char *text = egress_url(ctx, e), *inner;
	struct egress *again;
	struct err err;

	assert(egress_read(ctx, text, &again, &err));
	assert(strcmp(again->host, e->host) == 0 && again->port == e->port && strcmp(again->scheme, e->scheme) == 0);
	if (curl_url_set(url, CURLUPART_URL, text, CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK &&
	    curl_url_get(url, CURLUPART_HOST, &host, 0) == CURLUE_OK && curl_url_get(url, CURLUPART_PORT, &port, 0) == CURLUE_OK &&
	    curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK) {
		inner = *host == '[' ? mem_textn(ctx, host + 1, strlen(host) - 2) : host;
		if (strchr(e->host, ':')) {	/* it may write an IPv6 address shorter */
			unsigned char a[16], b[16];

			assert(net_ip(e->host, a) && net_ip(inner, b) && memcmp(a, b, sizeof a) == 0);
		} else {
			assert(strcasecmp(inner, e->host) == 0);
		}
		assert(strtol(port, NULL, 10) == e->port && strcmp(scheme, e->scheme) == 0);
	}
	curl_free(host);
	curl_free(port);
	curl_free(scheme);
	curl_url_cleanup(url);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	static const struct egress_rules typed = { .schemes = "https http", .resolve = answer };
	static const struct egress_rules settings = { .schemes = "https http smtp smtps", .configured = true, .resolve = answer };
	TALLOC_CTX *ctx = talloc_new(NULL);
	char *url = mem_textn(ctx, (const char *)p, len);
	const char *what;
	struct egress *e;
	struct err err = { 0 };

	if (egress_read(ctx, url, &e, &err))
		check_same(ctx, e);
	if (egress_open(ctx, &typed, url, &e, &err)) {
		assert(e->ips_n > 0 && strcmp(e->scheme, "https") == 0);
		for (size_t i = 0; i < e->ips_n; i++)
			assert(egress_judge(e->ips[i], &what) == EGRESS_PUBLIC);
	}
	if (egress_open(ctx, &settings, url, &e, &err))
		for (size_t i = 0; i < e->ips_n; i++)
			assert(egress_judge(e->ips[i], &what) != EGRESS_NEVER);
	if (egress_allow_check(url, &err))
		egress_allow_seam(url);
	talloc_free(ctx);
	return 0;
}
