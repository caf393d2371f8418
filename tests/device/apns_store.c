/* The fake APNs' mind: is a request right, what is answered, what is kept and for whom. */
#include "tests/device/apns_fake.h"
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include "core/clock.h"
#include "core/num.h"
#include "core/secret.h"

#define BUCKETS		(1u << 18)
#define TOKEN_MIN	64	/* hex digits */

/* ---- seats ---- */

static size_t
hash(const char *key)
{
	uint64_t h = 14695981039346656037u;

	for (; *key; key++)
		h = (h ^ (unsigned char)*key) * 1099511628211u;
	return h % BUCKETS;
}

struct seat *
fake_seat(struct fake *fake, const char *topic, const char *token, bool make)
{
	char key[900];
	struct seat **bucket, *seat;

	snprintf(key, sizeof key, "%.255s %.600s", topic, token);
	if (!fake->buckets)
		fake->buckets = mem_array(fake, struct seat *, BUCKETS);
	bucket = &fake->buckets[hash(key)];
	for (seat = *bucket; seat; seat = seat->next)
		if (strcmp(seat->key, key) == 0)
			return seat;
	if (!make || fake->seats >= FAKE_TOKENS_MAX)
		return NULL;
	seat = mem_size(fake->buckets, sizeof *seat + strlen(key) + 1);
	memset(seat, 0, sizeof *seat);
	memcpy(seat->key, key, strlen(key) + 1);
	seat->next = *bucket;
	*bucket = seat;
	fake->seats++;
	return seat;
}

static void
deliver(struct fake *fake, struct seat *seat)
{
	char line[1200];

	if (!seat->phone || !seat->magic)
		return;
	if (seat->expires <= clock_now()) {
		fake->expired++;
	} else {
		snprintf(line, sizeof line, "push %s %.256s\n", seat->key, seat->magic);
		fake_door_say(fake, seat->phone, line);
		fake->delivered++;
	}
	TALLOC_FREE(seat->magic);
}

void
fake_attach(struct fake *fake, struct door *phone, const char *topic, const char *token)
{
	struct seat *seat = fake_seat(fake, topic, token, true);

	if (!seat)
		return;
	seat->phone = phone;
	deliver(fake, seat);
}

void
fake_detach_all(struct fake *fake, struct door *phone)
{
	for (size_t i = 0; fake->buckets && i < BUCKETS; i++)
		for (struct seat *s = fake->buckets[i]; s; s = s->next)
			if (s->phone == phone)
				s->phone = NULL;
}

/* ---- judging ---- */

static bool PRINTF(3, 4)
wrong(struct fake *fake, struct ask *ask, const char *fmt, ...)
{
	char text[300];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	fake->wrong++;
	if (json_array_size(fake->wrongs) < FAKE_WRONGS_MAX)
		json_array_append_new(fake->wrongs, json_sprintf("%s %.80s: %s", ask->method, ask->path, text));
	return false;
}

static void
answer(struct ask *ask, int status, const char *reason, int64_t timestamp)
{
	ask->status = status;
	*ask->answer = '\0';
	if (status != 200 && timestamp)
		snprintf(ask->answer, sizeof ask->answer, "{\"reason\":\"%s\",\"timestamp\":%lld}", reason, (long long)timestamp);
	else if (status != 200)
		snprintf(ask->answer, sizeof ask->answer, "{\"reason\":\"%s\"}", reason);
}

static bool
no(struct fake *fake, struct ask *ask, int status, const char *reason, const char *why)
{
	answer(ask, status, reason, 0);
	return wrong(fake, ask, "%s: %s", reason, why);
}

static bool
lower_hex(const char *text)
{
	size_t len = strspn(text, "0123456789abcdef");

	return !text[len] && len >= TOKEN_MIN && len % 2 == 0;
}

static bool
is_uuid(const char *text)
{
	return strlen(text) == 36 && text[8] == '-' && text[13] == '-' && text[18] == '-' && text[23] == '-' &&
	       strspn(text, "0123456789abcdefABCDEF-") == 36;
}

/* *magic belongs to the caller (free). */
static bool
read_body(const struct ask *ask, char **magic)
{
	json_t *body = json_loadb(ask->body, ask->body_len, JSON_REJECT_DUPLICATES, NULL);
	const char *text = json_string_value(json_object_get(body, "mdm"));
	bool ok = text && *text && json_object_size(body) == 1;

	*magic = ok ? strdup(text) : NULL;
	json_decref(body);
	return ok;
}

/* The first thing that Apple would refuse.  Apple: Sending notification requests to APNs. */
static bool
right(struct fake *fake, struct ask *ask, const char **token, int64_t *expires, char **magic)
{
	struct err err;

	*token = strncmp(ask->path, "/3/device/", 10) == 0 ? ask->path + 10 : "";
	if (*ask->odd)
		return no(fake, ask, strcmp(ask->odd, "PayloadTooLarge") == 0 ? 413 : 400, ask->odd, "as it says");
	if (strcmp(ask->method, "POST") != 0)
		return no(fake, ask, 405, "MethodNotAllowed", ask->method);
	if (!**token)
		return no(fake, ask, 404, "BadPath", ask->path);
	if (!*ask->conn->topic)
		return no(fake, ask, 403, "MissingProviderToken", "no client certificate");
	if (!*ask->topic)
		return no(fake, ask, 400, "MissingTopic", "apns-topic");
	if (strcmp(ask->topic, ask->conn->topic) != 0)
		return no(fake, ask, 400, "TopicDisallowed", ask->topic);
	if (!lower_hex(*token))
		return no(fake, ask, 400, "BadDeviceToken", "the path is no lower-case hex");
	if (strcmp(ask->type, "mdm") != 0)
		return no(fake, ask, 400, "InvalidPushType", "apns-push-type");
	if (strcmp(ask->priority, "10") != 0)
		return no(fake, ask, 400, "BadPriority", "apns-priority");
	if (!num_parse(ask->expiration, 0, INT64_MAX, expires, &err))
		return no(fake, ask, 400, "BadExpirationDate", "apns-expiration");
	if (*ask->id && !is_uuid(ask->id))
		return no(fake, ask, 400, "BadMessageId", "apns-id");
	if (!ask->body_len)
		return no(fake, ask, 400, "PayloadEmpty", "no body");
	return read_body(ask, magic) || no(fake, ask, 400, "BadPayload", "the body is not exactly {\"mdm\": text}");
}

/* What it was told to answer; false: nothing, or 200. */
static bool
ruled(struct ask *ask, struct fake_rule *rule)
{
	if (!rule->status)
		return false;
	answer(ask, rule->status, rule->reason, rule->timestamp);
	if (rule->times && --rule->times == 0)
		rule->status = 0;
	return true;
}

static void
keep(struct fake *fake, struct seat *seat, const char *magic, int64_t expires)
{
	TALLOC_FREE(seat->magic);
	if (!expires && !seat->phone)
		return;		/* now or never */
	seat->magic = mem_text(seat, magic);
	seat->expires = expires ? expires : INT64_MAX;
	deliver(fake, seat);
}

static void
count_topic(struct fake *fake, const char *topic)
{
	json_t *n = json_object_get(fake->topics, topic);

	if (n)
		json_integer_set(n, json_integer_value(n) + 1);
	else if (json_object_size(fake->topics) < 100)
		json_object_set_new(fake->topics, topic, json_integer(1));
}

static void
take(struct fake *fake, struct ask *ask)
{
	struct seat *seat;
	const char *token;
	char *magic = NULL;
	int64_t expires;

	answer(ask, 200, "", 0);
	if (!right(fake, ask, &token, &expires, &magic))
		return;
	count_topic(fake, ask->topic);
	seat = fake->opts.fast ? NULL : fake_seat(fake, "*", token, false);
	if (!(seat && ruled(ask, &seat->rule)) && !ruled(ask, &fake->rule) && !fake->opts.fast &&
	    (seat = fake_seat(fake, ask->topic, token, true)))
		keep(fake, seat, magic, expires);
	free(magic);
}

void
fake_judge(struct fake *fake, struct ask *ask)
{
	fake->requests++;
	snprintf(ask->apns_id, sizeof ask->apns_id, "%.36s", is_uuid(ask->id) ? ask->id : "00000000-0000-0000-0000-000000000000");
	take(fake, ask);
	fake_keep(fake, ask);
}

/* ---- counts ---- */

json_t *
fake_counts(struct fake *fake)
{
	int64_t open = 0, kept = 0, online = 0;

	for (struct conn *c = fake->conns; c; c = c->next)
		open += c->ready;
	for (size_t i = 0; fake->buckets && i < BUCKETS; i++)
		for (struct seat *s = fake->buckets[i]; s; s = s->next) {
			kept += s->magic != NULL;
			online += s->phone != NULL;
		}
	return json_pack("{s:I, s:I, s:I, s:O, s:I, s:O, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:O, s:i}",
			 "connections", (json_int_t)fake->connections, "open", (json_int_t)open,
			 "requests", (json_int_t)fake->requests, "answers", fake->answers,
			 "wrong", (json_int_t)fake->wrong, "wrongs", fake->wrongs, "goaways", (json_int_t)fake->goaways,
			 "priority_frames", (json_int_t)fake->priorities, "pings", (json_int_t)fake->pings, "resets", (json_int_t)fake->resets,
			 "kept", (json_int_t)kept, "delivered", (json_int_t)fake->delivered,
			 "expired", (json_int_t)fake->expired, "online", (json_int_t)online, "topics", fake->topics,
			 "most_streams", fake->most_streams);
}

void
fake_reset(struct fake *fake)
{
	json_decref(fake->answers);
	json_decref(fake->wrongs);
	json_decref(fake->topics);
	fake->answers = json_object();
	fake->wrongs = json_array();
	fake->topics = json_object();
	fake->connections = fake->requests = fake->wrong = fake->goaways = fake->priorities = fake->pings = fake->resets = 0;
	fake->delivered = fake->expired = fake->slow_ms = fake->most_streams = 0;
	fake->streams = 1000;
	fake->rule.status = 0;
	fake->goaway = fake->close = fake->down = false;
	for (size_t i = 0; fake->buckets && i < BUCKETS; i++)
		for (struct seat *s = fake->buckets[i]; s; s = s->next)
			s->rule.status = 0;
}
