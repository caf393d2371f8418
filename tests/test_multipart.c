/* Forms with files: the same whatever the blocks, and bounded. */
#include "tests/check.h"
#include "core/buf.h"
#include "web/multipart.h"

#define TYPE "multipart/form-data; boundary=\"a b'c\""
#define D "--a b'c"

/* What was handed on, as text: "<field|name|type>content". */
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
	assert_true(bytes.len > 0);
	buf_add(arg, bytes.p, bytes.len);
	return true;
}

static const struct multipart_calls calls = { on_file, on_data };

/* Feeds `text` in blocks of `block` bytes, each a copy of its own size so that ASan sees its end. */
static bool
feed(TALLOC_CTX *ctx, const char *type, struct bytes text, size_t block, struct buf *heard,
     struct multipart **ret, struct err *err)
{
	buf_init(heard, ctx, 1 << 20);
	if (!multipart_new(ctx, type, &calls, heard, ret, err))
		return false;
	for (size_t at = 0; at < text.len; at += block) {
		size_t len = text.len - at < block ? text.len - at : block;
		char *copy = mem_copy(ctx, (const char *)text.p + at, len);
		bool ok = multipart_feed(*ret, (struct bytes){ copy, len }, err);

		talloc_free(copy);
		if (!ok)
			return false;
	}
	return multipart_end(*ret, err);
}
#define TEXT(t) ((struct bytes){ t, sizeof(t) - 1 })

static void
fields_and_files_come_out_the_same_whatever_the_blocks(void **state)
{
	const struct bytes text = TEXT(
		"a preamble nobody shows\r\n" D "\r\n"
		"Content-Disposition: form-data; name=\"channel\"\r\n\r\nbeta\r\n" D " \t\r\n"
		"content-type: application/x-itunes-ipa\r\n"
		"CONTENT-DISPOSITION: form-data; name=file; filename=\"d\\\"e\\mo.ipa\"\r\n\r\n"
		"PK\0\r\n--a b\r\n\r--a b'd\r\n\r\n" D "\r\n"
		"Content-Disposition: form-data; name=\"changelog\"\r\n\r\nüöä\nline two\r\n" D "\r\n"
		"Content-Disposition: form-data; name=\"empty\"\r\n\r\n\r\n" D "\r\n"
		"Content-Disposition: form-data; name=\"none\"; filename=\"\"\r\n\r\nleft out\r\n" D "\r\n"
		"Content-Disposition: form-data; name=\"channel\"\r\n\r\nsecond\r\n" D "--\r\nan epilogue " D "\r\n");
	const struct bytes file = TEXT("<file|d\"e\\mo.ipa|application/x-itunes-ipa>PK\0\r\n--a b\r\n\r--a b'd\r\n");

	for (size_t block = 1; block <= text.len; block++) {
		TALLOC_CTX *ctx = talloc_new(*state);
		struct multipart *m;
		const struct fields *fields;
		struct buf heard;
		struct err err = { 0 };

		assert_ok(feed(ctx, TYPE, text, block, &heard, &m, &err), &err);
		assert_int_equal(heard.len, file.len);
		assert_memory_equal(heard.p, file.p, file.len);
		fields = multipart_fields(m);
		assert_int_equal(fields->n, 4);
		assert_string_equal(fields_get(fields, "channel"), "beta");
		assert_string_equal(fields_nth(fields, "channel", 1), "second");
		assert_string_equal(fields_get(fields, "changelog"), "üöä\nline two");
		assert_string_equal(fields_get(fields, "empty"), "");
		assert_null(fields_get(fields, "none"));
		talloc_free(ctx);
	}
}

static void
a_form_that_begins_with_its_delimiter_and_has_an_empty_part_is_read(void **state)
{
	struct multipart *m;
	struct buf heard;
	struct err err = { 0 };

	/* RFC 2046 lets the CR LF before a delimiter be the one behind the part's headers. */
	assert_ok(feed(*state, TYPE, TEXT(D "\r\nContent-Disposition: form-data; name=a\r\n\r\n" D "--"), 7,
		       &heard, &m, &err), &err);
	assert_string_equal(fields_get(multipart_fields(m), "a"), "");
}

static void
what_is_broken_or_too_large_is_refused(void **state)
{
	static const struct {
		const char *type;
		struct bytes text;
		enum err_kind kind;
	} cases[] = {
		{ NULL, { "", 0 }, ERR_MALFORMED },
		{ "text/plain; boundary=x", { "", 0 }, ERR_MALFORMED },
		{ "multipart/form-data", { "", 0 }, ERR_MALFORMED },
		{ "multipart/form-data; boundary=", { "", 0 }, ERR_MALFORMED },
		{ "multipart/form-data; boundary=\"x", { "", 0 }, ERR_MALFORMED },
		{ "multipart/form-data; boundary=\"x\ry\"", { "", 0 }, ERR_MALFORMED },
		{ "multipart/form-data; boundary="
		  "01234567890123456789012345678901234567890123456789012345678901234567890", { "", 0 }, ERR_MALFORMED },
		{ TYPE, { "", 0 }, ERR_MALFORMED },
		{ TYPE, TEXT(D "\r\nContent-Disposition: form-data; name=a\r\n\r\ncut off"), ERR_MALFORMED },
		{ TYPE, TEXT(D "\r\nContent-Disposition: form-data\r\n\r\nno name\r\n" D "--"), ERR_MALFORMED },
		{ TYPE, TEXT(D "\r\n\r\nno header\r\n" D "--"), ERR_MALFORMED },
		{ TYPE, TEXT(D "\r\nContent-Disposition: attachment; name=a\r\n\r\n\r\n" D "--"), ERR_MALFORMED },
		{ TYPE, TEXT(D "\r\nContent-Disposition: form-data; name=\"a\r\n\r\n\r\n" D "--"), ERR_MALFORMED },
		{ TYPE, TEXT(D "\r\nContent-Disposition: form-data; name=a\r\n"
			     "Content-Disposition: form-data; name=b\r\n\r\n\r\n" D "--"), ERR_MALFORMED },
		{ TYPE, TEXT(D "\r\nContent-Disposition: form-data; name=a\n\n\r\n" D "--"), ERR_MALFORMED },
		{ TYPE, TEXT(D "\r\nContent-Disposition: form-data; name=\"a\0b\"\r\n\r\n\r\n" D "--"), ERR_MALFORMED },
		{ TYPE, TEXT(D "\r\nContent-Disposition: form-data; name=\"\xff\"\r\n\r\n\r\n" D "--"), ERR_MALFORMED },
		{ TYPE, TEXT(D "\r\nContent-Disposition: form-data; name=a\r\n\r\n\xff\r\n" D "--"), ERR_MALFORMED },
		{ TYPE, TEXT(D "\r\nContent-Disposition: form-data; name=a\r\n\r\na\0b\r\n" D "--"), ERR_MALFORMED },
		{ TYPE, TEXT(D "x\r\nContent-Disposition: form-data; name=a\r\n\r\n\r\n" D "--"), ERR_MALFORMED },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		for (size_t block = 1; block < 40; block += 7) {
			struct multipart *m;
			struct buf heard;
			struct err err = { 0 };

			if (feed(*state, cases[i].type, cases[i].text, block, &heard, &m, &err))
				fail_msg("case %zu was taken", i);
			assert_int_equal(err.kind, cases[i].kind);
		}
}

static void
parts_headers_and_fields_have_limits(void **state)
{
	struct multipart *m;
	struct buf text, heard;
	struct err err = { 0 };

	buf_init(&text, *state, 1 << 20);
	for (int i = 0; i <= MULTIPART_PARTS_MAX; i++)
		buf_text(&text, D "\r\nContent-Disposition: form-data; name=a\r\n\r\n\r\n");
	assert_false(feed(*state, TYPE, (struct bytes){ text.p, text.len }, 1000, &heard, &m, &err));
	assert_int_equal(err.kind, ERR_LIMIT);
	buf_clear(&text);
	buf_addf(&text, D "\r\nX: %0*d", MULTIPART_HEAD_MAX, 0);
	assert_false(feed(*state, TYPE, (struct bytes){ text.p, text.len }, 1000, &heard, &m, &err));
	assert_int_equal(err.kind, ERR_LIMIT);
	buf_clear(&text);
	buf_addf(&text, D "\r\nContent-Disposition: form-data; name=a\r\n\r\n%0*d", MULTIPART_FIELDS_MAX + 1, 0);
	assert_false(feed(*state, TYPE, (struct bytes){ text.p, text.len }, 1000, &heard, &m, &err));
	assert_int_equal(err.kind, ERR_LIMIT);
}

TESTS(fields_and_files_come_out_the_same_whatever_the_blocks,
      a_form_that_begins_with_its_delimiter_and_has_an_empty_part_is_read,
      what_is_broken_or_too_large_is_refused,
      parts_headers_and_fields_have_limits)
