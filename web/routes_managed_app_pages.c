/*
 * Apps on managed devices for people: a device's apps, an app's devices with its rollout and configurations, and the
 * button of the catalog that puts an app on a device of one's own.
 */
#include "catalog/app.h"
#include "catalog/app_configuration.h"
#include "catalog/build.h"
#include "catalog/channel.h"
#include "catalog/managed_app.h"
#include "catalog/rollout.h"
#include "core/clock.h"
#include "core/num.h"
#include "web/audience_form.h"
#include "web/commanding.h"
#include "web/device_page.h"
#include "web/managed_apps.h"
#include "web/rooms.h"
#include <stdlib.h>
#include <string.h>

#define DEVICES_SHOWN	50
#define CHOICES_MAX	200

/* May the page say why, beside what was asked? */
static bool
sayable(struct req *req, const struct err *err)
{
	return req->browser && (err->kind == ERR_INVALID || err->kind == ERR_CONFLICT || err->kind == ERR_DENIED ||
				err->kind == ERR_LIMIT);
}

static json_t *
text_or_null(const json_t *json, const char *key)
{
	return *text_of(json, key) ? json_string(text_of(json, key)) : json_null();
}

static bool
is(const json_t *item, const char *key, const char *value)
{
	return strcmp(text_of(item, key), value) == 0;
}

/* What somebody may do by hand: what is under way runs its course. */
static bool
may_again(const json_t *item)
{
	return is(item, "state", "declined") || is(item, "state", "failed") || is(item, "state", "timed_out") ||
	       is(item, "state", "wanted") || is(item, "state", "removed");
}

/* ---- a device's apps ---- */

static json_t *
item_row(struct req *req, const json_t *item)
{
	const char *version = text_of(item, "version"), *install = text_of(item, "install_id");
	json_int_t attempts = json_integer_value(json_object_get(item, "attempts"));
	bool going = is(item, "state", "removing") || is(item, "state", "removed");

	return json_pack("{s:s, s:s, s:s, s:o, s:s, s:s, s:s, s:s, s:b, s:b, s:o, s:o, s:o, s:o}", "bundle_id", text_of(item, "bundle_id"),
		"name", text_of(item, "name"), "wanted", *version ? mem_printf(req, "%s (%s)", version, text_of(item, "build")) : "",
		"installed", text_or_null(item, "installed_version"), "cause", text_of(item, "cause"), "state", text_of(item, "state"),
		"why", text_of(item, "why"), "detail", text_of(item, "detail"), "again", may_again(item), "goes",
		!going && !is(item, "cause", "required") && (json_is_true(json_object_get(item, "managed")) || !may_again(item)), "next",
		page_moment_of(req, item, "due"), "changed", page_moment_of(req, item, "changed"), "url",
		*install && *text_of(item, "build_id") ? json_sprintf("/admin/installs?build=%s", text_of(item, "build_id")) : json_null(), "attempts",
		attempts > 1 ? json_integer(attempts) : json_null());
}

static bool
choices_of(struct req *req, json_t **ret, struct err *err)
{
	struct app_filter filter = { .owned = true };
	json_t *list, *app;
	size_t i;

	if (!app_list(req->site->db, viewer_of(req->person), &filter, NULL, CHOICES_MAX, &list, err))
		return false;
	*ret = json_array();
	json_array_foreach(json_object_get(list, "items"), i, app)
		if (json_is_true(json_object_get(app, "installable")))
			json_array_append_new(*ret, json_pack("{s:s, s:s}", "bundle_id", text_of(app, "bundle_id"), "name", text_of(app, "name")));
	json_decref(list);
	return true;
}

static bool
device_apps_page(struct req *req, struct reply *reply, const struct err *refused, struct err *err)
{
	const char *id = req_param(req, "id"), *changed = req_query(req, "changed");
	json_t *device, *list, *choices, *rows, *item;
	char text[520];
	size_t i;

	if (!whole_admin(req, err) || !device_show(req->site->db, id, device_silent_s(req), &device, err))
		return false;
	if (!managed_app_list(req->site->db, id, &list, err)) {
		json_decref(device);
		return false;
	}
	if (!choices_of(req, &choices, err)) {
		json_decref(device);
		json_decref(list);
		return false;
	}
	rows = json_array();
	json_array_foreach(json_object_get(list, "items"), i, item)
		json_array_append_new(rows, item_row(req, item));
	json_decref(list);
	item = json_pack("{s:{s:s, s:o}, s:o, s:o, s:s?, s:s?}", "device", "name", device_called(req, device), "url",
		json_sprintf("/admin/devices/%s", id), "items", rows, "choices", choices, "changed", refused ? NULL : changed, "refused",
		refused ? err_text(refused, text, sizeof text) : NULL);
	json_decref(device);
	return reply_page_status(reply, req, refused ? err_http_status(refused->kind) : 200, "deviceapps", item, err);
}

static bool
get_device_apps(struct req *req, struct reply *reply, struct err *err)
{
	return device_apps_page(req, reply, NULL, err);
}

static bool
post_device_apps(struct req *req, struct reply *reply, struct err *err)
{
	const char *id = req_param(req, "id"), *bundle_id, *act;
	bool removes, done;
	struct err why;

	if (!whole_admin(req, err) || !form_text(req, "bundle_id", &bundle_id, err) || !form_text(req, "act", &act, err))
		return false;
	removes = strcmp(act, "remove") == 0;
	done = removes ? managed_app_remove(req->site->db, managed_app_actor(req), id, bundle_id, err) :
			 managed_app_ask(req->site->db, managed_app_actor(req), id, bundle_id, err);
	if (done)
		return reply_see(reply, mem_printf(req, "/admin/devices/%s/apps?changed=%s", id, removes ? "removed" : "asked"));
	why = *err;
	return sayable(req, &why) && device_apps_page(req, reply, &why, err);
}

/* ---- an app's devices ---- */

static json_t *
wave_rows(struct req *req, const json_t *rollout)
{
	json_t *rows = json_array(), *wave;
	size_t i;

	json_array_foreach(json_object_get(rollout, "waves"), i, wave) {
		json_int_t reached = json_integer_value(json_object_get(wave, "reached"));
		bool stopped = json_is_true(json_object_get(wave, "stopped"));

		json_array_append_new(rows, json_pack("{s:s, s:s, s:I, s:b, s:b, s:o}", "build_id", text_of(wave, "build_id"), "version",
			mem_printf(req, "%s (%s)", text_of(wave, "version"), text_of(wave, "build")), "reached", reached, "stopped", stopped,
			"over", reached >= 100 && !stopped, "began", page_moment_of(req, wave, "began")));
	}
	return rows;
}

static json_t *
rollout_part(const json_t *rollout)
{
	json_t *part = json_deep_copy(rollout);

	json_object_set_new(part, "by_step", json_boolean(is(rollout, "pace", "step")));
	json_object_set_new(part, "device_zone", json_boolean(is(rollout, "zone", "device")));
	json_object_del(part, "waves");
	return part;
}

static json_t *
device_rows(struct req *req, const json_t *devices)
{
	json_t *rows = json_array(), *d;
	size_t i;

	json_array_foreach(json_object_get(devices, "items"), i, d)
		json_array_append_new(rows, json_pack("{s:s, s:s, s:s, s:o, s:s, s:s, s:s}", "url",
			mem_printf(req, "/admin/devices/%s/apps", text_of(d, "device_id")), "name",
			*text_of(d, "device") ? text_of(d, "device") : text_of(d, "device_id"), "person", text_of(d, "person"), "installed",
			text_or_null(d, "installed_version"), "state", text_of(d, "state"), "why", text_of(d, "why"), "detail",
			text_of(d, "detail")));
	return rows;
}

static json_t *
states_part(const json_t *states)
{
	json_t *rows = json_deep_copy(states), *row;
	size_t i;

	json_array_foreach(rows, i, row) {
		json_object_set_new(row, "why", json_string(""));
		json_object_set_new(row, "detail", json_string(""));
	}
	return rows;
}

static const char *
dumped(struct req *req, const json_t *json, size_t flags)
{
	char *text = json_dumps(json, flags | JSON_ENCODE_ANY);
	const char *ret = mem_text(req, text ? text : "");

	free(text);
	return ret;
}

static bool
configuration_rows(struct req *req, const char *bundle_id, json_t *rows, struct err *err)
{
	json_t *items, *item, *whole;
	bool ok = true;
	size_t i;

	if (!app_configuration_list(req->site->db, req->person, bundle_id, &items, err))
		return false;
	json_array_foreach(items, i, item) {
		ok = app_configuration_show(req->site->db, req->site->sealer, req->person, bundle_id, text_of(item, "id"), &whole, err);
		if (!ok)
			break;
		json_array_append_new(rows, json_pack("{s:s, s:s, s:s, s:s, s:s}", "id", text_of(whole, "id"), "name", text_of(whole, "name"),
			"audience", dumped(req, json_object_get(whole, "audience"), JSON_COMPACT), "configuration",
			dumped(req, json_object_get(whole, "configuration"), JSON_INDENT(2)), "url",
			mem_printf(req, "/admin/apps/%s/configurations", bundle_id)));
		json_decref(whole);
	}
	json_decref(items);
	return ok;
}

static bool
required_in(struct req *req, const char *app, const char **ret, struct err *err)
{
	json_t *channels, *names = json_array(), *channel;
	size_t i;

	if (!channel_list(req->site->db, viewer_of(req->person), app, &channels, err)) {
		json_decref(names);
		return false;
	}
	json_array_foreach(channels, i, channel)
		if (json_is_true(json_object_get(channel, "required")))
			json_array_append(names, json_object_get(channel, "name"));
	*ret = names_joined(req, names);
	json_decref(channels);
	json_decref(names);
	return true;
}

/* What is asked of the database for the page, each of which may fail. */
static bool
gather(struct req *req, const char *bundle_id, json_t *page, struct err *err)
{
	struct db *db = req->site->db;
	json_t *app, *part, *configurations = json_array();
	const char *required;

	json_object_set_new(page, "configurations", configurations);
	if (!app_show(db, viewer_of(req->person), bundle_id, &app, err))
		return false;
	json_object_set_new(page, "name", json_string(text_of(app, "name")));
	part = app;
	if (!required_in(req, text_of(app, "id"), &required, err)) {
		json_decref(part);
		return false;
	}
	json_decref(part);
	json_object_set_new(page, "required", json_string(required));
	if (!managed_app_versions(db, bundle_id, &part, err))
		return false;
	json_object_set_new(page, "versions", part);
	if (!managed_app_counts(db, bundle_id, &part, err))
		return false;
	json_object_set_new(page, "states", states_part(part));
	json_decref(part);
	if (!managed_app_devices(db, bundle_id, req_query(req, "after"), DEVICES_SHOWN, &part, err))
		return false;
	json_object_set_new(page, "devices", device_rows(req, part));
	json_object_set_new(page, "next_url", json_pack("s?", page_next(req, mem_printf(req, "/admin/apps/%s/devices", bundle_id),
									"", part)));
	json_decref(part);
	if (!groups_part(req, &part, err))
		return false;
	json_object_set_new(page, "groups", part);
	return configuration_rows(req, bundle_id, configurations, err);
}

static bool
app_devices_page(struct req *req, struct reply *reply, const struct err *refused, struct err *err)
{
	const char *bundle_id = req_param(req, "bundle");
	json_t *rollout, *page, *audience;
	char text[520];

	if (!rollout_show(req->site->db, req->person, bundle_id, &rollout, err))
		return false;
	page = json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:b, s:s?}", "bundle_id", bundle_id, "icon_url",
		json_sprintf("/apps/%s/icon/120.png", bundle_id), "url", json_sprintf("/admin/apps/%s", bundle_id), "builds_url",
		json_sprintf("/admin/apps/%s", bundle_id), "rollout",
		rollout_part(rollout), "waves", wave_rows(req, rollout), "changed", !refused && req_query(req, "changed"), "refused",
		refused ? err_text(refused, text, sizeof text) : NULL);
	json_decref(rollout);
	audience = audience_rows(req, NULL);
	json_object_update(page, audience);
	json_decref(audience);
	if (!gather(req, bundle_id, page, err)) {
		json_decref(page);
		return false;
	}
	return reply_page_status(reply, req, refused ? err_http_status(refused->kind) : 200, "appdevices", page, err);
}

static bool
get_app_devices(struct req *req, struct reply *reply, struct err *err)
{
	return app_devices_page(req, reply, NULL, err);
}

static bool
after_act(struct req *req, struct reply *reply, bool done, struct err *err)
{
	struct err why = *err;

	if (done)
		return reply_see(reply, mem_printf(req, "/admin/apps/%s/devices?changed=yes", req_param(req, "bundle")));
	return sayable(req, &why) && app_devices_page(req, reply, &why, err);
}

static void
add_check(struct req *req, json_t *fields, const char *name)
{
	json_object_set_new(fields, name, json_boolean(req_form(req, name) != NULL));
}

static bool
post_rollout(struct req *req, struct reply *reply, struct err *err)
{
	static const char *const checks[] = { "keep_current", "paused", "back", "remove_on_leave", "with_management", "no_backup" };
	const char *percent = req_form(req, "percent"), *hours = req_form(req, "hours"), *pace = req_form(req, "pace"),
		   *zone = req_form(req, "zone");
	json_t *fields = json_object();
	int64_t n = 0;
	struct err none;
	bool ok;

	for (size_t i = 0; i < sizeof checks / sizeof *checks; i++)
		add_check(req, fields, checks[i]);
	if (percent && !num_parse(percent, 0, 1000, &n, &none))
		n = 0;
	if (percent)
		json_object_set_new(fields, "percent", json_integer(n));
	if (hours)
		json_object_set_new(fields, "hours", json_string(hours));
	if (pace)
		json_object_set_new(fields, "pace", json_string(pace));
	if (zone)
		json_object_set_new(fields, "zone", json_string(zone));
	ok = rollout_set(req->site->db, req->person, req_param(req, "bundle"), fields, err);
	json_decref(fields);
	return after_act(req, reply, ok, err);
}

static bool
post_wave(struct req *req, struct reply *reply, struct err *err)
{
	const char *build_id, *act, *bundle_id = req_param(req, "bundle");

	if (!form_text(req, "build_id", &build_id, err) || !form_text(req, "act", &act, err))
		return false;
	if (strcmp(act, "stop") != 0 && strcmp(act, "step") != 0)
		return err_set(err, ERR_INVALID, "act: a wave takes a step or is stopped, not \"%.40s\"", act);
	return after_act(req, reply, strcmp(act, "stop") == 0 ? rollout_stop(req->site->db, req->person, bundle_id, build_id, err) :
			 rollout_step(req->site->db, req->person, bundle_id, build_id, err), err);
}

/* As it was typed: an object of JSON. */
static bool
typed(struct req *req, json_t **ret, struct err *err)
{
	const char *text;
	json_error_t where;

	if (!form_text(req, "configuration", &text, err))
		return false;
	*ret = json_loads(text, JSON_REJECT_DUPLICATES, &where);
	return *ret || err_code(err, ERR_INVALID, "bad_configuration", "line %d: %s", where.line, where.text);
}

static bool
save_configuration(struct req *req, const char *id, struct err *err)
{
	const char *bundle_id = req_param(req, "bundle");
	struct app_configuration_wish wish = { .name = req_form(req, "name") };
	json_t *audience = NULL, *configuration, *kept = NULL;
	bool same = false, ok;
	char *made;

	wish.name = wish.name ? wish.name : "";
	if (id ? !app_configuration_show(req->site->db, req->site->sealer, req->person, bundle_id, id, &kept, err) :
		 !audience_of_form(req, &audience, &same, err))
		return false;
	if (!typed(req, &configuration, err)) {
		json_decref(kept);
		return false;
	}
	wish.configuration = configuration;
	wish.audience = id ? json_object_get(kept, "audience") : audience;
	ok = app_configuration_put(req, req->site->db, req->site->sealer, req->person, bundle_id, id, &wish, &made, err);
	json_decref(configuration);
	json_decref(kept);
	return ok;
}

static bool
post_configuration(struct req *req, struct reply *reply, struct err *err)
{
	const char *act, *id = req_form(req, "id");
	char *app;
	bool ok;

	if (!app_own(req, req->site->db, viewer_of(req->person), req_param(req, "bundle"), &app, err) ||
	    !form_text(req, "act", &act, err))
		return false;
	if (strcmp(act, "remove") == 0)
		ok = app_configuration_remove(req->site->db, req->person, req_param(req, "bundle"), id ? id : "", err);
	else
		ok = save_configuration(req, strcmp(act, "add") == 0 ? NULL : id ? id : "", err);
	return after_act(req, reply, ok, err);
}

/* ---- one's own devices, on the page of an app ---- */

bool
managed_app_yours(struct req *req, const char *bundle_id, const char *build_id, json_t **ret, struct err *err)
{
	json_t *offers, *offer, *app;
	bool newest;
	size_t i;

	*ret = json_array();
	if (!req->person)
		return true;
	if (!app_show(req->site->db, viewer_of(req->person), bundle_id, &app, err)) {
		json_decref(*ret);
		return false;
	}
	newest = is(app, "newest_build_id", build_id);
	json_decref(app);
	if (!newest)	/* management brings what is newest, and this page is about another build */
		return true;
	if (!managed_app_offers(req->site->db, req->person->id, bundle_id, build_id, &offers, err)) {
		json_decref(*ret);
		return false;
	}
	json_array_foreach(offers, i, offer) {
		bool busy = *text_of(offer, "state") && !may_again(offer) && !is(offer, "state", "installed");

		json_array_append_new(*ret, json_pack("{s:s, s:s, s:s, s:s, s:s, s:o, s:b}", "url",
			mem_printf(req, "/apps/%s/devices/%s", bundle_id, text_of(offer, "id")), "name", text_of(offer, "name"), "state",
			text_of(offer, "state"), "why", *text_of(offer, "unfit") ? text_of(offer, "unfit") : text_of(offer, "why"), "detail", "",
			"installed", text_or_null(offer, "installed_version"), "may", !busy && !*text_of(offer, "unfit")));
	}
	json_decref(offers);
	return true;
}

/* Onto one of one's own devices; of any other nothing is said. */
static bool
post_own_device(struct req *req, struct reply *reply, struct err *err)
{
	const char *bundle_id = req_param(req, "bundle"), *id = req_param(req, "id");
	json_t *device;
	char *app;
	bool own;

	if (!app_id(req, req->site->db, viewer_of(req->person), bundle_id, &app, err) ||
	    !device_show(req->site->db, id, device_silent_s(req), &device, err))
		return false;
	own = is(json_object_get(device, "person"), "id", req->person->id);
	json_decref(device);
	if (!own)
		return err_set(err, ERR_MISSING, "no such device of yours");
	return managed_app_ask(req->site->db, managed_app_actor(req), id, bundle_id, err) &&
	       reply_see(reply, mem_printf(req, "/apps/%s#h-yours", bundle_id));
}

const struct route managed_app_page_routes[] = {
	{ GET,  "/admin/devices/:id/apps",              WHO_ADMIN,     "0",   ON_WORKER, get_device_apps,    NULL, NULL, "A device's apps by management" },
	{ POST, "/admin/devices/:id/apps",              WHO_ADMIN,     "16K", ON_WORKER, post_device_apps,   NULL, NULL, "Install one, or remove it" },
	{ GET,  "/admin/apps/:bundle/devices",          WHO_PUBLISHER, "0",   ON_WORKER, get_app_devices,    NULL, NULL, "An app on managed devices: versions, rollout, configurations" },
	{ POST, "/admin/apps/:bundle/rollout",          WHO_PUBLISHER, "16K", ON_WORKER, post_rollout,       NULL, NULL, "How it is kept current" },
	{ POST, "/admin/apps/:bundle/wave",             WHO_PUBLISHER, "16K", ON_WORKER, post_wave,          NULL, NULL, "The next wave of a build, or its end" },
	{ POST, "/admin/apps/:bundle/configurations",   WHO_PUBLISHER, "96K", ON_WORKER, post_configuration, NULL, NULL, "Add, change or remove a configuration" },
	{ POST, "/apps/:bundle/devices/:id",            WHO_PERSON,    "16K", ON_WORKER, post_own_device,    NULL, NULL, "Install an app on a managed device of one's own" },
	{ 0 }
};
