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
fake_door_accept(struct fake *fake)
{
	int fd = accept4(fake->door_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	struct door *door;

	if (fd < 0)
		return NULL;
	door = mem_new(fake, struct door);
	door->fd = fd;
	door->writable = true;
	door->next = fake->doors;
	fake->doors = door;
	fake_watch(fake, fd, door, false, false);
	return door;
}

static bool
flush(struct fake *fake, struct door *door)
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
	fake_watch(fake, door->fd, door, door->out_len > 0, true);
	return true;
}

void
fake_door_say(struct fake *fake, struct door *door, const char *line)
{
	size_t len = strlen(line);

	door->out = mem_grow(door, door->out, char, door->out_len + len);
	memcpy(door->out + door->out_len, line, len);
	door->out_len += len;
	if (!flush(fake, door))
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
tell_answer(struct fake *fake, char *const *words)
{
	struct fake_rule rule = { 0 };
	int64_t status = 0;
	struct seat *seat;

	if (!words[1] || !words[2] || !number(words[2], &status) || !number(words[3] ? words[4] : NULL, &rule.timestamp) ||
	    !number(words[3] && words[4] ? words[5] : NULL, &rule.times))
		return "no: answer TOKEN|* STATUS [REASON [TIMESTAMP_MS [TIMES]]]";
	rule.status = status == 200 ? 0 : (int)status;
	snprintf(rule.reason, sizeof rule.reason, "%s", words[3] ? words[3] : "");
	if (strcmp(words[1], "*") == 0) {
		fake->rule = rule;
		return "ok";
	}
	if (!(seat = fake_seat(fake, "*", words[1], true)))
		return "no: too many tokens";
	seat->rule = rule;
	return "ok";
}

static const char *
tell(struct fake *fake, char *const *words)
{
	const char *verb = words[0];

	if (strcmp(verb, "answer") == 0)
		return tell_answer(fake, words);
	if (strcmp(verb, "goaway") == 0) {
		fake->goaway = true;
		snprintf(fake->goaway_reason, sizeof fake->goaway_reason, "%s", words[1] ? words[1] : "");
	} else if (strcmp(verb, "close") == 0) {
		fake->close = true;
	} else if (strcmp(verb, "slow") == 0 && words[1]) {
		if (!number(words[1], &fake->slow_ms))
			return "no: slow MS";
	} else if (strcmp(verb, "streams") == 0 && words[1]) {
		if (!number(words[1], &fake->streams) || fake->streams < 1)
			return "no: streams N";
	} else if (strcmp(verb, "down") == 0 || strcmp(verb, "up") == 0) {
		fake->down = *verb == 'd';
		for (struct conn *c = fake->conns; fake->down && c; c = c->next)
			c->ends = true;
	} else if (strcmp(verb, "reset") == 0) {
		fake_reset(fake);
	} else {
		return "no: what is that?";
	}
	return "ok";
}

static void
line(struct fake *fake, struct door *door, char *text)
{
	char *words[WORDS_MAX + 1] = { 0 }, *state;
	struct seat *seat;
	int n = 0;

	for (char *w = strtok_r(text, " ", &state); w && n < WORDS_MAX; w = strtok_r(NULL, " ", &state))
		words[n++] = w;
	if (n == 0)
		return;
	if (strcmp(words[0], "attach") == 0 && n == 3) {
		fake_attach(fake, door, words[1], words[2]);
	} else if (strcmp(words[0], "detach") == 0 && n == 3) {
		if ((seat = fake_seat(fake, words[1], words[2], false)) && seat->phone == door)
			seat->phone = NULL;
	} else if (strcmp(words[0], "counts") == 0) {
		json_t *counts = fake_counts(fake);
		char *json = json_dumps(counts, JSON_COMPACT);

		fake_door_say(fake, door, mem_printf(door, "%s\n", json));
		free(json);
		json_decref(counts);
	} else {
		fake_door_say(fake, door, mem_printf(door, "%s\n", tell(fake, words)));
	}
}

static void
end(struct fake *fake, struct door *door)
{
	for (struct door **p = &fake->doors; *p; p = &(*p)->next)
		if (*p == door) {
			*p = door->next;
			break;
		}
	fake_detach_all(fake, door);
	close(door->fd);
	talloc_free(door);
}

bool
fake_door_serve(struct fake *fake, struct door *door, uint32_t events)
{
	if ((events & EPOLLOUT) && !flush(fake, door)) {
		end(fake, door);
		return false;
	}
	while (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
		ssize_t n = recv(door->fd, door->in + door->in_len, sizeof door->in - door->in_len, 0);
		char *nl;

		if (n < 0 && errno == EAGAIN)
			break;
		if (n <= 0) {
			end(fake, door);
			return false;
		}
		door->in_len += (size_t)n;
		while ((nl = memchr(door->in, '\n', door->in_len))) {
			size_t used = (size_t)(nl + 1 - door->in);

			*nl = '\0';
			line(fake, door, door->in);
			door->in_len -= used;
			memmove(door->in, door->in + used, door->in_len);
		}
		if (door->in_len == sizeof door->in)
			door->in_len = 0;	/* no line is so long */
	}
	return true;
}

char *
fake_tell(TALLOC_CTX *ctx, const char *dir, const char *text)
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
