#include "tests/check_ldap.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>
#include "core/num.h"

#define CONNECTIONS_MAX 64
#define REQUEST_MAX	65536

struct server {
	struct fake_ldap told;
	void (*answer)(const struct fake_ask *ask);
	void *arg;
	int listener;
	pthread_t thread, serving[CONNECTIONS_MAX];
	int fds[CONNECTIONS_MAX], n;
};

struct serving {
	struct server *server;
	int fd;
};

static bool
read_all(int fd, unsigned char *p, size_t len)
{
	for (size_t n = 0; n < len;) {
		ssize_t got = read(fd, p + n, len - n);

		if (got <= 0)
			return false;
		n += (size_t)got;
	}
	return true;
}

/* One LDAPMessage: 30, length, content. */
static size_t
read_request(int fd, unsigned char *p)
{
	size_t len, head = 2;

	if (!read_all(fd, p, 2))
		return 0;
	len = p[1];
	if (len & 0x80) {
		size_t more = len & 0x7f;

		if (more > 3 || !read_all(fd, p + 2, more))
			return 0;
		len = 0;
		for (size_t i = 0; i < more; i++)
			len = len << 8 | p[2 + i];
		head += more;
	}
	return head + len <= REQUEST_MAX && read_all(fd, p + head, len) ? head + len : 0;
}

static void
understand(TALLOC_CTX *ctx, struct fake_ask *ask)
{
	struct berval bv = { ask->raw.len, (char *)(uintptr_t)ask->raw.p }, text = { 0 }, secret = { 0 };
	BerElement *ber = ber_init(&bv);
	ber_int_t id, version, scope;
	ber_tag_t tag;
	ber_len_t len;

	ber_scanf(ber, "{i", &id);
	ask->id = id;
	ask->op = ber_peek_tag(ber, &len);
	ask->dn = ask->password = "";
	if (ask->op == LDAP_REQ_BIND && ber_scanf(ber, "{im", &version, &text) != LBER_ERROR) {
		ber_scanf(ber, "tm", &tag, &secret);
		ask->password = mem_textn(ctx, secret.bv_val, secret.bv_len);
	} else if (ask->op == LDAP_REQ_SEARCH && ber_scanf(ber, "{me", &text, &scope) != LBER_ERROR) {
		ask->scope = scope;
	}
	if (text.bv_len)
		ask->dn = mem_textn(ctx, text.bv_val, text.bv_len);
	ber_free(ber, 1);
}

static void *
serve(void *arg)
{
	struct serving *s = arg;
	unsigned char *request = malloc(REQUEST_MAX);
	size_t len;

	while (request && (len = read_request(s->fd, request))) {
		void *ctx = talloc_new(NULL);
		struct fake_ask ask = { .fd = s->fd, .raw = { request, len }, .arg = s->server->arg };

		understand(ctx, &ask);
		atomic_fetch_add(&s->server->told.asked, 1);
		if (ask.op == LDAP_REQ_UNBIND) {
			talloc_free(ctx);
			break;
		}
		s->server->answer(&ask);
		talloc_free(ctx);
	}
	shutdown(s->fd, SHUT_RDWR);
	free(request);
	free(s);
	return NULL;
}

static void *
accept_all(void *arg)
{
	struct server *server = arg;
	int fd;

	while (server->n < CONNECTIONS_MAX && (fd = accept(server->listener, NULL, NULL)) >= 0) {
		struct serving *s = malloc(sizeof *s);

		*s = (struct serving){ server, fd };
		atomic_fetch_add(&server->told.connections, 1);
		server->fds[server->n] = fd;
		pthread_create(&server->serving[server->n++], NULL, serve, s);
	}
	return NULL;
}

static int
end(struct server *server)
{
	shutdown(server->listener, SHUT_RDWR);
	pthread_join(server->thread, NULL);
	for (int i = 0; i < server->n; i++) {
		shutdown(server->fds[i], SHUT_RDWR);
		pthread_join(server->serving[i], NULL);
		close(server->fds[i]);
	}
	close(server->listener);
	return 0;
}

struct fake_ldap *
fake_ldap(TALLOC_CTX *ctx, void (*answer)(const struct fake_ask *), void *arg)
{
	struct server *server = mem_new(ctx, struct server);
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t len = sizeof at;

	server->answer = answer;
	server->arg = arg;
	server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(server->listener, (struct sockaddr *)&at, sizeof at), 0);
	assert_int_equal(listen(server->listener, 16), 0);
	assert_int_equal(getsockname(server->listener, (struct sockaddr *)&at, &len), 0);
	snprintf(server->told.url, sizeof server->told.url, "ldap://127.0.0.1:%d", ntohs(at.sin_port));
	pthread_create(&server->thread, NULL, accept_all, server);
	talloc_set_destructor(server, end);
	return &server->told;
}

bool
fake_has(const struct fake_ask *ask, const char *text)
{
	return memmem(ask->raw.p, ask->raw.len, text, strlen(text)) != NULL;
}

static void
send_it(const struct fake_ask *ask, BerElement *ber)
{
	struct berval *flat = NULL;

	assert_int_equal(ber_flatten(ber, &flat), 0);
	(void)!write(ask->fd, flat->bv_val, flat->bv_len);
	ber_bvfree(flat);
	ber_free(ber, 1);
}

void
fake_result(const struct fake_ask *ask, ber_tag_t op, int code, const char *words)
{
	BerElement *ber = ber_alloc_t(LBER_USE_DER);

	ber_printf(ber, "{it{ess}}", ask->id, op, code, "", words);
	send_it(ask, ber);
}

void
fake_entry(const struct fake_ask *ask, const char *dn, const char *const *attributes)
{
	BerElement *ber = ber_alloc_t(LBER_USE_DER);

	ber_printf(ber, "{it{s{", ask->id, LDAP_RES_SEARCH_ENTRY, dn);
	for (; *attributes; attributes += 2) {
		const char *value = attributes[1];
		unsigned char bytes[64];
		size_t len = strlen(value);

		if (strncmp(value, "hex:", 4) == 0) {
			len = (len - 4) / 2;
			assert_true(len <= sizeof bytes && num_unhex(value + 4, bytes, len));
			ber_printf(ber, "{s[o]}", attributes[0], (char *)bytes, (ber_len_t)len);
		} else {
			ber_printf(ber, "{s[o]}", attributes[0], value, (ber_len_t)len);
		}
	}
	ber_printf(ber, "}}}");
	send_it(ask, ber);
}

void
fake_page(const struct fake_ask *ask, const char *cookie)
{
	BerElement *ber = ber_alloc_t(LBER_USE_DER), *value = ber_alloc_t(LBER_USE_DER);
	struct berval *flat = NULL;

	ber_printf(value, "{io}", 0, cookie, (ber_len_t)strlen(cookie));
	assert_int_equal(ber_flatten(value, &flat), 0);
	ber_printf(ber, "{it{ess}t{{sO}}}", ask->id, LDAP_RES_SEARCH_RESULT, 0, "", "", LDAP_TAG_CONTROLS,
		   LDAP_CONTROL_PAGEDRESULTS, flat);
	send_it(ask, ber);
	ber_bvfree(flat);
	ber_free(value, 1);
}
