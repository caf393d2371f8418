#pragma once
/*
 * queue - commands that wait for a device, at least once each, in order; and what became of them.
 *
 * The live queue and the history are apart: a row leaves the queue when its command ends.  A report of the
 * device is one transaction: its command ends or waits, the next is chosen and marked sent.  peers.md 2.5.
 */
#include <jansson.h>
#include "mdm/enrollment.h"

#define QUEUE_CHUNK		10000	/* devices in one transaction of a bulk command */
#define QUEUE_WAITING_MAX	1000	/* commands that wait for one device */
#define QUEUE_TTL_S		(30 * 86400)
#define QUEUE_PRIORITY_HOUSE	0	/* what we ask by ourselves */
#define QUEUE_PRIORITY_PERSON	5	/* somebody waits for it */
#define QUEUE_PRIORITY_URGENT	9	/* lock, erase */

struct queue_wish {
	const char *kind;		/* a row of the command kinds; NULL: plain */
	const char *request_type, *subject;
	struct bytes payload;		/* the Command dictionary as an XML plist; empty: its kind renders it */
	json_t *args;			/* for its kind; lent; NULL: none */
	const char *dedupe_key;		/* one of them at a time for each device; NULL: any number */
	int64_t not_before, ttl_s;	/* 0: now; QUEUE_TTL_S */
	int64_t priority;
	const char *created_by;		/* "person:<name>", "house" */
};

/* Why a device does not get it. */
enum queue_verdict { QUEUE_ADDED, QUEUE_DUPLICATE, QUEUE_NOT_ENROLLED, QUEUE_FULL, QUEUE_UNKNOWN };

/* One command for n enrollments, and their pushes; verdicts[n] may be NULL.  uuid belongs to ctx. */
bool queue_add(struct db *tx, TALLOC_CTX *ctx, const struct queue_wish *wish, const char *const *enrollment_ids,
	       size_t n, enum queue_verdict *verdicts, char **uuid, struct err *err) CHECKED;

/*
 * What the house above does for a kind of command; web/site.c fills the table at start.  `render` may use
 * keys and read, outside of any transaction; `answered` and `ended` run inside the report's.
 */
struct queued {
	const char *uuid, *kind, *request_type, *subject;
	json_t *args;
	struct bytes payload;
};
struct command_kind {
	const char *name;
	bool (*render)(TALLOC_CTX *ctx, void *site, const struct queued *command, const struct enrollment *enrollment,
		       struct bytes *payload, struct err *err);
	/* status: "Acknowledged", "Error", ...; answer: the whole report, a plist_t */
	bool (*answered)(struct db *tx, void *site, const struct queued *command, const struct enrollment *enrollment,
			 const char *status, void *answer, struct err *err);
	bool (*ended)(struct db *tx, void *site, const struct queued *command, const struct enrollment *enrollment,
		      const char *state, struct err *err);	/* expired, cancelled */
};

/* {items[{uuid,request_type,subject,state,created_by,created,sent,sent_count,not_before,expires,priority,error}], next} */
bool queue_list(struct db *db, const char *device_id, json_t **ret, struct err *err) CHECKED;	/* what waits, in order */
bool queue_history(struct db *db, const char *device_id, const char *after, int64_t limit, json_t **ret,
		   struct err *err) CHECKED;
bool queue_show(struct db *db, const char *device_id, const char *uuid, json_t **ret, struct err *err) CHECKED;
bool queue_cancel(struct db *db, const char *actor, const char *device_id, const char *uuid, struct err *err) CHECKED;
bool queue_clear(struct db *db, const char *actor, const char *device_id, int64_t *n, struct err *err) CHECKED;
bool queue_resend(struct db *db, const char *actor, const char *device_id, const char *uuid, struct err *err) CHECKED;
