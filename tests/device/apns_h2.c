/* The fake APNs' connections: TLS by OpenSSL, HTTP/2 by nghttp2, never blocking. */
#include "tests/device/apns_fake.h"
#include <openssl/err.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include "core/clock.h"
#include "core/secret.h"
#include "tests/device/phone.h"

#define READ_MAX 65536

/* ---- requests ---- */

static int
on_begin(nghttp2_session *h2, const nghttp2_frame *frame, void *arg)
{
	struct conn *conn = arg;
	struct ask *ask;

	if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST)
		return 0;
	ask = mem_size(conn, sizeof *ask);
	memset(ask, 0, offsetof(struct ask, body));
	ask->conn = conn;
	ask->stream = frame->hd.stream_id;
	if (++conn->streams > conn->fake->most_streams)
		conn->fake->most_streams = conn->streams;
	nghttp2_session_set_stream_user_data(h2, ask->stream, ask);
	return 0;
}

static int
on_header(nghttp2_session *h2, const nghttp2_frame *frame, const uint8_t *name, size_t name_len, const uint8_t *value,
	  size_t value_len, uint8_t flags, void *arg)
{
	struct ask *ask = nghttp2_session_get_stream_user_data(h2, frame->hd.stream_id);
	const struct { const char *name; char *at; size_t size; } table[] = {
		{ ":method", ask->method, sizeof ask->method }, { ":path", ask->path, sizeof ask->path },
		{ "apns-topic", ask->topic, sizeof ask->topic }, { "apns-push-type", ask->type, sizeof ask->type },
		{ "apns-priority", ask->priority, sizeof ask->priority },
		{ "apns-expiration", ask->expiration, sizeof ask->expiration }, { "apns-id", ask->id, sizeof ask->id },
	};

	(void)flags;
	(void)arg;
	for (size_t i = 0; ask && i < sizeof table / sizeof *table; i++)
		if (strlen(table[i].name) == name_len && memcmp(table[i].name, name, name_len) == 0) {
			if (*table[i].at || value_len >= table[i].size)
				snprintf(ask->odd, sizeof ask->odd, "DuplicateHeaders");
			else
				memcpy(table[i].at, value, value_len);
			return 0;
		}
	if (ask && name_len >= 5 && memcmp(name, "apns-", 5) == 0)
		snprintf(ask->odd, sizeof ask->odd, "unknown header %.*s", (int)(name_len < 30 ? name_len : 30), name);
	return 0;
}

static int
on_data(nghttp2_session *h2, uint8_t flags, int32_t stream, const uint8_t *data, size_t len, void *arg)
{
	struct ask *ask = nghttp2_session_get_stream_user_data(h2, stream);

	(void)flags;
	(void)arg;
	if (ask && ask->body_len + len < sizeof ask->body) {
		memcpy(ask->body + ask->body_len, data, len);
		ask->body_len += len;
	} else if (ask) {
		snprintf(ask->odd, sizeof ask->odd, "PayloadTooLarge");
	}
	return 0;
}

static ssize_t
give_answer(nghttp2_session *h2, int32_t stream, uint8_t *buf, size_t len, uint32_t *flags, nghttp2_data_source *source,
	    void *arg)
{
	struct ask *ask = source->ptr;
	size_t left = strlen(ask->answer) - ask->sent;

	(void)h2;
	(void)stream;
	(void)arg;
	if (len > left)
		len = left;
	memcpy(buf, ask->answer + ask->sent, len);
	ask->sent += len;
	if (ask->sent == strlen(ask->answer))
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	return (ssize_t)len;
}

#define NV(n, v) { (uint8_t *)(uintptr_t)(n), (uint8_t *)(uintptr_t)(v), strlen(n), strlen(v), 0 }

void
fake_answer(struct fake *fake, struct ask *ask)
{
	nghttp2_data_provider body = { { .ptr = ask }, give_answer };
	char status[8], key[8];

	snprintf(status, sizeof status, "%d", ask->status);
	snprintf(key, sizeof key, "%d", ask->status);
	json_object_set_new(fake->answers, key, json_integer(json_integer_value(json_object_get(fake->answers, key)) + 1));
	{
		nghttp2_nv nv[] = { NV(":status", status), NV("apns-id", ask->apns_id), NV("content-type", "application/json") };

		nghttp2_submit_response(ask->conn->h2, ask->stream, nv, *ask->answer ? 3 : 2, *ask->answer ? &body : NULL);
	}
}

static void
close_all(struct fake *fake)
{
	for (struct conn *c = fake->conns; c; c = c->next)
		c->ends = true;
	fake->close = false;
}

static void
take(struct fake *fake, struct conn *conn, struct ask *ask)
{
	char debug[100];

	if (fake->close) {
		close_all(fake);
		return;
	}
	if (fake->goaway) {	/* this stream was not looked at: who sent it sends it again elsewhere */
		fake->goaway = false;
		fake->goaways++;
		snprintf(debug, sizeof debug, "{\"reason\":\"%s\"}", fake->goaway_reason);
		nghttp2_submit_goaway(conn->h2, NGHTTP2_FLAG_NONE, ask->stream - 2 > 0 ? ask->stream - 2 : 0,
				      NGHTTP2_NO_ERROR, (const uint8_t *)debug, *fake->goaway_reason ? strlen(debug) : 0);
		nghttp2_submit_rst_stream(conn->h2, NGHTTP2_FLAG_NONE, ask->stream, NGHTTP2_REFUSED_STREAM);
		return;
	}
	fake_judge(fake, ask);
	if (!fake->slow_ms) {
		fake_answer(fake, ask);
		return;
	}
	ask->due = clock_ms() + fake->slow_ms;
	*fake->waiting_end = ask;
	fake->waiting_end = &ask->next;
}

static int
on_frame(nghttp2_session *h2, const nghttp2_frame *frame, void *arg)
{
	struct conn *conn = arg;
	struct ask *ask;

	if (frame->hd.type == NGHTTP2_PRIORITY ||
	    (frame->hd.type == NGHTTP2_HEADERS && (frame->hd.flags & NGHTTP2_FLAG_PRIORITY)))
		conn->fake->priorities++;
	if (frame->hd.type == NGHTTP2_RST_STREAM)
		conn->fake->resets++;
	if (frame->hd.type == NGHTTP2_PING && !(frame->hd.flags & NGHTTP2_FLAG_ACK))
		conn->fake->pings++;
	if ((frame->hd.type != NGHTTP2_DATA && frame->hd.type != NGHTTP2_HEADERS) ||
	    !(frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
		return 0;
	if ((ask = nghttp2_session_get_stream_user_data(h2, frame->hd.stream_id)))
		take(conn->fake, conn, ask);
	return 0;
}

static int
on_close(nghttp2_session *h2, int32_t stream, uint32_t code, void *arg)
{
	struct conn *conn = arg;
	struct ask *ask = nghttp2_session_get_stream_user_data(h2, stream);
	struct fake *fake = conn->fake;

	(void)code;
	if (!ask)
		return 0;
	conn->streams--;
	for (struct ask **p = &fake->waiting; *p; p = &(*p)->next)
		if (*p == ask) {
			*p = ask->next;
			if (!*p)
				fake->waiting_end = p;
			break;
		}
	talloc_free(ask);
	return 0;
}

/* ---- connections ---- */

static void
begin_h2(struct fake *fake, struct conn *conn)
{
	nghttp2_settings_entry settings[] = {
		{ NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, (uint32_t)fake->streams },
		{ NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 1 << 20 },
	};
	nghttp2_session_callbacks *calls;
	X509 *cert = SSL_get1_peer_certificate(conn->ssl);

	if (cert) {
		X509_NAME_get_text_by_NID(X509_get_subject_name(cert), NID_userId, conn->topic, sizeof conn->topic);
		X509_free(cert);
	}
	if (nghttp2_session_callbacks_new(&calls) != 0)
		phone_die("nghttp2");
	nghttp2_session_callbacks_set_on_begin_headers_callback(calls, on_begin);
	nghttp2_session_callbacks_set_on_header_callback(calls, on_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(calls, on_data);
	nghttp2_session_callbacks_set_on_frame_recv_callback(calls, on_frame);
	nghttp2_session_callbacks_set_on_stream_close_callback(calls, on_close);
	if (nghttp2_session_server_new(&conn->h2, calls, conn) != 0)
		phone_die("nghttp2");
	nghttp2_session_callbacks_del(calls);
	nghttp2_submit_settings(conn->h2, NGHTTP2_FLAG_NONE, settings, 2);
	nghttp2_session_set_local_window_size(conn->h2, NGHTTP2_FLAG_NONE, 0, 1 << 24);
	conn->ready = true;
}

/* Frames are gathered, so that many answers leave in one TLS record. */
void
fake_flush(struct fake *fake, struct conn *conn)
{
	const uint8_t *p;
	ssize_t n;

	(void)fake;
	for (;;) {
		while (conn->ready && conn->out_len < FAKE_OUT_MAX - 32768 && (n = nghttp2_session_mem_send(conn->h2, &p)) > 0) {
			memcpy(conn->out + conn->out_len, p, (size_t)n);
			conn->out_len += (size_t)n;
		}
		if (conn->out_from == conn->out_len)
			break;
		ERR_clear_error();
		n = SSL_write(conn->ssl, conn->out + conn->out_from, (int)(conn->out_len - conn->out_from));
		if (n <= 0) {
			if (SSL_get_error(conn->ssl, (int)n) != SSL_ERROR_WANT_WRITE)
				conn->ends = true;
			break;
		}
		conn->out_from += (size_t)n;
		if (conn->out_from == conn->out_len)
			conn->out_from = conn->out_len = 0;
	}
	conn->writable = conn->out_from == conn->out_len;
	fake_watch(fake, conn->fd, conn, !conn->writable, true);
}

void
fake_end(struct fake *fake, struct conn *conn)
{
	for (struct conn **p = &fake->conns; *p; p = &(*p)->next)
		if (*p == conn) {
			*p = conn->next;
			break;
		}
	for (struct ask **p = &fake->waiting, *ask; (ask = *p);)
		if (ask->conn == conn) {
			*p = ask->next;
		} else {
			p = &ask->next;
		}
	for (fake->waiting_end = &fake->waiting; *fake->waiting_end;)
		fake->waiting_end = &(*fake->waiting_end)->next;
	nghttp2_session_del(conn->h2);
	SSL_free(conn->ssl);
	close(conn->fd);
	talloc_free(conn);
}

static bool
read_all(struct conn *conn)
{
	static _Thread_local uint8_t buf[READ_MAX];
	int n;

	for (;;) {
		ERR_clear_error();
		n = SSL_read(conn->ssl, buf, sizeof buf);
		if (n <= 0)
			return SSL_get_error(conn->ssl, n) == SSL_ERROR_WANT_READ;
		if (nghttp2_session_mem_recv(conn->h2, buf, (size_t)n) < 0)
			return false;
		if (conn->ends)
			return true;
	}
}

/* The alert has gone out; what the other side sends after it is answered by a reset, as busy servers do. */
static void
slam(struct conn *conn)
{
	struct linger now = { .l_onoff = 1 };

	setsockopt(conn->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
	conn->ends = true;
}

void
fake_serve(struct fake *fake, struct conn *conn, uint32_t events)
{
	if (!conn->ready) {
		int rc = SSL_accept(conn->ssl);

		if (rc == 1) {
			begin_h2(fake, conn);
		} else {
			int why = SSL_get_error(conn->ssl, rc);

			if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE)
				slam(conn);
			ERR_clear_error();
			return;
		}
	}
	if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) && !read_all(conn))
		conn->ends = true;
	if (!conn->ends)
		fake_flush(fake, conn);
	if (!nghttp2_session_want_read(conn->h2) && !nghttp2_session_want_write(conn->h2) && conn->writable)
		conn->ends = true;
}

struct conn *
fake_accept(struct fake *fake)
{
	int fd = accept4(fake->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	struct conn *conn;

	if (fd < 0)
		return NULL;
	if (fake->down) {
		close(fd);
		return NULL;
	}
	conn = mem_new(fake, struct conn);
	conn->fake = fake;
	conn->fd = fd;
	conn->ssl = mem_must(SSL_new(fake->ssl));
	SSL_set_fd(conn->ssl, fd);
	SSL_set_accept_state(conn->ssl);
	conn->next = fake->conns;
	fake->conns = conn;
	fake->connections++;
	fake_watch(fake, fd, conn, false, false);
	return conn;
}
