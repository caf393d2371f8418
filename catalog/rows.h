#pragma once
/*
 * rows - what a query found, as a JSON list.
 */
#include <jansson.h>
#include "core/db.h"

/* One row as JSON; what it takes from ctx lives until the list is done.  NULL: not made (a bug). */
typedef json_t *row_json(TALLOC_CTX *ctx, struct rows *rows);

/* All rows, in their order; *ret is the caller's. */
bool rows_list(struct rows *rows, row_json *item, json_t **ret, struct err *err) CHECKED;

/*
 * At most `limit` rows of a query that asked for one more, as {items[], next}.  A number in column `place` and the id in
 * column 0 are where the next page begins (catalog/cursor.h).  *ret is the caller's.
 */
bool rows_page(struct rows *rows, row_json *item, int place, int64_t limit, json_t **ret, struct err *err) CHECKED;

json_t *row_text(TALLOC_CTX *ctx, struct rows *rows);	/* a row_json: the first column, as a text */
