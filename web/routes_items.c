/*
 * What the catalog shows besides builds, for admins: the shelf, categories, web apps and App Store links.
 */
#include "catalog/app.h"
#include "catalog/category.h"
#include "catalog/item.h"
#include "core/json.h"
#include "core/num.h"
#include "ipa/icon.h"
#include "web/audience_form.h"
#include "web/rooms.h"
#include <string.h>

#define ITEM_ICON_SIDE 120

static bool
sayable(struct req *req, const struct err *err)
{
	return req->browser && (err->kind == ERR_INVALID || err->kind == ERR_CONFLICT);
}

/* ---- the page of all of it ---- */

static bool
items_of(struct req *req, json_t **ret, struct err *err)
{
	struct list_place place = { .folded = "", .id = "", .pattern = "%", .limit = ITEMS_MAX };
	json_t *list, *item;
	size_t i;

	if (!item_list(req->site->db, viewer_of(req->person), &place, &list, err))
		return false;
	json_array_foreach(list, i, item) {
		const char *id = text_of(item, "id");

		json_object_del(item, "folded");
		json_object_set_new(item, "edit_url", json_sprintf("/admin/catalog-items/%s", id));
		json_object_set_new(item, "icon_url", json_sprintf("/items/%s/icon.png", id));
	}
	*ret = list;
	return true;
}

/* As many places as there can be, each with the app that has it, or none. */
static bool
shelf_of(struct req *req, json_t **ret, struct err *err)
{
	json_t *apps, *shelf = json_array();

	if (!app_featured(req->site->db, viewer_of(req->person), &apps, err)) {
		json_decref(shelf);
		return false;
	}
	for (size_t i = 0; i < APP_FEATURED_MAX; i++)
		json_array_append_new(shelf, json_pack("{s:i, s:s}", "place", (int)i + 1, "bundle_id",
						       text_of(json_array_get(apps, i), "bundle_id")));
	json_decref(apps);
	*ret = shelf;
	return true;
}

static bool
names_of_apps(struct req *req, json_t **ret, struct err *err)
{
	struct app_filter filter = { .owned = true };
	json_t *list;

	if (!app_list(req->site->db, viewer_of(req->person), &filter, NULL, APP_PAGE_MAX, &list, err))
		return false;
	*ret = json_incref(json_object_get(list, "items"));
	json_decref(list);
	return true;
}

/* where: "shelf", "categories" or "items". */
static bool
shelf_page(struct req *req, struct reply *reply, const char *where, const struct err *refused, struct err *err)
{
	json_t *items = NULL, *shelf = NULL, *apps = NULL, *categories = NULL, *category, *data;
	bool typed_item = strcmp(where, "items") == 0;
	char text[520];
	size_t i;

	if (!items_of(req, &items, err) || !shelf_of(req, &shelf, err) || !names_of_apps(req, &apps, err) ||
	    !category_list(req->site->db, &categories, err)) {
		json_decref(items);
		json_decref(shelf);
		json_decref(apps);
		return false;
	}
	json_array_foreach(categories, i, category)
		json_object_set_new(category, "url", json_sprintf("/admin/categories/%s", text_of(category, "id")));
	data = json_pack("{s:o, s:o, s:o, s:o, s:b, s:n}", "items", items, "shelf", shelf, "apps", apps, "categories",
			 categories, "saved", req_query(req, "saved") && !refused, "refused");
	json_object_set_new(data, "name", json_string(typed_item && req_form(req, "title") ? req_form(req, "title") : ""));
	json_object_set_new(data, "url", json_string(typed_item && req_form(req, "url") ? req_form(req, "url") : ""));
	json_object_set_new(data, "subtitle", json_string(typed_item && req_form(req, "subtitle") ? req_form(req, "subtitle") : ""));
	if (refused)
		json_object_set_new(data, "refused", json_pack("{s:s, s:b, s:b, s:b}", "text",
			err_text(refused, text, sizeof text), "shelf", strcmp(where, "shelf") == 0,
			"categories", strcmp(where, "categories") == 0, "items", typed_item));
	return reply_page_status(reply, req, refused ? 422 : 200, "shelf", data, err);
}

static bool
get_shelf(struct req *req, struct reply *reply, struct err *err)
{
	return shelf_page(req, reply, "", NULL, err);
}

static bool
done(struct req *req, struct reply *reply, bool ok, const char *where, struct err *err)
{
	struct err why;

	if (ok)
		return reply_see(reply, "/admin/catalog-items?saved=1");
	why = *err;
	return sayable(req, &why) && shelf_page(req, reply, where, &why, err);
}

/* ---- the shelf and the categories ---- */

static bool
post_featured(struct req *req, struct reply *reply, struct err *err)
{
	json_t *ids = json_array();
	const char *id;
	bool ok;

	for (size_t n = 0; (id = req_form_nth(req, "app", n)); n++)
		if (*id)
			json_array_append_new(ids, json_string(id));
	ok = app_set_featured(req->site->db, req->person, ids, err);
	json_decref(ids);
	return done(req, reply, ok, "shelf", err);
}

static bool
post_category(struct req *req, struct reply *reply, struct err *err)
{
	const char *name;
	char *id;

	return form_text(req, "name", &name, err) &&
	       done(req, reply, category_add(req, req->site->db, req->person, name, &id, err), "categories", err);
}

static bool
post_category_change(struct req *req, struct reply *reply, struct err *err)
{
	const char *name, *place;
	int64_t n;

	return form_text(req, "name", &name, err) && form_text(req, "place", &place, err) &&
	       done(req, reply, num_parse(place, 1, CATEGORIES_MAX, &n, err) &&
		    category_change(req->site->db, req->person, req_param(req, "id"), name, n, err), "categories", err);
}

static bool
post_category_remove(struct req *req, struct reply *reply, struct err *err)
{
	return done(req, reply, category_remove(req->site->db, req->person, req_param(req, "id"), err), "categories", err);
}

/* ---- one item ---- */

/* A blob of what was sent, scaled and written anew; without anything a plain one for a new item.  *name
 * stays as it is when nothing was sent for one that has an icon. */
static bool
keep_icon(struct req *req, struct bytes png, const char *drawn_for, char name[BLOB_NAME_SIZE], bool *kept,
	  struct err *err)
{
	struct icon *icon;
	struct bytes made;

	*kept = false;
	if (!png.len && !drawn_for)
		return true;
	if (png.len ? !icon_read(req, png, &icon, err) || !icon_png(req, icon, ITEM_ICON_SIDE, &made, err)
		    : !icon_drawn(req, drawn_for, ITEM_ICON_SIDE, &made, err)) {
		if (err->kind != ERR_INTERNAL)
			err_set(err, ERR_INVALID, "the icon is no PNG of at most %d pixels a side", ICON_SIDE_MAX);
		return false;
	}
	if (!blob_put(req->site->blobs, made, name, err))
		return false;
	*kept = true;
	return true;
}

/* id NULL: a new one, whose id is *made. */
static bool
save(struct req *req, const char *id, struct item_fields *fields, struct bytes png, char **made, struct err *err)
{
	char icon[BLOB_NAME_SIZE];
	bool kept, ok;

	if (!keep_icon(req, png, id ? NULL : fields->url, icon, &kept, err))
		return false;
	fields->icon = kept ? icon : NULL;
	ok = id ? item_change(req->site->db, req->person, id, fields, err)
		: item_add(req, req->site->db, req->person, fields, made, err);
	if (kept)
		blob_unpin(req->site->blobs, icon);
	return ok;
}

static bool
fields_of_form(struct req *req, struct item_fields *f, struct err *err)
{
	f->subtitle = req_form(req, "subtitle");
	return form_text(req, "kind", &f->kind, err) && form_text(req, "title", &f->name, err) &&
	       form_text(req, "url", &f->url, err);
}

static bool
post_item(struct req *req, struct reply *reply, struct err *err)
{
	struct item_fields fields = { 0 };
	char *id;

	if (!fields_of_form(req, &fields, err))
		return false;
	return save(req, NULL, &fields, req_form_file(req, "icon"), &id, err)
	       ? reply_see(reply, mem_printf(req, "/admin/catalog-items/%s", id)) : done(req, reply, false, "items", err);
}

static bool
item_page(struct req *req, struct reply *reply, const json_t *typed, const struct err *refused, struct err *err)
{
	json_t *item, *rows, *groups = NULL, *categories = NULL;
	const char *id = req_param(req, "id");
	char text[520];

	if (!item_edit(req->site->db, id, &item, err))
		return false;
	if (!groups_part(req, &groups, err) ||
	    !categories_part(req, json_object_get(item, "categories"), &categories, err)) {
		json_decref(groups);
		json_decref(item);
		return false;
	}
	rows = audience_rows(req, typed ? typed : json_object_get(item, "audience"));
	json_object_update(item, rows);
	json_decref(rows);
	json_object_set_new(item, "groups", groups);
	json_object_set_new(item, "categories", categories);
	json_object_set_new(item, "icon_url", json_sprintf("/items/%s/icon.png", id));
	json_object_set_new(item, "edit_url", json_sprintf("/admin/catalog-items/%s", id));
	json_object_set_new(item, "saved", json_boolean(req_query(req, "saved") && !refused));
	json_object_set_new(item, "refused", refused ? json_string(err_text(refused, text, sizeof text)) : json_null());
	return reply_page_status(reply, req, refused ? 422 : 200, "item", item, err);
}

static bool
get_item(struct req *req, struct reply *reply, struct err *err)
{
	return item_page(req, reply, NULL, NULL, err);
}

static bool
post_item_change(struct req *req, struct reply *reply, struct err *err)
{
	const char *id = req_param(req, "id");
	json_t *categories = form_list(req, "category"), *tree = NULL, *now = NULL;
	struct item_fields fields = { .categories = categories };
	struct err why;
	bool same, ok = fields_of_form(req, &fields, err) && audience_of_form(req, &tree, &same, err) &&
			item_edit(req->site->db, id, &now, err);

	fields.audience = ok && same ? json_object_get(now, "audience") : tree;
	ok = ok && save(req, id, &fields, req_form_file(req, "icon"), NULL, err);
	json_decref(now);
	json_decref(categories);
	if (ok)
		return reply_see(reply, mem_printf(req, "/admin/catalog-items/%s?saved=1", id));
	why = *err;
	return sayable(req, &why) && item_page(req, reply, tree, &why, err);
}

static bool
post_item_remove(struct req *req, struct reply *reply, struct err *err)
{
	if (!item_remove(req->site->db, req->person, req_param(req, "id"), err))
		return false;
	return reply_see(reply, "/admin/catalog-items?saved=1");
}

/* For everybody who sees the item. */
static bool
get_icon(struct req *req, struct reply *reply, struct err *err)
{
	char *name;
	int64_t size;
	int fd;

	if (!item_icon(req, req->site->db, viewer_of(req->person), req_param(req, "id"), &name, err) ||
	    !blob_open(req->site->blobs, name, &fd, &size, err))
		return false;
	reply_header(reply, "Cache-Control", "private, max-age=3600");
	return reply_file(reply, req, fd, size, site_etag(req, name), "image/png", NULL);
}

/* ---- API ---- */

/* An admin sees all there are; everybody else those that hold something they see. */
static bool
api_categories(struct req *req, struct reply *reply, struct err *err)
{
	bool all = req->person->role == ROLE_ADMIN && !req->person->bundle_id;
	json_t *list, *items, *name;
	size_t i;

	if (!(all ? category_list(req->site->db, &list, err)
		  : category_seen(req->site->db, viewer_of(req->person), &list, err)))
		return false;
	items = all ? list : json_array();
	if (!all) {
		json_array_foreach(list, i, name)
			json_array_append_new(items, json_pack("{s:O}", "name", name));
		json_decref(list);
	}
	return reply_json(reply, 200, json_pack("{s:o, s:n}", "items", items, "next"));
}

static bool
api_category_add(struct req *req, struct reply *reply, struct err *err)
{
	const char *name = NULL;
	json_t *body;
	char *id;

	return whole_admin(req, err) && req_json(req, &body, err) && JSON_READ(body, err, { "name", JSON_IS_TEXT, &name, true }) &&
	       category_add(req, req->site->db, req->person, name, &id, err) &&
	       reply_json(reply, 201, json_pack("{s:s, s:s}", "id", id, "name", name));
}

static bool
api_category_change(struct req *req, struct reply *reply, struct err *err)
{
	const char *name = NULL;
	int64_t place = 0;
	json_t *body;

	return whole_admin(req, err) && req_json(req, &body, err) &&
	       JSON_READ(body, err, { "name", JSON_IS_TEXT, &name }, { "place", JSON_IS_INT, &place }) &&
	       category_change(req->site->db, req->person, req_param(req, "id"), name, place, err) &&
	       api_categories(req, reply, err);
}

static bool
api_category_remove(struct req *req, struct reply *reply, struct err *err)
{
	return whole_admin(req, err) && category_remove(req->site->db, req->person, req_param(req, "id"), err) &&
	       reply_empty(reply, 204);
}

static bool
api_featured(struct req *req, struct reply *reply, struct err *err)
{
	json_t *list;

	return app_featured(req->site->db, viewer_of(req->person), &list, err) &&
	       reply_json(reply, 200, json_pack("{s:o, s:n}", "items", list, "next"));
}

static bool
api_set_featured(struct req *req, struct reply *reply, struct err *err)
{
	json_t *body;

	return whole_admin(req, err) && req_json(req, &body, err) &&
	       app_set_featured(req->site->db, req->person, json_object_get(body, "apps"), err) &&
	       api_featured(req, reply, err);
}

static bool
api_items(struct req *req, struct reply *reply, struct err *err)
{
	json_t *list, *item;
	size_t i;

	if (!whole_admin(req, err) || !items_of(req, &list, err))
		return false;
	json_array_foreach(list, i, item)
		json_object_del(item, "edit_url");
	return reply_json(reply, 200, json_pack("{s:o, s:n}", "items", list, "next"));
}

static bool
answer(struct req *req, struct reply *reply, int status, const char *id, struct err *err)
{
	json_t *item;

	return item_edit(req->site->db, id, &item, err) && reply_json(reply, status, item);
}

static bool
api_item(struct req *req, struct reply *reply, struct err *err)
{
	return whole_admin(req, err) && answer(req, reply, 200, req_param(req, "id"), err);
}

static bool
fields_of_json(struct req *req, struct item_fields *f, struct err *err)
{
	json_t *body, *audience = NULL, *categories = NULL;

	if (!whole_admin(req, err) || !req_json(req, &body, err) ||
	    !JSON_READ(body, err, { "kind", JSON_IS_TEXT, &f->kind, true }, { "name", JSON_IS_TEXT, &f->name, true },
		       { "url", JSON_IS_TEXT, &f->url, true }, { "subtitle", JSON_IS_TEXT, &f->subtitle },
		       { "audience", JSON_IS_ANY, &audience }, { "categories", JSON_IS_LIST, &categories }))
		return false;
	f->audience = audience;
	f->categories = categories;
	return true;
}

static bool
api_item_add(struct req *req, struct reply *reply, struct err *err)
{
	struct item_fields fields = { 0 };
	char *id;

	return fields_of_json(req, &fields, err) && save(req, NULL, &fields, (struct bytes){ 0 }, &id, err) &&
	       answer(req, reply, 201, id, err);
}

static bool
api_item_change(struct req *req, struct reply *reply, struct err *err)
{
	struct item_fields fields = { 0 };
	const char *id = req_param(req, "id");

	return fields_of_json(req, &fields, err) && save(req, id, &fields, (struct bytes){ 0 }, NULL, err) &&
	       answer(req, reply, 200, id, err);
}

static bool
api_item_icon(struct req *req, struct reply *reply, struct err *err)
{
	char icon[BLOB_NAME_SIZE];
	bool kept, ok;

	if (!whole_admin(req, err))
		return false;
	if (!req->body.len)
		return err_set(err, ERR_INVALID, "the body is the icon, a PNG");
	if (!keep_icon(req, req->body, NULL, icon, &kept, err))
		return false;
	ok = item_set_icon(req->site->db, req->person, req_param(req, "id"), icon, err);
	blob_unpin(req->site->blobs, icon);
	return ok && reply_empty(reply, 204);
}

static bool
api_item_remove(struct req *req, struct reply *reply, struct err *err)
{
	return whole_admin(req, err) && item_remove(req->site->db, req->person, req_param(req, "id"), err) &&
	       reply_empty(reply, 204);
}

const struct route item_routes[] = {
	{ GET,    "/items/:id/icon.png",            WHO_PERSON, "0",    ON_WORKER, get_icon,             NULL, "read", "The icon of a web app or App Store link" },
	{ GET,    "/admin/catalog-items",           WHO_ADMIN,  "0",    ON_WORKER, get_shelf,            NULL, NULL, "Featured apps, categories, web apps and App Store links" },
	{ POST,   "/admin/catalog-items",           WHO_ADMIN,  "1000K", ON_WORKER, post_item,           NULL, NULL, "A new web app or App Store link" },
	{ GET,    "/admin/catalog-items/:id",       WHO_ADMIN,  "0",    ON_WORKER, get_item,             NULL, NULL, "One of them" },
	{ POST,   "/admin/catalog-items/:id",       WHO_ADMIN,  "1000K", ON_WORKER, post_item_change,    NULL, NULL, "Change it" },
	{ POST,   "/admin/catalog-items/:id/remove", WHO_ADMIN, "16K",  ON_WORKER, post_item_remove,     NULL, NULL, "Remove it" },
	{ POST,   "/admin/featured",                WHO_ADMIN,  "16K",  ON_WORKER, post_featured,        NULL, NULL, "The shelf: app, up to six times" },
	{ POST,   "/admin/categories",              WHO_ADMIN,  "16K",  ON_WORKER, post_category,        NULL, NULL, "A new category" },
	{ POST,   "/admin/categories/:id",          WHO_ADMIN,  "16K",  ON_WORKER, post_category_change, NULL, NULL, "Its name and place" },
	{ POST,   "/admin/categories/:id/remove",   WHO_ADMIN,  "16K",  ON_WORKER, post_category_remove, NULL, NULL, "Remove it" },
	{ GET,    "/api/v1/categories",             WHO_PERSON, "0",    ON_WORKER, api_categories,       NULL, "read", "Categories" },
	{ POST,   "/api/v1/categories",             WHO_ADMIN,  "16K",  ON_WORKER, api_category_add,     NULL, "admin", "A new category: {name}" },
	{ PUT,    "/api/v1/categories/:id",         WHO_ADMIN,  "16K",  ON_WORKER, api_category_change,  NULL, "admin", "Its name and place: {name, place}" },
	{ DELETE, "/api/v1/categories/:id",         WHO_ADMIN,  "0",    ON_WORKER, api_category_remove,  NULL, "admin", "Remove it" },
	{ GET,    "/api/v1/featured",               WHO_PERSON, "0",    ON_WORKER, api_featured,         NULL, "read", "The shelf" },
	{ PUT,    "/api/v1/featured",               WHO_ADMIN,  "16K",  ON_WORKER, api_set_featured,     NULL, "admin", "The shelf: {apps: [bundle ids]}" },
	{ GET,    "/api/v1/items",                  WHO_ADMIN,  "0",    ON_WORKER, api_items,            NULL, "admin", "Web apps and App Store links" },
	{ POST,   "/api/v1/items",                  WHO_ADMIN,  "64K",  ON_WORKER, api_item_add,         NULL, "admin", "A new one: {kind, name, url, subtitle, audience, categories}" },
	{ GET,    "/api/v1/items/:id",              WHO_ADMIN,  "0",    ON_WORKER, api_item,             NULL, "admin", "One of them" },
	{ PUT,    "/api/v1/items/:id",              WHO_ADMIN,  "64K",  ON_WORKER, api_item_change,      NULL, "admin", "The whole of it again; the icon stays" },
	{ PUT,    "/api/v1/items/:id/icon",         WHO_ADMIN,  "1000K", ON_WORKER, api_item_icon,       NULL, "admin", "Its icon: a PNG" },
	{ DELETE, "/api/v1/items/:id",              WHO_ADMIN,  "0",    ON_WORKER, api_item_remove,      NULL, "admin", "Remove it" },
	{ 0 }
};
