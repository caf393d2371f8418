/*
 * device fleet: many phones at once, each with its own keys, habits and memory.
 *
 * Some threads serve all phones; a phone's connection is one thread's until it ends.  A phone connects when it
 * is pushed, when it polls, and by itself after a NotNow or a connection that came to nothing.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "tests/device/fleet.h"
#include "tests/device/keys.h"

#define DRAIN_S	180	/* a drain that does not end is given up */
#define DRAIN_EACH_MS 2000	/* and of many phones, so much later */
#define NEVER		INT64_MAX
#define RETRY_MS	300
#define ENROLL_TRIES	200	/* of one phone, while the server is away */

struct opts {
	struct common common;
	const char *enroll, *door;
	int count, first, threads, poll_ms, for_s;
	bool drain;
};

enum { OPT_COUNT = 1024, OPT_FIRST, OPT_THREADS, OPT_ENROLL, OPT_DOOR, OPT_POLL, OPT_FOR, OPT_DRAIN };

static const struct argp_option options[] = {
	{ "count",   OPT_COUNT,   "N",    0, "How many phones (1)", 0 },
	{ "first",   OPT_FIRST,   "N",    0, "The number of the first (0)", 0 },
	{ "threads", OPT_THREADS, "N",    0, "How many connect at the same time (8)", 0 },
	{ "enroll",  OPT_ENROLL,  "FILE", 0, "Enroll those that are not: a URL of a mobileconfig for each, one a line", 0 },
	{ "apns",    OPT_DOOR,    "DIR",  0, "Be woken by the fake APNs of this directory (apns.h)", 0 },
	{ "poll-ms", OPT_POLL,    "MS",   0, "Connect unasked, on the average so often (0: never)", 0 },
	{ "for",     OPT_FOR,     "S",    0, "Go on for so long; else until SIGTERM", 0 },
	{ "drain",   OPT_DRAIN,   NULL,   0, "Go on until the server has nothing more for any phone", 0 },
	{ 0 },
};

static error_t
parse(int key, char *arg, struct argp_state *state)
{
	struct opts *o = state->input;

	switch (key) {
	case ARGP_KEY_INIT:	state->child_inputs[0] = &o->common; return 0;
	case OPT_COUNT:		o->count = number_of(arg); return 0;
	case OPT_FIRST:		o->first = number_of(arg); return 0;
	case OPT_THREADS:	o->threads = number_of(arg); return 0;
	case OPT_ENROLL:	o->enroll = arg; return 0;
	case OPT_DOOR:		o->door = arg; return 0;
	case OPT_POLL:		o->poll_ms = number_of(arg); return 0;
	case OPT_FOR:		o->for_s = number_of(arg); return 0;
	case OPT_DRAIN:		o->drain = true; return 0;
	default:		return ARGP_ERR_UNKNOWN;
	}
}

static volatile sig_atomic_t stopping;

static void
stop(int sig)
{
	(void)sig;
	stopping = 1;
}

/* ---- who is next ---- */

static void
lock(struct fleet *f)
{
	pthread_mutex_lock(&f->lock);
}

static void
unlock(struct fleet *f)
{
	pthread_mutex_unlock(&f->lock);
}

static struct handset *
take(struct fleet *f)
{
	struct handset *best = NULL;
	int64_t now = world_ms();

	lock(f);
	for (int i = 0; i < f->n; i++) {
		struct handset *h = f->phones[i];

		if (!h->busy && h->due <= now && (!best || h->due < best->due))
			best = h;
	}
	if (best)
		best->busy = true;
	unlock(f);
	return best;
}

static void
give_back(struct fleet *f, struct handset *h, int64_t due)
{
	lock(f);
	h->busy = false;
	h->due = h->told ? world_ms() : due;
	h->told = false;
	unlock(f);
}

void
fleet_wake(struct fleet *f, struct handset *h)
{
	lock(f);
	if (h->busy)
		h->told = true;
	else
		h->due = world_ms();
	unlock(f);
}

/* Is there anybody who still wants to connect? */
static bool
all_quiet(struct fleet *f)
{
	bool ret = true;

	lock(f);
	for (int i = 0; ret && i < f->n; i++)
		ret = !f->phones[i]->busy && f->phones[i]->due == NEVER;
	unlock(f);
	return ret;
}

/* ---- a phone's turn ---- */

static bool
enroll_one(struct fleet *f, struct handset *h)
{
	SCOPED(mem) void *ctx = talloc_new(NULL);
	const char *url = f->urls && h->number - f->first < f->urls_n ? f->urls[h->number - f->first] : NULL;
	struct attempt a;

	if (!url)
		return false;
	if (attempt(&a))
		enroll(ctx, f->world, h, fetch_mobileconfig(ctx, f->world, url));
	else
		ledger(f->world, h, "refused %s", a.why);
	attempt_end(&a);
	handset_save(h);
	if (handset_is(h, "enrolled"))
		wake_attach(f, h);
	else
		fprintf(stderr, "device: %s: %s\n", h->udid, a.why);
	return handset_is(h, "enrolled");
}

static int64_t
after(const struct fleet *f, enum came came)
{
	int64_t now = world_ms();

	switch (came) {
	case CAME_LEFT:
		return NEVER;
	case CAME_FAILED:
	case CAME_NOT_NOW:
		return now + RETRY_MS + dice(RETRY_MS);
	default:
		return f->drain || !f->poll_ms ? NEVER : now + f->poll_ms / 2 + dice(f->poll_ms + 1);
	}
}

static int64_t
connect_one(struct fleet *f, struct handset *h)
{
	SCOPED(mem) void *ctx = talloc_new(NULL);
	struct attempt a;

	if (chance(f->world->habits.asleep)) {
		ledger(f->world, h, "state asleep");
		wake_detach(f, h);
		return world_ms() + f->world->sleep_ms;
	}
	if (chance(f->world->habits.leaves)) {
		if (attempt(&a))
			check_out(ctx, f->world, h, "by its owner");
		attempt_end(&a);
		handset_save(h);
		return NEVER;
	}
	wake_attach(f, h);
	return after(f, session(ctx, f->world, h));
}

static int64_t
turn(struct fleet *f, struct handset *h)
{
	if (handset_is(h, "enrolled"))
		return connect_one(f, h);
	if (h->tries++ == ENROLL_TRIES || handset_is(h, "removed"))
		return NEVER;
	if (enroll_one(f, h))
		return world_ms();
	return f->urls && h->number - f->first < f->urls_n ? world_ms() + RETRY_MS : NEVER;
}

static void *
work(void *arg)
{
	struct fleet *f = arg;
	struct timespec nap = { 0, 2000000 };

	while (!stopping && !f->over) {
		struct handset *h = take(f);

		if (h)
			give_back(f, h, turn(f, h));
		else
			nanosleep(&nap, NULL);
	}
	return NULL;
}

/* ---- all together ---- */

static void
read_urls(struct fleet *f, const char *path)
{
	FILE *file SCOPED(file) = fopen(path, "re");
	char line[1024];

	if (!file)
		phone_die("open %s: %s", path, strerror(errno));
	f->urls = mem_array(f, const char *, HANDSETS_MAX);
	while (f->urls_n < HANDSETS_MAX && fgets(line, sizeof line, file)) {
		line[strcspn(line, "\r\n")] = '\0';
		f->urls[f->urls_n++] = mem_text(f, line);
	}
}

static int
count_enrolled(const struct fleet *f)
{
	int n = 0;

	for (int i = 0; i < f->n; i++)
		n += handset_is(f->phones[i], "enrolled");
	return n;
}

static void
gather(struct fleet *f, const struct opts *o)
{
	const struct phone_ca *apple = phone_ca_open(f, o->common.apple);

	keys_prepare((o->first + o->count) * HANDSET_KEYS);
	f->phones = mem_array(f, struct handset *, (size_t)o->count);
	f->n = o->count;
	for (int i = 0; i < o->count; i++) {
		f->phones[i] = common_handset(f, &o->common, apple, o->first + i);
		/* Not all in the first moment, unless that is what is asked for. */
		f->phones[i]->due = handset_is(f->phones[i], "removed") ? NEVER :
				    world_ms() + (o->drain || !o->poll_ms ? 0 : dice(o->poll_ms));
	}
}

static int
run(struct fleet *f, const struct opts *o)
{
	pthread_t threads[64];
	int n = o->threads < 64 ? o->threads : 64;
	int64_t patience = o->for_s ? o->for_s * 1000LL : DRAIN_S * 1000LL + (int64_t)f->n * DRAIN_EACH_MS;
	int64_t until = o->for_s || o->drain ? world_ms() + patience : NEVER;
	bool late = false;
	struct timespec nap = { 0, 20000000 };

	if (o->door)
		wake_begin(f, o->door);
	for (int i = 0; i < n; i++)
		if (pthread_create(&threads[i], NULL, work, f) != 0)
			phone_die("start a thread");
	while (!stopping && !f->over) {
		nanosleep(&nap, NULL);
		late = world_ms() >= until;
		f->over = late || (o->drain && all_quiet(f));
	}
	for (int i = 0; i < n; i++)
		pthread_join(threads[i], NULL);
	wake_end(f);
	printf("%d of %d phones are enrolled\n", count_enrolled(f), f->n);
	if (late && o->drain && !o->for_s)
		fprintf(stderr, "device: after %lld s the server still had something for a phone, or did not answer it\n",
			(long long)patience / 1000);
	return count_enrolled(f) == f->n && !(late && o->drain && !o->for_s) ? 0 : 1;
}

int
cmd_fleet(int argc, char **argv)
{
	static const struct argp_child children[] = { { &common_argp, 0, NULL, 0 }, { 0 } };
	static const struct argp argp = { options, parse, "", "A fleet of simulated iPhones.", children, NULL, NULL };
	SCOPED(mem) struct fleet *f = mem_new(NULL, struct fleet);
	struct opts o = { .count = 1, .threads = 8 };

	common_init(&o.common);
	if (argp_parse(&argp, argc, argv, 0, NULL, &o) != 0 || !o.common.state)
		phone_die("fleet --ca DIR --state DIR");
	common_begin(&o.common);
	signal(SIGTERM, stop);
	signal(SIGINT, stop);
	pthread_mutex_init(&f->lock, NULL);
	f->world = &o.common.world;
	f->drain = o.drain;
	f->poll_ms = o.poll_ms;
	f->first = o.first;
	f->door_fd = -1;
	if (o.enroll)
		read_urls(f, o.enroll);
	gather(f, &o);
	return run(f, &o);
}
