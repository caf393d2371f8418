#pragma once
/*
 * refuse - what iOS does not put up with ends the attempt, with words, wherever it is noticed.
 *
 *	struct attempt a;
 *	if (attempt(&a))
 *		the attempt ... refuse("the mobileconfig is signed by nobody") ...
 *	else
 *		a.why says it
 *	attempt_end(&a);
 *
 * It jumps, so all that was made on the way hangs on a talloc context that the beginner frees: libraries'
 * objects by hold().  Attempts nest; each thread has its own.  Outside of any, a refusal ends the program.
 */
#include <setjmp.h>
#include "tests/device/phone.h"

struct attempt {
	jmp_buf back;
	struct attempt *outer;
	char why[400];
};

#define attempt(a) (attempt_begin(a), setjmp((a)->back) == 0)
void attempt_begin(struct attempt *a);
void attempt_end(struct attempt *a);

/* With what OpenSSL had to say, if anything. */
_Noreturn void refuse(const char *fmt, ...) PRINTF(1, 2);

/* p is released with ctx; NULL is refused as `what`. */
void *hold_any(TALLOC_CTX *ctx, void *p, void (*release)(void *), const char *what);
#define hold(ctx, p, release, what) ((__typeof__(p))hold_any(ctx, p, (void (*)(void *))(void (*)(void))(release), what))

struct bytes hold_bio(TALLOC_CTX *ctx, BIO *bio);	/* a copy of what a memory BIO holds */
