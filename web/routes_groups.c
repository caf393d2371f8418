/*
 * Groups of people, for admins: those kept here, and the directory's to look at.
 */
#include "catalog/group.h"
#include "core/json.h"
#include "web/rooms.h"
#include <string.h>

#define GROUP_PEOPLE_SHOWN 500	/* on the page; the API tells all */

/* ---- changes: each for the form and for the API ---- */

static const char *
actor(struct req *req)
{
	return person_actor(req, req->person);
}

/* By name, as people say whom they mean. */
static bool
put(struct req *req, const char *name, bool in, struct err *err)
{
	struct person *person;

	if (!person_by_name(req, req->site->db, name, &person, err))
		return err->kind == ERR_MISSING && in
		       ? err_code(err, ERR_INVALID, "unknown_person", "nobody who may come in is called \"%.64s\"", name) : false;
	return group_put_person(req->site->db, actor(req), req_param(req, "id"), person->id, in, err);
}

/* ---- pages ---- */

static bool
groups_page(struct req *req, struct reply *reply, const char *typed, const struct err *refused, struct err *err)
{
	const char *q = req_query(req, "q") ? req_query(req, "q") : "";
	json_t *list, *group, *data;
	char text[520];
	size_t i;

	if (!group_list(req->site->db, q, req_query(req, "after"), GROUP_PAGE_MAX, &list, err))
		return false;
	json_array_foreach(json_object_get(list, "items"), i, group)
		json_object_set_new(group, "url", json_sprintf("/admin/groups/%s", text_of(group, "id")));
	data = json_pack("{s:s, s:O, s:s?, s:s, s:s?}", "q", q, "groups", json_object_get(list, "items"),
			 "next_url", page_next(req, "/admin/groups", "q", list), "name", typed,
			 "refused", refused ? err_text(refused, text, sizeof text) : NULL);
	json_decref(list);
	return reply_page_status(reply, req, refused ? 422 : 200, "groups", data, err);
}

static bool
get_groups(struct req *req, struct reply *reply, struct err *err)
{
	return groups_page(req, reply, "", NULL, err);
}

/* May the page say why, beside what was typed? */
static bool
sayable(struct req *req, const struct err *err)
{
	return req->browser && (err->kind == ERR_INVALID || err->kind == ERR_CONFLICT);
}

static bool
post_group(struct req *req, struct reply *reply, struct err *err)
{
	const char *name;
	struct err why = { 0 };
	char *id;

	if (!form_text(req, "name", &name, err))
		return false;
	if (group_add(req->site->db, actor(req), name, &id, req, &why))
		return reply_see(reply, mem_printf(req, "/admin/groups/%s", id));
	*err = why;
	return sayable(req, &why) && groups_page(req, reply, name, &why, err);
}

static bool
group_page(struct req *req, struct reply *reply, const struct err *refused, struct err *err)
{
	json_t *group, *people, *person;
	char text[520];
	size_t i, n;

	if (!group_show(req->site->db, req_param(req, "id"), &group, err))
		return false;
	people = json_object_get(group, "persons");
	n = json_array_size(people);
	while (json_array_size(people) > GROUP_PEOPLE_SHOWN)
		json_array_remove(people, json_array_size(people) - 1);
	json_array_foreach(people, i, person) {
		json_object_set_new(person, "url", json_sprintf("/admin/people/%s", text_of(person, "id")));
		json_object_set_new(person, "take_url", json_sprintf("/admin/groups/%s/people/%s/take", text_of(group, "id"),
								     text_of(person, "id")));
	}
	json_object_set_new(group, "more", json_boolean(n > GROUP_PEOPLE_SHOWN));
	json_object_set_new(group, "local", json_boolean(strcmp(text_of(group, "source"), "local") == 0));
	json_object_set_new(group, "empty", json_boolean(!n));
	json_object_set_new(group, "url", json_sprintf("/admin/groups/%s", text_of(group, "id")));
	json_object_set_new(group, "changed", json_boolean(req_query(req, "changed") && !refused));
	json_object_set_new(group, "refused", refused ? json_string(err_text(refused, text, sizeof text)) : json_null());
	return reply_page_status(reply, req, refused ? 422 : 200, "group", group, err);
}

static bool
get_group(struct req *req, struct reply *reply, struct err *err)
{
	return group_page(req, reply, NULL, err);
}

/* Back to the group, with what was done or why it was not. */
static bool
done(struct req *req, struct reply *reply, bool ok, struct err *err)
{
	struct err why;

	if (ok)
		return reply_see(reply, mem_printf(req, "/admin/groups/%s?changed=1", req_param(req, "id")));
	why = *err;
	return sayable(req, &why) && group_page(req, reply, &why, err);
}

static bool
post_rename(struct req *req, struct reply *reply, struct err *err)
{
	const char *name;

	return form_text(req, "name", &name, err) &&
	       done(req, reply, group_rename(req->site->db, actor(req), req_param(req, "id"), name, err), err);
}

static bool
post_put(struct req *req, struct reply *reply, struct err *err)
{
	const char *name;

	return form_text(req, "name", &name, err) && done(req, reply, put(req, name, true, err), err);
}

static bool
post_take(struct req *req, struct reply *reply, struct err *err)
{
	return done(req, reply, group_put_person(req->site->db, actor(req), req_param(req, "id"),
						 req_param(req, "person"), false, err), err);
}

static bool
post_remove(struct req *req, struct reply *reply, struct err *err)
{
	return group_remove(req->site->db, actor(req), req_param(req, "id"), err)
	       ? reply_see(reply, "/admin/groups") : done(req, reply, false, err);
}

/* ---- API ---- */

static bool
api_groups(struct req *req, struct reply *reply, struct err *err)
{
	json_t *list;

	return group_list(req->site->db, req_query(req, "q"), req_query(req, "after"),
			  query_limit(req, GROUP_PAGE_MAX), &list, err) && reply_json(reply, 200, list);
}

static bool
answer(struct req *req, struct reply *reply, int status, const char *id, struct err *err)
{
	json_t *group;

	return group_show(req->site->db, id, &group, err) && reply_json(reply, status, group);
}

static bool
api_group(struct req *req, struct reply *reply, struct err *err)
{
	return whole_admin(req, err) && answer(req, reply, 200, req_param(req, "id"), err);
}

static bool
name_of(struct req *req, const char **ret, struct err *err)
{
	json_t *body;

	*ret = NULL;
	return whole_admin(req, err) && req_json(req, &body, err) && JSON_READ(body, err, { "name", JSON_IS_TEXT, ret, true });
}

static bool
api_add(struct req *req, struct reply *reply, struct err *err)
{
	const char *name;
	char *id;

	return name_of(req, &name, err) && group_add(req->site->db, actor(req), name, &id, req, err) &&
	       answer(req, reply, 201, id, err);
}

static bool
api_rename(struct req *req, struct reply *reply, struct err *err)
{
	const char *name;

	return name_of(req, &name, err) &&
	       group_rename(req->site->db, actor(req), req_param(req, "id"), name, err) &&
	       answer(req, reply, 200, req_param(req, "id"), err);
}

static bool
api_remove(struct req *req, struct reply *reply, struct err *err)
{
	return whole_admin(req, err) && group_remove(req->site->db, actor(req), req_param(req, "id"), err) &&
	       reply_empty(reply, 204);
}

static bool
api_put(struct req *req, struct reply *reply, struct err *err)
{
	return whole_admin(req, err) && put(req, req_param(req, "name"), true, err) && reply_empty(reply, 204);
}

static bool
api_take(struct req *req, struct reply *reply, struct err *err)
{
	return whole_admin(req, err) && put(req, req_param(req, "name"), false, err) && reply_empty(reply, 204);
}

const struct route group_routes[] = {
	{ GET,    "/admin/groups",                         WHO_ADMIN, "0",   ON_WORKER, get_groups,  NULL, NULL, "Groups of people" },
	{ POST,   "/admin/groups",                         WHO_ADMIN, "16K", ON_WORKER, post_group,  NULL, NULL, "Make a group" },
	{ GET,    "/admin/groups/:id",                     WHO_ADMIN, "0",   ON_WORKER, get_group,   NULL, NULL, "One group and its people" },
	{ POST,   "/admin/groups/:id",                     WHO_ADMIN, "16K", ON_WORKER, post_rename, NULL, NULL, "A new name" },
	{ POST,   "/admin/groups/:id/people",              WHO_ADMIN, "16K", ON_WORKER, post_put,    NULL, NULL, "Put somebody in" },
	{ POST,   "/admin/groups/:id/people/:person/take", WHO_ADMIN, "16K", ON_WORKER, post_take,   NULL, NULL, "Take somebody out" },
	{ POST,   "/admin/groups/:id/remove",              WHO_ADMIN, "16K", ON_WORKER, post_remove, NULL, NULL, "Remove a group" },
	{ GET,    "/api/v1/groups",                        WHO_PUBLISHER, "0", ON_WORKER, api_groups, NULL, "upload", "Groups, to be named in audiences: ?q= &after= &limit=" },
	{ POST,   "/api/v1/groups",                        WHO_ADMIN, "16K", ON_WORKER, api_add,     NULL, "admin", "Make a group: {name}" },
	{ GET,    "/api/v1/groups/:id",                    WHO_ADMIN, "0",   ON_WORKER, api_group,   NULL, "admin", "A group and its people" },
	{ PUT,    "/api/v1/groups/:id",                    WHO_ADMIN, "16K", ON_WORKER, api_rename,  NULL, "admin", "A new name: {name}" },
	{ DELETE, "/api/v1/groups/:id",                    WHO_ADMIN, "0",   ON_WORKER, api_remove,  NULL, "admin", "Remove a group" },
	{ PUT,    "/api/v1/groups/:id/people/:name",       WHO_ADMIN, "0",   ON_WORKER, api_put,     NULL, "admin", "Put somebody in" },
	{ DELETE, "/api/v1/groups/:id/people/:name",       WHO_ADMIN, "0",   ON_WORKER, api_take,    NULL, "admin", "Take somebody out" },
	{ 0 }
};
