#pragma once
/*
 * queue - commands that wait for a device, at least once each, in order; and what became of them.
 *
 * The live queue and the history are apart: a row leaves the queue when its command ends.  What the device
 * answers, and what it gets next, is mdm/queue_turn.h.
 */
#include <jansson.h>
#include "core/clock.h"
#include "mdm/enrollment.h"

#define QUEUE_CHUNK		10000	/* devices in one transaction of a bulk command */
#define QUEUE_CROWD		5000	/* of more of them the pushes begin a second later for each so many */
#define QUEUE_WAITING_MAX	1000	/* commands that wait for one device */
#define QUEUE_PAYLOAD_MAX	(1u << 20)
#define QUEUE_TTL_S		(30 * DAY_S)
#define QUEUE_AHEAD_MAX_S	(366 * DAY_S)	/* not_before, and again the time to live */
#define QUEUE_UUID_MAX	64
#define QUEUE_PAGE_MAX		1000	/* rows of a list */
#define QUEUE_PRIORITY_HOUSE	0	/* what we ask by ourselves */
#define QUEUE_PRIORITY_PERSON	5	/* somebody waits for it */
#define QUEUE_PRIORITY_URGENT	9	/* lock, erase */

struct queue_wish {
	const char *kind;		/* a row of the command kinds; NULL: plain */
	const char *request_type, *subject;	/* subject NULL: none */
	struct bytes payload;		/* the Command dictionary as an XML plist; empty: its kind renders it */
	bool sealed;			/* by queue_seal */
	const char *item;		/* of Settings without a payload: which one it will hold; NULL */
	json_t *args;			/* for its kind; lent; NULL: none */
	const char *dedupe_key;		/* one of them at a time for each device; NULL: any number */
	int64_t not_before, ttl_s;	/* 0: now; QUEUE_TTL_S */
	int64_t priority;
	const char *created_by;		/* "person:<name>", "house" */
};

/* Why a device does not get it. */
enum queue_verdict { QUEUE_ADDED, QUEUE_DUPLICATE, QUEUE_NOT_ENROLLED, QUEUE_FULL, QUEUE_UNKNOWN, QUEUE_NO_RIGHT };
const char *queue_verdict_name(enum queue_verdict verdict);	/* "added", "duplicate", "not_enrolled", "full", "unknown", "no_right" */

/*
 * One command for n enrollments (at most QUEUE_CHUNK), and their pushes; verdicts[n] may be NULL.  *uuid belongs
 * to ctx; that of the one that waits already when it is a duplicate for the only device; NULL when nobody gets it.
 * What is made at delivery, which is what the house orders by itself, goes to nobody whose enrollment lacks its right
 * (QUEUE_NO_RIGHT); who brings a payload has asked command_may.  A payload that may hold a secret was sealed before the transaction (queue_seal); else ERR_INTERNAL.
 */
bool queue_add(struct db *tx, TALLOC_CTX *ctx, const struct queue_wish *wish, const char *const *enrollment_ids,
	       size_t n, enum queue_verdict *verdicts, char **uuid, struct err *err) CHECKED;

/*
 * What the house above does for a kind of command; web/site.c fills the table at start.  `render` may use
 * keys and read, outside of any transaction: a refusal of the kinds ERR_INTERNAL, ERR_BUSY, ERR_UPSTREAM or
 * ERR_NO_ROOM is tried again; ERR_CONFLICT QUEUE_HELD takes it back, for it is not its hour; any other ends the command as
 * an error.  `answered` and `ended` run inside the report's transaction; each may be NULL.
 */
#define QUEUE_HELD	"held"
#define QUEUE_CLEARED	"cleared"
struct queued {
	int64_t id;
	const char *uuid, *kind, *request_type, *subject;
	json_t *args;			/* NULL: none; ends with the struct */
	struct bytes payload;		/* as it is kept: queue_payload opens it */
	bool sealed;
	int64_t unanswered;		/* deliveries without a word of the device, this one counted: NotNow is a word */
};
struct command_kind {
	const char *name;		/* NULL ends the table */
	bool (*render)(TALLOC_CTX *ctx, void *site, const struct queued *command, const struct enrollment *enrollment,
		       struct bytes *payload, struct err *err);
	/* status: "Acknowledged", "Error", ...; answer: the whole report, a plist_t */
	bool (*answered)(struct db *tx, void *site, const struct queued *command, const struct enrollment *enrollment,
			 const char *status, void *answer, struct err *err);
	bool (*ended)(struct db *tx, void *site, const struct queued *command, const struct enrollment *enrollment,
		      const char *state, struct err *err);	/* "expired", "cancelled", QUEUE_CLEARED: with all that waited,
								 * QUEUE_HELD, "error": it could not be rendered */
};

/* Of the whole process, before anything is served; both are lent for ever. */
void queue_kinds(const struct command_kind *kinds, void *site);

/*
 * Lists are {items[], next}, times ISO 8601 or null.
 * waiting: {uuid,request_type,subject,state,created_by,created,sent,sent_count,not_now_count,not_before,expires,priority}
 * history: {uuid,request_type,subject,state,status,created_by,created,sent,sent_count,not_now_count,ended,error}
 * `answer` of queue_show is null where it is a secret, and "sealed" true: mdm/queue_secret.h has the door to it.
 * state is "ready", "sent", "not_now", or how it ended; error is null, the ErrorChain or a text of ours.
 */
bool queue_list(struct db *db, const char *device_id, json_t **ret, struct err *err) CHECKED;	/* what waits, in order */
bool queue_history(struct db *db, const char *device_id, const char *after, int64_t limit, json_t **ret,
		   struct err *err) CHECKED;	/* newest first, by when they were asked for */
/* Either of them, with `answer` when there is one.  ERR_MISSING. */
bool queue_show(struct db *db, const char *device_id, const char *uuid, json_t **ret, struct err *err) CHECKED;

/*
 * Audited.  ERR_MISSING for what does not wait (resend: for what its enrollment never had); ERR_CONFLICT "order_anew"
 * for what has ended and cannot be taken back (erase), or is made at delivery.
 */
bool queue_cancel(struct db *db, const char *actor, const char *device_id, const char *uuid, struct err *err) CHECKED;
/* All that waits, for its queue is stuck: it says nothing of what was ordered, and what the house ordered comes back. */
bool queue_clear(struct db *db, const char *actor, const char *device_id, int64_t *n, struct err *err) CHECKED;
/* What waits goes out next and again; of what has ended a new command is made. */
bool queue_resend(struct db *db, const char *actor, const char *device_id, const char *uuid, struct err *err) CHECKED;

/* In a transaction: an enrollment has ended or begins anew, and nothing waits for it any more. */
bool queue_drop(struct db *tx, const struct enrollment *enrollment, const char *why, int64_t *n, struct err *err) CHECKED;

/* In a transaction, by the house: this one is not to go now.  Its kind is told QUEUE_HELD; nothing where it does not wait. */
bool queue_hold(struct db *tx, const struct enrollment *enrollment, const char *uuid, const char *why, struct err *err) CHECKED;

/* In a transaction: what waits under this dedupe key was done, though the device has not said so. */
bool queue_done(struct db *tx, const struct enrollment *enrollment, const char *dedupe_key, struct err *err) CHECKED;
