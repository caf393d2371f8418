#pragma once
/*
 * renewal - newer provisions brought to the devices that hold their apps, before the old ones end.
 *
 * What a device has (its lists of apps and provisions) and what fits (catalog/provision_keep.h) make the plan:
 * which provision is to get there, which may go.  Each is a row:
 *
 *	install	wanted -> sent -> acknowledged -> done	ProvisioningProfileList has it
 *	remove	wanted -> sent -> acknowledged -> done	the list has it no more
 *	either	failed -> wanted, when its due time has come: an hour at first, twice that, a day at most; what devices
 *		take and never list is said to be given up, and tried once a week, in the last 30 days once a day
 *
 * A set goes together: nothing is sent that would not move the day on which something of the app stops, but for the
 * last week, when what there is goes.  Old ones go only when for each bundle on the device that they cover a newer
 * one is listed (MUST 66), and no app of which we do not know the insides could live under them; valid ones only when
 * what fits is known, not guessed, and the set is whole; on user enrollments none.
 *
 * Waves: so many percent of the devices, and so many devices, an hour, those first where an app ends first.  They
 * bound the haste and never the promise: what ends within renewal.days_before goes out at once, whatever the pace and
 * although waves are paused - all of them by the setting, or those of one provision by somebody (renewal_pause).
 */
#include <jansson.h>
#include "core/clock.h"
#include "core/db.h"
#include "mdm/enrollment.h"

#define RENEWAL_BATCH		100	/* devices of one transaction */
#define RENEWAL_WAVE_MAX	1000	/* devices of one transaction of a wave */
#define RENEWAL_BETTER_S	DAY_S	/* a newer one lasts so much longer at least */
#define RENEWAL_ANEW_S		(60 * DAY_S)	/* from the first notice of a certificate's end on a build signed anew goes out by itself */
#define RENEWAL_LAST_S		(7 * DAY_S)	/* so near the end half a set is better than none */
#define RENEWAL_WAVE_S		3600
#define RENEWAL_GATHER_S	60	/* what reports make new is sent by one wave */
#define RENEWAL_AGAIN_MIN_S	3600
#define RENEWAL_AGAIN_MAX_S	DAY_S
#define RENEWAL_LOST_S		DAY_S	/* sent and silent: is its command still there? */
#define RENEWAL_LISTED_S	3600	/* acknowledged, and on no list for so long: the list is asked for again */
#define RENEWAL_ASKED_MAX	3	/* then it has failed and is sent again, ever later */
#define RENEWAL_ATTEMPTS_MAX	8	/* taken and on no list after so many: given up, with its reason shown */
#define RENEWAL_GIVEN_UP_S	(7 * DAY_S)	/* and tried again so much later; a day later in the last 30 days */
#define RENEWAL_QUIET_S		(30 * DAY_S)	/* what was done for so long and is undone begins anew */
#define RENEWAL_FRESH_S		DAY_S	/* a list of apps by which something is removed is no older */
#define RENEWAL_KEPT_S		(90 * DAY_S)	/* of rows that are done */

#define RENEWAL_KIND_INSTALL	"provision_install"	/* kinds of commands; args {uuid} */
#define RENEWAL_KIND_REMOVE	"provision_remove"
#define RENEWAL_PLAN_JOB	"renewal_plan"		/* args {app, after}; app "": all */
#define RENEWAL_WAVE_JOB	"renewal_wave"

/* ---- renewal_plan.c ---- */

/* In a transaction: what this device holds, and what is to be done; what has come or gone by its lists is done. */
bool renewal_device(struct db *tx, const char *device_id, struct err *err) CHECKED;

/* Of devices that hold the app (""; all), a batch after `after` in one transaction; "" in *next: those were the last. */
bool renewal_plan(TALLOC_CTX *ctx, struct db *db, const char *bundle_id, const char *after, char **next,
		  struct err *err) CHECKED;
/* Apps whose builds a provision, or the provisions of a build, fits: each is planned by a job of its own. */
bool renewal_plan_fits(struct db *tx, const char *uuid, const char *build_id, struct err *err) CHECKED;

/* ---- renewal_wave.c ---- */

struct renewal_pace {
	int64_t percent, devices;	/* an hour; devices 0: no limit */
	int64_t days_before;
	bool paused;
};

/* How many devices more in this hour, of each action.  Reads all rows: once for all transactions of a job, outside of them. */
struct renewal_quota {
	int64_t installs, removals;
};
bool renewal_quota(struct db *db, const struct renewal_pace *pace, struct renewal_quota *ret, struct err *err) CHECKED;

/* In a transaction; *left: less what went out; *more: call again at once; *next: when the next one is due, 0: nothing waits. */
bool renewal_wave(struct db *tx, const struct renewal_pace *pace, struct renewal_quota *left, bool *more, int64_t *next,
		  struct err *err) CHECKED;

/* ---- renewal_pause.c: the waves of one provision stand still ---- */

/*
 * By somebody who publishes all that it is for, which for one that fits nothing is all apps, and let go on by whoever
 * publishes any of it (NULL: at the command line); audited.  Twice is once.  What was sent is on
 * its way, what ends within renewal.days_before goes out all the same, and so does what an app needs that is installed; old
 * ones stay on devices for which it came.  ERR_MISSING, ERR_DENIED.
 */
struct person;
bool renewal_pause(struct db *db, const struct person *person, const char *uuid, bool paused, struct err *err) CHECKED;
bool renewal_may_pause(const struct person *person, const json_t *provision);	/* as provision_show has it; paused: let it go on */

#define RENEWAL_PAUSED(uuid) "EXISTS (SELECT 1 FROM renewal_pause z WHERE z.uuid = " uuid ")"

/* ---- */

/* Before an app is sent to a device: newer provisions of that build go first.  In a transaction. */
bool renewal_before_install(struct db *tx, const char *device_id, const char *build_id, struct err *err) CHECKED;
/*
 * Would the build launch there by them?  Each of its bundles whose own provision is over has a newer one that goes before;
 * sends false: that is there, for it may not be sent.
 */
bool renewal_covers(struct db *db, const char *device_id, const char *build_id, bool sends, bool *ret, struct err *err) CHECKED;

/* ---- renewal.c: what came of a command; in the report's transaction ---- */
enum renewal_outcome { RENEWAL_TAKEN, RENEWAL_REFUSED, RENEWAL_LOST };
bool renewal_came(struct db *tx, const char *device_id, const char *uuid, const char *action, enum renewal_outcome outcome,
		  const char *why, struct err *err) CHECKED;
bool renewal_sweep(struct db *db, struct err *err) CHECKED;

/* For the other files: rows written in a transaction. */
bool renewal_want(struct db *tx, const char *device_id, const char *uuid, const char *action, int64_t ends, bool *fresh,
		  struct err *err) CHECKED;
bool renewal_sent(struct db *tx, const char *device_id, const char *uuid, const char *action, struct err *err) CHECKED;
bool renewal_due(struct db *tx, struct err *err) CHECKED;	/* rows whose time has come */

/* ---- renewal_show.c: reading ---- */
#include "catalog/viewer.h"

/*
 * Conditions on a row h of held_app; each is built of those above it.  Those with `device` may be asked of a group of
 * rows, with device '', where no provision that is for some devices alone can make a difference.
 */

/* A provision for it is on its way to the device in one of these states. */
#define RENEWAL_COMING(states) "EXISTS (SELECT 1 FROM renewal r JOIN provision_fit f ON f.uuid = r.uuid AND f.build_id =" \
	" h.build_id WHERE r.device_id = h.device_id AND r.action = 'install' AND r.state IN (" states "))"

/* What ends on it so late outlives it: RENEWAL_BETTER_S. */
#define RENEWAL_LONGER	"h.ends + 86400"
_Static_assert(RENEWAL_BETTER_S == 86400, "as RENEWAL_LONGER has it");

/* A provision xp that fits bundle x and goes to the device lasts until `until` at least. */
#define RENEWAL_FITS(device, until) "EXISTS (SELECT 1 FROM provision_fit xf JOIN provision xp ON xp.uuid = xf.uuid" \
	" AND xp.file IS NOT NULL AND xp.expires >= " until " WHERE xf.build_id = x.build_id AND xf.path = x.path" \
	" AND (xp.kind = 'enterprise' OR EXISTS (SELECT 1 FROM provision_device xd JOIN device xo ON lower(xo.udid) = xd.udid" \
	" WHERE xd.uuid = xp.uuid AND xo.id = " device ")))"

/* Bundle x ends before, and nothing that fits changes that: by its own provision, or by its certificate. */
#define RENEWAL_UNFIT(device, until) "(x.provision_uuid <> '' AND x.expires < " until " AND NOT " RENEWAL_FITS(device, until) ")"
#define RENEWAL_UNSIGNED(until) "(x.certificate_expires > 0 AND x.certificate_expires < " until ")"

/* A build lasts until then on the device, with all its bundles.  NULL for a build: no. */
#define RENEWAL_LASTS(build, device, until) "(EXISTS (SELECT 1 FROM build_bundle x WHERE x.build_id = " build " AND x.path = '')" \
	" AND NOT EXISTS (SELECT 1 FROM build_bundle x WHERE x.build_id = " build " AND (" RENEWAL_UNSIGNED(until) \
	" OR " RENEWAL_UNFIT(device, until) ")))"
#define RENEWAL_OUTLIVES(build) RENEWAL_LASTS(build, "h.device_id", RENEWAL_LONGER)

/*
 * No provision helps: its certificate ends first, or some bundle has none that fits and outlives it.  What the row was
 * worked out of may have changed since: fits are looked at as they are.
 */
#define RENEWAL_HELPLESS "(h.cause = 'certificate' OR (h.next < " RENEWAL_LONGER " AND EXISTS (SELECT 1 FROM build_bundle x" \
	" WHERE x.build_id = h.build_id AND " RENEWAL_UNFIT("h.device_id", RENEWAL_LONGER) ")))"

/* Another build of the app that is on its way to the device; NULL: none. */
#define RENEWAL_GOING "(SELECT m.build_id FROM managed_app m WHERE m.device_id = h.device_id AND m.bundle_id = h.bundle_id" \
	" AND m.build_id <> h.build_id AND (m.state IN ('wanted', 'queued', 'sent', 'acknowledged', 'installing')" \
	" OR (m.state IN ('failed', 'timed_out') AND m.due IS NOT NULL)))"

/* A build of the app that outlives it is offered, to whomever. */
#define RENEWAL_PLACED "(EXISTS (SELECT 1 FROM app oa WHERE oa.bundle_id = h.bundle_id AND oa.newest_build_id <> h.build_id" \
	" AND " RENEWAL_OUTLIVES("oa.newest_build_id") ") OR EXISTS (SELECT 1 FROM app oa JOIN channel oc ON oc.app_id = oa.id" \
	" WHERE oa.bundle_id = h.bundle_id AND oc.newest_build_id <> h.build_id AND " RENEWAL_OUTLIVES("oc.newest_build_id") "))"

/* What is done where no provision helps: 'anew', a build that outlives it is on its way; 'offered', there is one, and
 * it is not; '', nothing, or a provision helps.  going: RENEWAL_GOING, or a column that has it. */
#define RENEWAL_REMEDY(going) "CASE WHEN NOT " RENEWAL_HELPLESS " THEN '' WHEN " RENEWAL_OUTLIVES(going) " THEN 'anew'" \
	" WHEN " RENEWAL_PLACED " THEN 'offered' ELSE '' END"

/* {app,bundle_id,build_id,version,build,ends,cause,next,path,uuid,provision,devices,people,waiting,failed,paused,paused_by,anew,
 * offered,wanted,builds,silent,certificate}:
 * one item for each build, end and provision - or its certificate, whatever the provision - by end; of those that end
 * before `until`, by this cause ("provision", "certificate"; NULL: either).  paused: for how many of the waiting the waves stand still; wanted: to how many of them nothing was sent yet.  anew: to how many devices a build that is
 * signed anew is on its way, where no provision helps; offered: for how many more there is one, and it is not. */
bool renewal_endings(struct db *db, struct viewer viewer, const char *cause, int64_t until, json_t **ret, struct err *err) CHECKED;
/*
 * The same, one item for each app, end and provision or certificate, whatever its builds: a build each night is no
 * other ending.  builds: how many of them, of which build_id, version and build are one; certificate: its SHA-1; silent:
 * how many of those waiting have not been heard of since `heard`.
 */
bool renewal_app_endings(struct db *db, const char *cause, int64_t until, int64_t heard, json_t **ret, struct err *err) CHECKED;

/* Builds that people get here, whether devices hold them or not, by what is embedded in them, which no renewal reaches, by
 * app and end: [{app,bundle_id,version,build,ends,builds}]; and certificates that signed what is in use: [{sha1,name,ends,devices,apps[]}];
 * of those that end before `until`. */
bool renewal_builds(struct db *db, int64_t until, json_t **ret, struct err *err) CHECKED;
bool renewal_certificates(struct db *db, int64_t until, json_t **ret, struct err *err) CHECKED;

/* Who: {items[{device_id,name,product,person,ends,next,state,why,attempts}], next}, of a provision or of a build. */
bool renewal_devices(struct db *db, const char *uuid, const char *build_id, const char *after, int64_t limit, json_t **ret,
		     struct err *err) CHECKED;

/* On one device: {apps[{bundle_id,name,ends,next,cause,build_id}], provisions[{uuid,name,expires,known,needed[],state,why}]}. */
bool renewal_of_device(struct db *db, const char *device_id, json_t **ret, struct err *err) CHECKED;
