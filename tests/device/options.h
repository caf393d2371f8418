#pragma once
/*
 * options - what `device enroll` and `device fleet` have in common on their command lines.
 */
#include <argp.h>
#include "tests/device/world.h"

enum { OPT_APPLE = 256, OPT_CACERT, OPT_CONNECT, OPT_CONNECT_TLS, OPT_STATE, OPT_LEDGER, OPT_KEEP, OPT_PROOF, OPT_SCEP_GET,
       OPT_DES3, OPT_QUIET_RENEWAL, OPT_SUPERVISED, OPT_HTTP, OPT_POLLS, OPT_APP_REJECT, OPT_SLEEP, OPT_CLOCK, OPT_SEED, OPT_HOLDS,
       OPT_OUTSIDE, OPT_HABITS };

struct common {
	struct world world;
	const char *apple, *state;
	const char *holds;	/* a file; NULL: nothing more than a new phone has */
	bool supervised;	/* from now on */
	int proof;		/* enum proof; PROOFS_N: each in turn */
};

extern const struct argp common_argp;	/* its input is a struct common */
int number_of(const char *text);
void common_init(struct common *c);
/* After parsing: opens the ledger, refuses what is missing. */
void common_begin(struct common *c);
struct handset *common_handset(TALLOC_CTX *ctx, const struct common *c, const struct phone_ca *apple, int number);
