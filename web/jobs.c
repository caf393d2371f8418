/*
 * What runs by itself: the kinds of jobs, and those that put themselves back in the table.  A new one is a row.
 */
#include "catalog/app.h"
#include "catalog/build.h"
#include "catalog/build_jobs.h"
#include "catalog/managed_app.h"
#include "catalog/message.h"
#include "catalog/notice.h"
#include "catalog/registration.h"
#include "catalog/rollout.h"
#include "catalog/renewal.h"
#include "catalog/setting.h"
#include "catalog/upload.h"
#include "core/clock.h"
#include "core/count.h"
#include "core/log.h"
#include "mdm/challenge.h"
#include "mdm/enroll_session.h"
#include "mdm/enrollment_settle.h"
#include "mdm/own_mobileconfig.h"
#include "mdm/refusals.h"
#include "mdm/scep_request.h"
#include "web/clip_kinds.h"
#include "web/endings.h"
#include "web/invitation_send.h"
#include "web/mobileconfig_kinds.h"
#include "web/managed_apps.h"
#include "web/notices.h"
#include "web/rooms.h"
#include <string.h>

#define CHECK_S		3000	/* so that a round has ended within the hour, and the one after it for who was missed */
#define CHECK_AGAIN_S	300
#define CHECK_PAGES	4

static bool
job_md5s(const struct job *job, TALLOC_CTX *ctx, void *p, struct err *err)
{
	struct site *site = p;

	(void)ctx;
	return build_add_md5s(site->db, site->blobs, text_of(job->args, "build"), err);
}

static bool
job_retain(const struct job *job, TALLOC_CTX *ctx, void *p, struct err *err)
{
	struct site *site = p;

	(void)ctx;
	return build_retain(site->db, text_of(job->args, "app"), site_conf(site)->retention_keep_builds, err);
}

static bool
job_judge(const struct job *job, TALLOC_CTX *ctx, void *p, struct err *err)
{
	struct site *site = p;

	(void)job;
	(void)ctx;
	return build_judge_all(site->db, err);
}

static bool
job_enrollment_settle(const struct job *job, TALLOC_CTX *ctx, void *p, struct err *err)
{
	const char *id = text_of(job->args, "enrollment");
	struct site *site = p;

	(void)ctx;
	return *id ? enrollment_settle(site->db, id, err) : enrollment_settle_all(site->db, err);
}

static bool
wanted(const char *name, void *db, bool *ret, struct err *err)
{
	return build_wants_blob(db, name, ret, err);
}

static bool
sweep_blobs(struct site *site, bool at_start, struct err *err)
{
	int removed = 0;

	if (!blob_sweep(site->blobs, wanted, site->db, at_start, &removed, err))
		return err_at(err, "clean-up of files");
	count_add(COUNT_BLOBS_SWEPT, removed);
	if (removed)
		log_info("removed files that nobody owns", KVI("files", removed));
	return true;
}

static bool
job_blob_sweep(const struct job *job, TALLOC_CTX *ctx, void *site, struct err *err)
{
	(void)job;
	(void)ctx;
	return sweep_blobs(site, false, err);
}

/* Rows past their time, each hour; puts itself back in the table for the next. */
static bool
tx_next_sweep(struct db *tx, void *arg_, struct err *err)
{
	(void)arg_;
	return job_add(tx, "sweep", json_object(), clock_now() + HOUR_S, "sweep", err);
}

static bool
job_sweep(const struct job *job, TALLOC_CTX *ctx, void *p, struct err *err)
{
	struct site *site = p;
	struct session_limits limits = site_session_limits(site);

	(void)job;
	(void)ctx;
	refusals_sweep(site->db);
	return session_sweep(site->db, &limits, err) && grant_sweep(site->db, err) &&
	       upload_sweep(site->db, err) && upload_sweep_files(site, err) && install_sweep(site->db, err) &&
	       message_sweep(site->db, site_conf(site)->message_keep_days, err) &&
	       registration_sweep(site->db, err) && invitation_sweep(site->db, err) && challenge_sweep(site->db, err) &&
	       scep_request_sweep(site->db, err) && enroll_session_sweep(site->db, err) &&
	       own_sweep(site->db, err) &&
	       db_tx(site->db, tx_next_sweep, NULL, err);
}

static bool
tx_first_sweep(struct db *tx, void *arg_, struct err *err)
{
	(void)arg_;
	return job_add(tx, "sweep", json_object(), 0, "sweep", err);
}

/*
 * Asks the directory who is still there, a few pages at a time.  A directory that cannot be reached changes
 * nothing and is asked again soon.
 */
struct round {
	const char *after;
	int64_t began, due;
};

static bool
tx_next_check(struct db *tx, void *arg_, struct err *err)
{
	const struct round *r = arg_;

	return job_add(tx, "directory_check", json_pack("{s:s, s:I}", "after", r->after, "began", (json_int_t)r->began),
		       r->due, "directory_check", err);
}

/* Whom nobody can look up is not waited for for ever. */
static bool
rest_those_unseen(struct site *site, struct err *err)
{
	struct signin signin = site_signin(site);
	struct people_rest rest = signin_rest(&signin);
	int64_t n;

	if (!people_rest_sweep(site->db, &rest, &n, err))
		return false;
	if (n)
		log_info("tokens and links of people rest whom nobody has confirmed for signin.rest_days", KVI("people", n));
	return true;
}

static bool
job_directory_check(const struct job *job, TALLOC_CTX *ctx, void *p, struct err *err)
{
	struct site *site = p;
	struct signin signin = site_signin(site);
	const char *after = text_of(job->args, "after");
	struct round r = { "", *after ? json_integer_value(json_object_get(job->args, "began")) : clock_now(), 0 };
	bool on = directory_is_on(site->directory) && directory_can_look(site->directory), more = true, down = false,
	     missed;

	for (int page = 0; on && more && page < CHECK_PAGES; page++) {
		int64_t ended;
		char *next;

		if (!signin_check_page(ctx, &signin, after, &next, &ended, err)) {
			if (err->kind != ERR_UPSTREAM)
				return false;
			log_err("the directory cannot be asked who is still there; nothing is changed", err);
			down = true;
			break;
		}
		if (ended)
			log_info("people whom the directory does not let in any more were signed out", KVI("people", ended));
		after = next;
		more = *next;
	}
	r.after = on && more ? after : "";
	if (!people_missed(site->db, &missed, err) || (!*r.after && !rest_those_unseen(site, err)))
		return false;
	r.due = down ? clock_now() + CHECK_AGAIN_S : *r.after ? 0 : r.began + (on && missed ? CHECK_AGAIN_S : CHECK_S);
	return db_tx(site->db, tx_next_check, &r, err);
}

static bool
tx_first_check(struct db *tx, void *arg_, struct err *err)
{
	(void)arg_;
	return job_add(tx, "directory_check", json_object(), 0, "directory_check", err);
}

const struct job_kind site_jobs[] = {
	{ "build_md5s",    10, job_md5s, NULL, .slow = true },
	{ "build_retain",   5, job_retain, NULL },
	{ "build_judge",   10, job_judge, NULL },
	{ "blob_sweep",     5, job_blob_sweep, NULL, .slow = true },
	{ "upload_finish",  UPLOAD_ATTEMPTS, upload_finish, upload_dead, .slow = true },
	{ NOTICE_JOB, NOTICE_ATTEMPTS, notices_build, NULL },
	{ "sweep",       1000, job_sweep, NULL },
	{ "directory_check", 1000, job_directory_check, NULL },
	{ "registration_fill",   10, job_registration_fill, NULL },
	{ "registration_invite", 10, job_registration_invite, NULL },
	{ INVITATION_REMIND_JOB, 10, job_invitation_remind, NULL },
	{ "audit_verify", 1000, audit_job, NULL, .slow = true },
	{ "queue_sweep", 1000, job_queue_sweep, NULL },
	{ "refresh", 1000, job_refresh, NULL },
	{ "identity_sweep", 1000, job_identity_sweep, NULL },
	{ "push_sweep", 1000, job_push_sweep, NULL },
	{ ENROLLMENT_SETTLE_JOB, 100, job_enrollment_settle, NULL },
	{ DESIRED_JOB, 1000, job_desired, NULL },
	{ CLIP_JOB, 1000, job_clip, NULL },
	{ MANAGED_SWEEP_JOB, 1000, job_managed_sweep, NULL },
	{ MANAGED_APP_JOB, 100, job_managed_app, NULL },
	{ MANAGED_DEVICE_JOB, 100, job_managed_device, NULL },
	{ ROLLOUT_STEP_JOB, 100, job_rollout_step, NULL },
	{ "provision_fit", 10, job_provision_fit, provision_fit_dead },
	{ "provision_fill", 10, job_provision_fill, NULL },
	{ RENEWAL_PLAN_JOB, 1000, job_renewal_plan, NULL },
	{ RENEWAL_WAVE_JOB, 1000, job_renewal_wave, NULL },
	{ "renewal_day", 1000, job_renewal_day, NULL },
	{ ENDINGS_JOB, 1000, job_endings, NULL },
	{ ENDINGS_LOOK_JOB, 1000, job_endings_look, NULL },
	{ 0 },
};

static bool
begin_sweeps(struct site *site, struct err *err)
{
	return sweep_blobs(site, true, err) && upload_sweep_files(site, err) && db_tx(site->db, tx_first_sweep, NULL, err);
}

static bool
begin_checks(struct site *site, struct err *err)
{
	return db_tx(site->db, tx_first_check, NULL, err);
}

/* What is to be in order before anything is served, and the first of the jobs that recur. */
static bool (*const begins[])(struct site *, struct err *) = {
	begin_sweeps,
	begin_checks,
	clip_job_begin,
	renewals_begin,
	managed_apps_begin,
	endings_begin,
};

bool
jobs_begin(struct site *site, struct err *err)
{
	for (size_t i = 0; i < sizeof begins / sizeof *begins; i++)
		if (!begins[i](site, err))
			return false;
	return true;
}
