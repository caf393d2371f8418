/*
 * Everything small that is read from a request: query, cookies, Accept, Range, a proxy's hops,
 * paths as they are logged.  The first byte says which header the text is.
 */
#include <assert.h>
#include <stdint.h>
#include <string.h>
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

/* Where only the peer is trusted, what stands left of the last hop changes nothing. */
static void
only_the_nearest_word_counts(TALLOC_CTX *ctx, const char *text)
{
	const char *comma = strrchr(text, ',');
	const struct field all = { "X-Forwarded-For", text }, last = { "X-Forwarded-For", comma ? comma + 1 : text };
	struct address by_all, by_last, peer = { .local = true };
	struct addresses *set;
	struct err err = { 0 };

	if (!addresses_read(ctx, "unix", &set, &err))
		abort();
	address_client(set, &peer, &all, 1, &by_all);
	address_client(set, &peer, &last, 1, &by_last);
	assert(by_all.local == by_last.local && (by_all.local || memcmp(by_all.ip, by_last.ip, sizeof by_all.ip) == 0));
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
	only_the_nearest_word_counts(ctx, text);
}

/* A cookie is a name without = and a value, neither with a ; in it; written again they are the same. */
static void
check_cookies(TALLOC_CTX *ctx, const char *text)
{
	struct fields fields = { 0 }, again = { 0 };
	bool quoted = false;
	char *all = mem_text(ctx, "");

	fields_add_cookies(ctx, text, &fields);
	assert(fields.n <= FIELDS_COOKIES_MAX);
	for (size_t i = 0; i < fields.n; i++) {
		const struct field *f = &fields.items[i];

		assert(*f->name && !strpbrk(f->name, "=;") && !strchr(f->value, ';'));
		quoted = quoted || *f->value == '"' || strpbrk(f->value, " \t");
		all = mem_printf(ctx, "%s%s=%s; ", all, f->name, f->value);
	}
	if (quoted)
		return;
	fields_add_cookies(ctx, all, &again);
	assert(again.n == fields.n);
	for (size_t i = 0; i < fields.n; i++)
		assert(strcmp(again.items[i].name, fields.items[i].name) == 0 && strcmp(again.items[i].value, fields.items[i].value) == 0);
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
			check_cookies(ctx, text);
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
