#include "web/fields.h"
#include <strings.h>
#include <unistr.h>
#include "core/num.h"

bool
fields_unescape(char *to, const char *from, size_t from_len, bool plus_is_blank, size_t *len)
{
	size_t n = 0;

	for (size_t i = 0; i < from_len; i++) {
		char c = from[i];

		if (c == '%') {
			int high = i + 2 < from_len ? num_hex_digit(from[i + 1]) : -1;
			int low = high >= 0 ? num_hex_digit(from[i + 2]) : -1;

			if (low < 0)
				return false;
			c = (char)(high << 4 | low);
			i += 2;
		} else if (c == '+' && plus_is_blank) {
			c = ' ';
		}
		if (c == '\0')
			return false;
		to[n++] = c;
	}
	to[n] = '\0';
	*len = n;
	return true;
}

static bool
decode(TALLOC_CTX *ctx, const char *text, size_t len, const char **ret)
{
	char *to = mem_size(ctx, len + 1);

	if (!fields_unescape(to, text, len, true, &len) || u8_check((const uint8_t *)to, len))
		return false;
	*ret = to;
	return true;
}

static void
add(TALLOC_CTX *ctx, struct fields *fields, struct field field)
{
	if ((fields->n & (fields->n - 1)) == 0)	/* 0 and powers of two: the room is full */
		fields->items =
			mem_grow(ctx, fields->items, struct field, fields->n ? fields->n * 2 : 1);
	fields->items[fields->n++] = field;
}

bool
fields_read(TALLOC_CTX *ctx, struct bytes text, size_t max, struct fields *ret, struct err *err)
{
	struct fields fields = { 0 };
	const char *p = text.p, *end = p + text.len;

	while (p < end) {
		const char *stop = memchr(p, '&', (size_t)(end - p));
		const char *equals;
		struct field field = { .value = "" };

		if (!stop)
			stop = end;
		if (stop > p) {		/* "a=1&&b=2" is two fields */
			if (fields.n == max)
				return err_set(err, ERR_MALFORMED, "more than %zu fields", max);
			equals = memchr(p, '=', (size_t)(stop - p));
			if (!decode(ctx, p, (size_t)((equals ? equals : stop) - p), &field.name) ||
			    (equals &&
			     !decode(ctx, equals + 1, (size_t)(stop - equals - 1), &field.value)))
				return err_set(err, ERR_MALFORMED,
					       "field %zu has a broken escape, a NUL or is not UTF-8",
					       fields.n + 1);
			add(ctx, &fields, field);
		}
		p = stop + (stop < end);
	}
	*ret = fields;
	return true;
}

void
fields_add_cookies(TALLOC_CTX *ctx, const char *header, struct fields *fields)
{
	const char *p = header;

	while (*p && fields->n < FIELDS_COOKIES_MAX) {
		const char *stop, *end, *equals;

		p += strspn(p, " \t;");
		stop = end = p + strcspn(p, ";");
		while (end > p && (end[-1] == ' ' || end[-1] == '\t'))
			end--;
		equals = memchr(p, '=', (size_t)(end - p));
		if (equals && equals > p) {
			const char *value = equals + 1;

			if (end - value >= 2 && *value == '"' && end[-1] == '"') {
				value++;
				end--;
			}
			add(ctx, fields,
			    (struct field){ mem_textn(ctx, p, (size_t)(equals - p)),
					    mem_textn(ctx, value, (size_t)(end - value)) });
		}
		p = stop;
	}
}

const char *
fields_nth(const struct fields *fields, const char *name, size_t n)
{
	for (size_t i = 0; i < fields->n; i++)
		if (strcmp(fields->items[i].name, name) == 0 && n-- == 0)
			return fields->items[i].value;
	return NULL;
}

const char *
fields_get(const struct fields *fields, const char *name)
{
	return fields_nth(fields, name, 0);
}

/* RFC 9110 section 12.4.2: thousandths of a weight, 1000 when there is none. */
static int
weight(const char *params, size_t len)
{
	for (size_t i = 0; i + 2 < len; i++) {
		int q = 0, scale = 1000;

		if (params[i] != ';')
			continue;
		i++;
		while (i < len && (params[i] == ' ' || params[i] == '\t'))
			i++;
		if (i + 2 >= len || (params[i] | 0x20) != 'q' || params[i + 1] != '=') {
			i--;
			continue;
		}
		for (i += 2; i < len && scale; i++) {
			if (params[i] >= '0' && params[i] <= '9') {
				q += (params[i] - '0') * scale;
				scale /= 10;
			} else if (params[i] != '.') {
				break;
			}
		}
		return q > 1000 ? 1000 : q;
	}
	return 1000;
}

/* How well an Accept header likes "major/minor": weight, and how exactly it was named. */
struct liking {
	int q, exact;	/* exact: 0 by nothing, 1 any, 2 "major/" with any, 3 by name */
};

static void
like(struct liking *liking, const char *range, size_t len, int q, const char *type)
{
	size_t major = (size_t)(strchr(type, '/') - type) + 1;
	int exact = 0;

	if (len == strlen(type) && strncasecmp(range, type, len) == 0)
		exact = 3;
	else if (len == major + 1 && range[major] == '*' && strncasecmp(range, type, major) == 0)
		exact = 2;
	else if (len == 3 && memcmp(range, "*/*", 3) == 0)
		exact = 1;
	if (exact > liking->exact)
		*liking = (struct liking){ q, exact };
}

bool
fields_prefers_html(const char *accept)
{
	struct liking html = { 0, 0 }, json = { 0, 0 };

	for (const char *p = accept ? accept : ""; *p;) {
		size_t all, len;
		int q;

		p += strspn(p, " \t,");
		all = strcspn(p, ",");
		len = strcspn(p, ",; \t");
		q = weight(p + len, all - len);
		like(&html, p, len, q, "text/html");
		like(&json, p, len, q, "application/json");
		p += all;
	}
	if (html.q != json.q)
		return html.q > json.q;
	return html.exact > json.exact && html.q > 0;
}

bool
fields_type_is(const char *content_type, const char *type)
{
	size_t len = strlen(type);

	return content_type && strncasecmp(content_type, type, len) == 0 &&
	       strchr("; \t", content_type[len]) != NULL;	/* or the end */
}
