#pragma once
/*
 * notices - the job that tells testers of a new build: their link once more, or one like it.
 */
#include "core/job.h"

#define NOTICE_ATTEMPTS 20

bool notices_build(const struct job *job, TALLOC_CTX *ctx, void *site, struct err *err);
