/* The squares that the library draws are the squares on the page, in the file and on the terminal. */
#include "tests/check.h"
#include <png.h>
#include <qrencode.h>
#include "web/qr.h"

static const char url[] = "https://apps.example.com/i/7d41c09e55";

/* Draws a path of "Mx yhNv1h-Nz" rectangles. */
static void
draw(const char *path, char *squares, int size)
{
	int x, y, n, back, used;

	memset(squares, 0, (size_t)(size * size));
	for (; *path; path += used) {
		assert_int_equal(sscanf(path, "M%d %dh%dv1h-%dz%n", &x, &y, &n, &back, &used), 4);
		assert_int_equal(n, back);
		assert_true(x >= 0 && y >= 0 && n > 0 && x + n <= size && y < size);
		memset(squares + y * size + x, 1, (size_t)n);
	}
}

static void
a_path_draws_every_black_square_and_no_other(void **state)
{
	QRcode *qr = QRcode_encodeString8bit(url, 0, QR_ECLEVEL_M);
	struct err err = { 0 };
	json_t *json;
	char *squares = mem_size(*state, (size_t)(qr->width * qr->width));

	assert_ok(qr_json(url, &json, &err), &err);
	assert_int_equal(json_integer_value(json_object_get(json, "size")), qr->width);
	draw(json_string_value(json_object_get(json, "path")), squares, qr->width);
	for (int i = 0; i < qr->width * qr->width; i++)
		assert_int_equal(squares[i], qr->data[i] & 1);
	json_decref(json);
	QRcode_free(qr);
}

static void
a_terminal_shows_two_rows_a_line_within_a_margin(void **state)
{
	struct err err = { 0 };
	struct buf out;
	int lines = 0;

	buf_init(&out, *state, 1 << 16);
	assert_ok(qr_text(url, &out, &err), &err);
	for (const char *p = out.p; *p; p++)
		lines += *p == '\n';
	assert_int_equal(lines, (29 + 4 + 1) / 2);
	assert_memory_equal(out.p, "\x1b[97;40m█████", 8 + 15);	/* the first line is margin */
	assert_string_equal(out.p + out.len - 5, "\x1b[0m\n");
}

static void
a_picture_for_mail_shows_the_same_squares_within_a_margin(void **state)
{
	QRcode *qr = QRcode_encodeString8bit(url, 0, QR_ECLEVEL_M);
	png_image image = { .version = PNG_IMAGE_VERSION };
	struct err err = { 0 };
	struct bytes png;
	unsigned char *grey;
	int side, square;

	assert_ok(qr_png(*state, url, &png, &err), &err);
	assert_int_equal(png_image_begin_read_from_memory(&image, png.p, png.len), 1);
	image.format = PNG_FORMAT_GRAY;
	side = (int)image.width;
	assert_int_equal(side, image.height);
	square = side / (qr->width + 8);
	assert_int_equal(square * (qr->width + 8), side);
	grey = mem_size(*state, PNG_IMAGE_SIZE(image));
	assert_int_equal(png_image_finish_read(&image, NULL, grey, 0, NULL), 1);
	for (int y = 0; y < side; y++)
		for (int x = 0; x < side; x++) {
			int qx = x / square - 4, qy = y / square - 4;
			bool black = qx >= 0 && qy >= 0 && qx < qr->width && qy < qr->width && (qr->data[qy * qr->width + qx] & 1);

			assert_int_equal(grey[y * side + x], black ? 0 : 255);
		}
	QRcode_free(qr);
}

static void
a_file_has_its_margin_and_nothing_that_could_run(void **state)
{
	struct err err = { 0 };
	struct buf out;

	buf_init(&out, *state, 1 << 16);
	assert_ok(qr_svg("<script>", &out, &err), &err);
	assert_null(strstr(out.p, "script"));
	assert_non_null(strstr(out.p, "viewBox=\"-4 -4 29 29\""));
}

static void
what_does_not_fit_is_refused(void **state)
{
	char *text = mem_size(*state, QR_TEXT_MAX + 2);
	struct err err = { 0 };
	json_t *json;

	memset(text, 'x', QR_TEXT_MAX + 1);
	text[QR_TEXT_MAX + 1] = '\0';
	assert_false(qr_json(text, &json, &err));
	assert_int_equal(err.kind, ERR_LIMIT);
	assert_false(qr_json("", &json, &err));
	text[QR_TEXT_MAX] = '\0';
	assert_ok(qr_json(text, &json, &err), &err);
	json_decref(json);
}

TESTS(a_picture_for_mail_shows_the_same_squares_within_a_margin, a_path_draws_every_black_square_and_no_other, a_terminal_shows_two_rows_a_line_within_a_margin,
      a_file_has_its_margin_and_nothing_that_could_run, what_does_not_fit_is_refused)
