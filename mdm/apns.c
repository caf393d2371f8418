#include "mdm/apns.h"
#include "core/buf.h"
#include "core/clock.h"
#include "core/num.h"
#include "core/uuid.h"
#include "mdm/apns_link.h"
#include <ctype.h>
#include <nghttp2/nghttp2.h>
#include <string.h>

#define READ_SIZE	(64 << 10)
#define OUT_SIZE	(64 << 10)
#define BODY_MAX	512		/* bytes of an answer that are kept; Apple's have some 60 */
#define CHUNK_MAX	(32 << 10)	/* of nghttp2: a frame of 16 KB at most, and its header */
#define PUSH_BODY_MAX	(APNS_MAGIC_MAX + 16)

/* A push under way; its memory is kept for the next.  APNS_STREAMS_MAX at most. */
struct stream {
	struct stream *next, *prev;	/* those under way, or (next alone) those that are free */
	int32_t id;
	void *tag;
	int status;
	size_t body_len, sent, push_len;
	char push[PUSH_BODY_MAX], body[BODY_MAX];
};

struct apns {
	const char *topic;
	apns_answered *answered;
	void *arg;
	struct apns_link link;
	nghttp2_session *h2;		/* NULL: not open */
	nghttp2_session_callbacks *calls;
	char *authority;
	struct stream *free, *active;
	size_t under_way;
	bool settled;			/* the server's settings have come */
	bool draining;			/* it said GOAWAY */
	int64_t heard;			/* clock_ms of the last answer, or of the first push after it */
	struct apns_answer goaway;
	size_t out_len, out_from;
	char out[OUT_SIZE], in[READ_SIZE];
};

/* ---- answers ---- */

static void
give_back(struct apns *apns, struct stream *stream, const struct apns_answer *answer)
{
	void *tag = stream->tag;

	if (stream->prev)
		stream->prev->next = stream->next;
	else
		apns->active = stream->next;
	if (stream->next)
		stream->next->prev = stream->prev;
	stream->next = apns->free;
	apns->free = stream;
	apns->under_way--;
	apns->heard = clock_ms();
	apns->answered(apns->arg, tag, answer);
}

static int
on_header(nghttp2_session *h2, const nghttp2_frame *frame, const uint8_t *name, size_t name_len, const uint8_t *value,
	  size_t value_len, uint8_t flags, void *arg)
{
	struct stream *stream = nghttp2_session_get_stream_user_data(h2, frame->hd.stream_id);

	(void)flags;
	(void)arg;
	if (stream && name_len == 7 && memcmp(name, ":status", 7) == 0 && value_len == 3)	/* as nghttp2 has checked */
		stream->status = (value[0] - '0') * 100 + (value[1] - '0') * 10 + (value[2] - '0');
	return 0;
}

static int
on_data(nghttp2_session *h2, uint8_t flags, int32_t id, const uint8_t *data, size_t len, void *arg)
{
	struct stream *stream = nghttp2_session_get_stream_user_data(h2, id);

	(void)flags;
	(void)arg;
	if (stream && len <= sizeof stream->body - stream->body_len) {
		memcpy(stream->body + stream->body_len, data, len);
		stream->body_len += len;
	}
	return 0;
}

static int
on_frame(nghttp2_session *h2, const nghttp2_frame *frame, void *arg)
{
	struct apns *apns = arg;

	(void)h2;
	if (frame->hd.type == NGHTTP2_SETTINGS && !(frame->hd.flags & NGHTTP2_FLAG_ACK))
		apns->settled = true;
	if (frame->hd.type == NGHTTP2_GOAWAY) {
		apns->draining = true;
		apns_judge(0, (struct bytes){ frame->goaway.opaque_data, frame->goaway.opaque_data_len }, &apns->goaway);
	}
	return 0;
}

/* Also for streams that a GOAWAY did not take: nghttp2 closes them with REFUSED_STREAM. */
static int
on_close(nghttp2_session *h2, int32_t id, uint32_t code, void *arg)
{
	struct stream *stream = nghttp2_session_get_stream_user_data(h2, id);
	struct apns_answer answer = { .todo = APNS_UNSENT };

	if (!stream)
		return 0;
	if (stream->status && code == NGHTTP2_NO_ERROR)
		apns_judge(stream->status, (struct bytes){ stream->body, stream->body_len }, &answer);
	give_back(arg, stream, &answer);
	return 0;
}

/* ---- open and close ---- */

static int
free_apns(struct apns *apns)
{
	apns_close(apns);
	nghttp2_session_callbacks_del(apns->calls);
	return 0;
}

struct apns *
apns_new(TALLOC_CTX *ctx, const char *topic, apns_answered *answered, void *arg)
{
	struct apns *apns = mem_new(ctx, struct apns);

	apns->topic = mem_text(apns, topic);
	apns->answered = answered;
	apns->arg = arg;
	apns->link.fd = -1;
	if (nghttp2_session_callbacks_new(&apns->calls) != 0)
		mem_must(NULL);
	nghttp2_session_callbacks_set_on_header_callback(apns->calls, on_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(apns->calls, on_data);
	nghttp2_session_callbacks_set_on_frame_recv_callback(apns->calls, on_frame);
	nghttp2_session_callbacks_set_on_stream_close_callback(apns->calls, on_close);
	talloc_set_destructor(apns, free_apns);
	return apns;
}

bool
apns_open(struct apns *apns, const struct apns_where *where, X509 *cert, EVP_PKEY *key, const _Atomic bool *stop,
	  struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	const struct egress_rules rules = { .schemes = "https", .allow = where->allow, .configured = where->configured };
	const nghttp2_settings_entry settings[] = { { NGHTTP2_SETTINGS_ENABLE_PUSH, 0 } };
	int64_t deadline = clock_ms() + APNS_CONNECT_S * 1000;
	struct egress *e;

	apns_close(apns);
	if (!egress_open(ctx, &rules, where->url, &e, err) ||
	    !apns_link_open(&apns->link, e, where->ca_file, cert, key, stop, err))
		return err_at(err, "APNs");
	if (nghttp2_session_client_new(&apns->h2, apns->calls, apns) != 0)
		mem_must(NULL);
	nghttp2_submit_settings(apns->h2, NGHTTP2_FLAG_NONE, settings, 1);
	TALLOC_FREE(apns->authority);
	apns->authority = mem_printf(apns, e->port == 443 ? "%s" : "%s:%d", e->host, e->port);
	apns->settled = apns->draining = false;
	apns->goaway = (struct apns_answer){ .todo = APNS_UNSENT };
	while (!apns->settled) {
		struct pollfd fd;

		if (!apns_run(apns, err))
			return err_at(err, "APNs");
		apns_wants(apns, &fd);
		if (!apns->settled)
			poll(&fd, 1, 100);
		if (*stop || clock_ms() > deadline) {
			apns_close(apns);
			return err_code(err, ERR_UPSTREAM, "silent", "APNs: no settings within %d seconds", APNS_CONNECT_S);
		}
	}
	return true;
}

bool
apns_is_open(const struct apns *apns)
{
	return apns->h2 != NULL;
}

void
apns_close(struct apns *apns)
{
	const struct apns_answer none = { .todo = APNS_UNSENT };

	if (!apns->h2)
		return;
	while (apns->active) {
		nghttp2_session_set_stream_user_data(apns->h2, apns->active->id, NULL);
		give_back(apns, apns->active, &none);
	}
	nghttp2_session_del(apns->h2);
	apns->h2 = NULL;
	apns->out_len = apns->out_from = 0;
	apns_link_close(&apns->link);
}

/* ---- sending ---- */

size_t
apns_under_way(const struct apns *apns)
{
	return apns->under_way;
}

size_t
apns_room(const struct apns *apns)
{
	size_t most;

	if (!apns->h2 || apns->draining || !nghttp2_session_check_request_allowed(apns->h2))
		return 0;
	most = nghttp2_session_get_remote_settings(apns->h2, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
	if (most > APNS_STREAMS_MAX)
		most = APNS_STREAMS_MAX;
	return most > apns->under_way ? most - apns->under_way : 0;
}

static ssize_t
give_push(nghttp2_session *h2, int32_t id, uint8_t *buf, size_t len, uint32_t *flags, nghttp2_data_source *source, void *arg)
{
	struct stream *stream = source->ptr;
	size_t left = stream->push_len - stream->sent;

	(void)h2;
	(void)id;
	(void)arg;
	if (len > left)
		len = left;
	memcpy(buf, stream->push + stream->sent, len);
	stream->sent += len;
	if (stream->sent == stream->push_len)
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	return (ssize_t)len;
}

static struct stream *
stream_take(struct apns *apns)
{
	struct stream *stream = apns->free;

	if (stream)
		apns->free = stream->next;
	else
		stream = mem_size(apns, sizeof *stream);
	stream->prev = NULL;
	stream->next = apns->active;
	if (apns->active)
		apns->active->prev = stream;
	apns->active = stream;
	stream->status = 0;
	stream->body_len = stream->sent = 0;
	return stream;
}

/* Apple gives it back in its answer and in its records, in lower case. */
static void
put_id(char id[UUID_SIZE])
{
	for (char *c = uuid_random(id); *c; c++)
		*c = (char)tolower((unsigned char)*c);
}

/* Magics are UUIDs; whatever else a device said is escaped as JSON wants it. */
static size_t
put_body(char *to, const char *magic)
{
	size_t n = (size_t)snprintf(to, PUSH_BODY_MAX, "{\"mdm\":\"");

	for (const char *c = magic; *c && n < PUSH_BODY_MAX - 10; c++) {
		if (*c == '"' || *c == '\\')
			to[n++] = '\\';
		if ((unsigned char)*c >= ' ')
			to[n++] = *c;
	}
	memcpy(to + n, "\"}", 2);
	return n + 2;
}

static nghttp2_nv
nv(const char *name, const char *value, uint8_t flags)
{
	return (nghttp2_nv){ (uint8_t *)(uintptr_t)name, (uint8_t *)(uintptr_t)value, strlen(name), strlen(value),
			     flags | NGHTTP2_NV_FLAG_NO_COPY_NAME };
}

/* What differs from push to push does not go through the table of HPACK: there it would only push out the rest. */
void
apns_send(struct apns *apns, const struct apns_push *push)
{
	struct stream *stream = stream_take(apns);
	const nghttp2_data_provider body = { { .ptr = stream }, give_push };
	char path[16 + 2 * APNS_TOKEN_MAX] = "/3/device/", expiration[24], id[UUID_SIZE];
	size_t token_len = push->token.len < APNS_TOKEN_MAX ? push->token.len : APNS_TOKEN_MAX;
	const struct apns_answer none = { .todo = APNS_UNSENT };

	num_hex(push->token.p, token_len, path + strlen(path));
	snprintf(expiration, sizeof expiration, "%lld", (long long)push->expiration);
	put_id(id);
	stream->tag = push->tag;
	stream->push_len = put_body(stream->push, push->magic);
	if (!apns->under_way++)
		apns->heard = clock_ms();
	{
		const nghttp2_nv headers[] = {
			nv(":method", "POST", 0), nv(":scheme", "https", 0), nv(":authority", apns->authority, 0),
			nv(":path", path, NGHTTP2_NV_FLAG_NO_INDEX), nv("apns-topic", apns->topic, 0),
			nv("apns-push-type", "mdm", 0), nv("apns-priority", "10", 0), nv("apns-expiration", expiration, 0),
			nv("apns-id", id, NGHTTP2_NV_FLAG_NO_INDEX),
		};

		stream->id = nghttp2_submit_request(apns->h2, NULL, headers, sizeof headers / sizeof *headers, &body, stream);
		if (stream->id < 0)
			give_back(apns, stream, &none);
	}
}

/* ---- bytes ---- */

/* Frames are gathered, so that many pushes share a TLS record and a system call. */
static bool
write_all(struct apns *apns, struct err *err)
{
	for (;;) {
		const uint8_t *p;
		ssize_t n;

		while (apns->out_len + CHUNK_MAX <= OUT_SIZE &&
		       (n = nghttp2_session_mem_send(apns->h2, &p)) > 0) {
			memcpy(apns->out + apns->out_len, p, (size_t)n);
			apns->out_len += (size_t)n;
		}
		if (apns->out_from == apns->out_len)
			return true;
		n = apns_link_write(&apns->link, apns->out + apns->out_from, (int)(apns->out_len - apns->out_from), err);
		if (n < 0)
			return false;
		if (n == 0)
			return true;
		apns->out_from += (size_t)n;
		if (apns->out_from == apns->out_len)
			apns->out_from = apns->out_len = 0;
	}
}

static bool
read_all(struct apns *apns, struct err *err)
{
	int n;

	while ((n = apns_link_read(&apns->link, apns->in, READ_SIZE, err)) > 0) {
		ssize_t rc = nghttp2_session_mem_recv(apns->h2, (const uint8_t *)apns->in, (size_t)n);

		if (rc < 0)
			return err_code(err, ERR_UPSTREAM, "http2", "what came is no HTTP/2: %s", nghttp2_strerror((int)rc));
	}
	return n == 0;
}

static bool
goes_on(struct apns *apns, struct err *err)
{
	if (apns->goaway.todo == APNS_HALT)
		return err_code(err, ERR_DENIED, "goaway", "APNs ends the connection: %s", apns->goaway.reason);
	if ((apns->draining || !nghttp2_session_check_request_allowed(apns->h2)) && !apns->under_way)
		return err_code(err, ERR_UPSTREAM, "goaway", "APNs ends the connection%s%s", *apns->goaway.reason ? ": " : "",
				apns->goaway.reason);
	if (apns->under_way && clock_ms() - apns->heard > APNS_ANSWER_S * 1000)
		return err_code(err, ERR_UPSTREAM, "silent", "no answer for %d seconds", APNS_ANSWER_S);
	if (!nghttp2_session_want_read(apns->h2) && !nghttp2_session_want_write(apns->h2))
		return err_code(err, ERR_UPSTREAM, "closed", "the connection has ended");
	return true;
}

/* A server that closes has mostly said why: it stands to be read when nothing can be sent any more. */
static void
hear_out(struct apns *apns, struct err *err)
{
	struct err said = { 0 };

	if (!read_all(apns, &said) && said.kind == ERR_DENIED)
		*err = said;
}

bool
apns_run(struct apns *apns, struct err *err)
{
	bool ok = write_all(apns, err) && read_all(apns, err) && write_all(apns, err) && goes_on(apns, err);

	if (!ok && strcmp(err->code, "closed") == 0)
		hear_out(apns, err);
	if (!ok && apns->goaway.todo == APNS_HALT)
		ok = goes_on(apns, err);
	if (!ok)
		apns_close(apns);
	return ok;
}

void
apns_wants(const struct apns *apns, struct pollfd *ret)
{
	*ret = (struct pollfd){ apns->link.fd, POLLIN | (apns->out_len ? POLLOUT : 0), 0 };
}
