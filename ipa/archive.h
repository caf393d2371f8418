#pragma once
/*
 * archive - the zip that an upload is, checked as a whole before any member of it is read.
 *
 * zip_open walks the central directory and every local header (pread only) and refuses what two
 * readers could understand differently: names that differ between the two, overlapping members,
 * names that are the same to a file system, paths that lead elsewhere, encryption, a directory that
 * is not where the end of the file says.  Nothing is ever unpacked to disk; ipa/member reads
 * members.
 *
 * Memory does not depend on the file's size: 24 bytes an entry while checking, none afterwards.
 * Refusals are ERR_INVALID with the codes not_zip, hostile_zip and too_large.
 * Format: PKWARE's APPNOTE.TXT 6.3.
 */
#include <stdint.h>
#include "core/mem.h"

#define ZIP_ENTRIES_MAX		200000
#define ZIP_DIRECTORY_MAX	(64u << 20)
#define ZIP_NAME_MAX		1024		/* iOS's PATH_MAX: longer could not be installed */
#define ZIP_FOLDED_MAX		(4u << 20)	/* of names outside ASCII: folding is dear */
#define ZIP_UNPACKED_MAX	(8ull << 30)	/* all members together, as declared */

struct zip {
	int fd;				/* lent by the caller */
	uint64_t size;
	uint64_t directory_at, directory_size;
	uint64_t entries;
};

struct zip_member {
	char name[ZIP_NAME_MAX + 1];	/* UTF-8, no control characters, '/' between parts */
	size_t name_len;
	uint64_t size, packed;		/* as declared */
	uint64_t header_at;		/* of its local header */
	uint32_t crc;
	uint16_t method, flags;
	bool is_file;			/* neither a directory nor a link or other special file */
};

bool zip_open(TALLOC_CTX *ctx, int fd, uint64_t size, struct zip **ret, struct err *err) CHECKED;

/* Goes through the members in the order of the central directory. */
struct zip_walk;
enum zip_step { ZIP_MEMBER, ZIP_END, ZIP_FAILED };

struct zip_walk *zip_walk_new(TALLOC_CTX *ctx, const struct zip *zip);
enum zip_step zip_next(struct zip_walk *walk, struct zip_member *member, struct err *err) CHECKED;

/* Compares a member with its local header; *ret is where its packed bytes begin. */
bool zip_data_at(struct zip_walk *walk, const struct zip_member *member, uint64_t *ret,
		 struct err *err) CHECKED;

/* The name for an error text: short, cut between characters. */
struct zip_shown { char text[100]; };
struct zip_shown zip_shown(const struct zip_member *member);

/* Reads exactly len bytes at an offset; ERR_INTERNAL when the file cannot be read or has shrunk. */
bool zip_pread(int fd, uint64_t at, void *p, size_t len, struct err *err) CHECKED;
