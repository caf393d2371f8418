#include "core/err.h"
#include <errno.h>
#include <openssl/err.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistr.h>

static const struct {
	int status;
	const char *code, *title;
} kinds[ERR_KINDS] = {
	[ERR_NONE]      = { 200, "ok", "OK" },
	[ERR_INVALID]   = { 422, "invalid", "Cannot be used" },
	[ERR_MALFORMED] = { 400, "malformed", "Bad request" },
	[ERR_SIGN_IN]   = { 401, "sign_in", "Sign in first" },
	[ERR_DENIED]    = { 403, "not_allowed", "Not allowed" },
	[ERR_MISSING]   = { 404, "not_found", "Not found" },
	[ERR_METHOD]    = { 405, "method_not_allowed", "Not possible here" },
	[ERR_CONFLICT]  = { 409, "conflict", "Conflict" },
	[ERR_PRECONDITION] = { 412, "precondition", "That is not so" },
	[ERR_MEDIA]     = { 415, "media_type", "This type is not taken here" },
	[ERR_LOCKED]    = { 423, "locked", "In use" },
	[ERR_CHECKSUM]  = { 460, "checksum", "Damaged on the way" },
	[ERR_LIMIT]     = { 413, "too_large", "Too large" },
	[ERR_RATE]      = { 429, "too_often", "Too often" },
	[ERR_BUSY]      = { 503, "busy", "Busy" },
	[ERR_NO_ROOM]   = { 507, "no_room", "No room left" },
	[ERR_UPSTREAM]  = { 502, "upstream", "Another system did not answer" },
	[ERR_INTERNAL]  = { 500, "internal", "Something is wrong on our side" },
};

/* Formats aside first: the words may quote the very err that they replace. */
static void PRINTF(4, 0)
begin(struct err *err, enum err_kind kind, const char *code, const char *fmt, va_list ap)
{
	char cause[sizeof err->cause];

	vsnprintf(cause, sizeof cause, fmt, ap);
	snprintf(err->code, sizeof err->code, "%s", code ? code : kinds[kind].code);
	memcpy(err->cause, cause, sizeof cause);
	err->path[0] = '\0';
	err->retry_s = 0;
	err->kind = kind;
}

bool
err_set(struct err *err, enum err_kind kind, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	begin(err, kind, NULL, fmt, ap);
	va_end(ap);
	return false;
}

bool
err_code(struct err *err, enum err_kind kind, const char *code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	begin(err, kind, code, fmt, ap);
	va_end(ap);
	return false;
}

bool
err_at(struct err *err, const char *fmt, ...)
{
	char inner[sizeof err->path], here[sizeof err->path];
	va_list ap;

	memcpy(inner, err->path, sizeof inner);
	va_start(ap, fmt);
	vsnprintf(here, sizeof here, fmt, ap);
	va_end(ap);
	snprintf(err->path, sizeof err->path, "%.120s%s%.130s", here, *inner ? ": " : "", inner);
	return false;
}

bool
err_retry(struct err *err, long long seconds)
{
	err->retry_s = seconds;
	return false;
}

static void
append(struct err *err, const char *why)
{
	size_t used = strlen(err->cause);

	snprintf(err->cause + used, sizeof err->cause - used, ": %s", why);
}

bool
err_errno(struct err *err, const char *fmt, ...)
{
	int code = errno;
	char text[128];
	va_list ap;

	va_start(ap, fmt);
	begin(err, code == ENOSPC || code == EDQUOT ? ERR_NO_ROOM : ERR_INTERNAL, NULL, fmt, ap);
	va_end(ap);
	append(err, strerror_r(code, text, sizeof text));
	return false;
}

bool
err_openssl(struct err *err, enum err_kind kind, const char *fmt, ...)
{
	unsigned long newest = ERR_peek_last_error();
	const char *why = newest ? ERR_reason_error_string(newest) : NULL;
	va_list ap;

	va_start(ap, fmt);
	begin(err, kind, NULL, fmt, ap);
	va_end(ap);
	if (why)
		append(err, why);
	ERR_clear_error();
	return false;
}

const char *
err_text(const struct err *err, char *text, size_t size)
{
	const uint8_t *bad;

	snprintf(text, size, "%s%s%s", err->path, *err->path ? ": " : "", err->cause);
	/* It may quote anything, and was cut to its size, maybe inside a character. */
	while ((bad = u8_check((const uint8_t *)text, strlen(text))))
		text[bad - (const uint8_t *)text] = '?';
	return text;
}

int
err_http_status(enum err_kind kind)
{
	return kinds[kind].status;
}

const char *
err_http_title(enum err_kind kind)
{
	return kinds[kind].title;
}
