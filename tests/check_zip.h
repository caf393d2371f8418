#pragma once
/*
 * check_zip - writes zip archives for tests, right ones and such as no honest tool makes.
 */
#include "tests/check.h"

struct zip_write {
	const char *name;
	const char *text;		/* the content; NULL: `zeros` zero bytes */
	size_t len, zeros;		/* len: of a text that holds NUL */
	bool stored, descriptor, zip64;
	const char *local_name;		/* NULL: the same */
	uint64_t declared;		/* unpacked size in both headers; 0: the true one */
	uint64_t header_at;		/* in the directory; 0: the true one */
	unsigned flags, method, mode, crc_off;
};

struct zip_end {
	bool zip64;
	int entries_off, directory_off;	/* added to what is true */
	const char *comment, *before, *gap;	/* bytes before the first member, before the directory */
};

/* An anonymous file with these entries (up to name NULL); the test closes it. */
int zip_write(TALLOC_CTX *ctx, const struct zip_write *entries, const struct zip_end *end,
	      uint64_t *size);
int zip_file(struct bytes bytes);
