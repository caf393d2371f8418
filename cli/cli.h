#pragma once
/*
 * cli - the command-line door: one file a command, listed in main.c.
 *
 * Data goes to stdout, messages to stderr.  Exit codes are those of contract.md.
 */
#include <argp.h>
#include <jansson.h>
#include "core/conf.h"
#include "core/db.h"
#include "core/seal.h"

enum exit_code { EXIT_OK, EXIT_USAGE_ = 2, EXIT_DENIED = 3, EXIT_REJECTED = 4, EXIT_NETWORK = 5, EXIT_SERVER = 6 };

int cmd_audit(int argc, char **argv);
int cmd_ca(int argc, char **argv);
int cmd_challenge(int argc, char **argv);
int cmd_device(int argc, char **argv);
int cmd_doctor(int argc, char **argv);
int cmd_enroll(int argc, char **argv);
int cmd_expiry(int argc, char **argv);
int cmd_init(int argc, char **argv);
int cmd_inspect(int argc, char **argv);
int cmd_ldap(int argc, char **argv);
int cmd_provision(int argc, char **argv);
int cmd_push(int argc, char **argv);
int cmd_serve(int argc, char **argv);
int cmd_token(int argc, char **argv);
int cmd_upload(int argc, char **argv);
int cmd_user(int argc, char **argv);

/* Prints "pomona: path: cause" and returns the code that fits its kind. */
int cli_fail(const struct err *err);
void cli_print(const json_t *json);	/* for people and jq */

struct cli_place {
	const char *data, *config;	/* --data DIR, --config FILE, which every command takes */
};

#define CLI_NOWHERE	"no_configuration"	/* code of the err when neither names one: a usage error */
#define CLI_SECRET_MAX	4095

/* The settings, with server_data naming the data directory. */
bool cli_conf(TALLOC_CTX *ctx, const struct cli_place *place, struct conf **ret, struct err *err) CHECKED;
bool cli_db(TALLOC_CTX *ctx, const struct cli_place *place, struct conf **conf, struct db **ret,
	    struct err *err) CHECKED;

/* ERR_DENIED when `path` lies inside the data directory: a key there is in every backup.  Its directory exists. */
bool cli_outside(const char *path, const char *data, const char *what, const char *option, struct err *err) CHECKED;

/* Under the master key of the settings; ERR_CONFLICT when that is not set. */
bool cli_sealer(TALLOC_CTX *ctx, const struct conf *conf, struct sealer **ret, struct err *err) CHECKED;

/* First line of a file, without its end; "-" is stdin. */
bool cli_secret(TALLOC_CTX *ctx, const char *path, char **ret, struct err *err) CHECKED;
