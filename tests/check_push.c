#include "tests/check_push.h"
#include <stdio.h>
#include <unistd.h>
#include "core/buf.h"
#include "core/clock.h"
#include "core/num.h"

#define WAIT_MS	60000

static const struct conf *
conf_of(void *site)
{
	return site;
}

/* The worker uses the rest. */
static int
stop_first(struct push_house *p)
{
	TALLOC_FREE(p->pusher);
	return 0;
}

struct push_house *
push_house(TALLOC_CTX *ctx)
{
	struct push_house *p = mem_new(ctx, struct push_house);
	struct fake_opts opts = { 0 };
	struct conf *conf;
	struct err err;

	p->h = house(p);
	talloc_set_destructor(p, stop_first);
	p->db = p->h.db;
	assert_ok(sealer_new(p, (struct bytes){ "a master key of the tests", 25 }, &p->sealer, &err), &err);
	p->apns_dir = opts.dir = test_dir(p);
	p->apns = fake_open(p, &opts);
	assert_ok(conf_read(p, NULL, &conf, &err), &err);
	p->conf = *conf;
	p->conf.apns_url = fake_url(p->apns);
	p->conf.apns_ca_file = mem_printf(p, "%s/ca.pem", p->apns_dir);
	return p;
}

void
push_later(struct push_house *p, int64_t seconds)
{
	set_now(&p->h, clock_text(p, clock_now() + seconds));
}

struct bytes
push_token(TALLOC_CTX *ctx, int n)
{
	unsigned char *token = mem_size(ctx, TOKEN_SIZE);

	memset(token, 0xab, TOKEN_SIZE);
	token[0] = (unsigned char)(n >> 16);
	token[1] = (unsigned char)(n >> 8);
	token[2] = (unsigned char)n;
	return (struct bytes){ token, TOKEN_SIZE };
}

const char *
push_token_hex(TALLOC_CTX *ctx, int n)
{
	struct bytes token = push_token(ctx, n);
	struct buf hex;

	buf_init(&hex, ctx, 1000);
	buf_hex(&hex, token.p, token.len);
	return buf_str(&hex);
}

struct adding {
	struct push_house *p;
	const char *topic;
	int from, n;
};

static bool
tx_add(struct db *tx, void *arg, struct err *err)
{
	const struct adding *a = arg;
	void *ctx SCOPED(mem) = talloc_new(NULL);

	for (int i = a->from; i < a->from + a->n; i++) {
		const char *device = mem_printf(ctx, "d%d", i), *id = mem_printf(ctx, "e%d", i);

		if (!db_run(tx, err, "INSERT INTO device (id, udid, enrollment_id, seen, created, changed)"
			    " VALUES ($1, $2, $3, $4, $5, $6)", db_text(device), db_text(mem_printf(ctx, "UDID-%d", i)),
			    db_text(id), db_now(), db_now(), db_now()) ||
		    !db_run(tx, err, "INSERT INTO enrollment (id, device_id, session_id, state, identity, access_rights, topic,"
			    " push_magic, token, token_at, created, enrolled) VALUES ($1, $2, 's', 'enrolled', $3, 8191, $4, $5,"
			    " $6, $7, $8, $9)", db_text(id), db_text(device), db_text(mem_printf(ctx, "i%d", i)),
			    db_text(a->topic), db_text(mem_printf(ctx, "MAGIC-%d", i)), db_bytes(push_token(ctx, i)), db_now(),
			    db_now(), db_now()))
			return false;
	}
	return true;
}

static void
add(struct push_house *p, const char *topic, int n)
{
	struct adding a = { p, topic, p->devices, n };
	struct err err;

	assert_ok(db_tx(p->db, tx_add, &a, &err), &err);
	p->devices += n;
}

const char *
push_device(TALLOC_CTX *ctx, struct push_house *p, const char *topic)
{
	add(p, topic, 1);
	return mem_printf(ctx, "e%d", p->devices - 1);
}

void
push_devices(struct push_house *p, int n)
{
	add(p, TOPIC, n);
}

void
push_import_new(struct push_house *p, const char *topic)
{
	struct fake_cert cert = fake_cert(p, p->apns_dir, topic, NULL, 365);
	struct push_import import = {
		.file = { cert.cert_pem, strlen(cert.cert_pem) }, .key = { cert.key_pem, strlen(cert.key_pem) }, .new_topic = true,
	};
	struct err err;
	json_t *show;

	assert_ok(push_certificate_import(p->db, p->sealer, "test", &import, &show, &err), &err);
	json_decref(show);
	pusher_wake(p->pusher);
}

void
push_start(struct push_house *p)
{
	struct err err;

	assert_ok(pusher_start(p, p->db, p->sealer, conf_of, &p->conf, &p->pusher, &err), &err);
}

void
push_stop(struct push_house *p)
{
	TALLOC_FREE(p->pusher);
}

struct wish {
	const char *id;
};

static bool
tx_ask(struct db *tx, void *arg, struct err *err)
{
	const struct wish *w = arg;

	return push_ask(tx, w->id, clock_now(), "asked", err);
}

void
push_wants(struct push_house *p, const char *id)
{
	struct wish w = { id };
	struct err err;

	assert_ok(db_tx(p->db, tx_ask, &w, &err), &err);
	pusher_wake(p->pusher);
}

int64_t
push_number(struct push_house *p, const char *sql)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, p->db, sql);
	struct err err;

	assert_ok(rows_one(rows, &err, sql), &err);
	return rows_int(rows, 0);
}

const char *
push_say(struct push_house *p, const char *line)
{
	return fake_tell(p, p->apns_dir, line);
}

int64_t
push_counted(struct push_house *p, const char *name)
{
	json_t *counts = json_loads(push_say(p, "counts"), 0, NULL), *value = counts;
	char *path = mem_text(p, name), *state;
	int64_t n;

	assert_non_null(counts);
	for (char *word = strtok_r(path, ".", &state); word; word = strtok_r(NULL, ".", &state))
		value = json_object_get(value, word);
	n = json_integer_value(value);
	json_decref(counts);
	return n;
}

void
push_until_counted(struct push_house *p, const char *name, int64_t least)
{
	int64_t until = clock_ms() + WAIT_MS;

	while (push_counted(p, name) < least) {
		if (clock_ms() > until)
			fail_msg("%s stays below %lld: %s", name, (long long)least, push_say(p, "counts"));
		usleep(20000);
	}
}

void
push_until(struct push_house *p, const char *sql, int64_t is)
{
	int64_t until = clock_ms() + WAIT_MS;

	while (push_number(p, sql) != is) {
		if (clock_ms() > until)
			fail_msg("%s: %lld, not %lld", sql, (long long)push_number(p, sql), (long long)is);
		usleep(20000);
	}
}

void
push_until_due(struct push_house *p, int64_t rows)
{
	push_until(p, "SELECT count(*) FROM push_due", rows);
}

const char *
push_until_stuck(struct push_house *p)
{
	int64_t until = clock_ms() + WAIT_MS;
	const char *why = NULL;

	while (!why) {
		json_t *show = pusher_show(p->pusher);

		why = mem_text(p, json_string_value(json_object_get(show, "stuck")));
		json_decref(show);
		if (!why && clock_ms() > until)
			fail_msg("APNs is still thought to be there");
		usleep(20000);
	}
	return why;
}
