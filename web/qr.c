#include "web/qr.h"
#include <png.h>
#include <qrencode.h>
#include <string.h>

#define MARGIN		4	/* squares around it, as ISO/IEC 18004 wants them */
#define PNG_SQUARE	6	/* pixels */
#define PATH_MAX_BYTES	(256u << 10)

static void
scoped_qr(QRcode **qr)
{
	QRcode_free(*qr);
}

static bool
encode(const char *text, QRcode **ret, struct err *err)
{
	if (!*text || strlen(text) > QR_TEXT_MAX)
		return err_set(err, ERR_LIMIT, "a QR code holds 1 to %d bytes", QR_TEXT_MAX);
	*ret = QRcode_encodeString8bit(text, 0, QR_ECLEVEL_M);
	return *ret || err_errno(err, "QR code");
}

/* Outside of it everything is white. */
static bool
is_black(const QRcode *qr, int x, int y)
{
	return x >= 0 && y >= 0 && x < qr->width && y < qr->width && (qr->data[y * qr->width + x] & 1);
}

/* Each run of black squares in a row is one rectangle. */
static void
add_path(const QRcode *qr, struct buf *out)
{
	for (int y = 0; y < qr->width; y++)
		for (int x = 0, run; x < qr->width; x += run + 1) {
			for (run = 0; is_black(qr, x + run, y); run++)
				;
			if (run)
				buf_addf(out, "M%d %dh%dv1h-%dz", x, y, run, run);
		}
}

bool
qr_json(const char *text, json_t **ret, struct err *err)
{
	SCOPED(qr) QRcode *qr = NULL;
	SCOPED(mem) void *own = NULL;
	struct buf path;

	if (!encode(text, &qr, err))
		return false;
	own = talloc_named_const(NULL, 0, "qr");
	buf_init(&path, own, PATH_MAX_BYTES);
	add_path(qr, &path);
	if (!buf_ok(&path, err))
		return false;
	*ret = json_pack("{s:i, s:s}", "size", qr->width, "path", buf_str(&path));
	return true;
}

bool
qr_svg(const char *text, struct buf *out, struct err *err)
{
	SCOPED(qr) QRcode *qr = NULL;

	if (!encode(text, &qr, err))
		return false;
	buf_addf(out,
		 "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"%d %d %d %d\" shape-rendering=\"crispEdges\">"
		 "<path fill=\"#fff\" d=\"M%d %dh%dv%dh-%dz\"/><path d=\"",
		 -MARGIN, -MARGIN, qr->width + 2 * MARGIN, qr->width + 2 * MARGIN, -MARGIN, -MARGIN,
		 qr->width + 2 * MARGIN, qr->width + 2 * MARGIN, qr->width + 2 * MARGIN);
	add_path(qr, out);
	buf_text(out, "\"/></svg>\n");
	return buf_ok(out, err);
}

bool
qr_png(TALLOC_CTX *ctx, const char *text, struct bytes *ret, struct err *err)
{
	SCOPED(qr) QRcode *qr = NULL;
	SCOPED(mem) unsigned char *grey = NULL;
	png_image image = { .version = PNG_IMAGE_VERSION, .format = PNG_FORMAT_GRAY };
	png_alloc_size_t len;
	unsigned char *out;
	int side;

	if (!encode(text, &qr, err))
		return false;
	side = (qr->width + 2 * MARGIN) * PNG_SQUARE;
	grey = mem_size(NULL, (size_t)side * (size_t)side);
	for (int y = 0; y < side; y++)
		for (int x = 0; x < side; x++)
			grey[y * side + x] = is_black(qr, x / PNG_SQUARE - MARGIN, y / PNG_SQUARE - MARGIN) ? 0 : 255;
	image.width = image.height = (png_uint_32)side;
	len = PNG_IMAGE_PNG_SIZE_MAX(image);
	out = mem_size(ctx, len);
	if (!png_image_write_to_memory(&image, out, &len, 0, grey, 0, NULL)) {
		png_image_free(&image);
		return err_set(err, ERR_INTERNAL, "QR code: %s", image.message);
	}
	*ret = (struct bytes){ mem_grow(ctx, out, unsigned char, len), len };
	return true;
}

bool
qr_text(const char *text, struct buf *out, struct err *err)
{
	/* by upper and lower square: both white, lower black, upper black, both black */
	static const char *const blocks[] = { "█", "▀", "▄", " " };
	SCOPED(qr) QRcode *qr = NULL;

	if (!encode(text, &qr, err))
		return false;
	for (int y = -MARGIN / 2; y < qr->width + MARGIN / 2; y += 2) {
		buf_text(out, "\x1b[97;40m");
		for (int x = -MARGIN / 2; x < qr->width + MARGIN / 2; x++)
			buf_text(out, blocks[2 * is_black(qr, x, y) + is_black(qr, x, y + 1)]);
		buf_text(out, "\x1b[0m\n");
	}
	return buf_ok(out, err);
}
