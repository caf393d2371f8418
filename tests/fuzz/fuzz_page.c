/*
 * What pages are made of.  The first byte says what the rest is: a template (any at all must be refused
 * or end, and its values never be markup), release notes, an Accept-Language, a colour.
 */
#include <assert.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>
#include "tests/fuzz/fuzz.h"
#include "web/look.h"
#include "web/markdown.h"
#include "web/page.h"

#define OUTPUT_MAX (1u << 20)

static void
check_template(TALLOC_CTX *ctx, const char *text)
{
	static json_t *values, *parts;
	struct err err;
	struct buf out;

	if (!values) {
		values = json_loads("{\"a\": [1, {\"b\": \"<\"}, [true, null]], \"b\": {\"c\": 1.5}, \"s\": \"<<\"}", 0, NULL);
		parts = json_loads("{\"p\": \"{{#a}}\\n {{>q}}\\n{{/a}}\", \"q\": \"{{.}}\\n{{b.c}}{{>p}}\"}", 0, NULL);
	}
	buf_init(&out, ctx, OUTPUT_MAX);
	if (page_render_text(ctx, text, values, parts, &out, &err) && !strchr(text, '<'))
		assert(!strchr(buf_str(&out), '<'));
}

/* Whatever people write, the addresses in it are of three kinds. */
static void
check_notes(struct bytes text)
{
	json_t *blocks, *block, *inl;
	struct err err;
	size_t i, k;

	if (!markdown_blocks(text, &blocks, &err))
		return;
	json_array_foreach(blocks, i, block)
		json_array_foreach(json_object_get(block, "inlines"), k, inl) {
			const char *href = json_string_value(json_object_get(inl, "href"));

			assert(!href || strncasecmp(href, "http://", 7) == 0 || strncasecmp(href, "https://", 8) == 0 ||
			       strncasecmp(href, "mailto:", 7) == 0);
			assert(!href || strcspn(href, "<>\"'` \n") == strlen(href));
		}
	json_decref(blocks);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	TALLOC_CTX *ctx;
	struct look look;
	struct err err;
	char *text;

	if (!size)
		return 0;
	ctx = talloc_new(NULL);
	text = mem_textn(ctx, (const char *)data + 1, size - 1);
	switch (*data % 4) {
	case 0:
		check_template(ctx, text);
		break;
	case 1:
		check_notes((struct bytes){ data + 1, size - 1 });
		break;
	case 2:
		pages_language(text);
		break;
	case 3:
		if (look_from(text, &look, &err))
			assert(look_contrast(look.light.on_accent, look.light.accent_fill) >= LOOK_TEXT_CONTRAST);
	}
	talloc_free(ctx);
	return 0;
}
