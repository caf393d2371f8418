/*
 * A batch of rows is taken, queued, sent and recorded.  Its memory goes with the last of its outcomes: several
 * may be under way at a time, but only one has rows that wait to be sent.
 */
#include "mdm/push_line.h"
#include "core/clock.h"
#include "core/count.h"
#include "core/lane.h"
#include "core/log.h"
#include <assert.h>
#include <string.h>

#define LOOK_MS		1000	/* how often it looks for what is due */
#define RECORD_MS	100	/* outcomes wait no longer for others to share their transaction */
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

struct push_line {
	struct push_yard yard;
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

/* ---- answers ---- */

static const enum count counts[] = {
	[APNS_TAKEN] = COUNT_PUSHES_TAKEN, [APNS_DROP_TOKEN] = COUNT_PUSHES_TOKEN, [APNS_GONE] = COUNT_PUSHES_GONE,
	[APNS_LATER] = COUNT_PUSHES_LATER, [APNS_RETRY] = COUNT_PUSHES_RETRY, [APNS_HALT] = COUNT_PUSHES_HALTED,
	[APNS_BUG] = COUNT_PUSHES_BUG, [APNS_UNSENT] = COUNT_PUSHES_UNSENT,
};

static void
add_outcome(struct push_line *line, const struct ticket *ticket, const struct apns_answer *answer)
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
	struct push_line *line = arg;
	const struct ticket *ticket = tag;

	count_add(counts[answer->todo], 1);
	if (answer->todo != APNS_UNSENT) {
		line->yard.answered(line->yard.arg, ticket->row, answer);
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
record(struct push_line *line, bool now)
{
	struct err err;

	if (!line->outcomes_n || (!now && line->outcomes_n < PUSH_BATCH / 2 && apns_under_way(line->apns) &&
				  clock_ms() - line->outcomes_since < RECORD_MS))
		return;
	if (!push_record(line->yard.db, line->outcomes, line->outcomes_n, &err)) {
		log_err("what became of pushes cannot be recorded", &err);
		line->outcomes_since = clock_ms();
		return;
	}
	for (size_t i = 0; i < line->outcomes_n; i++)
		if (++line->outcome_of[i]->recorded == line->outcome_of[i]->n)
			talloc_free(line->outcome_of[i]);
	line->outcomes_n = 0;
}

/* ---- taking and sending ---- */

/* How many of those for many devices may go: apns.per_second, gathered for a second at most. */
static size_t
wave(struct push_line *line, const struct conf *conf)
{
	int64_t now = clock_ms();

	line->wave += (double)(now - line->wave_at) * (double)conf->apns_per_second / 1000.0;
	line->wave_at = now;
	if (line->wave > (double)conf->apns_per_second)
		line->wave = (double)conf->apns_per_second;
	return (size_t)line->wave;
}

static bool
take(struct push_line *line, const struct conf *conf, struct err *err)
{
	struct batch *batch = mem_new(line, struct batch);
	struct push_row *rows;
	size_t bulk;

	if (!push_take(batch, line->yard.db, line->topic, PUSH_BATCH, wave(line, conf), &rows, &batch->n, &bulk, err)) {
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
give_up_queue(struct push_line *line)
{
	static const struct apns_answer unsent = { .todo = APNS_UNSENT };

	while (line->queue && line->queue->sent < line->queue->n)
		add_outcome(line, &line->queue->tickets[line->queue->sent++], &unsent);
	line->queue = NULL;
}

static void
send_queue(struct push_line *line)
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
broken(struct push_line *line, const struct err *err)
{
	char text[sizeof err->path + sizeof err->cause + 2];

	if (lane_broken(&line->lane, clock_ms(), err_text(err, text, sizeof text)) == LANE_PAUSE_MIN_MS)
		log_err("APNs cannot be reached; it is tried again and again", err, KV("topic", line->topic));
}

static bool
connect_line(struct push_line *line, const struct conf *conf)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	char why[sizeof line->lane.why];
	bool own = *conf->apns_url;
	struct apns_where where = {
		own ? conf->apns_url : mem_printf(ctx, "https://api.push.apple.com:%lld", (long long)conf->apns_port),
		conf->apns_ca_file, conf->egress_allow, own,
	};
	struct err err = { 0 };

	if (lane_enter(&line->lane, clock_ms(), why, sizeof why) > 0)
		return false;
	if (apns_open(line->apns, &where, line->identity->cert, line->identity->key,
		      line->yard.stopping, &err)) {
		count_add(COUNT_APNS_CONNECTIONS, 1);
		line->troubles = 0;
		line->heard = 0;
		return true;
	}
	if (*line->yard.stopping || err.kind == ERR_DENIED)
		lane_untried(&line->lane);
	else
		broken(line, &err);
	if (err.kind == ERR_DENIED)
		line->halt = err;
	return false;
}

/* Reads and writes; what an ended connection leaves behind has been answered as unsent. */
static void
run(struct push_line *line)
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

/* The whole topic stands still until an admin has seen to it. */
static void
halt(struct push_line *line)
{
	struct err err;

	log_error("APNs refuses the push certificate; no device can be reached until it is replaced or resumed",
		  KV("topic", line->topic), KV("reason", line->halt.cause));
	if (line->identity && !push_certificate_halt(line->yard.db, line->identity->id, line->halt.cause, &err))
		log_err("that pushes are halted cannot be recorded", &err);
	line->identity = NULL;	/* until the certificates are read again */
	line->halt.kind = ERR_NONE;
	apns_close(line->apns);
}

static bool
usable(const struct push_line *line)
{
	return line->identity && !*line->identity->halted && line->identity->not_after > clock_now();
}

static bool
wants_more(const struct push_line *line)
{
	return !line->queue && line->outcomes_n < PUSH_BATCH &&
	       apns_under_way(line->apns) <= APNS_STREAMS_MAX / 2 &&
	       (line->more || clock_ms() - line->looked >= LOOK_MS);
}

/* Looks for what is due, and connects only when there is something. */
static void
look(struct push_line *line, const struct conf *conf)
{
	struct err err;
	bool due;

	if (!wants_more(line))
		return;
	line->looked = clock_ms();
	line->more = false;
	if (!apns_is_open(line->apns) &&
	    (!push_is_due(line->yard.db, line->topic, &due, &err) || !due || !connect_line(line, conf)))
		return;
	if (!take(line, conf, &err))
		log_err("pushes that are due", &err);
}

void
push_line_step(struct push_line *line, const struct conf *conf)
{
	if (usable(line)) {
		if (!*line->yard.stopping)
			look(line, conf);
		if (line->queue && !apns_is_open(line->apns) && (*line->yard.stopping || !connect_line(line, conf)))
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
	record(line, *line->yard.stopping);
}

int64_t
push_line_patience(const struct push_line *line)
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

/* ---- for the thread ---- */

struct push_line *
push_line_new(TALLOC_CTX *ctx, const struct push_yard *yard, const char *topic)
{
	struct push_line *line = mem_new(ctx, struct push_line);

	line->yard = *yard;
	line->topic = mem_text(line, topic);
	line->apns = apns_new(line, topic, answered, line);
	line->wave_at = clock_ms();
	lane_init(&line->lane, "apns");
	return line;
}

const char *
push_line_topic(const struct push_line *line)
{
	return line->topic;
}

void
push_line_use(struct push_line *line, const struct push_identity *identity)
{
	apns_close(line->apns);
	line->identity = identity;
	line->halt.kind = ERR_NONE;
	lane_works(&line->lane);
	line->looked = 0;
}

bool
push_line_wants(const struct push_line *line, struct pollfd *ret)
{
	if (!apns_is_open(line->apns))
		return false;
	apns_wants(line->apns, ret);
	return true;
}

void
push_line_hurry(struct push_line *line)
{
	line->looked = 0;
}

bool
push_line_is_through(const struct push_line *line)
{
	return !line->outcomes_n && !line->queue && !apns_under_way(line->apns);
}

void
push_line_end(struct push_line *line)
{
	apns_close(line->apns);
	give_up_queue(line);
	record(line, true);
}

bool
push_line_is_stuck(struct push_line *line, char *why, size_t size)
{
	return line->identity && lane_is_broken(&line->lane, why, size);
}
