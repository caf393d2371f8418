#pragma once
/*
 * renewal_told - testers without management are not forgotten: who installed, by a link, a build whose provision ends
 * hears of it once, with a link to the newer build.
 *
 * Known from the timeline: the .ipa went out whole to them.  Told are those whose newest install of the app is of that
 * build, from RENEWAL_TELL_S before its end to as long behind it, once there is a newer build that lasts longer where
 * their link leads.  Not told is who wants no notices (catalog/contact.h).
 */
#include "catalog/notice.h"
#include "core/clock.h"

#define RENEWAL_TELL_S	(30 * DAY_S)
#define RENEWAL_TELLS	100	/* at once */

struct renewal_tells {
	const char *ending_id;		/* the build that they have */
	int64_t ends;
	const char *build_id, *channel;	/* the newer one, and where it is */
	struct notice_due due;
};

bool renewal_tells(TALLOC_CTX *ctx, struct db *db, struct renewal_tells **ret, size_t *n, struct err *err) CHECKED;
/* In the transaction of the message, or where nothing can be sent. *first: false when they were told. */
bool renewal_told(struct db *tx, const char *build_id, const char *contact_id, bool *first, struct err *err) CHECKED;
