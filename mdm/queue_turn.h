#pragma once
/*
 * queue_turn - the device's turn: what it reports of a command, and the one that it gets next.
 *
 * A report is one transaction: match, move to the history or mark, choose the next and mark it sent.  A
 * connection begins with Idle; what was answered NotNow since is offered at the next Idle, behind fresh
 * commands.  What was sent and not answered is offered again whenever the device asks for more, since it does
 * one thing at a time.  An Idle with nothing to give writes nothing.  Apple: "Handling NotNow status
 * responses".
 */
#include "core/clock.h"
#include "mdm/queue.h"

#define QUEUE_PUSH_AGAIN_S	900	/* sent and silent: pushed again, then at twice the time, and so on */
#define QUEUE_NOT_NOW_S		600	/* the same for NotNow, by its own count */
#define QUEUE_NOT_NOW_LAST_S	3600	/* a NotNow at the end of a connection: the device comes by itself, or is pushed; doubles, too */
#define QUEUE_NOT_NOW_FREE	8	/* NotNows after which it is offered at each connection; then every QUEUE_NOT_NOW_S */
#define QUEUE_PUSH_AGAIN_MAX_S	DAY_S
#define QUEUE_UNREADABLE_MAX	5

struct queue_report {
	const struct enrollment *enrollment;
	const char *status;		/* "Idle", "Acknowledged", "Error", "CommandFormatError", "NotNow", any other */
	const char *uuid;		/* NULL: Idle */
	void *answer;			/* plist_t, the whole report */
	struct bytes packed;		/* the same as it came, core/pack.h */
	bool sealed;			/* the latter, by queue_seal_answer */
	const char *error;		/* JSON of its ErrorChain; "" without one */
	/* In the transaction, when the command was known and has ended; NULL: nothing more. */
	bool (*also)(struct db *tx, void *arg, struct err *err);
	void *arg;
};

struct queue_reported {
	bool known;			/* the command was one that waits for this device */
	struct queued *next;		/* NULL: nothing more; belongs to ctx */
};

bool queue_turn(TALLOC_CTX *ctx, struct db *db, const struct queue_report *report, struct queue_reported *ret,
		struct err *err) CHECKED;

/* What a report is about, before it is taken; NULL in *ret: nothing that waits. */
bool queue_find(TALLOC_CTX *ctx, struct db *db, const char *enrollment_id, const char *uuid, struct queued **ret,
		struct err *err) CHECKED;

/*
 * A report came that cannot be read (`why`), and would come again with each delivery: its command ends as an error,
 * and another is chosen; one that has ended already, as for any report.  uuid NULL: nothing says which; then it is the
 * one that was sent last, once it has been in vain QUEUE_UNREADABLE_MAX times.  ret->known false: nothing is chosen.
 */
bool queue_unreadable(TALLOC_CTX *ctx, struct db *db, const struct enrollment *enrollment, const char *uuid,
		      const struct err *why, struct queue_reported *ret, struct err *err) CHECKED;

/*
 * The body that hands `next` to the device: {Command, CommandUUID}, rendered by its kind.  One that cannot be
 * rendered waits or ends, and another is chosen; *body stays empty when none is left.
 */
bool queue_deliver(TALLOC_CTX *ctx, struct db *db, const struct enrollment *enrollment, struct queued *next,
		   struct bytes *body, struct err *err) CHECKED;

/* ---- for the other files of the queue ---- */

#define QUEUED_COLUMNS	"c.id, c.uuid, c.kind, c.request_type, c.subject, c.args, c.payload, q.sent_count - q.not_now_count, c.sealed"
/* Which command is next, by an index alone, since a device waits for it: $1 whose, $2 and $4 now, $3 QUEUE_NOT_NOW_S. */
extern const char queue_next_sql[];
struct queued *queued_of(TALLOC_CTX *ctx, struct rows *rows);
/* Moves it to the history and tells its kind, unless the device has answered (`status`). */
struct queue_end { const char *state, *status, *error; struct bytes packed; bool sealed; const char *word; };	/* word: for its kind; NULL: state */
bool queue_end(struct db *tx, const struct queued *command, const struct enrollment *enrollment,
	       const struct queue_end *end, struct err *err) CHECKED;
