#include "tests/check.h"
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct bytes
test_file(TALLOC_CTX *ctx, const char *path)
{
	struct bytes bytes = { 0 };
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *p;

	if (fd < 0 || fstat(fd, &st) != 0)
		fail_msg("open %s: %s", path, strerror(errno));
	p = mem_size(ctx, (size_t)st.st_size + 1);
	while (bytes.len < (size_t)st.st_size) {
		ssize_t n = read(fd, p + bytes.len, (size_t)st.st_size - bytes.len);

		if (n <= 0)
			fail_msg("read %s", path);
		bytes.len += (size_t)n;
	}
	close(fd);
	bytes.p = p;
	return bytes;
}

struct bytes
test_data(TALLOC_CTX *ctx, const char *name)
{
	return test_file(ctx, mem_printf(ctx, "tests/data/%s", name));
}

const char *
test_shared(TALLOC_CTX *ctx, const char *name)
{
	const char *shared = getenv("POMONA_SHARED");
	char *path = mem_printf(ctx, "%s/%s", shared ? shared : "../shared", name);

	return access(path, R_OK) == 0 ? path : NULL;
}

static int
remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)st;
	(void)kind;
	(void)ftw;
	return remove(path);
}

static int
remove_dir(char **path)
{
	nftw(*path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	return 0;
}

const char *
test_dir(TALLOC_CTX *ctx)
{
	char **path = talloc(ctx, char *);

	*path = mem_text(path, "/tmp/pomona-test-XXXXXX");
	if (!mkdtemp(*path))
		fail_msg("mkdtemp: %s", strerror(errno));
	talloc_set_destructor(path, remove_dir);
	return *path;
}

int
test_setup(void **state)
{
	*state = talloc_named_const(NULL, 0, "test");
	return *state ? 0 : -1;
}

int
test_teardown(void **state)
{
	talloc_free(*state);
	return 0;
}
