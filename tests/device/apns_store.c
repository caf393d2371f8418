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
apns_seat(struct apns *apns, const char *topic, const char *token, bool make)
{
	char key[900];
	struct seat **bucket, *seat;

	snprintf(key, sizeof key, "%.255s %.600s", topic, token);
	if (!apns->buckets)
		apns->buckets = mem_array(apns, struct seat *, BUCKETS);
	bucket = &apns->buckets[hash(key)];
	for (seat = *bucket; seat; seat = seat->next)
		if (strcmp(seat->key, key) == 0)
			return seat;
	if (!make || apns->seats >= APNS_TOKENS_MAX)
		return NULL;
	seat = mem_size(apns->buckets, sizeof *seat + strlen(key) + 1);
	memset(seat, 0, sizeof *seat);
	memcpy(seat->key, key, strlen(key) + 1);
	seat->next = *bucket;
	*bucket = seat;
	apns->seats++;
	return seat;
}

static void
deliver(struct apns *apns, struct seat *seat)
{
	char line[1200];

	if (!seat->phone || !seat->magic)
		return;
	if (seat->expires <= clock_now()) {
		apns->expired++;
	} else {
		snprintf(line, sizeof line, "push %s %.256s\n", seat->key, seat->magic);
		apns_door_say(apns, seat->phone, line);
		apns->delivered++;
	}
	TALLOC_FREE(seat->magic);
}

void
apns_attach(struct apns *apns, struct door *phone, const char *topic, const char *token)
{
	struct seat *seat = apns_seat(apns, topic, token, true);

	if (!seat)
		return;
	seat->phone = phone;
	deliver(apns, seat);
}

void
apns_detach_all(struct apns *apns, struct door *phone)
{
	for (size_t i = 0; apns->buckets && i < BUCKETS; i++)
		for (struct seat *s = apns->buckets[i]; s; s = s->next)
			if (s->phone == phone)
				s->phone = NULL;
}

/* ---- judging ---- */

static bool PRINTF(3, 4)
wrong(struct apns *apns, struct ask *ask, const char *fmt, ...)
{
	char text[300];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	apns->wrong++;
	if (json_array_size(apns->wrongs) < APNS_WRONGS_MAX)
		json_array_append_new(apns->wrongs, json_sprintf("%s %.80s: %s", ask->method, ask->path, text));
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
no(struct apns *apns, struct ask *ask, int status, const char *reason, const char *why)
{
	answer(ask, status, reason, 0);
	return wrong(apns, ask, "%s: %s", reason, why);
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

/* The first thing that Apple would refuse; protocol.md section 2. */
static bool
right(struct apns *apns, struct ask *ask, const char **token, int64_t *expires, char **magic)
{
	struct err err;

	*token = strncmp(ask->path, "/3/device/", 10) == 0 ? ask->path + 10 : "";
	if (*ask->odd)
		return no(apns, ask, strcmp(ask->odd, "PayloadTooLarge") == 0 ? 413 : 400, ask->odd, "as it says");
	if (strcmp(ask->method, "POST") != 0)
		return no(apns, ask, 405, "MethodNotAllowed", ask->method);
	if (!**token)
		return no(apns, ask, 404, "BadPath", ask->path);
	if (!*ask->conn->topic)
		return no(apns, ask, 403, "MissingProviderToken", "no client certificate");
	if (!*ask->topic)
		return no(apns, ask, 400, "MissingTopic", "apns-topic");
	if (strcmp(ask->topic, ask->conn->topic) != 0)
		return no(apns, ask, 400, "TopicDisallowed", ask->topic);
	if (!lower_hex(*token))
		return no(apns, ask, 400, "BadDeviceToken", "the path is no lower-case hex");
	if (strcmp(ask->type, "mdm") != 0)
		return no(apns, ask, 400, "InvalidPushType", "apns-push-type");
	if (strcmp(ask->priority, "10") != 0)
		return no(apns, ask, 400, "BadPriority", "apns-priority");
	if (!num_parse(ask->expiration, 0, INT64_MAX, expires, &err))
		return no(apns, ask, 400, "BadExpirationDate", "apns-expiration");
	if (*ask->id && !is_uuid(ask->id))
		return no(apns, ask, 400, "BadMessageId", "apns-id");
	if (!ask->body_len)
		return no(apns, ask, 400, "PayloadEmpty", "no body");
	return read_body(ask, magic) || no(apns, ask, 400, "BadPayload", "the body is not exactly {\"mdm\": text}");
}

/* What it was told to answer; false: nothing, or 200. */
static bool
ruled(struct ask *ask, struct apns_rule *rule)
{
	if (!rule->status)
		return false;
	answer(ask, rule->status, rule->reason, rule->timestamp);
	if (rule->times && --rule->times == 0)
		rule->status = 0;
	return true;
}

static void
keep(struct apns *apns, struct seat *seat, const char *magic, int64_t expires)
{
	TALLOC_FREE(seat->magic);
	if (!expires && !seat->phone)
		return;		/* now or never */
	seat->magic = mem_text(seat, magic);
	seat->expires = expires ? expires : INT64_MAX;
	deliver(apns, seat);
}

static void
count_topic(struct apns *apns, const char *topic)
{
	json_t *n = json_object_get(apns->topics, topic);

	if (n)
		json_integer_set(n, json_integer_value(n) + 1);
	else if (json_object_size(apns->topics) < 100)
		json_object_set_new(apns->topics, topic, json_integer(1));
}

void
apns_judge(struct apns *apns, struct ask *ask)
{
	struct seat *seat;
	const char *token;
	char *magic = NULL;
	int64_t expires;

	apns->requests++;
	snprintf(ask->apns_id, sizeof ask->apns_id, "%.36s", is_uuid(ask->id) ? ask->id : "00000000-0000-0000-0000-000000000000");
	answer(ask, 200, "", 0);
	if (!right(apns, ask, &token, &expires, &magic))
		return;
	count_topic(apns, ask->topic);
	seat = apns->opts.fast ? NULL : apns_seat(apns, "*", token, false);
	if (!(seat && ruled(ask, &seat->rule)) && !ruled(ask, &apns->rule) && !apns->opts.fast &&
	    (seat = apns_seat(apns, ask->topic, token, true)))
		keep(apns, seat, magic, expires);
	free(magic);
}

/* ---- counts ---- */

json_t *
apns_counts(struct apns *apns)
{
	int64_t open = 0, kept = 0, online = 0;

	for (struct conn *c = apns->conns; c; c = c->next)
		open += c->ready;
	for (size_t i = 0; apns->buckets && i < BUCKETS; i++)
		for (struct seat *s = apns->buckets[i]; s; s = s->next) {
			kept += s->magic != NULL;
			online += s->phone != NULL;
		}
	return json_pack("{s:I, s:I, s:I, s:O, s:I, s:O, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:O, s:i}",
			 "connections", (json_int_t)apns->connections, "open", (json_int_t)open,
			 "requests", (json_int_t)apns->requests, "answers", apns->answers,
			 "wrong", (json_int_t)apns->wrong, "wrongs", apns->wrongs, "goaways", (json_int_t)apns->goaways,
			 "priority_frames", (json_int_t)apns->priorities, "pings", (json_int_t)apns->pings, "resets", (json_int_t)apns->resets,
			 "kept", (json_int_t)kept, "delivered", (json_int_t)apns->delivered,
			 "expired", (json_int_t)apns->expired, "online", (json_int_t)online, "topics", apns->topics,
			 "most_streams", apns->most_streams);
}

void
apns_reset(struct apns *apns)
{
	json_decref(apns->answers);
	json_decref(apns->wrongs);
	json_decref(apns->topics);
	apns->answers = json_object();
	apns->wrongs = json_array();
	apns->topics = json_object();
	apns->connections = apns->requests = apns->wrong = apns->goaways = apns->priorities = apns->pings = apns->resets = 0;
	apns->delivered = apns->expired = apns->slow_ms = apns->most_streams = 0;
	apns->streams = 1000;
	apns->rule.status = 0;
	apns->goaway = apns->close = apns->down = false;
	for (size_t i = 0; apns->buckets && i < BUCKETS; i++)
		for (struct seat *s = apns->buckets[i]; s; s = s->next)
			s->rule.status = 0;
}
