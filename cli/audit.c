/*
 * pomona audit verify [--json]
 *
 * Walks the chain of the audit log, also while the server runs: prints how many rows are right, or
 * names the first that is not.  What came out is shown in the console, as after the server's own walk.
 */
#include "cli/command.h"
#include "core/audit.h"

struct opts {
	struct cli_call call;
	bool json;
};

static bool
verify(struct cli_call *call, struct err *err)
{
	struct audit_check check;

	if (!audit_check(call->ctx, call->db, &check, err))
		return false;
	if (((const struct opts *)call)->json) {
		json_t *json = json_pack("{s:I, s:s?, s:s}", "rows", (json_int_t)check.rows, "broken", check.broken,
					 "newest", check.newest);

		cli_print(json);
		json_decref(json);
	} else if (!check.broken) {
		printf("%lld rows, all as they were written\nnewest %s\n", (long long)check.rows, check.newest);
	}
	return !check.broken ||
	       err_set(err, ERR_INVALID, "%s; %lld rows before it are right", check.broken, (long long)check.rows);
}

static const struct cli_option options[] = {
	{ "json", 'j', NULL, "Print JSON", offsetof(struct opts, json) },
	{ 0 }
};
static const struct cli_act acts[] = {
	{ "verify", 0, 0, NULL, verify },
	{ 0 }
};

int
cmd_audit(int argc, char **argv)
{
	static const struct cli_command audit = {
		.args = "verify",
		.doc = "Walks the audit log: is every row what was written, is none missing?\v"
		       "Exit codes: 0 all are right, 4 one is not.",
		.options = { options }, .acts = acts, .usage = "say verify",
	};
	struct opts o = { 0 };

	return cli_run(&audit, &o.call, argc, argv);
}
