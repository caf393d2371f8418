/*
 * Mobileconfigs in the console: what there is, and one with its settings, versions, devices and preview.  Its payloads
 * are changed by web/routes_mobileconfig_payloads.c, for whom it is by web/routes_mobileconfig_assignments.c.
 */
#include "catalog/desired.h"
#include "core/clock.h"
#include "core/num.h"
#include "mdm/mobileconfig_form.h"
#include "web/mobileconfig_edit.h"
#include "web/mobileconfig_page.h"
#include "web/mobileconfig_show.h"
#include "web/payload_form.h"
#include "web/rooms.h"
#include <stdlib.h>
#include <string.h>

static const char *
actor(struct req *req)
{
	return person_actor(req, req->person);
}

/* ---- the list ---- */

static bool
list_page(struct req *req, struct reply *reply, const struct err *refused, struct err *err)
{
	char text[520];
	json_t *data;

	if (!mobileconfigs_data(req, &data, err))
		return false;
	json_object_set_new(data, "name", json_string(refused && edit_field(req, "name") ? edit_field(req, "name") : ""));
	json_object_set_new(data, "title", json_string(refused && edit_field(req, "title") ? edit_field(req, "title") : ""));
	json_object_set_new(data, "removed", json_boolean(req_query(req, "removed") && !refused));
	json_object_set_new(data, "refused", refused ? json_string(err_text(refused, text, sizeof text)) : json_null());
	return reply_page_status(reply, req, refused ? 422 : 200, "mobileconfigs", data, err);
}

static bool
get_list(struct req *req, struct reply *reply, struct err *err)
{
	return list_page(req, reply, NULL, err);
}

/* The file's own, where none is typed. */
static bool
name_of(struct req *req, struct bytes file, const char **ret, struct err *err)
{
	*ret = edit_field(req, "name");
	if (!*ret && file.len)
		*ret = req_form_file_name(req, "file");
	return *ret || form_text(req, "name", ret, err);
}

/* A file, or a form with nothing in it yet. */
static bool
post_list(struct req *req, struct reply *reply, struct err *err)
{
	struct bytes file = req_form_file(req, "file");
	const char *title = edit_field(req, "title");
	struct mobileconfig_sent sent = { .purpose = edit_field(req, "purpose"), .person = edit_field(req, "person"), .file = file };
	struct kept_mobileconfig *m;
	struct err why = { 0 };
	bool created;

	if (!name_of(req, file, &sent.name, err))
		return false;
	if (!file.len)
		sent.form = json_hold(req, json_pack("{s:s, s:[]}", "name", title ? title : sent.name, "payloads"));
	if (!mobileconfig_find(req, req->site->db, sent.name, &m, &why)) {
		why = (struct err){ 0 };
		if (mobileconfig_take(req, &sent, &created, &m, NULL, &why))
			return reply_see(reply, mem_printf(req, "/admin/mobileconfigs/%s?changed=made", m->name));
	} else {
		err_set(&why, ERR_CONFLICT, "there is a mobileconfig named %s already", m->name);
	}
	*err = why;
	return edit_sayable(req, &why) && list_page(req, reply, &why, err);
}

/* ---- one ---- */

static bool
get_one(struct req *req, struct reply *reply, struct err *err)
{
	return edit_page(req, reply, NULL, err);
}

/* ---- its settings ---- */

static void
set_text(json_t *form, const char *key, const char *text)
{
	if (text && *text)
		json_object_set_new(form, key, json_string(text));
	else
		json_object_del(form, key);
}

/* Other languages than "default" stay as they are. */
static void
set_consent(json_t *form, const char *text)
{
	json_t *consent = json_object_get(form, "consent");

	if (!consent && text)
		json_object_set_new(form, "consent", consent = json_object());
	set_text(consent, "default", text);
	if (consent && !json_object_size(consent))
		json_object_del(form, "consent");
}

static bool
set_settings(struct req *req, json_t *form, struct err *err)
{
	const char *days = edit_field(req, "remove_days"), *password = edit_field(req, "removal_password");
	int64_t n;

	set_text(form, "name", edit_field(req, "title"));
	set_text(form, "description", edit_field(req, "description"));
	set_text(form, "organization", edit_field(req, "organization"));
	set_text(form, "remove_on", edit_field(req, "remove_on"));
	set_text(form, "expires", edit_field(req, "expires"));
	set_consent(form, edit_field(req, "consent"));
	if (edit_field(req, "fixed"))
		json_object_set_new(form, "removable", json_false());
	else
		json_object_del(form, "removable");
	if (password || edit_field(req, "clear_password"))
		set_text(form, "removal_password", password);
	if (days && !num_parse(days, 1, 3650, &n, err))
		return err_at(err, "days");
	if (days)
		json_object_set_new(form, "remove_after_s", json_integer(n * DAY_S));
	else
		json_object_del(form, "remove_after_s");
	return true;
}

static bool
post_settings(struct req *req, struct reply *reply, struct err *err)
{
	bool as_json = req_form(req, "as") && strcmp(req_form(req, "as"), "json") == 0;
	const char *typed = as_json ? req_form(req, "json") : NULL;
	struct kept_mobileconfig *m;
	json_error_t where;
	json_t *form;
	bool ok = edit_begin(req, &m, &form, err);

	if (ok && as_json && !(form = json_hold(req, json_loads(typed ? typed : "", JSON_REJECT_DUPLICATES, &where))))
		ok = err_set(err, ERR_INVALID, "this is no JSON: line %d column %d: %s", where.line, where.column, where.text);
	if (ok && !as_json)
		ok = set_settings(req, form, err);
	return ok && edit_keep(req, m, form, err) ? edit_done(req, reply, "saved") : edit_refuse(req, reply, "settings", typed, err);
}

/* ---- versions, devices, preview, and away ---- */

static bool
post_back(struct req *req, struct reply *reply, struct err *err)
{
	const char *text;
	int64_t version;

	return form_text(req, "to", &text, err) && num_parse(text, 1, INT64_MAX, &version, err) &&
	       mobileconfig_back(req->site->db, actor(req), req_param(req, "name"), version, err) && edit_done(req, reply, "back");
}

static bool
post_retry(struct req *req, struct reply *reply, struct err *err)
{
	struct kept_mobileconfig *m;
	int64_t n;

	return edit_find(req, &m, err) && desired_retry(req->site->db, actor(req), m->id, edit_field(req, "device"), &n, err) &&
	       edit_done(req, reply, "retried");
}

static bool
post_remove(struct req *req, struct reply *reply, struct err *err)
{
	const char *name = req_param(req, "name"), *confirm = edit_field(req, "confirm");
	struct kept_mobileconfig *m;

	if (!edit_find(req, &m, err))
		return false;
	if (!confirm || strcmp(confirm, name) != 0) {
		err_set(err, ERR_INVALID, "type %s to remove it", name);
		return edit_refuse(req, reply, "remove", NULL, err);
	}
	return mobileconfig_remove(req->site->db, actor(req), name, err) && reply_see(reply, "/admin/mobileconfigs?removed=1");
}

static bool
get_preview(struct req *req, struct reply *reply, struct err *err)
{
	const char *person = req_query(req, "person"), *device = req_query(req, "device");
	struct kept_mobileconfig *m;
	json_t *data;
	struct err why = { 0 };

	if (!edit_find(req, &m, err))
		return false;
	if (!mobileconfig_preview(req, m, device && *device ? device : NULL, person && *person ? person : NULL, &data, &why)) {
		char text[520];

		*err = why;
		if (why.kind != ERR_MISSING && !edit_sayable(req, &why))
			return false;
		data = json_pack("{s:s, s:s, s:[], s:[], s:[], s:[], s:b, s:s}", "xml", "", "whose", person ? person : "", "missing",
				 "hidden", "unfit", "warnings", "secret", 0, "refused", err_text(&why, text, sizeof text));
	} else {
		json_object_set_new(data, "refused", json_null());
		json_object_set_new(data, "whose", json_string(text_of(data, "person")));
		json_object_del(data, "person");	/* on a page that is who looks */
	}
	json_object_set_new(data, "name", json_string(m->name));
	json_object_set_new(data, "home", json_sprintf("/admin/mobileconfigs/%s", m->name));
	json_object_set_new(data, "url", json_sprintf("/admin/mobileconfigs/%s/preview", m->name));
	return reply_page_status(reply, req, why.kind ? 422 : 200, "mobilepreview", data, err);
}

#define ONE "/admin/mobileconfigs/:name"

const struct route mobileconfig_page_routes[] = {
	{ GET,  "/admin/mobileconfigs",            WHO_ADMIN, "0",   ON_WORKER, get_list,        NULL, NULL, "Mobileconfigs of the house" },
	{ POST, "/admin/mobileconfigs",            WHO_ADMIN, PAYLOAD_FORM_BODY, ON_WORKER, post_list, NULL, NULL, "A new one, empty or of a file: name, title, purpose, person, file" },
	{ GET,  ONE,                               WHO_ADMIN, "0",   ON_WORKER, get_one,         NULL, NULL, "One of them" },
	{ POST, ONE,                               WHO_ADMIN, PAYLOAD_FORM_BODY, ON_WORKER, post_settings, NULL, NULL, "What stands around its payloads; or all of it as JSON" },
	{ POST, ONE "/back",                       WHO_ADMIN, "16K", ON_WORKER, post_back,       NULL, NULL, "Back to a version: to" },
	{ POST, ONE "/retry",                      WHO_ADMIN, "16K", ON_WORKER, post_retry,      NULL, NULL, "Try again what failed: device, or all" },
	{ POST, ONE "/remove",                     WHO_ADMIN, "16K", ON_WORKER, post_remove,     NULL, NULL, "Remove it, from devices too: confirm" },
	{ GET,  ONE "/preview",                    WHO_ADMIN, "0",   ON_WORKER, get_preview,     NULL, NULL, "As a device would get it: ?person= or ?device=" },
	{ 0 }
};
