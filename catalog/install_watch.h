#pragma once
/*
 * install_watch - what the install daemon fetches, seen from beside the way: it must slow down neither
 * manifests nor downloads, so nothing here waits for the database.
 *
 * For each install under way a small record in memory (at most WATCHED_MAX; the one longest unseen goes):
 * which kinds were seen, which bytes of the .ipa went out.  What is new waits in a bounded queue, of which
 * one transaction writes many; what finds it full is dropped and counted.  A crash loses what was seen in
 * its last moments, never what a page has promised.
 */
#include "catalog/grant.h"
#include "catalog/install.h"

#define WATCHED_MAX	8192	/* installs in memory */
#define SIGHTS_MAX	8192	/* waiting to be written */
#define SIGHTS_AT_ONCE	512	/* in one transaction */

/* Talloc child of `db`, which ends it. */
struct install_watch *install_watch_new(struct db *db);

/* `client` as for grant_open; `agent` is its User-Agent, or NULL. */
void install_saw(struct install_watch *watch, const struct grant *grant, const char *client, const char *agent,
		 enum install_kind kind);

/*
 * Bytes of the .ipa on their way: from..from+length.  `out` says how many have arrived by now; it is
 * asked until install_sent, with the watch locked.
 */
struct install_part;
struct install_part *install_sends(struct install_watch *watch, const struct grant *grant, const char *client,
				   const char *agent, int64_t from, int64_t length, int64_t (*out)(void *arg),
				   void *arg);
void install_sent(struct install_part *part, int64_t bytes);	/* how many went out; `part` ends */

/* Bytes that went out, each once, with what is under way; false: not in memory.  *quiet_s: since they grew. */
bool install_bytes(struct install_watch *watch, const char *id, int64_t *bytes, int64_t *quiet_s);

/* Model and iOS as the daemon tells them: "com.apple.appstored/1.0 iOS/18.1 model/iPhone15,4 ...". */
void install_agent(const char *agent, char model[INSTALL_MODEL_SIZE], char os[INSTALL_OS_SIZE]);
