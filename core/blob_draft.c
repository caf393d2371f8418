/*
 * A file on its way in.  The receiver only copies; of two threads, one writes and hashes the whole
 * file and the other hashes its chunks.  Two cores are then about evenly busy, and the receiver
 * never meets the disk.  Pages are handed to the disk behind the write position, so that the sync
 * at the end is short.
 *
 * A new draft is a file of its own in DIR/tmp.  An adopted one is somebody's file, there already:
 * only hashed.  An appending one writes on at the end of somebody's file and has no hash.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "core/blob_dir.h"
#include "core/blob_hands.h"
#include "core/buf.h"
#include "core/num.h"
#include "core/secret.h"

#define SYNC_EVERY	(8 << 20)	/* bytes between two calls that start the disk */
#define CHUNK_LIST_MAX	(4u << 20)	/* hex digests of a file of 600 GB */
#define SHA256_SIZE	32

enum sort { DRAFT_NEW, DRAFT_ADOPTED, DRAFT_APPENDING };

struct blob_writer {
	enum sort sort;
	struct blobs *blobs;
	char *path;
	bool ours;		/* to be removed at the end, unless kept */
	int fd;
	bool finished;
	int64_t reserved;	/* up to here in the file */
	int64_t promised;	/* by blobs, where the file system cannot reserve */
	struct hands *hands;

	EVP_MD_CTX *file_sha;	/* the first hand's */
	int64_t written, synced;

	EVP_MD_CTX *chunk_sha;	/* the second hand's */
	size_t in_chunk;
	TALLOC_CTX *chunk_ctx;	/* of no parent: a request's memory is its own thread's */
	struct buf chunks;
};

static bool
digest_end(EVP_MD_CTX *sha, unsigned char digest[SHA256_SIZE], struct err *err)
{
	unsigned len;

	return (EVP_DigestFinal_ex(sha, digest, &len) && EVP_DigestInit_ex(sha, EVP_sha256(), NULL)) ||
	       err_openssl(err, ERR_INTERNAL, "SHA-256");
}

/* A draft of unknown size must not take what the database needs. */
static bool
still_room(struct blob_writer *w, struct err *err)
{
	int64_t room;

	if (w->written <= w->reserved)
		return true;
	return blobs_room(w->blobs, &room, err) &&
	       (room >= w->blobs->free_min ||
		err_set(err, ERR_NO_ROOM, "the disk is full: what is left is kept for the database"));
}

static bool
write_block(struct blob_writer *w, struct bytes block, struct err *err)
{
	for (size_t done = 0; done < block.len;) {
		ssize_t n = pwrite(w->fd, (const char *)block.p + done, block.len - done, w->written);

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
write_and_hash(void *arg, struct bytes block, struct err *err)
{
	struct blob_writer *w = arg;

	if (w->sort != DRAFT_ADOPTED && !write_block(w, block, err))
		return false;
	return w->sort == DRAFT_APPENDING || EVP_DigestUpdate(w->file_sha, block.p, block.len) ||
	       err_openssl(err, ERR_INTERNAL, "SHA-256");
}

static bool
end_chunk(struct blob_writer *w, struct err *err)
{
	unsigned char digest[SHA256_SIZE];

	if (!digest_end(w->chunk_sha, digest, err))
		return false;
	if (w->chunks.len)
		buf_text(&w->chunks, " ");
	buf_hex(&w->chunks, digest, sizeof digest);
	w->in_chunk = 0;
	return buf_ok(&w->chunks, err);
}

static bool
hash_chunks(void *arg, struct bytes block, struct err *err)
{
	struct blob_writer *w = arg;

	for (size_t done = 0; w->sort != DRAFT_APPENDING && done < block.len;) {
		size_t n = block.len - done;

		if (n > BLOB_CHUNK - w->in_chunk)
			n = BLOB_CHUNK - w->in_chunk;
		if (!EVP_DigestUpdate(w->chunk_sha, (const char *)block.p + done, n))
			return err_openssl(err, ERR_INTERNAL, "SHA-256");
		done += n;
		w->in_chunk += n;
		if (w->in_chunk == BLOB_CHUNK && !end_chunk(w, err))
			return false;
	}
	return true;
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
	hands_stop(w->hands);
	talloc_free(w->chunk_ctx);
	EVP_MD_CTX_free(w->file_sha);
	EVP_MD_CTX_free(w->chunk_sha);
	end_promise(w);
	if (w->fd >= 0)
		close(w->fd);
	if (w->ours)
		unlink(w->path);
	return 0;
}

/* A writer without its file. */
static bool
draft_start(TALLOC_CTX *ctx, struct blobs *blobs, enum sort sort, struct blob_draft **ret, struct err *err)
{
	static hand_fn *const work[HANDS] = { write_and_hash, hash_chunks };
	struct blob_draft *draft = mem_new(ctx, struct blob_draft);
	struct blob_writer *w = draft->writer = mem_new(draft, struct blob_writer);

	w->sort = sort;
	w->blobs = blobs;
	w->fd = -1;
	w->chunk_ctx = mem_must(talloc_new(NULL));
	buf_init(&w->chunks, w->chunk_ctx, CHUNK_LIST_MAX);
	w->file_sha = mem_must(EVP_MD_CTX_new());
	w->chunk_sha = mem_must(EVP_MD_CTX_new());
	w->hands = hands_new(w, work, w);
	talloc_set_destructor(w, end_writer);
	if (!EVP_DigestInit_ex(w->file_sha, EVP_sha256(), NULL) ||
	    !EVP_DigestInit_ex(w->chunk_sha, EVP_sha256(), NULL)) {
		talloc_free(draft);
		return err_openssl(err, ERR_INTERNAL, "SHA-256");
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
	int64_t room = 0;
	bool ok;

	pthread_mutex_lock(&blobs->lock);
	ok = blobs_room(blobs, &room, err);
	room -= blobs->promised + blobs->free_min;
	if (ok && room < expected)
		ok = err_set(err, ERR_NO_ROOM, "no room for %s: the disk has %s left for files",
			     num_size(scratch, expected), num_size(scratch, room > 0 ? room : 0));
	if (ok && expected > 0) {
		w->reserved = w->written + expected;
		if (fallocate(w->fd, FALLOC_FL_KEEP_SIZE, w->written, expected) != 0) {
			if (errno == EOPNOTSUPP || errno == ENOSYS)
				blobs->promised += w->promised = expected;
			else
				ok = err_errno(err, "reserve %s", num_size(scratch, expected));
		}
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

	if (!draft_start(ctx, blobs, DRAFT_NEW, &draft, err))
		return false;
	w = draft->writer;
	w->path = mem_printf(w, "%s/draft-%s", blobs->tmp, secret_id(w));
	w->fd = open(w->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	w->ours = w->fd >= 0;
	if (w->ours ? !reserve(w, expected, err) : !err_errno(err, "make %s", w->path)) {
		talloc_free(draft);
		return false;
	}
	*ret = draft;
	return true;
}

/* Somebody's file, a regular one. */
static bool
open_theirs(struct blob_writer *w, const char *path, int64_t *size, struct err *err)
{
	struct stat st;

	w->path = mem_text(w, path);
	w->fd = open(path, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	if (w->fd < 0 || fstat(w->fd, &st) != 0)
		return err_errno(err, "open %s", path);
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_INTERNAL, "%s is not a file", path);
	*size = st.st_size;
	return true;
}

bool
blob_draft_append(TALLOC_CTX *ctx, struct blobs *blobs, const char *path, int64_t from, int64_t expected,
		  struct blob_draft **ret, struct err *err)
{
	struct blob_draft *draft;
	struct blob_writer *w;
	int64_t size;
	bool ok;

	if (!draft_start(ctx, blobs, DRAFT_APPENDING, &draft, err))
		return false;
	w = draft->writer;
	w->written = w->synced = w->reserved = from;
	ok = open_theirs(w, path, &size, err);
	if (ok && size != from)
		ok = err_set(err, ERR_CONFLICT, "%lld bytes are there, not %lld", (long long)size, (long long)from);
	if (!ok || !reserve(w, expected, err)) {
		talloc_free(draft);
		return false;
	}
	*ret = draft;
	return true;
}

void
blob_draft_on_drained(struct blob_draft *draft, void (*drained)(void *arg), void *arg)
{
	hands_on_drained(draft->writer->hands, drained, arg);
}

int
blob_draft_fd(const struct blob_draft *draft)
{
	return draft->writer->fd;
}

bool
blob_draft_write(struct blob_draft *draft, struct bytes bytes, bool *full, struct err *err)
{
	assert(!draft->writer->finished);
	if (!hands_give(draft->writer->hands, bytes, full, err))
		return false;
	draft->size += (int64_t)bytes.len;
	return true;
}

static bool
name_draft(struct blob_draft *draft, struct err *err)
{
	struct blob_writer *w = draft->writer;
	unsigned char digest[SHA256_SIZE];
	struct buf name;

	if ((w->in_chunk && !end_chunk(w, err)) || !digest_end(w->file_sha, digest, err))
		return false;
	buf_init(&name, w, sizeof draft->name - 1);
	buf_hex(&name, digest, sizeof digest);
	memcpy(draft->name, buf_str(&name), sizeof draft->name);
	draft->chunk_sha256s = mem_text(draft, buf_str(&w->chunks));
	return true;
}

static bool
finish(struct blob_draft *draft, struct err *err)
{
	struct blob_writer *w = draft->writer;

	if (!hands_end(w->hands, err))
		return false;
	/* What was reserved beyond the end goes back. */
	if (w->reserved > w->written && ftruncate(w->fd, w->written) != 0)
		return err_errno(err, "cut %s", w->path);
	if (fsync(w->fd) != 0)
		return err_errno(err, "sync %s", w->path);
	end_promise(w);
	w->finished = w->sort == DRAFT_APPENDING || name_draft(draft, err);
	return w->finished;
}

/* A draft that failed stays failed: a sync that is tried again may succeed without the data. */
bool
blob_draft_done(struct blob_draft *draft, struct err *err)
{
	struct blob_writer *w = draft->writer;

	return w->finished || finish(draft, err) || hands_fail(w->hands, err);
}

static bool
read_all(struct blob_draft *draft, struct err *err)
{
	struct blob_writer *w = draft->writer;
	size_t room;
	ssize_t n;
	void *p;

	do {
		if (!hands_place(w->hands, &p, &room, err))
			return false;
		n = pread(w->fd, p, room, draft->size);
		if (n < 0 && errno != EINTR)
			return err_errno(err, "read %s", w->path);
		if (n > 0 && !hands_placed(w->hands, (size_t)n, err))
			return false;
		draft->size += n > 0 ? n : 0;
	} while (n != 0);
	return true;
}

bool
blob_draft_adopt(TALLOC_CTX *ctx, struct blobs *blobs, const char *path, struct blob_draft **ret,
		 struct err *err)
{
	struct blob_draft *draft;
	int64_t size;

	if (!draft_start(ctx, blobs, DRAFT_ADOPTED, &draft, err))
		return false;
	if (!open_theirs(draft->writer, path, &size, err) || !read_all(draft, err) ||
	    !blob_draft_done(draft, err)) {
		talloc_free(draft);
		return false;
	}
	*ret = draft;
	return true;
}

/* A file that is not ours gets a second name first: its owner may need it again after a crash. */
bool
blob_draft_move(struct blob_draft *draft, const char *path, struct err *err)
{
	struct blob_writer *w = draft->writer;
	TALLOC_CTX *scratch SCOPED(mem) = talloc_new(NULL);
	char *from = w->path;

	if (!w->ours) {
		from = mem_printf(scratch, "%s/draft-%s", w->blobs->tmp, secret_id(scratch));
		if (link(w->path, from) != 0)
			return err_errno(err, "link %s", w->path);
	}
	if (rename(from, path) != 0) {
		err_errno(err, "move a file to %s", path);
		if (!w->ours)
			unlink(from);
		return false;
	}
	if (!w->ours)	/* rename leaves both names when they are the same file already */
		unlink(from);
	w->ours = false;
	return true;
}
