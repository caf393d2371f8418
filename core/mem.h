#pragma once
/*
 * mem - one talloc tree a request or job; nobody frees strings by hand.
 *
 * Memory returned belongs to the ctx passed first.  Running out of memory ends the process with a
 * line in the log (a supervisor starts it again): no caller checks for NULL.  One context is used
 * by one thread at a time.
 */
#include <stdarg.h>
#include <stddef.h>
#include <talloc.h>
#include "core/err.h"

/* Input: never assumed to end with NUL, never owned. */
struct bytes {
	const void *p;
	size_t len;
};

void *mem_must(void *p) __attribute__((returns_nonnull));

#define mem_new(ctx, type)		((type *)mem_must(talloc_zero(ctx, type)))
#define mem_array(ctx, type, n)		((type *)mem_must(talloc_zero_array(ctx, type, n)))
#define mem_grow(ctx, p, type, n)	((type *)mem_must(talloc_realloc(ctx, p, type, n)))
#define mem_size(ctx, n)		mem_must(talloc_size(ctx, n))

char *mem_text(TALLOC_CTX *ctx, const char *text);		/* NULL stays NULL */
char *mem_textn(TALLOC_CTX *ctx, const char *text, size_t len);
void *mem_copy(TALLOC_CTX *ctx, const void *p, size_t len);
char *mem_printf(TALLOC_CTX *ctx, const char *fmt, ...) PRINTF(2, 3);
char *mem_vprintf(TALLOC_CTX *ctx, const char *fmt, va_list ap) PRINTF(2, 0);

/* Many short texts side by side; each alone would take a hundred bytes of talloc's own.  They go with its ctx. */
struct mem_shelf {
	TALLOC_CTX *ctx;
	char *p;
	size_t left;
};

const char *mem_shelve(struct mem_shelf *shelf, const char *text);

/* SCOPED(x): a variable that is cleaned up at the end of its block by scoped_x(). */
#define SCOPED(name) __attribute__((cleanup(scoped_##name)))

void scoped_mem(void *pp);	/* talloc_free */
void scoped_fd(int *fd);	/* close, when >= 0 */
void scoped_file(void *pp);	/* fclose */
