#include "core/count.h"
#include <stdatomic.h>
#include <string.h>

static const struct {
	const char *kind, *name, *labels, *help;
} table[COUNT_END] = {
#define X(id, kind, name, labels, help) [COUNT_##id] = { #kind, name, labels, help },
	COUNT_TABLE(X)
#undef X
};

static _Atomic int64_t values[COUNT_END];

void
count_add(enum count which, int64_t n)
{
	atomic_fetch_add_explicit(&values[which], n, memory_order_relaxed);
}

void
count_set(enum count which, int64_t value)
{
	atomic_store_explicit(&values[which], value, memory_order_relaxed);
}

int64_t
count_get(enum count which)
{
	return atomic_load_explicit(&values[which], memory_order_relaxed);
}

void
count_print(struct buf *buf)
{
	for (size_t i = 0; i < COUNT_END; i++) {
		if (i == 0 || strcmp(table[i].name, table[i - 1].name) != 0)
			buf_addf(buf, "# HELP %s %s\n# TYPE %s %s\n", table[i].name, table[i].help,
				 table[i].name, table[i].kind);
		buf_addf(buf, "%s%s%s%s %lld\n", table[i].name, *table[i].labels ? "{" : "",
			 table[i].labels, *table[i].labels ? "}" : "", (long long)count_get(i));
	}
}
