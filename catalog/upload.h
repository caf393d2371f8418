#pragma once
/*
 * upload - resumable uploads (tus 1.0): what is under way, and the answer once it is whole.
 *
 * The bytes are in a file named by the id, whose size is the offset; the row holds the rest.
 */
#include "catalog/person.h"

#define UPLOAD_FIELDS_MAX	16384	/* bytes of Upload-Metadata */
#define UPLOAD_RECEIVING	0
#define UPLOAD_READING		1	/* whole, being inspected */

struct upload {
	const char *id;
	int64_t length, status, expires;
	int64_t proved;			/* bytes of the file that count; -1: all */
	json_t *fields;			/* belongs to the talloc object */
	const char *answer;		/* JSON once status is an HTTP status */
};

/* ERR_RATE when the person has unfinished_max uploads that are not finished. */
bool upload_new(TALLOC_CTX *ctx, struct db *db, const struct person *person, int64_t length,
		json_t *fields, int64_t live_s, int64_t unfinished_max, struct upload **ret,
		struct err *err) CHECKED;

/* Only the person (and token) who began it: else ERR_MISSING. */
bool upload_open(TALLOC_CTX *ctx, struct db *db, const struct person *person, const char *id,
		 struct upload **ret, struct err *err) CHECKED;
/* For the job that finishes it: without asking whose it is; *person is its owner with the rights of
 * the moment, NULL when there is nothing (left) to do; ERR_DENIED when the owner is disabled by now. */
bool upload_claim(TALLOC_CTX *ctx, struct db *db, const char *id, struct upload **ret,
		  struct person **person, struct err *err) CHECKED;

bool upload_set_proved(struct db *db, const char *id, int64_t proved, struct err *err) CHECKED;
/* Whole: in one transaction its status and the job upload_finish. */
bool upload_whole(struct db *db, const char *id, struct err *err) CHECKED;
bool upload_set(struct db *db, const char *id, int64_t status, const char *answer, struct err *err) CHECKED;
bool upload_remove(struct db *db, const char *id, struct err *err) CHECKED;
bool upload_exists(struct db *db, const char *id, bool *ret, struct err *err) CHECKED;
/* Bytes that uploads under way have announced and not sent; `missing` says how many of one that still are. */
bool upload_promised(struct db *db, int64_t (*missing)(void *arg, const char *id, int64_t length), void *arg, int64_t *ret,
		     struct err *err) CHECKED;
bool upload_sweep(struct db *db, struct err *err) CHECKED;	/* rows past their time */
