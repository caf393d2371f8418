#include "tests/device/world.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define KEEP_EACH	4	/* of a schema */
#define SCHEMAS_MAX	200

int64_t
world_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* ---- dice ---- */

static unsigned first_seed = 1;
static _Atomic unsigned threads;
static _Thread_local unsigned state;

void
chance_seed(unsigned seed)
{
	first_seed = seed;
}

int
dice(int below)
{
	if (!state)
		state = first_seed * 2654435761u + ++threads * 40503u + 1;
	return rand_r(&state) / 7 % below;
}

bool
chance(int percent)
{
	return percent > 0 && dice(100) < percent;
}

/* ---- ledger ---- */

void
ledger_open(struct world *world)
{
	world->ledger_fd = -1;
	if (!world->ledger)
		return;
	world->ledger_fd = open(world->ledger, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (world->ledger_fd < 0)
		phone_die("open %s: %s", world->ledger, strerror(errno));
}

void
ledger(const struct world *world, const struct handset *h, const char *fmt, ...)
{
	char line[1024];
	va_list ap;
	int len;

	if (world->ledger_fd < 0)
		return;
	len = snprintf(line, sizeof line, "%lld %s ", (long long)world_ms(), h->udid);
	va_start(ap, fmt);
	len += vsnprintf(line + len, sizeof line - (size_t)len - 1, fmt, ap);
	va_end(ap);
	len = len < (int)sizeof line - 2 ? len : (int)sizeof line - 2;
	line[len++] = '\n';
	if (write(world->ledger_fd, line, (size_t)len) != len)
		phone_die("write the ledger");
}

/* ---- what is kept ---- */

static int
count_of(const char *schema)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static struct { char name[64]; int n; } seen[SCHEMAS_MAX];
	int i = 0, n;

	pthread_mutex_lock(&lock);
	while (i < SCHEMAS_MAX - 1 && seen[i].name[0] && strcmp(seen[i].name, schema) != 0)
		i++;
	snprintf(seen[i].name, sizeof seen[i].name, "%s", schema);
	n = seen[i].n++;
	pthread_mutex_unlock(&lock);
	return n;
}

void
keep(const struct world *world, const char *schema, struct bytes bytes)
{
	SCOPED(mem) char *path = NULL;
	FILE *file SCOPED(file) = NULL;
	struct timespec now;
	int n;

	if (!world->keep || (n = count_of(schema)) >= KEEP_EACH)
		return;
	/* The order of the names is that of time: a process started later may well have a lower pid. */
	clock_gettime(CLOCK_REALTIME, &now);
	path = mem_printf(NULL, "%s/%s.%lld%09ld.%ld-%d", world->keep, schema, (long long)now.tv_sec, now.tv_nsec,
			  (long)getpid(), n);
	file = fopen(path, "we");
	if (!file || fwrite(bytes.p, 1, bytes.len, file) != bytes.len)
		phone_die("write %s", path);
}
