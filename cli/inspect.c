/*
 * pomona inspect FILE - what is in an .ipa, and what would come of uploading it.
 *
 * The file is read by the same child that reads uploads, so what is refused here is refused there.
 */
#include "cli/cli.h"
#include "core/clock.h"
#include "ipa/inspect.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* contract.md section 1 */
enum { INSPECTED = 0, UNREADABLE = 2, NOT_AN_APP = 4, CHILD_DIED = 6 };
enum { OPT_UDIDS = 256, OPT_NOW, OPT_EXTRA_ROOT };

static const struct argp_option options[] = {
	{ "udids", OPT_UDIDS, NULL, 0, "List the devices of each provision, not only their number", 0 },
	{ "now", OPT_NOW, "ISO8601", 0, "Judge dates as of this time", 0 },
	{ "extra-root", OPT_EXTRA_ROOT, "PEM", 0, "Also trust these roots; signatures under them read other:test", 0 },
	{ 0 }
};

struct args {
	struct cli_place place;
	const char *file;
	struct inspect_opts opts;
};

static error_t
parse(int key, char *arg, struct argp_state *state)
{
	struct args *args = state->input;
	struct err err;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &args->place;
		return 0;
	case OPT_UDIDS:
		args->opts.udids = true;
		return 0;
	case OPT_NOW:
		if (!clock_parse(arg, &args->opts.now, &err))
			argp_error(state, "--now: %s", err.cause);
		return 0;
	case OPT_EXTRA_ROOT:
		args->opts.extra_roots = arg;
		return 0;
	case ARGP_KEY_ARG:
		if (args->file)
			argp_error(state, "one FILE at a time");
		args->file = arg;
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "FILE is missing");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static int
print(json_t *json, int code)
{
	bool ok = json_dumpf(json, stdout, JSON_INDENT(2)) == 0 && putchar('\n') != EOF &&
		  fflush(stdout) == 0;

	return ok ? code : CHILD_DIED;
}

static int
run(TALLOC_CTX *ctx, const struct args *args)
{
	SCOPED(fd) int fd = open(args->file, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct inspect *inspect;
	struct err err = { 0 };
	struct stat st;
	char text[520];
	json_t *error;
	bool died;
	int code;

	if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
		fprintf(stderr, "pomona: %s: %s\n", args->file,
			fd < 0 ? strerror(errno) : "not a regular file");
		return UNREADABLE;
	}
	if (args->opts.extra_roots && access(args->opts.extra_roots, R_OK) != 0) {
		fprintf(stderr, "pomona: %s: %s\n", args->opts.extra_roots, strerror(errno));
		return UNREADABLE;
	}
	if (inspect_child(ctx, fd, &args->opts, &inspect, &died, &err))
		return print(inspect->facts, INSPECTED);
	err_text(&err, text, sizeof text);
	if (err.kind != ERR_INVALID) {
		fprintf(stderr, "pomona: %s: %s\n", args->file, text);
		return CHILD_DIED;
	}
	error = json_pack("{s:{s:s, s:s}}", "error", "code", err.code, "text", text);
	code = print(error, died ? CHILD_DIED : NOT_AN_APP);
	json_decref(error);
	return code;
}

int
cmd_inspect(int argc, char **argv)
{
	static const struct argp argp = {
		options,
		parse,
		"FILE",
		"Prints as JSON what is in the .ipa FILE and whether it can be installed.\v"
		"Exit codes: 0 an app, 2 the file cannot be read, 4 not an app, 6 reading it had "
		"to be stopped.",
		cli_common,
		NULL,
		NULL
	};
	void *ctx SCOPED(mem) = NULL;
	struct args args = { .opts.now = clock_now() };
	struct err err = { 0 };
	struct conf *conf;

	if (argc > 1 && strcmp(argv[1], "--child") == 0)
		inspect_child_main(argc, argv);
	if (argp_parse(&argp, argc, argv, 0, NULL, &args) != 0)
		return EXIT_USAGE_;
	ctx = talloc_new(NULL);
	/* Named, the settings of a server say which roots beside Apple's it trusts. */
	if ((args.place.data || args.place.config) && !args.opts.extra_roots) {
		if (!cli_conf(ctx, &args.place, &conf, &err))
			return cli_fail(&err);
		if (*conf->apple_extra_provision_roots)
			args.opts.extra_roots = conf->apple_extra_provision_roots;
	}
	return run(ctx, &args);
}
