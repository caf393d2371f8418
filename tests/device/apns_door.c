/* The fake APNs' door: a unix socket with lines, for phones and for who tells it how to answer (apns.h). */
#include "tests/device/apns_fake.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "core/num.h"
#include "tests/device/phone.h"

#define WORDS_MAX 6

struct door *
apns_door_accept(struct apns *apns)
{
	int fd = accept4(apns->door_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	struct door *door;

	if (fd < 0)
		return NULL;
	door = mem_new(apns, struct door);
	door->fd = fd;
	door->writable = true;
	door->next = apns->doors;
	apns->doors = door;
	apns_watch(apns, fd, door, false, false);
	return door;
}

static bool
flush(struct apns *apns, struct door *door)
{
	while (door->out_from < door->out_len) {
		ssize_t n = send(door->fd, door->out + door->out_from, door->out_len - door->out_from, MSG_NOSIGNAL);

		if (n < 0 && errno != EAGAIN)
			return false;
		if (n < 0)
			break;
		door->out_from += (size_t)n;
	}
	if (door->out_from == door->out_len)
		door->out_from = door->out_len = 0;
	apns_watch(apns, door->fd, door, door->out_len > 0, true);
	return true;
}

void
apns_door_say(struct apns *apns, struct door *door, const char *line)
{
	size_t len = strlen(line);

	door->out = mem_grow(door, door->out, char, door->out_len + len);
	memcpy(door->out + door->out_len, line, len);
	door->out_len += len;
	if (!flush(apns, door))
		door->out_from = door->out_len = 0;	/* it has gone: reading will say so */
}

/* ---- what is told ---- */

static bool
number(const char *word, int64_t *ret)
{
	struct err err;

	return !word || num_parse(word, 0, INT64_MAX, ret, &err);
}

static const char *
tell_answer(struct apns *apns, char *const *words)
{
	struct apns_rule rule = { 0 };
	int64_t status = 0;
	struct seat *seat;

	if (!words[1] || !words[2] || !number(words[2], &status) || !number(words[3] ? words[4] : NULL, &rule.timestamp) ||
	    !number(words[3] && words[4] ? words[5] : NULL, &rule.times))
		return "no: answer TOKEN|* STATUS [REASON [TIMESTAMP_MS [TIMES]]]";
	rule.status = status == 200 ? 0 : (int)status;
	snprintf(rule.reason, sizeof rule.reason, "%s", words[3] ? words[3] : "");
	if (strcmp(words[1], "*") == 0) {
		apns->rule = rule;
		return "ok";
	}
	if (!(seat = apns_seat(apns, "*", words[1], true)))
		return "no: too many tokens";
	seat->rule = rule;
	return "ok";
}

static const char *
tell(struct apns *apns, char *const *words)
{
	const char *verb = words[0];

	if (strcmp(verb, "answer") == 0)
		return tell_answer(apns, words);
	if (strcmp(verb, "goaway") == 0) {
		apns->goaway = true;
		snprintf(apns->goaway_reason, sizeof apns->goaway_reason, "%s", words[1] ? words[1] : "");
	} else if (strcmp(verb, "close") == 0) {
		apns->close = true;
	} else if (strcmp(verb, "slow") == 0 && words[1]) {
		if (!number(words[1], &apns->slow_ms))
			return "no: slow MS";
	} else if (strcmp(verb, "streams") == 0 && words[1]) {
		if (!number(words[1], &apns->streams) || apns->streams < 1)
			return "no: streams N";
	} else if (strcmp(verb, "down") == 0 || strcmp(verb, "up") == 0) {
		apns->down = *verb == 'd';
		for (struct conn *c = apns->conns; apns->down && c; c = c->next)
			c->ends = true;
	} else if (strcmp(verb, "reset") == 0) {
		apns_reset(apns);
	} else {
		return "no: what is that?";
	}
	return "ok";
}

static void
line(struct apns *apns, struct door *door, char *text)
{
	char *words[WORDS_MAX + 1] = { 0 }, *state;
	struct seat *seat;
	int n = 0;

	for (char *w = strtok_r(text, " ", &state); w && n < WORDS_MAX; w = strtok_r(NULL, " ", &state))
		words[n++] = w;
	if (n == 0)
		return;
	if (strcmp(words[0], "attach") == 0 && n == 3) {
		apns_attach(apns, door, words[1], words[2]);
	} else if (strcmp(words[0], "detach") == 0 && n == 3) {
		if ((seat = apns_seat(apns, words[1], words[2], false)) && seat->phone == door)
			seat->phone = NULL;
	} else if (strcmp(words[0], "counts") == 0) {
		json_t *counts = apns_counts(apns);
		char *json = json_dumps(counts, JSON_COMPACT);

		apns_door_say(apns, door, mem_printf(door, "%s\n", json));
		free(json);
		json_decref(counts);
	} else {
		apns_door_say(apns, door, mem_printf(door, "%s\n", tell(apns, words)));
	}
}

static void
end(struct apns *apns, struct door *door)
{
	for (struct door **p = &apns->doors; *p; p = &(*p)->next)
		if (*p == door) {
			*p = door->next;
			break;
		}
	apns_detach_all(apns, door);
	close(door->fd);
	talloc_free(door);
}

bool
apns_door_serve(struct apns *apns, struct door *door, uint32_t events)
{
	if ((events & EPOLLOUT) && !flush(apns, door)) {
		end(apns, door);
		return false;
	}
	while (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
		ssize_t n = recv(door->fd, door->in + door->in_len, sizeof door->in - door->in_len, 0);
		char *nl;

		if (n < 0 && errno == EAGAIN)
			break;
		if (n <= 0) {
			end(apns, door);
			return false;
		}
		door->in_len += (size_t)n;
		while ((nl = memchr(door->in, '\n', door->in_len))) {
			size_t used = (size_t)(nl + 1 - door->in);

			*nl = '\0';
			line(apns, door, door->in);
			door->in_len -= used;
			memmove(door->in, door->in + used, door->in_len);
		}
		if (door->in_len == sizeof door->in)
			door->in_len = 0;	/* no line is so long */
	}
	return true;
}

char *
apns_tell(TALLOC_CTX *ctx, const char *dir, const char *text)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	char *asked = mem_printf(ctx, "%s\n", text), *answer = mem_size(ctx, 65536);
	SCOPED(fd) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	size_t len = 0;

	if ((size_t)snprintf(at.sun_path, sizeof at.sun_path, "%s/door", dir) >= sizeof at.sun_path)
		phone_die("%s is too long for a socket", dir);
	if (fd < 0 || connect(fd, (void *)&at, sizeof at) != 0 || send(fd, asked, strlen(asked), MSG_NOSIGNAL) < 0)
		phone_die("the door of the fake APNs in %s: %s", dir, strerror(errno));
	while (len < 65535) {
		ssize_t n = recv(fd, answer + len, 65535 - len, 0);

		if (n <= 0)
			break;
		len += (size_t)n;
		if (answer[len - 1] == '\n')
			break;
	}
	answer[len ? len - 1 : 0] = '\0';
	return answer;
}
