#pragma once
/*
 * held_list - which device has which app, which build, under which provision and signing certificate, and until when: what
 * the plan of renewals found (table held_app), row by row, with names.  For whoever asks "for whom?".
 */
#include <jansson.h>
#include "core/db.h"

#define HELD_PAGE_MAX	500

/* Those for which all that is said holds; NULL, "" and 0: whatever. */
struct held_filter {
	const char *build_id, *bundle_id, *certificate, *uuid;	/* certificate: SHA-1, of any bundle; uuid: the provision that ends first */
	const char *cause;		/* "provision", "certificate" */
	int64_t ends;			/* to the second */
};

/*
 * By end: {items[{device_id, device, product, person, seen, bundle_id, app, build_id, version, build, ends, cause, next,
 * part, provision{uuid,name,expires}, certificate{sha1,name,expires}, doing}], next}.  part: "" or "PlugIns/Share.appex", of
 * which that is; certificate: the one of its bundles that ends first; next: until when, once all has arrived; doing:
 * "resign" (no provision helps), "failing", "renewing", "" (nothing is on its way).
 */
bool held_list(struct db *db, const struct held_filter *filter, const char *after, int64_t limit, json_t **ret,
	       struct err *err) CHECKED;

/* The devices of an app, a build or a certificate for which all that is said holds, each once, by person and name: [{device, person|null}]. */
bool held_devices(struct db *db, const struct held_filter *filter, int64_t most, json_t **ret, struct err *err) CHECKED;

/* What a filter says, by name: {app, version, build, certificate, provision}, null where it says nothing or nobody knows it. */
bool held_names(struct db *db, const struct held_filter *filter, json_t **ret, struct err *err) CHECKED;
