#include "core/buf.h"
#include "core/num.h"
#include <stdint.h>
#include <stdio.h>
#include <string.h>

void
buf_init(struct buf *buf, TALLOC_CTX *ctx, size_t max)
{
	*buf = (struct buf){ .ctx = ctx, .max = max };
}

void
buf_clear(struct buf *buf)
{
	buf->len = 0;
	buf->overflow = false;
	if (buf->p)
		buf->p[0] = '\0';
}

/* Room for `more` bytes and the NUL; false (and overflow) when that passes max. */
static bool
reserve(struct buf *buf, size_t more)
{
	size_t need;

	if (buf->overflow || more > buf->max - buf->len) {
		buf->overflow = true;
		return false;
	}
	need = buf->len + more + 1;
	if (need > buf->room) {
		size_t room = buf->room ? buf->room : 256;

		while (room < need)
			room *= 2;
		buf->p = mem_grow(buf->ctx, buf->p, char, room);
		buf->room = room;
	}
	return true;
}

void
buf_add(struct buf *buf, const void *p, size_t len)
{
	if (!reserve(buf, len))
		return;
	if (len)
		memcpy(buf->p + buf->len, p, len);
	buf->len += len;
	buf->p[buf->len] = '\0';
}

void
buf_text(struct buf *buf, const char *text)
{
	buf_add(buf, text, strlen(text));
}

/* Mostly there is room already, and once is enough. */
void
buf_addf(struct buf *buf, const char *fmt, ...)
{
	size_t room = buf->overflow ? 0 : buf->room - buf->len, len;
	va_list ap, again;
	int n;

	va_start(ap, fmt);
	va_copy(again, ap);
	n = vsnprintf(room ? buf->p + buf->len : NULL, room, fmt, ap);
	va_end(ap);
	len = n > 0 ? (size_t)n : 0;
	if (len >= room || len > buf->max - buf->len) {
		if (room)
			buf->p[buf->len] = '\0';
		if (reserve(buf, len))
			vsnprintf(buf->p + buf->len, len + 1, fmt, again);
		else
			len = 0;
	}
	buf->len += len;
	va_end(again);
}

void
buf_html(struct buf *buf, const char *text, size_t len)
{
	for (size_t i = 0, from = 0; i <= len; i++) {
		const char *as = NULL;

		if (i < len)
			switch (text[i]) {
			case '&':	as = "&amp;"; break;
			case '<':	as = "&lt;"; break;
			case '>':	as = "&gt;"; break;
			case '"':	as = "&quot;"; break;
			case '\'':	as = "&#39;"; break;
			default:	continue;
			}
		buf_add(buf, text + from, i - from);
		if (as)
			buf_text(buf, as);
		from = i + 1;
	}
}

void
buf_xml(struct buf *buf, const char *text, size_t len)
{
	for (size_t i = 0, from = 0; i <= len; i++) {
		unsigned char c = i < len ? (unsigned char)text[i] : 0;

		if (i < len && c >= 0x20 && c != '&' && c != '<' && c != '>' && c != '"' && c != '\'')
			continue;
		if (i < len && (c == '\t' || c == '\n' || c == '\r'))
			continue;
		buf_add(buf, text + from, i - from);
		if (i < len && c >= 0x20)
			buf_html(buf, text + i, 1);
		from = i + 1;
	}
}

void
buf_url(struct buf *buf, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		    c == '-' || c == '.' || c == '_' || c == '~')
			buf_add(buf, &text[i], 1);
		else
			buf_addf(buf, "%%%02X", c);
	}
}

void
buf_csv(struct buf *buf, const char *text, size_t len)
{
	bool formula = len && memchr("=+-@\t\r\n", *text, 7), quoted = false;

	for (size_t i = 0; i < len && !quoted; i++)
		quoted = memchr(",\"\r\n", text[i], 4) != NULL;
	if (quoted)
		buf_text(buf, "\"");
	if (formula)
		buf_text(buf, "'");
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '"')
			buf_text(buf, "\"");
		buf_add(buf, &text[i], 1);
	}
	if (quoted)
		buf_text(buf, "\"");
}

void
buf_hex(struct buf *buf, const void *p, size_t len)
{
	if (len > SIZE_MAX / 2 || !reserve(buf, len * 2))
		return;
	num_hex(p, len, buf->p + buf->len);
	buf->len += len * 2;
}

static void
base64(struct buf *buf, const unsigned char *c, size_t len, const char *last_two, bool pad)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

	for (size_t i = 0; i < len; i += 3) {
		size_t n = len - i < 3 ? len - i : 3;
		uint32_t v = (uint32_t)c[i] << 16 | (n > 1 ? (uint32_t)c[i + 1] << 8 : 0) |
			     (n > 2 ? c[i + 2] : 0);
		char out[4];

		for (size_t k = 0; k < 4; k++) {
			uint32_t six = v >> (18 - 6 * k) & 63;

			out[k] = k > n ? '=' : six < 62 ? letters[six] : last_two[six - 62];
		}
		buf_add(buf, out, pad ? 4 : n + 1);
	}
}

void
buf_base64(struct buf *buf, const void *p, size_t len)
{
	base64(buf, p, len, "+/", true);
}

void
buf_base64url(struct buf *buf, const void *p, size_t len)
{
	base64(buf, p, len, "-_", false);
}

bool
buf_ok(const struct buf *buf, struct err *err)
{
	return !buf->overflow || err_set(err, ERR_LIMIT, "longer than %zu bytes", buf->max);
}

const char *
buf_str(const struct buf *buf)
{
	return buf->p ? buf->p : "";
}
