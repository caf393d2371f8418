/*
 * In the console: the links made so far, one of them, and what was observed of installs.
 */
#include "catalog/install.h"
#include "web/link_send.h"
#include "web/qr.h"
#include "web/rooms.h"
#include <string.h>

#define LINKS_SHOWN	100
#define INSTALLS_SHOWN	50

static bool
is_over(const json_t *link)
{
	const char *state = text_of(link, "state");

	return strcmp(state, "revoked") == 0 || strcmp(state, "expired") == 0 || strcmp(state, "used_up") == 0;
}

void
page_link(struct req *req, json_t *link)
{
	const json_t *contact = json_object_get(link, "contact");
	const char *id = text_of(link, "id"), *email = text_of(contact, "email"), *channel = text_of(link, "channel");
	json_int_t most = json_integer_value(json_object_get(link, "installs_max"));
	bool over = is_over(link);

	json_object_set_new(link, "who", json_is_object(contact) ? json_string(text_of(contact, "name")) : json_null());
	json_object_set_new(link, "reach", json_string(*email ? email : text_of(contact, "phone")));
	json_object_set_new(link, "leads", *channel ? json_string(channel)
			    : json_sprintf("%s (%s)", text_of(link, "version"), text_of(link, "build")));
	json_object_set_new(link, "most", most ? json_integer(most) : json_null());
	json_object_set_new(link, "url", json_sprintf("/admin/links/%s", id));
	json_object_set_new(link, "created", page_moment_of(req, link, "created"));
	json_object_set_new(link, "expires", page_moment_of(req, link, "expires"));
	json_object_set_new(link, "opened", page_moment_of(req, link, "opened"));
	json_object_set_new(link, "revoke_url", over ? json_null() : json_sprintf("/admin/links/%s/revoke", id));
	json_object_set_new(link, "resend_url", over || !json_is_object(contact) ? json_null()
			    : json_sprintf("/admin/links/%s/send", id));
}

/* An install as the console's tables show it. */
static void
page_install(struct req *req, json_t *install)
{
	const char *model = text_of(install, "model"), *os = text_of(install, "os");
	const char *who = json_string_value(json_object_get(install, "contact"));
	json_t *event;
	size_t i;

	who = who ? who : json_string_value(json_object_get(install, "person"));
	json_object_set_new(install, "who", who ? json_string(who) : json_null());
	json_object_set_new(install, "device", !*model && !*os ? json_null()
			    : json_sprintf("%s%s%s%s", model, *model && *os ? ", " : "", *os ? "iOS " : "", os));
	json_object_set_new(install, "created", page_moment_of(req, install, "created"));
	json_array_foreach(json_object_get(install, "events"), i, event)
		json_object_set_new(event, "at", page_moment_of(req, event, "at"));
}

static bool
get_links(struct req *req, struct reply *reply, struct err *err)
{
	struct link_filter filter = { req_query(req, "bundle"), req_query(req, "build"), NULL };
	json_t *list, *link, *data;
	size_t i;

	if (!link_list(req->site->db, req->person, &filter, req_query(req, "after"), LINKS_SHOWN, &list, err))
		return false;
	json_array_foreach(json_object_get(list, "items"), i, link)
		page_link(req, link);
	data = json_pack("{s:O, s:s?}", "links", json_object_get(list, "items"), "next_url",
			 page_next(req, "/admin/links", "bundle build", list));
	json_decref(list);
	return reply_page(reply, req, "links", data, err);
}

static bool
link_one_page(struct req *req, struct reply *reply, int status, const char *refused, struct err *err)
{
	const char *address;
	json_t *link, *qr = NULL, *item;
	size_t i;

	if (!link_detail(req, req_param(req, "id"), &link, err))
		return false;
	address = json_string_value(json_object_get(link, "url"));
	address = address ? mem_text(req, address) : NULL;
	page_link(req, link);
	if (!is_over(link) && address && !qr_json(address, &qr, err)) {
		json_decref(link);
		return false;
	}
	json_object_set_new(link, "address", address && !is_over(link) ? json_string(address) : json_null());
	json_object_set_new(link, "qr", qr ? qr : json_null());
	json_array_foreach(json_object_get(link, "messages"), i, item)
		json_object_set_new(item, "changed", page_moment_of(req, item, "changed"));
	json_array_foreach(json_object_get(link, "installs_seen"), i, item)
		page_install(req, item);
	json_object_set_new(link, "changed", req_query(req, "changed") ? json_string(req_query(req, "changed")) : json_null());
	json_object_set_new(link, "refused", refused ? json_string(refused) : json_null());
	return reply_page_status(reply, req, status, "link", link, err);
}

static bool
get_link(struct req *req, struct reply *reply, struct err *err)
{
	return link_one_page(req, reply, 200, NULL, err);
}

static bool
post_link_send(struct req *req, struct reply *reply, struct err *err)
{
	struct link_ways ways = { .any = true };
	const char *id = req_param(req, "id");
	char text[520];
	json_t *sent;

	if (link_send_again(req, id, &ways, &sent, err)) {
		json_decref(sent);
		return reply_see(reply, mem_printf(req, "/admin/links/%s?changed=sent", id));
	}
	return err->kind == ERR_CONFLICT &&
	       link_one_page(req, reply, 409, err_text(err, text, sizeof text), err);
}

static bool
post_link_revoke(struct req *req, struct reply *reply, struct err *err)
{
	return link_revoke(req->site->db, req->person, req_param(req, "id"), err) &&
	       reply_see(reply, mem_printf(req, "/admin/links/%s?changed=revoked", req_param(req, "id")));
}

/* ---- installs ---- */

static bool
get_installs(struct req *req, struct reply *reply, struct err *err)
{
	struct install_filter filter = { .bundle_id = req_query(req, "bundle"), .build_id = req_query(req, "build"),
					 .person = req_query(req, "person") };
	json_t *list, *install, *data;
	size_t i;

	if (!install_list(req->site->db, req->site->installs, req->person, &filter, req_query(req, "after"), INSTALLS_SHOWN, &list, err))
		return false;
	json_array_foreach(json_object_get(list, "items"), i, install)
		page_install(req, install);
	data = json_pack("{s:O, s:s?}", "installs", json_object_get(list, "items"), "next_url",
			 page_next(req, "/admin/installs", "bundle build person", list));
	json_decref(list);
	return reply_page(reply, req, "installs", data, err);
}

const struct route link_console_routes[] = {
	{ GET,  "/admin/links",             WHO_PUBLISHER, "0",   ON_WORKER, get_links,        NULL, NULL, "Links to testers: ?bundle= &build=" },
	{ GET,  "/admin/links/:id",         WHO_PUBLISHER, "0",   ON_WORKER, get_link,         NULL, NULL, "One link, its messages and installs" },
	{ POST, "/admin/links/:id/send",    WHO_PUBLISHER, "16K", ON_WORKER, post_link_send,   NULL, NULL, "Send it again" },
	{ POST, "/admin/links/:id/revoke",  WHO_PUBLISHER, "16K", ON_WORKER, post_link_revoke, NULL, NULL, "Revoke it" },
	{ GET,  "/admin/installs",          WHO_PUBLISHER, "0",   ON_WORKER, get_installs,     NULL, NULL, "Installs: ?bundle= &build= &person=" },
	{ 0 }
};
