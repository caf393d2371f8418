#pragma once
/*
 * multipart - multipart/form-data as it streams in (RFC 7578, RFC 2046 section 5.1).
 *
 * Files are handed on block by block and never kept; plain fields are kept, bounded.  Feed it blocks
 * of any size: the result does not depend on where they are cut.  After an error nothing more may be
 * fed.
 */
#include "web/fields.h"

#define MULTIPART_BOUNDARY_MAX	70		/* RFC 2046 */
#define MULTIPART_PARTS_MAX	4096		/* a page of a payload has up to PAYLOAD_FIELDS_MAX fields, some with a second */
#define MULTIPART_HEAD_MAX	4096		/* header lines of one part */
#define MULTIPART_FIELDS_MAX	(256u << 10)	/* plain fields, all together */

struct multipart;

struct multipart_file {
	const char *field, *name, *type;	/* type: "application/octet-stream" when not sent */
};

struct multipart_calls {
	/* A part with a file name begins; its bytes follow until the next begins or all has ended. */
	bool (*file)(void *arg, const struct multipart_file *file, struct err *err);
	bool (*data)(void *arg, struct bytes bytes, struct err *err);
};

/* ERR_MALFORMED when the Content-Type (may be NULL) is not multipart/form-data with a boundary. */
bool multipart_new(TALLOC_CTX *ctx, const char *content_type, const struct multipart_calls *calls,
		   void *arg, struct multipart **ret, struct err *err) CHECKED;
bool multipart_feed(struct multipart *multipart, struct bytes bytes, struct err *err) CHECKED;

/* The body has ended: false when the closing delimiter never came. */
bool multipart_end(struct multipart *multipart, struct err *err) CHECKED;

/* Parts without a file name; valid once multipart_end said so.  A form's empty file field is left out. */
const struct fields *multipart_fields(const struct multipart *multipart);
