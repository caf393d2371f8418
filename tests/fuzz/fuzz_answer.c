/* Any bytes as the inspect child's answer: nonsense, or one that is written and read the same again. */
#include "tests/fuzz/fuzz.h"
#include "ipa/answer.h"
#include <stdlib.h>

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	TALLOC_CTX *ctx = talloc_new(NULL);
	struct inspect *inspect = NULL, *again = NULL;
	struct err err = { 0 };
	struct buf out;

	if (answer_read(ctx, (struct bytes){ p, len }, false, &inspect, &err) == ANSWER_FACTS) {
		buf_init(&out, ctx, INSPECT_ANSWER_MAX);
		answer_write(&out, inspect, NULL);
		if (answer_read(ctx, (struct bytes){ out.p, out.len }, false, &again, &err) != ANSWER_FACTS ||
		    again->icons[ICON_512].len != inspect->icons[ICON_512].len)
			abort();
	}
	talloc_free(ctx);
	return 0;
}
