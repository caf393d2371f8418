#pragma once
/*
 * member - the bytes of one member of an archive, counted while they are unpacked.
 *
 * zlib unpacks the packed bytes where they lie, sizes and CRC are compared with the directory's, and
 * nothing else of the file is read.  (A reader of whole archives would believe local headers, and keep
 * every name in memory.)  What is refused is ERR_INVALID: hostile_zip, too_large.
 */
#include "ipa/archive.h"

#define MEMBER_MAX		(16u << 20)	/* read whole */
#define MEMBER_RATIO_MAX	200		/* unpacked to packed */
#define MEMBER_STREAM_MAX	(1u << 30)	/* read in parts; iOS itself allows 500 MB of code */

/* The whole member, at most `max` bytes.  One NUL follows that does not count. */
bool member_read(TALLOC_CTX *ctx, const struct zip *zip, const struct zip_member *member, size_t max,
		 struct bytes *ret, struct err *err) CHECKED;

/*
 * Parts of a member of any size, in constant memory: what lies before a wanted part is unpacked and
 * dropped, so ask in ascending order.  Going back starts over, which MEMBER_STREAM_MAX also bounds.
 */
struct member_stream;
bool member_stream_open(TALLOC_CTX *ctx, const struct zip *zip, const struct zip_member *member,
			struct member_stream **ret, struct err *err) CHECKED;

/* A macho_read: *got is less than len only at the end.  `stream` is a struct member_stream. */
bool member_read_at(void *stream, uint64_t offset, void *p, size_t len, size_t *got,
		    struct err *err) CHECKED;
