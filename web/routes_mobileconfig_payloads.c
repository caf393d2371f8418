/*
 * The payloads of a mobileconfig in the console: the form of each.  A button in the form that adds an item, or moves
 * one, keeps nothing: the page comes back with all that was typed.
 */
#include "mdm/mobileconfig_form.h"
#include "web/mobileconfig_edit.h"
#include "web/mobileconfig_show.h"
#include "web/payload_form.h"
#include "web/rooms.h"
#include <string.h>

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

/* What the page shows: a payload as it is, or as it was typed. */
struct shown {
	json_t *payload;
	bool is_new;
	const char *focus;		/* of payload_form_draft; NULL: none */
	const struct err *refused;	/* NULL: it was not */
};

static bool
payload_page(struct req *req, struct reply *reply, const struct kept_mobileconfig *m, const struct shown *shown, struct err *err)
{
	const char *note = edit_field(req, "note");
	json_t *form, *data, *part;
	char text[520];
	bool ok;

	if (!mobileconfig_shown(req, m->id, 0, &form, err))
		return false;
	ok = payload_form_part(req, form, shown->payload, shown->focus, &part, err);
	json_decref(form);
	if (!ok)
		return false;
	data = json_pack("{s:s, s:s, s:I, s:o, s:s?, s:s}", "name", m->name, "home", mem_printf(req, "/admin/mobileconfigs/%s", m->name),
		"version", (json_int_t)m->version, "url", shown->is_new ? json_sprintf("/admin/mobileconfigs/%s/payloads", m->name)
		: json_sprintf("/admin/mobileconfigs/%s/payloads/%s", m->name, text_of(shown->payload, "id")), "refused",
		shown->refused ? err_text(shown->refused, text, sizeof text) : NULL, "note", note ? note : "");
	json_object_update_new(data, part);
	json_object_set_new(data, "payload_new", json_boolean(shown->is_new));
	return reply_page_status(reply, req, shown->refused ? 422 : 200, "mobilepayload", data, err);
}

static bool
get_new_payload(struct req *req, struct reply *reply, struct err *err)
{
	const char *type = req_query(req, "type");
	struct kept_mobileconfig *m;
	json_t *payload = json_hold(req, json_pack("{s:s}", "type", type && strlen(type) <= PAYLOAD_FORM_NEW_MAX ? type : ""));

	return edit_find(req, &m, err) && payload_page(req, reply, m, &(struct shown){ payload, .is_new = true }, err);
}

static bool
get_payload(struct req *req, struct reply *reply, struct err *err)
{
	struct kept_mobileconfig *m;
	json_t *form, *payload;
	size_t at;

	if (!edit_find(req, &m, err) || !mobileconfig_shown(req, m->id, 0, &form, err))
		return false;
	json_hold(req, form);
	if (!(payload = payload_in(form, req_param(req, "id"), &at)))
		return err_set(err, ERR_MISSING, "no such payload");
	return payload_page(req, reply, m, &(struct shown){ payload }, err);
}

/* The page again, with all that was typed; why: it was refused. */
static bool
page_again(struct req *req, struct reply *reply, const struct kept_mobileconfig *m, const json_t *before,
	   const struct err *why, struct err *err)
{
	struct shown shown = { .is_new = !before, .refused = why };

	if (!payload_form_draft(req, "payload", before, &shown.payload, &shown.focus, err))
		return edit_refuse(req, reply, "payloads", NULL, err);
	json_hold(req, shown.payload);
	return payload_page(req, reply, m, &shown, err);
}

/* Into its place, or behind the last. */
static void
put_in(json_t *form, const json_t *before, size_t at, json_t *payload)
{
	if (before)
		json_array_set(json_object_get(form, "payloads"), at, payload);
	else if (json_object_get(form, "payloads"))
		json_array_append(json_object_get(form, "payloads"), payload);
	else
		json_object_set_new(form, "payloads", json_pack("[O]", payload));
}

/* id NULL: a new one. */
static bool
post_any_payload(struct req *req, struct reply *reply, const char *id, struct err *err)
{
	struct kept_mobileconfig *m;
	json_t *form, *before = NULL, *payload = NULL;
	struct err why = { 0 };
	size_t at = 0;

	if (!edit_begin(req, &m, &form, err))
		return edit_refuse(req, reply, "payloads", NULL, err);
	if (id && !(before = payload_in(form, id, &at)))
		return err_set(err, ERR_MISSING, "no such payload");
	json_hold(req, json_incref(before));	/* put_in lets it go */
	if (payload_form_acts(req, "payload"))
		return page_again(req, reply, m, before, NULL, err);
	if (payload_form_read(req, "payload", before, &payload, &why)) {
		put_in(form, before, at, json_hold(req, payload));
		if (edit_keep(req, m, form, &why))
			return edit_done(req, reply, "saved");
	}
	*err = why;
	return edit_sayable(req, &why) && page_again(req, reply, m, before, &why, err);
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

	if (!edit_begin(req, &m, &form, err))
		return edit_refuse(req, reply, "payloads", NULL, err);
	if (!payload_in(form, req_param(req, "id"), &at))
		return err_set(err, ERR_MISSING, "no such payload");
	json_array_remove(json_object_get(form, "payloads"), at);
	return edit_keep(req, m, form, err) ? edit_done(req, reply, "saved") : edit_refuse(req, reply, "payloads", NULL, err);
}

#define ONE "/admin/mobileconfigs/:name"

const struct route mobileconfig_payload_routes[] = {
	{ GET,  ONE "/payloads/new",               WHO_ADMIN, "0",   ON_WORKER, get_new_payload, NULL, NULL, "The form of a new payload: ?type=" },
	{ POST, ONE "/payloads",                   WHO_ADMIN, PAYLOAD_FORM_BODY, ON_WORKER, post_new_payload, NULL, NULL, "A new payload" },
	{ GET,  ONE "/payloads/:id",               WHO_ADMIN, "0",   ON_WORKER, get_payload,     NULL, NULL, "The form of a payload" },
	{ POST, ONE "/payloads/:id",               WHO_ADMIN, PAYLOAD_FORM_BODY, ON_WORKER, post_payload, NULL, NULL, "Change it" },
	{ POST, ONE "/payloads/:id/remove",        WHO_ADMIN, "16K", ON_WORKER, post_payload_remove, NULL, NULL, "Take it out" },
	{ 0 }
};
