#pragma once
/*
 * clip - the web clip of the catalog, one for each enrollment: from its first TokenUpdate to its end.
 *
 * It goes out as a mobileconfig of its own, is confirmed by ProfileList, sent again when what it looks like has
 * changed, repaired when it is gone although it should be there, and taken away when it is switched off.  All of
 * it is bounded: CLIP_ATTEMPTS for one look, each later than the one before.
 *
 * Its URL holds a token that is valid while the enrollment is; only the hash is here, and whoever calls makes the
 * token (it is derived from a key that is not in the database).  Apple: WebClip.
 */
#include <jansson.h>
#include "core/clock.h"
#include "mdm/queue.h"

#define CLIP_KIND		"clip"		/* of the queue: rendered at delivery */
#define CLIP_KIND_REMOVE	"clip_remove"
#define CLIP_JOB		"clip"
#define CLIP_ATTEMPTS		5
#define CLIP_AGAIN_S		3600		/* after the first failure; then four times as long each time */
#define CLIP_CLEARED_S		900		/* its command went with all that waited */
#define CLIP_STEADY_S		(7 * DAY_S)	/* there for so long: what happens to it then counts anew */
#define CLIP_CHUNK		1000		/* enrollments in one transaction */
#define CLIP_RIGHT		2		/* AccessRights: installation and removal of mobileconfigs */
#define CLIP_LABEL_MAX		60		/* bytes; a home screen shows a dozen characters */

/* What it looks like on every device, but for the URL. */
struct clip_look {
	bool on;
	const char *label;
	bool full_screen, removable;
	struct bytes icon;		/* PNG, square, at most 400 pixels a side */
	const char *hash;		/* of all of it */
};

/* ---- the device that shows a token ---- */

struct clip {
	const char *enrollment_id, *device_id, *person_id;	/* person_id NULL: nobody's */
	const char *kind;		/* of the enrollment: "device", "user" */
	int64_t access_rights;
	const char *device_name, *product, *os_version;	/* "" where it did not say */
	int64_t opened;			/* 0: never */
};

/* Unknown, and of an enrollment that is over: one and the same ERR_MISSING. */
bool clip_open(TALLOC_CTX *ctx, struct db *db, const char *token, struct clip **ret, struct err *err) CHECKED;
void clip_opened(struct db *db, const struct clip *clip);	/* written behind, at most once an hour */

/* ---- its way to the device ---- */

/* An enrollment begins: its first web clip is queued. */
bool clip_begin(struct db *tx, const struct enrollment *enrollment, const char *token_hash, const struct clip_look *look,
		struct err *err) CHECKED;

/* What this delivery hands over; outside of any transaction. */
bool clip_handed(struct db *db, const char *enrollment_id, const char *token_hash, const struct clip_look *look,
		 struct err *err) CHECKED;
bool clip_answered(struct db *tx, const struct queued *command, const struct enrollment *enrollment, const char *status,
		   const char *why, struct err *err) CHECKED;
bool clip_ended(struct db *tx, const struct queued *command, const struct enrollment *enrollment, const char *state,
		struct err *err) CHECKED;
/* ProfileList was answered; `identifier` is that of the web clip's mobileconfig. */
bool clip_listed(struct db *tx, const char *device_id, const char *identifier, struct err *err) CHECKED;

/*
 * Enrollments that want something done, at most CLIP_CHUNK: with another look than this one, due, or without any.
 * `fresh`: those that have no row yet.
 */
struct clip_round {
	const char **ids, **token_hashes;	/* token_hashes: the caller's, for those that are fresh */
	bool *fresh;
	size_t n;
};
bool clip_round(TALLOC_CTX *ctx, struct db *db, const struct clip_look *look, struct clip_round *ret, struct err *err) CHECKED;
bool clip_round_queue(struct db *db, const struct clip_look *look, const struct clip_round *round, struct err *err) CHECKED;

/* By hand: sent again, whatever it is in.  Audited.  ERR_MISSING, ERR_CONFLICT. */
bool clip_again(struct db *db, const char *actor, const char *device_id, const struct clip_look *look, struct err *err) CHECKED;

/* {state, why, opened, changed}, or null: it has none. */
bool clip_show(struct db *db, const char *device_id, json_t **ret, struct err *err) CHECKED;
/* {wanted, sent, installed, failed, going}: how many of devices under management. */
bool clip_count(struct db *db, json_t **ret, struct err *err) CHECKED;
