#pragma once
/*
 * ending_reader - who is told what ends, and how each of them wants to be: their setting, on the page of their account.
 *
 * The address is where these mails go and nothing else: it says nothing about who somebody is.  Nobody has confirmed it,
 * so it is who looks after things that may set their own; for members it is the one that the directory has of them, so that
 * nobody has our mails sent to a stranger.  Without an own one, the directory's.
 */
#include "catalog/person.h"

#define ENDING_READERS_MAX	1000	/* admins and publishers; whose own something ends, however many */

struct ending_reader {
	const struct person *person;
	const char *email;		/* "": there is none, or none that mail can go to */
	const char *own_email;		/* "": the directory's, if any */
	bool may_address;		/* they may set their own */
	const char *language;		/* "": the company's */
	bool mails;
};

/* Admins and publishers who are let in, by name. */
bool ending_readers(TALLOC_CTX *ctx, struct db *db, struct ending_reader **ret, size_t *n, struct err *err) CHECKED;
/* Anybody; ERR_MISSING for who is disabled or gone. */
bool ending_reader(TALLOC_CTX *ctx, struct db *db, const char *person_id, struct ending_reader *ret, struct err *err) CHECKED;

struct ending_wish {
	bool mails;
	const char *email, *language;	/* "" as above; ERR_INVALID for an address that is none, ERR_DENIED from a member */
};
bool ending_reader_set(struct db *db, const struct person *person, const struct ending_wish *wish, struct err *err) CHECKED;
