#include "core/pack.h"
#include <stdint.h>
#include <stdlib.h>
#include <zlib.h>

#define LEVEL	6
#define WINDOW	12	/* 4 KB: setting it up costs more than a larger one would save */
#define MEMORY	5

struct bytes
pack(TALLOC_CTX *ctx, struct bytes plain)
{
	z_stream z = { 0 };
	unsigned char *out;
	uLong bound;

	if (!plain.len)
		return (struct bytes){ 0 };
	if (deflateInit2(&z, LEVEL, Z_DEFLATED, WINDOW, MEMORY, Z_DEFAULT_STRATEGY) != Z_OK)
		abort();	/* no memory: as mem_must */
	bound = deflateBound(&z, plain.len);
	out = mem_size(ctx, bound);
	z.next_in = (unsigned char *)(uintptr_t)plain.p;
	z.avail_in = (uInt)plain.len;
	z.next_out = out;
	z.avail_out = (uInt)bound;
	if (deflate(&z, Z_FINISH) != Z_STREAM_END)
		abort();	/* deflateBound was wrong */
	deflateEnd(&z);
	return (struct bytes){ mem_grow(ctx, out, unsigned char, z.total_out), z.total_out };
}

bool
unpack(TALLOC_CTX *ctx, struct bytes packed, size_t max, struct bytes *ret, struct err *err)
{
	size_t room = packed.len * 4 < max ? packed.len * 4 : max;
	unsigned char *out;
	z_stream z = { 0 };
	int step;

	if (!packed.len) {
		*ret = (struct bytes){ 0 };
		return true;
	}
	if (inflateInit2(&z, WINDOW) != Z_OK)
		abort();
	out = mem_size(ctx, room);
	z.next_in = (unsigned char *)(uintptr_t)packed.p;
	z.avail_in = (uInt)packed.len;
	do {
		if (z.total_out == room && room < max)
			out = mem_grow(ctx, out, unsigned char, room = room * 2 < max ? room * 2 : max);
		z.next_out = out + z.total_out;
		z.avail_out = (uInt)(room - z.total_out);
		step = inflate(&z, Z_NO_FLUSH);
	} while (step == Z_OK && (z.total_out < room || room < max));
	inflateEnd(&z);
	if (step == Z_STREAM_END) {
		*ret = (struct bytes){ out, z.total_out };
		return true;
	}
	talloc_free(out);
	return step == Z_OK && z.total_out == max ? err_set(err, ERR_LIMIT, "more than %zu bytes", max) :
						    err_set(err, ERR_INVALID, "no packed bytes");
}
