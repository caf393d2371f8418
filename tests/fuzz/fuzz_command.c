/*
 * Commands from outside, as JSON or as a property list: what is taken is a property list that is read again as the
 * same command; what is not, says why.
 */
#include <assert.h>
#include <string.h>
#include "mdm/command_send.h"
#include "tests/fuzz/fuzz.h"

static void
check(TALLOC_CTX *ctx, const struct command_wish *wish)
{
	const char *request_type;
	struct bytes payload;
	struct err err = { 0 };
	json_t *params;

	if (!wish->request_type)
		return;
	if (!command_write(ctx, wish->request_type, wish->params, &payload, &err)) {
		assert(err.kind != ERR_NONE && err.kind != ERR_INTERNAL && *err.cause);
		return;
	}
	if (!command_read(ctx, payload, &request_type, &params, &err))
		return;	/* a key of no letters, or more than a property list may hold: the queue refuses it too */
	assert(strcmp(request_type, wish->request_type) == 0);
	json_decref(params);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct command_wish wish;
	struct err err = { 0 };
	json_t *body;

	if (command_wish_plist(ctx, (struct bytes){ p, len }, &wish, &err))
		check(ctx, &wish);
	body = json_loadb((const char *)p, len, JSON_REJECT_DUPLICATES, NULL);
	if (body && command_wish_json(ctx, body, &wish, &err))
		check(ctx, &wish);
	json_decref(body);
	return 0;
}
