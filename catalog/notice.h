#pragma once
/*
 * notice - testers are told that a build has landed where their link leads.
 *
 * The job is written in the transaction that puts the build there.  It looks for whom to tell when it
 * runs, in batches, and what it has told is written with the message: repeated, it tells nobody twice.
 * Told are contacts with a working link to the channel, and those whose working link leads to an earlier
 * build of it.  A link that is used up works for the phones that used it up.  Not told is who wants no notices,
 * who has registered devices of which the build lists none, and who waited for it with one that it lists: they
 * are invited (catalog/registration.h).  Who else of the channel's testers is not told is counted with the reason, for
 * its publisher.
 */
#include "catalog/person.h"
#include <jansson.h>

#define NOTICE_JOB		"notice_build"	/* args {"build": id, "channel": name} */
#define NOTICE_BATCH		100

/* Why not: the words of column `missed`. */
enum notice_miss {
	MISS_NONE,		/* told */
	MISS_EXPIRED,		/* their links have expired, in the last LINK_DAYS_MAX days */
	MISS_USED_UP,		/* by installs that cannot be told to be of their phone */
	MISS_PIN,		/* it leads to an earlier build and asks for a PIN, which would have to be told anew */
	MISS_SENDER,		/* who sent it is gone, or may not send this app any more */
	MISS_ADDRESS,		/* no address or number that this server can send to */
	MISS_KEY,		/* made with another master key: its address is not known */
	MISS_KINDS
};
extern const char *const notice_misses[MISS_KINDS];

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

/* In the transaction of the message; *first: false when they were told of this build already, or not for the same reason. */
bool notice_told(struct db *tx, const char *build_id, const char *contact_id, enum notice_miss miss, bool *first,
		 struct err *err) CHECKED;

/* Behind the last of notice_due: those whose links are all over.  Adds to n[] how many, of whom nobody knew it yet. */
bool notice_missed(struct db *db, const char *build_id, const char *channel, int64_t n[MISS_KINDS], struct err *err) CHECKED;
struct notice_over { enum notice_miss miss; const char *sql; };
extern const struct notice_over notice_overs[];	/* ends with sql NULL; for the test that they go by the links of an app */

/* {told, missed[{why, n}]} of a build, whose reader has been looked at; missed[] in the order above. */
bool notice_counts(struct db *db, const char *build_id, json_t **ret, struct err *err) CHECKED;
