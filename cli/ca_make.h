#pragma once
/*
 * ca_make - how a certificate authority is made, for init and ca.
 */
#include "cli/command.h"

struct cli_ca {
	bool root;		/* --ca-root */
	bool stage;		/* --stage */
	const char *cert, *key, *chain;	/* --ca-cert, --ca-key, --ca-chain */
	const char *root_key;	/* --root-key: where a new root's key goes, or where it is */
};
extern const struct cli_option cli_ca_rows[];	/* they fill a struct cli_ca */
const char *cli_ca_wrong(const void *ca);

bool cli_ca_any(struct db *db, bool *ret, struct err *err) CHECKED;	/* was one ever made? */
bool cli_ca_make(const struct conf *conf, struct db *db, const struct cli_ca *o, struct err *err) CHECKED;
bool cli_ca_renew(const struct conf *conf, struct db *db, const struct cli_ca *o, struct err *err) CHECKED;
