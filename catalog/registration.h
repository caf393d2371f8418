#pragma once
/*
 * registration - testers who register their devices for ad hoc builds, by the Profile Service's first
 * phase, and wait for a build that lists them.  With a contact go its devices.
 *
 * A link gives out challenges; each is for one answer to that link, and is kept as a hash.  A device is
 * registered for the link's app: it is *waiting* until a build that lists it is offered where its link
 * leads, and *invited* from then on.  No UDID stands in a URL, in the audit or on a tester's page.
 */
#include "catalog/link.h"
#include "core/clock.h"
#include "mdm/device_answer.h"

#define CHALLENGE_S		3600	/* how long one can be answered */
#define CHALLENGES_MAX		20	/* of one link at a time */
#define REFUSALS_MAX		20	/* answers to one link that are refused, in an hour */
#define REGISTRATION_VIEW_S	DAY_S	/* how long the page after it can be opened again */
#define REGISTRATION_DUE_MAX	100

/* ---- the tester ---- */

/* *challenge is shown once; ERR_RATE when the link has too many that nobody answered. */
bool registration_challenge(TALLOC_CTX *ctx, struct db *db, const struct link *link, char **challenge,
			    struct err *err) CHECKED;

/* May this link be answered at all?  ERR_RATE after REFUSALS_MAX. */
bool registration_may_answer(struct db *db, const struct link *link, struct err *err) CHECKED;

/*
 * Uses up the challenge and keeps the device, or ERR_DENIED "bad_challenge" for one that is unknown, used,
 * expired or another link's.  *view opens registration_view for a day.
 */
bool registration_take(TALLOC_CTX *ctx, struct db *db, const struct link *link, const struct device_answer *answer,
		       char **view, struct err *err) CHECKED;

/* An answer was refused: audited and counted. */
bool registration_refused(struct db *db, const struct link *link, const struct err *why, struct err *err) CHECKED;

/* {name,product,version,contact,state}; contact may be null. */
bool registration_view(struct db *db, const struct link *link, const char *view, json_t **ret, struct err *err) CHECKED;

/* Does the build's provision list a device of this contact?  NULL: nobody in particular. */
enum registration_fit {
	FIT_ANY,	/* not ad hoc or development: any device */
	FIT_LISTED,
	FIT_WAITING,	/* registered, and not in this build: the publisher knows */
	FIT_UNKNOWN,	/* nothing registered yet */
};
bool registration_fit(struct db *db, const char *contact_id, const char *build_id, enum registration_fit *ret,
		      struct err *err) CHECKED;

bool registration_sweep(struct db *db, struct err *err) CHECKED;

/* ---- builds: in the transaction that publishes or offers one ---- */

bool registration_published(struct db *tx, const char *app_id, const char *build_id, const json_t *facts,
			    struct err *err) CHECKED;
bool registration_offered(struct db *tx, const char *app_id, struct err *err) CHECKED;
/* When somebody may come in again: who waited because of them, is looked at again. */
bool registration_again(struct db *tx, struct err *err) CHECKED;

/* In the transaction that revokes a link: who waits by it waits no more.  A link that expired keeps them. */
bool registration_revoked(struct db *tx, const char *link_id, struct err *err) CHECKED;

/*
 * Condition: does row w of device_app wait for what comes into channel n?  Its link said so; or was to a build
 * that is or was there; or everybody sees that channel.
 */
#define REGISTRATION_WAITS_FOR "(w.channel_id = n.id OR (w.channel_id IS NULL AND (n.audience_id IS NULL" \
	" OR EXISTS (SELECT 1 FROM link wl JOIN placement wp ON wp.build_id = wl.build_id WHERE wl.id = w.link_id" \
	" AND wp.channel_id = n.id))))"

/* Job: the same for builds of before. */
bool registration_fill(struct db *db, struct err *err) CHECKED;

/* ---- waiting testers for whom there is a build now ---- */

struct registration_due {
	const char *device_id, *app_id, *bundle_id, *app_name;
	const char *build_id, *version, *build;	/* that lists it */
	const char *channel;			/* NULL: its link was to one build */
	const char *contact_id;			/* NULL: nobody can be told */
	const char *link_id;			/* NULL: is gone */
	const struct person *sender;		/* of the link; NULL: is gone */
	bool pin, sign_in;			/* what the link asked for */
};

/* At most REGISTRATION_DUE_MAX. */
bool registration_due(TALLOC_CTX *ctx, struct db *db, const char *app_id, struct registration_due **ret, size_t *n,
		      struct err *err) CHECKED;

/* In the transaction that tells them; *first: false when they were invited already. */
bool registration_invite(struct db *tx, const struct registration_due *due, const char *link_id, bool told,
			 bool *first, struct err *err) CHECKED;
