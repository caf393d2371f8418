#include "web/kept.h"
#include "core/clock.h"

struct kept {
	pthread_mutex_t *lock;
	kept_make *make;
	void *arg, *value;		/* NULL: none yet */
	int64_t ms, made_ms;
	uint64_t asked, begun;		/* how often it was to be forgotten by now; and when the kept one was begun */
	uint64_t made;			/* how many */
	uint64_t failed;		/* as `begun`, of the last that could not be made; */
	struct err why;			/* and why */
	bool making;
	pthread_cond_t over;		/* the making */
};

static int
end(struct kept *k)
{
	pthread_cond_destroy(&k->over);
	return 0;
}

struct kept *
kept_new(TALLOC_CTX *ctx, pthread_mutex_t *lock, int64_t ms, kept_make *make, void *arg)
{
	struct kept *k = mem_new(ctx, struct kept);

	*k = (struct kept){ .lock = lock, .ms = ms, .make = make, .arg = arg };
	pthread_cond_init(&k->over, NULL);
	talloc_set_destructor(k, end);
	return k;
}

/* While a newer one is made the last one does for a while more. */
static bool
is_enough(const struct kept *k, uint64_t asked)
{
	return k->value && k->begun >= asked && clock_ms() - k->made_ms < (k->making ? 2 * k->ms : k->ms);
}

/* Without the lock while it asks. */
static bool
make(struct kept *k, struct err *err)
{
	uint64_t asked = k->asked;
	void *fresh = NULL;
	bool ok;

	k->making = true;
	pthread_mutex_unlock(k->lock);
	ok = k->make(k->arg, &fresh, err);
	pthread_mutex_lock(k->lock);
	k->making = false;
	pthread_cond_broadcast(&k->over);
	if (!ok) {
		k->failed = asked;
		k->why = *err;
		return false;
	}
	talloc_free(k->value);
	k->value = talloc_steal(k, fresh);
	k->begun = asked;
	k->made_ms = clock_ms();
	k->made++;
	return true;
}

/* False: what they waited for came to nothing, and nobody else has made one since; they do not try one after the other. */
static bool
wait_for_it(struct kept *k, uint64_t asked, struct err *err)
{
	k->failed = 0;
	k->why.kind = ERR_NONE;
	pthread_cond_wait(&k->over, k->lock);
	if (!k->why.kind || k->failed < asked || is_enough(k, asked))
		return true;
	*err = k->why;
	return false;
}

bool
kept_hold(struct kept *k, bool anew, const void **ret, struct err *err)
{
	uint64_t asked;
	bool ok = true;

	pthread_mutex_lock(k->lock);
	asked = k->asked += anew;
	while (ok && !is_enough(k, asked))
		ok = k->making ? wait_for_it(k, asked, err) : make(k, err);
	if (ok)
		*ret = k->value;
	else
		pthread_mutex_unlock(k->lock);
	return ok;
}

void
kept_forget(struct kept *k)
{
	pthread_mutex_lock(k->lock);
	k->asked++;
	pthread_mutex_unlock(k->lock);
}

uint64_t
kept_made(struct kept *k)
{
	uint64_t n;

	pthread_mutex_lock(k->lock);
	n = k->made;
	pthread_mutex_unlock(k->lock);
	return n;
}
