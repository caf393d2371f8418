#include "web/upload_files.h"
#include "web/rooms.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const char *
upload_dir(TALLOC_CTX *ctx, struct site *site)
{
	return mem_printf(ctx, "%s/uploads", site->data_dir);
}

const char *
upload_path(TALLOC_CTX *ctx, struct site *site, const char *id)
{
	return mem_printf(ctx, "%s/%s", upload_dir(ctx, site), id);
}

/* Files of which no row is left. */
bool
upload_sweep_files(struct site *site, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	DIR *dir = opendir(upload_dir(ctx, site));
	struct dirent *entry;
	bool ok = true, there;

	if (!dir)
		return err_errno(err, "list %s", upload_dir(ctx, site));
	while (ok && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		ok = upload_exists(site->db, entry->d_name, &there, err);
		if (ok && !there && unlinkat(dirfd(dir), entry->d_name, 0) != 0 && errno != ENOENT)
			ok = err_errno(err, "remove %s", entry->d_name);
	}
	closedir(dir);
	return ok;
}

/*
 * A part on its way has all of its room already, where the file system can reserve.  Whose last byte came long ago has
 * its room when it goes on, if there still is some: what a CI job announced before it died keeps nobody out.
 */
static int64_t
missing(void *site, const char *id, int64_t length)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct stat st;
	int64_t here;

	if (stat(upload_path(ctx, site, id), &st) != 0)
		return length;		/* it is being made */
	if (time(NULL) - st.st_mtime > UPLOAD_PROMISED_S)
		return 0;
	here = st.st_blocks * 512 > st.st_size ? st.st_blocks * 512 : st.st_size;
	return length > here ? length - here : 0;
}

bool
upload_room(struct site *site, int64_t length, struct err *err)
{
	int64_t room, announced;

	if (!blobs_room(site->blobs, &room, err) ||
	    !upload_promised(site->db, missing, site, &announced, err))
		return false;
	room -= announced + blobs_promised(site->blobs) + site_conf(site)->upload_keep_free_mb * 1000000;
	return room >= length || err_set(err, ERR_NO_ROOM, "the disk has no room for %lld bytes", (long long)length);
}

bool
upload_file_make(struct site *site, const char *id, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	int dir SCOPED(fd) = open(upload_dir(ctx, site), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int fd SCOPED(fd) = dir < 0 ? -1 : openat(dir, id, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	return (fd >= 0 && fsync(dir) == 0) || err_errno(err, "make the upload's file");
}

bool
upload_file_offset(struct site *site, const struct upload *upload, int64_t *ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct stat st;

	if (upload->status != UPLOAD_RECEIVING) {
		*ret = upload->length;
		return true;
	}
	if (stat(upload_path(ctx, site, upload->id), &st) != 0)
		return err_set(err, ERR_MISSING, "its file is gone");
	*ret = upload->proved >= 0 && upload->proved < st.st_size ? upload->proved : st.st_size;
	return true;
}

bool
upload_file_cut(const char *path, int64_t size, struct err *err)
{
	int fd SCOPED(fd) = open(path, O_WRONLY | O_CLOEXEC);
	struct stat st;

	return (fd >= 0 && fstat(fd, &st) == 0 &&
		(st.st_size <= size || (ftruncate(fd, size) == 0 && fsync(fd) == 0))) ||
	       err_errno(err, "take back what is not proved right");
}

/* ---- one request at a time for each upload ---- */

struct busy {
	struct busy *next;
	char id[40];
};
static struct busy *busy_list;
static pthread_mutex_t busy_lock = PTHREAD_MUTEX_INITIALIZER;

static int
leave(struct busy *busy)
{
	struct busy **at;

	pthread_mutex_lock(&busy_lock);
	for (at = &busy_list; *at != busy; at = &(*at)->next)
		;
	*at = busy->next;
	pthread_mutex_unlock(&busy_lock);
	return 0;
}

bool
upload_enter(TALLOC_CTX *ctx, const char *id, struct err *err)
{
	struct busy *busy = mem_new(ctx, struct busy), *other;

	snprintf(busy->id, sizeof busy->id, "%s", id);
	pthread_mutex_lock(&busy_lock);
	for (other = busy_list; other && strcmp(other->id, busy->id) != 0; other = other->next)
		;
	if (!other) {
		busy->next = busy_list;
		busy_list = busy;
		talloc_set_destructor(busy, leave);
	}
	pthread_mutex_unlock(&busy_lock);
	return !other || err_set(err, ERR_LOCKED, "another request is sending to this upload");
}
