#pragma once
/*
 * command_send - a command to one device or many: judged for each kind of enrollment, queued and audited in one
 * transaction, with a verdict for each device.
 *
 * Devices are told apart by what they may be sent: those with the same access rights, kind and supervision get
 * the same payload.  A big crowd is several transactions (QUEUE_CHUNK); what went in stays, and
 * where a later one fails the rest is refused with its reason.
 */
#include "mdm/queue.h"
#include "mdm/verb.h"

#define COMMAND_DEVICES_MAX	100000	/* of one request */
#define COMMAND_GRAVE_MAX	200	/* devices, for what cannot be taken back */
#define COMMAND_REASON_MAX	500	/* bytes */
#define COMMAND_KEY_MAX		100
#define COMMAND_AUDIT_EACH	200	/* up to so many devices each has a row in the audit, then each chunk has one */

struct command_wish {
	const struct verb *verb;	/* NULL: by request_type */
	const char *request_type;
	const json_t *params;		/* Apple's; NULL: none; for a verb those of verb_params */
	const char *subject;		/* NULL: none */
	const char *dedupe_key;		/* at most COMMAND_KEY_MAX bytes; NULL: the verb's */
	int64_t not_before, ttl_s;	/* 0: now; QUEUE_TTL_S */
	int64_t priority;		/* -1: the verb's, or QUEUE_PRIORITY_PERSON */
	const char *actor;		/* for the audit: "anna", "cli" */
	const char *reason;		/* "": none was given */
};

/*
 * What was asked for, read: {verb or request_type, params, dedupe_key, not_before, priority, reason}, params by the
 * verb's fields or Apple's keys; not_before ISO 8601 or seconds since 1970.  Or a property list (command_read).
 * The actor is the caller's to set; texts and params belong to ctx.  ERR_INVALID "bad_command".
 */
bool command_wish_json(TALLOC_CTX *ctx, const json_t *body, struct command_wish *ret, struct err *err) CHECKED;
bool command_wish_plist(TALLOC_CTX *ctx, struct bytes plist, struct command_wish *ret, struct err *err) CHECKED;
/* By a verb and its fields; takes the reference of `fields`. */
bool command_wish_verb(TALLOC_CTX *ctx, const char *verb, json_t *fields, struct command_wish *ret,
		       struct err *err) CHECKED;

/* What became of it, for each device in the order of the request. */
struct command_verdict {
	const char *device_id, *uuid;	/* uuid NULL: nothing waits because of it */
	const char *verdict;		/* queue_verdict_name, or "refused" */
	const struct err *err;		/* of refused: ERR_DENIED "no_right" ...; one for all that are alike */
};

/*
 * The whole is refused (ERR_INVALID) when the command is no command or wants a reason; what stands in the way of
 * one device is its verdict.  verdicts[n]; texts belong to ctx.  A refresh has one uuid: that of its first part.
 */
bool command_send(TALLOC_CTX *ctx, struct db *db, const struct command_wish *wish, const char *const *device_ids,
		  size_t n, struct command_verdict *verdicts, struct err *err) CHECKED;

/* The verdict of one device as the answer to a request; ERR_MISSING, ERR_CONFLICT, ERR_RATE, or its own refusal. */
bool command_verdict_err(const struct command_verdict *verdict, struct err *err) CHECKED;

/* By the house, inside a transaction: what an enrollment begins with; and the lists that a request type changed. */
bool command_refresh(struct db *tx, const struct enrollment *enrollment, struct err *err) CHECKED;
/* The same of many (at most QUEUE_CHUNK): those that may be asked the same share the commands. */
bool command_refresh_many(struct db *tx, const struct enrollment *const *enrollments, size_t n, struct err *err) CHECKED;
bool command_refresh_after(struct db *tx, const struct enrollment *enrollment, const char *request_type,
			   struct err *err) CHECKED;
/* These lists; `types` ends with NULL.  What the device may not be asked is left out. */
bool command_refresh_lists(struct db *tx, const struct enrollment *enrollment, const char *const *types,
			   struct err *err) CHECKED;
