/*
 * Letters are strokes with round ends: each point of the picture is as dark as it is near to the nearest of them.
 * So there is no font in the program, and no curve: corners are cut, and the round pen does the rest.
 */
#include "ipa/icon.h"
#include "core/num.h"
#include <math.h>
#include <string.h>

#define MARGIN		0.14	/* around a picture that does not fill the square */
#define POINTS_MAX	40	/* of one letter */
#define WIDE		4	/* of the grid of a letter */
#define HIGH		6
#define LETTER_HIGH	0.46	/* of the side */
#define PEN		0.72	/* thickness, in units of the grid */

/* Points of the grid: a column a to e, a row 0 to 6; a space lifts the pen. */
static const struct {
	char sign;
	const char *strokes;
} letters[] = {
	{ 'A', "a6a1b0d0e1e6 a4e4" }, { 'B', "d3a3a0d0e1e2d3e4e5d6a6a3" }, { 'C', "e1d0b0a1a5b6d6e5" },
	{ 'D', "a0d0e1e5d6a6a0" }, { 'E', "e0a0a6e6 a3d3" }, { 'F', "e0a0a6 a3d3" },
	{ 'G', "e1d0b0a1a5b6d6e5e3c3" }, { 'H', "a0a6 e0e6 a3e3" }, { 'I', "c0c6" }, { 'J', "e0e5d6b6a5" },
	{ 'K', "a0a6 e0a4 b3e6" }, { 'L', "a0a6e6" }, { 'M', "a6a0c3e0e6" }, { 'N', "a6a0e6e0" },
	{ 'O', "b0d0e1e5d6b6a5a1b0" }, { 'P', "a6a0d0e1e2d3a3" }, { 'Q', "b0d0e1e5d6b6a5a1b0 c4e6" },
	{ 'R', "a6a0d0e1e2d3a3 c3e6" }, { 'S', "e1d0b0a1a2b3d3e4e5d6b6a5" }, { 'T', "a0e0 c0c6" },
	{ 'U', "a0a5b6d6e5e0" }, { 'V', "a0c6e0" }, { 'W', "a0b6c2d6e0" }, { 'X', "a0e6 e0a6" }, { 'Y', "a0c3e0 c3c6" },
	{ 'Z', "a0e0a6e6" }, { '0', "b0d0e1e5d6b6a5a1b0" }, { '1', "b1c0c6" }, { '2', "a1b0d0e1e2a6e6" },
	{ '3', "a1b0d0e1e2d3b3 d3e4e5d6b6a5" }, { '4', "d6d0a4e4" }, { '5', "e0a0a3d3e4e5d6b6a5" },
	{ '6', "e1d0b0a1a5b6d6e5e4d3a3" }, { '7', "a0e0b6" }, { '8', "b3a2a1b0d0e1e2d3b3a4a5b6d6e5e4d3" },
	{ '9', "a5b6d6e5e1d0b0a1a2b3e3" },
};
#define PLAIN_MARK "a1e1 a3d3 a5e5"

static const char *
strokes_of(const char *name)
{
	char sign = *name >= 'a' && *name <= 'z' ? (char)(*name - 'a' + 'A') : *name;

	for (size_t i = 0; i < sizeof letters / sizeof *letters; i++)
		if (letters[i].sign == sign)
			return letters[i].strokes;
	return PLAIN_MARK;
}

struct segment {
	double x, y, dx, dy;
};

static int
segments_of(const char *strokes, struct segment segments[POINTS_MAX])
{
	int n = 0;

	for (const char *at = strokes; at[0] && at[1] && n < POINTS_MAX; at += at[0] == ' ' ? 1 : 2)
		if (at[0] != ' ' && at[2] && at[2] != ' ')
			segments[n++] = (struct segment){ at[0] - 'a', at[1] - '0', at[2] - at[0], at[3] - at[1] };
	return n;
}

static double
distance(const struct segment *s, double x, double y)
{
	double along = ((x - s->x) * s->dx + (y - s->y) * s->dy) / (s->dx * s->dx + s->dy * s->dy);

	along = along < 0 ? 0 : along > 1 ? 1 : along;
	return hypot(x - s->x - along * s->dx, y - s->y - along * s->dy);
}

static unsigned char
mixed(unsigned char ground, unsigned char ink, double share)
{
	return (unsigned char)(ground + (ink - ground) * share + 0.5);
}

bool
icon_letter(TALLOC_CTX *ctx, const char *name, const char *ground, const char *ink, int side, struct bytes *png,
	    struct err *err)
{
	SCOPED(mem) TALLOC_CTX *tmp = talloc_new(NULL);
	unsigned char *out = mem_array(tmp, unsigned char, (size_t)side * (size_t)side * 4), colours[2][3];
	double unit = side * LETTER_HIGH / HIGH, left = (side - WIDE * unit) / 2, top = (side - HIGH * unit) / 2;
	struct segment segments[POINTS_MAX];
	int n = segments_of(strokes_of(name), segments);

	if (*ground != '#' || *ink != '#' || !num_unhex(ground + 1, colours[0], 3) || !num_unhex(ink + 1, colours[1], 3))
		return err_set(err, ERR_INVALID, "colours %s and %s are not #rrggbb", ground, ink);
	for (int i = 0; i < side * side; i++) {
		double x = (i % side + 0.5 - left) / unit, y = (i / side + 0.5 - top) / unit, near = side, share;

		for (int s = 0; s < n; s++)
			near = fmin(near, distance(&segments[s], x, y));
		share = fmax(0, fmin(1, (PEN / 2 - near) * unit + 0.5));	/* the edge is one pixel wide */
		for (int c = 0; c < 3; c++)
			out[i * 4 + c] = mixed(colours[0][c], colours[1][c], share);
		out[i * 4 + 3] = 255;
	}
	return icon_write(ctx, out, side, png, err);
}

static bool
is_opaque(const struct icon *icon)
{
	const unsigned char *rgba = icon->rgba.p;

	for (size_t i = 3; i < icon->rgba.len; i += 4)
		if (rgba[i] < 255)
			return false;
	return true;
}

bool
icon_home(TALLOC_CTX *ctx, const struct icon *icon, int side, struct bytes *png, struct err *err)
{
	SCOPED(mem) TALLOC_CTX *tmp = talloc_new(NULL);
	bool fills = icon->width == icon->height && is_opaque(icon);
	int margin = fills ? 0 : (int)(side * MARGIN), inner = side - 2 * margin;
	unsigned char *out = mem_array(tmp, unsigned char, (size_t)side * (size_t)side * 4), *picture = icon_fit(tmp, icon, inner);

	memset(out, 255, (size_t)side * (size_t)side * 4);
	for (int y = 0; y < inner; y++)
		for (int x = 0; x < inner; x++) {
			const unsigned char *from = picture + ((size_t)y * (size_t)inner + (size_t)x) * 4;
			unsigned char *to = out + ((size_t)(y + margin) * (size_t)side + (size_t)(x + margin)) * 4;

			for (int c = 0; c < 3; c++)
				to[c] = mixed(255, from[c], from[3] / 255.0);
		}
	return icon_write(ctx, out, side, png, err);
}
