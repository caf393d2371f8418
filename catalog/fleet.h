#pragma once
/*
 * fleet - managed devices and what was installed, in numbers: for the console's first page.
 *
 * Each managed device is in one of four states, the first of these that holds (docs/pages.md):
 *
 *	quiet		not heard of for mdm.silent_days
 *	attention	APNs refuses its token; or the last that came of an app, a mobileconfig or a provision there is that it
 *			failed, could not go out, or was declined though it is not the device's own wish
 *	updating	an app, a mobileconfig or a provision is on its way there, or to go
 *	current		none of these
 *
 * It asks for each device: whoever shows it keeps what it says for a while.
 */
#include "core/db.h"

struct fleet_count {
	int64_t current, updating, quiet, attention;
};
bool fleet_count(struct db *db, int64_t silent_s, struct fleet_count *ret, struct err *err) CHECKED;

/* The SQL condition on device d and its enrollment e for "attention", "updating" and "current" of who is not quiet; NULL: no
 * such word. */
const char *fleet_condition(const char *state);

/* Installs of an app that have come on a day of UTC: the whole file was fetched, or the device lists it.  again: by a person
 * or tester who had an earlier one of that app. */
struct fleet_day {
	const char *bundle_id;
	int64_t day;		/* since 1970 */
	int64_t first, again;
};
bool fleet_installs(TALLOC_CTX *ctx, struct db *db, int64_t first_day, struct fleet_day **ret, size_t *n, struct err *err) CHECKED;
