/* pomona token new --user NAME --scope read|upload|devices|admin [--app BUNDLE] [--days N] */
#include "catalog/token.h"
#include "cli/command.h"
#include "core/num.h"

struct opts {
	struct cli_call call;
	const char *user, *scope, *app, *days;
};

static bool
new(struct cli_call *call, struct err *err)
{
	const struct opts *o = (const struct opts *)call;
	struct token_wish wish = { .label = "pomona token new", .scope = o->scope, .bundle_id = o->app };
	struct person *person;
	char *text;

	if ((o->days && !num_parse(o->days, 1, TOKEN_DAYS_MAX, &wish.days, err)) ||
	    !person_by_name(call->ctx, call->db, o->user, &person, err) ||
	    !token_new(call->ctx, call->db, "cli", person, &wish, &text, err))
		return false;
	puts(text);
	if (person->resting)
		fprintf(stderr, "pomona: %s was not confirmed for long (signin.rest_days): the token is answered 401 until they sign"
			" in\n", o->user);
	return true;
}

#define AT(field) offsetof(struct opts, field)

static const struct cli_option options[] = {
	{ "user", 'u', "NAME", "Whose token it is", AT(user) },
	{ "scope", 's', "SCOPE", "read, upload, devices or admin", AT(scope) },
	{ "app", 'a', "BUNDLE", "Only for the app with this bundle id", AT(app) },
	{ "days", 'd', "N", "How long it works; without: until it is revoked", AT(days) },
	{ 0 }
};
static const struct cli_act acts[] = {
	{ "new", 0, 0, "us", new },
	{ 0 }
};

int
cmd_token(int argc, char **argv)
{
	static const struct cli_command token = {
		.args = "new", .doc = "Makes an API token and prints it, once.",
		.options = { options }, .acts = acts, .usage = "say new --user NAME --scope SCOPE",
	};
	struct opts o = { 0 };

	return cli_run(&token, &o.call, argc, argv);
}
