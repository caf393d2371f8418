/* Info.plist, InfoPlist.strings, and what is made of their texts. */
#include <assert.h>
#include <string.h>
#include <unistr.h>
#include "ipa/info.h"
#include "tests/fuzz/fuzz.h"

static void
is_clean(const char *text)
{
	assert(strlen(text) <= INFO_TEXT_MAX && !u8_check((const uint8_t *)text, strlen(text)));
	for (; *text; text++)
		assert((unsigned char)*text >= 0x20);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	SCOPED(mem) void *ctx = mem_must(talloc_new(NULL));
	struct bytes bytes = { p, len };
	struct info *info;
	struct err err = { 0 };
	const char *name;

	if (info_read(ctx, bytes, &info, &err)) {
		is_clean(info->name);
		is_clean(info->executable);
		is_clean(info->version);
	}
	name = info_localized_name(ctx, bytes);
	if (name)
		is_clean(name);
	is_clean(info_clean(ctx, mem_textn(ctx, (const char *)p, len), INFO_TEXT_MAX));
	return 0;
}
