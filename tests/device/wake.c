/*
 * One connection to the fake APNs for all phones: what a phone would hear from Apple, with its push magic.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "core/buf.h"
#include "tests/device/fleet.h"

#define LINE_MAX_BYTES 1024

static const char *
hex_of(TALLOC_CTX *ctx, const struct handset *h)
{
	struct bytes token = tree_data(handset_enrollment(h), "Token");
	struct buf out;

	buf_init(&out, ctx, LINE_MAX_BYTES);
	buf_hex(&out, token.p, token.len);
	return out.p;
}

static void
tell(struct fleet *f, const struct handset *h, const char *word)
{
	SCOPED(mem) void *ctx = talloc_new(NULL);
	const char *line;

	if (f->door_fd < 0)
		return;
	line = mem_printf(ctx, "%s %s %s\n", word, tree_text(handset_enrollment(h), "Topic"), hex_of(ctx, h));
	pthread_mutex_lock(&f->door_lock);
	if (write(f->door_fd, line, strlen(line)) != (ssize_t)strlen(line))
		phone_die("the fake APNs is gone");
	pthread_mutex_unlock(&f->door_lock);
}

void
wake_attach(struct fleet *f, struct handset *h)
{
	if (h->attached || f->door_fd < 0)
		return;
	h->attached = true;
	h->push_token = hex_of(h, h);
	h->push_magic = mem_text(h, tree_text(handset_enrollment(h), "PushMagic"));
	tell(f, h, "attach");
}

void
wake_detach(struct fleet *f, struct handset *h)
{
	if (!h->attached || f->door_fd < 0)
		return;
	h->attached = false;
	tell(f, h, "detach");
}

/* "push TOPIC TOKEN MAGIC": a phone that hears another magic than its own does nothing. */
static void
hear(struct fleet *f, const char *line)
{
	char token[LINE_MAX_BYTES], magic[LINE_MAX_BYTES];

	if (sscanf(line, "push %*s %1023s %1023s", token, magic) != 2)
		return;
	for (int i = 0; i < f->n; i++) {
		struct handset *h = f->phones[i];

		if (!h->push_token || strcmp(h->push_token, token) != 0)
			continue;
		ledger(f->world, h, "pushed %s", strcmp(h->push_magic, magic) == 0 ? "rightly" : "with another magic");
		if (strcmp(h->push_magic, magic) == 0)
			fleet_wake(f, h);
	}
}

static void *
read_pushes(void *arg)
{
	struct fleet *f = arg;
	FILE *file = fdopen(dup(f->door_fd), "r");
	char line[3 * LINE_MAX_BYTES];

	while (file && fgets(line, sizeof line, file))
		hear(f, line);
	if (file)
		fclose(file);
	return NULL;
}

void
wake_begin(struct fleet *f, const char *dir)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };

	snprintf(addr.sun_path, sizeof addr.sun_path, "%s/door", dir);
	f->door_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (f->door_fd < 0 || connect(f->door_fd, (struct sockaddr *)&addr, sizeof addr) != 0)
		phone_die("connect to %s: %s", addr.sun_path, strerror(errno));
	pthread_mutex_init(&f->door_lock, NULL);
	for (int i = 0; i < f->n; i++)
		if (handset_is(f->phones[i], "enrolled"))
			wake_attach(f, f->phones[i]);
	if (pthread_create(&f->reader, NULL, read_pushes, f) != 0)
		phone_die("start a thread");
}

void
wake_end(struct fleet *f)
{
	if (f->door_fd < 0)
		return;
	shutdown(f->door_fd, SHUT_RDWR);
	pthread_join(f->reader, NULL);
	close(f->door_fd);
	f->door_fd = -1;
}
