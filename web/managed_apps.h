#pragma once
/*
 * managed_apps - apps on managed devices: what hangs on their commands (rows of device_kinds.c) and jobs (jobs.c).
 */
#include "core/job.h"
#include "mdm/queue.h"
#include "web/http.h"

bool managed_app_render(TALLOC_CTX *ctx, void *site, const struct queued *command, const struct enrollment *enrollment,
			struct bytes *payload, struct err *err);
bool managed_app_render_removal(TALLOC_CTX *ctx, void *site, const struct queued *command,
				const struct enrollment *enrollment, struct bytes *payload, struct err *err);
bool managed_app_render_setting(TALLOC_CTX *ctx, void *site, const struct queued *command,
				const struct enrollment *enrollment, struct bytes *payload, struct err *err);
bool managed_app_told(struct db *tx, void *site, const struct queued *command, const struct enrollment *enrollment,
		      const char *status, void *answer, struct err *err);
bool managed_app_ended(struct db *tx, void *site, const struct queued *command, const struct enrollment *enrollment,
		       const char *state, struct err *err);
bool managed_app_setting_told(struct db *tx, void *site, const struct queued *command, const struct enrollment *enrollment,
			      const char *status, void *answer, struct err *err);
bool managed_app_setting_ended(struct db *tx, void *site, const struct queued *command,
			       const struct enrollment *enrollment, const char *state, struct err *err);

/* "person:anna": who asks, for the audit and for whose wish it is. */
const char *managed_app_actor(struct req *req);

/* On the page of an app: the managed devices of who has signed in: [{url, name, state, why, detail, installed, may}]. */
bool managed_app_yours(struct req *req, const char *bundle_id, const char *build_id, json_t **ret, struct err *err) CHECKED;

bool job_managed_sweep(const struct job *job, TALLOC_CTX *ctx, void *site, struct err *err);
bool job_managed_app(const struct job *job, TALLOC_CTX *ctx, void *site, struct err *err);
bool job_managed_device(const struct job *job, TALLOC_CTX *ctx, void *site, struct err *err);
bool managed_apps_begin(struct site *site, struct err *err) CHECKED;	/* at start */
bool job_rollout_step(const struct job *job, TALLOC_CTX *ctx, void *site, struct err *err);
