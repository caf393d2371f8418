#pragma once
/*
 * kept - what is much to find out, kept for a while.
 *
 * One is made at a time, whoever asks meanwhile: they wait for it, and share it.  While a newer one is made the last one
 * does for a while more.  Who must have it as it is now gets one that was begun after they asked.
 */
#include "core/mem.h"
#include "core/err.h"
#include <pthread.h>
#include <stdint.h>

struct kept;

typedef bool kept_make(void *arg, void **ret, struct err *err);	/* *ret: belongs to no context yet */

/* `lock` guards it and its context; it is made without the lock. */
struct kept *kept_new(TALLOC_CTX *ctx, pthread_mutex_t *lock, int64_t ms, kept_make *make, void *arg);
/* With the lock held when it returns true, so that *ret stays. */
bool kept_hold(struct kept *kept, bool anew, const void **ret, struct err *err) CHECKED;
void kept_forget(struct kept *kept);	/* something is another: look again */
uint64_t kept_made(struct kept *kept);	/* so far; for tests that it is shared */
