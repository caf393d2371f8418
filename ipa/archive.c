/*
 * The end of the archive says where its directory is; the directory decides what is in it.
 *
 * What is kept of an entry while the whole is judged is where it lies and a hash of its folded
 * name.
 */
#include "ipa/archive.h"
#include "ipa/le.h"
#include <stdlib.h>
#include <string.h>
#include <unicase.h>
#include <uninorm.h>

#define HOSTILE(err, ...)	err_code(err, ERR_INVALID, "hostile_zip", __VA_ARGS__)
#define TOO_LARGE(err, ...)	err_code(err, ERR_INVALID, "too_large", __VA_ARGS__)
#define NOT_ZIP(err, ...)	err_code(err, ERR_INVALID, "not_zip", __VA_ARGS__)

#define END_SIZE	22		/* end of central directory record, without its comment */
#define END64_SIZE	56
#define LOCATOR64_SIZE	20
#define COMMENT_MAX	65535
#define NO16		0xffffu		/* "look in the zip64 end" */
#define NO32		0xffffffffu

/* The end of the archive: where the central directory is, from the last 64 KB. */

static bool
read_end64(struct zip *zip, uint64_t locator_at, const unsigned char *locator,
	   const unsigned char *end, uint64_t *end_at, struct err *err)
{
	uint64_t at = le64(locator + 8);
	unsigned char p[END64_SIZE];

	if (le32(locator + 4) != 0 || le32(locator + 16) > 1)
		return HOSTILE(err, "the archive is one part of several");
	if (at > locator_at || locator_at - at < END64_SIZE)
		return HOSTILE(err, "the archive's zip64 end is not where its locator says");
	if (!zip_pread(zip->fd, at, p, sizeof p, err))
		return false;
	if (memcmp(p, "PK\6\6", 4) != 0 || le64(p + 4) != locator_at - at - 12)
		return HOSTILE(err, "the archive's zip64 end is not where its locator says");
	zip->entries = le64(p + 32);
	zip->directory_size = le64(p + 40);
	zip->directory_at = le64(p + 48);
	if (le32(p + 16) || le32(p + 20) || le64(p + 24) != zip->entries)
		return HOSTILE(err, "the archive is one part of several");
	if ((le16(end + 10) != NO16 && le16(end + 10) != zip->entries) ||
	    (le32(end + 12) != NO32 && le32(end + 12) != zip->directory_size) ||
	    (le32(end + 16) != NO32 && le32(end + 16) != zip->directory_at))
		return HOSTILE(err, "the archive's two ends disagree");
	*end_at = at;
	return true;
}

static bool
read_end(TALLOC_CTX *ctx, struct zip *zip, struct err *err)
{
	uint64_t want = END_SIZE + COMMENT_MAX + LOCATOR64_SIZE, tail_at, end_at;
	size_t len = (size_t)(zip->size < want ? zip->size : want), found = 0, fits = 0;
	unsigned char *tail = mem_size(ctx, len ? len : 1);
	const unsigned char *end;

	tail_at = zip->size - len;
	if (!zip_pread(zip->fd, tail_at, tail, len, err))
		return false;
	for (size_t i = 0; len >= END_SIZE && i <= len - END_SIZE; i++)
		if (memcmp(tail + i, "PK\5\6", 4) == 0 &&
		    i + END_SIZE + le16(tail + i + 20) == len) {
			found = i;
			fits++;
		}
	if (!fits)
		return NOT_ZIP(err, "the file is not a zip archive, or its end is missing");
	if (fits > 1)
		return HOSTILE(err, "the archive has two ends");

	end = tail + found;
	end_at = tail_at + found;
	if (le16(end + 4) || le16(end + 6) || le16(end + 8) != le16(end + 10))
		return HOSTILE(err, "the archive is one part of several");
	zip->entries = le16(end + 10);
	zip->directory_size = le32(end + 12);
	zip->directory_at = le32(end + 16);
	if (found >= LOCATOR64_SIZE && memcmp(end - LOCATOR64_SIZE, "PK\6\7", 4) == 0 &&
	    !read_end64(zip, end_at - LOCATOR64_SIZE, end - LOCATOR64_SIZE, end, &end_at, err))
		return false;

	if (zip->entries > ZIP_ENTRIES_MAX)
		return TOO_LARGE(err, "the archive has more than %d entries", ZIP_ENTRIES_MAX);
	if (zip->directory_size > ZIP_DIRECTORY_MAX)
		return TOO_LARGE(err, "the archive's directory is larger than %u MB",
				 ZIP_DIRECTORY_MAX >> 20);
	/* Nothing may hide between the directory and its end; nor before the first member: judge_together. */
	if (zip->directory_at > end_at || zip->directory_size != end_at - zip->directory_at)
		return HOSTILE(err, "the archive's directory is not where its end says; "
			       "the file may be damaged or cut short");
	return true;
}

/* What is kept of each entry while the whole is judged. */
struct extent {
	uint64_t from, to;
};

struct seen {
	struct extent *extents;
	uint64_t *names;	/* hashes */
	size_t count, room;
	size_t folded;		/* bytes of names that were not ASCII */
};

static uint64_t
fnv(const uint8_t *p, size_t len)
{
	uint64_t hash = 0xcbf29ce484222325u;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ p[i]) * 0x100000001b3u;
	return hash;
}

/*
 * Equal for names that a file system may take for the same: without regard to case (full folding)
 * and to how accents are composed.  Different names that happen to share 64 bits are refused too,
 * which harms nobody but who went looking for them.
 */
static uint64_t
folded_hash(struct seen *seen, const struct zip_member *m)
{
	uint8_t folded[ZIP_NAME_MAX], *more;
	size_t len = m->name_len - (m->name[m->name_len - 1] == '/'), n;
	uint64_t hash;

	for (n = 0; n < len; n++) {
		unsigned char c = (unsigned char)m->name[n];

		if (c >= 0x80)
			break;
		folded[n] = c >= 'A' && c <= 'Z' ? c | 0x20 : c;
	}
	if (n == len)
		return fnv(folded, len);
	seen->folded += len;
	more = u8_casefold((const uint8_t *)m->name, len, NULL, UNINORM_NFC, NULL, &n);
	mem_must(more);
	hash = fnv(more, n);
	free(more);
	return hash;
}

static void
seen_add(struct seen *seen, TALLOC_CTX *ctx, struct extent extent, uint64_t name)
{
	if (seen->count == seen->room) {
		seen->room = seen->room ? seen->room * 2 : 256;
		seen->extents = mem_grow(ctx, seen->extents, struct extent, seen->room);
		seen->names = mem_grow(ctx, seen->names, uint64_t, seen->room);
	}
	seen->extents[seen->count] = extent;
	seen->names[seen->count++] = name;
}

static int
by_number(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static int
by_place(const void *a, const void *b)
{
	const struct extent *x = a, *y = b;

	return (x->from > y->from) - (x->from < y->from);
}

static bool
judge_together(struct seen *seen, struct err *err)
{
	if (!seen->count)
		return true;
	qsort(seen->names, seen->count, sizeof *seen->names, by_number);
	qsort(seen->extents, seen->count, sizeof *seen->extents, by_place);
	if (seen->extents[0].from != 0)
		return HOSTILE(err, "the file has something before its first entry: it is no plain archive");
	for (size_t i = 1; i < seen->count; i++) {
		if (seen->names[i] == seen->names[i - 1])
			return HOSTILE(err, "two entries of the archive have the same name, "
				       "or names that differ only in case");
		if (seen->extents[i].from < seen->extents[i - 1].to)
			return HOSTILE(err, "two entries of the archive overlap");
	}
	return true;
}

static bool
check(TALLOC_CTX *ctx, struct zip *zip, struct err *err)
{
	struct zip_walk *walk = zip_walk_new(ctx, zip);
	struct seen seen = { 0 };
	struct zip_member m;
	enum zip_step step;
	uint64_t unpacked = 0;

	while ((step = zip_next(walk, &m, err)) == ZIP_MEMBER) {
		uint64_t data_at;

		if (seen.count == ZIP_ENTRIES_MAX)
			return TOO_LARGE(err, "the archive has more than %d entries",
					 ZIP_ENTRIES_MAX);
		if (seen.folded > ZIP_FOLDED_MAX)
			return TOO_LARGE(
				err, "the archive has more than %u MB of names that are not ASCII",
				ZIP_FOLDED_MAX >> 20);
		unpacked = m.size > UINT64_MAX - unpacked ? UINT64_MAX : unpacked + m.size;
		if (!zip_data_at(walk, &m, &data_at, err))
			return false;
		seen_add(&seen, ctx, (struct extent){ m.header_at, data_at + m.packed },
			 folded_hash(&seen, &m));
	}
	if (step == ZIP_FAILED)
		return false;
	/* Apple's archiver counts modulo 65536; what matters is that the directory was read whole. */
	if (seen.count != zip->entries && (seen.count & NO16) != zip->entries)
		return HOSTILE(err, "the archive announces %llu entries and has %zu",
			       (unsigned long long)zip->entries, seen.count);
	zip->entries = seen.count;
	if (!judge_together(&seen, err))
		return false;
	if (unpacked > ZIP_UNPACKED_MAX)
		return TOO_LARGE(err, "the archive unpacks to more than %llu GB",
				 ZIP_UNPACKED_MAX >> 30);
	return true;
}

bool
zip_open(TALLOC_CTX *ctx, int fd, uint64_t size, struct zip **ret, struct err *err)
{
	SCOPED(mem) TALLOC_CTX *tmp = talloc_new(NULL);
	struct zip *zip = mem_new(tmp, struct zip);

	zip->fd = fd;
	zip->size = size;
	if (!read_end(tmp, zip, err) || !check(tmp, zip, err))
		return false;
	*ret = talloc_steal(ctx, zip);
	return true;
}
