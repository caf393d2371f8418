/*
 * Testers in the console: their list, one of them, their groups, a table of new ones.
 */
#include "catalog/contact_import.h"
#include "catalog/link.h"
#include "web/rooms.h"
#include <string.h>

#define LINKS_SHOWN 50	/* of one tester */

static const char *
actor(struct req *req)
{
	return person_actor(req, req->person);
}

static bool
testers_page(struct req *req, struct reply *reply, int status, const struct contact *typed, const char *refused,
	     struct err *err)
{
	const char *q = req_query(req, "q"), *group = req_query(req, "group"), *changed = req_query(req, "changed");
	json_t *list, *groups, *item, *data;
	size_t i;

	if (!contact_list(req->site->db, q, group, req_query(req, "after"), CONTACT_PAGE_MAX, &list, err))
		return false;
	if (!contact_group_list(req->site->db, &groups, err)) {
		json_decref(list);
		return false;
	}
	json_array_foreach(json_object_get(list, "items"), i, item)
		json_object_set_new(item, "url", json_sprintf("/admin/testers/%s", text_of(item, "id")));
	json_array_foreach(groups, i, item) {
		json_object_set_new(item, "url", json_sprintf("/admin/testers?group=%s", text_of(item, "id")));
		json_object_set_new(item, "remove_url", json_sprintf("/admin/tester-groups/%s/remove", text_of(item, "id")));
		json_object_set_new(item, "current", json_boolean(group && strcmp(group, text_of(item, "id")) == 0));
	}
	data = json_pack("{s:s, s:b, s:O, s:o, s:s?, s:s?, s:s?}", "q", q ? q : "", "all", !group || !*group, "testers",
			 json_object_get(list, "items"), "groups", groups, "next_url",
			 page_next(req, "/admin/testers", "q group", list), "changed", changed,
			 "refused", refused);
	json_decref(list);
	json_object_set_new(data, "typed", json_pack("{s:s, s:s, s:s, s:s}", "name", typed && typed->name ? typed->name : "",
		"email", typed && typed->email ? typed->email : "", "phone", typed && typed->phone ? typed->phone : "",
		"language", ""));
	json_object_set_new(data, "languages", page_language_choice(""));
	return reply_page_status(reply, req, status, "testers", data, err);
}

static bool
get_testers(struct req *req, struct reply *reply, struct err *err)
{
	return testers_page(req, reply, 200, NULL, NULL, err);
}

static void
read_form(struct req *req, struct contact *contact)
{
	contact->name = req_form(req, "name");
	contact->email = req_form(req, "email");
	contact->phone = req_form(req, "phone");
	contact->language = req_form(req, "language");
}

static bool
is_their_doing(const struct err *err)
{
	return err->kind == ERR_INVALID || err->kind == ERR_CONFLICT || err->kind == ERR_LIMIT ||
	       err->kind == ERR_DENIED;
}

static bool
post_tester(struct req *req, struct reply *reply, struct err *err)
{
	struct contact typed = { .name = NULL }, contact;
	char *id, text[520];
	bool ok;

	read_form(req, &typed);
	contact = typed;
	ok = contact_check(req, &contact, err) && contact_add(req, req->site->db, actor(req), &contact, &id, err);
	if (ok)
		return reply_see(reply, "/admin/testers?changed=added");
	return is_their_doing(err) &&
	       testers_page(req, reply, err_http_status(err->kind), &typed, err_text(err, text, sizeof text), err);
}

static bool
tester_page(struct req *req, struct reply *reply, int status, const char *refused, struct err *err)
{
	const char *id = req_param(req, "id"), *base = mem_printf(req, "/admin/testers/%s", id);
	struct link_filter filter = { .contact_id = id };
	json_t *contact, *groups = NULL, *links = NULL, *group, *mine, *link, *data;
	size_t i, k;

	if (!contact_show(req->site->db, id, &contact, err))
		return false;
	if (!contact_group_list(req->site->db, &groups, err) ||
	    !link_list(req->site->db, req->person, &filter, NULL, LINKS_SHOWN, &links, err)) {
		json_decref(groups);
		json_decref(contact);
		return false;
	}
	json_array_foreach(groups, i, group) {
		bool in = false;

		json_array_foreach(json_object_get(contact, "groups"), k, mine)
			in = in || strcmp(text_of(mine, "id"), text_of(group, "id")) == 0;
		json_object_set_new(group, "checked", json_boolean(in));
	}
	json_array_foreach(json_object_get(links, "items"), i, link)
		page_link(req, link);
	json_object_set_new(contact, "languages", page_language_choice(text_of(contact, "language")));
	json_object_set_new(contact, "url", json_string(base));
	json_object_set_new(contact, "remove_url", json_sprintf("%s/remove", base));
	data = json_pack("{s:o, s:o, s:O, s:s?, s:s?}", "tester", contact, "groups", groups, "links",
			 json_object_get(links, "items"), "changed", req_query(req, "changed"), "refused", refused);
	json_decref(links);
	return reply_page_status(reply, req, status, "tester", data, err);
}

static bool
get_tester(struct req *req, struct reply *reply, struct err *err)
{
	return tester_page(req, reply, 200, NULL, err);
}

struct memberships {
	struct req *req;
	const char *contact;
};

/* Exactly the groups whose boxes are ticked. */
static bool
tx_memberships(struct db *tx, void *arg, struct err *err)
{
	struct memberships *m = arg;
	json_t *groups, *group;
	bool ok = true;
	size_t i;

	if (!contact_group_list(tx, &groups, err))
		return false;
	json_array_foreach(groups, i, group) {
		const char *id = text_of(group, "id"), *ticked;
		bool in = false;

		for (size_t n = 0; (ticked = req_form_nth(m->req, "group", n)); n++)
			in = in || strcmp(ticked, id) == 0;
		ok = ok && contact_group_put(tx, actor(m->req), id, m->contact, in, err);
	}
	json_decref(groups);
	return ok;
}

static bool
post_tester_change(struct req *req, struct reply *reply, struct err *err)
{
	struct memberships m = { req, req_param(req, "id") };
	struct contact *contact;
	char text[520];

	if (!contact_get(req, req->site->db, m.contact, &contact, err))
		return false;
	read_form(req, contact);
	contact->quiet = req_form(req, "quiet") != NULL;
	if (contact_check(req, contact, err) && contact_change(req->site->db, req->person, contact, err) &&
	    db_tx(req->site->db, tx_memberships, &m, err))
		return reply_see(reply, mem_printf(req, "/admin/testers/%s?changed=saved", m.contact));
	return is_their_doing(err) &&
	       tester_page(req, reply, err_http_status(err->kind), err_text(err, text, sizeof text), err);
}

static bool
post_tester_remove(struct req *req, struct reply *reply, struct err *err)
{
	return contact_remove(req->site->db, req->person, req_param(req, "id"), err) &&
	       reply_see(reply, "/admin/testers?changed=removed");
}

static bool
post_group(struct req *req, struct reply *reply, struct err *err)
{
	const char *name;
	char *id, text[520];

	if (!form_text(req, "name", &name, err))
		return false;
	if (contact_group_add(req, req->site->db, actor(req), name, &id, err))
		return reply_see(reply, "/admin/testers?changed=group");
	return is_their_doing(err) &&
	       testers_page(req, reply, err_http_status(err->kind), NULL, err_text(err, text, sizeof text), err);
}

static bool
post_group_remove(struct req *req, struct reply *reply, struct err *err)
{
	return contact_group_remove(req->site->db, actor(req), req_param(req, "id"), err) &&
	       reply_see(reply, "/admin/testers?changed=group_removed");
}

/* A file shows what would be kept; what was shown is kept when they say so. */
static bool
post_import(struct req *req, struct reply *reply, struct err *err)
{
	bool keep = req_form(req, "keep") != NULL;
	struct bytes file = req_form_file(req, "file");
	const char *shown = req_form(req, "csv"), *group = req_form(req, "group");
	char text[520];
	json_t *json;

	if (shown)
		file = (struct bytes){ shown, strlen(shown) };
	if (!contacts_take_table(req, file, group, keep, &json, err))
		return is_their_doing(err) && testers_page(req, reply, err_http_status(err->kind), NULL,
							   err_text(err, text, sizeof text), err);
	if (keep) {
		json_decref(json);
		return reply_see(reply, "/admin/testers?changed=imported");
	}
	json_object_set_new(json, "csv", json_string(mem_textn(req, file.p, file.len)));
	json_object_set_new(json, "group", json_string(group ? group : ""));
	return reply_page(reply, req, "import", json, err);
}

const struct route tester_routes[] = {
	{ GET,    "/admin/testers",               WHO_PUBLISHER, "0",    ON_WORKER, get_testers,      NULL, NULL, "Testers" },
	{ POST,   "/admin/testers",               WHO_PUBLISHER, "16K",  ON_WORKER, post_tester,      NULL, NULL, "A new tester" },
	{ POST,   "/admin/testers/import",        WHO_PUBLISHER, "1024K", ON_WORKER, post_import,     NULL, NULL, "A table of testers" },
	{ GET,    "/admin/testers/:id",           WHO_PUBLISHER, "0",    ON_WORKER, get_tester,       NULL, NULL, "One tester" },
	{ POST,   "/admin/testers/:id",           WHO_PUBLISHER, "64K",  ON_WORKER, post_tester_change, NULL, NULL, "Change a tester" },
	{ POST,   "/admin/testers/:id/remove",    WHO_PUBLISHER, "16K",  ON_WORKER, post_tester_remove, NULL, NULL, "Remove a tester" },
	{ POST,   "/admin/tester-groups",         WHO_PUBLISHER, "16K",  ON_WORKER, post_group,       NULL, NULL, "A new group of testers" },
	{ POST,   "/admin/tester-groups/:id/remove", WHO_PUBLISHER, "16K", ON_WORKER, post_group_remove, NULL, NULL, "Remove a group" },
	{ 0 }
};
