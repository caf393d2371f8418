/*
 * pomona inspect FILE - what is in an .ipa, and what would come of uploading it.
 *
 * The file is read by the same child that reads uploads, so what is refused here is refused there.
 */
#include "cli/command.h"
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
enum { OPT_UDIDS = CLI_NO_LETTER, OPT_NOW, OPT_EXTRA_ROOT };

struct opts {
	struct cli_call call;
	struct inspect_opts inspect;
};

static bool
take_now(struct cli_call *call, const char *arg, struct err *err)
{
	return clock_parse(arg, &((struct opts *)call)->inspect.now, err) || err_at(err, "--now");
}

#define AT(field) offsetof(struct opts, field)

static const struct cli_option options[] = {
	{ "udids", OPT_UDIDS, NULL, "List the devices of each provision, not only their number", AT(inspect.udids) },
	{ "now", OPT_NOW, "ISO8601", "Judge dates as of this time", .take = take_now },
	{ "extra-root", OPT_EXTRA_ROOT, "PEM", "Also trust these roots; signatures under them read other:test",
	  AT(inspect.extra_roots) },
	{ 0 }
};

static int
print(json_t *json, int code)
{
	bool ok = json_dumpf(json, stdout, JSON_INDENT(2)) == 0 && putchar('\n') != EOF &&
		  fflush(stdout) == 0;

	return ok ? code : CHILD_DIED;
}

static int
run(TALLOC_CTX *ctx, const char *file, const struct inspect_opts *opts)
{
	SCOPED(fd) int fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct inspect *inspect;
	struct err err = { 0 };
	struct stat st;
	char text[520];
	json_t *error;
	bool died;
	int code;

	if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
		fprintf(stderr, "pomona: %s: %s\n", file,
			fd < 0 ? strerror(errno) : "not a regular file");
		return UNREADABLE;
	}
	if (opts->extra_roots && access(opts->extra_roots, R_OK) != 0) {
		fprintf(stderr, "pomona: %s: %s\n", opts->extra_roots, strerror(errno));
		return UNREADABLE;
	}
	if (inspect_child(ctx, fd, opts, &inspect, &died, &err))
		return print(inspect->facts, INSPECTED);
	err_text(&err, text, sizeof text);
	if (err.kind != ERR_INVALID) {
		fprintf(stderr, "pomona: %s: %s\n", file, text);
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
	static const struct cli_command inspect = {
		.args = "FILE",
		.doc = "Prints as JSON what is in the .ipa FILE and whether it can be installed.\v"
		       "Exit codes: 0 an app, 2 the file cannot be read, 4 not an app, 6 reading it had "
		       "to be stopped.",
		.options = { options }, .words = 1, .usage = "FILE is missing",
	};
	void *ctx SCOPED(mem) = NULL;
	struct opts o = { .inspect.now = clock_now() };
	struct err err = { 0 };
	struct conf *conf;

	if (argc > 1 && strcmp(argv[1], "--child") == 0)
		inspect_child_main(argc, argv);
	cli_parse(&inspect, &o.call, argc, argv);
	ctx = talloc_new(NULL);
	/* Named, the settings of a server say which roots beside Apple's it trusts. */
	if ((o.call.place.data || o.call.place.config) && !o.inspect.extra_roots) {
		if (!cli_conf(ctx, &o.call.place, &conf, &err))
			return cli_fail(&err);
		if (*conf->apple_extra_provision_roots)
			o.inspect.extra_roots = conf->apple_extra_provision_roots;
	}
	return run(ctx, o.call.words[0], &o.inspect);
}
