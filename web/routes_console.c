/*
 * The console of publishers and admins: today, apps and builds, the result of an upload, settings.
 */
#include "catalog/app.h"
#include "catalog/channel.h"
#include "catalog/setting.h"
#include "core/clock.h"
#include "core/num.h"
#include "web/look.h"
#include "web/qr.h"
#include "web/rooms.h"
#include <string.h>

#define TODAY_BUILDS	12
#define TODAY_LOOKED	200	/* newest builds that are looked through for what needs attention */
#define CONSOLE_BUILDS	100

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
	if (strcmp(word, "cannot") == 0)
		json_array_insert_new(todo, 0, item);
	else
		json_array_append_new(todo, item);
}

static bool
get_today(struct req *req, struct reply *reply, struct err *err)
{
	struct build_filter filter = { .bundle_id = req->person->bundle_id };
	json_t *list, *build, *todo = json_array(), *newest = json_array(), *seen = json_object(), *data;
	int64_t room;
	size_t i;

	if (!build_list(req->site->db, &filter, NULL, TODAY_LOOKED, &list, err))
		goto failed;
	json_array_foreach(json_object_get(list, "items"), i, build) {
		const char *bundle_id = text_of(build, "bundle_id");

		if (!json_object_get(seen, bundle_id)) {
			json_object_set_new(seen, bundle_id, json_true());
			add_todo(req, todo, build);
		}
		if (i < TODAY_BUILDS) {
			json_t *item = page_build(req, build);

			json_object_set_new(item, "app_name", json_string(text_of(build, "name")));
			json_object_set_new(item, "icon_url", json_sprintf("/apps/%s/icon/120.png", bundle_id));
			json_object_set_new(item, "url", json_sprintf("/admin/apps/%s/builds/%s", bundle_id, text_of(build, "id")));
			json_array_append_new(newest, item);
		}
	}
	json_decref(list);
	if (blobs_room(req->site->blobs, &room, err) && room < 2 * site_conf(req->site)->upload_keep_free_mb * 1000000)
		json_array_insert_new(todo, 0, json_pack("{s:s, s:s, s:s, s:s}", "kind", "disk_low", "level", "error",
			"url", "/readyz", "free", page_size(req, req->language, room)));
	json_decref(seen);
	data = json_pack("{s:o, s:o, s:o}", "date", page_date(req->language, clock_now()), "todo", todo, "builds", newest);
	return reply_page(reply, req, "today", data, err);
failed:
	json_decref(todo);
	json_decref(newest);
	json_decref(seen);
	return false;
}

/* ---- apps and builds ---- */

static bool
get_apps(struct req *req, struct reply *reply, struct err *err)
{
	json_t *list, *app, *apps = json_array(), *data;
	size_t i;

	if (!app_list(req->site->db, req_query(req, "q"), req_query(req, "after"), APP_PAGE_MAX, &list, err)) {
		json_decref(apps);
		return false;
	}
	json_array_foreach(json_object_get(list, "items"), i, app) {
		const char *bundle_id = text_of(app, "bundle_id");
		json_t *build, *item;
		int64_t n;

		if (!build_show(req->site->db, text_of(app, "build_id"), false, &build, err))
			continue;	/* deleted this moment */
		if (!build_count(req->site->db, bundle_id, &n, err))
			n = 0;
		item = page_build(req, build);
		json_decref(build);
		json_object_set_new(item, "builds", json_integer(n));
		json_object_set_new(item, "url", json_sprintf("/admin/apps/%s", bundle_id));
		json_object_set_new(item, "icon_url", json_sprintf("/apps/%s/icon/120.png", bundle_id));
		json_array_append_new(apps, item);
	}
	data = json_pack("{s:o, s:s?}", "apps", apps, "next_url", page_next(req, "/admin/apps", list));
	json_decref(list);
	return reply_page(reply, req, "apps", data, err);
}

static json_t *
or_null(const char *text)
{
	return *text ? json_string(text) : json_null();
}

static bool
links_of(struct req *req, const char *id, json_t **ret, struct err *err)
{
	json_t *grants, *grant, *links = json_array();
	size_t i;

	if (!grant_list(req->site->db, id, &grants, err)) {
		json_decref(links);
		return false;
	}
	json_array_foreach(grants, i, grant) {
		json_int_t most = json_integer_value(json_object_get(grant, "installs_max"));
		json_int_t used = json_integer_value(json_object_get(grant, "installs"));
		json_t *link;

		if (strcmp(text_of(grant, "kind"), "ci") != 0)
			continue;
		link = json_pack("{s:s, s:o, s:o, s:I, s:b, s:s}", "label",
			mem_printf(req, "%s %.4s", text_of(grant, "by"), text_of(grant, "id")),
			"created", page_moment_of(req, grant, "created"), "expires", page_moment_of(req, grant, "expires"),
			"installs", used, "working", !most || used < most,
			"revoke_url", mem_printf(req, "/admin/grants/%s/revoke", text_of(grant, "id")));
		json_object_set_new(link, "max_installs", most ? json_integer(most) : json_null());
		json_array_append_new(links, link);
	}
	json_decref(grants);
	*ret = links;
	return true;
}

/* One build as the console looks at it. */
static bool
build_detail(struct req *req, const json_t *build, const char *new_token, json_t **ret, struct err *err)
{
	const char *id = text_of(build, "id"), *base;
	const json_t *provision = json_object_get(json_object_get(build, "facts"), "provision");
	json_t *page, *links, *link = json_null(), *qr;

	if (!links_of(req, id, &links, err))
		return false;
	page = page_build(req, build);
	base = mem_printf(req, "/admin/builds/%s", id);
	json_object_set_new(page, "promote_url", json_sprintf("%s/promote", base));
	json_object_set_new(page, "links_url", json_sprintf("%s/links", base));
	json_object_set_new(page, "delete_url", json_sprintf("%s/delete", base));
	json_object_set_new(page, "delete_word", json_string(*text_of(build, "version") ? text_of(build, "version")
							      : text_of(build, "build")));
	json_object_set_new(page, "branch", or_null(text_of(build, "branch")));
	json_object_set_new(page, "git_commit", or_null(text_of(build, "git_commit")));
	json_object_set_new(page, "ci_url", or_null(text_of(build, "ci_url")));
	json_object_set_new(page, "links", links);
	json_object_set_new(page, "provision", !json_is_object(provision) ? json_null() : json_pack(
		"{s:s, s:s, s:s, s:o}", "name", text_of(provision, "name"), "kind", text_of(provision, "kind"),
		"team_name", text_of(provision, "team_name"), "expires", page_date_of(req, provision, "expires")));
	if (new_token) {
		const char *url = mem_printf(req, "%s/i/%s", req->site->base_url, new_token);

		if (qr_json(url, &qr, err))
			link = json_pack("{s:s, s:o}", "url", url, "qr", qr);
	}
	json_object_set_new(page, "new_link", link);
	*ret = page;
	return true;
}

static bool
builds_page(struct req *req, struct reply *reply, const char *bundle_id, const char *id, const char *new_token,
	    bool wrong_word, struct err *err)
{
	struct build_filter filter = { .bundle_id = bundle_id };
	const char *changed = req_query(req, "changed");
	json_t *list, *build, *builds, *channels, *channel, *chosen = json_null(), *data, *item;
	char *app;
	size_t i;

	if (!app_id(req, req->site->db, bundle_id, &app, err) ||
	    !channel_list(req->site->db, app, &channels, err))
		return false;
	if (!build_list(req->site->db, &filter, NULL, CONSOLE_BUILDS, &list, err)) {
		json_decref(channels);
		return false;
	}
	json_array_foreach(channels, i, channel) {
		json_object_set(channel, "label", json_object_get(channel, "name"));
		json_object_set_new(channel, "selected", json_false());
	}
	builds = json_array();
	json_array_foreach(json_object_get(list, "items"), i, build) {
		item = page_build(req, build);
		json_object_set_new(item, "url", json_sprintf("/admin/apps/%s/builds/%s", bundle_id, text_of(build, "id")));
		json_object_set_new(item, "selected", json_boolean(id && strcmp(id, text_of(build, "id")) == 0));
		json_array_append_new(builds, item);
	}
	data = json_pack("{s:s, s:s, s:s, s:s, s:b, s:o, s:o, s:b, s:s?}",
		"name", text_of(json_array_get(json_object_get(list, "items"), 0), "name"), "bundle_id", bundle_id,
		"icon_url", mem_printf(req, "/apps/%s/icon/120.png", bundle_id),
		"catalog_url", mem_printf(req, "/apps/%s", bundle_id),
		"may_delete", person_publishes(req->person, bundle_id), "channels", channels, "builds", builds,
		"wrong_word", wrong_word, "changed", changed);
	json_decref(list);
	if (id) {
		if (!build_show(req->site->db, id, true, &build, err)) {
			json_decref(data);
			return false;
		}
		if (strcmp(text_of(build, "bundle_id"), bundle_id) != 0) {
			json_decref(build);
			json_decref(data);
			return err_set(err, ERR_MISSING, "a build of another app");
		}
		if (!build_detail(req, build, new_token, &chosen, err)) {
			json_decref(build);
			json_decref(data);
			return false;
		}
		json_decref(build);
	}
	json_object_set_new(data, "build", chosen);
	return reply_page_status(reply, req, new_token ? 201 : wrong_word ? 422 : 200, "builds", data, err);
}

static bool
get_builds(struct req *req, struct reply *reply, struct err *err)
{
	return builds_page(req, reply, req_param(req, "bundle"), NULL, NULL, false, err);
}

static bool
get_build(struct req *req, struct reply *reply, struct err *err)
{
	return builds_page(req, reply, req_param(req, "bundle"), req_param(req, "id"), NULL, false, err);
}

/* The bundle id and version of a build, for where to go back to. */
static bool
find(struct req *req, const char **bundle_id, const char **version, struct err *err)
{
	json_t *build;

	if (!build_show(req->site->db, req_param(req, "id"), false, &build, err))
		return false;
	*bundle_id = mem_text(req, text_of(build, "bundle_id"));
	*version = mem_text(req, *text_of(build, "version") ? text_of(build, "version") : text_of(build, "build"));
	json_decref(build);
	return true;
}

static bool
post_promote(struct req *req, struct reply *reply, struct err *err)
{
	const char *bundle_id, *version, *channel, *notes = req_form(req, "changelog"), *id = req_param(req, "id");

	return find(req, &bundle_id, &version, err) && form_text(req, "channel", &channel, err) &&
	       build_promote(req->site->db, req->person, id, channel, err) &&
	       (!notes || build_set_notes(req->site->db, req->person, id, notes, err)) &&
	       reply_see(reply, mem_printf(req, "/admin/apps/%s/builds/%s?changed=promoted", bundle_id, id));
}

static bool
post_link(struct req *req, struct reply *reply, struct err *err)
{
	struct grant_terms terms = grant_terms_ci(site_conf(req->site));
	const char *bundle_id, *version;
	char *token;

	return find(req, &bundle_id, &version, err) &&
	       grant_new(req, req->site->db, &terms, req_param(req, "id"), req->person->id, &token, err) &&
	       builds_page(req, reply, bundle_id, req_param(req, "id"), token, false, err);
}

static bool
post_delete(struct req *req, struct reply *reply, struct err *err)
{
	const char *bundle_id, *version, *word, *id = req_param(req, "id");
	char *app;

	if (!find(req, &bundle_id, &version, err) || !form_text(req, "word", &word, err))
		return false;
	if (strcmp(word, version) != 0)
		return builds_page(req, reply, bundle_id, id, NULL, true, err);
	if (!build_delete(req->site->db, req->person, id, err))
		return false;
	jobs_wake(req->site->jobs);
	if (!app_id(req, req->site->db, bundle_id, &app, err))
		return reply_see(reply, "/admin/apps");	/* that was its last */
	return reply_see(reply, mem_printf(req, "/admin/apps/%s?changed=deleted", bundle_id));
}

/* Back to where the button was. */
static bool
post_revoke(struct req *req, struct reply *reply, struct err *err)
{
	const char *from = req_header(req, "Referer");
	size_t len = strlen(req->site->base_url);
	bool ours = from && strncmp(from, req->site->base_url, len) == 0;

	return grant_revoke(req->site->db, req->person, req_param(req, "id"), err) &&
	       reply_see(reply, own_path(ours ? from + len : NULL, "/admin/apps"));
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

	if (!build_show(req->site->db, id, true, &build, err))
		return false;
	filter.bundle_id = text_of(build, "bundle_id");
	page = page_build(req, build);
	if (!build_list(req->site->db, &filter, NULL, 20, &list, err))
		list = json_object();
	json_array_foreach(json_object_get(list, "items"), i, item)
		if (!before && strcmp(text_of(item, "created"), text_of(build, "created")) <= 0 &&
		    strcmp(text_of(item, "id"), id) != 0 &&
		    !build_show(req->site->db, text_of(item, "id"), true, &before, err))
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

	if (!bundle_id || !app_id(req, req->site->db, bundle_id, &app, err))
		channels = json_array();
	else if (!channel_list(req->site->db, app, &channels, err))
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
		"upload_url", "/api/v1/upload", "tus_url", "/api/v1/uploads", "done_url", "/admin/upload?build=",
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

/* ---- API twins ---- */

static bool
api_promote(struct req *req, struct reply *reply, struct err *err)
{
	const char *channel, *id = req_param(req, "id");
	json_t *body, *build;

	if (!req_json(req, &body, err))
		return false;
	if (json_unpack(body, "{s:s}", "channel", &channel) != 0)
		return err_set(err, ERR_INVALID, "say {\"channel\": NAME}");
	return build_promote(req->site->db, req->person, id, channel, err) &&
	       build_show(req->site->db, id, false, &build, err) && reply_json(reply, 200, build);
}

static bool
api_notes(struct req *req, struct reply *reply, struct err *err)
{
	const char *notes, *id = req_param(req, "id");
	json_t *body, *build;

	if (!req_json(req, &body, err))
		return false;
	if (json_unpack(body, "{s:s}", "changelog", &notes) != 0)
		return err_set(err, ERR_INVALID, "say {\"changelog\": TEXT}");
	return build_set_notes(req->site->db, req->person, id, notes, err) &&
	       build_show(req->site->db, id, false, &build, err) && reply_json(reply, 200, build);
}

static bool
api_delete(struct req *req, struct reply *reply, struct err *err)
{
	if (!build_delete(req->site->db, req->person, req_param(req, "id"), err))
		return false;
	jobs_wake(req->site->jobs);
	return reply_empty(reply, 204);
}

static bool
api_grants(struct req *req, struct reply *reply, struct err *err)
{
	const char *bundle_id, *version;
	json_t *list;

	if (!find(req, &bundle_id, &version, err))
		return false;
	if (!person_sees(req->person, bundle_id))
		return err_set(err, ERR_MISSING, "a build of another app");
	return grant_list(req->site->db, req_param(req, "id"), &list, err) &&
	       reply_json(reply, 200, json_pack("{s:o, s:n}", "items", list, "next"));
}

static bool
api_revoke(struct req *req, struct reply *reply, struct err *err)
{
	return grant_revoke(req->site->db, req->person, req_param(req, "id"), err) &&
	       reply_empty(reply, 204);
}

const struct route console_routes[] = {
	{ GET,    "/admin",                          WHO_PUBLISHER, "0",   ON_WORKER, get_today,       NULL, NULL, "What needs attention" },
	{ GET,    "/admin/apps",                     WHO_PUBLISHER, "0",   ON_WORKER, get_apps,        NULL, NULL, "All apps" },
	{ GET,    "/admin/apps/:bundle",             WHO_PUBLISHER, "0",   ON_WORKER, get_builds,      NULL, NULL, "An app's builds" },
	{ GET,    "/admin/apps/:bundle/builds/:id",  WHO_PUBLISHER, "0",   ON_WORKER, get_build,       NULL, NULL, "One build" },
	{ POST,   "/admin/builds/:id/promote",       WHO_PUBLISHER, "64K", ON_WORKER, post_promote,    NULL, NULL, "Put a build in a channel" },
	{ POST,   "/admin/builds/:id/links",         WHO_PUBLISHER, "16K", ON_WORKER, post_link,       NULL, NULL, "A new install link" },
	{ POST,   "/admin/builds/:id/delete",        WHO_PUBLISHER, "16K", ON_WORKER, post_delete,     NULL, NULL, "Delete a build" },
	{ POST,   "/admin/grants/:id/revoke",        WHO_PUBLISHER, "16K", ON_WORKER, post_revoke,     NULL, NULL, "Revoke an install link" },
	{ GET,    "/admin/upload",                   WHO_PUBLISHER, "0",   ON_WORKER, get_upload_page, NULL, NULL, "Upload, and its result" },
	{ POST,   "/api/v1/builds/:id/promote",      WHO_PUBLISHER, "16K", ON_WORKER, api_promote,     NULL, "upload", "Put a build in a channel: {channel}" },
	{ PUT,    "/api/v1/builds/:id/changelog",    WHO_PUBLISHER, "64K", ON_WORKER, api_notes,       NULL, "upload", "Replace the release notes: {changelog}" },
	{ DELETE, "/api/v1/builds/:id",              WHO_PUBLISHER, "0",   ON_WORKER, api_delete,      NULL, "upload", "Delete a build" },
	{ GET,    "/api/v1/builds/:id/grants",       WHO_PUBLISHER, "0",   ON_WORKER, api_grants,      NULL, "upload", "Its install links" },
	{ DELETE, "/api/v1/grants/:id",              WHO_PUBLISHER, "0",   ON_WORKER, api_revoke,      NULL, "upload", "Revoke an install link" },
	{ 0 }
};
