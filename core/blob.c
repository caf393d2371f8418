/*
 * The directory.  A name is pinned before its file appears, so at any moment a file is temporary,
 * pinned, referred to by the database, or free to be swept.
 *
 * The sweep asks the database about a name without holding the lock.  Meanwhile an upload of the
 * same bytes may pin it, commit and unpin it: so while any sweep runs, a name that was pinned stays
 * on the list with a count of 0, and is left alone.
 */
#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include "core/blob_dir.h"
#include "core/num.h"

struct blob_pin {
	char name[BLOB_NAME_SIZE];
	int count;
	struct blob_pin *next;
};

static int
close_blobs(struct blobs *blobs)
{
	if (blobs->owned >= 0)
		close(blobs->owned);
	pthread_mutex_destroy(&blobs->lock);
	return 0;
}

bool
blobs_open(TALLOC_CTX *ctx, const char *dir, int64_t free_min, struct blobs **ret, struct err *err)
{
	struct blobs *blobs = mem_new(ctx, struct blobs);

	blobs->dir = mem_text(blobs, dir);
	blobs->tmp = mem_printf(blobs, "%s/tmp", dir);
	blobs->free_min = free_min;
	blobs->owned = -1;
	pthread_mutex_init(&blobs->lock, NULL);
	talloc_set_destructor(blobs, close_blobs);
	if ((mkdir(blobs->dir, 0700) != 0 && errno != EEXIST) ||
	    (mkdir(blobs->tmp, 0700) != 0 && errno != EEXIST)) {
		err_errno(err, "make %s", blobs->tmp);
		talloc_free(blobs);
		return false;
	}
	*ret = blobs;
	return true;
}

const char *
blobs_tmp(const struct blobs *blobs)
{
	return blobs->tmp;
}

bool
blobs_room(const struct blobs *blobs, int64_t *free_bytes, struct err *err)
{
	struct statvfs st;

	if (statvfs(blobs->tmp, &st) != 0)
		return err_errno(err, "statvfs %s", blobs->tmp);
	*free_bytes = (int64_t)st.f_bavail * (int64_t)st.f_frsize;
	return true;
}

int64_t
blobs_promised(struct blobs *blobs)
{
	int64_t promised;

	pthread_mutex_lock(&blobs->lock);
	promised = blobs->promised;
	pthread_mutex_unlock(&blobs->lock);
	return promised;
}

static bool
is_name(const char *name)
{
	return strlen(name) == BLOB_NAME_SIZE - 1 &&
	       strspn(name, "0123456789abcdef") == BLOB_NAME_SIZE - 1;
}

static void
pin(struct blobs *blobs, const char *name)
{
	struct blob_pin *p;

	pthread_mutex_lock(&blobs->lock);
	for (p = blobs->pins; p && strcmp(p->name, name) != 0; p = p->next)
		;
	if (!p) {
		p = mem_new(blobs, struct blob_pin);
		snprintf(p->name, sizeof p->name, "%s", name);
		p->next = blobs->pins;
		blobs->pins = p;
	}
	p->count++;
	pthread_mutex_unlock(&blobs->lock);
}

/* Forgets the names that nobody holds, unless a sweep still needs to know of them; locked. */
static void
forget_pins(struct blobs *blobs)
{
	if (blobs->sweeps)
		return;
	for (struct blob_pin **at = &blobs->pins, *p; (p = *at);) {
		if (p->count) {
			at = &p->next;
			continue;
		}
		*at = p->next;
		talloc_free(p);
	}
}

void
blob_unpin(struct blobs *blobs, const char *name)
{
	struct blob_pin *p;

	pthread_mutex_lock(&blobs->lock);
	for (p = blobs->pins; p && strcmp(p->name, name) != 0; p = p->next)
		;
	assert(p && p->count > 0);
	p->count--;
	forget_pins(blobs);
	pthread_mutex_unlock(&blobs->lock);
}

static bool
sync_dir(const char *path, struct err *err)
{
	int fd SCOPED(fd) = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return (fd >= 0 && fsync(fd) == 0) || err_errno(err, "sync %s", path);
}

/* Makes DIR/aa, once and durably. */
static bool
make_shelf(struct blobs *blobs, const char *name, const char *shelf, struct err *err)
{
	char digits[] = { name[0], name[1], '\0' };
	bool made = mkdir(shelf, 0700) == 0, known = true, synced;
	unsigned char which = 0;

	if (!made && errno != EEXIST)
		return err_errno(err, "make %s", shelf);
	known = num_unhex(digits, &which, 1);
	assert(known);
	pthread_mutex_lock(&blobs->lock);
	synced = blobs->synced[which];
	pthread_mutex_unlock(&blobs->lock);
	if (synced && !made)
		return true;
	/* Somebody else may have made it a moment ago and not synced yet. */
	if (!sync_dir(blobs->dir, err))
		return false;
	pthread_mutex_lock(&blobs->lock);
	blobs->synced[which] = true;
	pthread_mutex_unlock(&blobs->lock);
	return true;
}

bool
blob_keep(struct blobs *blobs, struct blob_draft *draft, struct err *err)
{
	TALLOC_CTX *scratch SCOPED(mem) = talloc_new(NULL);
	char *shelf = mem_printf(scratch, "%s/%.2s", blobs->dir, draft->name);
	char *path = mem_printf(scratch, "%s/%s", shelf, draft->name);
	bool ok;

	assert(is_name(draft->name));
	pin(blobs, draft->name);
	ok = make_shelf(blobs, draft->name, shelf, err) && blob_draft_move(draft, path, err) &&
	     sync_dir(shelf, err);
	if (!ok)
		blob_unpin(blobs, draft->name);
	return ok;
}

bool
blob_put(struct blobs *blobs, struct bytes bytes, char name[BLOB_NAME_SIZE], struct err *err)
{
	TALLOC_CTX *scratch SCOPED(mem) = talloc_new(NULL);
	struct blob_draft *draft;

	if (!blob_draft_new(scratch, blobs, (int64_t)bytes.len, &draft, err) ||
	    !blob_draft_write(draft, bytes, NULL, err) ||
	    !blob_draft_done(draft, err) || !blob_keep(blobs, draft, err))
		return false;
	memcpy(name, draft->name, BLOB_NAME_SIZE);
	return true;
}

bool
blob_open(struct blobs *blobs, const char *name, int *fd, int64_t *size, struct err *err)
{
	TALLOC_CTX *scratch SCOPED(mem) = talloc_new(NULL);
	struct stat st;
	int opened;

	if (!is_name(name))
		return err_set(err, ERR_MISSING, "no file has this name");
	opened = open(mem_printf(scratch, "%s/%.2s/%s", blobs->dir, name, name),
		      O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (opened < 0 && errno == ENOENT)
		return err_set(err, ERR_MISSING, "the file %s is not there", name);
	if (opened < 0)
		return err_errno(err, "open the file %s", name);
	if (fstat(opened, &st) != 0) {
		err_errno(err, "look at the file %s", name);
		close(opened);
		return false;
	}
	*fd = opened;
	*size = st.st_size;
	return true;
}

/* One server owns a directory: a second one would sweep away the drafts of the first. */
static bool
own(struct blobs *blobs, struct err *err)
{
	if (blobs->owned < 0)
		blobs->owned = open(blobs->tmp, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (blobs->owned < 0)
		return err_errno(err, "open %s", blobs->tmp);
	if (flock(blobs->owned, LOCK_EX | LOCK_NB) == 0)
		return true;
	if (errno == EWOULDBLOCK)
		return err_set(err, ERR_CONFLICT, "another server uses %s", blobs->dir);
	return err_errno(err, "lock %s", blobs->tmp);
}

/* A file of DIR/aa that nobody wants goes, unless it was pinned since the sweep began. */
static bool
sweep_blob(struct blobs *blobs, int shelf, const char *name, blob_wanted *wanted, void *arg,
	   int *removed, struct err *err)
{
	struct blob_pin *p;
	bool keep = true, ok;

	if (!is_name(name))
		return true;
	if (!wanted(name, arg, &keep, err))
		return false;
	if (keep)
		return true;
	pthread_mutex_lock(&blobs->lock);
	for (p = blobs->pins; p && strcmp(p->name, name) != 0; p = p->next)
		;
	ok = p || unlinkat(shelf, name, 0) == 0 || errno == ENOENT || err_errno(err, "remove %s", name);
	*removed += ok && !p;
	pthread_mutex_unlock(&blobs->lock);
	return ok;
}

static bool
sweep_dir(struct blobs *blobs, const char *path, blob_wanted *wanted, void *arg, int *removed,
	  struct err *err)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	bool ok = true;

	if (!dir)
		return errno == ENOENT || err_errno(err, "list %s", path);
	while (ok && (entry = readdir(dir))) {
		if (wanted)
			ok = sweep_blob(blobs, dirfd(dir), entry->d_name, wanted, arg, removed, err);
		else if (unlinkat(dirfd(dir), entry->d_name, 0) == 0)
			++*removed;
	}
	closedir(dir);
	return ok;
}

bool
blob_sweep(struct blobs *blobs, blob_wanted *wanted, void *arg, bool at_start, int *removed,
	   struct err *err)
{
	TALLOC_CTX *scratch SCOPED(mem) = talloc_new(NULL);
	int n = 0;
	bool ok = true;

	if (at_start)
		ok = own(blobs, err) && sweep_dir(blobs, blobs->tmp, NULL, NULL, &n, err);
	pthread_mutex_lock(&blobs->lock);
	blobs->sweeps++;
	pthread_mutex_unlock(&blobs->lock);
	for (int i = 0; ok && i < 256; i++)
		ok = sweep_dir(blobs, mem_printf(scratch, "%s/%02x", blobs->dir, (unsigned)i), wanted, arg,
			       &n, err);
	pthread_mutex_lock(&blobs->lock);
	blobs->sweeps--;
	forget_pins(blobs);
	pthread_mutex_unlock(&blobs->lock);
	*removed = n;
	return ok;
}
