#include "tests/device/refuse.h"
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static _Thread_local struct attempt *current;

void
attempt_begin(struct attempt *a)
{
	a->outer = current;
	a->why[0] = '\0';
	current = a;
}

void
attempt_end(struct attempt *a)
{
	current = a->outer;
}

void
refuse(const char *fmt, ...)
{
	char why[sizeof current->why];
	const char *more;
	unsigned long code = ERR_peek_last_error();
	va_list ap;
	size_t len;

	va_start(ap, fmt);
	vsnprintf(why, sizeof why, fmt, ap);
	va_end(ap);
	len = strlen(why);
	more = code ? ERR_reason_error_string(code) : NULL;
	if (more)
		snprintf(why + len, sizeof why - len, " (%s)", more);
	ERR_clear_error();
	if (!current) {
		fprintf(stderr, "device: refused: %s\n", why);
		exit(1);
	}
	memcpy(current->why, why, sizeof why);
	longjmp(current->back, 1);
}

struct held {
	void *p;
	void (*release)(void *);
};

static int
let_go(struct held *held)
{
	held->release(held->p);
	return 0;
}

void *
hold_any(TALLOC_CTX *ctx, void *p, void (*release)(void *), const char *what)
{
	struct held *held;

	if (!p)
		refuse("%s", what);
	held = mem_new(ctx, struct held);
	*held = (struct held){ p, release };
	talloc_set_destructor(held, let_go);
	return p;
}

struct bytes
hold_bio(TALLOC_CTX *ctx, BIO *bio)
{
	char *p;
	long len = BIO_get_mem_data(bio, &p);

	return (struct bytes){ mem_copy(ctx, p, (size_t)len), (size_t)len };
}
