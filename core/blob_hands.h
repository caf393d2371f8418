#pragma once
/*
 * blob_hands - bytes on their way through two hands at once.  For core/blob_draft.c.
 *
 * The giver copies into blocks of BLOB_BLOCK; each hand is a thread that does its own work with every
 * block, in order.  A block is used again when both are through with it, so that no more than about
 * BLOB_BLOCKS_MAX exist.  What fits in a single block never meets a thread: hands_end works on it.
 *
 * The first failure is kept.  After it, blocks only pass by.
 */
#include "core/blob.h"

#define HANDS 2

struct hands;

typedef bool hand_fn(void *arg, struct bytes block, struct err *err);
struct hands *hands_new(TALLOC_CTX *ctx, hand_fn *const work[HANDS], void *arg);
void hands_on_drained(struct hands *hands, void (*drained)(void *arg), void *arg);

/* As blob_draft_write says. */
bool hands_give(struct hands *hands, struct bytes bytes, bool *full, struct err *err) CHECKED;

/* A place for the next bytes, at least one, waiting for it; then how many were put there. */
bool hands_place(struct hands *hands, void **p, size_t *len, struct err *err) CHECKED;
bool hands_placed(struct hands *hands, size_t len, struct err *err) CHECKED;

/* The last block; returns when all work is done. */
bool hands_end(struct hands *hands, struct err *err) CHECKED;

/* What failed elsewhere: all that follows fails the same way. Returns false. */
bool hands_fail(struct hands *hands, const struct err *err);

/* Stops without finishing; nothing is called any more. Freeing calls it too. */
void hands_stop(struct hands *hands);
