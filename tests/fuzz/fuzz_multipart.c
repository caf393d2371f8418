/*
 * A form, whole and cut into blocks: both must say the same.  The first byte is the block size.
 */
#include <assert.h>
#include <stdint.h>
#include "core/buf.h"
#include "web/multipart.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool
on_file(void *arg, const struct multipart_file *file, struct err *err)
{
	(void)err;
	buf_addf(arg, "<%s|%s|%s>", file->field, file->name, file->type);
	return true;
}

static bool
on_data(void *arg, struct bytes bytes, struct err *err)
{
	(void)err;
	assert(bytes.len > 0);
	buf_add(arg, bytes.p, bytes.len);
	return true;
}

static const struct multipart_calls calls = { on_file, on_data };

static bool
feed(TALLOC_CTX *ctx, const uint8_t *data, size_t size, size_t block, struct buf *heard)
{
	struct multipart *m;
	struct err err = { 0 };

	buf_init(heard, ctx, 1 << 22);
	if (!multipart_new(ctx, "multipart/form-data; boundary=x", &calls, heard, &m, &err))
		abort();
	for (size_t at = 0; at < size; at += block)
		if (!multipart_feed(m, (struct bytes){ data + at, size - at < block ? size - at : block }, &err))
			return false;
	if (!multipart_end(m, &err))
		return false;
	for (size_t i = 0; i < multipart_fields(m)->n; i++)
		buf_addf(heard, "{%s=%s}", multipart_fields(m)->items[i].name, multipart_fields(m)->items[i].value);
	return true;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	TALLOC_CTX *ctx = talloc_new(NULL);
	struct buf whole, parts;
	bool ok;

	if (size > 1) {
		ok = feed(ctx, data + 1, size - 1, size - 1, &whole);
		assert(feed(ctx, data + 1, size - 1, 1 + data[0] % 16, &parts) == ok);
		if (ok)
			assert(whole.len == parts.len && memcmp(buf_str(&whole), buf_str(&parts), whole.len) == 0);
	}
	talloc_free(ctx);
	return 0;
}
