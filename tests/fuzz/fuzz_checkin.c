/*
 * What devices say at both URLs, as XML or binary: tried as a check-in and as a report, since a device may send
 * either to either, and what is taken is answered.
 */
#include <assert.h>
#include <string.h>
#include "core/pack.h"
#include "mdm/checkin.h"
#include "mdm/report.h"
#include "tests/fuzz/fuzz.h"

static void
is_refusal(const struct err *err)
{
	assert(err->kind == ERR_INVALID || err->kind == ERR_MALFORMED || err->kind == ERR_LIMIT);
}

static void
as_checkin(TALLOC_CTX *ctx, struct bytes body)
{
	struct checkin_answer answer;
	struct err err = { 0 };
	struct checkin *c;

	if (!checkin_read(ctx, body, &c, &err)) {
		is_refusal(&err);
		return;
	}
	assert(*c->who.udid && c->type < CHECKIN_TYPES_N);
	if (c->type == CHECKIN_TOKEN_UPDATE && !c->who.user_id)
		assert(c->token.len >= CHECKIN_TOKEN_MIN && *c->push_magic);
	if (!checkin_answer(ctx, c, c->bootstrap_token, &answer, &err)) {
		is_refusal(&err);
		return;
	}
	assert(answer.status == 200 || answer.status == 404 || answer.status == 410);
	if (answer.body.len && strcmp(answer.type, "application/xml") == 0) {
		SCOPED(plist) plist_t plist = NULL;

		assert(plist_open(answer.body, PLIST_BYTES_MAX, &plist, &err));
	}
}

static void
as_report(TALLOC_CTX *ctx, struct bytes body)
{
	struct bytes packed, plain;
	struct err err = { 0 };
	struct report *r;

	if (!report_read(ctx, body, &r, &err)) {
		const char *uuid = report_uuid_of(ctx, body);

		is_refusal(&err);
		assert(!uuid || (*uuid && strlen(uuid) <= 128 && !strchr(uuid, '<')));
		return;
	}
	assert(*r->status && *r->who.udid && strlen(r->error) <= REPORT_ERROR_MAX);
	assert(!r->uuid == (strcmp(r->status, "Idle") == 0));
	packed = pack(ctx, body);
	assert(unpack(ctx, packed, PLIST_BYTES_MAX, &plain, &err));
	assert(plain.len == body.len && memcmp(plain.p, body.p, body.len) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	TALLOC_CTX *ctx = talloc_new(NULL);
	struct bytes body = { p, len }, plain;
	struct err err = { 0 };

	as_checkin(ctx, body);
	as_report(ctx, body);
	if (!unpack(ctx, body, 1 << 16, &plain, &err))	/* what a damaged row would be */
		assert(err.kind == ERR_INVALID || err.kind == ERR_LIMIT);
	talloc_free(ctx);
	return 0;
}
