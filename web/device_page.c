#include "catalog/renewal.h"
#include "mdm/clip.h"
#include "web/device_page.h"
#include "catalog/desired.h"
#include "core/clock.h"
#include "web/commanding.h"
#include "web/device_facts.h"
#include "web/device_verbs.h"
#include "web/mobileconfig_page.h"
#include "web/rooms.h"
#include <string.h>

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

/* ---- what may be done ---- */

/* Is it under management?  Then *ret is what it may be sent. */
static bool
target_of(const json_t *device, struct command_target *ret)
{
	const json_t *supervised = json_object_get(device, "supervised");
	const char *state = text_of(device, "state");

	*ret = (struct command_target){ json_integer_value(json_object_get(device, "access_rights")), text_of(device, "kind"),
					json_is_boolean(supervised) ? json_is_true(supervised) : -1 };
	return strcmp(state, "managed") == 0 || strcmp(state, "silent") == 0 || strcmp(state, "push_broken") == 0;
}

static json_t *
may_of(const json_t *device)
{
	static const struct { const char *name, *request_type; } acts[] = {
		{ "lock", "DeviceLock" }, { "clear_passcode", "ClearPasscode" }, { "erase", "EraseDevice" }, { "restart", "RestartDevice" },
		{ "shut_down", "ShutDownDevice" }, { "lost_mode", "EnableLostMode" }, { "mobileconfig", "InstallProfile" },
		{ "provision", "InstallProvisioningProfile" }, { "app", "RemoveApplication" },
	};
	struct command_target target;
	bool here = target_of(device, &target);
	json_t *may = json_pack("{s:b}", "any", here);
	struct err err;

	for (size_t i = 0; i < sizeof acts / sizeof *acts; i++)
		json_object_set_new(may, acts[i].name, json_boolean(here && command_may(acts[i].request_type, NULL, &target, &err)));
	return may;
}

static json_t *
more_of(struct req *req, const json_t *device)
{
	struct command_target target;

	return target_of(device, &target) ? device_verbs(req, &target) : json_null();
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
	bool anew = json_is_true(json_object_get(app, "anew")), offered = json_is_true(json_object_get(app, "offered"));
	bool resign, coming;
	time_t ends, next;
	struct err none;

	if (!app || !clock_parse(text_of(app, "ends"), &ends, &none) || ends > clock_now() + 30 * DAY_S)
		return json_null();
	resign = strcmp(text_of(app, "cause"), "certificate") == 0 && !anew && !offered;
	coming = strcmp(text_of(app, "cause"), "certificate") != 0 && !anew && !offered && clock_parse(text_of(app, "next"), &next, &none) &&
		 next > ends + DAY_S;
	return json_pack("{s:s, s:o, s:b, s:b, s:b, s:b, s:b}", "name", text_of(app, "name"), "at", page_date_of(req, app, "ends"),
			 "coming", coming, "resign", resign, "anew", anew, "offered", offered, "none", !resign && !coming && !anew && !offered);
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
device_page_data(struct req *req, json_t *device, struct device_history *history, json_t **ret, struct err *err)
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

	json_object_set_new(page, "more", more_of(req, device));
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
	history->id = id;
	history->url = url;
	if (!add_kept(req, page, id, err) || !device_history(req, history, page, err)) {
		json_decref(page);
		return false;
	}
	*ret = page;
	return true;
}
