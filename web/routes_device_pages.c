/*
 * Managed devices in the console: the list with its filters and acts on a selection, and a device with what may be
 * done to it.  Every act is a command of the queue: the page says what waits and what became of it.
 */
#include "catalog/device_person.h"
#include "core/clock.h"
#include "core/json.h"
#include "mdm/enrollment.h"
#include "mdm/queue_secret.h"
#include "web/commanding.h"
#include "web/device_page.h"
#include "web/device_verbs.h"
#include "web/managed.h"
#include "web/rooms.h"
#include <string.h>

#define SELECTED_MAX	DEVICE_PAGE_MAX
#define PAGE_ROWS	100

static const char *
actor(struct req *req)
{
	return person_actor(req, req->person);
}

/* May the page say why, beside what was asked? */
static bool
sayable(struct req *req, const struct err *err)
{
	return req->browser && (err->kind == ERR_INVALID || err->kind == ERR_CONFLICT || err->kind == ERR_DENIED);
}

/* ---- the list ---- */

static json_t *
states_of(struct req *req, const char *chosen)
{
	static const char *const names[] = { "", "managed", "current", "updating", "attention", "silent", "push_broken", "removed",
						   "retired" };
	json_t *list = json_array();

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		json_array_append_new(list, json_pack("{s:s, s:s, s:b}", "state", names[i], "url",
			*names[i] ? mem_printf(req, "/admin/devices?state=%s", names[i]) : "/admin/devices",
			"current", strcmp(chosen, names[i]) == 0));
	return list;
}

static json_t *
filter_of(struct req *req)
{
	static const char *const names[] = { "q", "model", "os", "person", "app" };
	json_t *filter = json_object();
	const char *value;

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		value = req_query(req, names[i]);
		json_object_set_new(filter, names[i], json_string(value ? value : ""));
	}
	return filter;
}

/* What came of an act on a selection: {added, left[{name, text}]}; NULL when there was none. */
static bool
list_page(struct req *req, struct reply *reply, json_t *done, const struct err *refused, struct err *err)
{
	struct device_filter filter = device_filter(req);
	const char *state = filter.also ? req_query(req, "state") : filter.state ? filter.state : "";
	json_t *list, *counts, *rows, *device, *data;
	char text[520];
	size_t i;

	if (!device_list(req->site->db, &filter, req_query(req, "after"), PAGE_ROWS, &list, err)) {
		json_decref(done);
		return false;
	}
	if (!device_counts(req->site->db, filter.silent_s, &counts, err)) {
		json_decref(done);
		json_decref(list);
		return false;
	}
	rows = json_array();
	json_array_foreach(json_object_get(list, "items"), i, device)
		json_array_append_new(rows, device_row(req, device));
	data = json_pack("{s:o, s:o, s:o, s:o, s:s, s:s?, s:o, s:s?, s:b}", "devices", rows, "states", states_of(req, state), "filter",
		filter_of(req), "counts", counts, "csv_url", page_url(req, "/admin/devices.csv", DEVICE_FILTER, NULL, NULL),
		"next_url", page_next(req, "/admin/devices", DEVICE_FILTER, list), "done", done ? done : json_null(), "refused",
		refused ? err_text(refused, text, sizeof text) : NULL, "filtered", strchr(req->target, '?') != NULL);
	json_decref(list);
	return reply_page_status(reply, req, refused ? 422 : 200, "devices", data, err);
}

static bool
get_devices(struct req *req, struct reply *reply, struct err *err)
{
	return list_page(req, reply, NULL, NULL, err);
}

static const char *
name_of(struct req *req, const char *id)
{
	json_t *device;
	const char *name = id;
	struct err err;

	if (device_show(req->site->db, id, device_silent_s(req), &device, &err)) {
		name = device_called(req, device);
		json_decref(device);
	}
	return name;
}

static json_t *
done_of(struct req *req, const struct command_verdict *verdicts, size_t n)
{
	json_t *left = json_array();
	json_int_t added = 0;
	struct err why;
	char text[520];

	for (size_t i = 0; i < n; i++) {
		if (verdicts[i].uuid || strcmp(verdicts[i].verdict, "duplicate") == 0) {
			added++;
			continue;
		}
		text[0] = '\0';
		if (!command_verdict_err(&verdicts[i], &why))
			err_text(&why, text, sizeof text);
		json_array_append_new(left, json_pack("{s:s, s:s}", "name", name_of(req, verdicts[i].device_id), "text", text));
	}
	return json_pack("{s:I, s:o}", "added", added, "left", left);
}

/* On a selection only what harms nobody: what cannot be taken back is done on the device's own page. */
static bool
post_selected(struct req *req, struct reply *reply, struct err *err)
{
	static const char *const allowed[] = { "refresh", "lock", "restart" };
	const char *verb, *ids[SELECTED_MAX], *id;
	struct command_verdict *verdicts;
	struct command_wish wish;
	struct err why = { 0 };
	size_t n = 0, i = 0;

	if (!form_text(req, "verb", &verb, err))
		return false;
	while (i < sizeof allowed / sizeof *allowed && strcmp(allowed[i], verb) != 0)
		i++;
	while (n < SELECTED_MAX && (id = req_form_nth(req, "device", n)))
		ids[n++] = id;
	if (i == sizeof allowed / sizeof *allowed)
		return err_set(err, ERR_INVALID, "not on a selection");
	if (n == 0)
		return err_code(&why, ERR_INVALID, "nothing_selected", "no device is selected") || list_page(req, reply, NULL, &why, err);
	if (!command_wish_verb(req, verb, NULL, &wish, err) || !command_many(req, &wish, ids, n, &verdicts, err))
		return false;
	return list_page(req, reply, done_of(req, verdicts, n), NULL, err);
}

/* ---- one device ---- */

/* revealed: an answer that was opened, of the command :uuid; NULL: none. */
static bool
device_page(struct req *req, struct reply *reply, const struct err *refused, json_t *revealed, struct err *err)
{
	struct device_history history = { .after = refused ? NULL : req_query(req, "after"), .revealed = revealed,
					  .revealed_uuid = revealed ? req_param(req, "uuid") : NULL };
	json_t *device, *page;
	char text[520];
	bool ok;

	if (!device_whole(req, req_param(req, "id"), &device, err))
		return false;
	ok = device_page_data(req, device, &history, &page, err);
	json_decref(device);
	if (!ok)
		return false;
	json_object_set_new(page, "changed", refused || !req_query(req, "changed") ? json_null() : json_string(req_query(req, "changed")));
	json_object_set_new(page, "refused", refused ? json_string(err_text(refused, text, sizeof text)) : json_null());
	return reply_page_status(reply, req, refused ? err_http_status(refused->kind) : 200, "device", page, err);
}

static bool
get_device(struct req *req, struct reply *reply, struct err *err)
{
	return device_page(req, reply, NULL, NULL, err);
}

static bool
see_device(struct req *req, struct reply *reply, const char *changed)
{
	return reply_see(reply, mem_printf(req, "/admin/devices/%s?changed=%s", req_param(req, "id"), changed));
}

/* The answer to an act: the page again, with what was done or why not. */
static bool
after_act(struct req *req, struct reply *reply, bool done, const char *changed, struct err *err)
{
	struct err why = *err;

	if (done)
		return see_device(req, reply, changed);
	return sayable(req, &why) && device_page(req, reply, &why, NULL, err);
}

/* What was left empty is not said. */
static bool
form_field(struct req *req, const struct verb *verb, json_t *fields, const char *name, enum apple_type type, struct err *err)
{
	struct bytes file = type == APPLE_DATA ? req_form_file(req, name) : (struct bytes){ 0 };
	const char *text = type == APPLE_DATA ? NULL : req_form(req, name);
	struct buf base64;

	if (file.len) {
		buf_init(&base64, req, COMMAND_BYTES_MAX * 2);
		buf_base64(&base64, file.p, file.len);
		text = buf_str(&base64);
	}
	return !text || !*text || verb_say(verb, fields, name, text, err);
}

static bool
form_wish(struct req *req, const char *name, struct command_wish *wish, struct err *err)
{
	json_t *fields = json_hold(req, json_object());
	const struct verb *verb = verb_find(name);
	char field[VERB_FIELD_MAX];
	enum apple_type type;

	if (verb && !device_verb_fits(req, verb, err))
		return false;
	for (size_t i = 0; verb && verb_field(verb, i, field, &type); i++)
		if (!form_field(req, verb, fields, field, type, err))
			return false;
	return command_wish_verb(req, name, json_incref(fields), wish, err);
}

/* What nobody should do by a slip: the device's name is typed. */
static bool
is_confirmed(struct req *req, struct err *err)
{
	const char *typed = req_form(req, "confirm");
	json_t *device;
	bool same;

	if (!device_show(req->site->db, req_param(req, "id"), device_silent_s(req), &device, err))
		return false;
	same = typed && strcmp(typed, device_called(req, device)) == 0;
	json_decref(device);
	return same || err_code(err, ERR_INVALID, "not_confirmed", "what was typed is not the name of this device");
}

static bool
do_verb(struct req *req, struct command_wish *wish, struct err *err)
{
	const char *reason = req_form(req, "reason");
	struct command_verdict verdict;

	if (reason && *reason)
		wish->reason = reason;
	if (wish->verb && wish->verb->erases && !is_confirmed(req, err))
		return false;
	return command_one(req, wish, req_param(req, "id"), &verdict, err);
}

/* The device first: what is not there is missing, whatever was asked of it. */
static bool
is_there(struct req *req, struct err *err)
{
	json_t *device;

	if (!device_show(req->site->db, req_param(req, "id"), device_silent_s(req), &device, err))
		return false;
	json_decref(device);
	return true;
}

static bool
post_do(struct req *req, struct reply *reply, struct err *err)
{
	struct command_wish wish;
	const char *verb;

	return is_there(req, err) && form_text(req, "verb", &verb, err) &&
	       after_act(req, reply, form_wish(req, verb, &wish, err) && do_verb(req, &wish, err), "sent", err);
}

/* Any other command, typed in: JSON as the API takes it, or a property list. */
static bool
typed_wish(struct req *req, const char *text, struct command_wish *wish, struct err *err)
{
	json_error_t why;
	json_t *body;
	bool ok;

	text += strspn(text, " \t\r\n");
	if (*text == '<')
		return command_wish_plist(req, (struct bytes){ text, strlen(text) }, wish, err);
	body = json_loads(text, JSON_REJECT_DUPLICATES, &why);
	if (!body)
		return err_code(err, ERR_INVALID, "bad_command", "neither JSON nor a property list: line %d: %s", why.line, why.text);
	ok = command_wish_json(req, body, wish, err);
	json_decref(body);
	return ok;
}

static bool
post_command(struct req *req, struct reply *reply, struct err *err)
{
	struct command_wish wish;
	const char *text;

	return is_there(req, err) && form_text(req, "command", &text, err) &&
	       after_act(req, reply, typed_wish(req, text, &wish, err) && do_verb(req, &wish, err), "sent", err);
}

static bool
post_cancel(struct req *req, struct reply *reply, struct err *err)
{
	return queue_cancel(req->site->db, actor(req), req_param(req, "id"), req_param(req, "uuid"), err) &&
	       see_device(req, reply, "cancelled");
}

static bool
post_resend(struct req *req, struct reply *reply, struct err *err)
{
	return queue_resend(req->site->db, actor(req), req_param(req, "id"), req_param(req, "uuid"), err) &&
	       see_device(req, reply, "resent");
}

/* An answer that is a secret: written down who saw it, and shown where it stands. */
static bool
post_reveal(struct req *req, struct reply *reply, struct err *err)
{
	json_t *answer;

	if (!queue_reveal(req->site->db, actor(req), req_param(req, "id"), req_param(req, "uuid"), &answer, err))
		return after_act(req, reply, false, NULL, err);
	return device_page(req, reply, NULL, json_hold(req, answer), err);
}

static bool
post_clear(struct req *req, struct reply *reply, struct err *err)
{
	int64_t n;

	return is_there(req, err) && queue_clear(req->site->db, actor(req), req_param(req, "id"), &n, err) &&
	       see_device(req, reply, "cleared");
}

static bool
retire(struct req *req, struct err *err)
{
	const char *why = req_form(req, "reason");

	if (!why || !*why || strlen(why) > COMMAND_REASON_MAX)
		return err_code(err, ERR_INVALID, "reason_wanted", "say why");
	return is_confirmed(req, err) && enrollment_retire(req->site->db, actor(req), req_param(req, "id"), why, err);
}

static bool
post_retire(struct req *req, struct reply *reply, struct err *err)
{
	return is_there(req, err) && after_act(req, reply, retire(req, err), "retired", err);
}

static bool
post_person(struct req *req, struct reply *reply, struct err *err)
{
	const char *name;

	return is_there(req, err) && form_text(req, "person", &name, err) &&
	       after_act(req, reply, device_person_set(req->site->db, actor(req), req_param(req, "id"), name, err), "person_set", err);
}

/* ---- today ---- */

bool
managed_todo(struct req *req, json_t *todo, struct err *err)
{
	static const struct { const char *state, *level; } rows[] = { { "push_broken", "warning" }, { "silent", "info" } };
	json_t *counts, *n;

	if (req->person->role != ROLE_ADMIN)
		return true;
	if (!device_counts(req->site->db, device_silent_s(req), &counts, err))
		return false;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		n = json_object_get(counts, rows[i].state);
		if (json_integer_value(n) > 0)
			json_array_append_new(todo, json_pack("{s:o, s:s, s:o, s:O}", "kind", json_sprintf("devices_%s", rows[i].state), "level",
				rows[i].level, "url", json_sprintf("/admin/devices?state=%s", rows[i].state), "count", n));
	}
	json_decref(counts);
	return true;
}

const struct route device_page_routes[] = {
	{ GET,  "/admin/devices",                          WHO_ADMIN, "0",   ON_WORKER, get_devices,      NULL, NULL, "Managed devices: ?q= &state= &model= &os= &person= &app=" },
	{ GET,  "/admin/devices.csv",                      WHO_ADMIN, "0",   ON_WORKER, device_list_csv,  NULL, NULL, "The same as a file" },
	{ POST, "/admin/devices",                          WHO_ADMIN, "64K", ON_WORKER, post_selected,    NULL, NULL, "Ask, lock or restart a selection" },
	{ GET,  "/admin/devices/:id",                      WHO_ADMIN, "0",   ON_WORKER, get_device,       NULL, NULL, "A device: what it reported, what waits, what was" },
	{ GET,  "/admin/devices/:id/:table",               WHO_ADMIN, "0",   ON_WORKER, device_table_csv, NULL, NULL, "One table of it" },
	{ POST, "/admin/devices/:id/do",                   WHO_ADMIN, "1024K",  ON_WORKER, post_do,          NULL, NULL, "Lock, erase, install: verb and its fields" },
	{ POST, "/admin/devices/:id/command",              WHO_ADMIN, "1024K",  ON_WORKER, post_command,     NULL, NULL, "Any other command, typed in" },
	{ POST, "/admin/devices/:id/clear",                WHO_ADMIN, "16K", ON_WORKER, post_clear,       NULL, NULL, "Take back all that waits" },
	{ POST, "/admin/devices/:id/commands/:uuid/cancel", WHO_ADMIN, "16K", ON_WORKER, post_cancel,     NULL, NULL, "Take back a command" },
	{ POST, "/admin/devices/:id/commands/:uuid/resend", WHO_ADMIN, "16K", ON_WORKER, post_resend,     NULL, NULL, "Send a command again" },
	{ POST, "/admin/devices/:id/commands/:uuid/reveal", WHO_ADMIN, "16K", ON_WORKER, post_reveal,     NULL, NULL, "Its answer where that is a secret; audited: ?after=" },
	{ POST, "/admin/devices/:id/retire",               WHO_ADMIN, "16K", ON_WORKER, post_retire,      NULL, NULL, "Release it from management" },
	{ POST, "/admin/devices/:id/person",               WHO_ADMIN, "16K", ON_WORKER, post_person,      NULL, NULL, "Whose it is" },
	{ 0 }
};
