/* The fake APNs' papers of what it was sent and what it said, for judge.py, which knows nothing of how it judges. */
#include "tests/device/apns_fake.h"
#include <time.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "core/file.h"
#include "tests/device/phone.h"

#define KEEP_MAX 500

static json_t *
headers(const struct ask *ask)
{
	const struct { const char *name, *value; } table[] = {
		{ "apns-topic", ask->topic }, { "apns-push-type", ask->type }, { "apns-priority", ask->priority },
		{ "apns-expiration", ask->expiration }, { "apns-id", ask->id },
	};
	json_t *all = json_object();

	for (size_t i = 0; i < sizeof table / sizeof *table; i++)
		if (*table[i].value)
			json_object_set_new(all, table[i].name, json_string(table[i].value));
	return all;
}

/* Named as the phones name what they keep: by schema and time. */
void
fake_keep(struct fake *fake, const struct ask *ask)
{
	SCOPED(mem) void *ctx = talloc_new(NULL);
	json_t *paper;
	struct timespec now;
	struct err err;
	const char *path;
	char *text;

	if (!fake->opts.keep || fake->papers >= KEEP_MAX)
		return;
	paper = json_pack("{s:s, s:s, s:s, s:o, s:s, s:s%, s:i, s:s, s:s}", "method", ask->method, "path", ask->path,
			  "certificate", ask->conn->topic, "headers", headers(ask), "odd", ask->odd, "body", ask->body,
			  ask->body_len, "status", ask->status, "answer_id", ask->apns_id, "answer", ask->answer);
	if (!paper)
		phone_die("a push that is no text");
	text = json_dumps(paper, JSON_INDENT(1));
	json_decref(paper);
	clock_gettime(CLOCK_REALTIME, &now);
	path = mem_printf(ctx, "%s/apns.%lld%09ld.%ld-%d", fake->opts.keep, (long long)now.tv_sec, now.tv_nsec,
			  (long)getpid(), fake->papers++);
	if (!file_write(path, 0600, (struct bytes){ text, strlen(text) }, &err))
		phone_die("%s: %s", path, err.cause);
	free(text);
}
