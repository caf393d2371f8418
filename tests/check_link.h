#pragma once
/* check_link - a link as a tester gets it, in one step: drafted, written, kept. */
#include "tests/check.h"
#include "catalog/link.h"

bool link_new(TALLOC_CTX *ctx, struct db *db, const struct link_key *key, const struct person *person,
	      const struct link_terms *terms, char **id, char **token, struct err *err) CHECKED;
