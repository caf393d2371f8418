/* What a device reported, in people's words: facts in their groups, and its lists. */
#include "web/device_facts.h"
#include "core/clock.h"
#include "web/rooms.h"
#include <string.h>

#define SOON_DAYS	30	/* a provision or certificate that ends so soon is yellow, within URGENT_DAYS red */
#define URGENT_DAYS	7
#define APPS_SHOWN	500
#define APPS_CARD	8	/* managed ones, in the card of their group */

static const char *
word(struct req *req, const char *key)
{
	return pages_word(req->site->pages, req->language, key);
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
	text = json_string_value(v);
	return text && !*text ? word(req, "say_empty") : text;
}

static json_t *
fact_row(struct req *req, const char *name, const char *text, const char *said)
{
	const char *label = word(req, mem_printf(req, "fact_%s", name));

	return json_pack("{s:s, s:s, s:s?, s:b, s:s?}", "name", name, "label", label ? label : name, "text", text, "code",
			 is_code(name), "said", said);
}

static void
add_facts(struct req *req, json_t *into, const json_t *device, enum fact_group which, bool main)
{
	const json_t *group = json_object_get(device, fact_group_name(which)), *deviations = json_object_get(device, "deviations");
	const struct fact *fact = fact_table;

	for (size_t i = 0; i < fact_table_n; i++, fact++)
		if (fact->group == which && is_main(fact->name) == main)
			json_array_append_new(into, fact_row(req, fact->name,
				value_text(req, fact->name, fact->type, json_object_get(group, fact->name)),
				json_string_value(json_object_get(deviations, fact->name))));
}

json_t *
device_facts(struct req *req, const json_t *device, enum fact_group which)
{
	const json_t *group = json_object_get(device, fact_group_name(which));
	json_t *facts = json_array(), *more = json_array();

	if (which == FACT_COMPLIANCE)
		json_array_append_new(facts, fact_row(req, "data_protection",
			value_text(req, "data_protection", FACT_BOOL, json_object_get(group, "data_protection")), NULL));
	add_facts(req, facts, device, which, true);
	add_facts(req, more, device, which, false);
	return json_pack("{s:o, s:o}", "facts", facts, "more", more);
}

/* ---- lists ---- */

static const char *
size_text(struct req *req, const json_t *item, const char *key)
{
	const json_t *v = json_object_get(item, key);

	return json_is_integer(v) ? page_size(req, req->language, json_integer_value(v)) : NULL;
}

/* The one that people know, or the other; what was reported and is empty is said so.  NULL: neither was. */
static const char *
version_text(struct req *req, const json_t *app)
{
	const char *people = text_of(app, "short_version"), *build = text_of(app, "version");

	if (*people || *build)
		return *people ? people : build;
	return json_is_string(json_object_get(app, "short_version")) || json_is_string(json_object_get(app, "version")) ?
	       word(req, "say_empty") : NULL;
}

json_t *
device_apps(struct req *req, const json_t *apps)
{
	json_t *list = json_array();
	const json_t *app;
	size_t i;

	json_array_foreach(apps, i, app)
		if (i < APPS_SHOWN)
			json_array_append_new(list, json_pack("{s:s, s:s, s:s?, s:s?, s:s?, s:b, s:b, s:s}", "name",
				*text_of(app, "name") ? text_of(app, "name") : text_of(app, "bundle_id"), "bundle_id", text_of(app, "bundle_id"),
				"version", version_text(req, app),
				"size", size_text(req, app, "size"), "data_size", size_text(req, app, "data_size"),
				"managed", json_is_true(json_object_get(app, "managed")), "installed",
				json_is_true(json_object_get(app, "installed")), "status", text_of(app, "state")));
	return list;
}

/* The card names what we manage; the rest is a number. */
json_t *
device_apps_card(const json_t *apps)
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

/* "" of one that is there and stays; "going"; of one that is not there yet its state. */
static const char *
provision_state(const json_t *item)
{
	if (json_is_true(json_object_get(item, "listed")))
		return strcmp(text_of(item, "action"), "remove") == 0 ? "going" : "";
	return strcmp(text_of(item, "state"), "failed") == 0 ? "failed" : "coming";
}

json_t *
device_provisions(struct req *req, const json_t *provisions)
{
	json_t *list = json_array(), *row;
	const json_t *item;
	size_t i;

	json_array_foreach(provisions, i, item) {
		row = json_pack("{s:s, s:s, s:b, s:b, s:s, s:s, s:s}", "name", *text_of(item, "name") ? text_of(item, "name") :
				text_of(item, "uuid"), "uuid", text_of(item, "uuid"), "listed", json_is_true(json_object_get(item, "listed")),
				"known", json_is_true(json_object_get(item, "known")), "needed",
				names_joined(req, json_object_get(item, "needed")), "state", provision_state(item), "why", text_of(item, "why"));
		set_expiry(req, row, item);
		json_array_append_new(list, row);
	}
	return list;
}

json_t *
device_certificates(struct req *req, const json_t *certificates)
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

json_t *
device_mobileconfigs(const json_t *mobileconfigs)
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
json_t *
device_restrictions(struct req *req, const json_t *restrictions)
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
