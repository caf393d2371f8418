#include "web/person_change.h"
#include "core/json.h"
#include "web/rooms.h"
#include <string.h>

struct people_act
person_act(struct req *req)
{
	return (struct people_act){ person_actor(req, req->person), req_param(req, "id"),
				    site_conf(req->site)->signin_local_login };
}

bool
person_role_is_ours(struct req *req, const char *source)
{
	const struct conf *conf = site_conf(req->site);

	return strcmp(source, "directory") != 0 || (!*conf->ldap_admin_groups && !*conf->ldap_publisher_groups);
}

bool
person_change_role(struct req *req, struct db *db, const char *word, struct err *err)
{
	struct people_act act = person_act(req);
	enum role role;
	json_t *person;
	bool ours;

	if (!role_parse(word, &role, err) || !people_show(db, act.id, &person, err))
		return false;
	ours = person_role_is_ours(req, text_of(person, "source"));
	json_decref(person);
	if (!ours)
		return err_code(err, ERR_CONFLICT, "role_of_directory", "the groups of the directory decide this role: "
				"ldap.admin_groups and ldap.publisher_groups say which");
	return people_set_role(db, &act, role, err);
}

bool
person_change_disabled(struct req *req, struct db *db, bool disabled, struct err *err)
{
	struct people_act act = person_act(req);

	return people_set_disabled(db, &act, disabled, err);
}

bool
person_change_email(struct req *req, struct db *db, const char *email, struct err *err)
{
	struct people_act act = person_act(req);

	return people_set_email(db, &act, email, err);
}

bool
person_change_apps_text(struct req *req, bool all, const char *text, struct err *err)
{
	struct people_act act = person_act(req);
	const char **ids = NULL;
	size_t n = 0;

	for (const char *at = text; *(at += strspn(at, " \t\r\n,;"));) {
		size_t len = strcspn(at, " \t\r\n,;");

		if (n == PERSON_APPS_MAX)
			return err_set(err, ERR_LIMIT, "more than %d apps", PERSON_APPS_MAX);
		ids = mem_grow(req, ids, const char *, n + 1);
		ids[n++] = mem_textn(req, at, len);
		at += len;
	}
	return people_set_apps(req->site->db, &act, all, ids, n, err);
}

bool
person_change_apps_json(struct req *req, struct db *db, bool all, const json_t *list, struct err *err)
{
	struct people_act act = person_act(req);
	size_t n = json_array_size(list), i;
	const char **ids = mem_array(req, const char *, n + 1);
	json_t *id;

	json_array_foreach(list, i, id) {
		ids[i] = json_string_value(id);
		if (!ids[i])
			return err_set(err, ERR_INVALID, "apps must be a list of bundle ids");
	}
	return people_set_apps(db, &act, all, ids, n, err);
}

bool
person_change_unlock(struct req *req, struct err *err)
{
	struct people_act act = person_act(req);

	return people_unlock(req->site->db, &act, err);
}

bool
person_change_sign_out(struct req *req, struct err *err)
{
	struct people_act act = person_act(req);

	return people_sign_out(req->site->db, &act, err);
}
