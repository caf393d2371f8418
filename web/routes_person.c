/*
 * Everybody, for admins: who comes from where, with which role, and may still come in.
 */
#include "catalog/people.h"
#include "catalog/person_attribute.h"
#include "core/json.h"
#include "core/secret.h"
#include "web/person_change.h"
#include "web/rooms.h"
#include <string.h>

bool
whole_admin(struct req *req, struct err *err)
{
	return !req->person->bundle_id ||
	       err_set(err, ERR_DENIED, "this token is for %s alone", req->person->bundle_id);
}

static bool
add(struct req *req, const char *name, const char *word, json_t **ret, struct err *err)
{
	struct db *db = req->site->db;
	struct person *person;
	enum role role;
	char *password = secret_id(req);

	if (!role_parse(word, &role, err) ||
	    !person_add_once(db, person_actor(req, req->person), name, role, password, err) ||
	    !person_by_name(req, db, name, &person, err))
		return false;
	*ret = json_pack("{s:s, s:s, s:s, s:s}", "id", person->id, "name", person->name, "role", word, "password", password);
	return true;
}

/* ---- pages ---- */

static json_t *
choices(const char *const *names, const char *selected)
{
	json_t *list = json_array();

	for (; *names; names++)
		json_array_append_new(list, json_pack("{s:s, s:b}", "name", *names, "selected", strcmp(*names, selected) == 0));
	return list;
}

static void
dress(json_t *person)
{
	json_object_set_new(person, "url", json_sprintf("/admin/people/%s", text_of(person, "id")));
	json_object_set_new(person, "invite_url", json_sprintf("/admin/invitations/new?person=%s", text_of(person, "id")));
	json_object_set_new(person, "invitations_url", json_sprintf("/admin/invitations?person=%s", text_of(person, "id")));
	json_object_set_new(person, "installs_url", json_sprintf("/admin/installs?person=%s", text_of(person, "id")));
}

static struct people_filter
filter_of(struct req *req)
{
	static const char *const sources[] = { "local", "directory", "proxy" };
	const char *source = req_query(req, "source"), *q = req_query(req, "q"), *disabled = req_query(req, "disabled");
	struct people_filter filter = { .search = q ? q : "", .disabled = disabled && !says_no(disabled) };

	for (size_t i = 0; source && i < sizeof sources / sizeof *sources; i++)
		if (strcmp(source, sources[i]) == 0)
			filter.source = sources[i];
	return filter;
}

/* `made`: an account just made, or NULL; refused: why none was. */
static bool
people_page(struct req *req, struct reply *reply, int status, json_t *made, const char *name, const struct err *refused,
	    struct err *err)
{
	static const char *const roles[] = { "member", "publisher", "admin", NULL };
	static const char *const sources[] = { "local", "directory", "proxy", NULL };
	struct people_filter filter = filter_of(req);
	json_t *list, *person, *data;
	char text[520];
	size_t i;

	if (!people_list(req->site->db, &filter, req_query(req, "after"), PEOPLE_PAGE_MAX / 2, &list, err)) {
		json_decref(made);
		return false;
	}
	json_array_foreach(json_object_get(list, "items"), i, person)
		dress(person);
	data = json_pack("{s:O, s:s?, s:s, s:b, s:o, s:o, s:o, s:s, s:s?, s:b}", "people", json_object_get(list, "items"),
		"next_url", page_next(req, "/admin/people", "q source disabled", list), "q", filter.search,
		"disabled", filter.disabled, "sources", choices(sources, filter.source ? filter.source : ""),
		"roles", choices(roles, "member"), "made", made ? made : json_null(), "name", name,
		"refused", refused ? err_text(refused, text, sizeof text) : NULL,
		"directory", directory_is_on(req->site->directory));
	json_decref(list);
	return reply_page_status(reply, req, status, "people", data, err);
}

static bool
get_people(struct req *req, struct reply *reply, struct err *err)
{
	return people_page(req, reply, 200, NULL, "", NULL, err);
}

/* Whatever is ours to mend goes to the error page; a refusal stands where it was asked for. */
static bool
shows(const struct err *err)
{
	return err->kind == ERR_INVALID || err->kind == ERR_CONFLICT || err->kind == ERR_LIMIT;
}

static bool
post_people(struct req *req, struct reply *reply, struct err *err)
{
	const char *name, *role;
	struct err refused;
	json_t *made;

	if (!form_text(req, "name", &name, err) || !form_text(req, "role", &role, err))
		return false;
	if (add(req, name, role, &made, err))
		return people_page(req, reply, 201, made, "", NULL, err);
	refused = *err;
	return shows(&refused) && people_page(req, reply, err_http_status(refused.kind), NULL, name, &refused, err);
}

static const char *
apps_text(struct req *req, const json_t *person)
{
	const json_t *apps = json_object_get(person, "apps");
	const char *text = "";

	for (size_t i = 0; i < json_array_size(apps); i++)
		text = mem_printf(req, "%s%s%s", text, i ? "\n" : "", json_string_value(json_array_get(apps, i)));
	return text;
}

/* "department = Sales", a line each: what stands for %variables% of mobileconfigs. */
static bool
attributes_text(struct req *req, const char *id, const char **ret, struct err *err)
{
	const char *name, *text = "";
	json_t *all, *value;

	if (!person_attributes(req->site->db, id, &all, err))
		return false;
	json_object_foreach(all, name, value)
		text = mem_printf(req, "%s%s = %s\n", text, name, json_string_value(value));
	json_decref(all);
	*ret = text;
	return true;
}

/* Those that have no line are taken away. */
static bool
set_attributes(struct req *req, const char *text, struct err *err)
{
	json_t *change, *value;
	const char *name;
	bool ok;

	if (!person_attributes(req->site->db, req_param(req, "id"), &change, err))
		return false;
	json_object_foreach(change, name, value)
		json_object_set_new(change, name, json_null());
	for (size_t len; *text; text += len + (text[len] == '\n')) {
		size_t cut, from, to;

		len = strcspn(text, "\n");
		cut = strcspn(text, "=\n");
		if (!len || strspn(text, " \t\r") >= len)
			continue;
		if (cut == len) {
			json_decref(change);
			return err_set(err, ERR_INVALID, "\"%.*s\" is no line such as department = Sales",
				       (int)(len < 60 ? len : 60), text);
		}
		for (from = cut + 1; from < len && strchr(" \t", text[from]); from++)
			;
		for (to = len; to > from && strchr(" \t\r", text[to - 1]); to--)
			;
		while (cut && strchr(" \t", text[cut - 1]))
			cut--;
		value = json_stringn(text + from, to - from);
		json_object_set_new(change, mem_textn(req, text, cut), value ? value : json_string(""));
	}
	ok = person_attributes_change(req->site->db, person_actor(req, req->person), req_param(req, "id"), change, err);
	json_decref(change);
	return ok;
}

/* `password`: a new one for one sign-in, shown this once. */
static bool
person_page(struct req *req, struct reply *reply, int status, const char *password, const struct err *refused,
	    struct err *err)
{
	static const char *const roles[] = { "member", "publisher", "admin", NULL };
	const char *id = req_param(req, "id");
	const char *attributes;
	json_t *p, *data;
	char text[520];

	if (!attributes_text(req, id, &attributes, err) || !people_show(req->site->db, id, &p, err))
		return false;
	json_object_set_new(p, "attributes_text", json_string(attributes));
	json_object_set_new(p, "locked_until", page_moment_of(req, p, "locked_until"));
	json_object_set_new(p, "checked", page_moment_of(req, p, "checked"));
	json_object_set_new(p, "created", page_moment_of(req, p, "created"));
	json_object_set_new(p, "role_is_ours", json_boolean(person_role_is_ours(req, text_of(p, "source"))));
	json_object_set_new(p, "apps_text", json_string(apps_text(req, p)));
	dress(p);
	data = json_pack("{s:o, s:o, s:b, s:s?, s:s?, s:s?}", "someone", p, "roles", choices(roles, text_of(p, "role")), "self",
		strcmp(id, req->person->id) == 0, "password", password, "changed", req_query(req, "changed"), "refused",
		refused ? err_text(refused, text, sizeof text) : NULL);
	return reply_page_status(reply, req, status, "person", data, err);
}

static bool
get_person(struct req *req, struct reply *reply, struct err *err)
{
	return person_page(req, reply, 200, NULL, NULL, err);
}

/* Back to the person's page: with what was done, or why not. */
static bool
done(struct req *req, struct reply *reply, bool ok, const char *what, struct err *err)
{
	struct err refused = *err;

	if (ok)
		return reply_see(reply, mem_printf(req, "/admin/people/%s?changed=%s", req_param(req, "id"), what));
	return shows(&refused) && person_page(req, reply, err_http_status(refused.kind), NULL, &refused, err);
}

static bool
post_role(struct req *req, struct reply *reply, struct err *err)
{
	const char *role;

	return form_text(req, "role", &role, err) &&
	       done(req, reply, person_change_role(req, req->site->db, role, err), "role", err);
}

static bool
post_apps(struct req *req, struct reply *reply, struct err *err)
{
	const char *which, *apps = req_form(req, "apps");

	return form_text(req, "which", &which, err) &&
	       done(req, reply, person_change_apps_text(req, strcmp(which, "all") == 0, apps ? apps : "", err), "apps", err);
}

static bool
post_email(struct req *req, struct reply *reply, struct err *err)
{
	const char *email;

	return form_text(req, "email", &email, err) &&
	       done(req, reply, person_change_email(req, req->site->db, email, err), "email", err);
}

static bool
post_attributes(struct req *req, struct reply *reply, struct err *err)
{
	const char *text = req_form(req, "attributes");

	return done(req, reply, set_attributes(req, text ? text : "", err), "attributes", err);
}

static bool
post_disable(struct req *req, struct reply *reply, struct err *err)
{
	return done(req, reply, person_change_disabled(req, req->site->db, true, err), "disabled", err);
}

static bool
post_enable(struct req *req, struct reply *reply, struct err *err)
{
	return done(req, reply, person_change_disabled(req, req->site->db, false, err), "enabled", err);
}

static bool
post_sign_out(struct req *req, struct reply *reply, struct err *err)
{
	return done(req, reply, person_change_sign_out(req, err), "signed_out", err);
}

static bool
post_unlock(struct req *req, struct reply *reply, struct err *err)
{
	return done(req, reply, person_change_unlock(req, err), "unlocked", err);
}

static bool
post_password(struct req *req, struct reply *reply, struct err *err)
{
	struct people_act act = person_act(req);
	char *password;

	if (!people_new_password(req, req->site->db, &act, &password, err))
		return done(req, reply, false, "", err);
	return person_page(req, reply, 201, password, NULL, err);
}

/* ---- the API ---- */

static bool
api_people(struct req *req, struct reply *reply, struct err *err)
{
	struct people_filter filter = filter_of(req);
	const char *source = req_query(req, "source");
	json_t *list;

	if (!whole_admin(req, err))
		return false;
	if (source && *source && !filter.source)
		return err_set(err, ERR_INVALID, "source is local, directory or proxy, not \"%.40s\"", source);
	return people_list(req->site->db, &filter, req_query(req, "after"), query_limit(req, PEOPLE_PAGE_MAX), &list, err) &&
	       reply_json(reply, 200, list);
}

static bool
api_person(struct req *req, struct reply *reply, struct err *err)
{
	json_t *person;

	return whole_admin(req, err) && people_show(req->site->db, req_param(req, "id"), &person, err) &&
	       reply_json(reply, 200, person);
}

static bool
api_add(struct req *req, struct reply *reply, struct err *err)
{
	const char *name = "", *role = "member";
	json_t *body, *made;

	return whole_admin(req, err) && req_json(req, &body, err) &&
	       JSON_READ(body, err, { "name", JSON_IS_TEXT, &name, true }, { "role", JSON_IS_TEXT, &role }) &&
	       add(req, name, role, &made, err) && reply_json(reply, 201, made);
}

struct change {
	struct req *req;
	const char *role, *email;
	int disabled, all;		/* -1: stays */
	json_t *apps;
};

/* All of it or nothing: what is refused half way must not leave the first half. */
static bool
tx_change(struct db *tx, void *arg, struct err *err)
{
	const struct change *c = arg;

	return (!c->email || person_change_email(c->req, tx, c->email, err)) &&
	       (!c->role || person_change_role(c->req, tx, c->role, err)) &&
	       (c->disabled < 0 || person_change_disabled(c->req, tx, c->disabled, err)) &&
	       ((c->all < 0 && !c->apps) || person_change_apps_json(c->req, tx, c->all > 0, c->apps, err));
}

static bool
api_change(struct req *req, struct reply *reply, struct err *err)
{
	struct change c = { .req = req, .disabled = -1, .all = -1 };
	json_t *body;

	return whole_admin(req, err) && req_json(req, &body, err) &&
	       JSON_READ(body, err, { "role", JSON_IS_TEXT, &c.role }, { "email", JSON_IS_TEXT, &c.email },
			 { "disabled", JSON_IS_BOOL, &c.disabled },
			 { "all_apps", JSON_IS_BOOL, &c.all }, { "apps", JSON_IS_LIST, &c.apps }) &&
	       db_tx(req->site->db, tx_change, &c, err) && api_person(req, reply, err);
}

static bool
api_sign_out(struct req *req, struct reply *reply, struct err *err)
{
	return whole_admin(req, err) && person_change_sign_out(req, err) && reply_empty(reply, 204);
}

static bool
api_unlock(struct req *req, struct reply *reply, struct err *err)
{
	return whole_admin(req, err) && person_change_unlock(req, err) && reply_empty(reply, 204);
}

static bool
api_password(struct req *req, struct reply *reply, struct err *err)
{
	struct people_act act = person_act(req);
	char *password;

	return whole_admin(req, err) && people_new_password(req, req->site->db, &act, &password, err) &&
	       reply_json(reply, 201, json_pack("{s:s}", "password", password));
}

const struct route person_routes[] = {
	{ GET,    "/admin/people",               WHO_ADMIN, "0",   ON_WORKER, get_people,    NULL, NULL,    "Everybody" },
	{ POST,   "/admin/people",               WHO_ADMIN, "16K", ON_WORKER, post_people,   NULL, NULL,
	  "Make a local account: name, role" },
	{ GET,    "/admin/people/:id",           WHO_ADMIN, "0",   ON_WORKER, get_person,    NULL, NULL,    "One person" },
	{ POST,   "/admin/people/:id/role",      WHO_ADMIN, "16K", ON_WORKER, post_role,     NULL, NULL,    "Their role" },
	{ POST,   "/admin/people/:id/apps",      WHO_ADMIN, "64K", ON_WORKER, post_apps,     NULL, NULL,
	  "Which apps they publish: which, apps" },
	{ POST,   "/admin/people/:id/email",     WHO_ADMIN, "16K", ON_WORKER, post_email,    NULL, NULL,
	  "Where notices and invitations go to: email" },
	{ POST,   "/admin/people/:id/attributes", WHO_ADMIN, "64K", ON_WORKER, post_attributes, NULL, NULL,
	  "What is known of them for mobileconfigs: attributes, a line each" },
	{ POST,   "/admin/people/:id/disable",   WHO_ADMIN, "16K", ON_WORKER, post_disable,  NULL, NULL,    "Let them in no more" },
	{ POST,   "/admin/people/:id/enable",    WHO_ADMIN, "16K", ON_WORKER, post_enable,   NULL, NULL,    "Let them in again" },
	{ POST,   "/admin/people/:id/sign-out",  WHO_ADMIN, "16K", ON_WORKER, post_sign_out, NULL, NULL,    "Sign them out everywhere" },
	{ POST,   "/admin/people/:id/unlock",    WHO_ADMIN, "16K", ON_WORKER, post_unlock,   NULL, NULL,    "Forget wrong passwords" },
	{ POST,   "/admin/people/:id/password",  WHO_ADMIN, "16K", ON_WORKER, post_password, NULL, NULL,
	  "A password for one sign-in" },
	{ GET,    "/api/v1/people",              WHO_ADMIN, "0",   ON_WORKER, api_people,    NULL, "admin",
	  "People: ?q= ?source= ?disabled= ?after= ?limit=" },
	{ POST,   "/api/v1/people",              WHO_ADMIN, "16K", ON_WORKER, api_add,       NULL, "admin",
	  "Make a local account: {name, role}" },
	{ GET,    "/api/v1/people/:id",          WHO_ADMIN, "0",   ON_WORKER, api_person,    NULL, "admin", "One person" },
	{ PATCH,  "/api/v1/people/:id",          WHO_ADMIN, "64K", ON_WORKER, api_change,    NULL, "admin",
	  "Change a person: {role, email, disabled, all_apps, apps}" },
	{ DELETE, "/api/v1/people/:id/sessions", WHO_ADMIN, "0",   ON_WORKER, api_sign_out,  NULL, "admin",
	  "Sign a person out everywhere" },
	{ POST,   "/api/v1/people/:id/unlock",   WHO_ADMIN, "0",   ON_WORKER, api_unlock,    NULL, "admin",
	  "Forget a person's wrong passwords" },
	{ POST,   "/api/v1/people/:id/password", WHO_ADMIN, "0",   ON_WORKER, api_password,  NULL, "admin",
	  "A password for one sign-in" },
	{ 0 }
};
