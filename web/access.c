/*
 * Links and grants in a path are as good as passwords.  A path that led to a route is known: the
 * segment behind a word of `secrets` is one.  A target that was refused may be written in any way that
 * some client, proxy or scanner thought of, so it is first undone as far as it goes, and then whatever
 * is as long as a token counts as one.
 */
#include "web/access.h"
#include <ctype.h>
#include <strings.h>
#include "core/buf.h"
#include "core/log.h"
#include "core/num.h"

#define TARGET_SHOWN	256	/* bytes of a refused target */

static bool
is_secret_word(const char *text, size_t len)
{
	static const char *const secrets[] = { "d", "i", "c", "e", "udid", "enroll", "scep", "expiry", "done", "sms", "eas" };

	for (size_t i = 0; i < sizeof secrets / sizeof *secrets; i++)
		if (strlen(secrets[i]) == len && strncasecmp(text, secrets[i], len) == 0)
			return true;
	return false;
}

static void
add_hidden(struct buf *out, const char *text, size_t len)
{
	size_t shown = len / 4 < ACCESS_TOKEN_SHOWN ? len / 4 : ACCESS_TOKEN_SHOWN;

	buf_add(out, text, shown);
	buf_text(out, "...");
}

/* A segment without what looks like a token: a long run of base64url, or of escapes that stayed. */
static void
add_doubtful(struct buf *out, const char *text, size_t len)
{
	while (len) {
		size_t run = 0;

		while (run < len && (strchr("-_%=+", text[run]) || isalnum((unsigned char)text[run])))
			run++;
		if (run >= ACCESS_TOKEN_MIN)
			add_hidden(out, text, run);
		else
			buf_add(out, text, run += run == 0);
		text += run;
		len -= run;
	}
}

static const char *
hide(TALLOC_CTX *ctx, const char *path, bool doubtful)
{
	bool secret = false;
	struct buf out;

	buf_init(&out, ctx, 4 * HTTP_TARGET_MAX);
	while (*path && *path != '?') {
		size_t len = strcspn(path, "/\\?");
		bool dots = len <= 2 && strspn(path, ".") >= len;	/* "", ".", "..": nothing or a step */

		if (secret && !dots)
			add_hidden(&out, path, len);
		else if (doubtful)
			add_doubtful(&out, path, len);
		else
			buf_add(&out, path, len);
		secret = dots ? secret : is_secret_word(path, len);
		path += len;
		if (*path && *path != '?')
			buf_add(&out, path++, 1);
	}
	return buf_str(&out);
}

const char *
access_path(TALLOC_CTX *ctx, const char *path)
{
	return hide(ctx, path, false);
}

/* Undoes one layer of percent escapes; what is broken stays.  False: there was none. */
static bool
unescape(char *text)
{
	char *to = text;
	bool any = false;

	for (const char *p = text; *p; p++) {
		int high = *p == '%' ? num_hex_digit(p[1]) : -1;
		int low = high >= 0 ? num_hex_digit(p[2]) : -1;

		if (low >= 0 && (high || low)) {
			*to++ = (char)(high << 4 | low);
			p += 2;
			any = true;
		} else {
			*to++ = *p;
		}
	}
	*to = '\0';
	return any;
}

const char *
access_target(TALLOC_CTX *ctx, const char *target)
{
	char *text = mem_textn(ctx, target, strcspn(target, "?"));
	const char *shown;

	while (unescape(text))
		;
	shown = hide(ctx, text, true);
	return strlen(shown) > TARGET_SHOWN ? mem_printf(ctx, "%.*s...", TARGET_SHOWN, shown) : shown;
}

void
access_log(struct req *req, const struct access *access)
{
	const char *path = req->route ? access_path(req, req->path) :
			   access_target(req, *req->path ? req->path : req->target);
	struct log_kv kvs[9] = {
		KV("method", *access->method ? access->method : "-"), KV("path", path), KVI("status", access->status),
	};
	char text[sizeof access->err->path + sizeof access->err->cause + 2];
	size_t n = 3;

	if (access->bytes >= 0)
		kvs[n++] = KVI("bytes", access->bytes);
	kvs[n++] = KVI("ms", access->ms);
	kvs[n++] = KV("address", req->address);
	/* What is ours to mend stands in a line of its own. */
	if (access->err->kind && access->err->kind != ERR_INTERNAL)
		kvs[n++] = KV("err", err_text(access->err, text, sizeof text));
	if (access->cut)
		kvs[n++] = KV("end", "cut");
	kvs[n] = (struct log_kv){ .type = LOG_END };
	log_write(LOG_INFO_, "request", kvs);
}
