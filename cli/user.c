/* pomona user add NAME [--admin|--publisher] --password-file F | list [--json] | passwd NAME --password-file F */
#include "catalog/people.h"
#include "cli/cli.h"
#include <string.h>

struct opts {
	struct cli_place place;
	const char *act, *name, *password_file;
	enum role role;
	bool json;
};

static const struct argp_option options[] = {
	{ "admin", 'a', NULL, 0, "Give the admin role", 0 },
	{ "publisher", 'p', NULL, 0, "Give the publisher role", 0 },
	{ "password-file", 'f', "FILE", 0, "First line is the password; - reads stdin", 0 },
	{ "json", 'j', NULL, 0, "Print JSON", 0 },
	{ 0 }
};

static error_t
parse(int key, char *arg, struct argp_state *state)
{
	struct opts *o = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &o->place;
		break;
	case 'a':	o->role = ROLE_ADMIN; break;
	case 'p':	o->role = ROLE_PUBLISHER; break;
	case 'f':	o->password_file = arg; break;
	case 'j':	o->json = true; break;
	case ARGP_KEY_ARG:
		if (state->arg_num > 1)
			return ARGP_ERR_UNKNOWN;
		*(state->arg_num ? &o->name : &o->act) = arg;
		break;
	case ARGP_KEY_END:
		if (!o->act || (strcmp(o->act, "list") != 0 && (!o->name || !o->password_file)))
			argp_error(state, "say list, or add|passwd NAME --password-file FILE");
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static void
print(const json_t *p)
{
	printf("%-24s %-10s %-10s%s\n", json_string_value(json_object_get(p, "name")),
	       json_string_value(json_object_get(p, "role")), json_string_value(json_object_get(p, "source")),
	       json_is_true(json_object_get(p, "disabled")) ? " disabled" : "");
}

static bool
list(TALLOC_CTX *ctx, struct db *db, bool as_json, struct err *err)
{
	static const struct people_filter everybody;
	json_t *all = json_array(), *page, *p;
	const char *after = NULL;
	size_t i;

	do {
		if (!people_list(db, &everybody, after, PEOPLE_PAGE_MAX, &page, err)) {
			json_decref(all);
			return false;
		}
		json_array_extend(all, json_object_get(page, "items"));
		after = mem_text(ctx, json_string_value(json_object_get(page, "next")));
		json_decref(page);
	} while (after);
	if (as_json) {
		json_dumpf(all, stdout, JSON_INDENT(2));
		putchar('\n');
	} else {
		json_array_foreach(all, i, p)
			print(p);
	}
	json_decref(all);
	return true;
}

int
cmd_user(int argc, char **argv)
{
	static const struct argp argp = { options, parse, "add NAME | list | passwd NAME",
					  "People with a local account.", cli_common, NULL, NULL };
	void *ctx SCOPED(mem) = NULL;
	struct opts o = { 0 };
	struct err err = { 0 };
	struct conf *conf;
	struct db *db;
	char *password;
	bool ok;

	if (argp_parse(&argp, argc, argv, 0, NULL, &o) != 0)
		return EXIT_USAGE_;
	ctx = talloc_new(NULL);	/* not before: argp may leave by itself */
	if (!cli_db(ctx, &o.place, &conf, &db, &err))
		return cli_fail(&err);
	if (strcmp(o.act, "list") == 0) {
		ok = list(ctx, db, o.json, &err);
	} else if (strcmp(o.act, "add") == 0) {
		ok = cli_secret(ctx, o.password_file, &password, &err) &&
		     person_add(db, "cli", o.name, o.role, password, &err);
	} else if (strcmp(o.act, "passwd") == 0) {
		ok = cli_secret(ctx, o.password_file, &password, &err) &&
		     person_set_password(db, "cli", o.name, password, &err);
	} else {
		fprintf(stderr, "pomona user: say add, list or passwd, not \"%s\"\n", o.act);
		return EXIT_USAGE_;
	}
	return ok ? EXIT_OK : cli_fail(&err);
}
