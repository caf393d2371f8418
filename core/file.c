#include "core/file.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_ROOM 4096	/* to begin with, for what does not know its size */

bool
file_read(TALLOC_CTX *ctx, const char *path, size_t max, struct bytes *ret, struct err *err)
{
	int fd SCOPED(fd) = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	size_t room, len = 0;
	char *p;

	if (fd < 0 || fstat(fd, &st) != 0)
		return err_errno(err, "open %s", path);
	room = st.st_size > 0 ? (size_t)st.st_size : FILE_ROOM;
	if (room > max)
		room = max;
	p = mem_size(ctx, room + 1);	/* one more than may be there shows that there is more */
	for (;;) {
		ssize_t n = read(fd, p + len, room + 1 - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			talloc_free(p);
			return err_errno(err, "read %s", path);
		}
		if (n == 0)
			break;
		len += (size_t)n;
		if (len > max) {
			talloc_free(p);
			return err_set(err, ERR_LIMIT, "%s is larger than %zu bytes", path, max);
		}
		if (len > room) {
			room = room < max / 2 ? room * 2 : max;
			p = mem_grow(ctx, p, char, room + 1);
		}
	}
	p[len] = '\0';
	*ret = (struct bytes){ p, len };
	return true;
}

static bool
write_all(int fd, struct bytes bytes)
{
	const char *p = bytes.p;

	while (bytes.len) {
		ssize_t n = write(fd, p, bytes.len);

		if (n < 0 && errno != EINTR)
			return false;
		p += n < 0 ? 0 : n;
		bytes.len -= n < 0 ? 0 : (size_t)n;
	}
	return true;
}

bool
file_put(int fd, struct bytes bytes, const char *what, struct err *err)
{
	return write_all(fd, bytes) || err_errno(err, "write %s", what);
}

static bool
sync_directory_of(TALLOC_CTX *ctx, const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *dir = !slash ? "." : slash == path ? "/" : mem_textn(ctx, path, (size_t)(slash - path));
	int fd SCOPED(fd) = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd >= 0 && fsync(fd) == 0;
}

bool
file_write(const char *path, int mode, struct bytes bytes, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	const char *new = mem_printf(ctx, "%s.new", path);
	int fd SCOPED(fd) = -1;

	unlink(new);	/* what a crash left */
	fd = open(new, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	if (fd < 0 || fchmod(fd, (mode_t)mode) != 0 || !write_all(fd, bytes) || fsync(fd) != 0 ||
	    rename(new, path) != 0 || !sync_directory_of(ctx, path)) {
		err_errno(err, "write %s", path);
		if (fd >= 0)
			unlink(new);
		return false;
	}
	return true;
}
