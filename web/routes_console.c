/*
 * The console's first pages: today, all apps, the upload page with its result.
 */
#include "catalog/app.h"
#include "catalog/channel.h"
#include "core/audit.h"
#include "core/clock.h"
#include "core/num.h"
#include "web/endings.h"
#include "web/fleet_now.h"
#include "web/managed.h"
#include "web/rooms.h"
#include <string.h>

#define TODAY_BUILDS	12
#define TODAY_LOOKED	200	/* apps that may need attention; more than anybody reads */

/* ---- today ---- */

/* The verdict's warnings of what is newest in the catalog; a superseded build concerns nobody. */
static void
add_todo(struct req *req, json_t *todo, const json_t *build)
{
	const char *word = build_verdict_word(build), *id = text_of(build, "id");
	static const char *const kinds[] = { "provision_expired", "certificate_expired", "provision_expiring",
					     "certificate_expiring" };
	json_t *reason, *item;
	const char *code = strcmp(word, "expiring") == 0 ? "provision_expiring" : NULL;
	size_t i;

	if (strcmp(word, "installs") == 0)
		return;
	json_array_foreach(json_object_get(json_object_get(build, "verdict"), "reasons"), i, reason)
		for (size_t k = 0; !code && k < sizeof kinds / sizeof *kinds; k++)
			if (strcmp(text_of(reason, "code"), kinds[k]) == 0)
				code = kinds[k];
	item = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:o}", "kind", code ? code : "not_installable",
		"level", strcmp(word, "cannot") == 0 ? "error" : "warning",
		"url", mem_printf(req, "/admin/apps/%s/builds/%s", text_of(build, "bundle_id"), id),
		"app_name", text_of(build, "name"), "version", text_of(build, "version"),
		"build", text_of(build, "build"), "at", page_date_of(req, build, "expires"));
	json_array_append_new(todo, item);
}

/* Errors first, each level in its own order; the first that somebody can go to has the filled button. */
static json_t *
most_urgent_first(json_t *todo)
{
	static const char *const levels[] = { "error", "warning", "info" };
	json_t *sorted = json_array(), *item;
	bool urgent = true;
	size_t i;

	for (size_t level = 0; level < sizeof levels / sizeof *levels; level++)
		json_array_foreach(todo, i, item)
			if (strcmp(text_of(item, "level"), levels[level]) == 0) {
				bool first = urgent && *text_of(item, "url");

				json_object_set_new(item, "urgent", json_boolean(first));
				urgent &= !first;
				json_array_append(sorted, item);
			}
	json_decref(todo);
	return sorted;
}

static bool
todo_of(struct req *req, json_t **ret, struct endings_today *endings, struct err *err)
{
	json_t *list, *build, *todo = json_array();
	struct audit_check check;
	int64_t room;
	size_t i;

	if (req->person->role == ROLE_ADMIN && audit_checked(req, req->site->db, &check, err) && check.broken)
		json_array_append_new(todo, json_pack("{s:s, s:s, s:s, s:I}", "kind", "audit_broken", "level", "error",
			"url", "/admin/audit", "row", (json_int_t)check.rows + 1));
	if (blobs_room(req->site->blobs, &room, err) && room < 2 * site_conf(req->site)->upload_keep_free_mb * 1000000)
		json_array_append_new(todo, json_pack("{s:s, s:s, s:s, s:s}", "kind", "disk_low", "level", "error",
			"url", "/readyz", "free", page_size(req, req->language, room)));
	if (!endings_todo(req, todo, endings, err) ||
	    !build_doubtful(req->site->db, viewer_of(req->person), TODAY_LOOKED, &list, err)) {
		json_decref(todo);
		return false;
	}
	json_array_foreach(list, i, build)
		if (!json_object_get(endings->apps, text_of(build, "bundle_id")))
			add_todo(req, todo, build);
	json_decref(list);
	messages_todo(req, todo);
	if (!devices_todo(req, todo, err) || !came_back_todo(req, todo, err) || !authority_todo(req, todo, err) ||
	    !scep_todo(req, todo, err) || !approval_todo(req, todo, err) || !push_todo(req, todo, err) || !managed_todo(req, todo, err)) {
		json_decref(todo);
		return false;
	}
	*ret = most_urgent_first(todo);
	return true;
}

static bool
get_today(struct req *req, struct reply *reply, struct err *err)
{
	struct build_filter filter = { .brief = true };
	struct endings_today endings = { 0 };
	json_t *list, *build, *todo, *newest, *data;
	size_t i;

	if (!todo_of(req, &todo, &endings, err) ||
	    !build_list(req->site->db, viewer_of(req->person), &filter, NULL, TODAY_BUILDS, &list, err)) {
		json_decref(endings.weeks);
		json_decref(endings.apps);
		return false;
	}
	json_decref(endings.apps);
	newest = json_array();
	json_array_foreach(json_object_get(list, "items"), i, build) {
		const char *bundle_id = text_of(build, "bundle_id");
		json_t *item = page_build_row(req, build);

		json_object_set_new(item, "app_name", json_string(text_of(build, "name")));
		json_object_set_new(item, "icon_url", json_sprintf("/apps/%s/icon/120.png", bundle_id));
		json_object_set_new(item, "url", json_sprintf("/admin/apps/%s/builds/%s", bundle_id, text_of(build, "id")));
		json_array_append_new(newest, item);
	}
	json_decref(list);
	data = json_pack("{s:o, s:o, s:o, s:o}", "date", page_date(req->language, clock_now()), "todo", todo, "weeks", endings.weeks,
			 "builds", newest);
	if (!fleet_today(req, data, err)) {
		json_decref(data);
		return false;
	}
	return reply_page(reply, req, "today", data, err);
}

/* ---- apps ---- */

/* The row of its newest build; the facts are read only where the verdict may have become worse. */
static bool
app_row(struct req *req, const json_t *app, json_t **ret, struct err *err)
{
	const char *id = text_of(app, "build_id");
	json_t *build, *channels;

	if (json_integer_value(json_object_get(app, "good_until")) <= clock_now()) {
		if (!build_show(req->site->db, viewer_of(req->person), id, false, &build, err))
			return false;
	} else {
		if (!channel_names(req->site->db, viewer_of(req->person), id, &channels, err))
			return false;
		build = json_copy((json_t *)(uintptr_t)app);
		json_object_set_new(build, "channels", channels);
		json_object_set(build, "created", json_object_get(app, "updated"));
	}
	*ret = page_build_row(req, build);
	json_decref(build);
	return true;
}

static bool
get_apps(struct req *req, struct reply *reply, struct err *err)
{
	struct app_filter filter = { .search = req_query(req, "q"), .owned = true };
	json_t *list, *app, *apps = json_array(), *data;
	size_t i;

	if (!app_list(req->site->db, viewer_of(req->person), &filter, req_query(req, "after"), APP_PAGE_MAX, &list, err)) {
		json_decref(apps);
		return false;
	}
	json_array_foreach(json_object_get(list, "items"), i, app) {
		const char *bundle_id = text_of(app, "bundle_id");
		json_t *item;
		int64_t n;

		if (!app_row(req, app, &item, err))
			continue;	/* deleted this moment */
		if (!build_count(req->site->db, viewer_of(req->person), bundle_id, &n, err))
			n = 0;
		json_object_set_new(item, "builds", json_integer(n));
		json_object_set_new(item, "url", json_sprintf("/admin/apps/%s", bundle_id));
		json_object_set_new(item, "icon_url", json_sprintf("/apps/%s/icon/120.png", bundle_id));
		json_array_append_new(apps, item);
	}
	data = json_pack("{s:o, s:s?}", "apps", apps, "next_url", page_next(req, "/admin/apps", "q", list));
	json_decref(list);
	return reply_page(reply, req, "apps", data, err);
}

/* ---- the result of an upload ---- */

static void
add_change(json_t *changes, const char *what, const char *before, const char *after, const char *level)
{
	if (strcmp(before, after) != 0)
		json_array_append_new(changes, json_pack("{s:s, s:s, s:s, s:n, s:s}", "what", what, "before", before,
							 "after", after, "means", "level", level));
}

static const char *
keys_of(TALLOC_CTX *ctx, const json_t *object)
{
	const char *key, *text = "";
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)object, key, value)
		text = mem_printf(ctx, "%s%s%s", text, *text ? ", " : "", key);
	return text;
}

static const char *
extensions_of(TALLOC_CTX *ctx, const json_t *facts)
{
	const char *text = "";
	json_t *extension;
	size_t i;

	json_array_foreach(json_object_get(facts, "extensions"), i, extension)
		text = mem_printf(ctx, "%s%s%s", text, *text ? ", " : "", text_of(extension, "bundle_id"));
	return text;
}

/* What changed against the build before it. */
static json_t *
changes_between(struct req *req, const json_t *before, const json_t *after)
{
	const json_t *old = json_object_get(before, "facts"), *new = json_object_get(after, "facts");
	const json_t *old_provision = json_object_get(old, "provision"), *new_provision = json_object_get(new, "provision");
	json_t *changes = json_array();

	add_change(changes, "size", page_size(req, req->language, json_integer_value(json_object_get(before, "size"))),
		   page_size(req, req->language, json_integer_value(json_object_get(after, "size"))), "info");
	add_change(changes, "minimum_os", text_of(before, "minimum_os"), text_of(after, "minimum_os"),
		   num_version_compare(text_of(before, "minimum_os"), text_of(after, "minimum_os")) < 0 ? "warning" : "info");
	add_change(changes, "entitlements", keys_of(req, json_object_get(old_provision, "entitlements")),
		   keys_of(req, json_object_get(new_provision, "entitlements")), "info");
	add_change(changes, "extensions", extensions_of(req, old), extensions_of(req, new), "info");
	add_change(changes, "provision", text_of(old_provision, "name"), text_of(new_provision, "name"), "info");
	return changes;
}

static bool
result_of(struct req *req, const char *id, json_t **ret, struct err *err)
{
	struct build_filter filter = { 0 };
	json_t *build, *list, *before = NULL, *page, *item;
	size_t i;

	if (!build_own(req->site->db, req->person, id, err) ||
	    !build_show(req->site->db, viewer_of(req->person), id, true, &build, err))
		return false;
	filter.bundle_id = text_of(build, "bundle_id");
	page = page_build(req, build);
	if (!build_list(req->site->db, viewer_of(req->person), &filter, NULL, 20, &list, err))
		list = json_object();
	json_array_foreach(json_object_get(list, "items"), i, item)
		if (!before && strcmp(text_of(item, "created"), text_of(build, "created")) <= 0 &&
		    strcmp(text_of(item, "id"), id) != 0 &&
		    !build_show(req->site->db, viewer_of(req->person), text_of(item, "id"), true, &before, err))
			before = NULL;
	json_object_set_new(page, "fresh", json_boolean(!req_query(req, "same")));
	json_object_set_new(page, "url", json_sprintf("/admin/apps/%s/builds/%s", filter.bundle_id, id));
	json_object_set_new(page, "publish_url", json_sprintf("/admin/builds/%s/promote", id));
	json_object_set_new(page, "notes_text", json_string(text_of(build, "notes")));
	json_object_set_new(page, "before", !before ? json_null() : json_pack("{s:s, s:s}", "version",
			    text_of(before, "version"), "build", text_of(before, "build")));
	json_object_set_new(page, "changes", before ? changes_between(req, before, build) : json_array());
	json_decref(before);
	json_decref(list);
	json_decref(build);
	*ret = page;
	return true;
}

static bool
channels_of(struct req *req, const char *bundle_id, json_t **ret, struct err *err)
{
	json_t *channels, *channel;
	bool has_default = false;
	char *app;
	size_t i;

	if (!bundle_id || !app_own(req, req->site->db, viewer_of(req->person), bundle_id, &app, err))
		channels = json_array();
	else if (!channel_list(req->site->db, viewer_of(req->person), app, &channels, err))
		return false;
	json_array_foreach(channels, i, channel) {
		bool is_default = strcmp(text_of(channel, "name"), CHANNEL_DEFAULT) == 0;

		has_default |= is_default;
		json_object_set(channel, "label", json_object_get(channel, "name"));
		json_object_set_new(channel, "selected", json_boolean(is_default));
	}
	if (!has_default)
		json_array_append_new(channels, json_pack("{s:s, s:s, s:b}", "name", CHANNEL_DEFAULT, "label",
							  CHANNEL_DEFAULT, "selected", 1));
	*ret = channels;
	return true;
}

bool
upload_page(struct req *req, struct reply *reply, int status, const char *build, const struct err *refused,
	    struct err *err)
{
	json_t *result = json_null(), *channels, *data;
	char text[520];

	if (build && !result_of(req, build, &result, err))
		return false;
	if (!channels_of(req, build ? text_of(result, "bundle_id") : NULL, &channels, err)) {
		json_decref(result);
		return false;
	}
	data = json_pack("{s:s, s:s, s:s, s:s, s:s, s:o, s:o}",
		"max_size", page_size(req, req->language, site_conf(req->site)->upload_max_mb * 1000000),
		"upload_url", "/api/v1/upload?notify=no", "tus_url", "/api/v1/uploads", "done_url", "/admin/upload?build=",
		"curl", mem_printf(req, "curl -fT App.ipa -H \"Authorization: Bearer $POMONA_TOKEN\" %s/api/v1/upload",
				   req->site->base_url), "channels", channels, "result", result);
	json_object_set_new(data, "refused", !refused ? json_null() : json_pack("{s:s, s:s}", "code", refused->code,
			    "text", err_text(refused, text, sizeof text)));
	return reply_page_status(reply, req, status, "upload", data, err);
}

static bool
get_upload_page(struct req *req, struct reply *reply, struct err *err)
{
	return upload_page(req, reply, 200, req_query(req, "build"), NULL, err);
}

const struct route console_routes[] = {
	{ GET,    "/admin",                          WHO_PUBLISHER, "0",   ON_WORKER, get_today,       NULL, NULL, "What needs attention" },
	{ GET,    "/admin/apps",                     WHO_PUBLISHER, "0",   ON_WORKER, get_apps,        NULL, NULL, "All apps" },
	{ GET,    "/admin/upload",                   WHO_PUBLISHER, "0",   ON_WORKER, get_upload_page, NULL, NULL, "Upload, and its result" },
	{ 0 }
};
