#pragma once
/* check_link - testers and their links, for the tests of what comes of them. */
#include "tests/check_house.h"
#include "catalog/link.h"

/* In one step: drafted, written, kept. */
bool link_new(TALLOC_CTX *ctx, struct db *db, const struct link_key *key, const struct person *person,
	      const struct link_terms *terms, char **id, char **token, struct err *err) CHECKED;

struct house house_with_build(TALLOC_CTX *ctx);
/* A link as a tester gets it: its token; what `t` leaves open has the usual value. */
char *tester_link(TALLOC_CTX *ctx, struct house *h, struct link_terms t, char **id);
char *tester(TALLOC_CTX *ctx, struct house *h, const char *name, const char *email, const char *phone);
