#include "catalog/renewal.h"
#include "mdm/clip.h"
#include "mdm/verb.h"
#include "web/device_page.h"
#include "catalog/desired.h"
#include "core/clock.h"
#include "web/commanding.h"
#include "web/device_facts.h"
#include "web/mobileconfig_page.h"
#include "web/rooms.h"
#include <string.h>

#define HISTORY_SHOWN	20

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

const char *
device_called(struct req *req, const json_t *device)
{
	static const char *const keys[] = { "name", "model", "product", "serial", "udid" };

	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		if (*text_of(device, keys[i]))
			return mem_text(req, text_of(device, keys[i]));
	return mem_text(req, text_of(device, "id"));
}

static json_t *
person_of(const json_t *device)
{
	const json_t *person = json_object_get(device, "person");

	return json_is_object(person) ? json_pack("{s:s, s:o}", "name", text_of(person, "name"), "url",
						  json_sprintf("/admin/people/%s", text_of(person, "id"))) : json_null();
}

json_t *
device_row(struct req *req, const json_t *device)
{
	return json_pack("{s:s, s:s, s:o, s:s, s:s, s:s, s:o, s:s, s:o}", "id", text_of(device, "id"), "name",
		device_called(req, device), "url", json_sprintf("/admin/devices/%s", text_of(device, "id")), "model",
		*text_of(device, "model") ? text_of(device, "model") : text_of(device, "product"), "os", text_of(device, "os_version"),
		"serial", text_of(device, "serial"), "person", person_of(device), "state", text_of(device, "state"), "seen",
		page_moment_of(req, device, "seen"));
}

/* ---- commands ---- */

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

/* What the answer says in one line: where it is, or why the message was not shown. */
static const char *
note_of(struct req *req, const char *id, const json_t *command)
{
	const char *type = text_of(command, "request_type"), *note = "";
	const json_t *answer, *lat, *lon;
	json_t *whole;
	struct err err;

	if (strcmp(text_of(command, "state"), "acknowledged") != 0 ||
	    (strcmp(type, "DeviceLocation") != 0 && strcmp(type, "DeviceLock") != 0) ||
	    !queue_show(req->site->db, id, text_of(command, "uuid"), &whole, &err))
		return note;
	answer = json_object_get(whole, "answer");
	lat = json_object_get(answer, "Latitude");
	lon = json_object_get(answer, "Longitude");
	if (json_is_number(lat) && json_is_number(lon))
		note = mem_printf(req, "%.5f, %.5f \u00b1 %.0f m", json_number_value(lat), json_number_value(lon),
				  json_number_value(json_object_get(answer, "HorizontalAccuracy")));
	else if (*text_of(answer, "MessageResult") && strcmp(text_of(answer, "MessageResult"), "Success") != 0)
		note = mem_text(req, text_of(answer, "MessageResult"));
	json_decref(whole);
	return note;
}

static json_t *
history_row(struct req *req, const char *id, const json_t *command, const char *url)
{
	json_t *row = command_row(req, command, url);

	json_object_set_new(row, "note", json_string(note_of(req, id, command)));
	json_object_set_new(row, "ended", page_moment_of(req, command, "ended"));
	json_object_set_new(row, "errors", errors_of(req, json_object_get(command, "error")));
	return row;
}

static bool
add_commands(struct req *req, json_t *page, const char *id, const char *url, const char *after, struct err *err)
{
	json_t *list, *row, *rows = json_array();
	const char *next;
	size_t i;

	json_object_set_new(page, "waiting", rows);
	if (!queue_list(req->site->db, id, &list, err))
		return false;
	json_array_foreach(json_object_get(list, "items"), i, row)
		json_array_append_new(rows, waiting_row(req, row, url));
	json_decref(list);
	if (!queue_history(req->site->db, id, after, HISTORY_SHOWN, &list, err))
		return false;
	rows = json_array();
	json_object_set_new(page, "history", rows);
	json_array_foreach(json_object_get(list, "items"), i, row)
		json_array_append_new(rows, history_row(req, id, row, url));
	next = json_string_value(json_object_get(list, "next"));
	json_object_set_new(page, "history_url", next ? json_sprintf("%s?after=%s#h-hist", url, next) : json_null());
	json_decref(list);
	return true;
}

/* ---- what may be done ---- */

static json_t *
may_of(const json_t *device)
{
	static const struct { const char *name, *request_type; } acts[] = {
		{ "lock", "DeviceLock" }, { "clear_passcode", "ClearPasscode" }, { "erase", "EraseDevice" }, { "restart", "RestartDevice" },
		{ "shut_down", "ShutDownDevice" }, { "lost_mode", "EnableLostMode" }, { "mobileconfig", "InstallProfile" },
		{ "provision", "InstallProvisioningProfile" }, { "app", "RemoveApplication" },
	};
	const json_t *supervised = json_object_get(device, "supervised");
	struct command_target target = { json_integer_value(json_object_get(device, "access_rights")), text_of(device, "kind"),
					 json_is_boolean(supervised) ? json_is_true(supervised) : -1 };
	const char *state = text_of(device, "state");
	bool here = strcmp(state, "managed") == 0 || strcmp(state, "silent") == 0 || strcmp(state, "push_broken") == 0;
	json_t *may = json_pack("{s:b}", "any", here);
	struct err err;

	for (size_t i = 0; i < sizeof acts / sizeof *acts; i++)
		json_object_set_new(may, acts[i].name, json_boolean(here && command_may(acts[i].request_type, NULL, &target, &err)));
	return may;
}

/* ---- the page ---- */

/* What it ought to have of the house's mobileconfigs, and how far that is. */
static bool
add_kept(struct req *req, json_t *page, const char *id, struct err *err)
{
	json_t *kept, *items;

	if (!desired_of_device(req->site->db, id, &kept, err))
		return false;
	items = mobileconfig_device_rows(req, json_object_get(kept, "items"));
	json_object_set_new(page, "kept", json_array_size(items) ? json_pack("{s:O, s:O, s:o}", "installed",
		json_object_get(kept, "installed"), "wanted", json_object_get(kept, "wanted"), "items", json_incref(items)) : json_null());
	json_decref(items);
	json_decref(kept);
	return true;
}

static json_t *
head_of(struct req *req, const json_t *device, const char *url)
{
	const json_t *sup = json_object_get(device, "supervised");

	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:o, s:s, s:s, s:o, s:s, s:s, s:o, s:o, s:s, s:o, s:b, s:s, s:b}", "id", text_of(device, "id"),
		"name", device_called(req, device), "model", text_of(device, "model"), "product", text_of(device, "product"), "os",
		text_of(device, "os_version"), "serial", text_of(device, "serial"), "person", person_of(device), "whose",
		text_of(json_object_get(device, "person"), "name"), "state",
		text_of(device, "state"), "seen", page_moment_of(req, device, "seen"), "address", text_of(device, "address"), "push_bad",
		text_of(device, "push_bad"), "enrolled", page_date_of(req, device, "enrolled"), "ended", page_date_of(req, device, "ended"),
		"why", text_of(device, "why"), "identity_expires", page_date_of(req, device, "identity_expires"),
		"supervised", json_is_true(sup), "url", url, "by_user", strcmp(text_of(device, "kind"), "user") == 0);
}

/* The app that stops first, within a month. */
static json_t *
stops_of(struct req *req, const json_t *apps)
{
	const json_t *app = json_array_get(apps, 0);
	time_t ends, next;
	struct err none;

	if (!app || !clock_parse(text_of(app, "ends"), &ends, &none) || ends > clock_now() + 30 * DAY_S)
		return json_null();
	return json_pack("{s:s, s:o, s:b, s:b}", "name", text_of(app, "name"), "at", page_date_of(req, app, "ends"), "coming",
			 clock_parse(text_of(app, "next"), &next, &none) && next > ends + DAY_S, "resign",
			 strcmp(text_of(app, "cause"), "certificate") == 0);
}

/* What is on its list, what is on its way, and which app stops first. */
static bool
add_provisions(struct req *req, json_t *page, const char *id, struct err *err)
{
	json_t *renewal;

	if (!renewal_of_device(req->site->db, id, &renewal, err))
		return false;
	json_object_set_new(page, "provisions", device_provisions(req, json_object_get(renewal, "provisions")));
	json_object_set_new(page, "stops", stops_of(req, json_object_get(renewal, "apps")));
	json_decref(renewal);
	return true;
}

bool
device_page_data(struct req *req, json_t *device, const char *after, json_t **ret, struct err *err)
{
	const char *id = mem_text(req, text_of(device, "id")), *url = mem_printf(req, "/admin/devices/%s", id);
	const json_t *apps = json_object_get(device, "apps"), *compliance = json_object_get(device, "compliance");
	json_t *page = json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
		"device", head_of(req, device, url), "network", device_facts(req, device, FACT_NETWORK),
		"facts", device_facts(req, device, FACT_DEVICE), "compliance", device_facts(req, device, FACT_COMPLIANCE),
		"apps", device_apps(req, json_object_get(apps, "apps")), "provisions", json_array(),
		"mobileconfigs", device_mobileconfigs(json_object_get(compliance, "mobileconfigs")),
		"certificates", device_certificates(req, json_object_get(compliance, "certificates")),
		"restrictions", device_restrictions(req, json_object_get(compliance, "restrictions")), "may", may_of(device)), *clip;

	json_object_set_new(page, "counts", json_pack("{s:I, s:I, s:I, s:I, s:I}",
		"apps", (json_int_t)json_array_size(json_object_get(apps, "apps")), "provisions",
		(json_int_t)json_array_size(json_object_get(apps, "provisions")), "mobileconfigs",
		(json_int_t)json_array_size(json_object_get(compliance, "mobileconfigs")), "certificates",
		(json_int_t)json_array_size(json_object_get(compliance, "certificates")), "restrictions",
		(json_int_t)json_array_size(json_object_get(page, "restrictions"))));
	json_object_set_new(page, "reported", json_pack("{s:b, s:b, s:b, s:b, s:b}",
		"apps", json_is_array(json_object_get(apps, "apps")), "provisions", json_is_array(json_object_get(apps, "provisions")),
		"mobileconfigs", json_is_array(json_object_get(compliance, "mobileconfigs")),
		"certificates", json_is_array(json_object_get(compliance, "certificates")),
		"restrictions", json_is_object(json_object_get(compliance, "restrictions"))));
	if (!clip_show(req->site->db, id, &clip, err)) {
		json_decref(page);
		return false;
	}
	if (json_is_object(clip))
		json_object_set_new(clip, "opened", page_date_of(req, clip, "opened"));
	json_object_set_new(page, "clip", clip);
	if (!add_provisions(req, page, id, err)) {
		json_decref(page);
		return false;
	}
	json_object_set_new(page, "card", device_apps_card(json_object_get(apps, "apps")));
	if (!add_kept(req, page, id, err) || !add_commands(req, page, id, url, after, err)) {
		json_decref(page);
		return false;
	}
	*ret = page;
	return true;
}
