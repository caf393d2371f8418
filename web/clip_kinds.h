#pragma once
/*
 * clip_kinds - rows of device_kinds.c and jobs.c: what is done for the web clip at a command's delivery and end.
 */
#include "core/job.h"
#include "mdm/clip.h"

struct site;

bool clip_render(TALLOC_CTX *ctx, void *site, const struct queued *command, const struct enrollment *enrollment,
		 struct bytes *payload, struct err *err);
bool clip_render_remove(TALLOC_CTX *ctx, void *site, const struct queued *command, const struct enrollment *enrollment,
			struct bytes *payload, struct err *err);
bool clip_said(struct db *tx, void *site, const struct queued *command, const struct enrollment *enrollment,
	       const char *status, void *answer, struct err *err);
bool clip_over(struct db *tx, void *site, const struct queued *command, const struct enrollment *enrollment,
	       const char *state, struct err *err);

bool job_clip(const struct job *job, TALLOC_CTX *ctx, void *site, struct err *err);
bool clip_job_begin(struct site *site, struct err *err) CHECKED;
