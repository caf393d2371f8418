/*
 * libpng gets a file composed here, of the chunks that make the picture and no others: colour
 * profiles, texts, animation and whatever else libpng would parse never reach it.
 *
 * A CgBI file differs from a PNG in three ways.  Its deflate stream has no zlib header and
 * checksum: both are put around it, after inflating once to learn the checksum and that it is not
 * too long. Red and blue are swapped, and colours are multiplied by alpha: both are undone after
 * libpng has undone filters and interlacing.
 */
#include "ipa/icon.h"
#include <png.h>
#include <stdint.h>
#include <string.h>
#include <zlib.h>

#define INVALID(err, ...)	err_set(err, ERR_INVALID, __VA_ARGS__)

#define SIGNATURE	"\x89PNG\r\n\x1a\n"
#define SIGNATURE_SIZE	8
#define CHUNK_SIZE	12		/* length, type, CRC */
#define IHDR_SIZE	13

const int icon_sides[ICON_SIZES] = { 57, 120, 512 };

static uint32_t
be32(const unsigned char *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static unsigned char *
be32_put(unsigned char *p, uint32_t value)
{
	for (int i = 3; i >= 0; i--, value >>= 8)
		p[i] = (unsigned char)value;
	return p + 4;
}

struct chunk {
	const unsigned char *type, *data;
	uint32_t len;
};

/* The chunk at *at, and *at behind it; false at the end and where it breaks off. */
static bool
next_chunk(struct bytes png, size_t *at, struct chunk *chunk)
{
	const unsigned char *p = (const unsigned char *)png.p + *at;
	size_t left = png.len - *at;

	if (left < CHUNK_SIZE || be32(p) > left - CHUNK_SIZE)
		return false;
	*chunk = (struct chunk){ p + 4, p + 8, be32(p) };
	*at += CHUNK_SIZE + chunk->len;
	return true;
}

static bool
is(const struct chunk *chunk, const char *type)
{
	return memcmp(chunk->type, type, 4) == 0;
}

static bool
side_ok(uint32_t side)
{
	return side > 0 && side <= ICON_SIDE_MAX;
}

/* Both kinds of file begin with their header; Apple's has a chunk of its own before it. */
static bool
read_header(struct bytes png, size_t *at, struct chunk *ihdr, bool *cgbi)
{
	*cgbi = false;
	*at = SIGNATURE_SIZE;
	if (png.len < SIGNATURE_SIZE || memcmp(png.p, SIGNATURE, SIGNATURE_SIZE) != 0 ||
	    !next_chunk(png, at, ihdr))
		return false;
	if (is(ihdr, "CgBI")) {
		*cgbi = true;
		if (!next_chunk(png, at, ihdr))
			return false;
	}
	return is(ihdr, "IHDR") && ihdr->len == IHDR_SIZE && side_ok(be32(ihdr->data)) &&
	       side_ok(be32(ihdr->data + 4));
}

bool
icon_size(struct bytes head, int *width, int *height)
{
	struct chunk ihdr;
	bool cgbi;
	size_t at;

	if (!read_header(head, &at, &ihdr, &cgbi))
		return false;
	*width = (int)be32(ihdr.data);
	*height = (int)be32(ihdr.data + 4);
	return true;
}

static unsigned char *
put_chunk(unsigned char *to, const char *type, const void *data, size_t len)
{
	unsigned char *from = to + 4;

	to = be32_put(to, (uint32_t)len);
	memcpy(to, type, 4);
	if (len)
		memcpy(to + 4, data, len);
	return be32_put(to + 4 + len, (uint32_t)crc32(0, from, (uInt)(4 + len)));
}

/* Checksum of what a raw deflate stream holds; *used is its length.  Nothing inflated is kept. */
static bool
checksum(const unsigned char *p, size_t len, size_t most, uint32_t *adler, size_t *used,
	 struct err *err)
{
	unsigned char block[16384];
	z_stream z = { .next_in = (unsigned char *)p, .avail_in = (uInt)len };
	uLong sum = adler32(0, NULL, 0);
	size_t total = 0;
	int code;

	if (inflateInit2(&z, -MAX_WBITS) != Z_OK)
		return err_set(err, ERR_INTERNAL, "inflateInit2");
	do {
		z.next_out = block;
		z.avail_out = sizeof block;
		code = inflate(&z, Z_NO_FLUSH);
		sum = adler32(sum, block, (uInt)(sizeof block - z.avail_out));
		total += sizeof block - z.avail_out;
	} while (code == Z_OK && total <= most && (z.avail_in || !z.avail_out));
	*used = len - z.avail_in;
	*adler = (uint32_t)sum;
	inflateEnd(&z);
	if (code != Z_STREAM_END || total > most)
		return INVALID(err, "the icon's picture data is damaged");
	return true;
}

/* The most bytes its scan lines can take, interlaced or not: 64 bits a pixel and a filter byte. */
static size_t
lines_max(const struct chunk *ihdr)
{
	return 2 * ((size_t)be32(ihdr->data) * 8 + 16) * (be32(ihdr->data + 4) + 8);
}

/* The picture alone, as an ordinary PNG. */
static bool
compose(TALLOC_CTX *ctx, struct bytes png, struct bytes *ret, bool *cgbi, struct err *err)
{
	unsigned char *data = mem_size(ctx, png.len + 6), *out = mem_size(ctx, png.len + 100),
		      *to = out;
	struct chunk ihdr, chunk;
	size_t at, len = 2, used;
	uint32_t adler;

	if (png.len > ICON_BYTES_MAX)
		return INVALID(err, "the icon is larger than %u MB", ICON_BYTES_MAX >> 20);
	if (!read_header(png, &at, &ihdr, cgbi))
		return INVALID(err, "the icon is no PNG of 1 to %d pixels a side", ICON_SIDE_MAX);
	memcpy(to, SIGNATURE, SIGNATURE_SIZE);
	to = put_chunk(to + SIGNATURE_SIZE, "IHDR", ihdr.data, IHDR_SIZE);
	while (next_chunk(png, &at, &chunk) && !is(&chunk, "IEND")) {
		if (is(&chunk, "IDAT")) {
			memcpy(data + len, chunk.data, chunk.len);
			len += chunk.len;
		} else if (is(&chunk, "PLTE") || is(&chunk, "tRNS")) {
			to = put_chunk(to, (const char *)chunk.type, chunk.data, chunk.len);
		}
	}
	if (*cgbi) {
		if (!checksum(data + 2, len - 2, lines_max(&ihdr), &adler, &used, err))
			return false;
		memcpy(data, "\x78\x01", 2);	/* RFC 1950: deflate, window of 32 KB */
		be32_put(data + 2 + used, adler);
		to = put_chunk(to, "IDAT", data, 2 + used + 4);
	} else {
		to = put_chunk(to, "IDAT", data + 2, len - 2);
	}
	to = put_chunk(to, "IEND", NULL, 0);
	*ret = (struct bytes){ out, (size_t)(to - out) };
	return true;
}

static unsigned char
divided(unsigned colour, unsigned alpha)
{
	unsigned plain = alpha ? (colour * 255 + alpha / 2) / alpha : 0;

	return (unsigned char)(plain < 255 ? plain : 255);
}

static void
undo_cgbi(unsigned char *p, size_t pixels)
{
	for (; pixels--; p += 4) {
		unsigned char red = p[2], blue = p[0];

		p[0] = divided(red, p[3]);
		p[1] = divided(p[1], p[3]);
		p[2] = divided(blue, p[3]);
	}
}

bool
icon_read(TALLOC_CTX *ctx, struct bytes png, struct icon **ret, struct err *err)
{
	SCOPED(mem) TALLOC_CTX *tmp = talloc_new(NULL);
	png_image image = { .version = PNG_IMAGE_VERSION };
	struct bytes plain = { 0 };
	struct icon *icon;
	unsigned char *rgba;
	bool cgbi;

	if (!compose(tmp, png, &plain, &cgbi, err))
		return false;
	if (!png_image_begin_read_from_memory(&image, plain.p, plain.len)) {
		png_image_free(&image);
		return INVALID(err, "the icon is damaged");
	}
	image.format = PNG_FORMAT_RGBA;
	image.flags |= PNG_IMAGE_FLAG_16BIT_sRGB;
	icon = mem_new(tmp, struct icon);
	rgba = mem_size(icon, PNG_IMAGE_SIZE(image));
	if (!png_image_finish_read(&image, NULL, rgba, 0, NULL)) {
		png_image_free(&image);
		return INVALID(err, "the icon is damaged");
	}
	icon->width = (int)image.width;
	icon->height = (int)image.height;
	icon->source = cgbi ? "cgbi" : "png";
	icon->rgba = (struct bytes){ rgba, PNG_IMAGE_SIZE(image) };
	if (cgbi)
		undo_cgbi(rgba, (size_t)image.width * image.height);
	*ret = talloc_steal(ctx, icon);
	return true;
}

/*
 * Resampling by a tent as wide as a source or target pixel, whichever is larger: an average over
 * the covered area on the way down, linear between neighbours on the way up.  Works on one axis;
 * colours are premultiplied, so that transparent pixels lend no colour to their neighbours.
 */
static void
resample(const float *from, int from_len, size_t from_step, float *to, int to_len, size_t to_step)
{
	double scale = (double)from_len / to_len, radius = scale > 1 ? scale : 1;

	for (int i = 0; i < to_len; i++, to += to_step) {
		double centre = (i + 0.5) * scale - 0.5, total = 0, sum[4] = { 0 };
		int first = (int)(centre - radius), last = (int)(centre + radius) + 1;

		first = first > 0 ? first : 0;
		last = last < from_len - 1 ? last : from_len - 1;
		for (int j = first; j <= last; j++) {
			double away = j > centre ? j - centre : centre - j;
			double weight = away < radius ? radius - away : 0;

			total += weight;
			for (int c = 0; c < 4; c++)
				sum[c] += weight * from[(size_t)j * from_step + (size_t)c];
		}
		for (int c = 0; c < 4; c++)
			to[c] = (float)(sum[c] / total);
	}
}

bool
icon_write(TALLOC_CTX *ctx, const unsigned char *rgba, int side, struct bytes *png, struct err *err)
{
	png_image image = { .version = PNG_IMAGE_VERSION, .width = (png_uint_32)side,
			    .height = (png_uint_32)side, .format = PNG_FORMAT_RGBA };
	png_alloc_size_t len = PNG_IMAGE_PNG_SIZE_MAX(image);
	unsigned char *p = mem_size(ctx, len);

	if (!png_image_write_to_memory(&image, p, &len, 0, rgba, 0, NULL)) {
		png_image_free(&image);
		talloc_free(p);
		return err_set(err, ERR_INTERNAL, "write a PNG: %s", image.message);
	}
	png->p = mem_grow(ctx, p, unsigned char, len);
	png->len = len;
	return true;
}

unsigned char *
icon_fit(TALLOC_CTX *ctx, const struct icon *icon, int side)
{
	SCOPED(mem) TALLOC_CTX *tmp = talloc_new(NULL);
	int longer = icon->width > icon->height ? icon->width : icon->height;
	int width = (icon->width * side + longer / 2) / longer,
	    height = (icon->height * side + longer / 2) / longer;
	size_t pixels = (size_t)icon->width * (size_t)icon->height, row, left, top;
	const unsigned char *rgba = icon->rgba.p;
	unsigned char *out = mem_array(ctx, unsigned char, (size_t)side * (size_t)side * 4);
	float *from, *wide, *to;

	width = width ? width : 1;
	height = height ? height : 1;
	from = mem_array(tmp, float, pixels * 4);
	wide = mem_array(tmp, float, (size_t)width * (size_t)icon->height * 4);
	to = mem_array(tmp, float, (size_t)width * (size_t)height * 4);
	for (size_t i = 0; i < pixels * 4; i += 4) {
		for (size_t c = 0; c < 3; c++)
			from[i + c] = (float)rgba[i + c] * (float)rgba[i + 3] / 255;
		from[i + 3] = rgba[i + 3];
	}
	row = (size_t)width * 4;
	for (size_t y = 0; y < (size_t)icon->height; y++)
		resample(from + y * (size_t)icon->width * 4, icon->width, 4, wide + y * row, width,
			 4);
	for (size_t x = 0; x < (size_t)width; x++)
		resample(wide + x * 4, icon->height, row, to + x * 4, height, row);

	left = (size_t)(side - width) / 2;
	top = (size_t)(side - height) / 2;
	for (size_t y = 0; y < (size_t)height; y++)
		for (size_t x = 0; x < (size_t)width; x++) {
			const float *p = to + y * row + x * 4;
			unsigned char *q = out + ((y + top) * (size_t)side + x + left) * 4;
			unsigned alpha = (unsigned)(p[3] + 0.5f);

			for (int c = 0; c < 3 && alpha; c++) {
				unsigned plain = (unsigned)(p[c] * 255 / p[3] + 0.5f);

				q[c] = (unsigned char)(plain < 255 ? plain : 255);
			}
			q[3] = (unsigned char)alpha;
		}
	return out;
}

bool
icon_png(TALLOC_CTX *ctx, const struct icon *icon, int side, struct bytes *png,
	 struct err *err)
{
	SCOPED(mem) TALLOC_CTX *tmp = talloc_new(NULL);

	return icon_write(ctx, icon_fit(tmp, icon, side), side, png, err);
}

bool
icon_drawn(TALLOC_CTX *ctx, const char *bundle_id, int side, struct bytes *png, struct err *err)
{
	/* Calm colours of one lightness, so that a shelf of them looks like one family. */
	static const unsigned char colours[][3] = {
		{ 0x3b, 0x6f, 0xb6 }, { 0x2f, 0x80, 0x7a }, { 0x4f, 0x7d, 0x3c },
		{ 0x8a, 0x6d, 0x2b }, { 0xa8, 0x5a, 0x32 }, { 0xa3, 0x4a, 0x5e },
		{ 0x8a, 0x4f, 0x95 }, { 0x5f, 0x5c, 0xae },
	};
	SCOPED(mem) TALLOC_CTX *tmp = talloc_new(NULL);
	unsigned char *out = mem_array(tmp, unsigned char, (size_t)side * (size_t)side * 4);
	uint32_t hash =
		(uint32_t)crc32(0, (const unsigned char *)bundle_id, (uInt)strlen(bundle_id));
	const unsigned char *colour = colours[hash % (sizeof colours / sizeof *colours)];

	for (int y = 0; y < side; y++)
		for (int x = 0; x < side; x++) {
			unsigned char *p = out + ((size_t)y * (size_t)side + (size_t)x) * 4;

			/* A little lighter at the top, as light falls. */
			for (int c = 0; c < 3; c++)
				p[c] = (unsigned char)(colour[c] +
						       (255 - colour[c]) * (side - y) / (side * 6));
			p[3] = 255;
		}
	return icon_write(ctx, out, side, png, err);
}
