#pragma once
/*
 * queue_secret - commands that carry secrets, or whose answers are: both are sealed at rest (core/seal.h), a payload
 * is opened for its device, an answer for the admin who asks for it and is written down.
 *
 * Without a master key (key.master_file) there is nothing to seal with: payloads stay as they are, as they did, and
 * an answer that is a secret is not kept.
 */
#include "core/seal.h"
#include "mdm/queue_turn.h"

/* Of the whole process, before anything is served; lent for ever; NULL: none. */
void queue_sealer(const struct sealer *sealer);

/* Before the transaction of queue_add, which refuses it else: the payload of a wish that may hold a secret. */
bool queue_seal(TALLOC_CTX *ctx, struct queue_wish *wish, struct err *err) CHECKED;
bool queue_wants_seal(const struct queue_wish *wish);	/* it may hold one, is open, and there is a key */
/* What a command says, open. */
bool queue_payload(TALLOC_CTX *ctx, const struct queued *command, struct bytes *ret, struct err *err) CHECKED;

/* In place: sets report->sealed, or empties the answer where it cannot be sealed. */
bool queue_seal_answer(TALLOC_CTX *ctx, const char *request_type, struct queue_report *report, struct err *err) CHECKED;

/*
 * The answer of a command that is kept sealed, as JSON; audited.  ERR_MISSING when there is none, ERR_CONFLICT
 * without the master key, or when it is not sealed.
 */
bool queue_reveal(struct db *db, const char *actor, const char *device_id, const char *uuid, json_t **ret,
		  struct err *err) CHECKED;

/* What was kept open before this was so, some at a time; nothing without a master key. */
bool queue_seal_old(struct db *db, struct err *err) CHECKED;
