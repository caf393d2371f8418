#pragma once
/*
 * workers - threads for what may take its time: database, files, cryptography, directories.
 *
 * A `struct work` is embedded in what it is about; nothing is copied or allocated.  What is added is
 * run, also while stopping: whoever waits for it is always answered.
 */
#include "core/mem.h"

#define WORKERS_MAX		256
#define WORKERS_WAITING_MAX	4096	/* beyond: callers refuse new work (ERR_BUSY) */

struct work {
	void (*run)(struct work *work);
	struct work *next;
};

struct workers;

bool workers_start(TALLOC_CTX *ctx, int threads, struct workers **ret, struct err *err) CHECKED;
void workers_add(struct workers *workers, struct work *work);
bool workers_full(struct workers *workers);
void workers_stop(struct workers *workers);	/* runs what waits, then ends the threads */
