/*
 * A batch of rows is taken, queued, sent and recorded.  Its memory goes with the last of its outcomes: several
 * may be under way at a time, but only one has rows that wait to be sent.
 */
#include "mdm/pusher.h"
#include "core/clock.h"
#include "core/count.h"
#include "core/lane.h"
#include "core/log.h"
#include "mdm/push_certificate.h"
#include "mdm/push_due.h"
#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define LOOK_MS		1000	/* how often it looks for what is due */
#define RECORD_MS	100	/* outcomes wait no longer for others to share their transaction */
#define STOP_MS		5000	/* what is under way is waited for */
#define TROUBLES_MAX	20	/* answers of 5xx in a row: then APNs is left alone for a while */
#define OUTCOMES_MAX	(2 * PUSH_BATCH + APNS_STREAMS_MAX)	/* no batch is taken while PUSH_BATCH wait */
#define EXPIRATION_STEP	3600	/* pushes of the same hour say the same apns-expiration */

struct ticket {
	struct batch *batch;
	struct push_row *row;
};

/* Rows that were taken together. */
struct batch {
	size_t n, sent, recorded;
	struct ticket tickets[PUSH_BATCH];
};

/* A topic: its certificate, its connection, what it has taken. */
struct line {
	struct pusher *pusher;
	const struct push_identity *identity;	/* NULL: its certificate has gone */
	char *topic;
	struct apns *apns;
	struct lane lane;
	struct batch *queue;			/* taken, not sent whole; NULL: none */
	struct push_outcome outcomes[OUTCOMES_MAX];	/* to be recorded */
	struct batch *outcome_of[OUTCOMES_MAX];
	size_t outcomes_n;
	int64_t outcomes_since, looked;
	double wave;				/* how many of those for many may go now */
	int64_t wave_at;
	int troubles;				/* answers of 5xx in a row */
	int64_t heard;				/* answers since it was opened */
	bool more;				/* there was more to take */
	struct err halt;			/* kind set: the certificate was refused just now */
};

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
	struct line **lines;
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
remember(struct pusher *p, const struct push_row *row, const struct apns_answer *answer)
{
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
	char why[sizeof p->lines[0]->lane.why];
	int open = 0;

	pthread_mutex_lock(&p->lock);
	*p->stuck = '\0';
	for (size_t i = 0; i < p->lines_n; i++) {
		open += apns_is_open(p->lines[i]->apns);
		if (p->lines[i]->identity && lane_is_broken(&p->lines[i]->lane, why, sizeof why))
			snprintf(p->stuck, sizeof p->stuck, "%.*s", (int)sizeof p->stuck - 1, why);
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

/* ---- answers ---- */

static const enum count counts[] = {
	[APNS_TAKEN] = COUNT_PUSHES_TAKEN, [APNS_DROP_TOKEN] = COUNT_PUSHES_TOKEN, [APNS_GONE] = COUNT_PUSHES_GONE,
	[APNS_LATER] = COUNT_PUSHES_LATER, [APNS_RETRY] = COUNT_PUSHES_RETRY, [APNS_HALT] = COUNT_PUSHES_HALTED,
	[APNS_BUG] = COUNT_PUSHES_BUG, [APNS_UNSENT] = COUNT_PUSHES_UNSENT,
};

static void
add_outcome(struct line *line, const struct ticket *ticket, const struct apns_answer *answer)
{
	assert(line->outcomes_n < OUTCOMES_MAX);
	if (!line->outcomes_n)
		line->outcomes_since = clock_ms();
	line->outcomes[line->outcomes_n] = (struct push_outcome){ ticket->row, *answer };
	line->outcome_of[line->outcomes_n++] = ticket->batch;
}

static void
answered(void *arg, void *tag, const struct apns_answer *answer)
{
	struct line *line = arg;
	const struct ticket *ticket = tag;

	count_add(counts[answer->todo], 1);
	if (answer->todo != APNS_UNSENT) {
		remember(line->pusher, ticket->row, answer);
		line->heard++;
	}
	line->troubles = answer->todo == APNS_RETRY ? line->troubles + 1 : 0;
	if (answer->todo == APNS_BUG)
		log_error("APNs says that our request is wrong; this push is given up", KV("topic", line->topic),
			  KVI("status", answer->status), KV("reason", answer->reason));
	if (answer->todo == APNS_DROP_TOKEN || answer->todo == APNS_GONE)
		log_info("a push token is dead", KV("enrollment", ticket->row->enrollment_id), KV("reason", answer->reason));
	if (answer->todo == APNS_HALT && !line->halt.kind)
		err_set(&line->halt, ERR_DENIED, "%s", *answer->reason ? answer->reason : "Forbidden");
	add_outcome(line, ticket, answer);
}

/* Durable before it is forgotten; what cannot be recorded now is tried again at the next look. */
static void
record(struct line *line, bool now)
{
	struct err err;

	if (!line->outcomes_n || (!now && line->outcomes_n < PUSH_BATCH / 2 && apns_under_way(line->apns) &&
				  clock_ms() - line->outcomes_since < RECORD_MS))
		return;
	if (!push_record(line->pusher->db, line->outcomes, line->outcomes_n, &err)) {
		log_err("what became of pushes cannot be recorded", &err);
		line->outcomes_since = clock_ms();
		return;
	}
	for (size_t i = 0; i < line->outcomes_n; i++)
		if (++line->outcome_of[i]->recorded == line->outcome_of[i]->n)
			talloc_free(line->outcome_of[i]);
	line->outcomes_n = 0;
}

/* ---- certificates ---- */

static struct line *
line_new(struct pusher *p, const char *topic)
{
	struct line *line = mem_new(p, struct line);

	line->pusher = p;
	line->topic = mem_text(line, topic);
	line->apns = apns_new(line, topic, answered, line);
	line->wave_at = clock_ms();
	lane_init(&line->lane, "apns");
	p->lines = mem_grow(p, p->lines, struct line *, p->lines_n + 1);
	p->lines[p->lines_n++] = line;
	return line;
}

static struct line *
line_of(struct pusher *p, const char *topic)
{
	for (size_t i = 0; i < p->lines_n; i++)
		if (strcmp(p->lines[i]->topic, topic) == 0)
			return p->lines[i];
	return line_new(p, topic);
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

	for (size_t i = 0; i < p->lines_n; i++)
		p->lines[i]->identity = NULL;
	p->identities_ctx = ctx;
	p->identities = identities;
	p->identities_n = n;
	for (size_t i = 0; i < n; i++)
		line_of(p, identities[i].topic);
	for (size_t i = 0; i < p->lines_n; i++) {
		struct line *line = p->lines[i];

		apns_close(line->apns);
		line->identity = identity_of(p, line->topic);
		line->halt.kind = ERR_NONE;
		lane_works(&line->lane);
		line->looked = 0;
	}
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

/* The whole topic stands still until an admin has seen to it. */
static void
halt(struct line *line)
{
	struct err err;

	log_error("APNs refuses the push certificate; no device can be reached until it is replaced or resumed",
		  KV("topic", line->topic), KV("reason", line->halt.cause));
	if (line->identity && !push_certificate_halt(line->pusher->db, line->identity->id, line->halt.cause, &err))
		log_err("that pushes are halted cannot be recorded", &err);
	line->identity = NULL;	/* until the certificates are read again */
	line->halt.kind = ERR_NONE;
	apns_close(line->apns);
}

static bool
usable(const struct line *line)
{
	return line->identity && !*line->identity->halted && line->identity->not_after > clock_now();
}

/* ---- taking and sending ---- */

/* How many of those for many devices may go: apns.per_second, gathered for a second at most. */
static size_t
wave(struct line *line, const struct conf *conf)
{
	int64_t now = clock_ms();

	line->wave += (double)(now - line->wave_at) * (double)conf->apns_per_second / 1000.0;
	line->wave_at = now;
	if (line->wave > (double)conf->apns_per_second)
		line->wave = (double)conf->apns_per_second;
	return (size_t)line->wave;
}

static bool
take(struct line *line, const struct conf *conf, struct err *err)
{
	struct batch *batch = mem_new(line, struct batch);
	struct push_row *rows;
	size_t bulk;

	if (!push_take(batch, line->pusher->db, line->topic, PUSH_BATCH, wave(line, conf), &rows, &batch->n, &bulk, err)) {
		talloc_free(batch);
		return false;
	}
	line->wave -= (double)bulk;
	line->looked = clock_ms();
	line->more = batch->n >= PUSH_BATCH / 2;
	for (size_t i = 0; i < batch->n; i++)
		batch->tickets[i] = (struct ticket){ batch, &rows[i] };
	if (batch->n)
		line->queue = batch;
	else
		talloc_free(batch);
	return true;
}

/* What was taken and cannot be sent now is put back as it was. */
static void
give_up_queue(struct line *line)
{
	static const struct apns_answer unsent = { .todo = APNS_UNSENT };

	while (line->queue && line->queue->sent < line->queue->n)
		add_outcome(line, &line->queue->tickets[line->queue->sent++], &unsent);
	line->queue = NULL;
}

static void
send_queue(struct line *line)
{
	int64_t expiration = (clock_now() / EXPIRATION_STEP + 1) * EXPIRATION_STEP + APNS_KEEP_S;
	struct batch *batch = line->queue;

	for (size_t room = apns_room(line->apns); batch && room && batch->sent < batch->n; room--) {
		struct ticket *t = &batch->tickets[batch->sent++];
		struct apns_push push = { t->row->token, t->row->magic, expiration, t };

		apns_send(line->apns, &push);
	}
	if (batch && batch->sent == batch->n)
		line->queue = NULL;
}

/* ---- the connection ---- */

static void
broken(struct line *line, const struct err *err)
{
	char text[sizeof err->path + sizeof err->cause + 2];

	if (lane_broken(&line->lane, clock_ms(), err_text(err, text, sizeof text)) == LANE_PAUSE_MIN_MS)
		log_err("APNs cannot be reached; it is tried again and again", err, KV("topic", line->topic));
}

static bool
connect_line(struct line *line, const struct conf *conf)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct pusher *p = line->pusher;
	char why[sizeof line->lane.why];
	bool own = *conf->apns_url;
	struct apns_where where = {
		own ? conf->apns_url : mem_printf(ctx, "https://api.push.apple.com:%lld", (long long)conf->apns_port),
		conf->apns_ca_file, conf->egress_allow, own,
	};
	struct err err = { 0 };

	if (lane_enter(&line->lane, clock_ms(), why, sizeof why) > 0)
		return false;
	if (apns_open(line->apns, &where, line->identity->cert, line->identity->key, &p->stopping, &err)) {
		count_add(COUNT_APNS_CONNECTIONS, 1);
		line->troubles = 0;
		line->heard = 0;
		return true;
	}
	if (p->stopping || err.kind == ERR_DENIED)
		lane_untried(&line->lane);
	else
		broken(line, &err);
	if (err.kind == ERR_DENIED)
		line->halt = err;
	return false;
}

/* Reads and writes; what an ended connection leaves behind has been answered as unsent. */
static void
run(struct line *line)
{
	struct err err = { 0 };
	bool asked = apns_under_way(line->apns) > 0;

	if (apns_run(line->apns, &err)) {
		if (line->troubles > TROUBLES_MAX) {
			apns_close(line->apns);
			err_code(&err, ERR_UPSTREAM, "trouble", "APNs answers nothing but errors of its own");
			broken(line, &err);
		} else if (line->heard && lane_works(&line->lane)) {
			log_info("APNs can be reached again", KV("topic", line->topic));
		}
		return;
	}
	log_debug("the connection to APNs has ended", KV("topic", line->topic), KV("why", err.cause));
	if (err.kind == ERR_DENIED)
		line->halt = err;
	else if (asked && !line->heard)	/* it was opened, asked, and never answered: not at once again */
		broken(line, &err);
}

/* ---- the thread ---- */

static bool
wants_more(const struct line *line)
{
	return !line->queue && line->outcomes_n < PUSH_BATCH &&
	       apns_under_way(line->apns) <= APNS_STREAMS_MAX / 2 &&
	       (line->more || clock_ms() - line->looked >= LOOK_MS);
}

/* Looks for what is due, and connects only when there is something. */
static void
look(struct line *line, const struct conf *conf)
{
	struct err err;
	bool due;

	if (!wants_more(line))
		return;
	line->looked = clock_ms();
	line->more = false;
	if (!apns_is_open(line->apns) &&
	    (!push_is_due(line->pusher->db, line->topic, &due, &err) || !due || !connect_line(line, conf)))
		return;
	if (!take(line, conf, &err))
		log_err("pushes that are due", &err);
}

static void
step(struct line *line, const struct conf *conf)
{
	if (usable(line)) {
		if (!line->pusher->stopping)
			look(line, conf);
		if (line->queue && !apns_is_open(line->apns) && (line->pusher->stopping || !connect_line(line, conf)))
			give_up_queue(line);
		if (apns_is_open(line->apns)) {
			send_queue(line);
			run(line);
		}
	} else {
		apns_close(line->apns);
		give_up_queue(line);
	}
	if (line->halt.kind) {
		give_up_queue(line);
		halt(line);
	}
	record(line, line->pusher->stopping);
}

/* How long this line can wait, ms. */
static int64_t
patience(const struct line *line)
{
	int64_t look_in = line->more ? 0 : line->looked + LOOK_MS - clock_ms(), most = line->outcomes_n ? RECORD_MS : LOOK_MS;

	if (!usable(line))
		return most;
	if (line->queue)
		return apns_room(line->apns) ? 0 : most;
	if (line->outcomes_n >= PUSH_BATCH || apns_under_way(line->apns) > APNS_STREAMS_MAX / 2 || look_in > most)
		return most;
	return look_in > 0 ? look_in : 0;
}

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
		struct line *line = p->lines[i];

		if (apns_is_open(line->apns))
			apns_wants(line->apns, &fds[n++]);
		if ((left = patience(line)) < wait)
			wait = left;
	}
	if (poll(fds, n, (int)wait) > 0 && fds[0].revents && read(p->wake, &times, sizeof times) == sizeof times)
		for (size_t i = 0; i < p->lines_n; i++)
			p->lines[i]->looked = 0;
}

static bool
is_through(const struct pusher *p)
{
	for (size_t i = 0; i < p->lines_n; i++)
		if (p->lines[i]->outcomes_n || p->lines[i]->queue || apns_under_way(p->lines[i]->apns))
			return false;
	return true;
}

static void
finish(struct pusher *p)
{
	int64_t until = clock_ms() + STOP_MS;

	while (!is_through(p) && clock_ms() < until) {
		for (size_t i = 0; i < p->lines_n; i++)
			step(p->lines[i], p->conf(p->site));
		rest(p);
	}
	for (size_t i = 0; i < p->lines_n; i++) {	/* what is left is due again when its lease has ended */
		apns_close(p->lines[i]->apns);
		give_up_queue(p->lines[i]);
		record(p->lines[i], true);
	}
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
			step(p->lines[i], p->conf(p->site));
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
