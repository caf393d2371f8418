#pragma once
/*
 * held - what a device has: its apps bundle by bundle, its provisions, and until when each app launches by them.
 *
 * Which build an installed app is, is told by its two version numbers; where several builds have the same (one signed
 * anew, say), by the command that brought it, else by the provisions that the device lists, and then the embedded
 * provision counts only when it is listed, too: what cannot be told is taken for the worse.
 */
#include "core/db.h"

#define HELD_BUNDLES_MAX	2000	/* on one device; what is beyond is left alone */
#define HELD_PROVISIONS_MAX	1000

/* The app, or an extension or watch app in it. */
struct held_bundle {
	const char *app, *build_id, *path, *bundle_id, *own;
	int64_t own_expires, certificate_expires;
	bool sure;			/* no other build has these numbers */
	bool brought;			/* by a command of ours, this very build */
	bool signer;			/* its executable says who signed it: what fits is known, not guessed */
	int64_t cover, best;		/* until when by what is there; by the best that fits */
	const char *cover_uuid, *best_uuid;
	int64_t listed[2];		/* the two that last longest of those that are there and fit */
	const char *listed_uuid[2];
};

struct held_app {
	const struct held_bundle *bundles, *first;	/* first: which of its n ends before the others */
	size_t n;
	int64_t ends, next;		/* by the provisions that are there; by the best that fit */
	int64_t certificate;		/* of those that signed it, the first to end; 0: not known */
};

struct held_provision {
	const char *uuid, *app_id;	/* app_id NULL: we do not know it */
	int64_t expires;
};

struct held {
	struct held_bundle *bundles;	/* app by app */
	struct held_app *apps;
	struct held_provision *provisions;
	const char **unknown;		/* bundle ids of apps whose insides we do not know */
	size_t bundles_n, apps_n, provisions_n, unknown_n;
};

bool held_read(TALLOC_CTX *ctx, struct db *tx, const char *device_id, struct held *ret, struct err *err) CHECKED;
bool held_lists(const struct held *held, const char *uuid);	/* that provision is on the device */

/* Table `held_app`: when each app stops, by its provisions or by its certificate, whichever ends first. */
bool held_keep(struct db *tx, const char *device_id, const struct held *held, struct err *err) CHECKED;
bool held_forget(struct db *tx, const char *device_id, struct err *err) CHECKED;
