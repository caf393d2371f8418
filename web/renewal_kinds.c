/*
 * Provisions on their way to devices: the two commands, what hangs on devices' reports, and the jobs that keep it all
 * going.  Every step is a row that was written with its cause (catalog/renewal.h); a job that is run twice finds
 * nothing left to do.
 */
#include "catalog/provision_keep.h"
#include "catalog/renewal.h"
#include "core/clock.h"
#include "core/count.h"
#include "core/json.h"
#include "core/log.h"
#include "mdm/command.h"
#include "mdm/command_send.h"
#include "web/rooms.h"
#include <string.h>

#define PLAN_PAGES	20		/* batches of devices in one run of the job */
#define WAVES_MAX	200		/* transactions of one run */

/* ---- the commands ---- */

static const char *
uuid_of(const struct queued *command)
{
	return text_of(command->args, "uuid");
}

bool
provision_install_render(TALLOC_CTX *ctx, void *p, const struct queued *command, const struct enrollment *enrollment,
			 struct bytes *payload, struct err *err)
{
	struct site *site = p;
	struct bytes file;

	(void)enrollment;
	return provision_file(ctx, site->db, uuid_of(command), &file, err) &&
	       command_of_data(ctx, "InstallProvisioningProfile", "ProvisioningProfile", file, payload, err);
}

bool
provision_remove_render(TALLOC_CTX *ctx, void *site, const struct queued *command, const struct enrollment *enrollment,
			struct bytes *payload, struct err *err)
{
	(void)site;
	(void)enrollment;
	return command_of_text(ctx, "RemoveProvisioningProfile", "UUID", uuid_of(command), payload, err);
}

static const char *
action_of(const struct queued *command)
{
	return strcmp(command->kind, RENEWAL_KIND_INSTALL) == 0 ? "install" : "remove";
}

/* Acknowledged is not there: both lists are asked for, the apps first, since by them an old provision may go. */
bool
provision_answered(struct db *tx, void *site, const struct queued *command, const struct enrollment *enrollment,
		   const char *status, void *answer, struct err *err)
{
	bool taken = strcmp(status, "Acknowledged") == 0, install = command->kind && strcmp(action_of(command), "install") == 0;

	(void)site;
	(void)answer;
	if (!renewal_came(tx, enrollment->device_id, uuid_of(command), action_of(command), taken ? RENEWAL_TAKEN : RENEWAL_REFUSED,
			  taken ? "" : "refused", err))
		return false;
	return (!install || !taken || command_refresh_after(tx, enrollment, "InstallApplication", err)) &&
	       command_refresh_after(tx, enrollment, command->request_type, err);
}

/* Expired with its device out of reach, gone with all that waited, or taken back by hand. */
bool
provision_ended(struct db *tx, void *site, const struct queued *command, const struct enrollment *enrollment, const char *state,
		struct err *err)
{
	(void)site;
	return renewal_came(tx, enrollment->device_id, uuid_of(command), action_of(command),
			    strcmp(state, "expired") == 0 || strcmp(state, QUEUE_CLEARED) == 0 ? RENEWAL_LOST : RENEWAL_REFUSED, state, err);
}

bool
renewal_reported(struct db *tx, void *site, const char *device_id, const char *request_type, struct err *err)
{
	(void)site;
	if (strcmp(request_type, "ProvisioningProfileList") != 0 && strcmp(request_type, "InstalledApplicationList") != 0)
		return true;
	return renewal_device(tx, device_id, err);
}

/* ---- jobs ---- */

static bool
tx_planned(struct db *tx, void *p, struct err *err)
{
	const struct job *job = p;

	return renewal_plan_fits(tx, text_of(job->args, "uuid"), text_of(job->args, "build"), err);
}

/* {uuid} or {build}: what it fits, and then what is to be done about it. */
bool
job_provision_fit(const struct job *job, TALLOC_CTX *ctx, void *p, struct err *err)
{
	struct site *site = p;

	(void)ctx;
	return (*text_of(job->args, "uuid") ? provision_fit_uuid(site->db, text_of(job->args, "uuid"), err) :
		provision_fit_build(site->db, text_of(job->args, "build"), err)) && db_tx(site->db, tx_planned, (void *)(uintptr_t)job, err);
}

/* What was never judged would fit nothing for good: again tomorrow. */
bool
provision_fit_dead(const struct job *job, struct db *tx, void *site, const struct err *why, struct err *err)
{
	const char *uuid = text_of(job->args, "uuid"), *key = *uuid ? uuid : text_of(job->args, "build");

	(void)site;
	(void)why;
	return !*key || job_add(tx, "provision_fit", json_deep_copy(job->args), clock_now() + DAY_S, key, err);
}

struct next_plan { const char *app, *after; };

static bool
tx_next_plan(struct db *tx, void *p, struct err *err)
{
	const struct next_plan *next = p;

	if (!*next->after)
		return job_add(tx, RENEWAL_WAVE_JOB, json_object(), 0, RENEWAL_WAVE_JOB, err);
	return job_add(tx, RENEWAL_PLAN_JOB, json_pack("{s:s, s:s}", "app", next->app, "after", next->after), 0, NULL, err);
}

bool
job_renewal_plan(const struct job *job, TALLOC_CTX *ctx, void *p, struct err *err)
{
	struct site *site = p;
	struct next_plan next = { text_of(job->args, "app"), text_of(job->args, "after") };
	char *after = mem_text(ctx, next.after);
	int page = 0;

	do
		if (!renewal_plan(ctx, site->db, next.app, after, &after, err))
			return false;
	while (*after && ++page < PLAN_PAGES);
	next.after = after;
	return db_tx(site->db, tx_next_plan, &next, err);
}

struct wave {
	struct renewal_pace pace;
	struct renewal_quota left, after;	/* after: the transaction, which may be run again */
	bool more, last;
};

/* With the last one the next hour's job, in the same transaction: there is always one while something waits. */
static bool
tx_wave(struct db *tx, void *p, struct err *err)
{
	struct wave *w = p;
	int64_t next;

	w->after = w->left;
	if (!renewal_wave(tx, &w->pace, &w->after, &w->more, &next, err))
		return false;
	return (w->more && !w->last) || !next || job_add(tx, RENEWAL_WAVE_JOB, json_object(), next, RENEWAL_WAVE_JOB, err);
}

bool
job_renewal_wave(const struct job *job, TALLOC_CTX *ctx, void *p, struct err *err)
{
	struct site *site = p;
	const struct conf *conf = site_conf(site);
	struct wave w = { { conf->renewal_percent, conf->renewal_devices, conf->renewal_days_before, conf->renewal_paused }, .more = true };

	(void)job;
	(void)ctx;
	if (!renewal_quota(site->db, &w.pace, &w.left, err))
		return false;
	for (int n = 0; w.more && n < WAVES_MAX; n++) {
		w.last = n + 1 == WAVES_MAX;
		if (!db_tx(site->db, tx_wave, &w, err))
			return false;
		w.left = w.after;
	}
	return true;
}

/* ---- the day ---- */

/* The plan does not wait for letters that cannot be written. */
static bool
tx_today(struct db *tx, void *p, struct err *err)
{
	(void)p;
	return job_add(tx, RENEWAL_PLAN_JOB, json_pack("{s:s, s:s}", "app", "", "after", ""), 0, RENEWAL_PLAN_JOB, err);
}

static bool
tx_tomorrow(struct db *tx, void *p, struct err *err)
{
	(void)p;
	return job_add(tx, "renewal_day", json_object(), clock_now() + DAY_S, "renewal_day", err);
}

bool
job_renewal_day(const struct job *job, TALLOC_CTX *ctx, void *p, struct err *err)
{
	struct site *site = p;

	(void)job;
	(void)ctx;
	return renewal_sweep(site->db, err) && provision_sweep(site->db, err) && db_tx(site->db, tx_today, NULL, err) &&
	       renewal_tell(site, err) && db_tx(site->db, tx_tomorrow, NULL, err);
}

/* ---- builds of before: their bundles are read as those of an upload are ---- */

struct filling {
	const struct provision_unread *of;
	const struct provision_bundles *bundles;
};

static bool
tx_fill(struct db *tx, void *p, struct err *err)
{
	const struct filling *f = p;

	return provision_keep_build(tx, f->of->build_id, f->of->uploaded, f->bundles, NULL, err);
}

/* A file that cannot be read any more is marked as read all the same: nothing will ever be known of it. */
static bool
fill_one(TALLOC_CTX *ctx, struct site *site, const struct provision_unread *of, struct err *err)
{
	const char *roots = site_conf(site)->apple_extra_provision_roots;
	struct inspect_opts opts = { .now = clock_now(), .udids = true, .files = true, .sha256 = of->blob,
				     .extra_roots = *roots ? roots : NULL };
	struct provision_bundles *bundles;
	struct inspect *inspect = NULL;
	json_t *facts = NULL;
	struct err why;
	SCOPED(fd) int fd = -1;
	int64_t size;
	bool died = false, ok;

	if (!blob_open(site->blobs, of->blob, &fd, &size, &why) || !inspect_child(ctx, fd, &opts, &inspect, &died, &why)) {
		log_err("the provisions of a build cannot be read", &why);
		facts = json_object();
	}
	ok = provision_bundles_of(ctx, inspect ? inspect->facts : facts, &bundles, err) &&
	     db_tx(site->db, tx_fill, &(struct filling){ of, bundles }, err);
	json_decref(facts);
	return ok;
}

static bool
tx_fill_more(struct db *tx, void *p, struct err *err)
{
	(void)p;
	return job_add(tx, "provision_fill", json_object(), 0, "provision_fill", err);
}

bool
job_provision_fill(const struct job *job, TALLOC_CTX *ctx, void *p, struct err *err)
{
	struct site *site = p;
	struct provision_unread *list;
	size_t n;

	(void)job;
	if (!provision_unread(ctx, site->db, &list, &n, err))
		return false;
	for (size_t i = 0; i < n; i++)
		if (!fill_one(list, site, &list[i], err))
			return false;
	return n < PROVISIONS_UNREAD_MAX || db_tx(site->db, tx_fill_more, NULL, err);
}

static bool
tx_begin(struct db *tx, void *p, struct err *err)
{
	return tx_fill_more(tx, p, err) && job_add(tx, "renewal_day", json_object(), 0, "renewal_day", err);
}

bool
renewals_begin(struct site *site, struct err *err)
{
	return db_tx(site->db, tx_begin, NULL, err);
}
