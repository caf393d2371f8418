/* One colour in, four readable ones out, for light and dark; and what a logo may be. */
#include "tests/check.h"
#include <jansson.h>
#include "core/embed.h"
#include "ipa/icon.h"
#include "web/look.h"

#define NEAR 0.0001	/* a contrast is compared as a number of eight-bit colours */

/* As in web/assets/pomona.css; the_grounds_are_those_of_the_stylesheet compares them. */
static const char *const light_grounds[] = { "#ffffff", "#f2f2f6", "#ececf1", "#e0e0e7", "#e3e3ea", NULL };
static const char *const dark_grounds[] = { "#000000", "#1b1b1e", "#2a2a2f", "#3a3a41", "#2e2e34", NULL };

static void
check_tones(const char *colour, const struct look_tones *t, const char *const *grounds, const char *surface)
{
	for (size_t i = 0; grounds[i]; i++)
		if (look_contrast(t->accent, grounds[i]) < LOOK_TEXT_CONTRAST - NEAR)
			fail_msg("%s: accent %s on %s: %.2f", colour, t->accent, grounds[i],
				 look_contrast(t->accent, grounds[i]));
	if (look_contrast(t->accent, t->accent_soft) < LOOK_TEXT_CONTRAST - NEAR)
		fail_msg("%s: accent %s on its tint %s", colour, t->accent, t->accent_soft);
	if (look_contrast(t->on_accent, t->accent_fill) < LOOK_TEXT_CONTRAST - NEAR)
		fail_msg("%s: %s on %s", colour, t->on_accent, t->accent_fill);
	if (look_contrast(t->accent_fill, surface) < LOOK_FILL_CONTRAST - NEAR)
		fail_msg("%s: fill %s on %s", colour, t->accent_fill, surface);
}

static void
every_colour_becomes_readable_in_light_and_dark(void **state)
{
	struct err err = { 0 };

	(void)state;
	for (int r = 0; r <= 255; r += 17)
		for (int g = 0; g <= 255; g += 17)
			for (int b = 0; b <= 255; b += 17) {
				struct look look;
				char colour[8];

				snprintf(colour, sizeof colour, "#%02x%02x%02x", (unsigned)r & 255,
					 (unsigned)g & 255, (unsigned)b & 255);
				assert_ok(look_from(colour, &look, &err), &err);
				check_tones(colour, &look.light, light_grounds, "#ffffff");
				check_tones(colour, &look.dark, dark_grounds, "#1b1b1e");
			}
}

static void
a_colour_that_is_readable_stays_as_it_was_picked(void **state)
{
	struct err err = { 0 };
	struct look look;

	(void)state;
	assert_ok(look_from("#0a5fd6", &look, &err), &err);
	assert_string_equal(look.light.accent_fill, "#0a5fd6");
	assert_string_equal(look.light.on_accent, "#ffffff");
	assert_string_equal(look.light.accent_soft, "#e8f0fb");
	assert_false(look.light.moved);
	assert_ok(look_from("#0a84ff", &look, &err), &err);	/* white text by a small step darker */
	assert_string_equal(look.light.on_accent, "#ffffff");
	assert_true(look.light.moved);
	assert_ok(look_from("#ffd500", &look, &err), &err);	/* a yellow keeps dark text */
	assert_string_equal(look.light.on_accent, "#000000");
	assert_string_equal(look.dark.accent_fill, "#ffd500");
}

static void
the_grounds_are_those_of_the_stylesheet(void **state)
{
	static const char *const tokens[] = {
		"--bg:#fff;",	  "--group:#f2f2f6;", "--surface:#fff;",    "--fill:#ececf1;", "--fill-2:#e0e0e7;",
		"--bg:#000;",	  "--group:#000;",    "--surface:#1b1b1e;", "--fill:#2a2a2f;", "--fill-2:#3a3a41;",
		"--fill:#e3e3ea;", "--fill:#2e2e34;",
	};
	struct bytes css;
	char *text;

	assert_true(embed_find("web/assets/pomona.css", &css));
	text = mem_textn(*state, css.p, css.len);
	for (size_t i = 0; i < sizeof tokens / sizeof *tokens; i++)
		if (!strstr(text, tokens[i]))
			fail_msg("pomona.css has no %s: web/look.c knows another", tokens[i]);
}

static void
the_stylesheet_ends_with_the_companys_blocks(void **state)
{
	struct err err = { 0 };
	struct buf out;
	struct bytes css;

	assert_true(embed_find("web/assets/pomona.css", &css));
	buf_init(&out, *state, 1 << 20);
	assert_ok(look_stylesheet(NULL, &out, &err), &err);
	assert_int_equal(out.len, css.len);
	buf_clear(&out);
	assert_ok(look_stylesheet("#0A5FD6", &out, &err), &err);
	assert_non_null(strstr(out.p + css.len, "@media screen{:root{--accent:"));
	assert_non_null(strstr(out.p + css.len, "(prefers-color-scheme:dark){:root{--accent:"));
}

static void
what_is_no_colour_is_refused(void **state)
{
	static const char *const bad[] = { NULL, "", "#", "0a58ca", "#0a58c", "#0a58caff", "red", "#0a58cg",
					   "#fff;}body{display:none}" };
	struct err err = { 0 };
	struct look look;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		assert_false(look_from(bad[i], &look, &err));
		assert_int_equal(err.kind, ERR_INVALID);
	}
	assert_ok(look_from("#06c", &look, &err), &err);
	assert_string_equal(look.light.accent_fill, "#0066cc");
}

static void
the_settings_page_is_told_both_halves(void **state)
{
	struct err err = { 0 };
	struct look look;
	json_t *json;

	(void)state;
	assert_ok(look_from("#0a5fd6", &look, &err), &err);
	json = look_json(&look);
	assert_int_equal(json_array_size(json), 2);
	assert_true(json_is_true(json_object_get(json_array_get(json, 1), "dark")));
	assert_string_equal(json_string_value(json_object_get(json_array_get(json, 0), "fill_contrast")), "5.7");
	json_decref(json);
}

static void
a_logo_is_a_png_that_an_icon_can_be_made_of_and_nothing_that_could_run(void **state)
{
	static const struct bytes wrong[] = {
		{ "\xff\xd8\xff\xe0\0\x10JFIF\0", 11 }, { "RIFF....WEBPVP8 ", 16 }, { "<svg onload=alert(1)>", 21 }, { "", 0 },
		{ "\x89PNG\r\n\x1a\n", 8 },
	};
	unsigned char *rgba = mem_size(*state, 16 * 16 * 4);
	char *large = mem_size(*state, LOOK_LOGO_MAX + 1);
	struct err err = { 0 };
	struct bytes png;

	memset(rgba, 200, 16 * 16 * 4);
	assert_true(icon_write(*state, rgba, 16, &png, &err));
	assert_true(look_logo_fits(png, &err));
	assert_false(look_logo_fits((struct bytes){ png.p, png.len - 20 }, &err));	/* its end is missing */
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		assert_false(look_logo_fits(wrong[i], &err));
		assert_int_equal(err.kind, ERR_INVALID);
		assert_non_null(strstr(err.cause, "a logo is a PNG"));
	}
	memcpy(large, png.p, png.len);
	assert_false(look_logo_fits((struct bytes){ large, LOOK_LOGO_MAX + 1 }, &err));
	assert_int_equal(err.kind, ERR_LIMIT);
}

/* Taken before only PNG was: it is served as what it is. */
static void
a_logo_of_long_ago_is_known_by_its_first_bytes(void **state)
{
	struct err err = { 0 };
	const char *type;

	(void)state;
	assert_true(look_logo_type((struct bytes){ "\x89PNG\r\n\x1a\n....", 12 }, &type, &err));
	assert_string_equal(type, "image/png");
	assert_true(look_logo_type((struct bytes){ "RIFF....WEBPVP8 ", 16 }, &type, &err));
	assert_string_equal(type, "image/webp");
	assert_false(look_logo_type((struct bytes){ "<svg onload=alert(1)>", 21 }, &type, &err));
	assert_false(look_logo_type((struct bytes){ "", 0 }, &type, &err));
}

TESTS(every_colour_becomes_readable_in_light_and_dark, a_colour_that_is_readable_stays_as_it_was_picked,
      the_grounds_are_those_of_the_stylesheet, the_stylesheet_ends_with_the_companys_blocks,
      what_is_no_colour_is_refused, the_settings_page_is_told_both_halves,
      a_logo_is_a_png_that_an_icon_can_be_made_of_and_nothing_that_could_run,
      a_logo_of_long_ago_is_known_by_its_first_bytes)
