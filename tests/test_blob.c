/* Files by content: what was kept is whole, what was not leaves no trace, and nothing fills the disk. */
#include "tests/check.h"
#include <dirent.h>
#include <fcntl.h>
#include <openssl/sha.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>
#include "core/blob.h"
#include "core/buf.h"
#include "core/num.h"

static struct blobs *
open_blobs(TALLOC_CTX *ctx, const char *dir)
{
	struct err err = { 0 };
	struct blobs *blobs = NULL;

	assert_ok(blobs_open(ctx, dir, 0, &blobs, &err), &err);
	return blobs;
}

/* Content that no block or chunk repeats. */
static struct bytes
content(TALLOC_CTX *ctx, size_t len, uint64_t seed)
{
	unsigned char *p = mem_size(ctx, len + 8);

	for (size_t i = 0; i < len; i += 8) {
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		memcpy(p + i, &seed, 8);
	}
	return (struct bytes){ p, len };
}

static char *
sha256_hex(TALLOC_CTX *ctx, const unsigned char *p, size_t len)
{
	unsigned char digest[SHA256_DIGEST_LENGTH];
	struct buf buf;

	SHA256(p, len, digest);
	buf_init(&buf, ctx, 100);
	buf_hex(&buf, digest, sizeof digest);
	return buf.p;
}

static char *
chunks_of(TALLOC_CTX *ctx, struct bytes bytes)
{
	char *list = mem_text(ctx, "");

	for (size_t at = 0; at < bytes.len; at += BLOB_CHUNK) {
		size_t n = bytes.len - at < BLOB_CHUNK ? bytes.len - at : BLOB_CHUNK;

		list = mem_printf(ctx, "%s%s%s", list, at ? " " : "",
				  sha256_hex(ctx, (const unsigned char *)bytes.p + at, n));
	}
	return list;
}

static int
files_in(const char *path)
{
	DIR *dir = opendir(path);
	int n = 0;

	assert_non_null(dir);
	for (struct dirent *entry; (entry = readdir(dir));)
		n += entry->d_name[0] != '.';
	closedir(dir);
	return n;
}

static bool
is_whole(TALLOC_CTX *ctx, struct blobs *blobs, const char *name)
{
	struct err err;
	unsigned char *p;
	int64_t size;
	int fd SCOPED(fd) = -1;

	if (!blob_open(blobs, name, &fd, &size, &err))
		return false;
	p = mem_size(ctx, (size_t)size + 1);
	return read(fd, p, (size_t)size + 1) == size &&
	       strcmp(sha256_hex(ctx, p, (size_t)size), name) == 0;
}

/* The receiver as the server is one: it never waits inside a write. */
struct source {
	pthread_mutex_t lock;
	pthread_cond_t go;
	int fulls, drains;
};

static void
on_drained(void *arg)
{
	struct source *source = arg;

	pthread_mutex_lock(&source->lock);
	source->drains++;
	pthread_cond_signal(&source->go);
	pthread_mutex_unlock(&source->lock);
}

static bool
send_piece(struct source *source, struct blob_draft *draft, struct bytes piece, struct err *err)
{
	bool full;

	if (!blob_draft_write(draft, piece, &full, err))
		return false;
	pthread_mutex_lock(&source->lock);
	if (full)
		source->fulls++;
	while (source->drains < source->fulls)
		pthread_cond_wait(&source->go, &source->lock);
	pthread_mutex_unlock(&source->lock);
	return true;
}

static void
a_draft_gets_the_name_of_its_content_and_the_hashes_of_its_chunks(void **state)
{
	static const size_t sizes[] = { 0, 1, BLOB_BLOCK - 1, BLOB_BLOCK, BLOB_BLOCK + 1,
					BLOB_CHUNK - 1, BLOB_CHUNK, BLOB_CHUNK + 1, 2 * BLOB_CHUNK + 777777 };
	struct blobs *blobs = open_blobs(*state, test_dir(*state));
	struct err err = { 0 };

	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		TALLOC_CTX *ctx = talloc_new(*state);
		struct bytes all = content(ctx, sizes[i], i);
		struct source source = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, 0 };
		struct blob_draft *draft, *adopted;
		char *path;
		int fd;

		assert_ok(blob_draft_new(ctx, blobs, i % 2 ? (int64_t)sizes[i] + 5000 : 0, &draft, &err), &err);
		blob_draft_on_drained(draft, on_drained, &source);
		for (size_t at = 0, n; at < all.len; at += n) {
			n = all.len - at < 33333 ? all.len - at : 33333;
			assert_ok(send_piece(&source, draft,
					     (struct bytes){ (const char *)all.p + at, n }, &err), &err);
		}
		assert_ok(blob_draft_done(draft, &err), &err);
		assert_ok(blob_draft_done(draft, &err), &err);
		assert_string_equal(draft->name, sha256_hex(ctx, all.p, all.len));
		assert_string_equal(draft->chunk_sha256s, chunks_of(ctx, all));
		assert_int_equal(draft->size, all.len);
		assert_ok(blob_keep(blobs, draft, &err), &err);
		assert_true(is_whole(ctx, blobs, draft->name));
		blob_unpin(blobs, draft->name);

		path = mem_printf(ctx, "%s/resumed", blobs_tmp(blobs));
		fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
		assert_int_equal(write(fd, all.p, all.len), all.len);
		close(fd);
		assert_ok(blob_draft_adopt(ctx, blobs, path, &adopted, &err), &err);
		assert_string_equal(adopted->name, draft->name);
		assert_string_equal(adopted->chunk_sha256s, draft->chunk_sha256s);
		assert_int_equal(adopted->size, all.len);
		for (int again = 0; again < 2; again++) {	/* what is there already is fine */
			assert_ok(blob_keep(blobs, adopted, &err), &err);
			assert_true(is_whole(ctx, blobs, adopted->name));
			blob_unpin(blobs, adopted->name);
		}
		talloc_free(ctx);
		assert_int_equal(files_in(blobs_tmp(blobs)), 1);
		path = mem_printf(*state, "%s/resumed", blobs_tmp(blobs));
		assert_int_equal(unlink(path), 0);	/* its owner's to remove */
	}
	assert_int_equal(files_in(blobs_tmp(blobs)), 0);
}

static void
a_draft_that_is_not_kept_leaves_nothing(void **state)
{
	struct blobs *blobs = open_blobs(*state, test_dir(*state));
	struct bytes all = content(*state, 3 << 20, 1);
	struct blob_draft *draft;
	struct err err = { 0 };

	for (int done = 0; done < 2; done++) {
		assert_ok(blob_draft_new(*state, blobs, 0, &draft, &err), &err);
		assert_ok(blob_draft_write(draft, all, NULL, &err), &err);
		if (done)
			assert_ok(blob_draft_done(draft, &err), &err);
		assert_int_equal(files_in(blobs_tmp(blobs)), 1);
		talloc_free(draft);
		assert_int_equal(files_in(blobs_tmp(blobs)), 0);
	}
}

static void
a_resumed_upload_is_written_on_where_it_ended(void **state)
{
	static const size_t parts[] = { 0, 10, BLOB_BLOCK, 3 * BLOB_BLOCK + 5, 1 };
	const char *dir = test_dir(*state);
	struct blobs *blobs = open_blobs(*state, dir);
	struct bytes all = content(*state, 2 << 20, 1);
	char *path = mem_printf(*state, "%s/part", dir);
	struct blob_draft *draft;
	struct err err = { 0 };
	int64_t at = 0;

	close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
		struct bytes part = { (const char *)all.p + at, parts[i] };

		assert_false(blob_draft_append(*state, blobs, path, at + 1, 0, &draft, &err));
		assert_int_equal(err.kind, ERR_CONFLICT);
		assert_ok(blob_draft_append(*state, blobs, path, at, i % 2 ? 1 << 20 : 0, &draft, &err), &err);
		assert_ok(blob_draft_write(draft, part, NULL, &err), &err);
		assert_ok(blob_draft_done(draft, &err), &err);
		assert_int_equal(draft->size, parts[i]);
		talloc_free(draft);
		at += (int64_t)parts[i];
	}
	assert_ok(blob_draft_adopt(*state, blobs, path, &draft, &err), &err);
	assert_int_equal(draft->size, at);
	assert_string_equal(draft->name, sha256_hex(*state, all.p, (size_t)at));
}

static long
resident_kb(void)
{
	FILE *file SCOPED(file) = fopen("/proc/self/status", "re");
	char line[200];
	long kb = 0;

	while (file && fgets(line, sizeof line, file))
		if (sscanf(line, "VmRSS: %ld", &kb) == 1)
			break;
	return kb;
}

static void
a_large_draft_takes_little_memory_and_no_turn_of_the_receiver(void **state)
{
	struct blobs *blobs = open_blobs(*state, test_dir(*state));
	struct bytes piece = content(*state, 64 << 10, 1);
	struct source source = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, 0 };
	struct blob_draft *draft;
	struct err err = { 0 };
	long before, most = 0;

	assert_ok(blob_draft_new(*state, blobs, 0, &draft, &err), &err);
	blob_draft_on_drained(draft, on_drained, &source);
	before = resident_kb();
	for (int i = 0; i < 96 * 16; i++) {
		assert_ok(send_piece(&source, draft, piece, &err), &err);
		if (i % 64 == 0 && resident_kb() > most)
			most = resident_kb();
	}
	assert_ok(blob_draft_done(draft, &err), &err);
	print_message("  %ld KB more for %lld MB; full %d times\n", most - before,
		      (long long)draft->size >> 20, source.fulls);
	assert_true(most - before < 12 << 10);
	assert_int_equal(source.fulls, source.drains);
	talloc_free(draft);
}

static void
a_source_that_does_not_stop_is_refused(void **state)
{
	struct blobs *blobs = open_blobs(*state, test_dir(*state));
	struct bytes piece = content(*state, 3 * BLOB_BLOCKS_MAX * BLOB_BLOCK, 1);
	struct blob_draft *draft;
	struct err err = { 0 };
	bool full, ok = true;

	assert_ok(blob_draft_new(*state, blobs, 0, &draft, &err), &err);
	for (int i = 0; ok && i < 100; i++)
		ok = blob_draft_write(draft, piece, &full, &err);
	assert_false(ok);
	assert_int_equal(err.kind, ERR_BUSY);
	talloc_free(draft);
}

static void
only_a_hash_names_a_file(void **state)
{
	static const char *const names[] = { "", "../pomona.db", "aa",
		"E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855",
		"aa/../../../../../../../../../../../../../../../../../etc/passwd" };
	struct blobs *blobs = open_blobs(*state, test_dir(*state));
	struct err err = { 0 };
	int64_t size = 7;
	int fd = -7;

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		assert_false(blob_open(blobs, names[i], &fd, &size, &err));
		assert_int_equal(err.kind, ERR_MISSING);
	}
	assert_false(blob_open(blobs, sha256_hex(*state, (const unsigned char *)"", 0), &fd, &size, &err));
	assert_int_equal(err.kind, ERR_MISSING);
	assert_int_equal(fd, -7);
	assert_int_equal(size, 7);
}

struct sweep {
	struct blobs *blobs;
	struct bytes comes_back;	/* is uploaded while the sweep asks about it */
	const char *wanted, *failing;
	bool came_back;
};

static bool
ask(const char *name, void *arg, bool *ret, struct err *err)
{
	struct sweep *sweep = arg;
	char back[BLOB_NAME_SIZE];

	if (sweep->failing && strcmp(name, sweep->failing) == 0)
		return err_set(err, ERR_INTERNAL, "the database is away");
	*ret = sweep->wanted && strcmp(name, sweep->wanted) == 0;
	if (!sweep->came_back && sweep->comes_back.len) {
		sweep->came_back = true;
		if (!blob_put(sweep->blobs, sweep->comes_back, back, err))
			return false;
		blob_unpin(sweep->blobs, back);
	}
	return true;
}

static void
a_sweep_takes_only_what_nobody_wants_or_holds(void **state)
{
	struct blobs *blobs = open_blobs(*state, test_dir(*state));
	char wanted[BLOB_NAME_SIZE], held[BLOB_NAME_SIZE], lost[BLOB_NAME_SIZE];
	struct sweep sweep = { .blobs = blobs, .wanted = wanted };
	struct err err = { 0 };
	int removed;

	assert_ok(blob_put(blobs, content(*state, 100, 1), wanted, &err), &err);
	assert_ok(blob_put(blobs, content(*state, 100, 2), held, &err), &err);
	assert_ok(blob_put(blobs, content(*state, 100, 2), held, &err), &err);
	assert_ok(blob_put(blobs, content(*state, 100, 3), lost, &err), &err);
	blob_unpin(blobs, wanted);
	blob_unpin(blobs, held);	/* once of twice */
	blob_unpin(blobs, lost);

	sweep.failing = lost;
	assert_false(blob_sweep(blobs, ask, &sweep, false, &removed, &err));
	assert_true(is_whole(*state, blobs, lost));
	sweep.failing = NULL;
	assert_ok(blob_sweep(blobs, ask, &sweep, false, &removed, &err), &err);
	assert_int_equal(removed, 1);
	assert_true(is_whole(*state, blobs, wanted));
	assert_true(is_whole(*state, blobs, held));
	assert_false(is_whole(*state, blobs, lost));
	blob_unpin(blobs, held);
	assert_ok(blob_sweep(blobs, ask, &sweep, false, &removed, &err), &err);
	assert_int_equal(removed, 1);
	assert_false(is_whole(*state, blobs, held));
}

static void
an_upload_that_comes_and_goes_during_a_sweep_is_left_alone(void **state)
{
	struct blobs *blobs = open_blobs(*state, test_dir(*state));
	struct sweep sweep = { .blobs = blobs, .comes_back = content(*state, 100, 1) };
	char name[BLOB_NAME_SIZE];
	struct err err = { 0 };
	int removed;

	assert_ok(blob_put(blobs, sweep.comes_back, name, &err), &err);
	blob_unpin(blobs, name);
	assert_ok(blob_sweep(blobs, ask, &sweep, false, &removed, &err), &err);
	assert_true(sweep.came_back);
	assert_int_equal(removed, 0);
	assert_true(is_whole(*state, blobs, name));
	assert_ok(blob_sweep(blobs, ask, &sweep, false, &removed, &err), &err);
	assert_int_equal(removed, 1);
}

static void
a_second_server_cannot_sweep_the_same_directory(void **state)
{
	const char *dir = test_dir(*state);
	struct blobs *first = open_blobs(*state, dir), *second = open_blobs(*state, dir);
	struct sweep sweep = { 0 };
	struct err err = { 0 };
	int removed;

	assert_ok(blob_sweep(first, ask, &sweep, true, &removed, &err), &err);
	assert_false(blob_sweep(second, ask, &sweep, true, &removed, &err));
	assert_int_equal(err.kind, ERR_CONFLICT);
	talloc_free(first);
	assert_ok(blob_sweep(second, ask, &sweep, true, &removed, &err), &err);
}

/* Puts files without end, of one block and of several, and tells which were kept. */
static void
put_until_killed(const char *dir, int told, uint64_t seed)
{
	char name[BLOB_NAME_SIZE];
	struct blobs *blobs = NULL;
	struct err err;
	bool ok = blobs_open(NULL, dir, 0, &blobs, &err);

	for (; ok; seed++) {
		TALLOC_CTX *ctx = talloc_new(NULL);

		ok = blob_put(blobs, content(ctx, seed * 7919 % (900 << 10), seed), name, &err) &&
		     write(told, name, sizeof name) == sizeof name;
		talloc_free(ctx);
	}
	_exit(1);
}

static bool
want_all(const char *name, void *arg, bool *ret, struct err *err)
{
	(void)name;
	(void)arg;
	(void)err;
	*ret = true;
	return true;
}

static void
what_was_kept_survives_kill_9_and_the_rest_is_cleaned_up(void **state)
{
	const char *dir = test_dir(*state);
	int seen = 0, left = 0;

	for (int round = 0; round < 8; round++) {
		TALLOC_CTX *ctx = talloc_new(*state);
		char name[BLOB_NAME_SIZE];
		struct blobs *blobs;
		struct err err = { 0 };
		int told[2], status, removed, until = (int)(random() % 12);
		pid_t child;

		assert_int_equal(pipe(told), 0);
		if ((child = fork()) == 0)
			put_until_killed(dir, told[1], (uint64_t)(round + 1) * 1000);
		close(told[1]);
		blobs = open_blobs(ctx, dir);
		for (int n = 0; read(told[0], name, sizeof name) == sizeof name; n++, seen++) {
			if (n == until) {
				usleep((unsigned)random() % 3000);	/* anywhere in the next one */
				kill(child, SIGKILL);
			}
			assert_true(is_whole(ctx, blobs, name));
		}
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFSIGNALED(status));
		close(told[0]);
		left += files_in(blobs_tmp(blobs));
		assert_ok(blob_sweep(blobs, want_all, NULL, true, &removed, &err), &err);
		assert_int_equal(files_in(blobs_tmp(blobs)), 0);
		talloc_free(ctx);
	}
	print_message("  %d kept; %d left half done\n", seen, left);
}

static void
a_full_disk_is_told_before_or_during_a_draft_and_harms_nothing(void **state)
{
	const char *dir = test_dir(*state);
	struct source source = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, 0 };
	struct bytes piece = content(*state, 100 << 10, 1);
	char name[BLOB_NAME_SIZE];
	struct blobs *blobs, *careful;
	struct blob_draft *draft, *other;
	struct err err = { 0 };
	bool ok = true;

	if (mount("tmpfs", dir, "tmpfs", 0, "size=32m") != 0) {
		test_skip("no right to mount a tmpfs");
		return;
	}
	blobs = open_blobs(*state, dir);
	assert_ok(blob_put(blobs, piece, name, &err), &err);
	assert_false(blob_draft_new(*state, blobs, 33 << 20, &draft, &err));
	assert_int_equal(err.kind, ERR_NO_ROOM);

	/* What one was promised, another cannot have. */
	assert_ok(blob_draft_new(*state, blobs, 20 << 20, &draft, &err), &err);
	assert_false(blob_draft_new(*state, blobs, 20 << 20, &other, &err));
	assert_int_equal(err.kind, ERR_NO_ROOM);
	talloc_free(draft);
	assert_int_equal(files_in(blobs_tmp(blobs)), 0);

	/* Of unknown size: until the disk is full, or until what is kept for the database is reached. */
	assert_ok(blobs_open(*state, dir, 16 << 20, &careful, &err), &err);
	for (int round = 0; round < 2; round++, ok = true) {
		assert_ok(blob_draft_new(*state, round ? careful : blobs, 0, &draft, &err), &err);
		blob_draft_on_drained(draft, on_drained, &source);
		for (int i = 0; ok && i < 1000; i++)
			ok = send_piece(&source, draft, piece, &err);
		assert_false(ok);
		assert_int_equal(err.kind, ERR_NO_ROOM);
		assert_true(round ? draft->size < 28 << 20 : draft->size > 28 << 20);
		assert_false(blob_draft_done(draft, &err));
		assert_int_equal(err.kind, ERR_NO_ROOM);
		talloc_free(draft);
	}

	assert_int_equal(files_in(blobs_tmp(blobs)), 0);
	assert_true(is_whole(*state, blobs, name));
	assert_ok(blob_put(blobs, content(*state, 20 << 20, 2), name, &err), &err);
	talloc_free(blobs);
	talloc_free(careful);
	assert_int_equal(umount(dir), 0);
}

TESTS(a_draft_gets_the_name_of_its_content_and_the_hashes_of_its_chunks,
      a_draft_that_is_not_kept_leaves_nothing, a_resumed_upload_is_written_on_where_it_ended,
      a_large_draft_takes_little_memory_and_no_turn_of_the_receiver,
      a_source_that_does_not_stop_is_refused, only_a_hash_names_a_file,
      a_sweep_takes_only_what_nobody_wants_or_holds,
      an_upload_that_comes_and_goes_during_a_sweep_is_left_alone,
      a_second_server_cannot_sweep_the_same_directory,
      what_was_kept_survives_kill_9_and_the_rest_is_cleaned_up,
      a_full_disk_is_told_before_or_during_a_draft_and_harms_nothing)
