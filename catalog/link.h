#pragma once
/*
 * link - what a tester gets by SMS, mail or QR code: /i/<token>, for one recipient and one build (or
 * the newest of one channel).
 *
 * The token has 128 bits and is kept as a hash.  Unknown, expired, used up and revoked are one and the
 * same ERR_MISSING.
 */
#include "catalog/person.h"

#define LINK_TOKEN_SIZE 23	/* 128 bits in base64url, and NUL */

struct link {
	const char *id, *app_id, *bundle_id, *app_name;
	const char *build_id;		/* of the moment; NULL: the channel is empty */
	const char *channel;		/* NULL: to one build */
	const char *contact_id, *contact_name;	/* NULL: to nobody in particular */
	const char *person_id, *from;	/* who sent it, as testers read it */
	int64_t expires, installs_max, installs, created;
	bool pin, sign_in;		/* what it asks for before it shows the Install button */
};

bool link_open(TALLOC_CTX *ctx, struct db *db, const char *token, struct link **ret, struct err *err) CHECKED;
