/* What was asked for, from programs, files and forms. */
#include "core/clock.h"
#include "core/json.h"
#include "mdm/command_send.h"
#include "mdm/command_fact.h"
#include <string.h>

#define BAD(...) err_code(err, ERR_INVALID, "bad_command", __VA_ARGS__)

static const struct command_wish empty = { .priority = -1, .actor = "system", .reason = "" };

/* What history shows beside the request type: the identifier, bundle id or UUID that it is about. */
static const char *
subject_of(TALLOC_CTX *ctx, const struct verb *verb, const json_t *params)
{
	static const char *const keys[] = { "Identifier", "UUID", "ManifestURL" };
	const char *text;

	if (verb && verb->make)
		params = json_array_get(json_object_get(params, "Settings"), 0);
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		if ((text = json_string_value(json_object_get(params, keys[i]))) && strlen(text) <= 500)
			return mem_text(ctx, text);
	return NULL;
}

bool
command_wish_verb(TALLOC_CTX *ctx, const char *name, json_t *fields, struct command_wish *ret, struct err *err)
{
	const struct verb *verb = verb_find(name);
	json_t *params;

	json_hold(ctx, fields);
	*ret = empty;
	if (!verb)
		return BAD("there is no verb \"%.100s\"", name);
	if (fields && !json_is_object(fields))
		return BAD("params must be an object");
	if (!verb_params(verb, fields, &params, err))
		return false;
	ret->verb = verb;
	ret->request_type = verb->request_type;
	ret->params = json_hold(ctx, params);
	ret->subject = subject_of(ctx, verb, params);
	return true;
}

static bool
by_request_type(TALLOC_CTX *ctx, const char *request_type, json_t *params, struct command_wish *ret, struct err *err)
{
	json_hold(ctx, params);
	*ret = empty;
	if (!command_fact(request_type))
		return BAD("iOS has no command \"%.100s\"", request_type);
	ret->verb = verb_of(request_type);
	ret->request_type = mem_text(ctx, request_type);
	ret->params = params;
	ret->subject = subject_of(ctx, NULL, params);
	return true;
}

/* ---- JSON ---- */

static bool
take_text(TALLOC_CTX *ctx, const json_t *body, const char *key, size_t max, const char **ret, struct err *err)
{
	const json_t *v = json_object_get(body, key);

	if (!v || json_is_null(v))
		return true;
	if (!json_is_string(v) || json_string_length(v) > max)
		return BAD("%s must be a text of at most %zu bytes", key, max);
	*ret = mem_text(ctx, json_string_value(v));
	return true;
}

static bool
read_not_before(const json_t *body, int64_t *ret, struct err *err)
{
	const json_t *v = json_object_get(body, "not_before");
	const char *text = json_string_value(v);
	struct err none;
	time_t at;

	if (!v || json_is_null(v))
		return true;
	if (json_is_integer(v) && json_integer_value(v) >= 0) {
		*ret = json_integer_value(v);
		return true;
	}
	if (!text || !clock_parse(text, &at, &none))
		return BAD("not_before must be a moment such as 2026-11-22T08:30:00Z");
	*ret = at;
	return true;
}

static bool
read_rest(TALLOC_CTX *ctx, const json_t *body, struct command_wish *ret, struct err *err)
{
	const json_t *priority = json_object_get(body, "priority");

	if (priority && !json_is_null(priority)) {
		if (!json_is_integer(priority) || json_integer_value(priority) < 0 || json_integer_value(priority) > QUEUE_PRIORITY_URGENT)
			return BAD("priority must be a number from 0 to %d", QUEUE_PRIORITY_URGENT);
		ret->priority = json_integer_value(priority);
	}
	return take_text(ctx, body, "dedupe_key", COMMAND_KEY_MAX, &ret->dedupe_key, err) &&
	       take_text(ctx, body, "reason", COMMAND_REASON_MAX, &ret->reason, err) && read_not_before(body, &ret->not_before, err);
}

/* A name that is misspelt must not be a command without it. */
static bool
known_keys(const json_t *body, struct err *err)
{
	static const char *const keys[] = { "verb", "request_type", "params", "dedupe_key", "not_before", "priority", "reason", "devices" };
	const json_t *v;
	const char *key;
	size_t i;

	json_object_foreach((json_t *)body, key, v) {
		for (i = 0; i < sizeof keys / sizeof *keys && strcmp(keys[i], key) != 0; i++)
			;
		if (i == sizeof keys / sizeof *keys)
			return BAD("a command has no \"%.100s\": it has verb or request_type, params, dedupe_key, not_before,"
				   " priority and reason", key);
	}
	return true;
}

bool
command_wish_json(TALLOC_CTX *ctx, const json_t *body, struct command_wish *ret, struct err *err)
{
	const char *verb = json_string_value(json_object_get(body, "verb"));
	const char *request_type = json_string_value(json_object_get(body, "request_type"));
	json_t *params = json_object_get(body, "params");

	if (!json_is_object(body) || !verb == !request_type)
		return BAD("a command is an object with a verb, or with a request_type");
	if (!known_keys(body, err))
		return false;
	if (json_is_null(params))
		params = NULL;
	return (verb ? command_wish_verb(ctx, verb, json_incref(params), ret, err) :
		       by_request_type(ctx, request_type, json_incref(params), ret, err)) &&
	       read_rest(ctx, body, ret, err);
}

bool
command_wish_plist(TALLOC_CTX *ctx, struct bytes plist, struct command_wish *ret, struct err *err)
{
	const char *request_type;
	json_t *params;

	return command_read(ctx, plist, &request_type, &params, err) && by_request_type(ctx, request_type, params, ret, err);
}
