#include "core/mem.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SHELF	4096

void *
mem_must(void *p)
{
	if (!p) {
		static const char text[] = "level=error msg=\"out of memory\"\n";
		ssize_t n = write(STDERR_FILENO, text, sizeof text - 1);

		(void)n;
		abort();
	}
	return p;
}

char *
mem_text(TALLOC_CTX *ctx, const char *text)
{
	return text ? mem_must(talloc_strdup(ctx, text)) : NULL;
}

char *
mem_textn(TALLOC_CTX *ctx, const char *text, size_t len)
{
	return mem_must(talloc_strndup(ctx, text, len));
}

const char *
mem_shelve(struct mem_shelf *shelf, const char *text)
{
	size_t size = strlen(text) + 1;
	char *ret;

	if (size > shelf->left) {
		shelf->left = size > SHELF ? size : SHELF;
		shelf->p = mem_size(shelf->ctx, shelf->left);
	}
	ret = memcpy(shelf->p, text, size);
	shelf->p += size;
	shelf->left -= size;
	return ret;
}

void *
mem_copy(TALLOC_CTX *ctx, const void *p, size_t len)
{
	void *copy = mem_size(ctx, len ? len : 1);

	if (len)
		memcpy(copy, p, len);
	return copy;
}

char *
mem_vprintf(TALLOC_CTX *ctx, const char *fmt, va_list ap)
{
	return mem_must(talloc_vasprintf(ctx, fmt, ap));
}

char *
mem_printf(TALLOC_CTX *ctx, const char *fmt, ...)
{
	va_list ap;
	char *text;

	va_start(ap, fmt);
	text = mem_vprintf(ctx, fmt, ap);
	va_end(ap);
	return text;
}

void
scoped_mem(void *pp)
{
	talloc_free(*(void **)pp);
}

void
scoped_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

void
scoped_file(void *pp)
{
	FILE *file = *(FILE **)pp;

	if (file)
		fclose(file);
}
