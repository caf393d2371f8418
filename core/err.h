#pragma once
/*
 * err - what went wrong, said once, kept whole.
 *
 * A function that can fail returns bool and takes a `struct err *` last.
 * At the cause:       return err_set(err, ERR_INVALID, "provision expired on %s", day);
 * On the way up:      return err_at(err, "build %s", name);   (or plainly: return false)
 * Both return false.  Only the edges - web/server.c, core/job.c, cli/main.c - log an err.
 *
 * `kind` decides the HTTP status, the exit code and whether the text may be shown to the sender.
 * `code` is the stable word of docs/api.md for machines; kinds have a default, err_code names one.
 * Lives by value in the request or job: no heap, nothing to release.
 */
#include <stdbool.h>
#include <stddef.h>

enum err_kind {
	ERR_NONE,
	ERR_INVALID,	/* 422: the sender's data is wrong; the text is shown to them */
	ERR_MALFORMED,	/* 400: the request itself cannot be read */
	ERR_SIGN_IN,	/* 401: sign in first */
	ERR_DENIED,	/* 403 */
	ERR_MISSING,	/* 404: also for what the caller may not know */
	ERR_METHOD,	/* 405 */
	ERR_CONFLICT,	/* 409 */
	ERR_PRECONDITION, /* 412: the sender assumes what is not so */
	ERR_LIMIT,	/* 413: too big, too many, too deep */
	ERR_MEDIA,	/* 415: a body of a type that is not taken here */
	ERR_LOCKED,	/* 423: another request is at it */
	ERR_CHECKSUM,	/* 460: tus 1.0, the bytes are not what their checksum says */
	ERR_RATE,	/* 429: too often */
	ERR_BUSY,	/* 503: we are full or stopping; try again */
	ERR_NO_ROOM,	/* 507: the disk is full */
	ERR_UPSTREAM,	/* 502: LDAP, APNs, SMTP or S3 refused, or was silent */
	ERR_INTERNAL,	/* 500: disk, database, a bug; the text goes to the log only */
	ERR_KINDS
};

struct err {
	enum err_kind kind;
	char code[32];	/* "not_zip"; never empty once set */
	char cause[256];
	char path[256];	/* "upload demo.ipa: extension Share.appex", outermost first */
	long long retry_s;	/* ERR_RATE, ERR_BUSY: try again after so long; 0: not known */
};

#define CHECKED __attribute__((warn_unused_result))
#define PRINTF(f, a) __attribute__((format(printf, f, a)))

bool err_set(struct err *err, enum err_kind kind, const char *fmt, ...) PRINTF(3, 4);
bool err_code(struct err *err, enum err_kind kind, const char *code, const char *fmt, ...) PRINTF(4, 5);
bool err_at(struct err *err, const char *fmt, ...) PRINTF(2, 3);
bool err_retry(struct err *err, long long seconds);	/* behind err_set: when it may be tried again */

/* ERR_INTERNAL (ERR_NO_ROOM for ENOSPC and EDQUOT) with strerror(errno) behind the words. */
bool err_errno(struct err *err, const char *fmt, ...) PRINTF(2, 3);

/* As err_set, with OpenSSL's newest error behind the words; empties its queue. */
bool err_openssl(struct err *err, enum err_kind kind, const char *fmt, ...) PRINTF(3, 4);

/* "path: cause" into `text`, which is UTF-8 whatever was quoted; returns text. */
const char *err_text(const struct err *err, char *text, size_t size);

int err_http_status(enum err_kind kind);
const char *err_http_title(enum err_kind kind);	/* "Not found" */
