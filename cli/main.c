/* The command line: one row a command. */
#include "cli/cli.h"
#include "ipa/inspect.h"
#include "web/rooms.h"
#include <string.h>

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *what;
} commands[] = {
	{ "init",    cmd_init,    "make the data directory, its keys, database and configuration" },
	{ "serve",   cmd_serve,   "serve the catalog" },
	{ "inspect", cmd_inspect, "the facts of an .ipa, as JSON" },
	{ "upload",  cmd_upload,  "upload an .ipa; prints its install link" },
	{ "user",    cmd_user,    "add NAME | list | passwd NAME" },
	{ "token",   cmd_token,   "new --user NAME --scope read|upload|devices|admin" },
	{ "expiry",  cmd_expiry,  "[--days N] [--json]: what ends, when, and whom it touches" },
	{ "enroll",  cmd_enroll,  "invite --user NAME --by sms|mail | link --user NAME: somebody sets up a device" },
	{ "device",  cmd_device,  "list | show ID | lock ID | clear-passcode ID | erase ID | refresh ID | command ID --file F" },
	{ "audit",   cmd_audit,   "verify: is every row of the audit log what was written?" },
	{ "ca",      cmd_ca,      "show | export | make | renew | switch | revoke SERIAL: the certificate authority of devices" },
	{ "provision", cmd_provision, "add FILE... | list | pause UUID | resume UUID: newer provisions, and what they renew" },
	{ "push",    cmd_push,    "csr | import FILE | show | resume: what wakes devices" },
	{ "challenge", cmd_challenge, "new --subject DN: a SCEP client may ask for one certificate" },
	{ "ldap",    cmd_ldap,    "test --user NAME: the company's directory, step by step" },
	{ "doctor",  cmd_doctor,  "check the installation, from inside and outside" },
};

static void
help(FILE *out)
{
	fputs("Usage: pomona COMMAND [OPTION...]\n\n", out);
	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
		fprintf(out, "  %-10s %s\n", commands[i].name, commands[i].what);
	fputs("\n  pomona COMMAND --help   says more of one\n"
	      "  pomona --routes         every URL\n"
	      "  pomona --config-help    every setting\n"
	      "  pomona --version\n", out);
}

int
main(int argc, char **argv)
{
	const char *word = argc > 1 ? argv[1] : "";

	argp_err_exit_status = EXIT_USAGE_;	/* argp leaves by itself, with 64 */
	if (strcmp(word, "--routes") == 0) {
		routes_print(site_routes);
		return EXIT_OK;
	}
	if (strcmp(word, "--config-help") == 0) {
		conf_help();
		return EXIT_OK;
	}
	if (strcmp(word, "--version") == 0) {
		puts("pomona " POMONA_VERSION);
		return EXIT_OK;
	}
	if (strcmp(word, "--help") == 0 || strcmp(word, "help") == 0) {
		help(stdout);
		return EXIT_OK;
	}
	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
		if (strcmp(word, commands[i].name) == 0)
			return commands[i].run(argc - 1, argv + 1);
	if (*word)
		fprintf(stderr, "pomona: there is no command \"%s\"\n\n", word);
	help(stderr);
	return EXIT_USAGE_;
}
