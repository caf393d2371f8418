/* pomona ldap test --user NAME [--password-file F]: the directory, step by step, and what to do. */
#include "catalog/directory.h"
#include "cli/command.h"
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

struct opts {
	struct cli_call call;
	const char *user, *password_file;
};

#define AT(field) offsetof(struct opts, field)

static const struct cli_option options[] = {
	{ "user", 'u', "NAME", "Whose entry, groups and role to look for", AT(user) },
	{ "password-file", 'f', "FILE", "Their password is its first line; - reads stdin. Without it, it is asked for "
	  "on the terminal", AT(password_file) },
	{ 0 }
};

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
	static const struct cli_act acts[] = { { "test", 0, 0, "u", NULL }, { 0 } };
	static const struct cli_command ldap = {
		.args = "test", .doc = "Asks the company's directory and says how each step went.",
		.options = { options }, .acts = acts, .usage = "say test --user NAME",
	};
	void *ctx SCOPED(mem) = NULL;
	struct opts o = { 0 };
	struct err err = { 0 };
	struct directory *directory;
	struct conf *conf;
	char *password = NULL;

	cli_parse(&ldap, &o.call, argc, argv);
	ctx = talloc_new(NULL);
	if (!cli_conf(ctx, &o.call.place, &conf, &err) || !directory_new(ctx, conf, &directory, &err) ||
	    (o.password_file && !cli_secret(ctx, o.password_file, &password, &err)))
		return cli_fail(&err);
	if (!o.password_file && directory_is_on(directory))
		password = ask(ctx, o.user);
	return directory_test(directory, o.user, password, say, NULL) ? EXIT_OK : EXIT_REJECTED;
}
