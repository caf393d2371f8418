/*
 * Going through the central directory, and from each record to its local header.
 *
 * Offsets and sizes from the file are compared with what is left, never added first, so nothing can
 * wrap.  Both are read through windows that slide over the file.
 */
#include "ipa/archive.h"
#include "ipa/le.h"
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <unistr.h>

#define HOSTILE(err, ...)	err_code(err, ERR_INVALID, "hostile_zip", __VA_ARGS__)

#define RECORD_SIZE	46		/* of the central directory */
#define LOCAL_SIZE	30
#define EXTRA_ZIP64	0x0001
#define NO32		0xffffffffu	/* "look in the zip64 field" */

#define FLAG_ENCRYPTED	(1u << 0 | 1u << 6 | 1u << 13)	/* classic, strong, hidden headers */
#define FLAG_DESCRIPTOR	(1u << 3)	/* sizes follow the data; the local header may lack them */

#define WINDOW_ROOM		(144u << 10)	/* the longest record we read: header, name, extra */
#define DIRECTORY_WINDOW	(128u << 10)
#define LOCAL_WINDOW		(4u << 10)	/* local headers lie far apart in a real app */

bool
zip_pread(int fd, uint64_t at, void *p, size_t len, struct err *err)
{
	unsigned char *to = p;

	while (len) {
		ssize_t n = pread(fd, to, len, (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(err, "read the file");
		if (n == 0)
			return err_set(err, ERR_INTERNAL,
				       "the file became shorter while it was read");
		to += n;
		at += (uint64_t)n;
		len -= (size_t)n;
	}
	return true;
}

/* A part of the file in memory that moves along as it is asked for bytes further on. */
struct window {
	const struct zip *zip;
	uint64_t at;
	size_t len, step, room;
	unsigned char *p;
};

static void
window_init(struct window *window, TALLOC_CTX *ctx, const struct zip *zip, size_t step)
{
	*window = (struct window){ .zip = zip, .step = step, .room = WINDOW_ROOM };
	window->p = mem_size(ctx, window->room);
}

/* *p lives until the next call. */
static bool
window_get(struct window *w, uint64_t at, size_t len, const unsigned char **p, struct err *err)
{
	uint64_t left;

	if (at > w->zip->size || len > w->zip->size - at || len > w->room)
		return HOSTILE(err, "the archive names bytes that are not in the file");
	if (at < w->at || at - w->at > w->len || len > w->len - (size_t)(at - w->at)) {
		left = w->zip->size - at;
		w->at = at;
		w->len = len > w->step ? len : w->step;
		if (w->len > left)
			w->len = (size_t)left;
		if (!zip_pread(w->zip->fd, at, w->p, w->len, err)) {
			w->len = 0;
			return false;
		}
	}
	*p = w->p + (at - w->at);
	return true;
}

struct zip_shown
zip_shown(const struct zip_member *m)
{
	struct zip_shown s;
	size_t len = m->name_len < sizeof s.text - 1 ? m->name_len : sizeof s.text - 1;

	while (len && len < m->name_len && ((unsigned char)m->name[len] & 0xc0) == 0x80)
		len--;
	memcpy(s.text, m->name, len);
	s.text[len] = '\0';
	return s;
}

/* One record of the central directory. */

/* Finds the zip64 field; takes 64-bit values in the fixed order for those that are `NO32`. */
static bool
read_zip64(const unsigned char *extra, size_t len, uint64_t **values, size_t wanted,
	   struct err *err)
{
	while (len >= 4) {
		size_t field = le16(extra + 2);

		if (field > len - 4)
			break;
		if (le16(extra) == EXTRA_ZIP64) {
			if (field < 8 * wanted)
				break;
			for (size_t i = 0; i < wanted; i++)
				*values[i] = le64(extra + 4 + 8 * i);
			return true;
		}
		extra += 4 + field;
		len -= 4 + field;
	}
	return HOSTILE(err, "the archive lacks a zip64 field that it announces");
}

/* What the Finder adds: attributes of files, by the files' names.  Nobody reads it (ipa/layout.h). */
static bool
is_macosx(const struct zip_member *m)
{
	return m->name_len > 9 && memcmp(m->name, "__MACOSX/", 9) == 0;
}

static bool
judge_name(const struct zip_member *m, uint64_t number, struct err *err)
{
	const char *name = m->name, *end = m->name + m->name_len;
	bool ignored = is_macosx(m);

	if (m->name_len == 0)
		return HOSTILE(err, "entry %llu of the archive has no name",
			       (unsigned long long)number);
	/* Whether the UTF-8 flag is set says nothing: Apple's own tools leave it out. */
	if (u8_check((const uint8_t *)name, m->name_len))
		return HOSTILE(err, "the name of entry %llu of the archive is not UTF-8",
			       (unsigned long long)number);
	for (const char *p = name; p < end && !ignored; p++) {
		unsigned char c = (unsigned char)*p;

		if (c < 0x20 || c == 0x7f || (c == 0xc2 && (unsigned char)p[1] < 0xa0))
			return HOSTILE(
				err, "the name of entry %llu of the archive has control characters",
				(unsigned long long)number);
		if (c == '\\')
			return HOSTILE(err, "the name of entry %llu of the archive has a backslash",
				       (unsigned long long)number);
	}
	while (name < end) {
		const char *slash = memchr(name, '/', (size_t)(end - name));
		size_t len = (size_t)((slash ? slash : end) - name);

		if (len == 0 || (len == 1 && name[0] == '.') ||
		    (len == 2 && memcmp(name, "..", 2) == 0))
			return HOSTILE(err, "\"%s\" leads out of the archive", zip_shown(m).text);
		name += len + (slash != NULL);
	}
	return true;
}

struct zip_walk {
	const struct zip *zip;
	struct window directory, local;
	uint64_t at, number;
};

struct zip_walk *
zip_walk_new(TALLOC_CTX *ctx, const struct zip *zip)
{
	struct zip_walk *walk = mem_new(ctx, struct zip_walk);

	walk->zip = zip;
	walk->at = zip->directory_at;
	window_init(&walk->directory, walk, zip, DIRECTORY_WINDOW);
	window_init(&walk->local, walk, zip, LOCAL_WINDOW);
	return walk;
}

static bool
read_record(struct zip_walk *walk, struct zip_member *m, struct err *err)
{
	uint64_t left = walk->zip->directory_at + walk->zip->directory_size - walk->at;
	uint64_t *wide[3];
	size_t name_len, extra_len, comment_len, wides = 0;
	const unsigned char *p;
	unsigned mode;

	walk->number++;
	if (left >= RECORD_SIZE && !window_get(&walk->directory, walk->at, RECORD_SIZE, &p, err))
		return false;
	if (left < RECORD_SIZE || memcmp(p, "PK\1\2", 4) != 0)
		return HOSTILE(err, "the archive's directory breaks off at entry %llu",
			       (unsigned long long)walk->number);
	name_len = le16(p + 28);
	extra_len = le16(p + 30);
	comment_len = le16(p + 32);
	if (left - RECORD_SIZE < name_len + extra_len + comment_len)
		return HOSTILE(err, "the archive's directory breaks off at entry %llu",
			       (unsigned long long)walk->number);
	if (name_len > ZIP_NAME_MAX)
		return HOSTILE(err, "the name of entry %llu of the archive is longer than %d bytes",
			       (unsigned long long)walk->number, ZIP_NAME_MAX);
	if (!window_get(&walk->directory, walk->at, RECORD_SIZE + name_len + extra_len, &p, err))
		return false;

	m->flags = le16(p + 8);
	m->method = le16(p + 10);
	m->crc = le32(p + 16);
	m->packed = le32(p + 20);
	m->size = le32(p + 24);
	m->header_at = le32(p + 42);
	m->name_len = name_len;
	memcpy(m->name, p + RECORD_SIZE, name_len);
	m->name[name_len] = '\0';

	if (m->size == NO32)
		wide[wides++] = &m->size;
	if (m->packed == NO32)
		wide[wides++] = &m->packed;
	if (m->header_at == NO32)
		wide[wides++] = &m->header_at;
	if (wides && !read_zip64(p + RECORD_SIZE + name_len, extra_len, wide, wides, err))
		return false;

	if (!judge_name(m, walk->number, err))
		return false;
	if (m->flags & FLAG_ENCRYPTED)
		return HOSTILE(err, "\"%s\" is encrypted; pack the app without a password",
			       zip_shown(m).text);

	/* A Unix mode in the upper half, whatever system the file says it is from: who believes it
	 * would follow the link. */
	mode = le32(p + 38) >> 16 & S_IFMT;
	m->is_file = name_len && m->name[name_len - 1] != '/' && (mode == 0 || mode == S_IFREG);
	walk->at += RECORD_SIZE + name_len + extra_len + comment_len;
	return true;
}

enum zip_step
zip_next(struct zip_walk *walk, struct zip_member *member, struct err *err)
{
	if (walk->at == walk->zip->directory_at + walk->zip->directory_size)
		return ZIP_END;
	return read_record(walk, member, err) ? ZIP_MEMBER : ZIP_FAILED;
}

/* The local header must say what the directory says. */

static bool
same_size(uint64_t here, uint64_t there, bool may_lack)
{
	return here == there || (may_lack && (here == 0 || here == NO32));
}

bool
zip_data_at(struct zip_walk *walk, const struct zip_member *m, uint64_t *ret, struct err *err)
{
	const struct zip *zip = walk->zip;
	struct window *window = &walk->local;
	uint64_t data_at, size = 0, packed = 0, *wide[2] = { &size, &packed };
	const unsigned char *p;
	size_t name_len, extra_len;
	bool later;

	if (!window_get(window, m->header_at, LOCAL_SIZE, &p, err))
		return false;
	if (memcmp(p, "PK\3\4", 4) != 0)
		return HOSTILE(err, "\"%s\" is not where the archive's directory says",
			       zip_shown(m).text);
	name_len = le16(p + 26);
	extra_len = le16(p + 28);
	if (name_len != m->name_len)
		return HOSTILE(err, "\"%s\" has another name in its own header", zip_shown(m).text);
	if (!window_get(window, m->header_at, LOCAL_SIZE + name_len + extra_len, &p, err))
		return false;
	if (memcmp(p + LOCAL_SIZE, m->name, name_len) != 0)
		return HOSTILE(err, "\"%s\" has another name in its own header", zip_shown(m).text);
	if (le16(p + 8) != m->method || (le16(p + 6) & FLAG_ENCRYPTED))
		return HOSTILE(err, "\"%s\" is packed otherwise than the archive's directory says",
			       zip_shown(m).text);

	later = le16(p + 6) & FLAG_DESCRIPTOR;
	packed = le32(p + 18);
	size = le32(p + 22);
	/* APPNOTE 4.5.3: a local header has both sizes in its zip64 field, or none. */
	if (!later && (size == NO32 || packed == NO32) &&
	    !read_zip64(p + LOCAL_SIZE + name_len, extra_len, wide, 2, err))
		return false;
	if (!same_size(size, m->size, later) || !same_size(packed, m->packed, later) ||
	    (le32(p + 14) != m->crc && !(later && le32(p + 14) == 0)))
		return HOSTILE(err, "\"%s\" has other sizes in its own header", zip_shown(m).text);

	data_at = m->header_at + LOCAL_SIZE + name_len + extra_len;
	if (data_at > zip->directory_at || m->packed > zip->directory_at - data_at)
		return HOSTILE(err, "\"%s\" reaches into the archive's directory",
			       zip_shown(m).text);
	*ret = data_at;
	return true;
}
