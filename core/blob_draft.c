/*
 * A file on its way in.  The receiver only copies into blocks; two hands take every block in turn:
 * one writes it and hashes the whole file, the other hashes the chunks.  Two cores are then about
 * evenly busy, and the receiver never meets the disk.
 *
 * Pages are handed to the disk behind the write position, so that the sync at the end is short.
 * What fits in a single block is handled by blob_draft_done itself, without any thread.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "core/blob_dir.h"
#include "core/buf.h"
#include "core/num.h"
#include "core/secret.h"

#define HANDS		2
#define SYNC_EVERY	(8 << 20)	/* bytes between two calls that start the disk */
#define CHUNK_LIST_MAX	(4u << 20)	/* hex digests of a file of 600 GB */
#define SHA256_SIZE	32

struct block {
	struct block *next;
	size_t len;
	int left;		/* hands that have not finished with it */
	unsigned char bytes[BLOB_BLOCK];
};

struct hand {
	struct blob_writer *writer;
	bool (*work)(struct blob_writer *w, const struct block *block, struct err *err);
	struct block *next;	/* the first it has not begun */
	EVP_MD_CTX *sha;
	pthread_t thread;
	bool running;
};

struct blob_writer {
	struct blobs *blobs;
	char *path;		/* NULL: not ours to remove */
	int fd;
	bool adopting;		/* the file is there already: only hash */
	bool finished;
	int64_t reserved, promised;

	struct hand hands[HANDS];
	int64_t written, synced;	/* the first hand's */
	size_t in_chunk;		/* the second hand's */
	TALLOC_CTX *chunk_ctx;
	struct buf chunks;

	struct block *filling;	/* the receiver's */
	pthread_mutex_t lock;	/* over what follows */
	pthread_cond_t work, room;
	struct block *last;	/* handed over, if it still waits */
	struct block *spare;
	int waiting, spares;
	bool ended, told_full, failed;
	struct err err;
	void (*drained)(void *arg);
	void *drained_arg;
};

static bool
digest_end(EVP_MD_CTX *sha, unsigned char digest[SHA256_SIZE])
{
	unsigned len;

	return EVP_DigestFinal_ex(sha, digest, &len) && EVP_DigestInit_ex(sha, EVP_sha256(), NULL);
}

/* A draft of unknown size must not take what the database needs. */
static bool
still_room(struct blob_writer *w, struct err *err)
{
	int64_t room;

	if (w->written <= w->reserved)
		return true;
	if (!blobs_room(w->blobs, &room, err))
		return false;
	return room >= w->blobs->free_min ||
	       err_set(err, ERR_NO_ROOM, "the disk is full: what is left is kept for the database");
}

static bool
write_block(struct blob_writer *w, const struct block *block, struct err *err)
{
	for (size_t done = 0; done < block->len;) {
		ssize_t n = pwrite(w->fd, block->bytes + done, block->len - done, w->written);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(err, "write %s", w->path);
		done += (size_t)n;
		w->written += n;
	}
	if (w->written - w->synced < SYNC_EVERY)
		return true;
	sync_file_range(w->fd, w->synced, w->written - w->synced, SYNC_FILE_RANGE_WRITE);
	w->synced = w->written;
	return still_room(w, err);
}

static bool
write_and_hash(struct blob_writer *w, const struct block *block, struct err *err)
{
	if (!w->adopting && !write_block(w, block, err))
		return false;
	return EVP_DigestUpdate(w->hands[0].sha, block->bytes, block->len) ||
	       err_openssl(err, ERR_INTERNAL, "SHA-256");
}

static bool
end_chunk(struct blob_writer *w, struct err *err)
{
	unsigned char digest[SHA256_SIZE];

	if (!digest_end(w->hands[1].sha, digest))
		return err_openssl(err, ERR_INTERNAL, "SHA-256");
	if (w->chunks.len)
		buf_text(&w->chunks, " ");
	buf_hex(&w->chunks, digest, sizeof digest);
	w->in_chunk = 0;
	return buf_ok(&w->chunks, err);
}

static bool
hash_chunks(struct blob_writer *w, const struct block *block, struct err *err)
{
	for (size_t done = 0; done < block->len;) {
		size_t n = block->len - done;

		if (n > BLOB_CHUNK - w->in_chunk)
			n = BLOB_CHUNK - w->in_chunk;
		if (!EVP_DigestUpdate(w->hands[1].sha, block->bytes + done, n))
			return err_openssl(err, ERR_INTERNAL, "SHA-256");
		done += n;
		w->in_chunk += n;
		if (w->in_chunk == BLOB_CHUNK && !end_chunk(w, err))
			return false;
	}
	return true;
}

/* With the lock held. */
static void
release(struct blob_writer *w, struct block *block)
{
	if (--block->left > 0)
		return;
	if (w->last == block)
		w->last = NULL;
	w->waiting--;
	if (w->spares < BLOB_BLOCKS_MAX) {
		block->next = w->spare;
		w->spare = block;
		w->spares++;
	} else {
		free(block);
	}
	pthread_cond_signal(&w->room);
}

static void *
hand_main(void *arg)
{
	struct hand *hand = arg;
	struct blob_writer *w = hand->writer;

	pthread_mutex_lock(&w->lock);
	for (;;) {
		struct block *block = hand->next;
		struct err err;
		bool ok;

		if (!block) {
			if (w->ended)
				break;
			pthread_cond_wait(&w->work, &w->lock);
			continue;
		}
		ok = w->failed;		/* after a failure blocks only come back */
		pthread_mutex_unlock(&w->lock);
		ok = ok || hand->work(w, block, &err);
		pthread_mutex_lock(&w->lock);
		hand->next = block->next;
		release(w, block);
		if (!ok && !w->failed) {
			w->failed = true;
			w->err = err;
			pthread_cond_signal(&w->room);
		}
		if (w->told_full && (w->failed || w->waiting <= BLOB_BLOCKS_MAX / 2)) {
			void (*drained)(void *) = w->drained;
			void *drained_arg = w->drained_arg;

			w->told_full = false;
			pthread_mutex_unlock(&w->lock);
			if (drained)
				drained(drained_arg);
			pthread_mutex_lock(&w->lock);
		}
	}
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

/* A draft that failed stays failed: a sync that is tried again may succeed without the data. */
static bool
fail(struct blob_writer *w, const struct err *err)
{
	pthread_mutex_lock(&w->lock);
	w->failed = true;
	w->err = *err;
	pthread_mutex_unlock(&w->lock);
	return false;
}

static bool
start_hands(struct blob_writer *w, struct err *err)
{
	for (int i = 0; i < HANDS; i++) {
		if (w->hands[i].running)
			continue;
		if ((errno = pthread_create(&w->hands[i].thread, NULL, hand_main, &w->hands[i])) != 0) {
			err_errno(err, "start a thread for a draft");
			return fail(w, err);
		}
		w->hands[i].running = true;
	}
	return true;
}

static void
join_hands(struct blob_writer *w)
{
	pthread_mutex_lock(&w->lock);
	w->ended = true;
	pthread_cond_broadcast(&w->work);
	pthread_mutex_unlock(&w->lock);
	for (int i = 0; i < HANDS; i++)
		if (w->hands[i].running) {
			pthread_join(w->hands[i].thread, NULL);
			w->hands[i].running = false;
		}
}

static void
free_blocks(struct block *block)
{
	for (struct block *next; block; block = next) {
		next = block->next;
		free(block);
	}
}

static void
end_promise(struct blob_writer *w)
{
	pthread_mutex_lock(&w->blobs->lock);
	w->blobs->promised -= w->promised;
	pthread_mutex_unlock(&w->blobs->lock);
	w->promised = 0;
}

static int
end_writer(struct blob_writer *w)
{
	pthread_mutex_lock(&w->lock);
	w->failed = true;	/* do not finish what nobody wants */
	w->drained = NULL;
	pthread_mutex_unlock(&w->lock);
	join_hands(w);
	/* Only a hand that never started leaves blocks behind; its partner has passed them all. */
	for (int i = 0; i < HANDS; i++) {
		EVP_MD_CTX_free(w->hands[i].sha);
		if (w->hands[i].next) {
			free_blocks(w->hands[i].next);
			break;
		}
	}
	free_blocks(w->spare);
	free(w->filling);
	end_promise(w);
	if (w->fd >= 0)
		close(w->fd);
	if (w->path)
		unlink(w->path);
	pthread_cond_destroy(&w->work);
	pthread_cond_destroy(&w->room);
	pthread_mutex_destroy(&w->lock);
	return 0;
}

/* A writer without its file. */
static bool
draft_start(TALLOC_CTX *ctx, struct blobs *blobs, struct blob_draft **ret, struct err *err)
{
	struct blob_draft *draft = mem_new(ctx, struct blob_draft);
	struct blob_writer *w = draft->writer = mem_new(draft, struct blob_writer);

	w->blobs = blobs;
	w->fd = -1;
	w->chunk_ctx = talloc_new(w);
	buf_init(&w->chunks, w->chunk_ctx, CHUNK_LIST_MAX);
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->work, NULL);
	pthread_cond_init(&w->room, NULL);
	talloc_set_destructor(w, end_writer);
	for (int i = 0; i < HANDS; i++) {
		w->hands[i] = (struct hand){ .writer = w, .work = i ? hash_chunks : write_and_hash,
					     .sha = mem_must(EVP_MD_CTX_new()) };
		if (!EVP_DigestInit_ex(w->hands[i].sha, EVP_sha256(), NULL)) {
			talloc_free(draft);
			return err_openssl(err, ERR_INTERNAL, "SHA-256");
		}
	}
	*ret = draft;
	return true;
}

/*
 * Room for a draft of known size is taken at once, so that two uploads cannot both be promised the
 * same bytes.  File systems that cannot reserve get book-keeping instead.
 */
static bool
reserve(struct blob_writer *w, int64_t expected, struct err *err)
{
	TALLOC_CTX *scratch SCOPED(mem) = talloc_new(NULL);
	struct blobs *blobs = w->blobs;
	int64_t room;
	bool ok;

	pthread_mutex_lock(&blobs->lock);
	ok = blobs_room(blobs, &room, err);
	room -= blobs->promised + blobs->free_min;
	if (ok && room < expected)
		ok = err_set(err, ERR_NO_ROOM, "no room for %s: the disk has %s left for files",
			     num_size(scratch, expected), num_size(scratch, room > 0 ? room : 0));
	if (ok && expected > 0) {
		if (fallocate(w->fd, FALLOC_FL_KEEP_SIZE, 0, expected) == 0)
			w->reserved = expected;
		else if (errno != EOPNOTSUPP && errno != ENOSYS)
			ok = err_errno(err, "reserve %s", num_size(scratch, expected));
		else
			blobs->promised += w->promised = w->reserved = expected;
	}
	pthread_mutex_unlock(&blobs->lock);
	return ok;
}

bool
blob_draft_new(TALLOC_CTX *ctx, struct blobs *blobs, int64_t expected, struct blob_draft **ret,
	       struct err *err)
{
	struct blob_draft *draft;
	struct blob_writer *w;
	char *path;

	if (!draft_start(ctx, blobs, &draft, err))
		return false;
	w = draft->writer;
	path = mem_printf(w, "%s/draft-%s", blobs->tmp, secret_id(w));
	w->fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (w->fd < 0) {
		err_errno(err, "make %s", path);
		talloc_free(draft);
		return false;
	}
	w->path = path;
	if (!reserve(w, expected, err)) {
		talloc_free(draft);
		return false;
	}
	*ret = draft;
	return true;
}

void
blob_draft_on_drained(struct blob_draft *draft, void (*drained)(void *arg), void *arg)
{
	pthread_mutex_lock(&draft->writer->lock);
	draft->writer->drained = drained;
	draft->writer->drained_arg = arg;
	pthread_mutex_unlock(&draft->writer->lock);
}

int
blob_draft_fd(const struct blob_draft *draft)
{
	return draft->writer->fd;
}

const char *
blob_draft_path(const struct blob_draft *draft)
{
	return draft->writer->path;
}

void
blob_draft_moved(struct blob_draft *draft)
{
	draft->writer->path = NULL;
}

/* An empty block to fill; waits for one when the receiver may wait. */
static bool
take_block(struct blob_writer *w, bool may_wait, struct err *err)
{
	struct block *block;
	bool failed;

	pthread_mutex_lock(&w->lock);
	while (may_wait && w->waiting >= BLOB_BLOCKS_MAX && !w->failed)
		pthread_cond_wait(&w->room, &w->lock);
	failed = w->failed;
	if (failed)
		*err = w->err;
	if ((block = w->spare)) {
		w->spare = block->next;
		w->spares--;
	}
	pthread_mutex_unlock(&w->lock);
	if (!block)
		block = mem_must(malloc(sizeof *block));
	block->next = NULL;
	block->len = 0;
	block->left = HANDS;
	w->filling = block;
	return !failed;
}

static bool
hand_over(struct blob_writer *w, struct err *err)
{
	struct block *block = w->filling;

	w->filling = NULL;
	pthread_mutex_lock(&w->lock);
	if (w->last)
		w->last->next = block;
	w->last = block;
	for (int i = 0; i < HANDS; i++)
		if (!w->hands[i].next)
			w->hands[i].next = block;
	w->waiting++;
	pthread_cond_broadcast(&w->work);
	pthread_mutex_unlock(&w->lock);
	return (w->hands[0].running && w->hands[1].running) || start_hands(w, err);
}

bool
blob_draft_write(struct blob_draft *draft, struct bytes bytes, bool *full, struct err *err)
{
	struct blob_writer *w = draft->writer;
	const unsigned char *p = bytes.p;
	bool ok;

	assert(!w->finished && !w->adopting);
	pthread_mutex_lock(&w->lock);
	ok = !w->failed;
	if (!ok)
		*err = w->err;
	else if (full && w->waiting >= 2 * BLOB_BLOCKS_MAX)
		ok = err_set(err, ERR_BUSY, "the source sends faster than the disk writes");
	pthread_mutex_unlock(&w->lock);
	while (ok && bytes.len) {
		size_t n;

		if (!w->filling && !take_block(w, !full, err))
			return false;
		n = BLOB_BLOCK - w->filling->len;
		if (n > bytes.len)
			n = bytes.len;
		memcpy(w->filling->bytes + w->filling->len, p, n);
		w->filling->len += n;
		draft->size += (int64_t)n;
		p += n;
		bytes.len -= n;
		if (w->filling->len == BLOB_BLOCK)
			ok = hand_over(w, err);
	}
	if (ok && full) {
		pthread_mutex_lock(&w->lock);
		*full = w->told_full = w->waiting >= BLOB_BLOCKS_MAX;
		pthread_mutex_unlock(&w->lock);
	}
	return ok;
}

/* The last block, and the end of the hands. */
static bool
finish_blocks(struct blob_writer *w, struct err *err)
{
	if (w->hands[0].running) {
		if (w->filling && !hand_over(w, err))
			return false;
	} else if (w->filling && w->filling->len) {
		for (int i = 0; i < HANDS; i++)
			if (!w->hands[i].work(w, w->filling, err))
				return false;
	}
	join_hands(w);
	if (w->failed)
		*err = w->err;
	return !w->failed;
}

static bool
name_draft(struct blob_draft *draft, struct err *err)
{
	struct blob_writer *w = draft->writer;
	unsigned char digest[SHA256_SIZE];
	struct buf name;

	if (w->in_chunk && !end_chunk(w, err))
		return false;
	if (!digest_end(w->hands[0].sha, digest))
		return err_openssl(err, ERR_INTERNAL, "SHA-256");
	buf_init(&name, w, sizeof draft->name - 1);
	buf_hex(&name, digest, sizeof digest);
	memcpy(draft->name, buf_str(&name), sizeof draft->name);
	draft->chunk_sha256s = mem_text(draft, buf_str(&w->chunks));
	w->finished = true;
	return true;
}

static bool
finish(struct blob_draft *draft, struct err *err)
{
	struct blob_writer *w = draft->writer;

	if (!finish_blocks(w, err))
		return false;
	/* What was reserved beyond the end goes back. */
	if (w->reserved > w->written && ftruncate(w->fd, w->written) != 0)
		return err_errno(err, "cut %s", w->path);
	if (fsync(w->fd) != 0)
		return err_errno(err, "sync %s", w->path);
	end_promise(w);
	return name_draft(draft, err);
}

bool
blob_draft_done(struct blob_draft *draft, struct err *err)
{
	struct blob_writer *w = draft->writer;
	bool failed;

	if (w->finished)
		return true;
	pthread_mutex_lock(&w->lock);
	failed = w->failed;
	if (failed)
		*err = w->err;
	pthread_mutex_unlock(&w->lock);
	return !failed && (finish(draft, err) || fail(w, err));
}

static bool
read_all(struct blob_draft *draft, const char *path, struct err *err)
{
	struct blob_writer *w = draft->writer;

	for (;;) {
		ssize_t n;

		if (!w->filling && !take_block(w, true, err))
			return false;
		n = pread(w->fd, w->filling->bytes + w->filling->len, BLOB_BLOCK - w->filling->len,
			  draft->size);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(err, "read %s", path);
		if (n == 0)
			return finish_blocks(w, err);
		w->filling->len += (size_t)n;
		draft->size += n;
		if (w->filling->len == BLOB_BLOCK && !hand_over(w, err))
			return false;
	}
}

bool
blob_draft_adopt(TALLOC_CTX *ctx, struct blobs *blobs, const char *path, struct blob_draft **ret,
		 struct err *err)
{
	struct blob_draft *draft;
	struct blob_writer *w;
	struct stat st;
	char *here;
	bool ok;

	if (!draft_start(ctx, blobs, &draft, err))
		return false;
	w = draft->writer;
	w->adopting = true;
	here = mem_printf(w, "%s/draft-%s", blobs->tmp, secret_id(w));
	w->fd = open(path, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	if (w->fd < 0 || fstat(w->fd, &st) != 0)
		ok = err_errno(err, "open %s", path);
	else if (!S_ISREG(st.st_mode))
		ok = err_set(err, ERR_INTERNAL, "%s is not a file", path);
	else
		ok = read_all(draft, path, err);
	if (ok && fsync(w->fd) != 0)
		ok = err_errno(err, "sync %s", path);
	ok = ok && name_draft(draft, err);
	if (ok && rename(path, here) != 0)
		ok = err_errno(err, "move %s", path);
	if (!ok) {
		talloc_free(draft);
		return false;
	}
	w->path = here;
	*ret = draft;
	return true;
}
