#pragma once
/*
 * check_ca - a certificate authority for tests: made with a master key of its own, kept in `db`.
 */
#include "check.h"
#include "mdm/ca_make.h"
#include "mdm/ca.h"

struct sealer *test_sealer(TALLOC_CTX *ctx);	/* always the same master key */
struct ca *test_ca(TALLOC_CTX *ctx, struct db *db);	/* one that does all by itself */
struct ca *test_ca_under_root(TALLOC_CTX *ctx, struct db *db);	/* a root, an issuing CA, two RAs */

#define TEST_CA_URL "https://apps.example.com"
