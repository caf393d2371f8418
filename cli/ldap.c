/* pomona ldap test --user NAME [--password-file F]: the directory, step by step, and what to do. */
#include "catalog/directory.h"
#include "cli/cli.h"
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

struct opts {
	struct cli_place place;
	const char *act, *user, *password_file;
};

static const struct argp_option options[] = {
	{ "user", 'u', "NAME", 0, "Whose entry, groups and role to look for", 0 },
	{ "password-file", 'f', "FILE", 0, "Their password is its first line; - reads stdin. Without it, it is asked for "
	  "on the terminal", 0 },
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
	case 'f':	o->password_file = arg; break;
	case ARGP_KEY_ARG:
		if (state->arg_num)
			return ARGP_ERR_UNKNOWN;
		o->act = arg;
		break;
	case ARGP_KEY_END:
		if (!o->act || strcmp(o->act, "test") != 0 || !o->user)
			argp_error(state, "say test --user NAME");
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static void
say(void *arg, enum directory_level level, const char *step, const char *text)
{
	static const char *const levels[] = { "ok", "warn", "fail" };

	(void)arg;
	printf("%-5s %-13s%s\n", levels[level], step, text);
	fflush(stdout);	/* a step may take ten seconds */
}

/* NULL when nothing was typed: the test then goes without their own bind. */
static char *
ask(TALLOC_CTX *ctx, const char *user)
{
	struct termios before, quiet;
	char line[DIRECTORY_PASSWORD_MAX + 2] = "";
	char *password = NULL;

	if (!isatty(STDIN_FILENO) || tcgetattr(STDIN_FILENO, &before) != 0)
		return NULL;
	quiet = before;
	quiet.c_lflag &= ~(tcflag_t)ECHO;
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);	/* before anybody is asked: it forgets what was typed already */
	fprintf(stderr, "Password of %s (empty: test without it): ", user);
	if (fgets(line, sizeof line, stdin)) {
		line[strcspn(line, "\r\n")] = '\0';
		password = *line ? mem_text(ctx, line) : NULL;
	}
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
	fputc('\n', stderr);
	explicit_bzero(line, sizeof line);
	return password;
}

int
cmd_ldap(int argc, char **argv)
{
	static const struct argp argp = { options, parse, "test", "Asks the company's directory and says how each step "
					  "went.", cli_common, NULL, NULL };
	void *ctx SCOPED(mem) = NULL;
	struct opts o = { 0 };
	struct err err = { 0 };
	struct directory *directory;
	struct conf *conf;
	char *password = NULL;

	if (argp_parse(&argp, argc, argv, 0, NULL, &o) != 0)
		return EXIT_USAGE_;
	ctx = talloc_new(NULL);	/* not before: argp may leave by itself */
	if (!cli_conf(ctx, &o.place, &conf, &err) || !directory_new(ctx, conf, &directory, &err) ||
	    (o.password_file && !cli_secret(ctx, o.password_file, &password, &err)))
		return cli_fail(&err);
	if (!o.password_file && directory_is_on(directory))
		password = ask(ctx, o.user);
	return directory_test(directory, o.user, password, say, NULL) ? EXIT_OK : EXIT_REJECTED;
}
