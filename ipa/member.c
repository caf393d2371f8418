/*
 * One member shown to libarchive as an archive of its own.
 *
 * Its zip reader must walk all entries to reach one, keeps every name in memory, and believes the
 * local header over the directory.  So it gets a view: a local header, the packed bytes where they
 * lie in the file, a directory of one record and an end, all but the bytes composed here from what
 * zip_open has checked.
 */
#include "ipa/member.h"
#include "ipa/le.h"
#include <archive.h>
#include <archive_entry.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#define HOSTILE(err, ...)	err_code(err, ERR_INVALID, "hostile_zip", __VA_ARGS__)
#define TOO_LARGE(err, ...)	err_code(err, ERR_INVALID, "too_large", __VA_ARGS__)

#define STORED		0
#define DEFLATED	8

#define HEAD_SIZE	(30 + 1)		/* local header and a name of one letter */
#define TAIL_SIZE	(46 + 1 + 22)		/* directory record, name, end */
#define BLOCK		(64u << 10)
#define WINDOW		(256u << 10)		/* of a stream: small steps back cost nothing */

struct view {
	const struct zip *zip;
	uint64_t data_at, packed, at, size;	/* `at` and `size` are of the view */
	unsigned char head[HEAD_SIZE], tail[TAIL_SIZE];
	unsigned char block[BLOCK];
	struct archive *archive;
	struct err err;				/* what a callback has met */
};

/* What a local header and a directory record have in common: flags to the length of the name. */
static unsigned char *
put_common(unsigned char *p, const struct zip_member *m)
{
	p = le16_put(le16_put(p, 20), 0);			/* version needed, no flags */
	p = le32_put(le16_put(p, m->method), 0x00210000);	/* 1 January 1980 */
	p = le32_put(le32_put(le32_put(p, m->crc), m->packed), m->size);
	return le32_put(p, 1);				/* a name of one letter, no extra field */
}

static void
compose(struct view *view, const struct zip_member *m)
{
	uint64_t directory_at = HEAD_SIZE + m->packed;
	unsigned char *p;

	p = put_common(le32_put(view->head, 0x04034b50), m);
	*p = 'm';
	p = le16_put(le32_put(view->tail, 0x02014b50), 20);
	p = put_common(p, m);
	p = le32_put(le32_put(le32_put(le16_put(p, 0), 0), 0), 0);	/* no comment, attributes; header at 0 */
	*p++ = 'm';
	p = le32_put(le32_put(p, 0x06054b50), 0);
	p = le16_put(le16_put(p, 1), 1);
	p = le32_put(le32_put(p, 46 + 1), directory_at);
	le16_put(p, 0);
}

static la_ssize_t
on_read(struct archive *a, void *arg, const void **block)
{
	struct view *view = arg;
	uint64_t at = view->at, left;
	size_t len;

	if (at < HEAD_SIZE) {
		*block = view->head + at;
		len = HEAD_SIZE - (size_t)at;
	} else if (at - HEAD_SIZE < view->packed) {
		left = view->packed - (at - HEAD_SIZE);
		len = left < BLOCK ? (size_t)left : BLOCK;
		if (!zip_pread(view->zip->fd, view->data_at + (at - HEAD_SIZE), view->block, len,
			       &view->err)) {
			archive_set_error(a, -1, "cannot be read");
			return ARCHIVE_FATAL;
		}
		*block = view->block;
	} else {
		at -= HEAD_SIZE + view->packed;
		*block = view->tail + at;
		len = TAIL_SIZE - (size_t)at;
	}
	view->at += len;
	return (la_ssize_t)len;
}

static la_int64_t
on_seek(struct archive *a, void *arg, la_int64_t offset, int whence)
{
	struct view *view = arg;
	int64_t from =
		whence == SEEK_SET ? 0 : (int64_t)(whence == SEEK_CUR ? view->at : view->size);

	(void)a;
	if (offset < -from || offset > (int64_t)view->size - from)
		return ARCHIVE_FATAL;
	view->at = (uint64_t)(from + offset);
	return (la_int64_t)view->at;
}

static la_int64_t
on_skip(struct archive *a, void *arg, la_int64_t request)
{
	struct view *view = arg;
	uint64_t left = view->size - view->at;
	uint64_t step = request > 0 ? (uint64_t)request : 0;

	(void)a;
	if (step > left)
		step = left;
	view->at += step;
	return (la_int64_t)step;
}

static int
view_close(struct view *view)
{
	archive_read_free(view->archive);
	return 0;
}

static bool
failed(struct view *view, const struct zip_member *m, struct err *err)
{
	if (view->err.kind) {
		*err = view->err;
		return false;
	}
	return HOSTILE(err, "\"%s\" is damaged and cannot be unpacked", zip_shown(m).text);
}

static bool
view_open(TALLOC_CTX *ctx, const struct zip *zip, const struct zip_member *m, struct view **ret,
	  struct err *err)
{
	struct view *view = mem_new(ctx, struct view);
	struct archive_entry *entry;
	struct archive *a;

	if (!zip_data_at(zip_walk_new(view, zip), m, &view->data_at, err))
		return false;
	view->zip = zip;
	view->packed = m->packed;
	view->size = HEAD_SIZE + m->packed + TAIL_SIZE;
	compose(view, m);
	a = view->archive = mem_must(archive_read_new());
	talloc_set_destructor(view, view_close);
	archive_read_support_format_zip_seekable(a);
	archive_read_set_read_callback(a, on_read);
	archive_read_set_seek_callback(a, on_seek);
	archive_read_set_skip_callback(a, on_skip);
	archive_read_set_callback_data(a, view);
	if (archive_read_open1(a) != ARCHIVE_OK ||
	    archive_read_next_header(a, &entry) != ARCHIVE_OK)
		return failed(view, m, err);
	*ret = view;
	return true;
}

/* Unpacks up to len bytes; *got is 0 at the end. */
static bool
view_read(struct view *view, const struct zip_member *m, void *p, size_t len, size_t *got,
	  struct err *err)
{
	la_ssize_t n = archive_read_data(view->archive, p, len);

	if (n < 0)
		return failed(view, m, err);
	*got = (size_t)n;
	return true;
}

static bool
judge(const struct zip_member *m, uint64_t max, struct err *err)
{
	struct zip_shown shown = zip_shown(m);
	const char *name = shown.text;

	if (!m->is_file)
		return HOSTILE(err, "\"%s\" is not a file", name);
	if (m->method != STORED && m->method != DEFLATED)
		return HOSTILE(err, "\"%s\" is packed by method %u; use deflate", name, m->method);
	if (m->size > max)
		return TOO_LARGE(err, "\"%s\" is larger than %llu KB", name,
				 (unsigned long long)max >> 10);
	if (m->method == STORED && m->packed != m->size)
		return HOSTILE(err, "\"%s\" is stored and has two sizes", name);
	if (m->packed > 2ull * MEMBER_STREAM_MAX)
		return HOSTILE(err, "\"%s\" is larger packed than unpacked", name);
	if (m->size / MEMBER_RATIO_MAX > m->packed)
		return HOSTILE(err, "\"%s\" is packed more than %d to 1", name, MEMBER_RATIO_MAX);
	return true;
}

bool
member_read(TALLOC_CTX *ctx, const struct zip *zip, const struct zip_member *member, size_t max,
	    struct bytes *ret, struct err *err)
{
	SCOPED(mem) TALLOC_CTX *tmp = talloc_new(NULL);
	size_t size, got = 0, have = 0;
	struct view *view;
	char *p, more;

	if (!judge(member, max < MEMBER_MAX ? max : MEMBER_MAX, err) ||
	    !view_open(tmp, zip, member, &view, err))
		return false;
	size = (size_t)member->size;
	p = mem_size(tmp, size + 1);
	while (have < size) {
		if (!view_read(view, member, p + have, size - have, &got, err))
			return false;
		if (!got)
			return HOSTILE(err, "\"%s\" unpacks to less than it declares",
				       zip_shown(member).text);
		have += got;
	}
	/* This read also makes libarchive compare the CRC. */
	if (!view_read(view, member, &more, 1, &got, err))
		return false;
	if (got)
		return HOSTILE(err, "\"%s\" unpacks to more than it declares",
			       zip_shown(member).text);
	p[size] = '\0';
	ret->p = talloc_steal(ctx, p);
	ret->len = size;
	return true;
}

struct member_stream {
	const struct zip *zip;
	struct zip_member member;
	struct view *view;		/* NULL: nothing unpacked yet, or stored */
	uint64_t data_at;
	uint64_t window_at, unpacked;	/* `unpacked`: all bytes so far, those dropped included */
	size_t window_len;
	unsigned char window[WINDOW];
};

bool
member_stream_open(TALLOC_CTX *ctx, const struct zip *zip, const struct zip_member *member,
		   struct member_stream **ret, struct err *err)
{
	struct member_stream *stream;

	if (!judge(member, MEMBER_STREAM_MAX, err))
		return false;
	stream = mem_new(ctx, struct member_stream);
	stream->zip = zip;
	stream->member = *member;
	if (!zip_data_at(zip_walk_new(stream, zip), member, &stream->data_at, err)) {
		talloc_free(stream);
		return false;
	}
	*ret = stream;
	return true;
}

static bool
start_over(struct member_stream *stream, struct err *err)
{
	talloc_free(stream->view);
	stream->view = NULL;
	stream->window_at = stream->window_len = 0;
	return view_open(stream, stream->zip, &stream->member, &stream->view, err);
}

/* Unpacks one more block behind the window, dropping the older half when it is full. */
static bool
advance(struct member_stream *stream, size_t *got, struct err *err)
{
	size_t drop = WINDOW / 2;

	if (WINDOW - stream->window_len < BLOCK) {
		memmove(stream->window, stream->window + drop, stream->window_len - drop);
		stream->window_len -= drop;
		stream->window_at += drop;
	}
	if (!view_read(stream->view, &stream->member, stream->window + stream->window_len, BLOCK,
		       got, err))
		return false;
	stream->window_len += *got;
	stream->unpacked += *got;
	if (stream->window_at + stream->window_len > stream->member.size)
		return HOSTILE(err, "\"%s\" unpacks to more than it declares",
			       zip_shown(&stream->member).text);
	if (stream->unpacked > 2ull * MEMBER_STREAM_MAX)
		return TOO_LARGE(err, "\"%s\" takes too much unpacking",
				 zip_shown(&stream->member).text);
	return true;
}

bool
member_read_at(void *arg, uint64_t offset, void *p, size_t len, size_t *got, struct err *err)
{
	struct member_stream *stream = arg;
	unsigned char *to = p;
	size_t have = 0;

	if (offset >= stream->member.size)
		len = 0;
	else if (len > stream->member.size - offset)
		len = (size_t)(stream->member.size - offset);
	if (stream->member.method == STORED) {
		*got = len;
		return zip_pread(stream->zip->fd, stream->data_at + offset, p, len, err);
	}
	if (len && (!stream->view || offset < stream->window_at) && !start_over(stream, err))
		return false;
	while (have < len) {
		uint64_t at = offset + have, end = stream->window_at + stream->window_len;
		size_t part = 0;

		if (at >= end) {
			if (!advance(stream, &part, err))
				return false;
			if (!part)
				return HOSTILE(err, "\"%s\" unpacks to less than it declares",
					       zip_shown(&stream->member).text);
			continue;
		}
		part = end - at < len - have ? (size_t)(end - at) : len - have;
		memcpy(to + have, stream->window + (at - stream->window_at), part);
		have += part;
	}
	*got = have;
	return true;
}
