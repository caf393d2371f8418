#include "core/embed.h"
#include <string.h>

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
