#pragma once
/* desired_inner - what the files of desired share: devices that are marked, and rows that are due. */
#include "catalog/desired.h"

/* Its rows are made right; nothing is queued yet. */
bool desired_compare(struct db *tx, const char *device_id, struct err *err) CHECKED;
bool desired_marked(TALLOC_CTX *ctx, struct db *db, size_t most, const char ***ids, size_t *n, struct err *err) CHECKED;
bool desired_unmark(struct db *tx, const char *device_id, struct err *err) CHECKED;

/* device_id NULL: of any, DESIRED_QUEUE at most.  *n: how many rows were due. */
bool desired_queue(struct db *tx, const char *device_id, int64_t *n, struct err *err) CHECKED;
/* $1 now, $2 how many, $3 the device: tests look at how they are found. */
extern const char desired_due_sql[], desired_due_device_sql[];

extern const char desired_wants_sql[];	/* $1 the person; the same */

/* The job looks again at `due` at the latest. */
bool desired_job(struct db *tx, int64_t due, struct err *err) CHECKED;

/* The first wait is DESIRED_RETRY_MIN_S; it doubles. */
int64_t desired_wait(int64_t times);
