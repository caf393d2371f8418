/*
 * The company's name, colour and logo, for admins; a preview shows the colour on real components
 * before it is saved.
 */
#include "catalog/setting.h"
#include "core/text.h"
#include "ipa/icon.h"
#include "web/clip.h"
#include "web/look.h"
#include "web/rooms.h"
#include <string.h>

#define COMPANY_NAME_MAX	80	/* characters would be fairer; bytes are what the field sends */
#define PREVIEW_MAX		(16u << 10)

struct choice {
	const char *name, *accent, *refused;
	bool saved, preview;
};

static bool
settings_page(struct req *req, struct reply *reply, const struct choice *choice, struct err *err)
{
	struct look look;
	struct err bad;
	const char *accent = choice->accent;
	json_t *data, *clip = clip_settings(req, err);

	if (!clip)
		return false;
	if (!look_from(accent, &look, &bad) && !look_from(accent = site_accent(req->site), &look, err)) {
		json_decref(clip);
		return false;
	}
	data = json_pack("{s:s, s:s, s:o, s:b, s:s, s:i, s:b, s:s?, s:s?}", "company_name", choice->name,
		"accent", choice->accent, "looks", look_json(&look), "has_logo", site_logo(req->site) != NULL,
		"logo_max", page_size(req, req->language, LOOK_LOGO_MAX), "logo_side", ICON_SIDE_MAX, "saved", choice->saved,
		"refused", choice->refused, "preview_css",
		choice->preview ? mem_printf(req, "/admin/settings/preview/%s/accent.css", accent + 1) : NULL);
	json_object_set_new(data, "clip", clip);
	return reply_page_status(reply, req, choice->refused ? 422 : 200, "settings", data, err);
}

bool
settings_refused(struct req *req, struct reply *reply, const char *field, struct err *err)
{
	struct choice choice = { site_company(req), site_accent(req->site), field, false, false };

	return settings_page(req, reply, &choice, err);
}

static bool
get_settings(struct req *req, struct reply *reply, struct err *err)
{
	struct choice choice = { site_company(req), site_accent(req->site), NULL, req_query(req, "saved") != NULL, false };

	return settings_page(req, reply, &choice, err);
}

/* A stylesheet of that colour's blocks alone: the page's policy allows no style in the page. */
static bool
get_preview(struct req *req, struct reply *reply, struct err *err)
{
	struct look look;
	struct buf css;

	if (!look_from(mem_printf(req, "#%s", req_param(req, "colour")), &look, err))
		return false;
	buf_init(&css, req, PREVIEW_MAX);
	look_css(&look, &css);
	return buf_ok(&css, err) && reply_text(reply, 200, "text/css; charset=utf-8", buf_str(&css));
}

static bool
save(struct req *req, const struct choice *choice, struct bytes logo, bool remove, struct err *err)
{
	struct site *site = req->site;
	char name[BLOB_NAME_SIZE] = "";
	struct setting settings[4] = {
		{ "company.name", choice->name }, { "company.accent", choice->accent },
	};
	bool ok;

	if (logo.len && !blob_put(site->blobs, logo, name, err))
		return false;
	if (logo.len || remove)
		settings[2] = (struct setting){ "company.logo", name };
	ok = setting_set(site->db, person_actor(req, req->person), settings, err);
	if (logo.len)
		blob_unpin(site->blobs, name);
	if (ok) {
		look_forget(site);
		clip_changed(site);	/* its icon is made of these */
	}
	return ok;
}

static bool
post_settings(struct req *req, struct reply *reply, struct err *err)
{
	struct choice choice = { 0 };
	struct bytes logo = req_form_file(req, "logo");
	struct look look;
	struct err bad = { 0 };

	if (!form_text(req, "company_name", &choice.name, err) || !form_text(req, "accent", &choice.accent, err))
		return false;
	if (!*choice.name || strlen(choice.name) > COMPANY_NAME_MAX)
		choice.refused = "name";
	else if (!look_from(choice.accent, &look, &bad))
		choice.refused = "accent";
	else if (logo.len && !look_logo_fits(logo, &bad))
		choice.refused = "logo";
	choice.preview = req_form(req, "preview") != NULL && !choice.refused;
	if (choice.refused || choice.preview)
		return settings_page(req, reply, &choice, err);
	return save(req, &choice, logo, req_form(req, "remove_logo") != NULL, err) &&
	       reply_see(reply, "/admin/settings?saved=1");
}

const struct route settings_routes[] = {
	{ GET,  "/admin/settings", WHO_ADMIN, "0",    ON_WORKER, get_settings,  NULL, NULL, "Name, colour and logo" },
	{ POST, "/admin/settings", WHO_ADMIN, "300K", ON_WORKER, post_settings, NULL, NULL, "Save or preview them" },
	{ GET,  "/admin/settings/preview/:colour/accent.css", WHO_ADMIN, "0", ON_WORKER, get_preview, NULL, NULL, "A colour, to look at" },
	{ 0 }
};
