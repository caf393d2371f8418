#pragma once
/*
 * check_authority - what tests of certificates need: a directory of the test, a clock, certificates that are
 * issued, files for other programs, and what those say.
 */
#include "check_ca.h"
#include "core/db.h"
#include "mdm/certificate.h"
#include <time.h>

const char *test_here(TALLOC_CTX *ctx);		/* the same all through a test, unlike test_dir */
struct db *test_db(TALLOC_CTX *ctx);
struct db *test_db_at(TALLOC_CTX *ctx, const char *name);	/* a further one */
void test_clock(TALLOC_CTX *ctx, time_t at);	/* until clock_follow("") */
EVP_PKEY *test_rsa_key(void);			/* one for all tests; lent */

struct certificate *test_issue(TALLOC_CTX *ctx, struct ca *ca, const char *subject);
struct certificate *test_issue_and_keep(TALLOC_CTX *ctx, struct db *db, struct ca *ca, const char *subject);
X509 *test_x509(const struct certificate *cert);	/* the caller's */
enum ca_whose test_whose(struct ca *ca, X509 *cert);

/* In test_here; each returns its path.  The last three as PEM. */
const char *test_put_file(TALLOC_CTX *ctx, const char *name, const void *p, size_t len);
const char *test_crl_file(TALLOC_CTX *ctx, struct ca *ca, const char *key_id, const char *name);
const char *test_cert_file(TALLOC_CTX *ctx, const struct certificate *cert, const char *name);
const char *test_ca_file(TALLOC_CTX *ctx, struct ca *ca);

/* What a command prints, errors too. */
char *test_ask(TALLOC_CTX *ctx, const char *command, int *status);
char *test_ask_ok(TALLOC_CTX *ctx, const char *command);
const char *test_cert_text(TALLOC_CTX *ctx, X509 *cert);	/* by openssl */
void assert_says(const char *text, const char *words);
