#pragma once
/*
 * icon - an honest PNG from whatever icon an app has.
 *
 * CgBI (Apple's variant: raw deflate, premultiplied BGRA, one or several IDAT) is undone here, then
 * libpng reads and writes; nothing a stranger sent is served as it came.  Without an icon a plain
 * one is drawn: a colour from the bundle id and nothing else.
 */
#include "core/mem.h"

#define ICON_BYTES_MAX	(2u << 20)
#define ICON_SIDE_MAX	1024
#define ICON_HEAD_SIZE	64	/* enough of a file for icon_size */

/* The sizes that are made of each: what a manifest names (57 and 512), and what a list shows. */
enum icon_size { ICON_57, ICON_120, ICON_512, ICON_SIZES };
extern const int icon_sides[ICON_SIZES];	/* pixels */

struct icon {
	int width, height;
	const char *source;	/* "cgbi", "png" */
	struct bytes rgba;	/* width * height * 4, not premultiplied */
};

bool icon_read(TALLOC_CTX *ctx, struct bytes png, struct icon **ret, struct err *err) CHECKED;

/* What the first ICON_HEAD_SIZE bytes say; false when they are no PNG, or beyond ICON_SIDE_MAX. */
bool icon_size(struct bytes head, int *width, int *height);

/* Scaled to fit side * side, transparent where it is not square. */
bool icon_png(TALLOC_CTX *ctx, const struct icon *icon, int side, struct bytes *png,
	      struct err *err) CHECKED;
bool icon_drawn(TALLOC_CTX *ctx, const char *bundle_id, int side, struct bytes *png,
		struct err *err) CHECKED;

/* The same as pixels, side * side * 4; and such pixels as a PNG. */
unsigned char *icon_fit(TALLOC_CTX *ctx, const struct icon *icon, int side);
bool icon_write(TALLOC_CTX *ctx, const unsigned char *rgba, int side, struct bytes *png, struct err *err) CHECKED;

/* ---- icon_home.c: for a home screen, which shows black where an icon is transparent: these never are ---- */

/* A picture filling a square; one that is not square, or transparent, in the middle of a white one. */
bool icon_home(TALLOC_CTX *ctx, const struct icon *icon, int side, struct bytes *png, struct err *err) CHECKED;

/* The first letter or digit of a name, drawn in `ink` on `ground` ("#rrggbb" each); other scripts get a plain mark. */
bool icon_letter(TALLOC_CTX *ctx, const char *name, const char *ground, const char *ink, int side, struct bytes *png,
		 struct err *err) CHECKED;
