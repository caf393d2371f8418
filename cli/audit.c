/*
 * pomona audit verify [--json]
 *
 * Walks the chain of the audit log, also while the server runs: prints how many rows are right, or
 * names the first that is not.  What came out is shown in the console, as after the server's own walk.
 */
#include "cli/cli.h"
#include "core/audit.h"
#include <string.h>

struct opts {
	struct cli_place place;
	const char *act;
	bool json;
};

static const struct argp_option options[] = {
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
	case 'j':	o->json = true; break;
	case ARGP_KEY_ARG:
		if (state->arg_num)
			return ARGP_ERR_UNKNOWN;
		o->act = arg;
		break;
	case ARGP_KEY_END:
		if (!o->act || strcmp(o->act, "verify") != 0)
			argp_error(state, "say verify");
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

int
cmd_audit(int argc, char **argv)
{
	static const struct argp argp = { options, parse, "verify",
		"Walks the audit log: is every row what was written, is none missing?\v"
		"Exit codes: 0 all are right, 4 one is not.", cli_common, NULL, NULL };
	void *ctx SCOPED(mem) = NULL;
	struct opts o = { 0 };
	struct err err = { 0 };
	struct audit_check check;
	struct conf *conf;
	struct db *db;

	if (argp_parse(&argp, argc, argv, 0, NULL, &o) != 0)
		return EXIT_USAGE_;
	ctx = talloc_new(NULL);	/* not before: argp may leave by itself */
	if (!cli_db(ctx, &o.place, &conf, &db, &err) || !audit_check(ctx, db, &check, &err))
		return cli_fail(&err);
	if (o.json) {
		json_t *json = json_pack("{s:I, s:s?, s:s}", "rows", (json_int_t)check.rows, "broken", check.broken,
					 "newest", check.newest);

		json_dumpf(json, stdout, JSON_INDENT(2));
		putchar('\n');
		json_decref(json);
	} else if (!check.broken) {
		printf("%lld rows, all as they were written\nnewest %s\n", (long long)check.rows, check.newest);
	}
	if (!check.broken)
		return EXIT_OK;
	err_set(&err, ERR_INVALID, "%s; %lld rows before it are right", check.broken, (long long)check.rows);
	return cli_fail(&err);
}
