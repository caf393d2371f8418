#pragma once
/*
 * tester_device - registered devices as publishers see them: whose they are, for which apps they wait,
 * which builds list them; and the file that Apple's site takes.
 *
 * A publisher sees the devices registered for apps that they publish.  UDIDs are given out with an audit
 * row in the same transaction, or not at all.
 */
#include "catalog/person.h"
#include "core/buf.h"

#define TESTER_DEVICE_PAGE_MAX	200	/* items of one list */
#define TESTER_DEVICE_LABEL_MAX	50	/* characters: as many as Apple keeps of a device's name */
#define TESTER_DEVICES_TXT_MAX	(1u << 20)	/* bytes; Apple takes a hundred devices at a time, and a hundred a year */

/*
 * {items[{id,name,label,own_name,product,model,version,contact{id,name},created,udid,builds,
 * apps[{bundle_id,name,state,version,build,build_id,told}]}], next}, newest first.  model null: not known;
 * contact null: nobody in particular; udid null unless `udids`; builds: how many list it, of their apps.
 */
bool tester_device_list(struct db *db, const struct person *person, bool udids, const char *after, int64_t limit,
			json_t **ret, struct err *err) CHECKED;

/* [{bundle_id,name,waiting}]: apps whose testers wait, in the order of names. */
bool tester_device_waiting(struct db *db, const struct person *person, json_t **ret, struct err *err) CHECKED;

/* Apple's tab-separated form of those that wait for a build of the app; bundle_id NULL: of all that are registered. */
bool tester_devices_txt(struct db *db, const struct person *person, const char *bundle_id, struct buf *out,
			struct err *err) CHECKED;

/* ERR_MISSING for a device that they do not see. */
bool tester_device_rename(struct db *db, const struct person *person, const char *id, const char *label,
			  struct err *err) CHECKED;
bool tester_device_remove(struct db *db, const struct person *person, const char *id, struct err *err) CHECKED;
