/*
 * Everything small that is read from a request: query, cookies, Accept, Range, a proxy's hops,
 * paths as they are logged.  The first byte says which header the text is.
 */
#include <assert.h>
#include <stdint.h>
#include "web/access.h"
#include "web/address.h"
#include "web/fields.h"
#include "web/range.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_range(const char *text)
{
	int64_t from = -1, length = -1;
	const int64_t size = 1000;

	switch (range_read(text, NULL, "\"tag\"", size, &from, &length)) {
	case RANGE_PART:
		assert(from >= 0 && length > 0 && from + length <= size);
		break;
	case RANGE_WHOLE:
		assert(from == 0 && length == size);
		break;
	case RANGE_OUTSIDE:
		break;
	}
	range_none_match(text, "\"tag\"");
}

static void
check_address(TALLOC_CTX *ctx, const char *text)
{
	const struct field headers[] = { { "X-Forwarded-For", text }, { "X-Forwarded-Proto", text } };
	struct addresses *set;
	struct address client;
	char shown[ADDRESS_TEXT_SIZE];
	struct err err = { 0 };

	if (!addresses_read(ctx, text, &set, &err) && !addresses_read(ctx, "unix 10.0.0.0/8", &set, &err))
		abort();
	address_client(set, &(struct address){ .local = true }, headers, 2, &client);
	assert(*address_text(&client, shown));
	address_forwarded_tls(headers, 2);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	TALLOC_CTX *ctx = talloc_new(NULL);
	struct fields fields = { 0 };
	struct err err = { 0 };
	char *text;

	if (size > 0) {
		text = mem_textn(ctx, (const char *)data + 1, size - 1);
		switch (data[0] % 6) {
		case 0:
			if (fields_read(ctx, (struct bytes){ data + 1, size - 1 }, 64, &fields, &err))
				assert(fields.n <= 64);
			break;
		case 1:
			fields_add_cookies(ctx, text, &fields);
			assert(fields.n <= FIELDS_COOKIES_MAX);
			break;
		case 2:
			fields_prefers_html(text);
			fields_type_is(text, "text/html");
			break;
		case 3:
			check_range(text);
			break;
		case 4:
			check_address(ctx, text);
			break;
		case 5:
			access_path(ctx, text);
			break;
		}
	}
	talloc_free(ctx);
	return 0;
}
