#include "tests/check_far.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

/* The head, and as much body as it announces. */
static void
read_request(int fd, char *asked, size_t size)
{
	size_t len = 0, need = size;
	ssize_t n;

	while (len < need && (n = recv(fd, asked + len, size - 1 - len, 0)) > 0) {
		const char *end, *length;

		len += (size_t)n;
		asked[len] = '\0';
		if (*asked == 0x16)
			return;		/* TLS, which no test here speaks */
		if (!(end = strstr(asked, "\r\n\r\n")))
			continue;
		length = strstr(asked, "Content-Length: ");
		need = (size_t)(end + 4 - asked) + (length ? strtoul(length + 16, NULL, 10) : 0);
	}
}

static void *
far_main(void *arg)
{
	struct far *far = arg;
	int fd;

	while ((fd = accept(far->fd, NULL, NULL)) >= 0) {
		far->connections++;
		if (!far->first)
			read_request(fd, far->asked, sizeof far->asked);
		for (size_t sent = 0; sent < far->answer_len;) {
			ssize_t n = send(fd, far->answer + sent, far->answer_len - sent, MSG_NOSIGNAL);

			if (n <= 0)
				break;
			sent += (size_t)n;
		}
		close(fd);
	}
	return NULL;
}

static int
far_end(struct far *far)
{
	shutdown(far->fd, SHUT_RDWR);
	pthread_join(far->thread, NULL);
	close(far->fd);
	return 0;
}

struct far *
far_new(TALLOC_CTX *ctx, const char *answer, size_t len)
{
	struct far *far = mem_new(ctx, struct far);
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof at;

	far->answer = mem_copy(far, answer, len);
	far->answer_len = len;
	far->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(far->fd, (struct sockaddr *)&at, sizeof at), 0);
	assert_int_equal(listen(far->fd, 16), 0);
	assert_int_equal(getsockname(far->fd, (struct sockaddr *)&at, &size), 0);
	far->port = ntohs(at.sin_port);
	assert_int_equal(pthread_create(&far->thread, NULL, far_main, far), 0);
	talloc_set_destructor(far, far_end);
	return far;
}

struct far *
far_text(TALLOC_CTX *ctx, const char *answer)
{
	return far_new(ctx, answer, strlen(answer));
}

void
far_says(struct far *far, int status, const char *body)
{
	far->answer = mem_printf(far, "HTTP/1.1 %d Said\r\nContent-Length: %zu\r\n\r\n%s", status, strlen(body), body);
	far->answer_len = strlen(far->answer);
}

struct far *
far_http(TALLOC_CTX *ctx, int status, const char *body)
{
	struct far *far = far_text(ctx, "");

	far_says(far, status, body);
	return far;
}
