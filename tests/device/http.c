#include "tests/device/device.h"
#include "core/buf.h"
#include <curl/curl.h>
#include <openssl/pem.h>
#include <string.h>
#include <strings.h>

#define BODY_MAX	(64u << 20)
#define TIMEOUT_S	60L

struct http_conn {
	CURL *curl;
	struct curl_slist *to;
	struct http_way way;
	char *cert_pem, *key_pem;	/* NULL: shows none */
};

/* One request on its way. */
struct trip {
	const struct http_request *request;
	struct http_answer *answer;
	struct buf in;
	size_t sent;
};

static size_t
take(char *p, size_t size, size_t n, void *arg)
{
	struct trip *trip = arg;

	if (trip->request->fault == HTTP_DEAF)
		return 0;
	buf_add(&trip->in, p, size * n);
	return trip->in.overflow ? 0 : size * n;
}

static size_t
look(char *p, size_t size, size_t n, void *arg)
{
	struct trip *trip = arg;

	if (trip->request->fault == HTTP_DEAF)
		return 0;
	if (size * n > 11 && strncasecmp(p, "Set-Cookie:", 11) == 0)
		trip->answer->cookie = true;
	return size * n;
}

static size_t
give(char *p, size_t size, size_t n, void *arg)
{
	struct trip *trip = arg;
	struct bytes body = trip->request->body;
	size_t until = trip->request->fault == HTTP_HALF ? body.len / 2 : body.len, len = until - trip->sent;

	if (len == 0 && until < body.len)
		return CURL_READFUNC_ABORT;
	len = len < size * n ? len : size * n;
	memcpy(p, (const char *)body.p + trip->sent, len);
	trip->sent += len;
	return len;
}

/*
 * A kept connection that the server ended as the request was on its way (RFC 9112 section 9.3.1): iOS asks again on a
 * new one, and so does libcurl, where it may send the body from its beginning.
 */
static int
rewind_body(void *arg, curl_off_t offset, int origin)
{
	struct trip *trip = arg;

	if (origin != SEEK_SET || offset != 0 || trip->request->fault != HTTP_FINE)
		return CURL_SEEKFUNC_FAIL;
	trip->sent = 0;
	return CURL_SEEKFUNC_OK;
}

static int
close_conn(struct http_conn *conn)
{
	curl_easy_cleanup(conn->curl);
	curl_slist_free_all(conn->to);
	return 0;
}

struct http_conn *
http_open(TALLOC_CTX *ctx, const struct http_way *way)
{
	struct http_conn *conn = mem_new(ctx, struct http_conn);

	conn->curl = curl_easy_init();
	conn->way = *way;
	talloc_set_destructor(conn, close_conn);
	if (way->connect)
		conn->to = curl_slist_append(NULL, mem_printf(conn, "::%s", way->connect));
	return conn;
}

void
http_identity(struct http_conn *conn, X509 *cert, EVP_PKEY *key)
{
	SCOPED(bio) BIO *out = BIO_new(BIO_s_mem());
	char *p;
	long len;

	PEM_write_bio_X509(out, cert);
	len = BIO_get_mem_data(out, &p);
	conn->cert_pem = mem_textn(conn, p, (size_t)len);
	(void)BIO_reset(out);
	PEM_write_bio_PrivateKey(out, key, NULL, NULL, 0, NULL, NULL);
	len = BIO_get_mem_data(out, &p);
	conn->key_pem = mem_textn(conn, p, (size_t)len);
}

static void
set_identity(struct http_conn *conn)
{
	struct curl_blob cert = { conn->cert_pem, conn->cert_pem ? strlen(conn->cert_pem) : 0, CURL_BLOB_NOCOPY };
	struct curl_blob key = { conn->key_pem, conn->key_pem ? strlen(conn->key_pem) : 0, CURL_BLOB_NOCOPY };

	if (!conn->cert_pem)
		return;
	curl_easy_setopt(conn->curl, CURLOPT_SSLCERTTYPE, "PEM");
	curl_easy_setopt(conn->curl, CURLOPT_SSLCERT_BLOB, &cert);
	curl_easy_setopt(conn->curl, CURLOPT_SSLKEYTYPE, "PEM");
	curl_easy_setopt(conn->curl, CURLOPT_SSLKEY_BLOB, &key);
}

static struct curl_slist *
head_of(TALLOC_CTX *ctx, const struct http_request *request)
{
	struct curl_slist *head = curl_slist_append(NULL, "Expect:");

	head = curl_slist_append(head, request->type ? mem_printf(ctx, "Content-Type: %s", request->type) :
				 "Content-Type:");
	head = curl_slist_append(head, "Accept: */*");
	for (int i = 0; i < HTTP_HEADERS_MAX && request->headers[i]; i++)
		head = curl_slist_append(head, request->headers[i]);
	return head;
}

static void
set_up(struct http_conn *conn, struct trip *trip, struct curl_slist *head)
{
	const struct http_request *request = trip->request;
	CURL *curl = conn->curl;

	curl_easy_reset(curl);
	curl_easy_setopt(curl, CURLOPT_URL, request->url);
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(curl, CURLOPT_PROXY, "");
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_USERAGENT, request->agent);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT, TIMEOUT_S);
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, head);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, trip);
	curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, look);
	curl_easy_setopt(curl, CURLOPT_HEADERDATA, trip);
	if (conn->way.ca_file)
		curl_easy_setopt(curl, CURLOPT_CAINFO, conn->way.ca_file);
	if (conn->way.cookie)
		curl_easy_setopt(curl, CURLOPT_COOKIE, conn->way.cookie);
	if (conn->to)
		curl_easy_setopt(curl, CURLOPT_CONNECT_TO, conn->to);
	set_identity(conn);
	if (request->body.p) {
		curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
		curl_easy_setopt(curl, CURLOPT_READFUNCTION, give);
		curl_easy_setopt(curl, CURLOPT_READDATA, trip);
		curl_easy_setopt(curl, CURLOPT_SEEKFUNCTION, rewind_body);
		curl_easy_setopt(curl, CURLOPT_SEEKDATA, trip);
		curl_easy_setopt(curl, CURLOPT_INFILESIZE_LARGE, (curl_off_t)request->body.len);
	} else if (strcmp(request->method, "HEAD") == 0) {
		curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
	}
	curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request->method);
}

bool
http_send(TALLOC_CTX *ctx, struct http_conn *conn, const struct http_request *request, struct http_answer *ret)
{
	struct trip trip = { .request = request, .answer = ret };
	struct curl_slist *head;
	char *text = NULL;
	CURLcode rc;

	*ret = (struct http_answer){ 0 };
	if (request->fault == HTTP_UNSENT) {
		ret->type = "the network is away";
		return false;
	}
	buf_init(&trip.in, ctx, BODY_MAX);
	head = head_of(ctx, request);
	set_up(conn, &trip, head);
	rc = curl_easy_perform(conn->curl);
	curl_slist_free_all(head);
	if (rc != CURLE_OK) {
		ret->type = curl_easy_strerror(rc);
		return false;
	}
	curl_easy_getinfo(conn->curl, CURLINFO_RESPONSE_CODE, &ret->status);
	if (curl_easy_getinfo(conn->curl, CURLINFO_CONTENT_TYPE, &text) == CURLE_OK)
		ret->type = mem_text(ctx, text);
	if (curl_easy_getinfo(conn->curl, CURLINFO_REDIRECT_URL, &text) == CURLE_OK)
		ret->location = mem_text(ctx, text);
	ret->body = (struct bytes){ trip.in.p, trip.in.len };
	return true;
}

void
http_ask(TALLOC_CTX *ctx, const struct http_way *way, const char *url, const char *agent, const char *type,
	 struct bytes body, struct http_answer *ret)
{
	struct http_conn *conn = http_open(ctx, way);
	struct http_request request = { .method = body.p ? "POST" : "GET", .url = url, .agent = agent, .type = type,
					.body = body };

	if (!http_send(ctx, conn, &request, ret))
		phone_die("%s: %s", url, ret->type);
	talloc_free(conn);
}
