#pragma once
/*
 * notice - testers are told that a build has landed where their link leads.
 *
 * The job is written in the transaction that puts the build there.  It looks for whom to tell when it
 * runs, in batches, and what it has told is written with the message: repeated, it tells nobody twice.
 * Told are contacts with a working link to the channel, and those whose working link leads to an earlier
 * build of it.  Not told is who wants no notices, who has registered devices of which the build lists none,
 * and who waited for it with one that it lists: they are invited (catalog/registration.h).
 */
#include "catalog/person.h"

#define NOTICE_JOB		"notice_build"	/* args {"build": id, "channel": name} */
#define NOTICE_BATCH		100

bool notice_landed(struct db *tx, const char *build_id, const char *channel, struct err *err) CHECKED;

struct notice_due {
	const char *contact_id;
	const char *link_id;		/* that leads to the channel, or to an earlier build */
	bool to_channel;
	/* To make another one like it: */
	const struct person *sender;	/* NULL: gone */
	int64_t installs_max;
	bool pin, sign_in;
};

/* False in *newest: something else has landed there since, and nobody is to be told of this one. */
bool notice_newest(struct db *db, const char *build_id, const char *channel, bool *newest, struct err *err) CHECKED;

/* At most NOTICE_BATCH, in the order of contacts, those after `after` ("": from the first). */
bool notice_due(TALLOC_CTX *ctx, struct db *db, const char *build_id, const char *channel, const char *after,
		struct notice_due **ret, size_t *n, struct err *err) CHECKED;

/* In the transaction of the message; *first: false when they were told of this build already. */
bool notice_told(struct db *tx, const char *build_id, const char *contact_id, bool *first, struct err *err) CHECKED;
