/* What waits for a device and what became of the rest, in people's words; and the answers as they came. */
#include "core/clock.h"
#include "core/json.h"
#include "mdm/queue.h"
#include "mdm/verb.h"
#include "web/device_history.h"
#include "web/rooms.h"
#include <stdlib.h>
#include <string.h>

#define HISTORY_SHOWN	20
#define ANSWER_SHOWN	8192		/* bytes of JSON of one answer; longer ones have an address of their own */
#define ANSWER_URL	"/api/v1/devices/%s/commands/%s"
#define REVEALED_SHOWN	(256u << 10)	/* of one that was opened, which has none */

static const char *
word(struct req *req, const char *key)
{
	return pages_word(req->site->pages, req->language, key);
}

static const char *
command_title(struct req *req, const char *request_type)
{
	const char *title = word(req, mem_printf(req, "cmd_%s", request_type));

	return title ? title : request_type;
}

static const char *
by_text(struct req *req, const json_t *command)
{
	const char *by = text_of(command, "created_by");

	return strncmp(by, "person:", 7) == 0 ? mem_text(req, by + 7) : NULL;
}

static json_t *
command_row(struct req *req, const json_t *command, const char *url)
{
	const char *uuid = text_of(command, "uuid"), *type = text_of(command, "request_type");
	const struct verb *verb = verb_of(type);
	bool anew = verb && (verb->grave || verb_is_rendered(verb));

	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s?, s:o, s:o, s:I, s:o, s:o}", "uuid", uuid, "title", command_title(req, type),
		"request_type", type, "subject", text_of(command, "subject"), "state", text_of(command, "state"), "by",
		by_text(req, command), "created", page_moment_of(req, command, "created"), "sent", page_moment_of(req, command, "sent"),
		"sent_count", json_integer_value(json_object_get(command, "sent_count")), "cancel_url",
		json_sprintf("%s/commands/%s/cancel", url, uuid), "resend_url",
		anew ? json_null() : json_sprintf("%s/commands/%s/resend", url, uuid));
}

static json_t *
waiting_row(struct req *req, const json_t *command, const char *url)
{
	json_t *row = command_row(req, command, url);
	const char *from = text_of(command, "not_before");
	struct err err;
	time_t at;

	json_object_set_new(row, "later", *from && clock_parse(from, &at, &err) && at > clock_now() ?
			    page_moment(req->language, at) : json_null());
	return row;
}

/* Words of ours, where Apple's facts give a number a meaning; "": none. */
static const char *
meaning(struct req *req, const char *domain, json_int_t code)
{
	const char *key = code == 12025 ? "say_error_app_there" : code == 2604 ? "say_error_manifest" :
			  code == 850 && strcmp(domain, "ASDErrorDomain") == 0 ? "say_error_manifest_host" : NULL;

	return key ? word(req, key) : "";
}

/* The whole chain, the outermost first; or one text of ours. */
static json_t *
errors_of(struct req *req, const json_t *error)
{
	json_t *list = json_array();
	const json_t *item;
	const char *text;
	json_int_t code;
	size_t i;

	if (json_is_string(error))
		json_array_append_new(list, json_pack("{s:O, s:s, s:s}", "text", error, "code", "", "meaning", ""));
	json_array_foreach(error, i, item) {
		text = *text_of(item, "LocalizedDescription") ? text_of(item, "LocalizedDescription") : text_of(item, "USEnglishDescription");
		code = json_integer_value(json_object_get(item, "ErrorCode"));
		json_array_append_new(list, json_pack("{s:s, s:o, s:s}", "text", text, "code",
			json_sprintf("%s %lld", text_of(item, "ErrorDomain"), (long long)code), "meaning",
			meaning(req, text_of(item, "ErrorDomain"), code)));
	}
	return list;
}

/* ---- answers ---- */

/* In one line: where it is, or why the message was not shown. */
static const char *
note_of(struct req *req, const char *type, const json_t *answer)
{
	const json_t *lat = json_object_get(answer, "Latitude"), *lon = json_object_get(answer, "Longitude");
	const char *result = text_of(answer, "MessageResult");

	if (strcmp(type, "DeviceLocation") == 0 && json_is_number(lat) && json_is_number(lon))
		return mem_printf(req, "%.5f, %.5f \u00b1 %.0f m", json_number_value(lat), json_number_value(lon),
				  json_number_value(json_object_get(answer, "HorizontalAccuracy")));
	return strcmp(type, "DeviceLock") == 0 && strcmp(result, "Success") != 0 ? mem_text(req, result) : "";
}

/* As JSON, without who answers what: the row says that already.  NULL: nothing is left, or (*much) too much. */
static const char *
answer_text(struct req *req, json_t *answer, size_t max, bool *much)
{
	static const char *const about[] = { "CommandUUID", "EnrollmentID", "EnrollmentUserID", "ErrorChain", "RequestType", "Status",
					     "UDID", "UserID" };
	const char *text;
	char *dumped;

	for (size_t i = 0; i < sizeof about / sizeof *about; i++)
		json_object_del(answer, about[i]);
	dumped = json_object_size(answer) ? json_dumps(answer, JSON_INDENT(2)) : NULL;
	*much = dumped && strlen(dumped) > max;
	text = dumped && !*much ? mem_text(req, dumped) : NULL;
	free(dumped);
	return text;
}

/* What a refresh asks for stands on this page in tables. */
static bool
has_table(const char *type)
{
	for (const char *const *t = verb_refresh; *t; t++)
		if (strcmp(*t, type) == 0)
			return true;
	return false;
}

static void
add_answer(struct req *req, const struct device_history *h, const char *type, const char *uuid, const json_t *whole,
	   json_t *row)
{
	bool sealed = json_is_true(json_object_get(whole, "sealed")), much = false;
	bool open = sealed && h->revealed && strcmp(h->revealed_uuid, uuid) == 0;
	json_t *answer = open ? h->revealed : json_object_get(whole, "answer");
	const char *text;

	json_object_set_new(row, "note", json_string(note_of(req, type, answer)));
	text = answer_text(req, answer, open ? REVEALED_SHOWN : ANSWER_SHOWN, &much);
	json_object_set_new(row, "answer", text ? json_string(text) : json_null());
	json_object_set_new(row, "revealed", json_boolean(open));
	if (much)
		json_object_set_new(row, "answer_url", json_sprintf(ANSWER_URL, h->id, uuid));
	if (sealed && !open)
		json_object_set_new(row, "reveal_url", json_sprintf("%s/commands/%s/reveal%s%s", h->url, uuid,
								    h->after ? "?after=" : "", h->after ? h->after : ""));
}

static json_t *
history_row(struct req *req, const struct device_history *h, const json_t *command)
{
	const char *uuid = text_of(command, "uuid"), *type = text_of(command, "request_type"), *state = text_of(command, "state");
	json_t *row = command_row(req, command, h->url), *whole;
	bool done = strcmp(state, "acknowledged") == 0, listed = done && has_table(type);
	struct err none;

	json_object_set_new(row, "note", json_string(""));
	json_object_set_new(row, "answer", json_null());
	json_object_set_new(row, "revealed", json_false());
	json_object_set_new(row, "reveal_url", json_null());
	json_object_set_new(row, "answer_url", listed ? json_sprintf(ANSWER_URL, h->id, uuid) : json_null());
	json_object_set_new(row, "ended", page_moment_of(req, command, "ended"));
	json_object_set_new(row, "errors", errors_of(req, json_object_get(command, "error")));
	if ((done || strcmp(state, "error") == 0) && !listed && queue_show(req->site->db, h->id, uuid, &whole, &none)) {
		add_answer(req, h, type, uuid, whole, row);
		json_decref(whole);
	}
	return row;
}

/* ---- the two lists ---- */

bool
device_history(struct req *req, const struct device_history *h, json_t *page, struct err *err)
{
	json_t *list, *row, *rows = json_array();
	const char *next;
	size_t i;

	json_object_set_new(page, "waiting", rows);
	if (!queue_list(req->site->db, h->id, &list, err))
		return false;
	json_array_foreach(json_object_get(list, "items"), i, row)
		json_array_append_new(rows, waiting_row(req, row, h->url));
	json_decref(list);
	if (!queue_history(req->site->db, h->id, h->after, HISTORY_SHOWN, &list, err))
		return false;
	rows = json_array();
	json_object_set_new(page, "history", rows);
	json_array_foreach(json_object_get(list, "items"), i, row)
		json_array_append_new(rows, history_row(req, h, row));
	next = json_string_value(json_object_get(list, "next"));
	json_object_set_new(page, "history_url", next ? json_sprintf("%s?after=%s#h-hist", h->url, next) : json_null());
	json_decref(list);
	return true;
}
