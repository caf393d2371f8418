/*
 * Colours are moved in OKLCH (Ottosson 2020, https://bottosson.github.io/posts/oklab/): there a change
 * of lightness alone leaves the hue where people see it.  Every check is made on the eight-bit colour
 * that is sent, not on the one before rounding.
 */
#include "web/look.h"
#include <math.h>
#include <string.h>
#include "core/embed.h"
#include "core/num.h"
#include "ipa/icon.h"

#define STYLESHEET	"web/assets/pomona.css"
#define STEP		(1.0 / 256)
#define WHITE_REACH	0.12	/* lightness we move for white text before the text becomes black */
#define MIX_LIGHT	0.095	/* of the colour in its tint on white */
#define SOFT_DARK_L	0.27	/* the tint in the dark */
#define SOFT_DARK_C	0.07

struct rgb {
	unsigned char r, g, b;
};

struct lch {
	double l, c, h;
};

/* The grounds of pomona.css that an accent stands on. A test compares them with the stylesheet. */
static const struct theme {
	const char *surface, *grounds[6];	/* page, group, card, fill, fill on a card, fill-2 */
	bool dark;
} light = { "#ffffff", { "#ffffff", "#f2f2f6", "#ffffff", "#ececf1", "#e3e3ea", "#e0e0e7" }, false },
  dark = { "#1b1b1e", { "#000000", "#000000", "#1b1b1e", "#2a2a2f", "#2e2e34", "#3a3a41" }, true };

/* ---- colour spaces ---- */
static double
to_linear(unsigned char value)
{
	double v = value / 255.0;

	return v <= 0.04045 ? v / 12.92 : pow((v + 0.055) / 1.055, 2.4);
}

static double
from_linear(double v)
{
	return v <= 0.0031308 ? v * 12.92 : 1.055 * pow(v, 1 / 2.4) - 0.055;
}

static bool
to_byte(double linear, unsigned char *ret)
{
	double v = from_linear(linear) * 255;

	if (!(v >= -0.5 && v < 255.5))
		return false;
	*ret = (unsigned char)(v < 0 ? 0 : v + 0.5);
	return true;
}

static struct lch
to_lch(struct rgb rgb)
{
	double r = to_linear(rgb.r), g = to_linear(rgb.g), b = to_linear(rgb.b);
	double l = cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
	double m = cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
	double s = cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
	double ok_a = 1.9779984951 * l - 2.4285922050 * m + 0.4505937099 * s;
	double ok_b = 0.0259040371 * l + 0.7827717662 * m - 0.8086757660 * s;

	return (struct lch){ 0.2104542553 * l + 0.7936177850 * m - 0.0040720468 * s,
			     hypot(ok_a, ok_b), atan2(ok_b, ok_a) };
}

static bool
in_gamut(struct lch lch, struct rgb *ret)
{
	double a = lch.c * cos(lch.h), b = lch.c * sin(lch.h);
	double l = lch.l + 0.3963377774 * a + 0.2158037573 * b;
	double m = lch.l - 0.1055613458 * a - 0.0638541728 * b;
	double s = lch.l - 0.0894841775 * a - 1.2914855480 * b;

	l *= l * l;
	m *= m * m;
	s *= s * s;
	return to_byte(4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s, &ret->r) &&
	       to_byte(-1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s, &ret->g) &&
	       to_byte(-0.0041960863 * l - 0.7034186147 * m + 1.7076147010 * s, &ret->b);
}

/* The colour with that lightness, less colourful where a screen cannot show it. */
static struct rgb
from_lch(struct lch lch)
{
	struct rgb rgb = { 0, 0, 0 };

	if (lch.l >= 1)
		return (struct rgb){ 255, 255, 255 };
	while (lch.l > 0 && !in_gamut(lch, &rgb))
		lch.c = lch.c > 0.002 ? lch.c - 0.002 : 0;
	return rgb;
}

/* ---- contrast, https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio ---- */
static double
luminance(struct rgb c)
{
	return 0.2126 * to_linear(c.r) + 0.7152 * to_linear(c.g) + 0.0722 * to_linear(c.b);
}

static double
contrast(struct rgb a, struct rgb b)
{
	double x = luminance(a), y = luminance(b);

	return x > y ? (x + 0.05) / (y + 0.05) : (y + 0.05) / (x + 0.05);
}

static bool
read_rgb(const char *text, struct rgb *ret)
{
	unsigned char c[3];
	char long_form[7];

	if (!text || *text != '#')
		return false;
	text++;
	if (strlen(text) == 3) {
		snprintf(long_form, sizeof long_form, "%c%c%c%c%c%c", text[0], text[0], text[1], text[1],
			 text[2], text[2]);
		text = long_form;
	}
	if (!num_unhex(text, c, sizeof c))
		return false;
	*ret = (struct rgb){ c[0], c[1], c[2] };
	return true;
}

static void
write_rgb(char text[8], struct rgb c)
{
	snprintf(text, 8, "#%02x%02x%02x", c.r, c.g, c.b);
}

double
look_contrast(const char *a, const char *b)
{
	struct rgb x, y;

	return read_rgb(a, &x) && read_rgb(b, &y) ? contrast(x, y) : 1;
}

/* ---- the four tones ---- */
static const struct rgb white = { 255, 255, 255 }, black = { 0, 0, 0 };

/* Filled buttons: as near to the colour as their edge and their text allow. */
static void
choose_fill(const struct theme *theme, struct lch colour, struct rgb *fill, struct rgb *on)
{
	struct rgb surface;
	bool found = false;

	read_rgb(theme->surface, &surface);
	for (double away = 0; away <= 1; away += STEP)
		for (int side = -1; side <= 1; side += 2) {
			struct lch at = { colour.l + side * away, colour.c, colour.h };
			struct rgb c = at.l >= 0 && at.l <= 1 ? from_lch(at) : surface;

			if (contrast(c, surface) < LOOK_FILL_CONTRAST)
				continue;
			if (away <= WHITE_REACH && contrast(white, c) >= LOOK_TEXT_CONTRAST) {
				*fill = c;
				*on = white;
				return;
			}
			if (!found && contrast(black, c) >= LOOK_TEXT_CONTRAST) {
				*fill = c;
				*on = black;
				found = true;
			} else if (!found && contrast(white, c) >= LOOK_TEXT_CONTRAST) {
				*fill = c;
				*on = white;
				found = true;
			}
		}
}

static struct rgb
choose_soft(const struct theme *theme, struct lch colour, struct rgb fill)
{
	struct lch soft = { SOFT_DARK_L, colour.c < SOFT_DARK_C ? colour.c : SOFT_DARK_C, colour.h };

	if (theme->dark)
		return from_lch(soft);
	return (struct rgb){ (unsigned char)(255 - (255 - fill.r) * MIX_LIGHT + 0.5),
			     (unsigned char)(255 - (255 - fill.g) * MIX_LIGHT + 0.5),
			     (unsigned char)(255 - (255 - fill.b) * MIX_LIGHT + 0.5) };
}

static double
lowest(const struct theme *theme, struct rgb soft, struct rgb text)
{
	double least = contrast(text, soft);

	for (size_t i = 0; i < sizeof theme->grounds / sizeof *theme->grounds; i++) {
		struct rgb ground;

		read_rgb(theme->grounds[i], &ground);
		least = fmin(least, contrast(text, ground));
	}
	return least;
}

static void
choose(const struct theme *theme, struct rgb picked, struct look_tones *ret)
{
	struct lch colour = to_lch(picked), text = colour;
	struct rgb fill = white, on = black, soft, accent = picked, surface;

	choose_fill(theme, colour, &fill, &on);
	soft = choose_soft(theme, colour, fill);
	while (lowest(theme, soft, accent) < LOOK_TEXT_CONTRAST &&
	       (theme->dark ? text.l < 1 : text.l > 0)) {
		text.l += theme->dark ? STEP : -STEP;
		accent = from_lch(text);
	}
	read_rgb(theme->surface, &surface);
	write_rgb(ret->accent, accent);
	write_rgb(ret->accent_fill, fill);
	write_rgb(ret->on_accent, on);
	write_rgb(ret->accent_soft, soft);
	ret->text_contrast = fmin(lowest(theme, soft, accent), contrast(on, fill));
	ret->fill_contrast = contrast(fill, surface);
	ret->moved = memcmp(&fill, &picked, sizeof fill) != 0;
}

bool
look_from(const char *colour, struct look *ret, struct err *err)
{
	struct rgb picked;

	if (!read_rgb(colour, &picked))
		return err_set(err, ERR_INVALID, "\"%.20s\" is not a colour such as #0a58ca", colour ? colour : "");
	choose(&light, picked, &ret->light);
	choose(&dark, picked, &ret->dark);
	return true;
}

/* ---- where it goes ---- */
static void
add_block(const struct look_tones *tones, struct buf *out)
{
	buf_addf(out, ":root{--accent:%s;--accent-fill:%s;--on-accent:%s;--accent-soft:%s}", tones->accent,
		 tones->accent_fill, tones->on_accent, tones->accent_soft);
}

/* For screens alone: on paper the accent is black. */
void
look_css(const struct look *look, struct buf *out)
{
	buf_text(out, "@media screen{");
	add_block(&look->light, out);
	buf_text(out, "}\n@media screen and (prefers-color-scheme:dark){");
	add_block(&look->dark, out);
	buf_text(out, "}\n");
}

static json_t *
tones_json(const struct look_tones *tones, bool is_dark)
{
	char text[16], fill[16];

	snprintf(text, sizeof text, "%.1f", floor(tones->text_contrast * 10) / 10);
	snprintf(fill, sizeof fill, "%.1f", floor(tones->fill_contrast * 10) / 10);
	return json_pack("{s:b, s:s, s:s, s:s, s:s, s:b, s:s, s:s}", "dark", is_dark, "accent", tones->accent,
			 "accent_fill", tones->accent_fill, "on_accent", tones->on_accent, "accent_soft",
			 tones->accent_soft, "moved", tones->moved, "text_contrast", text, "fill_contrast", fill);
}

json_t *
look_json(const struct look *look)
{
	return json_pack("[o, o]", tones_json(&look->light, false), tones_json(&look->dark, true));
}

bool
look_stylesheet(const char *colour, struct buf *out, struct err *err)
{
	struct bytes sheet;
	struct look look;

	if (!embed_find(STYLESHEET, &sheet))
		return err_set(err, ERR_INTERNAL, "%s is not part of the program", STYLESHEET);
	buf_add(out, sheet.p, sheet.len);
	if (colour && *colour) {
		if (!look_from(colour, &look, err))
			return false;
		look_css(&look, out);
	}
	return buf_ok(out, err);
}

bool
look_logo_fits(struct bytes logo, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct icon *icon;
	int width, height;

	if (logo.len > LOOK_LOGO_MAX)
		return err_set(err, ERR_LIMIT, "a logo is at most %u KB", LOOK_LOGO_MAX / 1000);
	if (!icon_size(logo, &width, &height))
		return err_set(err, ERR_INVALID, "a logo is a PNG of at most %d pixels a side: the icon on home screens is made of it",
			       ICON_SIDE_MAX);
	return icon_read(ctx, logo, &icon, err);
}

bool
look_logo_type(struct bytes logo, const char **ret, struct err *err)
{
	if (logo.len > 8 && memcmp(logo.p, "\x89PNG\r\n\x1a\n", 8) == 0)
		*ret = "image/png";
	else if (logo.len > 3 && memcmp(logo.p, "\xff\xd8\xff", 3) == 0)
		*ret = "image/jpeg";
	else if (logo.len > 12 && memcmp(logo.p, "RIFF", 4) == 0 &&
		 memcmp((const char *)logo.p + 8, "WEBP", 4) == 0)
		*ret = "image/webp";
	else
		return err_set(err, ERR_INVALID, "no picture that is known");
	return true;
}
