#pragma once
/*
 * blob - files by the SHA-256 of their content, kept in a directory (S3 later, same interface).
 *
 * DIR/aa/aabbcc...: written as DIR/tmp/..., fsync, rename, fsync of the directory.  A draft reserves
 * its size first (ERR_NO_ROOM before a byte is read) and vanishes with its talloc parent unless kept.
 *
 * A kept blob is pinned from before its rename until blob_unpin: the caller unpins after the
 * transaction that refers to it has committed (or failed).  blob_sweep never removes a pinned blob,
 * so clean-up cannot race an upload, not even one that came and went while it asked `wanted`.  One
 * server process owns a directory: blob_sweep at_start locks it.
 */
#include "core/mem.h"

#define BLOB_NAME_SIZE		65		/* SHA-256 in lower-case hex and NUL */
#define BLOB_CHUNK		(10u << 20)	/* bytes of the chunks whose hashes a manifest lists */
#define BLOB_FREE_MIN_DEFAULT	(512u << 20)	/* left free on the disk for the database */
#define BLOB_BLOCK		(256u << 10)
#define BLOB_BLOCKS_MAX		8		/* of a draft: 2 MB */

struct blobs;

struct blob_draft {
	char name[BLOB_NAME_SIZE];	/* set by blob_draft_done */
	int64_t size;			/* bytes so far */
	char *chunk_sha256s;		/* JSON-free list: hex digests separated by spaces; set by blob_draft_done */
	struct blob_writer *writer;
};

bool blobs_open(TALLOC_CTX *ctx, const char *dir, int64_t free_min, struct blobs **ret,
		struct err *err) CHECKED;

/* Reserves `expected` bytes (0: unknown). ERR_NO_ROOM when less than that plus free_min is free. */
bool blob_draft_new(TALLOC_CTX *ctx, struct blobs *blobs, int64_t expected, struct blob_draft **ret,
		    struct err *err) CHECKED;

/*
 * Appends; the bytes are copied into blocks that the draft's threads hash and write.  Returns false
 * when writing has failed.  *full says that BLOB_BLOCKS_MAX blocks wait: stop reading the source until
 * `drained` is called from a thread of the draft, which may be before this has returned.  It is called
 * on a failure too, and never again once the draft is freed.  A source that goes on regardless gets
 * ERR_BUSY when twice as much waits.  With full NULL the call waits for room instead.
 */
bool blob_draft_write(struct blob_draft *draft, struct bytes bytes, bool *full, struct err *err) CHECKED;
void blob_draft_on_drained(struct blob_draft *draft, void (*drained)(void *arg), void *arg);

/* Waits for the threads, syncs, sets name and chunk hashes. */
bool blob_draft_done(struct blob_draft *draft, struct err *err) CHECKED;
int blob_draft_fd(const struct blob_draft *draft);	/* to read what was written; stays the draft's */

/*
 * Hashes and syncs a finished file inside the same file system (a resumed upload); it needs no
 * blob_draft_done.  The file stays where it is, even when blob_keep has given it its second place:
 * remove it once the transaction that needed it has committed, and do not write to it any more.
 */
bool blob_draft_adopt(TALLOC_CTX *ctx, struct blobs *blobs, const char *path, struct blob_draft **ret,
		      struct err *err) CHECKED;

/*
 * Writes on at the end of somebody's file, which has `from` bytes (else ERR_CONFLICT), as a part of a
 * resumed upload.  blob_draft_done makes it durable; it gets no name, cannot be kept, and what was
 * written stays.
 */
bool blob_draft_append(TALLOC_CTX *ctx, struct blobs *blobs, const char *path, int64_t from, int64_t expected,
		       struct blob_draft **ret, struct err *err) CHECKED;

/* Moves the draft in place under its name, durably, and pins it.  What was there is replaced by its like. */
bool blob_keep(struct blobs *blobs, struct blob_draft *draft, struct err *err) CHECKED;
bool blob_put(struct blobs *blobs, struct bytes bytes, char name[BLOB_NAME_SIZE], struct err *err) CHECKED;
void blob_unpin(struct blobs *blobs, const char *name);

/* An open read-only descriptor (the caller closes it) and the size; ERR_MISSING when not there. */
bool blob_open(struct blobs *blobs, const char *name, int *fd, int64_t *size, struct err *err) CHECKED;

/* Removes every unpinned blob for which `wanted` says false, and (at_start) every temporary file. */
typedef bool blob_wanted(const char *name, void *arg, bool *ret, struct err *err);
bool blob_sweep(struct blobs *blobs, blob_wanted *wanted, void *arg, bool at_start, int *removed,
		struct err *err) CHECKED;
const char *blobs_tmp(const struct blobs *blobs);	/* where what is not whole yet stands; for tests */
bool blobs_room(const struct blobs *blobs, int64_t *free_bytes, struct err *err) CHECKED;
int64_t blobs_promised(struct blobs *blobs);	/* of it, to drafts; 0 where the file system itself reserves */
