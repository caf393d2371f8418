#pragma once
/*
 * member - the bytes of one member of an archive, counted while they are unpacked.
 *
 * libarchive unpacks and checks the CRC, but is shown an archive of this one member only: headers
 * written by us around the packed bytes.  It reads nothing else of the file, in any order we like.
 * What is refused is ERR_INVALID: hostile_zip, too_large.
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
