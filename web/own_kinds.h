#pragma once
/*
 * own_kinds - a person's own mobileconfig as a command to a managed device of theirs.
 */
#include "mdm/queue.h"

#define OWN_KIND	"own_mobileconfig"	/* args: own (own_mobileconfig.id), language */

bool own_render(TALLOC_CTX *ctx, void *site, const struct queued *command, const struct enrollment *enrollment,
		struct bytes *payload, struct err *err) CHECKED;
bool own_answered(struct db *tx, void *site, const struct queued *command, const struct enrollment *enrollment,
		  const char *status, void *answer, struct err *err) CHECKED;
bool own_ended(struct db *tx, void *site, const struct queued *command, const struct enrollment *enrollment,
	       const char *state, struct err *err) CHECKED;

/* In a transaction; one at a time waits for each.  ERR_CONFLICT "not_enrolled", "full". */
bool own_queue(struct db *tx, TALLOC_CTX *ctx, const char *enrollment_id, const char *own_id, const char *title,
	       const char *language, const char *actor, char **uuid, struct err *err) CHECKED;
