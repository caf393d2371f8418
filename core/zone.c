#include "core/zone.h"
#include "core/file.h"
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define ZONES		"/usr/share/zoneinfo"
#define HEADER		44	/* bytes: magic, version, 15 unused, six counts */

/* A name, and no way out of the folder. */
static bool
is_name(const char *name)
{
	size_t len = strlen(name);

	return len && len <= ZONE_NAME_MAX && *name != '/' && !strstr(name, "..") &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/_+-") == len;
}

static int64_t
big(const unsigned char *p, int bytes)
{
	uint64_t n = *p & 0x80 ? UINT64_MAX : 0;

	while (bytes--)
		n = n << 8 | *p++;
	return (int64_t)n;
}

struct counts { int64_t isut, isstd, leap, time, type, chars; };

static bool
counts_of(const unsigned char *p, size_t len, struct counts *ret)
{
	if (len < HEADER || memcmp(p, "TZif", 4) != 0)
		return false;
	*ret = (struct counts){ big(p + 20, 4), big(p + 24, 4), big(p + 28, 4), big(p + 32, 4), big(p + 36, 4), big(p + 40, 4) };
	return ret->isut >= 0 && ret->isstd >= 0 && ret->leap >= 0 && ret->time >= 0 && ret->type > 0 && ret->chars >= 0;
}

static int64_t
body_size(const struct counts *c, int64_t moment)
{
	return c->time * (moment + 1) + c->type * 6 + c->chars + c->leap * (moment + 4) + c->isstd + c->isut;
}

static bool
offset_in(const unsigned char *p, size_t len, int64_t at, int64_t *ret)
{
	struct counts c;
	const unsigned char *types;
	int64_t first, low = 0, high;
	unsigned type = 0;

	if (!counts_of(p, len, &c))
		return false;
	first = HEADER + body_size(&c, 4);		/* version 1, for programs with 32 bits */
	if (p[4] < '2' || first > (int64_t)len || !counts_of(p + first, len - (size_t)first, &c) ||
	    first + HEADER + body_size(&c, 8) > (int64_t)len)
		return false;
	p += first + HEADER;
	types = p + c.time * 9;
	for (high = c.time; low < high;) {		/* the first moment after `at` */
		int64_t middle = (low + high) / 2;

		if (big(p + middle * 8, 8) <= at)
			low = middle + 1;
		else
			high = middle;
	}
	if (low > 0)
		type = p[c.time * 8 + low - 1];
	if (type >= c.type)
		return false;
	*ret = big(types + type * 6, 4);
	return true;
}

bool
zone_offset(const char *name, int64_t at, int64_t *ret)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	char path[PATH_MAX];
	struct bytes file;
	struct err err;

	if (!name || !is_name(name))
		return false;
	snprintf(path, sizeof path, ZONES "/%s", name);
	return file_read(ctx, path, ZONE_FILE_MAX, &file, &err) && offset_in(file.p, file.len, at, ret);
}

int64_t
zone_offset_here(int64_t at)
{
	time_t t = (time_t)at;
	struct tm local;

	return localtime_r(&t, &local) ? local.tm_gmtoff : 0;
}
