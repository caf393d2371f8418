/*
 * What an enrolled phone says: check-in messages and the loop of commands.  Apple: Check-in.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "core/buf.h"
#include "tests/device/message.h"
#include "tests/device/world.h"

#define CHECKIN	"application/x-apple-aspen-mdm-checkin"
#define COMMAND	"application/x-apple-aspen-mdm; charset=UTF-8"
#define HEADER_MAX (64u << 10)
#define SESSION_MAX 2000	/* commands in one connection: more is a loop */

/* ---- proof ---- */

static const char *
header_of(TALLOC_CTX *ctx, const struct handset *h, struct bytes body)
{
	struct bytes der;
	struct buf out;

	buf_init(&out, ctx, HEADER_MAX);
	switch (h->proof) {
	case PROOF_SIGNATURE:
		der = message_signature(ctx, h->cert, h->key, body);
		buf_text(&out, "Mdm-Signature: ");
		buf_base64(&out, der.p, der.len);
		return out.p;
	case PROOF_CLIENT_CERT:
		der = message_der(ctx, h->cert);
		buf_text(&out, "Client-Cert: :");
		buf_base64(&out, der.p, der.len);
		buf_text(&out, ":");
		return out.p;
	case PROOF_ESCAPED: {
		struct buf base64;

		der = message_der(ctx, h->cert);
		buf_init(&base64, ctx, HEADER_MAX);
		buf_base64(&base64, der.p, der.len);
		buf_text(&out, "Client-Cert: -----BEGIN%20CERTIFICATE-----%0A");
		for (size_t i = 0; i < base64.len; i += 64) {
			buf_url(&out, base64.p + i, base64.len - i < 64 ? base64.len - i : 64);
			buf_text(&out, "%0A");
		}
		buf_text(&out, "-----END%20CERTIFICATE-----%0A");
		return out.p;
	}
	default:
		return NULL;
	}
}

struct http_conn *
talk_open(TALLOC_CTX *ctx, struct world *world, const struct handset *h)
{
	struct http_conn *conn = http_open(ctx, h->proof == PROOF_TLS ? &world->tls_way : &world->way);

	if (h->proof == PROOF_TLS)
		http_identity(conn, h->cert, h->key);
	return conn;
}

bool
talk(TALLOC_CTX *ctx, struct http_conn *conn, const struct handset *h, const char *url, const char *type, plist_t message,
     enum http_fault fault, struct http_answer *ret)
{
	struct bytes body = tree_xml(ctx, message);
	struct http_request request = { .method = "PUT", .url = url, .agent = "MDM/1.0", .type = type,
					.headers = { header_of(ctx, h, body) }, .body = body, .fault = fault };

	return http_send(ctx, conn, &request, ret);
}

/* ---- the end of it ---- */

/* com.apple.unrecognized.device is heard from iOS 17 on. */
bool
told_to_leave(TALLOC_CTX *ctx, const struct handset *h, const struct http_answer *answer)
{
	const char *version = tree_text(tree_at(h->state, "Device", PLIST_DICT), "OSVersion");
	SCOPED(mem) char *text = NULL;
	json_t *body;
	const char *code;
	bool ret;

	if (answer->status == 401)
		return true;
	if (answer->status != 403 || !answer->body.len || (version && strtol(version, NULL, 10) < 17))
		return false;
	text = mem_textn(ctx, answer->body.p, answer->body.len);
	body = json_loads(text, 0, NULL);
	code = json_string_value(json_object_get(body, "code"));
	ret = code && strcmp(code, "com.apple.unrecognized.device") == 0;
	json_decref(body);
	return ret;
}

/* What management brought goes with it. */
void
leave(struct world *world, struct handset *h, const char *why)
{
	plist_t list = tree_at(h->state, "Mobileconfigs", PLIST_ARRAY), apps = tree_at(h->state, "Apps", PLIST_ARRAY);

	handset_set_state(h, "removed");
	remove_mobileconfig(h, tree_text(handset_enrollment(h), "Identifier"));
	for (uint32_t i = plist_array_get_size(list); i-- > 0; )
		if (tree_bool(plist_array_get_item(list, i), "IsManaged"))
			remove_mobileconfig(h, tree_text(plist_array_get_item(list, i), "PayloadIdentifier"));
	for (uint32_t i = plist_array_get_size(apps); i-- > 0; )
		if (tree_int(plist_array_get_item(apps, i), "ManagementFlags", 0) & 1)
			plist_array_remove_item(apps, i);
	ledger(world, h, "state removed %s", why);
}

/* ---- check-in ---- */

static plist_t
message_of(TALLOC_CTX *ctx, const struct handset *h, const char *type)
{
	plist_t message = tree_new(ctx);

	tree_put_text(message, "MessageType", type);
	tree_copy(message, "Topic", handset_enrollment(h));
	tree_put_text(message, "UDID", h->udid);
	return message;
}

static const char *
check_in_url(const struct handset *h)
{
	const char *url = tree_text(handset_enrollment(h), "CheckInURL");

	return url ? url : tree_text(handset_enrollment(h), "ServerURL");
}

/* 200, or a refusal. */
static void
say(TALLOC_CTX *ctx, struct world *world, struct handset *h, struct http_conn *conn, plist_t message)
{
	const char *type = tree_text(message, "MessageType");
	struct http_answer answer;
	bool there;

	keep(world, mem_printf(ctx, "checkin:%s", type), tree_xml(ctx, message));
	there = talk(ctx, conn, h, check_in_url(h), CHECKIN, message,
		     chance(world->habits.deaf) ? HTTP_DEAF : chance(world->habits.half) ? HTTP_HALF : HTTP_FINE, &answer);
	ledger(world, h, "http %s %ld", type, there ? answer.status : 0);
	if (!there)
		refuse("%s is not answered: %s", type, answer.type);
	if (told_to_leave(ctx, h, &answer))
		leave(world, h, type);
	if (answer.status != 200)
		refuse("%s is answered %ld", type, answer.status);
}

void
token_update(TALLOC_CTX *ctx, struct world *world, struct handset *h, struct http_conn *conn)
{
	plist_t enrollment = handset_enrollment(h), update = message_of(ctx, h, "TokenUpdate");

	tree_copy(update, "Token", enrollment);
	tree_copy(update, "PushMagic", enrollment);
	if (!tree_bool(enrollment, "UnlockTokenTold"))
		tree_copy(update, "UnlockToken", enrollment);
	tree_put_bool(update, "AwaitingConfiguration", false);
	say(ctx, world, h, conn, update);
	tree_put_bool(enrollment, "UnlockTokenTold", true);
}

void
check_in(TALLOC_CTX *ctx, struct world *world, struct handset *h)
{
	static const char *const said[] = { "OSVersion", "BuildVersion", "ProductName", "SerialNumber", "IMEI", "MEID" };
	struct http_conn *conn = talk_open(ctx, world, h);
	plist_t message = message_of(ctx, h, "Authenticate"), device = tree_at(h->state, "Device", PLIST_DICT);

	for (size_t i = 0; i < sizeof said / sizeof *said; i++)
		tree_copy(message, said[i], device);
	say(ctx, world, h, conn, message);
	token_update(ctx, world, h, conn);
	handset_set_state(h, "enrolled");
}

/* A single attempt, whatever comes of it. */
void
check_out(TALLOC_CTX *ctx, struct world *world, struct handset *h, const char *why)
{
	struct http_answer answer;
	plist_t message = message_of(ctx, h, "CheckOut");
	bool there;

	if (tree_bool(handset_enrollment(h), "CheckOutWhenRemoved")) {
		keep(world, "checkin:CheckOut", tree_xml(ctx, message));
		there = talk(ctx, talk_open(ctx, world, h), h, check_in_url(h), CHECKIN, message, HTTP_FINE, &answer);
		ledger(world, h, "http CheckOut %ld", there ? answer.status : 0);
	}
	leave(world, h, why);
}

/* ---- the loop ---- */

struct loop {
	TALLOC_CTX *ctx;
	struct world *world;
	struct handset *h;
	struct http_conn *conn;
	const char *uuid, *type;	/* of the command in hand; NULL: none */
	const char *status;		/* the last that was reported */
};

static enum http_fault
fault_of(const struct habits *habits)
{
	return chance(habits->unsent) ? HTTP_UNSENT : chance(habits->half) ? HTTP_HALF :
	       chance(habits->deaf) ? HTTP_DEAF : HTTP_FINE;
}

/* Reports, and has the next command in `ret`; NULL: none.  False: the connection is over. */
static bool
report(struct loop *l, plist_t message, plist_t *ret)
{
	struct http_answer answer;
	bool there;

	keep(l->world, mem_printf(l->ctx, "response:%s", l->type ? l->type : "Idle"), tree_xml(l->ctx, message));
	there = talk(l->ctx, l->conn, l->h, tree_text(handset_enrollment(l->h), "ServerURL"), COMMAND, message,
		     fault_of(&l->world->habits), &answer);
	if (!there)
		ledger(l->world, l->h, "unanswered %s", answer.type);
	if (l->uuid)
		ledger(l->world, l->h, "said %s %s %ld", l->uuid, l->status, there ? answer.status : 0);
	else
		ledger(l->world, l->h, "http Idle %ld", there ? answer.status : 0);
	if (!there)
		return false;
	if (told_to_leave(l->ctx, l->h, &answer))
		leave(l->world, l->h, "told to");
	if (answer.status != 200)
		return false;
	*ret = answer.body.len ? tree_read(l->ctx, answer.body, PLIST_DICT, "a command") : NULL;
	if (*ret) {
		plist_t command = tree_must(*ret, "Command", PLIST_DICT, "a command");

		keep(l->world, mem_printf(l->ctx, "command:%s", tree_must_text(command, "RequestType", "a command")),
		     answer.body);
	}
	return true;
}

static void
add_chain(plist_t answer, const char *domain, int64_t code, const char *text)
{
	plist_t chain = tree_put_new(answer, "ErrorChain", PLIST_ARRAY), one = plist_new_dict();

	tree_put_int(one, "ErrorCode", code);
	tree_put_text(one, "ErrorDomain", domain);
	tree_put_text(one, "LocalizedDescription", text);
	tree_put_text(one, "USEnglishDescription", text);
	plist_array_append_item(chain, one);
}

void
job_fail(struct job *job, const char *domain, int64_t code, const char *text)
{
	job->status = "Error";
	add_chain(job->answer, domain, code, text);
}

static void
execute(struct job *job, const char *type)
{
	struct attempt a;

	if (chance(job->world->habits.not_now)) {
		job->status = "NotNow";
	} else if (chance(job->world->habits.error)) {
		job_fail(job, "MCMDMErrorDomain", 12000, "The phone is not in the mood.");
	} else if (attempt(&a)) {
		command_run(job, type);
		attempt_end(&a);
	} else {
		attempt_end(&a);
		ledger(job->world, job->h, "refused %s", a.why);
		job_fail(job, "MCInstallationErrorDomain", 4001, a.why);
	}
}

static plist_t
answer_to(struct loop *l, plist_t message)
{
	struct job job = { l->ctx, l->world, l->h, tree_must(message, "Command", PLIST_DICT, "a command"),
			   tree_new(l->ctx), "Acknowledged" };

	l->uuid = tree_must_text(message, "CommandUUID", "a command");
	l->type = tree_must_text(job.command, "RequestType", "a command");
	ledger(l->world, l->h, "got %s %s", l->uuid, l->type);
	execute(&job, l->type);
	tree_put_text(job.answer, "UDID", l->h->udid);
	tree_put_text(job.answer, "CommandUUID", l->uuid);
	tree_put_text(job.answer, "Status", job.status);
	l->status = job.status;
	handset_save(l->h);
	ledger(l->world, l->h, "says %s %s %s", l->uuid, l->status, l->type);
	return job.answer;
}

static enum came
loop(struct loop *l)
{
	plist_t idle = tree_new(l->ctx), command = NULL;

	tree_put_text(idle, "UDID", l->h->udid);
	tree_put_text(idle, "Status", "Idle");
	if (!report(l, idle, &command))
		return handset_is(l->h, "removed") ? CAME_LEFT : CAME_FAILED;
	for (int i = 0; command; i++) {
		plist_t answer;

		if (i == SESSION_MAX)
			refuse("the server has no end of commands");
		if (chance(l->world->habits.dead))
			return CAME_FAILED;
		answer = answer_to(l, command);
		/* A renewed identity speaks through a connection of its own. */
		if (strcmp(l->type, "InstallProfile") == 0) {
			talloc_free(l->conn);
			l->conn = talk_open(l->ctx, l->world, l->h);
		}
		if (handset_is(l->h, "removed"))
			return CAME_LEFT;
		if (!report(l, answer, &command))
			return handset_is(l->h, "removed") ? CAME_LEFT : CAME_FAILED;
		if (strcmp(l->type, "EraseDevice") == 0 && strcmp(l->status, "Acknowledged") == 0) {
			leave(l->world, l->h, "erased");
			return CAME_LEFT;
		}
	}
	if (tree_bool(l->h->state, "DeclarativeDue"))
		declarative_sync(l->ctx, l->world, l->h, l->conn);
	return l->status && strcmp(l->status, "NotNow") == 0 ? CAME_NOT_NOW : CAME_DONE;
}

enum came
session(TALLOC_CTX *ctx, struct world *world, struct handset *h)
{
	struct loop *l = mem_new(ctx, struct loop);
	struct attempt a;
	enum came ret;

	*l = (struct loop){ .ctx = ctx, .world = world, .h = h, .conn = talk_open(ctx, world, h) };
	if (attempt(&a)) {
		launches(world, h);
		ret = loop(l);
	} else {
		ledger(world, h, "refused %s", a.why);
		ret = CAME_FAILED;
	}
	attempt_end(&a);
	handset_save(h);
	return ret;
}
