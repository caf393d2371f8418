/* What is seen of installs under way; tables are written by install.c alone. */
#include "catalog/install_watch.h"
#include "core/clock.h"
#include "core/count.h"
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS		4096
#define AGAIN_MS	60000	/* the same kind is an event again after so long */

/* One install under way. */
struct watched {
	struct watched *next;			/* of its bucket */
	struct watched *newer, *older;		/* by when it was last seen */
	char id[INSTALL_ID_SIZE], build_id[INSTALL_ID_SIZE], grant_id[INSTALL_ID_SIZE];
	char model[INSTALL_MODEL_SIZE], os[INSTALL_OS_SIZE];
	bool fresh;				/* of a grant that no page has made for it */
	int64_t size;
	int64_t seen_ms[INSTALL_KINDS];		/* 0: not yet */
	int64_t bytes;				/* of what has been sent */
	int64_t most, most_ms;			/* with what is under way, and when it last grew */
	struct ranges ranges;
	bool blind;				/* it goes on from where nothing is known to have been sent: before a kill -9 */
	struct install_part *parts;
};

struct install_part {
	struct install_watch *watch;
	struct watched *of;
	struct install_part *next, **at;
	int64_t from, length;
	int64_t (*out)(void *arg);
	void *arg;
};

struct install_watch {
	struct db *db;
	pthread_mutex_t lock;
	struct watched *buckets[BUCKETS];
	struct watched *newest, *oldest;
	int n;
	bool writing;				/* a write-behind is on its way */
	int first, waiting;			/* of the ring */
	struct install_sight *sights;		/* SIGHTS_MAX of them; pages that nobody touches cost nothing */
};

static void write_waiting(struct install_watch *watch);

static bool
tx_nothing(struct db *tx, void *arg, struct err *err)
{
	(void)tx, (void)arg, (void)err;
	return true;
}

/* What waits is written first: a transaction runs behind all that was to be written before it. */
static int
watch_end(struct install_watch *watch)
{
	struct err err;
	bool busy;

	do {
		write_waiting(watch);	/* a full queue may have dropped the one that was to do it */
		pthread_mutex_lock(&watch->lock);
		busy = watch->waiting || watch->writing;
		pthread_mutex_unlock(&watch->lock);
	} while (busy && db_tx(watch->db, tx_nothing, NULL, &err));
	pthread_mutex_destroy(&watch->lock);
	free(watch->sights);
	return 0;
}

struct install_watch *
install_watch_new(struct db *db)
{
	struct install_watch *watch = mem_new(db, struct install_watch);

	watch->db = db;
	watch->sights = mem_must(calloc(SIGHTS_MAX, sizeof *watch->sights));
	pthread_mutex_init(&watch->lock, NULL);
	talloc_set_destructor(watch, watch_end);
	return watch;
}

/* ---- what a daemon says of itself ---- */

/* The value behind `name` where a word begins with it; of letters, digits, ',' and '.'. */
static void
word_of(const char *agent, const char *name, char *to, size_t size)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789,.";
	size_t len = strlen(name), n;

	for (const char *at = agent; (at = strstr(at, name)); at += len) {
		n = strspn(at + len, allowed);
		if ((at == agent || at[-1] == ' ') && n && n < size && (!at[len + n] || at[len + n] == ' ')) {
			memcpy(to, at + len, n);
			to[n] = '\0';
			return;
		}
	}
}

void
install_agent(const char *agent, char model[INSTALL_MODEL_SIZE], char os[INSTALL_OS_SIZE])
{
	static const char *const daemons[] = { "com.apple.appstored/", "appstored/", "itunesstored/" };

	*model = *os = '\0';
	for (size_t i = 0; agent && i < sizeof daemons / sizeof *daemons; i++) {
		if (strncmp(agent, daemons[i], strlen(daemons[i])) != 0)
			continue;
		word_of(agent, "model/", model, INSTALL_MODEL_SIZE);
		word_of(agent, "iOS/", os, INSTALL_OS_SIZE);
		if (!*os)
			word_of(agent, "iPadOS/", os, INSTALL_OS_SIZE);
	}
}

/* ---- the records; with the lock held ---- */

static unsigned
bucket_of(const char *id)
{
	uint32_t hash = 2166136261u;

	for (; *id; id++)
		hash = (hash ^ (unsigned char)*id) * 16777619u;
	return hash % BUCKETS;
}

static void
leave_line(struct install_watch *watch, struct watched *w)
{
	*(w->newer ? &w->newer->older : &watch->newest) = w->older;
	*(w->older ? &w->older->newer : &watch->oldest) = w->newer;
}

static void
join_line(struct install_watch *watch, struct watched *w)
{
	w->newer = NULL;
	w->older = watch->newest;
	*(w->older ? &w->older->newer : &watch->oldest) = w;
	watch->newest = w;
}

static struct watched *
find(struct install_watch *watch, const char *id)
{
	struct watched *w = watch->buckets[bucket_of(id)];

	while (w && strcmp(w->id, id) != 0)
		w = w->next;
	return w;
}

static void
forget_oldest(struct install_watch *watch)
{
	struct watched *w = watch->oldest, **at;

	while (w && w->parts)		/* what is being sent stays */
		w = w->newer;
	if (!w)
		return;
	at = &watch->buckets[bucket_of(w->id)];
	while (*at != w)
		at = &(*at)->next;
	*at = w->next;
	leave_line(watch, w);
	watch->n--;
	talloc_free(w);
}

static void
put_text(char *to, size_t size, const char *text)
{
	size_t n = text ? strnlen(text, size - 1) : 0;

	memcpy(to, text ? text : "", n);
	to[n] = '\0';
}

/* A grant that was not made for one install is many: each client's is its own, by the same id each time.
 * Both are random already, so they are only mixed: this is done for each manifest. */
static void
id_of(const struct grant *grant, const char *client, char id[INSTALL_ID_SIZE])
{
	static const char letters[] = "abcdefghijkmnpqrstuvwxyz23456789";
	size_t n = strlen(grant->id), m = strlen(client);

	put_text(id, INSTALL_ID_SIZE, grant->install_id);
	for (size_t i = 0; !grant->install_id && i < INSTALL_ID_SIZE - 1; i++) {
		unsigned mixed = (unsigned char)grant->id[n ? i % n : 0];

		for (size_t k = 0; m && k < 4; k++)	/* all of a SHA-256 in hex */
			mixed = mixed * 31 + (unsigned char)client[(4 * i + k) % m];
		id[i] = letters[(mixed ^ mixed >> 5 ^ mixed >> 10) & 31];
		id[i + 1] = '\0';
	}
}

static struct watched *
take(struct install_watch *watch, const struct grant *grant, const char *id, const char *agent)
{
	struct watched *w = find(watch, id);

	if (w) {
		leave_line(watch, w);
	} else {
		if (watch->n >= WATCHED_MAX)
			forget_oldest(watch);
		w = mem_new(watch, struct watched);
		put_text(w->id, sizeof w->id, id);
		put_text(w->build_id, sizeof w->build_id, grant->build_id);
		put_text(w->grant_id, sizeof w->grant_id, grant->id);
		w->fresh = !grant->install_id;
		w->size = grant->size;
		ranges_read(&w->ranges, grant->ranges ? grant->ranges : "");	/* before a restart, or long ago */
		w->bytes = w->most = ranges_bytes(&w->ranges);
		w->next = watch->buckets[bucket_of(id)];
		watch->buckets[bucket_of(id)] = w;
		watch->n++;
	}
	join_line(watch, w);
	if (!*w->model)
		install_agent(agent, w->model, w->os);
	return w;
}

/* ---- the queue ---- */

struct writing {
	struct install_watch *watch;
	size_t n;
	struct install_sight sights[SIGHTS_AT_ONCE];
};

/* Written, failed or dropped. */
static int
writing_end(struct writing *writing)
{
	struct install_watch *watch = writing->watch;

	pthread_mutex_lock(&watch->lock);
	watch->writing = false;
	pthread_mutex_unlock(&watch->lock);
	if (writing->n)		/* what came meanwhile; dropped by a full queue, it would only be dropped again */
		write_waiting(watch);
	return 0;
}

static bool
tx_write(struct db *tx, void *arg, struct err *err)
{
	struct writing *writing = arg;
	struct install_watch *watch = writing->watch;

	pthread_mutex_lock(&watch->lock);	/* run again, it has what it took */
	while (writing->n < SIGHTS_AT_ONCE && watch->waiting) {
		writing->sights[writing->n++] = watch->sights[watch->first];
		watch->first = (watch->first + 1) % SIGHTS_MAX;
		watch->waiting--;
	}
	pthread_mutex_unlock(&watch->lock);
	return install_write(tx, writing->sights, writing->n, err);
}

/* Without the lock: a full queue of the database ends it at once. */
static void
write_waiting(struct install_watch *watch)
{
	struct writing *writing;
	bool begin;

	pthread_mutex_lock(&watch->lock);
	begin = watch->waiting && !watch->writing;
	watch->writing |= begin;
	pthread_mutex_unlock(&watch->lock);
	if (!begin)
		return;
	writing = mem_new(NULL, struct writing);
	writing->watch = watch;
	talloc_set_destructor(writing, writing_end);
	db_later(watch->db, tx_write, writing);
}

static void
add_sight(struct install_watch *watch, const struct watched *w, enum install_kind kind, bool event)
{
	struct install_sight *sight;

	if (watch->waiting == SIGHTS_MAX) {
		count_add(COUNT_SIGHTS_DROPPED, 1);
		return;
	}
	sight = &watch->sights[(watch->first + watch->waiting++) % SIGHTS_MAX];
	*sight = (struct install_sight){ .kind = kind, .fresh = w->fresh, .event = event, .bytes = w->bytes,
					 .at = clock_now(), .ranges = w->ranges };
	put_text(sight->id, sizeof sight->id, w->id);
	put_text(sight->build_id, sizeof sight->build_id, w->build_id);
	put_text(sight->grant_id, sizeof sight->grant_id, w->grant_id);
	put_text(sight->model, sizeof sight->model, w->model);
	put_text(sight->os, sizeof sight->os, w->os);
}

static void
note(struct install_watch *watch, struct watched *w, enum install_kind kind)
{
	int64_t now = clock_ms();

	if (w->seen_ms[kind] && (kind == INSTALL_WHOLE || now - w->seen_ms[kind] < AGAIN_MS))
		return;
	w->seen_ms[kind] = now ? now : 1;
	add_sight(watch, w, kind, true);
}

static void
grew(struct watched *w, int64_t bytes)
{
	if (bytes > w->most) {
		w->most = bytes;
		w->most_ms = clock_ms();
	}
}

static void
unlock(struct install_watch *watch)
{
	bool due = watch->waiting && !watch->writing;

	pthread_mutex_unlock(&watch->lock);
	if (due)
		write_waiting(watch);
}

/* ---- what is seen ---- */

void
install_saw(struct install_watch *watch, const struct grant *grant, const char *client, const char *agent,
	    enum install_kind kind)
{
	char id[INSTALL_ID_SIZE];

	id_of(grant, client, id);
	pthread_mutex_lock(&watch->lock);
	note(watch, take(watch, grant, id, agent), kind);
	unlock(watch);
}

/* Is it the beginning, or behind or within what is known to have been sent? */
static bool
follows(const struct ranges *ranges, int64_t from)
{
	bool yes = from == 0;

	for (int i = 0; i < ranges->n; i++)
		yes |= ranges->at[i].from <= from && from <= ranges->at[i].to;
	return yes;
}

struct install_part *
install_sends(struct install_watch *watch, const struct grant *grant, const char *client, const char *agent,
	      int64_t from, int64_t length, int64_t (*out)(void *arg), void *arg)
{
	struct install_part *part = mem_new(NULL, struct install_part);
	char id[INSTALL_ID_SIZE];

	id_of(grant, client, id);
	*part = (struct install_part){ .watch = watch, .from = from, .length = length, .out = out, .arg = arg };
	pthread_mutex_lock(&watch->lock);
	part->of = take(watch, grant, id, agent);
	part->of->blind |= !part->of->parts && !follows(&part->of->ranges, from);
	part->next = part->of->parts;
	part->at = &part->of->parts;
	if (part->next)
		part->next->at = &part->next;
	part->of->parts = part;
	if (!part->of->most_ms)
		part->of->most_ms = clock_ms();
	note(watch, part->of, INSTALL_IPA);
	unlock(watch);
	return part;
}

void
install_sent(struct install_part *part, int64_t bytes)
{
	struct install_watch *watch = part->watch;
	struct watched *w = part->of;
	int64_t sum;

	pthread_mutex_lock(&watch->lock);
	*part->at = part->next;
	if (part->next)
		part->next->at = part->at;
	ranges_add(&w->ranges, part->from, part->from + (bytes < part->length ? bytes : part->length));
	sum = ranges_bytes(&w->ranges);
	grew(w, sum);
	if (sum > w->bytes) {
		w->bytes = sum;
		add_sight(watch, w, INSTALL_IPA, false);
		if (sum == w->size)
			note(watch, w, INSTALL_WHOLE);
	}
	unlock(watch);
	talloc_free(part);
}

bool
install_bytes(struct install_watch *watch, const char *id, int64_t *bytes, int64_t *quiet_s)
{
	struct watched *w;
	struct ranges ranges;

	pthread_mutex_lock(&watch->lock);
	w = find(watch, id);
	if (w) {
		ranges = w->ranges;
		for (struct install_part *p = w->parts; p; p = p->next) {
			int64_t out = p->out(p->arg);

			/* Its last byte counts when the answer has ended whole. */
			ranges_add(&ranges, p->from, p->from + (out < p->length ? out : p->length - 1));
		}
		grew(w, ranges_bytes(&ranges));
		*bytes = w->bytes == w->size ? w->bytes : w->most < w->size ? w->most : w->size - 1;
		*quiet_s = w->most_ms && !w->blind ? (clock_ms() - w->most_ms) / 1000 : 0;
	}
	pthread_mutex_unlock(&watch->lock);
	return w;
}
