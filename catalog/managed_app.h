#pragma once
/*
 * managed_app - apps on managed devices: what a device is to have, and how far its installation is.
 *
 * wanted -> queued -> sent -> acknowledged -> installing -> installed, or declined, failed, timed out: every state
 * has an exit, since `due` says when a row is looked at next (managed_app_rule.h is the table of it).  Acknowledged
 * is not installed: what the device lists decides.
 * Apple: Managed apps; docs/managed-apps.md.
 *
 * Who is to have what by itself is managed_app_plan.c: required apps, and apps that are kept current.  Whoever
 * changes a cause of it (a placement, an audience, a person, an enrollment) calls the matching managed_app_*_changed
 * in the same transaction; a job computes what comes of it.
 */
#include <jansson.h>
#include "core/db.h"

#define MANAGED_SWEEP_JOB	"managed_app_sweep"	/* what is due */
#define MANAGED_APP_JOB		"managed_app_app"	/* an app for every device, a part at a time */
#define MANAGED_DEVICE_JOB	"managed_app_device"	/* every app for a device */
#define MANAGED_KIND		"app"			/* commands: InstallApplication */
#define MANAGED_KIND_REMOVAL	"app_removal"		/* RemoveApplication */
#define MANAGED_KIND_SETTING	"app_configuration"	/* Settings */
#define MANAGED_PAGE_MAX	200			/* devices in a list */

/* Somebody at the device, or an admin, wants it there.  actor: "device", "person:anna".  ERR_CONFLICT says what stands in the way. */
bool managed_app_ask(struct db *db, const char *actor, const char *device_id, const char *bundle_id, struct err *err) CHECKED;

/* It is to go from there.  Only an app that is managed can: ERR_CONFLICT "not_managed". */
bool managed_app_remove(struct db *db, const char *actor, const char *device_id, const char *bundle_id, struct err *err) CHECKED;

/*
 * {items[{bundle_id, name, build_id, version, build, cause, state, why, detail, install_id, attempts,
 * installed_version, short_version, managed, due, changed}]} of a device; build_id and what follows from it null: it is to go.
 */
bool managed_app_list(struct db *db, const char *device_id, json_t **ret, struct err *err) CHECKED;
/* One of them; ERR_MISSING. */
bool managed_app_show(struct db *db, const char *device_id, const char *bundle_id, json_t **ret, struct err *err) CHECKED;

/* Of an app: what devices list, [{version, short_version, devices, managed}]; and {items[{device_id, device, person, ...}], next}. */
bool managed_app_versions(struct db *db, const char *bundle_id, json_t **ret, struct err *err) CHECKED;
bool managed_app_devices(struct db *db, const char *bundle_id, const char *after, int64_t limit, json_t **ret,
			 struct err *err) CHECKED;
/* [{state, devices}] of an app. */
bool managed_app_counts(struct db *db, const char *bundle_id, json_t **ret, struct err *err) CHECKED;

/* Would the device take this build?  *why NULL: it would; else a word: needs_ios, needs_ipad, not_listed, no_right,
 * not_installable. */
bool managed_app_fit(TALLOC_CTX *ctx, struct db *db, const char *device_id, const char *build_id, const char **why,
		     struct err *err) CHECKED;

/* The person's managed devices that could have the app, whatever is in its way:
 * [{id, name, state, why, installed_version, managed, install_id, unfit}], state "" when nothing was asked. */
bool managed_app_offers(struct db *db, const char *person_id, const char *bundle_id, const char *build_id, json_t **ret,
			struct err *err) CHECKED;

/* ---- causes, each in its transaction ---- */
bool managed_app_app_changed(struct db *tx, const char *app_id, struct err *err) CHECKED;	/* a placement, audience, rollout */
bool managed_app_person_changed(struct db *tx, const char *person_id, struct err *err) CHECKED;
bool managed_app_people_changed(struct db *tx, struct err *err) CHECKED;	/* many of them: a group */
bool managed_app_device_changed(struct db *tx, const char *device_id, struct err *err) CHECKED;
/* The same where no look is planned: one that waits for lists goes on waiting. */
bool managed_app_device_unhurried(struct db *tx, const char *device_id, struct err *err) CHECKED;
bool managed_app_begins(struct db *tx, const char *device_id, struct err *err) CHECKED;	/* a new enrollment */
bool managed_app_first_list(struct db *tx, const char *device_id, struct err *err) CHECKED;	/* its apps are known */
bool managed_app_values_changed(struct db *tx, const char *person_id, struct err *err) CHECKED;	/* what stands for %variables% */
/* The device said what it is: what it could not take may fit now, and what a configuration says of it may be another. */
bool managed_app_fits_again(struct db *tx, const char *device_id, struct err *err) CHECKED;
/* A provision has come that fits builds of this app: what could not be installed may be now. */
bool managed_app_provided(struct db *tx, const char *bundle_id, struct err *err) CHECKED;
/* Lists were kept: fresh when the Statuses are, too (ManagedApplicationList). */
bool managed_app_listed(struct db *tx, const char *device_id, bool fresh, struct err *err) CHECKED;

/* A pause is over, or hours were set anew: what they held back is looked at again; a wave was stopped: what waited for it is not wanted. */
bool managed_app_held_back(struct db *tx, const char *bundle_id, struct err *err) CHECKED;
bool managed_app_stopped(struct db *tx, const char *bundle_id, const char *build_id, struct err *err) CHECKED;

/* ---- commands ---- */

/* What is sent when its turn has come; ERR_CONFLICT: it is not wanted any more. */
struct managed_sending {
	const char *device_id, *bundle_id, *app_id, *build_id, *install_id, *person_id, *configuration;	/* "<id>:<version>", "" */
	bool take_over;			/* a copy that is not managed is there */
	bool user_enrollment, with_management, no_backup;
};
bool managed_app_sending(TALLOC_CTX *ctx, struct db *db, const char *device_id, const char *bundle_id,
			 struct managed_sending **ret, struct err *err) CHECKED;
bool managed_app_removing(struct db *db, const char *device_id, const char *bundle_id, struct err *err) CHECKED;	/* the same of a removal */
/* With the wish of the configuration that it holds: what the device has is not known until it answers. */
bool managed_app_sent(struct db *db, const char *device_id, const char *bundle_id, const char *uuid,
		      const char *configuration, struct err *err) CHECKED;
/* The end of a command with a configuration, by the words of managed_app_answered: the device has it, or it is sent again;
 * and so is what has changed while it was on its way. */
bool managed_app_configured(struct db *tx, const char *device_id, const char *bundle_id, const char *uuid,
			    const char *status, struct err *err) CHECKED;

/* status: Apple's, or that of the queue ("expired", "cancelled", QUEUE_CLEARED, QUEUE_HELD, "error").  reason: RejectionReason or NULL; detail: in its words or NULL. */
bool managed_app_answered(struct db *tx, const char *device_id, const char *bundle_id, const char *uuid,
			  const char *status, const char *reason, const char *detail, struct err *err) CHECKED;

/* When an install that nobody asked for may begin; 0: now. */
typedef int64_t managed_when(void *arg, const char *hours, const char *zone);
/* The same once its turn in the queue has come, which may be weeks later.  ERR_CONFLICT QUEUE_HELD. */
bool managed_app_goes(struct db *db, const char *device_id, const char *bundle_id, managed_when *when, void *arg,
		      struct err *err) CHECKED;

/* ---- jobs ---- */
/* Everything whose time has come. */
bool managed_app_sweep(struct db *db, managed_when *when, void *arg, struct err *err) CHECKED;
bool managed_app_plan_app(struct db *db, const char *app_id, const char *after, char next[64], struct err *err) CHECKED;
bool managed_app_plan_device(struct db *db, const char *device_id, struct err *err) CHECKED;
