#include "core/text.h"
#include "core/buf.h"
#include <stdlib.h>
#include <string.h>
#include <unicase.h>
#include <uninorm.h>
#include <unistr.h>

bool
text_valid(const char *text, size_t len)
{
	return !len || (!memchr(text, '\0', len) && !u8_check((const uint8_t *)text, len));	/* nothing may be NULL */
}

char *
text_fold(TALLOC_CTX *ctx, const char *text)
{
	size_t len = strlen(text), out_len = 0;
	uint8_t *out;
	char *ret;

	if (!text_valid(text, len))
		return mem_text(ctx, "");
	out = u8_casefold((const uint8_t *)text, len, NULL, UNINORM_NFKC, NULL, &out_len);
	ret = mem_textn(ctx, (const char *)mem_must(out), out_len);
	free(out);
	return ret;
}

char *
text_cut(TALLOC_CTX *ctx, const char *text, size_t max)
{
	size_t len = strlen(text);

	if (len > max)
		for (len = max; len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80; len--)
			;
	return mem_textn(ctx, text, len);
}

char *
text_like(TALLOC_CTX *ctx, const char *search)
{
	void *scratch SCOPED(mem) = talloc_new(NULL);
	struct buf buf;

	buf_init(&buf, scratch, 32 * TEXT_SEARCH_MAX);	/* folding may lengthen */
	buf_text(&buf, "%");
	for (const char *c = text_fold(scratch, text_cut(scratch, search ? search : "", TEXT_SEARCH_MAX)); *c; c++) {
		if (*c == '%' || *c == '_' || *c == '!')
			buf_text(&buf, "!");
		buf_add(&buf, c, 1);
	}
	if (buf.len > 1)
		buf_text(&buf, "%");
	return mem_text(ctx, buf_str(&buf));
}
