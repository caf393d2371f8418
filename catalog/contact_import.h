#pragma once
/*
 * contact_import - a table of contacts, read and shown before anything of it is kept.
 *
 * The first line names the columns, in any order and in words that people use; name, e-mail address,
 * number, language and groups are looked at, others are not.  Each row is good or has one reason why not.
 * A contact that is here already, by its address or its number, gets what the table says.
 */
#include "catalog/contact.h"

#define IMPORT_BYTES_MAX	(256 << 10)
#define IMPORT_ROWS_MAX		5000
#define IMPORT_GROUPS_MAX	8	/* of one row */

enum import_state { IMPORT_NEW, IMPORT_CHANGED, IMPORT_SAME, IMPORT_BAD };
extern const char *const import_states[];

struct import_row {
	int line;
	struct contact contact;
	const char *groups[IMPORT_GROUPS_MAX];	/* names */
	size_t groups_n;
	enum import_state state;
	const char *reason;			/* of a bad one */
};

struct import {
	struct import_row *rows;
	size_t n, bad;
};

/* Without a database.  ERR_INVALID when it is no table of contacts at all. */
bool import_read(TALLOC_CTX *ctx, struct bytes text, struct import **ret, struct err *err) CHECKED;

/* Against who is here: new, changed or the same; bad when an address and a number are two people's, or `person`
 * may not change whom it is. */
bool import_match(TALLOC_CTX *ctx, struct db *db, const struct person *person, struct import *import,
		  struct err *err) CHECKED;

/* Keeps the good rows, and puts them in the group as well (NULL: none).  The same table again changes nothing. */
bool import_apply(struct db *db, const struct person *person, const struct import *import, const char *group,
		  struct err *err) CHECKED;
