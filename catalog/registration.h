#pragma once
/*
 * registration - devices that testers registered for ad hoc builds, by the Profile Service's first phase.
 *
 * A challenge is for one answer to one link.  No UDID stands in a URL, a log or a page of somebody else.
 */
#include "core/db.h"
#include <jansson.h>

/* Does the build's provision list a device of this contact? */
enum registration_fit {
	FIT_ANY,	/* not ad hoc or development: any device */
	FIT_LISTED,
	FIT_WAITING,	/* registered, and not in this build: the publisher knows */
	FIT_UNKNOWN,	/* nothing registered yet */
};
bool registration_fit(struct db *db, const char *contact_id, const char *build_id, enum registration_fit *ret,
		      struct err *err) CHECKED;
