/*
 * The child is this same program, started anew: a small clean address space whatever the server's
 * size, nothing of the server's memory in it, and safe to start from any thread.  It gets the file,
 * a pipe, and an environment of our making.
 *
 * The parent trusts none of what comes back: it is bounded in size and time, read as a stranger's
 * (ipa/answer), and a child that ends otherwise than with exit code 0 has answered nothing.
 */
#include "ipa/inspect.h"
#include "core/buf.h"
#include "core/clock.h"
#include "core/file.h"
#include "ipa/answer.h"
#include "ipa/apple_roots.h"
#include "ipa/facts.h"
#include "ipa/sandbox.h"
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROOTS_MAX	(1u << 20)
#define HASH_BLOCK	(1u << 20)

static bool
file_size(int fd, uint64_t *size, struct err *err)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return err_errno(err, "read the file");
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_INTERNAL, "not a regular file");
	*size = (uint64_t)st.st_size;
	return true;
}

static bool
hash_file(int fd, char hex[2 * EVP_MAX_MD_SIZE + 1], struct err *err)
{
	SCOPED(mem) unsigned char *block = mem_size(NULL, HASH_BLOCK);
	unsigned char digest[EVP_MAX_MD_SIZE];
	EVP_MD_CTX *md = mem_must(EVP_MD_CTX_new());
	struct buf text;
	unsigned len = 0;
	off_t at = 0;
	ssize_t n = 0;
	bool ok = EVP_DigestInit_ex(md, EVP_sha256(), NULL) == 1;

	while (ok && ((n = pread(fd, block, HASH_BLOCK, at)) > 0 || (n < 0 && errno == EINTR))) {
		if (n < 0)
			continue;
		ok = EVP_DigestUpdate(md, block, (size_t)n) == 1;
		at += n;
	}
	ok = ok && EVP_DigestFinal_ex(md, digest, &len) == 1;
	EVP_MD_CTX_free(md);
	if (n < 0)
		return err_errno(err, "read the file");
	if (!ok)
		return err_openssl(err, ERR_INTERNAL, "hash the file");
	buf_init(&text, block, 2 * EVP_MAX_MD_SIZE);
	buf_hex(&text, digest, len);
	memcpy(hex, buf_str(&text), 2 * (size_t)len + 1);
	return true;
}

/* What the caller may know already: an upload is hashed while it arrives. */
static void
add_file(struct inspect *inspect, uint64_t size, const char *sha256)
{
	json_object_set_new(inspect->facts, "file",
			    json_pack("{s:I, s:s}", "size", (json_int_t)size, "sha256", sha256));
}

static bool
open_roots(TALLOC_CTX *ctx, const char *path, struct provision_roots **ret, struct err *err)
{
	struct bytes pem = { 0 };

	if (path && !file_read(ctx, path, ROOTS_MAX, &pem, err))
		return false;
	if (!provision_roots_open(ctx, pem, ret, err)) {
		err->kind = ERR_INTERNAL;	/* of the configuration, not of the file */
		return false;
	}
	return true;
}

/* The parent's side. */

struct child {
	pid_t pid;
	int answer;		/* the pipe's reading end */
};

static bool
spawn(const struct inspect_opts *opts, int fd, struct child *child, struct err *err)
{
	SCOPED(mem) TALLOC_CTX *tmp = talloc_new(NULL);
	/* Nothing of the server's own environment, which may hold its secrets. */
	static char *const environment[] = {
		"TZ=UTC0", "LC_ALL=C", "MALLOC_ARENA_MAX=1",
#ifdef POMONA_SANITIZED
		"ASAN_OPTIONS=hard_rss_limit_mb=512:detect_leaks=0",
#endif
		NULL };
	char *argv[12] = { "pomona", "inspect", "--child", "--now", clock_text(tmp, opts->now) };
	int argc = 5, ends[2], out, code;
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attributes;
	sigset_t none, all;

	if (opts->udids)
		argv[argc++] = "--udids";
	if (opts->files)
		argv[argc++] = "--files";
	if (opts->alone)
		argv[argc++] = "--alone";
	if (opts->extra_roots) {
		argv[argc++] = "--extra-root";
		argv[argc++] = (char *)opts->extra_roots;
	}
	if (pipe2(ends, O_CLOEXEC) != 0)
		return err_errno(err, "make a pipe");
	/* Above the three that are replaced below, should one of those be closed here. */
	out = fcntl(ends[1], F_DUPFD_CLOEXEC, 3);
	close(ends[1]);
	if (out < 0) {
		close(ends[0]);
		return err_errno(err, "make a pipe");
	}

	sigemptyset(&none);
	sigfillset(&all);
	posix_spawn_file_actions_init(&files);
	posix_spawnattr_init(&attributes);
	posix_spawn_file_actions_adddup2(&files, fd, STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&files, out, STDOUT_FILENO);
#ifndef POMONA_SANITIZED
	posix_spawn_file_actions_addopen(&files, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
#endif
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setsigdefault(&attributes, &all);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	code = posix_spawn(&child->pid, "/proc/self/exe", &files, &attributes, argv, environment);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&files);
	close(out);
	if (code != 0) {
		close(ends[0]);
		errno = code;
		return err_errno(err, "start the inspect child");
	}
	child->answer = ends[0];
	return true;
}

/* Until the pipe ends; false when the deadline or the bound was passed first. */
static bool
read_answer(int fd, int64_t deadline, struct buf *answer)
{
	char block[65536];

	for (;;) {
		struct pollfd ready = { .fd = fd, .events = POLLIN };
		int64_t left = deadline - clock_ms();
		ssize_t n;

		if (left <= 0 || answer->overflow)
			return false;
		if (poll(&ready, 1, (int)left) <= 0)
			continue;
		n = read(fd, block, sizeof block);
		if (n == 0)
			return true;
		if (n > 0)
			buf_add(answer, block, (size_t)n);
		else if (errno != EINTR)
			return false;
	}
}

/* Always reaps it; false when it did not end by itself and well. */
static bool
finish(struct child *child, bool whole)
{
	int status;

	close(child->answer);
	if (!whole)
		kill(child->pid, SIGKILL);
	while (waitpid(child->pid, &status, 0) < 0)
		if (errno != EINTR)
			return false;
	return whole && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

bool
inspect_child(TALLOC_CTX *ctx, int fd, const struct inspect_opts *opts, struct inspect **ret,
	      bool *died, struct err *err)
{
	SCOPED(mem) TALLOC_CTX *tmp = talloc_new(NULL);
	char hex[2 * EVP_MAX_MD_SIZE + 1];
	enum answer kind = ANSWER_NONSENSE;
	struct inspect *inspect;
	struct child child;
	struct buf answer;
	struct err hash_err;
	uint64_t size;
	bool hashed, whole;

	*died = false;
	if (!file_size(fd, &size, err) || !spawn(opts, fd, &child, err))
		return false;
	/* Meanwhile: the child works on another processor. */
	hashed = opts->sha256 || hash_file(fd, hex, &hash_err);
	buf_init(&answer, tmp, INSPECT_ANSWER_MAX);
	whole = read_answer(child.answer, clock_ms() + INSPECT_WALL_MAX_S * 1000, &answer);
	if (finish(&child, whole))
		kind = answer_read(tmp, (struct bytes){ answer.p, answer.len }, opts->alone, &inspect, err);
	if (kind == ANSWER_REFUSED)
		return false;
	if (kind == ANSWER_NONSENSE) {
		*died = true;
		return err_code(err, ERR_INVALID, "hostile_zip",
				"the file could not be read safely: reading it took "
				"too much memory or time, or broke its reader");
	}
	if (!hashed) {
		*err = hash_err;
		return false;
	}
	add_file(inspect, size, opts->sha256 ? opts->sha256 : hex);
	*ret = talloc_steal(ctx, inspect);
	return true;
}

/* The child's side. */

static int
by_value(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

/*
 * What libraries do once, lazily, and by means that are about to be forbidden: fetch algorithms,
 * decode a key, seed hash tables from /dev/urandom (jansson), ask for the size of memory (qsort).
 */
static bool
prepare(struct err *err)
{
	SCOPED(x509_stack) STACK_OF(X509) *roots = NULL;
	static const char *const digests[] = { "SHA1", "SHA256", "SHA384", "SHA512" };
	int numbers[1024];

	tzset();
	mallopt(M_ARENA_MAX, 1);
	json_object_seed(0);
	for (int i = 0; i < 1024; i++)
		numbers[i] = 1024 - i;
	qsort(numbers, 1024, sizeof *numbers, by_value);
	for (size_t i = 0; i < sizeof digests / sizeof *digests; i++) {
		unsigned char digest[EVP_MAX_MD_SIZE];

		EVP_Q_digest(NULL, digests[i], NULL, "", 0, digest, NULL);
	}
	if (!apple_roots_read(&roots, err))
		return false;
	for (int i = 0; i < sk_X509_num(roots); i++) {
		X509 *root = sk_X509_value(roots, i);

		X509_verify(root, X509_get0_pubkey(root));
	}
	return true;
}

static _Noreturn void
say(TALLOC_CTX *ctx, const struct inspect *inspect, const struct err *err)
{
	struct buf out;
	size_t sent = 0;

	buf_init(&out, ctx, INSPECT_ANSWER_MAX);
	answer_write(&out, inspect, err);
	while (!out.overflow && sent < out.len) {
		ssize_t n = write(STDOUT_FILENO, out.p + sent, out.len - sent);

		if (n <= 0)
			_exit(1);
		sent += (size_t)n;
	}
	_exit(out.overflow ? 1 : 0);
}

static bool
read_args(int argc, char **argv, struct inspect_opts *opts, struct err *err)
{
	opts->now = clock_now();
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--udids") == 0)
			opts->udids = true;
		else if (strcmp(argv[i], "--files") == 0)
			opts->files = true;
		else if (strcmp(argv[i], "--alone") == 0)
			opts->alone = true;
		else if (strcmp(argv[i], "--extra-root") == 0 && i + 1 < argc)
			opts->extra_roots = argv[++i];
		else if (strcmp(argv[i], "--now") == 0 && i + 1 < argc &&
			 !clock_parse(argv[++i], &opts->now, err))
			return false;
	}
	return true;
}

_Noreturn void
inspect_child_main(int argc, char **argv)
{
	TALLOC_CTX *ctx = talloc_new(NULL);
	struct provision_roots *roots = NULL;
	struct inspect_opts opts = { 0 };
	struct inspect *inspect = NULL;
	struct err err = { 0 };
	uint64_t size = 0;
	bool ok;

	close_range(3, ~0u, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setenv("TZ", "UTC0", 1);
	OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_ATEXIT, NULL);
	ok = read_args(argc, argv, &opts, &err) && file_size(STDIN_FILENO, &size, &err) &&
	     prepare(&err) && open_roots(ctx, opts.extra_roots, &roots, &err) &&
	     sandbox_limits(INSPECT_MEMORY_MAX, INSPECT_CPU_MAX_S, &err) &&
	     sandbox_enter(STDIN_FILENO, STDOUT_FILENO, &err) &&
	     facts_read(ctx, STDIN_FILENO, size, &opts, roots, &inspect, &err);
	say(ctx, ok ? inspect : NULL, &err);
}
