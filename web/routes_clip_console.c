/* The web clip for admins: what it looks like, how many have it, and one that is sent again by hand. */
#include "catalog/setting.h"
#include "core/json.h"
#include "core/text.h"
#include "web/clip.h"
#include "web/rooms.h"
#include <string.h>

json_t *
clip_settings(struct req *req, struct err *err)
{
	const struct clip_look *look = site_clip(req->site);
	json_t *counts;

	if (!clip_count(req->site->db, &counts, err))
		return NULL;
	return json_pack("{s:b, s:s, s:b, s:b, s:i, s:o}", "on", look->on, "label", look->label, "full_screen", look->full_screen,
			 "removable", look->removable, "label_max", CLIP_LABEL_MAX, "counts", counts);
}

static const char *
yes_no(struct req *req, const char *field)
{
	const char *value = req_form(req, field);

	return value && !says_no(value) ? "yes" : "no";
}

static bool
label_ok(const char *label)
{
	return *label && strlen(label) <= CLIP_LABEL_MAX && text_valid(label, strlen(label)) && !strpbrk(label, "\r\n\t");
}

static bool
post_clip(struct req *req, struct reply *reply, struct err *err)
{
	const char *label;
	struct setting settings[5] = { { "clip.on", yes_no(req, "on") }, { "clip.full_screen", yes_no(req, "full_screen") },
				       { "clip.removable", yes_no(req, "removable") } };

	if (!form_text(req, "label", &label, err))
		return false;
	if (!label_ok(label))
		return settings_refused(req, reply, "clip_label", err);
	settings[3] = (struct setting){ "clip.label", label };
	if (!setting_set(req->site->db, person_actor(req, req->person), settings, err))
		return false;
	look_forget(req->site);
	clip_changed(req->site);
	return reply_see(reply, "/admin/settings?saved=1#clip");
}

/* ---- one device ---- */

static bool
again(struct req *req, struct err *err)
{
	if (!clip_again(req->site->db, person_actor(req, req->person), req_param(req, "id"), site_clip(req->site), err))
		return false;
	if (req->site->jobs)
		jobs_wake(req->site->jobs);
	return true;
}

static bool
api_again(struct req *req, struct reply *reply, struct err *err)
{
	json_t *clip;

	if (!again(req, err) || !clip_show(req->site->db, req_param(req, "id"), &clip, err))
		return false;
	return reply_json(reply, 202, json_pack("{s:o}", "clip", clip));
}

static bool
api_show(struct req *req, struct reply *reply, struct err *err)
{
	json_t *clip;

	return clip_show(req->site->db, req_param(req, "id"), &clip, err) &&
	       (!json_is_null(clip) || err_set(err, ERR_MISSING, "it has no web clip")) && reply_json(reply, 200, clip);
}

static bool
post_again(struct req *req, struct reply *reply, struct err *err)
{
	return again(req, err) && reply_see(reply, mem_printf(req, "/admin/devices/%s?changed=sent", req_param(req, "id")));
}

const struct route clip_console_routes[] = {
	{ POST, "/admin/settings/clip",      WHO_ADMIN, "16K", ON_WORKER, post_clip,  NULL, NULL,      "What the web clip looks like" },
	{ POST, "/admin/devices/:id/clip",   WHO_ADMIN, "16K", ON_WORKER, post_again, NULL, NULL,      "Send a device its web clip again" },
	{ GET,  "/api/v1/devices/:id/clip",  WHO_ADMIN, "0",   ON_WORKER, api_show,   NULL, "devices", "How far a device's web clip is" },
	{ POST, "/api/v1/devices/:id/clip",  WHO_ADMIN, "16K", ON_WORKER, api_again,  NULL, "devices", "Send it again" },
	{ 0 }
};
