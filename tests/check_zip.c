#include "tests/check_zip.h"
#include "core/buf.h"
#include "ipa/le.h"
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>

static void
add16(struct buf *buf, unsigned value)
{
	unsigned char p[2];

	le16_put(p, value);
	buf_add(buf, p, 2);
}

static void
add32(struct buf *buf, uint64_t value)
{
	add16(buf, (unsigned)(value & 0xffff));
	add16(buf, (unsigned)(value >> 16 & 0xffff));
}

static void
add64(struct buf *buf, uint64_t value)
{
	add32(buf, value);
	add32(buf, value >> 32);
}

static struct bytes
pack(TALLOC_CTX *ctx, const void *p, size_t len)
{
	z_stream z = { .next_in = (void *)p, .avail_in = (uInt)len };
	uLong room = len + len / 100 + 64;
	struct bytes packed = { mem_size(ctx, room), 0 };

	if (deflateInit2(&z, 9, Z_DEFLATED, -15, 9, Z_DEFAULT_STRATEGY) != Z_OK)
		fail_msg("deflateInit2");
	z.next_out = (void *)packed.p;
	z.avail_out = (uInt)room;
	if (deflate(&z, Z_FINISH) != Z_STREAM_END)
		fail_msg("deflate");
	packed.len = z.total_out;
	deflateEnd(&z);
	return packed;
}

static void
add_entry(struct buf *file, struct buf *directory, const struct zip_write *e)
{
	const char *local_name = e->local_name ? e->local_name : e->name;
	size_t len = e->len ? e->len : e->text ? strlen(e->text) : e->zeros;
	const void *plain = e->text ? (const void *)e->text : mem_array(file->ctx, char, len + 1);
	struct bytes data = e->stored ? (struct bytes){ plain, len } : pack(file->ctx, plain, len);
	uint64_t at = file->len, size = e->declared ? e->declared : len;
	uint32_t crc = (uint32_t)crc32(0, plain, (uInt)len) + e->crc_off;
	unsigned method = e->method ? e->method : e->stored ? 0 : 8;
	unsigned flags = e->flags | (e->descriptor ? 8 : 0);

	add32(file, 0x04034b50);
	add16(file, e->zip64 ? 45 : 20);
	add16(file, flags);
	add16(file, method);
	add32(file, 0x00210000);
	add32(file, e->descriptor ? 0 : crc);
	add32(file, e->zip64 ? 0xffffffff : e->descriptor ? 0 : data.len);
	add32(file, e->zip64 ? 0xffffffff : e->descriptor ? 0 : size);
	add16(file, (unsigned)strlen(local_name));
	add16(file, e->zip64 ? 20 : 0);
	buf_text(file, local_name);
	if (e->zip64) {
		add16(file, 1);
		add16(file, 16);
		add64(file, e->descriptor ? 0 : size);
		add64(file, e->descriptor ? 0 : data.len);
	}
	buf_add(file, data.p, data.len);
	if (e->descriptor) {
		add32(file, 0x08074b50);
		add32(file, crc);
		add32(file, data.len);
		add32(file, size);
	}

	add32(directory, 0x02014b50);
	add16(directory, 3 << 8 | 20);
	add16(directory, e->zip64 ? 45 : 20);
	add16(directory, flags);
	add16(directory, method);
	add32(directory, 0x00210000);
	add32(directory, crc);
	add32(directory, e->zip64 ? 0xffffffff : data.len);
	add32(directory, e->zip64 ? 0xffffffff : size);
	add16(directory, (unsigned)strlen(e->name));
	add16(directory, e->zip64 ? 4 + 24 : 0);
	add32(directory, 0);				/* comment, disk */
	add16(directory, 0);
	add32(directory, (uint64_t)e->mode << 16);
	add32(directory, e->zip64 ? 0xffffffff : e->header_at ? e->header_at : at);
	buf_text(directory, e->name);
	if (e->zip64) {
		add16(directory, 1);
		add16(directory, 24);
		add64(directory, size);
		add64(directory, data.len);
		add64(directory, e->header_at ? e->header_at : at);
	}
}

int
zip_file(struct bytes bytes)
{
	int fd = memfd_create("zip", MFD_CLOEXEC);

	if (fd < 0 || write(fd, bytes.p, bytes.len) != (ssize_t)bytes.len)
		fail_msg("memfd_create");
	return fd;
}

int
zip_write(TALLOC_CTX *ctx, const struct zip_write *entries, const struct zip_end *end,
	  uint64_t *size)
{
	static const struct zip_end plain = { 0 };
	struct buf file, directory;
	uint64_t n = 0, at;

	end = end ? end : &plain;
	buf_init(&file, ctx, 64u << 20);
	buf_init(&directory, ctx, 64u << 20);
	if (end->before)
		buf_text(&file, end->before);
	for (; entries[n].name; n++)
		add_entry(&file, &directory, &entries[n]);
	if (end->gap)
		buf_text(&file, end->gap);
	at = file.len;
	buf_add(&file, directory.p, directory.len);
	n += (uint64_t)end->entries_off;
	if (end->zip64) {
		uint64_t end_at = file.len;

		add32(&file, 0x06064b50);
		add64(&file, 44);
		add32(&file, 45 | 45 << 16);
		add64(&file, 0);
		add64(&file, n);
		add64(&file, n);
		add64(&file, directory.len);
		add64(&file, at + (uint64_t)end->directory_off);
		add32(&file, 0x07064b50);
		add32(&file, 0);
		add64(&file, end_at);
		add32(&file, 1);
	}
	add32(&file, 0x06054b50);
	add32(&file, 0);
	add16(&file, end->zip64 ? 0xffff : (unsigned)n);
	add16(&file, end->zip64 ? 0xffff : (unsigned)n);
	add32(&file, end->zip64 ? 0xffffffff : directory.len);
	add32(&file, end->zip64 ? 0xffffffff : at + (uint64_t)end->directory_off);
	add16(&file, end->comment ? (unsigned)strlen(end->comment) : 0);
	if (end->comment)
		buf_text(&file, end->comment);
	*size = file.len;
	return zip_file((struct bytes){ file.p, file.len });
}
