#include "core/embed.h"
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

bool
embed_find(const char *path, struct bytes *ret)
{
	for (const struct embed *e = embed_table; e->path; e++)
		if (strcmp(e->path, path) == 0) {
			*ret = (struct bytes){ e->from, (size_t)(e->to - e->from) };
			return true;
		}
	return false;
}

const struct embed *
embed_under(const char *prefix, const struct embed *after)
{
	for (const struct embed *e = after ? after + 1 : embed_table; e->path; e++)
		if (strncmp(e->path, prefix, strlen(prefix)) == 0)
			return e;
	return NULL;
}

void
embed_rest(void)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), from = UINTPTR_MAX, to = 0;

	for (const struct embed *e = embed_table; e->path; e++) {
		from = (uintptr_t)e->from < from ? (uintptr_t)e->from : from;
		to = (uintptr_t)e->to > to ? (uintptr_t)e->to : to;
	}
	from = (from + page - 1) & ~(page - 1);
	to &= ~(page - 1);
	if (from < to)
		madvise((void *)from, to - from, MADV_DONTNEED);	/* of a file that nobody writes to */
}
