#pragma once
/*
 * cli - the command-line door: one file a command, listed in main.c.
 *
 * Data goes to stdout, messages to stderr.  Exit codes are those of contract.md.
 */
#include <argp.h>
#include "core/conf.h"
#include "core/db.h"

enum exit_code { EXIT_OK, EXIT_USAGE_ = 2, EXIT_DENIED = 3, EXIT_REJECTED = 4, EXIT_NETWORK = 5, EXIT_SERVER = 6 };

int cmd_doctor(int argc, char **argv);
int cmd_init(int argc, char **argv);
int cmd_inspect(int argc, char **argv);
int cmd_ldap(int argc, char **argv);
int cmd_serve(int argc, char **argv);
int cmd_token(int argc, char **argv);
int cmd_upload(int argc, char **argv);
int cmd_user(int argc, char **argv);

/* Prints "pomona: path: cause" and returns the code that fits its kind. */
int cli_fail(const struct err *err);

/* --data DIR and --config FILE, which every command that needs the data takes. */
struct cli_place {
	const char *data, *config;
};
#define CLI_PLACE_OPTIONS \
	{ "data", 'd', "DIR", 0, "Data directory (as made by pomona init)", 0 }, \
	{ "config", 'c', "FILE", 0, "Configuration file; default DIR/pomona.conf", 0 }
bool cli_place_option(struct cli_place *place, int key, char *arg);	/* false: not one of ours */

/* The settings, with server_data naming the data directory. */
bool cli_conf(TALLOC_CTX *ctx, const struct cli_place *place, struct conf **ret, struct err *err) CHECKED;
bool cli_db(TALLOC_CTX *ctx, const struct cli_place *place, struct conf **conf, struct db **ret,
	    struct err *err) CHECKED;

/* First line of a file, without its end; "-" is stdin. */
bool cli_secret(TALLOC_CTX *ctx, const char *path, char **ret, struct err *err) CHECKED;
bool cli_write_file(const char *path, int mode, const char *text, struct err *err) CHECKED;
