/* pomona user add NAME [--admin|--publisher] --password-file F | list [--json] | passwd NAME --password-file F | email NAME ADDRESS */
#include "catalog/people.h"
#include "cli/command.h"

struct opts {
	struct cli_call call;
	const char *password_file;
	enum role role;
	bool json;
};

static void
print(const json_t *p)
{
	printf("%-24s %-10s %-10s%s\n", json_string_value(json_object_get(p, "name")),
	       json_string_value(json_object_get(p, "role")), json_string_value(json_object_get(p, "source")),
	       json_is_true(json_object_get(p, "disabled")) ? " disabled" : "");
}

static bool
list(struct cli_call *call, struct err *err)
{
	static const struct people_filter everybody;
	json_t *all = json_array(), *page, *p;
	const char *after = NULL;
	size_t i;

	do {
		if (!people_list(call->db, &everybody, after, PEOPLE_PAGE_MAX, &page, err)) {
			json_decref(all);
			return false;
		}
		json_array_extend(all, json_object_get(page, "items"));
		after = mem_text(call->ctx, json_string_value(json_object_get(page, "next")));
		json_decref(page);
	} while (after);
	if (((const struct opts *)call)->json)
		cli_print(all);
	else
		json_array_foreach(all, i, p)
			print(p);
	json_decref(all);
	return true;
}

static bool
add(struct cli_call *call, struct err *err)
{
	const struct opts *o = (const struct opts *)call;
	char *password;

	return cli_secret(call->ctx, o->password_file, &password, err) &&
	       person_add(call->db, "cli", call->words[0], o->role, password, err);
}

static bool
passwd(struct cli_call *call, struct err *err)
{
	char *password;

	return cli_secret(call->ctx, ((const struct opts *)call)->password_file, &password, err) &&
	       person_set_password(call->db, "cli", call->words[0], password, err);
}

static bool
email(struct cli_call *call, struct err *err)
{
	struct person *person;

	return person_by_name(call->ctx, call->db, call->words[0], &person, err) &&
	       people_set_email(call->db, &(struct people_act){ "cli", person->id, true }, call->words[1], err);
}

static bool
be_admin(struct cli_call *call, const char *arg, struct err *err)
{
	(void)arg, (void)err;
	((struct opts *)call)->role = ROLE_ADMIN;
	return true;
}

static bool
be_publisher(struct cli_call *call, const char *arg, struct err *err)
{
	(void)arg, (void)err;
	((struct opts *)call)->role = ROLE_PUBLISHER;
	return true;
}

static const struct cli_option options[] = {
	{ "admin", 'a', NULL, "Give the admin role", .take = be_admin },
	{ "publisher", 'p', NULL, "Give the publisher role", .take = be_publisher },
	{ "password-file", 'f', "FILE", "First line is the password; - reads stdin", offsetof(struct opts, password_file) },
	{ "json", 'j', NULL, "Print JSON", offsetof(struct opts, json) },
	{ 0 }
};
static const struct cli_act acts[] = {
	{ "list", 0, 0, NULL, list },
	{ "add", 1, 1, "f", add },
	{ "passwd", 1, 1, "f", passwd },
	{ "email", 2, 2, NULL, email },
	{ 0 }
};

int
cmd_user(int argc, char **argv)
{
	static const struct cli_command user = {
		.args = "add NAME | list | passwd NAME | email NAME ADDRESS", .doc = "People with a local account.",
		.options = { options }, .acts = acts, .usage = "say list, add|passwd NAME --password-file FILE, or email NAME ADDRESS (\"\": none)",
	};
	struct opts o = { 0 };

	return cli_run(&user, &o.call, argc, argv);
}
