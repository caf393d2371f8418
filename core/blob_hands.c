#include "core/blob_hands.h"
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct block {
	struct block *next;
	size_t len;
	int left;		/* hands that have not finished with it */
	unsigned char bytes[BLOB_BLOCK];
};

struct hand {
	struct hands *hands;
	hand_fn *work;
	struct block *next;	/* the first it has not finished; NULL: none waits */
	pthread_t thread;
	bool running;
};

struct hands {
	struct hand hand[HANDS];
	void *arg;
	struct block *filling;	/* the giver's */
	pthread_mutex_t lock;	/* over what follows, and over hand[].next */
	pthread_cond_t work, room;
	struct block *last;	/* handed over, while anyone is busy with it */
	struct block *spare;
	int waiting, spares;
	bool ended, told_full, failed;
	struct err err;
	void (*drained)(void *arg);
	void *drained_arg;
};

static void
free_blocks(struct block *block)
{
	for (struct block *next; block; block = next) {
		next = block->next;
		free(block);
	}
}

/* With the lock held. */
static void
release(struct hands *h, struct block *block)
{
	if (--block->left > 0)
		return;
	if (h->last == block)
		h->last = NULL;
	h->waiting--;
	if (h->spares < BLOB_BLOCKS_MAX) {
		block->next = h->spare;
		h->spare = block;
		h->spares++;
	} else {
		free(block);
	}
	pthread_cond_signal(&h->room);
}

/* With the lock held, which it gives up meanwhile: the source may call back from there. */
static void
tell_drained(struct hands *h)
{
	void (*drained)(void *) = h->drained;
	void *arg = h->drained_arg;

	if (!h->told_full || (!h->failed && h->waiting > BLOB_BLOCKS_MAX / 2))
		return;
	h->told_full = false;
	if (!drained)
		return;
	pthread_mutex_unlock(&h->lock);
	drained(arg);
	pthread_mutex_lock(&h->lock);
}

static void *
hand_main(void *arg)
{
	struct hand *hand = arg;
	struct hands *h = hand->hands;

	pthread_mutex_lock(&h->lock);
	while (hand->next || !h->ended) {
		struct block *block = hand->next;
		bool ok = h->failed;	/* then there is nothing to do with it */
		struct err err;

		if (!block) {
			pthread_cond_wait(&h->work, &h->lock);
			continue;
		}
		pthread_mutex_unlock(&h->lock);
		ok = ok || hand->work(h->arg, (struct bytes){ block->bytes, block->len }, &err);
		pthread_mutex_lock(&h->lock);
		hand->next = block->next;
		release(h, block);
		if (!ok && !h->failed) {
			h->failed = true;
			h->err = err;
			pthread_cond_signal(&h->room);
		}
		tell_drained(h);
	}
	pthread_mutex_unlock(&h->lock);
	return NULL;
}

static bool
start(struct hands *h, struct err *err)
{
	for (int i = 0; i < HANDS; i++) {
		if (h->hand[i].running)
			continue;
		if ((errno = pthread_create(&h->hand[i].thread, NULL, hand_main, &h->hand[i])) != 0) {
			err_errno(err, "start a thread for a file");
			return hands_fail(h, err);
		}
		pthread_setname_np(h->hand[i].thread, "blob");
		h->hand[i].running = true;
	}
	return true;
}

static void
join(struct hands *h)
{
	pthread_mutex_lock(&h->lock);
	h->ended = true;
	pthread_cond_broadcast(&h->work);
	pthread_mutex_unlock(&h->lock);
	for (int i = 0; i < HANDS; i++) {
		if (h->hand[i].running)
			pthread_join(h->hand[i].thread, NULL);
		h->hand[i].running = false;
	}
}

void
hands_stop(struct hands *h)
{
	pthread_mutex_lock(&h->lock);
	if (!h->failed)
		err_set(&h->err, ERR_INTERNAL, "the file was given up");
	h->failed = true;
	h->drained = NULL;
	pthread_mutex_unlock(&h->lock);
	join(h);
}

static int
end_hands(struct hands *h)
{
	hands_stop(h);
	/* Only a hand that could not start leaves blocks; the other one has passed them all. */
	for (int i = 0; i < HANDS; i++)
		if (h->hand[i].next) {
			free_blocks(h->hand[i].next);
			break;
		}
	free_blocks(h->spare);
	free(h->filling);
	pthread_cond_destroy(&h->work);
	pthread_cond_destroy(&h->room);
	pthread_mutex_destroy(&h->lock);
	return 0;
}

struct hands *
hands_new(TALLOC_CTX *ctx, hand_fn *const work[HANDS], void *arg)
{
	struct hands *h = mem_new(ctx, struct hands);

	h->arg = arg;
	for (int i = 0; i < HANDS; i++)
		h->hand[i] = (struct hand){ .hands = h, .work = work[i] };
	pthread_mutex_init(&h->lock, NULL);
	pthread_cond_init(&h->work, NULL);
	pthread_cond_init(&h->room, NULL);
	talloc_set_destructor(h, end_hands);
	return h;
}

void
hands_on_drained(struct hands *h, void (*drained)(void *arg), void *arg)
{
	pthread_mutex_lock(&h->lock);
	h->drained = drained;
	h->drained_arg = arg;
	pthread_mutex_unlock(&h->lock);
}

bool
hands_fail(struct hands *h, const struct err *err)
{
	pthread_mutex_lock(&h->lock);
	if (!h->failed)
		h->err = *err;
	h->failed = true;
	pthread_mutex_unlock(&h->lock);
	return false;
}

static bool
hands_failed(struct hands *h, struct err *err)
{
	bool failed;

	pthread_mutex_lock(&h->lock);
	if ((failed = h->failed))
		*err = h->err;
	pthread_mutex_unlock(&h->lock);
	return failed;
}

/* An empty block to fill; waits for room when the giver may wait. */
static bool
take_block(struct hands *h, bool may_wait, struct err *err)
{
	struct block *block;
	bool failed;

	pthread_mutex_lock(&h->lock);
	while (may_wait && h->waiting >= BLOB_BLOCKS_MAX && !h->failed)
		pthread_cond_wait(&h->room, &h->lock);
	if ((failed = h->failed))
		*err = h->err;
	if ((block = h->spare)) {
		h->spare = block->next;
		h->spares--;
	}
	pthread_mutex_unlock(&h->lock);
	if (!block)
		block = mem_must(malloc(sizeof *block));
	block->next = NULL;
	block->len = 0;
	block->left = HANDS;
	h->filling = block;
	return !failed;
}

static bool
hand_over(struct hands *h, struct err *err)
{
	struct block *block = h->filling;

	h->filling = NULL;
	pthread_mutex_lock(&h->lock);
	if (h->last)
		h->last->next = block;
	h->last = block;
	for (int i = 0; i < HANDS; i++)
		if (!h->hand[i].next)
			h->hand[i].next = block;
	h->waiting++;
	pthread_cond_broadcast(&h->work);
	pthread_mutex_unlock(&h->lock);
	return start(h, err);
}

static bool
place(struct hands *h, bool may_wait, void **p, size_t *len, struct err *err)
{
	if (!h->filling && !take_block(h, may_wait, err))
		return false;
	*p = h->filling->bytes + h->filling->len;
	*len = BLOB_BLOCK - h->filling->len;
	return true;
}

bool
hands_place(struct hands *h, void **p, size_t *len, struct err *err)
{
	return place(h, true, p, len, err);
}

bool
hands_placed(struct hands *h, size_t len, struct err *err)
{
	h->filling->len += len;
	return h->filling->len < BLOB_BLOCK || hand_over(h, err);
}

bool
hands_give(struct hands *h, struct bytes bytes, bool *full, struct err *err)
{
	const unsigned char *from = bytes.p;
	bool ok = !hands_failed(h, err);

	if (ok && full) {
		pthread_mutex_lock(&h->lock);
		if (h->waiting >= 2 * BLOB_BLOCKS_MAX)
			ok = err_set(err, ERR_BUSY, "the source sends faster than the disk writes");
		pthread_mutex_unlock(&h->lock);
	}
	while (ok && bytes.len) {
		size_t n;
		void *to;

		if (!place(h, !full, &to, &n, err))
			return false;
		n = n < bytes.len ? n : bytes.len;
		memcpy(to, from, n);
		from += n;
		bytes.len -= n;
		ok = hands_placed(h, n, err);
	}
	if (ok && full) {
		pthread_mutex_lock(&h->lock);
		*full = h->told_full = h->waiting >= BLOB_BLOCKS_MAX;
		pthread_mutex_unlock(&h->lock);
	}
	return ok;
}

bool
hands_end(struct hands *h, struct err *err)
{
	struct block *block = h->filling;

	if (hands_failed(h, err))
		return false;
	if (h->hand[0].running) {
		if (block && !hand_over(h, err))
			return false;
	} else if (block && block->len) {
		for (int i = 0; i < HANDS; i++)
			if (!h->hand[i].work(h->arg, (struct bytes){ block->bytes, block->len }, err))
				return hands_fail(h, err);
	}
	join(h);
	return !hands_failed(h, err);
}
