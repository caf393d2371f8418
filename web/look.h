#pragma once
/*
 * look - the company's colour and logo on every page.
 *
 * An admin picks one colour.  From it come the four accent tokens of web/assets/pomona.css, for light
 * and for dark: hue stays, lightness moves until every contrast holds that the stylesheet's other
 * colours need (WCAG 2.2, 1.4.3 and 1.4.11).  The result is appended to the stylesheet served, so
 * there is no second request and no style attribute.
 */
#include <jansson.h>
#include "core/buf.h"

#define LOOK_TEXT_CONTRAST	4.5	/* accent on all grounds, on-accent on accent-fill */
#define LOOK_FILL_CONTRAST	3.0	/* accent-fill on a card */
#define LOOK_LOGO_MAX		250000u	/* bytes */

struct look_tones {
	char accent[8], accent_fill[8], on_accent[8], accent_soft[8];	/* "#0a58ca" */
	double text_contrast, fill_contrast;	/* the lowest of each kind */
	bool moved;				/* accent_fill is not the colour as picked */
};

struct look {
	struct look_tones light, dark;
};

/* From "#0a58ca" (or "#06c"); ERR_INVALID for anything else. */
bool look_from(const char *colour, struct look *ret, struct err *err) CHECKED;

void look_css(const struct look *look, struct buf *out);	/* two blocks, to stand behind the stylesheet */
json_t *look_json(const struct look *look);			/* as page "settings" shows it */

/* pomona.css with the blocks of `colour` (NULL or "": as it is), in `out`. */
bool look_stylesheet(const char *colour, struct buf *out, struct err *err) CHECKED;

double look_contrast(const char *a, const char *b);	/* of two "#rrggbb": 1 to 21; for tests */

/* Is it a PNG that the icon on home screens can be made of (web/clip_look.c)?  ERR_INVALID, ERR_LIMIT. */
bool look_logo_fits(struct bytes logo, struct err *err) CHECKED;
/* Of one that was taken, by its first bytes: "image/png"; "image/jpeg" or "image/webp" of long ago.  ERR_INVALID. */
bool look_logo_type(struct bytes logo, const char **ret, struct err *err) CHECKED;
