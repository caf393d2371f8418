/*
 * Mobileconfigs in the console: what there is, one with its payloads, for whom it is and who has it, and a payload's form.
 * Every change makes a version; what was typed on a page that is not the newest any more is not written over it.
 */
#include "catalog/assignment.h"
#include "catalog/desired.h"
#include "core/clock.h"
#include "core/num.h"
#include "mdm/mobileconfig_form.h"
#include "web/audience_form.h"
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

/* May the page say why, beside what was typed? */
static bool
sayable(struct req *req, const struct err *err)
{
	return req->browser && (err->kind == ERR_INVALID || err->kind == ERR_CONFLICT || err->kind == ERR_LIMIT ||
				err->kind == ERR_MALFORMED);
}

static const char *
field(struct req *req, const char *name)
{
	const char *text = req_form(req, name);

	return text && *text ? text : NULL;
}

static int
let_go(json_t **json)
{
	json_decref(*json);
	return 0;
}

/* Until the request ends. */
static json_t *
held(struct req *req, json_t *json)
{
	json_t **kept = mem_new(req, json_t *);

	*kept = json;
	talloc_set_destructor(kept, let_go);
	return json;
}

/* ---- the list ---- */

static bool
list_page(struct req *req, struct reply *reply, const struct err *refused, struct err *err)
{
	char text[520];
	json_t *data;

	if (!mobileconfigs_data(req, &data, err))
		return false;
	json_object_set_new(data, "name", json_string(refused && field(req, "name") ? field(req, "name") : ""));
	json_object_set_new(data, "title", json_string(refused && field(req, "title") ? field(req, "title") : ""));
	json_object_set_new(data, "removed", json_boolean(req_query(req, "removed") && !refused));
	json_object_set_new(data, "refused", refused ? json_string(err_text(refused, text, sizeof text)) : json_null());
	return reply_page_status(reply, req, refused ? 422 : 200, "mobileconfigs", data, err);
}

static bool
get_list(struct req *req, struct reply *reply, struct err *err)
{
	return list_page(req, reply, NULL, err);
}

/* A file, or a form with nothing in it yet. */
static bool
post_list(struct req *req, struct reply *reply, struct err *err)
{
	struct bytes file = req_form_file(req, "file");
	const char *title = field(req, "title");
	struct mobileconfig_sent sent = { .purpose = field(req, "purpose"), .person = field(req, "person"), .file = file };
	struct kept_mobileconfig *m;
	struct err why = { 0 };
	bool created;

	if (!form_text(req, "name", &sent.name, err))
		return false;
	if (!file.len)
		sent.form = held(req, json_pack("{s:s, s:[]}", "name", title ? title : sent.name, "payloads"));
	if (!mobileconfig_find(req, req->site->db, sent.name, &m, &why)) {
		why = (struct err){ 0 };
		if (mobileconfig_take(req, &sent, &created, &m, NULL, &why))
			return reply_see(reply, mem_printf(req, "/admin/mobileconfigs/%s?changed=made", m->name));
	} else {
		err_set(&why, ERR_CONFLICT, "there is a mobileconfig named %s already", m->name);
	}
	*err = why;
	return sayable(req, &why) && list_page(req, reply, &why, err);
}

/* ---- one ---- */

static bool
find(struct req *req, struct kept_mobileconfig **ret, struct err *err)
{
	return mobileconfig_find(req, req->site->db, req_param(req, "name"), ret, err);
}

static bool
page(struct req *req, struct reply *reply, const struct mobileconfig_refused *refused, struct err *err)
{
	struct kept_mobileconfig *m;
	json_t *data;

	return find(req, &m, err) && mobileconfig_data(req, m, refused, &data, err) &&
	       reply_page_status(reply, req, refused ? 422 : 200, "mobileconfig", data, err);
}

static bool
get_one(struct req *req, struct reply *reply, struct err *err)
{
	return page(req, reply, NULL, err);
}

static bool
done(struct req *req, struct reply *reply, const char *what)
{
	return reply_see(reply, mem_printf(req, "/admin/mobileconfigs/%s?changed=%s", req_param(req, "name"), what));
}

static bool
refuse(struct req *req, struct reply *reply, const char *where, const json_t *audience, const char *typed, struct err *err)
{
	char text[520];
	struct mobileconfig_refused refused = { where, mem_text(req, err_text(err, text, sizeof text)), audience, typed };

	return sayable(req, err) && page(req, reply, &refused, err);
}

/* The form as it is, masked, to be changed; nobody else has changed it since the page was made. */
static bool
editing(struct req *req, struct kept_mobileconfig **m, json_t **form, struct err *err)
{
	const char *text = field(req, "version");
	struct err why;
	int64_t version;

	if (!find(req, m, err))
		return false;
	if (!text || !num_parse(text, 1, INT64_MAX, &version, &why) || version != (*m)->version)
		return err_code(err, ERR_CONFLICT, "changed_meanwhile", "somebody else has given it version %lld meanwhile",
				(long long)(*m)->version);
	if (!mobileconfig_shown(req, (*m)->id, 0, form, err))
		return false;
	held(req, *form);
	return true;
}

static bool
keep(struct req *req, const struct kept_mobileconfig *m, const json_t *form, struct err *err)
{
	struct mobileconfig_sent sent = { .name = m->name, .person = m->person, .form = form, .note = field(req, "note") };
	struct kept_mobileconfig *ret;
	bool created;

	return mobileconfig_take(req, &sent, &created, &ret, NULL, err);
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
	const char *days = field(req, "remove_days"), *password = field(req, "removal_password");
	int64_t n;

	set_text(form, "name", field(req, "title"));
	set_text(form, "description", field(req, "description"));
	set_text(form, "organization", field(req, "organization"));
	set_text(form, "remove_on", field(req, "remove_on"));
	set_text(form, "expires", field(req, "expires"));
	set_consent(form, field(req, "consent"));
	if (field(req, "fixed"))
		json_object_set_new(form, "removable", json_false());
	else
		json_object_del(form, "removable");
	if (password || field(req, "clear_password"))
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
	bool ok = editing(req, &m, &form, err);

	if (ok && as_json && !(form = held(req, json_loads(typed ? typed : "", JSON_REJECT_DUPLICATES, &where))))
		ok = err_set(err, ERR_INVALID, "this is no JSON: line %d column %d: %s", where.line, where.column, where.text);
	if (ok && !as_json)
		ok = set_settings(req, form, err);
	return ok && keep(req, m, form, err) ? done(req, reply, "saved") : refuse(req, reply, "settings", NULL, typed, err);
}

/* ---- its payloads ---- */

static json_t *
payload_in(const json_t *form, const char *id, size_t *at)
{
	json_t *payload;
	size_t i;

	json_array_foreach(json_object_get(form, "payloads"), i, payload)
		if (strcmp(text_of(payload, "id"), id) == 0) {
			*at = i;
			return payload;
		}
	return NULL;
}

/* before NULL: a new one of `type`. */
static bool
payload_page(struct req *req, struct reply *reply, const struct kept_mobileconfig *m, const json_t *payload, bool is_new,
	     const struct err *refused, struct err *err)
{
	char text[520];
	json_t *form, *data, *part;
	bool ok;

	if (!mobileconfig_shown(req, m->id, 0, &form, err))
		return false;
	ok = payload_form_part(req, form, payload, &part, err);
	json_decref(form);
	if (!ok)
		return false;
	data = json_pack("{s:s, s:s, s:I, s:o, s:s?}", "name", m->name, "home", mem_printf(req, "/admin/mobileconfigs/%s", m->name),
		"version", (json_int_t)m->version, "url", is_new ? json_sprintf("/admin/mobileconfigs/%s/payloads", m->name)
		: json_sprintf("/admin/mobileconfigs/%s/payloads/%s", m->name, text_of(payload, "id")), "refused",
		refused ? err_text(refused, text, sizeof text) : NULL);
	json_object_update_new(data, part);
	return reply_page_status(reply, req, refused ? 422 : 200, "mobilepayload", data, err);
}

static bool
get_new_payload(struct req *req, struct reply *reply, struct err *err)
{
	const char *type = req_query(req, "type");
	struct kept_mobileconfig *m;
	json_t *payload = held(req, json_pack("{s:s}", "type", type && strlen(type) <= PAYLOAD_FORM_NEW_MAX ? type : ""));

	return find(req, &m, err) && payload_page(req, reply, m, payload, true, NULL, err);
}

static bool
get_payload(struct req *req, struct reply *reply, struct err *err)
{
	struct kept_mobileconfig *m;
	json_t *form, *payload;
	size_t at;

	if (!find(req, &m, err) || !mobileconfig_shown(req, m->id, 0, &form, err))
		return false;
	held(req, form);
	if (!(payload = payload_in(form, req_param(req, "id"), &at)))
		return err_set(err, ERR_MISSING, "no such payload");
	return payload_page(req, reply, m, payload, false, NULL, err);
}

/* id NULL: a new one. */
static bool
post_any_payload(struct req *req, struct reply *reply, const char *id, struct err *err)
{
	struct kept_mobileconfig *m;
	json_t *form, *before = NULL, *payload = NULL;
	struct err why = { 0 };
	size_t at = 0;
	bool ok;

	if (!editing(req, &m, &form, err))
		return refuse(req, reply, "payloads", NULL, NULL, err);
	if (id && !(before = payload_in(form, id, &at)))
		return err_set(err, ERR_MISSING, "no such payload");
	if (!payload_form_read(req, "payload", before, &payload, err))
		return refuse(req, reply, "payloads", NULL, NULL, err);
	held(req, payload);
	if (before)
		json_array_set(json_object_get(form, "payloads"), at, payload);
	else if (json_object_get(form, "payloads"))
		json_array_append(json_object_get(form, "payloads"), payload);
	else
		json_object_set_new(form, "payloads", json_pack("[O]", payload));
	ok = keep(req, m, form, &why);
	if (ok)
		return done(req, reply, "saved");
	*err = why;
	return sayable(req, &why) && payload_page(req, reply, m, payload, !before, &why, err);
}

static bool
post_new_payload(struct req *req, struct reply *reply, struct err *err)
{
	return post_any_payload(req, reply, NULL, err);
}

static bool
post_payload(struct req *req, struct reply *reply, struct err *err)
{
	return post_any_payload(req, reply, req_param(req, "id"), err);
}

static bool
post_payload_remove(struct req *req, struct reply *reply, struct err *err)
{
	struct kept_mobileconfig *m;
	json_t *form;
	size_t at;

	if (!editing(req, &m, &form, err))
		return refuse(req, reply, "payloads", NULL, NULL, err);
	if (!payload_in(form, req_param(req, "id"), &at))
		return err_set(err, ERR_MISSING, "no such payload");
	json_array_remove(json_object_get(form, "payloads"), at);
	return keep(req, m, form, err) ? done(req, reply, "saved") : refuse(req, reply, "payloads", NULL, NULL, err);
}

/* ---- for whom ---- */

static bool
devices_of_form(struct req *req, json_t **ret, struct err *err)
{
	const char *text = field(req, "devices");

	*ret = NULL;
	if (!text)
		return true;
	*ret = held(req, json_loads(text, JSON_REJECT_DUPLICATES, NULL));
	return *ret || err_code(err, ERR_INVALID, "bad_filter", "devices: this is no JSON");
}

/* id NULL: a new one. */
static bool
assign(struct req *req, struct reply *reply, const char *id, struct err *err)
{
	struct assignment to = { .id = id, .mobileconfig = req_param(req, "name") };
	json_t *tree = NULL, *devices = NULL, *now;
	bool same, created, ok;

	ok = audience_of_form(req, &tree, &same, err) && devices_of_form(req, &devices, err);
	if (ok && same) {
		ok = id && assignment_show(req->site->db, id, &now, err);
		tree = ok ? json_object_get(held(req, now), "audience") : NULL;
	}
	to.audience = tree;
	to.devices = devices;
	ok = ok && assignment_put(req, req->site->db, actor(req), &to, &created, &id, err);
	return ok ? done(req, reply, "assigned") : refuse(req, reply, to.id ? to.id : "assign", tree, field(req, "devices"), err);
}

static bool
post_assign(struct req *req, struct reply *reply, struct err *err)
{
	return assign(req, reply, NULL, err);
}

/* Of this mobileconfig, as the path says. */
static bool
is_its(struct req *req, struct err *err)
{
	json_t *one;
	bool ok;

	if (!assignment_show(req->site->db, req_param(req, "id"), &one, err))
		return false;
	ok = strcmp(text_of(one, "mobileconfig"), req_param(req, "name")) == 0;
	json_decref(one);
	return ok || err_set(err, ERR_MISSING, "no such assignment");
}

static bool
post_assignment(struct req *req, struct reply *reply, struct err *err)
{
	return is_its(req, err) && assign(req, reply, req_param(req, "id"), err);
}

static bool
post_unassign(struct req *req, struct reply *reply, struct err *err)
{
	return is_its(req, err) && assignment_remove(req->site->db, actor(req), req_param(req, "id"), err) &&
	       done(req, reply, "unassigned");
}

/* ---- versions, devices, preview, and away ---- */

static bool
post_back(struct req *req, struct reply *reply, struct err *err)
{
	const char *text;
	int64_t version;

	return form_text(req, "to", &text, err) && num_parse(text, 1, INT64_MAX, &version, err) &&
	       mobileconfig_back(req->site->db, actor(req), req_param(req, "name"), version, err) && done(req, reply, "back");
}

static bool
post_retry(struct req *req, struct reply *reply, struct err *err)
{
	struct kept_mobileconfig *m;
	int64_t n;

	return find(req, &m, err) && desired_retry(req->site->db, actor(req), m->id, field(req, "device"), &n, err) &&
	       done(req, reply, "retried");
}

static bool
post_remove(struct req *req, struct reply *reply, struct err *err)
{
	const char *name = req_param(req, "name"), *confirm = field(req, "confirm");
	struct kept_mobileconfig *m;

	if (!find(req, &m, err))
		return false;
	if (!confirm || strcmp(confirm, name) != 0) {
		err_set(err, ERR_INVALID, "type %s to remove it", name);
		return refuse(req, reply, "remove", NULL, NULL, err);
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

	if (!find(req, &m, err))
		return false;
	if (!mobileconfig_preview(req, m, device && *device ? device : NULL, person && *person ? person : NULL, &data, &why)) {
		char text[520];

		*err = why;
		if (why.kind != ERR_MISSING && !sayable(req, &why))
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
	{ GET,  ONE "/payloads/new",               WHO_ADMIN, "0",   ON_WORKER, get_new_payload, NULL, NULL, "The form of a new payload: ?type=" },
	{ POST, ONE "/payloads",                   WHO_ADMIN, PAYLOAD_FORM_BODY, ON_WORKER, post_new_payload, NULL, NULL, "A new payload" },
	{ GET,  ONE "/payloads/:id",               WHO_ADMIN, "0",   ON_WORKER, get_payload,     NULL, NULL, "The form of a payload" },
	{ POST, ONE "/payloads/:id",               WHO_ADMIN, PAYLOAD_FORM_BODY, ON_WORKER, post_payload, NULL, NULL, "Change it" },
	{ POST, ONE "/payloads/:id/remove",        WHO_ADMIN, "16K", ON_WORKER, post_payload_remove, NULL, NULL, "Take it out" },
	{ POST, ONE "/assignments",                WHO_ADMIN, "64K", ON_WORKER, post_assign,     NULL, NULL, "For whom it is, too" },
	{ POST, ONE "/assignments/:id",            WHO_ADMIN, "64K", ON_WORKER, post_assignment, NULL, NULL, "Change that" },
	{ POST, ONE "/assignments/:id/remove",     WHO_ADMIN, "16K", ON_WORKER, post_unassign,   NULL, NULL, "Take it from them" },
	{ POST, ONE "/back",                       WHO_ADMIN, "16K", ON_WORKER, post_back,       NULL, NULL, "Back to a version: to" },
	{ POST, ONE "/retry",                      WHO_ADMIN, "16K", ON_WORKER, post_retry,      NULL, NULL, "Try again what failed: device, or all" },
	{ POST, ONE "/remove",                     WHO_ADMIN, "16K", ON_WORKER, post_remove,     NULL, NULL, "Remove it, from devices too: confirm" },
	{ GET,  ONE "/preview",                    WHO_ADMIN, "0",   ON_WORKER, get_preview,     NULL, NULL, "As a device would get it: ?person= or ?device=" },
	{ 0 }
};
