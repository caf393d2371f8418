/*
 * Commands for programs: to one device or many, what waits and what was, taken back and sent again.
 */
#include "core/num.h"
#include "mdm/queue_secret.h"
#include "web/commanding.h"
#include "web/rooms.h"
#include <stdlib.h>
#include <string.h>

#define MANY_BODY	"4096K"	/* COMMAND_DEVICES_MAX ids and a command of COMMAND_BYTES_MAX; no large one (EXCHANGE_LARGE) */
#define ANSWER_MAX	(COMMAND_DEVICES_MAX * 4096u)	/* of a line for each device, whatever it says */

static const char *
actor(struct req *req)
{
	return person_actor(req, req->person);
}

/* ---- to one ---- */

/* A property list says so by its type, or begins as one. */
static bool
is_plist(struct req *req)
{
	const char *type = req_header(req, "Content-Type"), *p = req->body.p;

	return (type && strstr(type, "plist")) || (req->body.len > 8 && (memcmp(p, "<?xml", 5) == 0 || memcmp(p, "bplist", 6) == 0));
}

static bool
read_wish(struct req *req, struct command_wish *wish, json_t **body, struct err *err)
{
	const char *reason = req_query(req, "reason");

	*body = NULL;
	if (!is_plist(req))
		return req_json(req, body, err) && command_wish_json(req, *body, wish, err);
	if (!command_wish_plist(req, req->body, wish, err))
		return false;
	wish->reason = reason ? reason : "";
	return true;
}

static bool
api_send(struct req *req, struct reply *reply, struct err *err)
{
	struct command_verdict verdict;
	struct command_wish wish;
	json_t *body;

	return whole_admin(req, err) && read_wish(req, &wish, &body, err) &&
	       command_one(req, &wish, req_param(req, "id"), &verdict, err) &&
	       reply_json(reply, 202, command_verdict_json(&verdict));
}

/* ---- to many ---- */

/* Of the body the list goes: as JSON it would take a hundred bytes for each device while they are asked. */
static bool
read_devices(struct req *req, json_t *body, const char *const **ids, size_t *n, struct err *err)
{
	const json_t *devices = json_object_get(body, "devices"), *v;
	struct mem_shelf shelf = { .ctx = req };
	const char **list, *id;
	size_t i;

	*n = json_array_size(devices);
	if (*n == 0 || *n > COMMAND_DEVICES_MAX)
		return err_set(err, ERR_INVALID, "devices must be a list of 1 to %d ids", COMMAND_DEVICES_MAX);
	list = mem_array(req, const char *, *n);
	json_array_foreach(devices, i, v) {
		if (!(id = json_string_value(v)))
			return err_set(err, ERR_INVALID, "devices: [%zu] is no id", i);
		list[i] = mem_shelve(&shelf, id);
	}
	json_object_del(body, "devices");
	*ids = list;
	return true;
}

/* One line of the answer at a time: of 100,000 at once the values would take ten times their text. */
static bool
write_verdicts(struct req *req, const char *uuid, const struct command_verdict *verdicts, size_t n, struct buf *out,
	       struct err *err)
{
	buf_init(out, req, ANSWER_MAX);
	buf_text(out, uuid ? mem_printf(req, "{\"uuid\":\"%s\",\"items\":[", uuid) : "{\"uuid\":null,\"items\":[");
	for (size_t i = 0; i < n; i++) {
		json_t *line = command_verdict_json(&verdicts[i]);
		char *text = json_dumps(line, JSON_COMPACT);

		buf_text(out, i ? "," : "");
		buf_text(out, text ? text : "null");
		free(text);
		json_decref(line);
	}
	buf_text(out, "]}");
	return buf_ok(out, err);
}

/* 202 when it waits for all of them, else 207: some have it, some not. */
static bool
api_send_many(struct req *req, struct reply *reply, struct err *err)
{
	struct command_verdict *verdicts;
	struct command_wish wish;
	const char *const *ids = NULL, *uuid = NULL;
	struct buf out;
	json_t *body;
	bool all = true;
	size_t n = 0;

	if (!whole_admin(req, err) || !req_json(req, &body, err) || !command_wish_json(req, body, &wish, err) ||
	    !read_devices(req, body, &ids, &n, err) || !command_many(req, &wish, ids, n, &verdicts, err))
		return false;
	for (size_t i = 0; i < n; i++) {
		uuid = uuid ? uuid : verdicts[i].uuid;
		all = all && (verdicts[i].uuid || strcmp(verdicts[i].verdict, "duplicate") == 0);
	}
	return write_verdicts(req, uuid, verdicts, n, &out, err) &&
	       reply_bytes(reply, all ? 202 : 207, "application/json", (struct bytes){ out.p, out.len });
}

/* ---- what waits, what was ---- */

/* What waits comes first, in its order; then what has ended, newest first, page by page. */
static bool
api_list(struct req *req, struct reply *reply, struct err *err)
{
	const char *id = req_param(req, "id"), *after = req_query(req, "after"), *part = req_query(req, "state");
	json_t *waiting = NULL, *ended = NULL, *device;

	if (!whole_admin(req, err) || !device_show(req->site->db, id, device_silent_s(req), &device, err))
		return false;
	json_decref(device);
	if (part && strcmp(part, "waiting") != 0 && strcmp(part, "ended") != 0)
		return err_set(err, ERR_INVALID, "state is waiting or ended, not \"%.40s\"", part);
	if (after && part && strcmp(part, "waiting") == 0)
		return err_set(err, ERR_INVALID, "what waits has no pages; after is for what has ended");
	if (!after && (!part || strcmp(part, "ended") != 0) && !queue_list(req->site->db, id, &waiting, err))
		return false;
	if (!(part && strcmp(part, "waiting") == 0) &&
	    !queue_history(req->site->db, id, after, query_limit(req, QUEUE_PAGE_MAX), &ended, err)) {
		json_decref(waiting);
		return false;
	}
	if (waiting && ended) {
		json_array_extend(json_object_get(waiting, "items"), json_object_get(ended, "items"));
		json_object_set(waiting, "next", json_object_get(ended, "next"));
		json_decref(ended);
	}
	return reply_json(reply, 200, waiting ? waiting : ended);
}

static bool
api_show(struct req *req, struct reply *reply, struct err *err)
{
	json_t *command;

	return whole_admin(req, err) && queue_show(req->site->db, req_param(req, "id"), req_param(req, "uuid"), &command, err) &&
	       reply_json(reply, 200, command);
}

/* An answer that is a secret: written down who asked for it. */
static bool
api_reveal(struct req *req, struct reply *reply, struct err *err)
{
	json_t *answer;

	return whole_admin(req, err) &&
	       queue_reveal(req->site->db, actor(req), req_param(req, "id"), req_param(req, "uuid"), &answer, err) &&
	       reply_json(reply, 200, json_pack("{s:o}", "answer", answer));
}

static bool
api_cancel(struct req *req, struct reply *reply, struct err *err)
{
	return whole_admin(req, err) &&
	       queue_cancel(req->site->db, actor(req), req_param(req, "id"), req_param(req, "uuid"), err) &&
	       reply_empty(reply, 204);
}

static bool
api_clear(struct req *req, struct reply *reply, struct err *err)
{
	json_t *device;
	int64_t n;

	if (!whole_admin(req, err) || !device_show(req->site->db, req_param(req, "id"), device_silent_s(req), &device, err))
		return false;
	json_decref(device);
	return queue_clear(req->site->db, actor(req), req_param(req, "id"), &n, err) &&
	       reply_json(reply, 200, json_pack("{s:I}", "cancelled", (json_int_t)n));
}

static bool
api_resend(struct req *req, struct reply *reply, struct err *err)
{
	return whole_admin(req, err) &&
	       queue_resend(req->site->db, actor(req), req_param(req, "id"), req_param(req, "uuid"), err) &&
	       reply_json(reply, 202, json_pack("{s:s}", "uuid", req_param(req, "uuid")));
}

const struct route command_routes[] = {
	{ POST,   "/api/v1/commands",                            WHO_ADMIN, MANY_BODY, ON_WORKER, api_send_many, NULL, "devices", "A command to devices[]: 202, or 207 with a verdict each" },
	{ POST,   "/api/v1/devices/:id/commands",                WHO_ADMIN, "1024K",  ON_WORKER, api_send,   NULL, "devices", "A command: {verb or request_type, params, dedupe_key, not_before, priority, reason}, or a property list" },
	{ GET,    "/api/v1/devices/:id/commands",                WHO_ADMIN, "0",   ON_WORKER, api_list,   NULL, "devices", "What waits, in order, and what was: ?state=waiting|ended &after= &limit=" },
	{ DELETE, "/api/v1/devices/:id/commands",                WHO_ADMIN, "0",   ON_WORKER, api_clear,  NULL, "devices", "Take back all that waits" },
	{ GET,    "/api/v1/devices/:id/commands/:uuid",          WHO_ADMIN, "0",   ON_WORKER, api_show,   NULL, "devices", "A command, and its answer" },
	{ POST,   "/api/v1/devices/:id/commands/:uuid/reveal",   WHO_ADMIN, "16K",   ON_WORKER, api_reveal, NULL, "devices", "Its answer where that is a secret; audited" },
	{ DELETE, "/api/v1/devices/:id/commands/:uuid",          WHO_ADMIN, "0",   ON_WORKER, api_cancel, NULL, "devices", "Take one back that waits" },
	{ POST,   "/api/v1/devices/:id/commands/:uuid/resend",   WHO_ADMIN, "16K",   ON_WORKER, api_resend, NULL, "devices", "Send one again" },
	{ 0 }
};
