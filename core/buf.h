#pragma once
/*
 * buf - bytes that grow, with the escaping in the verb.
 *
 * Belongs to its ctx.  Overflow of `max` is sticky: nothing more is added, and buf_ok says so once
 * at the end.  The content always ends with a NUL that does not count.
 */
#include "core/mem.h"

struct buf {
	TALLOC_CTX *ctx;
	char *p;
	size_t len, room, max;
	bool overflow;
};

void buf_init(struct buf *buf, TALLOC_CTX *ctx, size_t max);
void buf_clear(struct buf *buf);

void buf_add(struct buf *buf, const void *p, size_t len);
void buf_text(struct buf *buf, const char *text);
void buf_addf(struct buf *buf, const char *fmt, ...) PRINTF(2, 3);
void buf_html(struct buf *buf, const char *text, size_t len);	/* & < > " ' */
void buf_xml(struct buf *buf, const char *text, size_t len);	/* also drops what XML 1.0 forbids */
void buf_url(struct buf *buf, const char *text, size_t len);	/* all but RFC 3986 unreserved */
/* A field of RFC 4180; one that a spreadsheet would take for a formula begins with an apostrophe. */
void buf_csv(struct buf *buf, const char *text, size_t len);
void buf_hex(struct buf *buf, const void *p, size_t len);	/* lower case */
void buf_base64(struct buf *buf, const void *p, size_t len);
void buf_base64url(struct buf *buf, const void *p, size_t len);	/* no padding, RFC 4648 section 5 */

bool buf_ok(const struct buf *buf, struct err *err) CHECKED;	/* ERR_LIMIT when it overflowed */
const char *buf_str(const struct buf *buf);			/* never NULL */
