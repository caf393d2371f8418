#pragma once
/*
 * renewal_told - who is not managed is not forgotten: who installed, by a link or from the catalog, a build whose
 * first provision or certificate ends hears of it once, with a link to the newer build.
 *
 * Known from the timeline: the .ipa went out whole to them.  Told are those whose newest install of the app is of that
 * build, device by device as far as their models tell them apart (two of one model are one), from RENEWAL_TELL_S before its end to as long behind it, once there is a newer build that lasts longer where
 * their link leads, or, of people who signed in, where they see the app.  Not told is who wants no notices
 * (catalog/contact.h, catalog/ending_reader.h), and whose managed device has the app, unless another model installed it: that is seen to.
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

/* RENEWAL_TELLS of them behind `after` (NULL: the first), in the order of contacts and the builds that they have; who has
 * one by several links comes once for each, the best link first. */
bool renewal_tells(TALLOC_CTX *ctx, struct db *db, const struct renewal_tells *after, struct renewal_tells **ret, size_t *n,
		   struct err *err) CHECKED;
/* In the transaction of the message, or where no mail server would take it. *first: false when they were told. */
bool renewal_told(struct db *tx, const char *build_id, const char *contact_id, bool *first, struct err *err) CHECKED;

/* ---- people with an account, who installed from the catalog ---- */

struct renewal_holder {
	const char *person_id, *phone;	/* phone "": none is known */
	const char *ending_id;		/* as above */
	int64_t ends;
	const char *build_id;		/* the newer one, which they see */
	int64_t installed;
	const char *install_id;		/* of two within a second it tells which came last in the list */
};

/* RENEWAL_TELLS of them behind `after` (NULL: the first), in the order of people and their installs. */
bool renewal_holders(TALLOC_CTX *ctx, struct db *db, const struct renewal_holder *after, struct renewal_holder **ret, size_t *n,
		     struct err *err) CHECKED;
extern const char renewal_holders_sql[];	/* for the test that they are found by an index */
bool renewal_holder_told(struct db *tx, const struct renewal_holder *holder, bool *first, struct err *err) CHECKED;	/* as renewal_told */
