/*
 * One app's builds: the console's page with its buttons, and the API.
 */
#include "catalog/app.h"
#include "catalog/channel.h"
#include "catalog/notice.h"
#include "core/clock.h"
#include "core/json.h"
#include "ipa/manifest.h"
#include "web/qr.h"
#include "web/rooms.h"
#include <string.h>

#define CONSOLE_BUILDS	100

/* ---- the console ---- */

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
	json_t *page, *links, *notices, *link = json_null(), *qr;

	if (!links_of(req, id, &links, err))
		return false;
	if (!notice_counts(req->site->db, id, &notices, err)) {
		json_decref(links);
		return false;
	}
	page = page_build(req, build);
	base = mem_printf(req, "/admin/builds/%s", id);
	json_object_set_new(page, "promote_url", json_sprintf("%s/promote", base));
	json_object_set_new(page, "links_url", json_sprintf("%s/links", base));
	json_object_set_new(page, "delete_url", json_sprintf("%s/delete", base));
	json_object_set_new(page, "send_url", json_sprintf("%s/send", base));
	json_object_set_new(page, "testers_url", json_sprintf("/admin/links?build=%s", id));
	json_object_set_new(page, "installs_url", json_sprintf("/admin/installs?build=%s", id));
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
	if (!json_integer_value(json_object_get(notices, "told")) && !json_array_size(json_object_get(notices, "missed")))
		json_object_set_new(page, "notices", json_null());
	else
		json_object_set(page, "notices", notices);
	json_decref(notices);
	*ret = page;
	return true;
}

static bool
builds_page(struct req *req, struct reply *reply, const char *bundle_id, const char *id, const char *new_token,
	    bool wrong_word, struct err *err)
{
	struct build_filter filter = { .bundle_id = bundle_id, .brief = true };
	const char *changed = req_query(req, "changed");
	json_t *list, *build, *builds, *channels, *channel, *chosen = json_null(), *data, *item;
	char *app;
	size_t i;

	if (!app_own(req, req->site->db, viewer_of(req->person), bundle_id, &app, err) ||
	    !channel_list(req->site->db, viewer_of(req->person), app, &channels, err))
		return false;
	if (!build_list(req->site->db, viewer_of(req->person), &filter, NULL, CONSOLE_BUILDS, &list, err)) {
		json_decref(channels);
		return false;
	}
	json_array_foreach(channels, i, channel) {
		json_object_set(channel, "label", json_object_get(channel, "name"));
		json_object_set_new(channel, "selected", json_false());
	}
	builds = json_array();
	json_array_foreach(json_object_get(list, "items"), i, build) {
		item = page_build_row(req, build);
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
		if (!build_show(req->site->db, viewer_of(req->person), id, true, &build, err)) {
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

/* The bundle id and version of a build of theirs, for where to go back to. */
static bool
find(struct req *req, const char **bundle_id, const char **version, struct err *err)
{
	json_t *build;

	if (!build_own(req->site->db, req->person, req_param(req, "id"), err) ||
	    !build_show(req->site->db, viewer_of(req->person), req_param(req, "id"), false, &build, err))
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
	       build_promote(req->site->db, req->person, id, channel, req_form(req, "notify") != NULL, err) &&
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
	if (!app_id(req, req->site->db, viewer_of(req->person), bundle_id, &app, err))
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

/* ---- API ---- */

static bool
api_promote(struct req *req, struct reply *reply, struct err *err)
{
	const char *channel = NULL, *id = req_param(req, "id");
	json_t *body, *build;
	int notify = 1;

	return req_json(req, &body, err) &&
	       JSON_READ(body, err, { "channel", JSON_IS_TEXT, &channel, true }, { "notify", JSON_IS_BOOL, &notify }) &&
	       build_promote(req->site->db, req->person, id, channel, notify, err) &&
	       build_show(req->site->db, viewer_of(req->person), id, false, &build, err) && reply_json(reply, 200, build);
}

static bool
api_notes(struct req *req, struct reply *reply, struct err *err)
{
	const char *notes = NULL, *id = req_param(req, "id");
	json_t *body, *build;

	return req_json(req, &body, err) && JSON_READ(body, err, { "changelog", JSON_IS_TEXT, &notes, true }) &&
	       build_set_notes(req->site->db, req->person, id, notes, err) &&
	       build_show(req->site->db, viewer_of(req->person), id, false, &build, err) && reply_json(reply, 200, build);
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
	json_t *list;

	return build_own(req->site->db, req->person, req_param(req, "id"), err) &&
	       grant_list(req->site->db, req_param(req, "id"), &list, err) &&
	       reply_json(reply, 200, json_pack("{s:o, s:n}", "items", list, "next"));
}

static bool
api_revoke(struct req *req, struct reply *reply, struct err *err)
{
	return grant_revoke(req->site->db, req->person, req_param(req, "id"), err) &&
	       reply_empty(reply, 204);
}

static bool
api_builds(struct req *req, struct reply *reply, struct err *err)
{
	struct build_filter filter = {
		.bundle_id = req_param(req, "bundle"), .version = req_query(req, "version"),
		.build = req_query(req, "build"), .commit = req_query(req, "commit"),
		.channel = req_query(req, "channel"),
	};
	json_t *list;
	char *id;

	return app_id(req, req->site->db, viewer_of(req->person), filter.bundle_id, &id, err) &&
	       build_list(req->site->db, viewer_of(req->person), &filter, req_query(req, "after"), query_limit(req, 200), &list, err) &&
	       reply_json(reply, 200, list);
}

static bool
api_build(struct req *req, struct reply *reply, struct err *err)
{
	json_t *build;

	return build_show(req->site->db, viewer_of(req->person), req_param(req, "id"), true, &build, err) &&
	       reply_json(reply, 200, build);
}

/* A grant for a program: {ttl} in seconds, at most what grant.ci_days allows. */
static bool
api_grant(struct req *req, struct reply *reply, struct err *err)
{
	struct grant_terms terms = grant_terms_ci(site_conf(req->site));
	int64_t most = terms.manifest_s;
	json_t *build, *body;
	int64_t ttl = 0;
	char *token, *url;
	bool installable;

	if (!build_own(req->site->db, req->person, req_param(req, "id"), err) ||
	    !build_show(req->site->db, viewer_of(req->person), req_param(req, "id"), false, &build, err))
		return false;
	installable = json_is_true(json_object_get(build, "installable"));
	json_decref(build);
	if (!installable)
		return err_code(err, ERR_CONFLICT, "not_installable",
				"this build cannot be installed; its verdict says why");
	if (req->body.len) {
		if (!req_json(req, &body, err) || !JSON_READ(body, err, { "ttl", JSON_IS_INT, &ttl }))
			return false;
		if (ttl < 0 || ttl > most)
			return err_set(err, ERR_INVALID, "ttl is a number of seconds, at most %lld", (long long)most);
	}
	if (ttl)
		terms.manifest_s = ttl;
	if (!grant_new(req, req->site->db, &terms, req_param(req, "id"), req->person->id, &token, err))
		return false;
	url = mem_printf(req, "%s/d/%s", req->site->base_url, token);
	return reply_json(reply, 201, json_pack("{s:s+, s:s, s:s, s:s}", "manifest_url", url, "/manifest.plist",
		"itms_url", manifest_itms_url(req, url), "install_url",
		mem_printf(req, "%s/i/%s", req->site->base_url, token),
		"expires", clock_text(req, clock_now() + terms.manifest_s)));
}

const struct route build_routes[] = {
	{ GET,    "/admin/apps/:bundle",             WHO_PUBLISHER, "0",   ON_WORKER, get_builds,      NULL, NULL, "An app's builds" },
	{ GET,    "/admin/apps/:bundle/builds/:id",  WHO_PUBLISHER, "0",   ON_WORKER, get_build,       NULL, NULL, "One build" },
	{ POST,   "/admin/builds/:id/promote",       WHO_PUBLISHER, "64K", ON_WORKER, post_promote,    NULL, NULL, "Put a build in a channel" },
	{ POST,   "/admin/builds/:id/links",         WHO_PUBLISHER, "16K", ON_WORKER, post_link,       NULL, NULL, "A new install link" },
	{ POST,   "/admin/builds/:id/delete",        WHO_PUBLISHER, "16K", ON_WORKER, post_delete,     NULL, NULL, "Delete a build" },
	{ POST,   "/admin/grants/:id/revoke",        WHO_PUBLISHER, "16K", ON_WORKER, post_revoke,     NULL, NULL, "Revoke an install link" },
	{ POST,   "/api/v1/builds/:id/promote",      WHO_PUBLISHER, "16K", ON_WORKER, api_promote,     NULL, "upload", "Put a build in a channel: {channel, notify}" },
	{ PUT,    "/api/v1/builds/:id/changelog",    WHO_PUBLISHER, "64K", ON_WORKER, api_notes,       NULL, "upload", "Replace the release notes: {changelog}" },
	{ DELETE, "/api/v1/builds/:id",              WHO_PUBLISHER, "0",   ON_WORKER, api_delete,      NULL, "upload", "Delete a build" },
	{ GET,    "/api/v1/builds/:id/grants",       WHO_PUBLISHER, "0",   ON_WORKER, api_grants,      NULL, "upload", "Its install links" },
	{ DELETE, "/api/v1/grants/:id",              WHO_PUBLISHER, "0",   ON_WORKER, api_revoke,      NULL, "upload", "Revoke an install link" },
	{ GET,  "/api/v1/apps/:bundle/builds",       WHO_PERSON, "0",   ON_WORKER, api_builds,      NULL, "read", "Builds: ?version= &build= &commit= &channel=" },
	{ GET,  "/api/v1/builds/:id",                WHO_PERSON, "0",   ON_WORKER, api_build,       NULL, "read", "A build with its facts" },
	{ POST, "/api/v1/builds/:id/grants",         WHO_PUBLISHER, "16K", ON_WORKER, api_grant,       NULL, "upload", "A manifest URL: {ttl}" },
	{ 0 }
};
