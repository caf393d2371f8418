/* See web/mobileconfig_edit.h. */
#include "web/mobileconfig_edit.h"
#include "core/num.h"
#include "web/mobileconfig_show.h"
#include "web/rooms.h"
#include <string.h>

/* May the page say why, beside what was typed? */
bool
edit_sayable(struct req *req, const struct err *err)
{
	return req->browser && (err->kind == ERR_INVALID || err->kind == ERR_CONFLICT || err->kind == ERR_LIMIT ||
				err->kind == ERR_MALFORMED);
}

const char *
edit_field(struct req *req, const char *name)
{
	const char *text = req_form(req, name);

	return text && *text ? text : NULL;
}

bool
edit_find(struct req *req, struct kept_mobileconfig **ret, struct err *err)
{
	return mobileconfig_find(req, req->site->db, req_param(req, "name"), ret, err);
}

bool
edit_page(struct req *req, struct reply *reply, const struct mobileconfig_refused *refused, struct err *err)
{
	struct kept_mobileconfig *m;
	json_t *data;

	return edit_find(req, &m, err) && mobileconfig_data(req, m, refused, &data, err) &&
	       reply_page_status(reply, req, refused ? 422 : 200, "mobileconfig", data, err);
}

bool
edit_done(struct req *req, struct reply *reply, const char *what)
{
	return reply_see(reply, mem_printf(req, "/admin/mobileconfigs/%s?changed=%s", req_param(req, "name"), what));
}

bool
edit_refuse(struct req *req, struct reply *reply, const char *where, const char *typed, struct err *err)
{
	char text[520];
	struct mobileconfig_refused refused = { .where = where, .text = mem_text(req, err_text(err, text, sizeof text)), .typed = typed };

	return edit_sayable(req, err) && edit_page(req, reply, &refused, err);
}

/* The form as it is, masked, to be changed; nobody else has changed it since the page was made. */
bool
edit_begin(struct req *req, struct kept_mobileconfig **m, json_t **form, struct err *err)
{
	const char *text = edit_field(req, "version");
	struct err why;
	int64_t version;

	if (!edit_find(req, m, err))
		return false;
	if (!text || !num_parse(text, 1, INT64_MAX, &version, &why) || version != (*m)->version)
		return err_code(err, ERR_CONFLICT, "changed_meanwhile", "somebody else has given it version %lld meanwhile",
				(long long)(*m)->version);
	if (!mobileconfig_shown(req, (*m)->id, 0, form, err))
		return false;
	json_hold(req, *form);
	return true;
}

bool
edit_keep(struct req *req, const struct kept_mobileconfig *m, const json_t *form, struct err *err)
{
	struct mobileconfig_sent sent = { .name = m->name, .person = m->person, .form = form, .note = edit_field(req, "note") };
	struct kept_mobileconfig *ret;
	bool created;

	return mobileconfig_take(req, &sent, &created, &ret, NULL, err);
}
