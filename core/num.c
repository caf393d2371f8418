#include "core/num.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

bool
num_parse(const char *text, int64_t min, int64_t max, int64_t *ret, struct err *err)
{
	const char *digits = text && *text == '-' && min < 0 ? text + 1 : text;
	long long value;

	if (!digits || !*digits || strspn(digits, "0123456789") != strlen(digits))
		return err_set(err, ERR_INVALID, "\"%.40s\" is not a whole number", text ? text : "");
	errno = 0;
	value = strtoll(text, NULL, 10);
	if (errno || value < min || value > max)
		return err_set(err, ERR_INVALID, "%.40s is not between %lld and %lld", text,
			       (long long)min, (long long)max);
	*ret = value;
	return true;
}

char *
num_size(TALLOC_CTX *ctx, int64_t bytes)
{
	static const char *const units[] = { "KB", "MB", "GB", "TB" };
	double size = (double)bytes / 1000;
	size_t unit = 0;

	if (bytes < 1000)
		return mem_printf(ctx, "%lld bytes", (long long)bytes);
	while (size >= 999.5 && unit < 3) {
		size /= 1000;
		unit++;
	}
	return mem_printf(ctx, unit >= 2 && size < 99.95 ? "%.1f %s" : "%.0f %s", size, units[unit]);
}

int
num_hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

char *
num_hex(const void *p, size_t len, char *text)
{
	static const char digits[] = "0123456789abcdef";
	const unsigned char *c = p;

	for (size_t i = 0; i < len; i++) {
		text[2 * i] = digits[c[i] >> 4];
		text[2 * i + 1] = digits[c[i] & 15];
	}
	text[2 * len] = '\0';
	return text;
}

bool
num_unhex(const char *text, void *p, size_t len)
{
	unsigned char *out = p;

	if (strlen(text) != len * 2)
		return false;
	for (size_t i = 0; i < len; i++) {
		int high = num_hex_digit(text[2 * i]), low = num_hex_digit(text[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		out[i] = (unsigned char)(high << 4 | low);
	}
	return true;
}

static int
base64_digit(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+' || c == '-')
		return 62;
	if (c == '/' || c == '_')
		return 63;
	return -1;
}

bool
num_unbase64(TALLOC_CTX *ctx, const char *text, size_t len, struct bytes *ret)
{
	unsigned char *out = mem_size(ctx, len / 4 * 3 + 4);
	uint32_t bits = 0;
	size_t digits = 0, pads = 0, n = 0;

	for (size_t i = 0; i < len; i++) {
		int d = base64_digit(text[i]);

		if (text[i] == ' ' || text[i] == '\t' || text[i] == '\r' || text[i] == '\n')
			continue;
		if (text[i] == '=') {
			pads++;
			continue;
		}
		if (d < 0 || pads)
			return false;
		bits = bits << 6 | (uint32_t)d;
		if (digits++ % 4)
			out[n++] = (unsigned char)(bits >> (6 - 2 * ((digits - 1) % 4)));
	}
	if (digits % 4 == 1 || pads > 2 || (pads && (digits + pads) % 4))
		return false;
	*ret = (struct bytes){ out, n };
	return true;
}

int
num_version_compare(const char *a, const char *b)
{
	while (*a || *b) {
		char *a_end, *b_end;
		unsigned long long x = strtoull(a, &a_end, 10), y = strtoull(b, &b_end, 10);

		if (x != y)
			return x < y ? -1 : 1;
		a = *a_end == '.' ? a_end + 1 : "";
		b = *b_end == '.' ? b_end + 1 : "";
	}
	return 0;
}

int
num_release_compare(const char *a_version, const char *a_build, const char *b_version, const char *b_build)
{
	bool known = a_version && *a_version && b_version && *b_version;
	int order = known ? num_version_compare(a_version, b_version) : 0;

	return order ? order : a_build && *a_build && b_build && *b_build ? num_version_compare(a_build, b_build) : 0;
}
