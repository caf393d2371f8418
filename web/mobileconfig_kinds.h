#pragma once
/* mobileconfig_kinds - mobileconfigs of the house on their way to devices; what the rows of other tables name. */
#include "catalog/desired.h"
#include "web/site.h"

/* A row of web/device_kinds.c. */
bool mobileconfig_render(TALLOC_CTX *ctx, void *site, const struct queued *queued, const struct enrollment *enrollment,
			 struct bytes *payload, struct err *err);
bool mobileconfig_answered(struct db *tx, void *site, const struct queued *queued, const struct enrollment *enrollment,
			   const char *status, void *answer, struct err *err);
bool mobileconfig_ended(struct db *tx, void *site, const struct queued *queued, const struct enrollment *enrollment,
			const char *state, struct err *err);
bool mobileconfig_renewed(struct db *tx, void *site, const struct enrollment *enrollment, struct err *err);
bool mobileconfig_left(struct db *tx, void *site, const struct enrollment *enrollment, const char *state,
		       struct err *err);	/* an enrollment has ended */
bool job_desired(const struct job *job, TALLOC_CTX *ctx, void *site, struct err *err);	/* of web/jobs.c */
