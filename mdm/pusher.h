#pragma once
/*
 * pusher - the worker that sends what is due (mdm/push.h).
 *
 * One thread; for each topic one connection, kept for hours.  It takes due rows in batches, keeps as many
 * under way as Apple allows, and records what came of them many at once.  When APNs cannot be reached the
 * topic's lane is closed for a while (core/lane.h) and rows wait as they are; when Apple refuses the
 * certificate the topic halts until an admin has seen to it.  A new certificate is used at once.
 */
#include "core/conf.h"
#include "core/seal.h"
#include "mdm/push.h"
#include <jansson.h>

#define PUSHER_RECENT	20	/* answers that are remembered, for people */

struct pusher;

/* Asked at each look, so that settings change while it runs. */
typedef const struct conf *pusher_conf(void *site);

bool pusher_start(TALLOC_CTX *ctx, struct db *db, const struct sealer *sealer, pusher_conf *conf, void *site,
		  struct pusher **ret, struct err *err) CHECKED;
void pusher_stop(struct pusher *pusher);	/* waits some seconds for what is under way; freeing does it, too */
void pusher_wake(struct pusher *pusher);	/* after a commit that asked; else it looks every second */

/* {stuck: null|"why", connections, recent[{at, enrollment_id, status, reason, timestamp}]}, the newest first. */
json_t *pusher_show(struct pusher *pusher);
