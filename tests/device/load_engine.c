#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include "tests/device/load.h"
#include "tests/device/phone.h"

#define US_MAX		2000000		/* of the histogram; slower ones count as this */
#define IN_MAX		(LOAD_BODY_MAX + (16u << 10))

struct line {
	int fd, who;
	struct bytes out;
	size_t sent;
	char *in;
	size_t got;
	int64_t began;		/* ns */
	bool over;
};

struct engine {
	const struct load_user *user;
	struct load_result *result;
	uint32_t *histogram;
	int epoll, open;
	int64_t until;
};

static int64_t
now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static double
cpu_seconds(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
	       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static void
connect_line(struct engine *e, struct line *line, const struct sockaddr_in *to)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = line };
	int one = 1;

	line->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (line->fd < 0 || connect(line->fd, (const struct sockaddr *)to, sizeof *to) != 0)
		phone_die("connect: %s", strerror(errno));
	setsockopt(line->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	if (epoll_ctl(e->epoll, EPOLL_CTL_ADD, line->fd, &event) != 0)
		phone_die("epoll: %s", strerror(errno));
}

/* Requests are small enough for a socket's buffer: a blocking write does not wait. */
static void
send_next(struct engine *e, struct line *line)
{
	line->out = e->until && now_ns() >= e->until ? (struct bytes){ NULL, 0 } : e->user->next(e->user->arg, line->who);
	line->sent = line->got = 0;
	if (!line->out.len) {
		line->over = true;
		e->open--;
		return;
	}
	line->began = now_ns();
	while (line->sent < line->out.len) {
		ssize_t n = write(line->fd, (const char *)line->out.p + line->sent, line->out.len - line->sent);

		if (n <= 0)
			phone_die("the server hung up: %s", strerror(errno));
		line->sent += (size_t)n;
	}
}

/* -1: there is more to come. */
static ssize_t
head_length(const struct line *line)
{
	const char *end = memmem(line->in, line->got, "\r\n\r\n", 4);

	return end ? end + 4 - line->in : -1;
}

static size_t
content_length(const struct line *line, size_t head)
{
	const char *p = line->in, *end = line->in + head, *lf;

	for (; p < end && (lf = memchr(p, '\n', (size_t)(end - p))); p = lf + 1)
		if (lf - p > 15 && strncasecmp(p, "Content-Length:", 15) == 0)
			return strtoul(p + 15, NULL, 10);
	return 0;
}

/* "HTTP/1.1 200 OK" */
static int
status_of(const char *head)
{
	return (head[9] - '0') * 100 + (head[10] - '0') * 10 + head[11] - '0';
}

static void
count(struct engine *e, const struct line *line, struct bytes body)
{
	int64_t us = (now_ns() - line->began) / 1000;
	int status = status_of(line->in);

	e->histogram[us < US_MAX ? us : US_MAX]++;
	e->result->requests++;
	if (!e->user->answered(e->user->arg, line->who, status, body)) {
		e->result->wrong++;
		e->result->last_wrong = status;
	}
}

static void
receive(struct engine *e, struct line *line)
{
	ssize_t n = read(line->fd, line->in + line->got, IN_MAX - line->got), head;
	size_t len;

	if (n <= 0)
		phone_die("the server hung up");
	line->got += (size_t)n;
	head = head_length(line);
	if (head < 0)
		return;
	len = content_length(line, (size_t)head);
	if (len > LOAD_BODY_MAX)
		phone_die("an answer of %zu bytes", len);
	if (line->got < (size_t)head + len)
		return;
	count(e, line, (struct bytes){ line->in + head, len });
	send_next(e, line);
}

static double
percentile(const struct engine *e, double part)
{
	int64_t want = (int64_t)((double)e->result->requests * part), seen = 0;

	for (int us = 0; us <= US_MAX; us++)
		if ((seen += e->histogram[us]) > want)
			return us / 1000.0;
	return US_MAX / 1000.0;
}

static int
slowest(const struct engine *e)
{
	int us = US_MAX;

	while (us > 0 && !e->histogram[us])
		us--;
	return us;
}

void
load_run(const char *host, int port, int connections, double seconds, const struct load_user *user, struct load_result *ret)
{
	SCOPED(mem) void *ctx = talloc_new(NULL);
	struct line *lines = mem_array(ctx, struct line, (size_t)connections);
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	struct engine e = { .user = user, .result = ret, .histogram = mem_array(ctx, uint32_t, US_MAX + 1),
			    .epoll = epoll_create1(EPOLL_CLOEXEC), .open = connections };
	struct epoll_event events[LOAD_CONNECTIONS_MAX];
	double cpu = cpu_seconds();
	int64_t began = now_ns();

	*ret = (struct load_result){ 0 };
	if (inet_pton(AF_INET, host, &to.sin_addr) != 1)
		phone_die("%s is no IPv4 address", host);
	e.until = seconds > 0 ? began + (int64_t)(seconds * 1e9) : 0;
	for (int i = 0; i < connections; i++) {
		lines[i].who = i;
		lines[i].in = mem_size(ctx, IN_MAX);
		connect_line(&e, &lines[i], &to);
		send_next(&e, &lines[i]);
	}
	while (e.open > 0) {
		int n = epoll_wait(e.epoll, events, connections, 30000);

		if (n == 0)
			phone_die("the server is silent");
		for (int i = 0; i < n; i++)
			if (!((struct line *)events[i].data.ptr)->over)
				receive(&e, events[i].data.ptr);
	}
	ret->seconds = (double)(now_ns() - began) / 1e9;
	ret->cpu_s = cpu_seconds() - cpu;
	ret->p50_ms = percentile(&e, 0.5);
	ret->p99_ms = percentile(&e, 0.99);
	ret->max_ms = slowest(&e) / 1000.0;
	for (int i = 0; i < connections; i++)
		close(lines[i].fd);
	close(e.epoll);
}
