/* pomona token new --user NAME --scope read|upload|devices|admin [--app BUNDLE] [--days N] */
#include "catalog/token.h"
#include "cli/cli.h"
#include "core/num.h"
#include <string.h>

struct opts {
	struct cli_place place;
	const char *act, *user, *scope, *app, *days;
};

static const struct argp_option options[] = {
	{ "user", 'u', "NAME", 0, "Whose token it is", 0 },
	{ "scope", 's', "SCOPE", 0, "read, upload, devices or admin", 0 },
	{ "app", 'a', "BUNDLE", 0, "Only for the app with this bundle id", 0 },
	{ "days", 'd', "N", 0, "How long it works; without: until it is revoked", 0 },
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
	case 'u':	o->user = arg; break;
	case 's':	o->scope = arg; break;
	case 'a':	o->app = arg; break;
	case 'd':	o->days = arg; break;
	case ARGP_KEY_ARG:
		o->act = arg;
		break;
	case ARGP_KEY_END:
		if (!o->act || strcmp(o->act, "new") != 0 || !o->user || !o->scope)
			argp_error(state, "say new --user NAME --scope SCOPE");
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

int
cmd_token(int argc, char **argv)
{
	static const struct argp argp = { options, parse, "new", "Makes an API token and prints it, once.",
					  cli_common, NULL, NULL };
	void *ctx SCOPED(mem) = NULL;
	struct token_wish wish = { .label = "pomona token new" };
	struct opts o = { 0 };
	struct err err = { 0 };
	struct person *person;
	struct conf *conf;
	struct db *db;
	char *text;

	if (argp_parse(&argp, argc, argv, 0, NULL, &o) != 0)
		return EXIT_USAGE_;
	ctx = talloc_new(NULL);	/* not before: argp may leave by itself */
	wish.scope = o.scope;
	wish.bundle_id = o.app;
	if ((o.days && !num_parse(o.days, 1, TOKEN_DAYS_MAX, &wish.days, &err)) ||
	    !cli_db(ctx, &o.place, &conf, &db, &err) || !person_by_name(ctx, db, o.user, &person, &err) ||
	    !token_new(ctx, db, "cli", person, &wish, &text, &err))
		return cli_fail(&err);
	puts(text);
	return EXIT_OK;
}
