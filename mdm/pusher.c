#include "mdm/pusher.h"
#include "core/clock.h"
#include "core/count.h"
#include "core/log.h"
#include "mdm/push_line.h"
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define LOOK_MS		1000	/* how often it looks for what is due */
#define STOP_MS		5000	/* what is under way is waited for */

struct pusher {
	struct db *db;
	const struct sealer *sealer;
	pusher_conf *conf;
	void *site;
	pthread_t thread;
	bool running;
	_Atomic bool stopping;
	int wake;
	/* the thread's own */
	char stamp[65];
	struct push_identity *identities;
	size_t identities_n;
	void *identities_ctx;
	struct push_line **lines;
	size_t lines_n;
	bool certificates_bad;
	pthread_mutex_t lock;			/* over what people see */
	struct recent { int64_t at; char enrollment_id[40]; struct apns_answer answer; } recent[PUSHER_RECENT];
	size_t recent_n;
	char stuck[512];
	int connections;
};

/* ---- what people see ---- */

static void
remember(void *arg, const struct push_row *row, const struct apns_answer *answer)
{
	struct pusher *p = arg;
	struct recent *r;

	pthread_mutex_lock(&p->lock);
	r = &p->recent[p->recent_n++ % PUSHER_RECENT];
	r->at = clock_now();
	snprintf(r->enrollment_id, sizeof r->enrollment_id, "%s", row->enrollment_id);
	r->answer = *answer;
	pthread_mutex_unlock(&p->lock);
}

static void
tell_state(struct pusher *p)
{
	struct pollfd ignored;
	int open = 0;

	pthread_mutex_lock(&p->lock);
	*p->stuck = '\0';
	for (size_t i = 0; i < p->lines_n; i++) {
		char why[sizeof p->stuck];

		open += push_line_wants(p->lines[i], &ignored);
		if (push_line_is_stuck(p->lines[i], why, sizeof why))
			memcpy(p->stuck, why, sizeof why);
	}
	p->connections = open;
	pthread_mutex_unlock(&p->lock);
	count_set(COUNT_APNS_OPEN, open);
}

json_t *
pusher_show(struct pusher *p)
{
	json_t *recent = json_array(), *ret;
	char at[CLOCK_ISO_SIZE];

	pthread_mutex_lock(&p->lock);
	for (size_t i = p->recent_n, n = 0; i > 0 && n < PUSHER_RECENT; n++) {
		const struct recent *r = &p->recent[--i % PUSHER_RECENT];

		json_array_append_new(recent, json_pack("{s:s, s:s, s:i, s:s, s:I}", "at", clock_iso(r->at, at), "enrollment_id",
			r->enrollment_id, "status", r->answer.status, "reason", r->answer.reason, "timestamp",
			(json_int_t)r->answer.timestamp));
	}
	ret = json_pack("{s:s?, s:i, s:o}", "stuck", *p->stuck ? p->stuck : NULL, "connections", p->connections, "recent", recent);
	pthread_mutex_unlock(&p->lock);
	return ret;
}

/* ---- certificates ---- */

static void
have_line(struct pusher *p, const char *topic)
{
	const struct push_yard yard = { p->db, &p->stopping, remember, p };

	for (size_t i = 0; i < p->lines_n; i++)
		if (strcmp(push_line_topic(p->lines[i]), topic) == 0)
			return;
	p->lines = mem_grow(p, p->lines, struct push_line *, p->lines_n + 1);
	p->lines[p->lines_n++] = push_line_new(p, &yard, topic);
}

static const struct push_identity *
identity_of(const struct pusher *p, const char *topic)
{
	for (size_t i = 0; i < p->identities_n; i++)
		if (strcmp(p->identities[i].topic, topic) == 0)
			return &p->identities[i];
	return NULL;
}

static void
set_gauges(const struct pusher *p)
{
	bool halted = false;

	for (size_t i = 0; i < p->identities_n; i++)
		halted |= *p->identities[i].halted || p->identities[i].not_after <= clock_now();
	count_set(COUNT_PUSH_CERTIFICATE_END, p->identities_n ? p->identities[0].not_after : 0);
	count_set(COUNT_PUSH_HALTED, halted);
}

/* Connections of certificates that have changed end: what was sent with the old one is sent again with the new. */
static void
use_identities(struct pusher *p, void *ctx, struct push_identity *identities, size_t n)
{
	void *old = p->identities_ctx;

	p->identities_ctx = ctx;
	p->identities = identities;
	p->identities_n = n;
	for (size_t i = 0; i < n; i++)
		have_line(p, identities[i].topic);
	for (size_t i = 0; i < p->lines_n; i++)
		push_line_use(p->lines[i], identity_of(p, push_line_topic(p->lines[i])));
	talloc_free(old);
}

static void
look_at_certificates(struct pusher *p)
{
	void *ctx = talloc_new(p);
	struct push_identity *identities;
	struct err err;
	char stamp[65];
	size_t n;

	if (!push_certificate_stamp(p->db, stamp, &err) || strcmp(stamp, p->stamp) == 0) {
		talloc_free(ctx);
		return;
	}
	if (!push_certificate_load(ctx, p->db, p->sealer, &identities, &n, &err)) {
		if (!p->certificates_bad)
			log_err("push certificates cannot be used", &err);
		p->certificates_bad = true;
		talloc_free(ctx);
		return;
	}
	p->certificates_bad = false;
	memcpy(p->stamp, stamp, sizeof stamp);
	use_identities(p, ctx, identities, n);
	if (n)
		log_info("push certificate in use", KV("topic", identities[0].topic), KVI("certificates", (int64_t)n));
}

/* ---- the thread ---- */

/* Until a server or who asks says something, or it is time to look. */
static void
rest(struct pusher *p)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct pollfd *fds = mem_array(ctx, struct pollfd, p->lines_n + 1);
	int64_t wait = LOOK_MS, left;
	uint64_t times;
	nfds_t n = 1;

	fds[0] = (struct pollfd){ p->wake, POLLIN, 0 };
	for (size_t i = 0; i < p->lines_n; i++) {
		n += push_line_wants(p->lines[i], &fds[n]);
		if ((left = push_line_patience(p->lines[i])) < wait)
			wait = left;
	}
	if (poll(fds, n, (int)wait) > 0 && fds[0].revents && read(p->wake, &times, sizeof times) == sizeof times)
		for (size_t i = 0; i < p->lines_n; i++)
			push_line_hurry(p->lines[i]);
}

static bool
is_through(const struct pusher *p)
{
	for (size_t i = 0; i < p->lines_n; i++)
		if (!push_line_is_through(p->lines[i]))
			return false;
	return true;
}

static void
finish(struct pusher *p)
{
	int64_t until = clock_ms() + STOP_MS;

	while (!is_through(p) && clock_ms() < until) {
		for (size_t i = 0; i < p->lines_n; i++)
			push_line_step(p->lines[i], p->conf(p->site));
		rest(p);
	}
	for (size_t i = 0; i < p->lines_n; i++)	/* what is left is due again when its lease has ended */
		push_line_end(p->lines[i]);
}

static void *
work(void *arg)
{
	struct pusher *p = arg;
	sigset_t pipe;

	sigemptyset(&pipe);
	sigaddset(&pipe, SIGPIPE);	/* a connection that has ended is an error, no signal */
	pthread_sigmask(SIG_BLOCK, &pipe, NULL);
	while (!p->stopping) {
		look_at_certificates(p);
		for (size_t i = 0; i < p->lines_n; i++)
			push_line_step(p->lines[i], p->conf(p->site));
		set_gauges(p);
		tell_state(p);
		rest(p);
	}
	finish(p);
	return NULL;
}

/* ---- start and stop ---- */

static int
free_pusher(struct pusher *p)
{
	pusher_stop(p);
	close(p->wake);
	pthread_mutex_destroy(&p->lock);
	return 0;
}

bool
pusher_start(TALLOC_CTX *ctx, struct db *db, const struct sealer *sealer, pusher_conf *conf, void *site,
	     struct pusher **ret, struct err *err)
{
	struct pusher *p = mem_new(ctx, struct pusher);

	p->db = db;
	p->sealer = sealer;
	p->conf = conf;
	p->site = site;
	p->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	pthread_mutex_init(&p->lock, NULL);
	talloc_set_destructor(p, free_pusher);
	if (p->wake < 0)
		return err_errno(err, "start pushing");
	if (db_alone(db) && !push_release_all(db, err))
		return false;
	if (pthread_create(&p->thread, NULL, work, p) != 0)
		return err_set(err, ERR_INTERNAL, "start the thread that pushes");
	p->running = true;
	*ret = p;
	return true;
}

void
pusher_stop(struct pusher *p)
{
	if (!p || !p->running)
		return;
	p->stopping = true;
	pusher_wake(p);
	pthread_join(p->thread, NULL);
	p->running = false;
}

void
pusher_wake(struct pusher *p)
{
	const uint64_t one = 1;

	if (p && write(p->wake, &one, sizeof one) < 0)
		return;		/* it is full: it will wake anyway */
}
