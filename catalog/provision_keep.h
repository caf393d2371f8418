#pragma once
/*
 * provision_keep - every provision that is known, and the bundles of builds that live under them.
 *
 * Facts come from the inspect child (ipa/inspect.h): of an .ipa, or of a .mobileprovision that came alone.  Kept are
 * provisions with Apple's signature, or under a root that the operator configured for tests; the rest is told on
 * the build's page and never sent to a device (MUST 69).  The first of a UUID stays: Apple makes one but once.
 */
#include "catalog/viewer.h"
#include "core/blob.h"
#include "core/clock.h"
#include "ipa/inspect.h"

#define PROVISION_UUID_MAX	64
#define PROVISIONS_PAGE_MAX	200
#define PROVISIONS_UNREAD_MAX	50	/* builds that are looked up at once for the back-fill */

/* ---- of a build ---- */

/* Outside of any transaction; takes `file` out of the facts, which is not to be kept with them. */
struct provision_bundles;
bool provision_bundles_of(TALLOC_CTX *ctx, json_t *facts, struct provision_bundles **ret, struct err *err) CHECKED;
/* In the transaction that publishes it, or of the back-fill; and the jobs that follow. */
bool provision_keep_build(struct db *tx, const char *build_id, int64_t uploaded, const struct provision_bundles *bundles,
			  const char *person_id, struct err *err) CHECKED;

/* Builds of before, whose bundles were not read yet: ids and blob names. */
struct provision_unread { const char *build_id, *blob; int64_t uploaded; };
bool provision_unread(TALLOC_CTX *ctx, struct db *db, struct provision_unread **ret, size_t *n, struct err *err) CHECKED;

/* Before a build is deleted: what is known of it stays, also of one that nobody has read. */
bool provision_outlives(struct db *tx, const char *build_id, struct err *err) CHECKED;
/* Rows of builds that are gone, run nowhere any more (PROVISION_GONE_KEPT_S), and are no device's and nobody's install. */
#define PROVISION_GONE_KEPT_S	(30 * DAY_S)	/* behind the end of their own provisions */
bool provision_sweep(struct db *db, struct err *err) CHECKED;

/* ---- uploaded alone ---- */

/*
 * `facts`: {provision} of the child.  *fresh: false when it was known.  Audited.  ERR_INVALID with the codes
 * provision_signature, provision_store, provision_expired, bad_provision; ERR_DENIED when this person (or token)
 * may not publish what its app id covers.
 */
bool provision_add(TALLOC_CTX *ctx, struct db *db, const struct person *person, json_t *facts, char **uuid, bool *fresh,
		   struct err *err) CHECKED;

/* ---- provision_fit.c: which fits which bundle; outside of any transaction, safe to repeat ---- */
bool provision_fit_uuid(struct db *db, const char *uuid, struct err *err) CHECKED;	/* against all bundles */
bool provision_fit_build(struct db *db, const char *build_id, struct err *err) CHECKED;	/* its bundles against all */

/* ---- provision_show.c: reading ---- */

/* The file, to be sent; ERR_MISSING when it cannot be. */
bool provision_file(TALLOC_CTX *ctx, struct db *db, const char *uuid, struct bytes *ret, struct err *err) CHECKED;

/* Those of apps they may change, by end: {items[], next}.
 * {uuid,name,kind,team_id,app_id,expires,created,source,by,certificates[],devices_listed,apps[],devices,waiting,failed,
 * paused{by,at}|null}: * devices have it on their list, for waiting and failed it is on its way. */
bool provision_list(struct db *db, struct viewer viewer, const char *after, int64_t limit, json_t **ret,
		    struct err *err) CHECKED;
/* One of them, with what hangs on it: covers[{bundle_id,version,build,path,devices}]. ERR_MISSING. */
bool provision_show(struct db *db, struct viewer viewer, const char *uuid, json_t **ret, struct err *err) CHECKED;

/* Builds in use of which it covers a bundle's id and fits it not: [{app,version,build,build_id}]. */
bool provision_near(struct db *db, const char *uuid, json_t **ret, struct err *err) CHECKED;

/*
 * What is missing before the app, extensions and watch apps of a build last longer than now: [{path,bundle_id,
 * expires,why,detail,text}], why as fit_name or "none"; empty: nothing.  text: "extension Share.appex: no newer
 * provision names its certificate".
 */
bool provision_missing(struct db *db, const char *build_id, json_t **ret, struct err *err) CHECKED;
