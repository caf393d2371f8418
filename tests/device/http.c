#include "tests/device/device.h"
#include "core/buf.h"
#include <curl/curl.h>
#include <string.h>
#include <strings.h>

#define BODY_MAX	(8u << 20)
#define TIMEOUT_S	60L

static size_t
take(char *p, size_t size, size_t n, void *arg)
{
	buf_add(arg, p, size * n);
	return size * n;
}

static size_t
look(char *p, size_t size, size_t n, void *arg)
{
	struct http_answer *answer = arg;

	if (size * n > 11 && strncasecmp(p, "Set-Cookie:", 11) == 0)
		answer->cookie = true;
	return size * n;
}

void
http_ask(TALLOC_CTX *ctx, const struct http_way *way, const char *url, const char *agent, const char *type,
	 struct bytes body, struct http_answer *ret)
{
	CURL *curl = curl_easy_init();
	struct curl_slist *head = NULL, *to = NULL;
	struct buf out;
	char *text = NULL;
	CURLcode rc;

	*ret = (struct http_answer){ 0 };
	buf_init(&out, ctx, BODY_MAX);
	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(curl, CURLOPT_USERAGENT, agent);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT, TIMEOUT_S);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, &out);
	curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, look);
	curl_easy_setopt(curl, CURLOPT_HEADERDATA, ret);
	if (way->ca_file)
		curl_easy_setopt(curl, CURLOPT_CAINFO, way->ca_file);
	if (way->connect) {
		to = curl_slist_append(NULL, mem_printf(ctx, "::%s", way->connect));
		curl_easy_setopt(curl, CURLOPT_CONNECT_TO, to);
	}
	head = curl_slist_append(head, type ? mem_printf(ctx, "Content-Type: %s", type) : "Accept: text/html,*/*");
	head = curl_slist_append(head, "Expect:");
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, head);
	if (body.p) {
		curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)body.len);
		curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body.p);
	}
	rc = curl_easy_perform(curl);
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &ret->status);
	if (rc != CURLE_OK && !ret->status)
		phone_die("%s: %s", url, curl_easy_strerror(rc));
	if (curl_easy_getinfo(curl, CURLINFO_CONTENT_TYPE, &text) == CURLE_OK)
		ret->type = mem_text(ctx, text);
	if (curl_easy_getinfo(curl, CURLINFO_REDIRECT_URL, &text) == CURLE_OK)
		ret->location = mem_text(ctx, text);
	ret->body = (struct bytes){ out.p, out.len };
	curl_slist_free_all(head);
	curl_slist_free_all(to);
	curl_easy_cleanup(curl);
}
