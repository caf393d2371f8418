/*
 * zlib unpacks (RFC 1951), from where zip_data_at has found the packed bytes to lie: nothing else of the
 * archive is read.  Sizes and CRC are compared with what zip_open has checked, here and nowhere else.
 */
#include "ipa/member.h"
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define HOSTILE(err, ...)	err_code(err, ERR_INVALID, "hostile_zip", __VA_ARGS__)
#define TOO_LARGE(err, ...)	err_code(err, ERR_INVALID, "too_large", __VA_ARGS__)

#define STORED		0
#define DEFLATED	8

#define PACKED_MORE	(64u << 10)		/* deflate adds 5 bytes to a block it cannot pack: not more than that */
#define BLOCK		(64u << 10)
#define WINDOW		(256u << 10)		/* of a stream: small steps back cost nothing */

struct view {
	const struct zip *zip;
	const struct zip_member *member;
	uint64_t at, left;		/* in the file: packed bytes that were not read yet */
	z_stream z;			/* what was read is its input */
	uLong crc;
	bool over;
	unsigned char block[BLOCK];
};

static int
view_close(struct view *view)
{
	inflateEnd(&view->z);
	return 0;
}

static bool
view_open(TALLOC_CTX *ctx, const struct zip *zip, const struct zip_member *m, struct view **ret,
	  struct err *err)
{
	struct view *view = mem_new(ctx, struct view);

	view->zip = zip;
	view->member = m;
	view->left = m->packed;
	view->crc = crc32(0, NULL, 0);
	if (inflateInit2(&view->z, -MAX_WBITS) != Z_OK)
		abort();	/* out of memory */
	talloc_set_destructor(view, view_close);
	if (!zip_data_at(zip_walk_new(view, zip), m, &view->at, err))
		return false;
	*ret = view;
	return true;
}

static bool
damaged(const struct view *view, struct err *err)
{
	return HOSTILE(err, "\"%s\" is damaged and cannot be unpacked", zip_shown(view->member).text);
}

static bool
fill(struct view *view, struct err *err)
{
	size_t len = view->left < BLOCK ? (size_t)view->left : BLOCK;

	if (view->z.avail_in || !len)
		return true;
	if (!zip_pread(view->zip->fd, view->at, view->block, len, err))
		return false;
	view->at += len;
	view->left -= len;
	view->z.next_in = view->block;
	view->z.avail_in = (uInt)len;
	return true;
}

/* Of its input to its output; false: the packed bytes are none, or end too early. */
static bool
unpack(struct view *view)
{
	z_stream *z = &view->z;
	uInt len = z->avail_in < z->avail_out ? z->avail_in : z->avail_out;
	int rc;

	if (view->member->method == STORED) {
		if (len) {	/* nothing was read of an empty one, and there is no input to step over */
			memcpy(z->next_out, z->next_in, len);
			z->next_out += len, z->avail_out -= len;
			z->next_in += len, z->avail_in -= len;
		}
		view->over = !z->avail_in && !view->left;
		return true;
	}
	rc = inflate(z, Z_NO_FLUSH);
	view->over = rc == Z_STREAM_END;
	return rc == Z_OK || rc == Z_STREAM_END;
}

/* Unpacks up to len bytes; *got is 0 at the end.  What follows the end, or another CRC, is damage. */
static bool
view_read(struct view *view, void *p, size_t len, size_t *got, struct err *err)
{
	z_stream *z = &view->z;

	z->next_out = p;
	z->avail_out = (uInt)len;
	while (z->avail_out && !view->over) {
		if (!fill(view, err))
			return false;
		if (!unpack(view))
			return damaged(view, err);
	}
	*got = len - z->avail_out;
	view->crc = crc32_z(view->crc, p, *got);
	if (view->over && (view->left || z->avail_in || view->crc != view->member->crc))
		return damaged(view, err);
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
	if (m->packed > m->size + m->size / 100 + PACKED_MORE)
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
		if (!view_read(view, p + have, size - have, &got, err))
			return false;
		if (!got)
			return HOSTILE(err, "\"%s\" unpacks to less than it declares",
				       zip_shown(member).text);
		have += got;
	}
	/* It is over only when nothing more comes, and then the CRC is compared. */
	if (!view_read(view, &more, 1, &got, err))
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
	if (!view_read(stream->view, stream->window + stream->window_len, BLOCK, got, err))
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
