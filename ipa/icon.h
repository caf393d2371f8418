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
