#pragma once
/*
 * csv - tables as spreadsheets write them: RFC 4180, with a mark in front or not, and commas, semicolons or
 * tabs between the fields, whichever the first line has.
 *
 * A field in quotes may hold line ends and "" for a quote.  Rows that cannot be read end the reading: where
 * a quote is missing nobody knows what follows.
 */
#include "core/mem.h"

#define CSV_FIELDS_MAX	64	/* of one row */

struct csv {
	const char *at, *end;
	char delimiter;
	int line;		/* of what comes next */
};

/* ERR_INVALID when it is no UTF-8. The text must outlive it. */
bool csv_open(struct bytes text, struct csv *ret, struct err *err) CHECKED;

enum csv_step { CSV_ROW, CSV_END, CSV_BAD };
/* Fields without blanks around them; *line is where the row begins.  Empty rows are left out. */
enum csv_step csv_next(TALLOC_CTX *ctx, struct csv *csv, const char ***fields, size_t *n, int *line,
		       struct err *err) CHECKED;
