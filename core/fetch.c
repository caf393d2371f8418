#include "core/fetch.h"
#include <pthread.h>
#include <string.h>
#include "core/buf.h"
#include "core/fetch_curl.h"

static void
scoped_curl(CURL **curl)
{
	curl_easy_cleanup(*curl);
}

static void
start(void)
{
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != 0)
		abort();
}

void
fetch_curl_start(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, start);
}

/* A list of libcurl as long as a talloc object lives. */
struct list {
	struct curl_slist *items;
};

static int
free_list(struct list *list)
{
	curl_slist_free_all(list->items);
	return 0;
}

static struct list *
list_new(TALLOC_CTX *ctx)
{
	struct list *list = mem_new(ctx, struct list);

	talloc_set_destructor(list, free_list);
	return list;
}

static void
list_add(struct list *list, const char *text)
{
	list->items = mem_must(curl_slist_append(list->items, text));
}

/* The last word before a connection: an address that was judged, whatever libcurl has found. */
static curl_socket_t
open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *addr)
{
	if (purpose != CURLSOCKTYPE_IPCXN || !egress_has(arg, &addr->addr, addr->addrlen))
		return CURL_SOCKET_BAD;
	return socket(addr->family, addr->socktype | SOCK_CLOEXEC, addr->protocol);
}

/* "host:443:192.0.2.1,192.0.2.2" */
static char *
pins(TALLOC_CTX *ctx, const struct egress *e)
{
	char *all = mem_printf(ctx, "%s:%d:", e->host, e->port), text[NET_TEXT_SIZE];

	for (size_t i = 0; i < e->ips_n; i++)
		all = mem_printf(ctx, "%s%s%s", all, i ? "," : "", net_text(e->ips[i], text));
	return all;
}

void
fetch_curl_aim(CURL *curl, TALLOC_CTX *ctx, const struct egress *e, const char *ca_file, char *why)
{
	unsigned char ip[16];

	*why = '\0';
	if (!net_ip(e->host, ip)) {
		struct list *list = list_new(ctx);

		list_add(list, pins(ctx, e));
		curl_easy_setopt(curl, CURLOPT_RESOLVE, list->items);
	}
	curl_easy_setopt(curl, CURLOPT_URL, egress_url(ctx, e));
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, e->scheme);
	curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, open_socket);
	curl_easy_setopt(curl, CURLOPT_OPENSOCKETDATA, e);
	curl_easy_setopt(curl, CURLOPT_PROXY, "");
	curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
	curl_easy_setopt(curl, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, why);
	if (ca_file && *ca_file) {
		curl_easy_setopt(curl, CURLOPT_CAINFO, ca_file);
		curl_easy_setopt(curl, CURLOPT_CAPATH, NULL);
	}
}

bool
fetch_curl_failed(CURLcode rc, const struct egress *e, const char *why, struct err *err)
{
	if (!*why)
		why = curl_easy_strerror(rc);
	switch (rc) {
	case CURLE_PEER_FAILED_VERIFICATION:
		return err_code(err, ERR_UPSTREAM, "certificate",
				"the certificate of %s is not accepted: %s", e->host, why);
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CIPHER:
		return err_code(err, ERR_UPSTREAM, "tls", "no TLS with %s: %s", e->host, why);
	case CURLE_SSL_CACERT_BADFILE:
		return err_code(err, ERR_UPSTREAM, "certificate",
				"the file of authorities cannot be read: %s", why);
	case CURLE_COULDNT_CONNECT:
		return err_code(err, ERR_UPSTREAM, "unreachable", "%s does not answer on port %d: %s",
				e->host, e->port, why);
	case CURLE_OPERATION_TIMEDOUT:
		return err_code(err, ERR_UPSTREAM, "silent", "%s is too slow: %s", e->host, why);
	default:
		return err_set(err, ERR_UPSTREAM, "%s: %s", e->host, why);
	}
}

/* ---- HTTP ---- */

/* Beyond the bound the transfer ends; what came is the answer. */
static size_t
take(char *p, size_t size, size_t n, void *arg)
{
	struct buf *body = arg;
	size_t room = FETCH_ANSWER_MAX - body->len;

	buf_add(body, p, size * n < room ? size * n : room);
	return size * n <= room ? size * n : CURL_WRITEFUNC_ERROR;
}

static void
set_request(CURL *curl, TALLOC_CTX *ctx, const struct fetch *f)
{
	struct list *headers = list_new(ctx);

	list_add(headers, "User-Agent: Pomona/" POMONA_VERSION);
	list_add(headers, "Expect:");
	for (const char *const *h = f->headers; h && *h; h++)
		list_add(headers, *h);
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers->items);
	curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(curl, CURLOPT_HTTP09_ALLOWED, 0L);
	if (f->body.p) {
		curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)f->body.len);
		curl_easy_setopt(curl, CURLOPT_POSTFIELDS, f->body.p);
	}
	if (f->method)
		curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, f->method);
	if (f->user && *f->user) {
		curl_easy_setopt(curl, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
		curl_easy_setopt(curl, CURLOPT_USERNAME, f->user);
		curl_easy_setopt(curl, CURLOPT_PASSWORD, f->password ? f->password : "");
	}
	curl_easy_setopt(curl, CURLOPT_CONNECT_ONLY, (long)f->connect_only);
	curl_easy_setopt(curl, CURLOPT_FRESH_CONNECT, 1L);
	curl_easy_setopt(curl, CURLOPT_FORBID_REUSE, 1L);
	curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)FETCH_CONNECT_S);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)FETCH_TOTAL_S);
}

/* libcurl dates the connection when its TLS is done: what failed there had connected. */
enum fetch_reached
fetch_curl_reached(CURL *curl, CURLcode rc)
{
	curl_off_t connected = 0, encrypted = 0;
	long status = 0;

	curl_easy_getinfo(curl, CURLINFO_CONNECT_TIME_T, &connected);
	curl_easy_getinfo(curl, CURLINFO_APPCONNECT_TIME_T, &encrypted);
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	if (status)
		return FETCH_ANSWERED;
	if (encrypted)
		return FETCH_ENCRYPTED;
	return connected || rc == CURLE_SSL_CONNECT_ERROR || rc == CURLE_PEER_FAILED_VERIFICATION ||
	       rc == CURLE_SSL_CACERT_BADFILE ? FETCH_CONNECTED : FETCH_RESOLVED;
}

bool
fetch(TALLOC_CTX *ctx, const struct fetch *f, struct fetched *ret, struct err *err)
{
	void *own SCOPED(mem) = talloc_new(NULL);
	struct egress_rules rules = f->rules;
	SCOPED(curl) CURL *curl = NULL;
	struct egress *e;
	char why[CURL_ERROR_SIZE];
	struct buf body;
	long status = 0;
	CURLcode rc;

	*ret = (struct fetched){ 0 };
	if (!rules.schemes)
		rules.schemes = "https http";
	if (!egress_open(own, &rules, f->url, &e, err))
		return false;
	fetch_curl_start();
	curl = mem_must(curl_easy_init());
	buf_init(&body, ctx, FETCH_ANSWER_MAX);
	fetch_curl_aim(curl, own, e, f->ca_file, why);
	set_request(curl, own, f);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, &body);
	rc = curl_easy_perform(curl);
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	ret->reached = fetch_curl_reached(curl, rc);
	ret->status = (int)status;
	ret->body = (struct bytes){ buf_str(&body), body.len };
	if (rc == CURLE_OK || (rc == CURLE_WRITE_ERROR && status && body.len == FETCH_ANSWER_MAX))
		return true;
	return fetch_curl_failed(rc, e, why, err);
}

/* ---- who is there ---- */

static void
add_shown(struct buf *pem, const struct curl_certinfo *shown)
{
	static const char field[] = "Cert:";

	for (int i = 0; shown && i < shown->num_of_certs; i++)
		for (const struct curl_slist *line = shown->certinfo[i]; line; line = line->next)
			if (strncmp(line->data, field, sizeof field - 1) == 0)
				buf_addf(pem, "%s\n", line->data + sizeof field - 1);
}

bool
fetch_certificates(TALLOC_CTX *ctx, const struct fetch *f, struct bytes *ret, struct err *err)
{
	void *own SCOPED(mem) = talloc_new(NULL);
	struct egress_rules rules = f->rules;
	struct curl_certinfo *shown = NULL;
	SCOPED(curl) CURL *curl = NULL;
	struct egress *e;
	char why[CURL_ERROR_SIZE];
	struct buf pem;
	CURLcode rc;

	rules.schemes = "https";
	if (!egress_open(own, &rules, f->url, &e, err))
		return false;
	fetch_curl_start();
	curl = mem_must(curl_easy_init());
	fetch_curl_aim(curl, own, e, NULL, why);
	curl_easy_setopt(curl, CURLOPT_CERTINFO, 1L);
	curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L);
	curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L);
	curl_easy_setopt(curl, CURLOPT_CONNECT_ONLY, 1L);
	curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)FETCH_CONNECT_S);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)FETCH_TOTAL_S);
	rc = curl_easy_perform(curl);
	if (rc != CURLE_OK)
		return fetch_curl_failed(rc, e, why, err);
	buf_init(&pem, ctx, FETCH_ANSWER_MAX);
	if (curl_easy_getinfo(curl, CURLINFO_CERTINFO, &shown) == CURLE_OK)
		add_shown(&pem, shown);
	*ret = (struct bytes){ buf_str(&pem), pem.len };
	return buf_ok(&pem, err) && (pem.len > 0 || err_set(err, ERR_UPSTREAM, "%s shows no certificate", e->host));
}
