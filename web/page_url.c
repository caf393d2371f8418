/*
 * Addresses of our own pages: a list that goes on, or is narrowed, keeps what was asked for.
 */
#include "core/buf.h"
#include "web/rooms.h"
#include <string.h>

#define URL_MAX (8 * HTTP_TARGET_MAX)	/* each byte of what was asked may become three */

static void
add(struct buf *url, const char *name, const char *value)
{
	if (!value || !*value)
		return;
	buf_addf(url, "%c%s=", strchr(buf_str(url), '?') ? '&' : '?', name);
	buf_url(url, value, strlen(value));
}

const char *
page_url(struct req *req, const char *path, const char *keep, const char *name, const char *value)
{
	struct buf url;
	size_t len;

	buf_init(&url, req, URL_MAX);
	buf_text(&url, path);
	if (name)
		add(&url, name, value);
	for (; *keep; keep += len + strspn(keep + len, " ")) {
		const char *field = mem_textn(req, keep, len = strcspn(keep, " "));

		if (!name || strcmp(field, name) != 0)
			add(&url, field, req_query(req, field));
	}
	return buf_str(&url);
}

const char *
page_next(struct req *req, const char *path, const char *keep, const json_t *list)
{
	const char *next = text_of(list, "next");

	return *next ? page_url(req, path, keep, "after", next) : NULL;
}
