/* Icons: Apple's variant of PNG and ordinary ones become honest PNGs of the size asked for. */
#include "tests/check.h"
#include "core/buf.h"
#include "ipa/icon.h"
#include <png.h>
#include <stdlib.h>
#include <zlib.h>

enum { SIDE = 60 };

static void
add32(struct buf *buf, uint32_t value)
{
	unsigned char p[4] = { (unsigned char)(value >> 24), (unsigned char)(value >> 16),
			       (unsigned char)(value >> 8), (unsigned char)value };

	buf_add(buf, p, 4);
}

static void
add_chunk(struct buf *buf, const char *type, const void *data, size_t len)
{
	size_t from = buf->len + 4;

	add32(buf, (uint32_t)len);
	buf_add(buf, type, 4);
	buf_add(buf, data, len);
	add32(buf, (uint32_t)crc32(0, (unsigned char *)buf->p + from, (uInt)(buf->len - from)));
}

/* A colourful square with soft transparent corners. */
static void
pixel(int x, int y, unsigned char rgba[4])
{
	rgba[0] = (unsigned char)(x * 4);
	rgba[1] = (unsigned char)(255 - y * 4);
	rgba[2] = (unsigned char)(x * y % 256);
	rgba[3] = (unsigned char)(x + y < 30 ? (x + y) * 8 : 255);
}

/* As Apple's pngcrush writes it: premultiplied BGRA, all five filters, a raw stream in `parts`. */
static struct bytes
make_cgbi(TALLOC_CTX *ctx, int parts)
{
	static const unsigned char ihdr[13] = { 0, 0, 0, SIDE, 0, 0, 0, SIDE, 8, 6, 0, 0, 0 };
	unsigned char lines[SIDE][1 + SIDE * 4], plain[SIDE + 1][SIDE * 4] = { 0 },
									packed[SIDE * SIDE * 5];
	z_stream z = { .next_in = (unsigned char *)lines, .avail_in = sizeof lines,
		       .next_out = packed, .avail_out = sizeof packed };
	struct buf png;

	for (int y = 0; y < SIDE; y++)
		for (int x = 0; x < SIDE; x++) {
			unsigned char c[4], *p = &plain[y + 1][x * 4];

			pixel(x, y, c);
			for (int i = 0; i < 3; i++)
				p[2 - i] = (unsigned char)((c[i] * c[3] + 127) / 255);
			p[3] = c[3];
		}
	for (int y = 0; y < SIDE; y++) {
		lines[y][0] = (unsigned char)(y % 5);
		for (int i = 0; i < SIDE * 4; i++) {
			int a = i < 4 ? 0 : plain[y + 1][i - 4], b = plain[y][i],
			    c = i < 4 ? 0 : plain[y][i - 4];
			int pa = abs(b - c), pb = abs(a - c), pc = abs(a + b - 2 * c);
			int paeth = pa <= pb && pa <= pc ? a : pb <= pc ? b : c;
			int guess[5] = { 0, a, b, (a + b) / 2, paeth };

			lines[y][1 + i] = (unsigned char)(plain[y + 1][i] - guess[y % 5]);
		}
	}
	assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, -15, 9, Z_DEFAULT_STRATEGY), Z_OK);
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	deflateEnd(&z);
	buf_init(&png, ctx, 1 << 20);
	buf_add(&png, "\x89PNG\r\n\x1a\n", 8);
	add_chunk(&png, "CgBI", "\x50\x00\x20\x02", 4);
	add_chunk(&png, "IHDR", ihdr, 13);
	for (size_t i = 0, n = (size_t)parts, from = 0; i < n; i++) {
		size_t to = z.total_out * (i + 1) / n;

		add_chunk(&png, "IDAT", packed + from, to - from);
		from = to;
	}
	add_chunk(&png, "IEND", "", 0);
	return (struct bytes){ png.p, png.len };
}

static void
assert_near(int a, int b, int tolerance)
{
	if (abs(a - b) > tolerance)
		fail_msg("%d is not near %d", a, b);
}

static void
apples_variant_is_undone_in_one_part_and_in_several(void **state)
{
	for (int parts = 1; parts < 5; parts++) {
		struct icon *icon;
		struct err err;

		assert_ok(icon_read(*state, make_cgbi(*state, parts), &icon, &err), &err);
		assert_string_equal(icon->source, "cgbi");
		assert_int_equal(icon->width, SIDE);
		assert_int_equal(icon->height, SIDE);
		for (int y = 0; y < SIDE; y++)
			for (int x = 0; x < SIDE; x++) {
				const unsigned char *p =
					(const unsigned char *)icon->rgba.p + (y * SIDE + x) * 4;
				unsigned char want[4];

				pixel(x, y, want);
				assert_int_equal(p[3], want[3]);
				/* Multiplying by a small alpha has lost what cannot come back. */
				for (int c = 0; c < 3 && want[3]; c++)
					assert_near(p[c], want[c], 128 / want[3] + 1);
			}
	}
}

static void
an_icon_is_scaled_without_bleeding_transparent_colour(void **state)
{
	/* Left half opaque red, right half transparent green: no green may appear. */
	unsigned char rgba[4 * 100 * 100];
	struct icon icon = { 100, 100, "png", { rgba, sizeof rgba } }, *again;
	static const int sides[] = { 57, 512, 1, 100 };

	for (int i = 0; i < 100 * 100; i++)
		memcpy(rgba + i * 4, i % 100 < 50 ? "\xff\0\0\xff" : "\0\xff\0\0", 4);
	for (size_t i = 0; i < sizeof sides / sizeof *sides; i++) {
		struct bytes png;
		struct err err;
		const unsigned char *p;

		assert_ok(icon_png(*state, &icon, sides[i], &png, &err), &err);
		assert_ok(icon_read(*state, png, &again, &err), &err);
		assert_string_equal(again->source, "png");
		assert_int_equal(again->width, sides[i]);
		p = again->rgba.p;
		for (int k = 0; k < sides[i] * sides[i]; k++)
			if (p[4 * k + 3])
				assert_int_equal(p[4 * k + 1], 0);
		if (sides[i] > 1) {
			assert_memory_equal(p, "\xff\0\0\xff", 4);
			assert_int_equal(p[4 * (sides[i] - 1) + 3], 0);
		}
	}
}

static void
a_flat_colour_stays_exactly_itself_at_any_size(void **state)
{
	unsigned char rgba[4 * 13 * 13];
	struct icon icon = { 13, 13, "png", { rgba, sizeof rgba } }, *again;

	for (int i = 0; i < 13 * 13; i++)
		memcpy(rgba + i * 4, "\x12\x9a\xfe\xff", 4);
	for (int side = 1; side < 60; side += 7) {
		struct bytes png;
		struct err err;

		assert_ok(icon_png(*state, &icon, side, &png, &err), &err);
		assert_ok(icon_read(*state, png, &again, &err), &err);
		for (int i = 0; i < side * side; i++)
			assert_memory_equal((const char *)again->rgba.p + 4 * i, "\x12\x9a\xfe\xff",
					    4);
	}
}

static void
what_is_not_square_is_centred(void **state)
{
	unsigned char rgba[4 * 40 * 20];
	struct icon icon = { 40, 20, "png", { rgba, sizeof rgba } }, *again;
	struct bytes png;
	struct err err;
	const unsigned char *p;

	memset(rgba, 0xff, sizeof rgba);
	assert_ok(icon_png(*state, &icon, 20, &png, &err), &err);
	assert_ok(icon_read(*state, png, &again, &err), &err);
	p = again->rgba.p;
	assert_int_equal(p[3], 0);
	assert_int_equal(p[4 * (10 * 20 + 10) + 3], 255);
	assert_int_equal(p[4 * (19 * 20) + 3], 0);
}

static void
a_drawn_icon_depends_on_the_bundle_id_alone(void **state)
{
	struct bytes a, b, c;
	struct icon *icon;
	struct err err;

	assert_ok(icon_drawn(*state, "com.example.demo", 57, &a, &err), &err);
	assert_ok(icon_drawn(*state, "com.example.demo", 57, &b, &err), &err);
	assert_ok(icon_drawn(*state, "com.example.other", 57, &c, &err), &err);
	assert_int_equal(a.len, b.len);
	assert_memory_equal(a.p, b.p, a.len);
	assert_false(a.len == c.len && memcmp(a.p, c.p, a.len) == 0);
	assert_ok(icon_read(*state, a, &icon, &err), &err);
	assert_int_equal(icon->width, 57);
}

static void
broken_and_oversized_icons_are_refused(void **state)
{
	struct bytes good = make_cgbi(*state, 2);
	unsigned char *bad = mem_copy(*state, good.p, good.len);
	struct icon *icon;
	struct err err;
	int width, height;

	assert_true(icon_size((struct bytes){ good.p, ICON_HEAD_SIZE }, &width, &height));
	assert_int_equal(width, SIDE);
	for (size_t cut = 0; cut < good.len - 30; cut += 7)
		assert_false(icon_read(*state, (struct bytes){ good.p, cut }, &icon, &err));
	/* IHDR is at 8 + 16 + 8; a giant picture is refused by its header. */
	memcpy(bad + 32, "\x00\x01\x00\x00\x00\x01\x00\x00", 8);
	assert_false(icon_read(*state, (struct bytes){ bad, good.len }, &icon, &err));
	assert_false(icon_size((struct bytes){ bad, good.len }, &width, &height));
	/* More lines than the stream has, and more stream than there are lines. */
	memcpy(bad + 32, "\0\0\0\x3c\0\0\x02\x00", 8);
	assert_false(icon_read(*state, (struct bytes){ bad, good.len }, &icon, &err));
	memcpy(bad + 32, "\0\0\0\x01\0\0\0\x01", 8);
	assert_false(icon_read(*state, (struct bytes){ bad, good.len }, &icon, &err));
	assert_false(icon_read(*state, (struct bytes){ "<svg onload=alert(1)>", 21 }, &icon, &err));
	assert_false(icon_read(*state, (struct bytes){ "", 0 }, &icon, &err));
}

static void
real_icons_match_what_other_tools_make_of_them(void **state)
{
	/* The second has a monitor's colour profile, which the other tool has applied and we leave out. */
	static const struct {
		const char *ours, *theirs;
		int tolerance;
	} pairs[] = {
		{ "an3park-cgbi.png", "an3park-png-expected.png", 2 },
		{ "an3park-cgbi2.png", "an3park-png2-expected.png", 24 },
		{ "jessewo-single-IDAT-AppIcon57.png", "jessewo-single-IDAT-AppIcon57-expected.png",
		  2 },
	};

	for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
		const char *ours =
			test_shared(*state, mem_printf(*state, "fixtures/icons/%s", pairs[i].ours));
		const char *theirs = test_shared(
			*state, mem_printf(*state, "fixtures/icons/%s", pairs[i].theirs));
		struct icon *a, *b;
		struct err err;
		const unsigned char *p, *q;
		int worst = 0;

		if (!ours || !theirs)
			test_skip("no ../shared/fixtures");
		assert_ok(icon_read(*state, test_file(*state, ours), &a, &err), &err);
		assert_ok(icon_read(*state, test_file(*state, theirs), &b, &err), &err);
		assert_int_equal(a->width, b->width);
		assert_int_equal(a->height, b->height);
		p = a->rgba.p;
		q = b->rgba.p;
		for (size_t k = 0; k < a->rgba.len; k += 4) {
			assert_int_equal(p[k + 3], q[k + 3]);
			/* What is seen of it: times alpha, since the other tools round differently. */
			for (size_t c = 0; c < 3; c++) {
				int off = abs(p[k + c] - q[k + c]) * p[k + 3] / 255;

				worst = off > worst ? off : worst;
			}
		}
		print_message("  %s: differs by at most %d\n", pairs[i].ours, worst);
		assert_true(worst <= pairs[i].tolerance);
	}
}

TESTS(apples_variant_is_undone_in_one_part_and_in_several,
      an_icon_is_scaled_without_bleeding_transparent_colour,
      a_flat_colour_stays_exactly_itself_at_any_size, what_is_not_square_is_centred,
      a_drawn_icon_depends_on_the_bundle_id_alone, broken_and_oversized_icons_are_refused,
      real_icons_match_what_other_tools_make_of_them)
