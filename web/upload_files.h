#pragma once
/*
 * upload_files - the bytes of resumable uploads: DIR/uploads/<id>, whose size is how far it is.
 *
 * One request at a time writes to an upload: upload_enter.
 */
#include "catalog/upload.h"
#include "web/site.h"

#define UPLOAD_PROMISED_S	900	/* how long after its last byte an upload keeps the room that it announced */

const char *upload_path(TALLOC_CTX *ctx, struct site *site, const char *id);

/* ERR_LOCKED when another request is at it.  Left when ctx ends. */
bool upload_enter(TALLOC_CTX *ctx, const char *id, struct err *err) CHECKED;

/*
 * Is there room for one more of `length` bytes, beside what every other one has announced and not sent?  Who
 * sends at once (a raw upload) does not wait for them: a promise may never be kept, and it is for as long as bytes
 * come (UPLOAD_PROMISED_S).  ERR_NO_ROOM.
 */
bool upload_room(struct site *site, int64_t length, struct err *err) CHECKED;

/* Empty, durably. */
bool upload_file_make(struct site *site, const char *id, struct err *err) CHECKED;

/* How many bytes are here and count. */
bool upload_file_offset(struct site *site, const struct upload *upload, int64_t *ret, struct err *err) CHECKED;

/* Takes back what is behind `size`, durably; a shorter file stays as it is. */
bool upload_file_cut(const char *path, int64_t size, struct err *err) CHECKED;
