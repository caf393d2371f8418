#pragma once
/* managed_app_inner - one row of managed_app, between managed_app*.c alone. */
#include "catalog/managed_app.h"
#include "catalog/managed_app_rule.h"

struct enrollment;
struct rollout;

/* What runs for each of 100,000 devices; here for the test that they are found by their indexes. */
extern const char managed_app_due_sql[], managed_app_plan_app_sql[], managed_app_plan_rows_sql[],
	managed_app_plan_device_sql[];

struct managed_app {
	const char *device_id, *bundle_id, *build_id, *cause, *install_id, *command_uuid;
	struct managed_row row;
};

#define MANAGED_COLUMNS	"m.device_id, m.bundle_id, m.build_id, m.cause, m.install_id, m.command_uuid, m.state, m.why," \
	" m.attempts, m.polls, m.began"
struct managed_app *managed_app_of(TALLOC_CTX *ctx, struct rows *rows);	/* columns 0 to 10 */

/* NULL in *ret: there is none. */
bool managed_app_get(TALLOC_CTX *ctx, struct db *db, const char *device_id, const char *bundle_id,
		     struct managed_app **ret, struct err *err) CHECKED;

/* Wanted (build_id) or to go (NULL), from now on: a new beginning, and nothing sent yet.  Due at `due`; 0: not by itself. */
bool managed_app_put(struct db *tx, const char *device_id, const char *bundle_id, const char *build_id, const char *cause,
		     int64_t due, struct err *err) CHECKED;
/* At an end without a beginning: it was there, or cannot be. */
bool managed_app_put_end(struct db *tx, const char *device_id, const char *bundle_id, const char *build_id,
			 const char *cause, enum managed_state state, const char *why, struct err *err) CHECKED;
/* Of one that was put: this very version, though a newer one is there. */
bool managed_app_put_exact(struct db *tx, const char *device_id, const char *bundle_id, struct err *err) CHECKED;
bool managed_app_unfit(const char *why);	/* one of the words of managed_app_fit: looked at again when the device has changed */
bool managed_app_forget(struct db *tx, const char *device_id, const char *bundle_id, struct err *err) CHECKED;

bool managed_app_by_itself(const char *cause);	/* nobody asked for it */

/* What is new of it, and all that follows.  detail NULL: none. */
bool managed_app_news(struct db *tx, struct managed_app *app, const struct managed_report *report, const char *detail,
		      struct err *err) CHECKED;

/* Its command could not be made: with which configuration is kept in its row, and whether it is this one. */
bool managed_app_unmade(struct db *tx, const char *device_id, const char *bundle_id, struct err *err) CHECKED;
bool managed_app_unmade_with(const char *kept, const char *wish);

/* The device is looked at again at `due`: a configuration did not arrive there. */
bool managed_app_device_again(struct db *tx, const char *device_id, int64_t due, struct err *err) CHECKED;

/*
 * managed_app_older.c: the newest build of an app whose wave has reached this device, of those it is offered and would
 * take; NULL: none.  *all: what is the same for all devices, NULL at first.
 */
struct managed_older;
bool managed_app_older(TALLOC_CTX *ctx, struct db *tx, const char *app_id, const char *device_id, const struct rollout *r,
		       struct managed_older **all, const char **build_id, struct err *err) CHECKED;

/* managed_app_copy.c.  The device lists a copy with this build's numbers: which of the builds that have them is it? */
enum managed_twin {
	TWIN_THIS,	/* that one, or there is no other */
	TWIN_FETCHED,	/* that one, when a Status of later says Managed: a fetch is no install */
	TWIN_OLDER,	/* another one, which came before it */
	TWIN_NEWER,	/* another one that came later, or it may be: nothing is known of the copy */
};
bool managed_app_twin(struct db *db, const char *device_id, const char *build_id, enum managed_twin *ret, struct err *err) CHECKED;
bool managed_app_has_twin(struct db *db, const char *build_id, bool *ret, struct err *err) CHECKED;
/*
 * Does it outlive the one that is there, which no provision helps?  *ends: when that stops; 0: it does not.  By a
 * provision alone it is judged when what this build brings was looked at: it may fit what is there.
 */
bool managed_app_renews(struct db *db, const char *device_id, const char *build_id, int64_t *ends, struct err *err) CHECKED;

/* managed_app_send.c: its command into the queue. */
bool managed_app_queue(struct db *tx, struct managed_app *app, struct err *err) CHECKED;
/* The sweep looks at `due`. */
bool managed_app_wake(struct db *tx, int64_t due, struct err *err) CHECKED;
