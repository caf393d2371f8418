/*
 * What an app is besides its builds, for its publisher: whom each channel is for, who must have it, its
 * words and categories.
 */
#include "catalog/app.h"
#include "catalog/category.h"
#include "catalog/channel.h"
#include "catalog/group.h"
#include "core/json.h"
#include "web/audience_form.h"
#include "web/rooms.h"
#include <string.h>

#define GROUPS_OFFERED 200	/* names a browser completes; any other can be typed */

/* ---- the page ---- */

/* What came back with a refusal: which part, why, and what was typed. */
struct refused {
	const char *where;	/* "settings", or a channel's name */
	const char *text;
	const json_t *tree;	/* of the channel; NULL: as it is */
};

static bool
channel_part(struct req *req, const char *bundle_id, json_t *channel, const struct refused *refused, struct err *err)
{
	const char *name = text_of(channel, "name");
	bool here = refused && strcmp(refused->where, name) == 0;
	json_t *tree, *rows;
	int64_t people;

	if (!channel_audience(req->site->db, viewer_of(req->person), bundle_id, name, &tree, &people, err))
		return false;
	rows = audience_rows(req, here && refused->tree ? refused->tree : tree);
	json_decref(tree);
	json_object_update(channel, rows);
	json_decref(rows);
	json_object_set_new(channel, "id", json_string(name));
	json_object_set_new(channel, "people", json_integer(people));
	json_object_set_new(channel, "url", json_sprintf("/admin/apps/%s/channels/%s", bundle_id, name));
	json_object_set_new(channel, "refused", here ? json_string(refused->text) : json_null());
	return true;
}

static bool
channels_part(struct req *req, const char *bundle_id, const struct refused *refused, json_t **ret, struct err *err)
{
	json_t *channels, *channel;
	char *app;
	size_t i;

	if (!app_own(req, req->site->db, viewer_of(req->person), bundle_id, &app, err) ||
	    !channel_list(req->site->db, viewer_of(req->person), app, &channels, err))
		return false;
	json_array_foreach(channels, i, channel)
		if (!channel_part(req, bundle_id, channel, refused, err)) {
			json_decref(channels);
			return false;
		}
	*ret = channels;
	return true;
}

/* [{name, checked}] of all there are. */
bool
categories_part(struct req *req, const json_t *chosen, json_t **ret, struct err *err)
{
	json_t *list, *category, *name;
	size_t i, k;

	if (!category_list(req->site->db, &list, err))
		return false;
	json_array_foreach(list, i, category) {
		bool checked = false;

		json_array_foreach(chosen, k, name)
			checked = checked || strcmp(text_of(category, "name"), json_string_value(name)) == 0;
		json_object_set_new(category, "checked", json_boolean(checked));
	}
	*ret = list;
	return true;
}

bool
groups_part(struct req *req, json_t **ret, struct err *err)
{
	json_t *list;

	if (!group_list(req->site->db, NULL, NULL, GROUPS_OFFERED, &list, err))
		return false;
	*ret = json_incref(json_object_get(list, "items"));
	json_decref(list);
	return true;
}

static bool
settings_page(struct req *req, struct reply *reply, const struct refused *refused, struct err *err)
{
	const char *bundle_id = req_param(req, "bundle");
	json_t *data, *channels = NULL, *groups = NULL, *categories = NULL;

	if (!app_settings(req->site->db, viewer_of(req->person), bundle_id, &data, err))
		return false;
	if (!channels_part(req, bundle_id, refused, &channels, err) || !groups_part(req, &groups, err) ||
	    !categories_part(req, json_object_get(data, "categories"), &categories, err)) {
		json_decref(channels);
		json_decref(groups);
		json_decref(data);
		return false;
	}
	json_object_set_new(data, "categories", categories);
	json_object_set_new(data, "channels", channels);
	json_object_set_new(data, "groups", groups);
	json_object_set_new(data, "bundle_id", json_string(bundle_id));
	json_object_set_new(data, "icon_url", json_sprintf("/apps/%s/icon/120.png", bundle_id));
	json_object_set_new(data, "builds_url", json_sprintf("/admin/apps/%s", bundle_id));
	json_object_set_new(data, "url", json_sprintf("/admin/apps/%s/settings", bundle_id));
	json_object_set_new(data, "saved", json_boolean(req_query(req, "saved") && !refused));
	json_object_set_new(data, "refused", refused && strcmp(refused->where, "settings") == 0
			    ? json_string(refused->text) : json_null());
	return reply_page_status(reply, req, refused ? 422 : 200, "audience", data, err);
}

static bool
get_settings(struct req *req, struct reply *reply, struct err *err)
{
	return settings_page(req, reply, NULL, err);
}

/* A browser gets the page again, with the words beside what they are about. */
static bool
refuse_in_page(struct req *req, struct reply *reply, const char *where, const json_t *tree, struct err *err)
{
	char text[520];
	struct refused refused = { where, mem_text(req, err_text(err, text, sizeof text)), tree };

	if (!req->browser || (err->kind != ERR_INVALID && err->kind != ERR_CONFLICT))
		return false;
	return settings_page(req, reply, &refused, err);
}

json_t *
form_list(struct req *req, const char *field)
{
	json_t *list = json_array();
	const char *text;

	for (size_t n = 0; (text = req_form_nth(req, field, n)); n++)
		json_array_append_new(list, json_string(text));
	return list;
}

static bool
post_settings(struct req *req, struct reply *reply, struct err *err)
{
	const char *bundle_id = req_param(req, "bundle");
	json_t *categories = form_list(req, "category");
	struct app_settings settings = {
		.subtitle = req_form(req, "subtitle"), .description = req_form(req, "description"),
		.categories = categories, .link_sign_in = req_form(req, "link_sign_in") != NULL,
	};
	bool ok = app_set(req->site->db, req->person, bundle_id, &settings, err);

	json_decref(categories);
	return ok ? reply_see(reply, mem_printf(req, "/admin/apps/%s/settings?saved=1", bundle_id))
		  : refuse_in_page(req, reply, "settings", NULL, err);
}

static bool
post_channel(struct req *req, struct reply *reply, struct err *err)
{
	const char *bundle_id = req_param(req, "bundle"), *channel = req_param(req, "channel");
	json_t *tree = NULL;
	bool same;

	if (!audience_of_form(req, &tree, &same, err) ||
	    (!same && !channel_set_audience(req->site->db, req->person, bundle_id, channel, tree, err)) ||
	    !channel_set_required(req->site->db, req->person, bundle_id, channel, req_form(req, "required") != NULL, err))
		return refuse_in_page(req, reply, channel, tree, err);
	return reply_see(reply, mem_printf(req, "/admin/apps/%s/settings?saved=1", bundle_id));
}

/* ---- API ---- */

static bool
api_audience(struct req *req, struct reply *reply, struct err *err)
{
	json_t *tree;
	int64_t people;

	return channel_audience(req->site->db, viewer_of(req->person), req_param(req, "bundle"),
				req_param(req, "channel"), &tree, &people, err) &&
	       reply_json(reply, 200, tree);
}

static bool
api_set_audience(struct req *req, struct reply *reply, struct err *err)
{
	json_t *tree = NULL;

	if ((req->body.len != 4 || memcmp(req->body.p, "null", 4) != 0) && !req_json(req, &tree, err))
		return false;
	return channel_set_audience(req->site->db, req->person, req_param(req, "bundle"), req_param(req, "channel"),
				    tree, err) &&
	       api_audience(req, reply, err);
}

static bool
api_set_required(struct req *req, struct reply *reply, struct err *err)
{
	json_t *body;
	int required = 0;

	if (!req_json(req, &body, err))
		return false;
	return JSON_READ(body, err, { "required", JSON_IS_BOOL, &required, true }) &&
	       channel_set_required(req->site->db, req->person, req_param(req, "bundle"), req_param(req, "channel"),
				    required, err) &&
	       reply_json(reply, 200, json_pack("{s:b}", "required", required));
}

static bool
api_channels(struct req *req, struct reply *reply, struct err *err)
{
	json_t *list;
	char *app;

	return app_id(req, req->site->db, viewer_of(req->person), req_param(req, "bundle"), &app, err) &&
	       channel_list(req->site->db, viewer_of(req->person), app, &list, err) &&
	       reply_json(reply, 200, json_pack("{s:o, s:n}", "items", list, "next"));
}

static bool
api_settings(struct req *req, struct reply *reply, struct err *err)
{
	json_t *settings;

	return app_settings(req->site->db, viewer_of(req->person), req_param(req, "bundle"), &settings, err) &&
	       reply_json(reply, 200, settings);
}

static bool
api_set(struct req *req, struct reply *reply, struct err *err)
{
	struct app_settings settings = { .link_sign_in = -1 };
	json_t *body, *categories = NULL;

	if (!req_json(req, &body, err) ||
	    !JSON_READ(body, err, { "subtitle", JSON_IS_TEXT, &settings.subtitle }, { "description", JSON_IS_TEXT, &settings.description },
		       { "categories", JSON_IS_LIST, &categories }, { "link_sign_in", JSON_IS_BOOL, &settings.link_sign_in }))
		return false;
	settings.categories = categories;
	return app_set(req->site->db, req->person, req_param(req, "bundle"), &settings, err) &&
	       api_settings(req, reply, err);
}

const struct route audience_routes[] = {
	{ GET,   "/admin/apps/:bundle/settings",          WHO_PUBLISHER, "0",   ON_WORKER, get_settings,  NULL, NULL, "An app's words, categories and audiences" },
	{ POST,  "/admin/apps/:bundle/settings",          WHO_PUBLISHER, "64K", ON_WORKER, post_settings, NULL, NULL, "Its words and categories" },
	{ POST,  "/admin/apps/:bundle/channels/:channel", WHO_PUBLISHER, "64K", ON_WORKER, post_channel,  NULL, NULL, "Whom a channel is for" },
	{ GET,   "/api/v1/apps/:bundle/channels",         WHO_PERSON,    "0",   ON_WORKER, api_channels,  NULL, "read", "Its channels" },
	{ GET,   "/api/v1/apps/:bundle/channels/:channel/audience", WHO_PUBLISHER, "0",   ON_WORKER, api_audience,     NULL, "upload", "Whom a channel is for" },
	{ PUT,   "/api/v1/apps/:bundle/channels/:channel/audience", WHO_PUBLISHER, "32K", ON_WORKER, api_set_audience, NULL, "upload", "Say it: {\"any\": [{\"group\": \"qa\"}, {\"person\": \"anna\"}]}, or null: everyone" },
	{ PUT,   "/api/v1/apps/:bundle/channels/:channel/required", WHO_PUBLISHER, "16K", ON_WORKER, api_set_required, NULL, "upload", "Those whom it is for must have the app: {required}" },
	{ GET,   "/api/v1/apps/:bundle/settings",         WHO_PUBLISHER, "0",   ON_WORKER, api_settings,  NULL, "upload", "What an app says of itself" },
	{ PUT,   "/api/v1/apps/:bundle/settings",         WHO_PUBLISHER, "64K", ON_WORKER, api_set,       NULL, "upload", "Say it: {subtitle, description, categories, link_sign_in}; what is left out stays" },
	{ 0 }
};
