#pragma once
/*
 * file - small files, read whole and written whole.
 */
#include "core/mem.h"

/*
 * Everything that is in it, a pipe too, with a NUL behind; more than `max` bytes is ERR_LIMIT, a file
 * that cannot be read ERR_INTERNAL with its name and why.  Belongs to ctx; a regular file is never
 * copied on the way, so that a secret can be wiped where it stands.
 */
bool file_read(TALLOC_CTX *ctx, const char *path, size_t max, struct bytes *ret, struct err *err) CHECKED;

/* All of them at the file's place, however many writes that takes; `what` for the words of a failure. */
bool file_put(int fd, struct bytes bytes, const char *what, struct err *err) CHECKED;

/* In place of what was there, durable when it returns; after a crash there is the old or the new one. */
bool file_write(const char *path, int mode, struct bytes bytes, struct err *err) CHECKED;
