#pragma once
/*
 * qr - a QR code for a page, a file or a terminal.
 */
#include <jansson.h>
#include "core/buf.h"

#define QR_TEXT_MAX	1000	/* bytes; beyond it the squares get too small for a phone's camera */

/* {"size": 29, "path": "M0 0h7v1h-7z..."}: an SVG path in a viewBox of size x size, without a margin. */
bool qr_json(const char *text, json_t **ret, struct err *err) CHECKED;

bool qr_svg(const char *text, struct buf *out, struct err *err) CHECKED;	/* a whole file, with margin */

/* A PNG for mail, whose readers show no SVG; with margin. */
bool qr_png(TALLOC_CTX *ctx, const char *text, struct bytes *ret, struct err *err) CHECKED;

/* Two rows a line in half blocks, with margin, black on white whatever the terminal's colours are. */
bool qr_text(const char *text, struct buf *out, struct err *err) CHECKED;
