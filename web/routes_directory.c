/*
 * The company's directory as an admin sees it: what is set, and a test that says how each step went.
 */
#include "core/json.h"
#include "web/rooms.h"
#include <string.h>

static void
add_step(void *arg, enum directory_level level, const char *step, const char *text)
{
	static const char *const levels[] = { "ok", "warn", "fail" };

	json_array_append_new(arg, json_pack("{s:s, s:s, s:s}", "level", levels[level], "step", step, "text", text));
}

/* An empty password is none given: without the person's own bind. */
static bool
test(struct req *req, const char *name, const char *password, json_t **steps, bool *ok, struct err *err)
{
	if (!directory_is_on(req->site->directory))
		return err_set(err, ERR_CONFLICT, "ldap.urls is empty: there is no directory");
	if (!turn_take(req->site, err))
		return false;
	*steps = json_array();
	*ok = directory_test(req->site->directory, name, password && *password ? password : NULL, add_step, *steps);
	turn_give(req->site);
	return true;
}

/* What is set; secrets are not. */
static json_t *
settings_of(const struct conf *conf)
{
	const struct {
		const char *key, *value;
	} rows[] = {
		{ "ldap.urls", conf->ldap_urls }, { "ldap.tls", conf->ldap_tls }, { "ldap.ca_file", conf->ldap_ca_file },
		{ "ldap.bind_dn", conf->ldap_bind_dn }, { "ldap.user_bind_template", conf->ldap_user_bind_template },
		{ "ldap.user_bases", conf->ldap_user_bases }, { "ldap.user_filter", conf->ldap_user_filter },
		{ "ldap.group_base", conf->ldap_group_base }, { "ldap.nested", conf->ldap_nested },
		{ "ldap.admin_groups", conf->ldap_admin_groups }, { "ldap.publisher_groups", conf->ldap_publisher_groups },
		{ "ldap.required_groups", conf->ldap_required_groups },
	};
	json_t *list = json_array();

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		json_array_append_new(list, json_pack("{s:s, s:s}", "key", rows[i].key, "value", rows[i].value));
	return list;
}

static bool
directory_page(struct req *req, struct reply *reply, const char *name, json_t *steps, bool good, struct err *err)
{
	const struct conf *conf = site_conf(req->site);

	return reply_page(reply, req, "directory", json_pack("{s:b, s:b, s:o, s:s, s:b, s:b, s:o}", "on",
		directory_is_on(req->site->directory), "blind", directory_is_on(req->site->directory) &&
		!directory_can_look(req->site->directory), "settings", settings_of(conf), "name", name, "tested", steps != NULL,
		"good", good, "steps", steps ? steps : json_array()), err);
}

static bool
get_directory(struct req *req, struct reply *reply, struct err *err)
{
	return directory_page(req, reply, "", NULL, false, err);
}

static bool
post_directory(struct req *req, struct reply *reply, struct err *err)
{
	const char *name;
	json_t *steps;
	bool good;

	return form_text(req, "name", &name, err) && test(req, name, req_form(req, "password"), &steps, &good, err) &&
	       directory_page(req, reply, name, steps, good, err);
}

static bool
api_test(struct req *req, struct reply *reply, struct err *err)
{
	const char *name = "", *password = NULL;
	json_t *body, *steps;
	bool good;

	return whole_admin(req, err) && req_json(req, &body, err) &&
	       JSON_READ(body, err, { "name", JSON_IS_TEXT, &name }, { "password", JSON_IS_TEXT, &password }) &&
	       test(req, name, password, &steps, &good, err) &&
	       reply_json(reply, 200, json_pack("{s:b, s:o}", "ok", good, "steps", steps));
}

const struct route directory_routes[] = {
	{ GET,  "/admin/directory",       WHO_ADMIN, "0",   ON_WORKER, get_directory,  NULL, NULL,    "The company's directory" },
	{ POST, "/admin/directory",       WHO_ADMIN, "16K", ON_WORKER, post_directory, NULL, NULL,    "Test it: name, password" },
	{ POST, "/api/v1/directory/test", WHO_ADMIN, "16K", ON_WORKER, api_test,       NULL, "admin", "Test the directory: {name, password}" },
	{ 0 }
};
