#pragma once
/*
 * blob_dir - what core/blob.c (the directory) and core/blob_draft.c (a file on its way in) share.
 */
#include <pthread.h>
#include "core/blob.h"

struct blob_pin;

struct blobs {
	char *dir, *tmp;
	int64_t free_min;
	int owned;		/* descriptor that holds the lock on tmp, or -1 */
	pthread_mutex_t lock;	/* over what follows, and over this talloc context */
	int64_t promised;	/* to drafts, on file systems that cannot reserve */
	struct blob_pin *pins;
	int sweeps;
	bool synced[256];	/* directory aa is durable */
};

/* Gives a finished draft its place, replacing what is there. */
bool blob_draft_move(struct blob_draft *draft, const char *path, struct err *err) CHECKED;
