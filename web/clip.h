#pragma once
/*
 * clip - the web clip as this installation has it: what it looks like, its token and URL, and who shows one.
 */
#include "mdm/clip.h"
#include "web/site.h"

#define CLIP_ICON_SIDE	180	/* pixels: a home screen at three times 60, and apple-touch-icon */

/* Of the settings (the console's go before those of the file), the company's look and logo. */
bool clip_look_make(TALLOC_CTX *ctx, struct site *site, const char *company, const char *accent, const char *logo,
		    struct clip_look *ret, struct err *err) CHECKED;
const struct clip_look *site_clip(struct site *site);	/* routes_look.c: as made last */

/* 128 bits of the enrollment's id and the key of links: the same at each call, and kept nowhere. */
char *clip_token(TALLOC_CTX *ctx, struct site *site, const char *enrollment_id);
const char *clip_url(TALLOC_CTX *ctx, struct site *site, const char *token);

void clip_changed(struct site *site);	/* the job looks at once */
