#pragma once
/*
 * audience_tree - an audience as a question to the database: made of fixed pieces, with every id bound.
 *
 * For audience.c alone.  The trees are checked ones, with "id" beside each "group" and "person".
 */
#include <jansson.h>
#include "core/buf.h"
#include "core/db.h"

struct audience_sql {
	struct buf text;
	struct db_val *vals;	/* $1 ..., ended as DB_VALS does */
	size_t n;
	bool one;		/* asked of one person */
};

/* "INSERT ... SELECT" of those it holds, as people of audience `id`: of all people, or one (not NULL). */
void audience_sql(TALLOC_CTX *ctx, const json_t *tree, const char *id, const char *person_id,
		  struct audience_sql *ret);
