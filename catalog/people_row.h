#pragma once
/*
 * people_row - a row of table person, as those see it who change it.
 */
#include "catalog/people.h"

struct people_row {
	const char *id, *name, *source, *disabled_by;
	enum role role;
	bool disabled;
};

bool people_row(TALLOC_CTX *ctx, struct db *tx, const char *id, struct people_row *ret, struct err *err) CHECKED;
/* What the search of people looks in. */
const char *people_words(TALLOC_CTX *ctx, const char *name, const char *display, const char *email);
/* Sessions are rows and end; tokens and the install links made for them ask for `disabled`. */
bool people_shut_out(struct db *tx, const struct people_row *row, const char *by, const char *actor, const char *why,
		     struct err *err) CHECKED;
bool people_let_in(struct db *tx, const struct people_row *row, const char *actor, const char *why,
		   struct err *err) CHECKED;
