/* Any bytes as an icon: refused, or a picture within bounds that can be written and read again. */
#include "tests/fuzz/fuzz.h"
#include "ipa/icon.h"
#include <stdlib.h>

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	TALLOC_CTX *ctx = talloc_new(NULL);
	struct bytes file = { p, len }, png;
	struct icon *icon, *again;
	struct err err;
	int width, height;

	if (icon_read(ctx, file, &icon, &err)) {
		if (!icon_size(file, &width, &height) || icon->width != width || icon->height != height)
			abort();
		if (!icon_png(ctx, icon, 57, &png, &err) || !icon_read(ctx, png, &again, &err) || again->width != 57)
			abort();
	}
	talloc_free(ctx);
	return 0;
}
