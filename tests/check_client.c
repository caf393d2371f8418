#include "tests/check_client.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

int
client_dial(struct server *server)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons((uint16_t)server_port(server)),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct timeval wait = { .tv_sec = 20 };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof at), 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
	return fd;
}

void
client_say(int fd, const char *text, size_t len)
{
	assert_int_equal(send(fd, text, len, MSG_NOSIGNAL), len);
}

/* What comes until the server closes. */
char *
client_hear(TALLOC_CTX *ctx, int fd)
{
	char *text = mem_size(ctx, 65536);
	size_t len = 0;
	ssize_t n;

	while (len < 65535 && (n = recv(fd, text + len, 65535 - len, 0)) > 0)
		len += (size_t)n;
	text[len] = '\0';
	close(fd);
	return text;
}

char *
client_talk(TALLOC_CTX *ctx, struct server *server, const char *text, size_t len)
{
	int fd = client_dial(server);

	client_say(fd, text, len);
	return client_hear(ctx, fd);
}

static size_t
collect(char *p, size_t size, size_t n, void *arg)
{
	struct client_got *got = arg;

	got->text = mem_grow(got->ctx, got->text, char, got->len + size * n + 1);
	memcpy(got->text + got->len, p, size * n);
	got->len += size * n;
	got->text[got->len] = '\0';
	return size * n;
}

static size_t
collect_head(char *p, size_t size, size_t n, void *arg)
{
	struct client_got *got = arg;

	got->head = mem_printf(got->ctx, "%s%.*s", got->head, (int)(size * n), p);
	return size * n;
}

static size_t
supply(char *p, size_t size, size_t n, void *arg)
{
	int64_t *left = arg;
	size_t give = *left < (int64_t)(size * n) ? (size_t)*left : size * n;

	for (size_t i = 0; i < give; i++)
		p[i] = (char)((*left - (int64_t)i) % 251);
	*left -= (int64_t)give;
	return give;
}

uint32_t
client_pattern_sum(int64_t len)
{
	uint32_t sum = 0;

	for (int64_t left = len; left > 0; left--)
		sum = sum * 31 + (unsigned char)(left % 251);
	return sum;
}

struct client_got
client_ask_with(CURL *curl, TALLOC_CTX *ctx, int port, const struct client_ask *ask)
{
	struct client_got got = { .head = mem_text(ctx, ""), .text = mem_text(ctx, ""), .ctx = ctx };
	struct curl_slist *headers = NULL;
	int64_t left = ask->len;

	curl_easy_reset(curl);
	curl_easy_setopt(curl, CURLOPT_URL,
			 mem_printf(ctx, "http%s://127.0.0.1:%d%s", ask->tls ? "s" : "", port, ask->path));
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT, 60L);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, collect);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, &got);
	curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, collect_head);
	curl_easy_setopt(curl, CURLOPT_HEADERDATA, &got);
	curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L);
	curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, ask->unix_path);
	if (ask->cert) {
		curl_easy_setopt(curl, CURLOPT_SSLCERT, ask->cert->cert_file);
		curl_easy_setopt(curl, CURLOPT_SSLKEY, ask->cert->key_file);
	}
	if (ask->len || ask->chunked) {
		curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
		curl_easy_setopt(curl, CURLOPT_READFUNCTION, supply);
		curl_easy_setopt(curl, CURLOPT_READDATA, &left);
		curl_easy_setopt(curl, CURLOPT_INFILESIZE_LARGE, (curl_off_t)(ask->chunked ? -1 : ask->len));
		if (ask->chunked)
			headers = curl_slist_append(headers, "Transfer-Encoding: chunked");
		headers = curl_slist_append(headers, ask->expect ? "Expect: 100-continue" : "Expect:");
	} else if (ask->body) {
		curl_easy_setopt(curl, CURLOPT_COPYPOSTFIELDS, ask->body);
	} else if (ask->method && strcmp(ask->method, "HEAD") == 0) {
		curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
	}
	if (ask->method)
		curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, ask->method);
	for (size_t i = 0; i < 4 && ask->headers[i]; i++)
		headers = curl_slist_append(headers, ask->headers[i]);
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
	got.rc = curl_easy_perform(curl);
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &got.status);
	curl_slist_free_all(headers);
	return got;
}

struct client_got
client_ask(TALLOC_CTX *ctx, struct server *server, const struct client_ask *ask)
{
	CURL *curl = curl_easy_init();
	struct client_got got = client_ask_with(curl, ctx, server_port(server), ask);

	curl_easy_cleanup(curl);
	return got;
}
