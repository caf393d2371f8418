#include "web/device_page.h"
#include "core/clock.h"
#include "core/num.h"
#include "mdm/fact.h"
#include "web/commanding.h"
#include "web/rooms.h"
#include <string.h>

#define SOON_DAYS	30	/* a provision or certificate that ends so soon is yellow, within URGENT_DAYS red */
#define URGENT_DAYS	7
#define HISTORY_SHOWN	20
#define APPS_SHOWN	500
#define APPS_CARD	8	/* managed ones, in the card of their group */

static const char *
word(struct req *req, const char *key)
{
	return pages_word(req->site->pages, req->language, key);
}

const char *
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

/* ---- facts ---- */

/* What the issue of IT is about; the others stand behind "More". */
static bool
is_main(const char *name)
{
	static const char *const more[] = { "roaming", "hotspot", "os_extra", "battery", "time_zone", "lost_mode", "find_my", "cloud_backup",
		"last_cloud_backup", "passcode_grace_s", "auto_lock_s", "user_enrollment", "hardware_encryption" };

	for (size_t i = 0; i < sizeof more / sizeof *more; i++)
		if (strcmp(more[i], name) == 0)
			return false;
	return true;
}

static bool
is_code(const char *name)
{
	static const char *const codes[] = { "bluetooth_mac", "wifi_mac", "iccid", "udid", "imei", "serial", "modem_firmware" };

	for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
		if (strcmp(codes[i], name) == 0)
			return true;
	return false;
}

static const char *
number_text(struct req *req, const char *name, const json_t *v)
{
	size_t len = strlen(name);
	json_t *data;
	const char *text;

	if (strcmp(name, "capacity_gb") == 0 || strcmp(name, "free_gb") == 0)
		return json_number_value(v) >= 0 && json_number_value(v) < 1e9 ?
		       page_size(req, req->language, (int64_t)(json_number_value(v) * 1e9)) : NULL;
	if (strcmp(name, "battery") == 0)
		return json_number_value(v) >= 0 && json_number_value(v) <= 1 ?
		       mem_printf(req, "%d %%", (int)(json_number_value(v) * 100 + 0.5)) : NULL;
	if (len > 2 && strcmp(name + len - 2, "_s") == 0) {
		data = json_pack("{s:O}", "n", v);
		text = page_say(req, req->site->pages, req->language, "say_seconds", data);
		json_decref(data);
		return text;
	}
	return mem_printf(req, "%.10g", json_number_value(v));
}

static const char *
value_text(struct req *req, const char *name, enum fact_type type, const json_t *v)
{
	struct err err;
	json_t *moment;
	const char *text;
	time_t at;

	if (!v || json_is_null(v))
		return NULL;
	if (json_is_boolean(v))
		return word(req, json_is_true(v) ? "say_yes" : "say_no");
	if (json_is_number(v))
		return number_text(req, name, v);
	if (type == FACT_TIME && clock_parse(json_string_value(v), &at, &err)) {
		moment = page_moment(req->language, at);
		text = mem_text(req, text_of(moment, "text"));
		json_decref(moment);
		return text;
	}
	return json_string_value(v);
}

static json_t *
fact_row(struct req *req, const char *name, const char *text)
{
	const char *label = word(req, mem_printf(req, "fact_%s", name));

	return json_pack("{s:s, s:s, s:s?, s:b}", "name", name, "label", label ? label : name, "text", text, "code", is_code(name));
}

static void
add_facts(struct req *req, json_t *into, const json_t *group, enum fact_group which, bool main)
{
	const struct fact *fact = fact_table;

	for (size_t i = 0; i < fact_table_n; i++, fact++)
		if (fact->group == which && is_main(fact->name) == main)
			json_array_append_new(into, fact_row(req, fact->name,
				value_text(req, fact->name, fact->type, json_object_get(group, fact->name))));
}

static json_t *
facts_of(struct req *req, const json_t *device, enum fact_group which)
{
	const json_t *group = json_object_get(device, fact_group_name(which));
	json_t *facts = json_array(), *more = json_array();

	if (which == FACT_COMPLIANCE)
		json_array_append_new(facts, fact_row(req, "data_protection",
			value_text(req, "data_protection", FACT_BOOL, json_object_get(group, "data_protection"))));
	add_facts(req, facts, group, which, true);
	add_facts(req, more, group, which, false);
	return json_pack("{s:o, s:o}", "facts", facts, "more", more);
}

/* ---- lists ---- */

static const char *
size_text(struct req *req, const json_t *item, const char *key)
{
	const json_t *v = json_object_get(item, key);

	return json_is_integer(v) ? page_size(req, req->language, json_integer_value(v)) : NULL;
}

static json_t *
apps_of(struct req *req, const json_t *apps)
{
	json_t *list = json_array();
	const json_t *app;
	size_t i;

	json_array_foreach(apps, i, app)
		if (i < APPS_SHOWN)
			json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s?, s:s?, s:b, s:b, s:s}", "name",
				*text_of(app, "name") ? text_of(app, "name") : text_of(app, "bundle_id"), "bundle_id", text_of(app, "bundle_id"),
				"version", *text_of(app, "short_version") ? text_of(app, "short_version") : text_of(app, "version"),
				"size", size_text(req, app, "size"), "data_size", size_text(req, app, "data_size"),
				"managed", json_is_true(json_object_get(app, "managed")), "installed",
				json_is_true(json_object_get(app, "installed")), "status", text_of(app, "state")));
	return list;
}

/* The card names what we manage; the rest is a number. */
static json_t *
card_of(const json_t *apps)
{
	json_t *list = json_array();
	const json_t *app;
	size_t i;

	json_array_foreach(apps, i, app)
		if (json_is_true(json_object_get(app, "managed")) && json_array_size(list) < APPS_CARD)
			json_array_append_new(list, json_pack("{s:s, s:s, s:b}", "name", *text_of(app, "name") ? text_of(app, "name") :
				text_of(app, "bundle_id"), "version", *text_of(app, "short_version") ? text_of(app, "short_version") :
				text_of(app, "version"), "installed", json_is_true(json_object_get(app, "installed"))));
	return list;
}

/* Whole days until then; "" without an end. */
static void
set_expiry(struct req *req, json_t *row, const json_t *item)
{
	const char *iso = text_of(item, "expires"), *level = "";
	int64_t days = 0;
	struct err err;
	time_t at;

	if (*iso && clock_parse(iso, &at, &err)) {
		days = (at - clock_now()) / DAY_S;
		level = at <= clock_now() ? "over" : days < URGENT_DAYS ? "urgent" : days < SOON_DAYS ? "soon" : "ok";
	}
	json_object_set_new(row, "expires", page_date_of(req, item, "expires"));
	json_object_set_new(row, "days", json_integer(days));
	json_object_set_new(row, "level", json_string(level));
}

static json_t *
provisions_of(struct req *req, const json_t *provisions)
{
	json_t *list = json_array(), *row;
	const json_t *item;
	size_t i;

	json_array_foreach(provisions, i, item) {
		row = json_pack("{s:s, s:s}", "name", *text_of(item, "name") ? text_of(item, "name") : text_of(item, "uuid"), "uuid",
				text_of(item, "uuid"));
		set_expiry(req, row, item);
		json_array_append_new(list, row);
	}
	return list;
}

static json_t *
certificates_of(struct req *req, const json_t *certificates)
{
	json_t *list = json_array(), *row;
	const json_t *item;
	size_t i;

	json_array_foreach(certificates, i, item) {
		row = json_pack("{s:s, s:b, s:s}", "name", *text_of(item, "name") ? text_of(item, "name") : text_of(item, "sha256"),
				"identity", json_is_true(json_object_get(item, "identity")), "sha256", text_of(item, "sha256"));
		set_expiry(req, row, item);
		json_array_append_new(list, row);
	}
	return list;
}

static json_t *
mobileconfigs_of(const json_t *mobileconfigs)
{
	json_t *list = json_array(), *payloads;
	const json_t *item, *payload;
	size_t i, k;

	json_array_foreach(mobileconfigs, i, item) {
		payloads = json_array();
		json_array_foreach(json_object_get(item, "payloads"), k, payload)
			json_array_append_new(payloads, json_string(text_of(payload, "type")));
		json_array_append_new(list, json_pack("{s:s, s:s, s:b, s:o}", "name",
			*text_of(item, "name") ? text_of(item, "name") : text_of(item, "identifier"), "identifier",
			text_of(item, "identifier"), "managed", json_is_true(json_object_get(item, "managed")), "payloads", payloads));
	}
	return list;
}

/* {kind{name{value}}} as rows: Apple's names and what holds. */
static json_t *
restrictions_of(struct req *req, const json_t *restrictions)
{
	const json_t *kind, *entry, *v;
	const char *kind_name, *name, *text;
	json_t *list = json_array();
	char *dumped;

	json_object_foreach((json_t *)restrictions, kind_name, kind)
		json_object_foreach((json_t *)kind, name, entry) {
			v = json_object_get(entry, "value") ? json_object_get(entry, "value") : json_object_get(entry, "values");
			dumped = json_is_array(v) ? json_dumps(v, JSON_COMPACT) : NULL;
			text = dumped ? dumped : value_text(req, "", FACT_TEXT, v);
			json_array_append_new(list, json_pack("{s:s, s:s}", "name", name, "value", text ? text : ""));
			free(dumped);
		}
	return list;
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

	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s?, s:o, s:o, s:I, s:o, s:o}", "uuid", uuid, "title", command_title(req, type),
		"request_type", type, "subject", text_of(command, "subject"), "state", text_of(command, "state"), "by",
		by_text(req, command), "created", page_moment_of(req, command, "created"), "sent", page_moment_of(req, command, "sent"),
		"sent_count", json_integer_value(json_object_get(command, "sent_count")), "cancel_url",
		json_sprintf("%s/commands/%s/cancel", url, uuid), "resend_url", json_sprintf("%s/commands/%s/resend", url, uuid));
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

static json_t *
history_row(struct req *req, const json_t *command, const char *url)
{
	json_t *row = command_row(req, command, url);

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
		json_array_append_new(rows, history_row(req, row, url));
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

static json_t *
head_of(struct req *req, const json_t *device, const char *url)
{
	const json_t *sup = json_object_get(device, "supervised");

	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:o, s:s, s:o, s:s, s:s, s:o, s:o, s:s, s:o, s:b, s:s, s:b}", "id", text_of(device, "id"),
		"name", device_called(req, device), "model", text_of(device, "model"), "product", text_of(device, "product"), "os",
		text_of(device, "os_version"), "serial", text_of(device, "serial"), "person", person_of(device), "state",
		text_of(device, "state"), "seen", page_moment_of(req, device, "seen"), "address", text_of(device, "address"), "push_bad",
		text_of(device, "push_bad"), "enrolled", page_date_of(req, device, "enrolled"), "ended", page_date_of(req, device, "ended"),
		"why", text_of(device, "why"), "identity_expires", page_date_of(req, device, "identity_expires"),
		"supervised", json_is_true(sup), "url", url, "by_user", strcmp(text_of(device, "kind"), "user") == 0);
}

bool
device_page_data(struct req *req, json_t *device, const char *after, json_t **ret, struct err *err)
{
	const char *id = mem_text(req, text_of(device, "id")), *url = mem_printf(req, "/admin/devices/%s", id);
	const json_t *apps = json_object_get(device, "apps"), *compliance = json_object_get(device, "compliance");
	json_t *page = json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
		"device", head_of(req, device, url), "network", facts_of(req, device, FACT_NETWORK),
		"facts", facts_of(req, device, FACT_DEVICE), "compliance", facts_of(req, device, FACT_COMPLIANCE),
		"apps", apps_of(req, json_object_get(apps, "apps")), "provisions", provisions_of(req, json_object_get(apps, "provisions")),
		"mobileconfigs", mobileconfigs_of(json_object_get(compliance, "mobileconfigs")),
		"certificates", certificates_of(req, json_object_get(compliance, "certificates")),
		"restrictions", restrictions_of(req, json_object_get(compliance, "restrictions")), "may", may_of(device));

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
	json_object_set_new(page, "card", card_of(json_object_get(apps, "apps")));
	if (!add_commands(req, page, id, url, after, err)) {
		json_decref(page);
		return false;
	}
	*ret = page;
	return true;
}
